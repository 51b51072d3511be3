"""The files of a tree by what may influence each other: what an audit takes as one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.catalogue.housekeeping import UNPARSABLE_FILE
from per_audit.findings import Notice
from per_audit.source import COPY_MARK, SourceFile, as_module, is_document, is_packaged
from per_audit.source.components import components, meant
from per_audit.source.imports import WHOLE, imports_of
from per_audit.source.named import names_loaded
from per_audit.source.resolve import Modules
from per_audit.source.suppressions import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from per_audit.source import Discovery

# A program of fewer bytes may have a memory and no word for it: `s, a, r, t = row`.
_TERSE = 100_000


@dataclass(frozen=True, slots=True)
class Part:
    """Files that may influence each other; `matters` is False where nothing can be found in any of them.

    `is_judged` is False where nothing in them can be a memory; a comment about the audit may still matter.
    `packaged` are the paths of those that can be installed, for other programs to use. `entered` are the folders that
    imports of files which lie outside of them name.

    `key` names all that the outcome of an audit of them depends on but its settings: the files and what they import.
    """

    files: tuple[SourceFile, ...]
    matters: bool
    key: str
    is_judged: bool = True
    packaged: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()

    @property
    def is_text(self) -> bool:
        """Whether it is a Markdown file: what a text shows of a project is no part of it."""
        return is_document(self.files[0].relative)


class Sources:
    """The Python of the files that were found. `tree` are those that imports may mean.

    `unresolved` are the words of dotted names in imports that mean none of them, as far as `parts` was gone through.
    `judges_all` is for rules that may ask about other things than memories.
    """

    def __init__(self, files: Discovery, judges_all: bool = False) -> None:
        self._judges_all = judges_all
        self.notices: list[Notice] = []
        self.without_python = 0
        self.unresolved: set[str] = set()
        self._files: dict[str, SourceFile] = {}
        self._packaged: dict[Path, bool] = {}
        copies: set[str] = set()
        for file in files:
            module = as_module(file)
            if module is None:
                self.without_python += 1
            elif isinstance(module, Notice):
                self.notices.append(module)
            elif module.data.startswith(COPY_MARK):
                copies.add(file.relative)  # known by its interface, as the installed package is
            elif b"\0" in module.data:
                self.notices.append(unparsable(module, 1, "binary content (NUL bytes)"))
            else:
                self._files[file.relative] = module
        self.tree = Modules(path for path in files.paths if path not in copies and not is_document(path))

    @property
    def files(self) -> Iterable[SourceFile]:
        """The files that are audited."""
        return self._files.values()

    def parts(self) -> Iterator[Part]:
        """The files by what may influence each other; each text is on its own."""
        from per_audit.facts import may_matter, speaks_of_replay

        imports = {
            path: () if is_document(path) else (*imports_of(module.data), *names_loaded(path, module.data, self.tree))
            for path, module in self._files.items()
        }
        for paths in components(imports, self.tree):
            files = tuple(self._files[path] for path in paths)
            is_judged = self._judges_all or sum(len(file.data) for file in files) < _TERSE
            is_judged = is_judged or any(speaks_of_replay(file.data, imports[file.relative]) for file in files)
            # Whether a suppression is unused can only be said of a file that parses: such files pass the gate.
            matters = any(MARK in file.data or (is_judged and may_matter(file.data)) for file in files)
            packaged = frozenset(file.relative for file in files if self._is_packaged(file.path.parent))
            entered: set[str] = set()
            said = hashlib.blake2b(repr(sorted(packaged)).encode(), digest_size=16)
            for file in files:
                means = [meant(file.relative, name, self.tree) for name in imports[file.relative]]
                for name, path in zip(imports[file.relative], means, strict=True):
                    entered |= _entered(file.relative, name, path) if path is not None else set()
                known = {name for name, found in zip(imports[file.relative], means, strict=True) if found}
                for name in imports[file.relative]:
                    if (
                        name not in known and name.rpartition(".")[0] not in known
                    ):  # `from a import b`: of a.b, a is one
                        self.unresolved.update(name.strip(f".{WHOLE}").split("."))
                sizes = len(file.data), len(file.left_out)
                about = (file.relative, sizes, file.layout, file.notices, means, matters, is_judged)
                said.update(repr(about).encode("utf-8", "surrogateescape"))
                said.update(file.data)
                said.update(file.left_out)
            yield Part(files, matters, said.hexdigest(), is_judged, packaged, frozenset(entered))

    def _is_packaged(self, folder: Path) -> bool:
        """Whether a folder, or one above it in its project, can be installed."""
        if folder not in self._packaged:
            is_top = folder.parent == folder or (folder / ".git").exists()
            self._packaged[folder] = is_packaged(folder) or (not is_top and self._is_packaged(folder.parent))
        return self._packaged[folder]


def _entered(importer: str, name: str, imported: str) -> set[str]:
    """The folders around a file that is imported which the name spells out, but those around the file that imports."""
    package, _, last = imported.rpartition("/")
    steps = package.split("/")
    spelt = name.strip(f".{WHOLE}").count(".") + (last == "__init__.py")
    around = {"/".join(steps[:end]) for end in range(len(steps) - spelt + 1, len(steps) + 1)}
    return {folder for folder in around if not importer.startswith(f"{folder}/")}


def unparsable(file: SourceFile, line: int, reason: str) -> Notice:
    """That a file is not audited, and why; `line` counts in the Python of the file."""
    return _notice(file, line, UNPARSABLE_FILE.name, f"not audited: {reason}")


def unevenly_indented(file: SourceFile, line: int) -> Notice:
    """That Python 3 refuses a file, which is audited all the same."""
    message = "not valid Python 3: inconsistent use of tabs and spaces in indentation; audited with tabs of 8 columns"
    return _notice(file, line, "uneven-tabs", message)


def _notice(file: SourceFile, line: int, kind: str, message: str) -> Notice:
    cell = None
    if file.layout is not None:
        cell, line, _ = file.layout.locate(line)
    return Notice(file.relative, line, kind, message, cell)
