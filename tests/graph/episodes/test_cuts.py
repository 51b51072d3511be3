"""The time limits of the environments that steps are taken in."""

import pytest

from per_audit.facts import ir
from per_audit.graph.episodes.cuts import cuts_of

CAR = """
    import gym_super_mario_bros
    import gymnasium as gym

    class Car(gym.Env):
        def __init__(self, most=300):
            self.most, self.taken, self.at, self.speed = most, 0, 0.0, 0.0

        def reset(self, seed=None, options=None):
            self.taken, self.at, self.speed = 0, 0.0, 0.0
            return (self.at, self.speed), {}

        def step(self, force):
            self.taken += 1
            self.speed += force
            self.at += self.speed
            reward, terminated, truncated = -abs(self.speed - 5), False, False
            if self.at > 1_000:
                terminated = True
            elif self.taken >= self.most:
                truncated = True
            return (self.at, self.speed), reward, terminated, truncated, {}
"""


def limits(graph):
    """What is known of the limits where the last file takes its steps."""
    steps = [
        (site.path, site.node)
        for site in graph.events.calls.values()
        if site.function is None and isinstance(site.node.func, ir.Attr) and site.node.func.attr == "step"
    ]
    cuts = cuts_of(graph, steps)
    return [str(cut) for cut in cuts.found], cuts.is_open


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("pass", "pass", ["Car"]),
        ("truncated = True\n", "truncated, reward = True, -10.0\n", []),
        ("truncated = True\n", "truncated = True\n                reward -= 10.0\n", []),
        ("            return (", "            if truncated:\n                reward = 0.0\n            return (", []),
        ("return (self.at, self.speed), reward", "return (self.at, self.taken), reward", []),
        ("terminated = True", "pass", []),
        ("self.taken >= self.most", "self.speed > self.most", []),
        ("self.taken >= self.most", "self._is_late()", []),
    ],
)  # fmt: skip
def test_what_the_environment_of_a_project_says(project, old, new, found):
    graph = project(CAR.replace(old, new) + "\n    env = Car()\n    env.step(1.0)\n")
    assert limits(graph) == (found, False)


@pytest.mark.parametrize(
    ("made", "found", "is_open"),
    [
        ("gym.make('CartPole-v1')", ["CartPole-v1 (500 steps)"], False),
        ("gym.make('CartPole-v1').unwrapped", [], False),
        ("gym.wrappers.FrameStack(gym.make('Hopper-v4'), 4)", ["Hopper-v4 (1,000 steps)"], False),
        ("gym.wrappers.TimeAwareObservation(gym.make('Hopper-v4'))", [], False),
        ("gym.make('Hopper-v4', max_episode_steps=60)", ["Hopper-v4 (60 steps)"], False),
        ("gym.make('Own-v1', max_episode_steps=-1)", [], False),
        ("gym.make('car-v0')", ["Car", "car-v0 (70 steps)"], False),
        ("gym.make('Unheard-v0')", [], True),
        ("gym_super_mario_bros.make(given())", [], False),
        ("given()", [], True),
    ],
)
def test_what_a_library_makes(project, made, found, is_open):
    registered = "gym.register(id='car-v0', entry_point=Car, max_episode_steps=70)"
    graph = project(CAR + f"\n    {registered}\n    env = {made}\n    env.step(1.0)\n")
    assert limits(graph) == (found, is_open)


def test_settings_that_are_handed_on_with_two_stars_name_environments(project):
    graph = project(
        """
        import sys
        import gymnasium as gym

        def study(settings):
            learn(net=None, **settings["learning"])

        def learn(name, net, steps):
            env = gym.make(name)
            for _ in range(steps):
                env.step(1.0)

        if sys.argv[1] == "cart":
            study({"learning": {"name": "CartPole-v1", "steps": 50}, "net": {"width": 64}})
        else:
            study({"learning": {"name": "Hopper-v4", "steps": 50}, "net": {"width": 256}})
        """
    )
    steps = [
        (site.path, site.node) for site in graph.events.calls.values() if getattr(site.node.func, "attr", "") == "step"
    ]
    cuts = cuts_of(graph, steps)
    assert [str(cut) for cut in cuts.found] == ["CartPole-v1 (500 steps)", "Hopper-v4 (1,000 steps)"]
    assert not cuts.is_open
