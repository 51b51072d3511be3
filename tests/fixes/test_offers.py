from per_audit.audit import audit_report
from per_audit.findings import Applicability
from per_audit.settings import Settings

DQN = """\
import random
from collections import deque

import torch.nn.functional as F


class Memory:
    def __init__(self, capacity):
        self.items = deque(maxlen=capacity)

    def push(self, state, action, reward, next_state, done):
        self.items.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.items, n)


def learn(memory, network, optimizer):
    batch = memory.sample(32)
    states, actions, rewards, next_states, dones = zip(*batch)
    targets = rewards + 0.99 * network(next_states)
    loss = F.mse_loss(network(states), targets)
    loss.backward()
    optimizer.step()


def main(env, network, optimizer):
    memory = Memory(1000)
    for step in range({steps}):
        memory.push(*env.step(0))
        learn(memory, network, optimizer)
"""


def offer(tmp_path, text):
    (tmp_path / "dqn.py").write_text(text)
    report = audit_report(tmp_path, [tmp_path], Settings(tmp_path))
    (finding,) = [finding for finding in report.findings if finding.rule == "PER001"]
    return finding.fix


def test_a_finding_says_what_fix_would_do(tmp_path):
    fix = offer(tmp_path, DQN.replace("{steps}", "5000"))
    assert fix.applicability is Applicability.SAFE
    assert fix.recipe == "container-swap"


def test_an_unknown_budget_is_an_assumption(tmp_path):
    fix = offer(tmp_path, DQN.replace("{steps}", "env.budget"))
    assert fix.applicability is Applicability.UNSAFE
    assert "steps=" in fix.reason


def test_a_shape_that_is_not_converted_is_named(tmp_path):
    fix = offer(tmp_path, DQN.replace("{steps}", "5000").replace("deque(maxlen=capacity)", "[]"))
    assert fix.applicability is Applicability.MANUAL
    assert "list" in fix.reason
