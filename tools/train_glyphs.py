"""Train models/glyphs.onnx: hand-drawn digits and simple shapes, from strokes that this file draws itself.

A glyph starts as a template: a few control points on a 100 x 100 sheet. Each sample jitters the points, warps, slants and
stretches the sheet, picks a pen, and draws the strokes straight into the 32 x 32 frame that glyph_normalize.py makes of a
picture. No data set is read in training. --test measures the finished file with onnxruntime on MNIST's test images.

  python tools/train_glyphs.py                    train and write models/glyphs.onnx (numpy, torch, onnx; one thread)
  python tools/train_glyphs.py --test [DIR]       DIR holds mnist/; default $QUERN_MODELS or ../shared/models
  python tools/train_glyphs.py --samples          draw models/samples/
  python tools/train_glyphs.py --sheet OUT.png    a contact sheet of training samples
"""
import argparse
import gzip
import io
import math
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from glyph_normalize import INK_SIDE, SIDE, normalize

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "models", "glyphs.onnx")
POINTS = 112  # pen positions per glyph
CONTROLS = 40  # most control points in a template

# A stroke is a list of control points "x,y"; "!" after one makes it a corner, a final "z" closes the stroke.
# Each line is one way of writing the glyph; ";" lifts the pen. "f" in front: the outline may also be filled.
TEMPLATES = {
    "0": """
        50,0 18,15 2,50 18,86 50,100 82,86 98,50 82,15 50,0
        60,2 25,8 3,45 15,85 48,100 82,88 97,50 85,18 45,5
        70,6 40,0 12,22 2,55 15,88 45,100 78,86 96,50 86,18 60,6 42,22
        35,3 8,25 3,60 20,92 52,100 85,85 97,45 82,10 50,0 22,12
        80,20 55,0 22,10 3,45 12,88 45,100 80,85 97,45 85,10 60,4
        55,12 30,5 6,40 10,85 42,100 80,88 98,48 80,8 45,0 20,18
    """,
    "1": """
        50,0 50,50 50,100
        50,0 50,50 50,100
        50,0 50,50 50,100
        50,0 50,50 50,100
        53,0 50,50 47,100
        50,0 47,50 53,100
        54,0 48,50 50,100
        36,16 50,0! 50,100
        30,22 42,12 52,0! 50,100
        50,0 50,100 ; 28,100 72,100
        32,18 52,0! 50,100 ; 26,100 78,100
    """,
    "2": """
        8,25 25,5 55,0 85,15 85,38 60,65 5,100! 50,96 98,98
        5,25 20,5 55,0 80,18 75,45 45,75 15,95 4,86 18,74 40,84 65,97 98,92
        0,20 30,0 70,2 90,25 75,55 40,82 5,100! 98,100
        5,12 45,0 90,10 70,45 5,98! 98,95
        12,32 6,18 28,4 60,0 85,18 78,42 48,72 8,98! 55,94 98,90
        10,15 45,0 78,12 80,35 50,72 14,96 2,88 14,76 38,82 62,94 95,100
        5,30 30,3 62,2 80,25 68,55 35,85 10,96 8,84 25,82 55,92 96,80
        15,10 50,0 82,15 85,45 65,75 25,98 3,88 15,72 45,82 70,95 98,96
        12,18 45,0 85,8 92,40 65,78 28,96 6,80 22,60 58,68 98,82
        15,22 40,2 75,8 80,40 60,78 30,98 10,85 25,68 55,80 80,98 100,88
        25,20 55,0 80,15 75,45 50,75 20,98! 60,100 85,98
        20,15 60,0 85,20 70,50 30,85 0,100! 45,92 100,96
        25,22 45,2 70,6 74,28 55,62 25,95! 55,90 80,96
        0,35 25,10 60,5 70,25 45,65 0,95 20,85 60,88 100,80
        20,30 22,8 55,0 78,18 65,45 40,60 18,80 20,98! 90,97
        25,12 62,0 78,22 50,62 0,95 30,80 60,88 100,74
        20,14 60,2 76,26 45,66 4,94 24,84 60,98 100,92
        10,20 50,0 78,16 62,50 20,88! 60,92 100,90
        30,12 58,4 70,20 58,52 28,98! 72,98
    """,
    "3": """
        8,12 45,0 85,15 75,38 40,48! 80,58 95,80 60,100 5,88
        8,12 45,0 85,18 65,42 38,48 62,46 95,65 80,95 40,100 3,88
        5,2 88,2! 45,42! 85,52 92,82 55,100 5,90
        8,10 55,0 85,18 60,45 35,52 42,42 75,52 95,75 60,100 5,90
        10,8 50,0 85,12 70,35 25,50! 75,55 92,78 55,100 2,92
        15,15 40,0 75,5 80,28 55,45! 85,55 88,85 50,100 10,92
        5,20 30,0 70,2 80,22 60,42 30,48! 65,48 85,68 70,95 35,100 0,85
        20,12 55,0 90,12 80,32 50,45! 78,52 80,75 50,95 0,98
        25,8 60,0 88,14 72,36 48,46! 76,54 80,74 58,94 22,100 8,84 22,76
        20,20 30,3 68,0 82,16 68,36 44,44! 74,50 86,72 66,94 34,100 14,86
        30,10 62,0 82,14 66,38 40,48! 68,50 78,70 60,92 30,100
        0,15 40,2 80,4 62,30 40,45! 70,50 78,72 50,95 10,96
        15,8 50,0 82,6 62,28 38,42! 66,52 76,72 56,94 16,100
        22,14 52,2 74,12 66,32 46,46! 66,56 70,78 50,98 20,92
    """,
    "4": """
        25,0 8,55! 90,52 ; 75,10 70,100
        15,0 5,35 20,55 60,50 88,40 ; 85,0 80,50 78,100
        70,100 70,0! 2,68! 98,68
        10,0 8,40 35,52 75,40! 85,5! 70,100
        30,0 5,60! 95,60 ; 62,35 58,100
        72,0 35,25 5,62! 50,60 96,55 ; 75,0 66,100
        10,0 12,50! 85,48 ; 85,0 85,100
        20,0 5,50 25,58 80,42 ; 90,5 75,50 60,100
        45,0 2,62! 55,60 98,55 ; 70,25 65,100
        5,5 5,42 35,55 70,45 ; 85,0 75,50 70,100
        15,5 12,40 30,50 85,38 ; 88,2 80,60 82,100
        30,0 10,48! 70,46 ; 90,2 75,55 65,100
        40,5 8,50! 96,50 ; 66,22 62,100
        40,5 10,50! 95,52 ; 55,0 50,100
        30,22 6,60! 98,60 ; 58,0 52,100
        35,15 8,48 12,58 96,54 ; 62,0 56,100
    """,
    "5": """
        90,0 25,2! 15,42! 55,35 92,60 75,92 35,100 0,88
        25,5 18,45! 60,38 90,65 65,95 5,92 ; 25,5 95,0
        85,5 45,2 18,20 25,42 65,52 85,75 55,100 5,92
        30,10 18,42! 60,40 88,62 70,95 5,95 ; 42,8 98,2
        85,0 30,0! 25,55! 55,48 80,68 60,95 10,100
        98,2 60,5 35,8! 25,40 50,45 75,58 70,85 40,100 2,95
        35,5 22,45 50,48 72,62 65,90 35,100 3,90 ; 35,8 70,8 98,0
        80,0 32,3! 20,35! 45,33 75,48 80,75 50,98 20,95 12,80
        100,0 50,6! 38,36 58,48 66,70 48,92 5,100
        100,4 62,2 42,8! 28,38! 55,42 62,64 45,90 0,98
        30,12 24,40! 50,38 66,56 56,84 20,100 2,90 ; 34,12 70,6 100,4
        95,0 45,3 32,20 45,40 62,58 50,85 15,100 0,90
        30,8 14,52! 50,40 82,56 76,88 40,100 8,88 ; 30,4 80,0
    """,
    "6": """
        75,0 40,20 12,55 10,85 45,100 85,85 80,60 45,52 12,72
        55,0 20,45 5,78 35,100 75,92 80,65 45,58 10,80
        85,0 45,25 15,65 20,95 55,100 75,82 60,65 25,78
        80,8 50,0 15,30 5,70 30,98 75,95 92,68 65,45 25,52 8,70
        30,0 12,50 8,85 40,100 80,88 78,62 40,58 10,80
        50,0 25,30 8,65 20,95 55,98 75,78 60,58 30,62 18,85
        70,2 30,30 5,70 25,98 60,95 75,72 55,60 30,75 28,95
        30,0 5,40 5,80 35,100 80,90 95,65 75,48 48,62 40,95
        40,0 10,40 6,80 40,100 85,82 90,58 65,50 45,70 50,98
        60,0 25,25 8,60 20,92 60,100 85,80 75,58 45,55 28,75 40,92
        35,0 15,35 10,75 30,98 65,98 78,75 60,55 25,68
        95,0 50,20 15,55 10,85 40,100 75,88 78,65 50,60 15,80
        20,0 8,45 10,85 40,100 75,85 70,62 35,62 12,82
        50,0 22,20 6,50 8,80 35,100 75,96 96,75 85,55 55,50 30,60 18,78
        46,0 30,30 24,70 40,98 62,88 64,68 48,62 30,78
        90,10 50,25 14,60 18,92 60,98 82,80 60,66 30,80
    """,
    "7": """
        2,8 95,5! 40,100
        2,10 60,5 95,4! 60,50 45,100
        2,8 95,5! 40,100 ; 35,52 85,48
        5,25 8,5! 95,5! 45,100
        0,20 30,2 75,5 92,20 70,60 50,100
        2,5 85,0! 75,100
        5,22 15,6 50,10 95,2! 65,45 50,100
        5,28 10,4! 55,10 96,3! 60,55 52,100 ; 35,55 88,50
        2,12 90,6! 70,40 65,100 ; 45,50 95,48
        0,8 45,12 90,0! 75,35 45,75 30,100
        20,18 26,4! 78,4! 60,100
        14,10 50,2 80,14 80,45 62,100
        18,14 40,4 72,10 76,34 62,70 56,100
        15,30 15,8 45,2! 80,4! 62,50 52,100
        25,6 76,2! 70,50 66,100
        22,10 72,4! 66,50 55,100 ; 42,50 90,46
        8,12 50,8 88,2 80,30 55,70 52,100
        0,20 20,4 60,14 95,4! 70,40 55,75 50,100
    """,
    "8": """
        85,15 50,0 18,15 25,38 70,58 88,80 50,100 12,82 25,58 70,40 88,15
        50,0 20,10 18,35 50,47 80,35 80,10 50,0 ; 50,47 12,58 8,88 50,100 92,88 88,58 50,47
        90,8 50,0 15,18 30,42 75,65 80,90 45,100 15,85 30,60 95,12
        15,15 50,0 85,15 70,40 30,58 12,82 50,100 88,82 72,58 30,40 12,15
        70,5 35,5 20,25 45,45 75,65 70,92 40,100 22,85 35,60 65,40 82,20 68,3
        80,12 50,0 25,12 32,32 60,48 85,70 75,95 40,100 12,85 22,62 55,48 78,30 80,10
        60,0 28,10 25,30 55,45 72,70 55,98 25,92 22,72 50,50 80,25 62,2
        92,5 60,10 20,5 15,22 45,45 72,70 60,98 30,98 25,75 50,48 80,28 95,8
        10,8 50,12 92,4 80,25 45,48 25,72 32,96 60,100 75,80 62,55 30,30 8,10
        85,22 75,4 40,0 20,14 30,34 60,50 75,74 60,98 30,96 22,76 45,54 90,26
        50,5 30,12 32,36 52,46 70,34 66,10 48,4 ; 50,46 28,60 26,90 50,100 74,90 72,60 50,46
        78,20 60,2 30,6 25,26 50,42 80,60 85,85 55,100 20,90 20,66 45,48 70,34 78,18
        70,12 45,0 20,20 35,42 62,60 68,85 45,100 30,84 42,62 62,44 78,22 60,4
        50,22 30,4 10,18 30,38 65,50 90,70 75,96 40,100 20,80 40,55 75,30 80,8 50,18
        70,12 48,4 32,18 44,36 66,62 56,95 26,96 20,72 48,46 100,0
        60,8 40,4 28,18 40,34 70,60 66,90 34,100 18,80 36,56 88,10
        50,0 20,8 18,30 48,48 58,75 50,100 40,78 52,48 84,28 80,6 50,0
        74,8 40,0 10,18 26,42 60,58 62,86 40,100 24,84 36,60 80,36 86,12 70,4
        30,14 60,4 72,20 50,42 22,66 26,94 56,98 66,74 46,46 28,26 30,10
        84,14 58,6 36,20 52,42 72,62 58,92 24,98 12,78 40,54 98,22
        46,4 22,20 34,42 52,50 76,66 66,96 34,98 20,72 48,50 66,40 74,16 46,4
    """,
    "9": """
        85,20 50,0 12,18 15,45 50,52 85,25! 80,60 75,100
        88,22 50,0 10,20 20,48 60,48 88,15! 90,60 70,95 20,98
        85,25 50,0 12,15 12,42 50,52 85,25 ; 88,4 80,100
        80,10 40,0 8,28 30,52 70,42 85,12! 75,60 50,100
        85,40 40,50 10,28 40,0 80,8 88,40 75,75 60,100
        90,12 60,0 20,12 12,38 40,48 75,30 90,12 82,50 62,100
        82,30 55,45 20,38 15,12 50,0 80,12 82,40 80,70 85,100
        75,18 45,0 15,15 20,42 55,45 78,18! 82,55 82,100
        80,5 40,8 12,30 22,50 55,42 82,6! 70,60 62,100
        75,15 50,0 28,12 26,38 48,46 72,30 76,12! 66,60 55,100
        78,28 60,42 34,40 26,18 45,2 70,6 78,28 68,65 50,100
        82,12 55,0 20,16 10,40 35,50 70,36 84,12! 84,50 80,100
        90,30 70,8 35,2 8,22 15,44 50,48 84,34 90,26! 88,60 80,100
        72,8 45,2 28,20 35,40 58,38 74,10! 70,50 66,75 50,98 25,95
        95,5 60,2 25,22 20,44 50,46 80,24 95,2! 70,55 45,100
        70,22 52,42 30,36 30,10 52,0 70,14 72,50 70,100
        50,2 28,12 28,34 48,44 68,30 66,8 50,2 ; 70,10 62,55 54,100
        88,8 50,6 16,30 24,50 60,40 90,10! 66,60 52,100
        62,6 36,16 34,42 58,38 72,10! 70,60 72,100
    """,
    "square": """
        f 0,0! 100,0! 100,100! 0,100! z
        f 0,0! 0,100! 100,100! 100,0! z
        0,0! 100,0! 100,100! 0,100! 0,0
        0,0 100,0 ; 100,0 100,100 ; 100,100 0,100 ; 0,100 0,0
        0,0! 0,100! 100,100 ; 0,0! 100,0! 100,100
    """,
    "triangle": """
        f 50,0! 100,90! 0,90! z
        f 50,0! 0,90! 100,90! z
        50,0! 100,90! 0,90! 50,0
        50,0! 0,90! 100,90! 50,0
        50,0 0,90 ; 50,0 100,90 ; 0,90 100,90
        f 0,0! 0,95! 95,95! z
    """,
    "star": """
        f 50,0! 62,36! 100,36! 69,59! 81,95! 50,73! 19,95! 31,59! 0,36! 38,36! z
        f 50,0! 66,32! 100,36! 74,62! 81,95! 50,80! 19,95! 26,62! 0,36! 34,32! z
        19,95! 50,0! 81,95! 0,36! 100,36! 19,95
        50,0! 81,95! 0,36! 100,36! 19,95! 50,0
        0,36! 100,36! 19,95! 50,0! 81,95! 0,36
    """,
    "heart": """
        f 50,22! 35,2 10,4 0,28 15,58 50,98! 85,58 100,28 90,4 65,2 z
        f 50,30! 30,3 5,12 4,45 50,100! 96,45 95,12 70,3 z
        50,25! 30,0 3,15 8,50 50,98! 92,50 97,15 70,0 50,25
        50,95 15,58 0,28 12,4 36,3 50,25 ; 50,25 64,3 88,4 100,28 85,58 50,95
    """,
    "plus": """
        50,0 50,100 ; 0,50 100,50
        50,0 50,100 ; 0,50 100,50
        f 35,0! 65,0! 65,35! 100,35! 100,65! 65,65! 65,100! 35,100! 35,65! 0,65! 0,35! 35,35! z
    """,
    "cross": """
        0,0 100,100 ; 100,0 0,100
        0,0 100,100 ; 100,0 0,100
        f 0,18! 18,0! 50,32! 82,0! 100,18! 68,50! 100,82! 82,100! 50,68! 18,100! 0,82! 32,50! z
    """,
    "arrow": """
        0,50 100,50 ; 65,20 100,50! 65,80
        0,50 100,50 ; 65,20 100,50! 65,80
        0,50 100,50! 70,25 ; 100,50 70,75
        0,50 70,50 ; 70,22! 100,50! 70,78! z
        f 0,38! 58,38! 58,12! 100,50! 58,88! 58,62! 0,62! z
        10,60 45,48 100,50 ; 68,25 100,50! 70,78
    """,
    "house": """
        f 10,45! 50,0! 90,45! 90,100! 10,100! z
        10,45! 90,45! 90,100! 10,100! z ; 0,48! 50,0! 100,48
        10,45! 90,45! 90,100! 10,100! 10,45! 50,0! 90,45
        10,45! 90,45! 90,100! 10,100! z ; 10,45! 50,0! 90,45 ; 42,100! 42,70! 60,70! 60,100
        15,42 15,100! 85,100! 85,42 ; 0,52! 50,0! 100,52
        f 0,45! 50,0! 100,45! 85,45! 85,100! 15,100! 15,45! z
    """,
    "smiley": """
        50,0 15,15 0,50 15,85 50,100 85,85 100,50 85,15 z ; 32,32 32,40 ; 68,32 68,40 ; 25,62 38,76 50,79 62,76 75,62
        50,0 15,15 0,50 15,85 50,100 85,85 100,50 85,15 z ; 33,36 34,37 ; 67,36 66,37 ; 22,58 35,75 50,80 65,75 78,58
        50,0 15,15 0,50 15,85 50,100 85,85 100,50 85,15 50,0 ; 34,28 34,45 ; 66,28 66,45 ; 24,64 50,82 76,64
    """,
}
LABELS = list(TEMPLATES)
N_DIGITS = 10


# ---------------------------------------------------------------- templates as matrices
def parse(line):
    """-> control points [n, 2] in 0..1, pieces (lists of point indices), stroke of each point, may be filled"""
    words = line.split()
    filled = words[0] == "f"
    xy, pieces, stroke, n_stroke = [], [], [], 0
    piece, first = [], 0
    for w in words[filled:] + [";"]:
        if w == ";" or w == "z":
            if w == "z":
                piece.append(first)
            if len(piece) > 1:
                pieces.append(piece)
            piece = []
            if w == ";":
                n_stroke, first = n_stroke + 1, len(xy)
            continue
        i = len(xy)
        xy.append([float(c) / 100.0 for c in w.rstrip("!").split(",")])
        stroke.append(n_stroke)
        piece.append(i)
        if w.endswith("!") and len(piece) > 1:
            pieces.append(piece)
            piece = [i]
    return np.array(xy), pieces, np.array(stroke), filled


def spline_rows(piece, counts, n):
    """Catmull-Rom through the piece's points as rows of weights over the n control points."""
    rows = []
    k = len(piece)
    e = np.eye(n)
    p = [e[i] for i in piece]
    p = [2 * p[0] - p[1]] + p + [2 * p[-1] - p[-2]]
    for s in range(k - 1):
        last = s == k - 2
        for t in np.linspace(0, 1, counts[s] + 1)[: None if last else -1]:
            a, b, c, d = p[s : s + 4]
            rows.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return rows


def template_matrix(xy, pieces):
    """[POINTS, CONTROLS]: pen positions as sums of control points, spread evenly along the strokes."""
    chords = [[np.hypot(*(xy[b] - xy[a])) for a, b in zip(p, p[1:])] for p in pieces]
    room = POINTS - len(pieces)
    flat = np.array([c for p in chords for c in p])
    share = np.maximum(1, np.floor(flat / flat.sum() * room)).astype(int)
    while share.sum() > room:
        share[np.argmax(share)] -= 1
    rows, at = [], 0
    for p in pieces:
        rows += spline_rows(p, share[at : at + len(p) - 1], len(xy))
        at += len(p) - 1
    m = np.zeros((POINTS, CONTROLS), np.float32)
    m[: len(rows), : len(xy)] = rows
    m[len(rows) :, : len(xy)] = rows[-1]
    return m


def soften(pieces):
    """The same strokes with their corners taken as smooth points."""
    out = []
    for p in pieces:
        if out and out[-1][-1] == p[0]:
            out[-1] = out[-1] + p[1:]
        else:
            out.append(list(p))
    return out


class Templates:
    """All ways of writing all glyphs, one row each."""

    def __init__(self):
        ways = [(LABELS.index(k), line) for k, text in TEMPLATES.items() for line in text.strip().splitlines()]
        n = len(ways)
        self.label = np.array([w[0] for w in ways])
        self.xy = np.zeros((n, CONTROLS, 2), np.float32)
        self.sharp = np.zeros((n, POINTS, CONTROLS), np.float32)
        self.smooth = np.zeros_like(self.sharp)
        self.stroke = np.zeros((n, CONTROLS), int)
        self.pen = np.zeros((n, POINTS), int)  # the stroke that a pen position belongs to
        self.fill = np.zeros(n, bool)
        for i, (_, line) in enumerate(ways):
            xy, pieces, stroke, self.fill[i] = parse(line)
            self.xy[i, : len(xy)] = xy
            self.stroke[i, : len(xy)] = stroke
            self.sharp[i] = template_matrix(xy, pieces)
            self.smooth[i] = template_matrix(xy, soften(pieces))
            self.pen[i] = stroke[np.abs(self.sharp[i, :, : len(xy)]).argmax(axis=1)]
        self.outline = self.fill & np.isin(np.array(LABELS)[self.label], ["plus", "cross", "arrow"])  # drawn as a band's edge
        self.of = [np.flatnonzero(self.label == k) for k in range(len(LABELS))]


# ---------------------------------------------------------------- strokes
def draw_lines(t, rng, n, label=None):
    """n glyphs as pen positions [n, POINTS, 2] on a sheet of about 1 x 1, their labels and template rows."""
    if label is None:
        weight = np.where(np.arange(len(LABELS)) < N_DIGITS, 1.0, 0.5)
        label = rng.choice(len(LABELS), n, p=weight / weight.sum())
    row = np.array([rng.choice(t.of[k]) for k in label])
    digit = label < N_DIGITS
    wild = rng.gamma(4.0, 0.25, n)[:, None, None]  # how carefully this one is written, mean 1
    name = np.array(LABELS)[label]
    sigma = np.where(name == "1", 0.03, np.where(digit, 0.042, 0.026))[:, None, None] * wild
    xy = t.xy[row] + rng.normal(0, 1, (n, CONTROLS, 2)) * sigma
    moved = rng.normal(0, 1, (n, 8, 2)) * sigma * 0.7  # whole strokes land a little off
    xy += np.take_along_axis(moved, t.stroke[row][:, :, None].repeat(2, 2), axis=1)
    soft = (rng.random(n) ** 2 * np.where(digit, 0.9, 0.25))[:, None, None]
    p = (t.sharp[row] * (1 - soft) + t.smooth[row] * soft) @ xy - 0.5
    # the sheet: uneven growth along each axis, slow waves, then an affine map
    for axis, spread in ((1, 0.20), (0, 0.10)):
        g = np.exp(rng.normal(0, spread, n) * np.where(digit, 1, 0.4))[:, None]
        p[:, :, axis] = np.clip(p[:, :, axis] + 0.5, 0.0, 2.0) ** g - 0.5
    for _ in range(2):
        f = rng.normal(0, 4.0, (n, 1, 2))
        phase = rng.uniform(0, 2 * np.pi, (n, 1))
        amp = rng.normal(0, np.where(digit, 0.026, 0.015)[:, None, None], (n, 1, 2)) * wild
        p = p + amp * np.sin((p * f).sum(2) + phase)[:, :, None]
    wedge = rng.normal(0, np.where(digit, 0.15, 0.06), n)[:, None]
    p[:, :, 0] *= 1 + wedge * p[:, :, 1]
    stretch = np.exp(rng.normal(np.where(digit, -0.22, 0.0), np.where(digit, 0.27, 0.13)))[:, None]
    slant = rng.normal(np.where(digit, 0.18, 0.0), np.where(digit, 0.24, 0.08))[:, None]
    x, y = p[:, :, 0] * stretch, p[:, :, 1]
    x = x - slant * y
    turn = rng.normal(0, np.where(digit, 0.10, 0.12))
    turn = np.where(name == "arrow", rng.uniform(0, 2 * np.pi, n), turn)
    turn = np.where(name == "star", rng.normal(0, 0.3, n), turn)
    turn = np.where((name == "triangle") & (rng.random(n) < 0.2), turn + np.pi, turn)
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    flip = np.where((name == "triangle") & (rng.random(n) < 0.5), -1.0, 1.0)[:, None]
    x = x * flip
    return np.stack([c * x - s * y, s * x + c * y], axis=2).astype(np.float32), label, row


def inside(p):
    """Even-odd fill of the closed outlines p [n, POINTS, 2] over the frame -> bool [n, SIDE, SIDE]."""
    grid = np.arange(SIDE, dtype=np.float32) + 0.5
    x0, y0 = p[:, :, 0], p[:, :, 1]
    x1, y1 = np.roll(x0, -1, 1), np.roll(y0, -1, 1)
    up = (y0[:, :, None] > grid) != (y1[:, :, None] > grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = x0[:, :, None] + (grid - y0[:, :, None]) * ((x1 - x0) / (y1 - y0))[:, :, None]
    left = (cut[:, :, :, None] > grid) & up[:, :, :, None]
    return left.sum(1) % 2 == 1


def draw_ink(t, rng, n, label=None):
    """n samples as the model sees them: float32 [n, 1, SIDE, SIDE], labels [n]."""
    p, label, row = draw_lines(t, rng, n, label)
    digit = label < N_DIGITS
    # pen: half width in pixels of the frame, pressure along the stroke, gaps
    width = np.exp(rng.normal(np.where(digit, math.log(2.6), math.log(2.1)), 0.42))
    solid = t.fill[row] & (rng.random(n) < 0.35)
    thickest = np.where(digit, 5.6, 3.2)
    thickest = np.where(t.outline[row] & ~solid, 1.9, thickest)
    r = np.clip(width, 0.8, thickest)[:, None] / 2
    along = np.linspace(0, 1, POINTS)[None, :]
    swell = rng.normal(0, 0.16, (n, 1)) * np.sin(along * rng.uniform(2, 12, (n, 1)) + rng.uniform(0, 6.28, (n, 1)))
    swell += rng.normal(0, 0.12, (n, 1)) * (along - 0.5)
    radius = r * np.exp(swell)
    gone = np.zeros((n, POINTS), bool)
    at, long = rng.random((n, 1)), rng.uniform(0.02, 0.10, (n, 1))
    gone |= (np.abs(along - at) < long / 2) & (rng.random((n, 1)) < 0.2)
    # into the frame, as normalize() would place it
    lo = np.where(gone[:, :, None], 9.0, p).min(1, keepdims=True)
    hi = np.where(gone[:, :, None], -9.0, p).max(1, keepdims=True)
    fit = (INK_SIDE - 2 * r[:, 0]) / (hi - lo).max(2)[:, 0] * np.exp(rng.normal(0, 0.03, n))
    p = (p - (lo + hi) / 2) * fit[:, None, None] + SIDE / 2 + rng.normal(0, 0.4, (n, 1, 2))
    edge = rng.uniform(0.8, 2.4, n)[:, None, None]
    grid = np.arange(SIDE, dtype=np.float32) + 0.5
    a = np.where(gone, -99.0, radius / 2)[:, :, None] / edge
    b = 0.5 / radius[:, :, None] / edge
    across = (a - b * (grid - p[:, :, 0:1]) ** 2).astype(np.float32)
    down = (b * (grid - p[:, :, 1:2]) ** 2).astype(np.float32)
    reach = np.full((n, SIDE, SIDE), -99.0, np.float32)
    for k in range(POINTS):  # the nearest pen position wins: signed distance to the stroke's edge, in edge widths
        np.maximum(reach, across[:, k, None, :] - down[:, k, :, None], out=reach)
    ink = np.clip(reach + 0.5, 0, 1)
    if solid.any():
        ink[solid] = np.maximum(ink[solid], inside(p[solid]))
    return finish(rng, ink), label


def blur(ink, w):
    """3-tap blur both ways; w [n, 1, 1] is the weight of each neighbour."""
    for axis in (1, 2):
        e = np.pad(ink, [(0, 0)] + [(1, 1) if k == axis else (0, 0) for k in (1, 2)])
        a, c = (e[:, :-2], e[:, 2:]) if axis == 1 else (e[:, :, :-2], e[:, :, 2:])
        ink = ink * (1 - 2 * w) + (a + c) * w
    return ink


def finish(rng, ink):
    """Paper and sensor: grain, blur, noise, and the gain that normalize() ends with."""
    n = len(ink)
    grain = 1 + rng.normal(0, 1, ink.shape).astype(np.float32) * (rng.random((n, 1, 1)) ** 3 * 0.35).astype(np.float32)
    ink = ink * np.clip(grain, 0, 2)
    ink = blur(ink, (rng.random((n, 1, 1)) ** 2 * 0.25).astype(np.float32))
    ink = ink ** np.exp(rng.normal(0, 0.2, (n, 1, 1))).astype(np.float32)
    noise = rng.normal(0, 1, ink.shape).astype(np.float32) * (rng.random((n, 1, 1)) ** 4 * 0.12).astype(np.float32)
    ink = np.clip(ink + noise, 0, 1)
    gain = ink.sum((1, 2)) / np.maximum(1e-6, (ink * ink).sum((1, 2)))
    return np.minimum(1, ink * gain[:, None, None]).astype(np.float32)[:, None]


# ---------------------------------------------------------------- training
def make_net():
    from torch import nn

    def block(i, o, k):
        return [nn.Conv2d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *block(1, 16, 5), nn.MaxPool2d(2),
        *block(16, 32, 3), *block(32, 32, 3), nn.MaxPool2d(2),
        *block(32, 64, 3), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 4 * 4, len(LABELS)),
    )


def train(seconds, steps, seed, batch=128):
    """Fresh samples in every step; the weights kept are a running mean over the steps, not a chosen checkpoint."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng, t = np.random.default_rng(seed), Templates()
    net = make_net()
    print(sum(p.numel() for p in net.parameters()), "parameters", flush=True)
    mean = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
    rate = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps, pct_start=0.15)
    start, hits = time.time(), 0.0
    for step in range(steps):
        x, y = draw_ink(t, rng, batch)
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        out = net(x)
        loss = F.cross_entropy(out, y, label_smoothing=0.03)
        opt.zero_grad()
        loss.backward()
        opt.step()
        rate.step()
        mean.update_parameters(net)
        hits = 0.99 * hits + 0.01 * (out.argmax(1) == y).float().mean().item()
        if step % 200 == 199:
            print(f"step {step + 1}/{steps} loss {loss.item():.3f} drawn right {hits:.4f} {time.time() - start:.0f} s", flush=True)
        if seconds and time.time() - start > seconds:
            print("time is up")
            break
    return mean.module.eval(), time.time() - start


def write_onnx(net, path):
    """The trained net as ONNX: each BatchNorm folded into its Conv, a Softmax at the end."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from torch import nn

    nodes, weights, now, layers = [], [], "image", list(net)

    def keep(name, tensor):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(tensor.detach().numpy(), np.float32), name))
        return name

    def add(op, name, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    conv = pool = 0
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            conv += 1
            norm, k = layers[i + 1], layer.kernel_size[0]
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            w = keep(f"conv{conv}_weight", layer.weight * scale[:, None, None, None])
            b = keep(f"conv{conv}_bias", norm.bias - norm.running_mean * scale)
            now = add("Conv", f"conv{conv}", [now, w, b], kernel_shape=[k, k], pads=[k // 2] * 4)
        elif isinstance(layer, nn.ReLU):
            now = add("Relu", f"relu{conv}", [now])
        elif isinstance(layer, nn.MaxPool2d):
            pool += 1
            now = add("MaxPool", f"pool{pool}", [now], kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, nn.Flatten):
            now = add("Flatten", "features", [now], axis=1)
        elif isinstance(layer, nn.Linear):
            now = add("Gemm", "logits", [now, keep("dense_weight", layer.weight), keep("dense_bias", layer.bias)], transB=1)
    add("Softmax", "probabilities", [now], axis=1)
    graph = helper.make_graph(
        nodes, "glyphs",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(LABELS)])],
        weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="quern train_glyphs")
    helper.set_model_props(model, {
        "labels": "\n".join(LABELS),
        "quern.task": "glyphs",
        "quern.preprocess": "luma; shrink to 256; subtract paper surface; ink bright; stretch (r/c-0.25)/0.6; "
                            "crop to ink; triangle resample, longest side 22, box centred in 32x32; divide by ink mean (docs/glyphs.md)",
        "license": "MIT",
    })
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    with open(os.path.join(os.path.dirname(path), "glyphs.labels.txt"), "w") as f:
        f.write("\n".join(LABELS) + "\n")
    print(path, os.path.getsize(path), "bytes")


# ---------------------------------------------------------------- test
def read_idx(path):
    with gzip.open(path) as f:
        b = f.read()
    dims = [int.from_bytes(b[4 + 4 * i : 8 + 4 * i], "big") for i in range(b[3])]
    return np.frombuffer(b, np.uint8, offset=4 + 4 * len(dims)).reshape(dims)


def open_model(path):
    import onnxruntime

    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = 1
    s = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    return lambda x: np.concatenate([s.run(None, {"image": x[i : i + 500]})[0] for i in range(0, len(x), 500)])


def report(name, p, truth):
    right = p.argmax(1) == truth
    print(f"{name:34s} {right.mean() * 100:6.2f} %  of {len(truth)}", flush=True)
    return right


def test(path, folder, detail):
    from PIL import Image

    run = open_model(path)
    t, rng = Templates(), np.random.default_rng(12345)
    x, y = draw_ink(t, rng, 4000)
    report("drawn by this file, fresh seed", run(x), y)
    mnist = os.path.join(folder, "mnist")
    images = read_idx(os.path.join(mnist, "t10k-images-idx3-ubyte.gz"))
    truth = read_idx(os.path.join(mnist, "t10k-labels-idx1-ubyte.gz")).astype(int)
    start = time.time()
    x = np.stack([normalize(i) for i in images])[:, None]
    per = (time.time() - start) / len(images)
    p = run(x)
    report("MNIST test, first 2,000", p[:2000], truth[:2000])
    report("MNIST test, the other 8,000", p[2000:], truth[2000:])
    right = report("MNIST test, all", p, truth)
    print(f"{'':34s} taken for a shape: {(p.argmax(1) >= N_DIGITS).mean() * 100:.2f} %; normalize() {per * 1e3:.2f} ms")
    few, ft = images[:2000], truth[:2000]

    def bent(name, change):
        report(name, run(np.stack([normalize(change(i)) for i in few])[:, None]), ft)

    def big(i):
        return np.asarray(Image.fromarray(i).resize((112, 112), Image.BICUBIC))

    def jpeg(i):
        f = io.BytesIO()
        Image.fromarray(i).save(f, "JPEG", quality=40)
        return np.asarray(Image.open(f).convert("RGB"))

    light = np.linspace(0.55, 1.0, 112)[None, :] * np.linspace(0.8, 1.0, 112)[:, None]
    noise = np.random.default_rng(1).normal(0, 5, (112, 112))
    bent("first 2,000, black on white", lambda i: 255 - i)
    bent("first 2,000, 4x larger", big)
    bent("first 2,000, JPEG q40 4x, inverted", lambda i: jpeg(255 - big(i)))
    bent("first 2,000, paper in slanting light", lambda i: np.clip((235 - big(i) * 0.7) * light + noise, 0, 255).astype(np.uint8))

    def photos(name, size, pen, part, expose, n=190):
        y, drawn = np.arange(n) % len(LABELS), []
        for k in y:
            ink = draw_picture(t, rng, k, size, size, pen, part)
            drawn.append(normalize(np.clip(expose(ink) + rng.normal(0, 5, ink.shape), 0, 255).astype(np.uint8)))
        report(name, run(np.stack(drawn)[:, None]), y)

    def corner(size, far):  # light that falls off towards the corners
        u = np.linspace(-1, 1, size) ** 2
        return 1 - far * (u[None, :] + u[:, None]) / 2

    photos("pictures: 1000 px, 3 px pen", 1000, 3, 0.6, lambda i: 250 - 230 * i)
    photos("pictures: dark corners, thick pen", 600, 14, 0.6, lambda i: (230 - 140 * i) * corner(600, 0.35))
    photos("pictures: chalk on a board", 400, 9, 0.6, lambda i: (40 + 150 * i) * corner(400, 0.4))
    photos("pictures: small on a large sheet", 600, 5, 0.15, lambda i: 240 - 190 * i)
    photos("pictures: filling the frame", 64, 5, 0.9, lambda i: 250 - 230 * i)
    for f in sorted(os.listdir(os.path.join(mnist, "img"))):
        q = run(normalize(np.asarray(Image.open(os.path.join(mnist, "img", f)).convert("RGBA")))[None, None])[0]
        print(f"{'img/' + f:34s} {LABELS[q.argmax()]} {q.max() * 100:.1f} %")
    samples = os.path.join(ROOT, "models", "samples")
    for f in sorted(f for f in os.listdir(samples) if not f.endswith(".txt")) if os.path.isdir(samples) else []:
        q = run(normalize(np.asarray(Image.open(os.path.join(samples, f)).convert("RGBA")))[None, None])[0]
        print(f"{'samples/' + f:34s} {LABELS[q.argmax()]} {q.max() * 100:.1f} %")
    print("recall per digit: " + "  ".join(f"{d}: {right[truth == d].mean() * 100:.1f}" for d in range(10)))
    wrong = {}
    for a, b in zip(truth[~right], p.argmax(1)[~right]):
        wrong[a, b] = wrong.get((a, b), 0) + 1
    print("most frequent: " + ", ".join(f"{LABELS[a]} as {LABELS[b]} {n}" for (a, b), n in sorted(wrong.items(), key=lambda i: -i[1])[:16]))
    if detail:  # what goes wrong, from the 8,000 only
        bad = 2000 + np.flatnonzero(~right[2000:])
        tiles(detail, x[bad[:240], 0], [f"{truth[i]}>{LABELS[p[i].argmax()][:4]}" for i in bad[:240]])


def tiles(path, x, names, across=20):
    from PIL import Image, ImageDraw

    sheet = Image.new("L", (across * 52, -(-len(x) // across) * 60), 40)
    d = ImageDraw.Draw(sheet)
    for i, (g, name) in enumerate(zip(x, names)):
        at = (i % across * 52 + 2, i // across * 60 + 2)
        sheet.paste(Image.fromarray((g * 255).astype(np.uint8)).resize((48, 48)), at)
        d.text((at[0], at[1] + 47), name, fill=230)
    sheet.save(path)


# ---------------------------------------------------------------- sample pictures
SAMPLES = [  # file, label, cols, rows, pen width in pixels, paper, ink, seed
    ("seven.png", "7", 280, 280, 18, (0, 0, 0), (255, 255, 255), 4),
    ("three.png", "3", 28, 28, 3, (255, 255, 255), (0, 0, 0), 4),
    ("star.jpg", "star", 640, 480, 9, (238, 232, 218), (35, 45, 110), 14),
    ("heart.png", "heart", 200, 160, 12, (255, 255, 255), (200, 20, 50), 1),
    ("arrow.jpg", "arrow", 400, 300, 7, (40, 60, 50), (225, 225, 215), 14),
    ("five.jpg", "5", 480, 640, 11, (225, 222, 214), (50, 50, 60), 10),
]


def draw_picture(t, rng, label, cols, rows, pen, part):
    """One glyph as ink 0..1 [rows, cols], drawn with a round pen somewhere near the middle; part: its size on the sheet."""
    from PIL import Image, ImageDraw

    p, _, row = draw_lines(t, rng, 1, np.array([label]))
    p, stroke = p[0], t.pen[row[0]]
    lo, hi = p.min(0), p.max(0)
    size = min(cols, rows) * part
    centre = np.array([cols, rows]) / 2 + rng.uniform(-0.06, 0.06, 2) * min(cols, rows)
    zoom = 4 if max(cols, rows) < 700 else 2
    p = ((p - (lo + hi) / 2) * size / (hi - lo).max() + centre) * zoom
    half = pen * zoom / 2
    mask = Image.new("L", (cols * zoom, rows * zoom), 0)
    d = ImageDraw.Draw(mask)
    for k in range(POINTS):
        x, y = p[k]
        d.ellipse([x - half, y - half, x + half, y + half], fill=255)
        if k and stroke[k] == stroke[k - 1]:
            d.line([tuple(p[k - 1]), (x, y)], fill=255, width=pen * zoom)
    return np.asarray(mask.resize((cols, rows), Image.BOX)) / 255.0


def samples(folder):
    """Pictures as a person might send them: other sizes and colours, off centre, photos with a fall of light."""
    from PIL import Image

    os.makedirs(folder, exist_ok=True)
    t = Templates()
    for name, label, cols, rows, pen, paper, ink, seed in SAMPLES:
        rng = np.random.default_rng(seed)
        m = draw_picture(t, rng, LABELS.index(label), cols, rows, pen, 0.68)[:, :, None]
        picture = np.array(paper) * (1 - m) + np.array(ink) * m
        if name.endswith("jpg"):
            light = 1 - 0.3 * np.linspace(0, 1, cols)[None, :, None] * np.linspace(0.4, 1, rows)[:, None, None]
            picture = picture * light + rng.normal(0, 2.0, picture.shape)
        im = Image.fromarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))
        im.save(os.path.join(folder, name), **({"quality": 72} if name.endswith("jpg") else {"optimize": True}))
        print(name, im.size, os.path.getsize(os.path.join(folder, name)), "bytes")
    run = open_model(MODEL)
    with open(os.path.join(folder, "expected.txt"), "w") as f:
        f.write("# file, label, its probability, sum and sum of squares of the 32 x 32 tensor, column and row of its centre of mass\n")
        for name, label, *_ in SAMPLES:
            x = normalize(np.asarray(Image.open(os.path.join(folder, name)).convert("RGB")))
            q = run(x[None, None])[0]
            assert LABELS[q.argmax()] == label, f"{name} is taken for {LABELS[q.argmax()]}"
            at = np.arange(SIDE) @ np.stack([x.sum(0), x.sum(1)], 1) / x.sum()
            f.write(f"{name} {label} {q.max():.4f} {x.sum():.3f} {(x * x).sum():.3f} {at[0]:.3f} {at[1]:.3f}\n")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--test", nargs="?", const=os.environ.get("QUERN_MODELS", os.path.join(ROOT, "..", "shared", "models")), metavar="DIR")
    a.add_argument("--model", default=MODEL)
    a.add_argument("--errors", metavar="PNG", help="with --test: a sheet of what goes wrong among the last 8,000")
    a.add_argument("--samples", action="store_true")
    a.add_argument("--sheet", metavar="PNG")
    a.add_argument("--steps", type=int, default=7000)
    a.add_argument("--seconds", type=float, default=0, help="stop early")
    a.add_argument("--seed", type=int, default=1)
    o = a.parse_args()
    if o.sheet:
        x, y = draw_ink(Templates(), np.random.default_rng(o.seed), 300, np.arange(300) // 4 % len(LABELS))
        tiles(o.sheet, x[:, 0], [LABELS[k] for k in y])
    elif o.samples:
        samples(os.path.join(ROOT, "models", "samples"))
    elif o.test:
        test(o.model, o.test, o.errors)
    else:
        net, took = train(o.seconds, o.steps, o.seed)
        print(f"trained in {took:.0f} s")
        write_onnx(net, o.model)


if __name__ == "__main__":
    main()
