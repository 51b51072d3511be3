"""A plan in the making: what recipes cut and insert, with the checks that keep every splice on firm ground."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.plan import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ModuleFacts
    from per_audit.fixes.plan import FixOptions
    from per_audit.graph import ReplayGraph

# White space, line continuations and comments between two pieces of code.
_GAP = re.compile(rb"(?:\s|\\\r?\n|#[^\n]*\n)*")


class Refused(Exception):
    """The code has a shape that the recipe does not convert; the message names the shape and the place."""


class TravelsWhole(Refused):
    """A returned tuple cannot be extended, because what is made of it travels on; it may stay one value instead."""


class Draft:
    """Collects the edits of one pipeline. Nothing is changed until they have become a plan."""

    def __init__(self, graph: ReplayGraph, options: FixOptions, *, whole: bool = False) -> None:
        self.graph = graph
        self.options = options
        self.whole = whole  # a returned tuple stays one value beside weights and indices, rather than being extended
        self.imports: dict[str, set[str]] = defaultdict(set)
        self.unneeded: dict[str, set[str]] = defaultdict(set)
        self.assumptions: list[str] = []
        self.steps: list[str] = []
        self.weighted: set[ir.Call] = set()  # the losses that get weights, of all functions that learn
        self._edits: dict[tuple[str, int, int], Edit] = {}
        self._inserted: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._taken: dict[ir.Node | str, set[str]] = {}
        self._paths: dict[ir.Node, str] = {}

    @property
    def paths(self) -> set[str]:
        """The files that the plan would touch."""
        return {edit.path for edit in self.edits()} | {path for path, names in self.imports.items() if names}

    # ---------------------------------------------------------------- reading

    def text(self, path: str, node: ir.Node) -> str:
        """The source of a node."""
        return self.graph.module(path).source(node)

    def where(self, path: str, node: ir.Node) -> str:
        """`path:line` of a node, for messages."""
        return self.graph.module(path).where(node.start)

    def fresh(self, path: str, function: ir.Node | None, *wishes: str) -> str:
        """A name that the function does not use yet: the first free wish, else the last with a number."""
        scope: ir.Node | str = function if function is not None else path
        taken = self._taken.get(scope)
        if taken is None:
            roots: Iterable[ir.Node] = [function] if function is not None else self.graph.module(path).body
            taken = {n.id for n in ir.walk(*roots) if isinstance(n, ir.Name)}
            taken |= {n.name for n in ir.walk(*roots) if isinstance(n, (ir.Parameter, ir.Function, ir.Class))}
            self._taken[scope] = taken
        name = next((wish for wish in wishes if wish not in taken), None)
        number = 2
        while name is None:
            name = None if f"{wishes[-1]}{number}" in taken else f"{wishes[-1]}{number}"
            number += 1
        taken.add(name)
        return name

    def rendered(self, path: str, start: int, end: int) -> str:
        """The source of a range with the changes so far."""
        body = self.graph.module(path).text
        parts: list[str] = []
        for edit in self.edits():
            if edit.path == path and start <= edit.start and edit.end <= end:
                parts += [body[start : edit.start].decode(), edit.text]
                start = edit.end
        return "".join([*parts, body[start:end].decode()])

    def fits(self, path: str, *line: str) -> bool:
        """Whether a line is no longer than 100 characters, or than the longest one of a file with longer ones."""
        widest = max((len(text) for text in self.graph.module(path).text.decode().splitlines()), default=0)
        return len("".join(line).expandtabs(4)) <= max(100, min(widest, 120))

    def line(self, path: str, node: ir.Node) -> tuple[int, int]:
        """Where the code of the line begins on which a node starts, and where the line ends."""
        module = self.graph.module(path)
        begin = module.line_starts[module.line(node.start) - 1]
        text = module.text[begin:].partition(b"\n")[0].rstrip(b"\r")
        return begin + len(text) - len(text.lstrip()), begin + len(text)

    def margin(self, path: str, node: ir.Node) -> tuple[str, str]:
        """The white space before the line on which a node starts, and one step of indentation."""
        module = self.graph.module(path)
        begin = module.line_starts[module.line(node.start) - 1]
        indent = module.text[begin : self.line(path, node)[0]].decode()
        return indent, "\t" if indent.startswith("\t") else self._step(module)

    def _step(self, module: ModuleFacts) -> str:
        """One step of indentation: that of the first block of a module, and not of a list in its docstring."""
        for node in module.body:
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and module.line(body[0].start) > module.line(node.start):
                begin = module.line_starts[module.line(body[0].start) - 1]
                return module.text[begin : body[0].start].decode() or "    "
        return "    "

    def call(self, path: str, place: ir.Node, before: str, name: str, arguments: list[str], after: str = "") -> str:
        """The text of a call, its arguments on lines of their own where the line would be too long.

        `before` and `after` are what stands beside it on its line, which is indented as the line of `place` is.
        """
        text = f"{name}({', '.join(arguments)})"
        indent, step = self.margin(path, place)
        if self.fits(path, indent, before, text, after):
            return text
        return f"{name}(\n" + "".join(f"{indent}{step}{argument},\n" for argument in arguments) + f"{indent})"

    # ---------------------------------------------------------------- splices

    def replace(self, path: str, start: int, end: int, text: str, note: str) -> None:
        """Replace the bytes [start, end)."""
        if not self.graph.module(path).exact:
            raise Refused(f"{path} cannot be reproduced byte by byte by the parser")
        key = (path, start, end)
        known = self._edits.get(key)
        if known is not None and known.text != text:
            if start != end:
                raise Refused(f"two changes meet at {self.graph.module(path).where(start)}")
            text = known.text + text
        self._edits[key] = Edit(path, start, end, text, note)

    def once(self, path: str, start: int, end: int, text: str, note: str) -> None:
        """As `replace`, but the same change may be asked for again."""
        known = self._edits.get((path, start, end))
        if known is None or known.text != text:
            self.replace(path, start, end, text, note)

    def indent(self, path: str, statement: ir.Node) -> str:
        """The white space before a statement. Refuses one that shares its line with other code."""
        module = self.graph.module(path)
        begin = module.line_starts[module.line(statement.start) - 1]
        before = module.text[begin : statement.start].decode()
        if before.strip():
            raise Refused(f"{self.where(path, statement)} shares its line with another statement")
        return before

    def _line_end(self, path: str, offset: int) -> int:
        text = self.graph.module(path).text
        newline = text.find(b"\n", offset)
        end = len(text) if newline < 0 else newline
        rest = text[offset:end].decode().strip()
        if rest and not rest.startswith("#"):
            raise Refused(f"{self.graph.module(path).where(offset)} shares its line with another statement")
        return end if newline < 0 else newline + 1

    def insert_after(self, path: str, statement: ir.Stmt, lines: list[str], note: str) -> None:
        """Insert lines after a statement, indented like it."""
        indent = self.indent(path, statement)
        position = self._line_end(path, statement.end)
        self._insert(path, position, "".join(f"{indent}{line}\n" if line else "\n" for line in lines), note)

    def insert_before(self, path: str, statement: ir.Stmt, lines: list[str], note: str) -> None:
        """Insert lines before a statement, indented like it."""
        indent = self.indent(path, statement)
        module = self.graph.module(path)
        position = module.line_starts[module.line(statement.start) - 1]
        self._insert(path, position, "".join(f"{indent}{line}\n" for line in lines), note)

    def _insert(self, path: str, position: int, text: str, note: str) -> None:
        if text in self._inserted[path, position]:
            return
        self._inserted[path, position].append(text)
        body = self.graph.module(path).text
        if position == len(body) and not body.endswith(b"\n"):
            text = "\n" + text.removesuffix("\n")
        self.replace(path, position, position, text, note)

    def remove(self, path: str, statement: ir.Stmt, note: str) -> None:
        """Remove a statement with its lines, and a blank line below it where none or another one stands above."""
        self.indent(path, statement)
        module = self.graph.module(path)
        start = module.line_starts[module.line(statement.start) - 1]
        end = self._line_end(path, statement.end)
        is_first = self.block(path, statement)[0] is statement and start > 0
        if is_first or re.search(rb"\n[ \t]*\r?\n$", module.text[:start]):
            blank = re.compile(rb"[ \t]*\r?\n").match(module.text, end)
            end = blank.end() if blank is not None else end
        self.replace(path, start, end, "", note)

    def add_method(self, path: str, after: ir.Function, lines: list[str], note: str) -> None:
        """Add a method below another one of its class; the first line is its `def`, the others its body."""
        outer = self.indent(path, after)
        inner = self.indent(path, after.body[0])
        step = inner.removeprefix(outer) or "    "
        body = "".join(f"{outer}{step}{line}\n" for line in lines[1:])
        position = self._line_end(path, after.end)
        self._insert(path, position, f"\n{outer}{lines[0]}\n{body}", note)

    def add_argument(self, path: str, call: ir.Call, text: str, note: str, *more: str) -> None:
        """Add an argument, and more of them, at the end of a call, laid out as its arguments are."""
        body = self.graph.module(path).text
        if not call.args:
            self.once(path, call.end - 1, call.end - 1, ", ".join((text, *more)), note)
            return
        before = call.args[-2].value.end if len(call.args) > 1 else body.index(b"(", call.func.end) + 1
        self._append(path, before, call.args[-1].value, [text, *more], note)

    def add_parameter(self, path: str, function: ir.Function, text: str, note: str) -> None:
        """Add a parameter behind the last one of a function, laid out as its parameters are."""
        *others, last = function.parameters
        body = self.graph.module(path).text
        before = others[-1].end if others else body.rindex(b"(", function.start, last.start) + 1
        self._append(path, before, last, [text], note)

    def append_items(self, path: str, display: ir.Seq, names: list[str], note: str) -> None:
        """Append names to a tuple display or to a list of targets, laid out as its items are."""
        before = display.items[-2].end if len(display.items) > 1 else display.start
        self._append(path, before, display.items[-1], names, note, is_single=len(display.items) == 1)

    def _append(
        self, path: str, before: int, last: ir.Node, texts: list[str], note: str, is_single: bool = False
    ) -> None:
        """Append to the items of a bracket or tuple. `before` is where the last item but one, or the bracket, ends."""
        body = self.graph.module(path).text
        gap = body[before : last.start]
        end = self._after_item(body, before, last)
        trailing = _GAP.match(body, end)
        assert trailing is not None
        comma = trailing.end() + 1 if body[trailing.end() : trailing.end() + 1] == b"," else None
        lead, _ = self.margin(path, last)
        if b"\n" not in gap or b"\\" in gap:
            separator = "," if gap.endswith(b",") else ", "
            if comma is None:
                self.once(path, end, end, "".join(f"{separator}{text}" for text in texts), note)
            else:
                tail = "" if is_single else ","
                self.once(path, comma, comma, " " + ", ".join(texts) + tail, note)
            return
        line_end = self._code_end(body, comma or end)
        rest = body[comma or end : line_end].strip()
        if comma is not None and (not rest or rest.startswith(b"#")):
            self.once(path, line_end, line_end, "".join(f"\n{lead}{text}," for text in texts), note)
        elif rest.startswith(b"#"):
            self.once(path, end, end, ",", note)
            self.once(path, line_end, line_end, f"\n{lead}" + f",\n{lead}".join(texts), note)
        else:
            self.once(path, end, end, "".join(f",\n{lead}{text}" for text in texts), note)

    @staticmethod
    def _code_end(body: bytes, offset: int) -> int:
        """Where the line of an offset ends, before its line ending."""
        end = body.find(b"\n", offset)
        end = len(body) if end < 0 else end
        return end - 1 if body[end - 1 : end] == b"\r" else end

    @staticmethod
    def _after_item(body: bytes, before: int, item: ir.Node) -> int:
        """The byte after an item, its own parentheses included. `before` is where what stands before it ends."""
        end = item.end
        for _ in range(body[before : item.start].rpartition(b",")[2].count(b"(")):
            close = re.compile(rb"\s*\)").match(body, end)
            if close is None:
                break
            end = close.end()
        return end

    def surround(self, path: str, node: ir.Expr, name: str, argument: str, note: str) -> None:
        """Make `node` the first argument of a call of `name` and `argument` the second, laid out as the code is."""
        body = self.graph.module(path).text
        indent, step = self.margin(path, node)
        own = self.own_parentheses(path, node)
        start, end = own or (node.start, node.end)
        if b"\n" in body[start : node.start]:
            self.once(path, start, start, name, note)
            self._append(path, start + 1, node, [f"{argument},"], note)
            return
        is_one_line = b"\n" not in body[start:end]
        begin, stop = self.line(path, node)
        if (own and not is_one_line) or (
            is_one_line and self.fits(path, indent, self.rendered(path, begin, stop), f"{name}(, {argument})")
        ):
            self.once(path, start, start, name if own else f"{name}(", note)
            self.once(path, node.end, node.end, f", {argument}" if own else f", {argument})", note)
            return
        self._indent_rest(path, node, indent, step)
        self.once(path, start, node.start, f"{name}(\n{indent}{step}", note)
        self.once(path, node.end, end, f",\n{indent}{step}{argument},\n{indent})", note)

    def own_parentheses(self, path: str, node: ir.Expr) -> tuple[int, int] | None:
        """The range of the parentheses around an expression that are not those of a call."""
        body = self.graph.module(path).text
        if isinstance(self.graph.parents(path).get(node), ir.Arg):
            return None
        before = body[: node.start].rstrip()
        close = re.compile(_GAP.pattern + rb"\)").match(body, node.end)
        return (len(before) - 1, close.end()) if before.endswith(b"(") and close is not None else None

    def _indent_rest(self, path: str, node: ir.Node, indent: str, step: str) -> None:
        """Move the lines of a node behind its first one, which comes to stand on a line of its own."""
        module = self.graph.module(path)
        first, last = module.line(node.start), module.line(node.end)
        starts = module.line_starts[first:last]
        margins = [module.text[start:].partition(b"\n")[0].decode() for start in starts]
        margins = [line[: len(line) - len(line.lstrip())] for line in margins]
        column = node.start - module.line_starts[first - 1]

        def moved(margin: str) -> str:
            if margins[-1] == indent:  # the closing bracket stands where the statement begins
                return step + margin
            return margin if "\t" in margin else " " * (len(indent + step) + max(len(margin) - column, 0))

        for key, edit in self._edits.items():
            if key[0] == path and node.start <= edit.start and edit.end <= node.end and "\n" in edit.text:
                text = re.sub(r"(?<=\n)[ \t]*", lambda match: moved(match[0]), edit.text)
                self._edits[key] = replace(edit, text=text)
        for start, margin in zip(starts, margins, strict=True):
            self.once(path, start, start + len(margin), moved(margin), "indented with its first line")

    def append_name(self, path: str, target: ir.Name, names: list[str]) -> None:
        """Turn the target `a` into `a, b, c`; the type of `a: T` moves in front of the statement."""
        self.untyped(path, target)
        self.once(path, target.end, target.end, "".join(f", {name}" for name in names), "weights and indices arrive")

    def untyped(self, path: str, target: ir.Name) -> None:
        """Declare the type of a target in front of its statement: several targets can have none."""
        statement = self.graph.statement(path, target)
        if isinstance(statement, ir.Assign) and statement.annotation is not None:
            declared = f"{target.id}: {self.text(path, statement.annotation)}"
            self.insert_before(path, statement, [declared], "its type, which several names cannot be given")
            self.once(path, target.end, statement.annotation.end, "", "declared in front")

    def enclose(self, path: str, target: ir.Seq, names: list[str]) -> None:
        """Turn the targets `a, b` into `(a, b), c, d`."""
        body = self.graph.module(path).text
        tail = "".join(f", {name}" for name in names)
        close = re.compile(rb"\s*\)").match(body, target.end)
        if body[: target.start].rstrip().endswith(b"(") and close is not None:
            self.once(path, close.end(), close.end(), tail, "weights and indices arrive")
            return
        self.once(path, target.start, target.start, "(", "the batch as before")
        self.once(path, target.end, target.end, f"){tail}", "weights and indices arrive")

    def path_of(self, node: ir.Node) -> str:
        """The file that holds a node."""
        if not self._paths:
            for path, module in self.graph.project.modules.items():
                self._paths.update(dict.fromkeys((*module.body, *self.graph.parents(path)), path))
        return self._paths[node]

    def edits(self) -> list[Edit]:
        """All edits, in order."""
        return sorted(self._edits.values(), key=lambda edit: (edit.path, edit.start, edit.end))

    # ---------------------------------------------------------------- blocks

    def block(self, path: str, statement: ir.Stmt) -> list[ir.Stmt]:
        """The list of statements that holds a statement."""
        parent = self.graph.parents(path).get(statement)
        if parent is None:
            return self.graph.module(path).body
        for name in ("body", "orelse", "final"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        for group in (*getattr(parent, "handlers", ()), *getattr(parent, "cases", ())):
            if statement in group:
                return list(group)
        raise Refused(f"{self.where(path, statement)} stands in a block that cannot be edited")
