"""Keras: one row of a prediction is overwritten by the target of each transition, and a model is fitted to the rows.

The weights become `sample_weight`; the TD error is what the overwriting changes, taken before it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.learning import fitted_by, huber
from per_audit.graph.interpret.values import Drawn, Func, Result

if TYPE_CHECKING:
    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.graph import ReplayBuffer

_TAKES_WEIGHTS = {"keras", "tensorflow", "tf_keras", "tensorflow_core"}
_PREDICTS = {"predict", "predict_on_batch", "predict_batch"}
# Losses of Keras that keep one value a row.
_BY_ROW = {
    "mse", "mean_squared_error", "meansquarederror", "mae", "mean_absolute_error", "meanabsoluteerror", "huber",
    "huber_loss", "logcosh", "log_cosh",
}  # fmt: skip
_ALL_ROWS = {"arange", "range"}


@dataclass(frozen=True, slots=True, eq=False)
class Overwriting:
    """What overwrites the predictions: the text of the element, and the statements that assign it."""

    element: str
    statements: list[ir.Assign]
    loop: ir.For | None


class FittedRows:
    """The rows that one consumer fits a model to."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, consumer: Consumer) -> None:
        self.draft = draft
        self.graph = draft.graph
        self.buffer = buffer
        self.consumer = consumer
        self.path = consumer.path
        function = consumer.function
        self.body = function.body if isinstance(function, ir.Function) else draft.graph.module(self.path).body

    def convert(self) -> bool:
        """Make the edits; False where no model is fitted to rows of a prediction."""
        found = self._overwriting()
        fits = fitted_by.fits(self.draft, self.buffer, self.consumer, self.body) if found is not None else []
        if found is None or not fits:
            return False
        if len(fits) > 1:
            raise Refused(f"the batch is fitted in several places, the second at {self._where(fits[1].call)}")
        fit = fits[0].call
        if not self.consumer.update:
            raise Refused(
                f"the function at {self._where(fit)} has no access to the buffer that it would give priorities to"
            )
        if not fits[0].losses:
            self._check_fit(fits[0].path, fits[0].node)
        elif lap.is_chosen(self.draft):
            raise Refused(f"the loss at {self._where(fit)} is of rows of all actions, whose mean is no TD error")
        self._tell_of_other_model(found, fit)
        statement = self.graph.statement(self.path, fit)
        if not isinstance(statement, (ir.Do, ir.Assign)):
            raise Refused(f"the fit at {self._where(fit)} stands in a condition or is returned")
        weights = self.consumer.weights
        last: ir.Stmt = statement
        if found.loop is None:
            errors = self._errors_at_once(found)
        else:
            self._check_loop(found.loop, statement)
            errors = self._errors_by_row(found, found.loop)
            if statement in found.loop.body:
                last = found.loop
                weights = weights if lap.is_chosen(self.draft) else self._weight_by_row(found.loop)
        if not lap.is_chosen(self.draft):
            fitted_by.weigh(self.draft, self.buffer, fits[0], self.path, weights)
        line = self.draft.call(self.path, last, "", self.consumer.update, [self.consumer.indices, errors])
        self.draft.insert_after(self.path, last, [line], "the TD errors become the priorities")
        return True

    # ---------------------------------------------------------------- finding

    def _overwriting(self) -> Overwriting | None:
        """The only element of a prediction that is assigned in the function."""
        found: dict[str, list[ir.Assign]] = {}
        for node in ir.walk_scope(self.body):
            if isinstance(node, ir.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ir.Sub):
                root, indices = _taken_apart(node.targets[0])
                if isinstance(root, ir.Name) and len(indices) + self._depth(root.id) == 2:
                    found.setdefault(self.draft.text(self.path, node.targets[0]), []).append(node)
        if len(found) != 1:
            return None
        ((element, statements),) = found.items()
        around = self.graph.ancestors(self.path, statements[0])
        loop = next((a for a in around if isinstance(a, (ir.For, ir.While))), None)
        if isinstance(loop, ir.While) or (loop is not None and loop not in ir.walk_scope(self.body)):
            return None
        if loop is not None and any(node is self.consumer.arrival for node in ir.walk(loop)):
            loop = None  # the loop of training around the draw
        return Overwriting(element, statements, loop)

    def _depth(self, name: str, seen: frozenset[str] = frozenset()) -> int:
        """How many axes of a prediction are taken already in a name; far off for what is no prediction."""
        values = self._assigned(name)
        if len(values) != 1 or name in seen:
            return 99
        root, indices = _taken_apart(values[0])
        while isinstance(root, ir.Call) and isinstance(root.func, ir.Attr):
            if root.func.attr in _PREDICTS:
                return len(indices)
            is_copied = root.func.attr in ("copy", "array", "asarray") and len(root.args) == 1
            is_method = root.func.attr in ("copy", "numpy") and not root.args
            if indices or not (is_copied or is_method):
                return 99
            root, indices = _taken_apart(root.args[0].value if is_copied else root.func.value)
        return len(indices) + self._depth(root.id, seen | {name}) if isinstance(root, ir.Name) else 99

    def _model(self, name: str, seen: frozenset[str] = frozenset()) -> ir.Expr | None:
        """The model whose prediction a name holds, perhaps as a copy."""
        for node in ir.walk(*self._assigned(name)):
            if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in _PREDICTS:
                return node.func.value
            if isinstance(node, ir.Name) and node.id not in seen and (found := self._model(node.id, seen | {name})):
                return found
        return None

    def _tell_of_other_model(self, found: Overwriting, fit: ir.Call) -> None:
        """Say so where the rows are predictions of another model than the one that is fitted to them."""
        root, _ = _taken_apart(found.statements[0].targets[0])
        model = self._model(root.id) if isinstance(root, ir.Name) else None
        fitted = fit.func.value if isinstance(fit.func, ir.Attr) and fit.func.attr in fitted_by.FITS else None
        if model is None or fitted is None:
            return
        first, second = self.draft.text(self.path, model), self.draft.text(self.path, fitted)
        if first != second:
            self.draft.assumptions.append(
                f"the rows that {second} is fitted to at {self._where(fit)} are predictions of {first}, and so the"
                f" priorities are how far the targets are from what {first} predicts"
            )

    def _assigned(self, name: str) -> list[ir.Expr]:
        return [
            node.value
            for node in ir.walk_scope(self.body)
            if isinstance(node, ir.Assign) and node.value is not None
            if any(isinstance(target, ir.Name) and target.id == name for target in node.targets)
        ]

    # ---------------------------------------------------------------- checks

    def _check_fit(self, path: str, fit: ir.Call) -> None:
        where = self.draft.where(path, fit)
        given = {arg.keyword for arg in fit.args}
        positional = sum(arg.keyword is None for arg in fit.args)
        is_fit = isinstance(fit.func, ir.Attr) and fit.func.attr == "fit"
        if given & {"sample_weight", "class_weight"} or any(arg.star for arg in fit.args):
            raise Refused(f"the fit at {where} has weights already, or options that are not understood")
        if not 1 <= positional <= (9 if is_fit else 2):
            raise Refused(f"the fit at {where} has options that are not understood")
        self._check_library(fit, where)
        losses = [
            (site, loss)
            for site in self.graph.events.calls.values()
            if isinstance(site.node.func, ir.Attr) and site.node.func.attr == "compile"
            if (loss := site.node.argument(None, "loss")) is not None
        ]
        if lap.is_chosen(self.draft):
            huber.compile_huber(self.draft, losses, where)
            return
        if not losses:
            self.draft.assumptions.append(
                f"the loss of the model that is fitted at {where} keeps one value a row, as Keras's own do"
            )
        for site, loss in losses:
            is_own = any(isinstance(atom, Func) for atom in self.graph.events.value(loss).atoms)
            if not (self._keep_rows(loss) if is_own else _loss_name(loss).lower() in _BY_ROW):
                made = self.draft.where(site.path, site.node)
                text = self.draft.text(site.path, loss)
                raise Refused(f"the loss {text} of the model made at {made} is not known to keep one value a row")

    def _check_library(self, fit: ir.Call, where: str) -> None:
        """Refuse a model of a library whose `fit` is another one: that of TFLearn and most of scikit-learn's."""
        made = self.graph.events.value(fit.func.value).atoms if isinstance(fit.func, ir.Attr) else ()
        libraries = {atom.name.partition(".")[0] for atom in made if isinstance(atom, Result)}
        if others := sorted(libraries - _TAKES_WEIGHTS):
            raise Refused(f"the model fitted at {where} is of {others[0]}, whose fit may take no weights of rows")

    def _keep_rows(self, loss: ir.Expr) -> bool:
        """Keep the batch axis of a loss of the project that is one mean of everything, which weights cannot reach."""
        functions = {atom.node for atom in self.graph.events.value(loss).atoms if isinstance(atom, Func)}
        if len(functions) != 1 or not isinstance(function := functions.pop(), ir.Function):
            return False
        path = self.graph.project.module_of[function].path
        returns = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
        for node in returns:
            site = self.graph.events.calls.get(node.value) if isinstance(node.value, ir.Call) else None
            names = {name.rpartition(".")[2] for name in site.names} if site is not None else set()
            if site is None or not names & {"mean", "reduce_mean"} or len(site.node.args) != 1:
                return False
            if not any(name.startswith(("keras", "tensorflow")) for name in site.names):
                return False
            self.draft.add_argument(path, site.node, "axis=-1", "one value a row, which its weight can reach")
        return bool(returns)

    def _check_loop(self, loop: ir.For, fit: ir.Stmt) -> None:
        """Refuse a loop that does not visit every row once, in order."""
        where = self._where(loop)
        if not self._visits_all(loop.iter):
            raise Refused(f"the loop at {where} is not known to visit every drawn transition")
        if any(isinstance(node, ir.Jump) and node.kind in ("continue", "break") for node in ir.walk_scope(loop.body)):
            raise Refused(f"the loop at {where} leaves transitions out")
        for node in ir.walk_scope(loop.body):
            is_append = isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "append"
            if is_append and self.graph.statement(self.path, node) not in loop.body:
                raise Refused(f"the rows collected at {self._where(node)} depend on a condition")
        if fit not in loop.body and (fit.start < loop.end or fit not in self.draft.block(self.path, loop)):
            raise Refused(f"the fit at {self._where(fit)} does not follow the loop over the rows")

    def _visits_all(self, node: ir.Expr) -> bool:
        if self._is_batch(node):
            return True
        if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Name) or len(node.args) != 1:
            return False
        inner = node.args[0].value
        if node.func.id == "enumerate":
            return self._is_batch(inner)
        return node.func.id == "range" and self._is_length(inner)

    def _is_batch(self, node: ir.Expr) -> bool:
        draws = set(self.buffer.draws)
        atoms = self.graph.events.value(node).atoms
        return isinstance(node, ir.Name) and any(isinstance(atom, Drawn) and atom.draw in draws for atom in atoms)

    def _is_length(self, node: ir.Expr) -> bool:
        """Whether an expression is the number of drawn transitions."""
        if isinstance(node, ir.Name) and len(values := self._assigned(node.id)) == 1:
            return self._is_length(values[0])
        if isinstance(node, ir.Call) and self.draft.text(self.path, node.func) == "len" and len(node.args) == 1:
            return self._is_batch(node.args[0].value)
        draw = self.buffer.draws[0]
        sizes = {self.draft.text(self.buffer.path, arg.value) for arg in draw.args[1:]}
        is_here = self.consumer.function is self.buffer.function and self.path == self.buffer.path
        return is_here and self.draft.text(self.path, node) in sizes

    # ---------------------------------------------------------------- editing

    def _errors_at_once(self, found: Overwriting) -> str:
        """All rows are overwritten by one statement."""
        (statement, *more) = found.statements
        _, indices = _taken_apart(statement.targets[0])
        if more or not self._is_every_row(indices[0]):
            raise Refused(f"which rows are overwritten at {self._where(statement)} is not known")
        errors = self.draft.fresh(self.path, self.consumer.function, "td_errors")
        self._around(statement, found.element, f"{errors} = abs({{}})")
        return errors

    def _is_every_row(self, node: ir.Expr) -> bool:
        if isinstance(node, ir.Name) and len(values := self._assigned(node.id)) == 1:
            node = values[0]
        name = ir.last_name(node.func) if isinstance(node, ir.Call) else ""
        return name in _ALL_ROWS

    def _errors_by_row(self, found: Overwriting, loop: ir.For) -> str:
        """Rows are overwritten one by one."""
        tops = {self._in_block(loop.body, statement) for statement in found.statements}
        top = tops.pop()
        root, _ = _taken_apart(found.statements[0].targets[0])
        assert isinstance(root, ir.Name)
        late = [value for value in self._assigned(root.id) if value.start > (top.start if top else 0)]
        if tops or top is None or late:
            raise Refused(f"the prediction is overwritten in several steps at {self._where(found.statements[0])}")
        errors = self.draft.fresh(self.path, self.consumer.function, "td_errors")
        self.draft.insert_before(self.path, loop, [f"{errors} = []"], "the TD errors of the rows")
        self._around(top, found.element, f"{errors}.append(abs({{}}))")
        return errors

    def _around(self, statement: ir.Stmt, element: str, line: str) -> None:
        """Compare the element with what it is overwritten by."""
        value = statement.value if isinstance(statement, ir.Assign) else None
        note = "the TD error, before the prediction is overwritten"
        if isinstance(value, ir.Name):
            text = line.format(f"{self.draft.text(self.path, value)} - {element}")
            self.draft.insert_before(self.path, statement, [text], note)
            return
        before = self.draft.fresh(self.path, self.consumer.function, "prediction", "predicted")
        self.draft.insert_before(self.path, statement, [f"{before} = {element}"], note)
        self.draft.insert_after(self.path, statement, [line.format(f"{element} - {before}")], note)

    @staticmethod
    def _in_block(block: list[ir.Stmt], node: ir.Stmt) -> ir.Stmt | None:
        return next((statement for statement in block if statement.start <= node.start < statement.end), None)

    def _weight_by_row(self, loop: ir.For) -> str:
        """Each transition is fitted on its own: its weight comes with it, of shape (1,)."""
        if not self._is_batch(loop.iter):
            raise Refused(f"the loop at {self._where(loop)} fits single rows by their number")
        weight = self.draft.fresh(self.path, self.consumer.function, "weight", "is_weight")
        target, note = loop.target, "a transition and its weight"
        brackets = self.draft.own_parentheses(self.path, target)
        is_bare = isinstance(target, ir.Seq) and brackets is None
        if is_bare:
            self.draft.replace(self.path, target.start, target.start, "(", note)
        end = brackets[1] if brackets else target.end
        self.draft.replace(self.path, end, end, f"{')' if is_bare else ''}, {weight}", note)
        batch = self.draft.text(self.path, loop.iter)
        text = f"zip({batch}, {self.consumer.weights}.reshape(-1, 1))"
        self.draft.replace(self.path, loop.iter.start, loop.iter.end, text, note)
        return weight

    def _where(self, node: ir.Node) -> str:
        return self.draft.where(self.path, node)


def _taken_apart(node: ir.Expr) -> tuple[ir.Expr, list[ir.Expr]]:
    """What is indexed, and the indices of all its axes."""
    indices: list[ir.Expr] = []
    while isinstance(node, ir.Sub):
        if isinstance(node.index, ir.Slice) and node.index.lower is None and node.index.upper is None:
            node = node.value  # a copy or view of the whole
            continue
        own = node.index.items if isinstance(node.index, ir.Seq) and node.index.kind == "tuple" else [node.index]
        indices = [*own, *indices]
        node = node.value
    return node, indices


def _loss_name(node: ir.Expr) -> str:
    """The name of a loss given as a string, a function or an object."""
    if isinstance(node, ir.Const):
        return str(node.value)
    if isinstance(node, ir.Call):
        node = node.func
    return ir.last_name(node)
