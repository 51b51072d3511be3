"""The files that are meant by names of modules which are put together when a program runs."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from per_audit.source.imports import loaded_by
from per_audit.source.loaded import pattern_of, patterns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.source.resolve import Modules

# A file of settings of ml_collections, which a flag names and absl runs.
_SETTINGS = re.compile(rb"""DEFINE_config_file\(\s*['"]\w+['"]\s*,\s*(?:default\s*=\s*)?['"](?:\./)?([\w/]+)\.py\b""")
_MOST = 64  # files of one name: where there are more, any of them is as good as none


def names_loaded(importer: str, data: bytes, modules: Modules) -> tuple[str, ...]:
    """The modules of the tree that calls in a file may import by a text, by names as `imports_of` has them.

    So are files of settings that a flag names.
    """
    known = {
        name
        for name in loaded_by(data)
        if (found := modules.find(importer, name)) is not None and _has_name(importer, name, found, modules)
    }
    patterns = {*patterns_of(data), *(name.decode().replace("/", ".") for name in _SETTINGS.findall(data))}
    return tuple(sorted(known.union(*(_fitting(importer, pattern, modules) for pattern in patterns))))


def files_named(importer: str, expression: str, modules: Modules) -> list[str] | None:
    """The files that a call may import by the text that an expression is; None where the expression alone tells none.

    A text that names no file of the tree is of a module from elsewhere.
    """
    pattern = pattern_of(expression)
    return sorted(_fitting(importer, pattern, modules).values()) if pattern is not None else None


def _fitting(importer: str, pattern: str, modules: Modules) -> dict[str, str]:
    """The names that fit a pattern, with the files that they mean; none where there are too many."""
    found = dict(_candidates(importer, pattern, modules))
    return found if len(found) <= _MOST else {}


def _candidates(importer: str, pattern: str, modules: Modules) -> Iterator[tuple[str, str]]:
    wanted = re.escape(pattern.lstrip(".")).replace(r"\*", r"\w+").replace(r"\.", "/")
    if pattern.startswith("."):
        here = posixpath.dirname(importer)
        whole = re.compile(rf"{re.escape(here)}{'/' if here else ''}({wanted})")
    else:
        whole = re.compile(rf"(?:.*/)?({wanted})")
    for path in sorted(modules.paths):
        fits = whole.fullmatch(path.removesuffix(".py").removesuffix("/__init__"))
        name = fits[1].replace("/", ".") if fits is not None else ""
        level = int(pattern.startswith("."))
        if not name or not path.endswith(".py") or modules.find(importer, name, level) != path:
            continue
        if level or _has_name(importer, name, path, modules):
            yield f"{'.' * level}{name}", path


def _has_name(importer: str, name: str, path: str, modules: Modules) -> bool:
    """Whether a file may be imported by a name that is not relative: in a package, of the files beside it.

    `import_module("buffer")` in a script means another `buffer` than that of a package which lies somewhere else.
    """
    above = path.removesuffix(".py").removesuffix("/__init__").removesuffix(name.replace(".", "/")).rstrip("/")
    return above == posixpath.dirname(importer) or f"{above}/__init__.py" not in modules.paths
