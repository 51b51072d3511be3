"""The numbers of a schedule of beta that are written into the code, and those that whoever trains gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.symbolic import Term, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_BUILDERS = {
    "__init__",
    "__post_init__",
    "__new__",
    "build",
    "setup",
    "load",
    "load_state_dict",
    "__setstate__",
    "reset",
}
_DEEPEST = 4


def builds(function: ev.Owner) -> bool:
    """Whether a function builds its object, or begins it anew."""
    return getattr(function, "name", "") in _BUILDERS


def literals(graph: ReplayGraph, term: Term, told: bool = False, depth: int = _DEEPEST) -> list[Term] | None:
    """The numbers that a term is made of; None where anything else goes into it, such as what a caller passes.

    Those that callers write, as well, where `told`.
    """
    term = strip(term)
    if term.is_number:
        return [term]
    if not depth:
        return None
    found: list[Term] = []
    for part in _parts(graph, term, told):
        inner = literals(graph, part, told, depth - 1)
        if inner is None:
            return None
        found += inner
    return found or None


def _parts(graph: ReplayGraph, term: Term, told: bool) -> list[Term]:
    """What a term is made of, one step outwards; nothing where whoever trains may say what it is."""
    if term.op == "field":
        if any(write is not None and not builds(write.function) for _, write, _ in graph.symbols.written(term)):
            return []
        return graph.symbols.options(term)
    if term.op != "param":
        return list(term.args) if term.op in ("add", "sub", "mul", "div", "neg") else []
    passed = [(strip(given), call) for given, call, _ in graph.symbols.passed(term)]
    if told or all(_is_of_constructor(given) or _is_kept_for(graph, given, call) for given, call in passed):
        return graph.symbols.options(term)
    return _left_at(graph, term)


def _is_of_constructor(term: Term) -> bool:
    """Whether a term is a parameter of a constructor, which hands it on to that of its base."""
    return term.op == "param" and getattr(term.data[0], "name", "") == "__init__"


def _is_kept_for(graph: ReplayGraph, term: Term, call: ir.Expr) -> bool:
    """Whether a caller keeps an attribute for a call alone: the length of no loop, whatever its name says."""
    if term.op != "field":
        return False
    name = term.data[1]
    known: set[ir.Node] = {node for node in ir.walk(call) if isinstance(node, ir.Attr) and node.attr == name}
    if not known:
        return False
    writes = (write for write in graph.events.writes.values() if write.attribute == name)
    known.update(part for write in writes for part in ir.walk(write.node))
    modules = (module for module in graph.project.modules.values() if name.encode() in module.text)
    return all(
        node in known
        for module in modules
        for node in module.nodes_of(ir.Attr, ir.Const)
        if name in (getattr(node, "attr", ""), getattr(node, "value", ""))
    )


def _left_at(graph: ReplayGraph, parameter: Term) -> list[Term]:
    """The default of a parameter that some caller leaves it at, other than to try it out."""
    function, name = parameter.data
    default = next((each.default for each in function.parameters if each.name == name), None)
    if default is None:
        return []
    for call, _, path in graph.symbols.calls_of.get(function, ()):
        is_trial = is_test(path) or graph.demos.around(path, call) is not None
        if not is_trial and name not in graph.symbols.arguments(call, function, path):
            return [graph.symbols.term(graph.project.module_of[function].path, default)]
    return []
