"""Which of several classes or functions a call means: those that take what it gives.

A name stands for several where an `if` defines one class or another under it, each with what is made by that; and what
is read from where objects of several classes are kept has a method of one name in each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef, Func

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments, Atom


def fitting(interpreter: Interpreter, atoms: Collection[Atom], arguments: Arguments) -> Collection[Atom]:
    """What is called, without the classes, and the functions, that refuse the arguments where another takes them."""
    if len(atoms) < 2 or any(star for _, star, _ in arguments):
        return atoms
    refusing = _refusing([atom for atom in atoms if isinstance(atom, ClassRef)], interpreter, arguments)
    refusing |= _refusing([atom for atom in atoms if isinstance(atom, Func)], interpreter, arguments)
    return [atom for atom in atoms if atom not in refusing] if refusing else atoms


def _refusing(alike: Sequence[ClassRef | Func], interpreter: Interpreter, arguments: Arguments) -> set[ClassRef | Func]:
    """Those of several that refuse the arguments; none where all do, since the call is none of them that is known."""
    refusing = {atom for atom in alike if len(alike) > 1 and _refuses(interpreter, atom, arguments)}
    return refusing if len(refusing) < len(alike) else set()


def _refuses(interpreter: Interpreter, atom: ClassRef | Func, arguments: Arguments) -> bool:
    if isinstance(atom, ClassRef):
        return _makes_none(interpreter, atom.node, arguments)
    return _ends_in_error(atom.node, atom.owner is not None, arguments)


def _makes_none(interpreter: Interpreter, cls: ir.Class, arguments: Arguments) -> bool:
    """Whether making an object of a class ends in a TypeError; not said of what decorators or metaclasses make."""
    constructor = interpreter.classes.find_method(cls, "__init__")
    if constructor is None or cls.decorators or interpreter.classes.find_method(cls, "__new__"):
        return False
    return _ends_in_error(constructor, True, arguments)


def _ends_in_error(function: ir.Function | ir.Lambda, is_bound: bool, arguments: Arguments) -> bool:
    """Whether a call of a function ends in a TypeError; not said of what decorators make."""
    if not isinstance(function, ir.Function) or function.decorators:
        return False
    taken = function.parameters[1:] if is_bound else function.parameters
    kinds = {parameter.kind for parameter in function.parameters}
    plain = [parameter for parameter in taken if not parameter.kind]
    in_order = [parameter.name for parameter in plain if not parameter.keyword_only]
    by_place = sum(keyword is None for keyword, _, _ in arguments)
    named = {keyword for keyword, _, _ in arguments if keyword is not None}
    if by_place > len(in_order) and "*" not in kinds:
        return True
    if "**" not in kinds and not named <= {parameter.name for parameter in plain}:
        return True
    given = {*in_order[:by_place], *named}
    return any(parameter.default is None and parameter.name not in given for parameter in plain)
