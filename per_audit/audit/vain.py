"""Classes and functions that a file beside theirs means, and does not come to: the import is missing, or its file."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.source import is_document
from per_audit.source.components import meant
from per_audit.source.imports import imports_of

if TYPE_CHECKING:
    from per_audit.audit.outcome import Outcome
    from per_audit.audit.parts import Part, Sources
    from per_audit.source import SourceFile

# As `graph/liveness/idle.py` says it.
_UNMADE = re.compile(r"nothing in the project (?:makes|calls) (\w+)$")
_STAR = re.compile(rb"\bimport[ \t]*\(?[ \t]*\*")


def with_vain(outcome: Outcome, part: Part, sources: Sources) -> Outcome:
    """The outcome with the file in the notes about what nothing makes or calls that means to, if there is one.

    Cells of a notebook that were saved as files call what they do not import; a file that was renamed is imported by
    the name it had.
    """
    known: dict[str, str] = {}
    notes = []
    for finding, note in outcome.notes:
        unmade = _UNMADE.search(note)
        if unmade is not None:
            name = unmade[1]
            if name not in known:
                known[name] = _meaning(name, part, sources)
            note = f"{note}; {known[name]}" if known[name] else note
        notes.append((finding, note))
    return replace(outcome, notes=tuple(notes))


def _meaning(name: str, part: Part, sources: Sources) -> str:
    """Which file of the same folder means a name in vain, and why it is in vain, in words; empty where none does."""
    own = {file.relative for file in part.files}
    folders = {posixpath.dirname(path) for path in own}
    spelt = name.encode()
    for file in sources.files:
        path = file.relative
        is_beside = path not in own and posixpath.dirname(path) in folders and not is_document(path)
        if is_beside and spelt in file.data and (why := _in_vain(name, file, sources)):
            return f"{path} {why}"
    return ""


def _in_vain(name: str, file: SourceFile, sources: Sources) -> str:
    word = re.escape(name.encode())
    if _STAR.search(file.data) or re.search(rb"\b(?:class|def|as)[ \t]+" + word + rb"\b", file.data):
        return ""
    imported = [each for each in imports_of(file.data) if each.rpartition(".")[2].rstrip("*") == name]
    if imported:
        if any(meant(file.relative, each, sources.tree) is not None for each in imported):
            return ""
        modules = (each.rpartition(".")[0] for each in imported)
        lost = next((each for each in modules if each.lower() == name.lower()), "")
        return f"imports it from `{lost}`, and there is no such file" if lost else ""
    called = re.search(rb"^[^#\n]*(?<![\w.\x80-\xff])" + word + rb"\(", file.data, re.MULTILINE)
    is_own = re.search(rb"(?<![\w.\x80-\xff])" + word + rb"[ \t]*=", file.data)
    return "calls it, and does not import it" if called and not is_own else ""
