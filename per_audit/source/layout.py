"""Where the lines of a module stand in the file that it was put together from: a notebook's cells, a text's blocks."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Position(NamedTuple):
    """A position as people find it: line and column from 1, in the cell where there is one, else in the file."""

    cell: int | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of code that follow one another: `line` is where the first of them stands, in `cell` or in the file.

    `cut` holds for each line how many characters before it are no code: the indentation of the block.
    """

    lines: tuple[str, ...]
    cell: int | None
    line: int = 1
    cut: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines that are mapped alike, the first of which is line `first` of the module."""

    first: int
    cell: int | None
    line: int
    cut: int


class Layout:
    """Maps the lines of a module to those of its file and back."""

    def __init__(self, runs: list[_Run]) -> None:
        self._runs = runs
        self._firsts = [run.first for run in runs]
        self._places = [(run.cell or 0, run.line) for run in runs]

    def __repr__(self) -> str:
        return f"Layout({self._runs})"

    def locate(self, line: int, column: int = 1) -> Position:
        """Where people find a line and column of the module."""
        run = self._runs[max(0, bisect_right(self._firsts, line) - 1)]
        return Position(run.cell, run.line + max(0, line - run.first), run.cut + column)

    def module_line(self, cell: int | None, line: int) -> int:
        """The line of the module that stands on a line of a cell, or of the file."""
        run = self._runs[max(0, bisect_right(self._places, (cell or 0, line)) - 1)]
        return run.first + line - run.line


def assemble(pieces: Iterable[Piece]) -> tuple[bytes, Layout]:
    """The module that the pieces make up, as UTF-8, and its layout.

    It begins with two empty lines, so that a comment in the first piece cannot declare an encoding for the whole; an
    empty line between two pieces keeps a comment that ends one from belonging to the next.
    """
    lines = ["", ""]
    runs: list[_Run] = []
    for piece in pieces:
        for number, text in enumerate(piece.lines):
            cut = piece.cut[number] if piece.cut else 0
            if number == 0 or cut != runs[-1].cut:
                runs.append(_Run(len(lines) + 1, piece.cell, piece.line + number, cut))
            lines.append(text)
        lines.append("")
    return "\n".join(lines).encode(), Layout(runs or [_Run(1, None, 1, 0)])
