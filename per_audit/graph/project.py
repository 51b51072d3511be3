"""The modules of a project, and which of them an import statement means."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ModuleFacts, ir
from per_audit.source.components import meant
from per_audit.source.imports import imports_of
from per_audit.source.named import files_named, names_loaded
from per_audit.source.resolve import Modules

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(rb"[\"'](?=([\w\x80-\xff]+)[\"'])")


class Project:
    """All analysed modules by path, and the owner of every function and class in them.

    `tree` are the files that they may import, these modules where it is not given.
    """

    def __init__(self, modules: list[ModuleFacts], tree: Modules | None = None) -> None:
        self.modules = {module.path: module for module in sorted(modules, key=lambda m: m.path)}
        self.module_of: dict[ir.Node, ModuleFacts] = {}
        self.class_of: dict[ir.Function | ir.Lambda, ir.Class] = {}
        self.outer_of: dict[ir.Node, ir.Function] = {}
        self.functions: list[ir.Function] = []
        self.classes: list[ir.Class] = []
        self._loaded: dict[str, list[str]] = {}
        self._naming: dict[str, list[tuple[str, ir.Stmt]]] = {}
        self._words: dict[str, list[tuple[ir.Stmt, frozenset[str]]]] = {}
        self._resolve = Modules(self.modules) if tree is None else tree
        for module in self.modules.values():
            self._index(module)

    def _index(self, module: ModuleFacts) -> None:
        stack: list[tuple[ir.Node, ir.Class | None, ir.Function | None]] = [(s, None, None) for s in module.body]
        push = stack.append
        has_lambdas = b"lambda" in module.text  # else no expression holds what is looked for
        while stack:
            node, owner, outer = stack.pop()
            inside_class, inside_function = owner, outer
            if isinstance(node, (ir.Function, ir.Lambda)):
                self.module_of[node] = module
                if outer is not None:
                    self.outer_of[node] = outer
                if isinstance(node, ir.Function):
                    self.functions.append(node)
                    if owner is not None:
                        self.class_of[node] = owner
                    inside_class, inside_function = None, node
            elif isinstance(node, ir.Class):
                self.module_of[node] = module
                self.classes.append(node)
                inside_class = node
                if outer is not None:
                    self.outer_of[node] = outer
            inside_class = inside_class if isinstance(node, (ir.Class, ir.If, ir.Try, ir.With)) else None
            for child in ir.children(node):
                if has_lambdas or not isinstance(child, ir.Expr):
                    push((child, inside_class, inside_function))

    def find_module(self, importer: str, dotted: str, level: int = 0) -> str | None:
        """The path of the module that `importer` means by a dotted name, None where the tree has none.

        The module need not be among those that are analysed: then nothing is known of its names.
        """
        return self._resolve.find(importer, dotted, level)

    def loaded_by(self, path: str, expression: str = "") -> list[str]:
        """The modules that calls in a file may import by a text: by the one that an expression is, where that tells."""
        named = files_named(path, expression, self._resolve) if expression else None
        if named is None and path not in self._loaded:
            names = names_loaded(path, self.modules[path].text, self._resolve)
            self._loaded[path] = [found for name in names if (found := meant(path, name, self._resolve)) is not None]
        return self._loaded[path] if named is None else named

    def reached(self, begin: Iterable[str]) -> set[str]:
        """The modules that some lead to by what they import, with these: a module is behind the packages around it."""
        found: set[str] = set()
        waiting = list(begin)
        while waiting:
            path = waiting.pop()
            if path in found or path not in self.modules:
                continue
            found.add(path)
            folder, name = posixpath.split(path)
            waiting.append(
                posixpath.join(posixpath.dirname(folder) if name == "__init__.py" else folder, "__init__.py")
            )
            for imported in imports_of(self.modules[path].text):
                found_there = meant(path, imported, self._resolve)
                waiting += [found_there] if found_there is not None else []
        return found

    def is_package(self, path: str) -> bool:
        """Whether the module is a package's `__init__`."""
        return posixpath.basename(path) == "__init__.py"

    def words(self, path: str) -> list[tuple[ir.Stmt, frozenset[str]]]:
        """The statements of a module but for its own text, each with the words of the names and texts in it."""
        if path not in self._words:
            self._words[path] = [
                (statement, frozenset(word for node in ir.walk(statement) for word in _words(node)))
                for statement in self.modules[path].body
                if not (isinstance(statement, ir.Do) and isinstance(statement.value, ir.Const))
            ]
        return self._words[path]

    def naming(self, word: str) -> list[tuple[str, ir.Stmt]]:
        """The statements of modules that have a word in their names and texts, each with its file.

        Or that have the other name by which the file imports it.
        """
        if word not in self._naming:
            spelt = word.encode()
            self._naming[word] = [
                (path, statement)
                for path, module in self.modules.items()
                if spelt in module.text
                for meant in [_names_of(word, module)]
                for statement, words in self.words(path)
                if not words.isdisjoint(meant)
            ]
        return self._naming[word]

    def path_of(self, node: ir.Node) -> str | None:
        """The file that a node stands in; none for one that no file holds."""
        return self._paths.get(node)

    @cached_property
    def _paths(self) -> dict[ir.Node, str]:
        return {node: path for path, module in self.modules.items() for node in module.nodes}

    @cached_property
    def quoted(self) -> frozenset[bytes]:
        """The words that stand alone between quotation marks."""
        return frozenset(word for module in self.modules.values() for word in _QUOTED.findall(module.text))

    @cached_property
    def changes_reductions(self) -> bool:
        """Whether something is assigned to an attribute `reduction` of anything but `self`: of a criterion.

        What its constructor was told need not hold then.
        """
        return any(
            isinstance(target, ir.Attr)
            and target.attr == "reduction"
            and not (isinstance(target.value, ir.Name) and target.value.id == "self")
            for module in self.modules.values()
            if b".reduction" in module.text
            for node in module.nodes
            if isinstance(node, ir.Assign)
            for target in node.targets
        )

    @cached_property
    def feeds_graphs(self) -> bool:
        """Whether something is fed to graphs of TensorFlow 1."""
        return any(b"placeholder(" in module.text for module in self.modules.values())

    def qualified(self, node: ir.Function | ir.Lambda | ir.Class) -> str:
        """`Class.method`, `function` or `Class`, for people."""
        if isinstance(node, ir.Lambda):
            return "<lambda>"
        owner = self.class_of.get(node) if isinstance(node, ir.Function) else None
        if owner is not None:
            return f"{self.qualified(owner)}.{node.name}"
        outer = self.outer_of.get(node)
        return f"{self.qualified(outer)}.{node.name}" if outer is not None else node.name


def _names_of(word: str, module: ModuleFacts) -> set[str]:
    """A word, and what a module calls it that it imports by this name."""
    imports = (node for node in module.nodes_of(ir.ImportFrom) if isinstance(node, ir.ImportFrom))
    return {word} | {alias for node in imports for name, alias in node.names if name == word and alias is not None}


def _words(node: ir.Node) -> Iterable[str]:
    if isinstance(node, ir.Name):
        return (node.id,)
    if isinstance(node, ir.Attr):
        return (node.attr,)
    return _WORD.findall(node.value) if isinstance(node, ir.Const) and isinstance(node.value, str) else ()
