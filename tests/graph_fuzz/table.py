"""The table of generators: one entry for each family of operators, @family(weight) above a function that proposes a node, or a few, to a Grow.

A proposal that the peer refuses, or whose values are not fit, is forgotten; so a family need not be right every time, only often enough.
Types come from the operators' own schemas. The families stand in families/, each file one kind; control flow is in control.py."""
import numpy as np

from graph import COMPLEX, NUMPY

FAMILIES = []  # (weight, function)
INTS = (np.int32, np.int64)
MOVED = [*NUMPY.values(), *COMPLEX.values()]  # what operators take that look at no number


def family(weight):
    def add(f):
        FAMILIES.append((weight, f))
        return f
    return add
