import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.schedules import LinearSchedule
from experience_replay_optimizer.sequences import SequenceReplayBuffer
from experience_replay_optimizer.storage.frames import FrameStackStorage
from experience_replay_optimizer.storage.next_by_index import NextByIndexStorage

RARE = 9.0


class Model:
    """All steps ever added, and from them what can be drawn, computed anew each time."""

    def __init__(self, ring, kept, length, burn_in, stride):
        self.ring, self.kept, self.length, self.burn_in, self.stride = ring, kept, length, burn_in, stride
        self.steps = []
        self.episodes = {}  # environment -> numbers of the steps of its open episode
        self.opened = []  # sequences, as lists of step numbers, in the order in which they could be drawn

    def add(self, env, step, ends):
        number = len(self.steps)
        self.steps.append(step)
        episode = self.episodes.setdefault(env, [])
        if episode and number - episode[-1] >= self.ring:
            episode.clear()
        episode.append(number)
        self.complete(env, ends)

    def complete(self, env, ends):
        episode = self.episodes.get(env, [])
        for first in range(0, len(episode), self.stride):
            rows = episode[first : first + self.length]
            covered = first > 0 and first - self.stride + self.length >= len(episode)
            whole = len(rows) == self.length
            if rows in self.opened or rows[0] < len(self.steps) - self.ring:
                continue
            if (whole and len(episode) == first + self.length) or (
                ends and not whole and not covered and len(rows) > self.burn_in
            ):
                self.opened.append(rows)
        if ends:
            self.episodes[env] = []

    def drawable(self):
        """First steps of the sequences in the ring, and of the protected ones."""
        ring = {rows[0]: rows for rows in self.opened if rows[0] >= len(self.steps) - self.ring}
        rare = [rows for rows in self.opened if any(self.steps[at][0][2] == RARE for at in rows)]
        return ring, {rows[0]: rows for rows in rare[-self.kept :]} if self.kept else {}


def check(buffer, model):
    """Everything that can be drawn, row by row."""
    starts = np.flatnonzero(buffer.sampler.contains(np.arange(buffer.sampler.capacity)))
    ring, protected = model.drawable()
    assert len(buffer) == starts.size
    assert set(starts[starts < model.ring]) == {first % model.ring for first in ring}
    if not starts.size:
        return
    batch = buffer._gather(starts)
    firsts = batch["step"][:, 0].tolist()
    assert len(set(firsts)) == len(firsts)
    assert {*ring, *protected} <= set(firsts)
    assert len(buffer.sampler.protected) == len(protected)
    every = {rows[0]: rows for rows in model.opened}
    for at, first in enumerate(firsts):
        rows = every[first]
        assert batch["mask"][at].tolist() == [True] * len(rows) + [False] * (model.length - len(rows))
        columns = [(model.steps[row][0][field]) for row in rows for field in range(5)]
        for step, row in enumerate(rows):
            state, action, reward, next_state, done = columns[5 * step : 5 * step + 5]
            assert (batch.states[at, step] == state).all()
            assert (batch.next_states[at, step] == next_state).all()
            assert (batch.actions[at, step], batch.rewards[at, step], batch.dones[at, step]) == (action, reward, done)
            assert (batch["hidden"][at, step] == model.steps[row][1]).all()
        rest = slice(len(rows), None)
        for padded in (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones, batch["hidden"]):
            assert not padded[at, rest].any()


shapes = st.integers(1, 6).flatmap(
    lambda length: st.integers(0, length - 1).flatmap(
        lambda burn_in: st.tuples(st.just(length), st.just(burn_in), st.integers(1, length - burn_in))
    )
)


@given(
    shape=shapes,
    envs=st.integers(1, 3),
    laps=st.integers(1, 5),
    quota=st.sampled_from([0.0, 0.2, 0.5]),
    storage=st.sampled_from(["columns", "index", "frames"]),
    ending=st.sampled_from([0.02, 0.2, 0.6]),
    in_turn=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=300)
def test_exactly_the_whole_sequences_are_drawn(shape, envs, laps, quota, storage, ending, in_turn, seed):
    length, burn_in, stride = shape
    rng = np.random.default_rng(seed)
    # As many rows as leave a multiple of the environments beside the kept ones.
    capacity = next(
        rows
        for rows in range(2 * length * envs * laps, 100 * length * envs * laps)
        if (rows - int(quota * rows / length + 1e-9) * length) % envs == 0
        and rows - int(quota * rows / length + 1e-9) * length >= length * envs
    )
    kept = int(quota * capacity / length + 1e-9)
    buffer = SequenceReplayBuffer(
        capacity,
        length,
        burn_in,
        stride,
        num_envs=envs,
        rare_quota=quota,
        is_rare=lambda step: step[2] == RARE,
        storage={"columns": None, "index": NextByIndexStorage(envs), "frames": FrameStackStorage(2, num_envs=envs)}[
            storage
        ],
        seed=0,
    )
    model = Model(capacity - kept * length, kept, length, burn_in, stride)
    state = {env: rng.integers(0, 9, (2, 2)) for env in range(envs)}
    for number in range(min(3 * capacity, 150)):
        env = number % envs if in_turn else int(rng.integers(envs) * rng.integers(2))
        after = np.stack([state[env][1], rng.integers(0, 9, 2)])
        terminated, truncated = rng.random(2) < ending / 2
        step = (state[env], number, RARE if rng.random() < 0.05 else 1.0, after, bool(terminated))
        hidden = rng.random(3)
        buffer.add(*step, truncated, None, env, step=number, hidden=hidden)
        model.add(env, (step, hidden), terminated or truncated)
        state[env] = rng.integers(0, 9, (2, 2)) if terminated or truncated else after
        if rng.random() < 0.03:
            buffer.end_episode(env)
            model.complete(env, True)
        if number % 5 == 0 or number > min(3 * capacity, 150) - 5:
            check(buffer, model)
    if len(buffer):
        batch, _, indices = buffer.sample(1)
        assert batch.rewards.shape == (1, length)
        buffer.update_priorities(indices, rng.random((1, length)))
        check(buffer, model)


def filled(lengths=(10, 3, 7), length=4, burn_in=1, **arguments):
    buffer = SequenceReplayBuffer(60, length, burn_in, seed=0, rare_fraction=0, **arguments)
    number = 0
    for episode in lengths:
        for step in range(episode):
            buffer.add(float(number), number, 1.0, number + 1.0, step == episode - 1)
            number += 1
    return buffer


def priorities(buffer):
    """P of every sequence by its first action, times the sum."""
    starts = np.flatnonzero(buffer.sampler.contains(np.arange(buffer.sampler.capacity)))
    firsts = buffer._gather(starts).actions[:, 0].tolist()
    return dict(zip(firsts, buffer.sampler.probabilities(starts, 1), strict=True))


def test_starts_and_padding():
    buffer = filled()
    batch = buffer._gather(np.array([0, 2, 4, 6, 10, 13, 15, 17]))
    assert sorted(priorities(buffer)) == [0, 2, 4, 6, 10, 13, 15, 17]
    assert batch.actions.tolist() == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [4, 5, 6, 7],
        [6, 7, 8, 9],
        [10, 11, 12, 0],
        [13, 14, 15, 16],
        [15, 16, 17, 18],
        [17, 18, 19, 0],
    ]
    assert batch["mask"][4].tolist() == [True, True, True, False]


def test_an_episode_that_is_no_longer_than_the_burn_in_is_not_drawn():
    assert len(filled([2, 2, 2], burn_in=2)) == 0
    assert len(filled([3, 2, 3], burn_in=2)) == 2


@pytest.mark.parametrize("width", ["all", "learnt", "one"])
def test_priorities_mix_maximum_and_mean_of_the_rows_that_are_learnt_from(width):
    buffer = filled(alpha=1.0, epsilon=1e-12, eta=0.9)
    index = {buffer._gather(np.array([start])).actions[0, 0]: start for start in (0, 10)}
    errors = np.array([[50.0, -1.0, 2.0, 6.0], [np.nan, 3.0, -1.0, np.inf]])
    given = {"all": errors, "learnt": errors[:, 1:], "one": np.array([5.7, -2.9])}[width]
    buffer.update_priorities([index[0], index[10]], given)
    law = priorities(buffer)
    assert law[0] / law[2] == pytest.approx(0.9 * 6 + 0.1 * 3)
    assert law[10] / law[2] == pytest.approx(0.9 * 3 + 0.1 * 2 if width != "one" else 2.9)
    assert buffer.sampler.max_priority == pytest.approx(5.7)


def test_stale_handles_are_ignored_and_counted():
    buffer = filled()
    old = buffer.sample(8).indices
    for number in range(200):
        buffer.add(0.0, number, 1.0, 0.0, False)
    before = priorities(buffer)
    buffer.update_priorities(old, np.full(8, 7.0))
    assert buffer.stale_updates == 8
    assert priorities(buffer) == before
    new = buffer.sample(8).indices
    buffer.clear()
    assert len(buffer) == 0
    buffer.add(np.zeros(3), 0, 1.0, np.zeros(3), False)
    buffer.update_priorities(new, np.full(8, 7.0))
    assert buffer.stale_updates == 16


def test_refused_priorities_change_nothing():
    buffer = filled()
    indices = buffer.sample(2).indices
    before = priorities(buffer)
    for errors, error, message in [
        (np.zeros((2, 5)), ValueError, r"shape \(2, 5\), expected one of \(2, 4\), \(2, 3\), \(2,\)"),
        (np.zeros(3), ValueError, "shape"),
        (np.full((2, 4), np.nan), ValueError, "not finite"),
        (np.array(["a", "b"]), TypeError, "real numbers"),
    ]:
        with pytest.raises(error, match=message):
            buffer.update_priorities(indices, errors)
    with pytest.raises(ValueError, match="never returned"):
        buffer.update_priorities(indices + 10**6, np.zeros(2))
    with pytest.raises(TypeError, match="indices must be integers"):
        buffer.update_priorities([0.5, 1.5], np.zeros(2))
    assert priorities(buffer) == before


def test_refused_steps_store_nothing():
    buffer = filled()
    before = len(buffer), buffer._sequences.next_row, priorities(buffer)
    good = (0.0, 0, 1.0, 0.0, False)
    for step, arguments, error, message in [
        ((np.zeros(2), *good[1:]), {}, ValueError, "state has shape"),
        ((*good[:2], np.nan, *good[3:]), {}, ValueError, "reward must be finite"),
        (good, {"env": 1}, ValueError, "num_envs=1"),
        (good, {"env": -1}, ValueError, "negative"),
        (good, {"env": "first"}, TypeError, "env must be an int"),
        (good, {"truncated": 2}, ValueError, "truncated"),
        (good, {"mask": True}, ValueError, "another name"),
        (good, {"hidden": 1.0}, ValueError, "hidden"),
        (good, {"info": 5}, TypeError, "info must be a dict"),
    ]:
        with pytest.raises(error, match=message):
            buffer.add(*step, **arguments)
    with pytest.raises(ValueError, match="num_envs=1"):
        buffer.end_episode(3)
    assert (len(buffer), buffer._sequences.next_row, priorities(buffer)) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((10.0, 4), TypeError, "capacity must be an int"),
        ((100, 0), ValueError, "length must be at least 1"),
        ((100, 4, 4), ValueError, "burn_in must be less than length=4"),
        ((100, 4, 2, 3), ValueError, "stride must be at most length - burn_in = 2"),
        ((3, 4), ValueError, "need 4"),
    ],
)
def test_refused_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        SequenceReplayBuffer(*arguments)


def test_refused_arguments_by_name():
    with pytest.raises(ValueError, match="2 environments need 80"):
        SequenceReplayBuffer(79, 40, num_envs=2, rare_quota=0.0)
    with pytest.raises(ValueError, match="eta"):
        SequenceReplayBuffer(100, 4, eta=1.5)
    with pytest.raises(TypeError, match="is_rare must be callable"):
        SequenceReplayBuffer(100, 4, is_rare=3)
    with pytest.raises(TypeError, match="one string"):
        SequenceReplayBuffer(100, 4, rare_flags="success")


def test_more_sequences_than_there_are_cannot_be_drawn():
    buffer = filled()
    with pytest.raises(ValueError, match="batch_size is 9, and the buffer holds only 8 complete sequences"):
        buffer.sample(9)


def test_strides_overlap_by_half_unless_the_burn_in_needs_more():
    assert SequenceReplayBuffer(1000, 80).stride == 40
    assert SequenceReplayBuffer(1000, 80, 40).stride == 40
    assert SequenceReplayBuffer(1000, 80, 60).stride == 20


def test_rare_steps_are_found_by_their_reward_and_by_flags():
    buffer = SequenceReplayBuffer(200, 4, stride=4, rare_quota=0.1, rare_flags=("success",), seed=0)
    rng = np.random.default_rng(0)
    for number in range(1000):
        reward = 50.0 if number == 401 else rng.normal()
        info = {"success": True} if number == 500 else None
        buffer.add(0.0, number, float(np.clip(reward, -2, 50)), 0.0, False, info=info)
    kept = buffer._gather(buffer.sampler.protected).actions[:, 0].tolist()
    assert 400 in kept
    assert 500 in kept
    batch = buffer.sample(16).batch
    assert np.isin(batch.actions[:, 0], kept).sum() >= 4


def test_weights_follow_the_schedule_and_correct_the_law():
    buffer = filled(beta=LinearSchedule(1.0, 1.0, 1), normalise=None, alpha=1.0)
    buffer.update_priorities([0, 2], [5.0, 3.0])
    total = np.zeros(60)
    for _ in range(2000):
        batch, weights, _ = buffer.sample(8)
        np.add.at(total, batch.actions[:, 0], weights)
    assert total[[0, 2, 4, 6, 10, 13, 15, 17]] / 2000 == pytest.approx(np.ones(8), abs=0.12)


def test_a_copy_draws_the_same_batches_and_goes_on_by_itself():
    buffer = filled([10, 3, 2])
    other = copy.deepcopy(buffer)
    for one in (buffer, other):
        for number in range(20):
            one.add(0.0, 100 + number, 1.0, 0.0, False)
    first, second = buffer.sample(9), other.sample(9)
    assert first.indices.tolist() == second.indices.tolist()
    assert first.batch.actions.tolist() == second.batch.actions.tolist()
    other.clear()
    assert (len(buffer), len(other)) == (len(priorities(buffer)), 0)


@pytest.mark.parametrize("storage", [lambda: None, lambda: NextByIndexStorage(2)])
def test_a_saved_buffer_draws_what_the_other_would_have_drawn(storage, tmp_path):
    rng = np.random.default_rng(0)

    def add(buffers, numbers):
        for number in numbers:
            state, ends = rng.normal(size=3), rng.random() < 0.1
            for buffer in buffers:
                buffer.add(state, number, 50.0 * (rare := number % 17 == 0), state + 1, ends, env=number % 2, rare=rare)

    def make(**arguments):
        return SequenceReplayBuffer(60, 4, 1, 2, num_envs=2, rare_quota=0.2, storage=storage(), **arguments)

    first = make(seed=1)
    add([first], range(10))
    first.save(tmp_path / "few.replay")
    add([first], range(10, 171))
    first.update_priorities(first.sample(5).indices, rng.random(5))
    first.save(tmp_path / "many.replay")
    second = make(seed=2)
    second.load(tmp_path / "few.replay")
    second.load(tmp_path / "many.replay")
    for _ in range(20):
        left, right = first.sample(6), second.sample(6)
        assert left.indices.tolist() == right.indices.tolist()
        assert left.weights.tolist() == right.weights.tolist()
        np.testing.assert_array_equal(left.batch.states, right.batch.states)
        np.testing.assert_array_equal(left.batch["mask"], right.batch["mask"])
        errors = rng.random((6, 4))
        for buffer, drawn in ((first, left), (second, right)):
            buffer.update_priorities(drawn.indices, errors)
        add([first, second], range(100, 107))
        assert first.sampler.protected.tolist() == second.sampler.protected.tolist()
    for other in (filled(), SequenceReplayBuffer(60, 4, 1, 3, num_envs=2, rare_quota=0.2)):
        before = len(other), other._sequences.state()
        with pytest.raises(ValueError, match="was saved with"):
            other.load(tmp_path / "many.replay")
        assert (len(other), other._sequences.state()) == before


def test_batches_of_environments_are_stored_as_their_steps():
    rng = np.random.default_rng(0)
    one, many = (SequenceReplayBuffer(90, 4, num_envs=3, rare_quota=0.2, seed=0) for _ in range(2))
    for number in range(60):
        states, after = ({"x": rng.normal(size=(3, 2))} for _ in range(2))
        rewards, hidden = rng.normal(size=3), rng.normal(size=(3, 5))
        terminated, truncated = rng.random((2, 3)) < 0.1
        actions = 3 * number + np.arange(3)
        infos = [{"conversion": number == 7}, None, {}]
        many.add_batch(states, actions, rewards, after, terminated, truncated, infos, hidden=hidden)
        for env in range(3):
            step = {"x": states["x"][env]}, actions[env], rewards[env], {"x": after["x"][env]}, terminated[env]
            one.add(*step, truncated[env], infos[env], env, hidden=hidden[env])
    first, second = one.sample(20), many.sample(20)
    assert first.indices.tolist() == second.indices.tolist()
    for name in ("hidden", "mask"):
        np.testing.assert_array_equal(first.batch[name], second.batch[name])
    np.testing.assert_array_equal(first.batch.states["x"], second.batch.states["x"])
    np.testing.assert_array_equal(first.batch.dones, second.batch.dones)
    before = len(many)
    columns = ({"x": np.zeros((3, 2))}, np.zeros(3), np.zeros(3), {"x": np.zeros((3, 2))}, np.zeros(3))
    for arguments, message in [
        ({"hidden": np.zeros((2, 5))}, "must have 3 rows"),
        ({"hidden": np.zeros((3, 5)), "infos": [None]}, "must have 3 rows"),
        ({"hidden": np.zeros((3, 5)), "truncated": [False]}, "truncated"),
    ]:
        with pytest.raises(ValueError, match=message):
            many.add_batch(*columns, **arguments)
    assert len(many) == before


def test_after_clear_everything_starts_anew():
    used, fresh = filled([9, 30, 5, 20]), filled([])
    used.clear()
    for buffer in (used, fresh):
        for number in range(25):
            buffer.add(np.zeros(3), number, 1.0, np.zeros(3), number in (6, 9))
    assert priorities(used) == priorities(fresh)
    starts = np.flatnonzero(fresh.sampler.contains(np.arange(60)))
    np.testing.assert_array_equal(used._gather(starts).actions, fresh._gather(starts).actions)


def test_weights_are_divided_by_the_largest_of_the_sequences_that_are_left():
    buffer = SequenceReplayBuffer(60, 4, stride=2, rare_fraction=0, normalise="buffer", beta=0.7, alpha=1.0, seed=0)
    for number in range(200):
        buffer.add(0.0, number, 1.0, 0.0, number % 23 == 0)
        if number in (50, 150):  # the least likely one is overwritten in between
            _, _, indices = buffer.sample(5)
            buffer.update_priorities(indices, np.full(5, 0.1 if number == 50 else 0.5))
    _, weights, indices = buffer.sample(10)
    law = buffer.sampler.probabilities(indices % 60, 10)
    smallest = min(priorities(buffer).values())
    assert weights == pytest.approx((smallest / law) ** 0.7, rel=1e-5)


def test_dict_observations_and_views_of_frames():
    buffer = SequenceReplayBuffer(20, 3, rare_fraction=0)
    frames = SequenceReplayBuffer(20, 3, rare_fraction=0, storage=FrameStackStorage(2, axis=-1))
    for number in range(4):
        image = np.full((3, 3, 2), number + 1)
        buffer.add({"image": image, "at": number}, 0, 1.0, {"image": image, "at": number}, number == 3)
        frames.add(image, 0, 1.0, image, number == 3)
    for batch in (buffer.sample(2).batch.states["image"], frames.sample(2).batch.states):
        assert batch.shape == (2, 3, 3, 3, 2)
    last = frames._gather(np.array([0, 1]))
    assert last.states[:, :, 0, 0, 0].tolist() == [[1, 2, 3], [2, 3, 4]]
