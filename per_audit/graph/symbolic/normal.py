"""Weights as products: how often a priority, the total and the number of transitions stand in a term as factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.graph.interpret.roles import name_of
from per_audit.graph.symbolic.degree import is_alpha
from per_audit.graph.symbolic.lowered import kept_by_test
from per_audit.graph.symbolic.term import Term, alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.prioritised.anatomy import Anatomy

PRIORITY, TOTAL, MINIMUM, MAXIMUM = "priority", "total", "minimum", "maximum"
COUNT, CONSTANT, UNKNOWN = "count", "constant", "unknown"
_MOST_PRODUCTS, _DEEPEST = 8, 4
_VARYING = ("draw", "mass", "found", "element", "at", "loop", "unknown", "param", "argsort", "range")
_FORMS = {"detach", "reshape", "unsqueeze", "squeeze", "abs", "collect", "element", "found", "slice", "clip"}
_SETTINGS = {"field", "global", "external", "len", "range", "const", "call", "cmp", "logic", "not"}
_SUMS = {"add", "sub", "floordiv", "mod", "minimum", "maximum"}


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: its kind, what it is, its exponent, and how often alpha was applied to it in this expression."""

    kind: str
    term: Term
    exponent: float = 1.0
    raised: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """A product of powers.

    `priority` is a stored priority, `total` the sum of all, `minimum` and `maximum` the smallest and largest of some;
    `count` is a number that is the same for the whole batch: the number of transitions, a capacity, a setting.
    """

    factors: tuple[Factor, ...]

    def exponent(self, kind: str) -> float:
        """The sum of the exponents of all factors of a kind."""
        return sum(factor.exponent for factor in self.factors if factor.kind == kind)

    def of(self, kind: str) -> list[Factor]:
        """The factors of a kind."""
        return [factor for factor in self.factors if factor.kind == kind]

    @property
    def has_number(self) -> bool:
        """Whether a number is a factor that may stand for how many there are: 10,000 P, or P / 1e-4."""
        sign = self.exponent(PRIORITY)
        numbers = ((abs(factor.term.number or 0), factor.exponent * sign) for factor in self.of(CONSTANT))
        return any(number > 1 or (0 < number < 1 and together < 0) for number, together in numbers)

    @property
    def is_known(self) -> bool:
        """Whether each factor is one of a known kind."""
        return not self.of(UNKNOWN)

    @property
    def differs_by_priority(self) -> bool:
        """Whether a stored priority is all in it that differs from one transition of a batch to another."""
        return bool(self.of(PRIORITY)) and not any(factor.term.has(*_VARYING) for factor in self.of(UNKNOWN))

    def scaled(self, exponent: float) -> Product:
        """The product raised to a number."""
        return Product(tuple(replace(factor, exponent=factor.exponent * exponent) for factor in self.factors))

    def times(self, other: Product) -> Product:
        """The product of two products; settings that cancel are left out."""
        factors = [*self.factors]
        for factor in other.factors:
            against = next((f for f in factors if _cancel(f, factor)), None)
            if against is None:
                factors.append(factor)
            else:
                factors.remove(against)
        return Product(tuple(factors))


def _cancel(a: Factor, b: Factor) -> bool:
    if a.kind != b.kind or a.exponent != -b.exponent or a.raised != b.raised:
        return False
    return a.kind == TOTAL or (a.kind in (COUNT, CONSTANT) and a.term == b.term)


class Normal:
    """Finds the products that a term may be, in the words of one prioritised buffer."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.symbols = anatomy.symbols
        self._kinds: dict[Term, str] = {}
        self._running = self._summed_into()
        self.sources = (anatomy.containers | self._given() | self._divided()) - self._running

    def _summed_into(self) -> frozenset[Term]:
        """The arrays that a cumulative sum is written into: no entry of one is a priority."""
        return frozenset(
            self.anatomy.base_of(self.symbols.term(site.path, out))
            for site in self.anatomy.events.calls.values()
            if name_of(site.node.func) == "cumsum" and (out := site.node.argument(None, "out")) is not None
        )

    def _given(self) -> frozenset[Term]:
        """The names and parameters whose values are the probabilities of the draws, up to what is equal for all."""
        found: set[Term] = set()
        for source in self.anatomy.buffer.sources:
            draw = self.anatomy.events.draws.get(source)
            if draw is not None and draw.probabilities is not None:
                edge = [self.symbols.term(draw.path, draw.probabilities)]
                while edge:
                    term = edge.pop()
                    if term.op in _FORMS or term.op in ("div", "pow", "at"):
                        edge.append(term.args[0])
                    elif term.op in ("mul", "add", "phi", "filled"):
                        edge += term.args
                    elif term.op in ("global", "param", "alloc"):
                        found.add(term)
        return frozenset(found)

    def _divided(self) -> frozenset[Term]:
        """The containers of which a weight reads both one entry and the root or the sum."""
        found: set[Term] = set()
        for formula in self.anatomy.formulas:
            parts = [(part, self.anatomy.rooted(part)) for part in formula.base.walk()]
            entries = {self.anatomy.base_of(part) for part, root in parts if part.op == "at" and root is None}
            totals = {root for _, root in parts if root is not None}
            totals |= {
                self.anatomy.base_of(part.args[0]) for part in formula.base.walk() if part.op == "sum" and part.args
            }
            found |= {part for part in entries & totals if self.anatomy.is_container(part)}
        return frozenset(found)

    def _is_root(self, term: Term) -> bool:
        return self.anatomy.rooted(term) in self.sources

    # ---------------------------------------------------------------- questions

    def products(self, term: Term) -> list[Product]:
        """What the term may be, as products; what is no product is one unknown factor."""
        return list(dict.fromkeys(self._products(term, _DEEPEST)))[:_MOST_PRODUCTS]

    def holds_priorities(self, term: Term) -> bool:
        """Whether the term is computed from the stored priorities."""
        return any(part in self.sources for part in term.walk())

    def is_total(self, term: Term) -> bool:
        """Whether the term is the sum of all priorities."""
        return self._is_root(term) or (term.op == "sum" and self.holds_priorities(term))

    # ---------------------------------------------------------------- by operator

    def _products(self, term: Term, depth: int) -> list[Product]:
        op = term.op
        if term.is_number:
            return [_single(CONSTANT, term)]
        if term in self.sources:
            return [_single(PRIORITY, term)]
        if op in ("phi", "where", "tuple", "stack", "filled"):
            return self._any(_options(term), depth)
        if op in ("mul", "div"):
            right = self._products(term.args[1], depth)
            right = right if op == "mul" else [product.scaled(-1) for product in right]
            return [a.times(b) for a in self._products(term.args[0], depth) for b in right][:_MOST_PRODUCTS]
        if op == "neg":
            return [a.times(_single(CONSTANT, Term("const", (), -1))) for a in self._products(term.args[0], depth)]
        if op == "pow":
            return self._power(term, depth)
        if op in ("item", "at", "gather") or op in _FORMS:
            return self._part(term, depth)
        if op in ("sum", "min", "max"):
            return self._reduced(term, depth)
        if op in _SUMS:
            return self._sum(term, depth)
        if op in ("param", "field"):
            return self._name(term, depth)
        return [_single(COUNT if self._is_setting(term) else UNKNOWN, term)]

    def _any(self, options: tuple[Term, ...], depth: int) -> list[Product]:
        found = [product for option in options for product in self._products(option, depth)]
        return list(dict.fromkeys(found))[:_MOST_PRODUCTS]

    def _power(self, term: Term, depth: int) -> list[Product]:
        base, exponent = term.args
        number = exponent.number
        if number is not None and not is_alpha(exponent):
            return [product.scaled(number) for product in self._products(base, depth)]
        if is_alpha(exponent):
            return [_raised(product) for product in self._products(base, depth)]
        return [_single(UNKNOWN, term)]

    def _part(self, term: Term, depth: int) -> list[Product]:
        """One position of a vector, or the same in another form: of a product each factor's."""
        if self._is_root(term):
            return [_single(TOTAL, term)]
        held = self.anatomy.base_of(term)
        if held in self._running:
            return [_single(UNKNOWN, term)]
        if held in self.sources and held.op != "pow" and not _is_of_power(term, held):
            return [_single(PRIORITY, term)]
        if term.op == "item" and not isinstance(term.data, int):
            return [_single(COUNT if self._is_setting(term) else UNKNOWN, term)]
        return self._products(term.args[0], depth)

    def _reduced(self, term: Term, depth: int) -> list[Product]:
        """A sum, minimum or maximum: of a product whose one vector is the priorities, the rest stays as it is."""
        if term.op == "sum" and not self.holds_priorities(term):
            return [_single(COUNT if self._is_setting(term.args[0]) else UNKNOWN, term)]
        return [_reduced(term, inner) for inner in self._products(term.args[0], depth)]

    def _sum(self, term: Term, depth: int) -> list[Product]:
        """A sum is what it is made of where the rest are settings: an epsilon that is added, a bound."""
        rest = [arg for arg in term.args if not self._is_setting(arg)]
        if not rest:
            return [_single(COUNT, term)]
        settings = [arg for arg in term.args if arg not in rest]
        small = [arg for arg in settings if arg.op in ("field", "global", "external", "item") or _is_small(arg)]
        if len(rest) == 1 and (term.op in ("minimum", "maximum") or (term.op == "add" and len(small) == 1)):
            return self._products(rest[0], depth)
        return [_single(UNKNOWN, term)]

    def _name(self, term: Term, depth: int) -> list[Product]:
        """A parameter is what the callers pass; a field may follow the smallest, the largest or the sum."""
        if term.op == "param":
            options = self.symbols.options(term) if depth else []
            if options:
                return self._any(tuple(options), depth - 1)
            return [_single(COUNT if self.anatomy.graph.shapes.of(term) == () else UNKNOWN, term)]
        return [_single(self._kind(term), term)]

    def _kind(self, field: Term) -> str:
        """What a field is: a setting or counter, or a number that follows the priorities."""
        if field not in self._kinds:
            self._kinds[field] = COUNT  # what a field says of itself
            self._kinds[field] = UNKNOWN if self.anatomy.is_container(field) else self._followed(field)
        return self._kinds[field]

    def _followed(self, field: Term) -> str:
        """What a number in a field follows, by how it is assigned."""
        parts: list[Term] = []
        kinds: set[str | None] = set()
        for value, write, _ in self.symbols.written(field):
            kept = None if write is None else kept_by_test(self.symbols, field, write)
            if kept is not None and not self._is_counted(strip(value)):
                kinds.add(MINIMUM if kept == "minimum" else MAXIMUM)
                continue
            parts += alternatives(value)
        kinds |= {self._assigned(field, part) for part in parts} - {None}
        special = kinds - {COUNT}
        if len(special) == 1 and UNKNOWN not in special:
            (kind,) = special
            return str(kind)
        return UNKNOWN if special or not parts else COUNT

    def _assigned(self, field: Term, part: Term) -> str | None:
        """What an assigned value makes of a field; None for a number that it may start from."""
        if part.is_number:
            return None
        others = [arg for arg in part.args if not arg.contains(field)]
        if part.op in ("minimum", "maximum") and any(not self._is_counted(arg) for arg in others):
            return MINIMUM if part.op == "minimum" else MAXIMUM
        if part.op in ("min", "max", "sum") and self.holds_priorities(part):
            return {"min": MINIMUM, "max": MAXIMUM, "sum": TOTAL}[part.op]
        if self._is_root(part) or (part.op == "add" and len(others) == 1 and others[0].has("sub", "pow", "abs")):
            return TOTAL
        return COUNT if self._is_number(part) else UNKNOWN

    def _is_counted(self, term: Term) -> bool:
        """Whether the term is made of settings, and so is whatever the callers pass for it."""
        given = self.symbols.options(term) if term.op == "param" else ()
        return self._is_number(term) and all(self._is_number(strip(part)) for part in given)

    def _is_number(self, term: Term) -> bool:
        """Whether the term is made of settings and of what the callers pass as such."""
        return all(
            part.op in ("param", "object", "unsqueeze", "item") or self._is_setting(part) or part.op in _SUMS
            for part in (term.args if term.op in _SUMS else (term,))
        )

    def _is_setting(self, term: Term) -> bool:
        """Whether the term is one number for all transitions that has nothing to do with priorities."""
        if self.holds_priorities(term) and not _counts(term):
            return False
        if term.op == "field":
            return self._kind(term) == COUNT
        if term.op == "call" and isinstance(term.data, tuple):
            return False  # of the project, and not followed
        if term.op in _SETTINGS:
            return _counts(term) or all(self._is_setting(arg) for arg in term.args)
        if term.op == "item":
            return self._is_setting(term.args[0])
        inner = ("add", "sub", "mul", "div", "floordiv", "mod", "minimum", "maximum", "phi", "neg", "pow", "detach")
        return term.op in inner and all(self._is_setting(arg) for arg in term.args)


def _counts(term: Term) -> bool:
    return term.op == "len" or (term.op == "call" and "count" in str(term.data))


def _is_small(term: Term) -> bool:
    return term.number is not None and abs(term.number) <= 0.01


def _is_of_power(term: Term, held: Term) -> bool:
    """Whether what is read of a container was raised to a power first: `(p**alpha)[slots]`."""
    while term != held and term.op != "pow" and term.args:
        term = term.args[0]
    return term != held


def _options(term: Term) -> tuple[Term, ...]:
    if term.op == "where":
        return term.args[1:]
    if term.op == "filled":
        return term.args[1:]
    return term.args


def _single(kind: str, term: Term) -> Product:
    return Product((Factor(kind, term),))


def _raised(product: Product) -> Product:
    return Product(
        tuple(
            factor if factor.kind == CONSTANT else replace(factor, raised=factor.raised + 1)
            for factor in product.factors
        )
    )


def _reduced(term: Term, inner: Product) -> Product:
    """The product under a reduction: its priority becomes the sum, the smallest or the largest."""
    priorities = inner.of(PRIORITY)
    if len(priorities) != 1:
        return Product((Factor(UNKNOWN, term),))
    (priority,) = priorities
    rest = [factor for factor in inner.factors if factor is not priority]
    smallest = (term.op == "min") == (priority.exponent > 0)
    kind = TOTAL if term.op == "sum" else MINIMUM if smallest else MAXIMUM
    if term.op == "sum" and priority.exponent != 1:
        return Product((Factor(UNKNOWN, term),))
    made = Product((*rest, Factor(kind, term, priority.exponent, priority.raised)))
    if kind == TOTAL and any(f.kind == TOTAL and f.exponent == -1 and f.raised == priority.raised for f in rest):
        # the probabilities add up to one
        return Product(tuple(f for f in rest if f.kind != TOTAL)) if len(rest) > 1 else Product(())
    return made
