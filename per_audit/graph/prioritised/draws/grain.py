"""How fine the random numbers are that a sum tree is asked for: how often one of them is exactly 0."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions
from per_audit.graph.interpret.known.library import is_to_integers

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_HOPS = 4  # names that stand for one another
_CUTS = {"int", "floor", "trunc", "round", "rint"}
_IN_64_BITS = ("random.", "numpy.random.")
_IN_32_BITS = ("torch.", "jax.random.")


class Grain(Enum):
    """The numbers that masses are drawn as, and how often they are 0."""

    WHOLE = "cut off to a whole number"
    SINGLE = "of 32 bits, once in about 2^24 draws"
    DOUBLE = "of 64 bits, once in about 2^53 draws"


def grain_of(graph: ReplayGraph, find: ir.Function) -> Grain | None:
    """What the masses are that a search is called with; None where that is not known."""
    calls = graph.symbols.calls_of.get(find, ())
    if any(
        _is_whole(graph, arg.value, path, _HOPS) for c, _, path in calls if isinstance(c, ir.Call) for arg in c.args
    ):
        return Grain.WHOLE
    given = (term for call, _, path in calls for term in graph.symbols.arguments(call, find, path).values())
    masses = {part.node for term in given for part in term.walk() if part.op == "mass"}
    sites = [(node, graph.events.calls.get(node)) for node in masses if isinstance(node, ir.Call)]
    names = [name for _, site in sites if site is not None for name in site.names]
    if not names or any(node.keyword("dtype") for node, _ in sites):
        return None
    if all(name.startswith(_IN_64_BITS) for name in names):
        return Grain.DOUBLE
    return Grain.SINGLE if all(name.startswith(_IN_32_BITS) for name in names) else None


def _is_whole(graph: ReplayGraph, expr: ir.Expr, path: str, hops: int) -> bool:
    """Whether an expression cuts a random number off."""
    if isinstance(expr, ir.Name):
        found = Definitions(graph).reaching(expr, path).values if hops else []
        return any(not places and _is_whole(graph, value, path, hops - 1) for value, places in found)
    if isinstance(expr, ir.Bin) and expr.op == "//":
        return _is_mass(graph, expr.left)
    if not isinstance(expr, ir.Call):
        return False
    if ir.last_name(expr.func) in _CUTS and len(expr.args) == 1:
        return _is_mass(graph, expr.args[0].value)
    is_cast = isinstance(expr.func, ir.Attr) and is_to_integers(expr, expr.func.attr)
    return is_cast and isinstance(expr.func, ir.Attr) and _is_mass(graph, expr.func.value)


def _is_mass(graph: ReplayGraph, expr: ir.Expr) -> bool:
    return bool(graph.events.value(expr).tagged("mass"))
