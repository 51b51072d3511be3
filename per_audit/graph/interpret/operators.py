"""Arithmetic and comparisons: what a result was computed from, and whether it is reduced."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret import logarithms
from per_audit.graph.interpret.halving import halved
from per_audit.graph.interpret.known import mappings
from per_audit.graph.interpret.known.draws import SUMS, same
from per_audit.graph.interpret.known.externals import REDUCTIONS
from per_audit.graph.interpret.roles import EARNED, is_beta, name_of, words
from per_audit.graph.interpret.running import Running, running
from per_audit.graph.interpret.values import (
    ELEMENTWISE,
    SCALAR,
    Alloc,
    Drawn,
    Ints,
    Item,
    Literal,
    TupleOf,
    Value,
    of,
    taint,
)

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_MOST_TUPLES = 4  # that a branch or two make of one
_NONE: frozenset[str] = frozenset()
_DISCOUNTS = {"gamma", "gammas", "discount", "discounts"}
_PROBABILITIES = {"p", "ps", "prob", "probs", "probability", "probabilities"}


class Operators:
    """Gives operators their meaning, and records products of weights."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._stopped: dict[ir.Cmp, tuple[Running, ...]] = {}

    def bin(self, node: ir.Bin, frame: Frame) -> Value:
        """A binary operation."""
        left = self.interpreter.evaluator.eval(node.left, frame)
        right = self.interpreter.evaluator.eval(node.right, frame)
        if node.op == "*":
            for side, other in ((left, right), (right, left)):
                lists = [a for a in side.atoms if isinstance(a, (Alloc, TupleOf)) and _is_list(a)]
                if lists and not other.tags:  # [None] * capacity
                    self.interpreter.add_content(node, self.interpreter.parts.element(side))
                    return of(Alloc(node, "list"))
        is_list = any(isinstance(a, (Alloc, TupleOf)) for a in left.atoms)
        is_drawn = any(isinstance(a, Drawn) for a in left.atoms)  # the rows of an array at drawn positions
        if node.op == "+" and is_list and not (is_drawn or _is_number(right)):
            return self._concatenate(node, left, right, frame)
        if node.op == "|" and (both := mappings.joined(self.interpreter, node, left, right)) is not None:
            return both
        result = self.arithmetic(node, node.op, node.left, left, node.right, right, frame)
        if _is_number(right) and node.op in ("+", "-", "*", "/"):
            # np.zeros(n) + 1e-5: an array made in another way.
            arrays = frozenset(a for a in left.atoms if isinstance(a, Alloc) and a.kind == "array")
            return result._replace(atoms=result.atoms | arrays) if arrays else result
        return result

    def _concatenate(self, node: ir.Bin, left: Value, right: Value, frame: Frame) -> Value:
        joined = self.joined(node, left, right)
        if joined is not None:
            return joined
        self.interpreter.parts.ends.update(atom.node for atom in right.atoms if isinstance(atom, TupleOf))
        for atom in self.interpreter.order.atoms(left.atoms):
            if isinstance(atom, Alloc) and atom.kind in ("list", "deque"):
                self.interpreter.targets.store(
                    atom, node, frame, "extend", self.interpreter.parts.element(right), node.right
                )
        either = left.join(right)
        return either._replace(atoms=frozenset(a for a in either.atoms if not isinstance(a, Item)))

    def joined(self, node: ir.Node, left: Value, right: Value) -> Value | None:
        """Tuples one after the other, each that is known to stand on a side; None where one is not."""
        sides = [self.interpreter.parts.items_by_length(side) for side in (left, right)]
        tuples = [TupleOf(node, ours + theirs) for ours, theirs in itertools.product(*sides)]
        items = itertools.chain.from_iterable(each.items for each in tuples)
        return Value(frozenset(tuples), taint(*items).tags) if 0 < len(tuples) <= _MOST_TUPLES else None

    def arithmetic(
        self, node: ir.Node, op: str, left: ir.Expr, a: Value, right: ir.Expr, b: Value, frame: Frame
    ) -> Value:
        """The result of an operator applied to two values."""
        a, b = self.interpreter.parts.spilled(a), self.interpreter.parts.spilled(b)
        # What is taken off a random number, a sum of priorities for one, makes no other random number of it.
        masses = a.tagged("mass") if op == "-" else frozenset()
        result = taint(a, b.without("mass") if masses else b)
        if not isinstance(right, ir.Const) and not _is_own_average(left, right):
            for mass in self.interpreter.order.nodes(masses):
                self.interpreter.draws.note_reduced(mass, node, frame)
        constants = a.literal(), b.literal()
        if isinstance(constants[0], (int, float)) and isinstance(constants[1], (int, float)) and not _is_drawn(result):
            return of(_folded(op, *constants))
        if op == "**":
            result = self._power(node, left, a, right, b, result)
        elif op == "/":
            result = self._quotient(node, left, a, right, b, result)
        elif op in ("*", "-"):
            result = self._logarithm(op, left, a, right, b, result)
        if op == "*" and 0 in constants:
            result = result.without("isw")  # none of them is left
        elif op == "*" and isinstance(node, (ir.Bin, ir.Aug)):
            self.weigh(node, left, a, right, b, frame)
        reductions = {v.reduction for v, e in ((a, left), (b, right)) if not isinstance(e, ir.Const)}
        reduction = ELEMENTWISE if ELEMENTWISE in reductions else SCALAR if reductions == {SCALAR} else None
        if op == "*" and SCALAR in reductions and (a.tagged("isw") or b.tagged("isw")):
            reduction = ELEMENTWISE
        if op in ("/", "**", "@") or (op == "*" and not (_is_number(a) or _is_number(b))):
            result = result.no_position()
        return Value(result.atoms, result.tags, self._roles(op, left, a, right, b), reduction)

    def _roles(self, op: str, left: ir.Expr, a: Value, right: ir.Expr, b: Value) -> frozenset[str]:
        """What field of a transition a result is: computed from one and a number that is written there, the same one.

        A sum of rewards, each discounted or not, is what was earned in several steps, whatever it is called.
        """
        if isinstance(right, ir.Const) or isinstance(left, ir.Const):
            return a.roles if isinstance(right, ir.Const) else b.roles
        if op in ("*", "@") and any(
            _is_discount(factor) and self.is_earned(value) for factor, value in ((left, b), (right, a))
        ):
            return EARNED
        if op not in ("+", "*") or a.roles | b.roles != EARNED:
            return _NONE
        sides = ((left, a), (right, b))
        if op == "+":
            return EARNED if all(value.roles or self._is_number_so_far(side, value) for side, value in sides) else _NONE
        number = next((value for _, value in sides if not value.roles), None)
        return EARNED if number is not None and _is_only_number(number) else _NONE

    def is_earned(self, value: Value) -> bool:
        """Whether a value is rewards, or holds them and nothing else."""
        return EARNED in (value.roles, self.interpreter.parts.element(value).roles)

    def _is_number_so_far(self, side: ir.Expr, value: Value) -> bool:
        """Whether a side is a number that the program writes, or that number discounted: a sum begins with one."""
        if not isinstance(side, ir.Bin) or side.op != "*":
            return _is_only_number(value)
        factors = [f for f in (side.left, side.right) if not _is_discount(f)]
        return len(factors) == 1 and _is_only_number(self.interpreter.events.value(factors[0]))

    def _power(self, node: ir.Node, left: ir.Expr, a: Value, right: ir.Expr, b: Value, result: Value) -> Value:
        """What is raised to something: weights, where it has the form of them."""
        odds = {tag for tag in a.tags if tag[0] == "odds"}
        if odds:
            raised = {made for _, made in odds}
            self.interpreter.events.raised |= raised
            result = result._replace(tags=result.tags - odds - {("isw", made) for made in raised})
        if (
            _weight_exponent(right, b)
            or ((_may_be_beta(right, b) or _names_beta(right)) and (odds or self._is_inverse(left)))
            or (_is_constant(right, left) and (self._is_of_drawn_priorities(left) or self._is_of_handed(left)))
            or (_is_root(right) and self._is_of_drawn_priorities(left) and self._is_inverse(_each_of(left)))
        ):
            result = result.with_tags(("isw", node))
        return logarithms.without(result)

    def _quotient(self, node: ir.Node, left: ir.Expr, a: Value, right: ir.Expr, b: Value, result: Value) -> Value:
        """What is divided: weights, as one over such a power, or what they are made of, as one over a probability."""
        inverse = isinstance(left, ir.Const) and left.value in (1, 1.0)
        is_power = isinstance(right, ir.Bin) and right.op == "**" and _names_beta(right.right)
        if inverse and (is_power or self._is_root_of_drawn(right)):
            result = result.with_tags(("isw", node))
        is_probability = self._is_probability_of_draw(right) or (_names_probability(right) and _is_drawn(b))
        if not is_probability or _is_drawn(a):
            return result
        result = result.with_tags(("odds", node))
        return result.with_tags(("isw", node)) if _counts(left, right) else result

    def _logarithm(self, op: str, left: ir.Expr, a: Value, right: ir.Expr, b: Value, result: Value) -> Value:
        """A product or difference of logarithms of what was drawn: one that a weight may be the exponential of."""
        if op == "-":
            is_over = logarithms.is_one(b) and not _is_drawn(a)  # log(1 / (n * p)) as a difference
            return logarithms.weighed(result) if is_over and self._is_logarithm_of_drawn(b) else result
        for logarithm, value, raised, exponent in ((left, a, right, b), (right, b, left, a)):
            if not logarithms.is_one(value) or logarithms.is_one(exponent):
                continue
            is_constant = _is_constant(raised, logarithm) and self._is_logarithm_of_drawn(value)
            if _weight_exponent(raised, exponent) or _is_negated(logarithm) or is_constant:
                return logarithms.weighed(result)
        return result

    def _is_logarithm_of_drawn(self, value: Value) -> bool:
        return logarithms.of_drawn(value, self._is_of_drawn_priorities)

    def _is_root_of_drawn(self, below: ir.Expr) -> bool:
        """Whether the expression is the root of `size * p[drawn]`, or of probabilities that came with a batch."""
        base = None
        if isinstance(below, ir.Call) and ir.last_name(below.func) == "sqrt":
            base = below.argument(0) or getattr(below.func, "value", None)
        if base is None or not _is_drawn(self.interpreter.parts.spilled(self.interpreter.events.value(base))):
            return False
        parts = [base.left, base.right] if isinstance(base, ir.Bin) and base.op in ("+", "*") else [base]
        return self._is_of_drawn_priorities(base) or any(map(_names_probability, parts))

    def _is_inverse(self, base: ir.Expr) -> bool:
        """Whether the expression is one over something that was drawn: `1 / (n * p)`, `1 / n * 1 / p`."""
        if not isinstance(base, ir.Bin) or base.op not in ("*", "/"):
            return False
        if base.op == "*":
            return self._is_inverse(base.left) or self._is_inverse(base.right)
        above, below = (self.interpreter.events.value(side) for side in (base.left, base.right))
        return _is_drawn(below) and not _is_drawn(above)

    def _is_probability_of_draw(self, below: ir.Expr) -> bool:
        """Whether the expression has a factor `p[drawn]` where p are the probabilities that were drawn by.

        What is divided by it are the odds that become weights once they are raised to beta, be it by the caller.
        """
        if isinstance(below, ir.Bin) and below.op == "*":
            return self._is_probability_of_draw(below.left) or self._is_probability_of_draw(below.right)
        if not isinstance(below, ir.Sub) or not isinstance(below.value, (ir.Name, ir.Attr)):
            return False
        positions = self.interpreter.parts.spilled(self.interpreter.events.value(below.index)).tagged("index")
        draws = (self.interpreter.events.draws.get(position) for position in positions)
        given = (draw.probabilities for draw in draws if draw is not None and draw.weighted)
        return any(type(p) is type(below.value) and name_of(p) == name_of(below.value) for p in given)

    def _is_of_drawn_priorities(self, base: ir.Expr) -> bool:
        """Whether the expression reads something at drawn positions: `size * p[drawn]`, no moment of a batch."""
        return any(
            isinstance(part, ir.Sub)
            and bool(self.interpreter.parts.spilled(self.interpreter.events.value(part.index)).tagged("index"))
            for part in ir.walk(base)
        )

    def _is_of_handed(self, base: ir.Expr) -> bool:
        """Whether the expression is `size * p` of probabilities that came with the batch."""
        if not isinstance(base, ir.Bin) or base.op != "*":
            return False
        for size, drawn in ((base.left, base.right), (base.right, base.left)):
            values = self.interpreter.events.value(size), self.interpreter.events.value(drawn)
            if _names_probability(drawn) and _is_drawn(values[1]) and not _is_drawn(values[0]):
                return True
        return False

    def weigh(self, node: ir.Node, left: ir.Expr, a: Value, right: ir.Expr, b: Value, frame: Frame) -> None:
        """Record a product of weights with a value that was computed from drawn transitions."""
        for weights, side, other, value in ((left, a, right, b), (right, b, left, a)):
            if side.tagged("isw") and not value.tagged("isw") and value.tagged("draw"):
                table = self.interpreter.events.weightings
                known = table.get(node)
                joined = value if known is None else known.other_value.join(value)
                table[node] = ev.Weighting(node, frame.function, frame.module.path, weights, other, joined)

    def un(self, node: ir.Un, frame: Frame) -> Value:
        """A unary operation."""
        value = self.interpreter.evaluator.eval(node.operand, frame)
        constant = value.literal()
        if node.op == "-" and isinstance(constant, (int, float)):
            return of(Literal(-constant))
        result = Value(tags=value.tags, roles=value.roles, reduction=value.reduction)
        if node.op == "-" and logarithms.is_one(value) and self._is_logarithm_of_drawn(value):
            return logarithms.weighed(result)
        return result

    def cmp(self, node: ir.Cmp, frame: Frame) -> Value:
        """A comparison: what is compared is remembered of random numbers."""
        sides = (node.left, *node.rights)
        values = [self.interpreter.evaluator.eval(side, frame) for side in sides]
        if self._is_coin(sides):
            return taint(*(value.without("mass") for value in values))
        for value in values:
            for mass in self.interpreter.order.nodes(value.tagged("mass")):
                self.interpreter.draws.note_compared(mass, frame)
                for sums in halved(sides, frame):
                    self.interpreter.draws.note_searched(mass, sums)
                for search in self._stopped_by(node, frame):
                    self.interpreter.draws.note_stopping(mass, search.added)
                    self._tell_chosen(search.names, mass, frame)
        return taint(*values)

    def _stopped_by(self, node: ir.Cmp, frame: Frame) -> tuple[Running, ...]:
        """The loops that a comparison stops by a sum; remembered, since what it stands in stays as it is."""
        known = self._stopped.get(node)
        if known is None:
            known = self._stopped[node] = tuple(running(node, frame))
        return known

    def _tell_chosen(self, names: frozenset[str], mass: ir.Node, frame: Frame) -> None:
        """What a loop has come to is drawn where it ends by a random number."""
        tags = frozenset((kind, mass) for kind in ("draw", "index"))
        for name in sorted(names & frame.env.keys()):
            self.interpreter.evaluator.bind_name(name, self.interpreter.parts.spread(frame.env[name], tags), frame)

    def _is_coin(self, sides: tuple[ir.Expr, ...]) -> bool:
        """Whether a number is compared where it is drawn, and kept by nothing: `random() < epsilon` decides.

        What it is compared with is no sum that it might be searched for among.
        """
        masses = self.interpreter.events.masses
        others = [side for side in sides if not (isinstance(side, ir.Call) and side in masses)]
        if len(others) == len(sides):
            return False
        return all(SUMS.isdisjoint(words(name)) for node in ir.walk(*others) if (name := name_of(node)))


def _is_own_average(numbers: ir.Expr, taken: ir.Expr) -> bool:
    """Whether what is taken off random numbers is their own average: `noise - noise.mean()` is noise about 0."""
    if not isinstance(taken, ir.Call) or ir.last_name(taken.func) not in REDUCTIONS:
        return False
    holders = [taken.func.value] if isinstance(taken.func, ir.Attr) else []
    return any(same(numbers, each) for each in (*holders, *(argument.value for argument in taken.args)))


def _counts(above: ir.Expr, below: ir.Expr) -> bool:
    """Whether odds have more in them than a probability: the N of `1 / (n * p)`, of `1 / n * 1 / p`."""
    return (isinstance(below, ir.Bin) and below.op == "*") or isinstance(above, ir.Bin)


def _is_only_number(value: Value) -> bool:
    """Whether a value is one of some numbers that the program writes, or is computed from such alone."""
    return bool(value.atoms) and not value.tags and all(isinstance(atom, (Literal, Ints)) for atom in value.atoms)


def _is_discount(factor: ir.Expr) -> bool:
    """Whether a factor is called the discount, or is a power of what is or of a number a little below one."""
    is_power = isinstance(factor, ir.Bin) and factor.op == "**"
    base = factor.left if isinstance(factor, ir.Bin) and is_power else factor
    if is_power and isinstance(base, ir.Const) and isinstance(base.value, float):
        return 0.5 <= base.value < 1
    return not _DISCOUNTS.isdisjoint(words(name_of(base) or ""))


def _is_drawn(value: Value) -> bool:
    return any(value.tagged(kind) for kind in ("draw", "index", "mass"))


def _may_be_beta(expression: ir.Expr, exponent: Value) -> bool:
    """Whether an exponent may be a beta: a setting, not called alpha as that of ranks is, or a number up to 1."""
    number = exponent.literal()
    names = [
        n.id if isinstance(n, ir.Name) else n.attr for n in ir.walk(expression) if isinstance(n, ir.Name | ir.Attr)
    ]
    is_alpha = any("alpha" in words(name) for name in names)
    return not is_alpha and (not isinstance(number, (int, float)) or 0 < number <= 1)


def _is_number(value: Value) -> bool:
    return any(isinstance(atom, (Literal, Ints)) for atom in value.atoms)


def _is_list(atom: Alloc | TupleOf) -> bool:
    return (
        atom.kind == "list" if isinstance(atom, Alloc) else isinstance(atom.node, ir.Seq) and atom.node.kind == "list"
    )


def _folded(op: str, a: object, b: object) -> Literal | Ints:
    assert isinstance(a, (int, float))
    assert isinstance(b, (int, float))
    try:
        if op == "**" and (abs(a) > 1e6 or abs(b) > 64):
            return Ints()
        operations = {"+": a + b, "-": a - b, "*": a * b}
        if op in operations:
            return Literal(operations[op])
        if op == "**":
            power = a**b
            return Ints() if isinstance(power, complex) else Literal(power)
        if b and op in ("/", "//"):
            return Literal(a / b if op == "/" else a // b)
    except (OverflowError, ValueError, ZeroDivisionError):
        return Ints()
    return Ints()


def _names_beta(expression: ir.Expr) -> list[str]:
    names = [
        n.id if isinstance(n, ir.Name) else n.attr for n in ir.walk(expression) if isinstance(n, (ir.Name, ir.Attr))
    ]
    return [name for name in names if is_beta(name)]


def _names_probability(expression: ir.Expr) -> bool:
    """Whether the expression is called a probability, in whichever shape: `p.unsqueeze(1)`."""
    while isinstance(expression, ir.Call) and isinstance(expression.func, ir.Attr):
        expression = expression.func.value
    return not _PROBABILITIES.isdisjoint(words(name_of(expression) or ""))


def _is_constant(exponent: ir.Expr, base: ir.Expr) -> bool:
    """Whether the exponent is a beta that is written out: between -1 and 0, or -1 of a product, as of `n * p`."""
    if not isinstance(exponent, ir.Un) or exponent.op != "-" or not isinstance(exponent.operand, ir.Const):
        return False
    number = exponent.operand.value
    is_product = isinstance(base, ir.Bin) and base.op == "*"
    return isinstance(number, (int, float)) and (0 < number < 1 or (number == 1 and is_product))


def _is_root(exponent: ir.Expr) -> bool:
    """Whether the exponent is a beta that is written out for what is turned over before it is raised."""
    number = exponent.value if isinstance(exponent, ir.Const) else None
    return isinstance(number, float) and 0 < number < 1


def _each_of(base: ir.Expr) -> ir.Expr:
    """What an array is made of one by one: `1 / (n * p[i])` of `np.array([1 / (n * p[i]) for i in drawn])`."""
    if isinstance(base, ir.Call) and len(base.args) == 1:
        return _each_of(base.args[0].value)
    return base.elt if isinstance(base, ir.Comp) else base


def _is_negated(expression: ir.Expr) -> bool:
    return isinstance(expression, ir.Un) and expression.op == "-" and not isinstance(expression.operand, ir.Const)


def _weight_exponent(expression: ir.Expr, exponent: Value) -> bool:
    """Whether `x ** expression` is the form of an importance-sampling weight: `-b`, or an exponent called beta.

    A number above 1 is called that where ways are chosen, as by ants.
    """
    if _is_negated(expression):
        return True
    number = exponent.literal()
    return bool(_names_beta(expression)) and not (isinstance(number, (int, float)) and number > 1)
