"""What becomes of priorities, of the weights that go with them, and of the positions that were drawn."""
