"""Objects as JSON and bytes, without pickle: what `save` does with the objects given to `append`."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = (type(None), bool, int, float, str)


def encode_objects(items: Sequence[Any], types: tuple[type, ...]) -> tuple[Any, bytes]:
    """`items` as a structure for JSON, and the bytes of the arrays in them.

    An array that occurs twice is stored once, and is one array again after `decode_objects`.

    Raises:
        TypeError: a value that is none of these: None, bool, int, float, str, bytes, numpy array or scalar of numbers,
            and tuple, list, dict and namedtuple (of `types`) of them; `types` that are no namedtuple classes.
        ValueError: two `types` of one name.
    """
    encoder = _Encoder(types)
    return [encoder.encode(item) for item in items], b"".join(encoder.chunks)


def decode_objects(encoded: Any, blob: bytes, types: tuple[type, ...]) -> list[Any]:
    """What `encode_objects` was given.

    Raises:
        ValueError: a namedtuple class that is not among `types`, two `types` of one name.
        TypeError: `types` that are no namedtuple classes.
    """
    decoder = _Decoder(blob, types)
    return [decoder.decode(item) for item in encoded]


def _by_name(types: tuple[type, ...]) -> dict[str, type]:
    named: dict[str, type] = {}
    for one in types:
        if not (isinstance(one, type) and issubclass(one, tuple) and hasattr(one, "_fields")):
            raise TypeError(f"types must be namedtuple classes, not {one!r}")
        if named.setdefault(one.__name__, one) is not one:
            raise ValueError(f"two of types have the name {one.__name__}: rename one")
    return named


class _Encoder:
    def __init__(self, types: tuple[type, ...]) -> None:
        self._types = _by_name(types)
        self.chunks: list[bytes] = []
        self._offset = 0
        # The arrays are kept beside what stands for them: an id is only good for as long as its object lives.
        self._known: dict[int, tuple[Any, Any]] = {}

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._encode_array(value)
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode()}
        if self._types.get(kind.__name__) is kind:
            return {"named": kind.__name__, "of": [self.encode(part) for part in value]}
        if kind is tuple or kind is list:
            return {kind.__name__: [self.encode(part) for part in value]}
        if kind is dict:
            return {"dict": [[self.encode(key), self.encode(part)] for key, part in value.items()]}
        remedy = "append() it as a numpy array, or as numbers, strings, bytes, tuples, lists and dicts of them"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            remedy = f"pass types=({kind.__name__},) to save() and load()"
        raise TypeError(f"an object of type {kind.__name__} cannot be saved; {remedy}")

    def _encode_array(self, value: Any) -> Any:
        if value.dtype.kind not in "biufc":
            raise TypeError(f"an array of dtype {value.dtype} cannot be saved; only arrays of numbers can")
        if id(value) not in self._known:
            data = value.tobytes()
            key = "array" if isinstance(value, np.ndarray) else "scalar"
            self._known[id(value)] = value, {key: [self._offset, value.dtype.str, list(value.shape)]}
            self.chunks.append(data)
            self._offset += len(data)
        return self._known[id(value)][1]


class _Decoder:
    def __init__(self, blob: bytes, types: tuple[type, ...]) -> None:
        self._blob = blob
        self._types = _by_name(types)
        self._known: dict[str, Any] = {}

    def decode(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        (kind, content), *_ = value.items()
        if kind in ("array", "scalar"):
            return self._decode_array(kind, content)
        if kind == "bytes":
            return base64.b64decode(content)
        if kind == "dict":
            return {self.decode(key): self.decode(part) for key, part in content}
        if kind == "named":
            if content not in self._types:
                raise ValueError(f"the file holds namedtuples {content}: pass types=({content},) to load()")
            return self._types[content](*map(self.decode, value["of"]))
        parts = [self.decode(part) for part in content]
        return tuple(parts) if kind == "tuple" else parts

    def _decode_array(self, kind: str, content: Any) -> Any:
        key = json.dumps([kind, content])
        if key not in self._known:
            offset, dtype, shape = content
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(self._blob, dtype, count, offset).reshape(shape).copy()
            self._known[key] = array[()] if kind == "scalar" else array
        return self._known[key]
