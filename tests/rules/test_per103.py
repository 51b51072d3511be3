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


@pytest.mark.parametrize(
    ("loss", "codes"),
    [
        ("(q - weights * target).pow(2).mean()", ["PER103"]),
        ("F.smooth_l1_loss(q * weights, target)", ["PER103"]),
        ("F.mse_loss(q * weights, target.detach())", ["PER103"]),
        ("F.mse_loss(q.detach() * weights, target.detach())", []),  # nothing learns from it
        ("F.mse_loss(q * weights, (rewards * weights + 1).detach())", []),  # on both sides
        ("(weights * (q - weights * target) ** 2).mean()", []),
        ("(weights * F.smooth_l1_loss(q, target, reduction='none')).mean()", []),
    ],
)
def test_weights_on_one_side_of_the_error(loss, codes):
    rules = [rule for rule in all_rules() if rule.code == "PER103"]
    (example,) = [each for each in rules[0].good if each.title == "a target that a weighted error moves"]
    text = example.plain["learn.py"].replace("F.smooth_l1_loss(q, target)", loss)
    graph = link([extract("learn.py", "\n".join(x for x in text.splitlines() if "(target - q)" not in x).encode())])
    assert [finding.rule for rule in rules for finding in rule.check(graph)] == codes
