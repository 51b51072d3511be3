"""What objects of the project give that are iterated over: through `__iter__`, or as their own iterators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.values import UNKNOWN, Func, Instance, Value, join_all

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter


def turns_of(interpreter: Interpreter, value: Value, frame: Frame) -> Value:
    """What each turn of a loop over the value gives, or `next` of it."""
    found = interpreter.parts.element(value)
    if not any(isinstance(atom, Instance) for atom in value.atoms):
        return found
    objects = (atom for atom in interpreter.order.atoms(value.atoms) if isinstance(atom, Instance))
    return join_all([found, *(_of_object(interpreter, each, frame) for each in objects)])


def _of_object(interpreter: Interpreter, atom: Instance, frame: Frame) -> Value:
    if (step := _next(interpreter, atom, frame)) is not None:
        return step
    if (start := interpreter.classes.find_method(atom.node, "__iter__")) is None:
        return UNKNOWN
    made = interpreter.calls.project_call(Func(start, atom), [], frame)
    iterators = (each for each in interpreter.order.atoms(made.atoms) if isinstance(each, Instance))
    steps = [step for each in iterators if (step := _next(interpreter, each, frame)) is not None]
    return join_all([interpreter.parts.element(made), *steps])


def _next(interpreter: Interpreter, atom: Instance, frame: Frame) -> Value | None:
    method = interpreter.classes.find_method(atom.node, "__next__")
    return None if method is None else interpreter.calls.project_call(Func(method, atom), [], frame)
