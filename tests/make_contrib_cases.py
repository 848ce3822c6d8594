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
    def __init__(self, op, inputs, outs=1, ref=None, domain=MS, opset=20, free=(), half=True, tolerance=None, typed=False, rows=None, **attributes):
        """outs: how many, or a list of names with '' for those not wanted. free: for each input the names of its dimensions, or None.
        ref: computes the outputs from the inputs (arrays, None where absent) and the attributes. half: whether f16 and bf16 too.
        rows: how many rows of the first output count; what is behind them is not specified."""
        self.op, self.inputs, self.ref, self.domain, self.opset = op, inputs, ref, domain, opset
        self.outs = [f"y{i}" for i in range(outs)] if isinstance(outs, int) else outs
        self.free, self.half, self.tolerance, self.typed, self.rows, self.attributes = free, half, tolerance, typed, rows, attributes

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
    for make in (rotary_cases, mha_cases, attention_cases, gqa_cases):
        make()
    count = 0
    for name, c in CASES.items():
        if not sys.argv[2:] or any(part in name for part in sys.argv[2:]):
            count += write_case(sys.argv[1], name, c)
    print(f"{count} cases in {sys.argv[1]}")


if __name__ == "__main__":
    main()
