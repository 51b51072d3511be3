"""What is asked of loops is found once for each."""

import pytest

from per_audit.facts import extract, ir
from per_audit.graph.symbolic import loops
from per_audit.graph.symbolic.loops import Loops


def _loop(code: str) -> ir.For | ir.While:
    (statement,) = extract("loop.py", code.encode()).body
    assert isinstance(statement, (ir.For, ir.While))
    return statement


def test_names_and_attributes_that_a_loop_assigns() -> None:
    body = "    b, self.c = a\n    if b:\n        d += 1\n        e[0] = 2\n    def f():\n        g = 1\n"
    loop = _loop(f"while a:\n{body}")
    assert Loops().bound_in(loop) == ({"b", "d"}, {"c"})


@pytest.mark.parametrize(
    ("body", "asks"),
    [("setattr(x, name, v)", True), ("x.__dict__[name] = v", True), ("x.name = v", False), ("set_attr(x)", False)],
)
def test_whether_a_loop_asks_for_attributes_by_their_names(body: str, asks: bool) -> None:
    loop = _loop(f"for name, v in zip(names, values):\n    {body}\n")
    assert isinstance(loop, ir.For)
    assert Loops().asks_by_name(loop) is asks


def test_a_body_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, other = _loop("for a in b:\n    c = a\n"), _loop("while b:\n    d = a\n")
    known = Loops()
    first = known.bound_in(loop)
    monkeypatch.setattr(loops, "_bound_in", lambda _: pytest.fail("looked at again"))
    assert known.bound_in(loop) is first
    with pytest.raises(pytest.fail.Exception):
        known.bound_in(other)
