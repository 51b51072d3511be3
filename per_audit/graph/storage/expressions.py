"""Which place, or which value, an expression is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.storage.values import ARRAY, COPY, WHOLE, Fixed, Parts, State, View

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from per_audit.graph.storage.singles import Singles
    from per_audit.graph.storage.values import Edit, Key, Path, Shared, Value

_SAME = {"detach", "requires_grad_"}  # of a tensor: the same numbers under another name
_NUMBERS = {"int", "len", "argmax"}
_POSITIONS = {"range", "arange"}
_READS = {"gather", "max", "min", "sum", "mean", "amax", "amin", "take_along_axis", "squeeze", "flatten", "item",
          "float", "abs", "index_select"}  # fmt: skip
_LEAVES = {"fit", "train_on_batch", "predict", "predict_on_batch", "append", "print", "isinstance", "update", "add",
           "zip", "enumerate", "step", "learn", "train"}  # fmt: skip
_ARRAYS = {"numpy.array", "numpy.asarray"}
_COPIES = {"copy", "clone", "cpu", "to", "tolist", "astype"}
_SUBTRACTS = {"subtract", "sub"}
_MOST_PARTS = 64  # of a tuple, those of its parts among them


class Places:
    """The expressions of a body, with what is known at the moment."""

    def __init__(self, singles: Singles, path: str, shared: Shared, call: Key, depth: int) -> None:
        self.singles = singles
        self.graph = singles.graph
        self.path = path
        self.shared = shared
        self.call = call  # by which calls the body was entered
        self.depth = depth
        self.state = State(shared)
        self.zero: dict[ir.Node, list[Edit | None]] = {}
        self.appended: dict[ir.Node, Value] = {}  # what calls put behind the last item of lists

    # ---------------------------------------------------------------- expressions

    def eval(self, node: ir.Expr) -> Value:
        """What an expression is."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node)
        for part in ir.children(node):
            if isinstance(part, ir.Expr):
                self.eval(part)
        return self.fresh(node)

    def fresh(self, node: ir.Node) -> View:
        """An array or a number that nothing else is."""
        return View((node, self.call))

    def key(self, node: ir.Expr) -> Key:
        """What an expression is now."""
        return self.state.content(self.eval(node))

    def held(self, value: Value, node: ir.Node) -> Value:
        """What a name holds that is given a value: the place, unless it is a copy, or may be one."""
        if isinstance(value, Parts):
            return Parts(tuple(self.held(item, node) for item in value.items))
        if isinstance(value, Fixed):
            if value.kind in (WHOLE, ARRAY):
                return value
            content = self.state.content(value)
            kept = View(self.shared.key(node, self.call, content))
            self.state.written[kept.root] = {(): content}
            return kept
        if not value.path or (value.plain and (value.tensor or self._is_array(value))):
            return value
        return View(self.shared.key(node, self.call, value.root, value.path))

    def _is_array(self, value: View) -> bool:
        """Whether there surely is more than a number at a place."""
        return not value.tensor and self.shared.depths.get(value.root, 0) > len(value.path)

    def _name(self, node: ir.Name) -> Value:
        known = self.state.names.get(node.id)
        return View(("name", node.id, self.call)) if known is None else known

    def _attr(self, node: ir.Attr) -> Value:
        if isinstance(node.value, ir.Name) and f"{node.value.id}.{node.attr}" in self.state.names:
            return self.state.names[f"{node.value.id}.{node.attr}"]
        value = self.eval(node.value)
        if node.attr == "data" and isinstance(value, View) and value.plain:
            made = isinstance(node.value, ir.Call) and self._imports("torch")
            return replace(value, tensor=True) if value.tensor or made else self.fresh(node)
        return Fixed(("attribute", self.state.content(value), node.attr, self.state.turns.get("attributes")))

    def _const(self, node: ir.Const) -> Value:
        return Fixed(("const", type(node.value), node.value), WHOLE if isinstance(node.value, int) else "")

    def _seq(self, node: ir.Seq) -> Value:
        parts = Parts(tuple(self.eval(item) for item in node.items))
        made = self.fresh(node)
        if not node.items:  # as empty as at the turn of a loop before
            self.state.turns.pop(made.root, None)
            self.state.written.pop(made.root, None)
        return parts if node.kind == "tuple" and parts.count <= _MOST_PARTS else made

    def _bin(self, node: ir.Bin) -> Value:
        left, right = self.eval(node.left), self.eval(node.right)
        if node.op == "-":
            self.note(node, left, right)
        kinds = {getattr(left, "kind", ""), getattr(right, "kind", "")}
        kind = WHOLE if kinds == {WHOLE} and node.op in ("+", "-", "*", "//", "%") else ""
        return Fixed(("bin", node.op, self.state.content(left), self.state.content(right)), kind)

    def note(self, node: ir.Expr, left: Value, right: Value) -> None:
        """Note of a difference whether both sides are the same, in an array that was changed."""
        roots = [side.root for side in (left, right) if isinstance(side, View)]
        edit = next((self.state.edits[root] for root in roots if root in self.state.edits), None)
        contents = self.state.content(left), self.state.content(right)
        if contents[0] != contents[1]:
            edit = self._one_way(contents)
        self.zero.setdefault(node, []).append(edit)

    def _one_way(self, sides: tuple[Key, Key]) -> Edit | None:
        """The change of an array by which both sides are the same one way of a test, None where there is none."""
        found = (self.shared.ways.get(side, {}).get(other) for side, other in (sides, sides[::-1]))
        return next((edit for edit in found if edit is not None), None)

    def _un(self, node: ir.Un) -> Value:
        value = self.eval(node.operand)
        kind = getattr(value, "kind", "")
        return Fixed(("un", node.op, self.state.content(value)), kind if kind != COPY else "")

    def _ifexp(self, node: ir.IfExp) -> Value:
        self.eval(node.test)
        options = {self.eval(node.body), self.eval(node.orelse)}
        return options.pop() if len(options) == 1 else self.fresh(node)

    def _comp(self, node: ir.Comp) -> Value:
        before = dict(self.state.names)
        for generator in node.generators:
            self.bind(generator.target, self.element(generator.iter), generator.target)
        for part in (node.key, node.elt):
            if part is not None:
                self.eval(part)
        self.state.names = before
        return self.fresh(node)

    def _walrus(self, node: ir.Walrus) -> Value:
        value = self.eval(node.value)
        self.bind(node.target, value, node)
        return value

    # ---------------------------------------------------------------- subscripts

    def _sub(self, node: ir.Sub) -> Value:
        return self.place(node)

    def place(self, node: ir.Sub) -> Value:
        """The place that a subscript leads to."""
        base = self.eval(node.value)
        items = node.index.items if isinstance(node.index, ir.Seq) and node.index.kind == "tuple" else [node.index]
        values = [self._subscript(item) for item in items]
        if isinstance(base, Parts):
            position = node.index.value if isinstance(node.index, ir.Const) else None
            known = isinstance(position, int) and -len(base.items) <= position < len(base.items)
            return base.items[position] if known else self.fresh(node)  # type: ignore[call-overload]
        keys: Path = tuple(self.state.content(value) for value in values)
        whole = [
            getattr(v, "kind", "") == WHOLE or self.singles.is_single(i, self.path)
            for v, i in zip(values, items, strict=True)
        ]
        steps = keys if all(whole) or len(items) == 1 else (("several", keys),)
        if isinstance(base, Fixed):
            return Fixed(self.shared.part(self.state.content(base), steps), COPY)
        plain = [is_whole or isinstance(item, ir.Slice) for is_whole, item in zip(whole, items, strict=True)]
        if base.plain:
            depths = self.shared.depths
            depths[base.root] = max(depths.get(base.root, 0), len(base.path) + len(items))
        return View(base.root, (*base.path, *steps), base.tensor, base.plain and all(plain))

    def _subscript(self, item: ir.Expr) -> Value:
        if not isinstance(item, ir.Slice):
            return self.eval(item)
        bounds = (item.lower, item.upper, item.step)
        return Fixed(("slice", tuple(None if bound is None else self.key(bound) for bound in bounds)))

    # ---------------------------------------------------------------- calls

    def _call(self, node: ir.Call) -> Value:
        receiver = self.eval(node.func.value) if isinstance(node.func, ir.Attr) else None
        given = [self.eval(arg.value) for arg in node.args]
        name = (name_of(node.func) or "") if isinstance(node.func, (ir.Name, ir.Attr)) else ""
        if len(given) >= 2 and (name in _SUBTRACTS or self.graph.symbols.term(self.path, node).op == "loss"):
            self.note(node, given[0], given[1])
        if name == "append" and given:
            self.appended[node] = self.held(given[0], node)
        known = self._known(node, name, receiver, given)
        if known is None:
            known = self.inside(node, given)
        if known is not None:
            return known
        for value in (receiver, *given):
            if isinstance(value, View) and name not in (_COPIES if value is receiver else _LEAVES):
                self.state.change(value.root, node)
        self.state.change("attributes", node)
        if self._is_own(node):  # it may assign attributes
            self.state.names = {known: held for known, held in self.state.names.items() if "." not in known}
        return View((node, self.call), (), tensor=self._makes_tensor(node, name, receiver, given))

    def _known(self, node: ir.Call, name: str, receiver: Value | None, given: list[Value]) -> Value | None:
        """What a function of a library returns that is known by its name."""
        if self._is_own(node):
            return None
        keys = tuple(self.state.content(value) for value in given)
        if name in _NUMBERS and self.singles.is_single(node, self.path):
            return Fixed(("call", name, self.state.content(receiver) if receiver else None, keys), WHOLE)
        if name in _POSITIONS:
            return Fixed(("call", name, keys), ARRAY)
        if isinstance(receiver, View) and receiver.tensor and receiver.plain and name in (*_SAME, "numpy"):
            return replace(receiver, tensor=name in _SAME)
        site = self.graph.events.calls.get(node)
        if site is not None and site.names and site.names <= _ARRAYS and len(given) == 1:
            return Fixed(keys[0], COPY)
        if name in _READS:
            return Fixed(("call", name, self.state.content(receiver) if receiver else None, keys))
        return None

    def _is_own(self, node: ir.Call) -> bool:
        site = self.graph.events.calls.get(node)
        return site is not None and bool(site.targets or site.classes)

    def _makes_tensor(self, node: ir.Call, name: str, receiver: Value | None, given: list[Value]) -> bool:
        """Whether a call makes a tensor: a function or method of PyTorch, or a network that is given one."""
        site = self.graph.events.calls.get(node)
        names = site.names if site is not None else set()
        if names:
            return all(each.startswith("torch.") for each in names)
        if name in ("numpy", "tolist", "item", "predict"):
            return False
        if isinstance(receiver, View) and receiver.tensor:
            return True
        called = {getattr(func.node, "name", "") for func in site.targets} if site is not None else set()
        is_network = called <= {"forward", "__call__"}
        return is_network and any(isinstance(value, View) and value.tensor for value in given)

    def _imports(self, package: str) -> bool:
        module = self.graph.module(self.path)
        return any(
            any(name.partition(".")[0] == package for name, _ in node.names)
            if isinstance(node, ir.Import)
            else isinstance(node, ir.ImportFrom) and node.module.partition(".")[0] == package
            for node in module.nodes_of(ir.Import, ir.ImportFrom)
        )

    def inside(self, node: ir.Call, given: list[Value]) -> Value | None:
        """What a function of the project returns; None where it is not gone into."""
        raise NotImplementedError

    # ---------------------------------------------------------------- names

    def element(self, node: ir.Expr) -> Value:
        """What a loop over an expression gets at each turn."""
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and not self._is_own(node) and node.args:
            inner = [arg.value for arg in node.args]
            if node.func.id == "range":
                self.eval(node)
                return Fixed(("each", node), WHOLE)
            if node.func.id == "enumerate":
                return Parts((Fixed(("each", node), WHOLE), self.element(inner[0])))
            if node.func.id == "zip":
                return Parts(tuple(self.element(part) for part in inner))
        value = self.eval(node)
        if isinstance(value, View):
            return View(value.root, (*value.path, ("each", node)), value.tensor, value.plain)
        return self.fresh(node)

    def bind(self, target: ir.Expr, value: Value, node: ir.Node) -> None:
        """Give a value to a target."""
        if isinstance(target, (ir.Name, ir.Attr)):
            name = target.id if isinstance(target, ir.Name) else _dotted(target)
            if name is not None:
                self.state.names[name] = self.held(value, node)
        elif isinstance(target, ir.Seq):
            fits = isinstance(value, Parts) and len(value.items) == len(target.items)
            for position, item in enumerate(target.items):
                inner = item.value if isinstance(item, ir.Star) else item
                part = value.items[position] if fits and isinstance(value, Parts) else View((inner, self.call))
                self.bind(inner, part, node)


def _dotted(node: ir.Attr) -> str | None:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ir.Name) else None


_EXPRESSIONS: dict[type[ir.Expr], Callable[[Places, Any], Value]] = {
    ir.Name: Places._name,
    ir.Attr: Places._attr,
    ir.Const: Places._const,
    ir.Seq: Places._seq,
    ir.Bin: Places._bin,
    ir.Un: Places._un,
    ir.IfExp: Places._ifexp,
    ir.Comp: Places._comp,
    ir.Walrus: Places._walrus,
    ir.Sub: Places._sub,
    ir.Call: Places._call,
}
