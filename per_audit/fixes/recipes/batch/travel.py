"""Weights and indices travel with the batch: from the draw through returns and callers to where it is learnt from.

What `sample()` returned keeps its place; weights and indices are appended. Every place on the way is edited, or the
recipe refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused, TravelsWhole
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.batch import annotated, returned
from per_audit.fixes.recipes.batch.handles import handle_of
from per_audit.fixes.recipes.containers import branches
from per_audit.graph.interpret.values import UNKNOWN, TupleOf, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

WEIGHTS = ("weights", "is_weights", "importance_weights")
INDICES = ("indices", "batch_indices", "drawn_indices")
_NOTE = "weights and indices behind the batch"


def weights_of(draft: Draft, buffer: ReplayBuffer) -> str:
    """The name of the weights where the batch is drawn."""
    return lap.WEIGHTS if lap.is_chosen(draft) else draft.fresh(buffer.path, buffer.function, *WEIGHTS)


@dataclass(frozen=True, slots=True, eq=False)
class Consumer:
    """A function that learns from the batch, with the names that weights and indices have there.

    `update` is the source text of the method that takes indices and TD errors, empty where the function cannot reach
    it; `arrival` is the statement that brings the batch.
    A function that does not `learn` only looks at the batch: it gets no names and gives nothing back.
    """

    path: str
    function: ev.Owner
    weights: str
    indices: str
    update: str
    arrival: ir.Stmt
    learns: bool = True
    others: list[ir.Stmt] = field(default_factory=list)

    @property
    def arrivals(self) -> list[ir.Stmt]:
        """The statements that bring a batch, each in the place of the one before."""
        return [self.arrival, *self.others]


class Travel:
    """Follows one buffer's batch and collects its consumers."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer) -> None:
        self.draft = draft
        self.graph = draft.graph
        self.buffer = buffer
        self.consumers: list[Consumer] = []
        self._is_raw = False  # whether what travels is what a draw gives: three values, always
        self._seen: set[ir.Node] = set()
        self._passed_on: set[ev.Owner] = set()
        self._named: dict[tuple[str, ev.Owner], tuple[str, str]] = {}

    def from_function(self, weights: str, indices: str, update: str, arrival: ir.Stmt) -> list[Consumer]:
        """The consumers when the drawing function has the batch, its weights and its indices in names."""
        function, path = self.buffer.function, self.buffer.path
        returns = self._returns(function)
        if not returns or self.graph.learns(function, (path,)):
            self.consumers.append(Consumer(path, function, weights, indices, update, arrival))
            return self.consumers
        branches.refuse_behind(self.draft, self.buffer, arrival, returns)
        displays = [r.value for r in returns if isinstance(r.value, ir.Seq) and r.value.kind == "tuple"]
        if len(displays) == len(returns) and not self.draft.whole:
            lengths = {len(display.items) for display in displays}
            if len(lengths) > 1 or any(isinstance(i, ir.Star) for d in displays for i in d.items):
                raise Refused(f"{self._name(function)} returns tuples of different lengths")
            self._lengthen(path, function, displays, weights, indices)
            self._follow_tuples(set(displays), lengths.pop())
        elif displays and len(displays) < len(returns):
            raise Refused(f"{self._name(function)} returns a tuple in one place and something else in another")
        else:
            tail = "".join(f", {name}" for name in self._behind(weights, indices))
            for statement in returns:
                assert statement.value is not None
                if statement.value in displays and self.draft.own_parentheses(path, statement.value) is None:
                    self.draft.replace(path, statement.value.start, statement.value.start, "(", _NOTE)
                    self.draft.replace(path, statement.end, statement.end, f"){tail}", _NOTE)
                else:
                    self.draft.replace(path, statement.end, statement.end, tail, _NOTE)
            values = {statement.value for statement in returns if statement.value is not None}
            returned.complete(self.draft, path, function, values, 1 + len(self._behind(weights, indices)))
            self._follow_triples(function, ())
        return self.consumers

    def from_draw(self) -> list[Consumer]:
        """The consumers when the drawing function returns the draw itself: batch, weights and indices."""
        self._is_raw = True
        returned.complete(self.draft, self.buffer.path, self.buffer.function, set(self.buffer.draws))
        self._follow_triples(self.buffer.function, ())
        return self.consumers

    def _behind(self, weights: str, indices: str) -> list[str]:
        """What stands behind the batch."""
        return lap.carried(self.draft, weights, indices, is_raw=self._is_raw)

    def _lengthen(self, path: str, function: ev.Owner, displays: Iterable[ir.Seq], weights: str, indices: str) -> None:
        """Append weights and indices to the tuples that a function returns, and to its annotation."""
        behind = self._behind(weights, indices)
        for display in displays:
            self.draft.append_items(path, display, behind, _NOTE)
            if isinstance(function, ir.Function):
                annotated.lengthened(self.draft, path, function.returns, len(display.items), len(behind))

    # ---------------------------------------------------------------- returns

    def _returns(self, function: ev.Owner) -> list[ir.Return]:
        """What a function returns; that it sometimes returns nothing is for its callers to ask for, as before."""
        body = function.body if isinstance(function, ir.Function) else []
        found = [node for node in ir.walk_scope(body) if isinstance(node, ir.Return)]
        return [node for node in found if node.value is not None and not ir.is_none(node.value)]

    def _name(self, function: ev.Owner) -> str:
        return self.graph.symbol(function, self.buffer.path)

    def _callers(self, function: ev.Owner) -> list[ev.CallSite]:
        sites = self.graph.callers.get(function, [])
        if not sites:
            raise Refused(
                f"no call of {self._name(function)} was found in the files that were read and import it, so what it"
                " returns cannot be followed"
            )
        for site in sites:
            self._refuse_remote(site)
        return sites

    def _refuse_remote(self, site: ev.CallSite) -> None:
        """Refuse where the batch comes from another process: what is written here would have to be called there."""
        if site.is_remote:
            raise Refused(f"the batch comes from another process at {self.draft.where(site.path, site.node)}")

    # ---------------------------------------------------------------- a longer tuple

    def _follow_tuples(self, displays: set[ir.Seq], length: int) -> None:
        """Every place that the returned tuple reaches: unpackings are extended, anything else is refused."""
        unpacked = 0
        for node, value in list(self.graph.events.values.items()):
            origins = _origins(value)
            if not isinstance(node, ir.Expr) or not origins & displays or node in displays:
                continue
            path = self.draft.path_of(node)
            if origins - displays:
                raise Refused(f"another function's result arrives at {self.draft.where(path, node)} as well")
            self._refuse_others(path, node, displays)
            unpacked += self._tuple_use(path, node, length)
        if not unpacked:
            self._callers(self.buffer.function)
            raise Refused(f"nothing in the project takes apart what {self._name(self.buffer.function)} returns")

    def _refuse_others(self, path: str, node: ir.Expr, displays: set[ir.Seq]) -> None:
        """Refuse where a name or call that brings the tuple may bring a value of unknown origin as well."""
        sources: list[tuple[str, ir.Expr]] = []
        if isinstance(node, ir.Name):
            sources = self._bindings(path, node)
        site = self.graph.events.calls[node] if isinstance(node, ir.Call) else None
        if site is not None:
            self._refuse_remote(site)
        for func in site.targets if site is not None else ():
            value = self.graph.interpreter.results.get(("result", func.node, func.owner), UNKNOWN)
            if not _origins(value) & displays:
                where = self.draft.where(path, node)
                raise Refused(f"the call at {where} may reach another function than {self._name(self.buffer.function)}")
        for where, source in sources:
            if not _origins(self.graph.events.value(source)) & displays:
                raise Refused(f"the batch comes from somewhere else as well at {self.draft.where(where, source)}")

    def _bindings(self, path: str, name: ir.Name) -> list[tuple[str, ir.Expr]]:
        """The expressions that a name is bound to in its function, or by the calls of the function."""
        function = self._function_of(path, name)
        body = function.body if function is not None else self.graph.module(path).body
        found = [
            (path, node.value)
            for node in ir.walk_scope(body)
            if isinstance(node, ir.Assign) and node.value is not None
            if any(isinstance(target, ir.Name) and target.id == name.id for target in node.targets)
        ]
        names = [p.name for p in function.parameters] if function is not None else []
        if name.id in names:
            for site in self.graph.callers.get(function, []):
                bound = any(func.node is function and func.owner is not None for func in site.targets)
                argument = site.node.argument(names.index(name.id) - bound, name.id)
                if argument is None:
                    raise Refused(f"the batch is given to {self._name(function)} in an unknown way")
                found.append((site.path, argument))
        return found

    def _tuple_use(self, path: str, node: ir.Expr, length: int) -> int:
        parent = self.graph.parents(path).get(node)
        where = self.draft.where(path, node)
        if isinstance(parent, ir.Arg):
            call = self.graph.parents(path).get(parent)
            site = self.graph.events.calls.get(call) if isinstance(call, ir.Call) else None
            if site is None or not site.targets or parent.star:
                raise Refused(f"the batch is given to code outside the project at {where}")
            return 0
        if isinstance(parent, ir.Return) or _is_asked_for(parent):
            return 0
        if not isinstance(parent, ir.Assign) or len(parent.targets) != 1:
            is_read = isinstance(parent, ir.Sub) and parent.value is node and isinstance(parent.index, ir.Const)
            raise (TravelsWhole if is_read else Refused)(f"the batch is used as a whole at {where}")
        target = parent.targets[0]
        if isinstance(node, ir.Name) and node is not target:
            self._annotate(path, node, length)
        if node is target or isinstance(target, ir.Name):
            return 0
        if not isinstance(target, ir.Seq) or len(target.items) != length:
            raise Refused(f"the batch is kept or taken apart in an unknown way at {where}")
        if any(isinstance(item, ir.Star) for item in target.items):
            raise Refused(f"the batch is taken apart with a star at {where}")
        self._arrive_tuple(path, parent, target, node)
        return 1

    def _annotate(self, path: str, name: ir.Name, length: int) -> None:
        """Let the annotation of a parameter that is the batch name weights and indices."""
        function = self._function_of(path, name)
        for parameter in function.parameters if function is not None else ():
            if parameter.name == name.id:
                arrays = len(self._behind("", ""))
                annotated.lengthened(self.draft, path, parameter.annotation, length, arrays)

    def _arrive_tuple(self, path: str, statement: ir.Assign, target: ir.Seq, source: ir.Expr) -> None:
        if statement in self._seen:
            return
        self._seen.add(statement)
        function = self._function_of(path, statement)
        weights, indices = self._names(path, function)
        note = "weights and indices arrive with the batch"
        self.draft.append_items(path, target, self._behind(weights, indices), note)
        self._arrive(path, function, source, statement)

    def _arrive(self, path: str, function: ev.Owner, source: ir.Expr, statement: ir.Stmt) -> None:
        """The batch is in names of a function: it learns from it, or makes a tuple of it for its callers."""
        displays = self._rebuilt(function)
        if not displays:
            self._consume(path, function, source, statement)
            return
        self._lengthen(path, function, displays, *self._named[path, function])
        if function not in self._passed_on:
            self._passed_on.add(function)
            self._follow_tuples(displays, len(next(iter(displays)).items))

    def _rebuilt(self, function: ev.Owner) -> set[ir.Seq]:
        """The tuples that a function returns which only converts the batch."""
        if function is None or self.graph.learns(function) or not self._learns(function):
            return set()
        draws = set(self.buffer.draws)
        returned = [statement.value for statement in self._returns(function)]
        displays = [
            value
            for value in returned
            if isinstance(value, ir.Seq) and value.kind == "tuple"
            if sum(bool(self.graph.events.value(item).tagged("draw") & draws) for item in value.items) > 2
        ]
        is_one_shape = len({len(display.items) for display in displays}) == 1 and len(displays) == len(returned)
        has_star = any(isinstance(item, ir.Star) for display in displays for item in display.items)
        return set(displays) if is_one_shape and not has_star else set()

    # ---------------------------------------------------------------- batch, weights, indices

    def _follow_triples(self, function: ev.Owner, on_the_way: tuple[ev.Owner, ...]) -> None:
        if function in on_the_way:
            raise Refused(f"{self._name(function)} calls itself")
        for site in self._callers(function):
            if {func.node for func in site.targets} != {function}:
                where = self.draft.where(site.path, site.node)
                raise Refused(f"the call at {where} may reach another function than {self._name(function)}")
            self._triple_use(site, (*on_the_way, function))

    def _triple_use(self, site: ev.CallSite, on_the_way: tuple[ev.Owner, ...]) -> None:
        path, node = site.path, site.node
        parent = self.graph.parents(path).get(node)
        if isinstance(parent, ir.Return):
            drawn = {each.node for each in self.graph.callers.get(on_the_way[-1], [])}
            returned.complete(self.draft, path, site.function, drawn, 1 + len(self._behind("", "")))
            self._follow_triples(site.function, on_the_way)
            return
        statement = self.graph.statement(path, node)
        where = self.draft.where(path, node)
        if isinstance(statement, (ir.If, ir.For, ir.While, ir.With, ir.Return)) or self._in_comprehension(path, node):
            raise Refused(f"the batch is used as a whole at {where}")
        if statement in self._seen:
            return
        self._seen.add(statement)
        function = site.function
        weights, indices = self._names(path, function)
        if isinstance(parent, ir.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
            if isinstance(target, ir.Name):
                self.draft.append_name(path, target, self._behind(weights, indices))
            elif isinstance(target, ir.Seq):
                self.draft.enclose(path, target, self._behind(weights, indices))
            else:
                raise Refused(f"the batch is kept in {self.draft.text(path, target)} at {where}")
        else:
            batch = self.draft.fresh(path, function, "batch", "transitions", "drawn")
            text = self.draft.text(path, node)
            names = ", ".join([batch, *self._behind(weights, indices)])
            self.draft.insert_before(path, statement, [f"{names} = {text}"], "the batch first")
            self.draft.replace(path, node.start, node.end, batch, "the batch by its name")
        self._consume(path, function, node, statement)

    # ---------------------------------------------------------------- where things are

    def _names(self, path: str, function: ev.Owner) -> tuple[str, str]:
        """The names of weights and indices in a function, the same for every arrival."""
        if not self._learns(function):
            return "_", "_"
        key = path, function
        if key not in self._named:
            self._named[key] = self.draft.fresh(path, function, *WEIGHTS), self.draft.fresh(path, function, *INDICES)
        return self._named[key]

    def _learns(self, function: ev.Owner) -> bool:
        """Whether a function, one that it calls or one that it gives a loss back to may train something."""
        sites = self.graph.callers.get(function, [])
        by_module = {site.path for site in sites if site.function is None}
        related = self.graph.reachable(function) | ({site.function for site in sites} - {None})
        return (
            function is None
            or any(self.graph.learns(each) for each in related)
            or (bool(by_module) and self.graph.learns(None, by_module))
        )

    def _consume(self, path: str, function: ev.Owner, source: ir.Expr, arrival: ir.Stmt) -> None:
        """Add a consumer, once a function."""
        weights, indices = self._names(path, function)
        learns = weights != "_"
        handle = handle_of(self.draft, self.buffer, path, function, source) if learns else None
        update = f"{handle}.update_priorities" if handle else ""
        if not learns:
            self._refuse_passing_on(path, function)
        for known in self.consumers:
            if known.function is function and known.path == path:
                if known.update != update:
                    raise Refused(f"batches of several buffers meet at {self.draft.where(path, arrival)}")
                if learns and self._bound(path, known.arrival) != self._bound(path, arrival):
                    raise Refused(f"a second batch is drawn at {self.draft.where(path, arrival)}")
                known.others.append(arrival)
                return
        self.consumers.append(Consumer(path, function, weights, indices, update, arrival, learns))

    def _bound(self, path: str, arrival: ir.Stmt) -> str:
        """What a statement assigns the batch to."""
        return self.draft.text(path, arrival.targets[0] if isinstance(arrival, ir.Assign) else arrival)

    def _refuse_passing_on(self, path: str, function: ev.Owner) -> None:
        """Refuse a function that does not learn from the batch but returns or keeps what it made of it."""
        draws = set(self.buffer.draws)
        for node in ir.walk_scope(function.body if isinstance(function, ir.Function) else []):
            passes = isinstance(node, ir.Return)
            passes |= isinstance(node, ir.Assign) and any(isinstance(t, (ir.Attr, ir.Sub)) for t in node.targets)
            value = getattr(node, "value", None)
            if passes and value is not None and self.graph.events.value(value).tagged("draw") & draws:
                raise TravelsWhole(f"the batch is passed on in an unknown way at {self.draft.where(path, node)}")

    def _function_of(self, path: str, node: ir.Node) -> ir.Function | None:
        return next((a for a in self.graph.ancestors(path, node) if isinstance(a, ir.Function)), None)

    def _in_comprehension(self, path: str, node: ir.Node) -> bool:
        return any(
            isinstance(a, (ir.Comp, ir.Lambda)) for a in self.graph.ancestors(path, node) if isinstance(a, ir.Expr)
        )


def _origins(value: Value) -> set[ir.Node]:
    """The displays that a value may be."""
    return {atom.node for atom in value.atoms if isinstance(atom, TupleOf)}


def _is_asked_for(parent: ir.Node | None) -> bool:
    """Whether what is around a name only asks whether there is anything: `batch is None`, `if not batch`."""
    if isinstance(parent, ir.Cmp):
        return len(parent.ops) == 1 and (ir.is_none(parent.left) or ir.is_none(parent.rights[0]))
    return isinstance(parent, (ir.If, ir.While)) or (isinstance(parent, ir.Un) and parent.op == "not")
