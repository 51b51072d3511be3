from __future__ import annotations

import pytest

from .projects import TRAIN, git, write


@pytest.fixture
def project(tmp_path):
    """A repository with one revision of a training script; returns the folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", ".")
    write(folder, TRAIN)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder
