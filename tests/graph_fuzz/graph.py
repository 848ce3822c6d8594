"""A graph under test: nodes in order, the values that they had, and what is an input, a constant or an output.

Values are names. `at` holds the array of each, so that the shape, the type and the numbers of everything are known while the graph grows,
and each node can be judged by itself."""
import copy

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NUMPY = {
    TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.BFLOAT16: ml_dtypes.bfloat16, TensorProto.DOUBLE: np.float64,
    TensorProto.INT8: np.int8, TensorProto.INT16: np.int16, TensorProto.INT32: np.int32, TensorProto.INT64: np.int64,
    TensorProto.UINT8: np.uint8, TensorProto.UINT16: np.uint16, TensorProto.UINT32: np.uint32, TensorProto.UINT64: np.uint64, TensorProto.BOOL: np.bool_,
}
NARROW = {TensorProto.FLOAT8E4M3FN: ml_dtypes.float8_e4m3fn, TensorProto.FLOAT8E4M3FNUZ: ml_dtypes.float8_e4m3fnuz, TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2,
          TensorProto.FLOAT8E5M2FNUZ: ml_dtypes.float8_e5m2fnuz, TensorProto.FLOAT8E8M0: ml_dtypes.float8_e8m0fnu, TensorProto.FLOAT4E2M1: ml_dtypes.float4_e2m1fn,
          TensorProto.INT4: ml_dtypes.int4, TensorProto.UINT4: ml_dtypes.uint4, TensorProto.INT2: ml_dtypes.int2, TensorProto.UINT2: ml_dtypes.uint2}
COMPLEX = {TensorProto.COMPLEX64: np.complex64, TensorProto.COMPLEX128: np.complex128}
TEXT = np.object_
ONNX = {np.dtype(v): k for k, v in [*NUMPY.items(), *NARROW.items(), *COMPLEX.items(), (TensorProto.STRING, TEXT)]}
BF16 = ml_dtypes.bfloat16
TREES_SINCE = 24  # from this opset on graphs have ai.onnx.ml 5, which replaced two operators of 4 by TreeEnsemble
FLOATS = (np.float32, np.float16, BF16, np.float64)
EPSILON = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float16): 2.0**-11, np.dtype(ml_dtypes.bfloat16): 2.0**-8, np.dtype(np.float64): 2.0**-53}


class List(list):
    """A sequence of tensors of one type. Only between nodes: no input, constant or output of a graph."""

    def __init__(self, items, dtype):
        super().__init__(items)
        self.dtype = np.dtype(dtype)


class Maybe:
    """An optional: `value` is an array, a List, or None. Only between nodes."""

    dtype = None

    def __init__(self, value):
        self.value = value


def is_float(a):
    return isinstance(a, np.ndarray) and a.dtype in EPSILON


def parts(a):
    """Complex numbers as floats, in a last dimension of two; anything else as it is."""
    return np.stack([a.real, a.imag], -1) if a.dtype.kind == "c" else a


def tensor_of(a, name=""):
    if a.dtype == TEXT:
        return helper.make_tensor(name, TensorProto.STRING, a.shape, [str(t).encode() for t in a.ravel()])
    if ONNX[a.dtype] in NARROW:
        return numpy_helper.from_array(a, name)
    return helper.make_tensor(name, ONNX[a.dtype], a.shape, np.ascontiguousarray(a).tobytes(), raw=True)


def imports_of(nodes, opset):
    """The opsets that these nodes and their bodies need."""
    others = {name.rpartition(".")[0] for n in nodes for name in names_run(n)} - {""}
    return [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, (5 if opset >= TREES_SINCE else 4) if d == "ai.onnx.ml" else 1) for d in sorted(others)]


def names_read(node):
    """What a node reads, also from inside its bodies."""
    out = [n for n in node.input if n]
    for a in node.attribute:
        if a.HasField("g"):
            made = {o for n in a.g.node for o in n.output} | {i.name for i in a.g.input} | {t.name for t in a.g.initializer}
            out += [n for b in a.g.node for n in names_read(b) if n not in made]
            out += [o.name for o in a.g.output if o.name not in made]
    return list(dict.fromkeys(out))


def names_run(node):
    """The operators of a node and of those in its bodies, with their domain where it is not ONNX's own."""
    yield f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    for a in node.attribute:
        for n in a.g.node if a.HasField("g") else ():
            yield from names_run(n)


class Graph:
    def __init__(self, opset):
        self.opset = opset
        self.nodes, self.at = [], {}
        self.inputs, self.constants, self.outputs = [], [], []
        self.symbols = {}  # of an input: for each dimension its symbol, or None

    def copy(self):
        g = copy.copy(self)
        g.nodes, g.at = list(self.nodes), dict(self.at)
        g.inputs, g.constants, g.outputs, g.symbols = list(self.inputs), list(self.constants), list(self.outputs), dict(self.symbols)
        return g

    def feeds(self):
        return {n: self.at[n] for n in self.inputs}

    def prune(self):
        """Without the nodes, inputs and constants that no output needs."""
        need, kept = set(self.outputs), []
        for n in reversed(self.nodes):
            if any(o in need for o in n.output):
                kept.append(n)
                need.update(names_read(n))
        self.nodes = kept[::-1]
        self.inputs = [i for i in self.inputs if i in need]
        self.constants = [c for c in self.constants if c in need]
        return self

    def model(self):
        ins = [helper.make_tensor_value_info(n, ONNX[self.at[n].dtype], [s or d for s, d in zip(self.symbols.get(n) or [None] * self.at[n].ndim, self.at[n].shape)])
               for n in self.inputs]
        outs = [helper.make_tensor_value_info(n, ONNX[self.at[n].dtype], None) for n in self.outputs]
        g = helper.make_graph(self.nodes, "g", ins, outs, [tensor_of(self.at[n], n) for n in self.constants])
        return helper.make_model(g, opset_imports=imports_of(self.nodes, self.opset), ir_version=10)

    def text(self):
        return onnx.printer.to_text(self.model())
