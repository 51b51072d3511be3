"""Lists of what is trained: the networks of several agents, the optimisers of each. Nothing is drawn from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.values import Instance, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Atom
    from per_audit.graph.model import ReplayGraph

_NETWORKS = ("nn.Module", "nn.module.Module", "keras.Model", "keras.Sequential", "keras.models.Model")
_MADE = ("torch.nn.", "torch.optim.", "tensorflow.keras.optimizers.", "keras.optimizers.", "tensorflow.keras.models.",
         "keras.models.", "tensorflow.train.")  # fmt: skip


def holds_trained(graph: ReplayGraph, stores: Sequence[ev.Store]) -> bool:
    """Whether all that is put into a container are networks and optimisers."""
    return bool(stores) and all(
        store.value.atoms and all(_is_trained(graph, atom) for atom in store.value.atoms) for store in stores
    )


def _is_trained(graph: ReplayGraph, atom: Atom) -> bool:
    if isinstance(atom, Instance):
        return any(base.endswith(_NETWORKS) for base in graph.classes.external_bases(atom.node))
    return isinstance(atom, Result) and atom.name.startswith(_MADE)
