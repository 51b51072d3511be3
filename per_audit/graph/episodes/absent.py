"""Next states that are None where an episode has ended, and targets that ask for one though none is ever stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import bootstrap, endings
from per_audit.graph.episodes.truncation import is_step, outwards, stored_term
from per_audit.graph.interpret.roles import NEXT, role_of_name
from per_audit.graph.symbolic import Term, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.episodes.bootstrap import BootstrapTarget
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FEWEST = 3  # fields of a row
_MADE = {"tuple", "record", "alloc", "collect", "filled", "add", "sub", "mul", "div", "pow", "neg", "abs", "max", "min"}
_MADE |= {"mean", "sum", "matmul", "reshape", "unsqueeze", "squeeze", "stack", "gather", "argmax", "clip"}
_LIBRARIES = ("numpy.", "torch.", "tensorflow.", "jax.", "copy.", "cv2.", "skimage.")
_CHANGES = {"permute", "transpose", "copy", "clone", "expand", "repeat", "contiguous", "crop", "resize", "convert"}


def unmasked(graph: ReplayGraph, buffer: ReplayBuffer) -> list[tuple[BootstrapTarget, ir.Node]]:
    """The targets that nothing but a question for None switches off, which is never answered, and the question.

    The value of the next state is filled in, or the target computed, where the next state is not None; whatever is
    stored as one is an observation, at the end of episodes too.
    """
    bodies = endings.bodies(graph, buffer)
    if not any(_asks(node) for _, _, body in bodies for node in ir.walk(*body)):  # in lambdas as well
        return []
    places = _places(graph, buffer)
    if not places:
        return []
    found: list[tuple[BootstrapTarget, ir.Node]] = []
    for target in bootstrap.targets(graph, buffer):
        asked: list[ir.Node] = []

        def is_vain(path: str, node: ir.Node, asked: list[ir.Node] = asked) -> bool:
            """Whether an expression asks if a next state is None, or is a next state itself."""
            if not isinstance(node, (ir.Cmp, ir.Name, ir.Attr)):
                return False
            term = strip(graph.symbols.term(path, node))
            question = _question(term, buffer, places)
            if question is not None and isinstance(node, ir.Cmp):
                asked.append(node)
            return question is not None or _is_next(term, buffer, places)

        factors = tuple(_opened(graph, target, buffer, places, asked))
        if bootstrap.is_unmasked(graph, replace(target, factors=factors), bodies, is_vain) and asked:
            found.append((target, asked[0]))
    return found


def _asks(node: ir.Node) -> bool:
    return isinstance(node, ir.Cmp) and any(isinstance(side, ir.Const) and side.value is None for side in node.rights)


def _opened(
    graph: ReplayGraph,
    target: BootstrapTarget,
    buffer: ReplayBuffer,
    places: frozenset[int | str],
    asked: list[ir.Node],
) -> Iterator[Term]:
    """The factors of a target without the masks that let every next value through, which `asked` keeps."""
    for factor in target.factors:
        if factor.op == "filled" and isinstance(factor.node, ir.Sub):
            index = strip(graph.symbols.term(factor.path, factor.node.index))
            question = _question(index, buffer, places)
            if question is not None and index.node is not None and index.path == target.path:
                asked.append(index.node)
            yield from (factor,) if question is None else bootstrap.factors(factor.args[question])
        elif _question(strip(factor), buffer, places) != 1:
            yield factor


def _question(term: Term, buffer: ReplayBuffer, places: frozenset[int | str]) -> int | None:
    """1 where a term asks if a next state is something, 0 if it asks for None; None for any other term."""
    if term.op != "cmp" or len(term.args) != 2 or term.args[1].op != "const" or term.args[1].data is not None:
        return None
    asks = {("is not",): 1, ("!=",): 1, ("is",): 0, ("==",): 0}
    return asks.get(term.data) if _is_next(strip(term.args[0]), buffer, places) else None


def _is_next(term: Term, buffer: ReplayBuffer, places: frozenset[int | str]) -> bool:
    """Whether a term is the next state of what was drawn from a buffer."""
    held = strip(term.args[0]) if term.op == "item" else term
    return held.op == "draw" and held is not term and held.data in buffer.sources and term.data in places


def _places(graph: ReplayGraph, buffer: ReplayBuffer) -> frozenset[int | str]:
    """The places and names of the next state in the rows of a buffer, if it is never None; else none."""
    common: frozenset[int | str] | None = None
    for store in buffer.stores:
        for row, _ in outwards(graph, stored_term(graph, store), store.function, ()):
            if row.op == "const" and row.data is None:
                continue  # room for a row
            here = _place(graph, row)
            if here is None or not _is_something(graph, row.args[here]):
                return frozenset()
            own: set[int | str] = {here, here - len(row.args)}
            if row.op == "record":
                own.add(row.data[here])
            common = frozenset(own) if common is None else common & own
    return common or frozenset()


def _place(graph: ReplayGraph, row: Term) -> int | None:
    """The place of the next state in a row, if it is one place and known."""
    if row.op not in ("tuple", "record") or len(row.args) < _FEWEST:
        return None
    if row.op == "record" and isinstance(row.data, tuple):
        found = [place for place, name in enumerate(row.data) if role_of_name(str(name)) == NEXT]
    else:
        found = [place for place, field in enumerate(row.args) if bootstrap.role_at(graph, field.node) == NEXT]
    return found[0] if len(found) == 1 else None


def _is_something(graph: ReplayGraph, term: Term, depth: int = 4) -> bool:
    """Whether a term is known to be no None, whatever the program does: made by computing, or what a step returned."""
    if not depth:
        return False
    if term.op in ("phi", "where"):
        return all(_is_something(graph, option, depth) for option in term.args[term.op == "where" :])
    if term.op in ("detach", "slice", "at"):
        return _is_something(graph, term.args[0], depth)
    if term.op == "const":
        return term.data is not None
    if term.op == "item":
        return term.data == 0 and is_step(term.args[0]) and isinstance(strip(term.args[0]).data, str)
    if term.op == "call":
        name = term.data if isinstance(term.data, str) else ""
        return name.startswith(_LIBRARIES) or (name.startswith(".") and name.lstrip(".") in _CHANGES)
    if term.op in ("field", "param"):
        options = [option for option in graph.symbols.options(term) if option != term]
        return bool(options) and all(_is_something(graph, option, depth - 1) for option in options)
    return term.op in _MADE
