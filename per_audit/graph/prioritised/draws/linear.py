"""Draws by priority that go through all priorities: with `choice(p=...)` and its like, or a sum that is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import GREEDY, batch_argument
from per_audit.graph.interpret.known.externals import SEARCHES
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import UNKNOWN, Alloc, TupleOf
from per_audit.graph.liveness.frequency.rhythm import Rhythm, rhythm_of
from per_audit.graph.memory import costs
from per_audit.graph.memory.capacity import capacity_of, number_of
from per_audit.graph.memory.held import SMALL, Held, grows, held
from per_audit.graph.memory.ranges import turns
from per_audit.graph.memory.remade import Remade, remade
from per_audit.graph.model import PRIORITISED
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret.events import Draw
    from per_audit.graph.memory.capacity import Capacity
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.symbolic import Term


BESIDE = "; the draw costs far more"
"""What is said of another cost of a memory from which a draw is far dearer."""

FAR_DEARER = 10
"""How many times as much that is."""

_FEW_AGAIN = 300  # priorities that are gone through for each of themselves


class Linear(NamedTuple):
    """A draw that reads all priorities: what people call it, and what it and making its probabilities costs.

    `calls` are those for a batch, 0 where they cannot be counted; `before` is for all of them, `made` what is gone
    through for it. `of_some`: who asks for a batch says how many priorities that are. `of_sequences`: they are those of
    whole sequences, episodes say, out of each of which another draw takes a step. `is_filled`: nothing is gone
    through any more once the memory is full. `is_again`: to make the probabilities, all are gone through once more for
    each of them.
    """

    node: ir.Node
    path: str
    how: str
    cost: float | None
    before: float
    held: Held
    rhythm: Rhythm
    calls: int = 1
    of_some: bool = False
    is_filled: bool = False
    is_again: bool = False
    made: frozenset[ir.Node] = frozenset()
    of_sequences: bool = False

    @property
    def a_step(self) -> float | None:
        """What it costs for each step of the environment, None where that is not known."""
        return None if self.cost is None else self.rhythm.a_step(self.cost * (self.calls or 1) + self.before)


def linear_draws(graph: ReplayGraph, buffer: ReplayBuffer, unknown: int | None = None) -> list[Linear]:
    """The draws of a memory by priority that read all priorities, where it may be large.

    `unknown` are the priorities that count where nobody knows how many there are.
    """
    if buffer.kind != PRIORITISED:
        return []
    about = graph.priorities(buffer)
    unseen = buffer.samples and not about.is_followed()
    if about.is_reference or not about.is_of_replay or unseen:
        return []
    anatomy = graph.anatomy(buffer)
    if not buffer.stores and not anatomy.containers:
        return []  # numbers made on the spot, to try something out
    dearest: dict[ir.Node, Linear] = {}
    for calls in anatomy.programs:
        capacity = anatomy.room(calls)
        if capacity.largest is None:  # there are as many priorities as transitions
            priorities = {alloc for term in anatomy.containers for alloc in anatomy.allocs(term)}
            capacity = capacity_of(graph, buffer.containers - priorities, calls=calls, holder=buffer.owner)
        for draw in _draws(graph, buffer, anatomy, capacity, unknown, calls):
            known = dearest.setdefault(draw.node, draw)
            if (draw.a_step or 0.0) > (known.a_step or 0.0):
                dearest[draw.node] = draw
    return list(dearest.values())


def far_dearer(draws: Iterable[Linear], cost: float) -> list[Linear]:
    """The draws of a memory that cost so much more for each step that another cost there hardly counts."""
    return [d for d in draws if cost > 0 and not d.is_filled and (d.a_step or 0.0) >= cost * FAR_DEARER]


def of_dearer_tree(graph: ReplayGraph, draw: Linear) -> float | None:
    """What a tree takes that loops of Python go through, to draw a batch and to update it, where that is no less."""
    source = graph.events.draws.get(draw.node) if isinstance(draw.node, ir.Call) else None
    size = None if source is None else batch_argument(source.node, source.method)
    batch = None if size is None else number_of(graph, draw.path, size).least
    if batch is None or draw.cost is None or not draw.held.most or draw.calls != 1:
        return None
    tree = costs.of_tree(batch, draw.held.most)
    return tree if tree > draw.cost + draw.before else None


def _loop_of_one(graph: ReplayGraph, draw: Draw) -> ir.For | ir.Generator | None:
    """The loop or comprehension by which a batch is drawn one at a time; None where a call draws all of it."""
    if not isinstance(draw.node, ir.Call) or batch_argument(draw.node, draw.method) is not None:
        return None
    for around in graph.ancestors(draw.path, draw.node):
        is_retry = isinstance(around, ir.While) and isinstance(around.test, ir.Const) and bool(around.test.value)
        if isinstance(around, (ir.Function, ir.Lambda, ir.While)) and not is_retry:
            break
        if isinstance(around, (ir.For, ir.Comp)) and draw.function is not None:
            steps = any(name_of(node.func) == "step" for node in ir.walk(around) if isinstance(node, ir.Call))
            loop = around if isinstance(around, ir.For) else around.generators[0]
            return None if steps or draw.node in ir.walk(loop.iter) else loop
    return None


def _draws(
    graph: ReplayGraph,
    buffer: ReplayBuffer,
    anatomy: Anatomy,
    capacity: Capacity,
    unknown: int | None,
    calls_of: Calls | None,
) -> Iterator[Linear]:
    """The draws of a buffer that read all priorities, of which there is room for so many in a program."""
    for source in sorted(buffer.sources, key=lambda node: node.start):
        draw = graph.events.draws.get(source)
        given = None if draw is None else draw.probabilities
        is_again = draw is not None and given is not None and costs.is_quadratic(graph, draw.path, given)
        few = _FEW_AGAIN if is_again else SMALL
        room, so_far = (held(graph, buffer, capacity, is_stored, few) for is_stored in (False, True))
        if room is None or so_far is None:
            continue
        if draw is not None and draw.weighted and draw.method not in GREEDY and not _is_of_some(graph, draw):
            weights = draw.probabilities
            is_of_held = weights is None or _is_of_held(graph, anatomy, draw.path, weights)
            read = so_far if is_of_held else room
            count, made = read.most or unknown, set[ir.Node]()
            cost = None if count is None else costs.of_draw(graph, draw, count)
            before = (
                costs.of_preparation(graph, draw.path, weights, count, made) if count and weights is not None else 0.0
            )
            how = f"`{graph.source(draw.path, draw.node.func)}`"
            loop = _loop_of_one(graph, draw)
            calls = 1 if loop is None else turns(graph, draw.path, loop) or 0
            if weights is not None and not isinstance(weights, (ir.Name, ir.Attr)):
                before *= calls or 1  # made anew for each call
            of_some = weights is not None and _is_asked_for(graph, anatomy, draw.path, weights)
            often, parts = rhythm_of(graph, draw.path, draw.node, calls_of), frozenset(made)
            is_whole = _is_of_sequences(graph, draw)
            yield Linear(
                draw.node, draw.path, how, cost, before, read, often, calls, of_some, False, is_again, parts, is_whole
            )
        mass = graph.events.masses.get(source)
        if mass is not None and mass.searched:
            for node, path, summed, how_often in _searches(graph, source):
                count = room.most or unknown
                cost = None if count is None else costs.of_search(graph, summed.path, summed.node, count)
                is_filled = how_often == Remade.GROWING and not so_far.is_counted
                often = rhythm_of(graph, path, node, calls_of)
                yield Linear(node, path, "a cumulative sum made anew", cost, 0.0, room, often, is_filled=is_filled)


def _is_of_held(graph: ReplayGraph, anatomy: Anatomy, path: str, weights: ir.Expr) -> bool:
    """Whether probabilities are those of what is held so far: a part of an array, or a list that grows."""
    return costs.kind_of(graph, path, weights) in ("list", "deque") or grows(anatomy, graph.symbols.term(path, weights))


def _is_asked_for(graph: ReplayGraph, anatomy: Anatomy, path: str, weights: ir.Expr) -> bool:
    """Whether probabilities are those of a part of all priorities whose size a parameter tells: of the newest."""
    read = (part for part in graph.symbols.term(path, weights).walk() if part.op in ("at", "slice"))
    return any(
        anatomy.base_of(part.args[0]) in anatomy.containers and any(bound.has("param") for bound in part.args[1:])
        for part in read
    )


def _is_of_some(graph: ReplayGraph, draw: Draw) -> bool:
    """Whether only some of all priorities are gone through: those of a group of slots, or of slots drawn before."""
    return costs.is_of_drawn(graph, draw) or _is_of_groups(graph, draw)


def _is_of_groups(graph: ReplayGraph, draw: Draw) -> bool:
    """Whether the draw chooses a group of slots and another one a slot of it: neither goes through all priorities.

    The other one adds its position to that of the group, or draws between the bounds of it.
    """
    for other in graph.events.draws.values():
        if other.function is draw.function and other is not draw and not other.weighted:
            bounds = (graph.events.value(part) for given in other.node.args for part in ir.walk(given.value))
            if any(draw.node in bound.tagged("index") for bound in bounds):
                return True
    for node in ir.walk(draw.function) if draw.function is not None else ():
        if isinstance(node, ir.Bin) and node.op == "+":
            sides = [graph.symbols.term(draw.path, side) for side in (node.left, node.right)]
            left, right = ({part.data for part in side.walk() if part.op == "draw"} for side in sides)
            if left and right and left != right and draw.node in left | right:
                return all(graph.events.draws[source].weighted for source in left | right)
    return False


def _is_of_sequences(graph: ReplayGraph, draw: Draw) -> bool:
    """Whether what is drawn is a place along one axis, and another draw a place along the next: `rows[chosen, at]`."""
    for node in ir.walk(draw.function) if draw.function is not None else ():
        if isinstance(node, ir.Sub) and isinstance(node.index, ir.Seq) and len(node.index.items) > 1:
            first, second = (graph.events.value(item).tagged("index") for item in node.index.items[:2])
            if draw.node in first and second and draw.node not in second:
                return True
    return False


def _searches(graph: ReplayGraph, source: ir.Node) -> Iterator[tuple[ir.Call, str, Term, Remade]]:
    """The calls that look a random number up in a cumulative sum of what a container holds, that sum and its making."""
    for site in graph.events.calls.values():
        if _is_search(site.node) and any(source in value.tagged("mass") for value in site.arguments):
            terms = [graph.symbols.term(site.path, arg.value) for arg in site.node.args]
            sums = [(p, remade(graph, t, p)) for t in terms for p in t.walk() if p.op == "cumsum"]
            whole = [
                (part, often)
                for part, often in sums
                if often != Remade.SELDOM and part.has("field") and not _is_level(graph, part.args[0])
            ]
            if whole:
                yield site.node, site.path, *whole[0]


def _is_level(graph: ReplayGraph, summed: Term) -> bool:
    """Whether what is summed is one of several arrays of a container: the level of a tree where a search starts."""
    summed = strip(summed)
    if summed.op not in ("at", "item") or summed.args[0].op != "field":
        return False
    interpreter = graph.interpreter
    held = interpreter.attributes.get(summed.args[0].data, UNKNOWN)
    inside = [interpreter.content_of(atom) for atom in held.atoms if isinstance(atom, Alloc)]
    inside += [item for atom in held.atoms if isinstance(atom, TupleOf) for item in atom.items]
    return any(isinstance(atom, (Alloc, TupleOf)) for value in inside for atom in value.atoms)


def _is_search(node: ir.Call) -> bool:
    name = ir.last_name(node.func)
    return name in SEARCHES
