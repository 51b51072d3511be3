"""How severe PER201 is where the largest stored priority is raised again: 1 stays 1."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("base", "severity"),
    [
        ("self.p.max() + 0.01", Severity.ERROR),
        ("np.clip(self.p.max() + 0.01, 0, 1)", Severity.INFO),
        ("min(self.p.max() + 0.01, 1.0)", Severity.INFO),
        ("np.clip(self.p.max() + 0.01, 0, self.highest)", Severity.INFO),
        ("np.clip(self.p.max() + 0.01, 0, 100)", Severity.ERROR),
        ("np.clip(self.p[slot - 1] + 0.01, 0, 1)", Severity.ERROR),
    ],
)
def test_the_largest_priority_is_one_where_it_is_clipped_at_one(base, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    (text,) = (e.plain["agent.py"] for e in rule.bad if e.title == "the maximum of what is stored, raised again")
    text = text.replace("(self.p.max() + 0.01) **", f"({base}) **").replace("0\n", "0\n        self.highest = 1\n", 1)
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert finding.severity is severity
    assert ("where it is 1" in finding.message) is (severity is Severity.INFO)


def test_a_stored_priority_is_told_where_it_is_handed_on_by_the_one_who_read_it():
    memory = """
import random
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.p, self.at, self.size = [None] * size, np.zeros(size), 0, size

    def rate(self, slot, error):
        self.p[slot] = self.raised(error)

    def raised(self, error):
        return (abs(error) + 0.01) ** 0.6

    def add(self, row, error=None):
        if error is None:
            error = self.p.max()
        self.rows[self.at] = row
        self.put(self.raised(error))

    def put(self, p):
        self.p[self.at] = p
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        slots = np.random.choice(self.size, n, p=self.p / self.p.sum())
        return slots, [self.rows[slot] for slot in slots]
"""
    run = """
from memory import Memory


def run(env, net, optimizer):
    memory, state = Memory(1000), env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add((state, action, reward, next_state, done))
        state = env.reset() if done else next_state
        slots, rows = memory.sample(32)
        errors = net.errors(rows)
        errors.pow(2).mean().backward()
        optimizer.step()
        for slot, error in zip(slots, errors):
            memory.rate(slot, error.item())
"""
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    (finding,) = rule.check(link([extract("memory.py", memory.encode()), extract("run.py", run.encode())]))
    assert finding.place.path == "memory.py"
    assert memory.splitlines()[finding.place.line - 1].strip() == "self.put(self.raised(error))"
    (read,) = (each for each in finding.evidence if each.role == "read")
    assert memory.splitlines()[read.place.line - 1].strip() == "error = self.p.max()"


@pytest.mark.parametrize(
    ("power", "effect"),
    [
        ("-self.alpha", "a power of it is negative, so that the largest is drawn the least"),
        ("self.alpha", "it counts with alpha squared"),
    ],
)
def test_a_negative_power_inverts_what_was_stored(power, effect):
    memory = f"""
import numpy as np


class Memory:
    def __init__(self, size, alpha):
        self.rows, self.p, self.at, self.size, self.alpha = [None] * size, np.zeros(size), 0, size, alpha

    def rate(self, slot, error):
        self.p[slot] = (abs(error) + 0.01) ** self.alpha

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.p[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def change(self, slots):
        for slot in slots:
            self.p[slot] = self.p[slot] ** {power}

    def sample(self, n):
        slots = np.random.choice(self.size, n, p=self.p / self.p.sum())
        return slots, [self.rows[slot] for slot in slots]


def learn(memory, net):
    slots, rows = memory.sample(32)
    for slot, error in zip(slots, net.fit(rows)):
        memory.rate(slot, error)
    memory.change(slots)
"""
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    told = [finding.message for finding in rule.check(link([extract("memory.py", memory.encode())]))]
    assert len(told) == 1
    assert told[0].endswith(effect)


_OF_GIVEN = """

def train(env, net, memory):
    state = env.reset()
    while True:
        action, guess = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.remember(state, action, reward, next_state, done{given})
        state = env.reset() if done else next_state
        rows, leaves, weights = memory.batch(32, 0.5)
        losses, errors = net.losses(rows)
        (weights * losses).mean().backward()
        memory.refresh(leaves, errors)


train(make(), Net(), Memory(4096))

if __name__ == "__main__":
    tried = Memory(8)
    tried.remember(0, 1, 2, 3, False)
    print(len(tried.rows))
"""


@pytest.mark.parametrize(
    ("given", "severity"), [(", abs(reward - guess)", Severity.INFO), ("", Severity.ERROR), (", None", Severity.ERROR)]
)
def test_a_default_that_only_what_tries_a_memory_out_leaves_in_place(given, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    (text,) = (e.plain["memory.py"] for e in rule.bad if e.title == "a maximum that is kept after the power")
    text = text.replace("reward, next_state, done):", "reward, next_state, done, first=None):")
    put = "        self.tree.put(self.at %"
    text = text.replace(put, f"        if first is None:\n            first = self.highest\n{put}", 1)
    text = text.replace("self.highest**self.ALPHA", "first**self.ALPHA")
    (finding,) = rule.check(link([extract("memory.py", (text + _OF_GIVEN.format(given=given)).encode())]))
    assert finding.severity is severity
    assert ("where nobody gives `first`" in finding.message) is (severity is Severity.INFO)


@pytest.mark.parametrize(
    ("counted", "test", "severity"),
    [
        ("", "self.tree.count > 0", Severity.INFO),
        ("", "self.tree.count == 0", Severity.ERROR),
        ("        self.count += 1\n", "self.tree.count > 0", Severity.ERROR),
    ],
)
def test_a_maximum_that_is_asked_for_where_a_count_is_above_0_that_nothing_counts_up(counted, test, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER201")
    (text,) = (e.plain["memory.py"] for e in rule.bad if e.title == "a maximum that is kept after the power")
    text = text.replace("self.highest**self.ALPHA", f"(self.highest if {test} else 1.0) ** self.ALPHA")
    text = text.replace("self.leaves, self.sums =", "self.count = 0\n        self.leaves, self.sums =")
    text = text.replace("        at = leaf + self.leaves\n", counted + "        at = leaf + self.leaves\n")
    (finding,) = rule.check(link([extract("memory.py", (text + _OF_GIVEN.format(given="")).encode())]))
    assert finding.severity is severity
    assert ("`self.tree.count > 0` always comes out the same" in finding.message) is (severity is Severity.INFO)
