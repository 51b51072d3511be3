"""Batches of two sources: positions that were drawn by priority, joined with others that were not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.prioritised.weights.weights import Weight, Weights

_FORMS = {"detach", "reshape", "unsqueeze", "squeeze", "element"}
_POSITIONS = {"range", "mod", "sub"}
_LISTS = {"choices", "sample"}
_JOINS = {"append", "concat", "concatenate", "cat", "hstack", "where", "put", "copyto"}


@dataclass(frozen=True, slots=True)
class Mixture:
    """A join of positions that a weight reads priorities at: `part` of it was not drawn by priority."""

    node: ir.Node
    path: str
    part: Term


def mixture(weights: Weights, weight: Weight) -> Mixture | None:
    """The join of positions of two sources under a weight; None for one source, and where a part is not understood."""
    sources = weights.anatomy.buffer.sources
    held = weights.normal.sources | weights.anatomy.containers
    for read in weight.formula.base.walk():
        if read.op == "at" and any(part in held for part in read.args[0].walk()):
            for index in _indices(weights, read.args[1]):
                for join, parts in _joins(weights, index):
                    foreign = next((part for part in parts if _is_foreign(weights, part)), None)
                    drawn = any(_is_drawn_in(sources, part) for part in parts)
                    if drawn and foreign is not None and join.node is not None:
                        return Mixture(join.node, join.path, foreign)
    return None


def weighted_apart(weights: Weights, weight: Weight) -> bool:
    """Whether some of the weights are set or joined with others anywhere, so that a part may have its own."""
    return any(
        weights.is_carried(weight, path, node)
        for path, module in weights.graph.project.modules.items()
        for statement in module.nodes
        for node in _changed(statement)
    )


def _changed(node: ir.Node) -> Iterator[ir.Expr]:
    """What a statement or a call sets a part of, or joins with something else."""
    if isinstance(node, (ir.Assign, ir.Aug)):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target]
        yield from (target.value for target in targets if isinstance(target, ir.Sub))
    elif isinstance(node, ir.Bin) and node.op == "+":
        yield from (side for side, other in ((node.left, node.right), (node.right, node.left)) if _is_written(other))
    elif isinstance(node, ir.Call):
        name = ir.last_name(node.func)
        if name in ("append", "extend") and len(node.args) == 1 and isinstance(node.func, ir.Attr):
            yield node.func.value
        elif name in _JOINS:
            for arg in node.args:
                yield from arg.value.items if isinstance(arg.value, ir.Seq) else [arg.value]


def _is_written(node: ir.Expr) -> bool:
    """Whether an expression is a list that is written out, once or repeated."""
    sides = [node.left, node.right] if isinstance(node, ir.Bin) and node.op == "*" else [node]
    return any(isinstance(side, (ir.Seq, ir.Comp)) for side in sides)


def _indices(weights: Weights, index: Term) -> Iterator[Term]:
    """The positions without their form and an offset into a tree, a parameter as each caller passes it."""
    index = _unshifted(index)
    if index.op == "param":
        yield from (_unshifted(given) for given in weights.symbols.options(index))
    elif index.op == "phi":
        yield from index.args
    yield index


def _unshifted(index: Term) -> Term:
    """What is left when changes of form and offsets that are the same for all positions are taken away."""
    while index.op in _FORMS or (index.op in ("add", "sub") and any(map(_is_setting, index.args))):
        index = index.args[1] if index.op == "add" and _is_setting(index.args[0]) else index.args[0]
    return index


def _is_setting(term: Term) -> bool:
    return term.is_number or term.op in ("field", "global") or (term.op == "sub" and all(map(_is_setting, term.args)))


def _joins(weights: Weights, index: Term) -> Iterator[tuple[Term, tuple[Term, ...]]]:
    """Each join that makes the positions, with its parts."""
    if index.op == "stack" and index.args[0].op == "tuple":
        yield index, index.args[0].args
    elif (
        (index.op == "call" and index.data == "numpy.append" and len(index.args) == 2)
        or (index.op == "add" and any(_is_list(weights, arg) for arg in index.args))
        or (index.op == "filled" and _is_certain(weights, index))
    ):
        yield index, index.args
    elif index.op == "phi":
        lists = [option.args[0] for option in index.args if option.op == "collect"]
        for one in lists:
            for other in lists:
                # a list that a first loop begins and a second one goes on with
                rest = tuple(part for part in alternatives(other) if part not in alternatives(one))
                if len(rest) < len(alternatives(other)) and rest and all(_is_taken(part) for part in alternatives(one)):
                    yield one, (*alternatives(one), *rest)


def _is_certain(weights: Weights, filled: Term) -> bool:
    """Whether positions in a known place are replaced whatever they are, rather than those found unfit."""
    target = filled.node
    if not isinstance(target, ir.Sub) or target.index is None:
        return False
    plain = target.index.operand if isinstance(target.index, ir.Un) else target.index
    if not isinstance(plain, (ir.Slice, ir.Const)):
        return False
    for around in weights.graph.ancestors(filled.path, target):
        if isinstance(around, ir.Function):
            return True
        if isinstance(around, (ir.If, ir.While)):
            return False
    return True


def _is_list(weights: Weights, term: Term) -> bool:
    draw = weights.graph.events.draws.get(term.data) if term.op == "draw" else None
    return term.op in ("collect", "tuple") or (draw is not None and draw.method in _LISTS)


def _is_drawn_in(sources: set[ir.Node], term: Term) -> bool:
    return any(part.op in ("draw", "mass", "found") and part.data in sources for part in term.walk())


def _is_foreign(weights: Weights, term: Term) -> bool:
    """Whether positions are known to have nothing to do with priorities: uniform draws, the newest, forced ones."""
    while term.op in (*_FORMS, "collect", "tuple") and term.args:
        term = term.args[0]
    if term.op == "draw":
        draw = weights.graph.events.draws.get(term.data)
        return draw is not None and not draw.weighted and term.data not in weights.anatomy.buffer.sources
    if _is_taken(term):
        return True
    return term.op in _POSITIONS and not term.has("draw", "mass", "found", "unknown")


def _is_taken(term: Term) -> bool:
    """Whether the term is taken out of a list that the object keeps."""
    return term.op == "call" and term.data in (".pop", ".popleft") and term.args[0].op == "field"
