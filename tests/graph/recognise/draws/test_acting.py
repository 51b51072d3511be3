"""Random numbers that actions are made of pick no transitions."""

import pytest

PROGRAM = """
    import random
    from collections import deque
    import numpy as np

    class Agent:
        def __init__(self, net):
            self.net, self.rows, self.chances = net, deque(maxlen=1000), np.zeros(4)

        def act(self, state):
            {act}

        {pick}

        def learn(self):
            for state, action, reward, next_state, done in random.sample(self.rows, 32):
                self.net.fit(state, reward + (1 - done) * self.net(next_state))

    def train(env, net):
        agent, state = Agent(net), env.reset()
        while True:
            {step}
            agent.rows.append((state, action, reward, next_state, done))
            state = next_state
            agent.learn()
"""
STEP = "action = agent.act(state); next_state, reward, done, _ = env.step(action)"
WALK = """p, u = self.net(state), np.random.rand()
            for i in range(4):
                if u < p[i]:
                    return i
                u -= p[i]"""
PICK = """def pick(self, p):
            u = np.random.rand() * p.sum()
            for i, share in enumerate(p):
                if u < share:
                    return i
                u -= share
"""
NOISE = """noise = np.random.rand(4) * 2 - 1
            while (noise > 0.5).any():
                noise = noise - noise.mean()
            return self.net(state) + noise"""


@pytest.mark.parametrize(
    ("act", "step"),
    [
        (WALK, STEP),
        (WALK, "next_state, reward, done, _ = env.step(agent.act(state)); action = 0"),
        (WALK.replace("return i", "return i, p[i]"), STEP.replace("action =", "action, p =")),
        ("return self.pick(self.net(state))", STEP),
        ("action = self.pick(self.net(state))\n            return action", STEP),
        ("p = np.cumsum(self.net(state))\n            return np.searchsorted(p, np.random.rand() * p[-1])", STEP),
        (NOISE, STEP),
        (NOISE, "action = np.clip(agent.act(state), -1, 1); next_state, reward, done, _ = env.step(action)"),
    ],
)
def test_what_an_action_is_chosen_by_is_no_draw_of_transitions(project, kinds, act, step):
    pick = PICK if "pick" in act else ""
    assert kinds(project(PROGRAM.format(act=act, pick=pick, step=step))) == ["uniform"]


def test_transitions_that_are_picked_are_drawn_whoever_asks(project, kinds):
    """An agent that acts as the transition did that it finds by its priorities."""
    walk = """u = np.random.rand() * self.chances.sum()
            for i in range(4):
                if u < self.chances[i]:
                    break
                u -= self.chances[i]
            at = np.searchsorted(np.cumsum(self.chances), np.random.rand() * self.chances.sum())
            state, action, reward, next_state, done = self.rows[at]
            return action"""
    assert "prioritised" in kinds(project(PROGRAM.format(act=walk, pick="", step=STEP)))


def test_noise_about_0_that_a_learner_makes_is_no_draw(project, kinds):
    act = "return int(self.net(state).argmax())"
    noise = """noise = np.random.rand(32)
            while (noise > noise.mean()).all():
                noise = noise - noise.mean()
            for state"""
    program = PROGRAM.replace("for state", noise, 1).format(act=act, pick="", step=STEP)
    assert kinds(project(program)) == ["uniform"]


ACTS = """
    def go(agent, env, state):
        action = agent.act(state)
        next_state, reward, agent.over = env.{call}
        agent.rows.append((state, action, reward, next_state, agent.over))
        return next_state

    class Maze:
        def __init__(self):
            self.at, self.ways = np.zeros(2), {{0: [0, 1], 1: [0, -1], 2: [1, 0], 3: [-1, 0]}}

        def begin(self):
            self.at = np.zeros(2)
            return self.at

        def moved(self, action):
            self.at = self.at + np.asarray(self.ways[action])
            return self.at, -0.05, self.at.sum() > 9

    def train(net):
        env = Maze()
        agent, state = Agent(net), env.begin()
        while True:
            state = go(agent, env, state)
            agent.learn()
"""


def test_a_step_may_be_called_otherwise_where_an_action_is_answered_by_what_was_earned(project, kinds):
    """What the environment reads at the action is no memory, and the choice of the action no draw from one."""
    act = "return np.random.choice(4, p=self.net(state))"
    program = PROGRAM.partition("    def train")[0].format(act=act, pick="") + ACTS.format(call="moved(action)")
    assert kinds(project(program)) == ["uniform"]


def test_what_another_call_is_told_is_no_action(project, kinds):
    """Rows that a memory is asked for by their positions are answered in the same parts."""
    draw = """def some(self):
            at = random.choices(range(len(self.rows)), weights=self.chances, k=32)
            next_state, reward, over = self.read(at)
            return next_state, reward, over

        def read(self, at):
            return zip(*[self.rows[i][2:] for i in at])
"""
    program = PROGRAM.partition("    def train")[0].format(act="return int(self.net(state).argmax())", pick=draw)
    assert "prioritised" in kinds(project(program + ACTS.format(call="moved(action)")))
