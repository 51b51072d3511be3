"""How severe a leaf that was never written is."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

_UNIFORM = "random.uniform(k * width, (k + 1) * width)"
_SMALL = "np.zeros(2 * capacity - 1, np.float32)"


@pytest.mark.parametrize(
    ("sums", "drawn", "severity", "how"),
    [
        ("np.zeros(2 * capacity - 1)", _UNIFORM, Severity.INFO, "a mass of 0 does"),
        (_SMALL, _UNIFORM, Severity.WARNING, "round to masses behind the last"),
        (_SMALL, "(k + torch.rand(1).item()) * width", Severity.WARNING, "a mass of 0 does"),
    ],
)
def test_a_mass_of_0_is_a_hint_where_it_is_drawn_or_added_up_in_64_bits(sums, drawn, severity, how):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER304")
    plain = "np.zeros(2 * capacity - 1)"
    files = {path: text.replace(_UNIFORM, drawn) for path, text in rule.bad[0].plain.items()}
    files["memory.py"] = f"import torch\n{files['memory.py']}"
    assert sum(plain in text for text in files.values()) == sum(drawn in text for text in files.values()) == 1
    graph = link([extract(path, text.replace(plain, sums).encode()) for path, text in files.items()])
    (finding,) = rule.check(graph)
    assert finding.severity is severity
    assert how in finding.message


@pytest.mark.parametrize(("first", "found"), [(24, 1), (25, 0)])
def test_a_leaf_that_is_written_before_the_first_draw_is_none(first, found):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER304")
    files = {**rule.bad[0].plain}
    train = files["train.py"].replace(
        "        rows, nodes", f"        if step < {first}: continue\n        rows, nodes"
    )
    assert train != files["train.py"]
    graph = link([extract(path, text.encode()) for path, text in {**files, "train.py": train}.items()])
    assert len(list(rule.check(graph))) == found
