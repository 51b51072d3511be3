"""torchrl's own wheels load beside one torch each; what they document stands in for them here."""

from __future__ import annotations

import pytest

from per_audit.verify.run import Options, verify

TENSORDICT = """
import torch

class TensorDict(dict):
    def __init__(self, columns, batch_size):
        assert all(isinstance(column, torch.Tensor) for column in columns.values())
        super().__init__(columns)
"""
BUFFERS = """
import torch
from tensordict import TensorDict

class LazyTensorStorage:
    def __init__(self, max_size):
        self.max_size = max_size

class TensorDictReplayBuffer:
    def __init__(self, *, storage, priority_key="td_error", batch_size=None):
        self.capacity, self.rows, self.at = storage.max_size, [], 0

    def add(self, data):
        index = self.at % self.capacity
        self.rows[index : index + 1] = [data]
        self.at += 1
        return index

    def _take(self, index):
        columns = {name: torch.stack([self.rows[i][name] for i in index]) for name in self.rows[0]}
        return TensorDict({**columns, "index": index}, batch_size=[len(index)])

    def sample(self, batch_size):
        return self._take(torch.randint(len(self.rows), (batch_size,)))

class TensorDictPrioritizedReplayBuffer(TensorDictReplayBuffer):
    def __init__(self, *, alpha, beta, eps=1e-8, **others):
        super().__init__(**others)
        self.alpha, self.beta, self.eps = alpha, beta, eps
        self.priority = torch.zeros(self.capacity)
        self.largest = 1.0

    def add(self, data):
        self.priority[super().add(data)] = self.largest**self.alpha

    def sample(self, batch_size):
        law = self.priority / self.priority.sum()
        index = torch.multinomial(law, batch_size, replacement=True)
        drawn = self._take(index)
        drawn["priority_weight"] = (law[index] / law[: len(self.rows)].min()) ** -self.beta
        return drawn

    def update_priority(self, index, priority):
        assert (priority >= 0).all()
        self.priority[index] = (priority + self.eps) ** self.alpha
        self.largest = max(self.largest, float(priority.max()))
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "tensordict.py").write_text(TENSORDICT)
    (tmp_path / "torchrl").mkdir()
    (tmp_path / "torchrl" / "__init__.py").write_text("")
    (tmp_path / "torchrl" / "data.py").write_text(BUFFERS)
    monkeypatch.chdir(tmp_path)


CHECKS = ("reach", "frequencies", "weights", "mixture", "updates-take-effect", "seed")


@pytest.mark.parametrize(
    ("name", "more"), [("TensorDictPrioritizedReplayBuffer", "PASS"), ("TensorDictReplayBuffer", "NOT PROVIDED")]
)
def test_by_what_is_documented(packages, name, more):
    options = Options(checks=CHECKS, memory=8192, timeout=600.0)
    found = verify([f"torchrl.data:{name}"], options).targets[0]
    assert found.mapping.get("adapter") == "the one for torchrl", found.checks
    verdicts = {check.check: check.verdict.value for check in found.checks}
    assert {verdicts.pop(check) for check in ("weights", "mixture", "updates-take-effect")} == {more}
    assert set(verdicts.values()) == {"PASS"}
