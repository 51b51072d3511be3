"""Keeps the target from writing anywhere but in the folders it is given, where the system can (Linux, Landlock)."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_NO_NEW_PRIVILEGES = 38
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # removing and making files, folders, links, ...


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def fence(folders: Iterable[str]) -> bool:
    """Let this process and what it starts change files below `folders` only. False where the system cannot do that."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None, use_errno=True)
        version = library.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except (OSError, AttributeError):
        return False
    if version < 1:
        return False
    changes = _CHANGES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    handled = ctypes.c_uint64(changes)
    rules = library.syscall(_CREATE, ctypes.byref(handled), ctypes.c_size_t(8), ctypes.c_uint32(0))
    if rules < 0:
        return False
    try:
        for folder in folders:
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            rule = _Beneath(changes, place)
            added = library.syscall(_ADD, rules, ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0))
            os.close(place)
            if added < 0:
                return False
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return int(library.syscall(_RESTRICT, rules, ctypes.c_uint32(0))) == 0
    except OSError:
        return False
    finally:
        os.close(rules)
