"""Buffers of other libraries: exchanged in a script, or for the prioritised one that the library itself has."""
