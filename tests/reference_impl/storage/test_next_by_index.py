import numpy as np
import pytest

from experience_replay_optimizer.storage.next_by_index import NextByIndexStorage


def walk(storage, steps, ring, breaks=(), envs=1):
    """Writes `steps` transitions of environments in turn; after those in `breaks` the environment is reset."""
    now = [np.full(2, 1e6 * env) for env in range(envs)]
    for step in range(steps):
        env = step % envs
        after = now[env] + 1
        storage.write(step % ring, (now[env], 0, 0.0, after, False), {})
        now[env] = after + 0.5 if step in breaks else after


def own(storage):
    """Number of next observations with a row of their own."""
    return len(storage._ends)


@pytest.mark.parametrize("envs", [1, 3, 12])
def test_a_continuing_stream_keeps_one_next_observation_an_environment(envs):
    storage = NextByIndexStorage(envs)
    storage.open(12, 0)
    walk(storage, 60, 12, envs=envs)
    assert own(storage) == envs
    assert storage._ends.arrays[()].shape[0] <= 2 * envs


def test_a_wrong_number_of_environments_costs_memory_only():
    storage = NextByIndexStorage()
    storage.open(12, 0)
    walk(storage, 30, 12, envs=3)
    assert own(storage) == 12
    batch = storage.gather(np.arange(12))
    assert (batch.next_states == batch.states + 1).all()


def test_next_observations_at_breaks_are_freed_when_their_transition_is_overwritten():
    storage = NextByIndexStorage()
    storage.open(10, 0)
    walk(storage, 10, 10, breaks=(2, 3, 7))
    assert own(storage) == 4
    walk(storage, 100, 10, breaks=(95,))
    assert own(storage) == 2


def test_at_most_one_row_a_transition_however_often_the_stream_breaks():
    storage = NextByIndexStorage()
    storage.open(100, 0)
    walk(storage, 5000, 100, breaks=range(5000))
    assert own(storage) == 100
    assert storage._ends.arrays[()].shape[0] <= 107


def test_the_observations_of_a_batch_of_one_environment_are_linked_among_themselves():
    storage = NextByIndexStorage()
    storage.open(64, 0)
    states = np.arange(200.0)
    for start in range(0, 200, 40):
        part = states[start : start + 40]
        flags = np.zeros(40)
        storage.write_batch(np.arange(start, start + 40) % 64, (part, flags, flags, part + 1, flags), {})
    assert own(storage) == 1
    assert storage.gather(np.array([199 % 64, 150 % 64])).next_states.tolist() == [200, 151]


def test_a_batch_that_ends_at_the_lap_before_itself():
    storage = NextByIndexStorage(2)
    storage.open(6, 0)
    for start in (0, 6, 12):
        states = (start + np.arange(6)) // 2
        storage.write_batch(np.arange(6), (states, states, states, states + 1, np.zeros(6)), {})
        batch = storage.gather(np.arange(6))
        assert batch.next_states.tolist() == (states + 1).tolist()
        assert own(storage) == 2


def test_observations_that_are_dicts():
    rng = np.random.default_rng(0)
    observations = [
        {"image": rng.integers(0, 255, (2, 2), dtype=np.uint8), "joint": {"angle": rng.normal(), "on": bool(at % 2)}}
        for at in range(40)
    ]
    observations[21]["image"] = observations[22]["image"]
    storage = NextByIndexStorage()
    storage.open(12, 1)
    for at in range(30):
        after = observations[at + 1] if at != 25 else observations[39]
        storage.write(at % 11, (observations[at], at, 0.0, after, at == 25), {"step": at})
    storage.keep(25 % 11, 11)
    assert own(storage) == 3
    copy = NextByIndexStorage()
    copy.open(12, 1)
    copy.restore(*storage.state())
    for one in (storage, copy):
        batch = one.gather(np.arange(12))
        for row in range(12):
            at = int(batch["step"][row])
            after = observations[at + 1] if at != 25 else observations[39]
            for given, seen in ((observations[at], batch.states), (after, batch.next_states)):
                assert (seen["image"][row] == given["image"]).all()
                assert seen["joint"]["angle"][row] == given["joint"]["angle"]
                assert seen["joint"]["on"][row] == given["joint"]["on"]
    with pytest.raises(ValueError, match=r"next_state.*joint.* missing"):
        storage.write(0, (observations[0], 0, 0.0, {"image": np.zeros((2, 2))}, False), {"step": 0})


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_observations_of_any_size(shape):
    storage = NextByIndexStorage()
    storage.open(8, 0)
    for start in range(0, 20, 4):
        states = np.broadcast_to(np.arange(start, start + 4).reshape(4, *[1] * len(shape)), (4, *shape))
        storage.write_batch(np.arange(start, start + 4) % 8, (states, *np.zeros((2, 4)), states + 1, np.zeros(4)), {})
        storage.write((start + 4) % 8, (states[0], 0.0, 0.0, states[1], False), {})
    batch = storage.gather(np.arange(4))
    assert batch.states.shape == batch.next_states.shape == (4, *shape)
    assert batch.next_states.tolist() == (batch.states + 1).tolist()


def test_half_the_memory_of_two_columns():
    storage = NextByIndexStorage()
    storage.open(10_000, 0)
    now = np.zeros(32, np.float32)
    for step in range(10_000):
        after = now + 1
        storage.write(step, (now, 0, 0.0, after, step % 200 == 199), {})
        now = np.zeros(32, np.float32) if step % 200 == 199 else after
    held = storage._states[()].nbytes + storage._ends.arrays[()].nbytes + storage._next.nbytes
    assert held <= 0.53 * 2 * 10_000 * 32 * 4
