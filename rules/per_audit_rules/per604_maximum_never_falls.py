"""PER604 maximum-never-falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.symbolic import Term


class MaximumNeverFalls(Rule):
    """New transitions get the largest priority that there ever was, which may be long gone.

    ## What it does

    Reports a first priority that is kept in a variable which is only ever raised.

    ## Why is this bad

    Errors are largest early on. One outlier sets the first priority of everything that is stored afterwards: each new
    transition is drawn many times before its own error is known, and the batches hold little else.

    ## Known problems

    The running maximum costs nothing and is what most code has, the authors' baselines included; the maximum in the
    memory needs a tree.

    ## Example

    ```python
    self.largest = max(self.largest, priorities.max())
    ```

    ## Use instead

    ```python
    self.priorities[self.at] = max_tree.root or 1.0
    ```

    ## Fix safety

    Not rewritten automatically: it is a choice, and what is learnt changes with it.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 6
    """

    code = "PER604"
    name = "maximum-never-falls"
    severity = Severity.INFO
    pedantic = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each first priority that never falls."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for write in graph.anatomy(buffer).writes:
                store = write.store
                fields = [part for part in write.value.walk() if part.op == "field"] if write.inserts else []
                raised = next((field for field in fields if _only_rises(graph, field)), None)
                if raised is not None and write.value.op != "tuple" and store.node not in seen:
                    seen.add(store.node)
                    name = graph.name_of(buffer)
                    yield self.finding(
                        graph,
                        store.path,
                        store.node,
                        f"{name} stores new transitions with `{raised.data[1]}`, the largest priority there ever was",
                        evidence=[
                            graph.evidence(store.path, store.node, "stored", "the first priority is written here")
                        ],
                        fix=FixOffer(title="use the largest priority that is in the memory, or let the maximum fall"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """The share of the draws that the newest tenth of the memory gets, after one outlier long ago."""
        import numpy as np

        p = np.full(1000, 0.1)
        p[:100] = 50.0  # what was largest once
        ever = p[:100].sum() / p.sum()
        p[:100] = 0.1  # what is largest now
        now = p[:100].sum() / p.sum()
        assert ever > 0.9
        assert now < 0.11
        return f"after one error of 50 new data gets {ever:.0%} of the draws, with the maximum in the memory {now:.0%}"

    bad = (
        Example(
            "raised by each update",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)
        self.largest = 1.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.largest  # <- PER604
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
        self.largest = max(self.largest, self.priorities[slots].max())
"""
            },
        ),
        Example(
            "raised under a test",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)
        self.largest = 1.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.largest  # <- PER604
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
        self.largest = np.maximum(self.largest, np.abs(errors).max())
"""
            },
        ),
    )
    good = (
        Example(
            "the maximum in the memory",
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
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
        Example(
            "a maximum that falls",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)
        self.largest = 1.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.largest
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
        self.largest = max(0.99 * self.largest, self.priorities[slots].max())
"""
            },
        ),
        Example(
            "a constant",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)
        self.largest = 1.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.largest
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = self.rng.choice(self.capacity, n, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
    )


def _only_rises(graph: ReplayGraph, field: Term) -> bool:
    """Whether every later value of an attribute is the larger of itself and something."""
    later = [value for value, _, _ in graph.symbols.written(field) if not value.is_number]
    return bool(later) and all(value.op == "maximum" and field in value.args for value in later)
