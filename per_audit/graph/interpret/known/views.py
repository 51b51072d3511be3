"""What is made of the items of containers without a change of them: pairs with their numbers, rows of columns, copies.

What is drawn from such a view is drawn from the containers behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.parts import is_repeated
from per_audit.graph.interpret.values import Alloc, Value, of, taint

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments

_CHAINED, _LISTED = "itertools.chain", "itertools.chain.from_iterable"
_WINDOW = "itertools.islice"


class Views:
    """Knows which containers are behind those that were made of their items."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._behind: dict[ir.Node, set[Alloc]] = {}

    def note(self, node: ir.Node, *sources: Value) -> None:
        """Record that a node makes a container of the items of others."""
        held = {atom for value in sources for atom in value.atoms if isinstance(atom, Alloc) and atom.node is not node}
        if held:
            self._behind.setdefault(node, set()).update(held)

    def behind(self, containers: Iterable[Alloc], kept: Container[Alloc]) -> set[Alloc]:
        """The containers, or in place of a view those that it was made of; what is `kept` is a memory of its own."""
        found: set[Alloc] = set()
        left = list(containers)
        for atom in left:
            sources = self._behind.get(atom.node, set()) if atom not in kept else set()
            if not sources:
                found.add(atom)
            left += [source for source in sources if source not in left]
        return found

    def note_listed(self, node: ir.Comp) -> None:
        """Record that a comprehension gives all items of what it goes through last, by themselves or beside others."""
        if node.key is not None or any(generator.ifs for generator in node.generators):
            return
        last = {part.id for part in ir.walk(node.generators[-1].target) if isinstance(part, ir.Name)}
        shown = node.elt.items if isinstance(node.elt, ir.Seq) else [node.elt]
        if any(isinstance(part, ir.Name) and part.id in last for part in shown):
            value = self._interpreter.events.value
            self.note(node, *(value(generator.iter) for generator in node.generators))

    def call(self, name: str, node: ir.Call, arguments: Arguments, frame: Frame) -> Value | None:
        """What chains and `sum(lists, [])` give, and a window that begins at a drawn place; None for others."""
        values = [value for _, _, value in arguments]
        parts = self._interpreter.parts
        if values and (name == _LISTED or joins_lists(name, node)):
            return self._chained(node, values[:1], [parts.element(values[0])])
        if name == _CHAINED:
            return self._chained(node, values, [parts.element(v) if star else v for _, star, v in arguments])
        return self._window(node, values, frame) if name == _WINDOW and len(values) > 2 else None

    def _chained(self, node: ir.Call, given: list[Value], inner: list[Value]) -> Value:
        """The items of each of several iterables."""
        for value in inner:
            self._interpreter.add_content(node, self._interpreter.parts.element(value))
        self.note(node, *given, *inner)
        return of(Alloc(node, "list")).with_all(taint(*inner).tags)

    def _window(self, node: ir.Call, values: list[Value], frame: Frame) -> Value | None:
        """`islice(rows, start, start + n)` from each of some drawn places, or in steps; None for what is no window."""
        starts = values[1].tagged("index")
        if len(values) < 4 and not (starts & values[2].tagged("index") and is_repeated(node, frame)):
            return None
        return self._interpreter.parts.rows_at(values[0], starts, node, frame) if starts else None


def joins_lists(name: str, node: ir.Call) -> bool:
    """Whether lists are added up to one: `sum(episodes, [])`."""
    return name == "builtins.sum" and len(node.args) > 1 and isinstance(node.args[1].value, ir.Seq)
