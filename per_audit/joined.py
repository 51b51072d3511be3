"""The outcomes of parts joined: a class that its part never makes, beside a part that has a memory in use."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from per_audit.source.imports import DYNAMIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from per_audit.judge import Outcome
    from per_audit.parts import Part, Sources

# Modules whose names are written out.
_WRITTEN = re.compile(
    rb"(?:\bimportlib\.)?\b(?:import_module|__import__)\(\s*[\"']([\w.]+)[\"']\s*\)"
    rb"|from importlib import import_module\b(?! *as\b)"
)


def joined(parts: Sequence[Part], outcomes: Mapping[str, Outcome], sources: Sources) -> list[Outcome]:
    """The outcome of each part, in order, as those of one project.

    Files that nothing connects with others beside them hold what is left over from earlier, or a draft: a buffer in
    them that they do not make themselves is none of a folder that has another one in use. Nor is one of a package that
    a program in use has beside it, and imports other modules of or none at all. What else has none in use may be a
    library, whose users make its buffers, or a project of its own.
    """
    found = [outcomes[part.key] for part in parts]
    if not any(outcome.in_use for outcome in found) or all(outcome.without_unmade is None for outcome in found):
        return found
    if any(DYNAMIC.search(_WRITTEN.sub(b"", file.data)) for file in sources.files if DYNAMIC.search(file.data)):
        return found
    programs = [part for part, outcome in zip(parts, found, strict=True) if outcome.in_use]
    used = set().union(*map(_folders, programs))
    entered = set().union(*(part.entered for part in programs))
    return [
        outcome
        if outcome.without_unmade is None
        or outcome.in_use
        or not (used & _folders(part) or _is_left_aside(part, used, entered, sources))
        or _may_be_meant(part, sources)
        else outcome.without_unmade
        for part, outcome in zip(parts, found, strict=True)
    ]


def _is_left_aside(part: Part, used: set[str], entered: set[str], sources: Sources) -> bool:
    """Whether all files are of packages for the programs in the folders `used`, which import others of them or none.

    Of `entered` they import modules. What a package gives out by its own names is for its users, and a folder that is
    started by itself is a project of its own.
    """
    folders = _folders(part)
    started = (file.relative for file in sources.files if b"__main__" in file.data)
    if part.is_package or any(posixpath.dirname(path) in folders for path in started):
        return False
    if all(entered & _around(file.relative) for file in part.files):
        return True
    names = {file.relative: file.data for file in part.files if file.relative.endswith("__init__.py")}
    tops = {_top(file.relative, sources) for file in part.files}
    return not any(b"import" in data for data in names.values()) and None not in tops and tops <= used


def _around(path: str) -> set[str]:
    return {above.as_posix() for above in PurePosixPath(path).parents}


def _top(path: str, sources: Sources) -> str | None:
    """The folder that the package of a file lies in; None where the file is of no package."""
    folder = posixpath.dirname(path)
    is_inside = False
    while folder and f"{folder}/__init__.py" in sources.tree.paths:
        folder, is_inside = posixpath.dirname(folder), True
    return folder if is_inside else None


def _folders(part: Part) -> set[str]:
    return {posixpath.dirname(file.relative) for file in part.files}


def _may_be_meant(part: Part, sources: Sources) -> bool:
    """Whether a file of another part imports, or names as a file, what may be a file of this one."""
    own = {file.relative for file in part.files}
    names = {posixpath.basename(path).rpartition(".")[0] for path in own if not path.endswith("__init__.py")}
    if names & sources.unresolved:
        return True
    others = [file.data for file in sources.files if file.relative not in own]
    if any(
        name in written.decode().split(".") for data in others for written in _WRITTEN.findall(data) for name in names
    ):
        return True
    texts = [f"{name}.py".encode() for name in names]
    return any(text in data for data in others for text in texts)
