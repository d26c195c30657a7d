"""What readers see in place of keys: titles of measures and operators.

Keys (``expected_rise[filter] ρ=0.03``) stay where programs read them: JSON, CSV, ``--primary``.
"""

from landscape.catalog import OPERATORS, SCALES
from landscape.results.sharpness import MEASURES, Measure
from landscape.results.subject import OperatorSpec


def operator_title(name: str, *, spiking: bool) -> str:
    """An operator's name for a reader; on a spiking network the Hessian is a formal one."""
    return OPERATORS[name].titled(spiking=spiking) if name in OPERATORS else name


def measure_title(row: Measure, *, spiking: bool, params: str = "*") -> str:
    """A measure's name for a reader, such as ``expected rise (filter scale, ρ = 0.03)``.

    ``params`` is the glob of the parameters that the operator was restricted to.
    """
    return _detailed(
        MEASURES[row.name].title,
        f"{row.scale} scale" if row.scale != "none" else "",
        operator_title(row.operator, spiking=spiking) if row.operator else "",
        row.layer or "",
        params if params != "*" else "",
        "" if row.radius is None else f"ρ = {row.radius:g}",
    )


def flatter_arrow(row: Measure) -> str:
    """The way in which a measure is flatter; nothing where neither way is."""
    return {"lower": "↓", "higher": "↑"}.get(MEASURES[row.name].better, "")


def spectrum_title(what: str, spec: OperatorSpec, *, spiking: bool) -> str:
    """A number of a spectrum for a reader, such as ``trace (filter scale, formal Hessian)``."""
    return _detailed(
        what,
        f"{spec.scale} scale" if spec.scale != "none" else "",
        operator_title(spec.name, spiking=spiking),
        spec.params if spec.params != "*" else "",
    )


def spectrum_unit(spec: OperatorSpec) -> str:
    """Of an operator's eigenvalues, and of what is linear in them."""
    return SCALES[spec.scale].unit if spec.scale in SCALES else "loss"


def _detailed(what: str, *details: str) -> str:
    told = ", ".join(filter(None, details))
    return f"{what} ({told})" if told else what
