"""What an audit finds: in files that may influence each other, and in all."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from per_audit.findings import Finding, Notice, Report, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from per_audit.errors import Failure
    from per_audit.graph import ReplayGraph


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an audit finds in files that may influence each other, before anything is suppressed.

    `findings` are in order, each with its id. `unparsable` are the paths of files that were not read. `in_use` says
    that the files make a replay buffer and draw from it. `without_unmade` is the same without the buffers that nothing
    in them makes, and with those that they only try out as hints, None where there are none of either: such a class is
    no memory of a project that has another in use. `notes` say of findings, by their ids, why the files do not run what
    they are about, though others may; `hints` are those of them, by their ids, about what it costs others, and about
    what a program makes and does not use; `left` those about what nothing in the files makes or calls. `trains` says
    that something in them learns, run or not.
    `failures` are the steps in which per-audit itself failed; the others went on without them.
    """

    findings: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    pipelines: tuple[dict[str, Any], ...] = ()
    unparsable: frozenset[str] = frozenset()
    failures: tuple[Failure, ...] = ()
    in_use: bool = False
    without_unmade: Outcome | None = None
    notes: tuple[tuple[str, str], ...] = ()
    hints: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    trains: bool = False

    def with_notes(self, is_program: bool, but: Collection[str] = ()) -> Outcome:
        """The same with the notes in the messages, and as hints what runs cost that nobody knows.

        So are `hints`, and what a program (`is_program`) leaves lying; memories where nothing learns may be there for
        those who do.
        Of the files `but` others may run what these do not.
        """
        hints = self.hints | self.left if is_program else self.hints
        others = {each.id for each in self.findings if each.place.path in but}
        notes = {name: note for name, note in self.notes if name not in others}
        told = (
            replace(
                each,
                message=f"{each.message} ({notes[each.id]})",
                severity=Severity.INFO if each.id in hints else each.severity,
            )
            if each.id in notes
            else each
            for each in self.findings
        )
        return replace(self, findings=tuple(told))


@dataclass(slots=True)
class Audit:
    """What an audit found, and the replay graphs that it rests on, from which fixes are planned.

    `graphs` are those of the modules and notebooks, one for the files that are connected by imports, so that what is
    found does not depend on what else is in the tree, but for classes that are left over (`joined`). `documents` holds
    a graph for each Markdown file: what a text shows of a project is no part of it, neither a caller that is missing
    nor a training loop that is there.
    """

    report: Report
    graphs: list[ReplayGraph]
    documents: list[ReplayGraph] = field(default_factory=list)


def finding_order(finding: Finding) -> tuple[object, ...]:
    """In what order people read findings."""
    return finding.place, finding.rule, finding.symbol, finding.message


def with_ids(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in order, without repetitions, each with its id.

    The id is made of the rule, the file, the symbol and the how-manieth finding of these three it is, so that lines
    added or removed above do not change it.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    numbered = []
    for finding in sorted(dict.fromkeys(findings), key=finding_order):
        key = (finding.rule, finding.place.path, finding.symbol)
        text = "\0".join((*key, str(seen[key])))
        seen[key] += 1
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        numbered.append(replace(finding, id=digest[:16]))
    return numbered
