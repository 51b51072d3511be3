"""What weights inside a square do, by the shapes of both."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

_RULES = {rule.code: rule for rule in all_rules()}
_OUTSIDE = "tf.square(errors) * tf.cast(weights, tf.float32)"
_INSIDE = "tf.square(errors * tf.cast(weights, tf.float32))"


@pytest.mark.parametrize(
    ("weights", "effect"),
    [
        ("weights", "each meets every error there, and corrects nothing"),
        ("weights[:, None]", "they count twice"),
    ],
)
def test_weights_that_meet_every_error_do_not_count_twice(weights, effect):
    (example,) = (each for each in _RULES["PER102"].bad if _OUTSIDE in each.plain.get("learner.py", ""))
    inside = _INSIDE.replace("weights", weights)
    files = {path: text.replace(_OUTSIDE, inside) for path, text in example.plain.items()}
    graph = link([extract(path, text.encode()) for path, text in files.items()])
    (finding,) = _RULES["PER103"].check(graph)
    assert f"before it is squared: {effect}" in finding.message
