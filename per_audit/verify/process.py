"""The child process that runs the target's code: started, asked, limited and killed from here."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_OUTPUT_KEPT = 4000
_LONGEST_ANSWER = 2**24
_MOST_PROCESSES = 100  # of one target
_WATCH_SECONDS = 0.1
_MARK = "PER_AUDIT_VERIFY_SCRATCH"
_ENVIRONMENT = {
    "PYTHONIOENCODING": "utf-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    # One thread each: targets are verified side by side, and results must not depend on the number of cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "SDL_VIDEODRIVER": "dummy",
}


class ChildError(Exception):
    """The child did not answer: it died, was killed for time, or wrote something else. The message is for the user."""


class Child:
    """A running child. Its own output is kept apart from the answers; `output` holds the end of it."""

    def __init__(self, python: str, memory: int, packages: tuple[str, ...], fenced: bool = True) -> None:
        """`memory` in MB; `packages` of ours become importable; one that is `fenced` can write to its folder only."""
        self._scratch = tempfile.mkdtemp(prefix="per-audit-verify-")
        work = Path(self._scratch, "work")  # which it may delete
        work.mkdir()
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._tail = b""
        main = Path(__file__).parent / "child" / "__main__.py"
        try:
            self._process = subprocess.Popen(
                [python, str(main)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=work,
                env={**os.environ, **_ENVIRONMENT, **self._folders(fenced), _MARK: self._scratch},
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise ChildError(
                f"{python} cannot be started: {error.strerror}; give --python a Python interpreter"
            ) from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            self._start_reader(self._process.stdout, self._read_answers),
            self._start_reader(self._process.stderr, self._read_output),
        ]
        writable = [self._scratch, "/dev", "/proc"] if fenced else []
        mount = {name: package_folder(name) for name in packages}
        self._send({"memory": memory, "mount": mount, "writable": writable})
        self._memory = memory
        self._ended = threading.Event()
        self._crowded = False
        threading.Thread(target=self._watch, args=(len(_processes()),), daemon=True).start()

    def _folders(self, fenced: bool) -> dict[str, str]:
        """Where libraries put what they keep, which is elsewhere by default."""
        if not fenced:
            return {"TMPDIR": self._scratch}
        return dict.fromkeys(("TMPDIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"), self._scratch)

    def _watch(self, before: int) -> None:
        """End a target that starts processes without end. Where the system has no /proc nothing is seen."""
        while not self._ended.wait(_WATCH_SECONDS):
            if len(_processes()) - before > _MOST_PROCESSES and len(self._marked()) > _MOST_PROCESSES:
                self._crowded = True
                self._kill()
                return

    def _marked(self) -> list[int]:
        mark = f"{_MARK}={self._scratch}".encode()
        return [number for number in _processes() if mark in _environment(number)]

    @staticmethod
    def _start_reader(stream: IO[bytes], loop: Callable[[IO[bytes]], None]) -> tuple[threading.Thread, IO[bytes]]:
        thread = threading.Thread(target=loop, args=(stream,), daemon=True)
        thread.start()
        return thread, stream

    def _read_answers(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(_LONGEST_ANSWER):
                self._answers.put(line)
        self._answers.put(b"")

    def _read_output(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(stream.fileno(), 65536):
                self._tail = (self._tail + chunk)[-_OUTPUT_KEPT:]

    def _send(self, request: dict[str, Any]) -> None:
        stream = self._process.stdin
        assert stream is not None
        # A child that has died is noticed when its answer is waited for.
        with contextlib.suppress(OSError, ValueError):
            stream.write(json.dumps(request).encode("utf-8") + b"\n")
            stream.flush()

    @property
    def output(self) -> str:
        """The end of what the target printed, on either stream."""
        return self._tail.decode("utf-8", "replace")

    def wait_ready(self, timeout: float) -> None:
        """Wait until the child has imported what it needs. Raises ChildError."""
        answer = self._receive(timeout)
        if "ready" not in answer:
            raise ChildError(str(answer.get("error", "the child process answered something else than it was asked")))

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        """The answer to a request. Raises ChildError, after which the child is of no more use."""
        self._send(request)
        return self._receive(timeout)

    def _receive(self, timeout: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=max(0.0, timeout))
        except queue.Empty:
            self.close()
            raise ChildError(f"no answer within {timeout:.0f} s (--timeout)") from None
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ChildError(self._obituary())
        return answer

    def _obituary(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        code = self._process.poll()
        self.close()
        if self._crowded:
            return f"the target started more than {_MOST_PROCESSES} processes"
        if code is None:
            return "the target closed or wrote into the channel to the checks"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return f"the process was killed by {name}; if memory ran out, raise --memory (now {self._memory} MB)"
        last = self.output.strip().splitlines()[-1:] or [""]
        return f"the process ended with exit code {code} before it answered: {last[0][:200]}".rstrip(": ")

    def close(self) -> None:
        """End the child and everything that it started, and remove its scratch folder."""
        self._ended.set()
        self._kill()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()
        for thread, stream in self._readers:
            # A reader ends when nobody holds the other end any more. Where something of the target's got out of the
            # process group and still does, closing under the reader could hang: then the stream is left to it.
            thread.join(1.0)
            if not thread.is_alive():
                stream.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            # The group is killed even where its leader has gone: what it forked may still be there.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        end_marked(f"{_MARK}={self._scratch}".encode())


def end_marked(mark: bytes) -> None:
    """Kill what got out of the process group, by a session of its own or as a daemon: it still has the environment.

    Only where the system has /proc. Some rounds, as one may start another meanwhile.
    """
    for _ in range(10):
        found = [number for number in _processes() if mark in _environment(number)]
        for number in found:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.05)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


def _environment(number: int) -> list[bytes]:
    """The environment that a process was started with; empty for one that ended, or that belongs to somebody else."""
    try:
        return Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def package_folder(name: str) -> str:
    """The folder of an importable top-level package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ChildError(f"the package {name} is not installed")
    return next(iter(spec.submodule_search_locations))


class Deadline:
    """The time that one target may still take."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, not below 0."""
        return max(0.0, self._end - time.monotonic())
