"""PER404 list-eviction."""

from __future__ import annotations

import timeit
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.findings import FixOffer, Severity
from per_audit.graph import PRIORITISED
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.memory.capacity import capacity_of, compared_around
from per_audit.graph.memory.shifts import takes_first
from per_audit.graph.memory.stored import once_full, stored_at_most
from per_audit.graph.prioritised.priorities.whose import holder
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.findings import Finding
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev

LARGE = 50_000
_MOVED = 1_000_000_000  # places that items are moved by in a second
_SELDOM = 100  # where more than this part of a list goes at once, it is copied too seldom to be noticed


class ListEviction(Rule):
    """The oldest transition is taken from the front of a large list, which moves all the others.

    ## What it does

    Reports `pop(0)`, `del items[0]` and `del items[:n]` on a list of transitions that may hold 50,000 of them or more,
    and lists of transitions or priorities that are replaced by all but their first items: `items = items[1:]`.

    ## Why is this bad

    A list is one block of pointers. Taking the first out moves every other one a place forward: 8 bytes for each
    transition held, at each step of the environment once the list is full. A slice copies them, which takes ten times
    as long.

    ## Known problems

    Only capacities that can be read from the code are judged, and no list that has room for all that the loops of the
    program count out, or for so much of it that the rest costs less than a second of the whole run. Next to a network's
    forward pass the cost is often small, so this is a hint.

    ## Example

    ```python
    memory.append(transition)
    if len(memory) > 100_000:
        memory.pop(0)
    ```

    ## Use instead

    ```python
    memory[position] = transition
    position = (position + 1) % 100_000
    ```

    ## Fix safety

    Repaired together with `uniform-only-sampling`: the buffer that replaces the list overwrites the oldest slot.

    ## References

    - Python wiki, TimeComplexity: popping the first element of a list takes time proportional to its length
    """

    code = "PER404"
    name = "list-eviction"
    severity = Severity.INFO
    of_runs = True

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One finding for each place that takes the oldest transitions out of large lists, be it one or several."""
        seen: set[ir.Node] = set()
        for buffer in (*graph.buffers, *graph.twins):
            together: dict[ir.Node, list[ev.Evict]] = defaultdict(list)
            for evict in graph.events.evictions.values():
                if evict.container not in buffer.containers or evict.node in seen or not takes_first(evict):
                    continue
                seen.add(evict.node)
                room = capacity_of(graph, [evict.container])
                capacity = room.largest
                if evict.container.kind != "list" or capacity is None or capacity < LARGE:
                    continue
                most = stored_at_most(graph, buffer)
                sizes = (capacity, room.least or capacity)
                if most is not None and all((most - size) * size < _MOVED for size in sizes):
                    continue  # nothing is ever taken out, or too little for a whole run to show it
                statement = graph.statement(evict.path, evict.node)
                together[graph.parents(evict.path).get(statement, evict.node)].append(evict)
            for evictions in together.values():
                yield self._moves(graph, buffer, evictions)
            yield from self._copies(graph, buffer, seen)

    def _moves(self, graph: ReplayGraph, buffer: ReplayBuffer, evictions: list[ev.Evict]) -> Finding:
        """The finding for what one block takes out of lists at once: of rows, or of a column each."""
        evictions = sorted(evictions, key=lambda evict: evict.node.start)
        first = evictions[0]
        name = graph.name_of(holder(graph, first.path, first.node, buffer))
        links = []
        for evict in evictions:
            made = graph.path_of(evict.container.node)
            links.append(graph.evidence(evict.path, evict.node, "evicted", "all others move a place forward here"))
            if made is not None:
                links.append(graph.evidence(made, evict.container.node, "made", "the list is made here"))
        lists = list(
            dict.fromkeys(graph.source(each.path, part) for each in evictions if (part := _list_of(each.node)))
        )
        capacity = max(capacity_of(graph, [evict.container]).largest or 0 for evict in evictions)
        when = once_full(graph, buffer, f"{capacity:,}")
        if len(lists) > 1:
            when = when.replace("once it ", "once each ", 1)
            out = f"out of {len(lists)} lists ({', '.join(f'`{each}`' for each in lists)})"
            taken = f"{name} takes the oldest items {out}" if buffer.owner else f"the oldest items are taken {out}"
        elif first.container in graph.sorted_containers:
            taken = f"{name} takes the first transition out of a sorted list"
        elif first.container in graph.shuffled_containers:
            taken = f"{name} takes the first transition out of a shuffled list, not the oldest"
        else:
            taken = f"{name} takes the oldest transition out of a list"
        return self.finding(
            graph,
            first.path,
            first.node,
            f"{taken}, which moves all the others each time, {when}",
            evidence=links,
            fix=FixOffer(title="overwrite the oldest slot instead"),
            pipeline=name,
        )

    def _copies(self, graph: ReplayGraph, buffer: ReplayBuffer, seen: set[ir.Node]) -> Iterable[Finding]:
        """One finding for each list that is replaced by all but its first items."""
        held = set(buffer.containers)
        if buffer.kind == PRIORITISED:
            anatomy = graph.anatomy(buffer)
            held |= {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
        for write in graph.events.writes.values():
            copied = _copied(write.expression)
            if copied is None or write.node in seen:
                continue
            lists = {atom for atom in graph.events.value(copied).atoms if isinstance(atom, Alloc)}
            limit = compared_around(graph, write.path, write.node).largest or 0
            if (
                limit < max(LARGE, _SELDOM * _dropped(write.expression))
                or held.isdisjoint(lists)
                or any(alloc.kind != "list" for alloc in lists)
                or (stored_at_most(graph, buffer) or limit + 1) <= limit
            ):
                continue
            seen.add(write.node)
            name, room = graph.name_of(holder(graph, write.path, write.node, buffer)), f"{limit:,}"
            yield self.finding(
                graph,
                write.path,
                write.node,
                f"{name} drops the oldest of a list, which copies all the others each time, "
                f"{once_full(graph, buffer, room)}",
                evidence=[graph.evidence(write.path, write.node, "copied", "all others are copied here")],
                fix=FixOffer(title="overwrite the oldest slot instead"),
                pipeline=name,
            )

    def witness(self) -> str:
        """Taking the first out of a long list against a deque."""
        items, chain = list(range(400_000)), deque(range(400_000))

        def fastest(statement: str, container: object) -> float:
            return min(timeit.repeat(statement, globals={"c": container}, number=50, repeat=5))

        assert fastest("c.append(c.pop(0))", items) > 10 * fastest("c.append(c.popleft())", chain)
        return "taking the first out of a list of 400,000 takes over 10 times as long as out of a deque"

    bad = (
        Example(
            "pop(0) under a limit of the module",
            {
                "dqn.py": """import random

LIMIT = 100_000


class Memory:
    def __init__(self):
        self.items = []

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))
        if len(self.items) > LIMIT:
            self.items.pop(0)  # <- PER404

    def sample(self, n):
        return random.sample(self.items, n)  # <- PER001


def train(env, net, optimizer):
    memory = Memory()
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state = next_state
        net.loss(memory.sample(32)).backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "del, the limit from the caller",
            {
                "memory.py": """import random


class Past:
    def __init__(self, limit):
        self.rows, self.limit = [], limit

    def add(self, obs, action, reward, next_obs, done):
        if len(self.rows) >= self.limit:
            del self.rows[0]  # <- PER404
        self.rows.append((obs, action, reward, next_obs, done))

    def draw(self, n):
        return random.choices(self.rows, k=n)  # <- PER001
""",
                "main.py": """from memory import Past


def main(env, agent):
    past, obs = Past(limit=200_000), env.reset()
    while True:
        next_obs, reward, done, _ = env.step(agent.act(obs))
        past.add(obs, agent.last, reward, next_obs, done)
        obs = env.reset() if done else next_obs
        agent.loss(past.draw(64)).backward()
""",
            },
        ),
        Example(
            "a slice, under the length of another list",
            {
                "dqn.py": """import numpy as np

LIMIT = 100_000


class Memory:
    def __init__(self):
        self.items, self.priorities = [], []

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))
        self.priorities.append(1.0)
        if len(self.items) > LIMIT:
            self.items.pop(0)  # <- PER404
            self.priorities = self.priorities[1:]  # <- PER404

    def sample(self, n):
        p = np.array(self.priorities) / sum(self.priorities)
        slots = np.random.choice(len(self.items), n, p=p)
        w = (len(self.items) * p[slots]) ** -0.5
        return [self.items[i] for i in slots], slots, w / w.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.priorities[slot] = abs(error) + 0.01


def train(env, net, optimizer):
    memory = Memory()
    state = env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, net.last, reward, next_state, done)
        state = next_state
        rows, slots, weights = memory.sample(32)
        errors = net.errors(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().tolist())
"""
            },
        ),
        Example(
            "a list that is full for most steps of a run",
            {
                "train.py": """import random


class Past:
    def __init__(self, size):
        self.rows, self.size = [], size

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) > self.size:
            self.rows.pop(0)  # <- PER404

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001 PER002


def train(env, model):
    past, state = Past(100_000), env.reset()
    for _ in range(300_000):
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = next_state
        model.fit(past.some(32))
""",
            },
        ),
    )
    good = (
        Example(
            "half of the lists at once",
            {
                "dqn.py": bad[-2]
                .plain["dqn.py"]
                .replace("self.items.pop(0)", "self.items = self.items[50_000:]")
                .replace("self.priorities[1:]", "self.priorities[50_000:]")
            },
        ),
        Example("short lists, one of them copied", {"dqn.py": bad[-2].plain["dqn.py"].replace("100_000", "2_000")}),
        Example(
            "room for more steps than the program makes",
            {
                "train.py": """import random

import gymnasium as gym


class Memory:
    def __init__(self, limit):
        self.items, self.limit = [], limit

    def keep(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))
        if len(self.items) > self.limit:
            del self.items[0]

    def some(self, n):
        return random.sample(self.items, n)  # <- PER001


def train(model, episodes=100):
    env, memory = gym.make("CartPole-v0"), Memory(limit=400_000)
    for _ in range(episodes):
        state, done = env.reset(), False
        while not done:
            action = model.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.keep(state, action, reward, next_state, done)
            state = next_state
            model.fit(memory.some(32))
"""
            },
        ),
        Example(
            "a slice that is never made, with room for more steps than the program makes",
            {
                "dqn.py": bad[-2]
                .plain["dqn.py"]
                .replace("while True:", "for _ in range(90_000):")
                .replace("            self.items.pop(0)\n", "")
            },
        ),
        Example("a short list", {"dqn.py": bad[0].plain["dqn.py"].replace("100_000", "2_000")}),
        Example(
            "the newest taken out again",
            {"dqn.py": bad[0].plain["dqn.py"].replace("pop(0)", "pop()")},
        ),
        Example(
            "a deque",
            {
                "dqn.py": bad[0]
                .plain["dqn.py"]
                .replace("self.items = []", "self.items = deque()")
                .replace("pop(0)", "popleft()")
                .replace("import random\n", "import random\nfrom collections import deque\n")
            },
        ),
        Example(
            "a short list, whose base another memory gives more room",
            {
                "dqn.py": """import random
from collections import deque


class Memory:
    def __init__(self, capacity):
        self.capacity = capacity


class Short(Memory):
    def __init__(self, capacity=500):
        super().__init__(capacity)
        self.rows = []

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) > self.capacity:
            self.rows.pop(0)

    def sample(self, n):
        return random.sample(self.rows, n)


class Long(Memory):
    def __init__(self, capacity):
        super().__init__(capacity)
        self.rows = deque(maxlen=capacity)

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)


def train(env, net, optimizer, kind):
    memory = Long(1_000_000) if kind else Short()
    state, _ = env.reset()
    for step in range(100_000):
        next_state, reward, terminated, truncated, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, terminated)
        state = env.reset()[0] if terminated or truncated else next_state
        net.loss(memory.sample(32)).backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "a list that is full only for the last of all steps",
            {
                "train.py": """import random


class Past:
    def __init__(self, size):
        self.rows, self.size = [], size

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if len(self.rows) > self.size:
            self.rows.pop(0)

    def some(self, n):
        return random.sample(self.rows, n)


def train(env, model):
    past, state = Past(100_000), env.reset()
    for _ in range(100_200):
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = next_state
        model.fit(past.some(32))
""",
            },
        ),
    )


def _list_of(node: ir.Node) -> ir.Expr | None:
    """The list that something is taken out of."""
    if isinstance(node, ir.Call):
        return node.func.value if isinstance(node.func, ir.Attr) else None
    return next((part.value for part in ir.walk(node) if isinstance(part, ir.Sub)), None)


def _copied(value: ir.Expr | None) -> ir.Expr | None:
    """What an expression is all of but the first items of: `items[1:]`."""
    index = value.index if isinstance(value, ir.Sub) else None
    if not isinstance(value, ir.Sub) or not isinstance(index, ir.Slice) or index.upper is not None:
        return None
    return value.value if isinstance(index.lower, ir.Const) else None


def _dropped(value: ir.Expr | None) -> int:
    """How many of the first items such an expression leaves out."""
    lower = value.index.lower if isinstance(value, ir.Sub) and isinstance(value.index, ir.Slice) else None
    return lower.value if isinstance(lower, ir.Const) and isinstance(lower.value, int) else 0
