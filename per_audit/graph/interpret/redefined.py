"""Classes and functions that a module defines again under the same name, as the cells of a notebook do.

What the module has called before saw the first of them, also where it is interpreted once more after the module's end.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.facts import ModuleFacts
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.reruns import Reruns
    from per_audit.graph.interpret.values import Value


class Redefined:
    """The names that modules define more than once, and what functions met under them while their module ran."""

    def __init__(self, reruns: Reruns[Any]) -> None:
        self._reruns = reruns
        self._names: dict[str, frozenset[str]] = {}  # by module
        self._running: set[str] = set()
        self._met: dict[tuple[str, ir.Node, str], Value] = {}

    @contextmanager
    def running(self, module: ModuleFacts) -> Iterator[None]:
        """While the statements of a module are run."""
        if module.path not in self._names:
            counts = Counter(node.name for node in module.body if isinstance(node, (ir.Class, ir.Function)))
            self._names[module.path] = frozenset(name for name, count in counts.items() if count > 1)
        self._running.add(module.path)
        try:
            yield
        finally:
            self._running.discard(module.path)

    def bind(self, name: str, value: Value, frame: Frame) -> None:
        """A name is bound in a frame: what is called from here on meets another definition than before."""
        path = frame.module.path
        if frame.is_of_module and name in self._names.get(path, ()) and frame.env.get(name) != value:
            self._reruns.touch(("global", path, name))

    def met(self, name: str, value: Value, frame: Frame) -> Value:
        """What a function means by a name of its module, which has the given value now."""
        path, function = frame.module.path, frame.function
        if function is None or name not in self._names.get(path, ()):
            return value
        key = (path, function, name)
        self._reruns.note_read(key)
        known = self._met.get(key)
        if path not in self._running:
            return value if known is None else known
        joined = value if known is None else known.join(value)
        if joined != known:
            self._met[key] = joined
            self._reruns.touch(key)
        return value
