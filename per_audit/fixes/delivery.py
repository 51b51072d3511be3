"""How `import experience_replay_optimizer` comes to work in the project: copied, declared, or there already."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from per_audit.errors import UserError
from per_audit.fixes.dependency import DISTRIBUTION, declare, declares
from per_audit.fixes.transaction import Change
from per_audit.fixes.vendor import vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from per_audit.fixes.layout import Layout
    from per_audit.fixes.plan import FixOptions

_PACKAGE_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def deliver(
    root: Path, project: Path, layout: Layout, imports: Mapping[str, set[str]], options: FixOptions
) -> tuple[list[Change], list[str]]:
    """The changes that bring the names into the project, relative to `root`, and what the user should know.

    `imports` are the names that each file needs. By default the package is copied unless it is declared already.
    """
    if options.delivery == "dependency" or (options.delivery is None and declares(project)):
        changes = [] if declares(project) else [_below(project.relative_to(root), declare(project))]
        return changes, [f"The project's environment needs {DISTRIBUTION}, as its dependencies say."]
    places = _places(layout, imports)
    changes = []
    for place in sorted(places):
        if not (root / place).is_relative_to(project):
            raise UserError(f"{place}: the reference buffers belong there, outside the project {project}; run it there")
        changes += vendor(root, place, places[place])
    notes = []
    if any((project / name).is_file() and _is_built((project / name).read_bytes()) for name in _PACKAGE_FILES):
        notes.append(
            "This project is built into a package: let the build include the copied experience_replay_optimizer as "
            "well, or use --dependency."
        )
    return changes, notes


def _places(layout: Layout, imports: Mapping[str, set[str]]) -> dict[PurePosixPath, set[str]]:
    """The directories that get a copy, with the names that it exports.

    A program that has two of them on its path takes all files' names from the first: directories from which one file
    is imported get the same copy.
    """
    groups: list[tuple[set[PurePosixPath], set[str]]] = []
    for path, names in imports.items():
        roots = layout.import_roots(path)
        joined = [group for group in groups if group[0] & roots]
        groups = [group for group in groups if group not in joined]
        groups.append((roots.union(*(group[0] for group in joined)), names.union(*(group[1] for group in joined))))
    return {place: names for places, names in groups for place in places}


def _is_built(data: bytes) -> bool:
    return any(mark in data for mark in (b"[build-system]", b"setup(", b"[options]", b"[tool.poetry]"))


def _below(prefix: Path, change: Change) -> Change:
    return Change((PurePosixPath(prefix.as_posix()) / change.path).as_posix(), change.before, change.after)
