"""An operator with any spectrum, at the cost of a vector."""

from landscape.linalg.operator import SelfAdjointOperator


class Diagonal(SelfAdjointOperator):
    """Lanczos and probes that no rotation changes see the spectrum, not the frame."""

    def __init__(self, values):
        self.values, self.dim = values, len(values)
        self.dtype, self.device = values.dtype, values.device

    def _matvec(self, v):
        return self.values * v
