"""Relabelled transitions: goals that were achieved in time, rewards that agree with them, originals left alone."""

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experience_replay_optimizer import CombinedReplayBuffer, PrioritizedReplayBuffer
from experience_replay_optimizer.hindsight import HindsightExperienceReplay, concatenate_goal
from experience_replay_optimizer.n_step import NStep

STRATEGIES = ["future", "final", "episode"]


class Recorder:
    """A buffer that keeps each write as it is given."""

    def __init__(self):
        self.writes = []

    def add(self, *fields):
        raise AssertionError("an episode is one write")

    def add_batch(self, states, actions, rewards, next_states, dones, infos):
        self.writes.append((states, actions, rewards, next_states, dones, infos))

    def sample(self, batch_size):
        raise AssertionError("nothing is drawn from a recorder")


class BitFlip(gymnasium.Env):
    """Section 3.1 of the paper: flip a bit a step until the bits are those of the goal. Its interface is GoalEnv's."""

    def __init__(self, bits):
        one = gymnasium.spaces.MultiBinary(bits)
        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = gymnasium.spaces.Dict(dict.fromkeys(keys, one))
        self.action_space = gymnasium.spaces.Discrete(bits)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.goal = (self.np_random.integers(0, 2, self.action_space.n, np.int8) for _ in range(2))
        return self.observe(), {}

    def step(self, action):
        self.state[action] ^= 1
        terminated = bool(self.compute_terminated(self.state, self.goal, {}))
        return self.observe(), float(self.compute_reward(self.state, self.goal, {})), terminated, False, {}

    def observe(self):
        # The same arrays at each step, as some environments do.
        return {"observation": self.state, "achieved_goal": self.state, "desired_goal": self.goal}

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -(achieved_goal != desired_goal).any(axis=-1).astype(np.float32)

    def compute_terminated(self, achieved_goal, desired_goal, info):
        return (achieved_goal == desired_goal).all(axis=-1)


def play(env, her, episodes, **more):
    """Episodes of random actions; returns their lengths."""
    lengths = []
    env.action_space.seed(0)
    for episode in range(episodes):
        observation, _ = env.reset(seed=episode)
        ended, length = False, 0
        while not ended:
            state = {key: value.copy() for key, value in observation.items()}
            action = env.action_space.sample()
            observation, reward, terminated, truncated, info = env.step(action)
            her.add(state, action, reward, observation, terminated, truncated, info, **more)
            ended = terminated or truncated
            length += 1
        lengths.append(length)
    return lengths


def negative_distance(achieved, desired, info):
    return -np.abs(achieved - desired)[..., 0]


def observed(time, goal=-5.0):
    """What an environment shows whose achieved goal is the time."""
    return {"observation": np.array([time, 10.0]), "achieved_goal": np.array([time]), "desired_goal": np.array([goal])}


def walk(her, length, start=0.0, end="terminated", **more):
    """An episode whose step t achieves the goal start + t + 1."""
    for time in range(length):
        at = start + time
        last = time == length - 1
        her.add(
            observed(at), time, -at, observed(at + 1), last and end == "terminated", last and end == "truncated", **more
        )


def goal_times(write, length):
    """The step whose outcome each copy has for a goal, shape (k, length), for an episode of `walk` from 0."""
    return write[0]["desired_goal"][length:, 0].reshape(-1, length) - 1


@given(st.integers(1, 12), st.integers(1, 5), st.sampled_from(STRATEGIES), st.integers(0, 99), st.booleans())
def test_relabelled_transitions_are_the_originals_with_a_goal_achieved_in_time(length, k, strategy, seed, terminated):
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, strategy=strategy, k=k, buffer=recorder, seed=seed)
    walk(her, length, end="terminated" if terminated else "truncated")
    [write] = recorder.writes
    states, actions, rewards, next_states, dones, infos = write
    times = np.tile(np.arange(length), k + 1)

    assert states["observation"].tolist() == [[time, 10.0] for time in times]
    assert next_states["observation"].tolist() == [[time + 1, 10.0] for time in times]
    assert states["achieved_goal"][:, 0].tolist() == times.tolist()
    assert next_states["achieved_goal"][:, 0].tolist() == (times + 1).tolist()
    assert actions.tolist() == times.tolist()
    assert dones.tolist() == (terminated & (times == length - 1)).tolist()
    assert infos == [None] * times.size

    assert (states["desired_goal"][:length] == -5.0).all()
    assert (next_states["desired_goal"] == states["desired_goal"]).all()
    assert rewards[:length].tolist() == [-time for time in range(length)]
    assert (rewards[length:] == -np.abs(times[length:] + 1 - states["desired_goal"][length:, 0])).all()

    steps = goal_times(write, length)
    assert np.isin(steps, np.arange(length)).all()
    if strategy == "future":
        assert (steps >= np.arange(length)).all()
    if strategy == "final":
        assert (steps == length - 1).all()


@pytest.mark.parametrize("strategy", ["future", "episode"])
def test_goals_are_drawn_uniformly_from_those_allowed(strategy):
    length, k = 5, 4000
    recorder = Recorder()
    walk(HindsightExperienceReplay(negative_distance, strategy, k, buffer=recorder, seed=1), length)
    for time, drawn in enumerate(goal_times(recorder.writes[0], length).T):
        allowed = np.arange(time if strategy == "future" else 0, length)
        counts = np.bincount(drawn.astype(int), minlength=length)
        share = 1 / allowed.size
        assert counts.sum() == counts[allowed].sum() == k
        assert (np.abs(counts[allowed] - k * share) <= 5 * np.sqrt(k * share * (1 - share))).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_bit_flip_episodes_that_fail_are_stored_with_successes(strategy):
    env = gymnasium.wrappers.TimeLimit(BitFlip(10), 10)
    goal_env = env.unwrapped
    buffer = PrioritizedReplayBuffer(5_000, rare_fraction=0, seed=0)
    her = HindsightExperienceReplay(
        goal_env.compute_reward, strategy, 3, buffer=buffer, compute_terminated=goal_env.compute_terminated, seed=0
    )
    steps = sum(play(env, her, 20))
    assert len(buffer) == 4 * steps
    rows = list(buffer)
    wins = 0
    for state, action, reward, next_state, done in rows:
        assert sorted(state) == ["achieved_goal", "desired_goal", "observation"]
        flipped = state["observation"].copy()
        flipped[int(action)] ^= 1
        assert (flipped == next_state["observation"]).all()
        assert (state["desired_goal"] == next_state["desired_goal"]).all()
        reached = (next_state["achieved_goal"] == next_state["desired_goal"]).all()
        assert (reward == 0.0) == done == reached
        wins += bool(done)
    assert wins >= 3 * 20  # with the last step of each episode, at least
    batch, weights, indices = buffer.sample(64)
    assert {key: part.shape for key, part in batch.states.items()} == dict.fromkeys(batch.states, (64, 10))
    assert batch.states["desired_goal"].dtype == np.int8
    assert concatenate_goal(batch.states).shape == (64, 20)
    buffer.update_priorities(indices, np.ones(64))
    assert (weights > 0).all()


def test_without_compute_terminated_the_flags_are_those_of_the_originals():
    env = gymnasium.wrappers.TimeLimit(BitFlip(2), 4)
    recorder = Recorder()
    lengths = play(env, HindsightExperienceReplay(env.unwrapped.compute_reward, k=2, buffer=recorder, seed=0), 20)
    ended = [write[4][:length] for write, length in zip(recorder.writes, lengths, strict=True)]
    assert {bool(flags[-1]) for flags in ended} == {True, False}
    for write, flags in zip(recorder.writes, ended, strict=True):
        assert write[4].tolist() == flags.tolist() * 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_call_for_an_episode_or_one_for_each_pair(strategy):
    calls = []

    def reward(achieved, desired, info):
        calls.append(achieved.shape)
        return negative_distance(achieved, desired, info)

    def terminated(achieved, desired, info):
        return (achieved == desired)[..., 0]

    both = []
    for vectorised in (True, False):
        recorder = Recorder()
        her = HindsightExperienceReplay(
            reward, strategy, 3, buffer=recorder, compute_terminated=terminated, vectorised=vectorised, seed=5
        )
        walk(her, 7)
        both.append(recorder.writes[0])
    assert calls == [(21, 1)] + [(1,)] * 21
    for together, apart in zip(*both, strict=True):
        np.testing.assert_equal(together, apart)
    assert both[0][4][7:].any()


@pytest.mark.parametrize("vectorised", [True, False])
def test_the_functions_see_the_info_of_their_transition(vectorised):
    def energy(achieved, desired, info):
        return np.array([one["energy"] for one in info]) if vectorised else info["energy"]

    recorder = Recorder()
    her = HindsightExperienceReplay(energy, k=2, buffer=recorder, vectorised=vectorised)
    infos = [{"energy": float(time)} for time in range(4)]
    for time, info in enumerate(infos):
        her.add(observed(time), 0, 9.0, observed(time + 1), time == 3, info=info)
    assert recorder.writes[0][2].tolist() == [9.0] * 4 + [0.0, 1.0, 2.0, 3.0] * 2
    assert recorder.writes[0][5] == infos + [None] * 8


def test_an_info_that_was_not_given_is_empty():
    seen = []
    her = HindsightExperienceReplay(lambda a, g, info: seen.append(info) or np.zeros(2), k=2, buffer=Recorder())
    walk(her, 1)
    assert seen == [[{}, {}]]


def test_the_flags_of_rare_events_are_not_multiplied():
    buffer = PrioritizedReplayBuffer(100, seed=0)
    her = HindsightExperienceReplay(lambda a, g, info: np.zeros(len(a)), buffer=buffer)
    for time in range(5):
        her.add(observed(time), 0, 0.0, observed(time + 1), time == 4, info={"conversion": time == 2})
    assert buffer.slots(buffer.protected).tolist() == [2]


@pytest.mark.parametrize("make", [PrioritizedReplayBuffer, CombinedReplayBuffer])
def test_relabelled_transitions_enter_with_the_maximum_priority(make):
    buffer = make(100, rare_fraction=0, seed=0)
    her = HindsightExperienceReplay(negative_distance, k=3, buffer=buffer, seed=0)
    walk(her, 2)
    buffer.update_priorities(np.arange(8), [0.1, 7.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    walk(her, 3)
    chances = buffer.sampler.probabilities(np.arange(20), 10)
    np.testing.assert_allclose(chances[8:], chances[1])
    assert (chances[[0, 2, 7]] < chances[1]).all()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.randoms())
def test_each_environment_has_an_episode_of_its_own(lengths, random):
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, k=2, buffer=recorder, seed=0)
    todo = {env: list(range(length)) for env, length in enumerate(lengths)}
    while todo:
        env = random.choice(sorted(todo))
        time = todo[env].pop(0)
        at = 100.0 * env + time
        her.add(observed(at), 0, 0.0, observed(at + 1), False, not todo[env], env=env)
        if not todo[env]:
            del todo[env]
            states = recorder.writes[-1][0]
            assert states["achieved_goal"][:, 0].tolist() == [100.0 * env + t for t in range(lengths[env])] * 3
            assert set(states["desired_goal"][lengths[env] :, 0] // 100) == {env}
    assert len(recorder.writes) == len(lengths)


def test_an_episode_can_be_ended_by_the_caller():
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, k=1, buffer=recorder)
    her.end_episode()
    walk(her, 3, end="never", env=2)
    her.end_episode()
    assert recorder.writes == []
    her.end_episode(env=2)
    her.end_episode(env=2)
    [write] = recorder.writes
    assert len(write[2]) == 6
    assert not write[4].any()
    walk(her, 1, env=2)
    assert len(recorder.writes[1][2]) == 2


def test_arrays_that_the_environment_writes_to_again_are_kept_as_they_were():
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, "final", k=1, buffer=recorder)
    state, next_state, action = observed(0.0), observed(0.0), np.zeros(1)
    for time in range(3):
        for key in ("observation", "achieved_goal"):
            state[key][0], next_state[key][0] = time, time + 1
        action[:] = time
        her.add(state, action, 0.0, next_state, time == 2)
    states, actions, _, next_states, _, _ = recorder.writes[0]
    assert states["achieved_goal"][:3, 0].tolist() == actions[:3, 0].tolist() == [0.0, 1.0, 2.0]
    assert next_states["observation"][:3, 0].tolist() == [1.0, 2.0, 3.0]


def test_goals_may_be_dicts_and_other_keys_are_kept():
    def observe(time):
        goal = {"place": np.array([time, 0.0]), "gripper": time % 2}
        return {
            "observation": {"camera": np.full((2, 2), time, np.uint8)},
            "achieved_goal": goal,
            "desired_goal": {"place": np.array([-1.0, -1.0]), "gripper": 0},
            "task": 7,
        }

    def reward(achieved, desired, info):
        return -np.abs(achieved["place"] - desired["place"]).sum(axis=-1) - (achieved["gripper"] != desired["gripper"])

    buffer = PrioritizedReplayBuffer(100, rare_fraction=0, seed=0)
    her = HindsightExperienceReplay(reward, "final", 2, buffer=buffer)
    for time in range(3):
        her.add(observe(time), 0, -9.0, observe(time + 1), time == 2)
    rows = list(buffer)
    assert len(rows) == 9
    for time, (state, _, value, next_state, _) in zip([0, 1, 2] * 2, rows[3:], strict=True):
        assert state["desired_goal"]["place"].tolist() == next_state["desired_goal"]["place"].tolist() == [3.0, 0.0]
        assert state["desired_goal"]["gripper"] == 1
        assert state["task"] == 7
        assert state["observation"]["camera"].tolist() == [[time] * 2] * 2
        assert value == -(2 - time) - ((time + 1) % 2 != 1)


def test_a_goal_that_moves_stays_with_the_original():
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, k=1, buffer=recorder)
    her.add(observed(0, goal=3.0), 0, 0.0, observed(1, goal=4.0), True)
    states, next_states = recorder.writes[0][0], recorder.writes[0][3]
    assert states["desired_goal"][:, 0].tolist() == [3.0, 1.0]
    assert next_states["desired_goal"][:, 0].tolist() == [4.0, 1.0]


def test_a_seed_decides_the_goals():
    def goals(**options):
        recorder = Recorder()
        walk(HindsightExperienceReplay(negative_distance, buffer=recorder, **options), 20)
        return goal_times(recorder.writes[0], 20).tolist()

    assert goals(seed=3) == goals(seed=3) == goals(rng=np.random.default_rng(3)) != goals(seed=4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"compute_reward": None}, TypeError, "compute_reward must be callable, not None"),
        ({"compute_reward": 3}, TypeError, "compute_reward must be callable, not 3"),
        ({"compute_terminated": True}, TypeError, "compute_terminated must be callable or None"),
        ({"strategy": "past"}, ValueError, "strategy must be one of future, final, episode, not 'past'"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 4.0}, TypeError, "k must be an int"),
        ({"seed": 1, "rng": np.random.default_rng()}, ValueError, "seed or rng"),
        ({"buffer": [1]}, TypeError, "buffer must be a replay buffer .* not list"),
        ({"buffer": NStep(3, 0.9, Recorder())}, TypeError, "not NStep"),
    ],
)
def test_arguments_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        HindsightExperienceReplay(**{"compute_reward": negative_distance, **options})


def test_n_step_returns_cannot_be_relabelled():
    her = HindsightExperienceReplay(negative_distance, buffer=Recorder())
    with pytest.raises(TypeError, match="not HindsightExperienceReplay"):
        NStep(3, 0.9, her)


def without(observation, key):
    return {name: part for name, part in observation.items() if name != key}


@pytest.mark.parametrize("open_already", [False, True])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"state": np.zeros(3)}, TypeError, 'state must be a dict with "observation", .* not ndarray'),
        ({"state": without(observed(0), "desired_goal")}, ValueError, "state has no 'desired_goal', only"),
        ({"next_state": without(observed(0), "achieved_goal")}, ValueError, "next_state has no 'achieved_goal'"),
        ({"next_state": {**observed(0), "more": 1}}, ValueError, "next_state has shape"),
        ({"state": {**observed(0), "desired_goal": [1, 2]}}, ValueError, "has shape"),
        ({"state": {**observed(0), "observation": "left"}}, TypeError, r"state\['observation'\] must be numbers"),
        ({"reward": np.nan}, ValueError, "reward has values that are not finite"),
        ({"terminated": 2}, ValueError, "terminated must be true or false"),
        ({"truncated": None}, TypeError, "truncated must be real numbers"),
        ({"action": "up"}, TypeError, "action must be numbers"),
        ({"info": 3}, TypeError, "info must be a dict"),
        ({"env": -1}, ValueError, "env must not be negative"),
    ],
)
def test_a_step_that_is_refused_changes_nothing(bad, error, message, open_already):
    good = {"state": observed(1), "action": 0, "reward": 0.0, "next_state": observed(2), "terminated": True}
    recorder = Recorder()
    her = HindsightExperienceReplay(negative_distance, "final", 1, buffer=recorder)
    if open_already:
        her.add(observed(0), 0, 0.0, observed(1), False)
    with pytest.raises(error, match=message):
        her.add(**{**good, **bad})
    assert recorder.writes == []
    her.add(**good)
    assert len(recorder.writes[0][2]) == 2 * (1 + open_already)


def test_goals_of_different_shapes_are_refused():
    observation = {**observed(0), "desired_goal": np.zeros(2)}
    her = HindsightExperienceReplay(negative_distance, buffer=Recorder())
    with pytest.raises(ValueError, match=r"achieved_goal has shape \(1,\), and desired_goal \(2,\)"):
        her.add(observation, 0, 0.0, observation, True)


def test_without_a_buffer_nothing_can_be_added():
    with pytest.raises(ValueError, match="there is no buffer to add to"):
        walk(HindsightExperienceReplay(negative_distance), 1)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda achieved, desired, info: 0.0, "what compute_reward returns has 1 values, expected 12"),
        (lambda achieved, desired, info: np.zeros((12, 2)), r"must have shape \(B,\) or \(B, 1\)"),
        (lambda achieved, desired, info: np.full(12, np.inf), "not finite"),
    ],
)
def test_a_reward_function_for_single_goals_is_found_out_before_anything_is_stored(reward, message):
    recorder = Recorder()
    her = HindsightExperienceReplay(reward, k=4, buffer=recorder)
    with pytest.raises(ValueError, match=message):
        walk(her, 3)
    assert recorder.writes == []
    her.compute_reward = negative_distance
    her.add(observed(2), 2, 0.0, observed(3), True)  # the step that was refused
    assert recorder.writes[0][1].tolist() == [0, 1, 2] * 5


def test_a_terminated_function_for_single_goals_is_found_out():
    her = HindsightExperienceReplay(
        negative_distance, buffer=Recorder(), compute_terminated=lambda achieved, desired, info: False
    )
    with pytest.raises(ValueError, match="what compute_terminated returns has 1 values, expected 12"):
        walk(her, 3)


class Reach(HindsightExperienceReplay):
    """Goals are states, as in the interface of lists."""

    def compute_reward(self, next_state, goal):
        return 1.0 if next_state == goal else 0.0


@given(st.integers(0, 8), st.integers(1, 4), st.sampled_from(STRATEGIES), st.integers(0, 99))
def test_a_trajectory_is_augmented_with_goals_that_it_reached_in_time(length, k, strategy, seed):
    trajectory = [(("at", time), time, ("at", time + 1)) for time in range(length)]
    achieved, desired = ("at", length), ("at", 99)
    augmented = Reach(strategy=strategy, k=k, seed=seed).augment_experience(trajectory, achieved, desired)
    assert len(augmented) == (2 + k) * length
    for time in range(length):
        rows = augmented[(2 + k) * time : (2 + k) * (time + 1)]
        assert rows[0] == (*trajectory[time][:2], 0.0, ("at", time + 1), desired)
        assert rows[1] == (*trajectory[time][:2], float(time == length - 1), ("at", time + 1), achieved)
        for state, action, reward, next_state, goal in rows[2:]:
            assert (state, action, next_state) == trajectory[time]
            assert reward == float(goal == next_state)
            earliest = {"future": time, "final": length - 1, "episode": 0}[strategy]
            assert earliest + 1 <= goal[1] <= length


def test_a_reward_function_serves_trajectories_too():
    states = np.arange(4.0)
    trajectory = zip(states[:-1], [0, 0, 0], states[1:], strict=True)
    her = HindsightExperienceReplay(lambda next_state, goal: -abs(next_state - goal), "final", k=1)
    augmented = her.augment_experience(trajectory, 3.0, 5.0)
    assert [row[2] for row in augmented] == [-4, -2, -2, -3, -1, -1, -2, 0, 0]


def test_a_goal_may_be_a_part_of_the_state():
    class Position(Reach):
        def compute_reward(self, next_state, goal):
            return float(self.goal_of(next_state) == goal)

        def goal_of(self, state):
            return state[0]

    augmented = Position(strategy="final", k=1).augment_experience([((0, "v"), 1, (1, "w"))], 1, 2)
    assert [(reward, goal) for _, _, reward, _, goal in augmented] == [(0.0, 2), (1.0, 1), (1.0, 1)]


def test_a_method_of_a_subclass_relabels_episodes_too():
    class Distance(HindsightExperienceReplay):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return negative_distance(achieved_goal, desired_goal, info)

    recorder = Recorder()
    walk(Distance(strategy="final", k=1, buffer=recorder), 3)
    assert recorder.writes[0][2][3:].tolist() == [-2.0, -1.0, 0.0]


def test_goals_are_concatenated_to_observations():
    observation = {"observation": np.float32([1, 2]), "desired_goal": np.float32([3]), "achieved_goal": [4, 5]}
    assert concatenate_goal(observation).tolist() == [1, 2, 3]
    assert concatenate_goal(observation).dtype == np.float32
    assert concatenate_goal(observation, ("achieved_goal", "observation")).tolist() == [4, 5, 1, 2]
    batch = {"observation": np.zeros((5, 2)), "desired_goal": np.ones((5, 1))}
    assert concatenate_goal(batch).tolist() == [[0, 0, 1]] * 5
    with pytest.raises(ValueError, match="observation has no 'achieved_goal', only"):
        concatenate_goal(batch, ("observation", "achieved_goal"))
    with pytest.raises(ValueError, match="must be vectors, or rows of them"):
        concatenate_goal({"observation": np.zeros((5, 2)), "desired_goal": np.ones(5)})
    with pytest.raises(ValueError, match="must be vectors, or rows of them"):
        concatenate_goal({"observation": np.zeros((5, 2)), "desired_goal": np.ones((4, 2))})
    with pytest.raises(ValueError, match="must be vectors, or rows of them"):
        concatenate_goal({"observation": 1.0, "desired_goal": 2.0})
