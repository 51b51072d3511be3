"""Markdown: the Python code blocks of a text are one module, in their order.

A regular expression finds the fences: block parsers read 2 MB/s, and take the fences in the indented boxes and tabs
of documentation generators for quotations of fences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.source.layout import Piece
from per_audit.source.magics import plain_python, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

# A fence, alone on its line but for the indentation and the marks of lists and quotations before it.
_FENCE = re.compile(r"(?P<before>(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*)(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_PYTHON = re.compile(r"[ \t]*(?:\{[ \t]*(?:code-cell\}[ \t]*)?)?\.?(?:i?python|py)3?(?![\w-])", re.IGNORECASE)


def read_blocks(data: bytes) -> list[Piece]:
    """The Python blocks that parse. The others are left out without a word: texts are full of fragments."""
    if b"```" not in data and b"~~~" not in data:
        return []
    found = []
    for line, lines, indent in _blocks(data.decode("utf-8-sig", "replace")):
        code = [_without(text, indent) for text in lines]
        plain = plain_python("\n".join(code))
        if plain is not None and problem(plain) is None:
            cut = tuple(len(text) - len(rest) for text, rest in zip(lines, code, strict=True))
            found.append(Piece(tuple(plain.split("\n")), None, line, cut))
    return found


def _blocks(text: str) -> Iterator[tuple[int, list[str], str]]:
    """The Python blocks: the number of the first line, the lines, and what stands before the fence."""
    opening: re.Match[str] | None = None
    first = 0
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines):
        fence = _FENCE.fullmatch(line) if "```" in line or "~~~" in line else None
        if fence is None:
            continue
        if opening is None:
            if fence["fence"][0] not in fence["info"]:  # else code within a paragraph
                opening, first = fence, number + 1
        elif fence["fence"].startswith(opening["fence"]) and not fence["info"].strip():
            if first < number and _PYTHON.match(opening["info"]):
                yield first + 1, lines[first:number], opening["before"]
            opening = None


def _without(line: str, indent: str) -> str:
    """A line without the indentation and quotation marks that it has in common with its fence."""
    marks = " \t>" if ">" in indent else " \t"
    kept = line[: len(indent)].lstrip(marks)
    return kept + line[len(indent) :]
