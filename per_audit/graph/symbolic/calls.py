"""Calls as terms: into the project, of libraries, and what nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.conditionals import is_choice
from per_audit.graph.interpret.known.externals import is_cast, packs
from per_audit.graph.interpret.known.losses import torch_reduction
from per_audit.graph.interpret.values import MIXED, ClassRef, RecordType, Result
from per_audit.graph.symbolic import vocabulary as voc
from per_audit.graph.symbolic.numeric import numeric
from per_audit.graph.symbolic.records import has_default, record_fields
from per_audit.graph.symbolic.term import Term, alternatives, chosen_by, const, phi, shrunk

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.expressions import Expressions

Given = list[tuple["str | None", str, Term]]
_MOST_INLINED = 80  # parts of what a call of the project returns
_TELLING = {"sub", "abs", "pow", "mul", "clip", "maximum", "detach"}  # of these the outer part is kept
_NUMBERS = _TELLING | {"add", "div", "mean", "sum", "neg", "loss", "minimum"}
# What these give is a value: a name like `torch.max.cpu` is the method of one.
_VALUES = {
    "object", "abs", "add", "clip", "detach", "div", "exp", "gather", "log", "loss", "matmul", "max", "maximum", "mean",
    "min", "minimum", "mul", "neg", "pow", "reshape", "squeeze", "stack", "sub", "sum", "unsqueeze", "where",
}  # fmt: skip
_ADDS = {"append", "appendleft", "add", "insert", "extend"}


def call(run: Expressions, node: ir.Call) -> Term:
    """The term of a call."""
    receiver: Term | None = None
    if isinstance(node.func, ir.Attr):
        receiver = run.eval(node.func.value)
        run.terms[node.func] = run.unknown(node.func)
    else:
        run.eval(node.func)
    given: Given = [(arg.keyword, arg.star, run.eval(arg.value)) for arg in node.args]
    site = run.symbols.events.calls.get(node)
    if node in run.symbols.events.draws:
        return run.make("draw", (), node, node)
    if node in run.symbols.events.masses:
        return run.make("mass", (), node, node)
    own = _local(run, node, given)
    if own is not None:
        return own
    if isinstance(node.func, ir.Name) and node.func.id == "getattr" and given[1:2] and given[1][2].op != "const":
        return run.unknown(node)  # one attribute of several, or any
    if site is not None:
        result = _project(run, node, site, given)
        if result is not None:
            return result
    if receiver is not None and _collects(run, node, receiver, given):
        return const(None, node, run.path)
    if receiver is not None and (key := _key_asked_for(receiver, node)) is not None:
        return run.item(receiver, key, node)
    return _library(run, node, site, receiver, given)


def _key_asked_for(held: Term, node: ir.Call) -> str | None:
    """The key that `row.get("name")` asks for, of dicts that the program writes out with it."""
    if not isinstance(node.func, ir.Attr) or node.func.attr != "get" or not node.args:
        return None
    key = getattr(node.args[0].value, "value", None)
    has_it = (each.op == "record" and key in (each.data or ()) for each in alternatives(held))
    return key if isinstance(key, str) and all(has_it) else None


def _local(run: Expressions, node: ir.Call, given: Given) -> Term | None:
    """A call of a function or lambda that a name of this body holds."""
    if not isinstance(node.func, ir.Name):
        return None
    target = run.terms.get(node.func)
    if target is None or target.op != "function" or not isinstance(target.data, (ir.Lambda, ir.Function)):
        return None
    if node.func.id not in run.env:
        return None
    return run.symbols.call(target.data, None, given, run.depth + 1, run)


def _project(run: Expressions, node: ir.Call, site: ev.CallSite, given: Given) -> Term | None:
    """A call into the project: what each callee returns. None for a call that is none of the project alone."""
    if site.classes:
        for cls in sorted(site.classes, key=lambda c: c.start):
            fields = record_fields(cls)
            if fields is not None:
                return _record(run, node, fields, given, cls)
            return Term("object", (), cls, node, run.path)
    found: list[Term] = []
    receiver = node.func.value if isinstance(node.func, ir.Attr) else None
    for func in sorted(site.targets, key=lambda func: func.node.start)[:3]:
        owner = func.owner.node if func.owner is not None else None
        result = run.symbols.call(func.node, owner, given, run.depth + 1)
        if result is None:
            return run.make("call", tuple(term for _, _, term in given), node, ("project", func.node))
        result = run.symbols.siblings.returned(receiver, result)
        found.append(_handy(run, node, func.node, given, result))
    if found:
        return phi(found, node, run.path)
    callee = run.symbols.events.value(node.func)
    for atom in callee.atoms:
        if isinstance(atom, RecordType):
            return _record(run, node, atom.fields, given)
        # A typed named tuple: a call of it makes a record, and no object that the interpreter knows.
        if isinstance(atom, ClassRef) and (fields := record_fields(atom.node)) is not None:
            return _record(run, node, fields, given, atom.node)
    return None


def _handy(
    run: Expressions,
    node: ir.Call,
    function: ir.Function | ir.Lambda,
    given: Given,
    result: Term,
    parts: tuple[int, ...] = (),
) -> Term:
    """The result of a call, what has become unwieldy in it replaced by the call itself and the part of its result."""
    if result.op in ("tuple", "record"):
        items = enumerate(result.args)
        return result.replaced(tuple(_handy(run, node, function, given, item, (*parts, i)) for i, item in items))
    if result.size <= _MOST_INLINED:
        return result
    if result.op in _TELLING or _is_read(result):
        return shrunk(result, _MOST_INLINED)
    if result.op == "phi" and all(option.op in _TELLING for option in result.args):
        return phi((shrunk(option, _MOST_INLINED // len(result.args)) for option in result.args), node, run.path)
    if result.op == "phi" and {option.op for option in result.args} - _NUMBERS == {"tuple"}:
        # A number on one way and several values on the other: whoever takes it apart has the several.
        return phi((_handy(run, node, function, given, option) for option in result.args), node, run.path)
    passed = dict.fromkeys((*(term for _, _, term in given if term.size <= _MOST_INLINED), *chosen_by(result)))
    return run.make("call", tuple(passed), node, ("project", function, *parts))


def _is_read(term: Term) -> bool:
    """Whether a term is an attribute read at some place: it is the attribute that tells what this is."""
    while term.op in ("detach", "reshape", "unsqueeze", "squeeze", "stack"):
        term = term.args[0]
    return term.op == "at" and term.args[0].op == "field"


def _record(
    run: Expressions, node: ir.Call, fields: tuple[str, ...], given: Given, cls: ir.Class | None = None
) -> Term:
    """A record with what is given for its fields; one that is not is what its class says that it is."""

    def left(name: str) -> Term:
        known = cls is not None and has_default(cls, name)
        return run.symbols.field(cls, name, node, run.path) if known and cls is not None else run.unknown(node)

    known: dict[str, Term] = {}
    names = list(fields)
    for keyword, star, term in given:
        if keyword is not None:
            known[keyword] = term
        elif star == "*":
            known.update({name: run.item(term, i, node, len(names)) for i, name in enumerate(names)})
            names = []
        elif names:
            known[names.pop(0)] = term
    return run.make("record", tuple(known.get(name) or left(name) for name in fields), node, fields)


def _collects(run: Expressions, node: ir.Call, receiver: Term, given: Given) -> bool:
    """`items.append(x)` of a list that a name holds: from now on it collects that as well."""
    assert isinstance(node.func, ir.Attr)
    holder = node.func.value
    if node.func.attr not in _ADDS or not given or not isinstance(holder, ir.Name) or holder.id not in run.env:
        return False
    parts: list[Term] = []
    for option in receiver.args if receiver.op == "phi" else (receiver,):
        if option.op == "collect":
            parts.append(option.args[0])
        elif option.op == "tuple":
            parts += option.args
        elif not (option.op == "call" and option.data in ("deque", "collections.deque", "builtins.list")):
            return False
    added = given[-1][2]
    if node.func.attr == "extend":
        added = run.element(added)
    run.env[holder.id] = run.make("collect", (phi([*parts, added], node, run.path),), node)
    return True


# -------------------------------------------------------------------- libraries


def _chosen(run: Expressions, node: ir.Call, given: Given) -> Term | None:
    """What either of two functions returns that a library calls one of; None where they take what is not followed."""
    found: list[Term | None] = []
    for function in (term.data for _, _, term in given if term.op == "function"):
        if not isinstance(function, (ir.Function, ir.Lambda)) or function.parameters:
            return None
        is_inner = isinstance(function, ir.Lambda) or function in run.symbols.project.outer_of
        found.append(run.symbols.call(function, None, [], run.depth + 1, run if is_inner else None))
    known = [term for term in found if term is not None]
    return phi(known, node, run.path) if len(known) == len(found) > 1 else None


_EMPTY = {"builtins.list", "collections.deque"}
_ADDING = {"itertools.accumulate", "numpy.add.accumulate"}


def _library(run: Expressions, node: ir.Call, site: ev.CallSite | None, receiver: Term | None, given: Given) -> Term:
    """A call of a numeric library, as a function or as a method; or a call that nobody knows."""
    names = sorted(site.names) if site is not None else []
    qualified = names[0] if names else None
    method = ir.last_name(node.func)
    name = qualified.rpartition(".")[2] if qualified else method
    if name == "zip" and len(given) == 1 and given[0][1] == "*":
        return given[0][2]  # columns of rows: see `item_of`
    plain = _plain(given)
    if qualified is not None and plain and packs(qualified):
        return plain[0]
    if qualified is not None and is_cast(qualified) and len(plain) == 2:
        return plain[1]
    if qualified is not None and is_choice(qualified) and (either := _chosen(run, node, given)) is not None:
        return either
    if qualified == "builtins.dict" and given and all(keyword and not star for keyword, star, _ in given):
        return run.make("record", tuple(t for _, _, t in given), node, tuple(str(keyword) for keyword, _, _ in given))
    if qualified in _EMPTY and not given:
        return run.make("tuple", (), node)  # as `[]` is
    keywords = {keyword: term for keyword, _, term in given if keyword is not None}
    is_method = (
        receiver is not None
        and receiver.op not in ("external", "function")
        and (qualified is None or not qualified.startswith(voc.NUMERIC_MODULES) or receiver.op in _VALUES)
    )
    # `torch.linspace(..).view(..)`: a method of what a library's function returned, which has no name of its own.
    of_result = receiver is not None and receiver.op == "call" and qualified == f"{receiver.data}.{method}"
    args = [receiver, *plain] if receiver is not None and (is_method or of_result) else plain
    if qualified is not None and receiver is not None and not is_method:
        receiver = None
    loss = _loss(run, node, site, name, qualified, plain, keywords)
    if loss is not None:
        return loss
    if not args and name in voc.ALLOCATIONS and "shape" in keywords:
        args = [keywords["shape"]]
    known = numeric(run, node, name, args, keywords) if args else None
    if qualified in _ADDING and len(given) == 1 and args:
        known = run.make("cumsum", (args[0],), node)
    if known is not None:
        return known
    everything = (*((receiver,) if receiver is not None else ()), *(term for _, _, term in given))
    return run.make("call", everything, node, qualified or f".{method}" if is_method else qualified or method)


def _plain(given: Given) -> list[Term]:
    """The arguments that are given by position, those of a star with known items among them."""
    found: list[Term] = []
    for keyword, star, term in given:
        if star == "*" and term.op == "tuple":
            found += term.args
        elif keyword is None and not star:
            found.append(term)
    return found


def _loss(
    run: Expressions,
    node: ir.Call,
    site: ev.CallSite | None,
    name: str,
    qualified: str | None,
    plain: list[Term],
    keywords: dict[str, Term],
) -> Term | None:
    """A library's loss of a prediction and a target."""
    reduction = site.result.reduction if site is not None else None
    if reduction == MIXED:
        reduction = _told(run, node) or reduction
    if qualified is None or reduction is None or site is None:
        return None
    parts = [*plain, *(keywords[k] for k in ("input", "y_true", "target", "y_pred", "other") if k in keywords)]
    lowered = name.lower().replace("_", "")
    if len(parts) < 2 or not any(word in lowered for word in ("loss", "mse", "mae", "huber", "error", "entropy")):
        return None
    return run.make("loss", tuple(parts[:2]), node, (name, reduction))


def _told(run: Expressions, node: ir.Call) -> str | None:
    """The reduction that the constructor of a criterion was told, where all that may be called agree."""
    if run.symbols.project.changes_reductions:
        return None
    made = [atom for atom in run.symbols.events.value(node.func).atoms if isinstance(atom, Result)]
    told = {torch_reduction(a.call) for a in made if a.name.startswith("torch.") and isinstance(a.call, ir.Call)}
    return told.pop() if len(told) == 1 else None
