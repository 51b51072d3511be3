"""Where a project's modules are imported from, read off its own import statements."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROOT = PurePosixPath()


class Import(NamedTuple):
    """`from ..a.b import c, d` is (2, ("a", "b"), ("c", "d")); `import a.b` is (0, ("a", "b"), ())."""

    level: int
    module: tuple[str, ...]
    names: tuple[str, ...]


class Layout:
    """The modules of a project by their POSIX paths relative to the root; notebooks and texts only import."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {PurePosixPath(path): data for path, data in files.items()}
        self._packages = {path.parent for path in self._files if path.name == "__init__.py"}
        self._directories = {parent for path in self._files for parent in path.parents if parent.name}
        self._imports: dict[PurePosixPath, tuple[Import, ...]] = {}

    def import_roots(self, path: str) -> set[PurePosixPath]:
        """The directories from which the file is imported or, for a script, run."""
        return self._roots(PurePosixPath(path), set())

    def local_names(self, path: str) -> set[str]:
        """The first names of the project's own modules, as the file may import them."""
        roots = {PurePosixPath(path).parent, *self.import_roots(path)}
        files = {file.stem for file in self._files if file.parent in roots and file.suffix in (".py", ".pyw")}
        return files | {directory.name for directory in self._directories if directory.parent in roots}

    def imports_from(self, path: str, name: str) -> bool:
        """Whether another file gets `name` through this one, so that an import that looks unused is not."""
        target = PurePosixPath(path)
        for other in self._mentioning(target):
            for found in self._imports_of(other):
                if ("*" in found.names or name in found.names) and self._resolve(other, found) == target:
                    return True
            if any(self._names_module(other, found, target) for found in self._imports_of(other)):
                own_name = self._own_name(target)
                if re.search(rf"\b{re.escape(own_name)}\s*\.\s*{re.escape(name)}\b".encode(), self._files[other]):
                    return True
        return False

    def _roots(self, path: PurePosixPath, visited: set[PurePosixPath]) -> set[PurePosixPath]:
        visited.add(path)
        roots: set[PurePosixPath] = set()
        for other in self._mentioning(path):
            for found in self._imports_of(other):
                if not self._names_module(other, found, path) and self._resolve(other, found) != path:
                    continue
                if found.level == 0:
                    roots.add(self._found_in(other, found, path))
                elif other not in visited:
                    roots |= self._roots(other, visited)
        if not roots or (_is_script(self._files.get(path, b"")) and self._runs_in(self._package_root(path), path)):
            roots.add(self._package_root(path))
        return roots

    def _package_root(self, path: PurePosixPath) -> PurePosixPath:
        """The first directory above that is no package."""
        return next((parent for parent in path.parents if parent not in self._packages), _ROOT)

    def _runs_in(self, root: PurePosixPath, path: PurePosixPath) -> bool:
        """Whether the file's imports of the project's modules can be found from `root`."""
        absolute = [found.module for found in self._imports_of(path) if found.level == 0]
        return not any(
            self._module(root, module) is None and any(self._module(parent, module) for parent in path.parents)
            for module in absolute
        )

    def _mentioning(self, target: PurePosixPath) -> Iterator[PurePosixPath]:
        """The other files in which the module's name occurs; cheap, so that few files have to be parsed."""
        word = re.compile(rb"\b" + re.escape(self._own_name(target)).encode() + rb"\b")
        for path, data in self._files.items():
            if path != target and (word.search(data) or (target.name == "__init__.py" and b"import" in data)):
                yield path

    @staticmethod
    def _own_name(path: PurePosixPath) -> str:
        return path.parent.name if path.name == "__init__.py" else path.stem

    def _imports_of(self, path: PurePosixPath) -> tuple[Import, ...]:
        if path not in self._imports:
            self._imports[path] = tuple(_imports(self._files.get(path, b"")))
        return self._imports[path]

    def _names_module(self, importer: PurePosixPath, found: Import, target: PurePosixPath) -> bool:
        """Whether one of the imported names is the module itself: `from agents import dqn`."""
        deeper = (found._replace(module=(*found.module, name)) for name in found.names)
        return (not found.names and self._resolve(importer, found) == target) or any(
            self._resolve(importer, each) == target for each in deeper
        )

    def _resolve(self, importer: PurePosixPath, found: Import) -> PurePosixPath | None:
        """The file that the import statement loads."""
        if found.level:
            parents = list(importer.parents)
            return self._module(parents[found.level - 1], found.module) if found.level <= len(parents) else None
        for parent in importer.parents:
            module = self._module(parent, found.module)
            if module is not None:
                return module
        # A directory that the program puts on the path itself.
        tails = (PurePosixPath(*found.module).with_suffix(".py"), PurePosixPath(*found.module, "__init__.py"))
        matches = [path for path in self._files if found.module and any(_ends_with(path, tail) for tail in tails)]
        return matches[0] if len(matches) == 1 else None

    def _module(self, directory: PurePosixPath, module: tuple[str, ...]) -> PurePosixPath | None:
        base = directory.joinpath(*module)
        candidates = [base / "__init__.py", *([base.with_name(f"{base.name}.py")] if module else [])]
        return next((path for path in candidates if path in self._files), None)

    def _found_in(self, importer: PurePosixPath, found: Import, target: PurePosixPath) -> PurePosixPath:
        """The directory on the path from which an absolute import finds its target."""
        depth = len(target.parts) - (target.name == "__init__.py")
        modules = [found.module, *((*found.module, name) for name in found.names)]
        for module in modules:
            if self._resolve(importer, Import(0, module, ())) == target:
                return PurePosixPath(*target.parts[: depth - len(module)])
        return self._package_root(target)


def _ends_with(path: PurePosixPath, tail: PurePosixPath) -> bool:
    return path.parts[-len(tail.parts) :] == tail.parts


def _is_script(data: bytes) -> bool:
    return re.search(rb"^if\s+__name__\s*==", data, re.MULTILINE) is not None


def _imports(data: bytes) -> Iterator[Import]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(0, tuple(alias.name.split(".")), ())
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            yield Import(node.level, module, tuple(alias.name for alias in node.names))
