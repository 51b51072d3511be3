"""Which methods of other people's buffers add, draw and update, by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Names in the order in which they are tried, and a pattern for what is named otherwise."""

    known: tuple[str, ...]
    pattern: re.Pattern[str]

    def include(self, name: str) -> bool:
        """Whether a method is of this kind."""
        return name in self.known or bool(self.pattern.search(name))


ADD = Names(
    (
        "add",
        "push",
        "append",
        "store",
        "remember",
        "insert",
        "put",
        "save_transition",
        "add_experience",
        "add_transition",
        "store_transition",
        "push_transition",
        "store_experience",
        "add_sample",
        "save",
        "record",
        "memorize",
        "memorise",
        "cache",
        "observe",
        "write",
        "enqueue",
        "feed",
    ),
    re.compile(r"^(add|push|append|store|remember|insert|put|save|record|memori|cache)"),
)
DRAW = Names(
    (
        "sample",
        "draw",
        "draw_samples",
        "sample_batch",
        "get_batch",
        "sample_buffer",
        "sample_memory",
        "get_sample",
        "get_samples",
        "sample_experience",
        "sample_experiences",
        "sample_transitions",
        "sample_minibatch",
        "next_batch",
        "batch",
        "recall",
        "replay",
        "get_experiences",
    ),
    re.compile(r"^(sample|draw|get_.*(batch|sample)|fetch)"),
)
UPDATE = Names(
    (
        "update_priorities",
        "update_priority",
        "batch_update",
        "update_batch",
        "set_priorities",
        "set_priority",
        "priority_update",
        "priorities_update",
        "update_td_errors",
        "update_td_error",
        "update_errors",
        "update_weights",
        "update_tree",
        "update_prios",
        "update",
    ),
    re.compile(r"^(batch_)?(update|set)_.*(prio|td|error|weight)|prio.*update|update.*prio"),
)


def found_in(cls: type, names: Names) -> list[str]:
    """The public methods of a class of this kind, the likeliest first."""
    public = [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name, None))]
    return [name for name in names.known if name in public] + [
        name for name in public if name not in names.known and names.pattern.search(name)
    ]
