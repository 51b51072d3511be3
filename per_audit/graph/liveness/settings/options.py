"""Options of the command line that are parsed as truths, and what a program that writes its own command line gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.liveness.names.overwritten import is_assigned_anew
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
    lines = _Lines(graph)
    for site in graph.events.calls.values():
        called = name_of(site.node.func) or ""
        if called == "set_defaults":
            others.update(arg.keyword for arg in site.node.args if arg.keyword)
        elif called in ("parse_args", "parse_known_args") and site.node.argument(1, "namespace") is not None:
            return {}
        elif called == "add_argument" or called.startswith("DEFINE_"):
            values = _of_argument(site.node) if called == "add_argument" else _of_flag(called)
            if values == _TRUTHS and lines.holds(site.path, site.node):
                values = _of_stored(site.node)
            for name in names_of_option(site.node):
                if values is None:
                    others.add(name)
                else:
                    found[name] = found.get(name, frozenset()) | values
    return {name: values for name, values in found.items() if name not in others}


class _Lines:
    """The command lines that files write for themselves: `parser.parse_args(["--prioritised"])`."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._known: dict[str, list[set[object]]] = {}

    def holds(self, path: str, option: ir.Call) -> bool:
        """Whether each command line that is parsed where an option is declared is written, and has the option."""
        if path not in self._known:
            self._known[path] = self._written(path)
        called = {argument.value.value for argument in option.args if isinstance(argument.value, ir.Const)}
        return bool(self._known[path]) and all(called & line for line in self._known[path])

    def _written(self, path: str) -> list[set[object]]:
        """The words of each line; of one that is not written none. What is parsed anew at once counts as it is then."""
        found = []
        for node in self._graph.module(path).nodes_of(ir.Call):
            if not isinstance(node, ir.Call) or name_of(node.func) not in ("parse_args", "parse_known_args"):
                continue
            statement = self._graph.statement(path, node)
            targets = statement.targets if isinstance(statement, ir.Assign) and statement.value is node else []
            names = [target.id for target in targets if isinstance(target, ir.Name)]
            if names and isinstance(statement, ir.Assign) and is_assigned_anew(self._graph, path, statement, names[0]):
                continue
            line = node.argument(0, "args")
            words = line.items if isinstance(line, ir.Seq) else []
            found.append({word.value for word in words if isinstance(word, ir.Const)})
        return found


def _of_stored(call: ir.Call) -> frozenset[object]:
    """What an option is that is given."""
    action = call.argument(None, "action")
    return frozenset({getattr(action, "value", "") == "store_true"})


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
