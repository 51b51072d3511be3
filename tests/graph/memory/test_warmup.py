"""How many transitions there are before the first draw."""

import pytest

from per_audit.graph.memory.warmup import stored_before

MEMORY = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

        def __len__(self):
            return len(self.rows)

        def is_ready(self):
            return len(self.rows) >= 500
"""
LOOP = """
    from memory import Memory

    START = 700

    def main(env, net, optimizer, start=300):
        memory = Memory()
        {before}
        for step in range(10_000):
            memory.add(1, 2, 3.0, 4, False)
            {gate}

    def learn(net, memory):
        net.loss(memory.sample(8)).backward()
        optimizer.step()

    main(1, 2, 3)
"""


@pytest.mark.parametrize(
    ("before", "gate", "expected"),
    [
        ("pass", "learn(net, memory)", 0),
        ("pass", "if step > 600: learn(net, memory)", 600),
        ("pass", "if 600 <= step: learn(net, memory)", 600),
        ("pass", "if step < 600: continue\n            learn(net, memory)", 600),
        ("pass", "if step < 600: pass\n            learn(net, memory)", 0),
        ("pass", "if step < 600: learn(net, memory)", 0),
        ("pass", "if step < 600: pass\n            else: learn(net, memory)", 600),
        ("pass", "if not step < 600: learn(net, memory)", 600),
        ("pass", "if step > 600 and step % 4 == 0: learn(net, memory)", 600),
        ("pass", "if step > 600 or step > 20: learn(net, memory)", 20),
        ("pass", "if step > start: learn(net, memory)", 300),
        ("pass", "if len(memory) == START: learn(net, memory)", 700),
        ("pass", "assert len(memory) > START\n            learn(net, memory)", 700),
        ("pass", "if memory.is_ready(): learn(net, memory)", 500),
        ("pass", "if memory.is_ready(): pass\n            learn(net, memory)", 0),
        ("pass", "if env.reward > read(): learn(net, memory)", 0),
        ("for _ in range(900): memory.add(1, 2, 3.0, 4, False)", "learn(net, memory)", 900),
        ("for _ in range(900): env.step()", "learn(net, memory)", 0),
        ("while len(memory) < 800: memory.add(1, 2, 3.0, 4, False)", "learn(net, memory)", 800),
    ],
)
def test_tests_on_the_way_to_the_draw_and_loops_before_it(project, before, gate, expected):
    graph = project(memory=MEMORY, main=LOOP.format(before=before, gate=gate))
    (buffer,) = graph.buffers
    assert stored_before(graph, buffer) == expected
