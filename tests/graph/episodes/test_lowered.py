"""Flags that are not raised in the step of a time limit, and what is stored beside them."""

import pytest

from per_audit.graph.episodes.truncation import merged_ends

LOOP = """
    import random
    import gymnasium as gym

    class Run:
        def __init__(self, name, most):
            self.env, self.most, self.rows = gym.make(name), most, []
            self.limit = self.env.spec.max_episode_steps

        def go(self, model):
            s, t = self.env.reset()[0], 0
            while True:
                s2, r, terminated, truncated, info = self.env.step(model.act(s))
                done, t = terminated or truncated, t + 1
                {code}
                s = s2
                for before, reward, after, end, *more in random.sample(self.rows, 32):
                    model.fit(before, reward + 0.9 * (1 - end) * model.predict(after))
"""
BY_BRANCH = "if done and t != self.{0}:\n    end = True\nelse:\n    end = False\n"


def found(project, code):
    (buffer,) = (graph := project(LOOP.replace("{code}", "\n                ".join(code.splitlines())))).buffers
    return [(graph.source(end.path, end.node), end.opened) for end in merged_ends(graph, buffer)]


@pytest.mark.parametrize(
    "code",
    [
        f"{BY_BRANCH.format('limit')}self.rows.append((s, r, s2, end, done))",
        f"{BY_BRANCH.format('most')}self.rows.append((s, r, s2, end, done))",
        "end = False\nif t < self.most and done:\n    end = True\nself.rows.append((s, r, s2, end, done))",
        "end = done and t != self.limit\nself.rows.append((s, r, s2, end, done))",
        "end = done and t < self.limit\nself.rows.append((s, r, s2, end))",
        "end = False if t == self.limit else done\nself.rows.append((s, r, s2, end))",
    ],
)
def test_the_flag_of_the_target_is_down_at_the_limit(project, code):
    assert found(project, code) == []


@pytest.mark.parametrize(
    ("code", "opened"),
    [
        ("self.rows.append((s, r, s2, done))", False),
        ("end = done and t != self.most\nself.rows.append((s, r, s2, end))", True),
        ("end = done and model.ends()\nself.rows.append((s, r, s2, end, done))", False),
        (
            "if done and t != self.most:\n    end = True\nelse:\n    end = done\nself.rows.append((s, r, s2, end))",
            False,
        ),
        ("r = 0.0 if t == self.most else r\nself.rows.append((s, r, s2, done))", False),
        ("new = True if done and r < 3 else False\nself.rows.append((s, r, s2, done, new))", False),
    ],
)
def test_other_flags_are_found(project, code, opened):
    (end,) = found(project, code)
    assert end[1] is opened
