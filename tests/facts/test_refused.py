"""Files that would bring a parser down, and encodings and line ends of every kind."""

import subprocess
import sys

import pytest

from per_audit.facts import Unparsable, extract, ir

DEEP = {
    "brackets": "x = " + "(" * 5000 + ")" * 5000,
    "sum": "x = " + " + ".join(["a"] * 20_000),
    "power": "x = " + "**".join(["a"] * 20_000),
    "attributes": "x = a" + ".b" * 20_000,
    "calls": "x = f" + "()" * 20_000,
    "subscripts": "x = f" + "[0]" * 20_000,
    "conjunction": "x = " + " and ".join(["a"] * 20_000),
    "disjunction": "x = " + " or ".join(["a"] * 20_000),
    "negation": "x = " + "not " * 20_000 + "a",
    "conditional": "x = " + "a if b else " * 20_000 + "c",
    "lambdas": "x = " + "lambda: " * 20_000 + "a",
    "elifs": "if a:\n  b\n" + "elif c:\n  d\n" * 5000,
    "ifs": "".join(" " * i + "if a:\n" for i in range(1500)) + " " * 1500 + "b",
    "calls and no Python 3": "x = f" + "()" * 20_000 + "\nprint 'x'",
    "subscripts and no Python 3": "x = f" + "[0]" * 20_000 + "\nprint 'x'",
    "sum and no Python 3": "x = " + " + ".join(["a"] * 20_000) + "\nprint 'x'",
}
CHILD = """
import sys
from per_audit.facts import Unparsable, extract
for text in sys.stdin.buffer.read().split(b"\\0"):
    try:
        extract("deep.py", text)
        print("read")
    except Unparsable as error:
        print("refused", error.line)
"""


def test_no_depth_ends_the_process():
    texts = "\0".join(text + "\n" for text in DEEP.values()).encode()
    child = subprocess.run([sys.executable, "-c", CHILD], input=texts, capture_output=True, check=False)
    lines = dict(zip(DEEP, child.stdout.decode().splitlines(), strict=False))
    assert child.returncode == 0, (len(lines), child.stderr.decode())
    expected = dict.fromkeys(DEEP, "refused 1")
    # The interpreter's tokenizer stops at 100 levels of indentation, and names that line.
    del expected["ifs"], expected["elifs"]
    assert lines.pop("ifs").startswith("refused")
    assert lines.pop("elifs").startswith("refused")
    assert lines == expected


def test_long_but_flat_is_read():
    text = "x = (" + "a, " * 2000 + ")\ny = " + "a < " * 2000 + "a\nz = '" + "(" * 5000 + "'\n"
    assert len(extract("flat.py", text.encode()).body) == 3


def test_a_conjunction_of_an_ordinary_length_is_read():
    facts = extract("x.py", ("x = " + " and ".join(["a"] * 100) + "\n").encode())
    assert sum(isinstance(node, ir.Logic) for node in ir.walk(*facts.body)) == 99


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: utf-7\nx = '+2AA-'\n",
        b"# coding: unicode_escape\nx = '\\ud800'\n",
        b"# coding: undefined\nx = 1\n",
        b"# coding: rot13\nx = 1\n",
        b"# coding: punycode\nx = 1\xff\n",
        b"\xef\xbb\xbf# coding: latin-1\nx = 1\n",
        b"\xff\xfex\0",
    ],
)
def test_encodings_that_give_no_text_are_refused(data):
    with pytest.raises(Unparsable):
        extract("x.py", data)


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("\fclass A:\n    pass\n", ["class A:\n    pass"]),
        ("\f\fx = 1\n", ["x = 1"]),
        ("x = 1\n  \fy = 2\n", ["x = 1", "y = 2"]),
        ("if a:\n    b\n\f    c\n\fd\n", ["if a:\n    b\n\f    c", "d"]),
        ("x =\f1\n", ["x =\f1"]),
        ("x = '''\n\f'''\ny\n", ["x = '''\n\f'''", "y"]),
        ("a\r\nif b:\r\n\tc\r\nd", ["a", "if b:\r\n\tc", "d"]),
        ("if a:\n\tif b:\n\t\tc\nd", ["if a:\n\tif b:\n\t\tc", "d"]),
    ],
)
def test_white_space_of_every_kind_keeps_its_place(text, sources):
    facts = extract("x.py", text.encode())
    assert facts.exact
    assert [facts.source(node) for node in facts.body] == sources


@pytest.mark.parametrize(
    "text",
    ["exec 'a' in b\n", "x = `a`\n", "raise A, 'b'\n", "x = 0777\n", "def f((a, b)): pass\n", "x <> y\n", "print x\n"],
)
def test_python_2_is_refused_where_it_stands(text):
    with pytest.raises(Unparsable) as caught:
        extract("x.py", f"a = 1\n\n{text}b = 2\n".encode())
    assert caught.value.line == 3
    assert "not valid Python 3" in caught.value.reason


@pytest.mark.parametrize("text", ["type X = int\n", "x = f'{a['b']}'\n", "def f[T](a: T) -> T: return a\n"])
def test_newer_syntax_is_read_by_any_interpreter(text):
    assert len(extract("x.py", f"{text}random.sample(x, 3)\n".encode()).body) == 2


def test_lines_and_columns_of_text_that_is_not_ascii():
    facts = extract("x.py", "# é\n\n名 = '😀'; naïve = 1\n".encode())
    _, second = facts.body
    assert facts.position(second.start) == (3, 10)
    assert facts.position(facts.body[0].end) == (3, 8)
    assert facts.line(len(facts.text) - 1) == 3
