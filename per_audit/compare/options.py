"""What is asked of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.compare.source import Source


@dataclass(frozen=True)
class Options:
    """What to compare. `before` and `after` are folders or git revisions; `command` is run once a seed in both.

    `timeout` is in seconds a run, `jobs` the runs at a time (0: one a core), `horizon` the step up to which curves are
    compared, `keep` the folder of finished runs, which `fresh` ignores.
    `ray` is the address of a cluster to run on; empty for this machine.
    """

    before: str
    after: str
    command: tuple[str, ...]
    source: Source
    seeds: int = 20
    first_seed: int = 0
    lower_is_better: bool = False
    horizon: float | None = None
    timeout: float = 3600.0
    jobs: int = 0
    keep: Path | None = None
    fresh: bool = False
    ray: str = ""
