"""The fields of a transition in one canonical form: numeric arrays, one for each leaf of a nested observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import to_numpy

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Name = tuple[str, ...]

FIELDS = ("state", "action", "reward", "next_state", "done")


def as_fields(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The five fields of a transition as numeric arrays, dicts of them where an observation is a dict.

    The reward is a finite float64 scalar, done a scalar.

    Raises:
        TypeError: a field that is not made of numbers.
        ValueError: a ragged field, a reward that is not finite, a done that is not a flag.
    """
    fields = [_numeric(name, value) for name, value in zip(FIELDS, values)]  # noqa: B905
    for at in (2, 4):
        if fields[at].size != 1:
            raise ValueError(f"{FIELDS[at]} must be one number, not an array of shape {fields[at].shape}")
        fields[at] = fields[at].reshape(())
    _check_numbers(fields, values)
    return tuple(fields)


def as_rows(columns: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Five columns of `count` transitions as numeric arrays; rewards (count,) float64 and finite, dones (count,).

    Raises:
        TypeError, ValueError: as `as_fields`, and a column of another length.
    """
    fields = [_numeric(name, value) for name, value in zip(FIELDS, columns)]  # noqa: B905
    for at in (2, 4):
        if fields[at].shape not in ((count,), (count, 1)):
            raise ValueError(f"{FIELDS[at]} must have shape ({count},), not {fields[at].shape}")
        fields[at] = fields[at].reshape(count)
    _check_numbers(fields, columns)
    return tuple(fields)


def _check_numbers(fields: list[Any], values: tuple[Any, ...]) -> None:
    fields[2] = fields[2].astype(np.float64)
    if not np.isfinite(fields[2]).all():
        raise ValueError(f"reward must be finite, not {values[2]!r}")
    if fields[4].dtype != np.bool_ and not ((fields[4] == 0) | (fields[4] == 1)).all():
        raise ValueError(f"done must be a flag, not {values[4]!r}")


def _numeric(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if name in ("action", "reward", "done"):
            raise TypeError(f"{name} must be numbers, not a dict")
        if not value:
            raise ValueError(f"{name} is an empty dict")
        return {_key(name, key): _numeric(f"{name}[{key!r}]", part) for key, part in value.items()}
    try:
        array = to_numpy(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be numbers, not {type(value).__name__} ({array.dtype}); append() keeps any object"
        )
    return array


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{name} has the key {key!r}, and keys must be strings")
    return key


def flatten(fields: tuple[Any, ...], extras: Mapping[str, Any], rows: int | None = None) -> dict[Name, NDArray[Any]]:
    """All leaves by their paths: ("state",) or ("state", "position"), and ("extras", name).

    Args:
        fields: from `as_fields` or `as_rows`.
        extras: further columns by name, not yet in numeric form.
        rows: the length that every leaf must have; None for a single transition.

    Raises:
        TypeError, ValueError: an extra value that is not made of numbers, or a leaf of another length.
    """
    leaves: dict[Name, NDArray[Any]] = {}
    for name, field in zip(FIELDS, fields):  # noqa: B905
        _flatten_into(leaves, (name,), field)
    for name, value in extras.items():
        _flatten_into(leaves, ("extras", name), _numeric(name, value))
    if rows is not None:
        for path, leaf in leaves.items():
            if leaf.shape[:1] != (rows,):
                raise ValueError(f"{'/'.join(path)} must have {rows} rows, not the shape {leaf.shape}")
    return leaves


def _flatten_into(leaves: dict[Name, NDArray[Any]], path: Name, value: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _flatten_into(leaves, (*path, key), part)
    else:
        leaves[path] = value


def unflatten(leaves: dict[Name, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The five fields and the extra columns, from what `flatten` returned."""
    nested: dict[str, Any] = {"extras": {}}
    for path, leaf in leaves.items():
        at = nested
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = leaf
    return tuple(nested[name] for name in FIELDS), nested["extras"]


def holds(values: NDArray[Any], dtype: DTypeLike) -> bool:
    """Whether `dtype` can hold `values`: integers and flags exactly, floats up to rounding (no overflow, no 0)."""
    target = np.dtype(dtype)
    kind, goal = values.dtype.kind, target.kind
    if values.size == 0 or values.dtype == target or kind == "b":
        return True
    if goal == "b":
        return bool(((values == 0) | (values == 1)).all())
    if goal == "f" and kind == "f":
        with np.errstate(all="ignore"):
            cast = values.astype(target)
        return bool(((np.isfinite(cast) | ~np.isfinite(values)) & ((cast != 0) | (values == 0))).all())
    if goal == "f":
        largest = 2 ** (int(np.finfo(target).nmant) + 1)
        return bool(int(values.min()) >= -largest and int(values.max()) <= largest)
    limits: Any = np.iinfo(target)
    if kind == "f":
        values = values.astype(np.float64)
        # max + 1 is a power of two, exact as a float where max itself is not.
        return bool(((values == np.trunc(values)) & (values >= limits.min) & (values < limits.max + 1.0)).all())
    return bool(int(values.min()) >= limits.min and int(values.max()) <= limits.max)
