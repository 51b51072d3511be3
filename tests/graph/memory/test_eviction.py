"""What a full buffer forgets."""

import pytest

from per_audit.graph.memory.eviction import forgets_oldest

LIST = """
    import random
    from collections import deque

    class Memory:
        def __init__(self, size):
            self.rows, self.size = {made}, size

        def add(self, state, action, reward, next_state, done):
            row = (state, action, reward, next_state, done)
            {store}

        def sample(self, n):
            return random.sample(self.rows, n)
"""
RING = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.states, self.rewards, self.following = np.zeros((size, 3)), np.zeros(size), np.zeros((size, 3))
            self.size, self.at, self.count = size, 0, 0

        def add(self, state, reward, next_state):
            {place}
            self.states[at], self.rewards[at], self.following[at] = state, reward, next_state
            {move}

        def sample(self, n):
            chosen = np.random.randint(0, self.count, n)
            return self.states[chosen], self.rewards[chosen], self.following[chosen]
"""
ROW = ("state", "reward", "next_state")


def forgets(graph):
    (buffer,) = graph.buffers
    return forgets_oldest(graph, buffer)


@pytest.mark.parametrize(
    ("made", "store", "oldest"),
    [
        ("deque(maxlen=size)", "self.rows.append(row)", True),
        ("deque()", "self.rows.append(row); len(self.rows) > self.size and self.rows.popleft()", True),
        ("[]", "self.rows.append(row); len(self.rows) > self.size and self.rows.pop(0)", True),
        ("[]", "self.rows.insert(0, row); len(self.rows) > self.size and self.rows.pop()", True),
        ("[]", "del self.rows[:1]; self.rows.append(row)", True),
        ("[]", "self.rows.append(row); self.rows = self.rows[-self.size:]", True),
        ("[]", "self.rows.append(row); self.rows = self.rows[:self.size]", False),
        ("[]", "self.rows.append(row); len(self.rows) > self.size and self.rows.pop()", False),
        ("[]", "self.rows.append(row); self.rows.pop(random.randrange(self.size))", False),
        ("[]", "self.rows.append(row)", False),
        ("deque()", "self.rows.append(row)", False),
    ],
)
def test_queues(project, made, store, oldest):
    assert forgets(project(LIST.format(made=made, store=store))) is oldest


@pytest.mark.parametrize(
    ("place", "move", "oldest"),
    [
        ("at = self.at % self.size", "self.at += 1", True),
        ("at = self.at", "self.at = (self.at + 1) % self.size", True),
        ("at = self.at", "self.at = self.at + 1 if self.at + 1 < self.size else 0", True),
        ("at = self.at", "self.at += 1\n            if self.at == self.size:\n                self.at = 0", True),
        (
            "at = self._place()",
            "self.at += 1\n\n        def _place(self):\n            return self.at % self.size",
            True,
        ),
        ("at = np.random.randint(self.size)", "self.at += 1", False),
        ("at = self.at", "self.at += 1\n\n        def forget(self):\n            self.at = 0", False),
        ("at = self.at", "self.at += 1", False),
    ],
)
def test_positions(project, place, move, oldest):
    assert forgets(project(RING.format(place=place, move=move))) is oldest


def test_rows_that_are_copied_into_their_places(project):
    rows = ("states", "rewards", "following")
    plain = "self.states[at], self.rewards[at], self.following[at] = state, reward, next_state"
    copies = "; ".join(f"np.copyto(self.{row}[at], {value})" for row, value in zip(rows, ROW, strict=True))
    text = RING.format(place="at = self.at % self.size", move="self.at += 1")
    assert forgets(project(text.replace(plain, copies)))


@pytest.mark.parametrize(("limit", "oldest"), [("maxlen=size", True), ("", False)])
def test_an_heir_of_deque(project, limit, oldest):
    graph = project(f"""
    import random
    from collections import deque

    class Memory(deque):
        def __init__(self, size):
            super().__init__({limit})

        def push(self, state, action, reward, next_state, done):
            self.append((state, action, reward, next_state, done))

        def draw(self, n):
            return random.sample(self, n)
    """)
    assert forgets(graph) is oldest


@pytest.mark.parametrize(("test", "forgets"), [("reward > 0", False), ("len(self.rows) % 2", True)])
def test_rewarded_transitions_that_are_kept_apart_do_not_make_room_for_others(project, test, forgets):
    store = f"(self.rows if {test} else self.rows).append(row)"
    graph = project(
        LIST.format(made="deque(maxlen=size)", store=store)
        .replace("self.rows, self.size =", "self.rare, self.rows, self.size = deque(maxlen=size),")
        .replace(
            store,
            f"if {test}:\n                self.rare.append(row)\n"
            "            else:\n                self.rows.append(row)",
        )
        .replace(
            "return random.sample(self.rows, n)", "return random.sample(self.rows, n) + random.sample(self.rare, n)"
        )
    )
    assert graph.buffers
    assert {forgets_oldest(graph, buffer) for buffer in graph.buffers} == {forgets}
