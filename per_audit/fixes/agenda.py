"""What is to be done about the findings of an audit, step by step: for people and for agents that edit code."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.findings import Applicability, Place, Severity
from per_audit.fixes.edits import apply
from per_audit.fixes.module import PACKAGE
from per_audit.fixes.planner import plan_fixes
from per_audit.fixes.shapes import shape_aside
from per_audit.graph import PRIORITISED
from per_audit.graph.recognise.aside import set_aside
from per_audit.rule import all_rules
from per_audit.source import shown_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.audit.outcome import Audit
    from per_audit.facts import ir
    from per_audit.findings import Finding, Notice
    from per_audit.fixes.plan import FixOptions, Plan
    from per_audit.graph import ReplayBuffer, ReplayGraph

_CONVERSION = {
    "made": "make it a PrioritizedReplayBuffer, or put a PrioritizedSampler beside the arrays; write the beta schedule "
    "out: beta=LinearSchedule(0.4, 1.0, steps=how often it is sampled in a run)",
    "stored": "store as before; with a PrioritizedSampler tell it of each slot that is written, before the pointer "
    "moves: sampler.add(slot, reward=reward)",
    "drawn": "draw by priority: a PrioritizedReplayBuffer gives batch, weights, indices, a PrioritizedSampler indices, "
    "weights; what was returned keeps its place, weights and indices come behind it",
    "sampled": "take weights and indices here, and hand them on to where the batch is learnt from",
    "learnt": "weigh the loss of each transition before its mean, importance_weighted_loss(elementwise, weights), and "
    "give the TD errors back after the optimiser's step: update_priorities(indices, absolute_td_error(q, target))",
}
_CONVERTED = (
    "every batch comes with its weights and indices, and every TD loss on it is weighted element by element",
    "the detached |TD error| of each drawn transition goes back as its priority once in a training step",
    "beta is 1 when the training ends",
)

_UNREAD = {"unparsable-file", "unparsable-cell", "unreadable-file"}
_BY_PRIORITY = "it draws by priority already, and none of the rules that were run asks for a change"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in the code: `source` is its first line without the white space around it."""

    place: Place
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and where. An edit that `fix` would make has the lines before and after it, `old` and `new`."""

    text: str
    anchors: tuple[Anchor, ...] = ()
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done about one or several findings of a replay pipeline, in order.

    `reason` says why `fix` stops, or what an unsafe fix rests on; empty for a safe one. `holds` is what must be true
    afterwards, `checks` are the commands that check it; `apply` is the command that does all of it, if one does.
    `instead` shows the rule's own example of sound code, where it has one.
    """

    pipeline: str
    title: str
    recipe: str | None
    applicability: Applicability
    reason: str
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    holds: tuple[str, ...]
    checks: tuple[str, ...]
    apply: str | None = None
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A replay memory without a task, and why; `steps` are what a person may do about it all the same."""

    name: str
    reason: str
    anchor: Anchor
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agenda:
    """The tasks of a project, those of one pipeline together. Paths are relative to `root`, where commands are run.

    `left` are the replay memories that were seen and have no task, `unread` says which files were not audited.
    """

    root: str
    tasks: tuple[Task, ...]
    left: tuple[Left, ...] = ()
    unread: tuple[Notice, ...] = ()

    @property
    def pipelines(self) -> dict[str, list[Task]]:
        """The tasks by the name of their pipeline."""
        found: dict[str, list[Task]] = {}
        for task in self.tasks:
            found.setdefault(task.pipeline, []).append(task)
        return found


def agenda(audit: Audit, options: FixOptions) -> Agenda:
    """What is to be done about the findings: what `fix` would do, and what it leaves to a person.

    Findings of severity info have a task only where a fix is for them.
    """
    planner = _Planner(audit, options)
    tasks = sorted(planner.tasks(), key=lambda task: (task.findings[0].place, task.findings[0].rule))
    order = {name: number for number, name in reversed(list(enumerate(task.pipeline for task in tasks)))}
    unread = tuple(notice for notice in audit.report.notices if notice.kind in _UNREAD)
    left = tuple(planner.left({task.pipeline for task in tasks}))
    return Agenda(audit.report.root, tuple(sorted(tasks, key=lambda task: order[task.pipeline])), left, unread)


class _Planner:
    def __init__(self, audit: Audit, options: FixOptions) -> None:
        self._audit = audit
        self._options = options
        self._by_id = {finding.id: finding for finding in audit.report.findings}
        self._shown: dict[str, dict[int | None, list[str]]] = {}

    def tasks(self) -> Iterator[Task]:
        planned = set()
        for plan in plan_fixes(self._audit, self._options):
            findings = tuple(self._by_id[name] for name in plan.findings if name in self._by_id)
            if findings:
                planned |= {finding.id for finding in findings}
                yield self._planned(plan, findings)
        for finding in self._audit.report.findings:
            if finding.id not in planned and finding.severity is not Severity.INFO:
                yield self._left(finding)

    def left(self, planned: set[str]) -> Iterator[Left]:
        """The memories that are in none of these pipelines: nothing is to be done, or nothing that `fix` knows."""
        for graph in (*self._audit.graphs, *self._audit.documents):
            found: list[tuple[str, str, ir.Node, str, tuple[str, ...]]] = []
            for aside in set_aside(graph):
                shape = shape_aside(graph, aside)
                found.append((aside.name, aside.path, aside.node, shape.name, shape.steps))
            found += [
                (graph.name_of(buffer), buffer.path, buffer.draws[0], _BY_PRIORITY, ())
                for buffer in graph.buffers
                if buffer.kind == PRIORITISED
            ]
            found += [
                (f"{each.framework.title} {each.name}", each.path, each.node, _BY_PRIORITY, ())
                for each in graph.library
                if each.prioritised
            ]
            known = set(planned)
            for name, path, node, reason, steps in sorted(found, key=lambda each: (each[1], each[2].start)):
                pipeline = f"{name} ({path})"
                if pipeline not in known:
                    known.add(pipeline)
                    yield Left(pipeline, reason, self._anchor(graph.place(path, node)), steps)

    def _planned(self, plan: Plan, findings: tuple[Finding, ...]) -> Task:
        can = plan.applicability in (Applicability.SAFE, Applicability.UNSAFE)
        steps = [*self._edits(plan)] if can else self._by_hand(findings[0])
        steps += [Step(text) for text in plan.steps] if can else []
        apply = f"per-audit fix --select {findings[0].rule}" if can else None
        if plan.applicability is Applicability.UNSAFE:
            apply = f"{apply} --unsafe-fixes"
        return Task(
            self._pipeline(findings[0]),
            plan.title,
            plan.recipe,
            plan.applicability,
            plan.reason,
            findings,
            tuple(steps),
            (*(() if plan.mends else _CONVERTED), *map(_is_gone, findings)),
            self._checks(findings[0]),
            apply,
            "" if can or not plan.mends else _instead(findings[0]),
        )

    def _left(self, finding: Finding) -> Task:
        return Task(
            self._pipeline(finding),
            finding.fix.title or f"{finding.rule} {finding.name}",
            None,
            Applicability.NONE,
            f"there is no recipe for {finding.name}",
            (finding,),
            tuple(self._by_hand(finding)),
            (_is_gone(finding),),
            self._checks(finding),
            instead=_instead(finding),
        )

    def _by_hand(self, finding: Finding) -> list[Step]:
        """The steps of a person: a conversion along the chain of its places, else the remedy and what it rests on."""
        if finding.rule == "PER001":
            found = []
            for role, text in _CONVERSION.items():
                anchors = tuple(self._anchor(link.place, link.note) for link in finding.evidence if link.role == role)
                if anchors:
                    found.append(Step(text, anchors))
            return found
        places = dict.fromkeys(link.place for link in finding.evidence)
        places.pop(finding.place, None)
        notes = {link.place: link.note for link in finding.evidence}
        first = Step(finding.fix.title or finding.message, (self._anchor(finding.place, finding.message),))
        if not places:
            return [first]
        return [first, Step("look at what it rests on", tuple(self._anchor(place, notes[place]) for place in places))]

    def _edits(self, plan: Plan) -> Iterator[Step]:
        """The lines that a plan changes, those of one place together, with the notes of the edits in them."""
        for path in sorted({edit.path for edit in plan.edits}):
            module = self._graph(path).module(path)
            edits = [edit for edit in plan.edits if edit.path == path]
            before = module.text.splitlines(keepends=True)
            after = apply(module.text, edits).splitlines(keepends=True)
            for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
                if kind == "equal":
                    continue
                begin, stop = sum(map(len, before[:first])), sum(map(len, before[:last]))
                notes = dict.fromkeys(edit.note for edit in edits if begin <= edit.start <= stop and edit.note)
                is_new = first == last and first > 0
                at = module.locate(begin - len(before[first - 1]) if is_new else begin)
                place = Place(path, at.line, 1, at.line + max(last - first, 1) - 1, 1, at.cell)
                old, new = (b"".join(lines).decode() for lines in (before[first:last], after[start:end]))
                anchor = self._anchor(place, "after this line" if is_new else "")
                yield Step("; ".join(notes) or "edit", (anchor,), old, new)
        for path, names in sorted(plan.imports.items()):
            text = f"import {', '.join(sorted(names))} from {PACKAGE}"
            yield Step(text, (self._anchor(Place(path, 1, 1, 1, 1)),))

    def _graph(self, path: str) -> ReplayGraph:
        return next(graph for graph in (*self._audit.graphs, *self._audit.documents) if path in graph.project.modules)

    def _anchor(self, place: Place, note: str = "") -> Anchor:
        if place.path not in self._shown:
            self._shown[place.path] = shown_lines(Path(self._audit.report.root, place.path), None)
        lines = self._shown[place.path].get(place.cell, [])
        source = lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""
        return Anchor(place, source, note)

    def _buffer(self, finding: Finding) -> tuple[ReplayGraph, ReplayBuffer] | None:
        """The buffer that a finding is about; where it names none, the only one of the files that it tells of."""
        paths = {finding.place.path, *(link.place.path for link in finding.evidence)}
        if finding.place.path not in self._paths:
            return None
        graph = self._graph(finding.place.path)
        near = [buffer for buffer in graph.buffers if graph.files_of(buffer) & paths]
        named = [buffer for buffer in near if graph.name_of(buffer) == finding.pipeline]
        kinds = {(graph.name_of(buffer), buffer.path) for buffer in named or near}
        return (graph, (named or near)[0]) if len(kinds) == 1 else None

    def _pipeline(self, finding: Finding) -> str:
        found = self._buffer(finding)
        if found is None:
            return f"{finding.pipeline or finding.symbol} ({finding.place.path})"
        graph, buffer = found
        return f"{graph.name_of(buffer)} ({buffer.path})"

    @cached_property
    def _paths(self) -> set[str]:
        return {path for graph in (*self._audit.graphs, *self._audit.documents) for path in graph.project.modules}

    def _checks(self, finding: Finding) -> tuple[str, ...]:
        found = [f"per-audit scan --select {finding.rule}", "per-audit scan"]
        target = self._target(finding)
        return (*found, f"per-audit verify {shlex.quote(target)}") if target else tuple(found)

    def _target(self, finding: Finding) -> str | None:
        """The class of the buffer as `verify` takes it, where it has one of its own that the finding is about."""
        found = self._buffer(finding)
        if found is None:
            return None
        graph, buffer = found
        if buffer.owner is None or graph.is_agent(buffer) or finding.place.path not in graph.files_of(buffer):
            return None
        path = graph.project.module_of[buffer.owner].path
        return f"{path}:{buffer.owner.name}" if path.endswith(".py") else None


def _is_gone(finding: Finding) -> str:
    return f"{finding.rule} ({finding.name}) is not reported for {finding.symbol} in {finding.place.path}"


def _instead(finding: Finding) -> str:
    """The example under "Use instead" in the documentation of a bundled rule."""
    rule = next((rule for rule in all_rules() if rule.code == finding.rule), None)
    found = re.search(r"## Use instead\n+```python\n(.*?)```", rule.documentation(), re.DOTALL) if rule else None
    return found[1] if found else ""
