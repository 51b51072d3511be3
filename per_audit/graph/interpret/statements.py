"""Statements, in order and through branches and loops."""

from __future__ import annotations

from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.interpret import events as ev
from per_audit.graph.interpret import spelled
from per_audit.graph.interpret.frame import ALL, Frame
from per_audit.graph.interpret.grown import grown
from per_audit.graph.interpret.iteration import turns_of
from per_audit.graph.interpret.listed import listed
from per_audit.graph.interpret.values import UNKNOWN, Alloc, ClassRef, External, Func, Instance, ModuleRef, Value, of
from per_audit.source.resolve import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from per_audit.graph.interpret.interpreter import Interpreter


class Statements:
    """Interprets the statements of a body in a frame."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def run_block(self, block: list[ir.Stmt], frame: Frame) -> None:
        """Interpret statements in order."""
        row = None
        for number, statement in enumerate(block):
            try:
                _STATEMENTS[type(statement)](self, statement, frame)
            except RecursionError:
                self.interpreter.too_deep.setdefault(frame.module.path, statement)  # what it does stays unknown
            if row is not None and statement is row.last:
                row.bind(frame, self.interpreter.events)
                row = None
            elif row is None and isinstance(statement, ir.Assign):
                row = listed(block, number)

    def _assign(self, node: ir.Assign, frame: Frame) -> None:
        if node.value is None:
            return
        value = self.interpreter.evaluator.eval(node.value, frame)
        value = grown(self.interpreter, node, value, frame)
        for target in node.targets:
            self.interpreter.targets.assign(target, value, frame, node, node.value)

    def _aug(self, node: ir.Aug, frame: Frame) -> None:
        self.interpreter.targets.augment(node, frame)

    def _return(self, node: ir.Return, frame: Frame) -> None:
        value = UNKNOWN if node.value is None else self.interpreter.evaluator.eval(node.value, frame)
        frame.returned = value if frame.returned is None else frame.returned.join(value)
        seen = self.interpreter.events.returns.setdefault(frame.function, {})
        seen[node] = seen.get(node, UNKNOWN).join(value)

    def _do(self, node: ir.Do, frame: Frame) -> None:
        self.interpreter.evaluator.eval(node.value, frame)

    def _branches(
        self, blocks: list[list[ir.Stmt]], frame: Frame, entries: Sequence[Callable[[], None] | None] = ()
    ) -> None:
        """Interpret each block from here, and join what they leave; `entries` bind names at the blocks' beginnings."""
        before = frame.env
        merged: dict[str, Value] = {}
        for block, entry in zip_longest(blocks, entries):
            frame.env = dict(before)
            if entry is not None:
                entry()
            self.run_block(block, frame)
            if not merged:
                merged = frame.env
                continue
            for name, value in frame.env.items():
                known = merged.get(name)
                if known is None:
                    merged[name] = value
                elif known is not value:
                    merged[name] = known.join(value)
        # In place: others hold on to a module's environment.
        before.clear()
        before.update(merged)
        frame.env = before

    def _if(self, node: ir.If, frame: Frame) -> None:
        self.interpreter.evaluator.eval(node.test, frame)
        self._branches([node.body, node.orelse], frame)

    def _loop(self, body: list[ir.Stmt], orelse: list[ir.Stmt], frame: Frame) -> None:
        # A second time where one iteration changed a name that the next may read. What it changed in objects and
        # containers is seen in the next round.
        before = dict(frame.env)
        self._branches([[], body], frame)
        after = frame.env
        if any(after[name] is not value and after[name] != value for name, value in before.items()):
            self._branches([[], body], frame)
        self.run_block(orelse, frame)

    def _for(self, node: ir.For, frame: Frame) -> None:
        iterated = self.interpreter.evaluator.eval(node.iter, frame)
        turns = spelled.turns(self.interpreter, iterated, node.iter, [*node.body])
        if turns is None:
            self.interpreter.targets.assign(node.target, turns_of(self.interpreter, iterated, frame), frame, node, None)
            self._loop(node.body, node.orelse, frame)
            return
        for turn in turns:
            self.interpreter.targets.assign(node.target, turn, frame, node, None)
            self.run_block(node.body, frame)
        self.run_block(node.orelse, frame)

    def _while(self, node: ir.While, frame: Frame) -> None:
        self.interpreter.evaluator.eval(node.test, frame)
        self._loop(node.body, node.orelse, frame)

    def _with(self, node: ir.With, frame: Frame) -> None:
        for item in node.items:
            value = self.interpreter.evaluator.eval(item.value, frame)
            if any(isinstance(atom, Alloc) and isinstance(atom.node, ir.Other) for atom in value.atoms):
                value = self.interpreter.parts.element(value)  # a generator as a context manager gives what it yields
            if item.target is not None:
                self.interpreter.targets.assign(item.target, value, frame, node, item.value)
        self.run_block(node.body, frame)

    def _try(self, node: ir.Try, frame: Frame) -> None:
        self.run_block(node.body, frame)
        entries = [partial(self._catch, caught, frame, node) for caught in node.catches]
        self._branches([[], *node.handlers], frame, [None, *entries])
        self.run_block(node.orelse, frame)
        self.run_block(node.final, frame)

    def _catch(self, caught: ir.Catch, frame: Frame, node: ir.Try) -> None:
        if caught.type is not None:
            self.interpreter.evaluator.eval(caught.type, frame)
        if caught.name is not None:
            self.interpreter.targets.assign(caught.name, UNKNOWN, frame, node, None)

    def _match(self, node: ir.Match, frame: Frame) -> None:
        subject = self.interpreter.evaluator.eval(node.subject, frame).only_taint()
        entries = [partial(self._pattern, pattern, subject, frame, node) for pattern in node.patterns]
        self._branches([[], *node.cases], frame, [None, *entries])

    def _pattern(self, pattern: ir.Pattern, subject: Value, frame: Frame, node: ir.Match) -> None:
        for value in pattern.values:
            self.interpreter.evaluator.eval(value, frame)
        for name in pattern.names:
            self.interpreter.targets.assign(name, subject, frame, node, None)
        if pattern.guard is not None:
            self.interpreter.evaluator.eval(pattern.guard, frame)

    def _function(self, node: ir.Function, frame: Frame) -> None:
        self.interpreter.closures[node] = frame
        for parameter in node.parameters:
            if parameter.default is not None:
                self.interpreter.evaluator.eval(parameter.default, frame)
        for decorator in node.decorators:
            self.interpreter.evaluator.eval(decorator, frame)
        if self.interpreter.project.class_of.get(node) is None:
            self.interpreter.evaluator.bind_name(node.name, of(Func(node)), frame)

    def _class(self, node: ir.Class, frame: Frame) -> None:
        # A generic base, as in `class A(Base[T])`, is the base itself.
        plain = [base.value if isinstance(base, ir.Sub) else base for base in node.bases]
        self.interpreter.classes.set_bases(node, [self.interpreter.evaluator.eval(base, frame) for base in plain])
        for keyword in node.keywords:
            self.interpreter.evaluator.eval(keyword.value, frame)
        for decorator in node.decorators:
            self._decorate(node, self.interpreter.evaluator.eval(decorator, frame), frame)
        inner = Frame(frame.module, frame.function, None, {}, frame, frame.depth)
        self.run_block(node.body, inner)
        for name, value in inner.env.items():
            self.interpreter.write_attribute(Instance(node), name, value)
        self.interpreter.evaluator.bind_name(node.name, of(ClassRef(node)), frame)

    def _decorate(self, node: ir.Class, decorator: Value, frame: Frame) -> None:
        """Give a class to the project's functions that decorate it: one of a registry keeps it, to be made by name."""
        for atom in self.interpreter.order.atoms(decorator.atoms):
            if isinstance(atom, Func):
                self.interpreter.calls.project_call(atom, [(None, "", of(ClassRef(node)))], frame)

    def _import(self, node: ir.Import, frame: Frame) -> None:
        for dotted, alias in node.names:
            name = dotted if alias else dotted.partition(".")[0]
            path = self.interpreter.project.find_module(frame.module.path, name)
            value = of(ModuleRef(path)) if path else of(External(name))
            if path:
                self.interpreter.module_env(path)
            self.interpreter.evaluator.bind_name(alias or name, value, frame)

    def _import_from(self, node: ir.ImportFrom, frame: Frame) -> None:
        path = self.interpreter.project.find_module(frame.module.path, node.module, node.level)
        for name, alias in node.names:
            if name == ALL:
                if path is not None:
                    self.interpreter.note_global(path, ALL)
                    for key, value in self.interpreter.module_env(path).items():
                        self.interpreter.note_global(path, key)
                        if not key.startswith("_"):
                            self.interpreter.evaluator.bind_name(key, value, frame)
                continue
            value = self.import_name(frame.module.path, node, path, name)
            self.interpreter.evaluator.bind_name(alias or name, value, frame)

    def import_name(self, importer: str, node: ir.ImportFrom, path: str | None, name: str) -> Value:
        """What `from module import name` gives."""
        if path is not None:
            env = self.interpreter.module_env(path)
            self.interpreter.note_global(path, name)
            if name in env:
                return env[name]
        submodule = f"{node.module}.{name}" if node.module else name
        inner = self.interpreter.project.find_module(importer, submodule, node.level)
        if inner is not None:
            self.interpreter.module_env(inner)
            return of(ModuleRef(inner))
        if (path is not None or node.level) and REFERENCE not in submodule.split("."):
            return UNKNOWN
        return of(External(submodule))

    def _delete(self, node: ir.Delete, frame: Frame) -> None:
        for target in node.targets:
            if isinstance(target, ir.Sub):
                value = self.interpreter.evaluator.eval(target.value, frame)
                self.interpreter.evaluator.eval(target.index, frame)
                whole = isinstance(target.index, ir.Slice) and target.index.lower is None and target.index.upper is None
                self.evict(value, node, frame, "clear" if whole else "delete")

    def evict(self, value: Value, node: ir.Node, frame: Frame, how: str) -> None:
        """Record that something leaves the containers that the value may be."""
        for atom in self.interpreter.order.atoms(value.atoms):
            if isinstance(atom, Alloc):
                key = (node, atom)
                self.interpreter.events.evictions[key] = ev.Evict(atom, node, frame.function, frame.module.path, how)

    def _raise(self, node: ir.Raise, frame: Frame) -> None:
        for part in (node.value, node.cause):
            if part is not None:
                self.interpreter.evaluator.eval(part, frame)

    def _assert(self, node: ir.Assert, frame: Frame) -> None:
        self.interpreter.evaluator.eval(node.test, frame)
        if node.message is not None:
            self.interpreter.evaluator.eval(node.message, frame)

    def _scope(self, node: ir.Scope, frame: Frame) -> None:
        if node.kind == "global":
            frame.globals.update(node.names)

    def _jump(self, node: ir.Jump, frame: Frame) -> None:
        """`pass`, `break` and `continue` change no value."""


_STATEMENTS: dict[type[ir.Stmt], Callable[[Statements, Any, Frame], None]] = {
    ir.Assign: Statements._assign,
    ir.Aug: Statements._aug,
    ir.Return: Statements._return,
    ir.Do: Statements._do,
    ir.If: Statements._if,
    ir.For: Statements._for,
    ir.While: Statements._while,
    ir.With: Statements._with,
    ir.Try: Statements._try,
    ir.Match: Statements._match,
    ir.Function: Statements._function,
    ir.Class: Statements._class,
    ir.Import: Statements._import,
    ir.ImportFrom: Statements._import_from,
    ir.Delete: Statements._delete,
    ir.Raise: Statements._raise,
    ir.Assert: Statements._assert,
    ir.Scope: Statements._scope,
    ir.Jump: Statements._jump,
}
