"""Curvature while the checkpoints trained, as probes measured it."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from landscape.page.material import Material
from landscape.page.section import ReportFigure, Section
from landscape.plotting import legend_above_all, plot_probe
from landscape.results.probe import LAMBDA_MAX, ProbeCurves


def probe_section(material: Material) -> Section | None:
    """Sharpness with the optimiser's edge of stability, and the loss, over steps."""
    curves = material.of(ProbeCurves)
    if not curves:
        return None
    return Section(
        key="probe",
        title="While it trained",
        summary="; ".join(_last(c) for c in curves[:3]),
        on_paper=False,
        figures=(
            ReportFigure(
                name="probe-sharpness",
                draw=partial(_draw, material, curves),
                height=2.7,
                narrow_height=5.0,
                caption="Largest eigenvalue over steps of the optimiser, with its residual as a "
                "band and dotted the optimiser's edge of stability; beside it the loss on the "
                "probe's examples.",
                alt=f"Sharpness and loss by step for {', '.join(c.subject.label for c in curves)}.",
            ),
        ),
        notes=(
            "In full batches sharpness rises to the edge and stays near it; noise of small batches "
            "keeps it below.",
            *(_of(c, curves, words) for c in curves for words in _words(c)),
        ),
    )


def _last(curves: ProbeCurves) -> str:
    """The last value, and how near the edge sharpness came."""
    values = getattr(curves, curves.sharpness)
    known = values[np.isfinite(values)]
    if not len(known):
        return f"{len(values)} calls"
    shares = (values / curves.edge)[np.isfinite(values) & (curves.edge > 0)]
    beside = f", up to {shares.max():.2f} of its edge" if len(shares) else ""
    return f"{known[-1]:.4g} at the end{beside}"


def _words(curves: ProbeCurves) -> list[str]:
    what = "" if curves.sharpness == LAMBDA_MAX else ", preconditioned by the optimiser"
    found = [f"sharpness is the largest eigenvalue of the {curves.matrix}{what}"]
    if curves.turned:
        steps = ", ".join(map(str, curves.turned[:8]))
        more = ", …" if len(curves.turned) > 8 else ""
        found.append(f"another direction became the sharpest at steps {steps}{more}")
    return [*found, *curves.warnings, *curves.notes]


def _of(curves: ProbeCurves, all_curves: list[ProbeCurves], words: str) -> str:
    return words if len(all_curves) == 1 else f"{curves.subject.label}: {words}"


def _draw(material: Material, curves: list[ProbeCurves], figure: Figure, log: bool) -> None:
    shape = (2, 1) if figure.get_figwidth() < 4 else (1, 2)
    sharpness, loss = figure.subplots(*shape, squeeze=False).flat
    plot_probe(curves, sharpness, strokes=material.strokes)
    plot_probe(curves, loss, measure="loss", strokes=material.strokes)
    legend_above_all(figure)
