"""PER210 aggregated-priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.shape import BATCH
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_REDUCES = {"mean", "sum", "max", "min", "median"}
_SETTINGS = {"const", "field", "global", "external", "alloc", "len"}
_EACH = {"add", "sub", "mul", "maximum", "minimum", "div"}
_FIRST = {"abs", "neg", "pow", "exp", "log", "clip"}
_LISTS = ("reshape", "unsqueeze", "stack", "tuple")  # a list of the one number, where it is one
_SPREAD = {"repeat", "tile", "expand", "broadcast_to"}  # the same value at many places
_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.count = [None] * capacity, capacity, alpha, 0
        self.mass = np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.mass.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        columns = [np.stack(column) for column in zip(*[self.rows[i] for i in slots])]
        return columns, slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha
"""
_TORCH = """import torch
import torch.nn.functional as F
from memory import Memory


class Agent:
    def __init__(self, net, target, optimizer):
        self.net, self.target, self.optimizer = net, target, optimizer
        self.memory = Memory(5_000)

    def observe(self, state, action, reward, next_state, done):
        self.memory.add(state, action, reward, next_state, done)

    def learn(self, beta, gamma=0.99):
        columns, slots, weights = self.memory.sample(32, beta)
        states, actions, rewards, next_states, dones = (torch.as_tensor(column) for column in columns)
        q = self.net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            goal = rewards + gamma * (1 - dones) * self.target(next_states).max(1).values
        losses = F.smooth_l1_loss(q, goal, reduction="none")
        loss = (torch.as_tensor(weights) * losses).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.memory.update(slots, (q - goal).abs().mean().item())  # <- PER210
"""
_NUMPY = """import numpy as np


class Linear:
    def __init__(self, width, capacity=1_000):
        self.theta, self.rows, self.priorities = np.zeros(width), [None] * capacity, np.zeros(capacity)
        self.count = 0

    def observe(self, state, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, reward, next_state, done)
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta, rate=0.01, gamma=0.9):
        filled = min(self.count, len(self.rows))
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        slots = np.random.choice(filled, 16, p=p)
        weights = (filled * p[slots]) ** -beta
        weights /= weights.max()
        states, rewards, next_states, dones = (np.stack(column) for column in zip(*[self.rows[i] for i in slots]))
        errors = rewards + gamma * (1 - dones) * (next_states @ self.theta) - states @ self.theta
        self.theta += rate * states.T @ (weights * errors) / 16
        worst = np.max(np.abs(errors))
        for slot in slots:
            self.priorities[slot] = worst + 1e-6  # <- PER210
"""


_ONE_BY_ONE = _MEMORY.replace(
    "        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha\n",
    "        for slot, error in zip(slots, np.abs(np.asarray(errors)).flatten()):\n"
    "            self.mass[slot] = (error + 1e-6) ** self.alpha\n",
)
_ROWS = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [], capacity, alpha, 0
        self.mass = np.zeros(capacity)

    def add(self, *row):
        top = self.mass.max() if self.rows else 1.0
        if len(self.rows) < self.capacity:
            self.rows.append(row)
        else:
            self.rows[self.at] = row
        self.mass[self.at] = top
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        p = self.mass[: len(self.rows)] ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(len(self.rows), n, p=p)
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.mass[slot] = error + 1e-6
"""
_KERAS = """import numpy as np
from memory import Memory


class Agent:
    def __init__(self, model):
        self.model, self.memory = model, Memory(5_000)

    def observe(self, state, action, reward, next_state, done):
        self.memory.add(state, action, reward, next_state, done)

    def learn(self, beta, gamma=0.99):
        errors = []
        rows, slots, weights = self.memory.sample(32, beta)
        for (state, action, reward, next_state, done), weight in zip(rows, weights):
            goal = self.model.predict(state)
            goal[0][action] = reward if done else reward + gamma * np.amax(self.model.predict(next_state))
            errors.append(np.abs(np.sum(self.model.predict(state) - goal)))
            self.model.fit(state, goal, sample_weight=np.array([weight]), verbose=0)
        self.memory.update(slots, np.array(errors))
"""


class AggregatedPriority(Rule):
    """One number, the mean or the sum of a batch's errors, becomes the priority of every transition of the batch.

    ## What it does

    Reports updates that give all drawn positions the same value: a loss that was averaged over the batch, or a mean,
    sum or maximum of the errors over all of its axes.

    ## Why is this bad

    The priority no longer says which transition surprised the network, only in which batch it was. A transition with an
    error of 5 in a batch of small errors gets their mean, and an ordinary one that met it by chance gets the same. With
    larger batches all means are alike, and the draw becomes nearly uniform, at the price of a sum tree.

    ## Known problems

    One priority for each sequence, reduced over time, is a design of its own (R2D2) and is not reported; nor are
    updates of batches of which nothing is known, or of one transition.

    ## Example

    ```python
    memory.update_priorities(indices, loss.item())
    ```

    ## Use instead

    ```python
    memory.update_priorities(indices, td_errors.detach().abs().numpy())
    ```

    ## Fix safety

    The errors of the single transitions have to be at hand where the priorities are updated, so nothing is changed
    unasked.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 3.3 and Algorithm 1, line 12
    """

    code = "PER210"
    name = "aggregated-priority"
    severity = Severity.WARNING

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place where the training hands one value for a whole batch over."""
        told: set[object] = set()
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for write in anatomy.writes:
                found = [] if write.inserts else self._of_a_batch(anatomy, write)
                parts = [part for part in found if not graph.corrections.is_weight(part)]
                step = trail.handover(anatomy, write)
                if not parts or step.node in told:
                    continue
                told.add(step.node)
                name, weighted = graph.name_of(buffer), ", but for their weights" * (len(found) > len(parts))
                told_of = (
                    f"only the first transition of a batch gets a priority in {name}"
                    if self._is_for_one(anatomy, write)
                    else f"all transitions of a batch get one priority in {name}{weighted}"
                )
                links = [
                    graph.evidence(part.path, part.node, "aggregate", "one number for the whole batch")
                    for part in parts
                    if part.node is not None and part.path
                ]
                made = strip(write.value)
                if made.node is not None and made.path:
                    links.append(graph.evidence(made.path, made.node, "priority", "the priority is computed here"))
                yield self.finding(
                    graph,
                    step.path,
                    step.node,
                    f"{told_of}: the errors are reduced to one number before they are stored",
                    evidence=trail.unique([*links, *trail.evidence(anatomy, write)]),
                    confidence="medium",
                    fix=FixOffer(title="give each transition the absolute value of its own error"),
                    pipeline=name,
                )

    def _of_a_batch(self, anatomy: Anatomy, write: PriorityWrite) -> list[Term]:
        """The reductions over the batch that a value is made of, and weights; empty where anything else is in it."""
        if write.index is None or not _is_many(anatomy.graph, write.index):
            return []
        found: dict[Term, None] = {}
        for option in alternatives(strip(write.value)):
            parts = list(self._parts(anatomy, option))
            if not all(parts):
                return []
            found |= dict.fromkeys(part for part in parts if part is not None)
        return list(found)

    def _is_for_one(self, anatomy: Anatomy, write: PriorityWrite) -> bool:
        """Whether a loop over positions and priorities ends after the first: a list of the one number."""
        lists = [made for option in alternatives(write.value) for made in _gone_through(option)]
        return bool(lists) and all(self._reduces_batch(anatomy, _only(made)) for made in lists)

    def _parts(self, anatomy: Anatomy, value: Term) -> Iterator[Term | None]:
        """The reductions and weights inside a value, None for a part that may differ by transition."""
        stack = [value]
        while stack:
            term = strip(stack.pop())
            if term.op in _SETTINGS and term not in anatomy.containers:
                continue
            if self._reduces_batch(anatomy, term) or anatomy.graph.corrections.is_weight(term):
                yield term
            elif term.op in _EACH or term.op in ("phi", "tuple"):
                stack.extend(term.args)
            elif term.op in _FIRST or (term.op == "call" and _spreads(term)):
                stack.append(term.args[0])
            elif term.op == "filled" and term.args[0].op == "alloc":  # `np.full(n, loss)`
                stack.append(term.args[1])
            else:
                yield None

    def _reduces_batch(self, anatomy: Anatomy, term: Term) -> bool:
        """Whether a term is one number for a batch: a mean over all axes, or a loss that is averaged."""
        if _is_of_a_turn(anatomy.graph, term):
            return False
        if term.op in _REDUCES and term.data is None:
            inner = term.args[:1]
            weighted = anatomy.graph.corrections.weighted_inside(inner[0]) is not None  # whatever kind of loss it is
            if not (weighted or trail.errors(inner[0]) or inner[0].has("loss")):
                return False
        elif term.op == "loss" and term.data[1] == "scalar":
            inner = term.args
        else:
            return False
        return any(_holds_batch(anatomy.graph, arg) for arg in inner)

    def witness(self) -> str:
        """How the priority of a surprising transition compares with the others', stored one by one and averaged."""
        import numpy as np

        rng = np.random.default_rng(0)
        errors = np.append(5.0, rng.uniform(0.0, 0.2, 999))
        own, averaged = errors.copy(), errors.copy()
        for _ in range(2_000):
            slots = rng.choice(1_000, 32, p=averaged / averaged.sum())
            averaged[slots] = errors[slots].mean()
        share = [p[0] / p.sum() * 1_000 for p in (own, averaged)]
        assert share[0] > 20
        assert share[1] < 10
        return (
            f"one error of 5 among 999 below 0.2 is drawn {share[0]:.0f} times as often as under uniform draws, "
            f"{share[1]:.1f} times with the batch's mean as the priority"
        )

    bad = (
        Example("the mean of |td|, PyTorch", {"memory.py": _MEMORY, "agent.py": _TORCH}),
        Example("the largest error of the batch, numpy, in a loop", {"linear.py": _NUMPY}),
        Example(
            "the averaged loss, repeated for each position",
            {
                "memory.py": _MEMORY.replace(
                    "        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha\n",
                    "        for slot, error in zip(slots, errors):\n"
                    "            self.mass[slot] = (abs(error) + 1e-6) ** self.alpha\n",
                ),
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())", "[F.mse_loss(q, goal).item()] * len(slots))"
                ),
            },
        ),
        Example(
            "the averaged loss as a list of one number, beside the positions of all",
            {
                "memory.py": _MEMORY.replace(
                    "        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha\n",
                    "        for slot, error in zip(slots, errors):\n"
                    "            self.mass[slot] = (abs(error) + 1e-6) ** self.alpha\n",
                ),
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())", "F.mse_loss(q, goal).detach().numpy().reshape(-1))"
                ),
            },
        ),
        Example(
            "an average over whatever the weights are multiplied with",
            {
                "memory.py": _ONE_BY_ONE,
                "agent.py": _TORCH.replace(
                    'F.smooth_l1_loss(q, goal, reduction="none")',
                    "-(self.target(next_states).softmax(-1) * self.net(states).log_softmax(-1)).sum(-1)",
                )
                .replace("(q - goal).abs().mean().item())", "loss.detach().numpy())")
                .replace("# <- PER210", "# <- PER205 PER210"),
            },
        ),
        Example(
            "the mean of both critics' losses",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(
                    "        self.memory.update(slots, (q - goal).abs().mean().item())",
                    "        other = F.mse_loss(self.target(states).gather(1, actions.unsqueeze(1)).squeeze(1), goal)\n"
                    "        self.memory.update(slots, 0.5 * (F.mse_loss(q, goal) + other).item())",
                ),
            },
        ),
        Example(
            "the averaged loss times the weights",
            {
                "memory.py": _MEMORY.replace("** -beta\n", "** -beta\n        weights /= weights.max()\n").replace(
                    "weights / weights.max()", "weights"
                ),
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())",
                    "(F.mse_loss(q, goal) * torch.as_tensor(weights)).detach().numpy())",
                ).replace("# <- PER210", "# <- PER101 PER205 PER210"),
            },
        ),
        Example(
            "the mean is repeated for each of them",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())", "np.repeat((q - goal).abs().mean().item(), len(slots)))"
                ).replace("import torch\n", "import numpy as np\nimport torch\n", 1),
            },
        ),
        Example(
            "the loss is expanded to all of them",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace("(q - goal).abs().mean().item())", "loss.detach().expand(32).numpy())"),
            },
        ),
    )
    good = (
        Example(
            "each error is repeated, and one of each taken",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())  # <- PER210", "(q - goal).abs().repeat(2)[:32].detach().numpy())"
                ),
            },
        ),
        Example(
            "one error after the other, each a sum over the actions",
            {"memory.py": _ROWS, "agent.py": _KERAS},
        ),
        Example(
            "each its own error",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(".abs().mean().item())  # <- PER210", ".detach().numpy())"),
            },
        ),
        Example(
            "each the size of its own error, one after the other",
            {
                "memory.py": _ONE_BY_ONE,
                "agent.py": _TORCH.replace(".abs().mean().item())  # <- PER210", ".detach().numpy())"),
            },
        ),
        Example(
            "a mixture of the own error and the batch's mean",
            {
                "linear.py": _NUMPY.replace(
                    "        for slot in slots:\n            self.priorities[slot] = worst + 1e-6  # <- PER210\n",
                    "        for slot, error in zip(slots, errors):\n"
                    "            self.priorities[slot] = 0.9 * abs(error) + 0.1 * worst + 1e-6\n",
                )
            },
        ),
        Example(
            "scaled by the largest of the batch",
            {
                "linear.py": _NUMPY.replace(
                    "        for slot in slots:\n            self.priorities[slot] = worst + 1e-6  # <- PER210\n",
                    "        self.priorities[slots] = np.abs(errors) / worst + 1e-6\n",
                )
            },
        ),
        Example(
            "one transition after the other",
            {
                "linear.py": _NUMPY.partition("        states, rewards,")[0]
                + """        for slot, weight in zip(slots, weights):
            state, reward, next_state, done = self.rows[slot]
            error = np.mean(reward + gamma * (1 - done) * (next_state @ self.theta) - state @ self.theta)
            self.theta += rate * weight * error * state
            self.priorities[slot] = abs(error) + 1e-6
"""
            },
        ),
        Example(
            "a sequence for each position, reduced over time",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(
                    "(q - goal).abs().mean().item())  # <- PER210", "(q - goal).abs().mean(1).detach().numpy())"
                ),
            },
        ),
        Example(
            "the largest of two critics' errors",
            {
                "memory.py": _MEMORY,
                "agent.py": _TORCH.replace(
                    "        self.memory.update(slots, (q - goal).abs().mean().item())  # <- PER210",
                    "        other = self.target(states).gather(1, actions.unsqueeze(1)).squeeze(1) - goal\n"
                    "        self.memory.update(slots, torch.max((q - goal).abs(), other.abs()).detach().numpy())",
                ),
            },
        ),
    )


def _gone_through(value: Term) -> Iterator[Term]:
    """What a loop goes through of which the value is computed."""
    if value.op == "element":
        yield value.args[0]
    else:
        for part in value.args:
            yield from _gone_through(part)


def _only(made: Term) -> Term:
    """The one item of a list that is made of a number; the term itself where it is no such list."""
    forms, inner = {made.op}, made
    while (
        inner.op in _FIRST
        or inner.op in ("detach", "squeeze", "reshape")
        or (inner.op in _LISTS and len(inner.args) == 1)
    ):
        inner = inner.args[0]
        forms.add(inner.op)
    return made if forms.isdisjoint(_LISTS) else inner


def _spreads(call: Term) -> bool:
    """Whether a call repeats its first argument."""
    return isinstance(call.data, str) and call.data.rpartition(".")[2] in _SPREAD and bool(call.args)


def _is_of_a_turn(graph: ReplayGraph, term: Term) -> bool:
    """Whether a value is made in a loop of what the loop goes through: of one transition after the other."""
    if term.node is None or not term.path:
        return False
    names = {node.id for node in ir.walk(term.node) if isinstance(node, ir.Name)}
    for around in graph.ancestors(term.path, term.node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return False
        if isinstance(around, ir.For) and names & {n.id for n in ir.walk(around.target) if isinstance(n, ir.Name)}:
            return True
    return False


def _is_many(graph: ReplayGraph, index: Term) -> bool:
    """Whether an index is that of each drawn transition: of an array of them, or of one after the other."""
    if index.op in ("draw", "element", "collect"):
        return True
    if index.op == "mass":
        return BATCH in (graph.shapes.of(index) or ())  # many are searched for at once
    return index.op != "item" and any(_is_many(graph, arg) for arg in index.args)


def _holds_batch(graph: ReplayGraph, term: Term) -> bool:
    """Whether a term has a value for each transition of a batch that was drawn."""
    shape = graph.shapes.of(term)
    return BATCH in shape if shape is not None else _stacks_drawn(term)


def _stacks_drawn(term: Term) -> bool:
    """Whether what was drawn is stacked inside a term, other than where one of it is picked."""
    if term.op in ("stack", "collect", "filled"):
        return term.has("draw", "found", "mass")
    if term.op == "at":
        if strip(term.args[1]).op == "draw":
            return term.args[1].op == "draw"
        parts = term.args[1].args if term.args[1].op == "tuple" else term.args[1:]
        if any(part.op in ("element", "loop", "item") or part.is_number for part in parts):
            return False
    return term.op not in ("element", "loop") and any(_stacks_drawn(arg) for arg in term.args)
