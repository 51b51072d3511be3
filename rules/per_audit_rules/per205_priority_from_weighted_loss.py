"""PER205 priority-from-weighted-loss."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.graph.prioritised.beta.even import without_effect
from per_audit.graph.symbolic import strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Evidence, Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Term


class PriorityFromWeightedLoss(Rule):
    """The priorities are made of errors that the importance-sampling weights were multiplied into.

    ## What it does

    Reports an update of priorities whose value is computed from a product of importance-sampling weights and an error
    or a loss, followed through functions and files.

    ## Why is this bad

    A priority is to say how wrong the prediction is. The weight (N P)^-beta is smallest where the priority was largest,
    so a weighted error pulls down what was drawn often: with |error| * (N P)^-beta the stored priority of a transition
    depends on the one it had before, and the draw moves towards a uniform one as beta rises. At beta = 1 and alpha =
    0.6 the priorities settle at about |error|^0.6 in place of |error|.

    ## Known problems

    A loss without weights as the priority is a known alternative to |error| and is not reported.

    ## Example

    ```python
    losses = weights * (q - target) ** 2
    memory.update_priorities(indices, losses.detach().numpy())
    ```

    ## Use instead

    ```python
    errors = q - target
    losses = weights * errors**2
    memory.update_priorities(indices, errors.abs().detach().numpy())
    ```

    ## Fix safety

    The priorities of a running project change by this; what was saved with the old ones is replaced as it is drawn.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 11 and 12: the priority is
      |delta_j|, the weights enter the weight change of line 13 only
    """

    code = "PER205"
    name = "priority-from-weighted-loss"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that gives weighted errors to a buffer as priorities."""
        found: dict[ir.Node, tuple[ReplayBuffer, PriorityWrite, Step, Term]] = {}
        names: dict[ir.Node, dict[str, None]] = defaultdict(dict)  # a function may be given one memory or another
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED:
                continue
            for write in graph.anatomy(buffer).writes:
                weighted = None if write.inserts else graph.corrections.weighted_inside(write.value)
                if weighted is not None:
                    step = self._entry(graph, buffer, write, weighted)
                    found.setdefault(step.node, (buffer, write, step, weighted))
                    names[step.node][graph.name_of(buffer)] = None
        for node, about in found.items():
            yield self._finding(graph, *about, " or ".join(names[node]))

    def _entry(self, graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite, weighted: Term) -> Step:
        """The step that hands the weighted errors over: where they are made, else the first outside of the buffer."""
        own = graph.anatomy(buffer).parts
        maker = graph.symbols.function_of(weighted.path, weighted.node) if weighted.node is not None else None
        steps = list(zip(write.steps, write.functions, strict=True))
        for step, function in steps:
            if function is maker and maker is not None:
                return step
        for step, function in steps:
            if function is None or graph.learns(function) or graph.project.class_of.get(function) not in own:
                return step
        return write.outermost

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, write: PriorityWrite, step: Step, weighted: Term, names: str
    ) -> Finding:
        links: list[Evidence] = []
        assert weighted.node is not None
        links.append(graph.evidence(weighted.path, weighted.node, "product", "the error is weighted here"))
        value = strip(write.value)
        if value.node is not None and value.path:
            links.append(graph.evidence(value.path, value.node, "value", "made a priority here"))
        links += [graph.evidence(s.path, s.node, "passed", "written here") for s in write.steps]
        formulas = graph.anatomy(buffer).formulas
        links += [graph.evidence(f.path, f.node, "weights", "the weights are computed here") for f in formulas]
        found = self.finding(
            graph,
            step.path,
            step.node,
            f"the priorities of {names} are made of errors that the importance-sampling weights were multiplied into",
            evidence=links,
            fix=FixOffer(title="give the unweighted errors back as priorities"),
            pipeline=graph.name_of(buffer),
        )
        return without_effect([graph.anatomy(buffer)], found)

    def witness(self) -> str:
        """Where the priorities of two errors settle when each update multiplies by the weight, beta = 1."""
        import numpy as np

        errors, alpha = np.array([4.0, 0.25]), 0.6
        priorities = np.ones(2)
        for _ in range(200):
            p = priorities**alpha / (priorities**alpha).sum()
            weights = 1 / (2 * p)
            priorities = errors * weights / weights.max()
        wanted = errors[0] / errors[1]
        settled = priorities[0] / priorities[1]
        assert np.isclose(settled, wanted ** (1 / (1 + alpha)))
        assert settled < 0.4 * wanted
        return f"errors of 4 and 0.25 are {wanted:.0f} : 1; their weighted priorities settle at {settled:.1f} : 1"

    bad = (
        Example(
            "the weighted loss of each transition, PyTorch",
            {
                "per.py": """import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        slot = self.at % self.size
        self.rows[slot] = (state, action, reward, next_state, done)
        self.priorities[slot] = self.priorities.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = (np.abs(errors) + 1e-6) ** 0.6


def train(env, net, target_net, optimizer, steps):
    memory = Memory(1000)
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.push(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        batch, slots, weights = memory.sample(32, 0.4 + 0.6 * step / steps)
        s, a, r, s2, d = (torch.as_tensor(np.stack(x)) for x in zip(*batch))
        q = net(s).gather(1, a[:, None]).squeeze(1)
        y = r + 0.99 * (1 - d) * target_net(s2).max(1).values.detach()
        losses = torch.as_tensor(weights) * (q - y) ** 2
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        memory.update(slots, losses.detach().numpy())  # <- PER205
"""
            },
        ),
        Example(
            "a function that returns the loss and the priorities, two files",
            {
                "loss.py": """import torch


def losses_of(batch, weights, net, target_net):
    s, a, r, s2, d = batch
    q = net(s).gather(1, a[:, None]).squeeze(1)
    y = r + 0.99 * (1 - d) * target_net(s2).max(1).values.detach()
    weighted = torch.as_tensor(weights) * torch.nn.functional.smooth_l1_loss(q, y, reduction="none")
    return weighted.mean(), weighted + 1e-5
""",
                "agent.py": """import numpy as np
from loss import losses_of


class Agent:
    def __init__(self, net, target_net, optimizer, size):
        self.net, self.target_net, self.optimizer, self.size, self.count = net, target_net, optimizer, size, 0
        self.rows, self.mass = [None] * size, np.zeros(size)

    def store(self, state, action, reward, next_state, terminated):
        self.rows[self.count % self.size] = (state, action, reward, next_state, terminated)
        self.mass[self.count % self.size] = self.mass.max() or 1.0
        self.count += 1

    def learn(self, beta):
        p = self.mass / self.mass.sum()
        at = np.random.choice(self.size, 64, p=p)
        weights = (self.size * p[at]) ** -beta
        batch = tuple(map(np.stack, zip(*[self.rows[i] for i in at])))
        loss, priorities = losses_of(batch, weights / weights.max(), self.net, self.target_net)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.mass[at] = priorities.detach().numpy()  # <- PER205


def main(env, net, target_net, optimizer, steps):
    agent = Agent(net, target_net, optimizer, 10_000)
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.store(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        agent.learn(0.4 + 0.6 * step / steps)
""",
            },
        ),
        Example(
            "weighted errors one by one, linear Q-learning in numpy",
            {
                "linear_q.py": """import numpy as np


class LinearQ:
    def __init__(self, capacity, width):
        self.theta, self.rows, self.count = np.zeros((4, width)), [None] * capacity, 0
        self.priority, self.capacity = np.zeros(capacity), capacity

    def observe(self, state, action, reward, next_state, terminated):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, terminated)
        self.priority[slot] = self.priority.max() or 1.0
        self.count += 1

    def improve(self, beta, rate=0.01):
        p = self.priority / self.priority.sum()
        slots = np.random.choice(self.capacity, 16, p=p)
        weights = (self.capacity * p[slots]) ** -beta
        for slot, weight in zip(slots, weights / weights.max()):
            state, action, reward, next_state, terminated = self.rows[slot]
            goal = reward if terminated else reward + 0.95 * (self.theta @ next_state).max()
            step = weight * (goal - self.theta[action] @ state)
            self.theta[action] += rate * step * state
            self.priority[slot] = (abs(step) + 1e-6) ** 0.6  # <- PER205


def run(env, steps):
    learner = LinearQ(2000, 8)
    state, _ = env.reset()
    for step in range(steps):
        action = int(np.argmax(learner.theta @ state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        learner.observe(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        learner.improve(0.4 + 0.6 * step / steps)
"""
            },
        ),
        Example(
            "what Keras answers for a row and its weight",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size, width):
        self.size, self.at = size, 0
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.ends = np.zeros(size, int), np.zeros(size)
        self.rewards, self.urgency = np.zeros(size), np.zeros(size)

    def store(self, state, action, reward, next_state, terminated):
        slot = self.at % self.size
        self.states[slot], self.following[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.ends[slot] = action, reward, terminated
        self.urgency[slot] = self.urgency.max() if self.at else 1.0
        self.at += 1

    def draw(self, n, power):
        count = min(self.at, self.size)
        p = self.urgency[:count] ** 0.6
        p = p / p.sum()
        slots = np.random.choice(count, n, p=p)
        correction = np.power(1 / count * 1 / p[slots], power)
        batch = (self.states[slots], self.actions[slots], self.rewards[slots], self.following[slots], self.ends[slots])
        return (*batch, correction / correction.max(), slots)

    def rate(self, slots, sizes):
        for slot, size in zip(slots, sizes):
            self.urgency[slot] = abs(size) + 0.01
""",
                "learner.py": """import numpy as np
from memory import Memory
from tensorflow import keras


class Learner:
    def __init__(self, width, actions):
        self.memory = Memory(50_000, width)
        self.net = keras.Sequential([keras.layers.Dense(64), keras.layers.Dense(actions)])
        self.net.compile("adam", "mse")
        self.step = 0

    def learn(self, steps):
        self.step += 1
        batch = self.memory.draw(32, 0.4 + 0.6 * self.step / steps)
        s, a, r, s2, d, weights, slots = batch
        goals = self.net.predict(s)
        goals[np.arange(32), a] = r + 0.99 * (1 - d) * self.net.predict(s2).max(axis=1)
        sizes = []
        for k in range(32):
            sizes.append(self.net.evaluate(s[k : k + 1], goals[k : k + 1], sample_weight=np.array([weights[k]])))
        self.net.fit(s, goals, sample_weight=weights, verbose=0)
        self.memory.rate(slots, sizes)  # <- PER205
""",
            },
        ),
        Example(
            "an operation of a TensorFlow 1 graph",
            {
                "agent.py": """import numpy as np
import tensorflow as tf
from memory import Memory


class Agent:
    def __init__(self, session, width, actions):
        self.session, self.memory = session, Memory(20_000)
        self.states = tf.placeholder(tf.float32, [None, width])
        self.taken = tf.placeholder(tf.int32, [None])
        self.goals = tf.placeholder(tf.float32, [None])
        self.factors = tf.placeholder(tf.float32, [None])
        self.values = tf.layers.dense(self.states, actions)
        chosen = tf.reduce_sum(self.values * tf.one_hot(self.taken, actions), axis=1)
        self.each = tf.squared_difference(self.goals, chosen) * self.factors
        self.loss = tf.reduce_mean(self.each)
        self.train = tf.train.AdamOptimizer(1e-3).minimize(self.loss)

    def learn(self, beta):
        s, a, r, s2, d, weights, slots = self.memory.sample(32, beta)
        ahead = self.session.run(self.values, feed_dict={self.states: s2}).max(axis=1)
        given = {self.states: s, self.taken: a, self.goals: r + 0.99 * (1 - d) * ahead, self.factors: weights}
        _, each = self.session.run([self.train, self.each], given)
        self.memory.update(slots, each + 1e-5)  # <- PER205
""",
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, terminated):
        self.rows[self.at % self.size] = (state, action, reward, next_state, terminated)
        self.mass[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        w = (self.size * p[slots]) ** -beta
        return (*map(np.array, zip(*[self.rows[i] for i in slots])), w / w.max(), slots)

    def update(self, slots, sizes):
        self.mass[slots] = sizes**0.6
""",
            },
        ),
        Example(
            "rows that hold their priority, each put back with another one",
            {
                "rows.py": """from collections import deque, namedtuple

import numpy as np
import torch

Row = namedtuple("Row", "state action reward next_state done priority")


class Memory:
    def __init__(self, size):
        self.rows, self.alpha = deque(maxlen=size), 0.6

    def push(self, state, action, reward, next_state, done):
        self.rows.append(Row(state, action, reward, next_state, done, 1.0))

    def sample(self, n, beta):
        p = np.array([row.priority for row in self.rows]) ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[i][:5] for i in slots], slots, weights / weights.max()

    def rate(self, slots, losses):
        for slot, loss in zip(slots, losses):
            self.rows[slot] = self.rows[slot]._replace(priority=loss + 1e-6)


def train(env, net, target_net, optimizer, steps):
    memory = Memory(1000)
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.push(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        batch, slots, weights = memory.sample(32, 0.4 + 0.6 * step / steps)
        s, a, r, s2, d = (torch.as_tensor(np.stack(x)) for x in zip(*batch))
        q = net(s).gather(1, a[:, None]).squeeze(1)
        y = r + 0.99 * (1 - d) * target_net(s2).max(1).values.detach()
        losses = torch.as_tensor(weights) * (q - y) ** 2
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        memory.rate(slots, losses.detach().numpy())  # <- PER205
"""
            },
        ),
    )
    good = (
        Example(
            "the error without weights",
            {
                "per.py": bad[0]
                .plain["per.py"]
                .replace(
                    "memory.update(slots, losses.detach().numpy())", "memory.update(slots, (q - y).detach().numpy())"
                )
            },
        ),
        Example(
            "a column that holds weights in one memory and discounts in the other",
            {
                "per.py": bad[0]
                .plain["per.py"]
                .replace(
                    "def train(env, net, target_net, optimizer, steps):\n    memory = Memory(1000)\n",
                    """class Returns:
    def __init__(self, size):
        self.rows, self.size, self.at = [None] * size, size, 0

    def push(self, *row):
        self.rows[self.at % self.size] = row
        self.at += 1

    def sample(self, n, beta):
        slots = np.random.choice(min(self.at, self.size), n)
        return [self.rows[i] for i in slots], slots, np.full(n, 0.99)


def train(env, net, target_net, optimizer, steps, by_priority):
    memory = Memory(1000) if by_priority else Returns(1000)
""",
                )
                .replace("slots, weights = memory", "slots, column = memory")
                .replace(
                    "        y = r + 0.99 * (1 - d) * target_net(s2).max(1).values.detach()\n"
                    "        losses = torch.as_tensor(weights) * (q - y) ** 2\n",
                    """        weights, discount = None, 0.99
        if by_priority:
            weights = torch.as_tensor(column)
        else:
            discount = torch.as_tensor(column)
        y = r + discount * target_net(s2).max(1).values.detach() * (1 - d)
        losses = (q - y) ** 2 if weights is None else weights * (q - y) ** 2
""",
                )
                .replace(
                    "        memory.update(slots, losses.detach().numpy())",
                    "        if by_priority:\n            memory.update(slots, (q - y).detach().numpy())",
                )
            },
        ),
        Example(
            "the loss before it is weighted, two files",
            {
                "loss.py": bad[1]
                .plain["loss.py"]
                .replace("weighted = torch.as_tensor(weights) * torch", "losses = torch")
                .replace(
                    "weighted.mean(), weighted + 1e-5", "(torch.as_tensor(weights) * losses).mean(), losses + 1e-5"
                ),
                "agent.py": bad[1].plain["agent.py"],
            },
        ),
        Example(
            "the weight in the step only, numpy",
            {
                "linear_q.py": bad[2]
                .plain["linear_q.py"]
                .replace("step = weight * (goal", "step = (goal")
                .replace("rate * step * state", "rate * weight * step * state")
            },
        ),
        Example(
            "a function that weights only where it is given weights, asked again without, two files",
            {
                "per.py": bad[0].plain["per.py"].partition("\n\ndef train(")[0],
                "learner.py": """import numpy as np
import torch
import torch.nn.functional as F
from per import Memory


class Learner:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer = net, target_net, optimizer
        self.memory = Memory(10000)

    def compute_loss(self, states, actions, rewards, next_states, dones, weights=None):
        q = self.net(states).gather(1, actions[:, None]).squeeze(1)
        y = rewards + 0.99 * (1 - dones) * self.target_net(next_states).max(1).values.detach()
        elementwise = F.smooth_l1_loss(q, y, reduction="none")
        if weights is not None:
            elementwise = elementwise * weights
        return elementwise.mean(), elementwise

    def learn(self, beta):
        batch, slots, weights = self.memory.sample(32, beta)
        s, a, r, s2, d = (torch.as_tensor(np.stack(x)) for x in zip(*batch))
        loss, _ = self.compute_loss(s, a, r, s2, d, weights=torch.as_tensor(weights))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            _, errors = self.compute_loss(s, a, r, s2, d)
        self.memory.update(slots, errors.numpy())


def train(env, net, target_net, optimizer, steps):
    agent = Learner(net, target_net, optimizer)
    state, _ = env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, terminated, truncated, _ = env.step(action)
        agent.memory.push(state, action, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        agent.learn(0.4 + 0.6 * step / steps)
""",
            },
        ),
        Example(
            "rows that hold their priority, each put back with its own error",
            {
                "rows.py": bad[-1]
                .plain["rows.py"]
                .replace("losses = torch.as_tensor(weights) * (q - y) ** 2", "losses = (q - y) ** 2")
                .replace("losses.mean()", "(torch.as_tensor(weights) * losses).mean()")
            },
        ),
    )
