"""Spiking networks: surrogates, twice-differentiable neurons, models, initialisations."""

from landscape.snn.function import pooled_spike_train, spike_train
from landscape.snn.initialization import initialise
from landscape.snn.kernels import NeuronDynamics
from landscape.snn.model import CSNN, SpikingMLP
from landscape.snn.neuron import SpikingNeuron
from landscape.snn.schemes import SCHEMES
from landscape.snn.surrogate import (
    SURROGATES,
    ATan,
    Erf,
    FastSigmoid,
    Sigmoid,
    Surrogate,
    Triangle,
    surrogate_by_name,
)
from landscape.snn.variance import ikun_beta

__all__ = [
    "CSNN",
    "SCHEMES",
    "SURROGATES",
    "ATan",
    "Erf",
    "FastSigmoid",
    "NeuronDynamics",
    "Sigmoid",
    "SpikingMLP",
    "SpikingNeuron",
    "Surrogate",
    "Triangle",
    "ikun_beta",
    "initialise",
    "pooled_spike_train",
    "spike_train",
    "surrogate_by_name",
]
