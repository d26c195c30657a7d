"""A probe's surroundings: what a call waits for, and what it leaves as it was."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch

from landscape.analysis.target_checks import refuse_inference_mode
from landscape.seeds import seeded


def wait_for(device: torch.device) -> Callable[[], None]:
    """What ends when the device has done all that it was given."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


@contextmanager
def undisturbed(device: torch.device, seed: int) -> Iterator[None]:
    """The caller's random numbers kept, its autocast and its compiled functions off."""
    refuse_inference_mode()
    with ExitStack() as stack:
        stack.enter_context(seeded(device, seed))
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if "torch._dynamo" in sys.modules:  # else nothing is compiled, and it takes its time
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
