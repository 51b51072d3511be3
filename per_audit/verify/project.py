"""The buffers of a project, as the audit finds them, as targets of a verification."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.source import project_root, scan_root
from per_audit.verify.targets import Target, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_CLASS = "no class of its own, so there is nothing to construct: the memory of an agent, a variable, or a library's"


def targets(folder: Path) -> list[Target]:
    """A target for each replay buffer that the audit finds at and below `folder`, in the order of their places.

    What is no class at the top level of a module becomes a target that cannot be verified and says so. Raises
    UserError where there is none.
    """
    from per_audit.audit import audit
    from per_audit.settings import load

    root = scan_root([folder])
    pipelines = audit(root, [folder.resolve()], load(root)).report.pipelines
    found: dict[str, Target] = {}
    for pipeline in pipelines:
        target = _target(root, pipeline)
        found.setdefault(target.name, target)
    if not found:
        raise UserError(f"{folder}: the audit finds no replay buffer in it; name one: path/file.py:Class")
    return list(found.values())


def _target(root: Path, pipeline: dict[str, Any]) -> Target:
    path, name = pipeline["path"], pipeline["name"]
    if pipeline["cell"] is not None or name not in _classes(root / path):
        return Target(f"{path}:{name}", name, impossible=_NO_CLASS)
    callers = {place["path"] for role in ("made", "sampled", "learnt") for place in pipeline[role]}
    top = project_root(root)
    return replace(
        parse(f"{path}:{name}", root),
        paths=tuple(dict.fromkeys(str(place) for place in (root, top, root / "src", top / "src") if place.is_dir())),
        callers=tuple(sorted(_of_project(root, top, callers - {path}))),
    )


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
