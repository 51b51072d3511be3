"""How long `per-audit scan` takes, beside ruff, Fixit and semgrep on the same files in the same run.

    python benchmarks/scan_speed.py                          # the whole tree
    python benchmarks/scan_speed.py --only start,project     # a minute
    python benchmarks/scan_speed.py --packages pfrl==0.4.0,sympy==1.14.0 --runs 3

The tree is made of pinned packages of the index, unpacked and never installed or imported; `rl` is the part of it that
is reinforcement learning, `project` a hundred files of that. Programs are timed by the wall clock, one after the other
in turn, and compared by medians: a program's time means little on another machine, a ratio more. A run that exceeds
--limit is cut off and counts as that long. A peer that cannot be installed, or does not start, is not measured. Exit
code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

RL = ("torchrl==0.14.1", "tianshou==2.0.1", "stable-baselines3==2.9.2", "pfrl==0.4.0", "d3rlpy==2.8.1",
      "elegantrl==0.3.6", "DI-engine==0.5.3")  # fmt: skip
OTHERS = ("transformers==5.23.0", "sympy==1.14.0", "pandas==3.1.1", "scipy==1.17.1", "scikit-learn==1.9.1",
          "matplotlib==3.11.2", "django==5.2.19", "sqlalchemy==2.1.9", "numpy==2.4.6", "statsmodels==0.15.0",
          "ansible-core==2.19.14", "networkx==3.6.1")  # fmt: skip
PEERS = ("ruff==0.17.5", "fixit==2.1.0", "semgrep")
PARTS = ("start", "project", "rl", "tree")
SCAN = [sys.executable, "-c", "import sys; from per_audit.cli import main; sys.exit(main())", "scan", "--quiet"]


class Bench:
    """Times commands in turn and judges their medians."""

    def __init__(self, environments: Path, runs: int, limit: float) -> None:
        self.environments = environments
        self.runs = runs
        self.limit = limit
        self.missed = 0

    def peer(self, name: str) -> str | None:
        """The program of a peer from an environment of its own; None where it cannot be installed."""
        wanted = next(peer for peer in PEERS if peer.startswith(name))
        home = self.environments / f"scan_{name}"
        program = home / "bin" / name
        if not program.exists():
            made = subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=False)
            pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", wanted]
            if made.returncode or subprocess.run(pip, check=False).returncode:
                print(f"not measured  {name}: cannot be installed", flush=True)
                return None
        # One that breaks as soon as it starts would count as the fastest of all.
        if subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"not measured  {name}: does not start", flush=True)
            return None
        return str(program)

    def medians(self, commands: dict[str, list[str]], prepare: dict[str, object] | None = None) -> dict[str, float]:
        """The median time of each command, run in turn; `prepare` is called before each run of the command."""
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(self.runs):
            for name, command in commands.items():
                if prepare and name in prepare:
                    prepare[name]()  # type: ignore[operator]
                times[name].append(self._time(command))
        found = {name: statistics.median(runs) for name, runs in times.items()}
        print("        " + ", ".join(f"{name} {median:.2f} s" for name, median in found.items()), flush=True)
        return found

    def _time(self, command: list[str]) -> float:
        start = time.perf_counter()
        try:
            subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=self.limit, check=False
            )
        except subprocess.TimeoutExpired:
            return self.limit
        return time.perf_counter() - start

    def judge(self, what: str, measured: float, most: float, unit: str) -> None:
        """Print whether a target is met."""
        met = measured <= most
        self.missed += not met
        print(f"{'met' if met else 'missed':8}{what}: {measured:.2f}{unit} (at most {most:g}{unit})", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    home = Path.home() / ".cache" / "per-audit" / "benchmarks"
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help="of %(default)s")
    parser.add_argument("--packages", default=",".join((*RL, *OTHERS)), help="what the tree is made of; pinned")
    parser.add_argument("--runs", type=int, default=5, help="of each command (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds of one run (default: %(default)s)")
    parser.add_argument("--environments", type=Path, default=home, metavar="DIR", help="default: %(default)s")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only: no part is called {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    # What pip installs has its bytecode beside it: a program that compiles itself anew each time is not what users run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    bench = Bench(options.environments.expanduser().resolve(), options.runs, options.limit)
    with tempfile.TemporaryDirectory() as folder:
        tree, work = Path(folder, "tree"), Path(folder, "work")
        if parts != ["start"]:
            unpack(options.packages.split(","), bench.environments / "packages", tree)
        for part in parts:
            {"start": start, "project": project, "rl": reinforcement_learning, "tree": whole}[part](bench, tree, work)
    return 1 if bench.missed else 0


def unpack(packages: list[str], downloads: Path, tree: Path) -> None:
    """The Python files of the packages, each package in a directory of its own."""
    downloads.mkdir(parents=True, exist_ok=True)
    for package in packages:
        kept = downloads / package
        if not kept.exists():
            partial = downloads / f"{package}.part"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(partial), package]
            subprocess.run(command, check=True)
            partial.rename(kept)
        (archive,) = kept.iterdir()
        target = tree / package.partition("==")[0]
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(target, [name for name in wheel.namelist() if name.endswith(".py")])
        else:
            with tarfile.open(archive) as source:
                source.extractall(target, [m for m in source if m.name.endswith(".py")], filter="data")
    long_ago = 1_600_000_000  # a file changed just now is read again, as after a checkout
    for path in tree.rglob("*.py"):
        os.utime(path, (long_ago, long_ago))
    files = list(tree.rglob("*.py"))
    print(f"{len(files):,} files, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB", flush=True)


def start(bench: Bench, _tree: Path, _work: Path) -> None:
    """`per-audit --version`, by processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(bench.runs):
        subprocess.run([*SCAN[:3], "--version"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    bench.judge("per-audit --version, processor", spent / bench.runs, 0.15, " s")


def project(bench: Bench, tree: Path, work: Path) -> None:
    """A hundred files of reinforcement learning."""
    folder = work / "project"
    folder.mkdir(parents=True)
    for file in sorted(tree.rglob("pfrl*/**/*.py"))[:100] or sorted(tree.rglob("*.py"))[:100]:
        target = folder / file.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    found = medians(bench, folder, work / "project cache", {})
    bench.judge("100 files, nothing kept", found["cold"], 1, " s")
    bench.judge("100 files, unchanged", found["warm"], 0.2, " s")


def reinforcement_learning(bench: Bench, tree: Path, _work: Path) -> None:
    """Against Fixit with one rule and semgrep with one pattern, on the packages of reinforcement learning."""
    names = {package.partition("==")[0] for package in RL}
    folders = [str(folder) for folder in sorted(tree.iterdir()) if folder.name in names]
    commands = {"ours": [*SCAN, "--no-cache", *folders]}
    if fixit := bench.peer("fixit"):
        commands["fixit"] = [fixit, "--quiet", "--rules", "fixit.rules.no_static_if_condition", "lint", *folders]
    if semgrep := bench.peer("semgrep"):
        commands["semgrep"] = [semgrep, "scan", "--metrics=off", "--lang=python", "-e", "random.sample(...)", *folders]
    found = bench.medians(commands)
    for name, most in (("fixit", 1 / 8), ("semgrep", 1)):
        if name in found:
            bench.judge(f"reinforcement learning, time of {name}", found["ours"] / found[name], most, " x")


def whole(bench: Bench, tree: Path, work: Path) -> None:
    """The whole tree, against ruff with one rule."""
    commands = {}
    if ruff := bench.peer("ruff"):
        check = [ruff, "check", "--isolated", "--quiet", "--select", "B006"]
        commands = {
            "ruff cold": [*check, "--no-cache", str(tree)],
            "ruff warm": [*check, "--cache-dir", str(work / "ruff cache"), str(tree)],
        }
    found = medians(bench, tree, work / "tree cache", commands)
    bench.judge("tree, unchanged", found["warm"], 0.5, " s")
    bench.judge("tree, one file edited", found["edited"], 0.4, " s")
    if commands:
        bench.judge("tree, unchanged, time of ruff with its cache", found["warm"] / found["ruff warm"], 3, " x")
        bench.judge("tree, nothing kept, time of ruff without its cache", found["cold"] / found["ruff cold"], 8, " x")


def medians(bench: Bench, folder: Path, cache: Path, others: dict[str, list[str]]) -> dict[str, float]:
    """Scans of a directory with nothing kept, of an unchanged one, and of one with an edited file, beside others."""
    kept = [*SCAN, "--cache-dir", str(cache), str(folder)]
    edited = next(iter(sorted(folder.rglob("*.py"))))

    def edit() -> None:
        with edited.open("a") as file:
            file.write("\n# edited\n")

    bench.medians({"first": kept})
    found = bench.medians({"cold": [*SCAN, "--no-cache", str(folder)], "warm": kept, **others})
    return found | bench.medians({"edited": kept}, {"edited": edit})


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
