"""What the code of a project does, run abstractly: values, expressions, statements, calls, and what was seen."""
