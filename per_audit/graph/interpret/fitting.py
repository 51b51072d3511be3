"""Which of several classes a call makes an object of: those that take what it gives.

A name stands for several where an `if` defines one class or another under it, each with what is made by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.values import ClassRef

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.facts import ir
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Atom, Value

Arguments = list[tuple[str | None, str, "Value"]]


def fitting(interpreter: Interpreter, atoms: Collection[Atom], arguments: Arguments) -> Collection[Atom]:
    """What is called, without the classes that refuse the arguments where another class takes them."""
    if len(atoms) < 2:
        return atoms
    classes = [atom for atom in atoms if isinstance(atom, ClassRef)]
    if len(classes) < 2 or any(star for _, star, _ in arguments):
        return atoms
    refusing = {atom for atom in classes if _refuses(interpreter, atom.node, arguments)}
    return [atom for atom in atoms if atom not in refusing] if len(refusing) < len(classes) else atoms


def _refuses(interpreter: Interpreter, cls: ir.Class, arguments: Arguments) -> bool:
    """Whether making an object of a class ends in a TypeError; not said of what decorators or metaclasses make."""
    constructor = interpreter.classes.find_method(cls, "__init__")
    if (
        constructor is None
        or constructor.decorators
        or cls.decorators
        or interpreter.classes.find_method(cls, "__new__")
    ):
        return False
    kinds = {parameter.kind for parameter in constructor.parameters}
    plain = [parameter for parameter in constructor.parameters[1:] if not parameter.kind]
    in_order = [parameter.name for parameter in plain if not parameter.keyword_only]
    by_place = sum(keyword is None for keyword, _, _ in arguments)
    named = {keyword for keyword, _, _ in arguments if keyword is not None}
    if by_place > len(in_order) and "*" not in kinds:
        return True
    if "**" not in kinds and not named <= {parameter.name for parameter in plain}:
        return True
    given = {*in_order[:by_place], *named}
    return any(parameter.default is None and parameter.name not in given for parameter in plain)
