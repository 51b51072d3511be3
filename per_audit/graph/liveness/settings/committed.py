"""What files and classes of settings give each name, where nothing else in the project may give it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.liveness.settings.filled import last_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.graph.model import ReplayGraph

# What fills objects of settings from files or the command line, under names that are not in the code.
_READS_SETTINGS = (
    *(b"yaml", b"hydra", b"OmegaConf", b"json.load", b"tomllib", b"toml.load", b"ConfigParser", b"import gin"),
    *(b"fire.Fire", b"draccus", b"tyro", b"simple_parsing", b"jsonargparse", b"HfArgumentParser"),
)


def committed(graph: ReplayGraph, handed: Collection[str]) -> dict[str, set[object]]:
    """What files and classes of settings give each name of theirs, where nothing else in the project may give it.

    So a setting is known of an object that is not: a module that is imported by a name given to the program, an
    object of settings that is handed on. Of classes that are `handed` on by their names others may make objects.
    """
    given: dict[str, set[object]] = defaultdict(set)
    open_names: set[str] = set()
    for module in graph.project.modules.values():
        if any(mark in module.text for mark in _READS_SETTINGS):
            return {}
        classes = [node for node in module.nodes_of(ir.Class) if isinstance(node, ir.Class)]
        bodies = [module.body, *(cls.body for cls in classes if not _is_filled_in(graph, cls, handed))]
        settings = {node for body in bodies for node in ir.walk_scope(body)}
        filled_in = {node for cls in classes if _is_filled_in(graph, cls, handed) for node in cls.body}
        for node in module.nodes:
            if isinstance(node, ir.Assign):
                parts = [part for target in node.targets for part in parts_of(target)]
                value = node.value
                if node not in settings:
                    open_names.update(part.attr for part in parts if isinstance(part, ir.Attr))
                    open_names.update(map(last_of, parts) if node in filled_in else ())
                elif isinstance(value, ir.Const) and isinstance(value.value, (bool, str)):
                    for part in parts:
                        given[last_of(part)].add(value.value)
                else:
                    open_names.update(map(last_of, parts))
            elif isinstance(node, (ir.Aug, ir.For)):
                open_names.add(last_of(node.target))
            elif isinstance(node, ir.Arg) and node.keyword:
                open_names.add(node.keyword)
            elif isinstance(node, ir.Const) and isinstance(node.value, str):
                open_names.add(node.value.lstrip("-").replace("-", "_"))
            elif isinstance(node, ir.Scope):
                open_names.update(node.names)
    return {name: values for name, values in given.items() if name not in open_names}


def _is_filled_in(graph: ReplayGraph, cls: ir.Class, handed: Collection[str]) -> bool:
    """Whether the fields that a class declares are given when an object is made, other than by their names."""
    bases = graph.classes.external_bases(cls)
    if not cls.decorators and not bases:
        return False
    if not bases <= {"typing.NamedTuple"} or cls.name in handed:
        return True  # what makes an object of it is not seen
    sites = graph.events.calls.values()
    made = (site.node for site in sites if cls in site.classes or last_of(site.node.func) == cls.name)
    return any(arg.star or arg.keyword is None for call in made for arg in call.args)
