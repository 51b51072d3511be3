"""PER306 tree-propagation-wrong."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.prioritised.draws.tree import SIZES, SumTree, trees_of
from per_audit.graph.prioritised.priorities import leaves
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.draws.tree import Entry

_NEAR = 1e-3  # of the sum
_SLIGHT = 1e-3
_EVEN = (2, 4, 8)  # sizes at which all leaves are on one level
_LARGER = (16, 32, 64)

_TRAIN = """from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
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
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at, self.size = [None] * capacity, capacity, alpha, 0, 0
        self.tree, self.top = Tree(capacity), 1.0

    def add(self, row):
        self.rows[self.at] = row
        self.tree.set(self.at, self.top**self.alpha)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        total = self.tree.total()
        found = [self.tree.find(random.random() * total) for _ in range(n)]
        slots = [slot for slot, _ in found]
        weights = (self.size * np.array([p for _, p in found]) / total) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.set(slot, (error + 1e-6) ** self.alpha)
            self.top = max(self.top, error + 1e-6)
"""
_STOPS_BELOW = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.nodes = np.zeros(2 * capacity - 1)

    def total(self):
        return self.nodes[0]

    def set(self, slot, priority):
        at = slot + self.capacity - 1
        change = priority - self.nodes[at]
        self.nodes[at] = priority
        while at > 2:  # <- PER306
            at = (at - 1) // 2
            self.nodes[at] += change

    def find(self, mass):
        at = 0
        while 2 * at + 1 < len(self.nodes):
            left = 2 * at + 1
            if mass < self.nodes[left] or self.nodes[left + 1] == 0:
                at = left
            else:
                mass -= self.nodes[left]
                at = left + 1
        return at - self.capacity + 1, self.nodes[at]
"""
_COUNTED = """import math
import numpy as np


class Tree:
    def __init__(self, capacity):
        self.first = 2 ** math.ceil(math.log(capacity)) - 1
        self.nodes = np.zeros(2 * capacity + 2)

    def total(self):
        return self.nodes[0]

    def set(self, slot, priority):
        at = self.first + slot
        change = priority - self.nodes[at]
        self.nodes[at] = priority
        while at:  # <- PER306
            at = (at - 1) // 2
            self.nodes[at] += change

    def find(self, mass):
        at = 0
        while at < self.first:
            at = 2 * at + 1
            if mass >= self.nodes[at]:
                mass -= self.nodes[at]
                at += 1
        return at - self.first, self.nodes[at]
"""
_ABOVE = (
    _STOPS_BELOW.replace("while at > 2:  # <- PER306", "while at > 0:")
    .replace(
        """        while at > 0:
            at =""",
        """        self.lift(at, change)

    def lift(self, at, change):
        while at > 0:
            at =""",
    )
    .replace("            self.nodes[at] += change\n", "            self.nodes[at] += change\n", 1)
)
_CALLER = _MEMORY.replace(
    "            self.tree.set(slot, (error + 1e-6) ** self.alpha)\n",
    "            leaf = slot + self.tree.capacity - 1\n"
    "            priority = (error + 1e-6) ** self.alpha\n"
    "            self.tree.lift(leaf, priority - self.tree.nodes[leaf])  # <- PER306\n",
)
_RECURSIVE = """class Tree:
    def __init__(self, capacity):
        self.first = capacity - 1
        self.sums = [0.0] * (2 * capacity - 1)

    def total(self):
        return self.sums[0]

    def set(self, slot, priority):
        self._raise(slot + self.first, priority - self.sums[slot + self.first])

    def _raise(self, node, change):
        self.sums[node] += change  # <- PER306
        if (node - 1) // 2 > 0:
            self._raise((node - 1) // 2, change)

    def find(self, mass):
        return self._down(0, mass)

    def _down(self, node, mass):
        left = 2 * node + 1
        if left >= len(self.sums):
            return node - self.first, self.sums[node]
        if mass < self.sums[left] or self.sums[left + 1] == 0:
            return self._down(left, mass)
        return self._down(left + 1, mass - self.sums[left])
"""
_DEPTH = """import math
import numpy as np


class Tree:
    def __init__(self, capacity):
        self.depth = math.ceil(math.log2(capacity))
        self.leaves = 2**self.depth
        self.heap = np.zeros(2 * self.leaves)

    def total(self):
        return self.heap[1]

    def set(self, slot, priority):
        node = self.leaves + slot
        self.heap[node] = priority
        for _ in range(self.depth - 1):  # <- PER306
            node //= 2
            self.heap[node] = self.heap[2 * node] + self.heap[2 * node + 1]

    def find(self, mass):
        node = 1
        for _ in range(self.depth):
            node *= 2
            if mass >= self.heap[node] and self.heap[node + 1] > 0:
                mass -= self.heap[node]
                node += 1
        return node - self.leaves, self.heap[node]
"""
_LEFT_EARLY = """import torch


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.values = torch.zeros(2 * capacity - 1, dtype=torch.float64)

    def total(self):
        return float(self.values[0])

    def set(self, slot, priority):
        node = slot + self.capacity - 1
        change = priority - self.values[node]
        self.values[node] = priority
        while True:  # <- PER306
            node = (node - 1) // 2
            if node == 0:
                break
            self.values[node] += change

    def find(self, mass):
        node = 0
        while node < self.capacity - 1:
            left = 2 * node + 1
            if mass < self.values[left] or self.values[left + 1] == 0:
                node = left
            else:
                mass -= self.values[left]
                node = left + 1
        return node - self.capacity + 1, float(self.values[node])
"""
_STALE_CHANGE = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.nodes = np.zeros(2 * capacity)

    def total(self):
        return self.nodes[1]

    def set(self, slot, priority):
        node = slot + self.capacity
        self.nodes[node] = priority
        change = priority
        while node > 1:  # <- PER306
            node >>= 1
            self.nodes[node] += change

    def find(self, mass):
        node = 1
        while node < self.capacity:
            node = 2 * node
            if mass >= self.nodes[node] and self.nodes[node + 1] > 0:
                mass -= self.nodes[node]
                node += 1
        return node - self.capacity, self.nodes[node]
"""
_BY_ITSELF = """import numpy as np


class PriorityTree:
    def __init__(self, capacity):
        self.capacity, self.cursor, self.count = capacity, 0, 0
        self.sums, self.rows = np.zeros(2 * capacity - 1), np.empty(capacity, dtype=object)

    def push(self, priority, row):
        self.rows[self.cursor] = row
        self.put(self.cursor + self.capacity - 1, priority)
        self.cursor = (self.cursor + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)

    def put(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node >= 3:  # <- PER306
            node = (node - 1) // 2
            self.sums[node] += change

    def pick(self, mass):
        node = 0
        while 2 * node + 1 < len(self.sums):
            node = 2 * node + 1
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node, self.sums[node], self.rows[node - self.capacity + 1]


class Learner:
    def __init__(self, env, model):
        self.env, self.model, self.tree = env, model, PriorityTree(256)

    def draw(self, n, beta):
        picked = [self.tree.pick((k + np.random.rand()) * self.tree.sums[0] / n) for k in range(n)]
        nodes, p, rows = zip(*picked)
        w = (self.tree.count * np.array(p) / self.tree.sums[0]) ** -beta
        return nodes, rows, w / w.max()

    def learn(self, beta, n=16):
        nodes, rows, w = self.draw(n, beta)
        states, rewards, after, done = (np.array(column) for column in zip(*rows))
        targets = rewards + 0.9 * (1 - done) * self.model.predict(after).max(axis=1)
        errors = targets - self.model.predict(states)[:, 0]
        self.model.fit(states, targets, sample_weight=w)
        for node, error in zip(nodes, errors):
            self.tree.put(node, abs(error) + 0.01)

    def run(self, steps):
        state = self.env.reset()
        for step in range(steps):
            next_state, reward, done, _ = self.env.step(self.model.act(state))
            self.tree.push(1.0, (state, reward, next_state, done))
            state = self.env.reset() if done else next_state
            self.learn(min(1.0, 0.4 + step / steps))
"""
_LAZY = """import numpy as np


class Tree:
    def __init__(self, capacity):
        self.leaves = 1 << (capacity - 1).bit_length()
        self.heap, self.stale = np.zeros(2 * self.leaves), False

    def total(self):
        self._sum()
        return self.heap[1]

    def set(self, slot, priority):
        self.heap[self.leaves + slot] = priority
        self.stale = True

    def _sum(self):
        if self.stale:
            for node in range(self.leaves - 1, 0, -1):
                self.heap[node] = self.heap[2 * node] + self.heap[2 * node + 1]
            self.stale = False

    def find(self, mass):
        self._sum()
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.heap[node] and self.heap[node + 1] > 0:
                mass -= self.heap[node]
                node += 1
        return node - self.leaves, self.heap[node]
"""


_LEAVES = (
    "if node == 0:\n                break\n            self.values[node] += change\n",
    "self.values[node] += change\n            if node == 0:\n                break\n",
)
_CHANGE = (
    "        self.nodes[node] = priority\n        change = priority\n",
    "        change = priority - self.nodes[node]\n        self.nodes[node] = priority\n",
)

_BOTH_BELOW = (
    _STOPS_BELOW.replace(
        """            at = (at - 1) // 2
            self.nodes[at] += change
""",
        """            at = (at - 1) // 2
            self.nodes[at] = self.nodes[2 * at + 1] + self.nodes[2 * at + 2]
""",
    )
    .replace("        change = priority - self.nodes[at]\n", "")
    .replace("while at > 2", "while at > 1")
)
_MIXED_IN = (
    _BOTH_BELOW.replace("class Tree:", "class Sums:").replace("def __init__", "def begin")
    + """

class Tree(Sums):
    def __init__(self, capacity):
        self.begin(capacity)
"""
)


def _project(tree: str) -> dict[str, str]:
    return {"tree.py": tree, "memory.py": _MEMORY, "train.py": _TRAIN}


def _mended(tree: str, wrong: str, right: str) -> str:
    return tree.replace("  # <- PER306", "").replace(wrong, right)


class TreePropagationWrong(Rule):
    """A new priority does not reach the root of the sum tree.

    ## What it does

    Fills trees of a few leaves, and where these add up of up to 64, by the class's own methods, followed on small
    numbers without running the project, and reports a root that is not the sum of the leaves. Reports a change of a
    priority that is added to the sums above the leaf by a function that never writes the leaf.

    ## Why is this bad

    Masses are drawn up to the root's value. Where the root is too small, the leaves behind it are never drawn; where it
    is 0, nothing but the first leaf is; where it is too large, the search walks past the last leaf. The
    importance-sampling weights divide by the same wrong total.

    ## Known problems

    Trees whose methods use more than arithmetic, containers and array functions are not followed and not judged. A tree
    that is right for all sizes that are powers of two and wrong for others is not reported.

    ## Example

    ```python
    while node > 1:  # the root is node 0: its children are 1 and 2
        node = (node - 1) // 2
        self.tree[node] += change
    ```

    ## Use instead

    ```python
    while node > 0:
        node = (node - 1) // 2
        self.tree[node] += change
    ```

    ## Fix safety

    Not rewritten automatically. The reference's sum tree is a tested replacement.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, appendix B.2.1, the sum tree
    """

    code = "PER306"
    name = "tree-propagation-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each loop that should update the parents."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for node, path in leaves.unwritten(graph.anatomy(buffer)):
                if node not in seen:
                    seen.add(node)
                    yield self._unwritten(graph, buffer, node, path)
            for tree in trees_of(graph, buffer):
                root = _root_read(graph, buffer, tree)
                if root is None:
                    continue
                for entry in tree.entries:
                    wrong = _wrong(tree, entry, root[0])
                    if wrong is None:
                        continue
                    for node, path in _climbs(graph, buffer, entry):
                        if node not in seen:
                            seen.add(node)
                            yield self._finding(graph, buffer, tree, node, path, root, wrong)

    def _finding(
        self,
        graph: ReplayGraph,
        buffer: ReplayBuffer,
        tree: SumTree,
        node: ir.Node,
        path: str,
        root: tuple[int, ir.Node, str],
        wrong: _Wrong,
    ) -> Finding:
        name = graph.name_of(buffer)
        why = ", which lie among the nodes that hold the sums of others" if wrong.overlaps else ""
        title = "put the leaves behind all sums" if wrong.overlaps else "go up to the root and update it as well"
        return self.finding(
            graph,
            path,
            node,
            f"the root of {tree.cls.name} is not the sum of its leaves: {wrong.held:g} in place of "
            f"{wrong.expected:g} with {wrong.size} leaves{why}",
            evidence=[
                graph.evidence(path, node, "updated", "the parents of a leaf are updated here"),
                graph.evidence(root[2], root[1], "root", f"node {root[0]} is read as the sum of all priorities"),
            ],
            fix=FixOffer(title=title),
            pipeline=name,
        )

    def _unwritten(self, graph: ReplayGraph, buffer: ReplayBuffer, node: ir.Node, path: str) -> Finding:
        name = graph.name_of(buffer)
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` adds the change of a priority of {name} to the sums above it, and the leaf "
            "keeps the old priority: the root is no longer the sum of the leaves",
            evidence=[graph.evidence(path, node, "updated", "the sums are changed here, the leaf nowhere")],
            fix=FixOffer(title="write the new priority to the leaf as well"),
            pipeline=name,
        )

    def witness(self) -> str:
        """A tree of four leaves whose update stops before the root."""
        import numpy as np

        nodes = np.zeros(7)
        for leaf, priority in enumerate([1.0, 2.0, 4.0, 8.0], start=3):
            at = leaf
            nodes[at] = priority
            while at > 2:
                at = (at - 1) // 2
                nodes[at] += priority
        assert nodes[0] == 0.0
        assert nodes[3:].sum() == 15.0
        return f"leaves of {nodes[3:].sum():g} in all, a root of {nodes[0]:g}: every mass drawn is 0"

    bad = (
        Example("the loop ends below the root", _project(_STOPS_BELOW)),
        Example("the recursion ends below the root", _project(_RECURSIVE)),
        Example("a level too few", _project(_DEPTH)),
        Example("the loop is left at the root", _project(_LEFT_EARLY)),
        Example("the priority added in place of its change", _project(_STALE_CHANGE)),
        Example("a tree that holds the transitions, in one file", {"learn.py": _BY_ITSELF}),
        Example("the sums alone, by the memory", {"tree.py": _ABOVE, "memory.py": _CALLER, "train.py": _TRAIN}),
        Example(
            "levels counted by another logarithm",
            {"tree.py": _COUNTED, "memory.py": _MEMORY, "train.py": _TRAIN},
        ),
        Example("both children added up, on the way to the root's left child", _project(_BOTH_BELOW)),
        Example("sums of a class that others are mixed with", _project(_MIXED_IN)),
    )
    good = (
        Example(
            "the sums and the leaf, by the memory",
            {
                "tree.py": _ABOVE,
                "memory.py": _CALLER.replace("  # <- PER306\n", "\n            self.tree.nodes[leaf] = priority\n"),
                "train.py": _TRAIN,
            },
        ),
        Example("up to the root", _project(_mended(_STOPS_BELOW, "while at > 2", "while at > 0"))),
        Example(
            "nodes that begin a little above 0",
            _project(
                _mended(_STOPS_BELOW, "while at > 2", "while at > 0").replace(
                    "np.zeros(2 * capacity - 1)", "np.full(2 * capacity - 1, 1e-5)"
                )
            ),
        ),
        Example("a recursion up to the root", _project(_mended(_RECURSIVE, "if (node - 1) // 2 > 0", "if node > 0"))),
        Example("every level", _project(_mended(_DEPTH, "range(self.depth - 1)", "range(self.depth)"))),
        Example("left after the root", _project(_mended(_LEFT_EARLY, *_LEAVES))),
        Example("the change", _project(_mended(_STALE_CHANGE, *_CHANGE))),
        Example("sums that are made when they are asked for", _project(_LAZY)),
        Example("one file, up to the root", {"learn.py": _mended(_BY_ITSELF, "node >= 3", "node >= 1")}),
        Example(
            "levels counted by the logarithm to the base of 2",
            {
                "tree.py": _COUNTED.replace("math.log(", "math.log2(")
                .replace("2 * capacity + 2", "4 * capacity")
                .replace("  # <- PER306", ""),
                "memory.py": _MEMORY,
                "train.py": _TRAIN,
            },
        ),
        Example("both children added up to the root", _project(_mended(_BOTH_BELOW, "while at > 1", "while at > 0"))),
        Example("mixed in, up to the root", _project(_mended(_MIXED_IN, "while at > 1", "while at > 0"))),
    )


def _root_read(graph: ReplayGraph, buffer: ReplayBuffer, tree: SumTree) -> tuple[int, ir.Node, str] | None:
    """Where the code reads the first node as the sum of all: its number, the expression, its file."""
    anatomy = graph.anatomy(buffer)
    functions = {f for f in graph.priorities(buffer).around if f is not None}
    functions |= {f for cls in graph.classes.mro(tree.cls) for f in cls.body if isinstance(f, ir.Function)}
    found: list[tuple[int, str, int, ir.Node]] = []
    for function in functions:
        path = graph.project.module_of[function].path
        for node in ir.walk(function):
            if isinstance(node, ir.Sub) and isinstance(node.index, ir.Const) and node.index.value in (0, 1):
                term = graph.symbols.term(path, node)
                if anatomy.is_root(term) and anatomy.base_of(term).data[1] == tree.field:
                    found.append((int(str(node.index.value)), path, node.start, node))
    if not found:
        return None
    number, path, _, node = min(found, key=lambda entry: entry[:3])
    return number, node, path


class _Wrong(NamedTuple):
    """A size at which the root is not the sum, with what it holds and what it should.

    `overlaps`: smaller trees add up, and in this one sums have taken the place of leaves.
    """

    size: int
    held: float
    expected: float
    overlaps: bool = False


def _wrong(tree: SumTree, entry: Entry, root: int) -> _Wrong | None:
    """The smallest tree that was tried whose root is not the sum."""
    found: list[_Wrong] = []
    adds_up = False
    for size in SIZES:
        for stored in (size, 2 * size, *_in_part(tree, size)):
            priorities = [2.0**count for count in range(stored)]
            thing = tree.filled(size, priorities, entry)
            if thing is None or not tree.single(thing):
                continue
            nodes = tree.nodes(thing)
            last = priorities[-size:]
            adds_up = adds_up or any(node not in (*priorities, 0.0) for node in nodes)
            if not set(last) <= set(nodes) or _is_near(sum(last), nodes):
                continue
            found.append(_Wrong(size, nodes[root], sum(last)))
    if not adds_up or not any(wrong.size in _EVEN for wrong in found):
        return _overlapping(tree, entry, root) if adds_up and not found else None
    return found[0]


def _in_part(tree: SumTree, size: int) -> tuple[int, ...]:
    """How much is stored where the last leaves that were written are below the left half of the tree.

    A climb that ends below the root there is made good by the next leaf of the right half, whose climb adds up both.
    """
    empty = tree.build(size) if size in _EVEN else None
    fresh = empty is not None and not any(node > _SLIGHT for node in tree.nodes(empty))
    return (size // 2, size + size // 2) if fresh else ()


def _overlapping(tree: SumTree, entry: Entry, root: int) -> _Wrong | None:
    """The smallest of larger trees whose leaves begin too early, such as where its levels were counted wrongly.

    A leaf that has become a sum as well is seen by numbers of which none is the sum of others, its effect on the root
    once the leaves are written again.
    """
    for size in _LARGER:
        different, alike = [2.0**count for count in range(size)], [1.0] * (2 * size)
        first, again = tree.filled(size, different, entry), tree.filled(size, alike, entry)
        if first is None or again is None or not tree.single(first):
            return None
        nodes = tree.nodes(again)
        if not set(different) <= set(tree.nodes(first)) and not _is_near(size, nodes):
            return _Wrong(size, nodes[root], size, overlaps=True)
    return None


def _is_near(total: float, nodes: list[float]) -> bool:
    """Whether a root is the sum; nodes that begin a little above 0 are off by no more than that."""
    return any(isclose(total, top, rel_tol=_NEAR) for top in nodes[:2])


def _climbs(graph: ReplayGraph, buffer: ReplayBuffer, entry: Entry) -> Iterator[tuple[ir.Node, str]]:
    """Where a method updates the parents: the loop, or the statement of a recursion."""
    anatomy = graph.anatomy(buffer)
    reach = graph.reachable(entry.function, 3)
    stores = [store for store in anatomy.stores if store.function in reach]
    sums = [store for store in stores if isinstance(store.node, ir.Aug) or _reads(store.node)]
    for store in sums or stores:
        loops = [a for a in graph.ancestors(store.path, store.node) if isinstance(a, (ir.For, ir.While))]
        yield (loops[0] if loops else store.node), store.path


def _reads(node: ir.Node) -> bool:
    return (
        isinstance(node, ir.Assign)
        and node.value is not None
        and any(isinstance(part, ir.Sub) for part in ir.walk(node.value))
    )
