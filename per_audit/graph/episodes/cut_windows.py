"""Windows of steps that are told of the end of the task alone, while a time limit cuts episodes as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import endings, windows
from per_audit.graph.episodes.environments import TERMINATED, TRUNCATED, never_says
from per_audit.graph.episodes.limits import ends_before_limit
from per_audit.graph.episodes.truncation import fields, flags, is_terminated, outwards, stored_term
from per_audit.graph.symbolic import Term, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.episodes.windows import ReturnSum
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def runs_on(graph: ReplayGraph, found: ReturnSum) -> tuple[str, ir.Node] | None:
    """Where an episode is cut by a time limit that the window goes on through: the file and the test; None if nowhere.

    All that the window holds of ends is what the step says of the task, all that empties it asks for that alone, and
    the loop that takes the steps begins a new episode at the limit too.
    """
    evictions = windows.emptied(graph, found)
    if not evictions or windows.is_renewed(graph, found) or _looks_at_more(graph, found):
        return None
    if not all(_asks_for_end_alone(graph, evict) for evict in evictions):
        return None
    steps: dict[ir.Node, None] = {}
    for store in graph.events.stores.values():
        if store.container not in found.windows or store.container.node in set(ir.walk(store.node)):
            continue
        for term, _ in outwards(graph, stored_term(graph, store), store.function, ()):
            told = [strip(field) for _, field in fields(term) if any(True for _ in flags(field))]
            if not told or not all(map(is_terminated, told)):
                return None
            steps.update((node, None) for field in told if (node := strip(field.args[0]).node) is not None)
    cuts = [_cut(graph, step) for step in steps]
    return next(iter(cuts), None) if None not in cuts else None


def _asks_for_end_alone(graph: ReplayGraph, evict: ev.Evict) -> bool:
    """Whether the window is emptied only where the step says that the task has ended, whoever calls."""
    test = next((a.test for a in graph.ancestors(evict.path, evict.node) if isinstance(a, ir.If)), None)
    if test is None:
        return False
    asked = [term for term, _ in outwards(graph, graph.symbols.term(evict.path, test), evict.function, ())]
    return bool(asked) and all(map(_is_end_alone, asked))


def _is_end_alone(term: Term) -> bool:
    """Whether a test asks for the end of the task, beside how many steps there are at most."""
    term = strip(term)
    if term.op != "logic":
        return is_terminated(term)
    parts = [arg for arg in term.args if not arg.has("len")]
    return bool(parts) and all(map(_is_end_alone, parts))


def _looks_at_more(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether the sum may stop at something else than an end, such as where the number of the episode changes."""
    tests = [node.test for node in ir.walk(found.loop) if isinstance(node, (ir.If, ir.IfExp))]
    tests += [test for node in ir.walk(found.loop) if isinstance(node, ir.Generator) for test in node.ifs]
    return not all(any(endings.is_end(graph, part) for part in ir.walk(test)) for test in tests)


def _cut(graph: ReplayGraph, step: ir.Node) -> tuple[str, ir.Node] | None:
    """The test by which the function that takes a step begins a new episode at the time limit of that step."""
    path = graph.path_of(step)
    if path is None or never_says(graph, TRUNCATED, step) or ends_before_limit(graph, path, step):
        return None
    function = graph.symbols.function_of(path, step)
    body = function.body if isinstance(function, ir.Function) else graph.module(path).body
    for node in ir.walk_scope(body):
        if isinstance(node, (ir.If, ir.IfExp, ir.While)) and _resets(node):
            said = {flag.data for flag in flags(graph.symbols.term(path, node.test)) if _is_of(flag, step)}
            if said == {TERMINATED, TRUNCATED}:
                return path, node.test
    return None


def _is_of(flag: Term, step: ir.Node) -> bool:
    return strip(flag.args[0]).node is step


def _resets(node: ir.If | ir.IfExp | ir.While) -> bool:
    """Whether an environment is reset under a test, or a loop over the steps of one episode ends there."""
    if isinstance(node, ir.While):
        return True
    parts = list(_parts(node.body))
    return any(isinstance(part, ir.Jump) and part.kind == "break" for part in parts) or any(
        isinstance(part, ir.Call) and getattr(part.func, "attr", "").startswith("reset") for part in parts
    )


def _parts(body: list[ir.Stmt] | ir.Expr) -> Iterator[ir.Node]:
    return ir.walk(*body) if isinstance(body, list) else ir.walk(body)
