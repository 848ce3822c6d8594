"""Control flow: bodies grow by the same families, with the values of a first turn, and read what is around them."""
import numpy as np
import onnx
from onnx import helper

from table import FAMILIES, family
from graph import ONNX, TEXT, names_read
from grow import Grow, Unfit


def info(name, a):
    """Type and rank, which onnxruntime must know of what bodies take and give."""
    return helper.make_tensor_value_info(name, ONNX[a.dtype], [None] * a.ndim)


def fill(b, nodes):
    for _ in range(nodes * 3):
        if len(b.g.nodes) >= nodes:
            break
        step(b)


def step(g):
    """A family's proposal: taken whole or, where it is refused, what stood before the refusal stays."""
    weights = np.array([w for w, _ in FAMILIES], float)
    propose(g, FAMILIES[int(g.rng.choice(len(FAMILIES), p=weights / weights.sum()))][1])


def propose(g, f):
    if f in NESTING and depth(g) >= 2:
        return
    try:
        f(g)
    except (Unfit, KeyError, IndexError, ValueError, OverflowError, onnx.defs.SchemaError):
        pass


def depth(g):
    return 1 + depth(g.outer) if g.outer else 0


def stackable(b):
    """What a turn may give to be stacked; of texts onnxruntime keeps those of the first turn alone."""
    return [v for v in b.values if b.a(v).dtype != TEXT]


def kept(b, ends):
    """The body's nodes that its outputs need."""
    need, out = set(ends), []
    for n in reversed(b.g.nodes):
        if any(o in need for o in n.output):
            out.append(n)
            need.update(names_read(n))
    return out[::-1]


def out_of(b, name, nodes):
    """A body's output is made by a node of its own, so that no name of the outside is an output."""
    o = b.fresh("o")
    nodes.append(helper.make_node("Identity", [name], [o]))
    return o


@family(2)
def branch(g):
    cond = g.value([np.bool_], shape=g.pick([[], [1]]))
    bodies, dtypes = [], None
    for _ in range(2):
        b = g.body(3)
        fill(b, g.int(0, 4))
        if dtypes is None:
            ends = [b.pick(b.values) for _ in range(g.int(1, 2))]
            dtypes = [b.a(e).dtype for e in ends]
            shapes = [b.a(e).shape for e in ends]
        else:
            ends = []
            for d, s in zip(dtypes, shapes):
                e = b.find(lambda a: a.dtype == d and (a.shape == s or (b.chance(0.2) and a.ndim == len(s))))
                ends.append(e or b.new(b.array(d, s)))
        nodes = kept(b, ends)
        outs = [out_of(b, e, nodes) for e in ends]
        bodies.append(helper.make_graph(nodes, "body", [], [info(o, b.a(e)) for o, e in zip(outs, ends)]))
    outs = [g.fresh() for _ in dtypes]
    g.take(helper.make_node("If", [cond], outs, then_branch=bodies[0], else_branch=bodies[1]))


def states_of(g, b, most):
    """State variables: what goes in, and the name of each in the body."""
    starts = [g.value((np.float32, np.float32, np.int64, np.int32), test=lambda a: a.size <= 200) for _ in range(g.int(0, most))]
    names = []
    for s in starts:
        name = b.fresh("s")
        b.g.at[name] = g.a(s)
        names.append(name)
    b.values += names
    return starts, names


def ends_of(b, names):
    """What each state becomes: a value of its type and shape."""
    out = []
    for n in names:
        a = b.a(n)
        e = b.find(lambda x: x.dtype == a.dtype and x.shape == a.shape) or n
        if e in names and b.chance(0.7):
            e = b.node(b.pick(["Add", "Sub", "Max"]), [e, b.new(b.array(a.dtype, b.pick([[], list(a.shape)])))])
        out.append(e)
    return out


@family(2)
def loop(g):
    b = g.body(4)
    b.g.at |= {"turn" + str(b.count): np.asarray(0, np.int64), "on" + str(b.count): np.asarray(True)}
    turn, on = "turn" + str(b.count), "on" + str(b.count)
    starts, names = states_of(g, b, 2)
    b.values.append(turn)
    fill(b, g.int(1, 5))
    ends = ends_of(b, names)
    scans = [b.pick(stackable(b)) for _ in range(g.int(0 if starts else 1, 2))]
    nodes = kept(b, ends + scans)
    go = out_of(b, on, nodes)
    if g.chance(0.3):
        nodes.append(helper.make_node("Constant", [], [go + "c"], value_int=g.int(1, 3)))
        nodes.append(helper.make_node("Less", [turn, go + "c"], [go + "l"]))
        nodes.append(helper.make_node("Identity", [go + "l"], [go + "b"]))
        go += "b"
    outs = [out_of(b, e, nodes) for e in ends + scans]
    body = helper.make_graph(nodes, "body", [info(turn, b.a(turn)), info(on, b.a(on))] + [info(n, b.a(n)) for n in names],
                             [helper.make_tensor_value_info(go, 9, [])] + [info(o, b.a(e)) for o, e in zip(outs, ends + scans)])
    stacked = any(b.a(s).ndim for s in scans)  # of no turn at all onnxruntime says that their sizes are 0
    count = g.new(np.asarray(g.pick([1, 2, 3, 4] if stacked else [0, 1, 2, 3, 4]), np.int64)) if g.chance(0.9) else g.value([np.int64], shape=[], lo=int(stacked), hi=5)
    cond = "" if g.chance(0.5) else g.new(np.asarray(stacked or g.chance(0.85)))
    g.take(helper.make_node("Loop", [count, cond] + starts, [g.fresh() for _ in outs], body=body))


@family(1.5)
def scan(g):
    b = g.body(4)
    starts, names = states_of(g, b, 2)
    over = g.value((np.float32, np.int64), least=1, test=lambda a: a.shape[0] > 0 and a.size < 1000)
    x = b.fresh("x")
    b.g.at[x] = g.a(over)[0]
    b.values.append(x)
    fill(b, g.int(1, 5))
    ends = ends_of(b, names)
    scans = [b.pick(stackable(b)) for _ in range(g.int(0 if starts else 1, 2))]
    nodes = kept(b, ends + scans)
    outs = [out_of(b, e, nodes) for e in ends + scans]
    body = helper.make_graph(nodes, "body", [info(n, b.a(n)) for n in names + [x]], [info(o, b.a(e)) for o, e in zip(outs, ends + scans)])
    attrs = {"scan_input_directions": [g.int(0, 1)]} if g.chance(0.3) else {}
    if scans and g.chance(0.3):
        attrs["scan_output_directions"] = [g.int(0, 1) for _ in scans]
    g.take(helper.make_node("Scan", starts + [over], [g.fresh() for _ in outs], body=body, num_scan_inputs=1, **attrs))


NESTING = (branch, loop, scan)
