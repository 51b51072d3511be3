"""What PER501 says of the ends of episodes that a class stores for one agent and not for another."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


def test_the_end_that_another_agent_stores_is_none_of_this_one():
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    (text,) = (example.plain["agents.py"] for example in rule.bad if "another agent" in example.title)
    (finding,) = rule.check(link([extract("agents.py", text.encode())]))
    assert finding.message.endswith("is known where transitions are stored, and is not stored")
    stored = [link.place.line for link in finding.evidence if link.role == "stored"]
    assert [text.splitlines()[line - 1].strip() for line in stored] == [
        "self.memory.put((state, action, reward, next_state))"
    ]


def test_a_flag_that_is_stored_as_its_opposite_is_told_as_that():
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    (text,) = (example.plain["agent.py"] for example in rule.bad if "takes the opposite of it" in example.title)
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert finding.message.endswith("and nowhere else: the mask is the wrong way round")
    (stored,) = (link.note for link in finding.evidence if link.role == "stored")
    assert stored == "transitions are stored here with the opposite of what the step said"
    assert finding.fix.title.endswith("the flag is stored as that already")


AGENT = """import random
import torch.nn.functional as F


class Agent:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows = net, optimizer, []

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        states, actions, rewards, next_states, _ = zip(*random.sample(self.rows, 32))
        goals = rewards + 0.99 * self.net(next_states).max(1).values
        F.mse_loss(self.net(states)[actions], goals).backward()
        self.optimizer.step()
"""
COUNTED = """from agent import Agent
from tasks import Task, net, optimizer

task, agent = Task(), Agent(net, optimizer)
for episode in range(500):
    state = task.reset()
    for t in range(40):
        next_state, reward, done, _ = task.step(net(state).argmax())
        agent.keep(state, 0, reward, next_state, done)
        state = next_state
    agent.learn()
"""
BY_HAND = """from tasks import Task

task = Task()
task.reset()
while True:
    seen, reward, done, _ = task.step(int(input()))
    print(seen, reward)
"""
SHOWN = """from tasks import Task

task = Task()
for episode in range(9):
    task.reset()
    for t in range(40):
        seen, reward, done, _ = task.step(1)
        print(seen, reward)
"""


def found(code, **files):
    (rule,) = (rule for rule in all_rules() if rule.code == code)
    texts = {f"{name}.py": text for name, text in files.items()}
    return [each.message for each in rule.check(link([extract(path, text.encode()) for path, text in texts.items()]))]


def test_a_program_played_by_hand_makes_no_episodes_of_those_that_are_stored():
    assert not found("PER501", agent=AGENT, train=COUNTED)
    assert not found("PER501", agent=AGENT, train=COUNTED, play=BY_HAND)


def test_episodes_of_a_counted_length_elsewhere_say_nothing_of_those_that_are_stored():
    until_done = COUNTED.replace("for t in range(40):", "done = False\n    while not done:")
    assert found("PER501", agent=AGENT, train=until_done, play=SHOWN)


DEEP = """
class Rows:
    def __init__(self):
        self.rows = []

    def write(self, row):
        self.rows.append(row)


class Ring:
    def __init__(self):
        self.held = Rows()

    def keep(self, row):
        self.held.write(row)


class Store:
    def __init__(self):
        self.ring = Ring()

    def keep(self, row):
        self.ring.keep(row)

    def some(self):
        return random.sample(self.ring.held.rows, 32)
"""


def test_the_end_is_known_above_stores_within_stores():
    deep = (
        AGENT.replace(", []", ", Store()")
        .replace(
            "self.rows.append((state, action, reward, next_state, done))",
            "self.rows.keep((state, action, reward, next_state))",
        )
        .replace("next_states, _ = zip(*random.sample(self.rows, 32))", "next_states = zip(*self.rows.some())")
    )
    until_done = COUNTED.replace("for t in range(40):", "done = False\n    while not done:")
    assert found("PER501", agent=deep + DEEP, train=until_done)


def test_a_distance_that_is_observed_is_no_end():
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    (text,) = (example.plain["plane.py"] for example in rule.bad if "a distance" in example.title)
    (finding,) = rule.check(link([extract("plane.py", text.encode())]))
    assert finding.message.endswith("is known where transitions are stored, and is not stored")


LEFT = """import random

import gymnasium
import robosuite as suite
import torch.nn.functional as F


def train(net, optimizer):
    env, rows = {made}, []
    state = env.reset()
    for _ in range(90_000):
        next_state, reward, done, _ = env.step(net(state))
        {before}
        rows.append((state, 0, reward, next_state))
        {behind}
        state = next_state
        s, a, r, s2 = zip(*random.sample(rows, 32))
        goal = r + 0.99 * net(s2).max(1).values.detach()
        F.mse_loss(net(s)[a], goal).backward()
        optimizer.step()
"""
GAME, LEAVE = 'gymnasium.make("LunarLander-v2")', "if done:\n            break"


@pytest.mark.parametrize(
    ("made", "before", "behind", "is_found"),
    [
        (GAME, "pass", LEAVE, True),
        (GAME, LEAVE, "pass", False),
        (GAME, "if done or reward > 9:\n            state = env.reset()\n            continue", "pass", False),
        (GAME, "if done and reward > 9:\n            break", "pass", True),
        (GAME, "if done:\n            print(reward)", "pass", True),
        ('suite.make(env_name="Lift", horizon=600)', "pass", LEAVE, False),
        ('suite.make(env_name="Wipe", horizon=600)', "pass", LEAVE, True),
    ],
)
def test_ends_that_no_transition_is_stored_of_and_tasks_that_time_alone_cuts(made, before, behind, is_found):
    assert bool(found("PER501", train=LEFT.format(made=made, before=before, behind=behind))) == is_found
