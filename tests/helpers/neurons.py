"""Networks with other neurons."""

from landscape.networks import copied
from landscape.snn.altered import alterations
from landscape.snn.exchanged import exchanges


def altered_network(model, **change):
    """A copy of ``model`` with other neurons; ``change`` as of :func:`alterations`."""
    network = copied(model)
    for alteration in alterations(network, **change):
        alteration.apply()
    return network


def exchanged_network(model, surrogate):
    """A copy of ``model`` with this surrogate in all its neurons."""
    network = copied(model)
    for alteration in exchanges(network, surrogate):
        alteration.apply()
    return network
