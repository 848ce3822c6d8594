"""Is what the library answers what the graph means?

The peer's answers come node by node, so none of its own rewrites can be at fault. A float may differ from them by BASE roundings of the
largest number of its tensor. Where it differs by more, the graph is run again and again with every rounding replaced by a random one
(stochastic arithmetic): what moves then is ill conditioned, and may differ by as much as it moves. Everything else is equal or wrong."""
import collections
import re

import numpy as np

import known
import peer
from engine import STATUS_DATA, STATUS_UNSUPPORTED, Refused
from graph import BF16, EPSILON, TEXT, List, Maybe, is_float, parts

UNSURE = (3, STATUS_DATA)  # sizes and indices that hang on roundings
BASE = 256  # roundings of the largest element of the tensor
FLUSHED = {np.dtype(np.float32): 2.0**-126, np.dtype(BF16): 2.0**-126, np.dtype(np.float64): 2.0**-1022}  # what is smaller may be 0, on either side
UNTOLD = "the peer can tell of no output"
LOST = 8  # roundings of the largest that a sum of terms may lose
SHAKES, ROOM = 24, 12  # runs with random roundings, and how many times the widest movement is allowed
# Nodes that only move, choose or count: they do not round, so they are not shaken.
EXACT = set("""Identity Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Expand Tile Concat Pad Gather GatherElements GatherND ScatterElements ScatterND
OneHot Trilu DepthToSpace SpaceToDepth ReverseSequence Compress NonZero Unique Shape Size ConstantOfShape Range EyeLike Constant Abs Neg Sign Relu Ceil Floor Round
Max Min Where Clip Not And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf ReduceMax ReduceMin ArgMax ArgMin TopK MaxPool GlobalMaxPool Hardmax
NonMaxSuppression CenterCropPad Dropout""".split())


class Difference(Exception):
    """What is wrong, in words."""


class Tally:
    """What was not judged. skips: graphs, by reason; unsure: answers of which the peer cannot tell, by reason; judged: the other answers."""

    def __init__(self):
        self.skips, self.unsure, self.judged = collections.Counter(), collections.Counter(), 0


def bare(sentence):
    """Without names and numbers, so that the same trouble reads the same."""
    return re.sub("'[^']*'|[0-9]+", "", sentence)


def shaken(a, rng, sums=False):
    """a, each number rounded anew; of sums: also by what their terms may have lost."""
    if isinstance(a, List):
        return List([shaken(x, rng, sums) for x in a], a.dtype)
    if isinstance(a, Maybe):
        return Maybe(shaken(a.value, rng, sums))
    if isinstance(a, np.ndarray) and a.dtype.kind == "c":
        return np.ascontiguousarray(shaken(parts(a), rng, sums)).view(a.dtype)[..., 0]
    if not is_float(a) or not a.size:
        return a
    e, x = EPSILON[a.dtype] * 2, a.astype(np.float64)
    lost = np.max(np.abs(x)) * e * LOST if sums else 0
    if lost and rng.random() < 0.5:  # in some runs nothing is left of terms that cancel, and sums that are nearly equal are equal
        grid = rng.random()
        x = np.where(np.abs(x) <= lost, 0, (np.round(x / lost + grid) - grid) * lost)
    else:
        x = x * (1 + rng.uniform(-2, 2, a.shape) * e) + rng.uniform(-1, 1, a.shape) * lost
    return np.asarray(x).astype(a.dtype)  # numpy makes a number of what has no dimension


# Nodes whose elements are functions of elements. The rest adds up terms that may be larger than what is left of them; so do Elu, Selu and Celu, e^x - 1.
ELEMENTWISE = set("""Exp Sigmoid Tanh Erf Softsign Softplus Sin Cos Atan Asinh Sinh Cosh HardSwish Mish Swish Log Sqrt Reciprocal Acos Asin Atanh Acosh Tan LeakyRelu
HardSigmoid ThresholdedRelu Shrink Gelu Add Sub Mul Div Mod Pow PRelu Sum Mean Cast CastLike QuantizeLinear DequantizeLinear""".split())


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

    def compare(self, i, got, only=None):
        """Raises Difference. Gives why the peer cannot tell, or None: it agrees. only: where it is judged."""
        want = self.graph.at[self.graph.outputs[i]]
        if got.dtype != want.dtype:
            raise Difference(f"type {got.dtype}, wants {want.dtype}")
        if got.shape != want.shape:
            if any(r is None or r[i].shape != want.shape for r in self.shakes()):
                return "its shape hangs on roundings"
            raise Difference(f"shape {list(got.shape)}, wants {list(want.shape)}")
        if only is not None:
            got = np.where(only, got, want)
        if not want.size or np.array_equal(got, want):
            return None
        got, want = parts(got), parts(want)
        if want.dtype == TEXT:
            if any(r is None or not np.array_equal(r[i], want) for r in self.shakes()):
                return "a text hangs on roundings"
            k = int(np.argmax(got.ravel() != want.ravel()))
            raise Difference(f"text {k} of {list(want.shape)}: {got.flat[k]!r}, wants {want.flat[k]!r}")
        w, g = want.astype(np.float64), got.astype(np.float64)
        with np.errstate(all="ignore"):
            error = np.where((w == g) | (np.isnan(w) & np.isnan(g)), 0, np.abs(w - g))
            error[np.isnan(error)] = np.inf
            bound = BASE * EPSILON[want.dtype] * np.max(np.abs(w), where=np.isfinite(w), initial=0) + FLUSHED.get(want.dtype, 0) if is_float(want) else 0
        if np.all(error <= bound):
            return None
        moved = np.zeros(w.shape)
        for r in self.shakes():
            if r is None or parts(r[i]).shape != want.shape:
                return "an index or a size on the way hangs on roundings"
            with np.errstate(all="ignore"):
                moved = np.fmax(moved, np.abs(parts(r[i]).astype(np.float64) - w))
            if not np.all(np.isfinite(parts(r[i]).astype(np.float64))):
                return "it is infinite or no number under some roundings"
        # quantized and rounded values jump by steps, each element by itself: one that jumps in no shake may in another
        steps = np.max(moved) if np.any(moved > 0) else 0
        room = np.maximum(bound + ROOM * moved, steps if np.mean(moved > 0) > 0.02 or not is_float(want) else 0)
        if np.all(error <= room):
            return None
        k = int(np.argmax(error - room))
        raise Difference(f"element {k} of {list(want.shape)} {want.dtype}: {g.flat[k]!r}, wants {w.flat[k]!r}; error {error.flat[k]:.3g}, bound {room.flat[k]:.3g}")


def judge_outputs(judge, name, outputs, tally):
    """Raises Difference, but for what is known to be the peer's fault. Gives those faults."""
    excused = set()
    for i, a in enumerate(outputs):
        output = judge.graph.outputs[i]
        try:
            unsure = judge.compare(i, a)
        except Difference as e:
            fault = known.fault_above(judge.graph, output)
            if not fault:
                raise Difference(f"{name}: output {output}: {e}") from None
            only = known.judged_all_the_same(judge.graph, output)
            try:
                if only is not None:
                    judge.compare(i, a, only)
            except Difference as beside:
                raise Difference(f"{name}: output {output}, beside what the peer has wrong: {beside}") from None
            excused.add(fault)
            continue
        if unsure:
            tally.unsure[unsure] += 1
        else:
            tally.judged += 1
    return excused


def same_bits(a, b):
    return all(x.shape == y.shape and (x.tolist() == y.tolist() if x.dtype == object else x.tobytes() == y.tobytes()) for x, y in zip(a, b))


def check(graph, ways, tally=None):
    """Raises Difference. ways: (name, device, optimize). What all ways of a device refuse as unsupported is skipped; what only one refuses is
    a difference."""
    judge, tally = Judge(graph), tally or Tally()
    judged = tally.judged
    model, feeds = graph.model().SerializeToString(), graph.feeds()
    skips, refused, ran = set(), {}, {}
    for name, device, optimize in ways:
        try:
            got, again = device.run(model, feeds, graph.outputs, optimize)
        except Refused as e:
            if e.status == STATUS_UNSUPPORTED:
                refused[device] = name, str(e)
            elif e.status in UNSURE and any(r is None for r in judge.shakes()):
                tally.unsure["whether it can be computed hangs on roundings"] += 1
            elif known.refusal(str(e)):
                skips.add(known.refusal(str(e)))
            else:
                raise Difference(f"{name}: status {e.status}: {e}") from None
            continue
        ran[device] = name
        skips |= judge_outputs(judge, name, got, tally)
        if not same_bits(got, again):
            skips |= judge_outputs(judge, f"{name}, run again", again, tally)
    for device in refused.keys() & ran.keys():
        name, sentence = refused[device]
        raise Difference(f"{name}: status {STATUS_UNSUPPORTED}, but {ran[device]} runs it: {sentence}")
    skips |= {f"refused: {bare(sentence)}" for _, sentence in refused.values()}
    if not skips and tally.judged == judged:
        skips.add(UNTOLD)
    tally.skips.update(skips)
