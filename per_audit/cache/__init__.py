"""What is kept between runs in the user's cache directory: facts of files, reports of trees that did not change."""

from per_audit.cache.store import Store, default_directory

__all__ = ["Store", "default_directory"]
