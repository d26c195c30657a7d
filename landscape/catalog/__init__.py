"""What can be asked for by name: analyses, measures, operators, scales; and optimisers.

Each fact about one stands in its entry: choices and help of commands, titles, sentences of
reports, tables of the documentation and the functions that compute are all read off these. They
import nothing: an entry names the function that builds it, which is imported when it is first
built.
"""

from landscape.catalog.analyses import ANALYSES, AnalysisKind
from landscape.catalog.measure_kind import MeasureKind
from landscape.catalog.measures import MEASURES
from landscape.catalog.operators import OPERATORS, OperatorKind
from landscape.catalog.optimizers import OPTIMIZERS, OptimizerKind
from landscape.catalog.registry import Registry, resolve
from landscape.catalog.scales import SCALES, SCALES_OF_WEIGHTS, ScaleKind

__all__ = [
    "ANALYSES",
    "MEASURES",
    "OPERATORS",
    "OPTIMIZERS",
    "SCALES",
    "SCALES_OF_WEIGHTS",
    "AnalysisKind",
    "MeasureKind",
    "OperatorKind",
    "OptimizerKind",
    "Registry",
    "ScaleKind",
    "resolve",
]
