"""Writes docs/rules/, an index and one page a rule, from the rules themselves.

    python docs/make_rules.py

tests/docs/test_rules.py compares the committed files.
"""

from __future__ import annotations

from pathlib import Path

from per_audit.catalogue import catalogue, group_of
from per_audit.report.rules import has_witness, rule_markdown, rules_table

FOLDER = Path(__file__).parent / "rules"

INTRODUCTION = """\
# Rules

Written by `python docs/make_rules.py` from the rules; edit those. `per-audit explain CODE` prints one in a terminal.

In the examples a line that is reported ends in `# <- CODE`. The witness is what a small experiment of the rule shows:
`per-audit explain CODE --witness` runs it.
"""


def render() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    rules = catalogue()
    pages = {}
    for number, rule in enumerate(rules):
        links = ["[All rules](README.md)"]
        if number > 0:
            links.append(f"before: [{rules[number - 1].code}]({rules[number - 1].code}.md)")
        if number + 1 < len(rules):
            links.append(f"after: [{rules[number + 1].code}]({rules[number + 1].code}.md)")
        page = rule_markdown(rule, examples=True, witness=has_witness(rule))
        pages[f"{rule.code}.md"] = f"{page}\n---\n\n{', '.join(links)}\n"
    parts = [INTRODUCTION]
    for group in dict.fromkeys(group_of(rule.code) for rule in rules):
        members = [rule for rule in rules if group_of(rule.code) == group]
        parts.append(f"## {group[:1].upper()}{group[1:]}\n\n{rules_table(members, links=True)}")
    pages["README.md"] = "\n".join(parts)
    return pages


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    pages = render()
    for old in FOLDER.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
