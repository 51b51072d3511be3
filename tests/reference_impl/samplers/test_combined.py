import numpy as np
import pytest
from scipy.stats import chisquare

from experience_replay_optimizer import CombinedSampler

pytestmark = pytest.mark.usefixtures("engine")


def filled(capacity=50, rare=(), **options):
    sampler = CombinedSampler(capacity, **{"seed": 0, **options})
    sampler.add(np.arange(capacity))
    sampler.update(np.arange(capacity), np.linspace(0.1, 2.0, capacity))
    sampler.protect(np.asarray(rare, np.int64))
    return sampler


def oracle(capacity, rare, shares, batch, recent):
    leaves = (np.linspace(0.1, 2.0, capacity) + 1e-6) ** 0.6
    rare_share, recent_share = shares
    density = (batch - rare_share - recent_share) / batch * leaves / leaves.sum()
    density[recent] += recent_share / batch / len(recent)
    if rare_share:
        density[rare] += rare_share / batch / len(rare)
    return density


@pytest.mark.parametrize(
    ("batch", "rare", "shares"),
    [
        (1, [1, 45], (0, 0)),
        (2, [1, 45], (0, 0)),
        (5, [1, 45], (1, 1)),
        (32, [1, 45], (3, 6)),
        (32, [], (0, 6)),
        (100, [3], (2, 20)),
        (100, [1, 2, 3, 4, 45], (10, 20)),
    ],
)
@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
def test_weights_are_those_of_the_counts_drawn(batch, rare, shares, normalise):
    sampler = filled(rare=rare, normalise=normalise)
    density = oracle(50, rare, shares, batch, np.arange(40, 50))
    np.testing.assert_allclose(sampler.probabilities(np.arange(50), batch), density, rtol=1e-6)
    assert density.sum() == pytest.approx(1.0)
    slots, weights = sampler.sample(batch, beta=0.5)
    expected = (50 * density[slots]) ** -0.5
    divisor = {"batch": expected.max(), "buffer": ((50 * density) ** -0.5).max(), None: 1.0}[normalise]
    np.testing.assert_allclose(weights, expected / divisor, rtol=2e-6)


def test_draws_follow_the_mixture():
    sampler = filled(rare=[1, 45])
    slots = np.concatenate([sampler.sample(40)[0] for _ in range(10_000)])
    density = oracle(50, [1, 45], (4, 8), 40, np.arange(40, 50))
    assert chisquare(np.bincount(slots, minlength=50), density * slots.size).pvalue > 1e-4


def test_recent_means_newest_in_order_of_writing():
    sampler = filled(20, recent_fraction=1.0, rare_fraction=0.0, recent_size=0.15)
    for slot in (3, 18, 5, 3):
        sampler.add(slot)
    slots = np.concatenate([sampler.sample(1000)[0] for _ in range(2)])
    recent = np.bincount(slots, minlength=20)
    assert set(np.flatnonzero(recent > 500)) == {3, 5, 18}


def test_the_share_of_an_empty_stratum_is_drawn_by_priority():
    sampler = CombinedSampler(100, recent_fraction=0.0, seed=0)
    sampler.add(np.arange(100))
    assert sampler.probabilities(np.arange(100), 10).tolist() == pytest.approx([0.01] * 100)


def test_largest_weight_of_the_buffer_follows_every_stratum():
    rng = np.random.default_rng(5)
    sampler = CombinedSampler(40, normalise="buffer", beta=1.0, seed=1)
    slot = 0
    for step in range(300):
        sampler.add(slot, reward=float(rng.normal()) + 20.0 * (step % 23 == 0))
        slot = sampler.next_slot(slot)
        slots = np.flatnonzero(sampler.contains(np.arange(40)))
        some = rng.choice(slots, 5)
        sampler.update(some, rng.normal(size=5) * 10.0 ** rng.integers(-3, 3))
        drawn, weights = sampler.sample(16)
        density = sampler.probabilities(slots, 16)
        np.testing.assert_allclose(weights, density.min() / sampler.probabilities(drawn, 16), rtol=1e-6)


def test_weighted_means_are_unbiased_at_full_correction():
    values = np.linspace(-1.0, 1.0, 50) ** 3
    sampler = filled(rare=[1, 45], normalise=None)
    means = [np.mean(weights * values[slots]) for slots, weights in (sampler.sample(16, beta=1.0) for _ in range(4000))]
    assert abs(np.mean(means) - values.mean()) < 5 * np.std(means) / np.sqrt(len(means))


def test_clear_empties_the_recent_stratum():
    sampler = filled()
    sampler.clear()
    sampler.add(7)
    assert set(sampler.sample(64)[0].tolist()) == {7}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recent_fraction": 0.8, "rare_fraction": 0.3}, "together"),
        ({"recent_fraction": -0.1}, "recent_fraction"),
        ({"recent_size": 1.5}, "recent_size"),
    ],
)
def test_constructor_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        CombinedSampler(10, **options)
