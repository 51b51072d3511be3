"""What is handed back to a buffer as positions."""

import pytest

from per_audit.graph.prioritised.priorities.handed import (
    blurred,
    moved_positions,
    numbers_for_positions,
    weights_for_positions,
)

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % self.size

        def sample(self, n, beta=0.4):
            p = self.mass / self.mass.sum()
            at = np.random.choice(self.size, n, p=p)
            weights = (self.size * p[at]) ** -beta
            return [self.rows[i] for i in at], weights / weights.max(), at

        def update(self, at, errors):
            for i, error in zip(at, errors):
                self.mass[i] = abs(error) + 1e-6

    def learn(memory, net):
        rows, weights, at = [], [], []
        {take} = memory.sample(8)
        errors = net.errors(rows)
        net.step((weights * errors ** 2).mean())
        memory.update({give})

    learn(Memory(100), None)
"""


@pytest.mark.parametrize(
    ("take", "give", "lines"),
    [
        ("rows, weights, at", "at, errors", []),
        ("rows, weights, at", "errors=errors, at=at", []),
        ("rows, at, weights", "at, errors", [[25]]),
        ("rows, at, weights", "errors=errors, at=at", [[25]]),
        ("rows, weights, at", "weights, errors", [[25]]),
        ("rows, at, weights", "weights, errors", []),
        ("rows, at, weights", "net.places(rows), errors", []),
    ],
)
def test_weights_are_no_positions(project, take, give, lines):
    graph = project(MEMORY.format(take=take, give=give))
    (buffer,) = graph.buffers
    found = weights_for_positions(graph.anatomy(buffer))
    assert [[graph.place(path, node).line for node, path in unpacked] for _, unpacked in found] == lines


STORE = """
    class Store:
        def __init__(self, mass):
            self.mass = mass

        def __setitem__(self, slot, value):
            slot += 0
            self.mass[slot] = value

        def put(self, slot, value):
            self.mass[slot] = value
"""


@pytest.mark.parametrize("put", ["self.store[i] = abs(error) + 1e-6", "self.store.put(i, abs(error) + 1e-6)"])
@pytest.mark.parametrize(("take", "lines"), [("rows, weights, at", []), ("rows, at, weights", ["memory.update"])])
def test_weights_are_told_where_the_training_hands_them_over(project, put, take, lines):
    text = MEMORY.format(take=take, give="at, errors")
    text = text.replace("self.mass[i] = abs(error) + 1e-6", put).replace(
        "np.zeros(size), size, 0", "np.zeros(size), size, 0\n            self.store = Store(self.mass)"
    )
    graph = project(STORE + text)
    (buffer,) = graph.buffers
    found = [graph.source(step.path, step.node) for step, _ in weights_for_positions(graph.anatomy(buffer))]
    assert [text.partition("(")[0] for text in found] == lines


@pytest.mark.parametrize(
    ("give", "count"),
    [
        ("at, errors", 0),
        ("np.arange(8), errors", 1),
        ("at=list(range(len(at))), errors=errors", 1),
        ("np.arange(8, 16), errors", 0),
        ("np.arange(100), np.ones(100)", 0),
        ("[at[i] for i in range(8)], errors", 0),
    ],
)
def test_rows_of_a_batch_are_no_positions(project, give, count):
    graph = project(MEMORY.format(take="rows, weights, at", give=give))
    (buffer,) = graph.buffers
    assert len(list(numbers_for_positions(graph.anatomy(buffer)))) == count


@pytest.mark.parametrize("put", ["self.store[i] = abs(error) + 1e-6", "self.store.put(i, abs(error) + 1e-6)"])
@pytest.mark.parametrize(
    ("give", "count"),
    [("np.arange(8), errors", 1), ("at, errors", 0), ("[at[i] for i in range(8)], errors", 0)],
)
def test_rows_of_a_batch_are_no_positions_where_a_tree_adds_what_lies_before_its_leaves(project, put, give, count):
    text = MEMORY.format(take="rows, weights, at", give=give)
    text = text.replace("self.mass[i] = abs(error) + 1e-6", put).replace(
        "np.zeros(size), size, 0", "np.zeros(size), size, 0\n            self.store = Store(self.mass, 3)"
    )
    store = STORE.replace("self, mass):", "self, mass, first):\n            self.first = first")
    store = store.replace("slot += 0", "slot += self.first").replace(
        "[slot] = value", "[self.first - 1 + slot] = value"
    )
    graph = project(store + text)
    (buffer,) = graph.buffers
    assert len(list(numbers_for_positions(graph.anatomy(buffer)))) == count


def test_a_position_inside_of_a_transition_is_one_beside_its_weight(project):
    graph = project("""
        import numpy as np

        class Memory:
            def __init__(self, size):
                self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

            def push(self, state, action, reward, next_state, done):
                row = {"state": state, "action": action, "reward": reward, "next_state": next_state, "done": done}
                self.rows[self.at] = row
                self.mass[self.at] = 1.0
                self.at = (self.at + 1) % self.size

            def sample(self, n, beta=0.4):
                p = self.mass / self.mass.sum()
                at = np.random.choice(self.size, n, p=p)
                weights = (self.size * p[at]) ** -beta
                found = []
                for i, w in zip(at, weights):
                    row = self.rows[i].copy()
                    row["weight"], row["id"] = w, i
                    found.append(row)
                return found

            def put(self, at, value):
                self.mass[at] = value

            def update(self, rows, errors):
                for row, error in zip(rows, errors):
                    self.put(row["id"], abs(error) + 1e-6)

        def learn(memory, net):
            rows = memory.sample(8)
            errors = net.errors(rows)
            net.step((np.array([row["weight"] for row in rows]) * errors ** 2).mean())
            memory.update(rows, errors)

        learn(Memory(100), None)
    """)
    (buffer,) = graph.buffers
    assert not list(weights_for_positions(graph.anatomy(buffer)))


@pytest.mark.parametrize("taken", ["{}", "store.get(store.put({}))"])
def test_parts_of_a_batch_that_come_from_a_library_are_not_told_apart(project, taken):
    take = "rows, weights, at = " + taken.format("memory.sample(8)")
    text = MEMORY.replace("rows, weights, at = [], [], []", "import store").replace("{take} = memory.sample(8)", take)
    graph = project(text.format(give="at, errors"))
    (buffer,) = graph.buffers
    anatomy = graph.anatomy(buffer)
    assert blurred(anatomy) == (anatomy.about.weights if "store" in taken else set())


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("part[i]", ["self.trees[k].find(mass) + k * self.size"]),
        ("part[i] - k * self.size", []),
        ("part[i] % self.size", []),
        ("part[i] - 1", []),
    ],
)
def test_positions_of_several_trees_are_moved_back(project, place, found):
    graph = project(f"""
        import random
        import numpy as np

        class Tree:
            def __init__(self, size):
                self.size, self.sums = size, np.zeros(2 * size)

            def put(self, slot, priority):
                node = slot + self.size
                self.sums[node] = priority
                while node > 1:
                    node //= 2
                    self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

            def find(self, mass):
                node = 1
                while node < self.size:
                    node *= 2
                    if mass >= self.sums[node]:
                        mass -= self.sums[node]
                        node += 1
                return node - self.size

        class Memory:
            def __init__(self, size, count):
                self.trees, self.count, self.size, self.at = [Tree(size) for _ in range(count)], count, size, 0
                self.rows = [None] * (size * count)

            def push(self, k, state, action, reward, next_state, done):
                self.rows[k * self.size + self.at] = (state, action, reward, next_state, done)
                self.trees[k].put(self.at, 1.0)
                self.at = (self.at + 1) % self.size

            def sample(self, n):
                found = []
                for k in range(self.count):
                    for _ in range(n):
                        mass = random.random() * self.trees[k].sums[1]
                        found.append(self.trees[k].find(mass) + k * self.size)
                return [self.rows[slot] for slot in found], found

            def update(self, slots, errors):
                n = len(slots) // self.count
                for k in range(self.count):
                    part = slots[k * n : (k + 1) * n]
                    for i in range(n):
                        self.trees[k].put({place}, abs(errors[k * n + i]) + 1e-6)

        def learn(memory, net):
            rows, slots = memory.sample(8)
            memory.update(slots, net.errors(rows))

        learn(Memory(100, 2), None)
    """)
    (buffer,) = graph.buffers
    moved = moved_positions(graph.anatomy(buffer))
    assert [graph.source(term.path, term.node) for _, term in moved] == found
