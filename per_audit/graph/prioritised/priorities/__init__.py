"""Priorities: where they are held, who writes and updates them, and what of an error arrives in them."""
