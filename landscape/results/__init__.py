"""Frozen results, each with its header, and their form on disk. Never imports torch."""

from landscape.results.base import Result, ResultError, load_result, save_result
from landscape.results.fidelity import (
    DirectionFidelity,
    Fidelity,
    OperatorVerdict,
    Ratio,
    SlopeRow,
)
from landscape.results.preflight import Check, Preflight
from landscape.results.sharpness import (
    MEASURES,
    Measure,
    MeasureInfo,
    SharpnessTable,
    make_measure,
)
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
from landscape.results.surface import (
    DirectionSpec,
    LineMeasures,
    LossLine,
    LossPlane,
    PlaneMeasures,
    Trajectory,
)

__all__ = [
    "MEASURES",
    "Check",
    "DirectionFidelity",
    "DirectionSpec",
    "Eigenvalue",
    "Eigenvalues",
    "Estimate",
    "Fidelity",
    "LayerRow",
    "LayerTable",
    "LineMeasures",
    "LossLine",
    "LossPlane",
    "Measure",
    "MeasureInfo",
    "OperatorSpec",
    "OperatorVerdict",
    "PlaneMeasures",
    "Preflight",
    "Provenance",
    "Ratio",
    "Result",
    "ResultError",
    "SharpnessTable",
    "SlopeRow",
    "SpectralDensity",
    "Subject",
    "Trace",
    "TrainingInfo",
    "Trajectory",
    "load_result",
    "make_measure",
    "save_result",
]
