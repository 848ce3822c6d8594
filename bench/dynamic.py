"""What a plan for all sizes costs against one for these sizes alone: docs/benchmarks.md, "One plan for all sizes".

  python bench/dynamic.py MODEL.onnx... [--rounds 15] [--shapes 2] [--at batch=2,tokens=9] [--library build/libquern.so] [--device cpu] [--threads 1]

Sizes that the file fixes are named (tests/named_sizes.py). For each of some random shapes, or for that of --at (names that it leaves out stay fixed), three
sessions run the same inputs in turn: one opened with the names, and two whose file has the sizes written in. The two differ by what the machine does
alone: where memory lies, who else runs. Printed: the least times, named over the mean of the fixed ones, the second fixed one over the first, and
the launches of a run. All have run the shape before. With one thread on the processor the time is the thread's own, so that a busy machine does
little to it; --wall takes the clock's. Needs numpy, onnx."""
import argparse
import os
import sys
import time
import zlib

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "tests"), os.path.join(here, "..", "tests", "graph_fuzz")]
import dynamic_shapes
import engine
from named_sizes import name_sizes, names_of


def timed(session, feeds, clock):
    begun = clock()
    session.run(feeds, [])
    return (clock() - begun) * 1e3


def measure(sessions, feeds, rounds, clock):
    """The least milliseconds of each; they take turns, and turns at being first."""
    for s in sessions:
        s.run(feeds, [])
    times = np.zeros((rounds, len(sessions)))
    for r in range(rounds):
        for i in range(len(sessions)):
            at = (r + i) % len(sessions)
            times[r, at] = timed(sessions[at], feeds, clock)
    return times.min(axis=0)


def shapes_of(device, model, session, args, rng):
    """Shapes that fit, with inputs: as many as are asked for."""
    out, names = [], names_of(model)
    for turn in range(args.shapes * 8):
        pool = {n: [x for x in dynamic_shapes.pool_of(n, [], args, 1) if x] for n in names}
        sizes = {n: int(rng.choice(pool[n])) for n in names}
        feeds = dynamic_shapes.feeds_of(model, sizes, rng)
        if sizes not in [s for s, _ in out] and not dynamic_shapes.attempt(lambda: session.run(feeds, []))[1]:
            out.append((sizes, feeds))
        if len(out) == args.shapes:
            break
    return out


def load_at(path, given):
    """The model with the names that are given sizes."""
    model = dynamic_shapes.onnx.load(path)
    before = {i.name: [d.dim_value for d in dynamic_shapes.dims_of(i)] for i in dynamic_shapes.inputs_of(model)}
    name_sizes(model)
    for i in dynamic_shapes.inputs_of(model):
        for d, size in zip(dynamic_shapes.dims_of(i), before[i.name]):
            if d.dim_param and d.dim_param not in given and size:
                d.dim_value = size
    return model


def bench(device, path, args):
    model = load_at(path, args.at) if args.at else dynamic_shapes.load(device, path, args)
    rng = np.random.default_rng(zlib.crc32(os.path.basename(path).encode()))
    named = device.open(model.SerializeToString())
    ratios = []
    for sizes, feeds in [(args.at, dynamic_shapes.feeds_of(model, args.at, rng))] if args.at else shapes_of(device, model, named, args, rng):
        fixed = [device.open(dynamic_shapes.fixed(model, sizes)) for _ in range(2)]
        a, b, c = measure([named, *fixed], feeds, args.rounds, time.perf_counter if args.wall else time.process_time)
        launches = [s.stats().launches for s in (named, fixed[0])]
        for s in fixed:
            s.close()
        ratios.append(2 * a / (b + c))
        what = " ".join(f"{n}={v}" for n, v in sizes.items())
        print(f"| {os.path.basename(path)[:-5]} | {what} | {a:.2f} | {b:.2f} | {c:.2f} | {ratios[-1]:.3f} | {c / b:.3f} | {launches[0]} | {launches[1]} |", flush=True)
    named.close()
    return ratios


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("paths", nargs="+")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--shapes", type=int, default=2)
    p.add_argument("--at", type=lambda s: {n: int(v) for n, v in (x.split("=") for x in s.split(","))})
    p.add_argument("--sizes", type=lambda s: [int(x) for x in s.split(",")], default=[112, 168, 224])
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--wall", action="store_true")
    args = p.parse_args()
    args.free = True
    args.wall = args.wall or args.threads != 1 or not args.device.startswith("cpu")
    device, ratios = engine.Device(args.library, args.device, args.threads), []
    print("| network | sizes | named, ms | fixed, ms | fixed again | ratio | of the fixed | launches | fixed |\n|---|---|---|---|---|---|---|---|---|")
    for path in args.paths:
        ratios += bench(device, path, args)
    print(f"\nratio: median {np.median(ratios):.3f}, largest {max(ratios):.3f}")


if __name__ == "__main__":
    main()
