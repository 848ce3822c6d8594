#!/usr/bin/env python3
"""The command line, from outside:  cli.py QUERN FOLDER.  Only the standard library: models, pictures and arrays are written byte by byte (cli_files.py).

Prints each failed check and, last, `N passed, N failed, N skipped`.
"""
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

from cli_files import constant, graph, load_npy, model, node, put, save_bmp, save_npy, tensor, value

QUERN = os.path.abspath(sys.argv[1])
WORK = pathlib.Path(sys.argv[2]).absolute()
ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = pathlib.Path(os.environ.get("QUERN_MODELS", ROOT / ".." / "shared" / "models"))
passed = failed = skipped = 0


def check(ok, words):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", words, flush=True)
    return ok


def skip(words):
    global skipped
    skipped += 1
    print("skipped", words)


def quern(*args, code=0, env=None):
    """Run it; the exit code (or that it is one of several) is checked. Gives stdout and stderr."""
    words = [str(a) for a in args]
    e = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        r = subprocess.run([QUERN, *words], capture_output=True, cwd=WORK, env=e, timeout=300)
    except subprocess.TimeoutExpired:
        check(False, f"quern {' '.join(words)}: no end after 300 s")
        return "", ""
    out, err = r.stdout.decode("utf-8", "surrogateescape"), r.stderr.decode("utf-8", "replace")
    check(r.returncode in (code if isinstance(code, tuple) else (code,)), f"quern {words}: exit {r.returncode}, not {code}: {err.strip()[-400:]!r}")
    return out, err


def quern_json(*args, code=0):
    out, _ = quern(*args, "--json", code=code)
    try:
        return json.loads(out.encode("utf-8", "surrogateescape").decode("utf-8"))
    except ValueError as e:
        check(False, f"quern {[str(a) for a in args]} --json: {e}: {out[:200]!r}")
        return {}


# ---- the checks
COMMANDS = ["demo", "classify", "run", "inspect", "bench", "conformance", "doctor", "kernel"]


def usage():
    out, _ = quern("--help")
    for c in COMMANDS:
        check(f"  {c} " in out, f"--help does not list {c}")
        text, _ = quern(c, "--help")
        check("--json" in text and text.startswith(f"usage: quern {c}"), f"{c} --help")
        check(quern("help", c)[0] == text, f"help {c} is not {c} --help")
    quern(code=2)
    quern("help", "clasify", code=2)
    quern("--version")
    for args, words in [(["clasify"], "did you mean classify?"), (["run", "m", "--thread", "2"], "did you mean --threads?"),
                        (["bench", "m", "--run=3"], "did you mean --runs?"), (["doctor", "--jsno"], "did you mean --json?"),
                        (["run"], "MODEL is missing"), (["bench", "a", "b"], "too many: b"), (["run", "m", "--device"], "wants a value"),
                        (["run", "m", "--threads", "two"], "whole number"), (["run", "m", "--profile=yes"], "takes no value"),
                        (["run", "m", "--device", "--json"], "wants a value"), (["classify", "x.png"], "--model FILE is missing"),
                        (["classify", "x", "--model", "m", "--fit", "crpo"], "did you mean crop?"),
                        (["classify", "x", "--model", "m", "--size", "3"], "WIDTHxHEIGHT"),
                        (["classify", "x", "--model", "m", "--range", "1"], "LO,HI"),
                        (["classify", "x", "--model", "m", "--mean", "1,2"], "one number or three"),
                        (["run", "m", "--trace", "t"], "goes with --profile")]:
        _, err = quern(*args, code=2)
        check(words in err and "Try: quern" in err, f"{args}: {err!r} lacks {words!r}")


def unknown_options():
    """Every command, for each of its options: one letter too many names the option that was meant, in text and as JSON."""
    for c in COMMANDS:
        text, _ = quern(c, "--help")
        options = [line.split()[0] for line in text.splitlines() if line.startswith("  --")]
        check(len(options) > 2 - (c == "doctor") and {"--json", "--help"} <= set(options), f"{c}: options {options}")
        for o in options:
            _, err = quern(c, "x", o + "q", code=2)
            check(f"unknown option {o}q; did you mean {o}?" in err and f"Try: quern {c} --help" in err, f"{c} {o}q: {err!r}")
        r = quern_json(c, "--jsonn", code=2)
        check(r.get("status") == "usage" and "did you mean --json?" in r.get("error", ""), f"{c} --jsonn --json: {r}")
        _, err = quern(c, "--nothing-like-it-at-all", code=2)
        check("unknown option" in err and "did you mean" not in err, f"{c}: an option that is near to none: {err!r}")


def man_page():
    """Every command with every option of its help stands in the man page, and no option that none has."""
    text = (ROOT / "docs" / "quern.1").read_text().replace("\\-", "-")
    common, parts = text.split(".SH COMMON OPTIONS")[1].split(".SH")[0], {}
    for part in text.split(".SH COMMANDS")[1].split(".SH")[0].split("\n.TP\n")[1:]:
        parts[part.split()[1].strip('"')] = part
    check(list(parts) == COMMANDS, f"commands of the man page: {list(parts)}")
    for c in COMMANDS:
        listed = [line.split()[0] for line in quern(c, "--help")[0].splitlines() if line.startswith("  --")]
        options = set(listed)
        check(len(listed) == len(options), f"{c} --help names an option twice: {listed}")
        there = set(re.findall(r"--[a-z][a-z-]*", parts.get(c, "")))
        missing = options - there - set(re.findall(r"--[a-z][a-z-]*", common))
        check(not missing and there <= options, f"the man page of {c} lacks {sorted(missing)}, and has {sorted(there - options)} that it has not")


# Quotes and backslashes; control characters; bytes that are no UTF-8: stray, too long, half a surrogate pair, past the last character, cut short.
ODD_NAMES = ['a "quoted" \\ name', "two\nlines\tand \x01\x1b\x1f\x7f", os.fsdecode(b"\xff \xc0\x80 \xe0\x80\xaf \xed\xa0\x80 \xf0\x80\x80\xaf \xf4\x90\x80\x80 \xc3\xa9\xe2\x82")]


def odd_names():
    """JSON stays JSON, whatever names files, inputs, outputs, sizes, operators, labels and kernels have."""
    for i, odd in enumerate(ODD_NAMES):
        top = WORK / f"odd{i}" / odd
        inner = "x" if odd.startswith("\udcff") else odd  # a name in a model that is no UTF-8 is refused
        m = model(top / f"{odd}.onnx", [node("Relu", [inner], ["m" + inner]), node("Neg", ["m" + inner], ["y" + inner])], [value(inner, [inner, 3])],
                  [value("y" + inner, [inner, 3])], [tensor("w" + inner, [2], [1.0, 2.0])])
        strange = model(top / f"strange{odd}.onnx", [node(inner, ["x"], ["y"])], [value("x", [2])], [value("y", [2])])
        named = model(top / f"named{odd}.onnx", [node("Relu", [odd], ["y"])], [value(odd, [2])], [value("y", [2])])
        data = top / "suite" / odd / "test_data_set_0"
        data.mkdir(parents=True)
        shutil.copy(m, data.parent / "model.onnx")
        (data / "input_0.pb").write_bytes(tensor(inner, [1, 3], [1.0, 2.0, 3.0]))
        (data / "output_0.pb").write_bytes(tensor("y" + inner, [1, 3], [0.0, 0.0, 0.0]))
        colour, picture, labels = colour_model(top / f"colour{odd}.onnx"), save_bmp(top / f"{odd}.bmp", 9, 9, (255, 0, 0)), top / f"{odd}.txt"
        labels.write_text(json.dumps([odd.encode("utf-8", "replace").decode()] * 3))
        kernel = top / f"{odd}.c"
        kernel.write_text('#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return x[i] * 2.0f; }\n')
        broken = top / f"broken{odd}.c"
        broken.write_text('#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return x[i] * ; }\n')
        none, cpu = top / f"none{odd}", ["--device", "cpu"]
        for words, code in [(["run", m, *cpu, "--output", top / "out", "--profile", "--trace", top / "trace"], 0), (["run", none, *cpu], 3),
                            (["run", m, *cpu, "--input", f"{inner}={none}"], 3), (["run", m, *cpu, "--input", f"{odd}{odd}={none}"], 2),
                            (["run", m, *cpu, "--dim", f"{odd}{odd}=2"], 2), (["run", m, "--device", odd], 4), (["run", strange, *cpu], 3),
                            (["run", m, *cpu, "--output", m / "below"], 1), (["run", m, *cpu, "--profile", "--trace", none / "t"], 1),
                            (["inspect", m], 0), (["inspect", named], 3 if inner != odd else 0), (["inspect", strange], 0), (["inspect", none], 3), (["inspect", broken], 3),
                            (["bench", m, *cpu, "--runs", 2], 0), (["bench", none, *cpu], 3), (["bench", m, "--race", "--runs", 2], 0),
                            (["conformance", top / "suite", *cpu], 1), (["conformance", none, *cpu], 3),
                            (["classify", picture, "--model", colour, "--labels", labels, *cpu], 0), (["classify", none, "--model", colour], 3),
                            (["classify", picture, "--model", none], 3), (["classify", picture, "--model", colour, "--labels", none, *cpu], 3),
                            (["classify", picture, "--model", colour, "--fit", odd], 2), (["demo", picture, *cpu], 0), (["demo", none, *cpu], 3),
                            (["kernel", kernel], 0), (["kernel", broken], 3), (["kernel", none], 3), (["kernel", kernel, "--target", odd], 2),
                            (["kernel", kernel, "--entry", odd], 2), (["kernel", kernel, "--define", f"={odd}"], 2), (["doctor", odd], 2),
                            (["doctor", f"--{odd}"], 2)]:
            r = quern_json(*words, code=code)
            check(code == 0 or words[0] in ("demo", "conformance") or r.get("error"), f"{words}: {r}")
        json.loads((top / "trace").read_bytes().decode("utf-8"))
        check(quern_json("inspect", m)["inputs"][0]["name"] == inner, f"{inner!r} comes back as another name")


def scale_model(path):
    """y = max(2 x + b, 0) with x [n, 3]; z holds x's shape. One output's name is no file name."""
    return model(path, [node("Mul", ["x", "two"], ["m"]), node("Add", ["m", "b"], ["s"]), node("Relu", ["s"], ["a/b:y"]),
                        node("Shape", ["x"], ["z"])],
                 [value("x", ["n", 3])], [value("a/b:y", ["n", 3]), value("z", [2], "q")],
                 [tensor("two", [], [2.0]), tensor("b", [3], [0.0, -1.0, 1.0])])


def run():
    m = scale_model(WORK / "scale.onnx")
    x = save_npy(WORK / "x.npy", [2, 3], [1, 2, 3, -1, -2, -3])
    r = quern_json("run", m, "--device", "cpu", "--input", f"x={x}", "--output", "out/deep", "--threads", 2)
    check([o["name"] for o in r.get("outputs", [])] == ["a/b:y", "z"], f"outputs: {r}")
    y, z = WORK / "out/deep/a_b_y.npy", WORK / "out/deep/z.npy"
    check(y.exists() and load_npy(y) == ((2, 3), [2, 3, 7, 0, 0, 0]), "a_b_y.npy")
    check(z.exists() and load_npy(z) == ((2,), [2, 3]), "z.npy")
    out, _ = quern("run", m, "--device", "cpu", "--dim", "n=5")
    check("[5, 3]" in out and "random" in out, f"--dim: {out!r}")
    first, second = quern_json("run", m, "--device", "cpu"), quern_json("run", m, "--device", "cpu", "--no-optimize")
    check(first.get("outputs") == second.get("outputs") and first["outputs"][0]["shape"] == [1, 3], "random inputs are the same each time")
    d = model(WORK / "draw.onnx", [node("RandomUniformLike", ["x"], ["y"])], [value("x", [8])], [value("y", [8])])
    drawn = []
    for i, seed in enumerate([("--seed", 5), ("--seed", 5), ("--seed", 6), (), ()]):
        quern("run", d, "--device", "cpu", "--output", f"out/draw{i}", *seed)
        drawn.append(load_npy(WORK / f"out/draw{i}/y.npy")[1])
    check(drawn[0] == drawn[1] and len({tuple(y) for y in drawn}) == 4, f"--seed: {drawn}")
    _, err = quern("run", m, "--device", "cpu", "--input", f"xx={x}", code=2)
    check("did you mean x?" in err, err)
    long = model(WORK / "long.onnx", [node("Relu", ["x" * 90], ["y"])], [value("x" * 90, [2])], [value("y", [2])])
    for typed, near in [("q" * 200, False), ("x" * 40 + "q" + "x" * 50, True)]:
        _, err = quern("run", long, "--device", "cpu", "--input", f"{typed}=1", code=2)
        check(("did you mean" in err) == near, f"a name of {len(typed)} letters: {err!r}")
    wide = model(WORK / "wide.onnx", [node("Mul", ["x", "w"], ["y"])], [value("x", ["n", 1])], [value("y", ["n", "m"])], [tensor("w", [1, 4096], [1.0] * 4096)])
    _, err = quern("run", wide, "--device", "cpu", "--dim", "n=1000000000", code=1)
    check("'y'" in err and "bytes are more than cpu holds" in err, f"what would not fit is told before it is filled: {err!r}")
    quern("run", m, "--device", "cpu", "--input", "x", code=2)
    quern("run", m, "--device", "cpu", "--dim", "n=-1", code=2)
    quern("run", m, "--device", "cpu", "--input", "x=nothing.npy", code=3)
    (WORK / "noise.npy").write_bytes(b"nope")
    _, err = quern("run", m, "--device", "cpu", "--input", "x=noise.npy", code=3)
    check("no .npy" in err, f"a file that is no tensor: {err!r}")
    with open("/dev/full", "w") as full:
        r = subprocess.run([QUERN, "run", str(m), "--device", "cpu"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    check(r.returncode == 1 and "cannot be written" in r.stderr, f"a full disk: {r}")
    wrong = save_npy(WORK / "wrong.npy", [2, 4], [0] * 8)
    whole = save_npy(WORK / "whole.npy", [2, 3], [0] * 6, "q")
    for args, words in [([f"x={wrong}"], "input 'x' has the shape [2, 4] in its file, the model wants [n, 3]"),
                        ([f"x={whole}"], "input 'x' is i64 in its file, the model wants f32"),
                        ([f"x={x}", "--input", f"x={x}"], "given twice"),
                        ([f"x={x}", "--dim", "n=5"], "size 0, 'n', is 2 in its file, --dim says 5"),
                        ([f"x={x}", "--dim", "m=2"], "no dynamic dimension 'm'; did you mean n?"),
                        ([f"x={x}", "--dim", "n=2", "--dim", "n=3"], "--dim gives 'n' twice: 2 and 3")]:
        _, err = quern("run", m, "--device", "cpu", "--input", *args, code=2)
        check(words in err, f"{args}: {err!r} lacks {words!r}")
    r = quern_json("run", m, "--device", "cpu", "--input", "x=1.5", "--dim", "n=2", "--output", "out")
    check(load_npy(WORK / "out/a_b_y.npy") == ((2, 3), [3, 2, 4] * 2) and r["inputs"][0]["random"] is False, f"a number for an input: {r}")
    many = model(WORK / "many.onnx", [node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(70)],
                 [value(f"x{i}", [f"n{i}"]) for i in range(70)], [value(f"y{i}", [f"n{i}"]) for i in range(70)])
    r = quern_json("run", many, "--device", "cpu", "--dim", "n69=3")
    check(r.get("outputs", [{}])[-1].get("shape") == [3], f"the last of many named sizes: {r}")
    step = model(WORK / "whole.onnx", [node("Neg", ["i"], ["y"])], [value("i", [2], "b")], [value("y", [2], "b")])
    out, _ = quern("run", step, "--device", "cpu", "--input", "i=-7")
    check("all -7" in out and " 7 " in out, f"a number for an input of integers: {out!r}")
    for number in ("200", "0.5", "nan"):
        _, err = quern("run", step, "--device", "cpu", "--input", f"i={number}", code=2)
        check(f"i8, which cannot be {number}" in err, err)
    _, err = quern("run", m, "--device", "cpu", "--input", "x=1", "--input", "x=2", code=2)
    check("given twice" in err, err)
    texts = model(WORK / "texts.onnx", [node("Identity", ["s"], ["t"]), node("Shape", ["s"], ["n"])], [value("s", ["k"], "s")],
                  [value("t", ["k"], "s"), value("n", [1], "q")])
    (WORK / "s.pb").write_bytes(put(1, 2) + put(2, 8) + put(6, "one") + put(6, "two"))
    quern("run", texts, "--device", "cpu", "--input", "s=s.pb", "--output", "out")
    check((WORK / "out/t.pb").exists() and load_npy(WORK / "out/n.npy") == ((1,), [2]), "texts are saved")
    quern("run", texts, "--device", "cpu", "--input", "s=out/t.pb")
    _, err = quern("run", texts, "--device", "cpu", "--input", "s=1", code=2)
    check("s' is string: no number for that; give --input s=FILE" in err, err)
    two = model(WORK / "two.onnx", [node("Add", ["a", "b"], ["c"])], [value("a", ["n", 3]), value("b", ["n", 3])], [value("c", ["n", 3])])
    one = save_npy(WORK / "one.npy", [1, 3], [0] * 3)
    _, err = quern("run", two, "--device", "cpu", "--input", f"a={x}", "--input", f"b={one}", code=2)
    check("'n'" in err and "in another input it is" in err, f"two inputs that differ in n: {err!r}")
    r = quern_json("run", m, "--dim", "m=2", "--device", "cpu", code=2)
    check("dynamic dimension" in r.get("error", ""), f"--json of a usage error: {r}")
    alike = model(WORK / "alike.onnx", [node("Relu", ["x"], ["a/b"]), node("Neg", ["x"], ["a:b"])], [value("x", [1])],
                  [value("a/b", [1]), value("a:b", [1])])
    quern("run", alike, "--device", "cpu", "--output", "alike")
    check(sorted(f.name for f in (WORK / "alike").iterdir()) == ["a_b_0.npy", "a_b_1.npy"], "outputs whose names are one as files")
    pick = model(WORK / "pick.onnx", [node("Gather", ["t", "i"], ["y"])], [value("i", ["n"], "q")], [value("y", ["n"])],
                 [tensor("t", [3], [1.0, 2.0, 3.0])])
    _, err = quern("run", pick, "--device", "cpu", "--input", f"i={save_npy(WORK / 'i.npy', [2], [0, 3], 'q')}", code=1)
    check("Gather 'y': index 3, element 1 of 'i', is outside its axis of 3" in err, f"an index outside: {err!r}")
    quern("run", pick, "--device", "cpu", "--input", f"i={save_npy(WORK / 'i.npy', [2], [0, -3], 'q')}")
    fixed = model(WORK / "fixed.onnx", [node("Gather", ["x", "i"], ["y"])], [value("x", [3])], [value("y", [1])], [tensor("i", [1], [-4], "q")])
    _, err = quern("run", fixed, "--device", "cpu", code=3)
    check("index -4" in err, f"a constant index outside: {err!r}")
    step = model(WORK / "step.onnx", [node("Slice", ["x", "from", "to", "from", "t"], ["y"])], [value("x", [6]), value("t", [1], "q")],
                 [value("y", ["m"])], [tensor("from", [1], [0], "q"), tensor("to", [1], [6], "q")])
    _, err = quern("run", step, "--device", "cpu", "--input", f"t={save_npy(WORK / 't.npy', [1], [0], 'q')}", code=1)
    check("Slice 'y'" in err, f"a step of 0: {err!r}")
    quern("run", step, "--device", "cpu", "--input", f"t={save_npy(WORK / 't.npy', [1], [2], 'q')}")
    axis = model(WORK / "axis.onnx", [node("ReduceSum", ["x", "a"], ["y"])], [value("x", [2, 3]), value("a", [1], "q")], [value("y", ["m", "k"])])
    _, err = quern("run", axis, "--device", "cpu", "--input", f"a={save_npy(WORK / 'a.npy', [1], [2], 'q')}", code=1)
    check("ReduceSum 'y'" in err, f"an axis outside: {err!r}")
    quern("run", m, "--device", "cpu", "--output", m / "below", code=1)


def profile():
    m, trace = WORK / "scale.onnx", WORK / "trace.json"
    out, _ = quern("run", m, "--device", "cpu", "--profile", "--trace", trace)
    check("by node" in out and "by kernel" in out and "fuse_elementwise" in out, f"--profile: {out!r}")
    events = json.loads(trace.read_text())["traceEvents"] if trace.exists() else []
    runs, tracks = [e for e in events if e["ph"] == "X"], [e["tid"] for e in events if e["name"] == "thread_name"]
    check(runs and all(e["dur"] >= 0 and type(e["tid"]) is int for e in runs), f"trace events: {events}")
    check({e["tid"] for e in runs} == set(tracks) and len(tracks) == len(set(tracks)), f"each track of the trace has one name: {events}")
    check("run 4, after 3 to warm up" in out, f"--profile says of which run it is: {out!r}")
    r = quern_json("run", m, "--device", "cpu", "--profile")
    check(len(r.get("profile", {}).get("passes", [])) > 20, "--profile --json: the passes")
    check(r.get("profile", {}).get("kernels") and (WORK / "quern-trace.json").exists(), "--profile --json, and the default trace file")
    dense = model(WORK / "dense.onnx", [node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["s"]), node("Relu", ["s"], ["y"])],
                  [value("x", ["n", 32])], [value("y", ["n", 16])], [tensor("w", [32, 16], [0.5] * 512), tensor("b", [16], [1.0] * 16)])
    r = quern_json("run", dense, "--device", "cpu", "--profile", "--dim", "n=7")
    check([n["flops"] for n in r.get("profile", {}).get("nodes", [])] == [2 * 7 * 32 * 16], f"flops of a fused node: {r.get('profile')}")
    out, _ = quern("run", dense, "--device", "cpu", "--profile", "--dim", "n=7")
    check("GFLOP/s" in out, f"--profile shows no speed: {out!r}")
    check(quern_json("bench", dense, "--device", "cpu", "--runs", 2, "--dim", "n=7").get("warm", {}).get("gflops", 0) > 0, "bench shows no speed")
    quern("run", m, "--device", "cpu", "--dump-passes", "passes")
    dumps = sorted((WORK / "passes").iterdir()) if (WORK / "passes").exists() else []
    check(len(dumps) > 1 and "Relu" in dumps[0].read_text(), f"--dump-passes: {[d.name for d in dumps]}")


def bad_files():
    (WORK / "bad.onnx").write_bytes(b"\x08\x07this is no model")
    for command in ["run", "inspect", "bench"]:
        _, err = quern(command, "bad.onnx", code=3)
        check("bad.onnx" in err, f"{command}: {err!r} does not name the file")
        quern(command, "none.onnx", code=3)
    r = quern_json("inspect", "none.onnx", code=3)
    check("error" in r, "--json of a failure")
    m = model(WORK / "strange.onnx", [node("Sneeze", ["x"], ["y"], domain="my.ops")], [value("x", [2])], [value("y", [2])])
    _, err = quern("run", m, code=3)
    check("Sneeze" in err, f"an unknown op is not named: {err!r}")
    r = quern_json("inspect", m)
    check(r.get("runs") is False and [o["op"] for o in r["ops"] if not o["supported"]] == ["Sneeze"], f"inspect of an unknown op: {r}")
    sly = "\x1b[2J\n\x7f\u009b"  # what a terminal obeys, in every name
    m = model(WORK / "sly.onnx", [node("Relu" + sly, ["x"], ["y" + sly])], [value("x", [sly])], [value("y" + sly, [sly])], metadata=[("k", sly)])
    for command, code in [("run", 3), ("inspect", 0)]:
        shown = "".join(quern(command, m, code=code))
        check(not set(shown) & set("\x1b\x7f\u009b") and "\\x1b[2J\\x0a" in shown, f"{command} shows names raw: {shown!r}")
    m = model(WORK / "sly.onnx", [node("Relu", ["x"], ["y" + sly])], [value("x", [2])], [value("y" + sly, [2])])
    for options in [["run", m], ["run", m, "--profile"], ["bench", m, "--runs", 1]]:
        shown = "".join(quern(*options, "--device", "cpu"))
        check(not set(shown) & set("\x1b\x7f\u009b"), f"{options[0]} shows names raw: {shown!r}")
    quern("run", WORK / "scale.onnx", "--device", "gpu9", code=4)
    quern("run", WORK / "scale.onnx", "--device", "cpu:77", code=4)


def maps():
    """What a classifier of scikit-learn gives: a map for each row. Shown, as JSON, to a file and in again."""
    labels = b"".join(put(9, t) for t in ["setosa", 'a "\n', ""])
    zip_map = node("ZipMap", ["x"], ["z"], domain="ai.onnx.ml") + put(5, put(1, "classlabels_strings") + labels + put(20, 8))
    held = put(2, put(4, put(1, put(5, put(1, 8) + put(2, put(1, put(1, 1)))))))
    m = model(WORK / "zip.onnx", [zip_map], [value("x", ["n", 3])], [put(1, "z") + held])
    m.write_bytes(m.read_bytes() + put(8, put(1, "ai.onnx.ml") + put(2, 3)))
    x = save_npy(WORK / "zip.npy", [2, 3], [0.5, 0.25, 0.125, 1.0, float("nan"), -3.0])
    want = [{"setosa": 0.5, 'a "\n': 0.25, "": 0.125}, {"setosa": 1, 'a "\n': None, "": -3}]
    out, _ = quern("run", m, "--device", "cpu", "--input", f"x={x}", "--output", WORK / "zip")
    check("sequence {map {setosa: 0.5" in out and "z.pb" in out, f"maps are shown: {out!r}")
    z = quern_json("run", m, "--device", "cpu", "--input", f"x={x}")["outputs"][0]
    check(z.get("value") == want and z["dtype"] == "sequence" and z["shape"] == [2], f"maps as JSON: {z}")
    info = quern_json("inspect", m)["outputs"][0]
    check(info["of"]["dtype"] == "map" and info["of"]["key"] == "string" and info["of"]["of"]["dtype"] == "f32", f"a map is told: {info}")
    check("sequence of map of string to f32" in quern("inspect", m)[0], "inspect names a map")
    same = model(WORK / "same.onnx", [node("Identity", ["z"], ["y"])], [put(1, "z") + held], [put(1, "y") + held])
    y = quern_json("run", same, "--device", "cpu", "--input", f"z={WORK / 'zip' / 'z.pb'}")["outputs"][0]
    check(y.get("value") == want, f"maps come back from a file: {y}")
    integers = put(2, put(5, put(1, 7) + put(2, put(1, put(1, 7)))))
    m = model(WORK / "one.onnx", [node("Identity", ["m"], ["y"])], [put(1, "m") + integers], [put(1, "y") + integers])
    (WORK / "one.pb").write_bytes(put(2, 7) + put(3, 5) + put(3, 2**64 - 2) + put(5, put(2, 1) + put(3, tensor("", [], [2**60], "q")) + put(3, tensor("", [1], [-1], "q"))))
    y = quern_json("run", m, "--device", "cpu", "--input", f"m={WORK / 'one.pb'}")["outputs"][0]
    check(y.get("value") == {"5": 2**60, "-2": -1} and y["dtype"] == "map", f"one map: {y}")
    odd_maps(model(WORK / "odd.onnx", [node("Identity", ["m"], ["y"])], *[[put(1, n) + put(2, put(5, put(1, 8) + put(2, put(1, put(1, 11)))))] for n in "my"]))
    for given in ["zip.npy", "zip/z.pb", "one.onnx"]:
        _, err = quern("run", m, "--device", "cpu", "--input", f"m={WORK / given}", code=3)
        check("map" in err, f"{given} is taken for a map: {err!r}")
    quern("run", m, "--device", "cpu", code=2)  # no random maps


def odd_maps(m):
    """Keys that are no UTF-8 stay apart, a double keeps all its digits; a terminal sees none of those bytes."""
    keys, values = [b"\xff", b"\xfe", b"\xef\xbf\xbdff", "\u00e9".encode(), b"a\x00b"], [0.1, 1 / 3, 1e300, 5e-324, 2.0]
    (WORK / "odd.pb").write_bytes(put(2, 8) + b"".join(put(4, k) for k in keys) + put(5, put(2, 1) + b"".join(put(3, tensor("", [], [v], "d")) for v in values)))
    run = ["run", m, "--device", "cpu", "--input", f"m={WORK / 'odd.pb'}"]
    got = quern_json(*run)["outputs"][0].get("value", {})
    check(list(got.values()) == values, f"doubles in a map: {got}")
    check(list(got) == ["\ufffdff", "\ufffdfe", "\ufffdef\ufffdbf\ufffdbdff", "\u00e9", "a\x00b"], f"keys that are no UTF-8: {got}")
    out, _ = quern(*run)
    check("\\xff" in out and "\u00e9" in out and "\udcff" not in out, f"a map's keys on a terminal: {out!r}")


def inspect():
    r = quern_json("inspect", WORK / "scale.onnx")
    check(r.get("inputs") == [{"name": "x", "dtype": "f32", "shape": ["n", 3]}], f"inputs: {r.get('inputs')}")
    check(r.get("parameters") == 4 and r.get("weight_bytes") == 16 and r.get("runs") is True, f"weights: {r}")
    check({o["op"]: o["count"] for o in r.get("ops", [])} == {"Mul": 1, "Add": 1, "Relu": 1, "Shape": 1}, f"ops: {r.get('ops')}")
    out, _ = quern("inspect", WORK / "scale.onnx")
    check("[n, 3]" in out and "4 parameters" in out, f"inspect: {out!r}")
    held = put(1, "s") + put(2, put(4, put(1, put(1, put(1, 1)))))
    m = model(WORK / "held.onnx", [node("SequenceConstruct", ["x", "x"], ["s"])], [value("x", ["n", 3])], [held])
    s = quern_json("inspect", m).get("outputs")
    check(s == [{"name": "s", "dtype": "sequence", "shape": s[0]["shape"], "of": {"dtype": "f32", "shape": s[0]["of"]["shape"]}}], f"what a sequence holds: {s}")
    out, _ = quern("inspect", m)
    check("sequence of f32" in out, f"what a sequence holds: {out!r}")


def inspect_bodies():
    """Constants in nodes, weights in the branches of an If and in a function: all are counted, each once."""
    scalar = [value("r", [])]
    then = graph([constant("bk", [5], [1.0] * 5), node("ReduceSum", ["bk"], ["r"], keepdims=0)], [], scalar, [tensor("w7", [7], [1.0] * 7)])
    other = graph([node("ReduceSum", ["w9"], ["r"], keepdims=0)], [], scalar, [tensor("w9", [9], [1.0] * 9)])
    branch = put(1, "c") + put(2, "z") + put(3, "if") + put(4, "If")
    for name, body in [("then_branch", then), ("else_branch", other)]:
        branch += put(5, put(1, name) + put(6, body) + put(20, 5))
    m = model(WORK / "bodies.onnx", [constant("k", [3, 4], [1.0] * 12), node("MatMul", ["x", "k"], ["a"]), node("F", ["a"], ["b"], domain="my.ops"),
                                     node("F", ["b"], ["y"], domain="my.ops"), branch],
              [value("x", ["n", 3]), value("c", [], "?")], [value("y", ["n", 4]), value("z", [])])
    function = put(1, "F") + put(4, "p") + put(5, "q") + put(7, constant("fk", [1], [2.0])) + put(7, node("Mul", ["p", "fk"], ["q"]))
    m.write_bytes(m.read_bytes() + put(25, function + put(9, put(1, "") + put(2, 13)) + put(10, "my.ops")))
    r = quern_json("inspect", m)
    check(r.get("parameters") == 12 + 5 + 7 + 9 + 1 and r.get("weight_tensors") == 5, f"weights of nodes and bodies: {r}")
    check(r.get("weight_bytes") == 4 * 34 and r.get("runs") is True, f"bytes: {r}")
    check({o["op"]: o["count"] for o in r.get("ops", [])} == {"Constant": 3, "F": 2, "If": 1, "MatMul": 1, "Mul": 1, "ReduceSum": 2},
          f"ops of nodes and bodies: {r.get('ops')}")
    quern("run", m, "--device", "cpu")


def bench():
    r = quern_json("bench", WORK / "scale.onnx", "--device", "cpu", "--runs", 7, "--threads", 1, "--dim", "n=4")
    warm = r.get("warm", {})
    check(warm.get("runs") == 7 and 0 < warm["minimum_ms"] <= warm["median_ms"], f"warm: {warm}")
    check(r.get("cold", {}).get("ms", 0) > 0 and r.get("memory", {}).get("process_peak_bytes", 0) > 1 << 20, f"cold, memory: {r}")
    check(r.get("passes") and all(p["ms"] >= 0 for p in r["passes"]), "passes")
    out, _ = quern("bench", WORK / "scale.onnx", "--device", "cpu", "--runs", 3, "--memory", "--passes")
    check("passes: " in out and out.count("fold_constants ") == 1, f"--passes: {out!r}")
    check("planned peak" in out and "lower bound" in out and "minimum" in out, f"bench: {out!r}")
    quern("bench", WORK / "scale.onnx", "--runs", 0, code=2)
    _, quiet = quern("bench", WORK / "scale.onnx", "--device", "cpu", "--runs", 3)
    _, told = quern("bench", WORK / "scale.onnx", "--device", "cpu", "--runs", 3, "--verbose")
    check(quiet == "" and "quern: optimizing" in told and "quern: first run\n" in told and "\x1b" not in told, f"--verbose: {quiet!r}, {told!r}")
    picky = model(WORK / "picky.onnx", [node("Add", ["x", "z"], ["y"])], [value("x", ["a", 3]), value("z", [2, "b"])], [value("y", [2, 3])])
    for tool in ("run", "bench"):
        _, err = quern(tool, picky, "--device", "cpu", "--dim", "b=2", code=1)
        check("Add" in err and "--input z=FILE.npy or =NUMBER" in err and "--dim 'a=N'" in err, f"{tool} does not say which inputs were made up: {err!r}")
    r = quern_json("bench", WORK / "scale.onnx", "--race", "--runs", 3, "--dim", "n=4")
    rows = r.get("race", [])
    ran = [x for x in rows if x["ran"]]
    check([x["rank"] for x in ran] == list(range(1, len(ran) + 1)) and rows[:len(ran)] == ran, f"ranks: {rows}")
    check([x["median_ms"] for x in ran] == sorted(x["median_ms"] for x in ran), f"order: {rows}")
    check(all(x["minimum_ms"] <= x["median_ms"] and x["cold_ms"] > 0 and 0 <= x["relative_error"] < 1e-5 for x in ran), f"figures: {rows}")
    check([x["relative_error"] for x in ran if x["device"] == "cpu"] == [0], f"the reference: {rows}")
    check(all(x.get("why") for x in rows if not x["ran"]) and not [x for x in rows if x["device"] == "null"], f"rows that did not run: {rows}")
    out, _ = quern("bench", WORK / "scale.onnx", "--race", "--runs", 3)
    check("median" in out and "error" in out and "  1  " in out, f"--race: {out!r}")
    _, err = quern("bench", WORK / "scale.onnx", "--race", "--device", "cpu", code=2)
    check("leave out --device" in err, f"--race --device: {err!r}")
    quern("bench", WORK / "scale.onnx", "--race", "--dim", "m=4", code=2)
    (WORK / "torn.onnx").write_bytes((WORK / "scale.onnx").read_bytes()[:-30])
    r = quern_json("bench", WORK / "torn.onnx", "--race", code=3)
    check(r.get("race") and not any(x["ran"] for x in r["race"]), f"a race of a damaged file: {r}")


def conformance():
    top = WORK / "suite"

    def case(name, want, m=scale_model, kind="f"):
        folder = top / "node" / name
        m(folder / "model.onnx")
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        (data / "input_0.pb").write_bytes(tensor("x", [1, 3], [1.0, 2.0, 3.0]))
        (data / "output_0.pb").write_bytes(tensor("y", [1, 3], want, kind))
        if m is scale_model:
            (data / "output_1.pb").write_bytes(tensor("z", [2], [1, 3], "q"))
        return folder
    case("test_right", [2.0, 3.0, 7.0])
    case("test_close", [2.0001, 3.0, 7.0])
    case("test_wrong", [2.0, 3.5, 7.0])
    case("test_type", [2, 3, 7], kind="i")
    case("test_bernoulli_by_name", [9.0, 9.0, 9.0])
    case("test_drawn", [9.0, 9.0, 9.0], lambda p: model(p, [node("RandomUniformLike", ["x"], ["y"])], [value("x", [1, 3])], [value("y", [1, 3])]))
    case("test_sneeze", [0.0], lambda p: model(p, [node("Sneeze", ["x"], ["y"])], [value("x", [1, 3])], [value("y", [1])]))
    out, _ = quern("conformance", top, "--device", "cpu", code=1)
    check(out.splitlines()[-1:] == ["3 passed, 3 failed, 1 skipped"], f"totals: {out!r}")
    check("FAILED test_wrong" in out and "0.5" in out and "Sneeze" in out, f"report: {out!r}")
    r = quern_json("conformance", top, "--device", "cpu", code=1)
    check((r.get("passed"), r.get("failed"), r.get("skipped")) == (3, 3, 1), f"--json: {r}")
    check([t["test"].rsplit("/", 1)[1] for t in r["tests"] if t.get("shape_only")] == ["test_drawn"], f"judged by shape: {r}")
    check(len(r.get("tests", [])) == 7 and "Sneeze" in r["skipped_because"][0]["why"], "--json tests and reasons")
    quern("conformance", top / "node" / "test_right", "--device", "cpu")
    quern("conformance", top, "--only", "right", "--device", "cpu")
    parts = [quern_json("conformance", top, "--one-in", "4", "--seed", str(k), "--device", "cpu", code=(0, 1)) for k in range(8, 12)]
    names = [t["test"] for part in parts for t in part["tests"]]
    check(len(names) == 7 and len(set(names)) == 7 and len(parts[0]["tests"]) == 2, f"--one-in: {names}")
    quern("conformance", top / "node" / "test_sneeze", "--device", "cpu", "--strict-skips", code=1)
    (WORK / "empty").mkdir()
    quern("conformance", WORK / "empty", code=3)
    r = quern_json("conformance", top, "--only", "nothing_like_it", "--device", "cpu", code=2)
    check("none of 7 tests" in r.get("error", ""), f"a run of no test: {r}")
    quern("conformance", top, "--one-in", "9", "--seed", "8", "--device", "cpu", code=2)

    def dropout(name, want, ratio):  # while training; one whose ratio is 0 draws nothing that shows
        folder = case(name, want, lambda p: model(p, [node("Dropout", ["x", "r", "t"], ["y"])], [value("x", [1, 3]), value("r", []), value("t", [], "?")], [value("y", [1, 3])]))
        (folder / "test_data_set_0" / "input_1.pb").write_bytes(tensor("r", [], [ratio]))
        (folder / "test_data_set_0" / "input_2.pb").write_bytes(tensor("t", [], [True], "?"))
        return folder
    for name, want, ratio, code, shape_only in [("test_drops", [9.0, 9.0, 9.0], 0.5, 0, 1), ("test_keeps", [1.0, 2.0, 3.0], 0.0, 0, 0), ("test_keeps_not", [1.0, 2.0, 9.0], 0.0, 1, 0)]:
        r = quern_json("conformance", dropout(name, want, ratio), "--device", "cpu", code=code)
        check(r.get("judged_by_shape_only") == shape_only, f"{name}: {r}")
    cut = lambda p: model(p, [node("Concat", ["x", "x"], ["y"])], [value("x", [1, 3])], [value("y", [1])])
    for name, words, code in [("refused_axis", "'axis' is missing", 0), ("refused, axis is wrong", "axis is wrong", 1)]:
        (case(name, [0.0], cut) / "refused.txt").write_text(words + "\n")
        out, _ = quern("conformance", top / "node" / name, "--device", "cpu", code=code)
        check(code == 0 or "refused, but without" in out, f"words that only the folder's name has: {out!r}")
        shutil.rmtree(top / "node" / name)
    half = case("test_half", [2.0, 3.0, 7.0])
    (half / "test_data_set_0" / "output_1.pb").unlink()
    out, _ = quern("conformance", half, "--device", "cpu", code=1)
    check("stores 1 outputs, the model has 2" in out, f"an output that is not stored: {out!r}")


def colour_model(path, layout="nchw", kind="f", metadata=()):
    """The mean of each channel: scores for red, green, blue."""
    dims = [1, 3, 8, 8] if layout == "nchw" else [1, 8, 8, 3]
    nodes = [node("Transpose", ["image"], ["t"])] if layout != "nchw" else []
    if layout != "nchw":
        nodes[0] += put(5, put(1, "perm") + b"".join(put(8, i) for i in (0, 3, 1, 2)) + put(20, 7))
    before = "t" if nodes else "image"
    if kind != "f":
        nodes.append(node("Cast", [before], ["c"], to=1))
        before = "c"
    nodes += [node("GlobalAveragePool", [before], ["p"]), node("Flatten", ["p"], ["scores"])]
    return model(path, nodes, [value("image", dims, kind)], [value("scores", [1, 3])], metadata=metadata)


def classify():
    m = colour_model(WORK / "colour.onnx")
    red = save_bmp(WORK / "red.bmp", 20, 11, (255, 0, 51))
    (WORK / "labels.txt").write_text("0,red\n1,green\n2,blue\n")
    args = ["classify", red, "--model", m, "--labels", WORK / "labels.txt", "--device", "cpu"]
    r = quern_json(*args)
    top = r.get("top", [{}])
    total = math.exp(1) + 1 + math.exp(0.2)
    check([t.get("label") for t in top] == ["red", "blue", "green"] and r["softmax_added"], f"classify: {r}")
    check(abs(top[0].get("probability", 0) - math.exp(1) / total) < 1e-4, f"softmax: {top}")
    check(quern_json(*args, "--bgr").get("top", [{}])[0].get("label") == "blue", "--bgr")
    check(quern_json(*args, "--range", "1,-1").get("top", [{}])[0].get("label") == "green", "--range 1,-1")
    check(quern_json(*args, "--mean", "5,0,0").get("top", [{}])[0].get("label") == "blue", "--mean")
    check(len(quern_json(*args, "--top", 2).get("top", [])) == 2, "--top")
    out, _ = quern(*args, "--fit", "letterbox", "--filter", "bicubic")
    check("red" in out and "8x8 letterbox, bicubic" in out, f"classify: {out!r}")
    for name, layout, kind in [("nhwc", "nhwc", "f"), ("bytes", "nhwc", "B"), ("doubles", "nchw", "d")]:
        other = colour_model(WORK / f"{name}.onnx", layout, kind)
        r = quern_json("classify", red, "--model", other, "--labels", WORK / "labels.txt", "--device", "cpu")
        check(r.get("top", [{}])[0].get("label") == "red", f"{name}: {r}")
    folder = WORK / "hf"
    named = colour_model(folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "rot", "1": "gruen", "2": "blau"}}))
    config = {"size": {"height": 8, "width": 8}, "resample": 3, "image_mean": [5, 0, 0], "image_std": [1, 1, 1], "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    r = quern_json("classify", red, "--model", named, "--device", "cpu")
    check(r.get("preprocessor_config") and r["top"][0]["label"] == "blau", f"preprocessor_config.json: {r}")
    third = 1 / 3
    for config, want in [
        ({"size": {"shortest_edge": 10}, "crop_size": 8}, "8x8 crop of shorter side 10, bilinear, range 0..1, rgb nchw f32"),
        ({"size": 10, "crop_size": {"height": 8, "width": 8}, "do_center_crop": True}, "8x8 crop of shorter side 10, bilinear"),
        ({"size": {"height": 12, "width": 9}, "crop_size": 8, "do_center_crop": True}, "8x8 crop of 9x12, bilinear"),
        ({"size": 8, "resample": 1}, "8x8 squash, lanczos"),
        ({"size": {"shortest_edge": 7}, "crop_pct": 0.875, "resample": 3}, "8x8 crop of shorter side 8, bicubic"),
        ({"size": 384, "crop_pct": 0.875}, "8x8 squash, bilinear"),
        ({"size": 8, "do_rescale": False}, "range 0..255"),
        ({"size": 8, "rescale_factor": 1 / 127.5, "rescale_offset": True}, "range -1..1"),
        ({"size": 8, "image_mean": [0.5, third, 0.25], "image_std": 0.5}, "mean 0.5,0.333333,0.25, std 0.5"),
        ({"size": 8, "image_mean": [0.5, 0.5, 0.5], "do_normalize": False}, "range 0..1, rgb"),
        ({"size": 8, "do_flip_channel_order": True}, "bgr nchw"),
    ]:
        (folder / "preprocessor_config.json").write_text(json.dumps(config))
        r = quern_json("classify", red, "--model", named, "--device", "cpu")
        check(want in r.get("preprocessing", ""), f"{config}: {r.get('preprocessing')!r}, not {want!r}")
    for config in [{"size": 8, "resample": 5}, [1], {"size": 8, "do_thumbnail": True}]:
        (folder / "preprocessor_config.json").write_text(json.dumps(config))
        quern("classify", red, "--model", named, "--device", "cpu", code=3)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 8, "do_pad": True}))
    _, err = quern("classify", red, "--model", named, "--device", "cpu", code=3)
    check("do_pad" in err, f"do_pad: {err!r}")
    (WORK / "two.txt").write_text("a\nb\n")
    quern("classify", red, "--model", colour_model(WORK / "four.onnx"), "--labels", WORK / "labels.txt", "--top", 0, code=2)
    (WORK / "many.txt").write_text("\n".join("abcdefg"))
    quern("classify", red, "--model", m, "--labels", WORK / "many.txt", code=3)
    quern("classify", WORK / "labels.txt", "--model", m, code=3)
    quern("classify", red, "--model", WORK / "scale.onnx", code=3)
    flat = [value("image", [1, 3, 8, 8])]
    for name, m, words in [
        ("no picture", model(WORK / "flat.onnx", [node("Relu", ["x"], ["y"])], [value("x", [1, 10])], [value("y", [1, 10])]), "no input has the shape"),
        ("a map", model(WORK / "map.onnx", [node("Relu", ["image"], ["y"])], flat, [value("y", [1, 3, 8, 8])]), "none of its outputs is"),
        ("a map of unknown size", model(WORK / "map2.onnx", [node("Relu", ["image"], ["y"])], flat, [value("y", ["a", "b", "c", "d"])]), "no output came"),
        ("one number", model(WORK / "one.onnx", [node("ReduceSum", ["image"], ["y"], keepdims=0)], flat, [value("y", [])]), "no classifier"),
        ("two inputs", model(WORK / "pair.onnx", [node("Add", ["image", "b"], ["y"])], flat + [value("b", [1, 3, 8, 8])], [value("y", [1, 3, 8, 8])]),
         "2 inputs"),
    ]:
        _, err = quern("classify", red, "--model", m, "--device", "cpu", code=3)
        check(words in err, f"classify by {name}: {err!r} lacks {words!r}")


def shared_classifier():
    folder = MODELS / "classifier"
    if not folder.exists():
        skip(f"SqueezeNet: {folder} is absent")
        return
    for picture, want in [("kitten_224.png", "tabby"), ("fish.png", "tench"), ("coral_hot_dog.jpg", "hotdog"), ("wonnx_pelican.jpeg", "pelican")]:
        r = quern_json("classify", folder / "img" / picture, "--model", folder / "SqueezeNet_fp16.onnx", "--labels",
                       folder / "winml_imagenet_labels.txt", "--range", "0,255", "--bgr", "--fit", "squash", "--device", "cpu")
        check(want in (r.get("top") or [{"label": ""}])[0]["label"], f"SqueezeNet on {picture}: {r.get('top')}")


def demo():
    samples = ROOT / "models" / "samples"
    wanted = {}
    for line in (samples / "expected.txt").read_text().splitlines():
        if line and line[0] != "#":
            wanted[line.split()[0]] = line.split()[1]
    r = quern_json("demo", *[samples / f for f in wanted])
    for picture in r or []:
        answers = picture["answers"]
        check(answers, f"demo {picture['image']}: no device")
        for a in answers:
            check(a["top"][0]["label"] == wanted[picture["image"]], f"demo {picture['image']} on {a['device']}: {a['top'][0]}")
    check(len(r or []) == len(wanted), "demo: a picture is missing")
    out, _ = quern("demo", "--device", "cpu")
    check("7" in out and "%" in out and "\u2588" in out, f"demo: {out!r}")
    out, _ = quern("demo", "--device", "cpu", env={"LC_ALL": "C"})
    check(out.isascii() and "#" in out, "demo in ASCII")
    quern("demo", WORK / "labels.txt", "--device", "cpu", code=3)


def doctor():
    r = quern_json("doctor")
    devices = {d["device"]: d for d in r.get("devices", [])}
    check(devices.get("cpu", {}).get("self_test") == "passed", f"doctor: {devices.get('cpu')}")
    check(all(d["present"] or d["why"] for d in devices.values()), "an absent device has a reason")
    out, _ = quern("doctor")
    check("cpu" in out and "self-test passed" in out and "auto takes" in out, f"doctor: {out!r}")
    probes = {d: x["probe_ms"] for d, x in devices.items() if x.get("probe_ms")}
    check("cpu" in probes and r.get("auto") in probes, f"probes: {probes}, auto: {r.get('auto')}")
    least = min(probes, key=lambda d: probes[d] * (0.8 if d == "cpu" else 1))  # another must be faster by a fifth
    check(r["auto"] == least, f"auto is not the fastest: {probes}, {r['auto']}")
    took = quern_json("run", WORK / "scale.onnx", "--device", "auto")
    check(took.get("device") == r["auto"], f"run --device auto is {took.get('device')}, doctor says {r['auto']}")


def kernel():
    good, bad = WORK / "twice.c", WORK / "broken.c"
    good.write_text('#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return x[i] * SCALE; }\n')
    bad.write_text('#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return x[i] * ; }\n')
    out, _ = quern("kernel", good, "--define", "SCALE=2.0f")
    check("qk_run" in out, f"kernel: {out!r}")
    out, _ = quern("kernel", good, "--define", "SCALE=2.0f", "--target", "opencl")
    check("__kernel" in out or "kernel void" in out, f"kernel --target opencl: {out!r}")
    check(quern_json("kernel", good, "--define", "SCALE=2.0f").get("target") == "c", "kernel --json")
    _, err = quern("kernel", bad, code=3)
    check("broken.c:2:" in err, f"a diagnostic has no place: {err!r}")
    text, _ = quern("kernel", "--help")
    targets = [line for line in (ROOT / "src/kc/targets.def").read_text().splitlines() if line.startswith(("TARGET(", "RARE("))]
    names = [line.split('"')[1] for line in targets]
    line = next((x for x in text.splitlines() if "--target" in x), "")
    listed = [w.strip().removesuffix(" (the default)") for w in line.partition("print:")[2].split(",")]
    check(listed == names and len(names) > 4, f"kernel --help lists {listed}, targets.def {names}")
    for name in listed:
        quern("kernel", good, "--define", "SCALE=2.0f", "--target", name)
    quern("kernel", good, "--target", "cobol", code=2)
    quern("kernel", good, "--define", "=3", code=2)
    quern("kernel", "none.c", code=3)


shutil.rmtree(WORK, ignore_errors=True)
WORK.mkdir(parents=True)
for group in (usage, unknown_options, man_page, odd_names, run, profile, bad_files, maps, inspect, inspect_bodies, bench, conformance, classify, shared_classifier, demo, doctor, kernel):
    try:
        group()
    except Exception as e:  # a broken answer must not hide the checks after it
        check(False, f"{group.__name__}: {type(e).__name__}: {e}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed else 0)
