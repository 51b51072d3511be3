"""The ends of episodes: whether a pipeline knows them, and where it looks at those that it has drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.environments import (
    SUITE,
    TERMINATED,
    callbacks_say_false,
    called_steps,
    is_told_false,
    made_for,
    made_in,
    never_says,
)
from per_audit.graph.episodes.moments import fresh, handed, is_drawn, is_fresh, steps
from per_audit.graph.episodes.own_limits import ends_by_count_alone
from per_audit.graph.episodes.spared import is_left_before
from per_audit.graph.interpret.roles import (
    ACTION,
    DONE,
    NEXT,
    is_of_run,
    role_of,
    role_of_name,
    words,
)
from per_audit.graph.interpret.values import RecordType
from per_audit.graph.pipelines import training_modules
from per_audit.graph.symbolic.vocabulary import FLATTENS, RESHAPES, STACKS, TRANSPARENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

Body = tuple["ev.Owner", str, "list[ir.Stmt]"]
Vain = Callable[[str, "ir.Node"], bool]

_CARRIES = (
    TRANSPARENT
    | FLATTENS
    | RESHAPES
    | STACKS
    | {"unsqueeze", "squeeze", "zip", "map", "transpose", "size", "append", "extend", "appendleft", "insert", "dict"}
)
_SETTINGS = {"discount", "discounts"}  # names of a constant of the run as well as of 1 - done
_EXTRA = {"final", "nonfinal", "alive", "continues", "cont", "gameover"}
# Tasks of Gymnasium, its robotics suite and DeepMind's Control Suite without a terminal state.
_ENDLESS = (
    *("Pendulum", "HalfCheetah", "Swimmer", "Reacher", "Pusher", "Fetch", "HumanoidStandup", "HandManipulate"),
    SUITE,
)
_DENIES = {"is", "non", "not"}
_CALLERS = 4


def bodies(graph: ReplayGraph, buffer: ReplayBuffer) -> list[Body]:
    """The bodies in which what the buffer gave may be learnt from; top levels of files as well."""
    found: list[Body] = []
    for function in graph.training_functions(buffer):
        if function is None:
            paths = {buffer.path, *training_modules(graph, buffer)}
            found += [(None, path, graph.module(path).body) for path in sorted(paths)]
        elif isinstance(function, ir.Function):
            found.append((function, graph.project.module_of[function].path, function.body))
    return found


def is_end(graph: ReplayGraph, node: ir.Node) -> bool:
    """Whether a name, attribute or item tells if an episode has ended."""
    if isinstance(node, (ir.Name, ir.Attr)):
        name = node.id if isinstance(node, ir.Name) else node.attr
        parts = set(words(name))
        if is_of_run(words(name)):
            return False
        if parts & _EXTRA or {"is", "last"} <= parts:
            return not _is_last_one(graph, node, parts)
        if role_of_name(name) == DONE:
            return not parts & _SETTINGS or is_drawn(graph, node)
    if isinstance(node, ir.Sub) and isinstance(node.index, ir.Const) and isinstance(node.index.value, str):
        return role_of_name(node.index.value) == DONE
    return isinstance(node, (ir.Name, ir.Attr, ir.Sub)) and graph.events.value(node).roles == {DONE}


def _is_last_one(graph: ReplayGraph, node: ir.Expr, parts: set[str]) -> bool:
    """Whether a name is of the last one of something that is no end: `final_x`, where an agent came to, say."""
    known = graph.events.value(node).roles
    return "final" in parts and parts.isdisjoint(_DENIES) and bool(known) and DONE not in known


def looks_at_ends(graph: ReplayGraph, body: Body, drawn_only: bool, is_vain: Vain | None = None) -> bool:
    """Whether a body computes with, or tests, what tells the end of the episodes that were drawn.

    Taking a batch apart, converting it and handing it on is not yet looking at it. With `drawn_only`, names alone do
    not count: the value must be known as drawn. `is_vain` tells of an expression that it says nothing of an end.
    """
    function, path, statements = body
    said, letters = fresh(graph, function, path), _beside_positions(statements)
    for node in ir.walk_scope(statements):
        if not isinstance(node, ir.Expr):
            continue
        drawn = is_drawn(graph, node)
        asks = _asks_for_none(graph, node, function)
        if is_vain is not None and (asks or is_end(graph, node)) and is_vain(path, node):
            continue
        if asks:
            return True
        if not _chooses_by_drawn(graph, node):
            if not is_end(graph, node) or (drawn_only and not drawn):
                continue
            if is_fresh(graph, node, said) or (isinstance(node, ir.Name) and node.id in letters):
                continue
            if _is_carried(graph, path, node):
                continue
        if not is_forgotten(graph, path, node, statements):
            return True
    return False


def _beside_positions(statements: list[ir.Stmt]) -> set[str]:
    """The letters that a loop takes one of two things by, none of them known by its name as a part of a transition.

    `for i, d in zip(positions, errors)`: a letter is an end beside a reward or a state alone.
    """
    return {
        item.id
        for node in ir.walk_scope(statements)
        if isinstance(node, ir.For) and isinstance(node.target, ir.Seq) and len(node.target.items) == 2
        for item, other in (node.target.items, node.target.items[::-1])
        if isinstance(item, ir.Name) and len(item.id) == 1 and role_of(other) is None
    }


def _chooses_by_drawn(graph: ReplayGraph, node: ir.Expr) -> bool:
    """Whether one of two values is taken by what was drawn; a weight by its priority is no target by an end."""
    if not isinstance(node, ir.IfExp) or not is_drawn(graph, node.test):
        return False
    is_weight = bool(graph.events.value(node).tagged("isw"))
    return not is_weight or any(is_end(graph, part) for part in ir.walk(node.test))


def is_forgotten(graph: ReplayGraph, path: str, node: ir.Expr, statements: list[ir.Stmt]) -> bool:
    """Whether what is computed goes to a name, or into a list of a name, that is read only to be converted itself."""
    statement = graph.statement(path, node)
    name = _kept_in(statement)
    if name is None or node in set(ir.walk(*_heads(statement))):
        return False
    own = {
        part
        for other in ir.walk(*statements)
        if isinstance(other, (ir.Assign, ir.Do)) and _kept_in(other) == name
        for part in ir.walk(other)
    }
    return all(part in own for part in ir.walk(*statements) if isinstance(part, ir.Name) and part.id == name)


def _kept_in(statement: ir.Node) -> str | None:
    """The name that alone a statement assigns to, or has something appended to."""
    held = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    if isinstance(statement, ir.Do) and isinstance(statement.value, ir.Call):
        func = statement.value.func
        held = func.value if isinstance(func, ir.Attr) and func.attr == "append" else None
    return held.id if isinstance(held, ir.Name) else None


def _heads(statement: ir.Node) -> list[ir.Node]:
    """What a statement puts something into."""
    if isinstance(statement, ir.Assign):
        return list(statement.targets)
    return [statement.value.func] if isinstance(statement, ir.Do) and isinstance(statement.value, ir.Call) else []


def is_conditional(graph: ReplayGraph, path: str, node: ir.Node, is_vain: Vain | None = None) -> bool:
    """Whether a node stands in a branch that is taken by what was drawn; a test that `is_vain` decides nothing.

    A loop that goes on until the step which it takes itself raises the flag is an episode, and no such branch.
    """
    function = graph.symbols.function_of(path, node)
    given, said = handed(graph, function), fresh(graph, function, path)
    for around in graph.ancestors(path, node):
        if (
            isinstance(around, (ir.If, ir.IfExp, ir.While))
            and any(
                is_drawn(graph, part)
                or (is_end(graph, part) and not is_fresh(graph, part, said if isinstance(around, ir.While) else given))
                for part in ir.walk(around.test)
            )
            and (is_vain is None or not is_vain(path, around.test))
        ):
            return True
        if isinstance(around, ir.Function):
            return False
    return False


def _asks_for_none(graph: ReplayGraph, node: ir.Expr, function: ev.Owner) -> bool:
    """`next_state is None`: how a transition without a next state is told; not whether an action was given at all."""
    if not isinstance(node, ir.Cmp):
        return False
    sides = (node.left, *node.rights)
    if not any(isinstance(side, ir.Const) and side.value is None for side in sides):
        return False
    if any(role_of(side) == ACTION and _may_be_left_out(function, side) for side in sides):
        return False
    return any(is_drawn(graph, side) or role_of(side) == NEXT or isinstance(side, ir.Sub) for side in sides)


def _may_be_left_out(function: ev.Owner, name: ir.Expr) -> bool:
    """Whether a name is that of a parameter which is None where nothing is given for it."""
    taken = function.parameters if isinstance(function, (ir.Function, ir.Lambda)) else ()
    return any(each.name == getattr(name, "id", None) and ir.is_none(each.default) for each in taken if each.default)


def _is_carried(graph: ReplayGraph, path: str, node: ir.Expr) -> bool:
    """Whether an expression is only taken apart, converted, renamed or handed on."""
    here: ir.Node = node
    packed = False  # one of several things in a batch
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Call):
            if here is around.func:
                here = around
                continue
            if not _hands_on(graph, around):
                return False
            packed = packed or len(around.args) > 2
        elif isinstance(around, ir.Attr):
            if around.attr not in _CARRIES and not is_end(graph, around):
                return False
        elif isinstance(around, ir.Sub):
            if here is not around.value:
                return False
        elif isinstance(around, (ir.Assign, ir.For)):
            targets = around.targets if isinstance(around, ir.Assign) else [around.target]
            if here in targets:
                return True
            return packed or all(_takes_apart(graph, target) for target in targets)
        elif isinstance(around, (ir.Return, ir.Do, ir.Delete)):
            return True
        elif not isinstance(around, (ir.Seq, ir.Map, ir.Star, ir.Arg, ir.Comp, ir.Generator, ir.Slice)):
            return isinstance(around, (ir.Function, ir.Class))
        packed = packed or isinstance(around, (ir.Seq, ir.Map))
        here = around
    return True


def _takes_apart(graph: ReplayGraph, target: ir.Expr) -> bool:
    return isinstance(target, ir.Seq) or is_end(graph, target) or isinstance(target, ir.Attr)


def _hands_on(graph: ReplayGraph, node: ir.Call) -> bool:
    """Whether a call converts its arguments, stores them or is one of the project, whose body is looked at itself."""
    name = node.func.attr if isinstance(node.func, ir.Attr) else node.func.id if isinstance(node.func, ir.Name) else ""
    if name in _CARRIES:
        return True
    if any(key[0] is node for key in graph.events.stores):
        return True
    site = graph.events.calls.get(node)
    if site is not None and site.targets and not site.classes:
        return True
    return any(isinstance(atom, RecordType) for atom in graph.events.value(node.func).atoms)


# -------------------------------------------------------------------- what the environment says


def stored(buffer: ReplayBuffer) -> bool:
    """Whether the transitions hold what tells the end of an episode."""
    return DONE in buffer.roles


def observed(graph: ReplayGraph, buffer: ReplayBuffer, calls: Sequence[ev.CallSite] = ()) -> tuple[str, ir.Node] | None:
    """Where an end of an episode is known as transitions are stored, by `calls` alone if there are any.

    The file and what tells it. None where the environment's word for it is never tested (a task without end), or the
    task is known to have none.
    """
    edge: list[ev.CallSite | ev.Store] = [*calls] or [*buffer.stores]
    seen: set[ev.Owner] = set()
    for _ in range(_CALLERS + 1):
        functions = dict.fromkeys(each.function for each in edge)
        for function in functions:
            if function in seen:
                continue
            seen.add(function)
            found = _observed_in(graph, function, buffer, [each for each in edge if each.function is function])
            if found is not None:
                return found
        edge = [site for function in functions if function is not None for site in graph.callers.get(function, ())]
    return None


def _observed_in(
    graph: ReplayGraph, function: ev.Owner, buffer: ReplayBuffer, storing: Sequence[ev.CallSite | ev.Store]
) -> tuple[str, ir.Node] | None:
    """The same in one body, whose stores, or calls on the way to them, are `storing`.

    What is stored behind `if done: break` is never the last transition of an episode.
    """
    if isinstance(function, ir.Lambda):
        return None
    paths = [graph.project.module_of[function].path] if function is not None else _scripts(graph, buffer)
    for path in paths:
        body = (
            function.body if isinstance(function, ir.Function) else graph.module(path).body if function is None else []
        )
        for step in steps(graph, function, path):
            ends = [item for item in step.items if isinstance(item, ir.Name) and role_of(item) == DONE]
            tested = {
                part.id
                for node in ir.walk_scope(body)
                if isinstance(node, (ir.If, ir.While, ir.IfExp))
                for part in ir.walk(node.test)
                if isinstance(part, ir.Name)
            }
            for end in ends:
                here = [each.node for each in storing if each.path == path]
                if here and all(is_left_before(graph, path, node, step, end.id) for node in here):
                    continue
                if end.id in tested and not _is_endless(graph, path) and not _is_never(graph, path, step, end):
                    return path, end
    return None


def _is_never(graph: ReplayGraph, path: str, step: ir.Seq, end: ir.Expr) -> bool:
    """Whether what a step is taken apart into has an end that is written as False, or is raised by a count alone."""
    around, place = graph.statement(path, step), step.items.index(end)
    if not isinstance(around, ir.Assign):
        return False
    is_cut = (
        place == TERMINATED and bool(called_steps(graph, around.value)) and ends_by_count_alone(graph, around.value)
    )
    return is_cut or is_told_false(graph, around.value, place)


def _scripts(graph: ReplayGraph, buffer: ReplayBuffer) -> list[str]:
    """The files whose top level stores into the buffer."""
    functions = {store.function for store in buffer.stores}
    paths = {store.path for store in buffer.stores if store.function is None}
    for _ in range(_CALLERS):
        sites = [site for function in functions if function is not None for site in graph.callers.get(function, ())]
        paths |= {site.path for site in sites if site.function is None}
        functions |= {site.function for site in sites}
    return sorted(paths)


def _is_endless(graph: ReplayGraph, path: str) -> bool:
    """Whether a file makes an environment that is known to have no terminal state."""
    return any(name.startswith(_ENDLESS) for name in made_in(graph, path))


def is_endless(graph: ReplayGraph, path: str, learner: ev.Owner) -> bool:
    """Whether no environment that a learner meets ever ends: by its name, or by what each step of it says.

    Where no file that leads to the learner makes one, those of the whole project are asked.
    """
    made = made_for(graph, path, learner)
    if made:
        return all(name.startswith(_ENDLESS) for name in made)
    return never_says(graph, TERMINATED) or callbacks_say_false(graph) or ends_by_count_alone(graph)
