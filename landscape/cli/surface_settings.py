"""What ``landscape surface`` is asked beside how points are measured; without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from landscape.analysis.spectrum.settings import PARAMS_HELP, OperatorSettings
from landscape.catalog import OPERATORS
from landscape.settings import parse_shard, setting


@dataclass(frozen=True, kw_only=True)
class SurfaceRequest:
    """Where the loss is measured: along which directions, on which axes, which part of them.

    Attributes
    ----------
    shard
        (i, n): part i of n of the points only.
    merge
        Put so many shards together; nothing is measured.
    force
        Forget the points measured before.
    """

    x: str | None = setting(
        None,
        metavar="A:B:N",
        help="N coordinates from A to B.  [default: -1:1:51; of a plane -1:1:15; between and "
        "bezier 0:1:25; trajectory: around it]",
    )
    y: str | None = setting(None, metavar="A:B:N", help="The second axis: a plane, not a line.")
    direction: Literal["random", "eigenvector", "between", "bezier", "trajectory"] = setting(
        "random",
        help="between and bezier: from the first checkpoint (0) to the second (1); trajectory: "
        "principal components of its training snapshots.",
    )
    normalise: Literal["filter", "layer", "symmetry", "none"] | None = setting(
        None,
        help="Rescale directions to the weights; symmetry: by the scale of that name.  [default: "
        "filter if random, else none]",
    )
    num_directions: int = setting(1, minimum=1, help="Random lines to measure, for their spread.")
    directions_file: Path | None = setting(
        None, "--directions", help="Walk along the directions in this file."
    )
    save_directions: Path | None = setting(
        None, help="Keep the directions, before rescaling, in this file."
    )
    operator: str | None = setting(
        OperatorSettings.operator,
        choices=OPERATORS,
        none="none",
        help="Of the eigenvectors and the quadratic prediction; none: no prediction.",
    )
    params: str = setting(OperatorSettings.params, help=PARAMS_HELP)
    eigenvectors: str | None = setting(
        None,
        metavar="I[,J]",
        help="1 is the largest eigenvalue's, -1 the smallest's.  [default: 1 or 1,2]",
    )
    max_matvecs: int = setting(500, minimum=1, help="For the eigenvectors.")
    snapshots: Path | None = setting(
        None, help="Folder of the run's snapshots.  [default: CHECKPOINT.snapshots]"
    )
    bend_steps: int = setting(200, minimum=1, help="Training steps of the Bezier curve's bend.")
    bend_lr: float = setting(0.01)
    recalibrate: bool | None = setting(
        None,
        "--bn-recalibrate/--bn-keep",
        help="Batch norm's running statistics at each point.  [default: recalibrated for "
        "between and bezier, else kept]",
    )
    metrics: tuple[str, ...] = setting(
        (),
        "--metric",
        metavar="SPEC",
        repeatable=True,
        help="A further value at each point: module:function(outputs, targets).",
    )
    shard: tuple[int, int] | None = setting(
        None, metavar="I/N", parse=parse_shard, help="Measure part I of N of the points only."
    )
    merge: int | None = setting(
        None, metavar="N", minimum=2, help="Put the N shards together; nothing is measured."
    )
    force: bool = setting(False, help="Forget the points measured before.")

    @property
    def along_path(self) -> bool:
        """Whether the line goes from one checkpoint to another."""
        return self.direction in ("between", "bezier") and self.directions_file is None

    @property
    def follows_trajectory(self) -> bool:
        """Whether the plane is that of the training's snapshots."""
        return self.direction == "trajectory" and self.directions_file is None

    @property
    def passes(self) -> int:
        """Passes over the examples that finding the direction takes, about."""
        if self.directions_file is None and self.direction == "eigenvector":
            return 80  # some twenty products of four passes
        # A loss, and its gradient of twice as much, a step.
        return 3 * self.bend_steps if self.along_path and self.direction == "bezier" else 1


def surface_stem(what: str, kind: str) -> str:
    """What files of a surface are called, with its kind of direction where that is not random."""
    return what if kind == "random" else f"{what}-{kind}"
