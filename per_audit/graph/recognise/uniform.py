"""Uniform draws of what is stored for learning."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property, partial
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.known.draws import replacement
from per_audit.graph.interpret.known.externals import EVEN_SAMPLER, IN_PLACE, LOADER
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.lifetimes import lives_for_one_call, lives_for_one_pass
from per_audit.graph.model import UNIFORM, ReplayBuffer
from per_audit.graph.recognise.draws.answers import is_of_answers
from per_audit.graph.recognise.draws.branches import is_ruled_out
from per_audit.graph.recognise.draws.choices import is_choice, is_explored
from per_audit.graph.recognise.draws.held_out import is_held_out
from per_audit.graph.recognise.draws.hindsight import counters, is_ahead, is_of_goals, loops
from per_audit.graph.recognise.draws.level import is_of_episodes
from per_audit.graph.recognise.draws.merged import merged
from per_audit.graph.recognise.draws.passes import is_pass
from per_audit.graph.recognise.draws.ranked import of_ranked
from per_audit.graph.recognise.draws.rebatched import is_of_batch
from per_audit.graph.recognise.draws.rejected import is_rejected
from per_audit.graph.recognise.draws.seeded import is_of_seeds
from per_audit.graph.recognise.draws.tournaments import is_of_candidates
from per_audit.graph.recognise.draws.within import is_within
from per_audit.graph.recognise.learning.summed import is_summed_up
from per_audit.graph.recognise.rows.imitated import is_foretold, is_imitated, is_of_pairs
from per_audit.graph.recognise.rows.laid import is_laid_out
from per_audit.graph.recognise.rows.logged import is_logged
from per_audit.graph.recognise.rows.models import is_model
from per_audit.graph.recognise.rows.returns import holds_returns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.recognise.evidence import Evidence
    from per_audit.graph.recognise.learning.alternatives import Alternatives


class Uniform:
    """Finds the buffers that are only drawn from uniformly."""

    def __init__(self, evidence: Evidence, alternatives: Alternatives) -> None:
        self.evidence = evidence
        self.alternatives = alternatives
        self.graph = evidence.graph
        self.events = evidence.events
        self.twins: list[ReplayBuffer] = []

    def find(self) -> list[ReplayBuffer]:
        """The buffers, in the order of their draws; those beside which the project can draw by priority in `twins`."""
        found: list[ReplayBuffer] = []
        for draw in self._draws():
            if is_test(draw.path):
                continue
            containers = self.evidence.gathered(draw)
            buffer = self.evidence.buffer(UNIFORM, draw.path, draw.function, [draw.node], containers)
            if not self.evidence.is_replay(buffer) or self.alternatives.is_on_policy(buffer):
                continue
            if self.alternatives.is_pal(buffer) or lives_for_one_pass(self.graph, buffer):
                continue
            if lives_for_one_call(self.graph, buffer) or is_imitated(self.evidence, buffer) or holds_returns(buffer):
                continue
            if (
                is_foretold(self.evidence, buffer)
                or is_of_pairs(self.evidence, buffer)
                or is_logged(self.graph, buffer)
                or is_laid_out(self.graph, buffer)
                or is_of_batch(self.evidence, buffer)
                or is_model(self.graph, buffer)
                or is_summed_up(self.evidence, buffer)
            ):
                continue
            is_loaded = isinstance(draw, ev.Draw) and draw.method in (LOADER, EVEN_SAMPLER)
            if is_loaded and not any(map(self._is_called, buffer.stores)):
                continue  # a data set
            if draw.node in self.events.draws and self._is_shuffled_rollout(buffer):
                continue
            if buffer.stores and not any(map(self._stays, buffer.stores)):
                continue  # a batch that others are joined with
            if is_ruled_out(self.graph, draw.path, draw.node, draw.function):
                continue
            if self.alternatives.has_prioritised_path(buffer):
                self.twins.append(buffer)
            else:
                buffer.switched = self.alternatives.switched(buffer)
                buffer.wrapped = self.alternatives.wrapped(buffer)
                found.append(buffer)
        self.twins, found = merged(self.twins), merged(found)
        return [buffer for buffer in found if not is_within(self.graph, buffer, [*found, *self.twins])]

    def _draws(self) -> Iterator[ev.Draw | ev.Mass]:
        """The draws in which no item has a better chance than others."""
        none = (
            partial(is_pass, self.graph),
            partial(is_held_out, self.graph),
            self._is_shuffle_of_drawn,
            self._is_stratified,
            self._is_split,
            self.evidence.is_for_environments,
            partial(is_ahead, self.graph),
            partial(is_of_goals, self.graph),
            partial(is_of_candidates, self.graph),
            partial(is_of_seeds, self.graph),
            partial(is_rejected, self.graph),
            partial(is_explored, self.graph),
            partial(is_of_answers, self.graph),
        )
        told = {draw.function for draw in self.evidence.level if is_of_episodes(self.graph, draw)} | of_ranked(
            self.graph
        )
        for draw in self.events.draws.values():
            if draw.weighted and draw.node not in self.evidence.left_out:
                continue
            if draw.function in told or draw.node in self.evidence.environments.told:
                continue
            if draw.node in self.evidence.strata:
                continue
            if not is_choice(draw) and not any(is_none(draw) for is_none in none):
                yield draw
        yield from self.evidence.level

    def _is_shuffle_of_drawn(self, draw: ev.Draw) -> bool:
        """Whether all of a list is drawn, `random.sample(rows, len(rows))`, that holds what was drawn before."""
        rows, size = draw.node.argument(0), draw.node.argument(1, "k")
        if draw.method != "sample" or rows is None or not isinstance(size, ir.Call) or len(size.args) != 1:
            return False
        text = partial(self.graph.source, draw.path, limit=200)
        if name_of(size.func) != "len" or text(size.args[0].value) != text(rows):
            return False
        stores = [store for store in self.events.stores.values() if store.container in draw.containers]
        return bool(stores) and all(store.value.tagged("draw") - {draw.node} for store in stores)

    def _is_split(self, draw: ev.Draw) -> bool:
        """Whether the draw divides what there is into parts that an object keeps, or is one from such a part.

        So does supervised learning, of a model of the environment for one, with its rows for training and for tests.
        """
        return draw.node in self._splits or bool(draw.population.tagged("index") & self._splits)

    @cached_property
    def _splits(self) -> set[ir.Node]:
        """The draws of positions that a method keeps for others to read at, and neither reads at itself nor returns."""
        kept = {
            node: write.function
            for write in self.events.writes.values()
            if write.expression is not None
            for node in self.events.value(write.expression).tagged("index")
        }
        read: dict[ir.Node, set[ev.Owner]] = defaultdict(set)
        for gather in self.events.gathers.values():
            for node in gather.draws:
                read[node].add(gather.function)
        return {
            node
            for node, function in kept.items()
            if (draw := self.events.draws.get(node)) is not None
            and isinstance(function, ir.Function)
            and function is draw.function
            and read[node]
            and function not in read[node]
            and _leaves_out(draw.node, draw.method)
            and not any(isinstance(n, ir.Return) and n.value is not None for n in ir.walk_scope(function.body))
        }

    def _is_called(self, store: ev.Store) -> bool:
        """Whether something besides the making of an object stores."""
        if store.function not in self.graph.project.class_of:
            return True
        return getattr(store.function, "name", "") not in BUILDERS and bool(self.graph.callers.get(store.function))

    def _stays(self, store: ev.Store) -> bool:
        """Whether what is stored stays; a sum `rows + more` that replaces neither rows nor their object does not."""
        if not isinstance(store.node, ir.Bin):
            return True
        around = self.graph.statement(store.path, store.node)
        if isinstance(around, ir.Return):
            callers = self.graph.callers.get(store.function, ())
            return any(
                isinstance(site.node.func, ir.Attr) and self._takes_place(site.path, site.node, site.node.func.value)
                for site in callers
            )
        sides = (store.node.left, store.node.right)
        return not isinstance(around, ir.Assign) or any(self._takes_place(store.path, store.node, s) for s in sides)

    def _is_shuffled_rollout(self, buffer: ReplayBuffer) -> bool:
        """Whether positions are shuffled of what a loop fills from the beginning, counting from none."""
        shuffled = all(self.events.draws[node].method == IN_PLACE for node in buffer.draws)
        return bool(shuffled and buffer.stores) and all(
            isinstance(store.index, ir.Name)
            and any(store.index.id in counters(loop) for loop in loops(self.graph, store.path, store.node))
            for store in buffer.stores
        )

    def _takes_place(self, path: str, node: ir.Node, old: ir.Expr) -> bool:
        """Whether the statement around a node assigns to what is written like another one."""
        around = self.graph.statement(path, node)
        text = self.graph.source(path, old)
        return isinstance(around, ir.Assign) and any(self.graph.source(path, t) == text for t in around.targets)

    def is_part_of(self, buffer: ReplayBuffer, prioritised: list[ReplayBuffer]) -> bool:
        """Whether a prioritised buffer, other than of an heir of its class, holds what the buffer draws from.

        What is given to a memory to choose in its place holds that memory in turn, and not as a part of its own.
        """
        mro = self.graph.classes.mro
        return not buffer.wrapped and any(
            buffer.containers & other.containers
            and (buffer.owner is None or other.owner is None or buffer.owner not in mro(other.owner))
            for other in prioritised
        )

    def _is_stratified(self, draw: ev.Draw) -> bool:
        """Whether the draw is one of several, each from a memory of its own: equal shares for unequal memories."""
        loop = next(loops(self.graph, draw.path, draw.node), None)
        if loop is None or not draw.items or not draw.node.args:
            return False
        if self.events.value(draw.node.args[0].value).tagged("draw"):
            return False  # one of each episode that was drawn
        names = counters(loop)
        population: list[ir.Node] = [draw.node.args[0].value]
        if isinstance(population[0], ir.Name):
            # A name for one of the memories, given inside the loop.
            name = population[0].id
            assigned = (n for n in ir.walk(loop) if isinstance(n, ir.Assign) and n.value is not None)
            population += [
                n.value for n in assigned if any(getattr(t, "id", None) == name for t in n.targets) and n.value
            ]
        return any(isinstance(n, ir.Name) and n.id in names for n in ir.walk(*population))

    def is_overridden(self, buffer: ReplayBuffer, prioritised: list[ReplayBuffer]) -> bool:
        """Whether the project makes no object of the class itself, but of one that draws by priority in its place."""
        if buffer.owner is None or any(buffer.owner in site.classes for site in buffer.instances):
            return False
        name = getattr(buffer.function, "name", "")
        heirs = self.graph.classes.heirs(buffer.owner)
        return any(
            other.owner in heirs
            and other.instances
            and self.graph.classes.find_method(other.owner, name) is not buffer.function
            for other in prioritised
            if other.owner is not None
        )


def _leaves_out(node: ir.Call, method: str) -> bool:
    """Whether a draw of positions takes each once at most."""
    again = replacement(node, method)
    return method in ("permutation", "randperm", "shuffle", "sample") or (
        isinstance(again, ir.Const) and again.value is False
    )
