"""How often a buffer will be sampled in a run, from the loops around its draws: the steps of the beta schedule."""

from __future__ import annotations

from dataclasses import dataclass

from per_audit.facts import ir
from per_audit.fixes.draft import Draft
from per_audit.graph import ReplayBuffer, ReplayGraph
from per_audit.graph import events as ev

_MAX_DEPTH = 8
_LEAST = 1000  # fewer draws than this are a loop inside a training step whose outer loop is elsewhere
PLACEHOLDER = 100_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The number of draws of a run, and the loops that it was read from."""

    steps: int
    sources: tuple[str, ...]


def schedule(draft: Draft, buffer: ReplayBuffer) -> str:
    """The `beta=` argument of the new buffer. Without a known budget the plan rests on an assumption."""
    budget = find_budget(draft.graph, buffer)
    path = buffer.path
    draft.imports[path].add("LinearSchedule")
    if budget is None:
        draft.assumptions.append(
            f"the number of training steps is not known: set steps= of LinearSchedule(0.4, 1.0, steps={PLACEHOLDER:_}) "
            "to how often the buffer is sampled in a run"
        )
        return f"beta=LinearSchedule(0.4, 1.0, steps={PLACEHOLDER:_})"
    draft.steps.append(f"beta rises to 1 over {budget.steps:,} draws, as read from {', '.join(budget.sources)}")
    steps = f"{budget.steps:_}" if budget.steps >= 10_000 else str(budget.steps)
    return f"beta=LinearSchedule(0.4, 1.0, steps={steps})"


def find_budget(graph: ReplayGraph, buffer: ReplayBuffer) -> Budget | None:
    """The largest number of draws over the ways in which the program reaches the draw, None where one is unknown."""
    found = _reach(graph, buffer.path, buffer.draws[0], buffer.function, 0, frozenset())
    return found if found is not None and found.steps >= _LEAST else None


def _reach(
    graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner, depth: int, seen: frozenset[ev.Owner]
) -> Budget | None:
    here = _loops(graph, path, node)
    if here is None or depth > _MAX_DEPTH or function in seen:
        return None
    options: list[Budget] = []
    for site in graph.callers.get(function, []) if function is not None else []:
        outer = _reach(graph, site.path, site.node, site.function, depth + 1, seen | {function})
        if outer is None:
            return None
        options.append(Budget(here.steps * outer.steps, here.sources + outer.sources))
    return max(options, key=lambda budget: budget.steps, default=here)


def _loops(graph: ReplayGraph, path: str, node: ir.Node) -> Budget | None:
    """The product of the loops around a node inside its function, None where one has no known length."""
    steps, sources = 1, []
    for ancestor in graph.ancestors(path, node):
        if isinstance(ancestor, (ir.Function, ir.Lambda, ir.Class)):
            break
        if isinstance(ancestor, ir.Comp):
            return None
        if isinstance(ancestor, (ir.For, ir.While)):
            length = _length(graph, path, ancestor)
            if length is None:
                return None
            steps *= length
            sources.append(f"{path}:{graph.module(path).line(ancestor.start)}")
    return Budget(steps, tuple(sources))


def _length(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int | None:
    if isinstance(loop, ir.While):
        test = loop.test
        if isinstance(test, ir.Cmp) and test.ops in (["<"], ["<="]):
            return _number(graph, path, test.rights[0])
        return None
    iterated = loop.iter
    if isinstance(iterated, ir.Call):
        name = iterated.func.id if isinstance(iterated.func, ir.Name) else getattr(iterated.func, "attr", "")
        if name in ("tqdm", "trange") and iterated.args and isinstance(iterated.args[0].value, ir.Call) and name == "tqdm":
            iterated = iterated.args[0].value
            name = "range"
        if name in ("range", "xrange", "trange"):
            ends = [_number(graph, path, arg.value) for arg in iterated.args if arg.keyword is None]
            if len(ends) == 1 and ends[0] is not None:
                return ends[0]
            if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
                return max(ends[1] - ends[0], 1)
    return None


def _number(graph: ReplayGraph, path: str, node: ir.Expr) -> int | None:
    """A whole positive number known without running: a constant, a name for one, a default of the command line."""
    value = graph.events.value(node).literal()
    if value is None and isinstance(node, ir.Call) and len(node.args) == 1 and isinstance(node.func, ir.Name):
        if node.func.id in ("int", "round", "float"):
            return _number(graph, path, node.args[0].value)
    if value is None and isinstance(node, ir.Bin) and node.op in ("+", "-") and isinstance(node.right, ir.Const):
        return _number(graph, path, node.left)
    if value is None and isinstance(node, ir.Attr):
        value = _default_of(graph, path, node.attr)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10**12:
        return None
    return int(value)


def _default_of(graph: ReplayGraph, path: str, name: str) -> object:
    """The default of a command-line option that the file declares."""
    wanted = {f"--{name}", f"--{name.replace('_', '-')}"}
    for site in graph.events.calls.values():
        func = site.node.func
        if site.path != path or not isinstance(func, ir.Attr) or func.attr != "add_argument":
            continue
        flags = {a.value.value for a in site.node.args if isinstance(a.value, ir.Const)}
        default = site.node.keyword("default")
        if wanted & flags and default is not None:
            return graph.events.value(default.value).literal()
    return None
