"""Random ONNX graphs, optimized and not, on each device, against onnxruntime node by node.

  python tests/graph_fuzz [--count N] [--seconds S] [--seed S] [--devices cpu,webgl] [--library build/libquern.so] [--save DIR] [--only K]

Needs numpy, onnx, onnxruntime. Graph K of seed S is the same everywhere, whatever the count; --only K runs that one and prints it. Each graph
that fails is made small and written under --save in the layout of ONNX's backend tests, so that `quern conformance DIR` runs it.
The work is done in child processes: what ends one is a failure too, unless the peer alone is ended by a signal as well. Last line: N passed,
N failed, N skipped. Skipped, each with its reason: the peer cannot tell or is known to be wrong (known.py), or the library refuses an operator
or type by name, optimized and not alike. Answers of a graph that the peer cannot tell of are counted too."""
import argparse
import collections
import os
import signal
import subprocess
import sys
import time
import traceback

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases
import control
import engine
import families  # noqa: F401 (fills the table)
import judge
import motifs  # noqa: F401
import peer
import shrink
from graph import NUMPY, Graph, tensor_of
from grow import Grow

OPSETS = (13, 17, 18, 20, 21, 22, 23)


def make(seed, number):
    """Graph `number`: 1 to 60 nodes, some of its values outputs, some dimensions of its inputs symbols."""
    rng = np.random.default_rng([seed, number])
    g = Grow(rng, int(rng.choice(OPSETS)))
    want = int(min(60, 1 + rng.exponential(12)))
    for _ in range(want * 4):
        if len(g.g.nodes) >= want:
            break
        control.step(g)
    graph = g.g
    made = [o for n in graph.nodes for o in n.output if o]
    read = {i for n in graph.nodes for i in peer.names_read(n)}
    ends = [v for v in made if v not in read]
    some = [v for v in made if v in read and rng.random() < 0.08]
    graph.outputs = list(dict.fromkeys(ends + some))[:12]
    if rng.random() < 0.5:
        for n in graph.inputs:
            graph.symbols[n] = [f"d{d}" if d != 1 and rng.random() < 0.8 else None for d in graph.at[n].shape]
    return graph.prune()


def of_case(text, elements):
    """A graph of ONNX's text."""
    m = onnx.parser.parse_model(text)
    graph = Graph(m.opset_import[0].version)
    graph.nodes, graph.outputs = list(m.graph.node), [o.name for o in m.graph.output]
    for i in m.graph.input:
        t = i.type.tensor_type
        shape = [d.dim_value for d in t.shape.dim]
        a = np.asarray(elements.get(i.name, np.arange(int(np.prod(shape)))))
        graph.inputs.append(i.name)
        graph.at[i.name] = np.broadcast_to(a.reshape(shape) if a.size == np.prod(shape) else a, shape).astype(NUMPY[t.elem_type])
    for t in m.graph.initializer:
        graph.constants.append(t.name)
        graph.at[t.name] = numpy_helper.to_array(t)
    return shrink.recomputed(graph)


def run_cases(args):
    """How many of the cases passed and failed. None may be refused; some are there because nothing can be told of them."""
    counts = [0, 0]
    def failing(graph):
        tally = judge.Tally()
        return reason(graph, args, tally) or "; ".join(tally.skips.keys() - {judge.UNTOLD})
    for what, text, elements in cases.CASES:
        graph = of_case(text, elements)
        why = isolated(lambda: failing(graph)) if graph else "the peer cannot compute it"
        counts[bool(why)] += 1
        if why:
            print(f"FAILED case: {what}: {why}\n{text}", flush=True)
    return counts


def save(folder, graph):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data, exist_ok=True)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(graph.model().SerializeToString())
    for stem, names in (("input", graph.inputs), ("output", graph.outputs)):
        for k, n in enumerate(names):
            with open(os.path.join(data, f"{stem}_{k}.pb"), "wb") as f:
                f.write(tensor_of(graph.at[n], n).SerializeToString())


def isolated(test):
    """test() in a child: a reason, None, or how the child ended, which is a reason too."""
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(r)
        signal.alarm(300)  # a driver compiles a second for each kernel
        code = 1
        try:
            why, code = test(), 0
        except BaseException:
            why = traceback.format_exc()
        os.write(w, (why or "").encode()[-4000:])
        os._exit(code)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        why = f.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        return f"ended by signal {-code}"
    return f"ended with exit status {code}: {why}" if code else why or None


def ways_of(args, devices={}):
    if not devices:
        for spec in args.devices.split(","):
            devices[spec] = engine.Device(args.library, spec, args.threads)
    return [(f"{spec}{', optimized' if o else ', not optimized'}", d, o) for spec, d in devices.items() for o in (True, False)]


def reason(graph, args, tally=None):
    try:
        judge.check(graph, ways_of(args), tally)
    except judge.Difference as e:
        return str(e)
    return None


def kind(why):
    """What tells one failure from another while a graph shrinks: a sentence without its names and numbers, or that numbers differ."""
    return judge.bare(why.split(": ", 1)[-1]) if "status" in why or "signal" in why else "a difference"


def report(graph, number, why, args, crash=False):
    def fails(g):
        new = isolated(lambda: reason(g, args)) if crash else reason(g, args)
        return new if new and kind(new) == kind(why) else None
    if args.shrink:
        graph, why = shrink.shrink(graph, fails, args.shrink)
    print(f"FAILED graph {number} of seed {args.seed}: {why}\n{graph.text()}", flush=True)
    for n in graph.inputs + graph.constants:
        print(f"  {n} = {np.array2string(graph.at[n], threshold=24, edgeitems=1, separator=',')}", flush=True)
    if args.save:
        save(os.path.join(args.save, f"graph_{args.seed}_{number}"), graph)


def worker(args):
    """Graphs from args.start on; each number is printed before it is run, so that the parent knows what ended us."""
    from_time, tally = time.time(), judge.Tally()
    passed = skipped = failed = nodes = 0
    ops = collections.Counter()
    for number in range(args.start, args.start + args.count):
        if args.seconds and time.time() - from_time > args.seconds:
            break
        print(f"at {number}", flush=True)
        graph = make(args.seed, number)
        before, why = tally.skips.total(), None
        if graph.outputs:
            why = reason(graph, args, tally)
        else:
            tally.skips["the graph has no output"] += 1
        nodes += len(graph.nodes)
        ops.update(n.op_type for n in graph.nodes)
        if why:
            report(graph, number, why, args)
            failed += 1
        elif tally.skips.total() > before:
            skipped += 1
        else:
            passed += 1
        print(f"so far {number + 1} {passed} {failed} {skipped} {nodes}", flush=True)
    for why, n in tally.skips.most_common():
        print(f"skipped {n} times: {why}")
    for why, n in tally.unsure.most_common():
        print(f"{n} answers not judged, {tally.judged} judged: {why}")
    if args.ops:
        print("operators:", ", ".join(f"{o} {n}" for o, n in ops.most_common()))


def parent(args):
    """Runs workers; goes on behind a graph that ended one."""
    begun, start, counts, cases_counts = time.time(), args.start, np.zeros(4, int), run_cases(args)
    while start < args.start + args.count and not (args.seconds and time.time() - begun > args.seconds):
        left = ["--seconds", str(max(1, args.seconds - (time.time() - begun)))] if args.seconds else []
        command = [sys.executable, *sys.argv[:1], "--worker", "--start", str(start), "--count", str(args.start + args.count - start), "--seed", str(args.seed), "--devices", args.devices,
                   "--library", args.library, "--threads", str(args.threads), "--save", args.save, "--shrink", str(args.shrink)] + left + ["--ops"] * args.ops
        mine, at = np.zeros(4, int), start
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
            for line in p.stdout:
                if line.startswith("at "):
                    at = int(line.split()[1])
                elif line.startswith("so far "):
                    mine = np.array([int(x) for x in line.split()[3:]])
                    if at % 1000 == 999:
                        print(f"{at + 1}: {line[7:].strip()}", flush=True)
                else:
                    print(line, end="", flush=True)
        counts += mine
        if p.returncode == 0:
            break
        start = at + 1
        if subprocess.run([sys.executable, *sys.argv[:1], "--only", str(at), "--peer", "--seed", str(args.seed)], check=False).returncode < 0:
            print(f"known {at}: the peer itself ends the process", flush=True)
            counts[2] += 1
            continue
        print(f"FAILED graph {at} of seed {args.seed} ended the process: {p.returncode}", flush=True)
        counts[1] += 1
        subprocess.run([sys.executable, *sys.argv[:1], "--only", str(at), "--crash", "--seed", str(args.seed), "--devices", args.devices, "--library", args.library, "--save", args.save,
                        "--shrink", str(args.shrink)], check=False)
    print(f"{counts[3]} nodes in {time.time() - begun:.0f} s")
    if not counts[0]:
        print("FAILED: no random graph has passed")
    passed, failed = counts[0] + cases_counts[0], counts[1] + cases_counts[1] + (not counts[0])
    print(f"{passed} passed, {failed} failed, {counts[2]} skipped")
    return 1 if failed else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=1000)
    p.add_argument("--seconds", type=float, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--devices", default="cpu")
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--save", default="build/test/graphs")
    p.add_argument("--shrink", type=int, default=400)
    p.add_argument("--only", type=int)
    for flag in ("--worker", "--crash", "--peer", "--ops", "--text"):
        p.add_argument(flag, action="store_true")
    args = p.parse_args()
    if args.only is not None:
        graph = make(args.seed, args.only)
        if args.text:
            print(graph.text())
        if args.peer:  # it could be made, and shaken
            judge.Judge(graph).shakes()
            sys.exit(0)
        why = isolated(lambda: reason(graph, args)) if args.crash else reason(graph, args)
        print(why or "ok")
        if why:
            report(graph, args.only, why, args, args.crash)
        sys.exit(1 if why else 0)
    sys.exit(worker(args) if args.worker else parent(args))


if __name__ == "__main__":
    main()
