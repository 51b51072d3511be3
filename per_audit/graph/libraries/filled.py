"""Buffers of libraries that a function holds for itself, and from which nothing learns by rewards.

What plays may be recorded and saved, and a teacher's states may be drawn for a student to answer: neither has a TD
error. A collector of the library fills the buffer it is given; whoever is handed the collector may train from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of_name, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.facts import ModuleFacts
    from per_audit.graph.frameworks import Framework, Kind

_LOOKS = {"len", "print", "isinstance", "type", "bool", "str", "repr", "hasattr", "dump", "dumps"}
_SAVES = ("save", "dump")


def is_never_learnt_from(kind: Kind, library: Framework, function: ir.Function, made: ir.Expr) -> bool:
    """Whether all that a function does with the buffer made at `made` is to fill, save and look at it.

    Draws whose batches only policies answer count as looks. A buffer that nothing at all is done with is one that
    something unseen may take.
    """
    held = _Held(kind, library, function)
    return held.is_kept(made) and held.is_used


def is_filled_at_once(kind: Kind, made: ir.Expr, module: ModuleFacts) -> bool:
    """Whether a buffer must be full to be drawn from, and turns of a loop give rows of that very number their shape.

    What each turn adds takes the place of all that was there then: a rollout.
    """
    given = [made.argument(None, name) for name in kind.lengths] if isinstance(made, ir.Call) else []
    lengths = {None if length is None or isinstance(length, ir.Const) else module.source(length) for length in given}
    if len(lengths) != 1 or None in lengths:
        return False
    return any(
        isinstance(node, ir.Call)
        and ir.last_name(node.func) == "reshape"
        and any(module.source(part.value) in lengths for part in node.args)
        for loop in module.nodes_of(ir.For, ir.While)
        for node in ir.walk(*loop.body)
    )


class _Held:
    """The names of one function, followed from what they are given to what is done with them."""

    def __init__(self, kind: Kind, library: Framework, function: ir.Function) -> None:
        self.kind = kind
        self.library = library
        self.function = function
        self.parents = {child: node for node in ir.walk(*function.body) for child in ir.children(node)}
        self.is_used = False
        self._followed: set[tuple[ir.Assign, Callable[[ir.Expr], bool]]] = set()

    def is_kept(self, node: ir.Expr) -> bool:
        """Whether what stands for the buffer is only filled, saved and looked at."""
        around = self.parents.get(node)
        if isinstance(around, ir.Assign):
            return self._is_all(around, self.is_kept)
        if isinstance(around, ir.Attr):
            return self._is_harmless(around)
        call = self.parents.get(around) if isinstance(around, ir.Arg) else None
        if not isinstance(call, ir.Call):
            return isinstance(around, ir.Do)
        self.is_used = True
        name = ir.last_name(call.func)
        return (name in self.library.collectors and self._collects(call)) or name in _LOOKS

    def _is_harmless(self, method: ir.Attr) -> bool:
        call = self.parents.get(method)
        if not isinstance(call, ir.Call) or call.func is not method:
            return False
        self.is_used = True
        if method.attr in self.kind.sample:
            return self._is_answered(call)
        return method.attr in self.kind.store or method.attr.startswith(_SAVES)

    def _collects(self, node: ir.Expr) -> bool:
        """Whether what stands for a collector is only told to collect."""
        around = self.parents.get(node)
        if isinstance(around, ir.Assign):
            return self._is_all(around, self._collects)
        if isinstance(around, ir.Attr):
            return self.is_kept(around) if "buffer" in words(around.attr) and not self._is_called(around) else True
        return isinstance(around, ir.Do)

    def _is_called(self, node: ir.Attr) -> bool:
        call = self.parents.get(node)
        return isinstance(call, ir.Call) and call.func is node

    def _is_answered(self, node: ir.Expr) -> bool:
        """Whether only policies of the library answer a batch, and no reward of it is read."""
        around = self.parents.get(node)
        if isinstance(around, ir.Assign):
            return self._is_all(around, self._is_answered)
        if isinstance(around, ir.Attr):
            return role_of_name(around.attr) != REWARD and not self._is_called(around)
        call = self.parents.get(around) if isinstance(around, ir.Arg) else None
        return isinstance(call, ir.Call) and ir.last_name(call.func) in self.library.answers

    def _is_all(self, given: ir.Assign, does: Callable[[ir.Expr], bool]) -> bool:
        """Whether a value gets one name, alone or before others, and all that this is used for is right."""
        target = given.targets[0] if len(given.targets) == 1 else None
        if isinstance(target, ir.Seq) and target.items:
            target = target.items[0]
        if not isinstance(target, ir.Name):
            return False
        if (given, does) in self._followed:  # names that are given to one another
            return True
        self._followed.add((given, does))
        return all(map(does, self._uses(target.id, self.function)))

    def _uses(self, name: str, function: ir.Function) -> Iterator[ir.Name]:
        """The names by which a value is read, but for those of functions inside that have a value of that name."""
        for node in ir.walk_scope(function.body):
            if isinstance(node, ir.Name) and node.id == name and not self._is_target(node):
                yield node
            elif isinstance(node, ir.Function) and name not in self._own(node):
                yield from self._uses(name, node)
            elif isinstance(node, (ir.Lambda, ir.Class)):
                yield from (part for part in ir.walk(node) if isinstance(part, ir.Name) and part.id == name)

    def _own(self, function: ir.Function) -> set[str]:
        nodes = ir.walk_scope(function.body)
        targets = {node.id for node in nodes if isinstance(node, ir.Name) and self._is_target(node)}
        return targets.union(parameter.name for parameter in function.parameters)

    def _is_target(self, name: ir.Name) -> bool:
        around: ir.Node | None = name
        while isinstance(around, (ir.Name, ir.Seq)):
            inside, around = around, self.parents.get(around)
        return isinstance(around, ir.Assign) and inside in around.targets
