"""What was found in files that may influence each other, by their contents, kept between runs."""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Iterator, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.audit.outcome import Outcome
from per_audit.cache.files import verification_record
from per_audit.cache.store import digest

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.cache.store import Store
    from per_audit.settings import Settings


class StoredOutcomes(MutableMapping[str, Outcome]):
    """The outcomes of audits of the files below a root by the same rules, all in one entry of a store.

    Only those that were asked for or set since stay when they are saved: the others are of files as they no longer are.
    """

    def __init__(self, store: Store, root: Path, settings: Settings) -> None:
        self._store = store
        rules = " ".join(rule.code for rule in settings.chosen)
        said = (str(root), rules, settings.catalogue.digest)
        self._name = digest(verification_record(root), *(part.encode("utf-8", "surrogateescape") for part in said))
        self._used: dict[str, bytes] = {}

    def save(self) -> None:
        """Write what was used, if it is not what is written."""
        if self._used != self._kept:
            self._store.write("outcomes", self._name, marshal.dumps(self._used))

    @cached_property
    def _kept(self) -> dict[str, bytes]:
        data = self._store.read("outcomes", self._name)
        loaded: dict[str, bytes] = {} if data is None else marshal.loads(data)
        return loaded

    def __contains__(self, key: object) -> bool:
        return key in self._used or key in self._kept

    def __getitem__(self, key: str) -> Outcome:
        data = self._used[key] if key in self._used else self._kept[key]
        self._used[key] = data
        found: Outcome = pickle.loads(data) if data else Outcome()  # noqa: S301
        return found

    def __setitem__(self, key: str, outcome: Outcome) -> None:
        self._used[key] = b"" if outcome == Outcome() else pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)

    def __delitem__(self, key: str) -> None:
        del self._used[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._used)

    def __len__(self) -> int:
        return len(self._used)
