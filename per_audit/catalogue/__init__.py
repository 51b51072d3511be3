"""The rules that there are: the bundled ones, those about the audit itself, and a user's own."""

from per_audit.catalogue.catalogue import Catalogue, catalogue, did_you_mean, docs_page, group_of

__all__ = ["Catalogue", "catalogue", "did_you_mean", "docs_page", "group_of"]
