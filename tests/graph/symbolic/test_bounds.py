"""The largest value that a term can have, and maxima that never rise."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.symbolic.bounds import largest, stays
from per_audit.graph.symbolic.term import Term, const

SYMBOLS = link([extract("main.py", b"x = 1\n")]).symbols
ERROR = Term("sub", (Term("call", data="net"), Term("call", data="target")))
SETTING = Term("global", data=("main.py", "alpha"))
UP_TO_ONE = Term("minimum", (Term("abs", (ERROR,)), const(1.0)))


@pytest.mark.parametrize(
    ("term", "bound"),
    [
        (const(0.5), 0.5),
        (ERROR, None),
        (UP_TO_ONE, 1.0),
        (Term("element", (UP_TO_ONE,)), 1.0),
        (Term("clip", (ERROR, const(0), const(3))), 3),
        (Term("maximum", (UP_TO_ONE, const(2))), 2),
        (Term("maximum", (UP_TO_ONE, ERROR)), None),
        (Term("pow", (UP_TO_ONE, SETTING)), 1.0),
        (Term("pow", (UP_TO_ONE, const(0.6))), 1.0),
        (Term("pow", (UP_TO_ONE, const(-0.4))), None),
        (Term("pow", (UP_TO_ONE, const(2))), 1.0),
        (Term("pow", (Term("minimum", (ERROR, const(1.0))), const(2))), None),
        (Term("pow", (Term("clip", (ERROR, const(0), const(3))), const(0.6))), None),
    ],
)
def test_bound(term, bound):
    assert largest(term, SYMBOLS) == bound


FIELD = Term("field", data=("Memory", "top"))


@pytest.mark.parametrize(
    ("options", "is_constant"),
    [
        ([const(1.0), Term("maximum", (FIELD, UP_TO_ONE))], True),
        ([const(1.0), Term("maximum", (FIELD, ERROR))], False),
        ([const(0.5), Term("maximum", (FIELD, UP_TO_ONE))], False),
        ([const(1.0), UP_TO_ONE], False),
        ([const(1.0)], False),
        ([const(1.0), const(0.0), Term("maximum", (FIELD, UP_TO_ONE))], False),
    ],
)
def test_a_maximum_of_nothing_above_its_start_stays_there(options, is_constant):
    assert stays(FIELD, options, SYMBOLS) is is_constant
