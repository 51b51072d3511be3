"""Audits of code that others work on too: what is known already, what a change touches, what changes meanwhile."""
