import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER201"
BOTH = "at the store and at the draw, two files"
POWER = "(np.abs(errors) + 1e-5) ** self.alpha"


@pytest.mark.parametrize(
    ("title", "old", "new", "where"),
    [
        (BOTH, POWER, "np.abs(errors) + 1e-5", "replay.py:17"),
        ("a maximum that is kept after the power", "self.highest**self.ALPHA)", "self.highest)", "memory.py:47"),
        (
            "raised by the training and by the buffer, PyTorch",
            "self.weight[picked] = values**self.alpha",
            "self.weight[picked] = values",
            "update.py:17",
        ),
    ],
)
def test_the_power_goes_where_the_priority_is_made(title, old, new, where):
    check_repaired(CODE, example(CODE, title), (old, new), unsafe=f"alpha stays where it is applied at {where}")


def test_a_power_that_is_taken_of_one_value_at_several_places_goes_from_all():
    title = "a maximum that is kept after the power, raised for two trees, by what is run once as well: one cause"
    changes = [
        (f"{put}self.highest**self.ALPHA)", f"{put}self.highest)")
        for put in ("tree.put(self.at % self.size, ", "least.put(self.at % self.size, ", "tree.put(self.at, ")
    ]
    check_repaired(CODE, example(CODE, title), *changes, unsafe="alpha stays where it is applied at memory.py:48")


def test_parentheses_stay_where_they_are_needed():
    files = changed(example(CODE, BOTH), (POWER, f"2 * {POWER}"))
    check_repaired(CODE, files, (POWER, "(np.abs(errors) + 1e-5)"), unsafe="alpha stays")


@pytest.mark.parametrize(
    "title",
    ["the maximum of what is stored, raised again", "priorities that were drawn are written back through the update"],
)
def test_stored_priorities_that_are_raised_again_are_left(title):
    check_left(CODE, example(CODE, title), "for a person to say")
