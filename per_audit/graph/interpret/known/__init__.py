"""What functions that no project defines do: Python's own, those of libraries, and of the reference package."""
