"""Networks whose surfaces tests draw, and the settings that they draw them with."""

import torch
from drawn import drawn

from landscape.analysis.progress import quiet
from landscape.analysis.surface.course import random_course
from landscape.analysis.surface.run import loss_line, loss_plane
from landscape.analysis.surface.settings import SurfaceSettings
from landscape.analysis.target_settings import TargetSettings
from landscape.surface.grid import parse_axis

PLAIN = SurfaceSettings()
SETTINGS = TargetSettings(dtype="float64", batch_size=5)


def drawn_data(targets, shape=(12, 3)):
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(7))
    return drawn(inputs, targets)


def filled(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape, generator=generator))
    return model


def line_of(target, axis="-1:1:9", settings=PLAIN, **course):
    course = random_course(target, **{"dimensions": 1, "normalisation": "filter"} | course)
    return loss_line(
        target, course=course, axis=parse_axis(axis), settings=settings, progress=quiet
    )


def plane_of(target, settings=PLAIN, x="-1:1:4", y="-2:1:7"):
    return loss_plane(
        target,
        course=random_course(target, dimensions=2, normalisation="filter"),
        x_axis=parse_axis(x),
        y_axis=parse_axis(y),
        settings=settings,
        progress=quiet,
    )
