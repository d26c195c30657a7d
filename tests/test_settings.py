"""Settings refuse what their fields do not take, wherever they are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.robustness.settings import RobustnessSettings
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.spectrum.settings import (
    DensitySettings,
    EigenvalueSettings,
    OperatorSettings,
    TraceSettings,
)
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.cli.surface_settings import SurfaceRequest
from landscape.compare.settings import CompareSettings
from landscape.paper.settings import PaperSettings
from landscape.probe.settings import ProbeSettings
from landscape.settings import check_settings, setting
from landscape.study.settings import Machine, QueueSettings
from landscape.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Toy:
    way: Literal["up", "down"] | None = setting(None)
    bounds: tuple[float, float] = setting((0.8, 1.25))
    names: tuple[str, ...] = setting((), choices=("lambda_max", "trace"), patterns=True)
    size: int = setting(5, choices={"small": 1})
    folder: Path | None = setting(None)
    free: object = None

    def __post_init__(self):
        check_settings(self)


@pytest.mark.parametrize(
    "kind",
    [
        *(CompareSettings, DensitySettings, EigenvalueSettings, FidelitySettings, Machine),
        *(PaperSettings, QueueSettings, SurfaceRequest, SurfaceSettings, TraceSettings),
        TrainConfig,
    ],
    ids=lambda kind: kind.__name__,
)
def test_defaults_are_taken(kind):
    check_settings(kind())


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (TargetSettings, {"layout": "N-first", "time_steps": 1, "seed": np.int64(3)}),
        (OperatorSettings, {"weight_decay": 1}),
        (SharpnessSettings, {"radii": [np.float32(0.1), 1], "measures": ("sam_rise",)}),
        (ProbeSettings, {"budget": 1}),
        (Toy, {"way": "up", "names": ("lambda*",), "size": 7, "folder": Path("x"), "free": 3}),
    ],
)
def test_what_fits_is_taken_as_it_is(kind, given):
    found = kind(**given)
    assert all(getattr(found, name) is value for name, value in given.items())


@pytest.mark.parametrize(
    ("kind", "field", "value", "wanted"),
    [
        (TargetSettings, "time_steps", 0, "a whole number of at least 1, or None"),
        (TargetSettings, "split", "tset", "one of train, test"),
        (TargetSettings, "batch_norm", "foo", "one of eval, train"),
        (TargetSettings, "layout", ["T-first"], "one of T-first, N-first, or None"),
        (TargetSettings, "seed", 1.5, "a whole number of at least 0"),
        (TargetSettings, "seed", True, "a whole number of at least 0"),
        (TargetSettings, "batch_size", None, "a whole number of at least 1"),
        (TargetSettings, "loss", 3, "text, or None"),
        (TargetSettings, "use_ema", 1, "True or False"),
        (TargetSettings, "data_dir", "data", "a Path, or None"),
        (OperatorSettings, "operator", "jacobian", "one of hessian, "),
        (OperatorSettings, "weight_decay", "0.1", "a number"),
        (TraceSettings, "method", "exact", "one of auto, "),
        (SuiteSettings, "budget", "quick", "a Budget"),
        (SuiteSettings, "extent", 0.0, "a number above 0"),
        (SharpnessSettings, "accuracy_drop", 1.0, "a number above 0 and below 1"),
        (SharpnessSettings, "accuracy_drop", float("nan"), "a number above 0 and below 1"),
        (SharpnessSettings, "measures", ("flat",), "some of expected_rise, "),
        (SharpnessSettings, "measures", (), "some of expected_rise, "),
        (SharpnessSettings, "measures", "sam_rise", "some of expected_rise, "),
        (SharpnessSettings, "radii", (0.1, "0.2"), "a tuple, each value a number"),
        (RobustnessSettings, "bits", (8, 2.5), "a tuple, each value a whole number"),
        (ProbeSettings, "budget", None, "a number above 0"),
        (ProbeSettings, "budget", 1.5, "a share of the time, at most 1"),
        (Toy, "way", "left", "one of up, down, or None"),
        (Toy, "bounds", (1.0,), "a tuple of 2, each value a number"),
        (Toy, "names", (3,), "some of lambda_max, trace, or globs of them"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(kind, field, value, wanted):
    with pytest.raises(ValueError, match=rf"^{field} must be .*; got ") as refused:
        kind(**{field: value})
    assert f"{field} must be {wanted}" in str(refused.value)
    assert str(refused.value).endswith(f"; got {value!r}.")
