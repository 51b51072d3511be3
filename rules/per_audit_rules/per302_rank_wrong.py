"""PER302 rank-wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.model import PRIORITISED
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.model import ReplayBuffer
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.symbolic import Term

_ELEMENTWISE = {"add", "sub", "mul", "div", "neg", "pow", "exp", "log", "phi", "maximum", "minimum", "clip"}
_SORTED_ALIKE = {"neg", "abs", "slice", "detach", "squeeze", "reshape"}
_SAME_ORDER = {"slice", "at", "detach", "reshape", "unsqueeze", "squeeze", "stack", "collect"}

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.7):
        self.rows, self.errors = [None] * capacity, np.zeros(capacity)
        self.capacity, self.alpha, self.count = capacity, alpha, 0

    def add(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.errors[slot] = self.errors.max() if self.count else 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        ranks = np.argsort(-self.errors[:filled]) + 1  # <- PER302
        p = (1 / ranks) ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.errors[slots] = np.abs(errors) + 1e-6
"""
_LEARN = """import numpy as np
from memory import Memory


def learn(net, memory: Memory, beta):
    rows, slots, weights = memory.sample(32, beta)
    states, actions, rewards, next_states, dones = (np.array(column) for column in zip(*rows))
    goals = rewards + 0.99 * (1 - dones) * net.predict(next_states).max(axis=1)
    errors = goals - net.predict(states)[np.arange(32), actions]
    net.fit(states, goals, sample_weight=weights)
    memory.update(slots, errors)
"""
_RANKS = """import numpy as np


def shares(errors, alpha):
    order = np.argsort(errors)[::-1]  # <- PER302
    mass = (1.0 / (order + 1.0)) ** alpha
    return mass / np.sum(mass)
"""
_HELPED = """import numpy as np
from ranks import shares


class Store:
    def __init__(self, size):
        self.items, self.td, self.size, self.n = [None] * size, np.zeros(size), size, 0

    def put(self, state, action, reward, next_state, done):
        self.items[self.n % self.size] = (state, action, reward, next_state, done)
        self.td[self.n % self.size] = 10.0
        self.n += 1

    def draw(self, k, beta):
        stored = min(self.n, self.size)
        p = shares(self.td[:stored], 0.6)
        at = np.random.choice(np.arange(stored), size=k, p=p)
        scale = (stored * p[at]) ** -beta
        return [self.items[i] for i in at], at, scale / scale.max()

    def learnt(self, at, errors):
        self.td[at] = np.abs(errors) + 1e-3
"""
_TORCH = """import torch


class Agent:
    def __init__(self, net, optimizer, size=2_000):
        self.net, self.optimizer, self.size, self.seen = net, optimizer, size, 0
        self.rows, self.error = [None] * size, torch.zeros(size)

    def observe(self, state, action, reward, next_state, done):
        self.rows[self.seen % self.size] = (state, action, reward, next_state, done)
        self.error[self.seen % self.size] = 1.0
        self.seen += 1

    def learn(self, beta, n=64):
        filled = min(self.seen, self.size)
        rank = torch.argsort(self.error[:filled], descending=True)  # <- PER302
        p = (rank + 1.0).pow(-0.7)
        p = p / p.sum()
        at = torch.multinomial(p, n, replacement=True)
        state, action, reward, after, done = (torch.tensor(c) for c in zip(*[self.rows[int(i)] for i in at]))
        weights = (filled * p[at]) ** -beta
        weights = weights / weights.max()
        q = self.net(state).gather(1, action[:, None]).squeeze(1)
        with torch.no_grad():
            goal = reward + 0.99 * (1 - done) * self.net(after).max(1).values
        self.optimizer.zero_grad()
        (weights * (q - goal) ** 2).mean().backward()
        self.optimizer.step()
        self.error[at] = (q - goal).abs().detach() + 1e-5
"""
_COLUMN = _MEMORY.replace("np.zeros(capacity)", "np.zeros((capacity, 1))").replace(
    "np.argsort(-self.errors[:filled]) + 1", "np.argsort(np.argsort(-self.errors[:filled], axis=1), axis=1)[:, 0] + 1"
)
_SCRIPT = """import numpy as np

SIZE = 1_000
ROWS, ERRORS = [None] * SIZE, np.zeros(SIZE)


def remember(count, state, action, reward, next_state, done):
    ROWS[count % SIZE] = (state, action, reward, next_state, done)
    ERRORS[count % SIZE] = 1.0


def improve(theta, count, beta, n=16, rate=0.01):
    filled = min(count, SIZE)
    p = 1 / (1 + np.argsort(-ERRORS[:filled]))  # <- PER302
    p /= p.sum()
    slots = np.random.choice(filled, n, p=p)
    for slot in slots:
        state, action, reward, next_state, done = ROWS[slot]
        error = reward + 0.9 * (1 - done) * (theta @ next_state) - theta @ state
        theta += rate * (filled * p[slot]) ** -beta * error * state
        ERRORS[slot] = abs(error) + 0.01
    return theta
"""
_ORDER = _MEMORY.replace(
    "ranks = np.argsort(-self.errors[:filled]) + 1  # <- PER302",
    "order = np.argsort(-self.errors[:filled])\n        ranks = np.arange(1, filled + 1)",
).replace("slots = np.random.choice(filled, n, p=p)", "drawn = np.random.choice(filled, n, p=p)")
_ORDER = _ORDER.replace("p[slots]) ** -beta", "p[drawn]) ** -beta\n        slots = order[drawn]")


class RankWrong(Rule):
    """Transitions are drawn by numbers that are no ranks of their priorities.

    ## What it does

    Reports a rank-based draw whose ranks come from one `argsort`, or from an `argsort` along an axis of length 1.

    ## Why is this bad

    `argsort(-p)` says which slot holds the largest priority, the next largest and so on. It is the inverse of the
    ranks: taken as the rank of each slot, it gives a slot the probability of an unrelated one. Along an axis of length
    1 it is 0 everywhere, so that all transitions are drawn alike. In both cases priorities no longer decide what is
    drawn, and nothing fails.

    ## Known problems

    Orders from `sorted` are not followed, nor draws that search a list of boundaries and use no weights.

    ## Example

    ```python
    ranks = np.argsort(-priorities) + 1
    p = (1 / ranks) ** alpha
    ```

    ## Use instead

    ```python
    ranks = np.argsort(np.argsort(-priorities)) + 1
    p = (1 / ranks) ** alpha
    ```

    ## Fix safety

    Safe: the order is sorted once more. The draw changes: transitions with large errors are drawn more often, as was
    meant. A sort along an axis of length 1 is left.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3, rank-based prioritization
    """

    code = "PER302"
    name = "rank-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each sort whose positions are taken as ranks."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for start in _masses(graph, buffer, anatomy):
                for order in _orders(start):
                    flat = _is_flat(graph, order)
                    if order.node is None or order.node in told or not (flat or _is_single(anatomy, order)):
                        continue
                    told.add(order.node)
                    yield self._finding(graph, buffer, order, flat)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, order: Term, flat: bool) -> Finding:
        assert order.node is not None
        name, source = graph.name_of(buffer), graph.source(order.path, order.node)
        what = (
            "sorts along an axis of length 1: every rank is 0"
            if flat
            else "gives the slots in order of priority, and is used as the rank of each slot"
        )
        drawn = [
            graph.evidence(draw.path, draw.node, "drawn", "transitions are drawn by these numbers here")
            for node in sorted(buffer.sources, key=lambda node: node.start)
            if (draw := graph.events.draws.get(node)) is not None
        ]
        return self.finding(
            graph,
            order.path,
            order.node,
            f"`{source}` {what}; priorities do not decide what {name} draws",
            evidence=[graph.evidence(order.path, order.node, "ranks", "taken as ranks"), *drawn],
            fix=FixOffer(title="rank by the argsort of the argsort, along the axis of the transitions"),
            pipeline=name,
            form="flat" if flat else "sorted-once",
        )

    def witness(self) -> str:
        """How often the largest of 100 priorities is drawn by ranks and by a single argsort."""
        import numpy as np

        priorities = np.random.default_rng(0).permutation(100)
        order = np.argsort(-priorities)
        right, wrong = 1.0 / (np.argsort(order) + 1), 1.0 / (order + 1)
        largest = int(priorities.argmax())
        assert right.argmax() == largest
        assert wrong[largest] < right[largest] / 4
        assert not np.argsort(priorities[:, None], axis=1).any()
        factor = right[largest] / wrong[largest]
        return f"by a single argsort the largest of 100 priorities is drawn {factor:.0f} times too seldom"

    bad = (
        Example("one argsort", {"memory.py": _MEMORY, "learn.py": _LEARN}),
        Example("ranks from a helper in another file", {"ranks.py": _RANKS, "store.py": _HELPED}),
        Example("one argsort, PyTorch", {"agent.py": _TORCH}),
        Example("two argsorts along a column", {"memory.py": _COLUMN, "learn.py": _LEARN}),
        Example("a script without classes", {"improve.py": _SCRIPT}),
        Example(
            "one argsort, turned round",
            {
                "memory.py": _MEMORY.replace(
                    "np.argsort(-self.errors[:filled])", "self.errors[:filled].argsort()[::-1]"
                ),
                "learn.py": _LEARN,
            },
        ),
    )
    good = (
        Example(
            "the argsort of an argsort",
            {
                "memory.py": _MEMORY.replace(
                    "np.argsort(-self.errors[:filled]) + 1  # <- PER302",
                    "np.argsort(np.argsort(-self.errors[:filled])) + 1",
                ),
                "learn.py": _LEARN,
            },
        ),
        Example(
            "ranks put at their slots, two files",
            {
                "ranks.py": _RANKS.replace("  # <- PER302", "").replace(
                    "    mass = (1.0 / (order + 1.0))",
                    "    rank = np.empty(len(errors))\n    rank[order] = np.arange(len(errors))\n"
                    "    mass = (1.0 / (rank + 1.0))",
                ),
                "store.py": _HELPED,
            },
        ),
        Example(
            "the argsort of an order, PyTorch",
            {
                "agent.py": _TORCH.replace("torch.argsort(self", "torch.argsort(torch.argsort(self").replace(
                    "descending=True)  # <- PER302", "descending=True))"
                )
            },
        ),
        Example("an order used as an order", {"memory.py": _ORDER, "learn.py": _LEARN}),
        Example(
            "rankdata",
            {
                "memory.py": _MEMORY.replace(
                    "np.argsort(-self.errors[:filled]) + 1  # <- PER302", "rankdata(-self.errors[:filled])"
                ).replace("import numpy as np", "import numpy as np\nfrom scipy.stats import rankdata"),
                "learn.py": _LEARN,
            },
        ),
        Example(
            "a column sorted along the transitions",
            {
                "memory.py": _COLUMN.replace("axis=1", "axis=0").replace("  # <- PER302", ""),
                "learn.py": _LEARN,
            },
        ),
        Example(
            "proportional in a script",
            {
                "improve.py": _SCRIPT.replace(
                    "1 / (1 + np.argsort(-ERRORS[:filled]))  # <- PER302", "ERRORS[:filled] * 1"
                )
            },
        ),
    )


def _masses(graph: ReplayGraph, buffer: ReplayBuffer, anatomy: Anatomy) -> Iterator[Term]:
    """What is drawn by: the probabilities of the draws, what the weights are made of, and what is stored."""
    for source in sorted(buffer.sources, key=lambda node: node.start):
        draw = graph.events.draws.get(source)
        if draw is not None and draw.probabilities is not None:
            yield graph.symbols.term(draw.path, draw.probabilities)
    for formula in anatomy.formulas:
        yield formula.base


def _orders(term: Term) -> Iterator[Term]:
    """The sorts whose positions are computed with, element by element; the outermost of those inside each other."""
    stack = [term]
    while stack:
        part = stack.pop()
        if part.op == "argsort":
            yield part
        elif part.op in _ELEMENTWISE:
            stack += part.args
        elif part.op in _SAME_ORDER or (part.op == "call" and part.data in ("column", ("column",))):
            stack.append(part.args[0])


def _is_flat(graph: ReplayGraph, order: Term) -> bool:
    """Whether the sort, or the one that it sorts, goes along an axis of length 1 of a column."""
    inner = [part for part in order.walk() if part.op == "argsort"]
    return any(
        part.data in (1, -1)
        and (shape := graph.shapes.of(part.args[0])) is not None
        and len(shape) == 2
        and shape[1] == 1
        and shape[0] != 1
        for part in inner
    )


def _is_single(anatomy: Anatomy, order: Term) -> bool:
    """Whether what is sorted is priorities and nothing that is an order already."""
    held = order.args[0]
    while held.op in _SORTED_ALIKE:
        held = held.args[0]
    if held not in anatomy.containers:
        return False
    return held.op != "field" or not any(value.has("argsort") for value, _, _ in anatomy.symbols.written(held))
