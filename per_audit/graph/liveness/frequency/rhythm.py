"""How often a place is run: at every step of an environment, once in so many of them, or once an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from per_audit.facts import ir
from per_audit.graph.episodes.limits import breaks, conjuncts
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import DONE, name_of, role_of
from per_audit.graph.memory.capacity import number_of
from per_audit.graph.memory.ranges import range_of, turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph

_CALLERS = 4
_FEW = 4  # times an episode; more often costs as much as at the steps, of which an episode may have few
_EPISODE = 100  # steps that an episode counts for
_ENDS = (ir.Return,)
_FORMS = {"array", "asarray", "tensor", "as_tensor", "int", "float", "list", "tuple", "clip", "tanh"}
_FORMS_OF = {"item", "numpy", "tolist", "cpu", "detach", "astype", "squeeze", "flatten", "copy", "reshape", "view"}
_Body: TypeAlias = ir.For | ir.While | ir.Function


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`times` in `steps` steps, or in as many episodes, or in as many steps as an unknown setting says: `counted`."""

    times: int = 1
    steps: int = 1
    episode: bool = False
    counted: str = ""

    @property
    def is_of_episodes(self) -> bool:
        """Whether it is only a few times in an episode, or in steps that are counted out."""
        episodes = self.steps if self.episode else 1
        return (self.episode or bool(self.counted)) and self.times <= _FEW * episodes

    def a_step(self, cost: float) -> float:
        """What a cost is for each step; 0 for a few times in as many as nobody knows."""
        if self.counted:
            return 0.0 if self.is_of_episodes else cost * self.times
        return cost * self.times / self.steps / (_EPISODE if self.is_of_episodes else 1)

    def __str__(self) -> str:
        """The rhythm for people, empty where it is that of the steps."""
        times = "once" if self.times == 1 else f"{self.times:,} times"
        if self.counted:
            return f"{times} in `{self.counted}` steps"
        if self.episode:
            return f"{times} an episode" if self.steps == 1 else f"{times} in {self.steps:,} episodes"
        return f"{times} in {self.steps:,} steps" if self.steps > self.times else ""


def rhythm_of(graph: ReplayGraph, path: str, node: ir.Node, calls: Calls | None = None) -> Rhythm:
    """How often a place is run, by the loops and tests around it and around all that calls it.

    What cannot be read counts as at every step. `calls` are those of one program, of functions that several run.
    """
    return _rhythm(graph, path, node, _CALLERS, {}, calls)


def _rhythm(
    graph: ReplayGraph,
    path: str,
    node: ir.Node,
    depth: int,
    known: dict[tuple[ir.Node, int], Rhythm],
    calls: Calls | None,
) -> Rhythm:
    """The rhythm of a place by callers up to a depth; `known` are those of what was met before."""
    times, steps, episode, below = 1, 1, False, node
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Generator) and below is not around.iter:
            return Rhythm()
        if isinstance(around, ir.Comp) and below is not around.generators[0]:  # what the first goes over is made once
            return Rhythm()
        if isinstance(around, (ir.If, ir.For, ir.While, ir.Function)) and isinstance(below, ir.Stmt):
            steps *= _skipped(graph, path, around.body, below, calls)
        if isinstance(around, ir.If) and any(below is part for part in around.body):
            steps *= max(
                _period(graph, path, around.test, "==", calls), _counted_up(graph, path, around, around.test, calls)
            )
            episode = episode or _is_end(around.test)
        if isinstance(around, (ir.For, ir.While)):
            passes = _passes(graph, path, around)
            if isinstance(passes, _Round):
                count = turns(graph, passes.path, passes.loop, calls)
                if count is None:
                    return Rhythm(times, counted=_count_of(graph, passes))
                return Rhythm(times, steps * count * _begun(graph, path, around))
            if passes is not None:
                episodes = 0 if passes == "steps" else _begun(graph, path, around)
                return Rhythm(times, steps * (episodes or 1), episode or episodes > 0)
            rounds = turns(graph, path, around, calls) if isinstance(around, ir.For) else None
            if rounds is None:
                return Rhythm()
            times *= rounds
        if isinstance(around, ir.Function):
            if (around, depth) not in known:
                every = graph.callers.get(around, []) if calls is None else calls.sites(graph, around)
                sites = every if depth else []
                outer = [_rhythm(graph, site.path, site.node, depth - 1, known, calls) for site in sites]
                known[around, depth] = max(outer, key=lambda rhythm: rhythm.a_step(1.0), default=Rhythm())
            most = known[around, depth]
            counted = most.counted
            return Rhythm(times * most.times, steps * most.steps, episode or most.episode, counted)
        below = around
    return Rhythm()  # no loop of the program steps an environment around it: what is done so often is done once a run


def _is_end(test: ir.Expr) -> bool:
    """Whether a test asks for the end of an episode: `done`, `terminated or truncated`."""
    if isinstance(test, ir.Logic):
        return test.op == "or" and _is_end(test.left) and _is_end(test.right)
    return isinstance(test, (ir.Name, ir.Attr)) and role_of(test) == DONE


class _Round(NamedTuple):
    """A loop inside of another that counts steps out, whatever ends in between, and its file."""

    path: str
    loop: ir.For


def _count_of(graph: ReplayGraph, inner: _Round) -> str:
    """How many steps a round has, as the code says it."""
    call = range_of(graph, inner.path, inner.loop)
    return graph.source(inner.path, call.args[-1].value, 40) if call is not None and call.args else ""


def _of_loops(graph: ReplayGraph, path: str, inner: set[_Body]) -> str | _Round:
    """What a loop goes through whose loops inside step an environment: episodes, or rounds that one counts out."""
    loop = next(iter(inner))
    if len(inner) > 1 or not isinstance(loop, ir.For) or range_of(graph, path, loop) is None:
        return "episodes"
    ends = (part for part in ir.walk(*loop.body) if isinstance(part, ir.Return) or getattr(part, "kind", "") == "break")
    return "episodes" if any(True for _ in ends) else _Round(path, loop)


def _passes(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> str | _Round | None:
    """What a loop goes through: the steps of an environment, episodes or rounds; None where it steps none."""
    inside = set(_at_each_pass(loop.body))
    stepped = {around for call in _steps(loop) if (around := _stepped_by(graph, path, call)) is not None}
    if loop in stepped:
        return "steps"
    if within := stepped & inside:
        return _of_loops(graph, path, within)
    for function in _called(graph, inside):
        where = graph.project.module_of[function].path
        stepped = {around for call in _steps(function) if (around := _stepped_by(graph, where, call)) is not None}
        if stepped:
            return "steps" if function in stepped else _of_loops(graph, where, stepped)
    filled = _filled(graph)
    if (path, loop) in filled:
        return "steps"
    return "episodes" if any(where == path and each in inside and _is_episode(each) for where, each in filled) else None


def _begun(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int:
    """How many episodes or rounds each pass of a loop goes through that has them, by the loops that count them out."""
    inside = set(_at_each_pass(loop.body))
    begun: list[ir.Node] = [around for call in _steps(loop) if (around := _stepped_by(graph, path, call)) in inside]
    for part in inside if not begun else ():
        site = graph.events.calls.get(part) if isinstance(part, ir.Call) else None
        called = {target.node for target in site.targets} if site is not None else set()
        if any(isinstance(each, ir.Function) and each.name != "step" and _steps(each) for each in called):
            begun.append(part)
    counts = [_turns_between(graph, path, loop, node) for node in begun]
    return min(counts, default=1)


def _turns_between(graph: ReplayGraph, path: str, loop: ir.For | ir.While, node: ir.Node) -> int:
    """How often a node is run in each pass of a loop, by the loops between them that are counted out."""
    times = 1
    for around in graph.ancestors(path, node):
        if around is loop:
            break
        counted = around.generators[0] if isinstance(around, ir.Comp) else around
        if isinstance(counted, (ir.For, ir.Generator)):
            times *= turns(graph, path, counted) or 1
    return times


def _at_each_pass(body: Iterable[ir.Node]) -> Iterator[ir.Node]:
    """The nodes of a loop's body, but for what a test of a remainder lets happen now and then: a validation."""
    for node in body:
        yield node
        if isinstance(node, ir.If) and any(isinstance(part, ir.Bin) and part.op == "%" for part in ir.walk(node.test)):
            yield from _at_each_pass([node.test, *node.orelse])
        else:
            yield from _at_each_pass(ir.children(node))


def _filled(graph: ReplayGraph) -> list[tuple[str, ir.Node | None]]:
    """The loops of which each pass stores in a buffer, by itself or by a call: what they step has another name."""
    stores = [store for buffer in (*graph.buffers, *graph.twins) for store in buffer.stores]
    places = [(store.path, store.node) for store in stores]
    for store in stores:
        if store.function is not None and _loop_around(graph, store.path, store.node) is store.function:
            places += [(site.path, site.node) for site in graph.callers.get(store.function, ())]
    return [(path, _loop_around(graph, path, node)) for path, node in places]


def _is_episode(loop: ir.Node | None) -> bool:
    """Whether a loop goes on until an episode ends: `while not done`, or `if done: break`."""
    if not isinstance(loop, (ir.For, ir.While)):
        return False
    tests = conjuncts(loop.test) if isinstance(loop, ir.While) else ()
    if any(isinstance(test, ir.Un) and test.op == "not" and _is_end(test.operand) for test in tests):
        return True
    return any(isinstance(part, ir.If) and _is_end(part.test) and breaks(part) for part in loop.body)


def _steps(around: _Body) -> list[ir.Call]:
    """The calls that step an environment by an action."""
    calls = (part for part in ir.walk(*around.body) if isinstance(part, ir.Call))
    return [call for call in calls if name_of(call.func) == "step" and call.args]


def _called(graph: ReplayGraph, inside: set[ir.Node]) -> list[ir.Function]:
    """The functions that are called, other than the step of an environment itself, in their order."""
    sites = (graph.events.calls.get(part) for part in inside if isinstance(part, ir.Call))
    targets = {target.node for site in sites if site is not None for target in site.targets}
    functions = [node for node in targets if isinstance(node, ir.Function) and node.name != "step"]
    return sorted(functions, key=lambda function: (graph.project.module_of[function].path, function.start))


def _stepped_by(graph: ReplayGraph, path: str, call: ir.Call) -> _Body | None:
    """The loop whose passes are the steps that a call makes, or the function where no loop of it is that.

    A loop over several environments or agents is not, nor one that repeats an action.
    """
    action = call.args[0].value
    if isinstance(action, ir.Const):
        return None
    for around in graph.ancestors(path, call):
        if isinstance(around, ir.Function):
            return around
        if isinstance(around, (ir.For, ir.While)) and _is_of_time(graph, path, around, call):
            new = {target.id for part in ir.walk(*around.body) for target in _targets(part)}
            made_of = _names(action)
            if not made_of or made_of & new:
                return around
    return None


def _names(action: ir.Expr) -> set[str]:
    """The variables that an action is spelt with, in whatever form; empty where it may be chosen on the spot."""
    if isinstance(action, ir.Name):
        return {action.id}
    parts: list[ir.Expr] = []
    if isinstance(action, ir.Sub):
        parts = [action.index]  # of a table of actions
    elif isinstance(action, ir.Seq):
        parts = action.items
    elif isinstance(action, ir.Call) and isinstance(action.func, ir.Attr) and action.func.attr in _FORMS_OF:
        parts = [action.func.value]
    elif isinstance(action, ir.Call) and ir.last_name(action.func) in _FORMS and action.args:
        parts = [action.args[0].value]
    names = [_names(part) for part in parts if not isinstance(part, ir.Const)]
    return set().union(*names) if all(names) else set()


def _is_of_time(graph: ReplayGraph, path: str, loop: ir.For | ir.While, call: ir.Call) -> bool:
    """Whether a loop counts, rather than goes through what is stepped side by side."""
    if isinstance(loop, ir.While):
        return True
    counted = {part.id for part in ir.walk(loop.target) if isinstance(part, ir.Name)}
    stepped = {part.id for part in ir.walk(call.func) if isinstance(part, ir.Name)}
    return _counts(graph, path, loop) and counted.isdisjoint(stepped)


def _counts(graph: ReplayGraph, path: str, loop: ir.For) -> bool:
    """Whether a loop goes through numbers, with or without an end, or through something behind a progress bar."""
    name = name_of(loop.iter.func) if isinstance(loop.iter, ir.Call) else None
    return name in ("count", "tqdm") or range_of(graph, path, loop) is not None


def _targets(part: ir.Node) -> list[ir.Name]:
    """The names that a statement assigns."""
    targets = part.targets if isinstance(part, ir.Assign) else []
    items = [item for target in targets for item in (target.items if isinstance(target, ir.Seq) else [target])]
    return [item for item in items if isinstance(item, ir.Name)]


def _period(graph: ReplayGraph, path: str, test: ir.Expr, op: str, calls: Calls | None) -> int:
    """How many passes it takes until a test of a remainder holds: `count % 4 == 0`, `not count % 4`; else 1."""
    if isinstance(test, ir.Logic) and test.op == "and":
        return max(_period(graph, path, side, op, calls) for side in (test.left, test.right))
    divided: ir.Expr | None = None
    if isinstance(test, ir.Cmp) and test.ops == [op] and isinstance(test.rights[0], ir.Const):
        divided = _remainder(graph, path, test.left)
    elif isinstance(test, ir.Un) and test.op == "not" and op == "==":
        divided = _remainder(graph, path, test.operand)
    elif op == "!=":
        divided = _remainder(graph, path, test)
    return 1 if divided is None else _least(graph, path, divided, calls)


def _counted_up(graph: ReplayGraph, path: str, branch: ir.If, test: ir.Expr, calls: Calls | None) -> int:
    """How many passes a counter takes that a branch sets back: `if count == 64: ...; count = 0`; 1 where none is."""
    if isinstance(test, ir.Logic) and test.op == "and":
        return max(_counted_up(graph, path, branch, side, calls) for side in (test.left, test.right))
    if not isinstance(test, ir.Cmp) or test.ops not in (["=="], [">="], [">"]):
        return 1
    counter = test.left
    if not isinstance(counter, (ir.Name, ir.Attr)) or not any(_is_set_to_0(each, counter) for each in branch.body):
        return 1
    function = graph.symbols.function_of(path, branch)
    cls = graph.project.class_of.get(function) if function is not None and isinstance(counter, ir.Attr) else None
    scope = [cls or function] if function is not None else graph.module(path).body
    changes = [part for part in ir.walk(*scope) if _changes(part, counter) and not _is_set_to_0(part, counter)]
    if len(changes) != 1 or not _is_raised_by_1(changes[0]):
        return 1
    if _loop_around(graph, path, changes[0]) is not _loop_around(graph, path, branch):
        return 1
    return _least(graph, path, test.rights[0], calls)


def _least(graph: ReplayGraph, path: str, node: ir.Expr, calls: Calls | None) -> int:
    """The least number of passes that a setting may be, where all are known; else 1."""
    known = number_of(graph, path, node, by_name=True, calls=calls)
    return known.least or 1 if known.usual is not None else 1


def _changes(part: ir.Node, counter: ir.Name | ir.Attr) -> bool:
    """Whether a statement assigns to a counter, alone or among others."""
    if isinstance(part, ir.Assign):
        targets = part.targets
    else:
        targets = [part.target] if isinstance(part, (ir.For, ir.Aug)) else []
    return any(same(node, counter) for node in ir.walk(*targets) if isinstance(node, ir.Expr))


def _is_set_to_0(part: ir.Node, counter: ir.Name | ir.Attr) -> bool:
    """Whether a statement sets a counter back: `count = 0`, `count, total = 0, 0`."""
    if not isinstance(part, ir.Assign) or part.value is None:
        return False
    for target in part.targets:
        pairs = [(target, part.value)]
        if isinstance(target, ir.Seq) and isinstance(part.value, ir.Seq) and len(target.items) == len(part.value.items):
            pairs = list(zip(target.items, part.value.items, strict=True))
        if any(same(item, counter) and isinstance(value, ir.Const) and value.value == 0 for item, value in pairs):
            return True
    return False


def _is_raised_by_1(part: ir.Node) -> bool:
    """Whether a statement adds 1 to what it changes."""
    return isinstance(part, ir.Aug) and part.op == "+" and isinstance(part.value, ir.Const) and part.value.value == 1


def _loop_around(graph: ReplayGraph, path: str, node: ir.Node) -> ir.Node | None:
    """The innermost loop or function around a node."""
    around = (each for each in graph.ancestors(path, node) if isinstance(each, (ir.For, ir.While, ir.Function)))
    return next(around, None)


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


def _skipped(graph: ReplayGraph, path: str, body: list[ir.Stmt], statement: ir.Stmt, calls: Calls | None) -> int:
    """How many passes it takes to come to a statement of a body behind a test of a remainder that ends the others."""
    steps = 1
    for other in body:
        if other is statement:
            break
        if isinstance(other, ir.If) and other.body and isinstance(other.body[-1], _ENDS):
            steps *= _period(graph, path, other.test, "!=", calls)
    return steps
