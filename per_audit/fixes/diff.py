"""Changes as a unified diff that `git apply` and `patch -p1` accept, in bytes because files need not be UTF-8."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.fixes.transaction import Change

_NO_NEWLINE = b"\n\\ No newline at end of file\n"
# What git writes in quotes; a plain space only needs the tab after it.
_QUOTED = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_ESCAPES = {ord(character): f"\\{name}" for character, name in zip('\a\b\t\n\v\f\r"\\', 'abtnvfr"\\', strict=True)}


def unified_diff(changes: Iterable[Change]) -> bytes:
    """The changes in their order; the paths are relative to the directory in which the diff is to be applied."""
    return b"".join(line for change in changes for line in _file(change))


def _file(change: Change) -> Iterator[bytes]:
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(change.before),
        _lines(change.after),
        b"/dev/null" if change.before is None else _name("a", change.path),
        b"/dev/null" if change.after is None else _name("b", change.path),
    )
    for line in lines:
        yield line if line.endswith(b"\n") else line + _NO_NEWLINE


def _lines(content: bytes | None) -> list[bytes]:
    """The lines as git counts them: only LF ends one, so that CR stays in them as content."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content or b"")


def _name(side: str, path: str) -> bytes:
    raw = f"{side}/{path}".encode(errors="surrogateescape")
    if _QUOTED.search(raw):
        return b'"' + b"".join(_escape(byte) for byte in raw) + b'"'
    return raw + b"\t" if b" " in raw else raw


def _escape(byte: int) -> bytes:
    if byte in _ESCAPES:
        return _ESCAPES[byte].encode()
    return f"\\{byte:03o}".encode() if _QUOTED.match(bytes([byte])) else bytes([byte])
