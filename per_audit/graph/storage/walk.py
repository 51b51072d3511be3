"""The statements of a body, gone through with the places that names stand for: which differences are of one place.

`goals = q; goals[i] = y; abs(goals - q)` subtracts an array from itself. A name that is given an array is the array,
one that is given a row of it is the row; a copy, and a number that was read, are what they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.storage.expressions import Places
from per_audit.graph.storage.singles import Singles
from per_audit.graph.storage.values import Edit, Shared, State, View, merged

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.storage.values import Key, Value

_DEEPEST = 3  # functions of the project in functions
_MOST_STATEMENTS = 10_000  # of a body and what it calls, those of loops twice
_HARMLESS = {"staticmethod", "no_grad", "njit", "jit"}


class Differences:
    """The differences in the functions of one project."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self._singles = Singles(graph)
        self._known: dict[tuple[ev.Owner, str], dict[ir.Node, Edit]] = {}

    def of_one_place(self, function: ev.Owner, path: str) -> dict[ir.Node, Edit]:
        """Those in a function, and in what it calls, of which both sides are the same numbers of a changed array.

        None stands for the top level of the file. With each the last change of the array.
        """
        if (function, path) not in self._known:
            self._known[function, path] = self._looked_for(function, path)
        return self._known[function, path]

    def _looked_for(self, function: ev.Owner, path: str) -> dict[ir.Node, Edit]:
        shared = Shared(0)
        found: dict[ir.Node, list[Edit | None]] = {}
        for _ in range(2):  # that an array has rows is seen where they are taken, which may be later
            shared.left = _MOST_STATEMENTS
            walk = Walk(self._singles, path, shared, function, 0)
            try:
                walk.block(self.graph.module(path).body if function is None else _body(function))
            except _TooLongError:
                return {}
            found = walk.zero
        return {node: edits[0] for node, edits in found.items() if None not in edits and edits[0] is not None}


def _body(function: ir.Function | ir.Lambda) -> list[ir.Stmt]:
    return function.body if isinstance(function, ir.Function) else []


class _TooLongError(Exception):
    """What would be left out might change an array."""


class Walk(Places):
    """One body."""

    def __init__(self, singles: Singles, path: str, shared: Shared, call: Key, depth: int) -> None:
        super().__init__(singles, path, shared, call, depth)
        self.returned: list[Value] = []

    def block(self, statements: list[ir.Stmt]) -> bool:
        """Go through statements in order; whether the last leaves the body or the loop."""
        for statement in statements:
            self.shared.left -= 1
            if self.shared.left < 0:
                raise _TooLongError
            handler = _STATEMENTS.get(type(statement))
            if handler is not None and handler(self, statement):
                return True
        return False

    # ---------------------------------------------------------------- assignments

    def _assign(self, node: ir.Assign) -> bool:
        if node.value is not None:
            value = self.eval(node.value)
            for target in node.targets:
                self._put(target, value, node)
        return False

    def _put(self, target: ir.Expr, value: Value, node: ir.Node) -> None:
        place = self.place(target) if isinstance(target, ir.Sub) else None
        if place is None:
            self.bind(target, value, node)
        elif isinstance(place, View) and place.path:
            assert isinstance(target, ir.Sub)
            base = self.eval(target.value)
            if isinstance(base, View) and base.plain:
                self.state.put(place, self.state.content(value), Edit(node, self.path))
            else:
                self.state.change(place.root, node)

    def _aug(self, node: ir.Aug) -> bool:
        self.eval(node.value)
        self._put(node.target, self.fresh(node), node)
        return False

    def _delete(self, node: ir.Delete) -> bool:
        for target in node.targets:
            if isinstance(target, ir.Name):
                self.state.names.pop(target.id, None)
        return False

    # ---------------------------------------------------------------- the rest

    def _do(self, node: ir.Do) -> bool:
        self.eval(node.value)
        return False

    def _return(self, node: ir.Return) -> bool:
        if node.value is not None:
            self.returned.append(self.eval(node.value))
        return True

    def _jump(self, node: ir.Jump) -> bool:
        return node.kind != "pass"

    def _ends(self, _node: ir.Raise) -> bool:
        return True

    def _with(self, node: ir.With) -> bool:
        for item in node.items:
            value = self.eval(item.value)
            if item.target is not None:
                self.bind(item.target, value, item)
        return self.block(node.body)

    def _if(self, node: ir.If) -> bool:
        self.eval(node.test)
        return self._branches([node.body, node.orelse], node)

    def _match(self, node: ir.Match) -> bool:
        self.eval(node.subject)
        return self._branches([*node.cases, []], node)

    def _try(self, node: ir.Try) -> bool:
        before = self.state.copy()
        ended = self.block([*node.body, *node.orelse])
        after = self.state.copy()
        self.state = merged([before, self.state], node)
        ends = [] if ended else [after]
        between = self.state
        for handler in node.handlers:
            self.state = between.copy()
            if not self.block(handler):
                ends.append(self.state)
        self.state = merged(ends, node) if ends else between
        return self.block(node.final) or not ends

    def _branches(self, blocks: list[list[ir.Stmt]], node: ir.Node) -> bool:
        before, ends = self.state, []
        for block in blocks:
            self.state = before.copy()
            if not self.block(block):
                ends.append(self.state)
        self.state = merged(ends, node) if ends else before
        return not ends

    # ---------------------------------------------------------------- loops

    def _for(self, node: ir.For) -> bool:
        one = self.element(node.iter)
        lists = self._empty_lists()
        self._loop(node, lambda: self.bind(node.target, one, node))
        for name, root in lists.items():
            if (whole := self._gathered(node, name)) is not None:
                self.state.written[root] = {(): self.state.content(whole)}
        return self.block(node.orelse)

    def _empty_lists(self) -> dict[str, Key]:
        """The names of lists that are still as empty as they were written, with the place of each."""
        held = {name: value.root for name, value in self.state.names.items() if isinstance(value, View)}
        return {
            name: root
            for name, root in held.items()
            if isinstance(root, tuple)
            and isinstance(root[0], ir.Seq)
            and root[0].kind == "list"
            and not root[0].items
            and root not in self.state.turns
        }

    def _gathered(self, loop: ir.For, name: str) -> View | None:
        """The array of which a loop puts each row into a list, one behind the other, as it is."""
        used = [node for node in ir.walk(*loop.body) if isinstance(node, ir.Name) and node.id == name]
        calls = (each.value for each in loop.body if isinstance(each, ir.Do) and isinstance(each.value, ir.Call))
        puts = [call for call in calls if isinstance(call.func, ir.Attr) and call.func.value in used]
        leaves = any(isinstance(node, ir.Jump) and node.kind != "pass" for node in ir.walk(*loop.body))
        value = self.appended.get(puts[0]) if len(used) == len(puts) == 1 and not leaves else None
        turn = ("each", loop.iter)
        is_row = isinstance(value, View) and value.path in ((turn,), (self.shared.key("fixed", turn),))
        return View(value.root) if is_row and isinstance(value, View) else None

    def _while(self, node: ir.While) -> bool:
        self._loop(node, lambda: self.eval(node.test))
        return self.block(node.orelse)

    def _loop(self, node: ir.For | ir.While, turn: Callable[[], object]) -> None:
        """A loop's body twice: what the first turn leaves as it was is the same in each."""
        before = self.state.copy()
        seen = {key: list(edits) for key, edits in self.zero.items()}
        returned = list(self.returned)
        turn()
        self.block(node.body)
        self.zero, self.returned = seen, returned
        self.state = start = merged([before, self.state], node)
        self.state = start.copy()
        turn()
        self.block(node.body)
        self.state = merged([before, start, self.state], node)

    # ---------------------------------------------------------------- calls

    def inside(self, node: ir.Call, given: list[Value]) -> Value | None:
        """What a function of the project returns; None where it is not gone into."""
        site = self.graph.events.calls.get(node)
        targets = {func.node for func in site.targets} if site is not None else set()
        function = targets.pop() if len(targets) == 1 else None
        if not isinstance(function, ir.Function) or not self._is_followed(function, node):
            return None
        skip = self.graph.symbols.takes_self(function)
        path = self.graph.project.module_of[function].path
        inner = Walk(self.singles, path, self.shared, (node, self.call), self.depth + 1)
        inner.zero = self.zero
        names = [parameter.name for parameter in function.parameters[skip:]]
        inner.state = State(self.shared, {}, self.state.written, self.state.turns, self.state.edits)
        own = isinstance(node.func, ir.Attr) and getattr(node.func.value, "id", None) == "self"
        for place, (arg, value) in enumerate(zip(node.args, given, strict=True)):
            inner.state.names[arg.keyword or names[place]] = inner.held(value, arg)
        if own:
            inner.state.names |= {name: v for name, v in self.state.names.items() if name.startswith("self.")}
        ended = inner.block(function.body)
        after = inner.state
        kept = {name: v for name, v in self.state.names.items() if "." not in name}
        kept |= {name: v for name, v in after.names.items() if own and name.startswith("self.")}
        self.state = State(self.shared, kept, after.written, after.turns, after.edits)
        self.state.change("attributes", node)
        only = inner.returned[0] if ended and len(inner.returned) == 1 else None
        self.zero = inner.zero
        return self.fresh(node) if only is None else inner.held(only, node)

    def _is_followed(self, function: ir.Function, node: ir.Call) -> bool:
        plain = [p for p in function.parameters if not p.kind]
        fits = len(node.args) <= len(plain) and not any(arg.star for arg in node.args)
        known = {p.name for p in plain}
        named = all(arg.keyword in known for arg in node.args if arg.keyword)
        harmless = all(
            isinstance(d, (ir.Name, ir.Attr, ir.Call)) and _last(d) in _HARMLESS for d in function.decorators
        )
        skip = self.graph.symbols.takes_self(function)
        return fits and named and harmless and self.depth < _DEEPEST and len(node.args) <= len(plain) - skip


def _last(node: ir.Expr) -> str:
    node = node.func if isinstance(node, ir.Call) else node
    return node.attr if isinstance(node, ir.Attr) else getattr(node, "id", "")


_STATEMENTS: dict[type[ir.Stmt], Callable[[Walk, Any], bool]] = {
    ir.Assign: Walk._assign,
    ir.Aug: Walk._aug,
    ir.Delete: Walk._delete,
    ir.Do: Walk._do,
    ir.Return: Walk._return,
    ir.Raise: Walk._ends,
    ir.Jump: Walk._jump,
    ir.With: Walk._with,
    ir.If: Walk._if,
    ir.Match: Walk._match,
    ir.Try: Walk._try,
    ir.For: Walk._for,
    ir.While: Walk._while,
}
