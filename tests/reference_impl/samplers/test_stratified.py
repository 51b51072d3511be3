import numpy as np
import pytest

from experience_replay_optimizer.samplers.proportional_index import ProportionalIndex
from experience_replay_optimizer.samplers.rank_index import RankIndex
from experience_replay_optimizer.samplers.stratified import sample_stratified

PRIORITIES = np.array([4.0, 0.5, 1.0, 2.0, 0.25, 8.0, 0.125])


def index_of(kind, alpha=1.0):
    index = kind(PRIORITIES.size, alpha)
    index.set(np.arange(PRIORITIES.size), PRIORITIES)
    return index


@pytest.mark.parametrize("kind", [ProportionalIndex, RankIndex])
def test_counts_vary_by_less_than_one_segment_and_weights_follow_the_law(kind):
    index, rng = index_of(kind), np.random.default_rng(0)
    law = index.density(np.arange(7))
    total = np.zeros(7)
    for _ in range(3000):
        slots, weights = sample_stratified(index, 7, 7, 0.5, rng)
        counts = np.bincount(slots, minlength=7)
        assert (np.abs(counts - 7 * law) < 2).all()
        assert weights == pytest.approx((law[slots].min() / law[slots]) ** 0.5, rel=1e-5)
        assert (slots.dtype, weights.dtype) == (np.int64, np.float32)
        total += counts
    assert total / total.sum() == pytest.approx(law, abs=0.005)


def test_rows_come_in_random_order():
    index, rng = index_of(ProportionalIndex, alpha=0.0), np.random.default_rng(0)
    first = np.bincount([sample_stratified(index, 7, 7, 0.5, rng)[0][0] for _ in range(3500)], minlength=7)
    # 500 expected of each, standard deviation 21.
    assert np.abs(first - 500).max() < 105


class AlmostOne:
    """A generator at the upper end of its range."""

    def permutation(self, count):
        return np.arange(count)

    def random(self, count):
        return np.full(count, np.nextafter(1.0, 0.0))


def test_the_last_point_stays_below_1():
    index = index_of(ProportionalIndex)
    slots, _ = sample_stratified(index, 7, 7, 0.5, AlmostOne())
    assert slots.max() == 6


@pytest.mark.parametrize(
    ("batch_size", "beta", "error", "message"),
    [
        (8, 0.5, ValueError, "batch_size is 8, and the memory holds only 7 transitions"),
        (0, 0.5, ValueError, "batch_size must be at least 1"),
        (2.0, 0.5, TypeError, "batch_size must be an int"),
        (2, 1.5, ValueError, "beta must be finite and in"),
    ],
)
def test_bad_arguments_are_refused(batch_size, beta, error, message):
    with pytest.raises(error, match=message):
        sample_stratified(index_of(ProportionalIndex), 7, batch_size, beta, np.random.default_rng(0))
