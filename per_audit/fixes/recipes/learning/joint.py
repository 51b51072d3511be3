"""Several learners of one batch: twin critics that train themselves, agents of a joint replay.

Each takes the weights and gives TD errors back. The priority of a transition is the largest of them, or with
`--priority mean` their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.learning.priorities import after_step

if TYPE_CHECKING:
    from per_audit.fixes.recipes.batch.travel import Consumer
    from per_audit.graph.interpret import events as ev


class Learners:
    """The calls of one consumer that learn from its batch: one, several in a row, or one in a loop over learners."""

    def __init__(self, draft: Draft, consumer: Consumer, sites: list[ev.CallSite]) -> None:
        self.draft = draft
        self.path = consumer.path
        self.consumer = consumer
        self.sites = sites
        self.loop = self._loop()
        if len(sites) > 1:
            if len({draft.text(self.path, site.node.func) for site in sites}) < len(sites):
                raise several_calls(draft, sites)  # the same one learns twice
            blocks = {id(draft.block(self.path, draft.graph.statement(self.path, site.node))) for site in sites}
            if len(blocks) > 1 or self.loop is not None:
                raise several_calls(draft, sites)
        self.numpy = self._numpy() if len(sites) > 1 or self.loop is not None else ""

    def joined(self, received: list[tuple[str, ir.Stmt]]) -> tuple[str, ir.Stmt]:
        """The TD errors of all learners as one expression, and the statement behind which they are known."""
        (name, statement), names = received[-1], [each for each, _ in received]
        if self.loop is not None:
            return self._collected(name, statement, self.loop), self.loop
        after = after_step(self.draft, self.path, statement, set())
        if len(names) == 1:
            return name, after
        if len({func.node for site in self.sites for func in site.targets}) > 1:  # else critics of one kind
            self._say(f"the {len(names)} learners at {', '.join(self._where(site.node) for site in self.sites)}")
        if len(names) == 2 and self.draft.options.priority == "max":
            return f"{self.numpy}.maximum({', '.join(names)})", after
        return f"{self.numpy}.{self.draft.options.priority}([{', '.join(names)}], axis=0)", after

    def _collected(self, name: str, statement: ir.Stmt, loop: ir.For) -> str:
        """The TD errors of the learners of a loop."""
        if statement not in loop.body or loop.orelse:
            raise Refused(f"which learners of the loop at {self._where(loop)} learn depends on a condition")
        together = self.draft.fresh(self.path, self.consumer.function, "all_td_errors")
        self.draft.insert_before(self.path, loop, [f"{together} = []"], "the TD errors of every learner")
        self.draft.insert_after(self.path, statement, [f"{together}.append({name})"], "the TD errors of every learner")
        self._say(f"all learners in the loop at {self._where(loop)}")
        return f"{self.numpy}.{self.draft.options.priority}({together}, axis=0)"

    def _say(self, learners: str) -> None:
        share = "largest" if self.draft.options.priority == "max" else "mean"
        self.draft.assumptions.append(
            f"{learners} share one batch: the priority of a transition is the {share} of their TD errors"
        )

    def _loop(self) -> ir.For | None:
        """The loop over learners that the batch is given to, in which one of them is called each turn."""
        names = {part.id for site in self.sites for part in ir.walk(site.node) if isinstance(part, ir.Name)}
        for ancestor in self.draft.graph.ancestors(self.path, self.sites[0].node):
            if self.consumer.arrival in ir.walk(ancestor):
                return None
            if isinstance(ancestor, ir.For) and names & {
                part.id for part in ir.walk(ancestor.target) if isinstance(part, ir.Name)
            }:
                return ancestor
        return None

    def _numpy(self) -> str:
        """The name of numpy in the file."""
        for node in self.draft.graph.module(self.path).body:
            if isinstance(node, ir.Import):
                for name, alias in node.names:
                    if name == "numpy":
                        return alias or name
        raise Refused(
            f"several learners share the batch at {self._where(self.sites[0].node)}, and {self.path} does not import"
            " numpy, which would join their TD errors"
        )

    def _where(self, node: ir.Node) -> str:
        return self.draft.where(self.path, node)


def several_calls(draft: Draft, sites: list[ev.CallSite]) -> Refused:
    """What is said where the TD errors of several calls cannot be joined."""
    first, second = (draft.where(site.path, site.node) for site in sites[:2])
    return Refused(
        f"the batch is learnt from by several calls, at {first} and {second}:"
        " the priorities would need the TD errors of all of them"
    )
