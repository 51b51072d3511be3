"""What counts through a run: variables of loops, names and attributes that are added to, lengths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.schedule.declared import of_attribute
from per_audit.fixes.recipes.schedule.numbers import number
from per_audit.graph.prioritised.beta.written import builds
from per_audit.graph.symbolic import Term, alternatives
from per_audit.graph.symbolic.symbols import takes_names

if TYPE_CHECKING:
    from per_audit.graph import ReplayGraph

Loop = ir.For | ir.While

_FAR = 6  # calls and assignments that a count is followed through
_RANGES = {"range", "xrange", "trange", "tnrange"}
_SHOWN = {"tqdm", "tqdm_notebook", "track", "list", "iter"}


@dataclass(frozen=True, slots=True)
class Count:
    """What rises from pass to pass: by how much, and the outermost loop that it begins with, if any.

    `turn` is the loop with each pass of which it rises, `own` the variable of that loop, `cut` one that begins anew at
    a number.
    """

    stride: int | None = None
    path: str = ""
    loop: Loop | None = None
    turn: Loop | None = None
    own: bool = False
    cut: bool = False


def known(graph: ReplayGraph, term: Term) -> int | None:
    """The one positive whole number that a term is; what a command line or a caller may change is its default."""
    found: set[float | None] = set()
    for option in alternatives(graph.symbols.expanded(term)):
        is_passed_on = option.op == "item" and takes_names(option.args[0])
        options = [_default(graph, term)] if is_passed_on else graph.symbols.default_of(option) or [option]
        found |= {each.number for each in options}
    only = found.pop() if len(found) == 1 else None
    if only is None and isinstance(term.node, ir.Attr):
        given = of_attribute(graph, term.path, term.node)
        is_written = len(given) == 1 and isinstance(given[0].value, ir.Const)
        return number(graph, term.path, term.node) if is_written else None
    return int(only) if only is not None and only > 0 else None


def _default(graph: ReplayGraph, term: Term) -> Term:
    """The default of a parameter."""
    function, name = term.data if term.op == "param" else (None, "")
    defaults = [p.default for p in function.parameters if p.name == name] if function is not None else []
    path = graph.project.module_of[function].path if function is not None else ""
    return graph.symbols.term(path, defaults[0] if defaults else None)


def counted(term: Term) -> Term:
    """What a loop goes through, without what shows or numbers how far it is."""
    while term.op == "call" and _last(term) in _SHOWN and term.args:
        term = term.args[0]
    if term.op == "collect" and term.args[0].op == "tuple" and len(term.args[0].args) == 2:  # enumerate
        position, item = term.args[0].args
        if position.op == item.op == "element" and position.args[0].op == "range" and not position.args[0].args:
            return counted(item.args[0])
    return term


def is_range(term: Term) -> bool:
    """Whether a term is a row of numbers that ends."""
    return term.op == "range" or (term.op == "call" and _last(term) in _RANGES)


def is_endless(term: Term) -> bool:
    """Whether a term is `itertools.count(...)`."""
    return term.op == "call" and term.data == "itertools.count"


def _last(term: Term) -> str:
    return str(term.data).rpartition(".")[2]


def counts(graph: ReplayGraph, term: Term, path: str, node: ir.Node, depth: int = _FAR) -> list[Count]:
    """The counts that a term at a node may be; none where it may be anything else, or a count of several loops."""
    if not depth:
        return []
    if term.op == "len":
        return [Count()]
    if term.op == "element":
        return _of_loop(graph, counted(term.args[0]), path, node)
    if term.op == "loop":
        return _added(graph, term)
    if term.op == "field":
        return _kept(graph, term, depth)
    if term.op in ("add", "sub", "mul", "div", "floordiv"):
        first, second = (counts(graph, arg, path, node, depth - 1) for arg in term.args)
        if term.op in ("add", "sub") or not first:
            return [] if first and second else first or (second if term.op in ("add", "mul") else [])
        return [] if second else [replace(each, stride=None) for each in first]
    found: list[list[Count]] = []
    if term.op == "param":
        found = [counts(graph, given, at, call, depth - 1) for given, call, at in graph.symbols.passed(term)]
    elif term.op in ("phi", "minimum", "min"):  # a number is where it begins, or where it ends
        found = [counts(graph, arg, path, node, depth - 1) for arg in term.args if not arg.is_number]
    return [each for some in found for each in some] if all(found) else []


def _of_loop(graph: ReplayGraph, row: Term, path: str, node: ir.Node) -> list[Count]:
    """The variable of the loop around a node that goes through a row of numbers."""
    if not is_range(row) and not is_endless(row):
        return []
    loops = [each for each in graph.ancestors(path, node) if isinstance(each, ir.For)]
    for loop in loops:
        term = graph.symbols.term(path, loop.iter)
        if counted(term) == row or (term.op == "collect" and row == Term("range")):  # or the number of its turn
            position = 1 if is_endless(row) else 2
            step = row.args[position] if len(row.args) > position else None
            return [Count(1 if step is None else known(graph, step), path, loop, loop, own=True)]
    return []


def _added(graph: ReplayGraph, term: Term) -> list[Count]:
    """A name that a loop adds to, and nothing but its own remainder sets back in there."""
    loop, name = term.data
    before = term.args[0]
    outer = loop
    while before.op == "loop":
        outer, before = before.data[0], before.args[0]
    found: set[Count | None] = set()
    for part in ir.walk_scope(loop.body):
        if isinstance(part, ir.Aug) and getattr(part.target, "id", "") == name:
            found.add(_risen(graph, term.path, outer, part, part.value) if part.op == "+" else None)
        elif isinstance(part, ir.Assign) and any(getattr(target, "id", "") == name for target in part.targets):
            value = part.value
            cut = isinstance(value, ir.Bin) and value.op == "%"
            total = value.left if isinstance(value, ir.Bin) and cut else value
            is_sum = isinstance(total, ir.Bin) and total.op == "+" and getattr(total.left, "id", "") == name
            found.add(
                _risen(graph, term.path, outer, part, total.right, cut)
                if isinstance(total, ir.Bin) and is_sum
                else None
            )
    only = found.pop() if len(found) == 1 else None
    return [] if only is None else [only]


def _risen(
    graph: ReplayGraph, path: str, loop: Loop, statement: ir.Stmt, by: ir.Expr, cut: bool = False
) -> Count | None:
    stride = number(graph, path, by)
    return Count(stride, path, loop, loop_around(graph, path, statement), cut=cut) if stride is not None else None


def loop_around(graph: ReplayGraph, path: str, node: ir.Node) -> Loop | None:
    """The innermost loop around a node."""
    return next((each for each in graph.ancestors(path, node) if isinstance(each, Loop)), None)


def _kept(graph: ReplayGraph, field: Term, depth: int) -> list[Count]:
    """An attribute that is added to, or holds a length, outside of what builds its object."""
    found: dict[Count, None] = {}
    for value, write, path in graph.symbols.written(field):
        if write is None or builds(write.function):
            continue
        for option in alternatives(value):
            cut = option.op == "mod"
            last = option.args[0] if cut else option
            if last.op in ("minimum", "min"):  # what stops at a limit
                last = next((arg for arg in last.args if arg.contains(field)), last)
            if last.op == "add" and last.args[0] == field:
                found[Count(known(graph, last.args[1]), cut=cut)] = None
            elif option != field:
                inner = counts(graph, option, path, write.node, depth - 1) if not option.contains(field) else []
                if not inner:
                    return []
                found.update(dict.fromkeys(inner))
    return list(found)


def is_inner(graph: ReplayGraph, path: str, node: ir.Node, depth: int = _FAR) -> bool:
    """Whether a loop is gone through several times: there is another around it, or around a call of its function."""
    for around in graph.ancestors(path, node):
        if isinstance(around, Loop):
            return True
        if isinstance(around, ir.Function):
            sites = graph.callers.get(around, ())
            return bool(depth) and any(is_inner(graph, site.path, site.node, depth - 1) for site in sites)
    return False
