"""Positions in a sum tree: its leaves, and the slots of the transitions that they stand for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD
from per_audit.graph.interpret.values import Alloc, roles_in
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite

_BUILDERS = {"__init__", "__post_init__", "build", "setup"}
_LOOKUPS = {"where", "argwhere", "nonzero", "flatnonzero", "ndenumerate", "index"}
_READS = ("item", "at", "element", "detach")


def misplaced(anatomy: Anatomy) -> Iterator[tuple[PriorityWrite, Term, PriorityWrite]]:
    """The writes at the slot of a transition, in a tree whose leaves are further on.

    Each with the term of the slot, and with a write to the same nodes that adds what lies before the leaves.
    """
    leaves: dict[Alloc, tuple[PriorityWrite, set[Term]]] = {}
    for write in anatomy.writes:
        before = _before_the_leaves(anatomy, write)
        if before:
            leaves.setdefault(write.store.container, (write, before))
    for write in anatomy.writes:
        right = leaves.get(write.store.container)
        if right is None or write.index is None or write is right[0]:
            continue
        options = [strip(part) for part in alternatives(strip(write.index)) if not _is_none(part)]
        if options and all(_is_slot(anatomy, option, right[1]) for option in options):
            yield write, options[0], right[0]


def unwritten(anatomy: Anatomy) -> Iterator[tuple[ir.Node, str]]:
    """The calls that pass the change of a leaf on to its parents where the leaf itself is never written."""
    stores: dict[ev.Owner, list[bool]] = defaultdict(list)  # by function, whether each writes a parent
    for store in anatomy.stores:
        index = anatomy.symbols.term(store.path, store.index)
        stores[store.function].append(any(_halves(part) for part in index.walk()))

    def written(function: ev.Owner) -> list[bool]:
        return [parent for inner in anatomy.graph.reachable(function, 3) for parent in stores.get(inner, ())]

    climbers = {function for function in stores if all(written(function))}
    for climber in sorted((f for f in climbers if isinstance(f, ir.Function)), key=lambda f: f.start):
        for node, caller, path in anatomy.symbols.calls_of.get(climber, ()):
            if caller is None or caller in climbers or not all(written(caller)):
                continue
            given = map(strip, anatomy.symbols.arguments(node, climber, path).values())
            if any(change.op == "sub" and anatomy.priority_base(change.args[1]) for change in given):
                yield node, path


def _before_the_leaves(anatomy: Anatomy, write: PriorityWrite) -> set[Term]:
    """The sizes that are added to a pointer of the buffer where a new priority is written."""
    if write.index is None or not write.inserts:
        return set()
    added, _ = _addends(strip(write.index))
    sizes = {term for term in added if term.op == "field" and _is_fixed(anatomy, term)}
    moving = [term for term in added if term.op == "field" and term not in sizes]
    return sizes if len(moving) == 1 else set()


def _is_slot(anatomy: Anatomy, term: Term, sizes: set[Term]) -> bool:
    """Whether a position is that of a transition: where one was looked up, or a leaf less what lies before it.

    It is that within bounds as well, and of a search that calls itself.
    """
    while term.op == "clip":
        term = strip(term.args[0])
    added, taken = _addends(term)
    if sizes & set(taken) and not sizes & set(added):
        return any(part.has("found", "mass") for part in added)
    while term.op in _READS and term.args:
        term = term.args[0]
    if term.op != "call" or str(term.data).rpartition(".")[2] not in _LOOKUPS:
        return False
    return any(part.op == "field" and _holds_rows(anatomy, part) for part in term.walk())


def _addends(term: Term) -> tuple[list[Term], list[Term]]:
    """What is added up in a term, and what is taken off."""
    if term.op == "add":
        sides = [_addends(strip(arg)) for arg in term.args]
        return [a for added, _ in sides for a in added], [t for _, taken in sides for t in taken]
    if term.op == "sub":
        (added, taken), (less, more) = (_addends(strip(arg)) for arg in term.args)
        return [*added, *more], [*taken, *less]
    return [term], []


def _is_fixed(anatomy: Anatomy, field: Term) -> bool:
    """Whether a field is assigned where its object is built, and nowhere else."""
    writes = [write for _, write, _ in anatomy.symbols.written(field)]
    return bool(writes) and all(w is not None and getattr(w.function, "name", "") in _BUILDERS for w in writes)


def _holds_rows(anatomy: Anatomy, field: Term) -> bool:
    held = anatomy.allocs(field)
    rows = {store.container for store in anatomy.buffer.stores if REWARD in store.roles | roles_in(store.value, 3)}
    return bool(held & rows) and field not in anatomy.containers


def _is_none(term: Term) -> bool:
    return term.op == "const" and term.data is None


def _halves(term: Term) -> bool:
    return term.op in ("floordiv", "div") and term.args[1].number == 2
