"""Values by the place that they are kept at: two names of one array are one place, and a copy is a place of its own."""

from per_audit.graph.storage.values import Edit
from per_audit.graph.storage.walk import Differences

__all__ = ["Differences", "Edit"]
