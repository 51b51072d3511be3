"""What is a replay buffer, what is none, and how it is described."""

import json

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

MEMORY = """
    import random
    from collections import deque


    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)
"""
TRAIN = """
    from memory import Memory


    def train(env, net, optimizer):
        memory = Memory(100)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            loss = net.loss(memory.sample(8))
            loss.backward()
            optimizer.step()
"""


def kinds(graph):
    return [buffer.kind for buffer in graph.buffers]


def test_a_pipeline_is_described_from_its_making_to_its_loss(project):
    graph = project(memory=MEMORY, train=TRAIN)
    (pipeline,) = graph.describe()
    assert json.loads(json.dumps(pipeline)) == pipeline
    assert (pipeline["name"], pipeline["kind"], pipeline["path"]) == ("Memory", UNIFORM, "memory.py")
    assert [spot["path"] for spot in pipeline["made"]] == ["train.py"]
    assert [spot["path"] for spot in pipeline["stored"]] == ["memory.py"]
    assert [spot["line"] for spot in pipeline["sampled"]] == [13]
    assert [spot["line"] for spot in pipeline["learnt"]] == [14]
    assert pipeline["roles"] == ["action", "done", "next", "reward", "state"]


@pytest.mark.parametrize(
    "rows",
    [
        "self.rows.append(Row(state, action, reward, next_state, done))",
        "self.rows.append(dict(s=state, a=action, reward=reward, next_state=next_state, done=done))",
        "self.rows.append({'state': state, 'reward': reward, 'next_state': next_state, 'done': done})",
        "row = np.hstack((state, [action, reward], next_state, float(done)))\n            self.rows.append(row)",
        "self.rows.append(Record(state, action, reward, next_state, done))",
        "self.rows.append(Typed(state, action, reward, next_state, done))",
        "self.rows += [(state, action, reward, next_state, done)]",
        "self.rows = self.rows + [(state, action, reward, next_state, done)]",
    ],
)
def test_transitions_are_known_in_any_form(project, rows):
    graph = project(f"""
    import random
    from dataclasses import dataclass
    from collections import namedtuple
    from typing import NamedTuple
    import numpy as np

    Row = namedtuple("Row", "s a r s2 d")


    @dataclass
    class Record:
        state: object
        action: int
        reward: float
        next_state: object
        done: bool


    class Typed(NamedTuple):
        state: object
        action: int
        reward: float
        next_state: object
        done: bool


    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            {rows}

        def sample(self, n):
            if n > len(self.rows):
                return []
            return random.sample(self.rows, n)
    """)
    assert kinds(graph) == [UNIFORM]


@pytest.mark.parametrize(
    "draw",
    [
        "random.sample(self.rows, 4)",
        "random.choices(self.rows, k=4)",
        "[random.choice(self.rows) for _ in range(4)]",
        "[self.rows[i] for i in np.random.randint(0, 9, 4)]",
        "[self.rows[i] for i in np.random.choice(len(self.rows), 4, replace=False)]",
        "[self.rows[int(i)] for i in torch.randint(len(self.rows), (4,))]",
        "[self.rows[i] for i in np.random.permutation(len(self.rows))[:4]]",
        "[self.rows[i] for i in self.rng.integers(len(self.rows), size=4)]",
        "[self.rows[i] for i in pick(range(len(self.rows)), 4)]",
        "[self.rows[(start + i) % 9] for start in [random.randrange(9)] for i in range(4)]",
    ],
)
def test_uniform_draws_are_known_in_any_form(project, draw):
    graph = project(f"""
    import random
    from random import sample as pick
    import numpy as np
    import torch


    class Memory:
        def __init__(self):
            self.rows, self.rng = [], np.random.default_rng(0)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self):
            return {draw}
    """)
    assert kinds(graph) == [UNIFORM]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "an action is chosen",
            """
            import numpy as np

            class Agent:
                def __init__(self):
                    self.actions = [0, 1]

                def act(self, env, state):
                    action = np.random.choice(self.actions)
                    next_state, reward, done, _ = env.step(action)
                    return state, action, reward, next_state, done
            """,
        ),
        (
            "a place to overwrite",
            """
            import random

            class Memory:
                def __init__(self):
                    self.rows = []

                def add(self, state, action, reward, next_state, done):
                    self.rows[random.randrange(9)] = (state, action, reward, next_state, done)
            """,
        ),
        (
            "an environment",
            """
            import numpy as np

            class World:
                def __init__(self):
                    self.table = []

                def reset(self):
                    self.table.append((0, 1, 2.0, 3, False))
                    return 0

                def step(self, action):
                    state, action, reward, next_state, done = self.table[np.random.randint(3)]
                    return next_state, reward, done
            """,
        ),
        (
            "policy gradients",
            """
            import numpy as np

            class Rollout:
                def __init__(self):
                    self.rows = []

                def add(self, state, action, reward, done, log_prob, value):
                    self.rows.append((state, action, reward, done, log_prob, value))

                def sample(self):
                    return [self.rows[i] for i in np.random.choice(len(self.rows), 8)]
            """,
        ),
        (
            "a particle filter",
            """
            import numpy as np

            class Filter:
                def __init__(self, n):
                    self.n, self.particles, self.mass = n, [], np.ones(n)

                def resample(self):
                    index = np.searchsorted(np.cumsum(self.mass), np.random.random(self.n))
                    self.particles = [self.particles[i] for i in index]
                    self.mass[:] = self.mass[index]

                def weights(self, beta):
                    return (self.n * self.mass) ** -beta
            """,
        ),
        (
            "a shuffled pass",
            """
            import numpy as np

            def epoch(rows, net):
                rows.append((1, 2, 3))
                for i in np.random.permutation(len(rows)):
                    state, reward, next_state = rows[i]
                    net.loss(state, reward, next_state).backward()
            """,
        ),
    ],
)
def test_what_only_looks_like_replay(project, name, text):
    assert project(text).buffers == []


def test_probabilities_of_one_draw_that_are_narrowed_to_it_are_no_population(project):
    graph = project("""
    import numpy as np


    class Memory:
        def __init__(self):
            self.rows, self.priorities = [], []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.priorities.append(1.0)

        def sample(self, beta):
            self.p = np.array(self.priorities) / sum(self.priorities)
            index = np.random.choice(len(self.rows), 8, p=self.p)
            self.p = self.p[index]
            return [self.rows[i] for i in index], (len(self.rows) * self.p) ** -beta
    """)
    assert [buffer.kind for buffer in graph.buffers] == ["prioritised"]


@pytest.mark.parametrize(
    "draw",
    [
        "picked = self.tree.sample(4) if self.prioritized else np.random.randint(0, 9, 4)",
        "if args.use_per:\n                picked = self.by_priority(4)\n            else:\n"
        "                picked = np.random.randint(0, 9, 4)",
    ],
)
def test_a_switch_to_priorities_is_no_uniform_only_draw(project, draw):
    graph = project(f"""
    import numpy as np


    class Memory:
        def __init__(self, tree, prioritized):
            self.rows, self.tree, self.prioritized = [None] * 9, tree, prioritized

        def add(self, state, action, reward, next_state, done):
            self.rows[0] = (state, action, reward, next_state, done)

        def sample(self, args):
            {draw}
            return [self.rows[i] for i in picked]
    """)
    assert graph.buffers == []


def test_a_switch_where_the_buffer_is_made(project):
    made = TRAIN.replace("Memory(100)", "other() if net.prioritised else Memory(100)")
    assert project(memory=MEMORY, train=made).buffers == []


def test_a_method_that_nobody_calls_beside_one_that_is(project):
    text = MEMORY + "\n        def recent(self, n):\n            return random.choices(self.rows, k=n)\n"
    graph = project(memory=text, train=TRAIN)
    assert [buffer.function.name for buffer in graph.buffers] == ["sample"]


def test_one_memory_for_each_action_is_no_uniform_draw(project):
    graph = project("""
    import random


    class Balanced:
        def __init__(self, actions):
            self.rows = {action: [] for action in range(actions)}

        def add(self, state, action, reward, next_state, done):
            self.rows[action].append((state, action, reward, next_state, done))

        def sample(self, n):
            batch = []
            for action in self.rows:
                memory = self.rows[action]
                batch += random.sample(memory, n)
            return batch
    """)
    assert graph.buffers == []


LIBRARY = """
    from tianshou.data import Collector, {name}
    from tianshou.policy import {policy}


    def main(policy, envs):
        buffer = {name}(1000, 4)
        collector = Collector(policy, envs, buffer)
        {more}
        return collector
"""


@pytest.mark.parametrize(
    ("name", "policy", "more", "path", "found"),
    [
        ("VectorReplayBuffer", "DQNPolicy", "", "train.py", [False]),
        ("PrioritizedVectorReplayBuffer", "DQNPolicy", "", "train.py", [True]),
        ("VectorReplayBuffer", "PPOPolicy", "", "train.py", []),
        ("VectorReplayBuffer", "DQNPolicy", "buffer.reset()", "train.py", []),
        ("VectorReplayBuffer", "DQNPolicy", "", "tests/test_train.py", []),
        ("VectorReplayBuffer", "DQNPolicy", "", "tianshou/highlevel/train.py", []),
        ("SomethingElse", "DQNPolicy", "", "train.py", []),
    ],
)
def test_buffers_of_libraries(project, name, policy, more, path, found):
    text = LIBRARY.format(name=name, policy=policy, more=more)
    graph = project(**{path.removesuffix(".py").replace("/", "__"): text})
    assert [buffer.prioritised for buffer in graph.library] == found
    assert [p["kind"] for p in graph.describe()] == [PRIORITISED if p else UNIFORM for p in found]


@pytest.mark.parametrize(
    ("sampler", "found"),
    [("", 1), ("sampler=RandomSampler()", 1), ("sampler=SamplerWithoutReplacement()", 0), ("sampler=given", 0)],
)
def test_a_sampler_decides_how_a_torchrl_buffer_draws(project, sampler, found):
    graph = project(f"""
    from torchrl.data import ReplayBuffer
    from torchrl.data.replay_buffers.samplers import RandomSampler, SamplerWithoutReplacement


    def main(loss_module, optimizer, given, collector):
        memory = ReplayBuffer({sampler})
        for data in collector:
            memory.extend(data)
            loss_module(memory.sample(32)).backward()
            optimizer.step()
    """)
    assert len(graph.library) == found


def test_uses_of_the_reference_package_are_prioritised_and_updated(project):
    graph = project("""
    from experience_replay_optimizer import PrioritizedReplayBuffer, importance_weighted_loss


    def train(env, net, optimizer):
        memory = PrioritizedReplayBuffer(1000)
        state = env.reset()
        while True:
            next_state, reward, done, _ = env.step(0)
            memory.add(state, 0, reward, next_state, done)
            batch, weights, indices = memory.sample(8)
            loss = importance_weighted_loss(net.squared_errors(batch), weights)
            loss.backward()
            memory.update_priorities(indices, net.errors(batch))
    """)
    (buffer,) = graph.buffers
    about = graph.priorities(buffer)
    assert buffer.kind == PRIORITISED
    assert about.is_reference
    assert about.in_use
    assert about.updated()
    assert about.weights_used()
    assert [site.path for site in graph.reference_buffers()] == ["main.py"]


def test_nothing_is_verified_until_the_audit_says_so(project):
    graph = project(memory=MEMORY)
    (buffer,) = graph.buffers
    assert graph.files_of(buffer) == {"memory.py"}
    assert not graph.verified(graph.files_of(buffer))


def test_what_an_environment_makes_of_returns_is_a_state_where_it_is_called_one(project):
    market = """
        import numpy as np


        class Market:
            def reset(self):
                self.log_returns = [0.0] * 6
                return np.array(list(self.log_returns))

            def step(self, action):
                return np.array(list(self.log_returns)), -1.0, False, None
    """
    main = """
        from market import Market
        from train import train

        train(Market(), make_net(), make_optimizer())
    """
    assert kinds(project(main=main, market=market, memory=MEMORY, train=TRAIN)) == [UNIFORM]


def test_a_goal_from_later_in_the_episode_is_no_draw_from_a_memory(project):
    graph = project("""
    import random

    def relabel(env, memory):
        episode = []
        state = env.reset()
        for step in range(50):
            next_state, reward, done, _ = env.step(0)
            episode.append((state, 0, reward, next_state, done))
            state = next_state
        for t in range(len(episode)):
            later = random.randint(t, len(episode) - 1)
            state, action, reward, next_state, done = episode[later]
            memory.put(state, action, reward, next_state)
    """)
    assert graph.buffers == []


@pytest.mark.parametrize(
    ("called", "found"),
    [
        ("for t, step in enumerate(episode): self.relabel(episode, t)", 0),
        ("for t, step in enumerate(episode): self.relabel(at=t, episode=episode)", 0),
        ("self.relabel(episode, self.start)", 1),
    ],
)
def test_a_goal_that_a_method_draws_from_after_a_step_that_its_callers_count(project, called, found):
    graph = project(f"""
    import numpy as np

    class Learner:
        def __init__(self, env, memory, start):
            self.env, self.memory, self.start = env, memory, start

        def play(self):
            episode = []
            state = self.env.reset()
            for step in range(50):
                next_state, reward, done, _ = self.env.step(0)
                episode.append((state, 0, reward, next_state, done))
                state = next_state
            {called}

        def relabel(self, episode, at):
            for goal in [self.later(episode, at) for _ in range(4)]:
                state, action, reward, next_state, done = episode[goal]
                self.memory.put(state, action, reward, next_state)

        def later(self, episode, at):
            return np.random.choice(np.arange(at + 1, len(episode)))
    """)
    assert len(graph.buffers) == found


@pytest.mark.parametrize(("parameters", "found"), [("action=None, light=''", 0), ("action", 0), ("", 1)])
def test_a_start_that_an_environment_draws_whose_action_may_be_left_out(project, parameters, found):
    graph = project(f"""
    import random

    class WorldEnv:
        def __init__(self, world):
            self.world, self.starts = world, []

        def see(self, state, reward, next_state, done):
            self.starts.append((state, reward, next_state, done))
            if len(self.starts) > 99:
                self.starts.pop(0)

        def reset(self):
            return random.sample(self.starts, 1)

        def step(self, {parameters}):
            return self.world.state, self.world.reward, False, {{}}
    """)
    assert len(graph.buffers) == found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("pick(self.rows, 8)", []),
        ("pick(self.rows, 8, p=None)", []),
        ("pick(self.rows, 8, self.masses)", [PRIORITISED]),
        ("pick(self.rows, 8, p=self.masses)", [PRIORITISED]),
        ("pick(self.rows, *self.settings)", [PRIORITISED]),
    ],
)
def test_a_helper_whose_probabilities_are_left_out(project, call, found):
    graph = project(f"""
    import numpy as np

    def pick(items, size, p=None):
        return [items[i] for i in np.random.choice(range(len(items)), size=size, p=p)]

    class Learner:
        def __init__(self, net, masses, settings):
            self.net, self.rows, self.masses, self.settings = net, [], masses, settings

        def act(self, actions):
            return pick([0, 1, 2], 1, p=self.net(actions))[0]

        def keep(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 1000:
                self.rows.pop(0)

        def learn(self):
            self.net.loss({call}).backward()
    """)
    assert kinds(graph) == found


def test_a_base_whose_heir_draws_by_priority_in_its_place_is_not_uniform(project):
    graph = project("""
    import numpy as np

    class Base:
        def __init__(self, size):
            self.rows, self.size, self.at = [None] * size, size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n):
            return [self.rows[i] for i in np.random.randint(0, self.size, n)]

    class Prioritised(Base):
        def __init__(self, size):
            super().__init__(size)
            self.priorities = np.ones(size)

        def sample(self, n):
            return [self.rows[i] for i in np.random.choice(self.size, n, p=self.priorities / self.priorities.sum())]

    memory = Prioritised(10)
    memory.add(1, 2, 3.0, 4, False)
    memory.sample(4)
    """)
    assert [buffer.kind for buffer in graph.buffers] == [PRIORITISED]


def test_weights_that_an_array_is_filled_with_one_by_one_reach_the_loss(project):
    graph = project("""
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.priorities[self.at % self.size] = 1.0
            self.at += 1

        def sample(self, n, beta):
            p = self.priorities / self.priorities.sum()
            slots = np.random.choice(self.size, n, p=p)
            weights = np.empty(n)
            for k in range(n):
                weights[k] = (self.size * p[slots[k]]) ** -beta
            return [self.rows[i] for i in slots], slots, weights

    def train(net, memory: Memory, steps):
        memory = Memory(10)
        for step in range(steps):
            batch, slots, weights = memory.sample(4, 0.5)
            loss = (net.errors(batch) ** 2 * torch.from_numpy(weights)).mean()
            loss.backward()
    """)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).weights_used()


def test_windows_of_steps_that_are_drawn_by_priority_are_transitions(project):
    graph = project(
        """
        from collections import namedtuple
        import numpy as np

        Step = namedtuple("Step", ["state", "action", "reward", "next_state"])

        class Traces:
            def __init__(self, length):
                self.traces, self.scores, self.window, self.length = [], np.array([]), [], length

            def put(self, state, action, reward, next_state):
                self.window.append(Step(state, action, reward, next_state))
                if len(self.window) < self.length:
                    return
                self.traces.append(tuple(self.window))
                self.scores = np.append(self.scores, 1.0)
                self.window = self.window[1:]

            def get(self, n):
                p = self.scores ** 0.6
                self.last = np.random.choice(len(self.traces), n, p=p / p.sum())
                return [self.traces[i] for i in self.last]

        def train(memory, net):
            net.loss(memory.get(8)).backward()
        """
    )
    assert kinds(graph) == [PRIORITISED]


def test_goals_that_an_environment_draws_are_no_positions_in_a_memory(project):
    graph = project(
        """
        import numpy as np

        class PointEnv:
            def reset(self):
                self.at, self.goal = 0.0, np.random.uniform(-2, 2)
                return self.at - self.goal

            def step(self, action):
                self.at += action
                return Step(observation=self.at - self.goal, reward=-abs(self.at - self.goal))

        class Step:
            def __init__(self, observation, reward):
                self.observation, self.reward = observation, reward

        class Table:
            def __init__(self):
                self.sums, self.rows = np.zeros(16), [None] * 8

            def find(self, left):
                at = 1
                while at < 8:
                    at = 2 * at
                    if left > self.sums[at]:
                        left = left - self.sums[at]
                        at += 1
                return at - 8

        class Worker:
            def __init__(self):
                self.env, self.table, self.steps = PointEnv(), Table(), []

            def play(self, policy):
                observation = self.env.reset()
                cell = self.table.find(observation)
                self.steps.append((observation, policy(cell), self.env.step(0.1).reward, self.table.rows[cell]))
                state, action, reward, next_state = self.steps[cell]
                return reward
        """
    )
    assert kinds(graph) == []


def test_a_bootstrap_of_all_data_for_each_model_of_an_ensemble_is_no_batch(project):
    text = """
        import numpy as np

        class Rows:
            def __init__(self, size):
                self.rows, self.count = np.zeros((size, 9)), 0

            def add(self, state, action, reward, next_state, done):
                self.rows[self.count] = np.hstack((state, action, reward, next_state, done))
                self.count += 1

            def draw(self, models):
                return self.rows[np.random.choice(self.count, size={size})]

        def main(rows, net):
            net.loss(rows.draw(5)).backward()
        """
    assert kinds(project(text.format(size="(models, 32)"))) == [UNIFORM]
    assert kinds(project(text.format(size="(models, self.count)"))) == []


def test_tables_of_an_environment_that_actions_are_looked_up_in_are_no_memory(project):
    graph = project(
        """
        import numpy as np
        from gym.envs.toy_text.discrete import DiscreteEnv

        class Cliff(DiscreteEnv):
            def __init__(self):
                self.P = {}
                for s in range(48):
                    self.P[s] = {}
                    for a in range(4):
                        next_state, reward, done = self.move(s, a)
                        self.P[s][a] = [(1.0, next_state, reward, done)]

            def move(self, s, a):
                return s + a, -1.0, s > 40

            def look(self, state, action):
                for p, next_state, reward, done in self.P[state][action]:
                    return next_state, reward, done

        def main(policy):
            env = Cliff()
            state = 0
            while True:
                chances = policy.predict(state)
                action = np.random.choice(np.arange(4), p=chances)
                next_state, reward, done = env.look(state, action)
                policy.update(state, action, reward, next_state, done)
                state = next_state
        """
    )
    assert kinds(graph) == []


def test_rings_that_a_function_draws_the_indices_of_are_a_memory_whatever_the_policy_learns(project):
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


@pytest.mark.parametrize(
    ("power", "known"),
    [
        ("(1 / self.size * 1 / p[slots]) ** power", True),
        ("np.power(1 / (self.size * p[slots]), power)", True),
        ("(1 / self.size * 1 / p[slots]) ** 0.5", True),
        ("(1 / self.size * 1 / p[slots]) ** 2", False),
        ("(1 / self.size) ** power", False),
        ("(1 / p[slots]) ** self.alpha", False),
    ],
)
def test_a_power_of_one_over_what_was_drawn_is_weights(project, power, known):
    graph = project(f"""
    import numpy as np

    class Memory:
        def __init__(self, size, alpha):
            self.rows, self.mass, self.size, self.alpha, self.at = [None] * size, np.ones(size), size, alpha, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.at += 1

        def sample(self, n, power):
            p = self.mass / self.mass.sum()
            slots = np.random.choice(self.size, n, p=p)
            return [self.rows[i] for i in slots], {power}
    """)
    (buffer,) = graph.buffers
    assert bool(graph.priorities(buffer).weights) is known


def test_a_class_that_a_prioritised_buffer_of_a_library_stands_in_for_is_no_buffer(project):
    source = """
    import random
    import torch
    from collections import deque
    from torchrl.data import ListStorage, PrioritizedReplayBuffer

    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def push(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    memory = PrioritizedReplayBuffer(alpha=0.6, beta=0.4, storage=ListStorage(1000), batch_size=32)

    def learn(net, optimizer):
        batch, info = memory.sample(return_info=True)
        errors = net.errors(batch)
        (torch.as_tensor(info["_weight"]) * errors**2).mean().backward()
        optimizer.step()
        memory.update_priority(info["index"], errors.detach().abs())
    """
    assert kinds(project(source)) == []
    assert kinds(project(source.replace("    def learn", "    spare = Memory(10)\n\n    def learn"))) == [UNIFORM]


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


AROUND = """
import numpy as np, torch

class Plant:
    def __init__(self, net, size):
        self.net = net
        self.states, self.actions, self.rewards, self.ends = [0] * size, [0] * size, np.zeros(size), np.zeros(size)

    def keep(self, at, state, action, reward, done):
        self.states[at], self.actions[at], self.rewards[at], self.ends[at] = state, action, reward, done

    def use(self):
        {made}
        for at in range(len(self.rewards)):
            if {compared} <= self.rewards[at]:
                return self.states[at], self.actions[at], self.rewards[at], self.ends[at]
            {reduced}
"""


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("needed = np.random.rand() * self.rewards.sum()", [PRIORITISED]),
        ("needed = 3 + 2 * (np.random.rand() - 0.5)", []),
    ],
)
def test_noise_about_0_searches_for_nothing(project, made, found):
    text = AROUND.format(made=made, compared="needed", reduced="needed -= self.rewards[at]")
    assert kinds(project(text)) == found


@pytest.mark.parametrize(("many", "found"), [("8", [PRIORITISED]), ("1", [])])
def test_one_drawn_for_each_row_is_an_action(project, many, found):
    made = f"drawn = torch.multinomial(torch.as_tensor(self.rewards), {many}, True)"
    rows = "return [(self.states[i], self.actions[i], self.rewards[i], self.ends[i]) for i in drawn]"
    text = AROUND.format(made=made, compared="0", reduced=rows)
    assert kinds(project(text)) == found


COLUMNS = """
    import numpy as np

    class Store:
        def __init__(self, columns, size):
            self.columns = {name: np.zeros((size, *shape)) for name, shape in columns}
            self.size, self.at = size, 0

        def append(self, row):
            for name, item in zip(row._fields, row):
                self.columns[name][self.at] = item
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            drawn = np.random.randint(0, self.size, n)
            batch = {}
            for name, column in self.columns.items():
                batch[name] = column[drawn]
            return batch
"""


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (("obs", "action", "reward", "next_obs", "done"), [UNIFORM]),
        (("obs", "action", "reward", "done"), []),  # a data set has rewards as well
        (("obs", "action", "advantage", "next_obs", "reward"), []),  # a rollout
        (("image", "label", "next_obs"), []),
    ],
)
def test_a_batch_is_known_by_the_fields_that_learners_read(project, fields, found):
    reads = "\n".join(f"    loss = loss + net(batch['{name}'])" for name in fields)
    learn = "from store import Store\n\ndef learn(store: Store, net, optimizer):\n    batch = store.sample(32)\n"
    learn += f"    loss = 0\n{reads}\n    loss.backward()\n    optimizer.step()\n"
    graph = project(store=COLUMNS, learn=learn)
    assert kinds(graph) == found


TWINS = """
    import random
    from collections import deque

    import numpy as np

    class Plain:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n), np.ones(n), None

    class Prioritised:
        def __init__(self, size):
            self.rows, self.priorities = deque(maxlen=size), deque(maxlen=size)

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.priorities.append(max(self.priorities, default=1.0))

        def sample(self, n):
            p = np.array(self.priorities) ** 0.6
            p /= p.sum()
            drawn = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in drawn], (len(self.rows) * p[drawn]) ** -0.4, drawn

        def update(self, drawn, errors):
            for i, error in zip(drawn, errors):
                self.priorities[i] = abs(error) + 1e-6

    def train(env, net, optimizer, prioritized):
        memory = Prioritised(100_000) if prioritized else Plain(100_000)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            batch, weights, drawn = memory.sample(8)
            errors = net.errors(batch)
            loss = (weights * errors**2).mean()
            loss.backward()
            optimizer.step()
            if drawn is not None:
                memory.update(drawn, errors)
"""


def test_a_uniform_twin_of_a_prioritised_memory_is_known_as_such(project):
    graph = project(TWINS)
    assert [(graph.name_of(buffer), buffer.kind) for buffer in graph.buffers] == [("Prioritised", PRIORITISED)]
    assert [(graph.name_of(buffer), buffer.kind) for buffer in graph.twins] == [("Plain", UNIFORM)]


def test_a_twin_that_nobody_makes_is_none(project):
    graph = project(TWINS.replace("Prioritised(100_000) if prioritized else Plain(100_000)", "Prioritised(100_000)"))
    assert graph.twins == []


def test_a_run_of_a_session_trains_where_it_is_asked_for_what_a_minimisation_made(project):
    graph = project(
        """
        import tensorflow as tf

        class Agent:
            def __init__(self, session):
                self.session = session
                self.states = tf.placeholder(tf.float32, [None, 4])
                self.values = tf.layers.dense(self.states, 2)
                self.loss = tf.reduce_mean(self.values)
                self.train_step = tf.train.AdamOptimizer(1e-3).minimize(self.loss)

            def act(self, state):
                return self.session.run(self.values, feed_dict={self.states: [state]}).argmax()

            def learn(self, states):
                _, loss = self.session.run([self.train_step, self.loss], feed_dict={self.states: states})
                return loss
        """
    )
    learns = {f.name for f in graph.project.class_of if getattr(f, "name", "") and graph.learns(f)}
    assert learns == {"__init__", "learn"}


@pytest.mark.parametrize(
    ("positions", "found"),
    [("np.random.choice(len(self.rows), n, replace=False)", [UNIFORM]), ("[random.randrange(len(self.rows))]", [])],
)
def test_what_is_popped_at_drawn_positions_is_a_batch_unless_it_is_one_to_forget(project, positions, found):
    graph = project(
        f"""
        import random
        import numpy as np

        class Memory:
            def __init__(self):
                self.rows = []

            def add(self, state, action, reward, next_state, done):
                self.rows.append((state, action, reward, next_state, done))

            def take(self, n):
                positions = {positions}
                return [self.rows.pop(i) for i in sorted(positions, reverse=True)]

        def train(memory: Memory, net, optimizer):
            states, actions, rewards, next_states, dones = zip(*memory.take(32))
            loss = net(states, actions, rewards, next_states, dones)
            loss.backward()
            optimizer.step()
        """
    )
    assert kinds(graph) == found


def test_rows_that_are_packed_where_they_are_stored_keep_their_fields(project):
    packed = (
        MEMORY.replace("import random", "import pickle\n    import random\n    import zlib")
        .replace("append((state, action, reward, next_state, done))", "append(zlib.compress(pickle.dumps(row)))")
        .replace("def add(self, state, action, reward, next_state, done)", "def add(self, row)")
        .replace(
            "return random.sample(self.rows, n)",
            "return [pickle.loads(zlib.decompress(row)) for row in random.sample(self.rows, n)]",
        )
    )
    train = TRAIN.replace(
        "memory.add(state, action, reward, next_state, done)", "memory.add((state, action, reward, next_state, done))"
    )
    (buffer,) = project(memory=packed, train=train).buffers
    assert {"reward", "next", "done"} <= buffer.roles


SUMS = """
    import random
    import numpy as np

    class Sums:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.nodes, self.rows = [0.0] * (2 * size), [None] * size

        def put(self, value, row):
            self.rows[self.at] = row
            self.set(self.at + self.size, value)
            self.at = (self.at + 1) % self.size

        def set(self, node, value):
            change = value - self.nodes[node]
            while node:
                self.nodes[node] += change
                node //= 2

        def look(self):
            mass, node = random.uniform(0, self.nodes[1]), 1
            while node < self.size:
                node *= 2
                if mass > self.nodes[node]:
                    mass -= self.nodes[node]
                    node += 1
            return node

        def draw(self):
            node = self.look()
            return node, self.rows[node - self.size]

    def work(pipe, model):
        sums, states, actions, rewards = Sums(1000), [], [], []
        while True:
            sums.put(1.0, pipe.recv())
            found = [sums.draw() for _ in range(32)]
            for node, row in found:
                states.append(row[0])
                actions.append(row[1])
                rewards.append(row[2])
            values = model.predict(np.array(states))
            for i in range(32):
                sums.set(found[i][0], abs(rewards[i] - values[i][actions[i]]))
            model.fit(np.array(states), np.array(rewards))
"""


@pytest.mark.parametrize(
    ("old", "new", "kinds_found"),
    [
        ("", "", [PRIORITISED]),
        ("sums.set(found[i][0], ", "print(", []),  # a lottery
        ("sums.set(found[i][0], abs(", "sums.set(i + 1000, abs(", []),
        ("rewards.append", "labels.append", []),
    ],
)
def test_what_is_found_by_mass_and_rated_anew_is_replay_where_rewards_are_read_of_it(project, old, new, kinds_found):
    text = SUMS.replace(old, new) if old else SUMS
    graph = project(text)
    assert kinds(graph) == kinds_found
    assert all(graph.priorities(buffer).is_about_priorities for buffer in graph.buffers)


WRITTEN_OUT = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.p, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at % self.size] = (state, action, reward, next_state, done)
            self.p[self.at % self.size] = 1.0
            self.at += 1

        def draw(self, n):
            p = self.p / self.p.sum()
            at = np.random.choice(self.size, n, p=p)
            w = (self.size * p[at]) ** -0.4
            return [self.rows[i] for i in at], at, w

        def update(self, at, errors):
            self.p[at] = np.abs(errors) + 1e-6

    def train(env, net, optimizer):
        memory = Memory(1000)
        while True:
            memory.add(*env.transition())
            rows, at, w = memory.draw(8)
            errors = net.errors(rows)
            scaled = (errors.var() + 1e-5) ** -0.5
            loss = (w * errors**2).mean()
            loss.backward()
            optimizer.step()
            memory.update(at, errors)
"""


def test_a_beta_that_is_written_out_makes_weights(project):
    graph = project(WRITTEN_OUT)
    (buffer,) = graph.buffers
    about = graph.priorities(buffer)
    assert [graph.source("main.py", node) for node in about.weights] == ["(self.size * p[at]) ** -0.4"]
    assert about.weights_used()


ROLLOUT = """
    import numpy as np

    class Rollout:
        def __init__(self):
            self.rows = []

        def add(self, *row):
            self.rows.append(row)

        def empty(self):
            self.rows.clear()

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.rollout = net, optimizer, Rollout()

        def update(self):
            rows = list(self.rollout.rows)
            {before}
            for epoch in range(10):
                drawn = np.random.choice(len(rows), 64)
                states, actions, rewards, next_states, dones = zip(*[rows[i] for i in drawn])
                self.net.loss(states, actions, rewards, next_states, dones).backward()
                self.optimizer.step()
            {after}

    def main(env, net, optimizer):
        agent = Agent(net, optimizer)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            agent.rollout.add(state, action, reward, next_state, done)
            state = next_state
            if done:
                agent.update()
"""


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("self.rollout.empty()", "pass", []),
        ("pass", "self.rollout.empty()", []),
        ("pass", "pass", [UNIFORM]),
    ],
)
def test_what_each_update_empties_is_a_rollout(project, before, after, found):
    graph = project(ROLLOUT.replace("{before}", before).replace("{after}", after))
    assert kinds(graph) == found


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


def test_an_action_is_no_position_of_what_is_read_later(project):
    assert kinds(project(ACTIONS)) == []


def test_positions_drawn_one_by_one_for_another_method_are_a_batch(project):
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
