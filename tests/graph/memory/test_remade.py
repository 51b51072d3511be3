"""A cumulative sum that is kept in a field: what a draw that reads it goes through."""

import pytest

from per_audit.graph.memory.remade import Remade, remade

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, capacity):
            self.rows, self.p, self.capacity = [None] * capacity, np.zeros(capacity), capacity
            self.at = self.n = self.calls = self.version = self.of = 0
            self.sums, self.stale, self.ready = None, True, False

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.p[self.at] = 1.0
            self.at = (self.at + 1) % self.capacity
            self.n = min(self.n + 1, self.capacity)
            self.stale = True
            self.version += 1

        def summed(self):
            {summed}

        def sample(self, k):
            self.calls += 1
            sums = self.summed()
            at = np.searchsorted(sums, np.random.rand(k) * sums[-1])
            return [self.rows[i] for i in at], at

        def update(self, at, errors):
            self.p[at] = np.abs(errors)
            self.stale = True

    def train(env, net):
        memory, state = Memory(500_000), env.reset()
        while True:
            next_state, reward, done, _ = env.step(0)
            memory.add(state, 0, reward, next_state, done)
            state = env.reset() if done else next_state
            batch, at = memory.sample(32)
            errors = net.fit(batch)
            memory.update(at, errors)
"""
BEHIND = """if {test}:
    self.sums = np.cumsum(self.p[:self.n])
    self.of, self.ready = self.n, True
    self.stale = False
return self.sums"""


def judged(project, code):
    graph = project(MEMORY.replace("{summed}", "\n            ".join(code.splitlines())))
    search = next(site for site in graph.events.calls.values() if "numpy.searchsorted" in site.names)
    term = graph.symbols.term(search.path, search.node.args[0].value)
    made = term.first("cumsum")
    return remade(graph, term, made)


@pytest.mark.parametrize(
    "test",
    [
        "self.of == 0 or (self.n != self.of and (self.n >= 1.02 * self.of or self.n == self.capacity))",
        "self.sums is None",
        "not self.ready",
        "not self.ready or self.n > self.of + 1000",
        "not (self.ready and self.n < 2 * self.of)",
        "self.calls % 100 == 0",
    ],
)
def test_what_is_made_anew_now_and_then_is_kept(project, test):
    assert judged(project, BEHIND.replace("{test}", test)) == Remade.SELDOM


@pytest.mark.parametrize(
    "test",
    [
        "self.stale",
        "not self.ready or self.stale",
        "self.version != self.of",
        "self.n > 0",
        "2 * self.n > self.capacity",
    ],
)
def test_what_each_update_or_row_makes_anew_is_not(project, test):
    assert judged(project, BEHIND.replace("{test}", test)) == Remade.ALWAYS


@pytest.mark.parametrize("test", ["self.n != self.of", "self.n > self.of", "len(self.sums) != self.n"])
def test_what_any_growth_makes_anew_is_left_once_the_memory_is_full(project, test):
    assert judged(project, BEHIND.replace("{test}", test)) == Remade.GROWING


def test_a_method_that_returns_before(project):
    code = (
        "if {test}:\n    return self.sums\nself.sums = np.cumsum(self.p[:self.n])\nself.of = self.n\nreturn self.sums"
    )
    assert judged(project, code.replace("{test}", "self.sums is not None and self.n < 1.1 * self.of")) == Remade.SELDOM
    assert judged(project, code.replace("{test}", "not self.stale")) == Remade.ALWAYS


def test_what_no_test_decides_on(project):
    assert judged(project, "self.sums = np.cumsum(self.p[:self.n])\nreturn self.sums") == Remade.ALWAYS
    assert judged(project, "return np.cumsum(self.p[:self.n])") == Remade.ALWAYS


COUNTED = """
    import numpy as np

    class Places:
        def __init__(self, capacity):
            self.place, self.n = np.full(capacity, -1), 0

        def put(self, slot):
            {raised}

    class Memory:
        def __init__(self, capacity):
            self.rows, self.capacity, self.places, self.at = [None] * capacity, capacity, Places(capacity), 0
            self.kept = (0, None)

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.places.put(self.at)
            self.at = (self.at + 1) % self.capacity

        def law(self):
            n = self.places.n
            if {test}:
                p = np.arange(1.0, n + 1) ** -0.7
                self.kept = (n, np.cumsum(p))
            return self.kept[1]

        def sample(self, k):
            sums = self.law()
            at = np.searchsorted(sums, np.random.rand(k) * sums[-1])
            return [self.rows[i] for i in at], at
"""
ONCE_A_SLOT = "if self.place[slot] < 0:\n    self.place[slot] = self.n\n    self.n += 1"


@pytest.mark.parametrize(
    ("raised", "test", "often"),
    [
        (ONCE_A_SLOT, "self.kept[0] != n", Remade.GROWING),
        (ONCE_A_SLOT, "n > 1.05 * self.kept[0]", Remade.SELDOM),
        ("if self.n < len(self.place):\n    self.n += 1", "n != self.kept[0]", Remade.GROWING),
        ("self.n += 1", "n > 1.05 * self.kept[0]", Remade.SELDOM),
        ("self.n += 1", "self.kept[0] != n", Remade.ALWAYS),
        ("self.n += 500", "n > 1.05 * self.kept[0]", Remade.ALWAYS),
    ],
)
def test_a_tuple_in_a_field_and_a_counter_of_another_object(project, raised, test, often):
    code = COUNTED.replace("{raised}", "\n            ".join(raised.splitlines())).replace("{test}", test)
    graph = project(code)
    search = next(site for site in graph.events.calls.values() if "numpy.searchsorted" in site.names)
    term = graph.symbols.term(search.path, search.node.args[0].value)
    assert remade(graph, term, term.first("cumsum")) == often
