"""Environments of the project's own that it asks a library for by their names."""

import pytest

from per_audit.facts import ir
from per_audit.graph.episodes.registered import stepped

WORLD = """
    import gym
    from gym.envs.registration import register

    class World:
        def reset(self):
            return 0

        def step(self, action):
            return 0, 1.0, action > 3, {{}}

    register(id="world-v0", entry_point={entry})
    env = gym.make({name})
    {then}
    env.step(2)
"""


@pytest.mark.parametrize(
    ("entry", "name", "then", "found"),
    [
        ('"main:World"', '"world-v0"', "pass", ["step"]),
        ("World", '"main:world-v0"', "pass", ["step"]),
        ('"elsewhere:Maze"', '"world-v0"', "pass", []),
        ('"main:World"', '"CartPole-v1"', "pass", []),
        ('"main:World"', '"world-v0"', "if input(): env = gym.make('CartPole-v1')", []),
    ],
)
def test_the_steps_that_are_meant(project, entry, name, then, found):
    graph = project(WORLD.format(entry=entry, name=name, then=then))
    (call,) = [node for node in graph.events.calls if isinstance(node.func, ir.Attr) and node.func.attr == "step"]
    assert [function.name for function in stepped(graph, call)] == found
