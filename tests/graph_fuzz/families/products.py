"""Matrix products."""
import numpy as np

from graph import is_float
from table import family


@family(8)
def matmul(g):
    a = g.value(g.types("MatMul"), least=1, test=lambda x: x.size <= 2000)
    x = g.a(a)
    k = x.shape[-1]
    tail = [k, g.size()] if x.ndim > 1 or g.chance(0.7) else [k]
    batch = [1 if g.chance(0.3) else d for d in x.shape[:-2]][g.int(0, max(x.ndim - 2, 0)):] if len(tail) == 2 else []
    v = g.find(lambda b: b.dtype == x.dtype and b.ndim == 2 and b.shape[0] == k)
    g.node("MatMul", [a, v if v and g.chance(0.4) else g.new(g.array(x.dtype, batch + tail))])


@family(5)
def gemm(g):
    d = g.dtype([t for t in g.types("Gemm")])
    a = g.value([d], rank=2)
    x = g.a(a)
    ta, tb = g.int(0, 1), g.int(0, 1)
    m, k = x.shape[::-1] if ta else x.shape
    n = g.size()
    b = g.new(g.array(d, [n, k] if tb else [k, n]))
    c = [g.new(g.array(d, g.pick([[n], [1, n], [m, n], [m, 1], [], [1]])))] if g.chance(0.7) else []
    floats = is_float(x)
    g.node("Gemm", [a, b] + c, transA=ta or None, transB=tb or None, alpha=g.pick([None, 0.5, 2.0, 1.7 if floats else 1.0]), beta=g.pick([None, 0.5 if floats else 1.0, 2.0]))


@family(2)
def einsum(g):
    a = g.value([np.float32, np.float64, np.int32], rank=g.int(2, 3), test=lambda x: x.size < 600)
    x = g.a(a)
    if x.ndim == 2:
        i, j = x.shape
        n = g.size()
        b = g.new(g.array(x.dtype, [j, n]))
        eq = g.pick(["ij,jk->ik", "ij,jk->ki", "ij,jk", "ij,jk->i", "ij,jk->ijk"])
        return g.node("Einsum", [a, b], equation=eq)
    n = g.size()
    b = g.new(g.array(x.dtype, [x.shape[0], x.shape[2], n]))
    g.node("Einsum", [a, b], equation=g.pick(["bij,bjk->bik", "bij,bjk->bki", "bij,bjk->ik", "bij,bjk", "bij, bjk -> b"]))
