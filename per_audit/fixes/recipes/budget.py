"""How often a buffer will be sampled in a run, from the loops around its draws: the steps of the beta schedule."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.numbers import number

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.graph import ReplayBuffer, ReplayGraph
    from per_audit.graph import events as ev

_MAX_DEPTH = 8
_LEAST = 1000  # fewer draws than this are a loop inside a training step whose outer loop is elsewhere
_MOST = 10**9  # more than this nobody trains: something was multiplied that does not belong together
PLACEHOLDER = 100_000


@dataclass(frozen=True, slots=True)
class Budget:
    """The number of draws of a run, and the loops that it was read from.

    `early` are those of the loops that may end before their last turn, as episodes do: the number is a bound then.
    """

    steps: Fraction
    sources: tuple[str, ...]
    early: tuple[str, ...] = ()


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
    steps = int(budget.steps)
    if budget.early:
        draft.steps.append(
            f"beta rises to 1 over {steps:,} draws, which is the most that {', '.join(budget.sources)} allow:"
            f" {', '.join(budget.early)} may end sooner and leave beta below 1, so set steps= to what you expect"
        )
    else:
        draft.steps.append(f"beta rises to 1 over {steps:,} draws, as read from {', '.join(budget.sources)}")
    return f"beta=LinearSchedule(0.4, 1.0, steps={steps if steps < 10_000 else f'{steps:_}'})"


def find_budget(graph: ReplayGraph, buffer: ReplayBuffer) -> Budget | None:
    """The largest number of draws over the ways in which the program reaches the draw, None where one is unknown."""
    return times(graph, buffer.path, buffer.draws[0], buffer.function)


def times(graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner) -> Budget | None:
    """The largest number of times that the program goes through a node, None where a loop around it is unknown."""
    found = _reach(graph, path, node, function, 0, frozenset())
    return found if found is not None and _LEAST <= found.steps <= _MOST else None


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
        steps = here.steps * outer.steps
        options.append(Budget(steps, here.sources + outer.sources, here.early + outer.early))
    return max(options, key=lambda budget: budget.steps, default=here)


def _loops(graph: ReplayGraph, path: str, node: ir.Node) -> Budget | None:
    """How often a node is reached inside its function, None where a loop around it has no known length."""
    steps, every = 1, 1
    sources: list[str] = []
    early: list[str] = []
    below = node
    for ancestor in graph.ancestors(path, node):
        if isinstance(ancestor, (ir.Function, ir.Lambda, ir.Class)):
            break
        if isinstance(ancestor, ir.Comp):
            return None
        if isinstance(ancestor, ir.If) and below in ancestor.body:
            every *= _period(graph, path, ancestor)
        if isinstance(ancestor, (ir.For, ir.While)):
            length = _length(graph, path, ancestor)
            if length is None:
                return None
            steps *= length
            sources.append(graph.module(path).where(ancestor.start))
            if _ends_early(ancestor):
                early.append(sources[-1])
        below = ancestor
    return Budget(Fraction(steps, every), tuple(sources), tuple(early))


def _ends_early(loop: ir.For | ir.While) -> bool:
    """Whether a loop has a break of its own, or leaves its function."""
    inside = list(ir.walk_scope(loop.body))
    inner = {node for each in inside if isinstance(each, (ir.For, ir.While)) for node in ir.walk_scope(each.body)}
    is_left = any(isinstance(node, ir.Return) for node in inside)
    return is_left or any(isinstance(n, ir.Jump) and n.kind == "break" and n not in inner for n in inside)


def _period(graph: ReplayGraph, path: str, condition: ir.If) -> int:
    """`n` of `if step % n == 0:`, also where a counter was cut to `n` before; 1 for any other condition."""
    for test in ir.walk(condition.test):
        if isinstance(test, ir.Cmp) and test.ops == ["=="] and isinstance(test.rights[0], ir.Const):
            for value in (test.left, *_assigned(graph, path, condition, test.left)):
                if isinstance(value, ir.Bin) and value.op == "%":
                    return number(graph, path, value.right) or 1
    return 1


def _assigned(graph: ReplayGraph, path: str, inside: ir.Node, target: ir.Expr) -> list[ir.Expr]:
    """What the function around a node assigns to a name or attribute."""
    text = graph.module(path).source(target)
    function = next((a for a in graph.ancestors(path, inside) if isinstance(a, ir.Function)), None)
    body = function.body if function is not None else graph.module(path).body
    return [
        node.value
        for node in ir.walk_scope(body)
        if isinstance(node, ir.Assign) and node.value is not None
        if any(graph.module(path).source(each) == text for each in node.targets)
    ]


def _length(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int | None:
    if isinstance(loop, ir.While):
        test = loop.test
        stride = _counted_by(graph, path, loop, test.left) if isinstance(test, ir.Cmp) else None
        last = number(graph, path, test.rights[0]) if isinstance(test, ir.Cmp) and test.ops in (["<"], ["<="]) else None
        return max(last // stride, 1) if last is not None and stride is not None else None
    iterated = loop.iter
    if not isinstance(iterated, ir.Call):
        return None
    name = _last_name(iterated.func)
    if name == "tqdm" and iterated.args and isinstance(inner := iterated.args[0].value, ir.Call):
        iterated, name = inner, _last_name(inner.func)
    if name not in ("range", "xrange", "trange"):
        return None
    ends = [arg.value for arg in iterated.args if arg.keyword is None]
    first = 0 if len(ends) < 2 or _is_zero(ends[0]) else number(graph, path, ends[0])
    last = number(graph, path, ends[min(len(ends), 2) - 1]) if ends else None
    stride = number(graph, path, ends[2]) if len(ends) > 2 else 1
    return None if first is None or last is None or stride is None else max((last - first) // stride, 1)


def _counted_by(graph: ReplayGraph, path: str, loop: ir.While, counter: ir.Expr) -> int | None:
    """What each turn of the loop adds to what its condition compares, where that is one known number."""
    text = graph.module(path).source(counter)
    steps = {
        number(graph, path, node.value)
        for node in ir.walk_scope(loop.body)
        if isinstance(node, ir.Aug) and node.op == "+" and graph.module(path).source(node.target) == text
    }
    return steps.pop() if len(steps) == 1 else None


def _last_name(node: ir.Expr) -> str:
    return node.id if isinstance(node, ir.Name) else getattr(node, "attr", "")


def _is_zero(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 0
