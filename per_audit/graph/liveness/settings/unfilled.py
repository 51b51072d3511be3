"""Tests that wait for a container to fill which nothing is put into: what they guard is never run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from per_audit.graph.liveness.settings.switched import Switches
    from per_audit.graph.model import ReplayGraph

_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_FARTHEST = 2  # functions that return a length, or what such a function returns
# What may fill an attribute without its name, or one of an object that is read from a file.
_UNNAMED = (b"setattr(", b"__setattr__", b"__setstate__", b"__dict__", b"vars(", b"getattr(", b"exec(")


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A test that comes out one way only, in words: the container whose length it asks for stays empty.

    `of_draws`: it keeps a memory from being drawn from, which may be stored into all the same.
    """

    test: str
    container: str
    of_draws: bool = False

    def __str__(self) -> str:
        return f"nothing is put into `{self.container}`, and `{self.test}` waits for it"


class Lengths:
    """Asked which comparisons ask for the length of an attribute that stays empty."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph

    def compared(self, path: str, test: ir.Cmp) -> bool | None:
        """What a comparison of such a length with a number above it comes out as; None for any other."""
        if len(test.ops) != 1:
            return None
        left, op, right = test.left, test.ops[0], test.rights[0]
        for side, asked, other in ((left, op, right), (right, _TURNED.get(op, ""), left)):
            if asked in _TURNED and self._emptied(path, side) is not None and self._is_above(path, asked, other):
                return asked in ("<", "<=")
        return None

    def why(self, path: str, test: ir.Expr) -> Unfilled | None:
        """Why a test comes out one way only, where that is due to such a length."""
        for part in ir.walk(test):
            if isinstance(part, ir.Cmp) and self.compared(path, part) is not None:
                named = next(filter(None, (self._emptied(path, side) for side in (part.left, *part.rights))))
                return Unfilled(self._graph.source(path, part, 40), named)
        return None

    def _is_above(self, path: str, asked: str, node: ir.Expr) -> bool:
        """Whether a length of nothing is never as much as a test asks for: more than a setting, or a known number."""
        known = number_of(self._graph, path, node)
        if asked in (">", "<=") and isinstance(node, (ir.Name, ir.Attr, ir.Const)):
            return known.largest is None or known.largest > 0
        return known.usual is not None and known.usual > 0

    def _emptied(self, path: str, side: ir.Expr, farthest: int = _FARTHEST) -> str | None:
        """The text of the attribute whose length a number is, where nothing is put into it."""
        if not isinstance(side, ir.Call):
            return None
        measured = side.args[0].value if len(side.args) == 1 else None
        if getattr(side.func, "id", "") == "len" and isinstance(measured, ir.Attr):
            return self._graph.source(path, measured) if self._is_empty(measured) else None
        site = self._graph.events.calls.get(side)
        if site is None or len(site.targets) != 1 or side.args or not farthest:
            return None
        (function,) = (target.node for target in site.targets)
        body = [each for each in function.body if not _is_text(each)] if isinstance(function, ir.Function) else []
        answer = body[0].value if len(body) == 1 and isinstance(body[0], ir.Return) else None
        if answer is None:
            return None
        return self._emptied(self._graph.project.module_of[function].path, answer, farthest - 1)

    def _is_empty(self, measured: ir.Attr) -> bool:
        """Whether an attribute is a container that code makes empty and measures, and does nothing else with."""
        graph = self._graph
        classes = set(graph.symbols.classes_of(measured.value))
        made = graph.events.value(measured).atoms
        if not classes or not made or measured.attr not in self._only_measured:
            return False
        if any(graph.classes.external_bases(cls) for cls in classes):
            return False
        return all(isinstance(atom, Alloc) for atom in made)

    @cached_property
    def _only_measured(self) -> set[str]:
        """The attributes that are only ever made empty and measured, whatever objects they are of."""
        graph = self._graph
        modules = graph.project.modules
        if graph.unread_words or any(mark in module.text for module in modules.values() for mark in _UNNAMED):
            return set()
        found: set[str] = set()
        others: set[str] = set()
        for path, module in modules.items():
            for node in module.nodes_of(ir.Attr):
                if isinstance(node, ir.Attr):
                    (found if self._is_measured(path, node) else others).add(node.attr)
        return found - others

    def _is_measured(self, path: str, node: ir.Attr) -> bool:
        parents = self._graph.parents(path)
        around = parents.get(node)
        if isinstance(around, ir.Assign):
            is_target = any(node is target for target in around.targets)
            return is_target and around.value is not None and _is_made_empty(around.value)
        call = parents.get(around) if isinstance(around, ir.Arg) else None
        return isinstance(call, ir.Call) and getattr(call.func, "id", "") == "len"


def _is_text(node: ir.Stmt) -> bool:
    return isinstance(node, ir.Do) and isinstance(node.value, ir.Const)


def _is_made_empty(node: ir.Node) -> bool:
    if isinstance(node, ir.Seq):
        return not node.items
    name = ir.last_name(node.func) if isinstance(node, ir.Call) else ""
    if name not in ("list", "deque") or not isinstance(node, ir.Call) or any(arg.star for arg in node.args):
        return False
    given = node.argument(0, "iterable")
    return given is None or (isinstance(given, ir.Seq) and not given.items)


def undrawn(graph: ReplayGraph, switches: Switches) -> dict[ir.Class, Unfilled]:
    """The classes of memories that are only drawn from behind such tests, and of what only these make: their trees."""
    found: dict[ir.Class, Unfilled] = {}
    draws: dict[ir.Class, list[ir.Expr | Unfilled | None]] = defaultdict(list)
    for buffer in (*graph.buffers, *graph.twins):
        if buffer.owner is not None and not graph.is_agent(buffer):
            draws[buffer.owner] += [switches.reason(site.path, site.node) for site in buffer.samples] or [None]
    for owner, reasons in draws.items():
        waits = [reason for reason in reasons if isinstance(reason, Unfilled)]
        if len(waits) == len(reasons):
            found[owner] = replace(waits[0], of_draws=True)
    makers: dict[ir.Class, set[ir.Node | None]] = defaultdict(set)
    for site in graph.events.calls.values() if found else ():
        around = next((each for each in graph.ancestors(site.path, site.node) if isinstance(each, ir.Class)), None)
        for cls in site.classes:
            makers[cls].add(around)
    inside = {cls: found[owner] for owner in found for cls, made_in in makers.items() if made_in == {owner}}
    return {**inside, **found}
