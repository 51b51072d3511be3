"""Where priorities are held: the fields and names that a weighted draw, or the walk down a sum tree, reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import UNKNOWN, Alloc, TupleOf, Value
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.term import UNKNOWN_TERM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_ORDERS = {"<", "<=", ">", ">="}
_FORM = {"shape", "size", "ndim", "dtype", "nbytes"}  # what an array is like, not what it holds


def drawn_by(graph: ReplayGraph, buffer: ReplayBuffer) -> frozenset[Term]:
    """The fields and names that hold what a buffer draws by: arrays, lists, trees."""
    found: set[Term] = set()
    for source in buffer.sources:
        draw = graph.events.draws.get(source)
        if draw is not None and draw.probabilities is not None:
            found |= held_in(graph, graph.symbols.term(draw.path, draw.probabilities))
            found |= {held for term in _ordered(graph, draw) for held in held_in(graph, term)}
        for term in compared_with(graph, source):
            found |= held_in(graph, term) or {held for nodes in _given(graph, term) for held in held_in(graph, nodes)}
    return frozenset(found | _kept_beside(graph, found))


def _kept_beside(graph: ReplayGraph, trees: set[Term]) -> set[Term]:
    """The arrays that keep what was put into a tree of sums, by which alone it is known how these change.

    `change = new - priorities[slot]`, which is then added to sums in which no priority can be read, of a Fenwick tree.
    """
    allocs = {alloc for term in trees for alloc in allocs_of(graph, term)}
    found: set[Term] = set()
    for store in graph.events.stores.values():
        node = store.node
        if store.container not in allocs or not isinstance(node, ir.Aug) or node.op != "+":
            continue
        change = strip(graph.symbols.run(store.function, store.path).terms.get(node.value, UNKNOWN_TERM))
        old = strip(change.args[1]) if change.op == "sub" else UNKNOWN_TERM
        if old.op == "at" and old.args[0].op == "field":
            found.add(old.args[0])
    return {term for term in found - trees if is_container(graph, term)}


def keys_drawn_by(graph: ReplayGraph, buffer: ReplayBuffer, held: Collection[Term]) -> frozenset[int | str]:
    """The fields of the rows in what is `held` that a buffer draws by: `[row.priority for row in self.rows]`."""
    draws = (graph.events.draws.get(source) for source in buffer.sources)
    given = ((draw.path, draw.probabilities) for draw in draws if draw is not None)
    terms = [graph.symbols.term(path, made) for path, made in given if made is not None]
    fields = (part for term in terms for part in term.walk() if part.op == "item" and part.args[0].op == "element")
    return frozenset(field.data for field in fields if field.args[0].args[0] in held)


def _given(graph: ReplayGraph, term: Term) -> Iterator[Term]:
    """What a search outside of the tree is given to go down in: `nodes` of `nodes[2 * at]`."""
    for part in term.walk():
        if part.op == "at" and part.args[0].op == "param":
            yield from graph.symbols.options(part.args[0])


def _ordered(graph: ReplayGraph, draw: ev.Draw) -> Iterator[Term]:
    """What the places were put in order by that ranks are looked up among: `self.order[ranks]`."""
    if not isinstance(draw.function, ir.Function) or b"argsort" not in graph.module(draw.path).text:
        return
    for node in ir.walk(*draw.function.body):
        if isinstance(node, ir.Sub) and draw.node in graph.events.value(node.index).tagged("index"):
            yield from ordered_by(graph, graph.symbols.term(draw.path, node.value))


def ordered_by(graph: ReplayGraph, places: Term) -> list[Term]:
    """What places are put in order by: `p` of `np.argsort(p)`, also where that is kept in an attribute."""
    places = strip(places)
    options = graph.symbols.options(places) if places.op == "field" else [places]
    return [part.args[0] for option in options for part in alternatives(strip(option)) if part.op == "argsort"]


def held_in(graph: ReplayGraph, term: Term) -> set[Term]:
    """The containers inside a term: what is subscripted, sliced, iterated over or reduced, or is one itself."""
    found: set[Term] = set()
    stack = [term]
    while stack:
        part = stack.pop()
        if part.op in ("field", "global") and is_container(graph, part):
            found.add(part)
        elif part.op in ("at", "slice"):
            stack.append(part.args[0])
        elif part.op != "len" and not (part.op == "item" and part.data in _FORM):
            stack += part.args
    return found


def is_container(graph: ReplayGraph, term: Term) -> bool:
    """Whether a field or a name of a module holds many values rather than one."""
    return any(_as_alloc(atom) is not None for atom in _value(graph, term).atoms)


def allocs_of(graph: ReplayGraph, term: Term) -> set[Alloc]:
    """The containers that a field or name of a module holds, those inside it included."""
    found: set[Alloc] = set()
    interpreter = graph.interpreter
    values = [_value(graph, term)]
    if term.op == "field":
        cls, name = term.data
        values += [interpreter.attributes.get((heir, name), UNKNOWN) for heir in interpreter.classes.heirs(cls)]
    for value in values:
        found |= {alloc for atom in value.atoms if (alloc := _as_alloc(atom)) is not None}
        for atom in value.atoms:
            if isinstance(atom, TupleOf):  # the levels of a tree
                found |= {inner for item in atom.items for inner in item.atoms if isinstance(inner, Alloc)}
    for alloc in [alloc for alloc in found if alloc.kind != "array"]:  # an array holds copies of numbers
        content = interpreter.content_of(alloc)
        found |= {atom for atom in content.atoms if isinstance(atom, Alloc)}
    return found


def _value(graph: ReplayGraph, term: Term) -> Value:
    """What the interpreter knows of a field or a name of a module."""
    if term.op == "global":
        path, name = term.data
        return graph.interpreter.module_envs.get(path, {}).get(name, UNKNOWN)
    return graph.interpreter.attributes.get(term.data, UNKNOWN) if term.op == "field" else UNKNOWN


def compared_with(graph: ReplayGraph, source: ir.Node) -> Iterator[Term]:
    """What a random number is ordered against, or searched for in."""
    mass = graph.events.masses.get(source)
    if mass is None:
        return
    for function in {*mass.compared_in, mass.function}:
        path = mass.path if function is None else graph.project.module_of[function].path
        for node in ir.walk(*(graph.module(path).body if function is None else [function])):
            sides = _sides(node)
            with_mass = [source in graph.events.value(side).tagged("mass") for side in sides]
            if not any(with_mass):
                continue
            # Priorities that were computed from what the number chose depend on it as well.
            terms = [graph.symbols.term(path, side) for side in sides]
            yield from (
                term
                for term, has in zip(terms, with_mass, strict=True)
                if not has or (isinstance(node, ir.Cmp) and all(with_mass) and strip(term).op in ("at", "item"))
            )


def _sides(node: ir.Node) -> list[ir.Expr]:
    """What is ordered against each other: by a comparison, or by a function that compares or searches."""
    if isinstance(node, ir.Cmp):
        return [node.left, *node.rights] if _ORDERS.issuperset(node.ops) else []
    if not isinstance(node, ir.Call):
        return []
    named = node.func
    name = ir.last_name(named)
    if name not in ext.SEARCHES and name not in ext.ORDERS:
        return []
    return [*(arg.value for arg in node.args), *([named.value] if isinstance(named, ir.Attr) else [])]


def _as_alloc(atom: object) -> Alloc | None:
    """The container that an attribute holds: one that was made, or a list display."""
    if isinstance(atom, TupleOf) and isinstance(atom.node, ir.Seq) and atom.node.kind == "list":
        return Alloc(atom.node, "list")
    return atom if isinstance(atom, Alloc) else None
