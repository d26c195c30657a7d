"""What one analysis found: results as properties, figures as methods, tables in a notebook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import TypeVar

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from landscape.page.material import slug
from landscape.page.numbers import rounded
from landscape.plotting import (
    COLUMN_WIDTH,
    figure_style,
    plot_density,
    plot_eigenvalues,
    plot_fidelity,
    plot_layers,
    plot_line,
    plot_plane,
    shared_levels,
)
from landscape.report import write_report
from landscape.results import (
    Activity,
    Eigenvalues,
    Fidelity,
    LayerTable,
    LeftOut,
    LossLine,
    LossPlane,
    Measure,
    Preflight,
    Result,
    Robustness,
    SharpnessTable,
    SpectralDensity,
    Subject,
    SurrogateTable,
    Trace,
    measure_title,
    readings_of,
    save_result,
)

_R = TypeVar("_R", bound=Result)


@dataclass(frozen=True, eq=False, repr=False)
class Findings:
    """What was found about one network; each property is a result, each plot one figure.

    Attributes
    ----------
    results
        Every result by the name of its file in a report's folder.
    """

    results: Mapping[str, Result]

    @property
    def subject(self) -> Subject:
        """Network, examples, loss: what these numbers are numbers of."""
        return next(iter(self.results.values())).subject

    @property
    def preflight(self) -> Preflight:
        return self._get("preflight", Preflight)

    @property
    def eigenvalues(self) -> Eigenvalues:
        return self._get("eigenvalues", Eigenvalues)

    @property
    def density(self) -> SpectralDensity:
        return self._get("density", SpectralDensity)

    @property
    def trace(self) -> Trace:
        return self._get("trace", Trace)

    @property
    def layers(self) -> LayerTable:
        return self._get("layers", LayerTable)

    @property
    def line(self) -> LossLine:
        return self._get("line", LossLine)

    @property
    def plane(self) -> LossPlane:
        return self._get("plane", LossPlane)

    @property
    def sharpness(self) -> SharpnessTable:
        return self._get("sharpness", SharpnessTable)

    @property
    def fidelity(self) -> Fidelity:
        return self._get("fidelity", Fidelity)

    @property
    def robustness(self) -> Robustness:
        return self._get("robustness", Robustness)

    @property
    def activity(self) -> Activity:
        return self._get("activity", Activity)

    @property
    def surrogates(self) -> SurrogateTable:
        return self._get("surrogates", SurrogateTable)

    def plot_eigenvalues(self, ax: Axes | None = None) -> Axes:
        """Draw both ends of the spectrum; see :func:`landscape.plotting.plot_eigenvalues`."""
        result = self.eigenvalues
        return _drawn(lambda axes: plot_eigenvalues([result], axes), ax)

    def plot_density(self, ax: Axes | None = None, *, log: bool = True) -> Axes:
        """Draw the eigenvalue density; see :func:`landscape.plotting.plot_density`."""
        result = self.density
        return _drawn(lambda axes: plot_density([result], axes, log=log), ax)

    def plot_layers(self, ax: Axes | None = None) -> Axes:
        """Draw each layer's largest eigenvalue; see :func:`landscape.plotting.plot_layers`."""
        result = self.layers
        return _drawn(lambda axes: plot_layers([result], axes), ax)

    def plot_line(self, ax: Axes | None = None, *, log: bool = False) -> Axes:
        """Draw the loss along random lines; see :func:`landscape.plotting.plot_line`."""
        result = self.line
        return _drawn(lambda axes: plot_line([result], axes, log=log), ax)

    def plot_plane(self, ax: Axes | None = None, *, log: bool = True) -> Axes:
        """Draw the loss over a plane; see :func:`landscape.plotting.plot_plane`."""
        result, levels = self.plane, shared_levels([self.plane], log=log)
        return _drawn(lambda axes: plot_plane(result, axes, levels=levels, log=log), ax)

    def plot_fidelity(self, ax: Axes | None = None) -> Axes:
        """Draw measured against predicted loss; see :func:`landscape.plotting.plot_fidelity`."""
        result = self.fidelity
        return _drawn(lambda axes: plot_fidelity(result, axes), ax)

    def report(self, folder: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write the results and the report made of them into ``folder``; give its page's path.

        Networks reported to one folder under different labels are not joined into one page: for
        that run ``landscape report`` on the folder.
        """
        place = Path(folder)
        label = self.subject.label
        for name, result in self.results.items():
            save_result(result, place / "results" / slug(label) / f"{name}.json")
        return write_report(place, list(self.results.values()), title=title or label)

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self._rows())
        lines = [f"  {name:<{width}}  {value}" for name, value in self._rows()]
        return "\n".join([self._headline(), *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td>{escape(value)}</td></tr>'
            for name, value in self._rows()
        )
        return f"<p>{escape(self._headline())}</p><table>{rows}</table>"

    def _headline(self) -> str:
        s = self.subject
        return (
            f"{s.label}: {s.num_params:,} parameters, {s.num_examples:,} examples of {s.data}, "
            f"{s.loss_name}"
        )

    def _rows(self) -> list[tuple[str, str]]:
        s = self.subject
        rows = [("loss", rounded(s.loss).text())]
        if s.accuracy is not None:
            rows.append(("accuracy", rounded(s.accuracy).text()))
        rows.append(("gradient norm", rounded(s.grad_norm).text()))
        for result in self.results.values():
            rows += _summary(result)
        left_out = [r.note for r in self.results.values() if isinstance(r, LeftOut)]
        return rows + [("note", note) for note in (*s.notes, *left_out)]

    def _get(self, name: str, kind: type[_R]) -> _R:
        found = self.results.get(name)
        left_out = self.results.get(f"left-out-{name}")
        if isinstance(left_out, LeftOut):
            raise ValueError(left_out.note)
        if not isinstance(found, kind):
            raise ValueError(
                f"{name} was not part of this analysis, which holds {', '.join(self.results)}; "
                "run analyze again with it in 'only', or without it in 'skip'."
            )
        return found


def _summary(result: Result) -> list[tuple[str, str]]:
    """The numbers of ``result`` that stand for it in a table of all."""
    match result:
        case Preflight():
            failed = [check.name for check in result.checks if check.status == "fail"]
            return [("preflight", f"failed: {', '.join(failed)}" if failed else "passed")]
        case Eigenvalues():
            return [_of_measure(reading.measure, result) for reading in readings_of(result)]
        case Trace():
            return [_of_measure(readings_of(result)[0].measure, result)]
        case SharpnessTable():
            plain = [row for row in result.rows if row.operator is None and row.layer is None]
            return [_of_measure(row, result) for row in plain]
        case Fidelity():
            return [("fidelity", result.sentence)]
        case Activity():
            return [
                _of_measure(readings_of(result)[0].measure, result),
                ("synaptic operations an example", rounded(result.synaptic_operations).text()),
            ]
        case Robustness():
            return [
                (f"{row.title}: rise of the {row.split} loss", rounded(e.mean, e.stderr).text())
                for row in result.on(result.split)
                if (e := row.loss_change) is not None
            ]
    return []


def _of_measure(row: Measure, result: Result) -> tuple[str, str]:
    params = result.operator.params if isinstance(result, Eigenvalues | Trace) else "*"
    title = measure_title(row, spiking=result.subject.spiking, params=params)
    return title, f"{row.bound} {rounded(row.value, row.stderr).text()} {row.unit}".lstrip()


def _drawn(draw: Callable[[Axes], object], ax: Axes | None) -> Axes:
    """Draw on ``ax``, or on a new figure of pyplot's, which notebooks show by themselves."""
    if ax is not None:
        draw(ax)
        return ax
    with figure_style():
        _, axes = plt.subplots(figsize=(1.5 * COLUMN_WIDTH, COLUMN_WIDTH))
        draw(axes)
    return axes
