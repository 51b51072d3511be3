"""Annotations of what functions return and take: they name weights and indices too, or say no more than is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft

_TUPLES = ("tuple", "Tuple")
_GENERIC = {"Dict", "List", "Set", "FrozenSet", "Type", "DefaultDict", "Deque"}
_NOTE = "the annotation names what comes behind the batch"


def lengthened(draft: Draft, path: str, annotation: ir.Expr | None, length: int, arrays: int) -> None:
    """The annotation of a tuple of `length` values, behind which `arrays` of NumPy stand now."""
    if annotation is None:
        return
    annotation = _without_none(annotation)
    array, items = _array(draft, path), _items(annotation)
    if items is not None and len(items) == 2 and _is_open(items[1]) and draft.text(path, items[0]) == array:
        return  # any number of arrays
    if array is None or items is None or len(items) != length or any(map(_is_open, items)):
        vague(draft, path, annotation)
    else:
        text = ", ".join([draft.rendered(path, annotation.start, items[-1].end), *[array] * arrays])
        draft.once(path, annotation.start, annotation.end, f"{text}]", _NOTE)


def accompanied(draft: Draft, path: str, annotation: ir.Expr | None, arrays: int) -> None:
    """The annotation of a value that `arrays` of NumPy stand beside now."""
    if annotation is None:
        return
    array = _array(draft, path)
    if array is None or isinstance(annotation, ir.Const):
        vague(draft, path, annotation)
    else:
        head = _head(draft, path, annotation)
        if head is None:
            vague(draft, path, annotation)
            return
        text = ", ".join([draft.text(path, annotation), *[array] * arrays])
        draft.once(path, annotation.start, annotation.end, f"{head}[{text}]", _NOTE)


def vague(draft: Draft, path: str, annotation: ir.Expr | None) -> None:
    """Let an annotation say that there are several values, and no more."""
    if annotation is None:
        return
    annotation = _without_none(annotation)
    head = annotation.value if isinstance(annotation, ir.Sub) else annotation
    text = draft.text(path, head) if name_of(head) in _TUPLES else _TUPLES[0]
    draft.once(path, annotation.start, annotation.end, text, "what comes behind the batch is something else")
    draft.unneeded[path] |= {node.id for node in ir.walk(annotation) if isinstance(node, ir.Name)}


def remove(draft: Draft, path: str, function: ir.Function) -> None:
    """Take away what a function says that it returns, as where `-> None` gives TD errors now."""
    if function.returns is not None:
        arrow = draft.graph.module(path).text.rfind(b"->", function.start, function.returns.start)
        start = len(draft.graph.module(path).text[:arrow].rstrip())
        draft.replace(path, start, function.returns.end, "", "it returns TD errors now")
        draft.unneeded[path] |= {node.id for node in ir.walk(function.returns) if isinstance(node, ir.Name)}


def _head(draft: Draft, path: str, annotation: ir.Expr) -> str | None:
    """The name for tuples that fits a file: `Tuple` where it has that; none where it is as old as `Dict[str, int]`."""
    module = draft.graph.module(path)
    imported = {
        (node.module, name): alias or name
        for node in module.body
        if isinstance(node, ir.ImportFrom)
        for name, alias in node.names
    }
    if ("typing", _TUPLES[1]) in imported:
        return imported["typing", _TUPLES[1]]
    named = {part.id for part in ir.walk(annotation) if isinstance(part, ir.Name)}
    is_old = any(("typing", name) in imported for name in named & _GENERIC)
    # Before Python 3.9 nothing but those of `typing` can be written with brackets where it is evaluated.
    return None if is_old and ("__future__", "annotations") not in imported else _TUPLES[0]


def _without_none(annotation: ir.Expr) -> ir.Expr:
    """`T` of `Optional[T]` and `T | None`."""
    if isinstance(annotation, ir.Sub) and name_of(annotation.value) == "Optional":
        return annotation.index
    if isinstance(annotation, ir.Bin) and annotation.op == "|":
        sides = [side for side in (annotation.left, annotation.right) if not ir.is_none(side)]
        return sides[0] if len(sides) == 1 else annotation
    return annotation


def _items(annotation: ir.Expr) -> list[ir.Expr] | None:
    """The types that `tuple[...]` names."""
    if not isinstance(annotation, ir.Sub) or name_of(annotation.value) not in _TUPLES:
        return None
    index = annotation.index
    return index.items if isinstance(index, ir.Seq) else [index]


def _is_open(item: ir.Expr) -> bool:
    return isinstance(item, ir.Const) and item.value is ...


def _array(draft: Draft, path: str) -> str | None:
    """The name of NumPy's arrays in a file, where it has one."""
    module = draft.graph.module(path)
    names = [pair for node in module.body if isinstance(node, ir.Import) for pair in node.names]
    return next((f"{alias or name}.ndarray" for name, alias in names if name == "numpy"), None)
