"""What the generators make, beside docs/operators.md, which lists all operators that the library has: `--coverage`.

An operator that is neither made nor in REASONS is a failure, and so is a reason for one that is made."""
import collections
import os
import re

import numpy as np

import control
import families  # noqa: F401 (fills the table)
from grow import Grow
from graph import COMPLEX, NARROW, NUMPY, ONNX, TEXT, names_run
from make import OPSETS
from table import FAMILIES

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "operators.md")
RANDOM = "its numbers are random: tests/make_untested_cases.py looks at their moments"
OLD = "an operator of opsets below 11 alone: tests/make_untested_cases.py"
MAPS = "its graphs hold no maps: tests/make_ml_cases.py has onnxruntime's answers, tests/lists.c the ways of a map"
NO_PEER = "onnxruntime has no kernel on its CPU: tests/make_contrib_cases.py computes what it stands for"
REASONS = {
    "Bernoulli": RANDOM, "Multinomial": RANDOM, "RandomNormal": RANDOM, "RandomNormalLike": RANDOM, "RandomUniform": RANDOM, "RandomUniformLike": RANDOM,
    "Scatter": OLD, "Upsample": OLD,
    "ai.onnx.preview.training.Gradient": "no peer runs it: its own cases compare it with differences",
    "ImageDecoder": "it reads picture files: tests/make_untested_cases.py has Pillow's answers",
    "ai.onnx.ml.ZipMap": MAPS, "ai.onnx.ml.DictVectorizer": MAPS, "ai.onnx.ml.CastMap": MAPS,
    "com.microsoft.NhwcConv": NO_PEER, "com.microsoft.NhwcFusedConv": NO_PEER, "com.microsoft.QLinearReduceMean": NO_PEER,
}
ROUNDS = 300

SHORT = {np.dtype(t): "bf16" if np.dtype(t).name == "bfloat16" else "bool" if t is np.bool_ else f"{np.dtype(t).kind}{8 * np.dtype(t).itemsize}" for t in NUMPY.values()}
FLOAT, WHOLE, UNSIGNED = "f16 bf16 f32 f64".split(), "i8 i16 i32 i64".split(), "u8 u16 u32 u64".split()
NUMBERS, OTHERS = FLOAT + WHOLE + UNSIGNED, ["bool", "string", "narrow", "complex"]
WORDS = {"float": FLOAT, "int": WHOLE, "uint": UNSIGNED, "signed": FLOAT + WHOLE, "numbers": NUMBERS, "number": NUMBERS, "any": NUMBERS + OTHERS, "all": NUMBERS + OTHERS,
         "list": ["list"], "sequence": ["list"], "optional": ["list"], "narrow": ["narrow"], "f8e8m0": ["narrow"], "i4": ["narrow"], "u4": ["narrow"]}


def short(a):
    if not isinstance(a, np.ndarray):
        return "list"
    return "string" if a.dtype == TEXT else "complex" if ONNX[a.dtype] in COMPLEX else "narrow" if ONNX[a.dtype] in NARROW else SHORT[a.dtype]


def listed():
    """operator -> types of its first inputs, from the tables of the formats' domains."""
    out, domain = {}, None
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            if line.startswith("## "):
                domain = line[3:].strip()
            cells = [c.strip() for c in line.split("|")]
            if domain and len(cells) > 6 and re.fullmatch(r"[A-Z]\w*", cells[1]):
                name = cells[1] if domain == "ai.onnx" else f"{domain}.{cells[1]}"
                if domain != "Inner operators":
                    first = re.split("[; ,]+", cells[3].split(";")[0])
                    out[name] = {t for w in first if w and w != "-" for t in WORDS.get(w, [w])}
    return out


def made(wanted, rounds=ROUNDS):
    """operator -> types of what it reads. A family is asked as often in a round as it has shown operators, until all that are wanted were seen."""
    types, kinds = collections.defaultdict(set), collections.defaultdict(set)
    for r in range(rounds):
        for k, (_, f) in enumerate(FAMILIES):
            for turn in range(max(1, len(kinds[k]) // 2)):
                g = Grow(np.random.default_rng([r, k, turn]), OPSETS[(r + k + turn) % len(OPSETS)])
                control.propose(g, f)
                for n in g.g.nodes:
                    names = list(names_run(n))
                    kinds[k].add(names[0])
                    for name in names[1:]:
                        types[name]
                    types[names[0]].update(short(g.a(i)) for i in n.input if i)
        if wanted <= types.keys():
            break
    return types


def report(rounds=None):
    """Prints what is never made. Gives whether that is as it should be."""
    table = listed()
    types = made(set(table) if rounds else set(table) - REASONS.keys(), rounds or ROUNDS)
    missing = sorted(set(table) - types.keys() - REASONS.keys())
    stale = sorted(REASONS.keys() & types.keys() | REASONS.keys() - table.keys())
    print(f"{len(table)} operators in docs/operators.md: {len(table.keys() & types.keys())} are made, {len(REASONS)} have a reason not to be")
    for why in dict.fromkeys(REASONS.values()):
        print(f"not made: {', '.join(n for n, w in REASONS.items() if w == why)}: {why}")
    if rounds:
        for name in sorted(table.keys() & types.keys()):
            if table[name] - types[name]:
                print(f"types never read by {name}: {' '.join(sorted(table[name] - types[name]))}")
    for name in missing:
        print(f"FAILED: no family makes {name}")
    for name in stale:
        print(f"FAILED: {name} has a reason not to be made, and is made or gone")
    return not missing and not stale
