from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.audit import audit
from per_audit.errors import UserError
from per_audit.settings import load
from per_audit.verify.project import targets
from per_audit.verify.record import check_record, write_record
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

ZOO = Path(__file__).with_name("zoo.py")
TRAIN = """
import random
from collections import deque

import torch
from lib.memory import Correct


def train(q, optimizer, env):
    memory = Correct(1000)
    for _ in range(1000):
        state, action, reward, next_state, done = env.step()
        memory.add(state, action, reward, next_state, done)
        rows, weights, indices = memory.sample(32)
        td = q(rows)
        loss = (torch.as_tensor(weights) * td**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory.update_priorities(indices, td.detach().abs().numpy())


class Agent:
    def __init__(self, q, optimizer):
        self.memory, self.q, self.optimizer = deque(maxlen=1000), q, optimizer

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def learn(self):
        states, actions, rewards, next_states, dones = zip(*random.sample(self.memory, 32))
        best = self.q(torch.stack(next_states)).max(1)[0]
        target = torch.tensor(rewards) + 0.99 * best * (1 - torch.tensor(dones))
        chosen = self.q(torch.stack(states)).gather(1, torch.tensor(actions)[:, None])[:, 0]
        loss = ((chosen - target.detach()) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def main(q, optimizer, env):
    agent = Agent(q, optimizer)
    for _ in range(1000):
        agent.remember(*env.step())
        agent.learn()
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("")
    # One class of it, so that the audit finds one.
    (tmp_path / "lib" / "memory.py").write_text(ZOO.read_text("utf-8").split("class RankBased")[0])
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def test_the_buffers_of_a_project(project):
    found = {target.name: target for target in targets(project)}
    assert set(found) == {"lib/memory.py:Correct", "train.py:Agent.memory"}
    assert found["lib/memory.py:Correct"].callers == ("train.py",)
    assert not found["lib/memory.py:Correct"].impossible
    assert "nothing to construct" in found["train.py:Agent.memory"].impossible


def test_they_are_verified_recorded_and_known_to_the_audit(project):
    def hints():
        found = audit(project, [project], load(project)).report.findings
        return [finding.rule for finding in found if finding.rule == "PER006"]

    assert hints() == ["PER006"]
    found = verify([str(project)], Options(efficiency="off"))
    verdicts = {target.target: target.verdict for target in found.targets}
    assert verdicts == {"lib/memory.py:Correct": Verdict.PASS, "train.py:Agent.memory": Verdict.NOT_PROVIDED}
    write_record(project, found)
    assert hints() == []
    assert check_record(project) == [("lib/memory.py:Correct", "")]
    (project / "lib" / "memory.py").write_text((project / "lib" / "memory.py").read_text("utf-8") + "\nX = 1\n")
    assert hints() == ["PER006"]
    assert dict(check_record(project))["lib/memory.py:Correct"] == "changed since: lib/memory.py"


def test_a_record_that_cannot_be_read_covers_nothing(project):
    (project / ".per-audit").mkdir()
    (project / ".per-audit" / "record.json").write_text("{")
    found = audit(project, [project], load(project)).report.findings
    assert "PER006" in [finding.rule for finding in found]


def test_a_project_without_buffers(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(UserError, match="finds no replay buffer"):
        targets(tmp_path)
