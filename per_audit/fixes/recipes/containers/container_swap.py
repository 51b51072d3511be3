"""Container swap: a bounded deque or list becomes a prioritised buffer that keeps the very same transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import shared
from per_audit.fixes.recipes.batch.travel import INDICES, Consumer, Travel, weights_of
from per_audit.fixes.recipes.containers import classwide, positions, unread
from per_audit.fixes.recipes.containers.bounded import Bounded
from per_audit.fixes.recipes.containers.branches import alternatives
from per_audit.fixes.recipes.containers.early import how_drawn
from per_audit.fixes.recipes.containers.remade import first_made
from per_audit.fixes.recipes.containers.rewards import place_of_reward
from per_audit.fixes.recipes.containers.saved import fill_from_files, save_as_list
from per_audit.fixes.recipes.containers.slots import slots_of
from per_audit.graph.interpret.known.foreign import FOREIGN
from per_audit.graph.recognise.rows.sequences import sequence_in

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret.values import Alloc

_CLASSES = {"per": "PrioritizedReplayBuffer", "combined": "CombinedReplayBuffer", "lap": "LapReplayBuffer"}
_METHODS = {"append", "extend", "clear"}
_COPIES = {"list", "tuple", "sorted"}
_READERS = {
    "len", "enumerate", "list", "tuple", "iter", "bool", "sum", "print", "str", "map", "filter", "zip", "any", "all",
    "sorted", "min", "max",
}  # fmt: skip


def applies(draft: Draft, buffer: ReplayBuffer) -> bool:
    """Whether the buffer is a container of whole transitions, drawn from or read at drawn positions."""
    draw = draft.graph.events.draws.get(buffer.draws[0])
    if draw is None:
        return False
    if draw.items:
        return bool(draw.containers)
    is_listed = bool(buffer.containers) and all(c.kind in ("deque", "list") for c in buffer.containers)
    return is_listed and all(slots_of(draft.graph, c) is None for c in buffer.containers)


def convert(draft: Draft, buffer: ReplayBuffer) -> None:
    """Make the edits, or raise Refused."""
    containers = shared.drawn_from(draft.graph, buffer)
    if len(containers) != 1:
        raise Refused(f"{draft.graph.name_of(buffer)} is drawn from several containers at once")
    (container,) = containers
    made = container.node
    if isinstance(made, ir.Class):
        raise Refused(f"{draft.graph.name_of(buffer)} is a {container.kind} itself, by inheritance")
    if container.kind == FOREIGN:
        raise Refused(f"what makes the container of {draft.graph.name_of(buffer)} cannot be seen")
    row = sequence_in(draft.graph, buffer, container)
    if row is not None:
        raise Refused(f"one error is no priority of all that is stored at {draft.where(row.path, row.node)}")
    bounded = Bounded(draft, buffer, container)
    together = shared.sharers(draft.graph, buffer)
    draws = {each: shared.single_draw(draft, each) for each in together}
    begun = first_made(draft.graph, set(buffer.containers))
    emptied = begun[1] if begun is not None else []
    fill_from_files(draft, container, emptied)
    whole = [found for each, draw in draws.items() if (found := _taken_whole(draft, each, draw, container))]
    _check_uses(draft, [draw for each in together for draw in each.draws], container, bounded, whole)
    is_actor_critic = False
    for each, draw in draws.items():
        consumers, handle = _draw(draft, each, draw)
        _refuse_copies(draft, each, handle, container)
        is_actor_critic |= shared.learn_from(draft, each, consumers)
        if each.owner is not None and any(consumer.function is not each.function for consumer in consumers):
            shared.add_update_method(draft, each, f"{_of_object(draft, each, handle, container)}.update_priorities")
        draft.unneeded[each.path].add(shared.root_name(draft, each.path, draw))
    path = draft.path_of(made)
    arguments = [bounded.capacity, *shared.options(draft, buffer, made, is_actor_critic, place_of_reward(buffer))]
    name = _CLASSES[draft.options.buffer]
    if bounded.home is not None:
        classwide.move(draft, path, container, bounded.home)
        target, place = bounded.home.target, bounded.home.statement
        new = draft.call(path, place, f"{target} = ", name, arguments)
        draft.insert_after(path, place, [f"{target} = {new}"], "keeps any object, draws by priority")
    else:
        begin, end = draft.line(path, made)
        module = draft.graph.module(path)
        before, after = module.text[begin : made.start].decode(), module.text[made.end : end].decode()
        new = draft.call(path, made, before, name, arguments, after)
        draft.replace(path, made.start, made.end, new, "keeps any object, draws by priority")
        _annotate(draft, path, made, name)
    draft.imports[path].add(name)
    if "LinearSchedule" in draft.imports[buffer.path] and path != buffer.path:
        draft.imports[path].add("LinearSchedule")
        draft.imports[buffer.path].discard("LinearSchedule")
    if isinstance(made, ir.Call):
        draft.unneeded[path].add(shared.root_name(draft, path, made))
    _empty_in_place(draft, emptied)
    for each in together:
        unread.drop(draft, each)


def _of_object(draft: Draft, buffer: ReplayBuffer, handle: str, container: Alloc) -> str:
    """The container as another method of the class that draws reaches it. Refuses one that only the drawing one has."""
    function, root = buffer.function, handle.partition(".")[0]
    assert isinstance(function, ir.Function)
    instance = shared.owner_instance(function)
    names = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Assign)]
    local = {parameter.name for parameter in function.parameters}
    local |= {part.id for node in names for t in node.targets for part in ir.walk(t) if isinstance(part, ir.Name)}
    if root == instance or root not in local:
        return handle
    path = draft.path_of(container.node)
    statement = draft.graph.statement(path, container.node)
    maker = next((a for a in draft.graph.ancestors(path, container.node) if isinstance(a, ir.Function)), None)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    classes = draft.graph.classes.mro(buffer.owner) if buffer.owner is not None else []
    is_own = maker is not None and draft.graph.project.class_of.get(maker) in classes
    if is_own and isinstance(target, ir.Attr) and draft.text(path, target.value) == shared.owner_instance(maker):
        return f"{instance}.{target.attr}"
    raise Refused(f"{handle} at {draft.where(buffer.path, buffer.draws[0])} is known in the drawing function alone")


def _empty_in_place(draft: Draft, emptied: list[ir.Assign]) -> None:
    """Empty the buffer where another container took the place of the first one."""
    for statement in emptied:
        path = draft.path_of(statement)
        text = f"{draft.text(path, statement.targets[0])}.clear()"
        draft.replace(path, statement.start, statement.end, text, "emptied, with its priorities")


def _annotate(draft: Draft, path: str, made: ir.Node, name: str) -> None:
    """Give the name of the container the type that it has now."""
    statement = draft.graph.statement(path, made)
    annotation = statement.annotation if isinstance(statement, ir.Assign) else None
    if annotation is not None:
        draft.replace(path, annotation.start, annotation.end, name, "its type now")
        named = [node.id for node in ir.walk(annotation) if isinstance(node, ir.Name)]
        draft.unneeded[path] |= set(named)


def _draw(draft: Draft, buffer: ReplayBuffer, draw: ir.Call) -> tuple[list, str]:  # type: ignore[type-arg]
    """Replace the draw; gives the consumers and the text of the container."""
    path = buffer.path
    if shared.in_loop_or_comprehension(draft, path, draw):
        raise Refused(f"{draft.where(path, draw)} draws one transition at a time")
    if not draft.graph.events.draws[draw].items:
        return _draw_positions(draft, buffer, draw)
    population = draw.argument(0, "population") or draw.argument(0, "a")
    if population is None:
        raise Refused(f"the draw at {draft.where(path, draw)} has no population")
    population = _bare(population)
    handle = draft.text(path, population)
    is_itself = not draft.graph.events.value(population).atoms.isdisjoint(buffer.containers)
    if not isinstance(population, (ir.Name, ir.Attr)) or not is_itself:
        raise Refused(f"the draw at {draft.where(path, draw)} is from {handle}, not from the container itself")
    size = shared.batch_size(draft, path, draw, 1, "k", "size") + how_drawn(draft.graph, buffer, draw, "k", "size", 1)
    travel = Travel(draft, buffer)
    parent = draft.graph.parents(path).get(draw)
    statement = draft.graph.statement(path, draw)
    if not isinstance(parent, ir.Stmt) and _is_evaluated_once(draft, path, draw, statement):
        return _draw_first(draft, buffer, draw, statement, f"{handle}.sample({size})"), handle
    draft.replace(path, draw.start, draw.end, f"{handle}.sample({size})", "the same objects, weights, indices")
    if isinstance(parent, ir.Return):
        return travel.from_draw(), handle
    if isinstance(parent, ir.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ir.Name):
        weights = weights_of(draft, buffer)
        indices = draft.fresh(path, buffer.function, *INDICES)
        draft.append_name(path, parent.targets[0], [weights, indices])
        consumers = travel.from_function(weights, indices, f"{handle}.update_priorities", parent)
        other = _other_draw(draft, buffer, draw, handle, [weights, indices])
        for consumer in consumers:
            consumer.others.extend([other] if other is not None else [])
        return consumers, handle
    raise Refused(f"what is drawn at {draft.where(path, draw)} is used in the same expression")


def _refuse_copies(draft: Draft, buffer: ReplayBuffer, handle: str, container: Alloc) -> None:
    """Refuse what is drawn from a name for a copy or a part of the container, which has no method to draw."""
    body = buffer.function.body if isinstance(buffer.function, ir.Function) else draft.graph.module(buffer.path).body
    for statement in (node for node in ir.walk_scope(body) if isinstance(node, ir.Assign)):
        made = statement.value
        if made is None or made is container.node or container not in draft.graph.events.value(made).atoms:
            continue
        is_part = isinstance(made, ir.Sub) and isinstance(made.index, ir.Slice)
        is_copy = isinstance(made, ir.Call) and isinstance(made.func, ir.Name) and made.func.id in _COPIES and made.args
        if (is_part or is_copy) and any(draft.text(buffer.path, target) == handle for target in statement.targets):
            where = draft.where(buffer.path, statement)
            raise Refused(f"what is drawn from at {where} is a copy or a part of the container")


def _is_evaluated_once(draft: Draft, path: str, draw: ir.Call, statement: ir.Stmt) -> bool:
    """Whether a simple statement always evaluates the draw in it, exactly once."""
    if not isinstance(statement, (ir.Assign, ir.Do, ir.Return)):
        return False
    for ancestor in draft.graph.ancestors(path, draw):
        if ancestor is statement:
            return True
        if isinstance(ancestor, (ir.Comp, ir.Lambda, ir.IfExp, ir.Logic)):
            return False
    return False


def _draw_first(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, statement: ir.Stmt, sample: str) -> list[Consumer]:
    """Draw in a statement of its own before an expression such as `zip(*random.sample(memory, n))`."""
    path = buffer.path
    batch = draft.fresh(path, buffer.function, "batch", "transitions", "drawn")
    weights = weights_of(draft, buffer)
    indices = draft.fresh(path, buffer.function, *INDICES)
    line = f"{batch}, {weights}, {indices} = {sample}"
    draft.insert_before(path, statement, [line], "the same objects, weights, indices")
    draft.replace(path, draw.start, draw.end, batch, "the drawn transitions")
    handle = sample.rpartition(".sample(")[0]
    return Travel(draft, buffer).from_function(weights, indices, f"{handle}.update_priorities", statement)


def _taken_whole(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, container: Alloc) -> ir.Assign | None:
    """The other branch of `if len(memory) > n: batch = sample(memory, n)` / `else: batch = memory`."""
    drawn = draft.graph.parents(buffer.path).get(draw)
    test = draft.graph.parents(buffer.path).get(drawn) if isinstance(drawn, ir.Assign) else None
    if not isinstance(test, ir.If) or not isinstance(drawn, ir.Assign) or not isinstance(drawn.targets[0], ir.Name):
        return None
    if not any(isinstance(node, ir.Name) and node.id == "len" for node in ir.walk(test.test)):
        return None  # a choice of another kind than whether there is enough for a batch
    branches = (test.body, test.orelse) if drawn in test.body else (test.orelse, test.body)
    (here, there) = branches
    if here != [drawn] or len(there) != 1 or not isinstance(other := there[0], ir.Assign) or len(other.targets) != 1:
        return None
    target = other.targets[0]
    is_same = isinstance(target, ir.Name) and target.id == drawn.targets[0].id and other.value is not None
    value = _bare(other.value) if is_same and other.value is not None else None
    is_all = isinstance(value, (ir.Name, ir.Attr)) and container in draft.graph.events.value(value).atoms
    return other if is_all else None


def _other_draw(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, handle: str, names: list[str]) -> ir.Assign | None:
    """Replace what the other branch of an `if` takes: a draw of another size, or everything."""
    pair = alternatives(draft.graph, buffer)
    if pair is None:
        other = _taken_whole(draft, buffer, draw, *shared.drawn_from(draft.graph, buffer))
        if other is not None:
            _draw_as_many(draft, buffer.path, other, handle, names)
        return other
    (other,) = (each for each in pair if each.value is not draw)
    call, target = other.value, other.targets[0]
    assert isinstance(call, ir.Call)
    assert isinstance(target, ir.Name)
    population = call.argument(0, "population") or call.argument(0, "a")
    if population is None or draft.text(buffer.path, _bare(population)) != handle:
        raise Refused(f"{draft.graph.name_of(buffer)} is drawn from in several places of one function")
    size = shared.batch_size(draft, buffer.path, call, 1, "k", "size")
    draft.append_name(buffer.path, target, names)
    draft.replace(buffer.path, call.start, call.end, f"{handle}.sample({size})", "the same objects, weights, indices")
    return other


def _draw_as_many(draft: Draft, path: str, other: ir.Assign, handle: str, names: list[str]) -> None:
    """Draw as many as there are where everything was taken: weights and indices come with a draw alone."""
    target, value = other.targets[0], other.value
    assert isinstance(target, ir.Name)
    assert value is not None
    draft.append_name(path, target, names)
    note = "as many as there are, by priority"
    draft.replace(path, value.start, value.end, f"{handle}.sample(len({handle}))", note)


def _draw_positions(draft: Draft, buffer: ReplayBuffer, draw: ir.Call) -> tuple[list, str]:  # type: ignore[type-arg]
    """Replace a draw of positions, and the reads at them; gives the consumers and the text of the container."""
    path = buffer.path
    (container,) = shared.drawn_from(draft.graph, buffer)
    handle = positions.handle_of(draft, buffer, container)
    size = shared.positions(draft, path, draw) + how_drawn(draft.graph, buffer, draw, "size", "k", 2, 1)
    parent = draft.graph.parents(path).get(draw)
    target = parent.targets[0] if isinstance(parent, ir.Assign) and len(parent.targets) == 1 else None
    if not isinstance(parent, ir.Assign) or not isinstance(target, ir.Name):
        raise Refused(f"the positions drawn at {draft.where(path, draw)} have no name")
    batch = draft.fresh(path, buffer.function, "batch", "transitions", "drawn")
    weights = weights_of(draft, buffer)
    positions.read_from_batch(draft, buffer, target, handle, batch)
    draft.untyped(path, target)
    draft.replace(path, target.start, target.start, f"{batch}, {weights}, ", "the transitions come with the positions")
    draft.replace(path, draw.start, draw.end, f"{handle}.sample({size})", "the same objects, weights, indices")
    travel = Travel(draft, buffer)
    return travel.from_function(weights, target.id, f"{handle}.update_priorities", parent), handle


def _bare(node: ir.Expr) -> ir.Expr:
    """`X` of `list(X)`."""
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id in ("list", "tuple"):
        return node.args[0].value if len(node.args) == 1 else node
    return node


def _check_uses(draft: Draft, draws: list[ir.Node], container: Alloc, bounded: Bounded, whole: list[ir.Assign]) -> None:
    """Refuse uses of the container that the prioritised buffer does not answer to.

    What is taken `whole` where there is too little for a batch is a draw afterwards, and so are the uses of its name.
    """
    drawn = _named_draws(draft, whole)
    for node, value in draft.graph.events.values.items():
        if isinstance(node, ir.Expr) and container in value.atoms and node is not container.node:
            if bounded.covers(node) or node in drawn:
                continue
            path = draft.path_of(node)
            problem = _misuse(draft, path, node, draws)
            if problem is not None:
                raise Refused(f"{draft.text(path, node)} {problem} at {draft.where(path, node)}")


def _named_draws(draft: Draft, whole: list[ir.Assign]) -> set[ir.Node]:
    """What stands in such an assignment, and all uses of its name in the function."""
    found: set[ir.Node] = set()
    for statement in whole:
        path, name = draft.path_of(statement), statement.targets[0]
        around = draft.graph.ancestors(path, statement)
        function = next((node for node in around if isinstance(node, ir.Function)), None)
        body = function.body if function is not None else draft.graph.module(path).body
        found |= set(ir.walk(statement))
        found |= {
            n for n in ir.walk_scope(body) if isinstance(n, ir.Name) and isinstance(name, ir.Name) and n.id == name.id
        }
    return found


def _misuse(draft: Draft, path: str, node: ir.Expr, draws: list[ir.Node]) -> str | None:
    table = draft.graph.parents(path)
    parent = table.get(node)
    if isinstance(parent, ir.Attr):
        call = table.get(parent)
        if isinstance(call, ir.Call) and call.func is parent and parent.attr in _METHODS:
            return None
        return None if parent.attr == "maxlen" else f"is used by .{parent.attr}"
    if isinstance(parent, ir.Arg):
        call = table.get(parent)
        assert isinstance(call, ir.Call)
        if call in draws or (isinstance(call.func, ir.Name) and call.func.id in _READERS):
            return None
        if save_as_list(draft, path, call, node):
            return None
        site = draft.graph.events.calls.get(call)
        return None if site is not None and site.targets and not parent.star else "is given to other code"
    if isinstance(parent, ir.Sub):
        grand = table.get(parent)
        if parent.value is node and not (isinstance(grand, ir.Assign) and parent in grand.targets):
            return None
        return "is written to by index"
    if isinstance(
        parent, (ir.Assign, ir.For, ir.Generator, ir.If, ir.While, ir.Un, ir.Logic, ir.IfExp, ir.Return, ir.Assert)
    ):
        return None
    if isinstance(parent, ir.Cmp):
        return "is compared"
    return None if isinstance(parent, ir.Do) else "is used in an expression"
