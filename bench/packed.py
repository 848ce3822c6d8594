"""What a product with weights of 4 bits costs, beside onnxruntime: docs/benchmarks.md, "Weights that stay packed".

  python bench/packed.py [--size 2048] [--block 32] [--rows 1,64] [--rounds 30] [--library build/libquern.so] [--device cpu]

One model, DequantizeLinear of blocks in front of a MatMul, one thread. Quern opens it as it is, and with the weights as f32, which is what folding made of
them. onnxruntime makes MatMulNBits of it, with x rounded to 8 bits (accuracy level 4, its default) or not (level 1). They run in turn; printed are the
least times of the processor and the largest error beside the product in f64. Needs numpy, onnx, onnxruntime, ml_dtypes."""
import argparse
import os
import sys
import time

import ml_dtypes
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "graph_fuzz"))
import engine


def model(rows, size, nodes, constants):
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size])
    graph = helper.make_graph(nodes, "g", [info("x")], [info("y")], [numpy_helper.from_array(v, n) for n, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def models(rows, args, rng):
    """The model, the same with f32 weights, and those."""
    size, blocks = args.size, args.size // args.block
    q, z = rng.integers(0, 16, (size, size)), rng.integers(0, 16, (blocks, size))
    s = rng.uniform(0.001, 0.01, (blocks, size)).astype(np.float32)
    w = ((q - z.repeat(args.block, 0)) * s.repeat(args.block, 0)).astype(np.float32)
    small = {"q": q.astype(ml_dtypes.uint4), "s": s, "z": z.astype(ml_dtypes.uint4)}
    nodes = [helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0, block_size=args.block), helper.make_node("MatMul", ["x", "w"], ["y"])]
    return model(rows, size, nodes, small), model(rows, size, nodes[1:], {"w": w}), w


def ort_session(data, level):
    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads, o.log_severity_level = 1, 1, 3
    o.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", str(level))
    return ort.InferenceSession(data, o, providers=["CPUExecutionProvider"])


def bench(rows, args, device):
    rng = np.random.default_rng(rows)
    packed, plain, w = models(rows, args, rng)
    x = rng.standard_normal((rows, args.size)).astype(np.float32)
    ours = {"Quern, packed": device.open(packed), "Quern, f32": device.open(plain)}
    theirs = {"onnxruntime, x in 8 bits": ort_session(packed, 4), "onnxruntime": ort_session(packed, 1)}
    runs = {n: lambda s=s: s.run({"x": x}, ["y"]) for n, s in ours.items()} | {n: lambda s=s: s.run(None, {"x": x}) for n, s in theirs.items()}
    least = dict.fromkeys(runs, np.inf)
    for _ in range(args.rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            least[name] = min(least[name], (time.process_time() - begun) * 1e3)
    exact = x.astype(np.float64) @ w.astype(np.float64)
    for name, run in runs.items():
        held = f"{ours[name].stats().weights_bytes / 2**20:.2f} MiB" if name in ours else ""
        print(f"| {rows} | {name} | {least[name]:.3f} | {np.abs(run()[0] - exact).max() / np.abs(exact).max():.0e} | {held} |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=2048)
    p.add_argument("--block", type=int, default=32)
    p.add_argument("--rows", type=lambda s: [int(x) for x in s.split(",")], default=[1, 64])
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--device", default="cpu")
    args = p.parse_args()
    device = engine.Device(args.library, args.device, 1)
    print("| rows | | ms | error | weights |\n|---|---|---|---|---|")
    for rows in args.rows:
        bench(rows, args, device)


if __name__ == "__main__":
    main()
