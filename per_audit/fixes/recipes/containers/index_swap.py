"""Index swap: only the draw of positions becomes prioritised; the arrays and the pointer stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap, shared
from per_audit.fixes.recipes.batch.travel import INDICES, Consumer, Travel, weights_of
from per_audit.fixes.recipes.containers import emptied, loaded, protected, unread
from per_audit.fixes.recipes.containers.branches import alternatives
from per_audit.fixes.recipes.containers.remade import constructed
from per_audit.fixes.recipes.containers.rewards import stored_reward
from per_audit.fixes.recipes.containers.slots import slots_of
from per_audit.fixes.recipes.settled import targets
from per_audit.fixes.shapes import takes_two

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

_CLASSES = {"per": "PrioritizedSampler", "combined": "CombinedSampler", "lap": "LapSampler"}


def applies(draft: Draft, buffer: ReplayBuffer) -> bool:
    """Whether the buffer is a class with arrays, or lists of as many slots, that are read at drawn positions."""
    draw = draft.graph.events.draws.get(buffer.draws[0])
    if draw is None or draw.items:
        return False
    return all(c.kind == "array" or slots_of(draft.graph, c) is not None for c in buffer.containers)


def convert(draft: Draft, buffer: ReplayBuffer) -> None:
    """Make the edits, or raise Refused."""
    draw = shared.single_draw(draft, buffer)
    owner, path = buffer.owner, buffer.path
    instance = shared.owner_instance(buffer.function)
    if owner is None or instance is None:
        raise Refused(f"the arrays read at {draft.where(path, draw)} belong to no class")
    read = {gather.container for gather in draft.graph.events.gathers.values() if draw in gather.draws}
    if read and read.isdisjoint(buffer.containers):
        raise Refused(f"what is read at the positions drawn at {draft.where(path, draw)} are positions themselves")
    if takes_two(draft.graph, buffer):
        raise Refused("the priority of one position would be that of all transitions that the other chooses from")
    stores = _stores(draft, buffer)
    made, capacity = _arrays(draft, buffer)
    taken = {name for (cls, name) in draft.graph.interpreter.attributes if cls is owner}
    attribute = next(n for n in ("priorities", "replay_priorities", "prioritised_slots") if n not in taken)
    sampler = f"{instance}.{attribute}"
    consumers = _draw(draft, buffer, draw, sampler)
    _refuse_other_positions(draft, buffer, draw)
    is_actor_critic = shared.learn_from(draft, buffer, consumers)
    if any(consumer.function is not buffer.function for consumer in consumers):
        shared.add_update_method(draft, buffer, f"{sampler}.update")
    arguments = [capacity, *shared.options(draft, buffer, made, is_actor_critic, None)]
    name = _CLASSES[draft.options.buffer]
    new = draft.call(path, made, f"{sampler} = ", name, arguments)
    draft.insert_after(path, made, [f"{sampler} = {new}"], "the priorities of the slots")
    draft.imports[path].add(name)
    draft.unneeded[path].add(shared.root_name(draft, path, draw))
    is_marked = shared.NO_SHARE not in arguments and not lap.is_chosen(draft)
    _add(draft, buffer, stores, sampler, with_reward=is_marked)
    emptied.forget_emptied(draft, buffer, draw, made, attribute)
    loaded.add_replaced(draft, buffer, draw, made, attribute)
    others = [store for store in buffer.stores if store not in stores]
    rows = [store for store in others if loaded.in_a_row(draft, store)]
    loaded.add_rows(draft, buffer, rows, attribute)
    loaded.add_slots(draft, buffer, [store for store in others if store not in rows], attribute)
    unread.drop(draft, buffer)


def _refuse_other_positions(draft: Draft, buffer: ReplayBuffer, draw: ir.Call) -> None:
    """Refuse where a drawn slot is no transition by itself, or some slots that are filled must not be drawn.

    The next state may stand in the next slot: what was stored last has none, and a sampler would draw it.
    """
    graph = draft.graph
    if _leaves_out(draft, graph.events.draws[draw].probabilities, buffer.path):
        raise Refused(f"the draw at {draft.where(buffer.path, draw)} leaves slots out that are filled")
    for gather in graph.events.gathers.values():
        if draw not in gather.draws or gather.container not in buffer.containers or not isinstance(gather.node, ir.Sub):
            continue
        index = graph.symbols.term(gather.path, gather.node.index)
        moved = [part for part in index.walk() if part.op in ("add", "sub")]
        if any(inner.op == "draw" for part in moved for inner in part.walk()):
            where = draft.where(gather.path, gather.node)
            raise Refused(f"other slots than the drawn ones are read at {where}, which the newest may lack")


def _leaves_out(draft: Draft, chances: ir.Expr | None, path: str) -> bool:
    """Whether something is written to the chances of a draw, which are all alike but for that."""
    return chances is not None and any(part.op == "filled" for part in draft.graph.symbols.term(path, chances).walk())


def _arrays(draft: Draft, buffer: ReplayBuffer) -> tuple[ir.Stmt, str]:
    """The last statement that makes one of the arrays, and the text of their common length."""
    lengths: dict[str, str] = {}  # as they are written, by what they are
    statements: list[ir.Stmt] = []
    computed: list[ir.Expr | None] = []
    for container in sorted(constructed(draft.graph, buffer.containers), key=lambda container: container.node.start):
        call = container.node
        length = slots_of(draft.graph, container)
        if draft.path_of(call) != buffer.path or not (length is not None or isinstance(call, ir.Call)):
            raise Refused(f"an array of {draft.graph.name_of(buffer)} is made in an unknown way")
        if isinstance(call, ir.Call):
            length = _length_in(_display(draft, buffer.path, call, call.argument(0, "shape")))
        if isinstance(length, (ir.Name, ir.Attr, ir.Const)):
            lengths.setdefault(_given(draft, buffer.path, length), draft.text(buffer.path, length))
        else:
            computed.append(length)
        statements.append(draft.graph.statement(buffer.path, call))
    for length in computed:
        # A function that makes the shape gets the length first.
        first = length.argument(0) if isinstance(length, ir.Call) else None
        if first is None or draft.text(buffer.path, first) not in lengths.values():
            where = draft.where(buffer.path, length) if length is not None else buffer.path
            raise Refused(f"the length of the array made at {where} is not a plain name")
    if len(lengths) != 1:
        written = ", ".join(sorted(lengths.values()))
        raise Refused(f"the arrays of {draft.graph.name_of(buffer)} have different lengths: {written}")
    last = _last_made(draft, buffer, statements)
    while isinstance(loop := draft.graph.parents(buffer.path).get(last), ir.For):
        last = loop  # several arrays, one after the other
    return last, next(iter(lengths.values()))


def _last_made(draft: Draft, buffer: ReplayBuffer, statements: list[ir.Stmt]) -> ir.Stmt:
    """The statement behind which all arrays are there; the branches of an `if` may make some of them in two ways."""
    graph, path = draft.graph, buffer.path
    first = min(statements, key=lambda statement: (sum(1 for _ in graph.ancestors(path, statement)), statement.start))
    block, made = draft.block(path, first), []
    for statement in statements:
        while statement not in block and isinstance(around := graph.parents(path).get(statement), ir.If):
            statement = around
        made.append(statement)
    if any(statement not in block for statement in made):
        raise Refused(f"the arrays of {graph.name_of(buffer)} are made in different places")
    return max(made, key=lambda statement: statement.start)


def _given(draft: Draft, path: str, length: ir.Expr) -> str:
    """What a length is: the plain name, field or number that it is set to in the same function, if it is set to one."""
    text = draft.text(path, length)
    function = next((node for node in draft.graph.ancestors(path, length) if isinstance(node, ir.Function)), None)
    body = function.body if function is not None else draft.graph.module(path).body
    given = [node for node in ir.walk_scope(body) if any(draft.text(path, target) == text for target in targets(node))]
    value = given[0].value if len(given) == 1 and isinstance(given[0], ir.Assign) else None
    is_plain = isinstance(value, (ir.Name, ir.Attr, ir.Const)) and value.end < length.start
    return draft.text(path, value) if is_plain and value is not None else text


def _display(draft: Draft, path: str, call: ir.Call, shape: ir.Expr | None) -> ir.Expr | None:
    """A shape as it is written out: what a name or attribute is set to before in the same function."""
    if not isinstance(shape, (ir.Name, ir.Attr)):
        return shape
    text = draft.text(path, shape)
    function = next((node for node in draft.graph.ancestors(path, call) if isinstance(node, ir.Function)), None)
    body = function.body if function is not None else draft.graph.module(path).body
    given = [node for node in ir.walk_scope(body) if any(draft.text(path, target) == text for target in targets(node))]
    value = given[0].value if len(given) == 1 and isinstance(given[0], ir.Assign) else None
    is_before = value is not None and value.end < call.start
    return value if is_before and isinstance(value, (ir.Seq, ir.Bin)) and _length_in(value) is not value else shape


def _length_in(shape: ir.Expr | None) -> ir.Expr | None:
    """The first axis of a shape: of `(n, 3)`, `[n, 3]`, `(n,) + rest` and `n`."""
    while isinstance(shape, ir.Bin) and shape.op == "+" and isinstance(shape.left, (ir.Seq, ir.Bin)):
        shape = shape.left
    return shape.items[0] if isinstance(shape, ir.Seq) and shape.items else shape


def _stores(draft: Draft, buffer: ReplayBuffer) -> list[ev.Store]:
    """Where single transitions are written: the only place that is not told of as a whole."""
    one_by_one = [s for s in buffer.stores if not loaded.in_one_go(s) and not loaded.in_a_row(draft, s)]
    stores = [s for s in one_by_one if s.how == "index" and s.index is not None]
    functions = {s.function for s in stores}
    if len(functions) != 1 or len(stores) != len(one_by_one):
        raise Refused(f"{draft.graph.name_of(buffer)} is filled in several functions")
    if len({draft.text(s.path, s.index) for s in stores if s.index is not None}) != 1:
        raise Refused(f"{draft.graph.name_of(buffer)} is filled at different positions")
    return sorted(stores, key=lambda s: s.node.start)


def _draw(draft: Draft, buffer: ReplayBuffer, draw: ir.Call, sampler: str) -> list[Consumer]:
    path = buffer.path
    where = draft.where(path, draw)
    if shared.in_loop_or_comprehension(draft, path, draw):
        raise Refused(f"{where} draws one position at a time")
    size = shared.positions(draft, path, draw)
    parent = draft.graph.parents(path).get(draw)
    target = parent.targets[0] if isinstance(parent, ir.Assign) and len(parent.targets) == 1 else None
    if not isinstance(parent, ir.Assign) or not isinstance(target, ir.Name):
        raise Refused(f"the positions drawn at {where} have no name")
    weights = weights_of(draft, buffer)
    drawn = {statement: _size(draft, path, statement) for statement in alternatives(draft.graph, buffer) or (parent,)}
    choice = draft.graph.parents(path).get(parent)
    is_alone = isinstance(choice, ir.If) and len(choice.body) == len(choice.orelse) == 1
    is_one_draw = len(drawn) > 1 and len(set(drawn.values())) == 1
    if is_one_draw and is_alone and isinstance(choice, ir.If) and _only_looks(choice.test):
        line = f"{target.id}, {weights} = {sampler}.sample({size})"
        draft.replace(path, choice.start, choice.end, line, "positions by priority, of those that are filled")
    else:
        for statement, text in drawn.items():
            value, name = statement.value, statement.targets[0]
            assert value is not None
            assert isinstance(name, ir.Name)
            draft.untyped(path, name)
            draft.replace(path, name.end, name.end, f", {weights}", "weights come with the positions")
            draft.replace(path, value.start, value.end, f"{sampler}.sample({text})", "positions by priority")
    draft.fresh(path, buffer.function, *INDICES)
    consumers = Travel(draft, buffer).from_function(weights, target.id, f"{sampler}.update", parent)
    for consumer in consumers:
        consumer.others.extend(statement for statement in drawn if statement is not parent)
    return consumers


def _size(draft: Draft, path: str, statement: ir.Assign) -> str:
    assert isinstance(statement.value, ir.Call)
    return shared.positions(draft, path, statement.value)


def _only_looks(test: ir.Expr) -> bool:
    """Whether a condition changes nothing, so that it need not be asked."""
    calls = [node.func for node in ir.walk(test) if isinstance(node, ir.Call)]
    return all(isinstance(func, ir.Name) and func.id == "len" for func in calls)


def _add(draft: Draft, buffer: ReplayBuffer, stores: list[ev.Store], sampler: str, with_reward: bool) -> None:
    """Tell the sampler of every stored transition, before the pointer moves."""
    last = stores[-1]
    index = last.index
    assert index is not None
    block, statements = _filled(draft, buffer, stores)
    slot = index.items[0] if isinstance(index, ir.Seq) else index
    text = draft.text(last.path, slot)
    if isinstance(slot, ir.Slice):
        raise Refused(f"{draft.graph.name_of(buffer)} is filled with several transitions at once ({text})")
    names = {ir.last_name(part) for part in ir.walk(index)}
    first, final = block.index(statements[0]), block.index(statements[-1])
    for statement in block[first : final + 1]:
        if statement not in statements and _moves(statement, names):
            raise Refused(f"the pointer moves between the writes at {draft.where(last.path, statement)}")
    reward = stored_reward(draft, buffer, stores) if with_reward else None
    argument = f", reward={reward}" if reward is not None else ""
    line = f"{sampler}.add({text}{argument})"
    behind = _out_of_loops(draft, last.path, statements[-1], index)
    if behind is not statements[-1]:
        line = f"{sampler}.add({text})"  # the loop may be over parts of the reward
        block = draft.block(last.path, behind)
    draft.insert_after(last.path, behind, [line], "before the pointer moves")
    if draft.options.buffer == "combined":
        protected.skip(draft, buffer, last, slot, sampler, block)


def _out_of_loops(draft: Draft, path: str, statement: ir.Stmt, slot: ir.Expr) -> ir.Stmt:
    """The loop around a write each turn of which fills another array at the same slot, or the write itself."""
    names = {part.id for part in ir.walk(slot) if isinstance(part, ir.Name)}
    fields = {part.attr for part in ir.walk(slot) if isinstance(part, ir.Attr)}
    found = here = statement
    while isinstance(around := draft.graph.parents(path).get(here), (ir.For, ir.With)):
        here = around
        if isinstance(around, ir.With):
            continue
        turn = {part.id for part in ir.walk(around.target) if isinstance(part, ir.Name)}
        calls = [node.func for node in ir.walk_scope(around.body) if isinstance(node, ir.Call)]
        may_move = fields and any(isinstance(func, ir.Attr) and func.value in _owners(slot, func) for func in calls)
        if turn & names or may_move or any(_moves(each, names | fields) for each in around.body):
            break
        found = around
    return found


def _owners(slot: ir.Expr, func: ir.Attr) -> list[ir.Expr]:
    """The object of a method where it is the one that holds the slot."""
    holders = {part.value.id for part in ir.walk(slot) if isinstance(part, ir.Attr) and isinstance(part.value, ir.Name)}
    return [func.value] if isinstance(func.value, ir.Name) and func.value.id in holders else []


def _filled(draft: Draft, buffer: ReplayBuffer, stores: list[ev.Store]) -> tuple[list[ir.Stmt], list[ir.Stmt]]:
    """The block in which a transition is written, and its statements that do so; some may choose what they write."""
    written = [draft.graph.statement(store.path, store.node) for store in stores]
    path = stores[0].path
    block = draft.block(path, min(written, key=lambda each: sum(1 for _ in draft.graph.ancestors(path, each))))
    statements = [next((each for each in block if each.start <= node.start < each.end), None) for node in written]
    found = [each for each in statements if each is not None]
    if len(found) < len(statements) or any(isinstance(each, (ir.For, ir.While)) for each in found):
        raise Refused(f"{draft.graph.name_of(buffer)} is filled in different blocks")
    return block, found


def _moves(statement: ir.Stmt, names: set[str]) -> bool:
    for node in ir.walk(statement):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
        for target in targets:
            if (target.attr if isinstance(target, ir.Attr) else getattr(target, "id", None)) in names - {"self", ""}:
                return True
    return False
