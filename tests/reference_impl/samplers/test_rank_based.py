import numpy as np
import pytest
from scipy.stats import chisquare

from experience_replay_optimizer import RankBasedSampler, ReplayBuffer


def sampler_of(td_errors, rare=(), **options):
    td_errors = np.asarray(td_errors, float)
    sampler = RankBasedSampler(td_errors.size, **{"seed": 0, **options})
    sampler.add(np.arange(td_errors.size))
    sampler.update(np.arange(td_errors.size), td_errors)
    sampler.protect(np.asarray(rare, np.int64))
    return sampler


def law(td_errors, alpha):
    ranks = np.empty(len(td_errors))
    ranks[np.argsort(-np.asarray(td_errors))] = np.arange(1, len(td_errors) + 1)
    shares = ranks**-alpha
    return shares / shares.sum()


@pytest.mark.parametrize("draws", ["iid", "stratified"])
@pytest.mark.parametrize("rare", [[], [3, 7]])
def test_draws_and_weights_follow_the_true_ranks(draws, rare):
    td_errors = np.random.default_rng(1).permutation(np.logspace(-3, 3, 50))
    sampler = sampler_of(td_errors, rare, draws=draws, normalise=None)
    share = 4 if rare else 0
    expected = law(td_errors, 0.7) * (16 - share) / 16
    expected[rare] += share / 16 / max(len(rare), 1)
    np.testing.assert_allclose(sampler.probabilities(np.arange(50), 16), expected, rtol=1e-12)
    counts = np.zeros(50)
    for _ in range(3000):
        slots, weights = sampler.sample(16, beta=0.5)
        np.testing.assert_allclose(weights, (50 * expected[slots]) ** -0.5, rtol=1e-6)
        counts += np.bincount(slots, minlength=50)
    # Stratified draws vary less than independent ones: their p-values are larger, not smaller.
    assert chisquare(counts, expected * counts.sum()).pvalue > 1e-4


def test_ranks_do_not_see_how_far_apart_td_errors_are():
    near, far = sampler_of([1.0, 2.0, 3.0]), sampler_of([1.0, 2.0, 3e20])
    assert near.probabilities([0, 1, 2], 8).tolist() == far.probabilities([0, 1, 2], 8).tolist()


def test_weights_by_the_least_probable_of_the_buffer():
    sampler = sampler_of([1.0, 5.0, 2.0, 4.0], rare_fraction=0, normalise="buffer")
    slots, weights = sampler.sample(200, beta=1.0)
    expected = law([1.0, 5.0, 2.0, 4.0], 0.7)
    np.testing.assert_allclose(weights, expected.min() / expected[slots], rtol=1e-6)
    with pytest.raises(ValueError, match="rare_fraction=0"):
        RankBasedSampler(4, normalise="buffer")


def test_behind_a_buffer(tmp_path):
    buffer = ReplayBuffer(RankBasedSampler(10, seed=0, rare_fraction=0))
    for step in range(25):
        buffer.add(step, 0, 0.0, step + 1, False)
    batch, _, indices = buffer.sample(4)
    buffer.update_priorities(indices, batch.states)
    buffer.save(tmp_path / "buffer")
    other = ReplayBuffer(RankBasedSampler(10, seed=1, rare_fraction=0))
    other.load(tmp_path / "buffer")
    assert other.sample(8).indices.tolist() == buffer.sample(8).indices.tolist()
