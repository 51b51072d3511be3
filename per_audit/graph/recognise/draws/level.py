"""Masses that are all the same, or lengths of episodes: what is drawn by them is drawn uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.symbolic import Term, alternatives

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_LEVEL = {"ones", "ones_like", "full", "full_like"}
_NUMBERS = {"len", "float", "int"}
_SIZES = ("field", "param", "global")
_FORMS = {"detach", "reshape", "unsqueeze", "squeeze", "cumsum"}


def is_level(graph: ReplayGraph, drawn: ev.Draw | ev.Mass) -> bool:
    """Whether the probabilities of a draw, or the sums that its number is searched in, are made of one constant.

    They are made in the function that draws, where nothing else is written to them. Or they are lengths of episodes,
    of each of which one transition is drawn.
    """
    options = _masses(graph, drawn)
    return (bool(options) and all(map(_is_level, options))) or is_of_episodes(graph, drawn)


def is_of_episodes(graph: ReplayGraph, drawn: ev.Draw | ev.Mass) -> bool:
    """Whether episodes are drawn by their lengths, and the function draws again, of each of them."""
    options = _masses(graph, drawn)
    return bool(options) and all(_is_of_lengths(graph, option) for option in options) and _draws_again(graph, drawn)


def is_up_to_count(graph: ReplayGraph, mass: ev.Mass) -> bool:
    """Whether a whole number is drawn up to how many steps are held, be that called a total: a position, and no sum.

    It is counted one by one, or by the lengths of episodes.
    """
    if mass.node not in graph.events.draws:
        return False
    terms = [graph.symbols.term(mass.path, argument.value) for argument in mass.node.args]
    fields = {part for term in terms for part in term.walk() if part.op == "field"}
    return bool(fields) and all(_is_counted(field, graph.symbols.options(field)) for field in fields)


def _is_counted(field: Term, options: list[Term]) -> bool:
    """Whether nothing but 1 or lengths is added to what a field was, or taken off."""
    steps = [option for option in options if not option.is_number]
    return bool(steps) and all(
        step.op in ("add", "sub") and step.args[0] == field and (step.args[1].is_number or _is_length(step.args[1]))
        for step in steps
    )


def _draws_again(graph: ReplayGraph, drawn: ev.Draw | ev.Mass) -> bool:
    """Whether the function makes another random number, which no probabilities decide: a position, or a share."""
    draws, masses = graph.events.draws.values(), graph.events.masses.values()
    others = [draw for draw in draws if not draw.weighted] + [mass for mass in masses if not mass.descends]
    return any(other.function is drawn.function and other.node is not drawn.node for other in others)


def _masses(graph: ReplayGraph, drawn: ev.Draw | ev.Mass) -> list[Term]:
    given = [drawn.probabilities] if isinstance(drawn, ev.Draw) else drawn.sums
    made = [graph.symbols.term(drawn.path, node) for node in given if node is not None]
    return [option for term in made for option in alternatives(term)]


def _is_of_lengths(graph: ReplayGraph, term: Term) -> bool:
    """Whether probabilities are the lengths of what is in a list, as they are or by their sum.

    A list may keep them beside the episodes, and an attribute their sum.
    """
    while term.op in _FORMS - {"cumsum"} or (term.op == "div" and _is_total(graph, term.args[1])):
        term = term.args[0]
    if term.op == "field":
        kept = set(graph.events.value(term.node).atoms)
        stores = [store for store in graph.events.stores.values() if store.container in kept]
        return bool(stores) and all(_is_length(graph.symbols.term(each.path, each.expression)) for each in stores)
    return term.op == "collect" and term.args[0].op == "len" and term.args[0].args[0].op == "element"


def _is_total(graph: ReplayGraph, term: Term) -> bool:
    atoms = graph.events.value(term.node).atoms if term.op == "field" else ()
    return term.op == "sum" or (term.op == "field" and not any(isinstance(atom, Alloc) for atom in atoms))


def _is_length(term: Term) -> bool:
    """Whether a number is how many steps there are in an episode, or how many windows of a size begin in it."""
    while term.op in ("add", "sub") and (term.args[1].is_number or (term.op == "sub" and term.args[1].op in _SIZES)):
        term = term.args[0]
    is_shape = term.op == "item" and term.data == 0 and term.args[0].op == "item" and term.args[0].data == "shape"
    return term.op == "len" or is_shape


def _is_level(term: Term) -> bool:
    while term.op in _FORMS:
        term = term.args[0]
    if term.op in ("div", "mul"):
        array, other = term.args
        if term.op == "mul" and not _is_level(array):
            array, other = other, array
        return _is_level(array) and _is_one_number(other, array.args[:1])
    if term.op == "filled" and term.args[1:] and all(part.number == 0 for part in term.args[1:]):
        return _is_level(term.args[0])  # slots that are left out: those that are not are alike
    if term.op == "filled":
        return isinstance(term.node, ir.Bin) and len(term.args) == 2 and term.args[1].op != "phi"  # `[1 / n] * n`
    if term.op == "collect":
        return _is_the_same_for_all(term.node)
    return term.op == "alloc" and term.data in _LEVEL


def _is_one_number(term: Term, sizes: tuple[Term, ...]) -> bool:
    """Whether a term is one number, whatever it is: so is the size of an array that is made here."""
    if term.op in ("div", "mul"):
        return all(_is_one_number(part, sizes) for part in term.args)
    return term in sizes or term.is_number or term.op == "sum" or (term.op == "call" and term.data == "builtins.len")


def _is_the_same_for_all(made: ir.Node | None) -> bool:
    """Whether what a comprehension makes for each is the same for all: `[1 / n for i in range(n)]` asks for no i."""
    if not isinstance(made, ir.Comp):
        return False
    each = {part.id for generator in made.generators for part in ir.walk(generator.target) if isinstance(part, ir.Name)}
    parts = list(ir.walk(made.elt))
    return each.isdisjoint(part.id for part in parts if isinstance(part, ir.Name)) and all(
        name_of(part.func) in _NUMBERS for part in parts if isinstance(part, ir.Call)
    )
