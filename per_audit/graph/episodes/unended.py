"""Transitions that are stored with an end that says nothing: it is always False, or nobody goes by it."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import endings
from per_audit.graph.interpret.roles import DONE, REWARD, name_of, role_of
from per_audit.graph.interpret.values import Instance
from per_audit.graph.liveness.memories.usage import without_unmade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.episodes.bootstrap import BootstrapTarget
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_CALLERS = 4
_LOOPS = (ir.For, ir.While)


def is_never_told(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget) -> bool:
    """Whether a target is of an object to which every call of its file that stores hands the constant False as the end.

    Another object of the class may hold transitions that end; they are told apart by the attributes that hold them.
    Objects under other names need not be told apart where no call of the project hands any of them another end.
    """
    given = [site for site in _storing_like(graph, buffer, target) if site.path == target.path]
    return (bool(given) and all(_gives_false(graph, site) for site in given)) or _has_no_ends(graph, buffer)


def _has_no_ends(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every call that stores into the buffer hands it the constant False, and none is told of an end there."""
    storing = [store.function for store in buffer.stores]
    calls = [without_unmade(graph, graph.callers.get(each, [])) if each is not None else [] for each in storing]
    return (
        bool(calls)
        and all(sites and all(_gives_false(graph, site) for site in sites) for sites in calls)
        and endings.observed(graph, buffer) is None
    )


def stored_without(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget) -> list[ev.CallSite]:
    """The calls that store for the object that a target is of, where none of them is given an end.

    Other objects of the class may hold transitions that end; they are told apart by the classes that have them.
    """
    cls = graph.project.class_of.get(target.function) if target.function is not None else None
    if cls is None:
        return []
    related = graph.classes.kin(cls)
    own = [site for site in _storing_like(graph, buffer, target) if not related.isdisjoint(_holders(graph, site))]
    return [] if any(_tells(graph, site) or _has_flag(site) for site in own) else own


def _storing_like(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget) -> list[ev.CallSite]:
    """The calls that store into what is held by an attribute named as the one that a target's batch was drawn from."""
    drawn = {_held(site) for site in buffer.samples if site.function is target.function}
    if len(drawn) != 1 or drawn == {""}:
        return []
    storing = {store.function for store in buffer.stores}
    calls = [site for each in storing if each is not None for site in graph.callers.get(each, ())]
    return [site for site in calls if {_held(site)} == drawn]


def _holders(graph: ReplayGraph, site: ev.CallSite) -> set[ir.Class]:
    """The classes of what has the attribute that a method is called on: of `agent` in `agent.memory.add()`."""
    func = site.node.func
    held = func.value.value if isinstance(func, ir.Attr) and isinstance(func.value, ir.Attr) else None
    around = graph.project.class_of.get(site.function) if site.function is not None else None
    if isinstance(held, ir.Name) and held.id == "self" and around is not None:
        return {around}
    atoms = graph.events.value(held).atoms if held is not None else ()
    return {atom.node for atom in atoms if isinstance(atom, Instance)}


def _held(site: ev.CallSite) -> str:
    """The attribute of what a method is called on: `imagined` of `self.imagined.sample()`."""
    func = site.node.func
    return func.value.attr if isinstance(func, ir.Attr) and isinstance(func.value, ir.Attr) else ""


def _gives_false(graph: ReplayGraph, site: ev.CallSite) -> bool:
    return _has_flag(site) and not _tells(graph, site)


def _has_flag(site: ev.CallSite) -> bool:
    """Whether a call is given the constant False, which may be an end that never comes."""
    return any(isinstance(part, ir.Const) and part.value is False for part in _parts(site))


def _tells(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether a call is given the end of an episode, by its name or by where it comes from."""
    return any(role_of(part) == DONE or DONE in graph.events.value(part).roles for part in _leaves(_parts(site)))


def _parts(site: ev.CallSite) -> list[ir.Expr]:
    return [part for arg in site.node.args for part in ir.walk(arg.value) if isinstance(part, ir.Expr)]


def _leaves(parts: list[ir.Expr]) -> Iterator[ir.Expr]:
    """The names, attributes and items among parts: what they are packed into has the roles of them all."""
    return (part for part in parts if isinstance(part, (ir.Name, ir.Attr, ir.Sub)))


def has_fixed_length(graph: ReplayGraph, buffer: ReplayBuffer, target: BootstrapTarget) -> bool:
    """Whether the episodes that a target is of go on for a number of steps, whatever the environment says of their end.

    So they do where each loop over the steps that are stored counts, begins with a reset or an environment of its own,
    and no test asks for an end.
    """
    steps = list(_stepping(graph, buffer))
    near = [(path, step) for path, step in steps if path == target.path] or steps
    return bool(near) and all(_is_counted(graph, path, step) for path, step in near)


def _stepping(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[tuple[str, ir.Seq]]:
    """Where steps of the environment are taken apart by what stores transitions, or leads to it.

    The top level of a file is not that of another, where a program of its own may play by hand.
    """
    edge = {(store.function, _level(store)) for store in buffer.stores}
    bodies: set[tuple[ev.Owner, str]] = set()
    for _ in range(_CALLERS + 1):
        bodies |= edge
        functions = [function for function, _ in edge if function is not None]
        edge = {(site.function, _level(site)) for each in functions for site in graph.callers.get(each, ())}
    for unpack in graph.events.unpacks.values():
        made = graph.statement(unpack.path, unpack.node)
        is_step = isinstance(made, ir.Assign) and isinstance(made.value, ir.Call) and name_of(made.value.func) == "step"
        is_near = (unpack.function, _level(unpack)) in bodies
        if is_near and is_step and {REWARD, DONE} <= {role_of(item) for item in unpack.node.items}:
            yield unpack.path, unpack.node


def _level(event: ev.Store | ev.CallSite | ev.Unpack) -> str:
    """The file of what happens at a top level."""
    return event.path if event.function is None else ""


def _is_counted(graph: ReplayGraph, path: str, step: ir.Seq) -> bool:
    around = list(graph.ancestors(path, step))
    loops = [node for node in around if isinstance(node, _LOOPS)]
    counting = list(takewhile(_counts, loops))
    episodes = zip(counting, loops[1:], strict=False)
    if not any(_begins(graph, path, step, outer) and not _resets(loop) for loop, outer in episodes):
        return False
    outermost = next((node for node in around if isinstance(node, ir.Function)), loops[-1])
    ends = {item.id for item in step.items if isinstance(item, ir.Name) and role_of(item) == DONE}
    return bool(ends) and not _tests(outermost, ends)


def _counts(loop: ir.For | ir.While) -> bool:
    """Whether a loop goes on for a number of steps: of a range, or while what it adds to is below something."""
    if isinstance(loop, ir.For):
        return isinstance(loop.iter, ir.Call) and name_of(loop.iter.func) == "range"
    counted = {_name(node.target) for node in ir.walk(*loop.body) if isinstance(node, ir.Aug) and node.op == "+"}
    return isinstance(loop.test, ir.Cmp) and bool(_name(loop.test.left)) and _name(loop.test.left) in counted


def _begins(graph: ReplayGraph, path: str, step: ir.Seq, loop: ir.Node) -> bool:
    """Whether each round of a loop resets the environment, or makes another."""
    taken = graph.statement(path, step)
    site = graph.events.calls.get(taken.value) if isinstance(taken, ir.Assign) else None  # type: ignore[call-overload]
    classes = {graph.project.class_of.get(func.node) for func in site.targets} if site is not None else set()
    made = [graph.events.calls[node] for node in ir.walk(loop) if node in graph.events.calls]
    return _resets(loop) or any(not classes.isdisjoint(call.classes) for call in made)


def _resets(loop: ir.Node) -> bool:
    return any(isinstance(node, ir.Call) and name_of(node.func) == "reset" for node in ir.walk(loop))


def _tests(body: ir.Node, names: set[str]) -> bool:
    """Whether a test in a body asks for one of some names, or for what is made of it: `over = done or truncated`."""
    inside = list(ir.walk(body))
    while more := {made for node in inside for made in _made_of(node, names)} - names:
        names = names | more
    return any(
        _name(part) in names
        for node in inside
        if isinstance(node, (ir.If, ir.While, ir.IfExp))
        for part in ir.walk(node.test)
    )


def _made_of(node: ir.Node, names: set[str]) -> Iterator[str]:
    """The names that a statement gives to something, other than a row, in which one of `names` is read."""
    if not isinstance(node, (ir.Assign, ir.Aug)) or node.value is None or isinstance(node.value, (ir.Seq, ir.Map)):
        return
    if any(_name(part) in names for part in ir.walk(node.value)):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target]
        yield from (name for target in targets if (name := _name(target)))


def _name(node: ir.Node) -> str:
    return node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""
