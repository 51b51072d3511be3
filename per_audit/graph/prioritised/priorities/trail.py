"""The way of a priority: where its error is made, what passes it on and stores it, what the draw makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.degree import STORED, Chain, Exponents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.findings import Evidence
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite, Step

_SPINE = {
    "pow", "abs", "add", "mul", "div", "neg", "maximum", "minimum", "clip", "max", "min", "mean", "sum", "at", "item",
    "slice", "gather", "loop", "phi", "where", "sort",
}  # fmt: skip
_OF_FIRST = {"at", "gather", "slice", "pow", "clip"}  # what stands behind the first is a position, an exponent, a bound
_MOST_LINKS = 10


def errors(value: Term) -> list[Term]:
    """The differences and losses that a priority is made of, outermost first."""
    return list(dict.fromkeys(term for term in along(value) if term.op in ("sub", "loss")))


def along(value: Term) -> Iterator[Term]:
    """A priority and what it is made of, outermost first, down to errors: no exponents, bounds, positions."""
    stack = [value]
    while stack:
        term = strip(stack.pop())
        yield term
        if term.op in _SPINE:
            parts = term.args[:1] if term.op in _OF_FIRST else term.args
            stack.extend(part for part in reversed(parts) if term.op != "mul" or not _is_share(part))


def _is_share(term: Term) -> bool:
    """Whether a factor is what another number leaves of the whole: `1 - keep`, of a running mean."""
    term = strip(term)
    return term.op == "sub" and term.args[0].is_number


def handed_out(anatomy: Anatomy, write: PriorityWrite, term: Term, start: int, end: int | None = None) -> Term:
    """A term of the function that makes one step of a write, as the function knows it that makes a later one."""
    callers = list(zip(write.functions, write.steps[1:], strict=False))
    for function, step in callers[start:end]:
        if not isinstance(function, ir.Function) or not isinstance(step.node, ir.Expr):
            break
        given = anatomy.symbols.arguments(step.node, function, step.path)

        def substituted(part: Term, given: dict[str, Term] = given, function: ir.Function = function) -> Term | None:
            return given.get(part.data[1]) if part.op == "param" and part.data[0] is function else None

        term = term.mapped(substituted)
    return term


def handover(anatomy: Anatomy, write: PriorityWrite) -> Step:
    """Where the training hands a priority over: where its error is made or asked for, else the first step outside."""
    made = {anatomy.symbols.function_of(e.path, e.node) for e in errors(write.value) if e.node is not None and e.path}
    links = list(zip(write.steps, write.functions, strict=True))
    for step, function in links:
        if function in made:
            return step
    for step, function in links:
        if function is not None and not made.isdisjoint(anatomy.graph.reachable(function, 1)):
            return step
    for step, function in links:
        owner = anatomy.graph.project.class_of.get(function) if function is not None else None
        if owner is None or owner not in anatomy.parts:
            return step
    return write.steps[0]


def evidence(anatomy: Anatomy, write: PriorityWrite) -> tuple[Evidence, ...]:
    """The links from the error to the store, one for each line."""
    graph = anatomy.graph
    last = handover(anatomy, write)
    links = [_at(graph, e, "error", "the error is made here") for e in errors(write.value)[:2]]
    links += [_at(graph, t, "priority", "the priority is computed here") for t in _powers(write.value)]
    for step in write.steps[1:]:
        links.append(graph.evidence(step.path, step.node, "update", "passed on here"))
        if step is last:
            break
    links.append(graph.evidence(write.steps[0].path, write.steps[0].node, "store", "stored here"))
    return unique(links)


def evidence_at(anatomy: Anatomy, step: Step) -> tuple[Evidence, ...]:
    """The links of all ways from one place where priorities are handed over."""
    links = [
        link
        for write in anatomy.written.opened
        if not write.inserts and handover(anatomy, write).node is step.node
        for link in evidence(anatomy, write)
    ]
    return unique(sorted(links, key=lambda link: link.role == "store"))


def unique(links: list[Evidence | None] | list[Evidence]) -> tuple[Evidence, ...]:
    """The links without those that say the same of the same line again."""
    found: dict[object, Evidence] = {}
    for link in links:
        if link is not None:
            found.setdefault((link.place.path, link.place.line, link.role), link)
    return tuple(found.values())[:_MOST_LINKS]


def _at(graph: ReplayGraph, term: Term, role: str, note: str) -> Evidence | None:
    return graph.evidence(term.path, term.node, role, note) if term.node is not None and term.path else None


def _powers(value: Term) -> Iterator[Term]:
    """The powers and absolute values around the error."""
    stack, seen = [value], 0
    while stack and seen < 12:
        term = strip(stack.pop())
        seen += 1
        if term.op in ("pow", "abs"):
            yield term
        if term.op in _SPINE:
            stack.extend(reversed(term.args[:1] if term.op != "phi" else term.args))


def is_asserted(anatomy: Anatomy, write: PriorityWrite) -> bool:
    """Whether an assertion on the way lets no priority of zero pass: `assert priority > 0`."""
    symbols = anatomy.symbols
    for step, function in zip(write.steps, write.functions, strict=True):
        if not isinstance(function, ir.Function):
            continue
        asserted = {
            symbols.term(step.path, side)
            for node in ir.walk_scope(function.body)
            if isinstance(node, ir.Assert)
            for side in _positive(node.test)
            if not isinstance(side, ir.Attr)  # a setting
        }
        passed = [symbols.term(step.path, expr) for expr in _passed(anatomy.graph.statement(step.path, step.node))]
        if any(strip(term) == part for term in asserted for value in passed for part in along(value)):
            return True
    return False


def _positive(test: ir.Expr) -> Iterator[ir.Expr]:
    """What a test says to be above zero: `p > 0`, `0 < p`, `(p > 0).all()`."""
    if isinstance(test, ir.Logic) and test.op == "and":
        yield from _positive(test.left)
        yield from _positive(test.right)
    elif isinstance(test, ir.Call) and isinstance(test.func, (ir.Name, ir.Attr)) and name_of(test.func) == "all":
        given = test.argument(0)
        within = given if given is not None else getattr(test.func, "value", None)
        yield from _positive(within) if within is not None else ()
    elif isinstance(test, ir.Cmp):
        sides = [test.left, *test.rights]
        for op, left, right in zip(test.ops, sides, sides[1:], strict=False):
            above, below = (left, right) if op == ">" else (right, left)
            if op in ("<", ">") and getattr(below, "value", None) == 0:
                yield above


def _passed(statement: ir.Stmt) -> Iterator[ir.Expr]:
    """What a statement stores or hands over."""
    if isinstance(statement, (ir.Assign, ir.Aug)) and statement.value is not None:
        yield statement.value
    for node in ir.walk_scope([statement]):
        if isinstance(node, ir.Call):
            yield from (arg.value for arg in node.args)


# -------------------------------------------------------------------- the draw


def probabilities(anatomy: Anatomy) -> list[Term]:
    """The probabilities that draws are given explicitly."""
    found: list[Term] = []
    for source in anatomy.buffer.sources:
        draw = anatomy.events.draws.get(source)
        if draw is not None and draw.probabilities is not None:
            found += alternatives(anatomy.symbols.term(draw.path, draw.probabilities))
    return found


def lifted(anatomy: Anatomy) -> bool:
    """Whether what has priority zero may be drawn all the same: by a uniform share, an offset, a rank, or unknown."""
    draws = [anatomy.events.draws[node] for node in anatomy.buffer.sources if node in anatomy.events.draws]
    inside = {anatomy.buffer.function, *(draw.function for draw in draws)}
    if any(draw.function in inside and not draw.weighted for draw in anatomy.events.draws.values()):
        return True
    return any(_lifts(anatomy, term) for term in probabilities(anatomy))


def _lifts(anatomy: Anatomy, term: Term) -> bool:
    term = strip(term)
    if anatomy.base_of(term) in anatomy.containers and term.op in ("field", "global", "slice", "at", "item", "loop"):
        return False
    if term.op == "add":
        return True
    if term.op in ("pow", "div"):
        return _lifts(anatomy, term.args[0])
    if term.op in ("mul", "phi"):
        return any(_lifts(anatomy, arg) for arg in term.args if not arg.is_number)
    return True


# -------------------------------------------------------------------- alpha


def chains_of(anatomy: Anatomy, value: Term) -> frozenset[Chain]:
    """How often alpha was applied to a value before it is stored; by the buffer, not by another with such a tree."""
    found = Exponents(anatomy.symbols, lambda term: reads_priorities(anatomy, term)).of(value)
    return frozenset(chain for chain in found if not any(_is_of_another(anatomy, power) for power in chain.raised))


def _is_of_another(anatomy: Anatomy, power: Term) -> bool:
    if power.node is None or not power.path:
        return False
    function = anatomy.symbols.function_of(power.path, power.node)
    return function is not None and anatomy.graph.project.class_of.get(function) in anatomy.others


def reads_priorities(anatomy: Anatomy, term: Term) -> bool:
    """Whether a term is a priority that was stored: one, some, or all of them."""
    if term.op in ("found", "loop") or (term.op == "field" and term in anatomy.containers):
        return anatomy.base_of(term) in anatomy.containers
    if _is_raised(term):
        return False  # `(priorities**alpha)[:n]` reads what alpha has made of them
    if term.op in ("at", "item", "slice") and anatomy.base_of(term) in anatomy.containers:
        return True
    if _is_handed_out(anatomy, term):
        return True
    return term.op == "item" and anatomy.base_of(term.args[0]) in anatomy.written.keyed.get(term.data, ())


def _is_handed_out(anatomy: Anatomy, term: Term) -> bool:
    """Whether a term is a part of what a search that calls itself returns: a stored priority where it ends."""
    if term.op != "item" or not term.args or term.args[0].op != "call" or not isinstance(term.data, int):
        return False
    data = term.args[0].data
    function = data[1] if isinstance(data, tuple) and len(data) == 2 and data[0] == "project" else None
    if not isinstance(function, ir.Function) or anatomy.class_of(function) not in anatomy.holders:
        return False
    run = anatomy.symbols.run(function, anatomy.graph.project.module_of[function].path)
    ends = [strip(end) for end in run.returns]
    parts = [end.args[term.data] for end in ends if end.op == "tuple" and term.data < len(end.args)]
    return bool(parts) and all(reads_priorities(anatomy, strip(part)) for part in parts)


def _is_raised(term: Term) -> bool:
    """Whether a part is taken of a power."""
    while term.op in ("at", "item", "slice") and term.args:
        term = strip(term.args[0])
    return term.op == "pow"


def drawn_powers(anatomy: Anatomy) -> Chain:
    """The exponents that the stored priorities are raised to when they become probabilities."""
    for term in probabilities(anatomy):
        for chain in chains_of(anatomy, term):
            if chain.start == STORED and chain.exponents:
                return chain
    return Chain(STORED)


def is_tree(anatomy: Anatomy) -> bool:
    """Whether the array of the priorities holds their sums as well: it is written at half an index, or with a sum."""
    for store in anatomy.stores:
        index = anatomy.symbols.term(store.path, store.index)
        if any(part.op in ("floordiv", "div") and part.args[1].number == 2 for part in index.walk()):
            return True
        value = strip(anatomy.symbols.term(store.path, store.expression))
        if value.op == "add" and all(anatomy.priority_base(arg) for arg in value.args):
            return True
    return False


def reads_another_tree(anatomy: Anatomy, write: PriorityWrite, chain: Chain) -> bool:
    """Whether what is raised was read from one tree and is written to another one of its class, held beside it.

    They are one container by their class, and two by the attributes that hold them.
    """
    power = chain.raised[-1]
    if power.node is None or not power.path:
        return False
    function = anatomy.symbols.function_of(power.path, power.node)
    trees = {term.data[0] for term in anatomy.containers if term.op == "field"}
    calls = (step.node.func for step in write.steps if isinstance(step.node, ir.Call))

    def names(nodes: Iterable[ir.Node]) -> set[str]:
        held = (node for node in nodes if isinstance(node, ir.Attr))
        return {node.attr for node in held if not trees.isdisjoint(anatomy.symbols.classes_of(node))}

    written = names(call.value for call in calls if isinstance(call, ir.Attr))
    made: list[ir.Node] = [power.node]
    known = {node.id for node in ir.walk(power.node) if isinstance(node, ir.Name)}
    made += [
        node.value or node
        for node in (ir.walk(function) if function is not None else ())
        if isinstance(node, ir.Assign) and any(getattr(target, "id", None) in known for target in node.targets)
    ]
    read = names(ir.walk(*made))
    return bool(written and read) and written.isdisjoint(read)
