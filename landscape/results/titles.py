"""What readers see in place of keys: titles of measures and operators.

Keys (``expected_rise[filter] ρ=0.03``) stay where programs read them: JSON, CSV, ``--primary``.
"""

from landscape.results.sharpness import MEASURES, Measure


def operator_title(name: str, *, spiking: bool) -> str:
    """An operator's name for a reader; on a spiking network the Hessian is a formal one."""
    return {
        "hessian": "formal Hessian" if spiking else "Hessian",
        "ggn": "Gauss-Newton matrix",
        "fisher": "empirical Fisher matrix",
        "smooth-hessian": "smooth-forward Hessian",
    }.get(name, name)


def measure_title(row: Measure, *, spiking: bool, params: str = "*") -> str:
    """A measure's name for a reader, such as ``expected rise (filter scale, ρ = 0.03)``.

    ``params`` is the glob of the parameters that the operator was restricted to.
    """
    details = []
    if row.scale != "none":
        details.append(f"{row.scale} scale")
    if row.operator:
        details.append(operator_title(row.operator, spiking=spiking))
    if row.layer:
        details.append(row.layer)
    if params != "*":
        details.append(params)
    if row.radius is not None:
        details.append(f"ρ = {row.radius:g}")
    return MEASURES[row.name].title + (f" ({', '.join(details)})" if details else "")
