"""Lines and the plane in a report."""

import numpy as np

from landscape.analysis.progress import Progress
from landscape.analysis.suite_settings import SuiteSettings
from landscape.analysis.surface.course import random_course
from landscape.analysis.surface.run import loss_plane, random_lines
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target import Target
from landscape.analysis.work import Cost, Results, Work, state_of


def run_line(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The loss along random filter-normalised lines that every checkpoint of a report shares."""
    axis = np.linspace(-settings.extent, settings.extent, settings.budget.line_points)
    return {
        "line": random_lines(
            target.part(settings.budget.part),
            num_directions=settings.budget.num_directions,
            normalisation="filter",
            axis=axis,
            settings=SurfaceSettings(
                operator=settings.operator, store=state_of(settings, target, "line.points")
            ),
            progress=progress,
        )
    }


def run_plane(
    target: Target, settings: SuiteSettings, earlier: Results, progress: Progress
) -> Results:
    """The loss over a plane of two such directions."""
    axis = np.linspace(-settings.extent, settings.extent, settings.budget.plane_points)
    target = target.part(settings.budget.part)
    return {
        "plane": loss_plane(
            target,
            course=random_course(target, dimensions=2, normalisation="filter"),
            x_axis=axis,
            y_axis=axis,
            settings=SurfaceSettings(store=state_of(settings, target, "plane.points")),
            progress=progress,
        )
    }


def cost_of_line(work: Work) -> Cost:
    """A loss a point, and the product that the curvature at the minimum takes."""
    budget = work.suite.budget
    return work.on_part(Cost(1, budget.num_directions * budget.line_points, work.graph_bytes))


def cost_of_plane(work: Work) -> Cost:
    """A loss a point."""
    return work.on_part(Cost(0, work.suite.budget.plane_points**2, work.graph_bytes))
