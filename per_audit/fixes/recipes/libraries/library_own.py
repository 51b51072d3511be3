"""A library's uniform buffer becomes its prioritised one, where its algorithms weigh and update by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes import lap

if TYPE_CHECKING:
    from per_audit.graph import LibraryBuffer
    from per_audit.graph.interpret import events as ev

# tianshou hands the weights of its prioritised buffers to the loss and the TD errors back to them, in `update`.
_PACKAGES = {"tianshou"}
_UNWEIGHTED = {"huber_loss_delta", "clip_loss_grad"}  # with these the loss of its DQN leaves the weights out
_BETA = 0.4
_NOTE = "drawn from by priority"


def applies(buffer: LibraryBuffer) -> bool:
    """Whether the library has a prioritised buffer of the same interface that its own algorithms train from."""
    return (
        buffer.framework.package in _PACKAGES and bool(buffer.kind.instead) and not (buffer.samples or buffer.heir_of)
    )


def convert(draft: Draft, buffer: LibraryBuffer) -> None:
    """Make the edits, or raise Refused."""
    path, made = buffer.path, buffer.node
    lap.refuse_library(draft, buffer.name)
    if not isinstance(made, ir.Call) or any(argument.star for argument in made.args):
        raise Refused(f"the buffer made at {draft.where(path, made)} has options that are not understood")
    _require_algorithms(draft, buffer)
    instead = buffer.kind.instead
    end = made.func.end
    if isinstance(made.func, ir.Attr):
        draft.replace(path, end - len(buffer.name), end, instead, _NOTE)
    elif isinstance(made.func, ir.Name) and made.func.id == buffer.name:
        draft.replace(path, made.func.start, end, instead, _NOTE)
        _import(draft, buffer, made.func, instead)
    else:
        raise Refused(f"{buffer.name} is imported in {path} under another name")
    note = "how much the priorities count, and are corrected for"
    draft.add_argument(path, made, "alpha=0.6", note, f"beta={_BETA}")
    _anneal(draft, buffer, made)


def _require_algorithms(draft: Draft, buffer: LibraryBuffer) -> None:
    """Refuse where the project trains with anything but algorithms that take the prioritised buffer as it is."""
    algorithms, title = buffer.framework.algorithms, buffer.framework.title
    named: set[str] = set()
    for path, module in draft.graph.project.modules.items():
        nodes = list(ir.walk(*module.body))
        named |= _names_of(buffer.framework.package, nodes)
        for node in nodes:
            is_off = isinstance(node, ir.Arg) and isinstance(node.value, ir.Const) and node.value.value in (None, False)
            if isinstance(node, ir.Arg) and node.keyword in _UNWEIGHTED and not is_off:
                where = draft.where(path, node.value)
                raise Refused(f"with {node.keyword} ({where}) {title} leaves the weights out of its loss")
    used = {name: algorithms[name] for name in named & algorithms.keys()}
    others = sorted(name for name, algorithm in used.items() if algorithm.changed_by != "buffer")
    if others:
        raise Refused(f"{', '.join(others)} of {title} may train from {buffer.name} as well")
    if not used:
        raise Refused(f"no algorithm of {title} that trains from {buffer.name} was found")


def _names_of(package: str, nodes: list[ir.Node]) -> set[str]:
    """What a file uses of a package: names imported from it, and attributes where it is imported whole."""
    found: set[str] = set()
    is_whole = False
    for node in nodes:
        if isinstance(node, ir.ImportFrom) and node.module.partition(".")[0] == package:
            found |= {name for name, _ in node.names}
        elif isinstance(node, ir.Import):
            is_whole |= any(name.partition(".")[0] == package for name, _ in node.names)
    return found | {node.attr for node in nodes if isinstance(node, ir.Attr)} if is_whole else found


def _import(draft: Draft, buffer: LibraryBuffer, used: ir.Name, instead: str) -> None:
    """Import the other class, beside the one that was there if that has more uses."""
    path = buffer.path
    module = draft.graph.module(path)
    for node in module.body:
        if isinstance(node, ir.ImportFrom) and (buffer.name, None) in node.names:
            place = re.compile(rb"(?<![\w.])%b(?!\w)" % buffer.name.encode())
            found = list(place.finditer(module.text, module.text.index(b"import", node.start), node.end))
            if len(found) == 1:
                names = (n for n in ir.walk(*module.body) if isinstance(n, ir.Name) and n.id == buffer.name)
                stays = any(n is not used for n in names)
                text = f"{instead}, {buffer.name}" if stays else instead
                draft.replace(path, found[0].start(), found[0].end(), text, _NOTE)
                return
    raise Refused(f"how {buffer.name} is imported in {path} is not understood")


def _anneal(draft: Draft, buffer: LibraryBuffer, made: ir.Call) -> None:
    """Let beta rise to 1 in the loop that trains; where there is none, the plan rests on an assumption."""
    path = buffer.path
    statement = draft.graph.parents(path).get(made)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and len(statement.targets) == 1 else None
    loops = [loop for site in buffer.given if (loop := _loop(draft, buffer, site)) is not None]
    if isinstance(target, (ir.Name, ir.Attr)) and len(loops) == 1:
        (step, counter, steps) = loops[0]
        line = f"{draft.text(path, target)}.set_beta({_BETA} + {round(1 - _BETA, 1)} * {counter} / {steps})"
        draft.insert_before(path, step, [line], "beta rises to 1 by the end")
        return
    draft.assumptions.append(
        f"beta stays {_BETA}: let it rise to 1 by the end, for example in the trainer's function that is called before"
        f" each step, with {draft.text(path, target) if target else 'the buffer'}.set_beta(...)"
    )


def _loop(draft: Draft, buffer: LibraryBuffer, site: ev.CallSite) -> tuple[ir.Stmt, str, str] | None:
    """The statement of a training step in `for counter in range(steps)`, the counter and the number of steps."""
    path = buffer.path
    func = site.node.func
    if site.path != path or site.function is not buffer.function:
        return None
    if not isinstance(func, ir.Attr) or func.attr != "update":
        return None
    step = draft.graph.statement(path, site.node)
    for loop in draft.graph.ancestors(path, step):
        if isinstance(loop, (ir.Function, ir.Lambda, ir.While)):
            return None
        if isinstance(loop, ir.For):
            turns = loop.iter
            if not isinstance(turns, ir.Call) or getattr(turns.func, "id", "") != "range" or len(turns.args) != 1:
                return None
            if not isinstance(loop.target, ir.Name):
                return None
            steps = turns.args[0].value
            if not isinstance(steps, (ir.Name, ir.Const, ir.Attr)):
                return None
            return step, loop.target.id, draft.text(path, steps)
    return None
