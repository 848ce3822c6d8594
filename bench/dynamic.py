"""What a plan for all sizes costs against one for these sizes alone: docs/benchmarks.md, "One plan for all sizes".

  python bench/dynamic.py MODEL.onnx... [--rounds 15] [--shapes 2] [--library build/libquern.so] [--device cpu] [--threads 1]

Sizes that the file fixes are named (tests/named_sizes.py). For each of some random shapes two sessions run the same inputs in turn: one opened with the names,
one whose file has the sizes written in. Printed: the medians, their ratio, and the spread of the ratio of neighbouring runs (its 25th and 75th
percentile). Both have run the shape before. With one thread on the processor the time is the thread's own, so that a busy machine does little to it; --wall
takes the clock's. Needs numpy, onnx."""
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
from named_sizes import names_of


def timed(session, feeds, clock):
    begun = clock()
    session.run(feeds, [])
    return (clock() - begun) * 1e3


def measure(named, fixed, feeds, rounds, clock):
    """Milliseconds of both, in turn and each first as often as the other."""
    times = []
    for r in range(rounds + 1):
        both = [timed(s, feeds, clock) for s in ((named, fixed) if r % 2 else (fixed, named))]
        times.append(both if r % 2 else both[::-1])
    return np.array(times[1:])


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


def bench(device, path, args):
    model = dynamic_shapes.load(device, path, args)
    rng = np.random.default_rng(zlib.crc32(os.path.basename(path).encode()))
    named = device.open(model.SerializeToString())
    ratios = []
    for sizes, feeds in shapes_of(device, model, named, args, rng):
        fixed = device.open(dynamic_shapes.fixed(model, sizes))
        t = measure(named, fixed, feeds, args.rounds, time.perf_counter if args.wall else time.process_time)
        fixed.close()
        low, high = np.percentile(t[:, 0] / t[:, 1], [25, 75])
        a, b = np.median(t, axis=0)
        ratios.append(a / b)
        what = " ".join(f"{n}={v}" for n, v in sizes.items())
        print(f"| {os.path.basename(path)[:-5]} | {what} | {a:.2f} | {b:.2f} | {a / b:.3f} | {low:.3f} .. {high:.3f} |", flush=True)
    named.close()
    return ratios


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("paths", nargs="+")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--shapes", type=int, default=2)
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
    print("| model | sizes | named, ms | fixed, ms | ratio | quarter .. three quarters |\n|---|---|---|---|---|---|")
    for path in args.paths:
        ratios += bench(device, path, args)
    print(f"\nratio: median {np.median(ratios):.3f}, largest {max(ratios):.3f}")


if __name__ == "__main__":
    main()
