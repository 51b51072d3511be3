"""What is no replay memory for how it is used: containers that one episode fills, classes and learners in no use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import External
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.exchanged import is_exchanged

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR = 4  # calls from the training of an agent to its memory
_PLAIN_BASES = ("abc.", "typing.", "object")


def lives_for_one_pass(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a loop makes the containers anew, fills them wholly, and only then draws: an episode, a rollout.

    A memory that a loop over runs makes anew is filled and drawn from in one loop inside of it.
    """
    if not buffer.stores:
        return False
    path = buffer.path
    makers = {filled_by_one_call(graph, buffer, container) for container in buffer.containers}
    if None not in makers:
        return _is_made_by_pass(graph, buffer, makers)
    if any(store.path != path for store in buffer.stores):
        return False
    made = [atom.node for atom in buffer.containers]
    filled = [store.node for store in buffer.stores]
    shared = {*graph.loops_around(path, buffer.draws[0])}
    for draw in buffer.draws[1:]:
        shared &= {*graph.loops_around(path, draw)}
    for loop in shared:
        inside = set(ir.walk(loop))
        if inside.issuperset(made) and inside.issuperset(filled):
            within = shared & inside - {loop}
            return not any(within & {*graph.loops_around(path, node)} for node in filled)
    return False


def _is_made_by_pass(graph: ReplayGraph, buffer: ReplayBuffer, makers: set[ir.Function | None]) -> bool:
    """Whether a loop around each draw calls what makes and fills the containers."""
    calls = {site.node for maker in makers for site in graph.callers.get(maker, ()) if site.path == buffer.path}
    return all(
        any(not calls.isdisjoint(ir.walk(loop)) for loop in graph.loops_around(buffer.path, draw))
        for draw in buffer.draws
    )


def filled_by_one_call(graph: ReplayGraph, buffer: ReplayBuffer, container: Alloc) -> ir.Function | None:
    """The function that makes the container, puts all in that is ever put in, and returns before anything is drawn.

    What an object holds outlives the call.
    """
    path = graph.path_of(container.node)
    function = graph.symbols.function_of(path, container.node) if path is not None else None
    if not isinstance(function, ir.Function) or function.name == "__init__":
        return None
    stores = {store.function for store in buffer.stores if store.container == container}
    held = any(container in value.atoms for value in graph.interpreter.attributes.values())
    if stores != {function} or held or buffer.function in graph.reachable(function):
        return None
    returns = any(isinstance(node, ir.Return) and node.value is not None for node in ir.walk_scope(function.body))
    return function if returns else None


def lives_for_one_call(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the function that draws, once in a call, makes all containers, or has them made: rows of a data set.

    What it is given, holds in an object or draws from again and again may be a memory.
    """
    function = buffer.function
    if buffer.owner is not None or not isinstance(function, ir.Function) or not buffer.containers:
        return False
    if any(_is_repeated(graph, buffer.path, draw) for draw in buffer.draws):
        return False
    own = graph.reachable(function, 2)
    for container in buffer.containers:
        path = graph.path_of(container.node)
        if path is None or graph.symbols.function_of(path, container.node) not in own:
            return False
    held = (atom for value in graph.interpreter.attributes.values() for atom in value.atoms)
    return buffer.containers.isdisjoint(held)


def _is_repeated(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a loop goes over a node again and again, other than one over what the node gives."""
    loops = graph.loops_around(path, node)
    return any(not isinstance(loop, ir.For) or node not in set(ir.walk(loop.iter)) for loop in loops)


def is_unused(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether nothing in the project names the class of the buffer: no call, no heir, no text, only imports."""
    cls = buffer.owner
    if cls is None or buffer.instances or graph.classes.heirs(cls):
        return False
    own = set(ir.walk(cls))
    name = re.compile(rf"\b{re.escape(cls.name)}\b")
    for module in graph.project.modules.values():
        if cls.name.encode() not in module.text:
            continue
        for node in module.nodes:
            if isinstance(node, ir.Name):
                text: object = node.id
            elif isinstance(node, ir.Attr):
                text = node.attr
            else:
                text = node.value if isinstance(node, ir.Const) else None
            if isinstance(text, str) and name.search(text) and node not in own:
                return False
    return True


def left_over(graph: ReplayGraph, buffer: ReplayBuffer, methods: set[ev.Owner]) -> set[ev.Owner]:
    """The other methods that draw, and what they alone call, where nobody calls them and the buffer's is called."""
    if not buffer.samples:
        return set()
    events, others = graph.events, methods - {buffer.function}
    drawing = {draw.function for draw in events.draws.values()} | {mass.function for mass in events.masses.values()}
    found: set[ev.Owner] = {
        method
        for method in others & drawing
        if isinstance(method, ir.Function)
        and not (graph.callers.get(method) or method.decorators or method.name.startswith("__"))
    }
    edge = found
    while edge:
        called = set().union(*map(graph.callees, edge)) & others - found
        edge = {method for method in called if {site.function for site in graph.callers[method]} <= found | {method}}
        found = found | edge
    return found


def is_uncalled(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every call of the drawing method's name is one of something else for certain; there is one at least."""
    method = buffer.function
    if not isinstance(method, ir.Function) or buffer.owner is None or buffer.samples or method.name.startswith("__"):
        return False  # `__next__` and its like are called without their name
    named = [(m.path, m.node) for m in graph.mentions.get(method.name, ()) if isinstance(m.node, ir.Attr)]
    return bool(named) and all(is_another(graph, path, node, method) for path, node in named)


def is_another(graph: ReplayGraph, path: str, name: ir.Attr, method: ir.Function) -> bool:
    """Whether the name is called, and calls other functions, or gives arguments that the method does not take."""
    call = graph.parents(path).get(name)
    if not isinstance(call, ir.Call) or call.func is not name:
        return False
    site = graph.events.calls.get(call)
    if site is not None and site.targets:
        owner = graph.project.class_of.get(method)
        by_peers = owner is not None and is_exchanged(graph, site, owner)
        return by_peers or all(func.node is not method for func in site.targets)
    of = graph.events.value(name.value).atoms
    if call in graph.events.draws and of and all(isinstance(atom, External) for atom in of):
        return True  # `random.sample`: what else is imported may be a file of the project that was not found
    if any(argument.star for argument in call.args):
        return False
    taken = method.parameters[1:]
    needed = [p for p in taken if p.default is None and not p.kind]
    return len(call.args) < len(needed) or (len(call.args) > len(taken) and not any(p.kind for p in taken))


def has_idle_learners(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all that draws from the buffer are methods that nobody calls of objects that the project makes.

    Of a class that the project makes no object of, whoever makes one may call all its methods. A method that stores as
    well as learns is a training that is started by hand: the line that starts it is taken out once it is done.
    """
    drawing = {site.function for site in buffer.samples} or ({buffer.function} if graph.is_agent(buffer) else set())
    idle = bool(drawing) and all(is_idle(graph, function, frozenset()) for function in drawing)
    return idle and not _can_be_started(graph, buffer, drawing)


def _can_be_started(graph: ReplayGraph, buffer: ReplayBuffer, drawing: set[ev.Owner]) -> bool:
    """Whether a function, called by whoever wants to, leads to stores as well as to draws."""
    storing = {store.function for store in buffer.stores}
    known, edge = set(drawing), set(drawing)
    for _ in range(_FAR):
        edge = {site.function for function in edge for site in graph.callers.get(function, ())} - known
        known |= edge
    return any(storing & {function, *graph.reachable(function, _FAR)} for function in known)


def is_idle(graph: ReplayGraph, function: ev.Owner, seen: frozenset[ev.Owner]) -> bool:
    """Whether a method is named nowhere but in methods that are idle themselves."""
    if function in seen:
        return True
    cls = graph.project.class_of.get(function) if function is not None else None
    if cls is None or not isinstance(function, ir.Function) or function.name.startswith("__"):
        return False
    frameworks = [base for base in graph.classes.external_bases(cls) if not base.startswith(_PLAIN_BASES)]
    if function.decorators or frameworks:
        return False  # a framework may call it
    made = any(not is_test(site.path) for site in graph.makers.get(cls, ()))
    if not made or function.name.encode() in graph.project.quoted:
        return False
    seen |= {function}
    return all(
        any(is_idle(graph, around, seen) for around in mention.inside)
        for mention in graph.mentions.get(function.name, ())
    )


def is_only_timed(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every batch that is drawn is given to names that are never read, as a script that takes times does."""
    method = buffer.function
    if not buffer.samples or not isinstance(method, ir.Function):
        return False
    sites = {site.node.func for site in buffer.samples}
    for mention in graph.mentions.get(method.name, ()):
        other = isinstance(mention.node, ir.Attr) and is_another(graph, mention.path, mention.node, method)
        if mention.node not in sites and not other:
            return False
    return all(_is_unread(graph, site) for site in buffer.samples)


def _is_unread(graph: ReplayGraph, site: ev.CallSite) -> bool:
    around = graph.parents(site.path).get(site.node)
    if not isinstance(around, ir.Assign) or site.function is None:
        return False
    # One name may be that of a loss: several are those of the columns of a batch.
    if not any(isinstance(target, ir.Seq) and len(target.items) > 2 for target in around.targets):
        return False
    targets = set(ir.walk(*around.targets))
    names = {node.id for node in targets if isinstance(node, ir.Name)}
    held = all(isinstance(node, (ir.Name, ir.Seq, ir.Star)) for node in targets)
    used = (node for node in ir.walk(site.function) if isinstance(node, ir.Name) and node not in targets)
    return held and names.isdisjoint(node.id for node in used)


def is_replaced(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all objects that the project makes and keeps draw by a method of their own class, not by the buffer's."""
    name = getattr(buffer.function, "name", "")
    kept = [site for site in buffer.instances if not _is_given_up(graph, site)]
    if buffer.owner is None or not kept or len(kept) == len(buffer.instances):
        return False
    find = graph.classes.find_method
    return all(find(cls, name) is not buffer.function for site in kept for cls in site.classes)


def _is_given_up(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether the name that an object is given at the top level of a file means something else before it is read."""
    assign = graph.parents(site.path).get(site.node)
    body = graph.module(site.path).body
    if not isinstance(assign, ir.Assign) or assign not in body or len(assign.targets) != 1:
        return False
    name = getattr(assign.targets[0], "id", None)
    for later in body[body.index(assign) + 1 :]:
        if isinstance(later, ir.Assign) and any(getattr(target, "id", None) == name for target in later.targets):
            return not _reads(later.value, name)
        if _reads(later, name):
            return False
    return False


def _reads(node: ir.Node | None, name: str | None) -> bool:
    return node is not None and any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(node))
