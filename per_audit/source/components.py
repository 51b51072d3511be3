"""Files that cannot influence each other are apart: the components of the graph of imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.source.imports import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from per_audit.source.resolve import Modules


def meant(path: str, name: str, modules: Modules) -> str | None:
    """The file that a name of `imports_of` means in the file at `path`, None where the tree has none."""
    dotted = name.lstrip(".")
    return modules.find(path, dotted.rstrip(WHOLE), len(name) - len(dotted))


def components(imports: Mapping[str, Iterable[str]], modules: Modules) -> list[list[str]]:
    """The files by components, each in the order of its paths, the components by their first paths.

    `imports` gives for each path what the file imports (`imports_of`). Two files are in one component where one of
    them imports the other, or both reach or are reached by a third. A package that is imported as a whole is with all
    that is below it, since any of it can be reached through its attributes.
    """
    above = {path: path for path in imports}

    def top(path: str) -> str:
        while above[path] != path:
            above[path] = above[above[path]]
            path = above[path]
        return path

    whole: set[str] = set()
    for path, names in imports.items():
        for name in names:
            found = meant(path, name, modules)
            if found in above:
                above[top(path)] = top(found)
                if name.endswith(WHOLE) and found.endswith("__init__.py"):
                    whole.add(found)
    for path in imports:
        steps = path.split("/")
        for end in range(len(steps)):
            package = "/".join((*steps[:end], "__init__.py"))
            if package in whole:
                above[top(path)] = top(package)
    by_top: dict[str, list[str]] = {}
    for path in sorted(imports):
        by_top.setdefault(top(path), []).append(path)
    return list(by_top.values())
