"""One run of the user's command, in a copy of a tree, within its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.compare.results import CRASHED, OK, TIMED_OUT
from per_audit.errors import UserError
from per_audit.verify.process import end_marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEED = "{seed}"
_MARK = "PER_AUDIT_COMPARE_RUN"
_LOOK = 0.2
_LONGEST_OUTPUT = 2**28
_SAID = 300
# What users have set themselves wins.
_DEFAULTS = {
    # One thread a run: runs go side by side, and results must not depend on the number of cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "SDL_VIDEODRIVER": "dummy",
    "WANDB_MODE": "offline",
}


class Stopped(Exception):
    """The run was ended because the comparison is."""


class Training:
    """How the command is run: `command` with its {seed}, seconds for each run, and whether to stop."""

    def __init__(
        self, command: Sequence[str], timeout: float, here: Path, marks: Mapping[str, str] | None = None
    ) -> None:
        """`marks` are variables of the environment by which others find what the command has started."""
        self.command, self._timeout, self._here, self._marks = tuple(command), timeout, here, dict(marks or {})
        self.stopping = threading.Event()

    def run(self, seed: int, folder: Path, top: Path, output: Path) -> tuple[str, float, str]:
        """Run in `folder`, part of the copied tree `top`: status, seconds, and what went wrong.

        What the command prints goes to the file `output`. Raises UserError where the command cannot be started and
        Stopped where `stopping` was set.
        """
        started = time.monotonic()
        with output.open("wb") as file:
            try:
                process = subprocess.Popen(
                    self._words(seed, folder),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={**self._environment(seed, folder, top), **self._marks, _MARK: str(output)},
                    start_new_session=True,
                )
            except OSError as error:
                raise UserError(f"{self.command[0]}: cannot be run ({error.strerror}); name a program") from error
            try:
                status, message = self._wait(process, started, output)
            finally:
                _end(process, str(output))
        return status, time.monotonic() - started, message

    def _words(self, seed: int, folder: Path) -> list[str]:
        words = [word.replace(SEED, str(seed)) for word in self.command]
        program = Path(words[0])
        # An interpreter in a virtual environment, which no revision holds.
        if len(program.parts) > 1 and not (folder / program).exists() and (self._here / program).exists():
            words[0] = str(self._here / program)
        return words

    def _environment(self, seed: int, folder: Path, top: Path) -> dict[str, str]:
        """The copy comes first on the path of imports, before what an editable installation of the project names."""
        first = [str(place) for place in (folder, top, folder / "src", top / "src") if place.is_dir()]
        path = [*dict.fromkeys(first), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        return {
            **_DEFAULTS,
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONHASHSEED": str(seed % 2**32),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _wait(self, process: subprocess.Popen[bytes], started: float, output: Path) -> tuple[str, str]:
        while True:
            left = started + self._timeout - time.monotonic()
            if left <= 0:
                return TIMED_OUT, f"did not end within {self._timeout:g} s (--timeout)"
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _ended(process.wait(min(_LOOK, left)), output)
            if self.stopping.is_set():
                raise Stopped
            if output.stat().st_size > _LONGEST_OUTPUT:
                return CRASHED, f"printed more than {_LONGEST_OUTPUT >> 20} MB"


def _ended(code: int, output: Path) -> tuple[str, str]:
    if code == 0:
        return OK, ""
    how = (
        f"was killed by {signal.Signals(-code).name}"
        if -code in set(signal.Signals)
        else f"ended with exit code {code}"
    )
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - 4096))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return CRASHED, f"{how}: {lines[-1].strip()[:_SAID]}" if lines else how


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the command and what it started, daemons included."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
    end_marked(f"{_MARK}={mark}".encode())
