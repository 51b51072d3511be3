"""Which names hold one whole number, as an index does that picks a single item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions, positions_of
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import External

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

_DEEPEST, _MOST_CALLERS = 6, 8
_SINGLE = {"int", "len", "item", "randrange", "argmax"}  # without an axis
_ONE_OF = {"randint", "choice", "integers"}  # without a size


class Singles:
    """The whole numbers of one project, looked for where they are made: in callers, in what functions return."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self._definitions = Definitions(graph)

    def is_single(self, node: ir.Expr, path: str, depth: int = _DEEPEST) -> bool:
        """Whether an expression is a whole number, wherever its value comes from."""
        if depth == 0:
            return False
        if isinstance(node, ir.Const):
            return isinstance(node.value, int)
        if isinstance(node, ir.IfExp):
            return all(self.is_single(part, path, depth - 1) for part in (node.body, node.orelse))
        if isinstance(node, ir.Call):
            return self._is_called_single(node, path, depth)
        if not isinstance(node, ir.Name):
            return False
        reaching = self._definitions.reaching(node, path)
        made = [(value, path) for value, places in reaching.values if not places]
        if len(made) < len(reaching.values):
            return False
        if reaching.parameter is not None:
            made += self._given(reaching.parameter, node, path)
        return bool(made) and all(self.is_single(value, where, depth - 1) for value, where in made)

    def _given(self, parameter: ir.Parameter, node: ir.Name, path: str) -> Iterator[tuple[ir.Expr, str]]:
        """What callers give to a parameter."""
        function = self.graph.symbols.function_of(path, node)
        if not isinstance(function, ir.Function) or parameter not in function.parameters:
            return
        for call, _, where in self.graph.symbols.calls_of.get(function, ())[:_MOST_CALLERS]:
            given = positions_of(self.graph, call, function) if isinstance(call, ir.Call) else {}
            for value in given.get(parameter.name, () if parameter.default is None else (parameter.default,)):
                yield value, where

    def _takes_one(self, node: ir.Call) -> bool:
        """Whether a call of a library has neither an axis nor a size: `scores.argmax()`, `np.argmax(scores)`."""
        if any(arg.keyword in ("axis", "dim", "size", "keepdims", "keepdim") for arg in node.args):
            return False
        name = name_of(node.func) if isinstance(node.func, (ir.Name, ir.Attr)) else None
        if name in ("randint", "integers", "randrange"):
            return len(node.args) <= 2
        atoms = self.graph.events.value(node.func.value).atoms if isinstance(node.func, ir.Attr) else ()
        is_method = isinstance(node.func, ir.Attr) and not any(isinstance(atom, External) for atom in atoms)
        return len(node.args) <= (0 if is_method and name == "argmax" else 1)

    def _is_called_single(self, node: ir.Call, path: str, depth: int) -> bool:
        site = self.graph.events.calls.get(node)
        targets = {func.node for func in site.targets} if site is not None else set()
        if not targets:
            name = name_of(node.func) if isinstance(node.func, (ir.Name, ir.Attr)) else None
            return self._takes_one(node) and (name in _SINGLE or name in _ONE_OF or _is_action(node))
        for function in targets:
            returned = self.graph.events.returns.get(function, {})
            values = [each.value for each in returned if each.value is not None]
            where = self.graph.project.module_of[function].path if isinstance(function, ir.Function) else path
            if not values or not all(self.is_single(value, where, depth - 1) for value in values):
                return False
        return True


def _is_action(node: ir.Call) -> bool:
    """`env.action_space.sample()`: of actions that values are picked by it is one number."""
    return isinstance(node.func, ir.Attr) and node.func.attr == "sample" and "action_space" in _words(node.func.value)


def _words(node: ir.Expr) -> str:
    return node.attr if isinstance(node, ir.Attr) else getattr(node, "id", "")
