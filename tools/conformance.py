#!/usr/bin/env python3
"""The table of docs/conformance.md, from what `quern conformance` says.

  build/quern conformance build/test/onnx --device cpu --json > cpu.json
  python tools/conformance.py [--on "Intel Xeon, 2 threads"] [--at COMMIT] cpu.json ...      puts a row for each file into the page, in place of the device's old one

A row: the device and the machine; tests passed, failed and skipped, by suite and in all; those judged by shape and type alone (random answers);
and of the passed ones how many ran with every node on the device, of those whose types the device has.
"""
import argparse
import collections
import datetime
import json
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "conformance.md")
SUITES = ("node", "simple", "pytorch-operator", "pytorch-converted", "light")
HEAD = ["| device | on | " + " | ".join(SUITES) + " | all: passed / failed / skipped | by shape alone | whole on the device | commit |", "|" + "---|" * (len(SUITES) + 6)]


def row(path, machine, at):
    with open(path) as f:
        said = json.load(f)
    count, whole, has_types = collections.Counter(), 0, 0
    for t in said["tests"]:
        suite = next((s for s in SUITES if f"/{s}/" in t["test"]), "node")
        count[suite, t["outcome"]] += 1
        if t["outcome"] != "passed" or t.get("type_lacking"):
            continue
        has_types += 1
        whole += t.get("nodes_on_host", 0) == 0
    all_of = lambda s: sum(n for (suite, _), n in count.items() if suite == s)
    cells = [f"{count[s, 'passed']} of {all_of(s)}" if all_of(s) else "-" for s in SUITES]
    commit = at or subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    total = f"{said['passed']} / {said['failed']} / {said['skipped']}"
    share = f"{whole} of {has_types} ({100 * whole / max(has_types, 1):.1f} %)"
    return said["device"], "| " + " | ".join([said["device"], machine, *cells, total, str(said["judged_by_shape_only"]), share, f"{commit}, {datetime.date.today()}"]) + " |"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--on", default="-")
    a.add_argument("--at", help="the commit that was built (default: the one that is checked out)")
    a.add_argument("files", nargs="+")
    a = a.parse_args()
    with open(PAGE) as f:
        page = f.read()
    start, end = page.index(HEAD[0]), page.index("\n\n", page.index(HEAD[0]))
    rows = {re.match(r"\| ([^|]+) \|", line)[1]: line for line in page[start:end].splitlines()[2:]}
    for path in a.files:
        device, line = row(path, a.on, a.at)
        rows[device] = line
    with open(PAGE, "w") as f:
        f.write(page[:start] + "\n".join([*HEAD, *rows.values()]) + page[end:])


if __name__ == "__main__":
    main()
