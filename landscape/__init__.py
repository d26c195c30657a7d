"""Flatness reports from checkpoint files: Hessian spectra, traces, sharpness, loss surfaces."""

__version__ = "0.1.0"
