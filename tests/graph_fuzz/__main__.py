"""Random ONNX graphs, optimized and not, on each device, against onnxruntime node by node.

  python tests/graph_fuzz --coverage [ROUNDS]
  python tests/graph_fuzz [--count N] [--seconds S] [--seed S] [--jobs N] [--devices cpu,webgl] [--library build/libquern.so] [--save DIR] [--only K]

Needs numpy, onnx, onnxruntime. Graph K of seed S is the same everywhere, whatever the count; --only K runs that one and prints it. Each graph
that fails is made small and written under --save in the layout of ONNX's backend tests, so that `quern conformance DIR` runs it.
The work is done in child processes, --jobs of them at once: what ends one is a failure too, unless the peer alone is ended by a signal as well.
Last line: N passed, N failed, N skipped. Skipped, each with its reason: the peer cannot tell or is known to be wrong (known.py), or the library
refuses an operator or type by name, optimized and not alike. Answers of a graph that the peer cannot tell of are counted too."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases
import coverage
import crew
import engine
import judge
import known
import worker
from make import make


def run_cases(args):
    """How many of the cases passed and failed. None of the first list may be refused; some are there because nothing can be told of them."""
    counts = [0, 0]

    def fails(graph, _):
        tally = judge.Tally()
        return worker.reason(graph, args, tally) or "; ".join(tally.skips.keys() - {judge.UNTOLD})

    def is_not_excused(graph, op):
        tally = judge.Tally()
        rules = {text for name, _, text in known.FAULTS if name == op}
        return worker.reason(graph, args, tally) or (None if tally.skips.keys() & rules else "no rule has excused it")

    def would_be_excused(graph, _):
        return "; ".join(filter(None, (known.fault_above(graph, o) for o in graph.outputs)))

    def excuses_others(graph, _):
        judged, right, refused = judge.Judge(graph), graph.at[graph.outputs[0]], []
        for k in range(right.size):
            wrong = right.copy()
            wrong[k] += 1
            try:
                judge.judge_outputs(judged, "an answer", [wrong], judge.Tally())
            except judge.Difference:
                refused.append(k)
        return None if refused == list(range(1, right.size)) else f"of wrong elements {refused} are refused"
    for check, listed in (fails, cases.CASES), (is_not_excused, cases.EXCUSED), (would_be_excused, cases.JUDGED), (excuses_others, cases.BESIDE):
        for what, text, elements in listed:
            graph = cases.graph_of(text, elements)
            why = worker.isolated(lambda: check(graph, what)) if graph else "the peer cannot compute it"
            counts[bool(why)] += 1
            if why:
                print(f"FAILED case: {what}: {why}\n{text}", flush=True)
    return counts


def all_of_it(args):
    begun = time.time()
    engine.check_layout()
    cases_passed, cases_failed = run_cases(args)
    sums = crew.run(args)
    passed, failed, skipped, nodes = (int(n) for n in sums.counts)
    print(f"{nodes} nodes in {time.time() - begun:.0f} s")
    if args.ops:
        print("operators:", ", ".join(f"{o} {n}" for o, n in sums.ran.most_common()))
    if not passed:
        print("FAILED: no random graph has passed")
    failed += cases_failed + (not passed)
    print(f"{passed + cases_passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def one(args):
    graph = make(args.seed, args.only)
    if args.text:
        print(graph.text())
    if args.peer:  # it could be made, and shaken
        judge.Judge(graph).shakes()
        return 0
    why = worker.isolated(lambda: worker.reason(graph, args)) if args.crash else worker.reason(graph, args)
    print(why or "ok")
    if why:
        print(worker.report(graph, args.only, why, args, args.crash), flush=True)
    return 1 if why else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=1000)
    p.add_argument("--seconds", type=float, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--devices", default="cpu")
    p.add_argument("--library", default="build/libquern.so")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--layout", choices=worker.LAYOUTS, default="device", help="how pictures are kept inside")
    p.add_argument("--save", default="build/test/graphs")
    p.add_argument("--shrink", type=int, default=400, help="graphs tried to make a failing one small")
    p.add_argument("--shrink-seconds", type=float, default=120)
    p.add_argument("--only", type=int)
    p.add_argument("--coverage", type=int, nargs="?", const=0, help="operators that are never made; with a number the types, too, in so many rounds")
    for flag in ("--worker", "--crash", "--peer", "--ops", "--text"):
        p.add_argument(flag, action="store_true")
    args = p.parse_args()
    if args.coverage is not None:
        sys.exit(not coverage.report(args.coverage))
    if args.only is not None:
        sys.exit(one(args))
    if args.worker:
        worker.work(args)
    else:
        sys.exit(all_of_it(args))


if __name__ == "__main__":
    main()
