"""Which locks are held where: by blocks around a place in its function, and around the calls that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_LOCKS = ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")
_FAR, _MOST = 5, 8  # calls that are followed outwards, and callers of one function

_Lock = ir.Node | str


class Held(NamedTuple):
    """A block that holds a lock. A lock is the call that made it, its name where that is not known."""

    lock: _Lock
    block: ir.With


class Way(NamedTuple):
    """A way to a place: the functions that it goes through, and the blocks around it that hold locks.

    `script` is the file that it begins in, where that is run as a program; empty where a function begins it.
    """

    functions: frozenset[ev.Owner]
    blocks: frozenset[Held]
    script: str = ""


def ways(graph: ReplayGraph, path: str, node: ir.Node, far: int = _FAR) -> list[Way]:
    """The ways to a place, with what they hold; where there are very many calls of a function, none is followed."""
    own = frozenset(_around(graph, path, node))
    function = graph.symbols.function_of(path, node)
    here = Way(frozenset({function}), own, path if function is None else "")
    callers = graph.callers.get(function, []) if function is not None else []
    if not far or not callers or len(callers) > _MOST:
        return [here]
    outer = [way for site in callers for way in ways(graph, site.path, site.node, far - 1)]
    return [Way(here.functions | way.functions, own | way.blocks, way.script) for way in outer]


def runs_inside(graph: ReplayGraph, block: ir.With, node: ir.Node, function: ev.Owner) -> bool:
    """Whether a node of a function may be run inside a block, be it by calls."""
    inside = list(ir.walk(*block.body))
    if node in inside:
        return True
    sites = (graph.events.calls.get(part) for part in inside if isinstance(part, ir.Call))
    called = {target.node for site in sites if site is not None for target in site.targets}
    return function is not None and any(function in graph.reachable(each) for each in called)


def _around(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[Held]:
    """The blocks around a place in its function that hold locks."""
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return
        if isinstance(around, ir.With):
            for item in around.items:
                yield from (Held(lock, around) for lock in _locks(graph, item))


def _locks(graph: ReplayGraph, item: ir.WithItem) -> list[_Lock]:
    """The locks that a context holds. Of one that nothing is known of, its name: it may be handed in."""
    atoms = graph.events.value(item.value).atoms
    made: list[_Lock] = [a.call for a in atoms if isinstance(a, Result) and a.name.rpartition(".")[2] in _LOCKS]
    is_open = not atoms and item.target is None and isinstance(item.value, (ir.Name, ir.Attr))
    name = name_of(item.value) if is_open else None
    return made if name is None else [name]
