#!/usr/bin/env python3
"""Shows translations to the independent validator of each target:  validate.py FOLDER [--most N] [TARGET...]

FOLDER is what `QUERN_PROGRAMS=FOLDER quern_tests programs` wrote: FOLDER/TARGET/NAME.TARGET. A row of VALIDATORS is one target. A target
without a row, or whose tool is not here, is a skip with its reason. --most N takes N files of each target, spread evenly, and counts the
rest as skipped. The last line is  N passed, N failed, N skipped."""
import argparse
import collections
import concurrent.futures
import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# tool       a program on PATH, or a path under the project with * in it
# command    its arguments; the files come last
# batch      files a call; a batch that fails is done again one by one, to name the culprits
# says_bad   the tool's output holds this when it does not accept, whatever its exit status
# options    more arguments, from the first file's text
Validator = collections.namedtuple("Validator", "tool command batch says_bad options", defaults=(None, None))


def ptx_arch(text):
    return ["-arch=" + re.search(r"^\.target (\w+)", text, re.M).group(1)]


SECONDS = 90  # for one call: Dawn in Node waits for ever now and then, on a busy machine
VALIDATORS = {
    "c": Validator("gcc", "-x c -std=gnu11 -fsyntax-only -Werror -Wno-psabi", 16),
    "opencl": Validator("clang-19", "-x cl -cl-std=CL1.2 -fsyntax-only -Xclang -finclude-default-header -Xclang -fdeclare-opencl-builtins "
                        "-Werror -Wno-unused -Wno-tautological-compare", 16),
    "wgsl": Validator("node", "tests/wgsl_check.cjs", 24),
    "glsl": Validator("glslangValidator", "-S frag", 64, "ERROR:"),
    "ptx": Validator(".venv/lib/python3*/site-packages/nvidia/cuda_nvcc/bin/ptxas", "-o /dev/null", 1, options=ptx_arch),
    "wasm": Validator("wat2wasm", "-o /dev/null", 1),
}


def tool_path(tool):
    if "/" not in tool:
        return shutil.which(tool)
    return next(iter(sorted(glob.glob(str(ROOT / tool)))), None)


def accepts(path, v, files):
    """None, or what the validator said."""
    options = v.options(files[0].read_text()) if v.options else []
    try:
        done = subprocess.run([path, *v.command.split(), *options, *map(str, files)], cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"it said nothing for {SECONDS} s"
    said = done.stdout + done.stderr
    bad = done.returncode != 0 or (v.says_bad and v.says_bad in said)
    return (said.strip() or f"exit status {done.returncode}") if bad else None


def check_batch(path, v, files):
    """[(file, what was said)] of those that are not accepted. A batch that is not is shown file by file, and that counts: a validator may fail
    over many where it accepts each (seen with Dawn on a busy machine)."""
    if accepts(path, v, files) is None:
        return []
    bad = [(f, accepts(path, v, [f])) for f in files]
    return [(f, said) for f, said in bad if said is not None]


def spread(files, most):
    return files if not most or len(files) <= most else [files[i * len(files) // most] for i in range(most)]


def validate(target, folder, most):
    """passed, failed, skipped"""
    files = sorted(folder.glob(f"*.{target}"))
    v = VALIDATORS.get(target)
    path = v and tool_path(v.tool)
    if not path:
        why = f"no validator is known for {target}" if not v else f"{target}: {v.tool} is not here (tools/setup.sh test)"
        print(f"skipped: {why}: {len(files)} files")
        return 0, 0, len(files)
    some = spread(files, most)
    batches = [some[i:i + v.batch] for i in range(0, len(some), v.batch)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [b for found in pool.map(lambda b: check_batch(path, v, b), batches) for b in found]
    for f, said in bad[:20]:
        print(f"FAILED {target}: {f}: {said[:1500]}")
    left = len(files) - len(some)
    if left:
        print(f"skipped: {target}: {left} of {len(files)} files, a slice is checked; `make test-full` has all")
    print(f"{target}: {len(some) - len(bad)} of {len(some)} accepted by {os.path.basename(path)}")
    return len(some) - len(bad), len(bad), left


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("targets", nargs="*")
    p.add_argument("--most", type=int, default=0)
    a = p.parse_args()
    found = sorted(d.name for d in a.folder.iterdir() if d.is_dir()) if a.folder.is_dir() else []
    totals = [validate(t, (a.folder / t).resolve(), a.most) for t in (a.targets or found)]
    passed, failed, skipped = (sum(x) for x in zip(*totals)) if totals else (0, 0, 0)
    if not passed and not skipped:
        print(f"FAILED: no translations in {a.folder}")
        failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
