"""Memories that only loops over what a file holds fill: data sets of transitions, which do not grow with training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_READERS = {"open", "File", "reader", "DictReader"}
_READS = {"load", "loads", "loadtxt", "genfromtxt", "read_csv", "read_json", "read_parquet", "read_pickle"}
_MODULES = {"json", "pickle", "np", "numpy", "torch", "joblib", "pd", "pandas", "h5py", "csv"}
# What takes apart what was read, and puts it together: where anything else is called, an agent may act.
_TAKES_APART = {
    "append", "array", "as_tensor", "asarray", "astype", "bool", "copy", "enumerate", "flatten", "float",
    "from_numpy", "get", "glob", "groupby", "int", "items", "iterrows", "itertuples", "join", "len", "list", "range",
    "reshape", "rstrip", "sorted", "split", "str", "strip", "tensor", "to_dict", "to_numpy", "tolist", "tqdm",
    "tuple", "values", "zip",
}  # fmt: skip


def is_logged(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all that is stored comes out of `for` loops that only take apart what is read from a file."""
    return bool(buffer.stores) and all(_is_read(graph, store) for store in buffer.stores)


def _is_read(graph: ReplayGraph, store: ev.Store) -> bool:
    loops: list[ir.For] = []
    body = graph.module(store.path).body
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.While, ir.Comp)):
            return False
        if isinstance(around, ir.For):
            loops.append(around)
        if isinstance(around, ir.Function):
            body = around.body
            break
    if not loops:
        return False
    calls = [node for node in ir.walk(loops[-1]) if isinstance(node, ir.Call)]
    names = _from_files(list(ir.walk_scope(body)))
    return all(_is_reader(call) or name_of(call.func) in _TAKES_APART for call in calls) and any(
        _reads(loop.iter, names) for loop in loops
    )


def _from_files(nodes: list[ir.Node]) -> set[str]:
    """The names of a scope for what is read from files."""
    names: set[str] = set()
    pairs = list(_bound(nodes))
    while found := {target for target, value in pairs if _reads(value, names)} - names:
        names |= found
    return names


def _bound(nodes: list[ir.Node]) -> Iterator[tuple[str, ir.Expr]]:
    for node in nodes:
        targets: list[ir.Expr] = []
        value: ir.Expr | None = None
        if isinstance(node, ir.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ir.For):
            targets, value = [node.target], node.iter
        elif isinstance(node, ir.WithItem) and node.target is not None:
            targets, value = [node.target], node.value
        if value is not None:
            for target in targets:
                yield from ((part.id, value) for part in ir.walk(target) if isinstance(part, ir.Name))


def _reads(value: ir.Expr, names: set[str]) -> bool:
    """Whether an expression reads a file, or has one of the names of what was read."""
    return any(
        (isinstance(part, ir.Name) and part.id in names) or (isinstance(part, ir.Call) and _is_reader(part))
        for part in ir.walk(value)
    )


def _is_reader(call: ir.Call) -> bool:
    name, func = name_of(call.func), call.func
    of_module = isinstance(func, ir.Attr) and isinstance(func.value, ir.Name) and func.value.id in _MODULES
    return name in _READERS or (of_module and name in _READS)
