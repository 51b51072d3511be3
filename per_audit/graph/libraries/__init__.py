"""Memories and algorithms of other libraries, and what a project does with them."""
