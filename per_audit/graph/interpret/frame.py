"""The execution of one body: its names and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.facts import ModuleFacts
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Instance, Value


ALL = "*"  # in place of a name of a module: all that it has


@dataclass(slots=True)
class Frame:
    """The execution of one function body (or of a module or class body, or a comprehension)."""

    module: ModuleFacts
    function: ev.Owner
    owner: Instance | None
    env: dict[str, Value]
    parent: Frame | None = None
    depth: int = 0
    globals: set[str] = field(default_factory=set)
    returned: Value | None = None
    comprehension: bool = False

    @property
    def is_of_module(self) -> bool:
        """Whether the statements of a module itself are executed."""
        return self.function is None and self.parent is None

    def found(self, name: str) -> Value | None:
        """What a name is bound to in this frame or around it."""
        here: Frame | None = self
        while here is not None:
            if name in here.env and name not in here.globals:
                return here.env[name]
            here = here.parent
        return None
