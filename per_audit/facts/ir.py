"""The facts of one file: a compact program of plain, slotted nodes, each with its byte span.

This is what the audit reasons about and what the fixes cut: smaller than a syntax tree, without trivia, and free of
libcst objects, so that it can be stored and read back without parsing. Spans are byte offsets into the file's text
encoded as UTF-8 without a byte order mark; parentheses around an expression are outside its span.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True, eq=False)
class Node:
    """Anything with a place in the file. Nodes compare by identity."""

    start: int
    end: int


@dataclass(slots=True, eq=False)
class Expr(Node):
    """An expression."""


@dataclass(slots=True, eq=False)
class Name(Expr):
    """A plain name."""

    id: str


@dataclass(slots=True, eq=False)
class Attr(Expr):
    """`value.attr`."""

    value: Expr
    attr: str


@dataclass(slots=True, eq=False)
class Const(Expr):
    """A number, string, None, True, False or Ellipsis."""

    value: object


@dataclass(slots=True, eq=False)
class Arg(Node):
    """An argument of a call: `keyword` of a named one, `star` is "", "*" or "**"."""

    value: Expr
    keyword: str | None
    star: str


@dataclass(slots=True, eq=False)
class Call(Expr):
    """`func(args)`."""

    func: Expr
    args: list[Arg]

    def keyword(self, name: str) -> Arg | None:
        """The argument given by that keyword."""
        return next((arg for arg in self.args if arg.keyword == name), None)

    def argument(self, position: int | None, name: str | None = None) -> Expr | None:
        """The argument given at that position or by that keyword, None where neither is or a star hides it."""
        if name is not None and (found := self.keyword(name)):
            return found.value
        plain = [arg for arg in self.args if arg.keyword is None]
        if position is None or position >= len(plain) or any(arg.star for arg in plain[: position + 1]):
            return None
        return plain[position].value


@dataclass(slots=True, eq=False)
class Sub(Expr):
    """`value[index]`; several indices are a tuple `Seq`."""

    value: Expr
    index: Expr


@dataclass(slots=True, eq=False)
class Slice(Expr):
    """`lower:upper:step` inside a subscript."""

    lower: Expr | None
    upper: Expr | None
    step: Expr | None


@dataclass(slots=True, eq=False)
class Seq(Expr):
    """A display: `kind` is "tuple", "list" or "set"."""

    kind: str
    items: list[Expr]


@dataclass(slots=True, eq=False)
class Map(Expr):
    """A dict display; a key is None for `**other`."""

    keys: list[Expr | None]
    values: list[Expr]


@dataclass(slots=True, eq=False)
class Bin(Expr):
    """A binary operation; `op` is the operator's symbol."""

    op: str
    left: Expr
    right: Expr


@dataclass(slots=True, eq=False)
class Un(Expr):
    """A unary operation: "-", "+", "~" or "not"."""

    op: str
    operand: Expr


@dataclass(slots=True, eq=False)
class Cmp(Expr):
    """A comparison chain; `ops[i]` stands before `rights[i]`."""

    left: Expr
    ops: list[str]
    rights: list[Expr]


@dataclass(slots=True, eq=False)
class Logic(Expr):
    """`left and right`, `left or right`."""

    op: str
    left: Expr
    right: Expr


@dataclass(slots=True, eq=False)
class IfExp(Expr):
    """`body if test else orelse`."""

    test: Expr
    body: Expr
    orelse: Expr


@dataclass(slots=True, eq=False)
class Generator(Node):
    """One `for target in iter if ...` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: list[Expr]


@dataclass(slots=True, eq=False)
class Comp(Expr):
    """A comprehension: `kind` is "list", "set", "dict" or "generator"; `key` only for a dict of pairs."""

    kind: str
    key: Expr | None
    elt: Expr
    generators: list[Generator]


@dataclass(slots=True, eq=False)
class Star(Expr):
    """`*value` in a display, a call or a target."""

    value: Expr


@dataclass(slots=True, eq=False)
class Walrus(Expr):
    """`target := value`."""

    target: Expr
    value: Expr


@dataclass(slots=True, eq=False)
class Parameter(Node):
    """A parameter: `kind` is "", "*" or "**"; `keyword_only` as in the signature."""

    name: str
    default: Expr | None
    kind: str
    keyword_only: bool
    annotation: Expr | None


@dataclass(slots=True, eq=False)
class Lambda(Expr):
    """`lambda parameters: body`."""

    parameters: list[Parameter]
    body: Expr


@dataclass(slots=True, eq=False)
class Other(Expr):
    """Any other expression (f-string, await, yield, a number too long to read): only its parts matter."""

    kind: str
    parts: list[Expr]


@dataclass(slots=True, eq=False)
class Stmt(Node):
    """A statement. Compound statements span from their keyword to the end of their body."""


@dataclass(slots=True, eq=False)
class Assign(Stmt):
    """`targets[0] = targets[1] = value`; `value` is None for a bare annotation. Also `type target = value`."""

    targets: list[Expr]
    value: Expr | None
    annotation: Expr | None
    type_parameters: Expr | None = None


@dataclass(slots=True, eq=False)
class Aug(Stmt):
    """`target op= value`."""

    target: Expr
    op: str
    value: Expr


@dataclass(slots=True, eq=False)
class Return(Stmt):
    """`return value`."""

    value: Expr | None


@dataclass(slots=True, eq=False)
class Do(Stmt):
    """An expression as a statement."""

    value: Expr


@dataclass(slots=True, eq=False)
class If(Stmt):
    """`if test: body else: orelse`."""

    test: Expr
    body: list[Stmt]
    orelse: list[Stmt]


@dataclass(slots=True, eq=False)
class For(Stmt):
    """`for target in iter: body else: orelse`."""

    target: Expr
    iter: Expr
    body: list[Stmt]
    orelse: list[Stmt]


@dataclass(slots=True, eq=False)
class While(Stmt):
    """`while test: body else: orelse`."""

    test: Expr
    body: list[Stmt]
    orelse: list[Stmt]


@dataclass(slots=True, eq=False)
class WithItem(Node):
    """One `value as target` of a with statement."""

    value: Expr
    target: Expr | None


@dataclass(slots=True, eq=False)
class With(Stmt):
    """`with items: body`."""

    items: list[WithItem]
    body: list[Stmt]


@dataclass(slots=True, eq=False)
class Catch(Node):
    """`except type as name: ...`, the handler with its body."""

    type: Expr | None
    name: Expr | None


@dataclass(slots=True, eq=False)
class Try(Stmt):
    """`try: body except: handlers else: orelse finally: final`; each handler is its body, opened by `catches[i]`."""

    body: list[Stmt]
    handlers: list[list[Stmt]]
    orelse: list[Stmt]
    final: list[Stmt]
    catches: list[Catch] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Pattern(Node):
    """A pattern of a case: the names that it binds, the expressions that it compares with, and the guard after it."""

    names: list[Expr]
    values: list[Expr]
    guard: Expr | None


@dataclass(slots=True, eq=False)
class Match(Stmt):
    """`match subject:`; each case is its body, opened by `patterns[i]`."""

    subject: Expr
    cases: list[list[Stmt]]
    patterns: list[Pattern] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Function(Stmt):
    """A function or method. `type_parameters` is an `Other` of their bounds and defaults."""

    name: str
    parameters: list[Parameter]
    body: list[Stmt]
    decorators: list[Expr]
    returns: Expr | None = None
    type_parameters: Expr | None = None


@dataclass(slots=True, eq=False)
class Class(Stmt):
    """A class; `keywords` are `metaclass=...` and the like."""

    name: str
    bases: list[Expr]
    body: list[Stmt]
    decorators: list[Expr]
    keywords: list[Arg] = field(default_factory=list)
    type_parameters: Expr | None = None


@dataclass(slots=True, eq=False)
class Import(Stmt):
    """`import a.b as c`: pairs of dotted name and alias."""

    names: list[tuple[str, str | None]]


@dataclass(slots=True, eq=False)
class ImportFrom(Stmt):
    """`from module import names`; `level` counts the leading dots, ("*", None) is the star."""

    module: str
    level: int
    names: list[tuple[str, str | None]]


@dataclass(slots=True, eq=False)
class Delete(Stmt):
    """`del targets`."""

    targets: list[Expr]


@dataclass(slots=True, eq=False)
class Raise(Stmt):
    """`raise value from cause`."""

    value: Expr | None
    cause: Expr | None = None


@dataclass(slots=True, eq=False)
class Assert(Stmt):
    """`assert test, message`."""

    test: Expr
    message: Expr | None = None


@dataclass(slots=True, eq=False)
class Scope(Stmt):
    """`global names` or `nonlocal names`."""

    kind: str
    names: list[str]


@dataclass(slots=True, eq=False)
class Jump(Stmt):
    """`pass`, `break` or `continue`."""

    kind: str


# Of each kind of node the fields that hold nodes, and whether they hold a list of nothing but nodes.
_HOLDERS: dict[type[Node], tuple[tuple[str, bool], ...]] = {}
_NAMES = re.compile(r"\w+")
_PLAIN = re.compile(r"list\[\w+\]")
_SCOPES = (Function, Class, Lambda)


def _holders(kind: type[Node]) -> tuple[tuple[str, bool], ...]:
    nodes = {name for name, value in globals().items() if isinstance(value, type) and issubclass(value, Node)}
    _HOLDERS[kind] = tuple(
        (f.name, _PLAIN.fullmatch(str(f.type)) is not None)
        for f in fields(kind)
        if nodes.intersection(_NAMES.findall(str(f.type)))
    )
    return _HOLDERS[kind]


def children(node: Node) -> list[Node]:
    """The nodes directly inside a node, in order of the fields."""
    found: list[Node] = []
    kind = type(node)
    for name, is_plain in _HOLDERS[kind] if kind in _HOLDERS else _holders(kind):
        value = getattr(node, name)
        if is_plain:
            found += value
        elif isinstance(value, Node):
            found.append(value)
        elif type(value) is list:
            _collect(value, found)
    return found


def _collect(values: list[object], found: list[Node]) -> None:
    for value in values:
        if isinstance(value, Node):
            found.append(value)
        elif type(value) is list:
            _collect(value, found)


def last_name(node: Node | None) -> str:
    """`b` of the names `b` and `a.b`; empty for anything else."""
    return node.id if isinstance(node, Name) else node.attr if isinstance(node, Attr) else ""


def is_none(node: Node | None) -> bool:
    """Whether an expression is the constant None."""
    return isinstance(node, Const) and node.value is None


def walk(*roots: Node) -> Iterator[Node]:
    """Every node below and including the roots, in source order of the fields, without recursion."""
    stack = list(roots[::-1])
    holders = _HOLDERS
    while stack:
        node = stack.pop()
        yield node
        kind = type(node)
        if holders[kind] if kind in holders else _holders(kind):
            stack += children(node)[::-1]


def walk_scope(body: list[Stmt]) -> Iterator[Node]:
    """As `walk`, without entering functions, classes and lambdas defined inside."""
    stack: list[Node] = list(reversed(body))
    holders = _HOLDERS
    while stack:
        node = stack.pop()
        yield node
        kind = type(node)
        if kind not in _SCOPES and (holders[kind] if kind in holders else _holders(kind)):
            stack += children(node)[::-1]
