"""Gives a model that was written with fixed sizes named ones, as far as its own constants allow.

  names = name_sizes(model)         model: onnx.ModelProto, changed in place; names: of all free dimensions, in order
  fix_name(model, name, size)       for a name that turns out to be a fixed size after all

What is named: batch, height and width of pictures; batch and tokens of token ids (and of inputs as long); batch and frames of sound; the batch of a
key-value cache. Exporters write the sizes of their example into constants of integers. Those that repeat the sizes of the input are computed from its
Shape instead: the shapes given to Reshape and Expand, the places 0, 1, ... of all tokens, a mask that is true everywhere, the grid of patches, sizes that
Resize asks for. What depends on the fixed size then is a constant of the model itself, as learned positions are."""
import numpy as np
from onnx import helper, numpy_helper

AXES = {  # rank of an input, whether its elements are integers -> axis: name
    (4, False): {0: "batch", 2: "height", 3: "width"},
    (3, False): {0: "batch", 2: "frames"},
    (2, True): {0: "batch", 1: "tokens"},
    (6, False): {2: "batch"},
}
INTEGER, BOOL = 7, 9


def inputs_of(model):
    given = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in given]


def dims_of(value):
    return value.type.tensor_type.shape.dim


def names_of(model):
    """Named dimensions, in order; unnamed free ones get names."""
    out = []
    for i in inputs_of(model):
        for k, d in enumerate(dims_of(i)):
            if not d.HasField("dim_value") and not d.dim_param:
                d.dim_param = f"{i.name}_{k}"
            if d.dim_param and d.dim_param not in out:
                out.append(d.dim_param)
    return out


def fix_name(model, name, size):
    for i in model.graph.input:
        for d in dims_of(i):
            if d.dim_param == name:
                d.dim_value = size


def constants_of(model):
    """Small constants of integers and truth values by name."""
    found = {t.name: t for t in model.graph.initializer}
    found.update({n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
    return {name: numpy_helper.to_array(t) for name, t in found.items() if t.data_type in (INTEGER, BOOL) and np.prod(t.dims, dtype=np.int64) <= 4096}


def made_of_inputs(model):
    made = {i.name for i in inputs_of(model)}
    for n in model.graph.node:
        if n.op_type not in ("Shape", "Size") and any(i in made for i in n.input):
            made.update(n.output)
    return made


class Lift:
    """Nodes that compute from the Shape of the input `of` what constants hold. at: name -> its axis there and its size in the file."""

    def __init__(self, model, of, at):
        self.of, self.at, self.nodes, self.made = of, at, [], {}
        self.constants, self.live = constants_of(model), made_of_inputs(model)

    def add(self, op, ins, **attributes):
        key = (op, *ins, str(sorted(attributes.items())))
        if key not in self.made:
            self.made[key] = f"lifted_{len(self.made)}"
            self.nodes.append(helper.make_node(op, ins, [self.made[key]], **attributes))
        return self.made[key]

    def numbers(self, *v):
        return self.add("Constant", [], value_ints=[int(x) for x in v])

    def scalar(self, v):
        return self.add("Constant", [], value_int=v)

    def size(self, name):
        return self.add("Gather", [self.add("Shape", [self.of]), self.numbers(self.at[name][0])], axis=0)

    def vector(self, v, names):
        """v with some entries computed: place -> name."""
        return self.add("Concat", [self.size(names[k]) if k in names else self.numbers(x) for k, x in enumerate(v)], axis=0)

    def share(self, name, part):
        """part of the size in the file, in proportion."""
        return self.add("Div", [self.add("Mul", [self.size(name), self.numbers(part)]), self.numbers(self.at[name][1])])

    # what a constant of a model of tokens becomes

    def names_in(self, v):
        t, v = self.at["tokens"][1], list(v)
        if len(v) >= 3 and v[:2] == [1, t]:
            return {0: "batch", 1: "tokens"}
        if len(v) >= 2 and v[:2] == [-1, t] and t > 1:
            return {1: "tokens"}
        return {k: "tokens" for k, x in enumerate(v) if k >= 2 and x == t and v[0] == 1 and v[1] in (1, -1) and t > 1}

    def of_tokens(self, a):
        """None: it stays."""
        t = self.at["tokens"][1]
        if t > 1 and a.size == t and t in a.shape:
            shape = self.vector(a.shape, {a.shape.index(t): "tokens"})
            if a.dtype == bool and a.all():
                return self.add("Expand", [self.add("Cast", [self.numbers(1)], to=BOOL), shape])
            if a.dtype == np.int64 and (a.ravel() == np.arange(t)).all():
                end = self.add("Squeeze", [self.size("tokens"), self.numbers(0)])
                return self.add("Reshape", [self.add("Range", [self.scalar(0), end, self.scalar(1)]), shape])
        names = self.names_in(a) if a.dtype == np.int64 and a.ndim == 1 else {}
        return self.vector(a, names) if names else None

    # what an input of a node becomes by its place

    def leads(self, n, k):
        """A shape that begins with the batch: of a Reshape of what is computed, or of an Expand ([1, -1, -1], which exporters compare with -1)."""
        a = self.constants.get(n.input[k])
        if a is None or a.ndim != 1 or a.size < 2 or a[0] != 1 or "batch" not in self.at:
            return False
        if n.op_type == "Reshape":
            return k == 1 and n.input[0] in self.live
        return n.op_type in ("Equal", "Where", "Expand") and a.size >= 3 and -1 in a and set(a[1:]) <= {1, -1}

    def grid(self, n):
        """Height and width in a Concat of sizes: the same number twice, in one constant or two."""
        out, a = list(n.input), [self.constants.get(i) for i in n.input]
        for k, v in enumerate(a):
            if v is not None and v.shape == (2,) and v[0] == v[1] > 1:
                out[k] = self.add("Concat", [self.share("height", v[0]), self.share("width", v[0])], axis=0)
            elif k and v is not None and a[k - 1] is not None and v.shape == a[k - 1].shape == (1,) and v[0] == a[k - 1][0] > 1:
                out[k - 1], out[k] = self.share("height", v[0]), self.share("width", v[0])
        return out


def lift(model, todo):
    instead = {name: todo.of_tokens(a) for name, a in todo.constants.items()} if "tokens" in todo.at else {}
    for n in model.graph.node:
        if n.op_type == "Concat" and "height" in todo.at:
            n.input[:] = todo.grid(n)
        for k, i in enumerate(n.input):
            if instead.get(i):
                n.input[k] = instead[i]
            elif todo.leads(n, k):
                n.input[k] = todo.vector(todo.constants[i], {0: "batch"})
    nodes = [*todo.nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def name_sizes(model):
    todo = None
    for i in inputs_of(model):
        dims, integers = dims_of(i), i.type.tensor_type.elem_type == INTEGER
        axes = AXES.get((len(dims), integers), {})
        at = {name: (axis, dims[axis].dim_value) for axis, name in axes.items() if dims[axis].HasField("dim_value")}
        todo = todo or Lift(model, i.name, at)
        for axis, name in axes.items():
            if not dims[axis].dim_param:
                dims[axis].dim_param = name
    lift(model, todo)
    for o in model.graph.output:
        o.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return names_of(model)
