import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experience_replay_optimizer import LinearSchedule
from experience_replay_optimizer.memory import PrioritizedReplayMemory, ReplayMemory, SumTree

BAD_PRIORITIES = [(bad, ValueError) for bad in (0.0, -1.0, math.nan, math.inf)] + [("x", TypeError)]


def transition(step):
    return (f"state {step}", step, float(step), f"state {step + 1}", False)


def filled(priorities, **options):
    memory = PrioritizedReplayMemory(len(priorities), **{"seed": 0, **options})
    for step, priority in enumerate(priorities):
        memory.store(*transition(step), priority)
    return memory


# --- ReplayMemory


def test_the_memory_keeps_the_newest_objects_and_draws_the_very_ones():
    memory = ReplayMemory(3)
    items = [object() for _ in range(5)]
    for item in items:
        memory.append(item)
    assert len(memory) == 3
    assert list(memory) == items[2:]
    assert {id(item) for item in memory.sample(3)} == {id(item) for item in items[2:]}


def test_a_uniform_batch_has_no_item_twice_and_all_are_drawn():
    memory = ReplayMemory(10, seed=0)
    for item in range(10):
        memory.append(item)
    counts = Counter()
    for _ in range(1000):
        batch = memory.sample(3)
        assert len(set(batch)) == 3
        counts.update(batch)
    # 300 expected of each, standard deviation 14.5.
    assert all(240 < counts[item] < 360 for item in range(10))


def test_the_first_cells_of_a_notebook():
    memory = ReplayMemory(1000)
    for item in (1, 2, 3):
        memory.append(item)
    assert memory.sample(1)[0] in (1, 2, 3)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (4, ValueError, "sample_size is 4, and the memory holds only 3"),
        (0, ValueError, "sample_size must be at least 1"),
        (1.0, TypeError, "sample_size must be an int"),
    ],
)
def test_a_batch_that_cannot_be_had_is_refused(size, error, message):
    memory = ReplayMemory(5)
    for item in range(3):
        memory.append(item)
    with pytest.raises(error, match=message):
        memory.sample(size)


def test_maxlen_is_a_positive_int():
    with pytest.raises(ValueError, match="maxlen must be at least 1"):
        ReplayMemory(0)
    with pytest.raises(TypeError, match="maxlen must be an int"):
        ReplayMemory(2.5)


# --- SumTree


def test_leaves_are_found_in_proportion_and_empty_ones_never():
    tree = SumTree(4)
    tree.update(0, 1)
    tree.update(1, 2)
    assert tree.total_sum() == 3.0
    assert tree.get_leaf(0.5) == (0, 1.0)
    assert tree.get_leaf(1.5) == (1, 2.0)
    assert tree.get_leaf(3.0) == (1, 2.0)
    with pytest.raises(ValueError, match=r"value must be finite and in \[0, 3\], not 4.0"):
        tree.get_leaf(4)


def test_looking_prints_nothing_and_print_tree_prints_the_levels(capsys):
    tree = SumTree(4)
    tree.update(0, 1)
    tree.update(1, 2)
    tree.get_leaf(2)
    assert capsys.readouterr().out == ""
    tree.print_tree()
    assert capsys.readouterr().out == "[3. 3. 0. 1. 2. 0. 0.]\n"


@given(
    st.integers(1, 70),
    st.lists(st.tuples(st.integers(0, 69), st.floats(1e-6, 1e6)), min_size=1, max_size=100),
    st.floats(0, 1),
)
def test_any_capacity_holds_what_was_set_and_finds_what_the_sum_says(capacity, updates, quantile):
    tree = SumTree(capacity)
    leaves = np.zeros(capacity, np.float32)
    for index, priority in updates:
        tree.update(index % capacity, priority)
        leaves[index % capacity] = priority
    total = tree.total_sum()
    assert total == pytest.approx(leaves.sum(dtype=np.float64), rel=1e-12)
    index, priority = tree.get_leaf(quantile * total)
    assert priority == leaves[index] > 0.0
    upto = np.cumsum(leaves, dtype=np.float64)
    slack = 1e-9 * total
    assert upto[index] - priority - slack <= quantile * total <= upto[index] + slack


def test_the_sum_does_not_drift_while_priorities_fall_over_decades():
    tree = SumTree(6)
    rng = np.random.default_rng(0)
    for exponent in np.linspace(8, -8, 2000):
        for index in range(6):
            tree.update(index, 10.0**exponent * (1 + rng.random()))
    assert tree.total_sum() == pytest.approx(tree.priorities().sum(), rel=1e-12)


@pytest.mark.parametrize(("priority", "error"), BAD_PRIORITIES)
def test_a_tree_refuses_a_priority_that_makes_no_sense(priority, error):
    tree = SumTree(3)
    tree.update(0, 2)
    with pytest.raises(error, match="priority"):
        tree.update(0, priority)
    assert tree.total_sum() == 2.0


def test_a_tree_refuses_other_bad_input():
    with pytest.raises(ValueError, match="idx is out of range: 3, and the capacity is 3"):
        SumTree(3).update(3, 1.0)
    with pytest.raises(ValueError, match="the tree is empty"):
        SumTree(3).get_leaf(0.0)
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        SumTree(0)


# --- PrioritizedReplayMemory


def test_the_prioritised_cells_of_a_notebook():
    memory = PrioritizedReplayMemory(3, seed=0)
    memory.store(0, 2, 1, 1, True, 1.0)
    memory.store(1, 2, 0, 2, False, 0.1)
    draws = Counter()
    for _ in range(1000):
        experiences, indices, weights = memory.sample(1, beta=0.4)
        draws[experiences[0]] += 1
        assert weights.tolist() == [1.0]
        assert indices.tolist() == [experiences[0][0]]
    # P = 1 / (1 + 0.1^0.6) = 0.799, standard deviation of 1000 draws 12.7.
    assert 735 < draws[0, 2, 1, 1, True] < 865


def test_the_very_objects_come_back():
    state, following = object(), object()
    memory = PrioritizedReplayMemory(2)
    memory.store(state, "up", 0.5, following, False, 1.0)
    experiences, indices, weights = memory.sample(1)
    assert experiences[0][0] is state
    assert experiences[0][3] is following
    assert indices.dtype == np.int64
    assert weights.dtype == np.float32


@pytest.mark.parametrize("capacity", [1, 2, 3, 5, 8, 13])
def test_the_oldest_gives_way_whatever_the_capacity(capacity):
    memory = PrioritizedReplayMemory(capacity, seed=0)
    for step in range(3 * capacity + 1):
        memory.store(*transition(step), priority=1.0)
    newest = list(range(2 * capacity + 1, 3 * capacity + 1))
    assert len(memory) == capacity
    assert [item[1] for item in memory] == newest
    # Equal priorities: each of the `capacity` segments is exactly one transition.
    assert sorted(item[1] for item in memory.sample(capacity)[0]) == newest


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.6, 1.0]),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_each_transition_comes_up_within_one_of_its_expected_count(priorities, alpha, beta, seed):
    memory = filled(priorities, alpha=alpha, seed=seed)
    size = len(priorities)
    experiences, indices, weights = memory.sample(size, beta)
    expected = np.asarray(priorities) ** alpha
    expected /= expected.sum()
    counts = np.bincount(indices, minlength=size)
    # A share of s segments covers at least floor(s) - 1 of them wholly, and touches at most ceil(s) + 1.
    assert (counts >= np.floor(size * expected - 1e-9) - 1).all()
    assert (counts <= np.ceil(size * expected + 1e-9) + 1).all()
    assert [item[1] for item in experiences] == indices.tolist()
    correct = (size * expected[indices]) ** -beta
    assert weights == pytest.approx(correct / correct.max(), rel=1e-5)


def test_draws_follow_the_law_of_the_priorities():
    priorities = np.array([0.1, 0.5, 1.0, 2.0, 8.0, 0.01, 3.0])
    memory = filled(priorities, alpha=0.6)
    counts = np.zeros(7)
    for _ in range(5000):
        counts += np.bincount(memory.sample(4)[1], minlength=7)
    expected = priorities**0.6 / (priorities**0.6).sum()
    assert counts / counts.sum() == pytest.approx(expected, abs=0.01)


def test_beta_may_be_a_schedule():
    memory = filled([1.0, 4.0], alpha=1.0)
    beta = LinearSchedule(0.0, 1.0, steps=2)
    smallest = [memory.sample(2, beta)[2].min() for _ in range(200)]
    assert smallest[0] == 1.0
    assert beta.value == 1.0
    # Both transitions in one batch: the weights are 1 and 1/4. The draw is of the second alone with probability 3/5.
    assert {round(float(weight), 4) for weight in smallest[2:]} == {0.25, 1.0}
    with pytest.raises(ValueError, match=r"beta must be finite and in \[0, 1\], not 1.5"):
        memory.sample(1, lambda: 1.5)
    with pytest.raises(ValueError, match="beta"):
        memory.sample(1, -0.1)


def test_updates_take_effect_one_by_one_or_together():
    memory = filled([1.0] * 4, alpha=1.0)
    for index in (0, 1):
        memory.update_priority(index, 1e-9)
    memory.update_priority([2, 3], [1e-9, 50.0])
    assert memory.get_max_priority() == 50.0
    assert memory.sample(4)[1].tolist() == [3] * 4
    memory.store(*transition(9), memory.get_max_priority())
    assert set(memory.sample(4)[1].tolist()) == {0, 3}


def test_without_a_priority_a_transition_gets_the_maximum():
    memory = PrioritizedReplayMemory(3, alpha=1.0, seed=0)
    memory.store(*transition(0), 7.0)
    memory.store(*transition(1))
    assert sorted(memory.sample(2)[1].tolist()) == [0, 1]
    assert memory.get_max_priority() == 7.0


@pytest.mark.parametrize(("priority", "error"), BAD_PRIORITIES)
def test_a_memory_refuses_a_priority_that_makes_no_sense_and_stays_as_it_was(priority, error):
    memory = filled([1.0, 2.0])
    with pytest.raises(error, match="priority"):
        memory.store(*transition(7), priority)
    with pytest.raises(error, match="priority"):
        memory.update_priority([0, 1], [5.0, priority])
    assert [item[1] for item in memory] == [0, 1]
    assert memory.get_max_priority() == 2.0
    draws = np.bincount(np.concatenate([memory.sample(1)[1] for _ in range(2000)]), minlength=2)
    # P(1) = 2^0.6 / (1 + 2^0.6) = 0.602, standard deviation 0.011.
    assert draws[1] / 2000 == pytest.approx(0.602, abs=0.05)


def test_a_memory_refuses_other_bad_input():
    memory = PrioritizedReplayMemory(4)
    with pytest.raises(ValueError, match="batch_size is 1, and the memory holds only 0"):
        memory.sample(1)
    memory.store(*transition(0), 1.0)
    with pytest.raises(ValueError, match="batch_size is 2, and the memory holds only 1"):
        memory.sample(2)
    with pytest.raises(ValueError, match="index 1 holds no transition: the memory holds 1"):
        memory.update_priority(1, 1.0)
    with pytest.raises(ValueError, match="expected 2"):
        memory.update_priority([0, 0], [1.0])
    with pytest.raises(TypeError, match="index must be integers"):
        memory.update_priority(0.0, 1.0)
    with pytest.raises(ValueError, match="alpha"):
        PrioritizedReplayMemory(4, alpha=-1)
    with pytest.raises(ValueError, match="alpha=50 is too large"):
        PrioritizedReplayMemory(4, alpha=50).store(*transition(0), 1e9)
    assert len(memory) == 1


def test_equal_seeds_draw_equal_batches():
    first, second = filled(range(1, 9), seed=3), filled(range(1, 9), seed=3)
    assert all((first.sample(4)[1] == second.sample(4)[1]).all() for _ in range(20))
