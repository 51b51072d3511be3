"""Memories of transitions that are no finding, and why: drawn from in another way, or by priority at a setting."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import (
    ACTION,
    NEXT,
    POLICY,
    REWARD,
    STATE,
    looks_like_transition,
    role_of,
    role_of_name,
)
from per_audit.graph.interpret.values import Alloc, roles_in
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.model import PRIORITISED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

SWITCHED, RECENT, SEQUENCES, DATA_SET = "switched", "recent", "sequences", "data set"
_DATA_SETS = {"torch.utils.data.Dataset", "torch.utils.data.IterableDataset"}
_FEWEST = 4  # names that a stored step is taken apart into


@dataclass(frozen=True, slots=True)
class Aside:
    """A memory that no rule about draws is for: `why` says what is special, at `node`; `other` draws by priority."""

    why: str
    name: str
    path: str
    node: ir.Node
    other: ReplayBuffer | None = None


def set_aside(graph: ReplayGraph) -> list[Aside]:
    """The memories that are no finding, in order of their places; each once."""
    known = {buffer.owner for buffer in graph.buffers if buffer.owner is not None}
    found: dict[tuple[str, str], Aside] = {}
    for aside in (*_switched(graph, known), *_of_sequences(graph, known), *_recent(graph), *_data_sets(graph, known)):
        found.setdefault((aside.path, aside.name), aside)
    return sorted(found.values(), key=lambda aside: (aside.path, aside.node.start))


def _switched(graph: ReplayGraph, known: set[ir.Class]) -> Iterator[Aside]:
    """Uniform draws in whose place the project can draw by priority."""
    others = [buffer for buffer in graph.buffers if buffer.kind == PRIORITISED]
    for twin in graph.twins:
        if twin.owner is None or twin.owner not in known:
            yield Aside(SWITCHED, graph.name_of(twin), twin.path, twin.draws[0], _nearest(others, twin))


def _nearest(others: list[ReplayBuffer], twin: ReplayBuffer) -> ReplayBuffer | None:
    """The one of the file, else of the folder; None where that leaves several classes."""
    folder = twin.path.rpartition("/")[0]
    for near in (
        [other for other in others if other.path == twin.path],
        [other for other in others if other.path.rpartition("/")[0] == folder],
    ):
        if near:
            return near[0] if len({other.owner for other in near}) == 1 else None
    return None


# ---------------------------------------------------------------- sequences


def _of_sequences(graph: ReplayGraph, known: set[ir.Class]) -> Iterator[Aside]:
    """Draws of several steps in a row, each of which is gone through step by step."""
    steps = _steps(graph)
    for draw in graph.events.draws.values():
        owner = _owner(graph, draw.function)
        if draw.weighted or owner is None or owner in known or is_test(draw.path):
            continue
        if draw.items and draw.containers and draw.node in steps:
            yield Aside(SEQUENCES, graph.project.qualified(owner), draw.path, draw.node)


def _owner(graph: ReplayGraph, function: ev.Owner) -> ir.Class | None:
    return graph.project.class_of.get(function) if function is not None else None


def _steps(graph: ReplayGraph) -> set[ir.Node]:
    """The draws whose items are gone through by a loop in a loop, each turn taking a step of an episode apart."""
    found: set[ir.Node] = set()
    for unpack in graph.events.unpacks.values():
        names = {role for item in unpack.node.items if (role := role_of(item))}
        is_step = len(unpack.node.items) >= _FEWEST and {REWARD, STATE, ACTION} <= names
        around = graph.ancestors(unpack.path, unpack.node)
        loops = [node for node in around if isinstance(node, ir.For)]
        if is_step and len(loops) > 1 and _goes_through(loops[0], loops[1]):
            found |= unpack.value.tagged("draw") | graph.events.value(loops[1].iter).tagged("draw")
    return found


def _goes_through(inner: ir.For, outer: ir.For) -> bool:
    """Whether one loop is over what each turn of the other one gives."""
    given = {part.id for part in ir.walk(outer.target) if isinstance(part, ir.Name)}
    return any(isinstance(part, ir.Name) and part.id in given for part in ir.walk(inner.iter))


# ---------------------------------------------------------------- the newest transitions


def _recent(graph: ReplayGraph) -> Iterator[Aside]:
    """Containers of transitions of which the last ones are taken in order, and from which nothing is drawn."""
    drawn = {container for draw in graph.events.draws.values() for container in draw.containers}
    drawn |= {gather.container for gather in graph.events.gathers.values()}
    emptied = {e.container for e in graph.events.evictions.values() if e.how in ("clear", "reset")}
    roles: dict[Alloc, set[str]] = defaultdict(set)
    for store in graph.events.stores.values():
        roles[store.container] |= roles_in(store.value) | store.roles
    for path, module in graph.project.modules.items():
        if is_test(path):
            continue
        for node in ir.walk(*module.body):
            taken = _last_ones(graph, path, node)
            for container in graph.events.value(taken).atoms if taken is not None else ():
                if not isinstance(container, Alloc) or container in drawn | emptied:
                    continue
                held = roles[container] | _taken_apart(graph, path, node)
                if POLICY in held:
                    continue
                if looks_like_transition(held) and (function := _around(graph, path, node)) is not None:
                    owner = _owner(graph, function)
                    name = graph.project.qualified(owner) if owner is not None else graph.symbol(function, path)
                    yield Aside(RECENT, name, path, node)


def _around(graph: ReplayGraph, path: str, node: ir.Node) -> ir.Function | None:
    return next((around for around in graph.ancestors(path, node) if isinstance(around, ir.Function)), None)


def _last_ones(graph: ReplayGraph, path: str, node: ir.Node) -> ir.Expr | None:
    """What the last ones are taken of: `memory[-n:]`, or `memory[i]` where i counts from the length less n."""
    if not isinstance(node, ir.Sub):
        return None
    if isinstance(node.index, ir.Slice):
        lower, upper = node.index.lower, node.index.upper
        is_last = isinstance(lower, ir.Un) and lower.op == "-" and not isinstance(lower.operand, ir.Const)
        return _bare(node.value) if is_last and upper is None else None
    if isinstance(node.index, ir.Name):
        for loop in graph.ancestors(path, node):
            if isinstance(loop, ir.For) and getattr(loop.target, "id", None) == node.index.id:
                return node.value if _counts_to_end(graph, path, loop) else None
    return None


def _bare(node: ir.Expr) -> ir.Expr:
    """`X` of `list(X)`."""
    is_list = isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id in ("list", "tuple")
    return node.args[0].value if isinstance(node, ir.Call) and is_list and len(node.args) == 1 else node


def _counts_to_end(graph: ReplayGraph, path: str, loop: ir.For) -> bool:
    """Whether a loop is `for i in range(l - n, l)`, with more than a number taken off."""
    call = loop.iter
    name = getattr(call.func, "id", "") if isinstance(call, ir.Call) else ""
    if not isinstance(call, ir.Call) or name not in ("range", "xrange") or len(call.args) != 2:
        return False
    first, last = call.args[0].value, call.args[1].value
    off = [n for n in ir.walk(first) if isinstance(n, ir.Bin) and n.op == "-" and not isinstance(n.right, ir.Const)]
    return any(graph.source(path, node.left) == graph.source(path, last) for node in off)


def _taken_apart(graph: ReplayGraph, path: str, node: ir.Node) -> set[str]:
    """The roles of the names that loops of the function take rows apart into."""
    function = _around(graph, path, node)
    loops = [n for n in ir.walk_scope(function.body) if isinstance(n, ir.For)] if function is not None else []
    rows = [loop.target for loop in loops if isinstance(loop.target, ir.Seq) and len(loop.target.items) >= _FEWEST]
    return {role for row in rows for item in row.items if (role := role_of(item))}


# ---------------------------------------------------------------- data sets


def _data_sets(graph: ReplayGraph, known: set[ir.Class]) -> Iterator[Aside]:
    """Data sets for PyTorch's loaders that draw transitions by themselves, often of episodes in files."""
    for owner in graph.project.classes:
        if owner in known or not graph.classes.external_bases(owner) & _DATA_SETS:
            continue
        methods = {method for method in owner.body if isinstance(method, ir.Function)}
        draws = [d for d in graph.events.draws.values() if d.function in methods and not d.weighted]
        nodes = [node for method in methods for node in ir.walk_scope(method.body)]
        read = {role for node in nodes if isinstance(node, ir.Sub) and (role := _key(node))}
        path = graph.project.module_of[owner].path
        if draws and {REWARD, ACTION} <= read and read & {STATE, NEXT} and POLICY not in read and not is_test(path):
            last = max(draws, key=lambda draw: draw.node.start)
            yield Aside(DATA_SET, graph.project.qualified(owner), path, last.node)


def _key(node: ir.Sub) -> str | None:
    """The role of the key that a subscript has."""
    index = node.index
    return role_of_name(index.value) if isinstance(index, ir.Const) and isinstance(index.value, str) else None
