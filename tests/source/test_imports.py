"""What a file imports, by its bytes: never less than its statements say."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.source.imports import WHOLE, imports_of, packages_of_unwritten


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a", {"a*"}),
        ("import a.b.c", {"a*", "a.b", "a.b.c"}),
        ("import a.b as c", {"a", "a.b*"}),
        ("import a, b as c  # import d", {"a*", "b*"}),
        ("import a; import b", {"a*", "b*"}),
        ("import a, \\\n    b", {"a*", "b*"}),
        ("from a.b import c", {"a.b", "a.b.c*"}),
        ("from a import (b,  # :-)\n    c as d,\n)", {"a", "a.b*", "a.c*"}),
        ("from a import b, \\\n    c", {"a", "a.b*", "a.c*"}),
        ("from a \\\n  import b", {"a", "a.b*"}),
        ("from a import(b)", {"a", "a.b*"}),
        ("from . import a", {".", ".a*"}),
        ("from.import a", {".", ".a*"}),
        ("from . . a . b import c", {"..a.b", "..a.b.c*"}),
        ("from ... import a", {"...", "...a*"}),
        ("from a import *", {"a"}),
        ("from importlib import reload", {"importlib", "importlib.reload*"}),
        ("if x: import a", {"a*"}),
        ("if x: from a import b; import c", {"a", "a.b*", "c*"}),
        ("x = 1\r    import a\rimport b\r\nimport c", {"a*", "b*", "c*"}),
        ("from b\u00fcffer import r\u00eang", {"b\u00fcffer", "b\u00fcffer.r\u00eang*"}),
        ('register(id="x", entry_point="a.b:C")\nmake(\'d:e-v0\')', {"a.b", "d"}),
        ('x = {"a": "b"}; y = "cuda:0"; z = "a: b"', set()),
        ("important = reimport\nimport_a = 1\nfrom_x = 2", set()),
    ],
)
def test_names(text, names):
    assert set(imports_of(text.encode())) == names


PARTS = st.lists(st.sampled_from(["a", "import_", "from_x", "b2"]), min_size=1, max_size=3).map(".".join)
NAMES = st.lists(st.sampled_from(["x", "imported", "y as z"]), min_size=1, max_size=3)
STATEMENTS = st.one_of(
    PARTS.map("import {}".format),
    st.builds("from {}{} import {}".format, st.sampled_from(["", ".", ".."]), PARTS, NAMES.map(", ".join)),
    st.builds("from {} import (\n  {},\n)".format, PARTS, NAMES.map(",  # import )\n  ".join)),
    st.just("'''\nimport inside\n'''"),
    st.just("x = 'from'; y = 2"),
)


@given(st.lists(STATEMENTS, max_size=5), st.sampled_from(["\n", "\r\n", "\n\n    # import c\n"]))
def test_no_import_of_the_syntax_tree_is_missed(statements, between):
    text = between.join(statements)
    wanted = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            glue = "." if node.module else ""
            wanted |= {base, *(base + glue + alias.name for alias in node.names)}
    assert wanted <= {name.rstrip(WHOLE) for name in imports_of(text.encode())}


def test_of_a_name_of_many_steps_only_the_first_are_modules():
    found = imports_of(b"import a" + b".b" * 20_000 + b"\n")
    assert {"a*", "a.b"} <= set(found)
    assert len(found) <= 100


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("import_module(f'agents.{name}')", {"agents"}),
        ("importlib.import_module('code.agents.' + name)", {"code.agents"}),
        ("import_module(f'envs.env_{name}')", {"envs"}),
        ("__import__(f'{__name__}.{name}')", {"."}),
        ("import_module(__name__ + '.' + name)", {"."}),
        ("import_module('.' + name, package=where)", {""}),
        ("import_module(read())", {""}),
        ("import_module('torch')", set()),
        ("__import__('pkgutil').extend_path(__path__, __name__)", set()),
        ("# import_module(read())", set()),
        ("import proto__import__public", set()),
        ("env = make()  # instantiate the environment", set()),
        ("hydra.utils.instantiate(config)", {""}),
        ("from hydra.utils import instantiate as made", {""}),
        ("from importlib import import_module as load", {""}),
        ("importlib.util.spec_from_file_location(name, path)", {""}),
    ],
)
def test_packages_of_unwritten_names(text, packages):
    assert packages_of_unwritten(text.encode()) == packages
