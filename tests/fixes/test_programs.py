"""Over many programs: the fix is whole or not at all, keeps what is not its own, comes back, and trains by priority."""

from __future__ import annotations

import contextlib
import io
import random
import sys
import tempfile
import tokenize
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import experience_replay_optimizer
from experience_replay_optimizer import LapReplayBuffer, PrioritizedReplayBuffer
from experience_replay_optimizer.samplers.prioritized import PrioritizedSampler
from per_audit.fixes.journal import undo
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.run import fix
from per_audit.settings import Settings

from .programs import Program, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 100
REFUSED = "has a signature or decorator that cannot take weights as well"
HUBER = ("function", "attribute")  # losses that are Huber's already
LOSSES = ("import torch.nn", "from torch import nn", "from torch.nn")  # whose imports go with the last other loss


@given(program=programs, buffer=st.sampled_from(["per", "per", "lap"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_fix_over_many_programs(program: Program, buffer: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, text in program.files.items():
            (root / path).write_bytes(text.encode())
        (root / "requirements.txt").write_text("per-audit\n")  # nothing needs to be copied
        options = FixOptions(unsafe=True, allow_dirty=True, buffer=buffer)
        chosen = Settings(root, ignore=("PER501",))
        result = fix(root, [], chosen, options)
        fixed = read(root, program)
        if program.choice.decorated and result.refused:
            assert (result.changes, result.copied, fixed) == ([], [], program.files)
            assert REFUSED in result.refused[0].reason
            return
        assert [refusal.reason for refusal in result.refused] == []
        assert len(result.applied) == 1
        for path, text in fixed.items():
            check_file(program, path, text, buffer == "lap")
        again = fix(root, [], chosen, options)
        assert (again.applied, again.changes, again.copied) == ([], [], [])
        undo(root)
        assert read(root, program) == program.files
    check_training(program, fixed, buffer == "lap")


def read(root: Path, program: Program) -> dict[str, str]:
    return {path: (root / path).read_bytes().decode() for path in program.files}


def check_file(program: Program, path: str, text: str, is_lap: bool) -> None:
    """It parses, and what is no part of the replay is as it was: lines, comments, line endings, indentation."""
    compile(text.removeprefix("\ufeff"), path, "exec")
    newline, before = program.choice.newline, program.files[path]
    assert text.startswith("\ufeff") == program.choice.has_bom
    assert text.endswith(newline) == before.endswith(newline)
    lines = text.removeprefix("\ufeff").split(newline)
    assert not any("\r" in line or "\n" in line for line in lines)
    kept = [line for line in program.kept[path] if not (is_lap and line.startswith(LOSSES))]
    assert missing(kept, lines) is None
    assert missing(comments(before), comments(text)) is None
    if program.choice.indentation == "\t":
        own = set(before.split(newline))
        assert [line for line in lines if line.startswith(" ") and line not in own] == []


def comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text.removeprefix("\ufeff")).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def missing(wanted: list[str], found: list[str]) -> str | None:
    """The first that is not among the found ones in the same order."""
    rest = iter(found)
    return next((one for one in wanted if one not in rest), None)


def check_training(program: Program, fixed: dict[str, str], is_lap: bool) -> None:
    """It trains before and after; after, by priorities that vary, with weights or by Huber's loss."""
    try:
        import torch
    except ImportError:
        return
    assert not train(torch, program.files).draws
    seen = train(torch, fixed)
    assert len(seen.draws) > STEPS / 2
    assert len(seen.draws) - 1 <= len(seen.updates) <= len(seen.draws)
    for (slots, _), (updated, errors) in zip(seen.draws, seen.updates, strict=False):
        np.testing.assert_array_equal(slots, updated)
        assert errors.shape == slots.shape
        assert (np.isfinite(errors) & (errors >= 0)).all()
    if is_lap:
        assert all((weights == 1.0).all() for _, weights in seen.draws)
        assert program.choice.loss in HUBER or len(seen.losses) >= len(seen.updates)
        return
    losses = iter(seen.losses)
    for _, weights in seen.draws[: len(seen.updates)]:
        shape, given = next(losses)
        assert shape in ((len(weights),), (len(weights), 1))
        np.testing.assert_array_equal(np.asarray(given).reshape(-1), weights)
        if program.choice.loss == "two functions":
            next(losses)
    varied = [weights.max() / weights.min() > 1.001 for _, weights in seen.draws[2:]]
    assert np.mean(varied) > 0.9  # a batch of nothing but new transitions has equal weights


@dataclass
class Seen:
    """Draws (slots, weights), updates (slots, errors) and losses (shape, weights) in the order in which they came."""

    draws: list[tuple[Any, Any]] = field(default_factory=list)
    updates: list[tuple[Any, Any]] = field(default_factory=list)
    losses: list[tuple[Any, Any]] = field(default_factory=list)


class Over(Exception):
    """The training has lasted long enough."""


class World:
    """Ends an episode now and then, rewards the second action."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.left = STEPS + 40

    def reset(self) -> Any:
        return self.rng.random(4, dtype=np.float32), {}

    def step(self, action: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Over
        return self.reset()[0], float(action) * self.rng.random(), bool(self.rng.random() < 0.1), False, {}


def train(torch: Any, files: dict[str, str]) -> Seen:
    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)

        def forward(self, states: Any) -> Any:
            return self.one(states)

        def second(self, states: Any) -> Any:
            return self.two(states)

    random.seed(0)
    torch.manual_seed(0)
    with watched() as seen, modules(files) as program, pytest.raises(Over):
        program.main(World(), Network(), Network())
    return seen


@contextlib.contextmanager
def modules(files: dict[str, str]) -> Iterator[Any]:
    """Run the files as modules, in their order; gives the last one."""
    names = [path.removesuffix(".py") for path in files]
    try:
        for name, text in zip(names, files.values(), strict=True):
            module = sys.modules[name] = types.ModuleType(name)
            exec(compile(text.removeprefix("\ufeff"), name, "exec"), vars(module))  # noqa: S102
        yield sys.modules[names[-1]]
    finally:
        for name in names:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def watched() -> Iterator[Seen]:
    """What goes through the reference while it is watched."""
    seen = Seen()
    sample, update = PrioritizedSampler.sample, PrioritizedSampler.update
    priorities = PrioritizedReplayBuffer.update_priorities
    adjusted = experience_replay_optimizer.lap_loss
    weighted = experience_replay_optimizer.importance_weighted_loss

    def on_sample(self: Any, *arguments: Any) -> Any:
        slots, weights = sample(self, *arguments)
        seen.draws.append((np.array(slots), np.array(weights)))
        return slots, weights

    def on_update(self: Any, slots: Any, errors: Any) -> None:
        seen.updates.append((np.array(slots) % self.capacity, np.array(errors)))
        (update if isinstance(self, PrioritizedSampler) else priorities)(self, slots, errors)

    def on_loss(elementwise: Any, weights: Any) -> Any:
        seen.losses.append((tuple(elementwise.shape), weights))
        return weighted(elementwise, weights)

    def on_lap(prediction: Any, target: Any) -> Any:
        seen.losses.append((tuple(prediction.shape), None))
        return adjusted(prediction, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrioritizedSampler, "sample", on_sample)
        patch.setattr(PrioritizedSampler, "update", on_update)
        patch.setattr(PrioritizedReplayBuffer, "update_priorities", on_update)
        patch.setattr(LapReplayBuffer, "update_priorities", on_update)
        patch.setattr(experience_replay_optimizer, "lap_loss", on_lap)
        patch.setattr(experience_replay_optimizer, "importance_weighted_loss", on_loss)
        yield seen
