"""Pictures as inline SVG, coloured by the page's own style: no script, no font, no file beside them."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from per_audit.report.frame import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.verify.results import Picture, Series

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 48
_TICKS = 5


def svg(picture: Picture) -> str:
    """The picture, as wide as its place; an empty string where it has no finite point."""
    every = [point for series in picture.series for point in _drawable(series, picture.log)]
    if not every:
        return ""
    bars = any(series.form == "bars" for series in picture.series)
    across = _Axis([x for x, _ in every], picture.log, _LEFT, _WIDTH - _RIGHT)
    up = _Axis([y for _, y in every] + ([0.0] if bars else []), picture.log, _HEIGHT - _BOTTOM, _TOP)
    parts = [*_grid(across, up, whole=bars)]
    parts += [_series(series, picture.log, across.place, up.place) for series in picture.series]
    parts += _labels(picture)
    label = escape(printable(picture.title))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def standalone(picture: Picture) -> str:
    """The picture as a file of its own, on white, with its legend at the top."""
    style = (
        "svg{background:#fff;font-family:sans-serif}.axis{fill:none;stroke:#57606a}.grid{stroke:#d0d7de}"
        ".tick,.name{fill:#57606a;font-size:12px}.line{fill:none;stroke-width:2}.line.measured{stroke:#0b62a8}"
        ".line.expected{stroke:#c2410c}.fill.measured{fill:#0b62a8}.fill.expected{fill:#c2410c}.band{opacity:.18}"
        ".band.measured{fill:#0b62a8}.band.expected{fill:#c2410c}"
    )
    names = [(series.name, series.measured) for series in picture.series if series.form != "band"]
    keys = "".join(
        f'<text class="fill {"measured" if measured else "expected"}" x="{_WIDTH - _RIGHT}" y="{26 + 16 * row}" '
        f'font-size="12" text-anchor="end">{escape(printable(name))}</text>'
        for row, (name, measured) in enumerate(names)
    )
    return svg(picture).replace("</title>", f"</title><style>{style}</style>", 1).replace("</svg>", f"{keys}</svg>\n")


def _drawable(series: Series, log: bool) -> list[tuple[float, float]]:
    finite = [point for point in series.points if all(map(math.isfinite, point))]
    return [point for point in finite if not log or min(point) > 0.0]


class _Axis:
    """From values to places on the page, with a margin at both ends."""

    def __init__(self, values: list[float], log: bool, first: float, last: float) -> None:
        self._log, self._first, self._last = log, first, last
        shown = [math.log10(value) if log else value for value in values]
        margin = 0.05 * (max(shown) - min(shown)) or 0.5
        self._low, self._high = min(shown) - margin, max(shown) + margin
        if not log and min(shown) == 0.0:
            self._low = 0.0

    def place(self, value: float) -> float:
        shown = math.log10(value) if self._log else value
        return self._first + (shown - self._low) / (self._high - self._low) * (self._last - self._first)

    def ticks(self, whole: bool = False) -> list[float]:
        """Round values inside the axis."""
        if not self._log:
            step = _round_step((self._high - self._low) / _TICKS)
            if whole:
                step = max(1.0, _round_step((self._high - self._low) / (2 * _TICKS)))
            first = math.ceil(self._low / step)
            return [step * number for number in range(first, math.floor(self._high / step) + 1)]
        values = [
            digit * 10.0**power
            for power in range(math.floor(self._low), math.ceil(self._high) + 1)
            for digit in (1, 1.5, 2, 3, 5, 7)
            if self._low <= power + math.log10(digit) <= self._high
        ]
        return values[:: max(1, math.ceil(len(values) / 7))]


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.999)


def _grid(across: _Axis, up: _Axis, whole: bool) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
    for value in across.ticks(whole):
        x = across.place(value)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    return parts


def _series(series: Series, log: bool, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    kind = "measured" if series.measured else "expected"
    places = [(across(x), up(y)) for x, y in _drawable(series, log)]
    if series.form == "line":
        return f'<polyline class="line {kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    if series.form == "band":
        return f'<polygon class="band {kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    if series.form == "bars":
        wide, floor = 0.6 * (across(1.0) - across(0.0)), up(0.0)
        sizes = [f'x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{floor - y:.1f}"' for x, y in places]
        return "".join(f'<rect class="fill {kind}" {size}/>' for size in sizes)
    return "".join(f'<circle class="fill {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>' for x, y in places)


def _labels(picture: Picture) -> list[str]:
    x, y = escape(printable(picture.x)), escape(printable(picture.y))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    return [
        f'<text class="name" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{x}</text>',
        f'<text class="name" transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{y}</text>',
    ]


def legend(picture: Picture) -> str:
    """The names of the series beside their marks, as HTML; a band belongs to the line that is drawn in it."""
    marks = {"line": "&#9473;", "dots": "&#9679;", "bars": "&#9632;"}
    return " ".join(
        f'<span class="key {"measured" if series.measured else "expected"}">{marks[series.form]}</span> '
        f"{escape(printable(series.name))}"
        for series in picture.series
        if series.form != "band"
    )
