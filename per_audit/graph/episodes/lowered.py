"""Flags that stay down in the step of a time limit: `False if step == limit else done`, `done and step != limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_LIMIT = "max_episode_steps"


def is_down_at_limit(graph: ReplayGraph, flag: Term) -> bool:
    """Whether a flag is 0 in the step at which the environment cuts an episode: the test names that limit."""
    return any(_is_of_limit(graph, path, test) for path, test in _tests(graph, flag))


def is_down_at_count(graph: ReplayGraph, flag: Term) -> bool:
    """Whether a flag is 0 in the step at which a program's own count of steps is at some number."""
    return any(isinstance(test.left, (ir.Name, ir.Attr, ir.Bin)) for _, test in _tests(graph, flag))


def _tests(graph: ReplayGraph, flag: Term) -> Iterator[tuple[str, ir.Cmp]]:
    """The comparisons of which the one outcome lowers a flag, whatever it was, and their files."""
    for part in flag.walk():
        if part.op == "phi" and isinstance(part.node, ir.IfExp):
            is_lowered = any(arg.number == 0 or _is(arg, False) for arg in part.args)
            if is_lowered and isinstance(part.node.test, ir.Cmp) and part.node.test.ops == ["=="]:
                yield part.path, part.node.test
        elif part.op == "phi" and all(_is(arg, True) or _is(arg, False) for arg in part.args):
            raised = [arg for arg in part.args if _is(arg, True)]
            found = [(arg.path, test) for arg in raised for test in _before(graph, arg)]
            yield from found if len(found) == len(raised) else ()
        elif isinstance(part.node, ir.Logic):
            yield from ((part.path, test) for test in _of_count(part.node))


def _before(graph: ReplayGraph, raised: Term) -> Iterator[ir.Cmp]:
    """What a test asks of a count behind which a flag is raised: `if done and step != limit: end = True`."""
    below = raised.node
    for around in graph.ancestors(raised.path, raised.node) if raised.node is not None else ():
        if isinstance(around, ir.Function):
            return
        if isinstance(around, ir.If) and any(below is part for part in around.body):
            counts = list(_of_count(around.test))
            if counts:
                yield counts[0]
                return
        below = around


def _of_count(test: ir.Expr) -> Iterator[ir.Cmp]:
    """The parts of `a and b` that hold as long as a count is not at a limit; nothing for a test of one part."""
    for side in (test.left, test.right) if isinstance(test, ir.Logic) and test.op == "and" else ():
        if isinstance(side, ir.Cmp) and side.ops in (["!="], ["<"]):
            yield side
        yield from _of_count(side)


def _is(term: Term, truth: bool) -> bool:
    return term.op == "const" and term.data is truth


def _is_of_limit(graph: ReplayGraph, path: str, test: ir.Cmp) -> bool:
    """Whether a comparison is with the limit that an environment is registered with."""
    if any(isinstance(part, ir.Attr) and part.attr.endswith(_LIMIT) for part in ir.walk(test)):
        return True
    sides = (graph.symbols.expanded(graph.symbols.term(path, side)) for side in (test.left, *test.rights))
    nodes = (part.node for side in sides for part in side.walk())
    return any(isinstance(node, ir.Attr) and node.attr.endswith(_LIMIT) for node in nodes)
