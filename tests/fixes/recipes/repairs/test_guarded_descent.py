import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER304"
FIRST = "a mass of 0, which is a whole number, goes to the left"
TEST = "if mass <= self.sums[left]:"
GUARDED = "if mass < self.sums[left] or self.sums[left + 1] == 0:"


def test_to_the_left_below_its_sum():
    check_repaired(CODE, example(CODE, FIRST), (TEST, GUARDED))


def test_to_the_right_from_its_sum_on():
    check_repaired(
        CODE,
        example(CODE, "sums of 32 bits"),
        ("if mass > self.sums[node]:", "if mass >= self.sums[node] and self.sums[node + 1] > 0:"),
    )


@pytest.mark.parametrize(
    ("changes", "repaired"),
    [
        ([(TEST, "if self.sums[left] >= mass:")], "if self.sums[left] > mass or self.sums[left + 1] == 0:"),
        (
            [("left = 2 * node + 1", "left, right = 2 * node + 1, 2 * node + 2"), ("node = left + 1", "node = right")],
            "if mass < self.sums[left] or self.sums[right] == 0:",
        ),
        (
            [("node = left + 1", "node = 2 * node + 2")],
            "if mass < self.sums[left] or self.sums[2 * node + 2] == 0:",
        ),
    ],
)
def test_ways_to_write_it(changes, repaired):
    files = changed(example(CODE, FIRST), *changes)
    (test,) = [line.strip() for line in files["tree.py"].splitlines() if "if " in line and "self.sums[left]" in line]
    check_repaired(CODE, files, (test, repaired))


def test_a_recursive_search():
    body = example(CODE, FIRST)["tree.py"].partition("    def get")[2]
    search = """(self, mass):
        node = self._down(0, mass)
        return node, self.sums[node], self.rows[node - self.capacity + 1]

    def _down(self, node, mass):
        left = 2 * node + 1
        right = left + 1
        if left >= len(self.sums):
            return node
        if mass <= self.sums[left]:
            return self._down(left, mass)
        return self._down(right, mass - self.sums[left])
"""
    files = changed(example(CODE, FIRST), (body, search))
    check_repaired(CODE, files, (TEST, "if mass < self.sums[left] or self.sums[right] == 0:"))


def test_a_name_of_the_branch_is_not_known_before_it():
    files = changed(
        example(CODE, FIRST),
        ("                node = left + 1\n", "                right = left + 1\n                node = right\n"),
    )
    check_repaired(CODE, files, (TEST, GUARDED))


def test_a_condition_of_two_parts_is_left():
    files = changed(example(CODE, FIRST), (TEST, "if mass <= self.sums[left] and mass >= 0:"))
    check_left(CODE, files, "chooses the way down is not clear")


def test_nodes_that_start_with_more_than_0_are_left():
    title = "nodes that start with a little more than 0, which the sums hold"
    check_left(CODE, example(CODE, title), "start with is for a person to mend")
