"""The Python of docs/buffers.md runs: each section in order, after the blocks in front of the first section."""

import ast
import importlib.util
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from experience_replay_optimizer import (
    _WITH_TORCH,
    ColumnStorage,
    FrameStackStorage,
    NextByIndexStorage,
    PrioritizedSampler,
    RankBasedSampler,
    ReplayBuffer,
)

GUIDE = Path(__file__).parents[2] / "docs" / "buffers.md"
OPTIONAL = {"gymnasium", "stable_baselines3", "torch"}
NEEDS_TORCH = {*_WITH_TORCH, "cleanrl", "tensors_out"}


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


def bytes_a_transition(sampler, storage, observations, episodes):
    """What a full buffer holds after `episodes` episodes with these observations."""
    steps = len(observations) - 1

    def filled(count):
        buffer = ReplayBuffer(sampler(count * steps), storage=storage())
        for _ in range(count):
            for step in range(steps):
                buffer.add(observations[step], 0, 0.0, observations[step + 1], step == steps - 1)
        return buffer

    filled(1)  # whatever is loaded at the first use
    tracemalloc.start()
    try:
        buffer = filled(episodes)
        return tracemalloc.get_traced_memory()[0] / len(buffer)
    finally:
        tracemalloc.stop()


def textbook(capacity, **options):
    return PrioritizedSampler(capacity, rare_fraction=0, **options)


def test_the_memory_is_what_the_guide_says():
    text = GUIDE.read_text(encoding="utf-8")
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((501, 8)).astype(np.float32)
    frames = rng.integers(0, 256, (260, 84, 84), np.uint8)
    stacks = np.stack([frames[at : at + 4] for at in range(257)])
    for storage in (ColumnStorage, NextByIndexStorage, FrameStackStorage):
        of_vectors, of_stacks = re.search(rf"\| `{storage.__name__}` \| ([\d,]*) ?\| ([\d,]*) \|", text).groups()
        if of_vectors:
            assert bytes_a_transition(textbook, storage, vectors, 50) == pytest.approx(float(of_vectors), rel=0.02)
        held = bytes_a_transition(textbook, storage, stacks, 4)
        assert held == pytest.approx(float(of_stacks.replace(",", "")), rel=0.02)

    least = bytes_a_transition(textbook, ColumnStorage, vectors, 50)
    own, by_rank, low, high = map(
        int, re.search(r"flag\); (\d+) are.*about (\d+) more.*` (\d+) to (\d+) more", text, re.S).groups()
    )
    assert least - 77 == pytest.approx(own, abs=1)
    more = bytes_a_transition(RankBasedSampler, ColumnStorage, vectors, 50) - least
    assert more == pytest.approx(by_rank, abs=5)
    more = bytes_a_transition(lambda n: textbook(n, normalise="buffer"), ColumnStorage, vectors, 50) - least
    assert low <= more <= high
