"""Limits that are known by what is compared: an environment's count of its steps, and a number that nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

BOARD = 100  # fewer moves may be all that a board has squares for, and then a full board is an end of the task


def counts_to_limit(graph: ReplayGraph, path: str, cls: ir.Class, test: ir.Cmp) -> bool:
    """Whether a comparison asks if a count of an episode's steps has come to a number that is there for that alone.

    What is used for something else beside, as the size of a board, may be what the task ends by.
    """
    return is_count(graph, path, cls, test.left) and len(test.rights) == 1 and _is_set_apart(graph, path, cls, test)


def is_count(graph: ReplayGraph, path: str, cls: ir.Class, count: ir.Expr) -> bool:
    """Whether an attribute goes up by one at every step, begins anew with every episode, and is compared alone."""
    step, reset = (_method(cls, name) for name in ("step", "reset"))
    if step is None or reset is None or not isinstance(count, ir.Attr):
        return False
    raised = [node for node in ir.walk(*cls.body) if isinstance(node, ir.Aug) and _reads(node.target, count.attr)]
    if len(raised) != 1 or raised[0] not in step.body or raised[0].op != "+":
        return False
    if not isinstance(raised[0].value, ir.Const) or raised[0].value.value != 1:
        return False
    begun = [node for node in ir.walk(*reset.body) if isinstance(node, ir.Assign)]
    if not any(_reads(target, count.attr) for node in begun for target in ir.walk(*node.targets)):
        return False
    return all(
        node is raised[0].target or isinstance(graph.parents(path).get(node), ir.Cmp) or _is_target(graph, path, node)
        for node in ir.walk(*cls.body)
        if _reads(node, count.attr)
    )


def _is_set_apart(graph: ReplayGraph, path: str, cls: ir.Class, test: ir.Cmp) -> bool:
    """Whether what a count is compared with is a number that the class uses for nothing else."""
    limit = test.rights[0]
    if isinstance(limit, ir.Const):
        return _is_beyond_boards(limit)
    is_own = isinstance(limit, ir.Attr) and ir.last_name(limit.value) == "self"
    if not is_own and not isinstance(limit, ir.Name):
        return False
    name = ir.last_name(limit)
    given = list(_given(graph, path, cls, name, isinstance(limit, ir.Name)))
    if len(given) != 1 or not (_is_beyond_boards(given[0]) or _is_parameter(graph, path, cls, given[0])):
        return False
    return all(
        node is given[0] or _is_asked_for(graph, path, node) or _is_target(graph, path, node)
        for node in ir.walk(*cls.body)
        if ir.last_name(node) == name
    )


def _given(graph: ReplayGraph, path: str, cls: ir.Class, name: str, is_global: bool) -> Iterator[ir.Expr]:
    """What is given to an attribute of a class, or to a name of its file."""
    nodes = graph.module(path).body if is_global else ir.walk(*cls.body)
    for node in nodes:
        for target in node.targets if isinstance(node, ir.Assign) else ():
            assert isinstance(node, ir.Assign)
            pairs = [(target, node.value)]
            if isinstance(target, ir.Seq) and isinstance(node.value, ir.Seq):
                pairs = list(zip(target.items, node.value.items, strict=False))
            for to, value in pairs:
                if value is not None and isinstance(to, (ir.Name, ir.Attr)) and ir.last_name(to) == name:
                    yield value


def _is_parameter(graph: ReplayGraph, path: str, cls: ir.Class, value: ir.Expr) -> bool:
    """Whether a value is what the object is made with, and is given to one attribute and nothing else."""
    made = graph.symbols.function_of(path, value)
    if not isinstance(value, ir.Name) or made is not _method(cls, "__init__") or not isinstance(made, ir.Function):
        return False
    uses = [node for node in ir.walk(*made.body) if isinstance(node, ir.Name) and node.id == value.id]
    return len(uses) == 1 and any(parameter.name == value.id for parameter in made.parameters)


def _is_beyond_boards(value: ir.Expr) -> bool:
    return isinstance(value, ir.Const) and isinstance(value.value, int) and value.value >= BOARD


def _is_target(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a name or attribute is given something."""
    statement = graph.statement(path, node)
    return isinstance(statement, ir.Assign) and any(part is node for part in ir.walk(*statement.targets))


def _is_asked_for(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether something is compared with a name or attribute."""
    around = graph.parents(path).get(node)
    return isinstance(around, ir.Cmp) and around.left is not node


def _method(cls: ir.Class, name: str) -> ir.Function | None:
    return next((part for part in cls.body if isinstance(part, ir.Function) and part.name == name), None)


def _reads(node: ir.Node, attribute: str) -> bool:
    return isinstance(node, ir.Attr) and node.attr == attribute
