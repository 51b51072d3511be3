"""What going through a memory costs: estimates from what was measured once, on one core, scaled by the numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import OF_TENSOR, replacement, same
from per_audit.graph.interpret.known.externals import SAMPLER
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret.events import Draw
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

LITTLE = 5.0
"""The microseconds a step that are not worth a warning: about those of a batch of 16 out of a deque of 50,000."""

# Microseconds for each item, measured at 100,000 unless it is said.
# A read of a deque at random against one of a list, for each item that the deque may hold: 64 reads cost 17 more at
# 50,000 items and 370 more at a million.
_DEQUE_READ = 5.5e-6
# To turn a deque until a random item is the first, for each that it may hold: 117 at 300,000, 2.5 at 50,000.
_TURNED, _TURNED_IN_CACHE, _CACHED = 3.9e-4, 5e-5, 100_000
# Reductions: of an array, beside the call itself; by the built-in functions, of a list or deque, be it of Python's
# numbers or of numpy's, and of an array. The extreme of Python's floats takes 0.010 an item at 100,000 and 0.035 at a
# million, which no cache holds, of numpy's 0.013 and 0.040.
_CALL = 1.7
_OF_ARRAY = {"max": 9e-5, "min": 9e-5, "sum": 1.7e-4, "cumsum": 3.4e-3}
_BUILT_IN = {"max": 0.015, "min": 0.015, "sum": 0.011}
_BUILT_IN_OF_ARRAY = {"max": 0.028, "min": 0.028, "sum": 0.045}
# Of an array of floats of 32 bits: the extremes, and numpy's draw, which makes floats of 64 bits of them.
_EXTREME_OF_SINGLES, _DRAW_OF_SINGLES = 0.5, 2.0
# Of an array of Python's objects, as a table of transitions with their priorities is.
_OF_OBJECTS = {"max": 0.014, "min": 0.014, "sum": 0.013, "cumsum": 0.019}
_RAISED_OBJECT, _COMPUTED_OBJECT, _FROM_OBJECTS = 0.056, 0.03, 0.015
# Orders, times the logarithm of how many: of an array, and by the built-in function.
_ORDER, _BUILT_IN_ORDER = 6e-4, 9e-3
# Draws by probabilities in an array; torch.multinomial that puts back what it draws. What numpy takes more where it
# does not: it copies the probabilities, and adds them up once more, again for each time that it drew something twice.
_DRAWS = {"choice": 6.3e-3, "choices": 0.025, "multinomial": 0.019, OF_TENSOR: 0.019, SAMPLER: 0.019}
_NOT_PUT_BACK = 6.5e-3
_PUT_BACK, _COPIED, _WEIGHTS_OF_ARRAY, _SUMS = 7.5e-4, 3.5e-3, 0.06, 3.4e-3
# numpy's older draw of positions that puts none back, which puts all of them in a random order; its newer does not.
_SHUFFLED, _SHUFFLING = 9.5e-3, {"numpy.random.choice", "numpy.random.RandomState.choice"}
_ADDED, _ADDED_OF_ARRAY = 0.014, 0.38  # by itertools.accumulate
# What is done with all items before: to make an array of them, to go through them in a comprehension that makes another
# thing of each or leaves each as it is, to raise them to a power, to do other arithmetic, to take those that a test
# holds for.
_MADE_ARRAY = {"list": 0.018, "deque": 0.04, "range": 0.045}
_MADE_TENSOR = {"tensor": 0.09, "as_tensor": 0.09, "FloatTensor": 0.04, "Tensor": 0.04}  # of a list
_STACKED, _STACKS = 0.8, ("vstack", "hstack", "stack", "row_stack", "concatenate", "column_stack")  # single numbers
_PASSED, _LISTED, _RAISED, _COMPUTED, _PICKED = 0.04, 0.009, 1.6e-3, 3e-4, 8e-4

# Of a tree that a loop goes through, for each level of a leaf that is drawn and updated.
_LEVEL = 0.45

_OBJECTS = ("object", "object_", "O", "ndarray")
_LISTS = {"list", "tolist", "sorted", "tuple"}
_ORDERS = {"sort", "sorted", "argsort", "msort"}
_DEEPEST = 12


def of_read(capacity: int) -> float:
    """What a read at random out of a deque of so many items costs more than one out of a list."""
    return _DEQUE_READ * capacity


def of_turn(capacity: int) -> float:
    """What it costs to turn a deque of so many items until a random one is the first: each before it is moved."""
    return (_TURNED if capacity > _CACHED else _TURNED_IN_CACHE) * capacity


def of_search(graph: ReplayGraph, path: str, node: ir.Node | None, count: int) -> float:
    """What it costs to add up so many numbers one after the other by a call, to search the sums for a random one."""
    added = node.args[0].value if isinstance(node, ir.Call) and node.args else None
    if added is None:
        return _SUMS * count
    kind = kind_of(graph, path, added)
    if isinstance(node, ir.Call) and name_of(node.func) == "accumulate" and not _is_of(graph, node, "numpy"):
        each = _ADDED if kind in ("list", "deque") else _ADDED_OF_ARRAY
    else:
        each = _SUMS + _MADE_ARRAY.get(kind, 0.0)
    return each * count + of_preparation(graph, path, added, count)


def of_tree(batch: int, count: int) -> float:
    """What it costs to draw a batch from a tree over so many leaves and to update it, in loops of Python."""
    return _LEVEL * batch * math.log2(max(count, 2))


def of_shuffle(graph: ReplayGraph, draw: Draw, count: int) -> float:
    """What a draw out of so many positions costs that puts all of them in a random order first; 0 for another."""
    site = graph.events.calls.get(draw.node)
    is_older = site is not None and not _SHUFFLING.isdisjoint(site.names)
    is_shuffle = is_older and not (draw.items or draw.weighted) and _is_put_back(graph, draw) is False
    return _SHUFFLED * count if is_shuffle else 0.0


def of_draw(graph: ReplayGraph, draw: Draw, count: int) -> float | None:
    """What a draw over the probabilities of so many items costs, None for other methods than were measured."""
    each = _DRAWS.get(draw.method)
    if each is None:
        return None
    weights = draw.probabilities
    kind = "array" if weights is None else kind_of(graph, draw.path, weights)
    if draw.method in ("multinomial", OF_TENSOR, SAMPLER):
        put_back = _is_put_back(graph, draw)
        if put_back is None:
            return None
        each = _PUT_BACK if put_back else each
        if draw.method == SAMPLER and kind != "tensor":
            each += _MADE_TENSOR["as_tensor"] if kind in _MADE_ARRAY else _COPIED
    elif draw.method == "choices" and kind == "tensor":
        return None
    elif draw.method == "choices":
        each = each if kind in ("list", "deque") else _WEIGHTS_OF_ARRAY
    else:
        population = draw.node.argument(0, "a")
        each *= _DRAW_OF_SINGLES if weights is not None and is_single(graph, draw.path, weights) else 1.0
        each += _NOT_PUT_BACK if _is_put_back(graph, draw) is False else 0.0
        made = [kind, "array" if population is None else kind_of(graph, draw.path, population)]
        each += sum(_MADE_ARRAY.get(one, 0.0) for one in made)
    return _CALL + each * count


def is_of_drawn(graph: ReplayGraph, draw: Draw) -> bool:
    """Whether the probabilities of a draw are made of what was drawn before: of a few candidates."""
    weights = draw.probabilities
    parts = () if weights is None else graph.symbols.term(draw.path, weights).walk()
    return any(part.op == "draw" and part.data is not draw.node for part in parts)


def of_preparation(graph: ReplayGraph, path: str, node: ir.Expr, count: int, made: set[ir.Node] | None = None) -> float:
    """What it costs to make an expression over so many items: conversions, comprehensions, arithmetic.

    What is `made` already costs nothing; what is made for the expression is added to it.
    """
    passed = set() if made is None else made
    return count * _each(graph, path, node, passed, _DEEPEST) + count * count * _again(graph, path, node)


def of_reduction(
    graph: ReplayGraph, path: str, node: ir.Node, count: int, made: Iterable[ir.Node] = ()
) -> float | None:
    """What a call costs that looks for the extreme, sum or order of so many numbers; None where it is another.

    What is `made` of them for something else as well is no cost of it.
    """
    if not isinstance(node, ir.Call):
        return None
    name, operand = name_of(node.func), _reduced(node)
    if name is None or operand is None:
        return None
    name = {"amax": "max", "amin": "min"}.get(name, name)
    built_in, kind = isinstance(node.func, ir.Name), kind_of(graph, path, operand)
    before = of_preparation(graph, path, operand, count, set(made))
    if name in _ORDERS:
        return before + (_BUILT_IN_ORDER if built_in else _ORDER) * count * math.log2(max(count, 2))
    if name not in _OF_ARRAY:
        return None
    if built_in and kind == "tensor":
        return None  # an object is made of each number
    if built_in:
        each = (_BUILT_IN_OF_ARRAY if kind == "array" else _BUILT_IN).get(name, _PASSED)
    else:
        is_halved = name in ("max", "min") and kind == "array" and is_single(graph, path, operand)
        of_array = _OF_OBJECTS if kind == "array" and is_of_objects(graph, path, operand) else _OF_ARRAY
        each = of_array[name] * (_EXTREME_OF_SINGLES if is_halved else 1.0) + _MADE_ARRAY.get(kind, 0.0)
    return before + _CALL + each * count


def kind_of(graph: ReplayGraph, path: str, node: ir.Expr, depth: int = _DEEPEST) -> str:
    """What kind of container an expression is: list, deque, range, tensor, or else an array."""
    for left in range(depth, 0, -1):
        star = (
            next((item for item in node.items if isinstance(item, ir.Star)), None) if isinstance(node, ir.Seq) else None
        )
        if star is not None:
            node = star.value  # its items stay what they were
            continue
        if isinstance(node, (ir.Comp, ir.Seq)) or (isinstance(node, ir.Bin) and isinstance(node.left, ir.Seq)):
            return "list"
        if isinstance(node, ir.Call):
            name = name_of(node.func) or ""
            other = "tensor" if _is_of(graph, node, "torch") else "array"
            return name if name in ("range", "deque") else "list" if name in _LISTS else other
        if isinstance(node, (ir.Bin, ir.Un)):
            sides = (node.left, node.right) if isinstance(node, ir.Bin) else (node.operand,)
            return "tensor" if "tensor" in (kind_of(graph, path, side, left // 2) for side in sides) else "array"
        if isinstance(node, ir.Sub) and isinstance(node.index, ir.Slice):
            node = node.value
            continue
        made = list(_made(graph, path, node))
        if not made:
            break
        node = made[-1]
    made_by = [atom for atom in graph.events.value(node).atoms if isinstance(atom, Alloc)]
    kinds = {"tensor" if _is_of(graph, atom.node, "torch") else atom.kind for atom in made_by}
    return next((kind for kind in ("deque", "list", "tensor") if kinds == {kind}), "array")


def is_single(graph: ReplayGraph, path: str, node: ir.Expr, depth: int = _DEEPEST) -> bool:
    """Whether an expression is an array of floats of 32 bits, as where it was made says, or computed of one alone."""
    while depth:
        depth -= 1
        made = list(_made(graph, path, node))
        if made:
            node = made[-1]
        elif isinstance(node, ir.Sub):
            node = node.value
        elif isinstance(node, ir.Bin):
            node = node.right if isinstance(node.left, ir.Const) else node.left
        else:
            break
    if isinstance(node, ir.Call):
        return _is_told_single(node)  # the one that makes it, or converts it
    made_by = [atom.node for atom in graph.events.value(node).atoms if isinstance(atom, Alloc)]
    return bool(made_by) and all(isinstance(call, ir.Call) and _is_told_single(call) for call in made_by)


def is_of_objects(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether an expression is an array of Python's objects, as where it was made says, or computed of one."""
    left, seen = [node], set[ir.Node]()
    while left:
        part = left.pop()
        if part in seen or isinstance(part, ir.Const):
            continue
        seen.add(part)
        made = list(_made(graph, path, part))
        if made:
            left.append(made[-1])
        elif isinstance(part, ir.Bin):
            left += [part.left, part.right]
        elif isinstance(part, ir.Sub):
            left.append(part.value)
        elif isinstance(part, ir.Call):
            if _told_type(part) in _OBJECTS:
                return True
        else:
            made_by = [atom.node for atom in graph.events.value(part).atoms if isinstance(atom, Alloc)]
            if made_by and all(isinstance(call, ir.Call) and _told_type(call) in _OBJECTS for call in made_by):
                return True
    return False


def _is_told_single(call: ir.Call) -> bool:
    """Whether a call that makes an array is told to make it of floats of 32 bits."""
    return _told_type(call) in ("float32", "f4", "f", "single")


def _told_type(call: ir.Call) -> object:
    """The type of numbers that a call is told to make an array of, None where it is not told."""
    place = 2 if name_of(call.func) == "full" else 0 if name_of(call.func) == "astype" else 1
    told = call.argument(place, "dtype")
    return told.value if isinstance(told, ir.Const) else ir.last_name(told)


def _is_of(graph: ReplayGraph, node: ir.Node, package: str) -> bool:
    """Whether a call is one of a function of a package."""
    site = graph.events.calls.get(node) if isinstance(node, ir.Call) else None
    return site is not None and any(name.partition(".")[0] == package for name in site.names)


def spelled(microseconds: float) -> str:
    """An estimate for people: `about 9 µs`, `about 1.3 ms`."""
    if microseconds >= 1_000_000:
        return f"about {float(f'{microseconds / 1_000_000:.2g}'):g} s"
    if microseconds >= 1_000:
        return f"about {float(f'{microseconds / 1_000:.2g}'):g} ms"
    return f"about {float(f'{microseconds:.2g}'):g} µs"


def _is_put_back(graph: ReplayGraph, draw: Draw) -> bool | None:
    """Whether a draw may give an item twice, None where that cannot be read."""
    told = replacement(draw.node, draw.method)
    if told is None or isinstance(told, bool):
        return told
    values = _constants(graph, graph.symbols.term(draw.path, told))
    return values.pop() if len(values) == 1 else None


def _constants(graph: ReplayGraph, term: Term, depth: int = _DEEPEST) -> set[bool | None]:
    """The truth values that a term may be, options of the command line by default, None where it is another."""
    found: set[bool | None] = set()
    for option in alternatives(strip(term)):
        inner = graph.symbols.default_of(option) or graph.symbols.options(option) if depth else []
        if option.op == "const":
            found.add(bool(option.data))
        elif inner:
            found.update(*(_constants(graph, each, depth - 1) for each in inner))
        else:
            found.add(None)
    return found


def _reduced(node: ir.Call) -> ir.Expr | None:
    """What a call reduces: its first argument, or what it is a method of."""
    first = node.argument(0, "a")
    if first is not None and not isinstance(first, ir.Const):
        return first
    return node.func.value if isinstance(node.func, ir.Attr) else None


def _each(graph: ReplayGraph, path: str, node: ir.Node, seen: set[ir.Node], depth: int) -> float:
    """What is done with each item to make an expression, by itself and by what its names were assigned."""
    if node in seen or not depth:
        return 0.0
    seen.add(node)
    own, parts = 0.0, ir.children(node)
    if isinstance(node, ir.Comp):
        own = _LISTED if isinstance(node.elt, ir.Name) and not node.generators[0].ifs else _PASSED
        parts = [generator.iter for generator in node.generators]
    elif isinstance(node, ir.Call):
        own = _of_call(graph, path, node)
    elif isinstance(node, ir.Bin):
        is_slow = is_of_objects(graph, path, node)
        own = (
            (_RAISED_OBJECT if is_slow else _RAISED) if node.op == "**" else _COMPUTED_OBJECT if is_slow else _COMPUTED
        )
    elif isinstance(node, ir.Sub):
        own, parts = _PICKED if isinstance(node.index, ir.Cmp) else 0.0, [node.value]
    elif isinstance(node, ir.Name):
        parts = list(_made(graph, path, node))
    inside = _returned(graph, node) if isinstance(node, ir.Call) else ()
    own += sum(_each(graph, where, part, seen, depth - 1) for where, part in inside)
    return own + sum(_each(graph, path, part, seen, depth - 1) for part in parts)


def is_quadratic(graph: ReplayGraph, path: str, node: ir.Expr) -> bool:
    """Whether a comprehension that an expression is made of goes through all items again for each of them."""
    return _again(graph, path, node) > 0.0


def _again(graph: ReplayGraph, path: str, node: ir.Expr) -> float:
    """What it costs for each pair of items, where a comprehension reduces for each item what it goes through.

    `[p / sum(priorities) for p in priorities]`.
    """
    found, left, seen = 0.0, [(path, node)], set[ir.Node]()
    while left:
        where, whole = left.pop()
        for part in ir.walk(whole) if whole not in seen else ():
            seen.add(part)
            if isinstance(part, ir.Comp):
                over = [held for generator in part.generators for held in ir.walk(generator.iter)]
                for inner in ir.walk(part.elt):
                    operand = _reduced(inner) if isinstance(inner, ir.Call) else None
                    if operand is not None and any(isinstance(held, ir.Expr) and same(held, operand) for held in over):
                        found += _of_reduction(graph, where, inner)
            elif isinstance(part, ir.Name):
                left += [(where, made) for made in _made(graph, where, part)]
            elif isinstance(part, ir.Call):
                left += _returned(graph, part)
    return found


def _of_reduction(graph: ReplayGraph, path: str, node: ir.Node) -> float:
    """What a reduction costs for each of many items."""
    many = 100_000
    return (of_reduction(graph, path, node, many) or 0.0) / many


def _returned(graph: ReplayGraph, node: ir.Call) -> Iterator[tuple[str, ir.Expr]]:
    """What the function of the project returns that a call is known to call."""
    site = graph.events.calls.get(node)
    called = [target.node for target in site.targets] if site is not None else []
    if len(called) == 1 and isinstance(called[0], ir.Function):
        path = graph.project.module_of[called[0]].path
        for part in ir.walk_scope(called[0].body):
            if isinstance(part, ir.Return) and part.value is not None:
                yield path, part.value


def _of_call(graph: ReplayGraph, path: str, node: ir.Call) -> float:
    name, first = name_of(node.func) or "", node.args[0].value if node.args else None
    if first is None or (name in _BUILT_IN and len(node.args) > 1):
        return 0.0
    kind = kind_of(graph, path, first)
    if name in _BUILT_IN and isinstance(node.func, ir.Name):
        return _BUILT_IN_OF_ARRAY[name] if kind == "array" else _BUILT_IN[name]
    if name in _MADE_TENSOR:
        return _MADE_TENSOR[name] if kind in _MADE_ARRAY else 0.0
    if not _is_of(graph, node, "numpy"):
        return 0.0
    if name in _STACKS and kind in _MADE_ARRAY:
        return _STACKED  # an array is made of each number
    of_objects = kind == "array" and is_of_objects(graph, path, first)
    return _FROM_OBJECTS if of_objects else _MADE_ARRAY.get(kind, 0.0)  # any function of numpy makes an array


def _made(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[ir.Expr]:
    """What a name is assigned in its function before it is used."""
    function = graph.symbols.function_of(path, node)
    if not isinstance(node, ir.Name) or function is None:
        return
    for part in ir.walk(function):
        if isinstance(part, (ir.Assign, ir.Aug)) and part.value is not None and part.start < node.start:
            targets = part.targets if isinstance(part, ir.Assign) else [part.target]
            if any(isinstance(target, ir.Name) and target.id == node.id for target in targets):
                yield part.value
