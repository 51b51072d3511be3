"""Which buffers of connected files are in use there: made by something that is itself made, or that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.beside.demos import Trial
from per_audit.graph.pipelines import learns_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.libraries.buffers import LibraryBuffer
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_Unit: TypeAlias = ir.Class | ir.Function


def has_one_in_use(graph: ReplayGraph) -> bool:
    """Whether the files make a replay buffer and draw from it, be it their own, a library's or the reference's.

    What files name that cannot be read is made there.
    """
    if graph.reference_buffers() or any(each.uses and not _is_wrapped(graph, each) for each in graph.library):
        return True
    return any(
        buffer.owner is None
        or is_named_unread(graph, buffer.owner)
        or (buffer.instances and (buffer.samples or graph.is_agent(buffer)) and not is_unnamed(graph, buffer.owner))
        for buffer in graph.buffers
    )


def trains(graph: ReplayGraph) -> bool:
    """Whether anything in the files learns, by itself or by a library, whether it is run or not."""
    sites = graph.events.calls.values()
    return any(learns_at(s, graph.events) or (ir.last_name(s.node.func) == "learn" and not s.targets) for s in sites)


def is_started_with(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether a file makes an object of a class when it is started, other than to try it out.

    Not so a test, nor the cells of a notebook, which are gone through by hand.
    """
    edge, seen = list(graph.makers.get(cls, ())), set()
    for site in edge:
        if site.function is None and not (site.path.endswith(".ipynb") or is_test(site.path)):
            if graph.demos.around(site.path, site.node) is None:
                return True
        elif site.function is not None and site.function not in seen:
            seen.add(site.function)
            edge += graph.callers.get(site.function, ())
    return False


def unused(graph: ReplayGraph) -> list[ReplayBuffer | LibraryBuffer]:
    """The buffers whose class nothing in the files makes, or would be able to, but to try it out.

    Of a library's buffer it is the class or function in which it is made.
    """
    own = [b for b in graph.buffers if b.owner is not None and is_unnamed(graph, b.owner)]
    return [*own, *(each for each in graph.library if _is_wrapped(graph, each))]


def _is_wrapped(graph: ReplayGraph, buffer: LibraryBuffer) -> bool:
    """Whether a library's buffer is made in a class that nothing names."""
    around = list(graph.ancestors(buffer.path, buffer.node))
    unit = next((each for each in reversed(around) if isinstance(each, ir.Class)), None)
    return unit is not None and is_unnamed(graph, unit)


def is_named_unread(graph: ReplayGraph, unit: _Unit) -> bool:
    """Whether a file that cannot be read names a class or function, and imports lead from it there: Python 2, say."""
    return graph.project.module_of[unit].path in graph.unread_words.get(unit.name.encode(), ())


def is_tried_out(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether something makes an object of the buffer's class, or would be able to, at least to try it out."""
    return buffer.owner is None or not is_unnamed(graph, buffer.owner, trials_count=True)


def is_unnamed(
    graph: ReplayGraph, unit: _Unit, seen: frozenset[_Unit] = frozenset(), trials_count: bool = False
) -> bool:
    """Whether a class is named nowhere but in itself, in classes of which the same is true and where it is tried out.

    Imports do not count; a function that nothing names is started by hand.
    """
    if unit in seen:
        return True
    if is_named_unread(graph, unit):
        return False
    seen |= {unit}
    naming = list(_naming(graph, unit))
    if isinstance(unit, ir.Function) and not naming:
        return False
    return all(
        not trials_count
        if isinstance(around, Trial)
        else around is not None and is_unnamed(graph, around, seen, trials_count)
        for around in naming
    )


def without_unmade(graph: ReplayGraph, sites: list[ev.CallSite]) -> list[ev.CallSite]:
    """The calls but for those in classes that nothing makes, such as another copy of one; all where no other is."""
    return [site for site in sites if not is_of_unmade(graph, site.function)] or sites


def is_of_unmade(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether a function is one of a class that nothing makes, though another of its name may be made."""
    cls = graph.project.class_of.get(function) if function is not None else None
    if cls is None or cls in graph.made:
        return False
    return is_unnamed(graph, cls) or any(made.name == cls.name for made in graph.made)


def _naming(graph: ReplayGraph, unit: _Unit) -> Iterator[_Unit | Trial | None]:
    """The trial, or the outermost class or function, around each place that names a unit, but itself.

    None for a place in none of these.
    """
    for path, statement in graph.project.naming(unit.name):
        if statement is not unit:
            around = statement if isinstance(statement, (ir.Class, ir.Function)) else None
            yield graph.demos.of(path, statement) or around


def is_name_read(graph: ReplayGraph, path: str, function: ev.Owner, name: str) -> bool:
    """Whether a function, or what stands in a file outside of any, has a name in another place than as a target."""
    nodes = list(ir.walk(*([function] if function is not None else graph.module(path).body)))
    given = {part for node in nodes for target in _targets(node) for part in _names_given(target)}
    return any(isinstance(node, ir.Name) and node.id == name and node not in given for node in nodes)


def _targets(node: ir.Node) -> list[ir.Expr]:
    if isinstance(node, ir.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ir.For, ir.Generator)) else []


def _names_given(target: ir.Expr) -> Iterator[ir.Name]:
    """The names that a target gives; `values[i]` gives none."""
    parts = ir.walk(target) if isinstance(target, ir.Seq) else (target,)
    return (part for part in parts if isinstance(part, ir.Name))
