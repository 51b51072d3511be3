"""Code that the program as it stands never runs: it is switched off, or belongs to what nothing makes or calls."""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.liveness.beside.apart import is_apart
from per_audit.graph.liveness.beside.copied import Spare, spare
from per_audit.graph.liveness.beside.demos import Trial
from per_audit.graph.liveness.memories.unasked import looked_at, never_drawn
from per_audit.graph.liveness.memories.usage import is_named_unread, is_started_with
from per_audit.graph.liveness.names.discarded import Discarded, discarded
from per_audit.graph.liveness.names.lookups import Lookups
from per_audit.graph.liveness.names.mentions import Mentions, is_another, is_meant, is_no_method
from per_audit.graph.liveness.names.overwritten import Overwritten, Patched, overwritten, patched
from per_audit.graph.liveness.names.signatures import Refusal, never_made, refusal
from per_audit.graph.liveness.names.uncalled import Undrawn, is_left_experiment, is_left_uncalled
from per_audit.graph.liveness.names.unheld import Unheld, unheld
from per_audit.graph.liveness.settings.opt_in import Choices
from per_audit.graph.liveness.settings.switched import Switches
from per_audit.graph.liveness.settings.unfilled import Unfilled, undrawn
from per_audit.graph.pipelines import learns_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from per_audit.findings import Place
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_DEEPEST = 12  # classes and functions that name one another
_OF_CLASSES = ("staticmethod", "classmethod")
_Unit: TypeAlias = ir.Class | ir.Function
_Reason: TypeAlias = ir.Class | (
    ir.Function | ir.Expr | Trial | Refusal | Spare | Unfilled | Overwritten | Patched | Discarded | Undrawn | Unheld
)


class Idle:
    """Asked why code is never run.

    What nothing makes is idle only in a program, which has another memory in use or learns otherwise, or lies `beside`
    such files. Where a notebook switches off all that learns, a trained agent is shown for now: whoever goes through
    its cells sets it anew. A package (`is_package`) is there for its users, who may make and switch on what they like.
    """

    def __init__(self, graph: ReplayGraph, is_package: bool = False, beside: bool = False) -> None:
        self._graph = graph
        self._is_package = is_package
        self.is_beside = beside
        self._switches = Switches(graph, is_package)
        self._spare: dict[str, Spare] = {} if is_package else spare(graph)
        self._lookups = Lookups(graph, self._spare)
        self._mentions = Mentions(graph, self._lookups)
        self._choices = Choices(graph, self._mentions.of)
        self._live: set[ir.Node] = set()
        self._asked: set[ir.Node] = set()

    def why(self, place: Place) -> str | None:
        """Why what is at a place is never run, in words; None where it may be."""
        reason, path = self._found(place)
        if isinstance(reason, Patched):
            return str(reason)
        if isinstance(reason, (Refusal, Unfilled, Overwritten, Discarded)):
            return f"{_verb(reason)} here: {reason}"
        is_left = isinstance(reason, ir.Function) and self._is_left_uncalled(reason)
        if reason is None or not (is_left or self._is_of_program):
            return None
        if self._is_package and not isinstance(reason, (ir.Expr, Spare)):
            return None
        return f"{_verb(reason)} here: {self._told(reason, path)}"

    def note(self, place: Place) -> str | None:
        """What to say of a place that is not run as the project stands, though whoever uses it may have it run.

        The classes of a package are for others to make, and a program in which nothing learns may be about to.
        """
        reason, path = self._found(place)
        if reason is None:
            if (choice := self._choice(place)) is not None or (reason := self._unnamed_at(place)) is None:
                return choice
            return f"not run as it stands: {self._told(reason, path)}"
        if self._is_package and not isinstance(reason, ir.Class):
            return self._choice(place) if isinstance(reason, Undrawn) else None
        verb = "drawn from" if isinstance(reason, Undrawn) else "run"
        return f"not {verb} as it stands: {self._told(reason, path)}"

    def is_for_others(self, place: Place) -> bool:
        """Whether only others may ever run a place: one of a program, of which the files run nothing as they stand.

        Of a package it is a class that nothing imports nor makes, in files that learn without it. A file by itself may
        be one of a program that was not read.
        """
        reason, _ = self._found(place)
        if not self._is_package:
            return len(self._graph.project.modules) > 1 and bool(reason or self._unnamed_at(place))
        if not isinstance(reason, ir.Class) or not self._is_of_program:
            return False
        modules = self._graph.project.modules.values()
        imports = (each for m in modules for each in m.nodes_of(ir.ImportFrom) if isinstance(each, ir.ImportFrom))
        return not any(name in (reason.name, "*") for each in imports for name, _ in each.names)

    def is_left(self, place: Place) -> bool:
        """Whether nothing in the files, which are no package, makes or calls the class or method that a place is in.

        What a setting switches off is none of these: whoever changes that runs it. Nor is a function: by hand it is
        called as easily as a file is started.
        """
        if self._is_package:
            return False
        reason, _ = self._found(place)
        unit = reason or self._unnamed_at(place)
        return isinstance(unit, ir.Class) or (isinstance(unit, ir.Function) and unit in self._graph.project.class_of)

    def is_in_vain(self, place: Place) -> bool:
        """Whether a place is in a method that nothing calls of an object that a file makes when it is started."""
        if not self.is_left(place):
            return False
        reason, _ = self._found(place)
        unit = reason or self._unnamed_at(place)
        cls = self._graph.project.class_of.get(unit) if isinstance(unit, ir.Function) else None
        return cls is not None and is_started_with(self._graph, cls)

    def apart(self, place: Place, drawn: Collection[str]) -> str | None:
        """Why the memories that files draw from are none of the notebook that a place is in, in words."""
        if self._is_package or not is_apart(self._graph, place.path, drawn):
            return None
        return f"never drawn from here: no import of the notebook leads to {', '.join(sorted(drawn))}"

    def _choice(self, place: Place) -> str | None:
        """On which option, off unless somebody sets it, a place hangs: that of the class around it."""
        node = self._node_at(place)
        units = self._units(place.path, node) if node is not None else []
        cls = next((unit for unit in reversed(units) if isinstance(unit, ir.Class)), None)
        if cls is None or not self._can_be_idle(cls):
            return None
        option = self._choices.of(cls)
        return None if option is None else f"run only where `{option}` is set"

    def _unnamed_at(self, place: Place) -> ir.Function | None:
        """The method that nothing names, where what a place is in is only for it to come to."""
        node = self._node_at(place)
        if node is None or self._is_package or not self._is_of_program:
            return None
        method = self._method_of(self._units(place.path, node))
        return None if method is None else self._unnamed(method)

    def _unnamed(self, method: ir.Function) -> ir.Function | None:
        """The method itself that nothing names, or such a one that alone names it: it may still be called by hand."""
        graph = self._graph
        found = [method]
        for each in found:
            cls = graph.project.class_of[each]
            inherits = len(graph.classes.mro(cls)) > 1
            is_called_unread = is_named_unread(graph, cls) and is_named_unread(graph, each)
            if inherits or is_called_unread or not self._can_be_idle(each) or self._lookups.is_lent(each):
                return None
            if graph.project.module_of[each].path.endswith(".ipynb"):
                return None
            for path, node in self._mentions.of(each):
                around = self._units(path, node)
                apart = is_another(graph, node, each) or self._mentions.is_of_others(node, each)
                if apart or any(unit in found for unit in around):
                    continue
                if (outer := self._method_of(around)) is None:
                    return None
                found.append(outer)
        return found[-1]

    def _method_of(self, units: Iterable[_Unit]) -> ir.Function | None:
        methods = self._graph.project.class_of
        return next((unit for unit in units if isinstance(unit, ir.Function) and unit in methods), None)

    def _found(self, place: Place) -> tuple[_Reason | None, str]:
        """Why a place is never run, if so, and its file."""
        node = self._node_at(place)
        if node is None:
            return None, place.path
        reason = (
            overwritten(self._graph, place.path, node)
            or patched(self._graph, place.path, node)
            or self._switches.reason(place.path, node)
            or discarded(self._graph, place.path, node, self._switches.outcome)
            or never_made(self._graph, place.path, node)
        )
        return reason or self._reason_of(place.path, node), place.path

    def _told(self, reason: _Reason, path: str) -> str:
        if isinstance(reason, ir.Expr):
            text = self._graph.source(self._graph.path_of(reason) or path, reason, 40)
            return f"`{text}` is the same wherever the program sets it"
        if isinstance(reason, Trial):
            return f"only {reason} leads to it, and that learns nothing"
        if isinstance(reason, Undrawn):
            return self._told(reason.draw, path)
        if isinstance(reason, (ir.Class, ir.Function)):
            verb = "makes" if isinstance(reason, ir.Class) else "calls"
            return f"nothing in the project {verb} {self._name_of(reason)}"
        return str(reason)

    def _name_of(self, unit: _Unit) -> str:
        """What a class or function is called, with its file where another one has one of that name as well."""
        project = self._graph.project
        name, path = project.qualified(unit), project.module_of[unit].path
        others: Iterable[_Unit] = project.classes if isinstance(unit, ir.Class) else project.functions
        namesakes = (each for each in others if each.name == unit.name and project.module_of[each].path != path)
        return f"{name} of {path}" if any(project.qualified(each) == name for each in namesakes) else name

    def _node_at(self, place: Place) -> ir.Node | None:
        """The innermost node that holds the place."""
        module = self._graph.project.modules.get(place.path)
        if module is None:
            return None
        begin = place.cell or 0, place.line, place.column
        found: ir.Node | None = None
        inside: Sequence[ir.Node] = module.body
        while inside:
            around = found
            for node in inside:
                first, last = module.locate(node.start), module.locate(node.end)
                start, end = ((at.cell or 0, at.line, at.column) for at in (first, last))
                if start <= begin < end:
                    found = node
                    if start == begin and end == (place.cell or 0, place.end_line, place.end_column):
                        return found
                    break
            inside = ir.children(found) if found is not None and found is not around else ()
        return found

    # ---------------------------------------------------------------- what is never made or called

    def _reason_of(self, path: str, node: ir.Node) -> _Reason | None:
        """The class or function around a node that nothing makes or calls, or the test that keeps it from that.

        Also the trial that a node is in, or that alone makes or calls what it is in, and a call that is refused. All
        that the program has no use for of a library's copy is idle.
        """
        if path in self._spare:
            return self._spare[path]
        if (trial := self._graph.demos.around(path, node)) is not None:
            return trial
        units = self._units(path, node)
        reasons: list[_Reason] = [reason for unit in units if (reason := self._reason(unit)) is not None]
        reasons += [self._looked_at[unit] for unit in units if unit in self._looked_at]
        reasons += [self._undrawn[unit] for unit in units if isinstance(unit, ir.Class) and unit in self._undrawn]
        reasons += [Undrawn(draw) for unit in units if (draw := self._left_undrawn(unit)) is not None]
        certain = (reason for reason in reasons if isinstance(reason, (Refusal, Unfilled)))
        return next(certain, reasons[0] if reasons else None)

    def _reason(self, unit: _Unit, seen: frozenset[ir.Node] = frozenset()) -> _Reason | None:
        """Why a class or function is idle; None where something that may run names it, other than those in `seen`."""
        if unit in self._live or len(seen) == _DEEPEST or not self._can_be_idle(unit):
            return None
        if is_named_unread(self._graph, unit):
            return None
        if isinstance(unit, ir.Function) and self._is_left_uncalled(unit):
            return unit
        if isinstance(unit, ir.Function) and (base := self._replaced(unit, seen)) is not None:
            return base
        seen |= {unit}
        reason: _Reason = unit
        is_shared = False
        named = sorted(self._mentions.of(unit), key=lambda each: not is_meant(self._graph, each[1], unit))
        for path, node in named:  # what may be another of that name tells less of why
            around = self._units(path, node)
            if unit in around or is_another(self._graph, node, unit):
                continue
            if self._mentions.is_out_of_sight(path, node, unit) or is_no_method(self._graph, path, node, unit):
                continue
            if self._mentions.is_of_others(node, unit):
                is_shared = True
                continue
            vain = refusal(self._graph, path, node, unit) or unheld(self._graph, path, node, unit)
            if vain is not None:
                reason = vain
                continue
            outer: _Reason | None = self._switches.reason(path, node)
            if outer is None and seen.intersection(around):
                continue
            if outer is None:
                outer = self._graph.demos.around(path, node) or next(
                    (found for each in around if (found := self._reason(each, seen)) is not None), None
                )
            if outer is None:
                self._live.add(unit)
                return None
            reason = outer if reason is unit or isinstance(outer, (ir.Expr, Unfilled)) else reason
        # A function that nobody calls is started by hand, unless a program imports it to call it, and does not; whoever
        # makes an object may call any method of objects, but a program that never draws from a memory will not.
        by_hand = isinstance(unit, ir.Function) and not unit.decorators and unit not in self._never_drawn
        by_hand = by_hand and not (self._is_left_imported(unit) or is_left_experiment(self._graph, unit))
        told = isinstance(reason, (ir.Expr, Unfilled)) if is_shared else reason is not unit
        return None if by_hand and not told else reason

    def _replaced(self, method: ir.Function, seen: frozenset[ir.Node]) -> ir.Class | None:
        """The class of a method, where only its heirs are made, and each of them has that method of its own."""
        cls = self._graph.project.class_of.get(method)
        heirs = self._graph.classes.heirs(cls) if cls is not None else ()
        if cls is None or not heirs or self._is_package or method in self._asked or not self._can_be_idle(cls):
            return None
        self._asked.add(method)  # what names the class may be in methods that are asked for by this one
        try:
            return cls if self._is_left_to_heirs(cls, heirs, method, seen) else None
        finally:
            self._asked.remove(method)

    def _is_left_to_heirs(
        self, cls: ir.Class, heirs: Collection[ir.Class], method: ir.Function, seen: frozenset[ir.Node]
    ) -> bool:
        bases = {part for heir in heirs for part in ir.walk(*heir.bases)}
        named = [(path, node) for path, node in self._mentions.of(cls) if node not in bases]
        if any(not is_another(self._graph, node, cls) and self._may_run_at(path, node) for path, node in named):
            return False
        made = [heir for heir in heirs if self._reason(heir, seen | {method}) is None]
        asked = any(_asks_base(heir, method.name) for heir in heirs)
        own = (self._graph.classes.find_method(heir, method.name) is not method for heir in made)
        return bool(made) and not asked and all(own)

    def _is_left_uncalled(self, unit: ir.Function) -> bool:
        """Whether a method is never called, whoever knows of its object."""
        cls = self._graph.project.class_of.get(unit)
        if cls is None or self._is_package:
            return False
        return is_left_uncalled(self._graph, unit, self._mentions.of(cls))

    def _is_left_imported(self, unit: _Unit) -> bool:
        """Whether a file that is started imports a function."""
        stem = posixpath.splitext(posixpath.basename(self._graph.project.module_of[unit].path))[0]
        return (stem, unit.name) in self._imported

    @cached_property
    def _imported(self) -> set[tuple[str, str]]:
        """The modules and names of what is imported by files that say what they do when they are started."""
        return {
            (node.module.rpartition(".")[2], name)
            for module in self._graph.project.modules.values()
            if b"__main__" in module.text and not module.path.endswith(".ipynb")
            for node in module.nodes_of(ir.ImportFrom)
            if isinstance(node, ir.ImportFrom)
            for name, _ in node.names
        }

    @cached_property
    def _undrawn(self) -> dict[ir.Class, Unfilled]:
        return undrawn(self._graph, self._switches)

    @cached_property
    def _never_drawn(self) -> set[ev.Owner]:
        return never_drawn(self._graph)

    def _left_undrawn(self, unit: _Unit) -> ir.Function | None:
        """What draws from the memories of a class, where nothing calls it, nor anything else that does."""
        memories = [b for b in (*self._graph.buffers, *self._graph.twins) if b.owner is unit]
        draws = [b.function for b in memories if isinstance(b.function, ir.Function)]
        are_idle = (draw in self._never_drawn and self._reason(draw) is draw for draw in draws)
        return draws[0] if draws and len(draws) == len(memories) and all(are_idle) else None

    @cached_property
    def _looked_at(self) -> dict[ev.Owner, Trial]:
        return looked_at(self._graph)

    def _units(self, path: str, node: ir.Node) -> list[_Unit]:
        """The classes and functions around a node, innermost first."""
        return [
            unit for unit in (node, *self._graph.ancestors(path, node)) if isinstance(unit, (ir.Class, ir.Function))
        ]

    def _can_be_idle(self, unit: _Unit) -> bool:
        """Whether code of the project has to name the class or function for it to run."""
        known = isinstance(unit, ir.Function) and all(getattr(d, "id", "") in _OF_CLASSES for d in unit.decorators)
        if (unit.decorators and not known) or unit.name.startswith(("__", "test_")) or self._lookups.reach(unit):
            return False
        project = self._graph.project
        if isinstance(unit, ir.Class):
            return not unit.keywords and unit not in project.outer_of and not self._is_kept_by_base(unit)
        if unit in project.outer_of:
            return False  # it lives and dies with the function around it
        cls = project.class_of.get(unit)
        return cls is None or not self._graph.classes.external_bases(cls)

    def _is_kept_by_base(self, cls: ir.Class) -> bool:
        """Whether a base may keep the classes that are made of it, to make objects of them later."""
        classes = self._graph.classes
        given = (arg.value for base in classes.mro(cls) for arg in base.keywords if arg.keyword in ("metaclass", None))
        return classes.find_method(cls, "__init_subclass__") is not None or any(
            ir.last_name(kind) != "ABCMeta" for kind in given
        )

    # ---------------------------------------------------------------- programs

    @cached_property
    def _is_of_program(self) -> bool:
        """Whether the files learn as they stand, or lie beside some that do."""
        return self.is_beside or self._has_memory_in_use or self._learns

    @cached_property
    def _has_memory_in_use(self) -> bool:
        """Whether a part of the program that may run makes a memory and draws from it."""
        graph = self._graph
        if graph.reference_buffers() or any(self._may_run(site) for each in graph.library for site in each.uses):
            return True
        return any(map(self._is_in_use, (*graph.buffers, *graph.twins)))

    @cached_property
    def _learns(self) -> bool:
        """Whether something that may run learns, by itself or by a library."""
        sites = self._graph.events.calls.values()
        return any(self._trains(site) and self._may_run(site) for site in sites)

    def _trains(self, site: ev.CallSite) -> bool:
        """Whether a call trains something there and then: what a graph of operations is told to do is kept by name."""
        called = getattr(site.node.func, "attr", "")
        if called == "learn":
            return not site.targets
        kept = called in ("minimize", "apply_gradients")
        if kept and isinstance(self._graph.statement(site.path, site.node), ir.Assign):
            return False
        return learns_at(site, self._graph.events)

    def _is_in_use(self, buffer: ReplayBuffer) -> bool:
        drawn = [(buffer.path, node) for node in buffer.draws]
        if not any(self._may_run_at(path, node) for path, node in drawn):
            return False
        if buffer.owner is None:
            return True
        return any(map(self._may_run, buffer.instances)) and (
            any(map(self._may_run, buffer.samples)) or self._graph.is_agent(buffer)
        )

    def _may_run(self, site: ev.CallSite) -> bool:
        return self._may_run_at(site.path, site.node)

    def _may_run_at(self, path: str, node: ir.Node) -> bool:
        return self._switches.off(path, node) is None and self._reason_of(path, node) is None


def _verb(reason: _Reason) -> str:
    """What never becomes of a place: a memory that nothing draws from is stored into, for nothing."""
    if isinstance(reason, Discarded):
        return "never used"
    is_of_draws = isinstance(reason, Undrawn) or (isinstance(reason, Unfilled) and reason.of_draws)
    return "never drawn from" if is_of_draws else "never run"


def _asks_base(cls: ir.Class, name: str) -> bool:
    """Whether a class names a method of what it inherits from, `super().sample`, or keeps `super()` for that."""
    nodes = list(ir.walk(cls))
    asked = {node.value: node.attr for node in nodes if isinstance(node, ir.Attr)}
    supers = (node for node in nodes if isinstance(node, ir.Call) and ir.last_name(node.func) == "super")
    return any(asked.get(node, name) == name for node in supers)
