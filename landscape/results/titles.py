"""What readers see in place of keys: titles of measures and operators.

Keys (``expected_rise[filter] ρ=0.03``) stay where programs read them: JSON, CSV, ``--primary``.
"""

from landscape.catalog import MEASURES, OPERATORS
from landscape.catalog.scales import scale_called
from landscape.results.sharpness import Measure
from landscape.results.subject import OperatorSpec


def operator_title(name: str, *, spiking: bool) -> str:
    """An operator's name for a reader; on a spiking network the Hessian is a formal one."""
    return OPERATORS[name].titled(spiking=spiking) if name in OPERATORS else name


def measure_title(row: Measure, *, spiking: bool, params: str = "*") -> str:
    """A measure's name for a reader, such as ``expected rise (filter scale, ρ = 0.03)``.

    ``params`` is the glob of the parameters that the operator was restricted to.
    """
    details = (
        f"{row.scale} scale" if row.scale != "none" else "",
        operator_title(row.operator, spiking=spiking) if row.operator else "",
        row.layer or "",
        params if params != "*" else "",
        "" if row.radius is None else f"ρ = {row.radius:g}",
    )
    told, title = ", ".join(filter(None, details)), MEASURES[row.name].title
    return f"{title} ({told})" if told else title


def flatter_arrow(row: Measure) -> str:
    """The way in which a measure is flatter; nothing where neither way is."""
    return {"lower": "↓", "higher": "↑"}.get(MEASURES[row.name].better, "")


def spectrum_unit(spec: OperatorSpec) -> str:
    """Of an operator's eigenvalues, and of what is linear in them."""
    return scale_called(spec.scale).unit
