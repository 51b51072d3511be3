"""Facts of files that may influence each other -> what is found in them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from per_audit.audit.outcome import Outcome, with_ids
from per_audit.audit.parts import unevenly_indented, unparsable
from per_audit.catalogue.housekeeping import UNPARSABLE_FILE
from per_audit.catalogue.own_rules import check_own
from per_audit.errors import Failure, UserError
from per_audit.findings import Finding, Notice, Place, Severity
from per_audit.runtime import collector_paused, deep_stack, room_for_calls
from per_audit.source import project_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from per_audit.audit.parts import Part
    from per_audit.facts import ModuleFacts
    from per_audit.facts.pool import Extracted
    from per_audit.graph import ReplayGraph
    from per_audit.graph.liveness.idle import Idle
    from per_audit.rule import Rule
    from per_audit.settings import Settings
    from per_audit.source.resolve import Modules


class _Told(NamedTuple):
    findings: list[Finding]
    failures: list[Failure]


class _Note(NamedTuple):
    """Why the files do not run what a finding is about, though others may, and what that makes of it."""

    text: str
    is_for_others: bool
    is_left: bool
    is_in_vain: bool


class Judge:
    """Links the facts of a part and asks the rules. `modules` are the facts by path, or why there are none."""

    def __init__(self, root: Path, settings: Settings, tree: Modules, modules: Mapping[str, Extracted]) -> None:
        self._root = root
        self._own = settings.catalogue.own
        self._rules = settings.chosen
        self._tree = tree
        self._modules = modules

    @room_for_calls
    @collector_paused()
    def __call__(self, part: Part, with_offers: bool) -> tuple[Outcome, ReplayGraph | None]:
        """What is found in the part, and its replay graph: None where no file of it could be read, or it is not judged.

        `with_offers` has each finding say what a fix would do about it. Raises UserError for rules of the user's own.
        """
        from per_audit.facts import Unparsable
        from per_audit.graph.liveness.memories.usage import trains

        notices: list[Notice] = []
        known: list[ModuleFacts] = []
        not_read = set()
        failures: list[Failure] = []
        for file in part.files:
            facts = self._modules[file.relative]
            notices += file.notices
            if isinstance(facts, Failure):
                not_read.add(file.relative)
                failures.append(facts)
            elif isinstance(facts, Unparsable):
                not_read.add(file.relative)
                notices.append(unparsable(file, facts.line, facts.reason))
            else:
                facts.layout = file.layout
                known.append(facts)
                if facts.uneven is not None:
                    notices.append(unevenly_indented(file, facts.uneven))
        if not part.matters:
            notices.clear()
        outcome = Outcome(notices=tuple(notices), unparsable=frozenset(not_read), failures=tuple(failures))
        if not known or not part.is_judged:
            return outcome, None
        try:
            graph = self._linked(known, part)
        except Exception as error:
            failed = Failure.of(f"linking the files of {self._root}", error)
            return replace(outcome, failures=(*failures, failed)), None
        if not part.is_text:
            graph.verified = functools.partial(_verified, self._root)
            graph.unread = tuple(file.data for file in part.files if file.relative in not_read)
            graph.left_out = {file.relative: file.left_out for file in part.files if file.left_out}
            notices += [_followed_in_part(place) for place in getattr(graph, "followed_in_part", list)()]
        outcome = replace(outcome, notices=tuple(notices))
        outcome = replace(outcome, trains=not part.is_text and trains(graph))
        told = self._told(graph)
        found = self._asked(graph, told, part, with_offers, outcome)
        if part.is_text or not (found.notes or getattr(graph, "buffers", ()) or getattr(graph, "library", ())):
            return found, graph
        from per_audit.graph.liveness.memories.usage import has_one_in_use, is_tried_out, unused
        from per_audit.graph.model import UNIFORM, ReplayBuffer

        found = replace(found, in_use=has_one_in_use(graph))
        if not found.in_use and (found.notes or unused(graph)):
            own = (each for each in unused(graph) if isinstance(each, ReplayBuffer))
            gone = [each for each in own if each.kind == UNIFORM and not is_tried_out(graph, each)]
            every, graph.buffers = graph.buffers, [buffer for buffer in graph.buffers if buffer not in gone]
            told = self._told(graph) if gone else told
            found = replace(found, without_unmade=self._asked(graph, told, part, with_offers, outcome, beside=True))
            graph.buffers = every
        return found, graph

    def _told(self, graph: ReplayGraph) -> _Told:
        """What the rules find in the graph, and which of them fail."""
        failures: list[Failure] = []
        findings = [finding for rule in self._rules for finding in self._check(rule, graph, failures)]
        return _Told(findings, failures)

    def _asked(
        self, graph: ReplayGraph, told: _Told, part: Part, with_offers: bool, outcome: Outcome, beside: bool = False
    ) -> Outcome:
        """The outcome with what the rules told of the graph; `beside` the files lies a program that is in use."""
        from per_audit.graph.liveness.beside.exported import exported
        from per_audit.graph.liveness.idle import Idle

        failures = [*outcome.failures, *told.failures]
        notes: dict[Place, _Note] = {}
        if part.is_text:
            findings = with_ids(finding for finding in told.findings if _is_shown(finding))
        else:
            program, package = (Idle(graph, is_package, beside) for is_package in (False, True))
            for_others = part.packaged | exported(graph)
            asked = [(each, package if each.place.path in for_others else program) for each in told.findings]
            findings = with_ids(self._as_run(asked, notes, failures))
        if with_offers and findings:
            from per_audit.fixes.offers import offered

            try:
                findings = offered(findings, graph)
            except Exception as error:
                failures.append(Failure.of(f"planning the fixes of {self._root}", error))
        of_runs = {rule.code for rule in self._rules if rule.of_runs}
        pipelines: tuple[dict[str, Any], ...] = tuple(getattr(graph, "describe", list)())
        noted = [(each, notes[each.place]) for each in findings if each.place in notes]
        return replace(
            outcome,
            findings=tuple(findings),
            pipelines=pipelines,
            failures=tuple(failures),
            notes=tuple((each.id, note.text) for each, note in noted),
            hints=frozenset(
                each.id for each, note in noted if note.is_in_vain or (note.is_for_others and each.rule in of_runs)
            ),
            left=frozenset(each.id for each, note in noted if note.is_left),
        )

    def _as_run(
        self, told: list[tuple[Finding, Idle]], notes: dict[Place, _Note], failures: list[Failure]
    ) -> list[Finding]:
        """The findings; what is wrong in code that is never run is a hint for later, and hints about it are none.

        What others may run is noted in `notes`, by its place. What a rule itself says as a hint, since it is only
        tried out, is told beside a program as well. What code would cost that is never run costs nothing.
        """
        found = []
        of_runs = {rule.code for rule in self._rules if rule.of_runs}
        hints = {rule.code for rule in self._rules if rule.severity is Severity.INFO}
        for finding, idle in told:
            try:
                with deep_stack():
                    why = idle.why(finding.place) or _why_unweighted(finding, idle) or _why_apart(finding, idle)
                    note = _note(idle, finding.place) if why is None else None
            except Exception as error:
                failures.append(Failure.of(f"what is run of {self._root}", error))
                why, note = None, None
            if why is None:
                found.append(finding)
                if note is not None:
                    notes[finding.place] = note
            elif finding.rule in of_runs:
                continue
            elif finding.severity is not Severity.INFO or (idle.is_beside and finding.rule not in hints):
                message = f"{finding.message} ({why})"
                found.append(replace(finding, severity=Severity.INFO, message=message))
        return found

    def _linked(self, known: list[ModuleFacts], part: Part) -> ReplayGraph:
        from per_audit.graph import link

        return link(known) if part.is_text else link(known, self._tree)

    def _check(self, rule: Rule, graph: ReplayGraph, failures: list[Failure]) -> list[Finding]:
        try:
            with deep_stack():
                return check_own(rule, graph) if rule in self._own else list(rule.check(graph))
        except UserError:
            raise
        except Exception as error:
            failures.append(Failure.of(f"rule {rule.code} ({rule.name}) on {self._root}", error))
            return []


def _verified(root: Path, paths: Iterable[str]) -> bool:
    """Whether the record of the project covers these files, which are relative to the root of the audit, as they are.

    A record that cannot be read covers nothing: what is wrong with it is for `verify` to say.
    """
    from per_audit.verify.record import is_current

    try:
        return is_current(project_root(root), [root / path for path in paths])
    except UserError:
        return False


def _note(idle: Idle, place: Place) -> _Note | None:
    text = idle.note(place)
    if text is None:
        return None
    return _Note(text, idle.is_for_others(place), idle.is_left(place), idle.is_in_vain(place))


def _why_unweighted(finding: Finding, idle: Idle) -> str | None:
    """Why the weights that a finding rests on are never computed; None where some are, or it rests on none."""
    reasons = [idle.why(link.place) for link in finding.evidence if link.role == "weights"]
    return reasons[0] if reasons and None not in reasons else None


def _why_apart(finding: Finding, idle: Idle) -> str | None:
    """Why a notebook has nothing to do with the memory of a finding; None where it may have."""
    return idle.apart(finding.place, {link.place.path for link in finding.evidence if link.role == "drawn"})


def _followed_in_part(place: Place) -> Notice:
    message = "audited in part: code that is nested too deeply to be followed"
    return Notice(place.path, place.line, UNPARSABLE_FILE.name, message, place.cell)


def _is_shown(finding: Finding) -> bool:
    """Whether a text shows what the finding rests on: what is missing from an example without a loss says nothing."""
    return finding.severity is not Severity.INFO and any(link.role in ("learnt", "loss") for link in finding.evidence)
