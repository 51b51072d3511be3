"""How a project constructs its buffers: what the audit's facts say about the arguments."""

from __future__ import annotations

import contextlib
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.sign import not_negative
from per_audit.verify.child.methods import DRAW
from per_audit.verify.child.parameters import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Symbols

_DEEPEST = 5
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "pow": operator.pow,
}
_PLAIN = (bool, int, float, str, type(None))
_DTYPE_OWNERS = ("numpy", "torch", "jax.numpy", "tensorflow")
_LONGEST = 60


@dataclass(frozen=True)
class Setting:
    """One argument that could be read: `value` is a plain one, or {"dtype": "numpy.float32"}, or {"fields": {...}}.

    `place` says where the value stands; `others` are values that it has on other ways, in words.
    """

    value: Any
    place: str
    others: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The value and its place, for people."""
        if isinstance(self.value, dict) and "fields" in self.value:
            shown = f"an object with {', '.join(self.value['fields'])}"
        else:
            shown = self.value["dtype"] if isinstance(self.value, dict) else repr(self.value)
        other = f"; also {', '.join(self.others)}" if self.others else ""
        return f"{shown} ({self.place}{other})"


@dataclass(frozen=True)
class Configuration:
    """One way in which a project constructs a class: `settings` by parameter, `unknown` parameters with their source.

    `defaults` are the parameters that the call leaves to the class, with the source of their defaults.
    """

    place: str
    settings: dict[str, Setting]
    unknown: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The file of the constructing call."""
        return self.place.partition(":")[0]

    @property
    def of_a_test(self) -> bool:
        """Whether the call is one of a test, by the name of its file."""
        return "test" in self.path.lower()

    @property
    def values(self) -> dict[str, Any]:
        """The values by parameter."""
        return {name: setting.value for name, setting in self.settings.items()}

    @property
    def words(self) -> dict[str, str]:
        """What was read, left to the class, and not found, for people."""
        said = {"made at": self.place}
        if self.settings:
            said["configured"] = ", ".join(f"{name} = {setting.words}" for name, setting in self.settings.items())
        if self.defaults:
            said["class's defaults"] = ", ".join(f"{name} = {text}" for name, text in self.defaults.items())
        if self.unknown:
            said["not found"] = ", ".join(f"{name}: {text}" for name, text in self.unknown.items())
        return said


def configurations(graph: ReplayGraph, buffer: ReplayBuffer) -> list[Configuration]:
    """The ways in which the project constructs the class of a buffer, one a constructing call; those of tests last."""
    found: list[Configuration] = []
    reader = _Reader(graph)
    for site in sorted(buffer.instances, key=_order):
        constructor = next((func.node for func in site.targets if getattr(func.node, "name", "") == "__init__"), None)
        if buffer.owner in site.classes and isinstance(constructor, ir.Function):
            found.append(reader.of(site, constructor))
    return found


def drawn_with(graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[dict[str, float], dict[str, str]]:
    """The exponents, "alpha" and "beta", that the project's draws pass, as far as they can be read; and it in words."""
    reader = _Reader(graph)
    values: dict[str, float] = {}
    said: list[str] = []
    classes = graph.interpreter.mro(buffer.owner) if buffer.owner is not None else []
    draws = {node for cls in classes for node in cls.body if isinstance(node, ir.Function) and DRAW.include(node.name)}
    sites = [site for site in graph.events.calls.values() if any(func.node in draws for func in site.targets)]
    for site in sorted(sites, key=_order):
        for function in [
            func.node for func in site.targets if func.node in draws and isinstance(func.node, ir.Function)
        ]:
            for name, term in graph.symbols.arguments(site.node, function, site.path).items():
                meaning = classify(name, "constructor")
                if meaning not in ("alpha", "beta"):
                    continue
                known = reader.setting(term, site)
                if known is None:
                    said.append(f"{name}: {reader.source(term, site)}")
                elif type(known.value) in (int, float) and known.value > 0:
                    values.setdefault(meaning, float(known.value))
                    said.append(f"{name} = {known.words}")
    return values, {"drawn with": ", ".join(dict.fromkeys(said))} if said else {}


def takes_magnitudes(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the project hands its buffer magnitudes only, as far as its updates can be followed."""
    writes = [write for write in graph.anatomy(buffer).writes if not write.inserts]
    return bool(writes) and all(_never_negative(graph.symbols, write.value, _DEEPEST) for write in writes)


def _never_negative(symbols: Symbols, term: Term, depth: int) -> bool:
    found = alternatives(strip(term))
    return bool(found) and all(_is_magnitude(symbols, option, depth) for option in found)


def _is_magnitude(symbols: Symbols, term: Term, depth: int) -> bool:
    known = not_negative(term)
    if known is not None or not depth:
        return known is True
    if term.op in ("param", "field"):
        options = symbols.options(term)
        return bool(options) and all(_never_negative(symbols, option, depth - 1) for option in options)
    inside = term.args if term.op in ("add", "minimum", "stack") else term.args[:1]
    passes_on = ("add", "minimum", "stack", "pow", "at", "element", "item", "slice", "mean", "sum", "max", "gather")
    return bool(inside) and term.op in passes_on and all(_never_negative(symbols, arg, depth - 1) for arg in inside)


def _order(site: ev.CallSite) -> tuple[bool, str, int]:
    return "test" in site.path.lower(), site.path, site.node.start


class _Reader:
    def __init__(self, graph: ReplayGraph) -> None:
        self.graph, self.symbols = graph, graph.symbols

    def of(self, site: ev.CallSite, constructor: ir.Function) -> Configuration:
        settings: dict[str, Setting] = {}
        unknown: dict[str, str] = {}
        given = self.symbols.arguments(site.node, constructor, site.path)
        starred = any(arg.star for arg in site.node.args)
        for name, term in given.items():
            argument = _argument(site.node, constructor, name)
            if starred and argument is None:
                continue  # the star may give it, or not
            term = self._of_an_object(argument) or term
            setting = self.setting(term, site, classify(name, "constructor") == "settings")
            if setting is None:
                unknown[name] = self.source(term, site)
            else:
                settings[name] = setting
        path = self.graph.project.module_of[constructor].path
        defaults = {
            parameter.name: self.graph.source(path, parameter.default, _LONGEST)
            for parameter in constructor.parameters
            if parameter.default is not None and parameter.name not in given
        }
        if starred:
            unknown[self.graph.source(site.path, site.node, _LONGEST)] = "what the star stands for"
            defaults = {}
        return Configuration(self._place(site.path, site.node), settings, unknown, defaults)

    def _of_an_object(self, node: ir.Expr | None) -> Term | None:
        """`settings.alpha` as the field of the class that makes `settings`, where that is known."""
        if not isinstance(node, ir.Attr):
            return None
        fields = [self.symbols.field(cls, node.attr) for cls in self.symbols.classes_of(node.value)]
        return next((field for field in fields if self.symbols.options(field)), None)

    def setting(self, term: Term, site: ev.CallSite, of_settings: bool = False) -> Setting | None:
        """What an argument of a call is, where that can be read."""
        found: dict[str, Setting] = {}
        for value, path, node in self._values(term, _DEEPEST):
            if (isinstance(value, dict) and "fields" in value) != of_settings:
                continue  # an object of settings is one by its name, and nothing else is
            place = self._place(path or site.path, node or site.node)
            if isinstance(node, (ir.Name, ir.Attr)):
                place = f"{self.graph.source(path, node, _LONGEST)} at {place}"
            found.setdefault(repr(value), Setting(value, place))
        first, *others = found.values() or [None]
        return None if first is None else Setting(first.value, first.place, tuple(o.words for o in others if o))

    def _values(self, term: Term, depth: int) -> Iterator[tuple[Any, str, ir.Node | None]]:
        """The values that a term may have, as far as they can be read, each with its place."""
        for option in alternatives(strip(term)):
            if option.op == "const" and isinstance(option.data, _PLAIN):
                yield _whole(_number(option.data)), option.path, option.node
            elif option.op == "external" and _is_dtype(str(option.data)):
                yield {"dtype": str(option.data)}, option.path, option.node
            elif fields := self._fields(option):
                yield {"fields": fields}, option.path, option.node
            elif depth:
                for outer in self._outwards(option):
                    yield from self._values(outer, depth - 1)
                yield from self._computed(option, depth)

    def _outwards(self, term: Term) -> list[Term]:
        if term.op in ("param", "field"):
            found = self.symbols.options(term)
            return found or (self._of_click(*term.data) if term.op == "param" else [])
        if term.op != "external":
            return []
        here = [default for default in self.symbols.default_of(term) if default.path == term.path]
        return here or self.symbols.default_of(term) or self._of_a_parsed_class(str(term.data), term.path)

    def _fields(self, term: Term) -> dict[str, Any]:
        """The settings in an object, as far as they can be read: a dict, a class with defaults, parsed options."""
        terms: dict[str, list[Term]] = {}
        if term.op == "record" and isinstance(term.data, tuple):
            terms = {str(name): [value] for name, value in zip(term.data, term.args, strict=False)}
        elif term.op == "object" and isinstance(term.data, ir.Class):
            terms = {name: self.symbols.options(self.symbols.field(term.data, name)) for name in _names_of(term.data)}
        elif term.op in ("call", "external"):
            called = str(_name(term.data))
            if called.rpartition(".")[2].startswith("parse_"):
                terms = dict(self.symbols.option_defaults)
            elif classes := self._parsed(called, term.path):
                names = [name for cls in classes for name in _names_of(cls)]
                terms = {name: self._of_a_parsed_class(f"{called}.{name}", term.path) for name in names}
        read = {name: next((v for t in some for v, _, _ in self._values(t, 1)), self) for name, some in terms.items()}
        return {name: value for name, value in read.items() if value is not self and not isinstance(value, dict)}

    def _computed(self, term: Term, depth: int) -> Iterator[tuple[Any, str, ir.Node | None]]:
        """Arithmetic of values that are read, and `int(x)`."""
        sides = [next(self._values(arg, depth - 1), None) for arg in term.args]
        known = [side[0] for side in sides if side is not None]
        if len(known) < len(term.args) or not all(type(value) in (int, float) for value in known):
            return
        try:
            if term.op in _ARITHMETIC and len(known) == 2:
                yield _whole(_ARITHMETIC[term.op](*known)), term.path, term.node
            elif term.op == "neg":
                yield -known[0], term.path, term.node
            elif term.op == "call" and len(known) == 1 and str(_name(term.data)) in ("int", "float"):
                yield (int if _name(term.data) == "int" else float)(known[0]), term.path, term.node
        except (ArithmeticError, ValueError):
            return

    def _of_click(self, function: ir.Node, name: str) -> list[Term]:
        """The default of the decorator that makes a parameter an option: `@click.option("--size", default=100)`."""
        if not isinstance(function, ir.Function):
            return []
        path = self.graph.project.module_of[function].path
        for decorator in function.decorators:
            if not isinstance(decorator, ir.Call) or getattr(decorator.func, "attr", "") != "option":
                continue
            names = [arg.value.value for arg in decorator.args if isinstance(arg.value, ir.Const) and not arg.keyword]
            spelt = [text.lstrip("-").replace("-", "_") for text in names if isinstance(text, str)]
            default = decorator.argument(None, "default")
            if name in spelt and default is not None:
                return [self._constant(path, default)]
        return []

    def _constant(self, path: str, node: ir.Expr) -> Term:
        known = self.symbols.term(path, node)
        if known.op == "unknown" and isinstance(node, ir.Const):
            return Term("const", (), node.value, node, path)
        return known

    def _of_a_parsed_class(self, name: str, path: str) -> list[Term]:
        """The default of a field of the class that a parser of the command line was called with: `tyro.cli(Args)`."""
        called, _, attribute = name.rpartition(".")
        found: list[Term] = []
        for cls in self._parsed(called, path):
            body = self.symbols.class_body(cls)
            values = [getattr(statement, "value", None) for statement in cls.body if attribute in _assigned(statement)]
            found += [body.terms[value] for value in values if value in body.terms]
        return list(dict.fromkeys(found))

    def _parsed(self, called: str, path: str) -> list[ir.Class]:
        """The classes of its own file that a library's function was called with, at best in the file at `path`."""
        sites = [site for site in self.graph.events.calls.values() if called in site.names]
        found: dict[ir.Class, None] = {}
        for site in [site for site in sites if site.path == path] or sites:
            names = {node.id for arg in site.node.args for node in ir.walk(arg) if isinstance(node, ir.Name)}
            body = self.graph.module(site.path).body
            found.update((s, None) for s in body if isinstance(s, ir.Class) and s.name in names)
        return list(found)

    def source(self, term: Term, site: ev.CallSite) -> str:
        """The text of an argument that cannot be read, with its place."""
        path = None if term.node is None else self.graph.path_of(term.node)
        place: tuple[str, ir.Node] = (site.path, site.node)
        if path is not None and term.node is not None:
            place = path, term.node
        return f"{self.graph.source(*place, _LONGEST)} ({self._place(*place)})"

    def _place(self, path: str, node: ir.Node) -> str:
        return self.graph.module(path).where(node.start)


def _argument(call: ir.Call, constructor: ir.Function, name: str) -> ir.Expr | None:
    """What a call gives to a parameter of the constructor."""
    positions = [parameter.name for parameter in constructor.parameters if not parameter.keyword_only][1:]
    return call.argument(positions.index(name) if name in positions else None, name)


def _assigned(statement: ir.Stmt) -> list[str]:
    """The names that a statement of a class body gives values to."""
    if not isinstance(statement, ir.Assign) or statement.value is None:
        return []
    return [target.id for target in statement.targets if isinstance(target, ir.Name)]


def _names_of(cls: ir.Class) -> list[str]:
    return [name for statement in cls.body for name in _assigned(statement)]


def _number(value: Any) -> Any:
    """A number that is written as text, as parsers of the command line take their defaults."""
    for kind in (int, float) if isinstance(value, str) and value[:1].isdigit() else ():
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


def _whole(value: Any) -> Any:
    """A float that is a whole number, as `1e6`, stays a float only where it is no count."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) >= 100 else value


def _is_dtype(name: str) -> bool:
    owner, _, last = name.rpartition(".")
    return owner in _DTYPE_OWNERS and last.rstrip("0123456789_") in ("float", "int", "uint", "bool", "bfloat", "double")


def _name(data: Any) -> Any:
    return data[0] if isinstance(data, tuple) else data
