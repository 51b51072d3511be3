"""Importance-sampling weights on their way into a loss: which terms are weights, and what they are multiplied with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import last
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.liveness.memories.shown import is_only_told
from per_audit.graph.symbolic import Term, alternatives
from per_audit.graph.symbolic import vocabulary as voc
from per_audit.graph.symbolic.answers import asked
from per_audit.graph.symbolic.shape import is_called_setting
from per_audit.graph.symbolic.term import item_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Context
    from per_audit.graph.symbolic.shape import Shape

_SAME = {"detach", "reshape", "unsqueeze", "squeeze", "stack", "collect", "element", "at", "slice", "clip", "loop",
         "found", "div", "gather"}  # fmt: skip
_WEIGHT_WORDS = {"weight", "weights", "isweight", "isweights", "importance", "isw", "w", "ws"}
_DEEPEST = 8


_ALL_ARGUMENTS = {"add", "sub", "mul", "maximum", "minimum", "phi", "loss", "tuple"}
_FOLLOWED = {"abs", "neg", "pow", "div", "clip", "mean", "sum", "max", "min", "detach", "reshape", "unsqueeze", "exp",
             "squeeze", "stack", "collect", "element", "at", "slice", "loop", *_ALL_ARGUMENTS}  # fmt: skip
_COMPUTED = _FOLLOWED - {"tuple", "phi", "collect", "stack", "element", "loop"}  # no list of several things
FORMS = ("reshape", "unsqueeze", "squeeze", "loop")
_MADE = ("mul", "pow", "loss")
_INSIDE = 24  # parts of parts that a value is followed into


def _place(entry: tuple[ev.Owner, str]) -> tuple[str, int]:
    function, path = entry
    return path, -1 if function is None else function.start


def _reading(function: ir.Function, name: str) -> Iterator[ir.Function]:
    """The functions that a function makes and that read its parameter: a loss for a batch with those weights."""
    for inner in ir.walk(*function.body):
        if isinstance(inner, ir.Function) and any(
            isinstance(n, ir.Name) and n.id == name for n in ir.walk(*inner.body)
        ):
            yield inner


def _is_mask(term: Term) -> bool:
    """Whether the term switches transitions off: a comparison, a negation, one minus something."""
    return term.op in ("not", "cmp") or (term.op == "sub" and term.args[0].number == 1)


def _averages(terms: Iterable[Term]) -> Iterator[Term]:
    """The means and sums in terms, each once: the terms of a body hold each other."""
    stack = list(terms)
    seen: set[Term] = set()
    while stack:
        term = stack.pop()
        if term.has("mean", "sum") and term not in seen:
            seen.add(term)
            stack += term.args
            if term.op in ("mean", "sum"):
                yield term


def _calls(term: Term, function: ev.Owner) -> bool:
    """Whether a term holds a call of the project's function that was too unwieldy to be followed."""
    return any(part.op == "call" and isinstance(part.data, tuple) and part.data[1] is function for part in term.walk())


def _is_number_of_row(term: Term) -> bool:
    """Whether a term is a number of a row of an array that was computed: `row[0]` of a column of errors."""
    row = term.args[0] if term.op == "item" and isinstance(term.data, int) else None
    return row is not None and row.op == "element" and row.args[0].op in _COMPUTED


def has_gradient(term: Term, context: Context) -> bool:
    """Whether something in the term may be computed by a network, outside of what is cut off from the gradient."""
    here = context.head(term)
    if here.op == "detach":
        return False
    if here.op in ("call", "matmul", "loss", "unknown", "param", "gather", "function"):
        return True
    return any(has_gradient(arg, context) for arg in here.args)


@dataclass(frozen=True, slots=True)
class Product:
    """Weights times something else, at `node` of `function`."""

    node: ir.Node
    path: str
    function: ev.Owner
    weight: Term
    other: Term


class Corrections:
    """The weights of a project's prioritised buffers, wherever they are used."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.symbols = graph.symbols
        self.events = graph.events
        self._known: dict[Term, bool] = {}
        self._makers: dict[tuple[ev.Owner, str], bool] = {}  # functions, by whether they make a product at all

    # ---------------------------------------------------------------- what is a weight

    def is_weight(self, term: Term, depth: int = _DEEPEST) -> bool:
        """Whether the term is an importance-sampling weight, as it was made or in another form or scale."""
        known = self._known.get(term)
        if known is None:
            if depth == 0:
                return False
            self._known[term] = False  # a term that depends on itself
            known = self._known[term] = self._is_weight(term, depth - 1)
        return known

    def _is_weight(self, term: Term, depth: int) -> bool:
        op = term.op
        if self._is_made(term):
            return True
        if op == "phi":
            return any(self.is_weight(option, depth) for option in term.args)
        if op in _SAME and term.args:
            return self.is_weight(term.args[0], depth)
        if op in ("minimum", "maximum"):
            return any(self.is_weight(arg, depth) for arg in term.args)
        if op == "filled":
            return any(self.is_weight(option, depth) for option in alternatives(term.args[1]))
        if op == "mul":
            first, second = (self.is_weight(arg, depth) for arg in term.args)
            other = term.args[1 if first else 0]
            return first != second and (self.is_scale(other) or _is_mask(other))
        if op in ("param", "field"):
            options = self.symbols.options(term)
            return any(self.is_weight(option, depth) for option in options) if options else self._is_called_weight(term)
        if op == "item":
            return self._is_item(term, depth)
        if op == "call" and (inside := self.symbols.inside(term)) is not None:
            return self.is_weight(inside, depth)
        return op == "call" and self.graph.fed.is_placeholder(term) and self._is_fed(term, depth)

    def _is_made(self, term: Term) -> bool:
        """Whether weights are made right here: (N P)^-beta, or the weights of a library's batch."""
        node = term.node
        return (
            node is not None
            and node not in self.events.raised
            and term.op in ("pow", "div", "item", "call")
            and ("isw", node) in self.events.value(node).tags
        )

    def _is_item(self, term: Term, depth: int) -> bool:
        """A part of what a function of the project returns, or of a batch whose parts are known to the interpreter."""
        holder = term.args[0]
        if holder.op in ("phi", "tuple", "record"):
            part = item_of(holder, term.data, term.node, term.path)
            return part != term and self.is_weight(part, depth)
        inside = self.symbols.inside(holder)
        if inside is not None:
            part = item_of(inside, term.data, term.node, term.path)
            return part != term and self.is_weight(part, depth)
        if holder.op in ("param", "field"):
            parts = [
                item_of(option, term.data, None, term.path)
                for option in self.symbols.options(holder)
                if option.op not in ("const",)
            ]
            if parts and any(self.is_weight(part, depth) for part in parts if part.op != "item"):
                return True
        return self._is_called_weight(term)

    def _is_fed(self, term: Term, depth: int) -> bool:
        return any(self.is_weight(self.symbols.term(path, node), depth) for node, path in self.graph.fed.of(term))

    def _is_called_weight(self, term: Term) -> bool:
        """Whether something that cannot be followed was computed from weights and is called so."""
        node = term.node
        if isinstance(node, ir.Parameter):
            value = self.graph.interpreter.parameters.get((term.data[0], node.name))
            name: str | None = node.name
        else:
            value = self.events.value(node)
            name = term.data if term.op == "item" and isinstance(term.data, str) else None
            if name is None and isinstance(node, ir.Expr):
                name = name_of(node)
        tagged = value is not None and bool(value.tagged("isw"))
        return tagged and not _WEIGHT_WORDS.isdisjoint(words(name or ""))

    def weights_in(self, term: Term, context: Context) -> Iterator[Term]:
        """What the term may be in a context, as far as that is weights."""
        here = context.head(term)
        if here.op == "phi":
            for option in here.args:
                yield from self.weights_in(option, context)
        elif self.is_weight(here):
            yield here

    def is_scale(self, term: Term) -> bool:
        """Whether the term is one plain number for all weights: a constant, a length, a setting."""
        if term.is_number or is_called_setting(term):
            return True
        return self.graph.shapes.of(term) == () and not term.has("loss", "mean", "sum", "call")

    def is_single(self, weight: Term, shape: Shape | None) -> bool:
        """Whether the term is the weight of one transition rather than those of a batch."""
        weight = alternatives(weight)[0]
        while weight.op in ("detach", "reshape", "unsqueeze", "squeeze", "div"):
            weight = weight.args[0]
        return shape == () or weight.op == "element" or (weight.op == "at" and weight.args[1].has("element", "loop"))

    def is_averaged_loss(self, term: Term, context: Context) -> bool:
        """Whether the term is one number for the whole batch: an averaged loss, a mean of what a network gave."""
        here = context.head(term)
        if here.op == "loss":
            return here.data[1] == "scalar" or self.graph.shapes.within(context).of(here) == ()
        if here.op in ("mean", "sum"):
            return here.data is None and has_gradient(here, context)
        if here.op in ("mul", "add", "sub", "div"):
            parts = [arg for arg in here.args if not self.is_scale(arg)]
            return bool(parts) and all(self.is_averaged_loss(part, context) for part in parts)
        return here.op in ("neg", "detach", "clip", "loop") and self.is_averaged_loss(here.args[0], context)

    # ---------------------------------------------------------------- products

    def weighted(self, term: Term, context: Context, cut: bool = False) -> Product | None:
        """The product with weights that a term is, up to its sign, scale and form; None where it is none.

        Followed only through what is linear in the weights, and through a cut of the gradient only where that is
        asked for (`cut`).
        """
        here = context.head(term)
        op = here.op
        if op == "mul" and here.node is not None:
            first, second = here.args
            for weight, other in ((first, second), (second, first)):
                if any(self.weights_in(weight, context)) and not any(self.weights_in(other, context)):
                    return Product(here.node, here.path, None, weight, other)
            return next(filter(None, (self.weighted(arg, context, cut) for arg in here.args)), None)
        if op == "sub":
            return self.weighted_alike(here.args, context, cut)
        if op == "phi":
            return next(filter(None, (self.weighted(option, context, cut) for option in here.args)), None)
        if op in ("neg", "abs", "div", "clip", *FORMS) or (op == "detach" and cut):
            return self.weighted(here.args[0], context, cut)
        return None

    def weighted_alike(self, terms: tuple[Term, ...], context: Context, cut: bool = False) -> Product | None:
        """The first product with a gradient where all terms are weighted: `weights * q` and `weights * target`."""
        if not all(self.weighted(term, context, cut=True) for term in terms):
            return None
        found = [product for term in terms if (product := self.weighted(term, context, cut)) is not None]
        with_gradient = [product for product in found if has_gradient(product.other, context)]
        return next(iter(with_gradient), None)

    @cached_property
    def functions(self) -> list[tuple[ev.Owner, str]]:
        """The functions that draw from, or learn from, prioritised buffers, in order of their places."""
        found: dict[tuple[ev.Owner, str], None] = {}
        for buffer in self.graph.buffers:
            if buffer.kind == "prioritised":
                for function in self.graph.priorities(buffer).around:
                    found[function, self._path(function, buffer.path)] = None
        for library in self.graph.library:
            if library.prioritised:
                for function in self.graph.library_use(library).about.around:
                    found[function, self._path(function, library.path)] = None
        for weighting in self.events.weightings.values():
            found[weighting.function, weighting.path] = None
        for owner, name in self.graph.interpreter.parameters:
            if isinstance(owner, ir.Function) and self._passes_weights(owner, name):
                where = self._path(owner, "")
                found.update(dict.fromkeys((function, where) for function in (owner, *_reading(owner, name))))
        for node in self.graph.fed.placeholders:
            path = self.graph.path_of(node)
            if path is not None:
                found.update(dict.fromkeys((function, path) for function in self._fed_in(path, node)))
        return sorted(found, key=_place)

    def _fed_in(self, path: str, placeholder: ir.Node) -> list[ev.Owner]:
        """The function that makes a placeholder, and where that is a method the others of its class."""
        made = self.symbols.function_of(path, placeholder)
        cls = None if made is None else self.graph.project.class_of.get(made)
        return [made] if cls is None else [method for method in cls.body if isinstance(method, ir.Function)]

    def _path(self, function: ev.Owner, default: str) -> str:
        return default if function is None else self.graph.project.module_of[function].path

    def _passes_weights(self, function: ir.Node, name: str) -> bool:
        value = self.graph.interpreter.parameters[function, name]
        kinds = {kind for kind, _ in value.tags}
        return "isw" in kinds and not kinds.isdisjoint(("draw", "index", "mass"))

    @cached_property
    def products(self) -> list[Product]:
        """The products of weights with something that is no weight and no plain number, in order of their places."""
        found: dict[tuple[ir.Node, Term, Term], Product] = {}
        for function, path in self.functions:
            for made in self.made_in(function, path):
                if made.op == "mul" and made.node is not None:
                    for weight, other in (made.args, made.args[::-1]):
                        if self.is_weight(weight) and not self.is_weight(other) and not other.is_number:
                            product = Product(made.node, path, function, weight, other)
                            found.setdefault((made.node, weight, other), product)
        return sorted(found.values(), key=lambda product: (product.path, product.node.start))

    def is_kept(self, product: Product) -> bool:
        """Whether something has the product that may learn from it: one under a name that nothing reads is no loss."""
        node = product.node
        return not isinstance(node, (ir.Bin, ir.Call)) or not is_only_told(self.graph, product.path, node)

    @cached_property
    def losses_in(self) -> list[tuple[ev.Owner, str]]:
        """The functions in which weights may meet a loss: those that draw and learn, and what these call themselves."""
        found = dict.fromkeys(self.functions)
        for function, _ in self.functions:
            for callee in self.graph.callees(function):
                found.setdefault((callee, self._path(callee, "")))
        return sorted(found, key=_place)

    def made_in(self, function: ev.Owner, path: str) -> Iterator[Term]:
        """The products, powers and losses that the expressions and augmented assignments of a function make themselves.

        Most functions make none: what they compute is not asked for then.
        """
        if (function, path) not in self._makers:
            self._makers[function, path] = self._makes_some(function, path)
        if not self._makers[function, path]:
            return
        for node, term in [*self.symbols.run(function, path).terms.items()]:
            for option in alternatives(term):
                if option.op in _MADE and (option.node is node or isinstance(option.node, ir.Aug)):
                    yield option

    def _makes_some(self, function: ev.Owner, path: str) -> bool:
        """Whether an operator or a call of a function may make a product, a power or a loss."""
        if isinstance(function, ir.Lambda):
            nodes = ir.walk(function.body)
        else:
            nodes = ir.walk_scope(self.graph.module(path).body if function is None else function.body)
        return any(
            node.op in ("*", "**") if isinstance(node, (ir.Bin, ir.Aug)) else self._multiplies(node)
            for node in nodes
            if isinstance(node, (ir.Bin, ir.Aug, ir.Call))
        )

    def _multiplies(self, call: ir.Call) -> bool:
        """Whether a call multiplies, raises to a power, or is that of a loss."""
        site = self.events.calls.get(call)
        if site is not None and (
            site.result.reduction is not None or not voc.MULTIPLIES.isdisjoint(map(last, site.names))
        ):
            return True
        return getattr(call.func, "attr", getattr(call.func, "id", "")) in voc.MULTIPLIES

    def weighted_inside(self, term: Term) -> Term | None:
        """The product with weights that a value was computed from, however it was bent or scaled afterwards."""
        return self._weighted_inside(term, _INSIDE, {})

    def _weighted_inside(self, term: Term, depth: int, known: dict[Term, tuple[int, Term | None]]) -> Term | None:
        """The same of a part that several ways may lead to: `known` is how deep each was looked into, and for what."""
        if depth == 0:
            return None
        looked, found = known.get(term, (0, None))
        if looked < depth:
            found = self._looked_for(term, lambda part, less=1: self._weighted_inside(part, depth - less, known), depth)
            known[term] = depth, found
        return found

    def _looked_for(self, term: Term, inside_of: Callable[..., Term | None], depth: int) -> Term | None:
        if term.op == "mul":
            weights = [self.is_weight(arg) for arg in term.args]
            if any(weights) and not all(weights) and term.node is not None and not self.is_weight(term):
                return term
        given = term.node.argument(None, "sample_weight") if isinstance(term.node, ir.Call) else None
        if given is not None and term.op == "call" and self.holds_weights(self.symbols.term(term.path, given)):
            return term  # what Keras answers is the loss with the weights in it
        if (wanted := asked(term)) is not None:
            return inside_of(wanted)
        if term.op == "item" and term.args[0].op in ("phi", "tuple", "record", "collect"):
            part = item_of(term.args[0], term.data, term.node, term.path)
            return inside_of(part) if part.op != "item" else None
        if (inside := self.symbols.inside(term)) is not None:
            return inside_of(inside)
        if _is_number_of_row(term):
            return inside_of(term.args[0])
        if term.op == "field":  # what a graph was built with, asked for later
            return next(filter(None, (inside_of(o, depth - depth // 2) for o in self.symbols.options(term))), None)
        if term.op in ("sub", "loss") and not any(arg.is_number for arg in term.args):
            # What one side alone is multiplied by, a discount in the target, weighs no error.
            sides = [inside_of(arg) for arg in term.args]
            return sides[0] if all(sides) else None
        if term.op in _FOLLOWED:
            followed = term.args if term.op in _ALL_ARGUMENTS else term.args[:1]
            return next(filter(None, (inside_of(arg) for arg in followed)), None)
        return None

    def holds_weights(self, term: Term) -> bool:
        """Whether a term is weights, or a list or an array of some of them."""
        return self.is_weight(term) or any(self.is_weight(part) for part in term.walk())

    def is_averaged(self, made: Term, function: ev.Owner, path: str) -> bool:
        """Whether a mean or a sum is taken of something: where it was made, or where its function is called."""
        if made.op == "loss" and made.data[1] == "scalar":
            return True
        bodies = {(function, path), *((caller, where) for _, caller, where in self.symbols.calls_of.get(function, ()))}
        is_returned = isinstance(function, ir.Function) and self.symbols.returned(function).contains(made)
        for inner, where in bodies:
            averages = _averages(self.symbols.run(inner, where).terms.values())
            if any(part.contains(made) or (is_returned and _calls(part, function)) for part in averages):
                return True
        return False
