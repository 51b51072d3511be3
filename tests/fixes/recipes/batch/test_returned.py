"""TD errors that go back to the caller, who has the buffer."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import FIXED_SPLIT, SPLIT, changed
from .test_travel import BUFFER, IN_BUFFER

LOSS = """
import torch
import torch.nn.functional as F
from buffer import Buffer


def td_loss(batch, local, target):
    states, actions, rewards, next_states, dones = batch
    goals = rewards + 0.9 * (1 - dones) * target(next_states).max(1)[0]
    values = local(states).gather(1, actions)
    return F.mse_loss(values, goals)


def main(env, local, target, optimizer):
    memory = Buffer(10_000, 64)
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        memory.add(state, 0, reward, next_state, done)
        state = next_state
        batch = memory.sample()
        loss = td_loss(batch, local, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
FILES: Files = {"buffer.py": BUFFER, "main.py": LOSS}
FIXED: Files = changed(
    FILES,
    *IN_BUFFER,
    (
        "functional as F\n",
        "functional as F\nfrom experience_replay_optimizer import absolute_td_error, importance_weighted_loss\n",
    ),
    ("next_states, dones = batch", "next_states, dones, weights, indices = batch"),
    (
        "return F.mse_loss(values, goals)",
        'return importance_weighted_loss(F.mse_loss(values, goals, reduction="none"), weights), '
        "indices, absolute_td_error(values, goals)",
    ),
    ("loss = td_loss", "loss, indices, td_errors = td_loss"),
    (
        "        optimizer.step()\n",
        "        optimizer.step()\n        memory.update_priorities(indices, td_errors)\n",
    ),
)
NAMED = ("    return F.mse_loss(values, goals)", "    loss = F.mse_loss(values, goals)\n    return loss")
FIXED_NAMED = (
    '    return importance_weighted_loss(F.mse_loss(values, goals, reduction="none"), weights), ',
    '    loss = importance_weighted_loss(F.mse_loss(values, goals, reduction="none"), weights)\n    return loss, ',
)


def test_the_loss_is_returned():
    check_fixed(FILES, FIXED)


def test_the_loss_has_a_name():
    check_fixed(changed(FILES, NAMED), changed(FIXED, FIXED_NAMED))


@pytest.mark.parametrize(
    "pairs",
    [
        [("loss = td_loss(batch, local, target)", "loss = 2 * td_loss(batch, local, target)")],
        [("return F.mse_loss(values, goals)", "return F.mse_loss(values, goals), values")],
        [("batch = memory.sample()", "batch = memory.sample()\n        batch = tuple(batch)")],
    ],
)
def test_refused(pairs):
    check_refused(changed(FILES, *pairs), "")


EMPTY = "        if len(self.items) < batch_size:\n            return {}\n"
DRAWN = "        return random.sample(self.items, batch_size)\n"
NEW = "        return self.items.sample(batch_size)\n"


@pytest.mark.parametrize(
    ("value", "three"),
    [("None", "None, None, None"), ("", "None, None, None"), ("[]", "[], [], []"), ("()", "(), (), ()")],
)
def test_nothing_instead_of_a_batch(value, three):
    early = EMPTY.format(value).replace(" \n", "\n")
    check_fixed(changed(SPLIT, (DRAWN, early + DRAWN)), changed(FIXED_SPLIT, (NEW, EMPTY.format(three) + NEW)))


def test_the_end_of_a_function_instead_of_a_batch():
    before = "        if len(self.items) >= batch_size:\n            return random.sample(self.items, batch_size)\n"
    after = "        if len(self.items) >= batch_size:\n            return self.items.sample(batch_size)\n"
    end = "        return None, None, None\n"
    check_fixed(changed(SPLIT, (DRAWN, before)), changed(FIXED_SPLIT, (NEW, after + end)))


def test_something_else_instead_of_a_batch():
    early = "        if len(self.items) < batch_size:\n            return self.items[0]\n"
    check_refused(changed(SPLIT, (DRAWN, early + DRAWN)), "something else than the draw is returned at memory.py:")
