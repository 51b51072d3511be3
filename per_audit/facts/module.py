"""A file with its facts: its nodes, and where their offsets stand in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from per_audit.facts import ir
from per_audit.findings import spot
from per_audit.source.layout import Position

if TYPE_CHECKING:
    from per_audit.source.layout import Layout

_Kind = TypeVar("_Kind", bound=ir.Node)
_Other = TypeVar("_Other", bound=ir.Node)
_LINE_END = re.compile(rb"\r\n?|\n")  # what ends a line to Python: neither form feeds nor Unicode's separators


def line_starts(text: bytes) -> list[int]:
    """Where the lines of a text begin."""
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


@dataclass(slots=True)
class ModuleFacts:
    """The facts of one file. `exact` is False where spans may be off (libcst did not reproduce the text).

    `layout` says where the lines stand in a file of which they are a part: a notebook, a text. `uneven` is the line at
    which Python 3 refuses the file for its tabs; its facts are what Python 2 made of them.
    """

    path: str
    body: list[ir.Stmt]
    text: bytes
    exact: bool = True
    line_starts: list[int] = field(default_factory=list)
    layout: Layout | None = None
    uneven: int | None = None
    _nodes: dict[tuple[type[ir.Node], ...], list[ir.Node]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.line_starts:
            self.line_starts = line_starts(self.text)

    @property
    def nodes(self) -> list[ir.Node]:
        """Every node of the file, as `walk` gives them: many questions go through all of them."""
        if () not in self._nodes:
            self._nodes[()] = list(ir.walk(*self.body))
        return self._nodes[()]

    @overload
    def nodes_of(self, kind: type[_Kind], /) -> list[_Kind]: ...
    @overload
    def nodes_of(self, kind: type[_Kind], other: type[_Other], /) -> list[_Kind | _Other]: ...
    @overload
    def nodes_of(self, kind: type[_Kind], /, *others: type[ir.Node]) -> list[ir.Node]: ...
    def nodes_of(self, /, *kinds: type[ir.Node]) -> list[Any]:
        """The nodes of these very kinds, in the same order."""
        if kinds not in self._nodes:
            wanted = frozenset(kinds)
            self._nodes[kinds] = [node for node in self.nodes if type(node) in wanted]
        return self._nodes[kinds]

    def line_end(self, offset: int) -> int:
        """Where the line that holds the byte offset ends, its line break left out."""
        found = _LINE_END.search(self.text, offset)
        return len(self.text) if found is None else found.start()

    def line(self, offset: int) -> int:
        """The line of `text`, from 1, that holds the byte offset."""
        return bisect_right(self.line_starts, offset)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `text`, both from 1, the column in characters."""
        line = self.line(offset)
        begin = self.line_starts[line - 1]
        return line, len(self.text[begin:offset].decode("utf-8", "replace")) + 1

    def locate(self, offset: int) -> Position:
        """Where people find the byte offset."""
        line, column = self.position(offset)
        return Position(None, line, column) if self.layout is None else self.layout.locate(line, column)

    def where(self, offset: int) -> str:
        """File and line of the byte offset, for messages."""
        cell, line, _ = self.locate(offset)
        return spot(self.path, cell, line)

    def source(self, node: ir.Node) -> str:
        """The text of a node."""
        return self.text[node.start : node.end].decode("utf-8", "replace")
