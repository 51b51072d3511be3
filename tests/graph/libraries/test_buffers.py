"""Small programs written for each library: what is reported of its buffers, and what is not."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM


def made(project, text):
    return [(buffer.name, PRIORITISED if buffer.prioritised else UNIFORM) for buffer in project(text).library]


@pytest.mark.parametrize(
    ("imports", "call", "name"),
    [
        ("from stable_baselines3.common.buffers import ReplayBuffer", "ReplayBuffer(9, o, a)", "ReplayBuffer"),
        ("from stable_baselines3.common import buffers as b", "b.DictReplayBuffer(9, o, a)", "DictReplayBuffer"),
        ("from stable_baselines.common.buffers import ReplayBuffer", "ReplayBuffer(9)", "ReplayBuffer"),
        ("from cleanrl_utils.buffers import ReplayBuffer", "ReplayBuffer(9, o, a)", "ReplayBuffer"),
        ("import tianshou as ts", "ts.data.VectorReplayBuffer(9, 2)", "VectorReplayBuffer"),
        ("from torchrl.data import ReplayBuffer", "ReplayBuffer(storage=s)", "ReplayBuffer"),
        ("import pfrl", "pfrl.replay_buffers.ReplayBuffer(9)", "ReplayBuffer"),
        ("from chainerrl import replay_buffer", "replay_buffer.ReplayBuffer(9)", "ReplayBuffer"),
        ("import ptan", "ptan.experience.ExperienceReplayBuffer(s, 9)", "ExperienceReplayBuffer"),
        ("import cpprb", "cpprb.ReplayBuffer(9, {'obs': {}})", "ReplayBuffer"),
        ("from cpprb import create_buffer", "create_buffer(9, {'obs': {}})", "create_buffer"),
        ("from cpprb import create_buffer", "create_buffer(9, prioritized=False)", "create_buffer"),
        ("import flashbax as fbx", "fbx.make_flat_buffer(9, 2, 2)", "make_flat_buffer"),
        ("import flashbax as fbx", "fbx.make_trajectory_buffer(9, 2, 2, 2, 2)", "make_trajectory_buffer"),
        (
            "from tf_agents.replay_buffers import tf_uniform_replay_buffer as u",
            "u.TFUniformReplayBuffer(s, 2)",
            "TFUniformReplayBuffer",
        ),
        (
            "from dopamine.tf.replay_memory import circular_replay_buffer as c",
            "c.OutOfGraphReplayBuffer(o, 4, 9, 2)",
            "OutOfGraphReplayBuffer",
        ),
        (
            "from dopamine.jax.replay_memory import replay_buffer as b, samplers",
            "b.ReplayBuffer(s, samplers.UniformSamplingDistribution(seed=0))",
            "ReplayBuffer",
        ),
        ("import reverb", "reverb.Table('t', reverb.selectors.Uniform(), reverb.selectors.Fifo(), 9, s)", "Table"),
        ("import reverb", "reverb.Table(name='t', sampler=reverb.selectors.Uniform(), max_times_sampled=0)", "Table"),
        ("from mushroom_rl.utils.replay_memory import ReplayMemory", "ReplayMemory(2, 9)", "ReplayMemory"),
        ("from agilerl.components import ReplayBuffer", "ReplayBuffer(9)", "ReplayBuffer"),
        (
            "from rlkit.data_management.env_replay_buffer import EnvReplayBuffer",
            "EnvReplayBuffer(9, o)",
            "EnvReplayBuffer",
        ),
        ("from garage.replay_buffer import PathBuffer", "PathBuffer(9)", "PathBuffer"),
        ("from ding.data import DequeBuffer", "DequeBuffer(size=9)", "DequeBuffer"),
        ("from rl.memory import SequentialMemory", "SequentialMemory(limit=9, window_length=1)", "SequentialMemory"),
        ("from skrl.memories.torch import RandomMemory", "RandomMemory(memory_size=9, num_envs=1)", "RandomMemory"),
        ("from machin.frame.buffers import Buffer", "Buffer(9)", "Buffer"),
        ("from anyrl.rollouts import UniformReplayBuffer", "UniformReplayBuffer(9)", "UniformReplayBuffer"),
        (
            "from elegantrl.train.replay_buffer import ReplayBuffer",
            "ReplayBuffer(9, 4, 2, if_use_per=False)",
            "ReplayBuffer",
        ),
        (
            "from ray.rllib.utils.replay_buffers import EpisodeReplayBuffer",
            "EpisodeReplayBuffer(9)",
            "EpisodeReplayBuffer",
        ),
    ],
)
def test_a_uniform_buffer_is_found_where_it_is_made(project, imports, call, name):
    text = f"{imports}\n\n\ndef main(learner, o, a, s):\n    memory = {call}\n    learner.update(memory)\n"
    assert made(project, text) == [(name, UNIFORM)]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from tianshou.data import PrioritizedVectorReplayBuffer as B", "B(9, 2, alpha=0.6, beta=0.4)"),
        (
            "from torchrl.data import ReplayBuffer, PrioritizedSampler",
            "ReplayBuffer(sampler=PrioritizedSampler(9, 1, 1))",
        ),
        ("from torchrl.data import TensorDictPrioritizedReplayBuffer as B", "B(alpha=0.7, beta=0.5)"),
        ("import pfrl", "pfrl.replay_buffers.PrioritizedReplayBuffer(9)"),
        ("from cpprb import create_buffer", "create_buffer(9, prioritized=True)"),
        ("import flashbax as fbx", "fbx.make_prioritised_item_buffer(9, 2, 2)"),
        ("import reverb", "reverb.Table('t', sampler=reverb.selectors.Prioritized(0.6))"),
        ("from machin.frame.buffers import PrioritizedBuffer", "PrioritizedBuffer(9)"),
        ("from anyrl.rollouts import PrioritizedReplayBuffer", "PrioritizedReplayBuffer(9, 0.5, 0.4)"),
        ("from elegantrl.train.replay_buffer import ReplayBuffer", "ReplayBuffer(9, 4, 2, if_use_per=True)"),
    ],
)
def test_a_prioritised_buffer_is_found_as_one(project, imports, call):
    text = f"{imports}\n\n\ndef main(learner):\n    memory = {call}\n    learner.update(memory)\n"
    assert [kind for _, kind in made(project, text)] == [PRIORITISED]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from stable_baselines3.common.buffers import RolloutBuffer", "RolloutBuffer(9, o, a)"),
        ("from stable_baselines3 import HerReplayBuffer", "HerReplayBuffer(9, o, a)"),
        ("from torchrl.data import ReplayBuffer\nfrom torchrl.objectives import OnlineDTLoss", "ReplayBuffer()"),
        ("from torchrl.data import ReplayBuffer\nimport torchrl.data.datasets.d4rl as d", "ReplayBuffer()"),
        ("from stable_baselines3 import DQN", "DQN('MlpPolicy', o)"),
        ("from stable_baselines3 import PPO", "PPO('MlpPolicy', o)"),
        ("from torchrl.data import ReplayBuffer", "ReplayBuffer(**s)"),
        ("from cpprb import create_buffer", "create_buffer(9, prioritized=s)"),
        ("from cpprb import HindsightReplayBuffer", "HindsightReplayBuffer(9, o, 5, a)"),
        ("from pfrl.replay_buffers import EpisodicReplayBuffer", "EpisodicReplayBuffer(9)"),
        ("import flashbax as fbx", "fbx.make_trajectory_queue(9, 2, 2)"),
        ("import reverb", "reverb.Table.queue('t', 9)"),
        ("import reverb", "reverb.Table('t', reverb.selectors.Uniform(), s, 9, s, max_times_sampled=1)"),
        ("import reverb", "reverb.Table('t', s, reverb.selectors.Fifo(), 9, s)"),
        ("import reverb", "reverb.Table('t', sampler=reverb.selectors.Uniform(), max_size=1)"),
        ("from dopamine.jax.replay_memory.replay_buffer import ReplayBuffer", "ReplayBuffer(s, s)"),
        ("from ray.rllib.utils.replay_buffers import FifoReplayBuffer", "FifoReplayBuffer()"),
        ("from elegantrl.train.replay_buffer import ReplayBuffer", "ReplayBuffer(9, 4, 2, s)"),
        ("from rl.memory import EpisodeParameterMemory", "EpisodeParameterMemory(limit=9, window_length=1)"),
        ("from elsewhere.memory import SequentialMemory", "SequentialMemory(limit=9)"),
        ("from skrl.memories.torch import RandomMemory\nfrom skrl.agents.torch.rpo import RPO", "RandomMemory(9)"),
        (
            "from sb3_contrib import ARS\nfrom stable_baselines3.common.buffers import ReplayBuffer",
            "ReplayBuffer(9, o, a)",
        ),
        ("import d3rlpy", "d3rlpy.dataset.create_fifo_replay_buffer(9)"),
        ("import d3rlpy", "d3rlpy.dataset.ReplayBuffer(d3rlpy.dataset.InfiniteBuffer(), episodes=s)"),
    ],
)
def test_what_is_no_uniform_replay_memory_or_cannot_be_told_is_left_out(project, imports, call):
    text = f"{imports}\n\n\ndef main(learner, o, a, s):\n    memory = {call}\n    learner.update(memory)\n"
    assert made(project, text) == []


def test_a_sampler_that_is_prioritised_in_one_branch_is_a_switch(project):
    text = """
    from torchrl.data import PrioritizedSampler, RandomSampler, ReplayBuffer


    def main(prb, loss_module, optimizer):
        sampler = PrioritizedSampler(9, 0.7, 0.5) if prb else RandomSampler()
        memory = ReplayBuffer(sampler=sampler)
        loss_module(memory.sample()).backward()
    """
    assert made(project, text) == []


@pytest.mark.parametrize(("other", "found"), [("PrioritizedPaths", []), ("Paths", ["PathBuffer"])])
def test_what_is_named_for_priorities_in_the_other_branch_is_a_switch_though_it_cannot_be_read(project, other, found):
    text = f"""
        from garage.replay_buffer import PathBuffer
        from helpers.paths import {other}

        def train(env, agent, by_priority):
            buffer = PathBuffer(1_000_000) if not by_priority else {other}(1_000_000)
            while True:
                buffer.add_path(agent.play(env))
                agent.learn(buffer.sample_transitions(32))
    """
    assert [name for name, _ in made(project, text)] == found


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("Ranked(9) if ranked else PathBuffer(capacity_in_transitions=9)", []),
        ("Noted(9) if ranked else PathBuffer(capacity_in_transitions=9)", ["PathBuffer"]),
        ("(Ranked(9), PathBuffer(capacity_in_transitions=9))[ranked]", ["PathBuffer"]),
    ],
)
def test_what_the_project_itself_draws_by_priority_from_in_the_other_branch_is_a_switch(project, choice, found):
    text = f"""
    import numpy as np
    from garage.replay_buffer import PathBuffer


    class Ranked(PathBuffer):
        def __init__(self, size):
            super().__init__(size)
            self.ranks = np.ones(size)

        def sample_transitions(self, n):
            p = self.ranks / self.ranks.sum()
            self.chosen = np.random.choice(len(p), n, p=p)
            weights = (len(p) * p[self.chosen]) ** -0.5
            self.weights = weights / weights.max()
            return {{key: column[self.chosen] for key, column in self._buffer.items()}}


    class Noted(PathBuffer):
        def sample_transitions(self, n):
            print(n)
            return super().sample_transitions(n)


    def main(env, learner, ranked):
        memory = {choice}
        while True:
            memory.add_path(learner.rollout(env))
            learner.learn(memory.sample_transitions(64))
    """
    assert [name for name, _ in made(project, text) if name == "PathBuffer"] == found


@pytest.mark.parametrize(("method", "found"), [("fit_online", ["create_fifo_replay_buffer"]), ("fit", [])])
def test_an_offline_library_is_reported_where_it_learns_online(project, method, found):
    text = f"""
    import d3rlpy


    def main(env, dqn):
        memory = d3rlpy.dataset.create_fifo_replay_buffer(limit=100000, env=env)
        dqn.{method}(env, memory)
    """
    graph = project(text)
    assert [buffer.name for buffer in graph.library] == found
    assert all(not buffer.framework.replaceable for buffer in graph.library)


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (
            "DQNConfig().training(replay_buffer_config={'type': 'EpisodeReplayBuffer', 'capacity': 9})",
            ["EpisodeReplayBuffer"],
        ),
        ("DQNConfig().training(replay_buffer_config={'type': 'PrioritizedEpisodeReplayBuffer'})", []),
        ("DQNConfig().training(replay_buffer_config={'capacity': 9})", []),
        ("DQNConfig().training(replay_buffer_config={'type': chosen})", []),
        ("DQNConfig().training(replay_buffer_config=given)", []),
        ("DQNConfig().training(lr=1e-3)", []),
        (
            "DQNConfig().update_from_dict({'replay_buffer_config': {'type': 'MultiAgentReplayBuffer'}})",
            ["MultiAgentReplayBuffer"],
        ),
        ("Trainer(config={'prioritized_replay': False})", ["ReplayBuffer"]),
        ("Trainer(config={'prioritized_replay': True})", []),
        ("Trainer(config={'prioritized_replay': chosen})", []),
        ("Trainer(config={'lr': 1e-3})", []),
    ],
)
def test_a_configuration_names_the_buffer(project, program, found):
    text = f"""
    from ray.rllib.algorithms.dqn import DQNConfig
    from ray.rllib.agents.dqn import DQNTrainer as Trainer


    def main(chosen, given):
        return {program}
    """
    assert made(project, text) == [(name, UNIFORM) for name in found]


def test_a_configuration_by_its_variable_and_by_the_class_itself(project):
    text = """
    from ray.rllib.algorithms.sac import SACConfig
    from ray.rllib.utils.replay_buffers import MultiAgentReplayBuffer

    settings = {"type": MultiAgentReplayBuffer, "capacity": 1000}


    def main():
        SACConfig().training(replay_buffer_config=settings).build().train()
    """
    graph = project(text)
    (buffer,) = graph.library
    assert graph.place(buffer.path, buffer.node).line == 5


def test_a_configuration_without_the_library_means_nothing(project):
    text = (
        "def main(run):\n    run(config={'prioritized_replay': False}, replay_buffer_config={'type': 'ReplayBuffer'})\n"
    )
    assert made(project, text) == []
    assert made(project, f"import ray\n\n\n{text}") == []


def test_a_module_of_an_on_policy_algorithm_makes_no_replay_memory_by_configuration(project):
    text = """
    from ray.rllib.algorithms.ppo import PPOConfig

    PPOConfig().training(replay_buffer_config={"type": "ReplayBuffer"})
    """
    assert made(project, text) == []


MADE = """
    from torchrl.data import LazyMemmapStorage, ReplayBuffer


    def make(size):
        return ReplayBuffer(storage=LazyMemmapStorage(size))
"""
LEARNT = """
    from {where} import make


    def main(collector, loss_module, optimizer):
        memory = make(1000)
        for data in collector:
            memory.extend(data)
            {learn}
"""


@pytest.mark.parametrize(
    ("where", "learn", "found"),
    [
        ("buffers", "loss_module(memory.sample(32)).backward()", 1),
        ("buffers", "print(memory.sample(32))", 0),
        ("buffers", "memory.dumps('here')", 0),
        ("buffers", "env.step(memory.sample(32)['action'])", 0),
        ("buffers", "learner.step(memory.sample(32))", 1),
    ],
)
def test_a_buffer_is_learnt_from_where_it_is_drawn_from(project, where, learn, found):
    graph = project(buffers=MADE, main_loop=LEARNT.format(where=where, learn=learn))
    assert len(graph.library) == found


def test_a_table_is_given_to_its_server_inside_of_a_list(project):
    text = """
    import reverb

    server = reverb.Server(tables=[reverb.Table("t", reverb.selectors.Uniform(), reverb.selectors.Fifo(), 9, None)])
    """
    assert made(project, text) == [("Table", UNIFORM)]


def test_a_buffer_whose_library_is_in_the_project_is_found_where_it_is_used(project):
    graph = project(
        tianshou__data="class VectorReplayBuffer:\n    def __init__(self, size, num):\n        self.size = size\n",
        examples__dqn="""
        from tianshou.data import Collector, VectorReplayBuffer


        def main(algorithm, envs):
            return Collector(algorithm, envs, VectorReplayBuffer(1000, 4))
        """,
    )
    assert [(buffer.name, buffer.path) for buffer in graph.library] == [("VectorReplayBuffer", "examples/dqn.py")]


@pytest.mark.parametrize(("reward", "found"), [("", 0), ("rew=reward, ", 1)])
def test_transitions_without_rewards_are_data_for_a_model_of_the_environment(project, reward, found):
    graph = project(f"""
    from cpprb import ReplayBuffer

    def main(env, model, optimizer):
        memory = ReplayBuffer(1000, {{"obs": {{"shape": 3}}, "act": {{}}, "next_obs": {{"shape": 3}}}})
        obs = env.reset()
        while True:
            act = model.plan(obs)
            next_obs, reward, done, _ = env.step(act)
            memory.add(obs=obs, act=act, {reward}next_obs=next_obs)
            optimizer.step(model.loss(memory.sample(32)))
    """)
    assert len(graph.library) == found


@pytest.mark.parametrize(
    ("use", "found"),
    [("buffer.populate(1)", 0), ("buffer.populate(1)\n        net.learn(buffer.sample(8))", 1), ("keep(buffer)", 1)],
)
def test_a_buffer_that_is_only_filled_is_none(project, use, found):
    text = f"""
    import ptan

    def evaluate(source, net):
        buffer = ptan.experience.ExperienceReplayBuffer(source, buffer_size=100)
        {use}

    def train(net, batch):
        net.loss(batch).backward()
    """
    assert len(project(text).library) == found


@pytest.mark.parametrize(
    ("module", "found"), [("deepq.replay_buffer", 1), ("deepq", 1), ("her.replay_buffer", 0), ("own.replay_buffer", 0)]
)
def test_the_buffers_of_a_library_are_those_of_the_modules_that_are_known(project, module, found):
    text = f"""
    from baselines.{module} import ReplayBuffer

    def train(env, learner):
        memory = ReplayBuffer(1000)
        while True:
            memory.add(*env.step(learner.act()))
            learner.update(memory.sample(32))
    """
    assert len(project(text).library) == found


COLLECTS = """
    from cpprb import ReplayBuffer


    class Collector:
        def __init__(self, build, fields):
            self.player, self.fields = build(memory=None), fields

        def collect(self, n, env):
            self.player.{given} = ReplayBuffer(n, self.fields)
            while self.player.memory.get_stored_size() < n:
                self.player.act(env)
            rows = self.player.memory.get_all_transitions()
            self.player.learn(rows)
            self.player.{emptied}
            return rows
"""


@pytest.mark.parametrize(
    ("given", "emptied", "found"),
    [
        ("memory", "memory.clear()", 0),
        ("memory", "memory.get_stored_size()", 1),
        ("memory", "seen.clear()", 1),
        ("store", "memory.clear()", 1),
    ],
)
def test_what_is_emptied_after_each_turn_is_a_rollout_whoever_holds_it(project, given, emptied, found):
    assert len(project(COLLECTS.format(given=given, emptied=emptied)).library) == found


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("absltest.TestCase", []),
        ("unittest.TestCase", []),
        ("TestCase", []),
        ("Agent", ["Table"]),
        ("Tested", ["Table"]),
    ],
)
def test_a_case_for_tests_learns_from_no_table(project, base, found):
    graph = project(
        copied=f"""
        import unittest
        from unittest import TestCase
        from absl.testing import absltest
        import reverb

        class Copies({base}):
            def test_copy(self):
                rows = reverb.Table(
                    "rows", reverb.selectors.Uniform(), reverb.selectors.Fifo(), 9, reverb.rate_limiters.MinSize(1)
                )
                self.same(reverb.Server(tables=[rows]), rows.info)
        """
    )
    assert [buffer.name for buffer in graph.library] == found
