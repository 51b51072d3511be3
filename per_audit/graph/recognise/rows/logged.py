"""Memories that only code which takes files apart fills: data sets of transitions, which do not grow with training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import positions_of
from per_audit.graph.interpret.known.externals import STREAMS
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import External, Func, RecordType
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.lifetimes import is_another

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_READERS = {"open", "File", "reader", "DictReader", "qlearning_dataset", "get_dataset", "load_dataset"}
_READS = {"load", "loads", "loadtxt", "genfromtxt", "read_csv", "read_json", "read_parquet", "read_pickle"}
_MODULES = {"json", "pickle", "np", "numpy", "torch", "joblib", "pd", "pandas", "h5py", "csv"}
# What takes apart what was read, and puts it together: where anything else is called, an agent may act.
_TAKES_APART = {
    "abs", "add", "any", "append", "array", "as_tensor", "asarray", "astype", "bool", "clip", "concatenate", "copy",
    "decode", "dict", "drop", "dropna", "enumerate", "expand_dims", "extend", "fillna", "flatten", "float",
    "float32", "from_numpy", "get", "glob", "groupby", "int", "int64", "isnan", "item", "items", "iterrows",
    "itertuples", "join", "keys", "len", "list", "literal_eval", "logical_and", "logical_or", "lower", "max", "min",
    "next", "print", "range", "replace", "reset_index", "reshape", "rstrip", "set_index", "shift", "sort_values",
    "sorted", "split", "stack", "startswith", "str", "strip", "sum", "tensor", "to_dict", "to_numpy", "tolist",
    "tqdm", "trange", "transform", "tuple", "unique", "values", "zeros", "zeros_like", "zip",
}  # fmt: skip
# Libraries whose functions only compute with what they are given, but for random numbers.
_COMPUTES = ("builtins", "math", "numpy", "pandas")
# What an environment answers with is lived through, whatever file says which environment it is.
_ANSWERS = {"reset", "step"}
_DEEPEST = 3
# What writes rows to files; what saves networks writes none.
_WRITERS = {"create_dataset", "dump", "dumps", "savez", "savez_compressed", "to_csv", "to_parquet", "to_pickle"}
_COLUMNS = 3  # that a memory of transitions has at least


def is_logged(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all that is stored is put there by code that only takes apart what is read from a file."""
    files = _Files(graph)
    return bool(buffer.stores) and (
        all(map(files.hold, buffer.stores)) or _is_replaced(graph, buffer, files) or _is_given(graph, buffer, files)
    )


def _is_given(graph: ReplayGraph, buffer: ReplayBuffer, files: _Files) -> bool:
    """Whether a stream for a loader reads all of its rows from files, now or later, and the project writes none.

    What an agent lived through goes through files as well, where workers of a loader draw from it.
    """
    if buffer.owner is None or not graph.classes.external_bases(buffer.owner) & STREAMS:
        return False
    read = (
        store.expression is not None and files.reads(store.expression, store.path, store.function)
        for store in buffer.stores
    )
    return all(read) and not any(
        ir.last_name(call.func) in _WRITERS
        for path, module in graph.project.modules.items()
        if not is_test(path)
        for call in module.nodes_of(ir.Call)
    )


def _is_replaced(graph: ReplayGraph, buffer: ReplayBuffer, files: _Files) -> bool:
    """Whether what was read takes the place of the columns of each object where it is made.

    They are as long as what was read then: what an agent did finds no room.
    """
    sites = [site for site in buffer.instances if not is_test(site.path)]
    if not sites or len(buffer.containers) < _COLUMNS:
        return False
    attributes = graph.interpreter.attributes.items()
    columns = {name for (_, name), value in attributes if not buffer.containers.isdisjoint(value.atoms)}
    owners = {cls for site in sites for made in site.classes for cls in graph.classes.mro(made)}
    own = {function for function, cls in graph.project.class_of.items() if cls in owners}
    outside = [
        write
        for write in graph.events.writes.values()
        if write.attribute in columns and write.owner.node in owners and write.function not in own
    ]
    return len(outside) >= _COLUMNS and all(_is_filled_whole(graph, site, outside, files) for site in sites)


def _is_filled_whole(graph: ReplayGraph, site: ev.CallSite, writes: list[ev.AttributeWrite], files: _Files) -> bool:
    """Whether the function that makes an object has its columns replaced by what was read, or does so itself."""
    given = graph.parents(site.path).get(site.node)
    name = getattr(given.targets[0], "id", None) if isinstance(given, ir.Assign) and len(given.targets) == 1 else None
    if name is None:
        return False
    names: dict[ev.Owner, set[str]] = {site.function: {name}}
    for call in graph.calls_of(site.function, (site.path,)):
        for function in (func.node for func in call.targets if isinstance(func.node, ir.Function)):
            taken = positions_of(graph, call.node, function).items()
            names.setdefault(function, set()).update(
                parameter for parameter, parts in taken if any(getattr(part, "id", None) == name for part in parts)
            )
    replaced = {
        write.attribute
        for write in writes
        if isinstance(write.node, ir.Assign)
        and any(_is_field_of(part, names.get(write.function, set())) for part in ir.walk(*write.node.targets))
        and write.node.value is not None
        and files.reads(write.node.value, write.path, write.function)
    }
    return len(replaced) >= _COLUMNS


def _is_field_of(target: ir.Node, names: set[str]) -> bool:
    return isinstance(target, ir.Attr) and getattr(target.value, "id", None) in names


class _Files:
    """Tells what comes out of files."""

    def __init__(self, graph: ReplayGraph) -> None:
        self.graph = graph
        self._scopes: dict[ir.Node | str, set[str]] = {}
        self._fields: dict[str, bool] = {}
        self._made: dict[ir.Call, bool] = {}

    # ---------------------------------------------------------------- loops over files

    def hold(self, store: ev.Store) -> bool:
        """Whether what is stored is a part of what was read, at its place."""
        function = store.function if isinstance(store.function, ir.Function) else None
        value = store.expression if store.how == "index" else None
        if value is None or isinstance(value, ir.Const) or not self._made_here(store):
            is_of_files = True
        else:  # how many rows there are may be a setting of a file, and the rows those of a memory
            is_of_files = self._reads(value, store.path, function, _DEEPEST)
        return is_of_files and (self.fill(store.path, store.node, _DEEPEST) or self._is_prepared(store))

    def _is_prepared(self, store: ev.Store) -> bool:
        """Whether a function puts something into an array that it makes, with as many rows as were read."""
        made, function = self._made_here(store), store.function
        if made is None or not isinstance(function, ir.Function) or store.how != "index":
            return False
        for around in self.graph.ancestors(store.path, store.node):
            if isinstance(around, (ir.For, ir.While, ir.Comp)):
                return False
            if around is function:
                break
        calls = (part for part in ir.walk_scope(function.body) if isinstance(part, ir.Call))
        return self._reads(made, store.path, function, _DEEPEST) and all(self._takes_apart(c, _DEEPEST) for c in calls)

    def _made_here(self, store: ev.Store) -> ir.Expr | None:
        """The expression by which the function that stores makes the container."""
        made = store.container.node
        within = self.graph.symbols.function_of(store.path, made) if isinstance(made, ir.Expr) else None
        return made if isinstance(made, ir.Expr) and within is not None and within is store.function else None

    def fill(self, path: str, node: ir.Node, depth: int) -> bool:
        """Whether a statement is run by such a loop alone: one around it, or around each call of its function."""
        loops: list[ir.For] = []
        function: ir.Function | None = None
        for around in self.graph.ancestors(path, node):
            if isinstance(around, (ir.While, ir.Comp)):
                return False
            if isinstance(around, ir.For):
                loops.append(around)
            if isinstance(around, ir.Function):
                function = around
                break
        if any(self._reads(loop.iter, path, function, depth) for loop in loops):
            calls = (part for part in ir.walk(loops[-1]) if isinstance(part, ir.Call))
            takes_apart = all(call is node or self._takes_apart(call, depth) for call in calls)
            return takes_apart and not self._is_handed(node, function, depth)
        return depth > 0 and function is not None and self._is_called_so(function, depth - 1)

    def _is_handed(self, node: ir.Node, function: ir.Function | None, depth: int) -> bool:
        """Whether all that a statement stores is what its function is called with, and that was not read.

        A loop over what a file says, the number of agents for one, may go through what each of them did.
        """
        if function is None:
            return False
        taken = {parameter.name for parameter in function.parameters[self.graph.symbols.takes_self(function) :]}
        own = taken | {name for name, _ in _bound(list(ir.walk_scope(function.body)))}
        names = {part.id for value in _stored(node) for part in _sources(value) if isinstance(part, ir.Name)} & own
        return bool(names) and names <= taken and not any(self._is_given(name, function, depth) for name in names)

    def _is_called_so(self, function: ir.Function, depth: int) -> bool:
        if function.name.startswith("__"):
            return False
        sites = [site for site in self.graph.callers.get(function, ()) if not is_test(site.path)]
        return self._are_all_seen(function) and bool(sites) and all(self.fill(s.path, s.node, depth) for s in sites)

    def _are_all_seen(self, function: ir.Function) -> bool:
        """Whether whoever names a function calls it where that is seen, or means another for certain."""
        called = {site.node.func for site in self.graph.callers.get(function, ())}
        return all(
            mention.node in called
            or (isinstance(mention.node, ir.Attr) and is_another(self.graph, mention.path, mention.node, function))
            or self._is_of_another(mention.node, function)
            for mention in self.graph.mentions.get(function.name, ())
        )

    def _is_of_another(self, node: ir.Expr, function: ir.Function) -> bool:
        """Whether a name is that of other functions of the project for certain."""
        atoms = self.graph.events.value(node).atoms if isinstance(node, ir.Name) else frozenset()
        return bool(atoms) and all(isinstance(atom, Func) and atom.node is not function for atom in atoms)

    def _takes_apart(self, call: ir.Call, depth: int) -> bool:
        site = self.graph.events.calls.get(call)
        if site is not None and (site.targets or site.classes):
            return depth > 0 and all(self._only_takes_apart(func.node, depth - 1) for func in site.targets)
        if any(isinstance(atom, RecordType) for atom in self.graph.events.value(call.func).atoms):
            return True
        return _is_reader(call) or name_of(call.func) in _TAKES_APART or self._only_computes(call)

    def _only_computes(self, call: ir.Call) -> bool:
        atoms = self.graph.events.value(call.func).atoms
        return bool(atoms) and all(
            isinstance(atom, External) and atom.name.startswith(_COMPUTES) and ".random." not in atom.name
            for atom in atoms
        )

    def _only_takes_apart(self, function: ir.Function | ir.Lambda, depth: int) -> bool:
        calls = (part for part in ir.walk(function) if isinstance(part, ir.Call))
        return all(self._takes_apart(call, depth) for call in calls)

    # ---------------------------------------------------------------- what was read

    def reads(self, value: ir.Expr, path: str, function: ev.Owner) -> bool:
        """Whether an expression is of what was read from a file."""
        return self._reads(value, path, function, _DEEPEST)

    def _reads(self, value: ir.Expr, path: str, function: ev.Owner, depth: int) -> bool:
        """Whether an expression reads a file, or has one of the names of what was read."""
        names = self._names(path, function)
        return any(
            self._is_read(part, names, depth)
            or (isinstance(part, ir.Name) and self._is_given(part.id, function, depth))
            for part in _sources(value, self._makes_another)
        )

    def _makes_another(self, call: ir.Call) -> bool:
        """Whether a call is of what was read, as of settings, and answers with something else than a part of it."""
        if call not in self._made:
            site = self.graph.events.calls.get(call)
            is_own = site is not None and bool(site.targets or site.classes)
            self._made[call] = (is_own and not self._takes_apart(call, _DEEPEST)) or (
                isinstance(call.func, ir.Attr) and call.func.attr in _ANSWERS
            )
        return self._made[call]

    def _is_read(self, part: ir.Node, names: set[str], depth: int) -> bool:
        if isinstance(part, ir.Name):
            return part.id in names
        if isinstance(part, ir.Attr):
            return depth > 0 and self._is_read_field(part.attr, depth - 1)
        if not isinstance(part, ir.Call):
            return False
        site = self.graph.events.calls.get(part)
        if site is None or not site.targets:
            return _is_reader(part)
        return depth > 0 and all(self._only_reads(func.node, depth - 1) for func in site.targets)

    def _only_reads(self, function: ir.Function | ir.Lambda, depth: int) -> bool:
        """Whether a function of the project reads a file, and only takes apart what it has read."""
        calls = [part for part in ir.walk(function) if isinstance(part, ir.Call)]
        return any(map(_is_reader, calls)) and self._only_takes_apart(function, depth)

    def _names(self, path: str, function: ev.Owner) -> set[str]:
        """The names of a scope for what is read from files."""
        key = path if function is None else function
        if key not in self._scopes:
            names = self._scopes[key] = set()
            taken = function.parameters if isinstance(function, ir.Function) else ()
            names |= {parameter.name for parameter in taken if self._is_given(parameter.name, function, _DEEPEST)}
            body = function.body if isinstance(function, ir.Function) else self.graph.module(path).body
            pairs = list(_bound(list(ir.walk_scope(body))))
            while found := {
                target
                for target, value in pairs
                if target not in names
                and any(self._is_read(part, names, _DEEPEST) for part in _sources(value, self._makes_another))
            }:
                names |= found
        return self._scopes[key]

    def _is_read_field(self, name: str, depth: int) -> bool:
        """Whether all that is assigned to attributes of that name is read from files."""
        if name not in self._fields:
            self._fields[name] = False
            writes = [write for write in self.graph.events.writes.values() if write.attribute == name]
            self._fields[name] = bool(writes) and all(
                write.expression is not None and self._reads(write.expression, write.path, write.function, depth)
                for write in writes
            )
        return self._fields[name]

    def _is_given(self, name: str, function: ev.Owner, depth: int) -> bool:
        """Whether a name is that of a parameter for which every caller gives what was read."""
        if depth <= 0 or not isinstance(function, ir.Function) or name not in (p.name for p in function.parameters):
            return False
        taken = function.parameters[1:] if self.graph.symbols.takes_self(function) else function.parameters
        place = next((i for i, parameter in enumerate(taken) if parameter.name == name), None)
        sites = [site for site in self.graph.callers.get(function, ()) if not is_test(site.path)]
        if place is None or not sites or not self._are_all_seen(function):
            return False
        given = [(site, site.node.argument(place, name)) for site in sites]
        return all(
            value is not None and self._reads(value, site.path, site.function, depth - 1) for site, value in given
        )


def _sources(value: ir.Expr, is_closed: Callable[[ir.Call], bool] = lambda _: False) -> Iterator[ir.Node]:
    """The parts of an expression that its value is of, which the position of something in it is not.

    Of a call that is closed its value is not of what it is called with.
    """
    pending: list[ir.Node] = [value]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ir.Sub):
            pending.append(node.value)
        elif isinstance(node, ir.Comp) and all(_is_count(part.iter) for part in node.generators):
            pending.append(node.elt)
        elif not isinstance(node, ir.Call) or not is_closed(node):
            pending += ir.children(node)


def _is_count(over: ir.Expr) -> bool:
    """Whether a loop only counts, be it to the length of what was read: what it makes is not of its numbers."""
    return isinstance(over, ir.Call) and name_of(over.func) == "range"


def _stored(node: ir.Node) -> list[ir.Expr]:
    """What a statement assigns, or what a call is given."""
    if isinstance(node, ir.Call):
        return [arg.value for arg in node.args]
    return [node.value] if isinstance(node, ir.Assign) and node.value is not None else []


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


def _is_reader(call: ir.Call) -> bool:
    name, func = name_of(call.func), call.func
    of_module = isinstance(func, ir.Attr) and isinstance(func.value, ir.Name) and func.value.id in _MODULES
    return name in _READERS or (of_module and name in _READS)
