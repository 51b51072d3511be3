import numpy as np
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
