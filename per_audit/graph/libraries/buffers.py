"""Replay buffers of other libraries: which of them a project makes, and how they draw.

A class is known by its package and its own name, so that re-exports and moves inside the package do not matter. What
the libraries document is in `frameworks`; code of a project is recognised by structure (`recognise`) instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.facts import ModuleFacts, ir
from per_audit.graph import frameworks
from per_audit.graph.frameworks import PRIORITISED, UNIFORM, Algorithm, Framework, Kind
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import REWARD, name_of, role_of_name, words
from per_audit.graph.interpret.values import External, Instance, Literal, Record, Result, TupleOf, Value
from per_audit.graph.libraries.filled import is_filled_at_once, is_never_learnt_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev

_SIZES = ("max_size", "buffer_size", "capacity", "size", "maxlen")
# A library's buffer that holds one rollout, or a fixed data set, is no replay memory.
_NO_REPLAY = {
    "ppo", "a2c", "a3c", "trpo", "npg", "vpg", "reinforce", "gae", "acktr", "impala", "vtrace", "gail", "onpolicy",
    "dataset", "datasets", "offline", "imitation", "behavior", "behaviour", "cloning", "bc", "bcq", "cql", "decision",
    "grpo", "dreamer",
}  # fmt: skip
_NO_REPLAY_DRAWS = ("on-policy", "offline", "other")
_TRAINS = {"backward", "fit", "train", "minimize", "gradients", "update", "learn", "loss", "optimize", "step", "grad"}
_ENVIRONMENTS = {"env", "envs", "environment", "environments"}
_BY_PRIORITY = {"prioritized", "prioritised", "priority", "per"}
_EMPTIES = {"clear", "empty", "reset", "gather_all", "truncate"}


@dataclass(slots=True, eq=False)
class LibraryBuffer:
    """A buffer of a library, made at `node` inside `function`: a call, or a configuration that names its class.

    Where a library's `algorithm` makes its own, the call makes that, and `training` are the calls that train it.
    `samples` are the calls that draw from it, `stores` those that fill it, `updates` those that give it priorities,
    `given` those that hand it on. A class of the project is named with what it is an `heir_of`. `others` are the
    algorithms that the call may make in its place, each with whether it draws uniformly as well.
    """

    framework: Framework
    kind: Kind
    name: str
    prioritised: bool
    path: str
    node: ir.Expr
    function: ev.Owner
    samples: list[ev.CallSite] = field(default_factory=list)
    stores: list[ev.CallSite] = field(default_factory=list)
    updates: list[ev.CallSite] = field(default_factory=list)
    given: list[ev.CallSite] = field(default_factory=list)
    algorithm: Algorithm | None = None
    training: list[ev.CallSite] = field(default_factory=list)
    heir_of: str = ""
    others: tuple[tuple[str, bool], ...] = ()

    @property
    def title(self) -> str:
        """What it is, for people."""
        library = self.framework.title
        return f"{self.name}, a {self.heir_of} of {library}," if self.heir_of else f"{self.name} of {library}"

    @property
    def uses(self) -> list[ev.CallSite]:
        """The calls that draw from it, or have its library do so."""
        return [*self.samples, *self.training, *(site for site in self.given if method_of(site) in self.kind.needs)]


def find_library_buffers(
    modules: dict[str, ModuleFacts], events: ev.Events, known: set[ir.Class]
) -> list[LibraryBuffer]:
    """The library buffers that the project learns from, in order of their places.

    A buffer that can be switched to a prioritised one is left out, and so is one whose class is in the project and was
    recognised there (`known`): that is one finding, at its draw.
    """
    finder = _Finder(events, known)
    packages = [package.encode() for package in frameworks.packages()]
    found: list[LibraryBuffer] = []
    for path, module in sorted(modules.items()):
        if any(package in module.text for package in packages):
            found += finder.buffers_of(path, module)
    return sorted(found, key=lambda buffer: (buffer.path, buffer.node.start))


class _Finder:
    def __init__(self, events: ev.Events, known: set[ir.Class]) -> None:
        self.events = events
        self.known = known
        self.sites: dict[str, list[ev.CallSite]] = {}
        self.users: dict[ir.Node, list[ev.CallSite]] = {}
        self.given: dict[ir.Node, list[ev.CallSite]] = {}
        for site in events.calls.values():
            self.sites.setdefault(site.path, []).append(site)
            for node in made_by(site.receiver):
                self.users.setdefault(node, []).append(site)
            for value in site.arguments:
                inside = (item for a in value.atoms if isinstance(a, (TupleOf, Record)) for item in a.items)
                for node in made_by(value).union(*map(made_by, inside)):
                    self.given.setdefault(node, []).append(site)

    def buffers_of(self, path: str, module: ModuleFacts) -> Iterator[LibraryBuffer]:
        """The buffers that a file makes."""
        names = imported(module)
        used = {dotted.partition(".")[0] for dotted in names.values()} & frameworks.packages()
        used -= set(path.split("/")[:-1])  # the library itself
        if not used:
            return
        sites = self.sites.get(path, [])
        made: list[LibraryBuffer] = []
        switched: set[ev.Owner] = set()
        for site in sites:
            dotted = dotted_name(site.node.func, names)
            if _is_named_prioritised(dotted):
                switched.add(site.function)
            framework = frameworks.framework(dotted.partition(".")[0]) if dotted.partition(".")[0] in used else None
            if framework is None or site.classes & self.known:
                continue
            if any(ext.last(dotted) in k.switch.prioritised for k in framework.kinds if k.switch is not None):
                switched.add(site.function)
            found = framework.find(dotted)
            if found is not None and (draws := self._draws(site, found[1], names)) in (UNIFORM, PRIORITISED):
                made.append(_buffer(framework, found, draws, path, site.node, site.function))
        switched |= {buffer.function for buffer in made if buffer.prioritised}
        is_other = learns_otherwise(names)
        for buffer in made:
            self._look_at_use(buffer)
            silent = buffer.function in switched or (is_other and not buffer.kind.needs)
            if buffer.prioritised or not (silent or self._is_idle(buffer, module)):
                yield buffer
        if not (is_other or is_test(path)):
            for package in sorted(used):
                framework = frameworks.framework(package)
                if framework is not None and any(map(framework.holds, names.values())):
                    yield from self._configured(framework, path, module, sites)

    # ---------------------------------------------------------------- how it draws

    def _draws(self, site: ev.CallSite, kind: Kind, names: dict[str, str]) -> str:
        for name in kind.unless:
            given = site.node.argument(None, name)
            if given is not None and self.events.value(given).literal() not in (0, None):
                return "other"
        for name in _SIZES:
            given = site.node.argument(None, name)
            if given is not None and self.events.value(given).literal() == 1:
                return "other"  # a place for the newest of something
        switch = kind.switch
        if switch is None:
            return kind.draws
        given = site.node.argument(switch.position, switch.argument)
        if given is None:
            return "unknown" if any(arg.star for arg in site.node.args) else switch.default
        return switch.draws(self._values(given, names))

    def _values(self, given: ir.Expr, names: dict[str, str]) -> set[str]:
        """The constants an argument may be, and the names of the classes it may be made of or be."""
        value = self.events.value(given)
        found = {str(atom.value) for atom in value.atoms if isinstance(atom, Literal)}
        found |= {ext.last(atom.name) for atom in value.atoms if isinstance(atom, (External, Result))}
        if isinstance(given, ir.Call) and (dotted := dotted_name(given.func, names)):
            found.add(ext.last(dotted))
        return found

    # ---------------------------------------------------------------- what is done with it

    def _look_at_use(self, buffer: LibraryBuffer) -> None:
        kind = buffer.kind
        for site in self.users.get(buffer.node, ()):
            name = method_of(site)
            for methods, sites in (
                (kind.sample, buffer.samples),
                (kind.store, buffer.stores),
                (kind.update, buffer.updates),
            ):
                if name in methods:
                    sites.append(site)
        buffer.given = self.given.get(buffer.node, [])

    def _is_idle(self, buffer: LibraryBuffer, module: ModuleFacts) -> bool:
        """Whether nothing learns from the buffer again and again, as far as can be seen."""
        users = self.users.get(buffer.node, ())
        if (
            is_test(buffer.path)
            or is_in_test_case(module, buffer.node)
            or not _EMPTIES.isdisjoint(map(method_of, users))
            or _without_rewards(buffer.stores)
        ):
            return True
        if self._is_kept(buffer) or self._is_emptied_inside(buffer, module):
            return True
        if is_filled_at_once(buffer.kind, buffer.node, module):
            return True
        if buffer.kind.needs:
            return buffer.kind.needs.isdisjoint(map(method_of, buffer.given))
        classes = self.events.calls[buffer.node].classes if isinstance(buffer.node, ir.Call) else set()
        if classes:
            # The library is part of the project, and all objects of the class are one: only this file can be told.
            here = self.sites[buffer.path]
            atoms = (atom for site in here for value in site.arguments for atom in value.atoms)
            return not any(isinstance(a, Instance) and a.node in classes for a in atoms) and not any(map(learns, here))
        # Where it is made, and where it is drawn from; a test draws as well.
        paths = {buffer.path, *(site.path for site in users if not is_test(site.path))}
        return not buffer.given and not any(learns(site) for path in paths for site in self.sites.get(path, ()))

    def _is_emptied_inside(self, buffer: LibraryBuffer, module: ModuleFacts) -> bool:
        """Whether the file that makes the buffer an attribute of what is not known empties what has that name."""
        names = {
            target.attr
            for node in module.nodes_of(ir.Assign)
            if node.value is not None and buffer.node in made_by(self.events.value(node.value))
            for target in node.targets
            if isinstance(target, ir.Attr) and not self.events.value(target.value).atoms
        }
        calls = (node.func for node in module.nodes_of(ir.Call) if names and isinstance(node.func, ir.Attr))
        return any(
            func.attr in _EMPTIES
            and isinstance(func.value, ir.Attr)
            and func.value.attr in names
            and not self.events.value(func.value).atoms
            for func in calls
        )

    @staticmethod
    def _is_kept(buffer: LibraryBuffer) -> bool:
        """Whether a function holds the buffer for itself, and learns nothing from it."""
        function, kind = buffer.function, buffer.kind
        if not isinstance(function, ir.Function) or not kind.sample:
            return False
        return is_never_learnt_from(kind, buffer.framework, function, buffer.node)

    # ---------------------------------------------------------------- configurations

    def _configured(
        self, framework: Framework, path: str, module: ModuleFacts, sites: list[ev.CallSite]
    ) -> Iterator[LibraryBuffer]:
        """The buffers that dictionaries of settings, given to a call, name."""
        if not (framework.configurations or framework.settings):
            return
        nodes = set(module.nodes)
        seen: set[ir.Node] = set()
        for site in sites:
            for argument, value in zip(site.node.args, site.arguments, strict=True):
                for record, kind, name in _named(framework, argument.keyword, value):
                    if record.node in nodes and record.node not in seen and isinstance(record.node, ir.Expr):
                        seen.add(record.node)
                        yield _buffer(framework, (name, kind), kind.draws, path, record.node, site.function)


def _is_named_prioritised(dotted: str) -> bool:
    """Whether a class is called, of the project or of what it imports, that is named for drawing by priority."""
    last = ext.last(dotted)
    return last[:1].isupper() and not _BY_PRIORITY.isdisjoint(words(last))


def _named(framework: Framework, keyword: str | None, value: Value) -> Iterator[tuple[Record, Kind, str]]:
    """The dictionaries in a value that name a uniform buffer of the library, and the buffer that they name."""
    for record in _records(value):
        fields = dict(zip(record.type.fields, record.items, strict=True))
        if any(key in fields and fields[key].literal() is not False for key in framework.settings):
            continue  # draws by priority, or may
        if any(key in fields for key in framework.settings):
            kind = next(kind for kind in framework.kinds if kind.draws == UNIFORM)
            yield record, kind, min(kind.names, key=len)
        for key in framework.configurations:
            inner = [record] if keyword == key else _records(fields[key]) if key in fields else []
            for settings in inner:
                yield from _typed(framework, settings)


def _typed(framework: Framework, settings: Record) -> Iterator[tuple[Record, Kind, str]]:
    fields = dict(zip(settings.type.fields, settings.items, strict=True))
    if "type" not in fields or any(key in fields for key in framework.settings):
        return
    value = fields["type"].literal()
    names = {ext.last(a.name) for a in fields["type"].atoms if isinstance(a, External)}
    if isinstance(value, str):
        names.add(ext.last(value))
    for name in sorted(names) if len(names) == 1 else ():
        kind = framework.kind(name)
        if kind is not None and kind.draws == UNIFORM:
            yield settings, kind, name


def _records(value: Value) -> list[Record]:
    return [atom for atom in value.atoms if isinstance(atom, Record)]


# ---------------------------------------------------------------- helpers


def _buffer(
    framework: Framework, found: tuple[str, Kind], draws: str, path: str, node: ir.Expr, function: ev.Owner
) -> LibraryBuffer:
    name, kind = found
    return LibraryBuffer(framework, kind, name, draws == PRIORITISED, path, node, function)


def _without_rewards(stores: list[ev.CallSite]) -> bool:
    """Whether what is stored is named, and there is no reward: data to fit a model of the environment to."""
    named = [argument.keyword for site in stores for argument in site.node.args]
    return bool(named) and all(named) and REWARD not in {role_of_name(name) for name in named if name}


def made_by(value: Value) -> set[ir.Node]:
    """The calls that made what a value may be."""
    return {atom.call for atom in value.atoms if isinstance(atom, Result)}


def method_of(site: ev.CallSite) -> str:
    """The name of the method that is called, empty for functions."""
    return site.node.func.attr if isinstance(site.node.func, ir.Attr) else ""


def learns(site: ev.CallSite) -> bool:
    """Whether the call may train something; broader than a backward pass, since libraries hide theirs."""
    func = site.node.func
    name = ir.last_name(func)
    if name == "step" and isinstance(func, ir.Attr) and not _ENVIRONMENTS.isdisjoint(words(name_of(func.value) or "")):
        return False
    return not _TRAINS.isdisjoint(words(name)) or any(
        n.endswith(("value_and_grad", "GradientTape")) for n in site.names
    )


def is_test(path: str) -> bool:
    """Whether the file holds tests or timings, by where it is and what it is called: no training happens there."""
    *folders, name = path.split("/")
    return name.startswith(("test_", "conftest", "basetest")) or any(
        f in ("test", "tests", "bench", "benchmark", "benchmarks") or f.endswith("_tests") for f in folders
    )


def is_in_test_case(module: ModuleFacts, node: ir.Node) -> bool:
    """Whether a node stands in a class of test cases, wherever its file is and whatever that is called."""
    return any(
        cls.start <= node.start < cls.end and any(ir.last_name(base) == "TestCase" for base in cls.bases)
        for cls in module.nodes_of(ir.Class)
    )


def imported(module: ModuleFacts) -> dict[str, str]:
    """The dotted library names that a module's local names stand for."""
    names: dict[str, str] = {}
    for node in module.nodes_of(ir.Import, ir.ImportFrom):
        if isinstance(node, ir.Import):
            for dotted, alias in node.names:
                names[alias or dotted.partition(".")[0]] = dotted if alias else dotted.partition(".")[0]
        elif isinstance(node, ir.ImportFrom) and not node.level:
            for name, alias in node.names:
                names[alias or name] = f"{node.module}.{name}"
    return names


def dotted_name(expression: ir.Expr, names: dict[str, str]) -> str:
    """The dotted library name of an expression, empty for what is not imported; subscripts are left out."""
    parts: list[str] = []
    while isinstance(expression, (ir.Attr, ir.Sub)):
        if isinstance(expression, ir.Attr):
            parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ir.Name) or expression.id not in names:
        return ""
    return ".".join([names[expression.id], *reversed(parts)])


def learns_otherwise(names: dict[str, str]) -> bool:
    """Whether the module imports what on-policy or offline learning is made of from the same libraries."""
    for dotted in names.values():
        framework = frameworks.framework(dotted.partition(".")[0])
        if framework is None:
            continue
        algorithm = framework.algorithm(dotted)
        if algorithm is not None and algorithm.draws in _NO_REPLAY_DRAWS:
            return True
        if any(_NO_REPLAY & {*words(name), "".join(words(name))} for name in dotted.split(".")[1:]):
            return True
    return False
