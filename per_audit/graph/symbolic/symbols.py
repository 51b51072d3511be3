"""Terms of a whole project, made on demand: of an expression, of what a function returns, of what callers pass."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, Instance
from per_audit.graph.symbolic.handed_on import handed_on
from per_audit.graph.symbolic.loops import Loops
from per_audit.graph.symbolic.options import Options
from per_audit.graph.symbolic.records import Records
from per_audit.graph.symbolic.run import Run
from per_audit.graph.symbolic.settled import is_settled
from per_audit.graph.symbolic.shared import Shared
from per_audit.graph.symbolic.siblings import Siblings
from per_audit.graph.symbolic.term import UNKNOWN_TERM, Term, alternatives, bounded, item_of, phi, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic.expressions import Expressions

_DEEPEST = 5  # calls inside calls
_MOST_CALLERS = 8
_MOST_ALIKE = 40  # that give no more than so many different things
_MOST_CALLS = 120  # that are followed for one body

Settled: TypeAlias = tuple[tuple[str, Term], ...]


class Symbols:
    """The terms of a project."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self.project = graph.project
        self.events = graph.events
        self._runs: dict[tuple[ir.Node | None, str, Settled], Run] = {}
        self._returned: dict[object, tuple[Term, int]] = {}
        self._in_bodies: dict[ir.Class, dict[str, list[ir.Expr]]] = {}
        self.loops = Loops()
        self.shared = Shared(graph.project, self.events)
        self._active: set[ir.Node] = set()
        self._keyed_in: list[Term] = []  # what is being looked up in records that are looked up themselves
        self._left_out_in: set[Term] = set()  # of what it is being asked whether anybody gives it
        self._left = _MOST_CALLS
        self._gave_up = False

    # ---------------------------------------------------------------- terms of expressions

    def run(self, function: ev.Owner, path: str, settled: Settled = ()) -> Run:
        """The body of a function with its parameters unknown, but for constants that tests ask for.

        None stands for the top level of the file.
        """
        key = (function, path, settled)
        known = self._runs.get(key)
        if known is None:
            owner = self.project.class_of.get(function) if function is not None else None
            outer = self._outer(function, path)
            known = self._runs[key] = Run(self, function, path, owner, outer)
            known.bind_parameters(dict(settled))
            left, gave_up, self._left, self._gave_up = self._left, self._gave_up, _MOST_CALLS, False
            known.execute()
            self._left, self._gave_up = left, gave_up
        return known

    def _outer(self, function: ev.Owner, path: str) -> Run | None:
        """The body around a function: that of the function it is defined in, else the file's top level."""
        if function is None:
            return None
        around = self.project.outer_of.get(function)
        if around is function or around in self._active:
            return None
        return self.run(around, path)

    def function_of(self, path: str, node: ir.Node) -> ev.Owner:
        """The function whose body holds a node, None for the top level."""
        for around in self.graph.ancestors(path, node):
            if isinstance(around, ir.Function):
                return around
        return None

    def term(self, path: str, node: ir.Node | None) -> Term:
        """The term of an expression, with the parameters of its function unknown."""
        if node is None:
            return UNKNOWN_TERM
        return self.run(self.function_of(path, node), path).terms.get(node, UNKNOWN_TERM)

    def returned(self, function: ir.Function) -> Term:
        """What a function returns, with its parameters unknown."""
        return self.run(function, self.project.module_of[function].path).result()

    def inside(self, term: Term) -> Term | None:
        """What a call of the project that was too unwieldy to be followed returns.

        The parameters are unknown, but for the constants that the call gives them.
        """
        if term.op != "call" or not isinstance(term.data, tuple) or not isinstance(term.data[1], ir.Function):
            return None
        function = term.data[1]
        settled = self._settled(term.node, function, term.path) if isinstance(term.node, ir.Call) else ()
        result = self.run(function, self.project.module_of[function].path, settled).result()
        for part in term.data[2:]:
            result = item_of(result, part, term.node, term.path)
        return result

    # ---------------------------------------------------------------- calls

    def call(
        self,
        function: ir.Function | ir.Lambda,
        owner: ir.Class | None,
        arguments: list[tuple[str | None, str, Term]],
        depth: int,
        closure: Expressions | None = None,
    ) -> Term | None:
        """What a call returns, None where it is recursive, too deep, or one of too many to be followed."""
        if depth > _DEEPEST or function in self._active:
            return None
        path = self.project.module_of[function].path
        key = (function, owner, tuple(arguments), None if closure is None else id(closure))
        known = self._returned.get(key)
        if known is not None and known[1] <= self._left:
            self._left -= known[1]  # so that it makes no difference who asked first
            return known[0]
        if self._left <= 0:
            self._gave_up = True
            return None
        before = self._left
        self._left -= 1
        self._active.add(function)
        try:
            owner = owner or (self.project.class_of.get(function) if isinstance(function, ir.Function) else None)
            run = Run(self, function, path, owner, closure or self._outer(function, path), depth)
            run.bind_arguments(arguments)
            run.execute()
            result = run.result()
        finally:
            self._active.discard(function)
        if not self._gave_up:
            self._returned[key] = result, before - self._left
        return result

    @cached_property
    def calls_of(self) -> dict[ev.Owner, list[tuple[ir.Expr, ev.Owner, str]]]:
        """For each function the expressions that call it, subscripts of objects included: node, caller, path."""
        table: dict[ev.Owner, list[tuple[ir.Expr, ev.Owner, str]]] = defaultdict(list)
        for site in self.events.calls.values():
            for function in dict.fromkeys(func.node for func in site.targets):
                table[function].append((site.node, site.function, site.path))
        for access in self.events.subscripts.values():
            for function in dict.fromkeys(func.node for func in access.targets):
                table[function].append((access.node, access.function, access.path))
        for sites in table.values():
            sites.sort(key=lambda entry: (entry[2], entry[0].start))
        return table

    def arguments(self, call: ir.Expr, function: ir.Function, path: str) -> dict[str, Term]:
        """The terms that a call gives to the parameters of a function, by their names."""
        run = self.run(self.function_of(path, call), path)
        skip = self.takes_self(function) and not self._gives_self(call, function)
        given = run.arguments_of(call)
        return _by_name(call, function, given, skip) or run.bound(function, given, skip=skip)

    def _settled(self, call: ir.Call, function: ir.Function, path: str) -> Settled:
        """The constants that a call gives to parameters, or leaves them at."""
        if not any(parameter.default is not None for parameter in function.parameters):
            return ()
        given = self.arguments(call, function, path)
        for parameter in function.parameters:
            if parameter.name not in given and parameter.default is not None:
                given[parameter.name] = self.term(self.project.module_of[function].path, parameter.default)
        return tuple((name, term) for name, term in given.items() if is_settled(term))

    def _gives_self(self, call: ir.Expr, function: ir.Function) -> bool:
        """Whether a method is called through its class, with the object as the first argument: `Base.f(self)`."""
        if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr):
            return False
        if any(isinstance(d, ir.Name) and d.id == "classmethod" for d in function.decorators):
            return False
        if function.name == "__init__" and call.func.attr != "__init__":
            return False  # `Memory.remote(size)` makes an object
        atoms = self.events.value(call.func.value).atoms
        return bool(atoms) and all(isinstance(atom, ClassRef) for atom in atoms)

    def takes_self(self, function: ir.Function | ir.Lambda) -> bool:
        """Whether the first parameter is the object: a method that is no static method."""
        if not isinstance(function, ir.Function) or function not in self.project.class_of:
            return False
        return not any(isinstance(d, ir.Name) and d.id == "staticmethod" for d in function.decorators)

    # ---------------------------------------------------------------- from the inside out

    def passed(self, term: Term) -> list[tuple[Term, ir.Expr, str]]:
        """What the callers give to a parameter: the term, the call and its file. Empty where nobody calls.

        Of very many callers the first ones; `reads_all` says whether it is all.
        """
        assert term.op == "param"
        function, name = term.data
        found: list[tuple[Term, ir.Expr, str]] = []
        different: set[Term] = set()
        for node, _, path in self._read_calls(function):
            given = self.arguments(node, function, path).get(name)
            if given is not None and given != term:
                different.add(given)
                if len(different) > _MOST_CALLERS:
                    break
                found.append((given, node, path))
        return found

    def reads_all(self, term: Term) -> bool:
        """Whether what each caller gives to a parameter is among what is `passed`."""
        function, name = term.data
        calls = self.calls_of.get(function, ())
        if len(calls) <= _MOST_CALLERS:
            return True
        given = {self.arguments(node, function, path).get(name) for node, _, path in self._read_calls(function)}
        return len(calls) <= _MOST_ALIKE and len(given - {None, term}) <= _MOST_CALLERS

    def _read_calls(self, function: ir.Function) -> Sequence[tuple[ir.Expr, ev.Owner, str]]:
        return self.calls_of.get(function, ())[:_MOST_ALIKE]

    def expanded(self, term: Term, depth: int = 4) -> Term:
        """The term with parameters replaced by what the callers pass and fields by what is assigned to them."""
        return self._expanded(term, depth, frozenset(), {})

    def _expanded(
        self, term: Term, depth: int, seen: frozenset[Term], known: dict[tuple[Term, int, frozenset[Term]], list[Term]]
    ) -> Term:
        """`known` are the alternatives that parts have been expanded to: one part stands at many places."""
        if depth == 0:
            return term

        def change(part: Term) -> Term | None:
            if not part.has("param", "field", "global"):
                return part  # as it is, and all below it
            if part.op == "item":  # of what a caller hands on as `*args`
                held = part.args[0].mapped(change)
                known_item = held.op in ("tuple", "record")
                return item_of(held, part.data, part.node, part.path) if known_item else part.replaced((held,))
            if part.op not in ("param", "field", "global") or part in seen:
                return None
            key = (part, depth, seen)
            options = known.get(key)
            if options is None:
                inner = seen | {part}
                options = [self._expanded(option, depth - 1, inner, known) for option in self.options(part)]
                known[key] = options
            return phi(options, part.node, part.path) if options else None

        return bounded(term.mapped(change))

    def options(self, term: Term) -> list[Term]:
        """What a parameter or field may be, one step outwards; empty where that is not known."""
        if term.op == "param":
            function, name = term.data
            passed = dict.fromkeys(option for option, _, _ in self.passed(term))
            handed = [handed_on(self, option) or ([option], self._is_left_out(option)) for option in passed]
            given = [option for options, _ in handed for option in options]
            default = next((p.default for p in function.parameters if p.name == name), None)
            if default is not None and (not given or any(is_left_out for _, is_left_out in handed)):
                given = [option for option in given if not self._is_left_out(option)]
                given.append(self.term(self.project.module_of[function].path, default))
            return given
        if term.op == "field":
            return [option for option, _, _ in self.written(term)]
        if term.op == "item" and isinstance(term.data, str) and len(self._keyed_in) < _DEEPEST:
            self._keyed_in.append(term)
            try:
                return self._keyed(term.args[0], term.data)
            finally:
                self._keyed_in.pop()
        return []

    def _keyed(self, term: Term, key: str) -> list[Term]:
        """What a term holds under a key: of `**options` what callers give by that name, else of the dicts that it is.

        Empty where one of them cannot be looked into.
        """
        if takes_names(term):
            return [self.term(path, argument.value) for argument, path in self._named(term) if argument.keyword == key]
        held = self._records(term)
        return [item_of(record, key, record.node, record.path) for record in held or () if key in record.data]

    def holds(self, term: Term, key: str) -> bool | None:
        """Whether the dicts that a term may be have a key; None where some have and some do not, or it may be more."""
        held = {key in record.data for record in self._records(term) or ()}
        return held.pop() if len(held) == 1 else None

    def _records(self, term: Term, depth: int = _DEEPEST) -> list[Term] | None:
        """The dicts with written keys that a term may be; None where it may be something else."""
        found: list[Term] = []
        for option in alternatives(strip(term)):
            inner: list[Term] | None = None
            if option.op == "record" and isinstance(option.data, tuple):
                inner = [option]
            elif option.op in ("param", "field", "item") and depth:
                given = [self._records(outer, depth - 1) for outer in self.options(option)]
                inner = [record for records in given for record in records or ()] if None not in given else None
            if not inner:
                return None
            found += inner
        return found

    def _is_left_out(self, term: Term) -> bool:
        """Whether a term reads what no caller gives of `**options`, or what none of the dicts holds that are spread."""
        if term.op != "item":
            return False
        if not takes_names(term.args[0]):
            if term in self._left_out_in or len(self._left_out_in) >= _DEEPEST:
                return False  # a function that hands on to itself
            self._left_out_in.add(term)
            try:
                held = self._records(term.args[0])
            finally:
                self._left_out_in.discard(term)
            return held is not None and all(term.data not in record.data for record in held)
        if not self.calls_of.get(term.args[0].data[0]):
            return False
        return not any(arg.keyword == term.data or arg.star == "**" for arg, _ in self._named(term.args[0]))

    def _named(self, term: Term) -> list[tuple[ir.Arg, str]]:
        """The arguments of the calls of a parameter's function, and their files."""
        calls = self.calls_of.get(term.data[0], ())[:_MOST_CALLERS]
        return [(argument, path) for call, _, path in calls if isinstance(call, ir.Call) for argument in call.args]

    def default_of(self, term: Term) -> list[Term]:
        """The defaults of a command-line option that a term reads: `args.size` after `add_argument("--size", ...)`."""
        return self._options.of(term)

    @property
    def option_defaults(self) -> dict[str, list[Term]]:
        """The defaults of the command-line options of the project, by the names of their attributes."""
        return self._options.defaults

    @cached_property
    def _options(self) -> Options:
        return Options(self)

    @cached_property
    def records(self) -> Records:
        """What data classes are made with."""
        return Records(self)

    @cached_property
    def siblings(self) -> Siblings:
        """The objects that one object holds side by side."""
        return Siblings(self)

    def is_imported(self, name: str) -> bool:
        """Whether a dotted name begins with something that the project imports, or that is built in."""
        return name.partition(".")[0] in self._imported

    @cached_property
    def _imported(self) -> set[str]:
        found = {"builtins"}
        for module in self.project.modules.values():
            for node in module.nodes_of(ir.Import, ir.ImportFrom):
                if isinstance(node, ir.Import):
                    found |= {name.partition(".")[0] for name, _ in node.names}
                elif isinstance(node, ir.ImportFrom):
                    found |= {node.module.partition(".")[0], *(name for name, _ in node.names)}
        return found

    # ---------------------------------------------------------------- attributes

    def field(self, cls: ir.Class, name: str, node: ir.Node | None = None, path: str = "") -> Term:
        """The attribute of objects of a class; that of a base and of its heirs is one."""
        root = cls
        for base in self.graph.classes.mro(cls):
            if (base, name) in self.graph.interpreter.attributes:
                root = base
        return Term("field", (), (root, name), node, path)

    def written(self, term: Term) -> list[tuple[Term, ev.AttributeWrite | None, str]]:
        """What is assigned to a field: the term, the write (None for the class body) and the file.

        So is what those who make objects of a data class give.
        """
        assert term.op == "field"
        cls, name = term.data
        found: list[tuple[Term, ev.AttributeWrite | None, str]] = []
        for write in self.writes_of.get((cls, name), ()):
            run = self.run(write.function, write.path)
            value = run.assigned.get((write.node, name))
            if value is None:
                value = run.terms.get(write.expression, UNKNOWN_TERM) if write.expression is not None else UNKNOWN_TERM
            found.append((value, write, write.path))
        given, is_always = self.records.given(cls, name)
        found += [(value, None, path) for value, path in given]
        for base in self._family(cls) if not is_always else ():
            path = self.project.module_of[base].path
            values = self._written_in_body(base).get(name, ())
            found += [(self.class_body(base).terms.get(value, UNKNOWN_TERM), None, path) for value in values]
        return found

    def _written_in_body(self, cls: ir.Class) -> dict[str, list[ir.Expr]]:
        """What the body of a class assigns to each name."""
        known = self._in_bodies.get(cls)
        if known is None:
            known = self._in_bodies[cls] = {}
            for statement in cls.body:
                if isinstance(statement, ir.Assign) and statement.value is not None:
                    for name in {target.id for target in statement.targets if isinstance(target, ir.Name)}:
                        known.setdefault(name, []).append(statement.value)
        return known

    def _family(self, cls: ir.Class) -> list[ir.Class]:
        return [cls, *self.graph.classes.heirs(cls)]

    def class_body(self, cls: ir.Class) -> Run:
        """The statements of a class body."""
        path = self.project.module_of[cls].path
        key = (cls, path, ())
        known = self._runs.get(key)
        if known is None:
            known = Run(self, None, path, cls, self.run(None, path))
            self._runs[key] = known
            known.block(cls.body)
        return known

    @cached_property
    def writes_of(self) -> dict[tuple[ir.Class, str], list[ev.AttributeWrite]]:
        """The assignments to each field, one for each statement, in order of their places."""
        table: dict[tuple[ir.Class, str], dict[ir.Node, ev.AttributeWrite]] = defaultdict(dict)
        for write in self.events.writes.values():
            root = self.field(write.owner.node, write.attribute).data
            table[root].setdefault(write.node, write)
        return {
            key: sorted(writes.values(), key=lambda write: (write.path, write.node.start))
            for key, writes in table.items()
        }

    def classes_of(self, node: ir.Expr) -> list[ir.Class]:
        """The classes of the objects that an expression may be."""
        found = {atom.node for atom in self.events.value(node).atoms if isinstance(atom, Instance)}
        return sorted(found, key=lambda cls: (self.project.module_of[cls].path, cls.start))

    def classes_read(self, node: ir.Attr) -> list[ir.Class]:
        """The classes of which an expression reads an attribute that their bodies assign, without an object of them."""
        found = {atom.node for atom in self.events.value(node.value).atoms if isinstance(atom, ClassRef)}
        mro = self.graph.classes.mro
        read = (cls for cls in found if any(node.attr in self._written_in_body(base) for base in mro(cls)))
        return sorted(read, key=lambda cls: (self.project.module_of[cls].path, cls.start))


def takes_names(term: Term) -> bool:
    """Whether a term is a parameter for all arguments that have no other: `**options`."""
    if term.op != "param":
        return False
    function, name = term.data
    return any(p.name == name and p.kind == "**" for p in function.parameters)


def _by_name(
    call: ir.Expr, function: ir.Function, given: list[tuple[str | None, str, Term]], skip: bool
) -> dict[str, Term]:
    """The arguments of a call that gives too few, by what they are called in it; empty where it does not.

    Such a call fails. Mended it has another argument in the middle, so that the places say nothing of the others.
    """
    parameters = function.parameters[1:] if skip else function.parameters
    named = [arg.value.id for arg in getattr(call, "args", ()) if isinstance(arg.value, ir.Name) and not arg.star]
    fits = len(given) >= sum(parameter.default is None and not parameter.kind for parameter in parameters)
    if fits or len(set(named)) < len(given) or not set(named) <= {parameter.name for parameter in parameters}:
        return {}
    return {name: term for name, (_, _, term) in zip(named, given, strict=True)}
