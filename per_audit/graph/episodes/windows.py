"""Windows of the last few transitions whose rewards are summed before they are stored: returns over n steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import endings, moments
from per_audit.graph.interpret.roles import DONE, REWARD, role_of_name
from per_audit.graph.interpret.values import Alloc, roles_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_LOOPS = (ir.For, ir.While)
_DEEPEST = 3
_PRODUCTS = ("dot", "inner", "vdot")


@dataclass(frozen=True, slots=True, eq=False)
class ReturnSum:
    """A discounted sum of rewards over a window that an object keeps: the sum, its loop, the containers.

    A sum over the product of whole arrays is its own loop.
    """

    node: ir.Node
    loop: ir.For | ir.Comp | ir.Call
    function: ir.Function
    path: str
    windows: frozenset[Alloc]


def return_sums(graph: ReplayGraph, buffer: ReplayBuffer, local: bool = False) -> list[ReturnSum]:
    """The sums over windows on the way of transitions into the buffer.

    `local`: also over windows that no object keeps.
    """
    sums: list[ReturnSum] = []
    for function in functions_near(graph, buffer):
        path = graph.project.module_of[function].path
        for node, loop in _sums(graph, path, function):
            windows = _windows(graph, loop, local)
            if windows:
                sums.append(ReturnSum(node, loop, function, path, windows))
    return sorted(sums, key=lambda found: (found.path, found.node.start))


def functions_near(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ir.Function]:
    """The functions on the way of transitions into the buffer: its methods, and what those that store may call."""
    near: dict[ir.Function, None] = {}
    if buffer.owner is not None:
        near.update((s, None) for s in buffer.owner.body if isinstance(s, ir.Function))
    for store in buffer.stores:
        if isinstance(store.function, ir.Function):
            for function in (store.function, *_callers(graph, store.function)):
                found = graph.reachable(function, _DEEPEST) if function is not None else ()
                near.update((f, None) for f in found if isinstance(f, ir.Function))
    return list(near)


def _callers(graph: ReplayGraph, function: ir.Function) -> list[ev.Owner]:
    """What calls a function, and what calls the overriding methods that hand on to it."""
    found: dict[ev.Owner, None] = {}
    pending = [function]
    while pending:
        for site in graph.callers.get(pending.pop(), ()):
            caller = site.function
            if caller not in found and isinstance(caller, ir.Function) and caller.name == function.name:
                pending.append(caller)
            found[caller] = None
    return list(found)


def _sums(graph: ReplayGraph, path: str, function: ir.Function) -> Iterator[tuple[ir.Node, ir.For | ir.Comp | ir.Call]]:
    """The discounted sums in a function: `R += gamma**i * r`, `R = r + gamma * R`, `sum(gamma**i * r for ...)`.

    So is the sum of a product with an array of powers: `np.sum(rewards * gammas)`, `np.dot(rewards, gammas)`.
    """
    for node in ir.walk_scope(function.body):
        if isinstance(node, ir.Comp) and node.kind in ("list", "generator") and _has_power(node.elt):
            around = next((a for a in graph.ancestors(path, node) if isinstance(a, ir.Call)), None)
            if around is not None and _called(around) == "sum":
                yield around, node
        elif isinstance(node, (ir.Aug, ir.Assign)) and (_adds_power(node) or _recurs(node)):
            loop = next((a for a in graph.ancestors(path, node) if isinstance(a, (*_LOOPS, ir.Function))), None)
            if isinstance(loop, ir.For):
                yield node, loop
        elif isinstance(node, ir.Call) and any(_is_of_powers(graph, path, factor) for factor in _multiplied(node)):
            yield node, node


def _multiplied(call: ir.Call) -> list[ir.Expr]:
    """The factors of a product that a call sums up; nothing for any other call."""
    given = [arg.value for arg in call.args if arg.keyword is None]
    if _called(call) in _PRODUCTS:
        return given[:2]
    held = call.func.value if isinstance(call.func, ir.Attr) else None
    whole = held if isinstance(held, ir.Bin) else given[0] if given else None
    is_product = _called(call) == "sum" and isinstance(whole, ir.Bin) and whole.op == "*"
    return [whole.left, whole.right] if is_product and isinstance(whole, ir.Bin) else []


def _is_of_powers(graph: ReplayGraph, path: str, factor: ir.Expr) -> bool:
    """Whether a factor is an array of the powers of something."""
    if not isinstance(factor, (ir.Name, ir.Attr)):
        return _has_power(factor)
    return graph.symbols.expanded(graph.symbols.term(path, factor)).has("pow")


def _adds_power(node: ir.Aug | ir.Assign) -> bool:
    """`R += gamma**i * r`."""
    return isinstance(node, ir.Aug) and node.op == "+" and _has_power(node.value)


def _called(node: ir.Call) -> str:
    return node.func.attr if isinstance(node.func, ir.Attr) else node.func.id if isinstance(node.func, ir.Name) else ""


def _has_power(node: ir.Expr | None) -> bool:
    return node is not None and any(isinstance(part, ir.Bin) and part.op == "**" for part in ir.walk(node))


def _recurs(node: ir.Aug | ir.Assign) -> bool:
    """`R = r + gamma * R`."""
    if not isinstance(node, ir.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ir.Name):
        return False
    name, value = node.targets[0].id, node.value
    if not isinstance(value, ir.Bin) or value.op != "+":
        return False
    return any(
        isinstance(side, ir.Bin)
        and side.op == "*"
        and any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(side))
        for side in (value.left, value.right)
    )


def _windows(graph: ReplayGraph, loop: ir.For | ir.Comp | ir.Call, local: bool) -> frozenset[Alloc]:
    """The containers that the loop reads and nothing is drawn from; not `local`: those that attributes keep."""
    replay = {container for draw in graph.events.draws.values() for container in draw.containers}
    replay |= {gather.container for gather in graph.events.gathers.values()}
    read = {
        atom
        for part in ir.walk(loop)
        if isinstance(part, (ir.Name, ir.Attr, ir.Sub))
        for atom in graph.events.value(part).atoms
        if isinstance(atom, Alloc) and atom.kind in ("deque", "list") and atom not in replay
    }
    rewards = {atom for atom in read if REWARD in held(graph, atom)}
    return frozenset(atom for atom in rewards if local or owner_of(graph, atom) is not None)


def held(graph: ReplayGraph, window: Alloc) -> frozenset[str]:
    """The fields of what a window holds."""
    return roles_in(graph.interpreter.content_of(window.node), 3)


def owner_of(graph: ReplayGraph, window: Alloc) -> ir.Class | None:
    """The class whose objects keep the window in an attribute, directly or in a list of several."""
    for (cls, _), value in graph.interpreter.attributes.items():
        for atom in value.atoms:
            if atom == window:
                return cls
            if isinstance(atom, Alloc) and window in graph.interpreter.content_of(atom).atoms:
                return cls
    return None


def looks_at_ends(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether the sum may stop at the end of an episode: its loop tests something or computes with an end."""
    for node in ir.walk(found.loop):
        if isinstance(node, (ir.If, ir.IfExp, ir.Jump, ir.Return)) and getattr(node, "kind", "") != "pass":
            return True
        if isinstance(node, ir.Generator) and node.ifs:
            return True
        if endings.is_end(graph, node) and isinstance(node, (ir.Attr, ir.Sub)):
            return True
        if isinstance(node, ir.Name) and endings.is_end(graph, node):
            parent = next(graph.ancestors(found.path, node), None)
            if not isinstance(parent, ir.Seq):
                return True
    return False


def ends_known(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether the window holds the ends of episodes, or what fills it is told of them and goes by none."""
    return any(DONE in held(graph, window) for window in found.windows) or _told_in_vain(graph, found)


def _told_in_vain(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether what puts rewards into a window of their own is handed the end, which nothing of their class tests.

    Nor does a test ask for something that changes from step to step beside the window, such as a count of steps that
    begins anew with each episode.
    """
    stores = [store for store in graph.events.stores.values() if store.container in found.windows]
    fillers = {store.function for store in stores}
    if not fillers or not all(isinstance(f, ir.Function) and _is_handed_end(graph, f) for f in fillers):
        return False
    owners = [cls for window in found.windows if (cls := owner_of(graph, window)) is not None]
    methods = {part for cls in owners for part in cls.body if isinstance(part, ir.Function)} | {found.function}
    methods |= {function for function in fillers if isinstance(function, ir.Function)}
    tests = [
        node.test
        for function in methods
        for node in ir.walk_scope(function.body)
        if isinstance(node, (ir.If, ir.IfExp, ir.While))
    ]
    parts = [part for test in tests for part in ir.walk(test)]
    given = {parameter.name for method in methods for parameter in method.parameters[1:]}
    if any(endings.is_end(graph, part) or (isinstance(part, ir.Name) and part.id in given) for part in parts):
        return False
    return not _change(
        methods, {part.attr for part in parts if isinstance(part, ir.Attr) and _is_state(graph, found, part)}
    )


def _is_handed_end(graph: ReplayGraph, function: ir.Function) -> bool:
    """Whether a parameter is the end of an episode, and one with a default is given by some caller."""
    shift = function in graph.project.class_of
    return any(
        parameter.default is None
        or any(site.node.argument(place - shift, parameter.name) for site in graph.callers.get(function, ()))
        for place, parameter in enumerate(function.parameters)
        if role_of_name(parameter.name) == DONE
    )


def _is_state(graph: ReplayGraph, found: ReturnSum, part: ir.Attr) -> bool:
    """Whether an attribute is something else than a window."""
    return found.windows.isdisjoint(graph.events.value(part).atoms)


def _change(methods: set[ir.Function], names: set[str]) -> bool:
    """Whether methods other than the constructor assign to one of some attributes."""
    return any(
        isinstance(target, ir.Attr) and target.attr in names
        for method in methods
        if method.name != "__init__"
        for node in ir.walk_scope(method.body)
        for target in (
            node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
        )
    )


def emptied(graph: ReplayGraph, found: ReturnSum) -> list[ev.Evict]:
    """Where the window is emptied at once: cleared, made anew, or popped in a loop, by itself or by what it calls."""
    places: list[ev.Evict] = []
    for evict in graph.events.evictions.values():
        if evict.container in found.windows:
            is_whole = evict.how != "pop" or _in_loop(graph, evict.path, evict.node)
            places += [evict] if is_whole else _drained(graph, found, evict)
    return places


def _drained(graph: ReplayGraph, found: ReturnSum, evict: ev.Evict) -> list[ev.Evict]:
    """The calls of what pops one step that a loop repeats until the window is as short as it asks for."""
    places: list[ev.Evict] = []
    seen: set[ev.Owner] = set()
    edge = {evict.function}
    for _ in range(_DEEPEST):
        edge = {f for f in edge - seen if isinstance(f, ir.Function)}
        seen |= edge
        sites = [site for function in edge for site in graph.callers.get(function, ())]
        places += [
            replace(evict, node=site.node, function=site.function, path=site.path)
            for site in sites
            if any(_drains(graph, found, loop) for loop in graph.loops_around(site.path, site.node))
        ]
        edge = {site.function for site in sites}
    return places


def _drains(graph: ReplayGraph, found: ReturnSum, loop: ir.For | ir.While) -> bool:
    """Whether a loop asks what the window holds and puts nothing in; one over steps fills it again."""
    if isinstance(loop, ir.While) and _is_trim(loop.test):
        return False
    tests = [loop.iter if isinstance(loop, ir.For) else loop.test]
    tests += [node.test for node in ir.walk(*loop.body) if isinstance(node, ir.If)]
    called = _targets(graph, ir.walk(*loop.body))
    filled = {store.function for store in graph.events.stores.values() if store.container in found.windows}
    if any(filled & graph.reachable(function) for function in called):
        return False
    inside = set(ir.walk(loop))
    if any(s.node in inside for s in graph.events.stores.values() if s.container in found.windows):
        return False
    answers = [f.body for f in _targets(graph, ir.walk(*tests)) if isinstance(f, ir.Function)]
    return any(
        not found.windows.isdisjoint(graph.events.value(node).atoms)
        for node in (*ir.walk(*tests), *(node for body in answers for node in ir.walk_scope(body)))
        if isinstance(node, (ir.Name, ir.Attr, ir.Sub))
    )


def _is_trim(test: ir.Expr) -> bool:
    """Whether a loop goes on while the window is full, `while len(self.window) >= self.n`, and leaves the rest in."""
    return isinstance(test, ir.Cmp) and test.ops[0] in ("==", ">=", ">") and isinstance(test.rights[0], ir.Attr)


def _targets(graph: ReplayGraph, nodes: Iterable[ir.Node]) -> set[ev.Owner]:
    sites = (graph.events.calls.get(node) for node in nodes if isinstance(node, ir.Call))
    return {func.node for site in sites if site is not None for func in site.targets}


def is_renewed(graph: ReplayGraph, found: ReturnSum) -> bool:
    """Whether the object that keeps the window is itself made anew in a loop."""
    owners = {owner_of(graph, window) for window in found.windows}
    return any(
        _in_loop(graph, site.path, site.node)
        for site in graph.events.calls.values()
        if not owners.isdisjoint(site.classes)
    )


def dropping(graph: ReplayGraph, buffer: ReplayBuffer, found: ReturnSum) -> list[ev.Evict]:
    """Where the window is cleared at the end of an episode though nothing stores the starts that it still holds."""
    evictions = emptied(graph, found)
    if not evictions or any(evict.how == "pop" for evict in evictions) or _flushes(graph, buffer, found):
        return []
    return [
        evict
        for evict in evictions
        if evict.how == "clear" and evict.function in _storing(graph, buffer) and _at_end(graph, evict)
    ]


def _storing(graph: ReplayGraph, buffer: ReplayBuffer) -> set[ev.Owner]:
    """The functions that store into the buffer, and those that call them."""
    direct = {store.function for store in buffer.stores}
    if buffer.owner is not None:
        direct |= {s for s in buffer.owner.body if isinstance(s, ir.Function)}
    return direct | {site.function for function in direct for site in graph.callers.get(function, ())}


def _flushes(graph: ReplayGraph, buffer: ReplayBuffer, found: ReturnSum) -> bool:
    """Whether some loop of the window's class, or of who stores, stores transitions one after the other.

    One that takes steps of the environment stores what each of them completes, and nothing of the rest.
    """
    outside = [store for store in buffer.stores if store.container not in found.windows]
    storing = {store.function for store in outside}
    nodes = {store.node for store in outside}
    owners = {owner_of(graph, window) for window in found.windows}
    functions = {s.function for s in graph.events.stores.values() if s.container in found.windows}
    functions |= {f for f in graph.project.class_of if graph.project.class_of[f] in owners} | storing
    for function in functions:
        if not isinstance(function, ir.Function):
            continue
        path = graph.project.module_of[function].path
        steps = set(moments.steps(graph, function, path))
        for loop in (node for node in ir.walk_scope(function.body) if isinstance(node, _LOOPS)):
            inner = set(ir.walk(loop))
            if inner & steps:
                continue
            if inner & nodes:
                return True
            for call in inner & graph.events.calls.keys():
                if any(func.node in storing for func in graph.events.calls[call].targets):  # type: ignore[index]
                    return True
    return False


def _at_end(graph: ReplayGraph, evict: ev.Evict) -> bool:
    for around in graph.ancestors(evict.path, evict.node):
        if isinstance(around, ir.If):
            return any(endings.is_end(graph, part) for part in ir.walk(around.test))
        if isinstance(around, (ir.Function, *_LOOPS)):
            return False
    return False


def _in_loop(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    return any(True for _ in graph.loops_around(path, node))
