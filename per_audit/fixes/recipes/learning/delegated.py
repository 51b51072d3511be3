"""Losses in functions that the batch is given to: weights go in as one more argument, TD errors come out at the end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap
from per_audit.fixes.recipes.batch import annotated
from per_audit.fixes.recipes.batch.travel import WEIGHTS, Consumer
from per_audit.fixes.recipes.learning import joint
from per_audit.fixes.recipes.learning.differentiated import Differentiated, compiles
from per_audit.fixes.recipes.learning.losses import Losses
from per_audit.fixes.recipes.learning.priorities import absolute_errors, after_step
from per_audit.graph.interpret.values import Func

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc

_TD_ERRORS = ("td_errors", "batch_td_errors")
_PLAIN = {"staticmethod", "classmethod"}  # decorators that leave a function its parameters and what it returns


@dataclass(frozen=True, slots=True)
class Learner:
    """A function that has been changed: how its weights are called, and how many values it returned before.

    `returned` is 0 for none and -1 for one expression; from 1 on it is the length of the tuple.
    """

    weights: str
    returned: int


class Delegated:
    """The functions that consumers of one buffer give the batch, or parts of it, to."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer) -> None:
        self.draft = draft
        self.graph = draft.graph
        self.buffer = buffer
        self.draws = set(buffer.draws)
        self._learners: dict[ir.Function, Learner] = {}
        self._edited: set[ir.Call] = set()
        self._holding: dict[ir.Function, bool] = {}

    def convert(self, consumer: Consumer) -> bool:
        """Make the edits; False where no function that the batch is given to holds a TD loss."""
        sites = self._learning_calls(consumer.function, consumer.path)
        if not sites:
            return False
        if not consumer.update:
            raise Refused(
                f"the function at {self._where(sites[0])} has no access to the buffer that it would give priorities to"
            )
        learners = joint.Learners(self.draft, consumer, sites)
        wishes = [f"td_errors{number}" for number, _ in enumerate(sites, 1)] if len(sites) > 1 else []
        received = [self._call(site, consumer.weights, *wishes[i : i + 1]) for i, site in enumerate(sites)]
        td_errors, after = learners.joined(received)
        line = self.draft.call(consumer.path, after, "", consumer.update, [consumer.indices, td_errors])
        self.draft.insert_after(consumer.path, after, [line], "the TD errors become the priorities")
        return True

    def bodies(self, consumer: Consumer) -> list[list[ir.Stmt]]:
        """The code of a consumer and of all functions that it gives the batch to."""
        first = consumer.function
        bodies = [first.body if isinstance(first, ir.Function) else self.graph.module(consumer.path).body]
        sites = list(self.graph.calls_of(first, (consumer.path,)))
        seen: set[ir.Node] = {first} if isinstance(first, ir.Function) else set()
        while sites:
            site = sites.pop()
            for func in site.targets if self._gives_batch(site) else ():
                if isinstance(func.node, ir.Function) and func.node not in seen:
                    seen.add(func.node)
                    bodies.append(func.node.body)
                    sites += self.graph.calls_of(func.node)
        return bodies

    def refuse_other_callers(self) -> None:
        """Refuse where a function that has been changed is given the batch by a call that has not."""
        for function in self._learners:
            for site in self.graph.callers.get(function, []):
                if site.node not in self._edited and self._gives_batch(site):
                    raise Refused(f"the batch is also learnt from at {self._where(site)}, where it has no weights")

    # ---------------------------------------------------------------- finding

    def _learning_call(self, function: ev.Owner, path: str) -> ev.CallSite | None:
        """The only call by which a function gives its batch to one that computes the TD loss of it."""
        found = self._learning_calls(function, path)
        if len(found) > 1:
            raise joint.several_calls(self.draft, found)
        return found[0] if found else None

    def _learning_calls(self, function: ev.Owner, path: str) -> list[ev.CallSite]:
        """The calls by which a function gives its batch to one that computes a TD loss of it."""
        found = []
        for site in sorted(self.graph.calls_of(function, (path,)), key=lambda site: site.node.start):
            targets = {func.node for func in site.targets}
            if not targets or not self._gives_batch(site):
                continue
            holding = {node for node in targets if isinstance(node, ir.Function) and self._holds(node)}
            if holding and len(targets) > 1:
                raise Refused(f"the call at {self._where(site)} may reach several functions that learn")
            if holding:
                found.append(site)
        return found

    def _gives_batch(self, site: ev.CallSite) -> bool:
        values = [self.graph.events.value(arg.value) for arg in site.node.args]
        return any(value.tagged("draw") & self.draws or not self._filled.isdisjoint(value.atoms) for value in values)

    @cached_property
    def _filled(self) -> set[Alloc]:
        """The dicts and lists that drawn values are put into."""
        stores = self.graph.events.stores.values()
        return {s.container for s in stores if s.value.tagged("draw") & self.draws} - self.buffer.containers

    def _holds(self, function: ir.Function) -> bool:
        """Whether a function computes a TD loss of the batch, or gives the batch to one that does."""
        if function not in self._holding:
            self._holding[function] = False  # as long as it is being looked at
            self._holding[function] = (
                bool(self._losses(function, "").find() or self._differentiated(function).find())
                or self._learning_call(function, self._path(function)) is not None
            )
        return self._holding[function]

    def _losses(self, function: ir.Function, weights: str) -> Losses:
        consumer = Consumer(self._path(function), function, weights, "", "", arrival=function)
        return Losses(self.draft, self.buffer, consumer)

    def _differentiated(self, function: ir.Function) -> Differentiated:
        return Differentiated(self.draft, self.buffer, function, self._path(function))

    def _path(self, function: ir.Function) -> str:
        return self.graph.project.module_of[function].path

    def _where(self, site: ev.CallSite) -> str:
        return self.draft.where(site.path, site.node)

    # ---------------------------------------------------------------- callers

    def _call(self, site: ev.CallSite, weights: str, *wishes: str) -> tuple[str, ir.Stmt]:
        """Give the weights to a call; gives the name of the TD errors that come back, and the statement."""
        (function,) = {func.node for func in site.targets}
        assert isinstance(function, ir.Function)
        learner = self._prepared(function)
        call, path, draft = site.node, site.path, self.draft
        is_bound = any(func.owner is not None for func in site.targets)
        is_plain = len(call.args) == len(function.parameters) - is_bound and not any(
            arg.keyword or arg.star for arg in call.args
        )
        if not lap.is_chosen(draft):
            argument = weights if is_plain else f"{learner.weights}={weights}"
            draft.add_argument(path, call, argument, "the weights go where the loss is")
        self._edited.add(call)
        td_errors = draft.fresh(path, site.function, *wishes, *_TD_ERRORS)
        return td_errors, self._receive(site, learner, td_errors)

    def _receive(self, site: ev.CallSite, learner: Learner, td_errors: str) -> ir.Stmt:
        """Take the TD errors out of what a call returns."""
        path, draft, note = site.path, self.draft, "the TD errors come back"
        statement = self.graph.parents(path).get(site.node)
        if isinstance(statement, ir.Do):
            before = {0: "", -1: "_, "}.get(learner.returned, "*_, ")
            draft.replace(path, statement.start, statement.start, f"{before}{td_errors} = ", note)
            self._align(path, site.node, len(f"{before}{td_errors} = "))
            return statement
        target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
        if target is None or learner.returned == 0:
            raise Refused(f"what the call at {self._where(site)} returns is used in an expression")
        assert isinstance(statement, ir.Assign)
        if learner.returned == -1 and isinstance(target, ir.Seq):
            draft.enclose(path, target, [td_errors])
        elif learner.returned == -1:
            draft.once(path, target.end, target.end, f", {td_errors}", note)
        elif isinstance(target, ir.Seq) and len(target.items) == learner.returned and not _has_star(target):
            draft.append_items(path, target, [td_errors], note)
        else:
            raise Refused(f"what the call at {self._where(site)} returns is kept or taken apart in an unknown way")
        return statement

    def _align(self, path: str, call: ir.Call, width: int) -> None:
        """Move the arguments that are aligned with the opening bracket as it moves."""
        module = self.graph.module(path)
        first, last = module.line(call.start), module.line(call.end)
        column = module.text.index(b"(", call.func.end) + 1 - module.line_starts[first - 1]
        for start in module.line_starts[first:last]:
            line = module.text[start:].partition(b"\n")[0]
            if len(line) - len(line.lstrip(b" ")) == column:
                self.draft.replace(path, start, start, " " * width, "aligned as before")

    # ---------------------------------------------------------------- the function itself

    def _prepared(self, function: ir.Function) -> Learner:
        """Let a function take weights, use them, and return its TD errors; once."""
        if function not in self._learners:
            path = self._path(function)
            self._refuse_open_signature(function, path)
            weights = self.draft.fresh(path, function, *WEIGHTS)
            learner = Learner(weights, self._returned(function, path))
            self._learners[function] = learner
            last = function.parameters[-1]
            is_optional = last.default is not None or self._has_other_callers(function, learner)
            if not lap.is_chosen(self.draft):
                text = f"{weights}=None" if is_optional else weights
                self.draft.add_parameter(path, function, text, "the weights of the batch")
            self._give_out(function, path, self._td_errors(function, path, weights))
        return self._learners[function]

    def _has_other_callers(self, function: ir.Function, learner: Learner) -> bool:
        """Whether something else than the batch is learnt from too: without weights every row counts the same."""
        others = [site for site in self.graph.callers.get(function, []) if not self._gives_batch(site)]
        if others and learner.returned:
            name = self.graph.symbol(function, self._path(function))
            raise Refused(f"{name} is also called at {self._where(others[0])} and would return one value more")
        return bool(others)

    def _refuse_open_signature(self, function: ir.Function, path: str) -> None:
        where = self.draft.where(path, function)
        is_open = any(parameter.kind or parameter.keyword_only for parameter in function.parameters)
        is_plain = all(
            (isinstance(each, ir.Name) and each.id in _PLAIN) or compiles(self.draft, path, each)
            for each in function.decorators
        )
        if is_open or not is_plain or not function.parameters:
            raise Refused(f"the function at {where} has a signature or decorator that cannot take weights as well")
        for node, value in self.graph.events.values.items():
            if isinstance(node, (ir.Name, ir.Attr)) and any(
                isinstance(atom, Func) and atom.node is function for atom in value.atoms
            ):
                owner = self.draft.path_of(node)
                around = self.graph.parents(owner).get(node)
                if not (isinstance(around, ir.Call) and around.func is node):
                    raise Refused(f"the function at {where} is used as a value at {self.draft.where(owner, node)}")

    def _returned(self, function: ir.Function, path: str) -> int:
        returns = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Return)]
        if any(isinstance(node, ir.Other) and node.kind.startswith("Yield") for node in ir.walk_scope(function.body)):
            raise Refused(f"the function at {self.draft.where(path, function)} is a generator")
        if not returns:
            return 0
        value = returns[0].value
        if len(returns) > 1 or returns[0] is not function.body[-1] or value is None:
            where = self.draft.where(path, returns[0])
            raise Refused(f"the function with the loss returns early or in several places ({where})")
        if not isinstance(value, ir.Seq) or value.kind != "tuple":
            return -1
        if _has_star(value):
            raise Refused(f"the function with the loss returns a tuple of any length ({self.draft.where(path, value)})")
        return len(value.items)

    def _td_errors(self, function: ir.Function, path: str, weights: str) -> str:
        """Weigh the losses of a function, or let it call what has them; gives the name of its TD errors."""
        losses = self._losses(function, weights)
        found = losses.find()
        differentiated = self._differentiated(function)
        if not found and differentiated.find():
            td_errors, statement = differentiated.weigh(weights)
            self._refuse_conditional(function, path, statement)
            return td_errors
        if not found:
            site = self._learning_call(function, path)
            assert site is not None
            td_errors, statement = self._call(site, weights)
            self._refuse_conditional(function, path, statement)
            return td_errors
        errors, statement, names = absolute_errors(self.draft, losses, found)
        self._refuse_conditional(function, path, statement)
        td_errors = self.draft.fresh(path, function, *_TD_ERRORS)
        line, note = f"{td_errors} = {errors}", "the TD errors, for the priorities"
        losses.weight(found)
        if isinstance(statement, ir.Return):
            self.draft.insert_before(path, statement, [line], note)
        else:
            self.draft.insert_after(path, after_step(self.draft, path, statement, names), [line], note)
        return td_errors

    def _refuse_conditional(self, function: ir.Function, path: str, statement: ir.Stmt) -> None:
        """Refuse a loss that a call of the function does not always reach exactly once."""
        for ancestor in self.graph.ancestors(path, statement):
            if ancestor is function:
                return
            if isinstance(ancestor, ir.Stmt) and not isinstance(ancestor, ir.With):
                raise Refused(
                    f"the loss at {self.draft.where(path, statement)} depends on a condition or stands in a loop"
                )

    def _give_out(self, function: ir.Function, path: str, td_errors: str) -> None:
        """Return the TD errors behind what the function returned."""
        last, note = function.body[-1], "the TD errors, for the priorities"
        if not isinstance(last, ir.Return) or last.value is None:
            self.draft.insert_after(path, last, [f"return {td_errors}"], note)
        elif isinstance(last.value, ir.Seq) and last.value.kind == "tuple":
            self.draft.append_items(path, last.value, [td_errors], note)
        else:
            self.draft.replace(path, last.end, last.end, f", {td_errors}", note)
        if isinstance(last, ir.Return) and last.value is not None:
            annotated.vague(self.draft, path, function.returns)
        else:
            annotated.remove(self.draft, path, function)


def _has_star(node: ir.Seq) -> bool:
    return any(isinstance(item, ir.Star) for item in node.items)
