"""Rules about the audit itself: files that cannot be read as Python, and suppression comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.findings import Finding, Severity
from per_audit.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayGraph


class _Housekeeping(Rule):
    """A rule that the audit applies by itself, so that there is nothing to ask of the graph."""

    def check(self, graph: ReplayGraph) -> Iterable[Finding]:  # noqa: ARG002
        """Nothing: the audit reports these by itself."""
        return ()


class UnparsableFile(_Housekeeping):
    """A file, or a cell of a notebook, could not be audited because it is not Python 3.

    ## What it does
    Lists every file that was left out because it does not parse: Python 2, binary content, an unknown encoding, a
    notebook that is no JSON, or nesting deeper than the parser can take. A notebook loses only the cells that do not
    parse; these are listed as `unparsable-cell`. A file that only its mixed tabs and spaces keep from being Python 3
    is read as Python 2 read it, with tabs of eight columns, and listed as `uneven-tabs`; nothing in it is rewritten.
    Code blocks in Markdown that do not parse are left out without a word, for documentation is full of fragments.
    This is a notice, never a finding, and does not change the exit code.

    ## Why is this bad
    What stands in the file was not looked at. A buffer, a training loop or a loss in it is missing from the picture,
    and findings that need it stay silent.

    ## Known problems
    Files in the syntax of a newer Python than the one that runs the audit may be listed too: run the audit with the
    interpreter that the project uses.

    ## Use instead
    Convert the file to Python 3, or leave it out with `extend-exclude` in `[tool.per-audit]`.

    ## Fix safety
    There is no automatic fix.
    """

    code = "PER900"
    name = "unparsable-file"
    severity = Severity.INFO


class UnusedSuppression(_Housekeeping):
    """A suppression comment suppresses nothing.

    ## What it does
    Reports `# per-audit: ignore[...]` comments that name a rule which has no finding there. Rules that are not
    selected are not asked, so a run with `--select` reports no comment wrongly.

    ## Why is this bad
    The defect was repaired or moved and the comment stayed. It will hide the next defect of that kind on its line.

    ## Example
    ```python
    batch = prioritised.sample(64)  # per-audit: ignore[PER001] the baseline draws uniformly
    ```

    ## Use instead
    ```python
    batch = prioritised.sample(64)
    ```

    ## Fix safety
    Delete the comment by hand; it may hold words that are still of use.
    """

    code = "PER910"
    name = "unused-suppression"
    severity = Severity.WARNING


class SuppressionWithoutReason(_Housekeeping):
    """A suppression comment gives no reason.

    ## What it does
    Reports `# per-audit: ignore[...]` comments without words after the bracket. The suppression itself still holds.

    ## Why is this bad
    A defect of experience replay rarely crashes; it makes learning slower or wrong. The next reader cannot tell
    a considered exception from a finding that somebody wanted out of the way.

    ## Example
    ```python
    batch = random.sample(memory, 64)  # per-audit: ignore[PER001]
    ```

    ## Use instead
    ```python
    batch = random.sample(memory, 64)  # per-audit: ignore[PER001] the control arm of the comparison
    ```

    ## Fix safety
    There is no automatic fix: only a person knows the reason.
    """

    code = "PER911"
    name = "suppression-without-reason"
    severity = Severity.WARNING


UNPARSABLE_FILE = UnparsableFile()
UNUSED_SUPPRESSION = UnusedSuppression()
SUPPRESSION_WITHOUT_REASON = SuppressionWithoutReason()
RULES: tuple[Rule, ...] = (UNPARSABLE_FILE, UNUSED_SUPPRESSION, SUPPRESSION_WITHOUT_REASON)
