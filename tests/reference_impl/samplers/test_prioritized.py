import warnings

import numpy as np
import pytest
from scipy.stats import chisquare

from experience_replay_optimizer import LinearSchedule, PrioritizedSampler

pytestmark = pytest.mark.usefixtures("engine")


def sampler_of(td_errors, rare=(), **options):
    td_errors = np.asarray(td_errors, float)
    sampler = PrioritizedSampler(td_errors.size, **{"seed": 0, **options})
    sampler.add(np.arange(td_errors.size))
    sampler.update(np.arange(td_errors.size), td_errors)
    sampler.protect(np.asarray(rare, np.int64))
    return sampler


def oracle_density(priorities, alpha, rare, share, batch):
    leaves = np.asarray(priorities) ** alpha
    density = (batch - share) / batch * leaves / leaves.sum()
    if share:
        density[rare] += share / batch / len(rare)
    return density


def pooled_p_value(slots, density):
    counts, expected = np.bincount(slots, minlength=density.size), density * slots.size
    order = np.argsort(expected)
    counts, expected = counts[order], expected[order]
    # Bins of expected count >= 5: neighbours in order of expectation are joined.
    bins = np.floor(np.cumsum(expected) / 5.0).astype(int)
    bins[bins == bins[-1]] = max(bins[-1] - 1, 0)
    counts, expected = np.bincount(bins, counts), np.bincount(bins, expected)
    filled = expected > 0
    return chisquare(counts[filled], expected[filled] * counts.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("size", [7, 64, 1000, 100_000])
@pytest.mark.parametrize("rare_fraction", [0.0, 0.25])
def test_draws_follow_the_law(size, rare_fraction):
    td_errors = np.logspace(-1, 0, size)[np.random.default_rng(size).permutation(size)]
    rare = np.arange(size)[:: max(size // 10, 1)][:3] if rare_fraction else []
    sampler = sampler_of(td_errors, rare, rare_fraction=rare_fraction, rare_quota=0.5)
    batch = 400
    slots = np.concatenate([sampler.sample(batch)[0] for _ in range(1000)])
    share = min(int(rare_fraction * batch), 2 * len(rare))
    density = oracle_density(td_errors + 1e-6, 0.6, rare, share, batch)
    assert pooled_p_value(slots, density) > 1e-4
    if not rare_fraction and size >= 64:
        wrong = oracle_density(td_errors + 1e-6, 0.36, rare, share, batch)
        assert pooled_p_value(slots, wrong) < 1e-4 or size == 100_000


@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
@pytest.mark.parametrize("rare", [[], [2], [0, 5, 9]])
def test_weights_agree_with_brute_force(normalise, rare):
    td_errors = np.linspace(0.1, 2.0, 40)
    sampler = sampler_of(td_errors, rare, normalise=normalise, beta=0.7, alpha=0.8)
    sampler.unprotect([3])
    for batch in (1, 5, 32, 100):
        share = min(batch // 4, 2 * len(rare))
        density = oracle_density(td_errors + 1e-6, 0.8, rare, share, batch)
        slots, weights = sampler.sample(batch, beta=0.7)
        expected = (40 * density[slots]) ** -0.7
        divisor = {"batch": expected.max(), "buffer": ((40 * density) ** -0.7).max(), None: 1.0}[normalise]
        np.testing.assert_allclose(weights, expected / divisor, rtol=2e-6)
        np.testing.assert_allclose(sampler.probabilities(np.arange(40), batch), density, rtol=1e-6)


def test_the_largest_weight_of_the_buffer_follows_updates_protection_and_overwriting():
    rng = np.random.default_rng(5)
    sampler = PrioritizedSampler(50, normalise="buffer", beta=1.0, seed=1)
    for step in range(400):
        sampler.add(int(rng.integers(50)), reward=float(rng.normal()) + 20.0 * (step % 37 == 0))
        slots = np.flatnonzero(sampler.contains(np.arange(50)))
        some = rng.choice(slots, 5)
        sampler.update(some, rng.normal(size=5) * 10.0 ** rng.integers(-3, 3))
        if step % 5 == 0:
            sampler.unprotect(some[:1])
            sampler.protect(some[1:2])
        drawn, weights = sampler.sample(16)
        density = sampler.probabilities(slots, 16)
        np.testing.assert_allclose(weights, density.min() / sampler.probabilities(drawn, 16), rtol=1e-6)


def test_the_largest_weight_of_the_buffer_follows_events_found_after_burn_in():
    sampler = PrioritizedSampler(100, normalise="buffer", seed=1)
    for slot in range(20):
        sampler.add(slot, reward=10.0 * (slot == 3))
    assert sampler.protected.tolist() == [3]
    # Slot 3 now has the least priority, but its share makes it the most probable.
    sampler.update(np.r_[0:3, 4:20], np.full(19, 9.0))
    drawn, weights = sampler.sample(16, beta=1.0)
    density = sampler.probabilities(np.arange(20), 16)
    np.testing.assert_allclose(weights, density.min() / density[drawn], rtol=1e-6)


def test_weighted_means_are_unbiased_at_full_correction():
    values = np.linspace(-1.0, 1.0, 30) ** 3
    sampler = sampler_of(np.linspace(0.1, 3.0, 30), [28, 29], normalise=None)
    means = []
    for _ in range(4000):
        slots, weights = sampler.sample(16, beta=1.0)
        means.append(np.mean(weights * values[slots]))
    error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means) - values.mean()) < 5 * error


def test_textbook_weights_without_a_rare_share():
    sampler = sampler_of([1.0, 3.0], rare_fraction=0, alpha=1.0, normalise=None, epsilon=1e-12)
    slots, weights = sampler.sample(64, beta=1.0)
    np.testing.assert_allclose(weights, np.where(slots == 0, 2.0, 2 / 3), rtol=1e-6)


def test_priorities_are_dynamic_and_new_slots_get_the_maximum():
    sampler = PrioritizedSampler(4, rare_fraction=0, alpha=1.0, seed=0)
    sampler.add([0, 1])
    sampler.update([0], [-7.0])
    assert sampler.max_priority == 7.0 + 1e-6
    sampler.add(2)
    np.testing.assert_allclose(sampler.probabilities([0, 1, 2, 3], 8), np.array([7, 1, 7, 0]) / 15, atol=1e-6)
    sampler.update([0, 2], [0.0, 0.0])
    assert (sampler.sample(1000)[0] == 1).mean() > 0.99
    assert sampler.max_priority == 7.0 + 1e-6


def test_zero_td_errors_can_still_be_drawn():
    sampler = sampler_of(np.zeros(5), rare_fraction=0)
    assert set(sampler.sample(200)[0].tolist()) == set(range(5))


def test_the_last_of_equal_slots_counts():
    sampler = sampler_of([1.0, 1.0], alpha=1.0, rare_fraction=0)
    sampler.update([0, 0], [5.0, 3.0])
    assert sampler.probabilities([0], 1)[0] == pytest.approx(0.75, abs=1e-6)


def test_rare_rewards_are_found_protected_and_skipped():
    sampler = PrioritizedSampler(100, seed=0)
    slot = 0
    for step in range(80):
        sampler.add(slot, reward=100.0 if step == 50 else float(step % 2))
        slot = sampler.next_slot(slot)
    assert sampler.protected.tolist() == [50]
    assert sampler.next_slot(49) == 51
    assert sampler.next_slot(99) == 0
    sampler.unprotect(50)
    assert sampler.next_slot(49) == 50


def test_batches_of_slots_are_the_same_as_single_ones():
    rewards = np.random.default_rng(0).standard_t(2, size=300)
    rewards[[200, 250]] = 1000.0
    one, many = PrioritizedSampler(128, seed=4), PrioritizedSampler(128, seed=4)
    slots = np.arange(300) % 128
    for slot, reward in zip(slots, rewards, strict=True):
        one.add(slot, reward=reward)
    many.add(slots, reward=rewards[:, None])
    assert len(one) == len(many) == 128
    assert one.protected.tolist() == many.protected.tolist() != []
    for left, right in zip(one.sample(32), many.sample(32), strict=True):
        assert left.tolist() == right.tolist()


def test_overwriting_ends_a_protection():
    sampler = PrioritizedSampler(20, seed=0)
    sampler.add(3, rare=True)
    assert sampler.protected.tolist() == [3]
    sampler.add(3, rare=False)
    assert sampler.protected.tolist() == []


def test_the_quota_holds_and_the_oldest_protection_ends_first():
    sampler = PrioritizedSampler(30, seed=0)
    sampler.add(np.arange(30), rare=np.arange(30) % 5 == 0)
    assert sampler.protected.tolist() == [15, 20, 25]
    sampler.protect([1])
    assert sampler.protected.tolist() == [20, 25, 1]


def test_small_buffers_always_have_a_slot_to_write():
    for capacity in (1, 2, 3):
        sampler = PrioritizedSampler(capacity, rare_quota=1.0)
        sampler.add(np.arange(capacity), rare=True)
        assert len(sampler.protected) == capacity - 1
        assert sampler.next_slot(0) not in sampler.protected


def test_without_a_rare_share_nothing_is_protected_unasked():
    sampler = PrioritizedSampler(100, rare_fraction=0, seed=0)
    sampler.add(np.arange(50), reward=np.r_[np.zeros(49), 1e6], rare=True)
    assert sampler.protected.size == 0
    sampler.protect(3)
    assert sampler.next_slot(2) == 4


def test_is_rare_replaces_the_test():
    sampler = PrioritizedSampler(100, is_rare=lambda reward: reward < 0, seed=0)
    sampler.add(np.arange(40), reward=np.r_[-1.0, np.zeros(38), 1e6])
    assert sampler.protected.tolist() == [0]


@pytest.mark.parametrize("batch", [1, 3, 4, 8, 100])
def test_the_rare_share_is_reserved_and_bounded(batch):
    sampler = sampler_of(np.full(1000, 1.0), [7, 8])
    sampler.update([7, 8], [0.0, 0.0])
    for _ in range(20):
        drawn = np.isin(sampler.sample(batch)[0], [7, 8]).sum()
        assert min(batch // 4, 4) <= drawn <= min(batch // 4, 4) + 2


def test_a_whole_batch_of_rare_events_leaves_one_row_by_priority():
    sampler = sampler_of(np.ones(20), [0, 1], rare_fraction=1.0, normalise="buffer")
    slots, weights = sampler.sample(4)
    assert np.isin(slots, [0, 1]).sum() >= 3
    assert (weights > 0).all()


def test_rows_come_in_random_order():
    sampler = sampler_of(np.ones(1000), [0])
    last = np.array([sampler.sample(8)[0] == 0 for _ in range(400)])
    assert last[:, 0].any()
    assert not last[:, -1].all()


def test_beta_moves_on_with_each_sample():
    sampler = sampler_of(np.ones(10), beta=0.4, beta_increment=0.25)
    seen = []
    for _ in range(4):
        seen.append(sampler.beta)
        sampler.sample(2)
    assert seen == [0.4, 0.65, 0.9, 1.0]
    sampler.beta = 0.5
    sampler.sample(2, beta=1.0)
    assert sampler.beta == 0.5
    scheduled = sampler_of(np.ones(10), beta=LinearSchedule(0.4, 1.0, 3), beta_increment=5.0)
    scheduled.sample(2)
    assert scheduled.beta == pytest.approx(0.6)
    assert sampler_of(np.ones(10), beta=lambda: 0.8).beta == 0.8


def test_equal_seeds_draw_equally():
    results = []
    for source in ({"seed": 7}, {"seed": 7}, {"seed": None, "rng": np.random.default_rng(7)}, {"seed": 8}):
        sampler = sampler_of(np.linspace(0, 1, 50), [1, 2], **source)
        results.append([sampler.sample(16)[0].tolist() for _ in range(3)])
    assert results[0] == results[1] == results[2] != results[3]


def test_results_are_the_callers_own():
    sampler = sampler_of(np.ones(10))
    slots, weights = sampler.sample(5)
    kept = slots.copy(), weights.copy()
    sampler.sample(5)
    assert (slots == kept[0]).all()
    assert (weights == kept[1]).all()
    slots[:] = 99
    weights[:] = np.nan
    sampler.sample(5)
    assert weights.dtype == np.float32
    assert slots.dtype == np.int64


def test_clear_forgets_everything_but_the_schedule():
    sampler = sampler_of(np.full(10, 50.0), [1], beta=0.4, normalise="buffer")
    sampler.sample(2)
    sampler.clear()
    assert len(sampler) == 0
    assert sampler.protected.size == 0
    assert sampler.max_priority == 1.0
    assert sampler.beta == pytest.approx(0.401)
    with pytest.raises(ValueError, match="no transition"):
        sampler.sample(1)
    sampler.add(3)
    assert sampler.sample(4)[1].tolist() == [1.0] * 4


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e9, 1e30])
def test_extreme_td_errors_give_finite_weights_without_warnings(scale):
    for normalise in ("batch", "buffer", None):
        sampler = sampler_of([scale, 1.0, 1e-20], normalise=normalise, alpha=1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(20):
                weights = sampler.sample(3, beta=1.0)[1]
                assert np.isfinite(weights).all()
                assert (weights >= 0).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 70000.0}, TypeError, r"int\(capacity\)"),
        ({"capacity": True}, TypeError, "int"),
        ({"capacity": "9"}, TypeError, "int"),
        ({"capacity": 0}, ValueError, "at least 1"),
        ({"alpha": -0.1}, ValueError, "alpha"),
        ({"alpha": float("nan")}, ValueError, "alpha"),
        ({"alpha": 60.0}, ValueError, "alpha"),
        ({"alpha": None}, TypeError, "alpha"),
        ({"beta": 1.5}, ValueError, "beta"),
        ({"beta": LinearSchedule(2.0, 3.0, 5)}, ValueError, "beta"),
        ({"beta_increment": -1.0}, ValueError, "beta_increment"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be positive"),
        ({"epsilon": -1.0}, ValueError, "epsilon"),
        ({"rare_fraction": 1.1}, ValueError, "rare_fraction"),
        ({"rare_quota": -0.1}, ValueError, "rare_quota"),
        ({"is_rare": 3}, TypeError, "is_rare"),
        ({"normalise": "max"}, ValueError, "normalise"),
        ({"seed": 1, "rng": np.random.default_rng()}, ValueError, "not both"),
        ({"rng": 5}, TypeError, "Generator"),
    ],
)
def test_constructor_refuses(options, error, message):
    with pytest.raises(error, match=message):
        PrioritizedSampler(**{"capacity": 10, **options})


REFUSED = [
    (lambda s: s.add(10), ValueError, "out of range"),
    (lambda s: s.add(-1), ValueError, "negative"),
    (lambda s: s.add(1.0), TypeError, "integers"),
    (lambda s: s.add(True), TypeError, "integers"),
    (lambda s: s.add([[1, 2]]), ValueError, "shape"),
    (lambda s: s.add(9, reward=float("nan")), ValueError, "not finite"),
    (lambda s: s.add(9, reward=float("inf")), ValueError, "not finite"),
    (lambda s: s.add([8, 9], reward=[1.0]), ValueError, "1 values, expected 2"),
    (lambda s: s.add(9, reward="high"), TypeError, "real numbers"),
    (lambda s: s.add([8, 9], rare=[True, False, True]), ValueError, "rare has 3"),
    (lambda s: s.update([0, 1], [1.0]), ValueError, "1 values, expected 2"),
    (lambda s: s.update([0, 1], np.ones((2, 3))), ValueError, "shape"),
    (lambda s: s.update(np.arange(6), np.ones((2, 3))), ValueError, "shape"),
    (lambda s: s.update([0, 1], [1.0, float("nan")]), ValueError, "not finite"),
    (lambda s: s.update([0, 1], [1.0, float("inf")]), ValueError, "not finite"),
    (lambda s: s.update([0, 1], [1.0, 1e300]), ValueError, "diverged"),
    (lambda s: s.update([0, 9], [1.0, 1.0]), ValueError, "slot 9 holds no transition"),
    (lambda s: s.update([0, 10], [1.0, 1.0]), ValueError, "out of range"),
    (lambda s: s.update([0, -1], [1.0, 1.0]), ValueError, "negative"),
    (lambda s: s.update([0.0, 1.0], [1.0, 1.0]), TypeError, "integers"),
    (lambda s: s.update(np.array([2**64 - 1], np.uint64), [1.0]), ValueError, "out of range"),
    (lambda s: s.protect([0, 9]), ValueError, "holds no transition"),
    (lambda s: s.next_slot(10), ValueError, "out of range"),
    (lambda s: s.next_slot(1.0), TypeError, "integer"),
    (lambda s: s.sample(0), ValueError, "at least 1"),
    (lambda s: s.sample(2.0), TypeError, r"int\(batch_size\)"),
    (lambda s: s.sample(2, beta=2.0), ValueError, "beta"),
]


@pytest.mark.parametrize("normalise", ["batch", "buffer"])
@pytest.mark.parametrize(("act", "error", "message"), REFUSED)
def test_a_refused_call_changes_nothing(act, error, message, normalise):
    def fresh():
        sampler = PrioritizedSampler(10, seed=3, normalise=normalise)
        sampler.add(np.arange(8), reward=np.arange(8.0))
        sampler.update(np.arange(8), np.linspace(-1, 1, 8))
        sampler.protect([2])
        return sampler

    touched, untouched = fresh(), fresh()
    with pytest.raises(error, match=message):
        act(touched)
    assert len(touched) == len(untouched)
    assert touched.beta == untouched.beta
    assert touched.max_priority == untouched.max_priority
    assert touched.protected.tolist() == untouched.protected.tolist()
    everything = np.arange(10)
    assert touched.probabilities(everything, 8).tolist() == untouched.probabilities(everything, 8).tolist()
    for left, right in zip(touched.sample(8), untouched.sample(8), strict=True):
        assert left.tolist() == right.tolist()


def test_an_empty_update_is_no_update():
    sampler = sampler_of(np.ones(3))
    sampler.update([], [])
    assert sampler.max_priority == 1.0 + 1e-6
