import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from experience_replay_optimizer.samplers.sorted_keys import SortedKeys

LARGEST = np.iinfo(np.int64).max - 1


def array(keys):
    return np.array(sorted(keys, key=hash), np.int64)


def assert_holds(order, keys):
    expected = np.array(sorted(keys), np.int64)
    assert len(order) == expected.size
    assert order.select(np.arange(expected.size)).tolist() == expected.tolist()
    questions = np.concatenate([expected, expected + 1, [0, LARGEST]])
    assert order.rank(questions).tolist() == expected.searchsorted(questions).tolist()


class Changes(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.order, self.keys = SortedKeys(), set()

    def toggle(self, keys):
        self.order.change(array(self.keys & keys), array(keys - self.keys))
        self.keys ^= keys

    # Keys of a narrow range come and go again before a merge; those of a wide one do not meet.
    @rule(keys=st.sets(st.integers(0, 30) | st.sampled_from([0, LARGEST]), max_size=12))
    def toggle_a_few(self, keys):
        self.toggle(keys)

    @rule(keys=st.sets(st.integers(0, LARGEST), max_size=40))
    def toggle_anywhere(self, keys):
        self.toggle(keys)

    # More edits than are carried: a merge.
    @rule(start=st.integers(0, 100), size=st.integers(200, 700))
    def toggle_many(self, start, size):
        self.toggle(set(range(start, start + size)))

    @rule()
    def clear(self):
        self.order.clear()
        self.keys.clear()

    @invariant()
    def agrees(self):
        assert_holds(self.order, self.keys)


TestChanges = Changes.TestCase
TestChanges.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("batch", [1, 32, 2000])
def test_random_moves_among_many_keys(batch):
    rng = np.random.default_rng(batch)
    pool = rng.permutation(2**40 + np.arange(60_000, dtype=np.int64) ** 2)
    inside, outside = pool[:20_000], pool[20_000:]
    order = SortedKeys()
    order.change(np.empty(0, np.int64), inside)
    for _ in range(6000 // batch + 3):
        gone, come = rng.choice(20_000, batch, replace=False), rng.choice(40_000, batch, replace=False)
        order.change(inside[gone], outside[come])
        inside[gone], outside[come] = outside[come], inside[gone]
    assert_holds(order, inside.tolist())


def test_few_edits_are_carried_beside_many_keys():
    order = SortedKeys()
    order.change(np.empty(0, np.int64), 2 * np.arange(100_000))
    base = order._base
    order.change(np.array([50, 100]), np.array([7]))
    assert order._base is base  # nothing of the size of the set was copied
    for start in range(1000, 101_000, 500):
        evens = np.arange(start, start + 100, 2)
        order.change(evens, evens + 1)
        assert order._edits.size <= 257 + 8 * 317
