"""The splices: where text goes, how it is laid out, and what is left alone."""

from __future__ import annotations

import pytest

from per_audit.facts import extract, ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.edits import apply
from per_audit.fixes.plan import FixOptions
from per_audit.graph import link


class Sheet:
    """One file and a draft of changes to it."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        graph = link([extract("a.py", self.data)])
        self.draft = Draft(graph, FixOptions())
        self.body = graph.module("a.py").body
        self.nodes = list(ir.walk(*self.body))

    def first(self, kind: type[ir.Node], text: str = "") -> ir.Node:
        return next(n for n in self.nodes if type(n) is kind and text in self.draft.text("a.py", n))

    @property
    def result(self) -> str:
        return apply(self.data, self.draft.edits()).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(x=1)"),
        ("f(a)", "f(a, x=1)"),
        ("f(a,)", "f(a, x=1,)"),
        ("f((a))", "f((a), x=1)"),
        ("f(b, (a))", "f(b, (a), x=1)"),
        ("f((b), (a))", "f((b), (a), x=1)"),
        ("f(k=(a))", "f(k=(a), x=1)"),
        ("f(a,b)", "f(a,b,x=1)"),
        ("f(\n    a, b\n)", "f(\n    a, b, x=1\n)"),
        ("f(\n    a, b,\n)", "f(\n    a, b, x=1,\n)"),
        ("f(\n    a\n)", "f(\n    a,\n    x=1\n)"),
        ("f(\n    a,\n)", "f(\n    a,\n    x=1,\n)"),
        ("f(\n    a,\n    b,  # last\n)", "f(\n    a,\n    b,  # last\n    x=1,\n)"),
        ("f(\n    a,\n    b  # last\n)", "f(\n    a,\n    b,  # last\n    x=1\n)"),
        ("f(\r\n\ta,\r\n\tb\r\n)", "f(\r\n\ta,\r\n\tb,\r\n\tx=1\r\n)"),
        ("f(a,\n  b)", "f(a,\n  b,\n  x=1)"),
        ("f(g(a))", "f(g(a), x=1)"),
        ("f('ä', b)", "f('ä', b, x=1)"),
    ],
)
def test_an_argument_is_added_as_the_others_are_laid_out(before, after):
    sheet = Sheet(f"{before}\n")
    call = sheet.first(ir.Call)
    assert isinstance(call, ir.Call)
    sheet.draft.add_argument("a.py", call, "x=1", "")
    assert sheet.result == f"{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a, b = c", "a, b, w, i = c"),
        ("(a, b) = c", "(a, b, w, i) = c"),
        ("[a, b] = c", "[a, b, w, i] = c"),
        ("a,b = c", "a,b,w,i = c"),
        ("a, = c", "a, w, i = c"),
        ("(a,) = c", "(a, w, i) = c"),
        ("a, (b) = c", "a, (b), w, i = c"),
        ("a, \\\n  b = c", "a, \\\n  b, w, i = c"),
        ("(a,\n b) = c", "(a,\n b,\n w,\n i) = c"),
        ("(\n    a,\n    b,\n) = c", "(\n    a,\n    b,\n    w,\n    i,\n) = c"),
        ("(\n    a,  # 1\n    b  # 2\n) = c", "(\n    a,  # 1\n    b,  # 2\n    w,\n    i\n) = c"),
    ],
)
def test_items_are_appended_as_the_others_are_laid_out(before, after):
    sheet = Sheet(f"{before}\n")
    target = sheet.first(ir.Seq)
    assert isinstance(target, ir.Seq)
    sheet.draft.append_items("a.py", target, ["w", "i"], "")
    sheet.draft.append_items("a.py", target, ["w", "i"], "asked for again")
    assert sheet.result == f"{after}\n"


@pytest.mark.parametrize(
    ("before", "node", "after"),
    [
        ("x = g(a)", "g(a)", "x = mean(g(a), w)"),
        ("x = 2 * (g(a) + 1)", "g(a) + 1", "x = 2 * mean(g(a) + 1, w)"),
        ("x = h(g(a))", "g(a)", "x = h(mean(g(a), w))"),
        ("x = (a - b) ** 2", "(a - b) ** 2", "x = mean((a - b) ** 2, w)"),
        ("x = (\n    g(a)\n    + 1\n)", "g(a)\n    + 1", "x = mean(\n    g(a)\n    + 1,\n    w,\n)"),
        ("x = (g(a)\n     + 1)", "g(a)\n     + 1", "x = mean(g(a)\n     + 1, w)"),
        ("x = g(\n    a,\n)", "g(\n    a,\n)", "x = mean(\n    g(\n        a,\n    ),\n    w,\n)"),
        ("xyz = g(a,\n        1)", "g(a,\n        1)", "xyz = mean(\n    g(a,\n      1),\n    w,\n)"),
        (
            "if y:\n  x = g(\n    a,\n  )",
            "g(\n    a,\n  )",
            "if y:\n  x = mean(\n    g(\n      a,\n    ),\n    w,\n  )",
        ),
        (
            "if y:\n\tx = g(\n\t\ta,\n\t)",
            "g(\n\t\ta,\n\t)",
            "if y:\n\tx = mean(\n\t\tg(\n\t\t\ta,\n\t\t),\n\t\tw,\n\t)",
        ),
    ],
)
def test_an_expression_is_surrounded(before, node, after):
    sheet = Sheet(f"{before}\n")
    found = next(n for n in sheet.nodes if isinstance(n, ir.Expr) and sheet.draft.text("a.py", n) == node)
    sheet.draft.surround("a.py", found, "mean", "w", "")
    assert sheet.result == f"{after}\n"


def test_a_long_line_is_broken():
    long = "a" * 90
    sheet = Sheet(f"if y:\n    x = g({long})\n")
    node = sheet.first(ir.Call)
    assert isinstance(node, ir.Expr)
    sheet.draft.surround("a.py", node, "mean", "w", "")
    assert sheet.result == f"if y:\n    x = mean(\n        g({long}),\n        w,\n    )\n"


def test_a_line_may_be_as_long_as_the_files_own():
    sheet = Sheet(f"# {'=' * 110}\nx = 1\n")
    assert sheet.draft.fits("a.py", "x" * 112)
    assert not sheet.draft.fits("a.py", "x" * 113)
    assert not Sheet("x = 1\n").draft.fits("a.py", "x" * 101)
    assert not Sheet(f"# {'=' * 300}\n").draft.fits("a.py", "x" * 121)


def test_lines_after_and_before_a_statement():
    sheet = Sheet("if a:\n    b = 1  # why\nc = 2")
    first, last = sheet.first(ir.Assign, "b"), sheet.first(ir.Assign, "c")
    assert isinstance(first, ir.Stmt)
    assert isinstance(last, ir.Stmt)
    sheet.draft.insert_after("a.py", first, ["x = 1", "y = 2"], "")
    sheet.draft.insert_after("a.py", first, ["x = 1", "y = 2"], "asked for again")
    sheet.draft.insert_before("a.py", first, ["z = 0"], "")
    sheet.draft.insert_after("a.py", last, ["end()"], "")
    assert sheet.result == "if a:\n    z = 0\n    b = 1  # why\n    x = 1\n    y = 2\nc = 2\nend()"


@pytest.mark.parametrize("text", ["a = 1; b = 2\n", "if c: b = 2\n", "b = 2; a = 1\n"])
def test_a_statement_that_shares_its_line_is_refused(text):
    sheet = Sheet(text)
    statement = sheet.first(ir.Assign, "b")
    assert isinstance(statement, ir.Stmt)
    with pytest.raises(Refused, match=r"a\.py:1 shares its line"):
        sheet.draft.insert_after("a.py", statement, ["x = 1"], "")


def test_nothing_is_changed_in_a_file_that_is_not_read_as_it_stands():
    sheet = Sheet("if a:\n        b = 1\n\tc = 2\n")
    name = sheet.first(ir.Name, "c")
    with pytest.raises(Refused, match=r"a\.py cannot be reproduced"):
        sheet.draft.replace("a.py", name.start, name.end, "d", "")


def test_two_changes_of_the_same_code_are_refused():
    sheet = Sheet("a = b\n")
    name = sheet.first(ir.Name, "b")
    sheet.draft.replace("a.py", name.start, name.end, "c", "")
    sheet.draft.once("a.py", name.start, name.end, "c", "")
    assert sheet.draft.rendered("a.py", 0, 5) == "a = c"
    with pytest.raises(Refused, match=r"two changes meet at a\.py:1"):
        sheet.draft.replace("a.py", name.start, name.end, "d", "")


def test_fresh_names():
    sheet = Sheet("def f(weights, n2):\n    def inner(n): ...\n    return is_weights\n\nindices = 1\n")
    function = sheet.first(ir.Function)
    assert sheet.draft.fresh("a.py", function, "weights", "is_weights", "other") == "other"
    assert sheet.draft.fresh("a.py", function, "other") == "other2"
    assert sheet.draft.fresh("a.py", function, "n") == "n3"
    assert sheet.draft.fresh("a.py", function, "indices") == "indices"
    assert sheet.draft.fresh("a.py", None, "indices", "drawn") == "drawn"


@pytest.mark.parametrize(("step", "newline"), [("    ", "\n"), ("\t", "\n"), ("  ", "\r\n")])
def test_a_method_is_added(step, newline):
    text = "class A:\n    def f(self):\n        return 1  # one\n\n    x = 1\n"
    added = text.replace("# one\n", "# one\n\n    def g(self):\n        pass\n")
    sheet = Sheet(text.replace("    ", step).replace("\n", newline))
    method = sheet.first(ir.Function)
    assert isinstance(method, ir.Function)
    sheet.draft.add_method("a.py", method, ["def g(self):", "pass"], "")
    assert sheet.result == added.replace("    ", step).replace("\n", newline)
