"""The rules for readers: the list of all, and the page of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.catalogue import docs_page, group_of
from per_audit.report.documents import as_text
from per_audit.report.styled import laid_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.rule import Example, Rule

RULES_FORMATS = ("text", "json", "markdown")


def rules_list(rules: Sequence[Rule], kind: str) -> str:
    """All rules in one of RULES_FORMATS."""
    if kind == "json":
        return as_text([_entry(rule) for rule in rules])
    if kind == "markdown":
        return rules_table(rules)
    code_width = max((len(rule.code) for rule in rules), default=0)
    width = max((len(rule.name) for rule in rules), default=0)
    lines = [
        f"{rule.code:{code_width}}  {rule.name:{width}}  {rule.severity.value:7}  {headline(rule)}{_off(rule)}"
        for rule in rules
    ]
    return "".join(line + "\n" for line in lines)


def rules_table(rules: Sequence[Rule], links: bool = False) -> str:
    """All rules as a table of Markdown; with `links` each code leads to the page beside the table."""
    lines = ["| Code | Name | Severity | What it says |", "| --- | --- | --- | --- |"]
    for rule in rules:
        code = f"[{rule.code}]({rule.code}.md)" if links else rule.code
        says = (headline(rule) + _off(rule)).replace("|", "\\|")
        lines.append(f"| {code} | `{rule.name}` | {rule.severity.value} | {says} |")
    return "".join(line + "\n" for line in lines)


def rule_markdown(rule: Rule, examples: bool = False, witness: bool = False) -> str:
    """The page of one rule; with `examples` what is reported and what is not, with `witness` what running it shows."""
    parts = [f"# {rule.code} {rule.name}", _summary(rule), rule.documentation().strip()]
    for title, shown in (("Reported", rule.bad), ("Not reported", rule.good)) if examples else ():
        if shown:
            parts += [f"## {title}", *(_example(example) for example in shown)]
    if witness:
        parts += ["## Witness", f"> {rule.witness()}"]
    return "\n\n".join(parts) + "\n"


def rule_page(rule: Rule, formatted: bool, examples: bool = False, witness: bool = False) -> str:
    """The page of one rule as Markdown, laid out for the terminal where `formatted`."""
    text = rule_markdown(rule, examples, witness)
    return laid_out(text) if formatted else text


def rule_json(rule: Rule, witness: bool = False) -> str:
    """The page of one rule, with its examples, for machines."""
    page = _entry(rule) | {"documentation": rule.documentation()}
    for kind in ("bad", "good"):
        page[kind] = [{"title": example.title, "files": example.files} for example in getattr(rule, kind)]
    if witness:
        page["witness"] = rule.witness()
    return as_text(page)


def has_witness(rule: Rule) -> bool:
    """Whether the rule can show its defect in numbers."""
    from per_audit.rule import Rule

    return type(rule).witness is not Rule.witness


def headline(rule: Rule) -> str:
    """The first line of the documentation: what is wrong."""
    return rule.documentation().partition("\n")[0]


def _entry(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "group": group_of(rule.code),
        "pedantic": rule.pedantic,
        "summary": headline(rule),
        "docs": docs_page(rule.code),
    }


def _summary(rule: Rule) -> str:
    said = f"Severity: {rule.severity.value}. Group: {group_of(rule.code)}."
    if rule.pedantic:
        said += f" Off without `--pedantic` or `--select {rule.code}`."
    return said


def _off(rule: Rule) -> str:
    return " (pedantic)" if rule.pedantic else ""


def _example(example: Example) -> str:
    files = [f"`{path}`\n\n```python\n{text.rstrip()}\n```" for path, text in example.files.items()]
    return "\n\n".join([f"### {example.title[:1].upper()}{example.title[1:]}", *files])
