#!/usr/bin/env python3
"""The table "Accuracy on the reference networks" of docs/devices.md:  reference_table.py FILE.json...

Prints Markdown from what tests/reference_models.py --json wrote: for each network and device the largest and the mean error. What was
run without optimization only is not shown."""
import json
import sys


def cell(found):
    if not found:
        return "not run"
    return found["why"].replace("|", "/").splitlines()[-1] if "why" in found else f"{found['largest']:.0e} / {found['mean']:.0e}"


def main():
    table = {}
    for file in sys.argv[1:]:
        with open(file) as f:
            table.update({k: v for k, v in json.load(f).items() if not k.endswith("--no-optimize")})
    runs = {tuple(label.split(" on ")): found for label, found in table.items()}
    devices = sorted({d for _, d in runs})
    networks = sorted({n for n, _ in runs})
    print("| network | " + " | ".join(devices) + " |")
    print("|---|" + "---|" * len(devices))
    for n in networks:
        print(f"| {n} | " + " | ".join(cell(runs.get((n, d))) for d in devices) + " |")


main()
