"""Limits of a program's own: what is counted, over functions, methods and callers."""

import pytest

from per_audit.graph.episodes.truncation import merged_ends

AGENT = """
import random
from collections import deque

import numpy as np


class Pilot:
    def __init__(self, env, net, goal_net, optimizer, most=200):
        self.env, self.net, self.goal_net, self.optimizer = env, net, goal_net, optimizer
        self.memory, self.max_steps, self.t, self.most = deque(maxlen=9_000), most, 0, most

    def learn(self):
        rows = random.sample(self.memory, 32)
        goals = [r + 0.9 * (1 - d) * self.goal_net(s2).max() for s, a, r, s2, d in rows]
        self.net.loss(rows, goals).backward()
        self.optimizer.step()

{fly}
{main}
"""
FLY = """
    def fly(self):
        state, step, done = self.env.reset(), 0, False
        while not done:
            action = self.net.act(state)
            later, reward, done, _ = self.env.step(action)
            step += 1
            if step >= self.max_steps:
                done = True
            self.memory.append((state, action, reward, later, done))
            state = later
            self.learn()
"""
COUNTED = """
    def fly(self):
        state = self.env.reset()
        for t in range(self.most):
            action = self.net.act(state)
            later, reward, done, _ = self.env.step(action)
            if t == self.most - 1:
                done = True
            self.memory.append((state, action, reward, later, done))
            state = later
            self.learn()
            if done:
                break
"""
OBSERVER = """
    def take_off(self):
        self.t = 0

    def see(self, state, action, reward, later, done):
        self.t += 1
        if self.t >= self.max_steps:
            done = True
        self.memory.append((state, action, reward, later, done))
        self.learn()
        return done
"""
WATCHED = """
def main(env, net, goal_net, optimizer):
    pilot = Pilot(env, net, goal_net, optimizer)
    for _ in range(500):
        state, done = env.reset(), False
        pilot.take_off()
        while not done:
            action = net.act(state)
            later, reward, done, _ = env.step(action)
            done = pilot.see(state, action, reward, later, done)
            state = later
"""
MAIN = """
def main(env, net, goal_net, optimizer):
    pilot = Pilot(env, net, goal_net, optimizer)
    for _ in range(500):
        pilot.fly()
"""
ONCE = MAIN.replace("for _ in range(500):\n        ", "if True:\n        ")
GRID = """
class Grid:
    def __init__(self, goal):
        self.at, self.goal = 0, goal

    def reset(self):
        self.at = 0
        return self.at

    def step(self, action):
        done, reward = False, -1.0
        self.at += action - 1
        if self.at == self.goal:
            done, reward = True, 0.0
        return self.at, reward, done, {}
"""
ENDLESS = GRID.replace("            done, reward = True, 0.0\n", "            reward = 0.0\n").replace(
    "done, {}", "False, {}"
)
IN_GRID = MAIN.replace("env, net", "net", 1).replace("Pilot(env", "Pilot(Grid(9)")
AT_LIMIT = "            if step >= self.max_steps:\n                done = True\n"
SINGLE = (
    FLY.replace("while not done:", "for _ in range(10_000):") + "            if done:\n                state, step = "
    "self.env.reset(), 0\n"
)
PASSED = """
    def fly(self, state, t):
        action = self.net.act(state)
        later, reward, done, _ = self.env.step(action)
        if t == self.max_steps - 1:
            done = True
        self.memory.append((state, action, reward, later, done))
        self.learn()
        return later, done
"""
PASSES = """
def main(env, net, goal_net, optimizer):
    pilot = Pilot(env, net, goal_net, optimizer)
    for _ in range(500):
        state = env.reset()
        for t in range(200):
            state, done = pilot.fly(state, t)
            if done:
                break
"""


def found(project, fly, main):
    graph = project(AGENT.replace("{fly}", fly).replace("{main}", main))
    (buffer,) = graph.buffers
    return [graph.source(end.path, end.node) for end in merged_ends(graph, buffer)]


@pytest.mark.parametrize(
    ("fly", "main", "limit"),
    [
        (FLY, MAIN, "step >= self.max_steps"),
        (FLY.replace("fly", "_fly"), "    def fly(self):\n        self._fly()\n" + MAIN, "step >= self.max_steps"),
        (FLY.replace(AT_LIMIT, "            done = done or step >= self.max_steps\n"), MAIN, "step >= self.max_steps"),
        (FLY.replace(AT_LIMIT, "            done = True if step == 200 else done\n"), MAIN, "step == 200"),
        (FLY.replace("step >= self.max_steps", "self.max_steps <= step"), MAIN, "self.max_steps <= step"),
        (FLY.replace(" step", " self.t"), MAIN, "self.t >= self.max_steps"),
        (COUNTED, MAIN, "t == self.most - 1"),
        (COUNTED, MAIN.replace("for _ in range(500)", "while True"), "t == self.most - 1"),
        (COUNTED, "def main(pilot):\n    return [pilot.fly() for _ in range(9)]\n\nmain(Pilot(1, 2, 3, 4))\n", "t =="),
        (SINGLE, ONCE, "step >= self.max_steps"),
        (OBSERVER, WATCHED, "self.t >= self.max_steps"),
        (PASSED, PASSES, "t == self.max_steps - 1"),
        (FLY.replace("(state, action, reward", "(state, action, reward - step / 200"), MAIN, "step >= self.max_steps"),
        (FLY, GRID + IN_GRID, "step >= self.max_steps"),
        (FLY.replace("net.act(state)", "net.act(state, step)"), MAIN, "step >= self.max_steps"),
        (FLY.replace("while not done", "while not done and step < self.max_steps"), MAIN, "step >= self.max_steps"),
    ],
)
def test_a_count_of_an_episode_is_found(project, fly, main, limit):
    (text,) = found(project, fly, main)
    assert limit in text


@pytest.mark.parametrize(
    ("fly", "main"),
    [
        (FLY, ONCE),  # one episode alone
        (SINGLE.replace("state, step = self.env.reset(), 0", "state = self.env.reset()"), ONCE),  # all that is run
        (COUNTED.replace("self.most - 1", "self.most"), MAIN),  # which the loop never comes to
        (COUNTED.replace("range(self.most)", "range(100)").replace("self.most - 1", "200"), MAIN),
        (
            FLY.replace("while not done", "while step < self.max_steps")
            .replace("            step += 1\n", "")
            .replace("self.learn()", "step += 1"),
            MAIN.replace("pilot.fly()", "pilot.fly()\n        pilot.learn()"),
        ),
        (FLY.replace("(state, action, reward, later,", "((state, step), action, reward, (later, step),"), MAIN),
        (FLY.replace("reward, later, done)", "reward, np.append(later, step), done)"), MAIN),
        (FLY.replace("env.step(action)", "env.step(action, step)"), MAIN),  # which then knows the count
        (FLY.replace("later, done))", "later, ended))").replace("done, _ =", "ended, _ ="), MAIN),
        (FLY.replace(AT_LIMIT, AT_LIMIT + "                reward = -10\n"), MAIN),
        (FLY, ENDLESS + IN_GRID),  # a task without an end of its own
        (FLY.replace("step +=", "if reward > 0: step +=").replace("step >= self.max_steps", "step >= 10"), MAIN),
        (OBSERVER.replace("self.t = 0", "pass"), WATCHED),
        (PASSED, PASSES.replace("fly(state, t)", "fly(state, 1)")),
    ],
)
def test_other_counts_and_limits_are_not(project, fly, main):
    assert found(project, fly, main) == []
