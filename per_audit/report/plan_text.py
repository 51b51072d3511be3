"""What is to be done, step by step, for people."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from per_audit.findings import Applicability, spot
from per_audit.report import PLAIN, Look
from per_audit.report.frame import printable
from per_audit.report.styled import console_on

if TYPE_CHECKING:
    from per_audit.fixes.agenda import Agenda, Anchor, Step, Task

WHO = {
    Applicability.SAFE: "`fix` does this",
    Applicability.UNSAFE: "`fix --unsafe-fixes` does this",
    Applicability.MANUAL: "for a person",
    Applicability.NONE: "for a person",
}
"""Who does a task."""
LEFT = "Left as it is"
"""The heading of the memories without a task, and of the files that were not audited."""
_MOST_UNREAD = 10


def render(agenda: Agenda, look: Look = PLAIN) -> str:
    """The tasks by pipeline, ending in a newline."""
    out = io.StringIO()
    console = console_on(out, look.colour)
    for name, tasks in agenda.pipelines.items():
        text = Text(f"{printable(name)}\n", "bold underline")
        for task in tasks:
            text.append(_task(task))
        console.print(text, soft_wrap=True, overflow="ignore", crop=False)
    if agenda.left or agenda.unread:
        console.print(_left(agenda), soft_wrap=True, overflow="ignore", crop=False)
    console.print(Text(summary(agenda), "bold"), soft_wrap=True, overflow="ignore", crop=False)
    return out.getvalue()


def summary(agenda: Agenda) -> str:
    """How much there is to do, in a sentence."""
    if not agenda.tasks:
        number = len(agenda.left)
        return f"No tasks; {number} left as {'it is' if number == 1 else 'they are'}." if number else "Nothing to do."
    counts = Counter(WHO[task.applicability] for task in agenda.tasks)
    number = len(agenda.tasks)
    parts = ", ".join(f"{count} {who.replace('does this', 'does')}" for who, count in counts.items())
    return f"{number} {'task' if number == 1 else 'tasks'}: {parts}."


def where(anchor: Anchor) -> str:
    """The place of an anchor: `train.py:12`."""
    return spot(anchor.place.path, anchor.place.cell, anchor.place.line)


def not_read(agenda: Agenda) -> list[str]:
    """The files that were not audited, each with the reason; a long list is cut short."""
    lines = [f"{spot(each.path, each.cell, each.line)}: {each.message}" for each in agenda.unread[:_MOST_UNREAD]]
    hidden = len(agenda.unread) - len(lines)
    return [*lines, f"{hidden} more; `--format json` lists all"] if hidden else lines


def _left(agenda: Agenda) -> Text:
    text = Text(f"{LEFT}\n", "bold underline")
    for left in agenda.left:
        text.append(f"\n- {printable(left.name)}", "bold").append(f": {printable(left.reason)}\n")
        text.append(f"     {printable(where(left.anchor))}: ", "cyan").append(f"{printable(left.anchor.source)}\n")
        for number, step in enumerate(left.steps, 1):
            text.append(f"  {number}. {printable(step)}\n")
    for line in not_read(agenda):
        text.append(f"\n- {printable(line)}\n")
    return text


def _task(task: Task) -> Text:
    codes = ", ".join(dict.fromkeys(f"{finding.rule} {finding.name}" for finding in task.findings))
    text = Text.assemble(("\n- ", "bold"), (printable(task.title), "bold"), f" ({codes})\n")
    text.append(f"  {WHO[task.applicability]}", "green" if task.apply else "yellow")
    text.append(f": {printable(task.reason)}\n" if task.reason else "\n")
    for number, step in enumerate(task.steps, 1):
        text.append(_step(number, step))
    if task.instead:
        text.append("  for example:\n", "dim")
        for line in task.instead.splitlines():
            text.append(f"      {printable(line)}".rstrip() + "\n", "green")
    for held in task.holds:
        text.append("  must hold: ", "cyan").append(f"{printable(held)}\n")
    for command in (*([task.apply] if task.apply else []), *task.checks):
        text.append("  run: ", "cyan").append(f"{printable(command)}\n")
    return text


def _step(number: int, step: Step) -> Text:
    text = Text(f"  {number}. {printable(step.text)}\n")
    for anchor in step.anchors:
        text.append(f"     {printable(where(anchor))}: ", "cyan").append(f"{printable(anchor.source)}")
        text.append(f"  ({printable(anchor.note)})\n" if anchor.note else "\n", "dim")
    for sign, side, style in (("-", step.old, "red"), ("+", step.new, "green")):
        for line in (side or "").splitlines():
            text.append(f"     {sign} {printable(line)}\n", style)
    return text
