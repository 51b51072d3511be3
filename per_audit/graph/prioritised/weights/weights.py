"""The importance-sampling weights of a prioritised buffer: what they are made of, and what they are divided by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.normal import CONSTANT, COUNT, PRIORITY, TOTAL, Normal, Product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.prioritised.anatomy import Anatomy, WeightFormula

_DIVIDES = {"divide", "div", "div_", "true_divide"}
_BOUNDS = {"clip", "clamp", "clip_", "clamp_", "clip_by_value", "clamp_max", "minimum", "min"}
_SCALES = ("norm", "softmax", "scale")
_NONE = Term("const")
_FAR_ABOVE = 10  # times what it is added to


@dataclass(frozen=True, slots=True)
class Weight:
    """A formula with the products that it may be; the sign of the exponent counts, its size does not.

    (N P)^-beta is priority^-1 count^-1 total^1 in every one of `products`.
    """

    formula: WeightFormula
    products: tuple[Product, ...]

    @property
    def is_of_transitions(self) -> bool:
        """Whether it is a weight for each transition, rather than the smallest or largest of them all."""
        return bool(self.products) and all(product.of(PRIORITY) for product in self.products)


@dataclass(frozen=True, slots=True)
class Division:
    """Weights divided by something: `divisor` is the term; `switch`: the test around it, of a setting."""

    node: ir.Node
    path: str
    divisor: ir.Expr
    term: Term
    by_weights: bool
    switch: ir.Expr | None


@dataclass(frozen=True, slots=True)
class Minimum:
    """A smallest priority over all slots inside a formula; `guarded`: a number replaces it where it is zero."""

    node: ir.Expr
    path: str
    container: Term
    formula: WeightFormula
    guarded: bool


class Weights:
    """The weights of one prioritised buffer."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.graph = anatomy.graph
        self.symbols = anatomy.symbols
        self.normal = Normal(anatomy)

    @cached_property
    def all(self) -> list[Weight]:
        """The weights whose exponent has a known sign, in order of their places."""
        found: dict[tuple[ir.Node, Term], Weight] = {}
        for formula in self.anatomy.formulas:
            sign = self._sign(formula.exponent, 3)
            if sign is None:
                continue
            if self._is_divisor(formula):
                sign = -sign
            products = tuple(product.scaled(sign) for product in self.normal.products(formula.base))
            found[formula.node, formula.made] = Weight(formula, products)
        return list(found.values())

    def _sign(self, exponent: Term, depth: int) -> int | None:
        """The sign of an exponent; a setting counts as positive unless a negative number is assigned to it."""
        exponent = strip(exponent)
        number = exponent.number
        if number is not None:
            return None if number == 0 else 1 if number > 0 else -1
        if exponent.op == "neg":
            sign = self._sign(exponent.args[0], depth)
            return None if sign is None else -sign
        if exponent.op in ("mul", "div"):
            signs = [self._sign(arg, depth) for arg in exponent.args]
            return None if None in signs else (signs[0] or 0) * (signs[1] or 0)
        if exponent.op == "sub" and exponent.args[0].number == 0:
            return self._sign(Term("neg", (exponent.args[1],)), depth)
        if exponent.op in ("phi", "minimum", "maximum", "add", "clip"):
            signs = [
                self._sign(arg, depth) for arg in exponent.args if not (arg.op == "const" and arg.data in (None, 0))
            ]
            return signs[0] if len(set(signs)) == 1 else None
        if exponent.op in ("param", "field"):
            options = self.symbols.options(exponent) if depth else []
            numbers = [n for option in options for part in alternatives(option) if (n := part.number) is not None]
            negative = [n for n in numbers if n < 0] + [o for o in options if strip(o).op == "neg"]
            return 1 if not negative else -1 if len(negative) == len(options) else None
        return 1 if exponent.op in ("global", "external", "item", "call", "sub") else None

    # ---------------------------------------------------------------- what becomes of them

    def _tagged(self, node: ir.Node | None) -> frozenset[ir.Node]:
        return self.graph.interpreter.parts.spilled(self.graph.events.value(node)).tagged("isw")

    @cached_property
    def _divisions(self) -> list[tuple[ir.Node, str, ir.Expr, ir.Expr]]:
        """Every division in which weights take part: node, file, what is divided, by what."""
        found: list[tuple[ir.Node, str, ir.Expr, ir.Expr]] = []
        for path, module in self.graph.project.modules.items():
            for node in module.nodes_of(ir.Bin, ir.Aug, ir.Call):
                parts = _division(node)
                if parts is not None and (self._tagged(parts[0]) or self._tagged(parts[1])):
                    found.append((node, path, *parts))
        return found

    def _is_divisor(self, formula: WeightFormula) -> bool:
        """Whether the power itself, rather than a maximum of such powers, stands under a fraction bar."""
        for _, path, divided, divisor in self._divisions:
            if divisor is formula.node:
                return True
            if formula.node in self._tagged(divisor) and any(
                strip(option) == formula.made for option in alternatives(self.symbols.term(path, divisor))
            ):
                over = self._tagged(divided)
                # The weights over one of them are weights: the largest so far, kept in the loop that makes them.
                return not over or (over == {formula.node} and strip(self.symbols.term(path, divided)).op == "min")
        return False

    def divisions(self, weight: Weight) -> list[Division]:
        """What the weights are divided by, up to numbers and lengths."""
        found: list[Division] = []
        for node, path, divided, divisor in self._divisions:
            if not self._carries(weight, path, divided):
                continue
            term = self.symbols.term(path, divisor)
            by_weights = bool(self._tagged(divisor))
            if not by_weights and all(
                factor.kind in (COUNT, CONSTANT) for product in self.normal.products(term) for factor in product.factors
            ):
                continue
            found.append(Division(node, path, divisor, term, by_weights, self._switch(path, node)))
        return found

    def _carries(self, weight: Weight, path: str, node: ir.Expr) -> bool:
        """Whether the expression is the weights in some form; what is learnt with them has their tag as well."""
        formula = weight.formula
        return formula.node in self._tagged(node) and self._is_made_of(self.symbols.term(path, node), formula.node, 3)

    def _is_made_of(self, term: Term, made: ir.Node, depth: int) -> bool:
        if term.node is made and term.op in ("pow", "div", "neg"):
            return True
        if term.op == "param":
            return depth > 0 and any(self._is_made_of(given, made, depth - 1) for given in self.symbols.options(term))
        if term.op == "field":
            return depth > 0 and any(self._is_made_of(given, made, depth - 1) for given in self.symbols.options(term))
        if term.op == "call":
            return isinstance(term.data, tuple) or str(term.data).startswith(".")  # not followed
        if term.op in ("sub", "loss", "abs", "draw", "matmul"):
            return False
        if term.op == "at":  # the position, which may come from a tree that weighted errors are kept in, is no weight
            return self._is_made_of(term.args[0], made, depth)
        return term.op == "unknown" or any(self._is_made_of(arg, made, depth) for arg in term.args)

    def is_carried(self, weight: Weight, path: str, node: ir.Expr) -> bool:
        """Whether the expression is these weights in some form, and not yet a loss that was weighted with them."""
        made = weight.formula.node
        return self._carries(weight, path, node) and not _is_compared(self.symbols.term(path, node), made)

    def reach_a_loss(self, weight: Weight) -> bool:
        """Whether the weights are seen to multiply something that was computed from the transitions drawn."""
        node = weight.formula.node
        if any(node in self._tagged(weighting.weights) for weighting in self.graph.events.weightings.values()):
            return True
        given = (site.node.argument(None, "sample_weight") for site in self.graph.events.calls.values())
        if any(node in self._tagged(each) for each in given if each is not None):
            return True  # Keras multiplies the losses by them
        fed = self.graph.fed
        options = (option for p in self.graph.corrections.products for option in alternatives(p.weight))
        placeholders = filter(fed.is_placeholder, options)
        if any(node in self._tagged(given) for placeholder in placeholders for given, _ in fed.of(placeholder)):
            return True
        return any(
            self._carries(weight, path, side) and self.symbols.term(path, other).has("sub", "loss")
            for path, module in self.graph.project.modules.items()
            for product in module.nodes_of(ir.Bin)
            if product.op == "*"
            for side, other in ((product.left, product.right), (product.right, product.left))
        )

    def _switch(self, path: str, node: ir.Node) -> ir.Expr | None:
        for around in self.graph.ancestors(path, node):
            if isinstance(around, ir.Function):
                return None
            if isinstance(around, (ir.If, ir.IfExp)):
                return around.test
        return None

    def is_usual(self, division: Division) -> bool:
        """Whether weights are divided unless somebody switches that off: what the switch is by default lets them."""
        if division.switch is None:
            return True
        test = self.symbols.term(division.path, division.switch)
        return any(option.data is True for option in alternatives(self.symbols.expanded(test)))

    def is_optional(self, division: Division) -> bool:
        """Whether who makes the memory, or draws from it, may switch the division off by a parameter."""
        test = self.symbols.term(division.path, division.switch)
        given = [term for term, _, _ in self.symbols.written(test)] if test.op == "field" else [test]
        return any(part.op == "param" for term in given for part in alternatives(strip(term)))

    def divisor_products(self, division: Division) -> list[Product]:
        """What weights are divided by as products, of a power (N P)^-beta with the sign of its exponent."""
        found: list[Product] = []
        for option in alternatives(division.term):
            power = strip(option)
            if power.op == "pow" and (division.by_weights or not power.args[1].is_number):
                sign = self._sign(power.args[1], 3)
                found += [] if sign is None else [p.scaled(sign) for p in self.normal.products(power.args[0])]
            else:
                found += self.normal.products(option)
        return found

    def is_scaled(self, weight: Weight) -> bool:
        """Whether something divides, bounds or normalises the weights, so that their scale is not what it was."""
        return bool(self.divisions(weight)) or any(True for _ in self._scalings(weight)) or self.is_averaged(weight)

    def is_averaged(self, weight: Weight) -> bool:
        """Whether what the weights multiply is divided by their sum or mean, so that no factor of them all counts."""
        made = weight.formula.node
        return any(
            made in self._tagged(divided) & self._tagged(divisor)
            and strip(self.symbols.term(path, divisor)).op in ("sum", "mean")
            for _, path, divided, divisor in self._divisions
        )

    def _scalings(self, weight: Weight) -> Iterator[ir.Call]:
        for site in self.graph.events.calls.values():
            node, path = site.node, site.path
            name = ir.last_name(node.func)
            if name in _BOUNDS or any(word in name.lower() for word in _SCALES):
                given = [arg.value for arg in node.args] + ([node.func.value] if isinstance(node.func, ir.Attr) else [])
                if name in ("min", "minimum") and len(given) < 2:
                    continue
                if any(self._carries(weight, path, part) for part in given):
                    yield node

    def is_drawn_by(self, weight: Weight) -> bool:
        """Whether the power is what transitions are drawn by, or stored as priorities, rather than a weight."""
        made = weight.formula.made
        if any(probabilities.contains(made) for probabilities in self.probabilities()):
            return True
        return any(write.value.contains(made) and not self._weighs(write.value, made) for write in self.anatomy.writes)

    def _weighs(self, priority: Term, made: Term) -> bool:
        """Whether the power is a weight that the errors were multiplied with before they became priorities."""
        product = self.graph.corrections.weighted_inside(priority)
        return product is not None and product.contains(made)

    def total_cancels(self, weight: Weight) -> bool:
        """Whether the formula multiplies by the sum of priorities and divides by it as well."""
        written = [part for part in weight.formula.base.walk() if self.normal.is_total(part)]
        return len(written) > 1 and not any(product.of(TOTAL) for product in weight.products)

    def may_be_probabilities(self) -> bool:
        """Whether something divides what is kept as priorities, so that they may add up to one already."""
        kept = [write.value for write in self.anatomy.writes]
        kept += [option for term in self.normal.sources if term.op == "field" for option in self.symbols.options(term)]
        return any(part.op == "div" and part.args[1].has("sum") for value in kept for part in value.walk())

    def probabilities(self) -> Iterator[Term]:
        """What the draws are given as the probabilities."""
        for source in self.anatomy.buffer.sources:
            draw = self.graph.events.draws.get(source)
            if draw is not None and draw.probabilities is not None:
                yield self.symbols.term(draw.path, draw.probabilities)

    def minima(self) -> Iterator[Minimum]:
        """The smallest priorities of all, never-written ones included, that weights are measured against."""
        seen: set[ir.Node | None] = set()
        for formula in self.anatomy.formulas:
            guarded, fair = self._guarded(formula.base)
            for part in formula.base.walk():
                if part in fair or self._is_past_zero(formula, part):
                    continue
                container = self._whole(part.args[0]) if part.op == "min" and part.data is None else None
                if container is not None and isinstance(part.node, ir.Expr) and part.node not in seen:
                    seen.add(part.node)
                    yield Minimum(part.node, part.path, container, formula, part in guarded)

    def _is_past_zero(self, formula: WeightFormula, least: Term) -> bool:
        """Whether a test for 0 leaves the formula to the branch of a smallest priority above it."""
        below: ir.Node = formula.node
        for around in self.graph.ancestors(formula.path, formula.node):
            if isinstance(around, ir.Function):
                return False
            if isinstance(around, (ir.If, ir.IfExp)):
                tested = _tested_for_zero(around.test, below not in _first(around))
                if tested is not None and self.symbols.term(formula.path, tested).contains(least):
                    return True
            below = around
        return False

    def _guarded(self, base: Term) -> tuple[set[Term], set[Term]]:
        """The minima that a number takes the place of where they are zero, and those that need no such thing.

        Because 1 / N takes the place, or what is added outweighs the share of the smallest in any buffer that is full.
        """
        found: set[Term] = set()
        fair: set[Term] = set()
        for part in base.walk():
            if part.op not in ("phi", "maximum", "where", "clip", "add"):
                continue
            inner = {inner for arg in part.args for inner in arg.walk() if inner.op == "min"}
            if any(_is_setting(arg) for arg in part.args):
                found |= inner
            if any(arg.op == "div" and arg.args[0].number == 1 and _is_setting(arg.args[1]) for arg in part.args):
                fair |= inner
            if part.op == "add" and self._outweighs(part):
                fair |= inner
        return found, fair

    def _outweighs(self, total: Term) -> bool:
        """Whether a number is added to the smallest share of all that is far larger than 1 / N, as that never is."""
        share = next((arg for arg in total.args if strip(arg).op == "div" and arg.has("min")), None)
        room = self.anatomy.capacity.usual
        if share is None or room is None or not self.anatomy.is_total(strip(share).args[1]):
            return False
        others = (arg for arg in total.args if arg is not share)
        added = [strip(option) for arg in others for option in alternatives(self.symbols.expanded(arg))]
        return all((number.number or 0) * room > _FAR_ABOVE for number in added)

    def _whole(self, term: Term) -> Term | None:
        """The container that is reduced wholly, or from the leaves of its tree to the end; None for a part of it."""
        while term.op in ("detach", "div", "pow", "reshape"):
            term = term.args[0]
        if term.op == "slice":
            held, lower, upper, step = term.args
            if upper != _NONE or step != _NONE or lower == _NONE:
                return None
            term = held
        return term if term in self.normal.sources else None


def _first(branches: ir.If | ir.IfExp) -> list[ir.Node]:
    """What runs where a test holds."""
    return [*branches.body] if isinstance(branches, ir.If) else [branches.body]


def _tested_for_zero(test: ir.Expr, fails: bool) -> ir.Expr | None:
    """What a test shows not to be 0 where it holds, or where it fails."""
    if isinstance(test, ir.Un) and test.op == "not":
        return _tested_for_zero(test.operand, not fails)
    if not isinstance(test, ir.Cmp):
        return None if fails or isinstance(test, ir.Logic) else test
    is_number = len(test.ops) == 1 and isinstance(test.rights[0], ir.Const)
    return test.left if is_number and test.ops[0] in (("==", "<=", "<") if fails else ("!=", ">", ">=")) else None


def _is_setting(term: Term) -> bool:
    return term.is_number or term.op in ("field", "global", "external")


def _is_compared(term: Term, made: ir.Node) -> bool:
    """Whether a difference or a mean takes part in the term, outside of the weights' own formula."""
    if term.node is made:
        return False
    return term.op in ("sub", "loss", "mean") or any(_is_compared(arg, made) for arg in term.args)


def _division(node: ir.Node) -> tuple[ir.Expr, ir.Expr] | None:
    if isinstance(node, ir.Bin) and node.op == "/":
        return node.left, node.right
    if isinstance(node, ir.Aug) and node.op == "/":
        return node.target, node.value
    if isinstance(node, ir.Call):
        name = ir.last_name(node.func)
        plain = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
        if name in _DIVIDES and len(plain) == 2:
            return plain[0], plain[1]
        if name in _DIVIDES and len(plain) == 1 and isinstance(node.func, ir.Attr):
            return node.func.value, plain[0]
    return None
