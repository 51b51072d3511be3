"""What a flag says where it is set: that an episode has ended, or that it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import bootstrap
from per_audit.graph.episodes.truncation import outwards
from per_audit.graph.interpret.roles import DONE, name_of, role_of, role_of_name, words
from per_audit.graph.symbolic import Term, alternatives
from per_audit.graph.symbolic.term import UNKNOWN_TERM
from per_audit.graph.symbolic.vocabulary import TRANSPARENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.episodes.bootstrap import BootstrapTarget
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FORM = {"detach", "reshape", "unsqueeze", "squeeze", "stack"}
_READS = {"item", "at", "element", "slice", "collect"}
_SOURCES = {"draw", "mass", "found", "element", "range", "const", "len", "field", "external", "tuple"}
_GOES_ON = {"not", "non", "notdone", "nonterminal", "nonterminals", "mask", "masks", "cont", "continue", "continues",
            "alive", "discount", "discounts", "nonfinal"}  # fmt: skip
_COMPUTED = {"add", "sub", "mul", "div", "floordiv", "pow", "neg", "abs", "minimum", "maximum"}  # never rows
_ZEROS = {"zeros", "zeros_like", "new_zeros"}
_COLUMNS = {"map", "zip", "list", "tuple", "items", "values"}


def inverted(graph: ReplayGraph, buffer: ReplayBuffer) -> list[tuple[BootstrapTarget, Term]]:
    """The targets that keep the next value at terminal states alone, each with the flag that keeps it there.

    Only where what the environment says at a step is stored as it is, so that it is set where an episode ends, or as
    its opposite, and the function has no other target for the rest of the transitions.
    """
    found: list[tuple[BootstrapTarget, Term]] = []
    others: set[ev.Owner] = set()
    for target in bootstrap.targets(graph, buffer):
        flag = next((flag for flag in _switches(graph, target) if _tells_ends(graph, buffer, flag)), None)
        if flag is None:
            others.add(target.function)
        else:
            found.append((target, flag))
    return [(target, flag) for target, flag in found if target.function not in others]


def _switches(graph: ReplayGraph, target: BootstrapTarget) -> Iterator[Term]:
    """The flags without which the next value does not enter the target: factors, and tests that it stands behind."""
    for factor in target.factors:
        yield from _chosen_by(factor)
    inner: ir.Node = target.node
    for around in graph.ancestors(target.path, target.node):
        if isinstance(around, ir.Function):
            return
        if isinstance(around, (ir.If, ir.IfExp)) and inner is not around.test:
            test = graph.symbols.term(target.path, around.test)
            kept = around.body if isinstance(around.body, list) else [around.body]
            yield test if any(inner is part for part in kept) else _negated(test)
        elif isinstance(around, ir.Call) and name_of(around.func) == "where" and len(around.args) == 3:
            test = graph.symbols.term(target.path, around.args[0].value)
            if inner in (around.args[1], around.args[1].value):
                yield test
            elif inner in (around.args[2], around.args[2].value):
                yield _negated(test)
        inner = around


def _chosen_by(factor: Term) -> Iterator[Term]:
    """A factor of the next value as a flag: of a choice between the value and zeros the test that keeps the value."""
    if factor.op != "where" or len(factor.args) != 3:
        yield factor
        return
    test, kept, other = factor.args
    if _is_nothing(other) and not _is_nothing(kept):
        yield test
    elif _is_nothing(kept) and not _is_nothing(other):
        yield _negated(test)


def _is_nothing(term: Term) -> bool:
    return term.number == 0 or (term.op == "alloc" and str(term.data) in _ZEROS)


def is_opposite(flag: Term) -> bool:
    """Whether a flag that is set at the end of episodes is the opposite of what was drawn: `1 - mask`."""
    return _bare(flag)[1]


def _negated(term: Term) -> Term:
    return Term("not", (term,), None, term.node, term.path)


def _tells_ends(graph: ReplayGraph, buffer: ReplayBuffer, flag: Term) -> bool:
    """Whether a flag of drawn transitions is set where the environment said that the episode ended."""
    drawn, turned = _bare(flag)
    column = _column(drawn)  # among others in a comprehension, all of which have one expression
    named = column is not None and role_of_name(column) == DONE
    if not isinstance(drawn.node, ir.Expr) or not (named or bootstrap.role_at(graph, drawn.node) == DONE):
        return False
    if not graph.events.value(drawn.node).tagged("draw") & buffer.sources or not _is_read(drawn):
        return False
    said = {opposite for term in _stored(graph, buffer, drawn) for opposite in _said(graph, term)}
    return said == {turned}


def _bare(term: Term) -> tuple[Term, bool]:
    """What a flag is made from, and whether it is the opposite: `1 - done`, `not done`, `done == 0`."""
    turned = False
    while True:
        if term.op in _FORM:
            term = term.args[0]
        elif _is_opposite(term):
            term, turned = term.args[-1], not turned
        elif term.op == "cmp" and len(term.args) == 2 and term.data in (("==",), ("!=",), ("is",)):
            value = term.args[1]
            if value.op != "const" or value.data not in (0, 1):
                return term, turned
            turned ^= bool(value.data) == (term.data == ("!=",))
            term = term.args[0]
        else:
            return term, turned


def _is_opposite(term: Term) -> bool:
    if term.op == "call" and len(term.args) == 1:
        return str(term.data).rpartition(".")[2] == "logical_not"
    return term.op == "not" or (term.op == "sub" and term.args[0].number == 1)


def _is_read(term: Term) -> bool:
    """Whether a term is a part of what was drawn, picked and converted, and nothing else is done to it."""
    for part in _held(term):
        if part.op == "call":
            name = part.data.rpartition(".")[2] if isinstance(part.data, str) else None
            if name not in _COLUMNS:
                return False
        elif part.op == "external":
            if str(part.data).rpartition(".")[2] not in TRANSPARENT:
                return False
        elif part.op not in _READS and part.op not in _SOURCES and part.op not in (*_FORM, "phi"):
            return False
    return True


def _held(term: Term) -> Iterator[Term]:
    """A term and what it is made of; of what is read at a place all but the place, as any row says the same of ends."""
    yield term
    for arg in term.args[:1] if term.op in _READS else term.args:
        yield from _held(arg)


def _stored(graph: ReplayGraph, buffer: ReplayBuffer, drawn: Term) -> Iterator[Term]:
    """What is stored as the end of a transition; a term that says nothing where that is not known."""
    key = drawn.data if drawn.op == "item" else None
    column = _column(drawn)
    for store in buffer.stores:
        if store.roles == {DONE}:
            yield from _stored_alone(graph, store)
        elif (DONE in store.roles or not store.roles) and not _is_beside(store, column):
            yield from (end for row in _rows(graph, store) for end in _ends_of(row, key))


def _column(drawn: Term) -> str | None:
    """The attribute that a flag is read from, if it is an array of flags alone."""
    held = drawn
    while held.op in (*_FORM, "at", "slice") and held.args:
        held = held.args[0]
    return held.data[1] if held.op == "field" and isinstance(held.data, tuple) else None


def _is_beside(store: ev.Store, column: str | None) -> bool:
    """Whether a statement stores into nothing that a flag is read from: a number is added, or it is another array."""
    if isinstance(store.node, ir.Aug):
        return True
    targets = store.node.targets if isinstance(store.node, ir.Assign) else []
    names = {name_of(part) for target in targets for part in ir.walk(target) if isinstance(part, ir.Sub)}
    return column is not None and bool(names) and column not in names


def _rows(graph: ReplayGraph, store: ev.Store) -> Iterator[Term]:
    """What a statement stores as rows, as the callers make them where it was handed them; sums are none."""
    for option in alternatives(graph.symbols.term(store.path, store.expression)):
        if option.op == "param":
            given = (row for row, _ in outwards(graph, option, store.function, ()))
            yield from (each for row in given for each in alternatives(row) if each.op not in _COMPUTED)
        elif option.op not in _COMPUTED:
            yield option


def _ends_of(row: Term, key: object) -> list[Term]:
    """The end of an episode in a row: what stands at the place that is read, or under a name for it."""
    if row.op in ("tuple", "record") and isinstance(key, int) and -len(row.args) <= key < len(row.args):
        return [row.args[key]]
    if row.op == "record":
        named = zip(row.data, row.args, strict=True)
        return [end for name, end in named if role_of_name(str(name)) == DONE]
    return [UNKNOWN_TERM]


def _stored_alone(graph: ReplayGraph, store: ev.Store) -> Iterator[Term]:
    """What is stored in a column of its own, `self.done[i] = done`, which may stand among others in one statement."""
    if store.expression is not None:
        yield graph.symbols.term(store.path, store.expression)
        return
    made = graph.statement(store.path, store.node)
    for target in made.targets if isinstance(made, ir.Assign) else ():
        value = made.value if isinstance(made, ir.Assign) else None
        if isinstance(target, ir.Seq) and isinstance(value, ir.Seq) and len(target.items) == len(value.items):
            for item, given in zip(target.items, value.items, strict=True):
                if role_of(item) == DONE:
                    yield graph.symbols.term(store.path, given)


def _said(graph: ReplayGraph, term: Term, *, opposite: bool = False) -> set[bool | None]:
    """Whether a term is the opposite of what `env.step` says of the end: for each option, None where it is neither."""
    given, turned = _bare(term)
    if given.op == "param" and _is_given_end(graph, *given.data):
        return {opposite ^ turned}
    term, turned = _bare(graph.symbols.expanded(term))
    opposite ^= turned
    if _is_of_step(term):
        return {opposite}
    chosen = _chosen(graph, term)
    if chosen is not None:
        test, is_set = chosen
        return _said(graph, test, opposite=opposite ^ (not is_set))
    if term.op != "phi":
        return {None}
    return {said for option in term.args for said in _said(graph, option, opposite=opposite)}


def _is_given_end(graph: ReplayGraph, function: ir.Node, name: str) -> bool:
    """Whether each caller gives for a parameter the name that takes the end from a step, of whatever environment."""
    sites = graph.callers.get(function, ()) if isinstance(function, ir.Function) else ()
    if not isinstance(function, ir.Function) or not sites:
        return False
    names = [parameter.name for parameter in function.parameters if not parameter.kind]
    place = names.index(name) - (function in graph.project.class_of) if name in names else None
    return place is not None and all(
        _is_named_by_step(graph, site.path, site.node.argument(place, name)) for site in sites
    )


def _is_named_by_step(graph: ReplayGraph, path: str, given: ir.Expr | None) -> bool:
    """Whether a name is given what a step returns for the end, and in its function nothing else but False."""
    if not isinstance(given, ir.Name) or role_of_name(given.id) != DONE or not _GOES_ON.isdisjoint(words(given.id)):
        return False
    function = graph.symbols.function_of(path, given)
    body = function.body if isinstance(function, ir.Function) else graph.module(path).body
    told = False
    for node in ir.walk_scope(body):
        if isinstance(node, ir.Aug) and _is(node.target, given.id):
            return False
        for target in node.targets if isinstance(node, ir.Assign) else ():
            if _is_at_end(target, given.id) and isinstance(node, ir.Assign) and _calls_step(node.value):
                told = True
            elif not _is_lowered(target, node, given.id):
                return False
    return told


def _is_lowered(target: ir.Expr, node: ir.Node, name: str) -> bool:
    """Whether an assignment gives a name False, or nothing."""
    value = node.value if isinstance(node, ir.Assign) else None
    pairs = [(target, value)]
    if isinstance(target, ir.Seq) and isinstance(value, ir.Seq) and len(target.items) == len(value.items):
        pairs = list(zip(target.items, value.items, strict=True))
    given = [value for to, value in pairs if any(_is(part, name) for part in ir.walk(to))]
    return all(isinstance(each, ir.Const) and not each.value for each in given)


def _is_at_end(target: ir.Expr, name: str) -> bool:
    """Whether a name takes the end of what is unpacked."""
    return isinstance(target, ir.Seq) and any(_is(item, name) for item in target.items[2:4])


def _calls_step(value: ir.Expr | None) -> bool:
    return isinstance(value, ir.Call) and isinstance(value.func, ir.Attr) and value.func.attr == "step"


def _is(node: ir.Node, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name


def _chosen(graph: ReplayGraph, term: Term) -> tuple[Term, bool] | None:
    """The test that decides between 1 and 0, and which of them it stands for: `0.0 if over else 1.0`."""
    if term.op == "where" and len(term.args) == 3:
        test, kept, other = term.args
    elif term.op == "phi" and isinstance(term.node, ir.IfExp):
        test, kept, other = (
            graph.symbols.term(term.path, part) for part in (term.node.test, term.node.body, term.node.orelse)
        )
    else:
        return None
    if kept.op != "const" or other.op != "const" or (kept.data, other.data) not in ((0, 1), (1, 0)):
        return None
    return test, bool(kept.data)


def _is_of_step(term: Term) -> bool:
    while term.op in _FORM:
        term = term.args[0]
    if term.op != "item" or term.data not in (2, 3) or not isinstance(term.node, (ir.Name, ir.Attr, ir.Sub)):
        return False
    step = term.args[0]
    named = step.op == "call" and isinstance(step.data, str) and step.data.rpartition(".")[2] == "step"
    name = name_of(term.node) or ""
    return named and role_of_name(name) == DONE and _GOES_ON.isdisjoint(words(name))
