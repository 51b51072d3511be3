"""Weights belong to rows: a loss of other rows than those of the batch, in its order, is refused."""

from __future__ import annotations

import pytest

from ...rewriting import agent, check_fixed, check_refused, fixed_agent
from ..containers.test_container_swap import changed

STEP = "self.optimizer.zero_grad()\nloss.backward()\nself.optimizer.step()\n"
LOSS = "loss = F.mse_loss(q, target)\n"
WEIGHTED = 'loss = importance_weighted_loss(F.mse_loss(q, target, reduction="none"), weights)\n'
UPDATE = "self.memory.update_priorities(indices, absolute_td_error(q, target))\n"
DRAW = "batch = random.sample(self.memory, 32)\n"
FIXED_DRAW = "batch, weights, indices = self.memory.sample(32)\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("random.shuffle(batch)", "the drawn batch is changed at agent.py:19"),
        ("np.random.shuffle(batch)", "the drawn batch is changed"),
        ("batch.sort()", "the drawn batch is changed"),
        ("batch.append(self.memory[-1])", "the drawn batch is changed"),
        ("batch = batch + [self.memory[-1]]", "the drawn batch is joined by others"),
        ("batch = [t for t in batch if not t[4]]", "drawn transitions are left out"),
    ],
)
def test_batches_that_are_changed(line, reason):
    check_refused(changed(agent(LOSS + STEP), (DRAW, f"{DRAW}        {line}\n")), reason)


@pytest.mark.parametrize(
    ("learn", "reason"),
    [
        ("mask = dones == 0\nq, target = q[mask], target[mask]\n" + LOSS + STEP, "a part of the batch: q[mask]"),
        ("q = q[dones < 1]\n" + LOSS + STEP, "a part of the batch: q[dones < 1]"),
        ("loss = F.mse_loss(q[:16], target[:16])\n" + STEP, "a part of the batch: q[:16]"),
        ("for i in range(32):\n    pass\nq = q[i]\n" + LOSS + STEP, "a part of the batch: q[i]"),
        (
            "for i in range(32):\n    loss = F.mse_loss(self.network(states[i])[0], target[i])\n    loss.backward()\n",
            "in each turn of a loop",
        ),
        (
            "for s, a, r, n, d in batch:\n    y = r + self.network(n).max()\n"
            "    loss = F.mse_loss(self.network(s), y)\n    loss.backward()\n",
            "in each turn of a loop",
        ),
        ("loss = sum(F.mse_loss(p, target) for p in [q, q])\n" + STEP, "stands in a comprehension"),
    ],
)
def test_losses_of_a_part(learn, reason):
    check_refused(agent(learn), reason)


@pytest.mark.parametrize(
    "line",
    [
        "q = q[:, None].squeeze(1)",
        "target[dones > 0] = 0.0",
        "q = self.network(states)[range(32), actions]",
        "states = torch.stack([t[0] for t in batch if t is not None])\nq = self.network(states).max(1)[0]",
    ],
)
def test_whole_batches(line):
    check_fixed(agent(f"{line}\n" + LOSS + STEP), fixed_agent(f"{line}\n" + WEIGHTED + STEP + UPDATE))


def test_targets_made_row_by_row_from_the_fields_of_a_transition():
    rows = """\
q, next_q = self.network(states), self.target_network(next_states)
labels = q.detach().clone()
for i, (_, taken, reward, _, _) in enumerate(batch):
    row = q[i]
    labels[i][taken] = 0.5 * row[taken] + reward * next_q[i].max()
"""
    loss, weighted = LOSS.replace("target", "labels"), WEIGHTED.replace("target", "labels")
    check_fixed(agent(rows + loss + STEP), fixed_agent(rows + weighted + STEP + UPDATE.replace("target", "labels")))
