"""How many values a network gives for each row: the width of its last layer, where that is a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import External, Literal, Result
from per_audit.graph.symbolic.term import Term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.symbolic.symbols import Symbols

_ACTIVATIONS = {"Tanh", "Sigmoid", "Identity", "ReLU", "Softplus", "ELU", "LeakyReLU", "Mish", "GELU", "SiLU"}
ONE = Term("const", (), 1)
MANY = 0  # more than one that are not counted
_RECURRENT = {"LSTM", "GRU", "RNN"}


def is_of_sequences(gathered: Term) -> bool:
    """Whether values are picked along the last of three axes: for each step of what a recurrent layer was given."""
    values, index = gathered.args
    layers = (str(part.data) for part in values.walk() if part.op == "call")
    is_range = index.op == "unsqueeze" and any(
        part.op == "call" and part.data == "column" and part.args[1].data == "slice" for part in index.args
    )
    return is_range or any(layer.rpartition(".")[2] in _RECURRENT for layer in layers)


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
    sizes = _sizes(symbols, made)
    if sizes is not None:
        return _last_size(symbols, made, sizes, holder)
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


def _sizes(symbols: Symbols, made: ir.Call) -> str | None:
    """The parameter whose numbers a stack goes through: layers from `sizes[i]` to `sizes[i + 1]` for each but the last.

    None where anything but activations is put beside them.
    """
    star = made.args[0] if len(made.args) == 1 else None
    if star is None or star.star != "*" or not isinstance(star.value, ir.Name):
        return None
    wide = [layer for layer, _ in _collected(symbols, star.value) if not _is_activation(symbols, layer)]
    layer = wide[0] if len(wide) == 1 else None
    told = (
        layer.argument(1, "out_features")
        if isinstance(layer, ir.Call) and ir.last_name(layer.func) == "Linear"
        else None
    )
    if not isinstance(told, ir.Sub):
        return None
    path = symbols.graph.path_of(told) or ""
    loop = next((each for each in symbols.graph.ancestors(path, told) if isinstance(each, (ir.For, ir.While))), None)
    if not isinstance(loop, ir.For) or symbols.graph.statement(path, loop) not in _body_around(symbols, path, loop):
        return None
    term, end = symbols.term(path, told), symbols.term(path, loop.iter)
    whole = term.args[0] if term.op == "at" else term
    if whole.op != "param" or end.op != "range" or len(term.args) != 2 or not end.args:
        return None
    length, index = Term("len", (whole,)), term.args[1]
    is_all = end.args[-1] == Term("sub", (length, ONE)) and len(end.args) == 1
    is_next = index.op == "add" and ONE in index.args and any(arg.op == "element" for arg in index.args)
    return str(whole.data[1]) if is_all and is_next else None


def _body_around(symbols: Symbols, path: str, node: ir.Node) -> list[ir.Stmt]:
    function = symbols.function_of(path, node)
    return function.body if isinstance(function, ir.Function) else []


def _last_size(symbols: Symbols, made: ir.Call, sizes: str, holder: ir.Expr) -> int | None:
    """The last of the numbers that a helper was given for the network that an attribute holds."""
    path = symbols.graph.path_of(made) or ""
    function = symbols.function_of(path, made)
    if not isinstance(holder, ir.Attr) or not isinstance(function, ir.Function):
        return None
    place = [parameter.name for parameter in function.parameters].index(sizes)
    found: set[int | None] = set()
    for cls in symbols.classes_of(holder.value):
        for _, write, where in symbols.written(symbols.field(cls, holder.attr)):
            call = None if write is None else write.expression
            site = symbols.events.calls.get(call) if isinstance(call, ir.Call) else None
            is_helper = site is not None and [target.node for target in site.targets] == [function]
            given = call.argument(place, sizes) if is_helper and isinstance(call, ir.Call) else None
            found.add(_last_number(symbols, where, given))
    return found.pop() if len(found) == 1 else None


def _last_number(symbols: Symbols, path: str, given: ir.Expr | None) -> int | None:
    """The last number of a list, also of one that is added to others."""
    while isinstance(given, ir.Bin) and given.op == "+":
        given = given.right
    items = given.items if isinstance(given, ir.Seq) else []
    number = symbols.term(path, items[-1]).number if items else None
    return None if number is None else int(number)


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
