"""The roles of what is put into a container."""

import pytest

from per_audit.graph import UNIFORM

TWO_KINDS = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.states, self.later, self.at = np.zeros((size, 4)), np.zeros((size, 4)), 0
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)

        def add(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.later[self.at] = state, action, next_state
            self.rewards[self.at], self.ends[self.at] = reward, done
            self.at += 1

        def sample(self, n):
            i = np.random.randint(0, self.at, size=n)
            return self.states[i], self.actions[i], self.rewards[i], self.later[i], self.ends[i]

    class Off:
        def act(self, state):
            return self.net(state)

    class On:
        def act(self, state):
            action, log_prob, value = self.net(state)
            return action, log_prob, value

    def made(kind):
        return On() if kind == "on" else Off()

    def train(env, kind):
        agent, memory, state = made(kind), Memory(1000), env.reset()
        for _ in range(9000):
            action = agent.act(state)
            next_state, reward, done, _ = env.step(action)
            memory.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            agent.update(memory.sample(32))
"""


def test_what_another_agent_says_with_its_actions_is_not_in_a_column_of_actions(project, kinds):
    assert kinds(project(TWO_KINDS)) == [UNIFORM]


@pytest.mark.parametrize(("told", "found"), [("state[1]", [UNIFORM]), ("said", [])])
def test_a_field_beside_those_of_a_transition_holds_nothing_that_a_policy_said(project, kinds, told, found):
    graph = project(f"""
    import random
    from collections import deque

    class Past:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def keep(self, state, depth, action, reward, done, next_state):
            self.rows.append((state, depth, action, reward, done, next_state))

        def some(self, n):
            return random.sample(self.rows, n)

    class Off:
        def act(self, state):
            return self.net(state)

    class On:
        def act(self, state):
            action, log_prob, value = self.net(state)
            return action, log_prob, value

    def made(kind):
        return On() if kind == "on" else Off()

    def train(env, kind):
        agent, past, state = made(kind), Past(1000), env.reset()
        for _ in range(9000):
            action = agent.act(state)
            said = On().act(state)
            next_state, reward, done, _ = env.step(action)
            past.keep(state, {told}, action, reward, done, next_state)
            state = env.reset() if done else next_state
            agent.update(past.some(32))
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    ("fields", "written", "found"),
    [
        ("self.number = number", True, []),
        ("self.state, self.action, self.reward, self.next_state = number", False, [UNIFORM]),
    ],
)
def test_an_object_that_others_change_is_no_transition(project, kinds, fields, written, found):
    change = "one.state, one.action, one.reward, one.next_state = world.turn(one)" if written else "world.turn(one)"
    graph = project(f"""
    import random

    class Thing:
        def __init__(self, number):
            {fields}

    def run(world, net):
        things = []
        for number in range(99):
            things.append(Thing(number))
            for one in random.sample(things, 4):
                {change}
                net.loss(one.state, one.action, one.reward, one.next_state).backward()
                net.optimizer.step()
    """)
    assert kinds(graph) == found


@pytest.mark.parametrize(
    ("acting", "found"),
    [('On() if kind == "on" else Off()', [UNIFORM]), ("On()", [])],
    ids=["one of several", "the only one"],
)
def test_what_one_of_several_policies_says_for_its_action_makes_no_rollout(project, kinds, acting, found):
    graph = project(f"""
    import random

    class Past:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Off:
        def act(self, state):
            return {{"action": self.session.run(self.action, state)}}

    class On:
        def act(self, state):
            action, log_prob = self.session.run([self.action, self.log_prob], state)
            return {{"action": log_prob}}

    def train(env, kind):
        agent, past, state = {acting}, Past(), env.reset()
        for _ in range(9000):
            action = agent.act(state)["action"]
            next_state, reward, done, _ = env.step(action)
            past.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            agent.update(past.sample(32))
    """)
    assert kinds(graph) == found
