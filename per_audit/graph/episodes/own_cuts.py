"""Where an environment that the project defines says by itself that it was cut short, and what that means there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED, says_false
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import REWARD, name_of, role_of, words
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_REWARDS = 1  # the place in what a step of Gymnasium's interface returns
_SIZE = 5
_OBSERVES = {"obs", "observe", "observation", "observations", "state", "states", "feature", "features"}
_TRUTHS = {"cmp", "not"}
_COMPARED = {">=", ">", "==", "<", "<="}


def own_cuts(graph: ReplayGraph, cls: ir.Class, step: ir.Function) -> list[ir.Node]:
    """The places at which a step counts itself out of time, other than those that are a part of the task.

    A limit is a part of the task where a reward is paid or taken off at it, where what is counted is observed, or where
    there is no other end.
    """
    if says_false(graph, step, TERMINATED):
        return []
    nodes = list(ir.walk_scope(step.body))
    found: dict[ir.Node, None] = {}
    for returned in _returned(graph, step, nodes):
        flag = returned.items[TRUNCATED]
        if same(flag, returned.items[TERMINATED]):
            continue  # both flags are told at every end, which is the task's
        names = {flag.id} if isinstance(flag, ir.Name) else set()
        places = [node for node in nodes if _says(node, names)] if names else [flag]
        if any(_pays_for(node, names) for node in nodes):
            continue
        for place in places:
            tests = [*_tests(graph, step, place), *_values(graph, place)]
            counts = {name for test in tests for name in _counts(cls, test)}
            is_said = not isinstance(place, ir.Const) or bool(place.value)
            if not is_said or not counts or _is_paid(graph, step, place, returned):
                continue
            if not any(_is_observed(cls, name) for name in counts):
                found[place] = None
    return list(found)


def told(graph: ReplayGraph, step: ir.Function) -> Iterator[Term]:
    """What a step returns for the truncation; of other shapes all that it returns."""
    path = graph.project.module_of[step].path
    for node in ir.walk_scope(step.body):
        if isinstance(node, ir.Return) and node.value is not None:
            term = strip(graph.symbols.term(path, node.value))
            yield term.args[TRUNCATED] if term.op == "tuple" and _has_both(term.args) else term


def is_told(step: ir.Function) -> bool:
    """Whether each thing that a step returns is written out, or is what another step returned."""
    returned = [node.value for node in ir.walk_scope(step.body) if isinstance(node, ir.Return)]
    return bool(returned) and all(isinstance(value, ir.Seq) or _is_step(value) for value in returned)


def _returned(graph: ReplayGraph, step: ir.Function, nodes: list[ir.Node]) -> Iterator[ir.Seq]:
    """What a step returns where that has both flags."""
    path = graph.project.module_of[step].path
    for node in nodes:
        value = node.value if isinstance(node, ir.Return) else None
        if isinstance(value, ir.Seq) and _has_both([graph.symbols.term(path, item) for item in value.items]):
            yield value


def _has_both(parts: Sequence[Term]) -> bool:
    """Whether a step tells both flags: among five things, or among four of which the last is a truth and no dict."""
    if len(parts) != _SIZE - 1:
        return len(parts) == _SIZE
    options = [strip(part) for part in alternatives(strip(parts[TRUNCATED]))]
    return all(part.op in _TRUTHS or isinstance(part.data, bool) for part in options)


def _says(node: ir.Node, names: set[str]) -> bool:
    """Whether a statement gives one of some names something else than False."""
    if isinstance(node, ir.Assign):
        is_false = isinstance(node.value, ir.Const) and not node.value.value
        return not is_false and any(isinstance(target, ir.Name) and target.id in names for target in node.targets)
    return isinstance(node, ir.Aug) and isinstance(node.target, ir.Name) and node.target.id in names


def _tests(graph: ReplayGraph, step: ir.Function, place: ir.Node) -> Iterator[ir.Expr]:
    """The tests of the branches around a place."""
    for around in graph.ancestors(graph.project.module_of[step].path, place):
        if around is step:
            return
        if isinstance(around, ir.If):
            yield around.test


def _values(graph: ReplayGraph, place: ir.Node) -> Iterator[ir.Expr]:
    """The expressions of a place, and what methods that it calls return."""
    value = place.value if isinstance(place, (ir.Assign, ir.Aug)) else place
    if not isinstance(value, ir.Expr):
        return
    yield value
    for part in ir.walk(value):
        site = graph.events.calls.get(part) if isinstance(part, ir.Call) else None
        for func in site.targets if site is not None else ():
            if isinstance(func.node, ir.Function):
                nodes = ir.walk_scope(func.node.body)
                yield from (n.value for n in nodes if isinstance(n, ir.Return) and n.value is not None)
                yield from (n.test for n in ir.walk_scope(func.node.body) if isinstance(n, ir.If))


def _counts(cls: ir.Class, test: ir.Expr) -> Iterator[str]:
    """The attributes of a comparison that the class counts up or down by itself."""
    counted = {
        node.target.attr
        for node in ir.walk(*cls.body)
        if isinstance(node, ir.Aug) and isinstance(node.target, ir.Attr) and isinstance(node.value, ir.Const)
    }
    for node in ir.walk(*cls.body):  # `self.still = 0 if ... else self.still + 1`
        for target in node.targets if isinstance(node, ir.Assign) else ():
            if isinstance(target, ir.Attr) and isinstance(node, ir.Assign) and _adds_to(node.value, target.attr):
                counted.add(target.attr)
    for part in ir.walk(test):
        if isinstance(part, ir.Cmp) and not _COMPARED.isdisjoint(part.ops):
            for side in (part.left, *part.rights):
                yield from (n.attr for n in ir.walk(side) if isinstance(n, ir.Attr) and n.attr in counted)


def _adds_to(value: ir.Expr | None, name: str) -> bool:
    return value is not None and any(
        isinstance(part, ir.Bin) and part.op == "+" and name_of(part.left) == name and isinstance(part.right, ir.Const)
        for part in ir.walk(value)
    )


def _pays(node: ir.Node) -> bool:
    """Whether a statement gives another reward, or changes one."""
    targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
    return any(role_of(part) == REWARD for target in targets for part in ir.walk(target) if isinstance(part, ir.Expr))


def _pays_for(node: ir.Node, names: set[str]) -> bool:
    """Whether a branch that asks for one of some names pays, or the reward is computed from it."""
    if isinstance(node, ir.If) and any(_is(part, names) for part in ir.walk(node.test)):
        return any(_pays(part) for part in ir.walk(*node.body))
    value = node.value if isinstance(node, (ir.Assign, ir.Aug)) and _pays(node) else None
    asked = [part for part in ir.walk(value) if isinstance(part, (ir.Call, ir.IfExp))] if value is not None else []
    inside = [part for each in asked for part in ir.walk(each) if not _is_step(each)]
    return any(_is(part, names) for part in inside)


def _is(node: ir.Node, names: set[str]) -> bool:
    return isinstance(node, ir.Name) and node.id in names


def _is_step(node: ir.Node | None) -> bool:
    return isinstance(node, ir.Call) and name_of(node.func) == "step"


def _is_paid(graph: ReplayGraph, step: ir.Function, place: ir.Node, returned: ir.Seq) -> bool:
    """Whether the branch around a place pays, or what is returned there holds a reward that is written out."""
    path = graph.project.module_of[step].path
    here = place
    for around in graph.ancestors(path, place):
        if around is step:
            return False
        if isinstance(around, ir.If):
            block = around.body if any(here is part for part in around.body) else around.orelse
            is_written = not isinstance(returned.items[_REWARDS], (ir.Name, ir.Attr))
            return any(_pays(part) for part in ir.walk(*block)) or (isinstance(place, ir.Const) and is_written)
        here = around
    return False


def _is_observed(cls: ir.Class, name: str) -> bool:
    """Whether a method that makes observations, or an observation that is returned, reads an attribute."""
    for method in (part for part in cls.body if isinstance(part, ir.Function)):
        observed: list[ir.Node] = []
        if not _OBSERVES.isdisjoint(words(method.name)):
            observed = list(method.body)
        elif method.name in ("step", "reset"):
            for node in ir.walk_scope(method.body):
                if isinstance(node, ir.Return) and isinstance(node.value, ir.Seq) and node.value.items:
                    observed.append(node.value.items[0])
                if isinstance(node, ir.Assign) and node.value is not None:
                    named = {word for target in node.targets for word in words(name_of(target) or "")}
                    observed += [] if _OBSERVES.isdisjoint(named) else [node.value]
        if any(isinstance(part, ir.Attr) and part.attr == name for part in ir.walk(*observed)):
            return True
    return False
