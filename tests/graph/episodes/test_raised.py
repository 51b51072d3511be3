"""Flags that environments of a program raise by one literal True after the other, the limit of steps among them."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

WORLD = """
class World:
    def __init__(self, most):
        self.max_steps, self.near = most, 0.1
        self.begin()

    def begin(self):
        self.t, self.at, self.speed, self.points = 0, 0.0, 0.0, 0

    def reset(self):
        self.begin()
        return self.seen()

    def seen(self):
        return [self.at, self.speed]

    def crashed(self):
        return abs(self.at) > 9

    def found(self):
        return abs(self.at - 5) < self.near
{more}
    def step(self, push):
        self.t += 1
        self.speed += push
        self.at += self.speed
        reward = -abs(self.at - 5)
{ends}
        return self.seen(), reward, done, {{}}
"""
TRAIN = """import random
from collections import deque

from world import World


def train(net, optimizer, episodes):
    env, memory = World(500), deque(maxlen=10_000)
    for _ in range(episodes):
        state, steps = env.reset(), 0
        done = False
        while not done:
            action = net.act(state)
            next_state, reward, done, info = env.step(action)
            steps += 1
            {kept}
            state = next_state
            net.loss(random.sample(memory, 32)).backward()
            optimizer.step()
"""
KEPT = "memory.append((state, action, reward, next_state, float(done)))"
ENDS = """
        done = False
        if self.crashed():
            reward, done = -100.0, True
        elif self.found():
            reward, done = 100.0, True
        if self.t >= self.max_steps:
            done = True
"""


def lines_told(ends, kept=KEPT, more=""):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER502")
    files = {"world.py": WORLD.format(ends=ends, more=more), "train.py": TRAIN.format(kept=kept)}
    found = rule.check(link([extract(path, text.encode()) for path, text in files.items()]))
    return [files[finding.place.path].splitlines()[finding.place.line - 1].strip() for finding in found]


AS_ATTRIBUTE = ENDS.replace("done", "self.done") + "        done = self.done\n"
RETURNED = """
        if self.crashed():
            return self.seen(), -100.0, True, {}
        if self.t >= self.max_steps:
            return self.seen(), reward, True, {}
        done = False
"""
ASKED = """
    def is_over(self):
        if self.crashed():
            return True
        if self.t >= self.max_steps:
            return True
        return False
"""


@pytest.mark.parametrize(
    ("ends", "more"),
    [
        (ENDS, ""),
        (ENDS.replace("        if self.t", "        elif self.t"), ""),
        (ENDS.replace("        if self.t", "        if not done and self.t"), ""),
        (ENDS.replace(">= self.max_steps", "== 500 - 1").replace("500 - 1", "self.max_steps - 1"), ""),
        (AS_ATTRIBUTE, ""),
        (RETURNED, ""),
        ("        done = self.is_over()", ASKED),
        (ENDS + "        if done and self.crashed():\n            reward -= 1\n", ""),
    ],
    ids=[
        "if",
        "elif",
        "if not over",
        "one less",
        "an attribute",
        "returned",
        "asked for",
        "a reward for something else",
    ],
)
def test_a_limit_among_other_ends(ends, more):
    (told,) = lines_told(ends, more=more)
    assert "self.max_steps" in told


AT_LIMIT = "        if self.t >= self.max_steps:\n"
PAID = {
    "beside it": (
        ENDS.replace(f"{AT_LIMIT}            done = True", f"{AT_LIMIT}            reward, done = -10, True"),
        "",
    ),
    "where it is not over": (
        ENDS.replace(AT_LIMIT, AT_LIMIT.replace("if ", "if not done and ")) + "            reward -= 10\n",
        "",
    ),
    "off the reward": (ENDS + "            reward -= 10\n", ""),
    "by another test": (ENDS + AT_LIMIT + "            reward -= 10\n", ""),
    "in one line": (ENDS + "        reward += -10 if self.t == self.max_steps else 0\n", ""),
    "for any end": (ENDS + "        if done:\n            reward = -10\n", ""),
    "on both ways": (
        ENDS + "        if not done:\n            reward = 1\n        else:\n            reward = 0\n",
        "",
    ),
    "computed of the end": (ENDS + "        reward = self.worth(done)\n", ""),
    "by a method": (
        AS_ATTRIBUTE + "        reward = self.reward()\n",
        "    def reward(self):\n        return -10 if self.done else 1\n",
    ),
    "by the count": (ENDS, "    def reward(self):\n        return self.t - 5\n"),
    "returned": (RETURNED.replace("reward, True", "-1.0, True"), ""),
    "for what a method says": ("        done = self.is_over()\n        if done:\n            reward = -10\n", ASKED),
}


@pytest.mark.parametrize("how", PAID)
def test_a_limit_that_is_paid_for_is_a_part_of_the_task(how):
    ends, more = PAID[how]
    assert lines_told(ends, more=more) == []


POINTS = ENDS.replace("t >= self.max_steps", "points >= self.max_points")
OTHERS = {
    "nothing counts it": (POINTS, ""),
    "counts something else": ("        if self.crashed():\n            self.points += 1\n" + POINTS, ""),
    "the only end": (
        ENDS.replace("reward, done = -100.0, True", "reward = -1").replace("reward, done =", "reward, _ ="),
        "",
    ),
    "the steps are told": (ENDS, "    def more_seen(self):\n        return self.t\n"),
}


@pytest.mark.parametrize("how", OTHERS)
def test_what_is_no_limit_of_steps(how):
    ends, more = OTHERS[how]
    assert lines_told(ends, more=more) == []


@pytest.mark.parametrize(
    "kept",
    [
        "memory.append((state, action, reward, next_state, float(done) if steps < 500 else 0))",
        "memory.append((state, action, reward, next_state, done if steps < 500 else False))",
        "if steps == 500:\n                done = False\n            " + KEPT,
        "if env.t >= env.max_steps:\n                done = False\n            " + KEPT,
        "memory.append((state, action, reward, next_state, done and not info.get('late')))",
    ],
)
def test_a_learner_that_takes_the_limit_out(kept):
    assert lines_told(ENDS, kept=kept) == []
