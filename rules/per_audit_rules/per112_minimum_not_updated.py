"""PER112 minimum-not-updated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.prioritised.weights.least import stale_minima
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.weights.least import KeptMinimum

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.capacity, self.next, self.size, self.top = capacity, 0, 0, 1.0
        self.least = float("inf")
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)

    def add(self, row):
        self.rows[self.next] = row
        self.mass[self.next] = self.top
        self.least = min(self.least, self.top)  # <- PER112
        self.next = (self.next + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        total = self.mass[: self.size].sum()
        slots = np.random.choice(self.size, n, p=self.mass[: self.size] / total)
        largest = (self.size * self.least / total) ** -beta
        weights = (self.size * self.mass[slots] / total) ** -beta / largest
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = (errors + 1e-6) ** 0.6
        self.top = max(self.top, self.mass[slots].max())
"""
_TRAIN = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().abs().numpy())
"""
_FOLLOWS = "        self.least = min(self.least, self.mass[slots].min())\n"
_TREE = """import random

NEW = 10.0


class Tree:
    least = 1e9

    def __init__(self, capacity):
        self.capacity, self.next, self.count = capacity, 0, 0
        self.sums, self.rows = [0.0] * (2 * capacity), [None] * capacity

    def add(self, priority, row):
        self.rows[self.next] = row
        self.put(self.next + self.capacity, priority)
        self.next = (self.next + 1) % self.capacity
        self.count = min(self.count + 1, self.capacity)
        if priority < self.least:
            self.least = priority  # <- PER112

    def put(self, node, priority):
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
        return node


class Replay:
    def __init__(self, capacity):
        self.tree = Tree(capacity)

    def remember(self, state, action, reward, next_state, done):
        self.tree.add(NEW, (state, action, reward, next_state, done))

    def draw(self, n, beta):
        nodes = [self.tree.find(random.uniform(0, self.tree.sums[1])) for _ in range(n)]
        weights = [self._weight(self.tree.sums[node], beta) / self._weight(self.tree.least, beta) for node in nodes]
        return [self.tree.rows[node - self.tree.capacity] for node in nodes], nodes, weights

    def _weight(self, priority, beta):
        return (self.tree.count * priority / self.tree.sums[1]) ** -beta

    def rate(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.put(node, abs(float(error)) + 0.001)
"""
_KERAS = """import numpy as np
from replay import Replay


def train(env, model, target, steps, n=32):
    replay, state = Replay(1024), env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, done, _ = env.step(action)
        replay.remember(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, nodes, weights = replay.draw(n, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        goals = rewards + 0.99 * (1 - ends) * target.predict(next_states).max(axis=1)
        errors = goals - values[np.arange(n), actions]
        values[np.arange(n), actions] = goals
        model.fit(states, values, sample_weight=np.array(weights), verbose=0)
        replay.rate(nodes, errors)
"""
_CONSTANT = (
    _MEMORY.replace('        self.least = float("inf")\n', "        self.least = 1.0  # <- PER112\n")
    .replace("        self.least = min(self.least, self.top)  # <- PER112\n", "")
)  # fmt: skip
_ZERO = (
    _MEMORY.replace('float("inf")\n', "0.0  # <- PER112\n")
    .replace("min(self.least, self.top)  # <- PER112\n", "min(self.least, self.top)\n")
    + _FOLLOWS
)  # fmt: skip
_AGENT = """import torch


class Agent:
    def __init__(self, net, target, optimizer, size, width):
        self.net, self.target, self.optimizer = net, target, optimizer
        self.states, self.ahead = torch.zeros(size, width), torch.zeros(size, width)
        self.actions, self.rewards, self.ends = torch.zeros(size).long(), torch.zeros(size), torch.zeros(size)
        self.p, self.count, self.lowest = torch.zeros(size), 0, 1.0
        self.top = 1.0

    def store(self, state, action, reward, ahead, end):
        at = self.count % len(self.p)
        self.states[at], self.ahead[at] = state, ahead
        self.actions[at], self.rewards[at], self.ends[at] = action, reward, end
        self._enter(at, self.top)
        self.count += 1

    def _enter(self, at, p):
        self.p[at] = p
        if self.lowest > p:
            self.lowest = p  # <- PER112

    def learn(self, beta, n=32):
        held = self.p[: min(self.count, len(self.p))]
        slots = torch.multinomial(held, n, replacement=True)
        weights = (held[slots] / self.lowest) ** -beta
        q = self.net(self.states[slots]).gather(1, self.actions[slots].unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            goals = self.rewards[slots] + 0.99 * (1 - self.ends[slots]) * self.target(self.ahead[slots]).max(1).values
        errors = q - goals
        self.optimizer.zero_grad()
        (weights * errors.pow(2)).mean().backward()
        self.optimizer.step()
        self.p[slots] = (errors.detach().abs() + 1e-5) ** 0.7
        self.top = max(self.top, float(self.p[slots].max()))


def main(env, agent, steps):
    state = env.reset()
    for step in range(steps):
        ahead, reward, end, _ = env.step(env.any_action())
        agent.store(state, env.last, reward, ahead, end)
        state = env.reset() if end else ahead
        if step > 100:
            agent.learn(min(1.0, 0.4 + step / steps))
"""


def _project(memory: str, train: str = _TRAIN) -> dict[str, str]:
    return {"memory.py": memory, "train.py": train}


def _right(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text.replace("  # <- PER112", "")


class MinimumNotUpdated(Rule):
    """What weights are measured against as the smallest priority does not fall with the priorities.

    ## What it does

    Reports an attribute in the formula of the importance-sampling weights that stands for the smallest priority: one
    that is lowered where transitions are stored alone, with priorities that the TD errors fall below; one that stays
    the number that it starts with; one that starts at 0, which nothing is smaller than.

    ## Why is this bad

    The weight of the smallest priority is to be the largest, which all are divided by, so that none is above 1. TD
    errors soon fall below the priority that new transitions get. Where the smallest stays at that, the weight of each
    smaller one is above 1: with beta at 1, that of a priority of 0.01 against a minimum of 1 is 100, and so is the step
    that is learnt from it. A minimum of 0 makes the largest weight infinite, and all weights 0: nothing is learnt.

    ## Known problems

    Minima that a tree keeps are not judged. A start below 0.1 is taken for a bound that no priority falls below.

    ## Example

    ```python
    def add(self, row):
        self.least = min(self.least, self.top)


    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + self.epsilon
    ```

    ## Use instead

    ```python
    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + self.epsilon
        self.least = min(self.least, self.mass[slots].min())
    ```

    ## Fix safety

    Not rewritten: weights that are divided by the largest of the batch need no minimum at all, and which of both is
    meant the code does not say.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4: weights are normalised by their
      maximum, so that they only scale the update downwards
    """

    code = "PER112"
    name = "minimum-not-updated"
    severity = Severity.ERROR

    bad = (
        Example("lowered where transitions are stored, not where priorities are updated", _project(_MEMORY)),
        Example("a sum tree, Keras", {"replay.py": _TREE, "train.py": _KERAS}),
        Example("the number that it starts with", _project(_CONSTANT)),
        Example("0 from the start", _project(_ZERO)),
        Example("an agent with the memory in itself, and shares of the minimum", {"agent.py": _AGENT}),
        Example(
            "numpy's minimum, in the memory of a subclass",
            _project(
                _MEMORY.replace("min(self.least, self.top)", "np.minimum(self.least, self.top)")
                + "\n\nclass Larger(Memory):\n    def __init__(self):\n        super().__init__(100_000)\n",
                _TRAIN.replace("import Memory", "import Larger").replace("Memory(1000)", "Larger()"),
            ),
        ),
    )
    good = (
        Example("updated with the priorities", _project(_right(_MEMORY) + _FOLLOWS)),
        Example(
            "a tree that lowers it with each priority",
            {
                "replay.py": _right(
                    _TREE,
                    ("        if priority < self.least:\n            self.least = priority  # <- PER112\n", ""),
                    (
                        "        self.sums[node] = priority\n",
                        "        self.sums[node] = priority\n        self.least = min(self.least, priority)\n",
                    ),
                ),
                "train.py": _KERAS,
            },
        ),
        Example(
            "a bound that no priority falls below",
            _project(_right(_CONSTANT, ("self.least = 1.0", "self.least = 1e-6**0.6"))),
        ),
        Example(
            "priorities that are at least 1",
            _project(_right(_MEMORY, ("(errors + 1e-6) ** 0.6", "np.maximum(errors, 1.0) ** 0.6"))),
        ),
        Example(
            "a minimum of the batch after it",
            _project(_right(_MEMORY, ("slots, weights\n", "slots, weights / weights.max()\n"))),
        ),
        Example(
            "looked for anew at each draw",
            _project(
                _right(
                    _MEMORY,
                    ("        largest", "        self.least = self.mass[: self.size].min()\n        largest"),
                )
            ),
        ),
        Example(
            "new transitions that are stored with their own errors",
            _project(
                _right(
                    _MEMORY,
                    ("def add(self, row)", "def add(self, row, error)"),
                    ("self.mass[self.next] = self.top", "self.mass[self.next] = p = (abs(error) + 1e-6) ** 0.6"),
                    ("min(self.least, self.top)", "min(self.least, p)"),
                ),
                _TRAIN.replace("next_state, done))", "next_state, done), net.error(state, reward, next_state))"),
            ),
        ),
        Example(
            "0 until the first priority is known",
            _project(
                _right(
                    _ZERO,
                    ("self.least = min(self.least, self.top)", "self.least = min(self.least or self.top, self.top)"),
                )
            ),
        ),
        Example(
            "lowered by the training",
            _project(_right(_MEMORY), _TRAIN + "        memory.least = min(memory.least, float(errors.abs().min()))\n"),
        ),
    )

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each attribute that stands for the smallest priority and is not it."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            if graph.priorities(buffer).is_reference:
                continue
            for kept in stale_minima(graph.weights(buffer)):
                if kept.node not in seen:
                    seen.add(kept.node)
                    yield self._finding(graph, buffer, kept)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, kept: KeptMinimum) -> Finding:
        name, formula, updated = graph.name_of(buffer), kept.formula, kept.updated
        links = [
            graph.evidence(kept.path, kept.node, "minimum", "it is given its value here"),
            graph.evidence(formula.path, formula.node, "weights", "the weights are measured against it here"),
        ]
        if updated is None:
            what = "is 0 from the start and nothing is smaller: the largest weight is infinite, and each weight 0"
        else:
            what = (
                "is not lowered where priorities are updated: the weight of each transition whose priority has fallen "
                "below it is above 1"
            )
            links.append(graph.evidence(updated.store.path, updated.store.node, "updated", "priorities fall here"))
        return self.finding(
            graph,
            kept.path,
            kept.node,
            f"`{kept.name}`, which stands for the smallest priority in the weights of {name}, {what}",
            evidence=links,
            fix=FixOffer(title="lower it with each priority that is written, or divide by the largest weight drawn"),
            pipeline=name,
        )

    def witness(self) -> str:
        """Weights against the priority that new transitions got, and against the smallest of all."""
        import numpy as np

        p = np.array([1.0, 0.5, 0.1, 0.01])
        stale = (p / 1.0) ** -1.0
        right = (p / p.min()) ** -1.0
        assert stale.max() > 99
        assert right.max() == 1
        return (
            f"the largest weight: {stale.max():.0f} against the first priority, {right.max():.0f} against the smallest"
        )
