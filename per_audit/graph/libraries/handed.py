"""Classes of memories that a project gives to libraries' algorithms: `SAC("MlpPolicy", env, replay_buffer_class=Mine)`.

The algorithm makes the memory, stores in it and draws from it as from its own, which it draws from uniformly: it asks
for nothing that its own has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph import frameworks
from per_audit.graph.frameworks import UNIFORM
from per_audit.graph.interpret.values import ClassRef
from per_audit.graph.libraries.buffers import dotted_name, imported, is_test, made_by, method_of

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.frameworks import Algorithm, Kind
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_COMMON = {"reset", "size"}  # what the memories of such libraries can do besides


def handed_to(graph: ReplayGraph, cls: ir.Class | None) -> list[ev.CallSite]:
    """The calls that make an algorithm of a library which is trained with memories of a class, in order.

    The class is derived from the memory of a library; what it changes of that, the library comes to see.
    """
    if cls is None or base_of(graph, cls) is None:
        return []
    used = [site for site in graph.events.calls.values() if not is_test(site.path)]
    given = [site for site in used if _is_given(graph, site, cls)]
    return [site for site in given if _is_trained(graph, site, used)]


def base_of(graph: ReplayGraph, cls: ir.Class) -> Kind | None:
    """The library's memory, drawn from uniformly, that a class is derived from."""
    for dotted in sorted(graph.classes.external_bases(cls)):
        framework = frameworks.framework(dotted.partition(".")[0])
        found = framework.find(dotted) if framework is not None else None
        if found is not None and found[1].draws == UNIFORM:
            return found[1]
    return None


def may_be_asked(graph: ReplayGraph, cls: ir.Class, name: str) -> bool:
    """Whether the algorithm that a memory of a class is handed to may call a method: one that its own has as well."""
    if not graph.classes.external_bases(cls):
        return False
    kind = base_of(graph, cls)
    return kind is None or name.startswith("_") or name in kind.sample | kind.store | _COMMON


def _is_given(graph: ReplayGraph, site: ev.CallSite, cls: ir.Class) -> bool:
    """Whether a call makes an algorithm of a library and says that its memory is of a class."""
    names = [arg.keyword for arg in site.node.args if ClassRef(cls) in graph.events.value(arg.value).atoms]
    algorithm = _algorithm(graph, site) if any(names) else None
    return algorithm is not None and algorithm.changed_by in names


def _algorithm(graph: ReplayGraph, site: ev.CallSite) -> Algorithm | None:
    """The algorithm that a call makes, by the name that it is imported by, if it draws uniformly from its own."""
    dotted = dotted_name(site.node.func, imported(graph.module(site.path)))
    framework = frameworks.framework(dotted.partition(".")[0])
    found = framework.algorithm(dotted) if framework is not None and framework.holds(dotted) else None
    return found if found is not None and found.draws == UNIFORM else None


def _is_trained(graph: ReplayGraph, site: ev.CallSite, used: list[ev.CallSite]) -> bool:
    algorithm = _algorithm(graph, site)
    return algorithm is not None and any(
        method_of(each) in algorithm.trained_by and site.node in made_by(each.receiver) for each in used
    )
