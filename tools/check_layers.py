#!/usr/bin/env python3
"""Holds the code against src/README.md: who may include whom, every folder named, and no name of an op, pass, format or backend
outside its own file and its .def line (a short list of known homes apart). Prints each breach; exit status 1 when there is one."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


def table():
    rows = {}
    for line in (SRC / "README.md").read_text().splitlines():
        m = re.match(r"\| `(\w+)` \| .* \| (.*) \|$", line)
        if m:
            rows[m[1]] = m[2].split()
    return rows


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True)
    names = out.stdout.split() if out.returncode == 0 else [str(p.relative_to(ROOT)) for x in patterns for p in ROOT.glob(x)]
    return [ROOT / n for n in names if (ROOT / n).exists()]


def allowed(folder, include, rules):
    if include in ("quern.h", "quern_kernel.h", "quern_kernel_math.h"):
        return True
    top = include.split("/")[0]
    if "/" not in include:
        return False
    return top == folder or top in rules[folder] or include in rules[folder]


def check_includes(rules):
    bad = []
    for f in tracked("src/*.c", "src/*.h"):
        parts = f.relative_to(SRC).parts
        if len(parts) < 2:
            continue
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = "include" in line and re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            include = m[1]
            if "/" not in include and (f.parent / include).exists():
                continue
            if not allowed(parts[0], include, rules):
                bad.append(f"{f.relative_to(ROOT)}:{n}: {parts[0]} may not include {include}")
    for f in tracked("cli/*.c", "cli/*.h", "examples/*.c"):
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if m and m[1] not in ("quern.h", "quern_kernel.h") and not (f.parent / m[1]).exists():
                bad.append(f"{f.relative_to(ROOT)}:{n}: only quern.h may be included here, not {m[1]}")
    return bad


def check_folders(rules):
    return [f"src/README.md does not name src/{d.name}" for d in sorted(SRC.iterdir())
            if d.is_dir() and any(d.glob("*.c")) and d.name not in rules]


def check_backends():
    """A backend's name in a string outside its own files is a condition waiting to happen."""
    names = re.findall(r"BACKEND\((\w+)\)", (SRC / "device/backends.def").read_text())
    compares = re.compile(rf'(?:strcmp|text_same|text_starts)\([^;]*"({"|".join(names)})"')
    bad = []
    for f in tracked("src/*.c", "src/*.h"):
        if f.parent.name == "device":
            continue
        for n, line in enumerate(f.read_text().splitlines(), 1):
            if m := compares.search(line):
                bad.append(f"{f.relative_to(ROOT)}:{n}: compares with the backend's name '{m[1]}'")
    return bad


def check_names():
    """An op is named only where meanings are written (op), differentiated (train), rewritten (pass) and read (format); a pass and a format only in their own file."""
    limits = {"op": (SRC / "op/ops.def", r"(?:OP|RARE)\((\w+)\)", "OP_{0}", 0, ("op", "pass", "format", "train")),
              "pass": (SRC / "pass/passes.def", r"PASS\((\w+)\)", "pass_{0}", 1, ()),
              "format": (SRC / "format/formats.def", r"FORMAT\((\w+)\)", "format_{0}", 1, ())}
    bad = []
    words = {f: set(re.findall(r"\w+", f.read_text())) for f in tracked("src/*.c", "src/*.h")}
    for kind, (path, pattern, use, most, homes) in limits.items():
        if not path.exists():
            continue
        for name in re.findall(pattern, path.read_text()):
            files = [f for f, named in words.items() if f.parent.name not in homes and use.format(name) in named]
            if len(files) > most:
                bad.append(f"{kind} {name} is named in {len(files)} files: " + ", ".join(str(f.relative_to(SRC)) for f in files))
    return bad


def main():
    rules = table()
    bad = check_includes(rules) + check_folders(rules) + check_backends() + check_names()
    print("\n".join(bad) if bad else "layers: every include, folder and name is where src/README.md says")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
