"""PER103 weights-inside-nonlinearity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import FixOffer, Severity
from per_audit.graph.prioritised.weights.broadcast import conflicting
from per_audit.graph.prioritised.weights.one_sided import bent, one_sided
from per_audit.graph.symbolic import contexts
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic import Term

_TARGET = """import numpy as np
import torch
import torch.nn.functional as F


def learn(net, target_net, optimizer, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    states, actions, rewards, next_states, ends = (torch.as_tensor(x) for x in zip(*[rows[i] for i in at]))
    q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        target = rewards + 0.99 * (1 - ends) * target_net(next_states).max(1).values
    loss = F.smooth_l1_loss(q, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_KERAS = """import numpy as np
from keras.layers import Dense
from keras.models import Sequential


class Agent:
    def __init__(self, size):
        self.rows, self.mass = [None] * size, np.ones(size)
        self.model = Sequential([Dense(64, activation="relu"), Dense(4)])
        self.model.compile(loss="mse", optimizer="adam")

    def add(self, at, state, action, reward, next_state, done):
        self.rows[at] = (state, action, reward, next_state, done)

    def learn(self, beta):
        p = self.mass / self.mass.sum()
        at = np.random.choice(len(self.rows), 32, p=p)
        weights = (len(self.rows) * p[at]) ** -beta
        states, actions, rewards, next_states, ends = (np.array(x) for x in zip(*[self.rows[i] for i in at]))
        values, ahead = self.model.predict(states), self.model.predict(next_states).max(axis=1)
        earned = rewards + 0.99 * (1 - ends) * ahead
        self.mass[at] = np.abs(earned - values[range(32), actions]) + 1e-6
        earned *= weights  # <- PER103
        values[range(32), actions] = earned
        self.model.train_on_batch(states, values)
"""


class WeightsInsideNonlinearity(Rule):
    """The importance-sampling weights are multiplied into the error before it is squared, so that they count twice.

    ## What it does

    Reports a product of importance-sampling weights with an error whose square, mean squared error or Huber loss is
    then taken: in the same expression, in another method, or in a function that the product is passed to. Also weights
    that one side of the error alone is multiplied by: the target, also the one that Keras is given, or the
    prediction.

    ## Why is this bad

    The gradient of `(w * error)**2` is `2 * w**2 * error`, that of `w * error**2` is `2 * w * error`. With w =
    (N P)^-beta the exponent is twice the one that was chosen: at beta = 0.4 the correction is that of 0.8, at beta = 1
    rare transitions count 1 / (N P) too little, and large errors are suppressed below what a uniform draw would give
    them. In a Huber loss the weights move the bend as well. A weighted target is another target: what is learnt for a
    transition is w times its value, and the draws stay uncorrected.

    ## Known problems

    Only errors through which a gradient may flow are judged. A target that is moved by a weighted error
    (`target = q + w * error`, detached) has the right gradient and is not reported, nor are roots of the weights.

    ## Example

    ```python
    loss = ((weights * (q - target)) ** 2).mean()
    ```

    ## Use instead

    ```python
    loss = (weights * (q - target) ** 2).mean()
    ```

    ## Fix safety

    Offered for the direct forms: a square of a product, and a loss function of two weighted sides. Training changes as
    the exponent of the correction does.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4: the weights are folded into the
      update "by using w_i * delta_i instead of delta_i", which is the gradient and not the loss
    """

    code = "PER103"
    name = "weights-inside-nonlinearity"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each product of weights that a square or a loss is then taken of, or of one side of it."""
        seen: set[ir.Node] = set()
        for function, path in graph.corrections.losses_in:
            for made in graph.corrections.made_in(function, path):
                inner = bent(made)
                if not inner or made.node in seen or not graph.corrections.is_averaged(made, function, path):
                    continue
                for context in contexts(graph.symbols, *inner):
                    product = graph.corrections.weighted_alike(inner, context)
                    if product is not None and product.node not in seen:
                        seen.add(product.node)
                        meets_all = conflicting(graph, product, context) is not None
                        yield self._finding(graph, made, path, product, meets_all)
                        break
        for made, path, product in one_sided(graph):
            if product.node not in seen:
                seen.add(product.node)
                yield self._aside(graph, made, path, product)

    def _finding(self, graph: ReplayGraph, made: Term, path: str, product: Product, meets_all: bool) -> Finding:
        assert made.node is not None
        effect = "they count twice"
        if meets_all:
            effect = (
                "each meets every error there, and corrects nothing; of the shape of the errors they would count twice"
            )
        return self.finding(
            graph,
            product.path,
            product.node,
            f"the importance-sampling weights are multiplied into the error before it is squared: {effect}",
            evidence=[
                graph.evidence(product.path, product.node, "product", "the weights enter here"),
                graph.evidence(path, made.node, "loss", "and are squared here with the error"),
            ],
            fix=FixOffer(title="weight the loss of each transition instead of its error"),
        )

    def _aside(self, graph: ReplayGraph, made: Term, path: str, product: Product) -> Finding:
        assert made.node is not None
        return self.finding(
            graph,
            product.path,
            product.node,
            "the importance-sampling weights are multiplied into one side of the error, and not into the loss: what is "
            "learnt is off by them, and nothing is corrected",
            evidence=[
                graph.evidence(product.path, product.node, "product", "the weights enter here"),
                graph.evidence(path, made.node, "loss", "and no weights are in the loss itself"),
            ],
            fix=FixOffer(title="weight the loss of each transition instead of a side of its error"),
        )

    def witness(self) -> str:
        """The gradients of both losses against that of a uniform draw."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(errors) ** 0.6
        p /= p.sum()
        at = rng.choice(1_000, 200_000, p=p)
        weights = 1 / (1_000 * p[at])
        true = errors.mean()
        outside, inside = (weights * errors[at]).mean(), (weights**2 * errors[at]).mean()
        assert abs(outside - true) < 0.05 * abs(true)
        assert inside < 0
        return f"mean gradient {true:.2f}; weights outside the square give {outside:.2f}, inside {inside:.2f}"

    bad = (
        Example(
            "a square of the weighted error, PyTorch",
            {
                "learn.py": """import numpy as np
import torch


def learn(net, target_net, optimizer, rows, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    states, actions, rewards, next_states, ends = (torch.as_tensor(x) for x in zip(*[rows[i] for i in at]))
    q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        target = rewards + 0.99 * (1 - ends) * target_net(next_states).max(1).values
    loss = ((weights * (q - target)) ** 2).mean()  # <- PER103
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "both sides of a mean squared error, two files",
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
                "agent.py": """import torch
import torch.nn as nn
from memory import Memory


class Agent:
    def __init__(self, net):
        self.net, self.memory, self.criterion = net, Memory(1000), nn.MSELoss()

    def update(self):
        batch, slots, correction = self.memory.sample(64)
        scale = torch.as_tensor(correction)
        states, goals = map(torch.as_tensor, zip(*batch))
        loss = self.criterion(self.net(states) * scale, goals * scale)  # <- PER103
        loss.backward()
""",
            },
        ),
        Example(
            "a method that squares what another has weighted",
            {
                "agent.py": """import numpy as np
import torch


class Agent:
    def __init__(self, net, rows, optimizer):
        self.net, self.optimizer, self.rows, self.priorities = net, optimizer, rows, np.ones(len(rows))

    def errors(self, states, targets):
        return targets - self.net(states)

    def reduce(self, errors):
        return errors.pow(2).mul(0.5).mean()

    def step(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(p), 32, p=p)
        weights = torch.as_tensor(len(p) * p[at]).pow(-beta)
        errors = self.errors(torch.as_tensor(self.rows[at, :-1]), torch.as_tensor(self.rows[at, -1]))
        self.priorities[at] = errors.abs().detach().numpy()
        errors = errors.mul(weights)  # <- PER103
        loss = self.reduce(errors)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
            },
        ),
        Example(
            "a Huber loss of the weighted error",
            {
                "huber.py": """import numpy as np
import torch
import torch.nn.functional as F


def improve(critic, optimizer, states, targets, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(p), 64, p=p)
    w = torch.from_numpy((len(p) * p[at]) ** (-beta))
    delta = w * (critic(states[at]) - targets[at])  # <- PER103
    loss = F.smooth_l1_loss(delta, torch.zeros_like(delta))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
            },
        ),
        Example(
            "the terminal mask stands before the weights, TensorFlow",
            {
                "step.py": """import numpy as np
import tensorflow as tf


def step(net, optimizer, rows, targets, ends, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    w = (len(rows) * p[at]) ** (-beta)
    with tf.GradientTape() as tape:
        errors = targets[at] - tf.reduce_max(net(rows[at]), axis=1)
        loss = tf.reduce_mean(tf.square((1 - ends[at]) * w * errors))  # <- PER103
    optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
"""
            },
        ),
        Example(
            "inside the differentiated loss, JAX",
            {
                "train.py": """import jax
import jax.numpy as jnp
from memory import draw


def make_step(apply, beta):
    def loss(params, rows, goals, weights):
        errors = weights * (apply(params, rows) - goals)  # <- PER103
        return jnp.mean(errors * errors)

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
            "a Huber loss of the project's own, in another file",
            {
                "bend.py": """import torch


def bend(x, edge=1.0):
    return torch.where(x.abs() < edge, 0.5 * x**2, edge * (x.abs() - 0.5 * edge))
""",
                "learner.py": """import numpy as np
import torch
from bend import bend


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


def learn(net, frozen, memory, optimizer, n, beta):
    (states, actions, rewards, following, ends), slots, weights = memory.sample(n, beta)
    states, following, rewards, ends = map(torch.as_tensor, (states, following, rewards, ends))
    chosen = net(states)[torch.arange(n), torch.as_tensor(actions)]
    target = rewards + 0.99 * (1 - ends) * frozen(following).max(1).values.detach()
    errors = chosen - target
    loss = bend(torch.as_tensor(weights) * errors).mean()  # <- PER103
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.update(slots, errors.detach().numpy())


def train(net, frozen, env, optimizer, steps):
    memory = Memory(5000)
    for step in range(steps):
        memory.store(*env.transition())
        learn(net, frozen, memory, optimizer, 32, 0.4 + 0.6 * step / steps)
""",
            },
        ),
        Example(
            "the target alone",
            {"learn.py": _TARGET.replace("    loss = ", "    target = target * weights  # <- PER103\n    loss = ")},
        ),
        Example("the goals of Keras", {"agent.py": _KERAS}),
        Example(
            "the goals of Keras, one by one",
            {
                "agent.py": _KERAS.replace("        earned *= weights  # <- PER103\n", "").replace(
                    "        values[range(32), actions] = earned\n",
                    "        for i, action in enumerate(actions):\n"
                    "            values[i][action] = earned[i]\n"
                    "            values[i][action] *= weights[i]  # <- PER103\n",
                )
            },
        ),
        Example(
            "the prediction alone",
            {
                "learn.py": _TARGET.replace(
                    "F.smooth_l1_loss(q, target)", "F.mse_loss(q * weights, target)  # <- PER103"
                )
            },
        ),
        Example(
            "the prediction alone, written out",
            {
                "learn.py": _TARGET.replace(
                    "F.smooth_l1_loss(q, target)", "((q * weights - target) ** 2).mean()  # <- PER103"
                )
            },
        ),
    )
    good = (
        Example(
            "the weights outside the square",
            {
                "learn.py": bad[0]
                .plain["learn.py"]
                .replace("((weights * (q - target)) ** 2)", "(weights * (q - target) ** 2)")
            },
        ),
        Example(
            "the roots of the weights on both sides, two files",
            {
                "memory.py": bad[1].plain["memory.py"],
                "agent.py": bad[1]
                .plain["agent.py"]
                .replace("torch.as_tensor(correction)", "torch.as_tensor(correction).sqrt()"),
            },
        ),
        Example(
            "a heir that squares first",
            {
                "agent.py": bad[2]
                .plain["agent.py"]
                .replace("return targets - self.net(states)", "return (targets - self.net(states)).pow(2)")
                .replace("return errors.pow(2).mul(0.5).mean()", "return errors.mul(0.5).mean()")
            },
        ),
        Example(
            "an absolute error, linear in the weights",
            {
                "huber.py": bad[3]
                .plain["huber.py"]
                .replace("F.smooth_l1_loss(delta, torch.zeros_like(delta))", "delta.abs().mean()")
            },
        ),
        Example(
            "a target that the weighted error moves, Keras",
            {
                "fit.py": """import numpy as np


def fit(model, rows, goals, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    w = (len(rows) * p[at]) ** -beta
    values = model.predict(rows[at])
    targets = values + w * (goals[at] - values)
    model.fit(rows[at], targets)
    return ((targets - values) ** 2).mean()
"""
            },
        ),
        Example(
            "the weights outside, JAX, two files",
            {
                "memory.py": bad[5].plain["memory.py"],
                "train.py": bad[5]
                .plain["train.py"]
                .replace("weights * (apply(params, rows) - goals)", "apply(params, rows) - goals")
                .replace("jnp.mean(errors * errors)", "jnp.mean(weights * errors * errors)"),
            },
        ),
        Example(
            "a weighted square that is only a priority",
            {
                "learn.py": bad[0]
                .plain["learn.py"]
                .replace("((weights * (q - target)) ** 2).mean()", "(weights * (q - target) ** 2).mean()")
                .replace(
                    "    optimizer.step()\n",
                    "    optimizer.step()\n    return ((weights * (q - target).detach()) ** 2).numpy().mean()\n",
                )
            },
        ),
        Example(
            "a target that a weighted error moves",
            {
                "learn.py": _TARGET.replace(
                    "    loss = ", "    target = q.detach() + weights * (target - q).detach()\n    loss = "
                )
            },
        ),
        Example(
            "goals of Keras that a weighted error moves",
            {
                "agent.py": _KERAS.replace("        earned *= weights  # <- PER103\n", "").replace(
                    "        values[range(32), actions] = earned\n",
                    "        errors = earned - values[range(32), actions]\n"
                    "        values[range(32), actions] = values[range(32), actions] + weights * errors\n",
                )
            },
        ),
        Example(
            "the weights as Keras takes them",
            {
                "agent.py": _KERAS.replace("        earned *= weights  # <- PER103\n", "").replace(
                    "(states, values)\n", "(states, values, sample_weight=weights)\n"
                )
            },
        ),
        Example(
            "goals of a loss by classes, which is as many times the goal",
            {
                "agent.py": _KERAS.replace("  # <- PER103", "").replace('"mse"', '"categorical_crossentropy"'),
            },
        ),
        Example(
            "roots on the prediction and on the parts of the target",
            {
                "learn.py": _TARGET.replace("target = rewards +", "target = root * rewards + root *")
                .replace("    q = ", "    root = weights.sqrt()\n    q = ")
                .replace("F.smooth_l1_loss(q, target)", "F.mse_loss(q * root, target)")
            },
        ),
    )
