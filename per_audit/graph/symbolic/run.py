"""The statements of one body, executed with terms: every branch, each loop's body once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.spreading import behind_a_star
from per_audit.graph.symbolic.expressions import Expressions
from per_audit.graph.symbolic.put import either, filled, put_by_key
from per_audit.graph.symbolic.repeated import Repeated
from per_audit.graph.symbolic.settled import is_settled
from per_audit.graph.symbolic.term import Term, alternatives, bounded, const, phi

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.symbols import Symbols

_AUGMENTED = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul"}
_HELD = {"collect", "tuple", "alloc", "filled", "phi", "object"}  # what a loop fills, rather than counts up


class Run(Expressions):
    """One body in execution. `terms` has the term of each expression, `assigned` what attributes were assigned."""

    def __init__(
        self,
        symbols: Symbols,
        function: ev.Owner,
        path: str,
        owner: ir.Class | None,
        outer: Expressions | None,
        depth: int = 0,
    ) -> None:
        self.symbols = symbols
        self.function = function
        self.path = path
        self.owner = owner
        self.outer = outer
        self.depth = depth
        self.env: dict[str, Term] = {}
        self.fields: dict[Term, Term] = {}
        self.terms: dict[ir.Node, Term] = {}
        self.assigned: dict[tuple[ir.Node, str], Term] = {}
        self.returns: list[Term] = []
        self.yields: list[Term] = []
        self.left: list[tuple[dict[str, Term], dict[Term, Term]]] = []  # where a loop was left early
        self.ended = False  # the statements so far always leave the body or the loop
        self.repeated = Repeated()
        self.settled: dict[str, Term] = {}  # the parameters that this call gives a constant which tests ask for

    # ---------------------------------------------------------------- parameters

    def bind_parameters(self, known: dict[str, Term]) -> None:
        """Give each parameter its term: what is known, else a parameter term."""
        function = self.function
        if function is None:
            return
        for position, parameter in enumerate(function.parameters):
            if position == 0 and self.owner is not None and self.symbols.takes_self(function):
                self.env[parameter.name] = Term("object", (), self.owner, parameter, self.path)
            else:
                unknown = Term("param", (), (function, parameter.name), parameter, self.path)
                given = self.env[parameter.name] = known.get(parameter.name, unknown)
                if is_settled(given):
                    self.settled[parameter.name] = given
            if parameter.default is not None and self.outer is not None:
                self.terms[parameter.default] = self.outer.eval(parameter.default)

    def bind_arguments(self, arguments: list[tuple[str | None, str, Term]]) -> None:
        """Bind the arguments of a call, and the defaults of what is not given."""
        function = self.function
        assert function is not None
        known = self.bound(function, arguments, skip=self.owner is not None and self.symbols.takes_self(function))
        if self.outer is not None:
            for parameter in function.parameters:
                if parameter.name not in known and parameter.default is not None:
                    known[parameter.name] = self.outer.eval(parameter.default)
        self.bind_parameters(known)

    def bound(
        self, function: ir.Function | ir.Lambda, arguments: list[tuple[str | None, str, Term]], skip: bool
    ) -> dict[str, Term]:
        """The parameters that the arguments of a call are for."""
        known: dict[str, Term] = {}
        parameters = function.parameters[1:] if skip else function.parameters
        positional = [p for p in parameters if not p.kind and not p.keyword_only]
        plain = [p.name for p in positional]
        rest: list[Term] = []
        place: int | None = 0  # None after a star of unknown length
        spread: Term | None = None
        for number, (keyword, star, term) in enumerate(arguments):
            if keyword is not None:
                known[keyword] = term
            elif star == "*" and term.op in ("tuple", "record"):
                for item in term.args:
                    if place is not None and place < len(plain):
                        known[plain[place]] = item
                        place += 1
            elif star == "*":
                left = positional[place:] if place is not None else []
                known |= {parameter.name: self.item(term, i) for i, parameter in enumerate(left)}
                known |= self._behind(known, left, list(behind_a_star(parameters, left, arguments[number + 1 :])))
                place = None
            elif star == "**":
                if term.op == "record" and isinstance(term.data, tuple):
                    known.update(zip(term.data, term.args, strict=True))
                else:  # it may give whatever has a default
                    spread = term
            elif place is not None and place < len(plain):
                known[plain[place]] = term
                place += 1
            else:
                rest.append(term)
        for parameter in parameters:
            if parameter.kind == "*":
                known[parameter.name] = Term("tuple", tuple(rest), None, parameter, self.path)
            elif spread is not None and parameter.default is not None and parameter.name not in known:
                known[parameter.name] = Term("item", (spread,), parameter.name, parameter, self.path)
        names = {p.name for p in parameters}
        return {name: term for name, term in known.items() if name in names}

    def _behind(
        self, known: dict[str, Term], left: list[ir.Parameter], given: list[tuple[str, Term]]
    ) -> dict[str, Term]:
        """What parameters are that arguments behind a star are for, or may be for; else they are what it holds."""
        certain = all(parameter.default is None for parameter in left)
        found: dict[str, Term] = {}
        for name, term in given:
            found[name] = term if certain else phi((found.get(name, known[name]), term))
        return found

    # ---------------------------------------------------------------- the body

    def execute(self) -> None:
        """Execute the body of the function, or of the file where there is none."""
        function = self.function
        if isinstance(function, ir.Lambda):
            self.returns.append(self.eval(function.body))
        elif function is not None:
            self.block(function.body)
        else:
            self.block(self.symbols.graph.module(self.path).body)

    def result(self) -> Term:
        """What the body returns."""
        if self.yields:
            return Term("collect", (phi(self.yields),), None, self.function, self.path)
        return phi(self.returns, self.function, self.path) if self.returns else const(None)

    def block(self, statements: list[ir.Stmt]) -> None:
        """Execute statements in order, up to one after which nothing follows."""
        for statement in statements:
            if self.ended:
                return
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                handler(self, statement)

    def _assign(self, node: ir.Assign) -> None:
        if node.value is None:
            return
        value = self.eval(node.value)
        for target in node.targets:
            self.assign(target, value, node)

    def assign(self, target: ir.Expr, value: Term, node: ir.Node) -> None:
        """Bind a term to a target."""
        if isinstance(target, ir.Name):
            self.env[target.id] = value
            self.terms[target] = value
        elif isinstance(target, ir.Attr):
            for place in self.places(target):
                self.fields[place] = value
            self.assigned[node, target.attr] = value
        elif isinstance(target, ir.Seq):
            stars = [i for i, item in enumerate(target.items) if isinstance(item, ir.Star)]
            for position, item in enumerate(target.items):
                if isinstance(item, ir.Star):
                    self.assign(item.value, Term("unknown", (), item, item, self.path), node)
                else:
                    after = position - len(target.items) if stars and position > stars[0] else position
                    self.assign(item, self.item(value, after, item, len(target.items)), node)
        elif isinstance(target, ir.Sub):
            self.eval(target.index)
            self._put(target, value)

    def _put(self, target: ir.Sub, value: Term) -> None:
        """`array[index] = value` of an array that a name holds: from now on it is filled with that as well."""
        self.eval(target.value)
        self.terms[target] = value
        holder = target.value
        while isinstance(holder, ir.Sub):
            holder = holder.value
        if isinstance(holder, ir.Name) and holder.id in self.env:
            before = self.env[holder.id]
            options = alternatives(before)
            if all(option.op == "record" and isinstance(option.data, tuple) for option in options):
                self.env[holder.id] = either([put_by_key(option, target, value, self.path) for option in options])
            elif before.op in ("alloc", "filled", "collect", "tuple"):
                self.env[holder.id] = bounded(Term("filled", filled(before, value), None, target, self.path))
            elif before.op not in ("param", "object", "field", "global"):
                self.env[holder.id] = phi(
                    (before, Term("filled", (before, value), None, target, self.path)), target, self.path
                )

    def _aug(self, node: ir.Aug) -> None:
        before, value = self.eval(node.target), self.eval(node.value)
        if node.op == "+" and before.op in ("collect", "tuple") and value.op in ("collect", "tuple"):
            self.assign(node.target, phi((before, value)), node)
            return
        made = self.binary(_AUGMENTED.get(node.op, "call"), before, value, node)
        if isinstance(node.target, ir.Sub):
            self._put(node.target, made)
        else:
            self.assign(node.target, made, node)

    def _return(self, node: ir.Return) -> None:
        self.returns.append(const(None) if node.value is None else self.eval(node.value))
        self.ended = True

    def _raise(self, node: ir.Raise) -> None:
        if node.value is not None:
            self.eval(node.value)
        self.ended = True

    def _jump(self, node: ir.Jump) -> None:
        self.ended = node.kind != "pass"
        if self.ended:
            self.left.append((dict(self.env), dict(self.fields)))

    # ---------------------------------------------------------------- branches and loops

    def _branches(self, blocks: list[list[ir.Stmt]], test: Term | None = None) -> None:
        """Execute each block on its own; what they bind differently has alternatives.

        Of two blocks the first is executed where the test holds.
        """
        env, fields = self.env, self.fields
        ends: list[tuple[dict[str, Term], dict[Term, Term]]] = []
        for place, block in enumerate(blocks):
            self.env = dict(env) if test is None else self.repeated.refined(test, env, holds=place == 0)
            self.fields, self.ended = dict(fields), False
            self.block(block)
            if not self.ended:
                ends.append((self.env, self.fields))
        self.ended = not ends
        if ends:
            self.env = _merged([end[0] for end in ends])
            self.fields = _merged([end[1] for end in ends])
            if test is not None and len(ends) == 2:
                self.repeated.note(test, ends[0][0], ends[1][0], self.env)
        else:
            self.env, self.fields = env, fields

    def _if(self, node: ir.If) -> None:
        test = self.eval(node.test)
        truth = self.outcome(node.test)
        if truth is not None:
            self.block(node.body if truth else node.orelse)
            return
        chosen = test.first("mass")
        before = dict(self.env)
        self._branches([node.body, node.orelse], test)
        if chosen is not None:
            for name, value in self.env.items():
                if before.get(name) is not value and not value.has("mass", "found"):
                    self.env[name] = bounded(Term("found", (value,), chosen.data, value.node, value.path))

    def _loop(self, node: ir.For | ir.While) -> None:
        env, fields = dict(self.env), dict(self.fields)
        names, attributes = self.symbols.loops.bound_in(node)
        for name in names & env.keys():
            self.env[name] = self._changing(env[name], node, name)
        for place, before in fields.items():
            if place.data[1] in attributes:
                self.fields[place] = self._changing(before, node, place)
        outer, self.left = self.left, []
        self.block(node.body)
        ends = [(env, fields), *self.left]
        if not self.ended:
            ends.append((self.env, self.fields))
        self.left, self.ended = outer, False
        self._choose([end[0] for end in ends[1:]], node)
        self.env = _merged([end[0] for end in ends])
        self.fields = _merged([end[1] for end in ends])
        self.block(node.orelse)

    def _changing(self, before: Term, loop: ir.Node, what: str | Term) -> Term:
        """What a name or a field that a loop changes is in it."""
        if before.op in _HELD:
            return before
        return bounded(Term("loop", (before,), (loop, what), loop, self.path))

    def _choose(self, ends: list[dict[str, Term]], node: ir.Node) -> None:
        """A name that a random number changes in a loop is chosen by it in later iterations as well."""
        chosen: dict[tuple[ir.Node, str], ir.Node] = {}
        for env in ends:
            for name, value in env.items():
                source = value.first("found")
                if source is not None and value.op != "mass":
                    chosen[node, name] = source.data
        if not chosen:
            return

        def change(part: Term) -> Term | None:
            if part.op == "found":
                return part
            if part.op == "loop" and part.data in chosen:
                return Term("found", (part,), chosen[part.data], part.node, part.path)
            return None

        for env in ends:
            for name, value in env.items():
                if value.has("loop"):
                    env[name] = value.mapped(change)
        self.returns = [value.mapped(change) if value.has("loop") else value for value in self.returns]

    def _for(self, node: ir.For) -> None:
        one = self.element(self.eval(node.iter), node.target)
        if isinstance(node.target, ir.Seq) and isinstance(node.iter, ir.Call) and self.symbols.loops.asks_by_name(node):
            one = self.unknown(node.target)  # at each turn another attribute and what it is set to
        self.assign(node.target, one, node)
        self._loop(node)

    def _while(self, node: ir.While) -> None:
        self.eval(node.test)
        self._loop(node)

    def _with(self, node: ir.With) -> None:
        for item in node.items:
            value = self.eval(item.value)
            if item.target is not None:
                self.assign(item.target, value, node)
        self.block(node.body)

    def _try(self, node: ir.Try) -> None:
        self._branches([[*node.body, *node.orelse], *node.handlers])
        ended, self.ended = self.ended, False
        self.block(node.final)
        self.ended = self.ended or ended

    def _match(self, node: ir.Match) -> None:
        self.eval(node.subject)
        self._branches([[], *node.cases])

    def _do(self, node: ir.Do) -> None:
        self.eval(node.value)

    def _assert(self, node: ir.Assert) -> None:
        self.eval(node.test)

    def _delete(self, node: ir.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ir.Name):
                self.env.pop(target.id, None)

    def _function(self, node: ir.Function) -> None:
        self.env[node.name] = Term("function", (), node, node, self.path)


def _merged(environments: list[dict[Any, Term]]) -> dict[Any, Term]:
    first, *others = environments
    if not others:
        return first
    result: dict[Any, Term] = {}
    for name in dict.fromkeys(key for environment in environments for key in environment):
        found = [environment[name] for environment in environments if name in environment]
        missing = len(found) < len(environments) and isinstance(name, Term)
        if not missing and all(value is found[0] for value in found):
            result[name] = found[0]  # no other term: what tests said of it holds of it still
        else:
            result[name] = either([*found, name] if missing else found)
    return result


_STATEMENTS: dict[type[ir.Stmt], Callable[[Run, Any], None]] = {
    ir.Assign: Run._assign,
    ir.Aug: Run._aug,
    ir.Return: Run._return,
    ir.Raise: Run._raise,
    ir.Jump: Run._jump,
    ir.If: Run._if,
    ir.For: Run._for,
    ir.While: Run._while,
    ir.With: Run._with,
    ir.Try: Run._try,
    ir.Match: Run._match,
    ir.Do: Run._do,
    ir.Assert: Run._assert,
    ir.Delete: Run._delete,
    ir.Function: Run._function,
}
