"""PER507 n-step-state-mismatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph.episodes import windows
from per_audit.graph.episodes.bootstrap import role_at
from per_audit.graph.interpret.roles import STATE
from per_audit.graph.memory.capacity import capacity_of
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.episodes.windows import ReturnSum

_TRAIN = """import random
from collections import deque

import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, goal_net, optimizer, n=3):
        self.net, self.goal_net, self.optimizer, self.n = net, goal_net, optimizer, n
        self.memory, self.window, self.gamma = deque(maxlen=20_000), deque(maxlen=n), 0.99

    def observe(self, state, action, reward, next_state, done):
        self.window.append((state, action, reward))
        if len(self.window) == self.n:
            total = sum(self.gamma**k * step[2] for k, step in enumerate(self.window))
            self.memory.append((state, action, total, next_state, done))  # <- PER507
        if done:
            self.window.clear()

    def learn(self):
        rows = random.sample(self.memory, 32)  # <- PER001
        states, actions, rewards, next_states, dones = map(torch.as_tensor, zip(*rows))
        with torch.no_grad():
            ahead = self.goal_net(next_states).amax(1)
            goal = rewards + self.gamma**self.n * (1 - dones.float()) * ahead
        loss = F.mse_loss(self.net(states).gather(1, actions[:, None])[:, 0], goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_RIGHT = _TRAIN.replace(
    "self.memory.append((state, action, total, next_state, done))  # <- PER507",
    "first, taken, _ = self.window[0]\n            self.memory.append((first, taken, total, next_state, done))",
)
_FILES = {
    "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.mass, self.capacity, self.count = [None] * capacity, np.zeros(capacity), capacity, 0

    def add(self, state, action, reward, later, end):
        self.rows[self.count % self.capacity] = (state, action, reward, later, end)
        self.mass[self.count % self.capacity] = self.mass.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        at = np.random.choice(filled, n, p=p)
        weights = (filled * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, errors):
        self.mass[at] = (np.abs(errors) + 1e-6) ** 0.6
""",
    "train.py": """from collections import deque

import numpy as np
from memory import Memory

GAMMA = 0.95


def learn(model, memory, beta):
    rows, at, weights = memory.sample(32, beta)
    states, actions, rewards, later, ends = (np.array(column) for column in zip(*rows))
    values = model.predict(states)
    goals = rewards + GAMMA**4 * (1 - ends) * model.predict(later).max(axis=1)
    errors = goals - values[np.arange(32), actions]
    values[np.arange(32), actions] = goals
    model.fit(states, values, sample_weight=weights, verbose=0)
    memory.update(at, errors)


def episode(env, model, memory, beta):
    state, done, past = env.reset(), False, deque(maxlen=4)
    while not done:
        action = int(np.argmax(model.predict(state[None])[0]))
        next_state, reward, done, _ = env.step(action)
        past.append((state, action, reward))
        if len(past) == 4:
            summed = sum(GAMMA**k * r for k, (_, _, r) in enumerate(past))
            memory.add(state, action, summed, next_state, done)  # <- PER507
            learn(model, memory, beta)
        state = next_state


def main(env, model, episodes):
    memory = Memory(50_000)
    for k in range(episodes):
        episode(env, model, memory, min(1.0, 0.4 + 0.6 * k / episodes))
""",
}
_FILES_RIGHT = {
    **_FILES,
    "train.py": _FILES["train.py"].replace(
        "memory.add(state, action, summed, next_state, done)  # <- PER507",
        "memory.add(past[0][0], past[0][1], summed, next_state, done)",
    ),
}


class NStepStateMismatch(Rule):
    """The sum of the rewards of several steps is stored with the state of the last step, not of the first.

    ## What it does

    Reports a function that puts a step into a window, sums the discounted rewards of the window, and stores the sum
    with the state that it has just put in.

    ## Why is this bad

    The return of n steps belongs to the state in which the first of the rewards began. Stored with the last one, the
    value of a state is learnt from rewards that were earned before it was reached: a state right after a reward is
    taken for a good one, whatever follows.

    ## Known problems

    Judged where the window is told to hold more than one step, and where the state is the very one that was put in.

    ## Example

    ```python
    window.append((state, action, reward))
    total = sum(gamma**k * step[2] for k, step in enumerate(window))
    memory.append(state, action, total, next_state, done)
    ```

    ## Use instead

    ```python
    first_state, first_action, _ = window[0]
    memory.append(first_state, first_action, total, next_state, done)
    ```

    ## Fix safety

    Never applied by itself: which fields the window holds decides what has to be stored.

    ## References

    - Sutton and Barto 2018, Reinforcement Learning, section 7.1, equation 7.1: the n-step return
    """

    code = "PER507"
    name = "n-step-state-mismatch"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that stores a sum with the last state of its window."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for found in windows.return_sums(graph, buffer, local=True):
                largest = capacity_of(graph, found.windows).largest
                if largest is None or largest < 2:
                    continue
                for node, added in _stored_with_the_last(graph, found):
                    if node not in seen:
                        seen.add(node)
                        yield self._finding(graph, buffer, found, node, added)

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, found: ReturnSum, node: ir.Node, added: ir.Node
    ) -> Finding:
        path = found.path
        return self.finding(
            graph,
            path,
            node,
            f"`{graph.source(path, node)}` stores rewards that began several steps earlier with the state of the last "
            "step",
            evidence=[
                graph.evidence(path, node, "stored", "the sum is stored with the newest state here"),
                graph.evidence(path, found.node, "sum", "the rewards of several steps are summed here"),
                graph.evidence(path, added, "window", "this state is the last one of the window"),
            ],
            fix=FixOffer(title="store the sum with the first state and action of the window"),
            pipeline=graph.name_of(buffer),
        )

    def witness(self) -> str:
        """A walk with one reward: the states that the sums of three rewards are stored with."""
        rewards = [1.0 if step == 4 else 0.0 for step in range(10)]
        sums = {k: sum(0.9**i * rewards[k + i] for i in range(3)) for k in range(8)}
        first = [k for k, total in sums.items() if total]
        last = [k + 2 for k, total in sums.items() if total]
        assert first == [2, 3, 4]
        assert last == [4, 5, 6]
        return f"a reward of step 4 is credited to the states {first} by the first, to {last} by the last step"

    bad = (
        Example("a generator over a deque, PyTorch", {"agent.py": _TRAIN}),
        Example("a window of the episode, Keras, two files", _FILES),
        Example(
            "a loop that adds",
            {
                "agent.py": _TRAIN.replace(
                    "            total = sum(self.gamma**k * step[2] for k, step in enumerate(self.window))\n",
                    "            total = 0.0\n            for k, (_, _, gain) in enumerate(self.window):\n"
                    "                total += self.gamma**k * gain\n",
                )
            },
        ),
        Example(
            "from the end, the rows in a variable",
            {
                "agent.py": _TRAIN.replace(
                    "            total = sum(self.gamma**k * step[2] for k, step in enumerate(self.window))\n",
                    "            total = 0.0\n            for _, _, gain in reversed(self.window):\n"
                    "                total = gain + self.gamma * total\n",
                )
            },
        ),
        Example(
            "the newest state with the first action",
            {"agent.py": _TRAIN.replace("(state, action, total", "(state, self.window[0][1], total")},
        ),
        Example(
            "a list that is cut, two files",
            {
                **_FILES,
                "train.py": _FILES["train.py"]
                .replace("deque(maxlen=4)", "[]")
                .replace(
                    "        past.append((state, action, reward))\n",
                    "        past.append((state, action, reward))\n        if len(past) > 4:\n"
                    "            past.pop(0)\n",
                ),
            },
        ),
    )
    good = (
        Example("the first state of the window", {"agent.py": _RIGHT}),
        Example("the first state, two files", _FILES_RIGHT),
        Example(
            "the names are bound to the first step",
            {
                "agent.py": _RIGHT.replace("first, taken, _ =", "state, action, _ =").replace(
                    "(first, taken, total", "(state, action, total"
                )
            },
        ),
        Example(
            "popped from the window",
            {"agent.py": _RIGHT.replace("taken, _ = self.window[0]", "taken, _ = self.window.popleft()")},
        ),
        Example(
            "single steps",
            {
                "agent.py": _TRAIN.replace("  # <- PER507", "").replace(
                    "total = sum(self.gamma**k * step[2] for k, step in enumerate(self.window))", "total = reward"
                )
            },
        ),
        Example("a window of one step", {"agent.py": _TRAIN.replace("  # <- PER507", "").replace("n=3", "n=1")}),
        Example(
            "the single step beside the sum",
            {
                "agent.py": _RIGHT.replace(
                    "        if done:\n",
                    "        self.memory.append((state, action, reward, next_state, done))\n        if done:\n",
                    1,
                )
            },
        ),
    )


def _stored_with_the_last(graph: ReplayGraph, found: ReturnSum) -> Iterator[tuple[ir.Node, ir.Node]]:
    """Where a sum is handed on or stored with the state that the window got last: that place, and the addition."""
    added = [
        (name, store.node)
        for store in graph.events.stores.values()
        if store.container in found.windows and store.function is found.function and store.how == "append"
        for name in _states(graph, store.expression)
    ]
    for node in ir.walk_scope(found.function.body) if added else ():
        given = _given(node)
        if node.start < found.node.start or not any(_is_sum(graph, found, part) for part in given):
            continue
        names = {part.id for part in given if isinstance(part, ir.Name)}
        for name, where in added:
            if name in names and where.start < node.start and not _is_set(found, name, where, node):
                yield node, where
                break


def _is_set(found: ReturnSum, name: str, start: ir.Node, end: ir.Node) -> bool:
    """Whether a name is bound anew between two places."""
    for node in ir.walk_scope(found.function.body):
        if start.end <= node.start < end.start and isinstance(node, (ir.Assign, ir.Aug, ir.For, ir.WithItem)):
            bound = node.targets if isinstance(node, ir.Assign) else [node.target]
            parts = (part for target in bound if target is not None for part in ir.walk(target))
            if any(isinstance(part, ir.Name) and part.id == name for part in parts):
                return True
    return False


def _given(node: ir.Node) -> list[ir.Expr]:
    """The fields of what may be a stored transition: of a call's arguments, or of a row that is added or assigned."""
    if isinstance(node, ir.Call):
        values = [arg.value for arg in node.args if not arg.star]
        return list(values[0].items) if len(values) == 1 and isinstance(values[0], ir.Seq) else values
    if isinstance(node, ir.Assign) and isinstance(node.value, ir.Seq) and isinstance(node.targets[0], ir.Sub):
        return list(node.value.items)
    return []


def _states(graph: ReplayGraph, row: ir.Expr | None) -> list[str]:
    """The names of the states in a row that a window gets."""
    items = row.items if isinstance(row, ir.Seq) else []
    return [item.id for item in items if isinstance(item, ir.Name) and role_at(graph, item) == STATE]


def _is_sum(graph: ReplayGraph, found: ReturnSum, part: ir.Expr) -> bool:
    """Whether an expression is the name that the sum was assigned to, or the sum itself."""
    if part is found.node:
        return True
    if not isinstance(part, ir.Name):
        return False
    made = graph.statement(found.path, found.node)
    targets = made.targets if isinstance(made, ir.Assign) else [made.target] if isinstance(made, ir.Aug) else []
    return any(isinstance(target, ir.Name) and target.id == part.id for target in targets)
