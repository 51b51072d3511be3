"""Functions that are called for each leaf of what holds arrays by their names: `jax.tree_util.tree_map(f, batch)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import Alloc, External, Func, Record, TupleOf, Value, join_all, taint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments, Atom

_MAPS = {
    "jax.tree_util.tree_map", "jax.tree.map", "jax.tree_map", "jax.tree_multimap", "jax.tree_util.tree_multimap",
    "tree.map_structure", "tensorflow.nest.map_structure", "optree.tree_map",
}  # fmt: skip
_DEEPEST = 3  # displays in others


def mapped(interpreter: Interpreter, name: str, arguments: Arguments, frame: Frame) -> Value | None:
    """What a tree holds once a function was called for each of its leaves, and for those of others at its places.

    None for other calls, and where it is not known what is called or for how many trees.
    """
    given = [value for keyword, star, value in arguments if keyword is None and not star]
    if name not in _MAPS or len(given) < 2 or any(star for _, star, _ in arguments):
        return None
    function, trees = given[0], given[1:]
    called = [atom for atom in interpreter.order.atoms(function.atoms) if isinstance(atom, Func)]
    if called:
        return join_all(_mapped(interpreter, func, trees, frame, "") for func in called)
    keeps = any(isinstance(atom, External) and ext.last(atom.name) in ext.CONVERSIONS for atom in function.atoms)
    return trees[0] if keeps and len(trees) == 1 else None


def _mapped(interpreter: Interpreter, func: Func, trees: Sequence[Value], frame: Frame, place: str) -> Value:
    """What a function makes of trees at a place: the names or numbers that lead there, each with a dot after it."""
    displays = [atom for atom in interpreter.order.atoms(trees[0].atoms) if isinstance(atom, (TupleOf, Record))]
    if not displays or place.count(".") >= _DEEPEST:
        made = interpreter.calls.project_call(func, [(None, "", tree) for tree in trees], frame)
        return made._replace(atoms=frozenset(_of_leaf(atom, func, place) for atom in made.atoms))
    found: list[Value] = []
    for display in displays:
        names = display.type.fields if isinstance(display, Record) else map(str, range(len(display.items)))
        rows = zip(
            names, display.items, *(_at_its_places(interpreter, display, tree) for tree in trees[1:]), strict=True
        )
        items = tuple(_mapped(interpreter, func, row, frame, f"{place}{name}.") for name, *row in rows)
        found.append(Value(frozenset((display._replace(items=items),)), taint(*trees).tags))
    return join_all(found)


def _of_leaf(atom: Atom, func: Func, place: str) -> Atom:
    """A container that the function itself makes as one of the leaf alone."""
    if isinstance(atom, Alloc) and any(node is atom.node for node in ir.walk(func.node)):
        return atom._replace(leaf=place)
    return atom


def _at_its_places(interpreter: Interpreter, display: TupleOf | Record, tree: Value) -> list[Value]:
    """The items of another tree at the places of one; of one that is not known item by item, as much as is known."""
    for atom in interpreter.order.atoms(tree.atoms):
        if _is_alike(display, atom):
            return list(atom.items)  # type: ignore[union-attr]
    return [tree.only_taint()] * len(display.items)


def _is_alike(display: TupleOf | Record, atom: Atom) -> bool:
    if not isinstance(atom, (TupleOf, Record)) or len(atom.items) != len(display.items):
        return False
    fields = [each.type.fields for each in (display, atom) if isinstance(each, Record)]
    return len(fields) < 2 or fields[0] == fields[1]
