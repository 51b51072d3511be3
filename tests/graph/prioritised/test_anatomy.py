"""Prioritised buffers taken apart."""

import pytest

TREE = """
    import numpy as np

    class Tree:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.sums, self.rows = np.zeros(2 * size - 1), [None] * size

        def add(self, priority, row):
            self.rows[self.at] = row
            self.set(self.at + self.size - 1, priority)
            self.at = (self.at + 1) % self.size

        def set(self, node, priority):
            change = priority - self.sums[node]
            self.sums[node] = priority
            while node:
                node = (node - 1) // 2
                self.sums[node] += change

        def find(self, mass):
            node = 0
            while 2 * node + 1 < len(self.sums):
                left = 2 * node + 1
                if mass < self.sums[left]:
                    node = left
                else:
                    mass -= self.sums[left]
                    node = left + 1
            return node, self.sums[node], self.rows[node - self.size + 1]
"""
MEMORY = """
    import random
    import numpy as np
    from tree import Tree

    class Memory:
        def __init__(self, size, alpha=0.6):
            self.tree, self.alpha, self.best = Tree(size), alpha, 1.0

        def push(self, state, action, reward, next_state, done):
            self.tree.add(self.best**self.alpha, (state, action, reward, next_state, done))

        def sample(self, n, beta):
            found = [self.tree.find(random.uniform(0, self.tree.sums[0])) for _ in range(n)]
            nodes, priorities, rows = zip(*found)
            w = (n * np.array(priorities) / self.tree.sums[0]) ** -beta
            return rows, nodes, w / w.max()

        def update(self, nodes, errors):
            for node, error in zip(nodes, errors):
                self.tree.set(node, (abs(error) + 1e-5) ** self.alpha)
"""
TRAIN = """
    from memory import Memory

    def train(env, net):
        memory = Memory(4096)
        state = env.reset()
        while True:
            next_state, reward, done, _ = env.step(net.act(state))
            memory.push(state, 0, reward, next_state, done)
            rows, nodes, w = memory.sample(32, 0.5)
            error = net.errors(rows)
            (w * error**2).mean().backward()
            memory.update(nodes, error.detach())
"""
RING = """
    import numpy as np

    class Ring:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = self.mass.max() if self.at else 1.0
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            p = self.mass / self.mass.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in at], at, (len(self.rows) * p[at]) ** -0.5

        def update(self, at, errors):
            self.mass[at] = np.abs(errors) + 1e-6
"""


@pytest.fixture
def tree(project):
    graph = project(tree=TREE, memory=MEMORY, train=TRAIN)
    (buffer,) = graph.buffers
    return graph.anatomy(buffer)


@pytest.fixture
def ring(project):
    graph = project(ring=RING)
    (buffer,) = graph.buffers
    return graph.anatomy(buffer)


def test_priorities_are_where_the_random_number_is_compared(tree):
    assert [repr(term) for term in tree.containers] == ["field[Tree.sums]"]


def test_priorities_are_where_the_probabilities_come_from(ring):
    assert [repr(term) for term in ring.containers] == ["field[Ring.mass]"]


def test_writes_are_followed_to_the_callers(tree):
    inserted, updated = sorted(tree.writes, key=lambda write: not write.inserts)
    assert inserted.inserts
    assert not updated.inserts
    assert repr(inserted.value) == "pow(field[Memory.best], field[Memory.alpha])"
    assert repr(updated.value).startswith("pow(add(abs(element(detach(call[.errors]")
    assert updated.outermost.path == "train.py"


def test_sums_on_the_way_to_the_root_are_no_writes(tree):
    assert len(tree.writes) == 2


def test_an_array_of_priorities_has_its_writes(ring):
    values = {write.inserts: repr(write.value) for write in ring.writes}
    assert values == {
        True: "phi(max(field[Ring.mass]), const[1.0])",
        False: "add(abs(param[update.errors]), const[1e-06])",
    }


def test_the_root_is_the_total(tree):
    (formula,) = tree.formulas
    assert any(tree.is_total(part) for part in formula.base.walk())


def test_a_sum_over_the_array_is_the_total(ring):
    graph = ring.graph
    draw = graph.events.draws[next(iter(ring.buffer.sources))]
    assert ring.is_total(graph.symbols.term(draw.path, draw.probabilities).args[1])


def test_the_capacity_is_what_callers_pass(tree):
    assert tree.capacity.largest is not None
    assert tree.capacity.complete


def test_a_capacity_that_nobody_passes_is_not_known(ring):
    assert ring.capacity.largest is None
    assert not ring.capacity.is_at_most(10**9)


def test_a_call_that_is_known_to_be_the_memorys_is_not_taken_for_one_of_the_tree_with_a_method_of_that_name(project):
    loop = TRAIN.replace("from memory import Memory\n", "").replace("(env, net):", "(env, net, memory):")
    loop = loop.replace("memory = Memory(4096)\n        ", "")
    main = """
        from memory import Memory
        from train import train

        def resume(env, net, memory):
            train(env, net, memory)

        def main(env, net):
            train(env, net, Memory(4096))
    """
    same = TREE.replace("set(", "update("), MEMORY.replace("tree.set(", "tree.update(")
    graph = project(main, tree=same[0], memory=same[1], train=loop)
    (buffer,) = graph.buffers
    updates = [write for write in graph.anatomy(buffer).writes if not write.inserts]
    assert [write.value.op for write in updates] == ["pow", "pow"]


@pytest.mark.parametrize("longer", ["self.sums += [0.0] * 2", "self.sums += [0.0 for _ in range(2)]"])
def test_sums_of_a_list_that_was_made_longer_are_no_writes(project, longer):
    rebuilt = f"""
        def grow(self):
            {longer}
            for node in range(self.size - 2, -1, -1):
                self.sums[node] = self.sums[2 * node + 1] + self.sums[2 * node + 2]
"""
    tree = TREE.replace("np.zeros(2 * size - 1)", "[0.0] * (2 * size - 1)") + rebuilt
    graph = project(tree=tree, memory=MEMORY, train=TRAIN)
    (buffer,) = graph.buffers
    places = {graph.place(step.path, step.node).line for w in graph.anatomy(buffer).writes for step in w.steps[:1]}
    assert places == {16}  # the leaf that is set


def test_the_base_of_a_library_stores_the_transitions(project):
    graph = project("""
    import numpy as np
    from stable_baselines3.common.buffers import ReplayBuffer

    class Rated(ReplayBuffer):
        def __init__(self, size, *args):
            super().__init__(size, *args)
            self.mass = np.zeros(size)

        def add(self, *row):
            super().add(*row)
            self.mass[(self.pos - 1) % self.buffer_size] = self.mass.max() or 1.0

        def sample(self, n, beta):
            at = np.random.choice(len(self.mass), n, p=self.mass / self.mass.sum())
            w = (len(self.mass) * self.mass[at] / self.mass.sum()) ** -beta
            return self._get_samples(at), at, w

        def rate(self, at, errors):
            self.mass[at] = np.abs(errors)
    """)
    (buffer,) = graph.buffers
    written = {write.functions[0].name: write.inserts for write in graph.anatomy(buffer).writes}
    assert written == {"add": True, "rate": False}


@pytest.mark.parametrize(("place", "total"), [("len(self.sums) - 1", True), ("self.size - 1", False), ("0", True)])
def test_the_root_is_the_first_or_the_last_entry(project, place, total):
    memory = MEMORY.replace("w = (n * np.array(priorities) / self.tree.sums[0])", "w = (n / self.tree.total())")
    tree = (
        TREE
        + f"""
        def total(self):
            return self.sums[{place}]
"""
    )
    graph = project(tree=tree, memory=memory, train=TRAIN)
    (buffer,) = graph.buffers
    total_of = next(f for f in graph.project.functions if f.name == "total")
    assert graph.anatomy(buffer).is_total(graph.symbols.returned(total_of)) is total


def test_a_call_of_something_unknown_is_not_taken_for_one_of_the_tree(project):
    other = """
    def resume(memory, nodes, errors):
        memory.set(nodes, errors)
    """
    graph = project(tree=TREE, memory=MEMORY, train=TRAIN, other=other)
    (buffer,) = graph.buffers
    assert len(graph.anatomy(buffer).writes) == 2


@pytest.mark.parametrize(
    ("line", "takes"), [("pass", 2), ("memory.tree.flatten(0.5)", 3), ("again = memory.flatten", 3)]
)
def test_a_method_that_nothing_names_writes_nothing(project, line, takes):
    tree = (
        TREE
        + """
        def flatten(self, level):
            self.sums[0] = level
"""
    )
    graph = project(tree=tree, memory=MEMORY, train=TRAIN, other=f"def resume(memory):\n    {line}\n")
    (buffer,) = graph.buffers
    assert len(graph.anatomy(buffer).writes) == takes


@pytest.mark.parametrize(
    ("weights", "exponents"),
    [
        ("1 / (len(self.rows) * p[at])", ["const[1]"]),
        ("1 / len(self.rows) * 1 / p[at]", ["const[1]"]),
        ("(1 / (len(self.rows) * p[at])) ** 0.5", ["const[0.5]"]),
    ],
)
def test_weights_that_no_exponent_is_written_for_are_powers_of_one(project, weights, exponents):
    graph = project(ring=RING.replace("(len(self.rows) * p[at]) ** -0.5", weights))
    (buffer,) = graph.buffers
    assert [repr(formula.exponent) for formula in graph.anatomy(buffer).formulas] == exponents
