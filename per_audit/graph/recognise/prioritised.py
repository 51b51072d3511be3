"""Draws by priority: from given probabilities, or by a number that is searched for in a sum tree."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import batch_argument
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, POLICY, REWARD, STATE, looks_like_transition
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.model import PRIORITISED, ReplayBuffer
from per_audit.graph.prioritised.draws.populations import replaces_its_population
from per_audit.graph.prioritised.priorities.updates import is_rated
from per_audit.graph.recognise.draws.acting import Acting
from per_audit.graph.recognise.draws.listed import is_of_listed
from per_audit.graph.recognise.draws.merged import merged
from per_audit.graph.recognise.rows.models import is_model

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.recognise.evidence import Evidence

# Functions that compare the number that is searched for. What more of them compare is made of what a learner is given.
_MOST_COMPARING = 20


class Prioritised:
    """Finds the buffers that are drawn from by priority."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.graph = evidence.graph
        self.events = evidence.events
        self.project = evidence.project
        self._acting = Acting(self.graph)

    @cached_property
    def functions(self) -> set[ev.Owner]:
        """The functions that draw by priority."""
        weighted = (draw for draw in self.evidence.by_priority() if draw.node not in self._acted)
        found = {d.function for d in weighted if self.evidence.gathered(d) or self.evidence.picks_steps(d)}
        found |= {mass.function for mass in self._by_sums if self._picks(mass)}
        found.discard(None)
        return found

    def choosing(self) -> set[ev.Owner]:
        """The functions that draw by priority, and those that do so for others to read what is there."""
        weighted = {draw.function for draw in self.evidence.by_priority() if draw.node not in self._acted}
        return self.functions | weighted

    @cached_property
    def _acted(self) -> set[ir.Node]:
        """The draws of actions, which environments are told: what is read at one is kept for each action."""
        return self._acting.told("index")

    @cached_property
    def _by_sums(self) -> list[ev.Mass]:
        """The numbers that may pick transitions by their sums: those that actions are chosen by are none of them.

        Nor is noise, which is a part of the action, nor what one of a list at hand is chosen by. What transitions are
        read at is a position, whoever asks for it; so it has to be where a loop that adds up stops.
        """
        masses = self.evidence.by_sums()
        if not masses:
            return []
        noise, choosing = self._acting.told("mass"), self._acting.functions()
        return [
            mass
            for mass in masses
            if self.evidence.reads_transitions(mass)
            or (
                mass.is_looked_up
                and mass.node not in noise
                and mass.function not in choosing
                and not is_of_listed(self.graph, mass)
            )
        ]

    def find(self) -> list[ReplayBuffer]:
        """The buffers, in the order of their draws."""
        found: list[ReplayBuffer] = []
        for draw in self.evidence.by_priority():
            if not is_test(draw.path) and not _is_of_one_each(draw):
                containers = self.evidence.gathered(draw)
                buffer = self.evidence.buffer(PRIORITISED, draw.path, draw.function, [draw.node], containers)
                if (containers and self._is_replay(draw, buffer)) or self._is_weighted(buffer):
                    found.append(buffer)
                elif draw.node in self.evidence.strata:
                    # Ranks are drawn, and what has them is asked which rows these are of.
                    held = set(filter(self.evidence.roles_stored, self.evidence.family(draw.function)))
                    buffer = self.evidence.buffer(PRIORITISED, draw.path, draw.function, [draw.node], held)
                    found += [buffer] if self.evidence.is_replay(buffer) or _leads(buffer) else []
        walked: set[ev.Owner] = set()  # of classes that draw; what a script puts into their trees is no draw of its own
        for mass in sorted(self._by_sums, key=lambda m: m.function not in self.project.class_of):
            if self._picks(mass):
                containers, walkers = self.evidence.family(mass.function), self._walkers(mass)
                if mass.function in self.project.class_of:
                    walked |= walkers
                elif walked.isdisjoint(walkers):  # a function or script that holds its tree in a variable
                    searched = self.evidence.gathered(mass) if mass.searched else set()
                    containers = containers.union(searched, *map(self.evidence.family, walkers))
                buffer = self.evidence.buffer(PRIORITISED, mass.path, mass.function, [mass.node], containers)
                around = [] if looks_like_transition(buffer.roles) else self._around(mass)
                if outside := [asking for asking in around if asking.owner is not buffer.owner]:
                    found += outside  # the tree keeps priorities alone
                elif self.evidence.is_replay(buffer) or self._is_weighted(buffer) or self._is_rated(mass, buffer):
                    found.append(buffer)
                else:
                    found += around
        found = [buffer for buffer in found if not replaces_its_population(self.events, buffer)]
        return merged([buffer for buffer in found if not is_model(self.graph, buffer)])

    def _picks(self, mass: ev.Mass) -> bool:
        """Whether the code that makes the number has it searched for, or reaches the loop or recursion that does."""
        around = self.graph.parents(mass.path).get(mass.node)
        if isinstance(around, ir.Bin) and around.op == "-" and around.left is mass.node:
            return False  # noise about 0
        walked = self._walkers(mass)
        makers = [mass.function, *(site.function for site in self.graph.callers.get(mass.function, ()))]
        if mass.stops or self._is_searched_by(mass, makers) or (mass.function is None and walked):
            return True
        return any(f and self.graph.reachable(f) & walked for f in makers)

    def _is_searched_by(self, mass: ev.Mass, makers: list[ev.Owner]) -> bool:
        """Whether a library searches sums for the number: for what very many compare, where it is made or asked for."""
        if not mass.searched or len(mass.compared_in) <= _MOST_COMPARING:
            return mass.searched
        near = {*makers, *(self.graph.reachable(mass.function) if mass.function is not None else ())}
        spelled = ((self.graph.path_of(node), node) for node in mass.sums)
        return any(path and self.graph.symbols.function_of(path, node) in near for path, node in spelled)

    def _walkers(self, mass: ev.Mass) -> set[ev.Owner]:
        """The functions that go down a tree with the number: they compare it, and take sums off it.

        What very many functions do that with is data, such as observations that were made up, unless the function that
        draws the number does so itself. So is what environments do that with: prices, distances, and the actions
        that they are told.
        """
        going_down = mass.compared_in & mass.reduced_in
        environments, drawn_by = self.evidence.environments, self._class_of(mass.function)
        if any(map(environments.is_of_called, going_down)):
            return set()
        if any(environments.is_of(function) and self._class_of(function) is not drawn_by for function in going_down):
            return set()
        if len(mass.compared_in) > _MOST_COMPARING:
            going_down &= {mass.function}
        return {function for function in going_down if self._repeats(function)}

    def _class_of(self, function: ev.Owner) -> ir.Class | None:
        return self.project.class_of.get(function) if function is not None else None

    def _repeats(self, function: ev.Owner) -> bool:
        """Whether the function has a loop or calls itself."""
        if function is None:
            return True
        has_loop = any(isinstance(n, (ir.For, ir.While, ir.Comp)) for n in ir.walk(function))
        return has_loop or any(function in self.graph.reachable(f, 2) for f in self.graph.callees(function))

    def _around(self, mass: ev.Mass) -> list[ReplayBuffer]:
        """The buffers that ask a sum tree for positions: the tree draws, they read their rows there.

        They may give the positions away first, and read what their callers ask for there: `memory[memory.chosen(n)]`.
        """
        found: list[ReplayBuffer] = []
        readers = {
            gather.function: gather.path
            for gather in self.events.gathers.values()
            if mass.node in gather.draws and gather.function is not mass.function
        }
        for site in self.graph.callers.get(mass.function, ()):
            asker = self._class_of(site.function)
            kin = self.graph.classes.mro(asker) if asker is not None else ()
            if any(self._class_of(reader) in kin for reader in [*readers]):
                readers.setdefault(site.function, site.path)
        for function in self._weights_of.get(mass.node, ()):
            if function is not None and function is not mass.function:
                readers[function] = self.project.module_of[function].path
        for function, path in sorted(readers.items(), key=lambda item: (item[1], item[0].start if item[0] else 0)):
            sites = [s for s in self.graph.calls_of(function, (path,)) if s.path == path]
            asked = [s.node for s in sites if any(mass.function in self.graph.reachable(f.node, 1) for f in s.targets)]
            if asked:
                buffer = self.evidence.buffer(
                    PRIORITISED, path, function, asked, self.evidence.family(function), {mass.node}
                )
                if self.evidence.is_replay(buffer) or self._is_weighted(buffer):
                    found.append(buffer)
        return found

    def _is_replay(self, draw: ev.Draw, buffer: ReplayBuffer) -> bool:
        """Whether transitions are drawn, or what leads from state to state where weights are made of probabilities."""
        if self.evidence.is_replay(buffer):
            return True
        return _leads(buffer) and draw.function is not None and draw.function in self._raising

    @cached_property
    def _raising(self) -> set[ev.Owner]:
        """The functions that raise something to the power -beta, be it what was drawn or what will be."""
        return {function for function, node in self._weights if isinstance(node, ir.Bin)}

    def _is_weighted(self, buffer: ReplayBuffer) -> bool:
        """Whether the class of the buffer computes importance-sampling weights of what it draws."""
        methods = {s for s in buffer.owner.body if isinstance(s, ir.Function)} if buffer.owner is not None else set()
        return any(function in methods for source in buffer.sources for function in self._weights_of.get(source, ()))

    def _is_rated(self, mass: ev.Mass, buffer: ReplayBuffer) -> bool:
        """Whether what is found is rated anew in its place, by what was made of it, and read as transitions are.

        So are transitions that come from another process: nothing tells what is stored.
        """
        rated = {c for c in buffer.containers if is_rated(self.events, self.evidence.stores.get(c, ()), mass.node)}
        if not rated or not self.evidence.gathered(mass) - rated:  # nothing is read beside the ratings
            return False
        columns = self.evidence.consumed.columns(mass.node)
        if not {REWARD, STATE, ACTION} <= columns or POLICY in columns:
            return False
        buffer.roles |= columns
        return True

    @cached_property
    def _weights_of(self) -> dict[ir.Node, set[ev.Owner]]:
        """The functions that raise something computed from a draw to the power -beta, by the draw."""
        found: dict[ir.Node, set[ev.Owner]] = defaultdict(set)
        for function, node in self._weights:
            value = self.events.value(node)
            for source in value.tagged("draw") | value.tagged("index"):
                found[source].add(function)
        return found

    @cached_property
    def _weights(self) -> list[tuple[ir.Function, ir.Node]]:
        """What raises something to the power -beta, with the function that holds it."""
        made = {
            node
            for node, value in self.events.values.items()
            if ("isw", node) in value.tags and ("odds", node) not in value.tags and isinstance(node, (ir.Bin, ir.Call))
        }
        return [
            (function, node)
            for function in self.project.functions
            if any(function.start < node.start < function.end for node in made)  # of whichever file
            for node in ir.walk_scope(function.body)
            if node in made
        ]


def _leads(buffer: ReplayBuffer) -> bool:
    """Whether what is stored leads from state to state."""
    return {STATE, ACTION, NEXT, DONE} <= buffer.roles and POLICY not in buffer.roles


def _is_of_one_each(draw: ev.Draw) -> bool:
    """Whether one is drawn by each row of masses: an action, a token."""
    many = batch_argument(draw.node, draw.method) if draw.method.endswith("multinomial") else None
    return isinstance(many, ir.Const) and many.value == 1
