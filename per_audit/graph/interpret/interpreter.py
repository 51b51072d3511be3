"""A small abstract interpreter over the facts of a project.

It walks every module, class and function, follows calls into the project with their arguments, keeps one abstract
object for each class, and records what happens (`events`) until nothing new is learnt. Rules ask questions of the
values and events, so that none of them has to follow names or files itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.calls import Calls
from per_audit.graph.interpret.entries import Entries, Entry
from per_audit.graph.interpret.evaluate import Evaluator
from per_audit.graph.interpret.frame import ALL, Frame
from per_audit.graph.interpret.helpers import Helpers
from per_audit.graph.interpret.hierarchy import Hierarchy
from per_audit.graph.interpret.interactions import Interactions
from per_audit.graph.interpret.known.draws import Draws
from per_audit.graph.interpret.known.foreign import Foreign
from per_audit.graph.interpret.known.library import Library
from per_audit.graph.interpret.known.views import Views
from per_audit.graph.interpret.operators import Operators
from per_audit.graph.interpret.order import Order
from per_audit.graph.interpret.parts import Parts
from per_audit.graph.interpret.redefined import Redefined
from per_audit.graph.interpret.reruns import Reruns
from per_audit.graph.interpret.roles import role_of_name
from per_audit.graph.interpret.statements import Statements
from per_audit.graph.interpret.targets import BUILDERS, Targets
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    ClassRef,
    Func,
    Instance,
    Literal,
    Value,
    join_all,
    of,
    shallow,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.project import Project

_Key = TypeVar("_Key")
_ROUNDS = 3
_MAX_CALL_DEPTH = 12
# How often a function is interpreted in one round with different arguments, and for how many heirs of its class; fewer
# in large projects, so that time grows with their size and not faster, and where the arguments carry nothing of a
# replay memory. Beyond that a function is interpreted once more, with all its arguments joined.
_RUNS_PER_FUNCTION, _FEWEST_RUNS = 6, 2
_RUNS = 36_000
_HEIRS = 4
_PLAIN_RUNS = 2
_CLASS_RUNS = 32  # of a function, once for each class that it is given: it may make objects of that
_LAMBDA_RUNS = 32  # of a lambda; one that calls those it is given, as combinators do, leads to all in any order


def _is_always_run(node: ir.Node, function: ev.Owner) -> bool:
    """Whether a statement is run whenever its function is called."""
    body = function.body if isinstance(function, ir.Function) else []
    if node not in body:
        return False
    before = body[: body.index(node)]
    return not any(isinstance(part, ir.Return) for part in ir.walk_scope(before))


class Interpreter:
    """Runs a project abstractly. `events` holds the result."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.events = ev.Events()
        self.interactions = Interactions(project.modules.values())
        self.parts = Parts(self)
        self.operators: Operators = Operators(self)
        self.targets = Targets(self)
        self.statements = Statements(self)
        self.calls = Calls(self)
        self.library = Library(self)
        self.draws = Draws(self)
        self.views = Views(self)
        self.foreign = Foreign(self)
        self.evaluator = Evaluator(self)
        self.module_envs: dict[str, dict[str, Value]] = {}
        self.attributes: dict[tuple[ir.Class, str], Value] = {}
        self.content: dict[ir.Node | Alloc, Value] = {}
        self.places: dict[tuple[ir.Seq, int], Value] = {}
        self.parameters: dict[tuple[ir.Node, str], Value] = {}
        self._built_with: dict[ir.Class, dict[tuple[ir.Node, str], Value]] = {}  # parameters of constructors, by class
        self.closures: dict[ir.Node, Frame] = {}
        self.results: dict[tuple[str, ir.Node, Instance | None], Value] = {}
        self.too_deep: dict[str, ir.Stmt] = {}  # by file, a statement that is nested too deeply to be followed
        self.holders: dict[ir.Class, set[Alloc]] = {}  # classes with a container in an attribute, and those
        self._bound: dict[object, Value] = {}  # names of scopes that others lie in, by where they stand
        self._free: dict[ir.Lambda, frozenset[str]] = {}
        self.entries = Entries(self)
        self.helpers = Helpers(self)
        self._joined: set[ir.Node] = set()  # functions of which some calls were not run one by one
        self._grown: dict[ir.Node, int] = defaultdict(int)  # how often what its parameters may be has grown
        self._active: set[Entry] = set()
        self._runs: dict[ir.Node, int] = {}
        self._run_for: set[tuple[ir.Node, frozenset[ClassRef]]] = set()  # functions with classes that they are given
        self.order = Order(project)
        self.reruns: Reruns[Entry] = Reruns(self._execute)
        self.redefined = Redefined(self.reruns)
        self.classes = Hierarchy(self.reruns, self.order.atoms)
        self._is_first = True
        functions = max(len(project.functions), 1)
        self._most_runs = max(_FEWEST_RUNS, min(_RUNS_PER_FUNCTION, _RUNS // functions))
        self._most_heirs = min(_HEIRS, self._most_runs)
        self._fresh: set[str] = set()

    # ---------------------------------------------------------------- rounds

    def run(self) -> ev.Events:
        """Interpret until a round changes nothing that another function could see."""
        self._run_rounds()
        if self.foreign.take():
            self._run_rounds()
        self._drop_first_builds()
        return self.events

    def _run_rounds(self) -> None:
        for turn in range(_ROUNDS):
            before = self.reruns.clock
            self._is_first = turn == 0 and not self.results
            self._runs.clear()
            self._run_for.clear()
            self.classes.begin()
            self._fresh.clear()
            for path in self.project.modules:
                self.module_env(path)
            self.classes.find_heirs(self.project.classes)
            for function in self.project.functions:
                self._run_root(function)
            if self.reruns.clock == before:
                break

    def _drop_first_builds(self) -> None:
        """Forget the resets by methods that make the containers, and empty none.

        Constructors alone call them, or a test decides: the columns are made when the first row is known.
        """
        again = {
            func.node
            for site in self.events.calls.values()
            if not isinstance(site.function, ir.Function) or site.function.name not in BUILDERS
            for func in site.targets
        }
        evictions = self.events.evictions
        for key, evict in list(evictions.items()):
            if evict.how != "reset" or evict.container.node not in set(ir.walk(evict.node)):
                continue
            if evict.function not in again or not _is_always_run(evict.node, evict.function):
                del evictions[key]

    def touch_global(self, path: str, name: str) -> None:
        """Remember that a global name of a module changed."""
        self.reruns.touch(self._key_of_global(path, name))

    def note_global(self, path: str, name: str) -> None:
        """Remember that what is being run depends on a global name of a module."""
        self.reruns.note_read(self._key_of_global(path, name))

    def _key_of_global(self, path: str, name: str) -> object:
        return "global", path, name

    def key_of_name(self, scope: Frame, name: str) -> object:
        """What changes where a name of a scope does."""
        if scope.function is not None:
            return scope.function, name
        if scope.parent is None:
            return self._key_of_global(scope.module.path, name)
        return "class", scope.module.path, name

    def note_bound(self, key: object, value: Value) -> None:
        """Remember what a name that inner scopes may read is bound to."""
        self._grow(self._bound, key, value)

    def free_names(self, node: ir.Lambda) -> frozenset[str]:
        """The names that the body of a lambda reads."""
        known = self._free.get(node)
        if known is None:
            known = self._free[node] = frozenset(part.id for part in ir.walk(node.body) if isinstance(part, ir.Name))
        return known

    def _run_root(self, function: ir.Function) -> None:
        owner = self.project.class_of.get(function)
        if owner is None:
            is_run = function in self._grown and function not in self._joined and self.helpers.is_tool(function)
            if not is_run and (function not in self.project.outer_of or function in self.closures):
                self._run_with_parameters(function, None)
            return
        for node in (owner, *self.classes.heirs_with(owner, function, self._most_heirs)):
            self._run_with_parameters(function, Instance(node))

    def _run_with_parameters(self, function: ir.Function, owner: Instance | None) -> None:
        env = {}
        given = self._given(function, owner)
        for parameter in function.parameters:
            known = given.get((function, parameter.name), UNKNOWN)
            if known is UNKNOWN and parameter.annotation is not None:
                known = self._annotated(parameter.annotation, function)
            env[parameter.name] = known.with_role(role_of_name(parameter.name) if not parameter.kind else None)
        self.entries.bind_self(function, owner, env)
        self._execute(self.entries.entered(function, owner, env), 0, root=True)

    def _given(self, function: ir.Function, owner: Instance | None) -> dict[tuple[ir.Node, str], Value]:
        """What the parameters of a function are given; of a constructor by those that make just this class.

        What heirs are made with is what the objects of a base hold only where none of the base is known to be made.
        """
        if owner is None or function.name != "__init__":
            return self.parameters
        return self._built_with.get(owner.node) or ({} if self._is_first else self.parameters)

    def _annotated(self, annotation: ir.Expr, function: ir.Function) -> Value:
        """An object of the project's class that an annotation names."""
        frame = Frame(self.project.module_of[function], None, None, {})
        classes = self.evaluator.eval(annotation, frame) if isinstance(annotation, (ir.Name, ir.Attr)) else UNKNOWN
        return join_all(of(Instance(atom.node)) for atom in classes.atoms if isinstance(atom, ClassRef))

    # ---------------------------------------------------------------- modules and classes

    def module_env(self, path: str) -> dict[str, Value]:
        """The names of a module, its body interpreted once a round. In a cycle of imports, what is known so far.

        Of a module that was not read no name is known.
        """
        if path in self._fresh:
            return self.module_envs[path]
        if path not in self.project.modules:
            return {}
        self._fresh.add(path)
        env = self.module_envs.setdefault(path, {"__name__": of(Literal("__main__"))})
        self._run_module(path, env)
        return env

    def _run_module(self, path: str, env: dict[str, Value]) -> None:
        if self.reruns.known(path) is not None:
            return
        before = dict(env)
        self.reruns.begin()
        module = self.project.modules[path]
        with self.redefined.running(module):
            self.statements.run_block(module.body, Frame(module, None, None, env))
        changed = {n for n in before.keys() | env.keys() if before.get(n) != env.get(n)}
        names = changed | {ALL} if before.keys() != env.keys() else changed
        keys = {self._key_of_global(path, name) for name in names}
        self.reruns.end(path, UNKNOWN, but=keys)
        for key in sorted(keys, key=str):
            self.reruns.touch(key)

    def attribute(self, owner: Instance, name: str) -> Value:
        """What an attribute of an object may be: from its class, its ancestors, or failing these its heirs."""
        found = self._attribute_in(self.classes.mro(owner.node), name)
        if found is UNKNOWN or found == UNKNOWN:
            self.reruns.note_read(("heirs", owner.node))
            found = self._attribute_in(self.classes.heirs(owner.node), name)
        return found

    def _attribute_in(self, classes: Iterable[ir.Class], name: str) -> Value:
        keys = [(cls, name) for cls in classes]
        self.reruns.note_reads(keys)
        return join_all([self.attributes.get(key, UNKNOWN) for key in keys])

    def content_of(self, container: ir.Node | Alloc) -> Value:
        """What a container holds."""
        key = container.node if isinstance(container, Alloc) and not container.leaf else container
        self.reruns.note_read(key)
        return self.content.get(key, UNKNOWN)

    def write_attribute(self, owner: Instance, name: str, value: Value) -> None:
        """Join a value into an attribute of an object."""
        containers = {atom for atom in value.atoms if isinstance(atom, Alloc)}
        if not containers <= self.holders.get(owner.node, set()):
            self.holders.setdefault(owner.node, set()).update(containers)
            self.reruns.touch(("holder", owner.node))
        self._grow(self.attributes, (owner.node, name), value)

    def add_content(self, container: ir.Node | Alloc, value: Value) -> None:
        """Join a value into what a container holds."""
        key = container.node if isinstance(container, Alloc) and not container.leaf else container
        self._grow(self.content, key, value)

    def add_places(self, display: ir.Seq, values: list[Value]) -> None:
        """Join what stands at the places of a display with one item that spreads to any number: `(*batch, weights)`."""
        for number, value in enumerate(values):
            self._grow(self.places, (display, number), value)

    def places_of(self, display: ir.Seq, wanted: int) -> tuple[Value, ...] | None:
        """What such a display holds where it is taken apart into a number of parts."""
        starred = [number for number, item in enumerate(display.items) if isinstance(item, ir.Star)]
        spread = wanted - len(display.items) + 1
        if len(starred) != 1 or spread < 0:
            return None
        self.reruns.note_reads((display, number) for number in range(len(display.items)))
        if (display, 0) not in self.places:
            return None
        held = [self.places.get((display, number), UNKNOWN) for number in range(len(display.items))]
        return (*held[: starred[0]], *[held[starred[0]]] * spread, *held[starred[0] + 1 :])

    def _grow(self, table: dict[_Key, Value], key: _Key, value: Value) -> bool:
        before = table.get(key)
        after = shallow(value) if before is None else before.join(shallow(value))
        if after is before or after == before:
            return False
        table[key] = after
        self.reruns.touch(key)
        return True

    # ---------------------------------------------------------------- functions

    def call_function(self, func: Func, arguments: list[tuple[str | None, str, Value]], depth: int) -> Value:
        """The result of a call into the project. Each argument is (keyword, star, value)."""
        node = func.node
        if isinstance(node, ir.Lambda):
            outer = self.closures.get(node)
            if outer is None:
                return UNKNOWN
            around = tuple(map(outer.found, self.free_names(node)))
            env = self.entries.bind(node, func.owner, arguments)
            return self._execute(self.entries.entered(node, func.owner, env, around), depth + 1)
        entry = self.entries.called(node, func.owner, arguments)
        if entry.given != self._grown[node]:
            self._give(node, entry)
        return self._execute(entry, depth + 1)

    def _give(self, node: ir.Function, entry: Entry) -> None:
        """Join what a function is called with into what is known of its parameters."""
        owner = entry.owner
        given = entry.env.items()
        grew = [self._grow(self.parameters, (node, name), v) for name, v in given if name not in ("self", "cls")]
        if owner is not None and node.name == "__init__":
            built = self._built_with.setdefault(owner.node, {})
            grew += [self._grow(built, (node, name), v) for name, v in given]
        if any(grew):
            self._grown[node] += 1  # so that it is joined again: of too many atoms, some have been left out
        else:
            entry.given = self._grown[node]

    def _execute(self, entry: Entry, depth: int, root: bool = False) -> Value:
        node, owner = entry.node, entry.owner
        known = self.reruns.known(entry)
        if known is not None:
            self.reruns.note_call(entry, entry, depth, known)
            return known.result
        runs = self._runs.get(node, 0)
        summary = ("result", node, owner)
        if isinstance(node, ir.Lambda) or self.helpers.is_tool(node):
            most = _LAMBDA_RUNS
        else:
            most = self._most_runs if root or entry.carries else _PLAIN_RUNS
        if entry.classes and (node, entry.classes) not in self._run_for:
            most = _CLASS_RUNS
        if entry in self._active or depth > _MAX_CALL_DEPTH or (runs >= most and not root):
            self.reruns.note_read(summary)
            self._joined.add(node)
            return self.entries.own_result(entry, self.results.get(summary, UNKNOWN))
        self._runs[node] = runs + 1
        self._run_for.add((node, entry.classes))
        self._active.add(entry)
        self.reruns.begin()
        try:
            result = shallow(self._run(entry, depth))
        except BaseException:
            self.reruns.abandon()
            raise
        finally:
            self._active.discard(entry)
        self.reruns.note_call(entry, entry, depth, self.reruns.end(entry, result))
        self._grow(self.results, summary, result)
        return result

    def _run(self, entry: Entry, depth: int) -> Value:
        """What the body of a function or lambda returns."""
        node, outer = entry.node, self.closures.get(entry.node)
        if isinstance(node, ir.Function):
            frame = Frame(self.project.module_of[node], node, entry.owner, dict(entry.env), outer, depth)
            self.statements.run_block(node.body, frame)
            return frame.returned or UNKNOWN
        if outer is None:
            return UNKNOWN
        for name in self.free_names(node):
            self.reruns.note_read(self.key_of_name(outer, name))
        inner = Frame(outer.module, outer.function, outer.owner, dict(entry.env), outer, depth)
        return self.evaluator.eval(node.body, inner)
