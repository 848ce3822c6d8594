"""Models of ai.onnx.ml, each with what onnxruntime answers: every operator, attribute, transform and type, and models such as people make.

  python tests/make_ml_cases.py OUT      needs numpy, onnx, onnxruntime; with scikit-learn and skl2onnx their models, too

Writes OUT/NAME/model.onnx and OUT/NAME/test_data_set_0/{input,output}_J.pb, the layout of ONNX's own backend tests. Where onnxruntime answers
something that no reading of the schema gives (labels that are not in the list; base values of two classes), or does not run a form that
the schema allows (nodes in any order), the answers are those of ONNX's reference evaluator: REFERENCE names these cases. hostile() has
models that must be refused (refused.txt).
"""
import itertools
import os
import shutil
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ML = "ai.onnx.ml"
F32, F64, I32, I64, TEXT, F16 = (np.dtype(d) for d in (np.float32, np.float64, np.int32, np.int64, object, np.float16))
ONNX = {F32: TensorProto.FLOAT, F64: TensorProto.DOUBLE, I32: TensorProto.INT32, I64: TensorProto.INT64, TEXT: TensorProto.STRING, F16: TensorProto.FLOAT16}
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
REFERENCE = set()
CASES = {}
ANSWERS = {}  # name: what it must give, where neither peer answers
REFUSED = {}  # name: words of the sentence that must refuse it
rng = np.random.default_rng(5)


def case(name, op, inputs, outputs, reference=False, version=3, refused=None, **attributes):
    """inputs: arrays; outputs: their types."""
    if refused:
        REFUSED[name] = refused
    assert name not in CASES, name
    ins = [f"x{i}" for i in range(len(inputs))]
    outs = [f"y{i}" for i in range(len(outputs))]
    node = helper.make_node(op, ins, outs, domain=ML, **{k: v for k, v in attributes.items() if v is not None})
    graph = helper.make_graph(
        [node], name, [helper.make_tensor_value_info(n, ONNX[v.dtype], v.shape) for n, v in zip(ins, inputs)],
        [helper.make_tensor_value_info(n, ONNX[np.dtype(t)], None) for n, t in zip(outs, outputs)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(ML, version)], ir_version=8)
    CASES[name] = model, dict(zip(ins, inputs))
    if reference:
        REFERENCE.add(name)


def rows(n=6, c=3, dtype=F32):
    if dtype.kind == "i":
        return rng.integers(-4, 5, (n, c)).astype(dtype)
    return rng.normal(0, 1, (n, c)).astype(dtype)


def texts(*words):
    return np.array(words, dtype=object)


# ---------------------------------------------------------------- on numbers
def numbers():
    for d in (F32, F64, I32, I64):
        case(f"extract_{d}", "ArrayFeatureExtractor", [rows(dtype=d), np.array([2, 0, 2], np.int64)], [d])
        case(f"binarize_{d}", "Binarizer", [rows(dtype=d)], [d], threshold=0.5, reference=d != F32)
        case(f"scale_{d}", "Scaler", [rows(dtype=d)], [F32], offset=[0.5, -1.0, 2.0], scale=[2.0, 0.25, 3.0])
        case(f"scale_one_{d}", "Scaler", [rows(dtype=d)], [F32], offset=[0.5], scale=[2.0])
        for norm in ("MAX", "L1", "L2"):
            case(f"normalize_{norm}_{d}", "Normalizer", [np.vstack([np.abs(rows(dtype=d)), np.zeros((1, 3), d)])], [F32], norm=norm)
        case(f"vectorize_{d}", "FeatureVectorizer", [rows(4, 3, d), rows(4, 2, d)], [F32], inputdimensions=[3, 2])
        x = rows(dtype=d)
        x[1, 1] = x[4, 0] = 2
        if d.kind == "f":
            y = x.copy()
            y[0, 2] = y[3, 1] = np.nan
            case(f"impute_{d}", "Imputer", [x], [d], imputed_value_floats=[9.0, 8.0, 7.0], replaced_value_float=2.0, reference=d == F64)
            case(f"impute_nan_{d}", "Imputer", [y], [d], imputed_value_floats=[9.0], replaced_value_float=float("nan"), reference=d == F64)
        else:
            case(f"impute_{d}", "Imputer", [x], [d], imputed_value_int64s=[9, 8, 7], replaced_value_int64=2, reference=d == I32)
    vast = np.array([[2**53, 2**53 + 1, 2**53 + 2]], np.int64)  # alike as floats
    case("impute_vast", "Imputer", [vast], [I64], imputed_value_int64s=[-1], replaced_value_int64=2**53 + 1)
    case("normalize_negative_L1", "Normalizer", [rows()], [F32], norm="L1")
    case("normalize_negative_L2", "Normalizer", [rows()], [F32], norm="L2")
    case("extract_text", "ArrayFeatureExtractor", [texts("a", "b", "c", "d").reshape(2, 2), np.array([1], np.int64)], [TEXT])
    case("extract_row", "ArrayFeatureExtractor", [np.arange(5, dtype=np.float32), np.array([[4, 1]], np.int64)], [F32])


# ---------------------------------------------------------------- look-ups
def lookups():
    words, whole, real = ["a", "b", "ccc"], [5, -1, 70], [0.5, -2.0, 3.25]
    kinds = {"string": (words, TEXT, texts("b", "zz", "a", "ccc", "")), "int64": (whole, I64, np.array([70, 5, 6, -1, 0])),
             "float": (real, F32, np.array([3.25, 0.5, 1, -2.0, 0], np.float32))}
    for (a, (keys, _, x)), (b, (values, y, _)) in itertools.product(kinds.items(), kinds.items()):
        for version in (2, 4):
            name = "default_" + b
            case(f"encode_{version}_{a}_{b}", "LabelEncoder", [x], [y], version=version, **{
                f"keys_{a}s": keys, f"values_{b}s": values, name: {"string": "none", "int64": -9, "float": -7.5}[b]})
        case(f"encode_plain_{a}_{b}", "LabelEncoder", [x.reshape(1, 5)], [y], version=2, **{f"keys_{a}s": keys, f"values_{b}s": values})
    case("encode_nan", "LabelEncoder", [np.array([np.nan, 0, 1], np.float32)], [I64], version=4, keys_floats=[float("nan"), 0.0], values_int64s=[5, 6])
    case("encode_1_text", "LabelEncoder", [texts("b", "zz", "a")], [I64], version=1, classes_strings=words, default_int64=-3)
    case("encode_1_number", "LabelEncoder", [np.array([2, 0, 7, -1])], [TEXT], version=1, classes_strings=words, default_string="none")
    for d, e in ((F64, I64), (F64, F64), (I64, F64), (I64, TEXT), (TEXT, F64), (TEXT, TEXT)):
        make = lambda t, v: numpy_helper.from_array(texts(*v) if t == TEXT else np.array(v, t))
        of = {TEXT: words, I64: whole, F64: real}
        x = {TEXT: texts("b", "q"), I64: np.array([70, 3]), F64: np.array([0.5, 9.0])}[d]
        case(f"encode_tensor_{d}_{e}", "LabelEncoder", [x], [e], version=4, keys_tensor=make(d, of[d]), values_tensor=make(e, of[e]), default_tensor=make(e, of[e][:1]))
    case("map_text", "CategoryMapper", [texts("b", "zz", "a")], [I64], cats_strings=words, cats_int64s=whole, default_int64=-3)
    case("map_number", "CategoryMapper", [np.array([[70, 5], [1, -1]])], [TEXT], cats_strings=words, cats_int64s=whole, default_string="none")
    case("map_default", "CategoryMapper", [np.array([1, 5])], [TEXT], cats_strings=words, cats_int64s=whole)
    for d in (F32, F64, I32, I64):
        case(f"one_hot_{d}", "OneHotEncoder", [np.array([[5, 0], [70, -1]], d)], [F32], cats_int64s=whole)
        case(f"one_hot_all_{d}", "OneHotEncoder", [np.array([5, 70, -1, 5], d)], [F32], cats_int64s=whole, zeros=0)
    case("one_hot_text", "OneHotEncoder", [texts("b", "q", "ccc")], [F32], cats_strings=words, zeros=1)
    case("one_hot_text_all", "OneHotEncoder", [texts("b", "ccc").reshape(2, 1)], [F32], cats_strings=words, zeros=0)


# ---------------------------------------------------------------- maps
def map_type(key, value):
    return helper.make_map_type_proto(ONNX[np.dtype(key)], helper.make_tensor_type_proto(ONNX[np.dtype(value)], None))


def map_case(name, op, x, kind, y, refused=None, answer=None, **attributes):
    """x: an array, a dict or a list of dicts; kind and y: the TypeProtos of input and output. answer: where no peer has one."""
    node = helper.make_node(op, ["x"], ["y"], domain=ML, **attributes)
    graph = helper.make_graph([node], name, [helper.make_value_info("x", kind)], [helper.make_value_info("y", y)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(ML, 3)], ir_version=8)
    CASES[name] = model, {"x": x}
    if answer is not None:
        ANSWERS[name] = [answer]
    if refused:
        REFUSED[name] = refused


def maps():
    tensor = lambda d, shape=None: helper.make_tensor_type_proto(ONNX[np.dtype(d)], shape)
    words, numbers_ = {"classlabels_strings": ["b", "a", "ccc"]}, {"classlabels_int64s": [5, -1, 2**40]}
    for form, labels, key in (("text", words, TEXT), ("number", numbers_, I64)):
        z = helper.make_sequence_type_proto(map_type(key, F32))
        for rows_of, x in (("rows", rows(5)), ("row", rows(1)[0]), ("none", rows(0))):
            map_case(f"zip_{form}_{rows_of}", "ZipMap", x, tensor(F32, ("N", 3) if x.ndim == 2 else (3,)), z, **labels)
        map_case(f"zip_{form}_columns", "ZipMap", rows(2, 4), tensor(F32, (2, 4)), z, refused="another number of columns", **labels)
    z = helper.make_sequence_type_proto(map_type(I64, F32))
    map_case("zip_open_columns", "ZipMap", rows(2, 2), tensor(F32, ("N", "C")), z, classlabels_int64s=[0, 1])
    map_case("zip_twice", "ZipMap", rows(2, 2), tensor(F32, (2, 2)), z, refused="the label 5 twice", classlabels_int64s=[5, 5])
    map_case("zip_no_labels", "ZipMap", rows(2, 2), tensor(F32, (2, 2)), z, refused="labels of its classes")
    map_case("zip_both", "ZipMap", rows(2, 2), tensor(F32, (2, 2)), z, refused="labels of its classes", classlabels_int64s=[0, 1], classlabels_strings=["a", "b"])
    map_case("zip_cube", "ZipMap", rows(2, 2).reshape(1, 2, 2), tensor(F32, (1, 2, 2)), z, refused="[N][C]", classlabels_int64s=[0, 1])
    vocabulary = {"string_vocabulary": ["a", "b", "b", "c", ""]}, {"int64_vocabulary": [7, -1, 7, 2**40]}
    for d, values in ((F32, [1.5, -2.25]), (F64, [1.5, 0.1]), (I64, [2**60, -3])):
        map_case(f"dict_text_{d}", "DictVectorizer", dict(zip(("b", "zz"), values)), map_type(TEXT, d), tensor(d),
                 answer=None if d == F32 else np.array([[0, values[0], values[0], 0, 0]], d), **vocabulary[0])
        if d != I64:
            map_case(f"dict_number_{d}", "DictVectorizer", {-1: values[0], 9: values[1]}, map_type(I64, d), tensor(d),
                     answer=None if d == F32 else np.array([[0, values[0], 0, 0]], d), **vocabulary[1])
    map_case("dict_number_text", "DictVectorizer", {2**40: "wörter", 7: ""}, map_type(I64, TEXT), tensor(TEXT), answer=texts("", "", "", "wörter").reshape(1, 4), **vocabulary[1])
    map_case("dict_empty", "DictVectorizer", {}, map_type(I64, F32), tensor(F32), answer=np.zeros((1, 4), np.float32), **vocabulary[1])
    map_case("dict_other_keys", "DictVectorizer", {7: 1.0}, map_type(I64, F32), tensor(F32), refused="its vocabulary is string", **vocabulary[0])
    map_case("dict_no_words", "DictVectorizer", {7: 1.0}, map_type(I64, F32), tensor(F32), refused="a vocabulary")
    real, spelled = {4: 1.75, 0: -2.0, 2: 1e6 + 1 / 3, 9: -1e-7}, {3: "1.75", 0: "-2", 7: "1e3"}
    for to, d in (("TO_FLOAT", F32), ("TO_INT64", I64), ("TO_STRING", TEXT)):
        convert = {F32: float, I64: lambda t: int(float(t)), TEXT: str}[d]
        zero = {F32: 0.0, I64: 0, TEXT: "0.f"}[d]  # as onnxruntime spells it
        for form in ({}, {"map_form": "SPARSE", "max_map": 12}, {"map_form": "SPARSE", "max_map": 3}):
            columns = range(form["max_map"]) if form else sorted(spelled)
            name = f"{to}_{form.get('max_map', 'dense')}"
            map_case(f"cast_{name}", "CastMap", real, map_type(I64, F32), tensor(d), cast_to=to, **form)
            map_case(f"cast_text_{name}", "CastMap", spelled, map_type(I64, TEXT), tensor(d), cast_to=to,
                     answer=np.array([[convert(spelled[k]) if k in spelled else zero for k in columns]], d), **form)
    map_case("cast_default", "CastMap", {-3: 1.0, 4: 1e30}, map_type(I64, F32), tensor(F32))
    map_case("cast_max_map_1", "CastMap", {1: 2.0}, map_type(I64, F32), tensor(F32), map_form="SPARSE")
    map_case("cast_negative", "CastMap", {-3: 1.0}, map_type(I64, F32), tensor(F32), map_form="SPARSE", max_map=9, refused="the key -3 is no column")
    map_case("cast_no_number", "CastMap", {3: "x"}, map_type(I64, TEXT), tensor(F32), refused="'x', is no number")
    map_case("cast_to_what", "CastMap", {3: 1.0}, map_type(I64, F32), tensor(F32), cast_to="TO_COMPLEX", refused="TO_COMPLEX")
    map_case("cast_form", "CastMap", {3: 1.0}, map_type(I64, F32), tensor(F32), map_form="LOOSE", refused="map_form")
    map_case("cast_from_double", "CastMap", {3: 1.0}, map_type(I64, F64), tensor(F32), refused="from i64 to f32 or string")
    map_case("cast_vast", "CastMap", {3: 1.0}, map_type(I64, F32), tensor(F32), map_form="SPARSE", max_map=-1, refused="max_map is -1")


# ---------------------------------------------------------------- linear models
def linear():
    weights = [0.5, -0.25, 1.0, 0.125, 0.75, -0.5, 0.25, 0.25, -1.0]
    for how, d in itertools.product(TRANSFORMS, (F32, F64, I32, I64)):
        x = np.abs(rows(dtype=d)) * (d.type(0.1) if d.kind == "f" else 1)
        scale = 0.1 if d.kind == "i" else 1.0
        w = [abs(v) * scale * 0.3 for v in weights]  # PROBIT wants scores between 0 and 1
        case(f"regress_{how}_{d}", "LinearRegressor", [x], [F32], coefficients=w, intercepts=[0.1, 0.2, 0.15], targets=3, post_transform=how)
        case(f"regress_one_{how}_{d}", "LinearRegressor", [x], [F32], coefficients=w[:3], intercepts=[0.1], post_transform=how)
        case(f"classify_{how}_{d}", "LinearClassifier", [x], [I64, F32], coefficients=w, intercepts=[0.1, 0.2, 0.15], classlabels_ints=[7, 9, 3], post_transform=how)
        case(f"classify_text_{how}_{d}", "LinearClassifier", [x], [TEXT, F32], coefficients=w[:6], intercepts=[0.1, 0.2], classlabels_strings=["no", "yes"], post_transform=how, multi_class=1)
        if how != "PROBIT":  # onnxruntime leaves half of the scores unwritten
            case(f"classify_one_{how}_{d}", "LinearClassifier", [rows(dtype=d)], [I64, F32], coefficients=weights[:3], intercepts=[0.1], classlabels_ints=[7, 9], post_transform=how)
    case("regress_no_intercepts", "LinearRegressor", [rows()], [F32], coefficients=weights[:6], targets=2)
    case("classify_row", "LinearClassifier", [rows()[0]], [I64, F32], coefficients=weights[:6], intercepts=[0.1, 0.2], classlabels_ints=[0, 1])


# ---------------------------------------------------------------- support vectors
def machines():
    vectors = rng.normal(0, 1, (9, 3)).round(3)
    flat, three = [float(v) for v in vectors.ravel()], [float(v) for v in rng.normal(0, 1, 18).round(3)]
    one = [float(v) for v in rng.normal(0, 1, 9).round(3)]
    for kernel, d in itertools.product(("LINEAR", "POLY", "RBF", "SIGMOID"), (F32, F64, I32, I64)):
        own = dict(kernel_type=kernel, kernel_params=[0.4, 0.3, 3.0])
        case(f"svr_{kernel}_{d}", "SVMRegressor", [rows(dtype=d)], [F32], coefficients=one, n_supports=9, rho=[0.25], support_vectors=flat, **own)
        pair = dict(support_vectors=flat, classlabels_ints=[7, 9], vectors_per_class=[4, 5], coefficients=one, rho=[0.1], **own)
        many = dict(support_vectors=flat, vectors_per_class=[4, 2, 3], coefficients=three, rho=[0.1, -0.2, 0.3], **own)
        sure = dict(prob_a=[-1.5, -0.75, -2.0], prob_b=[0.1, 0.2, -0.1])
        case(f"svc_two_{kernel}_{d}", "SVMClassifier", [rows(dtype=d)], [I64, F32], **pair)
        case(f"svc_two_sure_{kernel}_{d}", "SVMClassifier", [rows(dtype=d)], [I64, F32], prob_a=[-1.5], prob_b=[0.1], **pair)
        case(f"svc_{kernel}_{d}", "SVMClassifier", [rows(dtype=d)], [I64, F32], classlabels_ints=[7, 9, 3], **many)
        case(f"svc_sure_{kernel}_{d}", "SVMClassifier", [rows(dtype=d)], [TEXT, F32], classlabels_strings=["a", "b", "c"], **many, **sure)
    own = dict(kernel_type="RBF", kernel_params=[0.4, 0.0, 0.0])
    case("svr_inside", "SVMRegressor", [rows()], [F32], coefficients=one, n_supports=9, rho=[-0.5], support_vectors=flat, one_class=1, **own)
    case("svr_without_vectors", "SVMRegressor", [rows()], [F32], coefficients=one[:3], n_supports=0, rho=[0.25], **own)
    case("svr_far", "SVMRegressor", [(rows() + 1000).astype(F32)], [F32], coefficients=one, n_supports=9, rho=[0.0], support_vectors=[v + 1000 for v in flat], **own)
    # infinities and numbers that are none: some scores must stay numbers
    even = np.random.default_rng(6).normal(0, 1, (6, 3)).astype(F32)  # its own: what comes later draws from rng
    odd = even.copy()
    odd[0, 1], odd[1, 0], odd[2, 2], odd[3, 0], odd[3, 1] = np.inf, -np.inf, np.nan, np.inf, -np.inf
    spread = flat[:-1] + [float("inf")]  # only the last vector, of the last class
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        for which, x, s in (("rows", odd, flat), ("vectors", even, spread), ("both", odd, spread), ("large", (even * 1e19).astype(F32), [v * 1e19 for v in flat])):
            if which == "large" and kernel != "RBF":
                continue  # where a sum overflows depends on its order
            own_kernel = dict(kernel_type=kernel, kernel_params=[0.4, 0.3, 3.0], support_vectors=s)
            many = dict(coefficients=three, rho=[0.1, -0.2, 0.3], **own_kernel)
            name = f"infinite_{which}_{kernel}"
            case(f"svr_{name}", "SVMRegressor", [x], [F32], coefficients=one, n_supports=9, rho=[0.25], **own_kernel)
            case(f"svc_{name}", "SVMClassifier", [x], [I64, F32], classlabels_ints=[7, 9, 3], vectors_per_class=[4, 2, 3], **many)
            case(f"svc_two_{name}", "SVMClassifier", [x], [I64, F32], classlabels_ints=[7, 9], vectors_per_class=[4, 5], **{**many, "coefficients": one, "rho": [0.1]})
    case("svc_empty_class", "SVMClassifier", [even], [I64, F32], classlabels_ints=[7, 9, 3], vectors_per_class=[4, 0, 5], coefficients=three, rho=[0.1, -0.2, 0.3], support_vectors=flat, **own)
    case("svc_without_vectors", "SVMClassifier", [rows()], [I64, F32], coefficients=one, rho=[0.1, 0.2, 0.3], classlabels_ints=[7, 9, 3], **own)
    case("svc_without_vectors_two", "SVMClassifier", [rows()], [I64, F32], coefficients=one[:6], rho=[0.1], classlabels_ints=[7, 9], **own)
    case("svc_without_vectors_positive", "SVMClassifier", [rows()], [I64, F32], coefficients=np.abs(one[:6]), rho=[0.1], classlabels_ints=[7, 9], **own)
    for how in TRANSFORMS[:4]:  # near a half PROBIT is noise, there as here
        case(f"svc_sure_{how}", "SVMClassifier", [rows()], [I64, F32], classlabels_ints=[7, 9, 3], support_vectors=flat, vectors_per_class=[4, 2, 3],
             coefficients=three, rho=[0.1, -0.2, 0.3], prob_a=[-1.5, -0.75, -2.0], prob_b=[0.1, 0.2, -0.1], post_transform=how, **own)
        case(f"svc_{how}", "SVMClassifier", [rows()], [I64, F32], classlabels_ints=[7, 9, 3], support_vectors=flat, vectors_per_class=[4, 2, 3], coefficients=three, rho=[0.1, -0.2, 0.3], post_transform=how, **own)
        case(f"svc_two_{how}", "SVMClassifier", [rows()], [I64, F32], classlabels_ints=[7, 9], support_vectors=flat, vectors_per_class=[4, 5], coefficients=one, rho=[0.1], post_transform=how, **own)


# ---------------------------------------------------------------- trees
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def forest(kind, trees=5, depth=3, ids=3, low=-1.0, modes=MODES[:1], missing=False, shuffled=False, sparse=False, as_tensor=None):
    """Attributes of random trees: thresholds are halves, which inputs hit; every leaf has a weight for each id, or, sparse, for one."""
    nodes, weights = [], []
    ids = list(ids) if not isinstance(ids, int) else list(range(ids))
    for t in range(trees):
        count = 0

        def grow(level):
            nonlocal count
            number = count
            count += 1
            at = len(nodes)
            leaf = level == depth or (level > 1 and rng.random() < 0.2)
            nodes.append(None)
            if leaf:
                nodes[at] = (t, number, 0, "LEAF", 0.0, 0, 0, 0)
                own = [ids[rng.integers(len(ids))]] if sparse else ids
                weights.extend((t, number, i, round(float(rng.uniform(low, 1)), 3)) for i in own)
                return number
            feature, mode = int(rng.integers(3)), modes[rng.integers(len(modes))]
            split = float(rng.integers(-3, 4)) / 2
            yes, no = grow(level + 1), grow(level + 1)
            nodes[at] = (t, number, feature, mode, split, yes, no, int(missing and rng.random() < 0.5))
            return number

        grow(0)
    if shuffled:
        nodes = sorted((nodes[i] for i in rng.permutation(len(nodes))), key=lambda n: n[1] != 0)  # ONNX's reference wants roots first
        weights = [weights[i] for i in rng.permutation(len(weights))]
    n, w = list(zip(*nodes)), list(zip(*weights))
    of = dict(nodes_treeids=n[0], nodes_nodeids=n[1], nodes_featureids=n[2], nodes_modes=n[3], nodes_truenodeids=n[5], nodes_falsenodeids=n[6])
    of.update({f"{kind}_treeids": w[0], f"{kind}_nodeids": w[1], f"{kind}_ids": w[2]})
    if as_tensor:
        of.update({"nodes_values_as_tensor": numpy_helper.from_array(np.array(n[4], as_tensor)), f"{kind}_weights_as_tensor": numpy_helper.from_array(np.array(w[3], as_tensor))})
    else:
        of.update({"nodes_values": n[4], f"{kind}_weights": w[3]})
    if missing:
        of["nodes_missing_value_tracks_true"] = n[7]
    if kind == "target" and len(ids) == 1:
        of["n_targets"] = 1
    return {k: list(v) if isinstance(v, tuple) else v for k, v in of.items()}


def grid(d=F32, nans=False):
    x = (rng.integers(-6, 7, (20, 3)) / 4).astype(d) if d.kind == "f" else rng.integers(-2, 3, (20, 3)).astype(d)
    if nans:
        x[rng.random(x.shape) < 0.2] = np.nan
    return x


def trees():
    for how, d in itertools.product(("SUM", "AVERAGE", "MIN", "MAX"), (F32, F64, I32, I64)):
        case(f"forest_{how}_{d}", "TreeEnsembleRegressor", [grid(d)], [F32], aggregate_function=how, **forest("target", ids=1))
        case(f"forest_{how}_many_{d}", "TreeEnsembleRegressor", [grid(d)], [F32], aggregate_function=how, n_targets=3, base_values=[0.5, -0.25, 1.0], **forest("target", ids=3))
    for mode in MODES:
        case(f"forest_{mode}", "TreeEnsembleRegressor", [grid()], [F32], **forest("target", ids=1, modes=(mode,)))
        case(f"forest_{mode}_missing", "TreeEnsembleRegressor", [grid(nans=True)], [F32], **forest("target", ids=1, modes=(mode,), missing=True))
    case("forest_mixed", "TreeEnsembleRegressor", [grid(nans=True)], [F32], n_targets=2, reference=True, **forest("target", 20, 6, 2, modes=MODES[:5], missing=True, shuffled=True))
    case("forest_sparse", "TreeEnsembleRegressor", [grid()], [F32], n_targets=3, **forest("target", 12, sparse=True))
    case("forest_base", "TreeEnsembleRegressor", [grid()], [F32], base_values=[2.5], **forest("target", ids=1))
    case("forest_wide", "TreeEnsembleRegressor", [grid(F64)], [F32], n_targets=2, base_values_as_tensor=numpy_helper.from_array(np.array([0.1, 0.2])),
         **forest("target", ids=2, as_tensor=np.float64))
    case("forest_leaf_only", "TreeEnsembleRegressor", [grid()], [F32], **forest("target", ids=1, depth=0))
    case("forest_no_rows", "TreeEnsembleRegressor", [grid()[:0]], [F32], **forest("target", ids=1))
    for how in TRANSFORMS:
        case(f"forest_to_{how}", "TreeEnsembleRegressor", [grid()], [F32], n_targets=2, post_transform=how, aggregate_function="AVERAGE", **forest("target", ids=2, low=0.6))
        case(f"forest_one_to_{how}", "TreeEnsembleRegressor", [grid()], [F32], post_transform=how, aggregate_function="AVERAGE", **forest("target", ids=1, low=0.6))
        for d in (F32, F64, I64):
            case(f"vote_{how}_{d}", "TreeEnsembleClassifier", [grid(d)], [I64, F32], classlabels_int64s=[7, 9, 3], post_transform=how, **forest("class", trees=1 if how == "PROBIT" else 5, low=0.0))
        case(f"vote_mixed_{how}", "TreeEnsembleClassifier", [grid()], [TEXT, F32], classlabels_strings=["a", "b", "c", "d"], post_transform=how,
             **forest("class", trees=1 if how == "PROBIT" else 5, ids=4, low=0.0 if how == "PROBIT" else -1.0))
        if how == "PROBIT":
            continue
        for sign, low in (("positive", 0.0), ("mixed", -1.0)):
            case(f"vote_one_{sign}_{how}", "TreeEnsembleClassifier", [grid()], [I64, F32], classlabels_int64s=[7, 9], post_transform=how, **forest("class", ids=1, low=low))
            case(f"vote_one_{sign}_{how}_base", "TreeEnsembleClassifier", [grid()], [TEXT, F32], classlabels_strings=["no", "yes"], base_values=[0.25], post_transform=how, **forest("class", ids=1, low=low))
    case("vote_base", "TreeEnsembleClassifier", [grid()], [I64, F32], classlabels_int64s=[7, 9, 3], base_values=[0.5, -0.5, 0.25], **forest("class"))
    case("vote_missing", "TreeEnsembleClassifier", [grid(nans=True)], [I64, F32], classlabels_int64s=[7, 9, 3], reference=True, **forest("class", modes=MODES[:5], missing=True, shuffled=True))
    case("vote_wide", "TreeEnsembleClassifier", [grid(F64)], [I64, F32], classlabels_int64s=[7, 9, 3], **forest("class", as_tensor=np.float64))
    case("vote_two", "TreeEnsembleClassifier", [grid()], [I64, F32], classlabels_int64s=[7, 9], reference=True, **forest("class", ids=2))
    case("vote_two_base", "TreeEnsembleClassifier", [grid()], [I64, F32], classlabels_int64s=[7, 9], base_values=[0.5, -0.25], reference=True, **forest("class", ids=2))


def ensemble(d, trees, **attributes):
    """The same as opset 5 has it: every third branch asks for membership."""
    of = forest("target", trees, modes=MODES, missing=True, ids=2)
    number = {(t, n): i for i, (t, n) in enumerate(zip(of["nodes_treeids"], of["nodes_nodeids"]))}
    mode, leaves, branches = of["nodes_modes"], {}, {}
    for i, m in enumerate(mode):
        into = leaves if m == "LEAF" else branches
        into[i] = len(into)
    out = dict(nodes_featureids=[], nodes_truenodeids=[], nodes_falsenodeids=[], nodes_trueleafs=[], nodes_falseleafs=[], nodes_missing_value_tracks_true=[])
    splits, modes, members = [], [], []
    for i in branches:
        out["nodes_featureids"].append(of["nodes_featureids"][i])
        out["nodes_missing_value_tracks_true"].append(of["nodes_missing_value_tracks_true"][i])
        member = i % 3 == 0
        splits.append(0.0 if member else of["nodes_values"][i])
        modes.append(6 if member else MODES.index(mode[i]))
        if member:
            members += [*sorted({float(v) for v in rng.integers(1, 4, 2)}), np.nan]  # onnxruntime knows whole numbers above 0 alone
        for way in ("true", "false"):
            to = number[of["nodes_treeids"][i], of[f"nodes_{way}nodeids"][i]]
            out[f"nodes_{way}leafs"].append(int(to in leaves))
            out[f"nodes_{way}nodeids"].append(leaves.get(to, branches.get(to)))
    make = lambda v, t=d: numpy_helper.from_array(np.array(v, t))
    first = [of["target_weights"][k] for k in range(0, len(of["target_weights"]), 2)]
    out.update(leaf_targetids=[k % 2 for k in range(len(first))], leaf_weights=make(first), nodes_splits=make(splits), nodes_modes=make(modes, np.uint8),
               membership_values=make(members), tree_roots=[branches[number[t, 0]] for t in range(trees)], n_targets=2)
    case(attributes.pop("name"), "TreeEnsemble", [2 * np.abs(grid(d, nans=True))], [d], version=5, **out, **attributes)


def ensembles():
    for how, d in itertools.product(range(4), (F32, F64)):
        ensemble(d, 5, name=f"ensemble_{how}_{d}", aggregate_function=how)
    for how in range(1, 4):
        ensemble(F32, 3, name=f"ensemble_to_{how}", post_transform=how)


# ---------------------------------------------------------------- what no model may be
def hostile():
    def tree(name, words, change, kind="target", op="TreeEnsembleRegressor", outputs=(F32,), **more):
        of = {**forest(kind, trees=2, depth=2, ids=1), **more}
        change(of)
        case(f"hostile_{name}", op, [grid()], list(outputs), refused=words, **of)

    def put(key, at, value):
        return lambda of: of[key].__setitem__(at, value)

    tree("circle", "two roots", lambda of: (put("nodes_truenodeids", 1, 1)(of), put("nodes_modes", 1, "BRANCH_LEQ")(of)))
    tree("circle_of_a_tree", "circle", put("nodes_truenodeids", 0, 0))
    tree("two_roots", "two roots", put("nodes_truenodeids", 0, 4))
    tree("no_such_node", "not there", put("nodes_falsenodeids", 0, 99))
    tree("same_node", "one number", put("nodes_nodeids", 2, 1))
    tree("mode", "mode", put("nodes_modes", 0, "BRANCH_SIDEWAYS"))
    tree("feature_below", "column", put("nodes_featureids", 0, -1))
    tree("feature_above", "columns", put("nodes_featureids", 0, 3))
    tree("feature_far", "column", put("nodes_featureids", 0, 2**62))
    tree("weight_of_no_node", "node that is not there", put("target_nodeids", 0, 1000))
    tree("target", "target", put("target_ids", 0, 7))
    tree("target_below", "target", put("target_ids", 0, -1))
    tree("short", "length", lambda of: of["nodes_values"].pop() if isinstance(of["nodes_values"], list) else None)
    tree("no_nodes", "length", lambda of: [of.__setitem__(k, None) for k in list(of) if k.startswith("nodes")])
    tree("base", "base_values", lambda of: None, base_values=[1.0, 2.0])
    tree("transform", "post_transform", lambda of: None, kind="class", op="TreeEnsembleClassifier", outputs=(I64, F32), post_transform="CUBED",
         classlabels_int64s=[1, 2, 3], class_ids=[0] * 8)
    tree("no_labels", "labels", lambda of: None, kind="class", op="TreeEnsembleClassifier", outputs=(I64, F32))
    u8 = lambda v: numpy_helper.from_array(np.array(v, np.uint8))
    f32 = lambda v: numpy_helper.from_array(np.array(v, np.float32))
    five = dict(nodes_featureids=[0, 0], nodes_truenodeids=[1, 0], nodes_falsenodeids=[0, 1], nodes_trueleafs=[0, 1], nodes_falseleafs=[1, 1], nodes_modes=u8([0, 0]),
                nodes_splits=f32([0, 1]), leaf_targetids=[0, 0], leaf_weights=f32([1, 2]), tree_roots=[0], n_targets=1)
    for name, words, change in (
        ("circle", "circle", dict(nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 0])), ("own_circle", "circle", dict(nodes_truenodeids=[0, 0])),
        ("outside", "outside", dict(nodes_falsenodeids=[2, 1])), ("root", "outside", dict(tree_roots=[2])), ("members", "members", dict(nodes_modes=u8([6, 0]))),
        ("mode", "mode", dict(nodes_modes=u8([0, 200]))), ("short", "length", dict(nodes_modes=u8([0]))), ("target", "target", dict(leaf_targetids=[0, 5]))):
        case(f"hostile_ensemble_{name}", "TreeEnsemble", [grid()], [F32], version=5, refused=words, **{**five, **change})
    machine = dict(kernel_type="RBF", kernel_params=[1.0, 0, 0], support_vectors=[0.0] * 9, coefficients=[1.0] * 6, rho=[0.0] * 3, classlabels_ints=[1, 2, 3])
    case("hostile_svc_below", "SVMClassifier", [rows()], [I64, F32], refused="vectors_per_class", vectors_per_class=[-1, 2, 2], **machine)
    case("hostile_svc_above", "SVMClassifier", [rows()], [I64, F32], refused="vectors_per_class", vectors_per_class=[2**40, 1, 1], **machine)
    case("hostile_svc_rho", "SVMClassifier", [rows()], [I64, F32], refused="rho", vectors_per_class=[1, 1, 1], **{**machine, "rho": [0.0]})
    case("hostile_svc_columns", "SVMClassifier", [rows(c=2)], [I64, F32], refused="columns", vectors_per_class=[1, 1, 1], **machine)
    case("hostile_svr", "SVMRegressor", [rows()], [F32], refused="do not fit", n_supports=2**40, coefficients=[1.0], rho=[0.0], support_vectors=[1.0] * 3)
    case("hostile_linear", "LinearClassifier", [rows()], [I64, F32], refused="do not fit", coefficients=[1.0] * 7, intercepts=[0.0] * 3, classlabels_ints=[1, 2, 3])
    case("hostile_encoder", "LabelEncoder", [np.array([1])], [I64], refused="as many keys", keys_int64s=[1, 2], values_int64s=[1])
    case("hostile_one_hot", "OneHotEncoder", [np.array([1, 9])], [F32], refused="outside", cats_int64s=[1, 2], zeros=0)


# ---------------------------------------------------------------- models of scikit-learn, where it is
def learned():
    """Written by skl2onnx; returns why there are none."""
    try:
        from skl2onnx import to_onnx
        from sklearn import datasets, ensemble as trees_of, linear_model, naive_bayes, neural_network, pipeline, preprocessing, svm, tree
    except ImportError as e:
        return str(e)
    x, y = datasets.load_iris(return_X_y=True)
    x, two = x.astype(np.float32), (y > 0).astype(np.int64)
    word = np.array(["setosa", "versicolor", "virginica"])[y]
    models = {
        "forest": (trees_of.RandomForestClassifier(8, max_depth=5, random_state=0), y), "forest_two": (trees_of.RandomForestClassifier(8, max_depth=4, random_state=0), two),
        "forest_text": (trees_of.RandomForestClassifier(5, max_depth=4, random_state=0), word), "extra": (trees_of.ExtraTreesClassifier(5, random_state=0), y),
        "boosting": (trees_of.GradientBoostingClassifier(n_estimators=6, random_state=0), y), "boosting_two": (trees_of.GradientBoostingClassifier(n_estimators=6, random_state=0), two),
        "forest_values": (trees_of.RandomForestRegressor(6, max_depth=5, random_state=0), x[:, 0] * 2),
        "boosting_values": (trees_of.GradientBoostingRegressor(n_estimators=6, random_state=0), x[:, 0] * 2), "tree": (tree.DecisionTreeClassifier(random_state=0), y),
        "logistic": (linear_model.LogisticRegression(max_iter=300), y), "logistic_two": (linear_model.LogisticRegression(), two), "ridge": (linear_model.Ridge(), x @ np.ones((4, 2))),
        "svc_rbf": (svm.SVC(probability=True, random_state=0), y), "svc_poly": (svm.SVC(kernel="poly", probability=True, random_state=0), word),
        "svc_sigmoid": (svm.SVC(kernel="sigmoid"), y), "svc_two": (svm.SVC(probability=True, random_state=0), two), "svc_linear": (svm.LinearSVC(), y),
        "svr": (svm.SVR(), x[:, 0]), "one_class": (svm.OneClassSVM(nu=0.2), y), "mlp": (neural_network.MLPClassifier((8,), max_iter=40, random_state=0), y),
        "bayes": (naive_bayes.GaussianNB(), y),
    }
    for name, (model, target) in models.items():
        steps = pipeline.make_pipeline(preprocessing.StandardScaler(), preprocessing.Normalizer("l2"), model) if name in ("logistic", "svc_rbf") else model
        steps.fit(x, target)
        CASES[f"learned_{name}"] = to_onnx(steps, x[:1], target_opset={"": 18, ML: 3}), {"X": x[::7]}  # with ZipMap, as it comes
        if hasattr(steps, "classes_") and name != "svc_linear":
            CASES[f"learned_{name}_plain"] = to_onnx(steps, x[:1], target_opset={"": 18, ML: 3}, options={"zipmap": False}), {"X": x[::7]}
    return None


# ---------------------------------------------------------------- writing
def proto_of(value, name, kind):
    if isinstance(value, list):
        return onnx.SequenceProto(name=name, elem_type=onnx.SequenceProto.MAP, map_values=[proto_of(v, "", kind.sequence_type.elem_type) for v in value])
    if not isinstance(value, dict):
        return numpy_helper.from_array(np.asarray(value, order="C"), name)
    key, d = kind.map_type.key_type, helper.tensor_dtype_to_np_dtype(kind.map_type.value_type.tensor_type.elem_type)
    values = [numpy_helper.from_array(np.array(v, d)) for v in value.values()]
    out = onnx.MapProto(name=name, key_type=key, values=onnx.SequenceProto(elem_type=onnx.SequenceProto.TENSOR, tensor_values=values))
    if key == TensorProto.STRING:
        out.string_keys.extend(k.encode() for k in value)
    else:
        out.keys.extend(value)
    return out


def write_value(path, name, value, kind):
    with open(path, "wb") as f:
        f.write(proto_of(value, name, kind).SerializeToString(deterministic=True))


def swapped(model):
    """The schema numbers TreeEnsemble's transforms SOFTMAX 1, LOGISTIC 2; onnxruntime takes them the other way round."""
    out = onnx.ModelProto.FromString(model.SerializeToString())
    for a in out.graph.node[0].attribute:
        if a.name == "post_transform" and a.type == onnx.AttributeProto.INT and a.i in (1, 2):
            a.i = 3 - a.i
    return out


def answers_of(name, model, feed):
    if name in ANSWERS:
        return ANSWERS[name]
    if name in REFERENCE:
        return ReferenceEvaluator(model).run(None, feed)
    o = onnxruntime.SessionOptions()
    o.log_severity_level = 4
    run = lambda m, f: onnxruntime.InferenceSession(m.SerializeToString(), o, providers=["CPUExecutionProvider"]).run(None, f)
    try:
        return run(swapped(model), feed)
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:  # it lacks the type: the same numbers as floats
        as_floats = onnx.ModelProto.FromString(model.SerializeToString())
        as_floats.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
        return run(as_floats, {k: v.astype(np.float32) for k, v in feed.items()})


def write(folder, name, model, feed):
    where = os.path.join(folder, name)
    shutil.rmtree(where, ignore_errors=True)
    outs = [] if name in REFUSED else answers_of(name, model, feed)
    os.makedirs(os.path.join(where, "test_data_set_0"))
    with open(os.path.join(where, "model.onnx"), "wb") as f:
        f.write(model.SerializeToString(deterministic=True))
    if name in REFUSED:
        with open(os.path.join(where, "refused.txt"), "w") as f:
            f.write(REFUSED[name])
    for side, values, infos in (("input", list(feed.items()), model.graph.input), ("output", list(zip((o.name for o in model.graph.output), outs)), model.graph.output)):
        for j, (n, v) in enumerate(values):
            write_value(os.path.join(where, "test_data_set_0", f"{side}_{j}.pb"), n, v, next(i.type for i in infos if i.name == n))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for make in (numbers, lookups, maps, linear, machines, trees, ensembles, hostile):
        make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing = learned()
    bad = []
    for name, (model, feed) in CASES.items():
        try:
            write(sys.argv[1], name, model, feed)
        except Exception as e:  # a case that its peer does not run is none
            bad.append(f"{name}: {str(e)[:300]}")
    print(f"{len(CASES) - len(bad)} cases in {sys.argv[1]}" + (f"; none of scikit-learn's: {missing}" if missing else ""))
    if bad:
        sys.exit("\n".join(bad))


if __name__ == "__main__":
    main()
