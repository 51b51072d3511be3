"""PER301 last-slot-never-sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.prioritised.draws.short import is_length_less_one, short_sums
from per_audit.graph.prioritised.draws.tree import trees_of
from per_audit.graph.prioritised.priorities.whose import name_around
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Evidence, Finding


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
# Trees of libraries whose `sum(start, end)` was seen to leave its end out, against what they document.
_TREES = {
    "baselines.common.segment_tree.SumSegmentTree": "baselines.SumSegmentTree",
    "stable_baselines.common.segment_tree.SumSegmentTree": "stable_baselines.SumSegmentTree",
}
_MEMORY = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [], capacity, alpha, 0
        self.tree, self.top = Tree(capacity), 1.0

    def __len__(self):
        return len(self.rows)

    def add(self, row):
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.at] = row
        self.tree[self.at] = self.top**self.alpha
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        total = self.tree.sum(0, len(self.rows) - 1)  # <- PER301
        slots = [self.tree.find(random.random() * total) for _ in range(n)]
        p = np.array([self.tree[i] for i in slots]) / self.tree.sum(0, len(self.rows))
        weights = (len(self.rows) * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree[slot] = (error + 1e-6) ** self.alpha
            self.top = max(self.top, error + 1e-6)
"""
_RECURSIVE = """class Tree:
    def __init__(self, size):
        self.size = size
        self.node = [0.0] * (2 * size)

    def __setitem__(self, slot, priority):
        at = slot + self.size
        self.node[at] = priority
        while at > 1:
            at //= 2
            self.node[at] = self.node[2 * at] + self.node[2 * at + 1]

    def __getitem__(self, slot):
        return self.node[slot + self.size]

    def sum(self, start, end):
        return self._range(1, 0, self.size, start, end)

    def _range(self, at, low, high, start, end):
        if start >= high or end <= low:
            return 0.0
        if start <= low and high <= end:
            return self.node[at]
        middle = (low + high) // 2
        return self._range(2 * at, low, middle, start, end) + self._range(2 * at + 1, middle, high, start, end)

    def find(self, mass):
        at = 1
        while at < self.size:
            at *= 2
            if mass >= self.node[at]:
                mass -= self.node[at]
                at += 1
        return at - self.size
"""
_OUTSIDE = """import numpy as np


class Tree:
    def __init__(self, size):
        self.size = size
        self.node = np.zeros(2 * size)

    def __setitem__(self, slot, priority):
        self.node[slot + self.size] = priority
        _add_up(self.node, (slot + self.size) // 2)

    def __getitem__(self, slot):
        return self.node[slot + self.size]

    def sum(self, start, end):
        return self.node[start + self.size : end + self.size].sum()

    def find(self, mass):
        return _search(self.node, self.size, mass)


def _add_up(node, at):
    while at >= 1:
        node[at] = node[2 * at] + node[2 * at + 1]
        at //= 2


def _search(node, size, mass):
    at = 1
    while at < size:
        at *= 2
        if mass >= node[at]:
            mass -= node[at]
            at += 1
    return at - size
"""
_HANDED = (
    _MEMORY.replace(
        """        total = self.tree.sum(0, len(self.rows) - 1)  # <- PER301
        slots = [self.tree.find(random.random() * total) for _ in range(n)]
""",
        "        slots = _positions(self.tree, len(self.rows), n)\n",
    )
    + """

def _positions(tree, filled, n):
    total = tree.sum(0, filled - 1)  # <- PER301
    return [tree.find(random.random() * total) for _ in range(n)]
"""
)
_SLICES = """import numpy as np


class Tree:
    def __init__(self, size):
        self.leaves = 1
        while self.leaves < size:
            self.leaves *= 2
        self.sums = np.zeros(2 * self.leaves)

    def __setitem__(self, slot, priority):
        at = self.leaves + slot
        change = priority - self.sums[at]
        while at >= 1:
            self.sums[at] += change
            at = at // 2

    def __getitem__(self, slot):
        return self.sums[self.leaves + slot]

    def sum(self, first=0, stop=None):
        stop = self.leaves if stop is None else stop
        return self.sums[self.leaves + first : self.leaves + stop].sum()

    def find(self, mass):
        at = 1
        while at < self.leaves:
            left = self.sums[2 * at]
            if mass < left:
                at = 2 * at
            else:
                mass, at = mass - left, 2 * at + 1
        return at - self.leaves
"""
_CLOSED = """import numpy as np


class Tree:
    def __init__(self, size):
        self.size, self.node = size, np.zeros(2 * size)

    def __setitem__(self, slot, priority):
        at = slot + self.size
        self.node[at] = priority
        while at > 1:
            at //= 2
            self.node[at] = self.node[2 * at] + self.node[2 * at + 1]

    def __getitem__(self, slot):
        return self.node[slot + self.size]

    def sum(self, start=0, end=0):
        last = (end if end > 0 else end + self.size) - 1
        return self._between(start, last, 1, 0, self.size - 1)

    def _between(self, first, last, at, low, high):
        if first == low and last == high:
            return self.node[at]
        middle = (low + high) // 2
        if last <= middle:
            return self._between(first, last, 2 * at, low, middle)
        if first > middle:
            return self._between(first, last, 2 * at + 1, middle + 1, high)
        left = self._between(first, middle, 2 * at, low, middle)
        return left + self._between(middle + 1, last, 2 * at + 1, middle + 1, high)

    def find(self, mass):
        at = 1
        while at < self.size:
            at *= 2
            if self.node[at] <= mass:
                mass -= self.node[at]
                at += 1
        return at - self.size
"""
_BOTTOM_UP = """class Tree:
    def __init__(self, size):
        self.n = size
        self.t = [0.0 for _ in range(2 * size)]

    def __setitem__(self, i, value):
        i += self.n
        self.t[i] = value
        while i > 1:
            self.t[i >> 1] = self.t[i] + self.t[i ^ 1]
            i >>= 1

    def __getitem__(self, i):
        return self.t[self.n + i]

    def sum(self, left, right):
        total = 0.0
        left, right = left + self.n, right + self.n
        while left < right:
            if left & 1:
                total += self.t[left]
                left += 1
            if right & 1:
                right -= 1
                total += self.t[right]
            left, right = left >> 1, right >> 1
        return total

    def find(self, mass):
        i = 1
        while i < self.n:
            i = 2 * i
            if self.t[i] <= mass:
                mass -= self.t[i]
                i += 1
        return i - self.n
"""
_REDUCED = """import operator


class Segments:
    def __init__(self, capacity, combine, empty):
        assert capacity & (capacity - 1) == 0
        self.capacity, self.combine = capacity, combine
        self.value = [empty for _ in range(2 * capacity)]

    def __setitem__(self, slot, value):
        at = slot + self.capacity
        self.value[at] = value
        at //= 2
        while at >= 1:
            self.value[at] = self.combine(self.value[2 * at], self.value[2 * at + 1])
            at //= 2

    def __getitem__(self, slot):
        return self.value[self.capacity + slot]

    def over(self, start, end):
        end -= 1
        result = self.value[start + self.capacity]
        for slot in range(start + 1, end + 1):
            result = self.combine(result, self.value[slot + self.capacity])
        return result


class Tree(Segments):
    def __init__(self, capacity):
        super().__init__(capacity, operator.add, 0.0)

    def sum(self, start=0, end=None):
        return super().over(start, end)

    def find(self, mass):
        at = 1
        while at < self.capacity:
            if self.value[2 * at] > mass:
                at = 2 * at
            else:
                mass -= self.value[2 * at]
                at = 2 * at + 1
        return at - self.capacity
"""
_AGENT = """import numpy as np
from tree import Tree


class Agent:
    def __init__(self, model, capacity=512):
        self.model, self.capacity = model, capacity
        self.states, self.targets = np.zeros((capacity, 4)), np.zeros(capacity)
        self.rewards, self.next_states = np.zeros(capacity), np.zeros((capacity, 4))
        self.done = np.zeros(capacity)
        self.tree, self.stored = Tree(capacity), 0

    def remember(self, state, reward, next_state, done):
        slot = self.stored % self.capacity
        self.states[slot], self.rewards[slot] = state, reward
        self.next_states[slot], self.done[slot] = next_state, done
        self.tree[slot] = 1.0
        self.stored += 1

    def learn(self, n=32, beta=1.0):
        filled = min(self.stored, self.capacity)
        width = self.tree.sum(0, filled - 1) / n  # <- PER301
        slots = np.array([self.tree.find((k + np.random.rand()) * width) for k in range(n)])
        weights = (filled * np.array([self.tree[i] for i in slots]) / self.tree.sum(0, filled)) ** -beta
        ahead = self.model.predict(self.next_states[slots]).max(axis=1)
        targets = self.rewards[slots] + 0.99 * (1 - self.done[slots]) * ahead
        errors = targets - self.model.predict(self.states[slots])[:, 0]
        self.model.fit(self.states[slots], targets, sample_weight=weights / weights.max())
        for slot, error in zip(slots, errors):
            self.tree[slot] = abs(error) + 1e-3
"""
_LENGTH = _MEMORY.replace("0, len(self.rows) - 1)", "0, len(self) - 1)")
_SEGMENTS = _MEMORY.replace(
    """        total = self.tree.sum(0, len(self.rows) - 1)  # <- PER301
        slots = [self.tree.find(random.random() * total) for _ in range(n)]
""",
    """        slots = []
        for k in range(n):
            width = self.tree.sum(0, len(self.rows) - 1) / n  # <- PER301
            slots.append(self.tree.find(random.uniform(k * width, (k + 1) * width)))
""",
)
_LIBRARY = (
    _MEMORY.replace("from tree import Tree", "from stable_baselines.common.segment_tree import SumSegmentTree")
    .replace("Tree(capacity)", "SumSegmentTree(capacity)")
    .replace("tree.find(", "tree.find_prefixsum_idx(")
)
_WHOLE = _MEMORY.replace("rows) - 1)  # <- PER301", "rows))")
_ALL = _MEMORY.replace("(0, len(self.rows) - 1)  # <- PER301", "()")
_AGENT_WHOLE = _AGENT.replace(" - 1) / n  # <- PER301", ") / n")
_INCLUSIVE = _BOTTOM_UP.replace("left + self.n, right + self.n\n", "left + self.n, right + self.n + 1\n")


class LastSlotNeverSampled(Rule):
    """The mass that positions are drawn from leaves the last slot out.

    ## What it does

    Reports a sum over the first n - 1 priorities, where the tree's sum excludes its end already and the result bounds
    what is drawn. That the end is excluded is not taken from the documentation: a tree of a few leaves is built and
    summed by the class's own methods, followed on small numbers. Of the trees of Baselines and Stable Baselines it is
    known.

    ## Why is this bad

    The newest transition, or the last slot once the ring is full, is never drawn, whatever its priority, while the
    weights are computed as if it could be. New transitions are those with the largest priority.

    ## Known problems

    Sums that cannot be followed are not judged.

    ## Example

    ```python
    total = self.tree.sum(0, len(self.rows) - 1)  # sum() stops before its end
    ```

    ## Use instead

    ```python
    total = self.tree.sum(0, len(self.rows))
    ```

    ## Fix safety

    Safe: `- 1` goes, and that the sum leaves its end out has been tried.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, equation 1: every transition has a share
    """

    code = "PER301"
    name = "last-slot-never-sampled"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each sum that stops too early."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for tree in trees_of(graph, buffer):
                for call, function, path in short_sums(graph, buffer, tree):
                    if call not in seen:
                        seen.add(call)
                        callee = graph.project.module_of[function].path
                        excluded = graph.evidence(callee, function, "excluded", "its end is not part of the sum")
                        yield self._finding(graph, buffer, call, path, function.name, [excluded])
            for call, path, method in _library_sums(graph, buffer):
                if call not in seen:
                    seen.add(call)
                    yield self._finding(graph, buffer, call, path, method, [])

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, call: ir.Call, path: str, method: str, excluded: list[Evidence]
    ) -> Finding:
        name = name_around(graph, path, call, buffer)
        return self.finding(
            graph,
            path,
            call,
            f"`{graph.source(path, call)}` leaves out the last slot of {name}, which is never drawn: the end of "
            f"`{method}` is excluded already",
            evidence=[
                graph.evidence(path, call, "summed", "the masses that are drawn go up to this sum"),
                *excluded,
            ],
            fix=FixOffer(title="sum up to the number of slots in use"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """Draws up to the sum of all slots but the last, whose priority is the largest."""
        import numpy as np

        priorities = np.array([1.0, 1.0, 1.0, 3.0])
        masses = np.random.default_rng(0).random(100_000) * priorities[:-1].sum()
        drawn = np.bincount(np.searchsorted(np.cumsum(priorities), masses, side="right"), minlength=4)
        share = priorities[-1] / priorities.sum()
        assert drawn[-1] == 0
        return f"a slot with {share:.0%} of the mass: {drawn[-1]} of 100,000 draws"

    bad = (
        Example("a recursive segment tree", {"tree.py": _RECURSIVE, "memory.py": _MEMORY, "train.py": _TRAIN}),
        Example("leaves summed as a slice", {"tree.py": _SLICES, "memory.py": _LENGTH, "train.py": _TRAIN}),
        Example("a tree from the leaves up", {"tree.py": _BOTTOM_UP, "memory.py": _SEGMENTS, "train.py": _TRAIN}),
        Example("the end excluded by a base class", {"tree.py": _REDUCED, "memory.py": _MEMORY, "train.py": _TRAIN}),
        Example("an agent that counts what it stored", {"tree.py": _SLICES, "agent.py": _AGENT}),
        Example("a last node in place of an end", {"tree.py": _CLOSED, "memory.py": _MEMORY, "train.py": _TRAIN}),
        Example("a library's tree", {"memory.py": _LIBRARY, "train.py": _TRAIN}),
        Example("one file", {"train.py": _BOTTOM_UP + _MEMORY.replace("from tree import Tree\n", "") + _TRAIN[27:]}),
        Example(
            "nodes searched and positions drawn by functions beside the classes",
            {"tree.py": _OUTSIDE, "memory.py": _HANDED, "train.py": _TRAIN},
        ),
    )
    good = (
        Example(
            "up to the number of slots",
            {
                "tree.py": _RECURSIVE,
                "memory.py": _WHOLE,
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a sum that includes its end",
            {"tree.py": _INCLUSIVE, "memory.py": _MEMORY.replace("  # <- PER301", ""), "train.py": _TRAIN},
        ),
        Example(
            "a last node that is given",
            {
                "tree.py": _CLOSED.replace(
                    "(end if end > 0 else end + self.size) - 1", "end if end > 0 else self.size - 1"
                ),
                "memory.py": _MEMORY.replace("  # <- PER301", ""),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the total at the root",
            {
                "tree.py": _RECURSIVE.replace("def sum(self, start, end):", "def sum(self, start, end=None):"),
                "memory.py": _MEMORY.replace("self.tree.sum(0, len(self.rows) - 1)  # <- PER301", "self.tree.node[1]"),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "all leaves",
            {
                "tree.py": _SLICES,
                "memory.py": _ALL,
                "train.py": _TRAIN,
            },
        ),
        Example(
            "the newest is left out of another sum than the draw's",
            {
                "tree.py": _BOTTOM_UP,
                "memory.py": _MEMORY.replace("len(self.rows) - 1)  # <- PER301", "len(self.rows))")
                + """
    def older(self):
        return self.tree.sum(0, len(self.rows) - 1)
""",
                "train.py": _TRAIN,
            },
        ),
        Example(
            "a library's tree, up to the number of slots",
            {"memory.py": _LIBRARY.replace("rows) - 1)  # <- PER301", "rows))"), "train.py": _TRAIN},
        ),
        Example(
            "a tree of a library whose sum is not known",
            {
                "memory.py": _LIBRARY.replace("stable_baselines.common", "trees").replace("  # <- PER301", ""),
                "train.py": _TRAIN,
            },
        ),
        Example(
            "an agent whose sum ends where the slots do",
            {"tree.py": _SLICES, "agent.py": _AGENT_WHOLE},
        ),
        Example(
            "functions beside the classes, up to the number of slots",
            {
                "tree.py": _OUTSIDE,
                "memory.py": _HANDED.replace("filled - 1)  # <- PER301", "filled)"),
                "train.py": _TRAIN,
            },
        ),
    )


def _library_sums(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[tuple[ir.Call, str, str]]:
    """The calls, in the function that draws, of the sum of a library's tree whose end is a length less one."""
    for mass in (graph.events.masses[source] for source in buffer.sources if source in graph.events.masses):
        for node in ir.walk(mass.function) if mass.function is not None else ():
            if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr) or node.func.attr != "sum":
                continue
            made = {getattr(atom, "name", None) for atom in graph.events.value(node.func.value).atoms}
            first, last = node.argument(0, "start"), node.argument(1, "end")
            if (
                made
                and made <= set(_TREES)
                and last is not None
                and (first is None or graph.symbols.term(mass.path, first).number == 0)
                and is_length_less_one(graph, graph.symbols.term(mass.path, last))
            ):
                yield node, mass.path, f"{_TREES[made.pop() or '']}.sum"
