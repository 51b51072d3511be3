"""PER203 priority-epsilon-missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.prioritised.beta.even import draws_evenly
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.prioritised.priorities.signed import keeps_sign
from per_audit.graph.symbolic.sign import above_zero
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph import ReplayBuffer
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.priorities = [], np.zeros(capacity)
        self.capacity, self.alpha, self.at = capacity, alpha, 0

    def push(self, state, action, reward, next_state, done):
        top = self.priorities.max() if self.rows else 1.0
        if len(self.rows) < self.capacity:
            self.rows.append((state, action, reward, next_state, done))
        else:
            self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = top
        self.at = (self.at + 1) % self.capacity

    def sample(self, size, beta):
        p = self.priorities[: len(self.rows)] ** self.alpha
        p /= p.sum()
        chosen = np.random.choice(len(self.rows), size, p=p)
        weights = (len(self.rows) * p[chosen]) ** -beta
        return [self.rows[i] for i in chosen], chosen, weights / weights.max()

    def update_priorities(self, chosen, priorities):
        for i, priority in zip(chosen, priorities):
            self.priorities[i] = priority
"""
_SESSION = """import numpy as np
import tensorflow as tf
from memory import Memory


class Player:
    def __init__(self, session, width, actions):
        self.session, self.actions, self.memory = session, actions, Memory(10_000)
        self.state, self.values = self.network(width)
        self.action, self.goal, self.weight, self.size, self.fit = self.training()
        self.session.run(tf.global_variables_initializer())

    def network(self, width):
        state = tf.placeholder(tf.float32, [None, width])
        return state, tf.layers.dense(tf.layers.dense(state, 64, tf.nn.relu), self.actions)

    def training(self):
        action, goal = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None])
        weight = tf.placeholder(tf.float32, [None])
        value = tf.reduce_sum(self.values * tf.one_hot(action, self.actions), axis=1)
        td = tf.stop_gradient(goal) - value
        loss = tf.reduce_mean(weight * tf.square(td))
        return action, goal, weight, tf.abs(td), tf.train.AdamOptimizer(1e-4).minimize(loss)

    def observe(self, state, action, reward, next_state, done):
        self.memory.push(state, action, reward, next_state, done)

    def learn(self, beta, gamma=0.99):
        rows, chosen, weights = self.memory.sample(32, beta)
        state, action, reward, next_state, done = (np.array(column) for column in zip(*rows))
        ahead = self.values.eval(feed_dict={self.state: next_state}, session=self.session).max(axis=1)
        goal = reward + gamma * (1 - done) * ahead
        fed = {self.state: state, self.action: action, self.goal: goal, self.weight: weights}
        sizes = self.size.eval(feed_dict=fed, session=self.session)
        self.session.run(self.fit, feed_dict=fed)
        self.memory.update_priorities(chosen, sizes)  # <- PER203
"""
_PREFIXES = """import random


class Memory:
    def __init__(self, size):
        self.size, self.rows, self.at, self.top = size, [], 0, 1.0
        self.rates, self.prefixes = [0.0] * size, [0.0] * (size + 1)

    def push(self, state, action, reward, next_state, done):
        row = (state, action, reward, next_state, done)
        if len(self.rows) < self.size:
            self.rows.append(row)
        else:
            self.rows[self.at] = row
        self._rate(self.at, self.top)
        self.at = (self.at + 1) % self.size

    def _rate(self, slot, rate):
        change = rate - self.rates[slot]
        self.rates[slot] = rate
        node = slot + 1
        while node <= self.size:
            self.prefixes[node] += change
            node += node & -node

    def _slot(self, mass):
        slot, step = 0, 1 << (self.size.bit_length() - 1)
        while step:
            node = slot + step
            if node <= self.size and self.prefixes[node] <= mass:
                slot, mass = node, mass - self.prefixes[node]
            step >>= 1
        return min(slot, len(self.rows) - 1)

    def sample(self, n, beta):
        total = sum(self.rates)
        slots = [self._slot(random.random() * total) for _ in range(n)]
        weights = [(len(self.rows) * self.rates[slot] / total) ** -beta for slot in slots]
        return [self.rows[slot] for slot in slots], slots, [w / max(weights) for w in weights]

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self._rate(slot, abs(error) ** 0.6)
"""
_TRAIN = """import torch
from memory import Memory

memory = Memory(10_000)


def learn(net, target_net, optimizer, beta, gamma=0.99):
    rows, chosen, weights = memory.sample(32, beta)
    state, action, reward, next_state, done = (torch.tensor(column) for column in zip(*rows))
    q = net(state).gather(1, action.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        goal = reward + gamma * (1 - done) * target_net(next_state).max(1)[0]
    td = goal - q
    (torch.tensor(weights) * td.pow(2)).mean().backward()
    optimizer.step()
    memory.update_priorities(chosen, td.abs().detach().numpy())


def act(state, action, reward, next_state, done):
    memory.push(state, action, reward, next_state, done)
"""


class PriorityEpsilonMissing(Rule):
    """A priority is the bare absolute TD error: what was once predicted exactly is never drawn again.

    ## What it does

    Reports updates that store |td|, or a power of it, with nothing added and no bound from below, neither where the
    error is made nor in the buffer or on the way between them, while the draw gives a priority of zero no chance.

    ## Why is this bad

    A transition whose error is zero at the moment it is replayed gets the probability zero and stays in the buffer
    unused, whatever the network predicts for it later. Errors that are nearly zero are as good as lost. The constant
    that the paper adds keeps them in reach.

    ## Known problems

    Losses that are hardly ever zero (cross entropies, quantile losses that are averaged), draws with a uniform share,
    and ranks need no constant and are not reported. Where a part of the way is not known, or an assertion lets no zero
    pass, neither.

    ## Example

    ```python
    memory.update_priorities(indices, td.abs().detach().numpy())
    ```

    ## Use instead

    ```python
    memory.update_priorities(indices, td.abs().detach().numpy() + 1e-6)
    ```

    ## Fix safety

    Adding a small constant where the absolute value is taken changes no other line; it is safe as long as nothing else
    reads that value, and left where the training learns from it as well.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3
    """

    code = "PER203"
    name = "priority-epsilon-missing"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place where the training hands over priorities that may be zero."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            anatomy = graph.anatomy(buffer)
            if anatomy.about.is_reference or trail.lifted(anatomy) or draws_evenly(anatomy):
                continue
            for write in self._zeros(anatomy):
                step = trail.handover(anatomy, write)
                if step.node not in told:
                    told.add(step.node)
                    yield self._finding(graph, buffer, anatomy, step, keeps_sign(anatomy, write))

    def _zeros(self, anatomy: Anatomy) -> Iterator[PriorityWrite]:
        for write in anatomy.written.opened:
            if write.inserts or write.value.has("log") or not trail.errors(write.value):
                continue
            if above_zero(write.value, anatomy.symbols) is False and not trail.is_asserted(anatomy, write):
                yield write

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, anatomy: Anatomy, step: Step, signed: bool) -> Finding:
        name = graph.name_of(buffer)
        what = "the error, its sign included," if signed else "the size of the error"
        return self.finding(
            graph,
            step.path,
            step.node,
            f"{name} stores {what} with nothing added: a transition with error 0 is never drawn again",
            evidence=trail.evidence_at(anatomy, step),
            confidence="medium",
            fix=FixOffer(title="add a small constant to the absolute TD error"),
            pipeline=name,
        )

    def witness(self) -> str:
        """A transition whose error was once zero is never drawn again, though its error has grown since."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.array([0.0, 0.5, 0.5, 0.5])
        bare, lifted = errors**0.6, (errors + 0.01) ** 0.6
        without = (rng.choice(4, 10_000, p=bare / bare.sum()) == 0).sum()
        with_constant = (rng.choice(4, 10_000, p=lifted / lifted.sum()) == 0).sum()
        assert without == 0
        assert with_constant > 100
        return f"of 10,000 draws a transition with error 0 gets {without}, and {with_constant} with 0.01 added"

    bad = (
        Example(
            "the training passes |td|, PyTorch, two files",
            {
                "memory.py": _MEMORY,
                "train.py": _TRAIN.replace("numpy())\n\n", "numpy())  # <- PER203\n\n", 1),
            },
        ),
        Example(
            "the power of |td| is stored by the agent itself, numpy",
            {
                "agent.py": """import numpy as np


class Agent:
    def __init__(self, features, capacity=1_000):
        self.theta = np.zeros(features)
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)
        self.count = 0

    def observe(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = max(self.mass.max(), 1.0)
        self.count += 1

    def learn(self, beta, rate=0.01):
        filled = min(self.count, len(self.rows))
        p = self.mass[:filled] / self.mass[:filled].sum()
        for slot in np.random.choice(filled, 8, p=p):
            state, action, reward, next_state, done = self.rows[slot]
            error = reward + 0.99 * (1 - done) * self.theta @ next_state - self.theta @ state
            self.theta += rate * (filled * p[slot]) ** -beta * error * state
            self.mass[slot] = abs(error) ** 0.6  # <- PER203
"""
            },
        ),
        Example(
            "clipped from above only, the power in the buffer",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity):
        self.store, self.weight, self.head, self.top = [None] * capacity, np.zeros(capacity), 0, 1.0

    def record(self, state, action, reward, next_state, done):
        self.store[self.head % len(self.store)] = (state, action, reward, next_state, done)
        self.weight[self.head % len(self.store)] = self.top
        self.head += 1

    def draw(self, size, beta):
        n = min(self.head, len(self.store))
        p = self.weight[:n] / self.weight[:n].sum()
        slots = np.random.choice(n, size, p=p)
        scale = (n * p[slots]) ** -beta
        return [self.store[i] for i in slots], slots, scale / scale.max()

    def correct(self, slots, errors):
        self.weight[slots] = np.minimum(np.abs(errors), 1.0) ** 0.7
        self.top = max(self.top, self.weight[slots].max())
""",
                "step.py": """import numpy as np
from replay import Replay

replay = Replay(5_000)


def observe(state, action, reward, next_state, done):
    replay.record(state, action, reward, next_state, done)


def step(model, beta):
    rows, slots, scale = replay.draw(64, beta)
    state, action, reward, next_state, done = (np.array(column) for column in zip(*rows))
    goal = reward + 0.9 * (1 - done) * model.predict(next_state).max(axis=1)
    errors = goal - model.predict(state)[np.arange(64), action]
    model.fit(state, goal, sample_weight=scale)
    replay.correct(slots, errors)  # <- PER203
""",
            },
        ),
        Example(
            "a tensor of a graph that is asked for, TensorFlow 1",
            {"memory.py": _MEMORY, "train.py": _SESSION},
        ),
        Example(
            "priorities beside a tree of prefix sums, which knows but how they change",
            {
                "memory.py": _PREFIXES,
                "train.py": _TRAIN.replace(
                    "update_priorities(chosen, td.abs().detach().numpy())",
                    "update(chosen, td.detach().numpy())  # <- PER203",
                ),
            },
        ),
    )
    good = (
        Example(
            "a constant where the error is handed over",
            {
                "memory.py": bad[0].plain["memory.py"],
                "train.py": bad[0].plain["train.py"].replace(".numpy())", ".numpy() + 1e-6)"),
            },
        ),
        Example(
            "a constant in the buffer, in two files",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities[i] = priority", "self.priorities[i] = priority + self.epsilon")
                .replace("self.rows, self.priorities", "self.epsilon = 1e-5\n        self.rows, self.priorities"),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example(
            "bounded from below",
            {"agent.py": bad[1].plain["agent.py"].replace("abs(error) ** 0.6", "max(abs(error), 1e-3) ** 0.6")},
        ),
        Example(
            "a bound in an if",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace(
                    "            self.mass[slot] = abs(error) ** 0.6\n",
                    "            size = abs(error)\n            if size < 1e-4:\n                size = 1e-4\n"
                    "            self.mass[slot] = size\n",
                )
            },
        ),
        Example(
            "a uniform share in the draw",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace(
                    "p = self.mass[:filled] / self.mass[:filled].sum()",
                    "p = 0.9 * self.mass[:filled] / self.mass[:filled].sum() + 0.1 / filled",
                )
            },
        ),
        Example(
            "a constant added by the draw",
            {
                "replay.py": bad[2]
                .plain["replay.py"]
                .replace(
                    "p = self.weight[:n] / self.weight[:n].sum()",
                    "p = self.weight[:n] + 1e-4\n        p = p / p.sum()",
                ),
                "step.py": bad[2].plain["step.py"],
            },
        ),
        Example(
            "a running mean of what the training hands over with its constant",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace(
                    "self.priorities[i] = priority",
                    "self.priorities[i] = self.keep * self.priorities[i] + priority * (1 - self.keep)",
                )
                .replace("alpha=0.6):", "alpha=0.6, keep=0.0):\n        self.keep = keep"),
                "train.py": bad[0].plain["train.py"].replace(".numpy())", ".numpy() + 1e-6)"),
            },
        ),
        Example(
            "an assertion that lets no zero pass",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("    self.priorities[i] = p", "    assert priority > 0\n            self.priorities[i] = p"),
                "train.py": bad[0].plain["train.py"],
            },
        ),
        Example(
            "a cross entropy",
            {
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace("abs(error) ** 0.6", "-(next_state * np.log(np.abs(state))).sum()")
            },
        ),
        Example(
            "a tensor of a graph that a constant is added to, TensorFlow 1",
            {
                "memory.py": bad[0].plain["memory.py"],
                "train.py": bad[3].plain["train.py"].replace("tf.abs(td),", "tf.abs(td) + 1e-4,"),
            },
        ),
        Example(
            "priorities with an epsilon beside a tree of prefix sums",
            {
                "memory.py": _PREFIXES.replace("abs(error) ** 0.6)", "(abs(error) + 1e-6) ** 0.6)"),
                "train.py": bad[-1].plain["train.py"],
            },
        ),
    )
