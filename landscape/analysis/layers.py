"""The per-layer table: the diagonal blocks of the operator."""

from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from landscape.analysis.journal import configuration_of, journal
from landscape.analysis.memory import MemoryPlan
from landscape.analysis.progress import Progress
from landscape.analysis.provenance import start_clock
from landscape.analysis.spectrum import SpectrumSettings, max_basis, memory_plan, run_spectrum
from landscape.analysis.spectrum_results import operator_spec
from landscape.analysis.state_file import StateFile
from landscape.analysis.target import Target
from landscape.results import Eigenvalue, Estimate, LayerRow, LayerTable

_TOL = 1e-3  # a table of layers is read to three digits


def layer_table(
    target: Target, *, settings: SpectrumSettings, state: Path | None = None, progress: Progress
) -> LayerTable:
    """λ_max, λ_min and trace of each layer's block, the other layers held fixed.

    A layer is a module with parameters of its own. By interlacing, no block's λ_max exceeds
    that of the whole. With ``state``, a killed run goes on within the layer where it was.
    """
    clock = start_clock()
    layers = layers_of(target.risk.layout.names)
    rows, matvecs = [], 0
    plan = memory_plan(target, settings)
    own = replace(
        settings,
        params="*",
        num_largest=1,
        num_smallest=1,
        tol=max(settings.tol, _TOL),
        num_shards=0,
    )
    configuration = configuration_of(target, own) | max_basis(plan)
    with journal(state, configuration) as keep:
        for done, (name, members) in enumerate(layers.items()):
            progress(done, len(layers))
            file = StateFile(
                state and state.with_name(f"{state.stem}-{done}.state"),
                configuration | {"layer": name},
            )
            numbers = keep(name, partial(_block, target, name, members, own, plan, file)).tolist()
            file.remove()
            largest, smallest = (
                Eigenvalue(value=v, residual=r, converged=bool(c))
                for v, r, c in (numbers[:3], numbers[3:6])
            )
            mean, stderr, spent = numbers[6:]
            matvecs += int(spent)
            rows.append(
                LayerRow(
                    name=name,
                    num_params=target.risk.select(members).num_params,
                    largest=largest,
                    smallest=smallest,
                    trace=Estimate(mean=mean, stderr=stderr),
                )
            )
    progress(len(layers), len(layers))
    return LayerTable(
        subject=target.subject,
        provenance=clock.provenance(
            command=target.settings.command,
            seed=target.settings.seed,
            device=target.device,
            num_matvecs=matvecs,
        ),
        operator=operator_spec(target, settings),
        rows=tuple(rows),
        num_matvecs=matvecs,
    )


def _block(
    target: Target,
    name: str,
    members: list[str],
    settings: SpectrumSettings,
    plan: MemoryPlan | None,
    file: StateFile,
) -> Tensor:
    """Value, residual and convergence at both ends; the trace, its error; matvecs: float64."""
    run = run_spectrum(
        target.risk.select(members),
        settings=settings,
        rng=target.generator(f"layer {name}"),
        file=file,
        plan=plan,
    )
    pairs = run.eigenpairs
    ends = [
        float(numbers[end])
        for end in (0, -1)
        for numbers in (pairs.values, pairs.residuals, pairs.converged)
    ]
    found = [*ends, run.trace.mean, run.trace.stderr, run.num_matvecs]
    return torch.tensor(found, dtype=torch.float64)


def layers_of(names: tuple[str, ...]) -> dict[str, list[str]]:
    """Parameter names by the module that holds them, in the network's order."""
    return {
        layer or "(top level)": list(members)
        for layer, members in groupby(names, lambda name: name.rpartition(".")[0])
    }
