"""What names hold: places in arrays, which assignments change under all names, and values that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

WHOLE, ARRAY, COPY = "whole", "array", "copy"
Key: TypeAlias = "Hashable"
Path: TypeAlias = "tuple[Hashable, ...]"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that stays as it is, equal where the keys are.

    `kind`: WHOLE for a whole number, ARRAY for positions, COPY for what has the key itself as its content.
    """

    key: Key
    kind: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A place in an array: which array, and the subscripts that lead there.

    `tensor`: a place in a tensor of PyTorch, of which a single number is a place as well. `plain`: all subscripts are
    whole numbers and slices, so that what is assigned to the place is assigned to the array; others make copies.
    """

    root: Key
    path: Path = ()
    tensor: bool = False
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """Several values side by side."""

    items: tuple[Value, ...]

    @property
    def count(self) -> int:
        """How many they are, and the parts of parts are."""
        return sum(1 + (item.count if isinstance(item, Parts) else 0) for item in self.items)


Value: TypeAlias = "Fixed | View | Parts"


@dataclass(frozen=True, slots=True)
class Edit:
    """An assignment into an array.

    `besides`: the test on which it depends whether the difference that is told with it is 0; `is_where`, it is so where
    that is true.
    """

    node: ir.Node
    path: str
    besides: ir.If | None = None
    is_where: bool = False


@dataclass(slots=True)
class Shared:
    """What is one for a body and for all that it calls: how many statements are left to be gone through, and the keys.

    `depths`: of each array, how many subscripts it surely has. `ways`: of what is at a place after a test, what it
    is after each of its branches, with what made it so. `put`: what was put at a part of what an array is.
    """

    left: int
    depths: dict[Key, int] = field(default_factory=dict)
    ways: dict[Key, dict[Key, Edit]] = field(default_factory=dict)
    put: dict[Key, Key] = field(default_factory=dict)
    _numbers: dict[Path, int] = field(default_factory=dict)

    def key(self, *parts: Key) -> Key:
        """A number that stands for the parts of a key: what is made of it is no deeper and no larger than itself."""
        return self._numbers.setdefault(parts, len(self._numbers))

    def part(self, whole: Key, path: Path) -> Key:
        """What is at a place in something."""
        for step in path:
            whole = self.key("part", whole, step)
        return self.put.get(whole, whole)


@dataclass(slots=True)
class State:
    """What is known at one point of a body: what names hold, and what was put last at which places."""

    shared: Shared
    names: dict[str, Value] = field(default_factory=dict)
    written: dict[Key, dict[Path, Key]] = field(default_factory=dict)
    turns: dict[Key, Key] = field(default_factory=dict)  # other after each change of an array
    edits: dict[Key, Edit] = field(default_factory=dict)

    def copy(self) -> State:
        """The state, to go on with apart."""
        written = {root: dict(places) for root, places in self.written.items()}
        return State(self.shared, dict(self.names), written, dict(self.turns), dict(self.edits))

    def content(self, value: Value) -> Key:
        """What a value is now: equal for two values where they are surely the same numbers."""
        if isinstance(value, Parts):
            return self.shared.key("parts", *map(self.content, value.items))
        if isinstance(value, Fixed):
            return value.key if value.kind == COPY else self.shared.key("fixed", value.key)
        known = self.written.get(value.root, {})
        if value.path in known:
            return known[value.path]
        whole = known[()] if () in known else self.shared.key("content", value.root, self.turns.get(value.root))
        return self.shared.part(whole, value.path)

    def put(self, place: View, content: Key, edit: Edit) -> None:
        """Put something at a place; of what lies beside nothing is known from then on, it may be the same place."""
        self.change(place.root, edit.node)
        self.shared.put[self.content(place)] = content
        self.written[place.root] = {place.path: content}
        self.edits[place.root] = edit

    def change(self, root: Key, by: Key) -> None:
        """Forget what an array holds."""
        self.written.pop(root, None)
        self.turns[root] = self.shared.key("changed", by, self.turns.get(root))


def merged(states: Iterable[State], node: ir.Node) -> State:
    """What is known where several ways come together at a node: what they have in common."""
    first, *others = states
    if not others:
        return first
    result = State(first.shared)
    every = [first, *others]
    for name in dict.fromkeys(name for state in every for name in state.names):
        found = {state.names.get(name) for state in every}
        only = found.pop() if len(found) == 1 else None
        result.names[name] = View((node, name)) if only is None else only
    for root in dict.fromkeys(root for state in every for root in state.written):
        places = [state.written.get(root, {}) for state in every]
        both = [path for path in places[0] if all(path in each for each in places)]
        result.written[root] = {
            path: places[0][path] if len({each[path] for each in places}) == 1 else (node, root, path) for path in both
        }
        if isinstance(node, ir.If) and len(every) == 2:
            for path in both:
                first.shared.ways[node, root, path] = {
                    state.written[root][path]: replace(state.edits[root], besides=node, is_where=state is first)
                    for state in every
                    if root in state.edits
                }
    for root in dict.fromkeys(root for state in every for root in state.turns):
        turns = {state.turns.get(root) for state in every}
        result.turns[root] = turns.pop() if len(turns) == 1 else (node, root)
    for state in every:
        result.edits |= state.edits
    return result
