import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scipy.stats import chisquare

from experience_replay_optimizer.samplers.rank_index import RankIndex

CAPACITY = 40
# Many ties; and no finer than the index compares them.
priorities = st.integers(1, 5) | st.floats(2.0**-100, 2.0**100, width=32)


def index_of(values, alpha=0.7):
    values = np.asarray(values, np.float64)
    index = RankIndex(values.size, alpha)
    index.set(np.arange(values.size), values)
    return index


def law(size, alpha):
    masses = np.array([k**-alpha for k in range(1, size + 1)])
    return masses / masses.sum()


class AgainstSorting(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.index, self.stored = RankIndex(CAPACITY, 0.6), {}

    @rule(pairs=st.lists(st.tuples(st.integers(0, CAPACITY - 1), priorities), max_size=12))
    def set(self, pairs):
        slots = np.array([slot for slot, _ in pairs], np.int64)
        values = np.array([priority for _, priority in pairs], np.float64)
        self.index.set(slots, values)
        self.stored.update(zip(slots.tolist(), values.tolist(), strict=True))
        slots.fill(0)  # the caller's arrays are not kept
        values.fill(0.0)

    @rule(slot=st.integers(0, CAPACITY - 1), priority=priorities)
    def put(self, slot, priority):
        assert self.index.put(slot, float(priority)) == (slot not in self.stored)
        self.stored[slot] = priority

    @precondition(lambda self: self.stored)
    @rule(data=st.data())
    def move(self, data):
        slot = data.draw(st.sampled_from(sorted(self.stored)))
        other = data.draw(st.integers(0, CAPACITY - 1).filter(lambda one: one != slot))
        self.index.move(slot, other)
        self.stored[other] = self.stored.pop(slot)

    @rule(slots=st.lists(st.integers(0, CAPACITY - 1), max_size=12) | st.just(range(CAPACITY)), priority=priorities)
    def put_many(self, slots, priority):
        fresh = set(slots) - self.stored.keys()
        assert self.index.put_many(np.array(slots, np.int64), float(priority)) == len(fresh)
        self.stored.update(dict.fromkeys(slots, priority))

    @rule(slots=st.lists(st.integers(0, CAPACITY - 1), max_size=12))
    def remove(self, slots):
        self.index.remove(np.array(slots, np.int64))
        for slot in slots:
            self.stored.pop(slot, None)

    @rule()
    def clear(self):
        self.index.clear()
        self.stored.clear()

    @rule()
    def restore(self):
        state = self.index.state()
        self.index = RankIndex(CAPACITY, 0.6)
        self.index.set(np.arange(3), np.ones(3))
        self.index.restore(state)

    @invariant()
    def knows_what_is_stored(self):
        assert len(self.index) == len(self.stored)
        assert self.index.contains(np.arange(CAPACITY)).tolist() == [slot in self.stored for slot in range(CAPACITY)]
        assert self.index.smallest == pytest.approx(min(law(len(self.stored), 0.6), default=math.inf), rel=1e-12)

    # Asked now and then only: what changed meanwhile waits, also across changes of the same slot.
    @precondition(lambda self: self.stored)
    @rule()
    def ranks_are_true(self):
        ranked = sorted(self.stored, key=lambda slot: (-self.stored[slot], slot))
        probabilities = law(len(ranked), 0.6)
        expected = np.zeros(CAPACITY)
        expected[ranked] = probabilities
        np.testing.assert_allclose(self.index.density(np.arange(CAPACITY)), expected, rtol=1e-12)
        middles = np.cumsum(probabilities) - probabilities / 2
        assert self.index.find(middles).tolist() == ranked
        assert self.index.find(np.array([0.0, 1.0 - 2.0**-53, 1.0])).tolist() == [ranked[0], ranked[-1], ranked[-1]]


TestAgainstSorting = AgainstSorting.TestCase
TestAgainstSorting.settings = settings(deadline=None, max_examples=80, stateful_step_count=40)


def pooled_p_value(slots, density):
    order = np.argsort(density)
    counts, expected = np.bincount(slots, minlength=density.size)[order], density[order] * slots.size
    # Bins of expected count >= 5: neighbours in order of expectation are joined.
    bins = np.floor(np.cumsum(expected) / 5.0).astype(int)
    bins[bins == bins[-1]] = max(bins[-1] - 1, 0)
    _, bins = np.unique(bins, return_inverse=True)
    return chisquare(np.bincount(bins, counts), np.bincount(bins, expected) * (slots.size / expected.sum())).pvalue


@pytest.mark.parametrize("size", [7, 64, 1000, 100_000])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_draws_follow_the_law(size, alpha):
    rng = np.random.default_rng([size, int(10 * alpha)])
    index = index_of(np.ones(size), alpha)
    values = rng.exponential(size=size)
    for part in np.array_split(rng.permutation(size), 20):
        index.set(part, values[part])
    expected = np.empty(size)
    expected[np.argsort(-values)] = law(size, alpha)
    slots = np.concatenate([index.find(rng.random(400)) for _ in range(1000)])
    assert pooled_p_value(slots, expected) > 1e-4
    if alpha and size < 100_000:
        assert pooled_p_value(slots, np.full(size, 1 / size)) < 1e-4


def test_ranks_are_true_while_the_priorities_of_many_slots_change():
    rng = np.random.default_rng(4)
    values = rng.exponential(size=30_000)
    index = index_of(values)
    ranked = np.empty(values.size)
    for _ in range(300):
        slots = index.find((np.arange(64) + rng.random(64)) / 64)
        values[slots] = rng.exponential(size=64) * rng.choice([0.01, 1.0, 100.0])
        index.set(slots, values[slots])
        ranked[np.argsort(-values)] = np.arange(1, values.size + 1)
        some = rng.integers(0, values.size, 100)
        np.testing.assert_allclose(index.density(some), (ranked[some] ** -0.7) * index.density(np.argmax(values)[None]))


@pytest.mark.parametrize("size", [1, 2, 1023, 1024, 1025, 5000])
def test_adds_one_by_one_are_the_same_as_all_at_once(size):
    one = RankIndex(size, 0.7)
    for slot in range(size):
        one.set(np.array([slot]), np.array([1.0]))
        assert len(one) == slot + 1
        assert len(one._touched) <= 1024  # what waits for the next question is bounded
    everything = np.arange(size)
    assert one.density(everything).tolist() == index_of(np.ones(size)).density(everything).tolist()


def test_equal_priorities_are_ranked_by_slot():
    index = RankIndex(8, 1.0)
    index.set(np.array([6, 1, 3]), np.ones(3))
    index.set(np.array([5]), np.array([9.0]))
    assert index.find(np.cumsum(law(4, 1.0)) - 1e-9).tolist() == [5, 1, 3, 6]


def test_priorities_that_differ_by_a_float32_are_ranked_apart():
    rng = np.random.default_rng(0)
    values = (10.0 ** rng.uniform(-30, 30, 1000)).astype(np.float32)
    values = np.concatenate([values, np.nextafter(values, np.float32(np.inf))])
    slots = rng.choice(2**20, 2000, replace=False)
    index = RankIndex(2**20, 0.0)
    index.set(slots, values.astype(np.float64))
    assert index.find((np.arange(2000) + 0.5) / 2000).tolist() == slots[np.lexsort((slots, -values))].tolist()
    assert index.state()["priorities"][slots].tolist() == values.tolist()


@pytest.mark.parametrize("value", [5e-324, 1e-310, np.finfo(float).tiny, np.finfo(float).max])
def test_the_ends_of_float64_are_stored_and_restored(value):
    index = index_of([1.0, value, 1.0])
    restored = RankIndex(3, 0.7)
    restored.restore(index.state())
    for each in (index, restored):
        assert len(each) == 3
        expected = [1, 0, 2] if value > 1.0 else [0, 2, 1]
        assert each.find(np.array([0.0, 0.5, 0.99])).tolist() == expected


def test_alpha_zero_is_uniform():
    index = index_of(np.logspace(-9, 9, 50), alpha=0.0)
    assert index.density(np.arange(50)).tolist() == pytest.approx([0.02] * 50)
    assert index.smallest == pytest.approx(0.02)
    # A segment holds its lower end.
    assert index_of([4.0, 3.0, 2.0, 1.0], alpha=0.0).find(np.arange(4) / 4).tolist() == [0, 1, 2, 3]


def test_the_mass_of_many_ranks_is_exact():
    index = index_of(np.ones(1_000_000), 0.7)
    exact = math.fsum(k**-0.7 for k in range(1, 1_000_001))
    assert index.density(np.array([0]))[0] == pytest.approx(1 / exact, rel=1e-12)
    assert math.fsum(index.density(np.arange(1_000_000))) == pytest.approx(1.0, rel=1e-12)


def test_an_empty_index():
    index = RankIndex(5, 0.7)
    assert index.density(np.arange(5)).tolist() == [0.0] * 5
    with pytest.raises(ValueError, match="no slot has a priority"):
        index.find(np.array([0.5]))


@pytest.mark.parametrize(
    ("capacity", "alpha", "error", "message"),
    [
        (10.0, 0.7, TypeError, r"int\(capacity\)"),
        (0, 0.7, ValueError, "at least 1"),
        (10, -1.0, ValueError, "alpha"),
        (10, float("nan"), ValueError, "alpha"),
        (10, None, TypeError, "alpha"),
        (10**5, 30.0, ValueError, "alpha=30 is too large"),
    ],
)
def test_constructor_refuses(capacity, alpha, error, message):
    with pytest.raises(error, match=message):
        RankIndex(capacity, alpha)


@pytest.mark.parametrize(
    ("state", "message"),
    [([1.0, 2.0], "2 values, expected 3"), ([1.0, np.nan, 1.0], "not finite"), ([1.0, -2.0, 1.0], "negative")],
)
def test_a_refused_restore_changes_nothing(state, message):
    index = index_of([1.0, 3.0, 2.0])
    with pytest.raises(ValueError, match=message):
        index.restore({"priorities": np.array(state)})
    assert index.find(np.array([0.0, 0.5, 0.99])).tolist() == [1, 2, 0]
