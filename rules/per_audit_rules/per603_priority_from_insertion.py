"""PER603 priority-from-insertion."""

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


class PriorityFromInsertion(Rule):
    """A new transition gets a priority of its own estimate, not the largest.

    ## What it does

    Reports insertions that store the absolute value of an error, or of a reward, as the first priority.

    ## Why is this bad

    The paper stores new transitions with the largest priority, so that each is learnt from at least once. One whose
    first error happens to be small may never be drawn before it is overwritten.

    ## Known problems

    Actors of a distributed learner compute first priorities on purpose (Ape-X), which spares it a flood of new data.

    ## Example

    ```python
    self.priorities[self.at] = abs(error) + 1e-6
    ```

    ## Use instead

    ```python
    self.priorities[self.at] = self.largest
    ```

    ## Fix safety

    Not rewritten automatically: it is a choice, and what is learnt changes with it.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 6
    - Horgan et al. 2018, Distributed Prioritized Experience Replay, arXiv:1803.00933, section 3
    """

    code = "PER603"
    name = "priority-from-insertion"
    severity = Severity.INFO
    pedantic = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each insertion with an estimate."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            for write in graph.anatomy(buffer).writes:
                value, store = write.value, write.store
                if not write.inserts or value.op == "tuple" or not value.has("abs") or value.has("max", "maximum"):
                    continue
                if store.node not in seen:
                    seen.add(store.node)
                    name = graph.name_of(buffer)
                    yield self.finding(
                        graph,
                        store.path,
                        store.node,
                        f"{name} stores new transitions with an estimate as their priority, not with the largest",
                        evidence=[
                            graph.evidence(store.path, store.node, "stored", "the first priority is written here")
                        ],
                        fix=FixOffer(title="store new transitions with the largest priority"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """How many of 1,000 new transitions are never drawn before they are overwritten, by their first priority."""
        import numpy as np

        rng = np.random.default_rng(0)
        never = []
        for own in (True, False):
            p = np.full(1000, 1.0)
            p[:100] = 0.01 if own else 1.0
            drawn = np.zeros(1000, bool)
            for _ in range(1000 // 4):
                slots = rng.choice(1000, 32, p=p / p.sum())
                drawn[slots] = True
                p[slots[slots < 100]] = 0.01
            never.append(int((~drawn[:100]).sum()))
        assert never[0] > 5 * max(never[1], 1)
        return f"of 100 with a small first error {never[0]} are never drawn, of 100 stored with the largest {never[1]}"

    bad = (
        Example(
            "the error of the actor",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done, error):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = abs(error) + 1e-6  # <- PER603
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
            "the size of the reward",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = abs(reward) + 0.1  # <- PER603
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
    good = (
        Example(
            "the largest priority",
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
            "the error, but no less than the largest",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)
        self.rng = np.random.default_rng(0)

    def push(self, state, action, reward, next_state, done, error):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = max(abs(error), self.priorities.max())
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
