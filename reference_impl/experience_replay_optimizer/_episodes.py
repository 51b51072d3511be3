"""What stands in front of a buffer and waits for later steps: checked steps of open episodes, nested observations."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._validate import as_finite, to_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


class Step(NamedTuple):
    """One step of an environment, from `as_step`: it shares no memory with what the environment returned.

    Attributes:
        state, next_state: array, or (nested) dict of arrays.
        action: array.
        reward: finite.
        terminated: whether the environment ended the episode, so that nothing is bootstrapped from `next_state`.
        info: the environment's dict, or None.
    """

    state: Any
    action: Any
    reward: float
    next_state: Any
    terminated: bool
    info: Mapping[str, Any] | None


def mapped(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """`function` of the arrays at the same place in nested dicts of one structure, in such a dict."""
    if isinstance(first, dict):
        return {key: mapped(function, first[key], *(other[key] for other in others)) for key in first}
    return function(first, *others)


def stacked(values: Sequence[Any]) -> Any:
    """Arrays or nested dicts of arrays with a new leading axis of len(values)."""
    return mapped(lambda *arrays: np.stack(arrays), *values)


def owned(value: Any, name: str) -> Any:
    """A copy of an array, number, tensor or nested dict of them. TypeError where it is not made of numbers.

    Environments may return the same array at each step, with other numbers in it.
    """
    if isinstance(value, Mapping):
        return {key: owned(part, f"{name}[{key!r}]") for key, part in value.items()}
    return _copy(value, name)


def _copy(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.array(to_numpy(value))
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, not {type(value).__name__} ({array.dtype})")
    return array


def as_flags(value: Any, name: str, length: int) -> NDArray[np.bool_]:
    """Flags as a bool array of shape (length,); ValueError where a value is neither 0 nor 1."""
    numbers = as_finite(value, name, length)
    if not ((numbers == 0.0) | (numbers == 1.0)).all():
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return numbers.astype(np.bool_)


def _flag(value: Any, name: str) -> bool:
    return bool(value) if isinstance(value, (bool, np.bool_)) else bool(as_flags(value, name, 1)[0])


def as_env(env: Any) -> int:
    """The number of an environment, from 0. TypeError where it is no int, ValueError below 0."""
    try:
        number = operator.index(env)
    except TypeError:
        raise TypeError(f"env must be an int, the number of the environment, not {env!r}") from None
    if number < 0:
        raise ValueError(f"env must not be negative: {number}")
    return number


def as_buffer(buffer: Any, front: object) -> Any:
    """`buffer` where it can be written to and drawn from. TypeError where it is another front, or no buffer."""
    if not all(hasattr(buffer, method) for method in ("add", "add_batch", "sample")):
        raise TypeError(
            f"buffer must be a replay buffer such as PrioritizedReplayBuffer(capacity), not {type(buffer).__name__}:"
            f" {type(front).__name__} writes straight into one"
        )
    return buffer


def as_step(
    first: Step | None,
    state: Any,
    action: Any,
    reward: Any,
    next_state: Any,
    terminated: Any,
    truncated: Any,
    info: Any,
) -> tuple[Step, bool]:
    """A checked step, and whether the episode ends with it.

    Args:
        first: the first step of the same episode, whose shapes this one must have; None where this is the first.
        state, action, reward, next_state, terminated, truncated, info: as the environment returned them.

    Raises:
        TypeError: a field that is not made of numbers, or an `info` that is no dict.
        ValueError: a ragged field or another shape, a reward that is not finite, a flag that is none.
    """
    if info is not None and not isinstance(info, Mapping):
        raise TypeError(f"info must be a dict or None, not {type(info).__name__}")
    done, cut = _flag(terminated, "terminated"), _flag(truncated, "truncated")
    gain = float(as_finite(reward, "reward", 1)[0])
    step = Step(owned(state, "state"), _copy(action, "action"), gain, owned(next_state, "next_state"), done, info)
    like = step if first is None else first
    for name, value, model in (
        ("state", step.state, like.state),
        ("next_state", step.next_state, like.state),
        ("action", step.action, like.action),
    ):
        shapes, expected = mapped(np.shape, value), mapped(np.shape, model)
        if shapes != expected:
            raise ValueError(f"{name} has shape {shapes}, and the episode has {expected}")
    return step, done or cut
