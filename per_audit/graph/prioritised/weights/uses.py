"""What becomes of the weights of a prioritised buffer: they reach what may be a loss, or a name that is never read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.gradients.unrecorded import is_unrecorded
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import Alloc, Instance, Record, TupleOf
from per_audit.graph.liveness.memories.shown import is_name_only_told, is_only_told
from per_audit.graph.liveness.memories.usage import is_name_read
from per_audit.graph.prioritised.priorities.updates import BUILDERS
from per_audit.graph.prioritised.weights.asked import are_never_asked_for
from per_audit.graph.prioritised.weights.rated import only_rates

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.prioritised.priorities.priorities import Priorities

WEIGHT_WORDS = {"weight", "weights", "isweight", "isweights", "importance", "isw"}
_PLAIN = {
    "zip",
    "enumerate",
    "max",
    "min",
    "mean",
    "sum",
    "amax",
    "amin",
    "print",
    "len",
    "isnan",
    "any",
    "all",
    "append",
    "extend",
    "power",
    "pow",
    "shape",
    "size",
    "get",
}
_JOINS = ext.JOINS | {"stack", "hstack", "column_stack"}
_PUTS = ("append", "extend", "insert", "add", "put", "set", "set_", "setdefault", "update")
_CONTAINERS = (Alloc, TupleOf, Record)


class Uses:
    """The uses of one buffer's weights, looked for in the project."""

    def __init__(self, about: Priorities) -> None:
        self.about = about
        self.graph = about.graph
        self.events = about.events
        self._elsewhere: dict[ir.Node, bool] = {}

    def found(self) -> bool:
        """Whether the weights reach something that may be a loss."""
        if self.never_asked_for:
            return False
        for weighting in self.events.weightings.values():
            if self._is_unrecorded(weighting.path, weighting.node):
                continue
            is_step = weighting.weights is weighting.node  # of learning: the product is a part of what is called
            if self.events.value(weighting.weights).tagged("isw") & self.about.weights and (
                is_step or not self._ends_elsewhere(weighting.path, weighting.node)
            ):
                return True
        if any(isinstance(made, ir.Call) and made.argument(None, "out") is not None for made in self.about.weights):
            return True  # what is written into another array is not followed
        if any(map(self._loses_sight, self.about.bodies(self.about.functions))):
            return True
        if any(self._hands_over(function) for function in self.about.functions):
            return True
        return any(self.are_in(function) for function in self.about.around - self.about.functions) or any(
            self.are_in(function)
            for function in self.about.functions
            if self.graph.learns(function, (self.about.buffer.path,))
        )

    @cached_property
    def never_asked_for(self) -> bool:
        """Whether the weights leave the buffer under a name by which nothing reads them."""
        return are_never_asked_for(self.about)

    def _hands_over(self, function: ev.Owner) -> bool:
        """Whether the function puts the weights into an attribute of something else than the buffer: of the batch."""
        for node in self.about.bodies({function}):
            if isinstance(node, ir.Call) and self._is_read_of_object(node):
                return True
            if isinstance(node, ir.Assign) and self.about.is_weight(node.value):
                for target in node.targets:
                    holder = self.events.value(target.value) if isinstance(target, ir.Attr) else None
                    if holder is not None and not any(
                        isinstance(atom, Instance) and atom.node in self.about.family for atom in holder.atoms
                    ):
                        return True
        return False

    def _loses_sight(self, node: ir.Node) -> bool:
        """Whether weights are put into what is not known: one of the lists that a loop makes, a library's object."""
        put: list[ir.Expr | None]
        if isinstance(node, ir.Do) and isinstance(node.value, ir.Call) and self._passes(node.value):
            held = node.value.func.value if isinstance(node.value.func, ir.Attr) else None
            return not self._is_followed(held, _CONTAINERS)  # called for nothing but what it does with them
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in _PUTS:
            holder, put = node.func.value, [argument.value for argument in node.args]
        elif isinstance(node, ir.Assign) and isinstance(node.targets[0], ir.Sub):
            holder, put = node.targets[0].value, [node.value]
        else:
            return False
        return not self._is_followed(holder, (*_CONTAINERS, Instance)) and any(map(self.about.is_weight, put))

    def _is_followed(self, holder: ir.Expr | None, kinds: tuple[type, ...]) -> bool:
        """Whether an expression is of what the weights that are put into it are found in again."""
        return any(isinstance(atom, kinds) for atom in self.events.value(holder).atoms)

    def _is_read_of_object(self, made: ir.Call) -> bool:
        """Whether the weights go into an object that the call makes, and are read from it or cannot be found in it."""
        site = self.events.calls.get(made)
        owner, interpreter = self.about.buffer.owner, self.graph.interpreter
        own = interpreter.classes.kin(owner) if owner is not None else set()
        if site is None or not site.classes or not site.classes.isdisjoint(own):
            return False
        if not any(self.about.is_weight(argument.value) for argument in made.args):
            return False
        held = interpreter.attributes.items()
        names = {
            name for (cls, name), value in held if cls in site.classes and value.tagged("isw") & self.about.weights
        }
        methods = {s for cls in own for s in cls.body} | {self.about.buffer.function}
        methods |= {s for cls in site.classes for s in cls.body if getattr(s, "name", "") in BUILDERS}
        return not names or any(
            isinstance(node, ir.Attr) and node.attr in names
            for function in self.graph.project.functions
            if function not in methods
            for node in ir.walk(function)
        )

    @cached_property
    def dropped(self) -> list[ev.Unpack]:
        """Where weights come back from a draw, beside the batch, under a name that is never read."""
        found = [
            unpack
            for unpack in self.events.unpacks.values()
            if unpack.function in self.about.around
            and self._is_assigned(unpack)
            and not self.graph.demos.is_dry(unpack.path, unpack.node)
            and not self._is_handed_on(unpack)
            and self._drops(unpack)
        ]
        return sorted(found, key=lambda unpack: (unpack.path, unpack.node.start))

    @cached_property
    def erased(self) -> list[tuple[str, ir.Node]]:
        """Where weights are multiplied by 0, beside what learns: whatever is added to that, none of them is left."""
        found = [
            (path, node)
            for node in self.about.bodies(self.about.around)
            if isinstance(node, ir.Bin)
            and node.op == "*"
            and any(self._is_zero(zero) and self.about.is_weight(w) for zero, w in _either_way(node))
            and (path := self.graph.path_of(node)) is not None
        ]
        return sorted(found, key=lambda place: (place[0], place[1].start))

    @cached_property
    def unrecorded(self) -> list[tuple[str, ir.Node]]:
        """Where weights are multiplied into a loss and leave its gradient as it is."""
        found = [
            (path, node)
            for node in self.about.bodies(self.about.around)
            if isinstance(node, ir.Aug) and self.about.is_weight(node.value)
            if (path := self.graph.path_of(node)) is not None and self._is_unrecorded(path, node)
        ]
        return sorted(found, key=lambda place: (place[0], place[1].start))

    def _is_zero(self, factor: ir.Expr) -> bool:
        number = self.events.value(factor).literal()
        return isinstance(number, (int, float)) and number == 0

    def _drops(self, unpack: ev.Unpack) -> bool:
        """Whether nothing is made of a name that is given weights: of several all, or one that is called so."""
        among = [item for item in self.weights_among(unpack) if isinstance(item, ir.Name)]
        unread = [item for item in among if not self.is_put_to_use(unpack, item.id)]
        named = (item for item in unread if not (WEIGHT_WORDS | {"w"}).isdisjoint(words(item.id)))
        return bool(unread) and (len(unread) == len(among) or any(True for _ in named))

    def is_put_to_use(self, unpack: ev.Unpack, name: str) -> bool:
        """Whether something may be made of what a name is given there: it is read, and not only shown or handed on."""
        where = (self.graph, unpack.path, unpack.function, name)
        return is_name_read(*where) and not is_name_only_told(*where)

    def _is_assigned(self, unpack: ev.Unpack) -> bool:
        """Whether names are given for good: a loop over weights and errors may leave one of each pair aside."""
        statement = self.graph.statement(unpack.path, unpack.node)
        return isinstance(statement, ir.Assign) and unpack.node in ir.walk(*statement.targets)

    def _is_handed_on(self, unpack: ev.Unpack) -> bool:
        """Whether the batch that is taken apart goes whole to a function as well that uses its weights."""
        statement = self.graph.statement(unpack.path, unpack.node)
        batch = statement.value if isinstance(statement, ir.Assign) else None
        calls = (node for node in self.about.bodies({unpack.function}) if isinstance(node, ir.Call))
        sites = (
            self.events.calls.get(call)
            for call in calls
            if batch is not None and any(same(argument.value, batch) for argument in call.args)
        )
        return any(self.are_in(target.node) for site in sites if site is not None for target in site.targets)

    def weights_among(self, unpack: ev.Unpack) -> list[ir.Expr]:
        """The targets that may be given weights where the batch that a draw returned is taken apart."""
        if not self._is_of_batch(unpack):
            return []
        spilled = self.graph.interpreter.parts.spilled
        pairs = zip(unpack.node.items, self._unpacked(unpack), strict=False)
        return [item for item, value in pairs if spilled(value).tagged("isw") & self.about.weights]

    def _is_of_batch(self, unpack: ev.Unpack) -> bool:
        """Whether what is taken apart may be what a draw returned, and is not what a network makes of a batch."""
        around = self.graph.parents(unpack.path).get(unpack.node)
        call = around.value if isinstance(around, ir.Assign) else None
        site = self.events.calls.get(call) if isinstance(call, ir.Call) else None
        drawing = {self.about.buffer.function, *(drawn.function for drawn in self.about.buffer.samples)}
        return site is None or not site.targets or any(func.node in drawing for func in site.targets)

    def _unpacked(self, unpack: ev.Unpack) -> tuple[Value, ...]:
        items = self.graph.interpreter.parts.items_of(unpack.value, len(unpack.node.items))
        return items or ()

    def are_in(self, function: ev.Owner) -> bool:
        """Whether a function multiplies with what may be weights, keeps it or hands it on."""
        for node in self.about.bodies({function}):
            if isinstance(node, (ir.Bin, ir.Aug)) and node.op in ("*", "@", "/"):
                if self._weighs(node):
                    return True
            elif (
                (isinstance(node, ir.Map) and any(self.about.is_weight(value) for value in node.values))
                or (
                    isinstance(node, ir.Assign)
                    and isinstance(node.targets[0], (ir.Attr, ir.Sub))
                    and self.about.is_weight(node.value)
                )
                or (isinstance(node, ir.Call) and (self._passes(node) or self._joins(node)))
            ):
                return True
        return False

    def _weighs(self, node: ir.Bin | ir.Aug) -> bool:
        """Whether something is multiplied by weights, or divided by one over them, that may be a loss."""
        first, second = (node.left, node.right) if isinstance(node, ir.Bin) else (node.target, node.value)
        left, right = self.about.is_weight(first), self.about.is_weight(second)
        if left == right or _is_number(second if left else first) or (node.op == "/" and left):
            return False
        path = self.graph.path_of(node)
        return path is None or not (self._ends_elsewhere(path, node) or self._is_unrecorded(path, node))

    def _is_unrecorded(self, path: str, product: ir.Node) -> bool:
        """Whether weights are multiplied into a loss in place where that changes its value and not its gradient."""
        return isinstance(product, ir.Aug) and is_unrecorded(self.graph, path, product)

    def _ends_elsewhere(self, path: str, product: ir.Node) -> bool:
        """Whether a product of weights is no loss: priorities are made of it, or what a reader of the log sees."""
        known = self._elsewhere.get(product)
        if known is None:
            is_written = isinstance(product, ir.Call) and product.argument(None, "out") is not None
            is_value = isinstance(product, (ir.Bin, ir.Call)) and not is_written
            told = is_value and is_only_told(self.graph, path, product)  # type: ignore[arg-type]
            known = self._elsewhere[product] = told or self.only_rates(path, product)
        return known

    def only_rates(self, path: str, product: ir.Node) -> bool:
        """Whether a product of weights is all given to what writes priorities, so that it is no loss."""
        return only_rates(self.graph, path, product, self._rating)

    @cached_property
    def _rating(self) -> set[ev.Owner]:
        """The functions of the buffer that write priorities, and neither draw nor store nor learn."""
        about = self.about
        writers = {store.function for store in about.stores() if store.container in about.containers}
        return {
            function
            for function in about.functions - about.adding - {about.buffer.function, None}
            if not self.graph.learns(function) and not writers.isdisjoint({function, *self.graph.reachable(function)})
        }

    def _passes(self, node: ir.Call) -> bool:
        given = [arg for arg in node.args if self.about.is_weight(arg.value)]
        site = self.events.calls.get(node)
        if not given or site is None or site.targets or site.classes:
            return False
        called = ir.last_name(node.func)
        if called == "map":  # what the function makes of each; a project's own is not followed here
            called = ir.last_name(node.args[0].value)
        if called in ext.CONVERSIONS or called in ext.SHAPED or called in _PLAIN:
            return False
        told = all(is_only_told(self.graph, site.path, argument.value) for argument in given)
        return not told and not self._is_converted_in_vain(node)

    def _joins(self, call: ir.Call) -> bool:
        """Whether weights and something else that was drawn become one array, of which nobody tells them apart."""
        shown = call.args[0].value if call.args else None
        if ir.last_name(call.func) not in _JOINS or not isinstance(shown, ir.Seq):
            return False
        drawn = [item for item in shown.items if self.events.value(item).tagged("draw")]
        weights = [item for item in drawn if self.about.is_weight(item)]
        site = self.events.calls.get(call)
        if site is None or not 0 < len(weights) < len(drawn):
            return False
        return not is_only_told(self.graph, site.path, call)

    def _is_converted_in_vain(self, call: ir.Call) -> bool:
        """Whether a call gives a name another form of what it held, `w = net.to_device(w)`, which nothing reads."""
        path, given = self.graph.path_of(call), call.args[0].value
        statement = self.graph.statement(path, call) if path is not None else None
        if not isinstance(statement, ir.Assign) or statement.value is not call or len(call.args) != 1:
            return False
        names = [target.id for target in statement.targets if isinstance(target, ir.Name)]
        if not isinstance(given, ir.Name) or names != [given.id] or len(statement.targets) > 1 or path is None:
            return False
        function = self.graph.symbols.function_of(path, call)
        inside = ir.walk(*([function] if function is not None else self.graph.module(path).body))
        return not any(isinstance(n, ir.Name) and n.id == given.id and n.start > statement.end for n in inside)


def _either_way(product: ir.Bin) -> tuple[tuple[ir.Expr, ir.Expr], tuple[ir.Expr, ir.Expr]]:
    return (product.left, product.right), (product.right, product.left)


def _is_number(node: ir.Expr) -> bool:
    """A constant, or the N of (N P)^-beta: to multiply weights by it is not to use them."""
    is_length = isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "len"
    return is_length or isinstance(node, ir.Const)
