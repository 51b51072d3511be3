"""Terms: immutable expression trees over the program's leaves, equal where they compute the same thing.

The operators (`op`), their arguments and `data`:

- leaves: `const` (its value), `unknown`, `param` (function, name), `field` (class, attribute), `global` (path, name),
  `external` (a library's name), `function` (its node), `object` (its class), `draw` (the node of a draw of items or
  positions), `mass` (the node of a continuous random number)
- `loop` (what it was before the loop; the loop and the name or field): one inside a loop that changes it;
  `found` (what; the random number): something that comparisons with a random number chose
- parts: `tuple` (items), `record` (items; field names), `item` (of; position or key), `element` (of a sequence),
  `at` (container, index), `slice` (of, lower, upper, step), `collect` (a sequence whose items are the argument),
  `alloc` (sizes; an array of zeros or the like), `filled` (array, what is put into it), `phi` (alternatives)
- arithmetic, element by element: `add sub mul div floordiv mod pow neg matmul abs exp log minimum maximum clip where`
  (`clip` is of, lower, upper; a bound that is not given is the constant None), `cmp`, `not`, `logic`
- `min max sum mean argsort argmax cumsum std`: of; `data` is the axis, None for everything, "?" where it is not known
- shapes: `reshape` (of, sizes), `unsqueeze` and `squeeze` (of; axis), `gather` (of, index; axis), `stack` (of; how)
- `detach`: of; the same numbers, cut off from the gradient
- `len`, `range`, `loss` (prediction, target; (name, reduction)), `call` (receiver and arguments; name)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.graph.interpret.values import SCALAR

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from per_audit.facts import ir

MOST_PARTS, _FEWEST_PARTS, _MOST_HELD = 300, 12, 5_000
_HOLDERS = {"tuple", "record", "phi", "collect"}
_MOST_ALTERNATIVES = 6


class _Bits(dict[str, int]):
    """A bit for each operator."""

    def __missing__(self, op: str) -> int:
        self[op] = 1 << len(self)
        return self[op]


_bits = _Bits()


class Term:
    """One term: `node` and `path` say where it was made and do not count for equality; `size` counts its parts."""

    __slots__ = ("_hash", "args", "data", "node", "op", "ops", "path", "size")

    def __init__(
        self,
        op: str,
        args: tuple[Term, ...] = (),
        data: Any = None,
        node: ir.Node | None = None,
        path: str = "",
    ) -> None:
        self.op: str = op
        self.args: tuple[Term, ...] = args
        self.data: Any = data
        self.node: ir.Node | None = node
        self.path: str = path
        self.size: int = 1
        self.ops: int = _bits[op]  # the operators in the term, one bit each
        for arg in args:
            self.size += arg.size
            self.ops |= arg.ops
        self._hash = hash((op, type(data), data, args))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Term)
            and self._hash == other._hash
            and self.op == other.op
            and type(self.data) is type(other.data)
            and self.data == other.data
            and self.args == other.args
        )

    def __repr__(self) -> str:
        name = "" if self.data is None else f"[{_short(self.data)}]"
        return f"{self.op}{name}" + (f"({', '.join(map(repr, self.args))})" if self.args else "")

    @property
    def is_number(self) -> bool:
        """Whether the term is a constant number."""
        return self.op == "const" and isinstance(self.data, (int, float)) and not isinstance(self.data, bool)

    @property
    def number(self) -> float | None:
        """The constant number that the term is, None for anything else."""
        return float(self.data) if self.is_number else None

    def replaced(self, args: tuple[Term, ...]) -> Term:
        """The same operation on other arguments."""
        if all(new is old for new, old in zip(args, self.args, strict=True)):
            return self
        return bounded(Term(self.op, args, self.data, self.node, self.path))

    def walk(self) -> Iterator[Term]:
        """The term and everything below it, outermost first."""
        stack = [self]
        while stack:
            term = stack.pop()
            yield term
            stack.extend(reversed(term.args))

    def has(self, *ops: str) -> bool:
        """Whether an operator occurs in the term."""
        return any(self.ops & _bits[op] for op in ops)

    def first(self, op: str) -> Term | None:
        """The outermost part with an operator, None where it does not occur."""
        bit = _bits[op]
        stack = [self] if self.ops & bit else []
        while stack:
            term = stack.pop()
            if term.op == op:
                return term
            stack.extend(arg for arg in reversed(term.args) if arg.ops & bit)
        return None

    def contains(self, other: Term) -> bool:
        """Whether another term occurs in this one."""
        size, ops = other.size, other.ops
        stack = [self]
        while stack:
            term = stack.pop()
            if term.size >= size and not ops & ~term.ops:
                if term == other:
                    return True
                stack += term.args
        return False

    def mapped(self, change: Callable[[Term], Term | None]) -> Term:
        """The term with each part that `change` gives a term for replaced by it, outermost first."""
        changed = change(self)
        if changed is not None:
            return changed
        return self.replaced(tuple(arg.mapped(change) for arg in self.args)) if self.args else self


UNKNOWN_TERM = Term("unknown")
_EMPTY = Term("tuple")


def const(value: Hashable, node: ir.Node | None = None, path: str = "") -> Term:
    """A constant."""
    return Term("const", (), value, node, path)


def bounded(term: Term) -> Term:
    """The term, of one that has grown too large its upper part. What holds several has a limit of its own."""
    if term.size <= MOST_PARTS or (term.op in _HOLDERS and term.size <= _MOST_HELD):
        return term
    return shrunk(term, MOST_PARTS)


def shrunk(term: Term, most: int) -> Term:
    """The term with at most so many parts: what lies deepest in its largest arguments is unknown."""
    if term.size <= most:
        return term
    if not term.args or most < _FEWEST_PARTS or term.op == "unknown":
        return Term("unknown", chosen_by(term), term.node, term.node, term.path)
    args = list(term.args)
    left = most - 1
    for count, position in enumerate(sorted(range(len(args)), key=lambda i: args[i].size)):
        args[position] = shrunk(args[position], left // (len(args) - count))
        left -= args[position].size
    return Term(term.op, tuple(args), term.data, term.node, term.path)


def chosen_by(term: Term) -> tuple[Term, ...]:
    """The random calls that a term depends on, as bare terms: what an unknown keeps of what it was."""
    found: dict[Term, None] = {}
    if not term.has("draw", "mass", "found"):
        return ()
    for part in term.walk():
        if part.op in ("draw", "mass"):
            found[part] = None
        elif part.op == "found":
            found[Term("mass", (), part.data)] = None
    return tuple(found)[:4]


def phi(terms: Iterable[Term], node: ir.Node | None = None, path: str = "") -> Term:
    """One of several terms; alternatives inside alternatives are one list, and equal ones are one."""
    flat: dict[Term, None] = {}
    for term in terms:
        flat.update(dict.fromkeys(alternatives(term)))
    if any(term.op in ("collect", "filled") for term in flat):
        flat.pop(_EMPTY, None)  # a list before anything was put into it
        for term in list(flat):
            if term.op == "filled":
                flat.pop(term.args[0], None)
    if len(flat) == 1:
        return next(iter(flat))
    if not flat or len(flat) > _MOST_ALTERNATIVES:
        return Term("unknown", chosen_by(Term("tuple", tuple(flat))), node, node, path)
    return bounded(Term("phi", tuple(flat), None, node, path))


def alternatives(term: Term) -> tuple[Term, ...]:
    """What the term may be, one by one."""
    return term.args if term.op == "phi" else (term,)


def item_of(value: Term, key: int | str, node: ir.Node | None, path: str, total: int | None = None) -> Term:
    """One part of a term: a position or a key. `total` is how many parts it is taken apart into."""
    if value.op in ("tuple", "record") and isinstance(key, int) and -len(value.args) <= key < len(value.args):
        return value.args[key]
    if value.op == "record" and isinstance(value.data, tuple) and key in value.data:
        return value.args[value.data.index(key)]
    if value.op == "phi":
        options = [item_of(option, key, node, path, total) for option in _taken_apart(value.args, total)]
        return phi(options, node, path) if options else UNKNOWN_TERM
    if value.op == "collect" and isinstance(key, int) and total is None:
        return value.args[0]
    if value.op in ("max", "min", "sort") and value.data not in (None, "?"):
        return value if key in (0, "values") else Term("argmax", value.args, value.data, node, path)
    if value.op == "collect" and value.args[0].op == "tuple" and total == len(value.args[0].args):
        # zip(*rows): each column
        return Term("collect", (item_of(value.args[0], key, None, path),), None, node, path)
    if value.op == "detach":
        return Term("detach", (item_of(value.args[0], key, node, path, total),), None, node, path)
    return bounded(Term("item", (value,), key, node, path))


def _taken_apart(options: tuple[Term, ...], total: int | None) -> list[Term]:
    """The options that can be taken apart into so many parts: where one is a tuple of just that many, no other is.

    Nor is then a single number, which a function returns where it has nothing to return beside it.
    """
    found = [option for option in options if option.op != "const"]
    if any(option.op == "tuple" and len(option.args) == total for option in found):
        return [o for o in found if (len(o.args) == total if o.op == "tuple" else not _is_single(o))]
    return found


def _is_single(term: Term) -> bool:
    """Whether a term is one number, a mean or sum over everything, or computed from such alone."""
    if term.op in ("mean", "sum"):
        return term.data is None
    if term.op in ("add", "sub", "mul", "div", "neg"):
        return all(arg.is_number or _is_single(arg) for arg in term.args)
    return term.op == "loss" and term.data[1] == SCALAR


def element_of(value: Term, node: ir.Node | None, path: str) -> Term:
    """What iterating over a term yields."""
    if value.op == "collect":
        return value.args[0]
    if value.op == "tuple" and value.args:
        return phi(value.args, node, path)
    if value.op == "filled":
        return value.args[1]
    if value.op == "phi":
        options = [option for option in value.args if not (option.op == "tuple" and not option.args)]
        return phi((element_of(option, node, path) for option in options), node, path)
    return bounded(Term("element", (value,), None, node, path))


_TRANSPARENT = {"detach", "reshape", "unsqueeze", "squeeze", "stack", "collect", "element"}


def strip(term: Term) -> Term:
    """The term without what changes only its form: shapes, lists of items, the cut from the gradient."""
    while term.op in _TRANSPARENT or term.op == "filled":
        term = term.args[1 if term.op == "filled" else 0]
    return term


def _short(data: object) -> str:
    if isinstance(data, tuple):
        return ".".join(_short(part) for part in data)
    name = getattr(data, "name", None)
    return str(name) if isinstance(name, str) else str(data) if not hasattr(data, "start") else f"@{data.start}"
