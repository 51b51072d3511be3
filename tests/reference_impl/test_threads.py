"""A writer and a learner at one buffer at the same time."""

import sys
import threading

import numpy as np
import pytest

from experience_replay_optimizer import (
    CombinedReplayBuffer,
    FrameStackStorage,
    NextByIndexStorage,
    PrioritizedReplayBuffer,
)

WRITES, BATCHES = 20_000, 3_000


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def run(*targets):
    """Runs each in a thread of its own; the first error of any is raised here."""
    errors = []

    def guarded(target):
        try:
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def observation(time):
    """Three frames of two numbers; consecutive observations share two of them."""
    return np.array([[time, -time], [time + 1, -time - 1], [time + 2, -time - 2]], np.float64)


def assert_rows_are_whole(batch):
    states, next_states = batch.states, batch.next_states
    first = states[:, 0, 0]
    steps = np.arange(3.0)
    np.testing.assert_array_equal(states[:, :, 0], first[:, None] + steps)
    np.testing.assert_array_equal(next_states[:, :, 0], first[:, None] + steps + 1)
    np.testing.assert_array_equal(states[:, :, 1], -states[:, :, 0])
    np.testing.assert_array_equal(batch.actions, first.astype(int) % 97)
    np.testing.assert_array_equal(batch.rewards, np.where(first % 500 == 3, 100.0, first % 7).astype(np.float32))
    np.testing.assert_array_equal(batch.dones, first % 13 == 0)


def row(time):
    reward = 100.0 if time % 500 == 3 else float(time % 7)
    return observation(time), time % 97, reward, observation(time + 1), time % 13 == 0


STORAGES = {"columns": lambda: None, "next by index": NextByIndexStorage, "frames": lambda: FrameStackStorage(3)}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("make", [PrioritizedReplayBuffer, CombinedReplayBuffer])
def test_a_writer_and_a_learner(make, storage):
    writes = WRITES if storage == "columns" else WRITES // 4
    buffer = make(1000, storage=STORAGES[storage](), seed=0)
    for time in range(32):
        buffer.add(*row(time))
    written = threading.Event()
    batches = 0
    seen = set()

    def write():
        try:
            time = 32
            while time < writes:
                if time % 3:
                    buffer.add(*row(time))
                    time += 1
                else:
                    rows = [row(time + at) for at in range(8)]
                    buffer.add_batch(*(np.array(column) for column in zip(*rows, strict=True)))
                    time += 8
        finally:
            written.set()

    def learn():
        nonlocal batches
        while not written.is_set() or batches < BATCHES:
            batch, weights, indices = buffer.sample(16)
            assert_rows_are_whole(batch)
            assert (weights > 0.0).all()
            assert (weights <= 1.0).all()
            buffer.update_priorities(indices, batch.rewards - 3.0)
            seen.update(indices.tolist())
            batches += 1
            assert len(buffer) <= 1000

    run(write, learn)
    assert_rows_are_whole(buffer.sample(len(buffer)).batch)
    handles = buffer.handles[buffer.handles >= 0]
    assert len(buffer) == handles.size == len(list(buffer))
    # Every transition that was written and not overwritten is there, once, and oldest first but for the protected ones.
    times = np.array([transition[0][0][0] for transition in buffer])
    protected = np.isin(times % 500, 3)
    rest = times[~protected]
    assert (np.diff(rest) > 0).all()
    newest = rest[-800:]
    assert np.isin(np.arange(newest[0], times.max() + 1), times).all()
    # What was drawn and is gone was counted as stale by nobody else than the updates above: try again, all at once.
    before = buffer.stale_updates
    everything = np.array(sorted(seen))
    gone = ~np.isin(everything, handles)
    buffer.update_priorities(everything, np.ones(everything.size))
    assert buffer.stale_updates - before == gone.sum() > 0


def test_several_writers_lose_nothing():
    buffer = PrioritizedReplayBuffer(40_000, rare_fraction=0, seed=0)

    def writer(offset):
        def write():
            for at in range(WRITES // 4):
                buffer.add(float(offset + at), 0, 0.0, float(offset + at + 1), False)

        return write

    run(*(writer(thread * 10_000.0) for thread in range(4)))
    assert len(buffer) == WRITES // 4 * 4
    times = sorted(transition[0] for transition in buffer)
    assert times == [thread * 10_000.0 + at for thread in range(4) for at in range(WRITES // 4)]
    assert buffer.handles[: len(buffer)].tolist() == list(range(len(buffer)))


def test_updates_of_several_learners_are_all_counted():
    buffer = PrioritizedReplayBuffer(64, rare_fraction=0, alpha=1.0, seed=0)
    for time in range(128):
        buffer.add(*row(time))
    stale, fresh = np.arange(64), np.arange(64, 128)

    def learner(error):
        def learn():
            for _ in range(1000):
                buffer.update_priorities(np.concatenate([stale[:7], fresh]), np.full(71, error))

        return learn

    run(learner(2.0), learner(3.0), learner(4.0))
    assert buffer.stale_updates == 3 * 1000 * 7
    # Every update is whole: all priorities are those of one learner, the last.
    shares = buffer.sampler.probabilities(np.arange(64), 8)
    np.testing.assert_allclose(shares, 1 / 64)
    assert buffer.max_priority == 4.0 + 1e-6


def test_saving_clearing_and_protecting_while_others_write(tmp_path):
    buffer = PrioritizedReplayBuffer(500, seed=0)
    done = threading.Event()
    for time in range(100):
        buffer.add(*row(time))

    def write():
        while not done.is_set():
            for time in range(300):
                buffer.add(*row(time))

    def disturb():
        try:
            for turn in range(60):
                path = tmp_path / f"{turn % 3}"
                buffer.save(path)
                copy = PrioritizedReplayBuffer(500, seed=1)
                copy.load(path)
                assert len(copy) == len(copy.handles[copy.handles >= 0])
                if len(copy):
                    assert_rows_are_whole(copy.sample(min(16, len(copy))).batch)
                handles = buffer.handles[:3]
                buffer.protect(handles[handles >= 0])
                if turn % 10 == 9:
                    buffer.clear()
        finally:
            done.set()

    run(write, disturb)
    for time in range(20):
        buffer.add(*row(time))
    assert_rows_are_whole(buffer.sample(20).batch)
