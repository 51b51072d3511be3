"""Files on which the parser would abort the process or take minutes are refused before it sees them."""

import pytest

from per_audit.facts import Unparsable, extract

PATTERN = "match a:\n case 1: pass\n"  # leaves a file to libcst


def nested(before, opening, closing, depth, after=""):
    return f"{before}{opening * depth}b{closing * depth}{after}\n"


@pytest.mark.parametrize(
    "text",
    [
        nested("match a:\n case ", "A(", ")", 40, ": pass"),
        nested("match a:\n case ", "[", "]", 40, ": pass"),
        nested("match a:\n case ", "(", ")", 40, ": pass"),
        nested("match a:\n case ", "{1:", "}", 12, ": pass"),
        nested("match a:\n case '(:', ", "A(x={1:[", "]})", 6, ": pass"),
        nested("if a:\n  match a:\n    case 1: pass\n    case ", "B(", ")", 40, ": pass"),
    ],
    ids=["class", "list", "parentheses", "mapping", "mixed", "inner"],
)
def test_patterns_that_take_exponential_time_are_refused(text):
    with pytest.raises(Unparsable, match="pattern") as caught:
        extract("x.py", text.encode())
    assert caught.value.line == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "match a:\n case A(B(C(D(E([f, {1: g}]))))): pass\n",
        "match a:\n case " + " | ".join(["A(b=[1, 2])"] * 200) + ": pass\n",
        "match a:\n" + " case (A(), [B()]): pass\n" * 200,
        "match a:\n case '((((((((((((((((((((((((((' | \"[[[[[[[[[[[[[[[[[[[\": pass\n",
        "match a:\n case b if " + "f(" * 25 + ")" * 25 + ": pass\n",
        "case = 1\n'''\n    case ((((((((((((((((((((((((((\n'''\n",
    ],
    ids=["nested", "alternatives", "many", "strings", "guard", "no pattern"],
)
def test_other_patterns_are_read(text):
    assert extract("x.py", text.encode()).body


@pytest.mark.parametrize("opening", ["x[", "f(", "{1: "])
def test_many_deep_brackets_are_refused(opening):
    closing = {"x[": "]", "f(": ")", "{1: ": "}"}[opening]
    with pytest.raises(Unparsable, match="brackets") as caught:
        extract("x.py", (nested("y = ", opening, closing, 60) * 100 + PATTERN).encode())
    assert 20 < caught.value.line < 100
    assert len(extract("x.py", (nested("y = ", opening, closing, 60) * 3 + PATTERN).encode()).body) == 4


@pytest.mark.parametrize("opening", ["x[", "f(", "{1: "])
def test_what_the_interpreter_reads_may_have_them(opening):
    closing = {"x[": "]", "f(": ")", "{1: ": "}"}[opening]
    assert len(extract("x.py", (nested("y = ", opening, closing, 60) * 100).encode()).body) == 100


def test_brackets_in_strings_and_comments_do_not_count():
    text = "x = '(((' # [[[\ny = f(g(1))\n" * 400 + nested("z = ", "f(", ")", 40) + PATTERN
    assert len(extract("x.py", text.encode()).body) == 802


@pytest.mark.parametrize(
    "text",
    [
        "import a" + ".b" * 20_000 + "\n",
        "from a" + ".b" * 20_000 + " import c\n",
        "@a" + ".b" * 20_000 + "\ndef f(): 0\n",
    ],
    ids=["import", "from", "decorator"],
)
def test_long_dotted_names_do_not_bring_the_process_down(text):
    with pytest.raises(Unparsable):
        extract("x.py", text.encode())


def test_what_the_parser_alone_refuses_is_not_called_invalid():
    text = PATTERN + "def f():\n    (name): int\n"  # valid, and unknown to libcst
    with pytest.raises(Unparsable) as caught:
        extract("x.py", text.encode())
    assert caught.value.line == 4
    assert "not valid" not in caught.value.reason


@pytest.mark.parametrize(
    "line", ["# " + "-" * 500, 'print "' + "-" * 500 + '"', 'print "(("', 'print """(\n' + "=" * 500 + '"""']
)
def test_rulers_and_brackets_in_words_do_not_make_a_file_too_deep(line):
    with pytest.raises(Unparsable) as caught:
        extract("old.py", f"{line}\nx = a + b\nprint 'done'\n".encode() * 200)
    assert "deep" not in caught.value.reason


@pytest.mark.parametrize("before", ["f", "rf", "F"])
def test_what_stands_in_a_string_with_expressions_is_nested(before):
    text = f'print 1\nx = {before}"{{{"(" * 500}{")" * 500}}}"\n'
    with pytest.raises(Unparsable, match="deep"):
        extract("x.py", text.encode())
