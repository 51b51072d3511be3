"""What a step has just said of the end of an episode."""

import pytest

from per_audit.graph.episodes.moments import fresh, handed

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


STEPS = """
    def main(env, rows):
        state, done = env.reset(), False
        while not done:
            state, reward, over, cut, info = env.step(1)
            {line}
            rows.append((state, reward, done))
"""


@pytest.mark.parametrize(
    ("line", "is_said"),
    [
        ("done = over or cut", True),
        ("done = cut or (over or cut)", True),
        ("done = over and cut", False),
        ("done = over or cut or rows[0]", False),
        ("done = over or cut; state, done = rows[0]", False),
    ],
)
def test_both_flags_of_a_step_under_one_name(project, line, is_said):
    graph = project(STEPS.format(line=line))
    (main,) = graph.project.functions
    assert ("done" in fresh(graph, main, graph.project.module_of[main].path)) == is_said
