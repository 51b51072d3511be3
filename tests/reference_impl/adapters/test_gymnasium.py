# ruff: noqa: E402
from __future__ import annotations

import copy

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st

from experience_replay_optimizer import PrioritizedReplayBuffer
from experience_replay_optimizer.adapters.gymnasium import Recorder
from experience_replay_optimizer.hindsight import HindsightExperienceReplay
from experience_replay_optimizer.n_step import NStep

BEFORE_1 = int(gymnasium.__version__.split(".")[0]) < 1
MODES = hasattr(gymnasium.vector, "AutoresetMode")
DEFAULT = "same_step" if BEFORE_1 else "next_step"
AUTORESET_MODES = ["next_step", "same_step"] if MODES else [DEFAULT]


PLAN = [(2, False), (3, True), (4, False), (2, True), (3, False), (4, True)]


class Corridor(gymnasium.Env):
    """Observation (environment, episode, step); episode k has 2 + k % 3 steps, odd ones end by truncation.

    `plan` gives other lengths and ends: (steps, truncated) of each episode in turn, over and over.
    """

    action_space = spaces.Discrete(10)

    def __init__(self, number=0, form="array", shared=None, plan=PLAN):
        self.number, self.form, self.episode, self.shared, self.plan = number, form, -1, shared, plan
        box = spaces.Box(-1.0, 1e6, (3,), np.float32)
        self.observation_space = {
            "array": box,
            "dict": spaces.Dict({"place": box, "inner": spaces.Dict({"step": spaces.Discrete(100)})}),
            "tuple": spaces.Tuple((box, spaces.Discrete(100))),
        }[form]

    def observe(self):
        vector = np.zeros(3, np.float32) if self.shared is None else self.shared
        vector[:] = self.number, self.episode, self.at
        if self.form == "dict":
            return {"place": vector, "inner": {"step": self.at}}
        return (vector, self.at) if self.form == "tuple" else vector

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode += 1
        self.at = 0
        return self.observe(), {"start": True}

    def step(self, action):
        self.at += 1
        length, cut = self.plan[self.episode % len(self.plan)]
        over = self.at == length
        return self.observe(), float(self.at), over and not cut, over and cut, {"step": self.at, "act": int(action)}


class Sink:
    """Takes what a buffer takes, and keeps it as (state, action, reward, next_state, done, info)."""

    def __init__(self):
        self.stored, self.batches = [], 0

    def add(self, *step):
        self.stored.append(step)

    def add_batch(self, states, actions, rewards, next_states, dones, infos):
        self.batches += 1
        for row in range(len(rewards)):
            self.add(at(states, row), actions[row], rewards[row], at(next_states, row), dones[row], infos[row])


class Front(Sink):
    def __init__(self):
        super().__init__()
        self.ended = []

    def end_episode(self, env=0):
        self.ended.append(env)


def at(columns, row):
    return {key: at(part, row) for key, part in columns.items()} if isinstance(columns, dict) else columns[row]


def place(observation):
    if isinstance(observation, dict):
        step = observation["inner"]["step"] if "inner" in observation else observation["1"]
        vector = observation["place"] if "place" in observation else observation["0"]
        assert step == vector[2]
        observation = vector
    return tuple(int(number) for number in observation)


def check(stored, number, steps, plan=PLAN):
    """`stored` are the first `steps` steps of corridor `number`."""
    episode, step = 0, 0
    assert len(stored) == steps
    for state, _, reward, next_state, done, *_ in stored:
        assert place(state) == (number, episode, step)
        assert place(next_state) == (number, episode, step + 1)
        assert reward == step + 1
        length, cut = plan[episode % len(plan)]
        last = step + 1 == length
        assert bool(done) == (last and not cut)
        episode, step = (episode + 1, 0) if last else (episode, step + 1)


def of(stored, number):
    return [step for step in stored if place(step[0])[0] == number]


def run_single(env, sink, steps):
    recorder = Recorder(env, sink)
    recorder.reset(seed=1)
    for action in range(1, steps + 1):
        *_, terminated, truncated, _ = recorder.step(action % 10)
        if terminated or truncated:
            recorder.reset()
    return recorder


@pytest.mark.parametrize("form", ["array", "dict", "tuple"])
def test_a_single_environment(form):
    sink = Sink()
    run_single(Corridor(form=form), sink, 20)
    check(sink.stored, 0, 20)
    assert [step[1] for step in sink.stored] == [action % 10 for action in range(1, 21)]
    assert [step[5]["act"] for step in sink.stored] == [action % 10 for action in range(1, 21)]
    if form == "tuple":
        assert set(sink.stored[0][0]) == {"0", "1"}


def vector_env(kind, mode, count, form="array", **kwargs):
    makers = [lambda number=number: Corridor(number, form) for number in range(count)]
    if MODES:
        return kind(makers, autoreset_mode=gymnasium.vector.AutoresetMode[mode.upper()], **kwargs)
    if mode != DEFAULT:
        pytest.skip("this version of gymnasium has one mode")
    return kind(makers, **kwargs)


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
@pytest.mark.parametrize("form", ["array", "dict", "tuple"])
@pytest.mark.parametrize("kind", [SyncVectorEnv, AsyncVectorEnv])
def test_vector_environments_that_reset_themselves(kind, mode, form):
    env = vector_env(kind, mode, 3, form)
    sink = Sink()
    recorder = Recorder(env, sink)
    assert recorder.autoreset == mode
    recorder.reset(seed=1)
    for step in range(1, 31):
        _, rewards, *_ = recorder.step(np.full(3, step % 10))
        assert rewards.shape == (3,)
    env.close()
    # A reset takes a step of its own in one mode: 2 + 1, 3 + 1, 4 + 1, 2 + 1, ... steps to each episode.
    steps = 30 if mode == "same_step" else 30 - len([end for end in (3, 7, 12, 15, 19, 24, 27) if end <= 30])
    for number in range(3):
        mine = of(sink.stored, number)
        check(mine, number, steps)
        assert [step[5]["step"] for step in mine] == [step[2] for step in mine]
        assert all(step[5]["act"] == step[1] for step in mine)
    assert sink.batches > 0


EPISODES = st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=4)


def steps_of(plan, calls, mode):
    """How many of `calls` calls of step are steps of the environment; the others reset it."""
    steps = episode = 0
    while calls > 0:
        length = plan[episode % len(plan)][0]
        steps += min(length, calls)
        calls -= length + (mode == "next_step")
        episode += 1
    return steps


@given(
    plans=st.lists(EPISODES, min_size=1, max_size=3), calls=st.integers(1, 20), mode=st.sampled_from(AUTORESET_MODES)
)
def test_environments_that_end_at_different_times(plans, calls, mode):
    makers = [lambda number=number, plan=plan: Corridor(number, plan=plan) for number, plan in enumerate(plans)]
    kwargs = {"autoreset_mode": gymnasium.vector.AutoresetMode[mode.upper()]} if MODES else {}
    sink = Sink()
    recorder = Recorder(SyncVectorEnv(makers, **kwargs), sink)
    recorder.reset()
    for _ in range(calls):
        recorder.step(np.zeros(len(plans), int))
    for number, plan in enumerate(plans):
        check(of(sink.stored, number), number, steps_of(plan, calls, mode), plan)


@pytest.mark.parametrize("form", ["array", "dict", "tuple"])
def test_an_environment_that_writes_into_one_array(form):
    sink = Sink()
    run_single(Corridor(form=form, shared=np.zeros(3, np.float32)), sink, 20)
    check(sink.stored, 0, 20)


def test_a_vector_environment_that_writes_into_one_array():
    env = vector_env(SyncVectorEnv, DEFAULT, 2, copy=False)
    sink = Sink()
    recorder = Recorder(env, sink)
    recorder.reset()
    actions = np.zeros(2, int)
    for step in range(1, 9):
        actions[:] = step
        recorder.step(actions)
    check(of(sink.stored, 0), 0, 8 if BEFORE_1 else 6)


@pytest.mark.skipif(not MODES, reason="this version of gymnasium always resets by itself")
def test_vector_environments_that_the_user_resets():
    plans = [PLAN, [(3, False), (1, True)]]
    makers = [lambda number=number: Corridor(number, plan=plans[number]) for number in range(2)]
    sink = Sink()
    recorder = Recorder(SyncVectorEnv(makers, autoreset_mode=gymnasium.vector.AutoresetMode.DISABLED), sink)
    recorder.reset()
    partial = 0
    for _ in range(12):
        _, _, terminated, truncated, _ = recorder.step(np.zeros(2, int))
        over = terminated | truncated
        partial += over.sum() == 1
        if over.any():
            with pytest.raises(RuntimeError, match=r"episode is over.*reset_mask"):
                recorder.step(np.zeros(2, int))
            recorder.reset(options={"reset_mask": over})
    assert partial > 5
    for number in range(2):
        check(of(sink.stored, number), number, 12, plans[number])


def test_vector_environments_without_a_declared_mode_are_judged_by_the_version_of_gymnasium():
    env = vector_env(SyncVectorEnv, DEFAULT, 2)
    env.metadata = {}
    assert Recorder(env, Sink()).autoreset == DEFAULT


@pytest.mark.skipif(BEFORE_1, reason="gymnasium 0.29 resets in the same step only")
def test_a_wrong_mode_is_found_out():
    recorder = Recorder(vector_env(SyncVectorEnv, "next_step", 2), Sink(), autoreset="same_step")
    recorder.reset()
    recorder.step(np.zeros(2, int))
    with pytest.raises(ValueError, match=r'no final observation of environment 0.*autoreset="next_step"'):
        recorder.step(np.zeros(2, int))


def test_a_single_environment_under_the_wrapper_that_resets():
    wrapper = gymnasium.wrappers.AutoResetWrapper if BEFORE_1 else gymnasium.wrappers.Autoreset
    sink = Sink()
    recorder = Recorder(gymnasium.wrappers.TimeLimit(wrapper(Corridor()), 10_000), sink)
    recorder.reset()
    for step in range(1, 13):
        recorder.step(step % 10)
    check(sink.stored, 0, 12 if BEFORE_1 else 9)


def test_a_front_gets_each_step_with_its_environment_and_the_ends_by_reset():
    front = Front()
    recorder = Recorder(vector_env(SyncVectorEnv, DEFAULT, 2), front)
    recorder.reset()
    assert front.ended == []
    for _ in range(4):
        recorder.step(np.zeros(2, int))
    assert [step[7] for step in front.stored] == ([0, 1] * 4 if BEFORE_1 else [0, 1] * 3)
    assert [step[5] for step in front.stored] == [False] * len(front.stored)
    recorder.reset()
    assert front.ended == [0, 1]


def test_truncation_reaches_a_front():
    front = Front()
    run_single(Corridor(), front, 5)
    assert [(bool(step[4]), bool(step[5])) for step in front.stored] == [
        (False, False),
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


def test_what_the_environment_returns_is_passed_on():
    recorder = Recorder(Corridor(form="tuple"), Sink())
    observation, info = recorder.reset()
    assert isinstance(observation, tuple)
    assert info == {"start": True}
    observation, reward, terminated, truncated, info = recorder.step(4)
    assert (reward, terminated, truncated, info) == (1.0, False, False, {"step": 1, "act": 4})
    assert recorder.number == 0
    assert recorder.observation_space == recorder.env.observation_space
    with pytest.raises(AttributeError, match="no_such_thing"):
        recorder.no_such_thing  # noqa: B018
    assert copy.copy(recorder).env is recorder.env


def test_steps_outside_an_episode_are_refused():
    sink = Sink()
    recorder = Recorder(Corridor(), sink)
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step\(\)"):
        recorder.step(0)
    recorder.reset()
    recorder.step(0)
    recorder.step(0)
    with pytest.raises(RuntimeError, match="the episode is over"):
        recorder.step(0)
    assert len(sink.stored) == 2


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (spaces.Text(5), "Text"),
        (spaces.Dict({"a": spaces.Tuple((spaces.Sequence(spaces.Discrete(2)),))}), "Sequence"),
        (spaces.Graph(spaces.Box(0, 1, (2,)), None), "Graph"),
    ],
)
def test_observations_without_a_shape_are_refused(space, name):
    env = Corridor()
    env.observation_space = space
    with pytest.raises(TypeError, match=rf"observations of {name} have no fixed shape.*append"):
        Recorder(env, Sink())


def test_composite_actions_are_refused():
    env = Corridor()
    env.action_space = spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3)))
    with pytest.raises(TypeError, match="action space must be one of arrays, not Tuple"):
        Recorder(env, Sink())


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="autoreset must be one of next_step, same_step, disabled, not 'never'"):
        Recorder(Corridor(), Sink(), autoreset="never")


@pytest.mark.parametrize("form", ["array", "dict", "tuple"])
def test_into_a_real_buffer(form):
    buffer = PrioritizedReplayBuffer(100)
    run_single(Corridor(form=form), buffer, 20)
    check(list(buffer), 0, 20)


@pytest.mark.parametrize("form", ["array", "dict"])
def test_a_vector_environment_into_a_real_buffer(form):
    buffer = PrioritizedReplayBuffer(100)
    recorder = Recorder(vector_env(SyncVectorEnv, DEFAULT, 2, form), buffer)
    recorder.reset()
    for _ in range(12):
        recorder.step(np.zeros(2, int))
    for number in range(2):
        check(of(list(buffer), number), number, 12 if BEFORE_1 else 9)


def test_n_step_returns_of_a_vector_environment():
    buffer = PrioritizedReplayBuffer(100)
    recorder = Recorder(vector_env(SyncVectorEnv, DEFAULT, 2), NStep(3, 0.5, buffer))
    recorder.reset()
    for _ in range(7):
        recorder.step(np.zeros(2, int))
    # Episode 0 has two steps and terminates, episode 1 has three and is cut off.
    found = {place(state): (reward, place(end), bool(done)) for state, _, reward, end, done in buffer}
    assert found[0, 0, 0] == (2.0, (0, 0, 2), True)
    assert found[1, 0, 1] == (2.0, (1, 0, 2), True)
    assert found[1, 1, 0] == (1.0 + 0.5 * 2.0 + 0.25 * 3.0, (1, 1, 3), False)
    assert found[0, 1, 2] == (3.0, (0, 1, 3), False)


class Goals(gymnasium.Env):
    """Four steps to the right, cut off by a time limit; the goal is out of reach."""

    action_space = spaces.Discrete(2)
    observation_space = spaces.Dict(
        {key: spaces.Box(-99, 99, (1,), np.float32) for key in ("observation", "achieved_goal", "desired_goal")}
    )

    def observe(self):
        at = np.array([self.at], np.float32)
        return {"observation": at, "achieved_goal": at, "desired_goal": np.array([50.0], np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.observe(), {}

    def step(self, action):
        self.at += 1
        return self.observe(), -1.0, False, self.at == 4, {}


def test_hindsight_of_a_goal_environment():
    buffer = PrioritizedReplayBuffer(100)
    reward = lambda achieved, goal, info: -(np.abs(achieved - goal)[:, 0] > 0.5).astype(float)  # noqa: E731
    recorder = Recorder(Goals(), HindsightExperienceReplay(reward, "final", 1, buffer=buffer, seed=0))
    recorder.reset()
    for _ in range(4):
        recorder.step(0)
    goals = [(float(state["desired_goal"][0]), reward) for state, _, reward, *_ in buffer]
    assert goals == [(50.0, -1.0)] * 4 + [(4.0, -1.0)] * 3 + [(4.0, 0.0)]
