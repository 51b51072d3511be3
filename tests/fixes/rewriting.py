"""Programs before and after `fix`: the two checks that the tests of the recipes are made of."""

from __future__ import annotations

import difflib
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from per_audit.fixes.plan import FixOptions
from per_audit.fixes.result import FixResult, Why
from per_audit.fixes.run import fix
from per_audit.settings import Settings

Files = dict[str, str]


def run(files: Files, codes: tuple[str, ...] = (), **options: Any) -> tuple[FixResult, Files]:
    """What `fix` makes of the files, both of the audit and of the texts. Nothing but the files is written.

    With `codes` only what these rules find is fixed.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())
        # The targets in these projects are as short as can be.
        settings = Settings(root, select=codes, ignore=() if codes else ("PER501",))
        result = fix(root, [], settings, FixOptions(diff=True, allow_dirty=True, **options))
        return result, files | {change.path: change.after.decode() for change in result.changes}


def check_fixed(before: Files, after: Files, *, unsafe: str = "", **options: Any) -> FixResult:
    """`before` becomes `after` to the last byte, and then stays as it is. `after` may leave out unchanged files.

    With `unsafe`, the assumption that the plan must name; without, the plan must be safe.
    """
    before, after = _dedented(before), _dedented(after)
    result, found = run(before, unsafe=bool(unsafe), **options)
    assert [(refusal.why, refusal.reason) for refusal in result.refused] == []
    _same(found, before | after)
    assert [plan.applicability.value for plan in result.applied] == ["unsafe" if unsafe else "safe"]
    assert unsafe in result.applied[0].reason
    for text in found.values():
        compile(text, "result", "exec")
    again, unchanged = run(found, unsafe=True, **options)
    assert (again.applied, again.refused, unchanged) == ([], [], found)
    if unsafe:
        assert run(before, **options)[0].refused[0].why is Why.UNSAFE
    return result


def check_refused(files: Files, reason: str, **options: Any) -> FixResult:
    """Nothing changes, and the reason says why."""
    files = _dedented(files)
    result, found = run(files, unsafe=True, **options)
    assert found == files
    assert result.refused
    assert {refusal.why for refusal in result.refused} == {Why.MANUAL}
    assert reason in result.refused[0].reason, result.refused[0].reason
    return result


def _same(found: Files, expected: Files) -> None:
    lines = [
        line
        for path in sorted(found.keys() | expected.keys())
        for line in difflib.unified_diff(
            expected.get(path, "").splitlines(), found.get(path, "").splitlines(), f"expected {path}", "found", n=1
        )
    ]
    assert not lines, "\n".join(lines)
    assert found == expected


def _dedented(files: Files) -> Files:
    return {path: dedented(text) for path, text in files.items()}


def dedented(text: str) -> str:
    """A program as it is written in a test, without the indentation of the test."""
    return textwrap.dedent(text).removeprefix("\n")


_AGENT = """
{imports}

class Agent:
    def __init__(self, network, target_network):
        self.network = network
        self.target_network = target_network
        self.optimizer = torch.optim.Adam(network.parameters())
        self.criterion = nn.{criterion}
        self.memory = {memory}

    def learn(self):
        {draw}
        states, actions, rewards, next_states, dones = map(torch.tensor, zip(*batch))
        q = self.network(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            target = rewards + 0.9 * (1 - dones) * self.target_network(next_states).max(1).values
{learn}

def main(env, network, target_network):
    agent = Agent(network, target_network)
    state = env.reset()
    for step in range(5000):
        action = step % 2
        next_state, reward, done = env.step(action)
        agent.memory.append((state, action, reward, next_state, done))
        state = next_state
        if step > 100:
            agent.learn()
"""
_USER = """\
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F
"""
_FIXED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from experience_replay_optimizer import (
    LinearSchedule,
    PrioritizedReplayBuffer,
    absolute_td_error,
    importance_weighted_loss,
)
"""


def agent(learn: str, criterion: str = "MSELoss()") -> Files:
    """An agent with a deque; `learn` is what follows the computation of `q` and `target`."""
    draw = "batch = random.sample(self.memory, 32)"
    return _program(_USER, "deque(maxlen=1000)", draw, learn, criterion)


def fixed_agent(
    learn: str,
    criterion: str = "MSELoss()",
    weights: str = "weights",
    indices: str = "indices",
    option: str = "reward=2",
) -> Files:
    """The agent as it must be after the fix."""
    arguments = "1000", "beta=LinearSchedule(0.4, 1.0, steps=5000)", option
    memory = "PrioritizedReplayBuffer(\n" + "".join(f"            {a},\n" for a in arguments) + "        )"
    return _program(_FIXED, memory, f"batch, {weights}, {indices} = self.memory.sample(32)", learn, criterion)


def _program(imports: str, memory: str, draw: str, learn: str, criterion: str) -> Files:
    body = textwrap.indent(dedented(learn), " " * 8)
    text = _AGENT.format(imports=imports, memory=memory, draw=draw, learn=body, criterion=criterion)
    return {"agent.py": text.removeprefix("\n")}
