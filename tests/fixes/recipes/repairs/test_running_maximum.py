import pytest

from ...rewriting import run
from .repairing import changed, check_left, check_repaired, example

CODE = "PER402"
ARRAY = "a maximum for each new transition"
TREE = "the leaves of a sum tree, in two files"
PRIORITIES = "        self.priorities = np.zeros(capacity)\n"
UPDATE = "        self.priorities[chosen] = np.abs(errors) + 1e-6\n"
RAISED = "        self.max_priority = max(self.max_priority, np.max(self.priorities[chosen]))\n"
SO_FAR = "the largest priority that there has been"


def test_an_array_that_is_written_many_at_a_time():
    check_repaired(
        CODE,
        example(CODE, ARRAY),
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        (UPDATE, UPDATE + RAISED),
        unsafe=SO_FAR,
    )


def test_the_nodes_of_a_tree_in_another_file():
    made = "self.sums, self.rows, self.size, self.at = np.zeros(2 * size - 1), [None] * size, size, 0\n"
    check_repaired(
        CODE,
        example(CODE, TREE),
        (made, made + "        self.max_priority = 0.0\n"),
        (
            "        self.sums[node] = priority\n",
            "        self.sums[node] = priority\n        self.max_priority = max(self.max_priority, priority)\n",
        ),
        ("np.max(self.tree.sums[-self.size :])", "self.tree.max_priority"),
        unsafe=SO_FAR,
    )


def test_what_is_stored_but_not_the_maximum_raises_it_as_well():
    old = "first = self.priorities.max() if self.rows else 1.0"
    files = changed(example(CODE, ARRAY), (old, "first = max(1.0, self.priorities.max())"))
    store = "        self.priorities[self.at] = first\n"
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 0.0\n"),
        ("self.priorities.max()", "self.max_priority"),
        (store, store + "        self.max_priority = max(self.max_priority, first)\n"),
        (UPDATE, UPDATE + RAISED),
        unsafe=SO_FAR,
    )


def test_one_priority_after_the_other():
    loop = "        for slot, error in zip(chosen, errors):\n            self.priorities[slot] = abs(error) + 1e-6\n"
    files = changed(example(CODE, ARRAY), (UPDATE, loop))
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        (loop, loop + "            self.max_priority = max(self.max_priority, self.priorities[slot])\n"),
        unsafe=SO_FAR,
    )


@pytest.mark.parametrize(
    "places",
    [
        "        places = chosen % self.capacity\n",
        "        places = chosen + 1\n",
        "        places = chosen // 2\n",
        "        places = chosen\n        while places.max() >= self.capacity:\n            places = places - 1\n",
    ],
)
def test_places_that_are_computed_from_many_are_many(places):
    update = places + "        self.priorities[places] = errors\n"
    files = changed(example(CODE, ARRAY), (UPDATE, update))
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        (update, update + RAISED.replace("chosen", "places")),
        unsafe=SO_FAR,
    )


def test_a_number_is_one_priority_wherever_it_is_written():
    load = "\n    def begin_with(self, rows):\n        for s, a, r, t, d in rows:\n"
    load += "            self.priorities[len(self.rows)] = 1.0\n"
    load += "            self.rows.append((s, a, r, t, d))\n"
    files = changed(example(CODE, ARRAY), (UPDATE, UPDATE + load))
    files["play.py"] = "from memory import Memory\n\n\ndef play(rows):\n    Memory(100_000).begin_with(rows)\n"
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        (UPDATE, UPDATE + RAISED),
        ("] = 1.0\n", "] = 1.0\n            self.max_priority = max(self.max_priority, 1.0)\n"),
        unsafe=SO_FAR,
    )


def test_a_list_takes_one_priority_at_a_place():
    loop = "        for k in range(len(chosen)):\n            self.put(chosen[k], errors[k])\n"
    put = "\n    def put(self, slot, priority):\n        self.priorities[slot] = priority\n"
    listed = "        self.priorities = [0.0] * capacity\n"
    files = changed(
        example(CODE, ARRAY),
        (UPDATE, loop + put),
        (PRIORITIES, listed),
        ("self.priorities.max()", "max(self.priorities)"),
    )
    check_repaired(
        CODE,
        files,
        (listed, listed + "        self.max_priority = 1.0\n"),
        ("max(self.priorities) if self.rows else 1.0", "self.max_priority"),
        (put, put + "        self.max_priority = max(self.max_priority, priority)\n"),
        unsafe=SO_FAR,
    )


def test_many_that_are_written_at_once_to_what_may_be_no_array_are_left():
    ring = "        ring = (chosen - 1) % self.capacity\n        self.priorities[ring] = errors\n"
    files = changed(example(CODE, ARRAY), (UPDATE, ring), ("np.zeros(capacity)", "zeros(capacity)"))
    files = changed(files, ("import numpy as np\n", "import numpy as np\nfrom numpy import zeros\n"))
    check_left(CODE, files, "whether one priority is written")


def test_a_name_that_is_taken_is_left_alone():
    files = changed(example(CODE, ARRAY), ("alpha, 0\n", "alpha, 0\n        self.max_priority = 9.0\n"))
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.largest_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.largest_priority"),
        (UPDATE, UPDATE + RAISED.replace("max_priority", "largest_priority")),
        unsafe=SO_FAR,
    )


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("the smallest of those that were written", "can fall again, and needs a tree of its own"),
        ("a property of the tree, priorities in a deque beside the transitions", "in another class"),
    ],
)
def test_what_cannot_be_kept_in_one_attribute_is_left(title, reason):
    check_left(CODE, example(CODE, title), reason)


def test_what_begins_with_an_unknown_value_is_left():
    files = changed(example(CODE, ARRAY), ("np.zeros(capacity)", "np.full(capacity, alpha)"))
    files = changed(files, ("self.priorities.max() if self.rows else 1.0", "self.priorities.max()"))
    check_left(CODE, files, "what the first transition gets")


def test_a_maximum_that_is_asked_for_twice():
    files = changed(
        example(CODE, ARRAY),
        ("        self.priorities[self.at] = first\n", "        self.priorities[self.at] = self.priorities.max()\n"),
    )
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        ("self.priorities[self.at] = self.priorities.max()", "self.priorities[self.at] = self.max_priority"),
        (UPDATE, UPDATE + RAISED),
        unsafe=SO_FAR,
    )


def test_a_change_that_is_handed_up_by_a_method_of_its_own_is_no_priority():
    old = """        self.sums[node] = priority
        while node:
            node = (node - 1) // 2
            self.sums[node] += change
"""
    new = """        self.sums[node] = priority
        self.hand_up(node, change)

    def hand_up(self, node, change):
        above = (node - 1) // 2
        self.sums[above] += change
        if above:
            self.hand_up(above, change)
"""
    made = "self.sums, self.rows, self.size, self.at = np.zeros(2 * size - 1), [None] * size, size, 0\n"
    check_repaired(
        CODE,
        changed(example(CODE, TREE), (old, new)),
        (made, made + "        self.max_priority = 0.0\n"),
        (
            "        self.sums[node] = priority\n",
            "        self.sums[node] = priority\n"
            "        self.max_priority = max(self.max_priority, np.max(self.sums[node]))\n",
        ),
        ("np.max(self.tree.sums[-self.size :])", "self.tree.max_priority"),
        unsafe=SO_FAR,
    )


@pytest.mark.parametrize(
    "update",
    [
        "        np.put(self.priorities, chosen, np.abs(errors) + 1e-6)\n",
        "        self.priorities[chosen], self.last = np.abs(errors) + 1e-6, chosen\n",
        "        self.priorities.put(chosen, np.abs(errors) + 1e-6)\n",
    ],
)
def test_priorities_that_may_be_written_in_another_way_are_left(update):
    check_left(CODE, changed(example(CODE, ARRAY), (UPDATE, update)), "in a way not understood")


def test_a_quotient_that_is_not_of_the_position_says_nothing_of_how_many_are_written():
    rounds = UPDATE + "        self.rounds = self.at // self.capacity\n"
    files = changed(
        example(CODE, ARRAY), (UPDATE, rounds), (PRIORITIES, PRIORITIES + "        self.capacity = capacity\n")
    )
    raised = "        self.max_priority = max(self.max_priority, np.max(self.priorities[chosen]))\n"
    check_repaired(
        CODE,
        files,
        (PRIORITIES, PRIORITIES + "        self.max_priority = 1.0\n"),
        ("self.priorities.max() if self.rows else 1.0", "self.max_priority"),
        (UPDATE, UPDATE + raised),
        unsafe=SO_FAR,
    )


def test_the_maximum_of_another_class_of_the_file_is_left():
    other = """

class Plan:
    def __init__(self):
        self.priorities = np.array([1.0, 2.0])

    def top(self):
        return self.priorities.max() if self.rows else 1.0
"""
    files = example(CODE, ARRAY)
    (path,) = [name for name, text in files.items() if UPDATE in text]
    result, found = run({**files, path: files[path] + other}, codes=(CODE,), unsafe=True)
    assert [refusal.reason for refusal in result.refused] == []
    assert found[path].endswith(other)
    assert found[path].count("self.max_priority = 1.0") == 1


def test_the_same_maximum_written_in_two_ways_is_left():
    found = run(example(CODE, "in the two branches of a test, told once"), codes=(CODE,), unsafe=True)[0]
    assert [refusal.reason for refusal in found.refused] == [
        "the largest is looked for in another way at memory.py:13 too"
    ]
