"""What settings switch off: options, flags and constants that no run of the program sets otherwise."""
