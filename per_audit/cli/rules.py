"""`per-audit rules`: list the rules."""

from __future__ import annotations

from pathlib import Path

import click

from per_audit.cli._shared import emit, own_rules_options
from per_audit.report.rules import RULES_FORMATS, rules_list
from per_audit.settings import load


@click.command()
@click.option(
    "--format", "format_", type=click.Choice(RULES_FORMATS), default="text", help="How to list; text by default."
)
@own_rules_options
def command(format_: str, own_rules: tuple[Path, ...], no_config: bool) -> None:
    """List every rule with its code, name and severity, the project's own among them.

    \b
    Examples:
      per-audit rules
      per-audit rules --format markdown > RULES.md
      per-audit rules --rules tools/my_rules
    """
    emit(rules_list(load(Path(), not no_config, own_rules).catalogue.rules, format_))
