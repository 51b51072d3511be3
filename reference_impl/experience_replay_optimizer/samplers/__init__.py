"""Samplers: which slot is drawn, and with which importance-sampling weight. They know nothing of what is stored."""
