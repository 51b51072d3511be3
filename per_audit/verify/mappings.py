"""What a project's mappings of settings hold: dicts, classes, and files that its code names."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.verify.documents import SUFFIXES, Leaf, Unread, found, merged, read
from per_audit.verify.hydra import compose

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.model import ReplayGraph

_DEEPEST = 6
_MOST_CANDIDATES = 3
_MOST_FILES = 300
_LOADERS = {
    *(f"yaml.{name}" for name in ("load", "safe_load", "full_load", "unsafe_load")),
    *(f"{module}.{name}" for module in ("json", "toml", "tomllib", "tomli") for name in ("load", "loads")),
    "omegaconf.OmegaConf.load",
}
# Called with mappings or named values, they make a mapping, or an object, of all of them.
_WRAPPERS = {
    *("dict", "OrderedDict", "SimpleNamespace", "Namespace", "EasyDict", "Munch", "Box", "AttrDict", "DotMap"),
    *("ConfigDict", "DictConfig", "create", "to_container", "asdict", "vars", "munchify", "deepcopy", "copy"),
    *("_asdict", "merge"),
}
_COMMAND_LINE = ("from_cli", "parse_args", "parse_known_args")
_SAME_PATH = {
    *("open", "Path", "PurePath", "abspath", "realpath", "expanduser", "resolve", "absolute", "str", "fspath"),
    *("read_text", "read_bytes", "read", "as_posix", "to_absolute_path"),
}


class Mappings:
    """Looks settings up; `root` is the folder of the project's files, without it none is read.

    `files` are those that were read, `reasons` say why something could not be; `outwards` gives what a parameter, a
    field or an option of the command line may be.
    """

    def __init__(self, graph: ReplayGraph, root: Path | None, outwards: Callable[[Term], list[Term]]) -> None:
        self.graph, self.symbols, self.root, self._outwards = graph, graph.symbols, root, outwards
        self.files: set[Path] = set()
        self.reasons: dict[str, None] = {}
        self._documents: dict[Path, dict[str, Any] | Unread] = {}
        self._composed: dict[ir.Function, tuple[dict[str, Any], set[Path]] | Unread] = {}

    def values(self, term: Term, depth: int = _DEEPEST) -> list[Any]:
        """What a term that reads a mapping may be: mappings, `Leaf`s, and terms where code gives the value."""
        made: list[Any] = []
        for option in alternatives(strip(term)) if depth else ():
            made += self._value(option, depth)
        return made

    def under(self, term: Term, key: str, depth: int = _DEEPEST) -> list[Any]:
        """What the mappings that a term may be hold under a key."""
        return [value for holder in self.values(term, depth) for value in self._entry(holder, [key], depth)]

    def _entry(self, holder: Any, keys: list[str], depth: int) -> list[Any]:
        if isinstance(holder, Term):
            return [v for inner in self.values(holder, depth - 1) for v in self._entry(inner, keys, depth - 1)]
        for number, key in enumerate(keys):
            if isinstance(holder, Term):
                return self._entry(holder, keys[number:], depth)
            holder = holder.get(key) if isinstance(holder, dict) else None
        return [] if holder is None else [holder]

    def _value(self, term: Term, depth: int) -> list[Any]:
        if term.op == "item" and isinstance(term.data, str):
            trail, base = [term.data], term.args[0]
            while base.op == "item" and isinstance(base.data, str):
                trail, base = [base.data, *trail], base.args[0]
            return [v for holder in self.values(base, depth) for v in self._found(holder, trail, depth)]
        if term.op == "record" and isinstance(term.data, tuple):
            return [self._record(term)]
        if term.op in ("param", "field", "global"):
            if term.op == "param" and (document := self._hydra(*term.data)) is not None:
                return [document]
            if term.op == "global" and (cls := self._class(term.data[1], term.data[0])) is not None:
                return [self._defaults(cls)]
            return [v for outer in self._outwards(term) for v in self.values(outer, depth - 1)]
        if term.op == "filled":  # what else is put into it is the reader's to see
            return self.values(term.args[0], depth)
        if term.op == "object" and isinstance(term.data, ir.Class):
            return [self._defaults(term.data)]
        if term.op == "external":
            return self._external(term, depth)
        return self._call(term, depth) if term.op == "call" and not isinstance(term.data, tuple) else []

    def _found(self, holder: Any, trail: list[str], depth: int) -> list[Any]:
        if isinstance(holder, dict):
            direct = found(holder, trail)
            if direct is not None and not isinstance(direct, Term):
                return [direct]
        return self._entry(holder, trail, depth)

    # ---------------------------------------------------------------- code

    def _record(self, term: Term) -> dict[str, Any]:
        known = {str(name): value for name, value in zip(term.data, term.args, strict=False)}
        site = self.graph.events.calls.get(term.node) if isinstance(term.node, ir.Call) else None
        for cls in site.classes if site is not None else ():
            for name, value in self._defaults(cls).items():
                if name in known and (known[name].op == "unknown" or _is_left(known[name], cls)):
                    known[name] = value
        return known

    def _class(self, name: str, path: str) -> ir.Class | None:
        body = self.graph.module(path).body if path in self.graph.project.modules else []
        return next((s for s in body if isinstance(s, ir.Class) and s.name == name), None)

    def _defaults(self, cls: ir.Class) -> dict[str, Any]:
        """The values that the body of a class gives, `field(default=1)` among them."""
        body = self.symbols.class_body(cls)
        known: dict[str, Any] = {}
        for statement in cls.body:
            if isinstance(statement, ir.Assign) and statement.value is not None:
                value = statement.value
                default = value.argument(None, "default") if isinstance(value, ir.Call) else None
                term = body.terms.get(default or value)
                if term is None and default is not None:
                    term = (
                        Term("const", (), default.value, default, body.path) if isinstance(default, ir.Const) else None
                    )
                for target in statement.targets:
                    if isinstance(target, ir.Name) and term is not None:
                        known[target.id] = term
        return known

    def _call(self, term: Term, depth: int) -> list[Any]:
        name = str(term.data)
        last = name.rpartition(".")[2]
        if name in _LOADERS and term.args:
            return self._loaded(term.args[0], term.path)
        if last == "get" and len(term.args) in (2, 3) and isinstance(term.args[1].data, str):
            held = self.values(term.args[0], depth - 1)
            values = [v for holder in held for v in self._found(holder, [term.args[1].data], depth)]
            return values or ([term.args[2]] if len(term.args) == 3 and held else [])
        if last in _WRAPPERS:
            return self._wrapped(term, depth)
        cls = self._class(name, term.path)
        return [self._defaults(cls)] if cls is not None and not term.args else []

    def _wrapped(self, term: Term, depth: int) -> list[Any]:
        """All arguments of a call as one mapping; nothing where one of them cannot be read."""
        if not isinstance(term.node, ir.Call):
            return []
        arguments = term.node.args
        receivers, given = term.args[: len(term.args) - len(arguments)], term.args[len(term.args) - len(arguments) :]
        made: dict[str, Any] = {}
        parts = [(None, receiver) for receiver in receivers]
        for keyword, part in [*parts, *((arg.keyword, value) for arg, value in zip(arguments, given, strict=False))]:
            if keyword is not None:
                made[keyword] = part
            elif part.op == "const":
                continue  # a switch, as in `to_container(cfg, True)`
            elif not str(part.data).endswith(_COMMAND_LINE):
                held = [holder for holder in self.values(part, depth - 1) if isinstance(holder, dict)]
                if len(held) != 1:
                    return []
                made = merged(made, held[0])
        return [made]

    def _external(self, term: Term, depth: int) -> list[Any]:
        """`OmegaConf.load("a.yaml").size` and `SimpleNamespace(**settings).size`, by such a call of that file."""
        name = str(term.data)
        for site in self.graph.events.calls.values():
            called = next((n for n in site.names if name.startswith(f"{n}.")), None)
            if site.path != term.path or called is None or called.rpartition(".")[2] in _COMMAND_LINE:
                continue
            made = self.symbols.term(site.path, site.node)
            if made.op == "external" or not (called in _LOADERS or called.rpartition(".")[2] in _WRAPPERS):
                continue
            trail = name[len(called) + 1 :].split(".")
            return [v for holder in self.values(made, depth - 1) for v in self._found(holder, trail, depth)]
        return []

    # ---------------------------------------------------------------- files

    def _loaded(self, term: Term, path: str) -> list[Any]:
        """The document of the file that a loader is given."""
        if self.root is None:
            return []
        documents: list[Any] = []
        for name in dict.fromkeys(self._names(term, _DEEPEST)):
            places = [p for p in self._places(name, path) if p.is_file()]
            if len(places) > 1 and len({p.read_bytes() for p in places}) > 1:
                self.reasons[f"{' or '.join(map(self._shown, places))}"] = None
            elif places:
                document = self._document(places[0])
                if isinstance(document, Unread):
                    self.reasons[str(document)] = None
                else:
                    self.files.add(places[0])
                    documents.append(document)
            else:
                self.reasons[f"{name} is no file of the project"] = None
        return documents

    def ask(self, term: Term) -> None:
        """Add the files of the project that hold what a term reads, where nobody names its file, to the reasons."""
        if candidates := self._candidates(term):
            self.reasons[candidates] = None

    def _candidates(self, term: Term) -> str:
        trail: list[str] = []
        for part in term.walk():
            if part.op == "item" and isinstance(part.data, str):
                trail.insert(0, part.data)
            elif part.op == "call" and str(part.data) in _LOADERS and self.root is not None and trail:
                if self._names(part.args[0], _DEEPEST):
                    return ""
                names = [self._shown(path) for path in self._settings_files() if self._holds(path, trail)]
                more = ", ..." if len(names) > _MOST_CANDIDATES else ""
                return f"one of {', '.join(names[:_MOST_CANDIDATES])}{more}" if names else ""
        return ""

    def _settings_files(self) -> list[Path]:
        assert self.root is not None
        files = sorted(p for p in self.root.rglob("*") if p.suffix.lower() in SUFFIXES)
        hidden = [p for p in files if any(part[0] == "." for part in p.relative_to(self.root).parts)]
        return [p for p in files if p not in hidden][:_MOST_FILES]

    def _holds(self, path: Path, trail: list[str]) -> bool:
        document = self._document(path)
        return not isinstance(document, Unread) and isinstance(found(document, trail), Leaf)

    def _document(self, path: Path) -> dict[str, Any] | Unread:
        if path not in self._documents:
            try:
                self._documents[path] = read(path, self._shown(path))
            except Unread as error:
                self._documents[path] = error
        return self._documents[path]

    def _hydra(self, function: ir.Node, name: str) -> dict[str, Any] | None:
        """The configuration that Hydra passes to the first parameter of a function with its decorator."""
        if not isinstance(function, ir.Function) or not function.parameters or function.parameters[0].name != name:
            return None
        if function not in self._composed:
            self._composed[function] = self._compose(function)
        known = self._composed[function]
        if isinstance(known, Unread):
            if str(known):
                self.reasons[str(known)] = None
            return None
        self.files |= known[1]
        return known[0]

    def _compose(self, function: ir.Function) -> tuple[dict[str, Any], set[Path]] | Unread:
        decorator = next((d for d in function.decorators if isinstance(d, ir.Call) and _is_hydra(d.func)), None)
        if decorator is None or self.root is None:
            return Unread("")
        folder, name = decorator.argument(0, "config_path"), decorator.argument(1, "config_name")
        relative = folder.value if isinstance(folder, ir.Const) and isinstance(folder.value, str) else ""
        chosen = name.value if isinstance(name, ir.Const) and isinstance(name.value, str) else ""
        if not chosen and relative.endswith((".yaml", ".yml")):  # as before Hydra 1.0
            relative, chosen = posixpath.split(relative)
            chosen = posixpath.splitext(chosen)[0]
        if not chosen:
            return Unread("the configuration that Hydra is given on the command line")
        path = Path(self.graph.project.module_of[function].path).parent / relative
        files: set[Path] = set()
        base = (self.root / path).resolve()
        if not base.is_relative_to(self.root.resolve()):
            return Unread(f"{path} is outside of the project")
        try:
            return compose(base, chosen, self._shown(base), files), files
        except Unread as error:
            return error

    def _places(self, name: str, path: str) -> list[Path]:
        """The files of the project that a name may mean: relative to the file that says it, or to the project."""
        assert self.root is not None
        root = self.root.resolve()
        both = ((root / path).parent / name, root / name)
        return [p for p in dict.fromkeys(place.resolve() for place in both) if p.is_relative_to(root)]

    def _shown(self, path: Path) -> str:
        assert self.root is not None
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name

    def _names(self, term: Term, depth: int) -> list[str]:
        """The names of files that a term may be."""
        return [name for option in alternatives(strip(term)) if depth for name in self._name(option, depth - 1)]

    def _name(self, term: Term, depth: int) -> list[str]:
        last = str(term.data).rpartition(".")[2]
        if term.op == "const":
            return [term.data] if isinstance(term.data, str) else []
        if term.op == "global" and term.data[1] == "__file__" and self.root is not None:
            return [(self.root / term.data[0]).resolve().as_posix()]
        if term.op == "item" and term.data == "parent":
            return [posixpath.dirname(name) for name in self._names(term.args[0], depth)]
        if term.op in ("add", "div"):
            left, right = (self._names(arg, depth) for arg in term.args)
            return [a + b if term.op == "add" else posixpath.join(a, b) for a in left for b in right]
        if term.op == "call" and last == "getcwd":
            return [""]
        if term.op == "call" and term.args and not isinstance(term.data, tuple):
            if last == "dirname":
                return [posixpath.dirname(name) for name in self._names(term.args[0], depth)]
            if last in ("join", "joinpath", "Path", "PurePath"):
                parts = [self._names(arg, depth) for arg in term.args]
                return [posixpath.join(*(part[0] for part in parts))] if all(parts) else []
            return self._names(term.args[0], depth) if last in _SAME_PATH else []
        if term.op == "phi" or term.op not in ("param", "field", "external"):
            return []
        return [name for outer in self._outwards(term) for name in self._names(outer, depth)]


def _is_left(term: Term, cls: ir.Class) -> bool:
    """Whether nothing is given for a field of a record, so that it is what its class says."""
    return term.op == "field" and term.data[0] is cls


def _is_hydra(func: ir.Expr) -> bool:
    return isinstance(func, ir.Attr) and func.attr == "main" and getattr(func.value, "id", "") == "hydra"
