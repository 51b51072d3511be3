"""What is stored by calls of the code that learns which keep it from learning."""

import pytest

from per_audit.graph.memory.warmup import stored_before

PROGRAM = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, *row):
            self.rows.append(row)

        def sample(self, n):
            return random.sample(self.rows, n)

    class Agent:
        def __init__(self, net):
            self.net, self.memory = net, Memory()

        def learn(self):
            self.net.loss(self.memory.sample(8)).backward()

        def observe(self, env, train):
            state, action, reward, next_state, done = env.transition()
            self.memory.add(state, action, reward, next_state, done)
            if train:
                self.learn()

        def run(self, env, steps=200, train=True, quiet=False):
            for step in range(steps):
                {body}

    def main(env, net):
        agent = Agent(net)
        {calls}

    main(1, 2)
"""
STORE = "state, action, reward, next_state, done = env.transition()\n                "
STORE += "self.memory.add(state, action, reward, next_state, done)\n                "
GATED = STORE + "if train:\n                    self.learn()"
SKIPPED = STORE + "if not train:\n                    continue\n                self.learn()"
HANDED = "self.observe(env, train)"


@pytest.mark.parametrize(
    ("body", "calls", "expected"),
    [
        (GATED, "agent.run(env, 900, train=False); agent.run(env, 9000)", 900),
        (GATED, "agent.run(env, 900, False); agent.run(env, 9000, True)", 900),
        (GATED, "agent.run(env, train=False); agent.run(env, 9000)", 200),
        (GATED, "if env.fill:\n            agent.run(env, 900, train=False)\n        agent.run(env, 9000)", 0),
        (GATED, "agent.run(env, 9000); agent.run(env, 900, train=False)", 0),
        (GATED, "agent.run(env, 900, quiet=True); agent.run(env, 9000)", 0),
        (GATED, "agent.run(env, env.first, train=False); agent.run(env, 9000)", 0),
        (GATED, "agent.run(env, 900, train=env.learns); agent.run(env, 9000)", 0),
        (GATED, "agent.run(*env.given, train=False); agent.run(env, 9000)", 0),
        (GATED.replace("if train", "if not train"), "agent.run(env, 900, train=False); agent.run(env, 9000)", 0),
        (SKIPPED, "agent.run(env, 900, train=False); agent.run(env, 9000)", 900),
        (HANDED, "agent.run(env, 900, train=False); agent.run(env, 9000)", 900),
        (HANDED.replace("train", "True"), "agent.run(env, 900, train=False); agent.run(env, 9000)", 0),
        (GATED + "\n            print(step)", "agent.run(env, 9, train=None); agent.learn()", 9),
    ],
)
def test_what_a_call_that_does_not_learn_stores(project, body, calls, expected):
    graph = project(PROGRAM.format(body=body, calls=calls))
    (buffer,) = graph.buffers
    assert stored_before(graph, buffer) == expected
