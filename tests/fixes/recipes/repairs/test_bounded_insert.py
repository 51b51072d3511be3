import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER406"


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        ("an agent's deque, PyTorch", "self.rows.insert(0, (state", "self.rows.appendleft((state"),
        ("newest first, Keras, two files", ".insert(0, transition)", ".appendleft(transition)"),
        ("at the end of the deque", "self.rows.insert(len(self.rows), (state", "self.rows.append((state"),
    ],
)
def test_the_end_at_which_it_is_put(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_two_deques_side_by_side():
    check_repaired(
        CODE,
        example(CODE, "transitions and priorities"),
        ("self.rows.insert(0, (", "self.rows.appendleft(("),
        ("self.priorities.insert(0, top)", "self.priorities.appendleft(top)"),
    )


def test_in_the_middle():
    files = changed(
        example(CODE, "newest first, Keras, two files"), (".insert(0, transition)", ".insert(5, transition)")
    )
    check_left(CODE, files, "inserts neither at the front nor at the end")
