"""The density in O(P) memory: two Lanczos vectors a probe, no eigenpairs."""

from pathlib import Path

import numpy as np

from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum.results import density_result, operator_of
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.linalg.slq import spectral_quadrature
from landscape.results import SpectralDensity
from landscape.store.identity import identity_of
from landscape.store.units import journal, told


def low_memory_density(
    target: Target, *, settings: SpectrumSettings, state: Path | None = None, progress: Progress
) -> SpectralDensity:
    """Stochastic Lanczos quadrature that keeps two vectors, whatever the number of steps.

    Without reorthogonalisation an extreme eigenvalue appears as several close nodes that share
    its weight (see ``landscape.linalg.lanczos.lanczos_two_vectors``): the density stays right.
    With ``state``, a killed run goes on after its last whole probe.

    Raises
    ------
    ValueError
        For settings out of range, or parameters that match nothing.
    """
    clock = start_clock()
    A = operator_of(target, settings)
    identity = identity_of(target, vars(settings) | {"low memory": True})
    with journal(state, identity, counted=[A]) as keep:
        rules = spectral_quadrature(
            A,
            num_probes=settings.num_probes,
            num_steps=settings.num_steps,
            rng=target.generator("density"),
            low_memory=True,
            keep=told(keep, progress, settings.num_probes),
        )
    return density_result(
        target,
        settings,
        rules,
        atoms=np.zeros(0),
        num_steps=settings.num_steps,
        exact=False,
        num_matvecs=A.num_matvecs,
        provenance=clock.provenance_of(target, A.num_matvecs),
    )
