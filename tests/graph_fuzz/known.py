"""Where the peer is wrong, by the standard's own words: (operator, test of a node and its values, why). An output that
hangs on such a node is not judged when it differs, and its graph counts as skipped."""
from graph import names_read


def first(node, graph):
    return graph.at[node.input[0]]


FAULTS = [
    ("Gelu", lambda n, g: first(n, g).size and first(n, g).max() < -2,
     "far below 0 Gelu's digits get lost in onnxruntime: 1 + erf(x / sqrt(2)) takes near numbers from each other"),
    ("DynamicQuantizeLinear", lambda n, g: not first(n, g).any(), "the scale of zeros is (0 - 0) / 255 by the standard's formula; onnxruntime says 1"),
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
