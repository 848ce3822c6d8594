"""Makes a failing graph small: fewer outputs, nodes, attributes and elements, plainer numbers, as long as it still fails."""
import time

import numpy as np
import onnx

import peer
from graph import TEXT, is_float


def recomputed(graph):
    """The same graph with the values that follow from its inputs and constants, or None when it cannot be computed."""
    g = graph.copy()
    try:
        for n in g.nodes:
            for name, a in zip([o for o in n.output if o], peer.evaluate(n, g.at, g.opset)):
                g.at[name] = a
    except (peer.Unknown, KeyError):
        return None
    return g


def fewer_outputs(g):
    for o in g.outputs:
        if len(g.outputs) > 1:
            h = g.copy()
            h.outputs = [o]
            yield h.prune()


def earlier_outputs(g):
    for n in g.nodes:
        for o in n.output:
            if o and o not in g.outputs and isinstance(g.at[o], np.ndarray):
                h = g.copy()
                h.outputs = [o]
                yield h.prune()


def cuts(g):
    """A node's outputs become inputs with the values that they had."""
    for k in reversed(range(len(g.nodes))):
        outs = [o for o in g.nodes[k].output if o]
        if any(o in g.outputs or not isinstance(g.at[o], np.ndarray) for o in outs):
            continue
        for constant in (False, True):
            h = g.copy()
            del h.nodes[k]
            (h.constants if constant else h.inputs).extend(outs)
            for o in outs:
                h.symbols[o] = None
            yield h.prune()


def skips(g):
    """A node is left out: who read its output reads its input instead."""
    for k in reversed(range(len(g.nodes))):
        n = g.nodes[k]
        for i in [i for i in n.input if i]:
            if g.at[i].dtype != g.at[n.output[0]].dtype or n.output[0] in g.outputs:
                continue
            h = g.copy()
            del h.nodes[k]
            h.nodes = [renamed(m, n.output[0], i) for m in h.nodes]
            yield h.prune()


def renamed(node, old, new):
    m = onnx.NodeProto()
    m.CopyFrom(node)
    for k, i in enumerate(m.input):
        if i == old:
            m.input[k] = new
    for a in m.attribute:
        if a.HasField("g"):
            nodes = [renamed(b, old, new) for b in a.g.node]
            del a.g.node[:]
            a.g.node.extend(nodes)
    return m


def plainer_attributes(g):
    for k, n in enumerate(g.nodes):
        for a in n.attribute:
            h = g.copy()
            h.nodes[k] = onnx.NodeProto()
            h.nodes[k].CopyFrom(n)
            h.nodes[k].attribute.remove(a)
            yield h
        if len(n.input) > 1:
            for i in range(len(n.input) - 1, 0, -1):
                if n.input[i]:
                    h = g.copy()
                    h.nodes[k] = onnx.NodeProto()
                    h.nodes[k].CopyFrom(n)
                    h.nodes[k].input[i] = ""
                    while h.nodes[k].input and not h.nodes[k].input[-1]:
                        h.nodes[k].input.pop()
                    yield h.prune()


def smaller(g):
    """Every dimension of one size becomes smaller, in inputs and constants alike; and the numbers of i64 constants with it."""
    names = g.inputs + g.constants
    sizes = sorted({d for n in names for d in g.at[n].shape if d > 1}, reverse=True)
    for d in sizes:
        for to in sorted({1, 2, d // 2, d - 1}):
            if 0 < to < d:
                for numbers in (False, True):
                    h = g.copy()
                    for n in names:
                        a = h.at[n][tuple(slice(0, to) if s == d else slice(None) for s in h.at[n].shape)]
                        if numbers and a.dtype == np.int64 and a.ndim <= 1:
                            a = np.where(a == d, to, a)
                        h.at[n] = np.ascontiguousarray(a).reshape(a.shape)
                    yield h
    for n in names:
        for axis, d in enumerate(g.at[n].shape):
            if d > 1:
                h = g.copy()
                h.at[n] = np.ascontiguousarray(np.take(g.at[n], range(d // 2), axis))
                yield h


def plainer_numbers(g):
    for n in g.inputs + g.constants:
        a = g.at[n]
        if not a.size or a.dtype in (np.bool_, TEXT):
            continue
        for new in (np.zeros_like(a), np.ones_like(a), np.round(a) if is_float(a) else None, np.arange(a.size).reshape(a.shape).astype(a.dtype)):
            if new is not None and not np.array_equal(new, a) and not (is_plain(a) and a.size):
                h = g.copy()
                h.at[n] = new.astype(a.dtype)
                yield h


def is_plain(a):
    return bool(np.all(a == a.flat[0])) or np.array_equal(a.ravel(), np.arange(a.size))


def plainer_inputs(g):
    for n in g.inputs:
        if g.symbols.get(n):
            h = g.copy()
            h.symbols[n] = None
            yield h


STEPS = (fewer_outputs, earlier_outputs, cuts, skips, plainer_inputs, smaller, plainer_attributes, plainer_numbers)


def weight(g):
    return (len(g.nodes), sum(len(n.SerializeToString()) for n in g.nodes), sum(g.at[n].size for n in g.inputs + g.constants), len(g.inputs) + len(g.constants))


def shrink(graph, fails, budget=600, seconds=120):
    """fails(graph) -> a reason, or None. Gives the smallest graph found and its reason; budget: graphs tried."""
    why, tried, found, until = fails(graph), 0, True, time.monotonic() + seconds
    while found and tried < budget:
        found = False
        for step in STEPS:
            again = True
            while again and tried < budget:
                again = False
                for h in step(graph):
                    tried += 1
                    if time.monotonic() > until:
                        tried = budget
                    if tried >= budget:
                        break
                    try:
                        h = recomputed(h)
                        reason = h is not None and fails(h)
                    except Exception:
                        reason = None
                    if reason:
                        graph, why, again, found = h, reason, True, True
                        break
    return graph, why
