"""Comments survive a fix, also those inside of what it replaces."""

from __future__ import annotations

import pytest

from per_audit.facts import extract
from per_audit.fixes.comments import with_comments
from per_audit.fixes.draft import Refused
from per_audit.fixes.edits import apply
from per_audit.fixes.plan import Edit
from per_audit.graph import link

from .recipes.containers.test_container_swap import FIXED, LEARN
from .rewriting import agent, check_fixed, fixed_agent


def edited(text: str, old: str, new: str) -> str:
    """The text with the only occurrence of `old` replaced, and the comments that were in it."""
    data, removed = text.encode(), old.encode()
    assert data.count(removed) == 1
    start = data.index(removed)
    edits = [Edit("a.py", start, start + len(removed), new)]
    return apply(data, with_comments(link([extract("a.py", data)]), edits)).decode()


def test_inside_of_a_call_it_moves_before_the_statement():
    text = "def f():\n    x = draw(\n        rows,  # the réplay\n        # so many\n        32,\n    )\n"
    old = text[text.index("draw") : -1]
    assert edited(text, old, "rows.sample(32)") == (
        "def f():\n    # the réplay\n    # so many\n    x = rows.sample(32)\n"
    )


def test_of_lines_that_go_it_stays_in_their_place():
    text = "def f():\n\tif full:  # no more\n\t\t# the oldest\n\t\tdrop()\n\treturn 1\n"
    old = text[text.index("\tif") : text.index("\treturn")]
    assert edited(text, old, "") == "def f():\n\t# no more\n\t# the oldest\n\treturn 1\n"


@pytest.mark.parametrize(
    "comment", ["# noqa: S311", "# type: ignore[x]", "# fmt: skip", "#noqa", "# per-audit: ignore"]
)
def test_what_is_said_to_tools_goes_with_the_line(comment):
    assert edited(f"x = draw(  {comment}\n    32)\n", f"draw(  {comment}\n    32)", "y") == "x = y\n"


def test_what_the_new_text_has_is_not_written_twice():
    assert (
        edited("x = f(\n    1,  # one\n)\n", "f(\n    1,  # one\n)", "g(\n    1,  # one\n)")
        == "x = g(\n    1,  # one\n)\n"
    )


def test_a_hash_in_a_string_is_no_comment():
    assert edited("x = f('#no')\n", "f('#no')", "g()") == "x = g()\n"


def test_between_statements_that_change_together_there_is_no_place():
    with pytest.raises(Refused, match="between statements"):
        edited("a = 1\n# why\nb = 2\n", "1\n# why\nb = 2", "3")


def test_of_a_draw_over_several_lines():
    before, after = agent(LEARN), fixed_agent(FIXED)
    draw = "        batch = random.sample(self.memory, 32)\n"
    broken = "        batch = random.sample(  # uniformly\n            self.memory,\n            32,\n        )\n"
    new = "        batch, weights, indices = self.memory.sample(32)\n"
    assert draw in before["agent.py"]
    check_fixed(
        {"agent.py": before["agent.py"].replace(draw, broken)},
        {"agent.py": after["agent.py"].replace(new, "        # uniformly\n" + new)},
    )
