"""What must be interpreted again: what has read something that changed since, or was returned something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from per_audit.graph.interpret.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.graph.interpret.values import Value

_Entry = TypeVar("_Entry")


class Run(Generic[_Entry]):
    """What a function returned for some arguments, and all that it depends on.

    `own` was read by the function itself, `reads` also by what it has called; `calls` are these, each by its key: what
    was called, how deep, and what it returned first.
    """

    __slots__ = ("calls", "own", "reads", "result", "since")

    def __init__(self, since: int) -> None:
        self.result = UNKNOWN
        self.own: set[object] = set()
        self.reads: set[object] = set()
        self.calls: dict[object, tuple[_Entry, int, Value]] = {}
        self.since = since


class Reruns(Generic[_Entry]):
    """The clock of changes and the runs that are remembered; `run_again` runs what was called, `depth` calls deep.

    A run holds as long as nothing that it has read itself changes and all that it has called returns the same.
    """

    def __init__(self, run_again: Callable[[_Entry, int], object]) -> None:
        self.clock = 0
        self._run_again = run_again
        self._changed_at: dict[object, int] = {}
        self._changes: list[object] = []  # the key that changed at each tick of the clock
        self._known: dict[object, Run[_Entry]] = {}
        self._open: list[Run[_Entry]] = [Run(0)]
        self._looked_at: set[object] = set()

    def touch(self, key: object) -> None:
        """Remember that a key changed."""
        self.clock += 1
        self._changed_at[key] = self.clock
        self._changes.append(key)

    def note_read(self, key: object) -> None:
        """Remember that what is being run depends on a key."""
        self._open[-1].own.add(key)

    def note_reads(self, keys: Iterable[object]) -> None:
        """Remember that what is being run depends on some keys."""
        self._open[-1].own.update(keys)

    def begin(self) -> None:
        """Something is run from here on."""
        self._open.append(Run(self.clock))

    def end(self, key: object, result: Value, but: Iterable[object] = ()) -> Run[_Entry]:
        """What was begun last has been run; remembered by a key. What it read of `but` does not count."""
        run = self._open.pop()
        run.result = result
        run.own.difference_update(but)
        run.reads.difference_update(but)
        run.reads |= run.own
        self._known[key] = run
        return run

    def abandon(self) -> None:
        """What was begun last was not run to its end."""
        self._open.pop()

    def note_call(self, key: object, entry: _Entry, depth: int, run: Run[_Entry]) -> None:
        """Remember that what is being run depends on what a run returned."""
        caller = self._open[-1]
        caller.reads |= run.reads
        caller.calls.setdefault(key, (entry, depth, run.result))

    def known(self, key: object) -> Run[_Entry] | None:
        """The run under a key, if it holds still; what it has called may be run again to find out."""
        run = self._known.get(key)
        if run is None:
            return None
        if self._unchanged(run.reads, run.since):
            run.since = self.clock
            return run
        if key in self._looked_at or not run.calls or not self._unchanged(run.own, run.since):
            return None
        self._looked_at.add(key)
        self._open.append(Run(self.clock))  # what is read to find out is not read by whoever asks
        try:
            reads = set(run.own)
            for called, (entry, depth, result) in run.calls.items():
                if self.known(called) is None:
                    self._run_again(entry, depth)
                below = self.known(called)
                if below is None or (below.result is not result and below.result != result):
                    return None
                reads |= below.reads
        finally:
            self._looked_at.discard(key)
            self._open.pop()
        if not self._unchanged(run.own, run.since):
            return None
        run.reads = reads
        run.since = self.clock
        return run

    def _unchanged(self, keys: set[object], since: int) -> bool:
        now = self.clock
        if now - since < len(keys):
            return keys.isdisjoint(self._changes[since:now])
        changed = self._changed_at
        for key in keys:  # noqa: SIM110 - asked too often for a generator
            if changed.get(key, 0) > since:
                return False
        return True
