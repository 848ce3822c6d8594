"""Graph K of seed S: the same on every machine, whatever the count."""
import numpy as np

import control
import families  # noqa: F401 (fills the table)
import peer
from grow import Grow

OPSETS = (13, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28)


def make(seed, number):
    """1 to 60 nodes, some of their values outputs, some dimensions of the inputs symbols."""
    rng = np.random.default_rng([seed, number])
    g = Grow(rng, int(rng.choice(OPSETS)))
    want = int(min(60, 1 + rng.exponential(12)))
    for _ in range(want * 4):
        if len(g.g.nodes) >= want:
            break
        control.step(g)
    graph = g.g
    made = [o for n in graph.nodes for o in n.output if o and isinstance(graph.at[o], np.ndarray)]
    read = {i for n in graph.nodes for i in peer.names_read(n)}
    ends = [v for v in made if v not in read]
    some = [v for v in made if v in read and rng.random() < 0.08]
    graph.outputs = list(dict.fromkeys(ends + some))[:12]
    if rng.random() < 0.5:
        for n in graph.inputs:
            graph.symbols[n] = [f"d{d}" if d != 1 and rng.random() < 0.8 else None for d in graph.at[n].shape]
    return graph.prune()
