"""Imports the target: as a module where that works, else only its class and what that names, out of its file."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_ANNOTATIONS = annotations.compiler_flag  # those of the excerpt stay text: they may name what is missing
_DEEPEST = 6


class Missing:
    """In place of what could not be imported or computed, because of `error`: any use of it says so."""

    def __init__(self, error: Exception) -> None:
        self.__dict__["_error"] = error

    def _refuse(self) -> Any:
        error = self.__dict__["_error"]
        raise type(error)(*error.args) from error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()

    def __call__(self, *_: Any, **__: Any) -> Any:  # noqa: D102
        return self._refuse()


def runs_something(path: Path) -> bool:
    """Whether importing the file would run a loop of its own: a script, most often a training."""
    tree = _tree(path)
    return tree is not None and any(isinstance(node, (ast.For, ast.While)) for node in tree.body)


def import_file(path: Path) -> Any:
    """The module of a file, inside its package where it has one, so that relative imports work."""
    top = path.parent
    while (top / "__init__.py").exists() and top != top.parent:
        top = top.parent
    sys.path.insert(0, str(top))
    if top != path.parent:
        # A package whose other modules cannot be imported may still hold a file that can, on its own.
        with contextlib.suppress(ImportError):
            return importlib.import_module(".".join(path.relative_to(top).with_suffix("").parts))
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "per_audit_target"
    try:
        return load_file(path, name)
    except ImportError as error:
        folder = path.parent
        if "relative import" not in str(error) or not (folder.name.isidentifier() and path.stem.isidentifier()):
            raise
        # A folder without __init__.py whose files import each other with dots: a package all the same.
        sys.path.insert(0, str(folder.parent))
        return importlib.import_module(f"{folder.name}.{path.stem}")


def load_file(path: Path, name: str) -> Any:
    """The file run as the module `name`. Raises ImportError where it is no Python file, and whatever it raises."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported: it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _Lazy(ModuleType):
    """Another file of the project, of which each name is an excerpt of its own, made when it is asked for."""

    def __init__(self, excerpts: Excerpts, path: Path) -> None:
        super().__init__(path.stem)
        self.__file__ = str(path)
        self._excerpts, self._path = excerpts, path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._excerpts.of(self._path, name)
        except KeyError:
            raise AttributeError(f"{self._path.name} defines no {name}") from None


class Excerpts:
    """Modules of which only some names are defined, with the statements that those need and no others.

    `missing` are the modules that could not be imported on the way, each replaced by `Missing`.
    """

    def __init__(self) -> None:
        self.missing: dict[str, None] = {}
        self._modules: dict[Path, ModuleType] = {}
        self._ran: set[ast.stmt] = set()
        self._trees: dict[Path, ast.Module] = {}

    def of(self, path: Path, name: str, depth: int = _DEEPEST) -> Any:
        """What `name` is in the file. Raises KeyError where nothing at its top level defines it."""
        module = self._module(path)
        tree = self._trees[path]
        defining = _defining(tree)
        needed, edge = {name}, [name]
        if name not in defining:
            raise KeyError(name)
        while edge:
            for statement in defining.get(edge.pop(), ()):
                new = (_names(statement) & set(defining)) - needed
                needed |= new
                edge += new
        for statement in tree.body:
            if statement in self._ran or not needed & _bound(statement):
                continue
            self._ran.add(statement)
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self._import(statement, needed, module, path, depth)
            else:
                self._run(statement, module, name)
        return vars(module)[name]

    def _run(self, statement: ast.stmt, module: ModuleType, wanted: str) -> None:
        where = str(module.__file__)
        code = compile(ast.Module([statement], []), where, "exec", _ANNOTATIONS, dont_inherit=True)
        try:
            exec(code, vars(module))  # noqa: S102
        except Exception as error:
            bound = _bound(statement)
            if wanted in bound:
                raise
            # Perhaps the class never uses it.
            self._note(error)
            for name in bound:
                vars(module).setdefault(name, Missing(error))

    def _note(self, error: Exception) -> None:
        if isinstance(error, ImportError) and error.name:
            self.missing[error.name] = None

    def _module(self, path: Path) -> ModuleType:
        if path not in self._modules:
            tree = _tree(path)
            if tree is None:
                raise KeyError(path.stem)
            self._trees[path] = tree
            name = f"per_audit_excerpt_{len(self._modules)}"
            module = self._modules[path] = sys.modules[name] = ModuleType(name)
            module.__file__ = str(path)
        return self._modules[path]

    def _import(
        self, statement: ast.Import | ast.ImportFrom, needed: set[str], module: ModuleType, path: Path, depth: int
    ) -> None:
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if bound not in needed and alias.name != "*":
                continue
            one: ast.stmt
            if isinstance(statement, ast.Import):
                one = ast.Import([alias])
                found = self._of_project(path, 0, alias.name.split("."), None, depth) if alias.asname else None
            else:
                one = ast.ImportFrom(statement.module, [alias], statement.level)
                parts = (statement.module or "").split(".") if statement.module else []
                found = self._of_project(path, statement.level, parts, alias.name, depth)
            if found is not None:
                vars(module)[bound] = found[0]
                continue
            code = compile(ast.Module([ast.copy_location(one, statement)], []), str(path), "exec")
            try:
                exec(code, vars(module))  # noqa: S102
            except Exception as error:
                self._note(error)
                vars(module)[bound] = Missing(error)

    def _of_project(self, path: Path, level: int, parts: list[str], name: str | None, depth: int) -> tuple[Any] | None:
        """What a name of a module stands for where another file of the project defines it; None for the name: the
        module itself.
        """
        if level:
            bases = [path.parents[level - 1]]
        else:
            bases = [path.parent, *(Path(entry) for entry in sys.path if entry and "site-packages" not in entry)]
        for base in bases if depth else ():
            whole = base.joinpath(*parts, *([name] if name else [])).with_suffix(".py")
            if whole.is_file() and not _is_standard(whole):
                return (_Lazy(self, whole.resolve()),)
            for file in (base.joinpath(*parts).with_suffix(".py"), base.joinpath(*parts, "__init__.py")):
                if name and parts and file.is_file() and not _is_standard(file):
                    with contextlib.suppress(KeyError):
                        return (self.of(file.resolve(), name, depth - 1),)
        return None


def _is_standard(file: Path) -> bool:
    return Path(ast.__file__).parent in file.parents


def _tree(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _defining(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    table: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _bound(statement):
            table.setdefault(name, []).append(statement)
    return table


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement of the top level defines; loops define none, as they are the work of a script."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.If, ast.Try)):
        inside = [node for node in ast.walk(statement) if isinstance(node, ast.stmt)]
        nodes = [node for node in inside if not isinstance(node, (ast.If, ast.Try))]
        return set().union(*map(_bound, nodes))
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return set()
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _names(statement: ast.stmt) -> set[str]:
    found = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return found - set(vars(builtins))
