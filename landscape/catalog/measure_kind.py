"""What the catalog says of a measure."""

from dataclasses import dataclass

from landscape.catalog.scales import scale_called

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
        Scales at which groups are compared by it unasked: at the first that was measured and is
        certified as invariant on all networks, without a certificate at the first that was
        measured. Each kind that has some takes part of what alpha leaves after the one that
        decides, so that six pairs of runs suffice for two kinds, and for no more.
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
    rows_by
        What there is a row of in a table of sharpness: ``scale``, ``radius``, ``ball_radius``,
        ``layer``.
    beside
        The measure whose rows give this one too; empty: its own do.
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
    rows_by: tuple[str, ...] = ()
    beside: str = ""

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
