"""How many transitions a memory comes to hold: as many as there is room for, and no more than a run stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.memory.stored import spelled, stored_at_most
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from per_audit.graph.memory.capacity import Capacity
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.symbolic import Term

SMALL = 10_000
"""The transitions that cost little to go through."""

UNKNOWN_COUNT = "; how many there are cannot be read here, up to 10,000 cost little"
UNSEEN_COUNT = "; how many there are stands in a file that cannot be parsed, up to 10,000 cost little"
"""What is said where the number is not known."""


@dataclass(frozen=True, slots=True)
class Held:
    """The number that a memory comes to hold `most`, None where it is not known or may be small.

    `is_counted` says that a run stores no more, where there may be room for them; `is_default` that whoever starts the
    program, or a file that it reads, may say another number.
    """

    most: int | None
    is_counted: bool = False
    is_default: bool = False

    @property
    def is_small(self) -> bool:
        """Whether the program counts out so few that they cost little."""
        return self.is_counted and (self.most or 0) <= SMALL

    def __str__(self) -> str:
        """The number for people."""
        if self.most is None or self.is_counted:
            return "" if self.most is None else spelled(self.most)
        return f"{self.most:,}{' unless told otherwise' if self.is_default else ''}"


def held(graph: ReplayGraph, buffer: ReplayBuffer, room: Capacity, grows: bool = True, few: int = SMALL) -> Held | None:
    """How many of what there is so much room for are gone through; None where the room is for a `few`.

    What does not grow with what is stored, an array that is gone through as a whole, is as long as it is made.
    """
    if room.usual is not None and room.usual <= few:
        return None
    most = room.largest if room.largest is not None and room.largest > few else None
    stored = stored_at_most(graph, buffer) if grows else None
    if stored is not None and stored < (most or stored + 1):
        return Held(stored, is_counted=True)
    return Held(most, is_default=room.by_default)


def grows(anatomy: Anatomy, term: Term) -> bool:
    """Whether a term is made of as many priorities as are held: the beginning of an array, or a list that grows."""
    if any(part.op == "slice" and not strip(part.args[1]).data for part in term.walk()):
        return True
    made = [alloc for part in term.walk() if part in anatomy.containers for alloc in anatomy.allocs(part)]
    lists = [alloc for alloc in made if alloc.kind in ("list", "deque")]
    return bool(made) and lists == made and not any(isinstance(alloc.node, (ir.Bin, ir.Comp)) for alloc in made)
