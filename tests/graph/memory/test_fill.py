"""Whether a buffer is full when a batch is drawn from it."""

import pytest

from per_audit.graph.memory.fill import Fill, starts_with_zeros

MEMORY = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.size, self.at = [None] * size, size, 0
        self.mass = START

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = np.array(self.mass) / sum(self.mass)
        slots = np.random.choice(self.size, n, p=p)
        weights = (p[slots] / (min(self.mass) / sum(self.mass))) ** -beta
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors)


SIZE = 5000


def train(net, steps):
    memory = Memory(SIZE)
    FIRST
    for step in range(steps):
        memory.push(*net.step())
        LEARN
"""


@pytest.fixture
def minimum_of(project):
    def find(start="np.zeros(size)", first="pass", learn="if step > 10: memory.sample(32, 0.4)"):
        graph = project(MEMORY.replace("START", start).replace("FIRST", first).replace("LEARN", learn))
        (buffer,) = graph.buffers
        (minimum,) = graph.weights(buffer).minima()
        return Fill(graph.anatomy(buffer)), minimum

    return find


@pytest.mark.parametrize(
    ("start", "zeros"),
    [
        ("np.zeros(size)", True),
        ("[0.0] * size", True),
        ("[0 for _ in range(size)]", True),
        ("np.zeros(size, dtype=np.float32)", True),
        ("np.ones(size)", False),
        ("np.zeros(size) + 1e-5", False),
        ("[1.0] * size", False),
        ("np.full(size, np.inf)", False),
    ],
)
def test_what_starts_with_zeros(minimum_of, start, zeros):
    fill, minimum = minimum_of(start)
    assert starts_with_zeros(fill.graph, minimum.container) is zeros


@pytest.mark.parametrize(
    ("first", "learn", "full"),
    [
        ("pass", "if step > 10: memory.sample(32, 0.4)", False),
        ("pass", "memory.sample(32, 0.4)", False),
        ("pass", "if step > SIZE: memory.sample(32, 0.4)", True),
        ("pass", "if step >= 5000: memory.sample(32, 0.4)", True),
        ("pass", "if memory.at > memory.size: memory.sample(32, 0.4)", True),
        ("pass", "if step > SIZE / 20: memory.sample(32, 0.4)", False),
        ("pass", "if memory.is_full(): memory.sample(32, 0.4)", True),
        ("pass", "assert memory.is_full(); memory.sample(32, 0.4)", True),
        ("pass", "assert step; memory.sample(32, 0.4)", False),
        ("for _ in range(SIZE): memory.push(*net.step())", "memory.sample(32, 0.4)", True),
        ("for _ in range(64): memory.push(*net.step())", "memory.sample(32, 0.4)", False),
        ("while memory.at < SIZE: memory.push(*net.step())", "memory.sample(32, 0.4)", True),
    ],
)
def test_training_that_waits_or_fills_first(minimum_of, first, learn, full):
    fill, minimum = minimum_of(first=first, learn=learn)
    assert fill.is_full_at(minimum.path, minimum.node, minimum.container) is full


def test_a_loop_that_goes_on_until_the_buffer_is_full(minimum_of):
    learn = "if step < SIZE:\n            continue\n        memory.sample(32, 0.4)"
    fill, minimum = minimum_of(learn=learn)
    assert fill.is_full_at(minimum.path, minimum.node, minimum.container)


def test_a_loop_that_plays_episodes_until_the_buffer_is_full(project):
    calls = ["memory.push(*net.step())", "keep(memory, net)", "turn(memory, net)", "play(memory, net)"]
    names = ["keep", "turn", "play", "episode"]
    functions = "".join(f"def {name}(memory, net):\n    {call}\n\n\n" for name, call in zip(names, calls, strict=True))
    text = MEMORY.replace("START", "np.zeros(size)").replace("LEARN", "memory.sample(32, 0.4)")
    graph = project(functions + text.replace("FIRST", "while memory.at < SIZE: episode(memory, net)"))
    (buffer,) = graph.buffers
    (minimum,) = graph.weights(buffer).minima()
    assert Fill(graph.anatomy(buffer)).is_full_at(minimum.path, minimum.node, minimum.container)


@pytest.mark.parametrize(("test", "full"), [("memory.count >= 32", False), ("memory.count >= memory.size", True)])
def test_a_count_that_the_capacity_bounds_is_not_the_capacity(project, test, full):
    text = MEMORY.replace("START", "np.zeros(size)").replace("FIRST", "pass")
    text = text.replace("size, 0\n", "size, 0\n        self.count = 0\n", 1)
    text = text.replace("self.at += 1\n", "self.at += 1\n        self.count = min(self.count + 1, self.size)\n")
    graph = project(text.replace("LEARN", f"if {test}: memory.sample(32, 0.4)"))
    (buffer,) = graph.buffers
    (minimum,) = graph.weights(buffer).minima()
    assert Fill(graph.anatomy(buffer)).is_full_at(minimum.path, minimum.node, minimum.container) is full


@pytest.mark.parametrize(("made", "zeros"), [("np.zeros(size)", True), ("np.ones(size)", False)])
def test_priorities_read_from_a_file_are_those_that_were_saved(project, made, zeros):
    text = MEMORY.replace("START", made).replace("FIRST", "pass").replace("LEARN", "memory.sample(32, 0.4)")
    restore = "    def load(self, file):\n        self.mass = np.load(file)\n\n    def sample"
    graph = project(text.replace("    def sample", restore))
    (buffer,) = graph.buffers
    (minimum,) = graph.weights(buffer).minima()
    assert starts_with_zeros(graph, minimum.container) is zeros


@pytest.mark.parametrize(("path", "full"), [("tests__test_memory", False), ("warm_up", True)])
def test_a_buffer_that_only_a_test_fills_is_not_full(project, path, full):
    text = MEMORY.replace("START", "np.zeros(size)").replace("FIRST", "pass").replace("LEARN", "memory.sample(32, 0.4)")
    fills = """
    from main import SIZE, Memory


    def fill(net):
        memory = Memory(SIZE)
        for _ in range(SIZE):
            memory.push(*net.step())
    """
    graph = project(text, **{path: fills})
    (buffer,) = graph.buffers
    (minimum,) = graph.weights(buffer).minima()
    assert Fill(graph.anatomy(buffer)).is_full_at(minimum.path, minimum.node, minimum.container) is full


def test_what_a_loop_counts_is_asked_only_where_it_stores(minimum_of, monkeypatch):
    asked = []
    monkeypatch.setattr(Fill, "_is_capacity", lambda self, path, node, capacities: asked.append(node.start) or False)
    fill, _ = minimum_of(first="for k in range(SIZE): print(k)", learn="memory.sample(32, 0.4)")
    storing, _ = minimum_of(first="for k in range(SIZE): memory.push(*net.step())", learn="memory.sample(32, 0.4)")
    assert not fill._is_filled_first(set())
    before = len(asked)
    assert not storing._is_filled_first(set())
    assert len(asked) - before == before + 1
