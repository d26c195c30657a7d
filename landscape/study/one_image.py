"""The published protocol as it was: the Hessian of the loss of one test image."""

import dataclasses
from pathlib import Path

from landscape.analysis.opening import open_target
from landscape.analysis.progress import quiet
from landscape.analysis.spectrum.run import spectrum
from landscape.analysis.spectrum.settings import SpectrumSettings
from landscape.analysis.target import Target
from landscape.results.study import OneImageSpectrum

IMAGE = "0:1"  # the first test image
_NUM_EIGENVALUES = 10  # an image fitted exactly leaves no more than its ten outputs
_MAX_MATVECS = 500


def one_image_spectrum(checkpoint: Path, target: Target) -> OneImageSpectrum:
    """Eigenvalues and trace at ``checkpoint`` on one test image, all else as in ``target``."""
    settings = dataclasses.replace(target.settings, split="test", examples=IMAGE)
    alone = open_target(checkpoint, settings, label=target.subject.label)
    found = spectrum(
        alone,
        settings=SpectrumSettings(
            operator="hessian",
            num_largest=_NUM_EIGENVALUES,
            num_smallest=0,
            tol=1e-3,
            num_probes=4,
            num_steps=20,
            max_matvecs=_MAX_MATVECS,
        ),
        progress=quiet,
    )
    return OneImageSpectrum(
        subject=alone.subject,
        provenance=found.eigenvalues.provenance,
        operator=found.eigenvalues.operator,
        largest=tuple(e.value for e in found.eigenvalues.largest),
        residuals=tuple(e.residual for e in found.eigenvalues.largest),
        trace=found.trace.trace.mean,
    )
