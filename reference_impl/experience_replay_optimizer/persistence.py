"""Saving a buffer to one file and loading it again: no pickle, atomic, versioned, exact.

The file is a zip archive: `meta.json`, one `.npy` for each array, and, for objects, their bytes. Loading runs no code
from the file. It is written beside its destination, as `.<random>.saving`, and takes its place only when it is
complete; a process that is killed while saving leaves that file behind, and the old one as it was.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from .storage.encoding import decode_objects, encode_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

FORMAT = "experience-replay"
VERSION = 1
# What is raised where a file is not what it says it is.
_MISFITS = (AttributeError, LookupError, OverflowError, TypeError, ValueError)


def save(buffer: Any, path: str | os.PathLike[str], types: Iterable[type]) -> None:
    """Write `buffer` to `path`; see `ReplayBuffer.save`."""
    state, arrays = _state(buffer)
    meta = {"format": FORMAT, "version": VERSION, **_identity(buffer), **state}
    blob = b""
    if buffer.objects is not None:
        meta["objects"], blob = encode_objects(buffer.objects, tuple(types))
    # What a link leads to is replaced, not the link.
    target = os.path.realpath(path)
    # In the same directory, or it could not take the other's place in one step; made as any other file of the user's.
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.saving")  # noqa: PTH118, PTH120
    file = open(temporary, "xb")  # noqa: PTH123, SIM115
    try:
        with file:
            _write(file, meta, arrays, blob)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):  # noqa: PTH110
            shutil.copymode(target, temporary)
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise


def load(buffer: Any, path: str | os.PathLike[str], types: Iterable[type]) -> None:
    """Read `path` into `buffer`; see `ReplayBuffer.load`."""
    name = os.fspath(path)
    meta, arrays, blob = _read(name)
    for key, mine in _identity(buffer).items():
        if key == "storage" and "objects" in meta:
            continue
        if meta.get(key) != mine:
            raise ValueError(f"{name} was saved with {key}={meta.get(key)!r}, and this buffer has {mine!r}")
    before = _snapshot(buffer)
    try:
        objects = decode_objects(meta["objects"], blob, tuple(types)) if "objects" in meta else None
        _restore(buffer, meta, arrays, objects)
    except BaseException as error:
        _undo(buffer, *before)
        if isinstance(error, _MISFITS):
            raise ValueError(f"{name} does not fit this buffer, or it is damaged: {error}") from error
        raise


def _state(buffer: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """All but the objects: metadata that JSON can hold, and arrays."""
    sampler, arrays = buffer.sampler.state()
    storage, columns = buffer.storage.state()
    meta = {"state": buffer.state(), "sampler_state": sampler, "storage_state": storage}
    named = {f"sampler/{name}": array for name, array in arrays.items()}
    named.update({f"storage/{name}": array for name, array in columns.items()})
    return meta, {"handles": buffer.handles, **named}


def _restore(buffer: Any, meta: dict[str, Any], arrays: dict[str, NDArray[Any]], objects: list[Any] | None) -> None:
    if objects is None:
        buffer.storage.restore(meta["storage_state"], _under("storage/", arrays))
    else:
        buffer.storage.clear()
    buffer.sampler.restore(meta["sampler_state"], _under("sampler/", arrays))
    buffer.restore(meta["state"], arrays["handles"], objects)


def _snapshot(buffer: Any) -> tuple[Any, ...]:
    """What `_undo` takes to bring the buffer back to where it is."""
    meta, arrays = _state(buffer)
    # Storages make new arrays when they restore, so theirs need no copy; the others are written over.
    arrays = {name: array if name.startswith("storage/") else array.copy() for name, array in arrays.items()}
    return json.loads(json.dumps(meta)), arrays, buffer.objects, dict(vars(buffer.sampler))


def _undo(
    buffer: Any,
    meta: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    objects: list[Any] | None,
    attributes: dict[str, Any],
) -> None:
    # A schedule of the caller's has no state, and the generator may be shared: the very objects come back.
    vars(buffer.sampler).update(attributes)
    _restore(buffer, meta, arrays, objects)


def _identity(buffer: Any) -> dict[str, Any]:
    """What must agree between the buffer that was saved and the one that loads it."""
    sampler = buffer.sampler
    return {
        "sampler": type(sampler).__name__,
        "storage": type(buffer.storage).__name__,
        "capacity": buffer.capacity,
        "alpha": sampler.alpha,
        "epsilon": sampler.epsilon,
    }


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _write(file: Any, meta: dict[str, Any], arrays: dict[str, NDArray[Any]], blob: bytes) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr("meta.json", json.dumps(meta))
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
        archive.writestr("objects.bin", blob)


def _read(name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]], bytes]:
    try:
        with zipfile.ZipFile(name) as archive:
            meta = json.loads(archive.read("meta.json"))
            if not isinstance(meta, dict) or meta.get("format") != FORMAT:
                raise ValueError("another format")
            if meta["version"] <= VERSION:
                return meta, dict(_arrays(archive)), archive.read("objects.bin")
    except (zipfile.BadZipFile, EOFError, *_MISFITS) as error:
        raise ValueError(f"{name} is no buffer that save() wrote, or it is damaged: {error}") from None
    raise ValueError(f"{name} has format version {meta['version']}, and this package reads up to {VERSION}")


def _arrays(archive: zipfile.ZipFile) -> Iterator[tuple[str, NDArray[Any]]]:
    for entry in archive.namelist():
        if entry.endswith(".npy"):
            with archive.open(entry) as file:
                yield entry[: -len(".npy")], np.lib.format.read_array(file, allow_pickle=False)
