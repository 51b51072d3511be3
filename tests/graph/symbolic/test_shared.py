"""Names of files that functions assign."""

import pytest


@pytest.mark.parametrize(
    ("counts", "term"),
    [
        ("global steps\n    steps += 1", "global[main.py.steps]"),
        ("global steps\n    for steps in range(9):\n        pass", "global[main.py.steps]"),
        ("global steps\n    print(steps)", "const[0]"),  # it only reads what is there
        ("steps = 1", "const[0]"),  # a name of its own
    ],
)
def test_a_number_that_a_function_assigns_anew_is_not_the_one_it_was(term_of, counts, term):
    found = term_of("steps", f"steps = 0\n\n\ndef count():\n    {counts}\n\n\ndef read():\n    return [steps]\n")
    assert repr(found) == term
