"""docs/teams.md names options that there are and settings that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from per_audit.cli.scan import command
from per_audit.settings import Settings, load

TEXT = Path(__file__).parents[2].joinpath("docs", "teams.md").read_text("utf-8")


def test_every_option_exists() -> None:
    known = {option for parameter in command.params for option in parameter.opts}
    mentioned = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", TEXT))
    assert len(mentioned) > 8
    assert mentioned <= known


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL))
def test_every_configuration_loads(tmp_path: Path, block: str) -> None:
    (tmp_path / "pyproject.toml").write_text(block)
    loaded = load(tmp_path)
    assert loaded.config == tmp_path / "pyproject.toml"
    assert loaded != Settings(tmp_path, config=loaded.config)
