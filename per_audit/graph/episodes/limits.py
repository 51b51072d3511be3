"""The time limits that environments are registered with, and loops that end an episode before them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import externals as ext
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

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
    "ALE/": 27_000,
    "FlappyBird-v0": math.inf,  # it has none
    "SuperMarioBros": math.inf,  # 9,999,999, before which the game's own clock ends the life
}
# What gives an environment another limit, or takes its wrappers away, that of the limit among them.
_OTHERS = re.compile(
    rb"TimeLimit|max_episode_steps|max_num_frames|\)\.env\b|\.unwrapped[ \t]*(?:[#)]|\r?$)", re.MULTILINE
)
_MAKERS = ("gym", "gymnasium", "gym_super_mario_bros")
_COUNTERS = ("range", "trange", "xrange")


def rounds(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> float | None:
    """How often a loop is gone through at most: as often as it counts, or as an episode has steps.

    An option of the command line is what it is where nobody gives it.
    """
    return _counted(graph, path, loop) if isinstance(loop, ir.For) else _longest(graph, loop)


def ends_before_limit(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether no time limit is met where a node is: the environments have none, or a loop of fewer steps is around."""
    limits = graph.time_limits
    if not limits:
        return False
    loops = (around for around in graph.ancestors(path, node) if isinstance(around, (ir.Function, ir.For, ir.While)))
    loop = next(loops, None)
    is_episode = isinstance(loop, ir.For) and (not _goes_on(loop) or _begins_anew(graph, path, loop))
    steps = _counted(graph, path, loop) if isinstance(loop, ir.For) and is_episode else None
    return min(limits) == math.inf or (steps is not None and steps < min(limits))


def _begins_anew(graph: ReplayGraph, path: str, loop: ir.For) -> bool:
    """Whether what is around a loop resets the environment before or after it."""
    around = graph.ancestors(path, loop)
    outer = next((each for each in around if isinstance(each, (ir.Function, ir.For, ir.While))), None)
    inside = set(ir.walk(loop))
    return any(_is_reset(node) and node not in inside for node in ir.walk(*(outer or graph.module(path)).body))


def _goes_on(loop: ir.For | ir.While) -> bool:
    """Whether a loop resets the environment and goes on with another episode."""
    parts = list(ir.walk(*loop.body))
    left = {node for part in parts if isinstance(part, ir.If) and _breaks(part) for node in ir.walk(*part.body)}
    return any(_is_reset(part) and part not in left for part in parts)


def _is_reset(node: ir.Node) -> bool:
    return isinstance(node, ir.Call) and getattr(node.func, "attr", "").startswith("reset")


def _breaks(node: ir.If) -> bool:
    return any(isinstance(part, ir.Jump) and part.kind == "break" for part in node.body)


def _counted(graph: ReplayGraph, path: str, loop: ir.For) -> int | None:
    call = loop.iter
    if not isinstance(call, ir.Call) or not call.args:
        return None
    if getattr(call.func, "id", getattr(call.func, "attr", "")) not in _COUNTERS:
        return None
    last = call.args[0 if len(call.args) == 1 else 1].value
    return number_of(graph, path, last).usual


def _longest(graph: ReplayGraph, loop: ir.While) -> float | None:
    """The steps of the longest episode, for a loop that goes on until an environment says that it has ended."""
    if _goes_on(loop):
        return None
    told = {
        name.id
        for node in ir.walk(*loop.body)
        if isinstance(node, ir.Assign) and getattr(getattr(node.value, "func", None), "attr", "") == "step"
        for name in ir.walk(*node.targets)
        if isinstance(name, ir.Name)
    }
    limits = graph.time_limits
    return max(limits) if limits and told & set(_asked(loop)) and max(limits) < math.inf else None


def _asked(loop: ir.While) -> Iterator[str]:
    """The names that decide whether a loop goes on."""
    tests = [loop.test]
    tests += [node.test for node in ir.walk(*loop.body) if isinstance(node, ir.If) and _breaks(node)]
    return (node.id for node in ir.walk(*tests) if isinstance(node, ir.Name))


def time_limits(graph: ReplayGraph) -> list[float]:
    """The time limits of the environments that the files ask a library for; empty where one of them is not known."""
    if any(_OTHERS.search(module.text) for module in graph.project.modules.values()):
        return []
    found = [_limit(graph, site) for site in graph.events.calls.values() if _makes(site)]
    known = [limit for limit in found if limit is not None]
    return known if len(known) == len(found) else []


def _limit(graph: ReplayGraph, site: ev.CallSite) -> float | None:
    first = site.node.argument(0, "id")
    name = graph.events.value(first).literal() if first is not None else None
    if not isinstance(name, str):
        return None
    return next((steps for start, steps in _STEPS.items() if name.startswith(start)), None)


def _makes(site: ev.CallSite) -> bool:
    return any(name.split(".")[0] in _MAKERS and ext.last(name) == "make" for name in site.names)
