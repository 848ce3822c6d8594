"""Where the peer is wrong, by the standard's own words: (operator, test of a node and its values, why). An output that
hangs on such a node is not judged when it differs, and its graph counts as skipped."""
import numpy as np

from graph import names_read


def first(node, graph):
    return graph.at[node.input[0]]


def on_the_edge(x):
    """The zero point lies between two numbers."""
    lo, hi = min(0.0, float(x.min(initial=0))), max(0.0, float(x.max(initial=0)))
    return hi > lo and abs(-lo / (hi - lo) * 255 % 1 - 0.5) < 1e-4


FAULTS = [
    ("Gelu", lambda n, g: first(n, g).size and first(n, g).max() < -2,
     "far below 0 Gelu's digits get lost in onnxruntime: 1 + erf(x / sqrt(2)) takes near numbers from each other"),
    ("BiasGelu", lambda n, g: first(n, g).size and (first(n, g) + g.at[n.input[1]]).max() < -2, "... and BiasGelu's"),
    ("Sigmoid", lambda n, g: first(n, g).size and first(n, g).dtype == np.float32 and first(n, g).min() < -17, "onnxruntime's is 0 far below 0, where e^x still is a number"),
    ("Softplus", lambda n, g: first(n, g).size and first(n, g).max() < -2, "onnxruntime and the reference take log(1 + e^x) as it stands: far below 0 its digits get lost"),
    ("Mish", lambda n, g: first(n, g).size and first(n, g).max() < -2, "... and with them those of x * tanh(log(1 + e^x))"),
    ("RNN", lambda n, g: any(np.abs(g.at[o]).max(initial=0) < 0.05 for o in n.output if o), "onnxruntime's tanh has seven digits of 1, not of a small number: one of the outputs is small"),
    ("DynamicQuantizeLinear", lambda n, g: on_the_edge(first(n, g)), "whether its zero point is rounded up or down hangs on the last digit of a quotient"),
    ("DynamicQuantizeLinear", lambda n, g: not first(n, g).any(), "the scale of zeros is (0 - 0) / 255 by the standard's formula; onnxruntime says 1"),
    ("StringSplit", lambda n, g: any(a.name == "delimiter" and a.s for a in n.attribute) and (first(n, g) == "").any(),
     "an empty text split at a delimiter is one empty text, as the reference has it and consecutive delimiters are told to be; onnxruntime has none"),
    ("Normalizer", lambda n, g: first(n, g).min(initial=0) < 0 and not any(a.name == "norm" and a.s != b"MAX" for a in n.attribute),
     "of numbers below 0 the reference, scikit-learn and the library divide by the largest magnitude, onnxruntime by the largest number"),
    ("OneHot", lambda n, g: first(n, g).dtype.kind == "f" and np.any(first(n, g) % 1),
     "indices with a fraction are cast to integers before use; the reference compares them as they are (onnxruntime lacks some types)"),
    ("ReduceLogSumExp", lambda n, g: first(n, g).dtype.kind in "iu", "onnxruntime rounds each step of integers down: e^-1 is 0"),
]

REFUSALS = [("the window is larger than its padded input", "onnxruntime gives a tensor without elements; the library says what is wrong")]


def refusal(sentence):
    """Why the peer answers where the library refuses by this sentence, or None."""
    return next((text for words, text in REFUSALS if words in sentence), None)


def fault_above(graph, output):
    """The peer's fault in a node that this output hangs on, or None."""
    need = {output}
    for n in reversed(graph.nodes):
        if need.isdisjoint(n.output):
            continue
        need.update(names_read(n))
        for op, test, text in FAULTS:
            if n.op_type == op and test(n, graph):
                return text
    return None
