"""`per-audit rules`: list the rules."""

from __future__ import annotations

import click

from per_audit.catalogue import catalogue
from per_audit.cli._shared import emit
from per_audit.report.rules import RULES_FORMATS, rules_list


@click.command()
@click.option(
    "--format", "format_", type=click.Choice(RULES_FORMATS), default="text", help="How to list; text by default."
)
def command(format_: str) -> None:
    """List every rule with its code, name and severity.

    \b
    Examples:
      per-audit rules
      per-audit rules --format markdown > RULES.md
    """
    emit(rules_list(catalogue(), format_))
