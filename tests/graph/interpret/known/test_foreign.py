"""Memories that come from where they cannot be followed."""

import pytest

from per_audit.graph import UNIFORM
from per_audit.graph.interpret.known.foreign import FOREIGN

AGENT = """
    import random

    class Agent:
        def __init__(self, rows):
            self.rows = rows

        def see(self, env, state, action):
            next_state, reward, done, _ = env.step(action)
            self.rows.append({stored})

        def learn(self, net):
            net.loss(*zip(*random.sample(self.rows, 32))).backward()
"""
ROW = "(state, action, reward, next_state, done)"


@pytest.mark.parametrize(
    ("stored", "made", "found"),
    [
        (ROW, "__import__(name).rows", [(UNIFORM, {FOREIGN})]),
        (ROW, "pickle.load(file)", [(UNIFORM, {FOREIGN})]),
        (ROW, "deque(maxlen=9)", [(UNIFORM, {"deque"})]),
        (ROW, "Rows()", []),
        ("reward", "__import__(name).rows", []),
    ],
)
def test_what_transitions_are_appended_to_is_a_container(project, stored, made, found):
    graph = project(
        AGENT.format(stored=stored),
        run=f"""
        import pickle
        from collections import deque
        from main import Agent

        class Rows:
            def append(self, row):
                print(row)

        def run(env, net, name, file):
            agent, state = Agent({made}), env.reset()
            while True:
                agent.see(env, state, net.act(state))
                agent.learn(net)
        """,
    )
    assert [(b.kind, {container.kind for container in b.containers}) for b in graph.buffers] == found


def test_rows_that_a_name_has_from_a_file(project):
    graph = project("""
    import pickle
    import random

    def train(env, net, file):
        rows = pickle.load(file)
        state = env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            rows.append((state, action, reward, next_state, done))
            if len(rows) > 9_999:
                rows.pop(0)
            state = next_state
            net.loss(*zip(*random.sample(rows, 32))).backward()
    """)
    (buffer,) = graph.buffers
    assert [evict.how for evict in buffer.evictions] == ["pop"]
