"""Storage in preallocated torch tensors on a device: one tensor for each field of a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .batch import Batch
from .fields import FIELDS, unflatten

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Name = tuple[str, ...]

_REWARD: Name = ("reward",)
_DONE: Name = ("done",)
_FIXED = {_REWARD: torch.float32, _DONE: torch.bool}
# torch can store the wider unsigned integers (since 2.3), and can do next to nothing with them.
_WIDER = (("uint16", torch.int32), ("uint32", torch.int64), ("uint64", torch.int64))
_SIGNED = {getattr(torch, name): dtype for name, dtype in _WIDER if hasattr(torch, name)}


class TensorStorage:
    """One tensor of `capacity` rows for each field; shapes and dtypes from the first transition.

    Rewards are float32 and flags bool. A value that its column cannot hold widens the column (a state column opened by
    ints becomes float64 with the first 0.5) or is refused; it is never truncated. Observations that are dicts, nested
    ones too, have a column for each of their arrays. Extra columns are those that the first transition has. Columns of
    uint16 and uint32 are kept as int32 and int64, uint64 as int64 where the values fit.

    Whether a value fits is asked of its dtype first: tensors on CUDA in the dtype of their column are not looked at.

    Args:
        device: where the columns and what `gather` returns live: "cpu", "cuda", "cuda:1".

    Raises:
        RuntimeError: a device that torch does not have.
    """

    linked = False

    def __init__(self, device: Any = "cpu") -> None:
        self.device = torch.empty(0, device=device).device
        self._capacity = 0
        self._columns: dict[Name, Tensor] = {}
        self._filled = 0

    def open(self, capacity: int, kept: int = 0) -> None:
        """Called once, by the buffer: the number of slots."""
        del kept  # only linked storages keep protected rows apart
        if self._capacity:
            raise ValueError("this storage belongs to another buffer already; make one for each")
        self._capacity = capacity

    def write(self, slot: int, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> float:
        """Store one transition.

        Args:
            slot: slots are first filled in ascending order.
            transition: (state, action, reward, next_state, done): numbers, arrays, tensors, dicts of them where
                observations are.
            extras: values of the extra columns, by name.

        Returns:
            The reward.

        Raises:
            TypeError: a field that is not made of numbers.
            ValueError: another shape than the column's, a reward that is not finite, a flag that is none, other extra
                columns than those of the first transition, or no dtype that holds old and new values. Nothing has
                changed then.
        """
        leaves = {path: value[None] for path, value in _leaves(transition, extras).items()}
        return float(self._write(slice(slot, slot + 1), 1, leaves, check=True))

    def write_batch(
        self, slots: NDArray[np.int64], columns: tuple[Any, ...], extras: Mapping[str, Any], run: bool = False
    ) -> NDArray[np.float64]:
        """Store n transitions: five columns of n rows, and n rows of each extra column.

        Args:
            slots: no two of them the same; slots are first filled in ascending order.
            columns, extras: as in `write`, with a leading axis of n rows.
            run: whether each slot is the one before plus 1.

        Returns:
            The rewards, shape (n,).

        Raises:
            TypeError, ValueError: as `write`, and columns of another length. Nothing has changed then.
        """
        at = slice(int(slots[0]), int(slots[-1]) + 1) if run else torch.from_numpy(slots).to(self.device)
        rewards: NDArray[np.float64] = self.put(at, slots.size, columns, extras).cpu().numpy().astype(np.float64)
        return rewards

    def put(
        self,
        at: Tensor | slice,
        count: int,
        columns: tuple[Any, ...],
        extras: Mapping[str, Any],
        *,
        check: bool = True,
    ) -> Tensor:
        """`write_batch` for `count` slots that are a slice or a tensor on the device.

        Args:
            check: whether rewards are checked to be finite, which waits for CUDA where they are there.

        Returns:
            The rewards as they were given, a tensor of shape (count,).
        """
        return self._write(at, count, _leaves(columns, extras), check)

    def gather(self, slots: NDArray[np.int64]) -> Batch:
        """The transitions in `slots`, in that order: a `Batch` of tensors on the device, copied."""
        return self.take(torch.from_numpy(slots).to(self.device))

    def take(self, slots: Tensor) -> Batch:
        """`gather` for slots on the device."""
        fields, extras = unflatten({path: column.index_select(0, slots) for path, column in self._columns.items()})
        states, actions, rewards, next_states, dones = fields
        return Batch(states, actions, rewards, next_states, dones, extras)

    def row(self, slot: int) -> tuple[Any, ...]:
        """The transition in `slot`, a 5-tuple of numbers and tensors that share no memory with the storage."""
        row: tuple[Any, ...] = self.take(torch.tensor([slot], device=self.device))[0]
        return row

    def clear(self) -> None:
        """Forget all transitions; the next one decides anew what is stored."""
        self._columns = {}
        self._filled = 0

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The rows that were written, by column, on the CPU."""
        names = [list(path) for path in self._columns]
        dtypes = [str(column.dtype).split(".")[1] for column in self._columns.values()]
        rows = [column[: self._filled].cpu() for column in self._columns.values()]
        # numpy has no bfloat16.
        arrays = [(part.view(torch.int16) if part.dtype == torch.bfloat16 else part).numpy() for part in rows]
        meta = {"names": names, "dtypes": dtypes, "filled": self._filled}
        return meta, {str(at): array for at, array in enumerate(arrays)}

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` of a storage of the same capacity returned; its device may have been another."""
        columns = {}
        for at, (name, dtype) in enumerate(zip(meta["names"], meta["dtypes"])):  # noqa: B905
            rows = torch.tensor(arrays[str(at)]).view(getattr(torch, dtype))
            columns[tuple(name)] = self._make(tuple(rows.shape[1:]), rows.dtype)
            columns[tuple(name)][: meta["filled"]] = rows.to(self.device)
        self._columns, self._filled = columns, meta["filled"]

    def _write(self, at: Tensor | slice, count: int, leaves: dict[Name, Tensor], check: bool) -> Tensor:
        if self._columns and leaves.keys() != self._columns.keys():
            given, stored = (sorted("/".join(path) for path in paths) for paths in (leaves, self._columns))
            raise ValueError(f"the columns are those of the first transition, {stored}, not {given}")
        for path in (_REWARD, _DONE):
            leaves[path] = _numbers(path[0], leaves[path], count)
        if not leaves[_REWARD].is_floating_point():
            leaves[_REWARD] = leaves[_REWARD].double()
        rewards = leaves[_REWARD]
        if check and rewards.is_floating_point() and not rewards.isfinite().all():
            raise ValueError(f"reward must be finite, not {rewards[~rewards.isfinite()][:3].tolist()}")
        if not _holds(leaves[_DONE], torch.bool):
            raise ValueError(f"done must be a flag, not {leaves[_DONE].tolist()}")
        dtypes = {path: self._dtype(path, value, count) for path, value in leaves.items()}
        columns = {}
        for path, dtype in dtypes.items():
            column = self._columns.get(path)
            columns[path] = self._make(tuple(leaves[path].shape[1:]), dtype) if column is None else column.to(dtype)
        self._columns = columns
        for path, value in leaves.items():
            columns[path][at] = value.to(self.device, dtypes[path])
        # Slots are first filled in ascending order: no row behind this one has been written.
        self._filled = min(self._filled + count, self._capacity)
        return rewards

    def _dtype(self, path: Name, value: Tensor, count: int) -> torch.dtype:
        """The dtype that the column must have for `value`. Nothing changes."""
        name = "/".join(path)
        if value.shape[:1] != (count,):
            raise ValueError(f"{name} must have {count} rows, not the shape {tuple(value.shape)}")
        column = self._columns.get(path)
        if column is None:
            dtype = _FIXED.get(path, value.dtype)
            return dtype if _holds(value, dtype) else value.dtype
        if value.shape[1:] != column.shape[1:]:
            shapes = f"{tuple(value.shape[1:])}, and the buffer holds {tuple(column.shape[1:])}"
            raise ValueError(f"{name} has shape {shapes}")
        stored = column[: self._filled]
        for dtype in (column.dtype, torch.promote_types(column.dtype, value.dtype), torch.float64):
            if _holds(value, dtype) and _holds(stored, dtype):
                return dtype
        shown = value.reshape(-1)[:6].tolist()
        raise ValueError(f"{name}: no dtype holds both {shown} ({value.dtype}) and the stored {column.dtype}")

    def _make(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.zeros((self._capacity, *shape), dtype=dtype, device=self.device)


def _leaves(fields: tuple[Any, ...], extras: Mapping[str, Any]) -> dict[Name, Tensor]:
    """All leaves as tensors, by the paths that `fields.flatten` gives them."""
    leaves: dict[Name, Tensor] = {}
    for name, value in zip(FIELDS, fields):  # noqa: B905
        _collect(leaves, (name,), value)
    for name, value in extras.items():
        _collect(leaves, ("extras", name), value)
    return leaves


def _collect(leaves: dict[Name, Tensor], path: Name, value: Any) -> None:
    name = "/".join(path)
    if not isinstance(value, Mapping):
        leaves[path] = _as_tensor(value, name)
        return
    if name in ("action", "reward", "done"):
        raise TypeError(f"{name} must be numbers, not a dict")
    if not value:
        raise ValueError(f"{name} is an empty dict")
    for key, part in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} has the key {key!r}, and keys must be strings")
        _collect(leaves, (*path, key), part)


def _as_tensor(value: Any, name: str) -> Tensor:
    """Numbers as a tensor of a dtype that torch can work with; tensors stay on their device, detached."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.is_complex() or tensor.is_quantized:
            raise TypeError(f"{name} must be real numbers, not {tensor.dtype}")
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} must be numbers, not {type(value).__name__} ({array.dtype})")
        # Not all that numpy stores can be shared with torch: read-only memory, other byte orders, negative strides.
        tensor = torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
    signed = _SIGNED.get(tensor.dtype)
    if signed is None:
        return tensor
    if tensor.dtype == torch.uint64 and (tensor.view(torch.int64) < 0).any():
        raise ValueError(f"{name} has values beyond int64, which is as far as these columns go")
    return tensor.to(signed)


def _numbers(name: str, value: Tensor, count: int) -> Tensor:
    if value.numel() != count or value.shape[:1] != (count,):
        raise ValueError(f"{name} must be one number a transition, not of shape {tuple(value.shape)} for {count}")
    return value.reshape(count)


def _holds(values: Tensor, dtype: torch.dtype) -> bool:
    """Whether `dtype` can hold `values`: integers and flags exactly, floats up to rounding (no overflow, no 0)."""
    source = values.dtype
    if source == torch.bool or values.numel() == 0:
        return True
    if source.is_floating_point == dtype.is_floating_point and torch.promote_types(source, dtype) == dtype:
        return True
    if dtype == torch.bool:
        return bool(((values == 0) | (values == 1)).all())
    if not source.is_floating_point:
        low, high = (int(end) for end in torch.aminmax(values))
        # All integers up to 2 / eps are floats.
        limit = int(2 / torch.finfo(dtype).eps) if dtype.is_floating_point else torch.iinfo(dtype).max
        return (-limit if dtype.is_floating_point else torch.iinfo(dtype).min) <= low and high <= limit
    if dtype.is_floating_point:
        cast = values.to(dtype)
        return bool(((cast.isfinite() | ~values.isfinite()) & ((cast != 0) | (values == 0))).all())
    limits, exact = torch.iinfo(dtype), values.double()
    # max + 1 is a power of two, exact as a float where max itself is not.
    return bool(((exact == exact.trunc()) & (exact >= limits.min) & (exact < limits.max + 1.0)).all())
