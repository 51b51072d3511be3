"""Settings that are looked up in a dict: with a default beside the key, or among the options of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.term import item_of

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


def looked_up(graph: ReplayGraph, term: Term) -> list[Term]:
    """What `config.get("size", 9)` or `vars(args)["size"]` may be; empty where the dict is not known."""
    if term.op == "call" and term.data == ".get" and len(term.args) > 1 and isinstance(term.args[1].data, str):
        held, key = term.args[0], term.args[1].data
        found: list[Term] = []
        for option in alternatives(strip(graph.symbols.expanded(held))):
            if option.op != "record" or not isinstance(option.data, tuple):
                return graph.symbols.options(Term("item", (held,), key, term.node, term.path))
            found += [item_of(option, key, term.node, term.path)] if key in option.data else term.args[2:]
        return found
    if term.op == "item" and isinstance(term.data, str):
        held = strip(graph.symbols.expanded(term.args[0]))
        if held.op == "call" and held.data == "builtins.vars" and held.args and "parse_" in str(held.args[0].data):
            return [Term("external", (), f"{held.args[0].data}.{term.data}", held.node, held.args[0].path)]
    return []


def default_beside(term: Term) -> tuple[str, Term] | None:
    """The key and what is written beside it in a look-up: `config.get("size", 9)`; None where it is none.

    So it is where a library has made the dict, of a file or of the environment: the default stands for what it says.
    """
    if term.op != "call" or not isinstance(term.data, str) or term.data.rpartition(".")[2] != "get":
        return None
    if len(term.args) != 3 or not isinstance(term.args[1].data, str):
        return None
    return term.args[1].data, term.args[2]
