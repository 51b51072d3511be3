"""What `per-audit verify` is asked to verify: the bundled buffers, `path/file.py:Class`, or `module:Class`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.source import marked_root

if TYPE_CHECKING:
    from per_audit.verify.results import CheckResult

BUNDLED_PACKAGE = "experience_replay_optimizer"
BUNDLED = ("PrioritizedReplayBuffer", "CombinedReplayBuffer")


@dataclass(frozen=True)
class Target:
    """One class to verify, or what is `impossible` to, and why.

    `file` or `module` says where it is; `paths` become importable, `roots` hold its sources; `callers` are the files of
    the project that use it, and `configured` the arguments with which it constructs it, by name, as `configuration`
    says in words; None and empty where no project was looked at. `drawn`
    are the exponents that its draws pass. `magnitudes`: the project is known to hand it no
    signed TD errors. `static` is what is known without running anything.
    """

    name: str
    cls: str
    file: Path | None = None
    module: str | None = None
    paths: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    bundled: bool = False
    callers: tuple[str, ...] = ()
    impossible: str = ""
    configured: dict[str, Any] | None = None
    configuration: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, float] = field(default_factory=dict)
    magnitudes: bool = False
    static: CheckResult | None = None


def parse(text: str, base: Path | None = None) -> Target:
    """The target that `text` names, relative to `base` (default: the current directory). Raises UserError."""
    folder = Path.cwd() if base is None else base
    where, colon, cls = text.rpartition(":")
    if not colon or not cls.isidentifier() or not where:
        raise UserError(f"{text}: no class is named; write path/file.py:Class or package.module:Class")
    paths = tuple(str(path) for path in (folder, folder / "src") if path.is_dir())
    looks_like_file = where.endswith(".py") or os.sep in where or "/" in where
    if looks_like_file:
        path = Path(folder, where)
        if not path.is_file():
            raise UserError(f"{text}: {where} is no file; write path/file.py:Class, relative to {folder}")
        file = path.resolve()
        roots = (str(marked_root(file.parent) or file.parent),)  # what it imports from there is part of it
        return Target(text, cls, file=file, paths=paths, roots=roots)
    if not all(part.isidentifier() for part in where.split(".")):
        raise UserError(
            f"{text}: `{where}` is neither a .py file nor a module; write path/file.py:Class or package.module:Class"
        )
    return Target(text, cls, module=where, paths=paths, roots=(str(folder),))


def bundled() -> list[Target]:
    """The bundled buffers."""
    return [Target(f"{BUNDLED_PACKAGE}:{cls}", cls, module=BUNDLED_PACKAGE, bundled=True) for cls in BUNDLED]
