"""Measures of flatness: what each is, which way is flatter, what leaves it alone, what reads it.

S is the scale (none, filter, weight, symmetry) and ρ a relative radius: noise ρ S ε and the ball
‖S⁻¹ e‖ <= ρ √P, both about ρ ‖θ‖ long.
"""

from dataclasses import dataclass

from landscape.catalog.registry import Part, Registry
from landscape.catalog.scales import BATCH_NORM, RELU, scale_called

OVER_PROBES, OVER_NOISE, OVER_EXAMPLES = "probes", "noise pairs", "examples"
OF_SOLVER = "none: a solver's residual"


@dataclass(frozen=True, kw_only=True)
class MeasureKind:
    """A measure, of which a checkpoint has a value for each scale, radius, operator and layer.

    Attributes
    ----------
    name
        What users type: ``--primary``, ``--measures``; in JSON and CSV.
    title, sentence, formula, source
        What readers see, and what it tells them.
    symbol
        The title for a paper's narrow column; empty: the title itself.
    unit
        None: that of eigenvalues of the scaled operator.
    better
        Which way is flatter: lower | higher | neither.
    is_sharpness
        Whether tables of sharpness show it, and comparisons take it; a spectrum has more numbers.
    compared_at
        Scales at which groups are compared by it unasked: at the first that was measured. Each kind
        that has some takes part of what alpha leaves after the one that decides, so that six pairs
        of runs suffice for two kinds, and for no more.
    shown_at
        Scales at which the table at the end of a command shows it: the first that was measured.
    usual_radius
        The radius at which both is done, or the nearest to it that was measured.
    hard_forward
        Whether it is read off the network's own forward, spikes included.
    error_over
        What its standard error is taken over.
    is_positive
        Whether it is so by definition: its interval is then that of its logarithm.
    invariant_under
        Rescalings of the weights that leave it alone; None: those that leave its scale alone.
    read
        ``module:function`` of a result, the :class:`landscape.results.readings.Reading` of this
        measure that the result holds, if any; empty: it stands in tables of sharpness only.
    of
        The type of result that ``read`` reads it off, by name: whose commands give it.
    rows
        ``module:function`` of (target, settings), the
        :class:`landscape.analysis.sharpness.rows.Rows` that measure it; empty: it is read off
        what was computed for something else.
    """

    name: str
    title: str
    sentence: str
    formula: str
    source: str
    symbol: str = ""
    unit: str | None = None
    better: str = "lower"
    is_sharpness: bool = True
    compared_at: tuple[str, ...] = ()
    shown_at: tuple[str, ...] = ()
    usual_radius: float | None = None
    hard_forward: bool = False
    error_over: str
    is_positive: bool = False
    invariant_under: tuple[str, ...] | None = None
    read: str = ""
    of: str = ""
    rows: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether groups can be compared by it: one side is flatter."""
        return self.is_sharpness and self.better != "neither"

    def unit_at(self, scale: str) -> str:
        """The unit with S of that scale."""
        return scale_called(scale).unit if self.unit is None else self.unit

    def invariant_at(self, scale: str) -> tuple[str, ...]:
        """Rescalings that leave it alone, with S of that scale."""
        own = self.invariant_under
        return scale_called(scale).invariant_under if own is None else own


_READ = "landscape.results.readings"
_ROWS = "landscape.analysis.sharpness.rows"

MEASURES = Registry(
    "measure",
    MeasureKind(
        name="lambda_max",
        title="largest eigenvalue",
        symbol="λ_max",
        sentence="the curvature along the sharpest direction",
        formula="λ_max(S A S)",
        source="Keskar et al. 2017, arXiv 1609.04836; scaled: Kwon et al. 2021, arXiv 2102.11600",
        compared_at=("filter", "none"),
        shown_at=("none", "filter"),
        error_over=OVER_EXAMPLES,
        read=f"{_READ}:largest_eigenvalue",
        of="Eigenvalues",
    ),
    MeasureKind(
        name="lambda_min",
        title="smallest eigenvalue",
        symbol="λ_min",
        sentence="the curvature along the direction that bends down most",
        formula="λ_min(S A S)",
        source="Sagun et al. 2018, arXiv 1706.04454",
        better="neither",
        is_sharpness=False,
        error_over=OF_SOLVER,
        read=f"{_READ}:smallest_eigenvalue",
        of="Eigenvalues",
    ),
    MeasureKind(
        name="trace",
        title="trace",
        symbol="tr",
        sentence="the sum of all eigenvalues",
        formula="tr(S A S)",
        source="Yao et al. 2020, arXiv 1912.07145",
        is_sharpness=False,  # P times the mean curvature
        shown_at=("none", "filter"),
        error_over=OVER_PROBES,
        read=f"{_READ}:trace",
        of="Trace",
    ),
    MeasureKind(
        name="mean_curvature",
        title="mean curvature",
        symbol="tr / P",
        sentence="the mean eigenvalue: the curvature along a random direction",
        formula="tr(S A S) / P",
        source="Yao et al. 2020, arXiv 1912.07145",
        error_over=OVER_PROBES,
        read=f"{_READ}:mean_curvature",
        of="Trace",
    ),
    MeasureKind(
        name="frobenius_norm",
        title="Frobenius norm",
        symbol="‖A‖_F",
        sentence="the size of the whole spectrum, its large eigenvalues above all",
        formula="‖S A S‖_F",
        source="Wu et al. 2022, arXiv 2207.02628",
        error_over=OVER_PROBES,
        is_positive=True,
        read=f"{_READ}:frobenius_norm",
        of="Trace",
    ),
    MeasureKind(
        name="effective_rank",
        title="effective rank",
        sentence="how many eigenvalues share the trace: the shape of a spectrum, not its size",
        formula="tr(S A S)² / ‖S A S‖_F²",
        source="Bartlett et al. 2020, arXiv 1906.11300 (effective rank R₀)",
        unit="1",
        better="neither",  # it falls when the top eigenvalue grows
        error_over=OVER_PROBES,
        read=f"{_READ}:effective_rank",
        of="Trace",
    ),
    MeasureKind(
        name="negative_mass",
        title="negative mass",
        sentence="the share of eigenvalues that are negative beyond what quadrature can tell",
        formula="#{λ_i < -threshold} / P",
        source="Ghorbani et al. 2019, arXiv 1901.10159",
        unit="1",
        better="neither",
        is_sharpness=False,
        error_over=OVER_PROBES,
        read=f"{_READ}:negative_mass",
        of="SpectralDensity",
    ),
    MeasureKind(
        name="expected_rise",
        title="expected rise",
        symbol="rise",
        sentence="average-case sharpness: how much random noise on the weights costs",
        formula="[E L(θ + ρ S ε) - E L(θ + ρ₀ S ε)] ρ² / (ρ² - ρ₀²), ε ~ N(0, I), ρ₀ = 0.01 and at "
        "most ρ / 3; on a quadratic E L(θ + ρ S ε) - L(θ)",
        source="Neyshabur et al. 2017, arXiv 1706.08947; scaled: Kwon et al. 2021",
        unit="loss",
        compared_at=("filter", "none"),
        shown_at=("filter", "none"),
        usual_radius=0.1,  # several times the roughness of spiking networks
        hard_forward=True,
        error_over=OVER_NOISE,
        rows=f"{_ROWS}:expected_rises",
    ),
    MeasureKind(
        name="radius_of_rise",
        title="radius of a rise",
        sentence="how much random noise on the weights it takes to raise the loss by a set amount",
        formula="ρ at which the expected rise is a share of L(0), the loss with all weights zero",
        source="the expected rise, inverted",
        unit="fraction of the weights",
        better="higher",
        hard_forward=True,
        error_over=OVER_NOISE,
        rows=f"{_ROWS}:radii_of_rise",
    ),
    MeasureKind(
        name="smoothed_trace",
        title="trace of the smoothed Hessian",
        sentence="the curvature that the real loss has under noise of that size",
        formula="tr ∇²L_s, L_s(θ) = E L(θ + s ε), mean over s² within ±50 % of (ρ ‖θ‖)² / P",
        source="dL_s/d(s²) = ½ tr ∇²L_s, the heat equation",
        hard_forward=True,
        error_over=OVER_NOISE,
        rows=f"{_ROWS}:smoothed_traces",
    ),
    MeasureKind(
        name="worst_rise",
        title="worst-case rise",
        symbol="worst rise",
        sentence="worst-case sharpness: how much the worst change of the weights in a ball costs",
        formula="max L(θ + e) - L(θ) over ‖S⁻¹ e‖ <= ρ √P; what an ascent finds, a lower bound, "
        "whose error is over examples only",
        source="Keskar et al. 2017, arXiv 1609.04836; Andriushchenko et al. 2023, arXiv 2302.07011",
        unit="loss",
        hard_forward=True,
        error_over=OVER_EXAMPLES,
        rows=f"{_ROWS}:worst_rises",
    ),
    MeasureKind(
        name="sam_rise",
        title="rise at SAM's step",
        symbol="SAM rise",
        sentence="how much a step along the gradient to the edge of that ball costs",
        formula="L(θ + e) - L(θ) at e = ρ √P S² ∇L / ‖S ∇L‖",
        source="Foret et al. 2021, arXiv 2010.01412",
        unit="loss",
        hard_forward=True,
        error_over=OVER_EXAMPLES,
        rows=f"{_ROWS}:sam_rises",
    ),
    MeasureKind(
        name="sam_first_order",
        title="SAM's first-order value",
        sentence="what the gradient alone predicts for that step",
        formula="ρ √P ‖S ∇L(θ)‖",
        source="Foret et al. 2021, arXiv 2010.01412",
        unit="loss",
        error_over="none: exact",
    ),
    MeasureKind(
        name="relative_flatness",
        title="relative flatness",
        sentence="the curvature of one layer weighted by its weights",
        formula="Σ_{r,s} ⟨w_r, w_s⟩ tr H_{r,s} over rows of one layer",
        source="Petzka et al. 2021, NeurIPS, definition 3",
        unit="loss",
        error_over=OVER_PROBES,
        invariant_under=(BATCH_NORM, RELU),
        rows=f"{_ROWS}:relative_flatnesses",
    ),
    MeasureKind(
        name="tolerated_noise",
        title="tolerated noise",
        sentence="how much random noise on the weights the accuracy bears",
        formula="largest ρ with E accuracy(θ + ρ S ε) >= accuracy(θ) - drop",
        source="Jiang et al. 2020, arXiv 1912.02178",
        unit="fraction of the weights",
        better="higher",
        hard_forward=True,
        error_over=OVER_NOISE,
        rows=f"{_ROWS}:tolerated_noises",
    ),
    MeasureKind(
        name="cusp_slope",
        title="cusp slope",
        sentence="how steep the real loss leaves θ along the steepest direction tested",
        formula="(L(θ + t v) + L(θ - t v) - 2 L(θ)) / (2 t), mean over small t",
        source="rise per unit of θ where the loss is a staircase",
        unit="loss/θ",
        hard_forward=True,
        error_over="groups of examples",
        read=f"{_READ}:steepest_cusp",
        of="Fidelity",
    ),
)

COMPARED = Part(MEASURES, lambda kind: kind.is_compared)
SAMPLED = Part(MEASURES, lambda kind: bool(kind.rows))  # not read off other results
