#!/usr/bin/env python3
"""The reference networks (make_models.py of the peers' folder) against onnxruntime's answers, on each device, optimized and not.

    tests/reference_models.py build/quern PEERS_DIR WORK_DIR [NAME...] [--devices cpu,opencl]

Makes WORK_DIR/NAME.onnx and .npz where they are missing ($QUERN_REFERENCE names a folder that has them), which needs PyTorch and the
packages make_models.py names. A difference of more than 1e-4 (norm of the difference over norm) fails."""
import argparse
import json
import os
import subprocess
import sys

import numpy as np

LIMIT = 1e-4
NAMES = """squeezenet1_1 mobilenetv2 resnet50 efficientnet_lite0 yolov8n espcn_x3 fast_neural_style depth_anything_v2_small distilbert
           gpt2_prefill64 gpt2_decode whisper_tiny_encoder clip_vit_b32_image""".split()


def make(peers, work, names):
    missing = [n for n in names if not os.path.exists(os.path.join(work, n + ".npz"))]
    os.makedirs(work, exist_ok=True)
    if missing:
        subprocess.run([sys.executable, os.path.join(peers, "make_models.py"), work, *missing], check=True)


def error(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float("inf") if a.shape != b.shape else float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))


def safe(name):
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)


def run(quern, model, stored, device, extra, folder):
    os.makedirs(folder, exist_ok=True)
    args = [quern, "run", model, "--device", device, "--output", folder, *extra]
    for k in stored.files:
        if k.startswith("in."):
            file = os.path.join(folder, safe(k) + ".npy")
            np.save(file, stored[k])
            args += ["--input", f"{k[3:]}={file}"]
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr or done.stdout).strip()[-300:]
    return {k[4:]: error(np.load(os.path.join(folder, safe(k[4:]) + ".npy")), stored[k]) for k in stored.files if k.startswith("out.")}, None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("quern")
    p.add_argument("peers")
    p.add_argument("work")
    p.add_argument("names", nargs="*")
    p.add_argument("--devices", default="cpu,opencl")
    p.add_argument("--json")
    a = p.parse_args()
    models = os.environ.get("QUERN_REFERENCE", a.work)
    make(a.peers, models, a.names or NAMES)
    passed = failed = 0
    table = {}
    for name in a.names or NAMES:
        path = os.path.join(models, name + ".onnx")
        if not os.path.exists(path[:-5] + ".npz"):
            failed += 1
            print(f"FAILED {name}: make_models.py did not make it")
            continue
        stored = np.load(path[:-5] + ".npz")
        for device in a.devices.split(","):
            for extra in ([], ["--no-optimize"]):
                errors, why = run(a.quern, path, stored, device, extra, os.path.join(a.work, "out", name))
                worst = max(errors.values()) if errors else None
                good = worst is not None and worst <= LIMIT
                passed, failed = passed + good, failed + (not good)
                label = f"{name} on {device}{' ' + extra[0] if extra else ''}"
                table[label] = worst
                print(f"{'ok    ' if good else 'FAILED'} {label}: {why or f'{worst:.2e}'}", flush=True)
    if a.json:
        with open(a.json, "w") as out:
            json.dump(table, out, indent=1)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
