"""What is to be done, step by step, as Markdown: for an issue, a pull request, or an agent's instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.report.frame import printable
from per_audit.report.plan_text import LEFT, WHO, not_read, summary, where
from per_audit.report.verification_markdown import plain

if TYPE_CHECKING:
    from per_audit.fixes.agenda import Agenda, Step, Task


def render(agenda: Agenda) -> str:
    """The document as text, ending in a newline."""
    parts = ["# per-audit plan", summary(agenda)]
    for name, tasks in agenda.pipelines.items():
        parts.append(f"## {plain(name)}")
        parts += [_task(task) for task in tasks]
    if agenda.left or agenda.unread:
        parts.append(_left(agenda))
    return "\n\n".join(parts) + "\n"


def _left(agenda: Agenda) -> str:
    lines = [f"## {LEFT}", ""]
    for left in agenda.left:
        lines += [f"- {plain(left.name)}: {plain(left.reason)}"]
        lines += [f"  - {plain(where(left.anchor))}: {code(left.anchor.source)}"]
        lines += [f"  {number}. {plain(step)}" for number, step in enumerate(left.steps, 1)]
    return "\n".join([*lines, *(f"- {plain(line)}" for line in not_read(agenda))])


def _task(task: Task) -> str:
    codes = ", ".join(dict.fromkeys(f"{finding.rule} {finding.name}" for finding in task.findings))
    lines = [f"### {plain(task.title)} ({codes})", ""]
    lines += [WHO[task.applicability] + (f": {plain(task.reason)}" if task.reason else "") + ".", ""]
    for number, step in enumerate(task.steps, 1):
        lines += _step(number, step)
    if task.instead:
        lines += ["", "For example:", "", "```python", *map(printable, task.instead.splitlines()), "```"]
    lines += ["", "Afterwards:", "", *(f"- [ ] {plain(held)}" for held in task.holds)]
    commands = (*([task.apply] if task.apply else []), *task.checks)
    return "\n".join([*lines, "", "```sh", *map(printable, commands), "```"])


def _step(number: int, step: Step) -> list[str]:
    lines = [f"{number}. {plain(step.text)}"]
    for anchor in step.anchors:
        note = f" ({plain(anchor.note)})" if anchor.note else ""
        lines.append(f"   - {plain(where(anchor))}: {code(anchor.source)}{note}")
    if step.old or step.new:
        lines += ["", "   ```diff"]
        for sign, side in (("-", step.old), ("+", step.new)):
            lines += [f"   {sign} {printable(line)}" for line in (side or "").splitlines()]
        lines += ["   ```", ""]
    return lines


def code(text: str) -> str:
    """`text` as code inside a line; empty for none."""
    shown = printable(text)
    fence = "``" if "`" in shown else "`"
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""
