"""The precision that a dtype promises, also where PyTorch's defaults give less."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions of float32 in float32 for the block, not in TF32 as cuDNN's are by default.

    TF32 keeps 10 bits of each factor: what that does to a second derivative hides all but the
    largest eigenvalues. Matrix products are in float32 unless they were asked not to be.
    """
    backend = torch.backends.cudnn
    try:
        before = backend.allow_tf32
    except RuntimeError:  # set by PyTorch's newer interface, on purpose then
        yield
        return
    backend.allow_tf32 = False
    try:
        yield
    finally:
        backend.allow_tf32 = before
