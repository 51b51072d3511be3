"""Where nodes of the interpreter's syntax tree stand in the file: offsets in bytes, and the parentheses around them.

The interpreter gives lines and columns, and leaves parentheses out but for those of tuples and generators, which are
part of these nodes. What stands between two neighbouring nodes is punctuation, keywords and comments, never a string:
there parentheses can be counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

_COMMENT = re.compile(rb"#[^\r\n]*")
_OPENING = re.compile(rb"\(")
_CLOSING = re.compile(rb"(?:[\s\\]|#[^\r\n]*)*\)")
_COMMA = re.compile(rb"(?:[\s\\]|#[^\r\n]*)*,")
_FOR = re.compile(rb"\b(?:async(?:[\s\\]|#[^\r\n]*)+)?for\b")


class Brackets:
    """Answers questions about one file. `text` is its UTF-8, `line_starts` where its lines begin."""

    def __init__(self, text: bytes, line_starts: Sequence[int]) -> None:
        self.text = text
        self.lines = (0, *line_starts)  # lines count from 1

    def at(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.excepthandler) -> tuple[int, int]:
        """The span of a node as the interpreter has it."""
        lines = self.lines
        return lines[node.lineno] + node.col_offset, lines[node.end_lineno or 0] + (node.end_col_offset or 0)

    def opened(self, begin: int, start: int) -> list[int]:
        """Where parentheses open between the end of what stands before a node and the node."""
        between = self.text[begin:start]
        if b"(" not in between:
            return []
        if b"#" in between:
            between = self.without_comments(between)
        return [begin + found.start() for found in _OPENING.finditer(between)]

    def closed(self, end: int, count: int) -> int:
        """The end of so many parentheses that close behind a node."""
        for _ in range(count):
            found = _CLOSING.match(self.text, end)
            if found is None:
                break
            end = found.end()
        return end

    def closing(self, end: int) -> int:
        """How many parentheses close right behind a node."""
        count = 0
        while found := _CLOSING.match(self.text, end):
            end = found.end()
            count += 1
        return count

    def around(self, begin: int, start: int, end: int) -> tuple[int, int]:
        """The span of a node with all parentheses around it that open behind `begin`."""
        if begin == start:
            return start, end
        opened = self.opened(begin, start)
        return (opened[0], self.closed(end, len(opened))) if opened else (start, end)

    def tuple_inside(self, start: int, items: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
        """The span without its parentheses of the tuple at `start` that has items; None where it has no parentheses."""
        if self.text[start] != ord("("):
            return None
        opened = self.opened(start, items[0][0])
        if len(opened) <= self.closing(items[0][1]):  # of the first item: a comma follows
            return None
        begin = opened[1] if len(opened) > 1 else items[0][0]
        last = len(opened) - 1 if len(items) == 1 else len(self.opened(items[-2][1], items[-1][0]))
        stop = self.closed(items[-1][1], last)
        comma = _COMMA.match(self.text, stop)
        return begin, stop if comma is None else comma.end()

    def clause(self, begin: int, start: int) -> int:
        """Where the `for` of a comprehension stands whose target starts at `start`."""
        found = _FOR.search(self.without_comments(self.text[begin:start]))
        return begin + found.start() if found is not None else start

    def without_comments(self, between: bytes) -> bytes:
        """The same bytes with blanks for comments."""
        return _COMMENT.sub(lambda found: b" " * len(found[0]), between) if b"#" in between else between
