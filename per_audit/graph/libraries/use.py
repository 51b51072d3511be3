"""What a project does with a prioritised buffer of a library: whether it gives priorities back and uses the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.frameworks import Fields, Kind, Shape
from per_audit.graph.interpret.values import Record, Result, TupleOf
from per_audit.graph.libraries.buffers import LibraryBuffer, is_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.priorities.priorities import Priorities

_CORRECTIONS = ("weights", "probabilities", "priorities")
_WHOLE = {"values", "items"}
_LOOKS = {f"builtins.{name}" for name in ("len", "print", "isinstance", "type", "bool", "str", "hasattr")}


class LibraryUse:
    """One prioritised buffer of a library, asked about the steps that its library leaves to the project."""

    def __init__(self, graph: ReplayGraph, buffer: LibraryBuffer, about: Priorities) -> None:
        self.graph = graph
        self.buffer = buffer
        self.about = about
        self.draws = {site.node for site in buffer.samples}

    def is_trained_on(self) -> bool:
        """Whether the project itself draws batches from the buffer and learns from them.

        Where the buffer is handed to an object of another library, that may draw, weigh and update.
        """
        if not self.buffer.samples or any(is_test(site.path) for site in self.buffer.samples):
            return False
        if any(self._leaves(site) for site in self.buffer.given):
            return False
        return any(self.graph.learns(function) for function in self.about.around)

    def updated(self) -> bool:
        """Whether anything that may be the buffer has its priorities updated; a method that is passed on counts."""
        return not self.buffer.kind.update or any(
            not self.buffer.kind.functional or (not self._is_dropped(path, node) and not self._is_kept(path, node))
            for path, node in self._named_updates()
        )

    def dropped_updates(self) -> list[tuple[str, ir.Call]]:
        """The calls that would update the priorities, were not what they return dropped."""
        named = self._named_updates() if self.buffer.kind.functional else ()
        calls = ((path, self.graph.parents(path).get(node)) for path, node in named if self._is_dropped(path, node))
        return [(path, call) for path, call in calls if isinstance(call, ir.Call)]

    def _named_updates(self) -> Iterator[tuple[str, ir.Attr]]:
        for path, module in self.graph.project.modules.items():
            for node in module.nodes_of(ir.Attr):
                if node.attr in self.buffer.kind.update and self._may_be_buffer(node.value):
                    yield path, node

    def _is_dropped(self, path: str, node: ir.Attr) -> bool:
        """Whether a method is called, and nothing has what it returns."""
        parents = self.graph.parents(path)
        call = parents.get(node)
        around = parents.get(call) if isinstance(call, ir.Call) and call.func is node else None
        if isinstance(around, ir.Assign):
            return all(isinstance(target, ir.Name) and target.id == "_" for target in around.targets)
        return isinstance(around, ir.Do)

    def _is_kept(self, path: str, node: ir.Attr) -> bool:
        """Whether a method becomes that of the same name of a buffer like it: `buffer.replace(add=jit(buffer.add))`."""
        for around in self.graph.ancestors(path, node):
            if isinstance(around, ir.Stmt):
                return False
            if isinstance(around, ir.Arg) and around.keyword == node.attr:
                call = self.graph.parents(path).get(around)
                return isinstance(call, ir.Call) and ir.last_name(call.func) == "replace"
        return False

    def missing_weights(self) -> str:
        """What is plainly missing between the draw and the loss; nothing where it is there, or cannot be told."""
        kind = self.buffer.kind
        if kind.weighted_by_library or self._batch_leaves() or (kind.losses and self._is_weighed_by(kind)):
            return ""
        names = {*kind.fields, *(() if kind.returns is None else _names(kind.returns))}
        if names:
            read = self._mentions({*names, *kind.weigh}) or self._is_read_whole()
            return "" if read else f"`{max(names)}` of its batches is never read"
        if kind.returns is None or not self._is_unpacked(kind.returns) or self.about.weights_used():
            return ""
        return "its importance-sampling weights never reach a loss"

    # ---------------------------------------------------------------- helpers

    def _leaves(self, site: ev.CallSite) -> bool:
        """Whether the call is of something outside the project that may do more than look."""
        return not site.targets and not site.classes and not (site.names and site.names <= _LOOKS)

    def _may_be_buffer(self, node: ir.Expr) -> bool:
        atoms = self.graph.events.value(node).atoms
        return not atoms or any(isinstance(a, Result) and a.call is self.buffer.node for a in atoms)

    def _batch_leaves(self) -> bool:
        """Whether a whole batch is given to something outside the project, which may weigh it."""
        return any(
            isinstance(atom, (TupleOf, Record, Result)) and self._is_batch(atom)
            for site in self.graph.events.calls.values()
            if self._leaves(site) and not self._updates(site)
            for value in site.arguments
            for atom in value.atoms
        )

    def _updates(self, site: ev.CallSite) -> bool:
        """Whether the call gives new priorities back to the buffer."""
        func = site.node.func
        return isinstance(func, ir.Attr) and func.attr in self.buffer.kind.update and self._may_be_buffer(func.value)

    def _is_weighed_by(self, kind: Kind) -> bool:
        """Whether the project may use a loss of the library that weighs by itself, or has no errors to weigh by.

        New transitions all get one priority: until an update of them the draw is uniform.
        """
        nodes = (n for m in self.graph.project.modules.values() for n in m.nodes_of(ir.Import, ir.ImportFrom))
        names = (
            f"{node.module}.{name}" if isinstance(node, ir.ImportFrom) else name
            for node in nodes
            for name, _ in node.names
        )
        return not self.updated() or any(f"{name}.".startswith(f"{kind.losses}.") for name in names)

    def _is_batch(self, atom: TupleOf | Record | Result) -> bool:
        return (atom.call if isinstance(atom, Result) else atom.node) in self.draws

    def _is_unpacked(self, shape: Shape) -> bool:
        """Whether every draw is taken apart, so that the place of the weights is known."""
        taken = {
            atom.node
            for unpack in self.graph.events.unpacks.values()
            if len(unpack.node.items) == len(shape) or any(isinstance(i, ir.Star) for i in unpack.node.items)
            for atom in unpack.value.atoms
            if isinstance(atom, TupleOf)
        }
        return self.draws <= taken

    def _is_read_whole(self) -> bool:
        """Whether all fields of a batch are taken at once: `batch.values()`."""
        return any(
            isinstance(site.node.func, ir.Attr)
            and site.node.func.attr in _WHOLE
            and isinstance(atom, (TupleOf, Record, Result))
            and self._is_batch(atom)
            for site in self.graph.events.calls.values()
            for atom in self.graph.events.value(getattr(site.node.func, "value", None)).atoms
        )

    def _mentions(self, names: set[str]) -> bool:
        """Whether any of the fields is read anywhere, by attribute or by key."""
        return any(
            (isinstance(node, ir.Attr) and node.attr in names) or (isinstance(node, ir.Const) and node.value in names)
            for module in self.graph.project.modules.values()
            for node in module.nodes
        )


def _names(shape: Shape) -> Iterator[str]:
    """The names of the fields that hold weights, or the probabilities to compute them from."""
    if isinstance(shape, Fields):
        yield from (name for what, name in shape.named if what in _CORRECTIONS)
    elif isinstance(shape, tuple):
        for part in shape:
            yield from _names(part)
