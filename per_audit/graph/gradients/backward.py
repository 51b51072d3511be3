"""Which values of PyTorch carry the graph of the backward pass: what a loss and something else have in common.

That a value needs the gradient cannot be read off its expression. It is known of what a `backward()` goes through, as
far as nothing on the way is detached, converted, or computed under `torch.no_grad()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.gradients.vocabulary import switches_gradients
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_NONE = {"detach", "argmax", "argmin", "argsort", "cmp", "not", "len", "unknown", "logic"}
_FIRST = {"at", "gather", "slice", "item", "pow", "sort"}
_MODULE_METHODS = {"parameters", "state_dict", "load_state_dict", "zero_grad"}
_DEEPEST = 2  # functions that hand on what a network computed
COPIES = frozenset({"tensor", "Tensor", "FloatTensor", "DoubleTensor", "tolist", "item", "new_tensor"})
ARRAYS = frozenset({"numpy", "array", "asarray"})


@dataclass(frozen=True, slots=True)
class Backward:
    """A backward pass in a function, and the calls of networks that it goes through.

    Calls in the function itself are told apart by their nodes, those further inside by their terms.
    """

    node: ir.Call
    networks: frozenset[Term | ir.Node]


class Gradients:
    """The graphs of the backward passes of a project."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.symbols = graph.symbols
        self._known: dict[tuple[ev.Owner, str], Backward | None] = {}

    def backward(self, function: ev.Owner, path: str) -> Backward | None:
        """The backward passes of a function as one, None where it has none."""
        key = (function, path)
        if key not in self._known:
            self._known[key] = self._backward(function, path)
        return self._known[key]

    def _backward(self, function: ev.Owner, path: str) -> Backward | None:
        sites = [
            site.node
            for site in self.graph.calls_of(function, (path,))
            if isinstance(site.node.func, ir.Attr) and site.node.func.attr == "backward"
        ]
        if not sites:
            return None
        cut = self.cuts(function, path, COPIES)
        reached: set[Term | ir.Node] = set()
        for node in sites:
            assert isinstance(node.func, ir.Attr)
            found = self.calls_in(self.symbols.term(path, node.func.value), cut)
            alike = len({call.args for call in found}) == 1  # several networks of one input
            reached |= {self._key(call, function) for call in found if alike or self._has_graph(call)}
        return Backward(sites[0], frozenset(reached - self._off(function, path)))

    def _key(self, call: Term, function: ev.Owner) -> Term | ir.Node:
        node = call.node
        return node if node is not None and self.symbols.function_of(call.path, node) is function else call

    def carried(self, term: Term, function: ev.Owner, path: str, cut: frozenset[Term]) -> list[Term]:
        """The calls of networks whose graph a term of a function carries; none where that is not certain."""
        passed = self.backward(function, path)
        if passed is None:
            return []
        return [call for call in self.calls_in(term, cut) if self._key(call, function) in passed.networks]

    def calls_in(self, term: Term, cut: frozenset[Term] = frozenset()) -> frozenset[Term]:
        """The opaque calls that a term is computed from by what keeps the graph."""
        found: set[Term] = set()
        stack = [term]
        while stack:
            part = stack.pop()
            if part.op in _NONE or part in cut or (part.node is not None and self.is_off(part.path, part.node)):
                continue
            if part.op == "call":
                found.add(part)
            elif part.op in _FIRST:
                stack.append(part.args[0])
            elif part.op == "phi":
                stack.extend([option for option in part.args if not _is_unread(option)] or part.args)
            else:
                stack.extend(part.args[1:] if part.op in ("where", "filled") else part.args)
        return frozenset(found)

    def cuts(self, function: ev.Owner, path: str, names: frozenset[str]) -> frozenset[Term]:
        """The terms of what a function converts by one of these calls, or to a plain number, to what has no graph."""
        found: set[Term] = set()
        for site in self.graph.calls_of(function, (path,)):
            if self._converts(site, names):
                values = [site.node.func.value] if isinstance(site.node.func, ir.Attr) else []
                found |= {self.symbols.term(path, v) for v in [*values, *(arg.value for arg in site.node.args)]}
        return frozenset(found)

    def converts(self, function: ev.Owner, path: str, names: frozenset[str], until: ir.Node) -> bool:
        """Whether a function converts anything by one of these calls, or to a plain number, up to a statement."""
        end = self.graph.statement(path, until).end
        sites = self.graph.calls_of(function, (path,))
        return any(site.node.start < end and self._converts(site, names) for site in sites)

    def _converts(self, site: ev.CallSite, names: frozenset[str]) -> bool:
        last = name_of(site.node.func) or ""
        return last in names or bool(site.names & {"builtins.float", "builtins.int"})

    # ---------------------------------------------------------------- what is off

    def is_off(self, path: str, node: ir.Node) -> bool:
        """Whether a place is inside of `torch.no_grad()` or the like."""
        return bool(path) and any(self._switches_off(around) for around in self.graph.ancestors(path, node))

    def _switches_off(self, around: ir.Node) -> bool:
        if isinstance(around, ir.With):
            heads = [item.value for item in around.items]
        elif isinstance(around, ir.Function):
            heads = around.decorators
        else:
            return False
        return any(switches_gradients(head) for head in heads)

    def _off(self, function: ev.Owner, path: str) -> set[Term | ir.Node]:
        """The calls of networks that a function makes where no graph is recorded."""
        terms = self.symbols.run(function, path).terms
        return {
            self._key(part, function)
            for node, term in terms.items()
            if isinstance(node, ir.Call) and self.is_off(path, node)
            for part in term.walk()
            if part.op == "call"
        }

    # ---------------------------------------------------------------- networks

    def _is_network(self, call: Term) -> bool:
        """Whether a call is of a module with parameters: a layer, an instance of one, or what has them elsewhere."""
        if str(call.data).startswith("torch.nn.") and not str(call.data).startswith("torch.nn.functional"):
            return True
        func = call.node.func if isinstance(call.node, ir.Call) else None
        return func is not None and (name_of(func) or "") in self._with_parameters

    def _has_graph(self, call: Term, depth: int = _DEEPEST) -> bool:
        """Whether a call is of a network, or of a function of the project that returns what one computed as it is."""
        if self._is_network(call):
            return True
        given = self.symbols.inside(call) if depth else None
        if given is None:
            return False
        function = call.data[1]
        cut = self.cuts(function, self.symbols.project.module_of[function].path, COPIES | ARRAYS)
        return any(self._has_graph(inner, depth - 1) for inner in self.calls_in(given, cut))

    @cached_property
    def _with_parameters(self) -> set[str]:
        """The names of what is asked for its parameters."""
        return set(self._asked())

    def _asked(self) -> Iterator[str]:
        for site in self.graph.events.calls.values():
            func = site.node.func
            if isinstance(func, ir.Attr) and func.attr in _MODULE_METHODS:
                name = name_of(func.value)
                if name is not None:
                    yield name


def _is_unread(option: Term) -> bool:
    """Whether a term is a part of what a call returns that was not followed into the project's function.

    Where that was followed on another way, what it returns there tells more.
    """
    return option.op == "item" and option.args[0].op == "call" and isinstance(option.args[0].data, tuple)
