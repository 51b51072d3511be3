"""The exponent of the importance-sampling weights over time: where beta comes from, and what changes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph import events as ev
    from per_audit.graph.anatomy import Anatomy
    from per_audit.graph.model import ReplayGraph

_BUILDERS = {
    "__init__",
    "__post_init__",
    "__new__",
    "build",
    "setup",
    "load",
    "load_state_dict",
    "__setstate__",
    "reset",
}
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class BetaWrite:
    """An assignment to an attribute that is beta, outside of what builds the object."""

    field: Term
    value: Term
    write: ev.AttributeWrite


class Beta:
    """Beta of one prioritised buffer."""

    def __init__(self, graph: ReplayGraph, anatomy: Anatomy) -> None:
        self.graph = graph
        self.anatomy = anatomy
        self.symbols = graph.symbols

    @cached_property
    def exponents(self) -> list[Term]:
        """The exponents of the weights, without their sign."""
        found: dict[Term, None] = {}
        for formula in self.anatomy.formulas:
            exponent = strip(formula.exponent)
            while exponent.op == "neg":
                exponent = strip(exponent.args[0])
            found.update(dict.fromkeys(alternatives(exponent)))
        return list(found)

    @cached_property
    def fields(self) -> list[Term]:
        """The attributes that beta is read from, through the parameters that carry it."""
        found: dict[Term, None] = {}
        edge = list(self.exponents)
        for _ in range(_DEEPEST):
            inner: list[Term] = []
            for term in edge:
                for part in alternatives(strip(term)):
                    for leaf in _carried(part):
                        if leaf.op == "field" and not self.anatomy.is_container(leaf):
                            found[leaf] = None
                        elif leaf.op == "param":
                            inner += self.symbols.options(leaf)
            edge = inner
        return list(found)

    @cached_property
    def later_writes(self) -> list[BetaWrite]:
        """The assignments that change beta while the program runs, in order of their places."""
        found: list[BetaWrite] = []
        for field in self.fields:
            for value, write, _ in self.symbols.written(field):
                if write is not None and getattr(write.function, "name", "") not in _BUILDERS:
                    found.append(BetaWrite(field, value, write))
        return sorted(found, key=lambda found: (found.write.path, found.write.node.start))

    def first_values(self, field: Term) -> list[tuple[Term, ir.Node | None, str]]:
        """What the attribute is built with: the term, the statement (None for the class body) and the file."""
        return [
            (value, None if write is None else write.node, path)
            for value, write, path in self.symbols.written(field)
            if write is None or getattr(write.function, "name", "") in _BUILDERS
        ]


def _carried(term: Term) -> list[Term]:
    """The attributes and parameters that a term is, or that a bound such as `min(1, beta)` or a step lets through."""
    if term.op in ("field", "param"):
        return [term]
    if term.op in ("minimum", "maximum", "clip", "phi", "add", "min", "max"):
        return [leaf for arg in term.args for leaf in _carried(strip(arg))]
    return []
