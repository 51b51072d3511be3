"""The names under which calls import modules, as far as texts of the same file make them up."""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections import defaultdict
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_IMPORTERS = ("import_module", "__import__")
IMPORTERS_IN_TEXT = tuple(name.encode() for name in _IMPORTERS)
_CALL = re.compile(rb"\b(?:import_module|__import__)\s*\(")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_METHODS: dict[type, tuple[str, ...]] = {
    str: ("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rpartition", "rsplit", "rstrip",
          "split", "strip"),
    dict: ("items", "keys", "values"),
}  # fmt: skip
_CHANGES = ("add", "append", "extend", "insert", "pop", "setdefault", "update")
_OF_PATHS = {name: getattr(posixpath, name) for name in ("basename", "dirname", "join", "split", "splitext")}
_COPIES: dict[str, Callable[..., object]] = {made.__name__: made for made in (list, set, sorted, str, tuple)}
_MOST = 64  # values of an expression, or items of a collection
_LONGEST = 1000  # characters of a text
_ANY, _HERE = "*", "<here>"  # in the place of what is not known, and of the package around the file
_BEGUN = re.compile(r"[\w.][\w.*]*")


class _UnknownError(Exception):
    """What an expression may be is not written in the file."""


def known_and_rest(data: bytes) -> tuple[frozenset[str], bytes]:
    """The names of modules that texts of a file make up for calls which import them, and the file without these calls.

    A name that a loop takes from a list is one of those where the list is written out, and so is one that is cut from
    the path of a file.
    """
    if not may_load(data):
        return frozenset(), data
    names, rest, _ = _loaded(data)
    return names, rest


def patterns_of(data: bytes) -> frozenset[str]:
    """The names of modules that calls of a file import, each with a star for every part that the file does not tell.

    They begin with what is written: with a dot where that is the package around the file.
    """
    return _loaded(data)[2] if may_load(data) else frozenset()


def may_load(data: bytes) -> bool:
    """Whether a file may import modules by texts; most files are soon known not to."""
    return any(name in data for name in IMPORTERS_IN_TEXT) and _CALL.search(data) is not None


@lru_cache(maxsize=1024)
def _loaded(data: bytes) -> tuple[frozenset[str], bytes, frozenset[str]]:
    """What `known_and_rest` and `patterns_of` say of a file; several phases of an audit ask for each."""
    texts = _texts_of(data)
    return *_known_and_rest(data, texts), _patterns_of(texts)


def _known_and_rest(data: bytes, texts: _Texts | None) -> tuple[frozenset[str], bytes]:
    try:
        known = {call: texts.names_of(call) for call in texts.calls} if texts is not None else {}
    except RecursionError:
        known = {}
    if not known:
        return frozenset(), data
    lines = data.splitlines(keepends=True)
    for call in (call for call, names in known.items() if names):
        _blank(lines, call)
    return frozenset().union(*known.values()), b"".join(lines)


def _patterns_of(texts: _Texts | None) -> frozenset[str]:
    try:
        made = [texts.pattern_of(call) for call in texts.calls if not texts.names_of(call)] if texts is not None else []
    except RecursionError:
        return frozenset()
    return frozenset(filter(_BEGUN.fullmatch, made))


def pattern_of(expression: str) -> str | None:
    """The same for the expression alone that is the name; None where it does not begin with what is written."""
    texts = _texts_of(f"import_module({expression})".encode())
    made = texts.pattern_of(texts.calls[0]) if texts is not None else ""
    return made if _BEGUN.fullmatch(made) else None


def _texts_of(data: bytes) -> _Texts | None:
    """What is known of a file that imports modules by texts, where it can be parsed."""
    try:
        with warnings.catch_warnings():  # of escapes in the audited code's strings
            warnings.simplefilter("ignore")
            return _Texts(ast.parse(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _blank(lines: list[bytes], call: ast.Call) -> None:
    """Puts spaces in the place of the function that imports a module."""
    last = call.func.end_lineno or call.lineno
    for at in range(call.lineno - 1, last):
        start = call.col_offset if at == call.lineno - 1 else 0
        end = (call.func.end_col_offset or 0) if at == last - 1 else len(lines[at].rstrip(b"\r\n"))
        lines[at] = lines[at][:start] + b" " * (end - start) + lines[at][end:]


class _Texts:
    """What the names of a file may stand for, where only what is written in the file is put into them."""

    def __init__(self, tree: ast.Module) -> None:
        self.calls: list[ast.Call] = []
        self._outer: dict[ast.AST, ast.AST] = {}  # the scope around each node
        self._given: dict[tuple[ast.AST, str], list[ast.Name | None]] = defaultdict(list)
        self._sources: dict[ast.AST, tuple[ast.expr, bool, int | None]] = {}
        self._open: set[ast.AST] = set()  # the names that are being read
        self._changed: set[str] = set()  # the names of what other places give something, too
        stack: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
        while stack:
            node, scope = stack.pop()
            self._outer[node] = scope
            self._note(node, scope)
            inner = node if isinstance(node, _SCOPES) else scope
            stack += ((child, inner) for child in ast.iter_child_nodes(node))

    def names_of(self, call: ast.Call) -> frozenset[str]:
        """The names of the modules that a call may import; none where they are not known."""
        try:
            found = self._values(call.args[0]) if call.args else []
        except _UnknownError:
            return frozenset()
        names = frozenset(name for name in found if isinstance(name, str))
        return names if len(names) == len(found) else frozenset()

    def pattern_of(self, call: ast.Call) -> str:
        """The name of the module that a call imports, with a star for each part that is not known."""
        text = self._pattern(call.args[0]) if call.args else _ANY
        own = f"{_HERE}."
        return f".{text.removeprefix(own)}" if text.startswith(own) else text.replace(_HERE, _ANY)

    def _pattern(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(map(self._pattern, node.values))
        if isinstance(node, ast.FormattedValue):
            return self._pattern(node.value)
        if isinstance(node, ast.Name):
            return self._pattern_of_name(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._pattern(node.left) + self._pattern(node.right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return re.sub(r"%\w", _ANY, self._pattern(node.left))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return re.sub(r"\{[^{}]*\}", _ANY, self._pattern(node.func.value))
        return _ANY

    def _pattern_of_name(self, name: ast.Name) -> str:
        """That of what a name stands for, where it is given to it once, in the scope where it is read."""
        if name.id in ("__name__", "__package__"):
            return _HERE
        given = self._given.get((self._outer[name], name.id), [])
        target = given[0] if len(given) == 1 else None
        if target is None or target not in self._sources or target in self._open:
            return _ANY
        source, is_loop, at = self._sources[target]
        if is_loop or at is not None:
            return _ANY
        self._open.add(target)
        try:
            return self._pattern(source)
        finally:
            self._open.remove(target)

    # ---------------------------------------------------------------- what is given names

    def _note(self, node: ast.AST, scope: ast.AST) -> None:
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _IMPORTERS:
            self.calls.append(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._note_target(target, node.value, False)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            self._note_target(node.target, node.value, False)
        elif isinstance(node, (ast.For, ast.comprehension)):
            self._note_target(node.target, node.iter, True)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self._given[scope, node.id].append(node)
        elif isinstance(node, ast.arg):
            self._given[scope, node.arg].append(None)
        elif isinstance(node, ast.alias):
            self._given[scope, (node.asname or node.name).partition(".")[0]].append(None)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self._changed.update(node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name is not None:
            self._changed.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            self._changed.add(node.rest)
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self._note_changed(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            self._note_changed(node.func.value)

    def _note_changed(self, held: ast.expr) -> None:
        if isinstance(held, ast.Name):
            self._changed.add(held.id)

    def _note_target(self, target: ast.expr, value: ast.expr, is_loop: bool) -> None:
        if isinstance(target, ast.Name):
            self._sources[target] = value, is_loop, None
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._sources.update({part: (value, is_loop, at) for at, part in enumerate(target.elts)})

    def _of_name(self, name: ast.Name) -> list[object]:
        """What a name may stand for: what is assigned to it in the innermost scope that gives it anything."""
        scope: ast.AST | None = self._outer[name]
        while scope is not None and not self._gives(scope, name):
            scope = self._outer[scope] if self._outer[scope] is not scope else None
        if scope is None or name.id in self._changed:
            raise _UnknownError
        return [value for target in self._given[scope, name.id] for value in self._of_target(target)]

    def _gives(self, scope: ast.AST, name: ast.Name) -> bool:
        """Whether a name is given something in a scope around it; what a class has is not seen in its methods."""
        is_seen = scope is self._outer[name] or not isinstance(scope, ast.ClassDef)
        return is_seen and (scope, name.id) in self._given

    def _of_target(self, target: ast.Name | None) -> list[object]:
        if target is None or target not in self._sources or target in self._open:
            raise _UnknownError
        source, is_loop, at = self._sources[target]
        self._open.add(target)
        try:
            found = self._values(source)
        finally:
            self._open.remove(target)
        if is_loop:
            found = [item for each in found for item in _items(each)]
        return found if at is None else [_at(each, at) for each in found]

    # ---------------------------------------------------------------- expressions

    def _values(self, node: ast.expr) -> list[object]:
        """The constants that an expression may be, each once."""
        found: list[object] = []
        for value in self._options(node):
            if value not in found:
                found.append(value)
            if len(found) > _MOST or (isinstance(value, str) and len(value) > _LONGEST):
                raise _UnknownError
        return found

    def _options(self, node: ast.expr) -> list[object]:
        if isinstance(node, ast.Constant):
            return [node.value]
        if isinstance(node, ast.Name):
            return self._of_name(node)
        if isinstance(node, ast.IfExp):
            return self._values(node.body) + self._values(node.orelse)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return list(self._each(node.elts))
        if isinstance(node, ast.Dict):
            keys = [key for key in node.keys if key is not None]
            items = self._each([*keys, *node.values]) if len(keys) == len(node.keys) else []
            return [_mapping(each[: len(keys)], each[len(keys) :]) for each in items] or _unknown()
        if isinstance(node, ast.JoinedStr):
            return [_joined(parts) for parts in self._each(node.values)]
        if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
            return self._values(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [_joined(parts) for parts in self._each([node.left, node.right])]
        if isinstance(node, ast.Subscript):
            return [item for held in self._values(node.value) for item in self._items_at(held, node.slice)]
        if isinstance(node, ast.Call) and not node.keywords:
            return self._called(node.func, node.args)
        return _unknown()

    def _each(self, nodes: Sequence[ast.expr]) -> list[list[object]]:
        """What expressions may be together."""
        found: list[list[object]] = [[]]
        for node in nodes:
            found = [[*each, value] for each in found for value in self._values(node)]
            if len(found) > _MOST:
                raise _UnknownError
        return found

    def _items_at(self, held: object, index: ast.expr) -> list[object]:
        if isinstance(index, ast.Slice):
            low, high, step = (_number(bound) for bound in (index.lower, index.upper, index.step))
            return [held[low:high:step]] if isinstance(held, (str, list, tuple)) and step != 0 else _unknown()
        try:
            return [_at(held, at) for at in self._values(index)]
        except _UnknownError:
            return list(held.values()) if isinstance(held, dict) else _items(held)

    def _called(self, function: ast.expr, arguments: Sequence[ast.expr]) -> list[object]:
        """The results of a function of paths, a method of a text or a mapping, or a copy of a collection."""
        given = self._each(arguments)
        if isinstance(function, ast.Name):
            made = {**_COPIES, **_OF_PATHS}.get(function.id)
            return [_result(made, each) for each in given]
        if not isinstance(function, ast.Attribute):
            return _unknown()
        if getattr(function.value, "attr", getattr(function.value, "id", "")) in ("path", "osp"):
            return [_result(_OF_PATHS.get(function.attr), each) for each in given]
        held = self._values(function.value)
        return [_result(_method(of, function.attr), each) for of in held for each in given]


def _method(held: object, name: str) -> Callable[..., object] | None:
    method: Callable[..., object] | None = getattr(held, name) if name in _METHODS.get(type(held), ()) else None
    return method


def _result(function: Callable[..., object] | None, arguments: Sequence[object]) -> object:
    try:
        return function(*arguments) if function is not None else _unknown()
    except (TypeError, ValueError):
        return _unknown()


def _joined(parts: Iterable[object]) -> str:
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(list(parts)) else _unknown()


def _mapping(keys: Sequence[object], values: Sequence[object]) -> dict[object, object]:
    try:
        return dict(zip(keys, values, strict=True))
    except TypeError:  # a key that cannot be one
        return _unknown()


def _items(held: object) -> list[object]:
    """What a loop finds in a collection."""
    return list(held) if isinstance(held, Collection) and not isinstance(held, (str, bytes)) else _unknown()


def _at(held: object, index: object) -> object:
    try:
        return held[index]  # type: ignore[index]
    except (TypeError, LookupError):
        return _unknown()


def _number(bound: ast.expr | None) -> int | None:
    if bound is None:
        return None
    try:
        value = ast.literal_eval(bound)
    except (TypeError, ValueError):  # not written as a number
        return _unknown()
    return value if isinstance(value, int) else _unknown()


def _unknown() -> NoReturn:
    raise _UnknownError
