import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER305"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("a method's total", "self.tree.total() // n", "self.tree.total() / n"),
        ("a width that is made an int", "int(self.tree.total() / n)", "self.tree.total() / n"),
        ("a total with a name", "width = mass // n", "width = mass / n"),
    ],
)
def test_the_width_is_not_rounded(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_parentheses_stay_where_they_are_needed():
    files = changed(
        example(CODE, "a width that is made an int"),
        ("int(self.tree.total() / n)", "2 * int(self.tree.total() / n) / 2"),
    )
    check_repaired(CODE, files, ("int(self.tree.total() / n)", "(self.tree.total() / n)"))


def test_a_slash_in_a_comment_is_no_operator():
    files = changed(
        example(CODE, "a method's total"),
        ("width = self.tree.total() // n", "width = (self.tree.total()  # a // b\n                 // n)"),
    )
    check_repaired(CODE, files, ("                 // n)", "                 / n)"))


def test_a_width_that_bounds_whole_numbers_is_left():
    draw = "random.uniform(k * width, (k + 1) * width)"
    files = changed(
        example(CODE, "a method's total"),
        (f"slots.append(self.tree.find({draw}))", f"slots.append(self.tree.find({draw} + random.randint(0, width)))"),
    )
    check_left(CODE, files, "used as a whole number at memory.py:21")
