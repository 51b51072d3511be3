"""Classes that a project derives from a library's uniform buffers, and leaves their draws as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import frameworks
from per_audit.graph.frameworks import UNIFORM
from per_audit.graph.interpret.values import Instance
from per_audit.graph.libraries.buffers import LibraryBuffer, imported, is_test, learns, learns_otherwise, method_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.frameworks import Framework, Kind
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DRAWS = "sampl"  # what each method that draws, or takes part in it, has in its name
_READS = "_get_samples"  # reads what stands at positions that are drawn before


def find_heirs(graph: ReplayGraph, known: set[ir.Class]) -> list[LibraryBuffer]:
    """The buffers of such classes that the project learns from; `known` are recognised by their own draws."""
    made: dict[ir.Class, list[ev.CallSite]] = {}
    for site in graph.events.calls.values():
        for cls in site.classes - known:
            made.setdefault(cls, []).append(site)
    return [buffer for cls, sites in made.items() for buffer in _of_class(graph, cls, sites)]


def _of_class(graph: ReplayGraph, cls: ir.Class, made: list[ev.CallSite]) -> Iterator[LibraryBuffer]:
    base = _base(graph, cls)
    if base is None:
        return
    framework, kind, name = base
    samples, stores, given = [], [], []
    for site in graph.events.calls.values():
        if _may_be(site.receiver.atoms, cls):
            samples += [site] if method_of(site) in kind.sample else []
            stores += [site] if method_of(site) in kind.store else []
        given += [site] if any(_may_be(value.atoms, cls) for value in site.arguments) else []
    for site in made:
        paths = {site.path, *(each.path for each in samples)}
        modules = [graph.module(path) for path in paths]
        if is_test(site.path) or any(learns_otherwise(imported(module)) for module in modules):
            continue
        if given or any(learns(each) and each.path in paths for each in graph.events.calls.values()):
            buffer = LibraryBuffer(framework, kind, cls.name, False, site.path, site.node, site.function)
            buffer.samples, buffer.stores, buffer.given, buffer.heir_of = samples, stores, given, name
            yield buffer


def _base(graph: ReplayGraph, cls: ir.Class) -> tuple[Framework, Kind, str] | None:
    """The library's buffer, which always draws uniformly, that a class is derived from without a draw of its own."""
    mro = graph.classes.mro(cls)
    methods = [s for each in mro for s in each.body if isinstance(s, ir.Function)]
    for dotted in sorted(graph.classes.external_bases(cls)):
        framework = frameworks.framework(dotted.partition(".")[0])
        found = framework.find(dotted) if framework is not None else None
        if framework is not None and found is not None:
            name, kind = found
            changed = any(_may_draw(graph, method, kind) for method in methods)
            always = kind.draws == UNIFORM and kind.switch is None and not kind.unless
            return (framework, kind, name) if always and kind.sample and not changed else None
    return None


def _may_draw(graph: ReplayGraph, method: ir.Function, kind: Kind) -> bool:
    """Whether a method may draw otherwise than the library; one that reads at given positions does by a random call."""
    if method.name == _READS:
        draws, masses = graph.events.draws.values(), graph.events.masses.values()
        return any(each.function is method for each in draws) or any(each.function is method for each in masses)
    return _DRAWS in method.name or method.name in kind.sample


def _may_be(atoms: frozenset[object], cls: ir.Class) -> bool:
    return any(isinstance(atom, Instance) and atom.node is cls for atom in atoms)
