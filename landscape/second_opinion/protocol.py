"""The published protocol: the upper eigenvalues of the Hessian on a single test image."""

from dataclasses import replace

from landscape.analysis.target_settings import TargetSettings
from landscape.results import Eigenvalues


def published_protocol(settings: TargetSettings) -> TargetSettings:
    """The first test image alone, unless others were named as START:STOP."""
    named = settings.examples is not None and ":" in settings.examples
    return replace(settings, split="test", examples=settings.examples if named else "0:1")


def explained(result: Eigenvalues) -> str:
    """What the protocol can show and what it cannot, to stand beside its numbers."""
    subject = result.subject
    vague = sum(e.residual > abs(e.value) / 2 for e in result.largest)
    return (
        f"The published protocol: PyHessian's {len(result.largest)} eigenvalues of largest "
        f"absolute value on {subject.num_examples} test image.\n"
        f"  It shows the curvature at this image (loss {subject.loss:.3g}, gradient norm "
        f"{subject.grad_norm:.3g}), not at a minimum of the training loss.\n"
        "  If the image is fitted exactly, the formal Hessian is positive semidefinite of rank 10 "
        "at most, whatever the\n"
        "  initialisation: positive eigenvalues near zero then say nothing of flatness.\n"
        f"  {vague} of the values below have a residual of more than half their size, so that zero "
        "is as good a value.\n"
        "  One image and one seed carry no error bar. For a verdict: landscape analyze, then "
        "landscape compare."
    )
