"""PER307 tree-drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.prioritised.draws.tree import SumTree, trees_of
from per_audit.graph.symbolic import strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding

_ROUNDED = (
    "in 32 bits: what is rounded off adds up, and is more than all that is left where priorities fall a millionfold"
)
_ADDED = "it is added to here"
_PLAIN = ("const", "param", "field", "pow", "abs", "maximum", "max", "element", "item")
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
        self.sums = np.zeros(2 * capacity, dtype=np.float32)

    def put(self, slot, priority):
        node = slot + self.capacity
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] += change  # <- PER307

    def find(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity
"""
_TORCH = _TREE.replace("import numpy as np", "import torch").replace(
    "np.zeros(2 * capacity, dtype=np.float32)", "torch.zeros(2 * capacity)"
)
_DOUBLE = _TREE.replace(", dtype=np.float32", "").replace("  # <- PER307", "")
_ANEW = _TREE.replace(
    "self.sums[node] += change  # <- PER307", "self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]"
)
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
        total = float(self.tree.sums[1])
        slots = [self.tree.find(random.random() * total) for _ in range(n)]
        p = np.array([float(self.tree.sums[slot + self.capacity]) for slot in slots]) / total
        weights = (self.size * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, (error + 1e-6) ** 0.6)
"""
_RUNNING = """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.capacity, self.at, self.size = [None] * capacity, capacity, 0, 0
        self.priorities, self.total = np.zeros(capacity), 0.0

    def put(self, slot, priority):
        self.total += priority - self.priorities[slot]  # <- PER307
        self.priorities[slot] = priority

    def add(self, row):
        self.rows[self.at] = row
        self.put(self.at, 1.0)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        p = self.priorities / self.total
        slots = np.random.choice(self.capacity, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.put(slot, (error + 1e-6) ** 0.6)
"""
_SPREAD = _RUNNING.replace(
    "        self.put(self.at, 1.0)\n",
    "        self.total -= self.priorities[self.at]\n"
    "        self.priorities[self.at] = 1.0\n"
    "        self.total += 1.0\n",
)
_REFRESHED = _RUNNING.replace("  # <- PER307", "").replace(
    "        p = self.priorities / self.total",
    "        self.total = self.priorities.sum()\n        p = self.priorities / self.total",
)


def _project(tree: str) -> dict[str, str]:
    return {"tree.py": tree, "memory.py": _MEMORY, "train.py": _TRAIN}


class TreeDrift(Rule):
    """The sum of the priorities is kept by adding differences, and drifts away from them.

    ## What it does

    Reports sum trees of 32 bits whose parents are updated by the difference of a leaf's new and old priority: trees of
    a few leaves are tried out by the class's own methods. Also a running sum that numpy's `choice` is given
    probabilities by, and that nothing ever computes anew.

    ## Why is this bad

    Each difference rounds to the precision of the sum. Once priorities have fallen, from 1000 to 0.001 say, what was
    rounded off is larger than what is left: masses are drawn that no leaf has, and the weights divide by a wrong total.
    `numpy.random.choice` raises an error where its probabilities do not sum to 1 within 1.5e-8.

    ## Known problems

    Sums of 64 bits in a tree are not reported: their drift is far below any priority. A running sum that is computed
    anew in a method that nobody calls counts as computed.

    ## Example

    ```python
    self.sums = np.zeros(2 * capacity, dtype=np.float32)
    ...
    self.sums[parent] += new - old
    ```

    ## Use instead

    ```python
    self.sums = np.zeros(2 * capacity)
    ...
    self.sums[parent] = self.sums[2 * parent] + self.sums[2 * parent + 1]
    ```

    ## Fix safety

    An array of 64 bits in place of one of 32 bits is safe in NumPy; with PyTorch what is computed from it becomes one
    of 64 bits as well, which is unsafe. A sum that is one number is left: it is to be computed anew before each draw.

    ## References

    - numpy.random.Generator.choice: the probabilities must sum to 1
    - Higham 1993, The accuracy of floating point summation, SIAM J. Sci. Comput. 14(4)
    """

    code = "PER307"
    name = "tree-drift"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each running sum, and for each place that adds a difference to the sums of a tree."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            name = graph.name_of(buffer)
            for places, said in (*_trees(graph, buffer), *_running(graph, buffer)):
                node, path = places[0]
                if node not in seen:
                    seen.update(each for each, _ in places)
                    yield self.finding(
                        graph,
                        path,
                        node,
                        f"`{graph.source(path, node)}` keeps the sum of the priorities by differences, {said}",
                        evidence=[graph.evidence(at, each, "added", _note(graph, each, at)) for each, at in places],
                        fix=FixOffer(title="compute the sums anew from what they are sums of"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """A sum of 32 bits while 1000 priorities fall from 1000 to 0.001, kept by differences."""
        import numpy as np

        priorities = np.random.default_rng(0).uniform(0.0, 1000.0, 1000).astype(np.float32)
        kept = priorities.sum(dtype=np.float32)
        for slot in range(1000):
            kept += np.float32(0.001) - priorities[slot]
            priorities[slot] = 0.001
        exact = float(priorities.sum(dtype=np.float64))
        assert abs(float(kept) - exact) > 0.05 * exact
        return f"the priorities sum to {exact:.3f}, the kept sum is off by over 5 %"

    bad = (
        Example("a numpy tree of 32 bits", _project(_TREE)),
        Example("a torch tree, which has 32 bits by default", _project(_TORCH)),
        Example("a running sum", {"memory.py": _RUNNING, "train.py": _TRAIN}),
        Example(
            "a running sum that is changed in several places, told once", {"memory.py": _SPREAD, "train.py": _TRAIN}
        ),
    )
    good = (
        Example("a tree of 64 bits", _project(_DOUBLE)),
        Example("32 bits, sums computed anew", _project(_ANEW)),
        Example("a sum computed before each draw", {"memory.py": _REFRESHED, "train.py": _TRAIN}),
    )


_Found = tuple[list[tuple["ir.Node", str]], str]


def _note(graph: ReplayGraph, node: ir.Node, path: str) -> str:
    """What a change of a sum does to it: `sum -= old`, `sum += new - old`, `sum += new`."""
    if isinstance(node, ir.Aug) and node.op == "-":
        return "what is replaced is taken from it here"
    added = strip(graph.symbols.term(path, node.value)) if isinstance(node, ir.Aug) else None
    return _ADDED if added is not None and added.op in _PLAIN else "a difference is added here"


def _trees(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[_Found]:
    """The additions of differences to the nodes of trees that lose what they are the sum of."""
    for tree in trees_of(graph, buffer):
        for entry in tree.entries:
            if _drifts(tree, entry.function):
                reach = graph.reachable(entry.function, 3)
                for store in graph.anatomy(buffer).stores:
                    if isinstance(store.node, ir.Aug) and store.function in reach:
                        yield [(store.node, store.path)], _ROUNDED


def _drifts(tree: SumTree, function: ir.Function) -> bool:
    """Whether the largest node of a full tree is far from the sum of leaves that have become small."""
    entry = next(entry for entry in tree.entries if entry.function is function)
    empty = tree.build(8)
    if empty is None or not tree.is_small(empty):
        return False
    exact = tree.filled(8, [2.0**count for count in range(8)], entry)
    if exact is None or max(tree.nodes(exact)) != 255.0:
        return False  # wrong for other reasons
    small = [0.001 * (slot + 1) for slot in range(8)]
    thing = tree.filled(8, [*(1000.0 / (slot + 3) for slot in range(8)), *small], entry)
    return thing is not None and abs(max(tree.nodes(thing)) - sum(small)) > 1e-4 * sum(small)


def _running(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[_Found]:
    """The additions to a running sum that numpy's choice is given probabilities by."""
    anatomy = graph.anatomy(buffer)
    for source in buffer.sources:
        draw = graph.events.draws.get(source)
        site = graph.events.calls.get(draw.node) if draw is not None else None
        if draw is None or draw.probabilities is None or site is None or draw.method != "choice":
            continue
        chance = strip(graph.symbols.term(draw.path, draw.probabilities))
        total = strip(chance.args[1]) if chance.op == "div" else chance
        if total.op != "field" or anatomy.is_container(total):
            continue
        writes = graph.symbols.written(total)
        added = [write for _, write, _ in writes if write is not None and write.augmented]
        if added and all((write is not None and write.augmented) or value.is_number for value, write, _ in writes):
            places = [(write.node, write.path) for write in added]
            plain = [place for place in places if _note(graph, *place) == _ADDED]
            yield (
                [p for p in places if p not in plain] + plain,
                "which numpy's `choice` needs to be exact within 1.5e-8",
            )
