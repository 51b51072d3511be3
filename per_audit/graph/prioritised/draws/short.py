"""Sums of a range of a tree's leaves that stop one before the last which is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.prioritised.draws.tree import SIZES
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.draws.tree import SumTree
    from per_audit.graph.symbolic import Term


def short_sums(graph: ReplayGraph, buffer: ReplayBuffer, tree: SumTree) -> Iterator[tuple[ir.Call, ir.Function, str]]:
    """The calls, in the function that draws, of a sum up to a length less one which leaves its end out besides."""
    for call, function, path in _sums(graph, buffer, tree):
        if _excludes_end(tree, function):
            yield call, function, path


def _sums(graph: ReplayGraph, buffer: ReplayBuffer, tree: SumTree) -> Iterator[tuple[ir.Call, ir.Function, str]]:
    """The calls, in the function that draws, of a method of the tree whose end is a length less one."""
    masses = [graph.events.masses[source] for source in buffer.sources if source in graph.events.masses]
    methods = {f for cls in graph.classes.mro(tree.cls) for f in cls.body if isinstance(f, ir.Function)}
    for mass in masses:
        for site in graph.calls_of(mass.function, (mass.path,)):
            for function in {f.node for f in site.targets} & methods:
                if not isinstance(function, ir.Function) or len(site.node.args) != 2:
                    continue
                given = graph.symbols.arguments(site.node, function, site.path)
                ends = [given.get(p.name) for p in function.parameters[1:3]]
                first, last = ends if len(ends) == 2 else (None, None)
                if first is not None and last is not None and first.number == 0 and is_length_less_one(graph, last):
                    yield site.node, function, site.path


def is_length_less_one(graph: ReplayGraph, term: Term) -> bool:
    """n - 1 where n is a length, or a counter of the object; also one that the function is given."""
    return all(
        option.op == "sub" and option.args[1].number == 1 and _is_length(graph, option.args[0])
        for option in alternatives(term)
    )


def _is_length(graph: ReplayGraph, term: Term) -> bool:
    told = strip(term)
    options = (graph.symbols.options(told) if told.op == "param" else []) or alternatives(term)
    return all(
        strip(each).op in ("len", "field", "minimum", "min") for option in options for each in alternatives(option)
    )


def _excludes_end(tree: SumTree, function: ir.Function) -> bool:
    """Whether the sum of a range leaves its end out, tried on trees of a few leaves."""
    tried = False
    for size in SIZES:
        priorities = [2.0**count for count in range(size)]
        thing = tree.filled(size, priorities)
        if thing is None:
            continue
        total = sum(priorities)
        less, whole = (tree.ask(thing, function, 0, end) for end in (size - 1, size))
        if less is None or whole is None:
            continue
        # Where nodes lie halfway between two levels, the leaf that is left out may be another one.
        lasts = priorities if size & (size - 1) else priorities[-1:]
        if whole != total or total - less not in lasts:
            return False
        tried = True
    return tried
