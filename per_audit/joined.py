"""The outcomes of parts joined: a class that its part never makes, beside a part that has a memory in use."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from per_audit.judge import Outcome
    from per_audit.parts import Part, Sources

# What can make an object of a class that no code names.
_DYNAMIC = (b"importlib", b"__import__", b"instantiate", b"runpy")


def joined(parts: Sequence[Part], outcomes: Mapping[str, Outcome], sources: Sources) -> list[Outcome]:
    """The outcome of each part, in order, as those of one project.

    Files that nothing connects with others beside them hold what is left over from earlier, or a draft: a buffer in
    them that they do not make themselves is none of a folder that has another one in use. A folder in which none is in
    use may be a library, whose users make its buffers.
    """
    found = [outcomes[part.key] for part in parts]
    if not any(outcome.in_use for outcome in found) or all(outcome.without_unmade is None for outcome in found):
        return found
    if any(mark in file.data for file in sources.files for mark in _DYNAMIC):
        return found
    used = set().union(*(_folders(part) for part, outcome in zip(parts, found, strict=True) if outcome.in_use))
    return [
        outcome
        if outcome.without_unmade is None
        or outcome.in_use
        or used.isdisjoint(_folders(part))
        or _may_be_meant(part, sources)
        else outcome.without_unmade
        for part, outcome in zip(parts, found, strict=True)
    ]


def _folders(part: Part) -> set[str]:
    return {posixpath.dirname(file.relative) for file in part.files}


def _may_be_meant(part: Part, sources: Sources) -> bool:
    """Whether a file of another part imports, or names as a file, what may be a file of this one."""
    own = {file.relative for file in part.files}
    names = {posixpath.basename(path).rpartition(".")[0] for path in own if not path.endswith("__init__.py")}
    if names & sources.unresolved:
        return True
    texts = [f"{name}.py".encode() for name in names]
    return any(text in file.data for file in sources.files if file.relative not in own for text in texts)
