"""Which tensors of a file are the state of spiking neurons, by their names."""

from collections.abc import Iterable

# Membranes, synaptic currents and spikes that SpikingJelly and snnTorch may keep as buffers. They
# belong to the batch last seen, not to the network, and start at zero in every evaluation.
_NEURON_STATE = {"mem", "syn", "syn_exc", "syn_inh", "spk", "v", "v_seq", "spike", "spike_seq"}


def neuron_state_names(names: Iterable[str]) -> set[str]:
    """Those names that a spiking layer's state would have (``lif1.mem``, ``sn2.v``)."""
    return {name for name in names if "." in name and name.rpartition(".")[2] in _NEURON_STATE}
