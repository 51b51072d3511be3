"""Which containers of transitions grow without bound."""

import pytest

MAIN = """
import random
from collections import deque


class Memory:
    def __init__(self, size):
        self.rows, self.size = {start}, size

    def push(self, state, action, reward, next_state, done):
        row = (state, action, reward, next_state, done)
        {store}

    def sample(self, n):
        return random.sample(self.rows, n)


def train(env, net, target):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        for s, a, r, s2, d in memory.sample(32):
            net.fit(s, r + (1 - d) * target.predict(s2).max())
"""


@pytest.mark.parametrize(
    ("start", "store", "grows"),
    [
        ("[]", "self.rows.append(row)", True),
        ("deque()", "self.rows.append(row)", True),
        ("deque(maxlen=None)", "self.rows.append(row)", True),
        ("deque(maxlen=999_999_999_999)", "self.rows.append(row)", True),
        ("[]", "self.rows.insert(0, row)", True),
        ("[]", "self.rows.extend([row])", True),
        ("deque(maxlen=size)", "self.rows.append(row)", False),
        ("deque([], size)", "self.rows.append(row)", False),
        ("[None] * size", "self.rows[random.randrange(self.size)] = row", False),
        ("[]", "self.rows.append(row)\n        del self.rows[: -self.size]", False),
        ("[]", "self.rows = (self.rows + [row])[-self.size :]", False),
        ("[]", "self.rows.append(row)\n        while len(self.rows) > self.size:\n            self.rows.pop(0)", False),
        ("[]", "if len(self.rows) < self.size:\n            self.rows.append(row)", False),
    ],
)
def test_growth(project, start, store, grows):
    graph = project(MAIN.format(start=start, store=store))
    stores = [found for buffer in graph.buffers for found in graph.growing_stores(buffer)]
    assert len(graph.buffers) == 1
    assert bool(stores) is grows


@pytest.mark.parametrize(("rounds", "grows"), [("range(100)", False), ("range(steps)", True), ("range(10**6)", True)])
def test_a_list_that_a_script_fills_by_count_is_bounded(project, rounds, grows):
    graph = project(f"""
import random
import sys

steps = int(sys.argv[1])
rows = []
for step in {rounds}:
    rows.append({{"state": 0, "action": 1, "reward": 2.0, "next_state": 3, "done": False}})
learn(random.sample(rows, 8))
""")
    stores = [found for buffer in graph.buffers for found in graph.growing_stores(buffer)]
    assert len(graph.buffers) == 1
    assert bool(stores) is grows


@pytest.mark.parametrize(
    ("made", "grows"),
    [
        ("rows = []\n        for memory in self.memories:\n            rows.extend(list(memory))", False),
        ("rows = self.rows\n        for memory in self.memories:\n            rows.extend(list(memory))", True),
    ],
)
def test_a_list_that_one_call_gathers_from_memories_and_draws_from_keeps_nothing(project, made, grows):
    graph = project(f"""
import random
from collections import deque


class Fleet:
    def __init__(self, workers, net):
        self.net = net
        self.rows = []
        self.memories = [deque(maxlen=10000) for _ in range(workers)]

    def act(self, worker, env, state):
        action = self.net.act(state)
        next_state, reward, done, _ = env.step(action)
        self.memories[worker].append({{
            "state": state, "action": action, "reward": reward, "next_state": next_state, "done": done
        }})
        return next_state

    def learn(self):
        {made}
        for row in random.sample(rows, 32):
            target = row["reward"] + (1 - row["done"]) * self.net.predict(row["next_state"]).max()
            self.net.fit(row["state"], target)


def train(env, net):
    fleet = Fleet(4, net)
    states = [env.reset()] * 4
    while True:
        states = [fleet.act(worker, env, state) for worker, state in enumerate(states)]
        fleet.learn()
""")
    buffers = [*graph.buffers, *graph.twins]
    assert buffers
    assert bool([found for buffer in buffers for found in graph.growing_stores(buffer)]) is grows


COLUMNS = """
    import numpy as np
    from common.segment_tree import SumSegmentTree


    class Ring:
        def __init__(self, size, agents, state_width):
            self.states, self.later, self.rewards = [], [], np.zeros(size)
            self.dones, self.size, self.at, self.count = np.zeros(size), size, 0, 0
            self.tree = SumSegmentTree(size)
            for _ in range(agents):
                self.states.append({made})
                self.later.append({made})

        def put(self, states, rewards, later, dones):
            for agent, state in enumerate(states):
                {first}
                {second}
            self.rewards[self.at], self.dones[self.at] = rewards, dones
            self.tree[self.at] = 1.0
            self.at, self.count = (self.at + 1) % self.size, min(self.count + 1, self.size)

        def places(self, n):
            found = []
            for _ in range(n):
                mass = np.random.random() * self.tree.sum(0, self.count)
                found.append(self.tree.find_prefixsum_idx(mass))
            return found

        def some(self, n):
            at, states, later = self.places(n), [], []
            for i in range({rounds}):
                states.append(self.states[{place}])
                later.append(self.later[{place}])
            return states, self.rewards[at], later, self.dones[at]


    class Other(Ring):
        def __init__(self, *given):
            super().__init__(*given)

        def put(self, *step):
            super().put(*step)


    def learn(ring, net):
        before, gains, after, ends = ring.some(32)
        net.fit(before, gains + 0.99 * (1 - ends) * net.predict(after).max(axis=1))
"""


@pytest.mark.parametrize(
    ("first", "second", "rounds", "place", "grows"),
    [
        ("self.states[agent][self.at] = state", "self.later[agent][self.at] = later[agent]", "3", "i][at", False),
        ("self.states.append(state)", "self.later.append(later[agent])", "n", "at[i]", True),
    ],
)
def test_columns_that_a_constructor_makes_do_not_grow(project, first, second, rounds, place, grows):
    text = COLUMNS.format(made="np.empty([size, state_width])", first=first, second=second, rounds=rounds, place=place)
    graph = project(text)
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows


GAMES = """
    import random
    from collections import deque

    import numpy as np


    class Game:
        def __init__(self):
            self.states, self.actions, self.rewards, self.next_states = [], [], [], []

        def add(self, state, action, reward, next_state):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)
            self.next_states.append(next_state)

        def part(self, n):
            at = random.randrange(len(self.states) - n)
            return self.states[at], self.actions[at], self.rewards[at], self.next_states[at]


    class Games:
        def __init__(self, size):
            self.items, self.size, self.at = {items}, size, 0

        def add(self, game):
            {add}
            self.at += 1

        def some(self, n):
            return [self.items[i] for i in np.random.choice(min(self.at, self.size), n)]


    def play(env, net, games, target):
        {before}for _ in range(1000):
            {inside}state, over = env.reset(), False
            while not over:
                action = net.act(state)
                next_state, reward, over = env.step(action)
                game.add(state, action, reward, next_state)
                state = next_state
                if len(game.states) == 200:
                    games.add(game)
                    {again}
            games.add(game)
            batch = games.some(32)
            for i in range(32):
                before, choice, gain, after = batch[i].part(5)
                net.fit(before, gain + 0.99**5 * target.predict(after).max())


    def main(env, net):
        play(env, net, Games(1000), net)
"""


NEW = "game = Game()\n            "


@pytest.mark.parametrize(
    ("items", "add", "before", "inside", "again", "grows"),
    [
        ("np.zeros(size, dtype=object)", "self.items[self.at % self.size] = game", "", NEW, "game = Game()", False),
        ("deque(maxlen=size)", "self.items.append(game)", "", NEW, "game = Game()", False),
        ("[]", "self.items.append(game)", "", NEW, "game = Game()", True),
        ("deque(maxlen=size)", "self.items.append(game)", "game = Game()\n        ", "", "pass", True),
    ],
)
def test_a_game_that_a_ring_of_games_holds_ends(project, items, add, before, inside, again, grows):
    graph = project(GAMES.format(items=items, add=add, before=before, inside=inside, again=again))
    buffers = [buffer for buffer in graph.buffers if buffer.owner is not None and buffer.owner.name == "Game"]
    assert [bool(graph.growing_stores(buffer)) for buffer in buffers] == [grows]


@pytest.mark.parametrize(
    ("begin", "grows"),
    [
        ("self.rows = [row]", False),
        ("if not self.rows:\n            self.rows = [row]", True),
        ("if self.rows:\n            return\n        self.rows = [row]", True),
        ("self.first = [row]", True),
    ],
)
def test_a_list_of_one_row_takes_the_place_of_all(project, begin, grows):
    begins = f"    def begin(self, row):\n        {begin}\n\n    def sample"
    text = MAIN.format(start="[]", store="self.rows.append(row)").replace("    def sample", begins)
    again = "    state = env.reset()\n    memory.begin((state, 0, 0.0, state, False))\n"
    text = text.replace("    state = env.reset()\n", again)
    graph = project(text)
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows


OBJECTS = """
import random
from collections import deque
{imports}

{row}


class Memory:
    def __init__(self):
        self.rows, self.times = {start}, []

    def push(self, state, action, reward, next_state, done):
        self.rows.append(Row(state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)


def train(env, net, target):
    memory = Memory()
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        for row in memory.sample(32):
            net.fit(row.state, row.reward + (1 - row.done) * target.predict(row.next_state).max())
"""
DATA_CLASS = """@dataclass
class Row:
    state: object
    action: int
    reward: float
    next_state: object
    done: bool
"""
SETTING = """class Row:
    def __init__(self, state, action, reward, next_state, done):
        self.state = state
        self.action = action
        self.reward = reward
        self.next_state = next_state
        self.done = done
"""


@pytest.mark.parametrize("row", [DATA_CLASS, SETTING])
@pytest.mark.parametrize(("start", "grows"), [("[]", True), ("deque()", True), ("deque(maxlen=1000)", False)])
def test_rows_that_are_objects_grow_too(project, row, start, grows):
    graph = project(OBJECTS.format(imports="from dataclasses import dataclass", row=row, start=start))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows
