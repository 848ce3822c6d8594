"""Growing a random graph: a family proposes a node, the peer computes it, and it stays when its values are fit to go on with."""
import numpy as np
import onnx
from onnx import helper

import peer
from graph import EPSILON, NARROW, NUMPY, ONNX, TEXT, Graph, is_float, parts, tensor_of

TYPE_OF_TEXT = {"tensor(complex64)": np.complex64, "tensor(complex128)": np.complex128,
                "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(bfloat16)": NUMPY[onnx.TensorProto.BFLOAT16], "tensor(double)": np.float64,
                "tensor(bool)": np.bool_, **{f"tensor({s}int{b})": np.dtype(f"{s}int{b}").type for s in ("", "u") for b in (8, 16, 32, 64)}}
LIKED = {np.float32: 12, np.float16: 2, NUMPY[onnx.TensorProto.BFLOAT16]: 1.5, np.float64: 2, np.int32: 3, np.int64: 3, np.bool_: 2, np.complex64: 0.5, np.complex128: 0.5}
MOST_ELEMENTS = 6000
WORDS = ["", "a", "B", "ab", "Ab c", "the", "The end", "x,y", " a  b ", "ünï", "ÜNÏ", "0", "cat", "dog", "a-b-c"]
WINDOWED = ("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool")


class Unfit(Exception):
    """This proposal leads nowhere; try another."""


def schema_types(op, variable, opset, domain=""):
    """The tensor types that a schema's type variable allows."""
    schema = onnx.defs.get_schema(op, opset, domain)
    for t in schema.type_constraints:
        if t.type_param_str == variable:
            return [TYPE_OF_TEXT[s] for s in t.allowed_type_strs if s in TYPE_OF_TEXT]
    raise KeyError(f"{op} has no {variable}")


def largest(dtype):
    return {2: 2e3, 4: 1e5, 8: 1e6}[np.dtype(dtype).itemsize]


def fit(a):
    """Numbers that one can go on with: finite and not so large that the next product leaves the type."""
    if a.size > MOST_ELEMENTS or a.ndim > 8:
        return False
    if a.dtype == TEXT:
        return all(len(t) < 100 for t in a.ravel())
    if a.dtype.kind == "c":
        return fit(parts(a))
    if is_float(a) and a.size:
        x = np.abs(a.astype(np.float64))
        return bool(np.all(np.isfinite(x))) and float(x.max()) <= largest(a.dtype)
    if a.dtype.itemsize == 8 and a.size:
        return float(np.abs(a.astype(np.float64)).max()) < 2.0**40  # room for squares and sums that nobody means to wrap
    return True


class Grow:
    def __init__(self, rng, opset, graph=None, outer=None):
        self.rng, self.g = rng, graph or Graph(opset)
        self.opset = opset
        self.outer = outer  # of a body: the Grow around it
        self.values = []  # names that may be read
        self.count = outer.count + 1000 if outer else 0
        self.exact = outer.exact if outer else rng.random() < 0.15
        self.base = outer.base if outer else [int(rng.choice([1, 2, 3, 4, 5, 7, 8, 12, 16, 17])) for _ in range(3)]

    # ---- choices
    def chance(self, p):
        return self.rng.random() < p

    def pick(self, things):
        return things[int(self.rng.integers(len(things)))]

    def int(self, lo, hi):
        return int(self.rng.integers(lo, hi + 1))

    def fresh(self, stem="v"):
        self.count += 1
        return f"{stem}{self.count}"

    def size(self):
        if self.chance(0.02):
            return 0
        return self.pick(self.base) if self.chance(0.7) else self.pick([1, 1, 2, 3, 4, 6, 9])

    def shape(self, rank=None):
        rank = self.pick([0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5]) if rank is None else rank
        for _ in range(8):
            s = [self.size() for _ in range(rank)]
            if int(np.prod(s)) <= MOST_ELEMENTS // 3:
                return s
        return [1] * rank

    def dtype(self, allowed):
        allowed = [np.dtype(t).type for t in allowed]
        if not allowed:
            raise Unfit("no type")
        weights = np.array([LIKED.get(t, 0.7) for t in allowed], float)
        return allowed[int(self.rng.choice(len(allowed), p=weights / weights.sum()))]

    # ---- values
    def array(self, dtype, shape, lo=None, hi=None):
        dtype, shape = np.dtype(dtype), tuple(shape)
        if dtype == np.bool_:
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype.kind == "c":
            return (self.array(dtype.type(0).real.dtype, shape) + 1j * self.array(dtype.type(0).real.dtype, shape)).astype(dtype)
        if dtype == TEXT:
            return np.array([self.pick(WORDS) for _ in range(int(np.prod(shape)))], object).reshape(shape)
        if ONNX[dtype] in NARROW:
            return self.rng.uniform(-7, 7, shape).astype(np.float32).astype(dtype) if np.dtype(dtype).kind == "V" or "float" in dtype.name else self.rng.integers(0, 4, shape).astype(dtype)
        if dtype in EPSILON:
            lo, hi = (-2.0, 2.0) if lo is None else (lo, hi)
            kind = self.int(0, 5)
            if kind == 0:
                a = np.round(self.rng.uniform(lo, hi, shape))
                a = np.clip(a, lo, hi)
            elif kind == 1 and lo < 0:
                a = self.rng.normal(0, 1, shape).clip(lo, hi)
            elif kind == 2:
                a = np.full(shape, self.pick([x for x in (0, 1, -1, 0.5, 2, -0.0, 3) if lo <= x <= hi] or [lo]))
            else:
                a = self.rng.uniform(lo, hi, shape)
            return np.asarray(a).astype(dtype)
        info = np.iinfo(dtype)
        lo, hi = (max(info.min, -9), 9) if lo is None else (lo, hi)
        return np.asarray(self.rng.integers(lo, hi, shape, endpoint=True)).astype(dtype)

    def new(self, a, constant=None):
        """A new input or constant with these elements. Inside a body it is a constant of the graph around it, or a Constant node."""
        a = np.asarray(a)
        if self.outer and self.chance(0.7):
            name = self.outer.new(a, constant)
            self.values.append(name)
            self.g.at[name] = a
            return name
        name = self.fresh("x")
        self.g.at[name] = a
        constant = self.chance(0.5) if constant is None else constant
        if self.outer or (constant and self.chance(0.1)):
            self.g.nodes.append(helper.make_node("Constant", [], [name], value=tensor_of(a, name)))
        elif constant:
            self.g.constants.append(name)
        else:
            self.g.inputs.append(name)
            self.g.symbols[name] = None
        self.values.append(name)
        return name

    def const(self, values, dtype=np.int64):
        return self.new(np.asarray(values, dtype), constant=True)

    def a(self, name):
        return self.g.at[name]

    def find(self, test):
        """A value that passes, newer ones first more often; None: there is none."""
        fits = [v for v in self.values[-40:] if test(self.a(v))]
        if not fits:
            return None
        return fits[-1 - min(int(self.rng.exponential(len(fits) / 3)), len(fits) - 1)] if self.chance(0.6) else self.pick(fits)

    def value(self, dtypes, rank=None, shape=None, lo=None, hi=None, test=None, least=0, constant=None):
        """A value of one of these types (and of this rank or shape): one there is, or a new one."""
        kinds = {np.dtype(t) for t in dtypes}

        def fits(a):
            if a.dtype not in kinds or (rank is not None and a.ndim != rank) or (shape is not None and list(a.shape) != list(shape)) or a.ndim < least:
                return False
            if lo is not None and a.size and (a.min() < lo or a.max() > hi):
                return False
            return test is None or test(a)

        v = self.find(fits) if constant is None and self.chance(0.85) else None
        if v:
            return v
        dtype = self.dtype(dtypes)
        want = shape if shape is not None else self.shape(rank if rank is not None else max(least, self.pick([0, 1, 2, 2, 3, 3, 4])))
        a = self.array(dtype, want, lo, hi)
        if test is not None and not test(a):
            raise Unfit("no such value")
        return self.new(a, constant)

    def partner(self, name, dtype=None, **more):
        """A value that broadcasts with this one, either way."""
        a = self.a(name)
        dtype = np.dtype(dtype or a.dtype)
        if self.chance(0.5):
            def goes(b):
                if b.dtype != dtype or (more and b.size and (b.min() < more["lo"] or b.max() > more["hi"])):
                    return False
                try:
                    return int(np.prod(np.broadcast_shapes(a.shape, b.shape))) <= MOST_ELEMENTS
                except ValueError:
                    return False
            v = self.find(goes)
            if v:
                return v
        shape = [1 if self.chance(0.25) else d for d in a.shape]
        shape = shape[self.int(0, len(shape)):] if self.chance(0.35) else shape
        if self.chance(0.1) and len(shape) == a.ndim and a.ndim < 5 and a.size < 500:
            shape = [self.int(1, 3)] + shape
        return self.new(self.array(dtype, shape, **more))

    # ---- nodes
    def node(self, op, inputs, outputs=1, domain="", **attributes):
        """Append a node, when the peer can compute it and its values are fit; gives the name of its first output, or all with outputs > 1."""
        attributes = {k: v for k, v in attributes.items() if v is not None}
        outs = [self.fresh() for _ in range(outputs)]
        n = helper.make_node(op, inputs, outs, domain=domain, **attributes)
        return self.take(n)

    def take(self, n):
        try:
            got = peer.evaluate(n, self.g.at, self.opset)
        except peer.Unknown as e:
            raise Unfit(f"{n.op_type}: {e}") from None
        if n.op_type in WINDOWED and not all(a.size for a in got):
            raise Unfit("a window larger than its padded input, which the library refuses")
        if not all(fit(a) and a.dtype in ONNX for a in got if isinstance(a, np.ndarray)):
            raise Unfit(f"{n.op_type}: values not fit")
        names = [o for o in n.output if o]
        for name, a in zip(names, got):
            self.g.at[name] = a
        self.g.nodes.append(n)
        self.values += [o for o, a in zip(names, got) if isinstance(a, np.ndarray)]
        return names[0] if len(n.output) == 1 else names

    def types(self, op, variable="T", domain=""):
        return schema_types(op, variable, self.opset, domain)

    def body(self, size, start=()):
        """A Grow for the body of a control node: sees what is known here."""
        b = Grow(self.rng, self.opset, Graph(self.opset), self)
        b.g.at = dict(self.g.at)
        b.values = [v for v in self.values[-12:]]
        self.count += 20000
        return b
