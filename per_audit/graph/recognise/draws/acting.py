"""Random numbers that actions are made of, rather than positions in a memory: noise, and choices by a policy's odds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD, STATE, role_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.facts import ModuleFacts
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_OTHERS = {"optimizer", "optimiser", "optim", "opt", "scheduler", "scaler", "lr"}  # whose steps are of something else
_DEEPEST = 3


class Acting:
    """What environments are told, and which functions say so."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        # The calls of `step` with one argument, and those of methods called otherwise that answer as it does.
        answering = {call for module in graph.project.modules.values() for call in _answering(module)}
        self.steps = [site for site in graph.events.calls.values() if site.node in answering or _is_step(site.node)]

    def told(self, kind: str) -> set[ir.Node]:
        """The random calls of a kind of tag that the actions depend on."""
        value = self._graph.events.value
        return {node for site in self.steps for node in value(site.node.args[0].value).tagged(kind)}

    def functions(self) -> set[ev.Owner]:
        """The functions whose results are actions: those called for them, and those that these return the result of."""
        found: set[ev.Owner] = set()
        edge = {f for site in self.steps for f in self._made_by(site.node.args[0].value, site.path, site.function)}
        for _ in range(_DEEPEST):
            found |= edge
            edge = {callee for function in edge for callee in self._returned(function)} - found
        return found

    def _returned(self, function: ev.Owner) -> Iterator[ev.Owner]:
        for node in self._graph.events.returns.get(function, ()):
            if node.value is not None and isinstance(function, ir.Function):
                yield from self._made_by(node.value, self._graph.project.module_of[function].path, function)

    def _made_by(self, value: ir.Expr, path: str, function: ev.Owner) -> Iterator[ev.Owner]:
        """The functions of the project that a value comes from: it is called, or has a name that is given what is."""
        if isinstance(value, ir.Name):
            body = function.body if isinstance(function, ir.Function) else self._graph.module(path).body
            for node in ir.walk_scope(body):
                if isinstance(node, ir.Assign) and isinstance(node.value, ir.Call) and _names(node, value.id):
                    yield from self._called(node.value)
        elif isinstance(value, ir.Seq):
            for item in value.items:
                yield from self._made_by(item, path, function)
        elif isinstance(value, ir.Call):
            yield from self._called(value)

    def _called(self, call: ir.Call) -> Iterator[ev.Owner]:
        site = self._graph.events.calls.get(call)
        for func in site.targets if site is not None else ():
            yield func.node


def _is_step(call: ir.Call) -> bool:
    if not isinstance(call.func, ir.Attr) or call.func.attr != "step" or len(call.args) != 1:
        return False
    return _OTHERS.isdisjoint(words(ir.last_name(call.func.value)))


def _answering(module: ModuleFacts) -> Iterator[ir.Call]:
    """The calls of methods that are given an action, and answer what was earned beside other things."""
    for node in module.nodes_of(ir.Assign):
        target, call = node.targets[0], node.value
        if isinstance(target, ir.Seq) and isinstance(call, ir.Call) and isinstance(call.func, ir.Attr):
            told = {role_of(item) for item in target.items}
            given = [role_of(argument.value) for argument in call.args]
            if given == [ACTION] and REWARD in told and told & {STATE, NEXT}:
                yield call


def _names(node: ir.Assign, name: str) -> bool:
    """Whether an assignment gives a value, or the first of several, a name."""
    firsts = [target.items[0] if isinstance(target, ir.Seq) and target.items else target for target in node.targets]
    return any(isinstance(first, ir.Name) and first.id == name for first in firsts)
