"""What notebooks and files that are run by themselves do, where they only try something out: nothing learns there."""

from __future__ import annotations

import builtins
import posixpath
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import ClassRef, Func, Record
from per_audit.graph.pipelines import describes, learns_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DEFINITIONS = (ir.Class, ir.Function)
_LEARNS = {"step", "train", "learn", "optimize", "optimise", "fit"}  # in the name of what is called
_TOLD = 4  # that a step of an environment tells at least
_LEADS_ON = {"run", "main", "launch", "start", "simulate", "play", "execute", "call"}  # of what a library is told
_STARTS = (
    "gym",
    "gymnasium",
    "subprocess",
    "os.system",
    "multiprocessing",
    "threading",
    "ray",
    "hydra",
    "fire",
    "click",
)
_ERRORS = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
# Of lists, dictionaries and the like, of arrays and of networks: they do nothing but to what they belong to.
_OF_DATA = {name for kind in (list, dict, set, str, deque) for name in dir(kind)} | {
    *("abs", "all", "any", "argmax", "argmin", "astype", "clip", "cpu", "detach", "dim", "flatten", "float", "item"),
    *("long", "max", "mean", "min", "numel", "numpy", "reshape", "round", "size", "squeeze", "std", "sum", "to"),
    *("tolist", "unsqueeze", "view"),
    *("copy_", "eval", "get_weights", "load_state_dict", "named_parameters", "parameters", "set_weights", "state_dict"),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """Where something is only tried out: a notebook, a test, or the block of a file that runs when it is started.

    `name` is that of the part of the file, empty for the whole.
    """

    path: str
    name: str = ""

    def __str__(self) -> str:
        """What it is, for people."""
        return f"{self.name} of {self.path}" if self.name else self.path


class Demos:
    """The blocks under `if __name__ == "__main__"`, the tests and the notebooks that try something out."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._known: dict[ir.If | ir.Function | str, bool] = {}
        self._dry: dict[ir.Node | str, bool] = {}

    def around(self, path: str, node: ir.Node) -> Trial | None:
        """The trial that a node belongs to."""
        statements = (node, *self._graph.ancestors(path, node))
        return next((trial for each in statements if (trial := self.of(path, each)) is not None), None)

    def of(self, path: str, statement: ir.Node) -> Trial | None:
        """The trial that a statement at the top of a file is: neither it nor what it calls goes on to learn."""
        if isinstance(statement, ir.If) and _asks_for_main(statement.test):
            if self._only_tries(statement, ir.walk(*statement.body)):
                return Trial(path, "the `__main__` block")
        elif isinstance(statement, ir.Function) and statement.name.startswith("test_"):
            if self._only_tries(statement, ir.walk(*statement.body)):
                return Trial(path, f"`{statement.name}`")
        elif path.endswith(".ipynb") or self._is_of_test(path, statement):
            return Trial(path) if self._only_tries(path, self._graph.module(path).nodes) else None
        return None

    def _is_of_test(self, path: str, statement: ir.Node) -> bool:
        """Whether a file that is called a test does something by itself, in this statement among others."""
        is_named = posixpath.basename(path).startswith("test")
        return is_named and statement in self._graph.module(path).body and not isinstance(statement, _DEFINITIONS)

    def is_dry(self, path: str, node: ir.Node) -> bool:
        """Whether a node is in a notebook, or in a block for starting its file, that calls nothing that learns.

        What has the name of what learns counts as learning, but for the steps of an environment.
        """
        around = (node, *self._graph.ancestors(path, node))
        block = next((each for each in around if isinstance(each, ir.If) and _asks_for_main(each.test)), None)
        if block is None and not path.endswith(".ipynb"):
            return False
        key = path if block is None else block
        if key not in self._dry:
            inside = self._graph.module(path).nodes if block is None else ir.walk(*block.body)
            self._dry[key] = not any(map(self._is_learning, self._calls(inside)))
        return self._dry[key]

    def only_watches(self, function: ir.Function, memories: set[str]) -> bool:
        """Whether all files that name a function learn nothing, and clear a memory of one of the names."""
        paths = {each.path for each in self._graph.mentions.get(function.name, ()) if function not in each.inside}
        return bool(paths) and all(self._is_watching(path, function, memories) for path in paths)

    def _is_watching(self, path: str, function: ir.Function, memories: set[str]) -> bool:
        calls = list(self._calls([*self._graph.module(path).nodes, *ir.walk(function)]))
        return not any(map(self._is_learning, calls)) and any(
            isinstance(call.func, ir.Attr) and call.func.attr == "clear" and ir.last_name(call.func.value) in memories
            for call in calls
        )

    def _is_learning(self, call: ir.Call) -> bool:
        site = self._graph.events.calls.get(call)
        if site is not None and learns_at(site, self._graph.events):
            return True
        if site is not None and (_is_making(site) or describes(site)):
            return False
        names = site.names if site is not None else set()
        steps = bool(names) and all(name.startswith(("gym.", "gymnasium.")) for name in names)
        return _is_named_learning(call) and not steps and not self._is_step_of_environment(call)

    def _is_step_of_environment(self, call: ir.Call) -> bool:
        """Whether a step is given an action alone, and tells what came of it: `state, reward, done, info`."""
        if getattr(call.func, "attr", "") != "step" or len(call.args) != 1 or not isinstance(call.func, ir.Attr):
            return False
        path = self._graph.path_of(call)
        around = self._graph.parents(path).get(call) if path is not None else None
        targets = around.targets if isinstance(around, ir.Assign) else []
        holder = ir.last_name(call.func.value)
        return "env" in words(holder) or any(isinstance(t, ir.Seq) and len(t.items) >= _TOLD for t in targets)

    def _only_tries(self, key: ir.If | ir.Function | str, inside: Iterable[ir.Node]) -> bool:
        if key not in self._known:
            self._known[key] = not any(map(self._may_train, self._calls(inside)))
        return self._known[key]

    def _calls(self, inside: Iterable[ir.Node]) -> Iterator[ir.Call]:
        """The calls among some nodes, and those in what these may call, however deep."""
        seen: set[ev.Owner] = set()
        pending = [inside]
        while pending:
            for node in pending.pop():
                if not isinstance(node, ir.Call):
                    continue
                yield node
                site = self._graph.events.calls.get(node)
                called = {func.node for func in site.targets} - seen if site is not None else set()
                seen |= called
                pending += [ir.walk(function) for function in called]

    def _may_train(self, call: ir.Call) -> bool:
        """Whether a call learns, acts in an environment, or may do so for all that is known of what it calls."""
        site = self._graph.events.calls.get(call)
        if site is None or learns_at(site, self._graph.events):
            return True
        if _is_making(site) or describes(site):
            return False
        if _is_named_learning(call):
            return True
        if site.targets:
            return any(func.node in self._graph.events.own_learners for func in site.targets)
        if isinstance(call.func, ir.Name) and call.func.id in _ERRORS:
            return False
        if not site.names:
            return not (isinstance(call.func, ir.Attr) and call.func.attr in _OF_DATA)
        starts = any(f"{name}.".startswith(f"{start}.") for name in site.names for start in _STARTS)
        return starts or not _LEADS_ON.isdisjoint(_words_of(call)) or self._hands_code(call)

    def _hands_code(self, call: ir.Call) -> bool:
        """Whether a library is given a function of the project, to call it when it likes, or a class that has some."""
        given = {node for arg in call.args for node in ir.walk(arg.value)}
        given -= {node.func for node in given if isinstance(node, ir.Call)}
        atoms = (atom for node in given for atom in self._graph.events.value(node).atoms)
        return any(isinstance(atom, Func) or (isinstance(atom, ClassRef) and _may_act(atom.node)) for atom in atoms)


def _may_act(cls: ir.Class) -> bool:
    """Whether a class has functions, by itself or from its bases: settings alone have none."""
    return bool(cls.bases) or any(isinstance(part, ir.Function) for part in cls.body)


def _words_of(call: ir.Call) -> tuple[str, ...]:
    return words(ir.last_name(call.func))


def _is_making(site: ev.CallSite) -> bool:
    """Whether a call makes an object or a row: the name of a class tells of no act."""
    made = site.result.atoms
    return bool(site.classes) or (bool(made) and all(isinstance(atom, Record) for atom in made))


def _is_named_learning(call: ir.Call) -> bool:
    return not _LEARNS.isdisjoint(_words_of(call)) and "transform" not in _words_of(call)


def _asks_for_main(test: ir.Expr) -> bool:
    """Whether a test is `__name__ == "__main__"`."""
    if not isinstance(test, ir.Cmp) or test.ops != ["=="]:
        return False
    sides = (test.left, *test.rights)
    return any(isinstance(side, ir.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ir.Const) and side.value == "__main__" for side in sides
    )
