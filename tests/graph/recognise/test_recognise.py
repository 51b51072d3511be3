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
def test_transitions_are_known_in_any_form(project, rows, kinds):
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
def test_uniform_draws_are_known_in_any_form(project, draw, kinds):
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


def test_a_method_that_nobody_calls_beside_one_that_is(project):
    text = MEMORY + "\n        def recent(self, n):\n            return random.choices(self.rows, k=n)\n"
    graph = project(memory=text, train=TRAIN)
    assert [buffer.function.name for buffer in graph.buffers] == ["sample"]


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


def test_a_class_that_a_prioritised_buffer_of_a_library_stands_in_for_is_no_buffer(project, kinds):
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


def test_a_switch_where_the_buffer_is_made(project):
    made = TRAIN.replace("Memory(100)", "other() if net.prioritised else Memory(100)")
    assert project(memory=MEMORY, train=made).buffers == []


def test_what_an_environment_makes_of_returns_is_a_state_where_it_is_called_one(project, kinds):
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


def test_what_an_environment_tells_is_no_estimate_of_a_policy_whatever_it_was_made_of(project, kinds):
    market = """
        import numpy as np


        class Market:
            def __init__(self):
                self.prices = [1.0, 2.0]

            def reset(self):
                return list(self.prices)

            def step(self, action):
                returns = np.diff(self.prices)
                return list(self.prices), returns[-1], False, None
    """
    main = """
        from market import Market
        from train import train

        train(Market(), make_net(), make_optimizer())
    """
    rows = MEMORY.replace("def add(self, state, action, reward, next_state, done)", "def add(self, *fields)").replace(
        "(state, action, reward, next_state, done)", "Row(*fields)"
    )
    rows = rows.replace(
        "class Memory", 'Row = namedtuple("Row", "state action reward next_state done")\n\n\n    class Memory'
    )
    rows = rows.replace("import deque", "import deque, namedtuple")
    assert kinds(project(main=main, market=market, memory=rows, train=TRAIN)) == [UNIFORM]
    scored = TRAIN.replace("            memory.add", "            reward = scored(net, state)\n            memory.add")
    scored += "\n\n    def scored(net, state):\n        returns = net.foresee(state)\n        return returns\n"
    assert kinds(project(main=main, market=market, memory=rows, train=scored)) == []


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
