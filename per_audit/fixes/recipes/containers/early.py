"""Draws with replacement that come before a batch is stored: what takes their place must not refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.memory.capacity import number_of
from per_audit.graph.memory.warmup import stored_before, tests_before

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph.interpret import events as ev

_FAR = 4  # calls from the test to the draw
_POSITIONS = ("randint", "integers", "random_integers")


def how_drawn(graph: ReplayGraph, buffer: ReplayBuffer, draw: ir.Call, *places: int | str) -> str:
    """What the call of `sample` says behind the batch size: `, repeat=True`, or nothing.

    `places`: where the draw takes its size, as a position or a keyword.
    """
    if not _is_with_replacement(graph.events.draws[draw]):
        return ""
    given = (draw.argument(place) if isinstance(place, int) else draw.argument(None, place) for place in places)
    size = next((node for node in given if node is not None), None)
    if isinstance(size, ir.Seq) and len(size.items) == 1:
        size = size.items[0]
    if size is None or _is_enough(graph, buffer, draw, size):
        return ""
    return ", repeat=True"


def _is_with_replacement(draw: ev.Draw) -> bool:
    """Whether a draw answers with more than there is: `choices`, `randint`, NumPy's `choice` unless told otherwise."""
    if draw.method == "choice":
        told = draw.node.argument(2, "replace")
        return told is None or not (isinstance(told, ir.Const) and told.value is False)
    return draw.method == "choices" or draw.method in _POSITIONS


def _is_enough(graph: ReplayGraph, buffer: ReplayBuffer, draw: ir.Call, size: ir.Expr) -> bool:
    """Whether a batch is stored before it is drawn: by numbers, by tests that name its size, or by its own size."""
    if any(isinstance(part, ir.Name) and part.id == "len" for part in ir.walk(size)):
        return True  # min(n, len(memory))
    number = number_of(graph, buffer.path, size)
    if number.complete and number.largest and stored_before(graph, buffer) >= number.largest:
        return True
    name = name_of(size)
    return name is not None and _is_tested(graph, buffer.path, draw, name, frozenset())


def _is_tested(graph: ReplayGraph, path: str, node: ir.Node, name: str, seen: frozenset[ev.Owner]) -> bool:
    """Whether a comparison with something of that name stands before a node, here or on every way to its function."""
    for test, _ in tests_before(graph, path, node):
        compared = (part for part in ir.walk(test) if isinstance(part, ir.Cmp))
        if any(name_of(part) == name for each in compared for part in ir.walk(each) if isinstance(part, ir.Expr)):
            return True
    function = graph.symbols.function_of(path, node)
    sites = [] if function is None or function in seen or len(seen) == _FAR else graph.callers.get(function, [])
    known = seen | {function}
    return bool(sites) and all(
        _is_tested(graph, site.path, site.node, _passed(graph, site, function, name), known) for site in sites
    )


def _passed(graph: ReplayGraph, site: ev.CallSite, function: ev.Owner, name: str) -> str:
    """The name of what a call passes to the parameter of that name, or the name itself where it is none."""
    if not isinstance(function, ir.Function):
        return name
    taken = function.parameters[1:] if graph.symbols.takes_self(function) else function.parameters
    place = next((i for i, parameter in enumerate(taken) if parameter.name == name), None)
    return name if place is None else name_of(site.node.argument(place, name)) or name
