"""What a project or a user chose, and what follows from it for single findings."""

from per_audit.settings.settings import FAIL_ON, Settings, load, override

__all__ = ["FAIL_ON", "Settings", "load", "override"]
