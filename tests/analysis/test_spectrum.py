"""What a spectrum says of itself: which eigenvalues are known, and what is exact."""

import numpy as np
import pytest
import torch
from small_surfaces import SETTINGS, drawn_data, filled
from torch import nn

from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.results import density_result
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.linalg.quadrature import GaussRule
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss

SEARCH = SpectrumSettings(
    operator="hessian",
    num_largest=20,
    num_smallest=5,
    tol=1e-6,
    num_probes=2,
    num_steps=10,
    max_matvecs=1,  # far too few for 25 pairs: the probes and two products a pair are all it takes
)


@pytest.fixture
def wide():
    """About 250 parameters: more than the products spent on them."""
    net = filled(nn.Sequential(nn.Linear(10, 18), nn.Tanh(), nn.Linear(18, 3)))
    data = drawn_data(torch.arange(60) % 3, (60, 10))
    return make_target(net, Loss("ce", cross_entropy), data, SETTINGS, label="wide")


def test_only_converged_eigenvalues_are_drawn_and_counted_as_known(wide):
    found = spectrum(wide, settings=SEARCH, progress=quiet)
    known = [e.value for e in (*found.eigenvalues.largest, *found.eigenvalues.smallest)]
    converged = [
        e.value for e in (*found.eigenvalues.largest, *found.eigenvalues.smallest) if e.converged
    ]
    assert 0 < len(converged) < len(known)
    assert sorted(found.density.atoms.tolist()) == sorted(converged)
    assert found.trace.deflated == len(converged)


def test_a_spectrum_that_is_known_whole_claims_no_probes(linear):
    found = spectrum(linear, settings=SEARCH, progress=quiet)
    assert found.trace.trace.stderr == 0
    assert found.trace.num_probes == 0
    assert found.trace.method.startswith("exact")


def test_the_wasserstein_bound_is_a_share_of_the_range_of_the_nodes(linear):
    long = torch.linspace(5, 6, 8, dtype=torch.float64)
    rules = [GaussRule(nodes, torch.full_like(nodes, 1 / len(nodes))) for nodes in (long, long[2:])]
    density = density_result(
        linear,
        SEARCH,
        rules,
        atoms=np.zeros(0),
        num_steps=6,
        exact=False,
        num_matvecs=0,
        provenance=start_clock().provenance(command="", seed=0, device=torch.device("cpu")),
    )
    assert density.wasserstein_bound <= 1 + 1e-12  # not 6: no node lies between 0 and 5
