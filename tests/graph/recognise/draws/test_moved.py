"""Uniform draws that fill a memory which is drawn from by priority."""

import pytest

PROGRAM = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

        def push(self, row):
            self.rows[self.at], self.mass[self.at] = row, 1.0
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            p = self.mass / self.mass.sum()
            slots = np.random.choice(len(self.rows), n, p=p)
            weights = (len(self.rows) * p[slots]) ** -0.5
            return [self.rows[slot] for slot in slots], slots, weights / weights.max()

        def update(self, slots, errors):
            self.mass[slots] = abs(errors) + 1e-6

    class Learner:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory(1000)

        def learn(self):
            rows, slots, weights = self.memory.sample(32)
            errors = self.net.errors(rows)
            (weights * errors**2).mean().backward()
            self.optimizer.step()
            self.memory.update(slots, errors.detach().numpy())

    def collect(env, net, steps):
        past = []
        state = env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            past.append((state, action, reward, next_state, done))
            state = env.reset() if done else next_state
        return past

    def move(past, learner, n):
        for _ in range(n):
            {move}

    def fill(env, net, learner):
        move(collect(env, net, 1_000), learner, 500)

    def main(net, optimizer, steps):
        learner = Learner(net, optimizer)
        for _ in range(steps):
            learner.learn()
"""


@pytest.mark.parametrize(
    ("move", "kinds"),
    [
        ("learner.memory.push(past[int(random.random() * len(past))])", ["prioritised"]),
        ("learner.memory.push(past[random.randrange(len(past))])", ["prioritised"]),
        (
            "row = past[int(random.random() * len(past))]\n"
            "learner.memory.push(row)\n"
            "learner.net.loss([row]).backward()\n"
            "learner.optimizer.step()",
            ["prioritised", "uniform"],
        ),
        (
            "state, action, reward, next_state, done = past[int(random.random() * len(past))]\n"
            "(reward + learner.net(next_state).max() - learner.net(state)[action]).pow(2).backward()\n"
            "learner.optimizer.step()",
            ["prioritised", "uniform"],
        ),
    ],
)
def test_what_the_draw_is_for(project, move, kinds):
    graph = project(PROGRAM.replace("{move}", move.replace("\n", "\n            ")))
    assert sorted(buffer.kind for buffer in graph.buffers) == kinds
