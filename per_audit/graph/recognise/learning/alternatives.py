"""What uniform draws may be beside all there is: one of two ways, a rollout, or made up for by the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.reference import is_pal
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.interpret.values import Alloc, Result
from per_audit.graph.liveness.names.unread import is_of_unread
from per_audit.graph.pipelines import training_modules
from per_audit.graph.recognise.learning.rollouts import Holders, is_rollout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.recognise.learning.wrapped import Handed, Wrappers

_SWITCHES = {"prioritized", "prioritised", "prioritize", "prioritise", "priority", "priorities", "prio"}
_UNITS = {"step", "steps", "epoch", "epochs", "episode", "episodes", "update", "updates", "iteration", "iterations"}
_COUNTED = _UNITS | {"batches", "envs", "frames", "games", "samples", "timesteps", "transitions", "workers"}
_NUMBERS = {"builtins", "jax", "math", "numpy", "random", "scipy", "tensorflow", "torch"}


class Alternatives:
    """Asked whether a buffer is more than drawn from uniformly; `weighted` are the functions that draw by priority."""

    def __init__(self, graph: ReplayGraph, weighted: set[ev.Owner], wrappers: Wrappers) -> None:
        self.graph = graph
        self.events = graph.events
        self.weighted = weighted
        self._wrappers = wrappers
        self._holders = Holders(graph)

    def has_prioritised_path(self, buffer: ReplayBuffer) -> bool:
        """Whether the project can draw by priority in place of the buffer's draws."""
        function = buffer.function
        if function in self.weighted:
            return True
        if buffer.owner is not None:
            methods = [s for s in buffer.owner.body if isinstance(s, ir.Function)]
            if any(method in self.weighted for method in methods):
                return True
        if self.weighted & self.graph.reachable(function, 3):
            return True
        if self._under_switch(buffer.path, buffer.draws[0]) or any(map(self._is_switched_off, buffer.draws)):
            return True
        if self._asks_unseen(buffer):
            return True
        made = [site for site in buffer.instances if not self._is_tried_out(buffer, site)]
        if made and all(self._is_one_of_two(buffer, site) for site in made):
            return True
        if any(map(self._is_beside_unseen, made)):
            return True
        if self.graph.is_agent(buffer) and any(map(self._is_one_of_all, made)):
            return False
        callers = buffer.samples
        return bool(callers) and all(self._is_switched(site) for site in callers)

    def switched(self, buffer: ReplayBuffer) -> set[ir.Node]:
        """The calls that make a buffer in one of two ways, of which the other makes one that draws by priority."""
        return {site.node for site in buffer.instances if self._is_one_of_two(buffer, site)}

    def _is_tried_out(self, buffer: ReplayBuffer, site: ev.CallSite) -> bool:
        """Whether nothing learns where an object is made: in a demonstration, or a function that draws from it."""
        if self.graph.demos.around(site.path, site.node) is not None:
            return True
        function = site.function
        if function is None or function in self.graph.project.class_of:
            return False
        draws = any(drawn.function is function for drawn in buffer.samples)
        return draws and not any(map(self.graph.learns, self.graph.reachable(function, 3)))

    def _is_switched_off(self, node: ir.Call) -> bool:
        """Whether a draw has probabilities, which a constant leaves out."""
        draw = self.events.draws.get(node)
        return draw is not None and draw.probabilities is not None and not draw.weighted

    def _asks_unseen(self, buffer: ReplayBuffer) -> bool:
        """Whether rows are read as well at what an object of unknown code answers to a random number: a tree, say."""
        kin = buffer.owner.body if buffer.owner is not None else [buffer.function]
        methods = [method for method in kin if isinstance(method, ir.Function)]
        asked = {
            mass
            for method in methods
            for site in self.graph.calls_of(method, (buffer.path,))
            if any(map(_is_unseen, site.receiver.atoms))
            for argument in site.arguments
            for mass in argument.tagged("mass")
        }
        value, spilled = self.events.value, self.graph.interpreter.parts.spilled
        return bool(asked) and any(
            isinstance(node, ir.Sub)
            and not asked.isdisjoint(spilled(value(node.index)).tagged("mass"))
            and not buffer.containers.isdisjoint(atom for atom in value(node.value).atoms if isinstance(atom, Alloc))
            for method in methods
            for node in ir.walk_scope(method.body)
        )

    def _under_switch(self, path: str, node: ir.Node) -> bool:
        """Whether a test of a setting called something like `prioritized`, or with such a text, decides on the node.

        So does one before it that returns.
        """
        below = node
        for around in self.graph.ancestors(path, node):
            if isinstance(around, (ir.If, ir.IfExp)):
                if any(_is_switch(name) for name in _names(around.test)):
                    return True
            elif isinstance(around, ir.Function):
                return any(_is_switch(name) for earlier in _returning(around, below) for name in _names(earlier.test))
            below = around
        return False

    def _is_one_of_two(self, buffer: ReplayBuffer, site: ev.CallSite) -> bool:
        """Whether the call that makes the object is one way, and the other makes an object that draws by priority."""
        if self._under_switch(site.path, site.node) or self._is_wrapped(buffer, site):
            return True
        if self.graph.is_agent(buffer):
            return False  # two agents may be two algorithms
        return self._draws_by_priority(site) or self.has_other_way(site.path, site.node)

    def wrapped(self, buffer: ReplayBuffer) -> list[Handed]:
        """The calls by which an object of the buffer's class is given what draws by priority in its place."""
        return self._wrappers.handed(buffer.owner)

    def _is_wrapped(self, buffer: ReplayBuffer, site: ev.CallSite) -> bool:
        """Whether an object is given, where it is made, what draws by priority in its place."""
        return any(each.path == site.path and each.function is site.function for each, _ in self.wrapped(buffer))

    def has_other_way(self, path: str, node: ir.Node, but: Set[ir.Node] = frozenset()) -> bool:
        """Whether an object that draws by priority is made where a test around the node turns out otherwise.

        The calls `but` make none, whatever their classes can hold.
        """
        return any(
            made is not None and self._draws_by_priority(made)
            for way in self._other_ways(path, node)
            for part in ir.walk(*way)
            if isinstance(part, ir.Call) and part not in but
            for made in [self.events.calls.get(part)]
        )

    def _is_beside_unseen(self, site: ev.CallSite) -> bool:
        """Whether the other way makes what is called prioritised, of a module that is there and could not be read."""
        for way in self._other_ways(site.path, site.node):
            for node in ir.walk(*way):
                if isinstance(node, ir.Call) and any(map(_is_switch, _names(node.func))):
                    made = self.events.calls.get(node)
                    if made is not None and not made.classes and is_of_unread(self.graph, site.path, node.func):
                        return True
        return False

    def _other_ways(self, path: str, node: ir.Node) -> Iterator[Sequence[ir.Node]]:
        """What runs in place of the node where a test around it, or one before it that returns, turns out otherwise.

        In an object of an heir that is another method of its function's name.
        """
        below = node
        for around in self.graph.ancestors(path, node):
            if isinstance(around, ir.IfExp) and below is not around.test:
                yield [around.orelse if below is around.body else around.body]
            elif isinstance(around, ir.If) and below is not around.test:
                yield around.orelse if below in around.body else around.body
            elif isinstance(around, ir.Match):
                yield [statement for case in around.cases if below not in case for statement in case]
            if isinstance(around, ir.Function):
                yield from (earlier.body for earlier in _returning(around, below))
                yield from (method.body for method in self._overriding(around))
                return
            below = around

    def _overriding(self, function: ir.Function) -> list[ir.Function]:
        """The methods by which heirs answer in place of a method, other than constructors."""
        cls = self.graph.project.class_of.get(function)
        if cls is None or function.name == "__init__":
            return []
        heirs = self.graph.classes.heirs(cls)
        methods = (self.graph.classes.find_method(heir, function.name) for heir in heirs)
        return [method for method in methods if method is not None and method is not function]

    def _is_one_of_all(self, site: ev.CallSite) -> bool:
        """Whether an object is made among others in a display that a loop goes through: each of them is run."""
        shown = False
        for around in self.graph.ancestors(site.path, site.node):
            if isinstance(around, (ir.IfExp, ir.Lambda)):
                return False
            shown = shown or isinstance(around, (ir.Seq, ir.Map))
            if isinstance(around, (ir.Assign, ir.For)):
                held = around.targets if isinstance(around, ir.Assign) else []
                names = {target.id for target in held if isinstance(target, ir.Name)}
                return shown and (not names or self._is_gone_through(site, names))
        return False

    def _is_gone_through(self, site: ev.CallSite, names: set[str]) -> bool:
        body = self.graph.project.modules[site.path].body if site.function is None else ir.children(site.function)
        loops = (part for part in ir.walk(*body) if isinstance(part, (ir.For, ir.Generator)))
        return any(isinstance(part, ir.Name) and part.id in names for loop in loops for part in ir.walk(loop.iter))

    def _draws_by_priority(self, site: ev.CallSite) -> bool:
        """Whether the call may make an object of a class that draws by priority."""
        return any(
            method in self.weighted
            for made in site.classes
            for cls in self.graph.classes.mro(made)
            for method in cls.body
            if isinstance(method, ir.Function)
        )

    def _is_switched(self, site: ev.CallSite) -> bool:
        """Whether the function that makes the call may draw by priority as well."""
        if {func.node for func in site.targets} & self.weighted:
            return True
        return bool(self.weighted & self.graph.reachable(site.function, 2)) and site.function is not None

    def is_pal(self, buffer: ReplayBuffer) -> bool:
        """Whether the loss gives uniform draws the expected gradient of draws by priority."""
        functions = self.graph.training_functions(buffer)
        paths = training_modules(self.graph, buffer)
        return any(is_pal(site) for function in functions for site in self.graph.calls_of(function, paths))

    def is_on_policy(self, buffer: ReplayBuffer) -> bool:
        """Whether the containers are emptied as often as they are learnt from."""
        return is_rollout(self._holders, buffer)


def _returning(function: ir.Function, below: ir.Node) -> list[ir.If]:
    """The branches of a function that return before it comes to a statement of its body."""
    before = function.body[: function.body.index(below)] if below in function.body else []
    return [each for each in before if isinstance(each, ir.If) and each.body and isinstance(each.body[-1], ir.Return)]


def _is_unseen(atom: Atom) -> bool:
    """Whether an object is made by code that is neither the project's nor a library's for numbers."""
    return isinstance(atom, Result) and "." in atom.name and atom.name.partition(".")[0] not in _NUMBERS


def _names(test: ir.Expr) -> Iterator[str]:
    """The names in a test, and the texts that it compares with."""
    for part in ir.walk(test):
        if isinstance(part, ir.Const) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, (ir.Name, ir.Attr, ir.Sub)) and (name := name_of(part)):
            yield name


def _is_switch(name: str) -> bool:
    """Whether the name is one of draws by priority; `steps_per_update` is not."""
    parts = words(name)
    if not _SWITCHES.isdisjoint(parts):
        return True
    return any(part == "per" and not _is_rate(parts, i) for i, part in enumerate(parts))


def _is_rate(parts: tuple[str, ...], at: int) -> bool:
    """Whether the word `per` says how many of one there are to another: `frames_per_actor`, `train_per_env_step`."""
    return bool(at) and (not _UNITS.isdisjoint(parts[at + 1 :]) or (parts[at - 1] in _COUNTED and at + 1 < len(parts)))
