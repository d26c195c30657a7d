"""Training curves."""

from functools import partial

from matplotlib.figure import Figure

from landscape.page.material import Material
from landscape.page.section import ReportFigure, Section
from landscape.plotting import legend_above_all, plot_training_curves
from landscape.results.training import TrainingCurves


def training_section(material: Material) -> Section | None:
    """Loss and accuracy against the epoch, on training and on test data."""
    curves = material.runs(TrainingCurves)
    if not curves:
        return None
    with_test = any(c.test_loss is not None for c in curves)
    known = {
        what: tuple(
            f"{split}_{what}"
            for split in ("train", "test")
            if any(getattr(c, f"{split}_{what}") is not None for c in curves)
        )
        for what in ("loss", "accuracy")
    }
    return Section(
        key="training",
        title="Training",
        summary=f"{' and '.join(what for what, found in known.items() if found)} by epoch",
        on_paper=False,
        figures=tuple(
            _figure(material, curves, what, found) for what, found in known.items() if found
        ),
        notes=(
            "Compare where each run ends: checkpoints at different losses are not compared at a "
            "matched point.",
            "Training values are means over an epoch while the weights moved"
            + ("; test values are measured at its end." if with_test else "."),
        ),
    )


def _figure(
    material: Material, curves: list[TrainingCurves], what: str, measures: tuple[str, ...]
) -> ReportFigure:
    return ReportFigure(
        name=f"training-{what}",
        draw=partial(_draw, material, curves, measures),
        height=2.7,
        narrow_height=2.5 * len(measures),
        scales=(True, False) if what == "loss" else (False,),
        caption=f"{what.capitalize()} by epoch, training and test; {_lines(material)}.",
        alt=f"{what.capitalize()} by epoch for "
        f"{', '.join(dict.fromkeys(material.groups[c.subject.label] for c in curves))}.",
    )


def _lines(material: Material) -> str:
    return "median and range over the runs of a recipe" if material.is_banded else "a line a run"


def _draw(
    material: Material,
    curves: list[TrainingCurves],
    measures: tuple[str, ...],
    figure: Figure,
    log: bool,
) -> None:
    narrow = figure.get_figwidth() < 4
    shape = (len(measures), 1) if narrow else (1, len(measures))
    panels = figure.subplots(*shape, squeeze=False).flat
    for ax, measure in zip(panels, measures, strict=True):
        plot_training_curves(
            curves, ax, measure=measure, strokes=material.strokes, groups=material.groups, log=log
        )
    legend_above_all(figure)
