"""Which stored fields say "terminated or truncated"."""

import pytest

from per_audit.graph.episodes.truncation import merged_ends

LOOP = """
    import random
    import numpy as np

    def run(env, model):
        rows, s = [], env.reset()
        for t in range(1000):
            s2, r, terminated, truncated, info = env.step(model.act(s))
            {code}
            s = s2
            for before, reward, after, end in random.sample(rows, 32):
                model.fit(before, reward + 0.9 * (1 - end) * model.predict(after))
"""


def joined(project, code):
    graph = project(LOOP.replace("{code}", "\n            ".join(code.splitlines())))
    (buffer,) = graph.buffers
    return [graph.source(end.path, end.node) for end in merged_ends(graph, buffer)]


@pytest.mark.parametrize(
    "code",
    [
        "rows.append((s, r, s2, terminated or truncated))",
        "rows.append((s, r, s2, terminated | truncated))",
        "rows.append((s, r, s2, int(np.logical_or(terminated, truncated))))",
        "rows.append((s, r, s2, 1 - (terminated or truncated)))",
        "rows.append((s, r, s2, max(terminated, truncated)))",
        "both = terminated or truncated\nrows.append((s, r, s2, both))",
        "both = False\nif t > 9:\n    s2, r, both, _ = env.step(0)\nelse:\n    both = terminated or truncated\n"
        "rows.append((s, r, s2, both))",
        "both = False\nfor _ in range(4):\n    s2, r, terminated, truncated, _ = env.step(0)\n"
        "    both = terminated or truncated\nrows.append((s, r, s2, both))",
    ],
)
def test_joined_flags_are_found(project, code):
    (text,) = joined(project, code)
    assert "terminated" in text
    assert "truncated" in text


@pytest.mark.parametrize(
    "code",
    [
        "rows.append((s, r, s2, terminated))",
        "rows.append((s, r, s2, (terminated or truncated) and not truncated))",
        "rows.append((s, r, s2, terminated, terminated or truncated))",
        "rows.append((s, r, s2, terminated))\nif terminated or truncated:\n    s2 = env.reset()",
        "rows.append((s, r, s2, terminated or info['TimeLimit.truncated']))",
    ],
)
def test_other_flags_are_not(project, code):
    assert joined(project, code) == []


def test_a_fourth_value_of_another_meaning_is_no_truncation(project):
    graph = project(
        LOOP.replace("terminated, truncated", "caught, lost").replace(
            "{code}", "rows.append((s, r, s2, caught or lost))"
        )
    )
    assert merged_ends(graph, graph.buffers[0]) == []


WRAPPED = """
    import random
    import gymnasium
    import numpy as np

    class Frames:
        def __init__(self, name):
            self.env, self.frames = gymnasium.make(name), []

        def step(self, action):
            frame, reward, terminated, truncated, info = self.env.step(action)
            self.frames.append(frame)
            return self.frames, reward, {end}

    def act(model, state):
        votes = model(state) + model(state + 1) + model(state + 2) + model(state + 3) + model(state + 4)
        return np.argmax(votes + model(state - 1) + model(state - 2) + model(state - 3) + model(state - 4))

    def run(model):
        env, rows, s = Frames("CartPole-v1"), [], 0
        for t in range(1000):
            s2, r, end = env.step(act(model, s))
            rows.append((s, r, s2, end))
            s = s2
            for before, reward, after, ended in random.sample(rows, 32):
                model.fit(before, reward + 0.9 * (1 - ended) * model.predict(after))
"""


@pytest.mark.parametrize(("end", "found"), [("terminated or truncated", 1), ("terminated", 0)])
def test_a_wrapper_of_the_environment_joins_the_flags(project, end, found):
    graph = project(WRAPPED.replace("{end}", end))
    (buffer,) = graph.buffers
    assert len(merged_ends(graph, buffer)) == found


@pytest.mark.parametrize(("end", "found"), [("terminated or truncated", 1), ("terminated and not truncated", 0)])
def test_a_limit_that_a_wrapper_sets_is_taken_out(project, end, found):
    graph = project(
        """
        import random
        import gymnasium

        class Limit(gymnasium.Wrapper):
            def step(self, action):
                frame, reward, terminated, truncated, info = self.env.step(action)
                self.steps += 1
                if self.steps >= self.max_steps:
                    truncated = True
                return frame, reward, terminated, truncated, info

        def run(model):
            env, rows, s = Limit(gymnasium.make("CartPole-v1")), [], 0
            for t in range(1000):
                s2, r, terminated, truncated, _ = env.step(model.act(s))
                rows.append((s, r, s2, ENDED))
                s = s2
                for before, reward, after, ended in random.sample(rows, 32):
                    model.fit(before, reward + 0.9 * (1 - ended) * model.predict(after))
    """.replace("ENDED", end)
    )
    (buffer,) = graph.buffers
    assert len(merged_ends(graph, buffer)) == found
