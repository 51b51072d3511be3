from __future__ import annotations

import pytest

from per_audit import __version__
from per_audit.errors import UserError
from per_audit.fixes.dependency import declare, declares

NEW = f"per-audit>={__version__}"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("requirements.txt", "torch\nper-audit\n", True),
        ("requirements.txt", "Per_Audit[torch] >= 1 ; python_version > '3'\n", True),
        ("requirements.txt", "per-audit-extras\n# per-audit\nnumpy  # like per-audit\n", False),
        ("requirements-gpu.txt", "per-audit\n", True),
        ("requirements/base.txt", "per-audit\n", True),
        ("requirements-dev.txt", "per-audit\n", False),
        ("environment.yml", "dependencies:\n  - pip:\n    - per-audit==0.1\n", True),
        ("setup.cfg", "[options]\ninstall_requires =\n    per-audit\n", True),
        ("setup.py", "setup(install_requires=['per-audit>=1'])", True),
        ("setup.py", "setup(name='super-audit')", False),
        ("pyproject.toml", '[project]\ndependencies = ["per.audit"]', True),
        ("pyproject.toml", '[project]\nname = "x"\n[project.optional-dependencies]\ndev = ["per-audit"]', False),
        ("pyproject.toml", '[tool.poetry.dependencies]\nper-audit = "^0.1"', True),
        ("pyproject.toml", "[tool.per-audit]\nselect = []", False),
        ("pyproject.toml", "broken", False),
    ],
)
def test_declares(tmp_path, path, text, expected):
    assert not declares(tmp_path)
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    assert declares(tmp_path) is expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{NEW}\n"),
        ("torch\n", f"torch\n{NEW}\n"),
        ("torch", f"torch\n{NEW}\n"),
        ("torch\r\nnumpy", f"torch\r\nnumpy\r\n{NEW}\r\n"),
    ],
)
def test_requirements(tmp_path, before, after):
    (tmp_path / "requirements.txt").write_bytes(before.encode())
    (tmp_path / "pyproject.toml").write_text("[tool.black]\n")
    change = declare(tmp_path)
    assert (change.path, change.before, change.after) == ("requirements.txt", before.encode(), after.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[]", f'["{NEW}"]'),
        ('["a"]', f'["a", "{NEW}"]'),
        ('["a",]', f'["a", "{NEW}"]'),
        ("['a>=1', 'b[x]']", f"['a>=1', 'b[x]', '{NEW}']"),
        ('[\n    "a",  # A ]\n    "b",\n]', f'[\n    "a",  # A ]\n    "b",\n    "{NEW}",\n]'),
        ('[\r\n\t"a"\r\n]', f'[\r\n\t"a",\r\n\t"{NEW}"\r\n]'),
    ],
)
def test_pyproject(tmp_path, before, after):
    text = '\ufeff# x\n[tool.other]\ndependencies = ["z"]\n\n[project]\nname = "p"\ndependencies = {}\nversion = "1"\n'
    (tmp_path / "pyproject.toml").write_bytes(text.format(before).encode())
    (tmp_path / "requirements.txt").write_text("torch\n")
    change = declare(tmp_path)
    assert change.path == "pyproject.toml"
    assert change.after == text.format(after).encode()
    (tmp_path / "pyproject.toml").write_bytes(change.after)
    assert declares(tmp_path)


def test_a_layout_that_is_not_understood(tmp_path):
    (tmp_path / "pyproject.toml").write_text('project = {name = "p", dependencies = ["a"]}\n')
    with pytest.raises(UserError, match="by hand"):
        declare(tmp_path)


def test_nowhere_to_declare(tmp_path):
    with pytest.raises(UserError, match="or use --vendor"):
        declare(tmp_path)
