"""A memory of whose batches only numbers are made teaches nothing; one whose batches reach what is learnt does."""

from __future__ import annotations

import pytest

TOY = """import random
import numpy as np

class Memory:
    def __init__(self):
        self.rows = []

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)

{step}

def play(env, memory, policy, losses):
    state = env.reset()
    while True:
        action = env.action_space.sample()
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = next_state
        batch = memory.sample(32)
        {use}

play(make(), Memory(), make(), [])
"""
STEP = """def pretend(batch):
    states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
    if not states.size:
        raise ValueError("nothing was drawn")
    target = rewards + (1.0 - dones) * next_states.mean(axis=1)
    loss = float(np.mean((states.mean(axis=1) - target) ** 2))
    return loss
"""
USE = "losses.append(pretend(batch))"


@pytest.mark.parametrize(
    ("step", "use", "found"),
    [
        (STEP, USE, []),
        (STEP.replace("float(np.mean((states.mean(axis=1) - target) ** 2))", "np.square(target).mean()"), USE, []),
        # what is made of the batch is not one number, or more is asked for it
        (STEP.replace("return loss", "return states, target"), "policy.fit(*pretend(batch))", ["Memory"]),
        (STEP.replace("np.mean((", "np.mean(net((").replace("** 2)", "** 2))"), USE, ["Memory"]),
        (
            STEP.replace("(batch)", "(batch, net)", 1).replace("rewards +", "net +"),
            "pretend(batch, policy)",
            ["Memory"],
        ),
        (STEP.replace("    return", "    table.value = loss\n    return"), USE, ["Memory"]),
        # what another library has may learn
        ("from trainer import fit\n\ndef pretend(batch):\n    return float(fit(batch))", USE, ["Memory"]),
        # the batch goes elsewhere too
        (STEP, "pretend(batch)\n        policy.fit(batch)", ["Memory"]),
    ],
)
def test_a_memory_of_whose_batches_only_numbers_are_made(project, step, use, found):
    graph = project("net = make()\n" + TOY.format(step=step, use=use))
    assert [buffer.owner.name for buffer in graph.buffers] == found


TENSORS = (
    "states, actions, rewards, after, ends = map(np.stack, zip(*batch))\n        states = torch.FloatTensor(states)"
)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (TENSORS, []),
        (f"{TENSORS}\n        policy.fit(states)", ["Memory"]),
        (f"{TENSORS}\n        value = policy(states)", ["Memory"]),
        (f"{TENSORS}\n        policy.states = states", ["Memory"]),
        ("states = list(map(policy.fit, batch))", ["Memory"]),
        ("pass", ["Memory"]),  # perhaps the rest is still to be written
    ],
)
def test_a_memory_of_whose_batches_nothing_is_made(project, use, found):
    graph = project("import torch\n" + TOY.format(step="", use=use))
    assert [buffer.owner.name for buffer in graph.buffers] == found
