"""Draws that only shuffle: a permutation, or a loader, that is gone through rather than cut to a batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions, positions_of
from per_audit.graph.interpret.known.draws import part_of
from per_audit.graph.interpret.known.externals import EVEN_SAMPLER, LOADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_BATCHING = {"BatchSampler", LOADER}


def is_pass(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether all that there is comes out of a draw, in another order.

    So it does of one of as many as there are, without replacement or for each model of an ensemble: a bootstrap of all.
    """
    size = draw.node.argument(1, "size")
    if size is not None and draw.method == "choice" and draw.node.args:
        everything = _counted(graph, draw.path, draw.node.args[0].value)
        again = draw.node.argument(2, "replace")
        is_whole = isinstance(again, ir.Const) and again.value is False
        sizes = size.items if isinstance(size, ir.Seq) else [size] if is_whole else []
        return any(_counted(graph, draw.path, item) == everything for item in sizes)
    if draw.method in (LOADER, EVEN_SAMPLER):
        return not _is_of_few(graph, draw) and not _is_begun(graph, draw)
    if draw.method not in ("permutation", "randperm") and not _is_of_all(graph, draw):
        return False
    parent = graph.parents(draw.path).get(draw.node)
    if isinstance(parent, ir.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ir.Name):
        return not _is_cut(graph, draw, parent.targets[0].id)
    part = None if parent is None else part_of(parent)
    return part is None or part[1] is None


def _is_of_few(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether a sampler is told how many to draw, and that is another number than all."""
    told = draw.node.argument(2, "num_samples") if draw.method == EVEN_SAMPLER else None
    source = draw.node.argument(0, "data_source")
    if told is None or source is None or (isinstance(told, ir.Const) and told.value is None):
        return False
    return _counted(graph, draw.path, told) != f"len({graph.source(draw.path, source, limit=200)})"


def _is_of_all(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether `random.sample` is asked for as many as there are, and not only as long as there are few of them."""

    def drawn_from(other: ev.Draw) -> str | None:
        return graph.source(other.path, other.node.args[0].value, 200) if other.node.args else None

    size, everything = draw.node.argument(1, "k") if draw.method == "sample" else None, drawn_from(draw)
    if size is None or everything is None:
        return False
    others = (each for each in graph.events.draws.values() if each is not draw and each.function is draw.function)
    if any(drawn_from(each) == everything for each in others):
        return False
    return _counted(graph, draw.path, size) == f"len({everything})" or _is_told_all(graph, draw, size, everything)


def _counted(graph: ReplayGraph, path: str, size: ir.Expr) -> str:
    """How a number is written, or else what a name for it was given just before, while nothing was added."""
    text = partial(graph.source, path, limit=200)
    if not isinstance(size, ir.Name):
        return text(size)
    reached = Definitions(graph).reaching(size, path)
    if reached.parameter is not None or len(reached.values) != 1 or reached.values[0][1]:
        return text(size)
    given = reached.values[0][0]
    if not isinstance(given, ir.Call) or ir.last_name(given.func) != "len" or len(given.args) != 1:
        return text(size)
    counted = text(given.args[0].value)
    module = graph.module(path)
    between = (node for node in module.nodes_of(ir.Call, ir.Aug) if given.end <= node.start < size.start)
    changed = any(
        text(node.target if isinstance(node, ir.Aug) else getattr(node.func, "value", node)) == counted
        for node in between
    )
    around = [_loops_around(graph, path, node) for node in (given, size)]
    return text(size) if changed or around[0] != around[1] else text(given)


def _loops_around(graph: ReplayGraph, path: str, node: ir.Node) -> list[ir.Node]:
    """The loops of its function that a node is repeated by, innermost first, and the function."""
    found: list[ir.Node] = []
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.For, ir.While, ir.Function)):
            found.append(around)
        if isinstance(around, ir.Function):
            break
    return found


def _is_told_all(graph: ReplayGraph, draw: ev.Draw, size: ir.Expr, everything: str) -> bool:
    """Whether all who call the function that draws tell it as many as there are: `memory.take(len(memory))`."""
    function = draw.function
    if not isinstance(size, ir.Name) or not isinstance(function, ir.Function):
        return False
    if Definitions(graph).reaching(size, draw.path).values:
        return False
    callers = graph.callers.get(function, [])
    return bool(callers) and all(_tells_all(graph, site, function, size.id, everything) for site in callers)


def _tells_all(graph: ReplayGraph, site: ev.CallSite, function: ir.Function, name: str, everything: str) -> bool:
    """Whether a call gives the parameter of that name the length of what the function draws from."""
    given = positions_of(graph, site.node, function)
    if len(given.get(name, ())) != 1:
        return False
    count = _counted(graph, site.path, given[name][0])
    if everything in given:
        return any(count == f"len({graph.source(site.path, part, 200)})" for part in given[everything])
    holder, _, attribute = everything.partition(".")
    taken = function.parameters[0].name if graph.symbols.takes_self(function) else ""
    if holder != taken or not attribute or not isinstance(site.node.func, ir.Attr):
        return False
    receiver = graph.source(site.path, site.node.func.value, 200)
    return count == f"len({receiver}.{attribute})" or (
        count == f"len({receiver})" and _is_as_long(graph, function, everything)
    )


def _is_as_long(graph: ReplayGraph, function: ir.Function, everything: str) -> bool:
    """Whether the length of an object is that of what a method of it draws from."""
    owner = graph.project.class_of.get(function)
    method = graph.classes.find_method(owner, "__len__") if owner is not None else None
    body = method.body if isinstance(method, ir.Function) else []
    path = graph.project.module_of[method].path if isinstance(method, ir.Function) else ""
    last = body[-1] if body else None
    return (
        isinstance(last, ir.Return)
        and last.value is not None
        and (graph.source(path, last.value, 200) == f"len({everything})")
    )


def _is_cut(graph: ReplayGraph, draw: ev.Draw, name: str) -> bool:
    """Whether a function reads the first of the positions that it gave a name, or the last, and no others."""
    if not isinstance(draw.function, ir.Function):
        return False
    read = [n for n in ir.walk_scope(draw.function.body) if isinstance(n, ir.Name) and n.id == name]
    around = [graph.parents(draw.path).get(node) for node in read]
    parts = [part_of(node) for node in around if node is not None and not isinstance(node, ir.Assign)]
    ends = {None if part is None else part[1] for part in parts}
    return len(ends) == 1 and None not in ends


def _is_begun(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether no more than the first batches of a loader are taken: `next(iter(loader))`, a loop that breaks.

    What is only printed is shown rather than taken.
    """
    text = partial(graph.source, draw.path, limit=200)
    parent = graph.parents(draw.path).get(draw.node)
    written = {text(draw.node)}
    if isinstance(parent, ir.Assign):
        written |= set(map(text, parent.targets))
    module = graph.module(draw.path)
    if draw.method == EVEN_SAMPLER:
        _add_given(graph, draw.path, written)
    if _is_begun_in(graph, draw.path, [*module.nodes_of(ir.Call), *module.nodes_of(ir.For)], written):
        return True
    return any(
        _is_begun_in(graph, path, ir.walk_scope(function.body), names)
        for function, path, names in _given(graph, draw.path, written)
    )


def _add_given(graph: ReplayGraph, path: str, written: set[str]) -> None:
    """Add what makes batches of what a sampler draws, and the names for it, to what is written for that."""
    text = partial(graph.source, path, limit=200)
    for call in sorted(graph.module(path).nodes_of(ir.Call), key=lambda call: (call.end, -call.start)):
        if ir.last_name(call.func) not in _BATCHING or not any(text(given.value) in written for given in call.args):
            continue
        parent = graph.parents(path).get(call)
        written.add(text(call))
        written |= set(map(text, parent.targets)) if isinstance(parent, ir.Assign) else set()


def _is_begun_in(graph: ReplayGraph, path: str, nodes: Iterable[ir.Node], written: set[str]) -> bool:
    """Whether nodes of a file take the first batches alone of what is written so."""
    text = partial(graph.source, path, limit=200)
    for node in nodes:
        if isinstance(node, ir.Call) and ir.last_name(node.func) == "iter" and len(node.args) == 1:
            if text(node.args[0].value) in written and not any(map(_prints, graph.ancestors(path, node))):
                return True
        elif isinstance(node, ir.For) and text(node.iter) in written and _breaks(node) and not _only_prints(node):
            return True
    return False


def _given(graph: ReplayGraph, path: str, written: set[str]) -> Iterator[tuple[ir.Function, str, set[str]]]:
    """The functions that calls in a file give what is written so, with what they call it."""
    for site in graph.events.calls.values():
        if site.path != path or not any(graph.source(path, arg.value, limit=200) in written for arg in site.node.args):
            continue
        for function in (func.node for func in site.targets if isinstance(func.node, ir.Function)):
            given = positions_of(graph, site.node, function).items()
            names = {
                name for name, parts in given if any(graph.source(path, part, limit=200) in written for part in parts)
            }
            yield function, graph.project.module_of[function].path, names


def _breaks(loop: ir.For) -> bool:
    return any(isinstance(part, ir.Jump) and part.kind == "break" for part in loop.body)


def _only_prints(loop: ir.For) -> bool:
    """Whether a loop prints something, and does nothing else."""
    done = [part for part in loop.body if not isinstance(part, ir.Jump)]
    return bool(done) and all(isinstance(part, ir.Do) and _prints(part.value) for part in done)


def _prints(node: ir.Node) -> bool:
    """Whether a node is a call of `print`."""
    return isinstance(node, ir.Call) and ir.last_name(node.func) == "print"
