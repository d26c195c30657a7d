"""How much an analysis may cost: three named budgets, each number with its one home here."""

from collections.abc import Sequence
from dataclasses import dataclass

from landscape.analysis.fidelity.settings import SUMMARY, FidelitySettings
from landscape.analysis.robustness.settings import RobustnessSettings
from landscape.analysis.sharpness.settings import SharpnessSettings
from landscape.catalog import ANALYSES
from landscape.catalog.measures import SAMPLED


@dataclass(frozen=True, kw_only=True)
class ScaledBudget:
    """How much of the scaled spectrum: what verdicts read are its largest eigenvalue and trace."""

    num_largest: int
    num_smallest: int
    num_steps: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a budget buys.

    Attributes
    ----------
    num_largest, num_smallest
        Eigenpairs at the two ends.
    tol
        Their true residuals relative to ‖A‖.
    num_probes, num_steps
        Probes of the quadrature, and Lanczos steps of each.
    max_matvecs
        Hard limit of one spectrum.
    scaled
        Pairs and steps of the scaled spectrum; None: those of the plain one.
    layer_probes, layer_steps
        Probes and steps of each layer's block. Rather few long probes than many short ones: they
        also find an extreme eigenvalue that the search was blind to (2,560 parameters: two of 10
        steps did, five of 4 did not). None of its own (0): then its trace, as far as the probes of
        the whole tell it, and no eigenvalues.
    part
        Fidelity and surfaces, whose cost is their many evaluations, take so many of the examples at
        least, evenly from all; None: all.
    line_points, plane_points
        Grid points a side.
    num_directions
        Random directions of the 1-D surface.
    moves
        Whether the preflight follows λ_max as weights move along the network's symmetries; the
        trace it follows always, by some hundred gradients on a few examples.
    sharpness, fidelity, robustness
        Settings of these analyses.
    further
        Analyses that it runs unasked beside the usual ones.
    """

    num_largest: int
    num_smallest: int
    tol: float
    num_probes: int
    num_steps: int
    max_matvecs: int
    layer_probes: int
    layer_steps: int
    scaled: ScaledBudget | None = None
    part: int | None = None
    line_points: int
    plane_points: int
    num_directions: int
    moves: bool = True
    sharpness: SharpnessSettings
    fidelity: FidelitySettings
    robustness: RobustnessSettings
    further: tuple[str, ...] = ()

    @property
    def unasked(self) -> tuple[str, ...]:
        """Names of the analyses that are run where none is named, in the catalog's order."""
        return tuple(n for n, kind in ANALYSES.items() if kind.is_usual or n in self.further)

    def left_out(self, names: Sequence[str]) -> list[str]:
        """What of the analyses called ``names`` it lacks, or gives less exactly, in words."""
        asked = self.sharpness
        measures = [SAMPLED[name].title for name in SAMPLED if name not in asked.measures]
        scales = [name for name in SharpnessSettings().scales if name not in asked.scales]
        reduced = {
            "preflight": "" if self.moves else "λ_max after moves along the network's symmetries",
            "scaled": "all but the top of the scaled spectrum" if self.scaled else "",
            "layers": ""
            if self.layer_probes
            else "eigenvalues of layers, and traces that probes of the whole network do not tell",
            "sharpness": ", ".join([*measures, *(f"the scale {name}" for name in scales)]),
            "fidelity": self._examples_left,
            "robustness": f"robustness on all but about {self.robustness.part} of the examples"
            if self.robustness.part
            else "",
            "line": self._examples_left,
            "plane": self._examples_left,
        }
        return list(dict.fromkeys(reduced[n] for n in names if reduced.get(n)))

    @property
    def _examples_left(self) -> str:
        """Of analyses that take a part of the examples."""
        if self.part is None:
            return ""
        return f"fidelity and surfaces on all but about {self.part} of the examples"

    @property
    def layers_max_matvecs(self) -> int:
        """Hard limit of the whole table of layers: what four spectra may take."""
        return 4 * self.max_matvecs


STANDARD = "standard"  # where none is named

BUDGETS: dict[str, Budget] = {
    "quick": Budget(
        num_largest=6,  # as many as the error of the largest over examples takes
        num_smallest=3,
        tol=1e-3,
        num_probes=3,
        num_steps=20,
        max_matvecs=400,
        scaled=ScaledBudget(num_largest=6, num_smallest=0, num_steps=10),
        layer_probes=0,
        layer_steps=0,
        part=250,
        line_points=21,
        plane_points=15,
        num_directions=3,
        moves=False,
        sharpness=SharpnessSettings(
            measures=("expected_rise", "worst_rise", "sam_rise"),
            scales=("none", "filter"),
            radii=(0.03, 0.1, 0.3),
            ball_radii=(0.003,),
            num_pairs=5,
            num_restarts=2,  # towards both ends of the sharpest direction
            num_steps=3,
        ),
        fidelity=SUMMARY,
        robustness=RobustnessSettings(),
    ),
    STANDARD: Budget(
        num_largest=10,
        num_smallest=10,
        tol=1e-4,
        num_probes=5,
        num_steps=40,
        max_matvecs=2_000,
        layer_probes=2,
        scaled=ScaledBudget(num_largest=6, num_smallest=1, num_steps=20),
        layer_steps=15,
        part=500,
        line_points=51,
        plane_points=31,
        num_directions=5,
        sharpness=SharpnessSettings(),
        fidelity=FidelitySettings(),
        robustness=RobustnessSettings(),
    ),
    "thorough": Budget(
        num_largest=50,
        num_smallest=50,
        tol=1e-5,
        num_probes=16,
        num_steps=100,
        max_matvecs=10_000,
        layer_probes=8,
        layer_steps=40,
        line_points=101,
        plane_points=51,
        num_directions=10,
        sharpness=SharpnessSettings(num_pairs=50, num_restarts=5, num_steps=30, num_probes=50),
        fidelity=FidelitySettings(
            num_top=3,
            num_bottom=2,
            num_random=5,
            num_filter=3,
            max_matvecs=150,
            num_pairs=16,
            slopes=(0.5, 2.0, 4.0, 8.0),
        ),
        robustness=RobustnessSettings(num_pairs=10, part=None),
        further=("robustness",),
    ),
}
