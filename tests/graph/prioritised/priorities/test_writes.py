"""Who writes the priorities of a buffer: what its callers give, and not what others do."""

SHARED = """
    import numpy as np

    class Tree:
        def __init__(self, size):
            self.size, self.sums, self.rows, self.at = size, np.zeros(2 * size), [None] * size, 0

        def put(self, slot, p):
            node = slot + self.size
            change = p - self.sums[node]
            while node:
                self.sums[node] += change
                node //= 2

        def add(self, p, row):
            self.rows[self.at] = row
            self.put(self.at, p)
            self.at = (self.at + 1) % self.size

        def find(self, mass):
            node = 1
            while node < self.size:
                node *= 2
                if mass >= self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            return node - self.size
"""


HOLDER = """
    import random
    from tree import Tree

    class {name}:
        def __init__(self, size):
            self.tree = Tree(size)

        def add(self, state, action, reward, next_state, terminated):
            self.tree.add({first}, (state, action, reward, next_state, terminated))

        def sample(self, n):
            slots = [self.tree.find(random.random() * self.tree.sums[1]) for _ in range(n)]
            return slots, [self.tree.rows[slot] for slot in slots]

        def rate(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.tree.put(slot, abs(error) + 1e-5)
"""


def test_what_another_buffer_puts_into_a_tree_of_the_same_class_is_not_this_one_s(project):
    train = """
    from one import One
    from two import Two

    def main(env, net, memory, whole):
        memory = One(64) if whole else Two(64)
        memory.add(*env.row())
        slots, rows = memory.sample(8)
        errors = net.errors(rows)
        errors.mean().backward()
        memory.rate(slots, errors)
    """
    one, two = HOLDER.format(name="One", first="1.0"), HOLDER.format(name="Two", first="7.0")
    graph = project(tree=SHARED, one=one, two=two, train=train)
    firsts = {
        graph.name_of(buffer): {w.value.number for w in graph.anatomy(buffer).writes if w.value.is_number}
        for buffer in graph.buffers
    }
    assert firsts == {"One": {1.0}, "Two": {7.0}}


def test_what_a_class_puts_into_a_tree_that_it_makes_is_not_the_buffer_s(project):
    novelties = """
    from tree import Tree

    class Novelties:
        def __init__(self, size):
            self.tree = Tree(size)

        def rate(self, slots, values):
            for slot, value in zip(slots, values):
                self.tree.put(slot, 3.0)
    """
    train = """
    from one import One

    def main(env, net):
        memory = One(64)
        while True:
            memory.add(*env.row())
            slots, rows = memory.sample(8)
            errors = net.errors(rows)
            errors.mean().backward()
            memory.rate(slots, errors)
    """
    graph = project(tree=SHARED, one=HOLDER.format(name="One", first="1.0"), novelties=novelties, train=train)
    (buffer,) = graph.buffers
    writes = [write.value for write in graph.anatomy(buffer).writes]
    assert [value.number for value in writes if value.is_number] == [1.0]
    assert len(writes) == 2


def test_what_a_learner_with_a_tree_of_its_own_puts_into_the_buffer_s_is_the_buffer_s(project):
    train = """
    from one import One
    from tree import Tree

    class Learner:
        def __init__(self):
            self.memory, self.seen = One(64), Tree(64)

        def learn(self, env, net):
            self.memory.add(*env.row())
            slots, rows = self.memory.sample(8)
            errors = net.errors(rows)
            errors.mean().backward()
            for slot, error in zip(slots, errors):
                self.memory.tree.put(slot, 5.0)
                self.seen.put(slot, 9.0)
    """
    one = HOLDER.format(name="One", first="1.0")
    graph = project(tree=SHARED, one=one, train=train)
    (buffer,) = graph.buffers
    numbers = {write.value.number for write in graph.anatomy(buffer).writes if write.value.is_number}
    assert numbers == {1.0, 5.0}


def test_what_a_file_tries_out_is_no_write_of_the_buffer(project):
    shown = """
    from tree import Tree

    if __name__ == "__main__":
        tree = Tree(8)
        for number in range(20):
            tree.add(number, str(number))
        print(tree.find(0.5))
    """
    train = """
    from one import One

    def main(env, net):
        memory = One(64)
        while True:
            memory.add(*env.row())
            slots, rows = memory.sample(8)
            errors = net.errors(rows)
            errors.mean().backward()
            memory.rate(slots, errors)
    """
    graph = project(tree=SHARED, one=HOLDER.format(name="One", first="1.0"), shown=shown, train=train)
    (buffer,) = graph.buffers
    assert [write.value.number for write in graph.anatomy(buffer).writes if write.inserts] == [1.0]
