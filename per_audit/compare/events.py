"""Scalars of TensorBoard's event files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Scalar(NamedTuple):
    """One value of one tag."""

    tag: str
    step: int
    value: float


def scalars(path: Path) -> Iterator[Scalar]:
    """Every scalar of an event file, in the order written; an unfinished record at its end is ignored.

    Raises OSError, ValueError for another kind of file, and UserError where TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError as error:
        raise UserError(
            f"{path.name}: TensorBoard's files are read by the package tensorboard, which is not installed; run: "
            "pip install 'per-audit[tensorboard]'"
        ) from error
    events = 0
    for events, event in enumerate(EventFileLoader(str(path)).Load(), 1):  # noqa: B007 - counted
        for value in event.summary.value:
            array = make_ndarray(value.tensor)
            if array.size == 1 and array.dtype.kind == "f":
                yield Scalar(value.tag, event.step, float(array.reshape(())))
    if not events and path.stat().st_size:
        raise ValueError("no record of TensorBoard's")
