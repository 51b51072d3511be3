"""One file -> its facts."""

from per_audit.facts.extract import extract
from per_audit.facts.gate import may_matter
from per_audit.facts.ir import ModuleFacts
from per_audit.facts.limits import Unparsable

__all__ = ["ModuleFacts", "Unparsable", "extract", "may_matter"]
