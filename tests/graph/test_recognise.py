"""What is a replay buffer, what is drawn by priority, and what only looks like one."""

import textwrap

import pytest

from per_audit.facts import extract
from per_audit.graph import PRIORITISED, UNIFORM, link

MEMORY = """
import random
from collections import deque
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows = deque(maxlen=size)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)
"""
PRIORITISED_MEMORY = """
class Prioritised(Memory):
    def __init__(self, size):
        super().__init__(size)
        self.priorities = np.zeros(size)

    def sample(self, n):
        p = self.priorities / self.priorities.sum()
        picked = np.random.choice(len(self.rows), n, p=p)
        return [self.rows[i] for i in picked]
"""
LOOP = """
def train(env, net, optimizer, memory):
    state = env.reset()
    for step in range(1000):
        action = net.act(state)
        next_state, reward, done, info = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        loss = net.loss(memory.sample(32))
        loss.backward()
        optimizer.step()
"""


def linked(*texts, **files):
    main = {"main.py": "".join(textwrap.dedent(text) for text in texts)} if texts else {}
    files = {**main, **{f"{name}.py": textwrap.dedent(text) for name, text in files.items()}}
    return link([extract(path, text.encode()) for path, text in files.items()])


def kinds(graph):
    return [(graph.name_of(buffer), buffer.kind) for buffer in graph.buffers]


def test_a_uniform_buffer():
    graph = linked(MEMORY, LOOP, "train(env, net, optimizer, Memory(9))\n")
    (buffer,) = graph.buffers
    assert kinds(graph) == [("Memory", UNIFORM)]
    assert {"state", "action", "reward", "next", "done"} <= buffer.roles
    assert [graph.source(s.path, s.node) for s in buffer.samples] == ["memory.sample(32)"]
    assert [graph.source(s.path, s.node) for s in buffer.instances] == ["Memory(9)"]
    assert [graph.symbol(f, "main.py") for f in graph.training_functions(buffer) if graph.learns(f)] == ["train"]


@pytest.mark.parametrize(
    "draw",
    [
        "return random.sample(self.rows, n)",
        "return random.choices(self.rows, k=n)",
        "return [random.choice(self.rows) for _ in range(n)]",
        "return [self.rows[random.randrange(len(self.rows))] for _ in range(n)]",
        "return [self.rows[i] for i in np.random.randint(0, len(self.rows), n)]",
        "return [self.rows[i] for i in np.random.choice(len(self.rows), n, replace=False)]",
        "return [self.rows[i] for i in random.sample(range(len(self.rows)), n)]",
        "return [self.rows[i] for i in np.random.permutation(len(self.rows))[:n]]",
        "return [self.rows[i] for i in np.random.default_rng().integers(0, len(self.rows), n)]",
        "return [self.rows[i] for i in torch.randint(0, len(self.rows), (n,))]",
        "picked = self.rng.choice(len(self.rows), n)\n        return [self.rows[i] for i in picked]",
    ],
)
def test_every_way_to_draw_uniformly(draw):
    text = MEMORY.replace("return random.sample(self.rows, n)", draw).replace("import random", "import random, torch")
    assert kinds(linked(text, LOOP, "train(env, net, optimizer, Memory(9))\n")) == [("Memory", UNIFORM)]


@pytest.mark.parametrize(
    "draw",
    [
        "np.random.choice(len(self.rows), n, p=self.p)",
        "np.random.choice(len(self.rows), n, True, self.p)",
        "random.choices(range(len(self.rows)), weights=self.p, k=n)",
        "random.choices(range(len(self.rows)), self.p, k=n)",
        "torch.multinomial(self.p, n)",
        "np.random.default_rng().choice(len(self.rows), n, p=self.p)",
    ],
)
def test_every_way_to_draw_by_probabilities(draw):
    text = MEMORY.replace("random.sample(self.rows, n)", f"[self.rows[i] for i in {draw}]")
    text = text.replace("import random", "import random, torch").replace(
        "maxlen=size)", "maxlen=size)\n        self.p = p"
    )
    assert kinds(linked(text, LOOP, "train(env, net, optimizer, Memory(9))\n")) == [("Memory", PRIORITISED)]


def test_probabilities_of_none_are_uniform():
    text = MEMORY.replace(
        "random.sample(self.rows, n)", "[self.rows[i] for i in np.random.choice(len(self.rows), n, p=None)]"
    )
    assert kinds(linked(text, LOOP, "train(env, net, optimizer, Memory(9))\n")) == [("Memory", UNIFORM)]


def test_a_switch_between_two_memories_is_prioritised():
    switch = """
    def main(env, net, optimizer, prioritised):
        if prioritised:
            memory = Prioritised(100)
        else:
            memory = Memory(100)
        train(env, net, optimizer, memory)
    """
    graph = linked(MEMORY, PRIORITISED_MEMORY, LOOP, switch)
    assert UNIFORM not in {kind for _, kind in kinds(graph)}


def test_a_switch_between_two_draws_is_prioritised():
    text = MEMORY.replace(
        "        return random.sample(self.rows, n)",
        "        if self.prioritised:\n"
        "            return random.choices(self.rows, weights=self.p, k=n)\n"
        "        return random.sample(self.rows, n)",
    )
    graph = linked(text, LOOP, "train(env, net, optimizer, Memory(9))\n")
    assert {kind for _, kind in kinds(graph)} == {PRIORITISED}


def test_a_rollout_that_is_cleared_after_each_update_is_no_replay():
    cleared = LOOP + "        memory.rows.clear()\n"
    assert kinds(linked(MEMORY, cleared, "train(env, net, optimizer, Memory(9))\n")) == []


def test_a_rollout_with_log_probabilities_is_no_replay():
    text = MEMORY.replace("next_state, done)", "log_prob, done)")
    loop = LOOP.replace(
        "memory.add(state, action, reward, next_state, done)", "memory.add(state, action, reward, net.lp, done)"
    )
    assert kinds(linked(text, loop, "train(env, net, optimizer, Memory(9))\n")) == []


def test_an_image_pool_and_supervised_batches_are_no_replay():
    graph = linked(
        pool="""
        import random

        class Pool:
            def __init__(self):
                self.images = []

            def query(self, image):
                if len(self.images) < 50:
                    self.images.append(image)
                    return image
                at = random.randint(0, 49)
                old, self.images[at] = self.images[at], image
                return old
        """,
        fit="""
        import numpy as np

        def fit(model, images, labels):
            for step in range(100):
                picked = np.random.randint(0, len(images), 32)
                model.loss(images[picked], labels[picked]).backward()
        """,
    )
    assert kinds(graph) == []


def test_a_random_place_to_evict_is_no_draw():
    text = """
    import random

    class Memory:
        def __init__(self, size):
            self.rows, self.size = [], size

        def add(self, state, action, reward, next_state, done):
            if len(self.rows) < self.size:
                self.rows.append((state, action, reward, next_state, done))
            else:
                self.rows[random.randrange(self.size)] = (state, action, reward, next_state, done)
    """
    assert kinds(linked(text)) == []


def test_a_draw_that_nobody_calls_is_left_out_beside_one_that_is_called():
    text = MEMORY + "\n    def spare(self, n):\n        return [random.choice(self.rows) for _ in range(n)]\n"
    graph = linked(text, LOOP, "train(env, net, optimizer, Memory(9))\n")
    assert [graph.symbol(b.function, b.path) for b in graph.buffers] == ["Memory.sample"]


def test_two_buffers_of_one_project_are_two():
    graph = linked(
        first=MEMORY,
        second=MEMORY.replace("Memory", "Store"),
        main="from first import Memory\nfrom second import Store\n"
        + LOOP
        + "\ntrain(env, net, optimizer, Memory(9))\ntrain(env, net, optimizer, Store(9))\n",
    )
    assert kinds(graph) == [("Memory", UNIFORM), ("Store", UNIFORM)]


def test_a_buffer_that_three_places_sample_from_is_one():
    callers = "".join(
        f"\ndef learn{i}(net, memory: Memory):\n    net.loss(memory.sample({i})).backward()\n" for i in (1, 2, 3)
    )
    start = "memory = Memory(9)\nmemory.add(1, 2, 3.0, 4, False)\n"
    start += "".join(f"learn{i}(net, memory)\n" for i in (1, 2, 3))
    graph = linked(MEMORY, callers, start)
    (buffer,) = graph.buffers
    assert {graph.source(site.path, site.node) for site in buffer.samples} == {f"memory.sample({i})" for i in (1, 2, 3)}


def test_links_of_many_functions_take_steps_in_proportion(monkeypatch):
    from per_audit.graph.evaluate import Evaluator

    steps = {}
    evaluate = Evaluator.eval
    for size in (500, 2000):
        count = 0

        def counted(self, node, frame):
            nonlocal count
            count += 1
            return evaluate(self, node, frame)

        monkeypatch.setattr(Evaluator, "eval", counted)
        text = "".join(f"def f{i}(x):\n    return f{(i * 7 + 1) % size}((x, {i}))\n" for i in range(size))
        linked(text)
        steps[size] = count
    assert 0 < steps[2000] <= 6 * steps[500]
