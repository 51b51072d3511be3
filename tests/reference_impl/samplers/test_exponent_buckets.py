import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from experience_replay_optimizer.samplers.proportional_index import ProportionalIndex
from experience_replay_optimizer.samplers.rank_index import RankIndex

from .exponent_buckets import ExponentBuckets


def oracle_of(leaves, seed=0):
    oracle = ExponentBuckets(Random(seed))
    for slot, leaf in enumerate(leaves):
        oracle.set(slot, float(leaf))
    return oracle


def assert_same_law(drawn, oracle, size):
    """Both are samples: slots that neither of them drew often are counted together."""
    counts = np.array([np.bincount(drawn, minlength=size), np.bincount(oracle.draw(drawn.size), minlength=size)])
    few = counts.sum(axis=0) < 10
    table = np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
    assert chi2_contingency(table[:, table.any(axis=0)]).pvalue > 1e-4


@pytest.mark.parametrize("leaves", [[1.0], [3.0, 1.0], [0.5, 0.75, 1.0, 1.5, 2.0], np.logspace(-2, 0, 40)])
def test_the_oracle_follows_the_law(leaves):
    oracle = oracle_of(leaves)
    drawn = np.bincount(oracle.draw(100_000), minlength=len(leaves))
    exact = [oracle.probability(slot) for slot in range(len(leaves))]
    assert sum(exact) == 1
    assert exact[0] == Fraction(float(leaves[0])) / sum(Fraction(float(leaf)) for leaf in leaves)
    assert len(leaves) == 1 or chisquare(drawn, [float(share) * 100_000 for share in exact]).pvalue > 1e-4


def test_leaves_are_replaced_and_emptied():
    oracle = oracle_of([8.0, 1.0, 1.0, 1.0])
    oracle.set(0, 1.0)
    oracle.set(2, 0.0)
    assert [oracle.probability(slot) for slot in range(4)] == [Fraction(1, 3), Fraction(1, 3), 0, Fraction(1, 3)]
    assert set(oracle.draw(200)) == {0, 1, 3}


def test_leaves_may_lie_at_both_ends_of_float64():
    oracle = oracle_of([5e-324, 1e-300, np.finfo(float).max / 2, np.finfo(float).max])
    assert sum(oracle.probability(slot) for slot in range(4)) == 1
    counts = np.bincount(oracle.draw(30_000), minlength=4)
    assert counts[:2].sum() == 0
    assert chisquare(counts[2:], [10_000, 20_000]).pvalue > 1e-4
    assert oracle.probability(0) * 2**1000 > 0 == float(oracle.probability(0))


def test_the_sum_tree_draws_as_the_oracle_does_after_priorities_have_fallen_by_forty_decades(engine):
    rng = np.random.default_rng(0)
    index, leaves = ProportionalIndex(100, 0.6), np.zeros(100)
    for scale in np.logspace(30, -10, 400):
        slots = rng.permutation(100)[:30]
        priorities = scale * rng.exponential(size=30) + 1e-30
        index.set(slots, priorities)
        leaves[slots] = priorities**0.6
    assert np.ptp(np.log10(leaves)) > 2.0
    assert_same_law(index.find(rng.random(100_000)), oracle_of(leaves), 100)


def test_the_rank_index_draws_as_the_oracle_does():
    rng = np.random.default_rng(1)
    index, priorities = RankIndex(300, 0.9), np.zeros(300)
    for _ in range(100):
        slots = rng.permutation(300)[:40]
        priorities[slots] = 10.0 ** rng.integers(-3, 3, 40)  # many are equal
        index.set(slots, priorities[slots])
    oracle = ExponentBuckets(Random(1))
    for rank, slot in enumerate(sorted(range(300), key=lambda slot: (-priorities[slot], slot)), 1):
        oracle.set(slot, math.pow(rank, -0.9))
    assert_same_law(index.find(rng.random(100_000)), oracle, 300)
