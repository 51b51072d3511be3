"""PER113 weights-frozen-in-graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.prioritised.weights.compiled import compilations, weights_read
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret.events import AttributeWrite, CallSite
    from per_audit.graph.symbolic import Term

_BUILDERS = {"__init__", "build", "setup", "reset"}
_EAGER = {"run_functions_eagerly", "experimental_run_functions_eagerly"}


class WeightsFrozenInGraph(Rule):
    """The loss of a Keras model reads the importance-sampling weights from an attribute, once, when it is traced.

    ## What it does

    Reports a loss function given to `compile` that reads an attribute in which each training step puts the weights of
    its batch.

    ## Why is this bad

    Keras traces the loss into a graph at the first call of `fit` or `train_on_batch`, and calls the graph from then on.
    An array of NumPy or a number that the function reads on the way becomes a constant of this graph: every later batch
    is weighted with the weights of the first one, in the order of the first one. Nothing fails as long as the batches
    have one size.

    ## Known problems

    Silent where the model or the project runs eagerly (`run_eagerly=True`, `tf.config.run_functions_eagerly`), and for
    attributes that hold a `tf.Variable` that is assigned to: both read the weights anew.

    ## Example

    ```python
    model.compile(optimizer, loss=lambda y, q: tf.reduce_mean(self.weights * tf.square(y - q)))
    self.weights = weights
    model.train_on_batch(states, targets)
    ```

    ## Use instead

    ```python
    model.compile(optimizer, loss="mse")
    model.train_on_batch(states, targets, sample_weight=weights)
    ```

    ## Fix safety

    Listed as steps: the loss loses the weights, and each training call gains `sample_weight`.

    ## References

    - TensorFlow guide, Better performance with tf.function, "Depending on Python global and free variables"
    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.4
    """

    code = "PER113"
    name = "weights-frozen-in-graph"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each loss of a compiled model that reads weights from an attribute."""
        seen: set[ir.Node] = set()
        for site in compilations(graph):
            for read, field, path in weights_read(graph, site):
                written = self._written(graph, field, site)
                if written is not None and read not in seen and not _is_eager(graph, site):
                    seen.add(read)
                    yield self._finding(graph, site, read, path, written)

    def _written(self, graph: ReplayGraph, field: Term, site: CallSite) -> AttributeWrite | None:
        """The assignment that puts new weights into the attribute; not of what builds or compiles the model anew."""
        for value, write, _ in graph.symbols.written(field):
            if write is None or write.function is site.function or getattr(write.function, "name", "") in _BUILDERS:
                continue
            if graph.corrections.is_weight(value):
                return write
        return None

    def _finding(
        self, graph: ReplayGraph, site: CallSite, read: ir.Node, path: str, written: AttributeWrite
    ) -> Finding:
        text = graph.source(path, read)
        return self.finding(
            graph,
            path,
            read,
            f"the loss reads `{text}` while it is traced: all batches are weighted with the weights of the first",
            evidence=[
                graph.evidence(path, read, "read", "read once, when the loss is traced"),
                graph.evidence(site.path, site.node, "compiled", "the model is compiled with this loss"),
                graph.evidence(written.path, written.node, "written", "the weights of each batch are put here"),
            ],
            fix=FixOffer(title="give the weights to the training call as sample_weight"),
        )

    def witness(self) -> str:
        """Errors that are weighted with the weights of another batch."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.where(np.arange(1_000) < 100, 4.0, -0.1)
        p = np.abs(errors) ** 0.6
        p /= p.sum()
        batches = rng.choice(1_000, (2_000, 64), p=p)
        weights = 1 / (1_000 * p[batches])
        own, frozen = (weights * errors[batches]).mean(), (weights[0] * errors[batches]).mean()
        true = errors.mean()
        assert abs(own - true) < 0.1 * abs(true)
        assert frozen > 2 * true
        return f"mean error {true:.2f}; with its own weights {own:.2f}, with those of the first batch {frozen:.2f}"

    bad = (
        Example(
            "a method as the loss, train_on_batch",
            {
                "agent.py": """import numpy as np
import tensorflow as tf


class Agent:
    def __init__(self, model, rows, goals):
        self.model, self.rows, self.goals = model, rows, goals
        self.priorities, self.weights = np.ones(len(rows)), np.ones(32)
        self.model.compile(optimizer="adam", loss=self.loss)

    def loss(self, goals, values):
        return tf.reduce_mean(self.weights * tf.square(goals - values)[:, 0])  # <- PER113

    def learn(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(p), 32, p=p)
        self.weights = (len(p) * p[at]) ** -beta
        self.model.train_on_batch(self.rows[at], self.goals[at])
"""
            },
        ),
        Example(
            "a closure that a method returns, fit",
            {
                "agent.py": """import numpy as np
from tensorflow.keras import backend as K


class Agent:
    def __init__(self, network, capacity, width):
        self.rows, self.goals = np.zeros((capacity, width)), np.zeros(capacity)
        self.mass, self.scale = np.ones(capacity), 1.0
        self.network = self.build(network)

    def weighted(self):
        def loss(goal, value):
            return K.mean(K.square(goal - value) * self.scale)  # <- PER113

        return loss

    def build(self, network):
        network.compile("adam", self.weighted())
        return network

    def replay(self, beta):
        p = self.mass / self.mass.sum()
        picked = np.random.choice(len(p), 64, p=p)
        correction = np.power(len(p) * p[picked], -beta)
        self.scale = correction / correction.max()
        self.network.fit(self.rows[picked], self.goals[picked], epochs=1, verbose=0)
"""
            },
        ),
        Example(
            "a lambda, the weights from another file",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.goals, self.mass = np.zeros((size, 4)), np.zeros(size), np.ones(size)

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(p), n, p=p)
        w = (len(p) * p[slots]) ** -beta
        return self.rows[slots], self.goals[slots], w / w.max()
""",
                "learner.py": """import tensorflow as tf
from memory import Memory


class Learner:
    def __init__(self, model):
        self.model, self.memory, self.w = model, Memory(1000), None
        model.compile(
            loss=lambda goal, value: tf.reduce_mean(self.w * tf.square(goal - value)),  # <- PER113
            optimizer="sgd",
        )

    def step(self, beta):
        states, goals, self.w = self.memory.sample(32, beta)
        self.model.train_on_batch(states, goals)
""",
            },
        ),
        Example(
            "the attribute of the agent that owns the model, two files",
            {
                "losses.py": """import tensorflow as tf


def importance_loss(agent):
    def loss(goal, value):
        factors = tf.cast(agent.factors, tf.float32)  # <- PER113
        return tf.reduce_mean(factors * tf.keras.losses.huber(goal, value))

    return loss
""",
                "agent.py": """import numpy as np
from losses import importance_loss


class Agent:
    def __init__(self, model, rows, goals):
        self.model, self.rows, self.goals, self.priorities = model, rows, goals, np.ones(len(rows))
        self.factors = np.ones(32)
        self.model.compile(optimizer="adam", loss=importance_loss(self))

    def train(self, beta):
        p = self.priorities / self.priorities.sum()
        at = np.random.choice(len(p), 32, p=p)
        self.factors = (len(p) * p[at]) ** -beta
        self.model.fit(self.rows[at], self.goals[at], verbose=0)
""",
            },
        ),
        Example(
            "a weight at a time, numpy draw by hand",
            {
                "agent.py": """import random
import numpy as np
import tensorflow as tf


class Agent:
    def __init__(self, model):
        self.model, self.past, self.priority, self.importance = model, [None] * 100, [1.0] * 100, 1
        self.model.compile(loss=self.loss, optimizer="adam")

    def loss(self, goal, value):
        return tf.reduce_mean(tf.multiply(tf.square(value - goal), self.importance))  # <- PER113

    def replay(self, beta):
        p = np.array(self.priority) / np.sum(self.priority)
        for slot in random.choices(range(len(p)), weights=p, k=32):
            state, goal = self.past[slot]
            self.importance = (len(p) * p[slot]) ** -beta
            self.model.fit(state, goal, verbose=0)
"""
            },
        ),
        Example(
            "standalone Keras, the model in a base class",
            {
                "base.py": """class Base:
    def __init__(self, model):
        self.model = model

    def compile(self, loss):
        self.model.compile(optimizer="rmsprop", loss=loss)
""",
                "per.py": """import numpy as np
from keras import backend as K
from base import Base


class Prioritised(Base):
    def __init__(self, model, size):
        super().__init__(model)
        self.rows, self.goals, self.tree = np.zeros((size, 4)), np.zeros(size), np.ones(size)
        self.batch_weights = np.ones(16)
        self.compile(self.loss)

    def loss(self, goal, value):
        return K.mean(K.square(goal - value) * self.batch_weights)  # <- PER113

    def learn(self, beta):
        p = self.tree / self.tree.sum()
        at = np.random.choice(len(p), 16, p=p)
        self.batch_weights = (len(p) * p[at]) ** -beta
        self.model.train_on_batch(self.rows[at], self.goals[at])
""",
            },
        ),
    )
    good = (
        Example(
            "sample weights",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("self.weights * tf.square", "tf.square")
                .replace("self.goals[at])\n", "self.goals[at], sample_weight=self.weights)\n")
            },
        ),
        Example(
            "the model runs eagerly",
            {"agent.py": bad[0].plain["agent.py"].replace("loss=self.loss)", "loss=self.loss, run_eagerly=True)")},
        ),
        Example(
            "the project runs eagerly",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("class Agent", "tf.config.run_functions_eagerly(True)\n\n\nclass Agent")
            },
        ),
        Example(
            "a variable that is assigned to",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("np.ones(32)\n", "tf.Variable(np.ones(32))\n")
                .replace("self.weights = (len(p) * p[at]) ** -beta", "self.weights.assign((len(p) * p[at]) ** -beta)")
            },
        ),
        Example(
            "an attribute that is a setting",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("self.weights * tf.square", "self.scale * tf.square")
                .replace("self.model.compile", "self.scale = 0.5\n        self.model.compile")
            },
        ),
        Example(
            "a gradient tape reads them anew, two files",
            {
                "memory.py": bad[2].plain["memory.py"],
                "learner.py": """import tensorflow as tf
from memory import Memory


class Learner:
    def __init__(self, model, optimizer):
        self.model, self.memory, self.optimizer, self.w = model, Memory(1000), optimizer, None

    def step(self, beta):
        states, goals, self.w = self.memory.sample(32, beta)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.w * tf.square(goals - self.model(states)[:, 0]))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))
""",
            },
        ),
    )


def _is_eager(graph: ReplayGraph, site: CallSite) -> bool:
    """Whether the model, or the whole project, may run without graphs."""
    told = site.node.argument(None, "run_eagerly")
    if told is not None and not (isinstance(told, ir.Const) and told.value is False):
        return True
    return any(name.rpartition(".")[2] in _EAGER for other in graph.events.calls.values() for name in other.names)
