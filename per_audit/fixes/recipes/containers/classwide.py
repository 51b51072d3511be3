"""Containers in the body of a class, one for all of its objects: each object gets a buffer of its own capacity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.graph.interpret.values import ClassRef

if TYPE_CHECKING:
    from per_audit.graph.interpret.values import Alloc


@dataclass(frozen=True, slots=True)
class Home:
    """Where the buffer is made instead: `target` behind `statement`, which sets the capacity in the `__init__`."""

    target: str
    statement: ir.Stmt


def home(draft: Draft, path: str, container: Alloc, capacity: str) -> Home | None:
    """The place in `__init__` where the capacity is known; None where the container is not in the body of a class."""
    made = draft.graph.statement(path, container.node)
    owner = draft.graph.parents(path).get(made)
    target = made.targets[0] if isinstance(made, ir.Assign) and len(made.targets) == 1 else None
    if not isinstance(owner, ir.Class) or not isinstance(target, ir.Name):
        return None
    init = next((each for each in owner.body if isinstance(each, ir.Function) and each.name == "__init__"), None)
    for node in init.body if init is not None else []:
        if isinstance(node, ir.Assign) and any(draft.text(path, each) == capacity for each in node.targets):
            return Home(f"{capacity.partition('.')[0]}.{target.id}", node)
    return None


def move(draft: Draft, path: str, container: Alloc, home: Home) -> None:
    """Remove the container from the class. Refuses where objects may be without a buffer of their own then."""
    made = draft.graph.statement(path, container.node)
    owner = draft.graph.parents(path)[made]
    name = home.target.partition(".")[2]
    assert isinstance(owner, ir.Class)
    for other in draft.graph.project.classes:
        own = any(isinstance(each, ir.Function) and each.name == "__init__" for each in other.body)
        if other is not owner and own and owner in draft.graph.classes.mro(other):
            raise Refused(
                f"{name} belongs to the class {owner.name}, whose heir {other.name} has an __init__ of its own"
            )
    for node, value in draft.graph.events.values.items():
        if isinstance(node, ir.Attr) and node.attr == name and container in value.atoms:
            base = draft.graph.events.value(node.value).atoms
            if any(isinstance(atom, ClassRef) for atom in base):
                where = draft.where(draft.path_of(node), node)
                raise Refused(f"{name} is read from the class {owner.name} at {where}, which no object has to itself")
    draft.remove(path, made, "every object has a buffer of its own")
    sites = [site for site in draft.graph.events.calls.values() if owner in site.classes]
    if len(sites) > 1:
        places = ", ".join(sorted(draft.where(site.path, site.node) for site in sites))
        draft.assumptions.append(
            f"all objects of {owner.name} shared one {name}; those made at {places} have one each now"
        )
