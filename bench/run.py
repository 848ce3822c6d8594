#!/usr/bin/env python3
"""Times Quern beside onnxruntime on the CPU, in one run: rounds of both in turn, so that a machine whose speed drifts is fair to both.

    bench/run.py [--quern build/quern] [--models DIR|FILE...] [--threads 1,2] [--rounds 5] [--json OUT]

Each .onnx is run with random inputs of its declared shapes (dynamic dims 1). Prints min and median of each, and Quern's time over
onnxruntime's. Without --models: the small networks of the tests. onnxruntime's figures are left out where it is not installed."""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
    import onnxruntime as ort
except ImportError:
    ort = None

TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64", "tensor(int64)": "int64",
         "tensor(int32)": "int32", "tensor(bool)": "bool", "tensor(uint8)": "uint8"}


def ort_session(path, threads):
    so = ort.SessionOptions()
    so.intra_op_num_threads, so.inter_op_num_threads, so.log_severity_level = threads, 1, 3
    return ort.InferenceSession(path, so, providers=["CPUExecutionProvider"])


def ort_inputs(path, session):
    stored = path[:-5] + ".npz"
    if os.path.exists(stored):
        with np.load(stored) as z:
            return {k[3:]: z[k] for k in z.files if k.startswith("in.")}
    rng = np.random.default_rng(0)
    feeds = {}
    for i in session.get_inputs():
        dims = [d if isinstance(d, int) else 1 for d in i.shape]
        kind = np.dtype(TYPES[i.type])
        feeds[i.name] = rng.standard_normal(dims).astype(kind) if kind.kind == "f" else np.zeros(dims, kind)
    return feeds


def ort_times(session, feeds, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, feeds)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def save_inputs(path, feeds, folder):
    os.makedirs(folder, exist_ok=True)
    args = []
    for name, value in feeds.items():
        file = os.path.join(folder, "".join(c if c.isalnum() else "_" for c in name) + ".npy")
        np.save(file, value)
        args += ["--input", f"{name}={file}"]
    return args


def quern_times(quern, path, threads, runs, args):
    out = subprocess.run([quern, "bench", path, "--device", "cpu", "--threads", str(threads), "--runs", str(runs), "--json", *args],
                         capture_output=True, text=True)
    if out.returncode:
        return None, out.stderr.strip()
    answer = json.loads(out.stdout)
    return answer, None


def bench(quern, path, threads, rounds, runs):
    session = ort_session(path, threads) if ort else None
    feeds = ort_inputs(path, session) if ort else {}
    args = save_inputs(path, feeds, "build/bench") if ort else []
    ours, theirs, last, error = [], [], None, None
    if session:
        ort_times(session, feeds, 2)
    for _ in range(rounds):
        if session:
            theirs += ort_times(session, feeds, runs)
        last, error = quern_times(quern, path, threads, runs, args)
        if error:
            return {"error": error}
        ours.append(last["warm"])
    return {"quern_min": min(o["minimum_ms"] for o in ours), "quern_median": statistics.median(o["median_ms"] for o in ours),
            "ort_min": min(theirs, default=None), "ort_median": statistics.median(theirs) if theirs else None, "last": last}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quern", default="build/quern")
    p.add_argument("--models", nargs="*", default=["build/test/networks"])
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--json")
    a = p.parse_args()
    files = []
    for m in a.models:
        files += sorted(glob.glob(os.path.join(m, "*.onnx")) + glob.glob(os.path.join(m, "*", "model.onnx"))) if os.path.isdir(m) else [m]
    if not files:
        sys.exit("bench: no models; name a folder with --models, or run `make test` once for the small networks")
    results = {}
    print(f"{'model':28} {'threads':>7} {'quern min':>10} {'median':>8} {'ort min':>9} {'median':>8} {'quern/ort':>9}   ms")
    for f in files:
        name = os.path.basename(os.path.dirname(f)) if os.path.basename(f) == "model.onnx" else os.path.basename(f)[:-5]
        for threads in map(int, a.threads.split(",")):
            r = results[f"{name}/{threads}"] = bench(a.quern, f, threads, a.rounds, a.runs)
            if "error" in r:
                print(f"{name:28} {threads:7d} {r['error'][:80]}")
                continue
            peer = f"{r['ort_min']:9.2f} {r['ort_median']:8.2f} {r['quern_min'] / r['ort_min']:9.2f}" if r["ort_min"] else ""
            print(f"{name:28} {threads:7d} {r['quern_min']:10.2f} {r['quern_median']:8.2f} {peer}", flush=True)
    if a.json:
        with open(a.json, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
