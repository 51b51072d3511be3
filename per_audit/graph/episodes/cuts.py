"""The time limits of the environments that a learner meets, as far as it can be read which these are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.environments import TRUNCATED
from per_audit.graph.episodes.limits import asked_for, limit_of
from per_audit.graph.episodes.own_cuts import is_told, own_cuts, told
from per_audit.graph.episodes.registered import MAKES, entered, is_make, registrations
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import External, Instance, Result
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.episodes.truncation import MergedEnd
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_FEWEST = 4
_UNLIMITED = 1_000_000  # steps: nobody plays that long
_ARCADE = re.compile(r"ALE/|\w+(NoFrameskip|Deterministic)-v\d+$")
_SOME = ("MiniGrid-", "BabyAI-", "highway-", "dm_control/")  # have a limit that depends on the task
_ENDLESS = ("gym_super_mario_bros",)  # libraries whose tasks all end by themselves
_BARE = ("unwrapped", "env")
_RESETS = re.compile(rb"_max_episode_steps[ \t]*=")


@dataclass(frozen=True, slots=True)
class Cut:
    """A time limit: of which environment, after how many steps (None: not known), and where a program's own says so."""

    name: str
    steps: float | None = None
    path: str = ""
    node: ir.Node | None = None

    @property
    def is_arcade(self) -> bool:
        """Whether it is the limit of an Atari game, which few episodes reach."""
        return _ARCADE.match(self.name) is not None

    def __str__(self) -> str:
        if self.is_arcade:
            return f"{self.name} (108,000 frames)"
        return self.name if self.steps is None else f"{self.name} ({self.steps:,.0f} steps)"


@dataclass(slots=True)
class Cuts:
    """What is known of the limits of some environments: `is_open` where there are others of which nothing is known."""

    found: dict[Cut, None] = field(default_factory=dict)
    is_open: bool = False
    seen: set[ir.Node] = field(default_factory=set)

    @property
    def are_none(self) -> bool:
        """Whether all environments are known, and none has a limit."""
        return not self.found and not self.is_open

    def ordered(self) -> Cuts:
        """The same, with the limits in the order of their names."""
        found = sorted(self.found, key=lambda cut: (str(cut), cut.path, cut.node.start if cut.node is not None else 0))
        return Cuts(dict.fromkeys(found), self.is_open, self.seen)


def cuts_of(graph: ReplayGraph, steps: Iterable[tuple[str, ir.Call]]) -> Cuts:
    """The limits of the environments in which some steps are taken.

    Where that is not known, those of all environments of the project, if they have limits or none has.
    """
    search = _Search(graph)
    for path, step in steps:
        search.step(path, step)
    if search.cuts.found or (search.cuts.seen and not search.cuts.is_open):
        return search.cuts.ordered()
    everywhere = _Search(graph)
    limited = [everywhere.made(site) for site in graph.events.calls.values() if not is_test(site.path)]
    known = {is_limited for is_limited in limited if is_limited is not None}
    if len(known) == 1 and not everywhere.cuts.is_open:
        return everywhere.cuts.ordered()
    return Cuts(is_open=True)


def steps_behind(graph: ReplayGraph, end: MergedEnd) -> list[tuple[str, ir.Call]]:
    """The steps of environments, in files, that are taken apart where an end is told; else on the way to its store."""
    places = [(end.path, end.node), *((path, call) for call, path in end.calls), (end.store.path, end.store.node)]
    for path, node in places:
        within = graph.symbols.function_of(path, node)
        steps = [
            (path, made.value, len(unpack.node.items))
            for unpack in graph.events.unpacks.values()
            if (unpack.path, unpack.function) == (path, within) and len(unpack.node.items) >= _FEWEST
            if isinstance(made := graph.statement(path, unpack.node), ir.Assign)
            and isinstance(made.value, ir.Call)
            and (name_of(made.value.func) or "").startswith("step")
        ]
        if steps:
            longest = max(many for _, _, many in steps)  # the older interface has one flag
            return [(path, step) for path, step, many in steps if many == longest]
    return []


class _Search:
    """What is found out about environments, one after the other."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.cuts = Cuts()

    def made(self, site: ev.CallSite) -> bool | None:
        """Whether an environment that a call makes has a limit; None where it makes none."""
        before = len(self.cuts.found)
        if is_make(site):
            self.call(site.node)
        elif own := [cls for cls in site.classes if self._is_environment(cls)]:
            for cls in own:
                self.own(cls)
        else:
            return None
        return len(self.cuts.found) > before

    def step(self, path: str, step: ir.Call) -> None:
        """The environment in which a step is taken."""
        if isinstance(step.func, ir.Attr):
            self.environment(path, step.func.value)
        else:
            self.cuts.is_open = True

    def environment(self, path: str, node: ir.Expr) -> None:
        """What an expression may be."""
        atoms = self.graph.events.value(node).atoms
        known = [atom for atom in atoms if isinstance(atom, (Result, Instance, External))]
        if not known:
            for option in alternatives(self.graph.symbols.expanded(self.graph.symbols.term(path, node))):
                self._term(option)
        for atom in known:
            if isinstance(atom, Instance):
                self.own(atom.node)
            elif isinstance(atom, Result) and isinstance(atom.call, ir.Call):
                self.call(atom.call)
            else:
                self._name(atom.name, node)

    def _term(self, term: Term) -> None:
        term = strip(term)
        if term.op == "object" and isinstance(term.data, ir.Class):
            self.own(term.data)
        elif term.op == "call" and isinstance(term.node, ir.Call):
            self.call(term.node)
        elif term.op == "external":
            self._name(str(term.data), term.node)
        else:
            self.cuts.is_open = True

    def _name(self, name: str, node: ir.Node | None) -> None:
        """`gym.make("CartPole-v1").unwrapped` has left its limit behind."""
        if ext.last(name) in _BARE and not set(MAKES).isdisjoint(name.split(".")) and node is not None:
            self.cuts.seen.add(node)
        else:
            self.cuts.is_open = True

    def call(self, node: ir.Call) -> None:
        """The environment that a call makes, or wraps."""
        site = self.graph.events.calls.get(node)
        if node in self.cuts.seen:
            return
        self.cuts.seen.add(node)
        if site is None:
            self.cuts.is_open = True
        elif site.classes:
            for cls in site.classes:
                self.own(cls)
        elif is_make(site):
            self._asked(site)
        elif any(ext.last(name) == "TimeLimit" for name in site.names):
            self._limited("TimeLimit", node.argument(1, "max_episode_steps"), site.path)
        elif not any(ext.last(name) == "TimeAwareObservation" for name in site.names):  # else the limit is observed
            self._wrapped(site)

    def _wrapped(self, site: ev.CallSite) -> None:
        inner = site.node.argument(0, "env")
        if inner is not None:
            self.environment(site.path, inner)
        else:
            self.cuts.is_open = True

    def _asked(self, site: ev.CallSite) -> None:
        """An environment that a library makes by a name."""
        given = site.node.argument(None, "max_episode_steps")
        if given is None and any(called.partition(".")[0] in _ENDLESS for called in site.names):
            return
        for name in asked_for(self.graph, site) or [None]:
            known = registrations(self.graph, name)
            if given is not None:
                self._limited(str(name or "the environment"), given, site.path)
            elif known:
                for each in known:
                    self._limited(str(name), each.node.argument(None, "max_episode_steps"), each.path)
            for each in known:
                self._entered(each)
            if known or given is not None:
                continue
            steps = limit_of(name)
            if isinstance(name, str) and (steps is not None or name.startswith(_SOME) or _ARCADE.match(name)):
                self._add(name, steps)
            else:
                self.cuts.is_open = True

    def _entered(self, site: ev.CallSite) -> None:
        """The class that an environment is registered with."""
        classes = entered(self.graph, site)
        for cls in classes:
            self.own(cls)
        self.cuts.is_open |= not classes

    def _limited(self, name: str, given: ir.Expr | None, path: str) -> None:
        """A limit that a program sets."""
        if given is None or (isinstance(given, ir.Const) and given.value is None):
            return
        options = [option.number for option in alternatives(self.graph.symbols.term(path, given))]
        numbers = [number for number in options if number is not None]
        known = numbers if len(numbers) == len(options) else [None]
        for steps in known:
            if steps is None or 0 < steps < _UNLIMITED:
                self._add(name, steps)

    def _add(self, name: str, steps: float | None) -> None:
        if steps == math.inf:
            return
        self.cuts.found[Cut(name, None if self._resets else steps)] = None

    @cached_property
    def _resets(self) -> bool:
        """Whether a program sets limits of its own in environments that are made already."""
        return any(_RESETS.search(module.text) for module in self.graph.project.modules.values())

    def own(self, cls: ir.Class) -> None:
        """An environment of the project, or a wrapper around one."""
        if cls in self.cuts.seen:
            return
        self.cuts.seen.add(cls)
        step = self._step(cls)
        if step is None:
            self._inside(cls)
            return
        holder = self.graph.project.class_of.get(step) or cls
        path = self.graph.project.module_of[step].path
        said = own_cuts(self.graph, holder, step)
        self.cuts.found.update((Cut(cls.name, None, path, node), None) for node in said)
        self.cuts.is_open |= not is_told(step)
        for term in told(self.graph, step):
            self._flag(cls, term)

    def _flag(self, cls: ir.Class, flag: Term) -> None:
        """What a step says of the truncation: what an environment inside says is in it."""
        for part in flag.walk():
            if part.op == "call" and isinstance(part.node, ir.Call) and name_of(part.node.func) == "step":
                self._stepped(cls, part)
            elif part.op == "item" and part.data == TRUNCATED and part.node is not None and not part.args[0].args:
                self._inside(cls)

    def _stepped(self, cls: ir.Class, step: Term) -> None:
        func = step.node.func if isinstance(step.node, ir.Call) else None
        if not isinstance(func, ir.Attr) or isinstance(func.value, ir.Call):  # of `super()`
            self._inside(cls)
            return
        known = self.graph.events.value(func.value).atoms
        if known:
            self.environment(step.path, func.value)
        else:
            self._inside(cls)

    def _inside(self, cls: ir.Class) -> None:
        """What a wrapper is made around."""
        inner = [
            (site.path, given)
            for site in self.graph.events.calls.values()
            if any(cls in self.graph.classes.mro(made) for made in site.classes) and not is_test(site.path)
            if (given := site.node.argument(0, "env")) is not None
        ]
        for path, given in inner if self._is_wrapper(cls) else ():
            self.environment(path, given)
        self.cuts.is_open |= not inner or not self._is_wrapper(cls)

    def _is_environment(self, cls: ir.Class) -> bool:
        """Whether objects of a class are environments by themselves: they are reset, and take steps."""
        step = self._step(cls)
        family = self.graph.classes.mro(cls)
        resets = any(isinstance(part, ir.Function) and part.name == "reset" for each in family for part in each.body)
        return step is not None and is_told(step) and resets and not self._is_wrapper(cls)

    def _is_wrapper(self, cls: ir.Class) -> bool:
        """Whether a class is a wrapper of a library by a base of its own or of one of its bases."""
        return any(
            isinstance(atom, External) and ext.last(atom.name).endswith("Wrapper")
            for each in self.graph.classes.mro(cls)
            for base in self.graph.classes.bases(each)
            for atom in base.atoms
        )

    def _step(self, cls: ir.Class) -> ir.Function | None:
        """The method of a class, or of the nearest base, that takes a step."""
        for each in self.graph.classes.mro(cls):
            for part in each.body:
                if isinstance(part, ir.Function) and part.name == "step":
                    return part
        return None
