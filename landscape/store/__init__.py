"""Stored work, finished and half-finished: what it belongs to, and where it stands."""
