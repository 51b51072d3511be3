"""PER111 weights-not-normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.prioritised.draws.counts import drawn_at_once
from per_audit.graph.symbolic import strip
from per_audit.graph.symbolic.normal import CONSTANT, COUNT, MAXIMUM, MINIMUM, PRIORITY, TOTAL, Product
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.graph import ReplayGraph
    from per_audit.graph.prioritised.weights.weights import Weight, Weights
    from per_audit.graph.symbolic import Term

_TREE = """
    def put(self, slot, priority):
        node = slot + self.size - 1
        self.mass[node] = priority
        while node:
            node = (node - 1) // 2
            self.mass[node] = self.mass[2 * node + 1] + self.mass[2 * node + 2]

    def find(self, mass):
        node = 0
        while node < self.size - 1:
            node = 2 * node + 1
            if mass >= self.mass[node] and self.mass[node + 1] > 0:
                mass -= self.mass[node]
                node += 1
        return node - self.size + 1
"""


class WeightsNotNormalised(Rule):
    """Importance-sampling weights whose N is the capacity or the batch size are never divided by their maximum.

    ## What it does

    Reports weights that reach a loss as they are, where the N of (N P)^-beta is the capacity of the buffer, or how many
    transitions are drawn at once: nothing divides them by a maximum, bounds or normalises them.

    ## Why is this bad

    Divided by their maximum, weights are at most 1 and whatever factor they have in common cancels. Without that the
    factor is part of the learning rate: with N = capacity it is (capacity / size)^-beta, which grows as the buffer
    fills, and a transition of small priority has a weight far above 1. With the batch size it is (batch / size)^-beta,
    which grows as well: 19 with batches of 64 of 100,000 transitions and beta 0.4.

    ## Known problems

    (N P)^-beta with N the number of transitions stored is right by itself, if less stable, and is not reported. Where N
    or the sum of the priorities is missing altogether, the formula is wrong: `weights-formula-wrong` tells of it.

    ## Example

    ```python
    weights = (self.capacity * probabilities[chosen]) ** -beta
    ```

    ## Use instead

    ```python
    weights = (self.size * probabilities[chosen]) ** -beta
    weights = weights / weights.max()
    ```

    ## Fix safety

    Dividing by the maximum makes every update smaller: learning rates may have to follow, so it is unsafe.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4
    """

    code = "PER111"
    name = "weights-not-normalised"
    severity = Severity.WARNING

    plain = (
        Example(
            "the capacity for N, PyTorch",
            {
                "per.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = self.mass.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta  # <- PER111
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        batch, slots, weights = memory.sample(16, min(1.0, 0.4 + step / steps))
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""
            },
        ),
    )
    bad: ClassVar[tuple[Example, ...]] = (
        *plain,
        Example(
            "the capacity in a fraction",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("(self.size * p[slots]) ** -beta", "np.power(1.0 / (self.size * p[slots]), beta)  # <- PER111")
            },
        ),
    )
    bad = (
        *bad,
        Example(
            "the leaves of a sum tree",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("np.zeros(size), size, 0\n", "np.zeros(2 * size - 1), size, 0\n" + _TREE)
                .replace(
                    "self.mass[self.at % self.size] = self.mass.max() or 1.0", "self.put(self.at % self.size, 1.0)"
                )
                .replace("p = self.mass / self.mass.sum()", "total = self.mass[0]")
                .replace(
                    "np.random.choice(self.size, n, p=p)", "[self.find(np.random.random() * total) for _ in range(n)]"
                )
                .replace(
                    "(self.size * p[slots]) ** -beta",
                    "(self.size * self.mass[np.array(slots) + self.size - 1] / total) ** -beta  # <- PER111",
                )
                .replace(
                    "        self.mass[slots] = np.abs(errors) + 1e-6",
                    "        for slot, error in zip(slots, errors):\n            self.put(slot, abs(error) + 1e-6)",
                )
            },
        ),
        Example(
            "the capacity, and no exponent",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("(self.size * p[slots]) ** -beta", "1.0 / (self.size * p[slots])  # <- PER111")
            },
        ),
        Example(
            "the batch size, which the draw is told",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("(self.size * p[slots]) ** -beta", "(n * p[slots]) ** -beta  # <- PER111")
            },
        ),
        Example(
            "the batch size, one drawn after the other",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("np.random.choice(self.size, n, p=p)", "[np.random.choice(self.size, p=p) for _ in range(n)]")
                .replace("(self.size * p[slots]) ** -beta", "(n * p[slots]) ** -beta  # <- PER111")
            },
        ),
    )
    good = (
        Example(
            "divided by the largest",
            {"per.py": plain[0].plain["per.py"].replace("slots, weights\n", "slots, weights / weights.max()\n")},
        ),
        Example(
            "divided where they are used",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("torch.as_tensor(weights) *", "torch.as_tensor(weights / weights.max()) *")
            },
        ),
        Example(
            "the number of transitions for N",
            {"per.py": plain[0].plain["per.py"].replace("(self.size * p", "(min(self.at, self.size) * p")},
        ),
        Example(
            "N as a number that probabilities are divided by",
            {"per.py": plain[0].plain["per.py"].replace("(self.size * p[slots])", "(p[slots] / 1e-5)")},
        ),
        Example(
            "the batch size, divided by the largest",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("(self.size * p[slots]) ** -beta", "(n * p[slots]) ** -beta")
                .replace("slots, weights\n", "slots, weights / weights.max()\n")
            },
        ),
        Example(
            "no exponent, divided by the largest",
            {
                "per.py": plain[0]
                .plain["per.py"]
                .replace("(self.size * p[slots]) ** -beta", "1.0 / (self.size * p[slots])")
                .replace("slots, weights\n", "slots, weights / weights.max()\n")
            },
        ),
    )

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every weight that reaches a loss on a scale that depends on the capacity."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            weights = graph.weights(buffer)
            for weight in weights.all:
                if weight.formula.node in seen or not _is_raw(weights, weight):
                    continue
                counted = {_counted(weights, product) for product in weight.products}
                what = counted.pop() if len(counted) == 1 else None
                if what is not None:
                    seen.add(weight.formula.node)
                    yield self._finding(graph, weight, what)

    def _finding(self, graph: ReplayGraph, weight: Weight, what: str) -> Finding:
        path, node = weight.formula.path, weight.formula.node
        return self.finding(
            graph,
            path,
            node,
            f"the importance-sampling weights `{graph.source(path, node)}` use {what} for N and are never divided by a "
            "maximum",
            evidence=[graph.evidence(path, node, "weights", "the weights are used as they are")],
            fix=FixOffer(title="divide the weights by the largest of the batch"),
        )

    def witness(self) -> str:
        """The mean weight of one and the same draw while the buffer fills, N being its capacity."""
        import numpy as np

        means = []
        for filled in (100, 1_000, 10_000):
            p = np.linspace(0.1, 2.0, filled)
            p /= p.sum()
            means.append(float((p * (10_000 * p) ** -0.5).sum()))
        assert means[0] < 0.15 < 0.9 < means[2]
        return (
            f"mean weight with 1 %, 10 % and 100 % of the slots filled: {means[0]:.2f}, {means[1]:.2f}, {means[2]:.2f}"
        )


def _is_raw(weights: Weights, weight: Weight) -> bool:
    """Whether the weights are of transitions and are used without any normalisation."""
    if not weight.is_of_transitions or weights.is_drawn_by(weight) or weights.is_scaled(weight):
        return False
    if any(p.exponent(PRIORITY) >= 0 or not p.is_known or p.of(MINIMUM) or p.of(MAXIMUM) for p in weight.products):
        return False
    unused = not weights.anatomy.buffer.samples and weights.total_cancels(weight)
    return unused or (weights.reach_a_loss(weight) and not weights.may_be_probabilities())


def _counted(weights: Weights, product: Product) -> str | None:
    """What the N of a weight is where it is not the number of transitions, nor what may be it."""
    counts = product.of(COUNT) or product.of(CONSTANT)
    if len(counts) != 1 or counts[0].term.number == 1 or not product.of(TOTAL):
        return None
    if _is_capacity(weights, counts[0].term):
        return "the capacity"
    drawn = drawn_at_once(weights.graph, weights.anatomy.buffer)
    return "the batch size" if strip(counts[0].term) in drawn else None


def _is_capacity(weights: Weights, term: Term) -> bool:
    """Whether the term is the size that a container of priorities is made with."""
    symbols = weights.symbols
    number = strip(term)
    for container in weights.normal.sources:
        made = [container] if container.op == "alloc" else symbols.options(container) if container.op == "field" else []
        for array in made:
            if array.op == "alloc" and array.args and number.op in ("field", "param", "global", "external"):
                sizes = {size := strip(array.args[0]), _leaves(size)}
                made_of = symbols.options(number) if number.op == "field" else []
                if number in sizes or (len(made_of) == 1 and made_of[0] in sizes):
                    return True
    return False


def _leaves(size: Term) -> Term:
    """How many leaves a sum tree in an array has: the half of its nodes."""
    nodes = size.args[0] if size.op == "sub" and size.args[1].number == 1 else size
    if nodes.op == "mul" and nodes.args[0].number == 2:
        return strip(nodes.args[1])
    return strip(nodes.args[0]) if nodes.op == "mul" and nodes.args[1].number == 2 else size
