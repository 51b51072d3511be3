"""The demo's project with the real engine: it runs before and after, by plans written by hand and by the planner's."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from per_audit.findings import Applicability
from per_audit.fixes.journal import undo
from per_audit.fixes.plan import Edit, FixOptions, Plan
from per_audit.fixes.run import fix
from per_audit.settings import Settings

# file -> (what is replaced, by what)
DQN = {
    "dqn.py": [
        ("deque(maxlen=capacity)", "PrioritizedReplayBuffer(capacity, beta=LinearSchedule(0.4, 1.0, TOTAL_STEPS))"),
        ("random.sample(self.memory, batch_size)", "self.memory.sample(batch_size)"),
        (
            "\n    def __len__(self):",
            "\n    def update_priorities(self, indices, td_errors):\n"
            '        """Sample transitions with large errors more often."""\n'
            "        self.memory.update_priorities(indices, td_errors)\n\n    def __len__(self):",
        ),
        ("transitions = self.memory.sample", "transitions, weights, indices = self.memory.sample"),
        (
            "F.smooth_l1_loss(values, targets)",
            'importance_weighted_loss(F.smooth_l1_loss(values, targets, reduction="none"), weights)',
        ),
        (
            "        return loss.item()",
            "        self.memory.update_priorities(indices, absolute_td_error(values, targets))\n"
            "        return loss.item()",
        ),
    ]
}
TD3 = {
    "replay.py": [
        (
            "        self.dones = np.zeros((capacity, 1), dtype=np.float32)\n",
            "        self.dones = np.zeros((capacity, 1), dtype=np.float32)\n"
            "        self.priorities = PrioritizedSampler(\n"
            "            capacity, beta=LinearSchedule(0.4, 1.0, 1500), rare_fraction=0\n        )\n",
        ),
        (
            "        self.ptr = (self.ptr + 1)",
            "        self.priorities.add(self.ptr)  # before the pointer moves\n        self.ptr = (self.ptr + 1)",
        ),
        ("ind = np.random.randint(0, self.size, size=batch_size)", "ind, weights = self.priorities.sample(batch_size)"),
        (
            "            self.dones[ind],\n        )\n",
            "            self.dones[ind],\n            weights,\n            ind,\n        )\n\n"
            "    def update_priorities(self, indices, td_errors):\n"
            '        """Sample transitions with large errors more often."""\n'
            "        self.priorities.update(indices, td_errors)\n",
        ),
    ],
    "td3.py": [
        ("next_states, dones = replay_buffer", "next_states, dones, weights, indices = replay_buffer"),
        (
            "F.mse_loss(q1, targets) + F.mse_loss(q2, targets)",
            "importance_weighted_loss(\n"
            '            F.mse_loss(q1, targets, reduction="none") + F.mse_loss(q2, targets, reduction="none"),\n'
            "            weights,\n"
            "        )",
        ),
        (
            "        self.critic_optimizer.step()\n",
            "        self.critic_optimizer.step()\n"
            "        replay_buffer.update_priorities(indices, absolute_td_error((q1, q2), targets))\n",
        ),
    ],
}
IMPORTS = {
    "dqn.py": {"PrioritizedReplayBuffer", "LinearSchedule", "importance_weighted_loss", "absolute_td_error"},
    "replay.py": {"PrioritizedSampler", "LinearSchedule"},
    "td3.py": {"importance_weighted_loss", "absolute_td_error"},
}


def edits(root: Path, path: str, pairs: list[tuple[str, str]]) -> list[Edit]:
    body = (root / path).read_bytes()
    return [
        Edit(path, start, start + len(old), new)
        for old, new in pairs
        for start in [body.index(old.encode())]
        if body.count(old.encode()) == 1
    ]


def plan(root: Path, audit: Any, title: str, replacements: dict[str, list[tuple[str, str]]]) -> list[Plan]:
    findings = tuple(f.id for f in audit.report.findings if f.place.path in replacements and f.rule == "PER001")
    if not findings:
        return []
    return [
        Plan(
            pipeline=title,
            title=title,
            recipe="by hand",
            applicability=Applicability.SAFE,
            edits=[edit for path, pairs in replacements.items() for edit in edits(root, path, pairs)],
            imports={path: IMPORTS[path] for path in replacements},
            unneeded={"dqn.py": {"deque", "random"}} if "dqn.py" in replacements else {},
            findings=findings,
        )
    ]


@pytest.fixture(params=["by hand", "planned"])
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    root = tmp_path / "example"
    root.mkdir()
    for file in files("per_audit.demo").joinpath("example").iterdir():
        if file.is_file():
            (root / file.name).write_bytes(file.read_bytes())
    if request.param == "planned":
        return root
    module = types.ModuleType("per_audit.fixes.planner")
    module.plan_fixes = lambda audit, _: plan(root, audit, "DQN", DQN) + plan(root, audit, "TD3", TD3)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "per_audit.fixes.planner", module)
    return root


STEPS = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path = [path for path in sys.path if "reference_impl" not in path]
import {module} as script
script.TOTAL_STEPS = 300
script.main()
"""


def output(root: Path, module: str) -> str:
    """What a script of the project prints after some hundred steps, in an interpreter that knows no per-audit."""
    code = STEPS.format(module=module)
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_runs_before_and_after(example: Path, snapshot: Any) -> None:
    pytest.importorskip("torch")
    assert "DQN: reached the end" in output(example, "dqn")
    assert "TD3: the last ten" in output(example, "train_td3")
    before = snapshot(example)
    diff = fix(example, [example], Settings(example), FixOptions(diff=True)).diff
    assert snapshot(example) == before
    result = fix(example, [example], Settings(example), FixOptions())
    assert (result.diff, result.exit_code) == (diff, 0)
    assert [refusal.reason for refusal in result.refused] == []
    assert sorted(change.path for change in result.changes) == ["dqn.py", "replay.py", "td3.py"]
    assert {change.path.split("/")[0] for change in result.copied} == {"experience_replay_optimizer"}
    text = (example / "dqn.py").read_text()
    assert text.startswith(
        '"""DQN with a replay buffer over a deque."""\n\n'
        "import random\nimport sys\nfrom collections import namedtuple\n\nimport numpy as np\nimport torch\n"
        "import torch.nn as nn\nimport torch.nn.functional as F\n"
        "from experience_replay_optimizer import (\n    LinearSchedule,\n    PrioritizedReplayBuffer,\n"
        "    absolute_td_error,\n    importance_weighted_loss,\n)\nfrom envs import Corridor\n"
    )
    assert "DQN: reached the end" in output(example, "dqn")
    assert "TD3: the last ten" in output(example, "train_td3")
    again = fix(example, [example], Settings(example), FixOptions())
    assert (again.changes, again.copied) == ([], [])
    # Running the example leaves numba's cache beside the copied kernels.
    after = {
        path: entry
        for path, entry in snapshot(example).items()
        if not path.startswith(".per-audit") and "__pycache__" not in path
    }
    undo(example)
    assert snapshot(example) == before
    subprocess.run(["git", "apply"], input=diff, cwd=example, check=True)
    assert snapshot(example) == after
