"""Activity of invented spiking networks, and their curvature under several surrogates."""

from synthetic_results import SHARPEST, header

from landscape.results import Activity, ActivityRow, Firing, OperatorSpec, SynapseRow
from landscape.results.fidelity import Ratio
from landscape.results.surrogates import SurrogateRow, SurrogateTable
from landscape.values import Eigenvalue, Estimate


def activity(label: str) -> Activity:
    top = SHARPEST.get(label, 1.7)
    rates = {"conv_fc.2": (0.02 * top, 0.05 * top), "conv_fc.6": (0.04 * top, 0.03 * top)}
    layers = tuple(
        ActivityRow(
            name=name,
            num_neurons=12544,
            firing_rate=Estimate(sum(by_step) / 2, 0.001, dof=999),
            by_step=by_step,
            num_dead=213,
            num_saturated=2,
        )
        for name, by_step in rates.items()
    )
    return Activity(
        **header(label),
        firing=Firing(layers=layers, firing_rate=Estimate(0.035 * top, 0.001, dof=999)),
        synapses=(
            SynapseRow(
                name="conv_fc.0", inputs="analog", operations=107584.0, connections=107584.0
            ),
            SynapseRow(
                name="conv_fc.4", inputs="spikes", operations=522948.2, connections=1638400.0
            ),
        ),
        uncounted=("decoder",),
    )


def surrogates(label: str) -> SurrogateTable:
    top = SHARPEST.get(label, 1.7)
    return SurrogateTable(
        **header(label),
        operator=OperatorSpec(name="hessian", num_params=1000),
        rows=tuple(
            SurrogateRow(
                surrogate=name,
                is_own=name == "atan(alpha=2)",
                grad_norm=0.026 * factor,
                largest=Eigenvalue(value=top * factor, residual=1e-4, converged=factor == 1),
                trace=Estimate(5.6 * factor, 1.3),
                frobenius_norm=Estimate(2.3 * factor, 0.13),
                ratio=ratio,
                verdict="usable-above",
            )
            for name, factor, ratio in (
                ("atan(alpha=2)", 1.0, Ratio(value=1.14, low=0.98, high=1.31)),
                ("triangle(alpha=1)", 1.7, None),
            )
        ),
        reference_radius=0.01,
        num_matvecs=130,
        num_evaluations=50,
    )
