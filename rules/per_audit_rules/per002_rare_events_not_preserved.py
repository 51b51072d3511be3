"""PER002 rare-events-not-preserved."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from per_audit.findings import Evidence, Finding, FixOffer, Place, Severity
from per_audit.graph.interpret.values import Alloc, roles_in
from per_audit.graph.memory.eviction import forgets_newest_first, forgets_oldest
from per_audit.graph.memory.shared import also_drawn, holder, memories
from per_audit.graph.memory.stored import is_seldom_full, never_full, once_full, room_of
from per_audit.graph.memory.unfed import is_never_fed
from per_audit.graph.prioritised.priorities.whose import name_of_filled
from per_audit.graph.recognise.learning.chosen import is_of_chosen
from per_audit.graph.recognise.rows.followed import holds_next_actions
from per_audit.rule import Example, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayBuffer, ReplayGraph


class RareEventsNotPreserved(Rule):
    """The oldest transition is overwritten whatever it holds, so that rare events leave the memory as fast as the rest.

    ## What it does

    Notes a uniform replay buffer that is seen to evict first in, first out (a deque with a limit, `pop(0)`, a ring),
    and a buffer or sampler of the reference package whose protection of rare events is switched off
    (`rare_fraction=0`). It is a hint about policy and never fails a run.

    ## Why is this bad

    Where a reward comes once in ten thousand steps, a memory of that size holds one such event at a time, and a batch
    of 32 sees it in three of a thousand draws before it is gone. A small protected set keeps such events at hand.

    ## Known problems

    A memory that has room for all that the loops of the program count out forgets nothing, and is not noted; neither is
    one beside which another keeps chosen transitions, such as those with a reward, of which each batch has a share.
    Nor is one that is filled from a data set at once, and whose method to store a transition nothing calls, or one
    whose rows hold the next action, as those of SARSA do: it learns what its policy is worth, not an earlier one.
    Where the loops cannot be counted out, the message says that it is not known whether a run stores as much. Left out
    are memories that few such runs fill: those with room for half a million transitions or more, and, where at least
    the episodes are counted, for 200 steps of each.
    Where rewards are dense there are no rare events to protect, and a protected set adds staleness: leave it off.
    The finding stands beside `uniform-only-sampling`, since the same change repairs both.

    ## Example

    ```python
    memory = deque(maxlen=10_000)
    ```

    ## Use instead

    ```python
    memory = PrioritizedReplayBuffer(10_000, rare_fraction=0.25)
    ```

    ## Fix safety

    Repaired together with `uniform-only-sampling`; it has no fix of its own.

    ## References

    - Schaul et al. 2015, Prioritized Experience Replay, arXiv:1511.05952, section 6, prioritized memories
    """

    code = "PER002"
    name = "rare-events-not-preserved"
    severity = Severity.INFO

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:
        """One hint for each uniform buffer that evicts the oldest, and each reference buffer that protects nothing."""
        for buffers in memories(graph):
            noted = (finding for buffer in buffers if (finding := self._noted(graph, buffer, buffers)) is not None)
            yield from islice(noted, 1)
        for made in graph.reference_buffers():
            fraction = made.node.argument(None, "rare_fraction")
            if fraction is not None and graph.events.value(fraction).literal() in (0, 0.0):
                place = graph.place(made.path, made.node)
                evidence = (graph.evidence(made.path, fraction, "made", "rare events are switched off here"),)
                message = "this buffer protects no rare events (rare_fraction=0)"
                yield self._finding(message, place, graph.symbol(made.function, made.path), evidence)

    def _noted(self, graph: ReplayGraph, buffer: ReplayBuffer, memory: list[ReplayBuffer]) -> Finding | None:
        if is_of_chosen(graph, buffer) or is_never_fed(graph, buffer) or holds_next_actions(buffer):
            return None  # what an earlier policy did teaches one of SARSA's less, rare or not
        if _holds_episodes(buffer) or is_seldom_full(graph, buffer):
            return None  # how much a run stores is not counted
        if not forgets_oldest(graph, buffer) or never_full(graph, buffer) is not None:
            return None
        when = once_full(graph, buffer, room_of(graph, buffer))
        name = name_of_filled(graph, holder(graph, memory))
        order = "its oldest transitions first"
        if forgets_newest_first(graph, buffer):
            order = "the newest of its first transitions, and from then on the oldest first"
        message = f"{name} forgets {order}, rare events included, {when}"
        place = graph.place(buffer.path, buffer.draws[0])
        _, links = also_drawn(graph, (each for each in memory if each is not buffer))
        evidence = (*graph.chain(buffer), *links)
        return self._finding(message, place, graph.symbol(buffer.function, buffer.path), evidence)

    def _finding(self, message: str, place: Place, symbol: str, evidence: tuple[Evidence, ...]) -> Finding:
        offer = FixOffer(title="keep rare events in a protected set", reason="repaired with uniform-only-sampling")
        return Finding(self.code, self.name, self.severity, "medium", message, place, symbol, evidence, offer)

    def witness(self) -> str:
        """With one event in 10,000 steps and a memory of 10,000, uniform batches hardly ever hold one."""
        import numpy as np

        rng = np.random.default_rng(0)
        steps, size, batch = 200_000, 10_000, 32
        rare = rng.random(steps) < 1e-4
        seen = sum(rare[rng.integers(now - size, now, batch)].any() for now in range(size, steps, 100))
        share = seen / len(range(size, steps, 100))
        assert share < 0.01
        return f"a rare event (1 in 10,000) is in {share:.2%} of the batches"

    bad = (
        Example(
            "a bounded deque",
            {
                "agent.py": """import random
from collections import deque


class Agent:
    def __init__(self, model):
        self.model, self.past = model, deque(maxlen=5000)

    def keep(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))

    def learn(self):
        self.model.fit(random.sample(self.past, 32))  # <- PER001 PER002
"""
            },
        ),
        Example(
            "more steps than there is room for",
            {
                "train.py": """import random
from collections import deque

import gymnasium as gym


class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001 PER002


def train(model, episodes=300):
    env, past = gym.make("CartPole-v1"), Past(100_000)
    for _ in range(episodes):
        state, done = env.reset(), False
        while not done:
            action = model.act(state)
            next_state, reward, done, _ = env.step(action)
            past.keep(state, action, reward, next_state, done)
            state = next_state
            model.fit(past.some(32))
"""
            },
        ),
        Example(
            "the reference buffer with its protection off",
            {
                "train.py": """from experience_replay_optimizer import PrioritizedReplayBuffer

memory = PrioritizedReplayBuffer(10_000, rare_fraction=0)  # <- PER002
"""
            },
        ),
        Example(
            "a deque that is turned once it is full, so that the newest go first",
            {
                "agent.py": """import random
from collections import deque


class Agent:
    def __init__(self, model):
        self.model, self.past = model, deque()

    def keep(self, state, action, reward, next_state, done):
        if len(self.past) < 5000:
            self.past.append((state, action, reward, next_state, done))
        else:
            self.past.pop()
            self.past.appendleft((state, action, reward, next_state, done))

    def learn(self):
        self.model.fit(random.sample(self.past, 32))  # <- PER001 PER002
"""
            },
        ),
        Example(
            "two methods that draw from one memory",
            {
                "store.py": """import random
from collections import deque


class Store:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def plain(self, n):
        return random.sample(self.rows, n)  # <- PER001 PER002

    def turned(self, n):
        return [(turn(state), *rest) for state, *rest in random.sample(self.rows, n)]


def turn(image):
    return image[::-1]


def learn(net, store, turns):
    batch = store.turned(32) if turns else store.plain(32)
    net.loss(batch).backward()
""",
            },
        ),
    )
    good = (
        Example(
            "windows of whole episodes",
            {
                "episodes.py": """import random
from collections import deque


class Episodes:
    def __init__(self):
        self.kept = deque(maxlen=100)

    def keep(self, episode):
        self.kept.append(episode)

    def windows(self, n, length):
        found = []
        for episode in random.sample(self.kept, n):  # <- PER001
            at = random.randint(0, len(episode) - length)
            found.append(episode[at : at + length])
        return found


def train(env, net, learn):
    memory = Episodes()
    for _ in range(10_000):
        steps, state, done = [], env.reset(), False
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            steps.append((state, action, reward, next_state, done))
            state = next_state
        memory.keep(steps)
        loss = net.loss(memory.windows(4, 8))
        loss.backward()
        learn()
"""
            },
        ),
        Example(
            "a list in the order of its rewards, of which the smallest goes first",
            {
                "agent.py": """import random

LIMIT = 20_000


class Agent:
    def __init__(self, model):
        self.model, self.past = model, []

    def keep(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        self.past.sort(key=lambda row: row[2])
        if len(self.past) > LIMIT:
            self.past.pop(0)

    def learn(self):
        self.model.fit(random.sample(self.past, 32))  # <- PER001
"""
            },
        ),
        Example(
            "a second memory of transitions with a reward, in each batch",
            {
                "agent.py": """import random
from collections import deque


class Memory:
    def __init__(self, size):
        self.rows, self.found = deque(maxlen=size), deque(maxlen=size // 4)

    def push(self, state, action, reward, next_state, done):
        row = (state, action, reward, next_state, done)
        self.rows.append(row)
        if reward > 0:
            self.found.append(row)

    def sample(self, n):
        few = min(n // 4, len(self.found))
        return random.sample(self.found, few) + random.sample(self.rows, n - few)  # <- PER001 PER001


def train(env, net, optimizer):
    memory, state = Memory(20_000), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push(state, 0, reward, next_state, done)
        state = env.reset() if done else next_state
        net.loss(memory.sample(32)).backward()
        optimizer.step()
"""
            },
        ),
        Example(
            "the reference buffer as it comes",
            {
                "train.py": """from experience_replay_optimizer import PrioritizedReplayBuffer

memory = PrioritizedReplayBuffer(10_000)
"""
            },
        ),
        Example(
            "a memory that stays as it is once it is full",
            {
                "agent.py": """import random


class Agent:
    def __init__(self, model, limit):
        self.model, self.past, self.limit = model, [], limit

    def keep(self, state, action, reward, next_state, done):
        self.past.append((state, action, reward, next_state, done))
        if len(self.past) > self.limit:
            self.past.pop()

    def learn(self):
        self.model.fit(random.sample(self.past, 32))  # <- PER001
"""
            },
        ),
        Example(
            "room for half a million transitions, of a run whose length is not told",
            {
                "agent.py": bad[0]
                .plain["agent.py"]
                .replace("maxlen=5000", "maxlen=500_000")
                .replace("PER001 PER002", "PER001")
            },
        ),
        Example(
            "room for more steps than the program makes",
            {
                "train.py": """import argparse
import random
from collections import deque

parser = argparse.ArgumentParser()
parser.add_argument("--episodes", type=int, default=300)
options = parser.parse_args()


class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)  # <- PER001


def train(env, model, episodes):
    past = Past(100_000)
    for _ in range(episodes):
        state = env.reset()
        for step in range(200):
            action = model.act(state)
            next_state, reward, done, _ = env.step(action)
            past.keep(state, action, reward, next_state, done)
            state = next_state
            model.fit(past.some(32))
            if done:
                break


train(make(), net(), options.episodes)
"""
            },
        ),
        Example(
            "a memory that is filled from a data set at once",
            {
                "buffer.py": """import numpy as np


class Buffer:
    def __init__(self, width, size=1_000_000):
        self.states, self.rewards, self.following = np.zeros((size, width)), np.zeros(size), np.zeros((size, width))
        self.at, self.count, self.size = 0, 0, size

    def add(self, state, reward, next_state):
        self.states[self.at], self.rewards[self.at], self.following[self.at] = state, reward, next_state
        self.at, self.count = (self.at + 1) % self.size, min(self.count + 1, self.size)

    def load(self, data):
        self.states, self.rewards, self.following = data["states"], data["rewards"], data["following"]
        self.count = len(self.rewards)

    def sample(self, n):
        chosen = np.random.randint(0, self.count, n)  # <- PER001
        return self.states[chosen], self.rewards[chosen], self.following[chosen]
""",
                "train.py": """import sys

import numpy as np

from buffer import Buffer
from model import Net


def main(steps=100_000):
    buffer, net = Buffer(4), Net()
    buffer.load(np.load(sys.argv[1]))
    for _ in range(steps):
        states, rewards, following = buffer.sample(64)
        net.loss(states, rewards, following).backward()
        net.step()


main()
""",
            },
        ),
        Example(
            "no replay memory",
            {"tail.py": "from collections import deque\n\nlast = deque(maxlen=100)\nlast.append(3)\n"},
        ),
        Example(
            "rows of SARSA, which hold the next action",
            {
                "sarsa.py": """import random
from collections import deque


def run(env, policy, fit, steps=50_000):
    recent = deque(maxlen=500)
    state = env.reset()
    action = policy(state)
    for _ in range(steps):
        next_state, reward, done, _ = env.step(action)
        next_action = policy(next_state)
        recent.append((state, action, reward, next_state, next_action, done))
        if len(recent) >= 32:
            fit(random.sample(recent, 32))  # <- PER001
        state, action = (env.reset(), policy(state)) if done else (next_state, next_action)
"""
            },
        ),
        Example(
            "episodes in the making, of which the oldest goes once all hold too many transitions",
            {
                "episodes.py": """import random
from collections import deque


class Episodes:
    def __init__(self, size):
        self.kept, self.size, self.count = deque(), size, 0
        self.kept.append([])

    def keep(self, row, is_last):
        if self.count >= self.size:
            self.count -= len(self.kept[0])
            self.kept.popleft()
        self.kept[-1].append(row)
        self.count += 1
        if is_last:
            self.kept.append([])

    def read(self, places):
        return [self.kept[episode][step] for episode, step in places]

    def some(self, n):
        episodes = [random.randint(0, len(self.kept) - 2) for _ in range(n)]
        steps = [random.randint(0, len(self.kept[episode]) - 1) for episode in episodes]  # <- PER001
        return self.read(zip(episodes, steps))


def train(env, net, optimizer, steps=200_000):
    memory, state = Episodes(2_000), env.reset()
    for _ in range(steps):
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.keep((state, action, reward, next_state, done), done)
        state = env.reset() if done else next_state
        net.loss(memory.some(32)).backward()
        optimizer.step()
"""
            },
        ),
    )


def _holds_episodes(buffer: ReplayBuffer) -> bool:
    """Whether lists of steps, whole episodes, are what the buffer stores."""
    return bool(buffer.stores) and all(
        any(isinstance(atom, Alloc) for atom in store.value.atoms) and not (roles_in(store.value) | store.roles)
        for store in buffer.stores
    )
