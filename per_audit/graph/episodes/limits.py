"""The time limits that environments are registered with, and loops that end an episode before them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.held_back import holds_steps_back
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import Literal
from per_audit.graph.memory.capacity import number_of
from per_audit.graph.memory.ranges import turns
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

# The steps of an episode by the beginning of the name, as the libraries register them. Atari's count frames, of which a
# step takes four by default.
_STEPS: dict[str, float] = {
    "CartPole-v0": 200,
    "CartPole-v1": 500,
    "MountainCar-v0": 200,
    "MountainCarContinuous-v0": 999,
    "Acrobot-v1": 500,
    "Pendulum-v": 200,
    "LunarLander": 1000,
    "BipedalWalker-v": 1600,
    "BipedalWalkerHardcore-v": 2000,
    "CarRacing-v": 1000,
    "HalfCheetah-v": 1000,
    "Hopper-v": 1000,
    "Walker2d-v": 1000,
    "Ant-v": 1000,
    "Humanoid-v": 1000,
    "Swimmer-v": 1000,
    "Reacher-v": 50,
    "InvertedPendulum-v": 1000,
    "InvertedDoublePendulum-v": 1000,
    "HumanoidStandup-v": 1000,
    "Pusher-v": 100,
    "Fetch": 50,
    "HandReach": 50,
    "FrozenLake-v": 100,
    "FrozenLake8x8-v": 200,
    "Taxi-v": 200,
    "Blackjack-v": math.inf,
    "CliffWalking": math.inf,
    "ALE/": 27_000,
    "FlappyBird-v0": math.inf,  # it has none
    "SuperMarioBros": math.inf,  # 9,999,999, before which the game's own clock ends the life
}
# What gives an environment another limit, or takes its wrappers away, that of the limit among them.
_OTHERS = re.compile(
    rb"TimeLimit|max_episode_steps|max_num_frames|\)\.env\b|\.unwrapped[ \t]*(?:[#)]|\r?$)", re.MULTILINE
)
_DONE, _TRUNCATED = 2, 3  # places in what a step returns
_DEEPEST = 4
_MAKERS = ("gym", "gymnasium", "gym_super_mario_bros")


def rounds(
    graph: ReplayGraph,
    path: str,
    loop: ir.For | ir.While,
    unlimited: float | None = None,
    calls: Calls | None = None,
) -> float | None:
    """How often a loop is gone through at most: as often as it counts, or as an episode has steps.

    An option of the command line is what it is where nobody gives it. `unlimited` are the steps that an episode of an
    environment counts for whose limit is not known. `calls` are those that are looked at, of functions that several
    call.
    """
    counted = turns(graph, path, loop, calls) if isinstance(loop, ir.For) else None
    known = [most for most in (counted, longest(graph, loop, unlimited)) if most is not None]
    return min(known, default=None)


def ends_before_limit(graph: ReplayGraph, path: str, node: ir.Node, limits: Sequence[float] = ()) -> bool:
    """Whether no time limit is met where a node is: the environments have none, or a loop of fewer steps is around.

    `limits` are those of the environments that are met there, if that is known; else all of the project's count.
    """
    limits = limits or graph.time_limits
    if not limits:
        return False
    loops = (around for around in graph.ancestors(path, node) if isinstance(around, (ir.Function, ir.For, ir.While)))
    loop = next(loops, None)
    is_episode = isinstance(loop, ir.For) and (not goes_on(loop) or _begins_anew(graph, path, loop))
    steps = turns(graph, path, loop) if isinstance(loop, ir.For) and is_episode else None
    if isinstance(loop, ir.While):
        steps = _counted(graph, path, loop)
    return min(limits) == math.inf or (steps is not None and steps < min(limits))


def _counted(graph: ReplayGraph, path: str, loop: ir.While) -> int | None:
    """How often a loop is gone through at most, whose test asks for a count below a number that begins anew before it.

    `while not done and step < 200`.
    """
    if goes_on(loop):
        return None
    ones = [node for node in loop.body if isinstance(node, ir.Aug) and node.op == "+" and _is_one(node.value)]
    added = {name for node in ones for name in _names([node.target])}
    around = graph.parents(path).get(loop)
    before = ir.walk(*getattr(around, "body", ()))
    begun = {name for node in before if isinstance(node, ir.Assign) for name in _given(node.targets)}
    for test in conjuncts(loop.test):
        if isinstance(test, ir.Cmp) and test.ops in (["<"], ["<="]) and set(_names([test.left])) & added & begun:
            most = number_of(graph, path, test.rights[0]).usual
            return None if most is None else most + (test.ops == ["<="])
    return None


def _is_one(value: ir.Expr) -> bool:
    return isinstance(value, ir.Const) and value.value == 1


def conjuncts(test: ir.Expr) -> Iterator[ir.Expr]:
    """The tests that all have to hold for one to hold."""
    if isinstance(test, ir.Logic) and test.op == "and":
        yield from conjuncts(test.left)
        yield from conjuncts(test.right)
    else:
        yield test


def _given(targets: list[ir.Expr]) -> Iterator[str]:
    """The names that an assignment gives, those of several at once as well."""
    return _names([part for target in targets for part in ir.walk(target) if isinstance(part, ir.Expr)])


def _begins_anew(graph: ReplayGraph, path: str, loop: ir.For) -> bool:
    """Whether what is around a loop resets the environment before or after it."""
    around = graph.ancestors(path, loop)
    outer = next((each for each in around if isinstance(each, (ir.Function, ir.For, ir.While))), None)
    inside = set(ir.walk(loop))
    return any(is_reset(node) and node not in inside for node in ir.walk(*(outer or graph.module(path)).body))


def goes_on(loop: ir.For | ir.While) -> bool:
    """Whether a loop resets the environment and goes on with another episode."""
    parts = list(ir.walk(*loop.body))
    left = {node for part in parts if isinstance(part, ir.If) and breaks(part) for node in ir.walk(*part.body)}
    return any(is_reset(part) and part not in left for part in parts)


def is_reset(node: ir.Node) -> bool:
    """Whether a node is a call of a method that resets an environment, by its name."""
    return isinstance(node, ir.Call) and getattr(node.func, "attr", "").startswith("reset")


def breaks(node: ir.If) -> bool:
    """Whether a branch leaves the loop around it."""
    return any(isinstance(part, ir.Jump) and part.kind == "break" for part in node.body)


def longest(graph: ReplayGraph, loop: ir.For | ir.While, unlimited: float | None = None) -> float | None:
    """The steps of the longest episode, for a loop that goes on until an environment says that it has ended."""
    limits = graph.usual_time_limits
    most = unlimited if not limits or max(limits) == math.inf else max(limits)
    if most is None or goes_on(loop):
        return None
    told = _told(graph, loop)
    is_left = any(isinstance(node, ir.If) and breaks(node) and _holds(node.test, told) for node in _own(loop.body))
    return most if is_left or (isinstance(loop, ir.While) and _fails(loop.test, told)) else None


def _own(body: list[ir.Stmt]) -> Iterator[ir.Node]:
    """The parts of a body that are in no loop or function inside of it: their breaks are its own."""
    for part in body:
        yield part
        if not isinstance(part, (ir.For, ir.While, ir.Function, ir.Class)):
            yield from _own([child for child in ir.children(part) if isinstance(child, ir.Stmt)])


def _told(graph: ReplayGraph, loop: ir.For | ir.While) -> set[str]:
    """The names that hold at a time limit: the flag of a step, and what is made of it by `or`."""
    made = [pair for node in ir.walk(*loop.body) if isinstance(node, ir.Assign) for pair in _pairs(node)]
    steps = [(target, value) for target, value in made if isinstance(value, ir.Call) and _is_step(value)]
    told = {name for target, step in steps if not holds_steps_back(graph, step) for name in _flag(graph, target, step)}
    while more := {name for target, value in made if _holds(value, told) for name in _names([target])} - told:
        told |= more
    return told


def _pairs(node: ir.Assign) -> Iterator[tuple[ir.Expr, ir.Expr | None]]:
    """What an assignment gives to each of its targets, to several beside each other as well: `a, b = 1, 2`."""
    for target in node.targets:
        items = target.items if isinstance(target, ir.Seq) else []
        values = node.value.items if isinstance(node.value, ir.Seq) else []
        is_apart = len(items) == len(values) and not any(isinstance(one, ir.Star) for one in (*items, *values))
        yield from zip(items, values, strict=True) if items and is_apart else [(target, node.value)]


def _is_step(node: ir.Expr | None) -> bool:
    return isinstance(node, ir.Call) and getattr(node.func, "attr", "") == "step"


def _flag(graph: ReplayGraph, target: ir.Expr, step: ir.Expr | None) -> Iterator[str]:
    """The name of the flag that a time limit raises: the third of what a step returns, and the fourth of five.

    It is the third of five, too, where the project's own step gives no flag behind it: `return state, reward, done, {},
    cost`.
    """
    items = target.items if isinstance(target, ir.Seq) else []
    is_second = len(items) > _TRUNCATED + 1 and not _has_one_flag(graph, step)
    place = _TRUNCATED if is_second else _DONE
    yield from _names(items[place : place + 1])


def _has_one_flag(graph: ReplayGraph, step: ir.Expr | None) -> bool:
    """Whether a step is the project's own, and gives what is written as no flag in the place of the second one."""
    site = graph.events.calls.get(step) if isinstance(step, ir.Call) else None
    called = [func.node for func in site.targets if isinstance(func.node, ir.Function)] if site is not None else []
    returned = [
        node.value
        for function in called
        for node in ir.walk_scope(function.body)
        if isinstance(node, ir.Return) and isinstance(node.value, ir.Seq)
    ]
    return bool(returned) and all(
        len(value.items) > _TRUNCATED and _is_no_flag(value.items[_TRUNCATED]) for value in returned
    )


def _is_no_flag(node: ir.Expr) -> bool:
    return isinstance(node, ir.Map) or (isinstance(node, ir.Const) and not node.value)


def _names(targets: list[ir.Expr]) -> Iterator[str]:
    return (target.id for target in targets if isinstance(target, ir.Name))


def _holds(test: ir.Expr | None, told: set[str]) -> bool:
    """Whether a test holds as soon as one of some names does."""
    if isinstance(test, ir.Logic):
        sides = (_holds(test.left, told), _holds(test.right, told))
        return any(sides) if test.op == "or" else all(sides)
    if isinstance(test, ir.Un) and test.op == "not":
        return _fails(test.operand, told)
    if isinstance(test, ir.Cmp):
        return _is_compared(test, told, true=True)
    if isinstance(test, ir.Call):  # of all at once, or as another type
        return any(_holds(arg.value, told) for arg in test.args) or _holds(getattr(test.func, "value", None), told)
    return isinstance(test, ir.Name) and test.id in told


def _fails(test: ir.Expr | None, told: set[str]) -> bool:
    """Whether a test fails as soon as one of some names holds."""
    if isinstance(test, ir.Logic):
        sides = (_fails(test.left, told), _fails(test.right, told))
        return any(sides) if test.op == "and" else all(sides)
    if isinstance(test, ir.Un) and test.op == "not":
        return _holds(test.operand, told)
    return isinstance(test, ir.Cmp) and _is_compared(test, told, true=False)


def _is_compared(test: ir.Cmp, told: set[str], true: bool) -> bool:
    """Whether a test is `done == True`, or `done is False` where that is asked for."""
    other = test.rights[0]
    if len(test.ops) != 1 or not isinstance(other, ir.Const) or not _holds(test.left, told):
        return False
    return bool(other.value) is (true if test.ops[0] in ("==", "is") else not true)


def time_limits(graph: ReplayGraph) -> list[float]:
    """The time limits of the environments that the files ask a library for; empty where one of them is not known."""
    return _limits(graph, _named)


def usual_time_limits(graph: ReplayGraph) -> list[float]:
    """The same, where an option of the command line is what it is where nobody gives it."""
    return _limits(graph, asked_for)


def _limits(graph: ReplayGraph, named: Callable[[ReplayGraph, ev.CallSite], list[object]]) -> list[float]:
    if any(_OTHERS.search(module.text) for module in graph.project.modules.values()):
        return []
    names = [named(graph, site) for site in graph.events.calls.values() if makes_environment(site)]
    found = [limit_of(name) for each in names for name in each]
    known = [limit for limit in found if limit is not None]
    return known if len(known) == len(found) and all(names) else []


def _named(graph: ReplayGraph, site: ev.CallSite) -> list[object]:
    """The name of the environment that a call makes."""
    first = site.node.argument(0, "id")
    return [graph.events.value(first).literal() if first is not None else None]


def asked_for(graph: ReplayGraph, site: ev.CallSite) -> list[object]:
    """The names that a call may make an environment by, None for one that is not known; options are as usual."""
    first = site.node.argument(0, "id")
    if first is None:
        return []
    found = _texts(graph, graph.symbols.term(site.path, first), _DEEPEST)
    handed = graph.events.value(first).atoms if None in found else frozenset()
    texts: list[str] = [atom.value for atom in handed if isinstance(atom, Literal) and isinstance(atom.value, str)]
    # A term does not follow what is taken apart with `**`, as settings are; the interpreter does.
    return [*sorted(texts)] if texts and len(texts) == len(handed) else found


def _texts(graph: ReplayGraph, term: Term, depth: int) -> list[object]:
    """The texts that a term may be, None for what is not known."""
    found: list[object] = []
    for option in alternatives(strip(term)):
        inner = graph.symbols.default_of(option) or graph.symbols.options(option) if depth else []
        if option.op == "const" or not inner:
            found.append(option.data if option.op == "const" else None)
        else:
            found += [text for each in inner for text in _texts(graph, each, depth - 1)]
    return found


def limit_of(name: object) -> float | None:
    """The steps of an episode of an environment of a library, None where they are not known."""
    if not isinstance(name, str):
        return None
    return next((steps for start, steps in _STEPS.items() if name.startswith(start)), None)


def makes_environment(site: ev.CallSite) -> bool:
    """Whether a call makes one of the environments of a library, by its name."""
    return any(name.split(".")[0] in _MAKERS and ext.last(name) == "make" for name in site.names)
