"""Small networks of the kinds that people run, with seeded random weights, and what onnxruntime answers on them.

  python tests/make_test_models.py OUT [name ...]      needs numpy, onnx, onnxruntime

Writes OUT/NAME/model.onnx and OUT/NAME/test_data_set_K/{input,output}_J.pb, the layout of ONNX's own backend tests.
Each net is a function below: it says what goes in, chains ops, names what comes out and lists its data sets. Nets with
free dimensions get a data set for each of several sizes. The references are onnxruntime's with graph optimisation off;
each net is checked to be finite, not constant and alive to its input. The same package versions write the same bytes.
"""
import os
import shutil
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F32, F16, I64, I32, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL
NETS = {}


def net(build):
    NETS[build.__name__] = build
    return build


class Net:
    """A graph under construction: op() adds a node and gives the name of its output."""

    def __init__(self, name, opset=17, ir=8):
        self.name, self.opset, self.ir = name, opset, ir
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.weights, self.inputs, self.outputs, self.sets, self.functions = [], [], [], [], [], []
        self.count, self.external = 0, False

    def sub(self, name):
        """A branch or loop body: shares the generator and the numbering, sees the outer names."""
        s = Net(name, self.opset, self.ir)
        s.rng = self.rng
        s.count = self.count + 1000
        self.count += 100
        return s

    def fresh(self, stem):
        self.count += 1
        return f"{stem.lower()}_{self.count}"

    def op(self, kind, *inputs, n=1, domain="", **attributes):
        outs = [self.fresh(kind) for _ in range(n)]
        self.nodes.append(helper.make_node(kind, list(inputs), outs, name=outs[0], domain=domain, **attributes))
        return outs[0] if n == 1 else outs

    def const(self, value, dtype=np.int64):
        """An initializer with these values."""
        name = self.fresh("const")
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape, fan=None, dtype=np.float32):
        fan = fan or int(np.prod(shape[1:]))
        return self.const(self.rng.normal(0, 1.4 / np.sqrt(fan), shape), dtype)

    def near(self, centre, spread, *shape, dtype=np.float32):
        return self.const(centre + self.rng.uniform(-spread, spread, shape), dtype)

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, value, dtype, shape):
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def feed(self, **arrays):
        self.sets.append(arrays)

    def normal(self, *shape, dtype=np.float32):
        return self.rng.normal(0, 1, shape).astype(dtype)

    def graph(self):
        return helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)

    def model(self):
        domains = {f.domain for f in self.functions} | {n.domain for n in self.nodes} - {""}
        imports = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(d, 3 if d == "ai.onnx.ml" else 1) for d in sorted(domains)]
        return helper.make_model(self.graph(), opset_imports=imports, ir_version=self.ir, functions=self.functions, producer_name="make_test_models")


# ---------------------------------------------------------------- layers
def conv(g, x, i, o, k=3, stride=1, group=1, bias=True, dtype=np.float32, **more):
    w = g.weight(o, i // group, k, k, dtype=dtype)
    b = [g.near(0, 0.1, o, dtype=dtype)] if bias else []
    return g.op("Conv", x, w, *b, kernel_shape=[k, k], pads=[k // 2] * 4, strides=[stride] * 2, group=group, **more)


def batch_norm(g, x, c):
    return g.op("BatchNormalization", x, g.near(1, 0.3, c), g.near(0, 0.2, c), g.near(0, 0.2, c), g.near(1, 0.5, c), epsilon=1e-5)


def layer_norm(g, x, c):
    return g.op("LayerNormalization", x, g.near(1, 0.3, c), g.near(0, 0.2, c), axis=-1, epsilon=1e-5)


def layer_norm_spelled(g, x, c):
    """As exporters wrote it before opset 17."""
    d = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
    var = g.op("ReduceMean", g.op("Pow", d, g.const(2.0, np.float32)), axes=[-1])
    y = g.op("Div", d, g.op("Sqrt", g.op("Add", var, g.const(1e-12, np.float32))))
    return g.op("Add", g.op("Mul", y, g.near(1, 0.3, c)), g.near(0, 0.2, c))


def linear(g, x, i, o):
    return g.op("Add", g.op("MatMul", x, g.weight(i, o, fan=i)), g.near(0, 0.1, o))


def gelu_erf(g, x):
    e = g.op("Erf", g.op("Div", x, g.const(np.sqrt(2), np.float32)))
    return g.op("Mul", g.op("Mul", x, g.op("Add", e, g.const(1, np.float32))), g.const(0.5, np.float32))


def gelu_tanh(g, x):
    cube = g.op("Mul", g.op("Pow", x, g.const(3, np.float32)), g.const(0.044715, np.float32))
    t = g.op("Tanh", g.op("Mul", g.op("Add", x, cube), g.const(np.sqrt(2 / np.pi), np.float32)))
    return g.op("Mul", g.op("Mul", x, g.const(0.5, np.float32)), g.op("Add", t, g.const(1, np.float32)))


def heads(g, x, h, d, perm=(0, 2, 1, 3)):
    """[batch, seq, h * d] -> [batch, h, seq, d]; the shape is computed from the tensor, as exporters do."""
    shape = g.op("Shape", x)
    rows = [g.op("Unsqueeze", g.op("Gather", shape, g.const(k), axis=0), g.const([0])) for k in (0, 1)]
    return g.op("Transpose", g.op("Reshape", x, g.op("Concat", *rows, g.const([h]), g.const([d]), axis=0)), perm=list(perm))


def attention(g, q, k, v, d, mask=None):
    """mask: true where a key must not be seen."""
    s = g.op("Div", g.op("MatMul", q, k), g.const(np.sqrt(d), np.float32))
    if mask:
        s = g.op("Where", mask, g.const(-1e9, np.float32), s)
    y = g.op("Transpose", g.op("MatMul", g.op("Softmax", s, axis=-1), v), perm=[0, 2, 1, 3])
    return g.op("Reshape", y, g.const([0, 0, -1]))


# ---------------------------------------------------------------- image networks
@net
def squeezenet_fire():
    g = Net("squeezenet_fire")

    def fire(x, i, s, e):
        x = g.op("Relu", conv(g, x, i, s, 1))
        return g.op("Concat", g.op("Relu", conv(g, x, s, e, 1)), g.op("Relu", conv(g, x, s, e, 3)), axis=1)

    x = g.input("image", F32, [1, 3, 64, 64])
    x = g.op("Relu", g.op("Conv", x, g.weight(16, 3, 3, 3), g.near(0, 0.1, 16), kernel_shape=[3, 3], strides=[2, 2]))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = fire(fire(x, 16, 8, 16), 32, 8, 16)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = g.op("Dropout", fire(x, 32, 12, 24))
    x = g.op("Flatten", g.op("GlobalAveragePool", g.op("Relu", conv(g, x, 48, 20, 1))), axis=1)
    g.output("probabilities", g.op("Softmax", x, axis=1), F32, [1, 20])
    g.feed(image=g.normal(1, 3, 64, 64))
    return g


@net
def mobilenet_inverted():
    g = Net("mobilenet_inverted")

    def relu6(x):
        return g.op("Clip", x, g.const(0, np.float32), g.const(6, np.float32))

    def inverted(x, i, o, stride, grow):
        m = relu6(batch_norm(g, conv(g, x, i, i * grow, 1, bias=False), i * grow))
        m = relu6(batch_norm(g, conv(g, m, i * grow, i * grow, 3, stride, i * grow, bias=False), i * grow))
        m = batch_norm(g, conv(g, m, i * grow, o, 1, bias=False), o)
        return g.op("Add", x, m) if stride == 1 and i == o else m

    def squeeze_excite(x, c):
        s = g.op("Relu", conv(g, g.op("GlobalAveragePool", x), c, c // 4, 1))
        return g.op("Mul", x, g.op("HardSigmoid", conv(g, s, c // 4, c, 1), alpha=1 / 6, beta=0.5))

    x = g.input("image", F32, ["batch", 3, 48, 48])
    x = g.op("HardSwish", batch_norm(g, conv(g, x, 3, 16, 3, 2, bias=False), 16))
    x = inverted(x, 16, 16, 1, 2)
    x = squeeze_excite(inverted(x, 16, 24, 2, 3), 24)
    x = inverted(inverted(x, 24, 24, 1, 3), 24, 32, 2, 3)
    x = g.op("Flatten", g.op("GlobalAveragePool", relu6(conv(g, x, 32, 64, 1))))
    x = g.op("Gemm", x, g.weight(10, 64), g.near(0, 0.1, 10), transB=1)
    g.output("logits", x, F32, ["batch", 10])
    for b in (1, 2, 3):
        g.feed(image=g.normal(b, 3, 48, 48))
    return g


@net
def resnet_blocks():
    g = Net("resnet_blocks")

    def cbr(x, i, o, k, stride=1):
        return g.op("Relu", batch_norm(g, conv(g, x, i, o, k, stride, bias=False), o))

    x = g.input("image", F32, [1, 3, 64, 64])
    x = g.op("MaxPool", cbr(x, 3, 16, 7, 2), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    y = batch_norm(g, conv(g, cbr(x, 16, 16, 3), 16, 16, 3, bias=False), 16)  # basic
    x = g.op("Relu", g.op("Add", y, x))
    y = batch_norm(g, conv(g, cbr(cbr(x, 16, 12, 1), 12, 12, 3, 2), 12, 48, 1, bias=False), 48)  # bottleneck
    x = g.op("Relu", g.op("Add", y, batch_norm(g, conv(g, x, 16, 48, 1, 2, bias=False), 48)))
    x = g.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    x = g.op("ReduceMean", x, axes=[2, 3], keepdims=0)
    g.output("logits", g.op("Gemm", x, g.weight(48, 10, fan=48), g.near(0, 0.1, 10)), F32, [1, 10])
    g.feed(image=g.normal(1, 3, 64, 64))
    return g


@net
def autoencoder():
    g = Net("autoencoder")
    x = g.input("image", F32, [1, 3, 32, 32])
    x = g.op("Pad", x, g.const([0, 0, 4, 4, 0, 0, 4, 4]), mode="reflect")
    for i, o in ((3, 16), (16, 24)):
        x = g.op("InstanceNormalization", conv(g, x, i, o, 3, 2), g.near(1, 0.3, o), g.near(0, 0.2, o), epsilon=1e-5)
        x = g.op("LeakyRelu", x, alpha=0.2)
    x = g.op("Elu", conv(g, x, 24, 24, 3, dilations=[2, 2], group=2))
    up = g.weight(24, 16, 3, 3, fan=24 * 3)
    x = g.op("ConvTranspose", x, up, g.near(0, 0.1, 16), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    x = g.op("PRelu", x, g.near(0.2, 0.1, 16, 1, 1))
    x = g.op("Resize", x, "", g.const([1, 1, 2, 2], np.float32), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = g.op("Pad", x, g.const([0, 0, 1, 1, 0, 0, 1, 1]), mode="edge")
    x = g.op("Relu", g.op("Conv", x, g.weight(12, 16, 3, 3), g.near(0, 0.1, 12), kernel_shape=[3, 3]))
    x = g.op("ConvTranspose", x, g.weight(12, 4, 2, 2, fan=24), kernel_shape=[2, 2], strides=[2, 2], group=3)
    x = g.op("Resize", x, "", "", g.const([1, 12, 48, 56]), mode="linear", coordinate_transformation_mode="half_pixel")
    x = g.op("DepthToSpace", x, blocksize=2, mode="CRD")
    g.output("image_out", g.op("Sigmoid", x), F32, [1, 3, 96, 112])
    g.feed(image=g.normal(1, 3, 32, 32))
    return g


# ---------------------------------------------------------------- transformers
@net
def bert_encoder():
    g = Net("bert_encoder", opset=13, ir=7)
    h, d, c, vocab = 4, 8, 32, 100
    ids = g.input("input_ids", I64, ["batch", "seq"])
    seen = g.input("attention_mask", I64, ["batch", "seq"])
    n = g.op("Unsqueeze", g.op("Gather", g.op("Shape", ids), g.const(1), axis=0), g.const([0]))
    where = g.op("Slice", g.const(np.arange(32)[None]), g.const([0]), n, g.const([1]), g.const([1]))
    x = g.op("Add", g.op("Gather", g.weight(vocab, c, fan=1), ids), g.op("Gather", g.weight(32, c, fan=2), where))
    x = layer_norm_spelled(g, x, c)
    mask = g.op("Equal", g.op("Unsqueeze", seen, g.const([1, 2])), g.const(0))
    mask = g.op("Expand", mask, g.op("Concat", g.const([1, 1]), n, g.const([1]), axis=0))
    for _ in range(2):
        q, v = (heads(g, linear(g, x, c, c), h, d) for _ in range(2))
        k = heads(g, linear(g, x, c, c), h, d, (0, 2, 3, 1))
        x = layer_norm_spelled(g, g.op("Add", x, linear(g, attention(g, q, k, v, d, mask), c, c)), c)
        x = layer_norm_spelled(g, g.op("Add", x, linear(g, gelu_erf(g, linear(g, x, c, 64)), 64, c)), c)
    g.output("last_hidden_state", x, F32, ["batch", "seq", c])
    first = g.op("Gather", x, g.const(0), axis=1)
    g.output("pooled", g.op("Tanh", g.op("Gemm", first, g.weight(c, c), g.near(0, 0.1, c), transB=1)), F32, ["batch", c])
    for b, s in ((1, 5), (2, 12), (3, 32)):
        m = np.ones((b, s), np.int64)
        m[-1, s - s // 4 :] = 0
        g.feed(input_ids=g.rng.integers(0, vocab, (b, s)), attention_mask=m)
    return g


@net
def vit_encoder():
    g = Net("vit_encoder")
    h, d, c = 3, 16, 48
    x = g.input("pixels", F32, ["batch", 3, 32, 32])
    x = g.op("Conv", x, g.weight(c, 3, 8, 8), g.near(0, 0.1, c), kernel_shape=[8, 8], strides=[8, 8])
    x = g.op("Transpose", g.op("Reshape", x, g.const([0, c, -1])), perm=[0, 2, 1])
    n = g.op("Slice", g.op("Shape", x), g.const([0]), g.const([1]))
    cls = g.op("Expand", g.weight(1, 1, c, fan=1), g.op("Concat", n, g.const([1, c]), axis=0))
    x = g.op("Add", g.op("Concat", cls, x, axis=1), g.weight(1, 17, c, fan=4))
    for _ in range(2):
        y = linear(g, layer_norm(g, x, c), c, 3 * c)
        y = g.op("Transpose", g.op("Reshape", y, g.const([0, 0, 3, h, d])), perm=[2, 0, 3, 1, 4])
        q, k, v = (g.op("Squeeze", p, g.const([0])) for p in g.op("Split", y, g.const([1, 1, 1]), n=3, axis=0))
        a = attention(g, q, g.op("Transpose", k, perm=[0, 1, 3, 2]), v, d)
        x = g.op("Add", x, g.op("Mul", linear(g, a, c, c), g.near(0.5, 0.2, c)))
        x = g.op("Add", x, linear(g, gelu_erf(g, linear(g, layer_norm(g, x, c), c, 96)), 96, c))
    x = g.op("Gather", layer_norm(g, x, c), g.const(0), axis=1)
    g.output("logits", g.op("Gemm", x, g.weight(10, c), g.near(0, 0.1, 10), transB=1), F32, ["batch", 10])
    for b in (1, 2, 3):
        g.feed(pixels=g.normal(b, 3, 32, 32))
    return g


@net
def gpt2_decode_tiny():
    g = Net("gpt2_decode_tiny")
    h, d, c, vocab, layers = 2, 16, 32, 120, 2
    ids, at = g.input("input_ids", I64, [1, 1]), g.input("position_ids", I64, [1, 1])
    past = g.input("past", F32, [layers, 2, 1, h, "past_length", d])
    table = g.weight(vocab, c, fan=1)
    x = g.op("Add", g.op("Gather", table, ids), g.op("Gather", g.weight(64, c, fan=2), at))
    present = []
    for i in range(layers):
        y = linear(g, layer_norm(g, x, c), c, 3 * c)
        q, k, v = (heads(g, p, h, d) for p in g.op("Split", y, g.const([c, c, c]), n=3, axis=2))
        old = g.op("Gather", past, g.const(i), axis=0)
        k = g.op("Concat", g.op("Gather", old, g.const(0), axis=0), k, axis=2)
        v = g.op("Concat", g.op("Gather", old, g.const(1), axis=0), v, axis=2)
        present.append(g.op("Unsqueeze", g.op("Concat", *(g.op("Unsqueeze", t, g.const([0])) for t in (k, v)), axis=0), g.const([0])))
        a = attention(g, q, g.op("Transpose", k, perm=[0, 1, 3, 2]), v, d)
        x = g.op("Add", x, linear(g, a, c, c))
        x = g.op("Add", x, linear(g, gelu_tanh(g, linear(g, layer_norm(g, x, c), c, 64)), 64, c))
    g.output("logits", g.op("MatMul", layer_norm(g, x, c), g.op("Transpose", table, perm=[1, 0])), F32, [1, 1, vocab])
    g.output("present", g.op("Concat", *present, axis=0), F32, [layers, 2, 1, h, "total_length", d])
    for p in (1, 4, 9, 33):
        g.feed(input_ids=g.rng.integers(0, vocab, (1, 1)), position_ids=np.array([[p]]), past=g.normal(layers, 2, 1, h, p, d))
    return g


# ---------------------------------------------------------------- recurrent networks and control flow
@net
def recurrent():
    g = Net("recurrent")
    h = 12
    x = g.input("features", F32, ["steps", "batch", 8])
    w = lambda gates, i, dirs=1: (g.weight(dirs, gates * h, i, fan=i), g.weight(dirs, gates * h, h, fan=h), g.near(0, 0.2, dirs, 2 * gates * h))
    y, yh, yc = g.op("LSTM", x, *w(4, 8, 2), n=3, hidden_size=h, direction="bidirectional")
    y = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.const([0, 0, 2 * h]))
    z, zh = g.op("GRU", y, *w(3, 2 * h), n=2, hidden_size=h, linear_before_reset=1)
    z = g.op("Squeeze", z, g.const([1]))
    r, rh = g.op("RNN", z, *w(1, h), n=2, hidden_size=h, direction="reverse")
    _, gh = g.op("GRU", z, *w(3, h), n=2, hidden_size=h, linear_before_reset=0)
    both = g.op("Concat", g.op("Squeeze", zh, g.const([0])), g.op("Squeeze", rh, g.const([0])), g.op("Squeeze", gh, g.const([0])), axis=1)
    g.output("scores", g.op("Gemm", both, g.weight(5, 3 * h), g.near(0, 0.1, 5), transB=1), F32, ["batch", 5])
    g.output("steps_out", g.op("Squeeze", r, g.const([1])), F32, ["steps", "batch", h])
    g.output("cell", yc, F32, [2, "batch", h])
    for s, b in ((1, 1), (7, 2), (20, 3)):
        g.feed(features=g.normal(s, b, 8))
    return g


@net
def if_branches():
    g = Net("if_branches")
    x = g.input("x", F32, ["rows", 8])
    y = g.op("Tanh", g.op("MatMul", x, g.weight(8, 8)))
    cond = g.op("Greater", g.op("ReduceSum", x, keepdims=0), g.const(0, np.float32))
    yes, no = g.sub("yes"), g.sub("no")
    yes.output("a", yes.op("Mul", y, yes.near(2, 0.5, 8)), F32, ["rows", 8])  # y comes from outside
    few, many = no.sub("few"), no.sub("many")
    few.output("c", few.op("Neg", y), F32, ["rows", 8])
    many.output("d", many.op("Sub", x, many.op("Relu", y)), F32, ["rows", 8])
    rows = no.op("Gather", no.op("Shape", x), no.const(0), axis=0)
    inner = no.op("If", no.op("Less", rows, no.const(3)), then_branch=few.graph(), else_branch=many.graph())
    no.output("b", no.op("Add", inner, x), F32, ["rows", 8])
    z = g.op("If", cond, then_branch=yes.graph(), else_branch=no.graph())
    g.output("z", g.op("MatMul", z, g.weight(8, 4)), F32, ["rows", 4])
    for rows, shift in ((2, 1), (2, -1), (5, -1)):
        g.feed(x=g.normal(rows, 8) + np.float32(shift))
    return g


@net
def loop_body():
    g = Net("loop_body")
    times = g.input("times", I64, [])
    x = g.input("x", F32, [1, 6])
    b = g.sub("body")
    b.input("i", I64, [])
    b.input("go", BOOL, [])
    b.input("state", F32, [1, 6])
    w = g.weight(6, 6)
    step = b.op("Cast", "i", to=F32)
    s = b.op("Tanh", b.op("Add", b.op("MatMul", "state", w), b.op("Mul", step, b.const(0.1, np.float32))))
    b.output("go_on", b.op("Less", b.op("ReduceSum", b.op("Abs", s), keepdims=0), b.const(1e6, np.float32)), BOOL, [])
    b.output("state_out", s, F32, [1, 6])
    b.output("seen", b.op("Squeeze", s, b.const([0])), F32, [6])
    last, seen = g.op("Loop", times, g.const(True, bool), x, n=2, body=b.graph())
    g.output("last", last, F32, [1, 6])
    g.output("history", seen, F32, ["steps", 6])
    for n in (1, 3, 10):
        g.feed(times=np.array(n, np.int64), x=g.normal(1, 6))
    return g


# ---------------------------------------------------------------- types, shapes and packaging
@net
def half_precision():
    g = Net("half_precision")
    x = g.input("image", F16, [1, 3, 24, 24])
    x = g.op("Relu", conv(g, x, 3, 8, 3, 2, dtype=np.float16))
    x = g.op("MaxPool", g.op("Relu", conv(g, x, 8, 16, 3, dtype=np.float16)), kernel_shape=[2, 2], strides=[2, 2])
    x = g.op("Flatten", g.op("GlobalAveragePool", x))
    x = g.op("Add", g.op("MatMul", x, g.weight(16, 10, fan=16, dtype=np.float16)), g.near(0, 0.1, 10, dtype=np.float16))
    g.output("probabilities", g.op("Softmax", x, axis=-1), F16, [1, 10])
    wide = g.op("Sigmoid", g.op("Cast", x, to=F32))
    g.output("wide", g.op("Cast", wide, to=F16), F16, [1, 10])
    g.feed(image=g.normal(1, 3, 24, 24, dtype=np.float16))
    return g


@net
def shape_arithmetic():
    g = Net("shape_arithmetic")
    x = g.input("x", F32, ["batch", "seq", 6])
    shape = g.op("Shape", x)
    b, s = (g.op("Gather", shape, g.const(k), axis=0) for k in (0, 1))
    lift = lambda v: g.op("Unsqueeze", v, g.const([0]))
    pairs = g.op("Reshape", x, g.op("Concat", lift(b), g.op("Mul", lift(s), g.const([2])), g.const([3]), axis=0))
    half = g.op("Div", g.op("Add", s, g.const(1)), g.const(2))
    head = g.op("Slice", pairs, g.const([0]), lift(half), g.const([1]), g.const([1]))
    back = g.op("Slice", x, g.const([-1]), g.const([-(2**31)]), g.const([1]), g.const([-1]))
    at = g.op("Range", g.const(0), s, g.const(1))
    column, row = g.op("Unsqueeze", at, g.const([1])), g.op("Unsqueeze", at, g.const([0]))
    causal = g.op("LessOrEqual", row, column)
    causal = g.op("Expand", g.op("Unsqueeze", causal, g.const([0])), g.op("Concat", lift(b), lift(s), lift(s), axis=0))
    scores = g.op("MatMul", x, g.op("Transpose", back, perm=[0, 2, 1]))
    masked = g.op("Where", causal, scores, g.op("ConstantOfShape", g.op("Shape", scores), value=helper.make_tensor("v", F32, [1], [-3.0])))
    index = g.op("Min", g.op("Mod", g.op("Mul", at, g.const(5)), s), g.op("Sub", s, g.const(1)))
    g.output("head", head, F32, ["batch", "half", 3])
    g.output("rows", g.op("Reshape", x, g.op("Concat", g.const([-1]), g.const([2]), axis=0)), F32, ["rows", 2])  # -1 beside a 0 has no answer
    g.output("masked", g.op("Softmax", masked, axis=-1), F32, ["batch", "seq", "seq"])
    g.output("picked", g.op("Gather", x, index, axis=1), F32, ["batch", "seq", 6])
    g.output("index", index, I64, ["seq"])
    g.output("size", g.op("Cast", g.op("Add", g.op("Size", x), g.op("ReduceProd", shape, keepdims=0)), to=I32), I32, [])
    tile = g.op("Tile", g.op("Cast", column, to=F32), g.op("Concat", g.const([1]), lift(b), axis=0))
    g.output("tiled", g.op("CumSum", tile, g.const(0)), F32, ["seq", "batch"])
    for n, m in ((1, 3), (2, 8), (3, 17)):
        g.feed(x=g.normal(n, m, 6))
    return g


@net
def external_weights():
    g = Net("external_weights")
    g.external = True
    x = g.input("x", F32, ["batch", 2, 12, 12])
    x = g.op("Relu", conv(g, x, 2, 16, 3, 2))
    x = g.op("Gemm", g.op("Flatten", x), g.weight(24, 576), g.near(0, 0.1, 24), transB=1, alpha=0.5, beta=2.0)
    g.output("y", g.op("Gemm", g.op("Relu", x), g.weight(6, 24), g.near(0, 0.1, 6), transB=1), F32, ["batch", 6])
    for b in (1, 2, 3):
        g.feed(x=g.normal(b, 2, 12, 12))
    return g


@net
def local_functions():
    g = Net("local_functions")
    home = "quern.test"
    own, base = helper.make_opsetid(home, 1), helper.make_opsetid("", 17)
    leak = helper.make_node("LeakyRelu", ["v"], ["w"])
    slope = helper.make_attribute("alpha", 0.0)
    slope.ref_attr_name, slope.type = "slope", onnx.AttributeProto.FLOAT
    slope.ClearField("f")
    leak.attribute.append(slope)
    dense = helper.make_function(
        home, "DenseLeaky", ["x", "weight", "bias"], ["w"],
        [helper.make_node("MatMul", ["x", "weight"], ["u"]), helper.make_node("Add", ["u", "bias"], ["v"]), leak],
        [base], attributes=["slope"])
    block = helper.make_function(  # a function that calls a function; its inner names repeat those of the first
        home, "Residual", ["x", "weight", "bias"], ["y"],
        [helper.make_node("DenseLeaky", ["x", "weight", "bias"], ["u"], domain=home, slope=0.3), helper.make_node("Add", ["u", "x"], ["y"])],
        [base, own])
    g.functions = [dense, block]
    x = g.input("x", F32, ["batch", 8])
    x = g.op("DenseLeaky", x, g.weight(8, 16, fan=8), g.near(0, 0.1, 16), domain=home, slope=0.1)
    x = g.op("Residual", x, g.weight(16, 16), g.near(0, 0.1, 16), domain=home)
    x = g.op("Residual", x, g.weight(16, 16), g.near(0, 0.1, 16), domain=home)
    g.output("y", x, F32, ["batch", 16])
    for b in (1, 3, 5):
        g.feed(x=g.normal(b, 8))
    return g


def decode_block(g, op, h, kv, d, total):
    """One token behind a past, through an attention operator of com.microsoft that keeps the cache itself."""
    c = h * d
    ids = g.input("input_ids", I64, [1, 1])
    pasts = [g.input(n, F32, [1, kv, "past_length", d]) for n in ("past_key", "past_value")]
    x = g.op("Gather", g.weight(50, c, fan=1), ids)
    q, k, v = linear(g, x, c, c), linear(g, x, c, kv * d), linear(g, x, c, kv * d)
    if op == "MultiHeadAttention":
        y, *present = g.op(op, q, k, v, "", "", "", *pasts, n=3, domain="com.microsoft", num_heads=h)
    else:
        table = np.outer(np.arange(128), 0.8 ** np.arange(d // 2))
        last = g.op("Reshape", g.op("Sub", total, g.const(1, np.int32)), g.const([1]))
        y, *present = g.op(op, q, k, v, *pasts, last, total, g.const(np.cos(table), np.float32), g.const(np.sin(table), np.float32), n=3,
                           domain="com.microsoft", num_heads=h, kv_num_heads=kv, do_rotary=1)
    g.output("logits", linear(g, g.op("Add", x, y), c, 50), F32, [1, 1, 50])
    for n, p in zip(("present_key", "present_value"), present):
        g.output(n, p, F32, [1, kv, "total_length", d])
    return lambda p: {"input_ids": np.array([[p % 50]]), "past_key": g.normal(1, kv, p, d), "past_value": g.normal(1, kv, p, d)}


@net
def mha_decode_tiny():
    g = Net("mha_decode_tiny")
    feed = decode_block(g, "MultiHeadAttention", 2, 2, 16, None)
    for p in (1, 4, 9):
        g.feed(**feed(p))
    return g


@net
def gqa_decode_tiny():
    """As exported: how many tokens there are comes from the shape of the attention mask."""
    g = Net("gqa_decode_tiny")
    seen = g.input("attention_mask", I64, [1, "total_length"])
    total = g.op("Cast", g.op("Gather", g.op("Shape", seen), g.const(1)), to=I32)
    feed = decode_block(g, "GroupQueryAttention", 4, 2, 16, total)
    for p in (1, 4, 9):
        g.feed(attention_mask=np.ones((1, p + 1), np.int64), **feed(p))
    return g


@net
def gqa_decode_told():
    """Told as a number how many tokens there are."""
    g = Net("gqa_decode_told")
    feed = decode_block(g, "GroupQueryAttention", 4, 2, 16, g.input("total_length", I32, []))
    for p in (1, 4, 9):
        g.feed(total_length=np.array(p + 1, np.int32), **feed(p))
    return g


@net
def quantized_contrib():
    """com.microsoft's operators on quantized tensors and packed weights, one beside the other. Weights stay below 64: without VNNI
    onnxruntime adds products of u8 and i8 in 16 bits, in pairs, and lets them saturate."""
    g = Net("quantized_contrib")
    ms, u8, i8 = "com.microsoft", np.uint8, np.int8
    x = g.input("x", F32, [3, 64])
    packed = lambda *shape: g.const(g.rng.integers(0, 256, shape), u8)
    scales = lambda *shape: g.const(g.rng.uniform(0.01, 0.1, shape), np.float32)
    f, b = (lambda v: g.const(v, np.float32)), (lambda v: g.const(v, u8))
    g.output("four_bits", g.op("MatMulNBits", x, packed(24, 2, 16), scales(48), domain=ms, K=64, N=24, bits=4, block_size=32), F32, [3, 24])
    y = g.op("MatMulNBits", x, packed(24, 2, 16), scales(48), packed(24), "", g.near(0, 1, 24), domain=ms, K=64, N=24, bits=4, block_size=32)
    g.output("with_zero_points", y, F32, [3, 24])
    q = g.op("QuantizeLinear", x, f(0.03), b(120))
    r = g.op("QuantizeLinear", g.op("Neg", x), f(0.02), b(128))
    back = lambda v, s, z: g.op("DequantizeLinear", v, f(s), b(z))
    g.output("sum", back(g.op("QLinearAdd", q, f(0.03), b(120), r, f(0.02), b(128), f(0.0371), b(100), domain=ms), 0.0371, 100), F32, [3, 64])
    g.output("product", back(g.op("QLinearMul", q, f(0.03), b(120), r, f(0.02), b(128), f(0.05), b(200), domain=ms), 0.05, 200), F32, [3, 64])
    g.output("sigmoid", back(g.op("QLinearSigmoid", q, f(0.03), b(120), f(1 / 256), b(0), domain=ms), 1 / 256, 0), F32, [3, 64])
    g.output("leaky", back(g.op("QLinearLeakyRelu", q, f(0.03), b(120), f(0.03), b(90), domain=ms, alpha=0.2), 0.03, 90), F32, [3, 64])
    w = g.const(g.rng.integers(-60, 60, (64, 8)), i8)
    g.output("dynamic", g.op("DynamicQuantizeMatMul", x, w, f(0.02), g.const(3, i8), g.near(0, 1, 8), domain=ms), F32, [3, 8])
    g.output("to_float", g.op("MatMulIntegerToFloat", q, w, f(0.03), f(0.02), b(120), g.const(3, i8), domain=ms), F32, [3, 8])
    g.feed(x=g.normal(3, 64))
    return g


@net
def classic_ml():
    """ai.onnx.ml on numbers."""
    g = Net("classic_ml")
    ml = "ai.onnx.ml"
    x = g.input("x", F32, [5, 4])
    s = g.op("Scaler", x, domain=ml, offset=[0.5, 0.25, -1.0, 2.0], scale=[2.0, 0.5, 1.0, 3.0])
    g.output("scaled", s, F32, [5, 4])
    g.output("linear", g.op("LinearRegressor", s, domain=ml, targets=2, coefficients=[0.5, -1, 2, 0.25, 1, 1, -0.5, 3], intercepts=[0.1, -0.2]), F32, [5, 2])
    g.output("columns", g.op("ArrayFeatureExtractor", x, g.const([3, 0]), domain=ml), F32, [5, 2])
    g.output("ones", g.op("Binarizer", x, domain=ml, threshold=0.3), F32, [5, 4])
    label = g.op("ArgMax", x, axis=1, keepdims=0)
    g.output("labels", g.op("LabelEncoder", label, domain=ml, keys_int64s=[0, 1, 2], values_floats=[1.5, 2.5, 3.5], default_float=-7.0), F32, [5])
    g.feed(x=g.normal(5, 4))
    return g


@net
def regions_and_spectra():
    g = Net("regions_and_spectra", opset=20, ir=9)
    x = g.input("x", F32, [2, 3, 12, 10])
    rois = g.const([[0, 0, 0, 7, 8], [1, 2, 1, 9, 11], [1, 4, 4, 5, 6]], np.float32)
    g.output("largest", g.op("MaxRoiPool", x, rois, pooled_shape=[3, 2], spatial_scale=0.9), F32, [3, 3, 3, 2])
    grid = g.const(g.rng.uniform(-1.3, 1.3, (2, 5, 6, 2)), np.float32)
    g.output("cubic", g.op("GridSample", x, grid, mode="cubic", padding_mode="reflection"), F32, [2, 3, 5, 6])
    g.output("border", g.op("GridSample", x, grid, padding_mode="border", align_corners=1), F32, [2, 3, 5, 6])
    flat = g.op("Reshape", x, g.const([2, 360, 1]))
    g.output("frames", g.op("STFT", flat, g.const(30), g.const(np.hanning(64), np.float32)), F32, [2, 10, 33, 2])
    g.feed(x=g.normal(2, 3, 12, 10))
    return g


# ---------------------------------------------------------------- writing and checking
def answer(session, feed):
    return session.run(None, feed)


def check(name, session, feeds, answers):
    for feed, outs in zip(feeds, answers):
        other = {k: v if v.dtype.kind != "f" else (v[..., ::-1] * v.dtype.type(0.9)).copy() for k, v in feed.items()}
        if not any(v.dtype.kind == "f" for v in feed.values()):
            other["input_ids"] = np.roll(feed["input_ids"], 1) * 7 % 100
        moved = answer(session, other)
        changed = False
        for a, b in zip(outs, moved):
            assert np.isfinite(a.astype(np.float64)).all(), f"{name}: not finite"
            assert a.dtype.kind != "f" or a.size < 2 or a.std() > 1e-3 or name == "shape_arithmetic", f"{name}: constant"
            changed |= a.dtype.kind == "f" and np.abs(a.astype(np.float64) - b).max() > 1e-2 * max(a.std(), 1e-6)
        assert changed, f"{name}: does not depend on its input"


def write_tensor(path, name, array):
    with open(path, "wb") as f:
        f.write(numpy_helper.from_array(np.asarray(array, order="C"), name).SerializeToString(deterministic=True))


def write(g, folder):
    where = os.path.join(folder, g.name)
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    model, path = g.model(), os.path.join(where, "model.onnx")
    onnx.checker.check_model(model)
    if g.external:
        onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=64)
    else:
        with open(path, "wb") as f:
            f.write(model.SerializeToString(deterministic=True))
    o = onnxruntime.SessionOptions()
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    o.intra_op_num_threads, o.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    answers = [answer(session, feed) for feed in g.sets]
    check(g.name, session, g.sets, answers)
    for k, (feed, outs) in enumerate(zip(g.sets, answers)):
        at = os.path.join(where, f"test_data_set_{k}")
        os.makedirs(at)
        for j, v in enumerate(g.inputs):
            write_tensor(os.path.join(at, f"input_{j}.pb"), v.name, feed[v.name])
        for j, (v, a) in enumerate(zip(g.outputs, outs)):
            write_tensor(os.path.join(at, f"output_{j}.pb"), v.name, a)
    size = sum(os.path.getsize(os.path.join(where, f)) for f in os.listdir(where) if os.path.isfile(os.path.join(where, f)))
    print(f"{g.name:22s} opset {g.opset}, {len(g.nodes):4d} nodes, {len(g.sets)} data sets, {size / 1024:6.0f} KB")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name, build in NETS.items():
        if not sys.argv[2:] or name in sys.argv[2:]:
            write(build(), sys.argv[1])


if __name__ == "__main__":
    main()
