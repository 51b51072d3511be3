"""One set and one result where many are equal."""

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from per_audit.graph.interpret.sharing import equals_shared, made, shared, union

SETS = st.frozensets(st.integers(0, 60), max_size=40)


def test_equal_sets_are_one_inside():
    with equals_shared():
        first = shared(frozenset(range(40)))
        assert shared(frozenset(range(40))) is first
        assert shared(frozenset(range(41))) is not first


def test_outside_nothing_is_remembered():
    calls = []
    for _ in range(2):
        made(calls.append, 1)
    assert calls == [1, 1]
    assert shared(frozenset(range(40))) is not shared(frozenset(range(40)))


def test_a_result_is_computed_once_for_equal_arguments():
    calls = []

    def total(numbers):
        calls.append(numbers)
        return sum(numbers)

    with equals_shared():
        assert made(total, frozenset({1, 2})) == made(total, frozenset({2, 1})) == 3
    assert len(calls) == 1


def test_what_was_remembered_is_given_up_at_the_end():
    class Thing:
        pass

    thing = Thing()
    known = weakref.ref(thing)
    with equals_shared():
        shared(frozenset({thing}))
        made(id, thing)
    del thing
    gc.collect()
    assert known() is None


@given(SETS, SETS)
def test_a_union_holds_both_and_is_one_of_them_where_that_holds_the_other(ours, theirs):
    with equals_shared():
        for _ in range(2):
            united = union(ours, theirs)
            assert united == ours | theirs
            assert united is ours or not ours >= theirs
            assert united == theirs or united is not theirs
