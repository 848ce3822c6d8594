"""One plan for all sizes: models with named dimensions, run at random sizes, one after the other, in one session.

  python tests/dynamic_shapes.py MODEL.onnx|FOLDER... [--shapes N] [--seed S] [--library build/libquern.so] [--device cpu]

Each answer is compared with that of a session opened anew, whose file has these sizes written in; both may refuse sizes that do not fit, but only
both. The session with names must not plan again.
Sizes: 0, 1, small ones, those of the data sets beside the model. --free names sizes that the file fixes (tests/named_sizes.py); one that a
constant of the model pins is told with the node, and stays fixed.
Needs numpy, onnx. Last line: N passed, N failed, N skipped (skipped: nothing is named)."""
import argparse
import dataclasses
import glob
import os
import sys
import zlib

import numpy as np
import onnx

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "graph_fuzz"))
import engine
from graph import NUMPY
from named_sizes import dims_of, fix_name, inputs_of, name_sizes, names_of

BOUND = 1e-4  # norm of the difference over norm: the kernels of known sizes add up in another order


def seen_sizes(folder, model, names):
    """Of each name, the sizes in the data sets beside the model."""
    seen = {n: set() for n in names}
    for data in glob.glob(os.path.join(folder, "test_data_set_*")):
        for k, i in enumerate(inputs_of(model)):
            file = os.path.join(data, f"input_{k}.pb")
            if os.path.exists(file):
                dims = onnx.load_tensor(file).dims
                for d, size in zip(dims_of(i), dims):
                    if d.dim_param:
                        seen[d.dim_param].add(size)
    return seen


def fixed(model, sizes):
    """The model's bytes with these sizes written in; the model itself keeps its names, and its weights are not copied once more."""
    named = [(d, d.dim_param) for i in model.graph.input for d in dims_of(i) if d.dim_param in sizes]
    for d, name in named:
        d.dim_value = sizes[name]
    try:
        return model.SerializeToString()
    finally:
        for d, name in named:
            d.dim_param = name


def feeds_of(model, sizes, rng):
    out = {}
    for i in inputs_of(model):
        t = i.type.tensor_type
        shape = [sizes.get(d.dim_param, d.dim_value) for d in dims_of(i)]
        dtype = np.dtype(NUMPY[t.elem_type])
        a = rng.integers(0, 2, shape) if dtype.kind in "iub" else rng.normal(0, 1, shape)
        out[i.name] = np.asarray(a).astype(dtype)
    return out


def pool_of(name, seen, args, turn):
    """Sizes to choose from. A picture that is freed must be as large as its network's windows: a fresh plan refuses less, the session gives nothing."""
    if args.free and name in ("height", "width", "frames"):
        return args.sizes
    if args.free:
        return [0, 1, 2, 3] if name == "batch" else [1, 2, 3, 5, 8, 13, 24]
    return [1, 2, 3, 5, 8] + (seen or args.sizes) * 2 + [0] * (turn % 5 == 0)


def attempt(run):
    try:
        return run(), None
    except engine.Refused as e:
        return None, e


def compare(got, want):
    """The largest difference, and what is wrong."""
    most = 0.0
    for a, b in zip(got, want):
        if a.shape != b.shape or a.dtype != b.dtype:
            return most, f"{a.dtype}{list(a.shape)}, a fresh plan gives {b.dtype}{list(b.shape)}"
        a, b = a.astype(np.float64), b.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        apart = float(np.linalg.norm(np.where(same, 0, a - b))) / max(float(np.linalg.norm(np.where(np.isfinite(b), b, 0))), 1e-30)
        if not apart <= BOUND:
            return apart, f"differs from a fresh plan by {apart:.2g} of the norm"
        most = max(most, apart)
    return most, None


def pin(device, model, sizes, args):
    """Fixes names again that have no other size than the file's: name -> what says so."""
    session, rng, pinned = device.open(model.SerializeToString()), np.random.default_rng(args.seed), {}
    for name in sizes:
        for size in [x for x in pool_of(name, [], args, 1) if x > 1 and x != sizes[name]]:
            _, no = attempt(lambda: session.run(feeds_of(model, {**sizes, name: size}, rng), []))
            if not no:
                break
        else:
            pinned[name] = f"at {size}: {no}"
    session.close()
    for name in pinned:
        fix_name(model, name, sizes[name])
    return pinned


def load(device, path, args):
    model = onnx.load(path)
    if args.free:
        before = {i.name: [d.dim_value for d in dims_of(i)] for i in inputs_of(model)}
        names = name_sizes(model)
        sizes = {n: max([v for i in inputs_of(model) for d, v in zip(dims_of(i), before[i.name]) if d.dim_param == n] + [1]) for n in names}
        for name, why in pin(device, model, sizes, args).items():
            print(f"{os.path.basename(path)}: {name} stays {sizes[name]}; {why}", flush=True)
    return model


@dataclasses.dataclass
class Told:
    """What is said of a model."""
    names: tuple = ()
    ran: int = 0
    refused: int = 0
    apart: float = 0.0
    plans: int = 0
    wrong: str = None

    def line(self, name):
        return f"| {name} | {', '.join(self.names)} | {self.ran} | {self.refused} | {self.apart:.1e} | {self.plans} |{' FAILED: ' + self.wrong if self.wrong else ''}"


def one(device, session, model, sizes, feeds, told):
    """A shape: counted in told; gives what is wrong."""
    outputs = [o.name for o in model.graph.output]
    want, no = attempt(lambda: device.run(fixed(model, sizes), feeds, outputs)[0])
    got, too = attempt(lambda: session.run(feeds, outputs))
    if bool(no) != bool(too):
        return f"the session says {too or 'an answer'}, a fresh plan {no or 'an answer'}"
    if no:
        told.refused += 1
        return None
    apart, why = compare(got, want)
    told.apart = max(told.apart, apart)
    told.ran += not why
    return why


def check(device, path, args):
    model = load(device, path, args)
    names = names_of(model)
    told = Told(tuple(names))
    if not names:
        return told
    rng = np.random.default_rng([args.seed, zlib.crc32(os.path.basename(path).encode())])
    seen = seen_sizes(os.path.dirname(path), model, names)
    session = device.open(model.SerializeToString())
    try:
        plans = session.stats().plans
        for turn in range(args.shapes * 4):
            if told.ran == args.shapes:
                break
            pool = {n: pool_of(n, sorted(seen[n]), args, turn) for n in names}
            sizes = {n: int(rng.choice(pool[n])) for n in names}
            why = one(device, session, model, sizes, feeds_of(model, sizes, rng), told)
            if why:
                told.wrong = f"at {sizes}: {why}"
                return told
        told.plans = session.stats().plans - plans
    finally:
        session.close()
    if told.plans:
        told.wrong = f"{told.plans} plans more"
    elif told.ran < min(args.shapes, 3):
        told.wrong = f"only {told.ran} sizes fit"
    return told


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("paths", nargs="+")
    p.add_argument("--shapes", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--sizes", type=lambda s: [int(x) for x in s.split(",")], default=[4, 7, 16, 33])
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--device", default="cpu")
    p.add_argument("--free", action="store_true")
    args = p.parse_args()
    device, counts = engine.Device(args.library, args.device), [0, 0, 0]
    files = [f for path in args.paths for f in (sorted(glob.glob(os.path.join(path, "**", "model.onnx"), recursive=True)) if os.path.isdir(path) else [path])]
    for path in files:
        try:
            told = check(device, path, args)
        except engine.Refused as e:
            told = Told(wrong=f"cannot be opened: {e}")
        name = os.path.basename(os.path.dirname(path)) if path.endswith("/model.onnx") else os.path.basename(path)
        counts[1 if told.wrong else 2 if not told.ran else 0] += 1
        if told.wrong or told.ran:
            print(told.line(name), flush=True)
    print("%d passed, %d failed, %d skipped" % tuple(counts))
    sys.exit(1 if counts[1] or not counts[0] else 0)


if __name__ == "__main__":
    main()
