"""How often a buffer is drawn from in a run, for the beta schedule: loops, tests around the draw, settings."""
