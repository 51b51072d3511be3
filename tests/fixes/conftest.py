from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def _snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(root).as_posix(): (b"" if path.is_dir() else path.read_bytes(), path.stat().st_mode)
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture(scope="session")
def snapshot():
    """A function that takes stock of a directory: the content and the mode of everything in it."""
    return _snapshot


@pytest.fixture
def failing_replace(monkeypatch):
    """Call it with (n, exception): the n-th os.replace from now on raises instead of (or after) renaming."""

    def install(n: int, exception: BaseException, *, after: bool = False, forever: bool = False) -> list[int]:
        real, calls = os.replace, []

        def replace(source, target):
            calls.append(1)
            hit = len(calls) >= n if forever else len(calls) == n
            if hit and not after:
                raise exception
            real(source, target)
            if hit:
                raise exception

        monkeypatch.setattr(os, "replace", replace)
        return calls

    yield install
    monkeypatch.undo()
