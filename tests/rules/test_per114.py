"""PER114 error-in-weights."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit_rules.per114_error_in_weights import ErrorInWeights


@pytest.mark.parametrize(
    ("title", "severity", "told"),
    [
        ("a Huber loss of the project", Severity.ERROR, "each error counts twice"),
        ("of a loss that is averaged before", Severity.INFO, "each error would count twice, once the loss is no"),
    ],
)
def test_what_an_averaged_loss_makes_of_the_product(title, severity, told):
    """Its weights correct nothing: each error counts once, in a factor of all."""
    (example,) = [each for each in ErrorInWeights.bad if each.title == title]
    files = [extract(path, text.encode()) for path, text in example.plain.items()]
    (finding,) = ErrorInWeights().check(link(files))
    assert finding.severity is severity
    assert told in finding.message
