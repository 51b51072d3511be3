"""The buffers of a project, as the audit finds them, as targets of a verification."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.findings import spot
from per_audit.source import project_root, scan_root
from per_audit.verify.child.parameters import OF_THE_CHECKS, classify
from per_audit.verify.configuration import configurations, drawn_with
from per_audit.verify.magnitudes import takes_magnitudes
from per_audit.verify.results import CheckResult, Verdict
from per_audit.verify.targets import Target, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.verify.ways import Configuration

_MOST_WAYS = 4
_MOST_PLACES = 5
_NO_CLASS = "no class of its own, so there is nothing to construct: the memory of an agent, a variable, or a library's"


def targets(folder: Path) -> list[Target]:
    """A target for each replay buffer that the audit finds at and below `folder`, in the order of their places.

    One that the project constructs in several ways is as many targets, at most four. What is no class at the top level
    of a module becomes a target that cannot be verified and says so. The last target is the project as a whole, of
    which it is known without running anything whether it draws uniformly. Raises UserError where there is no buffer.
    """
    from per_audit.audit import audit
    from per_audit.settings import load

    root = scan_root([folder])
    audited = audit(root, [folder.resolve()], load(root))
    owners = {
        (buffer.path, graph.name_of(buffer)): (graph, buffer)
        for graph in audited.graphs
        for buffer in getattr(graph, "buffers", ())
    }
    found: dict[str, Target] = {}
    for pipeline in audited.report.pipelines:
        owner = owners.get((pipeline["path"], pipeline["name"]))
        ways = [] if owner is None else configurations(*owner, root)
        magnitudes = owner is not None and pipeline["kind"] != "uniform" and takes_magnitudes(*owner)
        drawn, said = ({}, {}) if owner is None else drawn_with(*owner, root)
        for target in _configured(replace(_target(root, pipeline), magnitudes=magnitudes, drawn=drawn), ways):
            found.setdefault(target.name, replace(target, configuration={**target.configuration, **said}))
    if not found:
        raise UserError(f"{folder}: the audit finds no replay buffer in it; name one: path/file.py:Class")
    return [*found.values(), Target("the project", "", static=_sampling(audited.report.pipelines))]


def _sampling(pipelines: list[dict[str, Any]]) -> CheckResult:
    """The static half: whether every replay pipeline draws by priority."""
    uniform = [pipeline for pipeline in pipelines if pipeline["kind"] == "uniform"]
    verdict = Verdict.NOT_PROVIDED if uniform else Verdict.PASS
    message = f"{len(pipelines)} of {len(pipelines)} replay pipelines draw by priority"
    if uniform:
        places = ", ".join(f"{spot(p['path'], p['cell'], p['line'])} ({p['name']})" for p in uniform[:_MOST_PLACES])
        more = f" and {len(uniform) - _MOST_PLACES} more" if len(uniform) > _MOST_PLACES else ""
        message = (
            f"{len(uniform)} of {len(pipelines)} draw uniformly only: {places}{more}; `per-audit fix` converts them"
        )
    return CheckResult("static", verdict, len(uniform), 0, 0, 0.0, message, "replay pipelines that draw uniformly only")


def _target(root: Path, pipeline: dict[str, Any]) -> Target:
    path, name = pipeline["path"], pipeline["name"]
    if pipeline["cell"] is not None or name not in _classes(root / path):
        return Target(f"{path}:{name}", name, impossible=_NO_CLASS)
    callers = {place["path"] for role in ("made", "sampled", "learnt") for place in pipeline[role]}
    top = project_root(root)
    return replace(
        parse(f"{path}:{name}", root),
        paths=tuple(dict.fromkeys(str(place) for place in (root, top, root / "src", top / "src") if place.is_dir())),
        roots=(str(top),),
        callers=tuple(sorted(_of_project(root, top, callers - {path}))),
    )


def _configured(target: Target, ways: list[Configuration]) -> list[Target]:
    """The target, once for each way in which the project makes it; the capacity is the largest of those alike."""
    if target.impossible:
        return [target]
    if not ways:
        said = {"made at": "nowhere that was found, so the class's defaults, and what is said below, are assumed"}
        return [replace(target, configured={}, configuration=said)]
    alike: dict[str, list[Configuration]] = {}
    for way in [way for way in ways if not way.of_a_test] or ways:
        alike.setdefault(repr(sorted((k, repr(v)) for k, v in way.values.items() if _matters(k))), []).append(way)
    chosen = [max(group, key=_capacity) for group in alike.values()]
    left = len(chosen) - _MOST_WAYS
    more = {"left out": f"{left} more ways in which the project makes it"} if left > 0 else {}
    differing = {k for way in chosen for k, v in way.values.items() if any(o.values.get(k) != v for o in chosen)}
    return [
        replace(
            target,
            name=target.name + (_differences(way, differing) if number else ""),
            configured=way.values,
            callers=tuple(sorted({*target.callers, *_relative(target, way.files)})),
            configuration={**way.words, **more},
        )
        for number, way in enumerate(chosen[:_MOST_WAYS])
    ]


def _relative(target: Target, files: Iterable[Path]) -> Iterator[str]:
    """The files of settings as its record names them."""
    top = Path(target.roots[0])
    return (path.relative_to(top).as_posix() for path in files if path.is_relative_to(top))


def _matters(name: str) -> bool:
    return classify(name, "constructor") not in OF_THE_CHECKS - {"settings"}


def _capacity(way: Configuration) -> float:
    sizes = [value for name, value in way.values.items() if classify(name, "constructor") == "capacity"]
    return max((size for size in sizes if isinstance(size, (int, float))), default=0)


def _differences(way: Configuration, differing: set[str]) -> str:
    """` (alpha=0.7)`: what makes it another target than the first."""
    said = [f"{k}={v!r}" for k, v in way.values.items() if k in differing and _matters(k) and not isinstance(v, dict)]
    return f" ({', '.join(said) or way.path})"


def _of_project(root: Path, top: Path, names: set[str]) -> Iterator[str]:
    """File names relative to the project, for its record."""
    for name in names:
        path = (root / name).resolve()
        if path.is_relative_to(top):
            yield path.relative_to(top).as_posix()


def _classes(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
