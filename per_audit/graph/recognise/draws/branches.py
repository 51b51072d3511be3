"""Branches that no call of the project takes: the arguments rule them out, or somebody who wrote down the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Step
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.frequency.receivers import holds_another
from per_audit.graph.memory.given import given
from per_audit.graph.symbolic import Term, alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph

_NUMBERS = {"abs", "add", "sub", "mul", "div", "pow", "neg", "max", "min", "mean", "sum", "len", "clip", "exp"}
_OBSERVATION = 0  # where in what `env.step` gives it is: some environments have none at the end
_DISPLAYS = {"record", "tuple", "object"}
_HOPS = 4  # functions that hand a parameter on


def is_ruled_out(graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner) -> bool:
    """Whether every call of the function that is known gives a constant to a test around the node that fails it.

    A call that by the tests around it finds an object of another class in the attribute that it goes through is none.
    False where no call is known, and where one gives something that is not.
    """
    if _is_replaced(graph, path, node):
        return True
    if not isinstance(function, ir.Function):
        return False
    tests = list(_tests(graph, path, node, function))
    sites = [site for site in graph.callers.get(function, ()) if not is_test(site.path)] if tests else []
    sites = [site for site in sites if not holds_another(graph, site, function)]
    return bool(sites) and any(
        all(_fails(graph, site, function, parameter, value, wanted) for site in sites)
        for parameter, value, wanted in tests
    )


def _is_replaced(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a test that is written out, `if 0:`, has what a node is for given by the other branch.

    A branch that is only left out so is for somebody to take in again.
    """
    statement = graph.statement(path, node)
    names = _names_given([statement]) if isinstance(statement, ir.Assign) else set()
    below: ir.Node = statement
    for around in graph.ancestors(path, statement) if names else ():
        if isinstance(around, (ir.Function, ir.Class)):
            return False
        if isinstance(around, ir.If) and isinstance(around.test, ir.Const):
            taken, left = (around.body, around.orelse) if around.test.value else (around.orelse, around.body)
            if below in left and not names.isdisjoint(_names_given(taken)):
                return True
        below = around
    return False


def _names_given(block: list[ir.Stmt]) -> set[str]:
    assigned = (node for node in ir.walk_scope(block) if isinstance(node, ir.Assign))
    return {
        part.id for node in assigned for target in node.targets for part in ir.walk(target) if isinstance(part, ir.Name)
    }


def without_ruled_out(
    graph: ReplayGraph, path: str, node: ir.Node, function: ir.Function, sites: list[ev.CallSite]
) -> list[ev.CallSite]:
    """The calls of a function that may come to a node in it: the others give a constant to a test that fails it."""
    tests = list(_tests(graph, path, node, function)) if len(sites) > 1 else []
    return [site for site in sites if not any(_fails(graph, site, function, *test) for test in tests)]


def is_ruled_out_by(graph: ReplayGraph, path: str, node: ir.Node, function: ev.Owner, calls: Calls) -> bool:
    """Whether what a program gives by its calls of functions that several programs run fails a test around a node.

    A parameter is followed through what a function hands on to the next.
    """
    if not isinstance(function, ir.Function):
        return False
    for parameter, value, wanted in _tests(graph, path, node, function):
        terms = _given_by(graph, Term("param", (), (function, parameter.name), parameter, path), calls)
        if terms and all(_differs(graph, term, value, wanted) for term in terms):
            return True
    return False


def _given_by(graph: ReplayGraph, term: Term, calls: Calls, depth: int = _HOPS) -> list[Term]:
    """What a term is in the program that makes these calls."""
    found: list[Term] = []
    for option in alternatives(term):
        outer = given(graph, option, calls=calls) if option.op == "param" and depth else []
        found += [inner for each in outer for inner in _given_by(graph, each, calls, depth - 1)] or [option]
    return found


def _tests(
    graph: ReplayGraph, path: str, node: ir.Node, function: ir.Function
) -> Iterator[tuple[ir.Parameter, object, bool]]:
    """The tests around a node of parameters that are as they were given: which, its value, and whether it has it."""
    known = {p.name: p for p in function.parameters if not p.kind}
    below = node
    for around in graph.ancestors(path, node):
        for branch, holds in _passed(around, below):
            for test, is_true in _parts(branch.test, holds):
                found = _equality(test)
                if found is not None and found[0] in known and not _is_set_before(function, branch, found[0]):
                    yield known[found[0]], found[1], is_true is found[2]
        if around is function:
            return
        below = around


def _passed(around: ir.Node, below: ir.Node) -> Iterator[tuple[ir.If | ir.IfExp, bool]]:
    """The branches that say when a node is come to, and the outcome that they need: it is in one, or one returns."""
    if isinstance(around, (ir.If, ir.IfExp)) and below is not around.test:
        yield around, below in around.body if isinstance(around.body, list) else below is around.body
    for block in (getattr(around, "body", None), getattr(around, "orelse", None)):
        if isinstance(block, list) and below in block:
            for statement in block[: block.index(below)]:
                if isinstance(statement, ir.If) and _returns(statement.body) != _returns(statement.orelse):
                    yield statement, not _returns(statement.body)


def _returns(block: list[ir.Stmt]) -> bool:
    return bool(block) and isinstance(block[-1], (ir.Return, ir.Raise))


def _parts(test: ir.Expr, holds: bool) -> Iterator[tuple[ir.Expr, bool]]:
    """What a test is known to be made of where it holds or does not: of `a or b` that fails, that a and b fail."""
    if isinstance(test, ir.Un) and test.op == "not":
        yield from _parts(test.operand, not holds)
    elif isinstance(test, ir.Logic):
        for part in (test.left, test.right) if (test.op == "and") is holds else ():
            yield from _parts(part, holds)
    else:
        yield test, holds


def _is_set_before(function: ir.Function, branch: ir.Node, name: str) -> bool:
    """Whether a function may assign to a name before it comes to a branch, other than in the branch itself."""
    inside = set(ir.walk(branch))
    loops = [node for node in ir.walk(*function.body) if isinstance(node, (ir.For, ir.While))]
    around = [loop for loop in loops if loop.start < branch.start < loop.end]
    return any(
        isinstance(part, ir.Name) and part.id == name
        for statement in ir.walk(*function.body)
        if isinstance(statement, (ir.Assign, ir.Aug)) and statement not in inside
        if statement.start < branch.start or any(loop.start < statement.start < loop.end for loop in around)
        for target in (statement.targets if isinstance(statement, ir.Assign) else [statement.target])
        for part in ir.walk(target)
    )


def _equality(test: ir.Expr) -> tuple[str, object, bool] | None:
    """The name, constant and sense of `name == constant`, `name != constant` and `name`."""
    if isinstance(test, ir.Name):
        return test.id, True, True
    if isinstance(test, ir.Cmp) and len(test.ops) == 1 and test.ops[0] in ("==", "!=", "is", "is not"):
        sides = (test.left, test.rights[0])
        for one, other in (sides, sides[::-1]):
            if isinstance(one, ir.Name) and isinstance(other, ir.Const):
                return one.id, other.value, test.ops[0] in ("==", "is")
    return None


def _fails(
    graph: ReplayGraph, site: ev.CallSite, function: ir.Function, parameter: ir.Parameter, value: object, wanted: bool
) -> bool:
    """Whether what the call gives to a parameter is known, and is not as the test wants it."""
    if any(argument.star for argument in site.node.args):
        return False
    passed = graph.symbols.arguments(site.node, function, site.path).get(parameter.name)
    if passed is not None:
        return all(_differs(graph, term, value, wanted) for term in alternatives(graph.symbols.expanded(passed)))
    default = parameter.default
    return isinstance(default, ir.Const) and _is(default.value, value) is not wanted


def _differs(graph: ReplayGraph, term: Term, value: object, wanted: bool) -> bool:
    """Whether what a term is can be told, and is not as a test wants it."""
    if value is None and _is_something(graph, term):
        return wanted
    return term.op == "const" and _is(term.data, value) is not wanted


def _is_something(graph: ReplayGraph, term: Term) -> bool:
    """Whether a term is certainly not None: what is computed or written, and the reward and the ends of a step."""
    if term.op in _NUMBERS or term.op in _DISPLAYS:
        return True
    taken = term.args[0].node if term.op == "item" and term.data != _OBSERVATION else None
    return taken is not None and any(isinstance(atom, Step) for atom in graph.events.value(taken).atoms)


def _is(option: object, value: object) -> bool:
    """Whether a constant passes the test; a test of a bare name asks for its truth."""
    return bool(option) if value is True else option == value
