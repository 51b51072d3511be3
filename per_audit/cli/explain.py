"""`per-audit explain`: the documentation of one rule, or of one check of `per-audit verify`."""

from __future__ import annotations

from pathlib import Path

import click

from per_audit.cli._shared import emit, own_rules_options, wants_colour
from per_audit.errors import UserError
from per_audit.report.rules import has_witness, rule_json, rule_page
from per_audit.settings import load


@click.command()
@click.argument("rule", metavar="CODE|NAME|CHECK")
@click.option(
    "--format", "format_", type=click.Choice(("text", "json")), default="text", help="How to print; text by default."
)
@click.option("--examples", is_flag=True, help="Show the code that is reported and the code that is not.")
@click.option("--witness", is_flag=True, help="Run a small experiment that shows the defect in numbers.")
@own_rules_options
def command(
    rule: str, format_: str, examples: bool, witness: bool, own_rules: tuple[Path, ...], no_config: bool
) -> None:
    """Explain a rule: what it says, why it matters, how the code should look. Or a check of `per-audit verify`.

    \b
    Examples:
      per-audit explain PER101
      per-audit explain PER101 --examples --witness
      per-audit explain weights-after-reduction --format json
      per-audit explain frequencies
    """
    rules = load(Path(), not no_config, own_rules).catalogue
    try:
        found = rules.named(rule)
    except UserError:
        if not _explained_as_check(rule, format_, examples or witness):
            raise
        return
    if witness and not has_witness(found):
        raise UserError(f"{found.code} ({found.name}) has no witness; leave --witness out")
    if format_ == "json":
        emit(rule_json(found, witness))
    else:
        emit(rule_page(found, wants_colour(), examples, witness))


def _explained_as_check(name: str, format_: str, more: bool) -> bool:
    from per_audit.report.checks import check_json, check_page
    from per_audit.verify.run import available_checks

    check = available_checks().get(name)
    if check is None:
        return False
    if more:
        raise UserError(f"{name} is a check, without examples or witness; leave --examples and --witness out")
    emit(check_json(check) if format_ == "json" else check_page(check, wants_colour()))
    return True
