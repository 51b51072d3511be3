"""How many transitions a run of the program stores at most, where its loops are counted out in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.frequency.lives import Lives, names_in
from per_audit.graph.liveness.memories.usage import without_unmade
from per_audit.graph.memory import axes
from per_audit.graph.memory.branches import Way
from per_audit.graph.memory.breaks import is_never_left
from per_audit.graph.memory.capacity import capacity_of, read
from per_audit.graph.memory.ways import FAR, MOST, Ways, in_one_life
from per_audit.graph.recognise.rows.sequences import filled_by_step

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_SELDOM_FULL = 500_000  # room for more than most runs store whose loops do not say how much that is
_USUAL = 200  # steps of an episode whose limit is not known
_MOST_STORES = 200  # statements that store into one container, each of which is counted for itself


def never_full(graph: ReplayGraph, buffer: ReplayBuffer) -> int | None:
    """The number of transitions that a run stores at most, where each container of the buffer has room for them all.

    None where it is not known, or too many. An option of the command line is what it is where nobody gives it.
    """
    most = stored_at_most(graph, buffer)
    if most is None:
        return None
    room = (capacity_of(graph, (container,), holder=buffer.owner).usual or 0 for container in buffer.containers)
    return most if min(room) >= most else None


def stored_at_most(graph: ReplayGraph, buffer: ReplayBuffer, episode: int | None = None) -> int | None:
    """The number of transitions that a run stores at most, whatever there is room for; None where it is not known.

    `episode` are the steps that an episode counts for whose limit is not known.
    """
    lives, most = Lives.of_buffer(graph, buffer), None
    for container in buffer.containers:
        count = most_stored(graph, buffer, container, lives, episode)
        if count is None:
            return None
        most = max(count, most or 0)
    return most


def usually_stored(graph: ReplayGraph, buffer: ReplayBuffer) -> int | None:
    """The same, where an episode whose limit is not known has as many steps as usual."""
    return stored_at_most(graph, buffer, _USUAL)


def spelled(most: int) -> str:
    """A number of transitions that a run comes to hold, for people."""
    return f"the {most:,} that a run stores at most unless told otherwise"


def once_full(graph: ReplayGraph, buffer: ReplayBuffer, room: str | None) -> str:
    """When a buffer begins to forget, for people, and what is known of whether a run stores as much."""
    if room is not None and filled_by_step(graph, buffer):
        return f"once it holds {room} rows of several transitions each; whether a run fills as many is not known here"
    most = stored_at_most(graph, buffer)
    begun = f"once it holds {room}" if room is not None else "once it is full"
    if most is not None and room is not None:
        return f"{begun} of {spelled(most)}"
    if goes_on_for_ever(graph, buffer):
        return begun
    return f"{begun}; whether a run stores {'more' if room is not None else 'as much'} is not known here"


def is_seldom_full(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether nothing says that a run fills a buffer, and few would: their episodes are counted, or it is very large.

    What is counted has to store as much with episodes of usual length; else half a million transitions are many.
    """
    least = capacity_of(graph, buffer.containers, holder=buffer.owner).least
    if least is None or stored_at_most(graph, buffer) is not None or goes_on_for_ever(graph, buffer):
        return False
    usual = usually_stored(graph, buffer)
    return least >= (_SELDOM_FULL if usual is None else usual)


def goes_on_for_ever(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a loop that is never left stores into a buffer."""
    lives = Lives.of_buffer(graph, buffer)
    return any(_goes_on(graph, store.path, store.node, lives, frozenset(), frozenset()) for store in buffer.stores)


def room_of(graph: ReplayGraph, buffer: ReplayBuffer) -> str | None:
    """How much a buffer has room for, for people: from the least that it is made with to the most; None if unknown."""
    most = capacity_of(graph, buffer.containers, holder=buffer.owner).usual
    if most is None:
        return None
    each = (capacity_of(graph, (container,), holder=buffer.owner) for container in buffer.containers)
    least = min((one.least for one in each if one.least is not None and one.least != one.largest), default=most)
    return f"{most:,}" if least >= most else f"{least:,} to {most:,}"


def most_stored(
    graph: ReplayGraph, buffer: ReplayBuffer, container: Alloc, lives: Lives | None = None, episode: int | None = None
) -> int | None:
    """How many items a run puts into a container of the buffer at most; None where that cannot be told.

    Where a loop begins another buffer, one pass of it is all that fills that one. What is put in place of another item
    of a list makes it no longer.
    """
    stores = [store for store in buffer.stores if store.container == container]
    growing = [store for store in stores if store.how in ("append", "insert", "extend")]
    if len(growing or stores) > _MOST_STORES or any(store.node is container.node for store in growing):
        return None  # an array that is put together anew with one more: that begins nothing
    followed, ways = Ways(graph, lives or Lives.of_buffer(graph, buffer), episode), list[Way]()
    for store in growing or stores:
        found = None if _is_of_many(store) else followed.to(store.path, store.node)
        at_once = _at_once(graph, store) if found is not None else None
        if found is None or at_once is None:
            return None
        ways += [Way(way.calls, {key: count * at_once for key, count in way.counts.items()}) for way in found]
    return in_one_life(graph, ways) or None


def _is_of_many(store: ev.Store) -> bool:
    """Whether a store puts in more than one item, as many as cannot be told."""
    return store.how in ("extend", "rebuild") or isinstance(store.index, ir.Slice)


def _at_once(graph: ReplayGraph, store: ev.Store) -> int | None:
    """How many items a store puts in: one for each environment that an axis before the positions stands for."""
    if store.how != "index" or not axes.whole_axes(store.index):
        return 1
    path, sizes = graph.path_of(store.container.node), axes.beside(graph, store.container)
    return read(graph, [axes.product(graph, path, sizes)]).usual if path is not None and sizes else None


def _goes_on(
    graph: ReplayGraph,
    path: str,
    node: ir.Node,
    lives: Lives,
    seen: frozenset[ev.Owner],
    used: frozenset[str],
) -> bool:
    """Whether a loop that nothing leaves comes by a node, always with the same object."""
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Function):
            break
        if isinstance(around, (ir.For, ir.While)) and lives.begin_in(path, around, node, used):
            return False
        if isinstance(around, ir.While) and is_never_left(around):
            return True
    function = graph.symbols.function_of(path, node)
    if not isinstance(function, ir.Function) or function in seen or len(seen) == FAR:
        return False
    if lives.begin_in(path, None, node, used):
        return False
    sites = without_unmade(graph, [site for site in graph.callers.get(function, []) if not is_test(site.path)])
    seen, used = seen | {function}, used | names_in(graph, function)
    return any(_goes_on(graph, site.path, site.node, lives, seen, used) for site in sites[:MOST])
