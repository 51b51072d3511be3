"""One file -> its facts."""

from per_audit.facts.gate import may_matter, speaks_of_replay
from per_audit.facts.limits import Unparsable
from per_audit.facts.module import ModuleFacts

__all__ = ["ModuleFacts", "Unparsable", "extract", "may_matter", "speaks_of_replay"]


def extract(path: str, data: bytes) -> ModuleFacts:
    """The facts of one file.

    Raises:
        Unparsable: the bytes are no text, no Python 3, or nested too deeply for the parser.
    """
    from per_audit.facts.parse import parsed  # the parser takes longer to import than a scan of known files takes

    return parsed(path, data)
