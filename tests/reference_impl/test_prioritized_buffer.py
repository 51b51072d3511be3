import copy
import gc
import pickle
import random
import tracemalloc
import weakref
from collections import deque, namedtuple

import numpy as np
import pytest

from experience_replay_optimizer import CombinedReplayBuffer, LapReplayBuffer, LinearSchedule, PrioritizedReplayBuffer

Transition = namedtuple("Transition", "state action reward next_state done")


def filled(count=50, capacity=100, **options):
    buffer = PrioritizedReplayBuffer(capacity, **{"seed": 0, **options})
    for step in range(count):
        buffer.add(np.full(3, step, np.float32), step % 4, step % 2, np.full(3, step + 1, np.float32), step % 10 == 9)
    return buffer


@pytest.mark.parametrize("seed", range(50))
def test_rare_rewards_fill_their_share_without_any_update(seed):
    buffer = PrioritizedReplayBuffer(1000, seed=seed)
    for step in range(100):
        buffer.add(state=step, action=0, reward=10.0 if step % 20 == 0 else 0.1, next_state=step + 1, done=False)
    batch, weights, indices = buffer.sample(32)
    assert sum(1 for transition in batch if transition[2] > 1.0) > 5
    assert weights.shape == indices.shape == (32,)


def test_what_is_added_is_what_is_drawn():
    buffer = filled()
    sample = buffer.sample(20)
    assert sample._fields == ("batch", "weights", "indices")
    batch = sample.batch
    assert batch.states.shape == batch.next_states.shape == (20, 3)
    assert batch.states.dtype == np.float32
    steps = batch.states[:, 0].astype(int)
    assert steps.tolist() == sample.indices.tolist()
    assert batch.actions.tolist() == (steps % 4).tolist()
    assert batch.rewards.tolist() == (steps % 2).tolist()
    assert batch.dones.tolist() == (steps % 10 == 9).tolist()
    assert (batch.next_states == batch.states + 1).all()
    for row, step in zip(batch, steps, strict=True):
        assert row[0].tolist() == [step] * 3


def test_results_are_the_callers_own():
    buffer = filled()
    first = buffer.sample(10)
    kept = [array.copy() for array in (first.batch.states, first.weights, first.indices)]
    buffer.sample(10)
    filled_up = buffer.add(np.full(3, 9, np.float32), 0, 0, np.full(3, 9, np.float32), False)
    assert filled_up is None
    for array, copy_of in zip((first.batch.states, first.weights, first.indices), kept, strict=True):
        assert (array == copy_of).all()
        array[:] = 7
    assert buffer[3][0].tolist() == [3.0] * 3


def test_a_batch_larger_than_the_buffer_is_refused():
    buffer = filled(10)
    with pytest.raises(ValueError, match="batch_size is 11, and the buffer holds only 10"):
        buffer.sample(11)
    with pytest.raises(ValueError, match="holds only 0"):
        PrioritizedReplayBuffer(5).sample(1)
    assert buffer.sample(10).batch.states.shape == (10, 3)


@pytest.mark.parametrize("kind", [PrioritizedReplayBuffer, CombinedReplayBuffer, LapReplayBuffer])
def test_a_batch_may_repeat_what_little_is_stored(kind):
    buffer = kind(10)
    with pytest.raises(ValueError, match="holds only 0"):
        buffer.sample(4, repeat=True)
    buffer.append("the first")
    batch, weights, indices = buffer.sample(4, repeat=True)
    assert (batch, weights.tolist(), indices.tolist()) == (["the first"] * 4, [1.0] * 4, [0] * 4)
    buffer.update_priorities(indices, [3.0] * 4)
    buffer.append("the second")
    assert set(buffer.sample(64, repeat=True).batch) == {"the first", "the second"}


def test_beta_follows_the_specification_or_a_schedule():
    buffer = filled()
    assert (buffer.alpha, buffer.beta, buffer.epsilon, buffer.max_priority) == (0.6, 0.4, 1e-6, 1.0)
    buffer.sample(4)
    assert buffer.beta == pytest.approx(0.401)
    buffer.beta = 1.0
    buffer.sample(4)
    assert buffer.beta == 1.0
    scheduled = filled(beta=LinearSchedule(0.4, 1.0, 2))
    scheduled.sample(4)
    assert scheduled.beta == pytest.approx(0.7)


def test_updated_priorities_change_what_is_drawn():
    buffer = filled(rare_fraction=0)
    indices = buffer.sample(50).indices
    buffer.update_priorities(np.arange(50), np.zeros(50))
    buffer.update_priorities([7], [-100.0])
    assert (buffer.sample(50).indices == 7).mean() > 0.9
    assert buffer.max_priority == pytest.approx(100.0)
    assert indices.dtype == np.int64


def test_updates_take_tensors():
    torch = pytest.importorskip("torch")
    buffer = filled()
    _, _, indices = buffer.sample(8)
    buffer.update_priorities(torch.from_numpy(indices), torch.ones(8, 1, requires_grad=True) * 5)
    assert buffer.max_priority == pytest.approx(5.0)


@pytest.mark.parametrize("flag", ["conversion", "first_time_action"])
def test_info_flags_protect_whatever_the_reward(flag):
    buffer = PrioritizedReplayBuffer(50, seed=0)
    for step in range(200):
        buffer.add(step, 0, 0.0, step, False, info={flag: step == 30})
    assert [int(buffer[0][0]), buffer.protected.tolist()] == [30, [30]]


def test_rare_flags_are_configurable():
    buffer = PrioritizedReplayBuffer(50, rare_flags=("crash",), seed=0)
    buffer.add(0, 0, 0.0, 0, False, info={"conversion": True})
    buffer.add(1, 0, 0.0, 0, False, info={"crash": True})
    assert buffer.protected.tolist() == [1]


def test_rare_events_outlive_three_times_the_capacity():
    buffer = PrioritizedReplayBuffer(100, seed=0)
    rng = np.random.default_rng(0)
    for step in range(60):
        buffer.add(step, 0, 50.0 if step in (25, 41) else rng.uniform(-1, 1), step, False)
    for step in range(60, 360):
        buffer.add(step, 0, rng.uniform(-1, 1), step, False)
    states = [transition[0] for transition in buffer]
    assert states[:2] == [25, 41]
    assert states[2:] == list(range(262, 360))
    batch = buffer.sample(32).batch
    assert np.isin(batch.states, [25, 41]).sum() >= 4
    plain = PrioritizedReplayBuffer(100, rare_fraction=0, seed=0)
    for step in range(360):
        plain.add(step, 0, 50.0 if step in (25, 41) else 0.0, step, False)
    assert [transition[0] for transition in plain] == list(range(260, 360))


def test_is_rare_sees_the_transition_or_the_object():
    buffer = PrioritizedReplayBuffer(50, is_rare=lambda transition: transition[4], seed=0)
    for step in range(30):
        buffer.add(step, 0, 1e6 * (step == 25), step, step == 7)
    assert buffer.protected.tolist() == [7]
    objects = PrioritizedReplayBuffer(50, is_rare=lambda item: item == "crash", seed=0)
    objects.extend(["go", "crash", "go"])
    assert objects.protected.tolist() == [1]


def test_stale_handles_are_ignored_and_counted():
    buffer = filled(8, capacity=8, rare_fraction=0)
    old = buffer.sample(8).indices
    for _ in range(3):
        buffer.add(np.zeros(3, np.float32), 0, 0.0, np.zeros(3, np.float32), False)
    expected = int((old < 3).sum())
    assert expected
    buffer.update_priorities(old, np.full(8, 1e6))
    assert buffer.stale_updates == expected
    assert buffer.sampler.probabilities([0, 1, 2], 8).max() < 1e-3
    new = buffer.sample(8).indices
    assert set(buffer.slots(new).tolist()) <= set(range(8))
    buffer.update_priorities([8, 9, 10], [1e9] * 3)
    assert buffer.sampler.probabilities([0, 1, 2], 8).sum() > 0.9


def test_handles_from_before_clear_are_stale():
    buffer = filled(8, capacity=8)
    old = buffer.sample(8).indices
    buffer.clear()
    buffer.update_priorities(old, np.ones(8))
    assert buffer.stale_updates == 8
    with pytest.raises(ValueError, match="never returned"):
        buffer.update_priorities([8], [1.0])
    buffer.append("object")
    assert buffer.sample(1).indices.tolist() == [8]
    buffer.clear()
    buffer.clear()
    assert (len(buffer), list(buffer)) == (0, [])


def test_protection_by_handle():
    buffer = filled(20, capacity=20)
    buffer.protect([3, 5])
    buffer.unprotect([3])
    for _ in range(40):
        buffer.add(np.zeros(3, np.float32), 0, 0.0, np.zeros(3, np.float32), False)
    assert buffer[0][0].tolist() == [5.0] * 3
    assert buffer.protected.tolist() == [5]
    buffer.protect([3])  # long gone
    assert buffer.protected.tolist() == [5]


REFUSED = [
    (lambda b: b.add(np.zeros(4), 0, 0.0, np.zeros(3), False), ValueError, "state has shape"),
    (lambda b: b.add(np.zeros(3), 0, np.nan, np.zeros(3), False), ValueError, "reward must be finite"),
    (lambda b: b.add(np.zeros(3), 0, 0.0, None, False), TypeError, "next_state must be numbers"),
    (lambda b: b.add(np.zeros(3), 0, 0.0, np.zeros(3), False, info=[1]), TypeError, "info"),
    (lambda b: b.append("object"), ValueError, r"given to add\(\)"),
    (lambda b: b.update_priorities([0, 1], [1.0]), ValueError, "expected 2"),
    (lambda b: b.update_priorities([0, 50], [1.0, 1.0]), ValueError, "never returned"),
    (lambda b: b.update_priorities([0, -1], [1.0, 1.0]), ValueError, "negative"),
    (lambda b: b.update_priorities([0, 1], [1.0, np.nan]), ValueError, "not finite"),
    (lambda b: b.update_priorities([0.5], [1.0]), TypeError, "integers"),
    (lambda b: b.sample(51), ValueError, "holds only"),
    (lambda b: b.sample(3.0), TypeError, r"int\(batch_size\)"),
    (lambda b: b.pop(0), NotImplementedError, "by itself"),
    (lambda b: b.popleft(), NotImplementedError, "by itself"),
    (lambda b: b[50], IndexError, "out of range"),
]


@pytest.mark.parametrize(("act", "error", "message"), REFUSED)
def test_a_refused_call_changes_nothing(act, error, message):
    touched, untouched = filled(), filled()
    with pytest.raises(error, match=message):
        act(touched)
    assert len(touched) == len(untouched)
    assert touched.beta == untouched.beta
    assert touched.stale_updates == 0
    left, right = touched.sample(50), untouched.sample(50)
    assert left.weights.tolist() == right.weights.tolist()
    assert left.batch.states.tolist() == right.batch.states.tolist()


def test_a_refused_first_transition_decides_nothing():
    buffer = PrioritizedReplayBuffer(10, seed=0, is_rare=lambda transition: 1 / transition[2])
    for bad in (np.nan, 0.0):
        with pytest.raises((ValueError, ZeroDivisionError)):
            buffer.add(np.zeros(3), 0, bad, np.zeros(3), False)
    buffer.append(("any", "object", 1.0))
    assert len(buffer) == 1
    with pytest.raises(ValueError, match=r"given to append\(\)"):
        buffer.add(0, 0, 0.0, 0, False)
    buffer.clear()
    buffer.add(0, 0, 1.0, 0, False)
    assert len(buffer) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"capacity": 1e5}, TypeError),
        ({"is_rare": "reward"}, TypeError),
        ({"rare_flags": "crash"}, TypeError),
        ({"reward": 2.5}, TypeError),
        ({"alpha": -1}, ValueError),
    ],
)
def test_constructor_refuses(options, error):
    with pytest.raises(error):
        PrioritizedReplayBuffer(**{"capacity": 10, **options})


def objects(count, capacity=10, **options):
    buffer = PrioritizedReplayBuffer(capacity, **{"seed": 0, "reward": "reward", **options})
    items = [Transition(step, 0, 0.0, None, False) for step in range(count)]
    buffer.extend(items)
    return buffer, items


@pytest.mark.parametrize("count", [1, 9, 10, 11, 37])
def test_any_objects_are_kept_as_in_a_deque(count):
    buffer, items = objects(count)
    model = deque(items, maxlen=10)
    assert buffer.maxlen == buffer.capacity == 10
    assert len(buffer) == len(model)
    assert all(left is right for left, right in zip(buffer, model, strict=True))
    for at in range(-len(model), len(model)):
        assert buffer[at] is model[at]
    assert buffer[1:3] == list(model)[1:3]
    assert bool(buffer)


def test_batches_of_objects_serve_code_written_for_random_sample():
    buffer, items = objects(9)
    batch, weights, indices = buffer.sample(6)
    assert type(batch) is list
    assert all(any(item is one for one in items) for item in batch)
    assert [item.state for item in batch] == indices.tolist()
    assert Transition(*zip(*batch, strict=True)).state == tuple(indices.tolist())
    assert np.array([item[0] for item in batch]).tolist() == indices.tolist()
    assert weights.tolist() == [1.0] * 6


@pytest.mark.parametrize("reward", ["reward", 2, lambda item: item.reward])
def test_rare_events_among_objects(reward):
    buffer = PrioritizedReplayBuffer(50, reward=reward, seed=0)
    rare = Transition(0, 0, 10.0, None, True)
    buffer.extend([Transition(0, 0, 0.0, None, False)] * 30)
    buffer.append(rare)
    buffer.extend([Transition(0, 0, 0.0, None, False)] * 150)
    assert buffer[0] is rare
    assert sum(item is rare for item in buffer.sample(32).batch) >= 2


def test_extend_stores_all_or_nothing():
    buffer, _ = objects(3)
    with pytest.raises(ValueError, match="not finite"):
        buffer.extend([Transition(0, 0, 1.0, None, False), Transition(0, 0, np.nan, None, False)])
    with pytest.raises(AttributeError):
        buffer.append("no reward here")
    assert len(buffer) == 3
    buffer.extend(item for item in [])
    assert len(buffer) == 3


def test_overwritten_objects_are_let_go():
    class Item:
        reward = 0.0

    buffer = PrioritizedReplayBuffer(4, reward="reward")
    references = []
    for _ in range(20):
        item = Item()
        references.append(weakref.ref(item))
        buffer.append(item)
    del item
    gc.collect()
    assert sum(reference() is not None for reference in references) == 4


@pytest.mark.parametrize("kind", ["add", "append"])
def test_memory_does_not_grow(kind):
    buffer = PrioritizedReplayBuffer(200, reward=2, seed=0)
    rng = np.random.default_rng(0)

    def turn(count):
        for _ in range(count):
            reward = float(rng.standard_t(2))
            if kind == "add":
                buffer.add(np.zeros(4, np.float32), 0, reward, np.zeros(4, np.float32), False)
            else:
                buffer.append((0, 0, reward))
            if len(buffer) >= 8:
                indices = buffer.sample(8).indices
                buffer.update_priorities(indices, np.ones(8))

    turn(700)
    gc.collect()
    tracemalloc.start()
    turn(200)
    before = tracemalloc.get_traced_memory()[0]
    turn(2000)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 2 * 2000


def test_equal_seeds_draw_equally_and_leave_global_generators_alone():
    state = random.getstate(), np.random.get_state()[1].tolist()
    left, right, other = (filled(seed=seed) for seed in (1, 1, 2))
    draws = [[buffer.sample(16).indices.tolist() for _ in range(3)] for buffer in (left, right, other)]
    assert draws[0] == draws[1] != draws[2]
    assert state == (random.getstate(), np.random.get_state()[1].tolist())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda buffer: pickle.loads(pickle.dumps(buffer))])
def test_a_copy_goes_on_as_the_original_would(duplicate):
    buffer = filled(reward="reward", beta=LinearSchedule(0.4, 1.0, 9))
    buffer.sample(4)
    twin = duplicate(buffer)
    for one in (buffer, twin):
        one.update_priorities([1], [9.0])
    left, right = buffer.sample(20), twin.sample(20)
    assert left.indices.tolist() == right.indices.tolist()
    assert left.weights.tolist() == right.weights.tolist()


def test_observations_widen_through_add():
    buffer = PrioritizedReplayBuffer(4, rare_fraction=0)
    buffer.add(0, 0, 0, 1, False)
    buffer.add(0.5, 0, 0.5, 1, False)
    assert [transition[:3] for transition in buffer] == [(0.0, 0, 0.0), (0.5, 0, 0.5)]


def test_repr_names_the_state():
    assert repr(filled()) == "PrioritizedReplayBuffer(50 of 100, alpha=0.6, beta=0.4)"
