"""What onnxruntime answers on one node, with all its graph optimizations off. Sessions are kept by node, so most answers cost microseconds.

bfloat16, which onnxruntime lacks, is computed in f32; where its numbers are poor, where it has no kernel for what newer opsets brought, and for
types that only ONNX has, ONNX's own reference evaluator answers. A body with such types is computed node by node. `Unknown`: neither can tell."""
import collections

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import helper

import turns
from graph import COMPLEX, NARROW, ONNX, TEXT, BF16, List, Maybe, imports_of, names_read, names_run

BFLOAT16 = np.dtype(BF16)
MOST_SESSIONS = 1500
NEWEST = 23  # behind it onnxruntime may lack a kernel
OLDER = (NEWEST, 21)  # 22 and 24 brought types that it has no kernels for
SHAPED = ("MatMulNBits",)  # it wants the shapes of what it reads before it runs
FLOAT8 = {f"tensor({onnx.TensorProto.DataType.Name(t).lower()})": d for d, t in ONNX.items() if t in NARROW and "FLOAT8" in onnx.TensorProto.DataType.Name(t)}  # as bytes
ONLY_ONNX = {*NARROW, *COMPLEX}  # types that it lacks, or casts to by rules of its own
OPTIONALS = ("Optional", "OptionalGetElement", "OptionalHasElement")


class Unknown(Exception):
    pass


options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = options.inter_op_num_threads = 1
onnxruntime.set_default_logger_severity(4)
options.log_severity_level = 4
options.add_session_config_entry("session.set_denormal_as_zero", "0")
sessions = collections.OrderedDict()


def info(name, a, shaped=False):
    """The type of a value, its shape open or told."""
    if isinstance(a, List):
        return helper.make_tensor_sequence_value_info(name, ONNX[a.dtype], None)
    return helper.make_tensor_value_info(name, ONNX[a.dtype], a.shape if shaped else None)


def model_of(node, ins, opset):
    g = helper.make_graph([node], "g", ins, [onnx.ValueInfoProto(name=n) for n in node.output if n])
    return helper.make_model(g, opset_imports=imports_of([node], opset), ir_version=10)


def session_of(node, read, values, opset):
    """A session of this node alone. Its bodies keep their names, so a node with bodies is keyed by all of its text."""
    mine = onnx.NodeProto()
    mine.CopyFrom(node)
    mine.name = ""
    if node.op_type == "StringNormalizer":  # its own default is a locale that a machine may lack
        mine.attribute.append(helper.make_attribute("locale", "C.UTF-8"))
    names = read
    if not has_body(node):
        short = {n: f"i{k}" for k, n in enumerate(read)}
        names = list(short.values())
        ins = [short[n] if n else "" for n in node.input]
        outs = [f"o{k}" if n else "" for k, n in enumerate(node.output)]
        del mine.input[:], mine.output[:]
        mine.input.extend(ins), mine.output.extend(outs)
    shaped = node.op_type in SHAPED
    key = (mine.SerializeToString(), opset, *[(type(a) is List, a.dtype.num, a.shape if shaped else ()) for a in values])
    if key in sessions:
        sessions.move_to_end(key)
        return sessions[key], names
    m = model_of(mine, [info(n, a, shaped) for n, a in zip(names, values)], opset)
    sessions[key] = onnxruntime.InferenceSession(m.SerializeToString(), options, providers=["CPUExecutionProvider"])
    if len(sessions) > MOST_SESSIONS:
        sessions.popitem(last=False)
    return sessions[key], names


def by_onnxruntime(node, at, opset):
    read = names_read(node)
    values = [at[n] for n in read]
    try:
        session, names = session_of(node, read, values, opset)
        got = session.run(None, dict(zip(names, values)))
    except Exception as e:
        raise Unknown(str(e)) from None
    return [a.view(FLOAT8[o.type]) if o.type in FLOAT8 else a for a, o in zip(got, session.get_outputs())]


def by_reference(node, at, opset):
    read = names_read(node)
    try:
        m = model_of(node, [info(n, at[n]) for n in read], opset)
        with np.errstate(all="ignore"):
            got = onnx.reference.ReferenceEvaluator(m).run(None, {n: at[n] for n in read})
    except Exception as e:
        raise Unknown(str(e)) from None
    return [a if d is None or isinstance(a, list) else np.asarray(a).astype(d) for a, d in zip(got, result_types(node, at, opset))]


def optional(node, at):
    """The three operators of optionals: what they answer is in their definition, and no peer passes an optional from node to node."""
    x = at[node.input[0]] if node.input and node.input[0] else None
    if node.op_type == "Optional":
        return [Maybe(x)]
    x = x.value if isinstance(x, Maybe) else x
    if node.op_type == "OptionalHasElement":
        return [np.asarray(x is not None)]
    if x is None:
        raise Unknown("an empty optional has no element")
    return [x]


def quantized_softmax(node, at):
    """Softmax of the numbers that are meant, each at the nearest step; onnxruntime adds up a table of whole numbers, and some elements are a step off."""
    x, scale, _, y_scale, y_zero = (at[n].astype(np.float64) if n else 0 for n in node.input)
    attributes = {a.name: a.i for a in node.attribute}
    if attributes.get("opset", 0) < 13 or not x.size:
        raise Unknown("the older Softmax, or nothing to compute")
    axis, limits = attributes.get("axis", -1), np.iinfo(at[node.input[0]].dtype)
    e = np.exp((x - x.max(axis, keepdims=True)) * scale)
    return [np.clip(np.round(e / e.sum(axis, keepdims=True) / y_scale) + y_zero, limits.min, limits.max).astype(limits.dtype)]


def widened(node, at, opset):
    """bfloat16 by way of float32, rounded once at the end, as the library does it."""
    if node.op_type == "EyeLike":
        raise Unknown("its result has a type of its own")
    wide = {n: at[n].astype(np.float32) if is_bf16(at[n]) else at[n] for n in names_read(node)}
    mine = onnx.NodeProto()
    mine.CopyFrom(node)
    to_bf16 = False
    for a in mine.attribute:
        if a.name in ("to", "dtype", "output_dtype", "stash_type") and a.i == onnx.TensorProto.BFLOAT16:
            a.i, to_bf16 = onnx.TensorProto.FLOAT, True
        if a.HasField("t") and a.t.data_type == onnx.TensorProto.BFLOAT16:
            raise Unknown("an attribute with bfloat16")
    got = answer(mine, wide, opset)
    return [a.astype(BFLOAT16) if a.dtype == np.float32 and (to_bf16 or k) else a for a, k in zip(got, becomes_bf16(node, at, opset))]


def is_bf16(a):
    return isinstance(a, np.ndarray) and a.dtype == BFLOAT16


def has_body(node):
    return any(a.HasField("g") for a in node.attribute)


def schema_of(node, opset):
    return onnx.defs.get_schema(node.op_type, opset, node.domain) if onnx.defs.has(node.op_type, node.domain) else None


def result_types(node, at, opset):
    """For each output the type of the inputs that share a variable of the schema with it, or its own; None: there is none."""
    schema = schema_of(node, opset)
    if schema is None or has_body(node):
        return [None for name in node.output if name]
    of = {"tensor(float)": np.dtype(np.float32)}
    for i, name in enumerate(node.input):
        formal = schema.inputs[min(i, len(schema.inputs) - 1)]
        if name and isinstance(at[name], np.ndarray):
            of.setdefault(formal.type_str, at[name].dtype)
    return [of.get(schema.outputs[min(i, len(schema.outputs) - 1)].type_str) for i, name in enumerate(node.output) if name]


def becomes_bf16(node, at, opset):
    """For each output. Of an operator that ONNX does not know: each one."""
    if schema_of(node, opset) is None:
        return [True for name in node.output if name]
    return [d == BFLOAT16 for d in result_types(node, at, opset)]


def only_onnx_has(a):
    return isinstance(a, (np.ndarray, List)) and ONNX[a.dtype] in ONLY_ONNX


def names_type(node, types):
    """An attribute of the node, or of one in its bodies, says that a result has one of these types."""
    return any(a.name in ("to", "dtype", "output_dtype") and a.i in types or a.HasField("t") and a.t.data_type in types
               or any(names_type(n, types) for n in a.g.node) for a in node.attribute)


def newer(node, opset):
    schema = schema_of(node, opset)
    return schema is not None and schema.domain == "" and schema.since_version > NEWEST or node.domain.startswith("ai.onnx.preview")


def is_beyond_int32(x):
    """The sum of its elements may be."""
    return x.dtype == np.int32 and np.abs(x.astype(np.float64)).sum() >= 2**31


FAILS = {  # operator -> where the reference is right and onnxruntime is not
    "Unique": lambda node, x: not x.size,  # it ends the process
    "Gather": lambda node, x: x.dtype == TEXT,  # it copies the first of a row alone
    # in f64 its tail has 8 digits, in f32 it is 0 far below 0, where e^x still is a number
    "Sigmoid": lambda node, x: x.dtype == np.float64 or x.dtype == np.float32 and x.min(initial=0) < -17,
    # beyond an int32 they give the largest or least number; integers wrap
    "ReduceSum": lambda node, x: is_beyond_int32(x),
    "ReduceL1": lambda node, x: is_beyond_int32(x),
    "InstanceNormalization": lambda node, x: True,  # it takes out the mean after the scale: what is left of equal elements is noise
    # an empty text split at a delimiter is one empty text, as consecutive delimiters are told to be; it has none
    "StringSplit": lambda node, x: any(a.name == "delimiter" and a.s for a in node.attribute) and (x == "").any(),
    # of numbers below 0 it divides by the largest; the reference and scikit-learn by the largest magnitude
    "Normalizer": lambda node, x: x.min(initial=0) < 0 and not any(a.name == "norm" and a.s != b"MAX" for a in node.attribute),
}
DEFINED = {"QLinearSoftmax": quantized_softmax}


def is_for_reference(node, at):
    fails = FAILS.get(node.op_type)
    return names_type(node, ONLY_ONNX) or any(only_onnx_has(at[n]) for n in names_read(node)) or (fails and fails(node, at[node.input[0]]))


def is_node_by_node(node, at):
    """A control node whose body onnxruntime would not answer as it is answered outside of one."""
    inside = {name.rpartition(".")[2] for name in names_run(node)}
    return has_body(node) and (not inside.isdisjoint({*FAILS, *DEFINED}) or names_type(node, {*ONLY_ONNX, onnx.TensorProto.BFLOAT16})
                               or any(only_onnx_has(at[n]) or is_bf16(at[n]) for n in names_read(node)))


def answer(node, at, opset):
    if node.op_type in DEFINED:
        return DEFINED[node.op_type](node, at)
    if is_for_reference(node, at):
        return by_reference(node, at, opset)
    for older in (opset, *[v for v in OLDER if v < opset]):  # what came later to an operator that was there are types, and attributes that it would refuse
        try:
            return by_onnxruntime(node, at, older)
        except Unknown as e:
            if "NOT_IMPLEMENTED" not in str(e):
                first = e
                break
            first = e
    if not newer(node, opset) or has_body(node):
        raise first
    return by_reference(node, at, opset)


def taken(a, node, at):
    """An answer as this tool holds it."""
    if isinstance(a, (list, tuple)):
        before = [at[n].dtype for n in node.input if n and isinstance(at[n], (List, np.ndarray))]
        said = [d for d, t in ONNX.items() for x in node.attribute if x.name == "dtype" and x.i == t]
        return List([np.asarray(x) for x in a], a[0].dtype if a else said[0] if said else before[0] if before else np.float32)
    if isinstance(a, (List, Maybe)):
        return a
    a = np.asarray(a)
    return a.astype(object) if a.dtype.kind in "US" else a


def turns_of(node, at, opset):
    """A control node, computed body by body."""
    try:
        return turns.Turns(node, at, lambda n, inner: evaluate(n, inner, opset))
    except (ValueError, KeyError, AttributeError) as e:
        raise Unknown(f"{node.op_type}, body by body: {e}") from None


def evaluate(node, at, opset):
    """The values of the node's outputs (without absent ones), or Unknown."""
    if node.op_type in OPTIONALS:
        return optional(node, at)
    read = names_read(node)
    if is_node_by_node(node, at):
        return turns_of(node, at, opset).outputs
    if any(is_bf16(at[n]) for n in read) or any(a.name in ("to", "dtype") and a.i == onnx.TensorProto.BFLOAT16 for a in node.attribute):
        got = widened(node, at, opset)
    else:
        got = answer(node, at, opset)
    return [taken(a, node, at) for a in got]
