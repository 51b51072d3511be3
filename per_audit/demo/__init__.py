"""The demo: an example project goes through scan, fix and verify, by the functions that the commands call."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from per_audit.audit import audit_report
from per_audit.errors import UserError
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.run import fix
from per_audit.report import Look, fix_text, render, verification_text
from per_audit.settings import load
from per_audit.source.roots import repository_top
from per_audit.verify.record import write_record
from per_audit.verify.run import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUFFERS = {"dqn.py:ReplayBuffer": "torch", "replay.py:RingBuffer": "numpy"}
_WIDTH = 100


def demo(directory: Path | None, look: Look, emit: Callable[[str], None]) -> int:
    """Run the demo in `directory`, which must be empty or not exist (None: a new one); returns 0 where all went well.

    `emit` writes the output of a command.
    """
    place = _copied(directory)
    with _inside(place):
        return _Story(place, look, emit).told()


class _Story:
    def __init__(self, place: Path, look: Look, emit: Callable[[str], None]) -> None:
        self._place = place
        self._settings = load(place, use_config=False)
        self._look = look
        self._emit = emit
        self._console = Console(highlight=False, width=_WIDTH, color_system="standard" if look.colour else None)

    def told(self) -> int:
        """Tell it from the first scan to the last word."""
        self._say(
            "This project has two agents with replay buffers written by hand: DQN over a deque, and TD3 over a ring of "
            "numpy arrays in three files. Both learn, and both draw every transition equally often."
        )
        self._command(f"cd {shlex.quote(str(self._place))}")
        self._command("per-audit scan")
        self._scan()
        self._say("Each finding names the buffer, the draw and the loss. This is what a fix would change:")
        self._fix(diff=True)
        self._say("Now for real. Every byte can be taken back with `per-audit undo`.")
        self._fix(diff=False)
        self._say("What does a second scan say?")
        self._command("per-audit scan")
        is_clean = self._scan()
        self._say("The code is right as far as reading goes. Do the buffers behave as prioritised replay must?")
        is_sound = self._verify()
        return self._end(is_clean, is_sound)

    def _scan(self) -> bool:
        report = audit_report(self._place, [self._place], self._settings)
        self._emit(render(report, "text", self._look))
        return not report.fails(self._settings.fail_on)

    def _fix(self, diff: bool) -> None:
        is_in_repository = repository_top(self._place) is not None
        options = FixOptions(diff=diff, allow_dirty=is_in_repository)
        flags = " --diff" if diff else " --allow-dirty" if is_in_repository else ""
        self._command(f"per-audit fix{flags}")
        result = fix(self._place, [self._place], self._settings, options)
        if diff:
            self._emit(fix_text.render_diff(result, self._look))
        self._emit(fix_text.render(result, self._look))

    def _verify(self) -> bool:
        targets = [target for target, needs in _BUFFERS.items() if importlib.util.find_spec(needs)]
        if len(targets) < len(_BUFFERS):
            self._say("(torch is not installed, so the DQN's buffer cannot be run here.)")
        self._command(f"per-audit verify {' '.join(targets)}")
        verification = verify(targets)
        write_record(self._place, verification)
        self._emit(verification_text.render(verification, self._look.colour, _WIDTH))
        return verification.exit_code() == 0

    def _end(self, is_clean: bool, is_sound: bool) -> int:
        if is_clean and is_sound:
            self._say(f"Done. The project is in {self._place}: run `python dqn.py` or `python train_td3.py` there.")
            return 0
        failed = [name for name, good in (("the last scan", is_clean), ("verify", is_sound)) if not good]
        self._say(f"The demo did not go as it should: {' and '.join(failed)} found something, see above.")
        return 1

    def _say(self, text: str) -> None:
        self._print(f"\n{escape(text)}\n")

    def _command(self, text: str) -> None:
        self._print(f"[bold green]$[/] [bold]{escape(text)}[/]")

    def _print(self, markup: str) -> None:
        with self._console.capture() as capture:
            self._console.print(markup)
        self._emit(capture.get())


def _copied(directory: Path | None) -> Path:
    """A directory with nothing but the example in it."""
    if directory is None:
        place = Path(tempfile.mkdtemp(prefix="per-audit-demo-"))
    else:
        place = directory
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UserError(f"{place}: is not an empty directory; name one that is empty or does not exist yet")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for source in files("per_audit.demo").joinpath("example").iterdir():
            if source.is_file():
                (place / source.name).write_bytes(source.read_bytes())  # not its mode, which may be read-only
    except OSError as error:
        raise UserError(f"{place}: cannot be written ({error.strerror}); name another directory") from error
    return place.resolve()


@contextlib.contextmanager
def _inside(place: Path) -> Iterator[None]:
    """Work in a directory, so that paths read as a user there would see them."""
    former = Path.cwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(former)
