"""Both flags of a step that the project itself defines: their values say no longer where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED, never_says
from per_audit.graph.episodes.own_cuts import own_cuts
from per_audit.graph.episodes.own_limits import counts_steps
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_OR = ("logical_or", "maximum", "max")
_TOLD = ("trunc", "time", "limit")


def joined_flags(graph: ReplayGraph, field: Term) -> tuple[str, ir.Expr] | None:
    """The file and place where both flags of a step of the project's own environment become a field.

    None where it is not cut short by a number of steps, or something is given the first of the flags by itself: it may
    well be stored, too.
    """
    field = _upright(field)
    names = _both(field.node)
    if names is None or field.path is None or not isinstance(field.node, ir.Expr):
        return None
    function = graph.symbols.function_of(field.path, field.node)
    if isinstance(function, ir.Lambda):
        return None
    parts = list(ir.walk_scope(graph.module(field.path).body if function is None else function.body))
    steps = [part for part in parts if isinstance(part, ir.Assign) and _is_step(part)]
    for step in steps:
        told = _flags(step)
        if told is None or set(told) != set(names) or not isinstance(step.value, ir.Call):
            continue
        if never_says(graph, TRUNCATED, step.value) or not counts_steps(graph, step.value):
            continue
        is_cut = any(word.startswith(_TOLD) for word in words(told[1])) or _counts_itself_out(graph, step.value)
        if is_cut and not _is_handed_on(parts, step, told[0]):
            return field.path, field.node
    return None


def _counts_itself_out(graph: ReplayGraph, call: ir.Call) -> bool:
    """Whether the environment itself says by the second flag that it is out of time, whatever it is called there."""
    site = graph.events.calls.get(call)
    steps = [func.node for func in site.targets if isinstance(func.node, ir.Function)] if site is not None else []
    owners = [(graph.project.class_of.get(step), step) for step in steps]
    return any(cls is not None and own_cuts(graph, cls, step) for cls, step in owners)


def joins_names(field: Term) -> bool:
    """Whether a field is one of two names, whatever they are."""
    return _both(_upright(field).node) is not None


def _upright(field: Term) -> Term:
    """What a field is the negation of, or itself."""
    field = strip(field)
    turned = field.op == "not" or (field.op == "sub" and field.args[0].number == 1)
    return strip(field.args[-1]) if turned else field


def _both(node: ir.Node | None) -> tuple[str, str] | None:
    """The two names that are joined by an `or` of some spelling."""
    sides: list[ir.Expr] = []
    if (isinstance(node, ir.Logic) and node.op == "or") or (isinstance(node, ir.Bin) and node.op == "|"):
        sides = [node.left, node.right]
    elif isinstance(node, ir.Call) and name_of(node.func) in _OR:
        sides = [argument.value for argument in node.args]
    names = [side.id for side in sides if isinstance(side, ir.Name)]
    return (names[0], names[1]) if len(names) == len(sides) == 2 else None


def _is_step(part: ir.Assign) -> bool:
    return isinstance(part.value, ir.Call) and isinstance(part.value.func, ir.Attr) and part.value.func.attr == "step"


def _flags(step: ir.Assign) -> tuple[str, str] | None:
    """The names that an assignment gives to both flags."""
    target = step.targets[0]
    if not isinstance(target, ir.Seq) or len(target.items) <= TRUNCATED:
        return None
    ended, cut = target.items[TERMINATED], target.items[TRUNCATED]
    return (ended.id, cut.id) if isinstance(ended, ir.Name) and isinstance(cut, ir.Name) else None


def _is_handed_on(parts: list[ir.Node], step: ir.Assign, name: str) -> bool:
    """Whether a call, or what is put together, is given a name by itself."""
    told = set(ir.walk(*step.targets))
    given = [argument.value for part in parts if isinstance(part, ir.Call) for argument in part.args]
    given += [item for part in parts if isinstance(part, ir.Seq) and part not in told for item in part.items]
    joining = {side for part in parts if _both(part) is not None for side in ir.walk(part)}
    return any(isinstance(node, ir.Name) and node.id == name and node not in joining for node in given)
