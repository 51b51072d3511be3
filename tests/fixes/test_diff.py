from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.fixes.diff import unified_diff
from per_audit.fixes.transaction import Change

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def test_looks_as_usual():
    assert unified_diff([Change("a.py", b"1\n2\n", b"1\n3"), Change("b.py", None, b"x\n")]) == (
        b"--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n\\ No newline at end of file\n"
        b"--- /dev/null\n+++ b/b.py\n@@ -0,0 +1 @@\n+x\n"
    )


def test_no_change_no_diff():
    assert unified_diff([Change("a.py", b"1\n", b"1\n")]) == b""


def applied(folder, changes):
    """What `git apply` makes of the files, given the diff."""
    shutil.rmtree(folder, ignore_errors=True)
    for change in changes:
        (folder / change.path).parent.mkdir(parents=True, exist_ok=True)
        if change.before is not None:
            (folder / change.path).write_bytes(change.before)
    diff = unified_diff(changes)
    for flags in (["--check"], []):
        subprocess.run(["git", "apply", *flags, "--whitespace=nowarn"], input=diff, cwd=folder, check=True)
    return {change.path: (folder / change.path).read_bytes() for change in changes}


@needs_git
def test_git_applies_it(tmp_path):
    changes = [
        Change("crlf.py", b"a\r\nb\r\n", b"a\r\nx\r\nb\r\n"),
        Change("cr.py", b"a\rb\r", b"a\rx\rb\r"),
        Change("latin.py", b"# coding: latin-1\n'\xe9'\n", b"# coding: latin-1\nx = 1\n'\xe9'\n"),
        Change("my agent/two  spaces.py", b"1\n", b"2\n"),
        Change("naïve→.py", b"1\n", b"2\n"),
        Change('quo"te\\.py', b"1\n", b"2\n"),
        Change("tab\there.py", None, b"2"),
        Change("deep/er/new.py", None, b"a\n\nb\n"),
        Change("form\x0cfeed.py", b"a\n\x0c\nb\n", b"a\n\x0c\nc\n"),
        Change("end.py", b"a", b"a\n"),
    ]
    assert applied(tmp_path / "project", changes) == {change.path: change.after for change in changes}


@needs_git
def test_git_applies_it_below_the_top_of_a_repository(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    changes = [Change("a.py", b"1\n", b"2\n"), Change("pkg/new.py", None, b"1\n")]
    assert applied(tmp_path / "sub" / "project", changes) == {"a.py": b"2\n", "pkg/new.py": b"1\n"}


contents = st.binary(max_size=30) | st.lists(st.sampled_from([b"a\n", b"b\r\n", b"\n", b"c"]), max_size=8).map(b"".join)


@needs_git
@given(before=contents, after=contents)
def test_git_applies_any_change(tmp_path_factory, before, after):
    if b"\0" in before + after or before == after or not after:
        return
    changes = [Change("a.py", before, after)]
    assert applied(tmp_path_factory.getbasetemp() / "any", changes) == {"a.py": after}
