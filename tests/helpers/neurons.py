"""Networks with other neurons."""

from landscape.networks import copied
from landscape.snn.altered import alterations


def altered_network(model, **change):
    """A copy of ``model`` with other neurons; ``change`` as of :func:`alterations`."""
    network = copied(model)
    for alteration in alterations(network, **change):
        alteration.apply()
    return network
