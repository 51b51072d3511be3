"""A baseline: the findings that a project knows and has put off, in a file that is meant to be committed.

A finding is recognised by its rule, its symbol and the text it points at, never by line numbers, so that edits
elsewhere do not bring it back. It is recognised, too, when its file has moved, and when its own lines were edited as
long as the symbol has no more findings of the rule than were recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.atomic import replace as write_atomically
from per_audit.errors import UserError
from per_audit.source import shown_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from per_audit.findings import Finding, Place

_SCHEMA_VERSION = "1.0"
_ABOUT = "Known findings of per-audit, put off. Written by `per-audit scan --update-baseline`; commit this file."
_SHOWN = 80
_NONE: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A known finding. `path` is POSIX and relative to the baseline's directory, `symbol` empty for a whole module.

    `code` is the beginning of what the finding points at, for the reader; the fingerprint is made of all of it, of
    the rule and of the symbol, but not of the path.
    """

    path: str
    rule: str
    symbol: str
    code: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Match:
    """What a baseline says of a scan: the findings that it does not know, and the entries without a finding."""

    new: list[Finding]
    known: list[Finding]
    gone: list[Entry]


class Baseline:
    """The entries of the file at `path`."""

    def __init__(self, path: Path, entries: Iterable[Entry] = ()) -> None:
        self.path = path
        self.entries = sorted(entries)

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """The baseline in a file; raises UserError where there is none or it is broken."""
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"{path}: there is no such baseline; write it with --update-baseline") from error
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); name another --baseline") from error
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}: is no valid JSON ({error}); after a merge conflict keep the entries of both sides, "
                "else delete it and use --update-baseline"
            ) from error
        found = document.get("findings") if isinstance(document, dict) else None
        if not isinstance(found, list) or not all(map(_is_entry, found)):
            raise UserError(f"{path}: is no baseline of per-audit; name another --baseline, or delete it")
        if str(document.get("schema_version", "")).split(".")[0] != _SCHEMA_VERSION.split(".")[0]:
            raise UserError(f"{path}: was written by another version of per-audit; delete it and use --update-baseline")
        return cls(path, (Entry(**item) for item in found))

    def write(self) -> None:
        """Write the file in one step, one entry a line, in order. Raises UserError where it cannot be written."""
        lines = ",\n".join(f"    {json.dumps(asdict(entry))}" for entry in self.entries)
        findings = f"[\n{lines}\n  ]" if lines else "[]"
        text = (
            f'{{\n  "about": {json.dumps(_ABOUT)},\n  "schema_version": "{_SCHEMA_VERSION}",\n'
            f'  "findings": {findings}\n}}\n'
        )
        try:
            write_atomically(self.path.resolve(), text.encode())
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror}); name another --baseline") from error

    def entries_of(self, root: Path, findings: Iterable[Finding], unsaved: Mapping[str, bytes] = _NONE) -> list[Entry]:
        """The findings as entries; their paths are relative to `root`, where files are read that are not `unsaved`."""
        read = _Reader(root, unsaved)
        return [self._entry(root, finding, read.code(finding.place)) for finding in findings]

    def match(self, root: Path, findings: Sequence[Finding], unsaved: Mapping[str, bytes] = _NONE) -> Match:
        """Which findings are known and which entries have none; each entry knows one finding.

        An entry takes the very same finding, else the same one in another file where its own does not exist any more,
        else one of the same rule and symbol whose lines were edited.
        """
        left = list(zip(findings, self.entries_of(root, findings, unsaved), strict=True))
        entries = self.entries
        for key, may_move in ((_exact, False), (_without_path, True), (_without_code, False)):
            pool: dict[object, list[Entry]] = defaultdict(list)
            for entry in reversed(entries):
                if not may_move or not self._exists(entry):
                    pool[key(entry)].append(entry)
            taken: dict[Entry, int] = defaultdict(int)
            rest = []
            for finding, entry in left:
                candidates = pool[key(entry)]
                if candidates:
                    taken[candidates.pop()] += 1
                else:
                    rest.append((finding, entry))
            left, entries = rest, _without(entries, taken)
        new = {id(finding) for finding, _ in left}
        return Match(
            new=[finding for finding in findings if id(finding) in new],
            known=[finding for finding in findings if id(finding) not in new],
            gone=entries,
        )

    def outside(self, paths: Collection[Path]) -> list[Entry]:
        """The entries whose files exist, but not at or below one of `paths`, which are resolved."""
        directory = self.path.parent.resolve()

        def covered(entry: Entry) -> bool:
            file = Path(os.path.normpath(directory / entry.path))
            return any(file.is_relative_to(path) for path in paths)

        return [entry for entry in self.entries if not covered(entry) and self._exists(entry)]

    def _exists(self, entry: Entry) -> bool:
        return (self.path.parent / entry.path).exists()

    def _entry(self, root: Path, finding: Finding, code: str) -> Entry:
        path = finding.place.path
        # What belongs to no function is called after its file, and that would change when the file moves.
        symbol = "" if finding.symbol in (path, path.removesuffix(".py").replace("/", ".")) else finding.symbol
        digest = hashlib.sha256("\0".join((finding.rule, symbol, code)).encode("utf-8", "surrogatepass")).hexdigest()
        relative = Path(os.path.relpath(root / path, self.path.parent.resolve())).as_posix()
        return Entry(relative, finding.rule, symbol, code[:_SHOWN], digest[:16])


def _exact(entry: Entry) -> object:
    return entry.path, entry.fingerprint


def _without_path(entry: Entry) -> object:
    return entry.fingerprint


def _without_code(entry: Entry) -> object:
    return entry.path, entry.rule, entry.symbol


def _without(entries: Iterable[Entry], taken: dict[Entry, int]) -> list[Entry]:
    left = []
    for entry in entries:
        if taken[entry]:
            taken[entry] -= 1
        else:
            left.append(entry)
    return left


def _is_entry(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == set(Entry.__slots__)
        and all(isinstance(value, str) for value in item.values())
    )


class _Reader:
    """Cuts the text of places out of files, each of which is read once."""

    def __init__(self, root: Path, unsaved: Mapping[str, bytes]) -> None:
        self._root = root
        self._unsaved = unsaved
        self._lines: dict[str, dict[int | None, list[str]]] = {}

    def code(self, place: Place) -> str:
        """What stands at a place, white space made even; nothing where the file cannot be read."""
        if place.path not in self._lines:
            self._lines[place.path] = shown_lines(self._root / place.path, self._unsaved.get(place.path))
        lines = self._lines[place.path].get(place.cell, [])[place.line - 1 : place.end_line]
        if not lines:
            return ""
        if len(lines) == place.end_line - place.line + 1:
            lines[-1] = lines[-1][: place.end_column - 1]
        lines[0] = lines[0][place.column - 1 :]
        return " ".join(" ".join(lines).split())
