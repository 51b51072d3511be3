import copy
import multiprocessing
import pickle
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer import (
    ColumnStorage,
    CombinedReplayBuffer,
    CombinedSampler,
    FrameStackStorage,
    LapSampler,
    NextByIndexStorage,
    PrioritizedReplayBuffer,
    PrioritizedSampler,
    RankBasedSampler,
    ReplayBuffer,
    UniformSampler,
)

SAMPLERS = {
    "prioritised": PrioritizedSampler,
    "textbook": lambda capacity, **options: PrioritizedSampler(capacity, rare_fraction=0, **options),
    "combined": CombinedSampler,
    "rank": RankBasedSampler,
    "lap": LapSampler,
    "uniform": UniformSampler,
}


def tensors():
    pytest.importorskip("torch")
    from experience_replay_optimizer import TensorStorage

    return TensorStorage("cpu")


STORAGES = {
    "columns": ColumnStorage,
    "next by index": NextByIndexStorage,
    "frames": lambda: FrameStackStorage(2),
    "tensors": tensors,
}


def stack(time):
    """Two frames of shape (2,); consecutive ones share a frame."""
    return np.array([[time, 0.5], [time + 1, 0.5]], np.float32)


def add(buffer, time, reward=0.0, **options):
    buffer.add(stack(time), time % 7, reward, stack(time + 1), time % 5 == 4, **options)


def add_batch(buffer, times, rewards=None, **options):
    times = list(times)
    buffer.add_batch(
        np.array([stack(time) for time in times]).reshape(-1, 2, 2),
        np.array(times, np.int64) % 7,
        np.zeros(len(times)) if rewards is None else np.asarray(rewards, float),
        np.array([stack(time + 1) for time in times]).reshape(-1, 2, 2),
        np.array(times, np.int64) % 5 == 4,
        **options,
    )


def times(buffer):
    return [int(transition[0][0][0]) for transition in buffer]


def assert_consistent(batch):
    """Every row is one transition that was added: all of its fields belong together."""
    states, actions, rewards, next_states, dones = (
        np.asarray(column) for column in (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones)
    )
    of = states[:, 0, 0].astype(int)
    assert states.tolist() == [stack(time).tolist() for time in of]
    assert next_states.tolist() == [stack(time + 1).tolist() for time in of]
    assert actions.tolist() == (of % 7).tolist()
    assert dones.tolist() == (of % 5 == 4).tolist()
    return of, rewards


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("storage", STORAGES)
def test_every_sampler_over_every_storage(sampler, storage):
    buffer = ReplayBuffer(SAMPLERS[sampler](20, seed=0), storage=STORAGES[storage]())
    rng = np.random.default_rng(0)
    latest = {}
    for time in range(70):
        add(buffer, time, reward=100.0 if time == 30 else float(time % 2))
        latest[time] = None
        batch, weights, indices = buffer.sample(min(8, len(buffer)))
        of, rewards = assert_consistent(batch)
        assert rewards.tolist() == [100.0 if one == 30 else one % 2 for one in of]
        assert (np.asarray(weights) > 0).all()
        assert buffer.handles[buffer.slots(indices)].tolist() == indices.tolist()
        assert [int(buffer.sampler.contains(slot)[0]) for slot in buffer.slots(indices)] == [1] * len(indices)
        buffer.update_priorities(indices, rng.normal(size=len(indices)))
    keeps = sampler in ("prioritised", "combined", "rank")
    assert (30 in times(buffer)) == keeps
    assert buffer.protected.size == keeps
    # Where rows are read through their neighbours, a tenth is kept behind the ring.
    linked = keeps and storage in ("next by index", "frames")
    newest = range(70 - (18 if linked else 20 - keeps), 70)
    assert times(buffer) == [30] * keeps + list(newest)
    assert buffer.stale_updates == 0
    assert times(buffer)[-1] == int(buffer[-1][0][0][0]) == 69


# --- add_batch ---


@given(st.lists(st.integers(0, 12), min_size=1, max_size=14), st.sampled_from(sorted(STORAGES)), st.booleans())
@settings(deadline=None, max_examples=80)
def test_a_batch_is_as_if_its_rows_came_one_after_the_other(counts, storage, combined):
    make = CombinedReplayBuffer if combined else PrioritizedReplayBuffer
    # Within a batch no protection ends and no slot comes round again: that is where the two ways differ.
    options = {"rare_quota": 0.5, "normalise": "buffer", "seed": 3}
    one, many = (make(80, storage=STORAGES[storage](), **options) for _ in range(2))
    time = 0
    for turn, count in enumerate(counts):
        rewards = [60.0 if at % 29 == 2 else at % 3 for at in range(time, time + count)]
        infos = [{"conversion": at % 31 == 5} for at in range(time, time + count)] if turn % 2 else None
        for at in range(count):
            add(one, time + at, rewards[at], info=infos[at] if infos else None)
        add_batch(many, range(time, time + count), rewards, infos=infos)
        time += count
        assert len(one) == len(many)
        assert times(one) == times(many)
        if storage in ("columns", "tensors"):
            assert one.handles.tolist() == many.handles.tolist()
        protected = [
            [int(buffer.storage.row(slot)[0][0][0]) for slot in buffer.slots(buffer.protected)]
            for buffer in (one, many)
        ]
        assert protected[0] == protected[1]
        if len(many):
            assert_consistent(many.sample(min(8, len(many))).batch)
            one.sample(min(8, len(one)))


@pytest.mark.parametrize("storage", STORAGES)
def test_a_batch_that_wraps_around(storage):
    buffer = ReplayBuffer(UniformSampler(8, seed=0), storage=STORAGES[storage]())
    add_batch(buffer, range(6))
    add_batch(buffer, range(6, 11))
    assert times(buffer) == list(range(3, 11))
    assert buffer.handles.tolist() == [8, 9, 10, 3, 4, 5, 6, 7]
    add_batch(buffer, range(11, 19))
    assert times(buffer) == list(range(11, 19))
    assert_consistent(buffer.sample(8).batch)
    assert buffer.newest_slot == 2


def test_protected_slots_in_the_way_of_a_batch_are_skipped():
    buffer = PrioritizedReplayBuffer(10, rare_quota=0.3, seed=0)
    add_batch(buffer, range(10))
    buffer.protect([1, 2, 7])
    add_batch(buffer, range(10, 16))
    assert buffer.handles.tolist() == [10, 1, 2, 13, 14, 15, 16, 7, 18, 9]
    assert times(buffer) == [1, 2, 7, 9, 10, 11, 12, 13, 14, 15]
    add_batch(buffer, range(16, 23))
    assert times(buffer) == [1, 2, 7, *range(16, 23)]
    assert_consistent(buffer.sample(10).batch)
    with pytest.raises(ValueError, match="8 transitions at once, and 7 slots are not protected: add them in parts"):
        add_batch(buffer, range(23, 31))
    assert times(buffer) == [1, 2, 7, *range(16, 23)]


@pytest.mark.parametrize("storage", STORAGES)
def test_more_than_the_ring_is_refused_and_nothing_changes(storage):
    buffer = PrioritizedReplayBuffer(10, storage=STORAGES[storage](), seed=0)
    add_batch(buffer, range(4))
    held = 9 if storage in ("next by index", "frames") else 10
    with pytest.raises(ValueError, match=f"11 transitions at once, and the buffer holds {held}: add them in parts"):
        add_batch(buffer, range(4, 15))
    assert times(buffer) == [0, 1, 2, 3]
    add_batch(buffer, range(4, 13))
    assert len(buffer) == held


def test_an_empty_batch_is_none():
    buffer = PrioritizedReplayBuffer(10, seed=0)
    add_batch(buffer, [])
    buffer.append("any object may still come first")
    assert len(buffer) == 1


@pytest.mark.parametrize("count", [3, 40])
def test_infos_of_a_batch_protect_their_rows(count):
    buffer = PrioritizedReplayBuffer(50, rare_flags=("crash",), seed=0)
    infos = [{"crash": at == 1} if at % 2 else None for at in range(count)]
    add_batch(buffer, range(count), infos=infos)
    assert buffer.protected.tolist() == [1]
    with pytest.raises(ValueError, match="infos has 2 dicts, expected 3"):
        add_batch(buffer, range(3), infos=[{}, {}])
    with pytest.raises(TypeError, match="info must be a dict or None, not str"):
        add_batch(buffer, range(2), infos=[{}, "crash"])
    assert len(buffer) == count


def test_is_rare_sees_each_row_of_a_batch():
    seen = []

    def is_rare(transition):
        seen.append(transition)
        return transition[4]

    buffer = PrioritizedReplayBuffer(50, is_rare=is_rare, seed=0)
    add_batch(buffer, range(6), np.arange(6.0))
    assert [(int(row[0][0][0]), row[1], row[2], row[4]) for row in seen] == [
        (time, time, float(time), time == 4) for time in range(6)
    ]
    assert buffer.protected.tolist() == [4]


def test_rare_rewards_within_batches_are_judged_by_what_came_before():
    rewards = np.random.default_rng(2).normal(size=300)
    rewards[[5, 150, 299]] = 40.0, -50.0, 80.0
    one, many = (PrioritizedReplayBuffer(400, seed=0) for _ in range(2))
    for time, reward in enumerate(rewards):
        add(one, time, reward)
    for start in range(0, 300, 25):
        add_batch(many, range(start, start + 25), rewards[start : start + 25])
    assert one.protected.tolist() == many.protected.tolist()
    assert {5, 150, 299} <= set(many.protected.tolist())


@pytest.mark.parametrize("storage", ["columns", "next by index", "tensors"])
def test_extras_and_dict_observations(storage):
    one, many = (PrioritizedReplayBuffer(8, storage=STORAGES[storage](), rare_fraction=0, seed=0) for _ in range(2))

    def observation(times):
        times = np.asarray(times)
        return {"image": np.stack([times, times + 1], -1).astype(np.uint8), "arm": {"angle": times * 0.5}}

    for time in range(12):
        one.add(observation(time), time, 0.0, observation(time + 1), False, discount=0.5**time, goal=[time, 1])
    for start in range(0, 12, 3):
        now = np.arange(start, start + 3)
        many.add_batch(
            observation(now),
            now,
            np.zeros(3),
            observation(now + 1),
            np.zeros(3, bool),
            discount=0.5**now,
            goal=np.stack([now, np.ones(3, int)], -1),
        )
    left, right = one.sample(8).batch, many.sample(8).batch
    for batch in (left, right):
        of = np.asarray(batch.actions)
        assert np.asarray(batch.states["image"]).tolist() == observation(of)["image"].tolist()
        assert np.asarray(batch.next_states["arm"]["angle"]).tolist() == ((of + 1) * 0.5).tolist()
        assert np.asarray(batch["discount"]).tolist() == (0.5**of).tolist()
        assert np.asarray(batch["goal"]).tolist() == [[time, 1] for time in of]
    assert np.asarray(left.actions).tolist() == np.asarray(right.actions).tolist()
    assert many[0][0]["arm"]["angle"] == 2.0
    with pytest.raises(ValueError, match="discount"):
        many.add(observation(0), 0, 0.0, observation(1), False, goal=[0, 1])
    assert len(many) == 8


REFUSED = [
    ({"rewards": np.array([0.0, np.nan])}, ValueError, "reward must be finite"),
    ({"rewards": np.array([0.0, -np.inf])}, ValueError, "reward must be finite"),
    ({"rewards": np.zeros((2, 2))}, ValueError, "reward"),
    ({"states": np.zeros((2, 3, 2), np.float32)}, ValueError, r"state has shape \(3, 2\)"),
    ({"states": np.zeros((3, 2, 2), np.float32)}, ValueError, "state must have 2 rows"),
    ({"next_states": np.zeros((2, 4), np.float32)}, ValueError, "next_state has shape"),
    ({"actions": np.zeros((2, 1), int)}, ValueError, "action has shape"),
    ({"actions": ["left", "right"]}, TypeError, "action must be numbers"),
    ({"dones": np.zeros(3, bool)}, ValueError, "done"),
    ({"dones": np.array([0.5, 0.0])}, ValueError, "done must be a flag"),
    ({"bonus": np.zeros(2)}, ValueError, "bonus not stored"),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED)
@pytest.mark.parametrize("storage", ["columns", "next by index", "frames"])
def test_a_refused_batch_changes_nothing(changed, error, message, storage):
    buffers = [PrioritizedReplayBuffer(10, storage=STORAGES[storage](), seed=0) for _ in range(2)]
    for buffer in buffers:
        for start in range(0, 24, 3):
            add_batch(buffer, range(start, start + 3))
        buffer.protect(buffer.sample(1).indices)
    columns = {
        "states": np.zeros((2, 2, 2), np.float32),
        "actions": np.zeros(2, int),
        "rewards": np.zeros(2),
        "next_states": np.zeros((2, 2, 2), np.float32),
        "dones": np.zeros(2, bool),
    }
    touched, untouched = buffers
    with pytest.raises(error, match=message):
        touched.add_batch(**{**columns, **changed})
    assert times(touched) == times(untouched)
    left, right = touched.sample(8), untouched.sample(8)
    assert left.indices.tolist() == right.indices.tolist()
    assert left.weights.tolist() == right.weights.tolist()
    assert left.batch.states.tolist() == right.batch.states.tolist()
    touched.add_batch(**columns)


# --- Objects ---


@pytest.mark.parametrize("storage", STORAGES)
def test_objects_do_not_care_for_the_storage_of_columns(storage):
    buffer = PrioritizedReplayBuffer(20, reward=1, storage=STORAGES[storage](), seed=0)
    for time in range(100):
        buffer.append((time, 80.0 if time == 33 else 0.0))
    assert [item[0] for item in buffer] == [33, *range(81, 100)]
    buffer.protect([int(buffer.handles[buffer.slots([3])[0]])])
    buffer.clear()
    add_batch(buffer, range(19 if storage in ("columns", "tensors") else 18))
    assert_consistent(buffer.sample(8).batch)
    with pytest.raises(ValueError, match=r"given to add\(\)"):
        buffer.append((1, 0.0))


def test_objects_and_batches_do_not_mix():
    buffer = PrioritizedReplayBuffer(20, seed=0)
    buffer.append("object")
    with pytest.raises(ValueError, match=r"given to append\(\)"):
        add_batch(buffer, range(3))
    assert list(buffer) == ["object"]


# --- Results belong to the caller ---


def test_the_sampler_is_as_it_was_given():
    sampler = UniformSampler(7, seed=0)
    buffer = ReplayBuffer(sampler)
    assert (buffer.sampler, buffer.capacity, buffer.maxlen, len(buffer)) == (sampler, 7, 7, 0)
    assert repr(buffer) == "ReplayBuffer(0 of 7, alpha=0, beta=0)"
    with pytest.raises(TypeError, match="is_rare must be callable"):
        ReplayBuffer(UniformSampler(7), is_rare=3)
    with pytest.raises(ValueError, match="belongs to another buffer"):
        ReplayBuffer(UniformSampler(7), storage=buffer.storage)


def test_a_uniform_buffer_draws_uniformly_with_weights_of_one():
    buffer = ReplayBuffer(UniformSampler(30, seed=0))
    for time in range(100):
        add(buffer, time, reward=1000.0 * (time == 80))
    counts = np.zeros(30)
    for _ in range(1000):
        _, weights, indices = buffer.sample(30)
        assert (weights == 1.0).all()
        buffer.update_priorities(indices, np.arange(30.0))
        counts += np.bincount(buffer.slots(indices), minlength=30)
    assert np.abs(counts - 1000.0).max() < 5 * np.sqrt(1000.0)
    with pytest.raises(ValueError, match="UniformSampler cannot protect"):
        buffer.protect(indices[:1])


# --- Copies ---


def goes_on(buffer):
    """What the buffer draws, now and after more of everything."""
    drawn = [buffer.sample(8)]
    for time in range(100, 130):
        add(buffer, time)
    buffer.update_priorities(buffer.sample(8).indices, np.arange(8.0))
    drawn.append(buffer.sample(8))
    return [(one.batch.states.tolist(), one.weights.tolist(), one.indices.tolist()) for one in drawn]


def test_a_buffer_sent_to_another_process_goes_on_there():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for sampler, storage in (("prioritised", "columns"), ("rank", "next by index"), ("uniform", "frames")):
            buffer = ReplayBuffer(SAMPLERS[sampler](20, seed=0), storage=STORAGES[storage]())
            for time in range(50):
                add(buffer, time, 70.0 * (time == 30))
            drawn = pool.submit(ReplayBuffer.sample, copy.copy(buffer), 8).result()
            returned = pool.submit(copy.copy, buffer).result()
            here = copy.copy(buffer).sample(8)
            assert drawn.batch.states.tolist() == here.batch.states.tolist()
            assert drawn.weights.tolist() == here.weights.tolist()
            assert drawn.indices.tolist() == here.indices.tolist()
            assert goes_on(returned) == goes_on(buffer)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("storage", STORAGES)
def test_pickled_copies_share_nothing(storage, protocol):
    buffer = PrioritizedReplayBuffer(20, storage=STORAGES[storage](), seed=0)
    for time in range(50):
        add(buffer, time, 70.0 * (time == 30))
    twin = pickle.loads(pickle.dumps(buffer, protocol))
    before = times(buffer), buffer.handles.tolist(), buffer.sample(8).indices.tolist()
    for time in range(100, 130):
        add(twin, time)
    assert (times(buffer), buffer.handles.tolist()) == before[:2]
    assert_consistent(twin.sample(8).batch)
    assert times(twin)[0] == 30


@pytest.mark.parametrize("storage", ["next by index", "frames"])
@pytest.mark.parametrize("batched", [False, True])
def test_what_is_refused_moves_no_protected_transition(storage, batched):
    def make(unprotect=False, clear=False):
        buffer = PrioritizedReplayBuffer(20, storage=STORAGES[storage](), seed=0)
        for time in range(18):
            add(buffer, time, info={"conversion": time == 1})
        add(buffer, 18)
        refused = [0.0] * 3 if batched else 0.0
        for _ in range(2):  # the slot of the next transition is that of the protected one
            with pytest.raises(ValueError, match=r"state.* has shape"):
                (buffer.add_batch if batched else buffer.add)(refused, refused, refused, refused, refused)
        assert buffer.protected.tolist() == [1]
        assert times(buffer) == list(range(1, 19))
        if unprotect:
            buffer.unprotect([1])
        if clear:
            buffer.clear()
        for time in range(19, 40):
            add(buffer, time)
        assert_consistent(buffer.sample(8).batch)
        return times(buffer)

    assert make() == [1, *range(22, 40)]
    assert make(unprotect=True) == list(range(22, 40))
    assert make(clear=True) == list(range(22, 40))


@pytest.mark.parametrize("storage", ["next by index", "frames"])
def test_a_refused_batch_leaves_nothing_behind_for_the_next_transition(storage):
    buffer = PrioritizedReplayBuffer(20, storage=STORAGES[storage](), seed=0)
    for time in range(18):
        add(buffer, time, info={"conversion": time == 5})
    refused = np.zeros(8)
    with pytest.raises(ValueError, match=r"state.* has shape"):
        buffer.add_batch(refused, refused, refused, refused, refused)
    for time in range(18, 60):
        add(buffer, time)
        assert sorted(times(buffer)) == sorted({5, *range(time - 17, time + 1)})
        handles = buffer.handles[buffer.handles >= 0]
        assert handles.size == len(buffer) == len(set((handles % 20).tolist()))
        assert_consistent(buffer.sample(8).batch)


@pytest.mark.parametrize("stored", [8, 300])
def test_what_draws_from_any_sequence_draws_from_a_buffer(stored):
    buffer = PrioritizedReplayBuffer(300)
    buffer.extend((time, "state") for time in range(stored))
    drawn = random.Random(0).sample(buffer, 5)
    assert len({time for time, _ in drawn}) == 5
    assert {time for time, _ in drawn} <= set(range(stored))
    assert random.Random(0).choice(buffer) in list(buffer)
    assert isinstance(buffer, Sequence)
