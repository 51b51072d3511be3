"""PER114 error-in-weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.interpret.roles import words
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.prioritised.weights.compiled import SQUARES, are_squares, averaged
from per_audit.graph.symbolic import Term, alternatives
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding

_FORMS = {"at", "element", "abs", "neg", "detach", "reshape", "unsqueeze", "squeeze", "stack", "collect", "slice",
          "loop", "filled"}  # fmt: skip
_ERRORS = {"sub", "call", "item", "loss"}

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def add(self, row):
        self.rows[self.at % self.size] = row
        self.priorities[self.at % self.size] = self.priorities.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.priorities / self.priorities.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.priorities[slots] = (errors + 1e-6) ** 0.6
"""
_KERAS = """import numpy as np
from brain import Brain
from memory import Memory


def train(env, steps):
    memory, brain, state = Memory(1024), Brain(), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(brain.model.predict(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, goals, errors = targets(brain, rows)
        weights = [errors[i] * weights[i] for i in range(len(errors))]  # <- PER114
        brain.learn(states, goals, np.array(weights))
        memory.update(slots, errors)


def targets(brain, rows):
    states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
    values, ahead = brain.model.predict(states), brain.model.predict(next_states).max(axis=1)
    errors = np.zeros(len(rows))
    for i in range(len(rows)):
        goal = rewards[i] if ends[i] else rewards[i] + 0.99 * ahead[i]
        errors[i] = abs(goal - values[i][actions[i]])
        values[i][actions[i]] = goal
    return states, values, errors
"""
_BRAIN = """from keras.layers import Dense
from keras.models import Sequential


class Brain:
    def __init__(self):
        self.model = Sequential([Dense(64, activation="relu"), Dense(4)])
        self.model.compile(loss="mse", optimizer="adam")

    def learn(self, states, goals, weights=None):
        self.model.fit(states, goals, sample_weight=weights, verbose=0)
"""
_HUBER = """from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential


def clipped(y, q):
    error = K.abs(y - q)
    return K.mean(K.switch(error < 1.0, 0.5 * K.square(error), error - 0.5), axis=-1)


class Brain:
    def __init__(self):
        self.model = Sequential([Dense(64, activation="relu"), Dense(4)])
        self.model.compile(loss=clipped, optimizer="adam")

    def learn(self, states, goals, weights=None):
        self.model.train_on_batch(states, goals, sample_weight=weights)
"""
_LATE = _HUBER.replace(", axis=-1", "").replace("sample_weight=weights)", "sample_weight=weights)  # <- PER101")
_ARRAYS = _KERAS.replace(
    "        weights = [errors[i] * weights[i] for i in range(len(errors))]  # <- PER114\n", ""
).replace("np.array(weights))", "weights * errors)  # <- PER114")
_TORCH = """import torch
import torch.nn.functional as F
from memory import Memory


def train(env, net, target, optimizer, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add((state, net.last, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (torch.tensor(column) for column in zip(*rows))
        q = net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - ends) * target(next_states).max(1)[0]
        errors = (goals - q).abs().detach()
        loss = (torch.tensor(weights) * errors * F.mse_loss(q, goals, reduction="none")).mean()  # <- PER114
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.numpy())
"""
_LOSS = 'torch.tensor(weights) * errors * F.mse_loss(q, goals, reduction="none")).mean()  # <- PER114\n'
_SQUARED = _TORCH.replace(_LOSS, "torch.tensor(weights) * (goals - q) ** 2 * errors).mean()  # <- PER114\n")
_NAMED = _TORCH.replace(
    "        loss = (" + _LOSS,
    "        weights = torch.tensor(weights) * errors\n"
    "        losses = F.smooth_l1_loss(q, goals, reduction='none')\n"
    "        loss = (losses * weights).mean()  # <- PER114\n",
)
_TAPE = """import numpy as np
import tensorflow as tf
from memory import Memory


def train(env, model, target, optimizer, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(model(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        goals = rewards + 0.99 * (1 - ends) * tf.reduce_max(target(next_states), axis=1)
        with tf.GradientTape() as tape:
            q = tf.reduce_sum(model(states) * tf.one_hot(actions, 4), axis=1)
            errors = tf.abs(goals - q)
            loss = tf.reduce_mean(weights * tf.stop_gradient(errors) * tf.square(goals - q))  # <- PER114
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        memory.update(slots, errors.numpy())
"""


def _keras(train: str, brain: str = _BRAIN) -> dict[str, str]:
    return {"memory.py": _MEMORY, "brain.py": brain, "train.py": train}


def _project(train: str) -> dict[str, str]:
    return {"memory.py": _MEMORY, "train.py": train}


class ErrorInWeights(Rule):
    """The importance-sampling weights are multiplied by the errors once more, so that each error counts twice.

    ## What it does

    Reports weights that are multiplied by the same errors that become the priorities, where the product weighs a loss
    that is made of the squares of the errors: as Keras' `sample_weight`, or as a factor beside the loss.

    ## Why is this bad

    Algorithm 1 of the paper sums w * error * gradient of the prediction: the error in it is what the derivative of the
    squared loss is made of already. With the error in the weight as well the step grows with its square, as if the
    loss were the cube of the error. That has another minimum: a reward of 1 that comes once in ten times is learnt as
    0.25, not 0.1, which no beta corrects.

    ## Known problems

    Only errors that become the priorities of the same batch are recognised, and models whose loss can be told. Where a
    loss is averaged before the weights meet it, which `weights-after-reduction` tells, the product does no harm
    before that is mended, and is a hint.

    ## Example

    ```python
    model.fit(states, targets, sample_weight=errors * weights)
    ```

    ## Use instead

    ```python
    model.fit(states, targets, sample_weight=weights)
    ```

    ## Fix safety

    Not rewritten: the step gets larger or smaller where the errors are not about 1, so that the learning rate has to be
    looked at.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 13, and section 3.4
    """

    code = "PER114"
    name = "error-in-weights"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each product of weights and errors that weighs a squared loss."""
        told: set[ir.Node] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            rated: set[Term | ir.Node | None] = set()
            for write in anatomy.writes:
                bases = () if write.inserts else map(_base, trail.along(write.value))
                for base in bases:
                    if base.op in _ERRORS and not graph.corrections.is_weight(base):
                        rated |= {base, _difference(base)}
            rated.discard(None)
            for made, where in (*_given(graph, rated), *_beside(graph, rated)) if rated else ():
                if made.node is not None and made.node not in told:
                    told.add(made.node)
                    yield self._finding(graph, buffer, made, where)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, made: Term, where: tuple[str, ir.Node]) -> Finding:
        assert made.node is not None
        is_late = any(training.site.node is where[1] for training in averaged(graph))
        counts = "would count twice, once the loss is no longer averaged before" if is_late else "counts twice"
        finding = self.finding(
            graph,
            made.path,
            made.node,
            f"in `{graph.source(made.path, made.node)}` the weights of {graph.name_of(buffer)} are multiplied by the "
            f"errors, which the squared loss holds already: each error {counts}",
            evidence=trail.unique(
                [
                    graph.evidence(made.path, made.node, "product", "weights times errors"),
                    graph.evidence(*where, "loss", "weighs a loss of squared errors here"),
                ]
            ),
            fix=FixOffer(title="weigh the loss by the weights alone"),
            pipeline=graph.name_of(buffer),
        )
        return replace(finding, severity=Severity.INFO) if is_late else finding

    def witness(self) -> str:
        """A reward of 1 that comes once in ten times, learnt with the error in the weights and without."""
        import numpy as np

        learnt = []
        for power in (0, 1):
            rng, value = np.random.default_rng(0), 0.0
            for reward in (rng.random(40_000) < 0.1).astype(float):
                error = reward - value
                value += 0.01 * abs(error) ** power * error
            learnt.append(value)
        assert abs(learnt[0] - 0.1) < 0.05
        assert abs(learnt[1] - 0.25) < 0.05
        return f"a mean of 0.10 is learnt as {learnt[0]:.2f}, and as {learnt[1]:.2f} with the error in the weights"

    bad = (
        Example("a list of products, given to Keras in another file", _keras(_KERAS)),
        Example("a Huber loss of the project", _keras(_KERAS, _HUBER)),
        Example("a product of arrays, where it is handed over", _keras(_ARRAYS)),
        Example("beside the loss, PyTorch", _project(_TORCH)),
        Example("beside the square", _project(_SQUARED)),
        Example("under the name of the weights", _project(_NAMED)),
        Example("on a gradient tape, TensorFlow", _project(_TAPE)),
        Example("of a loss that is averaged before", _keras(_KERAS, _LATE)),
        Example("all in one file", {"train.py": _MEMORY + "\n\n" + _TORCH.replace("from memory import Memory\n", "")}),
    )
    good = (
        Example(
            "the weights alone, Keras",
            _keras(_KERAS.replace("errors[i] * weights[i] for", "1.0 * weights[i] for").replace("  # <- PER114", "")),
        ),
        Example(
            "a loss of absolute errors, whose derivative has no error in it",
            _keras(_KERAS.replace("  # <- PER114", ""), _BRAIN.replace('"mse"', '"mae"')),
        ),
        Example(
            "a loss that cannot be told",
            _keras(
                _KERAS.replace("  # <- PER114", ""),
                _BRAIN.replace('loss="mse"', "loss=choose()").replace(
                    "class Brain", "from losses import choose\n\n\nclass Brain"
                ),
            ),
        ),
        Example(
            "the weights alone, PyTorch", _project(_TORCH.replace(" * errors *", " *").replace("  # <- PER114", ""))
        ),
        Example(
            "the error times itself",
            _project(_TORCH.replace(_LOSS, "torch.tensor(weights) * errors * (goals - q).abs()).mean()\n")),
        ),
        Example(
            "the error times the prediction, as the paper writes it",
            _project(_TORCH.replace(_LOSS, "-torch.tensor(weights) * (goals - q).detach() * q).mean()\n")),
        ),
        Example(
            "beside a loss of absolute errors, PyTorch",
            _project(_TORCH.replace("F.mse_loss", "F.l1_loss").replace("  # <- PER114", "")),
        ),
        Example(
            "a mask beside the loss",
            _project(_TORCH.replace(" * errors *", " * (1 - ends) *").replace("  # <- PER114", "")),
        ),
        Example(
            "the weights alone on a gradient tape",
            _project(_TAPE.replace(" * tf.stop_gradient(errors)", "").replace("  # <- PER114", "")),
        ),
        Example(
            "priorities that hold the weights",
            _project(
                _TORCH.replace(" * errors *", " *")
                .replace("  # <- PER114", "")
                .replace("(slots, errors.numpy())", "(slots, (torch.tensor(weights) * errors).numpy())")
            ),
        ),
        Example(
            "another part of what came with the errors",
            _keras(
                _KERAS.replace("errors[i] * weights[i]", "ends[i] * weights[i]")
                .replace("  # <- PER114", "")
                .replace("goals, errors = targets", "goals, errors, ends = targets")
                .replace("values, errors\n", "values, errors, ends\n")
            ),
        ),
        Example(
            "the product is printed",
            _keras(
                _KERAS.replace("weights = [errors[i] * weights[i]", "print([errors[i] * weights[i]").replace(
                    "(len(errors))]  # <- PER114", "(len(errors))])"
                )
            ),
        ),
    )


def _base(term: Term) -> Term:
    """The error under its sign, its form and the list that it is read from."""
    while term.op in _FORMS and term.args:
        term = term.args[1 if term.op == "filled" else 0]
    return term


def _factors(term: Term) -> list[Term]:
    """What is multiplied in a product, at whatever depth."""
    inner = term
    while inner.op in ("detach", "reshape", "unsqueeze", "squeeze", "stack") and inner.args:
        inner = inner.args[0]
    return [factor for arg in inner.args for factor in _factors(arg)] if inner.op == "mul" else [inner]


def _difference(term: Term) -> ir.Node | None:
    """Where a difference is made, which may be known by other terms elsewhere."""
    return term.node if term.op == "sub" else None


def _weighs_error(graph: ReplayGraph, factors: list[Term], rated: set[Term | ir.Node | None], sides: str = "") -> bool:
    """Whether there are weights among the factors, and an error that becomes a priority, or one between such sides."""
    weights = [factor for factor in factors if graph.corrections.is_weight(factor)]
    return bool(weights) and any(
        not rated.isdisjoint((_base(factor), _difference(_base(factor)))) or (sides and _sides(graph, factor) == sides)
        for factor in factors
        if factor not in weights
    )


def _given(graph: ReplayGraph, rated: set[Term | ir.Node | None]) -> Iterator[tuple[Term, tuple[str, ir.Node]]]:
    """The products that Keras is given as `sample_weight`, by a project whose models have losses of squares."""
    if not are_squares(graph):
        return
    for site in sorted(graph.events.calls.values(), key=lambda site: (site.path, site.node.start)):
        weights = site.node.argument(None, "sample_weight")
        if weights is None or is_test(site.path):
            continue
        given = graph.symbols.term(site.path, weights)
        for option in graph.symbols.options(given) if given.op == "param" else alternatives(given):
            for part in option.walk():
                if part.op == "mul" and _weighs_error(graph, _factors(part), rated):
                    yield part, (site.path, site.node)


def _beside(graph: ReplayGraph, rated: set[Term | ir.Node | None]) -> Iterator[tuple[Term, tuple[str, ir.Node]]]:
    """The products with a loss of squares, for each transition."""
    differences = {known for known in rated if not isinstance(known, Term) or known.op == "sub"}
    for function, path in graph.corrections.functions:
        for made in graph.corrections.made_in(function, path):
            if made.op != "mul" or made.node is None or is_test(path):
                continue
            factors = _factors(made)
            squares = [factor for factor in factors if _is_square(factor)]
            others = [factor for factor in factors if factor not in squares]
            if len(squares) == 1 and _weighs_error(graph, others, differences, _sides(graph, squares[0])):
                yield made, (made.path, made.node)


def _sides(graph: ReplayGraph, term: Term) -> str:
    """What a difference, its square or a loss is made of, as it is written, whichever side is first."""
    base = _base(term.args[0] if term.op == "pow" else term)
    node, sides = base.node, []
    if isinstance(node, ir.Bin) and node.op == "-":
        sides = [node.left, node.right]
    elif isinstance(node, ir.Call) and base.op == "loss":
        sides = [arg.value for arg in node.args[:2]]
    return " - ".join(sorted(graph.source(base.path, side, 200) for side in sides))


def _is_square(term: Term) -> bool:
    """Whether a term is the square of a difference, or a loss that grows as it does."""
    if term.op == "pow":
        return term.args[1].number == 2 and _base(term.args[0]).op == "sub"
    return term.op == "loss" and not SQUARES.isdisjoint(words(str(term.data[0])))
