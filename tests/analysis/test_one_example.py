"""One example has no spread: nothing measured on it has a known error over examples."""

import math

import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.results import load_result, save_result


@pytest.fixture
def alone():
    net = filled(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)))
    data = drawn_data(torch.tensor([1]), (1, 4))
    return make_target(net, Loss("ce", cross_entropy), data, SETTINGS, label="alone")


def test_fidelity_decides_nothing_on_one_example_and_is_stored(alone, tmp_path):
    found = fidelity(alone, settings=FidelitySettings(), progress=quiet)
    assert {v.verdict for v in found.verdicts} == {"undecided"}
    assert {v.negative for v in found.verdicts} <= {"none", "undecided"}
    save_result(found, tmp_path / "fidelity.json")
    (stderr, *_) = load_result(tmp_path / "fidelity.json").directions[0].kappa_stderr
    assert math.isnan(stderr)


def test_sharpness_over_one_example_has_no_error(alone):
    settings = SharpnessSettings(measures=("worst_rise", "sam_rise"))
    rows = sharpness(alone, settings=settings, progress=quiet).rows
    assert all(row.stderr is None for row in rows)
