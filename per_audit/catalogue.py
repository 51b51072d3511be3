"""The rules by code, name and prefix: what `select`, `ignore`, suppressions and `explain` go by."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from per_audit import housekeeping, rule
from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.rule import Rule


_GROUPS = {
    "PER0": "absolute",
    "PER1": "importance-sampling weights",
    "PER2": "priorities",
    "PER3": "sampler",
    "PER4": "cost and memory",
    "PER5": "transitions",
    "PER9": "housekeeping",
}


def group_of(code: str) -> str:
    """What the rules of this range of codes are about; "project" for rules that are not of per-audit."""
    return _GROUPS.get(code[:4], "project")


def docs_page(code: str) -> str | None:
    """The page of a bundled rule in the repository, None for a rule that is not of per-audit."""
    return f"docs/rules/{code}.md" if code[:4] in _GROUPS else None


def catalogue() -> tuple[Rule, ...]:
    """Every rule in order of its code: the bundled ones, and those about the audit itself."""
    return tuple(sorted((*rule.all_rules(), *housekeeping.RULES), key=lambda known: known.code))


def find_rule(text: str) -> Rule | None:
    """The rule with this code or name, in either case of letters."""
    return next((known for known in catalogue() if text.upper() == known.code or text.lower() == known.name), None)


def rule_named(text: str) -> Rule:
    """The rule with this code or name; raises UserError where there is none."""
    found = find_rule(text)
    if found is None:
        raise UserError(f"unknown rule {text!r}; {suggest_rule(text)}")
    return found


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing where no known word comes close."""
    close = difflib.get_close_matches(text, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def suggest_rule(text: str) -> str:
    """What to do about a rule that does not exist."""
    return did_you_mean(text.lower(), [known.name for known in catalogue()]) or "`per-audit rules` lists them"


def check_selectors(selectors: Iterable[str], origin: str) -> tuple[str, ...]:
    """The selectors, trimmed; raises UserError for one that is no code, name or prefix of a code."""
    checked = tuple(selector.strip() for selector in selectors if selector.strip())
    for selector in checked:
        if not any(_specificity(selector, known) for known in catalogue()):
            raise UserError(
                f"{origin}: {selector!r} is no rule's code, name or prefix of a code; {suggest_rule(selector)}"
            )
    return checked


def choose(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that are on: no `select` means all; of two selectors the longer wins, of equal ones `ignore`.

    A pedantic rule is on only where its whole code or its name is selected.
    """
    select, ignore = tuple(select) or ("PER",), tuple(ignore)

    def longest(selectors: tuple[str, ...], known: Rule) -> int:
        return max((_specificity(selector, known) for selector in selectors), default=0)

    return tuple(
        known
        for known in catalogue()
        if longest(select, known) > longest(ignore, known)
        and (not known.pedantic or longest(select, known) == len(known.code))
    )


def says_most(selectors: Iterable[str], code: str) -> str | None:
    """The selector that says most about the rule of this code, the last of equal ones; None where none means it."""
    known = find_rule(code)
    ranked = [(_specificity(selector, known), selector) for selector in selectors] if known else []
    best = max((rank for rank, _ in ranked), default=0)
    return [selector for rank, selector in ranked if rank == best][-1] if best else None


def _specificity(selector: str, known: Rule) -> int:
    """How many characters of the code the selector settles: all of them for a name, 0 where it means other rules."""
    if selector.lower() == known.name:
        return len(known.code)
    return len(selector) if known.code.startswith(selector.upper()) else 0
