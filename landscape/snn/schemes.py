"""The schemes by name: for each a variance rule, and the distribution that has that variance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from landscape.hints import close_to
from landscape.snn.variance import (
    Layer,
    fluctuation_driven,
    ikun_v1,
    ikun_v2,
    kaiming,
    lecun,
    micheli,
    normal,
    orthogonal,
    spikeinit,
    surrogate_backward,
    torch_default,
    xavier,
)


@dataclass(frozen=True)
class Scheme:
    """A variance rule and the distribution that has that variance."""

    variance: Callable[[Layer], float]
    distribution: Literal["normal", "uniform", "orthogonal"]


SCHEMES: dict[str, Scheme] = {
    "torch_default": Scheme(torch_default, "uniform"),
    "torch_default_normal": Scheme(torch_default, "normal"),
    "lecun_normal": Scheme(lecun, "normal"),
    "lecun_uniform": Scheme(lecun, "uniform"),
    "xavier_normal": Scheme(xavier, "normal"),
    "xavier_uniform": Scheme(xavier, "uniform"),
    "kaiming_normal": Scheme(kaiming, "normal"),
    "kaiming_uniform": Scheme(kaiming, "uniform"),
    "normal": Scheme(normal, "normal"),
    "normal_uniform": Scheme(normal, "uniform"),
    "ikun_v1": Scheme(ikun_v1, "normal"),
    "ikun_v1_uniform": Scheme(ikun_v1, "uniform"),
    "ikun_v2": Scheme(ikun_v2, "normal"),
    "ikun_v2_uniform": Scheme(ikun_v2, "uniform"),
    "micheli": Scheme(micheli, "normal"),
    "micheli_uniform": Scheme(micheli, "uniform"),
    "fluctuation_driven": Scheme(fluctuation_driven, "normal"),
    "fluctuation_driven_uniform": Scheme(fluctuation_driven, "uniform"),
    "spikeinit": Scheme(spikeinit, "normal"),
    "spikeinit_uniform": Scheme(spikeinit, "uniform"),
    "surrogate_backward": Scheme(surrogate_backward, "normal"),
    "surrogate_backward_uniform": Scheme(surrogate_backward, "uniform"),
    "orthogonal": Scheme(orthogonal, "orthogonal"),
}
# The distribution that the IKUN protocol draws each of these baselines from.
SCHEMES |= {
    "lecun": SCHEMES["lecun_normal"],
    "xavier": SCHEMES["xavier_uniform"],
    "kaiming": SCHEMES["kaiming_uniform"],
}


def scheme_by_name(name: str) -> Scheme:
    """Look a scheme up; ValueError with close matches if there is none of that name."""
    if name not in SCHEMES:
        raise ValueError(
            f"initialisation {name!r} is unknown.{close_to(name, SCHEMES)} "
            f"Known: {', '.join(sorted(SCHEMES))}."
        )
    return SCHEMES[name]
