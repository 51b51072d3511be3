"""Whether a buffer is full when it is drawn from: containers of zeros, training that waits or fills them first."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import words
from per_audit.graph.liveness.memories.usage import without_unmade
from per_audit.graph.memory.restored import is_restored
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy

_DEEPEST = 6
_FAR = 5  # calls from a loop to what stores
_LOOPS = (ir.For, ir.While)
_ZEROS = {"zeros", "zeros_like", "new_zeros"}


def starts_with_zeros(graph: ReplayGraph, container: Term) -> bool:
    """Whether everything that is assigned to a container of priorities is an array or list of zeros.

    What is read from a file is what was saved of it: a new one begins as the others do.
    """
    if container.op == "alloc":
        return _is_zeros(container)
    options = [part for option in graph.symbols.options(container) for part in alternatives(option)]
    made = [part for part in options if not is_restored(part)]
    return bool(made) and all(map(_is_zeros, made))


def _is_zeros(term: Term) -> bool:
    term = term.args[0] if term.op == "detach" else term
    if term.op == "filled":
        return _is_zeros(term.args[0]) and term.args[1].number == 0
    if term.op == "collect":
        return term.args[0].number == 0
    if term.op != "alloc":
        return False
    if term.data == "list" and isinstance(term.node, ir.Bin):
        sides = [side for side in (term.node.left, term.node.right) if isinstance(side, ir.Seq)]
        return any(isinstance(i, ir.Const) and i.value in (0, 0.0) for side in sides for i in side.items)
    return term.data in _ZEROS


class Fill:
    """One prioritised buffer, asked whether it is full whenever a batch is drawn."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.graph = anatomy.graph
        self.symbols = anatomy.symbols

    def is_full_at(self, path: str, node: ir.Node, container: Term) -> bool:
        """Whether a node is reached only once the container is full.

        Either it stands under a test of that itself, or every way to its function does, or the project fills the
        container beforehand.
        """
        capacities = self._capacities(container)
        function = self.symbols.function_of(path, node)
        return (
            self._is_gated(path, node, capacities)
            or self._waits(function, capacities, frozenset())
            or self._is_filled_first(capacities)
        )

    def _capacities(self, container: Term) -> set[Term]:
        """The numbers and settings that the size of a container is made of."""
        sizes = [container] if container.op == "alloc" else self.symbols.options(container)
        found: set[Term] = set()
        for size in sizes:
            for term in (size, self.symbols.expanded(size)):
                found |= {part for part in term.walk() if _may_be_capacity(part)}
        return found

    def _is_capacity(self, path: str, node: ir.Expr, capacities: set[Term]) -> bool:
        term = strip(self.symbols.term(path, node))
        read = (
            [self.symbols.field(cls, node.attr) for cls in self.symbols.classes_of(node.value)]
            if isinstance(node, ir.Attr)
            else [term]
        )
        if any(map(self._is_counted, read)):
            return not capacities.isdisjoint(read)
        options = (*alternatives(term), *alternatives(strip(self.symbols.expanded(term))))
        return any(option in capacities for option in options)

    def _is_counted(self, term: Term) -> bool:
        """Whether an attribute changes while the program runs, such as how many there are, bounded by the capacity."""
        writes = self.symbols.written(term) if term.op == "field" else ()
        return any(write is not None and getattr(write.function, "name", "") not in BUILDERS for _, write, _ in writes)

    def _waits(self, function: ev.Owner, capacities: set[Term], seen: frozenset[ev.Owner]) -> bool:
        callers = [site for site in self.graph.callers.get(function, ()) if not _is_test(site.path)]
        sites = without_unmade(self.graph, callers)
        if not sites or len(seen) > _DEEPEST:
            return False
        seen |= {function}
        return all(
            self._is_gated(site.path, site.node, capacities)
            or (
                site.function is not None and site.function not in seen and self._waits(site.function, capacities, seen)
            )
            for site in sites
        )

    def _is_gated(self, path: str, node: ir.Node, capacities: set[Term]) -> bool:
        """Whether the node runs only after a test of fullness: inside a branch, or past a branch that leaves."""
        below: ir.Node = node
        for around in self.graph.ancestors(path, node):
            if isinstance(around, (ir.If, ir.IfExp, ir.While)) and self._tests_fullness(path, around.test, capacities):
                return True
            for block in _blocks(around):
                for statement in block:
                    if statement is below:
                        break
                    if self._leaves_unless_full(path, statement, capacities):
                        return True
            if isinstance(around, ir.Function):
                return False
            below = around
        return False

    def _leaves_unless_full(self, path: str, statement: ir.Stmt, capacities: set[Term]) -> bool:
        if isinstance(statement, ir.Assert):
            return self._tests_fullness(path, statement.test, capacities)
        return (
            isinstance(statement, ir.If)
            and _leaves(statement.body)
            and self._tests_fullness(path, statement.test, capacities)
        )

    def _tests_fullness(self, path: str, test: ir.Expr, capacities: set[Term]) -> bool:
        for part in ir.walk(test):
            if isinstance(part, ir.Cmp) and any(
                self._is_capacity(path, side, capacities) for side in (part.left, *part.rights)
            ):
                return True
            name = ir.last_name(part)
            if isinstance(name, str) and "full" in words(name):
                return True
        return False

    def _is_filled_first(self, capacities: set[Term]) -> bool:
        """Whether a loop of the project stores as many transitions as there is room for; tests do not count."""
        adding = self._adding
        for path, module in self.graph.project.modules.items():
            for node in () if _is_test(path) else module.nodes_of(*_LOOPS):
                # What a loop counts is asked last: it takes the terms of the whole body around it.
                if any(self._adds(inner, adding) for inner in ir.walk(*node.body)):
                    if isinstance(node, ir.While):
                        counts = self._tests_fullness(path, node.test, capacities)
                    else:
                        counts = isinstance(node.iter, ir.Call) and any(
                            self._is_capacity(path, arg.value, capacities) for arg in node.iter.args
                        )
                    if counts:
                        return True
        return False

    @cached_property
    def _adding(self) -> set[ev.Owner]:
        """The functions that store transitions, or lead to some that do."""
        found = set(self.anatomy.adding)
        for _ in range(_FAR):
            found |= {site.function for function in found for site in self.graph.callers.get(function, ())}
        return found

    def _adds(self, node: ir.Node, adding: set[ev.Owner]) -> bool:
        site = self.graph.events.calls.get(node) if isinstance(node, ir.Call) else None
        return site is not None and any(func.node in adding for func in site.targets)


def _may_be_capacity(term: Term) -> bool:
    if term.is_number:
        return (term.number or 0) > 10
    return term.op in ("field", "param", "global", "external", "item")


def _blocks(node: ir.Node) -> Iterator[list[ir.Stmt]]:
    for name in ("body", "orelse", "final"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _leaves(body: list[ir.Stmt]) -> bool:
    return bool(body) and (
        isinstance(body[-1], (ir.Return, ir.Raise)) or (isinstance(body[-1], ir.Jump) and body[-1].kind != "pass")
    )


def _is_test(path: str) -> bool:
    return any(part in ("test", "tests") or part.startswith("test_") for part in path.split("/"))
