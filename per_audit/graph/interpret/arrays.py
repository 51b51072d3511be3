"""Arrays that are made of lists for each read: `np.array(self.rows)[drawn]` reads the rows of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Alloc

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.frame import Frame

# What makes one array of the rows of a list.
_MAKE = {
    "array", "asarray", "asanyarray", "stack", "vstack", "tensor", "as_tensor", "Tensor", "FloatTensor", "DoubleTensor",
    "LongTensor", "IntTensor", "ByteTensor", "BoolTensor", "convert_to_tensor", "constant",
}  # fmt: skip
# Methods of an array that give its rows in another form.
_TURN = {"to", "cuda", "cpu", "float", "double", "long", "int", "bool", "astype", "type", "numpy", "detach"}


class Arrays:
    """Finds the lists and deques that arrays are made of, in expressions and under the names that they have."""

    def __init__(self, events: ev.Events) -> None:
        self.events = events
        self._named: dict[ev.Owner, dict[str, ir.Expr]] = {}

    def lists(self, expression: ir.Expr, frame: Frame) -> frozenset[Alloc]:
        """The lists and deques that an array is made of, or one that a name of the function stands for alone."""
        if isinstance(expression, ir.Name) and frame.function is not None:
            named = self._names(frame.function).get(expression.id)
            return frozenset() if named is None else self._of(named)
        return self._of(expression)

    def _of(self, expression: ir.Expr) -> frozenset[Alloc]:
        copied: ir.Expr | None = None
        while isinstance(expression, ir.Call) and isinstance(made_by := expression.func, ir.Attr):
            if made_by.attr in _MAKE and expression.args:
                expression = copied = expression.args[0].value
            elif made_by.attr in _TURN:
                expression = made_by.value
            else:
                break
        atoms = self.events.value(copied).atoms if copied is not None else frozenset()
        return frozenset(a for a in atoms if isinstance(a, Alloc) and a.kind in ("list", "deque"))

    def _names(self, function: ir.Function | ir.Lambda) -> dict[str, ir.Expr]:
        """What a function assigns to names, of those that it assigns one thing to."""
        if function not in self._named:
            found: dict[str, list[ir.Expr | None]] = {}
            body = function.body if isinstance(function, ir.Function) else []
            for node in ir.walk_scope(body):
                targets = node.targets if isinstance(node, ir.Assign) else []
                targets = [node.target] if isinstance(node, (ir.Aug, ir.For)) else targets
                for target in targets:
                    for name, value in _pairs(target, node.value if isinstance(node, ir.Assign) else None):
                        found.setdefault(name, []).append(value)
            once = {name: values[0] for name, values in found.items() if len(values) == 1}
            self._named[function] = {name: value for name, value in once.items() if value is not None}
        return self._named[function]


def _pairs(target: ir.Expr, value: ir.Expr | None) -> list[tuple[str, ir.Expr | None]]:
    """Each name with what it stands for: `states, actions = np.array(self.states), np.array(self.actions)`."""
    if isinstance(target, ir.Name):
        return [(target.id, value)]
    if not isinstance(target, ir.Seq):
        return []
    given: list[ir.Expr | None] = [None] * len(target.items)
    if isinstance(value, ir.Seq) and len(target.items) == len(value.items):
        given = list(value.items)
    return [pair for part, each in zip(target.items, given, strict=True) for pair in _pairs(part, each)]
