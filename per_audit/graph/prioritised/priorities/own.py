"""Code that makes a memory of its own: what it does with that memory says nothing of one that other code makes."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.priorities.priorities import Priorities

Maker: TypeAlias = ir.Class | ir.Function | str
_FAR = 3  # calls from what draws to whoever has a batch drawn, and from there to what learns from it


class Own:
    """Asked which class, function or file makes the memory, of some family of classes, that a call is made on.

    Such is what keeps it in an attribute or under a name that is given nothing else. Of what is passed in, or set from
    outside, nobody is known to be the maker.
    """

    def __init__(self, about: Priorities, relatives: set[ir.Class]) -> None:
        self._about = about
        self._graph = about.graph
        self._relatives = relatives
        self._known: dict[tuple[Maker, str], bool] = {}

    def maker(self, path: str, method: ir.Expr, function: ev.Owner) -> Maker | None:
        """Who makes what the method in a function is one of."""
        holder = method.value if isinstance(method, ir.Attr) else None
        if isinstance(holder, ir.Attr) and isinstance(function, ir.Function):
            cls = self._graph.project.class_of.get(function)
            is_own = isinstance(holder.value, ir.Name) and holder.value.id == _self_of(function)
            return cls if cls is not None and is_own and self._keeps(cls, holder.attr) else None
        return self._maker_of_name(path, holder.id, function) if isinstance(holder, ir.Name) else None

    def _maker_of_name(self, path: str, name: str, function: ev.Owner) -> Maker | None:
        """Which function makes what a name stands for in another or in itself, or the file."""
        scope = function
        while scope is not None:
            if any(each.name == name for each in scope.parameters):
                return None
            if isinstance(scope, ir.Function) and _binds(scope, name):
                return scope if self._names(scope, path, name) else None
            scope = self._graph.project.outer_of.get(scope)
        return path if self._names(path, path, name) else None

    def is_kin(self, one: Maker, other: Maker) -> bool:
        """Whether two may make one object: the same, or a class and what it inherits from."""
        if isinstance(one, ir.Class) and isinstance(other, ir.Class):
            mro = self._graph.classes.mro
            return one in mro(other) or other in mro(one)
        return one == other

    def trained(self) -> dict[Maker, ev.CallSite]:
        """Who learns from a memory of the family that is its own, each with the first place that has a batch drawn."""
        found: dict[Maker, ev.CallSite] = {}
        for site in sorted(self._requests(), key=lambda site: (site.path, site.node.start)):
            maker = self.maker(site.path, site.node.func, site.function)
            if maker is not None and maker not in found and not is_test(site.path) and self._learns(site):
                found[maker] = site
        return found

    def _requests(self) -> Iterator[ev.CallSite]:
        """The calls that have a batch drawn, outside of the family."""
        seen: set[ev.Owner] = set()
        sites = list(self._about.buffer.samples)
        for site in sites:
            if site.function not in self._about.functions:
                yield site
            elif site.function not in seen:
                seen.add(site.function)
                sites += self._graph.callers.get(site.function, ())

    def _learns(self, site: ev.CallSite) -> bool:
        around: Iterable[ev.Owner] = (site.function, *self._graph.reachable(site.function, _FAR))
        return any(self._graph.learns(function, (site.path,)) or self._may_minimise(function) for function in around)

    def _may_minimise(self, function: ev.Owner) -> bool:
        """Whether a function feeds a graph of operations for something that is not known to be none that minimises."""
        calls = (site.node for site in self._graph.calls_of(function)) if self._minimises else ()
        return any(
            isinstance(call.func, ir.Attr)
            and call.func.attr == "run"
            and call.argument(1, "feed_dict") is not None
            and any(isinstance(n, ir.Attr) and not self._graph.events.value(n).atoms for n in ir.walk(call.args[0]))
            for call in calls
        )

    @cached_property
    def _minimises(self) -> bool:
        """Whether the project builds operations that minimise a loss when they are run."""
        sites = self._graph.events.calls.values()
        return any(getattr(site.node.func, "attr", "") in ("minimize", "apply_gradients") for site in sites)

    def _keeps(self, cls: ir.Class, attribute: str) -> bool:
        """Whether objects of a class are given an attribute by their own methods alone, which make it of the family."""
        if (cls, attribute) not in self._known:
            lines = self._graph.classes.kin(cls)
            given = [value for each in lines for value in self._given(each).get(attribute, ())]
            self._known[cls, attribute] = attribute not in self._set_from_outside and self._are_made(given)
        return self._known[cls, attribute]

    def _names(self, scope: Maker, path: str, name: str) -> bool:
        """Whether a name is given, in a function or anywhere in a file, what is made there of the family."""
        if (scope, name) not in self._known:
            nodes = ir.walk_scope(scope.body) if isinstance(scope, ir.Function) else self._graph.module(path).nodes
            self._known[scope, name] = self._are_made(_assigned(nodes, name))
        return self._known[scope, name]

    def _given(self, cls: ir.Class) -> dict[str, list[ir.Expr | None]]:
        """What the methods of a class assign to the attributes of their object; None for a part of something."""
        found: dict[str, list[ir.Expr | None]] = defaultdict(list)
        for method in (each for each in cls.body if isinstance(each, ir.Function)):
            own = _self_of(method)
            for node in ir.walk(*method.body):
                for target in node.targets if isinstance(node, ir.Assign) else ():
                    for part in ir.walk(target):
                        if isinstance(part, ir.Attr) and isinstance(part.value, ir.Name) and part.value.id == own:
                            found[part.attr].append(getattr(node, "value", None) if part is target else None)
        return found

    def _are_made(self, values: list[ir.Expr | None]) -> bool:
        """Whether values are objects of the project that are made there and then, some of the family, at times none."""
        made = [self._classes(way) for value in values for way in _ways(value) if way is None or not ir.is_none(way)]
        return all(made) and any(not self._relatives.isdisjoint(classes) for classes in made)

    def _classes(self, value: ir.Expr | None) -> set[ir.Class]:
        """The classes of which an expression makes an object anew; none where it may be one that is there already.

        What a function of the project makes, gives a name and returns is made anew as well.
        """
        site = self._graph.events.calls.get(value) if isinstance(value, ir.Call) else None
        if site is None or site.classes or not site.targets:
            return site.classes if site is not None else set()
        found = [self._returned(func.node) for func in site.targets]
        return set().union(*found) if all(found) else set()

    def _returned(self, function: ir.Function | ir.Lambda) -> set[ir.Class]:
        """The classes of which a function makes the object that it returns."""
        if not isinstance(function, ir.Function):
            return set()
        nodes = list(ir.walk_scope(function.body))
        taken = {each.name for each in function.parameters}
        given = [node.value for node in nodes if isinstance(node, ir.Return)]
        named = {each.id for each in given if isinstance(each, ir.Name)}
        made = [way for name in named for value in _assigned(nodes, name) for way in _ways(value)]
        made += [way for each in given if not isinstance(each, ir.Name) for way in _ways(each)]
        sites = [self._graph.events.calls.get(way) if isinstance(way, ir.Call) else None for way in made]
        found = [site.classes if site is not None else set() for site in sites]
        return set().union(*found) if all(found) and taken.isdisjoint(named) else set()

    @cached_property
    def _set_from_outside(self) -> set[str]:
        """The attributes that something assigns to of other objects than its own."""
        found: set[str] = set()
        for module in self._graph.project.modules.values():
            own = {_self_of(f) for f in module.nodes_of(ir.Function) if isinstance(f, ir.Function)}
            found |= {
                part.attr
                for node in module.nodes_of(ir.Assign)
                if isinstance(node, ir.Assign)
                for part in ir.walk(*node.targets)
                if isinstance(part, ir.Attr) and not (isinstance(part.value, ir.Name) and part.value.id in own)
            }
        return found


def _self_of(function: ir.Function) -> str | None:
    return function.parameters[0].name if function.parameters else None


def _binds(function: ir.Function, name: str) -> bool:
    """Whether a function has a name for itself: it assigns to it, and not for what is around it."""
    nodes = list(ir.walk_scope(function.body))
    shared = (each.names for each in nodes if isinstance(each, ir.Scope))
    return bool(_assigned(nodes, name)) and not any(name in names for names in shared)


def _assigned(nodes: Iterable[ir.Node], name: str) -> list[ir.Expr | None]:
    """What a name is given by some assignments; None for a part of something."""
    return [
        node.value if isinstance(target, ir.Name) else None
        for node in nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if not isinstance(target, (ir.Attr, ir.Sub))
        if any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(target))
    ]


def _ways(value: ir.Expr | None) -> Iterator[ir.Expr | None]:
    """What an expression may be, whichever way its conditions come out."""
    if isinstance(value, ir.IfExp):
        yield from (*_ways(value.body), *_ways(value.orelse))
    else:
        yield value
