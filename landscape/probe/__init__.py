"""Curvature while a network trains, at a stated share of the time, and without a trace."""
