"""Fix projects that use the buffers of other libraries, and train them for 5,000 steps on CartPole.

    python benchmarks/library_training.py                        # every library; installs what is missing, once
    python benchmarks/library_training.py tianshou --python PATH # in an environment that has it and gymnasium

The projects are in `library_projects/`: each is copied, fixed with `per-audit fix`, run in its library's environment
and watched from outside. Checked: it takes its 5,000 steps, weights vary, beta rises, priorities move, and the returns
of the last episodes are above those of the first. A library that does not load is named with the reason. Exit code 1 if
a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from contenders.processes import PACKAGE, Failed, default_folder, environment, last_line

PROJECTS = Path(__file__).with_name("library_projects")
CHILD = Path(__file__).with_name("library_training_child.py")
LIBRARIES = ("stable_baselines3", "tianshou")


def train(name: str, python: Path) -> list[tuple[str, bool, str]]:
    """(check, passed, what was seen) of one library; Failed where it does not run."""
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary, name)
        shutil.copytree(PROJECTS / name, project)
        command = [sys.executable, "-c", "from per_audit.cli import main; raise SystemExit(main())", "fix", "."]
        fixed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        applied = fixed.returncode in (0, 1) and any(
            path.read_bytes() != (PROJECTS / name / path.name).read_bytes() for path in project.glob("*.py")
        )
        if not applied:
            return [("fix", False, (fixed.stdout + fixed.stderr).strip()[-300:])]
        run = subprocess.run(
            [str(python), str(CHILD), str(project)],
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise Failed(last_line(run.stderr))
        seen = json.loads(run.stdout.splitlines()[-1])
    first, last = seen["returns"]
    return [
        ("fix", True, "safe"),
        ("steps", seen["steps"] >= 5_000, f"{seen['steps']:,} of the environment"),
        ("weights", seen["varying"] > seen["draws"] / 2 > 0, f"vary in {seen['varying']} of {seen['draws']} batches"),
        ("beta", seen["beta"] > 0.9, f"{seen['beta']:.3f} at the end"),
        ("priorities", seen["spread"] > 1.5, f"95% quantile {seen['spread']:.2f} times the 5% one"),
        ("returns", last > first, f"{first:.1f} in the first 20 episodes, {last:.1f} in the last 20"),
    ]


def main() -> int:
    """Train the chosen libraries' projects."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("libraries", nargs="*", choices=[*LIBRARIES, []], metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("--python", type=Path, help="an interpreter that has the libraries; default: one is made")
    parser.add_argument("--environments", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args()
    failures = 0
    for name in options.libraries or LIBRARIES:
        try:
            found = train(name, options.python or environment(options.environments, name))
        except Failed as failure:
            found = [("training", False, str(failure))]
        for check, passed, text in found:
            failures += not passed
            print(f"{'PASS' if passed else 'FAIL'}  {name:<18} {check:<11} {text}", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
