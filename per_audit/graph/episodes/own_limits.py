"""Time limits of a program's own: `if step == max_steps: done = True`, told to what is stored as if the task ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.counted import counter, counts_to_limit, is_count, is_raised_in
from per_audit.graph.episodes.environments import TERMINATED, is_false, is_told_false, meant_steps, said_at
from per_audit.graph.episodes.own_counts import (
    count_in,
    counts_an_episode,
    is_met,
    is_observed,
    is_of_steps,
    sides,
)
from per_audit.graph.episodes.raised import (
    always_pays,
    flags_at,
    is_changed_by,
    is_paid_for,
    is_written_beside,
    pays,
    raises,
)
from per_audit.graph.episodes.registered import made_by_name
from per_audit.graph.interpret.roles import words
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_REACHED = {"==", ">=", ">"}
_LIMIT = {"max", "maximum", "limit", "timeout", "horizon"}
_STEPS = {"len", "length", "step", "steps", "timesteps"}
_EPISODE = {"ep", "episode", "episodes"}


def own_limit(graph: ReplayGraph, field: Term, others: Sequence[Term], is_said: bool) -> tuple[str, ir.Cmp] | None:
    """The file and the comparison by which a field, otherwise the environment's word, is set at a limit of steps.

    Not where the `others` of the transition hold what is counted: then the limit is a part of the task. That it is the
    environment's word is seen by the field (`is_said`), or by what a step of the project's own environment is taken
    apart into.
    """
    for path, test, place in _told(graph, field):
        if (is_said or _is_word_of_step(graph, path, place)) and _is_limit(graph, path, test, others):
            return path, test
    return None


def environments_limit(
    graph: ReplayGraph, field: Term, functions: Iterable[ev.Owner] = ()
) -> tuple[str, ir.Cmp] | None:
    """As `own_limit`, where a step of the project's own environment sets the field, which may end otherwise as well.

    Not where the `functions` on the way to what is stored change the field themselves.
    """
    if field.op != "phi" or is_changed_by(graph, field, functions):
        return None
    limits, ends = _limits_among(graph, field.args)
    return limits[0] if limits and ends > len(limits) else None


def ends_by_count_alone(graph: ReplayGraph, call: ir.Node | None = None) -> bool:
    """Whether the project's own environments say that an episode is over at a limit of steps, and at nothing else.

    Those that a call of a step may mean, or all. Such a task has no terminal state: where an episode is cut, it could
    go on.
    """
    meant = meant_steps(graph, call)
    return bool(meant) and all(_is_cut_alone(graph, step) for step in meant)


def _is_cut_alone(graph: ReplayGraph, step: ir.Function) -> bool:
    said = said_at(graph, step, TERMINATED, TERMINATED + 1)
    limits, ends = _limits_among(graph, said)
    return bool(limits) and ends == len(limits) and all(is_false(option) or _is_raised(option) for option in said)


def _is_raised(option: Term) -> bool:
    return option.op == "cmp" or (option.op == "const" and option.data is True)


def _limits_among(graph: ReplayGraph, options: Iterable[Term]) -> tuple[list[tuple[str, ir.Cmp]], int]:
    """The limits of steps of own environments among what a flag may be, and at how many places it is an end at all."""
    limits, ends = list[tuple[str, ir.Cmp]](), 0
    for option in options:
        if option.op == "const" and option.data is True and option.node is not None:
            places = raises(graph, option.path, option.node)
            asked = [(test, place) for place in places for test in _tests(graph, option.path, place)]
        else:
            places = [option.node] if option.node is not None and option.data is not False else []
            asked = [(place, place) for place in places if option.op == "cmp" and isinstance(place, ir.Cmp)]
        ends += len(places)
        limits += [(option.path, test) for test, at in asked if _is_environments(graph, option.path, test, at)]
    return limits, ends


def counts_steps(graph: ReplayGraph, call: ir.Call) -> bool:
    """Whether what a call leads to compares anything with what is called a limit of steps, or such a count itself."""
    site = graph.events.calls.get(call)
    called = [func.node for func in site.targets] if site is not None else []
    functions = [*called, *(callee for function in called for callee in graph.callees(function))]
    classes = [graph.project.class_of.get(function) for function in called if isinstance(function, ir.Function)]
    return any(cls is not None and _is_made(graph, cls) for cls in classes) and any(
        isinstance(node, ir.Cmp) and len(node.rights) == 1 and _is_limited(graph, function, node)
        for function in functions
        if function is not None
        for node in ir.walk(function)
    )


def _is_limited(graph: ReplayGraph, function: ir.Function | ir.Lambda, test: ir.Cmp) -> bool:
    if _is_named(test.rights[0]) or _is_named(test.left):
        return True
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    return cls is not None and is_count(graph, graph.project.module_of[cls].path, cls, test.left)


def _told(graph: ReplayGraph, field: Term) -> Iterator[tuple[str, ir.Cmp, ir.Node]]:
    """The comparisons that a field is, or by which it is set to True, and where it is."""
    for option in field.args if field.op == "phi" else ():
        if option.path is None or option.node is None:
            continue
        if option.op == "cmp" and isinstance(option.node, ir.Cmp):
            yield option.path, option.node, option.node
        if option.op == "const" and option.data is True:
            around = graph.parents(option.path).get(option.node)
            chosen = around.test if isinstance(around, ir.IfExp) and around.body is option.node else None
            for test in [chosen] if isinstance(chosen, ir.Cmp) else _tests(graph, option.path, option.node):
                yield option.path, test, option.node


def _is_word_of_step(graph: ReplayGraph, path: str, place: ir.Node) -> bool:
    """Whether the statement of a flag gives or reads a name that a step of an own environment, which may end, tells."""
    statement = graph.statement(path, place)
    names = {node.id for node in ir.walk(statement) if isinstance(node, ir.Name)}
    function = graph.symbols.function_of(path, place)
    for unpack in graph.events.unpacks.values():
        items = unpack.node.items if (unpack.path, unpack.function) == (path, function) else []
        flag = items[TERMINATED] if len(items) > TERMINATED else None
        if isinstance(flag, ir.Name) and flag.id in names:
            made = graph.statement(path, unpack.node)
            call = made.value if isinstance(made, ir.Assign) else None
            if _is_step(call) and not is_told_false(graph, call, TERMINATED):
                return True
    return False


def _tests(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[ir.Cmp]:
    """The comparison that alone decides on the statement around a node, if the episode is not over yet."""
    statement = graph.statement(path, node)
    around = graph.parents(path).get(statement)
    if not isinstance(around, ir.If) or statement not in around.body:
        return
    test = around.test
    sides = [test.left, test.right] if isinstance(test, ir.Logic) and test.op == "and" else [test]
    asked = [side for side in sides if not (isinstance(side, ir.Un) and isinstance(side.operand, (ir.Name, ir.Attr)))]
    if len(asked) == 1 and isinstance(asked[0], ir.Cmp):
        yield asked[0]


def _is_limit(graph: ReplayGraph, path: str, test: ir.Cmp, others: Sequence[Term]) -> bool:
    """Whether a count of the steps of an episode, which is not observed, is compared with a limit that it comes to.

    A limit is what is called one, and a number of turns of a loop in each of which the environment takes a step.
    """
    asked = sides(test)
    count = count_in(asked[0]) if asked is not None else None
    if asked is None or count is None or not (_is_named(asked[1]) or is_of_steps(graph, path, test)):
        return False
    if not counts_an_episode(graph, path, test, count) or not is_met(graph, path, test):
        return False
    around = graph.parents(path).get(test)
    is_paid = isinstance(around, ir.If) and any(pays(node) for node in ir.walk(*around.body))
    return not is_paid and not is_observed(graph, path, count, others)


def _is_reached(test: ir.Cmp) -> bool:
    return len(test.ops) == 1 and test.ops[0] in _REACHED


def _is_named(limit: ir.Expr) -> bool:
    """Whether a name in an expression is one of a limit of steps."""
    named = {
        word
        for node in ir.walk(limit)
        if isinstance(node, (ir.Name, ir.Attr))
        for word in words(node.id if isinstance(node, ir.Name) else node.attr)
    }
    return not named.isdisjoint(_LIMIT) or not (named.isdisjoint(_STEPS) or named.isdisjoint(_EPISODE))


def _is_environments(graph: ReplayGraph, path: str, test: ir.Cmp, raised: ir.Node) -> bool:
    """Whether an environment counts its steps in an attribute that nobody observes, and pays nothing at the limit."""
    count = counter(test.left)
    function = graph.symbols.function_of(path, test)
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    if not _is_reached(test) or cls is None or count is None or is_written_beside(graph, path, raised):
        return False
    if not _is_named(test.rights[0]) and not counts_to_limit(graph, path, cls, test):
        return False
    around = next((a for a in graph.ancestors(path, test) if not isinstance(a, ir.Logic)), None)
    if isinstance(around, ir.If) and any(isinstance(node, ir.Aug) or pays(node) for node in ir.walk(*around.body)):
        return False
    methods = {method.name: method for method in cls.body if isinstance(method, ir.Function)}
    if not {"reset", "step"} <= set(methods) or not _is_made(graph, cls):
        return False
    if is_paid_for(graph, cls, count.attr, flags_at(graph, path, raised)):
        return False
    if any(_pays_at_end(graph, path, method, count.attr) for method in methods.values()):
        return False
    nodes = list(ir.walk(*cls.body))
    allowed: set[ir.Node] = set()
    counted = begun = False
    for node in nodes:
        if is_raised_in(node, count.attr):
            counted |= not _is_behind_test(graph, path, node)
            allowed.update(ir.walk(node))
        elif isinstance(node, ir.Aug):
            allowed.add(node.target)
        elif isinstance(node, ir.Assign):
            targets = list(ir.walk(*node.targets))
            begun |= any(_reads(target, count.attr) for target in targets)
            allowed.update(targets)
        elif isinstance(node, ir.Cmp):
            allowed.update(ir.walk(node))
    return counted and begun and all(node in allowed for node in nodes if _reads(node, count.attr))


def _is_made(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether the program makes objects of a class, or of an heir: what only tests make meets no learner."""
    sites = [site for site in graph.events.calls.values() if not is_test(site.path)]
    made = {cls for site in sites for cls in (*site.classes, *made_by_name(graph, site))}
    return any(cls in graph.classes.mro(each) for each in made)


def _reads(node: ir.Node, attribute: str) -> bool:
    return isinstance(node, ir.Attr) and node.attr == attribute


def _is_behind_test(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether something is counted at some steps alone: points, say."""
    around = graph.ancestors(path, node)
    return isinstance(next(a for a in around if isinstance(a, (ir.If, ir.Function, ir.Class))), ir.If)


def _pays_at_end(graph: ReplayGraph, path: str, method: ir.Function, count: str) -> bool:
    """Whether a method gives a reward of its own for every end, that by the limit among them, in place of the usual."""
    asked = [node for node in ir.walk(*method.body) if isinstance(node, ir.Cmp) and _is_reached(node)]
    limits = [node for node in asked if ir.last_name(counter(node.left)) == count]
    told = [graph.statement(path, limit) for limit in limits]
    flags = {name.id for at in told if isinstance(at, ir.Assign) for name in at.targets if isinstance(name, ir.Name)}
    for node in ir.walk(*method.body):
        if isinstance(node, ir.If):
            goes_on = isinstance(node.test, ir.Un) and node.test.op == "not"
            flag = node.test.operand if isinstance(node.test, ir.Un) else node.test
            ended, running = (node.orelse, node.body) if goes_on else (node.body, node.orelse)
            if isinstance(flag, ir.Name) and flag.id in flags and always_pays(ended) and always_pays(running):
                return True
    return False


def _is_step(node: ir.Node | None) -> bool:
    return isinstance(node, ir.Call) and (ir.last_name(node.func) or "").startswith("step")
