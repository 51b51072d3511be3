import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from experience_replay_optimizer import LinearSchedule, PrioritizedSampler

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from experience_replay_optimizer.samplers import device as module  # noqa: E402
from experience_replay_optimizer.samplers.device import DevicePrioritizedSampler  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def sampler_of(td_errors, **options):
    td_errors = torch.as_tensor(np.asarray(td_errors, float))
    sampler = DevicePrioritizedSampler(td_errors.shape[0], **{"seed": 0, **options})
    sampler.add(torch.arange(td_errors.shape[0]))
    sampler.update(torch.arange(td_errors.shape[0]), td_errors)
    return sampler


def p_value(slots, density):
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
def test_draws_follow_the_law(size, device):
    td_errors = np.logspace(-1, 0, size)[np.random.default_rng(size).permutation(size)]
    sampler = sampler_of(td_errors, device=device)
    slots = torch.cat([sampler.sample(4000)[0] for _ in range(100)]).cpu().numpy()
    leaves = (td_errors + 1e-6) ** 0.6
    assert p_value(slots, leaves / leaves.sum()) > 1e-4
    if size in (64, 1000):
        wrong = (td_errors + 1e-6) ** 0.36
        assert p_value(slots, wrong / wrong.sum()) < 1e-4


def test_draws_follow_the_law_where_most_slots_are_empty_and_priorities_span_decades(device):
    sampler = DevicePrioritizedSampler(5000, alpha=1.0, device=device, seed=1)
    slots = torch.tensor([3, 127, 128, 700, 2999, 4999])
    errors = torch.tensor([1e-4, 5.0, 1.0, 1e-2, 2.0, 0.5], dtype=torch.float64)
    sampler.add(slots)
    sampler.update(slots, errors)
    drawn = torch.cat([sampler.sample(4000)[0] for _ in range(100)]).cpu().numpy()
    density = np.zeros(5000)
    density[slots] = errors + 1e-6
    density /= density.sum()
    assert set(drawn.tolist()) <= set(slots.tolist())
    used = density > 0
    counts = np.bincount(drawn, minlength=5000)
    assert chisquare(counts[used], density[used] * drawn.size).pvalue > 1e-4


@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
def test_weights_agree_with_brute_force(normalise, device):
    td_errors = np.linspace(0.1, 2.0, 300)
    sampler = sampler_of(td_errors, normalise=normalise, alpha=0.8, device=device)
    leaves = (td_errors + 1e-6) ** 0.8
    density = leaves / leaves.sum()
    for batch in (1, 5, 32, 1000):
        slots, weights = sampler.sample(batch, beta=0.7)
        assert slots.dtype == torch.int64
        assert weights.dtype == torch.float32
        assert slots.device == weights.device == sampler.device
        expected = (300 * density[slots.cpu()]) ** -0.7
        divisor = {"batch": expected.max(), "buffer": ((300 * density) ** -0.7).max(), None: 1.0}[normalise]
        np.testing.assert_allclose(weights.cpu().numpy(), expected / divisor, rtol=1e-6)
        np.testing.assert_allclose(sampler.probabilities(np.arange(300), batch).cpu().numpy(), density, rtol=1e-12)


def test_stratified_draws_take_one_row_from_each_segment(device):
    td_errors = np.linspace(0.1, 3.0, 1000)
    sampler = sampler_of(td_errors, alpha=1.0, draws="stratified", device=device)
    cumulative = np.cumsum(td_errors + 1e-6)
    slots = [sampler.sample(64)[0].cpu().numpy() for _ in range(2000)]
    for drawn in slots[:50]:
        ends = cumulative[drawn] / cumulative[-1] * 64
        starts = ends - (td_errors[drawn] + 1e-6) / cumulative[-1] * 64
        assert (starts < np.arange(1, 65)).all()
        assert (ends > np.arange(64)).all()
    counts, density = np.bincount(np.concatenate(slots)), np.diff(cumulative, prepend=0.0) / cumulative[-1]
    np.testing.assert_allclose(counts, density * 128_000, atol=6 * np.sqrt(density.max() * 128_000))


def test_weighted_means_are_unbiased_at_full_correction():
    values = np.linspace(-1.0, 1.0, 30) ** 3
    sampler = sampler_of(np.linspace(0.1, 3.0, 30), normalise=None)
    slots, weights = sampler.sample(60_000, beta=1.0)
    means = (weights.numpy() * values[slots]).reshape(-1, 16).mean(axis=1)
    assert abs(means.mean() - values.mean()) < 5 * means.std() / np.sqrt(means.size)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 299), min_size=0, max_size=6)),
        st.tuples(st.just("update"), st.lists(st.tuples(st.integers(0, 299), st.floats(-1e3, 1e3)), max_size=6)),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=12,
)


@given(steps, st.sampled_from(["batch", "buffer", None]))
@settings(deadline=None, max_examples=60)
def test_the_sampler_agrees_with_the_one_in_numpy(steps, normalise):
    ours = DevicePrioritizedSampler(300, 0.7, 0.5, normalise=normalise, seed=0)
    theirs = PrioritizedSampler(300, 0.7, 0.5, normalise=normalise, rare_fraction=0, seed=0)
    for kind, values in steps:
        for sampler in (ours, theirs):
            if kind == "clear":
                sampler.clear()
            elif kind == "add":
                sampler.add(np.array(values, np.int64))
            else:
                stored = [pair for pair in values if bool(sampler.contains([pair[0]])[0])]
                slots = np.array([slot for slot, _ in stored], np.int64)
                sampler.update(slots, np.array([error for _, error in stored]))
        assert len(ours) == len(theirs)
        assert ours.max_priority == pytest.approx(theirs.max_priority)
        np.testing.assert_allclose(
            ours.probabilities(np.arange(300)).numpy(), theirs.probabilities(np.arange(300), 1), rtol=1e-6
        )
    if len(ours):
        slots, weights = ours.sample(8, beta=0.5)
        density = theirs.probabilities(np.arange(300), 8)
        expected = (len(ours) * density[slots]) ** -0.5
        everywhere = (len(ours) * density[density > 0]) ** -0.5
        divisor = {"batch": expected.max(), "buffer": everywhere.max(), None: 1.0}[normalise]
        np.testing.assert_allclose(weights.numpy(), expected / divisor, rtol=1e-5)


def test_sums_do_not_drift_as_priorities_fall_over_decades(device):
    sampler = sampler_of(np.ones(1000), alpha=1.0, device=device)
    rng = np.random.default_rng(0)
    for decade in range(0, -60, -1):
        for _ in range(20):
            sampler.update(rng.integers(0, 1000, 256), torch.rand(256, dtype=torch.float64) * 10.0 ** (decade / 10))
    exact = sampler._leaves.sum(1)
    torch.testing.assert_close(sampler._sums, exact, rtol=1e-15, atol=0.0)


def test_the_last_of_equal_slots_counts(device):
    sampler = sampler_of([1.0, 1.0, 1.0], alpha=1.0, epsilon=1e-12, device=device)
    sampler.update(torch.tensor([0, 1, 0, 0, 1]), torch.tensor([9.0, 8.0, 7.0, 3.0, 5.0]))
    np.testing.assert_allclose(sampler.probabilities([0, 1, 2]).cpu().numpy(), np.array([3, 5, 1]) / 9, rtol=1e-9)
    assert sampler.max_priority == pytest.approx(9.0)


def test_slots_are_counted_once(device):
    sampler = DevicePrioritizedSampler(10, device=device)
    sampler.add(torch.tensor([1, 1, 2]))
    sampler.add(2)
    sampler.add([3, 1])
    assert len(sampler) == 3
    assert sampler.contains([0, 1, 2, 3]).tolist() == [False, True, True, True]


def test_new_slots_get_the_maximum_priority(device):
    sampler = DevicePrioritizedSampler(4, alpha=1.0, device=device)
    sampler.add([0, 1])
    sampler.update([0], [-7.0])
    sampler.add(2)
    np.testing.assert_allclose(
        sampler.probabilities([0, 1, 2, 3]).cpu().numpy(), np.array([7, 1, 7, 0]) / 15, atol=1e-6
    )
    sampler.update([0, 2], [0.0, 0.0])
    assert (sampler.sample(1000)[0] == 1).float().mean() > 0.99


def test_zero_td_errors_can_still_be_drawn():
    assert set(sampler_of(np.zeros(5)).sample(200)[0].tolist()) == set(range(5))


def test_rows_left_out_change_nothing(device):
    sampler = sampler_of([1.0, 1.0], alpha=1.0, epsilon=1e-12, device=device)
    where = torch.tensor([True, False, False], device=device)
    sampler.update(torch.tensor([0, 0, 1]), torch.tensor([3.0, 9.0, torch.nan]), where=where)
    np.testing.assert_allclose(sampler.probabilities([0, 1]).cpu().numpy(), [0.75, 0.25], rtol=1e-9)
    assert sampler.max_priority == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("slots", "errors", "error", "message"),
    [
        (torch.tensor([0, 4]), [1.0, 1.0], ValueError, "out of range: 4, and the capacity is 4"),
        (torch.tensor([-1, 0]), [1.0, 1.0], ValueError, "out of range: -1"),
        (np.array([0, 4]), [1.0, 1.0], ValueError, "out of range: 4"),
        (torch.tensor([0, 3]), [1.0, 1.0], ValueError, "slot 3 holds no transition"),
        (torch.tensor([0, 1]), torch.tensor([1.0, torch.nan]), ValueError, "not finite"),
        (torch.tensor([0, 1]), [1.0, np.inf], ValueError, "not finite"),
        (torch.tensor([0, 1]), torch.tensor([1.0, 1e300], dtype=torch.float64), ValueError, "diverged"),
        (torch.tensor([0, 1]), torch.ones(3), ValueError, "3 values, expected 2"),
        (torch.tensor([0, 1]), torch.ones(2, 2), ValueError, r"shape \(B,\) or \(B, 1\)"),
        (torch.tensor([0, 1]), torch.ones(2, dtype=torch.complex64), TypeError, "real"),
        (torch.tensor([0.0, 1.0]), [1.0, 1.0], TypeError, "integers"),
        (torch.tensor([True, True]), [1.0, 1.0], TypeError, "integers"),
        (torch.zeros(2, 2, dtype=torch.int64), [1.0, 1.0], ValueError, "shape"),
    ],
)
def test_refused_updates_change_nothing(slots, errors, error, message, device):
    sampler = DevicePrioritizedSampler(4, device=device)
    sampler.add([0, 1, 2])
    before = sampler.probabilities(np.arange(4)).tolist(), sampler.max_priority
    with pytest.raises(error, match=message):
        sampler.update(slots, errors)
    assert (sampler.probabilities(np.arange(4)).tolist(), sampler.max_priority) == before


def test_nan_is_refused_at_alpha_0_too():
    with pytest.raises(ValueError, match="not finite"):
        sampler_of([1.0, 2.0], alpha=0.0).update(torch.tensor([0]), torch.tensor([torch.nan]))


def test_without_checks_what_would_be_refused_is_left_out_and_counted(device):
    sampler = sampler_of([1.0, 1.0, 1.0, 1.0], alpha=1.0, epsilon=1e-12, device=device, normalise="buffer")
    sampler.check = False
    slots = torch.tensor([0, 1, 0, 99, -5, 2])
    sampler.update(slots, torch.tensor([4.0, torch.nan, torch.inf, 7.0, 7.0, 2.0]))
    np.testing.assert_allclose(
        sampler.probabilities(np.arange(4)).cpu().numpy(), np.array([4, 1, 2, 1]) / 8.0, rtol=1e-9
    )
    assert sampler.dropped == 4
    assert sampler.max_priority == pytest.approx(4.0)
    sampler.add(torch.tensor([4, 0]))
    assert sampler.dropped == 5
    assert sampler.contains(torch.tensor([4, 0])).tolist() == [False, True]
    assert sampler.probabilities(torch.tensor([-1])).tolist() == [0.0]


def test_a_sampler_whose_only_slot_was_left_out_still_draws_a_slot_in_range():
    sampler = DevicePrioritizedSampler(4)
    sampler.check = False
    sampler.add(torch.tensor([7]))
    assert len(sampler) == 0
    assert (sampler.sample(5)[0] < 128).all()


@pytest.mark.parametrize("slot", [torch.tensor([4]), 4, -1, torch.tensor([-1])])
def test_slots_out_of_range_are_not_added(slot):
    sampler = DevicePrioritizedSampler(4)
    with pytest.raises(ValueError, match=r"slot (is out of range|must not be negative)"):
        sampler.add(slot)
    assert len(sampler) == 0
    with pytest.raises(ValueError, match="out of range"):
        sampler.contains(torch.tensor([4]))


def test_an_empty_sampler():
    sampler = DevicePrioritizedSampler(4)
    with pytest.raises(ValueError, match="nothing to sample"):
        sampler.sample(1)
    assert sampler.probabilities([0]).tolist() == [0.0]
    sampler.add([])
    sampler.update([], [])
    with pytest.raises(ValueError, match="nothing to sample"):
        sampler.sample(1)


def test_clear_forgets_everything_but_the_schedule():
    sampler = sampler_of(np.full(10, 50.0), beta=0.4, normalise="buffer")
    sampler.sample(2)
    sampler.clear()
    assert len(sampler) == 0
    assert sampler.max_priority == 1.0
    assert sampler.beta == pytest.approx(0.401)
    with pytest.raises(ValueError, match="nothing to sample"):
        sampler.sample(1)
    sampler.add(3)
    slots, weights = sampler.sample(4)
    assert slots.tolist() == [3] * 4
    assert weights.tolist() == [1.0] * 4


def test_beta_moves_on_with_each_sample():
    sampler = sampler_of(np.ones(4), beta=LinearSchedule(0.4, 1.0, 3))
    sampler.sample(2)
    assert sampler.beta == pytest.approx(0.6)
    sampler.sample(2, beta=0.0)
    assert sampler.beta == pytest.approx(0.6)
    sampler.beta = 0.9
    assert sampler.beta == 0.9


def test_equal_seeds_draw_equally(device):
    draws = []
    for source in (
        {"seed": 7},
        {"seed": 7},
        {"seed": None, "rng": torch.Generator(device).manual_seed(7)},
        {"seed": 8},
    ):
        sampler = sampler_of(np.linspace(0, 1, 50), device=device, **source)
        draws.append([sampler.sample(16)[0].tolist() for _ in range(3)])
    assert draws[0] == draws[1] == draws[2] != draws[3]
    other = [sampler_of(np.ones(50), seed=None).sample(64)[0].tolist() for _ in range(2)]
    assert other[0] != other[1]


def test_no_gradient_reaches_the_priorities():
    sampler = sampler_of([1.0, 2.0])
    sampler.update(torch.tensor([0]), torch.ones(1, 1, requires_grad=True))
    assert not sampler.sample(3)[1].requires_grad


def test_running_sums_never_step_at_an_empty_place():
    masses = torch.tensor([0.0, 0.1, 0.0, 0.2, 0.3, 0.0], dtype=torch.float64)
    assert module._running_sums(masses).tolist() == pytest.approx([0.0, 0.1, 0.1, 0.3, 0.6, 0.6])
    points = torch.tensor([0.0, 0.05, 0.1, 0.31, 0.6, 7.0], dtype=torch.float64)
    assert module._find(module._running_sums(masses), points).tolist() == [1, 1, 3, 4, 4, 4]


class NoWaiting(TorchDispatchMode):
    """Refuses operations whose result must be known on the host: on CUDA they would wait for the device."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation._schema.name
        masks = args[1] if name in ("aten::index", "aten::index_put_") else ()
        if name in ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique_dim") or any(
            mask is not None and mask.dtype == torch.bool for mask in masks
        ):
            raise AssertionError(f"{name} waits for the device")
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
@pytest.mark.parametrize("draws", ["iid", "stratified"])
def test_nothing_waits_for_the_device(device, normalise, draws):
    sampler = sampler_of(np.ones(1000), device=device, normalise=normalise, draws=draws)
    errors, slots = torch.rand(32, device=device), torch.arange(32, device=device)
    for check in (False, True):
        sampler.check = check
        with NoWaiting():
            sampler.enter(slots)
            drawn, _ = sampler.sample(32)
            if check:
                with pytest.raises(AssertionError, match="waits"):
                    sampler.update(drawn, errors)
            else:
                sampler.update(drawn, errors, where=errors > 0.5)
                sampler.add(slots)


@pytest.mark.skipif("cuda" not in DEVICES, reason="asks CUDA whether something waited")
def test_cuda_says_so_too():
    sampler = sampler_of(np.ones(1000), device="cuda", check=False, normalise="buffer")
    errors, slots = torch.rand(32, device="cuda"), torch.arange(32, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        sampler.enter(slots)
        sampler.update(sampler.sample(32)[0], errors)
        sampler.add(slots)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 1.0}, TypeError, "capacity"),
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"beta": 2.0}, ValueError, "beta"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be positive"),
        ({"epsilon": 1e-9, "alpha": 20.0}, ValueError, "too small"),
        ({"normalise": "max"}, ValueError, "normalise"),
        ({"draws": "once"}, ValueError, "draws"),
        ({"seed": 1, "rng": torch.Generator()}, ValueError, "seed or rng"),
        ({"rng": np.random.default_rng(0)}, TypeError, "torch.Generator"),
        ({"rng": torch.Generator(), "device": "meta"}, ValueError, "rng is on cpu"),
    ],
)
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        DevicePrioritizedSampler(**{"capacity": 4, **options})
