"""Which masses reach a leaf that was never written in a run."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

_UNIFORM = "random.uniform(k * width, (k + 1) * width)"
_PLAIN, _SMALL = "np.zeros(2 * capacity - 1)", "np.zeros(2 * capacity - 1, np.float32)"


def found(files):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER304")
    return [f.message.partition("never written: ")[2] for f in rule.check(link([extract(*f) for f in files]))]


def example(sums=_PLAIN, drawn=f"int({_UNIFORM})", train=None):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER304")
    files = {path: text.replace(f"int({_UNIFORM})", drawn) for path, text in rule.bad[0].plain.items()}
    files["memory.py"] = f"import torch\n{files['memory.py']}"
    files["train.py"] = train or files["train.py"]
    assert sum(_PLAIN in text for text in files.values()) == sum(drawn in text for text in files.values()) == 1
    return [(path, text.replace(_PLAIN, sums).encode()) for path, text in files.items()]


@pytest.mark.parametrize(
    ("sums", "drawn", "how"),
    [
        (_PLAIN, _UNIFORM, None),
        (_PLAIN, f"np.{_UNIFORM}", None),
        (_PLAIN, f"int({_UNIFORM})", "a mass of 0 does, with 1 of 5 leaves filled, and the masses are cut off"),
        (_PLAIN, f"np.floor({_UNIFORM})", "a mass of 0 does, with 1 of 5 leaves filled, and the masses are cut off"),
        (_PLAIN, f"{_UNIFORM} // 1", "a mass of 0 does, with 1 of 5 leaves filled, and the masses are cut off"),
        (_PLAIN, "(k + torch.rand(1).item()) * width", "a mass of 0 does, with 1 of 5 leaves filled, and of masses of"),
        (_PLAIN, "(k + torch.rand(1, dtype=torch.float64).item()) * width", None),
        (_SMALL, _UNIFORM, "the sums are of 32 bits, and round to masses behind the last"),
        (_SMALL, "(k + torch.rand(1).item()) * width", "a mass of 0 does"),
    ],
)
def test_a_mass_that_no_run_draws_is_none(sums, drawn, how):
    messages = found(example(sums, drawn))
    assert len(messages) == (how is not None)
    assert all(message.startswith(how) for message in messages)


def test_a_mass_is_cut_off_before_it_is_asked_for():
    text = dict(example())["memory.py"].decode()
    line = f"            node, priority, row = self.tree.get(int({_UNIFORM}))\n"
    assert line in text
    for given, count in (("int(mass)", 1), ("mass", 0)):
        lines = f"            mass = {_UNIFORM}\n            node, priority, row = self.tree.get({given})\n"
        files = dict(example()) | {"memory.py": text.replace(line, lines).encode()}
        assert len(found(files.items())) == count


@pytest.mark.parametrize(("first", "count"), [(24, 1), (25, 0)])
@pytest.mark.parametrize("drawn", [f"int({_UNIFORM})", "(k + torch.rand(1).item()) * width"])
def test_a_leaf_that_is_written_before_the_first_draw_is_none(drawn, first, count):
    train = dict(example())["train.py"].decode()
    waits = train.replace("        rows, nodes", f"        if step < {first}: continue\n        rows, nodes")
    assert waits != train
    assert len(found(example(drawn=drawn, train=waits))) == count


@pytest.mark.parametrize("first", [24, 25, 500])
def test_a_mass_that_sums_of_32_bits_round_to_needs_no_first_leaf(first):
    train = dict(example())["train.py"].decode()
    waits = train.replace("        rows, nodes", f"        if step < {first}: continue\n        rows, nodes")
    assert len(found(example(_SMALL, train=waits))) == 1
