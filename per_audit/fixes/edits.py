"""Byte splices: the text of a file with some ranges replaced and every other byte as it was."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.source import DecodingError, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from per_audit.fixes.plan import Edit


class EditError(Exception):
    """The edits cannot be made; the message says why, for the user."""


@dataclass(frozen=True, slots=True)
class Text:
    """A Python file as edits see it: `body` is its text in UTF-8 without the byte-order mark."""

    body: bytes
    encoding: str

    @classmethod
    def of(cls, data: bytes) -> Text:
        """Read the file's bytes; raises EditError where they would not come back the same."""
        try:
            text = decode(data)
        except DecodingError as error:
            raise EditError(f"line {error.line}: {error.reason}") from error
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        # A codec with several spellings of one character would change bytes that no edit touches.
        if text.encode(encoding, errors="replace") != data:
            raise EditError(f"its encoding {encoding} does not survive rewriting; save the file as UTF-8 first")
        return cls(text.encode(), encoding)

    def encoded(self) -> bytes:
        """The bytes of the file, in its own encoding and with its byte-order mark."""
        try:
            return self.body.decode().encode(self.encoding)
        except UnicodeEncodeError as error:
            raise EditError(
                f"the new text holds {error.object[error.start]!r}, which is not {error.encoding}"
            ) from error

    @property
    def newline(self) -> str:
        """The line ending that the file uses most; LF where it has none."""
        endings = Counter(re.findall(rb"\r\n|\r|\n", self.body))
        return endings.most_common(1)[0][0].decode() if endings else "\n"


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The bytes of a file after `edits`, which need not be in order; raises EditError."""
    text = Text.of(data)
    body, newline = text.body, text.newline
    pieces: list[bytes] = []
    position = 0
    for edit in merge([], edits):
        _check_place(body, edit)
        inserted = edit.text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", newline)
        pieces += (body[position : edit.start], inserted.encode())
        position = edit.end
    pieces.append(body[position:])
    result = Text(b"".join(pieces), text.encoding).encoded()
    if Text.of(result).encoding != text.encoding:
        raise EditError("the edits would change the file's encoding")
    return result


def merge(taken: Sequence[Edit], extra: Iterable[Edit]) -> list[Edit]:
    """The edits of two plans in order of their places, equal ones once; raises EditError where they overlap.

    Insertions at one point keep the order that their plan gives them; two plans have no order, so theirs conflict.
    """
    first = set(taken)
    unique: dict[tuple[str, int, int, str], Edit] = {}
    for edit in [*taken, *extra]:
        unique.setdefault((edit.path, edit.start, edit.end, edit.text), edit)
    ordered = sorted(unique.values(), key=lambda edit: (edit.path, edit.start, edit.end))
    result: list[Edit] = []
    for edit in ordered:
        before = result[-1] if result and result[-1].path == edit.path else None
        if before and (edit.start < before.end or _same_point(before, edit, first)):
            raise EditError(f"{edit.path}: two changes of the bytes {edit.start} to {max(edit.end, before.end)}")
        result.append(edit)
    return result


def _range(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _same_point(before: Edit, edit: Edit, first: set[Edit]) -> bool:
    is_insertion = edit.start == edit.end == before.start == before.end
    return is_insertion and (before in first) != (edit in first)


def _check_place(body: bytes, edit: Edit) -> None:
    if not 0 <= edit.start <= edit.end <= len(body):
        raise EditError(f"the range {edit.start} to {edit.end} is not in the file, which has {len(body)} bytes")
    for offset in _range(edit):
        if offset < len(body) and body[offset] & 0xC0 == 0x80:
            raise EditError(f"the offset {offset} is inside a character")
        if body[offset - 1 : offset + 1] == b"\r\n":
            raise EditError(f"the offset {offset} is inside a line ending")


def syntax_error(data: bytes) -> str | None:
    """Why the bytes are no Python file, or None.

    Syntax that is newer than this interpreter is left to libcst. Only the results of edits to files that libcst has
    read before come here, so that its weakness for deep nesting does not matter.
    """
    error = _interpreter_error(data)
    if error is None:
        return None
    import libcst

    try:
        libcst.parse_module(data)
    except Exception:
        return error
    return None


def _interpreter_error(data: bytes) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are the user's
        try:
            ast.parse(data)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error) or type(error).__name__
    return None
