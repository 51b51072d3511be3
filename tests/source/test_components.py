"""Which files may influence each other."""

from per_audit.source.components import components
from per_audit.source.imports import imports_of
from per_audit.source.resolve import Modules


def parts(**texts):
    files = {f"{name}.py": text.encode() for name, text in texts.items()}
    return components({path: imports_of(data) for path, data in files.items()}, Modules(files))


def test_files_that_import_nothing_of_the_tree_are_alone():
    assert parts(b="import numpy", a="from torch import nn") == [["a.py"], ["b.py"]]


def test_importers_and_imported_are_together_in_both_directions():
    assert parts(main="import ring", ring="", other="from ring import x", far="") == [
        ["far.py"],
        ["main.py", "other.py", "ring.py"],
    ]


def test_a_package_imported_as_a_whole_is_with_what_is_below_it():
    package = {"pkg/__init__": "", "pkg/ring": "", "pkg/sub/tree": ""}
    assert parts(main="import pkg", **package) == [["main.py", "pkg/__init__.py", "pkg/ring.py", "pkg/sub/tree.py"]]


def test_one_module_of_a_package_does_not_bring_the_others():
    package = {"pkg/__init__": "", "pkg/ring": "", "pkg/tree": ""}
    assert parts(main="from pkg.ring import Ring", **package) == [
        ["main.py", "pkg/ring.py"],
        ["pkg/__init__.py"],
        ["pkg/tree.py"],
    ]


def test_no_component_depends_on_what_else_is_there():
    mine = {"mine/main": "from mine.ring import Ring", "mine/ring": "from . import tree", "mine/tree": ""}
    alone = parts(**mine)
    assert [part for part in parts(**mine, other="import numpy, json") if part != ["other.py"]] == alone
