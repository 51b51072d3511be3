"""Code that bounds a container goes, because the prioritised buffer bounds itself."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused, run
from .test_container_swap import FIXED_MEMORY, FIXED_SPLIT, MEMORY, SPLIT, changed

STORE = "        self.items.append(Transition(*args))  # any object\n"
MADE = "        self.items = deque([], maxlen=capacity)\n"
NEW = FIXED_MEMORY[FIXED_MEMORY.index("        self.items = ") : FIXED_MEMORY.index("    def push")]
KEPT = "        self.size = capacity\n"


def with_store(files: Files, store: str, before: str = KEPT, made: str = "[]", behind: str = "") -> Files:
    """The program, its container made empty and bounded by the code that stores."""
    pairs = [(STORE, store), ("from collections import deque, namedtuple", "from collections import namedtuple")]
    if "deque" in made:
        pairs.pop()
    made_line = f"{before}        self.items = {made}\n{behind}"
    return changed(files, (MADE, made_line), *pairs)


def fixed(store: str, before: str = KEPT, behind: str = "", capacity: str = "self.size") -> Files:
    new = NEW.rstrip("\n") + "\n"
    lines = before + new.replace("            capacity,", f"            {capacity},") + behind
    return changed(FIXED_SPLIT, (new, lines), (STORE, store))


ADDED = "        self.items.append(Transition(*args))\n"
POINTER = "        self.position = (self.position + 1) % self.size\n"
START = KEPT + "        self.position = 0\n"


@pytest.mark.parametrize("test", ["len(self.items) < self.size", "self.size > len(self.items)"])
def test_a_ring_that_is_filled_up_first(test):
    store = f"        if {test}:\n            self.items.append(None)\n"
    store += "        self.items[self.position] = Transition(*args)\n" + POINTER
    check_fixed(with_store(SPLIT, store, START), fixed(ADDED + POINTER, START))


def test_a_ring_that_is_filled_up_with_what_is_written_over():
    store = "        if len(self.items) < self.size:\n            self.items.append(Transition(*args))\n"
    store += "        self.items[self.position] = Transition(*args)\n" + POINTER
    check_fixed(with_store(SPLIT, store, START), fixed(ADDED + POINTER, START))


def test_tuples_keep_their_brackets():
    store = "        if len(self.items) < self.size:\n            self.items.append(None)\n"
    store += "        self.items[self.position] = (args[0], args[1], args[2], args[3])\n" + POINTER
    added = "        self.items.append((args[0], args[1], args[2], args[3]))\n" + POINTER
    after = changed(fixed(added, START), ('reward="reward"', "reward=3"))
    check_fixed(with_store(SPLIT, store, START), after)


@pytest.mark.parametrize(
    ("test", "first", "second"),
    [
        ("len(self.items) < self.size", "self.items.append(item)", "self.items[self.position] = item"),
        ("len(self.items) >= self.size", "self.items[self.position] = item", "self.items.append(item)"),
        ("self.position >= len(self.items)", "self.items.append(item)", "self.items[self.position] = item"),
    ],
)
def test_a_ring_in_two_branches(test, first, second):
    head = "        item = Transition(*args)\n"
    store = f"{head}        if {test}:\n            {first}\n        else:\n            {second}\n{POINTER}"
    after = fixed(f"{head}        self.items.append(item)\n{POINTER}", START)
    check_fixed(with_store(SPLIT, store, START), after)


MOVING = (
    "        if len(self.items) == self.size:\n            self.items[int(self.position)] = Transition(*args)\n"
    "            self.position = (self.position + 1) % self.size\n"
    "        else:\n            self.items.append(Transition(*args))\n"
)


def test_a_ring_whose_position_moves_when_it_is_full_and_whose_capacity_is_no_whole_number():
    made = ("capacity):\n", "capacity=1e4):\n")
    before = changed(with_store(SPLIT, MOVING, START), made)
    check_fixed(before, changed(fixed(ADDED, START, capacity="int(self.size)"), made))


def test_a_position_that_is_read_elsewhere_is_not_left_standing_still():
    read = ("    def push(", "    def newest(self):\n        return self.items[self.position - 1]\n\n    def push(")
    check_refused(changed(with_store(SPLIT, MOVING, START), read), "was not understood")


LOCAL = """
import random

import torch
import torch.nn.functional as F


def main(options, env, network, target_network, optimizer):
    state, step = env.reset(), 0
    kept = []
    while step < 9000:
        next_state, reward, done = env.step(0)
        kept.append((state, 0, reward, next_state, done))
        if len(kept) > options.size:
            del kept[0]
        state = next_state
        batch = random.sample(kept, min(len(kept), options.batch))
        states, actions, rewards, next_states, dones = map(torch.tensor, zip(*batch))
        with torch.no_grad():
            target = rewards + 0.9 * (1 - dones) * target_network(next_states).max(1).values
        q = network(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        loss = F.mse_loss(q, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
"""


def test_a_list_of_a_function_that_is_bounded_by_a_field_of_its_argument():
    before = {"main.py": LOCAL}
    after = changed(
        before,
        ("import random\n\n", ""),
        ("import torch.nn.functional as F\n", "import torch.nn.functional as F\n"
         "from experience_replay_optimizer import (\n    LinearSchedule,\n    PrioritizedReplayBuffer,\n"
         "    absolute_td_error,\n    importance_weighted_loss,\n)\n"),
        ("[]", "PrioritizedReplayBuffer(\n        options.size,\n"
         "        beta=LinearSchedule(0.4, 1.0, steps=9000),\n        reward=2,\n    )"),
        ("        if len(kept) > options.size:\n            del kept[0]\n", ""),
        ("batch = random.sample(kept, ", "batch, weights, indices = kept.sample("),
        ("F.mse_loss(q, target)", 'importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)'),
        ("        optimizer.step()\n", "        optimizer.step()\n"
         "        kept.update_priorities(indices, absolute_td_error(q, target))\n"),
    )  # fmt: skip
    check_fixed(before, after)
    moved = changed(before, ("        step += 1\n", "        step += 1\n        options.size = step\n"))
    check_refused(moved, "is not known where its list")


@pytest.mark.parametrize(
    "store",
    [
        f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n",
        f"{ADDED}        while len(self.items) > self.size:\n            del self.items[0]\n",
        f"        if len(self.items) >= self.size:\n            self.items.pop(0)\n{ADDED}",
        f"        if self.size == len(self.items):\n            del self.items[0]\n{ADDED}",
    ],
)
def test_the_oldest_is_taken_out(store):
    check_fixed(with_store(SPLIT, store), fixed(ADDED))


@pytest.mark.parametrize(
    ("store", "capacity"),
    [
        (f"        if len(self.items) > self.size:\n            self.items.pop(0)\n{ADDED}", "self.size + 1"),
        (f"{ADDED}        if len(self.items) >= self.size:\n            self.items.pop(0)\n", "self.size - 1"),
        (f"{ADDED}        if self.size == len(self.items):\n            del self.items[0]\n", "self.size - 1"),
    ],
)
def test_the_oldest_is_taken_out_one_early_or_late(store, capacity):
    check_fixed(with_store(SPLIT, store), fixed(ADDED, capacity=capacity))


def test_a_deque_that_is_bounded_by_hand():
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.popleft()\n"
    check_fixed(with_store(SPLIT, store, made="deque()"), fixed(ADDED))


def test_a_capacity_that_is_set_later():
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n"
    check_fixed(with_store(SPLIT, store, "", behind=KEPT), fixed(ADDED, "", KEPT, "capacity"))


@pytest.mark.parametrize("value", ["SIZE", "options.size", "capacity.size"])
def test_a_capacity_that_is_set_later_to_what_is_known_before(value):
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n"
    behind = f"        self.size = {value}\n"
    check_fixed(with_store(SPLIT, store, "", behind=behind), fixed(ADDED, "", behind, value))


@pytest.mark.parametrize(
    "behind",
    [
        "self.size = self.most",
        "most = 9\n        self.size = most",
        "from settings import most\n        self.size = most",
        "with open(capacity) as most:\n            self.size = most.size",
        "for most, _ in capacity.items():\n            self.size = most",
        "if (most := capacity.size) > 0:\n            self.size = most",
        "try:\n            capacity.check()\n        except ValueError as most:\n            self.size = most.size",
        "capacity.resolve()\n        self.size = capacity.size",
        "self.start()\n        self.size = SIZE",
        "if capacity is None:\n            return\n        self.size = capacity.size",
        "if capacity is not None:\n            self.size = capacity.size",
        "global SIZE\n        SIZE = 9\n        self.size = SIZE",
    ],
)
def test_a_capacity_that_is_computed_later_is_refused(behind):
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n"
    check_refused(with_store(SPLIT, store, "", behind=f"        {behind}\n"), "is not known where its list")


def test_a_capacity_that_is_set_later_behind_calls_that_leave_it_alone():
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n"
    behind = "        self.noise = torch.zeros(4)\n        self.size = capacity.size\n"
    use = ("import random\n", "import random\n\nimport torch\n")
    before = changed(with_store(SPLIT, store, "", behind=behind), use)
    result, after = run(before)
    assert result.applied
    assert "            capacity.size,\n" in after["memory.py"]


def test_a_static_method_that_is_given_nothing():
    store = f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n"
    made = "    @staticmethod\n    def made():\n        self = Memory(1)\n"
    made += "        self.items = []\n        self.size = SIZE\n"
    before = changed(
        with_store(SPLIT, store), (f"{KEPT}        self.items = []\n", f"{KEPT}\n{made}        return self\n")
    )
    result, after = run(before, unsafe=True)
    assert result.applied
    assert "            SIZE,\n" in after["memory.py"]


def test_a_literal_capacity():
    store = f"{ADDED}        if len(self.items) > 5000:\n            self.items.pop(0)\n"
    check_fixed(with_store(SPLIT, store), fixed(ADDED, capacity="5000"))


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        (ADDED, "nothing bounds the list made at memory.py:"),
        (f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop()\n", "was not understood"),
        (
            f"{ADDED}        if len(self.items) > self.size:\n            self.items.pop(0)\n            args = 1\n",
            "was not understood",
        ),
        (
            f"{ADDED}        if len(self.items) > args[0]:\n            self.items.pop(0)\n",
            "is not known where its list",
        ),
        (
            "        if len(self.items) < self.size:\n            self.items.append(Transition(*args))\n"
            "        else:\n            self.items[self.position] = args\n",
            "was not understood",
        ),
    ],
)
def test_refused(store, reason):
    check_refused(with_store(SPLIT, store, START), reason)


def test_the_memory_is_as_the_tests_take_it():
    assert MADE in MEMORY
    assert STORE in MEMORY


GROWING = "            self.items.append(Transition(*args))\n"
OLDEST = "            self.items.popleft()\n"


@pytest.mark.parametrize(
    "store",
    [
        f"        if len(self.items) < self.size:\n{GROWING}        else:\n{OLDEST}{GROWING}",
        f"        if len(self.items) >= self.size:\n{OLDEST}{GROWING}        else:\n{GROWING}",
        f"        if len(self.items) == self.size:\n{GROWING}{OLDEST}        else:\n{GROWING}",
    ],
)
def test_appended_to_in_both_branches(store):
    check_fixed(with_store(SPLIT, store, made="deque()"), fixed(ADDED))


COUNTING = f"        if self.count < self.size:\n{GROWING}            self.count += 1\n        else:\n"
COUNT = KEPT + "        self.count = 0\n"


def test_a_count_of_those_that_are_there_stays():
    emptied = "\n    def clear(self):\n        self.items.clear()\n        self.count = 0\n"
    before = with_store(SPLIT, f"{COUNTING}            self.items.popleft()\n{GROWING}", COUNT, "deque()")
    after = fixed(COUNTING + GROWING, COUNT)
    whole = ("memory.py", "        return len(self.items)\n")
    for files in (before, after):
        files[whole[0]] = files[whole[0]].replace(whole[1], f"        return self.count\n{emptied}")
    check_fixed(before, after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.count += 1", "self.count += 2"),
        ("        self.count = 0\n", "        self.count = 5\n"),
        ("self.items.popleft()", "self.items.pop()"),
        ("            self.items.popleft()\n", "            self.items.popleft()\n            self.size += 1\n"),
    ],
)
def test_other_counts_are_refused(old, new):
    before = with_store(SPLIT, f"{COUNTING}            self.items.popleft()\n{GROWING}", COUNT, "deque()")
    check_refused(changed(before, (old, new)), "no code that bounds it was understood")
