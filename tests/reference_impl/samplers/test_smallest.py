import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.mixture import density
from experience_replay_optimizer.samplers.proportional_index import ProportionalIndex
from experience_replay_optimizer.samplers.slot_set import SlotSet
from experience_replay_optimizer.samplers.smallest import SmallestDensity

pytestmark = pytest.mark.usefixtures("engine")
SLOTS = np.arange(20)


def brute_force(index, sets, shares, batch_size):
    stored = SLOTS[index.contains(SLOTS)]
    return float(density(index, stored, sets, shares, batch_size).min())


changes = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 19), st.floats(1e-6, 1e6)),
        st.tuples(st.just("remove"), st.integers(0, 19), st.none()),
        st.tuples(st.just("enter"), st.integers(0, 19), st.integers(0, 1)),
        st.tuples(st.just("leave"), st.integers(0, 19), st.integers(0, 1)),
        st.tuples(st.just("rebuild"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(changes, st.integers(1, 40), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_the_minimum_over_all_stored_slots(engine, script, batch_size, data):
    index = ProportionalIndex(20, 0.7)
    sets = (SlotSet(20, 4), SlotSet(20, 6))
    smallest = SmallestDensity(20, index, sets)
    index.put(0, 1.0)
    smallest.update([0])
    for what, slot, value in script:
        if what == "set":
            index.put(slot, value)
            smallest.update([slot])
        elif what == "remove" and slot != 0:
            index.remove(np.array([slot]))
            smallest.update(np.array([slot]))
        elif what == "enter":
            leaver = sets[value].add(slot)
            smallest.update([slot] if leaver < 0 else [slot, leaver])
        elif what == "leave":
            sets[value].discard(slot)
            smallest.update([slot])
        elif what == "rebuild":
            smallest.rebuild()
        # As samplers have it: nothing is drawn from an empty set, and at least one row comes by priority.
        rest, shares = batch_size - 1, []
        for one in sets:
            shares.append(data.draw(st.integers(0, rest)) if len(one) else 0)
            rest -= shares[-1]
        expected = brute_force(index, sets, shares, batch_size)
        assert smallest.value(shares, batch_size) == pytest.approx(expected, rel=1e-12)


def test_the_least_priority_need_not_have_the_least_probability():
    index, rare = ProportionalIndex(20, 1.0), SlotSet(20, 2)
    smallest = SmallestDensity(20, index, (rare,))
    index.set(SLOTS, np.where(SLOTS == 3, 0.5, 1.0))
    smallest.update(SLOTS)
    assert smallest.value((0,), 8) == pytest.approx(0.5 / 19.5)
    rare.add(3)
    smallest.update([3])
    assert smallest.value((2,), 8) == pytest.approx(6 / 8 / 19.5)
    assert smallest.value((0,), 8) == pytest.approx(0.5 / 19.5)
    # Where everything is in the set, everything has its share.
    index.remove(SLOTS[SLOTS != 3])
    smallest.update(SLOTS)
    assert smallest.value((2,), 8) == pytest.approx(1.0)
