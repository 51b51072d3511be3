import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.heap_tree import HeapTree

writes = st.lists(st.tuples(st.integers(0, 12), st.floats(0.0, 1e9)), max_size=60)


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 8, 13, 64])
@pytest.mark.parametrize(("combine", "neutral"), [(np.add, 0.0), (np.minimum, np.inf)])
def test_root_combines_all_leaves(capacity, combine, neutral):
    tree = HeapTree(capacity, combine, neutral)
    assert tree.root == neutral
    values = np.random.default_rng(0).random(capacity)
    tree.set(np.arange(capacity), values)
    assert tree.root == pytest.approx(combine.reduce(values))
    assert tree[np.arange(capacity)].tolist() == values.tolist()
    tree.clear()
    assert tree.root == neutral


@given(writes)
@settings(deadline=None)
def test_every_parent_is_the_sum_of_its_children(pairs):
    tree = HeapTree(13, np.add, 0.0)
    leaves = np.zeros(13)
    for slot, value in pairs:
        tree.set(np.array([slot]), np.array([value]))
        leaves[slot] = value
    assert tree.root == pytest.approx(leaves.sum())
    nodes = tree._nodes
    parents = np.arange(1, tree._width)
    assert (nodes[parents] == nodes[2 * parents] + nodes[2 * parents + 1]).all()
    assert tree[np.arange(13)].tolist() == leaves.tolist()


def test_the_last_of_equal_slots_stays():
    tree = HeapTree(4, np.add, 0.0)
    tree.set(np.array([2, 2, 2]), np.array([5.0, 1.0, 3.0]))
    assert tree.root == 3.0


@pytest.mark.parametrize("size", [1, 1000, 1024, 1025, 5000])
def test_writes_of_any_size_reach_the_root(size):
    tree = HeapTree(5000, np.add, 0.0)
    rng = np.random.default_rng(1)
    leaves = np.zeros(5000)
    for _ in range(7):
        slots, values = rng.permutation(5000)[:size], rng.random(size)
        tree.set(slots, values)
        leaves[slots] = values
    assert tree.root == pytest.approx(leaves.sum(), rel=1e-13)
    tree.set(np.arange(5000), 0.0)
    assert tree.root == 0.0


def test_the_root_does_not_drift_while_priorities_fall():
    tree = HeapTree(256, np.add, 0.0)
    rng = np.random.default_rng(2)
    for scale in np.logspace(9, -9, 400):
        tree.set(np.arange(256), rng.random(256) * scale)
    exact = float(np.sum(tree[np.arange(256)]))
    assert abs(tree.root - exact) <= 1e-12 * exact
