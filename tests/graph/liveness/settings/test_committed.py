"""Settings as files and classes of them are committed."""

import pytest

from per_audit.graph.liveness.settings.committed import committed


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("per = True", {"per": {True}}),
        ("per = True\nper = False", {"per": {True, False}}),
        ("class Config:\n    mode = 'rank'", {"mode": {"rank"}}),
        ("size = 64", {}),  # a number is set by hand
        ("per = read()", {}),
        ("per = True\nmake(per=False)", {}),
        ("per = True\ndef f(agent):\n    agent.per = False", {}),
        ("per = True\nparser.add_argument('--per')", {}),
        ("per = True\ndef f():\n    global per\n    per = read()", {}),
        ("per = True\nfor per in rows:\n    pass", {}),
        ("import yaml\nper = True", {}),
        ("@dataclass\nclass Config:\n    per: bool = True\nConfig()", {"per": {True}}),
        ("@dataclass\nclass Config:\n    per: bool = True\nConfig(read())", {}),
    ],
)
def test_what_is_given_and_nowhere_else(project, text, given):
    assert committed(project(text), ()) == given


@pytest.mark.parametrize(
    ("call", "handed", "is_known"),
    [("Config()", (), True), ("Config(False)", (), False), ("Config(**read())", (), False), ("", ("Config",), False)],
)
def test_a_tuple_with_names_whose_fields_are_given_where_it_is_made(project, call, handed, is_known):
    text = f"from typing import NamedTuple\n\nclass Config(NamedTuple):\n    per: bool = True\n\n{call}\n"
    assert committed(project(text), handed) == ({"per": {True}} if is_known else {})
