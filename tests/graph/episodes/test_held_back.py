"""Wrappers whose step does not always step what they are around."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.memory.stored import stored_at_most

PROGRAM = """
import random
from collections import deque

import gymnasium as gym


class Task:
    def __init__(self, env):
        self.env, self.pending = env, []

    def reset(self):
        return self.env.reset()

    def step(self, action):
{step}


def train(model):
    env, rows = Task(gym.make("CartPole-v1")), deque(maxlen=10_000)
    for episode in range(40):
        state, done = env.reset(), False
        for turn in range(3_000):
            action = model.act(state)
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            state = next_state
            model.fit(random.sample(rows, 32))
            if done:
                break


train(print)
"""
PLAIN = "return self.env.step(action)"


@pytest.mark.parametrize(
    ("lines", "most"),
    [
        ([PLAIN], 40 * 500),
        (["for _ in range(4):", "    told = self.env.step(action)", "return told"], 40 * 500),
        (["if action is None:", "    raise ValueError", PLAIN], 40 * 500),
        (["if action > 1:", "    action = 1", PLAIN], 40 * 500),
        (["if action > 1:", "    return self.env.step(1)", PLAIN], 40 * 500),
        (
            ["if action > 1:", "    told = self.env.step(1)", "else:", f"    told = {PLAIN[7:]}", "return told"],
            40 * 500,
        ),
        (["if action > 1:", "    return self.pending, -0.1, False, {}", PLAIN], 40 * 3_000),
        (["if action > 1:", f"    {PLAIN}", "return self.pending, -0.1, False, {}"], 40 * 3_000),
    ],
)
def test_a_limit_counts_the_steps_that_are_passed_on(lines, most):
    step = "\n".join(f"        {line}" for line in lines)
    graph = link([extract("train.py", PROGRAM.format(step=step).encode())])
    (buffer,) = graph.buffers
    assert stored_at_most(graph, buffer) == most
