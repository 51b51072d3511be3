"""PER101 weights-after-reduction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import SCALAR
from per_audit.graph.prioritised.beta.even import making, without_effect
from per_audit.graph.prioritised.weights.compiled import averaged
from per_audit.graph.prioritised.weights.corrections import Product
from per_audit.graph.symbolic import contexts
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.prioritised.weights.compiled import Averaged
    from per_audit.graph.symbolic import Term

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.count = [None] * size, np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.count % self.size] = (state, action, reward, next_state, done)
        self.mass[self.count % self.size] = 1.0
        self.count += 1

    def draw(self, n, beta):
        count = min(self.count, self.size)
        p = self.mass[:count] / self.mass[:count].sum()
        at = np.random.choice(count, n, p=p)
        w = (count * p[at]) ** -beta
        return at, [self.rows[i] for i in at], w / w.max()

    def correct(self, at, errors):
        self.mass[at] = (np.abs(errors) + 1e-3) ** 0.6
"""

_SECOND = """import numpy as np
import torch
import torch.nn.functional as F


def learn(net, rows, goals, priorities, beta, optimizer):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    known, gained = net(rows[at])
    first = (weights * F.mse_loss(known, goals[at], reduction="none")).mean()
    second = (weights * F.mse_loss(gained, goals[at])).mean()
    loss = first
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

_MADE_LOSS = """import numpy as np
from keras import backend as K
from memory import Memory


def weighted_by(factors):
    def squared(goals, values):
        return K.mean(K.square(values - goals)) * factors

    return squared


class Agent:
    def __init__(self, model, frozen, optimizer):
        self.model, self.frozen, self.optimizer = model, frozen, optimizer
        self.memory = Memory(20_000)

    def learn(self, beta):
        at, rows, weights = self.memory.draw(32, beta)
        states, actions, rewards, following, ended = (np.array(column) for column in zip(*rows))
        values, each = self.model.predict(states), np.arange(32)
        goals = values.copy()
        goals[each, actions] = rewards + 0.99 * (1 - ended) * self.frozen.predict(following).max(axis=1)
        self.memory.correct(at, goals[each, actions] - values[each, actions])
        self.model.compile(optimizer=self.optimizer, loss=weighted_by(weights))
        self.model.fit(states, goals, verbose=0)


def train(env, agent, steps):
    state = env.reset()
    for step in range(steps):
        action = agent.model.predict(state[None])[0].argmax()
        next_state, reward, ended, _ = env.step(action)
        agent.memory.add(state, action, reward, next_state, ended)
        state = env.reset() if ended else next_state
        if step > 500:
            agent.learn(0.4 + 0.6 * step / steps)
"""


class WeightsAfterReduction(Rule):
    """The importance-sampling weights multiply a loss that has been averaged already, so that they correct nothing.

    ## What it does

    Reports a product of importance-sampling weights with a loss that is one number for the whole batch: `F.mse_loss`
    and criterion objects without `reduction="none"`, and means and sums over everything. So does a Keras model that is
    given `sample_weight` and was compiled with a loss of the project's own that averages over everything; and the mean
    of the weights times an averaged loss, or times the gradient of every parameter.

    ## Why is this bad

    The average of `weights * scalar` is `mean(weights) * scalar`: each transition gets the same factor. The gradient
    keeps the whole bias of the prioritised draw, and the mean of the weights turns into a random learning rate.

    ## Known problems

    A weight per *batch* (of several losses, or of a whole sequence) is not what this rule means; it looks only at
    values that were made as (N P)^-beta, directly or through calls and files.

    ## Example

    ```python
    loss = (weights * F.mse_loss(q, target)).mean()
    ```

    ## Use instead

    ```python
    loss = (weights * F.mse_loss(q, target, reduction="none")).mean()
    ```

    ## Fix safety

    Making the loss element-wise is safe where its shape is that of the weights: a (B, 1) loss with (B,) weights would
    be broadcast to (B, B), so that the weights get its shape. Where a shape is not known the repair is unsafe; where
    nothing averages the product, or the loss has another use, it is left.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4 and Algorithm 1, line 13
    """

    code = "PER101"
    name = "weights-after-reduction"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """Every product of the weights of a batch with a value that is one number for the batch."""
        found: dict[ir.Node, Product] = {}
        for product in graph.corrections.products:
            if product.node in found:
                continue
            if self._is_late(graph, product) and graph.corrections.is_kept(product):
                found[product.node] = product
        for product in sorted(found.values(), key=lambda product: (product.path, product.node.start)):
            yield self._finding(graph, product)
        for product in self._of_means(graph):
            if product.node not in found:
                yield self._finding(graph, product)
        for training in averaged(graph):
            yield self._compiled(graph, training)
        for path, scaled, mean in _scaled_gradients(graph):
            yield self._scaled(graph, path, scaled, mean)

    def _is_late(self, graph: ReplayGraph, product: Product) -> bool:
        weighting = graph.events.weightings.get(product.node)
        reduced = weighting is not None and weighting.other_value.reduction == SCALAR
        for context in contexts(graph.symbols, product.weight, product.other):
            if not reduced and not graph.corrections.is_averaged_loss(product.other, context):
                continue
            if not reduced and _is_taken_apart(graph, context.head(product.other)):
                continue
            shapes = graph.shapes.within(context)
            for weight in graph.corrections.weights_in(product.weight, context):
                if not graph.corrections.is_single(weight, shapes.of(weight)):
                    return True
        return False

    def _of_means(self, graph: ReplayGraph) -> Iterator[Product]:
        """The products of an averaged loss with the mean of the weights: where each loss had to meet its own."""
        told: set[ir.Node] = set()
        corrections = graph.corrections
        for function, path in corrections.functions:
            for made in corrections.made_in(function, path):
                if made.op != "mul" or made.node is None or made.node in told:
                    continue
                for mean, other in (made.args, made.args[::-1]):
                    if mean.op == "mean" and mean.data is None and corrections.is_weight(mean.args[0]):
                        late = any(corrections.is_averaged_loss(other, c) for c in contexts(graph.symbols, other))
                        if late and corrections.weighted_inside(other) is None:
                            told.add(made.node)
                            yield Product(made.node, path, function, mean, other)

    def _scaled(self, graph: ReplayGraph, path: str, scaled: ir.Node, mean: Term) -> Finding:
        links = [graph.evidence(path, scaled, "gradient", "every gradient is multiplied by the same number")]
        if mean.node is not None and mean.path:
            links.append(graph.evidence(mean.path, mean.node, "averaged", "the weights are averaged here"))
        return self.finding(
            graph,
            path,
            scaled,
            f"in `{graph.source(path, scaled)}` the mean of the importance-sampling weights multiplies the gradient of "
            "the whole batch: they correct nothing",
            evidence=links,
            fix=FixOffer(title="weight the loss of each transition before averaging"),
        )

    def _compiled(self, graph: ReplayGraph, training: Averaged) -> Finding:
        site, loss, compiled = training.site, training.loss, training.compiled
        text = graph.source(site.path, training.weights)
        links = [graph.evidence(compiled.path, compiled.node, "compiled", "the model is compiled with its loss here")]
        if loss.node is not None:
            links.insert(0, graph.evidence(loss.path, loss.node, "averaged", "the loss is averaged here"))
        return self.finding(
            graph,
            site.path,
            site.node,
            f"the importance-sampling weights `{text}` multiply a loss that its function has averaged over the batch: "
            "they correct nothing",
            evidence=links,
            fix=FixOffer(title="return one loss for each transition: average over the last axis only"),
        )

    def _finding(self, graph: ReplayGraph, product: Product) -> Finding:
        path = product.path
        weighting = graph.events.weightings.get(product.node)
        other = product.node if weighting is None else weighting.other
        links = [graph.evidence(path, other, "loss", "one number for the whole batch")]
        if product.other.node is not None and product.other.path:
            links.append(graph.evidence(product.other.path, product.other.node, "averaged", "it is averaged here"))
        tagged = graph.events.value(weighting.weights).tagged("isw") if weighting is not None else set()
        for node in sorted(tagged, key=lambda n: n.start):
            where = graph.path_of(node)
            if where is not None:
                links.append(graph.evidence(where, node, "weights", "the weights are computed here"))
        text = graph.source(path, other)
        found = self.finding(
            graph,
            path,
            product.node,
            f"the importance-sampling weights multiply `{text}`, which is averaged already: they correct nothing"
            if weighting is not None
            else f"in `{text}` the importance-sampling weights multiply an averaged loss: they correct nothing",
            evidence=dict.fromkeys(links),
            fix=FixOffer(title="weight the loss of each transition before averaging"),
        )
        return without_effect(making(graph, tagged), found)

    def witness(self) -> str:
        """Weights on a scalar loss leave the gradient of the unweighted draw; element-wise ones remove the bias."""
        import numpy as np

        rng = np.random.default_rng(0)
        gradients = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(gradients) ** 0.6
        p /= p.sum()
        chosen = rng.choice(1_000, 200_000, p=p)
        weights = 1 / (1_000 * p[chosen])
        true = gradients.mean()
        after = (weights * gradients[chosen].mean()).mean()  # per-audit: ignore[PER101] the defect that is shown
        before = (weights * gradients[chosen]).mean()
        assert abs(before - true) < 0.05 * abs(true)
        assert after > 2 * true
        return f"mean gradient {true:.2f}; weights before the mean give {before:.2f}, after it {after:.2f}"

    bad = (
        Example(
            "a functional loss, PyTorch",
            {
                "learn.py": """import random
import numpy as np
import torch
import torch.nn.functional as F


class Learner:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows, self.priorities = net, optimizer, [], np.ones(1000)

    def learn(self, beta):
        p = self.priorities / self.priorities.sum()
        chosen = np.random.choice(len(self.rows), 32, p=p)
        weights = (1000 * p[chosen]) ** -beta
        states, actions, targets = zip(*[self.rows[i] for i in chosen])
        q = self.net(torch.as_tensor(states))
        loss = (torch.as_tensor(weights) * F.mse_loss(q, torch.as_tensor(targets))).mean()  # <- PER101
        loss.backward()
        self.optimizer.step()
"""
            },
        ),
        Example(
            "a criterion, the weights from another file",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.beta = [None] * size, np.zeros(size), 0.4

    def sample(self, n):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        correction = np.power(len(self.rows) * p[slots], -self.beta)
        return [self.rows[i] for i in slots], slots, correction / correction.max()
""",
                "agent.py": """import torch.nn as nn
from memory import Memory


class Agent:
    def __init__(self, net):
        self.net = net
        self.memory = Memory(1000)
        self.criterion = nn.SmoothL1Loss()

    def update(self):
        batch, slots, correction = self.memory.sample(64)
        states, goals = zip(*batch)
        error = self.criterion(self.net(states), goals)
        (correction * error).mean().backward()  # <- PER101
""",
            },
        ),
        Example(
            "a mean of our own, TensorFlow",
            {
                "step.py": """import numpy as np
import tensorflow as tf


def step(net, rows, priorities, beta, optimizer):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    w = (len(rows) * p[at]) ** (-beta)
    batch = rows[at]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(net(batch) - batch))
        total = tf.reduce_mean(w * loss)  # <- PER101
    optimizer.apply_gradients(zip(tape.gradient(total, net.variables), net.variables))
"""
            },
        ),
        Example(
            "the loss of a linear model, numpy",
            {
                "linear.py": """import numpy as np


def improve(theta, rows, priorities, beta, rate=0.01):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = (len(rows) * p[at]) ** -beta
    features, goals = rows[at, :-1], rows[at, -1]
    error = np.mean(goals - features @ theta)
    step = np.mean(weights * error)  # <- PER101
    return theta + rate * step * features.mean(axis=0)
""",
            },
        ),
        Example(
            "the mean inside a closure, JAX",
            {
                "train.py": """import jax
import jax.numpy as jnp
from memory import draw


def make_step(apply, beta):
    def loss(params, rows, goals, weights):
        error = jnp.mean(jnp.square(apply(params, rows) - goals))
        return jnp.mean(weights * error)  # <- PER101

    def step(params, memory, priorities):
        rows, goals, weights = draw(memory, priorities, beta)
        gradients = jax.grad(loss)(params, rows, goals, weights)
        return jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, gradients)

    return step
""",
                "memory.py": """import numpy as np


def draw(memory, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(memory), 32, p=p)
    weights = (len(memory) * p[at]) ** -beta
    return memory[at, :-1], memory[at, -1], weights / weights.max()
""",
            },
        ),
        Example(
            "a loss that is made for the weights of a batch, Keras",
            {
                "memory.py": _MEMORY,
                "agent.py": _MADE_LOSS.replace(") * factors", ") * factors  # <- PER101"),
            },
        ),
        Example(
            "a second loss that is added",
            {
                "learn.py": _SECOND.replace("loss = first", "loss = first + second").replace(
                    "goals[at])).mean()", "goals[at])).mean()  # <- PER101"
                )
            },
        ),
        Example(
            "weights that no exponent is written for",
            {
                "memory.py": _MEMORY.replace("(count * p[at]) ** -beta", "1 / (count * p[at])"),
                "learn.py": """import torch
import torch.nn.functional as F


def learn(memory, net, frozen, optimizer):
    at, rows, weights = memory.draw(32, None)
    state, action, reward, following, ended = (torch.tensor(column) for column in zip(*rows))
    goal = reward + 0.99 * (1 - ended) * frozen(following).max(1).values.detach()
    values = net(state).gather(1, action[:, None])[:, 0]
    loss = (torch.as_tensor(weights) * F.mse_loss(values, goal)).mean()  # <- PER101
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.correct(at, (goal - values).detach().numpy())
""",
            },
        ),
        Example(
            "a Keras loss object of the module",
            {
                "agent.py": """import numpy as np
import tensorflow as tf

MSE = tf.keras.losses.MeanSquaredError()


class Agent:
    def __init__(self, model, capacity, width):
        self.model, self.optimizer = model, tf.keras.optimizers.Adam(1e-3)
        self.rows, self.goals = np.zeros((capacity, width)), np.zeros(capacity)
        self.priorities = np.zeros(capacity)

    def learn(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(p), 32, p=p)
        weights = (len(p) * p[at]) ** -beta
        with tf.GradientTape() as tape:
            error = MSE(self.goals[at], self.model(self.rows[at]))
            loss = tf.reduce_mean(error * weights)  # <- PER101
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))
""",
            },
        ),
        Example(
            "weights of beta 1 from the buffer, raised by the learner, TensorFlow 2",
            {
                "mem.py": """import numpy as np


class Memory:
    def __init__(self, size, width):
        self.states, self.following = np.zeros((size, width)), np.zeros((size, width))
        self.actions, self.rewards, self.ends = np.zeros(size, int), np.zeros(size), np.zeros(size)
        self.mass, self.size, self.count, self.at = np.zeros(size), size, 0, 0

    def add(self, state, action, reward, next_state, terminated):
        self.states[self.at], self.actions[self.at], self.rewards[self.at] = state, action, reward
        self.following[self.at], self.ends[self.at] = next_state, terminated
        self.mass[self.at] = max(self.mass.max(), 1)
        self.count = max(self.count, self.at + 1)
        self.at = (self.at + 1) % self.size

    def batch(self, n, scale):
        p = self.mass[: self.count] ** scale
        p = p / p.sum()
        slots = np.random.choice(self.count, n, p=p)
        importance = 1 / self.count * 1 / p[slots]
        importance = importance / importance.max()
        rows = (self.states[slots], self.actions[slots], self.rewards[slots], self.following[slots], self.ends[slots])
        return rows, importance, slots

    def correct(self, slots, errors, offset=0.1):
        for slot, error in zip(slots, errors):
            self.mass[slot] = abs(error) + offset
""",
                "agent.py": """import tensorflow as tf

from mem import Memory


class Agent:
    def __init__(self, net, frozen, size, width):
        self.net, self.frozen, self.memory = net, frozen, Memory(size, width)

    def epsilon(self, step):
        if step < 1000:
            return 1.0
        return max(0.0, 1 - step * 1e-6)

    def learn(self, step):
        (states, actions, rewards, following, ends), importance, slots = self.memory.batch(32, 0.7)
        importance = importance ** (1 - self.epsilon(step))
        goals = rewards + 0.99 * self.frozen(following).max(axis=1) * (1 - ends)
        with tf.GradientTape() as tape:
            chosen = tf.reduce_sum(self.net(states) * tf.one_hot(actions, 4), axis=1)
            error = chosen - goals
            loss = tf.keras.losses.Huber()(goals, chosen)
            loss = tf.reduce_mean(loss * importance)  # <- PER101
        gradients = tape.gradient(loss, self.net.trainable_variables)
        self.net.optimizer.apply_gradients(zip(gradients, self.net.trainable_variables))
        self.memory.correct(slots, error)


def run(env, net, frozen, steps):
    agent = Agent(net, frozen, 100_000, 8)
    state = env.reset()
    for step in range(steps):
        action = net(state).argmax()
        next_state, reward, terminated, _ = env.step(action)
        agent.memory.add(state, action, reward, next_state, terminated)
        state = next_state
        agent.learn(step)
""",
            },
        ),
        Example(
            "sample weights beside a loss of one's own that averages over everything, Keras",
            {
                "memory.py": _MEMORY,
                "learner.py": """import keras.backend as K
import numpy as np
import tensorflow as tf
from keras.layers import Dense, Input
from keras.models import Model

from memory import Memory


def huber(goals, values):
    size = K.abs(goals - values)
    return K.mean(tf.where(size < 1.0, 0.5 * K.square(size), size - 0.5))


def network(width, actions):
    inputs = Input(shape=(width,))
    net = Model(inputs=inputs, outputs=Dense(actions)(Dense(64, activation="relu")(inputs)))
    net.compile(optimizer="adam", loss=huber)
    return net


class Learner:
    def __init__(self, width, actions, steps):
        self.net, self.memory, self.steps, self.done = network(width, actions), Memory(50_000), steps, 0

    def learn(self):
        at, rows, weights = self.memory.draw(64, min(1.0, 0.4 + 0.6 * self.done / self.steps))
        states, actions, rewards, following, ends = map(np.array, zip(*rows))
        goals, ahead = self.net.predict(states), self.net.predict(following)
        aims = rewards + 0.99 * (1 - ends) * ahead.max(axis=1)
        errors = aims - goals[np.arange(64), actions]
        goals[np.arange(64), actions] = aims
        self.net.fit(states, goals, sample_weight=weights, batch_size=64, verbose=0)  # <- PER101
        self.memory.correct(at, errors)
        self.done += 1
""",
            },
        ),
        Example(
            "weights put one by one under a key of the batch, a criterion that was compiled",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size, width):
        self.mass, self.size, self.count = np.zeros(size), size, 0
        self.data = {"states": np.zeros((size, width)), "goals": np.zeros((size, width)), "rewards": np.zeros(size)}

    def add(self, state, action, reward, next_state, done):
        at = self.count % self.size
        self.data["states"][at], self.data["goals"][at], self.data["rewards"][at] = state, next_state, reward
        self.mass[at] = 1.0
        self.count += 1

    def sample(self, n, beta):
        count = min(self.count, self.size)
        total = self.mass[:count].sum()
        batch = {"weights": np.zeros(shape=n, dtype=np.float32), "slots": np.zeros(shape=n, dtype=np.int64)}
        batch["slots"][:] = np.random.choice(count, n, p=self.mass[:count] / total)
        largest = (count * self.mass[:count].min() / total) ** -beta
        for i in range(n):
            slot = batch["slots"][i]
            batch["weights"][i] = (count * self.mass[slot] / total) ** -beta / largest
        for key, held in self.data.items():
            batch[key] = held[batch["slots"]]
        return batch

    def correct(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-3) ** 0.6
""",
                "learn.py": """import torch
from torch import nn

from memory import Memory

criterion = torch.jit.script(nn.SmoothL1Loss())
memory = Memory(50_000, 8)


def learn(net, frozen, optimizer, beta):
    batch = memory.sample(32, beta)
    values = net(torch.tensor(batch["states"])).max(1)[0]
    goals = torch.tensor(batch["rewards"]) + 0.99 * frozen(torch.tensor(batch["goals"])).max(1)[0].detach()
    weights = torch.tensor(batch["weights"])
    loss = criterion(values, goals)
    loss = (loss * weights).mean()  # <- PER101
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.correct(batch["slots"], (goals - values).detach().numpy())


def run(env, net, frozen, optimizer, steps):
    state = env.reset()
    for step in range(steps):
        action = net(state).argmax()
        next_state, reward, terminated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state = env.reset() if terminated else next_state
        learn(net, frozen, optimizer, 0.4 + 0.6 * step / steps)
""",
            },
        ),
        Example(
            "a placeholder of weights, read where another method builds the loss when it is asked for, TensorFlow 1",
            {
                "memory.py": _MEMORY,
                "learner.py": """import functools

import numpy as np
import tensorflow as tf

from memory import Memory


def once(build):
    name = "_" + build.__name__

    @property
    @functools.wraps(build)
    def built(self):
        if not hasattr(self, name):
            setattr(self, name, build(self))
        return getattr(self, name)

    return built


class Learner:
    def __init__(self, width, actions):
        self.session, self.memory = tf.Session(), Memory(50_000)
        self.states = tf.placeholder(tf.float32, [None, width])
        self.goals = tf.placeholder(tf.float32, [None, actions])
        self.weights = tf.placeholder(tf.float32, [None, 1])
        self.actions = actions
        self.train
        self.session.run(tf.global_variables_initializer())

    @once
    def values(self):
        return tf.layers.dense(tf.layers.dense(self.states, 64, tf.nn.relu), self.actions)

    @once
    def loss(self):
        error = tf.reduce_mean(tf.squared_difference(self.values, self.goals))
        return self.weights * error  # <- PER101

    @once
    def train(self):
        return tf.train.AdamOptimizer(1e-3).minimize(self.loss)

    def learn(self, beta):
        at, rows, weights = self.memory.draw(64, beta)
        states, actions, rewards, following, ends = map(np.array, zip(*rows))
        goals = self.session.run(self.values, {self.states: states})
        ahead = self.session.run(self.values, {self.states: following})
        aims = rewards + 0.99 * (1 - ends) * ahead.max(axis=1)
        errors = aims - goals[np.arange(64), actions]
        goals[np.arange(64), actions] = aims
        feed = {self.states: states, self.goals: goals, self.weights: weights.reshape(-1, 1)}
        self.session.run(self.train, feed_dict=feed)
        self.memory.correct(at, errors)
""",
            },
        ),
        Example(
            "a loss of TensorFlow 1, which averages unless it is told not to",
            {
                "memory.py": _MEMORY,
                "graph.py": """import numpy as np
import tensorflow as tf

from memory import Memory


class Network:
    def __init__(self, width, actions):
        self.states = tf.placeholder(tf.float32, [None, width])
        self.actions = tf.placeholder(tf.int32, [None])
        self.goals = tf.placeholder(tf.float32, [None])
        self.weights = tf.placeholder(tf.float32, [None, 1])
        self.values = tf.layers.dense(self.states, actions)
        self.taken = tf.reduce_sum(self.values * tf.one_hot(self.actions, actions), axis=1)
        self.errors = tf.abs(self.goals - self.taken)
        self.loss = tf.reduce_mean(self.weights * tf.losses.huber_loss(self.goals, self.taken))  # <- PER101
        self.train = tf.train.AdamOptimizer(1e-3).minimize(self.loss)


def run(env, steps):
    network, memory, state = Network(4, 2), Memory(50_000), env.reset()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(steps):
            action = step % 2
            following, reward, terminated, _ = env.step(action)
            memory.add(state, action, reward, following, terminated)
            state = env.reset() if terminated else following
            if step < 64:
                continue
            at, rows, weights = memory.draw(32, 0.4 + 0.6 * step / steps)
            states, actions, rewards, ahead, ends = map(np.array, zip(*rows))
            best = session.run(network.values, {network.states: ahead}).max(axis=1)
            feed = {
                network.states: states,
                network.actions: actions,
                network.goals: rewards + 0.99 * (1 - ends) * best,
                network.weights: weights[:, None],
            }
            _, errors = session.run([network.train, network.errors], feed)
            memory.correct(at, errors)
""",
            },
        ),
        Example(
            "the mean of the weights meets the mean of the squared errors",
            {
                "memory.py": _MEMORY,
                "learn.py": """import torch


def learn(memory, net, frozen, optimizer, beta):
    at, rows, weights = memory.draw(32, beta)
    state, action, reward, following, ended = (torch.tensor(column) for column in zip(*rows))
    goal = reward + 0.99 * (1 - ended) * frozen(following).max(1).values.detach()
    errors = goal - net(state).gather(1, action[:, None])[:, 0]
    loss = errors.pow(2).mean() * torch.as_tensor(weights).mean()  # <- PER101
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.correct(at, errors.detach().numpy())
""",
                "main.py": """from learn import learn
from memory import Memory


def main(env, net, frozen, optimizer, steps):
    memory, state = Memory(20_000), env.reset()
    for step in range(steps):
        action = net(state).argmax()
        following, reward, ended, _ = env.step(action)
        memory.add(state, action, reward, following, ended)
        state = env.reset() if ended else following
        if step > 500:
            learn(memory, net, frozen, optimizer, 0.4 + 0.6 * step / steps)
""",
            },
        ),
    )
    good = (
        Example(
            "a criterion that the learner tells to keep one loss for each",
            {
                "memory.py": bad[1].plain["memory.py"],
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace(
                    "self.criterion = nn.SmoothL1Loss()\n",
                    'self.criterion = nn.SmoothL1Loss()\n        self.criterion.reduction = "none"\n',
                ),
            },
        ),
        Example(
            "element-wise loss",
            {
                "learn.py": """import numpy as np
import torch.nn.functional as F


def learn(net, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    w = (len(rows) * p[at]) ** -beta
    batch = rows[at]
    (w * F.mse_loss(net(batch), batch, reduction="none")).mean().backward()
"""
            },
        ),
        Example(
            "squared differences",
            {
                "memory.py": """import numpy as np


def draw(rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    return rows[at], (len(rows) * p[at]) ** -beta
""",
                "learn.py": """from memory import draw


def learn(net, rows, priorities):
    batch, w = draw(rows, priorities, 0.5)
    loss = ((net(batch) - batch).pow(2) * w).mean()
    loss.backward()
""",
            },
        ),
        Example(
            "a mean over the actions only",
            {
                "learn.py": """import numpy as np


def learn(net, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    w = (len(rows) * p[at]) ** -beta
    row_losses = ((net(rows[at]) - rows[at]) ** 2).mean(dim=1)
    (w * row_losses).mean().backward()
"""
            },
        ),
        Example(
            "the weight of a loss term",
            {
                "terms.py": """import torch.nn.functional as F


def total(net, batch, alpha):
    return alpha * F.mse_loss(net(batch), batch) + (1 - alpha) * F.l1_loss(net(batch), batch)
"""
            },
        ),
        Example(
            "sample weights beside a loss that averages over the actions of each transition alone",
            {
                "memory.py": bad[-5].plain["memory.py"],
                "learner.py": bad[-5].plain["learner.py"].replace("size - 0.5))", "size - 0.5), axis=-1)"),
            },
        ),
        Example(
            "a loss that averages over everything, of one transition at a time",
            {
                "memory.py": bad[-5].plain["memory.py"],
                "learner.py": bad[-5].plain["learner.py"].replace("weights, batch_size=64", "weights, batch_size=1"),
            },
        ),
        Example(
            "Keras sample weights",
            {
                "fit.py": """import numpy as np


def fit(model, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    model.fit(rows[at], rows[at], sample_weight=(len(rows) * p[at]) ** -beta)
"""
            },
        ),
        Example(
            "the mean behind the product, in a closure, JAX",
            {
                "memory.py": bad[4].plain["memory.py"],
                "train.py": bad[4]
                .plain["train.py"]
                .replace(
                    "jnp.mean(jnp.square(apply(params, rows) - goals))", "jnp.square(apply(params, rows) - goals)"
                ),
            },
        ),
        Example(
            "weighed before the mean, and divided by the mean of the weights",
            {
                "memory.py": _MEMORY,
                "learn.py": bad[-1]
                .plain["learn.py"]
                .replace(
                    "errors.pow(2).mean() * torch.as_tensor(weights).mean()",
                    "(errors.pow(2) * torch.as_tensor(weights)).mean() / torch.as_tensor(weights).mean()",
                ),
                "main.py": bad[-1].plain["main.py"],
            },
        ),
        Example(
            "the loss of TensorFlow 1 weighs its terms itself",
            {
                "memory.py": _MEMORY,
                "graph.py": bad[-2]
                .plain["graph.py"]
                .replace("tf.reduce_mean(self.weights * tf.losses.huber_loss(self.goals, self.taken))", "loss")
                .replace("[None, 1])", "[None])")
                .replace("weights[:, None]", "weights")
                .replace(
                    "        self.loss = loss",
                    "        loss = tf.losses.mean_squared_error(self.goals, self.taken, self.weights)\n"
                    "        self.loss = loss",
                ),
            },
        ),
        Example(
            "the loss of TensorFlow 1 is told to keep its terms apart",
            {
                "memory.py": _MEMORY,
                "graph.py": bad[-2]
                .plain["graph.py"]
                .replace("self.taken))", "self.taken, reduction=tf.losses.Reduction.NONE))")
                .replace("[None, 1])", "[None])")
                .replace("weights[:, None]", "weights"),
            },
        ),
        Example(
            "a loss that is made for the weights of a batch, and averages over the values alone",
            {
                "memory.py": _MEMORY,
                "agent.py": _MADE_LOSS.replace("(values - goals))", "(values - goals), axis=-1)"),
            },
        ),
        Example("a second loss, from which nothing is learnt", {"learn.py": _SECOND}),
        Example(
            "a loss that another one takes the place of",
            {"learn.py": _SECOND.replace("second = ", "loss = ").replace("loss = first", "loss = first.clone()")},
        ),
    )


def _is_taken_apart(graph: ReplayGraph, loss: Term) -> bool:
    """Whether Keras' Huber loss of rows becomes the priorities one by one, as only an array with an axis can.

    What it is told not to average it averages over the last axis since TensorFlow 2.2, and kept whole before: of two
    rows it is a number today, and was a row where that code was written.
    """
    if loss.op != "loss" or loss.data[0] not in ("Huber", "huber", "huber_loss"):
        return False
    return any(
        part.op == "element" and any(inner.node is loss.node for inner in part.walk() if inner.op == "loss")
        for buffer in graph.weighted
        for write in graph.anatomy(buffer).writes
        for part in write.value.walk()
    )


def _scaled_gradients(graph: ReplayGraph) -> Iterator[tuple[str, ir.Node, Term]]:
    """Where the gradient of a parameter, `p.grad` or `p.grad.data`, is multiplied by the mean of weights."""
    if not graph.weighted:
        return
    for path, module in graph.project.modules.items():
        scaled: list[tuple[ir.Node, ir.Expr, ir.Expr]] = [
            (node, node.target, node.value) for node in module.nodes_of(ir.Aug) if node.op == "*"
        ]
        scaled += [
            (node, node.func.value, node.args[0].value)
            for node in module.nodes_of(ir.Call)
            if isinstance(node.func, ir.Attr) and node.func.attr == "mul_" and len(node.args) == 1
        ]
        for node, gradient, factor in scaled:
            if _is_gradient(gradient):
                mean = graph.symbols.term(path, factor)
                if mean.op == "mean" and mean.data is None and graph.corrections.is_weight(mean.args[0]):
                    yield path, node, mean


def _is_gradient(node: ir.Expr) -> bool:
    if isinstance(node, ir.Attr) and node.attr == "data":
        node = node.value
    return isinstance(node, ir.Attr) and node.attr == "grad"
