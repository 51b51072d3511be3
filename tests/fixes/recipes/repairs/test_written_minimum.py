import pytest

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
