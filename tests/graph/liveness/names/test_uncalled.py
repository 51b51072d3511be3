"""Methods that a script makes an object for, and never calls."""

import pytest

from per_audit.graph.liveness.idle import Idle

AGENT = """
    import random
    from collections import deque

    class Agent:
        def __init__(self, env, net):
            self.env, self.net, self.rows = env, net.train(), deque(maxlen=100_000)

        def show(self, episodes):
            for _ in range(episodes):
                self.env.reset()

        def train(self):
            state = self.env.reset()
            while True:
                action = self.net.act(state)
                next_state, reward, done, _ = self.env.step(action)
                self.rows.append((state, action, reward, next_state, done))
                self.learn()

        def learn(self):
            batch = random.sample(self.rows, 32)
            self.net.loss(batch).backward()
"""


@pytest.mark.parametrize(
    ("run", "is_idle"),
    [
        ("agent = Agent(make(), read())\nagent.show(9)\n", True),
        ("if __name__ == '__main__':\n    agent = Agent(make(), read())\n    agent.show(9)\n", True),
        ("agent = Agent(make(), read())\nagent.show(9)\nagent.train()\n", False),
        ("agent = Agent(make(), read())\n", False),  # whoever takes it from here may train it
        ("agent = Agent(make(), read())\nagent.show(9)\nstart(agent)\n", False),
        ("agent = Agent(make(), read())\nagent.show(9)\nstart(agent.train)\n", False),
        ("def begin():\n    return Agent(make(), read())\nagent = Agent(make(), read())\nagent.show(9)\n", False),
        ("agent = Agent(make(), read())\nagent.show(9)\ngetattr(agent, read())()\n", False),
        ("class Other(Agent):\n    pass\nagent = Agent(make(), read())\nagent.show(9)\n", False),
        ("", False),
    ],
)
def test_an_object_that_is_only_shown(project, run, is_idle):
    graph = project(agent=AGENT, run=f"from agent import Agent\n\n{run}")
    (buffer,) = graph.buffers
    found = Idle(graph).why(graph.place(buffer.path, buffer.draws[0]))
    assert found == ("never run here: nothing in the project calls Agent.train" if is_idle else None)


def test_an_object_that_speaks_of_itself(project):
    text = AGENT.replace("self.env.reset()\n\n", "self.env.reset(self)\n\n")
    graph = project(agent=text, run="from agent import Agent\n\nagent = Agent(make(), read())\nagent.show(9)\n")
    (buffer,) = graph.buffers
    assert Idle(graph).why(graph.place(buffer.path, buffer.draws[0])) is None


@pytest.mark.parametrize(
    ("defined", "after", "is_left"),
    [
        ("def experiment(width):\n    env = gym.make('CartPole-v1')", "", True),
        ("def experiment(width):\n    env = gym.make('CartPole-v1')", "experiment(64)", False),
        ("def experiment(width=64):\n    env = gym.make('CartPole-v1')", "", False),  # started by hand as it is
        ("def experiment(env):\n    env = wrapped(env)", "", False),  # whoever has an environment calls it
    ],
)
def test_an_experiment_that_nothing_tells_what_it_needs(project, defined, after, is_left):
    graph = project(
        agent=AGENT, run=f"import gym\nfrom agent import Agent\n{defined}\n    Agent(env, net()).train()\n{after}\n"
    )
    (buffer,) = graph.buffers
    noted = Idle(graph).note(graph.place(buffer.path, buffer.draws[0]))
    assert noted == ("not run as it stands: nothing in the project calls experiment" if is_left else None)
