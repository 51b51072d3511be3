"""Calls: into the project, of containers, of random generators, of numerical libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret import containers, logarithms, spelled
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.fitting import fitting
from per_audit.graph.interpret.having import having
from per_audit.graph.interpret.known import conditionals, mappings
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.draws import FILLS_TENSOR, OF_TENSOR
from per_audit.graph.interpret.parts import is_list
from per_audit.graph.interpret.roles import name_of, role_of_name, words
from per_audit.graph.interpret.texts import called_of_texts
from per_audit.graph.interpret.values import (
    UNKNOWN,
    Alloc,
    Arguments,
    ClassRef,
    Columns,
    Drawn,
    External,
    Func,
    Instance,
    Record,
    RecordType,
    Result,
    Step,
    Super,
    TupleOf,
    Value,
    join_all,
    of,
    taint,
)  # fmt: skip

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter


# Methods of a torch module that give the module itself back.
_MOVES = {"to", "cuda", "cpu", "float", "double", "half", "bfloat16", "train", "eval", "requires_grad_", "share_memory",
          "apply", "type"}  # fmt: skip
_REPLACES: dict[str, type[Record] | type[Instance]] = {"_replace": Record, "replace": Instance}
_BUFFER_WORDS = {"memory", "mem", "buffer", "buf", "replay", "rb", "experience", "experiences", "storage", "pool"}
_ENV_WORDS = {"env", "envs", "environment", "environments", "game", "world", "simulator", "sim", "emulator"}


class Calls:
    """Gives every call its meaning, and records it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._by_method: dict[str, list[tuple[ir.Class, ir.Function]]] | None = None
        self._of_texts: dict[str, frozenset[ir.Call]] = {}

    def call(self, node: ir.Call, frame: Frame) -> Value:
        """The value of a call."""
        receiver = UNKNOWN
        evaluator = self.interpreter.evaluator
        if isinstance(node.func, ir.Attr):
            receiver = evaluator.eval(node.func.value, frame)
            callee = evaluator.attribute(receiver, node.func.attr, frame)
            known = self.interpreter.events.value(node.func)
            self.interpreter.events.values[node.func] = callee if known is UNKNOWN else known.join(callee)
        else:
            callee = evaluator.eval(node.func, frame)
        arguments: Arguments = [(a.keyword, a.star, evaluator.eval(a.value, frame)) for a in node.args]
        site = self._site(node, receiver, arguments, frame)
        arguments = self._spread(arguments)
        if (drawn := self._drawn_by_tensor(node, receiver, arguments, frame)) is not None:
            site.result = site.result.join(drawn)
            return drawn
        results: list[Value] = []
        if isinstance(node.func, ir.Attr):
            if node.func.attr == "set" and len(arguments) == 1:
                results += self.interpreter.targets.set_at(node, node.func.value, arguments[0][2], frame)
            if node.func.attr == "__init__":
                self._begin_anew(node, receiver, frame)
            spelled.update(self.interpreter, node, arguments, frame)
            if len(arguments) == 1:
                self.interpreter.foreign.append(node, receiver, arguments[0][2], frame)
            results += self._method(node, node.func.attr, receiver, arguments, site, frame)
            if results and receiver.tags and any(isinstance(a, Alloc) and a.kind == "array" for a in receiver.atoms):
                # An array in one case, as the ones that stand for weights, computed from what was drawn in another.
                results.append(taint(receiver, *(value for _, _, value in arguments)))
        for atom in fitting(self.interpreter, self.interpreter.order.atoms(callee.atoms), arguments):
            result = self._apply(atom, node, arguments, site, frame)
            if result is not None:
                results.append(result)
        if not results:
            results.append(self._unknown(node, arguments, site, frame))
        elif site.guessed is not None:
            site.settle(callee)
        if not site.targets:
            results.append(conditionals.handed(self.interpreter, node, arguments, frame))
        result = join_all(results)
        if site.result is not result:
            site.result = site.result.join(result)
        return result

    def _site(self, node: ir.Call, receiver: Value, arguments: Arguments, frame: Frame) -> ev.CallSite:
        """What is known of a call, with what it is given now."""
        sites = self.interpreter.events.calls
        site = sites.get(node)
        if site is None:
            site = sites[node] = ev.CallSite(node, frame.function, frame.module.path)
            site.arguments = [value for _, _, value in arguments]
        else:
            known = site.arguments
            for place, (_, _, value) in enumerate(arguments):
                if known[place] is not value:
                    known[place] = known[place].join(value)
        if site.receiver is not receiver:
            site.receiver = site.receiver.join(receiver)
        return site

    def _begin_anew(self, node: ir.Call, receiver: Value, frame: Frame) -> None:
        """`memory.__init__()` of an object that there is: it loses what it held."""
        if getattr(frame.function, "name", "") != "__init__" and isinstance(node.func, ir.Attr):
            for atom in self.interpreter.order.atoms(receiver.atoms):
                if isinstance(atom, Instance):
                    self.interpreter.targets.reset(atom, node, frame)

    def _spread(self, arguments: Arguments) -> Arguments:
        """The arguments, those that a function hands on as its own `*args` one by one."""
        for _, star, _ in arguments:
            if star == "*":
                break
        else:
            return arguments
        found: Arguments = []
        for argument in arguments:
            _, star, value = argument
            items = self.interpreter.parts.items_of(value) if star == "*" and _is_own(value) else None
            found += [argument] if items is None else [(None, "", item) for item in items]
        return found

    # ---------------------------------------------------------------- callees

    def _apply(
        self, atom: object, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value | None:
        if isinstance(atom, Func):
            site.targets.add(atom)
            made = self.project_call(atom, arguments, frame)
            return self.interpreter.helpers.made(atom.node, made, node, frame.module.path)
        if isinstance(atom, ClassRef):
            return self._instantiate(atom.node, node, arguments, site, frame)
        if isinstance(atom, Instance):
            for name in ("__call__", "forward", "call"):
                method = self.interpreter.classes.find_method(atom.node, name)
                if method is not None:
                    func = Func(method, atom)
                    site.targets.add(func)
                    result = self.project_call(func, arguments, frame)
                    return result.join(taint(*(v for _, _, v in arguments)).without("mass"))
            return None
        if isinstance(atom, RecordType):
            return self._record(atom, node, arguments)
        if isinstance(atom, External):
            site.names.add(atom.name)
            return self.interpreter.library.external(atom.name, node, arguments, site, frame)
        if isinstance(atom, Result):
            site.names.add(atom.name)
            bound = self._bound(atom, node, arguments, site, frame) if atom.name == ext.PARTIAL else None
            return bound or self.interpreter.library.call_object(atom, arguments, site, frame)
        return None

    def _bound(
        self, atom: Result, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value | None:
        """A call of `partial(function, name=value)`; None where places are bound, by which others stand further on."""
        given = atom.call.args[1:] if isinstance(atom.call, ir.Call) else []
        if any(argument.keyword is None and argument.star != "**" for argument in given):
            return None
        named = {keyword for keyword, _, _ in arguments}
        value = self.interpreter.events.value
        bound = [(a.keyword, a.star, value(a.value)) for a in given if a.star or a.keyword not in named]
        called = self.interpreter.order.atoms(self.interpreter.content_of(atom.call).atoms)
        own = [each for each in called if isinstance(each, (Func, ClassRef))]
        results = (self._apply(each, node, [*arguments, *bound], site, frame) for each in own)
        return join_all(result for result in results if result is not None) if own else None

    def _drawn_by_tensor(self, node: ir.Call, receiver: Value, arguments: Arguments, frame: Frame) -> Value | None:
        """What a method of a tensor draws by the masses in it, or fills it with; None for other methods."""
        values = [value for _, _, value in arguments]
        if not isinstance(node.func, ir.Attr):
            return None
        if _draws_by_mass(node.func, receiver, arguments):
            return self.interpreter.draws.draw(node, OF_TENSOR, False, [receiver, *values], frame)
        if node.func.attr == FILLS_TENSOR and _is_tensor(receiver):
            return self.interpreter.draws.mass(node, values, frame)
        return None

    def project_call(self, func: Func, arguments: Arguments, frame: Frame) -> Value:
        """The result of a call of a function of the project."""
        result = self.interpreter.call_function(func, arguments, frame.depth)
        masses = {m for _, _, value in arguments for m in value.tagged("mass")}
        chosen = [m for m in masses if self.interpreter.draws.descends(m)]
        chosen += self._chosen_inside(func, result)
        if chosen:
            # What a tree returns for a random sum depends on it by comparisons only.
            tags = frozenset((kind, m) for m in chosen for kind in ("draw", "index"))
            result = self.interpreter.parts.spread(result, tags)
        return result

    def _chosen_inside(self, func: Func, result: Value) -> list[ir.Node]:
        """The random numbers by which the callee itself chose what it returns, where its result does not show them."""
        made = self.interpreter.draws.masses_of(func.node)
        if not made:
            return []
        items = self.interpreter.parts.items_of(result) or ()
        known = self.interpreter.parts.spilled(result).tags.union(*(item.tags for item in items))
        return [node for node in made if self.interpreter.draws.descends(node) and ("draw", node) not in known]

    def _record(self, kind: RecordType, node: ir.Node, arguments: Arguments) -> Value:
        items: dict[str, Value] = {}
        names = iter(kind.fields)
        tags = taint(*(value for _, _, value in arguments)).tags
        for keyword, star, value in arguments:
            if star == "*":
                parts = self.interpreter.parts.items_of(value)
                for part in parts if parts is not None else [value.only_taint()] * len(kind.fields):
                    name = next(names, None)
                    if name is not None:
                        items[name] = part
            elif keyword is not None:
                items[keyword] = value
            elif star == "**":
                items.update(self.interpreter.parts.fields_of(value))
            elif (name := next(names, None)) is not None:
                items[name] = value
        known = tuple(items.get(name, UNKNOWN).with_role(role_of_name(name)) for name in kind.fields)
        return Value(frozenset((Record(kind, node, known),)), tags)

    def _instantiate(
        self, cls: ir.Class, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> Value:
        bases = self.interpreter.classes.external_bases(cls)
        if "typing.NamedTuple" in bases or _is_dataclass(cls):
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
        constructor = self.interpreter.classes.find_method(cls, "__init__")
        if constructor is not None:
            func = Func(constructor, instance)
            site.targets.add(func)
            self.project_call(func, arguments, frame)
        return self.made_of(instance)

    def made_of(self, instance: Instance) -> Value:
        """An object, which is a container too where a base of its class is one: `class Memory(list)`."""
        kind = self.container_base(self.interpreter.classes.external_bases(instance.node))
        return of(instance).join(of(Alloc(instance.node, kind))) if kind else of(instance)

    def container_base(self, bases: set[str]) -> str | None:
        """The kind of container that a class is by its bases in libraries."""
        kinds = {ext.CONTAINERS[b] for b in bases if b in ext.CONTAINERS}
        return min(kinds) if kinds else None

    # ---------------------------------------------------------------- methods

    def _method(
        self, node: ir.Call, name: str, receiver: Value, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> list[Value]:
        """Methods whose meaning depends on the receiver: of containers, of `super()`, of objects built on libraries."""
        results: list[Value] = []
        for atom in self.interpreter.order.atoms(having(name, receiver, self.interpreter)):
            if isinstance(atom, Alloc):
                results.append(containers.method(self.interpreter, atom, node, name, arguments, frame))
            elif name in _REPLACES and isinstance(atom, _REPLACES[name]):
                results += self._with_fields(atom, arguments)
            elif isinstance(atom, Super):
                results += self._super_method(atom, node, name, arguments, site, frame)
            elif isinstance(atom, Instance) and self.interpreter.classes.find_method(atom.node, name) is None:
                bases = self.interpreter.classes.external_bases(atom.node)
                kind = self.container_base(bases)
                if kind is not None:
                    results.append(
                        containers.method(self.interpreter, Alloc(atom.node, kind), node, name, arguments, frame)
                    )
                elif name in _MOVES and any(base.endswith("Module") for base in bases):
                    results.append(of(atom))
            elif isinstance(atom, TupleOf) and name in containers.PUT and is_list(atom):
                results.append(
                    containers.method(self.interpreter, Alloc(atom.node, "list"), node, name, arguments, frame)
                )
            elif (name in _MOVES and _is_layer(atom)) or (
                name == "options"
                and self.interpreter.events.value(node.func) == UNKNOWN
                and isinstance(atom, (ClassRef, Func))
            ):
                results.append(of(atom))  # told where it is to run: see `ext.REMOTE`
            elif isinstance(atom, Record) and (known := self._of_record(atom, node, name, receiver, arguments, frame)):
                results.append(known)
            elif isinstance(atom, (Drawn, Columns, TupleOf, Record)) and name in ("items", "values", "keys", "_asdict"):
                results.append(receiver._replace(tags=receiver.tags))
        results += _in_another_form(receiver, name) if results else []
        if name == "step" and not words(name_of(node.func) or "").count("optim"):
            source = name_of(node.func.value) if isinstance(node.func, ir.Attr) else None
            if source is not None and not _ENV_WORDS.isdisjoint(words(source)):
                results.append(of(Step(node)))
        return results

    def _of_record(
        self, atom: Record, node: ir.Call, name: str, receiver: Value, arguments: Arguments, frame: Frame
    ) -> Value | None:
        """The result of a method of a record or of a dict whose keys are known; None for what is none of them."""
        if name == "items":
            return containers.pairs(self.interpreter, node, join_all(atom.items))
        return mappings.method(self.interpreter, atom, node, receiver, arguments, frame)

    def _with_fields(self, atom: object, arguments: Arguments) -> list[Value]:
        """`batch._replace(reward=0)`, `state.replace(size=1)`: an object with other values in some of its fields."""
        given = {keyword: value for keyword, _, value in arguments if keyword is not None}
        if isinstance(atom, Record):
            items = (given.get(field, old) for field, old in zip(atom.type.fields, atom.items, strict=True))
            return [of(Record(atom.type, atom.node, tuple(items)))]
        if not isinstance(atom, Instance) or not _is_dataclass(atom.node):
            return []
        for name, value in given.items():
            self.interpreter.write_attribute(atom, name, value)
        return [of(atom)]

    def _super_method(
        self, atom: Super, node: ir.Call, name: str, arguments: Arguments, site: ev.CallSite, frame: Frame
    ) -> list[Value]:
        chain = self.interpreter.classes.mro(atom.owner.node)
        after = chain[chain.index(atom.node) + 1 :] if atom.node in chain else chain[1:]
        for cls in after:
            for statement in cls.body:
                if isinstance(statement, ir.Function) and statement.name == name:
                    func = Func(statement, atom.owner)
                    site.targets.add(func)
                    return [self.project_call(func, arguments, frame)]
        kind = self.container_base(self.interpreter.classes.external_bases(atom.owner.node))
        if kind is not None:
            return [containers.method(self.interpreter, Alloc(atom.owner.node, kind), node, name, arguments, frame)]
        return [taint(*(value for _, _, value in arguments))]

    # ---------------------------------------------------------------- unknown callees

    def _unknown(self, node: ir.Call, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value:
        values = [value for _, _, value in arguments]
        if not isinstance(node.func, ir.Attr):
            return logarithms.without(taint(*values))
        method = node.func.attr
        source = name_of(node.func.value) or ""
        hint = set(words(source))
        if (
            method in ("choice", "integers", "randint", "permutation", "sample", "choices", "random_integers")
            and values
        ):
            joined = "".join(words(source))
            if hint & ext.RANDOM_WORDS or joined in ext.RANDOM_WORDS:
                return self.interpreter.draws.draw(
                    node, method, method in ("choice", "sample", "choices"), values, frame
                )
        if hint & _BUFFER_WORDS and (found := self._by_name(method, arguments, site, frame)) is not None:
            return found
        if method == "step" and not hint & {"optimizer", "optim", "opt", "optimiser", "scheduler", "scaler"}:
            return of(Step(node))
        return self.interpreter.library.numeric(method, method, node, values, site, frame)

    def _by_name(self, method: str, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value | None:
        """A method of something called a buffer that the project's only fitting class defines."""
        if frame.module.path not in self._of_texts:
            self._of_texts[frame.module.path] = called_of_texts(frame.module)
        if site.node in self._of_texts[frame.module.path]:
            return None
        if self._by_method is None:
            self._by_method = {}
            for cls in self.interpreter.project.classes:
                for statement in cls.body:
                    if isinstance(statement, ir.Function):
                        self._by_method.setdefault(statement.name, []).append((cls, statement))
        named = self._by_method.get(method, [])
        self.interpreter.reruns.note_reads(("holder", cls) for cls, _ in named)
        fitting = [
            (cls, function)
            for cls, function in named
            if _accepts(function, arguments) and cls in self.interpreter.holders
        ]
        if len(fitting) != 1 or (site.targets and site.guessed is None):
            return None
        cls, function = fitting[0]
        func = site.guessed = Func(function, Instance(cls))
        site.targets.add(func)
        return self.project_call(func, arguments, frame)


def _in_another_form(receiver: Value, method: str) -> list[Value]:
    """The rows at drawn positions that a method moves or casts: beside the container of which they may be rows."""
    drawn = frozenset(atom for atom in receiver.atoms if isinstance(atom, Drawn))
    return [receiver._replace(atoms=drawn)] if drawn and method in ext.CONVERSIONS else []


def _is_dataclass(cls: ir.Class) -> bool:
    """Whether a class is one of fields, by the standard library's decorator or that of another."""
    return any(name_of(decorator) == "dataclass" for decorator in cls.decorators)


def _is_own(value: Value) -> bool:
    """Whether the value is what a function took as its `*args`."""
    return all(isinstance(atom, TupleOf) and isinstance(atom.node, ir.Parameter) for atom in value.atoms)


def _is_layer(made: object) -> bool:
    """Whether something is a layer, a stack of layers or a loss of torch, and no tensor that one of them gave."""
    if not isinstance(made, Result):
        return False
    last = made.name.rpartition(".")[2]
    return made.name.startswith("torch.nn.") and last[:1].isupper() and last != "Parameter"


def _draws_by_mass(method: ir.Attr, receiver: Value, arguments: Arguments) -> bool:
    """Whether the method draws positions by the masses that its tensor holds: `probabilities.multinomial(n)`."""
    if (
        method.attr != "multinomial"
        or not arguments
        or any(isinstance(a, (External, Instance)) for a in receiver.atoms)
    ):
        return False
    names = {atom.name for atom in receiver.atoms if isinstance(atom, Result)}
    random = any(name in ext.RANDOM_OBJECTS or ".random." in name for name in names)
    return not random and ext.RANDOM_WORDS.isdisjoint(words(name_of(method.value) or ""))


def _is_tensor(receiver: Value) -> bool:
    """Whether a method may be one of an array: what a project defines, and a module of a library, is none."""
    return not any(isinstance(atom, (External, Func, Instance)) for atom in receiver.atoms)


def _accepts(function: ir.Function, arguments: Arguments) -> bool:
    plain = [p for p in function.parameters[1:] if not p.kind]
    least = sum(p.default is None for p in plain)
    most = 99 if any(p.kind for p in function.parameters) else len(plain)
    return least <= len(arguments) <= most and not any(star for _, star, _ in arguments)
