"""Objects that one object holds side by side, of one class or of heirs of one: a tree of sums and one of minima.

All objects of a class are one to the interpreter, and so are the attributes that heirs inherit. Where two of them are
held at once, what a method returns of one is not what it returns of the other.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc, Instance
from per_audit.graph.symbolic.term import Term

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.symbols import Symbols

_Held = tuple[ir.Class, str]  # an attribute, and the class whose objects have it


class Siblings:
    """Asked what a method returns of the object that it is called for."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._interpreter = symbols.graph.interpreter
        self._events = symbols.events
        self._families: dict[_Held, ir.Class] = {}
        beside: dict[tuple[ir.Class, ir.Class], set[str]] = defaultdict(set)
        for (holder, name), value in self._interpreter.attributes.items():
            for atom in value.atoms:
                if isinstance(atom, Instance):
                    root = self._root(atom.node)
                    self._families[holder, name] = root
                    beside[holder, root].add(name)
        several = {(holder, name) for (holder, _), names in beside.items() if len(names) > 1 for name in names}
        self._second = several - self._drawn_from(several) if several else set()

    def _root(self, cls: ir.Class) -> ir.Class:
        return list(self._interpreter.classes.mro(cls))[-1]

    def _drawn_from(self, several: set[_Held]) -> set[_Held]:
        """The attributes whose objects positions are found in by a random number, with those beside which none are."""
        drawing: set[ev.Owner] = {draw.function for draw in self._events.draws.values()}
        for mass in self._events.masses.values():
            drawing |= mass.compared_in
        found = {
            held
            for site in self._events.calls.values()
            if any(func.node in drawing for func in site.targets) and isinstance(site.node.func, ir.Attr)
            for held in self._held(site.node.func.value)
        }
        told = {(holder, self._families[holder, name]) for holder, name in several & found}
        return {held for held in several if held in found or (held[0], self._families[held]) not in told}

    def _held(self, node: ir.Expr) -> list[_Held]:
        """The attributes that an expression reads."""
        if not isinstance(node, ir.Attr):
            return []
        classes = self._symbols.classes_of(node.value)
        return [(base, node.attr) for cls in classes for base in self._interpreter.classes.mro(cls)]

    def returned(self, receiver: ir.Expr | None, term: Term) -> Term:
        """What a method returns, with the containers of an object that another one is drawn from beside as its own."""
        if not self._second or receiver is None or not term.has("field"):
            return term
        held = [each for each in self._held(receiver) if each in self._second]
        if not held:
            return term
        label = self._symbols.field(*held[0])
        root = self._families[held[0]]

        def change(part: Term) -> Term | None:
            if part.op != "field" or part.args or self._root(part.data[0]) is not root:
                return None
            value = self._interpreter.attributes.get(part.data)  # None: nothing that was read sets the attribute
            kept = value is not None and any(isinstance(atom, Alloc) for atom in value.atoms)
            return Term("field", (label,), part.data, part.node, part.path) if kept else part

        return term.mapped(change)
