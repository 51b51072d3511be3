"""Functions and objects of libraries: containers, random draws, reductions, conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import frameworks
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret import logarithms
from per_audit.graph.interpret.known import conditionals, frames, loaders, mappings, records, reference, trees
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.built_in import BuiltIn
from per_audit.graph.interpret.known.losses import keras_reduction, loss_of, torch_reduction
from per_audit.graph.interpret.roles import EARNED, name_of
from per_audit.graph.interpret.values import (
    OPEN,
    SCALAR,
    UNKNOWN,
    Alloc,
    Arguments,
    Columns,
    Drawn,
    External,
    Func,
    Ints,
    ModuleRef,
    Record,
    RecordType,
    Result,
    TupleOf,
    Value,
    join_all,
    of,
    roles_in,
    taint,
)

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_HEAP_PUT, _HEAP_TAKE = {"heappush", "heappushpop", "heapreplace"}, {"heappop", "heappushpop", "heapreplace"}
_GATHERS = {"take", "gather", "index_select", "gather_nd"}
_POWERS = {"numpy.power", "numpy.float_power", "torch.pow", "tensorflow.pow", "tensorflow.math.pow", "jax.numpy.power",
           "math.pow", "builtins.pow"}  # fmt: skip
_GETTER = "operator.itemgetter"
# Positions: all there are, those where something holds, and all in the order of what is there.
_POSITIONS = {"numpy.arange", "torch.arange", "jax.numpy.arange", "tensorflow.range"}
_WHERE = {
    "numpy.where",
    "numpy.nonzero",
    "numpy.flatnonzero",
    "numpy.argwhere",
    "torch.nonzero",
    "torch.where",
    "torch.argwhere",
}
_ORDERED = {"numpy.argsort", "torch.argsort", "jax.numpy.argsort", "tensorflow.argsort", "cupy.argsort"}
# What makes whole numbers of others.
_CUTS = {"builtins.int", "math.floor", "numpy.floor", "torch.floor", "jax.numpy.floor", "numpy.int_", "numpy.int32",
         "numpy.int64", "numpy.intp"}  # fmt: skip
_AXIS = ("axis", "dim", "axes", "reduction_indices")
_ARRAYS = ("numpy.array", "numpy.asarray", "jax.numpy.array", "torch.tensor")
_CAST = (Alloc, Record, TupleOf)
_FILLED = ("torch.FloatTensor", "tensorflow.Variable")  # made of what they are given


class Library:
    """Gives calls of libraries their meaning."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._built_in = BuiltIn(interpreter)

    def external(self, name: str, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value:
        """The result of a call of a library's function, class or method by its qualified name.

        Of `*args` each is among the arguments, so that they may be others than those that are written.
        """
        values = [value for _, _, value in arguments]
        method = ext.last(name)
        if name in _CUTS and node.args and (cut := self.interpreter.draws.fraction(node.args[0].value, frame)):
            return cut
        if name.startswith("builtins.") and (found := self._built_in.call(method, node, arguments, frame)) is not None:
            return found
        known = reference.call(name, node, values, frame, self.interpreter)
        known = known or self.interpreter.views.call(name, node, arguments, frame)
        known = known or conditionals.chosen(self.interpreter, name, arguments, site, frame)
        if (known := known or trees.mapped(self.interpreter, name, arguments, frame)) is not None:
            return known
        if (shape := frameworks.drawn_shape(name)) is not None:
            return _sampled(shape, name, node)
        if name in ext.RANDOM_OBJECTS or name in (_GETTER, ext.PARTIAL):
            self.interpreter.add_content(node, join_all(values[:1]))  # of what arguments are bound to
            return of(Result(name, node))  # a seed that was drawn makes no draw of what the generator draws
        drawn = self.interpreter.draws.cut.get(node) or _positions(name, node, values)
        if (drawn := drawn or self._random(name, method, node, values, frame)) is not None:
            return drawn
        if self._makes(name, node, values):
            return self.container(name, node, arguments, frame)
        made = records.made(self.interpreter, name, node, arguments)
        if (made := made or frames.made(self.interpreter, name, node, values)) is not None:
            return made
        if name.startswith("heapq."):
            return self._heap(method, node, values, frame)
        if method in _GATHERS and values and (draws := frozenset(taint(*values[1:]).tagged("index"))):
            for atom in self.interpreter.order.atoms(values[0].atoms):
                if isinstance(atom, Alloc):
                    self.interpreter.parts.gather(atom, draws, node, frame)
            return Value(tags=frozenset(("draw", d) for d in draws) | values[0].tags, roles=values[0].roles)
        if name in _POWERS and len(values) == len(node.args) >= 2:
            left, right = node.args[0].value, node.args[1].value
            return self.interpreter.operators.arithmetic(node, "**", left, values[0], right, values[1], frame)
        return self.numeric(name, method, node, values, site, frame)

    def _makes(self, name: str, node: ir.Call, values: list[Value]) -> bool:
        """Whether a call makes a container; one that opens an array is given a shape for what it would make."""
        if ext.kind_of(name):
            return not ext.last(name).startswith("open") or node.argument(None, "shape") is not None
        return name in _ARRAYS and bool(values) and self._is_filled(node, values[0])

    def _is_filled(self, node: ir.Call, given: Value) -> bool:
        """Whether an array is made of a list of one thing, again and again: `[None] * size`, `[{} for _ in range(n)]`.

        The list may have a name, where nothing else has been put into it.
        """
        written = node.args[0].value
        if not isinstance(written, ir.Name):
            return _repeats(written)
        made = [atom.node for atom in given.atoms if isinstance(atom, Alloc) and _repeats(atom.node)]
        sides = [side for part in made if isinstance(part, ir.Bin) for side in (part.left, part.right)]
        firsts = [self.interpreter.events.value(side) for side in sides if isinstance(side, ir.Seq)]
        held = self.interpreter.content_of(made[0]) if len(made) == 1 else UNKNOWN
        return len(given.atoms) == 1 and [held] == list(map(self.interpreter.parts.element, firsts))

    def _add_at(self, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        """`np.add.at(array, indices, change)` stores into the array."""
        for atom in self.interpreter.order.atoms(values[0].atoms):
            if isinstance(atom, Alloc):
                source, index = node.args[2].value, node.args[1].value
                self.interpreter.targets.store(atom, node, frame, "index", values[2], source, index)
        return UNKNOWN

    def _random(self, name: str, method: str, node: ir.Call, values: list[Value], frame: Frame) -> Value | None:
        """The result of a random draw, or of a search for a random number; None for other functions."""
        if method == "uniform" and _is_of_box(node):
            return taint(*values)  # a place in it
        if ext.is_continuous(name):
            return self.interpreter.draws.mass(node, values, frame)
        if method in ext.SEARCHES and (chosen := taint(*values).tagged("mass")):
            for mass in self.interpreter.order.nodes(chosen):
                self.interpreter.draws.note_searched(mass, node.args[0].value)
            return Value(tags=frozenset((kind, m) for m in chosen for kind in ("index", "draw")))
        if method in ext.ORDERS:
            for mass in self.interpreter.order.nodes(taint(*values).tagged("mass")):
                self.interpreter.draws.note_compared(mass, frame)
        if name in ("heapq.nsmallest", "heapq.nlargest") and len(values) > 1:
            return self.interpreter.draws.draw(node, method, True, values[1:], frame)
        draw = ext.draw_call(name)
        if draw is None or not values:
            return None
        if draw.method == ext.IN_PLACE:
            self.interpreter.draws.shuffle(node, values, frame)
            return UNKNOWN
        if draw.method == "uniform" and not _is_integral(node):
            return self.interpreter.draws.mass(node, values, frame)
        if draw.method in ("uniform", ext.SAMPLER, ext.EVEN_SAMPLER):
            values = [UNKNOWN]  # a shape is nothing to draw from, nor are the weights
        return self.interpreter.draws.draw(node, draw.method, draw.items, values, frame)

    def _known(self, name: str, method: str, node: ir.Call, values: list[Value], frame: Frame) -> Value | None:
        """The result of a call that stores, packs or cuts off what it is given; None for others."""
        if name == "numpy.add.at" and len(values) == len(node.args) == 3:
            return self._add_at(node, values, frame)
        if name in ext.LOADERS:
            return loaders.batches(node, frame, self.interpreter)
        if name in ext.INSORTS and len(values) == len(node.args) > 1:
            for atom in self.interpreter.order.atoms(values[0].atoms):
                if isinstance(atom, Alloc):
                    self.interpreter.targets.store(atom, node, frame, "insert", values[1], node.args[1].value)
            return UNKNOWN
        if ext.is_cast(name) and len(values) > 1 and any(isinstance(atom, _CAST) for atom in values[1].atoms):
            return values[1]  # but an object, which as a batch would bring its weights to all that is made of it
        if (ext.packs(name) or name in ext.COMPILERS or _hands_over(name, node)) and values:
            return values[0]
        if name == "numpy.copyto" and len(values) == len(node.args) == 2 and isinstance(node.args[0].value, ir.Sub):
            self.interpreter.targets.assign(node.args[0].value, values[1], frame, node, node.args[1].value)
            return UNKNOWN
        if isinstance(node.func, ir.Attr) and frameworks.is_replaced(name):
            return self.interpreter.events.value(node.func.value)
        if isinstance(node.func, ir.Attr) and is_to_integers(node, method):
            return self.interpreter.draws.fraction(node.func.value, frame)
        return None

    def numeric(
        self, name: str, method: str, node: ir.Call, values: list[Value], site: ev.CallSite, frame: Frame
    ) -> Value:
        """The result of a call that computes: its reduction, and what it was computed from."""
        known = self._known(name, method, node, values, frame) or self._of_project(name, node, site, frame)
        if known is not None:
            return known
        receiver = site.receiver
        if method == "pow" and len(values) == 1 and isinstance(node.func, ir.Attr) and receiver.tags:
            exponent = node.args[0].value
            return self.interpreter.operators.arithmetic(
                node, "**", node.func.value, receiver, exponent, values[0], frame
            )
        first = receiver if receiver.tags or receiver.roles else (values[0] if values else UNKNOWN)
        result = logarithms.of_call(method, node, first, taint(receiver, *values))
        shown = [item for v in values for atom in v.atoms if isinstance(atom, TupleOf) for item in atom.items]
        if held := [v for v in (receiver, *values, *shown) if Alloc in map(type, v.atoms)]:
            result = self._with_contents(result, held, values)
        if method in ("mul", "multiply") and 0 < len(values) == len(node.args):
            left = node.args[0].value
            right = node.args[1].value if len(values) > 1 else None
            if right is not None:
                self.interpreter.operators.weigh(node, left, values[0], right, values[1], frame)
            elif isinstance(node.func, ir.Attr):
                self.interpreter.operators.weigh(node, node.func.value, receiver, left, values[0], frame)
        if (loss := loss_of(self.interpreter.project, name, method, node, result)) is not None:
            return loss
        if method in ext.REDUCTIONS:
            axis = any(node.keyword(a) for a in _AXIS) or len(values) > (
                1 if receiver is UNKNOWN or not receiver.tags else 0
            )
            kept = first.reduction if axis else SCALAR
            is_earned = method in ext.ADDITIONS and self.interpreter.operators.is_earned(first)
            return result._replace(reduction=kept, roles=EARNED if is_earned else result.roles)
        if method in ext.POINTWISE:
            reductions = [v.reduction for v in (receiver, *values) if v.reduction]
            return result._replace(reduction=reductions[0] if reductions else None)
        if method in ext.SHAPED:
            return result.without("isw")
        if method in ext.CONVERSIONS:
            atoms = frozenset(a for a in first.atoms if isinstance(a, (Drawn, Columns))) | receiver.atoms & {Ints()}
            roles = first.roles or roles_in(first, 3) or self.interpreter.parts.element(first).roles
            return Value(atoms, result.tags, roles, first.reduction)
        if method[:1].isupper() or not result.tags:
            return Value(frozenset((Result(name, node),)), result.tags)
        return result

    def _of_project(self, name: str, node: ir.Call, site: ev.CallSite, frame: Frame) -> Value | None:
        """The result of what finds modules or functions of the project that the call has no name of."""
        path = frame.module.path
        if name in ext.STARTS_MAIN and node.argument(0, "main") is None:
            for atom in self.interpreter.order.atoms(self.interpreter.module_env(path).get("main", UNKNOWN).atoms):
                if isinstance(atom, Func):
                    site.targets.add(atom)
                    self.interpreter.calls.project_call(atom, [(None, "", UNKNOWN)], frame)  # the command line's words
            return UNKNOWN
        if name != "importlib.import_module" or not node.args:
            return None
        expression = frame.module.source(node.args[0].value)
        loaded = self.interpreter.project.loaded_by(path, expression)
        return join_all(of(ModuleRef(each)) for each in loaded) if loaded else None

    def _with_contents(self, result: Value, held: list[Value], given: list[Value]) -> Value:
        """What is computed from containers too: as much from a draw as the items of a list that was filled are."""
        parts = self.interpreter.parts
        lists = [v for v in given if any(isinstance(a, Alloc) and a.kind == "list" for a in v.atoms)]
        result = result.with_all(taint(*map(parts.element, lists)).tags)
        # An array that weights were put into one by one is one of weights.
        arrays = parts.spilled(join_all(held))
        return result.with_tags(*(tag for tag in arrays.tags if tag[0] == "isw"))

    def container(self, name: str, node: ir.Call, arguments: Arguments, frame: Frame) -> Value:
        """A container that a library function or class makes."""
        values = [value for _, _, value in arguments]
        kind = ext.kind_of(name) or "array"
        if kind == "array" or (kind == "dict" and name.endswith("defaultdict")):
            source = self.interpreter.parts.spilled(values[0]) if name in _FILLED and values else UNKNOWN
            if source.tags:
                return Value(tags=source.tags, roles=source.roles)
            if kind == "dict" and values:
                self.interpreter.add_content(node, self._made_by(node.args[0].value, values[0], frame))
            made = of(Alloc(node, kind))
            for file in self.interpreter.events.value(getattr(node.func, "value", None)).atoms:
                if isinstance(file, Result):
                    self.interpreter.add_content(file.call, made)  # where it is found by its name
            return made
        if kind == "dict" and arguments:
            return mappings.united(self.interpreter, node, (mappings.given(self.interpreter, arguments),))
        if values and kind in ("list", "set"):
            return values[0]
        if values and kind == "deque":
            inner = self.interpreter.parts.element(values[0])
            if inner != UNKNOWN:
                self.interpreter.targets.store(Alloc(node, kind), node, frame, "rebuild", inner, None)
        return of(Alloc(node, kind))

    def _made_by(self, written: ir.Expr, factory: Value, frame: Frame) -> Value:
        """What a `defaultdict` makes for a key that is asked for first: whichever it is, they are one."""
        made = []
        for atom in self.interpreter.order.atoms(factory.atoms):
            if isinstance(atom, Func):
                made.append(self.interpreter.calls.project_call(atom, [], frame))
            elif isinstance(atom, External) and (kind := ext.kind_of(atom.name)):
                made.append(of(Alloc(written, kind)))
        return join_all(made)

    def _heap(self, method: str, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        if not values:
            return UNKNOWN
        for atom in self.interpreter.order.atoms(values[0].atoms):
            if isinstance(atom, Alloc):
                if method in _HEAP_PUT and len(values) > 1:
                    self.interpreter.targets.store(atom, node, frame, "append", values[1], node.args[1].value)
                if method in _HEAP_TAKE:
                    self.interpreter.statements.evict(of(atom), node, frame, "pop")
        return self.interpreter.parts.element(values[0])

    def call_object(self, atom: Result, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value:
        """A call of an object of a library: a criterion, a network, an optimiser, what `jax.grad` made."""
        values = [value.no_position() for _, _, value in arguments]
        if atom.name in ext.DIFFERENTIATED and isinstance(atom.call, ir.Call) and atom.call.args:
            for func in self.interpreter.order.atoms(self.interpreter.events.value(atom.call.args[0].value).atoms):
                if isinstance(func, Func):
                    site.targets.add(func)
                    self.interpreter.calls.project_call(func, arguments, frame)
            return taint(*values)
        if atom.name == _GETTER and isinstance(atom.call, ir.Call) and arguments:
            return self._got(atom.call, arguments[0][2], site.node, frame)
        if atom.name in ext.HANDS and arguments:
            return arguments[0][2]  # `ray.remote(num_cpus=1)(Buffer)`
        name = ext.last(atom.name)
        if name in ext.TORCH_LOSSES and name[0].isupper() and isinstance(atom.call, ir.Call):
            told = None if self.interpreter.project.changes_reductions else torch_reduction(atom.call)
            return taint(*values)._replace(reduction=told)
        if name in ("Huber", "MeanSquaredError", "MeanAbsoluteError") and isinstance(atom.call, ir.Call):
            return taint(*values)._replace(reduction=keras_reduction(atom.call))
        made = logarithms.without(taint(*values))  # what a network makes of random numbers is none of them
        return made.without("mass") if atom.name.startswith(ext.NETWORKS) else made

    def _got(self, getter: ir.Call, rows: Value, node: ir.Call, frame: Frame) -> Value:
        """What `itemgetter(*positions)(rows)` reads."""
        given = [self.interpreter.events.value(argument.value) for argument in getter.args]
        positions = taint(*given, *map(self.interpreter.parts.element, given))
        draws = frozenset(positions.tagged("index"))
        for atom in self.interpreter.order.atoms(rows.atoms):
            if isinstance(atom, Alloc) and draws:
                self.interpreter.parts.gather(atom, draws, node, frame)
        return Value(frozenset(map(Drawn, draws)), frozenset(("draw", d) for d in draws) | rows.tags, rows.roles)


def _hands_over(name: str, node: ir.Call) -> bool:
    """Whether a call gives back its first argument, or an object of another process that stands for it."""
    return name in ext.HANDS and bool(node.args) and node.args[0].keyword is None


def _repeats(node: ir.Node) -> bool:
    """Whether an expression makes a list of one thing, as often as is counted."""
    if isinstance(node, ir.Bin):
        shown = any(isinstance(side, ir.Seq) and len(side.items) == 1 for side in (node.left, node.right))
        return node.op == "*" and shown
    if not isinstance(node, ir.Comp) or len(node.generators) != 1 or node.generators[0].ifs:
        return False
    counted = node.generators[0].iter
    return isinstance(counted, ir.Call) and name_of(counted.func) == "range" and _is_blank(node.elt)


def _is_blank(node: ir.Expr) -> bool:
    """Whether an expression is written as what holds nothing yet: constants, a display of such, one repeated."""
    if isinstance(node, ir.Bin):
        return node.op == "*" and any(isinstance(side, ir.Seq) and _is_blank(side) for side in (node.left, node.right))
    if isinstance(node, ir.Seq):
        return all(map(_is_blank, node.items))
    return isinstance(node, ir.Const) or (isinstance(node, ir.Map) and not node.values)


def _positions(name: str, node: ir.Call, values: list[Value]) -> Value | None:
    """All positions that there are, those where something holds, or some in a row: from where is as drawn as they."""
    if name in _POSITIONS:
        is_begun = len([each for each in node.args if each.keyword is None]) > 1
        return of(Ints()).with_tags(*(("index", draw) for draw in taint(*values[:1]).tagged("index") if is_begun))
    if name in _ORDERED:
        return Value(frozenset((Ints(),)), taint(*values).tags)
    return Value(frozenset((Ints(),)), taint(*values).tags) if name in _WHERE and len(values) == 1 else None


def _sampled(shape: frameworks.Shape, name: str, node: ir.Call) -> Value:
    """What a draw from a library's buffer returns: the weights are told from the rest, of which nothing is known."""
    if isinstance(shape, str):
        kind = {"weights": "isw", "batch": "draw"}.get(shape)
        return UNKNOWN if kind is None else Value(tags=frozenset(((kind, node),)))
    if isinstance(shape, frameworks.Fields):
        items = tuple(_sampled(what, name, node) for what, _ in shape.named)
        record = Record(RecordType(OPEN, tuple(key for _, key in shape.named)), node, items)
        return Value(frozenset((record, Result(name, node))))
    return of(TupleOf(node, tuple(_sampled(part, name, node) for part in shape)))


def _is_of_box(node: ir.Call) -> bool:
    """Whether a bound of a draw is written as several numbers: those of a box, as against a sum of priorities."""
    bounds = (arg.value for arg in node.args if arg.keyword in (None, "low", "high"))
    return any(isinstance(bound, ir.Seq) and len(bound.items) > 1 for bound in list(bounds)[:2])


def _is_integral(node: ir.Call) -> bool:
    """Whether TensorFlow's `uniform` is told a type of integers."""
    kind = node.argument(3, "dtype")
    name = getattr(kind, "attr", getattr(kind, "id", getattr(kind, "value", "")))
    return isinstance(name, str) and name.startswith(("int", "uint"))


def is_to_integers(node: ir.Call, method: str) -> bool:
    """Whether a method makes whole numbers of what an array or tensor holds: `x.long()`, `x.astype(int)`."""
    if method in ("long", "int"):
        return not node.args
    kind = name_of(node.args[0].value) if method in ("astype", "to") and node.args else None
    if method == "astype" and node.args and isinstance(node.args[0].value, ir.Const):
        kind = str(node.args[0].value.value)
    return kind is not None and kind.lstrip("u").startswith(("int", "long"))
