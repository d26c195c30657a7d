"""What can be asked for by name: analyses, operators, scales; each fact about one in its entry.

Choices and help of commands, titles, sentences of reports, tables of the documentation and the
functions that compute are all read off these entries. They import nothing: an entry names the
function that builds it, which is imported when it is first built.
"""

from landscape.catalog.analyses import ANALYSES, AnalysisKind
from landscape.catalog.operators import OPERATORS, OperatorKind
from landscape.catalog.registry import Registry, resolve
from landscape.catalog.scales import SCALES, ScaleKind

__all__ = [
    "ANALYSES",
    "OPERATORS",
    "SCALES",
    "AnalysisKind",
    "OperatorKind",
    "Registry",
    "ScaleKind",
    "resolve",
]
