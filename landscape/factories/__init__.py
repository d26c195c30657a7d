"""Turn what a user types for a model, data or loss into something that can be called.

A spec is one of ::

    name                    built in, or an entry point of an installed plug-in
    package.module:factory  a function or class in an importable module
    path/to/file.py:factory a function or class in a file
    torchvision:name        a network by one of these libraries, where installed,
    timm:name               with random weights

each with arguments if wanted: ``name?channels=16&bias=false``. Modules in the current folder count
as importable, but come last: a file there never stands in for an installed library. Specs come from
the command line or the API only: a spec that was found in a file is not to be passed here.
"""

from landscape.factories.arguments import parse_arguments
from landscape.factories.errors import FactoryError
from landscape.factories.factory import (
    DATASETS,
    LOSSES,
    MODELS,
    OBJECTIVES,
    READOUTS,
    Factory,
    load_factory,
    load_object,
)

__all__ = [
    "DATASETS",
    "LOSSES",
    "MODELS",
    "OBJECTIVES",
    "READOUTS",
    "Factory",
    "FactoryError",
    "load_factory",
    "load_object",
    "parse_arguments",
]
