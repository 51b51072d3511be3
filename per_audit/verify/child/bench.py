"""What probes work with: buffers of the target, filled and drawn from, with everything seeded."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from per_audit.verify.check import NotProvided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Tds = dict[int, float]
_SETTLE_DRAWS = 1500


class Bench:
    """Makes adapters of the target and measures with them.

    `make_adapter(settings)` builds one; `facts` are what is known about the target (`session.Session.facts`); `cls` is
    the target itself.
    """

    def __init__(
        self, make_adapter: Callable[[dict[str, Any]], Any], facts: dict[str, Any], seed: int, cls: type
    ) -> None:
        self._make, self.facts, self.seed, self.cls = make_adapter, facts, seed, cls
        seed_everything(seed)

    def make(self, capacity: int, batch: int = 8, seed: int | None = None, **settings: Any) -> Any:
        """An empty buffer. `batch` matters where the class fixes it; None among `settings` keeps the default."""
        return self._make(
            {"capacity": capacity, "batch": batch, "seed": self.seed if seed is None else seed, **settings}
        )

    def room(self, capacity: int) -> int:
        """The capacity that the class gets where one of `capacity` is asked for."""
        return 1 << (capacity - 1).bit_length() if self.facts.get("powers_of_two") else capacity

    def filled(self, capacity: int, count: int | None = None, batch: int = 8, **settings: Any) -> Any:
        """A buffer that holds the ids 0 .. count - 1, all with reward 0 and not done."""
        adapter = self.make(capacity, batch, **settings)
        for tid in range(capacity if count is None else count):
            adapter.add(tid, 0.0, 1.0, False)
        return adapter

    def need_update(self) -> None:
        """Raise NotProvided where priorities cannot be updated."""
        if not self.facts["updates"]:
            undriven = self.facts.get("undriven")
            if undriven:
                raise NotProvided(f"{undriven}() could not be called with what a draw returns; an adapter file can")
            raise NotProvided("the class has no method that updates priorities")

    def settle(self, adapter: Any, td: Tds, batch: int = 8) -> set[int]:
        """Draw and update until every id of `td` was updated at least once; returns the ids that never came up."""
        missing = set(td)
        floor = min(td.values())
        for _ in range(_SETTLE_DRAWS):
            ids, handles, _ = adapter.draw(batch)
            adapter.update(handles, np.array([td.get(int(tid), floor) for tid in ids]))
            missing.difference_update(ids.tolist())
            if not missing:
                break
        return missing

    def count(self, adapter: Any, draws: int, cells: int, batch: int = 8) -> npt.NDArray[np.int64]:
        """How often each id 0 .. cells - 1 came up in at least `draws` rows; the last cell counts everything else."""
        counts = np.zeros(cells + 1, dtype=np.int64)
        total = 0
        while total < draws:
            ids, _, _ = adapter.draw(batch)
            if not len(ids):
                raise ValueError("the buffer returned an empty batch")
            inside = np.where((ids >= 0) & (ids < cells), ids, cells)
            counts += np.bincount(inside, minlength=cells + 1)
            total += len(ids)
        return counts

    def singles(self, adapter: Any, draws: int, td: Tds) -> npt.NDArray[np.int64] | None:
        """How often each id of `td` came up in draws of one row, where no batch of 20 holds an item twice.

        None where batches do, as those of independent or stratified draws. Batches without replacement flatten the
        shares; single rows do not. A class that fixes its batch size is made anew with one of 1.
        """
        if any(len(set(ids.tolist())) < len(ids) for ids in (adapter.draw(20)[0] for _ in range(400))):
            return None
        if len(adapter.draw(1)[0]) != 1:
            adapter = self.filled(len(td), batch=1)
            if self.facts["updates"]:
                self.settle(adapter, td, 1)
        return self.count(adapter, draws, len(td), 1)[:-1]


def log_grid(count: int, low: float = 0.1, high: float = 0.9) -> npt.NDArray[np.float64]:
    """`count` TD errors from `low` to `high`, evenly spaced in the logarithm, in a scrambled but fixed order."""
    grid = np.geomspace(low, high, count)
    return grid[np.random.default_rng(20).permutation(count)]


def as_tds(values: Iterable[float], first: int = 0) -> Tds:
    """TD errors by id, from `first` on."""
    return {first + index: float(value) for index, value in enumerate(values)}


def seed_everything(seed: int) -> None:
    """Seed the global generators of random, numpy and, where the target imported it, torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
