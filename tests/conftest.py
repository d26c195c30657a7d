"""Settings of the whole suite."""

import os

# Tests work on tiny tensors, where a second thread only waits.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

# The same examples in every run, and no deadline: machines that run tests are busy ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture
def rng() -> torch.Generator:
    """A seeded generator on the CPU."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def _same_state():
    """What tests draw without a generator, and the order of sums, do not hang on tests before."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
