"""Expressions as terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.interpret.values import External, Func
from per_audit.graph.symbolic import calls
from per_audit.graph.symbolic.settled import outcome
from per_audit.graph.symbolic.term import Term, alternatives, bounded, const, element_of, item_of, phi

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.symbols import Symbols

_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul"}
_WHOLE_VALUES = {"real", "values"}
_MOST_SHOWN = 24
_MOST_WITHIN = 2  # displays that are taken apart within one another: each level multiplies what is evaluated
_STARTS = {"const", "field", "param", "global", "external", "tuple", "alloc", "object", "unknown"}
_HOLDERS = {"alloc", "filled", "collect", "tuple", "phi"}  # what a name of the module is known by, not by what it holds
# A library's object may stand behind these; behind others stands a number.
_OPAQUE = {"external", "call", "global", "unknown", "param", "field", "item"}


class Expressions:
    """Evaluates expressions in the names and fields of one body."""

    symbols: Symbols
    function: ev.Owner
    path: str
    owner: ir.Class | None
    outer: Expressions | None
    depth: int
    env: dict[str, Term]
    fields: dict[Term, Term]
    terms: dict[ir.Node, Term]
    yields: list[Term]
    settled: dict[str, Term]
    within: int = 0  # comprehensions over displays that are being taken apart

    def eval(self, node: ir.Expr) -> Term:
        """The term of an expression, remembered in `terms`; of several evaluations all."""
        handler = _EXPRESSIONS.get(type(node))
        term = handler(self, node) if handler is not None else self.unknown(node)
        known = self.terms.get(node)
        self.terms[node] = term if known is None else phi((known, term), node, self.path)
        return term

    def outcome(self, test: ir.Expr) -> bool | None:
        """What a test comes out as by the constants that this call gives; None where it may be either."""
        return outcome(test, {name: term for name, term in self.settled.items() if self.env.get(name) is term})

    def unknown(self, node: ir.Node) -> Term:
        """A term of which only the place is known."""
        return Term("unknown", (), node, node, self.path)

    def make(self, op: str, args: tuple[Term, ...], node: ir.Node, data: Any = None) -> Term:
        """An operation made at a node."""
        return bounded(Term(op, args, data, node, self.path))

    # ---------------------------------------------------------------- names and attributes

    def _name(self, node: ir.Name) -> Term:
        here: Expressions | None = self
        while here is not None:
            if node.id in here.env:
                known = here.env[node.id]
                if here is not self and here.function is None and self._is_held(known, node.id, here.path):
                    return Term("global", (), (here.path, node.id), node, self.path)
                return known
            here = here.outer
        value = self.symbols.events.value(node)
        for atom in value.atoms:
            if isinstance(atom, External):
                return Term("external", (), atom.name, node, self.path)
            if isinstance(atom, Func):
                return Term("function", (), atom.node, node, self.path)
        imported = self._imported(node)
        return imported if imported is not None else Term("global", (), (self.path, node.id), node, self.path)

    def _is_held(self, known: Term, name: str, path: str) -> bool:
        """Whether a name of a file stands for whatever it holds by then, rather than for what it was given first."""
        return known.op in _HOLDERS or (known.is_number and name in self.symbols.shared.names(path))

    def _imported(self, node: ir.Name) -> Term | None:
        """A constant of another module of the project."""
        literal = self.symbols.events.value(node).literal()
        return const(literal, node, self.path) if isinstance(literal, (int, float, str)) else None

    def _attr(self, node: ir.Attr) -> Term:
        value = self.eval(node.value)
        known = self.symbols.events.value(node)
        for atom in known.atoms:
            if isinstance(atom, External) and value.op in _OPAQUE and self.symbols.is_imported(atom.name):
                return Term("external", (), atom.name, node, self.path)
        if value.op == "record" and isinstance(value.data, tuple) and node.attr in value.data:
            return self._read(value, value.args[value.data.index(node.attr)], node)
        found: list[Term] = []
        for place in self.places(node):
            cls, name = place.data
            getter = self.symbols.graph.classes.find_method(cls, name)
            if getter is not None:
                result = self.symbols.call(getter, cls, [], self.depth + 1) if _is_property(getter) else None
                found.append(result if result is not None else Term("function", (), getter, node, self.path))
            else:
                found.append(self.fields.get(place, place))
        if found:
            return found[0] if len(found) == 1 else phi(found, node, self.path)
        literal = known.literal()
        if isinstance(literal, (int, float, str)) and value.op in ("external", "global", "unknown"):
            return const(literal, node, self.path)
        if node.attr == "data":
            return self.make("detach", (value,), node)
        if node.attr in _WHOLE_VALUES:
            return value
        if node.attr in ("T", "mT"):
            return self.make("call", (value,), node, "transpose")
        return self.make("item", (value,), node, node.attr)

    def _read(self, record: Term, part: Term, node: ir.Attr) -> Term:
        """A part of a record; one that was spread into it, `Row(*zip(*rows))`, has no other name than it is read by."""
        if part.op != "item" or part.node is not record.node:
            return part
        return Term("item", part.args, part.data, node, self.path)

    def places(self, node: ir.Attr) -> list[Term]:
        """The fields that an attribute expression may mean."""
        holder = self.terms.get(node.value)
        if holder is None:
            holder = self.eval(node.value)
        classes: list[ir.Class] = [option.data for option in alternatives(holder) if option.op == "object"]
        if not classes:
            classes = (self.symbols.classes_of(node.value) or self.symbols.classes_read(node))[:3]
        return list(dict.fromkeys(self.symbols.field(cls, node.attr, node, self.path) for cls in classes))

    # ---------------------------------------------------------------- parts

    def _sub(self, node: ir.Sub) -> Term:
        value = self.eval(node.value)
        index = node.index
        if isinstance(index, ir.Slice):
            return self._slice(value, index, node)
        if isinstance(index, ir.Seq) and index.kind == "tuple" and index.items:
            if not all(map(_is_whole_axis, index.items[1:])):
                return self._several(value, index, node)
            index = index.items[0]  # `x[i, :]` is `x[i]`
            if isinstance(index, ir.Slice):
                return self._slice(value, index, node)
        position = self._position(index)
        getter = self._getter(node, position)
        if getter is not None:
            return getter
        if position.op == "const" and (position.data is None or position.data is ...):
            return self.make("unsqueeze", (value,), node, 0) if position.data is None else value
        if position.op == "const" and isinstance(position.data, (int, str)) and not isinstance(position.data, bool):
            return self._displayed(node, value, position.data) or self.item(value, position.data, node)
        if position.op == "neg" and position.args[0].is_number:
            return self.item(value, -int(position.args[0].number or 0), node)
        return self.make("at", (value, position), node)

    def _displayed(self, node: ir.Sub, value: Term, key: int | str) -> Term | None:
        """What a dict of another file displays under a key, where that is a constant and nothing writes to the dict."""
        base = value
        while base.op == "item":
            base = base.args[0]
        literal = self.symbols.events.value(node).literal() if base.op == "global" and isinstance(key, str) else None
        is_known = isinstance(literal, (int, float, str)) and self.symbols.shared.is_kept(node)
        return const(literal, node, self.path) if is_known else None

    def _getter(self, node: ir.Sub, position: Term) -> Term | None:
        """What `__getitem__` of a class of the project returns."""
        access = self.symbols.events.subscripts.get(node)
        if access is None:
            return None
        found: list[Term] = []
        for func in sorted(access.targets, key=lambda func: func.node.start):
            owner = func.owner.node if func.owner is not None else None
            result = self.symbols.call(func.node, owner, [(None, "", position)], self.depth + 1)
            if result is None:
                return None
            found.append(self.symbols.siblings.returned(node.value, result))
        return phi(found, node, self.path) if found else None

    def _slice(self, value: Term, index: ir.Slice, node: ir.Sub) -> Term:
        bounds = tuple(
            const(None) if part is None else self.eval(part) for part in (index.lower, index.upper, index.step)
        )
        numbers: list[Any] = [bound.data if bound.op == "const" else ... for bound in bounds]
        if value.op == "tuple" and all(n is None or isinstance(n, int) for n in numbers):
            return self.make("tuple", value.args[slice(*numbers)], node)
        if all(n is None for n in numbers):
            return value
        return self.make("slice", (value, *bounds), node)

    def _position(self, index: ir.Expr) -> Term:
        position = self.eval(index)
        return const(None) if position.op == "external" and str(position.data).endswith("newaxis") else position

    def _several(self, value: Term, index: ir.Seq, node: ir.Sub) -> Term:
        """`x[:, None]`, `x[rows, columns]`: several axes at once."""
        picked: list[Term] = []
        axis = 0
        for part in index.items:
            if isinstance(part, ir.Slice):
                axis += 1
                if not _is_whole_axis(part):
                    given = (part.lower, part.upper, part.step)
                    bounds = tuple(const(None) if p is None else self.eval(p) for p in given)
                    picked.append(self.make("call", bounds, part, "slice"))
                continue
            position = self._position(part)
            if position.op == "const" and position.data is None:
                value = self.make("unsqueeze", (value,), node, axis)
                axis += 1
            elif position.op == "const" and position.data is ...:
                axis = -1
            else:
                picked.append(position)
                axis += 1
        if not picked:
            return value
        if axis == len(picked) and len(picked) > 1:  # every axis is given a position
            return self.make("at", (value, self.make("tuple", tuple(picked), node)), node)
        if len(picked) == 1 and axis == 2 and isinstance(index.items[0], ir.Slice):
            return self.make("call", (value, picked[0]), node, "column")
        return self.make("call", (value, *picked), node, "part")

    def item(self, value: Term, key: int | str, node: ir.Node | None = None, total: int | None = None) -> Term:
        """One part of a term: a position or a key. `total` is how many parts it is taken apart into."""
        return item_of(value, key, node, self.path, total)

    def element(self, value: Term, node: ir.Node | None = None) -> Term:
        """What iterating over a term yields."""
        return element_of(value, node, self.path)

    # ---------------------------------------------------------------- operators

    def _bin(self, node: ir.Bin) -> Term:
        left, right = self.eval(node.left), self.eval(node.right)
        if node.op == "+" and left.op == "tuple" and right.op == "tuple":
            return self.make("tuple", (*left.args, *right.args), node)
        if node.op == "*" and left.op == "tuple" and len(left.args) == 1:
            return self.full(self.make("alloc", (right,), node, "list"), left.args[0], node)  # [x] * n
        return self.binary(_BINARY.get(node.op, "call"), left, right, node)

    def full(self, array: Term, value: Term, node: ir.Node) -> Term:
        """An array that holds one value everywhere: what was computed is kept, a setting is only a start."""
        return array if value.op in _STARTS else self.make("filled", (array, value), node)

    def binary(self, op: str, left: Term, right: Term, node: ir.Node) -> Term:
        """An arithmetic operation; constants are folded."""
        if left.is_number and right.is_number:
            folded = _folded(op, left.data, right.data)
            if folded is not None:
                return const(folded, node, self.path)
        if op == "div" and isinstance(node, ir.Aug) and left.op == "phi":
            return phi((self.make(op, (option, right), node) for option in left.args), node, self.path)
        return self.make(op, (left, right), node)

    def _un(self, node: ir.Un) -> Term:
        value = self.eval(node.operand)
        if node.op == "+":
            return value
        if node.op != "-":
            return self.make("not", (value,), node)
        if value.is_number:
            return const(-value.data, node, self.path)
        return self.make("neg", (value,), node)

    def _cmp(self, node: ir.Cmp) -> Term:
        parts = (self.eval(node.left), *(self.eval(right) for right in node.rights))
        return self.make("cmp", parts, node, tuple(node.ops))

    def _logic(self, node: ir.Logic) -> Term:
        left, right = self.eval(node.left), self.eval(node.right)
        if node.op == "or":
            return phi((left, right), node, self.path)
        return self.make("logic", (left, right), node, node.op)

    def _ifexp(self, node: ir.IfExp) -> Term:
        self.eval(node.test)
        truth = self.outcome(node.test)
        if truth is not None:
            return self.eval(node.body if truth else node.orelse)
        return phi((self.eval(node.body), self.eval(node.orelse)), node, self.path)

    # ---------------------------------------------------------------- displays and the rest

    def _const(self, node: ir.Const) -> Term:
        simple = isinstance(node.value, (int, float, str, bool, type(None), type(...)))
        return const(node.value, node, self.path) if simple else self.unknown(node)

    def _seq(self, node: ir.Seq) -> Term:
        items: list[Term] = []
        for item in node.items:
            if isinstance(item, ir.Star):
                inner = self.eval(item.value)
                if inner.op not in ("tuple", "record"):
                    return self.make("collect", (phi([*items, self.element(inner)]),), node)
                items += inner.args
            else:
                items.append(self.eval(item))
        return self.make("tuple", tuple(items), node, None)

    def _map(self, node: ir.Map) -> Term:
        names: list[str] = []
        items: list[Term] = []
        for key, value in zip(node.keys, node.values, strict=True):
            name = None if key is None else self.eval(key)
            term = self.eval(value)
            if name is not None and name.op == "const" and isinstance(name.data, str):
                names.append(name.data)
                items.append(term)
            elif key is None and term.op == "record" and isinstance(term.data, tuple):
                names += term.data
                items += term.args
        return self.make("record", tuple(items), node, tuple(names))

    def _comp(self, node: ir.Comp) -> Term:
        before = dict(self.env)
        source = self.eval(node.generators[0].iter)  # once: a second time would double with each level
        items = self._of_items(node, source)
        for position, generator in enumerate(node.generators):
            given = self.eval(generator.iter) if position else source
            self._bind(generator.target, self.element(given, generator.target))
            for test in generator.ifs:
                self.eval(test)
        if node.key is not None:
            self.eval(node.key)
        value = self.eval(node.elt)
        self.env.clear()
        self.env.update(before)
        return self.make("tuple", items, node, None) if items else self.make("collect", (value,), node)

    def _of_items(self, node: ir.Comp, shown: Term) -> tuple[Term, ...]:
        """What a list is made of, one by one, that takes its items from a display: `x[i] for x in (obs, actions)`."""
        first = node.generators[0]
        if node.kind not in ("list", "generator") or len(node.generators) > 1 or first.ifs:
            return ()
        if shown.op != "tuple" or len(shown.args) > _MOST_SHOWN or self.within >= _MOST_WITHIN:
            return ()
        before, items = dict(self.env), []
        self.within += 1
        for item in shown.args:
            self._bind(first.target, item)
            items.append(self.eval(node.elt))
        self.within -= 1
        self.env.clear()
        self.env.update(before)
        return tuple(items)

    def _bind(self, target: ir.Expr, value: Term) -> None:
        if isinstance(target, ir.Name):
            self.env[target.id] = value
            self.terms[target] = value
        elif isinstance(target, ir.Seq):
            for position, item in enumerate(target.items):
                self._bind(item, self.item(value, position, item, len(target.items)))

    def _lambda(self, node: ir.Lambda) -> Term:
        return self.make("function", (), node, node)

    def _star(self, node: ir.Star) -> Term:
        return self.eval(node.value)

    def _walrus(self, node: ir.Walrus) -> Term:
        value = self.eval(node.value)
        self._bind(node.target, value)
        return value

    def _other(self, node: ir.Other) -> Term:
        parts = [self.eval(part) for part in node.parts]
        if node.kind == "Await" and parts:
            return parts[0]
        if node.kind == "Yield" and parts:
            self.yields.append(parts[0])
        return self.unknown(node)

    def _call(self, node: ir.Call) -> Term:
        return calls.call(self, node)

    # ---------------------------------------------------------------- calls

    def arguments_of(self, node: ir.Expr) -> list[tuple[str | None, str, Term]]:
        """The arguments of a call, or of a subscript that is one, as terms."""
        if isinstance(node, ir.Call):
            return [(arg.keyword, arg.star, self.known(arg.value)) for arg in node.args]
        if isinstance(node, ir.Sub):
            given = [(None, "", self.known(node.index))]
            stored = self.terms.get(node)
            access = self.symbols.events.subscripts.get(node)
            if access is not None and access.stores and stored is not None:
                given.append((None, "", stored))
            return given  # type: ignore[return-value]
        return []

    def known(self, node: ir.Expr) -> Term:
        """The term that an expression had when it was evaluated."""
        term = self.terms.get(node)
        return term if term is not None else self.eval(node)


def _is_whole_axis(part: ir.Expr) -> bool:
    """Whether one index of several is `:` or `...`."""
    if isinstance(part, ir.Slice):
        return part.lower is None and part.upper is None and part.step is None
    return isinstance(part, ir.Const) and part.value is ...


def _is_property(function: ir.Function) -> bool:
    return any(
        (isinstance(d, ir.Name) and d.id in ("property", "cached_property"))
        or (isinstance(d, ir.Attr) and d.attr == "cached_property")
        for d in function.decorators
    )


def _folded(op: str, a: float, b: float) -> float | None:
    try:
        if op == "add":
            return a + b
        if op == "sub":
            return a - b
        if op == "mul":
            return a * b
        if op == "div":
            return a / b
        if op == "pow" and abs(a) < 1e6 and abs(b) < 64:
            power = a**b
            return power if isinstance(power, (int, float)) else None
    except (ArithmeticError, ValueError):
        return None
    return None


_EXPRESSIONS: dict[type[ir.Expr], Callable[[Any, Any], Term]] = {
    ir.Name: Expressions._name,
    ir.Attr: Expressions._attr,
    ir.Const: Expressions._const,
    ir.Call: Expressions._call,
    ir.Sub: Expressions._sub,
    ir.Seq: Expressions._seq,
    ir.Map: Expressions._map,
    ir.Bin: Expressions._bin,
    ir.Un: Expressions._un,
    ir.Cmp: Expressions._cmp,
    ir.Logic: Expressions._logic,
    ir.IfExp: Expressions._ifexp,
    ir.Comp: Expressions._comp,
    ir.Lambda: Expressions._lambda,
    ir.Star: Expressions._star,
    ir.Walrus: Expressions._walrus,
    ir.Other: Expressions._other,
}
