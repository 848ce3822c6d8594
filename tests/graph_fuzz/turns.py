"""If, Loop, Scan and SequenceMap, body by body, as the standard defines them: each node of a body is computed by itself, with the values of its turn.

So what is known of nodes is known inside of bodies too. `evaluate`: (node, values by name) -> the values of its outputs, without absent ones."""
import itertools

import numpy as np
from onnx import helper, numpy_helper

from graph import List


class Turns:
    """One run of a control node. outputs: its outputs, without absent ones; ran: (body, all values known at its end), a turn each."""

    def __init__(self, node, at, evaluate):
        self.node, self.at, self.evaluate, self.ran = node, at, evaluate, []
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        made = {"If": self.branch, "Loop": self.loop, "Scan": self.scan, "SequenceMap": self.each}[node.op_type]()
        self.outputs = [a for a, o in zip(made, node.output) if o]

    def run(self, body, *inputs):
        at = self.at | {t.name: numpy_helper.to_array(t) for t in body.initializer} | dict(zip([i.name for i in body.input], inputs))
        for n in body.node:
            at.update(zip([o for o in n.output if o], self.evaluate(n, at)))
        self.ran.append((body, at))
        return [at[o.name] for o in body.output]

    def given(self, k, otherwise=None):
        names = self.node.input
        return self.at[names[k]] if k < len(names) and names[k] else otherwise

    def branch(self):
        return self.run(self.attributes["then_branch" if self.given(0).item() else "else_branch"])

    def loop(self):
        count, on = self.given(0), self.given(1, np.asarray(True))
        states, rows = [self.at[n] for n in self.node.input[2:]], []
        for turn in itertools.count() if count is None else range(count.item()):
            if not on.item():
                break
            on, *made = self.run(self.attributes["body"], np.asarray(turn, np.int64), on, *states)
            states = made[: len(states)]
            rows.append(made[len(states):])
        if not rows and len(self.node.output) > len(states):
            raise ValueError("nothing to stack: a size is unknown")
        return states + [np.stack(column) for column in zip(*rows)]

    def scan(self):
        of, last = self.attributes, len(self.node.input)
        n = of["num_scan_inputs"]
        states, over = ([self.at[i] for i in names] for names in (self.node.input[: last - n], self.node.input[last - n:]))
        ways = of.get("scan_input_directions", [0] * n)
        parts = [np.moveaxis(x, axis, 0)[:: -1 if way else 1] for x, axis, way in zip(over, of.get("scan_input_axes", [0] * n), ways)]
        rows = []
        for row in zip(*parts):
            made = self.run(of["body"], *states, *[np.asarray(a) for a in row])
            states = made[: len(states)]
            rows.append(made[len(states):])
        columns = list(zip(*rows))
        ways, axes = of.get("scan_output_directions", [0] * len(columns)), of.get("scan_output_axes", [0] * len(columns))
        return states + [np.stack(c[:: -1 if way else 1], axis) for c, way, axis in zip(columns, ways, axes)]

    def each(self):
        items, *more = [self.at[n] for n in self.node.input]
        rows = [self.run(self.attributes["body"], item, *[m[k] if isinstance(m, List) else m for m in more]) for k, item in enumerate(items)]
        if not rows:
            raise ValueError("nothing to map: a type is unknown")
        return [List(column, column[0].dtype) for column in zip(*rows)]


def outputs_behind(node, body, need):
    """The outputs of a body that those outputs of its node hang on that are in `need`: also all states and the condition, which later turns read."""
    first = 1 if node.op_type == "Loop" else 0
    scans = next((a.i for a in node.attribute if a.name == "num_scan_inputs"), 0)
    states = {"Loop": len(node.input) - 2, "Scan": len(node.input) - scans}.get(node.op_type, 0)
    return {o.name for k, o in enumerate(body.output) if k < first + states or node.output[k - first] in need}
