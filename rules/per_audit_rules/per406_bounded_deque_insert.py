"""PER406 bounded-deque-insert."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.memory.stored import never_full
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.interpret.events import Store

_DQN = """import random
from collections import deque
import torch
import torch.nn.functional as F


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer = net, optimizer
        self.rows = deque(maxlen=10_000)

    def remember(self, state, action, reward, next_state, done):
        self.rows.insert(0, (state, action, reward, next_state, done))  # <- PER406

    def learn(self):
        rows = random.sample(self.rows, 32)  # <- PER001
        states, actions, rewards, following, ends = (torch.tensor(column) for column in zip(*rows))
        with torch.no_grad():
            target = rewards + 0.99 * (1 - ends) * self.net(following).max(1).values
        loss = F.mse_loss(self.net(states).gather(1, actions[:, None])[:, 0], target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
_SPLIT = {
    "memory.py": """from collections import deque
from random import choices


class Memory:
    def __init__(self, capacity):
        self.newest_first = deque([], capacity)

    def push(self, transition):
        self.newest_first.insert(0, transition)  # <- PER406

    def sample(self, n):
        return choices(self.newest_first, k=n)  # <- PER001
""",
    "train.py": """import numpy as np
from memory import Memory


def train(env, model, goal_model, episodes):
    memory = Memory(50_000)
    for _ in range(episodes):
        state, done = env.reset(), False
        while not done:
            next_state, reward, done, _ = env.step(int(np.argmax(model.predict(state[None]))))
            memory.push((state, 0, reward, next_state, done))
            state = next_state
            rows = memory.sample(16)
            states, following = np.stack([r[0] for r in rows]), np.stack([r[3] for r in rows])
            values, ahead = model.predict(states), goal_model.predict(following).max(axis=1)
            for i, (_, action, gain, _, end) in enumerate(rows):
                values[i, action] = gain + (0 if end else 0.95 * ahead[i])
            model.fit(states, values, verbose=0)
""",
}
_PRIORITIES = """from collections import deque
import numpy as np


class Prioritised:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.priorities, self.alpha = deque(maxlen=capacity), deque(maxlen=capacity), alpha

    def store(self, state, action, reward, next_state, done):
        top = max(self.priorities, default=1.0)
        self.rows.insert(0, (state, action, reward, next_state, done))  # <- PER406
        self.priorities.insert(0, top)  # <- PER406

    def sample(self, n, beta):
        mass = np.array(self.priorities) ** self.alpha
        p = mass / mass.sum()
        at = np.random.choice(len(p), n, p=p)
        weights = (len(p) * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.priorities[i] = abs(error) + 1e-6


def train(env, net, optimizer, steps):
    memory, state = Prioritised(20_000), env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.store(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, at, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(at, errors.detach().numpy())
"""
_MODULE = """import random
from collections import deque
import numpy as np

PAST = deque(maxlen=1_000)
THETA = np.zeros((4, 2))


def observe(state, action, reward, next_state, done):
    PAST.insert(0, (state, action, reward, next_state, done))  # <- PER406


def improve(rate=0.01):
    for state, action, reward, next_state, done in random.choices(PAST, k=8):  # <- PER001
        target = reward if done else reward + 0.9 * (next_state @ THETA).max()
        THETA[:, action] += rate * (target - state @ THETA[:, action]) * state


def run(env, steps):
    state = env.reset()
    for _ in range(steps):
        next_state, reward, done, _ = env.step(int(np.argmax(state @ THETA)))
        observe(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        improve()
"""


class BoundedDequeInsert(Rule):
    """Transitions are inserted into a deque with a maximum length, which raises IndexError once it is full.

    ## What it does

    Reports `insert` on a `deque(maxlen=...)` that holds the transitions or the priorities of a replay buffer and from
    which nothing is ever taken.

    ## Why is this bad

    `append` and `appendleft` of a full deque drop an element at the other end; `insert` does not, and raises
    "IndexError: deque already at its maximum size". The run stops when the buffer is full, after hours with a usual
    capacity.

    ## Known problems

    Silent where the insertion stands under a test or a `try`, and where anything takes from the deque. A hint where
    the loops of the program count out fewer steps than there is room for.

    ## Example

    ```python
    self.memory = deque(maxlen=100_000)
    self.memory.insert(0, transition)
    ```

    ## Use instead

    ```python
    self.memory = deque(maxlen=100_000)
    self.memory.appendleft(transition)
    ```

    ## Fix safety

    Safe: until the deque is full `insert(0, x)` is the same as `appendleft(x)`, and `insert(len(d), x)` as `append(x)`.

    ## References

    - Python documentation, collections.deque.insert: "If the insertion would cause a bounded deque to grow beyond
      maxlen, an IndexError is raised."
    """

    code = "PER406"
    name = "bounded-deque-insert"
    severity = Severity.ERROR

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each insertion."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            for store in _insertions(graph, buffer):
                if store.node not in seen:
                    seen.add(store.node)
                    yield self._finding(graph, buffer, store)

    def _finding(self, graph: ReplayGraph, buffer: ReplayBuffer, store: Store) -> Finding:
        made = store.container.node
        most = never_full(graph, buffer)
        finding = self.finding(
            graph,
            store.path,
            store.node,
            f"`{graph.source(store.path, store.node)}` raises IndexError once the deque of {graph.name_of(buffer)} "
            "is full: only `append` and `appendleft` drop an old element"
            + ("" if most is None else f" (never full here: a run stores {most:,} at most unless told otherwise)"),
            evidence=[
                graph.evidence(store.path, store.node, "insert", "inserted into a deque that may be full"),
                graph.evidence(graph.path_of(made) or store.path, made, "deque", "the deque has a maximum length"),
            ],
            fix=FixOffer(title="use appendleft"),
            pipeline=graph.name_of(buffer),
        )
        return finding if most is None else replace(finding, severity=Severity.INFO)

    def witness(self) -> str:
        """Five insertions into a deque for four."""
        rows: deque[int] = deque(maxlen=4)
        try:
            for number in range(5):
                rows.insert(0, number)
        except IndexError as error:
            said = str(error)
        assert list(rows) == [3, 2, 1, 0]
        return f"insertion 5 into deque(maxlen=4): {said}"

    bad = (
        Example("an agent's deque, PyTorch", {"agent.py": _DQN}),
        Example("newest first, Keras, two files", _SPLIT),
        Example("transitions and priorities", {"prioritised.py": _PRIORITIES}),
        Example("a deque of the module, NumPy", {"linear.py": _MODULE}),
        Example(
            "at the end of the deque",
            {"agent.py": _DQN.replace("insert(0, (", "insert(len(self.rows), (")},
        ),
        Example(
            "a maximum length from a default, one file of a base class",
            {
                "base.py": """from collections import deque


class Base:
    def __init__(self, limit=5_000):
        self.kept = deque(maxlen=limit)

    def add(self, *row):
        self.kept.insert(0, row)  # <- PER406
""",
                "replay.py": """import random
from base import Base


class Replay(Base):
    def draw(self, n):
        return zip(*random.sample(self.kept, n))  # <- PER001


def train(env, q, optimizer):
    replay, state = Replay(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(q.act(state))
        replay.add(state, q.last, reward, next_state, done)
        state = env.reset() if done else next_state
        loss = q.loss(replay.draw(32))
        loss.backward()
        optimizer.step()
""",
            },
        ),
    )
    good = (
        Example("appendleft", {"agent.py": bad[0].plain["agent.py"].replace("insert(0, (", "appendleft((")}),
        Example(
            "a list, cut where it is full, two files",
            {
                "memory.py": bad[1]
                .plain["memory.py"]
                .replace("deque([], capacity)", "[]")
                .replace("(0, transition)", "(0, transition)\n        del self.newest_first[50_000:]"),
                "train.py": bad[1].plain["train.py"],
            },
        ),
        Example(
            "an old element is taken first",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        self.rows.insert",
                    "        if len(self.rows) == 10_000:\n            self.rows.pop()\n        self.rows.insert",
                )
            },
        ),
        Example(
            "only while there is room",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace(
                    "        self.rows.insert(", "        if len(self.rows) < 10_000:\n            self.rows.insert("
                )
            },
        ),
        Example(
            "the exception is caught",
            {
                "linear.py": bad[3]
                .plain["linear.py"]
                .replace(
                    "    PAST.insert(0, (state, action, reward, next_state, done))",
                    "    row = (state, action, reward, next_state, done)\n    try:\n        PAST.insert(0, row)\n"
                    "    except IndexError:\n        PAST.appendleft(row)",
                )
            },
        ),
        Example(
            "a deque without a maximum length",
            {"agent.py": bad[0].plain["agent.py"].replace("maxlen=10_000", "maxlen=None")},
        ),
        Example(
            "a deque of scores, which is no replay",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("self.rows.insert(0, (", "self.rows.append((")
                .replace("deque(maxlen=10_000)\n", "deque(maxlen=10_000)\n        self.scores = deque(maxlen=10)\n")
                .replace(
                    "    def learn",
                    "    def score(self, value):\n        self.scores.insert(0, value)\n\n    def learn",
                )
            },
        ),
    )


def _insertions(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[Store]:
    """The insertions into deques of the buffer that have a maximum length and that nothing takes from."""
    containers = set(buffer.containers)
    if buffer.kind == PRIORITISED:
        anatomy = graph.anatomy(buffer)
        containers |= {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
    evicted = {evict.container for evict in graph.events.evictions.values()}
    for store in graph.events.stores.values():
        known = store.container in containers - evicted and store.container.kind == "deque" and store.how == "insert"
        if known and _is_bounded(store.container.node) and not _is_guarded(graph, store):
            yield store


def _is_bounded(node: ir.Node) -> bool:
    limit = node.argument(1, "maxlen") if isinstance(node, ir.Call) else None
    return limit is not None and not (isinstance(limit, ir.Const) and limit.value is None)


def _is_guarded(graph: ReplayGraph, store: Store) -> bool:
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.If, ir.While, ir.Try)):
            return True
        if isinstance(around, ir.Function):
            return False
    return False
