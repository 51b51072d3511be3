"""What a full buffer forgets."""

import textwrap

import pytest

from per_audit.graph.memory.eviction import forgets_newest_first, forgets_oldest

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


TURNED = """if len(self.rows) < self.size:
                self.rows.{fill}(row)
            else:
                self.rows.pop()
                self.rows.appendleft(row)"""


@pytest.mark.parametrize(("fill", "newest"), [("append", True), ("appendleft", False)])
def test_a_queue_that_is_turned_once_it_is_full(project, fill, newest):
    graph = project(LIST.format(made="deque()", store=TURNED.format(fill=fill)))
    (buffer,) = graph.buffers
    assert forgets_oldest(graph, buffer)
    assert forgets_newest_first(graph, buffer) is newest


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


CASCADE = """
    import heapq
    import random

    class Ring:
        def __init__(self, size):
            self.rows, self.size, self.at = [None] * size, size, 0

        def add(self, row):
            {old}
            self.at = (self.at + 1) % self.size
            return {back}

    class Memory:
        def __init__(self, size):
            self.new, self.old, self.kept = Ring(size), Ring(size), []

        def add(self, state, action, reward, next_state, done):
            row = (state, action, reward, next_state, done)
            {put}

        def sample(self, n):
            return random.sample(self.new.rows, n) + random.sample(self.{second}, n)

    memory = Memory(100)

    def train(env, net):
        state = env.reset()
        while True:
            next_state, reward, done, _ = env.step(0)
            memory.add(state, 0, reward, next_state, done)
            state = next_state
            net.loss(memory.sample(32)).backward()
"""
PLAIN = {"old": "self.rows[self.at] = row", "back": "None", "put": "self.new.add(row)", "second": "old.rows"}
OLD = {"old": "gone, self.rows[self.at] = self.rows[self.at], row", "back": "gone"}
NEXT = {"put": "gone = self.new.add(row)\n            gone and random.random() < 0.5 and self.old.add(gone)"}


@pytest.mark.parametrize(
    ("changed", "oldest"),
    [
        ({}, True),
        (OLD, True),
        (OLD | NEXT, False),
        (OLD | NEXT | {"old": "gone = self.rows[self.at]\n            self.rows[self.at] = row"}, False),
        (NEXT | {"back": "row"}, True),
        ({"put": "self.new.add(row)\n            heapq.heappushpop(self.kept, row)", "second": "kept"}, False),
    ],
)
def test_what_leaves_one_container_for_another_or_by_another_order(project, changed, oldest):
    graph = project(CASCADE.format(**PLAIN | changed))
    told = [forgets_oldest(graph, buffer) for buffer in graph.buffers if buffer.owner.name == "Memory"]
    assert told
    assert all(told) == oldest


@pytest.mark.parametrize(("called", "forgets"), [("memory.trim()", True), ("pass", False)])
def test_a_method_that_nothing_calls_forgets_nothing(project, called, forgets):
    trim = "\n    def trim(self):\n        if len(self.rows) > self.size:\n            del self.rows[:1]\n"
    train = f"""
    memory = Memory(90)
    for episode in range(100):
        memory.add(*env.step(0))
        learn(memory.sample(4))
        {called}
    """
    made = textwrap.dedent(LIST.format(made="[]", store="self.rows.append(row)")) + textwrap.indent(trim, "")
    (buffer,) = (graph := project(made + textwrap.dedent(train))).buffers
    assert forgets_oldest(graph, buffer) is forgets


@pytest.mark.parametrize(
    ("made", "put", "oldest"),
    [
        ("deque(maxlen=size), -1", "self.parts.append([])", False),
        ("[deque(maxlen=size) for _ in range(4)], action", "pass", True),
    ],
)
def test_of_lists_in_a_container_what_each_forgets_counts(project, made, put, oldest):
    parts, at = made.rsplit(", ", 1)
    graph = project(f"""
    import random
    from collections import deque

    class Memory:
        def __init__(self, size):
            self.parts = {parts}
            {put}

        def add(self, state, action, reward, next_state, done):
            self.parts[{at}].append((state, action, reward, next_state, done))
            if done:
                {put}

        def sample(self, n):
            chosen = [random.randint(0, len(self.parts) - 1) for _ in range(n)]
            places = [random.randint(0, len(self.parts[part]) - 1) for part in chosen]
            return self.read(zip(chosen, places))

        def read(self, chosen):
            return [self.parts[part][place] for part, place in chosen]

    def train(env, net):
        memory, state = Memory(400), env.reset()
        for _ in range(100_000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = next_state
            net.loss(memory.sample(32)).backward()
    """)
    assert forgets(graph) is oldest
