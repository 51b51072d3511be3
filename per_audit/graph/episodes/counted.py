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


def counter(count: ir.Expr) -> ir.Attr | None:
    """The attribute that holds a count: `self.taken`, or the list that it is the length of, `len(self.rewards)`."""
    if isinstance(count, ir.Call) and ir.last_name(count.func) == "len" and len(count.args) == 1:
        count = count.args[0].value
    return count if isinstance(count, ir.Attr) else None


def is_raised_in(node: ir.Node, attribute: str) -> bool:
    """Whether a statement adds to a count, or appends to a list whose length is one."""
    if isinstance(node, ir.Aug):
        return node.op == "+" and _reads(node.target, attribute)
    called = node.value.func if isinstance(node, ir.Do) and isinstance(node.value, ir.Call) else None
    return isinstance(called, ir.Attr) and called.attr == "append" and _reads(called.value, attribute)


def is_count(graph: ReplayGraph, path: str, cls: ir.Class, count: ir.Expr) -> bool:
    """Whether an attribute goes up by one at every step, begins anew with every episode, and is compared alone.

    So does the length of a list that one thing is appended to at every step, and that nothing else is asked of.
    """
    step, reset, held = _method(cls, "step"), _method(cls, "reset"), counter(count)
    if step is None or reset is None or held is None:
        return False
    raised = [node for node in ir.walk(*cls.body) if is_raised_in(node, held.attr) or _adds(node, held.attr)]
    if len(raised) != 1 or raised[0] not in step.body or not is_raised_in(raised[0], held.attr):
        return False
    if isinstance(raised[0], ir.Aug) and (held is not count or not _is_one(raised[0].value)):
        return False
    begun = [node for node in ir.walk(*reset.body) if isinstance(node, ir.Assign)]
    if not any(_reads(target, held.attr) for node in begun for target in ir.walk(*node.targets)):
        return False
    own = set(ir.walk(raised[0]))
    return all(
        node in own
        or _is_target(graph, path, node)
        or isinstance(_asked_in(graph, path, node, held is not count), ir.Cmp)
        for node in ir.walk(*cls.body)
        if _reads(node, held.attr)
    )


def _adds(node: ir.Node, attribute: str) -> bool:
    return isinstance(node, ir.Aug) and _reads(node.target, attribute)


def _is_one(value: ir.Expr) -> bool:
    return isinstance(value, ir.Const) and value.value == 1


def _asked_in(graph: ReplayGraph, path: str, node: ir.Node, of_list: bool) -> ir.Node | None:
    """What a count is read in; of a list what its length is."""
    around = graph.parents(path).get(node)
    if not of_list:
        return around
    length = graph.parents(path).get(around) if isinstance(around, ir.Arg) else None
    is_length = isinstance(length, ir.Call) and counter(length) is node
    return graph.parents(path).get(length) if length is not None and is_length else None


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
