"""Saving a buffer to one file and loading it again: no pickle, atomic, versioned, exact.

The file is a zip archive: `meta.json`, one `.npy` for each array, and, for objects, their bytes. Loading runs no code
from the file. It is written beside its destination and takes its place only when it is complete.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .storage.encoding import decode_objects, encode_objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FORMAT = "experience-replay"
VERSION = 1
_MUST_AGREE = ("sampler", "storage", "capacity", "alpha", "epsilon")


def save(buffer: Any, path: str | os.PathLike[str], types: Iterable[type]) -> None:
    """Write `buffer` to `path`; see `ReplayBuffer.save`."""
    sampler_meta, arrays = buffer.sampler.state()
    meta = {
        "format": FORMAT,
        "version": VERSION,
        **_identity(buffer),
        "state": buffer.state(),
        "sampler_state": sampler_meta,
    }
    arrays = {f"sampler/{name}": array for name, array in arrays.items()}
    arrays["handles"] = buffer.handles
    blob = b""
    if buffer.objects is not None:
        meta["objects"], blob = encode_objects(buffer.objects, tuple(types))
    else:
        meta["storage_state"], columns = buffer.storage.state()
        arrays.update({f"storage/{name}": array for name, array in columns.items()})
    target = Path(os.fspath(path))
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, meta, arrays, blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise


def load(buffer: Any, path: str | os.PathLike[str], types: Iterable[type]) -> None:
    """Read `path` into `buffer`; see `ReplayBuffer.load`."""
    name = os.fspath(path)
    meta, arrays, blob = _read(name)
    if meta["version"] > VERSION:
        raise ValueError(f"{name} has format version {meta['version']}, and this package reads up to {VERSION}")
    for key, mine in _identity(buffer).items():
        if key == "storage" and "objects" in meta:
            continue
        if meta[key] != mine:
            raise ValueError(f"{name} was saved with {key}={meta[key]!r}, and this buffer has {mine!r}")
    objects = decode_objects(meta["objects"], blob, tuple(types)) if "objects" in meta else None
    if objects is None:
        buffer.storage.restore(meta["storage_state"], _under("storage/", arrays))
    buffer.sampler.restore(meta["sampler_state"], _under("sampler/", arrays))
    buffer.restore(meta["state"], arrays["handles"], objects)


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
            if meta.get("format") != FORMAT:
                raise ValueError("another format")
            arrays = {
                entry[: -len(".npy")]: np.lib.format.read_array(io.BytesIO(archive.read(entry)), allow_pickle=False)
                for entry in archive.namelist()
                if entry.endswith(".npy")
            }
            return meta, arrays, archive.read("objects.bin")
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ValueError(f"{name} is no buffer that save() wrote, or it is damaged: {error}") from None
