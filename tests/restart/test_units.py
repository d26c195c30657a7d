"""An analysis cut off at any place goes on after its last whole unit, to the same numbers."""

import dataclasses
import random

import pytest
import torch
from drawn import drawn

from landscape.analysis.fidelity.run import fidelity
from landscape.analysis.fidelity.settings import FidelitySettings
from landscape.analysis.layers.run import layer_table
from landscape.analysis.opening import make_target
from landscape.analysis.progress import quiet
from landscape.analysis.sharpness.run import sharpness
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.analysis.spectrum.density import low_memory_density
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings, TraceSettings
from landscape.analysis.spectrum.trace import trace_of
from landscape.analysis.surface.eigenvector import eigenvector_course
from landscape.analysis.target_settings import TargetSettings
from landscape.linalg.operator import SelfAdjointOperator
from landscape.objective.losses import cross_entropy
from landscape.objective.pair import Loss
from landscape.objective.risk import EmpiricalRisk
from landscape.store import states

SPECTRUM = SpectrumSettings(
    operator="hessian",
    num_largest=2,
    num_smallest=1,
    tol=1e-3,
    num_probes=3,
    num_steps=6,
    max_matvecs=100,
)
SHARPNESS = SharpnessSettings(
    scales=("none", "filter"),
    radii=(0.03, 0.1),
    ball_radii=(0.01,),
    num_pairs=3,
    num_steps=3,
    num_probes=4,
)
FIDELITY = FidelitySettings(radii=(0.003, 0.01, 0.1), num_top=1, num_random=1)


def trace_by(method):
    settings = TraceSettings(operator="ggn", method=method, num_matvecs=24, rel_error=None)
    return lambda target, **place: trace_of(target, settings=settings, progress=quiet, **place)


# And what is computed twice at most: the unit under way, and what an analysis begins with, such as
# an operator's graph.
ANALYSES = {
    **{method: (trace_by(method), 2) for method in ("hutchinson", "hutch++", "xtrace")},
    "xnystrace": (trace_by("xnystrace"), 2),
    "sharpness": (
        lambda target, **place: sharpness(target, settings=SHARPNESS, progress=quiet, **place),
        6,  # an ascent from one start, and the losses at θ
    ),
    "fidelity": (
        lambda target, **place: fidelity(target, settings=FIDELITY, progress=quiet, **place),
        9,  # a pair of noise; the losses at θ, two graphs
    ),
    "layers": (
        lambda target, **place: layer_table(
            target, settings=SPECTRUM, limit=200, progress=quiet, **place
        ),
        2,
    ),
    "low-memory density": (
        lambda target, **place: low_memory_density(
            target, settings=SPECTRUM, progress=quiet, **place
        ),
        SPECTRUM.num_steps + 1,
    ),
    "spectrum of shards": (
        lambda target, **place: (
            spectrum(
                target,
                settings=dataclasses.replace(SPECTRUM, num_shards=2),
                progress=quiet,
                **place,
            ).eigenvalues
        ),
        1,
    ),
}


@pytest.fixture(scope="module")
def target():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 3, generator=rng), torch.randint(0, 2, (40,), generator=rng)
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    data = drawn(x, y, 2)
    loss = Loss("cross-entropy", cross_entropy)
    return make_target(model, loss, data, TargetSettings(batch_size=40), label="net")


class Work:
    """Counts matvecs and forward passes, and ends the run at one of them."""

    def __init__(self, monkeypatch):
        self.done, self.end = 0, None
        product, outputs = SelfAdjointOperator.__matmul__, EmpiricalRisk.outputs

        def counted_product(operator, v):
            if hasattr(operator, "risk"):  # not one that wraps another
                self.count()
            return product(operator, v)

        def counted_outputs(*args):
            self.count()
            return outputs(*args)

        monkeypatch.setattr(SelfAdjointOperator, "__matmul__", counted_product)
        monkeypatch.setattr(EmpiricalRisk, "outputs", counted_outputs)

    def count(self):
        self.done += 1
        if self.done == self.end:
            raise KeyboardInterrupt

    def of(self, run, end=None):
        self.done, self.end = 0, end
        try:
            return run()
        except KeyboardInterrupt:
            return None


@pytest.mark.parametrize("name", ANALYSES)
def test_goes_on_after_the_last_whole_unit(name, target, tmp_path, monkeypatch):
    monkeypatch.setattr(states, "_INTERVAL", 0.0)
    monkeypatch.setattr(states, "_SHARE", 1e9)
    analyse, unit = ANALYSES[name]
    work, state = Work(monkeypatch), tmp_path / "state"

    def numbers(result):
        return {k: repr(v) for k, v in vars(result).items() if k != "provenance"}

    whole = work.of(lambda: analyse(target))
    total, rng = work.done, random.Random(name)
    for _ in range(4):
        end = rng.randint(1, total)
        assert work.of(lambda: analyse(target, state=state), end) is None
        resumed = work.of(lambda: analyse(target, state=state))
        assert numbers(resumed) == numbers(whole)
        assert resumed.provenance.num_matvecs == whole.provenance.num_matvecs
        assert end - 1 + work.done - total <= unit
        assert list(tmp_path.iterdir()) == []


def test_an_eigenvector_to_follow_is_searched_for_once(target, tmp_path, monkeypatch):
    monkeypatch.setattr(states, "_INTERVAL", 0.0)
    monkeypatch.setattr(states, "_SHARE", 1e9)
    work = Work(monkeypatch)

    def course(ranks=(1, -1), **place):
        return eigenvector_course(
            target, "ggn", ranks=ranks, normalisation="filter", tol=1e-6, max_matvecs=200,
            progress=quiet, **place,
        )  # fmt: skip

    whole = work.of(course)
    total, state = work.done, tmp_path / "line.state"
    assert work.of(lambda: course(state=state), total // 2) is None
    for most in (total // 2 + 4, 0):  # the rest, with the product under way and a graph; nothing
        found = work.of(lambda: course(state=state))
        assert work.done <= most
        assert found.specs == whole.specs  # digests of the directions among them
        assert all(map(torch.equal, found.vectors, whole.vectors))
    work.of(lambda: course((1,), state=state))
    assert work.done > 0  # other ranks are another search
