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
    before, after = _lines(change.before), _lines(change.after)
    # Lines that come often (`loss.backward()`) are matched as well: the diff is for reading.
    groups = list(difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes())
    if groups:
        yield b"--- " + (b"/dev/null" if change.before is None else _name("a", change.path)) + b"\n"
        yield b"+++ " + (b"/dev/null" if change.after is None else _name("b", change.path)) + b"\n"
    for group in groups:
        first, last = group[0], group[-1]
        yield b"@@ -%b +%b @@\n" % (_range(first[1], last[2]), _range(first[3], last[4]))
        for tag, start, end, new_start, new_end in group:
            kept = [b" " + line for line in before[start:end]] if tag == "equal" else []
            gone = [b"-" + line for line in before[start:end]] if tag != "equal" else []
            come = [b"+" + line for line in after[new_start:new_end]] if tag != "equal" else []
            for line in (*kept, *gone, *come):
                yield line if line.endswith(b"\n") else line + _NO_NEWLINE


def _range(start: int, end: int) -> bytes:
    """Lines as a hunk counts them: an empty range is named by the line before it."""
    count = end - start
    return b"%d" % (start + 1) if count == 1 else b"%d,%d" % (start + bool(count), count)


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
