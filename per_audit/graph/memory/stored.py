"""How many transitions a run of the program stores at most, where its loops are counted out in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.limits import rounds
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.frequency.lives import Lives, names_in
from per_audit.graph.liveness.memories.usage import without_unmade
from per_audit.graph.memory import axes
from per_audit.graph.memory.branches import Way, together
from per_audit.graph.memory.breaks import is_left_after, is_never_left, passes_until_left
from per_audit.graph.memory.capacity import capacity_of, number_of, read

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR, _MOST = 6, 8  # calls from the start of the program to the store, and calls of one function, that are followed
_SELDOM_FULL = 500_000  # room for more than most runs store whose loops do not say how much that is
_USUAL = 200  # steps of an episode whose limit is not known
_MOST_STORES = 200  # statements that store into one container, each of which is counted for itself


def never_full(graph: ReplayGraph, buffer: ReplayBuffer) -> int | None:
    """The number of transitions that a run stores at most, where each container of the buffer has room for them all.

    None where it is not known, or too many. An option of the command line is what it is where nobody gives it.
    """
    most = stored_at_most(graph, buffer)
    room = [capacity_of(graph, (container,)).usual or 0 for container in buffer.containers]
    return most if most is not None and min(room) >= most else None


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
    least = capacity_of(graph, buffer.containers).least
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
    most = capacity_of(graph, buffer.containers).usual
    if most is None:
        return None
    each = (capacity_of(graph, (container,)) for container in buffer.containers)
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
    if len(growing or stores) > _MOST_STORES:
        return None
    lives, ways = lives or Lives.of_buffer(graph, buffer), list[Way]()
    for store in growing or stores:
        place, none = (store.path, store.node), frozenset[str]()
        found = None if _is_of_many(store) else _ways(graph, *place, lives, frozenset(), none, episode)
        at_once = _at_once(graph, store) if found is not None else None
        if found is None or at_once is None:
            return None
        ways += [Way(way.calls, {key: count * at_once for key, count in way.counts.items()}) for way in found]
    return _in_one_life(graph, ways) or None


def _is_of_many(store: ev.Store) -> bool:
    """Whether a store puts in more than one item, as many as cannot be told."""
    return store.how in ("extend", "rebuild") or isinstance(store.index, ir.Slice)


def _at_once(graph: ReplayGraph, store: ev.Store) -> int | None:
    """How many items a store puts in: one for each environment that an axis before the positions stands for."""
    if store.how != "index" or not axes.whole_axes(store.index):
        return 1
    path, sizes = graph.path_of(store.container.node), axes.beside(graph, store.container)
    return read(graph, [axes.product(graph, path, sizes)]).usual if path is not None and sizes else None


def times(graph: ReplayGraph, path: str, node: ir.Node, lives: Lives | None = None) -> int | None:
    """How often a run comes by a node at most, in one life of what the node works on; None where that is open."""
    ways = _ways(graph, path, node, lives, frozenset(), frozenset())
    return None if ways is None else _in_one_life(graph, ways)


def _in_one_life(graph: ReplayGraph, ways: list[Way]) -> int:
    counts = together(graph, ways)
    return counts.pop(None, 0) + max(counts.values(), default=0)


def _ways(
    graph: ReplayGraph,
    path: str,
    node: ir.Node,
    lives: Lives | None,
    seen: frozenset[ev.Owner],
    used: frozenset[str],
    episode: int | None = None,
) -> list[Way] | None:
    """The ways from the start of the program to a node, and how often each is gone at most; None for what is open.

    The counts are by what begins a life: a loop, a function, a file, or an object of a class. `seen` and `used` are the
    functions below and the names that they read.
    """
    place = (path, node)
    loops: list[ir.For | ir.While] = []
    below, once = node, False
    for around in graph.ancestors(path, node):
        once = once or is_left_after(around, below)
        below = around
        if isinstance(around, (ir.Lambda, ir.Comp)):
            return None
        if isinstance(around, ir.Function):
            break
        if isinstance(around, (ir.For, ir.While)):
            if lives is not None and lives.begin_in(path, around, node, used):
                passes = _passes(graph, path, loops, episode)
                return None if passes is None else [Way((place,), {around: passes})]
            loops += [] if once else [around]
            once = False
    passes = _passes(graph, path, loops, episode)
    function = graph.symbols.function_of(path, node)
    is_begun = lives is not None and lives.begin_in(path, None, node, used)
    if passes is None:
        return None
    if function is None or is_begun:
        return [Way((place,), {(function or path) if is_begun else None: passes})]
    if not isinstance(function, ir.Function) or function in seen or len(seen) == _FAR:
        return None
    callers = graph.callers.get(function, [])
    # Neither a test nor what belongs to an agent that nothing makes is a run of the program.
    sites = without_unmade(graph, [site for site in callers if not is_test(site.path)])
    if not callers and _is_by_hand(graph, function):
        return [Way((place,), {None: passes})]
    if not sites or len(sites) > _MOST:
        return None
    ways: list[Way] = []
    for site in sites:
        outer = _ways(graph, site.path, site.node, lives, seen | {function}, used | names_in(function), episode)
        if outer is None:
            return None
        holder = lives.holder(site.function) if lives is not None else None
        is_other = holder is not None and holder is not graph.project.class_of.get(function)
        for calls, counts in outer:
            mine = {(holder, key) if is_other else key: passes * count for key, count in counts.items()}
            ways.append(Way((*calls, place), mine))
    return ways


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
    if not isinstance(function, ir.Function) or function in seen or len(seen) == _FAR:
        return False
    if lives.begin_in(path, None, node, used):
        return False
    sites = without_unmade(graph, [site for site in graph.callers.get(function, []) if not is_test(site.path)])
    seen, used = seen | {function}, used | names_in(function)
    return any(_goes_on(graph, site.path, site.node, lives, seen, used) for site in sites[:_MOST])


def _is_by_hand(graph: ReplayGraph, function: ir.Function) -> bool:
    """Whether a function that nobody calls is started by hand, rather than by those who are given it, or a method."""
    if function.decorators or graph.project.class_of.get(function) is not None:
        return False
    return not any(
        function.name in (getattr(node, "id", ""), getattr(node, "attr", ""))
        for module in graph.project.modules.values()
        if function.name.encode() in module.text
        for node in (*module.nodes_of(ir.Name), *module.nodes_of(ir.Attr))
    )


def _passes(graph: ReplayGraph, path: str, loops: list[ir.For | ir.While], episode: int | None) -> int | None:
    """How often the innermost of some loops is gone through; a loop around it may count its passes."""
    passes, outer = 1, loops
    for number, loop in enumerate(loops):
        limit, apart = _counts(loop, loops[0]) if isinstance(loop, ir.While) else (None, None)
        count = number_of(graph, path, limit).usual if limit is not None else None
        if count is not None and apart is not None:
            step = number_of(graph, path, apart)
            passes, outer = -(-count // (step.least if step.usual and step.least else 1)), loops[number + 1 :]
            break
    for loop in outer:
        known = (rounds(graph, path, loop, episode), passes_until_left(graph, path, loop))
        turns = min((most for most in known if most is not None), default=None)
        if turns is None:
            return None
        passes *= int(turns)
    return passes


def _counts(loop: ir.While, inner: ir.For | ir.While) -> tuple[ir.Expr | None, ir.Expr | None]:
    """What a loop counts up to, `while step < limit`, and by how much in a pass of a loop inside of it or its own."""
    test = loop.test
    if not isinstance(test, ir.Cmp) or test.ops not in (["<"], ["<="]) or not isinstance(test.left, ir.Name):
        return None, None
    steps = [
        node.value
        for node in inner.body
        if isinstance(node, ir.Aug) and node.op == "+" and getattr(node.target, "id", "") == test.left.id
    ]
    return (test.rights[0], steps[0]) if steps else (None, None)
