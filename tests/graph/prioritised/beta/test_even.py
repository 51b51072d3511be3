"""What draws that are even as they stand leave of the defects of priorities and weights."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

AGENT = """import numpy as np
import torch.nn.functional as F

ALPHA = {alpha}


class Memory:
    def __init__(self, size, alpha):
        self.rows, self.mass, self.size, self.at, self.alpha = [None] * size, np.zeros(size), size, 0, alpha

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.mass[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = {drawn} / ({drawn}).sum()
        at = np.random.choice(self.size, n, p=p)
        w = (self.size * p[at]) ** -beta
        return [self.rows[i] for i in at], at, w / w.max()

    def update(self, at, errors):
        self.mass[at] = {stored}


def train(env, net, optimizer, steps):
    memory = Memory(500, ALPHA)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        rows, at, w = memory.sample(32, step / steps)
        q, goal = net.both(rows)
        loss = (w * F.mse_loss(q, goal)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update(at, (q - goal).abs().detach().numpy())
"""
AT_DRAW = {"drawn": "self.mass**self.alpha", "stored": "errors"}
AT_STORE = {"drawn": "self.mass", "stored": "errors**self.alpha"}


def severities(source: str, codes: tuple[str, ...] = ("PER101", "PER203")) -> dict[str, Severity]:
    """The severities of some rules in a program, where they find something."""
    graph = link([extract("agent.py", source.encode())])
    rules = [rule for rule in all_rules() if rule.code in codes]
    return {finding.rule: finding.severity for rule in rules for finding in rule.check(graph)}


@pytest.mark.parametrize("powers", [AT_DRAW, AT_STORE])
def test_with_an_alpha_of_0_what_is_wrong_with_the_weights_is_a_hint_and_no_priority_is_lost(
    powers: dict[str, str],
) -> None:
    assert severities(AGENT.format(alpha=0, **powers)) == {"PER101": Severity.INFO}
    assert severities(AGENT.format(alpha=0.6, **powers)) == {"PER101": Severity.ERROR, "PER203": Severity.WARNING}


def test_an_alpha_that_may_be_another_is_no_excuse() -> None:
    source = AGENT.format(alpha=0, **AT_DRAW).replace(
        "steps):\n    memory", "steps):\n    other = Memory(9, 0.6)\n    memory"
    )
    assert severities(source)["PER101"] is Severity.ERROR


UNWEIGHTED = AGENT.format(alpha=0.6, **AT_DRAW).replace("(w * F.mse_loss(q, goal)).mean()", "F.mse_loss(q, goal)")
NEVER_UPDATED = UNWEIGHTED.replace("        memory.update(at, (q - goal).abs().detach().numpy())\n", "")


@pytest.mark.parametrize("first", ["1.0", "max(self.mass)", "max(1.0, self.mass.max())"])
def test_weights_are_missed_once_priorities_are_not_all_alike(first: str) -> None:
    codes = ("PER003", "PER005")
    assert severities(UNWEIGHTED.replace("= 1.0", f"= {first}"), codes) == {"PER005": Severity.ERROR}
    kept = severities(NEVER_UPDATED.replace("= 1.0", f"= {first}"), codes)
    assert kept == {"PER003": Severity.ERROR, "PER005": Severity.INFO}


def test_priorities_that_begin_apart_need_weights_though_never_updated() -> None:
    by_reward = NEVER_UPDATED.replace("self.mass[self.at] = 1.0", "self.mass[self.at] = abs(reward) + 0.1")
    of_two = NEVER_UPDATED.replace("self.mass[self.at] = 1.0", "self.mass[self.at] = 5.0 if reward > 0 else 1.0")
    for source in (by_reward, of_two):
        assert severities(source, ("PER003", "PER005"))["PER005"] is Severity.ERROR
