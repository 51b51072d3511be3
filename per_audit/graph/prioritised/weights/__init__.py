"""Importance-sampling weights: what they are made of, and whether they arrive in the loss."""
