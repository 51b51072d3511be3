"""By which names a method returns the items of a tuple."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.verify.child.adapter import Plan


def returned_names(plan: Plan) -> dict[int, str]:
    """The name of each item that the draw returns in a tuple, as far as it has one: of `probs[indices]`, `probs`.

    What several returns call differently has none; without readable source nothing has.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(plan.cls, plan.draw_name))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    found: dict[int, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            for place, item in enumerate(node.value.elts):
                if isinstance(item, ast.Starred):
                    break  # behind it the places are not known
                found.setdefault(place, set()).add(_name(item))
    known = {place: names - {""} for place, names in found.items()}  # `return [], []` of an empty buffer names nothing
    return {place: names.pop() for place, names in known.items() if len(names) == 1}


def _name(node: ast.expr) -> str:
    while True:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and node.args and not isinstance(node.args[0], ast.Starred):
            node = node.args[0]  # np.array(weights, dtype=...)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value  # weights.tolist()
        else:
            return ""
