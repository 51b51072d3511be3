from __future__ import annotations

import ast
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.source.magics import plain_python, problem


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("%matplotlib inline\nx = 1", "#matplotlib inline\nx = 1"),
        ("!pip install gym\nx = 1", "#pip install gym\nx = 1"),
        ("!!ls\nx = 1", "#!ls\nx = 1"),
        ("if gpu:\n    !nvidia-smi\nx = 1", "if gpu:\n    0#vidia-smi\nx = 1"),
        ("files = !ls *.py\nx = 1", "files = _#s *.py\nx = 1"),
        ("a, b = %who\nx = 1", "a, b = _#ho\nx = 1"),
        ("memory?\nx = 1", "#emory?\nx = 1"),
        ("net.layers[0].weight??", "#et.layers[0].weight??"),
        ("?memory", "#memory"),
        ("pip install -q gym\nx = 1", "#ip install -q gym\nx = 1"),
        ("cd ..\nx = 1", "#d ..\nx = 1"),
        ("!wget a \\\n  -O b\nx = 1", "#wget a \\\n  #O b\nx = 1"),
        ("%time loss = agent.learn()", "0;    loss = agent.learn()"),
        ("for i in s:\n    %timeit -n 10 -r 3 f(i)", "for i in s:\n    0;                 f(i)"),
        ("loss = %time agent.learn()", "loss =       agent.learn()"),
        ("%prun -s cumulative f()", "#prun -s cumulative f()"),
        ("%time for i in s: f(i)", "#time for i in s: f(i)"),
        ("%%time\nx = 1", "#%time\nx = 1"),
        ("\n# a title\n%%capture out\n%%time\n!ls\nx = 1", "\n# a title\n#%capture out\n#%time\n#ls\nx = 1"),
    ],
)
def test_ipython_becomes_python_of_the_same_length(cell: str, plain: str) -> None:
    assert plain_python(cell) == plain
    assert [len(line) for line in plain.split("\n")] == [len(line) for line in cell.split("\n")]
    assert problem(plain) is None


@pytest.mark.parametrize("magic", ["%%bash", "%%javascript", "%%writefile agent.py", "%%html\n", "%%cython -a", "%%R"])
def test_cells_in_another_language_are_none(magic: str) -> None:
    assert plain_python(f"{magic}\nimport x ?\n") is None


@pytest.mark.parametrize(
    "cell",
    [
        "x = (a\n% b)",
        "x = a \\\n% b",
        'text = """\n%matplotlib inline\n!ls\nwhy?\n"""',
        "text = '''\n%time \"\"\"\n'''",
        "await env.reset()\nasync for row in rows:\n    pass",
        "f(x);",
    ],
)
def test_python_stays_as_it_is(cell: str) -> None:
    assert plain_python(cell) == cell
    # Not even where another line makes the cell one of IPython's.
    assert plain_python(f"!ls\n{cell}") == f"#ls\n{cell}"


def test_strings_and_brackets_are_followed_over_lines() -> None:
    cell = dedent("""\
        %pylab
        a = f(  # it's (
            "(", '"', "\\\\"
        % b)
        c = "a\\
        !b"
        !ls
        d = [1]""")
    plain = plain_python(cell)
    assert plain is not None
    assert [a for a, b in zip(cell.split("\n"), plain.split("\n"), strict=True) if a != b] == ["%pylab", "!ls"]
    ast.parse(plain)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\nprint 'x'", 2, "Missing parentheses"),
        ("x = (", 1, "was never closed"),
        ("x = '\0'", 1, "null"),
        ("x = '\ud800'", 1, "surrogates"),
        ("-" * 200_000 + "1", 1, "nested too deeply"),
    ],
)
def test_what_is_no_python(text: str, line: int, reason: str) -> None:
    found = problem(text)
    assert found is not None
    assert found[0] == line
    assert reason in found[1]


@given(st.text(alphabet="%!?\\#'\"([{}]) \t\nabx=1;:,.timel"))
def test_lines_keep_their_number_and_length_whatever_the_cell(cell: str) -> None:
    plain = plain_python(cell)
    if plain is not None:
        assert [len(line) for line in plain.split("\n")] == [len(line) for line in cell.split("\n")]
