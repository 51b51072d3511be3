"""What of a project is ever run: what is switched off, made by nothing, only tried out, or started in a thread."""
