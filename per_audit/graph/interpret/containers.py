"""The methods of lists, deques, dicts, arrays and tables: what they put in, take out and give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known import frames, reference
from per_audit.graph.interpret.known.draws import takes_many
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Arguments, Item, TupleOf, Value, of, taint

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

PUT = {"append": "append", "appendleft": "append", "add": "append", "put": "append", "put_nowait": "append",
       "insert": "insert", "extend": "extend", "extendleft": "extend", "update": "extend"}  # fmt: skip
_TAKE = {"pop": "pop", "popleft": "pop", "popitem": "pop", "remove": "pop", "clear": "clear", "get": "pop",
         "get_nowait": "pop"}  # fmt: skip
# What reads a container where it is told; a deque that is turned so far has what stood there as its first item.
_READS = {"take", "index_select", "gather", "rotate"}


def method(
    interpreter: Interpreter, atom: Alloc, node: ir.Call, name: str, arguments: Arguments, frame: Frame
) -> Value:
    """What a method of a container of the project gives; what it puts in and takes out is recorded."""
    content = interpreter.content_of(atom)
    values = [value for _, _, value in arguments]
    known = reference.method(atom, node, name, values, frame, interpreter)
    if known is not None:
        return known
    if name in PUT and arguments and (atom.kind != "array" or name == "append"):
        how = PUT[name] if atom.kind != "array" or frames.is_table(atom) else "extend"
        if how == "insert":
            value, source, index = values[-1], node.args[-1].value, node.args[0].value
        else:
            value, source, index = values[0], node.args[0].value, None
        if how == "extend":
            value = interpreter.parts.element(value)
        interpreter.targets.store(atom, node, frame, how, value, source, index)
        return of(atom) if frames.is_table(atom) else UNKNOWN
    if name in _TAKE and not (name == "get" and atom.kind == "dict"):
        interpreter.statements.evict(of(atom), node, frame, _TAKE[name])
        return content if atom.kind == "dict" else content.join(_taken(interpreter, atom, node, values, frame))
    if name == "__getitem__" and (draws := frozenset(taint(*values).tagged("index"))):
        return interpreter.parts.item_at(atom, draws, node, frame)
    if name in ("get", "setdefault", "__getitem__"):
        return _asked_for(interpreter, atom, name, content, values)
    if name == "items":
        return pairs(interpreter, node, content)
    if name == "values":
        return of(atom)
    if name in _READS and (draws := frozenset(taint(*values).tagged("index"))):
        interpreter.parts.gather(atom, draws, node, frame)
        return UNKNOWN if name == "rotate" else Value(tags=frozenset(("draw", d) for d in draws))
    if name in ext.CONVERSIONS:
        return of(atom)
    if name == "sort":
        return UNKNOWN
    if name in ("sample", "choice") and arguments:
        is_table = name == "sample" and frames.is_table(atom)
        return frames.sample(interpreter, atom, node, frame) if is_table else UNKNOWN
    return taint(*values)._replace(roles=content.roles)


def _asked_for(interpreter: Interpreter, atom: Alloc, name: str, content: Value, values: list[Value]) -> Value:
    """What stands under a key, or a default, which a dict may hold from then on."""
    if name == "setdefault" and atom.kind == "dict":
        interpreter.add_content(atom, values[-1] if len(values) > 1 else UNKNOWN)
    return content.join(taint(*values))


def pairs(interpreter: Interpreter, node: ir.Call, values: Value) -> Value:
    """`items()` of a dict with these values."""
    interpreter.add_content(node, of(TupleOf(node, (UNKNOWN, values))))
    return of(Alloc(node, "list"))


def _taken(interpreter: Interpreter, atom: Alloc, node: ir.Call, values: list[Value], frame: Frame) -> Value:
    """What a method takes out of a container at the positions of a batch; a single one may be one to forget."""
    known = interpreter.events.draws
    positions = taint(*values).tagged("index")
    draws = frozenset(d for d in positions if d in known and takes_many(known[d].node, known[d].method))
    if not draws:
        return UNKNOWN
    interpreter.parts.gather(atom, draws, node, frame)
    return Value(frozenset(Item(draw) for draw in draws), frozenset(("draw", draw) for draw in draws))
