"""n-step transitions against a model that knows whole episodes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experience_replay_optimizer import CombinedReplayBuffer, PrioritizedReplayBuffer
from experience_replay_optimizer.n_step import NStep


class Recorder:
    """A buffer that keeps what it is given as it is given: rewards in float64, infos too."""

    def __init__(self):
        self.rows = []
        self.writes = 0

    def add(self, state, action, reward, next_state, done, info=None, *, discount):
        self.rows.append((int(state), int(action), float(reward), int(next_state), bool(done), info, float(discount)))
        self.writes += 1

    def add_batch(self, states, actions, rewards, next_states, dones, infos=None, *, discount):
        writes = self.writes
        for state, action, reward, next_state, done, info, factor in zip(
            states, actions, rewards, next_states, dones, infos, discount, strict=True
        ):
            self.add(state, action, reward, next_state, done, info, discount=factor)
        self.writes = writes + 1

    def sample(self, batch_size):
        raise AssertionError("nothing is drawn from a recorder")


rewards_of_an_episode = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=9)
ends = st.sampled_from(["terminated", "truncated", "both", "left open", "end_episode"])
episodes_of_a_run = st.lists(st.tuples(rewards_of_an_episode, ends), min_size=1, max_size=5)
# No subnormal numbers: their products are not exact to a relative error.
gammas = st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]) | st.floats(1e-3, 1.0)


def steps_of(rewards, end, start):
    """The arguments of `add` for an episode whose observations are start, start + 1, ..."""
    for at, reward in enumerate(rewards):
        last = at == len(rewards) - 1
        state = start + at
        terminated, truncated = last and end in ("terminated", "both"), last and end in ("truncated", "both")
        yield state, state % 7, reward, state + 1, terminated, truncated, {"step": state}


def expected(rewards, end, start, n, gamma):
    """(state, action, exact return, its rounding error at most, next state, done, info, discount) for each step."""
    length = len(rewards)
    for at in range(length):
        if end == "left open" and at + n > length:
            break
        reach = min(n, length - at)
        terms = [Fraction(gamma) ** k * Fraction(rewards[at + k]) for k in range(reach)]
        done = end in ("terminated", "both") and at + reach == length
        state = start + at
        slack = 4 * reach * float(sum(map(abs, terms))) * np.finfo(float).eps
        yield state, state % 7, sum(terms), slack, state + reach, done, {"step": state}, Fraction(gamma) ** reach


def check(rows, wanted):
    wanted = list(wanted)
    assert len(rows) == len(wanted)
    for row, (state, action, total, slack, next_state, done, info, discount) in zip(rows, wanted, strict=True):
        assert (row[0], row[1], row[3], row[4], row[5]) == (state, action, next_state, done, info)
        assert abs(Fraction(row[2]) - total) <= slack
        assert row[6] == pytest.approx(float(discount), rel=1e-14, abs=0.0)


@given(episodes_of_a_run, st.integers(1, 6), gammas)
def test_every_transition_is_the_models(episodes, n, gamma):
    # An episode that is left open and followed by another would be one episode.
    episodes = [(rewards, "truncated" if end == "left open" else end) for rewards, end in episodes[:-1]] + episodes[-1:]
    recorder = Recorder()
    front = NStep(n, gamma, buffer=recorder)
    wanted, start = [], 0
    for rewards, end in episodes:
        for step in steps_of(rewards, end, start):
            front.add(*step)
        if end == "end_episode":
            front.end_episode()
        wanted += expected(rewards, end, start, n, gamma)
        start += 100
    check(recorder.rows, wanted)


@given(st.lists(st.tuples(rewards_of_an_episode, ends), min_size=1, max_size=4), st.integers(1, 4), st.randoms())
def test_environments_that_take_turns_do_not_mix(episodes, n, random):
    recorder = Recorder()
    front = NStep(n, 0.9, recorder)
    todo = {env: list(steps_of(rewards, end, 100 * env)) for env, (rewards, end) in enumerate(episodes)}
    while todo:
        env = random.choice(sorted(todo))
        front.add(*todo[env].pop(0), env=env)
        if not todo[env]:
            del todo[env]
            if episodes[env][1] == "end_episode":
                front.end_episode(env)
    for env, (rewards, end) in enumerate(episodes):
        rows = [row for row in recorder.rows if row[0] // 100 == env]
        check(rows, expected(rewards, end, 100 * env, n, 0.9))


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.tuples(*[st.lists(st.booleans(), min_size=4, max_size=4)] * 2), min_size=1, max_size=12),
)
def test_a_batch_of_environments_is_their_steps_one_by_one(count, n, flags):
    together, apart = Recorder(), Recorder()
    batched, single = NStep(n, 0.97, together), NStep(n, 0.97, apart)
    envs = np.arange(count)
    for time, (terminated, truncated) in enumerate(flags):
        states = 100 * envs + time
        infos = [{"env": env, "time": time} for env in range(count)]
        step = (states, envs, states / 7, states + 1, np.array(terminated[:count]), np.array(truncated[:count]))
        writes = together.writes
        batched.add_batch(*step, infos)
        assert together.writes <= writes + 1
        for env in range(count):
            single.add(*(column[env] for column in step), infos[env], env=env)
    assert together.rows == apart.rows


def test_a_batch_needs_neither_truncation_nor_infos():
    recorder = Recorder()
    NStep(1, 0.9, recorder).add_batch([1, 2], [0, 0], [0.5, 1.5], [2, 3], [False, True])
    assert recorder.rows == [(1, 0, 0.5, 2, False, None, 0.9), (2, 0, 1.5, 3, True, None, 0.9)]


def test_arrays_that_the_environment_writes_to_again_are_kept_as_they_were():
    buffer = PrioritizedReplayBuffer(10, rare_fraction=0, seed=0)
    front = NStep(3, 0.5, buffer)
    state, next_state, action = np.zeros(2), np.zeros(2), np.zeros(1)
    for time in range(4):
        state[:], action[:], next_state[:] = time, -time, time + 1
        front.add(state, action, 1.0, next_state, time == 3)
    assert [row[0].tolist() for row in buffer] == [[t, t] for t in (0.0, 1.0, 2.0, 3.0)]
    assert [row[1].tolist() for row in buffer] == [[0.0], [-1.0], [-2.0], [-3.0]]
    assert [row[3].tolist() for row in buffer] == [[3.0] * 2] + [[4.0] * 2] * 3


@pytest.mark.parametrize("make", [PrioritizedReplayBuffer, CombinedReplayBuffer])
def test_bootstrap_targets_from_a_buffer_are_those_of_the_definition(make):
    """With Q the exact values of a chain, every n-step target is the value of its state, whatever its length."""
    length, gamma = 23, 0.9
    rewards = np.linspace(-1.0, 2.0, length)
    values = np.zeros(length + 1)
    for at in reversed(range(length)):
        values[at] = rewards[at] + gamma * values[at + 1]
    values[length] = 1e9  # read only where a terminated transition is bootstrapped from
    buffer = make(100, seed=3)
    front = NStep(5, gamma, buffer)
    for at in range(length):
        front.add(at, 0, rewards[at], at + 1, at == length - 1)
    assert len(buffer) == length
    batch, weights, indices = buffer.sample(20)
    targets = batch.rewards + batch["discount"] * ~batch.dones * values[batch.next_states.astype(int)]
    np.testing.assert_allclose(targets, values[batch.states.astype(int)], rtol=1e-5, atol=1e-6)
    assert len(set(batch["discount"].tolist())) > 1
    buffer.update_priorities(indices, targets)
    assert weights.shape == (20,)


def test_a_truncated_episode_bootstraps_from_its_final_observation():
    buffer = PrioritizedReplayBuffer(10, seed=0)
    front = NStep(3, 0.5, buffer)
    for time in range(4):
        front.add(time, 0, 1.0, time + 1, False, time == 3)
    front.add(50, 0, 1.0, 51, True)
    assert [(row[0], row[2], row[3], row[4]) for row in buffer] == [
        (0, 1.75, 3, False),
        (1, 1.75, 4, False),
        (2, 1.5, 4, False),
        (3, 1.0, 4, False),
        (50, 1.0, 51, True),
    ]
    batch = buffer.sample(5).batch
    factors = {0: 0.125, 1: 0.125, 2: 0.25, 3: 0.5, 50: 0.5}
    assert batch["discount"].tolist() == [factors[int(state)] for state in batch.states]


def test_observations_may_be_dicts():
    buffer = PrioritizedReplayBuffer(10, seed=0)
    front = NStep(2, 0.5, buffer)
    for time in range(3):
        states = [{"position": np.full(2, at, np.float32), "map": {"tile": at}} for at in (time, time + 1)]
        front.add(states[0], 0, 1.0, states[1], time == 2)
    batch = buffer.sample(3).batch
    starts = batch.states["position"][:, 0]
    assert batch.states["map"]["tile"].tolist() == starts.tolist()
    assert batch.next_states["position"][:, 1].tolist() == np.minimum(starts + 2, 3).tolist()


def test_rare_events_are_flagged_by_the_info_of_the_first_step():
    buffer = PrioritizedReplayBuffer(20, seed=0)
    front = NStep(3, 0.9, buffer)
    for time in range(6):
        front.add(time, 0, 0.0, time + 1, time == 5, info={"conversion": time in (2, 5)})
    assert [row[0] for row in buffer if row[0] in (2, 5)] == [2, 5]
    assert sorted(buffer.slots(buffer.protected).tolist()) == [2, 5]


def test_ending_an_episode_that_is_not_open_does_nothing():
    recorder = Recorder()
    front = NStep(3, 0.9, recorder)
    front.end_episode()
    front.add(0, 0, 1.0, 1, True)
    front.end_episode()
    front.end_episode(4)
    assert len(recorder.rows) == 1


@pytest.mark.parametrize(
    ("n", "gamma", "error", "message"),
    [
        (0, 0.9, ValueError, "n must be at least 1, not 0"),
        (2.0, 0.9, TypeError, "n must be an int"),
        (True, 0.9, TypeError, "n must be an int"),
        (3, 1.01, ValueError, r"gamma must be finite and in \[0, 1\], not 1.01"),
        (3, -0.1, ValueError, "gamma must be finite"),
        (3, float("nan"), ValueError, "gamma must be finite"),
        (3, "high", TypeError, "gamma must be a number"),
    ],
)
def test_arguments_are_checked(n, gamma, error, message):
    with pytest.raises(error, match=message):
        NStep(n, gamma, Recorder())


def test_fronts_do_not_stack():
    with pytest.raises(TypeError, match="not NStep: NStep writes straight into one"):
        NStep(3, 0.9, NStep(3, 0.9, Recorder()))
    with pytest.raises(TypeError, match="not list"):
        NStep(3, 0.9, [])


GOOD = {"state": [0.0, 1.0], "action": 1, "reward": 1.0, "next_state": [1.0, 2.0], "terminated": False}


@pytest.mark.parametrize("open_already", [False, True])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"reward": float("nan")}, ValueError, "reward has values that are not finite"),
        ({"reward": [1.0, 2.0]}, ValueError, "reward has 2 values, expected 1"),
        ({"state": "left"}, TypeError, "state must be numbers, not str"),
        ({"next_state": {"x": None}}, TypeError, r"next_state\['x'\] must be numbers, not NoneType"),
        ({"state": [[1.0], [1.0, 2.0]]}, ValueError, "state is not a rectangular array"),
        ({"next_state": [1.0]}, ValueError, r"next_state has shape \(1,\), and the episode has \(2,\)"),
        ({"action": {"x": 1}}, TypeError, "action must be numbers, not dict"),
        ({"terminated": 0.5}, ValueError, "terminated must be true or false, not 0.5"),
        ({"truncated": 2}, ValueError, "truncated must be true or false, not 2"),
        ({"info": "lost"}, TypeError, "info must be a dict or None, not str"),
        ({"env": -1}, ValueError, "env must not be negative"),
        ({"env": "first"}, TypeError, "env must be an int"),
    ],
)
def test_a_step_that_is_refused_changes_nothing(bad, error, message, open_already):
    buffers = [PrioritizedReplayBuffer(10, seed=0) for _ in range(2)]
    fronts = [NStep(3, 0.9, buffer) for buffer in buffers]
    for front in fronts:
        if open_already:
            front.add(**GOOD)
    with pytest.raises(error, match=message):
        fronts[0].add(**{**GOOD, "terminated": True, **bad})
    for front in fronts:
        front.add(**{**GOOD, "terminated": True})
    first, second = ([repr(row) for row in buffer] for buffer in buffers)
    assert first == second
    assert len(first) == 1 + open_already


@pytest.mark.parametrize("together", [False, True])
def test_a_step_that_the_buffer_refuses_can_be_given_again(together):
    buffer = PrioritizedReplayBuffer(10, seed=0)
    buffer.append("an object")
    front = NStep(2, 0.5, buffer)

    def give(time):
        if together:
            front.add_batch([time], [0], [1.0], [time + 1], [time == 2])
        else:
            front.add(time, 0, 1.0, time + 1, time == 2)

    give(0)
    with pytest.raises(ValueError, match="holds objects"):
        give(1)
    buffer.clear()
    give(1)
    give(2)
    assert [row[:4] for row in buffer] == [(0, 0, 1.5, 2), (1, 0, 1.5, 3), (2, 0, 1.0, 3)]


def test_a_shape_must_stay_as_it_was_in_the_episode():
    front = NStep(3, 0.9, Recorder())
    front.add(**GOOD)
    with pytest.raises(ValueError, match=r"state has shape \(3,\), and the episode has \(2,\)"):
        front.add(**{**GOOD, "state": [1.0, 2.0, 3.0], "next_state": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"action has shape \(1,\), and the episode has \(\)"):
        front.add(**{**GOOD, "action": [1]})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"actions": [0]}, r"actions has shape \(1,\), expected \(2, ...\)"),
        ({"states": 3}, r"states has shape \(\), expected \(2, ...\)"),
        ({"next_states": {"x": [1, 2, 3]}}, r"next_states has shape \(3,\)"),
        ({"terminated": [False]}, "terminated has 1 values, expected 2"),
        ({"truncated": [0, 3]}, "truncated must be true or false"),
        ({"infos": [None]}, "infos has 1 entries, expected 2"),
        ({"rewards": [0.0, np.inf]}, "rewards has values that are not finite"),
    ],
)
def test_a_batch_that_is_refused_changes_nothing(bad, message):
    good = {"states": [1, 2], "actions": [0, 0], "rewards": [1, 1], "next_states": [2, 3], "terminated": [1, 0]}
    recorder = Recorder()
    front = NStep(2, 0.5, recorder)
    front.add_batch(**{**good, "terminated": [False, False]})
    with pytest.raises(ValueError, match=message):
        front.add_batch(**{**good, **bad})
    assert recorder.rows == []
    front.add_batch(**good)
    assert [row[2] for row in recorder.rows] == [1.5, 1.0, 1.5]
