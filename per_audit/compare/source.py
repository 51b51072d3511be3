"""Where a run leaves its metric, and how it is read: CSV, JSON lines, TensorBoard, NumPy, or what the run prints."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from per_audit.compare.events import scalars
from per_audit.compare.results import Curve
from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

OUTPUT = "output.txt"
FILES = "files"
_EVENTS = "events.out.tfevents"
# How the steps are usually called, the finest measure first.
_STEPS = (
    *("step", "steps", "_step", "global_step", "env_step", "env_steps", "timestep", "timesteps", "total_timesteps"),
    *("time/total_timesteps", "total_steps", "total_env_steps", "frame", "frames", "update", "updates"),
    *("iteration", "iterations", "iter", "epoch", "epochs", "episode", "episodes"),
)
_SHOWN = 12

Row = dict[str, Any]


def matching(results: str, folder: Path) -> list[Path]:
    """The files below `folder` that the pattern `results` names, those in folders that it names included."""
    if not results:
        return []
    found: set[Path] = set()
    for path in folder.glob(results.rstrip("/")):
        found.update(path.rglob("*") if path.is_dir() else (path,))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


class Unreadable(Exception):
    """The metric cannot be read; the message says what is there instead."""


@dataclass(frozen=True)
class Source:
    """`metric` in the files that match `results`, or else in the printed lines that match `pattern`.

    `step` names the column, key or group of the steps; without one the usual names are tried, then rows are counted.
    """

    metric: str = ""
    results: str = ""
    pattern: str = ""
    step: str = ""

    def checked(self) -> Source:
        """Itself. Raises UserError where it does not say what to read."""
        if bool(self.results) == bool(self.pattern):
            raise UserError(
                "say where the metric is: --results progress.csv --metric return (CSV, JSON lines, TensorBoard's "
                r"events or .npy), or --pattern 'return (?P<value>\S+)' for what the command prints"
            )
        if self.results and not self.metric and not self.results.endswith(".npy"):
            raise UserError(f"--results {self.results}: name the column, key or tag in it with --metric")
        if self.results.startswith("/") or ".." in self.results.split("/"):
            raise UserError(f"--results {self.results}: must be relative to where the command runs, and below it")
        if self.pattern:
            try:
                groups = re.compile(self.pattern)
            except re.error as error:
                raise UserError(f"--pattern {self.pattern}: is no regular expression ({error})") from error
            if not groups.groups:
                raise UserError(
                    rf"--pattern {self.pattern}: has no group; put the number in one, as in 'return (?P<value>\S+)'"
                )
        return self

    @property
    def words(self) -> str:
        """The metric, for people."""
        return self.metric or self.results or "value"

    @property
    def where(self) -> str:
        """Where it is read, for people."""
        return self.results or f"printed, by /{self.pattern}/"

    def read(self, kept: Path) -> Curve:
        """The metric of the run whose output and files are in `kept`. Raises Unreadable."""
        if self.pattern:
            curve = self._printed((kept / OUTPUT).read_text("utf-8", "replace"))
        else:
            curve = self._filed(matching(self.results, kept / FILES), kept / FILES)
        if not math.isfinite(curve.values[-1]):
            raise Unreadable(f"the last value is {curve.values[-1]:g}: the training has diverged")
        finite = [point for point in zip(curve.steps, curve.values, strict=True) if all(map(math.isfinite, point))]
        return Curve(tuple(step for step, _ in finite), tuple(value for _, value in finite), curve.axis)

    def _printed(self, text: str) -> Curve:
        matches = list(re.finditer(self.pattern, text, re.MULTILINE))
        if not matches:
            raise Unreadable(f"no line that was printed matches --pattern {self.pattern}")
        named = matches[0].re.groupindex
        value: str | int = "value" if "value" in named else 1
        step = self.step or ("step" if "step" in named else "")
        if step and step not in named:
            raise Unreadable(f"--step {step}: --pattern has no group of that name, as in (?P<{step}>\\d+)")
        rows: list[Row] = [{"value": match[value], **({step: match[step]} if step else {})} for match in matches]
        return _curve(rows, "value", step, "value printed")

    def _filed(self, files: list[Path], folder: Path) -> Curve:
        if not files:
            raise Unreadable(f"the command has written no file that matches --results {self.results}")
        rows: list[Row] = []
        seen: dict[str, None] = {}
        holders = []
        for path in files:
            name = path.relative_to(folder).as_posix()
            try:
                found = list(_rows(path, self.metric))
            except (OSError, ValueError, csv.Error, RecursionError) as error:
                raise Unreadable(f"{name}: {error}") from error
            seen.update(dict.fromkeys(key for row in found for key in row))
            holding = [row for row in found if not _is_blank(row.get(self.metric or "value"))]
            if holding:
                holders.append(name)
                rows += holding
        metric = self.metric or "value"
        if not rows:
            names = ", ".join(list(seen)[:_SHOWN]) + (", ..." if len(seen) > _SHOWN else "")
            raise Unreadable(
                f"{self.results}: no values of {metric!r}; there is {names or 'nothing that could be read'}"
            )
        step = self.step or next((key for key in _by_usage(rows[0]) if key != metric), "")
        if len(holders) > 1 and not step:
            raise Unreadable(f"{' and '.join(holders[:2])} both have {metric!r}; let --results name one, or add --step")
        return _curve(rows, metric, step, "row")


def _by_usage(row: Row) -> Iterator[str]:
    names = {key.lower(): key for key in row}
    return (names[name] for name in _STEPS if name in names)


def _curve(rows: list[Row], metric: str, step: str, counted: str) -> Curve:
    points = []
    for number, row in enumerate(rows, 1):
        if step and _is_blank(row.get(step)):
            raise Unreadable(f"--step {step}: no value beside {metric!r}; there is {', '.join(list(row)[:_SHOWN])}")
        points.append((_number(row[step], step) if step else float(number), _number(row[metric], metric)))
    if step:
        points.sort(key=lambda point: point[0])  # stable: several files, or evaluations between the others
    return Curve(tuple(x for x, _ in points), tuple(y for _, y in points), step or counted)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _number(value: Any, name: str) -> float:
    try:
        return float(value.replace(",", "") if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise Unreadable(f"{name}: {str(value)[:40]!r} is no number") from None


def _rows(path: Path, metric: str) -> Iterable[Row]:
    """The rows of one results file, by what it is."""
    if _EVENTS in path.name:
        found = list(scalars(path))
        other = {scalar.tag: None for scalar in found if scalar.tag != metric}
        rows: list[Row] = [{metric: scalar.value, "step": scalar.step} for scalar in found if scalar.tag == metric]
        return rows or [other]
    if path.suffix == ".npy":
        import numpy as np

        return [{metric or "value": float(value)} for value in np.load(path, allow_pickle=False).reshape(-1)]
    text = path.read_text("utf-8", "replace").lstrip("\ufeff")
    if path.suffix in (".json", ".jsonl", ".ndjson") or (path.suffix not in (".csv", ".tsv") and text[:1] in "{["):
        return list(_of_json(text, metric))
    return list(_of_csv(text, path.suffix))


def _of_csv(text: str, suffix: str) -> Iterator[Row]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    head = lines[0] if lines else ""
    usual = max((",", ";", "\t"), key=head.count)
    for row in csv.DictReader(lines, delimiter="\t" if suffix == ".tsv" else usual, skipinitialspace=True):
        # A run that was killed leaves half a line: what it lacks is None.
        yield {str(key).strip(): value for key, value in row.items() if key is not None}


def _of_json(text: str, metric: str) -> Iterator[Row]:
    try:
        whole = json.loads(text)
    except ValueError:
        whole = [found for line in text.splitlines() if isinstance(found := _of_line(line), dict)]
    if isinstance(whole, dict) and isinstance(whole.get(metric), list):
        columns = {key: value for key, value in whole.items() if isinstance(value, list)}
        size = len(whole[metric])
        whole = [{key: value[row] for key, value in columns.items() if len(value) == size} for row in range(size)]
    for row in whole if isinstance(whole, list) else [whole]:
        if isinstance(row, dict):
            yield _flat(row)


def _of_line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # other lines of a log, or one that was cut off


def _flat(row: Row, before: str = "") -> Row:
    """Nested objects as `outer/inner`."""
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{before}{key}/"))
        else:
            flat[f"{before}{key}"] = value
    return flat
