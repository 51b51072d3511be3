"""Storages: where the transitions of a buffer live, by slot."""
