"""Is what the library answers what the graph means?

The peer's answers come node by node, so none of its own rewrites can be at fault. A float may differ from them by BASE roundings of the
largest number of its tensor. Where it differs by more, the graph is run again and again with every rounding replaced by a random one
(stochastic arithmetic): what moves then is ill conditioned, and may differ by as much as it moves. Everything else is equal or wrong."""
import numpy as np
from onnx import helper

import peer
from engine import STATUS_DATA, STATUS_UNSUPPORTED, Refused
from graph import EPSILON, is_float

UNSURE = (3, STATUS_DATA)  # sizes and indices that hang on roundings
BASE = 256  # roundings of the largest element of the tensor
SHAKES, ROOM = 8, 12  # runs with random roundings, and how many times the widest movement is allowed
# Nodes that only move, choose or count: they do not round, so they are not shaken.
EXACT = set("""Identity Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Expand Tile Concat Pad Gather GatherElements GatherND ScatterElements ScatterND
OneHot Trilu DepthToSpace SpaceToDepth ReverseSequence Compress NonZero Unique Shape Size ConstantOfShape Range EyeLike Constant Abs Neg Sign Relu Ceil Floor Round
Max Min Where Clip Not And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf ReduceMax ReduceMin ArgMax ArgMin TopK MaxPool GlobalMaxPool Hardmax
NonMaxSuppression CenterCropPad Dropout""".split())


class Difference(Exception):
    """What is wrong, in words."""


def shaken(a, rng, sums=False):
    """a, each number rounded anew; of sums: also by what their terms may have lost."""
    if not is_float(a) or not a.size:
        return a
    e, x = EPSILON[a.dtype] * 2, a.astype(np.float64)
    lost = np.max(np.abs(x)) * e if sums else 0
    return (x * (1 + rng.uniform(-2, 2, a.shape) * e) + rng.uniform(-1, 1, a.shape) * lost).astype(a.dtype)


# Nodes whose elements are functions of elements. The rest adds up terms that may be larger than what is left of them.
ELEMENTWISE = set("""Exp Sigmoid Tanh Erf Softsign Softplus Sin Cos Atan Asinh Sinh Cosh HardSwish Mish Swish Log Sqrt Reciprocal Acos Asin Atanh Acosh Tan Elu LeakyRelu Selu
Celu HardSigmoid ThresholdedRelu Shrink Gelu Add Sub Mul Div Mod Pow PRelu Sum Mean Cast CastLike QuantizeLinear DequantizeLinear""".split())


def rounds(node):
    return node.op_type not in EXACT or node.op_type in ("ScatterElements", "ScatterND")


def shake(graph, rng):
    """The outputs under random roundings; None for what cannot be computed."""
    at = {n: graph.at[n] for n in graph.inputs + graph.constants}
    for n in graph.nodes:
        read = peer.names_read(n)
        mine = {k: at[k] for k in read}
        if rounds(n):
            mine = {k: shaken(v, rng) for k, v in mine.items()}
        got = peer.evaluate(n, mine, graph.opset)
        at.update(zip([o for o in n.output if o], [shaken(a, rng, n.op_type not in ELEMENTWISE) if rounds(n) else a for a in got]))
    return [at[o] for o in graph.outputs]


class Judge:
    """Of one graph; the movement of its outputs is found when it is first asked for."""

    def __init__(self, graph, seed=0):
        self.graph, self.seed, self.runs = graph, seed, None

    def shakes(self):
        if self.runs is None:
            rng, self.runs = np.random.default_rng(self.seed), []
            for _ in range(SHAKES):
                try:
                    self.runs.append(shake(self.graph, rng))
                except peer.Unknown:  # an index left its axis, a size went below 0: nothing is sure
                    self.runs.append(None)
        return self.runs

    def compare(self, i, got):
        want = self.graph.at[self.graph.outputs[i]]
        if got.dtype != want.dtype:
            raise Difference(f"type {got.dtype}, wants {want.dtype}")
        if got.shape != want.shape:
            if any(r is None or r[i].shape != want.shape for r in self.shakes()):
                return
            raise Difference(f"shape {list(got.shape)}, wants {list(want.shape)}")
        if not want.size or np.array_equal(got, want):
            return
        w, g = want.astype(np.float64), got.astype(np.float64)
        with np.errstate(all="ignore"):
            error = np.where((w == g) | (np.isnan(w) & np.isnan(g)), 0, np.abs(w - g))
            error[np.isnan(error)] = np.inf
            bound = BASE * EPSILON[want.dtype] * np.max(np.abs(w), where=np.isfinite(w), initial=0) if is_float(want) else 0
        if np.all(error <= bound):
            return
        moved = np.zeros(w.shape)
        for r in self.shakes():
            if r is None or r[i].shape != want.shape:
                return
            with np.errstate(all="ignore"):
                moved = np.fmax(moved, np.abs(r[i].astype(np.float64) - w))
            if not np.all(np.isfinite(r[i].astype(np.float64))):
                return
        # quantized and rounded values jump by steps, each element by itself: one that jumps in no shake may in another
        steps = np.max(moved) if np.any(moved > 0) else 0
        room = np.maximum(bound + ROOM * moved, steps if np.mean(moved > 0) > 0.02 or not is_float(want) else 0)
        if np.all(error <= room):
            return
        k = int(np.argmax(error - room))
        raise Difference(f"element {k} of {list(want.shape)} {want.dtype}: {g.flat[k]!r}, wants {w.flat[k]!r}; error {error.flat[k]:.3g}, bound {room.flat[k]:.3g}")


def check(graph, ways, refusals=None):
    """Raises Difference. ways: (name, device, optimize). A refusal as unsupported is counted, and is no difference: but it is when only some
    ways refuse on the same device."""
    judge = Judge(graph)
    model, feeds = graph.model().SerializeToString(), graph.feeds()
    refused = {}
    for name, device, optimize in ways:
        try:
            got = device.run(model, feeds, graph.outputs, optimize)
        except Refused as e:
            if e.status == STATUS_UNSUPPORTED:
                refused[name] = str(e)
                continue
            if e.status in UNSURE and any(r is None for r in judge.shakes()):
                continue
            raise Difference(f"{name}: status {e.status}: {e}") from None
        for i, a in enumerate(got):
            try:
                judge.compare(i, a)
            except Difference as e:
                raise Difference(f"{name}: output {graph.outputs[i]}: {e}") from None
    if refusals is not None:
        for why in set(refused.values()):
            refusals[why] = refusals.get(why, 0) + 1
    return not refused
