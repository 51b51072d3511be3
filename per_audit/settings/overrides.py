"""What a project says of single rules: off in some files, or of another severity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.source.filters import Patterns, compile_patterns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from per_audit.findings import Finding, Severity
    from per_audit.settings import Settings


class Overrides:
    """`per-file-ignores` and `severity` of the settings, applied to findings whose paths are relative to `root`."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self._root = root
        self._says_most = settings.catalogue.says_most
        # `!pattern` means all files but those that match, as it does in ruff.
        self._ignores = [
            (Patterns(settings.base, compile_patterns([pattern.removeprefix("!")])), pattern.startswith("!"), rules)
            for pattern, rules in settings.per_file_ignores
        ]
        self._severity = dict(settings.severity)

    def apply(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings whose rules are on in their files, each with the severity that the project gives it."""
        return [replace(finding, severity=self._severity_of(finding)) for finding in findings if not self._off(finding)]

    def _off(self, finding: Finding) -> bool:
        path = (self._root / finding.place.path).as_posix()
        return any(
            self._says_most(rules, finding.rule) is not None and bool(patterns.verdict(path, False)) is not inverted
            for patterns, inverted, rules in self._ignores
        )

    def _severity_of(self, finding: Finding) -> Severity:
        selector = self._says_most(self._severity, finding.rule)
        return finding.severity if selector is None else self._severity[selector]
