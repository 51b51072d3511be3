"""Of which draws the positions are at which a container is read."""

import pytest

from per_audit.graph import UNIFORM


def test_rings_that_a_function_draws_the_indices_of_are_a_memory_whatever_the_policy_learns(project, kinds):
    graph = project(
        """
        import random
        import numpy as np

        class Ring:
            def __init__(self, size):
                self.data, self.at = [None] * size, 0

            def __getitem__(self, i):
                return self.data[i]

            def append(self, value):
                self.data[self.at % len(self.data)] = value
                self.at += 1

        def indices(high, n):
            return random.sample(range(high), n)

        class Memory:
            def __init__(self):
                self.states, self.actions, self.rewards, self.ends = Ring(100), Ring(100), Ring(100), Ring(100)

            def append(self, state, action, reward, done):
                self.states.append(state)
                self.actions.append(action)
                self.rewards.append(reward)
                self.ends.append(done)

            def sample(self, n):
                rows = []
                for i in indices(100, n):
                    rows.append((self.states[i], self.actions[i], self.rewards[i], self.states[i + 1], self.ends[i]))
                return rows

        class Agent:
            def __init__(self, net):
                self.memory, self.table = Memory(), np.zeros(8)

            def play(self, env):
                state = env.reset()
                while True:
                    action = self.table[state].argmax()
                    next_state, reward, done, _ = env.step(action)
                    self.memory.append(state, action, reward, done)
                    for state, action, reward, next_state, done in self.memory.sample(8):
                        self.table[state] += reward + self.table[next_state].max() - self.table[state]
                    state = next_state
        """
    )
    assert kinds(graph) == [UNIFORM]


def test_positions_that_a_class_draws_itself_are_not_those_of_what_it_is_given_with_them(project):
    graph = project(
        """
        import random
        import torch

        class Ranked:
            def __init__(self, size, parts):
                self.rows, self.size, self.parts = [], size, parts

            def add(self, state, action, reward, next_state, done):
                self.rows.append([state, action, reward, next_state, done, 0.0])
                self.rows = self.rows[-self.size :]

            def sample(self, n):
                slots = []
                for k in range(n):
                    slots.append(random.randint(self.parts[k], self.parts[k + 1] - 1))
                return slots, [self.rows[slot] for slot in slots]

            def rate(self, slots, errors):
                for slot, error in map(list, zip(slots, errors)):
                    self.rows[slot][5] = error
                self.rows.sort(key=lambda row: row[5])

        class Agent:
            def __init__(self, net):
                self.net, self.memory = net, Ranked(1000, list(range(0, 1000, 30)))

            def act(self, state):
                if random.random() < 0.1:
                    return random.randint(0, 3)
                return self.net(state).argmax()

            def play(self, env):
                state = env.reset()
                while True:
                    action = self.act(state)
                    next_state, reward, done, _ = env.step(action)
                    self.memory.add(state, action, reward, next_state, done)
                    slots, rows = self.memory.sample(32)
                    errors = self.net.errors(rows)
                    errors.mean().backward()
                    self.memory.rate(slots, errors.detach().numpy())
                    state = next_state
        """
    )
    assert all("randint(0, 3)" not in graph.source(b.path, draw) for b in graph.buffers for draw in b.draws)


ACTIONS = """
    import random
    import numpy as np

    class Agent:
        def __init__(self, net):
            self.net = net

        def act(self, state, epsilon):
            if random.random() < epsilon:
                return np.random.choice(4)
            return self.net(state).argmax()

    class Episodes:
        def __init__(self, size):
            self.rows, self.size = [None] * size, size

        def store(self, number, row):
            self.rows[number % self.size] = row

        def batch(self, number):
            return self.rows[number]

    def main(env, agent: Agent, memory: Episodes, optimizer):
        state, total = env.reset(), 0
        while True:
            action = agent.act(state, 0.1)
            next_state, reward, done, info = env.step(action)
            total += info.length(action)
            memory.store(total, {"obs": state, "action": action, "reward": reward, "next_obs": next_state})
            state = next_state
            row = memory.batch(total)
            loss = agent.net.loss(row["obs"], row["action"], row["reward"], row["next_obs"])
            loss.backward()
            optimizer.step()
"""


def test_an_action_is_no_position_of_what_is_read_later(project, kinds):
    assert kinds(project(ACTIONS)) == []


def test_positions_drawn_one_by_one_for_another_method_are_a_batch(project, kinds):
    graph = project(
        """
        import random

        class Memory:
            def __init__(self, size):
                self.rows, self.size, self.at = [None] * size, size, 0

            def add(self, state, action, reward, next_state, done):
                self.rows[self.at % self.size] = (state, action, reward, next_state, done)
                self.at += 1

            def positions(self, n):
                return [random.randint(0, self.size - 1) for _ in range(n)]

            def at_positions(self, positions):
                return [self.rows[i] for i in positions]

        def train(memories: list, mine: Memory, other: Memory, net, optimizer):
            drawn = mine.positions(32)
            net.loss(mine.at_positions(drawn), other.at_positions(drawn)).backward()
            optimizer.step()
        """
    )
    assert kinds(graph) == [UNIFORM]


SEEDED = """
    import random

    class Workers:
        def __init__(self, start, count):
            {seed}
            self.inner = [start(seed + i) for i in range(count)]
            self.last = {}
            self.collect()

        def collect(self):
            for worker in self.inner:
                out = worker.receive()
                self.last[out.number] = {"obs": out.obs, "action": out.action, "reward": out.reward, "done": out.done}
            return [self.row(out.number) for worker in self.inner for out in worker.pending()]

        def row(self, number):
            return self.last[number]

    def main(start, net, optimizer):
        workers = Workers(start, 8)
        while True:
            for row in workers.collect():
                net.loss(row["obs"], row["action"], row["reward"], row["done"]).backward()
                optimizer.step()
"""


@pytest.mark.parametrize("seed", ["seed = 3", "seed = random.randint(0, 65536)"])
def test_what_a_constructor_draws_is_a_seed(project, kinds, seed):
    assert kinds(project(SEEDED.replace("{seed}", seed))) == []


CHUNKS = """
    import numpy as np

    class Past:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.seen, self.done = np.zeros((size, 4)), np.zeros(size)
            self.actions, self.rewards = np.zeros(size), np.zeros(size)

        def keep(self, observation, action, reward, done):
            self.seen[self.at], self.actions[self.at] = observation, action
            self.rewards[self.at], self.done[self.at] = reward, done
            self.at = (self.at + 1) % self.size

        def _start(self, length):
            {start}

        def _read(self, where):
            return self.seen[where], self.actions[where], self.rewards[where], self.done[where]

        def some(self, n, length):
            return self._read(np.asarray({asked}))

    def train(env, net):
        past, observation = Past(1000), env.reset()
        for _ in range(9000):
            action = net.act(observation)
            observation_after, reward, done, _ = env.step(action)
            past.keep(observation, action, reward, done)
            observation = env.reset() if done else observation_after
            seen, actions, rewards, ends = past.some(32, 8)
            net.loss(seen, actions, rewards, ends).backward()
"""
ONE = "return np.random.randint(0, self.size - length)"
WINDOW = "at = np.random.randint(0, self.size)\n            return np.arange(at, at + length) % self.size"


@pytest.mark.parametrize(
    ("start", "asked", "found"),
    [
        (ONE, "[self._start(length) for _ in range(n)]", [UNIFORM]),
        (WINDOW, "[self._start(length) for _ in range(n)]", [UNIFORM]),
        (ONE, "[self._start(length) for _ in self.seen]", []),
        ("return np.arange(self.size - length, self.size)", "[self._start(length) for _ in range(n)]", []),
    ],
)
def test_a_method_that_is_asked_for_one_position_after_the_other_draws_a_batch(project, kinds, start, asked, found):
    assert kinds(project(CHUNKS.replace("{start}", start).replace("{asked}", asked))) == found


PAIRS = """
    import numpy as np

    class Store:
        def __init__(self, size, horizon, sampler):
            self.sampler, self.size, self.count = sampler, size, 0
            self.table = {
                "observation": np.zeros((size, horizon, 4)), "reached": np.zeros((size, horizon + 1, 3)),
                "goal": np.zeros((size, horizon, 3)), "action": np.zeros((size, horizon, 2)),
                "next_observation": np.zeros((size, horizon, 4)), "reward": np.zeros((size, horizon)),
                "error": np.ones((size, horizon)),
            }

        def add(self, observations, next_observations, reached, goals, actions, rewards, errors):
            at = self.count % self.size
            self.table["observation"][at], self.table["next_observation"][at] = observations, next_observations
            self.table["reached"][at] = reached
            self.table["goal"][at], self.table["action"][at] = goals, actions
            self.table["reward"][at], self.table["error"][at] = rewards, errors
            self.count += 1

        def sample(self, n):
            held = {key: column[: self.count] for key, column in self.table.items()}
            return self.sampler.pick(held, n)

    class Sampler:
        def __init__(self, by_error):
            self.by_error = by_error

        def pick(self, held, n):
            length = held["action"].shape[1]
            episodes = np.random.randint(0, held["action"].shape[0], n)
            steps = np.random.randint(length, size=n)
            later = np.random.randint(length, size=n)
            mass = held["error"][0] / held["error"][0].sum()
            if self.by_error:
                {priority}
            rows = {key: held[key][episodes, steps].copy() for key in held}
            rows["goal"] = held["reached"][episodes, later]
            return rows

    def train(env, agent, by_error):
        store = Store(1000, 50, Sampler(by_error))
        for _ in range(1000):
            store.add(*agent.play(env))
            agent.learn(store.sample(64))
"""


@pytest.mark.parametrize(
    ("priority", "is_twin"),
    [
        ("steps = np.random.choice(length, size=n, p=mass)", True),
        ("steps = np.random.choice(length, size=n)", False),
        ("later = np.random.choice(length, size=n, p=mass)", False),
    ],
)
def test_a_step_of_a_drawn_episode_may_be_drawn_by_priority(project, priority, is_twin):
    graph = project(PAIRS.replace("{priority}", priority))
    assert [bool(graph.twins), bool(graph.buffers)] == [is_twin, not is_twin]
