"""PER305 integer-segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.anatomy import Anatomy

_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1024)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().abs().numpy())
"""
_TREE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.sums = np.zeros(2 * capacity)

    def total(self):
        return self.sums[1]

    def put(self, slot, priority):
        node = slot + self.capacity
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity
"""
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity):
        self.rows, self.capacity, self.at, self.size = [None] * capacity, capacity, 0, 0
        self.tree = Tree(capacity)

    def add(self, row):
        self.rows[self.at] = row
        self.tree.put(self.at, 1.0)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        width = self.tree.total() // n  # <- PER305
        slots = []
        for k in range(n):
            slots.append(self.tree.find(random.uniform(k * width, (k + 1) * width)))
        p = np.array([self.tree.sums[slot + self.capacity] for slot in slots]) / self.tree.total()
        weights = (self.size * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (error + 1e-6) ** 0.6)
"""
_ZERO_BASED = """class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.sums = [0.0] * (2 * capacity - 1)

    def put(self, slot, priority):
        node = slot + self.capacity - 1
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 0:
            node = (node - 1) // 2
            self.sums[node] += change

    def find(self, mass):
        node = 0
        while 2 * node + 1 < len(self.sums):
            node = 2 * node + 1
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity + 1
"""
_ROOT = _MEMORY.replace("self.tree.total()", "self.tree.sums[0]").replace(
    "self.tree.sums[slot + self.capacity]", "self.tree.sums[slot + self.capacity - 1]"
)
_LEAVES = _MEMORY.replace("width = self.tree.total() // n", "width = self.tree.sums[self.capacity :].sum() // n")
_INT = _MEMORY.replace("self.tree.total() // n", "int(self.tree.total() / n)")
_NAMED = _MEMORY.replace(
    "        width = self.tree.total() // n  # <- PER305",
    "        mass = self.tree.total()\n        width = mass // n  # <- PER305",
)
_PROPERTY_TREE = _TREE.replace("    def total", "    @property\n    def total")
_PROPERTY = _MEMORY.replace("total()", "total").replace(
    "random.uniform(k * width, (k + 1) * width)", "(k + random.random()) * width"
)
_KERAS = """import numpy as np
from memory import Memory


def train(env, model, target, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(model.predict(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        goals = rewards + 0.99 * (1 - ends) * target.predict(next_states).max(axis=1)
        errors = goals - values[np.arange(32), actions]
        values[np.arange(32), actions] = goals
        model.fit(states, values, sample_weight=weights, verbose=0)
        memory.update(slots, np.abs(errors))
"""
_LINEAR = """import numpy as np
from memory import Memory

THETA = np.zeros((4, 2))


def learn(rows, weights, rate=0.05):
    errors = np.zeros(len(rows))
    for k, (state, action, reward, next_state, end) in enumerate(rows):
        goal = reward if end else reward + 0.9 * (next_state @ THETA).max()
        errors[k] = goal - state @ THETA[:, action]
        THETA[:, action] += rate * weights[k] * errors[k] * state
    return errors


def run(env, steps):
    memory, state = Memory(256), env.reset()
    for step in range(steps):
        next_state, reward, end, _ = env.step(int(np.argmax(state @ THETA)))
        memory.add((state, 0, reward, next_state, end))
        state = env.reset() if end else next_state
        rows, slots, weights = memory.sample(16, min(1.0, 0.4 + 0.6 * step / steps))
        memory.update(slots, np.abs(learn(rows, weights)))
"""


def _project(memory: str, tree: str = _TREE) -> dict[str, str]:
    return {"tree.py": tree, "memory.py": memory, "train.py": _TRAIN}


def _mended(memory: str) -> str:
    return memory.replace("  # <- PER305", "").replace(" // n", " / n")


class IntegerSegment(Rule):
    """The mass of all priorities is divided into strata by an integer division, which loses the rest.

    ## What it does

    Reports `total // batch_size`, or `int(total / batch_size)`, where masses are drawn between multiples of the result.

    ## Why is this bad

    Priorities are small numbers: with a total of 63 and a batch of 32, the strata are 1 wide and end at 32, so that
    half of the memory is never drawn from. With a total below the batch size they are 0 wide, and every draw is the
    first leaf.

    ## Known problems

    Only totals that are read from the tree or summed in the code are recognised.

    ## Example

    ```python
    segment = self.tree.total() // batch_size
    ```

    ## Use instead

    ```python
    segment = self.tree.total() / batch_size
    ```

    ## Fix safety

    Safe: `/` takes the place of `//`, and `int` goes. A width that is needed as a whole number is left.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, appendix B.2.1: the range [0, p_total] is
      divided equally into k ranges
    """

    code = "PER305"
    name = "integer-segment"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each integer division of a total."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for source in sorted(buffer.sources, key=lambda node: node.start):
                mass = graph.events.masses.get(source)
                if mass is None or not isinstance(mass.function, ir.Function):
                    continue
                for node in ir.walk(mass.function):
                    if node not in seen and _is_whole(graph, anatomy, node, mass.path):
                        seen.add(node)
                        yield self._finding(graph, buffer, node, mass.path, mass.node)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, node: ir.Node, path: str, draw: ir.Node) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` rounds a stratum's width down: a part of the mass of {name} is never drawn",
            evidence=[
                graph.evidence(path, node, "divided", "the mass is divided into whole numbers here"),
                graph.evidence(path, draw, "drawn", "a mass is drawn inside a stratum here"),
            ],
            fix=FixOffer(title="divide without rounding"),
            pipeline=name,
        )

    def witness(self) -> str:
        """Strata of a total of 63 for a batch of 32."""
        import numpy as np

        width = 63 // 32
        masses = (np.arange(32) + np.random.default_rng(0).random(32)) * width
        assert masses.max() < 0.52 * 63
        return f"of a mass of 63, what lies above {32 * width} is never drawn"

    bad = (
        Example("a method's total", _project(_MEMORY)),
        Example("the root of a tree", _project(_ROOT, _ZERO_BASED)),
        Example("the sum of the leaves", _project(_LEAVES)),
        Example("a width that is made an int", _project(_INT)),
        Example("a total with a name", _project(_NAMED)),
        Example("a property, and a random number that is scaled", _project(_PROPERTY, _PROPERTY_TREE)),
        Example("Keras learns", {"tree.py": _TREE, "memory.py": _MEMORY, "train.py": _KERAS}),
        Example("NumPy learns, in functions", {"tree.py": _TREE, "memory.py": _MEMORY, "train.py": _LINEAR}),
    )
    good = (
        Example("divided without rounding", _project(_mended(_MEMORY))),
        Example("the root, divided", _project(_mended(_ROOT), _ZERO_BASED)),
        Example("the sum of the leaves, divided", _project(_mended(_LEAVES))),
        Example(
            "an integer division of the batch",
            _project(_mended(_MEMORY).replace("for k in range(n)", "half = n // 2\n        for k in range(2 * half)")),
        ),
        Example(
            "an integer division of the capacity",
            _project(_mended(_NAMED).replace("slots = []", "slots, middle = [], self.capacity // 2")),
        ),
        Example("a property, divided", _project(_mended(_PROPERTY), _PROPERTY_TREE)),
    )


def _is_whole(graph: ReplayGraph, anatomy: Anatomy, node: ir.Node, path: str) -> bool:
    """Whether a node divides the sum of all priorities and rounds the result to a whole number."""
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "int" and len(node.args) == 1:
        inner = node.args[0].value
        node = inner if isinstance(inner, ir.Bin) and inner.op == "/" else node
    elif not isinstance(node, ir.Bin) or node.op != "//":
        return False
    # A total over a number that is no batch size is counted in something, and told to someone.
    if not isinstance(node, ir.Bin) or isinstance(node.right, ir.Const):
        return False
    return anatomy.is_total(graph.symbols.term(path, node.left))
