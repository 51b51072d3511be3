"""What the environments of a project never say."""

import pytest

from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED, never_says
from per_audit.graph.episodes.own_limits import ends_by_count_alone

WORLD = """
    class World:
        def reset(self):
            return 0, {{}}

        def step(self, action):
            {before}
            return 0, 1.0, {flags}, {{}}

    class Agent:
        def reset(self):
            pass

        def step(self, state, action, reward, next_state):
            return None
    {more}
"""


@pytest.mark.parametrize(
    ("before", "flags", "more", "found"),
    [
        ("pass", "action > 3, False", "", (False, True)),
        ("pass", "False, False", "", (True, True)),
        ("cut = False", "action > 3, cut", "", (False, True)),
        ("pass", "False, action > 3", "", (True, False)),
        ("if action: return 0, 0.0, True, True, {}", "False, False", "", (False, False)),
        ("if action: return self.end()", "False, False", "", (False, False)),
        ("pass", "False, False", "import gymnasium\n    env = gymnasium.make('CartPole-v1')", (False, False)),
        ("pass", "False, False", "limit = {'max_episode_steps': 200}", (False, False)),
        ("pass", "False, False", "class Outer(World):\n        def step(self, action):\n"
         "            raise NotImplementedError", (True, True)),
    ],
)  # fmt: skip
def test_what_every_step_says(project, before, flags, more, found):
    graph = project(WORLD.format(before=before, flags=flags, more=more))
    assert (never_says(graph, TERMINATED), never_says(graph, TRUNCATED)) == found


def test_the_step_that_is_called_decides(project):
    graph = project(
        WORLD.format(before="pass", flags="False, False", more="")
        + """
    class Short(World):
        def step(self, action):
            return 0, 1.0, True, True, {}

    def run(world: World):
        return world.step(1)

    run(Short())
    """
    )
    (site,) = [site for site in graph.events.calls.values() if graph.source(site.path, site.node) == "world.step(1)"]
    assert not never_says(graph, TERMINATED, site.node)


def test_a_project_without_environments_tells_nothing(project):
    assert not never_says(project("print(1)"), TERMINATED)


@pytest.mark.parametrize(
    ("step", "more", "found"),
    [
        ("self.over = self.t >= self.most", "", True),
        ("if self.t >= self.most: self.over = True", "", True),
        ("if self.t >= self.most: self.over = True", "def stop(self): self.over = True", False),
        ("self.over = self.t >= self.most or self.at > 9", "", False),
        ("self.at, self.over = self.t, self.t >= self.most", "", False),
        ("pass", "", False),
    ],
)
def test_an_episode_that_ends_by_a_count_alone(project, step, more, found):
    graph = project(
        f"""
    class World:
        def __init__(self, most):
            self.most, self.over, self.at, self.t = most, False, 0, 0

        def reset(self):
            self.t, self.over = 0, False
            return self.at

        def step(self, action, quiet=True):
            self.t += 1
            {step}
            return self.at, 1.0, self.over, {{}}

        {more}

    World(200).step(1)
    """
    )
    assert ends_by_count_alone(graph) is found


def test_an_attribute_that_is_only_ever_lowered_is_written_as_false(project):
    text = WORLD.format(before="pass", flags="self.over, False", more="").replace("return 0, {}", "self.over = False")
    assert never_says(project(text), TERMINATED)
    assert not never_says(project(text.replace("pass", "self.over = action > 3", 1)), TERMINATED)
