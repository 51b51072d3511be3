"""Models that Keras compiles: the loss of one, the weights that it reads, and the calls that train it with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.interpret.values import Func
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.symbolic import Context, Term, alternatives, contexts, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.events import CallSite
    from per_audit.graph.model import ReplayGraph

TRAINS = {"fit", "train_on_batch"}
SQUARES = {"mse", "squared", "square", "huber", "smooth", "logcosh", "cosh"}  # in names of losses


class Averaged(NamedTuple):
    """A training call that gives weights to a model whose `loss` the project averages over the whole batch."""

    site: CallSite
    weights: ir.Expr
    loss: Term
    compiled: CallSite


def averaged(graph: ReplayGraph) -> Iterator[Averaged]:
    """The training calls that give importance-sampling weights to a model whose loss is one number for the batch."""
    sites = sorted(graph.events.calls.values(), key=lambda site: (site.path, site.node.start))
    compiles = [(site, model) for site in compilations(graph) if (model := _receiver(graph, site, {"compile"}))]
    for site in sites:
        weights = site.node.argument(None, "sample_weight")
        model = _receiver(graph, site, TRAINS) if weights is not None else None
        if weights is None or model is None or _is_of_one(site) or not _are_weights(graph, site.path, weights):
            continue
        made = {option.node for term in (model, *graph.symbols.options(model)) for option in alternatives(term)}
        for compiled, other in compiles:
            loss = _averaging(graph, compiled) if made & {option.node for option in alternatives(other)} else None
            if loss is not None:
                yield Averaged(site, weights, loss, compiled)
                break


def _receiver(graph: ReplayGraph, site: CallSite, names: set[str]) -> Term | None:
    func = site.node.func
    return graph.symbols.term(site.path, func.value) if isinstance(func, ir.Attr) and func.attr in names else None


def _is_of_one(site: CallSite) -> bool:
    """Whether the call trains on one transition at a time, so that a mean over all is that over its values."""
    size = site.node.argument(None, "batch_size")
    return isinstance(size, ir.Const) and size.value == 1


def _are_weights(graph: ReplayGraph, path: str, node: ir.Expr) -> bool:
    """Whether an argument is the weights of a batch, or made of them; not those of one transition."""
    given = graph.symbols.term(path, node)
    corrections = graph.corrections
    for option in graph.symbols.options(given) if given.op == "param" else alternatives(given):
        for context in contexts(graph.symbols, option):
            here = context.head(option)
            holds = any(corrections.is_weight(part) for part in here.walk())
            if holds and not corrections.is_single(here, graph.shapes.of(here)) and not _is_list_of_one(here):
                return True
    return False


def _is_list_of_one(term: Term) -> bool:
    inner = strip(term)
    return inner.op == "tuple" and len(inner.args) == 1


def _averaging(graph: ReplayGraph, compiled: CallSite) -> Term | None:
    """What the project's function returns that a model is compiled with as its loss, where that is one number."""
    atoms = graph.events.value(compiled.node.argument(1, "loss")).atoms
    functions = {atom.node for atom in atoms if isinstance(atom, Func) and isinstance(atom.node, ir.Function)}
    for function in sorted(functions, key=lambda function: function.start):
        returned = graph.symbols.returned(function)
        if all(graph.corrections.is_averaged_loss(option, Context()) for option in alternatives(returned)):
            return returned
    return None


def compilations(graph: ReplayGraph) -> list[CallSite]:
    """The calls that compile a model, in order of their places."""
    sites = (
        s for s in graph.events.calls.values() if isinstance(s.node.func, ir.Attr) and s.node.func.attr == "compile"
    )
    return sorted(sites, key=lambda site: (site.path, site.node.start))


def weights_read(graph: ReplayGraph, site: CallSite) -> Iterator[tuple[ir.Node, Term, str]]:
    """The attributes that the loss of a `compile` reads and that hold weights, each with its file."""
    loss = site.node.argument(1, "loss")
    for atom in sorted(
        (atom for atom in graph.events.value(loss).atoms if isinstance(atom, Func)), key=lambda a: a.node.start
    ):
        path = graph.project.module_of[atom.node].path
        for node, term in [*graph.symbols.run(atom.node, path).terms.items()]:
            if isinstance(node, ir.Attr) and term.op == "field" and graph.corrections.is_weight(term):
                yield node, term, path


def are_squares(graph: ReplayGraph) -> bool:
    """Whether all losses that models are compiled with are made of squared errors."""
    losses = [site.node.argument(1, "loss") for site in compilations(graph) if not is_test(site.path)]
    return bool(losses) and all(_is_of_squares(graph, loss) for loss in losses)


def _is_of_squares(graph: ReplayGraph, loss: ir.Expr | None) -> bool:
    """Whether a loss is known for the square of the error, by its name or by what its function computes."""
    if loss is None:
        return False
    for atom in graph.events.value(loss).atoms:
        if isinstance(atom, Func) and isinstance(atom.node, ir.Function):
            return any(
                (isinstance(node, ir.Bin) and node.op == "**")
                or (isinstance(node, (ir.Name, ir.Attr)) and name_of(node) == "square")
                for node in ir.walk(atom.node)
            )
    named = loss.func if isinstance(loss, ir.Call) else loss
    name = named.value if isinstance(named, ir.Const) else name_of(named)
    return isinstance(name, str) and not SQUARES.isdisjoint(words(name))
