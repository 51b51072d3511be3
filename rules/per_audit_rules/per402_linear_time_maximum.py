"""PER402 linear-time-maximum."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.liveness.frequency.rhythm import rhythm_of
from per_audit.graph.liveness.frequency.seldom import is_seldom
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.memory import costs
from per_audit.graph.memory.capacity import Capacity, read
from per_audit.graph.memory.held import SMALL, UNKNOWN_COUNT, UNSEEN_COUNT, Held, grows, held
from per_audit.graph.memory.restored import is_restored
from per_audit.graph.memory.warmup import tests_before
from per_audit.graph.prioritised.anatomy import CHOSEN
from per_audit.graph.prioritised.draws.linear import BESIDE, far_dearer, linear_draws, of_dearer_tree
from per_audit.graph.prioritised.weights.empty import empty_minima
from per_audit.graph.recognise.draws.branches import is_ruled_out
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from per_audit.findings import Finding
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.draws.linear import Linear
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_UNKNOWN = 100_000  # priorities that count where nobody knows how many there are
_FEW = SMALL - 1  # several extremes of 10,000, each step, are worth a word
_WORDS = {"max": "largest", "min": "smallest", "sum": "sum", "sort": "order", "argsort": "order"}

_STORED, _STORED_AT_ONCE = "whenever a transition is stored", "whenever a batch of transitions is stored"
_PLACES = {"param", "element", "floordiv", "mod", "loop"}

_MEMORY = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6):
        self.rows, self.capacity, self.alpha, self.at = [], capacity, alpha, 0
        self.priorities = np.zeros(capacity)

    def push(self, state, action, reward, next_state, done):
        first = self.priorities.max() if self.rows else 1.0  # <- PER402
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = first
        self.at = (self.at + 1) % self.capacity

    def sample(self, n, beta):
        scaled = self.priorities[: len(self.rows)] ** self.alpha
        p = scaled / scaled.sum()
        chosen = np.random.choice(len(self.rows), n, p=p)  # <- PER401
        weights = (len(self.rows) * p[chosen]) ** -beta
        return [self.rows[i] for i in chosen], chosen, weights / weights.max()

    def update(self, chosen, errors):
        self.priorities[chosen] = np.abs(errors) + 1e-6
"""


_TREE = """import numpy as np


class Tree:
    def __init__(self, size):
        self.sums, self.rows, self.size, self.at = np.zeros(2 * size - 1), [None] * size, size, 0

    def add(self, priority, row):
        self.rows[self.at] = row
        self.set(self.at + self.size - 1, priority)
        self.at = (self.at + 1) % self.size

    def set(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node:
            node = (node - 1) // 2
            self.sums[node] += change

    def find(self, mass):
        node = 0
        while 2 * node + 1 < len(self.sums):
            left = 2 * node + 1
            if mass < self.sums[left]:
                node = left
            else:
                mass -= self.sums[left]
                node = left + 1
        return node
"""
_OF_TREE = """import random
import numpy as np
from tree import Tree


class Memory:
    def __init__(self, size):
        self.tree, self.size = Tree(size), size

    def store(self, state, action, reward, next_state, done):
        largest = np.max(self.tree.sums[-self.size :])  # <- PER402
        self.tree.add(largest if largest > 0 else 1.0, (state, action, reward, next_state, done))

    def sample(self, n):
        total = self.tree.sums[0]
        nodes = [self.tree.find(random.uniform(0, total)) for _ in range(n)]
        w = np.array([self.size * self.tree.sums[node] / total for node in nodes]) ** -0.5
        return [self.tree.rows[node - self.size + 1] for node in nodes], nodes, w / w.max()

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.set(node, (abs(error) + 0.01) ** 0.6)
"""
_GAME = """import numpy as np


class Game:
    def __init__(self):
        self.board = np.zeros((8, 8))

    def reset(self):
        self.board = np.zeros((8, 8))
        return self.board.flatten()

    def step(self, action):
        self.board[action // 8, action % 8] += 1
        return self.board.flatten(), self.board[action // 8].sum(), self.board.max() > 9
"""
_PLAYS = """import numpy as np
import torch
from game import Game
from memory import Memory


def train(net, optimizer):
    game, memory = Game(), Memory(50_000)
    state = game.reset()
    while True:
        action = net(torch.tensor(state)).argmax().item()
        later, reward, done = game.step(action)
        memory.store(state, action, reward, later, done)
        state = game.reset() if done else later
        rows, nodes, weights = memory.sample(32)
        states, actions, rewards, laters, ends = map(torch.tensor, map(np.array, zip(*rows)))
        q = net(states).gather(1, actions[:, None])[:, 0]
        errors = rewards + 0.99 * (1 - ends) * net(laters).max(1)[0].detach() - q
        optimizer.zero_grad()
        (torch.tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.update(nodes, errors.detach().numpy())
"""
_IN_ROWS = """from collections import deque, namedtuple

import numpy as np

Row = namedtuple("Row", "state action reward next_state done priority")


class Memory:
    def __init__(self, limit=200_000):
        self.rows, self.limit = deque(maxlen=limit), limit

    def add(self, state, action, reward, next_state, done):
        first = max([row.priority for row in self.rows if row is not None] + [1.0])  # <- PER402
        self.rows.append(Row(state, action, reward, next_state, done, first))

    def sample(self, n, beta):
        p = np.vstack([row.priority for row in self.rows]).reshape(-1) ** 0.6
        p = p / p.sum()
        slots = np.random.choice(len(self.rows), n, p=p)  # <- PER401
        weights = (len(self.rows) * p[slots]) ** -beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def rate(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.rows[slot] = self.rows[slot]._replace(priority=abs(error) + 1e-5)
"""
_RANKS = """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.states, self.next_states = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.actions, self.rewards, self.ends = np.zeros(capacity, int), np.zeros(capacity), np.zeros(capacity)
        self.surprise, self.order = np.zeros(capacity), np.empty(0, dtype=int)
        self.capacity, self.at, self.size = capacity, 0, 0

    def add(self, state, action, reward, next_state, done):
        self.states[self.at], self.next_states[self.at] = state, next_state
        self.actions[self.at], self.rewards[self.at], self.ends[self.at] = action, reward, done
        self.surprise[self.at] = self.surprise[: self.size].max() if self.size else 1.0  # <- PER402
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def put_in_order(self):
        self.order = np.argsort(-self.surprise[: self.size])
        self.shares = (1.0 / np.arange(1, self.size + 1)) ** 0.7
        self.shares = self.shares / self.shares.sum()

    def sample(self, n, beta):
        if not self.at % 500:
            self.put_in_order()
        ranks = np.random.choice(len(self.order), n, p=self.shares)  # <- PER401
        at = self.order[ranks]
        weights = (len(self.order) * self.shares[ranks]) ** -beta
        batch = self.states[at], self.actions[at], self.rewards[at], self.next_states[at], self.ends[at]
        return batch, at, weights / weights.max()

    def update(self, slots, errors):
        self.surprise[slots] = errors + 1e-6
"""
_OWN = """import numpy as np


class Net:
    def __init__(self, n, m):
        self.w = np.random.randn(n, m)

    def ahead(self, states):
        self.states = states
        return states @ self.w

    def refine(self, slope):
        self.w -= 0.01 * self.states.T @ slope
"""
_BY_OWN = """import numpy as np
from memory import Memory
from net import Net


def play(env, steps):
    memory, net = Memory(1_000_000), Net(4, 2)
    state = env.reset()
    for step in range(steps):
        action = int(net.ahead(state[None])[0].argmax())
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        (states, actions, rewards, next_states, ends), at, weights = memory.sample(32, step / steps)
        goals = rewards + 0.99 * (1 - ends) * net.ahead(next_states).max(axis=1)
        known = net.ahead(states)
        errors = goals - known[np.arange(32), actions]
        slope = np.zeros_like(known)
        slope[np.arange(32), actions] = -weights * errors / 32
        net.refine(slope)
        memory.update(at, np.abs(errors))
"""


_AGENT = """import random
from collections import deque

from memory import Memory


class Uniform:
    def __init__(self, capacity):
        self.rows = deque(maxlen=capacity)

    def push(self, *row):
        self.rows.append(row)

    def sample(self, n):
        return random.sample(self.rows, n)


class Agent:
    def __init__(self, net, optimizer, ranked=True):
        self.net, self.optimizer, self.ranked = net, optimizer, ranked
        if ranked:
            self.memory = Memory(100_000)
        else:
            self.memory = Uniform(10_000)

    def remember(self, state, action, reward, next_state, done):
        if self.ranked:
            self.memory.push(state, action, reward, next_state, done, abs(reward) + 1e-3)
        else:
            self.memory.push(state, action, reward, next_state, done)

    def learn(self, beta):
        if self.ranked:
            rows, chosen, weights = self.memory.sample(64, beta)
            errors = self.net.errors(rows)
            self.memory.update(chosen, errors.detach().abs().numpy())
            (weights * errors**2).mean().backward()
        else:
            (self.net.errors(self.memory.sample(64)) ** 2).mean().backward()
        self.optimizer.step()
"""
_GIVEN = _MEMORY.replace("next_state, done):", "next_state, done, first=None):").replace(
    "        first = self.priorities.max()",
    "        if first is None:\n            first = self.priorities.max()",
)


class LinearTimeMaximum(Rule):
    """Each step goes through all priorities for their maximum, minimum, sum or order.

    ## What it does

    Reports `max`, `min`, `sum` and `sort` over the priorities of a whole memory in code that adds or draws
    transitions. The sum inside a draw that goes through all priorities anyway is `linear-time-sampling` and not
    reported twice.

    ## Why is this bad

    The maximum of a million numbers takes about 0.1 ms in numpy, of a Python list about 10 ms, and of an array that is
    made of a list or deque for it 20 to 30 ms, for every transition that is stored. A running maximum costs nothing,
    and a minimum tree gives the smallest in logarithmic time.

    ## Known problems

    Where the capacity can be read, a sum tree is reported from 10,000 leaves on and an array from more than 10,000
    slots; an option of the command line counts as its default, a capacity that cannot be read counts as large. The
    message estimates the full memory by the numbers above, or what is held where the loops of the program count out
    fewer transitions; below 10,000 of these it is a hint. Where all that a memory looks for in this way costs less than
    5 µs for each step of the environment together, it is a hint, and nothing up to 10,000; an episode counts as 100
    steps. Beside one that costs more, others are hints as long as they stay below that together. A hint is also what is
    looked for once for all transitions that are stored at once: how many these are is not read. The message says so
    where it is less than a tenth of what a draw costs that goes through all probabilities, which `linear-time-sampling`
    tells: that comes first, and where it is a hint, as no tree would be faster, this is one. What is made of the
    priorities for such a draw as well is its cost alone. A minimum that is 0 until the memory is full is told by
    `min-over-unfilled` alone.

    ## Example

    ```python
    self.priorities[self.at] = self.priorities.max()
    ```

    ## Use instead

    ```python
    self.priorities[self.at] = self.max_priority  # raised by each update
    ```

    ## Fix safety

    A maximum is kept in an attribute that each write of a priority raises. It never falls, the maximum in the memory
    does, and both are in use: the fix is unsafe. A smallest value can rise again and is left: it takes a tree.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, Algorithm 1, line 6
    """

    code = "PER402"
    name = "linear-time-maximum"
    severity = Severity.WARNING
    of_runs = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each reduction over all priorities on the way of a step."""
        seen: set[ir.Node] = set()
        for buffer in graph.buffers:
            about = graph.priorities(buffer)
            if buffer.kind != PRIORITISED or about.is_reference or (buffer.samples and not about.is_followed()):
                continue
            anatomy = graph.anatomy(buffer)
            if not anatomy.containers or held(graph, buffer, anatomy.capacity, few=_FEW) is None:
                continue
            draws = linear_draws(graph, buffer, _UNKNOWN)
            by_cost = sorted(
                _reductions(graph, buffer, anatomy, draws), key=lambda each: (each.held.most is not None, each.a_step)
            )
            found = {each.node: each for each in by_cost}  # the dearest of several programs
            others = _alternatives(graph, list(found.values()))
            found = {node: each for node, each in found.items() if node not in others}
            minima = empty_minima(graph, buffer) if found and buffer in graph.weighted else ()
            seen |= {minimum.node for minimum in minima}  # a worse defect than what they cost
            together = sum(each.a_step for each in found.values())
            rest = sum(each.a_step for each in found.values() if each.a_step < costs.LITTLE)
            dearer = far_dearer(draws, sum(each.a_step_of_usual for each in found.values()))
            gains_little = bool(dearer) and all(of_dearer_tree(graph, draw) is not None for draw in dearer)
            for each in found.values():
                is_little = not each.a_step or max(each.a_step, rest) < costs.LITTLE
                is_few = (
                    (together < costs.LITTLE or not each.a_step)
                    and not each.held.is_counted
                    and (each.held.most or SMALL + 1) <= SMALL
                )
                if each.node not in seen and not is_few:
                    seen.add(each.node)
                    beside = [other for other, kept in others.items() if kept is each.node]
                    seen |= set(beside)
                    finding = self._finding(graph, buffer, each, beside, bool(dearer))
                    is_hint = is_little or gains_little or each.held.is_small
                    yield replace(finding, severity=Severity.INFO) if is_hint else finding

    def _finding(
        self, graph: ReplayGraph, buffer: ReplayBuffer, found: _Reduction, others: list[ir.Node], is_beside: bool
    ) -> Finding:
        name = graph.name_of(buffer)
        is_unseen = found.held.most is None and buffer.owner is not None and is_named_unread(graph, buffer.owner)
        finding = self.finding(
            graph,
            found.path,
            found.node,
            f"`{graph.source(found.path, found.node)}` goes through all priorities of {name} for their {found.what}, "
            f"{found.when}{_cost(found, is_unseen)}{BESIDE if is_beside else ''}",
            evidence=[
                graph.evidence(found.path, found.node, "reduced", f"the {found.what} is looked for here"),
                *(graph.evidence(found.path, other, "reduced", "or here") for other in others),
            ],
            fix=FixOffer(title="keep the value up to date as priorities change"),
            pipeline=name,
            form=found.what,
        )
        return replace(finding, severity=Severity.INFO) if is_unseen else finding

    def witness(self) -> str:
        """How many priorities are compared to store 1,000 transitions, against a running maximum."""
        compared = 0

        class Priority(float):
            def __gt__(self, other: float) -> bool:
                nonlocal compared
                compared += 1
                return float(self) > float(other)

        stored = [Priority(1 + number % 7) for number in range(1_000)]
        for number in range(1_000):
            stored[number] = Priority(max(stored))
        linear, compared = compared, 0
        best = Priority(0)
        for priority in stored:
            best = max(best, priority)
        assert best == max(map(float, stored))
        assert linear == 1_000 * 999
        assert compared == 1_000
        return f"storing 1,000 transitions compares {linear:,} priorities by maximum, {compared:,} by running maximum"

    bad = (
        Example(
            "a maximum for each new transition",
            {"memory.py": _MEMORY},
        ),
        Example(
            "the smallest of those that were written",
            {
                "memory.py": """import numpy as np


class Memory:
    def __init__(self, capacity):
        self.rows, self.capacity, self.at = [None] * capacity, capacity, 0
        self.priorities = np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at % self.capacity] = (state, action, reward, next_state, done)
        self.priorities[self.at % self.capacity] = 1.0
        self.at += 1

    def known(self):
        return self.priorities[: min(self.at, self.capacity)]

    def sample(self, n, beta):
        p = self.known() / self.known().sum()
        chosen = np.random.choice(len(p), n, p=p)  # <- PER401
        known = self.known()
        smallest = np.min(known[known > 0]) / known.sum()  # <- PER402
        weights = (len(p) * p[chosen]) ** -beta / (len(p) * smallest) ** -beta
        return [self.rows[i] for i in chosen], chosen, weights

    def update(self, chosen, errors):
        self.priorities[chosen] = (np.abs(errors) + 1e-6) ** 0.6
"""
            },
        ),
        Example(
            "a property of the tree, priorities in a deque beside the transitions",
            {
                "memory.py": """import random
from collections import deque


class Priorities:
    def __init__(self, limit):
        self.values = deque(maxlen=limit)

    @property
    def largest(self):
        return max(self.values) if self.values else 1.0  # <- PER402

    def add(self, value):
        self.values.append(value)


class Memory:
    def __init__(self, limit):
        self.rows, self.priorities = deque(maxlen=limit), Priorities(limit)

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        self.priorities.add(self.priorities.largest)

    def sample(self, n, beta):
        total = sum(self.priorities.values)
        at = random.choices(range(len(self.rows)), weights=self.priorities.values, k=n)  # <- PER401
        w = [(len(self.rows) * self.priorities.values[i] / total) ** -beta for i in at]
        return [self.rows[i] for i in at], at, [x / max(w) for x in w]

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.priorities.values[i] = abs(error) + 1e-5
"""
            },
        ),
        Example(
            "a maximum of all priorities and of the least one",
            {
                "memory.py": _MEMORY.replace(
                    "self.priorities.max() if self.rows else 1.0", "max([*self.priorities, 1e-4])"
                )
            },
        ),
        Example(
            "the largest of what ranks are made of, for a network of the project's own",
            {"memory.py": _RANKS, "net.py": _OWN, "train.py": _BY_OWN},
        ),
        Example(
            "the leaves of a sum tree, in two files",
            {
                "tree.py": _TREE,
                "memory.py": _OF_TREE,
            },
        ),
        Example(
            "a maximum where no priority is given, which the agent leaves out for its prioritised memory",
            {
                "memory.py": _GIVEN,
                "agent.py": _AGENT.replace(
                    "        if self.ranked:\n            self.memory.push",
                    "        if not self.ranked:\n            self.memory.push",
                ).replace(", abs(reward) + 1e-3)", ")"),
            },
        ),
        Example(
            "transitions of an environment of the project's own, which lead on from what was learnt",
            {"tree.py": _TREE, "memory.py": _OF_TREE, "game.py": _GAME, "train.py": _PLAYS},
        ),
        Example(
            "in the two branches of a test, told once",
            {
                "memory.py": _MEMORY.replace(
                    "        first = self.priorities.max() if self.rows else 1.0  # <- PER402\n",
                    "        if len(self.rows) < self.capacity:\n"
                    "            first = self.priorities[: len(self.rows) + 1].max() or 1.0  # <- PER402\n"
                    "        else:\n"
                    "            first = self.priorities.max()\n",
                ),
            },
        ),
        Example("a maximum over a field of the rows, by which they are drawn", {"memory.py": _IN_ROWS}),
    )
    good = (
        Example(
            "a running maximum",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities.max() if self.rows else 1.0", "self.best")
                .replace("alpha, 0\n", "alpha, 0\n        self.best = 1.0\n", 1)
                .replace("+ 1e-6\n", "+ 1e-6\n        self.best = max(self.best, np.abs(errors).max())\n")
            },
        ),
        Example(
            "a small memory",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("def __init__(self, capacity, alpha=0.6):", "def __init__(self, capacity=2_000, alpha=0.6):")
            },
        ),
        Example(
            "a maximum that is looked for once in many steps",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace(
                    "        first = self.priorities.max() if self.rows else 1.0\n",
                    "        self.added += 1\n"
                    "        if self.added >= 1_000:\n"
                    "            self.best, self.added = self.priorities.max(), 0\n",
                )
                .replace("alpha, 0\n", "alpha, 0\n        self.best, self.added = 1.0, 0\n", 1)
                .replace("= first\n", "= self.best\n")
            },
        ),
        Example(
            "the largest of a few",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities.max() if self.rows else 1.0", "self.priorities[:64].max() or 1.0")
            },
        ),
        Example(
            "the largest of those that came last",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities.max() if self.rows else 1.0", "max(self.priorities[-1_000:], default=1.0)")
            },
        ),
        Example(
            "the leaves of a small tree",
            {
                "tree.py": bad[5].plain["tree.py"],
                "memory.py": bad[-1].plain["memory.py"] + "\n\nSMALL = Memory(9_000)\n",
            },
        ),
        Example(
            "a maximum that every call does without",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("next_state, done):", "next_state, done, first=None):")
                .replace(
                    "        first = self.priorities.max() if self.rows else 1.0\n",
                    "        if first is None:\n            first = self.priorities.max()\n",
                ),
                "play.py": """from memory import Memory


def play(env, agent):
    memory = Memory(1_000_000)
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(agent.act(state))
        memory.push(state, 0, reward, next_state, done, first=1.0)
        state = next_state
        agent.learn(memory.sample(64, 0.4))
""",
            },
        ),
        Example(
            "the sum of a draw that goes through all, in a method of its own",
            {
                "memory.py": bad[0]
                .plain["memory.py"]
                .replace("self.priorities.max() if self.rows else 1.0", "1.0")
                .replace(
                    "        scaled = self.priorities[: len(self.rows)] ** self.alpha\n"
                    "        p = scaled / scaled.sum()\n",
                    "        p = self.shares()\n",
                )
                + """
    def shares(self):
        scaled = self.priorities[: len(self.rows)] ** self.alpha
        return scaled / scaled.sum()
"""
            },
        ),
        Example(
            "a maximum for the log, outside of the steps",
            {
                "memory.py": bad[0].plain["memory.py"].replace("self.priorities.max() if self.rows else 1.0", "1.0")
                + """
    def report(self):
        print(self.priorities.max(), self.priorities.min())
"""
            },
        ),
        Example(
            "a maximum where no priority is given, which the agent leaves out for its other memory alone",
            {"memory.py": _GIVEN.replace("  # <- PER402", ""), "agent.py": _AGENT},
        ),
        Example(
            "a maximum where no priority is given, and the reward of a step is",
            {
                "memory.py": _GIVEN.replace("  # <- PER402", ""),
                "train.py": """from memory import Memory


def train(env, net, optimizer, steps):
    memory, state = Memory(100_000), env.reset()
    for step in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done, reward)
        state = env.reset() if done else next_state
        rows, chosen, weights = memory.sample(64, step / steps)
        errors = net.errors(rows)
        memory.update(chosen, errors.detach().abs().numpy())
        (weights * errors**2).mean().backward()
        optimizer.step()
""",
            },
        ),
        Example(
            "a maximum of the priorities that a file held, once",
            {
                "memory.py": _MEMORY.replace("  # <- PER402", "")
                .replace("first = self.priorities.max() if self.rows else 1.0", "first = self.top")
                .replace("self.at = [], capacity, alpha, 0", "self.at = [], capacity, alpha, 0\n        self.top = 1.0")
                + """        self.top = max(self.top, self.priorities[chosen].max())

    def load(self, path):
        kept = np.load(path, allow_pickle=True)
        self.rows = list(kept["rows"])
        self.priorities[: len(self.rows)] = kept["priorities"]
        self.top = self.priorities.max()
"""
            },
        ),
        Example(
            "a maximum over another field of the rows",
            {
                "memory.py": _IN_ROWS.replace(
                    "[row.priority for row in self.rows if", "[row.reward for row in self.rows if"
                ).replace("  # <- PER402", "")
            },
        ),
    )


class _Reduction(NamedTuple):
    """A call that goes through so many priorities for `what`, and what it costs, by itself and for each step.

    `a_step` is 0 where nobody knows how many steps it is for. `a_step_of_usual` is it for as many priorities as usual
    where their number is not known.
    """

    node: ir.Node
    path: str
    what: str
    when: str
    held: Held
    cost: float | None
    a_step: float
    a_step_of_usual: float


def _cost(found: _Reduction, is_unseen: bool) -> str:
    """What the reduction costs in a full memory, as far as that is known."""
    if found.held.most is None:
        return UNSEEN_COUNT if is_unseen else UNKNOWN_COUNT
    return f" of up to {found.held.most:,}" if found.cost is None else f": {costs.spelled(found.cost)} for {found.held}"


def _reductions(
    graph: ReplayGraph, buffer: ReplayBuffer, anatomy: Anatomy, draws: list[Linear]
) -> Iterator[_Reduction]:
    """The calls that reduce a whole container of priorities in functions that add or draw.

    What is made of them for `draws` that go through all of them as well is a cost of these.
    """
    usual = next((draw.held.most for draw in draws if draw.held.most is not None), _UNKNOWN)
    made = frozenset[ir.Node]().union(*(draw.made for draw in draws))
    drawing = {draw.function for s in buffer.sources if (draw := graph.events.draws.get(s)) and draw.weighted}
    stepping = _stepping(graph, buffer, anatomy)
    drawing |= {f for f in stepping if f and _is_only_for(graph, f, drawing)}
    for function, occasions in stepping.items():
        path = buffer.path if function is None else graph.project.module_of[function].path
        run = graph.symbols.run(function, path)
        for node, value in sorted(run.terms.items(), key=lambda item: item[0].start):
            if not isinstance(node, (ir.Call, ir.Attr)):
                continue
            for term in alternatives(value):  # also what a property or a helper reduces
                if term.op not in _WORDS or term.data is not None or term.node is None:
                    continue
                of = _unmasked(term.args[0], anatomy.keys)
                whole = of.op in ("field", "global", "slice", "pow", "detach") and not of.has("at", *CHOSEN)
                counted = function in drawing and term.op in ("sum", "sort", "argsort")
                if not whole or anatomy.base_of(of) not in anatomy.containers or counted or _is_part(of):
                    continue
                made_in = graph.symbols.function_of(term.path, term.node)
                places = ((path, node, function), (term.path, term.node, made_in))
                if any(is_seldom(graph, p, n) or is_ruled_out(graph, p, n, f) for p, n, f in places):
                    continue
                for calls in anatomy.programs:
                    size = held(graph, buffer, _reduced(graph, anatomy, of, calls), grows(anatomy, of), _FEW)
                    if size is None:
                        continue
                    cost = costs.of_reduction(graph, term.path, term.node, size.most or usual, made)
                    rhythm = rhythm_of(graph, path, node, calls)
                    at_once = occasions == {_STORED_AT_ONCE}
                    of_usual = 0.0 if at_once else rhythm.a_step(math.inf if cost is None else cost)
                    a_step = of_usual if size.most is not None or at_once else math.inf
                    cost = None if size.most is None else cost
                    occasions = occasions - {_STORED_AT_ONCE} or occasions
                    when = "" if at_once else str(rhythm)
                    when = when or (next(iter(occasions)) if len(occasions) == 1 else "at every step")
                    yield _Reduction(term.node, term.path, _WORDS[term.op], when, size, cost, a_step, of_usual)


def _alternatives(graph: ReplayGraph, found: list[_Reduction]) -> dict[ir.Node, ir.Node]:
    """The calls in place of which another one is made, by the tests around both: they cost as much once, not twice."""
    others: dict[ir.Node, ir.Node] = {}
    in_order = sorted(found, key=lambda each: (-each.a_step, each.node.start))
    for number, each in enumerate(in_order):
        kept = [one for one in in_order[:number] if one.node not in others]
        same = (one for one in kept if (one.path, one.what, one.when) == (each.path, each.what, each.when))
        instead = next((one.node for one in same if _is_instead(graph, each.path, one.node, each.node)), None)
        if instead is not None:
            others[each.node] = instead
    return others


def _is_instead(graph: ReplayGraph, path: str, one: ir.Node, other: ir.Node) -> bool:
    """Whether two nodes are in the two branches of a test, or one is behind a branch with the other that returns."""
    first, second = (dict(tests_before(graph, path, node)) for node in (one, other))
    return any(second.get(test, holds) is not holds for test, holds in first.items())


def _is_only_for(graph: ReplayGraph, function: ev.Owner, drawing: set[ev.Owner]) -> bool:
    """Whether a function is a helper of the draws, and of nothing else."""
    callers = {site.function for site in graph.callers.get(function, ())}
    return bool(callers) and callers <= drawing


def _is_part(term: Term) -> bool:
    """Whether the term is a slice from a place that is computed, such as the children of a node."""
    return term.op == "slice" and any(part.op in _PLACES for part in term.args[1].walk())


def _reduced(graph: ReplayGraph, anatomy: Anatomy, of: Term, calls: Calls | None) -> Capacity:
    """How many priorities a reduction goes through in a program: of a tree often the leaves alone."""
    lower, upper = (strip(of.args[1]), strip(of.args[2])) if of.op == "slice" else (None, None)
    if upper is not None and (upper.number or 0) > 0:
        return read(graph, [upper], calls)  # however many there are, of a part alone
    if lower is None or (lower.data is None and lower.op == "const"):
        return anatomy.room(calls)
    if (last := -int(lower.number or 0)) > 0:
        return Capacity(last, complete=True, least=last)
    if lower.op == "neg":
        return read(graph, [lower.args[0]], calls)
    before, whole = read(graph, [lower], calls), anatomy.room(calls)
    if before.largest is not None and whole.largest is not None and before.largest < whole.largest:
        return replace(whole, largest=whole.largest - before.largest)
    return whole


def _unmasked(term: Term, keys: Collection[int | str]) -> Term:
    """The container of which `p[p > 0]` are those that were written, and `[*p, 1.0]` all, with a number beside them.

    Of a table, the rows of which a column is taken; of rows that hold their priorities in one of the `keys`, the rows.
    """
    listed = _listed(term)
    if listed.op == "collect":
        held = [part for part in alternatives(listed.args[0]) if not part.is_number]
        if len(held) == 1 and held[0].op == "item" and held[0].data in keys:
            held = [held[0].args[0]]
        if len(held) == 1 and held[0].op == "element":
            return held[0].args[0]
    if term.op == "at" and term.args[1].op == "cmp" and term.args[1].args[0] == term.args[0]:
        return term.args[0]
    if term.op == "call" and term.data == "column":
        return term.args[0]
    if term.op == "at" and term.args[1].op == "tuple" and len(term.args[1].args) == 2:
        rows, column = term.args[1].args
        is_column = column.op in ("const", "field", "global")
        if rows.op == "call" and rows.data == "slice" and is_column:  # of a table with a column of priorities
            return Term("slice", (term.args[0], *rows.args), None, term.node, term.path)
    return term


def _listed(term: Term) -> Term:
    """The list that an array is made of, or to which one of numbers is joined: `[row.p for row in rows] + [0]`."""
    if term.op in ("stack", "reshape"):
        return _listed(term.args[0])
    if term.op == "add" and term.args[1].op == "tuple" and all(part.is_number for part in term.args[1].args):
        return _listed(term.args[0])
    return term


def _is_of_many(anatomy: Anatomy, write: PriorityWrite) -> bool:
    """Whether the priorities of several transitions are written at once: in a slice, or at a range of positions."""
    if isinstance(write.store.index, ir.Slice):
        return True
    index = anatomy.symbols.term(write.store.path, write.store.index)
    return index.has("range") and not index.has("element", "at", "item")


def _stepping(graph: ReplayGraph, buffer: ReplayBuffer, anatomy: Anatomy) -> dict[ev.Owner, set[str]]:
    """The functions that run whenever a transition is added or a batch is drawn, and which of the two it is."""
    stored = [write for write in anatomy.writes if write.inserts and not is_restored(write.value)]
    inserting = {function for write in stored for function in write.functions}
    own = {f for f in inserting if f is not None and graph.project.class_of.get(f) in anatomy.parts}
    many = {function for write in stored if _is_of_many(anatomy, write) for function in write.functions}
    found: dict[ev.Owner, set[str]] = defaultdict(set)
    occasions = ((own - many, _STORED), (own & many, _STORED_AT_ONCE), ({buffer.function}, "at each draw"))
    for starts, occasion in occasions:
        for function in starts:
            inside = {f for f in graph.reachable(function, 2) if f is not None}
            for each in {function, *(f for f in inside if graph.project.class_of.get(f) in anatomy.parts)}:
                found[each].add(occasion)
    in_order = sorted(found, key=lambda f: (-1, "") if f is None else (f.start, graph.project.module_of[f].path))
    return {function: found[function] for function in in_order}
