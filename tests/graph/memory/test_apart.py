"""Which containers a memory is meant to hold, where an object may be of either of two classes."""

import pytest

from per_audit.graph.memory.capacity import capacity_of

RINGS = """
    import random

    class Ring:
        def __init__(self, capacity):
            self.rows, self.at, self.capacity = [], 0, capacity

        def push(self, *row):
            if len(self.rows) < self.capacity:
                self.rows.append(None)
            self.rows[self.at] = row
            self.at = (self.at + 1) % self.capacity

        def sample(self, n):
            return random.sample(self.rows, n)

    class Kept:
        def __init__(self, limit):
            self.rows, self.at, self.limit = [], 0, limit

        def push(self, *row):
            if len(self.rows) < self.limit:
                self.rows.append(None)
            self.rows[self.at] = row
            self.at = (self.at + 1) % self.limit

        def sample(self, n):
            return random.sample(self.rows, n)

    class First:
        def __init__(self, net):
            self.net, self.memory = net, Ring(1_000_000)

    class Second:
        def __init__(self, net):
            self.net, self.memory = net, Kept(10_000)

    def run(agent, env):
        state = env.reset()
        for _ in range(100):
            next_state, reward, done, _ = env.step(agent.net.act(state))
            agent.memory.push(state, 0, reward, next_state, done)
            state = next_state
            agent.net.fit(agent.memory.sample(32))
        return {"rows": agent.memory.rows}

    def main(env, nets, kind):
        agent = First(nets) if kind == 1 else Second(nets)
        saved = run(agent, env)
        {put}
"""


@pytest.mark.parametrize("put", ["pass", "agent.memory.rows = saved['rows']"])
def test_what_is_put_back_into_either_is_not_of_both(project, put):
    graph = project(RINGS.replace("{put}", put))
    sizes = {buffer.owner.name: capacity_of(graph, buffer.containers, holder=buffer.owner) for buffer in graph.buffers}
    assert {name: (size.least, size.largest) for name, size in sizes.items()} == {
        "Ring": (1_000_000, 1_000_000),
        "Kept": (10_000, 10_000),
    }


def test_what_a_memory_holds_of_another_is_its_own(project):
    graph = project("""
        import random
        import numpy as np

        class Rows:
            def __init__(self, size):
                self.rows, self.at, self.size = [None] * size, 0, size

            def put(self, row):
                self.rows[self.at % self.size] = row
                self.at += 1

            def some(self, n):
                return random.sample(self.rows, n)

        class Memory:
            def __init__(self):
                self.kept, self.mass = Rows(5_000), np.zeros(5_000)

            def push(self, *row):
                self.mass[self.kept.at % 5_000] = 1.0
                self.kept.put(row)

            def sample(self, n):
                at = np.random.choice(5_000, n, p=self.mass / self.mass.sum())
                return [self.kept.rows[i] for i in at], at

        def main(env, net):
            memory, plain, state = Memory(), Rows(700), env.reset()
            while True:
                next_state, reward, done, _ = env.step(net.act(state))
                memory.push(state, 0, reward, next_state, done)
                plain.put((state, 0, reward, next_state, done))
                state = next_state
                net.fit(memory.sample(32), plain.some(8))
    """)
    (weighted,) = (buffer for buffer in graph.buffers if buffer.owner is not None and buffer.owner.name == "Memory")
    assert capacity_of(graph, weighted.containers, holder=weighted.owner).largest == 5_000
