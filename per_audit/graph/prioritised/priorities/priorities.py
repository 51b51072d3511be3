"""What becomes of the priorities and the weights of a prioritised buffer: who updates the one, where the others go.

All answers lean to the harmless side: what cannot be followed counts as an update, or as a use of the weights.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import GREEDY
from per_audit.graph.interpret.known.reference import REFERENCE_KINDS
from per_audit.graph.interpret.roles import looks_like_transition, name_of, words
from per_audit.graph.interpret.values import Alloc, Instance, Result, Value, is_observed, roles_in
from per_audit.graph.libraries.handed import base_of, handed_to
from per_audit.graph.liveness.memories.lifetimes import left_over
from per_audit.graph.pipelines import training_modules
from per_audit.graph.prioritised.priorities.updates import Updates, is_rated
from per_audit.graph.prioritised.priorities.writes import puts_back
from per_audit.graph.prioritised.weights.unused import are_left_behind
from per_audit.graph.prioritised.weights.uses import WEIGHT_WORDS, Uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.priorities.own import Maker

_PRIORITY_WORDS = {
    "priority",
    "priorities",
    "prio",
    "prios",
    "prioritized",
    "prioritised",
    "td",
    "tderror",
    "alpha",
    "per",
}
_ERROR_WORDS = {"error", "errors", "delta", "deltas"}
_TIME_WORDS = {"time", "times", "t", "age", "step", "steps"}
UNSEEN = "; that a loss takes its weights cannot be seen here"
"""What a finding about the exponent of weights says where none is seen to use them."""
_NUMERIC = ("numpy.", "torch.", "builtins.", "random.", "collections.", "math.", "jax.", "tensorflow.", "threading.")


class Priorities:
    """One prioritised buffer, asked about its priorities and weights."""

    def __init__(self, graph: ReplayGraph, buffer: ReplayBuffer) -> None:
        self.graph = graph
        self.buffer = buffer
        self.events = graph.events
        self.draws = buffer.sources

    # ---------------------------------------------------------------- the parts of the buffer

    @cached_property
    def is_reference(self) -> bool:
        """Whether the buffer or its sampler is of the reference package."""
        return any(alloc.kind in REFERENCE_KINDS for alloc in self.made)

    @cached_property
    def made(self) -> set[Alloc]:
        """The containers of the buffer, and the reference samplers that draw for it."""
        sampled = (self.events.draws[node].containers for node in self.buffer.draws if node in self.events.draws)
        return self.buffer.containers.union(*sampled)

    @cached_property
    def adding(self) -> set[ev.Owner]:
        """The functions that store transitions, as against priorities, be these a field of the rows themselves."""
        roles: dict[ev.Owner, set[str]] = defaultdict(set)
        for store in self.buffer.stores:
            if not puts_back(store):
                roles[store.function] |= store.roles | roles_in(store.value, 3)
        rows = {function for function, known in roles.items() if len(known) > 1} or {f for f in roles if roles[f]}
        rows |= {s.function for s in self.stores() if s.container in self._held and is_observed(s.value)}
        return rows or {store.function for store in self.buffer.stores}

    @cached_property
    def _held(self) -> set[Alloc]:
        """The containers that the class of the buffer holds."""
        classes = set(self.graph.classes.mro(self.buffer.owner)) if self.buffer.owner is not None else set()
        attributes = self.graph.interpreter.attributes.items()
        held = (value.atoms for (cls, _), value in attributes if cls in classes)
        return {atom for atoms in held for atom in atoms if isinstance(atom, Alloc)}

    @cached_property
    def family(self) -> set[ir.Class]:
        """The buffer's class, its relatives, and the classes that its drawing and storing functions call into."""
        owner = self.buffer.owner
        found: set[ir.Class] = set()
        if owner is not None:
            found |= self.graph.classes.kin(owner)
        for function in (self.buffer.function, *self.adding):
            if function is not None and (cls := self.graph.project.class_of.get(function)) is not None:
                found.add(cls)
                for callee in self.graph.reachable(function, 2):
                    inner = self.graph.project.class_of.get(callee) if callee is not None else None
                    if inner is not None and inner in self.graph.interpreter.holders:
                        found.update(self.graph.classes.mro(inner))
        return found

    @cached_property
    def functions(self) -> set[ev.Owner]:
        """The methods of the family, and the drawing function; without a class those that store as well."""
        found: set[ev.Owner] = {s for cls in self.family for s in cls.body if isinstance(s, ir.Function)}
        return found | {self.buffer.function} | (set() if self.buffer.owner is not None else self.adding)

    @cached_property
    def containers(self) -> set[Alloc]:
        """Every container that the family holds, and those that the probabilities of the draws are computed from."""
        found = self.made | self._masses()
        for (cls, _), value in self.graph.interpreter.attributes.items():
            if cls in self.family:
                found |= {atom for atom in value.atoms if isinstance(atom, Alloc)}
        anatomy = self.graph.anatomy(self.buffer)
        return found.union(*(anatomy.allocs(term) for term in anatomy.containers))

    def _masses(self) -> set[Alloc]:
        """The containers that stand in what the draws go by, variables of the function followed."""
        behind = self._behind(self._given)
        return {atom for node in behind for atom in self.events.value(node).atoms if isinstance(atom, Alloc)}

    @property
    def _given(self) -> list[ir.Node]:
        """The probabilities of the draws, and the sums that a library's function searches for a number."""
        draws, masses = self.events.draws, self.events.masses
        given: list[ir.Node | None] = [draws[node].probabilities for node in self.buffer.draws if node in draws]
        given += [sums for node in self.buffer.draws if node in masses for sums in masses[node].sums]
        return [expression for expression in given if expression is not None]

    def _behind(self, expressions: list[ir.Node]) -> Iterator[ir.Node]:
        """The names and attributes in the expressions, and in what the drawing function assigns to those names."""
        seen: set[str] = set()
        while expressions:
            for node in ir.walk(expressions.pop()):
                if isinstance(node, (ir.Name, ir.Attr)):
                    yield node
                if isinstance(node, ir.Name) and node.id not in seen:
                    seen.add(node.id)
                    expressions += self._assigned(node.id)

    def _assigned(self, name: str) -> list[ir.Node]:
        """What the drawing function assigns to a variable before it draws, or may in a turn of a loop before that."""
        body = list(ir.walk(self.buffer.function)) if self.buffer.function is not None else []
        drawn = set(self.buffer.draws)
        last = [node.start for node in body if node in drawn]
        around = [n.end for n in body if isinstance(n, (ir.For, ir.While)) and any(n.start < at < n.end for at in last)]
        end = max([*last, *around], default=None)
        return [
            node.value
            for node in body
            if isinstance(node, ir.Assign) and node.value is not None and (end is None or node.start < end)
            and any(isinstance(target, ir.Name) and target.id == name for target in node.targets)
        ]  # fmt: skip

    @cached_property
    def in_use(self) -> bool:
        """Whether the project makes the buffer and draws from it: a draw that calls itself is not asked for by that."""
        asked = (site for site in self.buffer.samples if site.function is not self.buffer.function)
        return self.buffer.owner is None or bool(self.buffer.instances and any(True for _ in asked))

    @cached_property
    def handed_to(self) -> list[ev.CallSite]:
        """The calls of libraries' algorithms that make such a buffer and draw from it themselves."""
        return handed_to(self.graph, self.buffer.owner)

    @cached_property
    def is_about_priorities(self) -> bool:
        """Whether the code of the buffer speaks of priorities at all: not every weighted draw is one by priority."""
        if self.is_reference or self._walks_a_tree or self._rates_what_was_drawn or self._draws_by_errors:
            return True
        names = [cls.name for cls in self.family]
        for function in self.functions:
            if function is not None:
                names += [getattr(function, "name", "")]
                names += [ir.last_name(n) for n in ir.walk(function) if isinstance(n, (ir.Name, ir.Attr))]
        return any(not _PRIORITY_WORDS.isdisjoint(words(name)) for name in set(names))

    @property
    def _walks_a_tree(self) -> bool:
        """Whether a sum tree is searched for transitions, which nobody keeps for anything but priorities.

        By a script, or by a class in whose tree what was found is rated anew.
        """
        found = [s for s in self.draws if (mass := self.events.masses.get(s)) is not None and mass.descends]
        if self.buffer.owner is None:
            return bool(found) and looks_like_transition(self.buffer.roles)
        stores = [store for store in self.stores() if store.container in self.containers]
        return any(is_rated(self.events, stores, source) for source in found)

    @property
    def _rates_what_was_drawn(self) -> bool:
        """Whether what transitions are drawn by is written anew where they lie, by what was learnt from them."""
        if not looks_like_transition(self.buffer.roles):
            return False
        masses = self._masses()
        stores = [store for store in self.stores() if store.container in masses]
        return any(is_rated(self.events, stores, source) for source in self.draws)

    @property
    def _draws_by_errors(self) -> bool:
        """Whether the probabilities of transitions are made of what is called their errors."""
        if not looks_like_transition(self.buffer.roles):
            return False
        named = (set(words(ir.last_name(node))) for node in self._behind(self._given))
        return any(name & _ERROR_WORDS and not name & _TIME_WORDS for name in named)

    @cached_property
    def is_greedy(self) -> bool:
        """Whether chance has no part in what is drawn: the largest priorities are taken, which no weights correct."""
        draws = [self.events.draws.get(node) for node in self.buffer.draws]
        return bool(draws) and all(draw is not None and draw.method in GREEDY for draw in draws)

    @cached_property
    def is_of_replay(self) -> bool:
        """Whether transitions are drawn, or the code speaks of priorities: other weighted draws have weights, too."""
        return looks_like_transition(self.buffer.roles) or self.is_about_priorities

    @cached_property
    def is_opaque(self) -> bool:
        """Whether an object of another library decides what is drawn, or a class of one is built upon."""
        for node in self._behind([arg.value for draw in self.buffer.draws for arg in draw.args]):
            for atom in self.events.value(node).atoms:
                if isinstance(atom, Result) and not atom.name.startswith(_NUMERIC):
                    return True
        return any(
            not base.startswith((*_NUMERIC, "abc.", "typing.", "object"))
            for cls in self.family
            for base in self.graph.classes.external_bases(cls)
            if not (self.handed_to and base_of(self.graph, cls))
        )

    # ---------------------------------------------------------------- updates

    def updated(self) -> bool:
        """Whether something that may run writes new priorities."""
        return Updates(self).found()

    def neglected(self) -> list[tuple[Maker, ev.CallSite]]:
        """Who learns from such a buffer of its own and never updates it, though others do theirs: where it draws."""
        return Updates(self).neglected()

    def writes_priorities(self) -> bool:
        """Whether the family writes into its containers at all, so that their absence elsewhere means something."""
        return any(store.container in self.containers and store.function in self.functions for store in self.stores())

    def stores(self) -> Iterable[ev.Store]:
        """All stores of the project, into any container."""
        return self.events.stores.values()

    # ---------------------------------------------------------------- weights

    @cached_property
    def around(self) -> set[ev.Owner]:
        """The functions of the buffer and of the training on it."""
        return self.functions | set(self.graph.training_functions(self.buffer))

    @cached_property
    def modules(self) -> set[str]:
        """The files whose top level stands for None among the functions."""
        return training_modules(self.graph, self.buffer)

    def bodies(self, functions: set[ev.Owner]) -> Iterator[ir.Node]:
        """The nodes of the functions; None stands for the top level of the files that learn from a batch there."""
        for function in functions:
            if function is not None:
                yield from ir.walk(function)
        if None in functions:
            for path in sorted(self.modules):
                yield from ir.walk_scope(self.graph.module(path).body)

    @cached_property
    def weights(self) -> set[ir.Node]:
        """The expressions that compute importance-sampling weights for the buffer."""
        inside = (
            n
            for n in self.bodies(self.around - left_over(self.graph, self.buffer, self.functions))
            if isinstance(n, ir.Expr)
        )
        made = {node for expression in inside for node in self._value(expression).tagged("isw")}
        return made - self.events.raised

    def names_weights(self) -> bool:
        """Whether the code of the buffer gives something the name of weights, however it computes them.

        What is drawn by is none of them, as long as the name stands for nothing else: `choices(rows, weights=weights)`.
        """
        for function in self.functions:
            if not isinstance(function, ir.Function):
                continue
            for node in ir.walk(function):
                targets = node.targets if isinstance(node, ir.Assign) else ()
                for target in targets:
                    for part in target.items if isinstance(target, ir.Seq) else [target]:
                        if not WEIGHT_WORDS.isdisjoint(words(name_of(part) or "")) and not self._is_drawn_by(
                            part, function
                        ):
                            return True
        return False

    def _is_drawn_by(self, target: ir.Expr, function: ir.Function) -> bool:
        """Whether a variable of a function is what a draw of it goes by, and the variable is set before that."""
        draws = [self.events.draws[node] for node in self.buffer.draws if node in self.events.draws]
        given = [draw.probabilities for draw in draws if draw.function is function]
        return isinstance(target, ir.Name) and any(
            isinstance(each, ir.Name) and each.id == target.id and target.start < each.start for each in given
        )

    def inverts_probabilities(self) -> bool:
        """Whether 1 / (N P) is computed of what is drawn, and never raised to beta: the weights in full."""
        return any(isinstance(n, ir.Expr) and self._value(n).tagged("odds") for n in self.bodies(self.around))

    @cached_property
    def uses(self) -> Uses:
        """Where the weights go."""
        return Uses(self)

    def weights_used(self) -> bool:
        """Whether the weights reach something that may be a loss."""
        return self.uses.found()

    def is_followed(self) -> bool:
        """Whether the learning from the batches can be seen: a training step, or errors written where it was drawn."""
        outside = self.around - self.functions | {self.buffer.function}
        return any(self.graph.learns(function, self.modules) for function in self.around) or any(
            store.container in self.containers and store.function in outside and self.is_drawn(store.index)
            for store in self.stores()
        )

    def is_drawn(self, node: ir.Expr | None) -> bool:
        """Whether an expression is a position that was drawn, or computed from what was drawn."""
        value = self.events.value(node)
        return bool((value.tagged("index") | value.tagged("draw")) & self.draws)

    @cached_property
    def discards_weights(self) -> bool:
        """Whether weights are computed and seen to reach no loss: what they are made of makes no difference."""
        is_seen = self.in_use and bool(self.weights) and self.is_followed() and not self.weights_used()
        return is_seen or are_left_behind(self)

    def is_of_buffer(self, site: ev.CallSite) -> bool:
        """Whether a call that draws is one of this buffer: whichever way the program takes, or as its class made it."""
        held = {atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)}
        owner = self.buffer.owner
        if owner is None or (held and held <= {owner, *self.graph.classes.heirs(owner)}):
            return True
        drawing = self.graph.project.class_of.get(site.function) if site.function is not None else None
        made_in = {self.graph.project.class_of.get(made.function) for made in self.buffer.instances if made.function}
        return drawing is not None and not made_in.isdisjoint(self.graph.classes.mro(drawing))

    def is_weight(self, node: ir.Node | None) -> bool:
        """Whether an expression may be weights of the buffer, in another form or as a part of something."""
        return bool(self._value(node).tagged("isw") & self.weights)

    def _value(self, node: ir.Node | None) -> Value:
        return self.graph.interpreter.parts.spilled(self.events.value(node))
