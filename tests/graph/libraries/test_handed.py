"""Classes of memories that algorithms of libraries are given."""

import pytest

from per_audit.graph import PRIORITISED
from per_audit.graph.libraries.handed import may_be_asked

MEMORY = """
    import numpy as np
    from stable_baselines3.common.buffers import ReplayBuffer

    class Rated(ReplayBuffer):
        def __init__(self, size, *spaces, **more):
            super().__init__(size, *spaces, **more)
            self.priorities = np.zeros(size)

        def add(self, obs, next_obs, action, reward, done, infos):
            self.priorities[self.pos] = 1.0
            super().add(obs, next_obs, action, reward, done, infos)

        def sample(self, n, env=None):
            p = self.priorities / self.priorities.sum()
            at = np.random.choice(len(p), n, p=p)
            self.weights = (self.size() * p[at]) ** -0.4
            return self.observations[at], self.actions[at], self.rewards[at], self.next_observations[at]

        def rate(self, at, errors):
            self.priorities[at] = abs(errors)
"""


@pytest.mark.parametrize(
    ("train", "count"),
    [
        ("SAC('MlpPolicy', env, replay_buffer_class=Rated).learn(9)", 1),
        ("SAC('MlpPolicy', env, replay_buffer_class=Rated)", 0),
        ("SAC('MlpPolicy', env, rollout_buffer_class=Rated).learn(9)", 0),
        ("model = DDPG('MlpPolicy', env, replay_buffer_class=Rated if rated else None); model.learn(9)", 1),
        ("Mine('MlpPolicy', env, replay_buffer_class=Rated).learn(9)", 0),
        ("PPO('MlpPolicy', env, replay_buffer_class=Rated).learn(9)", 0),
    ],
)
def test_what_is_trained_with_a_class_of_the_project(project, train, count):
    graph = project(
        f"""
    from stable_baselines3 import DDPG, PPO, SAC
    from memory import Rated

    class Mine(SAC):
        pass

    def main(env, rated):
        {train}
    """,
        memory=MEMORY,
    )
    (buffer,) = (buffer for buffer in graph.buffers if buffer.kind == PRIORITISED)
    assert len(graph.priorities(buffer).handed_to) == count


@pytest.mark.parametrize(
    ("name", "asked"), [("add", True), ("sample", True), ("_get_samples", True), ("reset", True), ("rate", False)]
)
def test_a_library_asks_for_what_its_own_memory_has_as_well(project, name, asked):
    graph = project(memory=MEMORY)
    (cls,) = graph.project.classes
    assert may_be_asked(graph, cls, name) is asked
