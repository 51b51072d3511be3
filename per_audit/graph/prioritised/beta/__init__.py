"""The exponent of the weights over time."""
