"""Runs stay repeatable: what seeded the draws before seeds the new buffer or sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.settled import is_settled, root_of
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

# The modules whose functions draw, what seeds them, and a number from them.
_MODULES = (
    ("numpy.random", "numpy.random.seed", "{}.randint(2**31 - 1)"),
    ("random", "random.seed", "{}.getrandbits(32)"),
    ("torch", "torch.manual_seed", "{}.randint(2**31 - 1, ()).item()"),
)
_FAR = 3  # calls between what is started and what makes the buffer, or seeds
_GENERATORS = {"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"}


def seed_of(draft: Draft, buffer: ReplayBuffer, place: ir.Node) -> list[str]:
    """The argument that makes draws of an object at `place` as repeatable as they were; none where they were not."""
    draw = buffer.draws[0]
    if draft.path_of(place) != buffer.path or not isinstance(draw.func, ir.Attr):
        return []
    return _from_module(draft, buffer, place) or _from_generator(draft, buffer, place, draw.func.value)


def _from_module(draft: Draft, buffer: ReplayBuffer, place: ir.Node) -> list[str]:
    """A seed from the module that drew before, where the project seeds it.

    Where the function that makes the buffer seeds that module only afterwards, the seed is what it is seeded with.
    """
    sites = draft.graph.events.calls
    module = draft.text(buffer.path, buffer.draws[0].func).rpartition(".")[0]
    drawn_by = sites[buffer.draws[0]].names if module and buffer.draws[0] in sites else set()
    modules = {name.rpartition(".")[0] for name in drawn_by}
    for generator, seeding, number in _MODULES:
        seedings = [site for site in sites.values() if seeding in site.names]
        if generator not in modules or not seedings:
            continue
        function = _function(draft, buffer.path, place)
        later = [s.node for s in seedings if s.function is function and s.node.start > place.start]
        given = later[0].argument(0) if later and function is not None else None
        if function is not None and isinstance(given, (ir.Name, ir.Attr, ir.Const)):
            if is_settled(draft, function, given, place.start, later[0].start):
                return [f"seed={draft.text(buffer.path, given)}"]
        elif not _is_made_before(draft, buffer.path, place, function, _points(draft, seedings)):
            return [f"seed={number.format(module)}"]
        where = draft.where(seedings[0].path, seedings[0].node)
        draft.steps.append(
            f"draws came from {module}, which is seeded only at {where}, after the buffer is made: give what makes"
            " draws now a seed= of its own, or seed before, so that runs stay repeatable"
        )
        return []
    return []


def _points(draft: Draft, seedings: list[ev.CallSite]) -> list[ev.CallSite]:
    """Where a module is seeded, and where the functions that seed it are called."""
    found = {site.node: site for site in seedings}
    for _ in range(_FAR):
        functions = {site.function for site in found.values()} - {None}
        found |= {site.node: site for function in functions for site in draft.graph.callers.get(function, ())}
    return list(found.values())


def _is_made_before(
    draft: Draft, path: str, node: ir.Node, function: ev.Owner, seedings: list[ev.CallSite], depth: int = _FAR
) -> bool:
    """Whether the program comes by a node before any of the seedings, on every way there."""
    here = [site for site in seedings if site.function is function and site.path == path]
    if here:
        others = [s for s in seedings if s not in here and not (s.function and draft.graph.callers.get(s.function))]
        return not others and all(node.start < site.node.start for site in here)
    sites = draft.graph.callers.get(function, []) if function is not None and depth else []
    return bool(sites) and all(
        _is_made_before(draft, site.path, site.node, site.function, seedings, depth - 1) for site in sites
    )


def _from_generator(draft: Draft, buffer: ReplayBuffer, place: ir.Node, drawn_by: ir.Expr) -> list[str]:
    """What seeds the generator of the class that drew before; a step for a person where that is not seen."""
    made = {
        atom.call
        for atom in draft.graph.events.value(drawn_by).atoms
        if isinstance(atom, Result) and atom.name in _GENERATORS and isinstance(atom.call, ir.Call)
    }
    if all(not call.args for call in made):
        return []  # none, or one that is not repeatable either
    function = _function(draft, buffer.path, place)
    (call, *others) = sorted(made, key=lambda each: each.start)
    if function is not None and not others and call in ir.walk(function) and not call.args[0].star:
        given = call.args[0].value
        names = {parameter.name for parameter in function.parameters[1:]}
        start, end = sorted((place.start, call.start))
        is_known = isinstance(given, ir.Const) or root_of(given) in names
        if is_known and not isinstance(given, ir.Sub) and is_settled(draft, function, given, start, end):
            return [f"seed={draft.text(buffer.path, given)}"]
    text = draft.text(buffer.path, drawn_by)
    draft.steps.append(
        f"draws came from {text}: give what makes draws now a seed= of its own, or rng= where {text} is a"
        " numpy.random.Generator, so that runs stay repeatable"
    )
    return []


def _function(draft: Draft, path: str, place: ir.Node) -> ir.Function | None:
    return next((node for node in draft.graph.ancestors(path, place) if isinstance(node, ir.Function)), None)
