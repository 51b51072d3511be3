"""Replay buffers that sample by priority, keep rare events and correct their bias."""

__version__ = "0.1.0"
