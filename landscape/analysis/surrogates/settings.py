"""What a table of surrogates takes of each of them; without torch."""

from landscape.analysis.fidelity.settings import SUMMARY
from landscape.analysis.spectrum.settings import SpectrumSettings

OPERATOR = "hessian"

# A largest eigenvalue to a thousandth of ‖H‖; trace and norm as well as some 60 products tell them.
SPECTRUM = SpectrumSettings(
    operator=OPERATOR,
    num_largest=1,
    num_smallest=0,
    tol=1e-3,
    num_probes=5,
    num_steps=10,
    max_matvecs=150,
)
FIDELITY = SUMMARY
