#!/usr/bin/env python3
"""The reference networks (make_models.py of the peers' folder) against onnxruntime's answers, on each device, optimized and not.

    tests/reference_models.py build/quern PEERS_DIR WORK_DIR [NAME...] [--devices cpu,opencl] [--optimized] [--seconds N] [--json FILE]

Makes WORK_DIR/NAME.onnx and .npz where they are missing ($QUERN_REFERENCE names a folder that has them), which needs PyTorch and the
packages make_models.py names. A difference of more than 1e-4 (norm of the difference over norm) fails. --json adds what was found to
FILE, from which reference_table.py makes the table of docs/devices.md."""
import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

LIMIT = 1e-4
NAMES = """squeezenet1_1 mobilenetv2 resnet50 efficientnet_lite0 yolov8n espcn_x3 fast_neural_style depth_anything_v2_small distilbert
           gpt2_prefill64 gpt2_decode whisper_tiny_encoder clip_vit_b32_image""".split()


def make(peers, work, names):
    missing = [n for n in names if not os.path.exists(os.path.join(work, n + ".npz"))]
    os.makedirs(work, exist_ok=True)
    if missing:
        subprocess.run([sys.executable, os.path.join(peers, "make_models.py"), work, *missing], check=True)


def errors(a, b):
    """Of one output: norm of the difference over norm; the largest and the mean difference of an element over the root mean square."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    if a.shape != b.shape:
        return {"norm": float("inf"), "largest": float("inf"), "mean": float("inf"), "elements": b.size}
    size, apart = max(float(np.linalg.norm(b)), 1e-30), np.abs(a - b)
    rms = size / max(b.size, 1) ** 0.5
    return {"norm": float(np.linalg.norm(a - b)) / size, "largest": float(apart.max(initial=0)) / rms,
            "mean": float(apart.mean() if b.size else 0) / rms, "elements": b.size}


def of_all(outputs):
    """The worst norm and the largest element of all outputs, and the mean over the elements of all."""
    count = max(sum(o["elements"] for o in outputs), 1)
    return {"norm": max(o["norm"] for o in outputs), "largest": max(o["largest"] for o in outputs),
            "mean": sum(o["mean"] * o["elements"] for o in outputs) / count}


def safe(name):
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)


def run(quern, model, stored, device, extra, folder, seconds):
    os.makedirs(folder, exist_ok=True)
    args = [quern, "run", model, "--device", device, "--output", folder, *extra]
    for k in stored.files:
        if k.startswith("in."):
            file = os.path.join(folder, safe(k) + ".npy")
            np.save(file, stored[k])
            args += ["--input", f"{k[3:]}={file}"]
    try:
        done = subprocess.run(args, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"why": f"not done after {seconds} s"}
    if done.returncode:
        return {"why": (done.stderr or done.stdout).strip()[-300:]}
    outputs = [k for k in stored.files if k.startswith("out.")]
    return of_all([errors(np.load(os.path.join(folder, safe(k[4:]) + ".npy")), stored[k]) for k in outputs])


def keep(file, label, found):
    table = {}
    if os.path.exists(file):
        with open(file) as old:
            table = json.load(old)
    table[label] = found
    with open(file, "w") as out:
        json.dump(table, out, indent=1, sort_keys=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("quern")
    p.add_argument("peers")
    p.add_argument("work")
    p.add_argument("names", nargs="*")
    p.add_argument("--devices", default="cpu,opencl")
    p.add_argument("--optimized", action="store_true", help="not without optimization as well")
    p.add_argument("--seconds", type=int, help="most for one run, opening included")
    p.add_argument("--json")
    a = p.parse_args()
    models = os.environ.get("QUERN_REFERENCE", a.work)
    make(a.peers, models, a.names or NAMES)
    passed = failed = 0
    for name in a.names or NAMES:
        path = os.path.join(models, name + ".onnx")
        if not os.path.exists(path[:-5] + ".npz"):
            failed += 1
            print(f"FAILED {name}: make_models.py did not make it")
            continue
        stored = np.load(path[:-5] + ".npz")
        for device in a.devices.split(","):
            for extra in ([],) if a.optimized else ([], ["--no-optimize"]):
                start = time.time()
                found = run(a.quern, path, stored, device, extra, os.path.join(a.work, "out", name), a.seconds)
                good = found.get("norm", 1) <= LIMIT
                passed, failed = passed + good, failed + (not good)
                label = f"{name} on {device}{' ' + extra[0] if extra else ''}"
                said = found.get("why") or "{norm:.2e}, largest {largest:.1e}, mean {mean:.1e}".format(**found)
                print(f"{'ok    ' if good else 'FAILED'} {label}: {said} ({time.time() - start:.0f} s)", flush=True)
                if a.json:
                    keep(a.json, label, found)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
