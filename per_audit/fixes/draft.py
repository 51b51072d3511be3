"""A plan in the making: what recipes cut and insert, with the checks that keep every splice on firm ground."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.plan import Edit

if TYPE_CHECKING:
    from per_audit.fixes.plan import FixOptions
    from per_audit.graph import ReplayGraph


class Refused(Exception):
    """The code has a shape that the recipe does not convert; the message names the shape and the place."""


class Draft:
    """Collects the edits of one pipeline. Nothing is changed until they have become a plan."""

    def __init__(self, graph: ReplayGraph, options: FixOptions) -> None:
        self.graph = graph
        self.options = options
        self.imports: dict[str, set[str]] = defaultdict(set)
        self.unneeded: dict[str, set[str]] = defaultdict(set)
        self.assumptions: list[str] = []
        self.steps: list[str] = []
        self._edits: dict[tuple[str, int, int], Edit] = {}
        self._inserted: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._taken: dict[ir.Node | str, set[str]] = {}
        self._paths: dict[ir.Node, str] = {}

    # ---------------------------------------------------------------- reading

    def text(self, path: str, node: ir.Node) -> str:
        """The source of a node."""
        return self.graph.module(path).source(node)

    def where(self, path: str, node: ir.Node) -> str:
        """`path:line` of a node, for messages."""
        return f"{path}:{self.graph.module(path).line(node.start)}"

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

    def call_layout(self, path: str, node: ir.Node, growth: int) -> tuple[str, str, str]:
        """How to lay out a call around an expression: what follows "(", stands between arguments, precedes ")".

        One line where the result fits the longest line that the file has already, arguments on lines of their own
        otherwise, indented by one step more than the statement.
        """
        module = self.graph.module(path)
        first, last = module.line(node.start), module.line(node.end)
        if first != last:
            return "", ", ", ""
        begin = module.line_starts[first - 1]
        line = module.text[begin:].partition(b"\n")[0].decode()
        widest = max((len(text) for text in module.text.decode().splitlines()), default=0)
        if len(line) + growth <= max(100, min(widest, 120)):
            return "", ", ", ""
        indent = line[: len(line) - len(line.lstrip())]
        step = "\t" if indent.startswith("\t") else "    "
        return f"\n{indent}{step}", f",\n{indent}{step}", f",\n{indent}"

    # ---------------------------------------------------------------- splices

    def replace(self, path: str, start: int, end: int, text: str, note: str) -> None:
        """Replace the bytes [start, end)."""
        if not self.graph.module(path).exact:
            raise Refused(f"{path} cannot be reproduced byte by byte by the parser")
        key = (path, start, end)
        known = self._edits.get(key)
        if known is not None and known.text != text:
            if start != end:
                raise Refused(f"two changes meet at {path}:{self.graph.module(path).line(start)}")
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
            line = self.graph.module(path).line(offset)
            raise Refused(f"{path}:{line} shares its line with another statement")
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

    def add_method(self, path: str, after: ir.Function, lines: list[str], note: str) -> None:
        """Add a method below another one of its class; the first line is its `def`, the others its body."""
        outer = self.indent(path, after)
        inner = self.indent(path, after.body[0])
        step = inner.removeprefix(outer) or "    "
        body = "".join(f"{outer}{step}{line}\n" for line in lines[1:])
        position = self._line_end(path, after.end)
        self._insert(path, position, f"\n{outer}{lines[0]}\n{body}", note)

    def add_argument(self, path: str, call: ir.Call, text: str, note: str) -> None:
        """Add an argument at the end of a call."""
        body = self.graph.module(path).text
        close = call.end - 1
        position = close
        while body[position - 1 : position].isspace():
            position -= 1
        before = body[position - 1 : position]
        if before == b"(":
            self.replace(path, position, position, text, note)
        elif before == b",":
            self.replace(path, position, position, f" {text}", note)
        else:
            self.replace(path, position, position, f", {text}", note)

    def append_items(self, path: str, display: ir.Seq, names: list[str], note: str) -> None:
        """Append names to a tuple display or to a list of targets, laid out as its items are."""
        body = self.graph.module(path).text
        end = self._after_item(path, display)
        gap = b""
        if len(display.items) > 1:
            gap = body[display.items[-2].end : display.items[-1].start]
        stacked = b"\n" in gap and b"\\" not in gap
        trailing = re.match(rb"\s*,", body[end:]) if len(display.items) > 1 or display.end > end else None
        if stacked:
            line = self.graph.module(path).line(display.items[-1].start)
            begin = self.graph.module(path).line_starts[line - 1]
            lead = body[begin : display.items[-1].start].decode()
            lead = lead[: len(lead) - len(lead.lstrip())]
            text = "".join(f",\n{lead}{name}" for name in names)
        else:
            separator = ", " if b", " in gap or len(display.items) == 1 or b"\\" in gap else ","
            text = "".join(f"{separator}{name}" for name in names)
        if len(display.items) == 1 and trailing:
            end += trailing.end()
            text = text.removeprefix(",")
        self.once(path, end, end, text, note)

    def append_name(self, path: str, target: ir.Name, names: list[str]) -> None:
        """Turn the target `a` into `a, b, c`."""
        self.once(path, target.end, target.end, "".join(f", {name}" for name in names), "weights and indices arrive")

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
            for path in self.graph.project.modules:
                self._paths.update(dict.fromkeys(self.graph.parents(path), path))
        return self._paths[node]

    def _after_item(self, path: str, display: ir.Seq) -> int:
        """The byte after the last item, its own parentheses included."""
        body = self.graph.module(path).text
        end = display.items[-1].end
        opened = 0
        begin = display.items[-2].end if len(display.items) > 1 else display.start
        for byte in body[begin : display.items[-1].start]:
            opened += (byte == 40) - (byte == 41)
        for _ in range(max(opened, 0)):
            close = re.compile(rb"\s*\)").match(body, end)
            if close is None:
                break
            end = close.end()
        return end

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

