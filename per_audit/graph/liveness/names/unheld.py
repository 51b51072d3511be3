"""Objects that are made for a name which nothing reads: what their class can do is never asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.source.imports import WHOLE, imports_of, packages_of_unwritten

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_STARTS = ("__init__", "__new__", "__post_init__")
_LOOKS_UP = (b"globals(", b"locals(", b"vars(", b"eval(", b"exec(")


@dataclass(frozen=True, slots=True)
class Unheld:
    """That an object is made, and nothing reads the name it is given, in words."""

    name: str
    path: str

    def __str__(self) -> str:
        return f"nothing reads `{self.name}` of {self.path}"


def unheld(graph: ReplayGraph, path: str, node: ir.Node, cls: ir.Node) -> Unheld | None:
    """The name that nothing reads, where a node names a class to make an object that only this name holds.

    Whoever goes through the cells of a notebook may read what they like, and so may files that import a script.
    """
    call = graph.parents(path).get(node)
    statement = graph.statement(path, node)
    if path.endswith(".ipynb") or not isinstance(cls, ir.Class) or not isinstance(statement, ir.Assign):
        return None
    if isinstance(graph.parents(path).get(statement), ir.Class):
        return None  # an attribute of all that its class makes
    target = statement.targets[0]
    if not isinstance(call, ir.Call) or call.func is not node or statement.value is not call:
        return None
    if not isinstance(target, ir.Name) or len(statement.targets) > 1 or _is_read(graph, path, target):
        return None
    return Unheld(target.id, path) if _keeps_to_itself(graph, cls) else None


def _is_read(graph: ReplayGraph, path: str, target: ir.Name) -> bool:
    """Whether something may read the name that a target gives, in its function or from anywhere."""
    module = graph.module(path)
    if any(mark in module.text for mark in _LOOKS_UP):
        return True
    function = graph.symbols.function_of(path, target)
    if function is None and _is_imported(graph, path):
        return True
    nodes = module.nodes if function is None else list(ir.walk(function))
    if any(isinstance(each, ir.Scope) and target.id in each.names for each in nodes):
        return True
    assigned = {part for each in nodes if isinstance(each, ir.Assign) for part in each.targets}
    return any(isinstance(each, ir.Name) and each.id == target.id and each not in assigned for each in nodes)


def _is_imported(graph: ReplayGraph, path: str) -> bool:
    """Whether a file may import a module: by its name, or under a name that is not written out."""
    stem = path.rpartition("/")[2].removesuffix(".py")
    texts = [*graph.unread, *(module.text for other, module in graph.project.modules.items() if other != path)]
    if stem == "__init__" or any(map(packages_of_unwritten, texts)):
        return True
    imported = (dotted for text in texts if stem.encode() in text for dotted in imports_of(text))
    return any(stem in dotted.rstrip(WHOLE).split(".") for dotted in imported)


def _keeps_to_itself(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether an object is handed to nobody while it is made, and then neither draws nor learns."""
    classes = graph.classes
    if cls.keywords or cls.decorators or classes.external_bases(cls):
        return False
    draws = {buffer.function for buffer in (*graph.buffers, *graph.twins)}
    run: list[ir.Function] = [
        part
        for each in classes.mro(cls)
        for part in each.body
        if isinstance(part, ir.Function) and part.name in _STARTS
    ]
    for method in run:
        parents = graph.parents(graph.project.module_of[method].path)
        own = method.parameters[0].name if method.parameters else None
        asked = [parents.get(node) for node in ir.walk(*method.body) if isinstance(node, ir.Name) and node.id == own]
        if method in draws or method.decorators or graph.learns(method):
            return False
        for each in asked:
            if not isinstance(each, ir.Attr):
                return False
            called = classes.find_method(cls, each.attr)
            run += [called] if called is not None and called not in run else []
    return True
