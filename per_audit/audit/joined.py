"""The outcomes of parts joined: a class that its part never makes, beside a part that has a memory in use."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from per_audit.audit.vain import with_vain
from per_audit.source.components import meant
from per_audit.source.imports import imports_of, loaded_by, packages_of_unwritten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from per_audit.audit.outcome import Outcome
    from per_audit.audit.parts import Part, Sources


# Only from the beginning of a word: tried from each of its characters, a long one takes hours.
_FILE = re.compile(rb"(?<![\w\x80-\xff.-])([\w\x80-\xff.-]+)\.py")
_TEST = re.compile(r"(?:^|/)(?:tests?/|test_[^/]*$|[^/]*_test\.py$)")


def joined(parts: Sequence[Part], outcomes: Mapping[str, Outcome], sources: Sources) -> list[Outcome]:
    """The outcome of each part, in order, as those of one project.

    Files that nothing connects with others beside them hold what is left over from earlier, or a draft: a buffer in
    them that they do not make themselves is none of a folder that has another one in use. Nor is one of a package that
    a program in use has beside it, and imports other modules of or none at all. What else has none in use may be a
    library, whose users make its buffers, or a project of its own.
    """
    found = [outcomes[part.key] for part in parts]
    programs = [part for part, outcome in zip(parts, found, strict=True) if outcome.in_use]
    used = set().union(*map(_folders, programs))
    entered = set().union(*(part.entered for part in programs))
    if not any(outcome.notes or outcome.without_unmade for outcome in found):
        return found
    loading = (file for file in sources.files if not _TEST.search(file.relative))
    unwritten = [(file.relative, package) for file in loading for package in packages_of_unwritten(file.data)]
    written = [(file.relative, dotted) for file in sources.files for dotted in loaded_by(file.data)]
    named: dict[bytes, set[str]] = {}
    for file in sources.files:
        for name in _files_named(file.data):
            named.setdefault(name, set()).add(file.relative)
    is_program = any(outcome.trains for outcome in found)
    told = []
    for part, outcome in zip(parts, found, strict=True):
        if outcome.notes or outcome.without_unmade:
            begin = _may_be_meant(part, sources, unwritten, written, named)
            if begin:
                outcome = outcome.with_notes(is_program, but=_reached(part, begin, sources))
            else:
                is_beside = bool(used & _folders(part)) or _is_left_aside(part, used, entered, sources)
                outcome = _as_it_stands(with_vain(outcome, part, sources), is_program, is_beside)
        told.append(outcome)
    return told


def _files_named(data: bytes) -> set[bytes]:
    """The names of Python files that stand in a file, without their endings."""
    if b".py" not in data:
        return set()
    lines = (line for line in data.split(b"\n") if b".py" in line)
    return {name for line in lines for name in _FILE.findall(line)}


def _reached(part: Part, begin: set[str], sources: Sources) -> set[str]:
    """The files of a part that some lead to by what they import, with these and the packages around them."""
    texts = {file.relative: file.data for file in part.files}
    found: set[str] = set()
    waiting = list(begin)
    while waiting:
        path = waiting.pop()
        if path in texts and path not in found:
            found.add(path)
            waiting += [f"{folder}/__init__.py" for folder in _around(path)]
            means = (meant(path, name, sources.tree) for name in imports_of(texts[path]))
            waiting += [each for each in means if each is not None]
    return found


def _as_it_stands(outcome: Outcome, is_program: bool, is_beside: bool) -> Outcome:
    """The outcome of a part that no other one leads to, where it lies beside a program in use or does not."""
    if is_beside and not outcome.in_use and outcome.without_unmade is not None:
        return outcome.without_unmade.with_notes(is_program)
    return outcome.with_notes(is_program)


def _is_left_aside(part: Part, used: set[str], entered: set[str], sources: Sources) -> bool:
    """Whether all files are of packages for the programs in the folders `used`, which import others of them or none.

    Of `entered` they import modules. What a package gives out by its own names is for its users, and a folder that is
    started by itself is a project of its own.
    """
    folders = _folders(part)
    started = (file.relative for file in sources.files if b"__main__" in file.data)
    if part.packaged or any(posixpath.dirname(path) in folders for path in started):
        return False
    if all(entered & _around(file.relative) for file in part.files):
        return True
    names = {file.relative: file.data for file in part.files if file.relative.endswith("__init__.py")}
    tops = {_top(file.relative, sources) for file in part.files}
    return not any(b"import" in data for data in names.values()) and None not in tops and tops <= used


def _around(path: str) -> set[str]:
    return {above.as_posix() for above in PurePosixPath(path).parents}


def _top(path: str, sources: Sources) -> str | None:
    """The folder that the package of a file lies in; None where the file is of no package."""
    folder = posixpath.dirname(path)
    is_inside = False
    while folder and f"{folder}/__init__.py" in sources.tree.paths:
        folder, is_inside = posixpath.dirname(folder), True
    return folder if is_inside else None


def _folders(part: Part) -> set[str]:
    return {posixpath.dirname(file.relative) for file in part.files}


def _may_be_meant(
    part: Part,
    sources: Sources,
    unwritten: list[tuple[str, str]],
    written: list[tuple[str, str]],
    named: Mapping[bytes, set[str]],
) -> set[str]:
    """The files of a part that one of another part imports, or names as a file, or that any imports by a text.

    `unwritten` are the files that import under names which are not known, and the packages that they do so from;
    `written` those whose calls import modules under names that are, and these; `named` the files that name others.
    """
    own = {file.relative for file in part.files}
    names = {path: posixpath.basename(path).rpartition(".")[0] for path in own if not path.endswith("__init__.py")}
    said = sources.unresolved.union(*(dotted.split(".") for _, dotted in written))
    loading = [(file, package) for file, package in unwritten if package or file not in own]
    found = {path for path in own for file, package in loading if _is_below(path, package, file)}
    found |= {path for path, name in names.items() if name in said}
    return found | {path for path, name in names.items() if named.get(name.encode(), set()) - own}


def _is_below(path: str, package: str, importer: str) -> bool:
    """Whether a file is of a package, or of the folder around the file that imports it, by its relative name."""
    if package == ".":
        return posixpath.dirname(path) == posixpath.dirname(importer)
    return not package or f"/{package.replace('.', '/')}/" in f"/{path}"
