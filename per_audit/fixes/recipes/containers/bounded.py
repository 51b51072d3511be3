"""How many transitions a container keeps, and by which code: the prioritised buffer makes that code superfluous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.containers import classwide
from per_audit.fixes.recipes.containers.remade import is_empty
from per_audit.fixes.recipes.settled import changed, is_parameter, is_settled, root_of, targets

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc

_EMPTIED = {"clear", "reset"}
_REVERSED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


class Bounded:
    """The bound of one container: `capacity`, as text where the container is made, and the statements that keep it."""

    def __init__(self, draft: Draft, buffer: ReplayBuffer, container: Alloc) -> None:
        self.draft = draft
        self.name = draft.graph.name_of(buffer)
        self.path = draft.path_of(container.node)
        self.container = container
        self.stores = [store for store in buffer.stores if store.container == container]
        self.statements: list[ir.Stmt] = []
        self.home: classwide.Home | None = None  # where the buffer is made, if not where the container is
        self.more = ""  # behind the limit: the oldest is taken out late, when one more than that is kept
        self.capacity = self._declared() or self._kept()

    def covers(self, node: ir.Node) -> bool:
        """Whether a node is part of the code that kept the bound and is rewritten."""
        return any(statement.start <= node.start and node.end <= statement.end for statement in self.statements)

    def _declared(self) -> str | None:
        """`maxlen` of a deque."""
        made = self.container.node
        if self.container.kind != "deque" or not isinstance(made, ir.Call):
            return None
        capacity = made.argument(1, "maxlen")
        is_given = capacity is not None and not (isinstance(capacity, ir.Const) and capacity.value is None)
        return self.draft.text(self.path, capacity) if is_given and capacity is not None else None

    # ---------------------------------------------------------------- code that bounds

    def _kept(self) -> str:
        """The capacity that code beside the stores keeps to; that code is edited away."""
        made = self.container.node
        if self.container.kind not in ("list", "deque") or not is_empty(made):
            raise Refused(f"{self.name} keeps its transitions in a {self.container.kind} that is not empty at first")
        appends = [store for store in self.stores if store.how == "append"]
        if len({store.function for store in self.stores}) != 1 or len(appends) not in (1, 2):
            raise self._no_bound()
        append = appends[0]
        statement = self.draft.graph.statement(append.path, append.node)
        around = self.draft.graph.parents(append.path).get(statement)
        written = [store for store in self.stores if store.how == "index"]
        if len(appends) == len(self.stores) == 2 and isinstance(around, ir.If):
            limit = self._in_both_branches(around, appends)
        elif len(written) == 1 and len(self.stores) == 2 and isinstance(around, ir.If):
            limit = self._overwritten(around, append, written[0])
        elif len(self.stores) == 1:
            limit = self._evicted(statement, append)
        else:
            raise self._no_bound()
        return self._whole(limit, self._where_made(limit, append)) + self.more

    def _no_bound(self) -> Refused:
        where = self.draft.where(self.path, self.container.node)
        evictions = self.draft.graph.events.evictions.items()
        taken = {each.how for (_, container), each in evictions if container == self.container}
        if taken <= _EMPTIED and all(store.how == "append" for store in self.stores):
            kind = self.container.kind
            return Refused(f"nothing bounds the {kind} made at {where}: how many it keeps is for you to say")
        if self.container.kind == "deque":
            return Refused(f"the deque made at {where} has no maxlen, and no code that bounds it was understood")
        return Refused(f"how the list made at {where} is bounded was not understood")

    def _overwritten(self, test: ir.If, append: ev.Store, written: ev.Store) -> ir.Expr:
        """A ring: appended to below the capacity, written at a moving position from then on."""
        block = self.draft.block(append.path, test)
        assignment = self.draft.graph.statement(written.path, written.node)
        added = append.expression
        if not isinstance(assignment, ir.Assign) or len(assignment.targets) != 1 or assignment.value is None:
            raise self._no_bound()
        target = assignment.targets[0]
        if not isinstance(target, ir.Sub):
            raise self._no_bound()
        handle = self.draft.text(append.path, target.value)
        length = f"len({handle})"
        limit = self._limit(append.path, test.test, length, ("<",))
        is_none = isinstance(added, ir.Const) and added.value is None
        is_written_over = added is not None and self.draft.text(append.path, added) == self.draft.text(
            append.path, assignment.value
        )
        is_filler = (is_none or is_written_over) and not test.orelse and len(test.body) == 1
        if is_filler and limit is not None and assignment in block and block.index(assignment) > block.index(test):
            self.draft.remove(append.path, test, "the buffer is bounded by itself")
            item = self.draft.text(append.path, assignment.value)
            if isinstance(assignment.value, ir.Seq) and assignment.value.kind == "tuple":
                item = f"({item})"  # its own parentheses do not belong to it
            self.draft.replace(
                append.path, assignment.start, assignment.end, f"{handle}.append({item})", "the oldest gives way"
            )
            self.statements += [test, assignment]
            return limit
        here, there = self.draft.graph.statement(append.path, append.node), assignment
        is_pair = test.body[:1] + test.orelse[:1] in ([here, there], [there, here])
        moves = [*test.body[1:], *test.orelse[1:]]
        if not is_pair or added is None or not self._only_moves(moves, written):
            raise self._no_bound()
        if self.draft.text(append.path, added) != self.draft.text(append.path, assignment.value):
            raise self._no_bound()
        if limit is None or here not in test.body:
            limit = self._limit(append.path, test.test, length, (">=", "==")) if here in test.orelse else None
        limit = limit if limit is not None else self._modulus(written)
        if limit is None:
            raise self._no_bound()
        self.draft.replace(
            append.path, test.start, test.end, self.draft.text(append.path, here), "the oldest gives way by itself"
        )
        self.statements.append(test)
        return limit

    def _only_moves(self, statements: list[ir.Stmt], written: ev.Store) -> bool:
        """Whether statements do nothing but move the position of the ring, which nothing else reads."""
        if not statements:
            return True
        index, path = written.index, written.path
        while isinstance(index, ir.Call) and len(index.args) == 1 and getattr(index.func, "id", "") == "int":
            index = index.args[0].value
        if not isinstance(index, ir.Attr):
            return False
        inside = [self.draft.graph.statement(path, written.node), *statements]
        for node, owner in ((n, p) for p, m in self.draft.graph.project.modules.items() for n in ir.walk(*m.body)):
            if not isinstance(node, ir.Attr) or node.attr != index.attr:
                continue
            around = self.draft.graph.parents(owner).get(node)
            is_start = isinstance(around, ir.Assign) and node in around.targets
            if not is_start and not (owner == path and any(s.start <= node.start < s.end for s in inside)):
                return False
        pointer = self.draft.text(path, index)
        return all(
            self.draft.text(path, target) == pointer
            for node in statements
            for target in (targets(node) or [index.value])
        )

    def _in_both_branches(self, test: ir.If, appends: list[ev.Store]) -> ir.Expr:
        """Appended to either way, and the oldest taken out first where a test says that it is full."""
        path = appends[0].path
        first, second = (self.draft.graph.statement(path, append.node) for append in appends)
        taken = self._taken(appends[0])
        handle = self._first_of(taken)
        growing, full = (test.orelse, test.body) if taken in test.body else (test.body, test.orelse)
        is_either_way = {first, second} & set(growing) and {first, second} & set(full)
        if handle is None or taken not in full or not is_either_way:
            raise self._no_bound()
        moves = [each for each in growing if each not in (first, second)]
        lengths = [f"len({self.draft.text(path, handle)})", *self._counters(path, moves)]
        operators = ("<",) if growing is test.body else (">=", "==")
        limit = next((n for each in lengths if (n := self._limit(path, test.test, each, operators))), None)
        is_same = self.draft.text(path, first) == self.draft.text(path, second)
        if limit is None or not is_same or len(full) != 2:
            raise self._no_bound()
        if moves:
            self.draft.remove(path, taken, "the oldest gives way by itself")
            self.statements.append(taken)
            return limit
        new = self.draft.text(path, first)
        self.draft.replace(path, test.start, test.end, new, "the oldest gives way by itself")
        self.statements.append(test)
        return limit

    def _counters(self, path: str, moves: list[ir.Stmt]) -> list[str]:
        """The attribute that counts how many there are: raised by one with each that is added, else set to 0."""
        (move,) = moves if len(moves) == 1 else (None,)
        if not isinstance(move, ir.Aug) or move.op != "+" or not isinstance(move.target, ir.Attr):
            return []
        if not isinstance(move.value, ir.Const) or move.value.value != 1:
            return []
        for node in (node for module in self.draft.graph.project.modules.values() for node in ir.walk(*module.body)):
            is_zero = isinstance(node, ir.Assign) and isinstance(node.value, ir.Const) and node.value.value == 0
            written = {each.attr for each in targets(node) if isinstance(each, ir.Attr)}
            if node is not move and not is_zero and move.target.attr in written:
                return []
        return [self.draft.text(path, move.target)]

    def _taken(self, append: ev.Store) -> ir.Stmt:
        """The only statement that takes something out of the container, beside those that empty it."""
        found = [
            e
            for (_, container), e in self.draft.graph.events.evictions.items()
            if container == self.container and e.how not in _EMPTIED
        ]
        if len(found) != 1 or found[0].function is not append.function:
            raise self._no_bound()
        return self.draft.graph.statement(append.path, found[0].node)

    def _evicted(self, statement: ir.Stmt, append: ev.Store) -> ir.Expr:
        """Appended to, and the oldest taken out by a test of the length before or behind."""
        block = self.draft.block(append.path, statement)
        taken = self._taken(append)
        test = self.draft.graph.parents(append.path).get(taken)
        if not isinstance(test, (ir.If, ir.While)) or test.orelse or test.body != [taken] or test not in block:
            raise self._no_bound()
        handle = self._first_of(taken)
        if handle is None:
            raise self._no_bound()
        is_behind = block.index(test) > block.index(statement)
        length = f"len({self.draft.text(append.path, handle)})"
        limit = self._limit(append.path, test.test, length, (">",) if is_behind else (">=", "=="))
        if limit is None:
            limit = self._limit(append.path, test.test, length, (">=", "==") if is_behind else (">",))
            self.more = " - 1" if is_behind else " + 1"
        if limit is None:
            raise self._no_bound()
        self.draft.remove(append.path, test, "the buffer is bounded by itself")
        self.statements.append(test)
        return limit

    @staticmethod
    def _first_of(statement: ir.Stmt) -> ir.Expr | None:
        """The container whose first item a statement removes."""
        if isinstance(statement, ir.Do) and isinstance(call := statement.value, ir.Call):
            func = call.func
            if isinstance(func, ir.Attr) and func.attr == "popleft" and not call.args:
                return func.value
            first = call.argument(0)
            if isinstance(func, ir.Attr) and func.attr == "pop" and isinstance(first, ir.Const) and first.value == 0:
                return func.value
        if isinstance(statement, ir.Delete) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ir.Sub) and isinstance(target.index, ir.Const) and target.index.value == 0:
                return target.value
        return None

    def _limit(self, path: str, test: ir.Expr, length: str, operators: tuple[str, ...]) -> ir.Expr | None:
        """`n` of `length < n`, however the comparison is turned."""
        if not isinstance(test, ir.Cmp) or len(test.ops) != 1:
            return None
        if self.draft.text(path, test.left) == length and test.ops[0] in operators:
            return test.rights[0]
        if self.draft.text(path, test.rights[0]) == length and _REVERSED.get(test.ops[0]) in operators:
            return test.left
        return None

    def _modulus(self, written: ev.Store) -> ir.Expr | None:
        """`n` of `position = (position + 1) % n`, the position being where the ring is written."""
        function = written.function
        if written.index is None or not isinstance(function, ir.Function):
            return None
        pointer = self.draft.text(written.path, written.index)
        for node in ir.walk_scope(function.body):
            if isinstance(node, ir.Assign) and self.draft.text(written.path, node.targets[0]) == pointer:
                return node.value.right if isinstance(node.value, ir.Bin) and node.value.op == "%" else None
        return None

    # ---------------------------------------------------------------- the capacity where it is needed

    def _where_made(self, limit: ir.Expr, append: ev.Store) -> str:
        """The capacity as it can be written where the container is made."""
        made, text = self.container.node, self.draft.text(append.path, limit)
        outer = [a for a in self.draft.graph.ancestors(self.path, made) if isinstance(a, ir.Function)]
        same_scope = append.function is (outer[0] if outer else None)
        if append.path == self.path:
            if isinstance(limit, ir.Const):
                return text
            if isinstance(limit, ir.Name) and (same_scope or self._is_global(limit, append)):
                return text
            if isinstance(limit, ir.Attr) and isinstance(limit.value, ir.Name) and outer:
                known = self._attribute(outer[0], text)
                if known is not None:
                    return known
            if isinstance(limit, ir.Attr) and outer and same_scope and self._is_of_parameter(outer[0], limit):
                return text
            if isinstance(limit, ir.Attr) and not outer:
                self.home = classwide.home(self.draft, self.path, self.container, text)
                if self.home is not None:
                    return text
        raise Refused(f"the capacity {text} of {self.name} is not known where its {self.container.kind} is made")

    def _is_of_parameter(self, function: ir.Function, limit: ir.Attr) -> bool:
        """Whether the capacity is a field of what a function was given, such as `options.size`, and stays so."""
        text, root = self.draft.text(self.path, limit), limit.value
        assigned = [self.draft.text(self.path, t) for n in ir.walk_scope(function.body) for t in targets(n)]
        is_given = isinstance(root, ir.Name) and root.id in {p.name for p in function.parameters}
        return is_given and not {text, self.draft.text(self.path, root)} & set(assigned)

    def _whole(self, limit: ir.Expr, text: str) -> str:
        """The capacity as a whole number, which code that compares lengths with `1e6` does not ask for."""
        graph, draft = self.draft.graph, self.draft
        outer = next((a for a in graph.ancestors(self.path, self.container.node) if isinstance(a, ir.Function)), None)
        body = outer.body if outer is not None else graph.module(self.path).body
        assigned = (node for node in ir.walk_scope(body) if isinstance(node, ir.Assign) and node.value is not None)
        given: list[ir.Expr | None] = [limit]
        given += [node.value for node in assigned if any(draft.text(self.path, t) == text for t in node.targets)]
        names = {node.id for node in given if isinstance(node, ir.Name)} | {text}
        for position, parameter in enumerate(outer.parameters if outer is not None else ()):
            if parameter.name in names:
                is_bound = outer in graph.project.class_of
                sites = graph.callers.get(outer, [])
                given += [site.node.argument(position - is_bound, parameter.name) for site in sites]
                given.append(parameter.default)
        is_float = any(
            isinstance(node.value if isinstance(node, ir.Const) else graph.events.value(node).literal(), float)
            for node in given
            if node is not None
        )
        return f"int({text})" if is_float else text

    def _is_global(self, name: ir.Name, append: ev.Store) -> bool:
        function = append.function
        if not isinstance(function, ir.Function):
            return True
        return not is_parameter(function, name.id) and name.id not in changed(ir.walk(*function.body))

    def _attribute(self, function: ir.Function, text: str) -> str | None:
        """`self.capacity`, or what it is set to where that comes later."""
        made = self.container.node
        values = [
            node
            for node in ir.walk_scope(function.body)
            if isinstance(node, ir.Assign) and node.value is not None
            if any(self.draft.text(self.path, target) == text for target in node.targets)
        ]
        if len(values) != 1:
            return None
        (node,) = values
        if node.end <= made.start:
            return text
        value = node.value
        is_known = value is not None and self._is_known_before(function, node, value)
        return self.draft.text(self.path, value) if is_known and value is not None else None

    def _is_known_before(self, function: ir.Function, later: ir.Assign, value: ir.Expr) -> bool:
        """Whether what is assigned later is the same at the container: a constant, an argument, a global, a field."""
        root, start = root_of(value), self.container.node.start
        is_own = function in self.draft.graph.project.class_of and root in [p.name for p in function.parameters[:1]]
        if is_own or isinstance(value, ir.Sub) or not is_settled(self.draft, function, value, start, later.start):
            return False
        if isinstance(value, ir.Const) or (isinstance(value, ir.Name) and is_parameter(function, value.id)):
            return True
        # What may not exist is only asked for where it was asked for before.
        made = self.draft.graph.statement(self.path, self.container.node)
        return later in self.draft.block(self.path, made)
