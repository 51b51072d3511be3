import numpy as np
import pytest
from scipy.stats import chisquare

from experience_replay_optimizer.replay_buffer import ReplayBuffer
from experience_replay_optimizer.samplers.lap import LapSampler


def sampler_of(td_errors, **options):
    sampler = LapSampler(len(td_errors), **{"seed": 0, **options})
    sampler.add(np.arange(len(td_errors)))
    sampler.update(np.arange(len(td_errors)), td_errors)
    return sampler


@pytest.mark.parametrize("size", [7, 64, 1000])
@pytest.mark.parametrize("minimum", [1.0, 0.25])
def test_draws_follow_the_law(size, minimum):
    td_errors = np.random.default_rng(size).normal(size=size) * 3
    leaves = np.maximum(np.abs(td_errors), minimum) ** 0.4
    sampler = sampler_of(td_errors, minimum=minimum)
    np.testing.assert_allclose(sampler.probabilities(np.arange(size), 32), leaves / leaves.sum(), rtol=1e-6)
    slots, weights = sampler.sample(100_000)
    assert (weights == 1.0).all()
    counts = np.bincount(slots, minlength=size)
    assert chisquare(counts, leaves / leaves.sum() * slots.size).pvalue > 1e-4
    wrong = np.abs(td_errors) ** 0.4
    assert chisquare(counts, wrong / wrong.sum() * slots.size).pvalue < 1e-4


def test_arrays_lists_and_single_precision_have_the_same_priorities():
    errors = [0.25, -4.0, 0.0]
    for given in (errors, np.array(errors), np.array(errors, np.float32), np.array(errors)[:, None]):
        sampler = sampler_of([2.0, 2.0, 2.0], alpha=1.0)
        sampler.update(np.arange(3), given)
        np.testing.assert_allclose(sampler.probabilities(np.arange(3), 1), [1 / 6, 4 / 6, 1 / 6], rtol=1e-6)
        assert sampler.max_priority == 4.0


@pytest.mark.parametrize(("minimum", "first"), [(0.5, 1.0), (2.0, 2.0)])
def test_new_transitions_have_the_largest_priority(minimum, first):
    sampler = LapSampler(4, alpha=1.0, minimum=minimum)
    assert sampler.max_priority == first
    sampler.add([0, 1])
    sampler.update([0], [6.0])
    sampler.add(2)
    np.testing.assert_allclose(sampler.probabilities([0, 1, 2], 1), np.array([6, first, 6]) / (12 + first), rtol=1e-6)
    sampler.clear()
    assert sampler.max_priority == first


def test_beta_stays_0_unless_a_batch_asks_for_another():
    sampler = sampler_of([1.0, 8.0])
    assert (sampler.sample(16)[1] == 1.0).all()
    assert sampler.beta == 0.0
    assert (sampler.sample(16, beta=1.0)[1] < 1.0).any()
    assert (sampler.sample(16)[1] == 1.0).all()


def test_in_a_buffer_nothing_is_protected():
    buffer = ReplayBuffer(LapSampler(20, seed=0))
    for number in range(30):
        buffer.add(number, 0, 1e6 * (number == 15), number, False)
    batch, weights, indices = buffer.sample(16)
    buffer.update_priorities(indices, batch.states / 10.0)
    assert buffer.protected.size == 0
    assert weights.tolist() == [1.0] * 16
    assert buffer.max_priority == batch.states.max() / 10.0


@pytest.mark.parametrize("minimum", [0.0, -1.0, np.nan])
def test_refused_minima(minimum):
    with pytest.raises(ValueError, match="minimum"):
        LapSampler(4, minimum=minimum)
