import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.sum_tree import SumTree


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any))
@settings(deadline=None)
def test_find_agrees_with_the_cumulative_sum(leaves):
    leaves = np.array(leaves, float)
    tree = SumTree(leaves.size)
    tree.set(np.arange(leaves.size), leaves)
    points = np.arange(leaves.sum()) + 0.5
    assert tree.find(points).tolist() == np.searchsorted(np.cumsum(leaves), points, side="right").tolist()


@given(st.lists(st.floats(1e-30, 1e9) | st.just(0.0), min_size=1, max_size=40).filter(any))
@settings(deadline=None)
def test_an_empty_slot_is_never_found(leaves):
    leaves = np.array(leaves)
    tree = SumTree(leaves.size)
    tree.set(np.arange(leaves.size), leaves)
    points = np.array([0.0, tree.total, np.nextafter(tree.total, 0.0), tree.total * (1 + 1e-15)])
    found = tree.find(points)
    assert (leaves[found] > 0.0).all()


@pytest.mark.parametrize("capacity", [1, 2, 4, 8, 1024])
def test_first_and_last_slot_of_a_power_of_two_are_reached(capacity):
    tree = SumTree(capacity)
    tree.set(np.arange(capacity), 1.0)
    assert tree.find(np.array([0.0, tree.total])).tolist() == [0, capacity - 1]


def test_find_leaves_its_argument_alone():
    tree = SumTree(4)
    tree.set(np.arange(4), 1.0)
    points = np.array([3.5, 0.5])
    tree.find(points)
    assert points.tolist() == [3.5, 0.5]
