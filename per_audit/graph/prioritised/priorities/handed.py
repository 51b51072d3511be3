"""What the training hands back to a buffer as the positions whose priorities change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.prioritised.priorities.held import held_in, ordered_by
from per_audit.graph.prioritised.priorities.trail import handed_out
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step
    from per_audit.graph.symbolic import Term

_VARYING = ("range", "element", "loop", "draw", "found", "at", "item", "call")  # what one slot has and another has not


def weights_for_positions(anatomy: Anatomy) -> Iterator[tuple[Step, list[tuple[ir.Node, str]]]]:
    """The calls that hand over importance-sampling weights where positions are meant.

    Each with the places where the batch is taken apart into them.
    """
    unknown = blurred(anatomy)
    for write in anatomy.writes:
        if write.inserts or len(write.steps) < 2 or _is_field(write.index):
            continue
        for place in range(len(write.steps) - 1, 0, -1):  # whoever has confused them, rather than who passes them on
            given = _given_at(anatomy, write, place)
            if given is not None and _are_weights(anatomy, given, unknown):
                step = write.steps[place]
                yield step, list(_unpacked(anatomy, write.functions[place], step.path, given))
                break


def _given_at(anatomy: Anatomy, write: PriorityWrite, place: int) -> ir.Expr | None:
    """The argument of a step of a write, which is a call, that becomes the index of the store."""
    index, function = write.store.index, write.functions[place - 1]
    if index is None or not isinstance(write.steps[place].node, ir.Call):
        return None
    term = handed_out(anatomy, write, anatomy.symbols.term(write.store.path, index), 0, place - 1)
    return _positions(anatomy, function, term, write.steps[place].node)


def _are_weights(anatomy: Anatomy, given: ir.Expr, unknown: set[ir.Node]) -> bool:
    """Whether an argument is an array or list of weights for certain, and no batch of several things."""
    value = anatomy.events.value(given)
    weights = value.tagged("isw") & anatomy.about.weights
    is_plain = all(isinstance(atom, Alloc) for atom in value.atoms)
    return is_plain and bool(weights) and not weights & unknown and not value.tagged("index")


def numbers_for_positions(anatomy: Anatomy) -> Iterator[Step]:
    """The steps that take the numbers of a batch's rows, from 0 on, where positions in the memory are meant.

    The calls that hand them over, or the store that counts them itself. What is written there is made of a batch that
    was drawn: who goes through the whole memory means its positions.
    """
    about = anatomy.about
    for write in anatomy.writes:
        if write.inserts or len(write.steps) < 2 or write.index is None or not _counts_rows(_slot(write.index)):
            continue
        step = write.steps[1]
        if _counts_rows(strip(anatomy.symbols.term(write.store.path, write.store.index))):
            if isinstance(step.node, ir.Call) and _leaves_positions(anatomy, write, step.node):
                yield write.steps[0]
            continue
        asked = ((write.steps[place].node, _given_at(anatomy, write, place)) for place in range(1, len(write.steps)))
        call, given = next(((node, given) for node, given in asked if given is not None), (None, None))
        if not isinstance(call, ir.Call) or _are_drawn(anatomy, given):
            continue
        others = (anatomy.events.value(arg.value) for arg in call.args if arg.value is not given)
        if any(other.tagged("draw") & about.draws for other in others):
            yield _where_counted(anatomy, write)


def _slot(index: Term) -> Term:
    """A position without what a tree adds to it to find the leaf: how many nodes lie before the leaves."""
    index = strip(index)
    while index.op in ("add", "sub") and len(index.args) == 2:
        first, second = map(strip, index.args)
        if not second.has(*_VARYING):
            index = first
        elif index.op == "add" and not first.has(*_VARYING):
            index = second
        else:
            break
    return index


def _are_drawn(anatomy: Anatomy, given: ir.Expr | None) -> bool:
    """Whether what is handed over are positions that a loop which counts had come to when a random number ended it."""
    value = anatomy.graph.interpreter.parts.spilled(anatomy.events.value(given))
    return any(
        mass is not None and mass.stops
        for source in value.tagged("index") & anatomy.about.draws
        for mass in [anatomy.events.masses.get(source)]
    )


def _where_counted(anatomy: Anatomy, write: PriorityWrite) -> Step:
    """The call that hands numbers over in the function that counts them."""
    counted = {
        anatomy.symbols.function_of(part.path, part.node)
        for part in (write.index.walk() if write.index is not None else ())
        if part.op == "range" and part.node is not None and part.path
    }
    steps = zip(write.steps[1:], write.functions[1:], strict=False)
    return next((step for step, function in steps if function in counted), write.steps[1])


def _leaves_positions(anatomy: Anatomy, write: PriorityWrite, call: ir.Call) -> bool:
    """Whether a function stores what it is given of drawn rows, and is given their positions beside it."""
    function, draws = write.functions[0], anatomy.about.draws
    given = {name: anatomy.events.value(arg.value) for name, arg in _named(call, function, anatomy)}
    positions = {name for name, value in given.items() if value.tagged("index") & draws and not value.tagged("draw")}
    stored = anatomy.symbols.term(write.store.path, write.store.expression)
    names = {part.data[1] for part in stored.walk() if part.op == "param" and part.data[0] is function} - positions
    return bool(positions) and any(name in given and given[name].tagged("draw") & draws for name in names)


def _named(call: ir.Call, function: object, anatomy: Anatomy) -> Iterator[tuple[str, ir.Arg]]:
    """The arguments of a call by the names of the parameters that get them."""
    if not isinstance(function, ir.Function) or any(arg.star for arg in call.args):
        return
    skip = function in anatomy.graph.project.class_of
    names = [p.name for p in function.parameters if not p.kind][skip:]
    for place, arg in enumerate(call.args):
        if arg.keyword is not None or place < len(names):
            yield arg.keyword or names[place], arg


def ranks_for_positions(anatomy: Anatomy) -> Iterator[tuple[Step, ir.Node]]:
    """The steps that hand over ranks that were drawn, where positions are meant, and where the rows are looked up.

    The rows are those at the places of the ranks: `self.order[ranks]`, by an order of the priorities.
    """
    graph = anatomy.graph
    for write in anatomy.writes:
        drawn = None if write.index is None else strip(write.index)
        if write.inserts or drawn is None or drawn.op != "draw" or drawn.node not in anatomy.buffer.sources:
            continue
        priorities = {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
        rows = {store.container for store in anatomy.buffer.stores} - priorities
        read = [each for each in anatomy.events.gathers.values() if each.container in rows and drawn.node in each.draws]
        places = [strip(graph.symbols.term(g.path, g.node.index)) for g in read if isinstance(g.node, ir.Sub)]
        if len(places) < len(read) or not all(each.op == "at" and strip(each.args[1]) == drawn for each in places):
            continue
        orders = [held for each in places for term in ordered_by(graph, each.args[0]) for held in held_in(graph, term)]
        if any(write.store.container in anatomy.allocs(held) for held in orders):
            yield write.steps[min(1, len(write.steps) - 1)], min((each.node for each in read), key=lambda n: n.start)


def moved_positions(anatomy: Anatomy) -> Iterator[tuple[Step, Term]]:
    """The steps that hand over positions in one of several trees, moved by a number that goes by the tree's.

    That tells the positions of a joined batch apart, and has to be taken off again. With the sum that moves them.
    """
    for write in anatomy.writes:
        trees = _numbers_of_trees(anatomy, write)
        if write.index is None or not trees:
            continue
        added: list[Term] = []
        taken: list[Term] = []
        sums = list(_added_up(write.index, added, taken))
        for part in [part for part in added if part in taken]:
            added.remove(part)
            taken.remove(part)
        left = [part for part in added if not part.is_number]
        moving = [part for part in left if part.op != "found" and not trees.isdisjoint(part.walk())]
        if len(left) != 2 or len(moving) != 1 or not any(part.op == "found" for part in left):
            continue
        rest = sum(part.number or 0 for part in added) - sum(part.number or 0 for part in taken)
        moved = next((each for each in sums if moving[0] in map(strip, each.args)), None)
        if rest == 0 and all(part.is_number for part in taken) and moved is not None and moved.path:
            yield write.steps[1], moved


def _numbers_of_trees(anatomy: Anatomy, write: PriorityWrite) -> set[Term]:
    """What counts the trees, one of which a call is told to write to: the range of a loop over their numbers."""
    call = write.steps[1].node if len(write.steps) > 1 else None
    if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr):
        return set()
    held = anatomy.symbols.term(write.steps[1].path, call.func.value)
    return {part for part in held.args[1].walk() if part.op == "range"} if held.op == "at" else set()


def _added_up(term: Term, added: list[Term], taken: list[Term]) -> Iterator[Term]:
    """Sorts what a position is the sum of into what is added and what is taken off; gives the sums."""
    term = strip(term)
    while term.op in ("slice", "at", "item") and term.args:
        term = strip(term.args[0])
    if term.op == "phi":
        found = [option for option in map(strip, alternatives(term)) if not option.is_number]
        term = found[0] if len(found) == 1 else term
    if term.op == "add":
        yield term
        for part in term.args:
            yield from _added_up(part, added, taken)
    elif term.op == "sub":
        yield from _added_up(term.args[0], added, taken)
        yield from _added_up(term.args[1], taken, added)
    else:
        added.append(term)


def _counts_rows(index: Term) -> bool:
    """Whether a position is a number that counts from 0: of `range(n)`, or one of them."""
    while index.op == "tuple" and len(index.args) == 1:  # one at a time
        index = strip(index.args[0])
    counted = index.args[0] if index.op == "element" else index
    return counted.op == "range" and len(counted.args) < 2


def blurred(anatomy: Anatomy) -> set[ir.Node]:
    """Weights that lie in a batch of which it is not known what its parts are: each may be the weights."""
    found: set[ir.Node] = set()
    for unpack in anatomy.events.unpacks.values():
        if not isinstance(anatomy.graph.statement(unpack.path, unpack.node), ir.Assign):
            continue
        parts = [anatomy.events.value(item) for item in unpack.node.items]
        if len(parts) > 1 and not any(part.atoms for part in parts):
            found |= frozenset.intersection(*(part.tagged("isw") for part in parts))
    return found


def _is_field(index: Term | None) -> bool:
    """Whether a position is read from a transition by name, beside whose fields the weight may have been put."""
    return index is not None and any(part.op == "item" and isinstance(part.data, str) for part in index.walk())


def _positions(anatomy: Anatomy, function: object, index: Term, call: ir.Node) -> ir.Expr | None:
    """The argument of a call that becomes the index of a store, which the function called knows as a term."""
    if not isinstance(function, ir.Function) or not isinstance(call, ir.Call):
        return None
    names = {part.data[1] for part in index.walk() if part.op == "param" and part.data[0] is function}
    is_method = function in anatomy.graph.project.class_of
    parameters = [p for p in function.parameters if not p.kind][1 if is_method else 0 :]
    found = [call.argument(place, p.name) for place, p in enumerate(parameters) if p.name in names]
    return found[0] if len(found) == 1 else None


def _unpacked(anatomy: Anatomy, function: object, path: str, given: ir.Expr) -> Iterator[tuple[ir.Node, str]]:
    name = given.id if isinstance(given, ir.Name) else None
    for unpack in anatomy.events.unpacks.values():
        names = [item.id for item in unpack.node.items if isinstance(item, ir.Name)]
        if name in names and unpack.function is function and unpack.path == path:
            made = anatomy.graph.statement(path, unpack.node)
            if isinstance(made, ir.Assign) and isinstance(made.value, (ir.Call, ir.Name)):
                yield unpack.node, path
