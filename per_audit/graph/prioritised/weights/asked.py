"""Weights that leave the draw under a name by which nothing ever asks for them: `{"obs": obs, "weights": weights}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc, Instance, Record, TupleOf
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.prioritised.priorities.priorities import Priorities


def are_never_asked_for(about: Priorities) -> bool:
    """Whether all weights leave the buffer by a key or attribute, and nothing reads one of that name.

    Where no learner can be seen, it is one of another file of the project: no file reads such a name then.
    """
    if about.buffer.owner is None or not about.weights:
        return False
    drawing = about.graph.reachable(about.buffer.function)
    drawing |= {site.function for site in about.buffer.samples if site.function in about.functions}
    made = frozenset(node for node in about.weights if _function_of(about, node) in drawing)
    inside = {function: list(about.bodies({function})) for function in drawing & about.functions}
    named = {function: {name for node in inside[function] for name in _named(about, made, node)} for function in inside}
    names = set().union(*named.values())
    if not names or any(_is_let_out(about, made, node) for nodes in inside.values() for node in nodes):
        return False
    naming = {function for function, found in named.items() if found}
    asked = (_asks(about, node, names) or _is_spread(about, made, node) for node in _outside(about, naming))
    return not any(asked) and not _are_taken_apart(about, made)


def _are_taken_apart(about: Priorities, made: frozenset[ir.Node]) -> bool:
    """Whether something outside takes apart what has the weights among others: there they are known by their place."""
    spilled = about.graph.interpreter.parts.spilled
    unpacks = about.events.unpacks.values()
    return any(u.function not in about.functions and spilled(u.value).tagged("isw") & made for u in unpacks)


def _function_of(about: Priorities, node: ir.Node) -> ev.Owner:
    path = about.graph.path_of(node)
    return about.graph.symbols.function_of(path, node) if path is not None else None


def _is_made(about: Priorities, made: frozenset[ir.Node], node: ir.Expr | None) -> bool:
    """Whether an expression may be weights that are computed where is drawn, in whatever form."""
    return bool(about.graph.interpreter.parts.spilled(about.events.value(node)).tagged("isw") & made)


def _named(about: Priorities, made: frozenset[ir.Node], node: ir.Node) -> Iterator[str]:
    """The keys and attributes of something else than the buffer that weights are put under."""
    if isinstance(node, ir.Map):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ir.Const) and isinstance(key.value, str) and _is_made(about, made, value):
                yield key.value
    if not isinstance(node, ir.Assign) or not _is_made(about, made, node.value):
        return
    for target in node.targets:
        if isinstance(target, ir.Sub) and isinstance(target.index, ir.Const) and isinstance(target.index.value, str):
            yield target.index.value
        elif isinstance(target, ir.Attr) and not _is_own(about, target.value):
            yield target.attr


def _is_own(about: Priorities, holder: ir.Expr) -> bool:
    atoms = about.events.value(holder).atoms
    return any(isinstance(atom, Instance) and atom.node in about.family for atom in atoms)


def _is_let_out(about: Priorities, made: frozenset[ir.Node], node: ir.Node) -> bool:
    """Whether weights are returned by themselves, or among the items of a tuple or list."""
    if not isinstance(node, ir.Return):
        return False
    value = about.events.value(node.value)
    items = [item for atom in value.atoms if isinstance(atom, TupleOf) for item in atom.items]
    lists = (atom for atom in value.atoms if isinstance(atom, Alloc) and atom.kind != "dict")
    items += [about.graph.interpreter.content_of(each) for each in lists]
    return any(_is_plain(each) and each.tagged("isw") & made for each in (value, *items))


def _is_plain(value: Value) -> bool:
    """Whether a value is no dictionary, list or object, which may have one thing beside others."""
    return not any(isinstance(atom, (Alloc, TupleOf, Record, Instance)) for atom in value.atoms)


def _outside(about: Priorities, naming: set[ev.Owner]) -> Iterator[ir.Node]:
    """What may read the batches: the learners with all that they call, or failing these all of the project."""
    if about.is_followed():
        called: set[ev.Owner] = set().union(*(about.graph.reachable(each) for each in about.around if each))
        yield from about.bodies((about.around | called) - about.functions)
        # Of what belongs to the buffer, such as a tree, parameters may be called anything.
        yield from (n for n in about.bodies(about.functions - naming) if not isinstance(n, ir.Parameter))
        return
    own = set(about.bodies(naming))
    for path, module in about.graph.project.modules.items():
        if not is_test(path):
            yield from (node for node in module.nodes if node not in own)


def _asks(about: Priorities, node: ir.Node, names: set[str]) -> bool:
    """Whether a node reads something by one of the names, or takes it as an argument: `**batch` may give it."""
    if isinstance(node, ir.Attr):
        return node.attr in names and not _is_of_others(about, node)
    if isinstance(node, ir.Parameter):
        return node.name in names
    if isinstance(node, ir.Map):
        return False
    return any(isinstance(part, ir.Const) and part.value in names for part in ir.children(node))


def _is_spread(about: Priorities, made: frozenset[ir.Node], node: ir.Node) -> bool:
    """Whether a library is given all that a batch has, each by its name: nobody can see what it asks for."""
    if not isinstance(node, ir.Call) or not any(each.star and _is_made(about, made, each.value) for each in node.args):
        return False
    site = about.events.calls.get(node)
    return site is not None and bool(site.names) and not site.targets


def _is_of_others(about: Priorities, node: ir.Attr) -> bool:
    """Whether an attribute is one of objects of the project that hold something else by that name."""
    atoms = about.events.value(node.value).atoms
    known = [about.graph.interpreter.attribute(atom, node.attr) for atom in atoms if isinstance(atom, Instance)]
    return bool(known) and len(known) == len(atoms) and not any(each.tagged("isw") & about.weights for each in known)
