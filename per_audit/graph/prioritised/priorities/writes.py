"""Who writes the priorities of a buffer: each value that is stored, followed outwards through its callers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.prioritised.priorities.opened import opened
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.prioritised.anatomy import Anatomy

_MOST_CHAINS, _DEEPEST = 24, 5
_REPLACED = "_replace"
_REPLACE = {_REPLACED, "replace"}  # of a namedtuple, and of a data class


@dataclass(frozen=True, slots=True)
class Step:
    """A link of the way that a value takes: a call or a store, and its file."""

    node: ir.Node
    path: str


@dataclass(frozen=True, slots=True)
class PriorityWrite:
    """A value that is written as a priority, followed outwards through its callers.

    `value` and `index` are the terms as the outermost function knows them; `steps` leads from the store outwards.
    `inserts`: the write belongs to storing a new transition; otherwise it updates one that was drawn.
    """

    store: ev.Store
    value: Term
    index: Term | None
    steps: tuple[Step, ...]
    functions: tuple[ev.Owner, ...]
    inserts: bool

    @property
    def outermost(self) -> Step:
        """Where the value is made or passed on first."""
        return self.steps[-1]


class Writes:
    """The writes of one buffer's priorities, looked for in the project."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.graph = anatomy.graph
        self.symbols = anatomy.symbols
        self.events = anatomy.events

    @cached_property
    def found(self) -> list[PriorityWrite]:
        """Every way that a value takes into the priorities, from each function where it starts."""
        found: dict[tuple[ir.Node, Term], PriorityWrite] = {}
        for store in self.anatomy.stores:
            value = self._leaf_value(store)
            if value is None:
                continue
            index = self.symbols.term(store.path, store.index) if store.index is not None else None
            step = Step(store.node, store.path)
            by_difference = _adds(store)
            if by_difference and value.op == "sub" and self.anatomy.priority_base(value.args[1]):
                value, by_difference = value.args[0], False
            for write in self.outwards(store, value, index, (step,), (store.function,)):
                leaf = self._without_difference(write, by_difference)
                if leaf is None:
                    continue
                key = (leaf.outermost.node, leaf.value)
                if key not in found or len(leaf.steps) < len(found[key].steps):
                    found[key] = leaf  # the leaf, rather than a parent of it in a method that the change is handed to
        every = list(found.values())
        idle = {id(write) for write in every if self._is_left_over(write) or self._is_tried_out(write)}
        # Where nothing but a trial names any method that inserts, or none that updates, the project does that unseen.
        seen = {write.inserts for write in every if id(write) not in idle}
        live = [write for write in every if id(write) not in idle or write.inserts not in seen]
        return live[: 4 * _MOST_CHAINS]

    @cached_property
    def opened(self) -> list[PriorityWrite]:
        """The same, with what is behind calls in their values that were not followed at first."""
        return [replace(write, value=opened(write.value, self.symbols)) for write in self.found]

    @cached_property
    def keyed(self) -> dict[str, set[Term]]:
        """The attributes of items that priorities are written into as well, by name: whose items. The key of a heap."""
        found: dict[str, set[Term]] = defaultdict(set)
        for write in self.found:
            store, function = write.store, write.functions[0]
            if store.expression is None or not isinstance(function, ir.Function):
                continue
            kept = self.symbols.term(store.path, store.expression)
            for node in ir.walk_scope(function.body):
                if not isinstance(node, ir.Assign) or node.value is None:
                    continue
                for target in node.targets:
                    if isinstance(target, ir.Attr) and self.symbols.term(store.path, node.value) == kept:
                        held = self.symbols.term(store.path, target.value)
                        if held.op in ("at", "item"):
                            found[target.attr].add(self.anatomy.base_of(held))
        return dict(found)

    def _is_left_over(self, write: PriorityWrite) -> bool:
        """Whether a method of a buffer that is drawn from writes it which nothing names, by whatever object."""
        method = write.functions[-1]
        if not isinstance(method, ir.Function) or not self.anatomy.buffer.samples or method.decorators:
            return False
        named = self.graph.callers.get(method) or self.graph.mentions.get(method.name)
        return self.anatomy.class_of(method) in self.anatomy.parts and not named and not method.name.startswith("__")

    def _is_tried_out(self, write: PriorityWrite) -> bool:
        """Whether a file that is started by itself writes it, where it shows what a tree of its own does."""
        step = write.outermost
        return write.functions[-1] is None and self.graph.demos.around(step.path, step.node) is not None

    def _without_difference(self, write: PriorityWrite, by_difference: bool) -> PriorityWrite | None:
        """The write of p where p - old is added to what was there; None where only a change is passed on."""
        if not by_difference:
            return write
        value = strip(write.value)
        if value.op == "sub" and self.anatomy.priority_base(value.args[1]):
            return replace(write, value=value.args[0])
        return None

    def _leaf_value(self, store: ev.Store) -> Term | None:
        """The term that becomes a leaf; None for a store that only carries a change or a sum towards the root."""
        run = self.symbols.run(store.function, store.path)
        node = store.node
        if (field := self._field(store)) is not None:
            return run.terms.get(field)
        if isinstance(node, ir.Aug):
            return run.terms.get(node.value) if node.op == "+" else None
        if isinstance(node, ir.Call) and store.how == "index":  # np.add.at(tree, i, change)
            return run.terms.get(store.expression) if store.expression is not None else None
        target = node.targets[0] if isinstance(node, ir.Assign) else None
        value = run.terms.get(store.expression) if store.expression is not None else None
        if value is None and target is not None:
            value = run.terms.get(target)
        if value is None:
            return None
        return None if self._carries(strip(value)) else value

    def _field(self, store: ev.Store) -> ir.Expr | None:
        """What a row that takes the place of another one has as its priority: `row._replace(priority=error)`."""
        made = store.expression
        if not isinstance(made, ir.Call) or not puts_back(store):
            return None
        given = (made.argument(None, key) for key in sorted(map(str, self.anatomy.keys)))
        return next(filter(None, given), None)

    def _carries(self, value: Term) -> bool:
        """Whether a value is made of other entries, as the sums and extremes of a tree are."""
        parts = value.args if value.op in ("add", "sub", "minimum", "maximum", "call") else (value,)
        return any(self.anatomy.priority_base(option) for part in parts for option in alternatives(strip(part)))

    def outwards(
        self,
        store: ev.Store,
        value: Term,
        index: Term | None,
        steps: tuple[Step, ...],
        functions: tuple[ev.Owner, ...],
    ) -> list[PriorityWrite]:
        """The write as each of the callers makes it, as long as the value still depends on a parameter."""
        function = functions[-1]
        open_parameters = [p for p in value.walk() if p.op == "param" and p.data[0] is function]
        callers = self.symbols.calls_of.get(function, ()) if open_parameters and function is not None else ()
        found: list[PriorityWrite] = []
        others = {node for node, f, _ in callers if self._is_of_others(f) or self._is_on_own_tree(node, f)}
        if callers and len(others) == len(callers):
            return []  # what other buffers put into a tree of the same class
        for node, caller, path in callers:
            if node in others or is_test(path) or self._is_of_another(node, caller, function):
                continue
            if caller in functions or len(steps) > _DEEPEST or not isinstance(function, ir.Function):
                continue
            given = self.symbols.arguments(node, function, path)

            def substituted(part: Term, given: dict[str, Term] = given) -> Term | None:
                return given.get(part.data[1]) if part.op == "param" and part.data[0] is function else None

            found += self.outwards(
                store,
                value.mapped(substituted),
                None if index is None else index.mapped(substituted),
                (*steps, Step(node, path)),
                (*functions, caller),
            )
            if len(found) >= _MOST_CHAINS:
                break
        if found:
            return found
        return [PriorityWrite(store, value, index, steps, functions, self._inserts(functions))]

    def _is_of_others(self, function: ev.Owner) -> bool:
        """Whether a function is a method of another prioritised buffer."""
        return self.anatomy.class_of(function) in self.anatomy.others

    def _is_on_own_tree(self, call: ir.Expr, caller: ev.Owner) -> bool:
        """Whether a class outside of the buffer asks a tree of the same class that it has made for itself."""
        cls = self.anatomy.class_of(caller)
        receiver = call.func.value if isinstance(call, ir.Call) and isinstance(call.func, ir.Attr) else None
        own = isinstance(receiver, ir.Attr) and isinstance(receiver.value, ir.Name)
        return own and cls in self._makers and cls not in self.anatomy.parts | self.anatomy.holders

    @cached_property
    def _makers(self) -> set[ir.Class]:
        """The classes that make themselves a tree such as the buffer makes for itself, other than its own and heirs."""
        made = {
            (maker, tree)
            for site in self.events.calls.values()
            for tree in self.anatomy.holders.intersection(site.classes)
            if (maker := self.anatomy.class_of(site.function)) is not None and maker is not tree
        }
        trees = {tree for maker, tree in made if maker in self.anatomy.family}
        related = set().union(
            *map(self.graph.classes.mro, self.anatomy.parts),
            *(self.graph.classes.heirs(cls) for cls in self.anatomy.family),
        )
        return {maker for maker, tree in made if tree in trees} - related

    def _is_of_another(self, call: ir.Expr, caller: ev.Owner, method: ev.Owner) -> bool:
        """Whether code outside calls something else than the tree, likely the buffer, by a name that methods share."""
        site = self.events.calls.get(call) if isinstance(call, ir.Call) else None
        cls, owner = self.anatomy.class_of(method), self.anatomy.buffer.owner
        interpreter = self.graph.interpreter
        if site is None or cls is None or owner is None or cls in interpreter.classes.mro(owner):
            return False
        objects = [atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)]
        if self.anatomy.class_of(caller) in self.anatomy.parts or objects:
            return bool(objects) and all(cls not in interpreter.classes.mro(made) for made in objects)
        return True

    def _inserts(self, functions: tuple[ev.Owner, ...]) -> bool:
        adding, parts = self.anatomy.adding, self.anatomy.parts
        inner = [f for f in functions if (f is not None and self.anatomy.class_of(f) in parts) or f in adding]
        return any(self.graph.reachable(function, 1) & adding for function in inner)


def puts_back(store: ev.Store) -> bool:
    """Whether what is stored in a place is a row that was there, with other fields: `row._replace(priority=error)`.

    One that a function is given is a new one.
    """
    made = store.expression
    if store.how != "index" or not isinstance(made, ir.Call) or ir.last_name(made.func) not in _REPLACE:
        return False
    is_method = isinstance(made.func, ir.Attr) and ir.last_name(made.func) == _REPLACED
    row = made.func.value if is_method and isinstance(made.func, ir.Attr) else made.argument(0)
    given = store.function.parameters if isinstance(store.function, ir.Function) else ()
    return row is not None and not (isinstance(row, ir.Name) and any(each.name == row.id for each in given))


def _adds(store: ev.Store) -> bool:
    """Whether the store adds to what was there: `tree[i] += change`, `np.add.at(tree, i, change)`."""
    return isinstance(store.node, ir.Aug) or (isinstance(store.node, ir.Call) and store.how == "index")
