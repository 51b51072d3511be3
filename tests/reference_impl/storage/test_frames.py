import numpy as np
import pytest

from experience_replay_optimizer.storage.frames import FrameStackStorage


def episodes(storage, ring, lengths, envs=1, stack=4, shape=(6, 5), lazy=None):
    """Episodes of stacked frames, each frame new, the first repeated; returns what is in the ring."""
    rng = np.random.default_rng(0)
    expected, slot = {}, 0
    for length in lengths:
        frames = rng.integers(0, 256, (envs, length + stack, *shape), dtype=np.uint8)
        frames[:, :stack] = frames[:, stack - 1 : stack]
        for step in range(length):
            for env in range(envs):
                state, after = frames[env, step : step + stack], frames[env, step + 1 : step + 1 + stack]
                done = step == length - 1 and length % 2 == 0
                given = (state, after) if lazy is None else (lazy(state), lazy(after))
                storage.write(slot, (given[0], 1, 0.5, given[1], done), {})
                expected[slot] = state, after
                slot = (slot + 1) % ring
    return expected


def used(storage):
    return len(storage._frames)


def assert_exact(storage, expected):
    slots = np.array(list(expected))
    batch = storage.gather(slots)
    np.testing.assert_array_equal(batch.states, [expected[slot][0] for slot in slots.tolist()])
    np.testing.assert_array_equal(batch.next_states, [expected[slot][1] for slot in slots.tolist()])


@pytest.mark.parametrize("envs", [1, 4])
def test_an_episode_takes_one_frame_more_than_it_has_transitions(envs):
    storage = FrameStackStorage(num_envs=envs)
    storage.open(400, 0)
    expected = episodes(storage, 400, [20, 5, 50], envs)
    assert used(storage) == envs * (21 + 6 + 51)
    assert_exact(storage, expected)


def test_frames_are_freed_as_transitions_are_overwritten():
    storage = FrameStackStorage()
    storage.open(40, 0)
    expected = episodes(storage, 40, [7, 30, 3, 90, 1, 1, 1, 200])
    assert used(storage) == 40 + 4  # the oldest state has its three older frames still
    assert_exact(storage, expected)


def test_episodes_of_one_transition_grow_the_frames_within_their_bound():
    storage = FrameStackStorage(stack=2)
    storage.open(50, 0)
    expected = episodes(storage, 50, [1] * 500, stack=2)
    assert used(storage) == 2 * 50
    assert len(storage._frames.arrays[("frame",)]) <= 2 * 51 * 17 / 16 + 1
    assert_exact(storage, expected)


def test_84_by_84_by_4_takes_7300_bytes_a_transition():
    storage = FrameStackStorage()
    storage.open(2000, 0)
    episodes(storage, 2000, [250] * 9, shape=(84, 84))
    arrays = [storage._frames.arrays[("frame",)], storage._rows, *storage._columns.values()]
    assert sum(array.nbytes for array in arrays) <= 7300 * 2000


def test_a_kept_transition_outlives_its_frames():
    storage = FrameStackStorage()
    storage.open(12, 2)
    expected = episodes(storage, 10, [10])
    storage.keep(3, 11)
    storage.keep(0, 10)
    storage.keep(4, 10)
    kept = {11: expected[3], 10: expected[4]}
    assert_exact(storage, {**episodes(storage, 10, [3, 40]), **kept})
    assert used(storage) == 10 + 4 + 2 * 5


class Lazy:
    """What an Atari wrapper returns."""

    def __init__(self, frames):
        self.frames = frames

    def __array__(self, dtype=None, copy=None):
        return np.array(self.frames, dtype)


def test_lazy_frames_are_taken():
    storage = FrameStackStorage()
    storage.open(30, 0)
    assert_exact(storage, episodes(storage, 30, [40], lazy=Lazy))


def test_frames_on_the_last_axis():
    first, last = FrameStackStorage(), FrameStackStorage(axis=-1)
    for storage in (first, last):
        storage.open(30, 0)
    episodes(first, 30, [40, 12])
    episodes(last, 30, [40, 12], lazy=lambda frames: np.moveaxis(frames, 0, -1))
    assert used(first) == used(last)
    slots = np.arange(30)
    batch = last.gather(slots)
    assert batch.states.shape == (30, 6, 5, 4)
    np.testing.assert_array_equal(np.moveaxis(batch.states, -1, 1), first.gather(slots).states)
    np.testing.assert_array_equal(np.moveaxis(batch.next_states, -1, 1), first.gather(slots).next_states)


@pytest.mark.parametrize("shape", [(3, 8, 8), (8, 8, 4), (4,), ()])
def test_other_stacks_are_refused(shape):
    storage = FrameStackStorage()
    storage.open(4, 0)
    with pytest.raises(ValueError, match="expected 4 frames along axis 0"):
        storage.write(0, (np.zeros(shape), 0, 0.0, np.zeros(shape), False), {})
    storage.write(0, (np.zeros((4, 8, 8)), 0, 0.0, np.zeros((4, 8, 8)), False), {})


def test_dicts_are_refused():
    storage = FrameStackStorage()
    storage.open(4, 0)
    observation = {"image": np.zeros((4, 8, 8))}
    with pytest.raises(ValueError, match="state is a dict"):
        storage.write(0, (observation, 0, 0.0, observation, False), {})


def test_other_axes_are_refused():
    with pytest.raises(ValueError, match="axis must be 0"):
        FrameStackStorage(axis=1)
    with pytest.raises(ValueError, match="stack must be at least 1"):
        FrameStackStorage(0)


@pytest.mark.parametrize("padding", ["reset", "zero"])
@pytest.mark.parametrize("limit", [7, 40])
def test_the_stacks_of_gymnasium(padding, limit):
    gymnasium = pytest.importorskip("gymnasium", minversion="1.0")

    class Noise(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 255, (6, 5), np.uint8)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, bool(self.np_random.random() < 0.05), False, {}

    env = gymnasium.wrappers.FrameStackObservation(
        gymnasium.wrappers.TimeLimit(Noise(), limit), 4, padding_type=padding
    )
    storage = FrameStackStorage()
    storage.open(60, 0)
    env.observation_space.seed(0)
    expected, (state, _) = {}, env.reset(seed=0)
    for step in range(150):
        after, reward, terminated, truncated, _ = env.step(0)
        storage.write(step % 60, (state, 0, reward, after, terminated), {})
        expected[step % 60] = state.copy(), after.copy()
        state = env.reset()[0] if terminated or truncated else after
    assert_exact(storage, expected)
    assert used(storage) < 60 * 1.6


@pytest.mark.parametrize("axis", [0, -1])
def test_overlapping_batches_are_one_array_wherever_the_next_stack_is_the_stack_moved_on(axis):
    storage, rng = FrameStackStorage(axis=axis, overlap=True), np.random.default_rng(1)
    storage.open(20, 0)
    frames = np.moveaxis(rng.integers(0, 256, (12, 6, 5), dtype=np.uint8), 0, axis)
    stacks = [frames.take(range(at, at + 4), axis) for at in range(9)]
    for slot in range(8):
        storage.write(slot, (stacks[slot], 0, 0.0, stacks[slot + 1], False), {})
    storage.write(8, (stacks[0], 0, 0.0, stacks[5], True), {})  # moved on by five frames
    batch = storage.gather(np.arange(8))
    assert np.shares_memory(batch.states, batch.next_states)
    np.testing.assert_array_equal(batch.states, stacks[:8])
    np.testing.assert_array_equal(batch.next_states, stacks[1:])
    batch = storage.gather(np.arange(9))
    assert not np.shares_memory(batch.states, batch.next_states)
    np.testing.assert_array_equal(batch.next_states[8], stacks[5])
