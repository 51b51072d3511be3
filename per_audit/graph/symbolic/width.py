"""How many values a network gives for each row: the width of its last layer, where that is a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import External, Literal, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.symbolic.symbols import Symbols
    from per_audit.graph.symbolic.term import Term

_ACTIVATIONS = {"Tanh", "Sigmoid", "Identity", "ReLU", "Softplus", "ELU", "LeakyReLU", "Mish", "GELU", "SiLU"}
MANY = 0  # more than one that are not counted


def width_of_call(symbols: Symbols, node: ir.Node | None) -> int | None:
    """How many values a call of a layer or of a stack of layers gives for each row, `MANY` where nobody counts them."""
    if not isinstance(node, ir.Call):
        return None
    made = [atom for atom in symbols.events.value(node.func).atoms if isinstance(atom, Result)]
    widths = {_width(symbols, atom.call, node.func) for atom in made}
    return widths.pop() if len(widths) == 1 else None


def _width(symbols: Symbols, made: ir.Node, holder: ir.Expr) -> int | None:
    """The width of what a constructor of layers makes, which `holder` is called by."""
    if not isinstance(made, ir.Call):
        return None
    name = ir.last_name(made.func)
    if name in ("Linear", "Dense"):
        told = made.argument(1, "out_features") if name == "Linear" else made.argument(0, "units")
        return None if told is None else _told(symbols, made, told, holder)
    if name != "Sequential":
        return None
    found: set[int] = set()
    for layer, is_sure in reversed(list(_layers(symbols, made))):
        width = _width(symbols, layer, holder)
        if width is not None:
            found.add(width)
            if is_sure:
                return width if len(found) == 1 else None
        elif not _is_activation(symbols, layer):
            return None
    return None


def _told(symbols: Symbols, layer: ir.Call, told: ir.Expr, holder: ir.Expr) -> int | None:
    """The width that a layer is told: where a helper makes layers for several networks, that of the one which is asked.

    What the caller gives is told by the terms of what the network is held by.
    """
    path = symbols.graph.path_of(told) or ""
    term = symbols.term(path, told)
    if term.op != "param":
        number = symbols.events.value(told).literal()
        return number if isinstance(number, int) else MANY
    place = next(i for i, arg in enumerate(layer.args) if arg.value is told)
    given = [
        part.args[place - len(layer.args)]
        for option in _held(symbols, holder)
        for part in option.walk()
        if part.node is layer and len(part.args) >= len(layer.args)
    ]
    given = [option for each in given for option in (symbols.options(each) if each.op == "param" else [each])]
    numbers = {option.number for option in given}
    if not numbers:
        # Objects of one class are one: of those whose width can be read.
        numbers = {option.number for option in symbols.options(term)}
        numbers = numbers - {None} or numbers
    if len(numbers) != 1:
        return None if None in numbers or 1 in numbers else MANY
    number = numbers.pop()
    return MANY if number is None else int(number)


def _held(symbols: Symbols, holder: ir.Expr) -> Iterator[Term]:
    """The terms of what a name or an attribute holds."""
    if isinstance(holder, ir.Attr):
        for cls in symbols.classes_of(holder.value):
            yield from (value for value, _, _ in symbols.written(symbols.field(cls, holder.attr)))
    yield symbols.term(symbols.graph.path_of(holder) or "", holder)


def _layers(symbols: Symbols, made: ir.Call) -> Iterator[tuple[ir.Expr, bool]]:
    """The layers of a stack in order, each with whether it is there on all ways; nothing where that cannot be told."""
    layers = [arg.value for arg in made.args]
    if len(layers) == 1 and not made.args[0].star and isinstance(layers[0], ir.Seq):
        layers = layers[0].items
    elif len(layers) == 1 and made.args[0].star == "*" and isinstance(layers[0], ir.Name):
        yield from _collected(symbols, layers[0])
        return
    if not any(arg.star for arg in made.args):
        yield from ((layer, True) for layer in layers)


def _collected(symbols: Symbols, name: ir.Name) -> list[tuple[ir.Expr, bool]]:
    """The layers of a list that the function makes, and puts some into: surely, or behind a test or in a loop."""
    path = symbols.graph.path_of(name) or ""
    function = symbols.function_of(path, name)
    body = function.body if isinstance(function, ir.Function) else symbols.graph.module(path).body
    found: list[tuple[ir.Expr, bool]] = []
    for node in ir.walk_scope(body):
        if node.start >= name.start:
            break
        items = _added(node, name.id)
        if items is None:
            continue
        is_sure = symbols.graph.statement(path, node) in body
        if isinstance(node, ir.Assign):
            found = []
        if not all(isinstance(item, ir.Expr) for item in items) or (isinstance(node, ir.Assign) and not is_sure):
            return []
        found += [(item, is_sure) for item in items]
    return found


def _added(node: ir.Node, name: str) -> list[ir.Expr] | None:
    """What a statement or call puts at the end of a list of that name; None for what has nothing to do with it."""
    added: ir.Expr | None = None
    if isinstance(node, (ir.Assign, ir.Aug)):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target]
        if not any(isinstance(target, ir.Name) and target.id == name for target in targets):
            return None
        added = node.value
    elif isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and ir.last_name(node.func.value) == name:
        added = node.args[0].value if node.args else None
        if node.func.attr == "append" and added is not None:
            return [added]
        added = added if node.func.attr == "extend" else None
    else:
        return None
    return added.items if isinstance(added, ir.Seq) else [ir.Other(node.start, node.end, "unknown", [])]


def _is_activation(symbols: Symbols, layer: ir.Expr) -> bool:
    """Whether a layer leaves the width as it is; a parameter is what callers give, None where they give nothing."""
    func = layer.func if isinstance(layer, ir.Call) else layer
    if ir.last_name(func) in _ACTIVATIONS:
        return True
    atoms = symbols.events.value(layer).atoms
    return bool(atoms) and all(
        (isinstance(atom, Literal) and atom.value is None)
        or (isinstance(atom, (Result, External)) and atom.name.rpartition(".")[2] in _ACTIVATIONS)
        for atom in atoms
    )
