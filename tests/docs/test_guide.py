"""The Python of docs/buffers.md runs: each section in order, after the blocks in front of the first section."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from experience_replay_optimizer import _WITH_TORCH

GUIDE = Path(__file__).parents[2] / "docs" / "buffers.md"
OPTIONAL = {"gymnasium", "stable_baselines3", "torch"}
NEEDS_TORCH = {*_WITH_TORCH, "cleanrl"}


def sections():
    """(heading, blocks) pairs; a block is its code, on the lines that it has in the guide."""
    found = [("", [])]
    fenced = None
    for number, line in enumerate(GUIDE.read_text(encoding="utf-8").splitlines()):
        if fenced is not None:
            if line == "```":
                found[-1][1].append("\n".join(fenced))
                fenced = None
            else:
                fenced.append(line)
        elif line == "```python":
            fenced = [""] * (number + 1)
        elif line.startswith("## "):
            found.append((line[3:], []))
    assert fenced is None
    return found


def missing(code):
    """The libraries that a block imports and that are not installed."""
    needed = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {part for alias in node.names for part in alias.name.split(".")}
            names |= set((getattr(node, "module", None) or "").split("."))
            needed |= names & OPTIONAL | ({"torch"} if names & NEEDS_TORCH else set())
    return sorted(name for name in needed if importlib.util.find_spec(name) is None)


PREPARATION, *SECTIONS = sections()


@pytest.mark.parametrize(("heading", "blocks"), [pytest.param(*section, id=section[0]) for section in SECTIONS])
def test_the_code_of_a_section_runs(heading, blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for code in (*PREPARATION[1], *blocks):
        if missing(code):
            pytest.skip(f"not installed: {', '.join(missing(code))}")
        exec(compile(code, str(GUIDE), "exec"), namespace)  # noqa: S102


def test_all_situations_have_code():
    assert len(PREPARATION[1]) == 1
    assert [heading for heading, blocks in SECTIONS if not blocks] == []


def test_links_within_the_guide_lead_somewhere():
    text = GUIDE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall("^#+ (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors
    for target in re.findall(r"\]\(([\w/]+\.md)\)", text):
        assert (GUIDE.parent / target).is_file()
