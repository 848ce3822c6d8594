#!/usr/bin/env python3
"""Every kernel of kernels/ and tests/kc as PTX, assembled by ptxas: it must assemble, and its registers and spills must be those of
tests/kc/ptx_report.txt (--refresh writes that file; look at the difference before it is committed).

    check_ptx.py [--quern build/quern] [--ptxas PATH] [--full] [--refresh] [--only NAME]

The quick run takes the first set of defines of each kernel file (its `#pragma host` lines) for sm_70 and sm_90, and some kernels for every
architecture; --full takes all sets for all of them. Without ptxas (PyPI nvidia-cuda-nvcc-cu12; tools/setup.sh test) it says so."""
import argparse
import concurrent.futures
import glob
import itertools
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALL_ARCHS = [70, 75, 80, 86, 89, 90, 100, 120]
FEW_ARCHS = [70, 90]
# Sets that plans ask for beside those that the host compiler builds.
MORE_SETS = {
    "linear_states.c": [["T=f32", "KEY=64"]],
    "matmul_mma.c": [["T=f16", "ROW_TILES=4", "COL_TILES=4", "LEFT_WIDE=1", "RIGHT_WIDE=1", "trans_a=0", "trans_b=0", "act=1", "has_bias=1", "has_rest=0"]],
    "conv_mma.c": [["T=f16", "ROW_TILES=4", "COL_TILES=4", "LEFT_WIDE=1", "POINT=0", "act=1", "has_bias=1", "has_rest=0"]
                   + [f"{n}=1" for n in ("kd", "sd", "sh", "sw", "ed", "eh", "ew")] + ["kh=3", "kw=3"]],
}
EVERYWHERE = ("matmul_group.c", "softmax_group.c", "move_map.c", "random.c", "histogram.c")
REPORT = os.path.join(ROOT, "tests/kc/ptx_report.txt")


def find_ptxas(given):
    places = [given, os.environ.get("PTXAS"), *glob.glob(os.path.join(ROOT, ".venv/lib/python3*/site-packages/nvidia/cuda_nvcc/bin/ptxas"))]
    return next((p for p in places if p and os.access(p, os.X_OK)), None)


def define_sets(text):
    """The sets of defines that the `#pragma host` lines of a kernel stand for."""
    sets = []
    for line in re.findall(r"^#pragma host (.*)$", text, re.M):
        words = [w.split("=") for w in line.split("/*")[0].split()]
        for values in itertools.product(*(v.split(",") for _, v in words)):
            sets.append([f"{n}={v}" for (n, _), v in zip(words, values)])
    return sets or [[]]


def cases(full, only):
    for path in sorted(glob.glob(os.path.join(ROOT, "kernels/*.c")) + glob.glob(os.path.join(ROOT, "tests/kc/*.c")) +
                       [os.path.join(ROOT, "examples", n) for n in ("saxpy.c", "histogram.c", "matmul_tiled.c")]):
        text = open(path).read()
        name = os.path.basename(path)
        if only and only not in name:
            continue
        entries = list(dict.fromkeys(re.findall(r"^(?:MAP\(\w+\)|KERNEL)\s+(\w+)\(", text, re.M)))
        sets = define_sets(text)
        if sets == [[]] and re.search(r"\bT\b", text):
            sets = [["T=f32"]]
        for defines in (sets if full else sets[:1]) + MORE_SETS.get(name, []):
            for entry in entries:
                yield path, name, entry, defines


def run(args):
    return subprocess.run(args, capture_output=True, text=True)


def check(tools, case, archs):
    """Lines of the report, or a failure."""
    path, name, entry, defines = case
    title = " ".join([f"{name}:{entry}", *defines])
    printed = run([tools.quern, "kernel", path, "--target", "ptx", "--entry", entry, *(x for d in defines for x in ("--define", d))])
    if "there is no MAP or KERNEL" in printed.stderr:
        return title, None, None  # it stands in an #if that these defines leave out
    if printed.returncode:
        skip = "group memory of more than" in printed.stderr
        return title, "refused: group memory" if skip else None, printed.stderr.strip()
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "k.ptx")
        open(text, "w").write(printed.stdout)
        found = []
        least = int(re.search(r"^\.target sm_(\d+)", printed.stdout, re.M).group(1))
        for arch in (a for a in archs if a >= least):
            made = run([tools.ptxas, f"-arch=sm_{arch}", "-v", text, "-o", os.path.join(folder, "k.cubin")])
            if made.returncode:
                return title, None, f"ptxas sm_{arch}: " + (made.stderr + made.stdout).strip()[:600]
            said = made.stderr + made.stdout
            registers = re.search(r"Used (\d+) registers", said).group(1)
            stack, spilled = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", said).groups()
            found.append(f"sm_{arch} {registers}" + (f" stack {stack} spill {spilled}" if int(stack) or int(spilled) else ""))
    return title, "  ".join(found), None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quern", default=os.path.join(ROOT, "build/quern"))
    parser.add_argument("--ptxas")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--only")
    tools = parser.parse_args()
    tools.ptxas = find_ptxas(tools.ptxas)
    if not tools.ptxas:
        print("skipped: no ptxas here (tools/setup.sh test installs it)\n0 passed, 0 failed, 1 skipped")
        return 0
    failed, report, seen = [], {}, {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = [pool.submit(check, tools, c, ALL_ARCHS if tools.full or c[1] in EVERYWHERE else FEW_ARCHS)
                for c in cases(tools.full, tools.only)]
        for job in jobs:
            title, line, error = job.result()
            entry = title.split()[0]
            seen[entry] = seen.get(entry, False) or line is not None or error is not None
            if line is None and error is None:
                continue
            if line is None:
                failed.append(f"{title}: {error}")
            else:
                report[title] = line
    failed += [f"{entry}: in none of the sets of defines (MORE_SETS)" for entry, there in seen.items() if not there]
    if tools.refresh:
        with open(REPORT, "w") as f:
            f.writelines(f"{title}: {line}\n" for title, line in sorted(report.items()))
    elif not tools.only:
        known = dict(l.rstrip("\n").split(": ", 1) for l in open(REPORT)) if os.path.exists(REPORT) else {}
        for title, line in report.items():
            if tools.full and title not in known:
                continue  # the report holds the quick run's kernels
            want = known.get(title)
            here = line if not tools.full or want is None else "  ".join(l for l in line.split("  ") if l.split()[0] in want)
            if want != here:
                failed.append(f"{title}: registers changed: {want} -> {here} (--refresh when that is meant)")
        for title in known.keys() - report.keys():
            failed.append(f"{title}: in the report, but no such kernel")
    for line in failed:
        print("ptx:", line)
    refused = sum(line.startswith("refused") for line in report.values())
    if refused:
        print(f"skipped: {refused} kernels that want more group memory than PTX gives")
    print(f"{len(report) - refused} passed, {len(failed)} failed, {refused} skipped")
    return 1 if failed else 0


sys.exit(main())
