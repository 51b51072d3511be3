"""The rules for readers: the list of all, and the page of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.rule import Rule

RULES_FORMATS = ("text", "json", "markdown")


def rules_list(rules: Sequence[Rule], kind: str) -> str:
    """All rules in one of RULES_FORMATS."""
    if kind == "json":
        return json.dumps([_entry(rule) for rule in rules], indent=2) + "\n"
    rows = [(rule.code, rule.name, rule.severity.value, headline(rule)) for rule in rules]
    if kind == "markdown":
        lines = ["| Code | Name | Severity | What it says |", "| --- | --- | --- | --- |"]
        lines += [f"| {code} | `{name}` | {severity} | {_in_cell(says)} |" for code, name, severity, says in rows]
    else:
        width = max((len(name) for _, name, _, _ in rows), default=0)
        lines = [f"{code}  {name:{width}}  {severity:7}  {says}" for code, name, severity, says in rows]
    return "".join(line + "\n" for line in lines)


def rule_markdown(rule: Rule) -> str:
    """The page of one rule."""
    return f"# {rule.code} {rule.name}\n\nSeverity: {rule.severity.value}.\n\n{rule.documentation().strip()}\n"


def rule_page(rule: Rule, formatted: bool) -> str:
    """The page of one rule as Markdown, laid out for the terminal where `formatted`."""
    if not formatted:
        return rule_markdown(rule)
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(force_terminal=True)
    with console.capture() as capture:
        console.print(Markdown(rule_markdown(rule), hyperlinks=False))
    return capture.get()


def rule_json(rule: Rule) -> str:
    """The page of one rule, with its examples, for machines."""
    examples = {
        kind: [{"title": example.title, "files": example.files} for example in getattr(rule, kind)]
        for kind in ("bad", "good")
    }
    return json.dumps(_entry(rule) | {"documentation": rule.documentation(), **examples}, indent=2) + "\n"


def headline(rule: Rule) -> str:
    """The first line of the documentation: what is wrong."""
    return rule.documentation().partition("\n")[0]


def _entry(rule: Rule) -> dict[str, Any]:
    return {"code": rule.code, "name": rule.name, "severity": rule.severity.value, "summary": headline(rule)}


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")
