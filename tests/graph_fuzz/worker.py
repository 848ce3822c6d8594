"""One process's share: graphs one after another, each judged, each failure made small. It tells its parent by lines: "at K" before graph K,
"so far" with counts behind it, "say" with a text, "tally" with what was counted, "done"."""
import collections
import json
import os
import signal
import time
import traceback

import numpy as np

import engine
import judge
import shrink
from graph import names_run, tensor_of
from make import make

SECONDS_A_GRAPH = 300  # a driver compiles a second for each kernel
SECONDS_A_REPORT = 900
GONE = tuple(f"status {s}" for s in (501, 502, 503))  # what is left of the device is not to be trusted


def save(folder, graph):
    """In the layout of ONNX's backend tests."""
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
        signal.alarm(SECONDS_A_GRAPH)
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


LAYOUTS = ["device", "nchw", "nhwc", "blocked"]  # qn_layout, in the header's order


def ways_of(args, devices={}):
    if not devices:
        for spec in args.devices.split(","):
            devices[spec] = engine.Device(args.library, spec, args.threads, checked=True, layout=LAYOUTS.index(args.layout))
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
    """Saves the graph, as small as it can be made, and gives the text about it."""
    def fails(g):
        new = isolated(lambda: reason(g, args)) if crash else reason(g, args)
        return new if new and kind(new) == kind(why) else None
    if args.shrink:
        graph, why = shrink.shrink(graph, fails, args.shrink, args.shrink_seconds)
    if args.save:
        save(os.path.join(args.save, f"graph_{args.seed}_{number}"), graph)
    values = [f"  {n} = {np.array2string(graph.at[n], threshold=24, edgeitems=1, separator=',')}" for n in graph.inputs + graph.constants]
    return "\n".join([f"FAILED graph {number} of seed {args.seed}: {why}", graph.text(), *values])


def work(args):
    begun, tally, ran = time.time(), judge.Tally(), collections.Counter()
    passed = failed = skipped = nodes = 0

    def told():
        return json.dumps({"skips": tally.skips, "unsure": tally.unsure, "judged": tally.judged, "ran": ran})
    for number in range(args.start, args.start + args.count):
        if args.seconds and time.time() - begun > args.seconds:
            break
        print(f"at {number}", flush=True)
        signal.alarm(SECONDS_A_GRAPH)
        graph = make(args.seed, number)
        before, why = tally.skips.total(), None
        if graph.outputs:
            why = reason(graph, args, tally)
        else:
            tally.skips["the graph has no output"] += 1
        nodes += len(graph.nodes)
        ran.update(n for node in graph.nodes for n in names_run(node))
        if why:
            signal.alarm(SECONDS_A_REPORT)
            print("say", json.dumps(report(graph, number, why, args)), flush=True)
            failed += 1
        elif tally.skips.total() > before:
            skipped += 1
        else:
            passed += 1
        print(f"so far {passed} {failed} {skipped} {nodes}", flush=True)
        if why and any(s in why for s in GONE):
            print("tally", told(), flush=True)
            return
    print("tally", told())
    print("done", flush=True)
