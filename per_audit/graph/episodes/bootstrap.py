"""Bootstrap targets, `reward + discount * value of the next state`, and what may switch the value off in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes import endings, moments
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, REWARD, STATE, role_of, role_of_name, words
from per_audit.graph.symbolic import Term, alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_LATER = {"next", "nxt", "prime", "succ", "successor", "future"}
_DISCOUNT = {"gamma", "gammas", "discount", "discounts"}
_FORM = {"detach", "reshape", "unsqueeze", "squeeze", "stack", "collect"}
_READS = {"item", "at", "element", "slice"}
_SOURCES = {"draw", "param", "field", "mass", "found"}
_CHOICES = {"where", "filled", "unknown", "loop", "cmp", "not", "logic", "mod", "alloc"}
_LEAVES = {"const", "external", "global", "object", "function", "field", "range", "len"}
_DEEPEST = 3
_SUMS = {"add", "add_"}
_ATOMS = {"support", "supports", "atoms"}


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapTarget:
    """A sum of a reward and a discounted value of the next state.

    `factors` are what the value is multiplied with, the value itself included; parameters are replaced by what the
    callers pass, as far as that is known.
    """

    node: ir.Expr
    function: ev.Owner
    path: str
    reward: ir.Expr
    bootstrap: ir.Expr
    factors: tuple[Term, ...]


def targets(graph: ReplayGraph, buffer: ReplayBuffer) -> list[BootstrapTarget]:
    """The bootstrap targets in the functions that learn from the buffer, in order of their places."""
    found: list[BootstrapTarget] = []
    for function, path, body in endings.bodies(graph, buffer):
        for node in ir.walk_scope(body):
            for reward, bootstrap in _addends(node):
                if _is_reward(graph, reward) and _is_drawn(graph, buffer, path, reward):
                    within = tuple(factors(_with_arguments(graph, graph.symbols.term(path, bootstrap))))
                    if _is_discounted(graph, bootstrap, within):
                        assert isinstance(node, ir.Expr)
                        found.append(BootstrapTarget(node, function, path, reward, bootstrap, within))
                        break
    return found


def is_open(graph: ReplayGraph, target: BootstrapTarget) -> bool:
    """Whether the value of the next state is seen to enter the target whole, whatever the transition.

    Every factor is a constant of the run or what a network says of the next state; nothing is chosen, filled in or
    multiplied with what the batch holds. False also where a part of it is not known.
    """
    rest = [factor for factor in target.factors if _are_atoms(graph, factor) or not _is_constant(graph, factor)]
    return len(rest) == 1 and (_are_atoms(graph, rest[0]) or _is_whole(graph, rest[0], inside=False))


def discounts(graph: ReplayGraph, target: BootstrapTarget) -> list[Term]:
    """The factors of the next value that discount it, by their names or because they are a little below one."""
    return [factor for factor in target.factors if is_discount(graph, factor)]


def unmasked(graph: ReplayGraph, buffer: ReplayBuffer) -> list[BootstrapTarget]:
    """The targets that bootstrap through terminal states: no form of an episode's end reaches them on any way."""
    bodies = endings.bodies(graph, buffer)
    return [target for target in targets(graph, buffer) if is_unmasked(graph, target, bodies)]


def is_unmasked(
    graph: ReplayGraph, target: BootstrapTarget, bodies: list[endings.Body], is_vain: endings.Vain | None = None
) -> bool:
    """Whether the next value enters a target whole, and no body on its way asks for the end of an episode.

    `is_vain` tells of an expression in a file that it says nothing of an end, whatever it is called.
    """
    if not is_open(graph, target) or endings.is_conditional(graph, target.path, target.node, is_vain):
        return False
    around = [
        body
        for body in bodies
        if (body[0], body[1]) == (target.function, target.path) or _are_related(graph, body[0], target.function)
    ]
    own = [statements for function, path, statements in bodies if (function, path) == (target.function, target.path)]
    if any(endings.is_forgotten(graph, target.path, target.node, statements) for statements in own):
        return False
    told = {target.function, *_told_of_ends(graph, target, is_vain)}
    return not any(endings.looks_at_ends(graph, body, body[0] not in told, is_vain) for body in around)


def _told_of_ends(graph: ReplayGraph, target: BootstrapTarget, is_vain: endings.Vain | None) -> Iterator[ev.Owner]:
    """The functions of the project that the function of a target hands the ends of episodes to.

    Not what an environment has just said, which is on its way into the memory.
    """
    said = moments.fresh(graph, target.function, target.path)
    for site in graph.calls_of(target.function) if target.function is not None else ():
        given = [arg.value for arg in site.node.args if endings.is_end(graph, arg.value)]
        ends = [end for end in given if not moments.is_fresh(graph, end, said)]
        if any(is_vain is None or not is_vain(site.path, end) for end in ends):
            yield from (func.node for func in site.targets)


def _are_related(graph: ReplayGraph, one: ev.Owner, other: ev.Owner) -> bool:
    """Whether one of two functions may call the other."""
    if one is None or other is None:
        return True
    return other in graph.reachable(one, _DEEPEST) or one in graph.reachable(other, _DEEPEST)


def _addends(node: ir.Node) -> Iterator[tuple[ir.Expr, ir.Expr]]:
    """The two sides of a sum, each as the reward once."""
    if isinstance(node, ir.Bin) and node.op == "+":
        yield node.left, node.right
        yield node.right, node.left
    elif isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in _SUMS:
        plain = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
        if len(plain) == 1:
            plain.insert(0, node.func.value)
        if len(plain) == 2:
            yield plain[0], plain[1]
            yield plain[1], plain[0]


def _names(node: ir.Expr) -> Iterator[ir.Expr]:
    return (part for part in ir.walk(node) if isinstance(part, (ir.Name, ir.Attr, ir.Sub)))


def role_at(graph: ReplayGraph, node: ir.Node | None) -> str | None:
    """The one field of a transition that a node is known as, by where it came from or else by its name."""
    if isinstance(node, ir.Parameter):
        return role_of_name(node.name)
    if not isinstance(node, ir.Expr):
        return None
    roles = graph.events.value(node).roles
    if len(roles) == 1:
        return next(iter(roles))
    return role_of(node) if isinstance(node, (ir.Name, ir.Attr, ir.Sub, ir.Call)) else None


def _is_reward(graph: ReplayGraph, node: ir.Expr) -> bool:
    roles = {role_at(graph, part) for part in _names(node)}
    return REWARD in roles and not roles & {NEXT, DONE}


def _is_drawn(graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Expr) -> bool:
    """Whether a value hangs on what was drawn from the buffer, rather than on another random call: an action, say."""
    if any(graph.events.value(part).tagged("draw") & buffer.sources for part in ir.walk(node)):
        return True
    return any(part.op == "draw" and part.data in buffer.sources for part in graph.symbols.term(path, node).walk())


def is_later(graph: ReplayGraph, node: ir.Node | None) -> bool:
    """Whether a node stands for a next state or, by its name, for its value."""
    if role_at(graph, node) == NEXT:
        return True
    name = node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else None
    return name is not None and not _LATER.isdisjoint(words(name))


def _is_discounted(graph: ReplayGraph, node: ir.Expr, within: tuple[Term, ...]) -> bool:
    """Whether the expression is a discount times something of the next state."""
    if len(within) < 2 or not any(is_discount(graph, factor) for factor in within):
        return False
    if any(_may_be_later(graph, part) for part in _names(node)):
        return True
    parts = [part for factor in within for part in factor.walk()]
    if any(_may_be_later(graph, part.node) for part in parts if part.op in _READS):
        return True
    given = (
        arg.value for part in parts if part.op == "call" and isinstance(part.node, ir.Call) for arg in part.node.args
    )
    return any(_may_be_later(graph, value) for value in given) or any(_are_atoms(graph, factor) for factor in within)


def _are_atoms(graph: ReplayGraph, factor: Term) -> bool:
    """Whether a factor is the values that a distribution is over, which stand for those of the next state."""
    if factor.has("draw", "mass"):
        return False
    named = str(factor.data[-1] if isinstance(factor.data, tuple) else factor.data).rpartition(".")[2]
    if factor.op in ("field", "param", "global", "external", "item") and not _ATOMS.isdisjoint(words(named)):
        return True
    if factor.op in (*_FORM, "item", "at") and factor.args:
        return _are_atoms(graph, factor.args[0])
    return any(
        option.op == "call" and str(option.data).endswith("linspace")
        for option in (factor, *graph.symbols.options(factor))
    )


def _may_be_later(graph: ReplayGraph, node: ir.Node | None) -> bool:
    """Whether a node may stand for a next state, be it kept under the name of the state once the step is done."""
    return is_later(graph, node) or (isinstance(node, ir.Expr) and NEXT in graph.events.value(node).roles)


def is_discount(graph: ReplayGraph, term: Term) -> bool:
    """Whether a factor discounts: by its name, or because it is a number a little below one."""
    if term.op in ("pow", "detach", "reshape", "unsqueeze", *_READS) and term.args:
        named = isinstance(term.data, str) and not _DISCOUNT.isdisjoint(words(term.data))
        name = _name_at(term)
        return named or not _DISCOUNT.isdisjoint(words(name)) or is_discount(graph, term.args[0])
    if term.is_number:
        return 0.5 <= (term.number or 0) < 1
    if term.op == "phi":
        return any(is_discount(graph, option) for option in term.args)
    if term.op not in ("field", "param", "global", "external"):
        return False
    name = str(term.data[1] if isinstance(term.data, tuple) else term.data).rpartition(".")[2]
    if not _DISCOUNT.isdisjoint(words(name)):
        return True
    return term.op in ("field", "param") and any(
        option.is_number and is_discount(graph, option) for option in graph.symbols.options(term)
    )


def _name_at(term: Term) -> str:
    node = term.node
    return node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""


def _with_arguments(graph: ReplayGraph, term: Term, depth: int = _DEEPEST) -> Term:
    """The term with parameters replaced by the one thing that all callers pass."""

    def change(part: Term) -> Term | None:
        if part.op != "param":
            return None
        given = list(dict.fromkeys(graph.symbols.options(part)))
        if len(given) != 1 or given[0] == part:
            return None
        return _with_arguments(graph, given[0], depth - 1)

    return picked(term.mapped(change)) if depth else term


def picked(term: Term) -> Term:
    """The term with items of displays and of lists that have become known replaced by what stands there."""

    def change(part: Term) -> Term | None:
        if part.op not in ("item", "element"):
            return None
        held = picked(part.args[0])
        if part.op == "element":
            return held.args[0] if held.op == "collect" else part.replaced((held,))
        if held.op == "tuple" and isinstance(part.data, int) and -len(held.args) <= part.data < len(held.args):
            return held.args[part.data]
        if held.op == "record" and isinstance(held.data, tuple) and part.data in held.data:
            found: Term = held.args[held.data.index(part.data)]
            return found
        return part.replaced((held,))

    return term.mapped(change) if term.has("item") else term


def factors(term: Term) -> Iterator[Term]:
    """What is multiplied in a term; a value that a test may put nothing in the place of has that test as a factor."""
    while term.op in _FORM and term.args:
        term = term.args[0]
    chosen = [option for option in _options(term) if option.number != 0]
    if term.op == "mul":
        for arg in term.args:
            yield from factors(arg)
    elif len(chosen) == 1 and len(_options(term)) == 2:  # nothing or the value, which a test decides
        yield from factors(chosen[0])
        yield Term("where", (), None, term.node, term.path)
    else:
        yield term


def _options(term: Term) -> tuple[Term, ...]:
    """The two values that a test decides between; empty for anything else."""
    return term.args if term.op == "phi" else term.args[1:] if term.op == "where" else ()


def _is_constant(graph: ReplayGraph, term: Term) -> bool:
    """Whether the term is the same number for every transition: a literal, a setting, arithmetic of them."""
    if term.is_number or term.op in ("external", "global"):
        return True
    if term.op == "field":
        name = term.data[1]
        if role_of_name(name) == DONE and _DISCOUNT.isdisjoint(words(name)):
            return False
        return not any(option.has("draw", "mass") for option in graph.symbols.options(term))
    if term.op == "param":
        return "gamma" in words(term.data[1])
    if term.op == "item":
        named = isinstance(term.data, str) and not _DISCOUNT.isdisjoint(words(term.data))
        return named and not any(part.op in ("draw", "param") for part in term.walk())
    if term.op in ("add", "sub", "mul", "div", "pow", "neg", "exp", "log", "abs", "phi", *_FORM):
        return bool(term.args) and all(_is_constant(graph, arg) for arg in term.args)
    return False


def _is_whole(graph: ReplayGraph, term: Term, inside: bool) -> bool:
    """Whether nothing in the value of the next state can be zero because an episode has ended.

    `inside` what a network is given, only what tells the end of an episode matters.
    """
    if not inside and term.op == "found":
        return _is_whole(graph, term.args[0], inside)  # a random number chooses, as in double Q-learning
    if not inside and term.op in _CHOICES:
        return False
    if role_at(graph, term.node) == DONE and term.op in (*_READS, "param", "call"):
        return False
    if term.op in ("call", "matmul"):
        return all(_is_whole(graph, arg, inside=True) for arg in term.args)
    if term.op in _READS:
        return _is_whole_part(graph, term, inside)
    if term.op == "phi":
        options = alternatives(term)
        return all(option.op not in ("const", "alloc") and _is_whole(graph, option, inside) for option in options)
    if term.op == "mul" and not inside:
        return all(_is_constant(graph, arg) or _is_estimate(graph, arg) for arg in term.args)
    if term.op == "gather":
        return _is_whole(graph, term.args[0], inside) and _is_whole(graph, term.args[1], inside=True)
    if term.op in ("param", "draw", "mass"):
        return inside
    if term.op in _LEAVES:
        return True
    return (inside or bool(term.args)) and all(_is_whole(graph, arg, inside) for arg in term.args)


def _is_estimate(graph: ReplayGraph, term: Term) -> bool:
    return term.has("call", "matmul") and _is_whole(graph, term, inside=False)


def _is_whole_part(graph: ReplayGraph, term: Term, inside: bool) -> bool:
    """A part of something: of what a network returned, or a field of the batch."""
    named = role_of_name(term.data) if term.op == "item" and isinstance(term.data, str) else None
    if inside and (role_at(graph, term.node) or named) in (NEXT, STATE, ACTION):
        return True  # one field of a batch, whatever else the batch holds
    held = term
    while held.op in (*_READS, *_FORM) and held.args:
        held = held.args[0]
    if held.op in _SOURCES:
        return inside
    return all(_is_whole(graph, arg, inside or place > 0) for place, arg in enumerate(term.args))
