"""The operators of com.microsoft, each attribute and each optional input at least once, in the layout of ONNX's backend tests.

  python tests/make_contrib_cases.py OUT [part of a name ...]      needs numpy, onnx, onnxruntime

Writes OUT/NAME/model.onnx, one node each, and OUT/NAME/test_data_set_0/{input,output}_J.pb. What is wanted is what onnxruntime
answers on its CPU, on seeded inputs. Where that has no kernel for a form, `ref` computes it with NumPy, after the operator's text in
onnxruntime's schema. A case in half precision is the case in f32 on inputs rounded to f16 or bf16, its answers rounded too; its folder
says in tolerance.txt how far an answer may be from that ("relative absolute"), for the steps between are rounded as well.
"""
import os
import shutil
import sys
import zlib

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

F32, F16, BF16 = np.float32, np.float16, ml_dtypes.bfloat16
I8, U8, I32, I64 = np.int8, np.uint8, np.int32, np.int64
MS = "com.microsoft"
HALF = {"f16": (F16, "0.01 0.004"), "bf16": (BF16, "0.05 0.03")}
CASES = {}


class Fixed:
    """An input that is a weight of the model."""

    def __init__(self, array):
        self.array = array


class Case:
    def __init__(self, op, inputs, outs=1, ref=None, domain=MS, opset=20, free=(), half=True, tolerance=None, typed=False, rows=None, attr_opset=None, **attributes):
        """outs: how many, or a list of names with '' for those not wanted. free: for each input the names of its dimensions, or None.
        ref: computes the outputs from the inputs (arrays, None where absent) and the attributes. half: whether f16 and bf16 too.
        rows: how many rows of the first output count; what is behind them is not specified."""
        self.op, self.inputs, self.ref, self.domain, self.opset = op, inputs, ref, domain, opset
        self.outs = [f"y{i}" for i in range(outs)] if isinstance(outs, int) else outs
        self.free, self.half, self.tolerance, self.typed, self.rows, self.attributes = free, half, tolerance, typed, rows, attributes
        if attr_opset:  # an attribute of that name
            self.attributes["opset"] = attr_opset

    def arrays(self):
        return [i.array if isinstance(i, Fixed) else i for i in self.inputs]

    def cast(self, source, to):
        def one(i):
            if isinstance(i, Fixed):
                return Fixed(one(i.array))
            return i.astype(to) if i is not None and i.dtype == source else i

        return Case(self.op, [one(i) for i in self.inputs], self.outs, self.ref, self.domain, self.opset, self.free, typed=self.typed, rows=self.rows, **self.attributes)

    def model(self, types=None):
        names = ["" if i is None else f"x{k}" for k, i in enumerate(self.inputs)]
        outs = ["whole"] + self.outs[1:] if self.rows else self.outs
        nodes = [helper.make_node(self.op, names, outs, name="node", domain=self.domain, **self.attributes)]
        if self.rows:
            nodes.append(helper.make_node("Slice", ["whole", "from", "to", "axis"], self.outs[:1]))
        ins, weights = [], [numpy_helper.from_array(np.array([v], I64), w) for w, v in (("from", 0), ("to", self.rows), ("axis", 1)) if self.rows]
        for k, (name, i) in enumerate(zip(names, self.inputs)):
            if isinstance(i, Fixed):
                weights.append(numpy_helper.from_array(i.array, name))
            elif i is not None:
                dims = self.free[k] if k < len(self.free) and self.free[k] else i.shape
                ins.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(i.dtype), dims))
        outs = [helper.make_tensor_value_info(o, t, None) for o, t in zip(self.outs, types or [1] * len(self.outs)) if o]
        imports = [helper.make_opsetid("", self.opset)] + ([helper.make_opsetid(self.domain, 1)] if self.domain else [])
        return helper.make_model(helper.make_graph(nodes, self.op, ins, outs, weights), opset_imports=imports, ir_version=10)

    def answers(self):
        """Of f32, by onnxruntime or by `ref`."""
        if self.ref:
            return [a for a, o in zip(self.ref(*self.arrays(), **self.attributes), self.outs) if o]
        o = onnxruntime.SessionOptions()
        o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        o.intra_op_num_threads, o.log_severity_level = 1, 4
        model = self.model()
        if not self.typed:  # onnxruntime knows the types of most of its operators
            for out in model.graph.output:
                out.ClearField("type")
        session = onnxruntime.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"])
        return session.run(None, {f"x{k}": i for k, i in enumerate(self.inputs) if i is not None and not isinstance(i, Fixed)})


def case(name, *args, **more):
    assert name not in CASES, name
    CASES[name] = Case(*args, **more)


def rng_of(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


RNG = rng_of("contrib")


def normal(*shape, scale=1.0):
    return (RNG.normal(0, scale, shape)).astype(F16).astype(F32)  # exact in f16, nearly so in bf16


def near(centre, spread, *shape):
    return (centre + RNG.uniform(-spread, spread, shape)).astype(F32)


def ints(low, high, *shape, dtype=I32):
    return RNG.integers(low, high, shape).astype(dtype)


# ---------------------------------------------------------------- RotaryEmbedding
def rotary_cases():
    t = np.outer(np.arange(16), 0.7 ** np.arange(4)).astype(F32)
    cos, sin = np.cos(t), np.sin(t)
    x, at = normal(2, 3, 24), np.array([[0, 1, 2], [5, 9, 15]], I64)
    case("rotary_flat", "RotaryEmbedding", [x, at, cos, sin])
    case("rotary_flat_interleaved", "RotaryEmbedding", [x, at, Fixed(cos), Fixed(sin)], interleaved=1)
    case("rotary_from_offset", "RotaryEmbedding", [x, np.array([4], I64), cos, sin], interleaved=1)
    case("rotary_heads", "RotaryEmbedding", [normal(2, 3, 4, 8), np.array([[0, 1, 2, 3], [7, 8, 9, 3]], I64), cos, sin])
    case("rotary_part_of_heads", "RotaryEmbedding", [normal(2, 3, 36), at, cos, sin], num_heads=3, rotary_embedding_dim=8)
    case("rotary_packed_batch", "RotaryEmbedding", [x, at, cos, sin], is_packed_batching=1, scale=1.0)
    case("rotary_scale", "RotaryEmbedding", [x, at, cos, sin], scale=0.5)


# ---------------------------------------------------------------- MultiHeadAttention
def mha_cases():
    b, s, l, n, h = 2, 3, 5, 2, 4
    d = n * h
    q, k, v = normal(b, s, d), normal(b, l, d), normal(b, l, d)
    bias = normal(3 * d, scale=0.3)
    past = lambda p: (normal(b, n, p, h), normal(b, n, p, h))
    case("mha_self", "MultiHeadAttention", [q, normal(b, s, d), normal(b, s, d)], num_heads=n)
    case("mha_cross_bias", "MultiHeadAttention", [q, k, v, bias], num_heads=n)
    case("mha_other_width", "MultiHeadAttention", [q, k, normal(b, l, 12), normal(2 * d + 12)], num_heads=n)
    case("mha_scale", "MultiHeadAttention", [q, k, v], num_heads=n, scale=0.2)
    case("mha_unidirectional", "MultiHeadAttention", [q, normal(b, s, d), normal(b, s, d)], num_heads=n, unidirectional=1)
    case("mha_mask_lengths", "MultiHeadAttention", [q, k, v, None, np.array([5, 2], I32)], num_heads=n)
    case("mha_mask_keys", "MultiHeadAttention", [q, k, v, None, ints(0, 2, b, l) | np.eye(1, l, dtype=I32)], num_heads=n)
    case("mha_mask_rows", "MultiHeadAttention", [q, k, v, None, ints(0, 2, b, s, l)], num_heads=n, mask_filter_value=-3.0)
    case("mha_bias_full", "MultiHeadAttention", [q, k, v, None, None, normal(b, n, s, l)], num_heads=n)
    case("mha_bias_shared", "MultiHeadAttention", [q, k, v, bias, ints(0, 2, b, l), normal(1, 1, s, l)], num_heads=n)
    case("mha_past", "MultiHeadAttention", [q, normal(b, s, d), normal(b, s, d), None, None, None, *past(4)], 3, num_heads=n)
    case("mha_past_masked", "MultiHeadAttention", [q, normal(b, s, d), normal(b, s, d), bias, ints(0, 2, b, 4 + s), normal(1, n, s, 4 + s), *past(4)], 3,
         num_heads=n, unidirectional=1)
    case("mha_past_empty", "MultiHeadAttention", [q, normal(b, s, d), normal(b, s, d), None, None, None, *past(0)], 3, num_heads=n)
    case("mha_present_only", "MultiHeadAttention", [q, k, v], 3, num_heads=n)
    case("mha_kept_keys", "MultiHeadAttention", [q, normal(b, n, l, h), normal(b, n, l, h)], num_heads=n)
    case("mha_kept_keys_bias", "MultiHeadAttention", [q, normal(b, n, l, h), normal(b, n, l, h), bias], num_heads=n)
    case("mha_scores", "MultiHeadAttention", [q, k, v, None, ints(0, 2, b, l) | np.eye(1, l, dtype=I32)], ["y", "", "", "qk"], num_heads=n, typed=True)
    case("mha_free", "MultiHeadAttention", [q, k, v, None, None, None, *past(3)], 3, num_heads=n,
         free=[("b", "s", d), ("b", "l", d), ("b", "l", d), None, None, None, ("b", n, "p", h), ("b", n, "p", h)])
    # onnxruntime's CPU takes no packed form: it is asked for what they stand for
    flat = lambda x, at: x[:, :, :, at].reshape(*x.shape[:2], -1)
    case("mha_packed_qkv", "MultiHeadAttention", [normal(b, s, n, 3, h), None, None, bias], num_heads=n,
         ref=lambda x, k, v, bias, **a: Case("MultiHeadAttention", [flat(x, 0), flat(x, 1), flat(x, 2), bias], **a).answers())
    case("mha_packed_kv", "MultiHeadAttention", [q, normal(b, l, n, 2, h)], num_heads=n,
         ref=lambda q, kv, **a: Case("MultiHeadAttention", [q, flat(kv, 0), flat(kv, 1)], **a).answers())


# ---------------------------------------------------------------- Attention
def attention_cases():
    b, s, c, n, h = 2, 3, 6, 2, 4
    d = n * h
    x, w, bias = normal(b, s, c), normal(c, 3 * d, scale=0.4), normal(3 * d, scale=0.3)
    past = normal(2, b, n, 4, h)
    case("attention_plain", "Attention", [x, w, bias], num_heads=n)
    case("attention_no_bias", "Attention", [x, Fixed(w)], num_heads=n)
    case("attention_unidirectional", "Attention", [x, w, bias], num_heads=n, unidirectional=1)
    case("attention_scale", "Attention", [x, w, bias], num_heads=n, scale=0.9)
    case("attention_hidden_sizes", "Attention", [x, normal(c, 8 + 8 + 6, scale=0.4), normal(22)], num_heads=n, qkv_hidden_sizes=[8, 8, 6])
    case("attention_mask_lengths", "Attention", [x, w, bias, np.array([3, 1], I32)], num_heads=n)
    case("attention_mask_ends_starts", "Attention", [x, w, bias, np.array([3, 2, 1, 0], I32)], num_heads=n)
    case("attention_mask_keys", "Attention", [x, w, bias, np.array([[1, 1, 0], [0, 1, 1]], I32)], num_heads=n, unidirectional=1)
    case("attention_mask_rows", "Attention", [x, w, bias, ints(0, 2, b, s, s)], num_heads=n, mask_filter_value=-2.5)
    case("attention_past", "Attention", [x, w, bias, None, past], 2, num_heads=n)
    case("attention_past_unidirectional", "Attention", [x, w, bias, ints(0, 2, b, 7), past], 2, num_heads=n, unidirectional=1)
    case("attention_present_only", "Attention", [x, w, bias], 2, num_heads=n)
    case("attention_extra_bias", "Attention", [x, w, bias, None, None, normal(1, 1, s, s)], num_heads=n)
    case("attention_free", "Attention", [x, w, bias, None, past], 2, num_heads=n, free=[("b", "s", c), None, None, None, (2, "b", n, "p", h)])


# ---------------------------------------------------------------- GroupQueryAttention
def gqa_cases():
    b, n, g = 2, 4, 2
    t = np.outer(np.arange(32), 0.6 ** np.arange(8)).astype(F32)
    cos, sin = np.cos(t), np.sin(t)

    def gqa(name, s, past, lengths, total, more=(), outs=3, packed=False, free=(), ref=None, size=16, **attributes):
        """lengths: of each sample with its new tokens. What lies behind them in the past is 0: onnxruntime's answer is 0 there."""
        b, h = len(lengths), size
        q = [normal(b, s, n * h), normal(b, s, g * h), normal(b, s, g * h)] if not packed else [normal(b, s, (n + 2 * g) * h), None, None]
        old = [normal(b, g, past, h), normal(b, g, past, h)] if past is not None else [None, None]
        for i, length in enumerate(lengths):
            for x in old if past else ():
                x[i, :, max(length - s, 0):] = 0
        for i, length in enumerate(more[9] if len(more) > 9 else ()):
            q[1][i, length:] = q[2][i, length:] = 0
        lens, count = np.array(lengths, I32) - 1, np.array(total, I32)
        case("gqa_" + name, "GroupQueryAttention", [*q, *old, lens, count, *more], outs, free=free, num_heads=n, kv_num_heads=g, ref=ref, **attributes)

    gqa("prompt", 3, None, [3, 3], 3)
    gqa("prompt_empty_past", 3, 0, [3, 3], 3)
    gqa("prompt_padded", 4, None, [4, 2], 4, rows=2)
    gqa("decode", 1, 4, [5, 5], 5)
    gqa("decode_unequal", 1, 5, [6, 3], 6)
    gqa("decode_buffer", 1, 8, [5, 3], 5)
    gqa("prompt_buffer", 3, 8, [3, 3], 3)
    gqa("chunk", 3, 4, [7], 7)
    gqa("packed", 3, None, [3, 3], 3, packed=True)
    gqa("packed_rotary", 1, 4, [5, 2], 5, [cos, sin], packed=True, do_rotary=1)
    gqa("rotary_prompt", 3, None, [3, 3], 3, [cos, sin], do_rotary=1)
    gqa("rotary_interleaved", 1, 4, [5, 4], 5, [cos, sin], do_rotary=1, rotary_interleaved=1)
    gqa("rotary_positions", 1, 4, [5, 4], 5, [cos, sin, np.array([[4], [7]], I64)], do_rotary=1)
    gqa("rotary_positions_prompt", 3, None, [3, 3], 3, [cos, sin, np.array([[2, 9, 4], [5, 6, 7]], I64)], do_rotary=1)
    gqa("rotary_half", 3, None, [3, 3], 3, [cos[:, :8], sin[:, :8]], size=32, do_rotary=1)
    gqa("scale", 3, None, [3, 3], 3, scale=0.2)
    gqa("softcap", 3, None, [3, 3], 3, softcap=1.5)
    gqa("window", 6, None, [6, 6], 6, local_window_size=2)
    gqa("window_decode", 1, 9, [10, 5], 10, local_window_size=4)
    gqa("bidirectional", 4, None, [4, 4], 4, causal=0)
    gqa("bidirectional_lengths", 4, None, [4, 2], 4, causal=0)
    gqa("bias", 3, None, [3, 3], 3, [None, None, None, normal(b, n, 3, 3)])
    gqa("bias_shared_softcap", 1, 4, [5, 3], 5, [None, None, None, normal(1, 1, 1, 5)], softcap=2.0)
    gqa("smooth", 3, None, [3, 3], 3, smooth_softmax=1)
    gqa("sink", 3, None, [3, 3], 3, [None, None, None, None, normal(n)])
    gqa("sink_window_decode", 1, 6, [7, 3], 7, [cos, sin, None, None, normal(n)], do_rotary=1, local_window_size=3)
    gqa("scores", 3, None, [3, 3], 3, outs=4, qk_output=1, softcap=2.0)
    gqa("scores_after", 3, 2, [5], 5, outs=4, qk_output=2)
    gqa("scores_sink", 3, 2, [5], 5, [None, None, None, None, normal(n)], outs=4, qk_output=2)
    gqa("queries_counted", 4, 12, [5, 7], 8, [None] * 9 + [np.array([4, 4], I32)])
    gqa("queries_padded", 4, 12, [5, 7], 8, [None] * 9 + [np.array([2, 4], I32)], rows=2)
    gqa("free", 1, 4, [5, 3], 5, [cos, sin], do_rotary=1,
        free=[("b", "s", 64), ("b", "s", 32), ("b", "s", 32), ("b", g, "p", 16), ("b", g, "p", 16), ("b",), (), None, None])


# ---------------------------------------------------------------- quantized tensors
def f32(v):
    return np.array(v, F32)


def quant(dtype, scale, zero, *shape):
    low, high = (0, 256) if dtype == U8 else (-128, 128)
    return [ints(low, high, *shape, dtype=dtype), f32(scale), None if zero is None else np.array(zero, dtype)]


def quantized_mean(x, x_scale, x_zero, y_scale, y_zero, axes, keepdims):
    """onnxruntime's CPU has no kernel for QLinearReduceMean."""
    mean = ((x.astype(F32) - x_zero) * x_scale).mean(tuple(axes), keepdims=bool(keepdims), dtype=F32)
    limits = np.iinfo(x.dtype)
    return [np.clip(np.rint(mean / y_scale) + y_zero, limits.min, limits.max).astype(x.dtype)]


def qlinear_cases():
    more = dict(half=False)
    step = dict(half=False, tolerance="0 1")  # its Softmax adds up exponentials out of a table of rounded ones

    def zeros_told(op, t):
        """An absent zero point is 0: onnxruntime ends the process, or knows no type, where one is left out."""
        places = {"QLinearAdd": (2, 5, 7), "QLinearLeakyRelu": (2, 4)}[op]
        def ref(*x, **attributes):
            full = list(x) + [None] * (places[-1] + 1 - len(x))
            return Case(op, [np.array(0, t) if k in places else i for k, i in enumerate(full)], **attributes).answers()
        return ref

    for t, z in ((U8, 117), (I8, -9)):
        k = "u8" if t == U8 else "i8"
        y = lambda scale, zero=z: [f32(scale), None if zero is None else np.array(zero, t)]
        case(f"qlinear_add_{k}", "QLinearAdd", quant(t, 0.031, z, 2, 3, 5) + quant(t, 0.0173, z + 5, 3, 1) + y(0.0412), **more)
        case(f"qlinear_add_none_{k}", "QLinearAdd", quant(t, 0.031, None, 7) + quant(t, 0.0173, None, 7) + y(0.05, None)[:1], ref=zeros_told("QLinearAdd", t), **more)
        case(f"qlinear_mul_{k}", "QLinearMul", quant(t, 0.031, z, 2, 3, 5) + quant(t, 0.0173, z + 5, 5) + y(0.0412), **more)
        case(f"qlinear_mul_scalar_{k}", "QLinearMul", quant(t, 0.031, z) + quant(t, 0.0173, z + 5, 5) + y(0.0412), **more)
        case(f"qlinear_sigmoid_{k}", "QLinearSigmoid", quant(t, 0.043, z, 3, 21) + y(0.0039, 0 if t == U8 else -128), **more)
        case(f"qlinear_leaky_{k}", "QLinearLeakyRelu", quant(t, 0.043, z, 3, 21) + y(0.0391), alpha=0.13, **more)
        case(f"qlinear_leaky_default_{k}", "QLinearLeakyRelu", quant(t, 0.043, None, 3, 21) + y(0.0391, None)[:1], ref=zeros_told("QLinearLeakyRelu", t), **more)
        case(f"qlinear_softmax_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), opset=13, attr_opset=13, **step)
        case(f"qlinear_softmax_axis_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), axis=1, attr_opset=13, **step)
        case(f"qlinear_softmax_flat_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), axis=1, attr_opset=12, **step)
        case(f"qlinear_global_{k}", "QLinearGlobalAveragePool", quant(t, 0.043, z, 2, 3, 4, 5) + y(0.0117), **more)
        case(f"qlinear_global_last_{k}", "QLinearGlobalAveragePool", quant(t, 0.043, z, 2, 4, 5, 3) + y(0.0117), channels_last=1, **more)
        case(f"qlinear_pool_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.0237), kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], **more)
        case(f"qlinear_pool_counted_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.0237), kernel_shape=[3, 3], pads=[1, 1, 1, 1],
             count_include_pad=1, **more)
        case(f"qlinear_pool_ceil_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.0237), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, **more)
        case(f"qlinear_pool_last_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 8, 7, 3) + y(0.0237), kernel_shape=[3, 2], channels_last=1,
             auto_pad="SAME_UPPER", **more)
        case(f"qlinear_where_{k}", "QLinearWhere", [ints(0, 2, 3, 1, dtype=np.bool_)] + quant(t, 0.043, z, 3, 5) + quant(t, 0.031, z - 4, 5) + y(0.0372), **more)
        case(f"qlinear_concat_{k}", "QLinearConcat", y(0.0372) + quant(t, 0.043, z, 3, 2) + quant(t, 0.031, z - 4, 3, 1) + quant(t, 0.0372, z, 3, 4), axis=1, **more)
        case(f"qlinear_mean_{k}", "QLinearReduceMean", quant(t, 0.043, z, 3, 4, 5) + y(0.0117), axes=[-1, 0], keepdims=0, ref=quantized_mean, **more)
        case(f"qlinear_mean_kept_{k}", "QLinearReduceMean", quant(t, 0.043, z, 3, 4, 5) + y(0.0117), axes=[1], keepdims=1, ref=quantized_mean, **more)
    conv = lambda *x: quant(U8, 0.05, 120, *x) + [Fixed(ints(-60, 60, 4, 3, 3, 3, dtype=I8)), Fixed(near(0.02, 0.01, 4)), Fixed(np.zeros(4, I8)), f32(0.07), np.array(110, U8)]
    case("qlinear_conv_last", "QLinearConv", conv(1, 7, 6, 3) + [Fixed(ints(-900, 900, 4))], channels_last=1, pads=[1, 1, 1, 1], strides=[2, 1], **more)
    case("qlinear_conv_front", "QLinearConv", conv(1, 3, 7, 6), dilations=[2, 1], kernel_shape=[3, 3], **more)
    x, w = normal(3, 16), ints(-60, 60, 16, 5, dtype=I8)
    case("dynamic_matmul", "DynamicQuantizeMatMul", [x, w, f32(0.02)], **more)
    case("dynamic_matmul_all", "DynamicQuantizeMatMul", [normal(2, 3, 16), w, near(0.02, 0.01, 5), ints(-9, 9, 5, dtype=I8), normal(5)], **more)
    case("integer_to_float", "MatMulIntegerToFloat", [ints(0, 256, 3, 16, dtype=U8), w, f32(0.03), near(0.02, 0.01, 5), np.array(120, U8),
         ints(-9, 9, 5, dtype=I8), normal(5)], **more)


# ---------------------------------------------------------------- packed weights
def packed_cases():
    def nbits(name, k, n, bits, block, zeros=None, bias=False, m=(3,), **more):
        blocks = -(-k // block)
        a, b = normal(*m, k), ints(0, 256, n, blocks, block * bits // 8, dtype=U8)
        z = {None: None, "packed": lambda: ints(0, 256, n, -(-blocks * bits // 8), dtype=U8), "float": lambda: near(2 ** (bits - 1), 1.5, n, blocks)}[zeros]
        ins = [a, Fixed(b), Fixed(near(0.05, 0.03, n, blocks).astype(F16).astype(F32)), z and Fixed(z()), None, Fixed(normal(n)) if bias else None]
        while ins[-1] is None:
            ins.pop()
        case("nbits_" + name, "MatMulNBits", ins, K=k, N=n, bits=bits, block_size=block, **more)

    nbits("4", 64, 6, 4, 32)
    nbits("4_zeros", 64, 6, 4, 16, "packed")
    nbits("4_zeros_short", 72, 6, 4, 16, "packed", True, (2, 3))
    nbits("4_float_zeros", 64, 6, 4, 16, "float")
    nbits("4_large_block", 256, 6, 4, 128, "packed")
    nbits("8", 64, 6, 8, 32)
    nbits("8_zeros", 80, 6, 8, 32, "packed", True)
    nbits("2", 64, 6, 2, 16)
    nbits("2_zeros", 96, 5, 2, 16, "packed", True)
    nbits("accuracy", 64, 6, 4, 32, accuracy_level=1)
    case("nbits_omitted", "MatMulNBits", [normal(3, 32), np.zeros((0, 1, 16), U8), np.zeros((0, 1), F32), None, None, normal(5)], K=32, N=5, bits=4, block_size=32)

    def rows(name, data, scales, zeros=None, at=np.array([2, 0, -1], I64), **more):
        case("gather_blocks_" + name, "GatherBlockQuantized", [Fixed(data), at, Fixed(scales), None if zeros is None else Fixed(zeros)], **more)

    scales = lambda *shape: near(0.05, 0.03, *shape).astype(F16).astype(F32)
    u4 = lambda *shape: ints(0, 16, *shape).astype(ml_dtypes.uint4)
    i4 = lambda *shape: ints(-8, 8, *shape).astype(ml_dtypes.int4)
    rows("4_bytes", ints(0, 256, 5, 24, dtype=U8), scales(5, 3), block_size=16)
    rows("4_bytes_zeros", ints(0, 256, 5, 24, dtype=U8), scales(5, 3), ints(0, 256, 5, 2, dtype=U8), block_size=16)
    rows("8_bytes", ints(0, 256, 5, 48, dtype=U8), scales(5, 3), ints(0, 256, 5, 3, dtype=U8), block_size=16, bits=8)
    rows("2_bytes", ints(0, 256, 5, 16, dtype=U8), scales(5, 4), ints(0, 256, 5, 1, dtype=U8), block_size=16, bits=2)
    rows("u4", u4(5, 32), scales(5, 2), u4(5, 2), block_size=16)
    rows("i4", i4(5, 40), scales(5, 3), block_size=16, at=np.array([[1, 4], [0, 0]], I32))
    rows("i4_other_axes", i4(3, 20, 4), scales(3, 2, 4), i4(3, 2, 4), block_size=16, quantize_axis=1, gather_axis=2, at=np.array([3, -4], I64))
    rows("i4_along_blocks", i4(40, 3), scales(3, 3), i4(3, 3), block_size=16, quantize_axis=0, gather_axis=0, at=np.array([39, 0, 17], I64))
    rows("outside", i4(5, 32), scales(5, 2), block_size=16, at=np.array([1, 5, -6], I64))
    f8 = ints(0, 120, 4, 32, dtype=U8).view(ml_dtypes.float8_e4m3fn)
    floats = lambda data, at, scales, zeros, **a: [(data.astype(F32) * np.repeat(scales, data.shape[1] // scales.shape[1], 1))[at]]
    rows("float8", f8, scales(4, 2), block_size=16, ref=floats)  # as the schema says; onnxruntime's CPU has no kernel for it
    rows("float8_one_scale", f8, scales(1, 1), block_size=0, ref=floats)


# ---------------------------------------------------------------- writing
def write_tensor(path, name, array):
    with open(path, "wb") as f:
        f.write(numpy_helper.from_array(np.asarray(array, order="C"), name).SerializeToString(deterministic=True))


def write(folder, name, c, answers, tolerance):
    where = os.path.join(folder, name)
    at = os.path.join(where, "test_data_set_0")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(at)
    types = iter(helper.np_dtype_to_tensor_dtype(a.dtype) for a in answers)
    with open(os.path.join(where, "model.onnx"), "wb") as f:
        f.write(c.model([next(types) if o else 0 for o in c.outs]).SerializeToString(deterministic=True))
    fed = [(f"x{k}", i) for k, i in enumerate(c.inputs) if i is not None and not isinstance(i, Fixed)]
    for j, (n, i) in enumerate(fed):
        write_tensor(os.path.join(at, f"input_{j}.pb"), n, i)
    for j, (n, a) in enumerate(zip((o for o in c.outs if o), answers)):
        write_tensor(os.path.join(at, f"output_{j}.pb"), n, a)
    if tolerance:
        with open(os.path.join(where, "tolerance.txt"), "w") as f:
            f.write(tolerance + "\n")


def write_case(folder, name, c):
    answers = c.answers()
    assert all(np.isfinite(a.astype(F32)).all() for a in answers), f"{name}: not finite"
    write(folder, name, c, answers, c.tolerance)
    if not c.half:
        return 1
    for kind, (dtype, tolerance) in HALF.items():
        narrow = c.cast(F32, dtype)
        answers = [a.astype(dtype) if a.dtype == F32 else a for a in narrow.cast(dtype, F32).answers()]
        write(folder, f"{name}_{kind}", narrow, answers, tolerance)
    return 1 + len(HALF)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for make in (rotary_cases, mha_cases, attention_cases, gqa_cases, qlinear_cases, packed_cases):
        make()
    count = 0
    for name, c in CASES.items():
        if not sys.argv[2:] or any(part in name for part in sys.argv[2:]):
            count += write_case(sys.argv[1], name, c)
    print(f"{count} cases in {sys.argv[1]}")


if __name__ == "__main__":
    main()
