"""Storage of any objects: what was appended is what is drawn."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray


class ObjectStorage:
    """Keeps references to the very objects, one a slot; an object that is overwritten is let go at once.

    Args:
        items: the first objects, from slot 0 on.
    """

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self.items: list[Any] = list(items)

    def write(self, slot: int, item: Any) -> None:
        """Store `item`; slots are first filled in ascending order."""
        if slot == len(self.items):
            self.items.append(item)
        else:
            self.items[slot] = item

    def row(self, slot: int) -> Any:
        """The object in `slot`."""
        return self.items[slot]

    def gather(self, slots: NDArray[np.int64]) -> list[Any]:
        """The objects in `slots`, in that order, in a new list."""
        return [self.items[slot] for slot in slots.tolist()]


def _named(name: str, item: Any) -> Any:
    return item[name] if isinstance(item, Mapping) else getattr(item, name)


def reward_getter(reward: Any) -> Callable[[Any], Any] | None:
    """A function from an object to its reward.

    Args:
        reward: the name of an attribute or of a key, a position, a callable, or None where objects have no reward.

    Raises:
        TypeError: none of these.
    """
    if reward is None or callable(reward):
        getter: Callable[[Any], Any] | None = reward
        return getter
    if isinstance(reward, str):
        return functools.partial(_named, reward)
    if isinstance(reward, int) and not isinstance(reward, bool):
        return operator.itemgetter(reward)
    raise TypeError(f"reward must be a field name, a position or a callable, not {reward!r}")
