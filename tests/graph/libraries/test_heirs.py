"""Classes that a project derives from a library's buffer."""

import pytest

AGENT = """
    import torch
    from stable_baselines3.common.buffers import {base}

    class Logged({base}):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.added = 0

        def add(self, *args):
            self.added += 1
            super().add(*args)
{own}
    class Agent:
        def __init__(self, env, net):
            self.memory, self.net = Logged(10_000, env.observation_space, env.action_space), net

        def learn(self):
            batch = self.memory.sample(32)
            self.net.loss(batch).backward()
"""


@pytest.mark.parametrize(
    ("base", "own", "found"),
    [
        ("ReplayBuffer", "", [("Logged, a ReplayBuffer of Stable-Baselines3,", 1)]),
        ("DictReplayBuffer", "", [("Logged, a DictReplayBuffer of Stable-Baselines3,", 1)]),
        ("RolloutBuffer", "", []),
        ("HerReplayBuffer", "", []),
        ("ReplayBuffer", "\n        def sample(self, n):\n            return self.best(n)\n", []),
        (
            "ReplayBuffer",
            "\n        def _get_samples(self, at):\n            return super()._get_samples(at)\n",
            [("Logged, a ReplayBuffer of Stable-Baselines3,", 1)],
        ),
        (
            "ReplayBuffer",
            "\n        def _get_samples(self, at):\n            at = torch.multinomial(self.p, 32)\n"
            "            return super()._get_samples(at)\n",
            [],
        ),
    ],
)
def test_draws_that_are_inherited(project, base, own, found):
    library = project(AGENT.format(base=base, own=own)).library
    assert [(buffer.title, len(buffer.samples)) for buffer in library] == found


def test_an_heir_that_nothing_learns_from_is_none(project):
    text = AGENT.format(base="ReplayBuffer", own="").replace("self.net.loss(batch).backward()", "return len(batch)")
    assert project(text).library == []


SET = """
    from stable_baselines3 import TD3
    from stable_baselines3.common.buffers import ReplayBuffer

    class Scaled(ReplayBuffer):
        def _get_samples(self, at, env=None):
            samples = super()._get_samples(at, env)
            return samples._replace(rewards=samples.rewards * 0.1)

    def main(env):
        model = TD3("MlpPolicy", env, buffer_size=100_000)
        model.replay_buffer = Scaled(100_000, env.observation_space, env.action_space)
        {train}
"""


@pytest.mark.parametrize(
    ("train", "found"), [("model.learn(50_000)", ["Scaled, a ReplayBuffer of Stable-Baselines3,"]), ("pass", [])]
)
def test_an_heir_that_takes_the_place_of_an_algorithms_own(project, train, found):
    assert [buffer.title for buffer in project(SET.format(train=train)).library] == found
