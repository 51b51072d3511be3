"""The rules of per-audit, one file each."""
