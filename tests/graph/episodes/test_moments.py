"""What a step has just said of the end of an episode."""

import pytest

from per_audit.graph.episodes.moments import handed

PROGRAM = """
    class Agent:
        def learn(self, done, rows=()):
            {body}
            return done

    def main(env, rows):
        agent, done = Agent(), False
        while not done:
            state, reward, done, _ = env.step(1)
            flags = [row[3] for row in rows]
            over = False
            if done:
                over = True
            {call}
"""


@pytest.mark.parametrize(
    ("body", "call", "found"),
    [
        ("pass", "agent.learn(done)", {"done"}),
        ("pass", "agent.learn(over)", {"done"}),
        ("pass", "agent.learn(done=done)", {"done"}),
        ("pass", "agent.learn(flags)", set()),
        ("pass", "agent.learn(done); agent.learn(flags)", set()),
        ("for done in rows: pass", "agent.learn(done)", set()),
        ("done = rows[0]", "agent.learn(done)", set()),
        ("pass", "pass", set()),
    ],
)
def test_what_callers_hand_in(project, body, call, found):
    graph = project(PROGRAM.format(body=body, call=call))
    (learn,) = [function for function in graph.project.functions if function.name == "learn"]
    assert handed(graph, learn) == found
