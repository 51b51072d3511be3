"""What is drawn, and what looks like a draw from a memory and is none."""
