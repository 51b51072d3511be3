import numpy as np
import pytest
from scipy.stats import chisquare

from experience_replay_optimizer.samplers.mixture import density, sample_mixture
from experience_replay_optimizer.samplers.proportional_index import ProportionalIndex
from experience_replay_optimizer.samplers.rank_index import RankIndex
from experience_replay_optimizer.samplers.slot_set import SlotSet

RARE, RECENT = [3, 17, 25], [26, 27, 28, 29]


def law(kind="proportional"):
    index = ProportionalIndex(30, 0.6) if kind == "proportional" else RankIndex(30, 0.7)
    index.set(np.arange(30), np.linspace(0.1, 3.0, 30))
    return index


def sets():
    made = (SlotSet(30, 5), SlotSet(30, 4))
    for one, members in zip(made, (RARE, RECENT), strict=True):
        for slot in [0, 1, *members]:  # the first ones leave or are removed: the ring does not start at 0
            one.add(slot)
        one.discard(0)
        one.discard(1)
    return made


def expected_density(by_priority, shares, batch):
    q = by_priority * (batch - sum(shares)) / batch
    for members, share in zip((RARE, RECENT), shares, strict=True):
        q[members] += share / batch / len(members)
    return q


@pytest.mark.parametrize("kind", ["proportional", "rank"])
@pytest.mark.parametrize("shares", [(0, 0), (4, 0), (0, 3), (4, 3), (6, 9)])
def test_the_density_of_the_mixture(kind, shares):
    index = law(kind)
    expected = expected_density(index.density(np.arange(30)), shares, 16)
    assert expected.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(density(index, np.arange(30), sets(), shares, 16), expected, rtol=1e-12)
    some = np.array([29, 3, 3, 10])
    np.testing.assert_allclose(density(index, some, sets(), shares, 16), expected[some], rtol=1e-12)


def draw(sample, shares, rng, normalise=None, beta=0.5, smallest=0.0):
    others = sum(shares)
    keys = rng.random(others) if others else None
    return sample(rng.random(16), keys, sets(), shares, 30, smallest, beta, normalise)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", ["proportional", "rank"])
@pytest.mark.parametrize("shares", [(0, 0), (4, 0), (4, 3), (6, 9)])
def test_draws_and_weights_follow_the_density(kind, shares):
    index, rng = law(kind), np.random.default_rng(5)
    expected = expected_density(index.density(np.arange(30)), shares, 16)
    counts, rare_rows = np.zeros(30), np.zeros(16)
    for _ in range(5000):
        slots, weights = draw(index.sample, shares, rng)
        np.testing.assert_allclose(weights, (30 * expected[slots]) ** -0.5, rtol=2e-6)
        assert np.isin(slots, RARE).sum() >= shares[0]
        assert np.isin(slots, RECENT).sum() >= shares[1]
        counts += np.bincount(slots, minlength=30)
        rare_rows += np.isin(slots, RARE)
    # The shares are fixed, so that counts vary less than those of independent draws: p-values are larger, not smaller.
    assert chisquare(counts, expected * counts.sum()).pvalue > 1e-4
    assert chisquare(rare_rows).pvalue > 1e-4  # every row of the batch is as good as any other


@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
@pytest.mark.parametrize("shares", [(0, 0), (4, 3)])
def test_both_engines_draw_the_same(normalise, shares, monkeypatch):
    pytest.importorskip("numba")
    results = []
    for engine in ("numpy", "numba"):
        monkeypatch.setenv("EXPERIENCE_REPLAY_KERNELS", engine)
        rng = np.random.default_rng(8)
        index = law()
        smallest = density(index, np.arange(30), sets(), shares, 16).min()
        results += [draw(index.sample, shares, rng, normalise, 0.7, smallest) for _ in range(50)]
    for (slots, weights), (other_slots, other_weights) in zip(results[:50], results[50:], strict=True):
        assert slots.tolist() == other_slots.tolist()
        np.testing.assert_allclose(weights, other_weights, rtol=2e-6)


class TwoSlots:
    """A law that leaves nothing to chance."""

    def __init__(self, share):
        self.share = share

    def find(self, points):
        return (points >= self.share).astype(np.int64)

    def density(self, slots):
        return np.where(slots == 0, self.share, 1.0 - self.share)


@pytest.mark.parametrize(
    ("normalise", "weights"), [(None, [2.0, 2 / 3]), ("batch", [1.0, 1 / 3]), ("buffer", [0.5, 1 / 6])]
)
def test_what_the_weights_are_divided_by(normalise, weights):
    points = np.array([0.1, 0.9])
    slots, drawn = sample_mixture(TwoSlots(0.25), points, None, (), (), 2, 0.125, 1.0, normalise)
    assert slots.tolist() == [0, 1]
    np.testing.assert_allclose(drawn, weights, rtol=1e-6)


def test_a_vanishing_probability_gives_the_largest_weight_there_is():
    slots, weights = sample_mixture(TwoSlots(1e-300), np.array([0.0]), None, (), (), 2, 0.0, 1.0, None)
    assert slots.tolist() == [0]
    assert weights.tolist() == [np.finfo(np.float32).max]
