"""Rewards of shape (B,) and values of shape (B, 1) in one target, and those that are of one shape."""

from __future__ import annotations

import pytest

from ...rewriting import Files, agent, check_refused, run
from ..containers.test_container_swap import changed

LEARN = """target = {}
loss = F.mse_loss(q.unsqueeze(1), target)
self.optimizer.zero_grad()
loss.backward()
self.optimizer.step()
"""
LATER = "self.target_network(next_states).max(1)[0]"


def program(target: str) -> Files:
    return changed(agent(LEARN.format(target)), ("map(torch.tensor, zip(*batch))", "zip(*batch)"))


@pytest.mark.parametrize(
    "target",
    [
        f"torch.FloatTensor(rewards) + (0.9 * {LATER}).unsqueeze(1)",
        f"torch.tensor(rewards) + 0.9 * {LATER}.unsqueeze(1).detach()",
        f"0.9 * {LATER}.view(-1, 1) + torch.as_tensor(rewards)",
    ],
)
def test_all_pairs(target: str) -> None:
    check_refused(program(target), "the target at agent.py:24 is a number for each pair of rows")


@pytest.mark.parametrize(
    "target",
    [
        f"torch.FloatTensor(rewards).unsqueeze(1) + 0.9 * {LATER}.unsqueeze(1)",
        f"torch.FloatTensor(rewards).view(-1, 1) + 0.9 * {LATER}.view(-1, 1)",
        f"(torch.FloatTensor(rewards) + 0.9 * {LATER}).unsqueeze(1)",
        f"torch.FloatTensor(rewards)[:, None] + 0.9 * {LATER}[:, None]",
        f"torch.FloatTensor([[r] for r in rewards]) + 0.9 * {LATER}.unsqueeze(1)",
    ],
)
def test_rows_of_one_shape(target: str) -> None:
    result, _ = run(program(target), unsafe=True)
    assert [refusal.reason for refusal in result.refused] == []
    assert len(result.applied) == 1


def test_rewards_that_are_stored_in_another_shape() -> None:
    stored = ("append((state, action, reward,", "append((state, action, [reward],")
    result, _ = run(changed(program(f"torch.FloatTensor(rewards) + 0.9 * {LATER}.unsqueeze(1)"), stored), unsafe=True)
    assert [refusal.reason for refusal in result.refused] == []
