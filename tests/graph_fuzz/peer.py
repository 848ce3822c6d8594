"""What onnxruntime answers on one node, with all its graph optimizations off. Sessions are kept by node, so most answers cost microseconds.

bfloat16, which onnxruntime lacks, is computed in f32; where its numbers are poor, ONNX's own reference evaluator answers. `Unknown`: neither can tell."""
import collections

import ml_dtypes
import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import helper

from graph import ONNX, is_float, names_read, tensor_of

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
MOST_SESSIONS = 1500
LOSSY = ("InstanceNormalization",)  # onnxruntime takes out the mean after the scale: what is left of equal elements is noise


class Unknown(Exception):
    pass


options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = options.inter_op_num_threads = 1
onnxruntime.set_default_logger_severity(4)
options.log_severity_level = 4
options.add_session_config_entry("session.set_denormal_as_zero", "0")
sessions = collections.OrderedDict()


def session_of(node, read, arrays, opset):
    """A session of this node alone. Its bodies keep their names, so a node with bodies is keyed by all of its text."""
    mine = onnx.NodeProto()
    mine.CopyFrom(node)
    mine.name = ""
    has_body = any(a.HasField("g") for a in node.attribute)
    names = read
    if not has_body:
        short = {n: f"i{k}" for k, n in enumerate(read)}
        names = list(short.values())
        ins = [short[n] if n else "" for n in node.input]
        outs = [f"o{k}" if n else "" for k, n in enumerate(node.output)]
        del mine.input[:], mine.output[:]
        mine.input.extend(ins), mine.output.extend(outs)
    key = (mine.SerializeToString(), opset, *[a.dtype.num for a in arrays])
    if key in sessions:
        sessions.move_to_end(key)
        return sessions[key], names
    ins = [helper.make_tensor_value_info(n, ONNX[a.dtype], None) for n, a in zip(names, arrays)]
    outs = [onnx.ValueInfoProto(name=n) for n in mine.output if n]
    g = helper.make_graph([mine], "g", ins, outs)
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)], ir_version=10)
    sessions[key] = onnxruntime.InferenceSession(m.SerializeToString(), options, providers=["CPUExecutionProvider"])
    if len(sessions) > MOST_SESSIONS:
        sessions.popitem(last=False)
    return sessions[key], names


def by_onnxruntime(node, at, opset):
    read = names_read(node)
    arrays = [at[n] for n in read]
    try:
        session, names = session_of(node, read, arrays, opset)
        return session.run(None, dict(zip(names, arrays)))
    except Exception as e:
        raise Unknown(str(e)) from None


def by_reference(node, at, opset):
    read = names_read(node)
    ins = [helper.make_tensor_value_info(n, ONNX[at[n].dtype], None) for n in read]
    g = helper.make_graph([node], "g", ins, [onnx.ValueInfoProto(name=n) for n in node.output if n])
    try:
        m = helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        got = onnx.reference.ReferenceEvaluator(m).run(None, {n: at[n] for n in read})
        return [np.asarray(a) for a in got]
    except Exception as e:
        raise Unknown(str(e)) from None


def widened(node, at, opset):
    """bfloat16 by way of float32, rounded once at the end, as the library does it."""
    if node.op_type == "EyeLike":
        raise Unknown("its result has a type of its own")
    wide = {n: at[n].astype(np.float32) if at[n].dtype == BFLOAT16 else at[n] for n in names_read(node)}
    mine = onnx.NodeProto()
    mine.CopyFrom(node)
    to_bf16 = False
    for a in mine.attribute:
        if a.HasField("g"):
            raise Unknown("a body with bfloat16")
        if a.name in ("to", "dtype", "output_dtype", "stash_type") and a.i == onnx.TensorProto.BFLOAT16:
            a.i, to_bf16 = onnx.TensorProto.FLOAT, True
        if a.HasField("t") and a.t.data_type == onnx.TensorProto.BFLOAT16:
            raise Unknown("an attribute with bfloat16")
    got = by_onnxruntime(mine, wide, opset)
    kinds = result_kinds(node, at, opset)
    return [a.astype(BFLOAT16) if a.dtype == np.float32 and (to_bf16 or k == "bf16") else a for a, k in zip(got, kinds)]


def result_kinds(node, at, opset):
    """For each output: "bf16" when its type is one variable with an input that is bfloat16."""
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    of = {}
    for i, name in enumerate(node.input):
        formal = schema.inputs[min(i, len(schema.inputs) - 1)]
        if name:
            of.setdefault(formal.type_str, at[name].dtype)
    out = []
    for i, name in enumerate(node.output):
        formal = schema.outputs[min(i, len(schema.outputs) - 1)]
        if name:
            out.append("bf16" if of.get(formal.type_str) == BFLOAT16 else "")
    return out


def evaluate(node, at, opset):
    """The arrays of the node's outputs (without absent ones), or Unknown."""
    read = names_read(node)
    if any(at[n].dtype == BFLOAT16 for n in read) or any(a.name in ("to", "dtype") and a.i == onnx.TensorProto.BFLOAT16 for a in node.attribute):
        got = widened(node, at, opset)
    elif node.op_type in LOSSY or (node.op_type == "Sigmoid" and at[node.input[0]].dtype == np.float64):  # its f64 tail has 8 digits
        got = by_reference(node, at, opset)
    else:
        got = by_onnxruntime(node, at, opset)
    return [np.asarray(a) for a in got]
