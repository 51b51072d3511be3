"""Algorithms of other libraries that make a replay memory of their own: `DQN("MlpPolicy", env).learn(50_000)`.

What they draw unless they are told otherwise is in `frameworks`. An algorithm is told where the project makes it, and
only where the project also trains it; one that is loaded to be looked at trains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ModuleFacts, ir
from per_audit.graph import frameworks
from per_audit.graph.frameworks import UNIFORM, Algorithm, Framework, Kind
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import External, Literal, Record
from per_audit.graph.libraries.buffers import LibraryBuffer, dotted_name, imported, is_test, made_by, method_of
from per_audit.source.resolve import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value

_MEMORY = {"buffer", "memory", "replay"}
_DRAWING = _MEMORY | {"algorithm", "agent", "learner", "model", "trainer"}
_Known: TypeAlias = tuple[Framework, str, Algorithm]
Others: TypeAlias = tuple[tuple[str, bool], ...]
_FEW = 8  # arguments by position; with more of them one may be the memory


def find_algorithms(modules: dict[str, ModuleFacts], events: ev.Events) -> list[LibraryBuffer]:
    """The memories that libraries' algorithms make for themselves and draw from uniformly, in order of their places."""
    finder = _Finder(modules, events)
    packages = [package.encode() for package in frameworks.packages()]
    found: list[LibraryBuffer] = []
    for path, module in sorted(modules.items()):
        if any(package in module.text for package in packages) and not is_test(path):
            found += finder.algorithms_of(path)
    return sorted(found, key=lambda buffer: (buffer.path, buffer.node.start))


class _Finder:
    def __init__(self, modules: dict[str, ModuleFacts], events: ev.Events) -> None:
        self.modules = modules
        self.events = events
        self.sites: dict[str, list[ev.CallSite]] = {}
        self.users: dict[ir.Node, list[ev.CallSite]] = {}
        for site in events.calls.values():
            self.sites.setdefault(site.path, []).append(site)
            for node in made_by(site.receiver):
                self.users.setdefault(node, []).append(site)

    def algorithms_of(self, path: str) -> Iterator[LibraryBuffer]:
        """The algorithms that a file makes, and that are trained."""
        names = imported(self.modules[path])
        folders = set(path.split("/")[:-1])
        made: list[LibraryBuffer] = []
        switched: set[ev.Owner] = set()
        for site in self.sites.get(path, ()):
            found = self._algorithm(site, names)
            if found is None:
                if self._is_derived(site) or any(name.startswith(f"{REFERENCE}.") for name in site.names):
                    switched.add(site.function)
                continue
            (framework, name, algorithm), others = found
            if framework.package in folders or algorithm.draws != UNIFORM:
                continue
            if algorithm.trains and self._is_for_no_steps(site):
                continue
            if algorithm.changed_by and not self._is_default(site, algorithm.changed_by, names):
                switched.add(site.function)
                continue
            training = [site] if algorithm.trains else self._training(site, algorithm)
            if self._is_exchanged(site):
                switched.add(site.function)
            elif training:
                kind = _kind(name, algorithm)
                made.append(
                    LibraryBuffer(
                        framework,
                        kind,
                        name,
                        False,
                        path,
                        site.node,
                        site.function,
                        algorithm=algorithm,
                        training=training,
                        others=others,
                    )
                )
        return (buffer for buffer in made if buffer.function not in switched)

    def _algorithm(self, site: ev.CallSite, names: dict[str, str]) -> tuple[_Known, Others] | None:
        """The algorithm that a call makes: by the name it is imported by, or one of those that it may stand for.

        Of several that all are algorithms it is the first that draws uniformly, if there is one; the others with it.
        """
        dotted = dotted_name(site.node.func, names)
        called = self.events.value(site.node.func).atoms
        if not dotted and not site.classes and all(isinstance(atom, External) for atom in called):
            options = [self._named(name) for name in sorted(site.names)]
            known = [found for found in options if found is not None]
            uniform = [found for found in known if found[2].draws == UNIFORM]
            if not known or len(known) < len(options):
                return None
            first = (uniform or known)[0]
            return first, tuple((name, how.draws == UNIFORM) for _, name, how in known if name != first[1])
        named = self._named(dotted)
        return None if named is None else (named, ())

    def _named(self, dotted: str) -> _Known | None:
        """The algorithm of a library that a dotted name stands for."""
        framework = frameworks.framework(dotted.partition(".")[0])
        if framework is None or not framework.holds(dotted):
            return None
        algorithm = framework.algorithm(dotted)
        return None if algorithm is None else (framework, ext.last(dotted), algorithm)

    def _is_derived(self, site: ev.CallSite) -> bool:
        """Whether the call makes an algorithm or memory derived from a library's: it may draw otherwise.

        Callbacks, wrappers and networks are derived from a library as well, and draw nothing.
        """
        bases = (base for cls in site.classes for base in cls.bases)
        named = (a.name for base in bases for a in self.events.value(base).atoms if isinstance(a, External))
        for name in named:
            framework = frameworks.framework(name.partition(".")[0])
            if framework is not None and (framework.algorithm(name) or not _DRAWING.isdisjoint(words(ext.last(name)))):
                return True
        return False

    def _is_default(self, site: ev.CallSite, changed_by: str, names: dict[str, str]) -> bool:
        """Whether the argument that would change how the algorithm draws is left out, off, or changes nothing."""
        args = site.node.args
        if any(arg.star and not self._is_without(arg, changed_by) for arg in args) and self._may_be_given(changed_by):
            return False
        given = site.node.keyword(changed_by)
        if given is None:
            return sum(arg.keyword is None for arg in args) <= _FEW
        if _is_off(self.events.value(given.value)):
            return True
        dotted = dotted_name(given.value, names)
        framework = frameworks.framework(dotted.partition(".")[0])
        found = framework.find(dotted) if framework is not None else None
        return found is not None and found[1].draws == UNIFORM

    def _may_be_given(self, name: str) -> bool:
        """Whether settings that are not known may hold the argument: one that is a class is written in a program."""
        return not name.endswith("_class") or any(name.encode() in module.text for module in self.modules.values())

    def _is_without(self, given: ir.Arg, name: str) -> bool:
        """Whether an argument with stars is a mapping whose keys are known, that name not among them, or with None.

        Where anything else names it as well, None may be there to be replaced.
        """
        atoms = self.events.value(given.value).atoms
        if not atoms or not all(isinstance(a, Record) for a in atoms):
            return False
        known = [a for a in atoms if isinstance(a, Record) and name in a.type.fields]
        if known and sum(module.text.count(name.encode()) for module in self.modules.values()) > len(known):
            return False
        return all(_is_off(a.items[a.type.fields.index(name)]) for a in known)

    def _training(self, site: ev.CallSite, algorithm: Algorithm) -> list[ev.CallSite]:
        """The calls that train what the call makes; those of tests do not count."""
        users = self.users.get(site.node, ())
        called = (user for user in users if method_of(user) in algorithm.trained_by and not is_test(user.path))
        return [user for user in called if not self._is_for_no_steps(user)]

    def _is_for_no_steps(self, site: ev.CallSite) -> bool:
        """Whether a call is told to train for 0 steps: what was learnt before is loaded, to be looked at."""
        given = (
            self.events.value(a.value).atoms for a in site.node.args if a.keyword and a.keyword.endswith("timesteps")
        )
        return any(
            atoms and all(isinstance(a, Literal) and a.value == 0 and a.value is not False for a in atoms)
            for atoms in given
        )

    def _is_exchanged(self, site: ev.CallSite) -> bool:
        """Whether the memory, or something of it, is set afterwards: `model.replay_buffer = Mine(...)`, `setattr`."""
        return any(
            self._is_memory_of(owner, name, site)
            for module in self.modules.values()
            for node in module.nodes
            for owner, name in _set(node)
        )

    def _is_memory_of(self, owner: ir.Expr, name: str, site: ev.CallSite) -> bool:
        while True:
            if _MEMORY & set(words(name)) and site.node in made_by(self.events.value(owner)):
                return True
            if not isinstance(owner, ir.Attr):
                return False
            name = owner.attr
            owner = owner.value


def _is_off(value: Value) -> bool:
    """Whether a value is known to be None or False."""
    return bool(value.atoms) and all(isinstance(a, Literal) and a.value in (None, False) for a in value.atoms)


def _set(node: ir.Node) -> list[tuple[ir.Expr, str]]:
    """The attributes that a node sets: what has them, and their names."""
    if isinstance(node, ir.Assign):
        return [(target.value, target.attr) for target in node.targets if isinstance(target, ir.Attr)]
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "setattr":
        owner, name = node.argument(0), node.argument(1)
        if owner is not None and isinstance(name, ir.Const) and isinstance(name.value, str):
            return [(owner, name.value)]
    return []


def _kind(name: str, algorithm: Algorithm) -> Kind:
    """An algorithm, seen as the memory that it makes."""
    nothing: frozenset[str] = frozenset()
    return Kind(
        frozenset((name,)), UNIFORM, None, nothing, nothing, nothing, None, False, "", nothing, nothing, algorithm.steps
    )
