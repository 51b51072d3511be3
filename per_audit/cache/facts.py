"""Facts of files by their contents, kept between runs."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

from per_audit.cache.store import digest
from per_audit.runtime import MAX_PICKLED_DEPTH

if TYPE_CHECKING:
    from per_audit.cache.store import Store
    from per_audit.facts.pool import Extracted


class StoredFacts(MutableMapping[tuple[str, bytes], "Extracted"]):
    """What was read of files, by path and contents: in memory, and below it in a store.

    The store holds pickles. It is a directory of the user's own, as the caches of other tools are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, bytes], Extracted] = {}

    def __contains__(self, key: object) -> bool:
        if key in self._known:
            return True
        found = self._load(*key)  # type: ignore[misc]
        if found is None:
            return False
        self._known[key] = found  # type: ignore[index]
        return True

    def __getitem__(self, key: tuple[str, bytes]) -> Extracted:
        if key not in self:
            raise KeyError(key)
        return self._known[key]

    def __setitem__(self, key: tuple[str, bytes], extracted: Extracted) -> None:
        self._known[key] = extracted
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, MAX_PICKLED_DEPTH))
        try:
            self._store.write("facts", _name(*key), pickle.dumps(extracted, pickle.HIGHEST_PROTOCOL))
        except RecursionError:
            pass  # read again next time
        finally:
            sys.setrecursionlimit(limit)

    def __delitem__(self, key: tuple[str, bytes]) -> None:
        del self._known[key]

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _load(self, path: str, data: bytes) -> Extracted | None:
        kept = self._store.read("facts", _name(path, data))
        if kept is None:
            return None
        try:
            found: Extracted = pickle.loads(kept)  # noqa: S301
        except Exception:  # whatever a pickle of another state of the code may raise
            return None
        return found


def _name(path: str, data: bytes) -> str:
    return digest(path.encode("utf-8", "surrogateescape"), data)
