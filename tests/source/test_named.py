"""Names of modules of which a part is made up when a program runs, and the files that they mean."""

from __future__ import annotations

import pytest

from per_audit.source.named import files_named, names_loaded
from per_audit.source.resolve import Modules

TREE = Modules(["main.py", "rl/run_a.py", "rl/run_b.py", "rl/deep/__init__.py", "rl/deep/far.py", "rl/shared.py"])
RUNS = {"rl.run_a", "rl.run_b"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import_module(f'rl.run_{read()}')", RUNS),
        ("import_module('rl.run_' + name)", RUNS),
        ("import_module('rl.run_%s' % name)", RUNS),
        ("import_module('rl.{}_{}'.format(kind, name))", RUNS),
        ("path = f'rl.run_{name}'\nimport_module(path)", RUNS),
        ("import_module(f'rl.{name}')", {*RUNS, "rl.deep", "rl.shared"}),
        ("import_module(f'rl.{name}.far')", {"rl.deep.far"}),
        ("import_module('rl.shared')", {"rl.shared"}),
        ("for name in ['a', 'c']:\n    import_module(f'rl.run_{name}')", {"rl.run_a"}),
        ("DEFINE_config_file('config', 'rl/run_a.py', 'settings')", {"rl.run_a"}),
        ("DEFINE_config_file(\n    'config', default='./rl/run_b.py:small')", {"rl.run_b"}),
        ("DEFINE_config_file('config', 'rl/run_c.py')", set()),
        ("DEFINE_config_file('config')", set()),
        # what does not begin with what is written
        ("import_module(read())", set()),
        ("import_module(f'{read()}.run_a')", set()),
        ("path = path + '.rl'\nimport_module(path)", set()),
        ("for path in paths:\n    import_module(path)", set()),
        ("path, _ = read()\nimport_module(path)", set()),
        ("import_module(f'torch.{name}')", set()),
        ("import_module()", set()),
        ("import_module(f'rl.{name}'", set()),
    ],
)
def test_what_a_file_may_import(text, names):
    assert set(names_loaded("main.py", text.encode(), TREE)) == names


@pytest.mark.parametrize("text", ["f'{__name__}.run_{name}'", "__package__ + '.run_' + name", "'.run_' + name"])
def test_the_folder_around_the_file(text):
    assert names_loaded("rl/__init__.py", f"import_module({text})".encode(), TREE) == (".run_a", ".run_b")
    assert names_loaded("main.py", f"import_module({text})".encode(), TREE) == ()


def test_too_many_files_are_none():
    tree = Modules([f"rl/run_{at}.py" for at in range(65)])
    assert names_loaded("main.py", b"import_module(f'rl.run_{name}')", tree) == ()
    assert len(names_loaded("main.py", b"import_module(f'rl.run_1{name}')", tree)) == 10


@pytest.mark.parametrize(
    ("expression", "files"),
    [
        ("f'rl.run_{name}'", ["rl/run_a.py", "rl/run_b.py"]),
        ("'rl.deep'", ["rl/deep/__init__.py"]),
        ("name", None),
        ("3", []),
    ],
)
def test_what_one_call_may_import(expression, files):
    assert files_named("main.py", expression, TREE) == files


def test_what_is_in_a_package_has_its_bare_name_beside_it_alone():
    assert names_loaded("main.py", b"import_module('far')", TREE) == ()
    assert files_named("main.py", "'far'", TREE) == []
    assert names_loaded("rl/deep/other.py", b"import_module('far')", TREE) == ("far",)
    assert files_named("main.py", "'shared'", TREE) == ["rl/shared.py"]
