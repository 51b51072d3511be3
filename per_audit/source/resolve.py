"""Which file of a tree an import statement means."""

from __future__ import annotations

import posixpath
import sys
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REFERENCE = "experience_replay_optimizer"
# Well-known libraries: what these names mean is known, or that no replay is in them. A module of the same name
# elsewhere in the tree is another one.
LIBRARIES = frozenset({
    "PIL", "collections", "copy", "cupy", "cv2", "dataclasses", "django", "equinox", "flax", "functools", "gym",
    "gymnasium", "haiku", "heapq", "itertools", "jax", "jinja2", "keras", "math", "matplotlib", "mpl_toolkits",
    "networkx", "numpy", "optax", "packaging", "pandas", "peft", "queue", "random", "requests", "rlax", "scipy",
    "seaborn", "secrets", "setuptools", "skbuild", "sklearn", "sqlalchemy", "statsmodels", "sympy", "tensorboard",
    "tensorboardX", "tensorflow", "torch", "torchaudio", "torchvision", "tqdm", "transformers", "typing", "wandb",
    "yaml",
})  # fmt: skip
# Scripts of research code name modules in directories that they put on the path, and these may be packages; what lies
# deeper in a package is not imported by its bare name.
_DEEPEST_BARE = 1
_STANDARD = frozenset(name.lower() for name in sys.stdlib_module_names)
_INSTALLED = ("site-packages", "dist-packages")


class Modules:
    """All files that imports are looked up among, by their POSIX paths, whether or not they are read."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._tails: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path in sorted(self.paths):
            parts = _parts(path)
            distribution = _distribution(path)
            for start in range(len(parts)):
                self._tails[distribution, "/".join(parts[start:])].append(path)
        self._importers: dict[str, tuple[str, str]] = {}
        self._known: dict[tuple[str, str, str, int], str | None] = {}

    def find(self, importer: str, dotted: str, level: int = 0) -> str | None:
        """The path of the module that `importer` means by a dotted name, None where the tree has none.

        Relative imports are exact. Absolute ones are looked up from the importer's directory outwards, as Python does
        for scripts and for packages under any import root; then by the only module that ends in this name, or the only
        one of a bare name that is near. Well-known libraries are themselves, but for their own files; so is the
        standard library, but for scripts that have a file of the name beside them. Installed packages do not see each
        other. What no file is called exactly may be one whose name has other capitals: where file systems ignore them,
        Git keeps those that a file had first.
        """
        if importer not in self._importers:
            self._importers[importer] = posixpath.dirname(importer), _distribution(importer)
        key = (*self._importers[importer], dotted, level)
        if key not in self._known:
            self._known[key] = self._find(*key) or self._find_in_other_case(*key)
        return self._known[key]

    def _find(self, here: str, distribution: str, dotted: str, level: int) -> str | None:
        wanted = dotted.replace(".", "/")
        if level:
            for _ in range(level - 1):
                here = posixpath.dirname(here)
            return self._at(posixpath.join(here, wanted) if wanted else here)
        head = dotted.partition(".")[0]
        if head == REFERENCE:
            return None  # known by its interface, vendored or installed
        if head in LIBRARIES:
            return next((self._at(posixpath.join(above, wanted)) for above in self._roots(here, head)), None)
        if head in sys.stdlib_module_names:
            return None if posixpath.join(here, "__init__.py") in self.paths else self._at(posixpath.join(here, wanted))
        candidates = self._tails.get((distribution, wanted), [])
        for around in _outwards(here) if candidates else ():
            found = self._at(posixpath.join(around, wanted))
            if found in candidates:
                return found
        if "/" not in wanted and len(candidates) > 1:
            candidates = _beside(candidates, here) or self._installable(candidates)
        candidates = [path for path in candidates if self._is_bare(path, wanted, here)]
        if candidates:
            # A character further than the directory, so that a sibling is nearer than a cousin.
            return max(candidates, key=lambda path: len(posixpath.commonprefix([path, f"{here}/" if here else ""])))
        # The scanned directory may itself be the package that absolute imports begin with.
        _, _, rest = wanted.partition("/")
        found = (self._at(rest) if rest else None) or self._of_main(here, wanted)
        return found if found is not None and _distribution(found) == distribution else None

    def _of_main(self, here: str, wanted: str) -> str | None:
        """A module of the package that the importer is in, where that is called by the name of one of its modules.

        `Agent/Agent.py` makes a package known as `baselines.Agent`, whatever its folder is called in the tree.
        """
        above, _, name = wanted.rpartition("/")
        _, _, main = above.rpartition("/")
        for package in self._packages(here):
            if main != above and posixpath.join(package, f"{main}.py") in self.paths:
                return self._at(posixpath.join(package, name))
        return None

    def _find_in_other_case(self, here: str, distribution: str, dotted: str, level: int) -> str | None:
        head = dotted.partition(".")[0]
        if distribution or not dotted or head in LIBRARIES or head.lower() in _STANDARD or head == REFERENCE:
            return None
        for _ in range(level - 1):
            here = posixpath.dirname(here)
        wanted = dotted.replace(".", "/")
        for around in [here] if level else _outwards(here):
            base = posixpath.join(around, wanted).lower()
            found = self._in_lower_case.get(f"{base}.py", []) + self._in_lower_case.get(f"{base}/__init__.py", [])
            if found:
                return found[0] if len(found) == 1 else None
        return None

    @cached_property
    def _in_lower_case(self) -> dict[str, list[str]]:
        """The paths by what they are without capitals."""
        spelt: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            spelt[path.lower()].append(path)
        return spelt

    def _roots(self, here: str, package: str) -> Iterator[str]:
        """The directories around which hold a package of this name that is in no other package."""
        for directory in _outwards(here):
            above = posixpath.dirname(directory)
            is_top = posixpath.join(above, "__init__.py") not in self.paths
            if posixpath.basename(directory) == package and is_top and f"{directory}/__init__.py" in self.paths:
                yield above

    def _is_bare(self, path: str, wanted: str, here: str) -> bool:
        """Whether a file in the directory may name the module so, though it is found under no directory around it.

        What lies in a package is named so by scripts, which put its directory on the path, and by the packages beside
        it; a package elsewhere means by the name what is installed.
        """
        around = self._packages("/".join(_parts(path)[: -1 - wanted.count("/")]))
        own = self._packages(here)
        is_beside = not own or not around or posixpath.dirname(own[-1]) == posixpath.dirname(around[-1])
        return len(around) <= _DEEPEST_BARE and is_beside

    def _installable(self, candidates: list[str]) -> list[str]:
        """Of modules of one name the only one that is installed under it: a package that lies beside a `setup.py`."""
        found = [
            path
            for path in candidates
            if posixpath.basename(path) == "__init__.py"
            and posixpath.join(posixpath.dirname(posixpath.dirname(path)), "setup.py") in self.paths
        ]
        return found if len(found) == 1 else []

    def _packages(self, directory: str) -> list[str]:
        """The directory and those around it that are packages, one in the other, the outermost last."""
        found: list[str] = []
        for each in _outwards(directory):
            if posixpath.join(each, "__init__.py") not in self.paths:
                break
            found.append(each)
        return found

    def _at(self, base: str) -> str | None:
        for path in (f"{base}.py", posixpath.join(base, "__init__.py")):
            if path in self.paths:
                return path
        return None


def _outwards(directory: str) -> Iterator[str]:
    """The directory, the one around it, and so on up to the root of the tree."""
    while directory.strip("/"):
        yield directory
        directory = posixpath.dirname(directory)
    yield directory


def _beside(candidates: list[str], here: str) -> list[str]:
    """Of modules of one name the one in a directory beside this, or beside one around it, where only one is as near.

    That is where a script finds what it shares with those beside it, which have put that directory on the path as well.
    """
    for around in _outwards(here):
        near = [path for path in candidates if posixpath.dirname(posixpath.dirname(path)) == around]
        if near:
            return near if len(near) == 1 else []
    return []


def _distribution(path: str) -> str:
    """The installed package that the file belongs to, nothing where it is the project's own."""
    if not any(mark in path for mark in _INSTALLED):
        return ""
    parts = path.split("/")
    last = max((at for at, part in enumerate(parts[:-1]) if part in _INSTALLED), default=None)
    return "" if last is None else "/".join(parts[: last + 2])


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
