"""A ``Keep`` in memory: units by their names, and every state of a search."""

import torch


class Memory:
    """What has been computed; the rest is computed. A search goes on from ``begun``."""

    def __init__(self, begun=None):
        self.known, self.begun, self.states = {}, begun, []

    def each(self, units):
        for name, compute in units:
            if name not in self.known:
                self.known[name] = compute()
            yield self.known[name]

    def load(self):
        return self.begun

    def save(self, state):
        self.states.append(
            {k: v.cpu().clone() if isinstance(v, torch.Tensor) else v for k, v in state.items()}
        )
