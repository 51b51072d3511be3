"""What the events of a project say of a buffer: what is stored in its containers, and which draws there are of it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.roles import (
    ACTION,
    NEXT,
    POLICY,
    REWARD,
    STATE,
    VALUE,
    looks_like_transition,
    role_of,
    role_of_name,
)
from per_audit.graph.interpret.values import (
    Alloc,
    Atom,
    ClassRef,
    Instance,
    Record,
    is_observed,
    roles_in,
)
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.exchanged import is_exchanged
from per_audit.graph.model import PRIORITISED, UNIFORM, ReplayBuffer, ReplayGraph
from per_audit.graph.recognise.draws.choices import is_table
from per_audit.graph.recognise.draws.counted import is_counted
from per_audit.graph.recognise.draws.left_out import is_left_out, is_left_out_of
from per_audit.graph.recognise.draws.level import is_level, is_up_to_count
from per_audit.graph.recognise.draws.positions import Positions
from per_audit.graph.recognise.draws.put_aside import PutAside
from per_audit.graph.recognise.draws.strata import of_strata
from per_audit.graph.recognise.draws.together import Together
from per_audit.graph.recognise.learning.consumed import Consumed
from per_audit.graph.recognise.learning.on_policy import compares_policies
from per_audit.graph.recognise.rows.declared import declared_roles
from per_audit.graph.recognise.rows.environments import Environments
from per_audit.graph.recognise.rows.fields import has_unnamed_reward, names_reward, only_sets, stored_roles
from per_audit.graph.recognise.rows.keyed import keyed_roles
from per_audit.graph.recognise.rows.stepped import is_stepped
from per_audit.graph.recognise.rows.trained import holds_trained

if TYPE_CHECKING:
    from collections.abc import Iterable

# Modules that store in one memory. What seems to be stored from more are values that could not be told apart.
_MOST_MODULES = 8


class Evidence:
    """The events of a project by containers, classes and draws, of which buffers are put together."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.events = graph.events
        self.project = graph.project
        self.environments = Environments(graph)
        self._put_aside = PutAside(graph)
        positions = Positions(graph)
        self.gathers: dict[ir.Node, set[Alloc]] = defaultdict(set)
        self._steps: dict[ir.Node, set[Alloc]] = defaultdict(set)
        for gather in self.events.gathers.values():
            for node in positions.draws_of(gather):
                self.gathers[node].add(gather.container)
            for node in positions.steps_of(gather):
                self._steps[node].add(gather.container)
        self.stores: dict[Alloc, list[ev.Store]] = defaultdict(list)
        for store in self.events.stores.values():
            self.stores[store.container].append(store)
        self.evictions: dict[Alloc, list[ev.Evict]] = defaultdict(list)
        for evict in self.events.evictions.values():
            self.evictions[evict.container].append(evict)
        self.writes: dict[ir.Class, list[ev.AttributeWrite]] = defaultdict(list)
        for write in self.events.writes.values():
            self.writes[write.owner.node].append(write)
        self._stored: dict[Alloc, frozenset[str]] = {}
        self._with_transitions: dict[Alloc, bool] = {}
        self._came_from: dict[Alloc, list[tuple[ev.Store, frozenset[ir.Node]]]] = {}
        self.consumed = Consumed(graph)
        self.instances: dict[ir.Class, list[ev.CallSite]] = defaultdict(list)
        for site in self.events.calls.values():
            for cls in site.classes:
                self.instances[cls].append(site)

    @cached_property
    def level(self) -> list[ev.Draw | ev.Mass]:
        """The draws by probabilities, or by a number that is searched for among sums, that are all the same."""
        draws: list[ev.Draw | ev.Mass] = [draw for draw in self.events.draws.values() if draw.weighted]
        draws += [mass for mass in self.events.masses.values() if mass.descends]
        return [draw for draw in draws if is_level(self.graph, draw)]

    @cached_property
    def strata(self) -> set[ir.Node]:
        """The draws of one position in each stratum of ranks."""
        return of_strata(self.graph)

    @cached_property
    def _level(self) -> set[ir.Node]:
        return {draw.node for draw in self.level}

    def by_priority(self) -> list[ev.Draw]:
        """The draws by given probabilities, other than those of environments: levels, starts, what happens next."""
        draws = self.events.draws.values()
        weighted = (d for d in draws if (d.weighted and d.node not in self._level) or d.node in self.strata)
        given = (d for d in weighted if not (d.node in self.left_out or is_counted(self.graph, d)))
        return [draw for draw in given if not self._serves_environments(draw)]

    @cached_property
    def left_out(self) -> set[ir.Node]:
        """The draws that take probabilities, of which nobody gives them any: they are uniform."""
        return {d.node for d in self.events.draws.values() if d.weighted and self._is_left_out(d)}

    def _is_left_out(self, draw: ev.Draw) -> bool:
        rows = {container for container in self.gathered(draw) if self._holds_transitions(container)}
        return is_left_out_of(self.graph, draw, rows) or is_left_out(self.graph, draw)

    def _holds_transitions(self, container: Alloc) -> bool:
        known = self._with_transitions.get(container)
        if known is None:
            stores = self.stores.get(container, ())
            known = any(looks_like_transition(roles_in(s.value) | s.roles) for s in stores)
            self._with_transitions[container] = known
        return known

    def _are_transitions(self, containers: Iterable[Alloc]) -> bool:
        """Whether transitions are stored in the containers, whole or a field in each."""
        return looks_like_transition(frozenset().union(*map(self.roles_stored, containers)))

    def roles_stored(self, container: Alloc) -> frozenset[str]:
        """The roles of all that is stored in a container; remembered, since draws without number may be of it."""
        known = self._stored.get(container)
        if known is None:
            stores = self.stores.get(container, ())
            known = self._stored[container] = frozenset().union(*(roles_in(s.value) | s.roles for s in stores))
        return known

    def _stores_and_draws(self, container: Alloc) -> list[tuple[ev.Store, frozenset[ir.Node]]]:
        """What is put into a container, each with the draws that it comes from: none where it is freshly observed."""
        known = self._came_from.get(container)
        if known is None:
            known = self._came_from[container] = [
                (store, frozenset() if self._is_fresh(store) else store.value.tagged("draw"))
                for store in self.stores.get(container, ())
            ]
        return known

    def _is_fresh(self, store: ev.Store) -> bool:
        return is_observed(store.value) or (
            bool(store.value.tagged("draw")) and is_stepped(self.graph, self.environments, store)
        )

    def by_sums(self) -> list[ev.Mass]:
        """The numbers that pick a position by cumulative priority, other than those of environments."""
        descending = (mass for mass in self.events.masses.values() if mass.descends and mass.node not in self._level)
        return [m for m in descending if not (is_up_to_count(self.graph, m) or self._serves_environments(m))]

    def buffer(
        self,
        kind: str,
        path: str,
        function: ev.Owner,
        draws: list[ir.Call],
        containers: set[Alloc],
        sources: set[ir.Node] | None = None,
    ) -> ReplayBuffer:
        """A buffer of what the function draws, with all that is known of its containers.

        `sources` are the random calls that decide what is drawn, the draws themselves where it is not given.
        """
        owner = self.project.class_of.get(function) if function is not None else None
        buffer = ReplayBuffer(kind, path, owner, function, draws, containers)
        drawn = buffer.sources = set(draws) if sources is None else sources
        # A list that the batch is put together in is no memory; what a method of the buffer keeps of its caller's is,
        # although the states that a policy leads to depend on what it has learnt from. So it is with the methods of the
        # one class whose memory a function draws positions of; what several classes share is a helper.
        holders = {cls for container in containers for cls in self._holders.get(container, ())}
        keeper = next(iter(holders)) if owner is None and len(holders) == 1 else owner
        keeping = self._methods(keeper) - self.graph.reachable(function, 3)
        buffer.stores = [
            store
            for container in sorted(containers, key=lambda alloc: (alloc.node.start, alloc.kind, alloc.leaf))
            for store, draws_in in self._stores_and_draws(container)
            if store.function in keeping or draws_in.isdisjoint(drawn)
        ]
        buffer.stores.sort(key=_place)
        told = (each for container in containers for each in self._stores_and_draws(container))
        buffer.fresh = {store.node for store, draws_in in told if not draws_in}
        buffer.evictions = [e for container in containers for e in self.evictions.get(container, ())]
        buffer.evictions.sort(key=_place)
        by_mass = kind == PRIORITISED or not self._level.isdisjoint(draws)
        of_episodes = not self._of_episodes.isdisjoint(draws)
        told_by: dict[Alloc, set[str]] = defaultdict(set)
        for store in buffer.stores:
            roles = told_by[store.container]
            found = stored_roles(store) or keyed_roles(self.graph, store)
            if kind == UNIFORM and has_unnamed_reward(store):
                found |= {REWARD}
            roles |= found - {POLICY} if POLICY in found and self._is_optional(store, buffer) else found
            for atom in store.value.atoms:
                if isinstance(atom, Instance):
                    roles |= self._fields(atom.node)
                elif isinstance(atom, Alloc) and (by_mass or of_episodes) and store.path == path:
                    # Several steps in a row are stored as one item, where the memory is kept: not what agents hold
                    # of several environments. Models of an environment learn from episodes without next states.
                    steps = roles_in(self.graph.interpreter.content_of(atom), 3)
                    steps = steps.union(*(roles_in(inner.value) | inner.roles for inner in self.stores.get(atom, ())))
                    roles |= steps if by_mass or self._is_of_transitions(store) else set()
        buffer.roles = self._together_told(told_by, function)
        if function is not None:
            asking = self.graph.callers.get(function, [])
            buffer.samples = [s for s in asking if owner is None or not is_exchanged(self.graph, s, owner)]
        if owner is not None:
            heirs = {owner, *self.graph.classes.heirs(owner)}
            buffer.instances = [site for cls in heirs for site in self.instances.get(cls, ())]
        return buffer

    def _together_told(self, told_by: dict[Alloc, set[str]], drawing: ev.Owner) -> frozenset[str]:
        """The roles of what is stored; where they make a transition, those of containers that belong together."""
        roles = frozenset().union(*told_by.values())
        if len(told_by) < 2 or not looks_like_transition(roles):
            return roles
        groups = [
            frozenset().union(*map(told_by.__getitem__, group)) for group in self.together.groups(told_by, drawing)
        ]
        whole = [group for group in groups if looks_like_transition(group)]
        return frozenset().union(*whole) if whole else max(groups, key=lambda group: (len(group), sorted(group)))

    @cached_property
    def together(self) -> Together:
        """Which containers belong together."""
        return Together(self.graph, self._holders)

    @cached_property
    def _of_episodes(self) -> set[ir.Node]:
        """The draws of many at once, of each of which a window is cut that begins at a place that is drawn as well."""
        found: set[ir.Node] = set()
        for module in self.project.modules.values():
            for part in module.nodes_of(ir.Sub):
                if isinstance(part.index, ir.Slice) and self.events.value(part.index.lower).tagged("index"):
                    found |= self.events.value(part.value).tagged("draw")
        return {node for node in found if node in self.events.draws and self.consumed.takes_batch(node)}

    def _is_of_transitions(self, store: ev.Store) -> bool:
        """Whether a file that has episodes stored spells the steps in them as whole transitions, with a next state."""
        paths = {site.path for site in self.graph.callers.get(store.function, ())} | {store.path}
        return any(
            {STATE, ACTION, REWARD, NEXT} <= {role_of(item) for item in display.items}
            for path in paths
            for display in self.graph.module(path).nodes_of(ir.Seq)
        )

    def _is_optional(self, store: ev.Store, buffer: ReplayBuffer) -> bool:
        """Whether a test decides that something is stored beside transitions, which are stored without it as well.

        What a learner compares its policy with is no such thing, whoever decides on it.
        """
        if self._compares_policies:
            return False
        around = self.graph.ancestors(store.path, store.node)
        branches = [set(ir.walk(node)) for node in around if isinstance(node, ir.If) and not _counts(node.test)]
        others = [(other.node, role) for other in buffer.stores for role in stored_roles(other)]
        return any(
            {REWARD, NEXT} <= {role for node, role in others if node not in inside}
            and not any(role == REWARD for node, role in others if node in inside)
            for inside in branches
        )

    @cached_property
    def _compares_policies(self) -> bool:
        """Whether the project computes `exp(new - old)`, the ratio of two policies that on-policy learners go by."""
        return any(map(compares_policies, self.project.modules.values()))

    def _methods(self, owner: ir.Class | None) -> set[ev.Owner]:
        classes = self.graph.classes.mro(owner) if owner is not None else ()
        return {s for cls in classes for s in cls.body if isinstance(s, ir.Function)}

    def _fields(self, cls: ir.Class) -> set[str]:
        """The roles of the fields of a class that does nothing but hold them: a data class or the like."""
        if any(isinstance(s, ir.Function) and not s.name.startswith("__") and not only_sets(s) for s in cls.body):
            return declared_roles(cls)
        names = {s.targets[0].id for s in cls.body if isinstance(s, ir.Assign) and isinstance(s.targets[0], ir.Name)}
        own = {s for s in cls.body if isinstance(s, ir.Function)}
        # What others write into an object that sets fields by itself changes with it: an agent, its state and reward.
        names |= {w.attribute for w in self.writes.get(cls, ()) if not own or w.function in own}
        return {role for name in names if (role := role_of_name(name))}

    def is_replay(self, buffer: ReplayBuffer) -> bool:
        """Whether transitions are stored, or taken out of a batch: not rollouts, which hold what a policy said."""
        roles = set(buffer.roles)
        if buffer.owner is not None and self.environments.is_environment(buffer.owner):
            return False
        if len({store.path for store in buffer.stores}) > _MOST_MODULES:
            return False
        consumed = self.consumed.roles(buffer.sources)
        if POLICY in roles or (VALUE in roles and NEXT not in roles | consumed):
            return False
        if self._is_unspoken(buffer) and not self.consumed.is_bootstrapped(buffer.sources, unspoken=True):
            return False
        if looks_like_transition(roles):
            return True
        if POLICY in consumed or (VALUE in consumed and NEXT not in consumed):
            return False
        if not buffer.containers and not self._drawn_from_something(buffer.draws):
            return False
        if roles & {ACTION, REWARD} and self.consumed.is_bootstrapped(buffer.draws):
            consumed |= {REWARD, NEXT}
        buffer.roles = frozenset(roles | consumed)
        return looks_like_transition(consumed) or (looks_like_transition(roles | consumed) and len(consumed) >= 2)

    def _is_unspoken(self, buffer: ReplayBuffer) -> bool:
        """Whether only what the program does says that rewards are stored, and nothing that they are called."""
        return self.graph.interpreter.interactions.is_unspoken and not any(map(names_reward, buffer.stores))

    def _drawn_from_something(self, draws: Iterable[ir.Call]) -> bool:
        return any(
            node in self._read_at or (node in self.events.draws and self.events.draws[node].items) for node in draws
        )

    @cached_property
    def _read_at(self) -> set[ir.Node]:
        """The draws of positions at which objects of the project are read that say themselves what stands there."""
        calls = self.events.subscripts.items()
        reads = (node for node, call in calls if isinstance(node, ir.Sub) and not call.stores)
        return {draw for node in reads for draw in self.events.value(node.index).tagged("index")}

    def reads_transitions(self, draw: ev.Draw | ev.Mass) -> bool:
        """Whether transitions are read where a draw says."""
        return self._are_transitions(self.gathered(draw))

    def picks_steps(self, draw: ev.Draw) -> bool:
        """Whether a draw says which step of each drawn episode is read, with what was done there: goals have none."""
        return any(ACTION in self.roles_stored(container) for container in self._steps.get(draw.node, ()))

    def gathered(self, draw: ev.Draw | ev.Mass) -> set[Alloc]:
        """What is drawn from; nothing where that is the tables in which is looked up what an action does."""
        found = self.gathers.get(draw.node, set()) | (draw.containers if isinstance(draw, ev.Draw) else set())
        found = self.graph.interpreter.views.behind(found, self.stores)
        if found and not any(map(self.roles_stored, found)):
            found = self._put_aside.meant(draw, found)
        return set() if all(map(self._is_model, found)) else found

    def _is_model(self, container: Alloc) -> bool:
        stores = self.stores.get(container)
        return all(self.environments.is_of(store.function) for store in stores) if stores else is_table(container.node)

    @cached_property
    def _holders(self) -> dict[Alloc, set[ir.Class]]:
        """The classes that have each container in an attribute."""
        holders: dict[Alloc, set[ir.Class]] = defaultdict(set)
        for cls, atoms in self.held.items():
            for atom in atoms:
                if isinstance(atom, Alloc):
                    holders[atom].add(cls)
        return holders

    @cached_property
    def held(self) -> dict[ir.Class, list[Atom]]:
        """What the attributes of each class may be, and what lies in dicts of columns in them."""
        held: dict[ir.Class, list[Atom]] = defaultdict(list)
        for (holder, _), value in self.graph.interpreter.attributes.items():
            held[holder] += value.atoms
            columns = (item for atom in value.atoms if isinstance(atom, Record) for item in atom.items)
            held[holder] += (part for column in columns for part in column.atoms if isinstance(part, Alloc))
        return held

    def family(self, function: ev.Owner) -> set[Alloc]:
        """The containers of rows that the class of the function, and the objects in its attributes, hold."""
        owner = self.project.class_of.get(function) if function is not None else None
        classes = [owner] if owner is not None else []
        known = set(classes)
        found: set[Alloc] = set()
        for cls in classes:
            for holder in self.graph.classes.mro(cls):
                for atom in self.held.get(holder, ()):
                    if isinstance(atom, Alloc):
                        found.add(atom)
                    elif isinstance(atom, (Instance, ClassRef)) and atom.node not in known:
                        known.add(atom.node)
                        classes.append(atom.node)
        return {container for container in found if not holds_trained(self.graph, self.stores.get(container, ()))}

    def _serves_environments(self, made: ev.Draw | ev.Mass) -> bool:
        """Whether an environment draws the number, or a helper that what is called one alone calls."""
        return self.environments.is_of(made.function) or self.is_for_environments(made)

    def is_for_environments(self, made: ev.Draw | ev.Mass) -> bool:
        """Whether only what is called an environment has a helper draw, which neither learns nor draws transitions.

        An environment may also lead: it runs the episodes, and has the agent learn.
        """
        if self.graph.learns(made.function) or self.reads_transitions(made):
            return False
        sites = [site for site in self.graph.callers.get(made.function, ()) if not is_test(site.path)]
        return bool(sites) and all(self.environments.is_of_called(site.function) for site in sites)


def _counts(test: ir.Expr) -> bool:
    """Whether a test asks how many there are, or which comes first: whether there is room, for one."""
    ordered = {"<", "<=", ">", ">="}
    return any(not ordered.isdisjoint(part.ops) for part in ir.walk(test) if isinstance(part, ir.Cmp))


def _place(event: ev.Store | ev.Evict) -> tuple[str, int]:
    return event.path, event.node.start
