"""PER102 weights-broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.graph.prioritised.weights.broadcast import conflicting
from per_audit.graph.symbolic import contexts
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Evidence, Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic import Context, Term

_FORMS = ("neg", "detach", "reshape", "squeeze", "unsqueeze")

_LISTED = """import operator
import random

import numpy as np
import torch
import torch.nn.functional as F


class Tree:
    def __init__(self, size, join, neutral):
        self.size, self.join, self.nodes = size, join, [neutral] * (2 * size)

    def over(self, first, last, node, start, end):
        if first == start and last == end:
            return self.nodes[node]
        middle = (start + end) // 2
        if last <= middle:
            return self.over(first, last, 2 * node, start, middle)
        if middle + 1 <= first:
            return self.over(first, last, 2 * node + 1, middle + 1, end)
        left = self.over(first, middle, 2 * node, start, middle)
        return self.join(left, self.over(middle + 1, last, 2 * node + 1, middle + 1, end))

    def all(self):
        return self.over(0, self.size - 1, 1, 0, self.size - 1)

    def put(self, slot, value):
        node = slot + self.size
        self.nodes[node] = value
        while node > 1:
            node //= 2
            self.nodes[node] = self.join(self.nodes[2 * node], self.nodes[2 * node + 1])

    def find(self, mass):
        node = 1
        while node < self.size:
            node = 2 * node
            if mass >= self.nodes[node]:
                mass -= self.nodes[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size, width):
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros((size, 1), int), np.zeros((size, 1)), np.zeros((size, 1))
        self.sums, self.least = Tree(size, operator.add, 0.0), Tree(size, min, float("inf"))
        self.size, self.count = size, 0

    def add(self, state, action, reward, next_state, done):
        at = self.count % self.size
        self.states[at], self.actions[at], self.rewards[at] = state, action, reward
        self.following[at], self.ends[at] = next_state, done
        self.correct([at], [1.0])
        self.count += 1

    def sample(self, n, beta):
        total, count = self.sums.all(), min(self.count, self.size)
        slots = [self.sums.find(total * (i + random.random()) / n) for i in range(n)]
        largest = (count * self.least.all() / total) ** -beta
        weights = []
        for slot in slots:
            share = self.sums.nodes[self.sums.size + slot] / total
            weights.append((count * share) ** -beta / largest)
        return slots, np.array(weights, dtype=np.float32)

    def correct(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.sums.put(slot, (error + 1e-6) ** 0.6)
            self.least.put(slot, (error + 1e-6) ** 0.6)


def learn(net, memory, optimizer, n, beta):
    slots, weights = memory.sample(n, beta)
    values = net(torch.tensor(memory.states[slots])).gather(1, torch.tensor(memory.actions[slots]))
    ahead = net(torch.tensor(memory.following[slots])).max(1, keepdim=True)[0].detach()
    goals = torch.tensor(memory.rewards[slots]) + 0.99 * (1 - torch.tensor(memory.ends[slots])) * ahead
    each = F.smooth_l1_loss(values, goals, reduction="none")
    (each * torch.tensor(weights)).mean().backward()  # <- PER102
    optimizer.step()
    memory.correct(slots, (goals - values).abs().detach().numpy()[:, 0])


def train(env, net, optimizer, steps):
    memory, state = Memory(4096, 8), env.reset()
    for step in range(steps):
        action = net(torch.tensor(state)).argmax().item()
        next_state, reward, terminated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset() if terminated else next_state
        learn(net, memory, optimizer, 32, 0.4 + 0.6 * step / steps)
"""
_BY_OPTION = """import numpy as np
import torch
import torch.nn.functional as F


class Memory:
    def __init__(self, size, width):
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros(size, int), np.zeros(size), np.zeros(size)
        self.mass, self.size, self.count = np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, done):
        at = self.count % self.size
        self.states[at], self.actions[at], self.rewards[at] = state, action, reward
        self.following[at], self.ends[at], self.mass[at] = next_state, done, 1.0
        self.count += 1

    def sample(self, n, beta):
        count = min(self.count, self.size)
        p = self.mass[:count] / self.mass[:count].sum()
        at = np.random.choice(count, n, p=p)
        w = (count * p[at]) ** -beta
        return at, w / w.max()

    def correct(self, at, errors):
        self.mass[at] = (errors + 1e-6) ** 0.6


class Learner:
    def __init__(self, net, frozen, memory, optimizer, distributional=False):
        self.net, self.frozen, self.memory, self.optimizer = net, frozen, memory, optimizer
        self.distributional = distributional

    def losses(self, at):
        states, following = torch.tensor(self.memory.states[at]), torch.tensor(self.memory.following[at])
        actions, rewards = torch.tensor(self.memory.actions[at]), torch.tensor(self.memory.rewards[at].reshape(-1, 1))
        ends = torch.tensor(self.memory.ends[at].reshape(-1, 1))
        if self.distributional:
            with torch.no_grad():
                goal = self.frozen.spread(following)[range(32), self.net(following).argmax(1)]
            return -(goal * self.net.spread(states)[range(32), actions].log()).sum(1)
        values = self.net(states).gather(1, actions.reshape(-1, 1))
        goals = rewards + 0.99 * (1 - ends) * self.frozen(following).max(1, keepdim=True)[0].detach()
        return F.smooth_l1_loss(values, goals, reduction="none")

    def learn(self, beta):
        at, w = self.memory.sample(32, beta)
        weights = torch.tensor(w.reshape(-1, 1))
        each = self.losses(at)
        loss = (each * weights).mean()  # <- PER102
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.correct(at, each.detach().numpy())
"""


_CATEGORICAL = """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [], np.zeros(size), size, 0

    def store(self, state, action, reward, next_state, terminated):
        if len(self.rows) < self.size:
            self.rows.append(None)
        self.rows[self.at] = (state, action, reward, next_state, terminated)
        self.mass[self.at] = self.mass.max() or 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = self.mass[: len(self.rows)] / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return zip(*[self.rows[i] for i in slots]), slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) ** 0.6 + 1e-5


def learn(net, memory, project_target, optimizer, n, beta):
    (states, actions, rewards, following, ends), slots, weights = memory.sample(n, beta)
    weights = torch.as_tensor(weights).reshape(-1, 1)
    target = project_target(rewards, following, ends)
    chosen = net.distribution(torch.as_tensor(states))[range(n), actions]
    losses = -(target * torch.log(chosen)).sum(1)
    loss = torch.mean(losses * weights)  # <- PER102
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.update(slots, losses.detach().numpy())


def train(net, env, project_target, optimizer, steps):
    memory = Memory(5000)
    for step in range(steps):
        memory.store(*env.transition())
        learn(net, memory, project_target, optimizer, 32, 0.4 + 0.6 * step / steps)
"""


_COLUMNS = """import numpy as np


class Memory:
    def __init__(self, capacity, width, actions):
        self.states, self.after = np.zeros([capacity, width]), np.zeros([capacity, width])
        self.actions, self.rewards = np.zeros([capacity, actions]), np.zeros([capacity, 1], dtype=np.float32)
        self.ends, self.mass = np.zeros([capacity, 1], dtype=np.float32), np.zeros(capacity)
        self.capacity, self.at, self.size, self.top = capacity, 0, 0, 1.0

    def store(self, state, action, reward, after, end):
        self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
        self.after[self.at], self.ends[self.at], self.mass[self.at] = after, end, self.top
        self.at, self.size = (self.at + 1) % self.capacity, min(self.size + 1, self.capacity)

    def draw(self, n, beta):
        p = self.mass[: self.size] / self.mass[: self.size].sum()
        at = np.random.choice(self.size, n, p=p)
        w = (self.size * p[at]) ** -beta
        return self.states[at], self.actions[at], self.rewards[at], self.after[at], self.ends[at], w / w.max(), at

    def rate(self, at, errors):
        self.mass[at] = (errors + 1e-6) ** 0.6
        self.top = max(self.top, self.mass[at].max())
"""
_MOVED = """import torch
from torch import nn
from memory import Memory

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Critic(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, 64).to(device)
        self.outer = nn.Linear(64, 1).to(device)

    def forward(self, state, action):
        return self.outer(torch.relu(self.inner(torch.cat([state, action], 1))))


class Learner:
    def __init__(self, actor, width, actions):
        self.memory = Memory(10_000, width, actions)
        self.actor, self.critic, self.slow = actor, Critic(width + actions), Critic(width + actions)
        self.optimizer = torch.optim.Adam(self.critic.parameters())

    def improve(self, beta):
        state, action, reward, after, end, w, at = self.memory.draw(64, beta)
        state, action = torch.FloatTensor(state).to(device), torch.FloatTensor(action).to(device)
        reward, end = torch.FloatTensor(reward).to(device), torch.FloatTensor(end).to(device)
        after, w = torch.FloatTensor(after).to(device), torch.FloatTensor(w).to(device)
        goal = reward + (0.99 * (1 - end) * self.slow(after, self.actor(after))).detach()
        errors = goal - self.critic(state, action)
        loss = (w * errors**2).mean()  # <- PER102
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.rate(at, errors.detach().abs().cpu().numpy().squeeze(1))
"""
_REGISTERED = """import numpy as np
import torch
from torch import nn

MEMORIES = {}


def memory(name):
    def keep(cls):
        MEMORIES[name] = cls
        return cls

    return keep


class Rows:
    def __init__(self, size, width):
        self.states, self.following, self.size, self.count = np.zeros((size, width)), np.zeros((size, width)), size, 0
        self.rewards, self.ends = np.zeros((size, 1)), np.zeros((size, 1))

    def write(self, state, reward, next_state, done):
        at = self.count % self.size
        self.states[at], self.rewards[at], self.following[at], self.ends[at] = state, reward, next_state, done
        self.count += 1
        return at

    def read(self, at):
        return self.states[at], self.rewards[at], self.following[at], self.ends[at]


@memory("uniform")
class Uniform(Rows):
    def push(self, *row):
        self.write(*row)

    def sample(self, n):
        at = np.random.randint(0, min(self.count, self.size), n)
        return self.read(at), at, np.ones(n)

    def learnt(self, at, errors):
        pass


@memory("prioritised")
class Prioritised(Rows):
    def __init__(self, size, width, alpha=0.6, beta=0.4):
        super().__init__(size, width)
        self.mass, self.alpha, self.beta = np.zeros(size), alpha, beta

    def push(self, *row):
        self.mass[self.write(*row)] = self.mass.max() or 1.0

    def sample(self, n):
        held = min(self.count, self.size)
        p = self.mass[:held] / self.mass[:held].sum()
        at = np.random.choice(held, n, p=p)
        weights = (held * p[at]) ** -self.beta
        return self.read(at), at, weights / weights.max()

    def learnt(self, at, errors):
        self.mass[at] = (errors + 1e-6) ** self.alpha


def stack(inside, outside, last=None):
    layers = [nn.Linear(inside, 32), nn.ReLU(), nn.Linear(32, outside)]
    if last is not None:
        layers.append(last)
    return nn.Sequential(*layers)


class Agent:
    def __init__(self, width, actions, settings):
        self.actor, self.critic = stack(width, actions, nn.Tanh()), stack(width, 1)
        self.memory = MEMORIES[settings["memory"]](settings["size"], width, **settings["more"])

    def learn(self, optimizer):
        (states, rewards, following, ends), at, weights = self.memory.sample(64)
        states, weights = torch.as_tensor(states), torch.as_tensor(weights)
        with torch.no_grad():
            ahead = self.critic(torch.as_tensor(following))
            goal = torch.as_tensor(rewards) + 0.99 * (1 - torch.as_tensor(ends)) * ahead
        error = self.critic(states) - goal
        loss = (weights * error**2).mean()  # <- PER102
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.memory.learnt(at, error.detach().abs().squeeze(1).numpy())
"""

_JOINED = """import numpy as np
import torch


class Replay:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def keep(self, state, action, reward, following):
        self.rows[self.at % self.size] = (
            torch.tensor(state)[None],
            torch.tensor([[action]]),
            torch.tensor([[reward]]),
            torch.tensor(following)[None],
        )
        self.mass[self.at % self.size] = max(self.mass.max(), 1.0)
        self.at += 1

    def draw(self, n, beta):
        count = min(self.at, self.size)
        p = self.mass[:count] / self.mass[:count].sum()
        slots = np.random.choice(count, n, p=p)
        weights = (count * p[slots]) ** -beta
        return [self.rows[slot] for slot in slots], slots, torch.as_tensor(weights / weights.max())


def train(env, net, target_net, optimizer, steps):
    replay, state = Replay(50_000), env.reset()
    for step in range(steps):
        action = net.act(state)
        following, reward, _, _ = env.step(action)
        replay.keep(state, action, reward, following)
        state = following
        batch, slots, weights = replay.draw(64, 0.4 + 0.6 * step / steps)
        states, actions, rewards, nexts = map(torch.cat, zip(*batch))
        values = net(states).gather(1, actions)
        with torch.no_grad():
            goals = rewards + 0.99 * target_net(nexts).max(1, keepdim=True)[0]
        loss = (weights * (values - goals) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        replay.mass[slots] = (values - goals).abs().detach().numpy().ravel() + 1e-6
"""


class WeightsBroadcast(Rule):
    """The importance-sampling weights are a column and the errors a row, so that every weight meets every error.

    ## What it does

    Reports a product of importance-sampling weights with errors or losses where one of the two has the shape (B,) and
    the other (B, 1). The shapes are followed through functions and files: reductions, `gather`, `unsqueeze`,
    `reshape`, layers of width one, arrays of a given size, placeholders of TensorFlow 1.

    ## Why is this bad

    Broadcasting makes a (B, B) matrix of all pairs, and the mean of all pairs is `mean(weights) * mean(errors)`: each
    transition gets the same factor. The bias of the prioritised draw stays as it would be without weights, nothing
    fails, and no warning is printed for a product.

    ## Known problems

    Both shapes have to be known; where one depends on what an unknown network returns, the rule is silent. A network
    whose last layer has the width one is taken to be called with one row for each transition.

    ## Example

    ```python
    q = net(states).gather(1, actions.unsqueeze(1))  # (B, 1)
    loss = (weights * (q - target) ** 2).mean()  # weights: (B,)
    ```

    ## Use instead

    ```python
    loss = (weights.unsqueeze(1) * (q - target) ** 2).mean()
    ```

    ## Fix safety

    Giving the weights the shape of the errors changes the numbers that training sees, as intended; offered where all
    callers pass weights of one shape. A sum in place of a mean gets smaller by the size of the batch, so that it is
    unsafe.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4 and Algorithm 1, line 13
    - NumPy manual, Broadcasting: "the size of the trailing axes for both arrays must either be the same or be one"
    """

    code = "PER102"
    name = "weights-broadcast"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each product of weights with errors of which one is a row and the other a column."""
        seen: set[ir.Node] = set()
        for product in graph.corrections.products:
            if product.node in seen:
                continue
            wrong = [
                (context, weight)
                for context in contexts(graph.symbols, product.weight, product.other)
                if (weight := conflicting(graph, product, context)) is not None
            ]
            if wrong and graph.corrections.is_kept(product):
                seen.add(product.node)
                yield self._finding(graph, product, wrong)

    def _finding(self, graph: ReplayGraph, product: Product, wrong: list[tuple[Context, Term]]) -> Finding:
        context = wrong[0][0]
        is_side = _is_within_loss(graph, product)
        what = "values" if is_side or _is_answer(product.other) else "errors"
        weights = {weight: _shape(graph, context, weight) for context, weight in wrong}
        shapes = next(iter(weights.values()))
        known = _is_told(graph, context, product.other)
        width = shapes[1] if known else f"{shapes[1]} or wider"
        links: list[Evidence] = [
            graph.evidence(product.path, product.node, "product", f"every weight meets every {what[:-1]}")
        ]
        for node, path in context.steps:
            links.append(graph.evidence(path, node, "passed", "they come from here"))
        for term, (shape, _) in weights.items():
            if term.node is not None and term.path:
                links.append(graph.evidence(term.path, term.node, "weights", f"the weights are {shape}"))
        if product.other.node is not None and product.other.path:
            links.append(graph.evidence(product.other.path, product.other.node, "shape", f"the {what} are {width}"))
        uses = (graph.priorities(buffer).uses for buffer in graph.buffers if buffer.kind == PRIORITISED)
        if any(each.only_rates(product.path, product.node) for each in uses):
            why = f"the priorities that are made of it mix each weight with the {what} of other transitions"
        elif known and not is_side:
            why = f"its mean is that of the weights times that of the {what}, and corrects nothing"
        else:
            why = f"each weight meets the {what} of all transitions, and corrects those of none"
        return self.finding(
            graph,
            product.path,
            product.node,
            f"weights of shape {shapes[0]} times {what} of shape {width} make a (B, B) matrix: {why}",
            evidence=links,
            fix=FixOffer(title="give the weights the shape of the errors"),
        )

    def witness(self) -> str:
        """The mean of all pairs is the product of the means, whatever belongs together."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(errors) ** 0.6
        p /= p.sum()
        at = rng.choice(1_000, 4_000, p=p)
        weights = 1 / (1_000 * p[at])
        true = errors.mean()
        pairs = weights[:, None] * errors[at]  # per-audit: ignore[PER102] the defect that is shown
        matched = weights * errors[at]
        assert pairs.shape == (4_000, 4_000)
        assert np.isclose(pairs.mean(), weights.mean() * errors[at].mean())
        assert abs(matched.mean() - true) < 0.1 * abs(true)
        assert pairs.mean() > 2 * true
        return f"mean error {true:.2f}; (B,) weights give {matched.mean():.2f}, (B, 1) weights {pairs.mean():.2f}"

    bad: ClassVar[tuple[Example, ...]] = (
        Example(
            "the values of the actions are a column, PyTorch",
            {
                "learn.py": """import numpy as np
import torch


def learn(net, target_net, optimizer, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    states, actions, rewards, next_states, ends = (torch.as_tensor(x) for x in zip(*[rows[i] for i in at]))
    q = net(states).gather(1, actions.unsqueeze(1))
    with torch.no_grad():
        ahead = target_net(next_states).max(1).values.unsqueeze(1)
        target = rewards.unsqueeze(1) + 0.99 * (1 - ends.unsqueeze(1)) * ahead
    loss = (weights * (q - target) ** 2).mean()  # <- PER102
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "the weights are a column, made in another file",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.beta = [None] * size, np.zeros(size), 0.4

    def sample(self, n):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = np.zeros((n, 1))
        for place, slot in enumerate(slots):
            weights[place] = (len(self.rows) * p[slot]) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()
""",
                "agent.py": """import torch
import torch.nn.functional as F
from memory import Memory


class Agent:
    def __init__(self, net, target_net):
        self.net, self.target_net, self.memory = net, target_net, Memory(1000)

    def update(self):
        batch, slots, weights = self.memory.sample(64)
        return self.step(batch, torch.as_tensor(weights))

    def step(self, batch, weights):
        states, actions, rewards, next_states, ends = map(torch.as_tensor, zip(*batch))
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        target = rewards + 0.9 * (1 - ends) * self.target_net(next_states).max(dim=1)[0].detach()
        loss = F.smooth_l1_loss(q, target, reduction="none") * weights  # <- PER102
        loss.mean().backward()
""",
            },
        ),
        Example(
            "placeholders of a graph, TensorFlow 1",
            {
                "graph.py": """import numpy as np
import tensorflow.compat.v1 as tf


class Learner:
    def __init__(self, actions, rate):
        self.states = tf.placeholder(tf.float32, [None, 4])
        self.taken = tf.placeholder(tf.float32, [None, actions])
        self.targets = tf.placeholder(tf.float32, [None])
        self.scale = tf.placeholder(tf.float32, [None, 1])
        values = tf.layers.dense(tf.layers.dense(self.states, 64, tf.nn.relu), actions)
        q = tf.reduce_sum(values * self.taken, axis=1)
        self.loss = tf.reduce_mean(self.scale * tf.squared_difference(self.targets, q))  # <- PER102
        self.step = tf.train.AdamOptimizer(rate).minimize(self.loss)


def train(session, rows, priorities, beta):
    learner = Learner(2, 1e-3)
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    correction = np.reshape((len(rows) * p[at]) ** -beta, (32, 1))
    states, taken, targets = (np.stack(x) for x in zip(*[rows[i] for i in at]))
    session.run(
        learner.step,
        feed_dict={
            learner.states: states, learner.taken: taken, learner.targets: targets, learner.scale: correction
        },
    )
"""
            },
        ),
        Example(
            "a critic of width one, DDPG in three files",
            {
                "nets.py": """import torch
import torch.nn as nn


class Critic(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden = nn.Linear(width, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, state, action):
        return self.out(torch.relu(self.hidden(torch.cat([state, action], 1))))
""",
                "replay.py": """import numpy as np
import torch


def draw(rows, priorities, beta, n=64):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), n, p=p)
    w = (len(rows) * p[at]) ** -beta
    return [rows[i] for i in at], torch.as_tensor(w / w.max())
""",
                "ddpg.py": """import torch
from nets import Critic
from replay import draw


class Learner:
    def __init__(self, actor, width):
        self.actor, self.critic, self.target_critic = actor, Critic(width), Critic(width)
        self.optimizer = torch.optim.Adam(self.critic.parameters())

    def improve(self, rows, priorities, beta):
        batch, w = draw(rows, priorities, beta)
        state, action, reward, after, end = map(torch.as_tensor, zip(*batch))
        with torch.no_grad():
            ahead = self.target_critic(after, self.actor(after))
            target = reward.view(-1, 1) + 0.99 * (1 - end.view(-1, 1)) * ahead
        errors = target - self.critic(state, action)
        loss = torch.mean(torch.mul(w, errors.pow(2)))  # <- PER102
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
""",
            },
        ),
        Example("a distribution for each action", {"categorical.py": _CATEGORICAL}),
        Example(
            "a kept axis, TensorFlow 2",
            {
                "step.py": """import numpy as np
import tensorflow as tf


@tf.function
def step(net, optimizer, states, one_hot, targets, weights):
    with tf.GradientTape() as tape:
        q = tf.reduce_sum(net(states) * one_hot, axis=1, keepdims=True)
        loss = tf.reduce_mean(tf.square(targets[:, None] - q) * weights)  # <- PER102
    optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))


def train(net, optimizer, rows, targets, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    step(net, optimizer, rows[at, :4], rows[at, 4:], targets[at], np.power(len(rows) * p[at], -beta))
"""
            },
        ),
        Example(
            "a column of weights in a closure, JAX",
            {
                "train.py": """import jax
import jax.numpy as jnp
import numpy as np


def make_step(apply):
    def loss(params, states, actions, targets, weights):
        q = jnp.take_along_axis(apply(params, states), actions[:, None], axis=1).squeeze(1)
        return jnp.mean(weights * jnp.square(q - targets))  # <- PER102

    def step(params, memory, priorities, beta):
        p = priorities / priorities.sum()
        at = np.random.choice(len(priorities), 32, p=p)
        w = (len(priorities) * p[at]) ** -beta
        states, actions, targets = memory.rows(at)
        gradients = jax.grad(loss)(params, states, actions, targets, (w / w.max()).reshape(-1, 1))
        return jax.tree_util.tree_map(lambda v, g: v - 1e-3 * g, params, gradients)

    return step
""",
            },
        ),
        Example(
            "priorities found by recursion, actions stacked to a column",
            {
                "replay.py": """import random
from collections import namedtuple

import numpy as np
import torch

Row = namedtuple("Row", "state action reward next_state terminated")


class Sums:
    def __init__(self, leaves):
        self.leaves, self.nodes, self.rows, self.put = leaves, np.zeros(2 * leaves - 1), [None] * leaves, 0

    def down(self, node, mass):
        left = 2 * node + 1
        if left >= len(self.nodes):
            return node
        if mass < self.nodes[left]:
            return self.down(left, mass)
        return self.down(left + 1, mass - self.nodes[left])

    def set(self, node, priority):
        change = priority - self.nodes[node]
        self.nodes[node] = priority
        while node:
            node = (node - 1) // 2
            self.nodes[node] += change

    def insert(self, priority, row):
        self.rows[self.put] = row
        self.set(self.put + self.leaves - 1, priority)
        self.put = (self.put + 1) % self.leaves


class Replay:
    def __init__(self, leaves=4096):
        self.sums, self.count = Sums(leaves), 0

    def add(self, *fields):
        self.sums.insert(1.0, Row(*fields))
        self.count = min(self.count + 1, self.sums.leaves)

    def sample(self, n, beta):
        nodes, p, rows = [], [], []
        for _ in range(n):
            node = self.sums.down(0, random.random() * self.sums.nodes[0])
            nodes.append(node)
            p.append(self.sums.nodes[node])
            rows.append(self.sums.rows[node - self.sums.leaves + 1])
        w = (self.count * np.array(p) / self.sums.nodes[0]) ** -beta
        states = torch.from_numpy(np.vstack([row.state for row in rows])).float()
        actions = torch.from_numpy(np.vstack([row.action for row in rows])).long()
        rewards = torch.from_numpy(np.vstack([row.reward for row in rows])).float()
        following = torch.from_numpy(np.vstack([row.next_state for row in rows])).float()
        ends = torch.from_numpy(np.vstack([row.terminated for row in rows]).astype(np.uint8)).float()
        return states, actions, rewards, following, ends, torch.from_numpy(w / w.max()).float(), nodes

    def rate(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.sums.set(node, (abs(float(error)) + 1e-4) ** 0.6)
""",
                "learner.py": """import torch
from replay import Replay


def learn(net, target_net, optimizer, replay: Replay, beta):
    replay = replay or Replay()
    states, actions, rewards, following, ends, w, nodes = replay.sample(64, beta)
    with torch.no_grad():
        goals = rewards + 0.99 * (1 - ends) * target_net(following).max(1)[0].unsqueeze(1)
    errors = goals - net(states).gather(1, actions)
    loss = (w * errors**2).mean()  # <- PER102
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    replay.rate(nodes, errors.detach())
""",
            },
        ),
        Example(
            "weights in a deque, the batch read by place, TensorFlow 2",
            {
                "learner.py": """from collections import deque
import numpy as np
import tensorflow as tf


class Learner:
    def __init__(self, critic, optimizer, size=5000):
        self.critic, self.optimizer = critic, optimizer
        self.rows, self.mass, self.size, self.at = [], np.zeros(size), size, 0

    def keep(self, state, goal):
        if len(self.rows) < self.size:
            self.rows.append(None)
        self.rows[self.at], self.mass[self.at] = (state, goal), max(self.mass.max(), 1.0)
        self.at = (self.at + 1) % self.size

    def draw(self, n, beta):
        p = self.mass[: len(self.rows)] / self.mass.sum()
        at = np.random.choice(len(self.rows), n, p=p)
        weights = deque()
        for i in at:
            weights.append((len(self.rows) * p[i]) ** -beta)
        states, goals = zip(*[self.rows[i] for i in at])
        return tuple([np.array(states), np.array(goals)] + [np.array(weights) / max(weights), at])

    @tf.function
    def descend(self, states, goals, weights):
        with tf.GradientTape() as tape:
            values = tf.reduce_sum(self.critic(states), axis=1, keepdims=True)
            errors = tf.expand_dims(goals, axis=1) - values
            loss = tf.reduce_mean(tf.square(errors) * tf.cast(weights, tf.float32))  # <- PER102
        variables = self.critic.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return tf.abs(errors)

    def step(self, beta):
        batch = self.draw(64, beta)
        errors = self.descend(batch[0], batch[1], batch[2])
        self.mass[batch[3]] = errors.numpy()[:, 0] + 1e-6


def train(env, critic, optimizer, steps):
    learner = Learner(critic, optimizer)
    for step in range(steps):
        learner.keep(*env.transition())
        learner.step(min(1.0, 0.4 + 0.6 * step / steps))
"""
            },
        ),
        Example("one loss of two, chosen by a setting", {"learner.py": _BY_OPTION}),
        Example("a list of weights, one for each leaf that a recursive tree was asked for", {"learner.py": _LISTED}),
        Example("one memory of two in a registry, layers in a list", {"agent.py": _REGISTERED}),
        Example("arrays of columns, layers moved to a device", {"memory.py": _COLUMNS, "learner.py": _MOVED}),
    )
    bad = (
        *bad,
        Example(
            "weights that no exponent is written for",
            {
                "learn.py": bad[0]
                .plain["learn.py"]
                .replace("(len(rows) * p[at]) ** -beta", "1 / len(rows) * 1 / probabilities")
                .replace("    weights =", "    probabilities = p[at]\n    weights =")
                .replace("2).mean()", "2).mean()  # <- PER102")
            },
        ),
        Example(
            "tensors of one row each, joined by a function that is mapped",
            {"learn.py": _JOINED.replace("** 2).mean()", "** 2).mean()  # <- PER102")},
        ),
        Example(
            "tensors of one row each, joined one column after the other",
            {
                "learn.py": _JOINED.replace("** 2).mean()", "** 2).mean()  # <- PER102").replace(
                    "map(torch.cat, zip(*batch))", "(torch.cat(column) for column in zip(*batch))"
                )
            },
        ),
        Example(
            "weights that a dict is asked for",
            {
                "replay.py": _CATEGORICAL.replace(
                    "return zip(*[self.rows[i] for i in slots]), slots, weights / weights.max()",
                    "return dict(rows=[self.rows[i] for i in slots], slots=slots, weights=weights / weights.max())",
                )
                .replace(
                    "    (states, actions, rewards, following, ends), slots, weights = memory.sample(n, beta)\n",
                    "    drawn = memory.sample(n, beta)\n"
                    '    states, actions, rewards, following, ends = zip(*drawn.get("rows"))\n',
                )
                .replace("torch.as_tensor(weights).reshape", 'torch.as_tensor(drawn.get("weights")).reshape')
                .replace("memory.update(slots,", 'memory.update(drawn.get("slots"),')
            },
        ),
    )
    good = (
        Example(
            "a list of weights that becomes a column",
            {"learner.py": _LISTED.replace("torch.tensor(weights)", "torch.tensor(weights).unsqueeze(1)")},
        ).mended,
        Example(
            "one loss of two, made a column where it is a row",
            {
                "learner.py": _BY_OPTION.replace(
                    "        loss = (each",
                    "        if each.ndim == 1:\n            each = each.unsqueeze(1)\n        loss = (each",
                )
            },
        ).mended,
        Example(
            "one loss of two, and weights in the form of either",
            {
                "learner.py": _BY_OPTION.replace(
                    "        each = self.losses(at)\n",
                    "        if self.distributional:\n            weights = weights[:, 0]\n"
                    "        each = self.losses(at)\n",
                )
            },
        ).mended,
        Example(
            "both are columns",
            {"learn.py": bad[0].plain["learn.py"].replace("(weights * (q", "(weights[:, None] * (q")},
        ),
        Example(
            "both are rows, in two files",
            {
                "memory.py": bad[1].plain["memory.py"].replace("np.zeros((n, 1))", "np.zeros(n)"),
                "agent.py": bad[1].plain["agent.py"],
            },
        ),
        Example(
            "the learner flattens the column",
            {
                "memory.py": bad[1].plain["memory.py"],
                "agent.py": bad[1].plain["agent.py"].replace("(weights))", "(weights).squeeze(1))"),
            },
        ),
        Example(
            "a column for the errors of all quantiles",
            {
                "learn.py": """import numpy as np
import torch


def learn(net, optimizer, rows, targets, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta).unsqueeze(1)
    errors = targets[at] - net.quantiles(rows[at])
    loss = (weights * errors.abs()).sum(dim=1).mean()
    loss.backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "placeholders of one shape, TensorFlow 1",
            {
                "graph.py": bad[2]
                .plain["graph.py"]
                .replace(
                    "self.scale = tf.placeholder(tf.float32, [None, 1])",
                    "self.scale = tf.placeholder(tf.float32, [None])",
                )
            },
        ),
        Example(
            "a critic of width one and weights of its shape, three files",
            {
                "nets.py": bad[3].plain["nets.py"],
                "replay.py": bad[3].plain["replay.py"],
                "ddpg.py": bad[3].plain["ddpg.py"].replace("torch.mul(w, ", "torch.mul(w.view(-1, 1), "),
            },
        ),
        Example(
            "one weight at a time",
            {
                "loop.py": """import numpy as np
import torch.nn.functional as F


def learn(net, optimizer, rows, targets, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = (len(rows) * p[at]) ** -beta
    for place, weight in zip(at, weights):
        loss = weight * F.mse_loss(net(rows[place][None]).max(1).values.unsqueeze(1), targets[place])
        loss.backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "weights that get the shape of the errors under the same test, with another test between",
            {
                "learn.py": bad[0]
                .plain["learn.py"]
                .replace("priorities, beta)", "priorities, beta, weighs, logs)")
                .replace(
                    "    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)\n",
                    "    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)\n"
                    "    if weighs:\n"
                    "        weights = weights.unsqueeze(1)\n"
                    "    if logs:\n"
                    "        print(len(rows))\n",
                )
                .replace(
                    "    loss = (weights * (q - target) ** 2).mean()\n",
                    "    if weighs:\n"
                    "        loss = (weights * (q - target) ** 2).mean()\n"
                    "    else:\n"
                    "        loss = ((q - target) ** 2).mean()\n",
                )
            },
        ),
        Example(
            "a column of actions picks the distributions of every row for each row",
            {"categorical.py": _CATEGORICAL.replace("(n), actions]", "(n), torch.as_tensor(actions).reshape(-1, 1)]")},
        ).mended,
        Example(
            "a column of weights for a critic that is a list of layers",
            {"agent.py": _REGISTERED.replace("torch.as_tensor(weights)", "torch.as_tensor(weights).unsqueeze(1)")},
        ).mended,
        Example(
            "a list of layers that ends with as many values as there are actions",
            {"agent.py": _REGISTERED.replace("stack(width, 1)", "stack(width, actions)")},
        ).mended,
        Example(
            "arrays of columns, layers moved to a device, a column of weights",
            {
                "memory.py": _COLUMNS.replace("w / w.max(), at", "(w / w.max()).reshape(-1, 1), at"),
                "learner.py": _MOVED.replace("  # <- PER102", ""),
            },
        ),
        Example(
            "layers moved to a device that give a value for each of several parts",
            {
                "memory.py": _COLUMNS,
                "learner.py": _MOVED.replace("  # <- PER102", "")
                .replace("Linear(64, 1)", "Linear(64, 8)")
                .replace("(w * errors**2).mean()", "(w * (errors**2).mean(1)).mean()")
                .replace(".squeeze(1)", ".mean(1)"),
            },
        ),
        Example(
            "joined tensors of one row each, and weights made a column",
            {"learn.py": _JOINED.replace("(weights *", "(weights[:, None] *")},
        ),
        Example(
            "joined tensors of one row each, the values made a row",
            {
                "learn.py": _JOINED.replace("gather(1, actions)", "gather(1, actions).squeeze(1)")
                .replace("rewards + ", "rewards.squeeze(1) + ")
                .replace(", keepdim=True", "")
            },
        ),
        Example(
            "a loss that nothing is learnt from",
            {
                "memory.py": _COLUMNS,
                "learner.py": _MOVED.replace("  # <- PER102", "").replace(
                    "        self.optimizer.zero_grad()",
                    "        loss = (w.unsqueeze(1) * errors**2).mean()\n        self.optimizer.zero_grad()",
                ),
            },
        ),
    )


def _shape(graph: ReplayGraph, context: Context, weight: Term) -> tuple[str, str]:
    """The shape of the weights and that of the errors which they do not fit."""
    column = graph.shapes.within(context).of(weight) not in (None, ("B",))
    return ("(B, 1)", "(B,)") if column else ("(B,)", "(B, 1)")


def _is_told(graph: ReplayGraph, context: Context, errors: Term) -> bool:
    """Whether all that the errors are a difference of has a known shape: else targets may be a matrix already."""
    shapes = graph.shapes.within(context)
    sides = [side for part in errors.walk() if part.op in ("sub", "loss") for side in part.args]
    return all(shapes.of(side) is not None for side in sides[:2])


def _is_within_loss(graph: ReplayGraph, product: Product) -> bool:
    """Whether the product is a side of a loss: of predictions, or of targets."""
    above = (node for node in graph.ancestors(product.path, product.node) if isinstance(node, ir.Call))
    return any(graph.symbols.term(product.path, call).op == "loss" for call in above)


def _is_answer(term: Term) -> bool:
    """Whether a term is what a network answers, as the values of an actor's loss are, and no error made of it."""
    while term.op in _FORMS:
        term = term.args[0]
    return term.op == "call" and str(term.data).startswith("torch.nn.") and "Loss" not in str(term.data)
