"""The lines of code that a finding is about, with their neighbours and marks under the range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.report.styled import Styled, cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.findings import Place

_CONTEXT = 1
_MAX_LINES = 6
_MAX_WIDTH = 160
# Escape sequences in audited code must not reach the terminal; lone surrogates cannot be written anywhere.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with everything replaced that could steer a terminal or cannot be encoded."""
    return _UNPRINTABLE.sub("\ufffd", text)


def code_frame(source: list[str], place: Place, style: str) -> Styled:
    """The lines of `place` marked by `>`, one line around them, and carets where the range is on one line."""
    frame = Styled()
    last = min(place.end_line, place.line + _MAX_LINES - 1, len(source))
    shown = list(range(max(1, place.line - _CONTEXT), min(last + _CONTEXT, len(source)) + 1))
    while shown and shown[-1] > last and not source[shown[-1] - 1].strip():
        shown.pop()
    while shown and shown[0] < place.line and not source[shown[0] - 1].strip():
        shown.pop(0)
    if last < place.line:
        return frame
    gutter = len(str(shown[-1]))
    crop = _window(place)
    for number in shown:
        marked = place.line <= number <= last
        frame.append(f"  {'>' if marked else ' '} {number:{gutter}} | ", style if marked else "dim")
        frame.append(f"{printable(crop(source[number - 1]))}".rstrip() + "\n", "bold" if marked else "")
        if marked and place.end_line == place.line:
            before, under = _measure(source[number - 1], place, crop)
            frame.append(f"    {'':{gutter}} | ", "dim")
            frame.append(f"{' ' * before}{'^' * under}\n", style)
    if last < place.end_line:
        frame.append(f"    {'':{gutter}} | ... to line {place.end_line}\n", "dim")
    return frame


def _window(place: Place) -> Callable[[str], str]:
    """Cuts all lines of the frame alike, so that the start of the range is in sight."""
    start = 0 if place.column < _MAX_WIDTH else place.column - _MAX_WIDTH // 4

    def crop(text: str) -> str:
        cut = text[start : start + _MAX_WIDTH].replace("\t", " ")
        return cut + "..." if len(text) > start + _MAX_WIDTH else cut

    return crop


def _measure(line: str, place: Place, crop: Callable[[str], str]) -> tuple[int, int]:
    """How many cells lie before the range and how many under it, in the cropped line."""
    before = cells(printable(crop(line[: place.column - 1])))
    through = cells(printable(crop(line[: max(place.end_column - 1, place.column)])))
    return before, max(1, through - before)
