"""Which of several methods of a name is run: that of the class that is made, not an heir's that nothing makes."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.lifetimes import is_idle

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

# Ways to find a class that nothing names.
_LOOK_UP = re.compile(
    rb"__subclasses__|import_module|__import__|getmembers|globals\(\)|hydra|_target_|gin\.|entry_point"
)


class Inherited:
    """Asked of a method whether it is run of any object that the project makes."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._known: dict[ev.Owner, bool] = {}
        self._named: dict[ir.Class, bool] = {}

    def is_never_run(self, function: ev.Owner) -> bool:
        """Whether no object that is made has the method under its name, or nothing calls it of any."""
        if function not in self._known:
            self._known[function] = self._is_left(function) or is_idle(self._graph, function, frozenset())
        return self._known[function]

    def _is_left(self, method: ev.Owner) -> bool:
        """Whether objects are made of relatives of the method's class alone, in which another takes its place.

        Where nothing of the whole family is made, whoever imports it may make all.
        """
        cls = self._graph.project.class_of.get(method) if method is not None else None
        if cls is None or not isinstance(method, ir.Function) or method.name.startswith("__"):
            return False
        interpreter = self._graph.interpreter
        heirs = interpreter.classes.heirs(cls)
        if method.decorators or self._are_looked_up or not (heirs or interpreter.classes.mro(cls)[1:]):
            return False
        made = [each for each in (cls, *heirs) if self._may_be_made(each)]
        if not made:
            return any(base in self._made for base in interpreter.classes.mro(cls)[1:])
        lines = {each for heir in made for each in interpreter.classes.mro(heir)}
        if any(_asks_base(each, method.name) for each in lines):
            return False
        return all(interpreter.classes.find_method(each, method.name) is not method for each in made)

    @cached_property
    def _made(self) -> set[ir.Class]:
        """The classes of which objects are made, other than by tests."""
        sites = self._graph.events.calls.values()
        return {cls for site in sites if site.classes and not is_test(site.path) for cls in site.classes}

    @cached_property
    def _are_looked_up(self) -> bool:
        """Whether the project finds classes other than by their names."""
        modules = self._graph.project.modules.values()
        return any(_LOOK_UP.search(module.text) or any(map(_asks, module.nodes_of(ir.Call))) for module in modules)

    def _may_be_made(self, cls: ir.Class) -> bool:
        if cls not in self._named:
            self._named[cls] = cls in self._made or self._is_named(cls)
        return self._named[cls]

    def _is_named(self, cls: ir.Class) -> bool:
        """Whether something has the class by its name, other than the classes that are built upon it."""
        word = re.compile(rf"\b{re.escape(cls.name)}\b")
        for path, module in self._graph.project.modules.items():
            if cls.name.encode() not in module.text or is_test(path):
                continue
            bases = {part for each in module.nodes_of(ir.Class) for part in ir.walk(*each.bases)}
            own = set(ir.walk(cls)) | bases
            for node in module.nodes_of(ir.Name, ir.Attr, ir.Const):
                text = node.value if isinstance(node, ir.Const) else ir.last_name(node)
                if node not in own and isinstance(text, str) and word.search(text):
                    return True
        return cls.name.encode() in self._graph.unread_words


def _asks_base(cls: ir.Class, name: str) -> bool:
    """Whether a method of a class calls one of that name of a base: `super().update(...)`, `Base.update(self, ...)`."""
    return any(
        isinstance(node.func, ir.Attr)
        and node.func.attr == name
        and (_is_super(node.func.value) or ir.last_name(node.func.value) in {ir.last_name(base) for base in cls.bases})
        for node in ir.walk(cls)
        if isinstance(node, ir.Call)
    )


def _is_super(node: ir.Expr) -> bool:
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "super"


def _asks(call: ir.Call) -> bool:
    """Whether a call gets what has a name that is known only when it runs."""
    is_get = isinstance(call.func, ir.Name) and call.func.id == "getattr" and len(call.args) > 1
    return is_get and not isinstance(call.args[1].value, ir.Const)
