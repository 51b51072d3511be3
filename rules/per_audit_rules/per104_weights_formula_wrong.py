"""PER104 weights-formula-wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import Evidence, Finding, FixOffer, Severity
from per_audit.graph.prioritised.weights.alone import raised_alone
from per_audit.graph.prioritised.weights.alphas import is_made_before_alpha, raised_otherwise
from per_audit.graph.prioritised.weights.whole import rounded
from per_audit.graph.symbolic import strip
from per_audit.graph.symbolic.degree import is_alpha
from per_audit.graph.symbolic.normal import COUNT, MAXIMUM, MINIMUM, PRIORITY, TOTAL, Product
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret.events import AttributeWrite
    from per_audit.graph.prioritised.weights.weights import Division, Weight, Weights
    from per_audit.graph.symbolic import Term


_ROUNDED = """import numpy as np
import torch


class Agent:
    def __init__(self, net, optimizer, size):
        self.net, self.optimizer = net, optimizer
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def store(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = max(self.mass.max(), 1.0)
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        weights /= weights.max()
        return [self.rows[i] for i in slots], slots, torch.from_numpy(weights).long()  # <- PER104

    def learn(self, beta):
        rows, slots, weights = self.sample(32, beta)
        errors = self.net.errors(rows)
        loss = (weights * errors**2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.mass[slots] = errors.detach().abs().numpy() + 1e-6


def train(env, net, optimizer, steps):
    agent, state = Agent(net, optimizer, 4096), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        agent.store(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        agent.learn(0.4 + 0.6 * step / steps)
"""
_FED = """import tensorflow as tf
from memory import Replay


class Agent:
    def __init__(self, session, width, actions):
        self.session, self.memory = session, Replay(20_000)
        self.states, self.taken = tf.placeholder(tf.float32, [None, width]), tf.placeholder(tf.int32, [None])
        self.goals, self.factors = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        self.values = tf.layers.dense(self.states, actions)
        self.error = self.goals - tf.reduce_sum(self.values * tf.one_hot(self.taken, actions), axis=1)
        self.train = tf.train.AdamOptimizer(1e-3).minimize(tf.reduce_mean(self.factors * tf.square(self.error)))

    def observe(self, state, action, reward, next_state, terminated):
        self.memory.put(state, action, reward, next_state, terminated)

    def learn(self, beta):
        (s, a, r, s2, d), weights, slots = self.memory.take(32, beta)
        ahead = self.session.run(self.values, feed_dict={self.states: s2}).max(axis=1)
        given = {self.states: s, self.taken: a, self.goals: r + 0.99 * (1 - d) * ahead, self.factors: weights}
        _, error = self.session.run([self.train, self.error], feed_dict=given)
        self.memory.reprioritise(slots, error)
"""


_SIDE_BY_SIDE = """import operator
import random
import numpy as np
import torch


class Tree:
    def __init__(self, leaves, joined, first):
        self.leaves, self.joined = leaves, joined
        self.nodes = np.full(2 * leaves, first)

    def __setitem__(self, leaf, value):
        node = leaf + self.leaves
        self.nodes[node] = value
        while node > 1:
            node //= 2
            self.nodes[node] = self.joined(self.nodes[2 * node], self.nodes[2 * node + 1])

    def __getitem__(self, leaf):
        return self.nodes[leaf + self.leaves]

    def top(self):
        return self.nodes[1]


class Sums(Tree):
    def __init__(self, leaves):
        super().__init__(leaves, operator.add, 0.0)

    def leaf_of(self, mass):
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.nodes[node]:
                mass -= self.nodes[node]
                node += 1
        return node - self.leaves


class Minima(Tree):
    def __init__(self, leaves):
        super().__init__(leaves, min, float("inf"))


class Replay:
    def __init__(self, leaves=65_536):
        self.sums, self.minima = Sums(leaves), Minima(leaves)
        self.rows, self.leaves, self.at, self.largest = [None] * leaves, leaves, 0, 1.0

    def push(self, state, action, reward, next_state, terminated):
        self.rows[self.at] = (state, action, reward, next_state, terminated)
        self.sums[self.at] = self.minima[self.at] = self.largest**0.6
        self.at = (self.at + 1) % self.leaves

    def draw(self, n, beta):
        total = self.sums.top()
        slots = [self.sums.leaf_of((k + random.random()) * total / n) for k in range(n)]
        p = np.array([self.sums[slot] for slot in slots]) / total
        weights = (p / (self.minima.top() / total)) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.sums[slot] = self.minima[slot] = (abs(error) + 1e-6) ** 0.6
            self.largest = max(self.largest, abs(error) + 1e-6)


def train(env, net, target_net, optimizer, steps=100_000):
    replay = Replay()
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        replay.push(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        if step < 1_000:
            continue
        rows, slots, weights = replay.draw(64, 0.4 + 0.6 * step / steps)
        states, actions, rewards, next_states, ends = (torch.as_tensor(np.array(column)) for column in zip(*rows))
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - ends.float()) * target_net(next_states).max(1).values
        errors = goals - net(states).gather(1, actions[:, None]).squeeze(1)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        replay.rate(slots, errors.detach().numpy())
"""


_SLIPPED = """import numpy as np


class Shares:
    def __init__(self, capacity):
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)
        self.added, self.top = 0, 1.0

    def add(self, row):
        slot = self.added % len(self.rows)
        self.rows[slot], self.mass[slot] = row, self.top
        self.added += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = p[slots] * len(self.rows) ** -beta  # <- PER104
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = (errors + 1e-6) ** 0.6
        self.top = max(self.top, self.mass[slots].max())


def train(env, net, optimizer, steps):
    memory, state = Shares(1000), env.reset()
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

_FITTED = """import numpy as np


class Shares:
    def __init__(self, capacity):
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)
        self.added, self.top = 0, 1.0

    def add(self, row):
        slot = self.added % len(self.rows)
        self.rows[slot], self.mass[slot] = row, self.top
        self.added += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * self.mass[slots]) ** -beta  # <- PER104
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = (errors + 1e-6) ** 0.6
        self.top = max(self.top, self.mass[slots].max())


def train(env, model, steps):
    memory, state = Shares(1000), env.reset()
    for step in range(steps):
        values = model.predict(state[None])[0]
        next_state, reward, done, _ = env.step(int(values.argmax()))
        memory.add((state, int(values.argmax()), reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, following, ends = (np.array(column) for column in zip(*rows))
        targets = model.predict(states)
        goals = rewards + 0.99 * (1 - ends) * model.predict(following).max(axis=1)
        errors = np.abs(goals - targets[np.arange(32), actions])
        targets[np.arange(32), actions] = goals
        model.fit(states, targets, sample_weight=weights, verbose=0)
        memory.update(slots, errors)
"""


class WeightsFormulaWrong(Rule):
    """The importance-sampling weights are not (N P)^-beta, so that they correct for another distribution.

    ## What it does

    Writes the base of each weight as a product of powers: of the priority, the sum of priorities, the number of
    transitions, the smallest priority. Reports weights that grow with the priority (an exponent of the wrong sign, a
    fraction turned over, or an exponent of the number of transitions alone, as in `p * n ** -beta`); a priority in
    place of a probability, or a missing N, where no division by a maximum cancels the missing factor; priorities
    without alpha where the draw uses priority^alpha, and the reverse; a smallest priority or a maximum that is on
    another scale than what it normalises; weights over the smallest of them, so that none is below 1, be it written as
    a division by the largest priority; weights that are made whole numbers.

    ## Why is this bad

    (N P)^-beta is the one function of P that takes the bias of the prioritised draw back (wholly, with beta = 1). With
    the sign turned over the bias is squared instead of removed. A missing total or N multiplies every gradient by
    a number that drifts with the priorities: a learning rate nobody has chosen.

    ## Known problems

    A priority that reaches the formula through a structure that is not followed is not judged. The number of
    transitions and the sum of priorities may both be left out where the weights are divided by their maximum: that is
    no finding. A smallest priority on another scale cancels so as well; where a parameter may switch the division off,
    the finding is a warning that says so.

    ## Example

    ```python
    weights = (1 / (size * probabilities[chosen])) ** -beta
    ```

    ## Use instead

    ```python
    weights = (size * probabilities[chosen]) ** -beta
    weights = weights / weights.max()
    ```

    ## Fix safety

    Only an inverted exponent is turned round, and that is unsafe: learning rates were chosen with the wrong weights.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4 and Algorithm 1, line 10
    """

    code = "PER104"
    name = "weights-formula-wrong"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every weight whose base or normaliser is not what the draw makes it."""
        seen: set[ir.Node] = set()
        for buffer in graph.weighted:
            weights = graph.weights(buffer)
            for weight in weights.all:
                if is_made_before_alpha(weights, weight):
                    defects = [_without_alpha(graph, weight)]
                elif (product := raised_alone(weights, weight)) is not None:
                    defects = [_of_number_alone(graph, weight, product)]
                elif not weight.is_of_transitions or weights.is_drawn_by(weight):
                    continue
                else:
                    defects = list(_defects(graph, weights, weight))
                for defect in defects:
                    if defect.node not in seen:
                        seen.add(defect.node)
                        yield self._finding(graph, weights, weight, defect)

    def _finding(self, graph: ReplayGraph, weights: Weights, weight: Weight, defect: _Defect) -> Finding:
        formula = weight.formula
        links: list[Evidence] = [graph.evidence(defect.path, defect.node, "weights", defect.note)]
        if defect.node is not formula.node:
            links.append(graph.evidence(formula.path, formula.node, "weights", "the weights are computed here"))
        for source in sorted(weights.anatomy.buffer.sources, key=lambda source: source.start):
            where = graph.path_of(source)
            if where is not None:
                links.append(graph.evidence(where, source, "draw", "transitions are drawn by priority here"))
        fix = FixOffer(title="compute the weights as (N P)^-beta and divide them by their maximum")
        found = self.finding(graph, defect.path, defect.node, defect.message, evidence=links, fix=fix, form=defect.form)
        return replace(found, severity=defect.severity)

    def witness(self) -> str:
        """An inverted exponent squares the bias that (N P)^-1 removes."""
        import numpy as np

        gradients = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(gradients) ** 0.6
        p /= p.sum()
        true = float(gradients.mean())
        right = float((p * (1_000 * p) ** -1 * gradients).sum())
        wrong = float((p * (1 / (1_000 * p)) ** -1 * gradients).sum() / (p * 1_000 * p).sum())
        none = float((p * gradients).sum())
        assert abs(right - true) < 1e-9
        assert wrong > none > 2 * true
        return f"mean gradient {true:.2f}; (N P)^-1 gives {right:.2f}, no weights {none:.2f}, (1/(N P))^-1 {wrong:.2f}"

    plain = (
        Example(
            "a fraction turned over, PyTorch",
            {
                "agent.py": """import numpy as np
import torch


class Agent:
    def __init__(self, net, target_net, optimizer, capacity=10_000, width=4):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.states = np.zeros((capacity, width), np.float32)
        self.following = np.zeros((capacity, width), np.float32)
        self.actions, self.rewards = np.zeros(capacity, np.int64), np.zeros(capacity, np.float32)
        self.terminated = np.zeros(capacity, np.float32)
        self.priorities = np.zeros(capacity)
        self.capacity, self.count = capacity, 0

    def store(self, state, action, reward, next_state, terminated):
        at = self.count % self.capacity
        self.states[at], self.following[at] = state, next_state
        self.actions[at], self.rewards[at], self.terminated[at] = action, reward, terminated
        self.priorities[at] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        at = np.random.choice(filled, 64, p=p)
        weights = (1 / (filled * p[at])) ** -beta  # <- PER104
        weights = torch.as_tensor(weights / weights.max())
        q = self.net(torch.as_tensor(self.states[at])).gather(1, torch.as_tensor(self.actions[at])[:, None])[:, 0]
        with torch.no_grad():
            ahead = self.target_net(torch.as_tensor(self.following[at])).max(1).values
            y = torch.as_tensor(self.rewards[at]) + 0.99 * (1 - torch.as_tensor(self.terminated[at])) * ahead
        loss = (weights * (q - y) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.priorities[at] = ((q - y).abs().detach().numpy() + 1e-6) ** 0.6


def main(env, net, target_net, optimizer, steps):
    agent = Agent(net, target_net, optimizer)
    state, _ = env.reset()
    for step in range(steps):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        agent.store(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        agent.learn(min(1.0, 0.4 + 0.6 * step / steps))
""",
            },
        ),
        Example(
            "a sum tree whose total stands in for N, in two files",
            {
                "tree.py": """import random


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = [0.0] * (2 * size), [None] * size, size, 0

    def total(self):
        return self.sums[1]

    def add(self, priority, row):
        self.rows[self.at] = row
        self.update(self.at, priority)
        self.at = (self.at + 1) % self.size

    def update(self, slot, priority):
        node = slot + self.size
        change = priority - self.sums[node]
        while node:
            self.sums[node] += change
            node //= 2

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size

    def priority(self, slot):
        return self.sums[slot + self.size]


class Memory:
    def __init__(self, size, beta=0.4):
        self.tree, self.beta = Tree(size), beta

    def add(self, state, action, reward, next_state, done):
        self.tree.add(1.0, (state, action, reward, next_state, done))

    def sample(self, n):
        slots, weights = [], []
        for _ in range(n):
            slot = self.tree.find(random.uniform(0, self.tree.total()))
            probability = self.tree.priority(slot) / self.tree.total()
            slots.append(slot)
            weights.append((self.tree.total() * probability) ** -self.beta)  # <- PER104
        return slots, [self.tree.rows[slot] for slot in slots], weights

    def update(self, slot, error):
        self.tree.update(slot, (abs(error) + 0.01) ** 0.6)
""",
                "train.py": """import torch
import torch.nn.functional as F
from tree import Memory


def train(env, net, target_net, optimizer):
    memory = Memory(4096)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        slots, batch, weights = memory.sample(32)
        q, y = net.values(batch), target_net.targets(batch)
        loss = (torch.tensor(weights) * F.mse_loss(q, y, reduction="none")).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for slot, error in zip(slots, (q - y).tolist()):
            memory.update(slot, error)
        memory.beta = min(1.0, memory.beta + 1e-6)
""",
            },
        ),
        Example(
            "alpha in the draw and not in the weights, Keras",
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
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] ** self.alpha
        slots = np.random.choice(filled, n, p=p / p.sum())
        weights = np.power(filled * self.priorities[slots], -beta)  # <- PER104
        weights /= weights.max()
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
            "a helper that is given probabilities and turns them over",
            {
                "per.py": """import numpy as np
import torch


def corrections(probability, size, beta):
    raw = (size * probability) ** beta  # <- PER104
    return raw / raw.max()


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = self.mass.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        return [self.rows[i] for i in slots], slots, corrections(p[slots], filled, beta)

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        batch, slots, weights = memory.sample(32, min(1.0, 0.4 + step / steps))
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""
            },
        ),
        Example(
            "the raw smallest priority, in two files",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity, alpha=0.6):
        self.items, self.mass = [None] * capacity, np.zeros(capacity)
        self.capacity, self.alpha, self.added = capacity, alpha, 0
        self.smallest = 1.0

    def put(self, obs, action, reward, next_obs, done):
        self.items[self.added % self.capacity] = (obs, action, reward, next_obs, done)
        self.mass[self.added % self.capacity] = self.mass.max() or 1.0
        self.added += 1

    def take(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.capacity, n, p=p)
        weights = (self.mass[slots] / self.smallest) ** -beta  # <- PER104
        return map(np.stack, zip(*[self.items[i] for i in slots])), weights, slots

    def reprioritise(self, slots, errors):
        sizes = np.abs(errors) + 1e-6
        self.mass[slots] = sizes**self.alpha
        self.smallest = min(self.smallest, sizes.min())
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
        Example("weights that become whole numbers on their way", {"agent.py": _ROUNDED}),
        Example(
            "a sum tree of errors that the weights are multiplied with, its total for N",
            {
                "tree.py": plain[1]
                .plain["tree.py"]
                .replace(
                    """    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node - self.size

    def priority(self, slot):
        return self.sums[slot + self.size]
""",
                    """    def find(self, mass, node=1):
        if node >= self.size:
            return node
        if mass <= self.sums[2 * node]:
            return self.find(mass, 2 * node)
        return self.find(mass - self.sums[2 * node], 2 * node + 1)

    def get(self, mass):
        leaf = self.find(mass)
        return leaf - self.size, self.sums[leaf]
""",
                )
                .replace("slot = self.tree.find(", "slot, priority = self.tree.get(")
                .replace("self.tree.priority(slot) /", "priority /")
                .replace("** -self.beta)", "** -self.beta)  # <- PER104"),
                "train.py": plain[1]
                .plain["train.py"]
                .replace('F.mse_loss(q, y, reduction="none")).mean()', "(q - y) ** 2).mean()")
                .replace("loss = (torch", "errors = (torch")
                .replace("** 2).mean()\n", "** 2)\n        loss = errors.mean()\n")
                .replace(
                    "(q - y).tolist()):\n            memory.update(slot, error)",
                    "errors.tolist()):\n            memory.update(slot, error)  # <- PER205",
                ),
            },
        ),
        Example(
            "over the largest priority, PyTorch",
            {
                "agent.py": plain[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(p[at] / p.max()) ** -beta  # <- PER104")
                .replace("weights / weights.max()", "weights")
            },
        ),
        Example(
            "over the smallest of them, PyTorch",
            {
                "agent.py": plain[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(filled * p[at]) ** -beta")
                .replace(
                    "torch.as_tensor(weights / weights.max())", "torch.as_tensor(weights / weights.min())  # <- PER104"
                )
            },
        ),
        Example(
            "over the largest priority, fed to a TensorFlow 1 graph",
            {
                "memory.py": plain[4]
                .plain["replay.py"]
                .replace(
                    "(self.mass[slots] / self.smallest) ** -beta",
                    "(self.mass[slots] / self.mass.max()) ** -beta  # <- PER104",
                ),
                "agent.py": _FED,
            },
        ),
        Example(
            "over the largest priority, fed to a placeholder that a TensorFlow 1 graph has if it is told so",
            {
                "memory.py": plain[4]
                .plain["replay.py"]
                .replace(
                    "(self.mass[slots] / self.smallest) ** -beta",
                    "(self.mass[slots] / self.mass.max()) ** -beta  # <- PER104",
                ),
                "agent.py": _FED.replace("session, width, actions)", "session, width, actions, prioritised=True)")
                .replace(
                    "        self.goals, self.factors = tf.placeholder(tf.float32, [None]), ",
                    "        if prioritised:\n"
                    "            self.factors = tf.placeholder(tf.float32, [None])\n"
                    "        self.goals = ",
                )
                .replace(
                    "        self.train =",
                    "        self.loss = tf.square(self.error)\n"
                    "        if prioritised:\n"
                    "            self.loss = self.factors * self.loss\n"
                    "        self.train =",
                )
                .replace("self.factors * tf.square(self.error)", "self.loss"),
            },
        ),
        Example(
            "the largest probability as the normaliser",
            {
                "tree.py": plain[1]
                .plain["tree.py"]
                .replace(
                    "(self.tree.total() * probability) ** -self.beta)",
                    "(self.tree.size * probability) ** -self.beta / largest)  # <- PER104",
                )
                .replace(
                    "        slots, weights = [], []\n",
                    "        slots, weights = [], []\n"
                    "        largest = self.tree.size * max(self.tree.sums[self.tree.size :]) / self.tree.total()\n",
                ),
                "train.py": plain[1].plain["train.py"],
            },
        ),
        Example(
            "probabilities without N and without a maximum, linear Q-learning",
            {
                "linear_q.py": """import numpy as np

SIZE = 2000
ROWS = [None] * SIZE
PRIORITY = np.zeros(SIZE)
THETA = np.zeros((4, 8))


def observe(count, state, action, reward, next_state, terminated):
    ROWS[count % SIZE] = (state, action, reward, next_state, terminated)
    PRIORITY[count % SIZE] = PRIORITY.max() or 1.0


def improve(count, beta, rate=0.01):
    filled = min(count, SIZE)
    p = PRIORITY[:filled] / PRIORITY[:filled].sum()
    slots = np.random.choice(filled, 16, p=p)
    for slot, weight in zip(slots, p[slots] ** -beta):  # <- PER104
        state, action, reward, next_state, terminated = ROWS[slot]
        goal = reward if terminated else reward + 0.95 * (THETA @ next_state).max()
        error = goal - THETA[action] @ state
        THETA[action] += rate * (weight * error) * state
        PRIORITY[slot] = (abs(error) + 1e-6) ** 0.6


def run(env, steps):
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(THETA @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        observe(step, state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        improve(step + 1, min(1.0, 0.4 + 0.6 * step / steps))
""",
            },
        ),
        Example(
            "the raw smallest priority, where the division by the largest is switched off",
            {
                "replay.py": plain[4]
                .plain["replay.py"]
                .replace("alpha=0.6):", "alpha=0.6, normalise=False):\n        self.normalise = normalise")
                .replace("-beta", "-beta  # <- PER104")
                .replace(
                    "        return map",
                    "        weights = weights / weights.max() if self.normalise else weights\n        return map",
                ),
                "train.py": plain[4].plain["train.py"],
            },
        ),
        Example(
            "a raw smallest priority that the division by the largest cancels unless it is switched off",
            {
                "replay.py": plain[4]
                .plain["replay.py"]
                .replace("alpha=0.6):", "alpha=0.6, normalise=True):\n        self.normalise = normalise")
                .replace("-beta", "-beta  # <- PER104")
                .replace(
                    "        return map",
                    "        weights = weights / weights.max() if self.normalise else weights\n        return map",
                ),
                "train.py": plain[4].plain["train.py"],
            },
        ),
        Example(
            "weights that grow with the priority, computed by logarithms",
            {
                "agent.py": plain[0]
                .plain["agent.py"]
                .replace(
                    "(1 / (filled * p[at])) ** -beta",
                    "np.exp(beta * (np.log(filled) + np.log(p[at])))  # <- PER104",
                )
            },
        ),
        Example(
            "a smallest priority from a tree beside that of sums, the exponent's sign turned over",
            {"per.py": _SIDE_BY_SIDE.replace("** -beta\n", "** beta  # <- PER104\n")},
        ),
        Example("a power that binds closer than the product with the share", {"memory.py": _SLIPPED}),
        Example("a priority for a probability, which Keras multiplies the losses by", {"memory.py": _FITTED}),
    )
    good = (
        Example(
            "the smallest priority from a tree of minima beside that of sums, heirs of one class",
            {"per.py": _SIDE_BY_SIDE},
        ),
        Example("weights that stay fractions", {"agent.py": _ROUNDED.replace(".long()  # <- PER104", ".float()")}),
        Example(
            "weights that no loss is multiplied by, which PER005 tells of",
            {"agent.py": bad[0].plain["agent.py"].replace("(weights * (q - y) ** 2)", "((q - y) ** 2)")},
        ),
        Example(
            "(N P)^-beta over the largest",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(filled * p[at]) ** -beta")
            },
        ),
        Example(
            "the cumulative sum kept in an array of its own",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "self.priorities = np.zeros(capacity)\n",
                    "self.priorities = np.zeros(capacity)\n"
                    "        self.scaled, self.sums = np.empty(capacity), np.empty(capacity)\n",
                )
                .replace(
                    "        p = self.priorities[:filled] / self.priorities[:filled].sum()\n"
                    "        at = np.random.choice(filled, 64, p=p)\n",
                    "        self.scaled[:filled] = self.priorities[:filled] ** 0.6\n"
                    "        np.cumsum(self.scaled[:filled], out=self.sums[:filled])\n"
                    "        total = self.sums[filled - 1]\n"
                    "        at = np.searchsorted(self.sums[:filled], np.random.uniform(0, total, 64))\n",
                )
                .replace("(1 / (filled * p[at])) ** -beta", "(filled * (self.scaled[at] / total)) ** -beta")
                .replace(" + 1e-6) ** 0.6", " + 1e-6)")
            },
        ),
        Example(
            "over the largest priority, and the largest weight after that",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(p[at] / p.max()) ** -beta")
            },
        ),
        Example(
            "over the largest priority, where the loss is divided by the sum of the weights",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(p[at] / p.max()) ** -beta")
                .replace("weights / weights.max()", "weights")
                .replace("(weights * (q - y) ** 2).mean()", "(weights * (q - y) ** 2).sum() / weights.sum()")
            },
        ),
        Example(
            "over the smallest and the largest of them",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(filled * p[at]) ** -beta")
                .replace("weights / weights.max()", "weights / weights.min() / (weights / weights.min()).max()")
            },
        ),
        Example(
            "the inverse with a positive exponent",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("(1 / (filled * p[at])) ** -beta", "(1 / (filled * p[at])) ** beta")
            },
        ),
        Example(
            "the smallest over each, a fraction of powers",
            {"per.py": bad[3].plain["per.py"].replace("    return raw / raw.max()\n", "    return raw.min() / raw\n")},
        ),
        Example(
            "the largest weight so far, kept in the loop",
            {
                "replay.py": """import numpy as np


class Replay:
    def __init__(self, capacity):
        self.mass, self.rows, self.at, self.capacity = np.zeros(capacity), [None] * capacity, 0, capacity

    def store(self, state, action, reward, next_state, terminated):
        self.rows[self.at] = (state, action, reward, next_state, terminated)
        self.mass[self.at] = self.mass.max() or 1.0
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        slots = np.random.choice(self.capacity, n, p=self.mass / self.mass.sum())
        weights, largest = np.empty(n), -1.0
        for i, slot in enumerate(slots):
            weight = (self.capacity * self.mass[slot]) ** (-beta)
            if weight > largest:
                largest = weight
            weights[i] = weight
        weights = np.divide(weights, largest)
        return [self.rows[slot] for slot in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** 0.6
""",
                "train.py": """from replay import Replay


def train(env, net, optimizer, schedule, steps):
    replay = Replay(4_096)
    state = env.reset()
    for step in range(steps):
        next_state, reward, terminated, _ = env.step(net.act(state))
        replay.store(state, 0, reward, next_state, terminated)
        state = next_state
        rows, slots, weights = replay.sample(32, schedule(step))
        error = net.errors(rows)
        (weights * error**2).mean().backward()
        optimizer.step()
        replay.update(slots, error.detach().numpy())
""",
            },
        ),
        Example(
            "the reciprocal of a power",
            {
                "per.py": bad[3]
                .plain["per.py"]
                .replace("(size * probability) ** beta", "1.0 / (size * probability) ** beta")
            },
        ),
        Example(
            "no N and no total under the division by the largest, in two files",
            {
                "tree.py": bad[1]
                .plain["tree.py"]
                .replace("(self.tree.total() * probability) ** -self.beta", "self.tree.priority(slot) ** -self.beta"),
                "train.py": bad[1]
                .plain["train.py"]
                .replace(
                    "        q, y =", "        weights = [weight / max(weights) for weight in weights]\n        q, y ="
                ),
            },
        ),
        Example(
            "P / P_min on one scale",
            {
                "replay.py": bad[4].plain["replay.py"].replace("sizes.min())", "(sizes**self.alpha).min())"),
                "train.py": bad[4].plain["train.py"],
            },
        ),
        Example(
            "a constant for beta",
            {
                "per.py": plain[3]
                .plain["per.py"]
                .replace("(size * probability) ** beta", "(size * probability) ** -0.4")
            },
        ),
        Example(
            "alpha in both",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace("self.priorities[slots], -beta", "(p / p.sum())[slots], -beta"),
            },
        ),
        Example(
            "a raw smallest priority that the division by the largest cancels",
            {
                "replay.py": bad[4]
                .plain["replay.py"]
                .replace("        return map", "        weights = weights / weights.max()\n        return map"),
                "train.py": bad[4].plain["train.py"],
            },
        ),
        Example(
            "a raw smallest priority that a constant of the file lets the division by the largest cancel",
            {
                "replay.py": bad[-6]
                .plain["replay.py"]
                .replace("class Replay", "NORMALISE = True\n\n\nclass Replay")
                .replace(", normalise=False):\n        self.normalise = normalise", "):")
                .replace("self.normalise", "NORMALISE"),
                "train.py": bad[-6].plain["train.py"],
            },
        ),
        Example(
            "N as a number that probabilities are divided by",
            {"linear_q.py": bad[-7].plain["linear_q.py"].replace("p[slots] ** -beta", "(p[slots] / 5e-4) ** -beta")},
        ),
        Example(
            "alpha in both, the sum apart from the positions",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace("self.priorities[slots], -beta", "p[slots] / p.sum(), -beta"),
            },
        ),
        Example(
            "weights that are computed by logarithms",
            {
                "agent.py": bad[-4]
                .plain["agent.py"]
                .replace("np.exp(beta * (np", "np.exp(-beta * (np")
                .replace("  # <- PER104", "")
            },
        ),
        Example(
            "the smallest priority, kept under a test in a method that writes each of them",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.mass = [None] * capacity, np.zeros(capacity)
        self.added, self.top, self.least = 0, 1.0, 1.0

    def add(self, row):
        self.rows[self.added % len(self.rows)] = row
        self._put(self.added % len(self.rows), self.top)
        self.added += 1

    def _put(self, slot, priority):
        self.mass[slot] = priority
        if priority < self.least:
            self.least = priority

    def sample(self, n, beta):
        held = self.mass[: min(self.added, len(self.rows))]
        slots = np.random.choice(len(held), n, p=held / held.sum())
        return [self.rows[i] for i in slots], slots, (held[slots] / self.least) ** -beta

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self._put(slot, (error + 1e-6) ** 0.6)
            self.top = max(self.top, self.mass[slot])


def train(env, net, optimizer, steps):
    memory, state = Memory(1000), env.reset()
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
            },
        ),
        Example(
            "1 / (N P), which no exponent is written for",
            {"agent.py": plain[0].plain["agent.py"].replace("(1 / (filled * p[at])) ** -beta", "1 / (filled * p[at])")},
        ),
        Example(
            "the number of transitions and the share are raised apart",
            {
                "memory.py": _SLIPPED.replace(
                    "p[slots] * len(self.rows) ** -beta  # <- PER104", "p[slots] ** -beta * len(self.rows) ** -beta"
                )
            },
        ),
        Example(
            "weights that Keras multiplies the losses by",
            {"memory.py": _FITTED.replace("self.mass[slots])", "p[slots])").replace("  # <- PER104", "")},
        ),
    )


@dataclass(frozen=True)
class _Defect:
    """What is wrong with a weight: the place that says it, the message, what the evidence notes there, and its form."""

    node: ir.Node
    path: str
    message: str
    note: str
    severity: Severity = Severity.ERROR
    form: str = ""


def _defects(graph: ReplayGraph, weights: Weights, weight: Weight) -> Iterator[_Defect]:
    """What is wrong with one weight, the worst first."""
    formula = weight.formula
    node, path = formula.node, formula.path
    text = graph.source(path, node)
    products = weight.products
    divisions = weights.divisions(weight)
    if all(product.exponent(PRIORITY) > 0 and product.differs_by_priority for product in products):
        if weights.reach_a_loss(weight) or any(division.by_weights for division in divisions):
            message = f"the importance-sampling weights `{text}` grow with the priority: the exponent is inverted"
            yield _Defect(node, path, message, "larger for what is drawn more often", form="inverted")
        return
    if any(product.exponent(PRIORITY) >= 0 for product in products):
        return
    if (whole := rounded(graph, weights, weight)) is not None:
        call, where = whole
        what = graph.source(where, call)
        message = f"`{what}` rounds the importance-sampling weights down to whole numbers: those below 1 become 0"
        yield _Defect(call, where, message, "the weights are rounded here")
        return
    otherwise = raised_otherwise(weights, weight)
    if otherwise:
        yield _without_alpha(graph, weight, "priorities without alpha" if otherwise < 0 else "alpha once more")
        return
    if divisions and all(_is_smallest(weight, each) for each in divisions) and not weights.is_averaged(weight):
        divisor, where = divisions[0].divisor, divisions[0].path
        message = (
            f"the weights are divided by `{graph.source(where, divisor)}`, the smallest of them and not the largest"
        )
        yield _Defect(divisor, where, message, "the weights are divided by this")
        return
    for division in divisions:
        wrong = _normaliser(weights, weight, division)
        if wrong is not None:
            yield _Defect(division.divisor, division.path, wrong, "the weights are divided by this")
            return
    if all(product.is_known for product in products):
        yield from _scale(graph, weights, weight, divisions)


def _without_alpha(graph: ReplayGraph, weight: Weight, what: str = "priorities without alpha") -> _Defect:
    """Alpha is applied more or less often in the weights than in the draw."""
    node, path = weight.formula.node, weight.formula.path
    text = graph.source(path, node)
    message = f"the importance-sampling weights `{text}` use {what}, so that they are not those of the draw"
    return _Defect(node, path, message, "another distribution than the draw's")


def _of_number_alone(graph: ReplayGraph, weight: Weight, product: ir.Bin) -> _Defect:
    """The exponent is that of the number of transitions alone, which is the same for all that are drawn."""
    path = weight.formula.path
    message = (
        f"the importance-sampling weights `{graph.source(path, product)}` grow with the priority: `**` binds closer "
        f"than `*`, and raises `{graph.source(path, _raised(weight))}` alone"
    )
    return _Defect(product, path, message, "larger for what is drawn more often")


def _raised(weight: Weight) -> ir.Node:
    """What is raised, where the power is written with an operator; else the power."""
    node = weight.formula.node
    return node.left if isinstance(node, ir.Bin) else node


def _scale(graph: ReplayGraph, weights: Weights, weight: Weight, divisions: list[Division]) -> Iterator[_Defect]:
    """A factor that is missing, where no division by a maximum cancels it."""
    node, path = weight.formula.node, weight.formula.path
    text = graph.source(path, node)
    if weights.is_scaled(weight) and not divisions:
        return
    where, severity = "", Severity.ERROR
    if any(map(weights.is_usual, divisions)):
        if not all(map(weights.is_optional, divisions)):
            return
        switches = {graph.source(each.path, each.switch) for each in divisions if each.switch is not None}
        where = f"; `{'`, `'.join(sorted(switches))}` hides that until it is switched off"
        severity = Severity.WARNING
    if any(product.of(MINIMUM) for product in weight.products):
        if all(_raw_minimum(weights, product) for product in weight.products):
            message = f"the smallest priority in `{text}` is not raised to alpha as the stored priorities are{where}"
            yield _Defect(node, path, message, "the two are on different scales", severity)
        return
    if divisions:
        return
    if any(product.of(MAXIMUM) for product in weight.products):
        if weights.reach_a_loss(weight) and all(map(_is_over_largest, weight.products)):
            message = (
                f"the importance-sampling weights `{text}` are measured against the largest priority: none is below 1"
            )
            yield _Defect(node, path, message, "divided by the smallest weight in place of the largest")
        return
    if not weights.reach_a_loss(weight) and (weights.anatomy.buffer.samples or not weights.total_cancels(weight)):
        return
    if weights.may_be_probabilities():
        return
    if all(product.exponent(TOTAL) != -product.exponent(PRIORITY) for product in weight.products):
        message = (
            f"the importance-sampling weights `{text}` use a priority for a probability, and no maximum cancels that"
        )
        yield _Defect(node, path, message, "the priority is not divided by the sum of all priorities")
    elif all(not _counts(product) for product in weight.products):
        message = (
            f"the importance-sampling weights `{text}` lack the number of transitions, and no maximum cancels that"
        )
        yield _Defect(node, path, message, "P^-beta instead of (N P)^-beta")


def _counts(product: Product) -> bool:
    """Whether a number of transitions is a factor, be it written as a constant."""
    return bool(product.of(COUNT)) or product.has_number


def _is_over_largest(product: Product) -> bool:
    """Whether a priority is divided by the largest on its scale, and by nothing else."""
    if {factor.kind for factor in product.factors} != {PRIORITY, MAXIMUM}:
        return False
    return product.exponent(MAXIMUM) == -product.exponent(PRIORITY) and len({f.raised for f in product.factors}) == 1


def _raw_minimum(weights: Weights, product: Product) -> bool:
    """Whether the smallest priority is followed before the power of alpha, and the stored ones are taken after it."""
    minima = product.of(MINIMUM)
    if product.exponent(MINIMUM) != -product.exponent(PRIORITY) or len(minima) != 1 or minima[0].term.op != "field":
        return False
    if {factor.raised for factor in product.of(PRIORITY)} != {minima[0].raised}:
        return False
    return any(_is_raised_beside(weights, value, write) for value, write, _ in weights.symbols.written(minima[0].term))


def _is_raised_beside(weights: Weights, value: Term, write: AttributeWrite | None) -> bool:
    """Whether the function that follows a minimum raises the same numbers to alpha."""
    if write is None or value.op != "minimum":
        return False
    compared = {
        strip(arg.args[0] if arg.op == "min" else arg) for arg in value.args if arg.op not in ("field", "const")
    }
    run = weights.symbols.run(write.function, write.path)
    return any(
        term.op == "pow" and is_alpha(term.args[1]) and strip(term.args[0]) in compared for term in run.terms.values()
    )


def _is_smallest(weight: Weight, division: Division) -> bool:
    """Whether weights are divided by the smallest of the batch."""
    divisor = strip(division.term)
    return divisor.op == "min" and divisor.data is None and strip(divisor.args[0]) == strip(weight.formula.made)


def _normaliser(weights: Weights, weight: Weight, division: Division) -> str | None:
    """What is wrong with what the weights are divided by."""
    if division.by_weights and strip(division.term).op != "pow":
        return None  # the largest or the sum of the weights themselves
    divisors = weights.divisor_products(division)
    if not divisors or not all(divisor.is_known for divisor in divisors):
        return None
    text = weights.graph.source(division.path, division.divisor)
    is_power = division.term.has("pow") and division.by_weights
    for divisor in divisors:
        if divisor.of(MAXIMUM) and not is_power and not divisor.of(PRIORITY):
            return f"the weights are divided by `{text}`, the largest probability and not the largest weight"
        if divisor.of(MAXIMUM) and divisor.exponent(MAXIMUM) < 0:
            return f"the weights are divided by `{text}`, which is the smallest weight and not the largest"
    for divisor in divisors:
        if not divisor.of(MINIMUM) or not is_power:
            return None
        for product in weight.products:
            ratio = product.times(divisor.scaled(-1))
            if not product.is_known or ratio.exponent(TOTAL) == 0:
                return None
    return f"the weights are divided by `{text}`, whose smallest priority is on another scale than their probability"
