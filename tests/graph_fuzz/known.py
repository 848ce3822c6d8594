"""Where the peer is wrong, by the standard's own words: (operator, test of a node and its values, why). A test gives a truth, or which elements
of the node's first output it is about. An output that hangs on such a node, be it in a body, is not judged when it differs, and its graph counts
as skipped; where the node itself makes the output, only those elements are not judged."""
import numpy as np

import peer
from graph import names_read
from turns import outputs_behind


def first(node, at):
    return at[node.input[0]]


def squares_overflow(x):
    """Those of what lies beside the mean of a channel, added up in f16."""
    if x.dtype != np.float16 or not x.size:
        return False
    wide, behind = x.astype(np.float64), tuple(range(2, x.ndim))
    most = np.ptp(wide, axis=behind, keepdims=True) ** 2 / 4 * np.prod(x.shape[2:])
    return np.broadcast_to(most > 65504, x.shape)


def varies_little(node, x):
    """Those that lie so near the mean of their axes that the mean of squares less the square of the mean has lost its digits."""
    if x.dtype != np.float32 or not x.size:
        return False
    axes = next((tuple(a.ints) for a in node.attribute if a.name == "axes"), tuple(a for a in (0, 2, 3) if a < x.ndim))
    wide = x.astype(np.float64)
    mean, deviation = wide.mean(axis=axes, keepdims=True), wide.std(axis=axes, keepdims=True)
    return np.broadcast_to(np.abs(mean) > 25 * deviation, x.shape)


def small_logistic(node, at):
    """Is a probability small that the peer takes as 1 less another?"""
    scores = at.get(node.output[-1])
    logistic = any(a.name == "post_transform" and a.s == b"LOGISTIC" for a in node.attribute)
    return logistic and scores is not None and np.any(np.abs(scores) < 1e-3)


def almost_key(node, x):
    """Numbers beside a key, not equal to it."""
    keys = np.array(next((list(a.floats) for a in node.attribute if a.name == "keys_floats"), []))
    near = np.abs(x.astype(np.float64)[..., None] - keys)
    return np.any((near < 1e-5) & (near > 0), axis=-1)


def on_the_edge(x):
    """The zero point lies between two numbers."""
    lo, hi = min(0.0, float(x.min(initial=0))), max(0.0, float(x.max(initial=0)))
    return hi > lo and abs(-lo / (hi - lo) * 255 % 1 - 0.5) < 1e-4


FAULTS = [
    ("Gelu", lambda n, at: first(n, at).size and first(n, at).max() < -2,
     "far below 0 Gelu's digits get lost in onnxruntime: 1 + erf(x / sqrt(2)) takes near numbers from each other"),
    ("BiasGelu", lambda n, at: first(n, at).size and (first(n, at) + at[n.input[1]]).max() < -2, "... and BiasGelu's"),
    ("FusedConv", lambda n, at: any(a.s == b"Sigmoid" for a in n.attribute) and at[n.output[0]] < 1e-7, "its Sigmoid is as onnxruntime's Sigmoid: 8.9e-8 is the least"),
    ("Softplus", lambda n, at: first(n, at).size and first(n, at).max() < -2, "onnxruntime and the reference take log(1 + e^x) as it stands: far below 0 its digits get lost"),
    ("Mish", lambda n, at: first(n, at).size and first(n, at).max() < -2, "... and with them those of x * tanh(log(1 + e^x))"),
    *[(op, lambda n, at: (first(n, at) < 0) & (np.abs(at[n.output[0]]).max(initial=0) < 0.05),
       "onnxruntime takes 1 from e^x, which has seven digits of 1: all of the output is small") for op in ("Elu", "Celu", "Selu")],
    ("RNN", lambda n, at: any(np.abs(at[o]).max(initial=0) < 0.05 for o in n.output if o), "onnxruntime's tanh has seven digits of 1, not of a small number: one of the outputs is small"),
    ("DynamicQuantizeLinear", lambda n, at: on_the_edge(first(n, at)), "whether its zero point is rounded up or down hangs on the last digit of a quotient"),
    ("DynamicQuantizeLinear", lambda n, at: not first(n, at).any(), "the scale of zeros is (0 - 0) / 255 by the standard's formula; onnxruntime says 1"),
    ("SequenceInsert", lambda n, at: first(n, at).dtype.kind == "c" and len(n.input) > 2 and int(at[n.input[2]]) == len(first(n, at)),
     "behind the last is position n; the reference, which answers for complex numbers, inserts there before the first"),
    ("BitCast", lambda n, at: first(n, at).dtype.kind == "f" and first(n, at) == 0, "the sign of a zero, which min and max of two zeros leave open, becomes a number"),
    ("LabelEncoder", lambda n, at: first(n, at).dtype.kind == "f" and almost_key(n, first(n, at)), "whether a number is a key hangs on its last digit"),
    ("InstanceNormalization", lambda n, at: squares_overflow(first(n, at)),
     "the reference adds up squares in f16: they overflow, and what is divided by them is 0"),
    ("MeanVarianceNormalization", lambda n, at: varies_little(n, first(n, at)),
     "onnxruntime takes the square of the mean from the mean of squares, in f32: of what varies little beside its mean no digits are left"),
    ("OneHot", lambda n, at: first(n, at).dtype.kind == "f" and np.any(first(n, at) % 1),
     "indices with a fraction are cast to integers before use; the reference compares them as they are (onnxruntime lacks some types)"),
    ("ReduceL2", lambda n, at: first(n, at).dtype.kind in "iu" and np.abs(first(n, at).astype(np.float64)).max(initial=0) > 46340,
     "squares beyond an int32 wrap, as the reference's do; onnxruntime computes in another type"),
    ("ReduceLogSumExp", lambda n, at: first(n, at).dtype.kind in "iu", "onnxruntime rounds each step of integers down: e^-1 is 0"),
]
FAULTS += [(op, small_logistic, "onnxruntime takes a small probability as 1 less another: no digits are left")
           for op in ("LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor", "TreeEnsembleClassifier", "TreeEnsembleRegressor")]

REFUSALS = [("the window is larger than its padded input", "onnxruntime gives a tensor without elements; the library says what is wrong")]


def refusal(sentence):
    """Why the peer answers where the library refuses by this sentence, or None."""
    return next((text for words, text in REFUSALS if words in sentence), None)


def fault_of(node, at, opset, need):
    """The peer's fault in a node, or in what its bodies compute for those of its outputs that are in `need`; or None."""
    for op, test, text in FAULTS:
        if node.op_type == op and np.any(test(node, at)):
            return text
    if not peer.has_body(node):
        return None
    try:
        ran = peer.turns_of(node, at, opset).ran
    except peer.Unknown:
        return None
    return next(filter(None, (fault_in(body.node, inner, opset, outputs_behind(node, body, need)) for body, inner in ran)), None)


def fault_in(nodes, at, opset, need):
    """The peer's fault in a node that one of the names in `need` hangs on, or None."""
    need = set(need)
    for n in reversed(nodes):
        if need.isdisjoint(n.output):
            continue
        text = fault_of(n, at, opset, need)
        if text:
            return text
        need.update(names_read(n))
    return None


def fault_above(graph, output):
    return fault_in(graph.nodes, graph.at, graph.opset, {output})


def judged_all_the_same(graph, output):
    """Elements of an output that hangs on a fault which the fault is not about; None where the rules do not tell."""
    node = next((n for n in graph.nodes if output in n.output), None)
    if node is None or node.output[0] != output or fault_in(graph.nodes, graph.at, graph.opset, set(names_read(node))):
        return None
    about = np.zeros(graph.at[output].shape, bool)
    for op, test, _ in FAULTS:
        mask = test(node, graph.at) if node.op_type == op else False
        if np.any(mask) and np.shape(mask) != about.shape:
            return None
        about |= mask
    return ~about if np.any(about) else None
