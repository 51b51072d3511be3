"""The shape lattice: what is known of the axes of a term.

A shape is a tuple of axes: `BATCH` for as many as were drawn, 1, `SOME` for any other length; None is no knowledge, and
`OPEN` what has more axes than a row of values for each transition has, which keeps it from being taken for one.
Two shapes conflict where broadcasting them makes a matrix of pairs: (B,) with (B, 1) is (B, B).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from per_audit.facts import ir
from per_audit.graph.interpret.roles import words
from per_audit.graph.interpret.values import Alloc
from per_audit.graph.symbolic.context import Context
from per_audit.graph.symbolic.term import Term, alternatives
from per_audit.graph.symbolic.width import is_of_sequences, width_of_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.symbolic.symbols import Symbols

BATCH, SOME = "B", "?"
Axis = Union[str, int]  # noqa: UP007 (evaluated on import)
Shape = tuple[Axis, ...]

OPEN: Shape = (BATCH, "...")

_POINTWISE = {"neg", "abs", "exp", "log", "clip", "detach", "not", "cumsum", "argsort", "loop", "sort", "flip", "found"}
_BROADCASTS = {"add", "sub", "mul", "div", "floordiv", "mod", "pow", "minimum", "maximum", "cmp", "where"}
_COMPARES = {"greater", "greater_equal", "less", "less_equal", "gt", "ge", "lt", "le"}
_REDUCES = {"sum", "mean", "max", "min", "argmax", "argmin", "std", "median"}
_DEEPEST = 40
_PENDING: Shape = ("pending",)
_NOT_A_LENGTH = ("shape", "dim", "dims", "space", "size_of_state")
_COLUMNS = ("vstack", "row_stack")
_JOINS = {"cat", "concat", "concatenate"}
_OF_ROWS = {"item", "collect", "at", "element"}
_SETTINGS = {"gamma", "discount", "alpha", "beta", "eps", "epsilon", "tau", "factor", "scale", "coef", "coefficient"}
# Losses that average over the last axis, and those that take a row of scores for each label.
_ROWWISE = {"mse", "mean_squared_error", "huber", "mae", "mean_absolute_error", "meansquarederror",
            "meanabsoluteerror"}  # fmt: skip
_LABELLED = {"cross_entropy", "nll_loss", "crossentropyloss", "nllloss", "sparse_categorical_crossentropy",
             "categorical_crossentropy"}  # fmt: skip


def _fits(pattern: Term, term: Term) -> bool:
    """Whether a term is what another is, its parameters being whatever a caller passes, on whichever way that goes."""
    if pattern.op == "param" or pattern == term:
        return True
    if pattern.op == "phi" and any(_fits(option, term) for option in pattern.args):
        return True
    same = pattern.op == term.op and pattern.data == term.data and len(pattern.args) == len(term.args) > 0
    return same and all(map(_fits, pattern.args, term.args))


def _is_made_column(term: Term) -> bool:
    """Whether a term was made a column, as `unsqueeze(1)` does, and `vstack` of numbers."""
    return (term.op == "unsqueeze" and term.data in (1, -1)) or (term.op == "stack" and term.data in _COLUMNS)


def _is_joined(term: Term) -> bool:
    """Whether a term is one tensor of those of each row that was drawn: of one action each, where it picks values."""
    if term.op == "item" and term.args[0].op == "collect":
        term = term.args[0].args[0]
    return term.op == "stack" and term.data in _JOINS and term.args[0].op in _OF_ROWS and term.has("draw")


def is_called_setting(term: Term) -> bool:
    """Whether an attribute, a parameter or an entry has the name of a plain setting: a factor, a discount."""
    if term.op not in ("field", "param", "item"):
        return False
    name = term.data if term.op == "item" else term.data[1]
    return isinstance(name, str) and not _SETTINGS.isdisjoint(words(name))


def is_column_conflict(a: Shape | None, b: Shape | None) -> bool:
    """Whether element-wise arithmetic of the two makes every pair: one is (B,), the other (B, 1)."""
    return (a, b) in (((BATCH,), (BATCH, 1)), ((BATCH, 1), (BATCH,)))


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an element-wise operation."""
    if OPEN in (a, b):
        return OPEN
    length = max(len(a), len(b))
    long_a: Shape = (1,) * (length - len(a)) + a
    long_b: Shape = (1,) * (length - len(b)) + b
    return tuple(_common(x, y) for x, y in zip(long_a, long_b, strict=True))


def _common(x: Axis, y: Axis) -> Axis:
    if x == 1 or y == 1:
        return y if x == 1 else x
    return BATCH if BATCH in (x, y) else SOME


class Shapes:
    """Finds the shapes of the terms of a project; in a context, with the arguments that one chain of callers passes."""

    def __init__(self, symbols: Symbols, context: Context | None = None) -> None:
        self.symbols = symbols
        self.context = context or Context()
        self._known: dict[Term, Shape | None] = {}

    def within(self, context: Context) -> Shapes:
        """The shapes in a context."""
        return Shapes(self.symbols, context)

    def of(self, term: Term, depth: int = 0) -> Shape | None:
        """The shape of a term, None where it is not known."""
        shape = self._shape(term, depth)
        return None if shape is _PENDING else shape

    def _shape(self, term: Term, depth: int) -> Shape | None:
        """The shape of a term, `_PENDING` for one that is being looked for already: it depends on itself."""
        if depth > _DEEPEST:
            return None
        if term not in self._known:
            self._known[term] = _PENDING
            shape = self._of(term, depth + 1)
            self._known[term] = None if shape is _PENDING else shape
            return shape
        return self._known[term]

    def _joined(self, options: Iterable[Term], depth: int) -> Shape | None:
        """The shape that all options have; one that is being looked for already adds nothing to them."""
        found = {self._shape(option, depth) for option in options}
        if len(found) > 1:
            found.discard(_PENDING)
        if found == {(BATCH,), (SOME,)}:  # made as long as the batch, and changed by what was drawn
            return (BATCH,)
        return found.pop() if len(found) == 1 else None

    def _of(self, term: Term, depth: int) -> Shape | None:
        here = self.context.head(term)
        if here is not term:
            return self._shape(here, depth)
        op = term.op
        if term.is_number:
            return ()
        if op in _POINTWISE:
            return self._shape(term.args[0], depth)
        if op == "pow" and self.of(term.args[1], depth) is None:
            return self.of(term.args[0], depth)  # an exponent that nothing is known of is a setting
        if op in _BROADCASTS:
            return self._broadcast(term.args, depth, alike=op == "sub")
        if op == "loss":
            return self._loss(term, depth)
        if op in _REDUCES:
            return self._reduced(term, depth)
        if op in ("draw", "mass"):
            return self._drawn(term)
        if op in ("collect", "element", "item", "at", "slice", "stack", "filled", "alloc", "tuple"):
            return self._part(term, depth)
        if op in ("reshape", "unsqueeze", "squeeze", "gather"):
            return self._reshaped(term, depth)
        if op == "phi":
            return self._joined(term.args, depth)
        if op in ("param", "field"):
            options = self.symbols.options(term)
            return self._joined(options, depth)
        plain: dict[str, Shape] = {"len": (), "range": (SOME,)}
        return self._called(term, depth) if op == "call" else plain.get(op)

    def _broadcast(self, terms: tuple[Term, ...], depth: int, alike: bool = False) -> Shape | None:
        """The shape of an element-wise operation; `alike`: on a prediction and its target, which are of one shape.

        What is not known cannot make a row (B,) anything else, and is no longer than a column where both are alike.
        """
        result: Shape = ()
        complete = True
        pending = 0
        for term in terms:
            shape = self._shape(term, depth)
            if shape is _PENDING:
                pending += 1
            elif shape is not None:
                result = broadcast(result, shape)
            else:
                complete = complete and self._is_hyper_parameter(self.context.head(term))
        if pending and result == () and complete:
            return _PENDING  # a change of scale
        return result if complete or result in ((BATCH,), OPEN) or (alike and result == (BATCH, 1)) else None

    def _is_hyper_parameter(self, term: Term) -> bool:
        """Whether the term is a plain setting: a field or parameter that nothing but numbers and settings reach."""
        if term.op not in ("field", "param", "global", "external", "item", "neg", "sub", "add", "minimum", "maximum"):
            return False
        if term.op == "param":
            return is_called_setting(term)
        if term.op == "item" and not isinstance(term.data, str) and term.args[0].op != "field":
            return False  # a part of a batch; the first entry of a field is the root of a tree
        if term.op == "field" and self._holds_many(term):
            return False
        return not term.has("draw", "mass", "found", "call", "at", "unknown", "collect", "element")

    def _holds_many(self, field: Term) -> bool:
        """Whether an attribute is a list or the like, which is made an array of as many numbers as it has."""
        held = self.symbols.graph.interpreter.attributes.get(field.data)
        return held is not None and any(isinstance(atom, Alloc) for atom in held.atoms)

    def _loss(self, term: Term, depth: int) -> Shape | None:
        name, reduction = term.data
        if reduction == "scalar":
            return ()
        if name.lower() in _LABELLED:
            return (BATCH,)
        shape = self._broadcast(term.args, depth, alike=True)
        if shape == OPEN:
            return OPEN
        return shape[:-1] if shape and name.lower() in _ROWWISE else shape

    def _reduced(self, term: Term, depth: int) -> Shape | None:
        axis = term.data
        if axis is None:
            return ()
        keep = isinstance(axis, tuple)
        number = axis[0] if keep else axis
        shape = self.of(term.args[0], depth)
        if not isinstance(number, int):
            return None
        if shape == OPEN:
            return OPEN
        if shape is None or (shape == (BATCH,) and number == 1):
            # The values of a network for each action, reduced over the actions; what has such an axis is no row, be it
            # picked for each pair from what was taken for a matrix: a distribution for each action has three axes.
            return None if number != 1 else (BATCH, 1) if keep else (BATCH,)
        if not -len(shape) <= number < len(shape):
            return None
        number %= len(shape)
        middle: Shape = (1,) if keep else ()
        return (*shape[:number], *middle, *shape[number + 1 :])

    def _drawn(self, term: Term) -> Shape | None:
        """A call that draws several at once gives one axis; `random.uniform(a, b)` gives a number."""
        node = term.data
        site = self.symbols.events.calls.get(node)
        draw = self.symbols.events.draws.get(node)
        if site is None or not isinstance(node, ir.Call):
            return None
        sized = node.argument(None, "size") or node.argument(None, "k")
        if draw is not None:
            many = sized or node.argument(2 if draw.method in ("randint", "integers") else 1, "num_samples")
            return (BATCH,) if many is not None or draw.method.endswith("multinomial") else None
        names = site.names
        if sized is None and any(name.endswith("uniform") for name in names):
            sized = node.argument(2, "size")
        if sized is not None:
            return (BATCH,) if not isinstance(sized, ir.Seq) or len(sized.items) == 1 else None
        if any(name.startswith("random.") for name in names):
            return ()
        if any(name.endswith(("random.rand", "random.random", "torch.rand", "random.random_sample")) for name in names):
            return (BATCH,) if len(node.args) == 1 else () if not node.args else None
        return () if any(name.endswith("uniform") for name in names) and len(node.args) == 2 else None

    # ---------------------------------------------------------------- parts and containers

    def _part(self, term: Term, depth: int) -> Shape | None:
        op, first = term.op, term.args[0] if term.args else None
        if op == "alloc":
            return self._allocated(term)
        if op == "tuple":
            return self._listed(term, depth)
        assert first is not None
        shape = self.of(first, depth)
        if shape == OPEN:
            return OPEN
        if op == "filled":
            return shape if shape is None or first.op != "alloc" else (BATCH, *shape[1:])
        if op == "collect":
            return None if shape is None else (BATCH, *shape)
        if op == "stack":
            return self._stacked(term, depth)
        if op == "element":
            return shape[1:] if shape else None
        if op == "slice":
            return shape
        if shape is None and op == "at":
            return self._picked(first, term.args[1], depth)
        if shape is None or not shape:
            return None
        if op == "item":
            return shape[1:] if isinstance(term.data, int) else None
        index = self.of(term.args[1], depth) if term.args[1].op != "tuple" else self._paired(term.args[1], depth)
        if index == OPEN:
            return OPEN
        return (
            None if index is None else (*index, *shape[1 if term.args[1].op != "tuple" else len(term.args[1].args) :])
        )

    def _listed(self, term: Term, depth: int) -> Shape | None:
        """A list or tuple of single numbers, or one of arrays that are made there, such as the levels of a tree."""
        shapes = {self.of(item, depth) for item in term.args}
        each = shapes.pop() if len(shapes) == 1 else None  # none in a list before anything is put into it
        if each and all(item.op == "alloc" for item in term.args):
            return (SOME, *each)
        return (SOME if len(term.args) > 1 else 1,) if each == () else None

    def _picked(self, values: Term, index: Term, depth: int) -> Shape | None:
        """What is picked from an array of which nothing is known.

        `values[rows, actions]` of a network is one value for each pair, and `p[drawn]` one for each position that was
        drawn by the probabilities p, a number for a single one. Rows that meet a column of actions give each action of
        each row, and the axes that the values have besides.
        """
        if index.op == "tuple":
            shape = self._paired(index, depth)
            if shape is not None and len(shape) > 1:
                return OPEN
            return shape if shape is not None and len(index.args) == 2 and BATCH in shape else None
        drawn = index.args[0] if index.op == "element" else index
        draw = self.symbols.events.draws.get(drawn.data) if drawn.op == "draw" else None
        if draw is None or draw.probabilities is None:
            return None
        pattern = self.symbols.term(draw.path, draw.probabilities)
        is_same = values == pattern if pattern.op == "param" else _fits(pattern, values)
        return self.of(index, depth) if is_same else None

    def _paired(self, index: Term, depth: int) -> Shape | None:
        """`x[rows, columns]`: one position for each pair; more where one of them has more axes than a row."""
        if any(self._has_more_axes(part, depth) for part in index.args):
            return OPEN
        if any(self.of(part, depth) is None for part in index.args):
            return None
        return self._broadcast(index.args, depth)

    def _has_more_axes(self, index: Term, depth: int) -> bool:
        """Whether an index is what was picked from a table, at places of which nothing is known: rows of columns."""
        return any(
            option.op == "at" and option.args[1].op != "tuple" and len(self.of(option.args[0], depth) or ()) > 1
            for option in alternatives(self.context.head(index))
            if self.of(option, depth) is None
        )

    def _allocated(self, term: Term) -> Shape | None:
        sizes = term.args
        if len(sizes) == 1 and sizes[0].op == "call" and sizes[0].data == "shape":
            return self.of(sizes[0].args[0])
        if term.data == "list" or (len(sizes) == 1 and self._may_be_a_tuple(sizes[0])):
            return None
        rest: list[Axis] = [1 if size.number == 1 else SOME for size in sizes[1:]]
        return (SOME, *rest)

    def _may_be_a_tuple(self, size: Term) -> bool:
        if size.op in ("add", "tuple") and size.has("tuple"):
            return True
        name = str(size.data[1]) if size.op in ("param", "field", "global") else str(size.data)
        return any(word in name.lower() for word in _NOT_A_LENGTH) or size.op in ("unknown", "call", "item")

    def _stacked(self, term: Term, depth: int) -> Shape | None:
        inner = self.of(term.args[0], depth)
        if inner is None:
            return None
        if term.data in (*_COLUMNS, "atleast_2d"):
            return (*inner, 1) if inner == (BATCH,) and term.data != "atleast_2d" else inner if len(inner) > 1 else None
        if term.data == "stack":
            return inner
        return None

    def _reshaped(self, term: Term, depth: int) -> Shape | None:
        shape = self.of(term.args[0], depth)
        if term.op == "reshape":
            sizes = term.args[1:]
            if len(sizes) == 1 and sizes[0].data in ("shape", ".size") and sizes[0].args:
                return self.of(sizes[0].args[0], depth)
            if len(sizes) == 1 and sizes[0].has("tuple"):
                return None  # sizes that are put together: `(n,) + (1,) * rest`
            if len(sizes) == 1:
                return (BATCH,) if sizes[0].number == -1 or not sizes[0].is_number else None
            rest: list[Axis] = [1 if size.number == 1 else SOME for size in sizes[1:]]
            return (1 if sizes[0].number == 1 else BATCH, *rest)
        if shape == OPEN and term.op in ("unsqueeze", "squeeze"):
            return OPEN
        if term.op == "unsqueeze":
            axis = term.data
            if shape is None or not isinstance(axis, int) or not -len(shape) - 1 <= axis <= len(shape):
                return None
            axis %= len(shape) + 1
            return (*shape[:axis], 1, *shape[axis:])
        if term.op == "squeeze":
            return self._squeezed(shape, term.data)
        return self._gathered(term, depth)

    def _squeezed(self, shape: Shape | None, axis: object) -> Shape | None:
        if shape is None or axis == "?":
            return None
        if axis is None:
            return None if SOME in shape else tuple(length for length in shape if length != 1)
        assert isinstance(axis, int)
        if not -len(shape) <= axis < len(shape):
            return None
        axis %= len(shape)
        if shape[axis] == SOME:
            return None
        return (*shape[:axis], *shape[axis + 1 :]) if shape[axis] == 1 else shape

    def _gathered(self, term: Term, depth: int) -> Shape | None:
        """`q.gather(1, actions)` has the shape of the actions; a column where they were made one."""
        index = term.args[1]
        shape = self.of(index, depth)
        if shape is not None:
            return shape
        options = alternatives(self.context.head(index))
        columns = all(_is_made_column(option) or _is_joined(option) for option in options)
        if term.data not in (1, -1) or (term.data == -1 and is_of_sequences(term)):
            return None
        return (BATCH, 1) if columns else None

    def _called(self, term: Term, depth: int) -> Shape | None:
        """The result of an unknown call: a placeholder of a graph, or a layer of a network."""
        if isinstance(term.data, str):  # else a call of the project, the text of which is that of its whole function
            if term.data.endswith(("placeholder", "placeholder_v2")):
                return self._placeholder(term)
            if term.data.rpartition(".")[2] in _COMPARES:
                return self._broadcast(term.args, depth)
        if self._is_recursion(term):
            return _PENDING  # has the shape of the answers that end it
        inside = self.symbols.inside(term)
        if inside is not None:
            return self._shape(inside, depth)
        width = width_of_call(self.symbols, term.node)
        return None if width is None else (BATCH, 1 if width == 1 else SOME)

    def _is_recursion(self, term: Term) -> bool:
        """Whether a function of the project calls itself there."""
        site = self.symbols.events.calls.get(term.node) if isinstance(term.node, ir.Call) else None
        return site is not None and site.function in {target.node for target in site.targets}

    def _placeholder(self, term: Term) -> Shape | None:
        """`tf.placeholder(tf.float32, [None, 1])`."""
        for part in term.args[1:]:
            if part.op == "tuple" and part.args and part.args[0].op == "const" and part.args[0].data is None:
                rest: list[Axis] = [1 if size.number == 1 else SOME for size in part.args[1:]]
                return (BATCH, *rest)
        return None
