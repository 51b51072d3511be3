"""What is no replay memory for what becomes of it, and which of several memories are in use."""
