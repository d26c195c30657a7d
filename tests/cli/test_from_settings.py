"""Options made of settings: their defaults, bounds, choices, and what a command receives."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.spectrum.settings import (
    DensitySettings,
    EigenvalueSettings,
    TraceSettings,
)
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.catalog import SCALES
from landscape.cli.from_settings import settings_options
from landscape.cli.surface_settings import SurfaceRequest
from landscape.compare.settings import CompareSettings
from landscape.settings import offered, setting
from landscape.study.settings import Machine, QueueSettings
from landscape.training.config import TrainConfig

ALL = [
    CompareSettings, DensitySettings, EigenvalueSettings, FidelitySettings, Machine, QueueSettings,
    SharpnessSettings, SuiteSettings, SurfaceRequest, SurfaceSettings, TargetSettings,
    TraceSettings, TrainConfig,
]  # fmt: skip
SIZES = {"small": (1, 2), "large": (3, 4)}


@dataclass(frozen=True, kw_only=True)
class General:
    scale: Literal["none", "filter"] = setting("none", help="Of the weights.")
    hidden: int = 3


@dataclass(frozen=True, kw_only=True)
class Toy(General):
    count: int = setting(10, "--top", "-t", minimum=1, help="How many.")
    tol: float = setting(0.5, above=0, below=1)
    radii: tuple[float, ...] = setting((0.01, 1.0))
    names: tuple[str, ...] = setting((), "--name", repeatable=True)
    bounds: tuple[float, float] = setting((0.8, 1.25))
    folder: Path | None = setting(None)
    operator: str | None = setting(None, choices={"hessian": 1}, none="none")
    scales: tuple[str, ...] | None = setting(None, choices=SCALES, none=())
    images: int | None = setting(20, none=0)
    size: tuple[int, int] = setting(SIZES["small"], choices=SIZES)
    part: tuple[int, int] | None = setting(
        None, parse=lambda text: tuple(int(n) for n in text.split("/"))
    )
    strict: bool = setting(False)
    keep: bool | None = setting(None, "--keep/--drop")


def received(kind, *arguments, without=()):
    """What a command with the options of ``kind`` gets; its output where it is refused."""
    found = []

    @click.command()
    @settings_options(kind, "asked", without=without)
    def command(asked):
        found.append(asked)

    result = CliRunner().invoke(command, [str(a) for a in arguments])
    return found[0] if found else " ".join(result.output.split())


@pytest.mark.parametrize("kind", [*ALL, Toy], ids=lambda kind: kind.__name__)
def test_a_command_that_is_given_nothing_gets_the_defaults(kind):
    """The one place of a default is the class."""
    assert received(kind) == kind()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_help_names_every_option_once(kind):
    shown = received(kind, "--help")
    for field, about in offered(kind):
        flags = about.flags or ("--" + field.name.replace("_", "-"),)
        assert shown.count(f" {flags[-1].partition('/')[0]} ") >= 1


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--top", 3], "count", 3),
        (["-t", 3], "count", 3),
        (["--scale", "filter"], "scale", "filter"),
        (["--radii", " 0.5, 2,"], "radii", (0.5, 2.0)),
        (["--radii", ""], "radii", ()),
        (["--name", "a", "--name", "b"], "names", ("a", "b")),
        (["--bounds", "0.5", "2"], "bounds", (0.5, 2.0)),
        (["--folder", "x"], "folder", Path("x")),
        (["--operator", "hessian"], "operator", "hessian"),
        (["--operator", "none"], "operator", None),
        (["--scales", "none, filter"], "scales", ("none", "filter")),
        (["--scales", ""], "scales", None),
        (["--images", 5], "images", 5),
        (["--images", 0], "images", None),
        (["--size", "large"], "size", (3, 4)),
        (["--part", "2/3"], "part", (2, 3)),
        (["--strict"], "strict", True),
        (["--keep"], "keep", True),
        (["--drop"], "keep", False),
    ],
)
def test_what_users_write_reaches_its_field_and_no_other(arguments, field, value):
    found = received(Toy, *arguments)
    assert getattr(found, field) == value
    others = [f.name for f in fields(Toy) if f.name != field]
    assert all(getattr(found, name) == getattr(Toy(), name) for name in others)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--top", 0], "Invalid value for '--top' / '-t': 0 is not in the range x>=1."),
        (["--tol", 1], "Invalid value for '--tol': 1.0 is not in the range 0<x<1."),
        (["--scale", "layer"], "'layer' is not one of 'none', 'filter'."),
        (["--radii", "a"], "expected numbers separated by commas, such as 0.01,0.1; got 'a'."),
        (["--operator", "ggn"], "'ggn' is not one of hessian, none."),
        (["--scales", "layer"], "unknown scale 'layer'; known are none, filter, weight, symm"),
        (["--size", "huge"], "'huge' is not one of 'small', 'large'."),
        (["--part", "x"], "Invalid value for '--part': invalid literal"),
        (["--hidden", 1], "No such option"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments, words):
    assert words in received(Toy, *arguments)


def test_help_shows_defaults_as_they_would_be_written():
    shown = received(Toy, "--help")
    for words in (
        "[default: 10; x>=1]", "[default: 0.01,1]", "[default: 0.8, 1.25]", "[default: none]",
        "[default: small]", "[default: 20]", "[hessian|none]", "[small|large]",
    ):  # fmt: skip
        assert words in shown
    assert shown.index("--top") < shown.index("--scale")  # a class's own before what it inherits


def test_a_field_that_is_left_out_stays_at_its_default():
    assert "No such option" in received(Toy, "--top", 3, without=("count",))
    assert received(Toy, without=("count",)) == Toy()
