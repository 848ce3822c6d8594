#!/usr/bin/env python3
"""One table of device by kind of test:  device_table.py FILE...

Reads every line  device NAME: KIND: N passed, N failed, N skipped [(reason)]  of the logs, prints passed / failed / skipped for each device
and kind ("-": not run there), and then the reasons of the skips."""
import re
import sys

LINE = re.compile(r"^device ([^:]+(?::\d+)?): ([^:]+): (\d+) passed, (\d+) failed(?:, (\d+) skipped)?(?: \((.*)\))?")


def main():
    cells, devices, kinds, reasons = {}, [], [], []
    for file in sys.argv[1:]:
        for line in open(file, errors="replace"):
            m = LINE.match(line)
            if not m:
                continue
            device, kind, counts, why = m[1], m[2].split(",")[0], [int(m[i] or 0) for i in (3, 4, 5)], m[6]
            devices += [device] if device not in devices else []
            kinds += [kind] if kind not in kinds else []
            old = cells.get((device, kind), [0, 0, 0])
            cells[device, kind] = [a + b for a, b in zip(old, counts)]
            if counts[2]:
                reasons.append(f"{device}: {kind}: {counts[2]} skipped: {why or 'see its log'}")
    rows = [["passed / failed / skipped", *kinds]]
    for d in devices:
        rows.append([d, *(" / ".join(map(str, cells[d, k])) if (d, k) in cells else "-" for k in kinds)])
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip())
    print("\n".join(reasons))


main()
