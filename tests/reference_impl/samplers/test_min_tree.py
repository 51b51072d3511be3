import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.min_tree import MinTree


@given(st.lists(st.tuples(st.integers(0, 10), st.floats(1e-9, 1e9) | st.just(np.inf)), max_size=40))
@settings(deadline=None)
def test_minimum_follows_leaves_that_rise_and_fall(pairs):
    tree = MinTree(11)
    leaves = np.full(11, np.inf)
    for slot, value in pairs:
        tree.set(np.array([slot]), value)
        leaves[slot] = value
        assert tree.minimum == leaves.min()


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 8, 13, 64])
def test_every_leaf_counts_at_every_capacity(capacity):
    tree = MinTree(capacity)
    assert tree.minimum == np.inf
    values = np.random.default_rng(0).random(capacity)
    tree.set(np.arange(capacity), values)
    for slot in np.argsort(values).tolist():
        assert tree.minimum == values[slot]
        tree.set(np.array([slot]), np.inf)
    tree.set(np.arange(capacity), values)
    tree.clear()
    assert tree.minimum == np.inf


def test_the_last_of_equal_slots_stays():
    tree = MinTree(4)
    tree.set(np.array([2, 2, 2]), np.array([5.0, 1.0, 3.0]))
    assert tree.minimum == 3.0


@pytest.mark.parametrize("size", [1, 1000, 1024, 1025, 5000])
def test_writes_of_any_size_reach_the_root(size):
    tree = MinTree(5000)
    rng = np.random.default_rng(1)
    leaves = np.full(5000, np.inf)
    for _ in range(7):
        slots, values = rng.permutation(5000)[:size], rng.random(size)
        tree.set(slots, values)
        leaves[slots] = values
    assert tree.minimum == leaves.min()
    tree.set(np.arange(5000), np.inf)
    assert tree.minimum == np.inf
