"""What opening a model costs, by the number of its nodes: the curve of docs/optimizer.md.

  python bench/optimizer.py [--library build/libquern.so] [--sizes 1000,3000,10000,30000,100000] [--kinds chain,wide,...]

Generated graphs, opened on the null device, which computes nothing. Times are of the processor, not of the clock, and the passes' and the plan's
share of it, so that a busy machine does little to them. Linear growth leaves "us a node" as it is; n log n raises it by a tenth for
each factor of 3. Needs numpy, onnx."""
import argparse
import os
import sys
import time

import numpy as np
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "graph_fuzz"))
import engine

F = TensorProto.FLOAT


def const(name, *shape, value=1.5):
    return numpy_helper.from_array(np.full(shape, value, np.float32), name)


def model(nodes, weights, dims=(4, 4), outs=("y",)):
    g = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", F, dims)], [helper.make_tensor_value_info(o, F, None) for o in outs], weights)
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def named(ops):
    """[(op, inputs)] as a chain: "" stands for the node before."""
    nodes, last = [], "x"
    for i, (op, ins, attrs) in enumerate(ops):
        out = "y" if i == len(ops) - 1 else f"v{i}"
        nodes.append(helper.make_node(op, [k or last for k in ins], [out], **attrs))
        last = out
    return nodes


BLOCK = [("MatMul", ("", "w"), {}), ("Add", ("", "c"), {}), ("Relu", ("",), {}), ("Transpose", ("",), {}), ("Exp", ("",), {}), ("Transpose", ("",), {}), ("Identity", ("",), {}),
         ("Mul", ("", "c"), {}), ("Flatten", ("",), {}), ("Softmax", ("",), {})]


def chain(n):
    """What passes look at most, one behind another, with two constants that all share."""
    return model(named((BLOCK * (n // 10 + 1))[:n]), [const("w", 4, 4), const("c", 4)])


def elementwise(n):
    """One chain of elementwise operators: fused into kernels of up to 64 steps."""
    return model(named([(("Sin", "Abs", "Exp", "Neg", "Sigmoid")[i % 5], ("",), {}) for i in range(n)]), [])


def wide(n):
    """n nodes that all read the input, added up in pairs."""
    nodes, level = [], []
    for i in range(n // 2):
        nodes.append(helper.make_node(("Sin", "LeakyRelu")[i % 2], ["x"], [f"l{i}"], **({"alpha": i / n} if i % 2 else {})))
        level.append(f"l{i}")
    k = 0
    while len(level) > 1:
        up = []
        for a, b in zip(level[::2], level[1::2]):
            nodes.append(helper.make_node("Add", [a, b], [f"s{k}"]))
            up.append(f"s{k}")
            k += 1
        level = up + level[len(level) // 2 * 2:]
    nodes.append(helper.make_node("Identity", [level[0]], ["y"]))
    return model(nodes, [])


def fan(n):
    """One value read by n nodes, whose results are outputs: few of them are asked for."""
    nodes = [helper.make_node("MatMul", ["x", f"w{i}"], [f"v{i}"]) for i in range(n - 1)]
    nodes.append(helper.make_node("Concat", [f"v{i}" for i in range(n - 1)], ["y"], axis=0))
    return model(nodes, [const(f"w{i}", 4, 4, value=i) for i in range(n - 1)])


def constants(n):
    """Each node with a constant of its own; every tenth is equal to another."""
    ops = [("Add" if i % 2 else "Mul", ("", f"k{i}"), {}) for i in range(n)]
    return model(named(ops), [const(f"k{i}", 4, value=1 + i % (n * 9 // 10) / n) for i in range(n)])


def folded(n):
    """Shape arithmetic and constants: nearly all of it is computed once."""
    nodes, last = [], "x"
    for i in range(n // 6):
        a = f"b{i}"
        nodes += [helper.make_node("Shape", [last], [a + "s"]), helper.make_node("Gather", [a + "s", "zero"], [a + "g"], axis=0), helper.make_node("Concat", [a + "g", "minus"], [a + "c"], axis=0),
                  helper.make_node("Reshape", [last, a + "c"], [a + "r"]), helper.make_node("Add", [a + "r", "c"], [a + "a"]), helper.make_node("Tanh", [a + "a"], [a + "t"])]
        last = a + "t"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    ints = [numpy_helper.from_array(np.asarray(v, np.int64), k) for k, v in (("zero", [0]), ("minus", [-1]))]
    return model(nodes, ints + [const("c", 4)], dims=("rows", 4))


def bodies(n):
    """n / 20 Ifs in a chain, each with two bodies of ten nodes that read what is outside."""
    cond = numpy_helper.from_array(np.zeros(4, bool), "unused")
    nodes, last = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0), helper.make_node("Greater", ["sum", "zero"], ["on"])], "x"
    for i in range(n // 20):
        def body(side):
            inner, at = [], last
            for k in range(9):
                inner.append(helper.make_node(("Sin", "Add")[k % 2], [at] + (["c"] if k % 2 else []), [f"{side}{i}_{k}"]))
                at = f"{side}{i}_{k}"
            return helper.make_graph(inner, "b", [], [helper.make_tensor_value_info(at, F, [4, 4])])
        nodes.append(helper.make_node("If", ["on"], [f"i{i}"], then_branch=body("t"), else_branch=body("e")))
        last = f"i{i}"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    del cond
    return model(nodes, [const("c", 4), numpy_helper.from_array(np.asarray(0, np.float32), "zero")])


KINDS = (chain, elementwise, wide, fan, constants, folded, bodies)


def measure(device, data, optimize=True):
    begun, cpu = time.perf_counter(), time.process_time()
    session = device.open(data, optimize)
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    s = session.stats()
    session.close()
    share = cpu / wall
    return [x * share for x in (s.read_ms, s.check_ms, s.passes_ms, s.plan_ms, s.prepare_ms)] + [cpu * 1e3]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--sizes", default="1000,3000,10000,30000,100000")
    p.add_argument("--kinds", default=",".join(k.__name__ for k in KINDS))
    args = p.parse_args()
    device = engine.Device(args.library, "null")
    print("| graph | nodes | read, check | passes, ms | plan, prepare | all, us a node | passes, us a node |\n|---|---|---|---|---|---|---|")
    for kind in KINDS:
        if kind.__name__ not in args.kinds.split(","):
            continue
        for n in map(int, args.sizes.split(",")):
            data = kind(n)
            read, check, passes, plan, prepare, whole = min((measure(device, data) for _ in range(3 if n < 20000 else 1)), key=lambda r: r[-1])
            print(f"| {kind.__name__} | {n} | {read + check:.1f} | {passes:.1f} | {plan + prepare:.1f} | {whole * 1e3 / n:.1f} | {passes * 1e3 / n:.1f} |", flush=True)


main()
