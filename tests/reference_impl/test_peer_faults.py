"""Faults that were reproduced in other replay buffers; each is a test that ours pass."""

import itertools

import numpy as np
import pytest

from experience_replay_optimizer import (
    ColumnStorage,
    CombinedReplayBuffer,
    FrameStackStorage,
    LapSampler,
    NextByIndexStorage,
    PrioritizedReplayBuffer,
    PrioritizedSampler,
    RankBasedSampler,
    ReplayBuffer,
    UniformSampler,
)

pytestmark = pytest.mark.usefixtures("engine")

BUFFERS = {
    "prioritised": PrioritizedReplayBuffer,
    "combined": CombinedReplayBuffer,
    "rank": lambda capacity, **options: ReplayBuffer(RankBasedSampler(capacity, **options)),
    "lap": lambda capacity, **options: ReplayBuffer(LapSampler(capacity, **options)),
    "uniform": lambda capacity, **options: ReplayBuffer(UniformSampler(capacity, **options)),
}
prioritised = pytest.mark.parametrize("kind", [kind for kind in BUFFERS if kind != "uniform"])
every_kind = pytest.mark.parametrize("kind", BUFFERS)


def filled(kind, count=20, capacity=20, **options):
    buffer = BUFFERS[kind](capacity, **{"seed": 0, **options})
    for time in range(count):
        buffer.add(np.full(3, time, np.float32), time % 4, 0.5, np.full(3, time + 1, np.float32), False)
    return buffer


def priorities(buffer):
    return buffer.sampler.probabilities(np.arange(buffer.capacity), 8).tolist()


def assert_refused(buffer, indices, td_errors, error, message):
    before = priorities(buffer), buffer.max_priority, buffer.stale_updates, len(buffer)
    with pytest.raises(error, match=message):
        buffer.update_priorities(indices, td_errors)
    assert (priorities(buffer), buffer.max_priority, buffer.stale_updates, len(buffer)) == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", [np.float64, np.float32, list])
@every_kind
def test_a_priority_that_is_no_number_is_refused(kind, form, bad):
    """Elsewhere it is accepted, and from then on one index only is drawn."""
    buffer = filled(kind)
    indices = buffer.sample(4).indices
    errors = [1.0, bad, 2.0, 3.0]
    errors = errors if form is list else np.array(errors, form)
    message = r"td_errors has values that are not finite: \[.*\]; training has diverged: look at this step's rewards"
    assert_refused(buffer, indices, errors, ValueError, message)
    assert np.unique(buffer.sample(20).indices).size > 5
    known = np.isfinite(errors)
    buffer.update_priorities(indices[known], np.array(errors)[known])  # what a program does that means to go on


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (20, ValueError, "index 20 was never returned by this buffer"),
        (10**15, ValueError, "never returned"),
        (2**62, ValueError, "never returned"),
        (-1, ValueError, "indices must not be negative: -1"),
        (-(2**62), ValueError, "must not be negative"),
        (1.0, TypeError, "indices must be integers, not float64; pass on what sample"),
        (True, TypeError, "integers"),
    ],
)
@every_kind
def test_an_index_out_of_range_is_refused(kind, index, error, message):
    """Elsewhere it is accepted, and writes beside the tree or into another's place."""
    buffer = filled(kind)
    assert_refused(buffer, np.array([index]), np.array([5.0]), error, message)
    if not isinstance(index, (float, bool)):
        assert_refused(buffer, [3, index], [5.0, 5.0], error, message)


@every_kind
def test_the_index_of_an_empty_place_is_refused(kind):
    buffer = filled(kind, count=5)
    assert_refused(buffer, np.array([5]), np.array([5.0]), ValueError, "index 5 was never returned")


@pytest.mark.parametrize("make", [ColumnStorage, NextByIndexStorage, lambda: FrameStackStorage(3)])
@pytest.mark.parametrize("batched", [False, True])
def test_a_longer_row_is_never_read_as_two(make, batched):
    """Elsewhere a row of shape (6,) is stored as two rows of shape (3,)."""
    buffer = PrioritizedReplayBuffer(10, storage=make(), seed=0)
    state = np.zeros((3, 2), np.float32)
    buffer.add(state, 0, 0.0, state, False)
    for wrong in (np.zeros(12, np.float32), np.zeros((6, 2), np.float32), np.zeros(6, np.float32), np.zeros((2, 3))):
        lead = (None,) if batched else ()
        add, number = (buffer.add_batch, [0.0]) if batched else (buffer.add, 0.0)
        with pytest.raises(ValueError, match=r"^state.* has shape"):
            add(wrong[lead], number, number, wrong[lead], number)
        with pytest.raises(ValueError, match=r"next_state.* has shape"):
            add(state[lead], number, number, wrong[lead], number)
    assert len(buffer) == 1
    assert buffer[0][0].tolist() == state.tolist()


def test_td_errors_of_another_shape_are_never_broadcast():
    buffer = filled("prioritised")
    indices = buffer.sample(6).indices
    for errors in (np.ones((2, 3)), np.ones(3), np.ones((6, 2)), 1.0):
        assert_refused(buffer, indices, errors, ValueError, "td_errors")
    buffer.update_priorities(indices, np.ones((6, 1)))


@prioritised
def test_priorities_survive_a_file(kind, tmp_path):
    """Elsewhere they start anew, all equal."""
    buffer, other = filled(kind), filled(kind, seed=1)
    buffer.update_priorities(np.arange(20), np.logspace(-2, 2, 20))
    buffer.save(tmp_path / "buffer")
    other.load(tmp_path / "buffer")
    assert priorities(other) == priorities(buffer)
    assert max(priorities(other)) > 2 * min(priorities(other))
    assert other.max_priority == buffer.max_priority > 99.0


@every_kind
def test_seeds_are_obeyed(kind):
    """Elsewhere the global generator draws, or one that no seed reaches."""

    def draws(**source):
        buffer = filled(kind, **source)
        return [buffer.sample(8).indices.tolist() for _ in range(4)]

    np.random.seed(0)
    first = draws(seed=5)
    np.random.seed(1)
    assert draws(seed=5) == first
    assert draws(seed=None, rng=np.random.default_rng(5)) == first
    assert draws(seed=6) != first
    before = np.random.get_state()[1].tolist()
    draws(seed=7)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 63, 64, 65, 512, 1024, 4096, 4097])
@every_kind
def test_every_capacity_works(kind, capacity):
    """Elsewhere powers of two end in an IndexError, or the last leaf is never drawn."""
    buffer = BUFFERS[kind](capacity, seed=0)
    for time in range(2 * capacity + 1):
        buffer.add(time, 0, 0.0, time, False)
    assert len(buffer) == capacity
    assert [transition[0] for transition in buffer] == list(range(capacity + 1, 2 * capacity + 1))
    batch = buffer.sample(min(capacity, 64))
    buffer.update_priorities(batch.indices, np.ones(len(batch.indices)))
    if kind != "uniform":
        for slot in {0, capacity // 2, capacity - 1}:
            errors = np.full(capacity, 0.0)
            errors[slot] = 1e9
            buffer.update_priorities(buffer.handles, errors)
            drawn = np.concatenate([buffer.slots(buffer.sample(1).indices) for _ in range(200)])
            assert slot in drawn


@pytest.mark.parametrize(
    "act",
    [
        lambda: PrioritizedReplayBuffer(0),
        lambda: PrioritizedReplayBuffer(-1),
        lambda: PrioritizedReplayBuffer(1e5),
        lambda: PrioritizedReplayBuffer(10, alpha=-1.0),
        lambda: PrioritizedReplayBuffer(10, beta=2.0),
        lambda: PrioritizedReplayBuffer(10, epsilon=0.0),
        lambda: PrioritizedSampler(10).sample(1),
        lambda: filled("prioritised").sample(0),
        lambda: filled("prioritised").sample(21),
        lambda: filled("prioritised").sample(4, beta=-0.5),
        lambda: filled("prioritised").update_priorities([1, 2], [1.0]),
        lambda: filled("prioritised").add(np.zeros(4), 0, 0.0, np.zeros(4), False),
        lambda: filled("prioritised").add(np.zeros(3), 0, "much", np.zeros(3), False),
        lambda: filled("prioritised").add(np.zeros(3), 0, 0.0, np.zeros(3), 0.5),
    ],
)
def test_every_refusal_has_a_message(act):
    """Elsewhere it is a bare AssertionError."""
    with pytest.raises((ValueError, TypeError)) as caught:
        act()
    assert len(str(caught.value).split()) >= 5


# --- Returned arrays belong to the caller ---


def tensors():
    pytest.importorskip("torch")
    from experience_replay_optimizer import TensorStorage

    return TensorStorage("cpu")


STORAGES = {
    "columns": lambda path: ColumnStorage(),
    "files": lambda path: ColumnStorage(directory=path / "columns"),
    "next by index": lambda path: NextByIndexStorage(),
    "frames": lambda path: FrameStackStorage(4),
    "frames, last axis": lambda path: FrameStackStorage(4, -1),
    "tensors": lambda path: tensors(),
}


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("side", [2, 40])  # small arrays and such as are large enough to be used again
def test_a_batch_that_is_kept_never_changes(storage, side, tmp_path):
    buffer = PrioritizedReplayBuffer(60, storage=STORAGES[storage](tmp_path), seed=0)

    def stack(time):
        frames = np.arange(time, time + 4.0, dtype=np.float32)[:, None, None] * np.ones((side, side), np.float32)
        return frames if "last" not in storage else np.moveaxis(frames, 0, -1)

    def add(time):
        buffer.add(stack(time), time, float(time % 3), stack(time + 1), False, discount=float(time))

    for time in range(60):
        add(time)
    kept = []
    for time in range(60, 72):
        batch, weights, indices = buffer.sample(16)
        fields = (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones, batch["discount"])
        arrays = [np.asarray(array) for array in (*fields, weights, indices)]
        kept.append((batch, weights, indices, arrays, [array.copy() for array in arrays]))
        add(time)
        buffer.update_priorities(indices, np.full(16, float(time)))
    for *_, arrays, copies in kept:
        for array, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(array, copy)
    for first, second in itertools.pairwise(kept):
        for one, other in zip(first[3], second[3], strict=True):
            assert not np.may_share_memory(one, other)
    # They are the caller's to write to as well.
    for *_, arrays, _ in kept:
        for array in arrays:
            array[...] = 0
    for transition in list(buffer)[-5:]:
        assert np.asarray(transition[0]).max() == transition[1] + 3
