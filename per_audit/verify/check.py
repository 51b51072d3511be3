"""What a check is: a probe that measures inside the child process and a judge that decides outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench
    from per_audit.verify.results import Outcome, Picture


class NotProvided(Exception):
    """Raised by a probe when the target does not offer what the check is about; the message says what is missing."""


class Check:
    """A subclass's docstring says what is tested. Its probe returns JSON-ready values; its judge makes them a verdict.

    `statistic` names the number that is shown, `relation` how it compares with the threshold to pass, `error_rate` the
    chance that a sound buffer fails, `blind_spot` what the check cannot see. `of_projects` are those for buffers of
    which it is known how a project makes them.
    """

    name: ClassVar[str]
    statistic: ClassVar[str]
    relation: ClassVar[str] = "<="
    error_rate: ClassVar[str] = "1e-4"
    blind_spot: ClassVar[str]
    order: ClassVar[int]
    of_projects: ClassVar[bool] = False

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Measure. Runs in the child process; raises NotProvided where the target lacks what is measured."""
        raise NotImplementedError

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """Decide. Runs in the parent; `facts` are what was learned about the target (alpha, beta, epsilon, ...)."""
        raise NotImplementedError

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:  # noqa: ARG002
        """What a report may draw of the measurements, or None. Runs in the parent, after the judge."""
        return None
