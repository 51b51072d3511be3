"""The files of a tree by what may influence each other, and the names of these parts."""

from per_audit.audit.parts import Sources
from per_audit.settings import Settings
from per_audit.source import discover

FILES = {"train.py": "import store\n", "store.py": "rows = []\n", "plot.py": "reward = done = 1\n", "bad.py": "a\0b\n"}


def parts(root, **changed):
    for name, text in {**FILES, **changed}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    sources = Sources(discover(root, [root], Settings(root).filters))
    return {tuple(file.relative for file in part.files): part for part in sources.parts()}, sources


def test_files_are_together_with_what_they_import(tmp_path):
    found, sources = parts(tmp_path)
    assert sorted(found) == [("plot.py",), ("store.py", "train.py")]
    assert [(part.matters, part.is_text) for _, part in sorted(found.items())] == [(True, False), (False, False)]
    assert [notice.path for notice in sources.notices] == ["bad.py"]


def test_a_key_changes_with_the_files_of_its_part(tmp_path):
    before, _ = parts(tmp_path)
    same, _ = parts(tmp_path)
    after, _ = parts(tmp_path, **{"store.py": "rows = {}\n"})
    assert {path: part.key for path, part in before.items()} == {path: part.key for path, part in same.items()}
    assert before["plot.py",].key == after["plot.py",].key
    assert before["store.py", "train.py"].key != after["store.py", "train.py"].key


def test_a_key_changes_with_cells_that_do_not_parse(tmp_path):
    """The words in them count."""
    cell = '{"cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "code", "source": "f(%s"}]}'
    before, _ = parts(tmp_path, **{"try.ipynb": cell % "Memory"})
    after, _ = parts(tmp_path, **{"try.ipynb": cell % "Buffer"})
    assert before["try.ipynb",].key != after["try.ipynb",].key


def test_a_key_changes_with_what_an_import_means(tmp_path):
    moved = {"store.py": "import far\n", "lib/far.py": "rows = []\n", "main.py": "import store, far\n"}
    before, _ = parts(tmp_path, **moved)
    after, _ = parts(tmp_path, **moved, **{"other/__init__.py": "", "other/far.py": ""})
    assert ("lib/far.py", "main.py", "store.py", "train.py") in before
    assert ("lib/far.py",) in after
    assert before.keys() & after.keys() == {("plot.py",)}


def test_a_text_is_a_part_of_its_own(tmp_path):
    (tmp_path / "guide.md").write_text("```python\nimport memory\n```\n")
    sources = Sources(discover(tmp_path, [tmp_path / "guide.md"], Settings(tmp_path).filters))
    (part,) = sources.parts()
    assert part.is_text


def test_a_part_below_what_can_be_installed_is_of_a_package(tmp_path):
    (tmp_path / ".git").mkdir()
    before, _ = parts(tmp_path, **{"lib/a.py": "reward = 1\n"})
    (tmp_path / "lib/setup.py").write_text("")
    after, _ = parts(tmp_path)
    assert {path: part.packaged for path, part in after.items() if path != ("lib/setup.py",)} == {
        ("plot.py",): set(),
        ("store.py", "train.py"): set(),
        ("lib/a.py",): {"lib/a.py"},
    }
    assert before["lib/a.py",].key != after["lib/a.py",].key


def test_a_part_enters_the_folders_that_its_imports_name(tmp_path):
    more = {
        "far/kit/deep/a.py": "",
        "far/kit/deep/b.py": "import far.kit.deep.a\n",
        "far/tool.py": "import kit.deep.a\n",
    }
    found, _ = parts(tmp_path, **more, **{"main.py": "import tool\n", "lib/__init__.py": "", "use.py": "import lib\n"})
    entered = {path[0]: part.entered for path, part in found.items()}
    assert entered["far/kit/deep/a.py"] == {"far/kit", "far/kit/deep"}
    assert entered["lib/__init__.py"] == {"lib"}
    assert entered["store.py"] == set()


LARGE = f"import random\n\n\ndef draw(rows):\n    return random.choice(rows)\n\n\nTEXT = '{'-' * 100_000}'\n"


def test_many_files_without_a_word_of_replay_are_not_judged(tmp_path):
    found, _ = parts(tmp_path, **{"large.py": LARGE, "spoken.py": f"memory = ReplayMemory(LARGE)\n{LARGE}"})
    assert {path: (part.matters, part.is_judged) for (path, *_), part in found.items() if len(part.files) == 1} == {
        "large.py": (False, False),
        "plot.py": (True, True),
        "spoken.py": (True, True),
    }


def test_all_is_judged_by_rules_that_may_ask_about_more(tmp_path):
    (tmp_path / "large.py").write_text(LARGE)
    (part,) = Sources(discover(tmp_path, [tmp_path], Settings(tmp_path).filters), judges_all=True).parts()
    assert (part.matters, part.is_judged) == (True, True)
