"""`verify`: run the checks on each target and say what they found."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.verify import statistics
from per_audit.verify.checks import discover
from per_audit.verify.efficiency import CHECKS as EFFICIENCY
from per_audit.verify.efficiency_cartpole import CHECKS as CARTPOLE
from per_audit.verify.efficiency_full import CHECKS as CLIFFWALKS
from per_audit.verify.process import Child, ChildError, Deadline, package_folder
from per_audit.verify.results import CheckResult, Outcome, Picture, TargetResult, Verdict, Verification
from per_audit.verify.targets import BUNDLED_PACKAGE, Target, bundled, parse

if TYPE_CHECKING:
    from per_audit.verify.check import Check

EFFICIENCY_MODES = ("off", "quick", "full")
EFFICIENCY_FULL = (*CLIFFWALKS, *CARTPOLE)
TIMEOUTS = {"off": 120.0, "quick": 120.0, "full": 1800.0}
ADAPTER_HELP = (
    "write an adapter file and pass it with --adapter: a class `Adapter` with __init__(self, cls, capacity, ...), "
    "add(tid, reward, td, done), draw(batch) -> (tids, handles, weights or None) and update(handles, td); "
    "docs/verification.md shows one"
)

_NONSENSE = (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """How to verify. `checks` empty means all; `memory` is in MB a child process.

    `timeout` is in seconds a target, None for what the mode of `efficiency` usually needs at most (`TIMEOUTS`).
    """

    adapter: Path | None = None
    checks: tuple[str, ...] = ()
    efficiency: str = "quick"
    seed: int = 0
    timeout: float | None = None
    memory: int = 2048
    python: str = sys.executable


def verify(
    targets: Sequence[str | Target] = (), options: Options = Options(), progress: Progress | None = None
) -> Verification:
    """Verify `targets`, side by side on the cores at hand.

    None are the bundled buffers, a directory stands for the replay buffers that the audit finds in it.
    `progress(done, total)` is called, from other threads, whenever a check ends. Raises UserError for bad input; what
    goes wrong in a target is an ERROR in the result.
    """
    started = time.monotonic()
    statistics.scipy_stats()
    named = [found for target in targets for found in _named(target)] or bundled()
    checks = _selected(options)
    if options.adapter is not None and not options.adapter.is_file():
        raise UserError(
            f"{options.adapter}: no such adapter file; --adapter takes a Python file with a class `Adapter`"
        )
    if _seconds(options) <= 0 or options.memory <= 0:
        raise UserError("--timeout and --memory must be above 0")
    done = 0

    def tick(count: int = 1) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, len(named) * len(checks))

    with ThreadPoolExecutor(max_workers=max(1, min(len(named), os.cpu_count() or 1))) as pool:
        results = list(pool.map(lambda target: _Run(target, options, checks, tick).result(), named))
    every = set(discover())
    complete = every <= {check.name for check in checks}
    return Verification(results, options.seed, complete, time.monotonic() - started)


def _named(target: str | Target) -> list[Target]:
    if isinstance(target, Target):
        return [target]
    if Path(target).is_dir():
        from per_audit.verify import project

        return project.targets(Path(target))
    return [parse(target)]


def available_checks() -> dict[str, Check]:
    """Every check by name: the behavioural ones, then those of learning efficiency."""
    return {**discover(), **{check.name: check for check in (*EFFICIENCY, *EFFICIENCY_FULL)}}


def _selected(options: Options) -> list[Check]:
    checks = available_checks()
    unknown = [name for name in options.checks if name not in checks]
    if unknown:
        raise UserError(f"--check {unknown[0]}: there is no such check; choose from {', '.join(checks)}")
    if options.efficiency not in EFFICIENCY_MODES:
        raise UserError(f"--efficiency {options.efficiency}: choose from {', '.join(EFFICIENCY_MODES)}")
    if options.checks:
        return [check for name, check in checks.items() if name in options.checks]
    if options.efficiency == "full":
        return list(checks.values())
    return [*discover().values(), *(EFFICIENCY if options.efficiency == "quick" else ())]


def _seconds(options: Options) -> float:
    if options.timeout is not None:
        return options.timeout
    full = any(check.name in options.checks for check in EFFICIENCY_FULL)
    return TIMEOUTS["full" if full else options.efficiency]


class _Run:
    """One target: a child that is opened once and opened again after a check that killed it."""

    def __init__(self, target: Target, options: Options, checks: list[Check], tick: Callable[..., None]) -> None:
        self._target, self._options, self._tick = target, options, tick
        self._checks = [check for check in checks if target.configured is not None or not check.of_projects]
        self._skipped = len(checks) - len(self._checks)
        self._timeout = _seconds(options)
        self._deadline = Deadline(self._timeout)
        self._found = TargetResult(target.name, callers=target.callers)
        self._child: Child | None = None

    def result(self) -> TargetResult:
        """Run every check."""
        self._tick(self._skipped)
        if self._target.static is not None:
            self._found.checks.append(replace(self._target.static, seed=self._options.seed))
            self._found.static = True
            self._tick(len(self._checks))
            return self._found
        if self._target.impossible:
            self._not_opened(self._target.impossible, Verdict.NOT_PROVIDED)
            return self._found
        try:
            self._open()
        except ChildError as error:
            self._not_opened(str(error))
            return self._found
        try:
            for check in self._checks:
                self._found.checks.append(self._run(check))
                self._tick()
        finally:
            self._close()
        return self._found

    def _not_opened(self, message: str, verdict: Verdict = Verdict.ERROR) -> None:
        self._close()
        result = CheckResult("adapter", verdict, None, None, self._options.seed, 0.0, message)
        self._found.checks.append(result)
        self._tick(len(self._checks))

    def _open(self) -> None:
        target, options = self._target, self._options
        packages = ("per_audit", BUNDLED_PACKAGE) if target.bundled else ("per_audit",)
        child = self._child = Child(options.python, options.memory, packages, fenced=not target.bundled)
        child.wait_ready(self._share())
        request = {
            "op": "open",
            "target": target.name,
            "class": target.cls,
            "file": str(target.file) if target.file else None,
            "module": target.module,
            "paths": list(target.paths),
            "roots": list(target.roots),
            "adapter": str(options.adapter.resolve()) if options.adapter else None,
            "seed": options.seed,
            "configured": target.configured,
            "drawn": target.drawn,
            "magnitudes": target.magnitudes,
        }
        answer = child.ask(request, self._share())
        if "error" in answer:
            remedy = (
                f"; {ADAPTER_HELP}"
                if answer.get("adapter") and not options.adapter and "--python" not in answer["error"]
                else ""
            )
            raise ChildError(f"{answer['error']}{remedy}")
        self._found.facts, self._found.mapping = answer["facts"], {**target.configuration, **answer["mapping"]}
        files = _bundled_files() if target.bundled else [Path(name) for name in answer["files"]]
        self._found.files = {str(path): _text(path) for path in files}

    def _share(self) -> float:
        """A check may take a third of the target's time, so that one that hangs leaves some for the others."""
        return min(self._deadline.left, self._timeout / 3.0)

    def _close(self) -> None:
        if self._child is not None:
            self._found.output = self._child.output or self._found.output
            self._child.close()
            self._child = None

    def _run(self, check: Check) -> CheckResult:
        started = time.monotonic()
        if self._deadline.left <= 0.0:
            message = f"not run: the other checks took the {self._timeout:g} s of this target (--timeout)"
            return self._report(check, started, Outcome(Verdict.ERROR, None, None, message))
        try:
            if self._child is None:
                self._open()
            assert self._child is not None
            answer = self._child.ask({"op": "check", "check": check.name, "seed": self._options.seed}, self._share())
        except ChildError as error:
            self._close()
            return self._report(check, started, Outcome(Verdict.ERROR, None, None, str(error)))
        outcome = self._judge(check, answer)
        return self._report(check, started, outcome, self._picture(check, answer))

    def _picture(self, check: Check, answer: dict[str, Any]) -> Picture | None:
        try:
            return check.picture(answer["measured"], self._found.facts) if "measured" in answer else None
        except _NONSENSE:
            return None

    def _judge(self, check: Check, answer: dict[str, Any]) -> Outcome:
        if "not_provided" in answer:
            return Outcome(Verdict.NOT_PROVIDED, None, None, str(answer["not_provided"]))
        if "measured" not in answer:
            return Outcome(Verdict.ERROR, None, None, str(answer.get("error", "the child process gave no result")))
        try:
            return check.judge(answer["measured"], self._found.facts)
        except _NONSENSE as error:
            # Measurements come from a process that runs foreign code: nonsense in them is nothing to crash on.
            message = f"what was measured makes no sense ({type(error).__name__}: {error})"
            return Outcome(Verdict.ERROR, None, None, message)

    def _report(self, check: Check, started: float, outcome: Outcome, picture: Picture | None = None) -> CheckResult:
        statistic = outcome.statistic
        return CheckResult(
            check=check.name,
            verdict=outcome.verdict,
            statistic=None if statistic is None or math.isnan(statistic) else float(statistic),
            threshold=None if outcome.threshold is None else float(outcome.threshold),
            seed=self._options.seed,
            seconds=round(time.monotonic() - started, 3) if started else 0.0,
            message=outcome.message,
            statistic_name=check.statistic,
            relation=check.relation,
            picture=picture,
        )


def _bundled_files() -> list[Path]:
    return sorted(Path(package_folder(BUNDLED_PACKAGE)).rglob("*.py"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
