"""LAP and TD7: errors that are clamped from below under Huber's loss, which need no importance-sampling weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.reference import LAP_KINDS
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.interpret.values import External, Result
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.prioritised.priorities.priorities import Priorities
    from per_audit.graph.symbolic import Symbols, Term


def clamps_like_lap(about: Priorities) -> bool:
    """Whether errors are clamped from below and the loss is Huber's, as in LAP and TD7, which need no weights."""
    if not any(_is_huber(name) for node in about.bodies(about.around) for name in _names(about, node)):
        return False
    return any(alloc.kind in LAP_KINDS for alloc in about.made) or _clamps_updates(about)


def _names(about: Priorities, node: ir.Node) -> Iterator[str]:
    """What a node is called, and what a call calls under whatever name: a loss object that a constructor made."""
    yield node.name if isinstance(node, (ir.Function, ir.Class)) else ir.last_name(node)
    if isinstance(node, ir.Call):
        called = about.graph.events.value(node.func).atoms
        yield from (ext.last(atom.name) for atom in called if isinstance(atom, (External, Result)))


def _is_huber(name: str) -> bool:
    low = name.lower()
    lap = "lap" in words(name) and "sampler" not in words(name)
    return "huber" in low or "smooth_l1" in low or "smoothl1" in low or lap


def _clamps_updates(about: Priorities) -> bool:
    """Whether the priorities that are written after a training step, where known, are clamped from below."""
    updates = [write.value for write in about.graph.anatomy(about.buffer).writes if not write.inserts]
    if any(_is_followed(option) for value in updates for option in alternatives(value)):
        return any(_is_bounded(about.graph.symbols, part) for value in updates for part in value.walk())
    return any(_clamps(node) for node in about.bodies(about.around) if isinstance(node, ir.Call))


def _is_bounded(symbols: Symbols, term: Term) -> bool:
    """Whether a term has a lower bound that is more than a small epsilon."""
    if term.op not in ("clip", "maximum"):
        return False
    for low in term.args[1:2] if term.op == "clip" else term.args:
        numbers = [option.number for option in (low, *alternatives(symbols.expanded(low)))]
        known = [number for number in numbers if number is not None]
        if any(number >= 0.1 for number in known) or (not known and low.op in ("param", "field", "global")):
            return True
    return False


def _is_followed(term: Term) -> bool:
    """Whether the arithmetic of a priority can be read: it is not what a call of the project gave, or its size."""
    while (term := strip(term)).op in ("abs", "item") or (term.op in ("add", "pow") and term.args[1].is_number):
        term = term.args[0]
    return term.op != "call" or not isinstance(term.data, tuple)


def _clamps(node: ir.Call) -> bool:
    """`x.clamp(min=1)`, `np.maximum(x, 1)`: a bound from below that is more than a small epsilon."""
    name = ir.last_name(node.func)
    if name in ("clamp", "clamp_", "clamp_min", "clip"):
        low = node.argument(None, "min") or node.argument(None, "a_min")
        if low is None and node.args:
            plain = [arg.value for arg in node.args if arg.keyword is None]
            method = isinstance(node.func, ir.Attr) and name_of(node.func.value) not in ("np", "numpy", "torch", "jnp")
            low = (plain[0] if method else plain[1] if len(plain) > 1 else None) if plain else None
    elif name in ("maximum", "max") and len(node.args) == 2:
        low = node.args[1].value
        if any("max" in words(name_of(arg.value) or "") for arg in node.args):
            return False  # the largest so far
    else:
        return False
    if isinstance(low, ir.Const):
        return isinstance(low.value, (int, float)) and low.value >= 0.1
    return isinstance(low, (ir.Name, ir.Attr)) and not {"eps", "epsilon"} & set(words(name_of(low) or ""))
