"""Arrays that are also filled in one go, from files mostly: their slots enter the sampler one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.containers.emptied import Reads, is_zero, most, pairs
from per_audit.fixes.recipes.containers.remade import constructed
from per_audit.fixes.recipes.settled import targets

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev


def in_one_go(store: ev.Store) -> bool:
    """Whether a store writes the first slots of an array: `array[:n] = values`."""
    index = store.index
    is_slice = store.how == "index" and isinstance(index, ir.Slice)
    return is_slice and isinstance(index, ir.Slice) and _is_start(index.lower) and index.upper is not None


def in_a_row(draft: Draft, store: ev.Store) -> bool:
    """Whether a store writes as many slots as come at once, round the end: `at = np.arange(ptr, ptr + n) % size`."""
    function, index = store.function, store.index
    if store.how != "index" or not isinstance(index, ir.Name) or not isinstance(function, ir.Function):
        return False
    bound = {index.id} & {each.name for each in function.parameters}
    given = [node for node in ir.walk_scope(function.body) if index.id in map(ir.last_name, targets(node))]
    value = given[0].value if len(given) == 1 and not bound and isinstance(given[0], ir.Assign) else None
    if not isinstance(value, ir.Bin) or value.op != "%":
        return False
    site = draft.graph.events.calls.get(value.left) if isinstance(value.left, ir.Call) else None
    return site is not None and "numpy.arange" in site.names


def add_rows(draft: Draft, buffer: ReplayBuffer, stores: list[ev.Store], attribute: str) -> None:
    """Tell the sampler of the slots that such stores fill: all arrays the same ones, in one block of a method."""
    name = draft.graph.name_of(buffer)
    for function in dict.fromkeys(store.function for store in stores):
        here = sorted((store for store in stores if store.function is function), key=lambda store: store.node.start)
        path, last = here[0].path, draft.graph.statement(here[0].path, here[-1].node)
        slots = {store.index.id for store in here if isinstance(store.index, ir.Name)}
        is_together = all(draft.graph.statement(path, store.node) in draft.block(path, last) for store in here)
        where = draft.where(path, last)
        if draft.options.buffer == "combined":
            raise Refused(f"the slots filled at {where} are several at once, so protected slots cannot be skipped")
        is_whole = {store.container for store in here} >= {store.container for store in buffer.stores}
        if not isinstance(function, ir.Function) or draft.graph.project.class_of.get(function) is not buffer.owner:
            raise Refused(f"the arrays of {name} are filled from outside their class at {where}")
        if len(slots) != 1 or not is_together or not is_whole:
            raise Refused(f"the arrays of {name} are filled in different ways at {where}")
        line = f"{function.parameters[0].name}.{attribute}.add({slots.pop()})"
        draft.insert_after(path, last, [line], "all slots that were filled")


def add_slots(draft: Draft, buffer: ReplayBuffer, stores: list[ev.Store], attribute: str) -> None:
    """Tell the sampler of the slots that such stores fill. Refuses where not all arrays are filled to one length."""
    name = draft.graph.name_of(buffer)
    for function in dict.fromkeys(store.function for store in stores):
        here = sorted((store for store in stores if store.function is function), key=lambda store: store.node.start)
        path, last = here[0].path, draft.graph.statement(here[0].path, here[-1].node)
        block = draft.block(path, last)
        lengths = {
            draft.text(path, store.index.upper)
            for store in here
            if isinstance(store.index, ir.Slice) and store.index.upper
        }
        if len(lengths) != 1 or any(draft.graph.statement(path, store.node) not in block for store in here):
            raise Refused(f"the arrays of {name} are filled to different lengths at {draft.where(path, last)}")
        if not isinstance(function, ir.Function) or draft.graph.project.class_of.get(function) is not buffer.owner:
            raise Refused(f"the arrays of {name} are filled from outside their class at {draft.where(path, last)}")
        instance = function.parameters[0].name
        slot = draft.fresh(path, function, "slot", "filled_slot")
        _, step = draft.margin(path, last)
        sampler = f"{instance}.{attribute}"
        lines = [f"{sampler}.clear()", f"for {slot} in range({lengths.pop()}):", f"{step}{sampler}.add({slot})"]
        draft.insert_after(path, last, lines, "what is read in one go starts with equal priorities")
        draft.assumptions.append(
            f"what {draft.graph.symbol(function, path)} reads in ({path}) starts with the highest priority, as new"
            " transitions do; where nothing else is learnt from (offline), prioritised draws change the method"
        )


def add_replaced(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, made: ir.Stmt, attribute: str) -> None:
    """Tell the sampler of the slots of arrays that other ones take the place of, as where a saved memory is resumed."""
    name, graph = draft.graph.name_of(buffer), draft.graph
    first = [graph.statement(buffer.path, container.node) for container in constructed(graph, buffer.containers)]
    fields = {t.attr for node in first if isinstance(node, ir.Assign) for t in node.targets if isinstance(t, ir.Attr)}
    writes = list(graph.events.writes.values())
    owners = {write.owner for write in writes if write.node in first}
    maker = next((node for node in graph.ancestors(buffer.path, made) if isinstance(node, ir.Function)), None)
    replaced: dict[ev.Owner, list[ev.AttributeWrite]] = {}
    for write in writes:
        is_ours = write.owner in owners and write.attribute in fields and write.function is not maker
        if is_ours and write.expression is not None and not _reads(write.expression, write.attribute):
            replaced.setdefault(write.function, []).append(write)
    counts = Reads(draft, buffer, draw, made).counts
    for function, here in replaced.items():
        path, where = here[0].path, draft.where(here[0].path, here[0].node)
        if not isinstance(function, ir.Function) or graph.project.class_of.get(function) is not buffer.owner:
            raise Refused(f"the arrays of {name} are replaced from outside their class at {where}")
        set_there = [n for n in ir.walk_scope(function.body) if isinstance(n, ir.Assign) and _sets(n, fields | counts)]
        if any(is_zero(value) for n in set_there for t, value in pairs(n) if _is_one_of(t, counts)):
            continue  # emptied: the sampler forgets its slots
        instance, last = function.parameters[0].name, max(set_there, key=lambda node: node.start)
        filled = _filled(draft, buffer, draw, instance)
        if filled is None or any(node not in draft.block(path, last) for node in set_there):
            raise Refused(f"the arrays of {name} are replaced at {where}, and how many slots are filled is not clear")
        slot = draft.fresh(path, function, "slot", "filled_slot")
        _, step = draft.margin(path, last)
        sampler = f"{instance}.{attribute}"
        lines = [f"{sampler}.clear()", f"for {slot} in range({filled}):", f"{step}{sampler}.add({slot})"]
        draft.insert_after(path, last, lines, "what is read back starts with equal priorities")
        draft.assumptions.append(
            f"what {graph.symbol(function, path)} reads in ({path}) starts with the highest priority, as new"
            " transitions do; where nothing else is learnt from (offline), prioritised draws change the method"
        )


def _filled(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, instance: str) -> str | None:
    """How many slots are filled, as any method of the class can ask for it: what the draw goes up to."""
    function = buffer.function
    if not isinstance(function, ir.Function) or function.parameters[0].name != instance:
        return None
    count = most(draft, draw)
    if isinstance(count, ir.Name):
        given = [n.value for n in ir.walk_scope(function.body) if isinstance(n, ir.Assign) and _names(n, count.id)]
        count = given[0] if len(given) == 1 else None
    if count is None:
        return None
    known = {node.id for node in ir.walk(count) if isinstance(node, ir.Name)} <= {instance, "min", "len", "int"}
    return draft.text(buffer.path, count) if known else None


def _names(node: ir.Assign, name: str) -> bool:
    return any(isinstance(target, ir.Name) and target.id == name for target in node.targets)


def _reads(node: ir.Expr, attribute: str) -> bool:
    return any(isinstance(part, ir.Attr) and part.attr == attribute for part in ir.walk(node))


def _sets(node: ir.Assign, names: set[str]) -> bool:
    return any(_is_one_of(target, names) for target, _ in pairs(node))


def _is_one_of(target: ir.Expr, names: set[str]) -> bool:
    return isinstance(target, ir.Attr) and target.attr in names


def _is_start(node: ir.Expr | None) -> bool:
    return node is None or (isinstance(node, ir.Const) and node.value in (0, None))
