"""Scalars of TensorBoard's event files, read without TensorBoard.

A file is a row of records: length (8 bytes), its checksum (4), a protocol-buffer message `Event`, its checksum (4).
What a run that was killed has left unfinished at the end is ignored.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Numbers of fields in tensorflow/core/util/event.proto, framework/summary.proto and framework/tensor.proto.
_STEP, _SUMMARY = 2, 5
_VALUE = 1
_TAG, _SIMPLE, _TENSOR = 1, 2, 8
_DTYPE, _CONTENT, _FLOATS, _DOUBLES = 1, 4, 5, 6
_FLOAT, _DOUBLE = 1, 2


class Scalar(NamedTuple):
    """One value of one tag."""

    tag: str
    step: int
    value: float


def scalars(path: Path) -> Iterator[Scalar]:
    """Every scalar of an event file, in the order written. Raises OSError, and ValueError for another kind of file."""
    data = path.read_bytes()
    place = 0
    while place + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, place)
        end = place + 12 + size
        if end + 4 > len(data):
            if place == 0:
                raise ValueError("no record of TensorBoard's")
            return
        yield from _of_event(data[place + 12 : end])
        place = end + 4


def _of_event(message: bytes) -> Iterator[Scalar]:
    step, summaries = 0, []
    for number, value in _fields(message):
        if number == _STEP and isinstance(value, int):
            step = value - 2**64 if value >= 2**63 else value
        elif number == _SUMMARY and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, entry in _fields(summary):
            if number == _VALUE and isinstance(entry, bytes):
                tag, scalar = _of_value(entry)
                if scalar is not None:
                    yield Scalar(tag, step, scalar)


def _of_value(message: bytes) -> tuple[str, float | None]:
    tag, found = "", None
    for number, value in _fields(message):
        if number == _TAG and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif number == _SIMPLE and isinstance(value, bytes) and len(value) == 4:
            found = struct.unpack("<f", value)[0]
        elif number == _TENSOR and isinstance(value, bytes):
            found = _of_tensor(value)
    return tag, found


def _of_tensor(message: bytes) -> float | None:
    """The value of a tensor that holds one float or double, as TensorFlow 2 writes scalars."""
    dtype, raw = 0, b""
    for number, value in _fields(message):
        if number == _DTYPE and isinstance(value, int):
            dtype = value
        elif number in (_CONTENT, _FLOATS, _DOUBLES) and isinstance(value, bytes):
            raw = value
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(dtype)
    if form is None or len(raw) != struct.calcsize(form):
        return None
    return float(struct.unpack(form, raw)[0])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers of variable length as int, all others as bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("no message of TensorBoard's")
        if place + size > len(message):
            raise ValueError("a message that is cut off")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("a number that is cut off")
