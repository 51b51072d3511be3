"""Virtual environments, made on demand, and the workers that run in them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import contender

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS = Path(__file__).parents[1]
PACKAGE = BENCHMARKS.parent / "reference_impl"


class Failed(RuntimeError):
    """A contender that cannot be installed, or that raised: left out, with the reason."""


def default_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "per-audit" / "benchmarks"


def environment(folder: Path, name: str) -> Path:
    """The Python of a contender's environment, installed at its first use. A few hundred megabytes for some."""
    name = contender(name).environment or name
    where, installs = folder / name, contender(name).installs
    python = where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete, wanted = where / "installed.json", json.dumps([sys.version, installs])
    if complete.exists() and complete.read_text() == wanted:
        return python
    print(f"installing {name} in {where} ...", file=sys.stderr, flush=True)
    commands = [[sys.executable, "-m", "venv", "--clear", str(where)]]
    commands += [[str(python), "-m", "pip", "install", "--quiet", *arguments] for arguments in installs]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(command[1:])}: {last_line(done.stderr)}")
    complete.write_text(wanted)
    return python


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:160]


class Process:
    """A worker (see worker.py) that stays up."""

    def __init__(self, python: Path, name: str, kernels: str = "") -> None:
        """`kernels`: "numba" or "numpy", for the buffers of this repository."""
        paths = os.pathsep.join(map(str, (BENCHMARKS, PACKAGE)))
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(python), "-m", "contenders.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=BENCHMARKS,
            env={**os.environ, "PYTHONPATH": paths, "EXPERIENCE_REPLAY_KERNELS": kernels},
            text=True,
            start_new_session=True,  # Ctrl-C ends this process, and this process ends its workers
        )

    def ask(self, request: str, **arguments: Any) -> Any:
        """The worker's answer; `Failed` with its exception, or with the end of its traceback where it died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([request, arguments]) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise Failed(f"exit code {self.process.wait()}: {last_line(self.errors.read())}")
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(reply["error"][:160])
        return reply["answer"]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@contextlib.contextmanager
def workers() -> Iterator[contextlib.ExitStack]:
    """A stack for processes, which are ended however the block is left, by SIGTERM too."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, before)
        yield stack
