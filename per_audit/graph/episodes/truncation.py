"""Time limits that are stored as if the task had ended: `terminated or truncated`, or one that the program sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.bootstrap import picked
from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED, never_says
from per_audit.graph.episodes.lowered import is_down_at_count, is_down_at_limit
from per_audit.graph.episodes.own_flags import joined_flags, joins_names
from per_audit.graph.episodes.own_limits import environments_limit, own_limit
from per_audit.graph.episodes.readers import is_dropped, is_read, near
from per_audit.graph.episodes.spared import is_spared
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import Record, TupleOf
from per_audit.graph.prioritised.priorities.whose import called
from per_audit.graph.symbolic import Term, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_DEEPEST, _MOST = 5, 24


@dataclass(frozen=True, slots=True, eq=False)
class MergedEnd:
    """A stored field made of both flags: where they are joined, the store, and the calls that lead to it.

    `own` says that the limit is none of the environment, but a number of steps that the program counts;
    `opened` that the flag is lowered in the step that such a number ends.
    """

    node: ir.Node
    path: str
    store: ev.Store
    calls: tuple[tuple[ir.Node, str], ...]
    own: bool = False
    opened: bool = False


def merged_ends(graph: ReplayGraph, buffer: ReplayBuffer) -> list[MergedEnd]:
    """The fields of the buffer's transitions that say "terminated or truncated".

    Empty where a transition also holds what terminated alone, or where the truncation is taken out again. A flag that
    the project's own environments never raise cuts nothing.
    """
    found: dict[ir.Node, MergedEnd] = {}
    for store in (*buffer.stores, *_on_the_way(graph, buffer)):
        if is_dropped(graph, buffer, store):
            continue
        for term, calls in outwards(graph, stored_term(graph, store), store.function, ()):
            filled = called(graph, (call for call, _ in calls), buffer)
            rows, readers = [*fields(term)], near(graph, filled, store, calls)
            apart = {row for _, row in rows if _is_flag(row) and is_down_at_count(graph, row)}
            for place, (name, row) in enumerate(rows):
                if row.is_number:
                    continue
                if apart and row not in apart:
                    continue  # one flag for the target, and another for the window of steps
                field = graph.symbols.inside(strip(row)) or row  # a wrapper of the environment joins the flags
                ended = _is_of_task_alone(graph, field)
                others = [other for _, other in rows if other is not row]
                ends = {} if ended else _ends(graph, field, others, store, calls)
                new = {node: end for node, (end, is_certain) in ends.items() if is_certain or node not in found}
                if not ended and not new:
                    continue
                if not is_read(graph, readers, filled, name, (place, len(rows))):
                    continue
                if is_spared(graph, ((store.path, store.node), *((path, call) for call, path in calls)), row):
                    continue
                if ended:
                    return []
                found |= new
    return list(found.values())


def _ends(
    graph: ReplayGraph, field: Term, others: list[Term], store: ev.Store, calls: tuple[tuple[ir.Node, str], ...]
) -> dict[ir.Node, tuple[MergedEnd, bool]]:
    """What joins both flags in a field, by its node, and whether that replaces what was found there before.

    `others` are the other fields of the transition.
    """
    found: dict[ir.Node, tuple[MergedEnd, bool]] = {}
    is_said, is_followed = _has_one_flag(field), not any(True for _ in flags(field))
    limit = own_limit(graph, field, others, is_said) if is_said or is_followed else None
    if limit is None and not joins_names(field):
        on_the_way = (store.function, *(graph.symbols.function_of(path, call) for call, path in calls))
        limit = environments_limit(graph, strip(field), on_the_way)
    if limit is not None:
        found[limit[1]] = MergedEnd(limit[1], limit[0], store, calls, own=True), True
    opened = is_down_at_count(graph, field)
    both = joined_flags(graph, field)
    if both is not None:
        found[both[1]] = MergedEnd(both[1], both[0], store, calls, opened=opened), True
    joined = _joined(graph, field)
    place = None if joined is None else _place(graph, joined)
    if joined is not None and place is not None and not _is_without_limit(graph, joined) and place[1] not in found:
        found[place[1]] = MergedEnd(place[1], place[0], store, calls, opened=opened), False
    return found


def _on_the_way(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[ev.Store]:
    """The stores of the buffer's very rows into something else: what an episode keeps until it has ended."""
    rows = {row for store in buffer.stores for row in _rows(store)}
    return (
        store
        for store in graph.events.stores.values()
        if store.container not in buffer.containers and not rows.isdisjoint(_rows(store))
    )


def _rows(store: ev.Store) -> Iterator[ir.Node]:
    return (atom.node for atom in store.value.atoms if isinstance(atom, (Record, TupleOf)))


def stored_term(graph: ReplayGraph, store: ev.Store) -> Term:
    """What a statement stores; of several targets all."""
    if store.expression is not None:
        return graph.symbols.term(store.path, store.expression)
    terms = graph.symbols.run(store.function, store.path).terms
    targets = store.node.targets if isinstance(store.node, ir.Assign) else []
    return Term("tuple", tuple(terms[part] for part in ir.walk(*targets) if isinstance(part, ir.Sub) and part in terms))


def outwards(
    graph: ReplayGraph, term: Term, function: ev.Owner, calls: tuple[tuple[ir.Node, str], ...]
) -> Iterator[tuple[Term, tuple[tuple[ir.Node, str], ...]]]:
    """The stored value as each caller makes it, as long as it depends on parameters."""
    is_open = any(part.op == "param" and part.data[0] is function for part in term.walk())
    if is_open and isinstance(function, ir.Function) and len(calls) < _DEEPEST:
        callers = [c for c in graph.symbols.calls_of.get(function, ())[:_MOST] if c[0] not in {n for n, _ in calls}]
        for node, caller, path in callers:
            given = graph.symbols.arguments(node, function, path)

            def substituted(part: Term, given: dict[str, Term] = given) -> Term | None:
                return given.get(part.data[1]) if part.op == "param" and part.data[0] is function else None

            yield from outwards(graph, picked(term.mapped(substituted)), caller, (*calls, (node, path)))
        if callers:
            return
    yield term, calls


def fields(term: Term, name: str = "") -> Iterator[tuple[str, Term]]:
    """The fields of a transition with their names, or the value itself."""
    term = strip(term) if term.op not in ("tuple", "record") else term
    if term.op in ("tuple", "record"):
        names = term.data if term.op == "record" and isinstance(term.data, tuple) else ()
        for number, arg in enumerate(term.args):
            yield from fields(arg, names[number] if len(names) == len(term.args) else "")
    else:
        yield name, term


def flags(term: Term) -> Iterator[Term]:
    """The flags of steps of an environment in a term, what is looked up in `info` left out."""
    if term.op == "item":
        if isinstance(term.data, str):
            return
        if term.data in (TERMINATED, TRUNCATED) and is_step(term.args[0]):
            yield term
            return
    for arg in term.args:
        yield from flags(arg)


def is_step(term: Term) -> bool:
    """Whether a term is what a step of an environment returns."""
    term = strip(term)
    if term.op != "call":
        return False
    name = term.data[1].name if isinstance(term.data, tuple) else term.data
    return isinstance(name, str) and name.rpartition(".")[2].startswith("step")


def _has_one_flag(field: Term) -> bool:
    """Whether the field may be what a step says of the end of the task, and holds no flag of a time limit."""
    return {flag.data for flag in flags(field)} == {TERMINATED}


def _is_flag(field: Term) -> bool:
    """Whether a field is made of what a step says of the end, or is True in some cases and False in others."""
    is_set = field.op == "phi" and all(arg.op == "const" and isinstance(arg.data, bool) for arg in field.args)
    return is_set or any(True for _ in flags(field))


def _name(term: Term) -> str:
    return term.node.id if isinstance(term.node, ir.Name) else ""


def is_terminated(term: Term) -> bool:
    """Whether a term is the flag of a step that says that the task has ended, by its place and its name."""
    return term.op == "item" and term.data == TERMINATED and is_step(term.args[0]) and _says(term, "term")


def _says(term: Term, start: str) -> bool:
    return any(word.startswith(start) for word in words(_name(term)))


def _joined(graph: ReplayGraph, field: Term) -> Term | None:
    """The innermost part of a field that holds both flags of one step, None where there is none."""
    said = list(flags(field))
    ended = [flag for flag in said if flag.data == TERMINATED]
    cut = [flag for flag in said if flag.data == TRUNCATED]
    steps = [flag.args[0] for flag in ended]
    if not any(flag.args[0] in steps for flag in cut):
        return None
    named = [_says(flag, "trunc") or _says(flag, "time") or _says(flag, "limit") for flag in cut]
    if not any(named) and not any(_says(flag, "term") for flag in ended):
        return None
    if field.has("where") or any(map(_takes_out, field.walk())) or is_down_at_limit(graph, field):
        return None
    here, is_part = field, False
    while True:
        inner = [arg for arg in here.args if {flag.data for flag in flags(arg)} >= {TERMINATED, TRUNCATED}]
        if not inner:  # one item of a row that holds both is not known to be both
            return None if is_part and here.op in ("tuple", "record") else here
        is_part = is_part or here.op in ("item", "element", "at")
        here = inner[0]


def _place(graph: ReplayGraph, joined: Term) -> tuple[str, ir.Node] | None:
    """Where the flags of a term become one: for a choice that was put together from several places, what reads them."""
    for flag in flags(joined) if joined.op == "phi" else ():
        if flag.data == TRUNCATED and flag.node is not None and not _reads(joined.node, flag):
            function = graph.symbols.function_of(flag.path, flag.node)
            for part in ir.walk(*(graph.module(flag.path).body if function is None else [function])):
                if isinstance(part, (ir.Logic, ir.Bin)) and _reads(part, flag):
                    return flag.path, part
    return None if joined.node is None else (joined.path, joined.node)


def _reads(node: ir.Node | None, flag: Term) -> bool:
    """Whether a flag is read by its name in an expression."""
    return node is not None and any(isinstance(part, ir.Name) and part.id == _name(flag) for part in ir.walk(node))


def _is_without_limit(graph: ReplayGraph, joined: Term) -> bool:
    """Whether every step that the flags are of says False for the truncation."""
    calls = {strip(flag.args[0]).node for flag in flags(joined) if flag.data == TRUNCATED}
    return all(never_says(graph, TRUNCATED, call) for call in calls)


def _is_of_task_alone(graph: ReplayGraph, field: Term) -> bool:
    """Whether a field tells what the task ends alone, or the contrary of that: `1 - terminated`."""
    flag = strip(field)
    if flag.op == "sub" and flag.args[0].number == 1:
        flag = strip(flag.args[1])
    return is_terminated(flag) or is_down_at_limit(graph, flag)


def _takes_out(term: Term) -> bool:
    """Whether the term is "not truncated": what is joined with it is no end by time."""
    if term.op == "not":
        held = strip(term.args[0])
    elif term.op == "sub" and term.args[0].number == 1:
        held = strip(term.args[1])
    else:
        return False
    return {flag.data for flag in flags(held)} == {TRUNCATED}
