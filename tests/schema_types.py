"""Every type that ONNX's schemas allow for every operator: do we load it, run it, and agree with a peer?

  python tests/schema_types.py TESTS OUT [--quern build/quern] [--only OPERATOR] [--write | --check]

TESTS is the folder of ONNX's node tests. For each operator one of its own tests (a single node, all of whose inputs are tensors) is taken, and
for each type constraint each type that it allows: inputs and outputs of that constraint get the type, their values are brought into it, and
onnxruntime answers, or where it lacks the type, ONNX's reference evaluator. `quern conformance` judges what was written to OUT.
--write puts what we do not run, though a peer does, into tests/schema_gaps.txt (docs/operators.md ends with it); --check fails where that
file does not say what was found, or where an answer differs.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GAPS = os.path.join(ROOT, "tests", "schema_gaps.txt")
RANDOM = ("Random", "Bernoulli", "Multinomial", "Dropout")
TOLERANCE = {"float16": "1e-2 2e-3", "bfloat16": "6e-2 3e-2"}
SPECTRA = ("DFT", "STFT")  # sums of many: what should be 0 is a thousandth of the largest
ROUNDED = {"QLinearMatMul": "0 1"}  # its test has f16 scales, whose product the reference rounds to f16: a half may go either way
# Of integers and texts: the reference cuts the weights of other modes to integers, the standard computes in floats (tests/make_untested_cases.py has them).
NEAREST = ("GridSample",)
REFUSES_TYPE = re.compile(r": \w+ '[^']*': (input '[^']*' is \w+, it must be \S+|output \d+ is \w+, the file says \w+)$")
# Cases that no peer judges, by the start of their name, with the reason.
NO_JUDGE = {
    "LabelEncoder_": "the type of its keys is in its attributes: tests/make_ml_cases.py has all of them",
    "TfIdfVectorizer_T_string": "the type of its pool is in its attributes",
    "Range_T_": "rounded to integers the test's steps are 0",
    "CastLike_T2_uint": "what a negative float becomes is not defined",
    "CastLike_T2_float8e8m0": "what a negative float becomes is not defined",
    "MaxUnpool_": "onnxruntime's answer is not that of ONNX's own test",
    "Resize_T1_": "onnxruntime cuts integers off, the reference rounds: here they are rounded to even",
    "Adam_T3_double": "the test mixes types that a training step does not",
    "Momentum_T1_double": "the test mixes types that a training step does not",
    "ScatterND_T_bool": "its reduction has no meaning for truth values",
    "ScatterND_T_complex": "its reduction, the largest, has no meaning for complex numbers: tests/complex.c has the others",
}
# What a schema allows though it means nothing: no peer answers, and we refuse it with a sentence.
MEANINGLESS = {
    "BitCast": "between types of different width, as the standard itself says",
    "Col2Im": "texts: they have no sum",
    "DequantizeLinear": "a scale of float8e8m0 without output_dtype: its type cannot be the result's",
    "GridSample, Resize": "texts by another mode than nearest: nothing lies between two texts",
    "ScatterND, ScatterElements": "texts and truth values with a reduction, complex numbers with max or min: they have no order",
}
NUMPY = {"float": np.float32, "double": np.float64, "string": np.object_, "bfloat16": ml_dtypes.bfloat16,
         "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "float8e5m2": ml_dtypes.float8_e5m2,
         "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz, "float8e8m0": ml_dtypes.float8_e8m0fnu, "float4e2m1": ml_dtypes.float4_e2m1fn,
         "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4, "int2": ml_dtypes.int2, "uint2": ml_dtypes.uint2}
NUMPY.update({n: getattr(np, n) for n in ("float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "complex64", "complex128")})
NUMPY["bool"] = np.bool_


def dtype_of(text):
    """'tensor(float)' -> float; None: no tensor."""
    return text[7:-1] if text.startswith("tensor(") else None


def into(array, name):
    """The values of a test in another type: small, and as different from each other as they were."""
    to = np.dtype(NUMPY[name])
    if array.dtype == to:
        return array
    if array.dtype == np.object_:
        array = np.arange(array.size).reshape(array.shape)
    if array.dtype.kind == "c":
        array = array.real
    if to == np.object_:
        return np.array([f"t{v}" for v in np.asarray(array, np.float64).round(1).ravel()], object).reshape(array.shape)
    wide = np.asarray(array, np.float64)
    if name == "bool":
        return wide > 0.5
    if name.startswith(("int", "uint")):
        if array.dtype.kind not in "iub" and array.dtype.name not in ("int4", "uint4", "int2", "uint2"):
            wide = np.round(wide * 3)
        most = {"2": 1, "4": 7}.get(name.lstrip("uint"), 100)
        wide = np.clip(wide, 0 if name[0] == "u" else -most, most)
    return np.nan_to_num(wide, nan=1, posinf=1, neginf=-1).astype(to)


def constraints_of(schema, node):
    """For each input and output of the node, what its schema says of its type."""
    def side(names, formal):
        out = []
        for i, name in enumerate(names):
            slot = formal[min(i, len(formal) - 1)]
            out.append(slot.type_str if name and (i < len(formal) or slot.option == defs.OpSchema.FormalParameterOption.Variadic) else None)
        return out

    return side(node.input, schema.inputs), side(node.output, schema.outputs)


def samples(tests):
    """operator -> its simplest test: model, input arrays."""
    found = {}
    for path in sorted(glob.glob(os.path.join(tests, "*", "model.onnx"))):
        if os.path.getsize(path) > 20000:
            continue
        model = onnx.load(path)
        if len(model.graph.node) != 1 or model.graph.initializer or model.functions:
            continue
        node = model.graph.node[0]
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute) or node.op_type.startswith(RANDOM):
            continue
        if any(v.type.WhichOneof("value") != "tensor_type" for v in [*model.graph.input, *model.graph.output]) or not model.graph.input:
            continue
        feeds = []
        for j in range(len(model.graph.input)):
            with open(os.path.join(os.path.dirname(path), "test_data_set_0", f"input_{j}.pb"), "rb") as f:
                feeds.append(numpy_helper.to_array(TensorProto.FromString(f.read())))
        key = (node.domain, node.op_type)
        size = sum(f.size for f in feeds) or 10**6
        # the test with most inputs given says most; among these the smallest, newest
        rank = (-sum(1 for n in node.input if n), size)
        if key not in found or rank < found[key][0]:
            found[key] = rank, model, feeds
    return {k: v[1:] for k, v in found.items()}


def retyped(model, feeds, schema, constraint, name):
    """The model with what is of the constraint in type `name`, and its inputs; None: nothing of it is an input."""
    out = onnx.ModelProto.FromString(model.SerializeToString())
    node = out.graph.node[0]
    if node.op_type in NEAREST and name.startswith(("int", "uint", "bool", "string")):
        next(a for a in node.attribute if a.name == "mode").s = b"nearest"
    ins, outs = constraints_of(schema, node)
    code = helper.np_dtype_to_tensor_dtype(np.dtype(NUMPY[name])) if name != "string" else TensorProto.STRING
    change_in = {n for n, c in zip(node.input, ins) if c == constraint}
    change_out = {n for n, c in zip(node.output, outs) if c == constraint}
    if not change_in:
        return None
    feed = {}
    for v, array in zip(out.graph.input, feeds):
        if v.name in change_in:
            v.type.tensor_type.elem_type = code
            array = into(array, name)
        feed[v.name] = array
    for v in out.graph.output:
        if v.name in change_out:
            v.type.tensor_type.elem_type = code
    return out, feed


def answer(model, feed):
    """(who, outputs) or (None, why)."""
    plain = all(v.dtype.kind in "fiubO" and v.dtype.name not in ("bfloat16",) and not v.dtype.name.startswith(("float8", "float4", "int4", "uint4", "int2", "uint2")) for v in feed.values())
    why = "types that its Python interface does not take"
    if plain:
        o = onnxruntime.SessionOptions()
        o.log_severity_level = 4
        try:
            return "onnxruntime", onnxruntime.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"]).run(None, feed)
        except Exception as e:
            why = str(e)
    try:
        with np.errstate(all="ignore"):
            outs = ReferenceEvaluator(model).run(None, feed)
        return "reference", outs
    except Exception as e:
        return None, f"{why[:80]} / {str(e)[:80]}"


def typed_as_declared(model, outs):
    """Are they tensors of the types that the schema gives them? ONNX's reference sometimes forgets."""
    want = [v.type.tensor_type.elem_type for v in model.graph.output]
    of = lambda v: TensorProto.STRING if v.dtype.kind in "OUS" else helper.np_dtype_to_tensor_dtype(v.dtype)
    return len(outs) >= len(want) and all(isinstance(v, (np.ndarray, np.generic)) and of(v) == w for v, w in zip(outs, want))


def write_case(folder, model, feed, outs, tolerance):
    os.makedirs(os.path.join(folder, "test_data_set_0"))
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(model.SerializeToString())
    if tolerance:
        with open(os.path.join(folder, "tolerance.txt"), "w") as f:
            f.write(tolerance)
    for side, values in (("input", feed.values()), ("output", outs)):
        for j, v in enumerate(values):
            with open(os.path.join(folder, "test_data_set_0", f"{side}_{j}.pb"), "wb") as f:
                f.write(numpy_helper.from_array(np.asarray(v, order="C")).SerializeToString())


def write_all(tests, out, only):
    """Writes the cases; (name -> (domain, operator, constraint, type, peer)), and those that no peer answers."""
    cases, alone = {}, []
    shutil.rmtree(out, ignore_errors=True)
    for (domain, op), (model, feeds) in sorted(samples(tests).items()):
        if only and op != only:
            continue
        version = next(i.version for i in model.opset_import if i.domain == domain)
        schema = defs.get_schema(op, version, domain)
        allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
        for constraint, types in allowed.items():
            for name in sorted({dtype_of(t) for t in types} & set(NUMPY)):
                key = f"{op}_{constraint}_{name}"
                if key.startswith(tuple(NO_JUDGE)) and not (key.startswith("Resize_T1_") and "float" in name):
                    continue
                changed = retyped(model, feeds, schema, constraint, name)
                if not changed:
                    continue
                who, outs = answer(*changed)
                if not who or not typed_as_declared(changed[0], outs):
                    alone.append((domain, op, constraint, name))
                    continue
                try:
                    write_case(os.path.join(out, key), *changed, outs, ROUNDED.get(op, TOLERANCE.get("float16" if op in SPECTRA else name)))
                except NotImplementedError:  # what a peer gave is no tensor that can be written
                    shutil.rmtree(os.path.join(out, key))
                    alone.append((domain, op, constraint, name))
                    continue
                cases[key] = domain, op, constraint, name, who
    return cases, alone


def judged(quern, out):
    said = subprocess.run([quern, "conformance", out, "--json"], capture_output=True, text=True).stdout
    return {os.path.basename(t["test"]): (t["outcome"], t.get("why", "")) for t in json.loads(said)["tests"]}


def is_refusal(outcome, why):
    """As unsupported, or by a sentence that names the type and those that are taken. Whatever else is not an agreeing answer is a failure."""
    return outcome == "skipped" or (outcome == "failed" and REFUSES_TYPE.search(why) is not None)


def gaps_text(refused, cases, alone):
    run = "all" if not refused else len(cases) - len(refused)
    lines = ["## Types that are not here", "",
             f"Of {len(cases)} pairs of operator and type that the schemas allow and a peer answers for (`tests/schema_types.py`) {run} run here and agree{'; these are refused by name' if refused else ''}.",
             f"{len(alone)} more are answered by no peer (`tests/type_cases.py` judges some of them by hand), and {len(NO_JUDGE)} kinds by none that could judge (NO_JUDGE there says why).", ""]
    by_op = collections.defaultdict(list)
    for domain, op, constraint, name, _ in sorted(cases[k] for k in refused):
        with_what = constraint if len({cases[k][2] for k in refused if cases[k][1] == op}) > 1 else ""
        by_op[op].append(f"{name} ({with_what})" if with_what else name)
    lines += ["| operator | types |", "|---|---|", *(f"| {op} | {', '.join(v)} |" for op, v in by_op.items()), ""] if refused else []
    lines += ["What a schema allows though it means nothing is refused by name; no peer answers either:", "", "| operator | of |", "|---|---|"]
    return "\n".join(lines + [f"| {op} | {why} |" for op, why in MEANINGLESS.items()]) + "\n"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("tests")
    a.add_argument("out")
    a.add_argument("--quern", default=os.path.join(ROOT, "build", "quern"))
    a.add_argument("--only")
    a.add_argument("--write", action="store_true")
    a.add_argument("--check", action="store_true")
    a = a.parse_args()
    cases, alone = write_all(a.tests, a.out, a.only)
    verdicts = judged(a.quern, a.out)
    refused = [k for k in cases if is_refusal(*verdicts[k])]
    wrong = [k for k in cases if verdicts[k][0] == "failed" and k not in refused]
    for k in wrong:
        print(f"FAILED {k} ({cases[k][4]}): {verdicts[k][1]}")
    for k in refused if not a.check else ():
        print(f"refused {k} ({cases[k][4]}): {verdicts[k][1]}")
    text, stale = gaps_text(refused, cases, alone), False
    if a.write:
        with open(GAPS, "w") as f:
            f.write(text)
    if a.check:
        with open(GAPS) as f:
            stale = f.read() != text
        if stale:
            print("FAILED tests/schema_gaps.txt is not what was found: run with --write")
    print(f"{len(cases) - len(wrong) - len(refused)} passed, {len(wrong) + stale} failed, {len(refused)} skipped")
    sys.exit(1 if wrong or stale else 0)


main()
