"""The search in a sum tree goes to the child that has a mass, never to an empty one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import nodes_at

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.interpret import events as ev

RULE = "PER304"
_NOTE = "a leaf without a priority is never reached"
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def repair(draft: Draft, defect: Defect) -> None:
    """Guard the comparison that chooses the way down, or raise Refused."""
    if defect.finding.form:
        raise Refused(f"what the nodes of the tree start with is for a person to mend: no sum at {defect.where} is 0")
    path, test, branch = _decision(draft, defect)
    child, symbol = test.rights[0], test.ops[0]
    if isinstance(test.left, ir.Sub):
        child, symbol = test.left, _TURNED[symbol]
    assert isinstance(child, ir.Sub)
    tree = draft.text(path, child.value)
    goes_left = symbol in ("<", "<=")
    beside = branch.orelse or _following(draft, path, branch) if goes_left else branch.body
    right = _right_child(draft, path, beside, child.index)
    place = splices.operator(draft, path, test.left, test.rights[0], test.ops[0])
    if symbol == "<=":
        draft.replace(path, *place, test.ops[0][0], _NOTE)
    elif symbol == ">":
        draft.replace(path, *place, f"{test.ops[0]}=", _NOTE)
    guard = f" or {tree}[{right}] == 0" if goes_left else f" and {tree}[{right}] > 0"
    draft.replace(path, test.end, test.end, guard, _NOTE)


def _decision(draft: Draft, defect: Defect) -> tuple[str, ir.Cmp, ir.If]:
    """The comparison of the mass with the sum of a child that decides on the way down, with its file and its `if`."""
    found: dict[ir.Cmp, tuple[str, ir.If]] = {}
    for place in (defect.finding.place, *(link.place for link in defect.finding.evidence if link.role == "searched")):
        for node in nodes_at(draft.graph, place):
            branch = draft.graph.parents(place.path).get(node)
            if isinstance(node, ir.Cmp) and isinstance(branch, ir.If) and branch.test is node and _is_of_child(node):
                found[node] = place.path, branch
    if len(found) != 1:
        raise Refused(f"which comparison after {defect.where} chooses the way down is not clear")
    ((test, (path, branch)),) = found.items()
    return path, test, branch


def _is_of_child(test: ir.Cmp) -> bool:
    sides = [side for side in (test.left, *test.rights) if isinstance(side, ir.Sub)]
    return len(test.rights) == 1 == len(sides) and not isinstance(sides[0].index, (ir.Slice, ir.Seq))


def _following(draft: Draft, path: str, branch: ir.If) -> list[ir.Stmt]:
    """What comes after an `if` whose body leaves the function or begins the loop anew."""
    last = branch.body[-1]
    if not isinstance(last, ir.Return) and not (isinstance(last, ir.Jump) and last.kind == "continue"):
        raise Refused(f"what happens where {draft.where(path, branch)} does not go left is not clear")
    block = draft.block(path, branch)
    return block[block.index(branch) + 1 :]


def _right_child(draft: Draft, path: str, body: list[ir.Stmt], index: ir.Expr) -> str:
    """The text of the position of the right child, from where the search goes there."""
    function = draft.graph.symbols.function_of(path, index)
    form, left = Form(draft, path, function), draft.text(path, index)
    here = form.of(index)
    wanted = None if here is None else here | {"": here.get("", 0) + 1}
    for node in ir.walk(*body):
        if isinstance(node, ir.Aug) and node.op.rstrip("=") == "+" and draft.text(path, node.target) == left:
            if isinstance(node.value, ir.Const) and node.value.value == 1:
                return f"{left} + 1"
        elif isinstance(node, (ir.Name, ir.Bin)) and wanted is not None and form.of(node) == wanted:
            names = [part for part in ir.walk(node) if isinstance(part, ir.Name)]
            if all(form.is_known_before(name, index) for name in names):
                return draft.text(path, node)
    raise Refused(f"where the sibling of the child at {draft.where(path, index)} is was not understood")


class Form:
    """Whole numbers as sums of names, each with a factor; names that are bound once stand for what they are."""

    def __init__(self, draft: Draft, path: str, function: ev.Owner) -> None:
        self.draft, self.path, self.function = draft, path, function

    def of(self, node: ir.Expr, depth: int = 4) -> dict[str, int] | None:
        """The factor of each name, that of "" is the constant; None where the number is no such sum."""
        if isinstance(node, ir.Const):
            return {"": node.value} if type(node.value) is int else None
        if isinstance(node, ir.Name):
            value = self._value(node) if depth else None
            known = None if value is None else self.of(value, depth - 1)
            return known or {node.id: 1, "": 0}
        if isinstance(node, ir.Bin):
            left, right = self.of(node.left, depth), self.of(node.right, depth)
            if left is None or right is None:
                return None
            if node.op in ("+", "-"):
                sign = 1 if node.op == "+" else -1
                return {name: left.get(name, 0) + sign * right.get(name, 0) for name in left | right}
            for factor, other in ((left, right), (right, left)):
                if node.op == "*" and set(factor) == {""}:
                    return {name: factor[""] * count for name, count in other.items()}
        return None

    def _value(self, name: ir.Name) -> ir.Expr | None:
        made = splices.bindings(self.draft, self.path, self.function, name.id)
        single = made[0] if len(made) == 1 else None
        if not isinstance(single, ir.Assign) or single.value is None:
            return None
        target, value = single.targets[0], single.value
        if isinstance(target, ir.Seq) and isinstance(value, ir.Seq) and len(target.items) == len(value.items):
            pairs = zip(target.items, value.items, strict=True)
            return next((v for t, v in pairs if isinstance(t, ir.Name) and t.id == name.id), None)
        return value if isinstance(target, ir.Name) else None

    def is_known_before(self, name: ir.Name, place: ir.Node) -> bool:
        """Whether a name is bound before a place, and not in a branch beside it."""
        made = splices.bindings(self.draft, self.path, self.function, name.id)
        if any(isinstance(node, ir.Parameter) for node in made):
            return True
        around = list(self.draft.graph.ancestors(self.path, place))
        return any(
            node.start < place.start and self.draft.graph.parents(self.path).get(node) in around for node in made
        )
