"""What is done with the errors of two critics before their signs are dropped."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per204_signed_td_error import SignedTdError


def critics():
    """The example of two critics."""
    (example,) = (each for each in SignedTdError.bad if each.title.startswith("two critics, averaged"))
    return example.plain


@pytest.mark.parametrize(
    ("how", "done"),
    [
        ("(error_1 + error_2) / 2", "averaged"),
        ("0.5 * (error_1 + error_2)", "averaged"),
        ("error_1 + error_2", "added"),
        ("torch.stack([error_1, error_2]).mean(0)", "averaged"),
        ("torch.stack([error_1, error_2]).sum(0)", "added"),
    ],
)
def test_errors_are_said_to_be_added_or_averaged(how, done):
    files = {name: text.replace("(error_1 + error_2) / 2", how) for name, text in critics().items()}
    (finding,) = SignedTdError().check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert f"the errors of two critics are {done} with their signs" in finding.message
