"""Functions that a library calls one of, as a number decides: `tf.cond(flag, lambda: x, lambda: y)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.values import Func, TupleOf, Value, join_all, taint

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments

_CHOICES = {"cond", "case", "switch", "switch_case", "smart_cond"}
_LIBRARIES = (*ext.NETWORKS, "jax.")
_BRANCHES = ("true_fn", "false_fn", "true_fun", "false_fun", "then_expression", "else_expression", "branch_fns",
             "branches", "pred_fn_pairs", "default")  # fmt: skip
_OPERANDS = ("operand", "operands")


def is_choice(name: str) -> bool:
    """Whether a library's function of that name calls one of the functions that it is given."""
    return ext.last(name) in _CHOICES and name.startswith(_LIBRARIES)


def chosen(interpreter: Interpreter, name: str, arguments: Arguments, site: ev.CallSite, frame: Frame) -> Value | None:
    """What such a call returns: the result of either function. None for other calls."""
    if not is_choice(name):
        return None
    given = [value for keyword, _, value in arguments if keyword is None]
    branches = [place for place, value in enumerate(given) if _functions(interpreter, value)]
    named = [value for keyword, _, value in arguments if keyword in _BRANCHES]
    last = max(branches, default=0)
    shared = given[last + 1 :] + [value for keyword, _, value in arguments if keyword in _OPERANDS]
    found = [_result(interpreter, value, _spread(interpreter, shared), site, frame) for value in named]
    for place in branches:
        own = given[place - 1 : place] if place - 1 not in (0, *branches) else shared
        found.append(_result(interpreter, given[place], _spread(interpreter, own), site, frame))
    return join_all(found) if found else None


def _spread(interpreter: Interpreter, operands: list[Value]) -> list[Value]:
    """What the functions are called with, one by one: of torch it is one tuple."""
    items = interpreter.parts.items_of(operands[0]) if len(operands) == 1 else None
    return operands if items is None else list(items)


def _result(interpreter: Interpreter, branch: Value, operands: list[Value], site: ev.CallSite, frame: Frame) -> Value:
    """What a branch returns: its functions are called, and a tensor, as Keras takes one too, is what it is."""
    functions = _functions(interpreter, branch)
    for func in functions:
        if not func.node.parameters:
            site.targets.add(func)  # what others are given does not stand at its place in the call
    given: Arguments = [(None, "", operand) for operand in operands]
    return join_all(interpreter.calls.project_call(func, given, frame) for func in functions) if functions else branch


def _functions(interpreter: Interpreter, value: Value) -> list[Func]:
    """The functions that a branch may be, in a list of them or in pairs of a test and a function."""
    shown = [item for atom in value.atoms if isinstance(atom, TupleOf) for item in atom.items]
    pairs = [item for part in shown for atom in part.atoms if isinstance(atom, TupleOf) for item in atom.items]
    atoms = value.atoms.union(*(part.atoms for part in (*shown, *pairs)))
    return [atom for atom in interpreter.order.atoms(atoms) if isinstance(atom, Func)]


def handed(interpreter: Interpreter, node: ir.Call, arguments: Arguments, frame: Frame) -> Value:
    """What lambdas that read weights make of them for a function that is not followed: it alone may call them."""
    found: list[Value] = []
    for argument in node.args:
        written = argument.value
        if isinstance(written, ir.Lambda) and _reads_weights(interpreter, written):
            unknown = taint(*(value for _, _, value in arguments))
            given: Arguments = [(None, "", unknown)] * len(written.parameters)
            found.append(interpreter.calls.project_call(Func(written), given, frame))
    return taint(*found)


def _reads_weights(interpreter: Interpreter, function: ir.Lambda) -> bool:
    """Whether a name that a lambda finds around it is one of weights."""
    around = interpreter.closures.get(function)
    names = interpreter.free_names(function) if around is not None else ()
    values = [around.found(name) for name in names] if around is not None else []
    return any(interpreter.parts.spilled(value).tagged("isw") for value in values if value is not None)
