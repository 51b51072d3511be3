"""Options of the command line that are parsed as truths, and the names of what libraries have parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.symbolic.options import names_of_option

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_TRUTHS: frozenset[object] = frozenset({True, False})
_OR_NONE = _TRUTHS | {None}
_STORES = ("store_true", "store_false")


def parsed_as_truths(graph: ReplayGraph) -> dict[str, frozenset[object]]:
    """What options may be that are parsed as truths wherever they are declared, by their names."""
    found: dict[str, frozenset[object]] = {}
    others: set[str] = set()
    for site in graph.events.calls.values():
        called = name_of(site.node.func) or ""
        if called == "set_defaults":
            others.update(arg.keyword for arg in site.node.args if arg.keyword)
        elif called in ("parse_args", "parse_known_args") and site.node.argument(1, "namespace") is not None:
            return {}
        elif called == "add_argument" or called.startswith("DEFINE_"):
            values = _of_argument(site.node) if called == "add_argument" else _of_flag(called)
            for name in names_of_option(site.node):
                if values is None:
                    others.add(name)
                else:
                    found[name] = found.get(name, frozenset()) | values
    return {name: values for name, values in found.items() if name not in others}


def _of_argument(call: ir.Call) -> frozenset[object] | None:
    """What an option of argparse may be; None where it may be more than a truth or None."""
    action, default = call.argument(None, "action"), call.argument(None, "default")
    if any(arg.star for arg in call.args) or call.keyword("nargs") is not None:
        return None
    if isinstance(action, ir.Const):
        without = None if action.value not in _STORES else _TRUTHS
    elif action is not None:
        without = _OR_NONE if name_of(action) == "BooleanOptionalAction" else None
    else:
        without = _OR_NONE if getattr(call.argument(None, "type"), "id", "") == "bool" else None
    if without is None or default is None:
        return without
    return _OR_NONE if isinstance(default, ir.Const) and default.value in _OR_NONE else None


def _of_flag(defined_by: str) -> frozenset[object] | None:
    """What a flag of TensorFlow or absl may be; None where it may be more than a truth or None."""
    return _OR_NONE if defined_by in ("DEFINE_bool", "DEFINE_boolean") else None
