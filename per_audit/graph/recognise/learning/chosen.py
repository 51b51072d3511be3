"""Memories that are drawn from together, where one of them keeps chosen transitions: those with a reward, say.

The chosen ones may as well have a part of the same memory to themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, DONE, REWARD, name_of, role_of, words
from per_audit.graph.interpret.values import Alloc, roles_in
from per_audit.graph.model import UNIFORM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_SIZES = {"len", "size", "capacity", "max", "full", "count", "counter", "maxlen", "limit", "random", "rand", "uniform"}

_STACKS = {"concatenate", "vstack", "cat", "concat"}


def drawn_beside(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ReplayBuffer]:
    """The other memories that the same function draws from: each has a share of its own in what is learnt."""
    return [
        other
        for other in (*graph.buffers, *graph.twins)  # what has been put apart may be called prioritised
        if other.kind == UNIFORM
        and (other.path, other.function) == (buffer.path, buffer.function)
        and buffer.function is not None
        and not other.containers & buffer.containers
    ]


def is_of_chosen(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether chosen transitions have a memory of their own beside this one, or are what it or a part of it keeps."""
    together = [buffer, *drawn_beside(graph, buffer)]
    if len(together) == 1:
        return _has_chosen_part(graph, buffer) or bool(chosen_objects(graph, buffer))
    asks = _asks_for_more if _are_joined(graph, together) else _asks
    return any(_keeps_chosen(graph, each, together, asks) for each in together)


def is_apart_by_action(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the transitions of each action have a memory of their own: all are kept, and none is chosen."""
    together = [buffer, *drawn_beside(graph, buffer)]
    return len(together) > 1 and all(_keeps_chosen(graph, each, together, _asks_for_action) for each in together)


def chosen_objects(graph: ReplayGraph, buffer: ReplayBuffer) -> int:
    """How many objects of its class a function draws from, where a test of a reward decides on what one is given."""
    stores = {store.function for store in buffer.stores if isinstance(store.function, ir.Function)}
    given = [site for function in stores for site in graph.callers.get(function, ())]
    for function in {site.function for site in buffer.samples if isinstance(site.function, ir.Function)}:
        names = {name for site in buffer.samples if site.function is function and (name := _holder(graph, site))}
        blocks = {
            name: [_asked(graph, site) for site in given if _is_of(graph, site, function, name)] for name in names
        }
        chosen = {name for name, asked in blocks.items() if asked and all(asked)}
        if chosen and any(asked and not any(asked) for asked in blocks.values()):
            return len(names)
    return 0


def shares_with_chosen(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether one of several draws is from positions that a test has kept, `self.high.add(at)`, and others are not.

    What is kept so is forgotten with the rest.
    """
    draws = [draw for draw in buffer.draws if draw in graph.events.draws and draw.args]
    if len(draws) < 2:
        return False
    chosen = [_is_of_chosen_positions(graph, buffer, draw.args[0].value) for draw in draws]
    return any(chosen) and not all(chosen)


def _is_of_chosen_positions(graph: ReplayGraph, buffer: ReplayBuffer, population: ir.Expr) -> bool:
    fields = (part.node for part in graph.symbols.term(buffer.path, population).walk() if part.op == "field")
    kept = {atom for node in fields for atom in graph.events.value(node).atoms if isinstance(atom, Alloc)}
    stores = [each for each in graph.events.stores.values() if each.container in kept]
    return bool(stores) and all(
        not (roles_in(store.value) | store.roles)  # a position, and no row
        and any(_asks_for_more(branch.test) for branch, _ in _branches(graph, store))
        for store in stores
    )


def _holder(graph: ReplayGraph, site: ev.CallSite) -> str:
    """What an object is called of which a method is called."""
    return graph.source(site.path, site.node.func.value) if isinstance(site.node.func, ir.Attr) else ""


def _is_of(graph: ReplayGraph, site: ev.CallSite, function: ir.Function, name: str) -> bool:
    return site.function is function and _holder(graph, site) == name


def _asked(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether a call stands under a test of a reward or an end."""
    return any(
        isinstance(around, ir.If) and _asks(around.test) and site.node not in set(ir.walk(around.test))
        for around in graph.ancestors(site.path, site.node)
    )


def _has_chosen_part(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a test of what is stored decides in which part of a memory it goes, and each part is drawn from."""
    drawing = [graph.events.draws[draw].function for draw in buffer.draws if draw in graph.events.draws]
    if drawing.count(buffer.function) < 2 or not buffer.stores:
        return False
    return all(isinstance(store.index, ir.Name) and _is_put_apart(store, store.index.id) for store in buffer.stores)


def _is_put_apart(store: ev.Store, at: str) -> bool:
    """Whether both branches of a test of what is stored, before it is, give the position that it gets."""
    if not isinstance(store.function, ir.Function):
        return False
    given = {parameter.name for parameter in store.function.parameters[1:]}
    branches = (part for part in store.function.body if isinstance(part, ir.If) and part.start < store.node.start)
    return any(
        _asks_for_more(branch.test)
        and any(isinstance(part, ir.Name) and part.id in given for part in ir.walk(branch.test))
        and all(_gives(block, at) for block in (branch.body, branch.orelse))
        for branch in branches
    )


def _gives(block: list[ir.Stmt], name: str) -> bool:
    targets = [target for part in block if isinstance(part, ir.Assign) for target in part.targets]
    return any(isinstance(target, ir.Name) and target.id == name for target in targets)


def _keeps_chosen(
    graph: ReplayGraph, buffer: ReplayBuffer, together: list[ReplayBuffer], asks: Callable[[ir.Expr], bool]
) -> bool:
    """Whether a test of what is stored decides on all that this memory is given, and on nothing of the others."""
    others = {store.node for other in together if other is not buffer for store in other.stores}
    return bool(buffer.stores) and all(
        any(asks(branch.test) and others.isdisjoint(ir.walk(*block)) for branch, block in _branches(graph, store))
        for store in buffer.stores
    )


def _are_joined(graph: ReplayGraph, together: list[ReplayBuffer]) -> bool:
    """Whether what is drawn from two of the memories is put into one batch: `sample(a, n) + sample(b, n)`.

    Those of several agents are drawn from side by side as well, and their columns may be laid side by side.
    """
    function = together[0].function
    parts = list(ir.walk(*([function] if function is not None else [])))
    if any(sides and all(_drawn(graph, side, together) for side in sides) for sides in map(_joined, parts)):
        return True
    stacks = (_stacked(part) for part in parts if isinstance(part, ir.Call))
    return any(
        all(_drawn(graph, side, together) for side in sides) and _differ(graph, sides, together) for sides in stacks
    )


def _stacked(call: ir.Call) -> list[ir.Expr]:
    """What is put one below the other: `np.concatenate((a, b))`, `torch.cat([a, b], dim=0)`."""
    if ir.last_name(call.func) not in _STACKS or not call.args or not isinstance(call.args[0].value, ir.Seq):
        return []
    along = next((arg.value for arg in call.args[1:] if arg.keyword in (None, "axis", "dim")), None)
    is_first = along is None or (isinstance(along, ir.Const) and along.value == 0)
    return call.args[0].value.items if is_first else []


def _differ(graph: ReplayGraph, sides: list[ir.Expr], together: list[ReplayBuffer]) -> bool:
    """Whether one of the parts holds rows of a memory that another part has none of."""
    drawn = [graph.events.value(side).tagged("draw") for side in sides]
    shares = ([bool(each & set(buffer.draws)) for each in drawn] for buffer in together)
    return any(any(share) and not all(share) for share in shares)


def _joined(node: ir.Node) -> list[ir.Expr]:
    """What a node makes one list of: `a + b`, `a += b`, `a.extend(b)`; nothing for others."""
    if isinstance(node, ir.Bin) and node.op == "+":
        return [node.left, node.right]
    if isinstance(node, ir.Aug) and node.op == "+" and isinstance(node.target, ir.Name):
        return [node.target, node.value]
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "extend" and node.args:
        return [node.func.value, node.args[0].value]
    return []


def _drawn(graph: ReplayGraph, node: ir.Expr, together: list[ReplayBuffer]) -> bool:
    """Whether an expression holds rows that were drawn from one of the memories."""
    drawn = graph.events.value(node).tagged("draw")
    return any(not drawn.isdisjoint(buffer.draws) for buffer in together)


def _branches(graph: ReplayGraph, store: ev.Store) -> Iterator[tuple[ir.If, list[ir.Stmt]]]:
    """The branches around a store, each with its statements on the way to it."""
    below: ir.Node = store.node
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.Function, ir.For, ir.While)):
            return
        if isinstance(around, ir.If):
            yield around, around.body if below in around.body else around.orelse
        below = around


def _asks(test: ir.Expr) -> bool:
    """Whether a test asks for a reward or an end."""
    return any(role_of(part) in (REWARD, DONE) for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr)))


def _asks_for_more(test: ir.Expr) -> bool:
    """Whether a test asks for something else than how much there is, for a random number, or for what was done."""
    named = [part for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr))]
    is_of_row = bool(named) and all(_SIZES.isdisjoint(words(name_of(part) or "")) for part in named)
    return is_of_row and not _asks_for_action(test)


def _asks_for_action(test: ir.Expr) -> bool:
    """Whether a test asks for the action alone: no transition is better to learn from for what was done in it."""
    roles = {role_of(part) for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr))}
    return roles == {ACTION}
