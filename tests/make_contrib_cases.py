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
HALF = {"f16": (F16, 0.01, 0.003), "bf16": (BF16, 0.05, 0.02)}  # how far from what is wanted, and that times the largest number wanted
CASES = {}


class Fixed:
    """An input that is a weight of the model."""

    def __init__(self, array):
        self.array = array


class Case:
    def __init__(self, op, inputs, outs=1, ref=None, domain=MS, opset=20, free=(), half=True, tolerance=None, typed=False, rows=None, present_rows=None, attr_opset=None, refused=None, still=(), **attributes):
        """outs: how many, or a list of names with '' for those not wanted. free: for each input the names of its dimensions, or None.
        ref: computes the outputs from the inputs (arrays, None where absent) and the attributes. half: whether f16 and bf16 too.
        rows: how many rows of the first output count; what is behind them is not specified. present_rows: and of the others, along axis 2. refused: words of the sentence with which a model
        or its run must end, written to refused.txt; no answer is asked for. still: inputs that stay f32 in half precision."""
        self.op, self.inputs, self.ref, self.domain, self.opset = op, inputs, ref, domain, opset
        self.outs = [f"y{i}" for i in range(outs)] if isinstance(outs, int) else outs
        self.free, self.half, self.tolerance, self.typed, self.rows, self.attributes = free, half, tolerance, typed, rows, attributes
        self.refused, self.still, self.present_rows = refused, still, present_rows
        if attr_opset:  # an attribute of that name
            self.attributes["opset"] = attr_opset

    def arrays(self):
        return [i.array if isinstance(i, Fixed) else i for i in self.inputs]

    def cast(self, source, to):
        def one(i):
            if isinstance(i, Fixed):
                return Fixed(one(i.array))
            return i.astype(to) if i is not None and i.dtype == source else i

        inputs = [i if k in self.still else one(i) for k, i in enumerate(self.inputs)]
        return Case(self.op, inputs, self.outs, self.ref, self.domain, self.opset, self.free, typed=self.typed, rows=self.rows, present_rows=self.present_rows, still=self.still, **self.attributes)

    def model(self, types=None):
        names = ["" if i is None else f"x{k}" for k, i in enumerate(self.inputs)]
        count = [self.rows] + [self.present_rows] * (len(self.outs) - 1)
        outs = [f"whole_{o}" if o and c else o for o, c in zip(self.outs, count)]
        nodes = [helper.make_node(self.op, names, outs, name="node", domain=self.domain, **self.attributes)]
        ins, weights = [], []
        for k, (whole, o, c) in enumerate(zip(outs, self.outs, count)):
            if whole != o:
                weights += [numpy_helper.from_array(np.array([v], I64), f"{w}_{o}") for w, v in (("from", 0), ("to", c), ("axis", 2 if k else 1))]
                nodes.append(helper.make_node("Slice", [whole, f"from_{o}", f"to_{o}", f"axis_{o}"], [o]))
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
    fresh = lambda rows: [normal(4, rows, d), normal(4, rows, d), normal(4, rows, d)]
    buffers, length, beams = lambda: [normal(4, n, 8, h), normal(4, n, 8, h)], np.array([3], I32), ints(0, 2, 2, 2, 8)
    seen = lambda rows: ints(0, 2, 4, 3 + rows) | np.eye(1, 3 + rows, dtype=I32)
    case("mha_buffer", "MultiHeadAttention", [*fresh(3), None, None, None, *buffers(), length], 3, num_heads=n)
    case("mha_buffer_unidirectional", "MultiHeadAttention", [*fresh(3), bias, seen(3), normal(1, n, 3, 6), *buffers(), length], 3, num_heads=n, unidirectional=1)
    case("mha_buffer_empty", "MultiHeadAttention", [*fresh(3), None, None, None, *buffers(), length * 0], 3, num_heads=n)
    case("mha_buffer_full", "MultiHeadAttention", [*fresh(1), None, None, None, *buffers(), length + 4], 3, num_heads=n)
    case("mha_beams", "MultiHeadAttention", [*fresh(1), bias, seen(1), None, *buffers(), length, beams], 3, num_heads=n)
    case("mha_beams_rows", "MultiHeadAttention", [*fresh(3), None, None, None, *buffers(), length, beams], 3, num_heads=n)
    case("mha_beams_free", "MultiHeadAttention", [*fresh(1), None, None, normal(1, n, 1, 4), *buffers(), length, beams], 3, num_heads=n,
         free=[("b", "s", d), ("b", "s", d), ("b", "s", d), None, None, None, ("b", n, "room", h), ("b", n, "room", h), None, ("p", "w", "room")])
    masked, width = "DecoderMaskedMultiHeadAttention", np.array([2], I32)
    one = dict(num_heads=n, past_present_share_buffer=1)
    case("decoder_buffer", masked, [*fresh(1), None, None, *buffers(), length], 3, **one)
    case("decoder_beams", masked, [*fresh(1), seen(1), None, *buffers(), length, width, beams, bias], 3, mask_filter_value=-3.0, scale=0.3, **one)
    case("decoder_scores", masked, [*fresh(1), None, normal(1, n, 1, 4), *buffers(), length, width, beams], ["y", "k", "v", "qk"], output_qk=1, typed=True, half=False, **one)
    case("decoder_cross", masked, [normal(b, 1, d), normal(b, n, l, h), normal(b, n, l, h), ints(0, 2, b, l) | np.eye(1, l, dtype=I32)], num_heads=n)
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
    # onnxruntime's CPU takes no buffer here: it is asked with what of it is past
    def in_buffer(x, w, bias, mask, past, extra, length, past_present_share_buffer, **a):
        ends = int(length[0])
        y, present = Case("Attention", [x, w, bias, mask, past[:, :, :, :ends].copy(), extra], 2, **a).answers()
        return [y, np.concatenate([present, past[:, :, :, present.shape[3]:]], 3)]

    room = lambda: normal(2, b, n, 9, h)
    case("attention_buffer", "Attention", [x, w, bias, None, room(), None, np.array([4], I32)], 2, num_heads=n, past_present_share_buffer=1, ref=in_buffer)
    case("attention_buffer_all", "Attention", [x, w, bias, ints(0, 2, b, 9), room(), None, np.array([6], I32)], 2, num_heads=n,
         past_present_share_buffer=1, unidirectional=1, ref=in_buffer)
    case("attention_buffer_empty", "Attention", [x, w, bias, None, room(), None, np.array(0, I32)], 2, num_heads=n, past_present_share_buffer=1,
         ref=lambda *i, **a: in_buffer(*i[:6], i[6].reshape(1), **a))
    def with_rotary(x, w, bias=None, mask=None, past=None, num_heads=0, do_rotary=1, rotary_embedding_dim=0, **a):
        """onnxruntime's CPU says: fuse with MHA + RotaryEmbedding. That is what it is asked, with the angles of its CUDA."""
        q, k, v = np.split((x @ w + (0 if bias is None else bias)).astype(F32), 3, 2)
        start, size = past.shape[3] if past is not None else 0, q.shape[2] // num_heads
        part = rotary_embedding_dim or size
        angle = np.outer(np.arange(start + x.shape[1]), 10000.0 ** (-2 * np.arange(part // 2) / part))
        at, more = np.array([start], I64), dict(rotary_embedding_dim=part, num_heads=num_heads) if part < size else {}
        turn = lambda y: Case("RotaryEmbedding", [y, at, np.cos(angle).astype(F32), np.sin(angle).astype(F32)], **more).answers()[0]
        held = [past[0], past[1]] if past is not None else [None, None]
        out = Case("MultiHeadAttention", [turn(q), turn(k), v, None, mask, None, *held], 3, num_heads=num_heads, **a).answers()
        return [out[0], np.stack(out[1:])]

    wide, shift = normal(c, 3 * 16, scale=0.4), normal(48)
    case("attention_rotary", "Attention", [x, wide, shift], 2, num_heads=n, do_rotary=1, ref=with_rotary)
    case("attention_rotary_part", "Attention", [x, wide, shift, None, normal(2, b, n, 4, 8)], 2, num_heads=n, do_rotary=1, rotary_embedding_dim=4, unidirectional=1,
         ref=with_rotary)
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

    def windowed(name, s, room, window, lengths, total, more=(), **attributes):
        """A cache of `room` entries. What is in it behind what it holds is not specified: only what all samples hold is compared."""
        b, turn = len(lengths), room - window + 1
        holds = lambda t: t - turn * max(-(-(t - room) // turn), 0)
        news = more[9] if len(more) > 9 else [min(s, t) for t in lengths]
        q = [normal(b, s, n * 16), normal(b, s, g * 16), normal(b, s, g * 16)]
        old = [normal(b, g, room, 16), normal(b, g, room, 16)]
        small = attributes.get("kv_cache_bit_width")
        if small:
            old = [ints(-100, 100, b, g, room, 16, dtype=I8) for _ in range(2)]
        case("gqa_windowed_" + name, "GroupQueryAttention", [*q, *old, np.array(lengths, I32) - 1, np.array(total, I32), *more], 3, num_heads=n, kv_num_heads=g,
             sliding_window_cache=1, local_window_size=window, rows=int(min(news)), present_rows=min(holds(t) for t in lengths), half=not small, **attributes)

    windowed("prompt", 3, 4, 2, [3, 3], 3)
    windowed("long_prompt", 7, 4, 3, [7, 7], 7)
    windowed("decode", 1, 6, 4, [8, 5], 8)
    windowed("decode_far", 1, 6, 4, [20, 13], 20, [cos, sin], do_rotary=1)
    windowed("no_slack", 1, 4, 4, [9, 5], 9)
    windowed("chunk", 3, 6, 4, [9], 9, softcap=2.0)
    windowed("long_chunk", 9, 6, 4, [17], 17)
    windowed("bias", 1, 6, 4, [8, 7], 8, [None, None, None, normal(2, n, 1, 8)])
    windowed("bias_shared", 3, 6, 4, [9], 9, [None, None, None, normal(1, 1, 3, 9)])
    windowed("sink", 1, 6, 3, [8, 7], 8, [None, None, None, None, normal(n)])
    windowed("counted", 4, 6, 4, [5, 7], 8, [cos, sin] + [None] * 7 + [np.array([2, 3], I32)], do_rotary=1)
    windowed("kept_8", 1, 6, 4, [8, 12], 12, [None] * 5 + [np.array([0.02], F32), np.array([0.03], F32)], kv_cache_bit_width=8, k_quant_type="PER_TENSOR",
             v_quant_type="PER_TENSOR")

    def kept(name, bits, s, past, lengths, total, kind="PER_TENSOR", more=(), as_float=None, size=16, **attributes):
        """A cache of small numbers. What is behind the lengths is 0 there as well."""
        b, wide, scale = len(lengths), size // (2 if bits == 4 else 1), 0.3 if bits == 4 else 0.02
        shape = (1, g, 1, size) if kind == "PER_CHANNEL" else (1,)
        old = [ints(0, 256, b, g, past, wide, dtype=U8) if bits == 4 else ints(-100, 100, b, g, past, wide, dtype=I8) for _ in range(2)]
        for i, length in enumerate(lengths):
            for x in old:
                x[i, :, max(length - s, 0):] = 0
        new = [normal(b, s, n * size), normal(b, s, g * size), normal(b, s, g * size)]
        scales = [near(scale, scale / 2, *shape), near(scale, scale / 2, *shape)]
        # halves might round to another small number than these do: they are tested in the cases of the op
        case("gqa_kept_" + name, "GroupQueryAttention", [*new, *old, np.array(lengths, I32) - 1, np.array(total, I32), *(list(more) + [None] * 5)[:5], *scales], 3, half=False,
             num_heads=n, kv_num_heads=g, kv_cache_bit_width=bits, k_quant_type=kind, v_quant_type=kind, **attributes)

    for bits in (8, 4):
        kept(f"{bits}", bits, 1, 8, [5, 3], 5)
        kept(f"{bits}_channels", bits, 1, 8, [5, 3], 5, "PER_CHANNEL")
        kept(f"{bits}_prompt", bits, 3, 0, [3, 3], 3)
        kept(f"{bits}_grows", bits, 1, 4, [5, 5], 5, "PER_CHANNEL", [cos, sin], do_rotary=1)
        kept(f"{bits}_chunk_window", bits, 3, 8, [7], 7, softcap=2.0, local_window_size=4)

    def small_floats(q, k, v, past_k, past_v, lens, total, cos, sin, at, bias, sink, k_scale, v_scale, kv_cache_bit_width, k_quant_type, v_quant_type, **a):
        """onnxruntime's CPU has no kernel for a cache of float8: it is asked for what that holds."""
        told = lambda x, scale: (x.reshape(2, -1, g, 16) / scale.reshape(-1, g if scale.size > 1 else 1, scale.size // g if scale.size > 1 else 1)).astype(past_k.dtype).astype(F32)
        whole = lambda x, scale: (told(x, scale) * scale.reshape(-1, g if scale.size > 1 else 1, scale.size // g if scale.size > 1 else 1)).reshape(x.shape)
        y, pk, pv = Case("GroupQueryAttention", [q, whole(k, k_scale), whole(v, v_scale), past_k.astype(F32) * k_scale, past_v.astype(F32) * v_scale, lens, total], 3, **a).answers()
        return [y, (pk / k_scale).astype(past_k.dtype), (pv / v_scale).astype(past_k.dtype)]

    f8 = lambda: np.concatenate([normal(2, g, 4, 16), np.zeros((2, g, 4, 16), F32)], 2).astype(ml_dtypes.float8_e4m3fn)
    case("gqa_kept_float8", "GroupQueryAttention", [normal(2, 1, 64), normal(2, 1, 32), normal(2, 1, 32), f8(), f8(), np.array([4, 4], I32), np.array(5, I32), *[None] * 5,
         f32([0.5]), near(0.5, 0.2, 1, g, 1, 16)], 3, half=False, ref=small_floats, num_heads=n, kv_num_heads=g, kv_cache_bit_width=8, k_quant_type="PER_TENSOR", v_quant_type="PER_CHANNEL")
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
        case(f"qlinear_add_{k}", "QLinearAdd", quant(t, 0.031, z, 2, 3, 5) + quant(t, 0.0173, z + 5, 3, 1) + y(0.041273), **more)
        case(f"qlinear_add_none_{k}", "QLinearAdd", quant(t, 0.031, None, 7) + quant(t, 0.0173, None, 7) + y(0.05, None)[:1], ref=zeros_told("QLinearAdd", t), **more)
        case(f"qlinear_mul_{k}", "QLinearMul", quant(t, 0.031, z, 2, 3, 5) + quant(t, 0.0173, z + 5, 5) + y(0.041273), **more)
        case(f"qlinear_mul_scalar_{k}", "QLinearMul", quant(t, 0.031, z) + quant(t, 0.0173, z + 5, 5) + y(0.041273), **more)
        case(f"qlinear_sigmoid_{k}", "QLinearSigmoid", quant(t, 0.043, z, 3, 21) + y(0.0039, 0 if t == U8 else -128), **more)
        case(f"qlinear_leaky_{k}", "QLinearLeakyRelu", quant(t, 0.043, z, 3, 21) + y(0.039113), alpha=0.13, **more)
        case(f"qlinear_leaky_default_{k}", "QLinearLeakyRelu", quant(t, 0.043, None, 3, 21) + y(0.039113, None)[:1], ref=zeros_told("QLinearLeakyRelu", t), **more)
        case(f"qlinear_softmax_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), opset=13, attr_opset=13, **step)
        case(f"qlinear_softmax_axis_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), axis=1, attr_opset=13, **step)
        case(f"qlinear_softmax_flat_{k}", "QLinearSoftmax", quant(t, 0.043, z, 3, 4, 5) + y(0.0039, 0 if t == U8 else -128), axis=1, attr_opset=12, **step)
        case(f"qlinear_global_{k}", "QLinearGlobalAveragePool", quant(t, 0.043, z, 2, 3, 4, 5) + y(0.011729), **more)
        case(f"qlinear_global_last_{k}", "QLinearGlobalAveragePool", quant(t, 0.043, z, 2, 4, 5, 3) + y(0.011729), channels_last=1, **more)
        case(f"qlinear_pool_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.023713), kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], **more)
        case(f"qlinear_pool_counted_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.023713), kernel_shape=[3, 3], pads=[1, 1, 1, 1],
             count_include_pad=1, **more)
        case(f"qlinear_pool_ceil_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 3, 8, 7) + y(0.023713), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, **more)
        case(f"qlinear_pool_last_{k}", "QLinearAveragePool", quant(t, 0.043, z, 1, 8, 7, 3) + y(0.023713), kernel_shape=[3, 2], channels_last=1,
             auto_pad="SAME_UPPER", **more)
        case(f"qlinear_where_{k}", "QLinearWhere", [ints(0, 2, 3, 1, dtype=np.bool_)] + quant(t, 0.043, z, 3, 5) + quant(t, 0.031, z - 4, 5) + y(0.037219), **more)
        case(f"qlinear_concat_{k}", "QLinearConcat", y(0.037219) + quant(t, 0.043, z, 3, 2) + quant(t, 0.031, z - 4, 3, 1) + quant(t, 0.0372, z, 3, 4), axis=1, **more)
        case(f"qlinear_mean_{k}", "QLinearReduceMean", quant(t, 0.043, z, 3, 4, 5) + y(0.011729), axes=[-1, 0], keepdims=0, ref=quantized_mean, **more)
        case(f"qlinear_mean_kept_{k}", "QLinearReduceMean", quant(t, 0.043, z, 3, 4, 5) + y(0.011729), axes=[1], keepdims=1, ref=quantized_mean, **more)
    conv = lambda *x: quant(U8, 0.05, 120, *x) + [Fixed(ints(-60, 60, 4, 3, 3, 3, dtype=I8)), Fixed(near(0.02, 0.01, 4)), Fixed(np.zeros(4, I8)), f32(0.07), np.array(110, U8)]
    case("qlinear_conv_last", "QLinearConv", conv(1, 7, 6, 3) + [Fixed(ints(-900, 900, 4))], channels_last=1, pads=[1, 1, 1, 1], strides=[2, 1], **more)
    case("qlinear_conv_front", "QLinearConv", conv(1, 3, 7, 6), dilations=[2, 1], kernel_shape=[3, 3], **more)
    x, w = normal(3, 16), ints(-60, 60, 16, 5, dtype=I8)
    case("dynamic_matmul", "DynamicQuantizeMatMul", [x, w, f32(0.02)], **more)
    case("dynamic_matmul_all", "DynamicQuantizeMatMul", [normal(2, 3, 16), w, near(0.02, 0.01, 5), ints(-9, 9, 5, dtype=I8), normal(5)], **more)
    sums = lambda *s: Fixed(ints(-900, 900, *s))
    for name, b_scale, b_zero in (("one", f32(0.02), np.array(3, I8)), ("columns", near(0.02, 0.01, 5), ints(-9, 9, 5, dtype=I8))):
        right = [Fixed(w), Fixed(b_scale), Fixed(b_zero)]
        left = quant(U8, 0.03, 120, 3, 16)
        case(f"qgemm_{name}", "QGemm", [*left, *right, sums(5), f32(1.7), np.array(110, U8)], **more)
        case(f"qgemm_{name}_float", "QGemm", [*left, *right, sums(3, 5)], **more)
        case(f"qgemm_{name}_turned", "QGemm", [*quant(U8, 0.03, 120, 16, 3), Fixed(w.T.copy()), *right[1:], None, f32(1.7), np.array(110, U8)], transA=1, transB=1,
             alpha=0.5, **more)
    case("qgemm_signed", "QGemm", [*quant(I8, 0.03, -3, 3, 16), Fixed(w), Fixed(f32(0.02)), Fixed(np.array(0, I8)), sums(1), f32(1.7), np.array(-7, I8)], **more)
    case("integer_to_float", "MatMulIntegerToFloat", [ints(0, 256, 3, 16, dtype=U8), w, f32(0.03), near(0.02, 0.01, 5), np.array(120, U8),
         ints(-9, 9, 5, dtype=I8), normal(5)], **more)


# ---------------------------------------------------------------- packed weights
def packed_cases():
    def dequantized(a, b, scales, zeros=None, order=None, bias=None, K=0, N=0, bits=4, block_size=0):
        blocks = -(-K // block_size)
        at = np.arange(K) // block_size if order is None else order
        if zeros is None:
            zeros = np.full((N, blocks), 2 ** (bits - 1), F32)
        zeros = unpack(zeros, bits)[:, :blocks] if zeros.dtype == U8 else zeros
        w = (unpack(b, bits).reshape(N, -1)[:, :K] - zeros[:, at]) * scales[:, at]
        return [(a @ w.T + (0 if bias is None else bias)).astype(F32)]

    def nbits(name, k, n, bits, block, zeros=None, bias=False, m=(3,), order=None, **more):
        blocks = -(-k // block)
        a, b = normal(*m, k), ints(0, 256, n, blocks, block * bits // 8, dtype=U8)
        z = {None: None, "packed": lambda: ints(0, 256, n, -(-blocks * bits // 8), dtype=U8), "float": lambda: near(2 ** (bits - 1), 1.5, n, blocks)}[zeros]
        ins = [a, Fixed(b), Fixed(near(0.05, 0.03, n, blocks).astype(F16).astype(F32)), z and Fixed(z()), None if order is None else Fixed(order), Fixed(normal(n)) if bias else None]
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
    # onnxruntime's CPU has no kernel for 3, 5, 6 and 7 bits; with an order of columns it has none for 8, with 2 it does not look at the order, with packed zero
    # points not at those
    nbits("3", 64, 6, 3, 16, ref=dequantized)
    for bits in (3, 5, 6, 7):
        nbits(f"{bits}_zeros", 72, 5, bits, 32, "packed", True, ref=dequantized, half=bits == 3)
    order = lambda k, block: RNG.permutation(np.arange(k) // block).astype(I32)
    nbits("4_order", 64, 6, 4, 16, order=order(64, 16))
    nbits("4_order_float_zeros", 72, 6, 4, 16, "float", order=order(72, 16), ref=dequantized)
    for bits in (2, 3, 4, 8):
        nbits(f"{bits}_order_zeros", 72, 6, bits, 16, "packed", True, order=order(72, 16), ref=dequantized)
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


# ---------------------------------------------------------------- mixtures of experts
def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unpack(w, bits):
    """Each row of bytes is one stream of bits, lowest first."""
    stream = np.unpackbits(w, axis=-1, bitorder="little")
    stream = stream[..., : stream.shape[-1] // bits * bits].reshape(*w.shape[:-1], -1, bits)
    return (stream.astype(I32) << np.arange(bits)).sum(-1).astype(F32)


def activation(name, h, up, alpha, beta, limit, late):
    """up: what is gated, or None."""
    swish = lambda x: x / (1 + np.exp(-alpha * x))
    gelu = lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    if name == "swiglu":
        return (np.minimum(swish(h), limit) if late else swish(np.minimum(h, limit))) * (np.clip(up, -limit, limit) + beta)
    return {"relu": lambda: np.maximum(h, 0), "relu2": lambda: np.maximum(h, 0) ** 2, "geglu": lambda: gelu(h) * up, "silu": lambda: swish(h), "identity": lambda: h}[name]()


def mixture(x, router, layers, shares, k=1, activation_type="relu", swiglu_fusion=0, activation_alpha=1.0, activation_beta=0.0, swiglu_limit=np.inf,
            swiglu_limit_after_activation=0, **_):
    """For what onnxruntime's CPU refuses: gates that are not interleaved or in a layer of their own, relu2, geglu, a late limit."""
    rows, y = x.reshape(-1, x.shape[-1]), np.zeros((router.shape[0], x.shape[-1]), F32)
    for t, row in enumerate(rows):
        for e in np.argsort(-router[t], kind="stable")[:k]:
            through = lambda i, v: layers[i][0][e] @ v + (0 if layers[i][1] is None else layers[i][1][e])
            h, up = through(0, row), None
            if len(layers) > 2:
                up = through(2, row)
            elif swiglu_fusion:
                h, up = (h[0::2], h[1::2]) if swiglu_fusion == 1 else np.split(h, 2)
            h = activation(activation_type, h, up, activation_alpha, activation_beta, swiglu_limit, swiglu_limit_after_activation)
            y[t] += shares[t, e] * through(1, h)
    return [y.reshape(x.shape).astype(F32)]


def moe_cases():
    e, c, i = 4, 16, 24
    def layers(wide=i, biased=True, third=False):
        w = lambda *s: normal(*s, scale=0.3)
        out = [w(e, wide, c), w(e, wide) if biased else None, w(e, c, i), w(e, c) if biased else None]
        return out + [w(e, i, c), w(e, i)] if third else out

    def plain(x, router, w1, b1, w2, b2, w3=None, b3=None, **a):
        return mixture(x, router, [(w1, b1), (w2, b2)] + ([(w3, b3)] if w3 is not None else []), softmax(router), **a)

    def mixed(x, router, w1, b1, w2, b2, use_sparse_mixer, **a):
        """The router of Phi-3.5's mixture, which onnxruntime's CUDA has: its CPU takes the attribute and does not look at it."""
        left, shares = router.copy(), np.zeros_like(router)
        for _ in range(2):
            best, each = left.max(-1, keepdims=True), np.arange(len(router))
            near = (best - router) / np.maximum(np.abs(router), best) <= 0.02
            shares[each, left.argmax(-1)] = softmax(np.where(near, left, -np.inf))[each, left.argmax(-1)]
            left[each, left.argmax(-1)] = -np.inf
        return mixture(x, router, [(w1, b1), (w2, b2)], shares, **a)

    def likes(tokens):
        """No two experts alike, in no type: which comes first would not be said."""
        return RNG.permuted(np.tile(np.arange(e) * 0.75 - 1, (tokens, 1)), axis=1).astype(F32)

    x, r = normal(2, 3, c), likes(6)
    for name in ("relu", "gelu", "silu", "identity"):
        case("moe_" + name, "MoE", [x, r, *layers()], k=2, activation_type=name)
    case("moe_default", "MoE", [normal(5, c), likes(5), *layers(biased=False)])
    case("moe_shares", "MoE", [x, r, *layers()], k=3, normalize_routing_weights=1)
    case("moe_swiglu", "MoE", [x, r, *layers(2 * i)], k=2, activation_type="swiglu", swiglu_fusion=1, swiglu_limit=0.7, activation_alpha=1.7, activation_beta=1.0)
    case("moe_swiglu_halves", "MoE", [x, r, *layers(2 * i)], k=2, activation_type="swiglu", swiglu_fusion=2, activation_beta=0.5, ref=plain)
    case("moe_swiglu_apart", "MoE", [x, r, *layers(third=True)], k=2, activation_type="swiglu", ref=plain)
    case("moe_swiglu_late", "MoE", [x, r, *layers(2 * i)], k=2, activation_type="swiglu", swiglu_fusion=1, swiglu_limit=0.7, swiglu_limit_after_activation=1, ref=plain)
    case("moe_geglu", "MoE", [x, r, *layers(2 * i)], k=2, activation_type="geglu", swiglu_fusion=1, ref=plain)
    case("moe_relu2", "MoE", [x, r, *layers()], k=2, activation_type="relu2", ref=plain)
    case("moe_sparse", "MoE", [x, r * F32(0.01) + 1, *layers()], k=2, use_sparse_mixer=1, ref=mixed, half=False)
    case("moe_sparse_apart", "MoE", [x, r, *layers()], k=2, use_sparse_mixer=1, ref=mixed)
    case("moe_free", "MoE", [x, r, *[Fixed(w) for w in layers()]], k=2, free=[("b", "s", c), ("tokens", e)])

    def packed(name, bits, block, more=(), zeros=False, biased=True, act="silu", fusion=0, x=(2, 3), third=False, ref=None, bits2=None, **a):
        c = i = 32
        wide = 2 * i if fusion else i
        w = lambda n, k, bits: Fixed(ints(0, 256, e, n, k * bits // 8, dtype=U8))
        s = lambda n, k: Fixed(near(0.05, 0.03, *((e, n, k // block) if block else (e, n))).astype(F16).astype(F32) / 2 ** (bits - 2))
        z = lambda n, k, bits: Fixed(ints(0, 256, *((e, n, -(-(k // block) * bits // 8)) if block else (e, n * bits // 8)), dtype=U8)) if zeros else None
        b = lambda n: normal(e, n) if biased else None
        ins = [normal(*x, c), likes(int(np.prod(x))), w(wide, c, bits), s(wide, c), b(wide), w(c, i, bits2 or bits), s(c, i), b(c)]
        ins += [w(i, c, bits), s(i, c), b(i)] if third else [None] * 3
        ins += [z(wide, c, bits), z(c, i, bits2 or bits), None, *more]
        while ins[-1] is None:
            ins.pop()
        if bits2:
            a["fc2_expert_weight_bits"] = bits2
        if block:
            a["block_size"] = block
        case("qmoe_" + name, "QMoE", ins, k=2, expert_weight_bits=bits, activation_type=act, swiglu_fusion=fusion, weights_prepacked=0, ref=ref, **a)

    def whole(x, router, w1, s1, b1, w2, s2, b2, w3=None, s3=None, b3=None, z1=None, z2=None, *_, expert_weight_bits, block_size, fc2_expert_weight_bits=None, **a):
        """Blocks whose numbers are computed as such: onnxruntime's CPU has no such kernel for 8 bits, and none for layers of different bits."""
        def full(w, s, z, bits):
            z = 2 ** (bits - 1) if z is None else np.repeat(unpack(z, bits)[..., : s.shape[-1]], block_size, -1)
            return (unpack(w, bits) - z) * np.repeat(s, block_size, -1)

        best, shares, bits = np.argsort(-router, -1, kind="stable")[:, :2], np.zeros_like(router), expert_weight_bits
        np.put_along_axis(shares, best, softmax(np.take_along_axis(router, best, 1)), 1)
        more = [(full(w3, s3, None, bits), b3)] if w3 is not None else []
        return mixture(x, router, [(full(w1, s1, z1, bits), b1), (full(w2, s2, z2, fc2_expert_weight_bits or bits), b2)] + more, shares, **a)

    full_e2m1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], F32)
    e2m1 = lambda w: (full_e2m1[w.astype(I32) & 7] * np.where(w.astype(I32) & 8, -1, 1)).astype(F32)

    def by_floats(x, router, w1, s1, b1, w2, s2, b2, w3=None, s3=None, b3=None, *more, quant_type, block_size=0, weights_prepacked=-1, **a):
        """Weights of floats, of which onnxruntime's CPU has no kernel. Those of 4 bits lie as columns, but for weights_prepacked 1."""
        shares, best = np.zeros_like(router), np.argsort(-router, -1, kind="stable")[:, :2]
        np.put_along_axis(shares, best, softmax(np.take_along_axis(router, best, 1)), 1)
        scales = more[4:6] if len(more) > 4 else (None, None)

        def full(w, s, whole):
            if quant_type == "fp8":
                w = w.astype(F32)
                if whole is not None:
                    return w * whole[:, None, None]
                rows, columns = (np.arange(d) // block_size for d in w.shape[1:])
                return w * s.astype(F32)[:, rows][:, :, columns]
            if weights_prepacked == 1:
                w = unpack(w.reshape(w.shape[0], w.shape[2] * 2, w.shape[1] // 2), 4)
            else:
                w = unpack(w, 4).transpose(0, 2, 1)
            return e2m1(w) * np.repeat(s.astype(F32) * whole[:, None, None], w.shape[2] // s.shape[2], 2)

        layers = [(full(w1, s1, scales[0]), b1), (full(w2, s2, scales[1]), b2)] + ([(full(w3, s3, None), b3)] if w3 is not None else [])
        return mixture(x, router, layers, shares, **a)

    def floats(name, kind, block=0, act="silu", fusion=0, third=False, c=32, i=32, type_of_scales=F32, **a):
        wide = 2 * i if fusion else i
        def weights(n, k):
            if kind == "fp8":
                return Fixed(normal(e, n, k).astype(ml_dtypes.float8_e4m3fn))
            return Fixed(ints(0, 256, e, k, n // 2, dtype=U8))
        def scales(n, k):
            if kind == "fp8":
                return Fixed(near(0.05, 0.03, e, -(-n // block), -(-k // block)).astype(type_of_scales)) if block else None
            if kind == "fp4":
                return Fixed(np.ldexp(1.0, ints(-3, 1, e, n, k // 32)).astype(ml_dtypes.float8_e8m0fnu))
            return Fixed(near(1, 0.5, e, n, k // 16).astype(ml_dtypes.float8_e4m3fn))
        whole = lambda: None if block else Fixed(near(0.05, 0.03, e))
        ins = [normal(2, 3, c), likes(6), weights(wide, c), scales(wide, c), normal(e, wide), weights(c, i), scales(c, i), normal(e, c)]
        ins += [weights(i, c), scales(i, c), normal(e, i)] if third else [None] * 3
        ins += [None] * 4 + [whole(), whole()]
        while ins[-1] is None:
            ins.pop()
        if block:
            a["block_size"] = block
        case("qmoe_" + name, "QMoE", ins, k=2, quant_type=kind, activation_type=act, swiglu_fusion=fusion, ref=by_floats, still=(15, 16), **a)

    floats("fp4", "fp4")
    floats("fp4_swiglu", "fp4", act="swiglu", fusion=1, c=64, activation_alpha=1.7, activation_beta=1.0, swiglu_limit=7.0)
    floats("nvfp4", "nvfp4", act="relu", c=64)
    floats("nvfp4_rows", "nvfp4", weights_prepacked=1, c=64, i=48)
    floats("fp8", "fp8", c=20, i=24)
    floats("fp8_squares", "fp8", 16, c=40, i=24)
    floats("fp8_squares_half", "fp8", 16, type_of_scales=F16)
    floats("fp8_squares_swiglu", "fp8", 32, act="swiglu", fusion=1, c=40, swiglu_limit=0.7, swiglu_limit_after_activation=1)
    floats("fp8_squares_apart", "fp8", 16, act="swiglu", third=True)
    packed("4_rows", 4, 0)
    packed("8_rows", 8, 0, biased=False)
    packed("2_rows", 2, 0, x=(5,))
    packed("4_rows_zeros", 4, 0, zeros=True)
    packed("4_blocks", 4, 16, act="relu")
    packed("4_blocks_zeros", 4, 16, zeros=True, act="gelu")
    packed("8_blocks_zeros", 8, 16, zeros=True, act="identity", ref=whole)
    packed("2_blocks_zeros", 2, 16, zeros=True)
    packed("swiglu", 4, 32, act="swiglu", fusion=1, activation_alpha=1.7, activation_beta=1.0, swiglu_limit=7.0)
    packed("shares", 4, 32, normalize_routing_weights=1)
    packed("router_weights", 4, 16, [np.abs(normal(6, e))])
    packed("router_weights_shares", 4, 16, [np.abs(normal(6, e))], normalize_routing_weights=1)
    packed("other_bits", 4, 16, bits2=8, ref=whole)
    packed("3_blocks", 3, 32, act="swiglu", fusion=1, ref=whole)
    packed("3_blocks_zeros", 3, 16, zeros=True, ref=whole)
    packed("3_and_4_bits", 3, 32, bits2=4, act="swiglu", fusion=1, ref=whole)
    packed("swiglu_halves", 4, 16, act="swiglu", fusion=2, ref=whole)
    packed("swiglu_apart", 4, 16, act="swiglu", third=True, ref=whole)


# ---------------------------------------------------------------- norms and embeddings
def norm_cases():
    d = 24
    x, skip, gamma, beta, bias = normal(2, 3, d), normal(2, 3, d), near(1, 0.3, d), near(0, 0.3, d), near(0, 0.3, d)
    for op, weights in (("SkipLayerNormalization", [gamma, beta]), ("SkipSimplifiedLayerNormalization", [gamma])):
        k = "skip" if op == "SkipLayerNormalization" else "skip_simplified"
        case(k, op, [x, skip, *weights])
        case(k + "_bias", op, [x, skip, *weights, bias], epsilon=1e-3)
        case(k + "_sum", op, [x, skip, *weights, bias], ["y", "", "", "sum"])
        case(k + "_row", op, [x, normal(1, 3, d), *weights])
        case(k + "_matrix", op, [x, normal(3, d), *weights])
        case(k + "_tiny", op, [x * F32(1e-3), skip * F32(1e-3), *weights], half=False)
    case("skip_no_beta", "SkipLayerNormalization", [x, skip, gamma])
    case("skip_simplified_tokens", "SkipSimplifiedLayerNormalization", [normal(5, d), normal(5, d), gamma])
    case("simplified", "SimplifiedLayerNormalization", [x, gamma], domain="", typed=True)
    case("simplified_axis", "SimplifiedLayerNormalization", [x, near(1, 0.3, 3, d)], domain="", axis=1, epsilon=1e-2, stash_type=1, typed=True)
    case("simplified_inverse", "SimplifiedLayerNormalization", [x, gamma], 2, domain="", typed=True, half=False)
    ids, kinds = ints(0, 30, 2, 5), ints(0, 2, 2, 5)
    words, at, kind = normal(30, d), normal(9, d), normal(2, d)
    case("embed", "EmbedLayerNormalization", [ids, kinds, words, at, kind, gamma, beta], 2)
    case("embed_mask", "EmbedLayerNormalization", [ids, kinds, words, at, kind, gamma, beta, np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], I32)], 2, epsilon=1e-3)
    case("embed_no_segments", "EmbedLayerNormalization", [ids, None, words, at, None, gamma, beta], 2, mask_index_type=1)
    case("embed_positions", "EmbedLayerNormalization", [ids, kinds, words, at, kind, gamma, beta, None, ints(0, 9, 2, 5)], 2)
    case("embed_positions_shared", "EmbedLayerNormalization", [ids, kinds, words, at, kind, gamma, beta, None, ints(0, 9, 1, 5)], 2)
    case("embed_sum", "EmbedLayerNormalization", [ids, kinds, words, at, kind, gamma, beta], 3)


# ---------------------------------------------------------------- activations and fused products
def fused_cases():
    x, b = normal(3, 40, scale=2), normal(40)
    case("gelu", "Gelu", [x])
    case("bias_gelu", "BiasGelu", [x, b])
    case("fast_gelu", "FastGelu", [x])
    case("fast_gelu_bias", "FastGelu", [x, b])
    case("quick_gelu", "QuickGelu", [x])
    case("quick_gelu_alpha", "QuickGelu", [x], alpha=0.7)
    case("fused_matmul", "FusedMatMul", [normal(2, 3, 8), normal(8, 5)], alpha=0.3)
    case("fused_matmul_trans", "FusedMatMul", [normal(2, 8, 3), normal(2, 5, 8)], transA=1, transB=1)
    case("fused_matmul_batch_a", "FusedMatMul", [normal(3, 2, 8), normal(2, 8, 5)], transBatchA=1)
    case("fused_matmul_batch_both", "FusedMatMul", [normal(8, 2, 3), normal(5, 2, 8)], transA=1, transBatchA=1, transB=1, transBatchB=1, alpha=2.0)
    for name, act, a in (("relu", "Relu", {}), ("leaky", "LeakyRelu", dict(activation_alpha=0.2)), ("sigmoid", "Sigmoid", {}), ("tanh", "Tanh", {})):
        case("fused_gemm_" + name, "FusedGemm", [normal(3, 8), normal(8, 5), normal(5)], activation=act, alpha=0.5, beta=2.0, **a)
    case("fused_gemm_trans", "FusedGemm", [normal(8, 3), normal(5, 8)], activation="Relu", transA=1, transB=1)
    x, w, b = normal(1, 4, 7, 6), normal(6, 2, 3, 3, scale=0.3), normal(6)
    for name, act, params in (("relu", "Relu", []), ("leaky", "LeakyRelu", [0.2]), ("clip", "Clip", [-0.5, 0.75]), ("hard", "HardSigmoid", [0.3, 0.4]),
                              ("tanh", "Tanh", []), ("sigmoid", "Sigmoid", [])):
        case("fused_conv_" + name, "FusedConv", [x, w, b], activation=act, **(dict(activation_params=params) if params else {}), group=2, strides=[2, 1], pads=[1, 1, 1, 1])
    case("fused_conv_sum", "FusedConv", [x, w, b, normal(1, 6, 7, 6)], activation="Relu", group=2, kernel_shape=[3, 3], auto_pad="SAME_UPPER")
    case("fused_conv_dilated", "FusedConv", [x, w], group=2, dilations=[2, 1])
    front, last = lambda v: v.transpose(0, 3, 1, 2), lambda v: v.transpose(0, 2, 3, 1)
    nhwc = last(x).copy()
    # onnxruntime's CPU has no NhwcConv: it is asked for the same convolution with the channels in front
    plain = lambda x, w, b=None, **a: [last(Case("Conv", [front(x), w, b][: 2 + (b is not None)], domain="", typed=True, **a).answers()[0])]
    case("nhwc_conv", "NhwcConv", [nhwc, w, b], ref=plain, group=2, pads=[1, 0, 1, 0])
    case("nhwc_conv_strides", "NhwcConv", [nhwc, w], ref=plain, group=2, strides=[2, 1], dilations=[1, 2], kernel_shape=[3, 3], auto_pad="VALID")
    fused = lambda x, w, b=None, z=None, **a: [last(Case("FusedConv", [front(x), w, b, front(z)] if z is not None else [front(x), w, b], **a).answers()[0])]
    case("nhwc_fused_conv", "NhwcFusedConv", [nhwc, w, b, last(normal(1, 6, 5, 4)).copy()], ref=fused, group=2, activation="Relu")


# ---------------------------------------------------------------- what must be refused, and in which words
def refused_cases():
    def refused(name, words, op, inputs, outs=1, **attributes):
        case("refused_" + name, op, inputs, outs, half=False, refused=words, **attributes)

    q, k = normal(2, 3, 8), normal(2, 5, 8)
    past = normal(2, 2, 4, 4)
    one = np.array([3, 3], I32)
    refused("mha_heads", "no multiple of num_heads", "MultiHeadAttention", [q, k, k], num_heads=3)
    refused("mha_no_heads", "num_heads", "MultiHeadAttention", [q, k, k], num_heads=0)
    refused("mha_no_value", "no known form", "MultiHeadAttention", [q, k], num_heads=2)
    refused("mha_one_past", "must both be there", "MultiHeadAttention", [q, k, k, None, None, None, past], num_heads=2)
    refused("mha_mask", "mask's shape", "MultiHeadAttention", [q, k, k, None, ints(0, 2, 2, 4)], num_heads=2)
    refused("mha_mask_lengths", "mask's shape", "MultiHeadAttention", [q, k, k, None, ints(0, 2, 5)], num_heads=2)
    refused("mha_bias", "do not broadcast", "MultiHeadAttention", [q, k, k, None, None, normal(2, 2, 3, 4)], num_heads=2)
    refused("mha_buffer", "do not fit a buffer of 4", "MultiHeadAttention", [q, q, q, None, None, None, past, past, np.array([2], I32)], 3, num_heads=2)
    refused("mha_buffer_below", "a past of -1", "MultiHeadAttention", [q, q, q, None, None, None, past, past, np.array([-1], I32)], 3, num_heads=2)
    refused("mha_beams", "cache_indirection does not fit", "MultiHeadAttention", [q, q, q, None, None, None, past, past, np.array([1], I32), ints(0, 2, 1, 3, 4)], 3, num_heads=2)
    refused("mha_beam", "outside", "MultiHeadAttention", [*[normal(2, 1, 8)] * 3, None, None, None, past, past, np.array([2], I32), ints(2, 3, 1, 2, 4)], 3, num_heads=2)
    refused("mha_length", "but no past", "MultiHeadAttention", [q, q, q, None, None, None, None, None, np.array([1], I32)], 3, num_heads=2)
    x, w = normal(2, 3, 6), normal(6, 24)
    refused("attention_rotary", "no even part", "Attention", [x, w], num_heads=2, do_rotary=1, rotary_embedding_dim=6)
    refused("attention_buffer", "needs past_sequence_length", "Attention", [x, w], num_heads=2, past_present_share_buffer=1)
    refused("attention_sizes", "not q, k and v", "Attention", [x, w], num_heads=2, qkv_hidden_sizes=[8, 8, 4])
    refused("attention_unequal", "as wide as one another", "Attention", [x, w], num_heads=2, qkv_hidden_sizes=[8, 12, 4])
    q, k, past, count = normal(2, 1, 64), normal(2, 1, 32), np.zeros((2, 2, 2, 16), F32), np.array(3, I32)
    gqa = lambda *more: [q, k, k, past, past, one - 1, count, *more]
    heads = dict(num_heads=4, kv_num_heads=2)
    refused("gqa_heads", "no multiple of kv_num_heads", "GroupQueryAttention", gqa(), num_heads=4, kv_num_heads=3)
    refused("gqa_window", "needs causal", "GroupQueryAttention", gqa(), causal=0, local_window_size=2, **heads)
    refused("gqa_rotary", "do_rotary needs", "GroupQueryAttention", gqa(), do_rotary=1, **heads)
    refused("gqa_window_cache", "less than a window of 3", "GroupQueryAttention", gqa(), sliding_window_cache=1, local_window_size=3, **heads)
    refused("gqa_window_no_past", "a past", "GroupQueryAttention", [q, k, k, None, None, one - 1, count], sliding_window_cache=1, local_window_size=3, **heads)
    refused("gqa_window_scores", "not specified", "GroupQueryAttention", gqa(), 4, sliding_window_cache=1, local_window_size=2, qk_output=1, **heads)
    refused("gqa_kept_bits", "kv_cache_bit_width is 8, and the cache is of f32", "GroupQueryAttention", gqa(*[None] * 5, f32([1.0]), f32([1.0])), kv_cache_bit_width=8, **heads)
    small = lambda scale: [q, k, k, ints(-9, 9, 2, 2, 2, 16, dtype=I8), ints(-9, 9, 2, 2, 2, 16, dtype=I8), one - 1, count, *[None] * 5, f32([1.0]), scale]
    per = dict(kv_cache_bit_width=8, k_quant_type="PER_TENSOR", v_quant_type="PER_CHANNEL")
    refused("gqa_kept_kind", "k_quant_type is 'NONE'", "GroupQueryAttention", small(f32([1.0])), kv_cache_bit_width=8, **heads)
    refused("gqa_kept_scale", "v_scale does not fit", "GroupQueryAttention", small(f32([1.0])), **per, **heads)
    refused("gqa_past", "does not fit the query", "GroupQueryAttention", [q, k, k, past[:1], past[:1], one - 1, count], **heads)
    refused("gqa_scores", "qk_output is 0", "GroupQueryAttention", gqa(), 4, **heads)
    refused("gqa_length", "GroupQueryAttention 'node': element 0 of 'seqlens_k + 1 - new tokens' is 7", "GroupQueryAttention", [q, k, k, past, past, np.array([7, 2], I32), count], **heads)
    table = normal(9, 4)
    refused("rotary_heads", "no whole heads", "RotaryEmbedding", [normal(2, 3, 20), np.array([0], I64), table, table])
    refused("rotary_positions", "must be one number", "RotaryEmbedding", [normal(2, 3, 24), np.array([0, 1], I64), table, table])
    refused("nbits_1", "1 bits", "MatMulNBits", [normal(2, 32), ints(0, 256, 4, 2, 2, dtype=U8), normal(4, 2)], K=32, N=4, bits=1, block_size=16)
    refused("nbits_order", "g_idx must name", "MatMulNBits", [normal(2, 32), ints(0, 256, 4, 2, 8, dtype=U8), normal(4, 2), None, ints(0, 2, 16)], K=32, N=4, block_size=16)
    refused("nbits_order_outside", "outside", "MatMulNBits", [normal(2, 32), ints(0, 256, 4, 2, 8, dtype=U8), normal(4, 2), None, ints(2, 3, 32)], K=32, N=4, block_size=16)
    refused("nbits_huge", "each is from 1", "MatMulNBits", [normal(2, 32), ints(0, 256, 4, 2, 8, dtype=U8), normal(4, 2)], K=32, N=2**62, block_size=16)
    refused("nbits_prepacked", "weight_prepacked", "MatMulNBits", [normal(2, 32), ints(0, 256, 4, 2, 8, dtype=U8), normal(4, 2)], K=32, N=4, block_size=16, weight_prepacked=1)
    rows = lambda *scales: [ints(0, 256, 5, 16, dtype=U8), np.array([1], I64), normal(*scales)]
    refused("gather_blocks_bits", "3 bits", "GatherBlockQuantized", rows(5, 2), block_size=16, bits=3)
    refused("gather_blocks_block", "no power of two", "GatherBlockQuantized", rows(5, 2), block_size=24)
    refused("gather_blocks_axis", "along axis 0", "GatherBlockQuantized", rows(5, 2), block_size=16, gather_axis=1, quantize_axis=0)
    refused("gather_blocks_scales", "scales does not fit", "GatherBlockQuantized", rows(5, 3), block_size=16)
    refused("concat", "a scale and a zero point", "QLinearConcat", [f32(1), np.array(0, U8), *quant(U8, 1, 0, 2), ints(0, 9, 2, dtype=U8)], axis=0)
    refused("qgemm_sizes", "inner sizes differ", "QGemm", quant(U8, 1, 0, 2, 3) + quant(U8, 1, 0, 2, 3))
    refused("qgemm_added", "C does not broadcast", "QGemm", quant(U8, 1, 0, 2, 3) + quant(U8, 1, 0, 3, 1) + [ints(0, 9, 4)])
    refused("pool", "spatial dimensions", "QLinearAveragePool", [*quant(U8, 1, 0, 2, 3), f32(1)], kernel_shape=[2])
    moe = lambda: [normal(5, 8), normal(5, 4), normal(4, 6, 8), None, normal(4, 8, 6)]
    refused("moe_activation", "activation_type 'mish'", "MoE", moe(), activation_type="mish")
    refused("moe_sparse", "2 of a sparse mixer", "MoE", moe(), use_sparse_mixer=1, k=3)
    refused("moe_no_third", "a third layer", "MoE", moe(), activation_type="swiglu")
    refused("moe_tokens", "a row for each token", "MoE", [normal(6, 8), *moe()[1:]])
    refused("moe_width", "layer 2", "MoE", [*moe()[:4], normal(4, 8, 7)])
    packed = lambda bits: [normal(5, 32), normal(5, 4), ints(0, 256, 4, 32, 4 * bits, dtype=U8), normal(4, 32), None, ints(0, 256, 4, 32, 4 * bits, dtype=U8), normal(4, 32)]
    refused("qmoe_bits", "weights of 5 bits", "QMoE", packed(5), expert_weight_bits=5)
    refused("qmoe_kind", "quant_type 'wfp4afp8'", "QMoE", packed(4), quant_type="wfp4afp8")
    small = lambda n, k: np.ones((4, n, k // 32), ml_dtypes.float8_e8m0fnu)
    by_columns = lambda: [normal(5, 32), normal(5, 4), ints(0, 256, 4, 32, 16, dtype=U8), small(32, 32), None, ints(0, 256, 4, 32, 16, dtype=U8), small(32, 32)]
    refused("qmoe_fp4_scales", "are f32", "QMoE", [*by_columns()[:3], normal(4, 32, 1), *by_columns()[4:], *[None] * 8, normal(4), normal(4)], quant_type="fp4")
    refused("qmoe_fp4_whole", "fc1_global_scale is missing", "QMoE", by_columns(), quant_type="fp4")
    refused("qmoe_fp4_zeros", "no zero points", "QMoE", [*by_columns(), *[None] * 4, ints(0, 256, 4, 32, 1, dtype=U8)], quant_type="fp4")
    refused("qmoe_fp8_bytes", "are no fp8", "QMoE", by_columns(), quant_type="fp8")
    refused("skip_mean", "computes no mean", "SkipSimplifiedLayerNormalization", [normal(2, 3, 8), normal(2, 3, 8), normal(8)], 2)


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
    if c.refused:
        write(folder, name, c, [np.zeros(1, F32) for o in c.outs if o], None)
        with open(os.path.join(folder, name, "refused.txt"), "w") as f:
            f.write(c.refused + "\n")
        return 1
    answers = c.answers()
    assert all(np.isfinite(a.astype(F32)).all() for a in answers), f"{name}: not finite"
    write(folder, name, c, answers, c.tolerance)
    if not c.half:
        return 1
    for kind, (dtype, relative, absolute) in HALF.items():
        narrow = c.cast(F32, dtype)
        answers = [a.astype(dtype) if a.dtype == F32 else a for a in narrow.cast(dtype, F32).answers()]
        largest = max(np.abs(a.astype(F32)).max(initial=1e-3) for a in answers)
        write(folder, f"{name}_{kind}", narrow, answers, f"{relative} {absolute * largest:.3g}")
    return 1 + len(HALF)


def main():
    global RNG
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for make in (rotary_cases, mha_cases, attention_cases, gqa_cases, qlinear_cases, packed_cases,
                 moe_cases, norm_cases, fused_cases, refused_cases):
        RNG = rng_of(make.__name__)
        make()
    count = 0
    for name, c in CASES.items():
        if not sys.argv[2:] or any(part in name for part in sys.argv[2:]):
            count += write_case(sys.argv[1], name, c)
    print(f"{count} cases in {sys.argv[1]}")


if __name__ == "__main__":
    main()
