"""Training scripts and repositories that are made up."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from per_audit.compare.options import Options
from per_audit.compare.source import Source

PYTHON = (sys.executable, "-S", "-E")

# What a run measures is `gain`, noise of its seed around it, and a curve that rises.
TRAIN = """\
import random, sys
gain = 1.0
r = random.Random(f"{sys.argv[1]} {gain}")
with open("progress.csv", "w") as file:
    print("step,return", file=file)
    for step in range(10, 110, 10):
        print(f"{step},{gain * step + r.gauss(0, 5)}", file=file)
"""


def git(folder, *words):
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


def write(folder, text):
    (folder / "train.py").write_text(textwrap.dedent(text))


def options(**changes):
    given = {
        "before": "HEAD",
        "after": ".",
        "command": (*PYTHON, "train.py", "{seed}"),
        "source": Source("return", "progress.csv"),
        "seeds": 4,
        "jobs": 2,
        "timeout": 60.0,
    }
    return Options(**{**given, **changes})
