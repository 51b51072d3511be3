"""Writes docs/checks/, an index and one page a check of `per-audit verify`, from the checks themselves.

    python docs/make_checks.py

What was measured is in docs/checks/rates.json, which `python benchmarks/verify_error_rates.py --output
docs/checks/rates.json` writes. tests/docs/test_checks.py compares the committed files.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from per_audit.report.checks import check_markdown, headline
from per_audit.verify.run import available_checks

FOLDER = Path(__file__).parent / "checks"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

INTRODUCTION = """\
# Checks

What `per-audit verify` measures, a page a check; [verification.md](../verification.md) says how to run them. Written by
`python docs/make_checks.py` from the checks; edit those. `per-audit explain NAME` prints one in a terminal.

| Check | What it tests |
| --- | --- |
"""


def render() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    from verify.mutants import FAULTS

    rates = json.loads((FOLDER / "rates.json").read_text("utf-8"))
    checks = available_checks()
    pages = {"README.md": INTRODUCTION}
    for name, check in checks.items():
        faults = [fault for fault, (found_by, _) in FAULTS.items() if found_by == name]
        parts = [check_markdown(check), *_measured(rates, name, faults), "---\n\n[All checks](README.md)\n"]
        pages[f"{name}.md"] = "\n".join(parts)
        pages["README.md"] += f"| [{name}]({name}.md) | {headline(check).replace('|', chr(92) + '|')} |\n"
    return pages


def _measured(rates: dict[str, Any], name: str, faults: list[str]) -> list[str]:
    sound = {}
    for buffer, verdicts in rates["sound"].items():
        counts = {verdict: count for verdict, count in verdicts.get(name, {}).items() if verdict != "NOT PROVIDED"}
        if counts:
            sound[buffer] = counts
    lines = []
    if sound:
        lines += ["## Measured", "", "Sound buffers, each run with another seed:", ""]
        lines += ["| buffer | runs | failed |", "| --- | --- | --- |"]
        for buffer, counts in sound.items():
            failed = sum(count for verdict, count in counts.items() if verdict not in ("PASS", "INCONCLUSIVE"))
            lines.append(f"| {_words(buffer)} | {sum(counts.values())} | {failed} |")
        lines.append("")
    if faults:
        lines += ["Buffers with one fault each, which this check is there to find:", ""]
        lines += ["| fault | runs | found |", "| --- | --- | --- |"]
        for fault in faults:
            found, runs = rates["faulty"][fault]
            lines.append(f"| {_words(fault)} | {runs} | {found} |")
        lines.append("")
    return ["\n".join(lines)] if lines else []


def _words(name: str) -> str:
    """AlphaTwice -> alpha twice."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    pages = render()
    for old in FOLDER.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
