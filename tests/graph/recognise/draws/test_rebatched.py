"""Rows of a batch that are drawn again, in parts, and the memory that they came from."""

import pytest

PROGRAM = """
    import random
    from collections import deque, namedtuple
    import numpy as np

    Row = namedtuple("Row", "state action reward next_state done")

    class Memory:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def push(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Agent:
        def __init__(self, net):
            self.net, self.memory, self.best = net, Memory(1000), []

        def learn(self, n):
            {learn}

    def train(env, net):
        agent, state = Agent(net), env.reset()
        while True:
            next_state, reward, done, _ = env.step(net.act(state))
            agent.memory.push(state, 0, reward, next_state, done)
            state = next_state
            agent.learn(256)
"""
FIT = "for state, action, reward, next_state, done in [rows[i] for i in part]: self.net.fit(state, reward)"


@pytest.mark.parametrize(
    "learn",
    [
        f"""rows = [Row(*row) for row in self.memory.sample(n)]
            for _ in range(4):
                part = random.sample(range(n), 64)
                {FIT}""",
        f"""rows = []
            for row in self.memory.sample(n):
                rows.append(row)
            part = np.random.choice(range(len(rows)), 64)
            {FIT}""",
        """drawn = self.memory.sample(n)
            states, actions, rewards, after, dones = [], [], [], [], []
            for state, action, reward, next_state, done in drawn:
                states.append(state); actions.append(action); rewards.append(reward)
                after.append(next_state); dones.append(done)
            for i in random.sample(range(len(states)), 64):
                state, action, reward, next_state, done = states[i], actions[i], rewards[i], after[i], dones[i]
                self.net.fit(state, reward)""",
        """states, rewards, after, dones = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
            for k, (state, action, reward, next_state, done) in enumerate(self.memory.sample(n)):
                states[k], rewards[k], after[k], dones[k] = state, reward, next_state, done
            part = random.sample(range(n), 64)
            self.net.fit(states[part], rewards[part] + 0.9 * (1 - dones[part]) * self.net(after[part]))""",
    ],
)
def test_a_part_of_a_batch_is_no_draw_from_a_memory(project, learn):
    (buffer,) = project(PROGRAM.format(learn=learn)).buffers
    assert buffer.owner.name == "Memory"


@pytest.mark.parametrize(
    "learn",
    [
        # an object keeps what it was given, as a second memory
        """self.best.extend(row for row in self.memory.sample(n) if row[2] > 0)
            for state, action, reward, next_state, done in random.sample(self.best, 64): self.net.fit(state, reward)""",
    ],
)
def test_a_second_memory_of_rows_that_the_first_one_gave_is_one(project, learn):
    assert len(project(PROGRAM.format(learn=learn)).buffers) == 2


def test_a_memory_of_a_function_is_one(project):
    program = """
    import random

    def train(env, net):
        rows, state = [], env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            state = next_state
            for before, action, reward, after, done in random.sample(rows, 32):
                net.fit(before, reward + (1 - done) * net(after))
    """
    assert len(project(program).buffers) == 1
