"""Containers that a class holds for all of its objects."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed, check_refused
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

MADE = "    def __init__(self, capacity):\n        self.items = deque([], maxlen=capacity)\n"
SHARED = "    items = []\n\n    def __init__(self, capacity):\n        self.capacity = capacity\n        self.age = 0\n"
OWN = """\
    def __init__(self, capacity):
        self.capacity = capacity
        self.items = PrioritizedReplayBuffer(
            self.capacity,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            reward="reward",
        )
        self.age = 0
"""
STORE = "        self.items.append(Transition(*args))  # any object\n"
BOUND = "        if len(self.items) > self.capacity:\n            self.items.pop(0)\n"
IMPORT = ("from collections import deque, namedtuple", "from collections import namedtuple")
BEFORE = changed(SPLIT, (MADE, SHARED), (STORE, STORE + BOUND), IMPORT)
MADE_NEW = FIXED_SPLIT["memory.py"][FIXED_SPLIT["memory.py"].index("    def __init__") :].partition("\n    def push")[0]
AFTER = changed(FIXED_SPLIT, (MADE_NEW, OWN))


def test_every_object_has_its_own():
    check_fixed(BEFORE, AFTER)


def test_comments_above_and_statements_before_stay():
    pair = ("class Memory:\n", "class Memory:\n    unit = 1\n")
    check_fixed(changed(BEFORE, pair), changed(AFTER, ("class Memory:\n", "class Memory:\n    unit = 1\n\n")))


def test_a_bound_that_is_known_in_the_class_leaves_it_there():
    size = ("class Memory:", "SIZE = 5000\n\n\nclass Memory:")
    bound = ("> self.capacity:", "> SIZE:")
    new = OWN.replace("self.items = ", "    items = ").replace("            ", "        ")
    place = new[new.index("        items") : new.index("        self.age")].replace("        items", "    items")
    place = place.replace("self.capacity", "SIZE").replace("\n        )", "\n    )")
    init = "\n    def __init__(self, capacity):\n        self.capacity = capacity\n        self.age = 0\n"
    check_fixed(changed(BEFORE, size, bound), changed(changed(AFTER, size), (OWN, place + init)))


def test_several_objects_shared_one_list():
    pair = ("    state = env.reset()\n", "    Memory(5).push(0, 0, 0, 0)\n    state = env.reset()\n")
    assumed = "all objects of Memory shared one items; those made at "
    check_fixed(changed(BEFORE, pair), changed(BEFORE | AFTER, pair), unsafe=assumed)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("        self.capacity = capacity\n", ""), "the capacity self.capacity of Memory is not known"),
        (
            ("        self.capacity = capacity\n", "        if capacity:\n            self.capacity = capacity\n"),
            "the capacity self.capacity of Memory is not known",
        ),
        (("len(self.items)\n", "len(Memory.items)\n"), "is read from the class Memory at memory.py"),
    ],
)
def test_refused(pair, reason):
    check_refused(changed(BEFORE, pair), reason)


def test_an_heir_with_an_init_of_its_own():
    heir = "\n\nclass Old(Memory):\n    def __init__(self):\n        self.capacity = 5\n"
    files = BEFORE | {"memory.py": BEFORE["memory.py"] + heir}
    check_refused(files, "whose heir Old has an __init__ of its own")
