"""`per-audit explain`: the documentation of one rule."""

from __future__ import annotations

import click

from per_audit.catalogue import rule_named
from per_audit.cli._shared import emit, wants_colour
from per_audit.report.rules import rule_json, rule_page


@click.command()
@click.argument("rule", metavar="CODE|NAME")
@click.option(
    "--format", "format_", type=click.Choice(("text", "json")), default="text", help="How to print; text by default."
)
def command(rule: str, format_: str) -> None:
    """Explain a rule: what it says, why it matters, how the code should look.

    \b
    Examples:
      per-audit explain PER101
      per-audit explain weights-broadcast --format json
    """
    found = rule_named(rule)
    emit(rule_json(found) if format_ == "json" else rule_page(found, wants_colour()))
