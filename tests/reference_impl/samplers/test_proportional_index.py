import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.proportional_index import ProportionalIndex

pytestmark = pytest.mark.usefixtures("engine")
both_engines = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NO_SETS = (None, (), ())


def index_of(priorities, alpha=0.6):
    index = ProportionalIndex(len(priorities), alpha)
    index.set(np.arange(len(priorities)), np.asarray(priorities, float))
    return index


def leaves(index):
    return index.tree[np.arange(index.capacity)]


actions = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 29), st.floats(0.01, 100)),
    st.tuples(st.just("put_many"), st.lists(st.integers(0, 29), max_size=40), st.floats(0.01, 100)),
    st.tuples(st.just("run"), st.tuples(st.integers(0, 29), st.integers(0, 29)), st.floats(0.01, 100)),
    st.tuples(st.just("set"), st.lists(st.integers(0, 29), max_size=40), st.floats(0.01, 100)),
    st.tuples(st.just("remove"), st.lists(st.integers(0, 29), max_size=5), st.none()),
    st.tuples(st.just("move"), st.tuples(st.integers(0, 29), st.integers(0, 29)), st.none()),
    st.tuples(st.just("pickle"), st.none(), st.none()),
    st.tuples(st.just("restore"), st.none(), st.none()),
    st.tuples(st.just("clear"), st.none(), st.none()),
)


@given(script=st.lists(actions, max_size=25))
@both_engines
def test_any_order_of_changes(engine, script):
    index, model = ProportionalIndex(30, 0.5), np.zeros(30)
    for what, at, value in script:
        if what == "put":
            assert index.put(at, value) == (model[at] == 0.0)
            model[at] = value
        elif what in ("put_many", "run"):
            slots = np.arange(min(at), max(at) + 1) if what == "run" else np.array(at, np.int64)
            assert index.put_many(slots, value, what == "run") == len(set(slots[model[slots] == 0.0].tolist()))
            model[slots] = value
        elif what == "set":
            slots, values = np.array(at, np.int64), value + np.arange(len(at))
            index.set(slots, values)
            model[slots] = values
        elif what == "remove" and at:
            index.remove(np.array(at))
            model[at] = 0.0
        elif what == "move" and at[0] != at[1]:
            index.move(*at)
            model[at[1]], model[at[0]] = model[at[0]], 0.0
        elif what == "pickle":
            index = pickle.loads(pickle.dumps(index))
        elif what == "restore":
            arrays = index.state()
            index = ProportionalIndex(30, 0.5)
            index.restore(arrays)
        elif what == "clear":
            index.clear()
            model[:] = 0.0
        everything = np.arange(30)
        assert index.contains(everything).tolist() == (model > 0.0).tolist()
        expected = np.sqrt(model)
        np.testing.assert_allclose(leaves(index), expected, rtol=1e-6)
        if model.any():
            np.testing.assert_allclose(index.density(everything), expected / expected.sum(), rtol=1e-6)
            middles = (expected.cumsum() - expected / 2)[model > 0.0] / expected.sum()
            assert index.find(middles).tolist() == np.flatnonzero(model).tolist()


@pytest.mark.parametrize("normalise", ["batch", "buffer", None])
def test_samples_have_the_weights_of_their_density(normalise):
    index = index_of(np.linspace(0.1, 3.0, 40))
    points = np.random.default_rng(0).random(200)
    smallest = float(index.density(np.arange(40)).min())
    slots, weights = index.sample(points, *NO_SETS, 40, smallest, 0.7, normalise)
    assert slots.tolist() == index.find(points).tolist()
    assert (slots.dtype, weights.dtype) == (np.int64, np.float32)
    expected = (40 * index.density(slots)) ** -0.7
    divisor = {"batch": expected.max(), "buffer": (40 * smallest) ** -0.7, None: 1.0}[normalise]
    np.testing.assert_allclose(weights, expected / divisor, rtol=1e-5)


FAST = [(np.float64, 0.0), (np.float32, 0.0), (np.float64, 1.0)]


@pytest.mark.parametrize(("dtype", "floor"), FAST)
def test_an_update_at_once_does_what_set_does(dtype, floor):
    fast, slow = index_of(np.ones(40)), index_of(np.ones(40))
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 32, 200):
        slots, errors = rng.integers(40, size=count), rng.normal(size=count).astype(dtype)
        largest, stale = fast.update_at_once(slots, errors, 0.01, floor, None, 0)
        priorities = np.maximum(np.abs(errors.astype(float)), floor) + 0.01
        slow.set(slots, priorities)
        assert stale == 0
        assert largest == pytest.approx(priorities.max(), rel=1e-12)
        np.testing.assert_allclose(leaves(fast), leaves(slow), rtol=1e-7)
        assert fast.tree.total == pytest.approx(slow.tree.total)


def test_an_update_at_once_by_handles(engine):
    index, handles = index_of(np.ones(10)), np.arange(10) + 20
    largest, stale = index.update_at_once(np.array([23, 29]), np.array([7.0, 1.0]), 0.0, 0.0, handles, 29)
    assert (largest, stale) == (7.0, 0)
    done = index.update_at_once(np.array([13, 25]), np.array([90.0, 3.0]), 0.0, 0.0, handles, 29)
    expected = np.ones(10)
    expected[3] = 7.0**0.6
    if engine == "numba":
        assert done == (3.0, 1)
        expected[5] = 3.0**0.6
    else:  # left to the slow way
        assert done is None
    np.testing.assert_allclose(leaves(index), expected, rtol=1e-6)


ERRORS = np.ones(2)
SLOTS = np.array([1, 2])


@pytest.mark.parametrize(
    ("slots", "errors"),
    [
        ([1, 2], ERRORS),
        (SLOTS, [1.0, 1.0]),
        (SLOTS.astype(np.int32), ERRORS),
        (SLOTS.astype(np.uint64), ERRORS),
        (SLOTS.astype(float), ERRORS),
        (SLOTS, ERRORS.astype(int)),
        (SLOTS, ERRORS.astype(np.float16)),
        (SLOTS, ERRORS + 1j),
        (SLOTS, np.ones(3)),
        (SLOTS, np.ones((2, 1))),
        (SLOTS[:, None], ERRORS[:, None]),
        (SLOTS[:0], ERRORS[:0]),
        (np.arange(4)[::2], ERRORS),
        (SLOTS, np.ones(4)[::2]),
        (np.array([1, -1]), ERRORS),
        (np.array([1, 10]), ERRORS),
        (np.array([1, 2**62]), ERRORS),
        (np.array([1, 9]), ERRORS),  # empty
        (SLOTS, np.array([1.0, np.nan])),
        (SLOTS, np.array([np.inf, 1.0])),
        (SLOTS, np.array([1.0, -np.inf])),
        (SLOTS, np.array([1.0, 1e300])),
    ],
)
@pytest.mark.parametrize("by_handle", [False, True])
def test_what_an_update_at_once_does_not_take_changes_nothing(slots, errors, by_handle):
    index = index_of(np.ones(10))
    index.remove(np.array([9]))
    before = leaves(index).tolist()
    handles = np.where(np.arange(10) == 9, -1, np.arange(10)) if by_handle else None
    assert index.update_at_once(slots, errors, 0.01, 0.0, handles, 8) is None
    assert leaves(index).tolist() == before


@pytest.mark.parametrize("priority", [1e-300, 1e300])
def test_priorities_that_cannot_be_summed_are_refused(priority):
    index = index_of(np.ones(4))
    with pytest.raises(ValueError, match=r"cannot be summed: the TD errors have diverged, or alpha=0.6 is too large"):
        index.set(np.array([0, 1]), np.array([2.0, priority]))
    assert leaves(index).tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones(3, np.float32), "leaves has 3 values, expected 4"),
        (np.array([1, 1, np.nan, 1], np.float32), "not finite"),
        (np.array([1, -1, 0, 1], np.float32), "leaves must not be negative: -1"),
    ],
)
def test_arrays_of_no_index_are_not_restored(given, message):
    index = index_of(np.ones(4))
    with pytest.raises(ValueError, match=message):
        index.restore({"leaves": given})
    assert leaves(index).tolist() == [1.0] * 4
