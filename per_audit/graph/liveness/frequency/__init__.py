"""How often a place is run, for which object, and in which thread."""
