"""The order in which a program stores into a memory, draws from it and empties it, across all that it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.symbolic import Term

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

STORE, DRAW, EMPTY, MAKE = "store", "draw", "empty", "make"
# Nothing was drawn yet; something was since it was emptied; it was emptied since; it was drawn from in another run.
_FRESH, _DRAWN, _EMPTIED, _STALE = 0, 1, 2, 3
_MOST_STATES = 24
_LASTING = {"field", "const", "cmp", "len", "not", "logic"}  # what a test of the fields of objects is made of
_FARTHEST = 24  # calls inside calls
_Scope = ir.Function | ir.Lambda | str  # the path stands for the top level of a file


class Happening(NamedTuple):
    """Something that is done to a memory at a node."""

    path: str
    node: ir.Node
    function: ev.Owner
    what: str


class _State(NamedTuple):
    """How far a run has come, and the tests that it has passed, each with how it turned out."""

    phase: int
    tests: frozenset[tuple[str, bool]] = frozenset()


_States = frozenset[_State]
_NONE: _States = frozenset()


class _MixedError(Exception):
    """Something is stored beside what was drawn."""


class Flow:
    """Follows the statements of a program, one run of each loop at least, both branches of each test.

    `is_of_another` tells of a call that it empties another object of the class.
    """

    def __init__(
        self, graph: ReplayGraph, happenings: Iterable[Happening], is_of_another: Callable[[ev.CallSite], bool]
    ) -> None:
        self._graph = graph
        self._is_of_another = is_of_another
        self._what: dict[ir.Node, str] = {}
        self._marked: set[ir.Node] = set()
        self._sites: dict[ir.Node, ev.CallSite] = {}
        self._scopes: dict[_Scope, str] = {}
        self._known: dict[tuple[_Scope, _State, bool, bool], _States] = {}
        self._lasting: dict[str, bool] = {}
        self._texts: dict[ir.Expr, str] = {}
        self._numbers: dict[Term, Term] = {}  # fields, with what they are set to once
        self._assigned: dict[ir.Stmt, set[str]] = {}
        self.asked: dict[str, set[str]] = {}  # the names in tests
        self._spares = self._makes = False  # inside what empties another object, what makes one
        self._running: set[tuple[_Scope, _State, bool, bool]] = set()
        self._refilled = False
        for happening in sorted(happenings, key=lambda each: (MAKE, EMPTY, DRAW, STORE).index(each.what)):
            if not is_test(happening.path) and graph.demos.around(happening.path, happening.node) is None:
                self._what[happening.node] = happening.what
                self._mark(happening.path, happening.node)
                self._scopes[happening.function or happening.path] = happening.path
        self._find_callers()

    def is_emptied_after_draws(self) -> bool:
        """Whether nothing is stored after a draw unless the memory was emptied in between, and something is then."""
        try:
            phases = {_FRESH}
            roots = [scope for scope in self._scopes if scope not in self._called and not _constructs(scope)]
            for scope in roots:
                if isinstance(scope, str):
                    self._enter(scope, _State(_FRESH))
            before = 0
            while before != len(phases):  # what nobody calls may be called in any order
                before = len(phases)
                for scope in roots:
                    if not isinstance(scope, str):
                        after = {each for phase in tuple(phases) for each in self._enter(scope, _State(phase))}
                        phases |= {_STALE if state.phase == _DRAWN else state.phase for state in after}
        except _MixedError:
            return False
        return self._refilled

    # ---------------------------------------------------------------- what is of interest

    def _mark(self, path: str, node: ir.Node) -> None:
        self._marked.add(node)
        for around in self._graph.ancestors(path, node):
            if isinstance(around, (ir.Function, ir.Lambda)) or around in self._marked:
                return
            self._marked.add(around)

    def _find_callers(self) -> None:
        """The scopes that lead to what is done, and the calls by which they do."""
        self._called: set[_Scope] = set()
        waiting = list(self._scopes)
        while waiting:
            scope = waiting.pop()
            path = self._scopes[scope]
            body = scope.body if isinstance(scope, ir.Function) else []
            for node in ir.walk_scope(body if not isinstance(scope, str) else self._graph.module(path).body):
                if isinstance(node, (ir.Return, ir.Jump, ir.Raise)):
                    self._mark(path, node)
            for site in () if isinstance(scope, str) else self._graph.callers.get(scope, ()):
                if is_test(site.path) or self._graph.demos.around(site.path, site.node) is not None:
                    continue
                self._called.add(scope)
                self._sites[site.node] = site
                self._mark(site.path, site.node)
                caller = site.function or site.path
                if caller not in self._scopes:
                    self._scopes[caller] = site.path
                    waiting.append(caller)

    # ---------------------------------------------------------------- scopes and calls

    def _enter(self, scope: _Scope, state: _State) -> _States:
        """How far a run has come once it leaves a function, or the top level of a file."""
        state = self.lasting(state)
        key = (scope, state, self._spares, self._makes)
        if key in self._known:
            return self._known[key]
        if key in self._running or len(self._running) > _FARTHEST:
            return frozenset({state})
        self._running.add(key)
        after = frozenset(map(self.lasting, _Body(self, self._scopes[scope]).run(scope, state)))
        self._known[key] = after
        self._running.discard(key)
        return after

    def lasting(self, state: _State) -> _State:
        """The run with those of its tests that hold wherever it goes: of the fields of objects."""
        return _State(state.phase, frozenset(test for test in state.tests if self._lasting.get(test[0])))

    def called(self, node: ir.Call, states: _States) -> _States:
        """What a call of the project leads to."""
        site = self._sites[node]
        targets = [func for func in site.targets if func.node in self._scopes]
        after = set(states) if site.guessed in targets else set()
        before = self._spares, self._makes
        self._spares, self._makes = self._spares or self._is_of_another(site), self._makes or bool(site.classes)
        for func in targets:
            for state in states:
                own = state.tests - self.lasting(state).tests
                after |= {_State(each.phase, each.tests | own) for each in self._enter(func.node, state)}
        self._spares, self._makes = before
        return frozenset(after)

    def at(self, node: ir.Expr | ir.Stmt, states: _States) -> _States:
        """What becomes of a run at a node itself, once its parts are done."""
        what = self._what.get(node)
        if what == DRAW:
            states = frozenset(_State(_DRAWN, s.tests) for s in states)
        elif what == STORE:
            if any(s.phase in (_DRAWN, _STALE) for s in states):
                raise _MixedError
            self._refilled = self._refilled or any(s.phase == _EMPTIED for s in states)
            states = _untested(states)
        elif what in (EMPTY, MAKE) and not self._spares:
            states = frozenset(_State(self._emptied(s.phase, what)) for s in states)
        return self.called(node, states) if node in self._sites and isinstance(node, ir.Call) else states

    def _emptied(self, phase: int, what: str) -> int:
        """How far a run has come once the memory is empty; one that is made by another run of the program is new."""
        if phase == _STALE and (what == MAKE or self._makes):
            return _FRESH
        return _EMPTIED if phase in (_DRAWN, _STALE) else phase

    def is_marked(self, node: ir.Node) -> bool:
        """Whether something of interest is in a node."""
        return node in self._marked

    def text(self, path: str, test: ir.Expr) -> str:
        """What a test asks: the same for fields that it reads itself or by a method, else what is written there."""
        if test not in self._texts:
            self._texts[test] = self._text(path, test)
        return self._texts[test]

    def _text(self, path: str, test: ir.Expr) -> str:
        term = self._graph.symbols.term(path, test)
        if not term.has("field") or not all(part.op in _LASTING for part in term.walk()):
            return self._graph.source(path, test, limit=400)
        asked = repr(term.mapped(self._settled))
        writes = (self._graph.symbols.written(part) for part in term.walk() if part.op == "field")
        functions = {write.function for each in writes for _, write, _ in each if write is not None}
        self._lasting[asked] = all(_constructs(function) or function in self._scopes for function in functions)
        return asked

    def assigned(self, statement: ir.Stmt) -> set[str]:
        """The last names of all that is assigned in a statement."""
        if statement not in self._assigned:
            self._assigned[statement] = {
                ir.last_name(part)
                for node in ir.walk(statement)
                if isinstance(node, (ir.Assign, ir.Aug))
                for target in (node.targets if isinstance(node, ir.Assign) else [node.target])
                for part in ir.walk(target)
            }
        return self._assigned[statement]

    def _settled(self, part: Term) -> Term | None:
        """A capacity that constructors set as the number that it is; at least so many are as many, one by one."""
        if part.op == "cmp" and part.data == (">=",):
            return Term("cmp", part.args, ("==",), part.node, part.path).mapped(self._settled)
        if part.op != "field":
            return None
        if part not in self._numbers:
            writes = self._graph.symbols.written(part)
            is_set_once = all(write is not None and _constructs(write.function) for _, write, _ in writes)
            number = self._graph.symbols.expanded(part) if is_set_once else part
            self._numbers[part] = number if number.is_number else part
        return self._numbers[part]


class _Body:
    """One run of a body: where it ends, and where its loops do."""

    def __init__(self, flow: Flow, path: str) -> None:
        self.flow = flow
        self.path = path
        self.returned: set[_State] = set()
        self.left: list[tuple[set[_State], set[_State]]] = []  # of each loop around: by `break`, by `continue`
        self.asked = flow.asked

    def run(self, scope: _Scope, state: _State) -> set[_State]:
        """How far the run has come at the end."""
        states: _States = frozenset({state})
        if isinstance(scope, ir.Lambda):
            states = self.parts(scope.body, states)
        else:
            body = scope.body if isinstance(scope, ir.Function) else self.flow._graph.module(scope).body
            states = self.block(body, states)
        return {*states, *self.returned}

    def block(self, body: list[ir.Stmt], states: _States) -> _States:
        """What becomes of runs in statements one after the other."""
        for statement in body:
            if not states:
                break
            if self.flow.is_marked(statement):
                states = self.statement(statement, states)
            if any(state.tests for state in states):
                states = self._forgotten(statement, states)
        return states

    def _forgotten(self, statement: ir.Stmt, states: _States) -> _States:
        """The runs without the tests of what a statement assigns anew."""
        assigned = self.flow.assigned(statement)
        return frozenset(
            _State(phase, frozenset(test for test in tests if assigned.isdisjoint(self.asked.get(test[0], ()))))
            for phase, tests in states
        )

    def statement(self, node: ir.Stmt, states: _States) -> _States:
        """What becomes of runs in a statement."""
        if isinstance(node, ir.If):
            return self._branches(node, states)
        if isinstance(node, (ir.For, ir.While)):
            return self._loop(node, states)
        if isinstance(node, ir.Try):
            done = self.block(node.body, states)
            after = self.block(node.orelse, done).union(*(self.block(each, states | done) for each in node.handlers))
            return self.block(node.final, after)
        if isinstance(node, ir.With):
            for item in node.items:
                states = self.parts(item.value, states)
            return self.block(node.body, states)
        if isinstance(node, ir.Match):
            states = self.parts(node.subject, states)
            return states.union(*(self.block(case, states) for case in node.cases))
        if isinstance(node, (ir.Function, ir.Class)):
            return states
        return self._leaves(node, self.flow.at(node, self._values(node, states)))

    def _values(self, node: ir.Stmt, states: _States) -> _States:
        inner = ir.children(node)
        if isinstance(node, ir.Assign):
            inner = [*([node.value] if node.value is not None else []), *node.targets]
        for part in inner:
            states = self.parts(part, states)
        return states

    def _leaves(self, node: ir.Stmt, states: _States) -> _States:
        """Where a statement may end a body or a round of a loop."""
        if isinstance(node, ir.Return):
            self.returned |= states
        elif isinstance(node, ir.Jump) and node.kind in ("break", "continue"):
            if self.left:
                self.left[-1][node.kind == "continue"].update(states)
        elif not isinstance(node, ir.Raise):
            return states
        return _NONE

    def _branches(self, node: ir.If, states: _States) -> _States:
        states = self.parts(node.test, states)
        if len(states) > _MOST_STATES:
            states = frozenset(_State(state.phase) for state in states)
        text = self.flow.text(self.path, node.test)
        self.asked.setdefault(text, {ir.last_name(part) for part in ir.walk(node.test)} - {""})
        after: _States = _NONE
        for block, turns_out in ((node.body, True), (node.orelse, False)):
            entering = frozenset(
                _State(phase, tests | {(text, turns_out)})
                for phase, tests in states
                if (text, not turns_out) not in tests
            )
            after |= self.block(block, entering)
        # How it turned out counts for what was drawn: the branch of another such test empties it.
        told = {(text, True), (text, False)}
        return frozenset(s if s.phase == _DRAWN else _State(s.phase, s.tests - told) for s in after)

    def _loop(self, node: ir.For | ir.While, states: _States) -> _States:
        """A loop, which is run once at least: over environments, epochs, or steps until an episode ends."""
        if isinstance(node, ir.For):
            states = self.flow.at(node, self.parts(node.iter, states))
        waiting, seen = self._lasting(states), set[_State]()
        ends: set[_State] = set()
        while waiting:
            seen |= waiting
            self.left.append((set(), set()))
            if isinstance(node, ir.While):
                waiting = self.parts(node.test, waiting)
            done = self.block(node.body, waiting)
            broken, continued = self.left.pop()
            again = self._lasting(done | continued)
            ends |= again | self._lasting(frozenset(broken))
            waiting = again - seen
        return self.block(node.orelse, frozenset(ends))

    def _lasting(self, states: _States) -> _States:
        return frozenset(map(self.flow.lasting, states))

    def parts(self, node: ir.Node, states: _States) -> _States:
        """What becomes of runs in an expression."""
        if not self.flow.is_marked(node) or isinstance(node, ir.Lambda):
            return states
        if isinstance(node, ir.IfExp):
            states = self.parts(node.test, states)
            return self.parts(node.body, states) | self.parts(node.orelse, states)
        if isinstance(node, ir.Logic):
            states = self.parts(node.left, states)
            return states | self.parts(node.right, states)
        inner = ir.children(node)
        for part in inner[::-1] if isinstance(node, ir.Comp) else inner:  # what it goes over comes first
            states = self.parts(part, states)
        return self.flow.at(node, states) if isinstance(node, ir.Expr) else states


def _untested(states: _States) -> _States:
    return frozenset(_State(state.phase) for state in states)


def _constructs(scope: _Scope | None) -> bool:
    """Whether a function makes objects, each of them a new one."""
    return isinstance(scope, ir.Function) and scope.name in BUILDERS
