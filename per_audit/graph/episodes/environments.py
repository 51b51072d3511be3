"""The environments that a project makes, and those that it defines: what a step of them never says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.limits import asked_for
from per_audit.graph.episodes.registered import stepped
from per_audit.graph.episodes.rewards import pays_otherwise
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import DONE, name_of, role_of_name, words
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

SUITE = "dm_control"
_LOADS = {"dm_control.suite.load", "dmc2gym.make"}
_ROBOTS = {"robosuite.make", "robosuite.environments.base.make"}
TERMINATED, TRUNCATED = 2, 3  # places in what a step of Gymnasium's interface returns; one `done` is at the first
_FEWEST = 4
_LIBRARIES = ("gym", "gymnasium", "gymnax", "dm_control", "pettingzoo", "brax", "envpool")
# Tasks of Gymnasium whose reward is computed anew in each step: of a distance, a speed, an effort.
_DENSE = {
    "Pendulum", "LunarLander", "LunarLanderContinuous", "BipedalWalker", "BipedalWalkerHardcore", "HalfCheetah",
    "Hopper", "Walker2d", "Ant", "Humanoid", "HumanoidStandup", "Swimmer", "Reacher", "Pusher",
    "InvertedDoublePendulum",
}  # fmt: skip
_CALLERS = 3
_LIMITS = (b"max_episode_steps", b"TimeLimit")


def never_says(graph: ReplayGraph, place: int, call: ir.Node | None = None) -> bool:
    """Whether what a step returns at a place is written as False in every environment that a call of it may mean.

    Where the call does not tell, or none is given, in every one that the project defines, if it makes no other. False
    where a limit of time is set around them.
    """
    if any(limit in module.text for limit in _LIMITS for module in graph.project.modules.values()):
        return False
    meant = meant_steps(graph, call)
    return bool(meant) and all(says_false(graph, step, place) for step in meant)


def meant_steps(graph: ReplayGraph, call: ir.Node | None = None) -> list[ir.Function]:
    """The steps of the project's own environments that a call may mean; none where it may mean others as well.

    Where the call does not tell, or none is given, those of every environment that the project defines.
    """
    called = called_steps(graph, call)
    if called or _makes_others(graph):
        return called
    return [step for step in _steps(graph) if not _is_left_open(step)]


def is_told_false(graph: ReplayGraph, call: ir.Node | None, place: int) -> bool:
    """Whether all functions of the project that a call may mean write False at a place of what they return."""
    called = called_steps(graph, call)
    return bool(called) and all(says_false(graph, function, place, place + 1) for function in called)


def called_steps(graph: ReplayGraph, call: ir.Node | None) -> list[ir.Function]:
    """The functions of the project that a call may mean; of a step also those of what it has registered itself."""
    if not isinstance(call, ir.Call):
        return []
    site = graph.events.calls.get(call)
    called = [func.node for func in site.targets if isinstance(func.node, ir.Function)] if site is not None else []
    return called or stepped(graph, call)


def callbacks_say_false(graph: ReplayGraph) -> bool:
    """Whether environments of others ask the project for their ends, and all that may be asked says False.

    `Environment(world, done_callback=scenario.done)`, of whichever class the scenario is.
    """
    given = [
        arg.value
        for site in graph.events.calls.values()
        for arg in site.node.args
        if arg.keyword is not None and "callback" in words(arg.keyword) and role_of_name(arg.keyword) == DONE
    ]
    asked = [[function for function in graph.project.functions if function.name == name_of(each)] for each in given]
    return bool(asked) and all(found and all(map(_gives_false, found)) for found in asked)


def _gives_false(function: ir.Function) -> bool:
    """Whether a function returns the constant False, and nothing else."""
    returned = [node.value for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
    return bool(returned) and all(isinstance(value, ir.Const) and value.value is False for value in returned)


def own_steps(graph: ReplayGraph, paths: Iterable[str]) -> list[ir.Function]:
    """The steps of the project's own environments that are made in files, other than those around another one."""
    made = {cls for site in graph.events.calls.values() if site.path in paths for cls in site.classes}
    return [
        step
        for step in _steps(graph)
        if not _is_left_open(step)
        and any(graph.project.class_of.get(step) in graph.classes.mro(cls) for cls in made)
        and not any(
            isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "step"
            for node in ir.walk(step)
        )
    ]


def made_for(graph: ReplayGraph, path: str, learner: ev.Owner) -> list[str] | None:
    """The names of the environments that a learner meets; None where it meets the project's own.

    Where no file that leads to the learner makes one, those of the whole project are meant.
    """
    paths = _leading(graph, path, learner)
    near = [name for path in paths for name in made_in(graph, path)]
    if not near and own_steps(graph, paths):
        return None
    return near or [name for path in graph.project.modules for name in made_in(graph, path)]


def is_dense(graph: ReplayGraph, path: str, learner: ev.Owner) -> bool:
    """Whether every environment that a learner meets is known to pay in each step, and not always the same.

    Not where one of them is the project's own, or the project gives other rewards than the environment does.
    """
    made = made_for(graph, path, learner)
    if not made or not {name.partition("-")[0] for name in made} <= _DENSE:
        return False
    leading = _leading(graph, path, learner)
    paths = leading if any(True for each in leading for _ in made_in(graph, each)) else set(graph.project.modules)
    return not own_steps(graph, paths) and not pays_otherwise(graph, paths)


def made_in(graph: ReplayGraph, path: str) -> Iterator[str]:
    """The names of the environments that a file asks for; an empty one where it is not written there.

    One of DeepMind's Control Suite is `SUITE`, as its tasks are cut by time alone, but for `lqr`; so is one of
    Robosuite, but for `Wipe`.
    """
    for site in graph.events.calls.values():
        func = site.node.func
        name = func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""
        if site.path != path:
            continue
        if not _LOADS.isdisjoint(site.names):
            domain = site.node.argument(0, "domain_name")
            ends = domain is not None and graph.events.value(domain).literal() == "lqr"
            yield "" if ends else SUITE
        elif not _ROBOTS.isdisjoint(site.names):
            task = site.node.argument(0, "env_name")
            ends = task is not None and graph.events.value(task).literal() == "Wipe"
            yield "" if ends else SUITE
        elif name == "make" and site.node.args:
            made = graph.events.value(site.node.args[0].value).literal()
            if not isinstance(made, str):
                yield ""
            elif made.startswith(f"{SUITE}/") and not made.startswith(f"{SUITE}/lqr"):
                yield SUITE
            else:
                yield made.rpartition("/")[2]


def _leading(graph: ReplayGraph, path: str, learner: ev.Owner) -> set[str]:
    """The files of a learner, of what calls it, and of what makes an object for that."""
    edge, paths = {learner}, {path}
    known: set[ev.Owner] = set()
    for _ in range(_CALLERS + 1):
        known |= edge
        functions = [function for function in edge if function is not None]
        owners = {graph.project.class_of.get(function) for function in functions}
        sites = [site for function in functions for site in graph.callers.get(function, ())]
        sites += [site for site in graph.events.calls.values() if not owners.isdisjoint(site.classes)]
        paths |= {site.path for site in sites}
        edge = {site.function for site in sites} - known
    return paths


def _steps(graph: ReplayGraph) -> Iterable[ir.Function]:
    """The methods `step` of classes that can be reset, other than agents, whose steps take a transition."""
    for function in graph.project.functions:
        cls = graph.project.class_of.get(function)
        taken = [parameter for parameter in function.parameters if not parameter.kind]
        asked = [parameter for parameter in taken if parameter.default is None]
        if function.name != "step" or cls is None or len(taken) < 2 or len(asked) > 2:
            continue
        if any(isinstance(s, ir.Function) and s.name == "reset" for s in cls.body):
            yield function


def _is_left_open(step: ir.Function) -> bool:
    """Whether the method is for heirs to write: it returns nothing."""
    return not any(isinstance(node, ir.Return) and node.value is not None for node in ir.walk(step))


def _makes_others(graph: ReplayGraph) -> bool:
    """Whether the project asks a library for an environment, other than those that it has registered itself."""
    sites = graph.events.calls.values()
    own = {
        graph.events.value(name).literal()
        for site in sites
        if any(ext.last(called) == "register" and called.split(".")[0] in _LIBRARIES for called in site.names)
        and (name := site.node.argument(0, "id")) is not None
    }
    return any(
        called.split(".")[0] in _LIBRARIES and ext.last(called).startswith(("make", "load"))
        for site in sites
        if not _is_among(asked_for(graph, site), own)
        for called in site.names
    )


def _is_among(asked: list[object], own: set[object]) -> bool:
    """Whether all names that are asked for are some; `module:name` imports a module first."""
    return bool(asked) and all(isinstance(name, str) and name.rpartition(":")[2] in own for name in asked)


def says_false(graph: ReplayGraph, step: ir.Function, place: int, fewest: int = _FEWEST) -> bool:
    """Whether a step writes False at a place of the parts that it returns, wherever it does."""
    said = said_at(graph, step, place, fewest)
    return bool(said) and all(map(is_false, said))


def said_at(graph: ReplayGraph, step: ir.Function, place: int, fewest: int = _FEWEST) -> list[Term]:
    """What a step may say at a place of the parts that it returns: of an attribute all that it is given.

    Nothing where it returns something that is not taken apart there.
    """
    path = graph.project.module_of[step].path
    returned = [node.value for node in ir.walk_scope(step.body) if isinstance(node, ir.Return)]
    if not all(isinstance(value, ir.Seq) and len(value.items) >= fewest for value in returned):
        return []
    parts = [value.items[place] for value in returned if isinstance(value, ir.Seq)]
    said = [option for part in parts for option in alternatives(graph.symbols.term(path, part))]
    return [each for option in said for each in (option.op == "field" and graph.symbols.options(option)) or [option]]


def is_false(term: Term) -> bool:
    """Whether a term is the constant False, or 0."""
    term = strip(term)
    return term.op == "const" and (term.data is False or (term.data == 0 and isinstance(term.data, (int, float))))
