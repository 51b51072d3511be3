"""What notebooks and files that are run by themselves do, where they only try something out: nothing learns there."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Trial:
    """Where something is only tried out: a notebook, or the block of a file that runs when it is started by itself."""

    path: str
    is_block: bool

    def __str__(self) -> str:
        """What it is, for people."""
        return f"the `__main__` block of {self.path}" if self.is_block else self.path


class Demos:
    """The blocks under `if __name__ == "__main__"`, and the notebooks, that try something out."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._known: dict[ir.If | str, bool] = {}

    def around(self, path: str, node: ir.Node) -> Trial | None:
        """The trial that a node belongs to."""
        statements = (node, *self._graph.ancestors(path, node))
        return next((trial for each in statements if (trial := self.of(path, each)) is not None), None)

    def of(self, path: str, statement: ir.Node) -> Trial | None:
        """The trial that a statement at the top of a file is: neither it nor what it calls goes on to learn."""
        if isinstance(statement, ir.If) and _asks_for_main(statement.test):
            if self._only_tries(statement, path, set(ir.walk(*statement.body))):
                return Trial(path, is_block=True)
        elif path.endswith(".ipynb") and self._only_tries(path, path, None):
            return Trial(path, is_block=False)
        return None

    def _only_tries(self, key: ir.If | str, path: str, inside: set[ir.Node] | None) -> bool:
        if key not in self._known:
            self._known[key] = not any(map(self._may_train, self._calls(path, inside)))
        return self._known[key]

    def _calls(self, path: str, inside: set[ir.Node] | None) -> Iterator[ev.CallSite]:
        """The calls among some nodes at the top of a file, or all in it, and those in what these may call."""
        functions: set[ev.Owner] = set()
        sites = self._graph.calls_of(None, [path])
        if inside is None:
            sites = [site for site in self._graph.events.calls.values() if site.path == path]
        for site in sites:
            if inside is None or site.node in inside:
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
