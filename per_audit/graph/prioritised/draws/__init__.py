"""Draws by priority: through trees, and what else joins the batch."""
