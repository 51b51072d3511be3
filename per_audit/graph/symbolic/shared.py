"""Names of files that functions assign anew, `global steps`: what the top level gives them is not what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.project import Project


class Shared:
    """Asked which names of a file its functions assign anew."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, frozenset[str]] = {}

    def names(self, path: str) -> frozenset[str]:
        """The names of the top level of a file that functions of it assign."""
        if path not in self._known:
            self._known[path] = frozenset(self._assigned(path))
        return self._known[path]

    def _assigned(self, path: str) -> set[str]:
        module = self._project.modules[path]
        if b"global" not in module.text:
            return set()
        return {
            name
            for function in module.nodes_of(ir.Function)
            if isinstance(function, ir.Function)
            for name in _declared(function) & _bound(function)
        }


def _declared(function: ir.Function) -> set[str]:
    scopes = (node for node in ir.walk_scope(function.body) if isinstance(node, ir.Scope))
    return {name for scope in scopes if scope.kind == "global" for name in scope.names}


def _bound(function: ir.Function) -> set[str]:
    targets: list[ir.Expr] = []
    for node in ir.walk_scope(function.body):
        if isinstance(node, ir.Assign):
            targets += node.targets
        elif isinstance(node, (ir.Aug, ir.For)):
            targets.append(node.target)
    return {part.id for part in ir.walk(*targets) if isinstance(part, ir.Name)}
