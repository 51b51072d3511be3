"""How many transitions the loops of a program store at most."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.memory.stored import never_full

PROGRAM = """import argparse, random
from collections import deque
import gymnasium as gym
import gymnasium

parser = argparse.ArgumentParser()
parser.add_argument("-episodes", type=int, default=40)
args = parser.parse_args()

class Past:
    def __init__(self, limit):
        self.rows = deque(maxlen=limit)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def some(self, n):
        return random.sample(self.rows, n)

def train(model, steps=5_000):
    env = gym.make("CartPole-v1")
    past, state, step = Past(30_000), env.reset(), 0
    {loop}
        action = model.act(state)
        next_state, reward, done, _ = env.step(action)
        past.keep(state, action, reward, next_state, done)
        state = next_state
        step += 1
        model.fit(past.some(32))
        {after}
"""
EPISODES = "for episode in range({}):\n      done = False\n      {}:"


@pytest.mark.parametrize(
    ("loop", "after", "most"),
    [
        ("for step in range(20_000):", "", 20_000),
        ("for step in range(40_000):", "", None),
        (EPISODES.format(40, "while not done"), "", 20_000),
        (EPISODES.format(80, "while not done"), "", None),
        (EPISODES.format("args.episodes", "while True"), "if done: break", 20_000),
        (EPISODES.format(40, "while model.wants()"), "", None),
        ("while step < steps:", "", 5_000),
        ("while step < steps:\n      for _ in model.turns():", "", 5_000),
        ("while step < steps * model.more():", "", None),
        ("while True:", "", None),
        ("for state in model.states():", "", None),
    ],
)
def test_the_loops_of_a_program(loop, after, most):
    text = PROGRAM.format(loop=loop, after=after)
    graph = link([extract("train.py", text.encode())])
    (buffer,) = graph.buffers
    assert never_full(graph, buffer) == most


def test_a_method_that_somebody_else_calls():
    text = PROGRAM.split("def train")[0]
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [None]


def test_an_environment_with_a_limit_of_its_own():
    text = PROGRAM.format(loop=EPISODES.format(40, "while not done"), after="")
    text = text.replace('"CartPole-v1"', '"CartPole-v1", max_episode_steps=9_000')
    graph = link([extract("train.py", text.encode())])
    assert [never_full(graph, buffer) for buffer in graph.buffers] == [None]
