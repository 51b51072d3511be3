"""PER602 batch-maximum-normaliser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.symbolic import strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph


class BatchMaximumNormaliser(Rule):
    """Weights are divided by the largest of their batch, not by the largest that the memory allows.

    ## What it does

    Reports importance-sampling weights that are divided by their maximum over the drawn batch.

    ## Why is this bad

    The divisor changes from batch to batch, so that the same transition weighs more in one batch than in another and
    the size of a step depends on what else was drawn. The maximum over the memory comes from the smallest priority, and
    changes slowly.

    ## Known problems

    Algorithm 1 of the paper can be read either way, and most code divides by the batch's maximum.

    ## Example

    ```python
    weights = (n * p[slots]) ** -beta
    weights /= weights.max()
    ```

    ## Use instead

    ```python
    weights = (p[slots] / p.min()) ** -beta
    ```

    ## Fix safety

    Not rewritten automatically: it is a choice, and what is learnt changes with it.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4 and Algorithm 1, line 10
    """

    code = "PER602"
    name = "batch-maximum-normaliser"
    severity = Severity.INFO
    pedantic = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each division of weights by their own maximum."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            if graph.priorities(buffer).is_reference:
                continue
            for node, path in _divisions(graph, buffer):
                if node not in seen:
                    seen.add(node)
                    name = graph.name_of(buffer)
                    yield self.finding(
                        graph,
                        path,
                        node,
                        f"the weights of {name} are divided by the largest of each batch",
                        evidence=[graph.evidence(path, node, "normalised", "divided by the maximum of the batch here")],
                        fix=FixOffer(title="divide by the largest weight of the memory: that of the smallest priority"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """What one transition weighs in different batches."""
        import numpy as np

        rng = np.random.default_rng(0)
        p = rng.random(1000) ** 2
        p /= p.sum()
        rarest = int(np.argsort(p)[100])
        in_batches = []
        for _ in range(200):
            slots = np.append(rng.choice(1000, 31, p=p), rarest)
            raw = (1000 * p[slots]) ** -0.5
            in_batches.append(raw[-1] / raw.max())
        assert max(in_batches) > 1.5 * min(in_batches)
        return f"one transition weighs between {min(in_batches):.2f} and {max(in_batches):.2f}, by what else was drawn"

    bad = (
        Example(
            "a division in the result",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()  # <- PER602

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
        Example(
            "a division in place",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        weights /= weights.max()  # <- PER602
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
    )
    good = (
        Example(
            "the maximum of the memory",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        largest = (self.capacity * p.min()) ** -beta
        return [self.rows[i] for i in slots], slots, weights / largest

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
        Example(
            "weights as they are",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
    )


def _divisions(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[tuple[ir.Node, str]]:
    """The divisions of weights by the maximum over the same batch, in the functions that compute the weights."""
    for formula in graph.anatomy(buffer).formulas:
        body = [formula.function] if formula.function is not None else graph.module(formula.path).body
        run = graph.symbols.run(formula.function, formula.path)
        for node in ir.walk(*body):
            divisor = None
            if isinstance(node, ir.Bin) and node.op == "/":
                divisor = node.right
            elif isinstance(node, ir.Aug) and node.op == "/":
                divisor = node.value
            term = run.terms.get(divisor) if divisor is not None else None
            if term is not None and strip(term).op == "max" and strip(term).args[0].contains(formula.made):
                yield node, formula.path
