"""Small programs of reinforcement learning in many shapes and layouts, for properties of `fix` over all of them."""

from __future__ import annotations

import io
import textwrap
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from .other_code import OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = " ~"  # ends the lines of a template that a fix may change or remove


@dataclass(frozen=True)
class Names:
    """What the program calls things; a transition's fields stand in the order state, action, reward, next, done."""

    fields: tuple[str, ...]
    memory: str
    agent: str
    items: str
    capacity: str
    push: str
    sample: str
    count: str
    batch: str
    learn: str
    value: str
    target: str


@dataclass(frozen=True)
class Choice:
    """What a program is made of."""

    names: Names
    order: tuple[int, ...]  # in which the fields are stored
    container: str
    record: str
    result: str
    loss: str
    column: bool
    where: str
    files: int
    imports: str
    broken: bool
    decorated: bool
    nested: bool
    annotated: bool
    others: tuple[tuple[str, int], ...]  # other code, and the piece of the program that it stands behind
    indentation: str
    newline: str
    has_bom: bool
    ends: bool
    notes: tuple[tuple[int, bool], ...]  # a comment at a line, or on a line of its own before it


@dataclass(frozen=True)
class Program:
    """The files as on disk, in the order in which they import each other; `kept` are lines that a fix leaves alone."""

    files: dict[str, str]
    kept: dict[str, list[str]]
    choice: Choice


_FIELDS = (
    ("state", "action", "reward", "next_state", "done"),
    ("obs", "act", "rew", "next_obs", "terminal"),
    ("s", "a", "r", "s2", "d"),
    ("before", "chosen", "gain", "after", "over"),
)


def _name(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


names = st.builds(
    Names,
    fields=st.sampled_from(_FIELDS),
    memory=_name("ReplayMemory", "Buffer", "Store", "Past", "_Pool"),
    agent=_name("Agent", "DQN", "Learner", "Player"),
    items=_name("memory", "buffer", "data", "kept", "_items"),
    capacity=_name("capacity", "max_size", "n"),
    push=_name("push", "add", "store_transition", "remember", "put"),
    sample=_name("sample", "sample_batch", "draw", "get_batch"),
    count=_name("batch_size", "k", "size"),
    batch=_name("batch", "transitions", "minibatch", "picked"),
    learn=_name("learn", "train_step", "update", "optimize"),
    value=_name("q", "values", "estimate"),
    target=_name("target", "expected", "y"),
)
choices = st.builds(
    Choice,
    names=names,
    order=st.permutations(range(5)).map(tuple),
    container=st.sampled_from(("deque", "list ring", "popped list", "numpy ring", "attribute")),
    record=st.sampled_from(("tuple", "namedtuple", "list", "dict")),
    result=st.sampled_from(("objects", "columns", "tensors", "dict")),
    loss=st.sampled_from(("function", "attribute", "local", "arithmetic", "pow", "delta", "twins", "two functions")),
    column=st.booleans(),
    where=st.sampled_from(("here", "passed", "taken apart")),
    files=st.sampled_from((1, 2, 3)),
    imports=st.sampled_from(("modules", "names", "aliases")),
    broken=st.booleans(),
    decorated=st.booleans(),
    nested=st.booleans(),
    annotated=st.booleans(),
    others=st.lists(st.tuples(st.sampled_from(OTHERS), st.integers(0, 3)), max_size=4, unique=True).map(tuple),
    indentation=st.sampled_from(("    ", "  ", "\t")),
    newline=st.sampled_from(("\n", "\r\n")),
    has_bom=st.booleans(),
    ends=st.booleans(),
    notes=st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=12).map(tuple),
)


class _Writer:
    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.names = choice.names
        self.fields = [choice.names.fields[i] for i in choice.order]
        self.has_arrays = choice.container == "numpy ring"
        self.has_class = choice.container != "attribute"
        self.result = choice.result if self.has_class else "objects"
        if self.has_arrays and self.result == "objects":
            self.result = "columns"
        self.torch, self.np = ("T", "numpy") if choice.imports == "aliases" else ("torch", "np")

    # Each piece is a text with marks; a file is made of some pieces.

    def imports(self) -> str:
        if self.choice.imports == "names":
            lines = ["import random", "from collections import deque, namedtuple", "from random import sample"]
        else:
            lines = ["import random", "from collections import deque, namedtuple"]
        lines = [line + MARK for line in lines]
        numpy = "import numpy" if self.np == "numpy" else "import numpy as np"
        torch = "import torch" if self.torch == "torch" else "import torch as T"
        return "\n".join([*lines, "", numpy, torch, "import torch.nn as nn", "import torch.nn.functional as F"])

    def record(self) -> str:
        return f'Row = namedtuple("Row", {self.fields!r})' if self.choice.record == "namedtuple" else ""

    def helpers(self) -> str:
        if not self.choice.decorated:
            return ""
        return (
            "def traced(function):\n    def inner(*args, **kwargs):\n        return function(*args, **kwargs)\n\n"
            "    return inner"
        )

    def row(self) -> str:
        joined = ", ".join(self.fields)
        if self.has_arrays or self.choice.record == "tuple":
            return f"({joined})"
        if self.choice.record == "namedtuple":
            return f"Row({joined})"
        if self.choice.record == "list":
            return f"[{joined}]"
        return "{" + ", ".join(f'"{name}": {name}' for name in self.fields) + "}"

    def drawn(self, items: str, count: str) -> str:
        function = "sample" if self.choice.imports == "names" else "random.sample"
        if self.choice.broken:
            return f"{function}({MARK}\n    {items},{MARK}\n    {count},{MARK}\n){MARK}"
        return f"{function}({items}, {count}){MARK}"

    def of(self, batch: str, name: str) -> str:
        """A column of drawn objects as an array."""
        if self.has_arrays:
            return f"self.{name}_rows[index]"
        if self.choice.record == "namedtuple":
            part = f"row.{name}"
        elif self.choice.record == "dict":
            part = f'row["{name}"]'
        else:
            part = f"row[{self.fields.index(name)}]"
        return f"{self.np}.array([{part} for row in {batch}])"

    def tensor(self, array: str, name: str) -> str:
        kind = "int64" if name == self.names.fields[1] else "float32"
        rest = ".unsqueeze(1)" if self.choice.column and name in [self.names.fields[i] for i in (1, 2, 4)] else ""
        return f"{self.torch}.tensor({array}, dtype={self.torch}.{kind}){rest}"

    def memory(self) -> str:
        if not self.has_class:
            return ""
        n, hint = self.names, ": int" if self.choice.annotated else ""
        lines = [f"class {n.memory}:", f"    def __init__(self, {n.capacity}{hint}):", *_in(self.made(), 2), ""]
        lines += ["    @traced"] if self.choice.decorated else []
        lines += [f"    def {n.push}(self, {', '.join(self.fields)}):", *_in(self.stored(), 2), ""]
        lines += [f"    def {n.sample}(self, {n.count}{hint}):"]
        lines += ['        """A batch."""'] if self.choice.annotated else []
        if self.has_arrays:
            lines.append(f"        index = {self.np}.random.randint(0, self.filled, size={n.count}){MARK}")
        elif self.result == "objects" and not self.choice.nested:
            return "\n".join([*lines, *_in(f"return {self.drawn(f'self.{n.items}', n.count)}", 2), *self.length()])
        else:
            lines += _in(f"{n.batch} = {self.drawn(f'self.{n.items}', n.count)}", 2)
        return "\n".join([*lines, *_in(self.given(n.batch), 2), *self.length()])

    def length(self) -> list[str]:
        held = "self.filled" if self.has_arrays else f"len(self.{self.names.items})"
        return ["", "    def __len__(self):", f"        return {held}"]

    def made(self) -> str:
        n = self.names
        if self.choice.container == "deque":
            return f"self.{n.items} = deque(maxlen={n.capacity}){MARK}"
        if self.choice.container in ("list ring", "popped list"):
            at = "" if self.choice.container == "popped list" else f"\nself.at = 0{MARK}"
            return f"self.{n.items} = []{MARK}\nself.{n.capacity} = {n.capacity}{MARK}{at}"
        shapes = dict.fromkeys((n.fields[0], n.fields[3]), f"({n.capacity}, 4)")
        made = [f"self.{f}_rows = {self.np}.zeros({shapes.get(f, n.capacity)})" for f in self.fields]
        made[-1] += MARK
        return "\n".join([f"self.{n.capacity} = {n.capacity}", *made, "self.at = 0", "self.filled = 0"])

    def stored(self) -> str:
        n, row = self.names, self.row()
        if self.choice.container == "deque":
            return f"self.{n.items}.append({row})"
        if self.choice.container == "popped list":
            return (
                f"self.{n.items}.append({row}){MARK}\nif len(self.{n.items}) > self.{n.capacity}:{MARK}\n"
                f"    self.{n.items}.pop(0){MARK}"
            )
        move = f"self.at = (self.at + 1) % self.{n.capacity}"
        if self.choice.container == "list ring":
            return (
                f"if len(self.{n.items}) < self.{n.capacity}:{MARK}\n    self.{n.items}.append(None){MARK}\n"
                f"self.{n.items}[self.at] = {row}{MARK}\n{move}{MARK}"
            )
        writes = [f"self.{f}_rows[self.at] = {f}" for f in self.fields]
        return "\n".join([*writes, move, f"self.filled = min(self.filled + 1, self.{n.capacity})"])

    def given(self, batch: str) -> str:
        """What `sample` returns of what it has drawn."""
        if self.result == "objects":
            return f"return {batch}{MARK}"
        texts = [self.of(batch, name) for name in self.fields]
        if self.result == "tensors":
            texts = [self.tensor(text, name) for text, name in zip(texts, self.fields, strict=True)]
        if self.result == "dict":
            pairs = [f'    "{name}": {text},' for text, name in zip(texts, self.fields, strict=True)]
            return "\n".join([f"return {{{MARK}", *pairs, f"}}{MARK}"])
        if self.choice.broken:
            first, last = texts[:-1], texts[-1]
            return "\n".join([f"return ({MARK}", *(f"    {text}," for text in first), f"    {last},{MARK}", f"){MARK}"])
        lines = [f"{name} = {text}" for text, name in zip(texts, self.fields, strict=True)]
        return "\n".join([*lines, f"return {', '.join(self.fields)}{MARK}"])

    def agent(self) -> str:
        n, held = self.names, self.names.items if not self.has_class else "memory"
        own = f"self.{held}"
        hold = f"{own} = {n.memory}(600)" if self.has_class else f"{own} = deque(maxlen=600){MARK}"
        lines = [f"class {n.agent}:", "    def __init__(self, network, goal):", "        self.network = network"]
        lines += ["        self.goal = goal", f"        self.optimizer = {self.torch}.optim.Adam(network.parameters())"]
        lines += [f"        {hold}"]
        lines += [f"        self.criterion = nn.SmoothL1Loss(){MARK}"] if self.choice.loss == "attribute" else []
        lines += ["", f"    def observe(self, {', '.join(self.fields)}):"]
        call = f"{own}.{n.push}({', '.join(self.fields)})" if self.has_class else f"{own}.append({self.row()})"
        lines += [f"        {call}", f"        if len({own}) > 40:"]
        source = f"{own}.{n.sample}(16){MARK}" if self.has_class else self.drawn(own, "16")
        columns = ", ".join(self.fields)
        where, has_columns = self.choice.where, self.result in ("columns", "tensors")
        where = "passed" if where == "taken apart" and not has_columns else where
        if where == "here":
            lines += [f"            self.{n.learn}()"]
            given, first = "self", f"{n.batch} = {source}"
        elif where == "passed":
            lines += _in(f"{n.batch} = {source}\nself.{n.learn}({n.batch}){MARK}", 3)
            given, first = f"self, {n.batch}", ""
        else:
            lines += _in(f"{columns} = {source}\nself.{n.learn}({columns}){MARK}", 3)
            given, first = f"self, {columns}", ""
        if has_columns and where == "here":
            first = f"{columns} = {source}"
        elif has_columns and where == "passed":
            first = f"{columns} = {n.batch}{MARK}"
        lines += ["", *(["    @traced"] if self.choice.decorated else [])]
        lines += [f"    def {n.learn}({given}):{MARK if where != 'here' else ''}"]
        lines += _in("\n".join(part for part in (first, self.converted(), self.learning()) if part), 2)
        return "\n".join(lines)

    def converted(self) -> str:
        """The columns of the batch as tensors, if they are not yet."""
        if self.result == "tensors":
            return ""
        batch = self.names.batch
        if self.result == "objects":
            texts = [self.of(batch, name) for name in self.fields]
        elif self.result == "dict":
            texts = [f'{batch}["{name}"]' for name in self.fields]
        else:
            texts = list(self.fields)
        return "\n".join(f"{f} = {self.tensor(t, f)}" for f, t in zip(self.fields, texts, strict=True))

    def learning(self) -> str:
        n, column = self.names, self.choice.column
        s, a, r, s2, d = n.fields
        pick = f".gather(1, {a})" if column else f".gather(1, {a}.unsqueeze(1)).squeeze(1)"
        best = f"self.goal({s2}).max(1, keepdim=True)[0]" if column else f"self.goal({s2}).max(1)[0]"
        lines = []
        if self.choice.nested:
            lines += ["def discounted(x):", "    return 0.9 * x", ""]
            best = f"discounted({best})"
        else:
            best = f"0.9 * {best}"
        lines += [f"with {self.torch}.no_grad():", f"    {n.target} = {r} + (1 - {d}) * {best}"]
        if self.choice.loss in ("twins", "two functions"):
            first, second = f"{n.value}1", f"{n.value}2"
            lines += [f"{first} = self.network({s}){pick}", f"{second} = self.network.second({s}){pick}"]
            losses = [f"F.mse_loss({value}, {n.target})" for value in (first, second)]
            if self.choice.loss == "twins":
                lines += [f"loss = {' + '.join(losses)}{MARK}"]
            else:
                lines += [f"loss_{i} = {loss}{MARK}" for i, loss in enumerate(losses)] + ["loss = loss_0 + loss_1"]
        else:
            v, t = n.value, n.target
            lines += [f"{v} = self.network({s}){pick}"]
            lines += {
                "function": [f"loss = F.smooth_l1_loss({v}, {t}){MARK}"],
                "attribute": [f"loss = self.criterion({v}, {t}){MARK}"],
                "local": [f"criterion = nn.MSELoss(){MARK}", f"loss = criterion({v}, {t}){MARK}"],
                "arithmetic": [f"loss = (({v} - {t}) ** 2).mean(){MARK}"],
                "pow": [f"loss = ({t} - {v}).pow(2).mean(){MARK}"],
                "delta": [f"delta = {t} - {v}", f"loss = {self.torch}.mean(delta ** 2){MARK}"],
            }[self.choice.loss]
        return "\n".join([*lines, "self.optimizer.zero_grad()", "loss.backward()", "self.optimizer.step()"])

    def main(self) -> str:
        n = self.names
        s, a, r, s2, d = n.fields
        return (
            f"def main(env, network, goal):\n    agent = {n.agent}(network, goal)\n    {s}, _ = env.reset()\n"
            f"    for step in range(5000):\n        {a} = step % 2\n"
            f"        {s2}, {r}, {d}, late, _ = env.step({a})\n"
            f"        agent.observe({', '.join(self.fields)})\n"
            f"        {s} = env.reset()[0] if {d} or late else {s2}"
        )

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and text, with marks, of each file."""
        pieces = [self.helpers(), _joined(self.record(), self.memory()), self.agent(), self.main()]
        for text, at in self.choice.others:
            pieces[at] = _joined(pieces[at], text.strip("\n"))
        helpers, memory, agent, main = pieces
        if self.choice.files == 1:
            yield "program.py", _file(self.imports(), *pieces)
            return
        public = [self.names.memory] if self.has_class else []
        public += ["Row"] if self.choice.record == "namedtuple" else []
        public += ["traced"] if self.choice.decorated else []
        line = f"\nfrom memory import {', '.join(public)}" if public else ""
        yield "memory.py", _file(self.imports(), helpers, memory)
        if self.choice.files == 2:
            yield "program.py", _file(self.imports() + line, agent, main)
        else:
            yield "agent.py", _file(self.imports() + line, agent)
            yield "program.py", _file(self.imports() + f"\nfrom agent import {self.names.agent}", main)


def _in(text: str, levels: int) -> list[str]:
    return textwrap.indent(text, "    " * levels).split("\n")


def _joined(*pieces: str) -> str:
    return "\n\n\n".join(filter(None, pieces))


def _file(*pieces: str) -> str:
    return _joined(*pieces) + "\n"


def program(choice: Choice) -> Program:
    """The program that is made of a choice."""
    files, kept = {}, {}
    for path, text in _Writer(choice).files():
        lines = _annotated(text.split("\n"), choice.notes)
        for at, line in enumerate(lines):
            body = line.lstrip(" ")
            levels, rest = divmod(len(line) - len(body), 4)
            lines[at] = choice.indentation * levels + " " * rest + body
        kept[path] = [line for line in lines if line.strip() and MARK not in line and not line.lstrip().startswith("#")]
        plain = [line.replace(MARK, "") for line in lines]
        if not choice.ends:
            plain = plain[:-1]
        files[path] = "\ufeff" * choice.has_bom + choice.newline.join(plain)
    return Program(files, kept, choice)


programs = choices.map(program)


def _annotated(lines: list[str], notes: tuple[tuple[int, bool], ...]) -> list[str]:
    """The lines with comments at the end of some and before others, wherever a comment may stand."""
    text = "\n".join(line.replace(MARK, "") for line in lines) + "\n"
    inside: set[int] = set()  # lines that end in a string, counted from 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            inside |= set(range(token.start[0] - 1, token.end[0] - 1))
    ends = {number % len(lines) for number, is_own in notes if not is_own}
    before = {number % len(lines) for number, is_own in notes if is_own}
    result = []
    for at, line in enumerate(lines):
        if at in before and at - 1 not in inside and line:
            result.append(f"{line[: len(line) - len(line.lstrip())]}# before {at}: é")
        is_import = line.startswith(("import ", "from "))  # what is said of an import goes with it
        takes = at in ends and at not in inside and line and not is_import
        result.append(f"{line}  # at {at}, {{}}" if takes else line)
    return result
