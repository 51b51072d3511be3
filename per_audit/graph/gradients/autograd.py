"""Which values of PyTorch still carry an autograd graph: whether the output of a network is cut off on its way.

A value is followed backwards, through names, attributes, parameters and returns, to the calls of layers with
parameters that it was computed from. What cannot be followed carries nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions, positions_of
from per_audit.graph.gradients import vocabulary as grad
from per_audit.graph.gradients.filled import is_empty_tensor, put_into
from per_audit.graph.interpret.values import Alloc, External, RecordType, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

Part = tuple["int | str", ...]

_DEEPEST, _MOST_TARGETS, _MOST_CALLERS = 8, 12, 6
_LONGEST, _MOST_PARTS = 60, 4  # steps of one way, places inside places


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that carries a graph.

    `layer` is the call that began it, `made` the call of the network in the function that made the value, `passed` the
    argument by which a caller hands it over, None where the function that was asked about made it.
    """

    layer: ir.Call
    layer_path: str
    made: ir.Call
    path: str
    passed: ir.Expr | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """A body in which expressions stand, and the call that led into it; without one its callers are not chosen yet."""

    function: ev.Owner
    path: str
    call: ir.Call | None = None
    caller: _Frame | None = None

    @property
    def depth(self) -> int:
        return 0 if self.caller is None else 1 + self.caller.depth


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a value carries. `cut`: it was computed by a network, and cut off at least on one way."""

    kept: tuple[Kept, ...] = ()
    cut: bool = False


_NOTHING, _CUT = _Answer(), _Answer(cut=True)


def _joined(answers: Iterable[_Answer]) -> _Answer:
    """What a value carries that was made in one of several ways: nothing where it was cut off on any of them."""
    kept: dict[Kept, None] = {}
    for answer in answers:
        if answer.cut:
            return _CUT
        kept.update(dict.fromkeys(answer.kept))
    return _Answer(tuple(kept))


def _any(answers: Iterable[_Answer]) -> _Answer:
    """What a value carries that was made of several others: the graphs of all."""
    found = list(answers)
    kept = dict.fromkeys(each for answer in found for each in answer.kept)
    return _Answer(tuple(kept), not kept and any(answer.cut for answer in found))


class Autograd:
    """The graphs that the values of one project carry."""

    methods = grad.CUTTING_METHODS
    functions = grad.CUTTING_FUNCTIONS

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.events = graph.events
        self.definitions = Definitions(graph)
        self._entered: set[tuple[ir.Node, Part]] = set()
        self._known: dict[tuple[ir.Node, Part, _Frame], _Answer] = {}

    def kept(self, path: str, function: ev.Owner, expression: ir.Expr) -> tuple[Kept, ...]:
        """The graphs that an expression of a function carries, for all callers of the function."""
        if self._is_off:
            return ()
        return self._value(expression, _Frame(function, path), ()).kept

    # ---------------------------------------------------------------- where nothing is recorded

    @cached_property
    def _is_off(self) -> bool:
        """Whether the project switches the recording off altogether, with no context around the call."""
        return any(
            name.endswith("set_grad_enabled") and isinstance(self.graph.statement(site.path, site.node), ir.Do)
            for site in self.events.calls.values()
            for name in site.names
        )

    @cached_property
    def _frozen(self) -> set[str]:
        """The names of networks whose parameters are told to need no gradient."""
        found: set[str] = set()
        for module in self.graph.project.modules.values():
            for node in module.nodes:
                if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "requires_grad_":
                    off = any(isinstance(arg.value, ir.Const) and arg.value.value is False for arg in node.args)
                    found |= grad.identifiers(node.func.value) if off else set()
                elif isinstance(node, ir.For) and "parameters" in grad.identifiers(node.iter):
                    off = any(
                        isinstance(n, ir.Attr) and n.attr.startswith("requires_grad") for n in ir.walk(*node.body)
                    )
                    found |= grad.identifiers(node.iter) if off else set()
        return found - {"self", "parameters"}

    def _is_guarded(self, node: ir.Node, frame: _Frame, depth: int = 4) -> bool:
        """Whether gradients are off at a node, or in any of the ways that lead there."""
        for around in self.graph.ancestors(frame.path, node):
            if isinstance(around, ir.With) and any(grad.switches_gradients(item.value) for item in around.items):
                return True
            if isinstance(around, ir.Function):
                if any(grad.switches_gradients(decorator) for decorator in around.decorators):
                    return True
                break
        if frame.call is not None and frame.caller is not None:
            return self._is_guarded(frame.call, frame.caller, depth)
        if depth == 0 or frame.function is None:
            return False
        return any(
            self._is_guarded(site.node, _Frame(site.function, site.path), depth - 1)
            for site in self.graph.callers.get(frame.function, ())
            if site.function is not frame.function
        )

    # ---------------------------------------------------------------- expressions

    def _value(self, node: ir.Expr, frame: _Frame, part: Part) -> _Answer:
        key = (node, part)
        if key in self._entered or len(self._entered) > _LONGEST or frame.depth > _DEEPEST or len(part) > _MOST_PARTS:
            return _NOTHING
        known = self._known.get((node, part, frame))
        if known is not None:
            return known
        self._entered.add(key)
        try:
            answer = self._known[node, part, frame] = self._of(node, frame, part)
        finally:
            self._entered.discard(key)
        return answer

    def _of(self, node: ir.Expr, frame: _Frame, part: Part) -> _Answer:
        held = self._contents(node, part[1:]) if part[:1] == ("*",) else None
        if held is not None:
            return held
        handlers: dict[type[ir.Expr], Callable[[Any, _Frame, Part], _Answer]] = {
            ir.Name: self._name,
            ir.Attr: self._attribute,
            ir.Call: self._call,
            ir.Sub: self._item,
            ir.Seq: self._display,
            ir.Map: self._record,
            ir.Comp: self._comprehension,
        }
        if type(node) in handlers:
            return handlers[type(node)](node, frame, part)
        if isinstance(node, (ir.IfExp, ir.Logic)):
            ways = (node.body, node.orelse) if isinstance(node, ir.IfExp) else (node.left, node.right)
            return _joined(self._value(way, frame, part) for way in ways)
        parts = [child for child in ir.children(node) if isinstance(child, ir.Expr)]
        computes = isinstance(node, (ir.Bin, ir.Star)) or (isinstance(node, ir.Un) and node.op != "not")
        if isinstance(node, ir.Walrus):
            return self._value(node.value, frame, part)
        made = _any(self._value(each, frame, part) for each in parts) if computes else _NOTHING
        return _CUT if made.kept and not isinstance(node, ir.Star) and self._is_guarded(node, frame) else made

    def _display(self, node: ir.Seq, frame: _Frame, part: Part) -> _Answer:
        place = part[0] if part else None
        if isinstance(place, int) and not any(isinstance(item, ir.Star) for item in node.items):
            return self._value(node.items[place], frame, part[1:]) if place < len(node.items) else _NOTHING
        return _any(self._value(item, frame, ()) for item in node.items)

    def _record(self, node: ir.Map, frame: _Frame, part: Part) -> _Answer:
        pairs = zip(node.keys, node.values, strict=True)
        chosen = [v for k, v in pairs if not part or (isinstance(k, ir.Const) and k.value == part[0])]
        return _any(self._value(value, frame, part[1:]) for value in chosen)

    def _comprehension(self, node: ir.Comp, frame: _Frame, part: Part) -> _Answer:
        return _NOTHING if node.kind == "dict" else self._value(node.elt, frame, part[1:])

    def _name(self, node: ir.Name, frame: _Frame, part: Part) -> _Answer:
        found = self.definitions.reaching(node, frame.path)
        answers = [self._value(value, frame, (*places, *part)) for value, places in found.values]
        if any(is_empty_tensor(self.events, value) for value, _ in found.values):
            answers.append(_any(self._value(value, frame, ()) for value in put_into(node, frame.function)))
        if found.parameter is not None:
            answers.append(self._parameter(found.parameter, frame, part))
        return _joined(answers)

    def _parameter(self, parameter: ir.Parameter, frame: _Frame, part: Part) -> _Answer:
        function = frame.function
        if not isinstance(function, ir.Function):
            return _NOTHING
        if frame.call is not None and frame.caller is not None:
            given = positions_of(self.graph, frame.call, function).get(parameter.name, ())
            return self._given(given, frame.caller, part, parameter.kind == "*")
        answers: list[_Answer] = []
        for site in self.graph.callers.get(function, ())[:_MOST_CALLERS]:
            given = positions_of(self.graph, site.node, function).get(parameter.name, ())
            outside = _Frame(site.function, site.path)
            for argument in given:
                answer = self._given((argument,), outside, part if parameter.kind != "*" else part[1:], False)
                kept = (each if each.passed else replace(each, passed=argument) for each in answer.kept)
                answers.append(_Answer(tuple(kept), answer.cut))
        return _any(answers)

    def _given(self, given: tuple[ir.Expr, ...], frame: _Frame, part: Part, several: bool) -> _Answer:
        if several and part and isinstance(part[0], int):
            return self._value(given[part[0]], frame, part[1:]) if part[0] < len(given) else _NOTHING
        return _any(self._value(argument, frame, () if several else part) for argument in given)

    def _attribute(self, node: ir.Attr, frame: _Frame, part: Part) -> _Answer:
        if node.attr in grad.CUTTING_ATTRIBUTES:
            return _CUT if self._stems(node.value, frame) else _NOTHING
        symbols = self.graph.symbols
        fields = symbols.run(frame.function, frame.path).places(node)
        if not fields:
            return self._value(node.value, frame, (node.attr, *part)) if not part else _NOTHING
        answers: list[_Answer] = []
        for field in fields:
            for write in symbols.writes_of.get(field.data, ()):
                outside = _Frame(write.function, write.path)
                for value, places in self.definitions.assigned(write.node, node.attr):
                    answers.append(self._value(value, outside, (*places, *part)))
        return _joined(answers)

    def _contents(self, node: ir.Expr, part: Part) -> _Answer | None:
        """What was put into the list that an expression means; None where it is no list that is known."""
        lists = {a for a in self.events.value(node).atoms if isinstance(a, Alloc) and a.kind in ("list", "deque")}
        stores = sorted(place for alloc in lists for place in self._stores_into.get(alloc, ()))
        if not stores:
            return None
        return _any(self._value(*self._stored[place], part) for place in stores if place in self._stored)

    @cached_property
    def _stores_into(self) -> dict[Alloc, list[int]]:
        """The places, among all stores, of those into each container of which the expression is known."""
        found: dict[Alloc, list[int]] = defaultdict(list)
        for place, store in enumerate(self.events.stores.values()):
            if store.expression is not None:
                found[store.container].append(place)
        return dict(found)

    @cached_property
    def _stored(self) -> dict[int, tuple[ir.Expr, _Frame]]:
        """By the same places, what is put in as an item."""
        return {
            place: (store.expression, _Frame(store.function, store.path))
            for place, store in enumerate(self.events.stores.values())
            if store.expression is not None and store.how in ("append", "insert", "index")
        }

    def _item(self, node: ir.Sub, frame: _Frame, part: Part) -> _Answer:
        held = self._contents(node.value, part)
        if held is not None:
            return held
        index = node.index
        if isinstance(index, ir.Const) and isinstance(index.value, (int, str)):
            return self._value(node.value, frame, (index.value, *part))
        return self._value(node.value, frame, part)

    def _stems(self, node: ir.Expr, frame: _Frame) -> bool:
        """Whether the value was computed by a network, cut off or not."""
        answer = self._value(node, frame, ())
        return bool(answer.kept) or answer.cut

    # ---------------------------------------------------------------- calls

    def _call(self, node: ir.Call, frame: _Frame, part: Part) -> _Answer:
        site = self.events.calls.get(node)
        names = sorted(filter(self.graph.symbols.is_imported, site.names)) if site is not None else []
        plain = [arg.value for arg in node.args]
        method = ir.last_name(node.func)
        if self._is_layer(node.func) or self._has_parameters(node.func, frame):
            frozen = self._is_guarded(node, frame) or not self._frozen.isdisjoint(self._ways(node, frame))
            return _CUT if frozen else _Answer((Kept(node, frame.path, node, frame.path),))
        if site is not None and site.targets and not site.classes:
            return self._project(node, site, frame, part)
        for atom in self.events.value(node.func).atoms:
            if isinstance(atom, RecordType):
                return _any(self._value(value, frame, part[1:]) for value in _fields(node, atom, part))
        if site is not None and site.classes:
            own = any(self.graph.classes.find_method(cls, "__init__") for cls in site.classes)
            return _NOTHING if own else _any(self._value(value, frame, ()) for value in plain)
        if any(name.startswith("torch.") for name in names):
            return self._torch(node, names[0], frame, part)
        if isinstance(node.func, ir.Name):
            if method in ("zip", "enumerate") and part[:1] == ("*",) and len(part) > 1:
                column = part[1] if method == "zip" else 0 if part[1] == 1 else None
                held = node.argument(column) if isinstance(column, int) else None
                return _NOTHING if held is None else self._value(held, frame, ("*", *part[2:]))
            if method in grad.CUTTING_BUILTINS:
                return _CUT if any(self._stems(value, frame) for value in plain) else _NOTHING
            known = method in ("list", "tuple", "dict", "sum", "abs", "reversed")
            return _any(self._value(value, frame, ()) for value in plain) if known else _NOTHING
        if not isinstance(node.func, ir.Attr) or any(not name.startswith("builtins") for name in names):
            return _CUT if any(self._stems(value, frame) for value in plain) else _NOTHING
        return self._method(node, node.func, frame, part)

    def _method(self, node: ir.Call, func: ir.Attr, frame: _Frame, part: Part) -> _Answer:
        """A method of a tensor or of a distribution."""
        if func.attr in self.methods or (func.attr in grad.WITH_INDICES and part[:1] == (1,)):
            return _CUT if self._stems(func.value, frame) else _NOTHING
        answer = self._value(func.value, frame, ())
        if func.attr in ("to", "type", "astype") and any(
            name.startswith(grad.INTEGERS) or name.endswith(("LongTensor", "IntTensor", "BoolTensor"))
            for arg in node.args
            for name in grad.identifiers(arg.value)
        ):
            return _CUT if answer.kept or answer.cut else _NOTHING
        return answer

    def _torch(self, node: ir.Call, name: str, frame: _Frame, part: Part) -> _Answer:
        """A function of PyTorch."""
        plain = [arg.value for arg in node.args]
        if isinstance(node.func, ir.Attr) and not any(
            isinstance(atom, External) for atom in self.events.value(node.func.value).atoms
        ):
            plain.insert(0, node.func.value)
        last = name.rpartition(".")[2]
        if last in self.functions or (last in grad.WITH_INDICES and part[:1] == (1,)):
            return _CUT if any(self._stems(value, frame) for value in plain) else _NOTHING
        known = name.count(".") == 1 or name.startswith(("torch.nn.", "torch.distributions."))
        if not known and isinstance(node.func, ir.Attr) and isinstance(node.func.value, ir.Call):
            return self._method(node, node.func, frame, part)  # of what a function of PyTorch returns
        return _any(self._value(value, frame, ()) for value in plain) if known else _NOTHING

    def _is_layer(self, func: ir.Expr) -> bool:
        """Whether an expression is a layer of PyTorch, or a sequence of such, that has parameters."""
        for atom in self.events.value(func).atoms:
            if isinstance(atom, Result) and atom.name.startswith("torch.nn."):
                kind = atom.name.rpartition(".")[2]
                if kind.startswith(grad.LAYERS):
                    return True
                if kind == "Sequential" and isinstance(atom.call, ir.Call):
                    return any(
                        isinstance(part, ir.Call)
                        and any(name.startswith(grad.LAYERS) for name in grad.identifiers(part.func))
                        for part in ir.walk(atom.call)
                    ) or any(arg.star for arg in atom.call.args)
        return False

    def _has_parameters(self, func: ir.Expr, frame: _Frame) -> bool:
        """Whether something that is called is asked for its parameters elsewhere, as networks of PyTorch are."""
        if not isinstance(func, (ir.Name, ir.Attr)) or self.events.value(func).atoms:
            return False
        return self.graph.symbols.term(frame.path, func) in self._asked

    @cached_property
    def _asked(self) -> set[Term]:
        """The parameters and fields whose `parameters()` or `state_dict()` the project asks for."""
        found: set[Term] = set()
        for site in self.events.calls.values():
            func = site.node.func
            if isinstance(func, ir.Attr) and func.attr in ("parameters", "named_parameters", "state_dict"):
                term = self.graph.symbols.term(site.path, func.value)
                if term.op in ("param", "field"):
                    found.add(term)
        return found

    def _ways(self, node: ir.Call, frame: _Frame) -> set[str]:
        """The names of the networks that the calls from the outermost function to a layer go through."""
        found = grad.identifiers(node.func)
        here: _Frame | None = frame
        while here is not None and here.call is not None:
            found |= grad.identifiers(here.call.func)
            here = here.caller
        return found

    def _project(self, node: ir.Call, site: ev.CallSite, frame: _Frame, part: Part) -> _Answer:
        answers: list[_Answer] = []
        if len(site.targets) > _MOST_TARGETS:
            return _NOTHING  # which of them it is hangs on what cannot be read
        for func in sorted(site.targets, key=lambda func: func.node.start):
            function = func.node
            path = self.graph.project.module_of[function].path
            inside = _Frame(function, path, node, frame)
            if isinstance(function, ir.Lambda):
                answers.append(self._value(function.body, inside, part))
                continue
            if not {
                name for d in function.decorators for name in grad.identifiers(d)
            } <= grad.HARMLESS_DECORATORS and not any(grad.switches_gradients(d) for d in function.decorators):
                return _CUT
            answers += [
                self._value(statement.value, inside, part)
                for statement in ir.walk_scope(function.body)
                if isinstance(statement, ir.Return) and statement.value is not None
            ]
        answer = _joined(answers)
        return _Answer(tuple(replace(each, made=node, path=frame.path) for each in answer.kept), answer.cut)


def _fields(node: ir.Call, record: RecordType, part: Part) -> list[ir.Expr]:
    """The arguments of a record, or the one that becomes the field that is asked for."""
    if not part:
        return [arg.value for arg in node.args]
    place = record.fields.index(part[0]) if part[0] in record.fields else part[0]
    named = node.keyword(str(part[0]))
    chosen = named.value if named else node.argument(place) if isinstance(place, int) else None
    return [] if chosen is None else [chosen]
