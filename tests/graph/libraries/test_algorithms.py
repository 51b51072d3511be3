"""Libraries' algorithms that make a replay buffer of their own: which are told, and where."""

import pytest

SB3 = "from stable_baselines3 import DQN"


def made(project, text, **files):
    return [buffer.name for buffer in project(text, **files).library]


@pytest.mark.parametrize(
    ("imports", "program", "name"),
    [
        (SB3, "DQN('MlpPolicy', env).learn(9)", "DQN"),
        ("import stable_baselines3 as sb3", "sb3.SAC('MlpPolicy', env).learn(9)", "SAC"),
        ("from stable_baselines3.td3 import TD3", "model = TD3('MlpPolicy', env)\n    model.learn(9)", "TD3"),
        ("from stable_baselines3 import DDPG as D", "model = D('MlpPolicy', env)\n    model.learn(9)", "DDPG"),
        ("from sb3_contrib import TQC", "TQC('MlpPolicy', env).learn(9)", "TQC"),
        (SB3, "DQN('MlpPolicy', env, replay_buffer_class=None).learn(9)", "DQN"),
        (
            f"{SB3}\nfrom stable_baselines3.common.buffers import DictReplayBuffer",
            "DQN('MultiInputPolicy', env, replay_buffer_class=DictReplayBuffer).learn(9)",
            "DQN",
        ),
        (SB3, "chosen = DQN\n    model = chosen('MlpPolicy', env)\n    model.learn(9)", "DQN"),
        (SB3, "known = {'gamma': 0.9, 'verbose': 1}\n    DQN('MlpPolicy', env, **known).learn(9)", "DQN"),
        ("from stable_baselines import DQN", "DQN('MlpPolicy', env, prioritized_replay=False).learn(9)", "DQN"),
        (SB3, "DQN('MlpPolicy', env, **options).learn(9)", "DQN"),
        (
            "from stable_baselines3 import DQN, PPO",
            "(PPO if env else DQN)('MlpPolicy', env, **options).learn(9)",
            "DQN",
        ),
        (
            "from stable_baselines3 import SAC, TD3",
            "kind = {'a': SAC, 'b': TD3}[env.x]\n    kind('M', env).learn(9)",
            "SAC",
        ),
        ("from stable_baselines import SAC", "SAC('MlpPolicy', env, **options).learn(9)", "SAC"),
        (SB3, "DQN('MlpPolicy', env).learn(9, reset_num_timesteps=False)", "DQN"),
        ("from baselines import deepq", "deepq.learn(env, network='mlp')", "learn"),
        ("from baselines.deepq import learn", "learn(env, network='mlp', prioritized_replay=False)", "learn"),
        (
            "from machin.frame.algorithms import DQN",
            "dqn = DQN(q, q2, adam, loss)\n    dqn.store_episode(env.play())\n    dqn.update()",
            "DQN",
        ),
    ],
)
def test_an_algorithm_is_found_where_it_is_made(project, imports, program, name):
    text = f"{imports}\n\n\ndef main(env, options, q, q2, adam, loss):\n    {program}\n"
    graph = project(text)
    assert [buffer.name for buffer in graph.library] == [name]
    (buffer,) = graph.library
    assert not buffer.prioritised
    assert buffer.training
    assert {"made", "learnt"} == {link.role for link in graph.library_chain(buffer)}


@pytest.mark.parametrize(
    ("imports", "program"),
    [
        (SB3, "model = DQN('MlpPolicy', env)\n    model.predict(env.reset())"),
        (SB3, "model = DQN.load('here')\n    model.predict(env.reset())"),
        (SB3, "model = DQN.load('here', env=env)\n    model.learn(9)"),
        (SB3, "DQN('MlpPolicy', env).learn(total_timesteps=0)"),
        (SB3, "DQN('MlpPolicy', env, replay_buffer_class=Mine).learn(9)"),
        (SB3, "options['replay_buffer_class'] = Mine\n    DQN('MlpPolicy', env, **options).learn(9)"),
        ("from stable_baselines import DQN", "DQN('MlpPolicy', env, **options).learn(9)"),
        ("from stable_baselines3 import A2C, PPO", "(PPO if env else A2C)('MlpPolicy', env).learn(9)"),
        (SB3, "known = {'replay_buffer_class': Mine}\n    DQN('MlpPolicy', env, **known).learn(9)"),
        (
            SB3,
            "known = {'replay_buffer_class': None}\n    known['replay_buffer_class'] = Mine\n"
            "    DQN('MlpPolicy', env, **known).learn(9)",
        ),
        (
            SB3,
            "known = {'replay_buffer_class': None}\n    known.update({'replay_buffer_class': Mine})\n"
            "    DQN('MlpPolicy', env, **known).learn(9)",
        ),
        (
            SB3,
            "known = {'replay_buffer_class': None}\n    known.update(options)\n"
            "    own = {'replay_buffer_class': Mine}\n"
            "    DQN('MlpPolicy', env, **known).learn(9)",
        ),
        (
            SB3,
            "known = {'replay_buffer_class': Mine if options else None}\n    DQN('MlpPolicy', env, **known).learn(9)",
        ),
        (SB3, "DQN('MlpPolicy', env, 1e-3, 9000, 9, 9, 1, 0.9, 4, 1, Mine).learn(9)"),
        (
            "from stable_baselines3 import DQN, HerReplayBuffer",
            "DQN('MultiInputPolicy', env, replay_buffer_class=HerReplayBuffer).learn(9)",
        ),
        ("from stable_baselines3 import PPO", "PPO('MlpPolicy', env).learn(9)"),
        ("from stable_baselines3 import A2C", "A2C('MlpPolicy', env).learn(9)"),
        ("from sb3_contrib import TRPO", "TRPO('MlpPolicy', env).learn(9)"),
        ("from stable_baselines import DQN", "DQN('MlpPolicy', env, prioritized_replay=True).learn(9)"),
        ("from stable_baselines import DQN", "DQN('MlpPolicy', env, prioritized_replay=options).learn(9)"),
        ("from stable_baselines import HER, DDPG", "HER('MlpPolicy', env, DDPG).learn(9)"),
        ("from baselines import deepq", "deepq.learn(env, network='mlp', prioritized_replay=True)"),
        (
            "from baselines import deepq",
            "act = deepq.learn(env, total_timesteps=0, load_path='here')\n    act(env.reset())",
        ),
        ("from baselines import ppo2", "ppo2.learn(env=env, network='mlp')"),
        ("from machin.frame.algorithms import DQNPer", "dqn = DQNPer(1, 2)\n    dqn.update()"),
        ("from elsewhere import DQN", "DQN('MlpPolicy', env).learn(9)"),
        (SB3, "model = DQN('MlpPolicy', env)\n    model.replay_buffer = Mine(9)\n    model.learn(9)"),
        (SB3, "model = DQN('MlpPolicy', env)\n    model.replay_buffer.sample = Mine(9)\n    model.learn(9)"),
        (SB3, "model = DQN('MlpPolicy', env)\n    setattr(model, 'replay_buffer', Mine(9))\n    model.learn(9)"),
        (SB3, "model = DQN('MlpPolicy', env)\n    setattr(model.replay_buffer, 'sample', Mine(9))\n    model.learn(9)"),
    ],
)
def test_what_trains_nothing_or_may_draw_otherwise_is_left_out(project, imports, program):
    assert made(project, f"{imports}\nfrom mine import Mine\n\n\ndef main(env, options):\n    {program}\n") == []


def test_settings_that_name_the_argument_and_give_none_change_nothing(project):
    program = "known = {'replay_buffer_class': None, 'verbose': 1}\n    DQN('MlpPolicy', env, **known).learn(9)"
    assert made(project, f"{SB3}\n\n\ndef main(env):\n    {program}\n") == ["DQN"]


def test_what_comes_back_from_training_is_not_trained_again(project):
    program = "act = deepq.learn(env, total_timesteps=9)\n    act(env.reset())"
    assert made(project, f"from baselines import deepq\n\n\ndef main(env):\n    {program}\n") == ["learn"]


def test_other_attributes_that_are_set_by_name_change_no_draw(project):
    program = "model = DQN('MlpPolicy', env)\n    setattr(model, 'seed', 9)\n    model.learn(9)"
    assert made(project, f"{SB3}\n\n\ndef main(env):\n    {program}\n") == ["DQN"]


def test_an_algorithm_is_trained_in_another_file_and_another_method(project):
    text = """
    from stable_baselines3 import TD3


    class Agent:
        def __init__(self, env):
            self.model = TD3("MlpPolicy", env)

        def train(self, steps):
            self.model.learn(steps)
    """
    runner = """
    from main import Agent


    def run(env):
        Agent(env).train(1000)
    """
    assert made(project, text, runner=runner) == ["TD3"]


def test_a_choice_between_two_classes_of_buffers_is_a_switch(project):
    text = f"""
    {SB3}
    from mine import Mine


    def main(env, by_priority):
        if by_priority:
            model = DQN("MlpPolicy", env, replay_buffer_class=Mine)
        else:
            model = DQN("MlpPolicy", env)
        model.learn(1000)
    """
    assert made(project, text) == []


@pytest.mark.parametrize(
    "otherwise",
    [
        "class Weighted(DQN):\n    def train(self, gradient_steps, batch_size=100):\n        pass\n",
        "from experience_replay_optimizer.adapters.stable_baselines3 import PrioritizedDQN as Weighted\n",
    ],
)
def test_a_choice_between_a_library_and_what_was_made_of_it_is_a_switch(project, otherwise):
    text = f"""{SB3}
{otherwise}

def main(env, by_priority):
    model = Weighted("MlpPolicy", env) if by_priority else DQN("MlpPolicy", env)
    model.learn(1000)
"""
    assert made(project, text) == []


def test_a_callback_of_the_project_s_own_draws_nothing(project):
    text = f"""
{SB3}
from stable_baselines3.common.callbacks import BaseCallback


class Returns(BaseCallback):
    def _on_step(self):
        return True


def main(env):
    model = DQN('MlpPolicy', env)
    model.learn(9, callback=Returns())
"""
    assert made(project, text) == ["DQN"]


def test_a_derived_algorithm_draws_as_the_project_says(project):
    text = f"""
    {SB3}


    class Mine(DQN):
        def train(self, gradient_steps, batch_size=100):
            pass


    def main(env):
        Mine("MlpPolicy", env).learn(1000)
    """
    assert made(project, text) == []


@pytest.mark.parametrize("path", ["tests__test_dqn", "benchmarks__speed"])
def test_tests_and_timings_train_for_nobody(project, path):
    text = f"{SB3}\n\n\ndef run(env):\n    DQN('MlpPolicy', env).learn(9)\n"
    assert made(project, "", **{path: text}) == []


def test_the_library_itself_is_left_alone(project):
    text = f"{SB3}\n\n\ndef run(env):\n    DQN('MlpPolicy', env).learn(9)\n"
    assert made(project, "", stable_baselines3__demo=text) == []


@pytest.mark.parametrize(
    ("kinds", "others"),
    [
        ("SAC", ()),
        ("{'a': PPO, 'b': SAC, 'c': TD3}[env.x]", (("PPO", False), ("TD3", True))),
        ("(PPO if env else TD3)", (("PPO", False),)),
    ],
)
def test_the_others_that_a_call_may_make_are_told_with_how_they_draw(project, kinds, others):
    text = f"from stable_baselines3 import PPO, SAC, TD3\n\n\ndef main(env):\n    {kinds}('M', env).learn(9)\n"
    (buffer,) = project(text).library
    assert buffer.others == others
