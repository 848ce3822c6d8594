"""Strings: what only they have, and what moves them like numbers."""
import numpy as np

from graph import TEXT
from grow import Unfit
from table import family

MOST = 200  # elements


def text(g, **more):
    return g.value([TEXT], test=lambda x: x.size <= MOST, **more)


@family(1.5)
def joined(g):
    if g.opset < 20:
        raise Unfit("opset")
    a = text(g)
    g.node("StringConcat", [a, g.partner(a)])


@family(1)
def parted(g):
    if g.opset < 20:
        raise Unfit("opset")
    g.node("StringSplit", [text(g, rank=g.int(0, 2))], outputs=2, delimiter=g.pick([None, "", ",", "a", "-"]), maxsplit=g.pick([None, 0, 1, 2]))


@family(1)
def normalized(g):
    a = text(g, rank=g.int(1, 2))
    if g.a(a).ndim == 2 and g.a(a).shape[0] != 1:
        a = g.node("Reshape", [a, g.const([1, -1])])
    g.node("StringNormalizer", [a], case_change_action=g.pick([None, "NONE", "LOWER", "UPPER"]), is_case_sensitive=g.int(0, 1), stopwords=g.pick([None, ["a", "the"], ["The end", "cat"]]))


@family(1)
def matched(g):
    if g.opset < 20:
        raise Unfit("opset")
    g.node("RegexFullMatch", [text(g)], pattern=g.pick(["[a-c]+", "(the|The).*", "\\w*", ".*[ ,].*", "a|b|cat", "[^a]*", "(?i)ab?", "\\d{1,2}"]))


@family(1)
def counted(g):
    """TfIdfVectorizer, of text and of numbers."""
    words = ["a", "ab", "the", "cat"]
    numbers = [1, 2, 3, 5]
    is_text = g.chance(0.5)
    a = text(g, rank=g.int(1, 2), constant=None) if is_text else g.value([np.int64, np.int32], rank=g.int(1, 2), lo=-9, hi=9, test=lambda x: x.size <= MOST)
    if not g.a(a).size:
        raise Unfit("empty")
    pairs = [0, 1, 2, 3]
    pool = {"pool_strings": words + [words[i] for i in pairs]} if is_text else {"pool_int64s": numbers + [numbers[i] for i in pairs]}
    weights = [0.5, 1.0, 2.0, 3.0, 0.25, 4.0] if g.chance(0.5) else None
    g.node("TfIdfVectorizer", [a], mode=g.pick(["TF", "IDF", "TFIDF"]), min_gram_length=1, max_gram_length=2, max_skip_count=g.int(0, 1), ngram_counts=[0, 4],
           ngram_indexes=[0, 1, 2, 3, 4, 5], weights=weights, **pool)


@family(3)
def text_moved(g):
    a = text(g, least=1)
    x = g.a(a)
    if not x.size:
        raise Unfit("empty")
    axis = g.int(0, x.ndim - 1)
    kind = g.int(0, 9)
    if kind == 0:
        return g.node("Transpose", [a], perm=[int(i) for i in g.rng.permutation(x.ndim)])
    if kind == 1:
        return g.node("Reshape", [a, g.const([-1])])
    if kind == 2:
        return g.node("Gather", [a, g.new(g.array(np.int64, g.shape(g.int(0, 1)), -x.shape[axis], x.shape[axis] - 1))], axis=axis)
    if kind == 3:
        return g.node("Slice", [a, g.const([g.int(0, 1)]), g.const([g.int(1, 5)]), g.const([axis]), g.const([g.pick([1, 2])])])
    if kind == 4:
        return g.node("Concat", [a, a if g.chance(0.5) else g.new(g.array(TEXT, x.shape))], axis=axis)
    if kind == 5:
        k = g.int(0, x.shape[axis])
        return g.node("Split", [a, g.const([k, x.shape[axis] - k])], outputs=2, axis=axis)
    if kind == 6:
        return g.node(g.pick(["Tile", "Expand"]), [a, g.const([g.pick([1, 2]) if d == 1 else 1 for d in x.shape])])
    if kind == 7:
        return g.node("Where", [g.partner(a, np.bool_), a, g.partner(a)])
    if kind == 8:
        return g.node(g.pick(["Identity", "Shape", "Size", "Flatten"]), [a])
    g.node("Unsqueeze", [a, g.const([axis])])


@family(1.5)
def text_equal(g):
    if g.opset < 19:
        raise Unfit("opset")
    a = text(g)
    g.node("Equal", [a, g.partner(a)])


@family(1)
def text_cast(g):
    """Numbers written and read: whole ones, whose spelling is agreed on."""
    v = g.value([np.int32, np.int64, np.int8, np.uint8, np.int16], test=lambda x: 0 < x.size <= MOST)
    said = g.node("Cast", [v], to=8)
    if g.chance(0.7):
        g.node("Cast", [said], to=g.pick([1, 6, 7, 11]))
