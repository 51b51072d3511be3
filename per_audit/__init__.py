"""per-audit: audits, fixes and verifies the experience replay of existing reinforcement-learning code."""

__version__ = "0.1.0"
