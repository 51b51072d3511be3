"""From the paths that a user names to the bytes of Python files, and to the suppression comments in them."""

from per_audit.source.discovery import COPY_MARK, Discovery, SourceFile, discover
from per_audit.source.encoding import DecodingError, decode, split_lines
from per_audit.source.filters import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Filters
from per_audit.source.roots import project_root, scan_root
from per_audit.source.suppressions import Suppression, find_suppressions

__all__ = [
    "COPY_MARK",
    "DEFAULT_EXCLUDE",
    "DEFAULT_INCLUDE",
    "DecodingError",
    "Discovery",
    "Filters",
    "SourceFile",
    "Suppression",
    "decode",
    "discover",
    "find_suppressions",
    "project_root",
    "scan_root",
    "split_lines",
]
