"""What nothing names, or names in vain: it is never called, defined again, missing, or its value is never read."""
