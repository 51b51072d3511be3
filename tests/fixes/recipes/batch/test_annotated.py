"""Annotations follow what functions return and take."""

from __future__ import annotations

import pytest

from ...rewriting import check_fixed
from ..containers.test_container_swap import FIXED_SPLIT, SPLIT, changed
from ..learning.test_delegated import FIXED_BUFFER, FIXED_TRAINING, TRAINING, programs
from .test_returned import DRAWN, EMPTY, NEW
from .test_returned import FILES as RETURNED
from .test_returned import FIXED as FIXED_RETURNED
from .test_travel import FILES, FIXED

SAMPLE = "def sample(self):"
LEARN = "def learn(self, experiences, gamma):"
FIVE = "torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"tuple[{FIVE}]", f"tuple[{FIVE}, np.ndarray, np.ndarray]"),
        (f'"tuple[{FIVE}]"', "tuple"),
        ("tuple[torch.Tensor, ...]", "tuple"),
        ("tuple[np.ndarray, ...]", "tuple[np.ndarray, ...]"),
        ("tuple", "tuple"),
        ("'Batch'", "tuple"),
    ],
)
def test_what_returns_a_longer_tuple(before: str, after: str) -> None:
    check_fixed(
        changed(FILES, (SAMPLE, f"{SAMPLE[:-1]} -> {before}:")), changed(FIXED, (SAMPLE, f"{SAMPLE[:-1]} -> {after}:"))
    )


def test_the_names_of_typing() -> None:
    def annotated(files: dict[str, str], returns: str) -> dict[str, str]:
        text = changed(files, (SAMPLE, f"{SAMPLE[:-1]} -> {returns}:"))["buffer.py"]
        return files | {"buffer.py": text.replace("from collections", "from typing import Tuple\nfrom collections")}

    check_fixed(annotated(FILES, "Tuple[torch.Tensor, ...]"), annotated(FIXED, "Tuple"))


def test_what_takes_the_tuple() -> None:
    numpy = ("import torch\nimport torch.nn", "import numpy as np\nimport torch\nimport torch.nn")
    before = f"def learn(self, experiences: tuple[{FIVE}], gamma):"
    after = f"def learn(self, experiences: tuple[{FIVE}, np.ndarray, np.ndarray], gamma):"
    check_fixed(changed(FILES, numpy, (LEARN, before)), changed(FIXED, numpy, (LEARN, after)))
    check_fixed(changed(FILES, (LEARN, before)), changed(FIXED, (LEARN, "def learn(self, experiences: tuple, gamma):")))


@pytest.mark.parametrize(
    ("head", "after"), [("import numpy as np\n", "tuple[list[int], np.ndarray, np.ndarray]"), ("", "tuple")]
)
def test_what_returns_a_draw(head: str, after: str) -> None:
    def annotated(files: dict[str, str], returns: str) -> dict[str, str]:
        text = files["memory.py"].replace("batch_size):", f"batch_size) -> {returns}:", 1)
        return files | {"memory.py": text + (f"\n\n{head}" if head else "")}

    check_fixed(annotated(SPLIT, "list[int]"), annotated(FIXED_SPLIT, after))


@pytest.mark.parametrize(
    ("names", "after"),
    [
        ("from typing import List, Tuple\n", "Tuple[List[int], np.ndarray, np.ndarray]"),
        ("from typing import List, Tuple as Pair\n", "Pair[List[int], np.ndarray, np.ndarray]"),
        ("from typing import List\n", "tuple"),
    ],
)
def test_what_returns_a_draw_by_the_names_of_typing(names: str, after: str) -> None:
    def annotated(files: dict[str, str], returns: str, kept: str) -> dict[str, str]:
        text = files["memory.py"].replace("batch_size):", f"batch_size) -> {returns}:", 1)
        return files | {"memory.py": f"{text}\n\nimport numpy as np\n{kept}"}

    def as_text(files: dict[str, str]) -> dict[str, str]:
        return files | {"memory.py": "from __future__ import annotations\n" + files["memory.py"]}

    kept = "" if after == "tuple" else names
    check_fixed(annotated(SPLIT, "List[int]", names), annotated(FIXED_SPLIT, after, kept))
    if after == "tuple":
        after = "tuple[List[int], np.ndarray, np.ndarray]"
        check_fixed(as_text(annotated(SPLIT, "List[int]", names)), as_text(annotated(FIXED_SPLIT, after, names)))


def test_what_sometimes_returns_nothing() -> None:
    typed = ("def sample(self, batch_size):", "def sample(self, batch_size) -> list:")
    early = "        if len(self.items) < batch_size:\n            return None\n"
    vague = (typed[0], typed[1].replace("list", "tuple"))
    before = changed(SPLIT, (DRAWN, early + DRAWN), typed)
    check_fixed(before, changed(FIXED_SPLIT, (NEW, EMPTY.format("None, None, None") + NEW), vague))


def test_what_returns_a_loss() -> None:
    head = "def td_loss(batch, local, target)"
    after = changed(FIXED_RETURNED, (f"{head}:", f"{head} -> tuple:"))
    check_fixed(changed(RETURNED, (f"{head}:", f"{head} -> float:")), after)


def test_what_returned_nothing_and_gives_td_errors_now() -> None:
    update, loss = "def update(data):", "def q_loss(data):"
    before = TRAINING.replace(update, "def update(data) -> None:")
    before = before.replace(loss, "def q_loss(data) -> tuple[torch.Tensor, dict]:")
    after = FIXED_TRAINING.replace("def q_loss(data, weights):", "def q_loss(data, weights) -> tuple:")
    check_fixed(programs(before), {"store.py": FIXED_BUFFER, "training.py": after})
