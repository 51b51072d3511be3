"""How often a place is run: at every step of an environment, once in so many of them, or once an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.roles import DONE, name_of, role_of
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

_CALLERS = 4
_FEW = 4  # times an episode; more often is as often as the steps
_EPISODE = 100  # steps that an episode counts for
_ENDS = (ir.Return,)
_Body: TypeAlias = ir.For | ir.While | ir.Function


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`times` in `steps` steps, or in an episode."""

    times: int = 1
    steps: int = 1
    episode: bool = False

    @property
    def is_of_episodes(self) -> bool:
        """Whether it is only a few times in an episode."""
        return self.episode and self.times <= _FEW

    def a_step(self, cost: float) -> float:
        """What a cost is for each step."""
        return cost * self.times / (_EPISODE if self.is_of_episodes else 1 if self.episode else self.steps)

    def __str__(self) -> str:
        """The rhythm for people, empty where it is that of the steps."""
        times = "once" if self.times == 1 else f"{self.times:,} times"
        if self.is_of_episodes:
            return f"{times} an episode"
        return f"{times} in {self.steps:,} steps" if self.steps > self.times and not self.episode else ""


def rhythm_of(graph: ReplayGraph, path: str, node: ir.Node, depth: int = _CALLERS) -> Rhythm:
    """How often a place is run, by the loops and tests around it and around all that calls it.

    What cannot be read counts as at every step.
    """
    times, steps, episode, below = 1, 1, False, node
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Comp):
            return Rhythm()
        if isinstance(around, (ir.If, ir.For, ir.While, ir.Function)) and isinstance(below, ir.Stmt):
            steps *= _skipped(graph, path, around.body, below)
        if isinstance(around, ir.If) and any(below is part for part in around.body):
            steps *= _period(graph, path, around.test, "==")
            episode = episode or _is_end(around.test)
        if isinstance(around, (ir.For, ir.While)):
            passes = _passes(graph, around)
            if passes is not None:
                return Rhythm(times, 1, episode=True) if passes == "episodes" else Rhythm(times, steps, episode)
            rounds = _rounds(graph, path, around)
            if rounds is None:
                return Rhythm()
            times *= rounds
        if isinstance(around, ir.Function):
            sites = graph.callers.get(around, ()) if depth else ()
            outer = [rhythm_of(graph, site.path, site.node, depth - 1) for site in sites]
            most = max(outer, key=lambda rhythm: rhythm.a_step(1.0), default=Rhythm())
            return Rhythm(times * most.times, steps * most.steps, episode or most.episode)
        below = around
    return Rhythm(times, steps, episode)


def _is_end(test: ir.Expr) -> bool:
    """Whether a test asks for the end of an episode: `done`, `terminated or truncated`."""
    if isinstance(test, ir.Logic):
        return test.op == "or" and _is_end(test.left) and _is_end(test.right)
    return isinstance(test, (ir.Name, ir.Attr)) and role_of(test) == DONE


def _passes(graph: ReplayGraph, loop: ir.For | ir.While) -> str | None:
    """What a loop goes through: the steps of an environment, or episodes; None where it steps none."""
    for bodies in ([loop], _called(graph, loop)):
        inner = (part for body in bodies for part in _below(body) if isinstance(part, (ir.For, ir.While)))
        if any(map(_is_stepping, inner)):
            return "episodes"
        if any(map(_is_stepping, bodies)):
            return "steps"
    return None


def _below(node: _Body) -> Iterator[ir.Node]:
    return ir.walk(*node.body)


def _called(graph: ReplayGraph, loop: ir.For | ir.While) -> list[_Body]:
    """The functions that a loop calls, other than the step of an environment itself."""
    sites = (graph.events.calls.get(part) for part in _below(loop) if isinstance(part, ir.Call))
    targets = {target.node for site in sites if site is not None for target in site.targets}
    return [node for node in targets if isinstance(node, ir.Function) and node.name != "step"]


def _is_stepping(around: _Body) -> bool:
    """Whether a loop or function steps an environment by actions that are new: a loop that repeats one does not."""
    new = {target.id for part in _below(around) for target in _targets(part) if isinstance(target, ir.Name)}
    if isinstance(around, ir.For):
        new |= {part.id for part in ir.walk(around.target) if isinstance(part, ir.Name)}
    if isinstance(around, ir.Function):
        new |= {parameter.name for parameter in around.parameters}
    for part in _below(around):
        if isinstance(part, ir.Call) and name_of(part.func) == "step" and part.args:
            action = part.args[0].value
            if not isinstance(action, (ir.Const, ir.Name)) or (isinstance(action, ir.Name) and action.id in new):
                return True
    return False


def _targets(part: ir.Node) -> list[ir.Expr]:
    """The names and places that a statement assigns."""
    targets = part.targets if isinstance(part, ir.Assign) else []
    return [item for target in targets for item in (target.items if isinstance(target, ir.Seq) else [target])]


def _rounds(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int | None:
    """How often a loop over `range(n)` is gone through, None where that cannot be read."""
    call = loop.iter if isinstance(loop, ir.For) else None
    if not isinstance(call, ir.Call) or name_of(call.func) != "range" or len(call.args) != 1:
        return None
    return number_of(graph, path, call.args[0].value).usual


def _period(graph: ReplayGraph, path: str, test: ir.Expr, op: str) -> int:
    """How many passes it takes until a test of a remainder holds: `count % 4 == 0`, `not count % 4`; else 1."""
    if isinstance(test, ir.Logic) and test.op == "and":
        return max(_period(graph, path, side, op) for side in (test.left, test.right))
    divided: ir.Expr | None = None
    if isinstance(test, ir.Cmp) and test.ops == [op] and isinstance(test.rights[0], ir.Const):
        divided = _remainder(graph, path, test.left)
    elif isinstance(test, ir.Un) and test.op == "not" and op == "==":
        divided = _remainder(graph, path, test.operand)
    elif op == "!=":
        divided = _remainder(graph, path, test)
    return 1 if divided is None else number_of(graph, path, divided, by_name=True).usual or 1


def _remainder(graph: ReplayGraph, path: str, node: ir.Expr) -> ir.Expr | None:
    """What is divided by, where an expression is a remainder, or a name or attribute that was assigned one before."""
    if isinstance(node, ir.Bin):
        return node.right if node.op == "%" else None
    function = graph.symbols.function_of(path, node)
    if function is None or not isinstance(node, (ir.Name, ir.Attr)):
        return None
    for part in ir.walk(function):
        value = part.value if isinstance(part, ir.Assign) else None
        if isinstance(part, ir.Assign) and isinstance(value, ir.Bin) and value.op == "%":
            same = (type(target) is type(node) and name_of(target) == name_of(node) for target in part.targets)
            if any(same):
                return value.right
    return None


def _skipped(graph: ReplayGraph, path: str, body: list[ir.Stmt], statement: ir.Stmt) -> int:
    """How many passes it takes to come to a statement of a body behind a test of a remainder that ends the others."""
    steps = 1
    for other in body:
        if other is statement:
            break
        if isinstance(other, ir.If) and other.body and isinstance(other.body[-1], _ENDS):
            steps *= _period(graph, path, other.test, "!=")
    return steps
