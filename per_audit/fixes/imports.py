"""The import lines of an edited file: the package's names in, names that nothing uses any more out.

Only import statements at the top level of the module are touched; those under `try` and `if` are somebody's decision.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from per_audit.fixes.edits import EditError, Text, apply
from per_audit.fixes.module import PACKAGE, Module, Statement
from per_audit.fixes.plan import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WIDTHS = 88, 120
_FUTURE, _STDLIB, _THIRD_PARTY, _LOCAL = range(4)


def adjust(data: bytes, add: Iterable[str], unneeded: Iterable[str] = (), local: Iterable[str] = ()) -> bytes:
    """The file with `add` imported from the package and those of `unneeded` that nothing uses no longer imported.

    `local` are the names of the project's own top-level modules. Raises EditError where a name to add already means
    something else in the file.
    """
    data = _remove(data, set(unneeded))
    return _insert(data, set(add), frozenset(local))


# Removal


def _remove(data: bytes, unneeded: set[str]) -> bytes:
    module = Module(Text.of(data).body)
    if not module.is_whole:
        return data
    for index, statement in enumerate(module.statements):
        aliases = _aliases(statement)
        gone = [alias for alias in aliases if _is_unused(module, alias, unneeded)]
        if gone:
            is_all = len(gone) == len(aliases)
            edits = [_without_statement(module, index)] if is_all else _without_aliases(module, statement, gone)
            return _remove(apply(data, edits), unneeded)  # afresh, because neighbours share blank lines and semicolons
    return data


def _aliases(statement: Statement) -> list[ast.alias]:
    node = statement.node
    return node.names if isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_future(node) else []


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_unused(module: Module, alias: ast.alias, unneeded: set[str]) -> bool:
    name = alias.asname or alias.name
    # `import a.b` is there for loading a module as much as for a name.
    return name in unneeded and "." not in name and not module.uses(name)


def _without_statement(module: Module, index: int) -> Edit:
    statement, body = module.statements[index], module.body
    start, end = module.line_start(statement.start), module.line_end(statement.end)
    before, after = module.statements[:index], module.statements[index + 1 :]
    if after and after[0].start < end:
        return _cut(statement.start, after[0].start)
    if before and before[-1].end > start:
        return _cut(before[-1].end, statement.end)
    # Of the blank lines before and after, the longer run stays.
    above, below = start, end
    while above > 0 and module.is_blank(module.line_start(above - 1)):
        above = module.line_start(above - 1)
    while module.is_blank(below):
        below = module.line_end(below)
    if below > end and (above == 0 or above < start):
        is_shorter_above = body.count(b"\n", above, start) <= body.count(b"\n", end, below)
        start, end = (above, end) if above > 0 and is_shorter_above else (start, below)
    return _cut(start, end)


def _without_aliases(module: Module, statement: Statement, gone: list[ast.alias]) -> list[Edit]:
    aliases = _aliases(statement)
    kept = [alias for alias in aliases if alias not in gone]
    last_kept = aliases.index(kept[-1])
    edits = []
    for index, alias in enumerate(aliases[:last_kept]):
        if alias in gone:
            edits.append(_cut(module.range(alias)[0], module.range(aliases[index + 1])[0]))
    if last_kept + 1 < len(aliases):
        edits.append(_without_tail(module, statement, last_kept))
    return edits


def _without_tail(module: Module, statement: Statement, last_kept: int) -> Edit:
    """Cut the names behind the last kept one."""
    aliases = _aliases(statement)
    start, end = module.range(aliases[last_kept + 1])[0], module.range(aliases[-1])[1]
    lines = module.line_start(start), module.line_end(end)
    is_first = not module.body[lines[0] : start].strip()
    is_last = re.fullmatch(rb"\s*,?\s*(#.*)?\s*", module.body[end : lines[1]])
    if is_first and is_last and _has_brackets(module, statement):
        return _cut(*lines)
    return _cut(module.range(aliases[last_kept])[1], end)


def _has_brackets(module: Module, statement: Statement) -> bool:
    return b"(" in module.body[statement.start : module.range(_aliases(statement)[0])[0]]


def _cut(start: int, end: int) -> Edit:
    return Edit("", start, end, "", "nothing uses this import any more")


# Insertion


class _Segment(NamedTuple):
    """Neighbouring imports of one kind."""

    kind: int
    imports: list[Statement]


def _insert(data: bytes, add: set[str], local: frozenset[str]) -> bytes:
    if not add:
        return data
    module = Module(Text.of(data).body)
    for name in sorted(add):
        if module.binds(name):
            raise EditError(f"the name {name} already means something else in this file")
    block = _block(module, add)
    first_use = next((statement for statement in module.statements if module.mentions(statement, add)), None)
    for statement in module.statements:
        if statement is first_use:
            break
        if _is_ours(statement.node):
            return apply(data, _extended(module, statement, add))
    edit = _placed(module, block, _rendered(module, add), local)
    if first_use is not None and first_use.start < edit.start:
        raise EditError("the first use stands on one line with an import; give it a line of its own")
    return apply(data, [edit])


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == PACKAGE and node.level == 0


def _block(module: Module, add: set[str]) -> list[Statement]:
    """The imports at the head of the file, before the first use of the names to add.

    Calls and settings between imports (`os.environ["X"] = "1"`, `sys.path.append(...)`), `try` and `if` do not end it.
    """
    block = []
    for statement in module.statements:
        if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
            block.append(statement)
        elif not _may_stand_between(statement.node) or module.mentions(statement, add):
            break
    return block


def _may_stand_between(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return not any(isinstance(target, ast.Name) for target in node.targets)
    return isinstance(node, (ast.Expr, ast.Try, ast.If))


def _placed(module: Module, block: list[Statement], line: str, local: frozenset[str]) -> Edit:
    """The edit that inserts the line where the file's own style puts it."""
    segments = _segments(block, local)
    kinds = [segment.kind for segment in segments]
    if not [kind for kind in kinds if kind != _FUTURE]:
        return _first_import(module, block, line)
    if kinds != sorted(set(kinds)):
        return _after(module, block[-1], line)  # no order to keep
    third_party = next((segment for segment in segments if segment.kind == _THIRD_PARTY), None)
    if third_party is None:
        gap = "\n" if _has_gaps(module, segments) else ""
        before = [segment for segment in segments if segment.kind < _THIRD_PARTY]
        if before:
            return _after(module, before[-1].imports[-1], gap + line)
        return _before(module, segments[0].imports[0], line + gap)
    style = next((key for key in (_imports_first, _by_module) if _is_sorted(segments, key)), None)
    if style is not None:
        ours = style(ast.parse(line).body[0])
        following = next((other for other in third_party.imports if style(other.node) > ours), None)
        if following is not None:
            return _before(module, following, line)
    return _after(module, third_party.imports[-1], line)


def _segments(block: list[Statement], local: frozenset[str]) -> list[_Segment]:
    segments: list[_Segment] = []
    for statement in block:
        kind = _kind(statement.node, local)
        if not segments or segments[-1].kind != kind:
            segments.append(_Segment(kind, []))
        segments[-1].imports.append(statement)
    return segments


def _kind(node: ast.stmt, local: frozenset[str]) -> int:
    if _is_future(node):
        return _FUTURE
    if isinstance(node, ast.ImportFrom) and node.level:
        return _LOCAL
    top = _module_name(node).partition(".")[0]
    if top in sys.stdlib_module_names:
        return _STDLIB
    return _LOCAL if top in local else _THIRD_PARTY


def _module_name(node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom):
        return "." * node.level + (node.module or "")
    return node.names[0].name if isinstance(node, ast.Import) else ""


def _imports_first(node: ast.stmt) -> tuple[bool, str]:
    return isinstance(node, ast.ImportFrom), _module_name(node).lower()


def _by_module(node: ast.stmt) -> tuple[bool, str]:
    return False, _module_name(node).lower()


def _is_sorted(segments: Sequence[_Segment], key: Callable[[ast.stmt], tuple[bool, str]]) -> bool:
    keys = [[key(statement.node) for statement in segment.imports] for segment in segments]
    return all(each == sorted(each) for each in keys)


def _has_gaps(module: Module, segments: list[_Segment]) -> bool:
    """Whether blank lines are between the segments; so it is usual, where there is but one."""
    between = [
        module.body[above.imports[-1].end : below.imports[0].start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for above, below in itertools.pairwise(segments)
    ]
    return not between or any(re.search(rb"\n[ \t]*\n", gap) for gap in between)


def _after(module: Module, statement: Statement, line: str) -> Edit:
    """Insert below the line on which the statement ends, and below whatever else is begun on that line."""
    end = statement.end
    for other in module.statements:
        if end < other.start < module.line_end(end):
            end = other.end
    return _put_lines(module, module.line_end(end), line)


def _before(module: Module, statement: Statement, line: str) -> Edit:
    return _put_lines(module, module.line_start(statement.start), line)


def _first_import(module: Module, block: list[Statement], line: str) -> Edit:
    """Insert into a file that imports nothing yet: below its docstring, future imports or opening comments."""
    above = block[-1] if block else None
    statements = module.statements
    if above is None and statements and _is_docstring(statements[0].node):
        above = statements[0]
    if above is not None:
        is_spaced = module.is_blank(module.line_end(above.end)) or module.line_end(above.end) == len(module.body)
        return _after(module, above, "\n" + line + ("" if is_spaced else "\n"))
    offset = len(module.body)
    if statements:
        offset = module.line_start(statements[0].start)
        attached = offset
        while attached > 0 and module.body[module.line_start(attached - 1) :].lstrip(b" \t").startswith(b"#"):
            attached = module.line_start(attached - 1)
        if attached > 0:
            offset = attached  # a comment on the statement, not the head of the file
    is_definition = statements and isinstance(statements[0].node, (ast.FunctionDef, ast.ClassDef))
    return _put_lines(module, offset, line + ("\n\n" if is_definition else "\n" if statements else ""))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _put_lines(module: Module, offset: int, lines: str) -> Edit:
    """Insert whole lines at the start of a line, or at the end of a file whose last line has no ending."""
    if offset == 0 or module.body[:offset].endswith((b"\r", b"\n")):
        return _put(offset, lines)
    return _put(offset, "\n" + lines.removesuffix("\n"))


def _put(offset: int, text: str) -> Edit:
    return Edit("", offset, offset, text, "the names that the new code uses")


# The line itself


def _rendered(module: Module, names: Iterable[str]) -> str:
    names = sorted(names)
    line = f"from {PACKAGE} import {', '.join(names)}\n"
    if len(line) - 1 <= _width(module):
        return line
    indent = _indent(module)
    return f"from {PACKAGE} import (\n" + "".join(f"{indent}{name},\n" for name in names) + ")\n"


def _width(module: Module) -> int:
    """How long a line may be: as long as the file's own ones, within reason."""
    longest = max((len(line) for line in module.body.decode().splitlines()), default=0)
    return min(max(longest, _WIDTHS[0]), _WIDTHS[1])


def _indent(module: Module) -> str:
    header, gap = rb"(?:\A|(?<=[\r\n]))\S[^\r\n]*:[ \t]*(?:#[^\r\n]*)?[\r\n]", rb"(?:[ \t]*(?:#[^\r\n]*)?[\r\n])*"
    found = re.search(header + gap + rb"([ \t]+)[^\s#]", module.body)
    return found[1].decode() if found else "    "


def _extended(module: Module, existing: Statement, add: set[str]) -> list[Edit]:
    """The edits that add names to an import of the package that is there already."""
    assert isinstance(existing.node, ast.ImportFrom)
    aliases = existing.node.names
    missing = sorted(add - {alias.name for alias in aliases if alias.asname is None})
    if not missing or aliases[0].name == "*":
        return []
    names = [alias.name for alias in aliases]
    is_single_line = existing.node.lineno == existing.node.end_lineno
    if is_single_line and names == sorted(names) and not any(alias.asname for alias in aliases):
        text = _rendered(module, {*names, *missing}).removesuffix("\n")
        return [Edit("", existing.start, existing.end, text, "the names that the new code uses")]
    edits = []
    for name in missing:
        following = next((alias for alias in aliases if alias.name > name), None) if names == sorted(names) else None
        anchor = following or aliases[-1]
        start, end = module.range(anchor)
        lead = module.body[module.line_start(start) : start]
        gap = "\n" + lead.decode() if not lead.strip() and _has_brackets(module, existing) else " "
        edits.append(_put(start, f"{name},{gap}") if following else _put(end, f",{gap}{name}"))
    return edits
