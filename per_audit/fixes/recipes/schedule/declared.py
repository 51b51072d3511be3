"""What a setting is where the program declares it: options of command lines, fields of classes, what is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import ClassRef, External, Instance, Result
from per_audit.graph.symbolic.options import names_of_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret.values import Value

_PARSERS = (".parse_args", ".parse_known_args")
_TYPER = {"Option", "Argument"}


class Given(NamedTuple):
    """An expression that gives a setting its value; None for one that is not written out."""

    path: str
    value: ir.Expr | None


def of_attribute(graph: ReplayGraph, path: str, node: ir.Attr) -> list[Given]:
    """All that an attribute is given: `args.steps`, `FLAGS.steps`, `config.steps`, `self.steps`."""
    holder, read = graph.events.value(node.value), graph.events.value(node)
    classes = [atom.node for atom in holder.atoms if isinstance(atom, Instance)]
    fields = [given for cls in classes for given in _of_class(graph, cls, node.attr)]
    if fields:
        return fields
    filled = [given for cls in _filled(graph, holder) for given in _of_class(graph, cls, node.attr)]
    if filled:
        return filled + list(_assigned(graph, node.attr, holder))
    options = _options(graph, path, node.attr, read)
    return options + list(_assigned(graph, node.attr, holder)) if options else []


def of_parameter(path: str, function: ir.Function, name: str) -> Given | None:
    """What a parameter is where no call gives it: its default, or that of the option that fills it."""
    for decorator in function.decorators:
        if isinstance(decorator, ir.Call) and name_of(decorator.func) == "option":
            told = decorator.argument(None, "default")
            if told is not None and name in names_of_option(decorator):
                return Given(path, told)
    default = next((each.default for each in function.parameters if each.name == name), None)
    if isinstance(default, ir.Call) and name_of(default.func) in _TYPER:
        default = default.argument(0, "default")
    return Given(path, default) if default is not None else None


def _options(graph: ReplayGraph, path: str, name: str, read: Value) -> list[Given]:
    """The default of an option of the file that reads it, else of the only declaration in the project."""
    found: dict[str, list[Given]] = {}
    for site in graph.events.calls.values():
        default = _declared(site.node, name)
        if default is not None:
            found.setdefault(site.path, []).append(Given(site.path, default))
    for site in graph.events.calls.values():
        if site.path in found and _tells_words(site.node):
            found[site.path].append(Given(site.path, None))
    if path in found:
        return found[path]
    is_option = any(
        isinstance(atom, External) and (any(f"{parse}." in atom.name for parse in _PARSERS) or ".flags." in atom.name)
        for atom in read.atoms
    )
    return next(iter(found.values())) if len(found) == 1 and is_option else []


def _tells_words(call: ir.Call) -> bool:
    """Whether a call parses words that the program writes out, in place of those of the command line."""
    is_parser = isinstance(call.func, ir.Attr) and f".{call.func.attr}" in _PARSERS
    words = call.argument(0, "args") if is_parser else None
    if isinstance(words, ir.Call) and isinstance(words.func, ir.Attr) and words.func.attr == "split":
        return isinstance(words.func.value, ir.Const)
    return isinstance(words, ir.Seq) and bool(words.items)


def _declared(call: ir.Call, name: str) -> ir.Expr | None:
    """The default that a call declares for an option: of argparse, or of absl's and TensorFlow's flags."""
    func = call.func.attr if isinstance(call.func, ir.Attr) else ""
    if func == "add_argument":
        default = call.keyword("default")
        return default.value if default is not None and name in names_of_option(call) else None
    if func in ("DEFINE_integer", "DEFINE_float"):
        first = call.argument(0, "name")
        return call.argument(1, "default") if isinstance(first, ir.Const) and first.value == name else None
    if func == "set_defaults":
        given = call.keyword(name)
        return given.value if given is not None else None
    return None


def _filled(graph: ReplayGraph, holder: Value) -> list[ir.Class]:
    """The classes that a library fills from the command line: `tyro.cli(Args)`."""
    calls = [atom.call for atom in holder.atoms if isinstance(atom, Result)]
    arguments = [arg.value for call in calls if isinstance(call, ir.Call) for arg in call.args]
    return [atom.node for each in arguments for atom in graph.events.value(each).atoms if isinstance(atom, ClassRef)]


def _of_class(graph: ReplayGraph, cls: ir.Class, name: str) -> Iterator[Given]:
    """What a field is given: in the body of the class, where objects are made of it, and wherever it is assigned."""
    for write in graph.symbols.writes_of.get(graph.symbols.field(cls, name).data, ()):
        yield Given(write.path, None if write.augmented else write.expression)
    chain = graph.classes.mro(cls)
    for base in chain:
        for statement in base.body:
            if isinstance(statement, ir.Assign) and any(name_of(target) == name for target in statement.targets):
                if statement.value is not None:
                    yield Given(graph.project.module_of[base].path, _plain(statement.value))
                if graph.classes.find_method(cls, "__init__") is None and statement.annotation is not None:
                    yield from _constructed(graph, cls, name)
                return


def _constructed(graph: ReplayGraph, cls: ir.Class, name: str) -> Iterator[Given]:
    """What a field of a data class is given where objects are made."""
    fields = [
        name_of(node.targets[0])
        for base in reversed(graph.classes.mro(cls))
        for node in base.body
        if isinstance(node, ir.Assign) and node.annotation is not None
    ]
    for site in graph.events.calls.values():
        argument = site.node.argument(fields.index(name), name) if cls in site.classes else None
        if argument is not None:
            yield Given(site.path, argument)


def _plain(value: ir.Expr) -> ir.Expr:
    """The default in `field(default=...)`."""
    default = value.keyword("default") if isinstance(value, ir.Call) and name_of(value.func) == "field" else None
    return default.value if default is not None else value


def _assigned(graph: ReplayGraph, name: str, holder: Value) -> Iterator[Given]:
    """What the program itself sets an option to after it was read: `args.steps = 1000`."""
    for path, module in graph.project.modules.items():
        for node in module.nodes_of(ir.Assign):
            assert isinstance(node, ir.Assign)
            targets = [each for each in node.targets if isinstance(each, ir.Attr) and each.attr == name]
            if any(graph.events.value(target.value).atoms & holder.atoms for target in targets):
                yield Given(path, node.value)
