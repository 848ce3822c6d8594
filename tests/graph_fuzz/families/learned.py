"""ai.onnx.ml: encoders, linear models, support vectors, trees. Rows may be of any number; trees are those of tests/make_ml_cases.py."""
import os
import sys

import numpy as np
from onnx import numpy_helper

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
import make_ml_cases as ml

from graph import TEXT, TREES_SINCE
from grow import Unfit
from table import family

F = np.float32
REAL = (F, F, np.float64)
ANY = (F, F, np.float64, np.int32, np.int64)
COLUMNS = 3  # of ml.forest


def floats(g, n, lo=-1.0, hi=1.0):
    return [round(float(x), 3) for x in g.rng.uniform(lo, hi, n)]


def rows(g, kinds=ANY, columns=COLUMNS, **more):
    n = g.pick(g.base) if g.chance(0.7) else 1
    return g.value(kinds, shape=[n, columns], **more)


def node(g, op, inputs, outputs=1, **attributes):
    return g.node(op, inputs, outputs=outputs, domain="ai.onnx.ml", **attributes)


@family(2)
def features(g):
    op = g.pick(["ArrayFeatureExtractor", "Binarizer", "Scaler", "Normalizer", "FeatureVectorizer", "Imputer"])
    if op == "Imputer":
        a = rows(g, (F, F, np.int64))
        whole = g.a(a).dtype.kind == "i"
        values = [9, 8, 7] if g.chance(0.5) else [9]
        return node(g, op, [a], **({"imputed_value_int64s": values, "replaced_value_int64": 2} if whole else {"imputed_value_floats": [float(v) for v in values], "replaced_value_float": 1.0}))
    a = rows(g, ANY if op != "Binarizer" else [F])
    if op == "ArrayFeatureExtractor":
        return node(g, op, [a, g.new(g.array(np.int64, [g.int(1, 4)], 0, COLUMNS - 1))])
    if op == "Scaler":
        n = g.pick([1, COLUMNS])
        return node(g, op, [a], offset=floats(g, n), scale=floats(g, n, 0.2, 2))
    if op == "FeatureVectorizer":
        return node(g, op, [a, g.new(g.array(g.a(a).dtype, [g.a(a).shape[0], 2]))], inputdimensions=[COLUMNS, 2])
    node(g, op, [a], **({"threshold": 0.5} if op == "Binarizer" else {"norm": g.pick(["MAX", "L1", "L2"])}))


def text(g):
    return g.value([TEXT], test=lambda x: x.size <= 100)


@family(2)
def labels(g):
    words, whole, real = ["a", "the", "cat"], [1, -1, 3], [0.5, -2.0, 1.0]
    kinds = {"string": words, "int64": whole, "float": real}
    a = g.pick(list(kinds))
    op = g.pick(["LabelEncoder", "LabelEncoder", "CategoryMapper", "OneHotEncoder"])
    v = text(g) if a == "string" else g.value([np.int64], lo=-9, hi=9) if a == "int64" or op != "LabelEncoder" else g.value([F])
    is_text = g.a(v).dtype == TEXT
    if op == "CategoryMapper":
        return node(g, op, [v], cats_strings=words, cats_int64s=whole, **({"default_int64": -3} if is_text else {"default_string": "none"}))
    if op == "OneHotEncoder":
        return node(g, op, [v], zeros=1, **({"cats_strings": words} if is_text else {"cats_int64s": whole}))
    b = g.pick(list(kinds))
    default = {"string": "none", "int64": -9, "float": -7.5}[b]
    node(g, op, [v], **{f"keys_{a}s": kinds[a], f"values_{b}s": kinds[b], f"default_{b}": default})


@family(2)
def linear_models(g):
    how = g.pick(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
    a = rows(g)
    n = g.int(2, 3)
    if g.chance(0.5):
        n = g.int(1, 3)
        return node(g, "LinearRegressor", [a], coefficients=floats(g, n * COLUMNS), intercepts=floats(g, n), targets=n, post_transform=how)
    node(g, "LinearClassifier", [a], outputs=2, coefficients=floats(g, n * COLUMNS), intercepts=floats(g, n), classlabels_ints=[7, 9, 3][:n], post_transform=how)


@family(1.5)
def machines(g):
    own = {"kernel_type": g.pick(["LINEAR", "POLY", "RBF", "SIGMOID"]), "kernel_params": [0.4, 0.3, 2.0]}
    a = rows(g, lo=-3, hi=3)
    if g.chance(0.5):
        n = g.int(1, 5)
        return node(g, "SVMRegressor", [a], coefficients=floats(g, n), n_supports=n, rho=floats(g, 1), support_vectors=floats(g, n * COLUMNS), **own)
    classes = g.int(2, 3)
    per = [g.int(1, 3) for _ in range(classes)]
    pairs = classes * (classes - 1) // 2
    sure = {"prob_a": floats(g, pairs, -2, -0.5), "prob_b": floats(g, pairs)} if g.chance(0.4) else {}
    node(g, "SVMClassifier", [a], outputs=2, coefficients=floats(g, sum(per) * (classes - 1)), rho=floats(g, pairs), support_vectors=floats(g, sum(per) * COLUMNS), vectors_per_class=per,
         classlabels_ints=[7, 9, 3][:classes], **sure, **own)


def grown(g, kind, **more):
    ml.rng = g.rng
    return ml.forest(kind, trees=g.int(1, 4), depth=g.int(1, 4), **more)


@family(2)
def forests(g):
    if g.opset >= TREES_SINCE:
        raise Unfit("opset")
    a = rows(g)
    if g.chance(0.5):
        n = g.int(1, 3)
        return node(g, "TreeEnsembleRegressor", [a], n_targets=n, aggregate_function=g.pick(["SUM", "AVERAGE", "MIN", "MAX"]), post_transform=g.pick(["NONE", "LOGISTIC", "SOFTMAX"]),
                    **{k: v for k, v in grown(g, "target", ids=n, modes=(g.pick(ml.MODES),)).items() if k != "n_targets"})
    node(g, "TreeEnsembleClassifier", [a], outputs=2, classlabels_int64s=[7, 9, 3], post_transform=g.pick(["NONE", "LOGISTIC", "SOFTMAX"]), **grown(g, "class", ids=3))


@family(1)
def ensemble(g):
    """One tree or two, each a branch with two leaves, as version 5 has them."""
    if g.opset < TREES_SINCE:
        raise Unfit("opset")
    a = rows(g, REAL)
    d = g.a(a).dtype
    n = g.int(1, 2)
    make = lambda v, t=d: numpy_helper.from_array(np.array(v, t))
    node(g, "TreeEnsemble", [a], nodes_featureids=[g.int(0, COLUMNS - 1) for _ in range(n)], nodes_truenodeids=[2 * i for i in range(n)], nodes_falsenodeids=[2 * i + 1 for i in range(n)],
         nodes_trueleafs=[1] * n, nodes_falseleafs=[1] * n, nodes_modes=make([g.int(0, 5) for _ in range(n)], np.uint8), nodes_splits=make([g.int(-3, 3) / 2 for _ in range(n)]),
         leaf_targetids=[i % 2 for i in range(2 * n)], leaf_weights=make(floats(g, 2 * n)), tree_roots=list(range(n)), n_targets=2, aggregate_function=g.int(0, 3))
