"""Memories whose draws go through what is handed to them."""

STORE = """
    import random
    from collections import deque

    import numpy as np

    class Store:
        def __init__(self, size):
            self.rows, self.chain = deque(maxlen=size), []

        def put(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def take(self, n, at=None):
            return random.sample(self.rows, n) if at is None else [self.rows[i] for i in at]

        def through(self, each):
            self.chain.append(each)

    def urgent(store, urgency):
        def take(ahead, n):
            at = np.random.choice(len(urgency), n, p=urgency / urgency.sum())
            return {handed}

        return take

    def play(env, net, store):
        state = env.reset()
        for _ in range(9_000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            store.put(state, action, reward, next_state, done)
            state = next_state
            net.fit(store.take(32))
"""


def _main(name: str, given: str = "pass") -> str:
    return f"""
    from store import Store, play, urgent

    def {name}(env, net):
        store = Store(1_000)
        {given}
        play(env, net, store)
    """


GIVEN = _main("by_urgency", "store.through(urgent(store, net.urgency))")
CHAINED = STORE.replace("{handed}", "ahead(n, at=at)")


def test_what_is_handed_over_may_be_a_function(project):
    graph = project(_main("plain"), store=CHAINED, other=GIVEN)
    (buffer,) = graph.buffers
    ((site, drawing),) = buffer.wrapped
    assert (site.path, drawing.name) == ("other.py", "take")
    assert [graph.path_of(node) for node in buffer.switched] == ["other.py"]


def test_what_calls_nothing_that_it_is_given_draws_for_itself(project):
    graph = project(_main("plain"), store=STORE.replace("{handed}", "[store.rows[i] for i in at]"), other=GIVEN)
    assert not any(buffer.wrapped for buffer in graph.buffers)


def test_tests_are_shown_last(project):
    graph = project(_main("plain"), store=CHAINED, tests__test_store=GIVEN, zoo=GIVEN)
    (buffer,) = graph.buffers
    assert [site.path for site, _ in buffer.wrapped] == ["zoo.py", "tests/test_store.py"]


def test_a_memory_that_is_given_it_wherever_it_is_made_has_another_way(project):
    graph = project(GIVEN, store=CHAINED)
    assert graph.buffers == []
    assert len(graph.twins) == 1


SUMS = """
    import random

    from store import Store, play

    class Sums:
        def __init__(self, size):
            self.size, self.sums = size, [0.0] * (2 * size)

        def __setitem__(self, at, mass):
            at += self.size
            self.sums[at] = mass
            while at > 1:
                at //= 2
                self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1]

        def total(self):
            return self.sums[1]

        def find(self, mass):
            at = 1
            while at < self.size:
                at *= 2
                if mass > self.sums[at]:
                    mass -= self.sums[at]
                    at += 1
            return at - self.size

    class Urgent:
        def __init__(self, store, size):
            self.store, self.tree, self.count, self.size = store, Sums(size), 0, size

        def put(self, ahead, *row, priority=1.0):
            self.tree[self.count % self.size] = priority**0.6
            self.count += 1
            return ahead(*row)

        def take(self, ahead, n):
            at = [self.tree.find(random.random() * self.tree.total()) for _ in range(n)]
            return ahead(n, at=at)

    def by_urgency(env, net):
        store = Store(1_000)
        store.through(Urgent(store, 1_024))
        play(env, net, store)
"""


def test_what_is_handed_over_holds_the_memory_that_it_chooses_from_and_not_as_a_part(project):
    graph = project(_main("plain"), store=CHAINED, other=SUMS)
    kinds = {graph.name_of(buffer): buffer.kind for buffer in graph.buffers}
    assert kinds == {"Store": "uniform", "Urgent": "prioritised"}
