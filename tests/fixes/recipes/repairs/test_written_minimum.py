import pytest

from ...rewriting import run
from .repairing import changed, check_left, check_repaired, example

CODE = "PER105"
TREE = "a sum tree, PyTorch"
LEAST = "least = np.min(self.tree.tree[-self.tree.capacity :]) / self.tree.total"
NAMED = (
    "written = self.tree.tree[-self.tree.capacity :]\n        least = np.min(written[written > 0]) / self.tree.total"
)


@pytest.mark.parametrize(
    ("title", "old", "new"),
    [
        (TREE, LEAST, NAMED),
        ("an epsilon in place of the zero", LEAST, NAMED),
        ("training that starts when a twentieth is filled", LEAST, NAMED),
        (
            "the leaves from the middle of the tree to its end",
            "least = self.tree.tree[self.tree.capacity - 1 :].min() / self.tree.total",
            "written = self.tree.tree[self.tree.capacity - 1 :]\n"
            "        least = np.min(written[written > 0]) / self.tree.total",
        ),
        ("an array of the agent, Keras", "self.capacity * p.min()", "self.capacity * p[p > 0].min()"),
    ],
)
def test_empty_slots_are_left_out(title, old, new):
    check_repaired(CODE, example(CODE, title), (old, new))


def test_a_list():
    title = "a list of zeros, JAX, in two files"
    old = "min(self.mass) / sum"
    check_repaired(CODE, example(CODE, title), (old, "min(priority for priority in self.mass if priority > 0) / sum"))


def test_what_is_computed_on_the_way_is_left():
    files = changed(example(CODE, "an array of the agent, Keras"), ("p.min()", "np.array(p).min()"))
    check_left(CODE, files, "not a plain container")


def test_what_it_costs_is_told_as_soon_as_it_is_right():
    files = changed(example(CODE, TREE), ("CAPACITY = 20_000", "CAPACITY = 2_000_000"))
    result, found = run(files, codes=(CODE, "PER402"))
    assert {refusal.plan.mends for refusal in result.refused} <= {"PER402"}
    assert found == changed(files, (LEAST, NAMED))
    assert {finding.rule for finding in result.report.findings} == {"PER402"}
    assert any("smallest" in finding.message for finding in result.report.findings)
