"""Calls of the numeric libraries as terms: what makes numbers of others, arrays of sizes, and rows of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import vocabulary as voc
from per_audit.graph.symbolic.logs import exponential
from per_audit.graph.symbolic.term import Term, const

if TYPE_CHECKING:
    from per_audit.graph.symbolic.expressions import Expressions

_GATHERS = {"gather", "take_along_axis", "batch_gather"}


def numeric(run: Expressions, node: ir.Call, name: str, args: list[Term], keywords: dict[str, Term]) -> Term | None:
    """The term of a call that computes with its first argument, by its name; None for others."""
    first, rest = args[0], args[1:]
    if name in voc.TRANSPARENT and not (name == "get" and rest):
        return first
    if name in voc.POINTWISE:
        return _pointwise(run, node, voc.POINTWISE[name], args, keywords)
    if name in voc.POWERS:
        return run.make("pow", (first, const(voc.POWERS[name])), node)
    if name == "squared_difference" and rest:
        return run.make("pow", (run.make("sub", (first, rest[0]), node), const(2)), node)
    if name in voc.REDUCTIONS:
        return _reduction(run, node, voc.REDUCTIONS[name], args, keywords)
    if name in voc.CLIPS:
        low = keywords.get("min") or keywords.get("a_min") or keywords.get("clip_value_min")
        high = keywords.get("max") or keywords.get("a_max") or keywords.get("clip_value_max")
        if name == "clamp_max":
            high, rest = (rest[0] if rest else high), []
        low = low or (rest[0] if rest else const(None))
        high = high or (rest[1] if len(rest) > 1 else const(None))
        return run.make("clip", (first, low, high), node)
    if name == "interp" and len(args) == 3 and all(each.op == "tuple" and len(each.args) == 2 for each in rest):
        return _between(run, node, first, *rest)
    if name in voc.ALLOCATIONS:
        sizes = (first,) if name == "full" else (first, *(size for size in rest if not _is_type(size)))
        sizes = first.args if first.op == "tuple" else sizes
        if name.endswith("_like"):
            return run.make("alloc", (Term("call", (first,), "shape", node, run.path),), node, name)
        made = run.make("alloc", sizes, node, name)
        value = keywords.get("fill_value") or (rest[0] if rest else None) if name == "full" else None
        return made if value is None else run.full(made, value, node)
    if name in voc.DETACHES:
        return run.make("detach", (first,), node)
    return _shaped(run, node, name, args, keywords)


def _between(run: Expressions, node: ir.Call, at: Term, ends: Term, values: Term) -> Term:
    """What lies on the line from one value to another, of which nothing goes beyond them."""
    (start, end), (first, last) = ends.args, values.args
    if start.number != 0:
        at, end = run.binary("sub", at, start, node), run.binary("sub", end, start, node)
    share = run.make("clip", (run.binary("div", at, end, node), const(0), const(1)), node)
    return run.binary("add", first, run.binary("mul", share, run.binary("sub", last, first, node), node), node)


def _is_type(term: Term) -> bool:
    """Whether a term is the type of what an array holds: `np.zeros(size, int)`, `np.zeros(size, "f")`."""
    if term.op == "external":
        return str(term.data).partition(".")[0] in ("builtins", "numpy", "torch", "tensorflow", "jax")
    return term.op == "const" and isinstance(term.data, str)


def _pointwise(run: Expressions, node: ir.Call, op: str, args: list[Term], keywords: dict[str, Term]) -> Term | None:
    terms = [*args, *(keywords[k] for k in ("x", "y", "other", "exponent", "value") if k in keywords)]
    if op == "where":
        return run.make("where", tuple(terms[:3]), node) if len(terms) >= 3 else None
    if op == "exp":
        return exponential(terms[0], node, run.path)
    if op in ("abs", "log", "neg"):
        return run.make(op, (terms[0],), node)
    if len(terms) < 2:
        return None
    if op in ("minimum", "maximum"):
        return run.make(op, tuple(terms[:2]), node)
    return run.binary(op, terms[0], terms[1], node)


def _reduction(run: Expressions, node: ir.Call, op: str, args: list[Term], keywords: dict[str, Term]) -> Term:
    first, rest = args[0], args[1:]
    axis_term = next((keywords[k] for k in voc.AXIS_NAMES if k in keywords), None)
    keeps = keywords.get("keepdim") or keywords.get("keepdims")
    if op in ("min", "max"):
        if axis_term is None and len(rest) >= 1 and not rest[0].is_number and rest[0].op not in ("neg",):
            return run.make("minimum" if op == "min" else "maximum", tuple(args), node)
        builtin = isinstance(node.func, ir.Name) and node.func.id in ("min", "max")
        if builtin and rest:
            return run.make("minimum" if op == "min" else "maximum", tuple(args), node)
        if axis_term is None and not rest and first.op == "tuple" and len(first.args) > 1:
            return run.make("minimum" if op == "min" else "maximum", first.args, node)
    if axis_term is None and rest and op not in ("cumsum", "sort"):
        axis_term = rest[0]
        if keeps is None and len(rest) > 1 and rest[1].data is True:
            keeps = rest[1]
    axis: object = None
    if axis_term is not None and not (axis_term.op == "const" and axis_term.data is None):
        number = axis_term.number
        axis = int(number) if number is not None else "?"
        if keeps is not None and not (keeps.op == "const" and keeps.data is False):
            axis = (axis, "keep")
    return run.make(op, (first,), node, axis)


def _shaped(run: Expressions, node: ir.Call, name: str, args: list[Term], keywords: dict[str, Term]) -> Term | None:
    first, rest = args[0], args[1:]
    axis_term = next((keywords[k] for k in voc.AXIS_NAMES if k in keywords), None)
    if name in ("unsqueeze", "expand_dims"):
        number = (axis_term or (rest[0] if rest else const(0))).number
        return run.make("unsqueeze", (first,), node, "?" if number is None else int(number))
    if name in ("squeeze", "squeeze_"):
        chosen = axis_term or (rest[0] if rest else None)
        number = None if chosen is None else chosen.number
        return run.make("squeeze", (first,), node, None if chosen is None else "?" if number is None else int(number))
    if name in voc.FLATTENS:
        return run.make("reshape", (first, const(-1)), node) if not rest else run.make("reshape", (first, *rest), node)
    if name in voc.RESHAPES and rest:
        sizes = rest[0].args if rest[0].op == "tuple" else tuple(rest)
        return run.make("reshape", (first, *sizes), node)
    if name in voc.STACKS:
        return run.make("stack", (first,), node, name)
    if name in _GATHERS:
        return _gather(run, node, args, axis_term, keywords)
    if name in ("take", "index_select") and rest:
        return run.make("at", (first, rest[-1]), node)
    return _iterables(run, node, name, args)


def _gather(
    run: Expressions, node: ir.Call, args: list[Term], axis: Term | None, keywords: dict[str, Term]
) -> Term | None:
    """`x.gather(axis, index)`, `take_along_axis(x, index, axis)`."""
    rest = args[1:]
    index = keywords.get("index") or keywords.get("indices")
    if index is None and rest:
        index = max(rest, key=lambda term: not term.is_number)
    axis = axis or next((term for term in rest if term.is_number), None)
    number = None if axis is None else axis.number
    return (
        None if index is None else run.make("gather", (args[0], index), node, None if number is None else int(number))
    )


def _iterables(run: Expressions, node: ir.Call, name: str, args: list[Term]) -> Term | None:
    """What is iterated over, and how long it is."""
    first = args[0]
    if name == "len":
        return run.make("len", (first,), node)
    if name in ("range", "arange", "xrange", "trange"):
        return run.make("range", tuple(args), node)
    if name in ("tqdm", "tqdm_notebook"):
        return first  # shows how far the loop has come
    if name == "zip":
        return run.make("collect", (run.make("tuple", tuple(run.element(arg) for arg in args), node),), node)
    if name == "enumerate":
        pair = run.make("tuple", (run.make("element", (run.make("range", (), node),), node), run.element(first)), node)
        return run.make("collect", (pair,), node)
    if name == "filter" and len(args) == 2 and isinstance(node.func, ir.Name):
        return run.make("collect", (run.element(args[1]),), node)
    if name == "map" and len(args) == 2 and isinstance(first.data, (ir.Function, ir.Lambda)):
        made = run.symbols.call(first.data, None, [(None, "", run.element(args[1]))], run.depth + 1)
        return run.make("collect", (made,), node) if made is not None else None
    if name == "map" and len(args) == 2 and first.op == "external" and isinstance(node.func, ir.Name):
        made = numeric(run, node, first.data.rpartition(".")[2], [run.element(args[1])], {})
        return run.make("collect", (made,), node) if made is not None else None
    return None
