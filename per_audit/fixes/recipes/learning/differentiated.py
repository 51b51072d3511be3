"""JAX: the TD loss of a function that `jax.grad` or `jax.value_and_grad` differentiates.

Inside such a function values have no numbers yet, and nothing leaves it but what it returns: the TD errors come out as
an auxiliary value, beside what came out before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.batch import annotated
from per_audit.fixes.recipes.batch.travel import Consumer
from per_audit.fixes.recipes.learning.losses import Loss, Losses
from per_audit.fixes.recipes.learning.priorities import rebinds
from per_audit.graph.interpret.known.externals import DIFFERENTIATED
from per_audit.graph.interpret.values import Func
from per_audit.graph.libraries.buffers import dotted_name, imported

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

_VALUE_AND_GRAD = "jax.value_and_grad"
_DERIVATIVES = {name for name in DIFFERENTIATED if name.startswith("jax.")}
_MEANS = {"jax.numpy.mean"}
_SQUARES = {"jax.numpy.square"}
_OF_PAIRS = {"optax.l2_loss", "optax.squared_error", "optax.huber_loss", "optax.losses.l2_loss",
             "optax.losses.squared_error", "optax.losses.huber_loss"}  # fmt: skip
# Options of jit: those that name arguments or say how to compile, and those that count arguments.
_NAMED_OPTIONS = {"static_argnames", "donate_argnames", "keep_unused", "device", "backend", "inline"}
_NUMBERED_OPTIONS = {"static_argnums", "donate_argnums"}
_NOTE = "the TD errors come out of the differentiated function"


@dataclass(frozen=True, slots=True, eq=False)
class _Derivative:
    """The call of a derivative of `function`, and the call of JAX that made the derivative."""

    call: ir.Call
    maker: ir.Call
    function: ir.Function
    losses: tuple[Loss, ...]

    @property
    def has_aux(self) -> bool:
        told = self.maker.keyword("has_aux")
        return told is not None and isinstance(told.value, ir.Const) and bool(told.value.value)


class Differentiated:
    """The derivatives of TD losses that a function takes."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, function: ev.Owner, path: str) -> None:
        self.draft = draft
        self.graph = draft.graph
        self.buffer = buffer
        self.function = function
        self.path = path
        self._found: list[_Derivative] | None = None

    def find(self) -> list[_Derivative]:
        """The calls of derivatives of TD losses, in order."""
        if self._found is None:
            sites = self.graph.calls_of(self.function, (self.path,))
            found = (self._derivative(site) for site in sorted(sites, key=lambda site: site.node.start))
            self._found = [each for each in found if each is not None and each.losses]
        return self._found

    def weigh(self, weights: str) -> tuple[str, ir.Stmt]:
        """Weigh the losses by what has that name in the function.

        Gives the name of the TD errors, and the statement behind which they are known.
        """
        found = self.find()
        if lap.is_chosen(self.draft):
            raise Refused(f"the loss at {self._where(found[0].call)} is JAX's, for which there is no loss of LAP")
        names = []
        for number, derivative in enumerate(found, 1):
            suffix = str(number) if len(found) > 1 else ""
            name = self.draft.fresh(self.path, self.function, f"td_errors{suffix}", f"batch_td_errors{suffix}")
            self._receive(derivative, name)
            names.append(name)
        for function in dict.fromkeys(derivative.function for derivative in found):
            self._change(next(each for each in found if each.function is function), weights)
        statements = [self.graph.statement(self.path, each.call) for each in found]
        block = self.draft.block(self.path, statements[-1])
        if any(statement not in block for statement in statements):
            raise Refused(f"the derivatives after {self._where(found[0].call)} are taken in different blocks")
        together = self._joined(names, self.path)
        if len(names) > 1:
            name = self.draft.fresh(self.path, self.function, "td_errors", "batch_td_errors")
            self.draft.insert_after(self.path, statements[-1], [f"{name} = {together}"], "those of all critics")
            return name, statements[-1]
        return together, statements[-1]

    def convert(self, consumer: Consumer) -> None:
        """Make the edits in a function that draws the batch itself."""
        if not consumer.update:
            where = self._where(self.find()[0].call)
            raise Refused(f"the loss at {where} has no access to the buffer that it would give priorities to")
        errors, statement = self.weigh(consumer.weights)
        line = self.draft.call(self.path, statement, "", consumer.update, [consumer.indices, errors])
        self.draft.insert_after(self.path, statement, [line], "the TD errors become the priorities")

    # ---------------------------------------------------------------- finding

    def _derivative(self, site: ev.CallSite) -> _Derivative | None:
        functions = {func.node for func in site.targets}
        maker = self._maker(site.node.func)
        if maker is None or len(functions) != 1:
            return None
        (function,) = functions
        if not isinstance(function, ir.Function):
            return None
        if len([argument for argument in maker.args if argument.keyword is None or argument.star]) > 1:
            raise Refused(f"the derivative at {self._where(maker)} has positional options")
        return _Derivative(site.node, maker, function, tuple(self._losses(function, "").find()))

    def _maker(self, node: ir.Expr) -> ir.Call | None:
        """The call of JAX that made what is called: itself, or what its name was assigned."""
        if isinstance(node, ir.Name):
            body = self.function.body if isinstance(self.function, ir.Function) else self.graph.module(self.path).body
            assigned = [n for n in ir.walk_scope(body) if isinstance(n, ir.Assign) and _binds(n, node.id)]
            value = assigned[0].value if len(assigned) == 1 else None
            return self._maker(value) if isinstance(value, ir.Call) else None
        return node if isinstance(node, ir.Call) and self._names(node) & _DERIVATIVES else None

    def _losses(self, function: ir.Function, weights: str) -> _Explicit:
        consumer = Consumer(self.graph.project.module_of[function].path, function, weights, "", "", arrival=function)
        return _Explicit(self.draft, self.buffer, consumer)

    def _names(self, call: ir.Call) -> set[str]:
        site = self.graph.events.calls.get(call)
        return site.names if site is not None else set()

    def _where(self, node: ir.Node) -> str:
        return self.draft.where(self.draft.path_of(node), node)

    # ---------------------------------------------------------------- the function that takes the derivative

    def _receive(self, derivative: _Derivative, name: str) -> None:
        """Take the TD errors out of what a derivative gives."""
        statement, draft, path = self.graph.parents(self.path).get(derivative.call), self.draft, self.path
        target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
        place = target
        if self._names(derivative.maker) & {_VALUE_AND_GRAD}:
            place = target.items[0] if isinstance(target, ir.Seq) and len(target.items) == 2 else None
        if derivative.has_aux:
            place = place.items[1] if isinstance(place, ir.Seq) and len(place.items) == 2 else None
        if place is None or isinstance(place, ir.Star):
            raise Refused(f"what the derivative at {self._where(derivative.call)} gives is not taken apart")
        if place is target and isinstance(place, ir.Seq):
            draft.enclose(path, place, [name])
        elif place is target:
            draft.once(path, place.end, place.end, f", {name}", _NOTE)
        else:
            start, end = draft.own_parentheses(path, place) or (place.start, place.end)
            draft.once(path, start, start, "(", _NOTE)
            draft.once(path, end, end, f", {name})", _NOTE)

    # ---------------------------------------------------------------- the differentiated function

    def _change(self, derivative: _Derivative, weights: str) -> None:
        """Weigh the losses of a function, and let it return the TD errors as well."""
        function, draft = derivative.function, self.draft
        path = self.graph.project.module_of[function].path
        where = draft.where(path, function)
        self._refuse_other_uses(function)
        last = function.body[-1]
        returns = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
        if len(returns) != 1 or returns[0] is not last or not isinstance(last, ir.Return) or last.value is None:
            raise Refused(f"the function with the loss returns early or in several places ({where})")
        if not self._is_inside(function, path):
            weights = self._given(derivative, path, weights)
        self._refuse_parts(function)
        losses = self._losses(function, weights)
        found = losses.find()
        self._refuse_conditional(function, path, found)
        errors = []
        for number, loss in enumerate(found, 1):
            suffix = str(number) if len(found) > 1 else ""
            prediction = losses.operand(loss.prediction, f"prediction{suffix}")
            errors.append(f"abs({prediction} - {losses.operand(loss.target, f'td_target{suffix}')})")
            self.draft.assumptions.append(f"the loss at {self._where(loss.node)} has one value a transition")
        losses.weight(found)
        self._give_out(derivative, path, last, last.value, self._joined(errors, path))
        annotated.vague(draft, path, function.returns)

    def _refuse_conditional(self, function: ir.Function, path: str, found: list[Loss]) -> None:
        """Refuse losses that not every call computes, and operands that are something else when it returns."""
        for loss in found:
            sides = (loss.prediction, loss.target)
            names = {node.id for side in sides for node in ir.walk(side) if isinstance(node, ir.Name)}
            first = min(self._place(function, path, node) for node in (loss.node, *sides))
            if any(rebinds(statement, names) for statement in function.body[first:]):
                raise Refused(f"a name in the loss at {self._where(loss.node)} is bound anew afterwards")

    def _place(self, function: ir.Function, path: str, node: ir.Node) -> int:
        """The number of the statement of a function that a node is in."""
        statement = self.graph.statement(path, node)
        if statement not in function.body:
            raise Refused(f"the loss at {self._where(node)} depends on a condition or stands in a loop")
        return function.body.index(statement)

    def _refuse_parts(self, function: ir.Function) -> None:
        """Refuse a function that is given a part of the batch."""
        for each in self.find():
            for argument in each.call.args if each.function is function else ():
                parts = (node for node in ir.walk(argument.value) if isinstance(node, ir.Sub))
                if any(isinstance(node, ir.Slice) for part in parts for node in ir.walk(part.index)):
                    raise Refused(f"the derivative at {self._where(each.call)} may be of a part of the batch")

    def _give_out(self, derivative: _Derivative, path: str, statement: ir.Return, value: ir.Expr, errors: str) -> None:
        draft, makers = self.draft, {each.maker for each in self.find() if each.function is derivative.function}
        line = draft.rendered(path, *draft.line(path, statement))
        if not draft.fits(path, draft.indent(path, statement), line, f", ({errors})"):
            name = draft.fresh(path, derivative.function, "td_errors", "batch_td_errors")
            draft.insert_before(path, statement, [f"{name} = {errors}"], _NOTE)
            errors = name
        if not derivative.has_aux:
            end = (draft.own_parentheses(path, value) or (value.start, value.end))[1]
            draft.once(path, end, end, f", {errors}", _NOTE)
            for maker in makers:
                if maker.keyword("has_aux") is not None:
                    raise Refused(f"the derivative at {self._where(maker)} has options that are not understood")
                draft.add_argument(self.path, maker, "has_aux=True", _NOTE)
            return
        if not isinstance(value, ir.Seq) or value.kind != "tuple" or len(value.items) != 2:
            raise Refused(f"what is returned beside the loss at {self._where(value)} is not understood")
        aux = value.items[1]
        start, end = draft.own_parentheses(path, aux) or (aux.start, aux.end)
        draft.once(path, start, start, "(", _NOTE)
        draft.once(path, end, end, f", {errors})", _NOTE)

    def _given(self, derivative: _Derivative, path: str, weights: str) -> str:
        """Hand the weights to a function that stands elsewhere; gives their name there."""
        function, draft = derivative.function, self.draft
        if not function.parameters or any(each.kind or each.keyword_only for each in function.parameters):
            raise Refused(f"the function at {self._where(function)} has a signature that cannot take weights as well")
        name = draft.fresh(path, function, weights, "weights", "batch_weights")
        last = function.parameters[-1]
        default = "=None" if last.default is not None else ""
        draft.add_parameter(path, function, f"{name}{default}", "the weights of the batch")
        for each in self.find():
            if each.function is function:
                told = each.maker.keyword("argnums")
                if told is not None and not _counts_from_the_front(told.value):
                    raise Refused(f"the arguments of the derivative at {self._where(each.call)} count from the end")
                if any(argument.star for argument in each.call.args):
                    raise Refused(f"the derivative at {self._where(each.call)} is given its arguments by a star")
                is_named = any(argument.keyword for argument in each.call.args) or default
                text = f"{name}={weights}" if is_named else weights
                draft.add_argument(self.path, each.call, text, "the weights go where the loss is")
        return name

    def _is_inside(self, function: ir.Function, path: str) -> bool:
        """Whether the differentiated function stands in the one that has the weights, and sees them."""
        return self.function is not None and self.function in self.graph.ancestors(path, function)

    def _refuse_other_uses(self, function: ir.Function) -> None:
        """Refuse where the function is called, decorated or handed on otherwise than to be differentiated here."""
        makers = {each.maker for each in self.find() if each.function is function}
        if function.decorators and not all(
            compiles(self.draft, self.draft.path_of(function), each) for each in function.decorators
        ):
            raise Refused(f"the function at {self._where(function)} has a decorator that is not understood")
        for maker in makers:
            self._refuse_other_calls(maker)
        for node, value in self.graph.events.values.items():
            if isinstance(node, (ir.Name, ir.Attr)) and any(
                isinstance(atom, Func) and atom.node is function for atom in value.atoms
            ):
                path = self.draft.path_of(node)
                given = self.graph.parents(path).get(node)
                if not (isinstance(given, ir.Arg) and self.graph.parents(path).get(given) in makers):
                    raise Refused(f"the function with the loss is also used at {self.draft.where(path, node)}")

    def _refuse_other_calls(self, maker: ir.Call) -> None:
        """Refuse where the derivative has a name and is used otherwise than to be called here: mapped, compiled."""
        statement, calls = self.graph.parents(self.path).get(maker), {each.call for each in self.find()}
        names = (
            {t.id for t in statement.targets if isinstance(t, ir.Name)} if isinstance(statement, ir.Assign) else set()
        )
        for node in ir.walk(*self.graph.module(self.path).body) if names else ():
            around = self.graph.parents(self.path).get(node)
            if not isinstance(node, ir.Name) or node.id not in names or around is statement:
                continue
            if not (isinstance(around, ir.Call) and around.func is node and around in calls):
                raise Refused(f"the derivative is also used at {self._where(node)}")

    def _joined(self, errors: list[str], path: str) -> str:
        """The TD errors of several critics as those of one."""
        if len(errors) == 1:
            return errors[0]
        names = imported(self.graph.module(path))
        numpy = next((name for name, dotted in names.items() if dotted == "jax.numpy"), None)
        if numpy is None:
            raise Refused(f"{path} has no name for jax.numpy, by which the TD errors of several critics are joined")
        if len(errors) == 2 and self.draft.options.priority == "max":
            return f"{numpy}.maximum({', '.join(errors)})"
        return f"{numpy}.stack([{', '.join(errors)}]).{self.draft.options.priority}(axis=0)"


class _Explicit(Losses):
    """The losses that a differentiated function writes out: means of squared errors, and of optax's element-wise ones.

    Names that it does not bind itself are those of the functions around it.
    """

    def all(self) -> list[Loss]:
        found = (self._mean(node) for node in ir.walk_scope(self.body) if isinstance(node, ir.Call))
        return sorted((loss for loss in found if loss is not None), key=lambda loss: loss.node.start)

    def find(self) -> list[Loss]:
        learnt = set(self.sources(*self._returned()))
        return [self._checked(loss) for loss in self.all() if loss.node in learnt and self._is_critic(loss)]

    def _returned(self) -> list[ir.Expr]:
        """What is differentiated: the value that is returned, or the first of two."""
        values = [node.value for node in ir.walk_scope(self.body) if isinstance(node, ir.Return) and node.value]
        return [value.items[0] if isinstance(value, ir.Seq) and value.items else value for value in values]

    def _mean(self, node: ir.Call) -> Loss | None:
        if isinstance(node.func, ir.Attr) and node.func.attr == "mean" and not node.args:
            inner = node.func.value
        elif self._called(node) & _MEANS and len(node.args) == 1 and node.args[0].keyword is None:
            inner = node.args[0].value
        else:
            return None
        pair = self._pair(inner)
        return Loss(node, *pair, "mse_loss", mean_of=inner, between=pair) if pair is not None else None

    def _pair(self, inner: ir.Expr) -> tuple[ir.Expr, ir.Expr] | None:
        """The two values that an element-wise loss compares."""
        difference = self.difference(inner)
        if difference is None and isinstance(inner, ir.Name) and len(self.definitions.get(inner.id, ())) == 1:
            return self._pair(self.definitions[inner.id][0])
        if difference is None and isinstance(inner, ir.Bin) and inner.op == "*":
            factors = [side for side in (inner.left, inner.right) if not isinstance(side, ir.Const)]
            return self._pair(factors[0]) if len(factors) == 1 else None
        if difference is None and isinstance(inner, ir.Call):
            given = [argument.value for argument in inner.args if argument.keyword is None]
            if self._called(inner) & _SQUARES and len(given) == 1:
                difference = self.subtraction(given[0])
            elif self._called(inner) & _OF_PAIRS and len(given) >= 2:
                return given[0], given[1]
        return (difference.left, difference.right) if difference is not None else None

    def _called(self, node: ir.Call) -> set[str]:
        site = self.graph.events.calls.get(node)
        return site.names if site is not None else set()

    def _definitions(self) -> dict[str, list[ir.Expr]]:
        found = super()._definitions()
        function = self.consumer.function
        bound = {each.name for each in function.parameters} if isinstance(function, ir.Function) else set()
        for outer in self.graph.ancestors(self.path, function) if function is not None else ():
            if not isinstance(outer, ir.Function):
                continue
            consumer = Consumer(self.path, outer, "", "", "", arrival=outer)
            for name, values in Losses(self.draft, self.buffer, consumer).definitions.items():
                if name not in bound:
                    found.setdefault(name, values)
        return found


def compiles(draft: Draft, path: str, decorator: ir.Expr) -> bool:
    """Whether a decorator is `jax.jit`, without options or with those that another last parameter does not disturb."""
    names = imported(draft.graph.module(path))
    if dotted_name(decorator, names) == "jax.jit":
        return True
    if not isinstance(decorator, ir.Call):
        return False
    made, first = dotted_name(decorator.func, names), decorator.argument(0)
    is_partial = made == "functools.partial" and first is not None and dotted_name(first, names) == "jax.jit"
    return (made == "jax.jit" or is_partial) and all(
        argument.keyword in _NAMED_OPTIONS
        or (argument.keyword in _NUMBERED_OPTIONS and _counts_from_the_front(argument.value))
        for argument in decorator.args[is_partial:]
    )


def _counts_from_the_front(node: ir.Expr) -> bool:
    """Whether an expression is a number of an argument, or a tuple or list of such, that is written out."""
    items = node.items if isinstance(node, ir.Seq) else [node]
    return all(isinstance(item, ir.Const) and isinstance(item.value, int) for item in items)


def _binds(node: ir.Assign, name: str) -> bool:
    return any(isinstance(target, ir.Name) and target.id == name for target in node.targets)
