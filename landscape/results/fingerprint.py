"""A few numbers that tell what network, loss and data compute at θ, stored with each result."""

from dataclasses import dataclass

_LOSS_DIGITS = 1e-6  # relative
_GRADIENT = 1e-5  # of the first batch's gradient norm


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Loss and gradient at θ on all examples, and on the first of them, where less cancels.

    Attributes
    ----------
    projection
        ∇L·z for one seeded z ~ N(0, I): it sees what the gradient's norm does not.
    environment
        What numbers may differ by that are otherwise the same: device, dtype, threads, versions.
    """

    loss: float
    gradient_norm: float
    projection: float
    first_loss: float
    first_gradient_norm: float
    first_projection: float
    environment: dict[str, str]

    def difference(self, before: "Fingerprint") -> str:
        """What differs by more than rounding, with both values; empty: nothing."""
        room = _GRADIENT * max(self.first_gradient_norm, before.first_gradient_norm)
        told = {
            "the loss": ("loss", _LOSS_DIGITS * abs(before.loss)),
            "its gradient's norm": ("gradient_norm", room),
            "its gradient's projection": ("projection", room),
            "the loss of the first examples": (
                "first_loss",
                _LOSS_DIGITS * abs(before.first_loss),
            ),
            "their gradient's norm": ("first_gradient_norm", room),
            "their gradient's projection": ("first_projection", room),
        }
        changed = []
        for words, (name, tolerance) in told.items():
            old, new = getattr(before, name), getattr(self, name)
            if abs(new - old) > tolerance:
                changed.append(f"{words} was {old:.7g}, now {new:.7g}")
        return "; ".join(changed[:2])


@dataclass(frozen=True, kw_only=True)
class StoredRounding:
    """What rounding θ to the bits that it is stored in does, as root mean squares over draws of it.

    Of float16 and bfloat16, and fewer; see :mod:`landscape.objective.stored_bits`.
    """

    bits: int  # of a significand: 11 of float16, 8 of bfloat16
    draws: int
    loss: float
    first_loss: float  # of the first examples
    accuracy: float  # 0 where targets are no classes
