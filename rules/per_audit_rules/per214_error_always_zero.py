"""PER214 error-always-zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayGraph
from per_audit.graph.episodes.endings import is_end
from per_audit.graph.prioritised.priorities import trail
from per_audit.graph.storage import Differences
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite
    from per_audit.graph.storage import Edit
    from per_audit.graph.symbolic import Term

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at, self.size = [None] * capacity, capacity, alpha, 0, 0
        self.mass, self.highest = np.zeros(capacity), 1.0

    def add(self, row):
        self.rows[self.at] = row
        self.mass[self.at] = self.highest
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        p = self.mass[: self.size] / self.mass[: self.size].sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.mass[slot] = (abs(error) + 1e-6) ** self.alpha
            self.highest = max(self.highest, self.mass[slot])
"""
_KERAS = """import numpy as np
from memory import Memory


def train(env, model, target, steps):
    memory, state = Memory(1024), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(model.predict(state[None])[0])))
        memory.add((state, 0, reward, next_state, done))
        state = env.reset() if done else next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        states, actions, rewards, next_states, ends = (np.array(column) for column in zip(*rows))
        values = model.predict(states)
        best = rewards + 0.99 * (1 - ends) * target.predict(next_states).max(axis=1)
        goals = values
        goals[np.arange(32), actions] = best
        errors = np.abs(goals - values).max(axis=1)  # <- PER214
        model.fit(states, goals, sample_weight=weights, verbose=0)
        memory.update(slots, errors)
"""
_EDIT = _KERAS[_KERAS.index("        goals = values") : _KERAS.index("        model.fit")]
_TREE = """import random
import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.capacity, self.alpha, self.at, self.size = capacity, alpha, 0, 0
        self.sums, self.rows = np.zeros(2 * capacity), [None] * capacity

    def add(self, error, row):
        self.rows[self.at] = row
        self.put(self.at, error)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def put(self, slot, error):
        node = slot + self.capacity
        self.sums[node] = (abs(float(error)) + 0.01) ** self.alpha
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity

    def sample(self, n, beta):
        slots = [self.find(random.uniform(0, self.sums[1])) for _ in range(n)]
        p = np.array([self.sums[slot + self.capacity] for slot in slots]) / self.sums[1]
        weights = (self.size * p) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()
"""
_TORCH = """import random
import gym
import torch
import torch.nn.functional as F
from memory import Memory


class Agent:
    def __init__(self, net, target, optimizer):
        self.net, self.target, self.optimizer = net, target, optimizer
        self.memory = Memory(4096)

    def act(self, state):
        if random.random() < 0.1:
            return random.randrange(2)
        return int(self.net(torch.FloatTensor(state)).argmax())

    def observe(self, state, action, reward, next_state, done):
        values = self.net(torch.FloatTensor(state)).data
        old = values[0][action]
        ahead = self.target(torch.FloatTensor(next_state)).data
        if done:
            values[0][action] = reward
        else:
            values[0][action] = reward + 0.99 * torch.max(ahead)
        error = abs(old - values[0][action])  # <- PER214
        self.memory.add(error, (state, action, reward, next_state, done))

    def learn(self, beta):
        rows, slots, weights = self.memory.sample(32, beta)
        states, actions, rewards, next_states, ends = (torch.as_tensor(column) for column in zip(*rows))
        q = self.net(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - ends) * self.target(next_states).max(1).values
        errors = (q - goals).abs().detach().numpy()
        for slot, error in zip(slots, errors):
            self.memory.put(slot, error)
        loss = (torch.as_tensor(weights) * F.mse_loss(q, goals, reduction="none")).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main(steps=20_000):
    env, net, target = gym.make("CartPole-v1"), torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    agent, state = Agent(net, target, torch.optim.Adam(net.parameters())), env.reset()
    for step in range(steps):
        action = agent.act(state)
        next_state, reward, done, _ = env.step(action)
        agent.observe(state, action, reward, next_state, done)
        agent.learn(min(1.0, 0.4 + 0.6 * step / steps))
        state = env.reset() if done else next_state


main()
"""
_LINEAR = """import numpy as np


class Table:
    def __init__(self, states, actions, capacity=1_000):
        self.q, self.rows, self.priorities = np.zeros((states, actions)), [None] * capacity, np.zeros(capacity)
        self.count = 0

    def observe(self, state, action, reward, next_state, done):
        slot = self.count % len(self.rows)
        self.rows[slot] = (state, action, reward, next_state, done)
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def learn(self, beta, rate=0.1, gamma=0.9):
        filled = min(self.count, len(self.rows))
        p = self.priorities[:filled] / self.priorities[:filled].sum()
        weights = (filled * p) ** -beta
        weights /= weights.max()
        for slot in np.random.choice(filled, 16, p=p):
            state, action, reward, next_state, done = self.rows[slot]
            goal = reward + gamma * (1 - done) * self.q[next_state].max()
            row = self.q[state]
            before = row
            row[action] = row[action] + rate * weights[slot] * (goal - row[action])
            self.priorities[slot] = abs(row[action] - before[action]) + 1e-6  # <- PER214
"""
_ROWS = (
    "X, y = [], []",
    "for k, (state, action, reward, next_state, done) in enumerate(rows):",
    "    row = values[k]{copied}",
    "    row[action] = best[k]",
    "    X.append(state)",
    "    y.append(row)",
    "at = np.arange(32)",
    "errors = np.abs(values[at, actions] - np.asarray(y)[at, actions]){mark}",
)
_ENDS = (
    "ahead, errors = target.predict(next_states).max(axis=1), np.zeros(32)",
    "for k in range(32):",
    "    if ends[k]:",
    "        values[k][actions[k]] = rewards[k]",
    "    else:",
    "        values[k][actions[k]] = rewards[k] + 0.99 * ahead[k]",
    "    errors[k] = abs(values[k][actions[k]] - (rewards[k] + 0.99 * ahead[k])){mark}",
)
_HELPED = """import numpy as np


def with_goals(values, actions, best):
    for k in range(len(actions)):
        values[k][actions[k]] = best[k]
    return values


def largest(goals, values):
    return np.max(np.abs(goals - values), axis=1)  # <- PER214
"""


def _training(train: str, memory: str = _MEMORY, **others: str) -> dict[str, str]:
    """A project of a memory and a training, and of other files."""
    return {"memory.py": memory, "train.py": train} | {f"{name}.py": text for name, text in others.items()}


def _unmarked(text: str) -> str:
    """A file without the marks."""
    return text.replace("  # <- PER214", "")


def _sound(train: str, memory: str = _MEMORY, **others: str) -> dict[str, str]:
    """As `_training`, without the marks."""
    return {path: _unmarked(text) for path, text in _training(train, memory, **others).items()}


def _edited(*lines: str) -> str:
    """The training with other lines between the prediction and the fit."""
    return _KERAS.replace(_EDIT, "".join(f"        {line}\n" for line in lines))


class ErrorAlwaysZero(Rule):
    """The TD error is a difference of a place in an array with itself: the old values were overwritten by the targets.

    ## What it does

    Reports priorities that are made of a difference of which both sides are the same numbers, since a target was
    assigned into the array that the prediction is still read from: under a second name of it, through a row of it, in a
    function that was given it, in a list of all its rows, or as a number of a tensor of PyTorch, which is a place in
    the tensor as well. So is a difference that is 0 but where an episode ends, or there alone.

    ## Why is this bad

    The error is 0 for every transition, whatever the network predicts. Where priorities are updated by it, what was
    drawn once gets the smallest priority and is hardly drawn again; where new transitions are stored with it, they all
    start with the smallest, and those that surprise the most wait for ever. No message tells of it, and no number in a
    log but the priorities looks wrong.

    ## Known problems

    Arrays that other functions of a library hand on, `reshape` and `squeeze` among them, are not followed, nor are
    names of which it is not known whether they hold a number or a row.

    ## Example

    ```python
    targets = q
    targets[rows, actions] = y
    errors = np.abs(targets - q).max(axis=1)
    ```

    ## Use instead

    ```python
    targets = q.copy()
    targets[rows, actions] = y
    errors = np.abs(targets - q).max(axis=1)
    ```

    ## Fix safety

    Not rewritten: the copy belongs where the old values get their name, `copy()` for NumPy, `clone()` or `item()` for
    PyTorch. All priorities change by it, and with them what is learnt from.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, lines 11 and 12
    - NumPy, Copies and views, https://numpy.org/doc/stable/user/basics.copies.html
    - PyTorch, Tensor Views, https://pytorch.org/docs/stable/tensor_view.html
    """

    code = "PER214"
    name = "error-always-zero"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each difference that a priority is made of."""
        told: set[ir.Node] = set()
        differences = Differences(graph)
        for buffer in graph.buffers:
            if buffer.kind != PRIORITISED or graph.priorities(buffer).is_reference:
                continue
            anatomy = graph.anatomy(buffer)
            for write in anatomy.writes:
                for error, edit in _zeros(anatomy, write, differences):
                    if error.node is None or error.node in told or not _is_told(graph, edit):
                        continue
                    told.add(error.node)
                    name = graph.name_of(buffer)
                    drawn = "new transitions all get" if write.inserts else "whatever is drawn gets"
                    effect = (
                        f"{drawn if edit.besides is None else 'what it is 0 for gets'} the smallest priority in {name}"
                    )
                    yield self.finding(
                        graph,
                        error.path,
                        error.node,
                        f"`{graph.source(error.path, error.node)}` is {_when(graph, edit)}, as "
                        f"`{graph.source(edit.path, edit.node)}` has overwritten the old value: {effect}",
                        evidence=trail.unique(
                            [
                                graph.evidence(edit.path, edit.node, "overwritten", "the old value is lost here"),
                                *trail.evidence(anatomy, write),
                            ]
                        ),
                        fix=FixOffer(title="copy the old values before they are overwritten"),
                        pipeline=name,
                    )

    def witness(self) -> str:
        """A thousand transitions with one that is surprising, and priorities from an array and from itself."""
        import numpy as np

        shares = []
        for copied in (True, False):
            rng, goals = np.random.default_rng(0), np.append(5.0, np.full(999, 0.1))
            priorities = np.ones(1_000)
            for _ in range(500):
                slots = rng.choice(1_000, 32, p=priorities / priorities.sum())
                predicted = np.zeros(32)
                old = predicted.copy() if copied else predicted
                predicted[:] = goals[slots]
                priorities[slots] = np.abs(predicted - old) + 1e-6
            shares.append(float(priorities[0] / priorities.sum() * 1_000))
        assert shares[0] > 20
        assert shares[1] < 2
        return (
            f"one error of 5 among 999 of 0.1 is drawn {shares[0]:.0f} times as often as under uniform draws, "
            f"{shares[1]:.1f} times where the old values are a second name of the new ones"
        )

    bad = (
        Example("a second name, Keras", _training(_KERAS)),
        Example("a number of a tensor at insertion, PyTorch", _training(_TORCH, _TREE)),
        Example("a row of a table, NumPy alone", {"table.py": _LINEAR}),
        Example(
            "the target, read back",
            _training(
                _edited(
                    "goals = values",
                    "goals[np.arange(32), actions] = best",
                    "errors = np.abs(best - values[np.arange(32), actions])  # <- PER214",
                )
            ),
        ),
        Example(
            "row by row in a loop",
            _training(
                _edited(
                    "goals, errors = values, np.zeros(32)",
                    "for k in range(32):",
                    "    old = values[k]",
                    "    goals[k][actions[k]] = best[k]",
                    "    errors[k] = abs(old[actions[k]] - best[k])  # <- PER214",
                )
            ),
        ),
        Example(
            "functions of another file that are given the array",
            _training(
                _edited("goals = with_goals(values, actions, best)", "errors = largest(goals, values)").replace(
                    "from memory", "from goals import largest, with_goals\nfrom memory"
                ),
                goals=_HELPED,
            ),
        ),
        Example(
            "a detached tensor and its array, PyTorch",
            _training(
                _TORCH.replace(
                    _TORCH[_TORCH.index("        old = ") : _TORCH.index("        self.memory.add")],
                    "        goals = values.detach().numpy()\n"
                    "        ahead = self.target(torch.FloatTensor(next_state)).data\n"
                    "        goals[0, action] = reward + 0.99 * (1 - done) * float(torch.max(ahead))\n"
                    "        error = abs(values[0, action] - goals[0, action])  # <- PER214\n",
                ),
                _TREE,
            ),
        ),
        Example(
            "a loop over the rows",
            _training(
                _edited(
                    "goals, errors = values, []",
                    "for k, row in enumerate(goals):",
                    "    old = row",
                    "    row[actions[k]] = best[k]",
                    "    errors.append(abs(row[actions[k]] - old[actions[k]]))  # <- PER214",
                )
            ),
        ),
        Example(
            "a list of the rows that the targets were assigned into",
            _training(_edited(*_ROWS).format(copied="", mark="  # <- PER214")),
        ),
        Example(
            "the target that is not the one of an end of an episode, read back",
            _training(_edited(*_ENDS).format(mark="  # <- PER214")),
        ),
    )
    good = (
        Example("a copy, Keras", _sound(_KERAS.replace("goals = values", "goals = values.copy()"))),
        Example("another array of the same numbers", _sound(_KERAS.replace("= values\n", "= np.array(values)\n"))),
        Example(
            "a number that was taken out, PyTorch",
            _sound(_TORCH.replace("[action]\n", "[action].item()\n", 1), _TREE),
        ),
        Example("a clone, PyTorch", _sound(_TORCH.replace("[action]\n", "[action].clone()\n", 1), _TREE)),
        Example(
            "numbers of an array, PyTorch and NumPy",
            _sound(_TORCH.replace("(state)).data", "(state)).data.numpy()"), _TREE),
        ),
        Example(
            "the old values taken before, which makes a copy",
            _sound(
                _edited(
                    "goals, old = values, values[np.arange(32), actions]",
                    "goals[np.arange(32), actions] = best",
                    "errors = np.abs(old - values[np.arange(32), actions])",
                )
            ),
        ),
        Example(
            "the error before the assignment",
            _sound(
                _edited(
                    "goals = values",
                    "errors = np.abs(best - values[np.arange(32), actions])",
                    "goals[np.arange(32), actions] = best",
                )
            ),
        ),
        Example(
            "a number of each row in a loop",
            _sound(
                _edited(
                    "goals, errors = values, np.zeros(32)",
                    "for k in range(32):",
                    "    old = goals[k][actions[k]]",
                    "    goals[k][actions[k]] = best[k]",
                    "    errors[k] = abs(old - goals[k][actions[k]])",
                )
            ),
        ),
        Example(
            "predicted again",
            _sound(
                _edited(
                    "goals = values",
                    "goals[np.arange(32), actions] = best",
                    "values = model.predict(states)",
                    "errors = np.abs(goals - values).max(axis=1)",
                )
            ),
        ),
        Example(
            "a row of a table that is copied",
            {"table.py": _unmarked(_LINEAR.replace("before = row", "before = row.copy()"))},
        ),
        Example(
            "functions of another file that copy",
            _sound(
                _edited("goals = with_goals(values.copy(), actions, best)", "errors = largest(goals, values)").replace(
                    "from memory", "from goals import largest, with_goals\nfrom memory"
                ),
                goals=_HELPED,
            ),
        ),
        Example(
            "an action of which it is not known that it is a number, PyTorch",
            _sound(
                _TORCH.replace("return random.randrange(2)", "return torch.randint(2, (1, 1))")
                .replace("return int(self", "return (self")
                .replace(".argmax())", ".max(1)[1].view(1, 1))"),
                _TREE,
            ),
        ),
        Example(
            "a list of copies of the rows",
            _sound(_edited(*_ROWS).format(copied=".copy()", mark="")),
        ),
        Example(
            "the error before either target is assigned",
            _sound(_edited(_ENDS[0], _ENDS[1], _ENDS[-1].format(mark=""), *_ENDS[2:-1])),
        ),
        Example(
            "masked by something else than the ends of episodes",
            _sound(
                _edited(*_ENDS)
                .format(mark="")
                .replace("if ends[k]", "if trusted[k]")
                .replace("ahead, errors", "trusted = model.trust(states)\n        ahead, errors")
            ),
        ),
    )


def _is_told(graph: ReplayGraph, edit: Edit) -> bool:
    """Whether a difference is 0 for all transitions, or for all that end no episode or end one."""
    return edit.besides is None or any(is_end(graph, part) for part in ir.walk(edit.besides.test))


def _when(graph: ReplayGraph, edit: Edit) -> str:
    if edit.besides is None:
        return "always 0"
    test = graph.source(edit.path, edit.besides.test, 40)
    return f"always 0 {'where' if edit.is_where else 'but where'} `{test}`"


def _zeros(anatomy: Anatomy, write: PriorityWrite, differences: Differences) -> Iterator[tuple[Term, Edit]]:
    """The differences that a priority is made of and that are always 0, each with what made it so."""
    errors = {error.node: error for error in trail.errors(write.value) if error.node is not None and error.path}
    made_in = ((anatomy.symbols.function_of(error.path, node), error.path) for node, error in errors.items())
    passed_in = ((function, step.path) for function, step in zip(write.functions, write.steps, strict=True))
    bodies = dict.fromkeys((*made_in, *passed_in)) if errors else {}
    for function, path in bodies:
        found = differences.of_one_place(function, path)
        yield from ((errors[node], edit) for node, edit in found.items() if node in errors)
