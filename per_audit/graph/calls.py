"""Calls: into the project, of containers, of random generators, of numerical libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph import events as ev
from per_audit.graph import externals as ext
from per_audit.graph import reference
from per_audit.graph.roles import name_of, words
from per_audit.graph.values import (
    ELEMENTWISE,
    SCALAR,
    UNKNOWN,
    Alloc,
    ClassRef,
    Columns,
    Drawn,
    External,
    Func,
    Instance,
    Ints,
    Literal,
    Record,
    RecordType,
    Result,
    Step,
    Super,
    TupleOf,
    Value,
    join_all,
    of,
    roles_in,
    taint,
)  # fmt: skip

if TYPE_CHECKING:
    from per_audit.graph.interpreter import Frame, Interpreter

Arguments = list[tuple[str | None, str, Value]]

_PUT = {"append": "append", "appendleft": "append", "add": "append", "put": "append", "put_nowait": "append",
        "insert": "insert", "extend": "extend", "extendleft": "extend", "update": "extend"}  # fmt: skip
_TAKE = {"pop": "pop", "popleft": "pop", "popitem": "pop", "remove": "pop", "clear": "clear", "get": "pop",
         "get_nowait": "pop"}  # fmt: skip
_HEAP_PUT, _HEAP_TAKE = {"heappush", "heappushpop", "heapreplace"}, {"heappop", "heappushpop", "heapreplace"}
_BUFFER_WORDS = {"memory", "mem", "buffer", "buf", "replay", "rb", "experience", "experiences", "storage", "pool"}
_ENV_WORDS = {"env", "envs", "environment", "environments", "game", "world", "simulator", "sim", "emulator"}
_AXIS = ("axis", "dim", "axes", "reduction_indices")


class Calls:
    """Gives every call its meaning, and records it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._by_method: dict[str, list[tuple[ir.Class, ir.Function]]] | None = None

    @property
    def evaluator(self):  # type: ignore[no-untyped-def]
        """The evaluator of the same interpreter."""
        return self.interpreter.evaluator

    def call(self, node: ir.Call, frame: Frame) -> Value:
        """The value of a call."""
        receiver = UNKNOWN
        if isinstance(node.func, ir.Attr):
            receiver = self.evaluator.eval(node.func.value, frame)
            callee = self.evaluator.attribute(receiver, node.func.attr, frame)
            self.interpreter.events.values[node.func] = callee
        else:
            callee = self.evaluator.eval(node.func, frame)
        arguments: Arguments = [(a.keyword, a.star, self.evaluator.eval(a.value, frame)) for a in node.args]
        site = self.interpreter.events.calls.get(node)
        if site is None:
            site = ev.CallSite(node, frame.function, frame.module.path)
            self.interpreter.events.calls[node] = site
            site.arguments = [value for _, _, value in arguments]
        else:
            site.arguments = [old.join(new) for old, (_, _, new) in zip(site.arguments, arguments, strict=True)]
        site.receiver = site.receiver.join(receiver)
        results: list[Value] = []
        if isinstance(node.func, ir.Attr):
            results += self._method(node, node.func.attr, receiver, arguments, site, frame)
        for atom in callee.atoms:
            result = self._apply(atom, node, arguments, site, frame)
            if result is not None:
                results.append(result)
        if not results:
            results.append(self._unknown(node, receiver, arguments, site, frame))
        result = join_all(results)
        site.result = site.result.join(result)
        return result

    # ---------------------------------------------------------------- callees

    def _apply(
        self, atom: object, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value | None:
        if isinstance(atom, Func):
            site.targets.add(atom)
            return self._project_call(atom, arguments, frame)
        if isinstance(atom, ClassRef):
            return self._instantiate(atom.node, node, arguments, site, frame)
        if isinstance(atom, Instance):
            for name in ("__call__", "forward", "call"):
                method = self.interpreter.find_method(atom.node, name)
                if method is not None:
                    func = Func(method, atom)
                    site.targets.add(func)
                    result = self._project_call(func, arguments, frame)
                    return result.join(taint(*(v for _, _, v in arguments)))
            return None
        if isinstance(atom, RecordType):
            return self._record(atom, node, arguments)
        if isinstance(atom, External):
            site.names.add(atom.name)
            return self.external(atom.name, node, arguments, site, frame)
        if isinstance(atom, Result):
            site.names.add(atom.name)
            return self._call_object(atom, node, arguments)
        return None

    def _project_call(self, func: Func, arguments: Arguments, frame: Frame) -> Value:
        result = self.interpreter.call_function(func, arguments, frame.depth)
        masses = {m for _, _, value in arguments for m in value.tagged("mass")}
        chosen = [m for m in masses if self.interpreter.events.masses[m].descends]
        if chosen:
            # What a tree returns for a random sum depends on it by comparisons only.
            tags = frozenset((kind, m) for m in chosen for kind in ("draw", "index"))
            result = self.evaluator._spread(result, tags)
        return result

    def _record(self, kind: RecordType, node: ir.Node, arguments: Arguments) -> Value:
        items: dict[str, Value] = {}
        names = iter(kind.fields)
        tags = taint(*(value for _, _, value in arguments)).tags
        for keyword, star, value in arguments:
            if star == "*":
                parts = self.evaluator.items_of(value)
                for part in parts if parts is not None else [value.only_taint()] * len(kind.fields):
                    name = next(names, None)
                    if name is not None:
                        items[name] = part
            elif keyword is not None:
                items[keyword] = value
            elif star == "**":
                items.update(self.evaluator.fields_of(value))
            elif (name := next(names, None)) is not None:
                items[name] = value
        known = tuple(items.get(name, UNKNOWN).with_role(_role(name)) for name in kind.fields)
        return Value(frozenset((Record(kind, node, known),)), tags)

    def _instantiate(
        self, cls: ir.Class, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value:
        bases = self.interpreter.external_bases(cls)
        decorators = {name_of(d) for d in cls.decorators}
        if "typing.NamedTuple" in bases or "dataclass" in decorators:
            fields = tuple(
                s.targets[0].id
                for s in cls.body
                if isinstance(s, ir.Assign) and s.annotation is not None and isinstance(s.targets[0], ir.Name)
            )
            record = self._record(RecordType(cls.name, fields), node, arguments)
            if "typing.NamedTuple" in bases:
                return record
            for name, value in zip(fields, next(iter(record.atoms)).items, strict=True):  # type: ignore[union-attr]
                self.interpreter.write_attribute(Instance(cls), name, value)
        site.classes.add(cls)
        instance = Instance(cls)
        constructor = self.interpreter.find_method(cls, "__init__")
        if constructor is not None:
            func = Func(constructor, instance)
            site.targets.add(func)
            self._project_call(func, arguments, frame)
        value = of(instance)
        return value.join(of(Alloc(cls, kind))) if (kind := self._container_base(bases)) else value

    def _container_base(self, bases: set[str]) -> str | None:
        kinds = {ext.CONTAINERS[b] for b in bases if b in ext.CONTAINERS}
        return min(kinds) if kinds else None

    def _call_object(self, atom: Result, node: ir.Call, arguments: Arguments) -> Value:
        """A call of an object of a library: a criterion, a network, an optimiser."""
        values = [value.no_position() for _, _, value in arguments]
        name = ext.last(atom.name)
        if name in ext.TORCH_LOSSES and name[0].isupper() and isinstance(atom.call, ir.Call):
            return taint(*values)._replace(reduction=_torch_reduction(atom.call))
        if name in ("Huber", "MeanSquaredError", "MeanAbsoluteError") and isinstance(atom.call, ir.Call):
            none = atom.call.argument(None, "reduction")
            keeps = isinstance(none, ir.Const) and str(none.value).lower() == "none"
            keeps = keeps or (isinstance(none, ir.Attr) and none.attr.lower() == "none")
            return taint(*values)._replace(reduction=ELEMENTWISE if keeps else SCALAR)
        return taint(*values)

    # ---------------------------------------------------------------- methods

    def _method(
        self, node: ir.Call, name: str, receiver: Value, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> list[Value]:
        """Methods whose meaning depends on the receiver: of containers, of `super()`, of objects built on libraries."""
        results: list[Value] = []
        for atom in receiver.atoms:
            if isinstance(atom, Alloc):
                results.append(self._container_method(atom, node, name, arguments, frame))
            elif isinstance(atom, Super):
                results += self._super_method(atom, node, name, arguments, site, frame)
            elif isinstance(atom, Instance) and self.interpreter.find_method(atom.node, name) is None:
                kind = self._container_base(self.interpreter.external_bases(atom.node))
                if kind is not None:
                    results.append(self._container_method(Alloc(atom.node, kind), node, name, arguments, frame))
            elif isinstance(atom, (Drawn, Columns, TupleOf, Record)) and name in ("items", "values", "keys", "_asdict"):
                results.append(receiver._replace(tags=receiver.tags))
        if name == "step" and not words(name_of(node.func) or "").count("optim"):
            source = name_of(node.func.value) if isinstance(node.func, ir.Attr) else None
            if source is not None and not _ENV_WORDS.isdisjoint(words(source)):
                results.append(of(Step(node)))
        return results

    def _super_method(
        self, atom: Super, node: ir.Call, name: str, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> list[Value]:
        chain = self.interpreter.mro(atom.owner.node)
        after = chain[chain.index(atom.node) + 1 :] if atom.node in chain else chain[1:]
        for cls in after:
            for statement in cls.body:
                if isinstance(statement, ir.Function) and statement.name == name:
                    func = Func(statement, atom.owner)
                    site.targets.add(func)
                    return [self._project_call(func, arguments, frame)]
        kind = self._container_base(self.interpreter.external_bases(atom.owner.node))
        if kind is not None:
            return [self._container_method(Alloc(atom.owner.node, kind), node, name, arguments, frame)]
        return [taint(*(value for _, _, value in arguments))]

    def _container_method(self, atom: Alloc, node: ir.Call, name: str, arguments: Arguments, frame: Frame) -> Value:
        content = self.interpreter.content_of(atom.node)
        values = [value for _, _, value in arguments]
        known = reference.method(atom, node, name, values, frame, self.evaluator)
        if known is not None:
            return known
        if name in _PUT and arguments and atom.kind != "array":
            how = _PUT[name]
            if how == "insert":
                value, source, index = values[-1], node.args[-1].value, node.args[0].value
            else:
                value, source, index = values[0], node.args[0].value, None
            if how == "extend":
                value = self.evaluator.element(value)
            self.evaluator.store(atom, node, frame, how, value, source, index)
            return UNKNOWN
        if name in _TAKE and not (name == "get" and atom.kind == "dict"):
            self.interpreter.evict(of(atom), node, frame, _TAKE[name])
            return content
        if name in ("get", "setdefault", "__getitem__"):
            return content.join(taint(*values))
        if name in ("items",):
            pairs = Alloc(node, "list")
            self.interpreter.add_content(node, of(TupleOf(node, (UNKNOWN, content))))
            return of(pairs)
        if name in ("values",):
            return of(atom)
        if name in ("take", "index_select", "gather"):
            draws = frozenset(taint(*values).tagged("index"))
            if draws:
                self.evaluator.gather(atom, draws, node, frame)
                return Value(tags=frozenset(("draw", d) for d in draws))
        if name in ext.CONVERSIONS:
            return of(atom)
        if name == "sort":
            return UNKNOWN
        if name in ("sample", "choice") and arguments:
            return UNKNOWN
        return taint(*values)._replace(roles=content.roles)

    # ---------------------------------------------------------------- library functions

    def external(self, name: str, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value:
        """The result of a call of a library's function, class or method by its qualified name."""
        values = [value for _, _, value in arguments]
        method = ext.last(name)
        if name.startswith("builtins.") and (found := self._builtin(method, node, arguments, frame)) is not None:
            return found
        if (known := reference.call(name, node, values, frame, self.evaluator)) is not None:
            return known
        if ext.is_continuous(name):
            self._mass(node, frame)
            return Value(tags=taint(*values).tags | {("mass", node)})
        if method in ("searchsorted", "bisect", "bisect_left", "bisect_right", "find_prefixsum_idx"):
            chosen = taint(*values).tagged("mass")
            for mass in chosen:
                self.interpreter.events.masses[mass].searched = True
            if chosen:
                return Value(tags=frozenset((kind, m) for m in chosen for kind in ("index", "draw")))
        draw = ext.draw_call(name)
        if draw is not None and values:
            return self._draw(node, draw.method, draw.items, values, frame)
        if name in ext.CONTAINERS:
            return self._container(name, node, values, frame)
        if name in ("collections.namedtuple", "typing.NamedTuple"):
            return self._namedtuple(node)
        if name.startswith("heapq."):
            return self._heap(method, node, values, frame)
        if method in ("take", "gather", "index_select", "gather_nd") and values:
            draws = frozenset(taint(*values[1:]).tagged("index"))
            for atom in values[0].atoms:
                if isinstance(atom, Alloc) and draws:
                    self.evaluator.gather(atom, draws, node, frame)
            if draws:
                return Value(tags=frozenset(("draw", d) for d in draws) | values[0].tags, roles=values[0].roles)
        if name in ("numpy.arange", "torch.arange"):
            return of(Ints())
        if name in ("numpy.power", "torch.pow", "tensorflow.pow", "jax.numpy.power") and len(node.args) >= 2:
            left, right = node.args[0].value, node.args[1].value
            return self.evaluator._arithmetic(node, "**", left, values[0], right, values[1], frame)
        return self._numeric(name, method, node, values, site, frame)

    def _numeric(
        self, name: str, method: str, node: ir.Call, values: list[Value], site: ev.CallSite, frame: Frame
    ) -> Value:
        receiver = site.receiver
        first = receiver if receiver.tags or receiver.roles else (values[0] if values else UNKNOWN)
        # A list that was filled item by item is as much computed from a draw as its items are.
        lists = [v for v in values if any(isinstance(a, Alloc) and a.kind == "list" for a in v.atoms)]
        result = taint(receiver, *values, *(self.evaluator.element(v) for v in lists))
        if method in ("mul", "multiply") and values:
            left = node.args[0].value
            right = node.args[1].value if len(values) > 1 else None
            if right is not None:
                self.evaluator.weigh(node, left, values[0], right, values[1], frame)
            elif isinstance(node.func, ir.Attr):
                self.evaluator.weigh(node, node.func.value, receiver, left, values[0], frame)
        if method in ext.TORCH_LOSSES and name.startswith("torch") and method[0].islower():
            return result._replace(reduction=_torch_reduction(node))
        if method in ext.ROWWISE_LOSSES and name.startswith(("tensorflow", "keras", "tf", "optax", "rlax", "jax")):
            return result._replace(reduction=ELEMENTWISE)
        if method in ext.REDUCTIONS:
            axis = any(node.keyword(a) for a in _AXIS) or len(values) > (
                1 if receiver is UNKNOWN or not receiver.tags else 0
            )
            kept = first.reduction if axis else SCALAR
            return result._replace(reduction=kept)
        if method in ext.POINTWISE:
            reductions = [v.reduction for v in (receiver, *values) if v.reduction]
            return result._replace(reduction=reductions[0] if reductions else None)
        if method in ext.CONVERSIONS:
            atoms = frozenset(a for a in first.atoms if isinstance(a, (Drawn, Columns)))
            roles = first.roles or roles_in(first, 3) or self.evaluator.element(first).roles
            return Value(atoms, result.tags, roles, first.reduction)
        if method[:1].isupper() or not result.tags:
            return Value(frozenset((Result(name, node),)), result.tags)
        return result

    def _builtin(self, name: str, node: ir.Call, arguments: Arguments, frame: Frame) -> Value | None:
        values = [value for _, _, value in arguments]
        first = values[0] if values else UNKNOWN
        if name == "super":
            return self._super(values, frame)
        if name in ("len", "range", "xrange"):
            return Value(frozenset((Ints(),)), taint(*values).tags)
        if name == "zip":
            if len(arguments) == 1 and arguments[0][1] == "*":
                return Value(frozenset((Columns(first),)), first.tags)
            rows = tuple(self.evaluator.element(value) for value in values)
            return self._iterable(node, of(TupleOf(node, rows)), taint(*values))
        if name == "enumerate":
            return self._iterable(node, of(TupleOf(node, (of(Ints()), self.evaluator.element(first)))), taint(*values))
        if name == "map" and len(values) == 2:
            return self._map(node, values[0], values[1], frame)
        if name in ("list", "tuple", "sorted", "reversed", "iter") and values:
            return first
        if name == "next" and values:
            return self.evaluator.element(first).join(first.only_taint())
        if name in ("int", "float", "bool", "abs", "round"):
            constant = first.literal()
            if name == "int" and isinstance(constant, (int, float)) and abs(constant) < 1e18:
                return of(Literal(int(constant)))
            return Value(tags=first.tags, roles=first.roles, reduction=first.reduction)
        if name in ("min", "max"):
            return (
                join_all(values)
                if len(values) > 1
                else self.evaluator.element(first).only_taint().join(first.only_taint())
            )
        if name == "setattr" and len(node.args) == 3:
            for key in node.args[1:2]:
                if isinstance(key.value, ir.Const) and isinstance(key.value.value, str):
                    target = ir.Attr(node.start, node.end, node.args[0].value, key.value.value)
                    self.evaluator._assign_attribute(target, values[2], frame, node, node.args[2].value)
            return UNKNOWN
        if name == "getattr" and len(node.args) >= 2:
            key_value = values[1].literal()
            if isinstance(key_value, str):
                found = self.evaluator.attribute(first, key_value, frame)
                return found.join(values[2]) if len(values) > 2 else found
            return UNKNOWN
        if f"builtins.{name}" in ext.CONTAINERS:
            return None
        return Value(tags=taint(*values).tags)

    def _iterable(self, node: ir.Node, element: Value, source: Value) -> Value:
        self.interpreter.add_content(node, element)
        return Value(frozenset((Alloc(node, "list"),)), source.tags)

    def _map(self, node: ir.Call, function: Value, iterable: Value, frame: Frame) -> Value:
        results: list[Value] = []
        for atom in function.atoms:
            if isinstance(atom, Func):
                for row in iterable.atoms:
                    if isinstance(row, Columns):
                        results.append(of(row))
                result = self._project_call(atom, [(None, "", self.evaluator.element(iterable))], frame)
                self.interpreter.add_content(node, result)
                results.append(Value(frozenset((Alloc(node, "list"),)), iterable.tags))
        return join_all(results) if results else iterable

    def _super(self, values: list[Value], frame: Frame) -> Value:
        function = frame.function
        if frame.owner is None or not isinstance(function, ir.Function):
            return UNKNOWN
        for atom in values[0].atoms if values else ():
            if isinstance(atom, ClassRef):
                return of(Super(atom.node, frame.owner))
        owner = self.interpreter.project.class_of.get(function)
        return of(Super(owner, frame.owner)) if owner is not None else UNKNOWN

    def _container(self, name: str, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        kind = ext.CONTAINERS[name]
        if kind == "array" or (kind == "dict" and name.endswith("defaultdict")):
            if name == "torch.FloatTensor" and values and values[0].tags:
                return Value(tags=values[0].tags, roles=values[0].roles)
            return of(Alloc(node, kind))
        if kind == "dict" and node.args and all(a.keyword for a in node.args):
            names = tuple(str(a.keyword) for a in node.args)
            items = tuple(v.with_role(_role(n)) for n, v in zip(names, values, strict=True))
            return Value(frozenset((Record(self.evaluator.dict_type(names), node, items),)), taint(*values).tags)
        if values and kind in ("list", "set"):
            return values[0]
        if values and kind == "deque":
            inner = self.evaluator.element(values[0])
            if inner != UNKNOWN:
                self.evaluator.store(Alloc(node, kind), node, frame, "rebuild", inner, None)
        return of(Alloc(node, kind))

    def _namedtuple(self, node: ir.Call) -> Value:
        name = node.argument(0, "typename")
        fields = node.argument(1, "field_names")
        names: list[str] = []
        if isinstance(fields, ir.Const) and isinstance(fields.value, str):
            names = fields.value.replace(",", " ").split()
        elif isinstance(fields, ir.Seq):
            for item in fields.items:
                key = item.items[0] if isinstance(item, ir.Seq) and item.items else item
                if isinstance(key, ir.Const) and isinstance(key.value, str):
                    names.append(key.value)
        title = str(name.value) if isinstance(name, ir.Const) else "record"
        return of(RecordType(title, tuple(names))) if names else UNKNOWN

    def _heap(self, method: str, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        if not values:
            return UNKNOWN
        for atom in values[0].atoms:
            if isinstance(atom, Alloc):
                if method in _HEAP_PUT and len(values) > 1:
                    self.evaluator.store(atom, node, frame, "append", values[1], node.args[1].value)
                if method in _HEAP_TAKE:
                    self.interpreter.evict(of(atom), node, frame, "pop")
        return self.evaluator.element(values[0])

    # ---------------------------------------------------------------- draws

    def _mass(self, node: ir.Call, frame: Frame) -> None:
        masses = self.interpreter.events.masses
        if node not in masses:
            masses[node] = ev.Mass(node, frame.function, frame.module.path)

    def _draw(self, node: ir.Call, method: str, items: bool, values: list[Value], frame: Frame) -> Value:
        probabilities = _probabilities(node, method)
        population = values[0]
        containers = {a for a in population.atoms if isinstance(a, Alloc)}
        objects = [a for a in population.atoms if isinstance(a, Instance)]
        positions = not items or not (containers or objects)
        if Ints() in population.atoms or (items and isinstance(population.literal(), int)):
            positions = not (containers or objects)
        draws = self.interpreter.events.draws
        draw = draws.get(node)
        if draw is None:
            path = frame.module.path
            draw = ev.Draw(node, frame.function, path, method, not positions, probabilities is not None)
            draw.probabilities = probabilities
            draws[node] = draw
        draw.items = not positions
        draw.population = draw.population.join(population)
        draw.containers |= containers
        index = Value(frozenset(), frozenset((("index", node),)))
        if positions:
            return index.with_tags(*population.tags)
        for atom in objects:
            getter = self.interpreter.find_method(atom.node, "__getitem__")
            if getter is not None:
                self._project_call(Func(getter, atom), [(None, "", index)], frame)
            kind = self._container_base(self.interpreter.external_bases(atom.node))
            if kind is not None:
                draw.containers.add(Alloc(atom.node, kind))
        drawn = Value(frozenset((Drawn(node),)), frozenset((("draw", node),)) | population.tags)
        single = method == "choice" and len(node.args) == 1 and node.keyword("size") is None
        return self.evaluator.element(drawn) if single else drawn

    # ---------------------------------------------------------------- unknown callees

    def _unknown(self, node: ir.Call, receiver: Value, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value:
        values = [value for _, _, value in arguments]
        if not isinstance(node.func, ir.Attr):
            return taint(*values)
        method = node.func.attr
        source = name_of(node.func.value) or ""
        hint = set(words(source))
        if (
            method in ("choice", "integers", "randint", "permutation", "sample", "choices", "random_integers")
            and values
        ):
            joined = "".join(words(source))
            if hint & ext.RANDOM_WORDS or joined in ext.RANDOM_WORDS:
                return self._draw(node, method, method in ("choice", "sample", "choices"), values, frame)
        if hint & _BUFFER_WORDS and (found := self._by_name(node, method, arguments, site, frame)) is not None:
            return found
        if method == "step" and not hint & {"optimizer", "optim", "opt", "optimiser", "scheduler", "scaler"}:
            return of(Step(node))
        return self._numeric(method, method, node, values, site, frame)

    def _by_name(
        self, node: ir.Call, method: str, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value | None:
        """A method of something called a buffer that the project's only fitting class defines."""
        if self._by_method is None:
            self._by_method = {}
            for cls in self.interpreter.project.classes:
                for statement in cls.body:
                    if isinstance(statement, ir.Function):
                        self._by_method.setdefault(statement.name, []).append((cls, statement))
        fitting = [
            (cls, function)
            for cls, function in self._by_method.get(method, [])
            if _accepts(function, arguments) and cls in self.interpreter.holders
        ]
        if len(fitting) != 1:
            return None
        cls, function = fitting[0]
        func = Func(function, Instance(cls))
        site.targets.add(func)
        return self._project_call(func, arguments, frame)


def _accepts(function: ir.Function, arguments: Arguments) -> bool:
    plain = [p for p in function.parameters[1:] if not p.kind]
    least = sum(p.default is None for p in plain)
    most = 99 if any(p.kind for p in function.parameters) else len(plain)
    return least <= len(arguments) <= most and not any(star for _, star, _ in arguments)


def _probabilities(node: ir.Call, method: str) -> ir.Expr | None:
    """The expression of the given probabilities of a draw."""
    found = None
    if method in ("choice", "choices"):
        found = node.argument(3, "p") if method == "choice" else node.argument(1, "weights")
        found = found or node.argument(None, "p") or node.argument(None, "cum_weights")
    elif method == "multinomial":
        found = node.argument(0, "input")
    return None if isinstance(found, ir.Const) and found.value is None else found


def _torch_reduction(call: ir.Call) -> str | None:
    """The reduction that a torch loss or its constructor was told."""
    told = call.argument(None, "reduction")
    if told is None:
        reduce_flag = call.argument(None, "reduce")
        if isinstance(reduce_flag, ir.Const) and reduce_flag.value is False:
            return ELEMENTWISE
        return SCALAR if reduce_flag is None else None
    if isinstance(told, ir.Const):
        return ELEMENTWISE if told.value == "none" else SCALAR
    return None


def _role(name: str) -> str | None:
    from per_audit.graph.roles import role_of_name

    return role_of_name(name)
