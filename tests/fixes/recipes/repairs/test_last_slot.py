import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER301"
WHOLE = ("self.tree.sum(0, len(self.rows) - 1)", "self.tree.sum(0, len(self.rows))")


@pytest.mark.parametrize("title", ["a recursive segment tree", "the end excluded by a base class", "one file"])
def test_the_sum_goes_to_the_end(title):
    check_repaired(CODE, example(CODE, title), WHOLE)


def test_an_end_by_name():
    files = changed(
        example(CODE, "a recursive segment tree"),
        (f"        total = {WHOLE[0]}", "        last = len(self.rows) - 1\n        total = self.tree.sum(0, last)"),
    )
    check_repaired(CODE, files, ("last = len(self.rows) - 1", "last = len(self.rows)"))


def test_a_name_with_other_uses_is_left():
    files = changed(
        example(CODE, "a recursive segment tree"),
        (
            f"        total = {WHOLE[0]}",
            "        last = len(self.rows) - 1\n        total = self.tree.sum(0, last)\n        print(last)",
        ),
    )
    check_left(CODE, files, "last at memory.py:23 is used elsewhere as well")
