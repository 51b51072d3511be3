"""How a project constructs its buffers: what the audit's facts say about the arguments."""

from __future__ import annotations

import contextlib
import operator
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.verify.changes import change
from per_audit.verify.child.methods import DRAW
from per_audit.verify.child.parameters import classify
from per_audit.verify.documents import Leaf
from per_audit.verify.mappings import Mappings
from per_audit.verify.ways import Configuration, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

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


def configurations(graph: ReplayGraph, buffer: ReplayBuffer, root: Path | None = None) -> list[Configuration]:
    """The ways in which the project constructs the class of a buffer, one a constructing call; those of tests last.

    Files of settings that the code names are read at and below `root`.
    """
    found: list[Configuration] = []
    reader = _Reader(graph, root)
    for site in sorted(buffer.instances, key=_order):
        constructor = next((func.node for func in site.targets if getattr(func.node, "name", "") == "__init__"), None)
        if buffer.owner in site.classes and isinstance(constructor, ir.Function):
            found.append(reader.of(site, constructor))
    return found


def drawn_with(
    graph: ReplayGraph, buffer: ReplayBuffer, root: Path | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """The exponents, "alpha" and "beta", that the project's draws pass, as far as they can be read; and it in words."""
    reader = _Reader(graph, root)
    values: dict[str, float] = {}
    said: list[str] = []
    classes = graph.classes.mro(buffer.owner) if buffer.owner is not None else []
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


def _order(site: ev.CallSite) -> tuple[bool, str, int]:
    return "test" in site.path.lower(), site.path, site.node.start


class _Reader:
    def __init__(self, graph: ReplayGraph, root: Path | None) -> None:
        self.graph, self.symbols = graph, graph.symbols
        self.mappings = Mappings(graph, root, self._outwards)

    def of(self, site: ev.CallSite, constructor: ir.Function) -> Configuration:
        settings: dict[str, Setting] = {}
        unknown: dict[str, str] = {}
        read: set[str] = set()
        self.mappings.files.clear()
        given = self.symbols.arguments(site.node, constructor, site.path)
        starred, closed = self._starred(site, constructor)
        why = "; ".join(self.mappings.reasons)
        self.mappings.reasons.clear()
        for name, value in starred.items():
            self._settle(name, (value, None), site, settings, unknown)
        for name, term in given.items():
            argument = _argument(site.node, constructor, name)
            if argument is None and any(arg.star for arg in site.node.args):
                continue  # the star may give it, or not
            read.add(name)
            self._settle(name, (term, argument), site, settings, unknown)
        path = self.graph.project.module_of[constructor].path
        defaults = {
            parameter.name: self.graph.source(path, parameter.default, _LONGEST)
            for parameter in constructor.parameters
            if parameter.default is not None and parameter.name not in {*read, *starred}
        }
        if not closed:
            star = "what the star stands for"
            unknown[self.graph.source(site.path, site.node, _LONGEST)] = f"{star} ({why})" if why else star
            defaults = {}
        files = frozenset(self.mappings.files)
        return Configuration(self._place(site.path, site.node), settings, unknown, defaults, files)

    def _starred(self, site: ev.CallSite, constructor: ir.Function) -> tuple[dict[str, Any], bool]:
        """What `**settings` give to parameters, and whether that is all that stars give."""
        wanted = {parameter.name for parameter in constructor.parameters[1:] if not parameter.kind}
        known: dict[str, Any] = {}
        closed = True
        for arg in site.node.args:
            if not arg.star:
                continue
            term = self.symbols.term(site.path, arg.value)
            held = self.mappings.values(term) if arg.star == "**" and not self._altered(site, arg.value) else []
            if len(held) != 1 or not isinstance(held[0], dict):
                self.mappings.ask(term)
                closed = False
                continue
            known.update({name: value for name, value in held[0].items() if name in wanted})
        return known, closed

    def _altered(self, site: ev.CallSite, argument: ir.Expr, key: str | None = None) -> bool:
        """Whether the file changes the mapping that an argument reads, under that key or as a whole."""
        node = change(self.graph, site.path, argument, key)
        if node is not None:
            self.mappings.reasons[f"changed at {self._place(site.path, node)}"] = None
        return node is not None

    def _settle(
        self,
        name: str,
        given: tuple[Any, ir.Expr | None],
        site: ev.CallSite,
        settings: dict[str, Setting],
        unknown: dict[str, str],
    ) -> None:
        """Put one argument, a term or what a mapping holds, among the settings or the unknown."""
        value, argument = given
        of_settings = classify(name, "constructor") == "settings"
        tried = [value] if value is not None else []
        key = getattr(argument, "attr", None) or getattr(getattr(argument, "index", None), "value", None)
        if isinstance(argument, (ir.Attr, ir.Sub)) and isinstance(key, str):
            tried += [term for term in [self._of_an_object(argument)] if term is not None]
            tried += self.mappings.under(self.symbols.term(site.path, argument.value), key)
        setting = next((s for s in (self.setting(one, site, of_settings) for one in tried) if s is not None), None)
        if (
            setting is not None
            and setting.of_a_file
            and argument is not None
            and self._altered(site, argument, str(key))
        ):
            setting = None
        if setting is not None:
            settings[name] = setting
            self.mappings.reasons.clear()
            return
        if isinstance(value, Term):
            self.mappings.ask(value)
        source = self.source(value, site) if isinstance(value, Term) else ""
        why = "; ".join(self.mappings.reasons)
        unknown[name] = f"{source}: {why}" if source and why else source or why or "no plain value"
        self.mappings.reasons.clear()

    def _of_an_object(self, node: ir.Expr | None) -> Term | None:
        """`settings.alpha` as the field of the class that makes `settings`, where that is known."""
        if not isinstance(node, ir.Attr):
            return None
        fields = [self.symbols.field(cls, node.attr) for cls in self.symbols.classes_of(node.value)]
        return next((field for field in fields if self.symbols.options(field)), None)

    def setting(self, term: Any, site: ev.CallSite, of_settings: bool = False) -> Setting | None:
        """What an argument of a call is, a term or what a mapping holds, where that can be read."""
        found: dict[str, Setting] = {}
        for value, path, node in self._read(term, _DEEPEST):
            if (isinstance(value, dict) and "fields" in value) != of_settings:
                continue  # an object of settings is one by its name, and nothing else is
            if isinstance(path, Leaf):
                found.setdefault(repr(value), Setting(value, path.place, of_a_file=True))
                continue
            place = self._place(path or site.path, node or site.node)
            if isinstance(node, (ir.Name, ir.Attr)):
                place = f"{self.graph.source(path, node, _LONGEST)} at {place}"
            found.setdefault(repr(value), Setting(value, place))
        first, *others = found.values() or [None]
        if first is None:
            return None
        return Setting(first.value, first.place, tuple(o.words for o in others if o), first.of_a_file)

    def _read(self, held: Any, depth: int) -> Iterator[tuple[Any, str | Leaf, ir.Node | None]]:
        """The values of a term, or of what a mapping holds."""
        if isinstance(held, Term):
            yield from self._values(held, depth)
        elif isinstance(held, Leaf) and held.known:
            yield _whole(_number(held.value)), held, None
        elif isinstance(held, Leaf):
            self.mappings.reasons[f"{held.value} ({held.place})"] = None
        elif isinstance(held, dict):
            plain = {name: next((v for v, _, _ in self._read(inner, depth - 1)), self) for name, inner in held.items()}
            fields = {name: value for name, value in plain.items() if value is not self and not isinstance(value, dict)}
            places = [inner for inner in held.values() if isinstance(inner, Leaf)]
            if depth and fields:
                yield {"fields": fields}, places[0] if places else "", None

    def _values(self, term: Term, depth: int) -> Iterator[tuple[Any, str | Leaf, ir.Node | None]]:
        """The values that a term may have, as far as they can be read, each with its place."""
        for option in alternatives(strip(term)):
            if option.op == "const" and isinstance(option.data, _PLAIN):
                yield _whole(_number(option.data)), option.path, option.node
            elif option.op == "external" and _is_dtype(str(option.data)):
                yield {"dtype": str(option.data)}, option.path, option.node
            elif fields := self._fields(option):
                yield {"fields": fields}, option.path, option.node
            elif depth:
                if option.op in ("item", "call", "external", "param") and (held := self.mappings.values(option)):
                    for value in held:
                        if value != option:
                            yield from self._read(value, depth - 1)
                    continue
                for outer in self._outwards(option):
                    yield from self._values(outer, depth - 1)
                yield from self._computed(option, depth)

    def _outwards(self, term: Term) -> list[Term]:
        if term.op in ("param", "field", "item"):
            found = self.symbols.options(term)
            return found or (self._of_click(*term.data) if term.op == "param" else [])
        if term.op != "external":
            return []
        here = [default for default in self.symbols.default_of(term) if default.path == term.path]
        if not here and self._has_option(str(term.data).rpartition(".")[2], term.path):
            return []  # an option of the same name in another script is none of it
        return here or self.symbols.default_of(term) or self._of_a_parsed_class(str(term.data), term.path)

    def _has_option(self, name: str, path: str) -> bool:
        """Whether a file adds an option of that name to a parser of the command line."""
        options = (site.node for site in self.graph.events.calls.values() if site.path == path)
        named = (arg.value for call in options if getattr(call.func, "attr", "") == "add_argument" for arg in call.args)
        return any(str(getattr(n, "value", "")).lstrip("-").replace("-", "_") == name for n in named)

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
