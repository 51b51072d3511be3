"""Options that are off unless somebody sets them, and the classes that only they have a program make."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.memory.looked_up import looked_up
from per_audit.graph.symbolic.options import is_option, names_of_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_FARTHEST = 4  # classes that make each other's objects; names that a setting has


class Choices:
    """Asked on which option it hangs that a class is made. `naming` gives the places that name a class."""

    def __init__(self, graph: ReplayGraph, naming: Callable[[ir.Class], Iterable[tuple[str, ir.Node]]]) -> None:
        self._graph = graph
        self._naming = naming

    def of(self, cls: ir.Class, farthest: int = _FARTHEST) -> str | None:
        """The option under which alone objects of a class are made, in words; None where others are, or may be."""
        sites = [site for site in self._graph.events.calls.values() if cls in site.classes]
        makers = {site.node.func for site in sites}
        if not sites or any(node not in makers for _, node in self._naming(cls)):
            return None
        options = {self._above(site) or self._of_maker(cls, site, farthest) for site in sites}
        return options.pop() if len(options) == 1 else None

    def _of_maker(self, cls: ir.Class, site: ev.CallSite, farthest: int) -> str | None:
        """The option on which the class hangs whose objects make this one, as a memory makes its tree."""
        around = next(
            (each for each in self._graph.ancestors(site.path, site.node) if isinstance(each, ir.Class)), None
        )
        return self.of(around, farthest - 1) if around is not None and around is not cls and farthest else None

    def _above(self, site: ev.CallSite) -> str | None:
        """The option that a call waits for, by a branch around it."""
        below: ir.Node = site.node
        for around in self._graph.ancestors(site.path, site.node):
            if isinstance(around, (ir.If, ir.IfExp)):
                body = around.body if isinstance(around.body, list) else [around.body]
                if any(below is part for part in body) and self._is_off(site.path, around.test):
                    return self._graph.source(site.path, around.test, 40)
            below = around
        return None

    def _is_off(self, path: str, test: ir.Expr) -> bool:
        """Whether a test asks for a truth that is none unless it is set."""
        if isinstance(test, ir.Logic):
            return test.op == "and" and (self._is_off(path, test.left) or self._is_off(path, test.right))
        if not isinstance(test, (ir.Name, ir.Attr, ir.Sub, ir.Call)):
            return False
        return self._is_false(self._graph.symbols.term(path, test), _FARTHEST)

    def _is_false(self, term: Term, depth: int) -> bool:
        if term.op == "const":
            return term.data is None or term.data is False
        if term.op == "external":
            name = str(term.data)
            return is_option(name) and self._defaults.get(name.rpartition(".")[2]) == {False}
        if term.op == "logic" and term.data == "and":
            return any(self._is_false(side, depth) for side in term.args)
        if depth and term.op == "call" and str(term.data).rpartition(".")[2] in ("get", "getattr"):
            return self._is_false_where_left_out(term, depth)
        if not depth or term.op not in ("param", "field"):
            return False
        options = list(self._graph.symbols.options(term))
        if term.op == "param":
            function, name = term.data
            defaults = [each.default for each in function.parameters if each.name == name and each.default is not None]
            path = self._graph.project.module_of[function].path
            options += [self._graph.symbols.term(path, default) for default in defaults]
        return bool(options) and all(self._is_false(option, depth - 1) for option in options)

    def _is_false_where_left_out(self, term: Term, depth: int) -> bool:
        """Whether settings, of a file say, are asked for one that is none where they leave it out."""
        if len(term.args) < 2 or not isinstance(term.args[1].data, str):
            return False
        known = looked_up(self._graph, term) or list(term.args[2:])
        return all(self._is_false(option, depth - 1) for option in known)

    @cached_property
    def _defaults(self) -> dict[str, set[bool]]:
        """What truths that are parsed are unless they are told, by the names of their options."""
        found: dict[str, set[bool]] = {}
        for site in self._graph.events.calls.values():
            called = name_of(site.node.func) or ""
            if called == "set_defaults":
                return {}
            if called == "add_argument" or called.startswith("DEFINE_bool"):
                for name in names_of_option(site.node):
                    found.setdefault(name, set()).add(_is_on(site.node, called))
        return found


def _is_on(call: ir.Call, called: str) -> bool:
    """Whether an option is on, or may be, where it is left out."""
    default = call.argument(None, "default") if called == "add_argument" else call.argument(1, "default")
    if isinstance(default, ir.Const):
        return default.value not in (False, None)
    action = call.argument(None, "action")
    return default is not None or not (isinstance(action, ir.Const) and action.value == "store_true")
