"""One file -> its facts."""

from per_audit.facts.extract import Unparsable, extract
from per_audit.facts.gate import may_matter
from per_audit.facts.ir import ModuleFacts

__all__ = ["ModuleFacts", "Unparsable", "extract", "may_matter"]
