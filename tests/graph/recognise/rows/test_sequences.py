"""Items that hold many steps, and rows that hold one, of whatever lists they are made."""

import pytest

from per_audit.graph.recognise.rows.sequences import sequence_in

PROGRAM = """
    import random
    from collections import deque, namedtuple
    from copy import deepcopy

    import numpy as np
    import torch
    import torch.nn.functional as F

    Step = namedtuple("Step", ("state", "action", "reward", "next_state"))

    class Game:
        def __init__(self):
            self.actions, self.rewards, self.states = [], [], []

        def note(self, state, action, reward):
            self.states.append(state)
            self.actions.append(action)
            self.rewards.append(reward)

    class Memory:
        def __init__(self, capacity):
            self.items = deque(maxlen=capacity)
            self.clear()

        def clear(self):
            self.kept = {kept}

        def push(self, done, state, action, reward, next_state):
            {push}

        def sample(self, n):
            return random.sample(self.items, n)

    def learn(memory, network, target_network, optimizer):
        rows = memory.sample(32)
        batch = Step(*zip(*rows))
        states, actions = torch.stack(batch.state), torch.tensor(batch.action)
        rewards, following = torch.tensor(batch.reward), torch.stack(batch.next_state)
        goal = rewards + 0.9 * target_network(following).max(1).values.detach()
        loss = F.mse_loss(network(states).gather(1, actions[:, None]).squeeze(1), goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def main(env, network, target_network, optimizer):
        memory = Memory(1000)
        state = env.reset()
        for _ in range(20_000):
            action = network(state).argmax()
            next_state, reward, done, _ = env.step(action)
            memory.push(done, state, action, reward, next_state)
            state = env.reset() if done else next_state
            learn(memory, network, target_network, optimizer)
"""
ROW = "(state, action, reward, next_state)"
RECORD = "Step(state, action, reward, next_state)"
COLUMNS = '{"state": [], "action": [], "reward": [], "next_state": []}'
FILL = "; ".join(f'self.kept["{name}"].append({name})' for name in ("state", "action", "reward", "next_state"))
END = "\n            if done:\n                "


def holds_steps(project, kept, push):
    graph = project(PROGRAM.format(kept=kept, push=push))
    (buffer,) = graph.buffers
    return [sequence_in(graph, buffer, container) is not None for container in buffer.containers]


@pytest.mark.parametrize(
    ("kept", "push"),
    [
        ("[]", f"self.kept.append({RECORD}){END}self.items.append(self.kept.copy()){END}self.clear()"),
        ("[]", f"self.kept.append({ROW}){END}self.items.append(self.kept[:]){END}self.kept.clear()"),
        ("[]", f"self.kept.append({ROW}){END}self.items.append(self.kept){END}self.kept = []"),
        ("[]", f"self.kept.append({ROW}){END}self.items.append(tuple(self.kept)){END}self.clear()"),
        ("[]", f"self.kept.append({ROW}){END}self.items.append(deepcopy(self.kept)){END}self.clear()"),
        ("[]", f"self.kept.append({ROW}){END}whole = np.array(self.kept); self.items.append(whole); self.clear()"),
        ("[]", f"self.kept.append(np.hstack({ROW})){END}self.items.append(np.stack(self.kept)); self.clear()"),
        ("deque(maxlen=8)", f"self.kept.append({ROW})\n            self.items.append(list(self.kept))"),
        (COLUMNS, f"{FILL}{END}self.items.append(self.kept); self.clear()"),
        (COLUMNS, f"{FILL}{END}self.items.append(tuple(self.kept.values())); self.clear()"),
        ("Game()", f"self.kept.note(state, action, reward){END}self.items.append(self.kept); self.clear()"),
    ],
    ids=[
        "a copy", "a slice", "the list itself", "a tuple", "a deep copy", "an array", "a stack", "a window", "columns",
        "their values", "an object",
    ],
)  # fmt: skip
def test_many_steps(project, kept, push):
    assert holds_steps(project, kept, push) == [True]


@pytest.mark.parametrize(
    ("kept", "push"),
    [
        ("[]", f"self.items.append({RECORD})"),
        ("[]", f"self.kept.append({ROW}){END}self.items.extend(self.kept); self.clear()"),
        ("[]", f"self.kept.append({ROW}){END}for row in self.kept: self.items.append(row)"),
        (
            "deque(maxlen=4)",
            "self.kept.append(state); self.items.append((list(self.kept), action, reward, next_state))",
        ),
        (
            "deque(maxlen=3)",
            f"self.kept.append({ROW})\n            first, last = self.kept[0], self.kept[-1]\n"
            "            total = sum(row[2] for row in self.kept)\n"
            "            self.items.append((first[0], first[1], total, last[3]))",
        ),
        (
            "deque(maxlen=3)",
            "self.kept.append(reward)\n            self.items.append((state, action, list(self.kept), next_state))",
        ),
        (
            "[]",
            "actions, rewards = [], []\n            for k in range(3):\n                actions.append(action[k])\n"
            "                rewards.append(reward[k])\n"
            "            self.items.append((state, actions, rewards, next_state))",
        ),
    ],
    ids=["a row", "rows", "one after the other", "frames", "n steps", "rewards of n steps", "several agents"],
)
def test_one_step(project, kept, push):
    assert holds_steps(project, kept, push) == [False]
