"""Beta that reaches 1 after a number of draws that the code holds: the constructions pass how many there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.comments import DIRECTIVE, comments_of
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs.constructed import add_parameter, constructor, pass_everywhere, steps_of
from per_audit.fixes.recipes.repairs.defect import nodes_at
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from per_audit.findings import Place
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic import Term

RULE = "PER107"
_NOTE = "beta reaches 1 at the end of the training, however long that is"
_STEPS = "beta_steps"


def repair(draft: Draft, defect: Defect) -> None:
    """Pass the number of draws where the buffer is made, or raise Refused."""
    graph, path = draft.graph, defect.path
    node = defect.node(ir.Node)
    function = graph.symbols.function_of(path, node)
    cls = graph.project.class_of.get(function) if function is not None else None
    if cls is None:
        raise Refused(f"beta at {defect.where} rises outside of the buffer, where the length of the training is known")
    rise = _rise(draft, path, node)
    number, is_length = _number(draft, defect, rise)
    steps = steps_of(draft, path, node)
    where = number.path
    literal = next((each for each in nodes_at(graph, number) if isinstance(each, ir.Const)), None)
    if literal is None:
        raise Refused(f"the number at {where}:{number.line} is not written as one")
    parameter = _parameter(draft, cls, literal)
    if parameter is not None:
        share = steps if rise is None or is_length else f"(1.0 - {_first(draft, rise)}) / {steps}"
        pass_everywhere(draft, cls, parameter.name, share, _NOTE)
    elif rise is not None and not is_length:
        _from_steps(draft, cls, rise, literal, where, steps)
    elif graph.symbols.function_of(where, literal) is constructor(draft, cls)[1]:
        given = add_parameter(draft, cls, _STEPS, steps, _NOTE)
        pass_everywhere(draft, cls, given, steps, _NOTE)
        draft.replace(where, literal.start, literal.end, given, _NOTE)
        _drop_stale(draft, where, literal)
    else:
        raise Refused(f"the number at {where}:{number.line} is no parameter of {cls.name}")


def _number(draft: Draft, defect: Defect, rise: ev.AttributeWrite | None) -> tuple[Place, bool]:
    """Where the number stands that beta rises by, and whether it is the length: `(1 - beta) / 1000`."""
    graph = draft.graph
    numbers = [link.place for link in defect.finding.evidence if link.role == "number"]
    if len(numbers) == 1:
        return numbers[0], rise is None
    value = getattr(rise.node, "value", None) if rise is not None else None
    if rise is not None and isinstance(value, ir.Expr):
        expanded = graph.symbols.expanded(graph.symbols.term(defect.path, value))
        shares = [strip(part) for whole in expanded.walk() if whole.op == "add" for part in whole.args]
        shares = [strip(expanded)] if isinstance(rise.node, ir.Aug) else shares
        lengths = {
            graph.place(number.path, number.node)
            for share in shares
            if share.op == "div" and _is_rest(draft, rise, share.args[0])
            for number in alternatives(graph.symbols.expanded(share.args[1]))
            if number.is_number and number.node is not None and number.path
        }
        if len(lengths) == 1 and lengths <= set(numbers):
            return lengths.pop(), True
    raise Refused(f"the number that beta rises by at {defect.where} is made of several")


def _is_rest(draft: Draft, rise: ev.AttributeWrite, term: Term) -> bool:
    """Whether something is what beta has to rise by altogether: `1 - beta`, or that as a number."""
    rest = strip(term)
    if rest.op == "sub" and strip(rest.args[0]).number == 1:
        options = alternatives(draft.graph.symbols.expanded(rest.args[1]))
        return {f"{option.number:g}" for option in options if option.number is not None} == {_first(draft, rise)}
    return rest.number is not None and abs(1 - rest.number - float(_first(draft, rise))) < 1e-9


def _rise(draft: Draft, path: str, node: ir.Node) -> ev.AttributeWrite | None:
    """The assignment that adds a step to beta, None where beta follows a count."""
    for write in draft.graph.events.writes.values():
        if write.node is node and write.path == path:
            return write
    return None


def _first(draft: Draft, rise: ev.AttributeWrite) -> str:
    """The number that beta begins with."""
    field = draft.graph.symbols.field(rise.owner.node, rise.attribute)
    values = [v for v, w, _ in draft.graph.symbols.written(field) if w is None or w.node is not rise.node]
    numbers = {option.number for value in values for option in alternatives(draft.graph.symbols.expanded(value))}
    if len(numbers) != 1 or None in numbers:
        raise Refused(f"what beta begins with at {draft.where(rise.path, rise.node)} is not clear")
    return f"{numbers.pop():g}"


def _parameter(draft: Draft, cls: ir.Class, literal: ir.Const) -> ir.Parameter | None:
    """The parameter of the constructor whose default the number is."""
    _, function = constructor(draft, cls)
    return next((parameter for parameter in function.parameters if parameter.default is literal), None)


def _from_steps(
    draft: Draft, cls: ir.Class, rise: ev.AttributeWrite, literal: ir.Const, where: str, steps: str
) -> None:
    """Compute the step in the constructor from the number of draws, which is passed."""
    graph = draft.graph
    path, function = constructor(draft, cls)
    own = function.parameters[0].name
    given = add_parameter(draft, cls, _STEPS, steps, _NOTE)
    pass_everywhere(draft, cls, given, steps, _NOTE)
    share = f"(1.0 - {own}.{rise.attribute}) / {given}"
    statement = graph.statement(where, literal)
    beta = next(
        (w for _, w, _ in _writes(draft, cls, rise.attribute) if w is not None and w.function is function), None
    )
    after = graph.statement(path, beta.node) if beta is not None else function.body[-1]
    if statement is rise.node or statement is graph.statement(rise.path, rise.node):
        name = "beta_step"
        draft.replace(where, literal.start, literal.end, f"{own}.{name}", _NOTE)
        _drop_stale(draft, where, literal)
        draft.insert_after(path, after, [f"{own}.{name} = {share}"], _NOTE)
        return
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is literal else None
    if isinstance(target, ir.Name) and statement in cls.body:
        draft.remove(where, statement, _NOTE)
        draft.insert_after(path, after, [f"{own}.{target.id} = {share}"], _NOTE)
    elif isinstance(target, ir.Attr) and graph.symbols.function_of(where, statement) is function:
        if beta is not None and beta.node.start > statement.start:
            raise Refused(f"beta is set behind its step at {draft.where(where, statement)}")
        draft.replace(where, literal.start, literal.end, share, _NOTE)
    else:
        raise Refused(f"the number at {draft.where(where, literal)} is no attribute of {cls.name}")


def _drop_stale(draft: Draft, path: str, literal: ir.Const) -> None:
    """Take away what a comment on the line of the number says of it: `# 0.4 + 2e-7 * 3e6 = 1`."""
    module, number = draft.graph.module(path), draft.text(path, literal)
    for start, text in comments_of(module):
        is_of_it = re.search(rf"(?<![\w.]){re.escape(number)}(?![\w.])", text) and not DIRECTIVE.match(text)
        if is_of_it and module.line(start) == module.line(literal.end):
            before = len(module.text[:start].rstrip(b" \t"))
            draft.replace(path, before, start + len(text.encode()), "", "it told of the number that is gone")


def _writes(draft: Draft, cls: ir.Class, attribute: str) -> list[tuple[object, ev.AttributeWrite | None, str]]:
    return [*draft.graph.symbols.written(draft.graph.symbols.field(cls, attribute))]
