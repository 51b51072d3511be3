"""Which paths git and the settings leave out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.source.roots import repository_top

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pathspec import GitIgnoreSpec

# Markdown is read where it is asked for: texts show parts of programs, and leave out what they are not about.
DEFAULT_INCLUDE = ("*.py", "*.pyw", "*.ipynb")
# Directories of tools and of copies of other people's code. `env` is not among them: reinforcement-learning
# projects keep environments there; virtual environments are recognised by their pyvenv.cfg instead.
DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".per-audit",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_ENDING = re.compile(r"\*\.[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Filters:
    """Patterns in .gitignore syntax, relative to `base`: what is read, and what is not even looked into."""

    base: Path
    include: tuple[str, ...] = DEFAULT_INCLUDE
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE


class Names:
    """Patterns that are names and endings of names, which match at any depth: much faster than the general ones."""

    def __init__(self, names: Iterable[str], endings: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._endings = tuple(endings)
        self._above: dict[str, bool] = {"": False}

    def verdict(self, path: str) -> bool | None:
        """True where a name on the path matches, else None."""
        above, _, name = path.rstrip("/").rpartition("/")
        if name in self._names or name.endswith(self._endings):
            return True
        known = self._above.get(above)
        if known is None:
            known = self._above[above] = bool(self.verdict(above))
        return known or None


class Patterns:
    """Ignore patterns together with the directory they are relative to."""

    def __init__(self, base: Path, spec: GitIgnoreSpec | Names) -> None:
        self.spec = spec
        self._prefix = base.as_posix().rstrip("/") + "/"

    def verdict(self, path: str, is_directory: bool) -> bool | None:
        """True: a pattern matches; False: a `!pattern` takes it back; None: nothing is said of this path."""
        if not path.startswith(self._prefix):
            return None
        inner = path[len(self._prefix) :] + "/" * is_directory
        return self.spec.verdict(inner) if isinstance(self.spec, Names) else self.spec.check_file(inner).include


Chain = tuple[Patterns, ...]


class Ignores:
    """Walks down from the top of the repository and keeps, for each directory, the patterns that hold there.

    A chain is ordered from the weakest patterns (.git/info/exclude) to the strongest (the settings' `exclude`).
    """

    def __init__(self, root: Path, filters: Filters) -> None:
        self._top = repository_top(root)
        self._first = self._top or root
        self._exclude = compile_patterns(filters.exclude)
        self._base = filters.base
        self.include = Patterns(filters.base, compile_patterns(filters.include))

    def start(self, directory: Path) -> Chain:
        """The chain for a directory that the user named: what would hide the directory itself does not count."""
        chain = self.descend(directory)
        if chain is None:
            return self.inside((Patterns(directory, self._exclude),), directory)
        return chain

    def descend(self, directory: Path) -> Chain | None:
        """The chain for any directory below the top; None where it or one above it is ignored."""
        settings = Patterns(self._base, self._exclude)
        chain = self.inside((*self._repository(), settings), self._first)
        for depth in range(len(directory.relative_to(self._first).parts) - 1, -1, -1):
            below = directory if depth == 0 else directory.parents[depth - 1]
            if self.ignored(chain, below.as_posix(), is_directory=True):
                return None
            chain = self.inside(chain, below)
        return chain

    def inside(self, chain: Chain, directory: Path | str) -> Chain:
        """The chain below `directory`: that directory's own .gitignore comes right under the settings."""
        directory = Path(directory)
        lines = _read_lines(directory / ".gitignore")
        return (*chain[:-1], Patterns(directory, compile_patterns(lines)), chain[-1]) if lines else chain

    @staticmethod
    def ignored(chain: Chain, path: str, is_directory: bool) -> bool:
        """Whether the strongest pattern that speaks of `path` hides it."""
        for patterns in reversed(chain):
            verdict = patterns.verdict(path, is_directory)
            if verdict is not None:
                return verdict
        return False

    def _repository(self) -> Chain:
        if self._top is None:
            return ()
        lines = _read_lines(_git_directory(self._top) / "info" / "exclude")
        return (Patterns(self._top, compile_patterns(lines)),) if lines else ()


def compile_patterns(lines: tuple[str, ...] | list[str]) -> GitIgnoreSpec | Names:
    """A matcher for lines in .gitignore syntax; lines that are no pattern count for nothing, as in git."""
    if all(_NAME.fullmatch(line) or _ENDING.fullmatch(line) for line in lines):
        return Names((x for x in lines if x[0] != "*"), (x[1:] for x in lines if x[0] == "*"))
    from pathspec import GitIgnoreSpec  # which most projects without a .gitignore need not wait for

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _git_directory(top: Path) -> Path:
    """The repository's own directory: `.git`, or what the file `.git` of a linked work tree leads to."""
    directory = top / ".git"
    if directory.is_file():
        directory = top / "".join(_read_lines(directory)[:1]).removeprefix("gitdir:").strip()
    return directory / "".join(_read_lines(directory / "commondir")[:1])
