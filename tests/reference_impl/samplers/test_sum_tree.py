import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.sum_tree import SumTree, is_run

pytestmark = pytest.mark.usefixtures("engine")
both_engines = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tree_of(leaves):
    tree = SumTree(len(leaves))
    tree.set(np.arange(len(leaves)), np.asarray(leaves, float))
    return tree


@given(leaves=st.lists(st.integers(0, 9), min_size=1, max_size=700).filter(any))
@both_engines
def test_find_agrees_with_the_cumulative_sum(engine, leaves):
    tree, sums = tree_of(leaves), np.cumsum(leaves)
    points = np.arange(sums[-1]) + 0.5
    assert tree.find(points / sums[-1]).tolist() == np.searchsorted(sums, points, side="right").tolist()


@given(leaves=st.lists(st.floats(1e-30, 1e9) | st.just(0.0), min_size=1, max_size=100).filter(any))
@both_engines
def test_an_empty_slot_is_never_found(engine, leaves):
    tree = tree_of(leaves)
    sums = np.cumsum(leaves) / np.sum(leaves)
    points = np.concatenate([[0.0, np.nextafter(1.0, 0.0)], sums[sums < 1.0], np.nextafter(sums, 0.0)])
    assert (np.asarray(leaves, np.float32)[tree.find(points)] > 0.0).all()


@pytest.mark.parametrize("capacity", [1, 2, 7, 8, 9, 64, 65, 1024, 20_000])
def test_first_and_last_slot_are_reached_at_every_capacity(capacity):
    tree = tree_of(np.ones(capacity))
    assert tree.find(np.array([0.0, np.nextafter(1.0, 0.0)])).tolist() == [0, capacity - 1]
    assert tree.total == capacity


writes = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 599), st.integers(0, 9)),
    st.tuples(st.just("fill"), st.integers(0, 599), st.integers(1, 200)),
    st.tuples(st.just("set"), st.lists(st.integers(0, 599), max_size=20), st.integers(0, 9)),
    st.tuples(st.just("look"), st.none(), st.none()),
)


@given(actions=st.lists(writes, max_size=30))
@both_engines
def test_any_order_of_writes_leaves_the_sums_of_the_leaves(engine, actions):
    tree, leaves = SumTree(600), np.zeros(600)
    for action, at, value in actions:
        if action == "put":
            tree.put(at, float(value))
            leaves[at] = value
        elif action == "fill":
            high = min(at + value, 599)
            assert tree.fill(at, high, 3.0) == (leaves[at : high + 1] == 0).sum()
            leaves[at : high + 1] = 3.0
        elif action == "set":
            tree.set(np.array(at, np.int64), float(value))
            leaves[at] = value
        else:
            assert tree.total == leaves.sum()
    assert tree[np.arange(600)].tolist() == leaves.tolist()
    assert tree.total == leaves.sum()
    if leaves.any():
        points = np.arange(leaves.sum()) + 0.5
        assert tree.find(points / leaves.sum()).tolist() == np.searchsorted(leaves.cumsum(), points, "right").tolist()


def test_falling_priorities_do_not_drift():
    rng, tree = np.random.default_rng(0), SumTree(1000)
    tree.set(np.arange(1000), 1.0)
    for scale in np.logspace(3, -3, 3000):
        tree.set(rng.integers(0, 1000, 32), rng.random(32) * scale)
    exact = float(np.sum(tree.leaves, dtype=np.longdouble))
    assert abs(tree.total - exact) <= 1e-12 * exact


def test_a_copy_and_a_restored_tree_find_the_same():
    tree = tree_of(np.random.default_rng(0).random(5000))
    other = SumTree(5000)
    other.restore(tree.leaves)
    points = np.random.default_rng(1).random(100)
    assert tree.find(points).tolist() == other.find(points).tolist()
    assert tree.find(points).tolist() == pickle.loads(pickle.dumps(tree)).find(points).tolist()
    tree.clear()
    assert tree.total == 0.0


def test_find_leaves_its_argument_alone():
    tree, points = tree_of(np.ones(4)), np.array([0.9, 0.1])
    tree.find(points)
    assert points.tolist() == [0.9, 0.1]


@pytest.mark.parametrize(
    ("slots", "run"), [([], False), ([3], True), ([3, 4, 5], True), ([0, 5, 2], False), ([5, 4], False)]
)
def test_runs_of_slots(slots, run):
    assert is_run(np.array(slots, np.int64)) is run
