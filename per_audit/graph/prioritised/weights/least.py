"""Smallest priorities that a buffer keeps in an attribute, and that are not the smallest: they stay what they were."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.prioritised.beta.schedule import is_never_asked_for
from per_audit.graph.prioritised.beta.standing import set_elsewhere
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.prioritised.weights.empty import is_dead, is_normalised
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.lowered import is_lowered
from per_audit.graph.symbolic.normal import CONSTANT, COUNT, TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy, WeightFormula
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite
    from per_audit.graph.prioritised.weights.weights import Weights

_Written = tuple[Term, "ev.AttributeWrite | None", str]

LOWEST = 0.1  # a number below it may be meant as a bound that no priority falls below
_DEEPEST = 5
_ERRORS = {"abs", "sub", "loss", "neg"}
_BOUNDS = {"maximum": max, "minimum": min, "phi": min}
_READS = {"at", "item"}
_ENDLESS = {"inf", "infty", "infinity", "maxsize"}
_SAME = {"round", "float", "asarray", "array", "tensor", "item"}  # calls that give the number they are given


@dataclass(frozen=True, slots=True)
class KeptMinimum:
    """An attribute that weights are measured against as the smallest priority.

    `node` is where it is given the value that it keeps; `updated`: where priorities are written that it does not
    follow, None where it is 0 from the start.
    """

    name: str
    node: ir.Node
    path: str
    formula: WeightFormula
    updated: PriorityWrite | None


def stale_minima(weights: Weights) -> Iterator[KeptMinimum]:
    """The attributes in the formulas of the weights that no smaller priority ever gets into."""
    anatomy = weights.anatomy
    fields: dict[Term, WeightFormula] = {}
    for formula in anatomy.formulas:
        products = weights.normal.products(formula.base)
        for product in products if not is_dead(anatomy.graph, anatomy.buffer, formula) else ():
            for factor in product.factors:
                field = strip(factor.term)
                if field.op == "field" and not anatomy.is_container(field):
                    fields.setdefault(field, formula)
    if not fields or is_normalised(weights):
        return
    for field, formula in fields.items():
        kept = _kept(weights, field, formula)
        if kept is not None and not set_elsewhere(anatomy.graph, kept.name):
            yield kept


def _kept(weights: Weights, field: Term, formula: WeightFormula) -> KeptMinimum | None:
    anatomy = weights.anatomy
    starts: list[_Written] = []
    moves: list[tuple[Term, ev.AttributeWrite]] = []
    for value, write, path in anatomy.symbols.written(field):
        if write is None or getattr(write.function, "name", "") in BUILDERS:
            starts.append((value, write, path))
        elif not is_never_asked_for(anatomy.graph, anatomy.buffer, write.function):
            moves.append((value, write))
    if not starts or not all(is_lowered(anatomy.symbols, field, value, write) for value, write in moves):
        return None
    lows = [_low(anatomy, value, _DEEPEST) for value, _, _ in starts]
    name = str(field.data[1])
    if moves and set(lows) == {0.0} and not _is_asked_for(formula, name):
        value, write, path = starts[0]
        node = write.node if write is not None else value.node
        return None if node is None else KeptMinimum(name, node, path, formula, None)
    if not all(low is not None and low >= LOWEST for low in lows):
        return None
    updated = _falling(anatomy)
    if updated is None or not (_stays(anatomy, moves) if moves else _is_in_place(weights, field, formula)):
        return None
    value, write, path = starts[0]
    node, path = (moves[0][1].node, moves[0][1].path) if moves else (write.node if write is not None else None, path)
    return None if node is None else KeptMinimum(name, node, path, formula, updated)


def _is_asked_for(formula: WeightFormula, name: str) -> bool:
    """Whether the function that computes the weights tests the attribute, or puts something in its place."""
    function = formula.function
    if any(part.op in _BOUNDS or part.op in ("clip", "where", "add") for part in formula.base.walk()):
        return True
    body = ir.walk(function) if function is not None else ()
    tests = (node.test for node in body if isinstance(node, (ir.If, ir.IfExp, ir.While, ir.Assert)))
    return any(isinstance(part, ir.Attr) and part.attr == name for test in tests for part in ir.walk(test))


def _is_in_place(weights: Weights, field: Term, formula: WeightFormula) -> bool:
    """Whether weights are divided by a power with a constant where theirs has the priority: by N c / total."""
    products = weights.normal.products(formula.base)
    kinds = [{factor.kind for factor in product.factors} for product in products]
    if any(TOTAL not in each or not each <= {TOTAL, COUNT, CONSTANT} for each in kinds):
        return False
    others = {strip(f.term) for product in products for f in product.factors if f.kind != TOTAL} - {field}
    if not others:
        return False
    return any(
        any(strip(option) == formula.made for option in alternatives(division.term))
        for weight in weights.all
        if weight.is_of_transitions
        for division in weights.divisions(weight)
    )


# ---------------------------------------------------------------- who writes


def _falling(anatomy: Anatomy) -> PriorityWrite | None:
    """The first write of a priority that was drawn which nothing keeps above the numbers that a minimum starts from."""
    for write in anatomy.writes:
        low = None if write.inserts else _low(anatomy, write.value, _DEEPEST)
        if low is not None and low < LOWEST:
            return write
    return None


def _stays(anatomy: Anatomy, moves: list[tuple[Term, ev.AttributeWrite]]) -> bool:
    """Whether an attribute is lowered where transitions are stored alone, with numbers that errors fall below."""
    owner = anatomy.buffer.owner
    own = set(anatomy.graph.classes.mro(owner)) if owner is not None else None
    inserting = [
        write
        for write in anatomy.writes
        if write.inserts and (own is None or own & {anatomy.class_of(function) for function in write.functions})
    ]
    lows = [_low(anatomy, write.value, _DEEPEST) for write in inserting]
    if not lows or not all(low is not None and low >= LOWEST for low in lows):
        return False
    inner = {function for write in inserting for function in write.functions} | anatomy.adding
    inner -= {function for write in anatomy.writes if not write.inserts for function in write.functions}
    return all(_is_inside(anatomy, write.function, inner) for _, write in moves)


def _is_inside(anatomy: Anatomy, function: ev.Owner, inner: set[ev.Owner]) -> bool:
    """Whether a function is one of some, or called by them alone."""
    if function in inner:
        return True
    calling = {caller for _, caller, _ in anatomy.symbols.calls_of.get(function, ())}
    return bool(calling) and calling <= inner


# ---------------------------------------------------------------- how small a value may be


def _low(anatomy: Anatomy, value: Term, depth: int) -> float | None:
    """The number that a value does not fall below, as far as the code says; 0 for the size of an error."""
    value = strip(value)
    if value.is_number:
        return value.number
    if value.op in ("const", "external") and str(value.data).rpartition(".")[2].lower() in _ENDLESS:
        return inf
    if value.op in _ERRORS:
        return 0.0
    if not depth:
        return None
    if value.op == "pow":
        base = _low(anatomy, value.args[0], depth)
        return base if base is None else min(base, 1.0)  # by an exponent of at most 1, as alpha is
    if value.op in ("add", "mul", *_BOUNDS):
        return _low_of_several(anatomy, value, depth)
    if value.op == "clip":
        lows = [low for part in value.args[:2] if (low := _low(anatomy, part, depth)) is not None]
        return max(lows, default=None)
    if value.op in _READS or (value.op == "call" and str(value.data).rpartition(".")[2] in _SAME):
        return _low(anatomy, value.args[0], depth) if value.args else None
    if value.op == "field":
        rising = ("maximum", "max")
        options = [o for o in anatomy.symbols.options(value) if not (o.op in rising and o.contains(value))]
        return _least(anatomy, options, depth - 1)
    return _least(anatomy, anatomy.symbols.options(value), depth - 1) if value.op == "param" else None


def _low_of_several(anatomy: Anatomy, value: Term, depth: int) -> float | None:
    parts = [arg for arg in value.args if not _is_for_zero(anatomy, arg)] if value.op == "phi" else list(value.args)
    lows = [_low(anatomy, part, depth) for part in parts]
    known = [low for low in lows if low is not None]
    if value.op == "maximum" and known:
        return max(known)
    if len(known) < len(lows) or not known:
        return None
    if value.op == "mul":
        return known[0] * known[1]
    return sum(known) if value.op == "add" else _BOUNDS[value.op](known)


def _least(anatomy: Anatomy, options: list[Term], depth: int) -> float | None:
    lows = [_low(anatomy, option, depth) for option in options]
    known = [low for low in lows if low is not None]
    return min(known) if known and len(known) == len(lows) else None


def _is_for_zero(anatomy: Anatomy, option: Term) -> bool:
    """Whether a value takes the place of a 0: `if p == 0: p = least`."""
    if option.node is None:
        return False
    for around in anatomy.graph.ancestors(option.path, option.node):
        if isinstance(around, ir.Function):
            return False
        if isinstance(around, ir.If):
            test = around.test
            return (
                isinstance(test, ir.Cmp)
                and test.ops == ["=="]
                and isinstance(test.rights[0], ir.Const)
                and test.rights[0].value == 0
                and around.body[0].start <= option.node.start < around.body[-1].end
            )
    return False
