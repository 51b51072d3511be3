"""What a name on the command line stands for."""

import pytest

from per_audit.errors import UserError
from per_audit.verify.targets import bundled, parse


@pytest.fixture
def base(tmp_path):
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "buffer.py").write_text("class Ring: pass\n")
    return tmp_path


def test_a_file_and_its_class(base):
    target = parse("src/pkg/buffer.py:Ring", base)
    assert (target.name, target.cls, target.module) == ("src/pkg/buffer.py:Ring", "Ring", None)
    assert target.file == (base / "src/pkg/buffer.py").resolve()
    assert target.paths == (str(base), str(base / "src"))
    assert target.roots == (str((base / "src/pkg").resolve()),)


def test_an_absolute_path_holds_whatever_the_base(base, tmp_path_factory):
    file = base / "src/pkg/buffer.py"
    assert parse(f"{file}:Ring", tmp_path_factory.mktemp("other")).file == file.resolve()


def test_a_module_and_its_class(base):
    target = parse("pkg.buffer:Ring", base)
    assert (target.cls, target.module, target.file) == ("Ring", "pkg.buffer", None)
    assert target.roots == (str(base),)


def test_without_a_base_names_are_relative_to_the_current_directory(base, monkeypatch):
    monkeypatch.chdir(base / "src" / "pkg")
    target = parse("buffer.py:Ring")
    assert target.file == (base / "src/pkg/buffer.py").resolve()
    assert target.paths == (str(base / "src" / "pkg"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ring", "no class is named"),
        ("src/pkg/buffer.py", "no class is named"),
        ("src/pkg/buffer.py:", "no class is named"),
        (":Ring", "no class is named"),
        ("pkg.buffer:not a class", "no class is named"),
        ("gone.py:Ring", "gone.py is no file"),
        ("src/pkg:Ring", "src/pkg is no file"),
        ("pkg..buffer:Ring", "neither a .py file nor a module"),
        ("pkg-buffer:Ring", "neither a .py file nor a module"),
    ],
)
def test_what_names_no_class_is_refused_with_a_remedy(base, text, message):
    with pytest.raises(UserError, match=message) as refused:
        parse(text, base)
    assert str(refused.value).startswith(f"{text}: ")
    assert "write path/file.py:Class" in str(refused.value)


def test_the_bundled_buffers_can_be_named_like_any_module(base):
    for target in bundled():
        named = parse(target.name, base)
        assert (named.module, named.cls) == (target.module, target.cls)
        assert target.bundled
        assert not named.bundled
