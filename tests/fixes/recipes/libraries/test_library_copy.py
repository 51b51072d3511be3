"""Where a library lies in the project beside its scripts, the buffer of each script is exchanged by itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

from per_audit.audit import audit_report
from per_audit.findings import Applicability
from per_audit.settings import Settings

from ...rewriting import Files, run
from ..containers.test_container_swap import changed
from .test_library_swap import FIXED, SCRIPT

CLASS = """
import numpy as np


class ReplayBuffer:
    def __init__(self, buffer_size, observation_space, action_space, device="auto", handle_timeout_termination=True):
        self.size, self.at, self.filled, self.device = buffer_size, 0, 0, device
        self.observations = np.zeros((buffer_size, *observation_space.shape))
        self.next_observations = np.zeros((buffer_size, *observation_space.shape))
        self.actions = np.zeros(buffer_size)
        self.rewards = np.zeros(buffer_size)
        self.dones = np.zeros(buffer_size)

    def add(self, obs, next_obs, action, reward, done, infos):
        self.observations[self.at] = obs
        self.next_observations[self.at] = next_obs
        self.actions[self.at] = action
        self.rewards[self.at] = reward
        self.dones[self.at] = done
        self.at = (self.at + 1) % self.size
        self.filled = min(self.filled + 1, self.size)

    def sample(self, batch_size):
        if self.filled == self.size:
            at = np.random.randint(0, self.size, size=batch_size)
        else:
            at = np.random.randint(0, self.at, size=batch_size)
        return self._taken(at)

    def _taken(self, at):
        return Batch(
            self.observations[at], self.actions[at], self.next_observations[at], self.dones[at], self.rewards[at]
        )


class Batch:
    def __init__(self, observations, actions, next_observations, dones, rewards):
        self.observations, self.actions, self.next_observations = observations, actions, next_observations
        self.dones, self.rewards = dones, rewards
"""
COPY = "cleanrl_utils/buffers.py"


def _of(module: str, files: Files) -> Files:
    return changed(files, ("stable_baselines3.common.buffers", module))


def _project(other: str = SCRIPT) -> Files:
    scripts = _of("cleanrl_utils.buffers", {"scripts/one.py": SCRIPT, "scripts/two.py": other})
    return {COPY: CLASS, "cleanrl_utils/__init__.py": "", **scripts}


def test_every_script_that_can_be_is_changed_and_the_library_is_not() -> None:
    before = _project(other=SCRIPT.replace("F.mse_loss(target, value)", "network.loss(target, value)"))
    result, found = run(before, unsafe=True)
    expected = FIXED["script.py"]
    assert found == {**before, "scripts/one.py": expected}
    (applied,) = result.applied
    assert (applied.recipe, applied.pipeline) == ("library-swap", "ReplayBuffer (scripts/one.py:10)")
    assert f"{COPY}:25 is the library's own code, unchanged" in applied.reason
    (left,) = result.refused
    assert left.plan.pipeline == "ReplayBuffer (scripts/two.py:10)"
    assert "no TD loss" in left.reason
    assert [finding.place.path for finding in result.report.findings if finding.rule == "PER001"] == [COPY]
    again, unchanged = run(found, unsafe=True)
    assert (again.applied, unchanged) == ([], found)


def test_no_script_is_named_once_all_are_changed() -> None:
    result, found = run(_project(), unsafe=True)
    assert [plan.pipeline for plan in result.applied] == [
        "ReplayBuffer (scripts/one.py:10)",
        "ReplayBuffer (scripts/two.py:10)",
    ]
    assert found["scripts/one.py"] == found["scripts/two.py"] == FIXED["script.py"]
    (left,) = [finding for finding in result.report.findings if finding.rule == "PER001"]
    assert {link.place.path for link in left.evidence} == {COPY}


def test_a_class_of_that_name_in_another_place_is_the_projects_own() -> None:
    files = {"mine/buffers.py": CLASS, "mine/__init__.py": "", **_of("mine.buffers", {"one.py": SCRIPT})}
    result, _ = run(files, unsafe=True)
    assert "library-swap" not in {plan.recipe for plan in (*result.applied, *(each.plan for each in result.refused))}


def test_the_audit_offers_what_can_be_done() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        files = _project(other=SCRIPT.replace("F.mse_loss(target, value)", "network.loss(target, value)"))
        for path, text in files.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(text)
        (found,) = [f for f in audit_report(root, [root], Settings(root)).findings if f.rule == "PER001"]
    assert (found.fix.applicability, found.fix.recipe) == (Applicability.UNSAFE, "library-swap")
