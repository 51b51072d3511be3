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
    assert set(found) == {"lib/memory.py:Correct", "train.py:Agent.memory", "the project"}
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
    agent = {"train.py:Agent.memory": Verdict.NOT_PROVIDED, "the project": Verdict.NOT_PROVIDED}
    assert verdicts == {"lib/memory.py:Correct": Verdict.PASS, **agent}
    assert "1 of 2 draw uniformly only: train.py:" in found.targets[-1].checks[0].message
    configured = {check.check: check for check in found.targets[0].checks}["as-configured"]
    assert (configured.verdict, "with room for 1,000" in configured.message) == (Verdict.PASS, True)
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


def test_a_buffer_is_constructed_as_the_project_does_it(project):
    call = "Correct(1000, alpha=0.7, beta=unknown())"
    (project / "train.py").write_text(TRAIN.replace("Correct(1000)", call))
    (found,) = [target for target in targets(project) if target.cls == "Correct"]
    assert found.configured == {"capacity": 1000, "alpha": 0.7}
    result = verify([found], Options(checks=("frequencies", "as-configured"))).targets[0]
    assert "drawn by p^0.7" in result.checks[0].message
    assert result.mapping["configured"] == "capacity = 1000 (train.py:10), alpha = 0.7 (train.py:10)"
    assert result.mapping["not found"] == "beta: unknown() (train.py:10)"
    assert "alpha=0.7" in result.mapping["class"]


def test_each_way_of_making_it_is_a_target(project):
    other = "\n\ndef other(q, optimizer, env):\n    return Correct(2000, alpha=0.7), Correct(500)\n"
    (project / "train.py").write_text(TRAIN + other)
    found = [target for target in targets(project) if target.cls == "Correct"]
    assert [target.name for target in found] == ["lib/memory.py:Correct", "lib/memory.py:Correct (alpha=0.7)"]
    assert [target.configured["capacity"] for target in found] == [1000, 2000]


def test_what_the_class_refuses_is_left_out_and_said(project):
    text = (project / "lib" / "memory.py").read_text("utf-8")
    text = text.replace(
        "epsilon=1e-6, seed=None):", "epsilon=1e-6, seed=None, mode='new'):\n        assert mode == 'new'"
    )
    (project / "lib" / "memory.py").write_text(text)
    (project / "train.py").write_text(TRAIN.replace("Correct(1000)", "Correct(1000, alpha=0.7, mode='old')"))
    (found,) = [target for target in targets(project) if target.cls == "Correct"]
    result = verify([found], Options(checks=("frequencies",))).targets[0]
    assert result.verdict is Verdict.PASS
    assert result.mapping["not used"].startswith("mode: Correct() could not be constructed: AssertionError")


def test_a_project_that_draws_by_priority_everywhere(project):
    (project / "train.py").write_text(TRAIN.split("class Agent")[0] + "\n\ntrain(1, 2, 3)\n")
    whole = targets(project)[-1]
    assert whole.static.verdict is Verdict.PASS
    assert "1 of 1" in whole.static.message


def test_what_tests_construct_does_not_count_beside_a_training(project):
    (project / "tests").mkdir()
    (project / "tests" / "test_memory.py").write_text(
        "from lib.memory import Correct\n\n\ndef test_it():\n    assert Correct(3, alpha=0.1)\n"
    )
    (found,) = [target for target in targets(project) if target.cls == "Correct"]
    assert found.configured == {"capacity": 1000}
