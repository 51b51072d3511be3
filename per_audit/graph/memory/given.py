"""What parameters and attributes are given by the program that runs, as against tests and what nothing makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.usage import is_of_unmade
from per_audit.graph.memory.undrawn import without_undrawn
from per_audit.graph.symbolic.symbols import takes_names
from per_audit.graph.symbolic.term import UNKNOWN_TERM, item_of

_FARTHEST = 5  # constructors that hand what they are given by name on to one another

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


class Calls(dict["ev.Owner", "tuple[ir.Call, str]"]):
    """By functions, the call and its file by which they are run on the way that is looked at.

    What is called in `files`, or by `classes`, is not on that way: other programs do, or have objects of their own.
    """

    files: frozenset[str] = frozenset()
    classes: frozenset[ir.Class | None] = frozenset()

    def sites(self, graph: ReplayGraph, function: ev.Owner) -> list[ev.CallSite]:
        """The calls of a function on that way; all, where none is seen to be."""
        every = graph.callers.get(function, [])
        if function in self:
            return [site for site in every if site.node is self[function][0]]
        return [site for site in every if self.has(graph, site)] or list(every)

    def has(self, graph: ReplayGraph, site: ev.CallSite) -> bool:
        """Whether a call is on that way."""
        return site.path not in self.files and class_of(graph, site) not in self.classes


def class_of(graph: ReplayGraph, site: ev.CallSite) -> ir.Class | None:
    """The class of the method that a call stands in."""
    return graph.project.class_of.get(site.function) if site.function is not None else None


def given(
    graph: ReplayGraph,
    term: Term,
    owner: ir.Class | None = None,
    calls: Calls | None = None,
    holder: ir.Class | None = None,
) -> list[Term]:
    """What a parameter or an attribute may be in objects of `owner`: what other heirs of its base are given is not.

    Neither is what tests, what only tries something out and classes that nothing makes give where the program itself
    calls, nor what an attribute was before the program set it. A parameter of a function that one of the `calls` is of
    is what that one gives; of a class that `holder` makes for itself, what that one does. Of more calls than are read
    some give what is not known.
    """
    if term.op == "field":
        return _assigned(graph, term)
    if term.op != "param":
        return graph.symbols.options(term)
    if calls and term.data[0] in calls and (by_call := _passed(graph, term, *calls[term.data[0]])) is not None:
        return [by_call]
    options = _named(graph, term, _in_use(graph, term, holder))
    if options and not graph.symbols.reads_all(term):
        options.append(UNKNOWN_TERM)
    interpreter = graph.interpreter
    base = graph.project.class_of.get(term.data[0])
    if owner is None or base is None or base not in interpreter.classes.mro(owner):
        return options
    own = interpreter.classes.kin(owner)
    others = set(interpreter.classes.heirs(base)) - own
    passed = [(value, _made(graph, path, call)) for value, call, path in graph.symbols.passed(term)]
    elsewhere = {value for value, made in passed if made and made <= others}
    here = {value for value, made in passed if not made or not made <= others}
    return [option for option in options if option in here or option not in elsewhere]


def _passed(graph: ReplayGraph, term: Term, call: ir.Call, path: str) -> Term | None:
    """What one call gives to a parameter, or leaves it at; None where that cannot be told."""
    function, name = term.data
    found = graph.symbols.arguments(call, function, path).get(name)
    default = next((p.default for p in function.parameters if p.name == name), None)
    if found is not None or default is None or any(arg.star for arg in call.args):
        return found
    return graph.symbols.term(graph.project.module_of[function].path, default)


def class_around(graph: ReplayGraph, path: str, node: ir.Node) -> ir.Class | None:
    """The innermost class around a node."""
    return next((around for around in graph.ancestors(path, node) if isinstance(around, ir.Class)), None)


def _in_use(graph: ReplayGraph, term: Term, holder: ir.Class | None) -> list[Term]:
    """What a parameter may be by the calls of the program: what each gives, the default where one leaves it out.

    Where tests alone are seen to call, what the program gives is not known.
    """
    options = graph.symbols.options(term)
    function, name = term.data
    calls = graph.symbols.calls_of.get(function, ())
    home = graph.project.module_of[function].path
    outside = [call for call in calls if not is_test(call[2])] if not is_test(home) else list(calls)
    if len(outside) > 1:  # the only one tells at least what is tried out
        outside = [call for call in outside if not _is_dry(graph, call)] or outside
    scripts = [call for call in calls if call[1] is None]  # a file that is named as a test, and trains when it is run
    called = [call for call in outside if _may_be_run(graph, call[1])] or outside or scripts
    called = _held_by(graph, function, holder, called) or _drawn_from(graph, function, holder, called) or called
    if len(called) == len(calls):
        return options
    nodes = {call for call, _, _ in called}
    passed = {value for value, call, _ in graph.symbols.passed(term) if call in nodes}
    if called and all(name in graph.symbols.arguments(call, function, path) for call, _, path in called):
        return [option for option in options if option in passed]
    default = next((p.default for p in function.parameters if p.name == name), None)
    left = [] if default is None else [graph.symbols.term(home, default)]
    return [*(option for option in options if option in passed and option not in left), *left]


def _named(graph: ReplayGraph, term: Term, options: list[Term]) -> list[Term]:
    """The options, with what the program gives by name in place of what is handed on to a parameter as `**options`.

    The default, where a way leaves it out: so do all where tests alone give another.
    """
    found: list[Term] = []
    is_left = False
    for option in options:
        by_name = _by_name(graph, option, _FARTHEST)
        if by_name is None:
            found.append(option)
        else:
            found += [each for each in by_name if each is not None]
            is_left = is_left or None in by_name
    function, name = term.data
    default = next((p.default for p in function.parameters if p.name == name), None)
    if is_left and default is not None:
        found.append(graph.symbols.term(graph.project.module_of[function].path, default))
    return list(dict.fromkeys(found))


def _by_name(graph: ReplayGraph, option: Term, farthest: int) -> list[Term | None] | None:
    """What the program gives by a name to a function that reads it of its `**options`, None where it does not.

    None for all where that cannot be told: the option is none such, or something unknown is spread.
    """
    if option.op != "item" or not isinstance(option.data, str) or not takes_names(option.args[0]) or not farthest:
        return None
    function = option.args[0].data[0]
    if any(parameter.name == option.data for parameter in function.parameters):
        return [None]  # which takes it
    found: list[Term | None] = []
    for call, _, path in graph.symbols.calls_of.get(function, ()):
        if is_test(path):
            continue
        given = call.argument(None, option.data) if isinstance(call, ir.Call) else None
        spread = [a.value for a in call.args if a.star == "**"] if isinstance(call, ir.Call) else []
        if given is not None:
            found.append(graph.symbols.term(path, given))
        for each in spread:
            further = _by_name(graph, item_of(graph.symbols.term(path, each), option.data, each, path), farthest - 1)
            if further is None:
                return None
            found += further
        if given is None and not spread:
            found.append(None)
    return found or [None]


def _is_dry(graph: ReplayGraph, call: tuple[ir.Expr, ev.Owner, str]) -> bool:
    """Whether a call is one of a block for starting its file, or a notebook, in which nothing learns."""
    node, function, path = call
    return function is None and graph.demos.is_dry(path, node)


def _held_by(
    graph: ReplayGraph, function: ir.Function, holder: ir.Class | None, calls: list[tuple[ir.Expr, ev.Owner, str]]
) -> list[tuple[ir.Expr, ev.Owner, str]]:
    """Those of some calls by which the holder makes objects for itself, of a class that is none of its bases."""
    made = graph.project.class_of.get(function)
    if holder is None or made is None or function.name != "__init__":
        return []
    family = graph.classes.kin(holder)
    if made in family:
        return []
    return [call for call in calls if call[1] is not None and graph.project.class_of.get(call[1]) in family]


def _drawn_from(
    graph: ReplayGraph, function: ir.Function, holder: ir.Class | None, calls: list[tuple[ir.Expr, ev.Owner, str]]
) -> list[tuple[ir.Expr, ev.Owner, str]]:
    """Those of some calls that make objects of the memory's own class that something draws from."""
    made = graph.project.class_of.get(function)
    if holder is None or made is None or function.name != "__init__" or made not in graph.classes.kin(holder):
        return []
    return without_undrawn(graph, made, calls)


def _may_be_run(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether a function is none of a class that nothing makes, and no constructor that each heir replaces."""
    is_made = function is not None and graph.project.class_of.get(function) in graph.made
    is_constructor = is_made and isinstance(function, ir.Function) and function.name == "__init__"
    return not is_of_unmade(graph, function) and (not is_constructor or function in graph.callers)


def _made(graph: ReplayGraph, path: str, call: ir.Expr) -> set[ir.Class]:
    """The classes of the objects that a call makes, or that of the heir which hands on what its base is given."""
    site = graph.events.calls.get(call) if isinstance(call, ir.Call) else None
    if site is not None and site.classes:
        return set(site.classes)
    around = class_around(graph, path, call)
    return set() if around is None else {around}


def _assigned(graph: ReplayGraph, term: Term) -> list[Term]:
    """What an attribute may be; what its class begins with is not where the program sets it in all that it makes."""
    told = graph.symbols.written(term)
    written = [each for each in told if each[1] is None or not _is_of_test(graph, each[1])] or told
    readers = _readers(graph, term)
    own = {base for cls in readers for base in graph.classes.mro(cls)}
    written = [each for each in written if each[1] is None or not _is_of_sibling(graph, each[1], own)] or written
    written = [each for each in written if each[1] is None or not _is_replaced(graph, each[1], readers)] or written
    writes = [write for _, write, _ in written if write is not None and not _is_of_constructor(write)]
    owners = {write.owner.node for write in writes}
    made = [site for owner in owners for site in graph.makers.get(owner, ()) if not is_test(site.path)]
    if not made or not all(any(_is_set_beside(graph, write, site) for write in writes) for site in made):
        return [value for value, _, _ in written]
    return [value for value, write, _ in written if write is not None and not _is_of_constructor(write)]


def _readers(graph: ReplayGraph, term: Term) -> list[ir.Class]:
    """The classes of which an object may be that reads an attribute of its own there."""
    around = class_around(graph, term.path, term.node) if term.node is not None and term.path else None
    method = graph.symbols.function_of(term.path, term.node) if around is not None and term.node is not None else None
    holder = term.node.value if isinstance(term.node, ir.Attr) else None
    if around is None or not isinstance(method, ir.Function) or not method.parameters:
        return []
    if not isinstance(holder, ir.Name) or holder.id != method.parameters[0].name:
        return []
    return [around, *graph.classes.heirs(around)]


def _is_of_sibling(graph: ReplayGraph, write: ev.AttributeWrite, own: set[ir.Class]) -> bool:
    """Whether another heir of a common base sets its own attribute of the name."""
    writer = graph.project.class_of.get(write.function) if write.function is not None else None
    return bool(own) and writer is not None and writer not in own and writer in graph.classes.mro(write.owner.node)


def _is_replaced(graph: ReplayGraph, write: ev.AttributeWrite, readers: list[ir.Class]) -> bool:
    """Whether a base sets something in its constructor, which those of all that read it replace and do not call."""
    if not readers or not _is_of_constructor(write):
        return False
    own = {graph.classes.find_method(cls, "__init__") for cls in readers}
    return None not in own and not any(write.function in graph.reachable(method) for method in own)


def _is_of_test(graph: ReplayGraph, write: ev.AttributeWrite) -> bool:
    """Whether a test sets something: in a file of tests, or in a function that is named as one, wherever that is."""
    around = (each for each in graph.ancestors(write.path, write.node) if isinstance(each, ir.Function))
    names = [getattr(write.function, "name", ""), *(each.name for each in around)]
    return is_test(write.path) or any(name.startswith("test_") for name in names)


def _is_of_constructor(write: ev.AttributeWrite) -> bool:
    """Whether an assignment is that of the constructor."""
    return isinstance(write.function, ir.Function) and write.function.name == "__init__"


def _is_set_beside(graph: ReplayGraph, write: ev.AttributeWrite, made: ev.CallSite) -> bool:
    """Whether an attribute is set where an object is made: `config = Config(); config.size = 9`."""
    begun = graph.statement(made.path, made.node)
    names = [target.id for target in getattr(begun, "targets", ()) if isinstance(target, ir.Name)]
    targets = write.node.targets if isinstance(write.node, ir.Assign) else []
    held = next((target.value for target in targets if isinstance(target, ir.Attr)), None)
    parents = graph.parents(write.path)
    is_beside = made.path == write.path and parents.get(begun) is parents.get(write.node)
    return is_beside and isinstance(held, ir.Name) and held.id in names and begun.start < write.node.start
