"""What a file does when it is run by itself, where that only tries out what it defines: nothing learns there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.pipelines import learns_at
from per_audit.graph.roles import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph import events as ev
    from per_audit.graph.model import ReplayGraph

_LEARNS = {"step", "train", "learn", "optimize", "optimise", "fit"}  # in the name of what is called
_LEADS_ON = {"run", "main", "launch", "start", "simulate", "play", "execute", "call"}  # of what cannot be followed
_STARTS = (
    "gym",
    "gymnasium",
    "subprocess",
    "os.system",
    "multiprocessing",
    "threading",
    "ray",
    "hydra",
    "fire",
    "click",
)
_DEEPEST = 6


class Demos:
    """The blocks under `if __name__ == "__main__"` that try something out."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._known: dict[ir.If, bool] = {}

    def around(self, path: str, node: ir.Node) -> ir.If | None:
        """The block around a node, where it is one of them."""
        for each in (node, *self._graph.ancestors(path, node)):
            if isinstance(each, ir.If) and self.is_one(path, each):
                return each
        return None

    def is_one(self, path: str, statement: ir.Stmt) -> bool:
        """Whether a statement at the top of a file is such a block: neither it nor what it calls goes on to learn."""
        if not isinstance(statement, ir.If) or not _asks_for_main(statement.test):
            return False
        if statement not in self._known:
            self._known[statement] = not any(map(self._may_train, self._calls(path, statement)))
        return self._known[statement]

    def _calls(self, path: str, block: ir.If) -> Iterator[ev.CallSite]:
        """The calls in a block, and those in the functions that it may call."""
        inside = set(ir.walk(*block.body))
        functions: set[ev.Owner] = set()
        for site in self._graph.calls_of(None, [path]):
            if site.node in inside:
                yield site
                for func in site.targets:
                    functions |= self._graph.reachable(func.node, _DEEPEST)
        for function in functions:
            yield from self._graph.calls_of(function) if function is not None else ()

    def _may_train(self, site: ev.CallSite) -> bool:
        """Whether a call learns, acts in an environment, or starts something that cannot be followed and may."""
        if learns_at(site, self._graph.events) or any(name.split(".")[0] in _STARTS for name in site.names):
            return True
        func = site.node.func
        named = words(str(getattr(func, "attr", getattr(func, "id", ""))))
        is_followed = bool(site.targets or site.classes)
        return not _LEARNS.isdisjoint(named) or not (is_followed or _LEADS_ON.isdisjoint(named))


def _asks_for_main(test: ir.Expr) -> bool:
    """Whether a test is `__name__ == "__main__"`."""
    if not isinstance(test, ir.Cmp) or test.ops != ["=="]:
        return False
    sides = (test.left, *test.rights)
    return any(isinstance(side, ir.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ir.Const) and side.value == "__main__" for side in sides
    )
