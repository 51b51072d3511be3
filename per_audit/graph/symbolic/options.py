"""Options of the command line: what they are unless somebody gives them, and which a file means by a name."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, Result
from per_audit.graph.symbolic.records import record_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.facts import ModuleFacts
    from per_audit.graph.symbolic.symbols import Symbols
    from per_audit.graph.symbolic.term import Term


_PARSED_BY = ("parse_", ".flags.")  # in the name of what a library gives: argparse's, TensorFlow's and absl's
# What declares flags of one value, as against lists of several that are written as one text.
_FLAGS = {f"DEFINE_{kind}" for kind in ("integer", "float", "string", "bool", "boolean", "enum")}

_CONFIG = "ConfigDict"  # of ml_collections, which absl's flags fill


class Options:
    """Asked for the defaults of options that `add_argument("--size", default=...)` declares, or `DEFINE_integer`."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._project = symbols.project
        self._reached: dict[str, set[str]] = {}

    def of(self, term: Term) -> list[Term]:
        """The defaults of the option that a term reads: `args.size`, `FLAGS.size`.

        Options of one name in several files are different ones: meant is that of the file that reads it, else of a file
        that it imports, else of one that imports it.
        """
        if term.op != "external":
            return []
        if filled := self._of_filled(term.node):
            return filled
        if not is_option(str(term.data)):
            return []
        if held := self._of_holder(term.node):
            return held
        declared = self._declared.get(str(term.data).rpartition(".")[2], [])
        for is_meant in (
            lambda path: path == term.path,
            lambda path: path in self._reached_by(term.path),
            lambda path: term.path in self._reached_by(path),
        ):
            if found := [default for path, default in declared if is_meant(path)]:
                return found
        return [default for _, default in declared]

    def _of_filled(self, node: ir.Node | None) -> list[Term]:
        """What a data class says of a field where a library fills it by the command line: `tyro.cli(Args)`."""
        made = self._symbols.events.value(node.value).atoms if isinstance(node, ir.Attr) else ()
        calls = [atom.call for atom in made if isinstance(atom, Result) and isinstance(atom.call, ir.Call)]
        given = [atom for call in calls for arg in call.args for atom in self._symbols.events.value(arg.value).atoms]
        found: list[Term] = []
        for cls in (atom.node for atom in given if isinstance(atom, ClassRef)):
            if isinstance(node, ir.Attr) and node.attr in (record_fields(cls) or ()):
                found += filter(None, [self._symbols.class_body(cls).env.get(node.attr)])
        return found

    def _of_holder(self, node: ir.Node | None) -> list[Term]:
        """The default of a flag that is read from what declared it: `SIZE = DEFINE_integer(...)`, then `SIZE.value`."""
        if not isinstance(node, ir.Attr) or node.attr != "value":
            return []
        held = self._symbols.events.value(node.value).atoms
        calls = [atom.call for atom in held if isinstance(atom, Result) and isinstance(atom.call, ir.Call)]
        found = [(self._symbols.events.calls[call].path, _default(call)) for call in calls]
        return [self._symbols.term(path, default) for path, default in found if default is not None]

    def _reached_by(self, path: str) -> set[str]:
        if path not in self._reached:
            self._reached[path] = self._project.reached([path])
        return self._reached[path]

    @cached_property
    def defaults(self) -> dict[str, list[Term]]:
        """The defaults of all options, by the names of their attributes."""
        return {name: [default for _, default in declared] for name, declared in self._declared.items()}

    @cached_property
    def _declared(self) -> dict[str, list[tuple[str, Term]]]:
        """The same, each with the file that declares it."""
        found: dict[str, list[tuple[str, Term]]] = defaultdict(list)
        for site in self._symbols.events.calls.values():
            default = _default(site.node)
            for name in names_of_option(site.node) if default is not None else ():
                found[name].append((site.path, self._symbols.term(site.path, default)))
        for path, module in self._project.modules.items():
            if _CONFIG.encode() in module.text:
                for name, value in self._configured(module):
                    found[name].append((path, self._symbols.term(path, value)))
        return dict(found)

    def _configured(self, module: ModuleFacts) -> Iterator[tuple[str, ir.Expr]]:
        """What a file of settings says by attributes of `ConfigDict()`, any of which the command line may replace."""
        for node in module.nodes_of(ir.Assign):
            for target in node.targets:
                if isinstance(target, ir.Attr) and node.value is not None and self._is_config(target.value):
                    yield target.attr, node.value

    def _is_config(self, node: ir.Expr) -> bool:
        held = self._symbols.events.value(node).atoms
        return any(isinstance(atom, Result) and atom.name.endswith(f".{_CONFIG}") for atom in held)


def is_option(name: str) -> bool:
    """Whether a library's name is that of an option which it has parsed."""
    return any(mark in name for mark in _PARSED_BY)


def _default(call: ir.Call) -> ir.Expr | None:
    """The default of the option that a call declares, if it is one: of a flag it is the second argument."""
    declares = ir.last_name(call.func)
    if declares == "add_argument":
        return call.argument(None, "default")
    return call.argument(1, "default") if declares in _FLAGS else None


def names_of_option(call: ir.Call) -> set[str]:
    """The name under which an option is read: the one that is told, or that of its long flag."""
    words = [arg.value.value for arg in call.args if arg.keyword is None and isinstance(arg.value, ir.Const)]
    flags = [word for word in words if isinstance(word, str)]
    told = call.keyword("dest") or call.keyword("name")
    if told is not None:
        return {str(told.value.value)} if isinstance(told.value, ir.Const) else set()
    plain = [flag for flag in flags if not flag.startswith("-")]  # click's own way to tell it
    long = plain or [flag for flag in flags if flag.startswith("--")] or flags
    return {long[0].lstrip("-").replace("-", "_")} if long else set()
