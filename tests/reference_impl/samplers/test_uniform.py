import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from experience_replay_optimizer.replay_buffer import ReplayBuffer
from experience_replay_optimizer.samplers.prioritized import PrioritizedSampler
from experience_replay_optimizer.samplers.uniform import UniformSampler
from experience_replay_optimizer.schedules import LinearSchedule


def filled(slots=range(10), capacity=10, **options):
    sampler = UniformSampler(capacity, **{"seed": 0, **options})
    sampler.add(np.array(slots))
    return sampler


@pytest.mark.parametrize("size", [7, 64, 1000])
@pytest.mark.parametrize("replace", [True, False])
def test_every_stored_slot_is_equally_likely(size, replace):
    slots = np.random.default_rng(1).permutation(2 * size)[:size]
    sampler = filled(slots, 2 * size, replace=replace)
    drawn = np.concatenate([sampler.sample(5)[0] for _ in range(10_000)])
    counts = np.bincount(drawn, minlength=2 * size)
    assert counts.sum() == counts[slots].sum()
    if replace:
        assert chisquare(counts[slots]).pvalue > 1e-4
    else:  # negatively correlated rows: the statistic shrinks by about (N - B) / (N - 1)
        shrunk = counts.sum() / size + (counts[slots] - counts.sum() / size) * np.sqrt((size - 1) / (size - 5))
        assert chisquare(shrunk).pvalue > 1e-4


@pytest.mark.parametrize("replace", [True, False])
def test_each_row_is_as_good_as_any_other(replace):
    sampler = filled(replace=replace)
    rows = np.array([sampler.sample(4)[0] for _ in range(5000)])
    for column in rows.T:
        assert chisquare(np.bincount(column, minlength=10)).pvalue > 1e-4


def test_without_replacement_no_slot_comes_twice():
    sampler = filled(replace=False)
    for size in (1, 5, 10):
        assert np.unique(sampler.sample(size)[0]).size == size
    with pytest.raises(ValueError, match="batch_size is 11, and replace=False draws from 10"):
        sampler.sample(11)
    assert np.unique(filled().sample(11)[0]).size < 11


def test_weights_are_ones_and_results_the_callers_own():
    sampler = filled()
    slots, weights = sampler.sample(6, beta=0.7)
    assert (slots.dtype, weights.dtype) == (np.int64, np.float32)
    assert weights.tolist() == [1.0] * 6
    slots.fill(-1)
    weights.fill(9.0)
    assert sampler.sample(6)[1].tolist() == [1.0] * 6
    assert sampler.contains(np.arange(10)).all()


def test_updates_change_nothing():
    touched, untouched = filled(), filled()
    touched.update([1, 2, 2], [[1e9], [0.0], [-3.0]])
    assert touched.probabilities(np.arange(10), 4).tolist() == [0.1] * 10
    assert touched.max_priority == 1.0
    assert touched.sample(32)[0].tolist() == untouched.sample(32)[0].tolist()


@given(st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=6))
@settings(deadline=None)
def test_adds_in_batches_and_one_by_one_are_the_same(batches):
    many, one = UniformSampler(9, seed=2), UniformSampler(9, seed=2)
    stored = set()
    for batch in batches:
        many.add(batch, reward=np.zeros(len(batch)))
        for slot in batch:
            one.add_one(slot, None, None)
        stored |= set(batch)
        assert len(many) == len(one) == len(stored)
        assert many.contains(np.arange(9)).tolist() == [slot in stored for slot in range(9)]
        expected = [(slot in stored) / max(len(stored), 1) for slot in range(9)]
        assert many.probabilities(np.arange(9), 4).tolist() == expected
    if stored:
        assert many.sample(20)[0].tolist() == one.sample(20)[0].tolist()


def test_state_and_restore_go_on_exactly():
    sampler = filled([3, 9, 1])
    sampler.sample(5)
    meta, arrays = sampler.state()
    restored = filled(seed=5)
    restored.restore(json.loads(json.dumps(meta)), arrays)
    assert len(restored) == 3
    assert restored.sample(20)[0].tolist() == sampler.sample(20)[0].tolist()


def test_clear_empties_and_the_generator_goes_on():
    sampler = filled()
    first = sampler.sample(20)[0].tolist()
    sampler.clear()
    assert len(sampler) == 0
    sampler.add(np.arange(10))
    assert sampler.sample(20)[0].tolist() != first


def test_equal_seeds_draw_equally():
    sources = ({"seed": 7}, {"seed": None, "rng": np.random.default_rng(7)}, {"seed": 8})
    one, other, third = (filled(**source).sample(16)[0].tolist() for source in sources)
    assert one == other != third


def test_the_slots_to_write_follow_each_other():
    sampler = filled()
    assert [sampler.next_slot(slot) for slot in (0, 8, 9)] == [1, 9, 0]
    sampler.unprotect([3])
    assert sampler.protected.tolist() == []
    assert not sampler.is_protected(3)


def test_it_takes_the_place_of_a_prioritised_sampler():
    """Every method that a buffer calls, with the same names of arguments."""
    for name, method in inspect.getmembers(UniformSampler, inspect.isfunction):
        if not name.startswith("_"):
            theirs = inspect.signature(getattr(PrioritizedSampler, name)).parameters
            assert list(inspect.signature(method).parameters) == list(theirs), name
    buffer = ReplayBuffer(UniformSampler(50, seed=0))
    for step in range(120):
        buffer.add([step], 0, 100.0 * (step == 80), [step + 1], False)
    buffer.add_batch(np.zeros((3, 1)), np.zeros(3), np.zeros(3), np.zeros((3, 1)), np.zeros(3, bool))
    sample = buffer.sample(32)
    buffer.beta = 0.9
    buffer.update_priorities(sample.indices, np.full(32, 7.0))
    assert len(buffer) == 50
    assert buffer.max_priority == 1.0
    assert (buffer.slots(sample.indices) < 50).all()


REFUSED = [
    (lambda s: s.add(10), ValueError, "out of range"),
    (lambda s: s.add(1.0), TypeError, "integers"),
    (lambda s: s.add([8, 9], reward=[1.0]), ValueError, "1 values, expected 2"),
    (lambda s: s.add(9, reward=float("nan")), ValueError, "not finite"),
    (lambda s: s.update([0, 1], [1.0]), ValueError, "1 values, expected 2"),
    (lambda s: s.update([0, 1], [1.0, float("inf")]), ValueError, "not finite"),
    (lambda s: s.update([0, 9], [1.0, 1.0]), ValueError, "slot 9 holds no transition"),
    (lambda s: s.update([0, -1], [1.0, 1.0]), ValueError, "negative"),
    (lambda s: s.sample(0), ValueError, "at least 1"),
    (lambda s: s.sample(2.0), TypeError, r"int\(batch_size\)"),
    (lambda s: s.sample(2, beta=2.0), ValueError, "beta"),
    (lambda s: s.probabilities([0], 0), ValueError, "batch_size"),
    (lambda s: s.next_slot(10), ValueError, "out of range"),
    (lambda s: s.protect([1]), ValueError, r"cannot protect slots \[1\]: PrioritizedSampler"),
    (lambda s: s.unprotect([10]), ValueError, "out of range"),
]


@pytest.mark.parametrize(("act", "error", "message"), REFUSED)
def test_a_refused_call_changes_nothing(act, error, message):
    touched, untouched = filled(range(8)), filled(range(8))
    with pytest.raises(error, match=message):
        act(touched)
    assert touched.contains(np.arange(10)).tolist() == untouched.contains(np.arange(10)).tolist()
    assert touched.sample(16)[0].tolist() == untouched.sample(16)[0].tolist()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 3.0}, TypeError, r"int\(capacity\)"),
        ({"capacity": 0}, ValueError, "at least 1"),
        ({"replace": 1}, TypeError, "replace must be a bool"),
        ({"seed": 1, "rng": np.random.default_rng(0)}, ValueError, "not both"),
    ],
)
def test_constructor_refuses(options, error, message):
    with pytest.raises(error, match=message):
        UniformSampler(**{"capacity": 10, **options})


def test_an_empty_sampler():
    sampler = UniformSampler(4)
    assert sampler.probabilities([0, 3], 2).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="no transition has been added"):
        sampler.sample(1)


def test_a_schedule_of_beta_is_taken_and_shown():
    buffer = ReplayBuffer(UniformSampler(5, seed=0))
    buffer.beta = LinearSchedule(0.4, 1.0, 5)
    assert buffer.beta == 0.4
    assert "beta=0.4" in repr(buffer)
    with pytest.raises(ValueError, match="beta"):
        buffer.beta = 2.0
