import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from experience_replay_optimizer.samplers.slot_set import SlotSet

steps = st.lists(
    st.tuples(st.sampled_from(["add", "discard", "draw", "replace", "restore"]), st.integers(0, 9)), max_size=120
)


@given(steps, st.integers(0, 6))
@settings(deadline=None)
def test_behaves_like_an_ordered_list(actions, limit):
    slots, model = SlotSet(10, limit), []
    for action, slot in actions:
        if action == "add" and limit:
            if slot in model:
                model.remove(slot)
            leaver = model.pop(0) if len(model) == limit else -1
            model.append(slot)
            assert slots.add(slot) == leaver
        elif action == "add":
            assert slots.add(slot) == -1
        elif action == "discard":
            assert slots.discard(slot) is (slot in model)
            if slot in model:
                model.remove(slot)
        elif action == "replace" and model and slot not in model:
            at = slot % len(model)
            slots.replace(model[at], slot)
            model[at] = slot
        elif action == "restore":
            slots.restore(slots.slots())
        elif action == "draw" and model:
            assert slots.draw(np.arange(len(model)) / len(model)).tolist() == model
        assert slots.slots().tolist() == model
        assert len(slots) == len(model)
        assert [one in slots for one in range(10)] == [one in model for one in range(10)]
        assert slots.contains(np.arange(10)).tolist() == [one in model for one in range(10)]
    slots.clear()
    assert len(slots) == 0
    assert slots.slots().size == 0


@pytest.mark.parametrize("gone", [[], [1, 2], [0, 2, 3, 5, 6, 7, 8]])
def test_draws_are_uniform_after_removals(gone):
    slots = SlotSet(10, 10)
    for slot in range(10):
        slots.add(slot)
    for slot in gone:
        slots.discard(slot)
    drawn = np.bincount(slots.draw(np.random.default_rng(3).random(50_000)), minlength=10)
    assert drawn[gone].sum() == 0
    assert chisquare(np.delete(drawn, gone)).pvalue > 1e-4
