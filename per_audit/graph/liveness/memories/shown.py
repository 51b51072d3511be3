"""Memories whose batches are only looked at: printed, plotted, counted, or made numbers of that tell what is in them.

What was drawn is followed from the draw to whoever has it. Where it reaches anything that is not known to show it or
to compute with nothing else, it may be learnt from. Where no gradients are recorded, networks compute as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.gradients.unrecorded import is_without_graph
from per_audit.graph.interpret.known.externals import last
from per_audit.graph.interpret.values import Alloc, External, Literal, Result, TupleOf
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.lifetimes import is_another
from per_audit.graph.liveness.memories.usage import is_unnamed
from per_audit.graph.liveness.names.overwritten import is_assigned_anew
from per_audit.graph.liveness.names.scopes import seen_from_top
from per_audit.graph.pipelines import learns_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

# Libraries that only show what they are given, and those that only compute with it.
_SHOW = ("matplotlib", "seaborn", "cv2", "PIL", "imageio", "logging", "pprint", "rich", "IPython", "plotly", "pygame",
         "tabulate", "skimage", "loguru", "wandb", "sys")  # fmt: skip
_COMPUTE = ("builtins", "collections", "itertools", "math", "numpy", "operator", "statistics", "time")
# Of tensors what gives them another form or makes a number of them; what torch has besides may be a network.
_TENSORS = {"tensor", "as_tensor", "from_numpy", "stack", "cat", "FloatTensor", "Tensor", "LongTensor", "mean", "sum",
            "max", "min", "std", "squeeze", "unsqueeze", "bincount", "unique", "histc", "quantile"}  # fmt: skip
# Methods that are called so of what shows things: loggers, axes, windows, writers of curves.
_SHOWS = {"print", "info", "debug", "warning", "imshow", "hist", "scatter", "plot", "bar", "add_scalar", "set_title",
          "add_histogram", "add_image", "savefig", "putText", "imwrite", "blit", "boxplot", "heatmap"}  # fmt: skip
_NUMBERS = {"sum", "mean", "max", "min", "std", "var", "median", "any", "all", "nanmean", "average", "fmean", "stdev",
            "count_nonzero", "percentile", "quantile"}  # fmt: skip
_PRODUCTS = {"dot", "matmul", "inner", "einsum", "multiply", "mul", "outer"}
_ADD = {"append", "appendleft", "extend", "add", "insert", "update"}
# What changes or keeps what it is given, so that others read it later.
_KEEPS = {"at", "put", "copyto", "place", "putmask", "save", "savez", "savez_compressed", "savetxt", "dump", "tofile",
          "to_csv", "to_pickle", "to_parquet", "to_json", "to_hdf", "setattr", "exec", "eval", "backward"}  # fmt: skip
# Decorators that leave a function what it takes and gives back.
_LEAVES = {"no_grad", "inference_mode", "staticmethod"}
_PASS = (ir.Bin, ir.Un, ir.Cmp, ir.Logic, ir.Seq, ir.Map, ir.Star, ir.Slice, ir.Sub, ir.Attr, ir.IfExp)
_ENDS = (ir.Do, ir.Assert, ir.Raise, ir.If, ir.While, ir.Delete)
_DEEPEST = 4


def is_only_shown(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether something shows what is drawn from the buffer, and nothing else has it."""
    shown = _Shown(graph)
    draws = [graph.events.draws.get(node) for node in buffer.draws]
    follows = (draw is not None and shown.follows(draw.path, draw.function, [draw.node]) for draw in draws)
    is_run = buffer.function is None or bool(buffer.samples)
    if not is_run or not all(follows) or not shown.is_seen:
        return False
    # From what is made in trials alone, somebody else learns.
    return buffer.owner is None or not is_unnamed(graph, buffer.owner)


def is_only_told(graph: ReplayGraph, path: str, node: ir.Expr) -> bool:
    """Whether a value, and all that is made of it, ends where it is shown or nowhere: a mean of it may be a loss."""
    function = graph.symbols.function_of(path, node)
    return _Shown(graph, numbers_end=False).follows(path, function, [node])


def is_name_only_told(graph: ReplayGraph, path: str, function: ev.Owner, name: str) -> bool:
    """Whether what a function gives a name is shown or goes nowhere, be it that others are given it, unread."""
    body = _Body(_Shown(graph, numbers_end=False), path, function)
    body.names.add(name)
    return body.follows(body.named(name), _DEEPEST) and not body.returns


class _Shown:
    """Follows what was drawn; `is_seen` once something that shows it has it.

    `numbers_end` where one number of it all tells what is in it, and nobody learns from that.
    """

    def __init__(self, graph: ReplayGraph, numbers_end: bool = True) -> None:
        self.graph = graph
        self.numbers_end = numbers_end
        self.is_seen = False
        self._known: set[tuple[ev.Owner, str, ir.Node]] = set()

    def follows(self, path: str, function: ev.Owner, values: list[ir.Node], depth: int = _DEEPEST) -> bool:
        """Whether everything that has the values in a function only shows them, and its callers what it returns."""
        body = _Body(self, path, function)
        if not body.follows(values, depth):
            return False
        return not body.returns or self._is_shown_by_callers(function, depth - 1)

    def _is_shown_by_callers(self, function: ev.Owner, depth: int) -> bool:
        if depth < 0 or not isinstance(function, ir.Function) or function.name.startswith("__"):
            return False
        sites = [site for site in self.graph.callers.get(function, ()) if not is_test(site.path)]
        called = {site.node.func for site in self.graph.callers.get(function, ())}
        for mention in self.graph.mentions.get(function.name, ()):
            node = mention.node
            if node in called or (isinstance(node, ir.Attr) and is_another(self.graph, mention.path, node, function)):
                continue
            return False  # somebody may call it whom nobody sees
        return bool(sites) and all(self._follows_once(site, depth) for site in sites)

    def _follows_once(self, site: ev.CallSite, depth: int) -> bool:
        key = (site.function, site.path, site.node)
        if key in self._known:
            return True
        self._known.add(key)
        return self.follows(site.path, site.function, [site.node], depth)


class _Body:
    """One function, or the top level of a file, in which values are followed.

    `is_off` where what calls it has no gradients recorded.
    """

    def __init__(self, shown: _Shown, path: str, function: ev.Owner, is_off: bool = False) -> None:
        self.shown = shown
        self.is_off = is_off
        self.graph = shown.graph
        self.path = path
        self.parents = self.graph.parents(path)
        # What the top level of a file names, its functions read.
        self.nodes = list(ir.walk(function) if function is not None else seen_from_top(self.graph.module(path).body))
        self.returns = False
        self.names: set[str] = set()
        self._sums: set[str] = set()
        self._mixed: set[str] = set()  # of names that are followed those whose values are computed with others too
        self._cut: set[str] = set()  # and those of what is made where no gradients are recorded
        self._starts: set[ir.Node] = set()
        self._targets = {part for node in self.nodes for target in _targets(node) for part in _parts(target)}
        self._own = {part.id for part in self._targets if isinstance(part, ir.Name)}
        self._elsewhere = {name for node in self.nodes if isinstance(node, ir.Scope) for name in node.names}
        self._pending: list[ir.Node] = []

    def named(self, name: str) -> list[ir.Node]:
        """Where a name is read."""
        return [n for n in self.nodes if isinstance(n, ir.Name) and n.id == name and n not in self._targets]

    def follows(self, values: Iterable[ir.Node], depth: int) -> bool:
        """Whether the values, and what is made of them, end where they are shown or nowhere."""
        self._pending = list(values)
        self._starts.update(self._pending)
        known: set[ir.Node] = set()
        while self._pending:
            node = self._pending.pop()
            if node in known:
                continue
            known.add(node)
            if not self._ends(node, depth):
                return False
        return True

    def _bind(self, target: ir.Expr, value: ir.Expr | None = None) -> bool:
        """Follow the names that a value is given to; False where it is given to something else."""
        is_mixed = value is not None and not self._is_of_drawn(value)
        for part in _parts(target):
            if isinstance(part, ir.Name) and part.id not in self._elsewhere:
                self._mixed |= {part.id} if is_mixed else set()
                self._cut |= {part.id} if self._is_off_at(part) else set()
                if part.id not in self.names:
                    self.names.add(part.id)
                    self._pending += self.named(part.id)
            elif not isinstance(part, (ir.Seq, ir.Star)):
                return False
        return True

    def _ends(self, node: ir.Node, depth: int) -> bool:
        """Whether a value ends in the statement around it, or in names that are followed."""
        while True:
            parent = self.parents.get(node)
            if parent is None or isinstance(parent, (ir.Lambda, ir.Function, ir.Class)):
                return False
            if self._is_left_unread(node, parent):
                return True
            if isinstance(parent, ir.Arg):
                call = self.parents[parent]
                if not isinstance(call, ir.Call) or not self._passes(call, parent, depth):
                    return False
                parent = call
            elif isinstance(parent, ir.Call):
                if not self._is_plain_method(parent):
                    return False
            elif isinstance(parent, ir.Generator):
                return node is not parent.iter or self._bind(parent.target, parent.iter)
            elif isinstance(parent, ir.Walrus):
                if not self._bind(parent.target, parent.value):
                    return False
            elif not isinstance(parent, (*_PASS, ir.Comp)) and not _is_text(parent):
                return self._is_end(parent, node)
            if self.shown.numbers_end and isinstance(parent, ir.Call) and self._is_number(parent):
                self.shown.is_seen = True
                return True
            if self._learns_from(parent):
                return False
            node = parent

    def _is_end(self, statement: ir.Node, node: ir.Node) -> bool:
        """Whether a statement does nothing with a value but to name it, to count by it or to return it."""
        if isinstance(statement, ir.Return):
            self.returns = True
            return True
        if isinstance(statement, ir.For):
            return self._bind(statement.target, statement.iter)
        if isinstance(statement, ir.Aug):
            return self._adds(statement, node)
        if isinstance(statement, ir.Assign):
            return node is statement.value and all(self._assigns(target, statement) for target in statement.targets)
        return isinstance(statement, _ENDS)

    def _adds(self, statement: ir.Aug, node: ir.Node) -> bool:
        """A count at a place that was drawn, or a sum under a name."""
        if node is statement.target:
            self.shown.is_seen = True
            return isinstance(statement.value, ir.Const)
        if not isinstance(statement.target, ir.Name):
            return False
        self._sums.add(statement.target.id)
        return self._bind(statement.target, statement.value)

    def _assigns(self, target: ir.Expr, statement: ir.Assign) -> bool:
        read = {part.id for part in ir.walk(statement.value) if isinstance(part, ir.Name)} if statement.value else set()
        if isinstance(target, ir.Sub) and isinstance(target.value, ir.Name):
            return target.value.id in self._own - read and self._bind(target.value, statement.value)
        if isinstance(target, ir.Name) and is_assigned_anew(self.graph, self.path, statement, target.id):
            return target.id not in self._elsewhere
        self._sums |= {part.id for part in _parts(target) if isinstance(part, ir.Name)} & read
        return self._bind(target, statement.value)

    def _learns_from(self, parent: ir.Node) -> bool:
        """Whether what was drawn is multiplied by something that is changed again and again: by weights."""
        is_product = (isinstance(parent, ir.Bin) and parent.op in ("*", "@")) or (
            isinstance(parent, ir.Call) and ir.last_name(parent.func) in _PRODUCTS
        )
        if not self._sums or not is_product:
            return False
        inside = {part.id for part in ir.walk(parent) if isinstance(part, ir.Name)}
        return bool(inside & self._sums) and bool(inside & (self.names - self._sums))

    def _passes(self, call: ir.Call, argument: ir.Arg, depth: int) -> bool:
        """Whether a call that is given a value shows it, or gives back what it computes of it alone."""
        site = self.graph.events.calls.get(call)
        if site is None or site.classes:
            return False
        if site.targets:
            return all(
                isinstance(func.node, ir.Function) and self._is_shown_in(func.node, call, argument, depth)
                for func in site.targets
            )
        method = ir.last_name(call.func)
        roots = {name.partition(".")[0] for name in site.names}
        if method in _KEEPS:
            return False
        if method == "print" or (roots and roots <= set(_SHOW)) or (method in _SHOWS and roots <= {*_SHOW, "builtins"}):
            self.shown.is_seen = True
            return True
        if roots and roots <= set(_COMPUTE):
            return True
        if roots == {"torch"} and {last(name) for name in site.names} <= _TENSORS:
            return True
        holder = call.func.value if isinstance(call.func, ir.Attr) else None
        if method in _ADD and isinstance(holder, ir.Name):
            return holder.id in self._own and self._is_container(holder) and self._bind(holder, argument.value)
        return method == "format" or self._is_only_computed(call, site)

    def _is_only_computed(self, call: ir.Call, site: ev.CallSite) -> bool:
        """Whether a call that nothing is known of gives back what it makes where no gradients are recorded."""
        is_result = not isinstance(self.parents.get(call), ir.Do)
        return is_result and self._is_off_at(call) and not learns_at(site, self.graph.events)

    def _is_off_at(self, node: ir.Node) -> bool:
        return self.is_off or is_without_graph(self.graph, self.path, node)

    def _is_left_unread(self, node: ir.Node, around: ir.Node) -> bool:
        """Whether nobody reads a value: neither functions that are given it, nor the graph that it is fed to."""
        if isinstance(around, ir.Map):
            keys = [key for key, value in zip(around.keys, around.values, strict=True) if value is node]
            return bool(keys) and not any(map(self.graph.fed.is_read, keys))
        call = self.parents.get(around) if isinstance(around, ir.Arg) else None
        return isinstance(call, ir.Call) and isinstance(around, ir.Arg) and self._is_given_in_vain(call, around)

    def _is_given_in_vain(self, call: ir.Call, argument: ir.Arg) -> bool:
        """Whether no function of the project that may be called there reads what it is given."""
        site = self.graph.events.calls.get(call)
        if site is None or site.classes or not site.targets:
            return False
        return all(
            isinstance(func.node, ir.Function)
            and (name := self._taken_as(func.node, call, argument)) is not None
            and not any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(*func.node.body))
            for func in site.targets
        )

    def _taken_as(self, function: ir.Function, call: ir.Call, argument: ir.Arg) -> str | None:
        """The parameter that an argument is given to; None where that is not written, or others wrap the function."""
        taken = function.parameters[1:] if self.graph.symbols.takes_self(function) else function.parameters
        place = call.args.index(argument)
        wrapped = any(
            ir.last_name(each.func if isinstance(each, ir.Call) else each) not in _LEAVES
            for each in function.decorators
        )
        if wrapped or argument.star or any(each.star for each in call.args[:place]):
            return None
        names = [each.name for each in taken if not each.kind]
        if argument.keyword:
            return argument.keyword if argument.keyword in names else None
        return taken[place].name if place < len(taken) and not taken[place].kind else None

    def _is_shown_in(self, function: ir.Function, call: ir.Call, argument: ir.Arg, depth: int) -> bool:
        """Whether the function of the project that is called only shows what it is given, or gives that back."""
        name = self._taken_as(function, call, argument)
        if name is None or depth <= 0:
            return False
        body = _Body(self.shown, self.graph.project.module_of[function].path, function, self._is_off_at(call))
        body.names.add(name)
        return body.follows(body.named(name), depth - 1)

    def _is_plain_method(self, call: ir.Call) -> bool:
        """Whether a method is called of what was drawn, which is one of a row, a list or an array."""
        site = self.graph.events.calls.get(call)
        if ir.last_name(call.func) in _KEEPS:
            return False
        return site is None or (not site.targets and not site.classes)

    def _is_number(self, call: ir.Call) -> bool:
        """Whether a call makes one number of what was drawn, be it with other things where that leaves no gradient."""
        site = self.graph.events.calls.get(call)
        if site is not None and site.targets:
            return False
        if ir.last_name(call.func) in ("item", "float") and self._has_no_gradient(call):
            return True
        if ir.last_name(call.func) not in _NUMBERS:
            return False
        if any(arg.keyword or arg.star for arg in call.args) or len(call.args) > 1:
            return False
        return self._is_of_drawn(call.args[0].value if call.args else call.func)

    def _has_no_gradient(self, value: ir.Expr) -> bool:
        """Whether all that came from what was drawn into an expression was made where no gradients are recorded."""
        read = {part.id for part in ir.walk(value) if isinstance(part, ir.Name)} & self.names
        return bool(read) and read <= self._cut

    def _is_of_drawn(self, value: ir.Expr) -> bool:
        """Whether nothing but what was drawn, constants and what libraries have takes part in an expression."""
        edge: list[ir.Node] = [value]
        while edge:
            part = edge.pop()
            if part in self._starts:
                continue
            if isinstance(part, ir.Name) and part.id not in self.names - self._mixed and not self._is_constant(part):
                return False
            edge += ir.children(part)
        return True

    def _is_constant(self, name: ir.Name) -> bool:
        atoms = self.graph.events.value(name).atoms
        return bool(atoms) and all(isinstance(atom, (External, Literal)) for atom in atoms)

    def _is_container(self, name: ir.Name) -> bool:
        """Whether a name is that of a list, a set or a count, which keeps what it is given as it is."""
        atoms = self.graph.events.value(name).atoms
        return bool(atoms) and all(
            isinstance(atom, (Alloc, TupleOf)) or (isinstance(atom, Result) and atom.name.startswith("collections."))
            for atom in atoms
        )


def _is_text(node: ir.Node) -> bool:
    return isinstance(node, ir.Other) and node.kind not in ("Yield", "YieldFrom")


def _targets(node: ir.Node) -> list[ir.Expr]:
    if isinstance(node, ir.Assign):
        return node.targets
    if isinstance(node, (ir.Aug, ir.For, ir.Generator, ir.Walrus)):
        return [node.target]
    return [node.target] if isinstance(node, ir.WithItem) and node.target is not None else []


def _parts(target: ir.Expr) -> list[ir.Node]:
    """A target, and of several all."""
    if isinstance(target, ir.Seq):
        return [target, *(part for item in target.items for part in _parts(item))]
    return [target, *_parts(target.value)] if isinstance(target, ir.Star) else [target]
