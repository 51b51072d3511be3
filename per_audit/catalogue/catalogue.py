"""The rules by code, name and prefix: what `select`, `ignore`, suppressions and `explain` go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit import rule
from per_audit.catalogue import housekeeping
from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from per_audit.rule import Rule


_GROUPS = {
    "PER0": "absolute",
    "PER1": "importance-sampling weights",
    "PER2": "priorities",
    "PER3": "sampler",
    "PER4": "cost and memory",
    "PER5": "transitions",
    "PER6": "pedantic",
    "PER9": "housekeeping",
}


def group_of(code: str) -> str:
    """What the rules of this range of codes are about; "project" for rules that are not of per-audit."""
    return _GROUPS.get(code[:4], "project")


def docs_page(code: str) -> str | None:
    """The page of a bundled rule in the repository, None for a rule that is not of per-audit."""
    return f"docs/rules/{code}.md" if code[:4] in _GROUPS else None


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing where no known word comes close."""
    import difflib  # only who has mistyped waits for it

    close = difflib.get_close_matches(text, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The bundled rules, those about the audit itself, and `own`: the rules that a user adds.

    `digest` names the state of the source of `own`, `sources` are the files and folders that it was read from.
    """

    own: tuple[Rule, ...] = ()
    digest: str = ""
    sources: tuple[Path, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule in order of its code."""
        return tuple(sorted((*rule.all_rules(), *housekeeping.RULES, *self.own), key=lambda known: known.code))

    def find(self, text: str) -> Rule | None:
        """The rule with this code or name, in either case of letters."""
        return next((known for known in self.rules if text.upper() == known.code or text.lower() == known.name), None)

    def named(self, text: str) -> Rule:
        """The rule with this code or name; raises UserError where there is none."""
        found = self.find(text)
        if found is None:
            raise UserError(f"unknown rule {text!r}; {self.suggest(text)}")
        return found

    def suggest(self, text: str) -> str:
        """What to do about a rule that does not exist."""
        return did_you_mean(text.lower(), [known.name for known in self.rules]) or "`per-audit rules` lists them"

    def check_selectors(self, selectors: Iterable[str], origin: str) -> tuple[str, ...]:
        """The selectors, trimmed; raises UserError for one that is no code, name or prefix of a code."""
        checked = tuple(selector.strip() for selector in selectors if selector.strip())
        rules = self.rules if checked else ()
        for selector in checked:
            if not any(_specificity(selector, known) for known in rules):
                raise UserError(
                    f"{origin}: {selector!r} is no rule's code, name or prefix of a code; {self.suggest(selector)}"
                )
        return checked

    def choose(self, select: Iterable[str], ignore: Iterable[str], pedantic: bool = False) -> tuple[Rule, ...]:
        """The rules that are on: no `select` means all; of two selectors the longer wins, of equal ones `ignore`.

        Without `pedantic` a pedantic rule is on only where its whole code or its name is selected.
        """
        select, ignore = tuple(select), tuple(ignore)

        def is_on(known: Rule) -> bool:
            selected, ignored = _longest(select, known), _longest(ignore, known)
            if known.pedantic and not pedantic and selected < len(known.code):
                return False
            return selected > ignored if select else not ignored

        return tuple(known for known in self.rules if is_on(known))

    def says_most(self, selectors: Iterable[str], code: str) -> str | None:
        """The selector that says most about the rule of this code, the last of equal ones; None where none means it."""
        known = self.find(code)
        ranked = [(_specificity(selector, known), selector) for selector in selectors] if known else []
        best = max((rank for rank, _ in ranked), default=0)
        return [selector for rank, selector in ranked if rank == best][-1] if best else None


def catalogue() -> tuple[Rule, ...]:
    """Every rule of per-audit in order of its code: the bundled ones, and those about the audit itself."""
    return Catalogue().rules


def _longest(selectors: tuple[str, ...], known: Rule) -> int:
    return max((_specificity(selector, known) for selector in selectors), default=0)


def _specificity(selector: str, known: Rule) -> int:
    """How many characters of the code the selector settles: all of them for a name, 0 where it means other rules."""
    if selector.lower() == known.name:
        return len(known.code)
    return len(selector) if known.code.startswith(selector.upper()) else 0
