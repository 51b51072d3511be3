"""The way of transitions from a buffer to a loss: where it is made, filled, drawn from and learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.findings import Evidence, Place
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.libraries.buffers import LibraryBuffer
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

LEARNS = {"backward", "fit", "train_on_batch", "minimize", "apply_gradients"}
_TRAINING_OPERATIONS = {"minimize", "apply_gradients"}
_LEARNS_BY_NAME = (
    "GradientTape", "value_and_grad", "jax.grad", "train_with_prioritized_replay", "rank_based_training_step",
)  # fmt: skip
# What is fitted to rows finds their axes, clusters or density there.
_DESCRIBES = (
    *(
        f"sklearn.{name}."
        for name in ("cluster", "covariance", "decomposition", "kernel_approximation", "manifold", "mixture",
                     "preprocessing", "random_projection")
    ),
    "sklearn.neighbors.KernelDensity.", "sklearn.neighbors.NearestNeighbors.", "umap.", "hdbscan.",
)  # fmt: skip
_MOST = {"made": 40}  # links of a role that a finding shows; each place that makes a buffer is one to change
_FEW = 6


def learns_at(site: ev.CallSite, events: ev.Events) -> bool:
    """Whether the call itself trains something: a backward pass, a fit, a minimisation, a gradient."""
    if site.node in events.own_steps:
        return True
    func = site.node.func
    if isinstance(func, ir.Attr) and (func.attr in LEARNS or (func.attr == "run" and _runs_training(site, events))):
        return not describes(site)
    return any(n.endswith(_LEARNS_BY_NAME) for n in site.names)


def describes(site: ev.CallSite) -> bool:
    """Whether a fit finds how rows lie, and what is fitted transforms others alike: it foretells nothing of them."""
    if ir.last_name(site.node.func) != "fit":
        return False
    if site.names:
        return all(name.startswith(_DESCRIBES) for name in site.names)
    owners = [func.owner.node for func in site.targets if func.owner is not None]
    return len(owners) == len(site.targets) > 0 and all(
        any(isinstance(part, ir.Function) and part.name == "transform" for part in owner.body) for owner in owners
    )


def _runs_training(site: ev.CallSite, events: ev.Events) -> bool:
    """Whether a session of TensorFlow 1 is asked for what a minimisation made."""
    fetched = site.node.argument(0, "fetches")
    if fetched is None:
        return False
    made = {atom.name.rpartition(".")[2] for n in ir.walk(fetched) for atom in _results(events, n)}
    return not made.isdisjoint(_TRAINING_OPERATIONS)


def _results(events: ev.Events, node: ir.Node) -> list[Result]:
    return [atom for atom in events.value(node).atoms if isinstance(atom, Result)]


def training_functions(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ev.Owner]:
    """The functions in which drawn transitions may be learnt from: those that draw, what they call, who calls them."""
    return list(_training(graph, buffer)[0])


def training_modules(graph: ReplayGraph, buffer: ReplayBuffer) -> set[str]:
    """The files at whose top level drawn transitions may be learnt from, be it through a method that hands them on."""
    return _training(graph, buffer)[1]


def _training(graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[dict[ev.Owner, None], set[str]]:
    own = modules_that_draw(buffer)
    found: dict[ev.Owner, None] = {}
    edge: list[ev.Owner] = [buffer.function, *(site.function for site in buffer.samples)]
    for _ in range(3):
        for function in edge:
            found.update(dict.fromkeys(_ordered(graph, graph.reachable(function, 2) if function else {function})))
            if function is None:
                found.update(dict.fromkeys(_ordered(graph, _called_by_modules(graph, own))))
        if any(graph.learns(function, own) for function in found):
            edge = [function for function in edge if function is not buffer.function and _hands_on(graph, function)]
        callers = [site for function in edge if function for site in graph.callers.get(function, ())]
        edge = [site.function for site in callers]
        own |= {site.path for site in callers if site.function is None}
    return found, own


def _hands_on(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether a function returns what was drawn, and neither it nor what it calls learns: its callers may."""
    if not isinstance(function, ir.Function) or any(map(graph.learns, graph.reachable(function, 2))):
        return False
    returns = (node.value for node in ir.walk_scope(function.body) if isinstance(node, ir.Return))
    spilled = graph.interpreter.parts.spilled
    return any(spilled(graph.events.value(value)).tagged("draw") for value in returns if value is not None)


def modules_that_draw(buffer: ReplayBuffer) -> set[str]:
    """The files that draw from the buffer at their top level."""
    own = {site.path for site in buffer.samples if site.function is None}
    return own | {buffer.path} if buffer.function is None else own


def _called_by_modules(graph: ReplayGraph, paths: set[str]) -> set[ev.Owner]:
    """What the top-level statements of these files call, two calls deep."""
    direct = {func.node for site in graph.calls_of(None, paths) for func in site.targets}
    return direct.union(*(graph.reachable(function, 1) for function in direct))


def _ordered(graph: ReplayGraph, functions: set[ev.Owner]) -> list[ev.Owner]:
    def key(function: ev.Owner) -> tuple[str, int]:
        return ("", 0) if function is None else (graph.project.module_of[function].path, function.start)

    return sorted(functions, key=key)


def learning_sites(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ev.CallSite]:
    """The calls that train on what the buffer gave, in order of their places."""
    functions, modules = _training(graph, buffer)
    own = {buffer.path, *modules, *(site.path for site in buffer.samples)}
    sites = [site for function in functions for site in graph.calls_of(function, own) if learns_at(site, graph.events)]
    unique = {site.node: site for site in sites}
    return sorted(unique.values(), key=lambda site: (site.path, site.node.start))


def chain(graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[Evidence, ...]:
    """The evidence for a buffer: made, stored, sampled, learnt; at most a few links of each role.

    Where a setting may have one drawn by priority made in its place there is nothing to show, if it is made elsewhere.
    """
    links: list[Evidence] = []

    def add(role: str, note: str, places: Iterable[tuple[str, ir.Node]]) -> None:
        known = dict.fromkeys(graph.place(path, node) for path, node in places)
        for number, place in enumerate(sorted(known)):
            most = _MOST.get(role, _FEW)
            if number == most:
                break
            more = f" ({len(known) - most} more)" if number == most - 1 and len(known) > most else ""
            links.append(Evidence(place, role, note + more))

    name = graph.name_of(buffer)
    others = {other.owner for other in (*graph.buffers, *graph.twins) if other.owner is not buffer.owner}
    own = [site for site in buffer.instances if not others.issuperset(site.classes)] or buffer.instances
    switching = {site.function for site in own if site.node in buffer.switched} - {None}
    own = [site for site in own if site.node not in buffer.switched] or own
    made: list[tuple[str, ir.Node]] = [(site.path, site.node) for site in own]
    what = name if made or buffer.owner is None else f"what {name} stores in"
    add("made", f"{what} is made here", made or _allocations(graph, buffer))
    add("stored", "transitions are stored here", [(store.path, store.node) for store in buffer.stores])
    add("drawn", "transitions are drawn here", [(buffer.path, node) for node in buffer.draws])
    asked = "a batch is requested here" if _returns(buffer.function) else "what draws a batch is called here"
    asking = [site for site in buffer.samples if site.function not in switching] or buffer.samples
    add("sampled", asked, [(site.path, site.node) for site in asking])
    learnt = learning_sites(graph, buffer)
    add("learnt", "the batch is learnt from here", [(site.path, site.node) for site in learnt])
    return tuple(links)


def _returns(function: ev.Owner) -> bool:
    """Whether a function gives something to its callers: not a method that learns from the batch itself."""
    if not isinstance(function, ir.Function):
        return True
    return any(
        (isinstance(node, ir.Return) and not (node.value is None or ir.is_none(node.value)))
        or (isinstance(node, ir.Other) and node.kind in ("Yield", "YieldFrom"))
        for node in ir.walk_scope(function.body)
    )


def _allocations(graph: ReplayGraph, buffer: ReplayBuffer) -> list[tuple[str, ir.Node]]:
    """Where the containers of a buffer are made, as far as that is a call or display of the drawing file."""
    known = graph.parents(buffer.path)
    return [(buffer.path, atom.node) for atom in buffer.containers if atom.node in known]


def library_chain(graph: ReplayGraph, buffer: LibraryBuffer) -> tuple[Evidence, ...]:
    """The evidence for a library's buffer."""
    links = [graph.evidence(buffer.path, buffer.node, "made", f"{buffer.title} is made here")]
    for sites, role, note in (
        (buffer.stores, "stored", "transitions are stored here"),
        (buffer.samples, "sampled", "a batch is requested here"),
        (buffer.training, "learnt", "it is trained here"),
    ):
        links += [graph.evidence(site.path, site.node, role, note) for site in sites[:_FEW]]
    return tuple(links)


def describe(graph: ReplayGraph) -> list[dict[str, Any]]:
    """JSON-ready descriptions of the replay pipelines, in order of their places."""

    def spot(place: Place) -> dict[str, Any]:
        return {"path": place.path, "cell": place.cell, "line": place.line}

    found: list[dict[str, Any]] = []
    for buffer in graph.buffers:
        by_role: dict[str, list[dict[str, Any]]] = {"made": [], "stored": [], "drawn": [], "sampled": [], "learnt": []}
        for link in chain(graph, buffer):
            by_role[link.role].append(spot(link.place))
        here = graph.place(buffer.path, buffer.draws[0])
        roles = sorted(buffer.roles)
        found.append({"name": graph.name_of(buffer), "kind": buffer.kind, **spot(here), **by_role, "roles": roles})
    for library in graph.library:
        by_role = {"made": [], "stored": [], "drawn": [], "sampled": [], "learnt": []}
        for link in library_chain(graph, library):
            by_role[link.role].append(spot(link.place))
        kind = "prioritised" if library.prioritised else "uniform"
        here = graph.place(library.path, library.node)
        name = f"{library.framework.title} {library.name}"
        found.append({"name": name, "kind": kind, **spot(here), **by_role, "roles": []})
    return sorted(found, key=lambda found: (found["path"], found["cell"] or 0, found["line"], found["name"]))
