#!/usr/bin/env python3
"""`quern conformance` in many processes at once, and what they say added up as one run's --json.

  python3 tools/run_conformance.py build/quern build/test/onnx --device opencl --jobs 16 --json opencl.json

Each process takes a batch of tests. Where one dies or hangs, its tests run again, each in a process of its own: the one at fault has failed, the others count.
With --seconds, what is not done some seconds after is not judged, and is told as "not run".
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import time

COUNTS = ("passed", "failed", "skipped", "judged_by_shape_only")
REASONS = ("skipped_because", "on_the_host")
GRACE = 10  # seconds that what runs at the end of --seconds may still take


def find_tests(folders):
    return sorted(at for folder in folders for at, _, files in os.walk(folder) if "model.onnx" in files)


def run_batch(a, tests, seconds):
    """What one process says, or why it says nothing."""
    try:
        ran = subprocess.run([a.quern, "conformance", *tests, "--device", a.device, "--json"], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, f"not done within {seconds:.0f} s"
    try:
        said = json.loads(ran.stdout)
        if len(said["tests"]) == len(tests):
            return said, ""
    except (ValueError, KeyError):
        pass
    return None, f"the process ended with {ran.returncode}: {ran.stderr.strip()[-300:]}"


def died(test, why):
    return {"device": None, "tests": [{"test": test, "outcome": "failed", "why": why}], "failed": 1}


def run_all(a, tests):
    end = time.monotonic() + a.seconds if a.seconds else float("inf")
    n = -(-len(tests) // a.batch)
    batches = [tests[i::n] for i in range(n)]
    left, said = [], []

    def one(batch):
        remains = end + GRACE - time.monotonic()
        if remains < GRACE:
            return left.extend(batch)
        limit = a.limit * (3 if len(batch) > 1 else 1)
        answer, why = run_batch(a, batch, min(limit, remains))
        if answer:
            said.append(answer)
        elif remains < limit and time.monotonic() > end:
            left.extend(batch)
        elif len(batch) == 1:
            said.append(died(batch[0], why))
        else:
            for test in batch:
                one([test])

    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for done in [pool.submit(one, b) for b in batches]:
            done.result()
    return said, left


def add_up(said, device):
    total = {"device": next((s["device"] for s in said if s["device"]), device)}
    total["tests"] = sorted((t for s in said for t in s["tests"]), key=lambda t: t["test"])
    for key in REASONS:
        rows = {}
        for reason in (r for s in said for r in s.get(key, [])):
            name = json.dumps({k: v for k, v in reason.items() if k != "tests"}, sort_keys=True)
            rows.setdefault(name, {**reason, "tests": 0})["tests"] += reason["tests"]
        total[key] = sorted(rows.values(), key=lambda r: (-r["tests"], r["why"]))
    for key in COUNTS:
        total[key] = sum(s.get(key, 0) for s in said)
    return total


def show(total, left, seconds):
    bad = [t for t in total["tests"] if t["outcome"] == "failed"]
    for t in bad[:40]:
        print(f"FAILED {os.path.basename(t['test'])}: {t['why'][:300]}")
    for key in REASONS:
        print(key.replace("_", " "))
        for r in total[key][:40]:
            print(f"  {r['tests']:4} {r.get('op', '')} {r['why'][:160]}")
    fits = [t for t in total["tests"] if t["outcome"] == "passed" and not t.get("type_lacking")]
    whole = sum(t.get("nodes_on_host", 0) == 0 for t in fits)
    print(f"{total['device']}: whole on the device {whole} of {len(fits)} ({100 * whole / max(len(fits), 1):.1f} %)")
    print(f"{total['device']}: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped, {len(left)} not run, {seconds:.0f} s")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("quern")
    p.add_argument("folders", nargs="+")
    p.add_argument("--device", default="cpu")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--batch", type=int, default=24, help="tests in one process")
    p.add_argument("--limit", type=int, default=60, help="seconds for one test; a batch has three times as many")
    p.add_argument("--seconds", type=int, default=0, help="begin nothing after so many (default: all of it)")
    p.add_argument("--one-in", type=int, default=1, help="every n-th test only")
    p.add_argument("--json", help="the file to write")
    a = p.parse_args()
    began = time.monotonic()
    said, left = run_all(a, find_tests(a.folders)[:: a.one_in])
    total = add_up(said, a.device)
    if left:
        total["not_run"] = sorted(left)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(total, f, indent=1)
    show(total, left, time.monotonic() - began)


if __name__ == "__main__":
    main()
