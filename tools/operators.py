#!/usr/bin/env python3
"""Writes docs/operators.md: what the table of ops (build/quern_operator_rows), the schemas of the package onnx and the models of ONNX's
own tests say of each operator.

  python tools/operators.py TESTS [--check]      TESTS: the folder of ONNX's tests; --check writes nothing, and fails where the file is old
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys

import onnx
from onnx import defs, helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "operators.md")
GAPS = os.path.join(ROOT, "tests", "schema_gaps.txt")
NEWEST = 28
KINDS = {
    "row": "an elementwise row: one line of a table, compiled with its neighbours into one kernel",
    "primitive": "a primitive: kernels of its own",
    "composite": "a composite: other operators, put in its place",
    "view": "a view: the same bytes in another shape",
    "host": "on the host: strings, maps, or sizes that only the data decide",
    "control": "control flow: bodies, run by the executor",
    "reader": "by the reader of files: a constant, a rename or a rewrite to newer operators",
}
NAMES = {"": "ai.onnx"}
FORMS = """\
Of all operators, a tensor of more than 8 dimensions is refused. So is an Einsum whose operands and result have fewer, but not the product of two operands on
the way: they are joined from left to right, and `abcde,fghij,ej->abcdfghi` would make one of ten. An order that joins first what is summed is taken:
`abcde,ej,fghij->abcdfghi`.

Of com.microsoft's operators these forms are refused, each with a sentence that names it. None has a defined answer:

| operator | form | why |
|---|---|---|
| MatMulNBits | weight_prepacked | the order of the bytes belongs to one runtime's kernels on one device |
| GatherBlockQuantized | bits other than 2, 4 and 8; packed bytes gathered along another axis than the first, or quantized along that one | the schema forbids them |
| GroupQueryAttention | qk_output with sliding_window_cache | the schema does not say of which keys, and onnxruntime refuses it too |
| QMoE | quant_type wfp4afp8 | how activations become float8 is not specified |
| QMoE | a third layer of fp4 or nvfp4, or of fp8 without blocks | its global scale has no input |
| MoE, QMoE | an activation that the schema does not list | |

Where the schema leaves room: fp4 weights of QMoE lie as its nvfp4 ones do by default, [experts][in][out / 2], the even one low, which is what exporters
write; what is behind the tokens of a window's cache is not specified, and is some token of the step here; do_rotary of Attention turns the two
halves of each head by p / 10000^(2 i / width) at position p, as onnxruntime's CUDA does; of 5, 6 and 7 bits MatMulNBits is what its text says, though no
runtime has them.""".split("\n")
WORDS = {"float": "f16 bf16 f32 f64", "number": "numbers", "value": "numbers, bool, string", "any": "all", "int": "i8-i64", "uint": "u8-u64"}


def rows():
    out = subprocess.run([os.path.join(ROOT, "build", "quern_operator_rows")], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def schemas():
    """(domain, name) -> the opsets in which it changed; deprecated ones, too, and those only a newer opset has not."""
    out = collections.defaultdict(list)
    for s in defs.get_all_schemas_with_history():
        if s.domain != "" or s.since_version <= NEWEST:
            out[s.domain, s.name].append(s.since_version)
    return {k: sorted(set(v)) for k, v in out.items()}


def ops_of(graph, into):
    for n in graph.node:
        into.add(("" if n.domain == "ai.onnx" else n.domain, n.op_type))
        for a in n.attribute:
            for g in [a.g] if a.HasField("g") else a.graphs:
                ops_of(g, into)


def tests_of(folder):
    """How many of the tests below it have the operator in their model."""
    counts = collections.Counter()
    for path in glob.glob(os.path.join(folder, "**", "model.onnx"), recursive=True):
        model, ops = onnx.load(path, load_external_data=False), set()
        ops_of(model.graph, ops)
        for f in model.functions:
            ops_of(f, ops)
        counts.update(ops)
    return counts


def known(names, schemas):
    """Of these, what the library says that it knows: asked through `quern inspect`, as the newest opset has them."""
    nodes = [helper.make_node(n, ["x"], [f"y{i}"], domain=d) for i, (d, n) in enumerate(names)]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    imports = [helper.make_opsetid(d, max(1, *(v[-1] for (e, _), v in schemas.items() if e == d))) for d in {d for d, _ in names}]
    model = helper.make_model(helper.make_graph(nodes, "all", [x], []), opset_imports=imports)
    path = os.path.join(ROOT, "build", "all_operators.onnx")
    with open(path, "wb") as f:
        f.write(model.SerializeToString())
    said = json.loads(subprocess.run([os.path.join(ROOT, "build", "quern"), "inspect", path, "--json"], capture_output=True, text=True).stdout)
    ours = {("" if o["domain"] == "ai.onnx" else o["domain"], o["op"]) for o in said["ops"] if o["supported"]}
    return [k for k in names if k in ours]


def types_of(row):
    seen = []
    for _, types in row["in"]:
        types = re.sub(r"^(optional |many )+", "", types)
        if not types.startswith("as ") and types not in seen:
            seen.append(types)
    return "; ".join(WORDS.get(t, t.replace("|", " ").replace("value", "number bool string")) for t in seen) or "-"


def opsets(versions):
    return ", ".join(map(str, versions))


def devices(row):
    return "host" if row["kind"] == "host" else "the bodies'" if row["kind"] == "control" else "all"


def table(lines):
    return ["| operator | opsets | types it reads | kind | devices | gradient | cases | ONNX tests |", "|---|---|---|---|---|---|---|---|", *lines, ""]


def page(folder):
    ops, schema, tests = rows(), schemas(), tests_of(folder)
    have = {(r["domain"], r["name"]): r for r in ops}
    missing = [k for k in sorted(schema) if k not in have]
    by_reader = known(missing, schema)
    refused = [k for k in missing if k not in by_reader]
    count = collections.Counter(r["kind"] for r in ops)
    count["reader"] = len(by_reader)
    public = [r for r in ops if r["domain"] != "quern"]
    out = [
        "# Operators",
        "",
        "Written by `cmake --build build --target operators` from the table of ops, the schemas of the package onnx and its tests; `make test` fails",
        "where it is out of date. *Opsets* are those in which the schema changed; models of older ones are brought to the newest form as they are",
        "read. *Cases* are the library's own, run on each device in each kernel variant against a double-precision build; *ONNX tests* those of ONNX's",
        "suite with the operator in their model. *all* devices: every device that has the type; a node whose type the device lacks runs on the host",
        "(docs/devices.md). A composite may have kernels of its own besides. *Gradient*: *yes*, its own; *by parts*, what it is made of has one; *0*,",
        "a staircase; *some*, in some of its cases; *no*, a model that asks for one is refused by name; empty, where nothing is differentiated: no floats",
        "go in and out, or no case says so. Each is compared with differences (tests/gradients.c).",
        "",
        f"{len(public) + len(by_reader)} operators of the formats, and {len(ops) - len(public)} inner ones that they are made of:",
        "",
        "| kind | count |",
        "|---|---|",
        *[f"| {KINDS[k]} | {count[k]} |" for k in KINDS],
        "",
    ]
    for domain in sorted({r["domain"] for r in public}):
        lines = []
        for k in sorted([k for k in have if k[0] == domain] + [k for k in by_reader if k[0] == domain]):
            r = have.get(k)
            versions = opsets(schema[k]) if k in schema else "1"
            if r:
                kind = r["kind"] + (", kernels" if r["kind"] == "composite" and r["kernel"] else "")
                lines.append(f"| {k[1]} | {versions} | {types_of(r)} | {kind} | {devices(r)} | {r['gradient']} | {r['cases'] or ''} | {tests[k] or ''} |")
            else:
                lines.append(f"| {k[1]} | {versions} | | reader | all | | | {tests[k] or ''} |")
        out += [f"## {NAMES.get(domain, domain)}", "", *table(lines)]
    out += ["## Refused", "", "No operator of ONNX's schemas is missing; what is none of them is refused by its name."]
    if refused:
        out[-1:] = ["Operators of ONNX's schemas that are not here; a model that has one is refused by that name.", "", "| domain | operators |", "|---|---|"]
    for domain in sorted({k[0] for k in refused}):
        out.append(f"| {NAMES.get(domain, domain)} | {', '.join(n for d, n in refused if d == domain)} |")
    out += ["", *FORMS]
    inner = [r for r in ops if r["domain"] == "quern"]
    out += ["", "## Inner operators", "", "What passes and expansions make; no file can name them.", ""]
    out += ["| operator | types it reads | kind | devices | gradient | cases |", "|---|---|---|---|---|---|"]
    out += [f"| {r['name']} | {types_of(r)} | {r['kind']} | {devices(r)} | {r['gradient']} | {r['cases'] or ''} |" for r in sorted(inner, key=lambda r: r["name"])]
    return "\n".join(out) + "\n" + gaps()


def gaps():
    """What tests/schema_types.py found that onnxruntime or ONNX's reference runs and this library does not."""
    if not os.path.exists(GAPS):
        return ""
    with open(GAPS) as f:
        return "\n" + f.read()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    new = page(sys.argv[1])
    if "--check" not in sys.argv:
        with open(PAGE, "w") as f:
            f.write(new)
        return
    with open(PAGE) as f:
        old = f.read()
    if new != old:
        for a, b in zip(old.splitlines(), new.splitlines()):
            if a != b:
                print(f"the page says  {a}\nit should say  {b}")
                break
        sys.exit("docs/operators.md is out of date: cmake --build build --target operators")


main()
