"""Frozen results, each with its header, and their form on disk. Never imports torch."""

from landscape.results.base import (
    Result,
    ResultError,
    Stored,
    in_order,
    save_result,
)
from landscape.results.comparison import (
    AccuracyRow,
    ComparedGroup,
    ComparedMeasure,
    ComparedRun,
    Comparison,
    ComparisonSettings,
    JudgedMeasure,
    MeasureRow,
    PairRow,
    PairVerdict,
    RunValue,
)
from landscape.results.fidelity import (
    DirectionFidelity,
    Fidelity,
    OperatorVerdict,
    Ratio,
    SlopeRow,
)
from landscape.results.labels import epoch_in, free_label, recipe_of, seed_in, told_apart
from landscape.results.left_out import DoesNotApply, LeftOut
from landscape.results.load import load_result, load_stored
from landscape.results.preflight import Check, Preflight
from landscape.results.readings import NOT_CONVERGED, Reading, readings_of
from landscape.results.sharpness import (
    Measure,
    SharpnessTable,
    make_measure,
)
from landscape.results.spectrum import (
    Eigenvalues,
    LayerRow,
    LayerTable,
    SpectralDensity,
    Trace,
)
from landscape.results.study import (
    AccuracyDifference,
    ControlRow,
    CurvatureCourse,
    OneImageSpectrum,
    RecipeAccuracy,
    SpeedRow,
    Study,
    StudyRun,
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
from landscape.results.titles import (
    flatter_arrow,
    measure_title,
    operator_title,
    spectrum_unit,
)
from landscape.results.training import TrainingCurves

__all__ = [
    "NOT_CONVERGED",
    "AccuracyDifference",
    "AccuracyRow",
    "Check",
    "ComparedGroup",
    "ComparedMeasure",
    "ComparedRun",
    "Comparison",
    "ComparisonSettings",
    "ControlRow",
    "CurvatureCourse",
    "DirectionFidelity",
    "DirectionSpec",
    "DoesNotApply",
    "Eigenvalues",
    "Fidelity",
    "JudgedMeasure",
    "LayerRow",
    "LayerTable",
    "LeftOut",
    "LineMeasures",
    "LossLine",
    "LossPlane",
    "Measure",
    "MeasureRow",
    "OneImageSpectrum",
    "OperatorSpec",
    "OperatorVerdict",
    "PairRow",
    "PairVerdict",
    "PlaneMeasures",
    "Preflight",
    "Provenance",
    "Ratio",
    "Reading",
    "RecipeAccuracy",
    "Result",
    "ResultError",
    "RunValue",
    "SharpnessTable",
    "SlopeRow",
    "SpectralDensity",
    "SpeedRow",
    "Stored",
    "Study",
    "StudyRun",
    "Subject",
    "Trace",
    "TrainingCurves",
    "TrainingInfo",
    "Trajectory",
    "epoch_in",
    "flatter_arrow",
    "free_label",
    "in_order",
    "load_result",
    "load_stored",
    "make_measure",
    "measure_title",
    "operator_title",
    "readings_of",
    "recipe_of",
    "save_result",
    "seed_in",
    "spectrum_unit",
    "told_apart",
]
