"""How many transitions a container is made to hold, where the code says so in numbers."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import JOINS
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.memory import axes
from per_audit.graph.memory.apart import apart, is_of
from per_audit.graph.memory.counters import is_counter, is_length
from per_audit.graph.memory.given import class_around, given
from per_audit.graph.memory.laps import lengths_of_laps
from per_audit.graph.memory.looked_up import default_beside, looked_up
from per_audit.graph.memory.powers import power_of_two, rounded
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.vocabulary import TRANSPARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph

_DEEPEST = 5
_ARITHMETIC: dict[str, Callable[..., int]] = {
    "mul": operator.mul,
    "add": operator.add,
    "sub": operator.sub,
    "floordiv": operator.floordiv,
}
_FALLING = {"sub", "floordiv"}  # the larger what is on the right, the smaller the result
_UNLIMITED = 1e12
_OPEN = 0  # beside the numbers: whoever starts the program may give another


class _For(NamedTuple):
    """What numbers are asked for: in objects of `owner`, by these calls; `by_name` and `holder` as told below."""

    owner: ir.Class | None = None
    by_name: bool = False
    calls: Calls | None = None
    holder: ir.Class | None = None


_ANYBODY = _For()


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much the containers may hold: the largest and least number readable, and whether every way to it is one.

    `by_default`: every way is, as long as the options of the command line are left as they are.
    """

    largest: int | None
    complete: bool
    by_default: bool = False
    least: int | None = None

    def is_at_most(self, limit: int) -> bool:
        """Whether the code says that there is never room for more than `limit`."""
        return self.complete and self.largest is not None and self.largest <= limit

    @property
    def usual(self) -> int | None:
        """The number where it is readable, with the options of the command line as they are."""
        return self.largest if self.complete or self.by_default else None


def capacity_of(
    graph: ReplayGraph,
    containers: Iterable[Alloc],
    by_name: bool = False,
    calls: Calls | None = None,
    holder: ir.Class | None = None,
) -> Capacity:
    """The capacity that the project gives to the containers.

    It is read from the limit of a deque, the size of an array, and tests that compare a container's length with a
    number; parameters and attributes are followed to the callers and assignments. `by_name`, a parameter that no call
    can be seen to give is what the project's options, dicts and keywords of its name are: `make(**vars(args))`. `calls`
    are those of one program, of functions that several run. `holder` is the class of the memory that the containers are
    of: a ring that it makes is as long as it makes it, however long those are that others make of the class.
    """
    found: list[int | None] = []
    known: dict[Term, list[int | None]] = {}  # one expression may make many containers, all of that size
    own, others = apart(graph, containers, holder)
    for container in own:
        path = graph.path_of(container.node)
        if path is not None:
            owner = class_around(graph, path, container.node)
            asked = _For(owner, by_name, calls, holder)
            sizes = _declared(graph, container, path)
            known |= {term: _numbers(graph, term, asked) for term in sizes if term not in known}
            made = [number for term in sizes for number in known[term]]
            if container.kind == "array" and set(made) == {1}:
                continue  # a number in the form of an array, among what the memory may be: no batch is drawn of it
            last = [graph.symbols.term(file, number) for file, number in graph.last_kept.get(container, ())]
            limits = [*_compared(graph, container), *_roomy(graph, container), *last]
            if container.kind == "list" and not (sizes or limits):
                limits = lengths_of_laps(graph, container)  # it grows at its end until the positions go round
            kept = [number for term in limits if not is_of(term, others) for number in _numbers(graph, term, asked)]
            # A deque holds no more than it is made for: a larger limit that is kept by hand is never come to.
            is_limited = container.kind == "deque" and any(made) and None not in made
            found += made if is_limited else [*made, *kept]
            count = filled_by_count(graph, container) if not (made or kept) else None
            found += [] if count is None else [count]
    return _capacity(found)


def read(graph: ReplayGraph, terms: Iterable[Term], calls: Calls | None = None) -> Capacity:
    """The numbers that terms may be, in the program that makes these calls, as a capacity."""
    return _capacity([number for term in terms for number in _numbers(graph, term, _For(calls=calls))])


def compared_around(graph: ReplayGraph, path: str, node: ir.Node) -> Capacity:
    """The numbers that tests around a node, in its function, compare a length with."""
    return read(graph, _lengths(graph, path, node))


def number_of(
    graph: ReplayGraph, path: str, node: ir.Expr, by_name: bool = False, calls: Calls | None = None
) -> Capacity:
    """The numbers that an expression may be, followed to callers, assignments and defaults; `by_name` as above.

    `calls` are those that are looked at, of functions that several call.
    """
    return _capacity(_numbers(graph, graph.symbols.term(path, node), _For(None, by_name, calls)))


def _capacity(found: list[int | None]) -> Capacity:
    known = [number for number in found if number]
    complete = bool(known) and None not in found
    is_open = _OPEN in found
    return Capacity(max(known, default=None), complete and not is_open, complete and is_open, min(known, default=None))


def filled_by_count(graph: ReplayGraph, container: Alloc) -> int | None:
    """How many items a script puts into a list by loops that are counted out in numbers; None where it is not so.

    A number may have a name, but none that a caller or the command line gives.
    """
    total = 0
    grows = [s for s in graph.events.stores.values() if s.container == container and s.how in ("append", "insert")]
    for store in grows:
        rounds = 1
        for around in graph.ancestors(store.path, store.node):
            if isinstance(around, (ir.Function, ir.Lambda, ir.While, ir.Comp)):
                return None
            if isinstance(around, ir.For):
                count = _rounds(graph, store.path, around)
                if count is None:
                    return None
                rounds *= count
        total += rounds
    return total if grows else None


def _rounds(graph: ReplayGraph, path: str, loop: ir.For) -> int | None:
    """How often a loop over `range(100)` is gone through at most, where the number is known."""
    call = loop.iter
    if not isinstance(call, ir.Call) or getattr(call.func, "id", "") != "range" or len(call.args) > 2:
        return None
    last = number_of(graph, path, call.args[-1].value)
    return last.largest if last.complete else None


def _declared(graph: ReplayGraph, container: Alloc, path: str) -> list[Term]:
    """The terms of the size that the container is made with."""
    node = container.node
    if isinstance(node, ir.Call) and container.kind == "array" and _is_repeated(node):
        node = node.args[0].value
    if isinstance(node, ir.Bin):  # [None] * capacity
        return [graph.symbols.term(path, side) for side in (node.left, node.right) if not isinstance(side, ir.Seq)]
    if isinstance(node, ir.Comp):  # [None for _ in range(capacity)]
        return [graph.symbols.term(path, count) for count in _counted(node)]
    if not isinstance(node, ir.Call) or name_of(node.func) in JOINS:
        return []
    if container.kind == "deque":
        limit = node.argument(1, "maxlen") or node.argument(None, "maxsize")
        return [graph.symbols.term(path, limit)] if limit is not None else []
    shape = node.argument(0, "shape")
    if isinstance(shape, ir.Seq) and (across := axes.beside(graph, container)):  # a row for each environment
        return [axes.product(graph, path, shape.items[: len(across) + 1])]
    return _rows(graph, path, shape) if shape is not None and container.kind == "array" else []


def _is_repeated(call: ir.Call) -> bool:
    """Whether an array is made of an item that its call repeats: `np.array([0] * n)`, `np.array([{} for _ in ...])`."""
    given = call.args[0].value if call.args else None
    sides = (given.left, given.right) if isinstance(given, ir.Bin) else ()
    repeats = isinstance(given, ir.Comp) or any(isinstance(side, ir.Seq) for side in sides)
    return name_of(call.func) in TRANSPARENT and repeats


def _counted(node: ir.Comp) -> list[ir.Expr]:
    """How many items a comprehension makes that counts them, all of which it takes."""
    counted = node.generators[0].iter
    if len(node.generators) != 1 or node.generators[0].ifs or not isinstance(counted, ir.Call):
        return []
    return [arg.value for arg in counted.args] if name_of(counted.func) == "range" and len(counted.args) == 1 else []


def _rows(graph: ReplayGraph, path: str, shape: ir.Expr) -> list[Term]:
    """The terms of the first number of a shape; of one that a function of the project puts together, what it is given.

    Where anything else may come first there, the term of the shape, which is no number.
    """
    site = graph.events.calls.get(shape) if isinstance(shape, ir.Call) else None
    function = next(iter(site.targets)).node if site is not None and len(site.targets) == 1 else None
    if not isinstance(function, ir.Function):
        return [graph.symbols.term(path, first) for first in _leading(shape)]
    scope = list(ir.walk_scope(function.body))
    returned = [part.value for part in scope if isinstance(part, ir.Return) and part.value is not None]
    leading = [first for value in returned for first in _leading(value)]
    given = graph.symbols.arguments(shape, function, path)
    changed = {
        name_of(part)
        for node in scope
        if isinstance(node, (ir.Assign, ir.Aug, ir.For))
        for target in (node.targets if isinstance(node, ir.Assign) else [node.target])
        for part in ir.walk(target)
    }
    names = {first.id if isinstance(first, ir.Name) else "" for first in leading}
    if not names or names & changed or not names <= given.keys():
        return [graph.symbols.term(path, shape)]
    return [given[name] for name in sorted(names)]


def _leading(shape: ir.Expr) -> list[ir.Expr]:
    """What a shape that is written begins with: `(n, *rest)`, `(n,) + rest`, or the only number that it is."""
    if isinstance(shape, ir.IfExp):
        return [*_leading(shape.body), *_leading(shape.orelse)]
    if isinstance(shape, ir.Bin) and shape.op == "+" and isinstance(shape.left, ir.Seq):
        return _leading(shape.left)
    return shape.items[:1] if isinstance(shape, ir.Seq) else [shape]


def _compared(graph: ReplayGraph, container: Alloc) -> list[Term]:
    """What the length of the container, or a count of what is added, is compared with where something is taken out."""
    found: list[Term] = []
    evictions = [evict for evict in graph.events.evictions.values() if evict.container == container]
    stores = graph.events.stores.values() if evictions else ()
    adding = {s.function for s in stores if s.container == container and s.how == "append"} - {None}
    beside = set(ir.walk(*(function for function in adding if function is not None)))
    for evict in evictions:
        found += _lengths(graph, evict.path, evict.node, beside)
    return found


def _lengths(graph: ReplayGraph, path: str, node: ir.Node, beside: Set[ir.Node] = frozenset()) -> list[Term]:
    """What tests around a node, in its function, compare a length with, or what is counted `beside` what is added."""
    found: list[Term] = []
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            break
        # A loop around a test is that of the training: how long it goes on is no limit.
        if isinstance(around, ir.If) or (isinstance(around, ir.While) and not found):
            found += _limits(graph, path, around.test, beside)
    return found


def _limits(graph: ReplayGraph, path: str, test: ir.Expr, beside: Set[ir.Node]) -> list[Term]:
    """What a test compares a length with, be it only where that is a limit: `n != -1 and len(rows) > n`."""
    if isinstance(test, ir.Logic) and test.op == "and":
        first = test.left.left if isinstance(test.left, ir.Cmp) else test.left
        tested, limits = graph.symbols.term(path, first), _limits(graph, path, test.right, beside)
        return limits if limits == [tested] else []
    sides = (test.left, *test.rights) if isinstance(test, ir.Cmp) else ()
    counted = [is_length(side) or is_counter(side, beside) for side in sides]
    if not any(counted):
        return []
    return [graph.symbols.term(path, side) for side, is_count in zip(sides, counted, strict=True) if not is_count]


def _roomy(graph: ReplayGraph, container: Alloc) -> list[Term]:
    """What the length of a list, or a counter beside it, is compared with: it is filled while there is room.

    So is an array that is put together anew with one more.
    """
    appends = [s for s in graph.events.stores.values() if s.how == "append"]
    found: list[Term] = []
    for store in appends:
        if store.container != container or (container.kind != "list" and store.node is not container.node):
            continue
        for around in graph.ancestors(store.path, store.node):
            if isinstance(around, (ir.Function, ir.Lambda, ir.For, ir.While)):
                break
            if isinstance(around, ir.If):
                inside = set(ir.walk(*_with_room(around)))
                beside = {other.container for other in appends if other.node in inside}
                if store.node in inside and isinstance(around.test, ir.Cmp):
                    left = around.test.left
                    measured = graph.events.value(left.args[0].value).atoms if isinstance(left, ir.Call) else ()
                    if is_counter(left, inside) or not beside.isdisjoint(measured):
                        found.append(graph.symbols.term(store.path, around.test.rights[0]))
                break
    return found


def _with_room(branch: ir.If) -> list[ir.Stmt]:
    """What is run where a test says that there is room for more: `len(rows) < n`, or not `len(rows) == n`."""
    test = branch.test
    if not isinstance(test, ir.Cmp) or len(test.rights) != 1:
        return []
    if not is_length(test.left) and not isinstance(test.left, (ir.Name, ir.Attr)):
        return []
    return branch.body if test.ops[0] in ("<", "!=") else branch.orelse if test.ops[0] in ("==", ">=") else []


def _numbers(graph: ReplayGraph, term: Term, asked: _For = _ANYBODY, depth: int = _DEEPEST) -> list[int | None]:
    """The numbers that a term may be, None for each way on which it is not known."""
    found: list[int | None] = []
    for option in alternatives(strip(term)):
        number = option.number
        if number is not None:
            found += [int(number)] if 0 < number < _UNLIMITED else []
        elif (
            option.op in ("param", "field", "item")
            and depth
            and (options := given(graph, option, asked.owner, asked.calls, asked.holder))
        ):
            found += [n for outer in options for n in _numbers(graph, outer, asked, depth - 1)]
            found += [_OPEN] if graph.symbols.records.is_open(option) else []
        elif depth and (
            named := looked_up(graph, option) or (_named(graph, _setting(option)) if asked.by_name else [])
        ):
            found += [n for outer in named for n in _numbers(graph, outer, asked, depth - 1)]
        elif defaults := graph.symbols.default_of(option):
            found += [n for default in defaults for n in _numbers(graph, default, depth=0)]
            found.append(_OPEN)
        elif (beside := default_beside(option)) is not None:
            key, default = beside
            elsewhere = _named(graph, key) if depth else []  # where the same may be looked up again
            given_elsewhere = (n for other in elsewhere for n in _numbers(graph, other, depth=0))
            found += [*_numbers(graph, default, depth=0), *filter(None, given_elsewhere), _OPEN]
        elif option.op == "minimum" and depth:
            sides = [_numbers(graph, side, asked, depth - 1) for side in option.args]
            known = [[n for n in side if n] for side in sides if None not in side]
            bounds = [max(numbers) for numbers in known if numbers]
            found += [min(bounds) if bounds else None, *(_OPEN for side in sides if _OPEN in side)]
        elif depth and (inner := rounded(graph, option)) is not None:
            numbers = _numbers(graph, inner, asked, depth - 1)
            found += [power_of_two(n) if n else n for n in numbers]
        elif option.op in _ARITHMETIC and depth:
            found += _computed(graph, option, asked, depth)
        else:
            found.append(None)
    return found


def _setting(term: Term) -> str:
    """The name of a parameter, or of a setting that is read from one: `config.steps`."""
    if term.op == "param":
        return str(term.data[1])
    is_read = term.op == "item" and isinstance(term.data, str) and strip(term.args[0]).op == "param"
    return term.data if is_read else ""


def _named(graph: ReplayGraph, name: str) -> list[Term]:
    """What the project gives under a name: as an option's default, in a dict with written keys, as a keyword.

    What its tests give is none of what it runs with.
    """
    if not name:
        return []
    found = list(graph.symbols.option_defaults.get(name, ()))
    for path, module in graph.project.modules.items():
        for node in module.nodes_of(ir.Map, ir.Call) if not is_test(path) else ():
            values: Iterable[ir.Expr] = ()
            if isinstance(node, ir.Map):
                pairs = zip(node.keys, node.values, strict=True)
                values = (value for key, value in pairs if isinstance(key, ir.Const) and key.value == name)
            elif isinstance(node, ir.Call):
                values = (arg.value for arg in node.args if arg.keyword == name)
            found += [graph.symbols.term(path, value) for value in values]
    return found


def _computed(graph: ReplayGraph, term: Term, asked: _For, depth: int) -> list[int | None]:
    """A size that is computed of others, such as the 2 n - 1 nodes of a tree: the largest that they may give."""
    sides = [_numbers(graph, side, asked, depth) for side in term.args]  # what is written there leads nowhere else
    known = [[n for n in side if n] for side in sides if None not in side]
    if len(known) < len(term.args) or not all(known):
        return [None]
    left, *right = known
    least = min if term.op in _FALLING else max
    computed = int(_ARITHMETIC[term.op](max(left), *map(least, right)))
    return [computed if computed > 0 else None, *(_OPEN for side in sides if _OPEN in side)]
