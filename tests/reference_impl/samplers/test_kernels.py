import importlib
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.sum_tree import SumTree

numba = pytest.importorskip("numba")
from experience_replay_optimizer.samplers import kernels as module  # noqa: E402

NAMES = ["repair", "recompute", "find", "weigh", "sample", "sample_mixture", "update"]
NO_HANDLES = np.empty(0, np.int64)
CAPACITIES = [1, 3, 8, 9, 64, 65, 600]
both = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture(params=["compiled", "python"])
def kernels(request, monkeypatch):
    """The module as it is, and with the Python functions in place of what was compiled from them."""
    if request.param == "python":
        for name in NAMES:
            monkeypatch.setattr(module, name, getattr(module, name).py_func)
    return module


def tree_of(leaves, kernels):
    """Leaves, nodes and offsets of a tree over `leaves`, all sums computed in plain numpy."""
    tree = SumTree(len(leaves))
    tree.leaves[: len(leaves)] = leaves
    level = tree.leaves.astype(np.float64)
    ends = [*tree.offsets[1:].tolist(), tree.nodes.size]
    for start, end in list(zip(tree.offsets.tolist(), ends, strict=True))[::-1]:
        sums = [float(np.cumsum(level[at : at + 8])[-1]) for at in range(0, level.size, 8)]
        level = np.zeros(end - start)
        level[: len(sums)] = sums
        tree.nodes[start:end] = level
    # numba adds a float32 to a float in float64, and Python in float32: for it they are float64 of the same values.
    compiled = hasattr(kernels.find, "py_func")
    return tree.leaves if compiled else tree.leaves.astype(np.float64), tree.nodes, tree.offsets


def random_leaves(capacity, seed=0, empty=0.3):
    rng = np.random.default_rng(seed)
    leaves = rng.random(capacity).astype(np.float32) ** 4 + np.float32(1e-6)
    leaves[rng.random(capacity) < empty] = 0.0
    leaves[rng.integers(capacity)] = 1.0
    return leaves


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_repair_recomputes_what_is_above_a_range_and_nothing_else(kernels, capacity):
    leaves, nodes, offsets = tree_of(random_leaves(capacity), kernels)
    rng = np.random.default_rng(1)
    for _ in range(10):
        low, high = np.sort(rng.integers(capacity, size=2)).tolist()
        leaves[low : high + 1] = rng.random(high + 1 - low, np.float32)
        kernels.repair(leaves, nodes, offsets, low, high)
        assert nodes.tolist() == tree_of(leaves[:capacity], kernels)[1].tolist()
    nodes.fill(7.0)
    kernels.repair(leaves, nodes, offsets, 0, 0)
    assert (nodes == 7.0).sum() == nodes.size - offsets.size


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_recompute_recomputes_what_is_above_slots_and_nothing_else(kernels, capacity):
    leaves, nodes, offsets = tree_of(random_leaves(capacity), kernels)
    rng = np.random.default_rng(1)
    for count in (0, 1, 5, 40):
        slots = rng.integers(capacity, size=count)
        leaves[slots] = rng.random(count, np.float32)
        kernels.recompute(leaves, nodes, offsets, slots)
        assert nodes.tolist() == tree_of(leaves[:capacity], kernels)[1].tolist()
    nodes.fill(7.0)
    kernels.recompute(leaves, nodes, offsets, np.array([capacity - 1]))
    assert (nodes == 7.0).sum() == nodes.size - offsets.size


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_find_is_the_search_in_the_cumulative_sum(kernels, capacity):
    leaves = np.random.default_rng(capacity).integers(0, 4, capacity).astype(np.float32)
    leaves[capacity // 2] = 2.0
    sums = leaves.cumsum(dtype=np.float64)  # small integers: exact in every order of addition
    points = np.arange(sums[-1] * 4) / (sums[-1] * 4) + 1e-9
    found = kernels.find(*tree_of(leaves, kernels), points)
    assert found.dtype == np.int64
    assert found.tolist() == sums.searchsorted(points * sums[-1], "right").tolist()


@given(leaves=st.lists(st.floats(2.0**-100, 2.0**100, width=32) | st.just(0.0), min_size=1, max_size=150).filter(any))
@both
def test_an_empty_slot_is_never_found_whatever_rounding_does(kernels, leaves):
    arrays = tree_of(leaves, kernels)
    ends = np.cumsum(leaves) / np.sum(leaves)
    points = np.concatenate(
        [[0.0, 1.0, np.nextafter(1.0, 0.0)], ends, np.nextafter(ends, 0.0), np.nextafter(ends, 1.0)]
    )
    assert (arrays[0][kernels.find(*arrays, points)] > 0.0).all()


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_weights(kernels, beta):
    density = np.array([0.1, 0.25, 0.001, 0.5])
    plain = kernels.weigh(density, 40, 0.0, beta, 0)
    np.testing.assert_allclose(plain, (40 * density) ** -beta, rtol=1e-6)
    np.testing.assert_allclose(kernels.weigh(density, 40, 0.0, beta, 1), (0.001 / density) ** beta, rtol=1e-6)
    np.testing.assert_allclose(kernels.weigh(density, 40, 1e-4, beta, 2), (1e-4 / density) ** beta, rtol=1e-6)
    assert plain.dtype == np.float32


def test_weights_beyond_float32_are_its_largest():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = module.weigh(np.array([1e-200, 1e-300, 0.5]), 2, 0.0, 1.0, 0)
    assert weights.tolist() == [np.finfo(np.float32).max] * 2 + [1.0]


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("normalise", [0, 1, 2])
def test_a_batch_by_priority(kernels, capacity, normalise):
    arrays = tree_of(random_leaves(capacity), kernels)
    points = np.random.default_rng(2).random(50)
    slots, weights = kernels.sample(*arrays, points, capacity, 1e-3, 0.6, normalise)
    assert slots.tolist() == kernels.find(*arrays, points).tolist()
    density = arrays[0][slots].astype(np.float64) / arrays[1][0]
    expected = kernels.weigh(density, capacity, 1e-3, 0.6, normalise)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def one_set(capacity, members, head=0):
    ring = np.zeros(len(members) + 2, np.int32)
    bits = np.zeros(-(-capacity // 8), np.uint8)
    for at, slot in enumerate(members):
        ring[(head + at) % ring.size] = slot
        bits[slot >> 3] |= 1 << (slot & 7)
    return ring, bits, head, len(members)


@pytest.mark.parametrize("normalise", [0, 1, 2])
@pytest.mark.parametrize("shares", [(5, 0), (0, 7), (5, 7), (31, 1)])
def test_a_batch_with_shares_from_sets(kernels, shares, normalise):
    leaves = random_leaves(65, empty=0.0)
    arrays = tree_of(leaves, kernels)
    members = [[3, 40, 8, 64], [1, 3]]
    sets = (one_set(65, members[0], head=3), one_set(65, members[1]))
    rng = np.random.default_rng(3)
    points, keys = rng.random(40), rng.random(sum(shares))
    slots, weights = kernels.sample_mixture(*arrays, points, keys, sets, shares, 65, 1e-3, 0.6, normalise)

    rows = 40 - sum(shares)
    expected = kernels.find(*arrays, points[:rows]).tolist()
    drawn = [
        members[which][int(points[rows + at] * len(members[which]))]
        for at, which in enumerate([0] * shares[0] + [1] * shares[1])
    ]
    for slot, key in zip(drawn, keys, strict=True):  # each changes places with one of those before it, or with itself
        expected.append(slot)
        place = int(key * len(expected))
        expected[place], expected[-1] = expected[-1], expected[place]
    assert slots.tolist() == expected
    density = rows / 40 * leaves.astype(np.float64) / leaves.sum(dtype=np.float64)
    for share, one in zip(shares, members, strict=True):
        density[one] += share / 40 / len(one)
    assert density.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights, kernels.weigh(density[slots], 65, 1e-3, 0.6, normalise), rtol=1e-5)


def update(kernels, arrays, indices, errors, handles=NO_HANDLES, newest=0, epsilon=0.5, floor=0.0, alpha=0.7):
    return kernels.update(
        *arrays, handles, newest, np.array(indices), np.array(errors), epsilon, floor, alpha, 1e-36, 1e36
    )


@pytest.mark.parametrize("floor", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_update_by_slots(kernels, floor, dtype):
    leaves = random_leaves(65, empty=0.0)
    arrays = tree_of(leaves, kernels)
    largest, stale = update(kernels, arrays, [3, 64, 3, 0], np.array([9.0, -4.0, 0.25, 0.0], dtype), floor=floor)
    assert (largest, stale) == (9.5, 0)
    for slot, error in ((3, 0.25), (64, 4.0), (0, 0.0)):  # of equal slots the last counts
        leaves[slot] = (max(error, floor) + 0.5) ** 0.7
    np.testing.assert_allclose(arrays[0][:65], leaves, rtol=1e-7)
    assert arrays[1].tolist() == tree_of(arrays[0][:65], kernels)[1].tolist()


def test_an_update_by_handles_counts_those_that_are_stale(kernels):
    leaves = np.ones(9, np.float32)
    arrays = tree_of(leaves, kernels)
    handles = np.arange(9) + 9 * np.array([1, 1, 1, 0, 0, 0, 0, 0, 0])
    largest, stale = update(kernels, arrays, [2, 11, 3, 12 - 9, 0], [50.0, 7.0, 1.0, 2.0, 60.0], handles, newest=11)
    assert (largest, stale) == (7.5, 2)
    expected = np.ones(9)
    expected[2], expected[3] = 7.5**0.7, 2.5**0.7
    np.testing.assert_allclose(arrays[0][:9], expected, rtol=1e-7)
    assert update(kernels, arrays, [0, 1], [9.0, 9.0], handles, newest=11) == (0.0, 2)


@pytest.mark.parametrize(
    ("index", "error", "handles"),
    [
        (-1, 1.0, NO_HANDLES),
        (9, 1.0, NO_HANDLES),
        (2**62, 1.0, NO_HANDLES),
        (5, 1.0, NO_HANDLES),  # empty
        (1, np.nan, NO_HANDLES),
        (1, np.inf, NO_HANDLES),
        (1, -np.inf, NO_HANDLES),
        (1, 1e60, NO_HANDLES),
        (-1, 1.0, np.arange(8)),
        (8, 1.0, np.arange(8)),  # never given out
        (2**62, 1.0, np.arange(8)),
        (1, np.nan, np.arange(8)),
    ],
)
def test_a_refused_update_changes_nothing(kernels, index, error, handles):
    leaves = np.ones(8, np.float32)
    leaves[5] = 0.0
    arrays = tree_of(leaves, kernels)
    before = [array.tolist() for array in arrays]
    assert update(kernels, arrays, [0, index], [3.0, error], handles, newest=7) == (-1.0, 0)
    assert [array.tolist() for array in arrays] == before


def test_without_a_place_for_the_cache_they_are_compiled_all_the_same(monkeypatch):
    njit = numba.njit

    def nowhere(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", nowhere)
    compiled = module._compiled(module.weigh.py_func)
    assert compiled(np.array([0.5, 0.25]), 2, 0.0, 1.0, 1).tolist() == [0.5, 1.0]


def test_all_kernels_are_compiled_without_the_lock_of_the_interpreter():
    fresh = importlib.import_module(module.__name__)
    for name in NAMES:
        assert getattr(fresh, name).targetoptions["nogil"]
