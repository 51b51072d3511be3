"""Containers that are saved and read back."""

from __future__ import annotations

from ...rewriting import check_fixed, check_refused
from .test_container_swap import FIXED_SPLIT, SPLIT, changed

FILES = """
    def save(self, path):
        with open(path, "wb") as file:
            pickle.dump(self.items, file)

    def load(self, path):
        with open(path, "rb") as file:
            self.items = pickle.load(file)

    def __len__"""
FIXED = """
    def save(self, path):
        with open(path, "wb") as file:
            pickle.dump(list(self.items), file)

    def load(self, path):
        with open(path, "rb") as file:
            self.items.clear()
            self.items.extend(pickle.load(file))

    def __len__"""
FIXED_HEAD = ("\nfrom collections import namedtuple", "\nimport pickle\nfrom collections import namedtuple")


def test_files_hold_a_list_as_before():
    before = changed(SPLIT, ("import random\n", "import pickle\nimport random\n"), ("\n    def __len__", FILES))
    after = changed(FIXED_SPLIT, FIXED_HEAD, ("\n    def __len__", FIXED))
    result = check_fixed(before, after)
    assert any("read back at memory.py" in step for step in result.applied[0].steps)


def test_a_container_that_is_set_again_is_refused():
    other = "\n    def set(self, items):\n        self.items = items\n\n    def __len__"
    check_refused(changed(SPLIT, ("\n    def __len__", other)), "self.items is set again at memory.py")
