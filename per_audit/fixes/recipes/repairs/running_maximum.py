"""The largest of all priorities, looked for at every step: it is kept up to date where priorities are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.graph import PRIORITISED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic import Term

RULE = "PER402"
_READ = "the largest priority so far, which costs nothing to ask for"
_KEPT = "raised wherever a priority is written"
_MODULES = {"np", "numpy"}
_AT_LEAST = ("default", "initial")
_FILLED = {"zeros": "0.0", "ones": "1.0"}


def repair(draft: Draft, defect: Defect) -> None:
    """Keep the maximum in an attribute beside the priorities, or raise Refused."""
    path, call = defect.path, defect.node(ir.Call)
    if defect.finding.form != "largest":
        raise Refused(f"what is looked for at {defect.where} can fall again, and needs a tree of its own")
    held = _over(draft, path, call)
    field = draft.graph.symbols.term(path, held) if held is not None else None
    if not isinstance(held, ir.Attr) or field is None or field.op != "field":
        raise Refused(f"what the maximum at {defect.where} goes over is no attribute")
    made = _made(draft, field, defect)
    stores = list(_stores(draft, field, made, defect))
    name = _name(draft, made)
    kept = f"{draft.text(made.path, made.target.value)}.{name}"
    storing = {draft.graph.symbols.function_of(store.path, statement) for store, statement, _ in stores}
    alike = [each for each in _calls(draft, path) if draft.text(path, each) == draft.text(path, call)]
    alike = [each for each in alike if each is call or draft.graph.symbols.function_of(path, each) in storing]
    for each in _calls(draft, path):
        over = _over(draft, path, each) if draft.graph.symbols.function_of(path, each) in storing else None
        if over is not None and each not in alike and draft.graph.symbols.term(path, over) == field:
            raise Refused(f"the largest is looked for in another way at {draft.where(path, each)} too")
    asked = [_asked(draft, path, each) for each in alike]
    known = {made.statement, *(statement for _, statement, _ in stores)}
    _check_others(draft, held.attr, made, known, {part for expression, _ in asked for part in ir.walk(expression)})
    for expression, _ in asked:
        draft.replace(path, expression.start, expression.end, f"{draft.text(path, held.value)}.{name}", _READ)
    first = _first({value for _, value in asked if value is not None}, made, defect)
    draft.insert_after(made.path, made.statement, [f"{kept} = {first}"], _KEPT)
    maxima = {expression for expression, _ in asked}
    bound = {_bound_to(draft, path, expression) for expression in maxima}
    for store, statement, value in stores:
        function = draft.graph.symbols.function_of(store.path, statement)
        if value in maxima or (isinstance(value, ir.Name) and (value.id, function) in bound):
            continue  # the maximum itself is stored
        largest = _largest(draft, store, statement, value, made)
        draft.insert_after(store.path, statement, [f"{kept} = max({kept}, {largest})"], _KEPT)
    draft.assumptions.append(
        "new transitions get the largest priority that there has been, as the paper's Algorithm 1 has it, which stays"
        " where the largest in the memory falls"
    )


def _calls(draft: Draft, path: str) -> Iterator[ir.Call]:
    yield from (node for node in ir.walk(*draft.graph.module(path).body) if isinstance(node, ir.Call))


def _over(draft: Draft, path: str, call: ir.Call) -> ir.Expr | None:
    """The container whose largest value a call gives, without the slice that leaves a part of it."""
    func = call.func
    over: ir.Expr | None = None
    plain = [arg for arg in call.args if arg.keyword not in _AT_LEAST]
    if isinstance(func, ir.Attr) and func.attr == "max" and not plain:
        over = func.value
    elif len(plain) == 1 and not plain[0].star and plain[0].keyword is None:
        is_array = isinstance(func, ir.Attr) and func.attr in ("max", "amax")
        is_array = is_array and getattr(getattr(func, "value", None), "id", "") in _MODULES
        is_builtin = isinstance(func, ir.Name) and func.id == "max" and splices.is_builtin(draft, path, "max")
        over = plain[0].value if is_array or is_builtin else None
    if isinstance(over, ir.Sub) and isinstance(over.index, ir.Slice):
        over = over.value
    return over


@dataclass(frozen=True, slots=True)
class _Made:
    """The one place where the container is made: its attribute and its value in a statement of a constructor."""

    path: str
    statement: ir.Assign
    target: ir.Attr
    value: ir.Expr


def _made(draft: Draft, field: Term, defect: Defect) -> _Made:
    writes = draft.graph.symbols.written(field)
    _, write, path = writes[0] if len(writes) == 1 else (None, None, "")
    if write is None or getattr(write.function, "name", "") != "__init__":
        raise Refused(f"what the maximum at {defect.where} goes over is not made in one place, by a constructor")
    statement = draft.graph.statement(path, write.node)
    if isinstance(statement, ir.Assign) and statement.value is not None and len(statement.targets) == 1:
        targets, values = _items(statement.targets[0]), _items(statement.value)
        for target, value in zip(targets, values, strict=False):
            if isinstance(target, ir.Attr) and target.attr == write.attribute and len(targets) == len(values):
                return _Made(path, statement, target, value)
    raise Refused(f"how the priorities are made at {draft.where(path, statement)} is not understood")


def _items(node: ir.Expr) -> list[ir.Expr]:
    return node.items if isinstance(node, ir.Seq) and node.kind == "tuple" else [node]


def _stores(draft: Draft, field: Term, made: _Made, defect: Defect) -> Iterator[tuple[ev.Store, ir.Stmt, ir.Expr]]:
    """The statements that write priorities, and what they write, all of them in the class of the container."""
    graph = draft.graph
    owners = graph.project.class_of
    builder = graph.symbols.function_of(made.path, made.statement)
    own = owners.get(builder) if builder is not None else None
    written: dict[ir.Node, ev.Store] = {}
    for buffer in graph.buffers:
        anatomy = graph.anatomy(buffer) if buffer.kind == PRIORITISED else None
        if anatomy is not None and field in anatomy.containers:
            leaves = {write.store.node for write in anatomy.writes}
            allocs = anatomy.allocs(field)
            written |= {s.node: s for s in anatomy.stores if s.container in allocs and s.node in leaves}
    # A change that is added to the nodes above a leaf is no priority, where the leaf is set itself.
    written = {n: s for n, s in written.items() if not isinstance(n, ir.Aug)} or written
    if not written:
        raise Refused(f"who writes the priorities that are looked through at {defect.where} is not known")
    for store in written.values():
        where = draft.where(store.path, store.node)
        if own is None or store.function is None or owners.get(store.function) is not own:
            raise Refused(f"a priority is also written at {where}, in another class")
        statement = graph.statement(store.path, store.node)
        targets = statement.targets if isinstance(statement, ir.Assign) else []
        if isinstance(statement, ir.Assign) and statement.value and [type(t) for t in targets] == [ir.Sub]:
            yield store, statement, statement.value
            continue
        if isinstance(statement, ir.Do) and isinstance(statement.value, ir.Call) and store.how == "append":
            yield store, statement, statement.value.args[0].value
            continue
        raise Refused(f"how a priority is written at {where} is not understood")


def _check_others(draft: Draft, name: str, made: _Made, known: set[ir.Stmt], replaced: set[ir.Node]) -> None:
    """Refuse where something else may write: another target, or a call for its effect that is given the container."""
    for path in draft.graph.project.modules:
        for node in ir.walk(*draft.graph.module(path).body):
            if not isinstance(node, ir.Attr) or node.attr != name or node in replaced:
                continue
            if _is_of_another(draft, path, node, made):
                continue
            statement = draft.graph.statement(path, node)
            if statement in known:
                continue
            # What is added in place, or is the sum of two others, stands above a leaf.
            is_sum = isinstance(statement, ir.Assign) and _is_sum(statement.value, name)
            targets = statement.targets if isinstance(statement, ir.Assign) and not is_sum else []
            is_given_away = isinstance(statement, ir.Do) and isinstance(statement.value, ir.Call)
            if is_given_away or any(part is node for target in targets for part in ir.walk(target)):
                raise Refused(f"priorities may also be written at {draft.where(path, node)}, in a way not understood")


def _is_sum(value: ir.Expr | None, name: str) -> bool:
    """Whether a value is the sum of two entries of the container, as a node of a tree is."""
    sides = [value.left, value.right] if isinstance(value, ir.Bin) and value.op == "+" else []
    return bool(sides) and all(isinstance(s, ir.Sub) and getattr(s.value, "attr", "") == name for s in sides)


def _is_of_another(draft: Draft, path: str, node: ir.Attr, made: _Made) -> bool:
    """Whether the attribute is one of `self`, of a class that is no kin of the container's."""
    classes = [
        draft.graph.project.class_of.get(function) if function is not None else None
        for function in (
            draft.graph.symbols.function_of(path, node),
            draft.graph.symbols.function_of(made.path, made.statement),
        )
    ]
    here, own = classes
    is_self = isinstance(node.value, ir.Name) and node.value.id == "self"
    if here is None or own is None or not is_self:
        return False
    mro = draft.graph.classes.mro
    return own not in mro(here) and here not in mro(own)


def _name(draft: Draft, made: _Made) -> str:
    """A name that no attribute in the file has."""
    taken = {node.attr for node in ir.walk(*draft.graph.module(made.path).body) if isinstance(node, ir.Attr)}
    return next(name for name in ("max_priority", "largest_priority", "highest_priority_so_far") if name not in taken)


def _asked(draft: Draft, path: str, call: ir.Call) -> tuple[ir.Expr, str | None]:
    """What the attribute takes the place of, and what is said there to be taken where nothing is stored yet."""
    table = draft.graph.parents(path)
    node: ir.Expr = call
    while isinstance(arg := table.get(node), ir.Arg) and isinstance(cast := table.get(arg), ir.Call):
        if not isinstance(cast.func, ir.Name) or cast.func.id != "float":
            break
        node = cast
    parent = table.get(node)
    if isinstance(parent, ir.IfExp) and parent.test is not node:
        other = parent.orelse if parent.body is node else parent.body
        if isinstance(other, ir.Const):
            return parent, draft.text(path, other)
    default = next(filter(None, map(call.keyword, _AT_LEAST)), None)
    return call, draft.text(path, default.value) if default is not None else None


def _first(said: set[str], made: _Made, defect: Defect) -> str:
    """What the attribute begins with: what is said, or what the container is filled with."""
    filled = made.value.func if isinstance(made.value, ir.Call) else None
    first = _FILLED.get(filled.attr) if isinstance(filled, ir.Attr) else None
    if len(said) > 1 or (not said and first is None):
        raise Refused(f"what the first transition gets at {defect.where} is not clear")
    return said.pop() if said else str(first)


def _bound_to(draft: Draft, path: str, asked: ir.Expr) -> tuple[str, ev.Owner] | None:
    """The name that what was asked for is given, where it is given nothing else, and its function."""
    statement = draft.graph.statement(path, asked)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is asked else None
    function = draft.graph.symbols.function_of(path, asked)
    if isinstance(target, ir.Name) and len(splices.bindings(draft, path, function, target.id)) == 1:
        return target.id, function
    return None


def _largest(draft: Draft, store: ev.Store, statement: ir.Stmt, value: ir.Expr, made: _Made) -> str:
    """The largest of what was written: of one priority, or of an array of them."""
    path = store.path
    target = statement.targets[0] if isinstance(statement, ir.Assign) else None
    written = draft.text(path, value if target is None or isinstance(value, (ir.Name, ir.Const)) else target)
    if target is None or isinstance(value, ir.Const):
        return written
    index = target.index if isinstance(target, ir.Sub) else target
    if _is_one(draft, store, statement, index):
        return written
    numpy = _numpy(draft, path)
    if numpy is None or not draft.text(made.path, made.value).startswith(f"{numpy}."):
        raise Refused(f"whether one priority is written at {draft.where(path, statement)}, or many, is not clear")
    return f"{numpy}.max({draft.text(path, target)})"  # which is right of one as well


def _is_one(draft: Draft, store: ev.Store, statement: ir.Stmt, index: ir.Expr) -> bool:
    """Whether a place is surely that of one priority, and no array of places or slice."""
    path = store.path
    if store.container.kind in ("list", "deque"):
        return not isinstance(index, ir.Slice)
    names = {part.id for part in ir.walk(index) if isinstance(part, ir.Name)}
    loops = [around for around in draft.graph.ancestors(path, statement) if isinstance(around, ir.For)]
    if any(splices.is_bound(loop.target, name) for loop in loops for name in names):
        return True
    body = list(ir.walk(*splices.body_of(draft, path, store.function)))
    if any(isinstance(node, ir.While) and _is_compared(node.test, names) for node in body):
        return True  # the way up a tree starts at one node
    return isinstance(index, ir.Attr) and any(_moves(draft, path, node, draft.text(path, index)) for node in body)


def _is_compared(test: ir.Expr, names: set[str]) -> bool:
    """Whether a test asks for the truth of a number, or compares it, which no array of several answers."""
    is_order = isinstance(test, ir.Cmp) and not {"is", "is not", "in", "not in"} & set(test.ops)
    sides = [test.left, *test.rights] if isinstance(test, ir.Cmp) and is_order else [test]
    return any(isinstance(side, (ir.Name, ir.Bin)) and _is_of(side, names) for side in sides)


def _is_of(number: ir.Expr, names: set[str]) -> bool:
    """Whether a number is computed from one of the names by arithmetic alone."""
    if isinstance(number, ir.Bin):
        return _is_of(number.left, names) or _is_of(number.right, names)
    return isinstance(number, ir.Name) and number.id in names


def _moves(draft: Draft, path: str, node: ir.Node, index: str) -> bool:
    """Whether a statement moves the pointer of a ring on: `at += 1`, `at = (at + 1) % size`."""
    if isinstance(node, ir.Aug):
        return node.op == "+" and draft.text(path, node.target) == index
    is_own = isinstance(node, ir.Assign) and any(draft.text(path, each) == index for each in node.targets)
    return is_own and isinstance(node, ir.Assign) and isinstance(node.value, ir.Bin) and node.value.op in "+%"


def _numpy(draft: Draft, path: str) -> str | None:
    """What the file calls NumPy."""
    imports = (node for node in draft.graph.module(path).body if isinstance(node, ir.Import))
    return next((alias or name for node in imports for name, alias in node.names if name == "numpy"), None)
