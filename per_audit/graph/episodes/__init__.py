"""Transitions as parts of episodes: their ends, time limits, windows of steps, bootstrap targets."""
