"""Random draws of items and positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Drawn, Func, Instance, Ints, Value, taint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

GREEDY = ("nsmallest", "nlargest")
SUMS = {"sum", "total", "cumsum", "cumulative", "mass", "priority", "priorities", "prob", "probs", "p"}
_TOTALS = {"sum", "total", "cumsum", "cumulative", "mass"}
_WHOLE = {"randint", "randrange", "integers", "random_integers", "choice", "sample"}
_BOUNDS = (None, "high")
_UNREACHED = 10**9  # positions that no memory has
FIRST, LAST = "first", "last"  # so many of what was shuffled
_MOST_AXES = 2  # of numbers that are searched for: batches, and the rows of each
FRACTION = "fraction"  # a random number up to 1 times a size, cut off: a position
_COPIES = ("list", "tuple")
_Seen = TypeVar("_Seen")
FILLS_TENSOR = "uniform_"  # the method of a tensor that fills it with continuous random numbers, and returns it
_BY_AXES = {"rand", "empty", "zeros", "ones", "new_empty", "new_zeros", "new_ones"}  # what takes a size for each axis
OF_TENSOR = "Tensor.multinomial"  # the method of a tensor of masses, whose arguments stand one place further left


class Draws:
    """Records draws, and gives them their values."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._masses_in: dict[ev.Owner, list[ir.Node]] = {}
        self.cut: dict[ir.Node, Value] = {}  # what the first or last items are of what has been shuffled

    def mass(self, node: ir.Call, values: list[Value], frame: Frame) -> Value:
        """Record a continuous random number; what it gives, which is none of the numbers that its bounds come from.

        A table of random numbers is what something begins with, such as odds of what states lead to: not a number that
        is searched for, of which there is one for each row of a batch, and at most for each of several batches.
        """
        masses = self.interpreter.events.masses
        if _axes(node) > _MOST_AXES:
            return taint(*values).without("mass")
        if node not in masses:
            masses[node] = ev.Mass(node, frame.function, frame.module.path)
            self._masses_in.setdefault(frame.function, []).append(node)
            self.interpreter.reruns.touch(("masses", frame.function))
        return Value(tags=taint(*values).without("mass").tags | {("mass", node)})

    def masses_of(self, function: ev.Owner) -> list[ir.Node]:
        """The continuous random numbers that a function draws."""
        self.interpreter.reruns.note_read(("masses", function))
        return self._masses_in.get(function, [])

    def descends(self, mass: ir.Node) -> bool:
        """Whether a continuous random number picks a position by cumulative priority."""
        self.interpreter.reruns.note_read(("mass", mass))
        return self.interpreter.events.masses[mass].descends

    def note_searched(self, number: ir.Node, sums: ir.Expr) -> None:
        """Record that a library's function searches sums for a continuous random number."""
        mass = self.interpreter.events.masses[number]
        self._note(mass, mass.sums, sums, searched=True)

    def note_stopping(self, number: ir.Node, added: ir.Expr) -> None:
        """Record that a loop which adds numbers up ends where their sum is past a continuous random number."""
        mass = self.interpreter.events.masses[number]
        self._note(mass, mass.sums, added, stops=True)

    def note_compared(self, number: ir.Node, frame: Frame) -> None:
        """Record that a continuous random number is compared with others."""
        mass = self.interpreter.events.masses[number]
        self._note(mass, mass.compared_in, frame.function)

    def note_reduced(self, number: ir.Node, node: ir.Node, frame: Frame) -> None:
        """Record that something is taken from a continuous random number, step by step.

        What is taken once from each number, where it is drawn, makes no walk: `if r < a: ...; r -= a` chooses.
        """
        mass = self.interpreter.events.masses[number]
        if mass.function is not frame.function or not _is_once_for(number, node, frame):
            self._note(mass, mass.reduced_in, frame.function)

    def _note(self, mass: ev.Mass, seen: set[_Seen], what: _Seen, searched: bool = False, stops: bool = False) -> None:
        before = mass.descends
        seen.add(what)
        mass.searched |= searched
        mass.stops |= stops
        if mass.descends != before:
            self.interpreter.reruns.touch(("mass", mass.node))

    def add_containers(self, draw: ev.Draw, containers: set[Alloc]) -> None:
        """Record what a draw takes its items out of."""
        if not containers <= draw.containers:
            draw.containers |= containers
            self.interpreter.reruns.touch(("drawn", draw.node))

    def fraction(self, cut: ir.Expr, frame: Frame) -> Value | None:
        """The positions that `random() * size` gives once it is cut off to whole numbers; None for anything else.

        So does `uniform(0, size)`.
        """
        events = self.interpreter.events
        for number, size in _fractions(cut):
            if number not in events.masses:
                continue
            if isinstance(size, ir.Sub) or (isinstance(size, ir.Call) and name_of(size.func) != "len"):
                return None  # the root of a tree, or whatever a method says of it
            other = events.value(size)
            named = {word for node in ir.walk(size) if (name := name_of(node)) for word in words(name)}
            if any(other.tagged(kind) for kind in ("mass", "draw", "index")) or not named.isdisjoint(SUMS):
                return None
            events.draws.setdefault(number, ev.Draw(number, frame.function, frame.module.path, FRACTION, False, False))
            return Value(frozenset(), frozenset((("index", number),)))
        return None

    def shuffle(self, node: ir.Call, values: list[Value], frame: Frame) -> None:
        """Record a draw where the first items are taken of what a call shuffles, or the last, and only those.

        What is walked through in parts is no draw; what takes the place of the whole is forgetting.
        """
        body = frame.function.body if isinstance(frame.function, ir.Function) else frame.module.body
        shuffled, holds = node.args[0].value, any(isinstance(atom, (Alloc, Instance)) for atom in values[0].atoms)
        parts: dict[ir.Node, str | None] = {}
        kept: set[ir.Node] = set()
        for part in ir.walk_scope(body):
            if holds and isinstance(part, ir.Assign) and any(same(target, shuffled) for target in part.targets):
                kept.update(ir.walk(part))
            if (found := part_of(part)) is not None and same(found[0], shuffled):
                parts[part] = found[1] if part.start > node.end and part not in kept else None
        if len(ends := set(parts.values())) == 1 and None not in ends:
            drawn = self.draw(node, ext.IN_PLACE, True, values, frame)
            self.cut.update(dict.fromkeys(parts, drawn))

    def draw(self, node: ir.Call, method: str, items: bool, values: list[Value], frame: Frame) -> Value:
        """Record a draw from the first of the values; what it gives."""
        if not items and (_is_of_flags(node) or self._is_of_seeds(node)):
            return UNKNOWN
        probabilities = _probabilities(node, method)
        population = values[0]
        if node.args:
            population = population.join(Value(self.interpreter.parts.arrays.lists(node.args[0].value, frame)))
        containers = {a for a in population.atoms if isinstance(a, Alloc)}
        objects = [a for a in self.interpreter.order.atoms(population.atoms) if isinstance(a, Instance)]
        positions = not items or not (containers or objects)
        if Ints() in population.atoms or (items and isinstance(population.literal(), int)):
            positions = not (containers or objects)
        draws = self.interpreter.events.draws
        draw = draws.get(node)
        if draw is None:
            draw = ev.Draw(node, frame.function, frame.module.path, method, not positions, method in GREEDY)
            draw.probabilities = probabilities
            draws[node] = draw
        draw.weighted |= probabilities is not None and not self._is_off(probabilities)
        draw.items = not positions
        draw.population = draw.population.join(population)
        self.add_containers(draw, containers)
        index = Value(frozenset(), frozenset((("index", node),)))
        if positions and self._may_be_sum(node, method, frame):
            index = index.with_all(self.mass(node, [], frame).tags)
        if positions:
            return index.with_tags(*population.tags)
        for atom in objects:
            getter = self.interpreter.classes.find_method(atom.node, "__getitem__")
            if getter is not None:
                self.interpreter.calls.project_call(Func(getter, atom), [(None, "", index)], frame)
            kind = self.interpreter.calls.container_base(self.interpreter.classes.external_bases(atom.node))
            if kind is not None:
                self.add_containers(draw, {Alloc(atom.node, kind)})
        drawn = Value(frozenset((Drawn(node),)), frozenset((("draw", node),)) | population.tags)
        single = method == "choice" and len(node.args) == 1 and node.keyword("size") is None
        return self.interpreter.parts.element(drawn) if single else drawn

    def _may_be_sum(self, node: ir.Call, method: str, frame: Frame) -> bool:
        """Whether one whole number is drawn from a stratum of a sum, or up to one: `randint(i * part, (i + 1) * part)`.

        What is called a sum may be searched for among sums, as any random number may.
        """
        if method not in _WHOLE or takes_many(node, method):
            return False
        bounds = [argument.value for argument in node.args if argument.keyword in (None, "low", "high")][:2]
        if method in ("choice", "sample"):
            ranged = bounds[0] if bounds else None
            if not isinstance(ranged, ir.Call) or ir.last_name(ranged.func) != "range":
                return False
            bounds = [argument.value for argument in ranged.args]
        told = [_given(bound, frame) for bound in bounds]
        if len(told) == 2 and all(isinstance(bound, ir.Bin) and bound.op in "*+" for bound in told):
            return any(isinstance(part, ir.Bin) and part.op == "*" for part in ir.walk(*told))
        named = {word for part in ir.walk(*bounds, *told) if (name := name_of(part)) for word in words(name)}
        return not named.isdisjoint(_TOTALS)

    def _is_of_seeds(self, node: ir.Call) -> bool:
        """Whether a whole number is drawn up to more than any memory holds: `integers(2**31)`, which seeds another."""
        bounds = (self.interpreter.events.value(arg.value).literal() for arg in node.args if arg.keyword in _BOUNDS)
        return any(isinstance(bound, (int, float)) and bound >= _UNREACHED for bound in bounds)

    def _is_off(self, probabilities: ir.Expr) -> bool:
        """Whether a constant says that there are none: `p if PRIORITISED else None`."""
        if not isinstance(probabilities, ir.IfExp):
            return False
        test = self.interpreter.events.value(probabilities.test).literal()
        chosen = probabilities.body if test else probabilities.orelse
        return isinstance(test, bool) and isinstance(chosen, ir.Const) and chosen.value is None


def _given(bound: ir.Expr, frame: Frame) -> ir.Expr:
    """What a name is given in the function, once; other expressions themselves, as whole numbers or not."""
    if isinstance(bound, ir.Call) and ir.last_name(bound.func) in ("int", "floor", "ceil", "round") and bound.args:
        return _given(bound.args[0].value, frame)
    if not isinstance(bound, ir.Name) or not isinstance(frame.function, ir.Function):
        return bound
    assigned = (part for part in ir.walk_scope(frame.function.body) if isinstance(part, ir.Assign))
    given = [part.value for part in assigned if any(same(target, bound) for target in part.targets)]
    return given[0] if len(given) == 1 and given[0] is not None else bound


def same(one: ir.Expr, other: ir.Expr) -> bool:
    """Whether two expressions are the same name, or the same attribute of it."""
    if isinstance(one, ir.Attr) and isinstance(other, ir.Attr):
        return one.attr == other.attr and same(one.value, other.value)
    return isinstance(one, ir.Name) and isinstance(other, ir.Name) and one.id == other.id


def part_of(node: ir.Node) -> tuple[ir.Expr, str | None] | None:
    """What a slice or an `islice` is a part of, and which: the "first" so many, the "last", or None for others."""
    lower: ir.Expr | None = None
    upper: ir.Expr | None = None
    if isinstance(node, ir.Sub) and isinstance(node.index, ir.Slice):
        whole, lower, upper, step = node.value, node.index.lower, node.index.upper, node.index.step
    elif isinstance(node, ir.Call) and ir.last_name(node.func) == "islice" and 2 <= len(node.args) <= 3:
        whole, *bounds = (argument.value for argument in node.args)
        *before, upper = bounds
        lower, step = before[0] if before else None, None
    else:
        return None
    if isinstance(whole, ir.Call) and ir.last_name(whole.func) in _COPIES and len(whole.args) == 1:
        whole = whole.args[0].value
    if step is None and upper is not None and (lower is None or (isinstance(lower, ir.Const) and lower.value == 0)):
        return whole, FIRST
    is_last = step is None and upper is None and isinstance(lower, ir.Un) and lower.op == "-"
    return whole, LAST if is_last else None


def _fractions(cut: ir.Expr) -> Iterator[tuple[ir.Call, ir.Expr]]:
    """The calls that a number from 0 to some size may be drawn by, each with that size."""
    if isinstance(cut, ir.Bin) and cut.op == "*":
        for number, size in ((cut.left, cut.right), (cut.right, cut.left)):
            if isinstance(number, ir.Call) and _is_from_0_to_1(number):
                yield number, size
    elif isinstance(cut, ir.Call) and _is_uniform(cut):
        low, high = cut.argument(0, "low"), cut.argument(1, "high")
        if isinstance(low, ir.Const) and low.value == 0 and high is not None:
            yield cut, high


def _is_uniform(number: ir.Call) -> bool:
    return ext.last(name_of(number.func) or "") == "uniform"


def _is_from_0_to_1(number: ir.Call) -> bool:
    """Whether a continuous draw is told no other bounds."""
    if not _is_uniform(number):
        return True
    bounds = [number.argument(place, name) for place, name in enumerate(("low", "high"))]
    return all(
        bound is None or (isinstance(bound, ir.Const) and bound.value == told)
        for bound, told in zip(bounds, (0, 1), strict=True)
    )


def _is_of_flags(node: ir.Call) -> bool:
    """Whether what is drawn are truth values, by the type that the call is given."""
    kind = node.argument(None, "dtype")
    name = getattr(kind, "attr", getattr(kind, "id", getattr(kind, "value", "")))
    return isinstance(name, str) and name.startswith("bool")


def replacement(node: ir.Call, method: str) -> ir.Expr | bool | None:
    """Whether a weighted draw puts back what it draws: the argument that says so, else the default of the library.

    None for draws that know no such choice.
    """
    if method == "choices":
        return True
    if method == "choice":
        plain = [arg.value for arg in node.args if arg.keyword is None]
        moved = len(plain) > 3 and isinstance(plain[3], ir.Const) and isinstance(plain[3].value, bool)
        return node.argument(3 if moved else 2, "replace") or True  # jax.random.choice takes a key before all else
    if method == "multinomial":
        return node.argument(2, "replacement") or False
    if method == OF_TENSOR:
        return node.argument(1, "replacement") or False
    if method == ext.SAMPLER:
        return node.argument(2, "replacement") or True
    return None


def batch_argument(node: ir.Call, method: str) -> ir.Expr | None:
    """How many are drawn at once."""
    if method in ("choices", "sample"):
        return node.argument(1 if method == "sample" else None, "k")
    if method == OF_TENSOR:
        return node.argument(0, "num_samples")
    if method in ("randint", "integers", "random_integers"):
        return node.argument(2, "size")
    return node.argument(1, "size") or node.argument(None, "num_samples") or node.argument(None, "shape")


def takes_many(node: ir.Call, method: str) -> bool:
    """Whether a draw without given probabilities takes a batch at once, rather than one action, goal or position.

    A matrix is none: one of actions, one for each row.
    """
    if method in ("permutation", "randperm", ext.IN_PLACE, ext.LOADER, ext.EVEN_SAMPLER):
        return True
    if method == FRACTION:
        sizes = [arg.value for arg in node.args if arg.keyword in (None, "size")]
        sizes = [size for size in [node.argument(2, "size")] if size is not None] if _is_uniform(node) else sizes
        return bool(sizes) and not _is_one(sizes[-1])
    if method in ("choices", "sample"):
        count = node.argument(None if method == "choices" else 1, "k")
        return not _is_one(count) and (count is not None or method == "sample")
    plain = [arg.value for arg in node.args if arg.keyword is None]
    size = next(filter(None, (node.argument(None, name) for name in ("size", "shape"))), None)
    if size is None:
        if method == "uniform":  # TensorFlow's, whose first argument is the shape
            size = plain[0] if plain else None
        elif method == "choice" or (len(plain) == 2 and isinstance(plain[1], ir.Seq)):
            size = plain[1] if len(plain) > 1 else None
        else:
            size = plain[2] if len(plain) > 2 else None
    return not (size is None or _is_one(size) or (isinstance(size, ir.Seq) and len(size.items) > 1))


def is_repeated(node: ir.Call, around: ir.Node | None) -> bool:
    """Whether a list is made of so many calls, `[randrange(len(rows)) for _ in range(n)]`."""
    if not isinstance(around, ir.Comp) or around.elt is not node or len(around.generators) != 1:
        return False
    counted = around.generators[0].iter
    return isinstance(counted, ir.Call) and ir.last_name(counted.func) == "range"


def _axes(node: ir.Call) -> int:
    """How many axes the array has that a call of continuous random numbers makes, as it is written there.

    Axes of one row are not counted. What fills a tensor says nothing of them: what makes it does.
    """
    made: ir.Expr = node
    if isinstance(node.func, ir.Attr) and node.func.attr == FILLS_TENSOR:
        made = node.func.value
    if not isinstance(made, ir.Call):
        return 0
    sizes = [arg.value for arg in made.args if arg.keyword in (None, "size", "shape")]
    shapes = [size for size in sizes if isinstance(size, ir.Seq)]
    if not shapes and ext.last(name_of(made.func) or "") not in _BY_AXES:
        return 0
    return sum(not _is_one(size) for size in (shapes[0].items if shapes else sizes))


def _is_one(count: ir.Expr | None) -> bool:
    """Whether a number or shape is written as that of one."""
    if isinstance(count, ir.Seq):
        return not count.items or (len(count.items) == 1 and _is_one(count.items[0]))
    return isinstance(count, ir.Const) and count.value == 1


def _probabilities(node: ir.Call, method: str) -> ir.Expr | None:
    """The expression of the given probabilities of a draw."""
    found = None
    if method in ("choice", "choices"):
        found = node.argument(3, "p") if method == "choice" else node.argument(1, "weights")
        if isinstance(found, ir.Const) and isinstance(found.value, bool):
            found = node.argument(4, "p")  # jax.random.choice takes a key before all else
        found = found or node.argument(None, "p") or node.argument(None, "cum_weights")
    elif method == "sample":
        found = node.argument(None, "weights")
    elif method in ("multinomial", ext.SAMPLER):
        found = node.argument(0, "input" if method == "multinomial" else "weights")
    elif method == OF_TENSOR and isinstance(node.func, ir.Attr):
        found = node.func.value
    return None if isinstance(found, ir.Const) and found.value is None else found


def _is_once_for(number: ir.Node, node: ir.Node, frame: Frame) -> bool:
    """Whether a node is run once for each number: no loop around it that is not around the number, no recursion."""
    function = frame.function
    body = function.body if isinstance(function, ir.Function) else frame.module.body
    for part in ir.walk_scope(body):
        if isinstance(part, (ir.For, ir.While, ir.Comp)) and _covers(part, node) and not _covers(part, number):
            return False
        if isinstance(part, ir.Call) and name_of(part.func) == getattr(function, "name", None):
            return False
    return True


def _covers(part: ir.Node, node: ir.Node) -> bool:
    return part.start <= node.start and node.end <= part.end
