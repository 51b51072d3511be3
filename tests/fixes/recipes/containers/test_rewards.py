"""Where the reward is in what is stored, so that rare rewards are known to the buffer."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed
from .test_container_swap import FIXED_SPLIT, SPLIT, changed
from .test_slots import AFTER, BEFORE

STORED = "Transition(*args))"


@pytest.mark.parametrize(
    ("stored", "place"),
    [
        ("(args[0], args[1], args[2], reward))", "3"),
        ("(reward, args[0], args[1], args[2]))", "0"),
        ("Transition(args[0], args[1], args[2], reward))", '"reward"'),
    ],
)
def test_in_what_a_container_is_given(stored, place):
    pairs = [(STORED, stored), ("def push(self, *args)", "def push(self, reward, *args)")]
    call = ("memory.push(state, 0, next_state, reward)", "memory.push(reward, state, 0, next_state)")
    after = changed(FIXED_SPLIT | {"main.py": SPLIT["main.py"]}, *pairs, call, ('reward="reward"', f"reward={place}"))
    check_fixed(changed(SPLIT, *pairs, call), after)


def test_a_name_whose_reward_has_no_known_place_is_not_looked_into():
    pair = ("args[3]", "item[3]")
    stored = ("= args\n", "= item\n"), ("def push(self, *args)", "def push(self, item)")
    call = ("memory.push(state, 0, next_state, reward)", "memory.push((state, 0, next_state, reward))")
    known = changed(AFTER | {"main.py": BEFORE["main.py"]}, *stored, call, pair)
    check_fixed(changed(BEFORE, *stored, call), known)
    hidden = ("memory.push((state, 0, next_state, reward))", "memory.push(env.packed(state, next_state))")
    unknown = changed(known, hidden, (", reward=item[3]", ""))
    check_fixed(changed(BEFORE, *stored, call, hidden), unknown)
