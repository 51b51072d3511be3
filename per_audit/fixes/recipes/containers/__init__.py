"""What takes the place of a buffer, or of its draws, and of the code around them: bounds, saved files, seeds, flags."""
