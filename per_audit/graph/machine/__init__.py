"""A few methods of the audited code, run on small numbers inside the audit: a sum tree of four leaves, say.

Only arithmetic, containers and numpy's pure functions are known, by name. Everything else ends the run as
`Unsupported`: nothing is imported, nothing outside is reached, and steps and sizes are limited.
"""

from per_audit.graph.machine.run import Machine
from per_audit.graph.machine.things import Failed, Single, Stopped, Thing, Token, Unsupported

__all__ = ["Failed", "Machine", "Single", "Stopped", "Thing", "Token", "Unsupported"]
