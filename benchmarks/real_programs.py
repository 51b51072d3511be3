"""Fix the replay of public repositories and train with the result.

    python benchmarks/real_programs.py CHECKOUTS [--only NAME] [--steps 2000]

CHECKOUTS is a folder with one checkout a repository, named owner+name. Each is copied, fixed with
`per-audit fix --unsafe-fixes`, trained for so many steps on gymnasium's environments, watched from outside, and taken
back with `per-audit undo`. One line a check; exit code 1 if any fails. Needs torch and gymnasium.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CHILD = Path(__file__).with_name("real_programs_child.py")
PATIENCE = 400.0  # seconds for one answer of a child
IGNORED = shutil.ignore_patterns(".git", "__pycache__")


@dataclass(frozen=True)
class Driver:
    """A training program of a repository: the files that its replay is in, and how it is started (see the child)."""

    name: str
    files: tuple[str, ...]
    program: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repository:
    """A checkout, the folder in it that is fixed, and the programs to train."""

    name: str
    drivers: tuple[Driver, ...]
    folder: str = "."


PENDULUM = ("main.py", "--env", "Pendulum-v1", "--start_timesteps", "300", "--policy")
REPOSITORIES = (
    Repository(
        "seungeunrho+minimalRL",
        (
            Driver("minimalRL/dqn", ("dqn.py",), ("dqn.py",)),
            Driver("minimalRL/ddpg", ("ddpg.py",), ("ddpg.py",)),
        ),
    ),
    Repository(
        "udacity+deep-reinforcement-learning", (Driver("udacity/dqn", ("dqn_agent.py",)),), folder="dqn/solution"
    ),
    Repository(
        "sfujim+TD3",
        tuple(
            Driver(f"TD3/{policy}", ("utils.py", f"{policy}.py"), (*PENDULUM, policy))
            for policy in ("TD3", "DDPG", "OurDDPG")
        ),
    ),
)


class Report:
    """Prints a line a check and counts the failures."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def check(self, where: str, name: str, passed: bool, seen: str) -> None:
        self.passed += passed
        self.failed += not passed
        print(f"{'PASS' if passed else 'FAIL'}  {where:<15} {name:<20} {seen}", flush=True)


class Child:
    """A process that drives one repository's code: see real_programs_child.py."""

    def __init__(self, driver: str, folder: Path, mode: str, scratch: Path) -> None:
        self.errors = tempfile.TemporaryFile("w+", dir=scratch)  # noqa: SIM115
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), driver, str(folder), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=scratch,  # some programs write results where they run
            env=environment,
            text=True,
        )

    def ask(self, **request: Any) -> Any:
        """The child's answer; RuntimeError with the end of its traceback where it died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(json.dumps(request) + "\n")
                self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        tail = " | ".join(self.errors.read().strip().splitlines()[-4:])
        raise RuntimeError(f"the training ended with exit code {self.process.returncode}: {tail}")

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()


@contextlib.contextmanager
def child(driver: Driver, folder: Path, mode: str, scratch: Path) -> Iterator[Child]:
    started = Child(driver.name, folder, mode, scratch)
    try:
        yield started
    finally:
        started.close()


def per_audit(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from per_audit.cli import main; raise SystemExit(main())", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def content(root: Path, journal: bool = False) -> dict[str, bytes]:
    """Every file and folder under `root`, by its path; the tool's own `journal` only where asked."""
    aside = {".git", "__pycache__"} if journal else {".git", "__pycache__", ".per-audit"}
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in sorted(root.rglob("*"))
        if not aside & set(path.relative_to(root).parts)
    }


def changed(old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def compare_forms(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, bool, str]]:
    """What the original's and the fixed code's functions return, and which parameters they take."""
    calls = old["calls"]
    other = [
        f"{name}: {new['calls'].get(name)} was {form}" for name, form in calls.items() if new["calls"].get(name) != form
    ]
    # The first item of a form is the kind of sequence.
    first, more = new["sample"][: len(old["sample"])], new["sample"][len(old["sample"]) :]
    lost = [
        f"{name}{new['signatures'].get(name)} was {text}"
        for name, text in old["signatures"].items()
        if new["signatures"].get(name) != text
    ]
    added = sorted(set(new["signatures"]) - set(old["signatures"]))
    return [
        ("5a results of calls", not other, "; ".join(other) or ", ".join(f"{n}: {form}" for n, form in calls.items())),
        (
            "5b sample()",
            first == old["sample"] and len(more) == 2,
            f"{', '.join(old['sample'][1:])}, then {', '.join(map(str, more))}"
            if first == old["sample"]
            else f"{first} was {old['sample']}",
        ),
        ("5c signatures", not lost, "; ".join(lost) or f"{len(old['signatures'])} as before, new: {', '.join(added)}"),
    ]


def measure(original: Child, fixed: Child, rounds: int, updates: int) -> tuple[list[float], list[float]]:
    """Seconds of a training step, original and fixed, in turns that begin with the one and the other."""
    times: dict[Child, list[float]] = {original: [], fixed: []}
    for number in range(rounds + 1):
        for one in (original, fixed) if number % 2 else (fixed, original):
            seconds = one.ask(do="run", updates=updates) / updates
            if number:  # the first round warms up
                times[one].append(seconds)
    return times[original], times[fixed]


def train(
    report: Report, driver: Driver, folders: tuple[Path, Path], scratch: Path, options: argparse.Namespace
) -> None:
    """Drive the fixed code, and the original beside it."""
    original, fixed = folders
    name = driver.name
    try:
        with child(driver, fixed, "watched", scratch) as watched:
            for check, passed, seen in watched.ask(do="watch", updates=options.steps):
                report.check(name, check, passed, seen)
        with child(driver, original, "plain", scratch) as old, child(driver, fixed, "plain", scratch) as new:
            times = measure(old, new, options.rounds, 50)
            forms = old.ask(do="forms"), new.ask(do="forms")
        for check, passed, seen in compare_forms(*forms):
            report.check(name, check, passed, seen)
        if driver.program:
            with child(driver, fixed, "entry", scratch) as program:
                script, *arguments = driver.program
                for check, passed, seen in program.ask(script=script, arguments=arguments, stop=100):
                    report.check(name, check, passed, seen)
    except RuntimeError as error:
        report.check(name, "  training", False, str(error))
        return
    before, after = (1000 * statistics.median(seconds) for seconds in times)
    ratios = [new / old for old, new in zip(*times, strict=True)]
    ratio = statistics.median(ratios)
    report.check(
        name,
        "6 time of a step",
        ratio <= options.slowest,
        f"{before:.2f} ms before, {after:.2f} ms after, x{ratio:.2f} (median of {len(ratios)} pairs,"
        f" {min(ratios):.2f}..{max(ratios):.2f}; at most {options.slowest:g})",
    )


def examine(report: Report, repository: Repository, drivers: list[Driver], options: argparse.Namespace) -> None:
    """Copy, fix, train, undo."""
    checkout = options.checkouts / repository.name
    short = repository.drivers[0].name.partition("/")[0]
    with tempfile.TemporaryDirectory() as temporary:
        copy, scratch = Path(temporary, repository.name), Path(temporary, "scratch")
        scratch.mkdir()
        shutil.copytree(checkout, copy, symlinks=True, ignore=IGNORED)
        before, folder = content(copy), copy / repository.folder
        prefix = "" if repository.folder == "." else f"{repository.folder}/"
        wanted = {f"{prefix}{file}" for driver in drivers for file in driver.files}

        first = per_audit(copy, "fix", "--unsafe-fixes", repository.folder)
        after = content(copy)
        edited = [name for name in changed(before, after) if name in before]
        seen = f"exit code {first.returncode}, edited {', '.join(edited)} {first.stderr.strip()[-200:]}".rstrip()
        fixed = first.returncode in (0, 1) and wanted <= set(edited)
        report.check(short, "0a fix", fixed, seen)
        scan = per_audit(copy, "scan", "--format", "json", "--fail-on", "never", repository.folder)
        findings = json.loads(scan.stdout)["findings"] if scan.returncode == 0 else []
        grave = [finding for finding in findings if finding["severity"] != "info"]
        left = [f"{f['rule']} {f['path']}:{f['line']}" for f in grave if f["path"] in edited]
        other = [f"{f['rule']} {f['path']}:{f['line']}" for f in grave if f["path"] not in edited]
        seen = f"exit code {scan.returncode}, {len(left)} findings in what was edited {' '.join(left)}".rstrip()
        report.check(
            short, "0b scan", scan.returncode == 0 and not left, f"{seen}; elsewhere: {' '.join(other) or 'none'}"
        )
        second = per_audit(copy, "fix", "--unsafe-fixes", repository.folder)
        again = changed(after, content(copy))
        seen = f"exit code {second.returncode}, {len(again)} files changed {' '.join(again)}".rstrip()
        report.check(short, "0c second fix", second.returncode in (0, 1) and not again, seen)

        for driver in drivers if fixed else []:
            train(report, driver, (checkout / repository.folder, folder), scratch, options)

        undone = per_audit(copy, "undo", repository.folder)
        original = content(checkout, journal=True)
        different = changed(original, content(copy, journal=True))
        seen = f"exit code {undone.returncode}, {len(original)} files and folders compared, {len(different)} differ"
        report.check(
            short, "7 undo", undone.returncode == 0 and not different, f"{seen} {' '.join(different)}".rstrip()
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkouts", type=Path, help="folder with one checkout a repository, named owner+name")
    parser.add_argument(
        "--only", default="", metavar="NAME", help="only drivers whose repository or name contains NAME"
    )
    parser.add_argument("--steps", type=int, default=2000, help="training steps while watched (default: 2000)")
    parser.add_argument("--rounds", type=int, default=12, help="pairs of timings of 50 steps (default: 12)")
    parser.add_argument("--slowest", type=float, default=2.0, help="largest ratio of the times (default: 2)")
    options = parser.parse_args()
    chosen = {
        repository: drivers
        for repository in REPOSITORIES
        if (drivers := [d for d in repository.drivers if options.only in f"{repository.name} {d.name}"])
    }
    missing = [repository.name for repository in chosen if not (options.checkouts / repository.name).is_dir()]
    if missing or not chosen:
        parser.error(f"no checkout of {', '.join(missing)}" if missing else f"nothing is called {options.only}")
    report = Report()
    for repository, drivers in chosen.items():
        examine(report, repository, drivers, options)
    print(f"{report.passed} checks passed, {report.failed} failed: {len(chosen)} repositories")
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
