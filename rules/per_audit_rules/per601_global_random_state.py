"""PER601 global-random-state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev

_SHARED = {"random", "numpy.random", "torch"}
_OWN_STATE = {"default_rng", "Generator", "RandomState", "Random", "SystemRandom"}


class GlobalRandomState(Rule):
    """A buffer draws with the random state that the whole process shares.

    ## What it does

    Reports draws of a replay buffer by the functions of `random`, `numpy.random` and `torch` that use the global state.

    ## Why is this bad

    Whatever else draws from that state changes which transitions are learnt from: an environment, another buffer, a
    library that seeds it again. A run cannot be repeated by seeding the buffer, and two buffers are not independent.

    ## Known problems

    Scripts that seed everything once and do nothing else are repeatable all the same.

    ## Example

    ```python
    slots = np.random.choice(n, 32, p=p)
    ```

    ## Use instead

    ```python
    self.rng = np.random.default_rng(seed)
    ...
    slots = self.rng.choice(n, 32, p=p)
    ```

    ## Fix safety

    Not rewritten automatically: it is a choice, and what is learnt changes with it.

    ## References

    - NumPy Enhancement Proposal 19, Random number generator policy, on the global RandomState
    """

    code = "PER601"
    name = "global-random-state"
    severity = Severity.INFO
    pedantic = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each draw from a shared state."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for site in _shared_draws(graph, buffer):
                if site.node not in seen:
                    seen.add(site.node)
                    name = graph.name_of(buffer)
                    yield self.finding(
                        graph,
                        site.path,
                        site.node,
                        f"{name} draws with `{graph.source(site.path, site.node.func)}`, a state of the whole process",
                        evidence=[graph.evidence(site.path, site.node, "drawn", "drawn from the global random state")],
                        fix=FixOffer(title="give the buffer a generator of its own"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """The slots that one seed draws, with and without another user of the state."""
        import numpy as np

        alone = np.random.RandomState(0)
        shared = np.random.RandomState(0)
        before = alone.randint(0, 1000, 8)
        shared.random_sample()  # an environment that draws once
        after = shared.randint(0, 1000, 8)
        assert not np.array_equal(before, after)
        return f"with the same seed, {int((before != after).sum())} of 8 slots differ after a draw by something else"

    bad = (
        Example(
            "numpy",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [None] * capacity, capacity, alpha, 0
        self.priorities = np.zeros(capacity)

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = self.priorities.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.priorities**self.alpha
        p = p / p.sum()
        slots = np.random.choice(self.capacity, n, p=p)  # <- PER601
        weights = (self.capacity * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
"""
            },
        ),
        Example(
            "the standard library, uniform",
            {
                "memory.py": """import random
from collections import deque


class Memory:
    def __init__(self, capacity):
        self.rows = deque(maxlen=capacity)

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)  # <- PER601 PER001


def train(env, net, optimizer):
    memory = Memory(1000)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.act(state), reward, next_state, done)
        state = next_state
        loss = net.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""
            },
        ),
    )
    good = (
        Example(
            "a generator of its own",
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
            "a choice of actions",
            {
                "policy.py": """import numpy as np


def act(logits):
    return np.random.choice(len(logits), p=np.exp(logits) / np.exp(logits).sum())
"""
            },
        ),
    )


def _shared_draws(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[ev.CallSite]:
    """The random calls behind the draws of a buffer that use a global state."""
    for source in sorted(buffer.sources, key=lambda node: node.start):
        site = next((site for site in graph.events.calls.values() if site.node is source), None)
        if site is not None and site.names and all(map(_is_shared, site.names)) and not _is_given_one(site.node):
            yield site


def _is_given_one(call: ir.Call) -> bool:
    """Whether the call is given a generator."""
    return any(argument.keyword == "generator" for argument in call.args)


def _is_shared(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return module in _SHARED and function not in _OWN_STATE
