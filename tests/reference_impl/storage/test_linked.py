import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer import PrioritizedReplayBuffer
from experience_replay_optimizer.storage.frames import FrameStackStorage
from experience_replay_optimizer.storage.linked import RowPool
from experience_replay_optimizer.storage.next_by_index import NextByIndexStorage

SHAPES = {"index": (2,), "first": (3, 2, 1), "last": (2, 1, 3)}
FRAME_AXIS = {"first": 0, "last": -1}


def make(kind, num_envs=1):
    if kind == "index":
        return NextByIndexStorage(num_envs)
    return FrameStackStorage(3, FRAME_AXIS[kind], num_envs)


class Stream:
    """Episodes as they come from environments, with everything that goes wrong in them."""

    def __init__(self, kind, envs, dtype, rng):
        self.kind, self.dtype, self.rng = kind, dtype, rng
        self.now = [self.anything() for _ in range(envs)]
        self.count = 0

    def anything(self):
        values = [0, 1, 2] if np.dtype(self.dtype).kind == "u" else [0.0, -0.0, np.nan, 1.5]
        return self.rng.choice(values, SHAPES[self.kind]).astype(self.dtype)

    def reset(self):
        """A stack that repeats its first frame, one padded with zeros, or anything."""
        first = self.anything()
        axis = FRAME_AXIS.get(self.kind)
        how = self.rng.integers(3)
        if axis is None or how == 0:
            return first
        frames = np.moveaxis(first, axis, 0)
        frames[:-1] = frames[-1] if how == 1 else 0
        return np.moveaxis(frames, 0, axis)

    def step(self, state):
        axis = FRAME_AXIS.get(self.kind)
        if axis is None:
            return self.anything()
        shift = self.rng.integers(1, 3)  # 2: as n-step transitions have it
        frames = np.concatenate([np.moveaxis(state, axis, 0)[shift:], np.moveaxis(self.anything(), axis, 0)[-shift:]])
        return np.moveaxis(frames, 0, axis)

    def transition(self, env):
        state = self.now[env]
        next_state = self.step(state) if self.rng.random() < 0.9 else self.anything()
        done = bool(self.rng.random() < 0.15)
        truncated = self.rng.random() < 0.15
        self.now[env] = self.reset() if done or truncated else next_state
        self.count += 1
        return (state.copy(), self.count % 100, float(self.count), next_state.copy(), done), {"step": self.count}


def same(left, right):
    return np.asarray(left).tobytes() == np.asarray(right).tobytes() and np.shape(left) == np.shape(right)


def check(storage, expected):
    """Gathers every stored row, in random order and twice, and compares with what was added, byte for byte."""
    slots = np.array([*expected, *expected], np.int64)
    np.random.default_rng(len(slots)).shuffle(slots)
    batch = storage.gather(slots)
    for at, slot in enumerate(slots.tolist()):
        (state, action, reward, next_state, done), extras = expected[slot]
        assert same(batch.states[at], state)
        assert same(batch.next_states[at], next_state)
        assert (batch.actions[at], batch.rewards[at], batch.dones[at]) == (action, reward, done)
        assert all(batch[name][at] == value for name, value in extras.items())
    for slot in list(expected)[:2]:
        row = storage.row(slot)
        assert same(row[0], expected[slot][0][0])
        assert same(row[3], expected[slot][0][3])


scripts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(list(SHAPES)),
        "envs": st.integers(1, 3),
        "laps": st.integers(1, 5),
        "kept": st.integers(0, 3),
        "dtype": st.sampled_from([np.uint8, np.float32, np.float64]),
        "seed": st.integers(0, 2**32),
        "declared": st.integers(1, 3),
        "batch": st.sampled_from([0, 1, 2, 3, 7, 30]),
    }
)


@given(scripts)
@settings(deadline=None, max_examples=400)
def test_what_was_added_is_gathered(script):
    rng = np.random.default_rng(script["seed"])
    ring, kept = script["declared"] * script["laps"], script["kept"]
    envs, batch = script["envs"], min(script["batch"], ring)
    storage = make(script["kind"], script["declared"])
    storage.open(ring + kept, kept)
    stream = Stream(script["kind"], envs, script["dtype"], rng)
    expected, slot = {}, 0
    for _ in range(30):
        if batch:
            stream_rows = [stream.transition(i % envs) for i in range(batch)]
            slots = (slot + np.arange(batch)) % ring
            columns = tuple(np.stack([row[field] for row, _ in stream_rows]) for field in range(5))
            rewards = storage.write_batch(
                slots, columns, {"step": np.array([extra["step"] for _, extra in stream_rows])}
            )
            assert rewards.tolist() == [row[2] for row, _ in stream_rows]
            expected.update(zip(slots.tolist(), stream_rows, strict=True))
        else:
            row, extra = stream.transition(slot % envs)
            assert storage.write(slot, row, extra) == row[2]
            expected[slot] = row, extra
        slot = (slot + max(1, batch)) % ring
        if kept and rng.random() < 0.2:
            source, side = int(rng.choice([one for one in expected if one < ring])), ring + int(rng.integers(kept))
            storage.keep(source, side)
            expected[side] = expected[source]
        check(storage, expected)
    check_bounds(storage, expected)
    copy = make(script["kind"], script["declared"])
    copy.open(ring + kept, kept)
    meta, arrays = storage.state()
    copy.restore(meta, {name: array.copy() for name, array in arrays.items()})
    check(copy, expected)
    for _ in range(ring + 2):  # and goes on
        row, extra = stream.transition(0)
        for one in (storage, copy):
            one.write(slot, row, extra)
        expected[slot] = row, extra
        slot = (slot + 1) % ring
        check(copy, expected)
    assert len(pool(copy)) == len(pool(storage))
    storage.clear()
    storage.write(0, stream.transition(0)[0], {})
    assert len(pool(storage)) > 0


def pool(storage):
    return storage._ends if isinstance(storage, NextByIndexStorage) else storage._frames


def check_bounds(storage, expected):
    if isinstance(storage, NextByIndexStorage):
        assert len(storage._ends) <= len(expected)
    else:  # every row is referred to, none is lost
        assert len(storage._frames) == np.unique(storage._rows[storage._rows >= 0]).size


def test_a_state_that_is_changed_in_place_is_not_taken_for_the_next_state_it_was():
    for kind, shape in SHAPES.items():
        storage = make(kind)
        storage.open(4, 0)
        buffer = np.zeros(shape)
        storage.write(0, (buffer + 5, 0, 0.0, buffer, False), {})
        buffer += 1
        storage.write(1, (buffer, 0, 0.0, buffer, False), {})
        batch = storage.gather(np.array([0, 1]))
        assert not batch.next_states[0].any()
        assert (batch.states[1] == 1).all()


@pytest.mark.parametrize("kind", SHAPES)
def test_wider_values_widen_what_is_stored(kind):
    storage = make(kind)
    storage.open(4, 0)
    shape = SHAPES[kind]
    storage.write(0, (np.zeros(shape, np.uint8), 1, 0.0, np.ones(shape, np.uint8), False), {"hint": 1})
    storage.write(1, (np.ones(shape, np.uint8), 0.5, 1e60, np.full(shape, -3), False), {"hint": 0.25})
    batch = storage.gather(np.array([0, 1]))
    assert batch.actions.tolist() == [1, 0.5]
    assert batch.rewards.tolist() == [0, 1e60]
    assert (batch.next_states[1] == -3).all()
    assert (batch.next_states[0] == 1).all()


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    "other",
    [
        {"next_state": np.int64(-3)},
        {"state": np.float64(0.5)},
        {"reward": 1e60},
        {"reward": 1e-60},
        {"reward": 1},
        {"reward": np.float32(0.5)},
        {"action": 0.5},
        {"action": np.int8(3)},
        {"action": np.array(4)},
        {"done": 1},
        {"done": np.True_},
    ],
)
def test_plain_transitions_of_other_types_are_not_truncated(kind, other):
    storage, shape = make(kind), SHAPES[kind]
    storage.open(4, 0)
    filled = {name: np.full(shape, other[name]) for name in ("state", "next_state") if name in other}
    first = {
        "state": np.zeros(shape, "u1"),
        "action": 1,
        "reward": 0.0,
        "next_state": np.ones(shape, "u1"),
        "done": False,
    }
    second = {**first, **other, **filled}
    for slot, transition in enumerate((first, second, first)):
        storage.write(slot, tuple(transition.values()), {})
    for slot, transition in enumerate((first, second, first)):
        for value, field in zip(storage.row(slot), transition.values(), strict=True):
            assert np.array_equal(value, field)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (0, np.zeros(1), "state has shape"),
        (1, np.zeros((1, 1)), "action has shape"),
        (2, float("nan"), "reward must be finite"),
        (2, float("inf"), "reward must be finite"),
        (2, np.float64("nan"), "reward must be finite"),
        (3, np.zeros(1), "next_state has shape"),
        (4, 2, "done must be"),
    ],
)
def test_plain_transitions_are_refused_as_others_are(kind, field, value, message):
    storage = make(kind)
    storage.open(4, 0)
    good = np.zeros(SHAPES[kind]), 1, 0.5, np.ones(SHAPES[kind]), False
    for slot in range(2):
        storage.write(slot, good, {})
    bad = list(good)
    bad[field] = value
    with pytest.raises(ValueError, match=message):
        storage.write(1, tuple(bad), {})
    check(storage, {0: (good, {}), 1: (good, {})})


@pytest.mark.parametrize("kind", SHAPES)
def test_a_number_is_no_action_where_actions_are_arrays(kind):
    storage = make(kind)
    storage.open(4, 0)
    good = np.zeros(SHAPES[kind]), np.zeros(3), 0.5, np.ones(SHAPES[kind]), False
    storage.write(0, good, {})
    storage.write(1, good, {})
    with pytest.raises(ValueError, match="action has shape"):
        storage.write(2, (good[0], 0.0, *good[2:]), {})


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("lead", [0, 1])
def test_refused_transitions_change_nothing(kind, lead):
    storage = make(kind)
    storage.open(4, 1)
    shape = SHAPES[kind]

    def write(state, action, reward, next_state, done, **extras):
        fields = (state, action, reward, next_state, done)
        if lead:
            fields, extras = tuple(np.array([field]) for field in fields), {k: np.array([v]) for k, v in extras.items()}
            storage.write_batch(np.array([1]), fields, extras)
        else:
            storage.write(1, fields, extras)

    good = np.zeros(shape, np.int64), 0, 0.0, np.ones(shape, np.int64), False
    storage.write(0, good, {"hint": 2**60})
    refused = [
        ((np.zeros((*shape, 2)), *good[1:]), {"hint": 0}, ValueError, "state has shape"),
        ((*good[:3], np.zeros(()), False), {"hint": 0}, ValueError, "next_state has shape"),
        (good, {}, ValueError, "hint"),
        (good, {"hint": 1, "other": 1}, ValueError, "other"),
        (good, {"hint": 0.5}, ValueError, "hint: no dtype holds"),
        (good, {"hint": "one"}, TypeError, "hint must be numbers"),
        (good, {"hint": [1, 2]}, ValueError, "hint has shape"),
        (("a", *good[1:]), {"hint": 0}, TypeError, "state must be numbers"),
        ((*good[:2], np.nan, *good[3:]), {"hint": 0}, ValueError, "reward must be finite"),
        ((*good[:4], 0.5), {"hint": 0}, ValueError, "done must be"),
        ((*good[:2], [1.0, 2.0], *good[3:]), {"hint": 0}, ValueError, "reward must"),
    ]
    meta, before = storage.state()
    before = {name: array.copy() for name, array in before.items()}
    for fields, extras, error, message in refused:
        with pytest.raises(error, match=message):
            write(*fields, **extras)
        again, after = storage.state()
        assert again == meta
        assert before.keys() == after.keys()
        assert all(same(before[name], after[name]) for name in before)
    assert storage.gather(np.array([0]))["hint"].tolist() == [2**60]


def test_columns_of_different_lengths_are_refused():
    storage = NextByIndexStorage()
    storage.open(4, 0)
    with pytest.raises(ValueError, match="action must have 2 rows"):
        storage.write_batch(np.arange(2), (np.zeros(2), np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2)), {})
    with pytest.raises(ValueError, match="hint must have 2 rows"):
        storage.write_batch(np.arange(2), tuple(np.zeros((5, 2))), {"hint": 1})
    assert storage.state()[1] == {}


def test_a_ring_that_does_not_divide_is_refused_with_one_that_does():
    with pytest.raises(ValueError, match=r"num_envs=4 environments; try capacity 104"):
        NextByIndexStorage(4).open(102, 0)
    NextByIndexStorage(4).open(104, 0)
    with pytest.raises(ValueError, match="num_envs must be at least 1"):
        NextByIndexStorage(0)
    with pytest.raises(TypeError, match="num_envs must be an int"):
        FrameStackStorage(num_envs=2.0)


def test_other_num_envs_at_restore_are_refused():
    storage = NextByIndexStorage(2)
    storage.open(4, 0)
    other = NextByIndexStorage(1)
    other.open(4, 0)
    with pytest.raises(ValueError, match="saved with num_envs=2"):
        other.restore(*storage.state())
    storage.restore(*storage.state())
    assert storage.state()[1] == {}


@given(st.lists(st.integers(-3, 5), max_size=60))
def test_a_pool_hands_out_no_row_twice(steps):
    rows = RowPool(2, {(): np.empty(1, np.int64)})
    held = {}
    for at, step in enumerate(steps):
        if step > 0:
            rows.reserve(step)
            for _ in range(step):
                row = rows.take()
                assert row not in held
                rows.arrays[()][row] = held[row] = at
        else:
            gone = list(held)[:-step]
            rows.give(gone)
            for row in gone:
                del held[row]
        assert len(rows) == len(held)
        assert all(rows.arrays[()][row] == value for row, value in held.items())


def test_a_pool_grows_seldom_and_little():
    pool, sizes = RowPool(100, {(): np.empty(3)}), set()
    for used in range(1, 3000):
        pool.reserve(1)
        pool.take()
        size = len(pool.arrays[()])
        assert used <= size <= max(100, used * 17 / 16)
        sizes.add(size)
    assert len(sizes) < 70


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickled_copy_goes_on_and_grows(kind, protocol):
    storage, stream = make(kind), Stream(kind, 1, np.float32, np.random.default_rng(0))
    storage.open(200, 0)
    expected = {}
    for slot in range(20):
        expected[slot] = stream.transition(0)
        storage.write(slot, *expected[slot])
    copy = pickle.loads(pickle.dumps(storage, protocol))
    for slot in range(20, 200):  # a reset after each: all that is possible is stored
        stream.now[0] = stream.anything()
        expected[slot] = stream.transition(0)
        copy.write(slot, *expected[slot])
    check(copy, expected)
    check(storage, {slot: expected[slot] for slot in range(20)})


@given(
    kind=st.sampled_from(list(SHAPES)),
    envs=st.integers(1, 3),
    quota=st.sampled_from([0.0, 0.2, 0.4]),
    batches=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=150)
def test_a_buffer_draws_what_was_added_and_keeps_what_is_protected(kind, envs, quota, batches, seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    capacity = 15 * envs

    def new():
        storage = make(kind, envs)
        return PrioritizedReplayBuffer(
            capacity, rare_quota=quota, storage=storage, is_rare=lambda row: row[2] % 7 == 0, seed=seed % 1000
        )

    buffer, stream, added = new(), Stream(kind, envs, np.float32, rng), {}
    for _ in range(80 // envs):
        rows = [stream.transition(env) for env in range(envs)]
        added.update((extras["step"], (row, extras)) for row, extras in rows)
        if batches:
            columns = [np.stack([row[field] for row, _ in rows]) for field in range(5)]
            buffer.add_batch(*columns, step=np.array([extras["step"] for _, extras in rows]))
        else:
            for row, extras in rows:
                buffer.add(*row, **extras)
        batch, _, indices = buffer.sample(min(len(buffer), 4))
        check_batch(batch, added)
        buffer.update_priorities(indices, rng.random(indices.size))
    rare = [step for step in added if step % 7 == 0]
    kept = int(quota * capacity)
    stored = [int(buffer.storage.gather(np.array([slot]))["step"][0]) for slot in buffer.storage._used()]
    assert set(rare[-kept:] if kept else ()) <= set(stored)
    assert set(range(stream.count - (capacity - kept) + 1, stream.count + 1)) <= set(stored)
    path = tmp_path_factory.mktemp("buffer") / "buffer.replay"
    buffer.save(path)
    other = new()
    other.load(path)
    drawn, again = buffer.sample(12), other.sample(12)
    assert drawn.indices.tolist() == again.indices.tolist()
    check_batch(again.batch, added)


def check_batch(batch, added):
    for at, step in enumerate(batch["step"].tolist()):
        (state, action, reward, next_state, done), _ = added[step]
        assert same(batch.states[at], state)
        assert same(batch.next_states[at], next_state)
        assert (batch.actions[at], batch.rewards[at], batch.dones[at]) == (action, reward, done)
