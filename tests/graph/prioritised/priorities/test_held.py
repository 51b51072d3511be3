"""Where priorities are held."""

from per_audit.graph.prioritised.priorities.held import allocs_of, drawn_by, held_in, is_container

TREE = """
    import numpy as np

    class Tree:
        def __init__(self, size):
            leaves = np.zeros(size)
            self.levels = [*[np.zeros(1)], leaves]
            self.rows, self.size, self.at = [None] * size, size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            points = np.random.uniform(0, self.levels[0][0], n)
            slots = np.searchsorted(np.cumsum(self.levels[-1]), points)
            p = self.levels[-1][slots] / self.levels[0][0]
            return [self.rows[slot] for slot in slots], slots, (self.size * p) ** -0.5

        def update(self, slots, errors):
            self.levels[-1][slots] = np.abs(errors) + 1e-6
"""


def test_what_a_random_number_is_only_handed_on_with_holds_no_priorities(project):
    graph = project(
        ring="""
            import numpy as np

            class Ring:
                def __init__(self, size):
                    self.rows, self.mass, self.limits, self.at = [None] * size, np.zeros(size), np.zeros(2), 0

                def push(self, state, action, reward, next_state, done):
                    self.rows[self.at] = (state, action, reward, next_state, done)
                    self.at = (self.at + 1) % len(self.rows)

                def sample(self, n):
                    sums = self.mass.cumsum()
                    points = np.clip(np.random.uniform(0, sums[-1], n), *self.limits)
                    points = np.minimum(points, self.limits)
                    if points.shape == self.limits.shape or points[0] == self.limits[0]:
                        print("one")
                    at = sums.searchsorted(points)
                    return [self.rows[i] for i in at], at, (len(self.rows) * self.mass[at] / sums[-1]) ** -0.5

                def update(self, at, errors):
                    self.mass[at] = np.abs(errors) + 1e-6
        """
    )
    (buffer,) = graph.buffers
    assert [repr(term) for term in drawn_by(graph, buffer)] == ["field[Ring.mass]"]


def test_the_levels_of_a_tree_are_held_by_the_list_of_them(project):
    graph = project(tree=TREE)
    (buffer,) = graph.buffers
    (levels,) = drawn_by(graph, buffer)
    assert repr(levels) == "field[Tree.levels]"
    assert is_container(graph, levels)
    assert held_in(graph, levels) == {levels}
    assert len(allocs_of(graph, levels)) == 3


def test_a_number_is_no_container(project):
    graph = project(tree=TREE)
    (buffer,) = graph.buffers
    size = graph.symbols.field(buffer.owner, "size")
    assert not is_container(graph, size)
    assert not held_in(graph, size)
    assert not allocs_of(graph, size)


def test_a_search_that_is_given_the_nodes_goes_down_in_what_holds_them(project):
    graph = project(
        tree="""
            import random
            import numpy as np

            def down(node, size, mass):
                at = 1
                while at < size:
                    at *= 2
                    if mass >= node[at]:
                        mass -= node[at]
                        at += 1
                return at - size

            class Memory:
                def __init__(self, size):
                    self.node, self.rows, self.size, self.at = np.zeros(2 * size), [None] * size, size, 0

                def store(self, state, action, reward, next_state, done):
                    self.rows[self.at] = (state, action, reward, next_state, done)
                    self.rate([self.at], [1.0])
                    self.at = (self.at + 1) % self.size

                def sample(self, n):
                    slots = [down(self.node, self.size, random.random() * self.node[1]) for _ in range(n)]
                    return [self.rows[slot] for slot in slots], slots

                def rate(self, slots, errors):
                    for at, error in zip(slots, errors):
                        at += self.size
                        self.node[at] = abs(error) + 1e-6
                        while at > 1:
                            at //= 2
                            self.node[at] = self.node[2 * at] + self.node[2 * at + 1]
        """
    )
    (buffer,) = graph.buffers
    assert {term.data[1] for term in drawn_by(graph, buffer)} == {"node"}
