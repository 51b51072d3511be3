"""Options of the command line: what they are unless somebody gives them, and which a file means by a name."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.symbolic.symbols import Symbols
    from per_audit.graph.symbolic.term import Term


class Options:
    """Asked for the defaults of options that `add_argument("--size", default=...)` declares."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._project = symbols.project
        self._reached: dict[str, set[str]] = {}

    def of(self, term: Term) -> list[Term]:
        """The defaults of the option that a term reads: `args.size`.

        Options of one name in several files are different ones: meant is that of the file that reads it, else of a file
        that it imports, else of one that imports it.
        """
        if term.op != "external" or "parse_" not in str(term.data):
            return []
        declared = self._declared.get(str(term.data).rpartition(".")[2], [])
        for is_meant in (
            lambda path: path == term.path,
            lambda path: path in self._reached_by(term.path),
            lambda path: term.path in self._reached_by(path),
        ):
            if found := [default for path, default in declared if is_meant(path)]:
                return found
        return [default for _, default in declared]

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
            func = site.node.func
            if not isinstance(func, ir.Attr) or func.attr != "add_argument":
                continue
            default = site.node.argument(None, "default")
            for name in names_of_option(site.node) if default is not None else ():
                found[name].append((site.path, self._symbols.term(site.path, default)))
        return dict(found)


def names_of_option(call: ir.Call) -> set[str]:
    """The name under which an option is read: the one that is told, or that of its long flag."""
    words = [arg.value.value for arg in call.args if arg.keyword is None and isinstance(arg.value, ir.Const)]
    flags = [word for word in words if isinstance(word, str)]
    told = call.keyword("dest")
    if told is not None:
        return {str(told.value.value)} if isinstance(told.value, ir.Const) else set()
    plain = [flag for flag in flags if not flag.startswith("-")]  # click's own way to tell it
    long = plain or [flag for flag in flags if flag.startswith("--")] or flags
    return {long[0].lstrip("-").replace("-", "_")} if long else set()
