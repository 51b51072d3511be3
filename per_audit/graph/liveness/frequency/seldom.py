"""What is done once in many steps: under a test of a remainder, or of a counter that the branch sets back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_TELLS = ("print", "debug", "info", "warn", "warning", "error", "exception", "critical")
_MANY = 50  # steps from one time to the next; a learner that draws at every fourth step draws often


def is_seldom(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a branch around the node, in its function, is taken once in many passes.

    It is where the test takes a remainder, or asks for an attribute that the branch sets anew: a counter that starts
    again, a maximum that is looked for only where it was overwritten, there or in a method for that. So is what waits
    for a counter of the function to be 0, which it is the first time, or once in a round, and what a test has told to
    people: that something went wrong.
    """
    if _refills(graph, path, node):
        return True
    below, is_told = node, _is_told(graph.statement(path, node))
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return False
        if (
            isinstance(around, (ir.If, ir.IfExp))
            and below is not around.test
            and (is_told or _is_rare(graph, path, around, below) or _is_begun(graph, path, around, below))
        ):
            return True
        below = around
    return False


def _is_told(statement: ir.Stmt) -> bool:
    """Whether a statement raises, prints or logs, and does nothing else with what it computes."""
    if isinstance(statement, ir.Do):
        return isinstance(statement.value, ir.Call) and ir.last_name(statement.value.func) in _TELLS
    return isinstance(statement, ir.Raise)


def _is_begun(graph: ReplayGraph, path: str, branch: ir.If | ir.IfExp, taken: ir.Node) -> bool:
    """Whether a branch is taken while an attribute is 0 that its method raises, and nothing but the start sets to 0."""
    body = branch.body if isinstance(branch.body, list) else [branch.body]
    counter = _asked_for_zero(branch.test, any(taken is part for part in body))
    method = graph.symbols.function_of(path, branch)
    cls = graph.project.class_of.get(method) if isinstance(method, ir.Function) else None
    if counter is None or cls is None or getattr(counter.value, "id", "") != "self":
        return False
    writes = graph.symbols.writes_of.get(graph.symbols.field(cls, counter.attr).data, ())
    later = [write for write in writes if getattr(write.function, "name", "") not in BUILDERS]
    return any(write.function is method for write in later) and all(_counts(graph, write) for write in later)


def _asked_for_zero(test: ir.Expr, holds: bool) -> ir.Attr | None:
    """The attribute that is 0, or may be no more than that, where a test comes out as told."""
    if isinstance(test, ir.Un) and test.op == "not":
        return _asked_for_zero(test.operand, not holds)
    if isinstance(test, ir.Attr):
        return None if holds else test
    if not isinstance(test, ir.Cmp) or len(test.ops) != 1 or not isinstance(test.left, ir.Attr):
        return None
    is_zero = isinstance(test.rights[0], ir.Const) and test.rights[0].value == 0
    return test.left if is_zero and test.ops[0] in (("==", "<=") if holds else ("!=", ">")) else None


def _counts(graph: ReplayGraph, write: ev.AttributeWrite) -> bool:
    """Whether an attribute is raised by a number: up to a limit, or round and round through many."""
    value = write.expression
    if write.augmented:
        return getattr(write.node, "op", "") == "+" and isinstance(value, ir.Const)
    if isinstance(value, ir.Call) and getattr(value.func, "id", "") == "min":
        value = next((arg.value for arg in value.args if isinstance(arg.value, ir.Bin)), None)
    elif isinstance(value, ir.Bin) and value.op == "%" and _is_many(graph, write.path, value.right):
        value = value.left
    if not isinstance(value, ir.Bin) or value.op != "+":
        return False
    sides = (value.left, value.right)
    own = any(isinstance(side, ir.Attr) and side.attr == write.attribute for side in sides)
    return own and any(isinstance(side, ir.Const) for side in sides)


def _refills(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether an attribute is looked for anew, by a method that is called only where it was the one overwritten."""
    statement = graph.statement(path, node)
    method = graph.symbols.function_of(path, node)
    targets = statement.targets if isinstance(statement, ir.Assign) else []
    kept = {attribute for target in targets if isinstance(target, ir.Attr) for attribute in _attributes(target)}
    cls = graph.project.class_of.get(method) if isinstance(method, ir.Function) else None
    sites = graph.callers.get(method, ())
    return bool(kept and sites) and all(
        cls is not None
        and isinstance(site.function, ir.Function)
        and graph.project.class_of.get(site.function) is cls
        and _is_asked(graph, site.path, site.node, site.function, kept)
        for site in sites
    )


def _is_asked(graph: ReplayGraph, path: str, node: ir.Node, function: ir.Function, kept: set[tuple[str, str]]) -> bool:
    """Whether a test around the node, or around what sets the flag that is tested, asks whether it is what is kept."""
    below = node
    for around in graph.ancestors(path, node):
        if around is function:
            return False
        if isinstance(around, ir.If) and any(below is part for part in around.body):
            if any(
                isinstance(t, ir.Cmp) and t.ops == ["=="] and kept & {*_attributes(t)} for t in ir.walk(around.test)
            ):
                return True
            if isinstance(around.test, ir.Name):
                flag = around.test.id
                raised = [
                    part
                    for part in ir.walk(*function.body)
                    if isinstance(part, ir.Assign)
                    and any(isinstance(target, ir.Name) and target.id == flag for target in part.targets)
                    and not (isinstance(part.value, ir.Const) and not part.value.value)
                ]
                return bool(raised) and all(_is_asked(graph, path, part, function, kept) for part in raised)
        below = around
    return False


def _is_rare(graph: ReplayGraph, path: str, branch: ir.If | ir.IfExp, taken: ir.Node) -> bool:
    """Whether the test holds seldom and what it guards is taken where it holds."""
    body: Sequence[ir.Node] = branch.body if isinstance(branch.body, list) else [branch.body]
    if not any(taken is part for part in body):
        return False
    for test in ir.walk(branch.test):
        if not isinstance(test, ir.Cmp) or len(test.ops) != 1:
            continue
        sides = test.left, test.rights[0]
        remainders = [side for side in sides if isinstance(side, ir.Bin) and side.op == "%"]
        if remainders:
            if test.ops == ["=="] and _is_many(graph, path, remainders[0].right):
                return True
        elif test.ops[0] in ("==", ">", ">=", "<", "<="):
            asked = set(_attributes(test))
            for attribute, value in _set_anew(body):
                # A counter starts again; anything else is looked for anew where the test finds it gone.
                if attribute in asked and (
                    not isinstance(value, ir.Const) or all(_is_many(graph, path, side) for side in sides)
                ):
                    return True
    return False


def _is_many(graph: ReplayGraph, path: str, limit: ir.Expr) -> bool:
    """Whether an expression is not known to be a small number."""
    return (number_of(graph, path, limit).largest or _MANY) >= _MANY


def _set_anew(body: Sequence[ir.Node]) -> Iterator[tuple[tuple[str, str], ir.Expr]]:
    """The attributes that statements assign, other than from their own last values, and these values."""
    for part in ir.walk(*body):
        if isinstance(part, ir.Assign) and part.value is not None:
            for target in part.targets:
                pairs = [(target, part.value)]
                if isinstance(target, ir.Seq) and isinstance(part.value, ir.Seq):
                    pairs = list(zip(target.items, part.value.items, strict=False))
                for item, value in pairs:
                    if isinstance(item, ir.Attr) and isinstance(item.value, ir.Name):
                        attribute = (item.value.id, item.attr)
                        if attribute not in set(_attributes(value)):
                            yield attribute, value


def _attributes(node: ir.Node) -> Iterator[tuple[str, str]]:
    """The attributes of names in an expression: `self.left`. What has no name but its own is new in each pass."""
    for part in ir.walk(node):
        if isinstance(part, ir.Attr) and isinstance(part.value, ir.Name):
            yield part.value.id, part.attr
