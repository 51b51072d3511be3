"""Fixes: recipes make plans of byte edits, which are checked by a second audit, written atomically and undoable."""
