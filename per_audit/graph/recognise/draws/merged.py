"""Draws that are of one buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayBuffer


def merged(buffers: list[ReplayBuffer]) -> list[ReplayBuffer]:
    """Draws that one function makes from the same containers are one buffer."""
    found: list[ReplayBuffer] = []
    for buffer in buffers:
        for known in found:
            same = known.function is buffer.function and known.path == buffer.path
            if same and (known.containers & buffer.containers or not buffer.containers):
                known.draws += [node for node in buffer.draws if node not in known.draws]
                known.sources |= buffer.sources
                new = buffer.containers - known.containers
                known.stores += [s for s in buffer.stores if s.container in new]
                known.evictions += [e for e in buffer.evictions if e.container in new]
                known.containers |= new
                known.fresh |= buffer.fresh
                known.roles |= buffer.roles
                break
        else:
            found.append(buffer)
    for buffer in found:
        buffer.draws.sort(key=lambda node: node.start)
    return found
