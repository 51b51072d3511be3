"""A copy of the reference buffers in the user's project: the modules that are needed, and nothing else."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import per_audit
from per_audit.errors import UserError
from per_audit.fixes.module import PACKAGE
from per_audit.fixes.transaction import Change
from per_audit.source import COPY_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINT = b"# fmt: off\n# isort: skip_file\n# ruff: noqa\n# flake8: noqa\n# pylint: skip-file\n# mypy: ignore-errors\n"


def vendor(root: Path, place: PurePosixPath, names: set[str]) -> list[Change]:
    """The changes that put the package into the directory `place` below `root`, with `names` among its exports.

    Nothing where it is there already. Raises UserError where something else is, or where the copy was edited.
    """
    folder = root / place / PACKAGE
    if (root / place / f"{PACKAGE}.py").exists() or (folder.exists() and not _is_copy(folder)):
        raise UserError(
            f"{place / PACKAGE}: is there already and is no copy that per-audit made; move it away, or use --dependency"
        )
    present = _present(folder)
    edited = [path for path, data in present.items() if path.suffix == ".py" and not _is_intact(data)]
    if edited:
        raise UserError(
            f"{place / PACKAGE / edited[0]}: this copy was edited; take the edits back or delete {place / PACKAGE}, "
            "so that it can be copied afresh, or use --dependency"
        )
    adapters = {f"adapters.{path.stem}" for path in present if path.parent.name == "adapters" and path.stem[0] != "_"}
    wanted = copies(names | adapters | _exports(present.get(PurePosixPath("__init__.py"), b"")))
    return [
        Change((place / PACKAGE / path).as_posix(), present.get(path), wanted.get(path))
        for path in sorted(present.keys() | wanted.keys())
        # Line endings that git has changed are no reason to write a file again.
        if present.get(path, b"").replace(b"\r\n", b"\n") != wanted.get(path, b"")
    ]


def copies(names: set[str]) -> dict[PurePosixPath, bytes]:
    """The files of a copy of the package that exports `names`: path in the package -> content.

    Names with a dot are modules that are there as well, such as `adapters.cleanrl`.
    """
    source = _source()
    exported = _exported()
    inner = {name for name in names if "." in name and (source / _file_of(source, name)).is_file()}
    if unknown := sorted(names - exported.keys() - inner):
        raise LookupError(f"{PACKAGE} exports no {', '.join(unknown)}")
    modules = {name: exported[name] for name in names - inner}
    files: dict[PurePosixPath, bytes] = {}
    waiting = [_file_of(source, module) for module in (*modules.values(), *inner)]
    while waiting:
        path = waiting.pop()
        if path in files or path == PurePosixPath("__init__.py"):
            continue
        data = (source / path).read_bytes().replace(b"\r\n", b"\n")
        files[path] = _with_header(data)
        waiting += _needed_by(source, path, data)
    files[PurePosixPath("__init__.py")] = _with_header(_init(modules))
    files[PurePosixPath("LICENSE")] = licence()
    return files


def licence() -> bytes:
    """The licence of the copied files."""
    try:
        text = importlib.metadata.distribution("per-audit").read_text("licenses/LICENSE")
    except importlib.metadata.PackageNotFoundError:
        text = None
    if text is not None:
        return text.encode()
    return (Path(per_audit.__file__).parents[1] / "LICENSE").read_bytes()


def _source() -> Path:
    """The directory of the installed package."""
    package = importlib.import_module(PACKAGE)
    assert package.__file__ is not None
    return Path(package.__file__).parent


def _exported() -> dict[str, str]:
    """The exported names of the package and the modules that define them.

    Read from its `__init__`, which imports those that need torch only when they are asked for: torch may be missing.
    """
    package = importlib.import_module(PACKAGE)
    tree = ast.parse((_source() / "__init__.py").read_bytes())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    found = {alias.name: str(node.module) for node in imports for alias in node.names}
    return {name: module for name, module in found.items() if name in package.__all__}


def _file_of(source: Path, module: str) -> PurePosixPath:
    path = PurePosixPath(*module.split("."))
    return path / "__init__.py" if (source / path).is_dir() else path.with_name(f"{path.name}.py")


def _needed_by(source: Path, path: PurePosixPath, data: bytes) -> list[PurePosixPath]:
    """The files of the package that a module imports when it runs, and the packages that it lies in."""
    modules = [*path.parents, *_imported(path, data)]
    files = [module / "__init__.py" for module in modules]
    files += [module.with_name(f"{module.name}.py") for module in modules if module.name]
    return [file for file in files if (source / file).is_file()]


def _imported(path: PurePosixPath, data: bytes) -> Iterator[PurePosixPath]:
    """What the imports of a module may mean inside the package: modules and packages without their suffix."""
    for node in _running(ast.parse(data)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    yield PurePosixPath(*alias.name.split(".")[1:])
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            if node.level:
                base = PurePosixPath(*path.parts[: len(path.parts) - node.level], *parts)
            elif parts[0] == PACKAGE:
                base = PurePosixPath(*parts[1:])
            else:
                continue
            yield base
            yield from (base / alias.name for alias in node.names)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module without those that are there for type checkers alone, which pass over a copy."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            yield node
            waiting += ast.iter_child_nodes(node)


def _init(modules: dict[str, str]) -> bytes:
    package = importlib.import_module(PACKAGE)
    by_module: dict[str, list[str]] = {}
    for name, module in sorted(modules.items()):
        by_module.setdefault(module, []).append(name)
    imports = "".join(f"from .{module} import {', '.join(names)}\n" for module, names in sorted(by_module.items()))
    exports = "".join(f'    "{name}",\n' for name in sorted(modules))
    version = f'__version__ = "{package.__version__}"\n'
    return f'"""{package.__doc__}"""\n\n{imports}\n{version}\n__all__ = [\n{exports}]\n'.encode()


def _with_header(data: bytes) -> bytes:
    version = importlib.import_module(PACKAGE).__version__
    text = f" {per_audit.__version__} from {PACKAGE} {version}, MIT licence: see LICENSE in {PACKAGE}.\n"
    body = _LINT + data
    digest = (
        f"# `per-audit fix` keeps it up to date as long as it is not edited; sha256 of what follows: {_digest(body)}\n"
    )
    return COPY_MARK + text.encode() + digest.encode() + body


def _digest(body: bytes) -> str:
    # Without the line endings, which git may have changed.
    return hashlib.sha256(b"\n".join(body.splitlines())).hexdigest()


def _is_intact(data: bytes) -> bool:
    lines = data.split(b"\n", 2)
    return len(lines) == 3 and lines[1].rstrip().endswith(_digest(lines[2]).encode())


def _is_copy(folder: Path) -> bool:
    init = folder / "__init__.py"
    return init.is_file() and init.read_bytes().startswith(COPY_MARK)


def _present(folder: Path) -> dict[PurePosixPath, bytes]:
    """The files of the copy that is there; what a user put beside them is left out."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        data = file.read_bytes()
        if data.startswith(COPY_MARK):
            found[PurePosixPath(file.relative_to(folder).as_posix())] = data
    if (folder / "LICENSE").is_file():
        found[PurePosixPath("LICENSE")] = (folder / "LICENSE").read_bytes()
    return found


def _exports(init: bytes) -> set[str]:
    """The names in `__all__` of a copy that the package still has."""
    for node in ast.parse(init).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return _exported().keys() & names
    return set()
