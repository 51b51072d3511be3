"""The way of the batch: weights and indices travel from the draw through returns and callers to who learns from it."""
