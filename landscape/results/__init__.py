"""Frozen results, each with its header, and their form on disk. Never imports torch."""

from landscape.results.base import Result, ResultError, load_result, save_result
from landscape.results.preflight import Check, Preflight
from landscape.results.spectrum import (
    Eigenvalue,
    Eigenvalues,
    Estimate,
    LayerRow,
    LayerTable,
    SpectralDensity,
    Trace,
)
from landscape.results.subject import OperatorSpec, Provenance, Subject, TrainingInfo
from landscape.results.surface import DirectionSpec, LossLine, LossPlane, Trajectory

__all__ = [
    "Check",
    "DirectionSpec",
    "Eigenvalue",
    "Eigenvalues",
    "Estimate",
    "LayerRow",
    "LayerTable",
    "LossLine",
    "LossPlane",
    "OperatorSpec",
    "Preflight",
    "Provenance",
    "Result",
    "ResultError",
    "SpectralDensity",
    "Subject",
    "Trace",
    "TrainingInfo",
    "Trajectory",
    "load_result",
    "save_result",
]
