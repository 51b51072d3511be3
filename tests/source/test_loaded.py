"""Modules that calls import are known by name where texts of the file make up the names."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.source import loaded
from per_audit.source.loaded import known_and_rest, pattern_of, patterns_of


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import_module('a.b')", {"a.b"}),
        ("__import__('a')", {"a"}),
        ("name = 'a'\nimport_module(name)", {"a"}),
        ("name = 'a' if fast else 'b'\nimport_module(name)", {"a", "b"}),
        (
            "import os\nname, end = os.path.splitext('agents/one.py')\nimport_module(name.replace('/', '.'))",
            {"agents.one"},
        ),
        ("for name in ['a', 'b']:\n    import_module(f'envs.{name}')", {"envs.a", "envs.b"}),
        ("for file in sorted(('b.py', 'a.py')):\n    import_module('envs.' + file[:-3])", {"envs.a", "envs.b"}),
        ("made = {name: import_module(name) for name in ['a']}", {"a"}),
        ("KNOWN = {'x': 'm.x', 'y': 'm.y'}\ndef load(key):\n    return import_module(KNOWN[key])", {"m.x", "m.y"}),
        ("KNOWN = {'x': ('m.x', 1)}\nfor key in KNOWN:\n    name, _ = KNOWN[key]\n    import_module(name)", {"m.x"}),
        ("for name, of in {'a': 1}.items():\n    import_module(name)", {"a"}),
        ("import_module('m.x:Name'.split(':')[0])", {"m.x"}),
        # what is not in the file
        ("import_module(read())", set()),
        ("import_module(f'envs.{read()}')", set()),
        ("for name in os.listdir('envs'):\n    import_module(name)", set()),
        ("def load(name):\n    return import_module(name)\nload('a')", set()),
        ("name = 'a'\nname += read()\nimport_module(name)", set()),
        ("name = 'a'\nname = name + 'b'\nimport_module(name)", set()),
        ("name = 'a'\ndef set_it():\n    global name\n    name = read()\nimport_module(name)", set()),
        ("from settings import name\nimport_module(name)", set()),
        ("names = ['a']\nnames.append(read())\nfor name in names:\n    import_module(name)", set()),
        ("known = {'x': 'a'}\nknown['y'] = read()\nimport_module(known[key])", set()),
        ("name = 'a'\ntry:\n    run()\nexcept Error as name:\n    import_module(name)", set()),
        ("name = 'a'\nmatch read():\n    case str() as name:\n        import_module(name)", set()),
        ("import_module('%s' % name)", set()),
        ("import_module(3)", set()),
        ("import_module('ab'[: len(name)])", set()),
        ("import_module('ab'[1.5:])", set()),
        ("import_module('ab'[::0])", set()),
        ("import_module({['x']: 'a'}['x'])", set()),
        ("import_module()", set()),
        ("import_module('a'", set()),
        # a class has names of its own, which its methods do not see
        ("name = 'a'\nclass C:\n    name = 'b'\n    def f(self):\n        import_module(name)", {"a"}),
        ("name = 'a'\nclass C:\n    name = 'b'\n    import_module(name)", {"b"}),
    ],
)
def test_names_that_a_file_makes_up(text, names):
    found, rest = known_and_rest(text.encode())
    assert found == names
    assert (b"import" not in rest.replace(b"import os", b"")) == bool(names)


def test_names_that_grow_without_end_are_not_known():
    name = "'" + "ab" * 10 + "'" + ".replace('a', 'aaaaaaaaaa')" * 9
    assert known_and_rest(f"import_module({name})".encode())[0] == set()
    many = " + ".join(["('a' if x else 'b')"] * 30)
    assert known_and_rest(f"import_module({many})".encode())[0] == set()


_LEAVES = st.sampled_from(["'a'", "'m.x'", "''", "0", "-1", "1.5", "None", "b'a'", "x", "names", "[]", "{}", "..."])
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]} + {0[1]})".format),
        st.tuples(inner, inner).map("({0[0]} % {0[1]})".format),
        st.tuples(inner, inner).map("{0[0]}[{0[1]}]".format),
        st.tuples(inner, inner, inner).map("{0[0]}[{0[1]}:{0[2]}]".format),
        st.tuples(inner, inner).map("{0[0]}[::{0[1]}]".format),
        st.tuples(inner, inner).map("[{0[0]}, {0[1]}]".format),
        st.tuples(inner, inner).map("{{{0[0]}, {0[1]}}}".format),
        st.tuples(inner, inner).map("{{{0[0]}: {0[1]}}}".format),
        st.tuples(inner, inner).map("({0[0]} if x else {0[1]})".format),
        st.tuples(inner, st.sampled_from(["sorted", "tuple", "join", "str", "f"])).map("{0[1]}({0[0]})".format),
        st.tuples(inner, inner, st.sampled_from(["split", "replace", "strip", "items", "lower"])).map(
            "({0[0]}).{0[2]}({0[1]})".format
        ),
    ),
    max_leaves=8,
)


@given(_EXPRESSIONS, _EXPRESSIONS)
def test_whatever_names_a_module_is_known_or_not(given_to_x, name):
    try:
        ast.parse(f"x = {given_to_x}\nimport_module({name})")
    except SyntaxError:
        return
    text = f"x = {given_to_x}\nfor names in x:\n    import_module({name})".encode()
    assert all(isinstance(each, str) for each in known_and_rest(text)[0] | patterns_of(text))
    assert isinstance(pattern_of(name), (str, type(None)))


def test_a_file_is_parsed_once_for_all_that_is_asked(monkeypatch):
    parsed = []
    parse = loaded.ast.parse
    monkeypatch.setattr(loaded.ast, "parse", lambda data: parsed.append(data) or parse(data))
    for text in (b"import_module('once.' + read())", b"name = 'parsed.once'\nimport_module(name)"):
        for _ in range(2):
            known_and_rest(text)
            patterns_of(text)
    known_and_rest(b"important = module")
    assert len(parsed) == 2
