"""What carries a gradient, and what is cut off from it."""
