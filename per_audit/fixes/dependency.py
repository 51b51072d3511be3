"""The project's own list of dependencies: does it declare per-audit, and if it shall, where."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from per_audit import __version__
from per_audit.errors import UserError
from per_audit.fixes.transaction import Change

if TYPE_CHECKING:
    from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DISTRIBUTION = "per-audit"
_REQUIREMENT = f"{DISTRIBUTION}>={__version__}"
_NAMED = re.compile(r"""(?mi)^[\s"'\-]*per[-_.]+audit(?![\w.-])""")
_QUOTED = re.compile(r"""(?i)["'\s]per[-_.]+audit(?![\w-])""")
# Lists of what developers need; the training job is not run with them.
_ASIDE = re.compile(r"dev|test|lint|doc", re.IGNORECASE)


def declares(root: Path) -> bool:
    """Whether what the project installs for itself contains the reference buffers."""
    requirements = [*root.glob("requirements*.txt"), *root.glob("requirements/*.txt"), *root.glob("environment*.y*ml")]
    if any(_NAMED.search(_read(path)) for path in requirements if not _ASIDE.search(path.name)):
        return True
    if any(_NAMED.match(requirement) for requirement in _declared(_toml(root / "pyproject.toml"))):
        return True
    # Dependencies in setup.cfg stand on lines of their own, those in setup.py in quotes.
    return bool(_NAMED.search(_read(root / "setup.cfg")) or _QUOTED.search(_read(root / "setup.py")))


def declare(root: Path) -> Change:
    """The change that adds per-audit to the project's dependencies; raises UserError where there is no list."""
    pyproject = root / "pyproject.toml"
    parsed = _toml(pyproject)
    project = parsed.get("project")
    if isinstance(project, dict) and "dependencies" in project:
        return _extended(pyproject, parsed)
    requirements = root / "requirements.txt"
    if requirements.is_file():
        before = requirements.read_bytes()
        newline = b"\r\n" if b"\r\n" in before else b"\n"
        gap = b"" if not before or before.endswith(b"\n") else newline
        return Change(requirements.name, before, before + gap + _REQUIREMENT.encode() + newline)
    raise UserError(
        f"{root}: neither a pyproject.toml with project.dependencies nor a requirements.txt was found; add "
        f"{_REQUIREMENT} where the project lists its dependencies, or use --vendor"
    )


def _declared(parsed: dict[str, object]) -> list[str]:
    """The names in [project] dependencies and [tool.poetry.dependencies]."""
    project, tool = parsed.get("project"), parsed.get("tool")
    names = list(project.get("dependencies", [])) if isinstance(project, dict) else []
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    if isinstance(poetry, dict):
        names += poetry.get("dependencies", {})
    return [name for name in names if isinstance(name, str)]


def _extended(path: Path, parsed: dict[str, object]) -> Change:
    """pyproject.toml with one more string at the end of project.dependencies, laid out as the others are."""
    before = path.read_bytes()
    text = before.decode("utf-8-sig")
    for opening in re.finditer(r"(?m)^[ \t]*(?:project\.)?dependencies[ \t]*=[ \t]*\[", text):
        after = _appended(text, opening.end())
        if after is not None and _is_expected(after, parsed):
            mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
            return Change(path.name, before, mark + after.encode())
    raise UserError(f'{path}: add "{_REQUIREMENT}" to project.dependencies by hand; its layout is not understood')


def _appended(text: str, start: int) -> str | None:
    """`text` with the requirement at the end of the array that is open at `start`."""
    end, last, has_comma = start, start, True
    for token in re.compile(r"""\s+|\#[^\n]*|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|,|\]""").finditer(text, start):
        if token.start() != end:
            return None
        end = token.end()
        if token[0] == "]":
            break
        if token[0][0] in "\"'":
            last, has_comma = end, False
        elif token[0] == ",":
            last, has_comma = end, True
    else:
        return None
    quote = "'" if "'" in text[start:last] and '"' not in text[start:last] else '"'
    comma = "" if has_comma else ","
    lead = re.search(r"\r?\n[ \t]*(?=[\"'])", text[start:last])
    if lead:  # one a line
        trailing = "," if has_comma else ""
        return f"{text[:last]}{comma}{lead[0]}{quote}{_REQUIREMENT}{quote}{trailing}{text[last:]}"
    gap = "" if last == start else " "
    return f"{text[:last]}{comma}{gap}{quote}{_REQUIREMENT}{quote}{text[last:]}"


def _is_expected(text: str, parsed: dict[str, object]) -> bool:
    """Whether the new text says what the old one said and one dependency more."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    dependencies = found.get("project", {}).get("dependencies")
    if not dependencies or dependencies.pop() != _REQUIREMENT:
        return False
    return found == parsed


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError:
        return {}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return ""
