"""Which classes are environments, and what works for them alone."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_NAMED = {"env", "environment"}
_HELD = _NAMED | {"envs", "environments", "venv"}  # several at once, too


class Environments:
    """Asked of a class whether it is an environment, and of a function whether it is of one."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph

    def is_called(self, cls: ir.Class) -> bool:
        """Whether the class, or one that it is built upon, is named an environment: agents have such methods, too."""
        names = [c.name for c in self._graph.classes.mro(cls)]
        names += map(ext.last, self._graph.classes.external_bases(cls))
        return self.is_environment(cls) and any(not _NAMED.isdisjoint(words(name)) for name in names)

    def is_environment(self, cls: ir.Class) -> bool:
        """Whether objects of the class are acted in: `reset()`, and a `step(action)` that returns several things.

        What a loop does with others says so as well.
        """
        if any(words(ext.last(base))[-1:] == ("env",) for base in self._graph.classes.external_bases(cls)):
            return True
        if not self._acted_in.isdisjoint(self._graph.classes.mro(cls)):
            return True
        step = self._graph.classes.find_method(cls, "step")
        if step is None or self._graph.classes.find_method(cls, "reset") is None:
            return False
        taken = [p for p in step.parameters[1:] if not p.kind]
        needed = [p for p in taken if p.default is None] or taken[:1]  # the action may be left out
        returned = [node.value for node in ir.walk(step) if isinstance(node, ir.Return)]
        if any(not _NAMED.isdisjoint(words(c.name)) for c in self._graph.classes.mro(cls)):
            return len(needed) == 1 and bool(returned)  # what it returns may be an object of its own
        return len(needed) == 1 and any(isinstance(value, ir.Seq) and len(value.items) >= 3 for value in returned)

    @cached_property
    def _acted_in(self) -> set[ir.Class]:
        """The classes of whose methods loops ask for a step, whatever these are called."""
        calls, class_of = self._graph.events.calls, self._graph.project.class_of
        steps = self._graph.interpreter.interactions.steps
        asked = {func.node for step in steps if step in calls for func in calls[step].targets}
        return {class_of[function] for function in asked if function in class_of}

    def is_of_called(self, function: ev.Owner) -> bool:
        """Whether the function is a method of what is called an environment, or of what environments alone make."""
        owner = self._graph.project.class_of.get(function) if function is not None else None
        return owner is not None and (self.is_called(owner) or self._is_part(owner))

    @cached_property
    def _makers(self) -> dict[ir.Class, set[ev.Owner]]:
        """By class, the functions that make objects of it."""
        makers: dict[ir.Class, set[ev.Owner]] = defaultdict(set)
        for site in self._graph.events.calls.values():
            for cls in site.classes:
                makers[cls].add(site.function)
        return makers

    def _is_part(self, cls: ir.Class) -> bool:
        """Whether objects of the class are made by methods of environments only: a map, a simulation."""
        makers = self._makers.get(cls, ())
        owners = {self._graph.project.class_of.get(function) if function is not None else None for function in makers}
        return bool(owners) and all(owner is not None and self.is_called(owner) for owner in owners)

    def is_of(self, function: ev.Owner) -> bool:
        """Whether an environment draws the number: a goal, a start, noise, that the observations then depend on."""
        owner = self._graph.project.class_of.get(function) if function is not None else None
        return owner is not None and self.is_environment(owner)

    @cached_property
    def told(self) -> set[ir.Node]:
        """The draws of what methods of environments are given: actions, and states to start from.

        What depends on what is read at drawn positions, such as an action in a state that was drawn, is none of them.
        A policy that is also asked while it learns hands on what is drawn for that, which the environment is not given.
        """
        given = {
            node
            for site in self._graph.events.calls.values()
            if any(value.tagged("index") for value in site.arguments) and self._is_asked(site)
            for argument in site.node.args
            for node in self._graph.events.value(argument.value).tagged("index")
            if any(part.node is node for part in self._graph.symbols.term(site.path, argument.value).walk())
        }
        drawn = self._graph.events.draws
        return {node for node in given if node not in drawn or not self._graph.learns(drawn[node].function)}

    def _is_asked(self, site: ev.CallSite) -> bool:
        """Whether a call is of a method of what is called an environment, or of an object of such a class."""
        if not isinstance(site.node.func, ir.Attr):
            return False
        if not _HELD.isdisjoint(words(name_of(site.node.func.value) or "")):
            return True
        made = [atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)]
        return bool(made) and all(map(self.is_called, made))
