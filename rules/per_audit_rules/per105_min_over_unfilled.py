"""PER105 min-over-unfilled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import Finding, FixOffer, Severity
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.prioritised.weights.empty import empty_minima
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.weights.weights import Minimum

_AGENT = """import torch
import torch.nn.functional as F
from memory import Memory


class Agent:
    def __init__(self, net, target_net, optimizer, capacity):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.memory = Memory(capacity)

    def remember(self, state, action, reward, next_state, terminated):
        self.memory.store(state, action, reward, next_state, terminated)

    def learn(self):
        nodes, batch, weights = self.memory.sample(32)
        q, y = self.net.values(batch), self.target_net.targets(batch)
        loss = (torch.tensor(weights) * F.smooth_l1_loss(q, y, reduction="none")).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.update(nodes, (q - y).tolist())
"""
_WAITING = """from agent import Agent

CAPACITY = 20_000


def train(env, net, target_net, optimizer, steps):
    agent = Agent(net, target_net, optimizer, CAPACITY)
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        agent.remember(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step > CAPACITY:
            agent.learn()
            agent.memory.beta = 0.4 + 0.6 * step / steps
"""


class MinOverUnfilled(Rule):
    """The smallest priority is taken over slots that were never written: it is 0, and so is every weight.

    ## What it does

    Reports a minimum over a whole container of priorities that starts with zeros (all leaves of a sum tree, a whole
    array) where importance-sampling weights are measured against it, unless a batch is drawn only once the buffer is
    full.

    ## Why is this bad

    A leaf that was never written has priority 0. (N P_min)^-beta is infinite then and every weight divided by it is 0;
    P / P_min is infinite and its power -beta is 0 as well. Until the last slot is written no gradient is other than
    zero: the loss looks perfect and nothing is learnt. With an epsilon in place of the zero all weights are small by a
    constant that has nothing to do with the data, which suddenly changes once the buffer is full.

    ## Known problems

    A test of fullness that compares other quantities than the capacity is not recognised. A minimum that the weights
    do not depend on in the end, because they are divided by their own maximum later, is reported only without an
    epsilon: 0 / 0 is no number. A hint where the program that draws stands in a file that cannot be parsed, such as one
    for Python 2: it may wait until the buffer is full.

    ## Example

    ```python
    least = np.min(self.tree[-self.capacity :]) / self.tree[0]
    weights = (probabilities / least) ** -self.beta
    ```

    ## Use instead

    ```python
    leaves = self.tree[self.capacity - 1 : self.capacity - 1 + self.size]
    least = np.min(leaves) / self.tree[0]
    weights = (probabilities / least) ** -self.beta
    ```

    ## Fix safety

    Leaving the zeros out of the minimum is safe: a slot that was written holds more, or is never drawn. Dividing the
    weights by the largest of the batch needs no minimum at all.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4
    """

    code = "PER105"
    name = "min-over-unfilled"
    severity = Severity.ERROR

    plain = (
        Example(
            "a sum tree, PyTorch",
            {
                "memory.py": """import numpy as np


class SumTree:
    def __init__(self, capacity):
        self.capacity, self.next = capacity, 0
        self.tree = np.zeros(2 * capacity - 1)
        self.rows = np.zeros(capacity, dtype=object)

    @property
    def total(self):
        return self.tree[0]

    def add(self, priority, row):
        self.rows[self.next] = row
        self.update(self.next + self.capacity - 1, priority)
        self.next = (self.next + 1) % self.capacity

    def update(self, node, priority):
        change = priority - self.tree[node]
        self.tree[node] = priority
        while node:
            node = (node - 1) // 2
            self.tree[node] += change

    def find(self, mass):
        node = 0
        while 2 * node + 1 < len(self.tree):
            left = 2 * node + 1
            if mass <= self.tree[left]:
                node = left
            else:
                mass -= self.tree[left]
                node = left + 1
        return node, self.tree[node], self.rows[node - self.capacity + 1]


class Memory:
    def __init__(self, capacity):
        self.tree, self.beta = SumTree(capacity), 0.4

    def store(self, state, action, reward, next_state, terminated):
        largest = np.max(self.tree.tree[-self.tree.capacity :])
        self.tree.add(largest or 1.0, (state, action, reward, next_state, terminated))

    def sample(self, n):
        nodes, rows, weights = [], [], []
        segment = self.tree.total / n
        least = np.min(self.tree.tree[-self.tree.capacity :]) / self.tree.total  # <- PER105
        for i in range(n):
            node, priority, row = self.tree.find(np.random.uniform(segment * i, segment * (i + 1)))
            weights.append((priority / self.tree.total / least) ** -self.beta)
            nodes.append(node)
            rows.append(row)
        return nodes, rows, weights

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.update(node, (abs(error) + 0.01) ** 0.6)
""",
                "train.py": """import torch
import torch.nn.functional as F
from memory import Memory

CAPACITY = 20_000


def train(env, net, target_net, optimizer, steps):
    memory = Memory(CAPACITY)
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        memory.store(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step > 500:
            nodes, batch, weights = memory.sample(32)
            q, y = net.values(batch), target_net.targets(batch)
            loss = (torch.tensor(weights) * F.smooth_l1_loss(q, y, reduction="none")).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            memory.update(nodes, (q - y).tolist())
            memory.beta = 0.4 + 0.6 * step / steps
""",
            },
        ),
        Example(
            "an array of the agent, Keras",
            {
                "agent.py": """import numpy as np


class Agent:
    def __init__(self, model, target_model, capacity, width):
        self.model, self.target_model = model, target_model
        self.capacity, self.count, self.alpha = capacity, 0, 0.6
        self.states, self.next_states = np.zeros((capacity, width)), np.zeros((capacity, width))
        self.actions, self.rewards = np.zeros(capacity, int), np.zeros(capacity)
        self.terminated, self.priorities = np.zeros(capacity), np.zeros(capacity)

    def remember(self, state, action, reward, next_state, terminated):
        slot = self.count % self.capacity
        self.states[slot], self.next_states[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.terminated[slot] = action, reward, terminated
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta, n=32, gamma=0.99):
        p = self.priorities**self.alpha / np.sum(self.priorities**self.alpha)
        slots = np.random.choice(self.capacity, n, p=p)
        largest = (self.capacity * p.min()) ** -beta  # <- PER105
        weights = (self.capacity * p[slots]) ** -beta / largest
        values = self.model.predict(self.states[slots], verbose=0)
        ahead = self.target_model.predict(self.next_states[slots], verbose=0).max(axis=1)
        targets = self.rewards[slots] + gamma * (1 - self.terminated[slots]) * ahead
        rows = np.arange(n)
        errors = targets - values[rows, self.actions[slots]]
        values[rows, self.actions[slots]] = targets
        self.model.fit(self.states[slots], values, sample_weight=weights, verbose=0)
        self.priorities[slots] = np.abs(errors) + 1e-6


def main(env, model, target_model, steps):
    agent = Agent(model, target_model, 2000, 4)
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(model.predict(state[None], verbose=0)[0]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.remember(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step >= 32:
            agent.learn(0.4 + 0.6 * step / steps)
        if step % 500 == 0:
            target_model.set_weights(model.get_weights())
""",
            },
        ),
        Example(
            "a list of zeros, JAX, in two files",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, alpha=0.6):
        self.items, self.mass = [None] * capacity, [0.0] * capacity
        self.capacity, self.alpha, self.added = capacity, alpha, 0

    def put(self, obs, action, reward, next_obs, done):
        self.items[self.added % self.capacity] = (obs, action, reward, next_obs, done)
        self.mass[self.added % self.capacity] = 1.0
        self.added += 1

    def take(self, n, beta):
        p = np.array(self.mass) / sum(self.mass)
        slots = np.random.choice(self.capacity, n, p=p)
        weights = (p[slots] / (min(self.mass) / sum(self.mass))) ** -beta  # <- PER105
        return map(np.stack, zip(*[self.items[i] for i in slots])), weights, slots

    def reprioritise(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.mass[slot] = (abs(float(error)) + 1e-6) ** self.alpha
""",
                "train.py": """import jax
import jax.numpy as jnp
from replay import Replay


def train(env, apply, params, steps):
    replay = Replay(20_000)

    def loss(params, obs, actions, targets, weights):
        errors = jnp.take_along_axis(apply(params, obs), actions[:, None], axis=1)[:, 0] - targets
        return jnp.mean(weights * errors**2), errors

    obs, _ = env.reset()
    for step in range(steps):
        action = int(jnp.argmax(apply(params, obs[None])))
        next_obs, reward, terminated, truncated, _ = env.step(action)
        replay.put(obs, action, reward, next_obs, terminated)
        obs = env.reset()[0] if terminated or truncated else next_obs
        if step > 64:
            (s, a, r, s2, d), weights, slots = replay.take(64, min(1.0, 0.4 + step / steps))
            y = r + 0.99 * (1 - d) * jnp.max(apply(params, s2), axis=1)
            gradients, errors = jax.grad(loss, has_aux=True)(params, s, a, y, weights)
            params = jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)
            replay.reprioritise(slots, errors)
    return params
""",
            },
        ),
    )
    bad = (
        *plain,
        Example(
            "an epsilon in place of the zero",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("/ self.tree.total\n        for", "/ self.tree.total  # <- PER105\n        for")
                .replace(
                    "        for i in range(n):\n",
                    "        if least == 0:\n            least = 1e-5\n        for i in range(n):\n",
                ),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "a number beside the smallest share of all that is as small",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("least = np.min", "least = 1e-6 + np.min")
                .replace("/ self.tree.total\n        for", "/ self.tree.total  # <- PER105\n        for"),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "the leaves from the middle of the tree to its end",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace(
                    "np.min(self.tree.tree[-self.tree.capacity :]) / self.tree.total",
                    "self.tree.tree[self.tree.capacity - 1 :].min() / self.tree.total  # <- PER105",
                ),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "training that starts when a twentieth is filled",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("/ self.tree.total\n        for", "/ self.tree.total  # <- PER105\n        for"),
                "train.py": plain[0].plain["train.py"].replace("step > 500", "step > CAPACITY // 20"),
            },
        ),
    )
    good = (
        Example(
            "training that waits for a full buffer",
            {
                "memory.py": plain[0].plain["memory.py"],
                "train.py": plain[0].plain["train.py"].replace("step > 500", "step > CAPACITY"),
            },
        ),
        Example(
            "training that waits for a full buffer, beside an agent that nothing makes",
            {
                "memory.py": plain[0].plain["memory.py"],
                "agent.py": _AGENT,
                "train.py": _WAITING,
                "other.py": _AGENT,
            },
        ),
        Example(
            "a number that outweighs the smallest share of all",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("least = np.min", "least = 0.01 + np.min")
                .replace("  # <- PER105", ""),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "a buffer that is filled before training",
            {
                "memory.py": plain[0].plain["memory.py"],
                "train.py": plain[0]
                .plain["train.py"]
                .replace(
                    "    for step in range(steps):\n",
                    "    for row in env.random_steps(range(CAPACITY)):\n        memory.store(*row)\n"
                    "    for step in range(steps):\n",
                )
                .replace(
                    "for row in env.random_steps(range(CAPACITY)):\n        memory.store(*row)",
                    "for _ in range(CAPACITY):\n        memory.store(*env.random_step())",
                ),
            },
        ),
        Example(
            "the leaves that are filled",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace(
                    "self.tree.tree[-self.tree.capacity :]) / self",
                    "self.tree.tree[self.tree.capacity - 1 :][: self.tree.next]) / self",
                ),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "a tree that starts above zero",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace("np.zeros(2 * capacity - 1)", "np.zeros(2 * capacity - 1) + 1e-5"),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "the share of each of N in place of the zero: weights of the size that N gives them",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace(
                    "        for i in range(n):\n",
                    "        if least == 0:\n            least = 1 / self.tree.capacity\n        for i in range(n):\n",
                ),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "a branch with the share of each of N for a smallest of 0, as a number",
            {
                "memory.py": plain[0]
                .plain["memory.py"]
                .replace(
                    "            weights.append((priority / self.tree.total / least) ** -self.beta)\n",
                    "            share = priority / self.tree.total\n"
                    "            if least == 0:\n"
                    "                weights.append((share / 5e-5) ** -self.beta)\n"
                    "            else:\n"
                    "                weights.append((share / least) ** -self.beta)\n",
                )
                .replace("  # <- PER105", ""),
                "train.py": plain[0].plain["train.py"],
            },
        ),
        Example(
            "the smallest of those above zero",
            {
                "agent.py": plain[1].plain["agent.py"].replace("p.min()", "p[p > 0].min()"),
            },
        ),
        Example(
            "the filled part of an array",
            {
                "agent.py": plain[1]
                .plain["agent.py"]
                .replace(
                    "        p = self.priorities**self.alpha / np.sum(self.priorities**self.alpha)\n",
                    "        p = self.priorities[: self.count] ** self.alpha\n        p = p / p.sum()\n",
                )
                .replace("choice(self.capacity", "choice(len(p)"),
            },
        ),
        Example(
            "the smallest of the batch",
            {
                "replay.py": plain[2].plain["replay.py"].replace("(min(self.mass) / sum(self.mass))", "p[slots].min()"),
                "train.py": plain[2].plain["train.py"],
            },
        ),
    )

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every minimum over slots that may be empty, inside a formula of weights."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            for minimum in empty_minima(graph, buffer):
                if minimum.node in seen:
                    continue
                seen.add(minimum.node)
                yield self._finding(graph, buffer, minimum)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, minimum: Minimum) -> Finding:
        formula = minimum.formula
        effect = (
            "the number in its place scales every weight until the buffer is full"
            if minimum.guarded
            else "every weight is 0 until the buffer is full"
        )
        is_unseen = not buffer.samples and buffer.owner is not None and is_named_unread(graph, buffer.owner)
        if is_unseen:
            effect += "; whether it is drawn from before stands in a file that cannot be parsed"
        text = graph.source(minimum.path, minimum.node)
        links = [
            graph.evidence(minimum.path, minimum.node, "priority", "0 as long as one slot is empty"),
            graph.evidence(formula.path, formula.node, "weights", "the weights are measured against it here"),
        ]
        finding = self.finding(
            graph,
            minimum.path,
            minimum.node,
            f"`{text}` goes over slots that were never written and is 0: {effect}",
            evidence=links,
            confidence="medium" if minimum.guarded or not buffer.samples else "high",
            fix=FixOffer(title="take the minimum over the slots that are filled"),
        )
        return replace(finding, severity=Severity.INFO) if is_unseen else finding

    def witness(self) -> str:
        """Weights of a buffer that is half full: all 0 with the minimum over all leaves."""
        import numpy as np

        leaves = np.zeros(1_000)
        leaves[:500] = np.linspace(0.1, 2.0, 500)
        p = leaves / leaves.sum()
        with np.errstate(divide="ignore"):
            wrong = (1_000 * p[:500]) ** -0.4 / (1_000 * p.min()) ** -0.4
        right = (500 * p[:500]) ** -0.4 / (500 * p[:500].min()) ** -0.4
        assert not wrong.any()
        assert right.max() == 1
        assert right.min() > 0.2
        return f"half full: weights {right.min():.2f} to {right.max():.2f}, over all leaves each is {wrong.max():.0f}"
