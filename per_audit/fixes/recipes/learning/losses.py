"""Weights into the loss: every critic loss of a function element by element, times the weights, then the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.batch.travel import Consumer
from per_audit.fixes.recipes.learning import huber, rewarded, taped
from per_audit.fixes.recipes.learning.columns import is_reward_alone
from per_audit.fixes.recipes.learning.elementwise import keep_elements
from per_audit.fixes.recipes.learning.pairs import refuse_pairs
from per_audit.fixes.recipes.learning.rows import refuse_parts
from per_audit.graph.interpret.known.externals import TORCH_LOSSES, last
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

_HELPER = "importance_weighted_loss"
DIFFERENCES = {
    "mse_loss",
    "smooth_l1_loss",
    "huber_loss",
    "l1_loss",
    "MSELoss",
    "SmoothL1Loss",
    "HuberLoss",
    "L1Loss",
}
# Calls that only look at a tensor in another way: evaluating them again gives the same.
_VIEWS = {
    "unsqueeze", "squeeze", "view", "reshape", "flatten", "detach", "float", "double", "view_as", "expand_as", "t",
}  # fmt: skip
_READ_BY = {"item", "detach", "numpy", "tolist"}


@dataclass(slots=True, eq=False)
class Loss:
    """A TD loss: what it compares, and how it is averaged."""

    node: ir.Call
    prediction: ir.Expr
    target: ir.Expr
    kind: str
    criteria: tuple[ir.Call, ...] = ()  # where its loss object was made, or each of those that it may be
    mean_of: ir.Expr | None = None  # for `((q - t) ** 2).mean()`: what the mean is taken of
    between: tuple[ir.Expr, ir.Expr] | None = None  # and the two operands of the difference, in order
    is_taped: bool = False  # of TensorFlow


class Losses:
    """The TD losses of one consumer."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, consumer: Consumer, depth: int = 0) -> None:
        self.draft = draft
        self.buffer = buffer
        self.depth = depth  # how many calls lie between this function and the one that is looked at
        self.graph = draft.graph
        self.consumer = consumer
        self.path = consumer.path
        self.draws = set(buffer.draws)
        self.body = consumer.function.body if isinstance(consumer.function, ir.Function) else self._module_body()
        self.definitions = self._definitions()
        self._moved: dict[ir.Expr, str] = {}  # operands that have a name now

    def _module_body(self) -> list[ir.Stmt]:
        return self.graph.module(self.path).body

    # ---------------------------------------------------------------- finding

    def find(self) -> list[Loss]:
        """The losses on a bootstrap target that are computed from the drawn batch, in order."""
        return [
            self._checked(loss)
            for loss in self.all()
            if self._from_batch(loss) and self._is_learnt(loss) and self._is_critic(loss)
        ]

    def unweighted(self) -> list[Loss]:
        """The other losses that are learnt from the drawn batch: of a reconstruction, a model, an imitation."""
        return [
            loss
            for loss in self.all()
            if self._from_batch(loss) and self._is_learnt(loss) and not self._is_critic(loss)
        ]

    def all(self) -> list[Loss]:
        """Whatever compares two values in the function and takes the mean, in order."""
        found = []
        for node in ir.walk_scope(self.body):
            if isinstance(node, ir.Call):
                loss = self._pair_loss(node) or self._mean_of_error(node) or self._taped(node)
                if loss is not None:
                    found.append(loss)
        found.sort(key=lambda loss: loss.node.start)
        return found

    def _pair_loss(self, node: ir.Call) -> Loss | None:
        site = self.graph.events.calls.get(node)
        if site is None:
            return None
        functional = {
            n for n in site.names if n.startswith("torch") and last(n) in TORCH_LOSSES and last(n)[0].islower()
        }
        made = self.graph.events.value(node.func).atoms
        objects = [
            atom
            for atom in made
            if isinstance(atom, Result) and last(atom.name) in TORCH_LOSSES and isinstance(atom.call, ir.Call)
        ]
        if not functional and not objects:
            return None
        prediction, target = node.argument(0, "input"), node.argument(1, "target")
        if prediction is None or target is None:
            return None
        if objects and len(made) > len(objects):
            raise Refused(f"the loss at {self.where(node)} may be a loss object, and something else")
        kinds = sorted({last(atom.name) for atom in objects} or set(map(last, functional)))
        kind = next((each for each in kinds if each not in DIFFERENCES), kinds[0])
        calls = {atom.call for atom in objects if isinstance(atom.call, ir.Call)}
        criteria = tuple(sorted(calls, key=lambda call: (self.draft.path_of(call), call.start)))
        return Loss(node, prediction, target, kind, criteria)

    def _mean_of_error(self, node: ir.Call) -> Loss | None:
        """`((q - t) ** 2).mean()`, `td.pow(2).mean()`, `torch.mean((q - t) ** 2)`."""
        if isinstance(node.func, ir.Attr) and node.func.attr == "mean" and not node.args:
            inner = node.func.value
        elif len(node.args) == 1 and self._is_torch_mean(node):
            inner = node.args[0].value
        else:
            return None
        difference = self.difference(inner)
        if difference is None:
            return None
        pair = difference.left, difference.right
        return Loss(node, *pair, "mse_loss", mean_of=inner, between=pair)

    def _taped(self, node: ir.Call) -> Loss | None:
        square, pair = taped.mean_of_square(self, node), taped.mean_of_pair(self, node)
        if square is not None:
            inner, left, right = square
            return Loss(node, left, right, "mse_loss", mean_of=inner, between=(left, right), is_taped=True)
        return Loss(node, *pair, "mse_loss", is_taped=True) if pair is not None else None

    def _is_torch_mean(self, node: ir.Call) -> bool:
        site = self.graph.events.calls.get(node)
        return site is not None and "torch.mean" in site.names and node.args[0].keyword is None

    def difference(self, node: ir.Expr) -> ir.Bin | None:
        """The difference whose square or absolute value an expression is, or a multiple of it."""
        node = self.scaled(node)[1]
        if isinstance(node, ir.Bin) and node.op == "**" and isinstance(node.right, ir.Const) and node.right.value == 2:
            return self.subtraction(node.left)
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
            inner = node.func.value
            if node.func.attr in ("square", "abs") and not node.args:
                return self.subtraction(inner)
            if node.func.attr == "pow" and len(node.args) == 1 and _is_two(node.args[0].value):
                return self.subtraction(inner)
            site = self.graph.events.calls.get(node)
            is_square = len(node.args) == 2 and _is_two(node.args[1].value)
            names = {"torch.pow"} if is_square else {"torch.square", "torch.abs"} if len(node.args) == 1 else set()
            if site is not None and site.names & names:
                return self.subtraction(node.args[0].value)
        return None

    def scaled(self, node: ir.Expr) -> tuple[float, ir.Expr]:
        """The number that an expression is multiplied with, and the rest, also where a name stands for it."""
        factor, node = scaled(node)
        sources = self.definitions.get(node.id, []) if isinstance(node, ir.Name) else []
        if len(sources) != 1:
            return factor, node
        more, node = scaled(sources[0])
        return factor * more, node

    def subtraction(self, node: ir.Expr) -> ir.Bin | None:
        """The difference that an expression is, or that its name was assigned."""
        if isinstance(node, ir.Bin) and node.op == "-":
            return node
        if isinstance(node, ir.Name):
            sources = self.definitions.get(node.id, [])
            if len(sources) == 1 and isinstance(sources[0], ir.Bin) and sources[0].op == "-":
                return sources[0]
        return None

    def _from_batch(self, loss: Loss) -> bool:
        values = (self.graph.events.value(loss.prediction), self.graph.events.value(loss.target))
        return any(self.draws & value.tagged("draw") for value in values)

    def _is_learnt(self, loss: Loss) -> bool:
        """Whether gradients of the loss are recorded, and it is not only read, as for a log: `error.mean().item()`."""
        around = self.graph.parents(self.path).get(loss.node)
        if loss.mean_of is not None and isinstance(around, ir.Attr) and around.attr in _READ_BY:
            return False
        withs = (a for a in self.graph.ancestors(self.path, loss.node) if isinstance(a, ir.With))
        return not any(
            isinstance(item.value, ir.Call) and self.draft.text(self.path, item.value.func).endswith("no_grad")
            for statement in withs
            for item in statement.items
        )

    def _checked(self, loss: Loss) -> Loss:
        """The loss with what bootstraps as its target. Refuses a loss of something else than a difference."""
        if loss.kind not in DIFFERENCES:
            raise Refused(f"the loss at {self.where(loss.node)} is a {loss.kind}, whose TD error is no difference")
        if loss.is_taped:
            taped.refuse_graphs(self)
        refuse_parts(self, loss)
        if not self._uses_reward(loss.target):
            loss.prediction, loss.target = loss.target, loss.prediction
        refuse_pairs(self, loss)
        return loss

    def _is_critic(self, loss: Loss) -> bool:
        sides = (loss.target, loss.prediction)
        return any(map(self._uses_reward, sides)) and not any(is_reward_alone(self, side) for side in sides)

    def _uses_reward(self, node: ir.Expr) -> bool:
        return rewarded.is_computed_from_reward(self, node)

    def inside(self, path: str, function: ev.Owner, arrival: ir.Stmt) -> Losses:
        """The same of a function on the way to or from this one."""
        return Losses(self.draft, self.buffer, Consumer(path, function, "", "", "", arrival), self.depth + 1)

    def sources(self, *nodes: ir.Expr) -> Iterator[ir.Node]:
        """All that expressions are computed from, by the assignments of their function."""
        seen: set[str] = set()
        stack: list[ir.Node] = list(reversed(nodes))
        while stack:
            for node in ir.walk(stack.pop()):
                yield node
                if isinstance(node, ir.Name) and node.id not in seen:
                    seen.add(node.id)
                    stack += self.definitions.get(node.id, [])

    def _definitions(self) -> dict[str, list[ir.Expr]]:
        found: dict[str, list[ir.Expr]] = {}
        for node in ir.walk_scope(self.body):
            if node is self.consumer.arrival:
                continue
            if isinstance(node, ir.Assign) and node.value is not None:
                for target in node.targets:
                    for name, value in _pairs(target, node.value):
                        while isinstance(name, ir.Sub):
                            name = name.value
                        if isinstance(name, ir.Name):
                            found.setdefault(name.id, []).append(value)
            elif isinstance(node, ir.Aug) and isinstance(node.target, ir.Name):
                found.setdefault(node.target.id, []).append(node.value)
            elif (appended := _appended(node)) is not None:
                found.setdefault(appended[0], []).append(appended[1])
        return found

    def where(self, node: ir.Node) -> str:
        """`path:line` of a node."""
        return self.draft.where(self.path, node)

    # ---------------------------------------------------------------- editing

    def weight(self, losses: list[Loss]) -> None:
        """Make every loss element-wise and weigh it, or Huber's where nothing is weighted."""
        if lap.is_chosen(self.draft):
            huber.adjust(self, losses)
            return
        reduced = [loss for loss in losses if loss.mean_of is None and not loss.is_taped]
        tops = {self._sum_of(loss, reduced) for loss in reduced}
        for loss in losses:
            if loss.mean_of is not None:
                self._replace_mean(loss)
            elif loss.is_taped:
                taped.replace_pair(self, loss.node, _HELPER)
            else:
                keep_elements(self, loss, losses)
        for top in tops:
            self.draft.surround(
                self.path, top, _HELPER, self.consumer.weights, "weights on every element, then the mean"
            )
        self.draft.imports[self.path].add(_HELPER)

    def _sum_of(self, loss: Loss, losses: list[Loss]) -> ir.Expr:
        """The largest sum of TD losses around a loss: several critics are weighted at once."""
        nodes: set[ir.Node] = {other.node for other in losses}
        table = self.graph.parents(self.path)
        here: ir.Expr = loss.node

        def is_sum(node: ir.Node) -> bool:
            return node in nodes or (
                isinstance(node, ir.Bin) and node.op == "+" and is_sum(node.left) and is_sum(node.right)
            )

        while isinstance(parent := table.get(here), ir.Bin) and is_sum(parent):
            here = parent
        return here

    def _replace_mean(self, loss: Loss) -> None:
        node, body = loss.node, self.graph.module(self.path).text
        if isinstance(node.func, ir.Attr) and node.func.value is loss.mean_of:
            dot = body.rfind(b".", node.start, node.func.end)
            self.draft.replace(self.path, dot, node.end, "", "the mean is taken of the weighted elements")
            self.draft.surround(self.path, node.func.value, _HELPER, self.consumer.weights, "weights, then the mean")
        else:
            self.draft.replace(self.path, node.func.start, node.func.end, _HELPER, "weights, then the mean")
            self.draft.add_argument(self.path, node, self.consumer.weights, "weights, then the mean")

    # ---------------------------------------------------------------- TD errors

    def operand(self, node: ir.Expr, wish: str) -> str:
        """The text of an operand of a loss, moved into a variable first where it may not be evaluated again."""
        while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "detach":
            node = node.func.value  # the TD error is detached anyway
        if node in self._moved:
            return self._moved[node]
        if self._is_repeatable(node):
            return self.draft.text(self.path, node)
        name = self.draft.fresh(self.path, self.consumer.function, wish)
        statement = self.graph.statement(self.path, node)
        if isinstance(statement, (ir.If, ir.For, ir.While, ir.With)):
            raise Refused(f"the loss at {self.where(node)} stands in a condition")
        text = self.draft.text(self.path, node)
        if "\n" in text:
            text = f"({text})"
        self.draft.insert_before(self.path, statement, [f"{name} = {text}"], "the TD error needs it too")
        self.draft.replace(self.path, node.start, node.end, name, "computed once")
        self._moved[node] = name
        return name

    def _is_repeatable(self, node: ir.Expr) -> bool:
        if isinstance(node, (ir.Name, ir.Const)):
            return True
        if isinstance(node, ir.Attr):
            return self._is_repeatable(node.value)
        if isinstance(node, ir.Sub):
            return self._is_repeatable(node.value) and isinstance(node.index, (ir.Const, ir.Name))
        if isinstance(node, ir.Un):
            return self._is_repeatable(node.operand)
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in _VIEWS:
            return self._is_repeatable(node.func.value) and all(self._is_repeatable(a.value) for a in node.args)
        return False


def _appended(node: ir.Node) -> tuple[str, ir.Expr] | None:
    """The list and the item of `target.append(value)`."""
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "append" and node.args:
        name = node.func.value
        return (name.id, node.args[0].value) if isinstance(name, ir.Name) else None
    return None


def _pairs(target: ir.Expr, value: ir.Expr) -> list[tuple[ir.Expr, ir.Expr]]:
    """What is assigned to what, item by item where both sides are tuples."""
    if not isinstance(target, ir.Seq):
        return [(target, value)]
    if isinstance(value, ir.Seq) and len(value.items) == len(target.items):
        return list(zip(target.items, value.items, strict=True))
    return [(item, value) for item in target.items]


def scaled(node: ir.Expr) -> tuple[float, ir.Expr]:
    """The number that an expression is multiplied with, and the rest: of `0.5 * x`, `x * 2`, `x / 2`."""
    factor = 1.0
    while isinstance(node, ir.Bin) and node.op in ("*", "/"):
        other, rest = (node.left, node.right) if isinstance(node.left, ir.Const) else (node.right, node.left)
        number = other.value if isinstance(other, ir.Const) else None
        if not isinstance(number, (int, float)) or not number or (node.op == "/" and rest is node.right):
            break
        factor, node = factor / number if node.op == "/" else factor * number, rest
    return factor, node


def _is_two(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 2
