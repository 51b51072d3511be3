"""Methods that empty a memory of arrays: they set how many slots are filled back to nothing, and the sampler forgets.

A pointer that goes back to the first slot at the end of a ring is another thing: what is stored stays, and `full` says
so. Which of the two it is tells what the draw goes up to, with what is assigned around the pointer put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayBuffer

_CAST = {"int", "range", "float"}
_BELOW_MORE = {"<": 1, "<=": 1, "!=": 1, ">": 0, ">=": 0, "==": 0}  # of nothing and something
_ABOVE_LESS = {">": 1, ">=": 1, "!=": 1, "<": 0, "<=": 0, "==": 0}
_BOTH_NONE = {"<=": 1, ">=": 1, "==": 1, "<": 0, ">": 0, "!=": 0}


def forget_emptied(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, made: ir.Stmt, attribute: str) -> None:
    """Let the sampler forget its slots where a method of the class sets the number of filled ones back to 0."""
    reads = Reads(draft, buffer, draw, made)
    for method in reads.methods():
        resets = [node for node in ir.walk_scope(method.body) if isinstance(node, ir.Assign) and reads.resets(node)]
        by_block: dict[int, ir.Assign] = {}
        for node in resets:
            by_block[id(draft.block(buffer.path, node))] = node  # the last one of its block
        for node in by_block.values():
            left = reads.left_after(node, method)
            stores = any(store.function is method for store in buffer.stores)
            if left is None and stores:
                where = draft.where(buffer.path, node)
                raise Refused(f"whether {draft.graph.name_of(buffer)} is emptied at {where} is not clear")
            if left != 1:
                line = f"{method.parameters[0].name}.{attribute}.clear()"
                draft.insert_after(buffer.path, node, [line], "nothing is stored from here on")


def most(draft: Draft, draw: ir.Call) -> ir.Expr | None:
    """What a draw of positions goes up to, as it is written there."""
    method = draft.graph.events.draws[draw].method
    low, high = draw.argument(0, "a") or draw.argument(0, "low"), draw.argument(1, "high")
    is_range = method in ("randint", "integers") and high is not None and not isinstance(high, ir.Seq)
    count = high if is_range else low
    if isinstance(count, ir.Call) and isinstance(count.func, ir.Name) and count.func.id == "range":
        count = count.argument(0) if len(count.args) == 1 else None
    return count


def pairs(node: ir.Assign) -> list[tuple[ir.Expr, ir.Expr]]:
    """Each target of an assignment with what it is set to."""
    found: list[tuple[ir.Expr, ir.Expr]] = []
    for target in node.targets:
        if isinstance(target, ir.Seq) and isinstance(node.value, ir.Seq):
            found += zip(target.items, node.value.items, strict=False)
        elif node.value is not None:
            found.append((target, node.value))
    return found


def is_zero(node: ir.Expr) -> bool:
    """Whether an expression is the number 0."""
    return isinstance(node, ir.Const) and node.value == 0 and not isinstance(node.value, bool)


class Reads:
    """The attributes that tell a draw how many slots are filled, and what is left of that number."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, draw: ir.Call, made: ir.Stmt) -> None:
        self.draft = draft
        self.buffer = buffer
        self.draw = draw
        self.made = made
        self.function = buffer.function if isinstance(buffer.function, ir.Function) else None
        self.counts = {part.attr for node in self._given() for part in ir.walk(node) if isinstance(part, ir.Attr)}
        self.changing = {
            target.attr
            for method in self.methods()
            for node in ir.walk_scope(method.body)
            for target in _targets(node)
            if isinstance(target, ir.Attr)
        }

    def methods(self) -> list[ir.Function]:
        """The methods of the class, without the one that makes the arrays."""
        body = self.buffer.owner.body if self.buffer.owner is not None else []
        found = [node for node in body if isinstance(node, ir.Function) and node.parameters]
        return [method for method in found if self.made not in ir.walk_scope(method.body)]

    def resets(self, node: ir.Assign) -> bool:
        """Whether one of these attributes is set to 0."""
        return any(isinstance(t, ir.Attr) and t.attr in self.counts and is_zero(value) for t, value in pairs(node))

    def left_after(self, node: ir.Assign, method: ir.Function) -> int | None:
        """How much a draw goes up to with what the blocks around a statement assign: 0, more (1), or None: unknown."""
        count = most(self.draft, self.draw)
        if count is None or self.function is None:
            return None
        path = self.buffer.path
        around = [node, *self.draft.graph.ancestors(path, node)]
        blocks = [self.draft.block(path, each) for each in around if isinstance(each, ir.Stmt) and each is not method]
        given: dict[str, int | None] = {}
        for statement in {id(each): each for block in blocks for each in block}.values():
            for target, value in pairs(statement) if isinstance(statement, ir.Assign) else []:
                if isinstance(target, ir.Attr):
                    known = int(bool(value.value)) if isinstance(value, ir.Const) else None
                    given[target.attr] = known if given.get(target.attr, known) == known else None
            if isinstance(statement, ir.Aug) and isinstance(statement.target, ir.Attr):
                given.setdefault(statement.target.attr, None)
        for target, value in pairs(node):
            if isinstance(target, ir.Attr) and is_zero(value):
                given[target.attr] = 0  # as it is from here on, whatever was added to it before
        return self._amount(count, self.function, given)

    def _given(self) -> list[ir.Expr]:
        """What the arguments of the draw are made of, in its function and in the methods that these ask."""
        function = self.function
        names = {node.id for node in ir.walk(self.draw) if isinstance(node, ir.Name)}
        found = [arg.value for arg in self.draw.args]
        for node in ir.walk_scope(function.body if function is not None else []):
            if isinstance(node, ir.Assign) and node.value is not None and node.value is not self.draw:
                found += [node.value] if any(isinstance(t, ir.Name) and t.id in names for t in node.targets) else []
        if function is not None:
            calls = [part for node in list(found) for part in ir.walk(node) if isinstance(part, ir.Call)]
            asked = [other for call in calls if (other := self._asked(call, function)) is not None]
            found += [part for other in asked for part in _returned(other.body)]
        return found

    def _asked(self, call: ir.Call, function: ir.Function) -> ir.Function | None:
        """The method of the object that `len(self)` or `self.count()` asks."""
        own = function.parameters[0].name if function.parameters else None
        first = call.argument(0)
        is_length = isinstance(call.func, ir.Name) and call.func.id == "len" and isinstance(first, ir.Name)
        name = ""
        if is_length and isinstance(first, ir.Name) and first.id == own:
            name = "__len__"
        elif isinstance(call.func, ir.Attr) and isinstance(call.func.value, ir.Name) and call.func.value.id == own:
            name = call.func.attr if not call.args else ""
        owner = self.buffer.owner
        return self.draft.graph.classes.find_method(owner, name) if name and owner is not None else None

    def _amount(self, node: ir.Expr, function: ir.Function, given: dict[str, int | None], depth: int = 6) -> int | None:
        """What an expression comes to: nothing (0), more than that (1), or None where that is not known."""

        def of(part: ir.Expr) -> int | None:
            return self._amount(part, function, given, depth - 1)

        if depth == 0:
            return None
        match node:
            case ir.Const():
                return int(bool(node.value))
            case ir.Attr():
                return given.get(node.attr, None if node.attr in self.changing else 1)
            case ir.Name():
                return self._named(node, function, given, depth)
            case ir.IfExp() | ir.Logic():
                return _chosen(node, of)
            case ir.Un(op="not"):
                found = of(node.operand)
                return None if found is None else 1 - found
            case ir.Cmp(rights=[right]):
                return _compared(of(node.left), node.ops[0], of(right))
            case ir.Bin():
                return _joined(node.op, of(node.left), of(node.right))
            case ir.Call():
                other = self._asked(node, function)
                return self._returns(other, given, depth) if other is not None else _called(node, of)
        return None

    def _named(self, node: ir.Name, function: ir.Function, given: dict[str, int | None], depth: int) -> int | None:
        """A local name: the one thing that it is set to, or what the two branches of an `if` set it to."""
        for statement in function.body:
            if isinstance(statement, ir.If) and len(statement.body) == len(statement.orelse) == 1:
                first, second = (_set_to(branch[0], node.id) for branch in (statement.body, statement.orelse))
                if first is not None and second is not None:
                    choice = ir.IfExp(statement.start, statement.end, statement.test, first, second)
                    return self._amount(choice, function, given, depth - 1)
        values = [v for n in ir.walk_scope(function.body) if (v := _set_to(n, node.id)) is not None]
        return self._amount(values[0], function, given, depth - 1) if len(values) == 1 else None

    def _returns(self, function: ir.Function, given: dict[str, int | None], depth: int) -> int | None:
        """What a method returns: one value, or one of two that an `if` chooses."""
        match [node for node in function.body if not isinstance(node, ir.Do)]:
            case [ir.Return(value=ir.Expr() as value)]:
                return self._amount(value, function, given, depth - 1)
            case [ir.If(body=[ir.Return(value=ir.Expr() as first)]) as test, *rest]:
                match [*test.orelse, *rest]:
                    case [ir.Return(value=ir.Expr() as second)]:
                        choice = ir.IfExp(test.start, test.end, test.test, first, second)
                        return self._amount(choice, function, given, depth - 1)
        return None


def _chosen(node: ir.IfExp | ir.Logic, of: object) -> int | None:
    assert callable(of)
    if isinstance(node, ir.IfExp):
        test, first, second = of(node.test), of(node.body), of(node.orelse)
    else:
        test, first, second = of(node.left), of(node.left), of(node.right)
        if node.op == "and":
            first, second = second, first
    found: int | None = first if test == 1 or first == second else second if test == 0 else None
    return found


def _compared(left: int | None, op: str, right: int | None) -> int | None:
    table = {(0, 1): _BELOW_MORE, (1, 0): _ABOVE_LESS, (0, 0): _BOTH_NONE}
    return table[left, right].get(op) if left is not None and right is not None and (left, right) != (1, 1) else None


def _joined(op: str, left: int | None, right: int | None) -> int | None:
    if op == "+":
        return 1 if 1 in (left, right) else 0 if left == right == 0 else None
    if op == "*":
        return 0 if 0 in (left, right) else 1 if left == right == 1 else None
    return 0 if op in ("%", "//", "/") and left == 0 else None


def _called(node: ir.Call, of: object) -> int | None:
    assert callable(of)
    name, parts = ir.last_name(node.func), [of(arg.value) for arg in node.args]
    if name in ("min", "minimum"):
        return 0 if 0 in parts else 1 if set(parts) == {1} else None
    if name in ("max", "maximum"):
        return 1 if 1 in parts else 0 if set(parts) == {0} else None
    found: int | None = parts[0] if name in _CAST and len(parts) == 1 else None
    return found


def _set_to(node: ir.Node, name: str) -> ir.Expr | None:
    is_set = isinstance(node, ir.Assign) and any(isinstance(t, ir.Name) and t.id == name for t in node.targets)
    return node.value if is_set and isinstance(node, ir.Assign) else None


def _targets(node: ir.Node) -> Iterable[ir.Expr]:
    if isinstance(node, ir.Aug):
        return [node.target]
    return [target for target, _ in pairs(node)] if isinstance(node, ir.Assign) else []


def _returned(body: list[ir.Stmt]) -> Iterable[ir.Expr]:
    return [n.value for n in ir.walk_scope(body) if isinstance(n, ir.Return) and n.value is not None]
