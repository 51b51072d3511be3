"""A comparison as one HTML page: learning curves with their intervals, and the scores seed by seed."""

from __future__ import annotations

import itertools
import operator
import shlex
from html import escape
from typing import TYPE_CHECKING

from per_audit import __version__
from per_audit.report.comparison_text import ROWS, cells, explained
from per_audit.report.page import page, text_of
from per_audit.report.pictures import legend, svg
from per_audit.verify.results import Picture, Series

if TYPE_CHECKING:
    from per_audit.compare.results import Arm, Comparison


def render(comparison: Comparison) -> str:
    """The page as text, ending in a newline."""
    verdict = comparison.verdict
    heading = f'per-audit compare: <span class="verdict {verdict.name}">{verdict.value}</span>'
    said = f"{comparison.seconds:.0f} s, version {escape(__version__)}."
    body = [f"<p>{text_of(comparison.message)}</p>\n<dl>{_facts(comparison)}</dl>\n"]
    if comparison.difference is not None:
        body.append(_arms(comparison))
        drawn = "\n".join(filter(None, map(_figure, pictures(comparison))))
        body.append(f'<div class="pictures">\n{drawn}\n</div>\n')
    body += [_runs(comparison)]
    return page(f"per-audit compare: {verdict.value}", heading, said, "".join(body))


def pictures(comparison: Comparison) -> list[Picture]:
    """The learning curves, where runs have more than one value, and the scores of each seed."""
    arms = ((comparison.before, False), (comparison.after, True))
    found = []
    if len(comparison.before.curve) > 1:
        bands = tuple(Series("", _outline(arm), "band", measured) for arm, measured in arms)
        lines = tuple(Series(arm.name, tuple((x, y) for x, y, *_ in arm.curve), "line", new) for arm, new in arms)
        title = "Interquartile mean over the seeds, with the 95 % interval at each point"
        found.append(Picture(title, comparison.axis, comparison.metric, bands + lines))
    scores = tuple(
        Series(
            arm.name,
            tuple((float(run.seed), score) for run, score in zip(arm.runs, arm.scores, strict=True)),
            "dots",
            measured,
        )
        for arm, measured in arms
    )
    found.append(Picture("Score of each run", "seed", comparison.metric, scores))
    return found


def _outline(arm: Arm) -> tuple[tuple[float, float], ...]:
    upper = [(x, high) for x, _, _, high in arm.curve]
    lower = [(x, low) for x, _, low, _ in reversed(arm.curve)]
    return tuple(upper + lower)


def _facts(comparison: Comparison) -> str:
    facts = [("command", shlex.join(comparison.command))]
    facts += [(arm.name, f"{arm.tree} ({arm.words})") for arm in (comparison.before, comparison.after)]
    facts += [("compared", line) for line in explained(comparison)]
    facts += [("note", note) for note in comparison.notes]
    return "".join(
        f"<dt>{text_of(name)}</dt>" + "".join(f"<dd>{text_of(words)}</dd>" for _, words in group)
        for name, group in itertools.groupby(facts, key=operator.itemgetter(0))
    )


def _arms(comparison: Comparison) -> str:
    rows = zip(ROWS, cells(comparison.before), cells(comparison.after), strict=True)
    body = "\n".join(
        f'<tr><td class="check">{name}</td><td>{text_of(first)}</td><td>{text_of(second)}</td></tr>'
        for name, first, second in rows
    )
    head = '<th></th><th class="key expected">before</th><th class="key measured">after</th>'
    return f'<table class="arms">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n'


def _figure(picture: Picture) -> str:
    drawing = svg(picture)
    if not drawing:
        return ""
    return f"<figure>{drawing}<figcaption>{text_of(picture.title)}: {legend(picture)}</figcaption></figure>"


def _runs(comparison: Comparison) -> str:
    rows = []
    for arm in (comparison.before, comparison.after):
        for place, run in enumerate(arm.runs):
            score = f"{arm.scores[place]:.4g}" if place < len(arm.scores) else ""
            message = text_of(f"{run.status}: {run.message}" if run.message else run.status)
            rows.append(
                f'<tr><td class="check">{arm.name}, seed {run.seed}</td><td class="number">{score}</td>'
                f'<td class="time">{run.seconds:.1f} s</td><td class="found">{message}</td></tr>'
            )
    head = "".join(f"<th>{name}</th>" for name in ("run", "score", "time", "how it ended"))
    body = "\n".join(rows)
    return f"<h2>Runs</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
