from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from per_audit import __version__, cli
from per_audit.errors import InternalError, UserError


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes `per-audit scan` a command that raises."""

    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: SimpleNamespace(command=command))


def test_version(run: Any) -> None:
    assert run("--version") == (0, f"per-audit, version {__version__}\n", "")


@pytest.mark.parametrize("module", ["per_audit", "per_audit.cli"])
def test_the_packages_run_as_modules(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"per-audit, version {__version__}\n", "")
    bad = subprocess.run([sys.executable, "-m", module, "nonsense"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "No such command 'nonsense'" in bad.stderr


def test_help_lists_every_command(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for name in ("explain", "rules", "scan"):
        assert f"  {name} " in out
    assert "_shared" not in out


def test_every_command_has_help_with_examples(run: Any) -> None:
    for name in cli.group.list_commands(click.Context(cli.group)):
        code, out, _ = run(name, "--help")
        assert code == 0
        assert f"  per-audit {name}" in out, name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["scan", "--nonsense"], "No such option"),
        (["scan", "--format", "xml"], "'xml' is not one of"),
        (["explain"], "Missing argument 'CODE|NAME|CHECK'"),
    ],
)
def test_wrong_usage_exits_2(run: Any, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("a.py: bad; do this"), 2, "per-audit: error: a.py: bad; do this\n"),
        (click.ClickException("bad"), 2, "Error: bad\n"),
        (click.FileError("a.py", "gone"), 2, "Error: Could not open file 'a.py': gone\n"),
        (click.exceptions.Exit(3), 3, ""),
        (click.Abort(), 130, "per-audit: interrupted\n"),
    ],
)
def test_exit_codes(run: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str) -> None:
    fail_with(monkeypatch, error)
    assert run("scan") == (code, "", said)


def test_interrupted(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    code, out, err = run("scan")
    assert (code, out, err.strip()) == (130, "", "per-audit: interrupted")


def test_an_interrupt_that_native_code_turned_into_another_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise KeyError("half a tree")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: SimpleNamespace(command=command))
    assert run("scan") == (130, "", "per-audit: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_internal_errors_are_short(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyError("x\n" * 10_000))
    assert len(run("scan").err) < 500


def test_internal_errors_say_how_to_get_the_traceback(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    code, out, err = run("scan")
    assert (code, out) == (2, "")
    assert err.startswith("per-audit: internal error: ZeroDivisionError: division by zero\n")
    assert "run: per-audit --debug scan\n" in err
    assert "Traceback" not in err
    code, _, err = run("--debug", "scan")
    assert code == 2
    assert "Traceback" in err
    fail_with(monkeypatch, InternalError("rule PER001 failed"))
    assert run("scan").err.startswith("per-audit: internal error: rule PER001 failed\n")


def test_a_closed_pipe_is_quiet() -> None:
    program = "import sys; from per_audit.cli import main; sys.exit(main(['rules', '--format', 'json']))"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")


def test_a_scan_imports_only_what_it_needs(tmp_path: Path) -> None:
    """numpy is for the witnesses of the rules, libcst for what the interpreter does not read, rich for colours."""
    (tmp_path / "buffer.py").write_text("import random\nrows = []\nrows.append(1)\nprint(random.sample(rows, 1))\n")
    arguments = ["scan", "--quiet", "--fail-on", "never", "--cache-dir", str(tmp_path / "kept"), str(tmp_path)]
    code = (
        f"import sys; from per_audit.cli import main; main({arguments});"
        "unwanted = {'libcst', 'numpy', 'torch', 'rich', 'multiprocessing', 'concurrent', 'importlib.metadata'};"
        "print(*sorted(unwanted & set(sys.modules)))"
    )
    seen = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(2)]
    assert [run.stdout.split() for run in seen] == [[], []]


def test_a_scan_of_what_has_not_changed_imports_no_audit(tmp_path: Path) -> None:
    (tmp_path / "buffer.py").write_text("import random\nrows = []\nrows.append(1)\nprint(random.sample(rows, 1))\n")
    arguments = ["scan", "--quiet", "--fail-on", "never", "--cache-dir", str(tmp_path / "kept"), str(tmp_path)]
    code = (
        f"import sys; from per_audit.cli import main; main({arguments});"
        "print(*sorted({'per_audit.audit', 'per_audit.graph', 'per_audit_rules'} & set(sys.modules)))"
    )
    seen = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(2)]
    assert [bool(run.stdout.split()) for run in seen] == [True, False]


def test_nothing_heavy_is_imported_to_start() -> None:
    program = (
        "import sys, per_audit.cli\n"
        "per_audit.cli.main(['--version'])\n"
        "print(*sorted({'libcst', 'rich', 'numpy', 'torch', 'pathspec', 'per_audit.rule'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == [""]
