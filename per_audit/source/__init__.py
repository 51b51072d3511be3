"""From the paths that a user names to the Python in the files there, and to the suppression comments in it."""

from per_audit.source.discovery import COPY_MARK, Discovery, SourceFile, discover
from per_audit.source.encoding import DecodingError, decode, split_lines
from per_audit.source.filters import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Filters
from per_audit.source.layout import Layout
from per_audit.source.modules import as_module, is_document, shown_lines
from per_audit.source.roots import is_packaged, marked_root, project_root, scan_root
from per_audit.source.suppressions import Suppression, find_suppressions

__all__ = [
    "COPY_MARK",
    "DEFAULT_EXCLUDE",
    "DEFAULT_INCLUDE",
    "DecodingError",
    "Discovery",
    "Filters",
    "Layout",
    "SourceFile",
    "Suppression",
    "as_module",
    "decode",
    "discover",
    "find_suppressions",
    "is_document",
    "is_packaged",
    "marked_root",
    "project_root",
    "scan_root",
    "shown_lines",
    "split_lines",
]
